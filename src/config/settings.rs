//! The settings that are no axes, resolved for each cell: the defaults, the file, then every `[[override]]` that matches.

use std::collections::{BTreeSet, HashMap};
use std::rc::Rc;

use super::axes::{Axes, Cell, Origin};
use super::axis::Choice;
use super::constraints::Limited;
use super::keys::Scope;
use super::limits::Asked;
use super::metrics::{self, Chosen};
use super::objectives::Aimed;
use super::patch::Patch;
use super::problems::{GRID, Place, Problems};
use super::read;
use super::select::Selector;
use super::serving::{Around, Serving};
use super::tree::Table;
use super::world::{MachineFacts, World};
use crate::control::policy::StopPolicy;
use crate::event::{Axis, Limits, ServeSpec};
use crate::metric::{MetricDef, MetricKind, Scope as Stage, Source};

/// Everything of a cell that is no axis.
#[derive(Debug, Clone)]
pub(super) struct Settings {
    pub(super) epochs: u32,
    pub(super) validation_share: f64,
    pub(super) warmup_steps: u32,
    /// Absent until everything is known, and where nothing is served.
    pub(super) serve: Option<ServeSpec>,
    serving: Serving,
    pub(super) stop: StopPolicy,
    /// Whether [stop] names metrics.
    pub(super) chosen: bool,
    /// Axes that an `[[override]]` sets where `[grid]` does not name them.
    pub(super) fixed: Vec<(Axis, Choice)>,
    /// What of the machine the cell may use.
    pub(super) limits: Limits,
    /// Compute threads where nobody has said how many.
    pub(super) threads: u32,
    metrics: Vec<Chosen>,
    constraints: Vec<Limited>,
    asked_limits: Asked,
    objectives: Vec<Aimed>,
    train_place: Place,
    stop_place: Place,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            epochs: 10,
            validation_share: 0.1,
            warmup_steps: 5,
            serve: None,
            serving: Serving::default(),
            stop: StopPolicy::default(),
            chosen: false,
            fixed: Vec::new(),
            limits: Limits::default(),
            threads: 1,
            metrics: metrics::default(),
            constraints: Vec::new(),
            asked_limits: Asked::default(),
            objectives: Vec::new(),
            train_place: Place::whole(GRID),
            stop_place: Place::whole(GRID),
        }
    }
}

fn put<T: Clone>(slot: &mut T, value: Option<&T>) {
    if let Some(value) = value {
        *slot = value.clone();
    }
}

impl Settings {
    fn apply(&mut self, patch: &Patch) {
        let Patch { train, serve, stop, constraints, limits } = patch;
        put(&mut self.epochs, train.epochs.as_ref());
        put(&mut self.validation_share, train.validation_share.as_ref());
        put(&mut self.warmup_steps, train.warmup_steps.as_ref());
        if train.target_accuracy.is_some() {
            self.stop.target_accuracy = train.target_accuracy;
        }
        put(&mut self.train_place, train.place.as_ref());
        for (axis, choice) in &train.fixed {
            self.fixed.retain(|(other, _)| other != axis);
            self.fixed.push((*axis, choice.clone()));
        }
        self.serving.apply(serve);
        put(&mut self.stop.enabled, stop.enabled.as_ref());
        put(&mut self.metrics, stop.metrics.as_ref());
        self.chosen |= stop.metrics.is_some();
        put(&mut self.stop.within, stop.within.as_ref());
        put(&mut self.stop.confidence, stop.confidence.as_ref());
        put(&mut self.stop.looks, stop.looks.as_ref());
        put(&mut self.stop.min_time_s, stop.min_time_s.as_ref());
        put(&mut self.stop.max_time_s, stop.max_time_s.as_ref());
        if stop.max_run_time_s.is_some() {
            self.stop.max_run_time_s = stop.max_run_time_s;
        }
        put(&mut self.stop.patience, stop.patience.as_ref());
        put(&mut self.stop.min_delta, stop.min_delta.as_ref());
        put(&mut self.stop_place, stop.place.as_ref());
        let replaced = |limited: &Limited| {
            let same = |new: &Limited| new.def.name == limited.def.name;
            constraints.iter().any(same)
        };
        self.constraints.retain(|limited| !replaced(limited));
        self.constraints.extend_from_slice(constraints);
        self.asked_limits.put(limits);
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
        } else if self.epochs == 0 && of_training {
            Some("nothing is trained (epochs = 0)")
        } else if of_validation && self.validation_share == 0.0 {
            Some("nothing is held out (validation_share = \"0%\")")
        } else if aims && self.stop.target_accuracy.is_none() {
            Some("there is no target_accuracy in [train]")
        } else {
            None
        }
    }

    /// Where the limits were written.
    pub(super) fn limits_place(&self) -> Place {
        self.asked_limits.place()
    }

    /// Adds the metrics of the objectives to those that are waited for.
    fn aim(&self, kept: &mut Vec<String>, problems: &mut Problems) {
        for Aimed { def, place, .. } in &self.objectives {
            // The figure that cells are compared by is that of training.
            let untrained = def.scope == Stage::Stages && self.epochs == 0;
            let untrained = untrained.then_some("nothing is trained (epochs = 0)");
            match self.unmeasured(def).or(untrained) {
                None if kept.iter().any(|name| name == def.name) => {}
                None => kept.push(def.name.to_owned()),
                Some(why) => problems
                    .warn(*place, format!("cells without {} are on no front: {why}", def.name)),
            }
        }
    }

    fn finish_serving(&mut self, problems: &mut Problems) {
        let around = Around {
            stop: &self.stop,
            metrics: &self.metrics,
            constraints: &self.constraints,
            objectives: &self.objectives,
            place: self.stop_place,
        };
        self.serve = self.serving.finish(&around, problems);
    }

    /// Checks what only shows when everything is known, and names the metrics that can be.
    fn finish(&mut self, machine: &MachineFacts, problems: &mut Problems) {
        self.limits = self.asked_limits.resolve(&machine.limits, problems);
        self.threads = self.limits.threads(machine.cores());
        if self.epochs == 0 && !self.serving.is_enabled() {
            problems.error_with(
                self.train_place,
                "there is nothing to do: epochs = 0, and [serve] enabled = false",
                "train for at least one epoch, or serve",
            );
            return;
        }
        if self.stop.min_time_s > self.stop.max_time_s {
            let text = format!(
                "`min_time` ({}) is longer than `max_time` ({})",
                crate::units::seconds(self.stop.min_time_s),
                crate::units::seconds(self.stop.max_time_s)
            );
            problems.error(self.stop_place, text);
        }
        self.finish_serving(problems);
        let mut left_out = BTreeSet::new();
        let mut kept = Vec::new();
        for metric in &self.metrics {
            match self.unmeasured(metric.def) {
                None => kept.push(metric.def.name.to_owned()),
                Some(why) => {
                    left_out.insert(why);
                    if let Some(place) = metric.named {
                        let name = metric.def.name;
                        problems.warn(place, format!("{name} is not waited for: {why}"));
                    }
                }
            }
        }
        self.finish_constraints(&mut kept, problems);
        self.aim(&mut kept, problems);
        if kept.is_empty() && self.stop.enabled {
            let why: Vec<&str> = left_out.into_iter().collect();
            problems.error_with(
                self.stop_place,
                format!("none of the chosen metrics can be measured: {}", why.join(", ")),
                "choose others in [stop] metrics",
            );
        }
        self.stop.metrics = kept;
    }

    /// Adds the constrained metrics to the chosen ones, and says which are left out.
    fn finish_constraints(&mut self, kept: &mut Vec<String>, problems: &mut Problems) {
        for Limited { def, place, .. } in &self.constraints {
            if def.source == Source::Target && self.stop.target_accuracy.is_none() {
                problems.error_with(
                    *place,
                    format!("`{}` is constrained, and no target is set", def.name),
                    "set the accuracy in [train], such as target_accuracy = 0.88",
                );
                continue;
            }
            match self.unmeasured(def) {
                None if kept.iter().any(|name| name == def.name) => {}
                None => kept.push(def.name.to_owned()),
                Some(why) => problems
                    .warn(*place, format!("the constraint on {} stays undecided: {why}", def.name)),
            }
        }
        // A rate is searched for once, before the training.
        let of_serving = |limited: &Limited| {
            limited.def.scope == Stage::Serve && limited.def.kind != MetricKind::Scalar
        };
        let constrained = self.constraints.iter().any(of_serving);
        if let Some(serve) = &mut self.serve {
            serve.confirm = constrained && self.epochs > 0 && serve.has_phase();
        }
        let constraints = self.constraints.iter();
        self.stop.constraints = constraints.map(|limited| limited.constraint.clone()).collect();
    }
}

