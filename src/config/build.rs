//! Cells and settings become runs, and these a plan.

use std::collections::HashSet;
use std::rc::Rc;
use std::sync::Arc;

use super::axes::{Axes, Cell};
use super::lookup::Lookup;
use super::models;
use super::objectives;
use super::plan::{Plan, PlannedRun};
use super::recorded::{self, RecordedModel};
use super::resolve::{Resolved, Resolver};
use super::scripts::{self, ScriptModel};
use super::settings::Settings;
use super::template::CommandModel;
use super::values::Values;
use crate::document::problems::{GRID, Place, Problems};
use crate::event::{AXES, Axis, JobSpec, PROTOCOL_VERSION};

/// The most runs of a plan where nobody allows more; each holds its whole job.
const MOST_RUNS: u64 = 100_000;

/// The longest name of a run, in bytes: it names a folder.
const LONGEST_RUN: usize = 255;

impl Settings {
    /// The plan of these runs.
    pub(super) fn plan(&self, name: String, varying: Vec<String>, runs: Vec<PlannedRun>) -> Plan {
        Plan {
            name,
            file: None,
            seed: self.seed.0,
            repeats: self.repeats,
            budget_s: self.budget_s,
            lanes: Vec::new(),
            search: self.search.policy(self.seed.0, self.budget_s),
            varying,
            cells: runs.iter().filter(|run| run.repeat == 1).map(|run| run.cell.clone()).collect(),
            runs,
            objectives: objectives::plain(&self.objectives),
            gate: self.gate.clone(),
            sampler: self.sampler,
            grams_per_kwh: self.grams_per_kwh,
            price: self.price.price(),
            worker: self.worker.clone(),
            engine: self.engine.policy.clone(),
            exports: self.exports.iter().map(|asked| asked.target.clone()).collect(),
            warnings: Vec::new(),
            keys: serde_json::Value::Null,
            sources: Vec::new(),
            texts: Vec::new(),
            asked: Vec::new(),
            notes: Vec::new(),
        }
    }
}

impl Resolved {
    /// A job with these settings, all axes at their defaults.
    pub(super) fn job(&self) -> JobSpec {
        let mut job = JobSpec {
            protocol: PROTOCOL_VERSION,
            train: self.train.clone(),
            serve: self.serve.clone(),
            ..JobSpec::default()
        };
        for def in AXES {
            if let Some(default) = &def.default {
                (def.set)(def, &mut job, default);
            }
        }
        job.threads = self.threads;
        job
    }

    /// The first run of this job.
    pub(super) fn planned(&self, cell: String, job: JobSpec) -> PlannedRun {
        let job = JobSpec { run: cell, ..job };
        PlannedRun {
            stop: Arc::clone(&self.stop),
            limits: self.limits.clone(),
            chosen: self.chosen,
            ..PlannedRun::first(job)
        }
    }
}

/// What all runs of a plan share.
pub(super) struct Builder<'a> {
    pub(super) settings: &'a Settings,
    pub(super) axes: &'a Axes,
    pub(super) resolver: &'a Resolver<'a>,
    pub(super) commands: &'a [Rc<CommandModel>],
    pub(super) recorded: &'a [RecordedModel],
    pub(super) scripts: &'a [ScriptModel],
    pub(super) max_cells: u64,
}

impl<'a> Builder<'a> {
    /// The runs in their order: all cells once, then all again, so that what drifts on the machine spreads over them.
    pub(super) fn runs(&self, cells: &[Cell], problems: &mut Problems) -> Vec<PlannedRun> {
        let repeats = self.settings.repeats.planned();
        let total = cells.len().saturating_mul(repeats as usize);
        let most = self.max_cells.max(MOST_RUNS);
        if total as u64 > most {
            problems.error_with(
                Place::whole(GRID),
                format!("the grid has {total} runs; more than {most} need --max-cells"),
                format!("give fewer values, exclude cells, repeat less often, or allow them: --max-cells {total}"),
            );
            return Vec::new();
        }
        let mut runs = Vec::with_capacity(total);
        let mut names = HashSet::with_capacity(total);
        for (model, aimed) in self
            .recorded
            .iter()
            .flat_map(|model| self.settings.objectives.iter().map(move |aimed| (model, aimed)))
        {
            model.check_figure("is an objective", aimed.def.name, aimed.place, problems);
        }
        let mut lookup = Lookup::new(self.recorded);
        for cell in cells {
            let Some(run) = self.run(cell, &mut lookup, problems) else {
                continue;
            };
            for run in (1..=repeats).map(|repeat| run.visit(repeat)) {
                if run.run.len() > LONGEST_RUN {
                    self.report_long(&run.run, cell, problems);
                    return Vec::new();
                }
                if !names.insert(run.run.clone()) {
                    self.report_clash(&run.run, cell, problems);
                    return Vec::new();
                }
                runs.push(run);
            }
        }
        lookup.report(repeats, cells.len(), problems);
        runs.sort_by_key(|run| run.repeat);
        runs
    }

    fn report_clash(&self, name: &str, cell: &Cell, problems: &mut Problems) {
        let place = self.axes.choice(Axis::DATASET, cell).and_then(|c| c.place);
        problems.error_with(
            place.unwrap_or_default(),
            format!("two different runs would both be named {name}"),
            "rename a model or a data set, so that their names joined by `-` differ",
        );
    }

    fn report_long(&self, name: &str, cell: &Cell, problems: &mut Problems) {
        let named = self.axes.list.all().filter(|axis| self.axes.is_named(*axis));
        let choices = named.filter_map(|axis| self.axes.choice(axis, cell));
        let longest = choices.max_by_key(|choice| choice.tag.len());
        problems.error_with(
            longest.and_then(|choice| choice.place).unwrap_or_default(),
            format!(
                "the name of a run would have {} bytes; a folder name has at most {LONGEST_RUN}",
                name.len()
            ),
            "use shorter names and values, or give fewer axes several values",
        );
    }

    /// The first run of a cell; nothing where a table does not know it.
    fn run(
        &self,
        cell: &Cell,
        lookup: &mut Lookup<'a>,
        problems: &mut Problems,
    ) -> Option<PlannedRun> {
        let settings = self.resolver.settings(cell)?;
        let values = Values { cell, axes: self.axes, settings };
        let name = self.axes.cell_name(cell)?;
        let mut job = values.job();
        let data = values.dataset()?;
        job.dataset_dir.clone_from(&data.dir);
        if data.random.is_some() {
            // Nothing is learned from them, so that there is nothing to validate.
            (job.random, job.train.validation_share) = (data.random, 0.0);
        }
        job.seed = self.settings.seed.0;
        job.work = self.settings.work();
        job.metrics.clone_from(&self.settings.declared);
        let command = models::find(self.commands, &job.model.name);
        job.serve = job.serve.filter(|_| command.is_none());
        let command = command.map(Rc::clone);
        if let Some(script) = scripts::find(self.scripts, &job.model.name) {
            script.put(&mut job);
        }
        // Its words may name the run: `visit` fills them in.
        let files = Rc::clone(&self.settings.files);
        let run = PlannedRun { command, files, ..settings.planned(name, job) };
        match recorded::find(self.recorded, &run.job.model.name) {
            Some(model) => lookup.find(model, &values, run, problems),
            None => Some(run.visit(1)),
        }
    }
}
