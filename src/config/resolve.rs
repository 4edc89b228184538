//! The settings of each cell: the defaults, the file, then every `[[override]]` that matches; and what only shows when all
//! of them are known.

use std::collections::{BTreeSet, HashMap};
use std::rc::Rc;
use std::sync::Arc;

use super::axes::{Axes, Cell, Origin};
use super::axis::{self, Choice};
use super::key::Context;
use super::objectives::Aimed;
use super::read;
use super::schema;
use super::select::{Selector, Which};
use super::serving::Around;
use super::settings::Settings;
use super::world::{MachineFacts, World};
use crate::control::policy::StopPolicy;
use crate::document::problems::{Place, Problems};
use crate::document::tree::Table;
use crate::event::{Axis, Limits, ServeSpec, TrainSpec};
use crate::metric::{MetricDef, MetricName, Scope as Stage, Source};

/// Everything of a cell that is no axis, complete.
#[derive(Debug, Clone)]
pub(super) struct Resolved {
    /// Its axes are not set.
    pub(super) train: TrainSpec,
    /// Absent where nothing is served.
    pub(super) serve: Option<ServeSpec>,
    pub(super) stop: Arc<StopPolicy>,
    /// Whether `[stop]` names metrics.
    pub(super) chosen: bool,
    /// What of the machine the cell may use.
    pub(super) limits: Limits,
    pub(super) limits_place: Place,
    /// Compute threads where nobody has said how many.
    pub(super) threads: u32,
    fixed: Vec<(Axis, Choice)>,
}

impl Resolved {
    /// The value of an axis that an `[[override]]` has set.
    pub(super) fn fixed(&self, axis: Axis) -> Option<&Choice> {
        self.fixed.iter().find(|(other, _)| *other == axis).map(|(_, choice)| choice)
    }
}

impl Settings {
    /// Checks what only shows when everything is known, and names the metrics that can be measured.
    pub(super) fn resolve(&self, machine: &MachineFacts, problems: &mut Problems) -> Resolved {
        let limits = self.limits.resolve(&machine.limits, problems);
        let mut resolved = Resolved {
            train: self.train.clone(),
            serve: None,
            stop: Arc::new(self.stop.clone()),
            chosen: self.chosen,
            threads: limits.threads(machine.cores()),
            limits,
            limits_place: self.limits.place(),
            fixed: self.fixed.clone(),
        };
        if self.train.epochs == 0 && !self.serving.is_enabled() {
            problems.error_with(
                self.epochs_place,
                "there is nothing to do: epochs = 0, and [serve] enabled = false",
                "train for at least one epoch, or serve",
            );
            return resolved;
        }
        if self.stop.min_time_s > self.stop.max_time_s {
            let text = format!(
                "`min_time` ({}) is longer than `max_time` ({})",
                crate::units::seconds(self.stop.min_time_s),
                crate::units::seconds(self.stop.max_time_s)
            );
            problems.error(self.stop_place, text);
        }
        if let Some(horizon_s) = self.stop.horizon_s.filter(|s| *s < self.stop.min_time_s) {
            let text = format!(
                "`horizon` ({}) is shorter than `min_time` ({}), the time before the first look",
                crate::units::seconds(horizon_s),
                crate::units::seconds(self.stop.min_time_s)
            );
            problems.error(self.stop_place, text);
        }
        let around = Around {
            stop: &self.stop,
            metrics: &self.metrics,
            constraints: &self.constraints,
            objectives: &self.objectives,
            place: self.stop_place,
        };
        resolved.serve = self.serving.finish(&around, problems);
        let constrained = self.constraints.iter().any(|limited| limited.def.scope == Stage::Serve);
        if let Some(serve) = &mut resolved.serve {
            serve.confirm = constrained && self.train.epochs > 0 && serve.has_phase();
        }
        let constraints = self.constraints.iter();
        let stop = Arc::make_mut(&mut resolved.stop);
        stop.constraints = constraints.map(|limited| limited.constraint.clone()).collect();
        stop.metrics = self.waited_for(problems);
        resolved
    }