struct Override {
    selector: Selector,
    patch: Patch,
    place: Place,
}

/// Gives each cell its settings.
pub(super) struct Resolver {
    base: Settings,
    full: bool,
    machine: MachineFacts,
    overrides: Vec<Override>,
    /// By the overrides that match: most cells share their settings with many others.
    known: HashMap<Vec<usize>, Rc<Settings>>,
}

impl Resolver {
    /// What the file says on this machine, and with `full` no early stop anywhere.
    pub(super) fn new(
        base: &Patch,
        objectives: &[Aimed],
        full: bool,
        machine: &MachineFacts,
    ) -> Self {
        let mut settings = Settings { objectives: objectives.to_vec(), ..Settings::default() };
        settings.apply(base);
        Self {
            base: settings,
            full,
            machine: machine.clone(),
            overrides: Vec::new(),
            known: HashMap::new(),
        }
    }

    /// Reads every `[[override]]`.
    pub(super) fn read_overrides(
        &mut self,
        root: &Table,
        axes: &Axes,
        world: &World<'_>,
        problems: &mut Problems,
    ) {
        for (table, place) in read::tables(root, "override", problems) {
            Scope::Override.check(table, problems);
            let patch = Patch::read(table, Some(world), problems);
            for (axis, choice) in &patch.train.fixed {
                let pool = &axes.pools[axis.index()];
                if pool.origin == Origin::Grid || pool.varies() {
                    let key = axis.key();
                    problems.error_with(
                        choice.place.unwrap_or(place),
                        format!(
                            "an [[override]] cannot change `{key}`: it is an axis of this grid, and the cells are named by it"
                        ),
                        format!("leave `{key}` out of [grid], or use [[exclude]] and [[include]]"),
                    );
                }
            }
            if table.get("match").is_none() {
                problems.error_with(
                    place,
                    "this [[override]] has no `match`",
                    "say which cells are meant: match = { dataset = \"digits\" }",
                );
            }
            let Some((wanted, _)) = read::table(table, "match", problems) else {
                continue;
            };
            let selector = Selector::read(Scope::Match, (wanted, place), axes, world, problems);
            self.overrides.extend(selector.map(|selector| Override { selector, patch, place }));
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
                    settings.apply(&self.overrides[*index].patch);
                }
                if self.full {
                    settings.stop.enabled = false;
                }
                settings.finish(&self.machine, problems);
                self.known.insert(matching, Rc::new(settings));
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
    pub(super) fn settings(&self, cell: &Cell) -> Option<&Rc<Settings>> {
        self.known.get(&self.matching(cell))
    }
}
