//! Cells and settings become runs, and these a plan.

use std::collections::HashSet;
use std::rc::Rc;
use std::sync::Arc;

use super::axes::{Axes, Cell};
use super::axis::{Choice, Dataset};
use super::models;
use super::objectives;
use super::plan::{Plan, PlannedRun};
use super::resolve::{Resolved, Resolver};
use super::settings::Settings;
use super::template::CommandModel;
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
            seed: self.seed.0,
            repeats: self.repeats,
            budget_s: self.budget_s,
            varying,
            runs,
            objectives: objectives::plain(&self.objectives),
            gate: self.gate.clone(),
            sampler: self.sampler,
            grams_per_kwh: self.grams_per_kwh,
            worker: self.worker.clone(),
            warnings: Vec::new(),
            sources: Vec::new(),
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

/// The value of every axis for one cell.
pub(super) struct Values<'a> {
    pub(super) cell: &'a Cell,
    pub(super) axes: &'a Axes,
    pub(super) settings: &'a Resolved,
}

impl<'a> Values<'a> {
    pub(super) fn choice(&self, axis: Axis) -> Option<&'a Choice> {
        self.settings.fixed(axis).or_else(|| self.axes.choice(axis, self.cell))
    }

    pub(super) fn dataset(&self) -> Option<&'a Dataset> {
        self.choice(Axis::DATASET)?.dataset.as_ref()
    }

    pub(super) fn label(&self, axis: Axis) -> &'a str {
        self.choice(axis).map_or("", |choice| &choice.label)
    }

    pub(super) fn count(&self, axis: Axis) -> Option<u32> {
        self.choice(axis)?.count()
    }

    /// The job of this cell, as far as its axes and settings say it.
    pub(super) fn job(&self) -> JobSpec {
        let mut job = self.settings.job();
        for axis in self.axes.list.all() {
            if let Some(choice) = self.choice(axis) {
                let def = self.axes.list.def(axis);
                (def.set)(def, &mut job, &choice.value);
            }
        }
        job.axis_labels.clone_from(&self.axes.labels);
        // Where threads are left to the machine, as many as the cell's own limits allow.
        if self.choice(Axis::THREADS).is_some_and(Choice::is_automatic) {
            job.threads = self.settings.threads;
        }
        job
    }
}

impl Resolver<'_> {
    /// The values of each cell that was checked.
    pub(super) fn values<'c>(
        &'c self,
        cells: &'c [Cell],
        axes: &'c Axes,
    ) -> impl Iterator<Item = Values<'c>> {
        let values = move |cell| Some(Values { cell, axes, settings: self.settings(cell)? });
        cells.iter().filter_map(values)
    }
}

/// What all runs of a plan share.
pub(super) struct Builder<'a> {
    pub(super) settings: &'a Settings,
    pub(super) axes: &'a Axes,
    pub(super) resolver: &'a Resolver<'a>,
    pub(super) commands: &'a [Rc<CommandModel>],
    pub(super) max_cells: u64,
}

impl Builder<'_> {
    /// The runs in their order: all cells once, then all again, so that what drifts on the machine spreads over them.
    pub(super) fn runs(&self, cells: &[Cell], problems: &mut Problems) -> Vec<PlannedRun> {
        let repeats = self.settings.repeats.planned();
        let total = cells.len().saturating_mul(repeats as usize);
        let most = self.max_cells.max(MOST_RUNS);
        if total as u64 > most {
            problems.error_with(
                Place::whole(GRID),
                format!("the grid has {total} runs, and more than {most} are not made unasked"),
                format!("give fewer values, exclude cells, repeat less often, or allow them: --max-cells {total}"),
            );
            return Vec::new();
        }
        let mut runs = Vec::with_capacity(total);
        let mut names = HashSet::with_capacity(total);
        for cell in cells {
            let Some(run) = self.run(cell) else {
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
                "the name of a run would have {} bytes, and that of a folder at most {LONGEST_RUN}",
                name.len()
            ),
            "give shorter names and values, or several values to fewer axes",
        );
    }

    fn run(&self, cell: &Cell) -> Option<PlannedRun> {
        let settings = self.resolver.settings(cell)?;
        let values = Values { cell, axes: self.axes, settings };
        let name = self.axes.cell_name(cell)?;
        let mut job = values.job();
        job.dataset_dir.clone_from(&values.dataset()?.dir);
        job.seed = self.settings.seed.0;
        job.work = self.settings.work();
        job.metrics.clone_from(&self.settings.declared);
        let command = models::find(self.commands, &job.model.name);
        job.serve = job.serve.filter(|_| command.is_none());
        let command = command.map(Rc::clone);
        // Its words may name the run: `visit` fills them in.
        Some(PlannedRun { command, ..settings.planned(name, job) }.visit(1))
    }
}