    /// The chosen metrics that can be measured, then those of the constraints and of the objectives.
    fn waited_for(&self, problems: &mut Problems) -> Vec<MetricName> {
        let mut left_out = BTreeSet::new();
        let mut kept = Vec::new();
        for metric in &self.metrics {
            match self.unmeasured(metric.def) {
                None => kept.push(metric.def.id.into()),
                Some(why) => {
                    left_out.insert(why);
                    if let Some(place) = metric.named {
                        let name = metric.def.name;
                        problems.warn(place, format!("{name} is not waited for: {why}"));
                    }
                }
            }
        }
        self.add_constrained(&mut kept, problems);
        self.add_objectives(&mut kept, problems);
        // Where there is no reason, what was chosen is no metric, which has been said.
        if kept.is_empty() && !left_out.is_empty() && self.stop.enabled {
            let why: Vec<&str> = left_out.into_iter().collect();
            problems.error_with(
                self.stop_place,
                format!("none of the chosen metrics can be measured: {}", why.join(", ")),
                "choose others in [stop] metrics",
            );
        }
        kept
    }

    fn add_constrained(&self, kept: &mut Vec<MetricName>, problems: &mut Problems) {
        for limited in &self.constraints {
            let (def, place) = (limited.def, limited.place);
            if def.source == Source::Target && self.stop.target_accuracy.is_none() {
                problems.error_with(
                    place,
                    format!("`{}` has a limit, and no target is set", def.name),
                    "set the accuracy in [train], such as target_accuracy = 0.88",
                );
            } else if let Some(why) = self.unmeasured(def) {
                let what = format!("the limit on {} stays undecided: {why}", def.name);
                problems.warn(place, what);
            } else {
                add(kept, def);
            }
        }
    }

    fn add_objectives(&self, kept: &mut Vec<MetricName>, problems: &mut Problems) {
        for Aimed { def, place, .. } in &self.objectives {
            // The figure that cells are compared by is that of training.
            let untrained = def.scope == Stage::Stages && self.train.epochs == 0;
            let untrained = untrained.then_some("no model is trained (epochs = 0)");
            match self.unmeasured(def).or(untrained) {
                None => add(kept, def),
                Some(why) => problems
                    .warn(*place, format!("cells without {} are on no front: {why}", def.name)),
            }
        }
    }

    /// Why a metric cannot be measured with these settings, if so.
    fn unmeasured(&self, metric: &MetricDef) -> Option<&'static str> {
        let aims = metric.source == Source::Target;
        let (of_training, of_validation) = match metric.source {
            Source::Model(figure) => (!figure.is_of_test(), figure.is_of_validation()),
            _ => (metric.scope == Stage::Train, aims),
        };
        let unserved = self.serving.unmeasured(metric);
        if unserved.is_some() {
            unserved
        } else if self.train.epochs == 0 && of_training {
            Some("no model is trained (epochs = 0)")
        } else if of_validation && self.train.validation_share == 0.0 {
            Some("no data are held out (validation_share = \"0%\")")
        } else if aims && self.stop.target_accuracy.is_none() {
            Some("there is no target_accuracy in [train]")
        } else {
            None
        }
    }
}

fn add(kept: &mut Vec<MetricName>, metric: &MetricDef) {
    if !kept.iter().any(|kept| *kept == metric.id) {
        kept.push(metric.id.into());
    }
}

struct Override<'a> {
    selector: Selector,
    table: &'a Table,
    fixed: Vec<(Axis, Choice)>,
    place: Place,
}

/// Gives each cell its settings.
pub(super) struct Resolver<'a> {
    base: Settings,
    full: bool,
    machine: &'a MachineFacts,
    context: Context<'a>,
    overrides: Vec<Override<'a>>,
    /// By the overrides that match: most cells share their settings with many others.
    known: HashMap<Vec<usize>, Rc<Resolved>>,
}

impl<'a> Resolver<'a> {
    /// What the file says on this machine, and with `full` no early stop anywhere.
    pub(super) fn new(
        base: &Settings,
        full: bool,
        machine: &'a MachineFacts,
        context: Context<'a>,
    ) -> Self {
        let (base, known) = (base.clone(), HashMap::new());
        Self { base, full, machine, context, overrides: Vec::new(), known }
    }

    /// Reads every `[[override]]`.
    pub(super) fn read_overrides(
        &mut self,
        root: &'a Table,
        axes: &Axes,
        world: &World<'_>,
        problems: &mut Problems,
    ) {
        for (table, place) in read::tables(root, "override", problems) {
            // One that matches no cell is read all the same, for its mistakes.
            schema::put(&mut self.base.clone(), table, &self.context, problems);
            let fixed = fixed(table, world, problems);
            for (axis, choice) in &fixed {
                let pool = &axes.pools[axis.index()];
                if pool.origin == Origin::Grid || pool.varies() {
                    let key = world.axes.key(*axis);
                    problems.error_with(
                        choice.place.unwrap_or(place),
                        format!(
                            "an [[override]] cannot change `{key}`: it is an axis of this grid, and cells are named by it"
                        ),
                        format!("leave `{key}` out of [grid], or use [[exclude]] and [[include]]"),
                    );
                }
            }
            if table.get("match").is_none() {
                problems.error_with(
                    place,
                    "this [[override]] has no `match`",
                    "name the cells: match = { dataset = \"digits\" }",
                );
            }
            let Some((wanted, _)) = read::table(table, "match", problems) else {
                continue;
            };
            let which = Which { table: wanted, place, name: "match" };
            let selector = Selector::read(&which, axes, world, problems);
            let new = |selector| Override { selector, table, fixed, place };
            self.overrides.extend(selector.map(new));
        }
    }

    /// Resolves every cell once, so that all that is wrong is reported; warns of overrides that match nothing.
    pub(super) fn check(&mut self, cells: &[Cell], problems: &mut Problems) {
        let mut used = vec![false; self.overrides.len()];
        for cell in cells {
            let matching = self.matching(cell);
            for index in &matching {
                used[*index] = true;
            }
            if !self.known.contains_key(&matching) {
                let mut settings = self.base.clone();
                for index in &matching {
                    let Override { table, fixed, .. } = &self.overrides[*index];
                    schema::put(&mut settings, table, &self.context, problems);
                    // The newest first: it is the one that is found.
                    settings.fixed.splice(0..0, fixed.iter().cloned());
                }
                if self.full {
                    settings.stop.enabled = false;
                }
                let resolved = settings.resolve(self.machine, problems);
                self.known.insert(matching, Rc::new(resolved));
            }
        }
        for (entry, _) in self.overrides.iter().zip(used).filter(|(_, used)| !used) {
            problems.warn_idle(entry.place, "[[override]]");
        }
    }

    fn matching(&self, cell: &Cell) -> Vec<usize> {
        (0..self.overrides.len())
            .filter(|index| self.overrides[*index].selector.matches(cell))
            .collect()
    }

    /// The settings of a cell that was checked.
    pub(super) fn settings(&self, cell: &Cell) -> Option<&Rc<Resolved>> {
        self.known.get(&self.matching(cell))
    }
}

/// The axes that `[train]` of an `[[override]]` sets.
fn fixed(table: &Table, world: &World<'_>, problems: &mut Problems) -> Vec<(Axis, Choice)> {
    let axes = world.axes.all().filter(|axis| world.axes.def(*axis).in_train);
    let said =
        axes.filter_map(|axis| Some((axis, table.table("train")?.get(world.axes.key(axis))?)));
    let read = said.filter_map(|(axis, entry)| {
        let choice = problems.ok(axis::read(axis, &entry.node, world))?;
        Some((axis, Choice { place: Some(entry.key_place), ..choice }))
    });
    read.collect()
}
