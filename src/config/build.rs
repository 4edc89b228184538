//! Cells and settings become runs, and these a plan.

use std::collections::HashSet;

use super::axes::{Axes, Cell};
use super::axis::{Choice, Dataset};
use super::models::{self, CommandModel};
use super::objectives;
use super::plan::{Plan, PlannedRun};
use super::resolve::{Resolved, Resolver};
use super::settings::Settings;
use crate::document::problems::{GRID, Place, Problems};
use crate::event::{Axis, JobSpec, PROTOCOL_VERSION, Work};

/// The most runs of a plan; each holds its whole job.
const MOST_RUNS: usize = 100_000;

/// The run of a cell that is its repeat of this number.
pub(super) fn run_name(cell: &str, repeat: u32) -> String {
    match repeat {
        1 => cell.to_owned(),
        _ => format!("{cell}-r{repeat}"),
    }
}

impl Settings {
    pub(super) fn seed_of(&self, repeat: u32) -> u64 {
        self.seed.0 + u64::from(repeat - 1)
    }

    /// The plan of these runs.
    pub(super) fn plan(&self, name: String, varying: Vec<String>, runs: Vec<PlannedRun>) -> Plan {
        Plan {
            name,
            seed: self.seed.0,
            repeats: self.repeats,
            varying,
            runs,
            objectives: objectives::plain(&self.objectives),
            gate: self.gate.clone(),
            sampler: self.sampler,
            grams_per_kwh: self.grams_per_kwh,
            worker: self.worker.clone(),
            warnings: Vec::new(),
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
        for axis in Axis::all() {
            if let Some(default) = &axis.def().default {
                (axis.def().set)(&mut job, default);
            }
        }
        job.threads = self.threads;
        job
    }

    /// A run of this job.
    pub(super) fn planned(&self, cell: String, repeat: u32, job: JobSpec) -> PlannedRun {
        PlannedRun {
            run: job.run.clone(),
            cell,
            repeat,
            job,
            stop: self.stop.clone(),
            limits: self.limits.clone(),
            chosen: self.chosen,
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
        for axis in Axis::all() {
            if let Some(choice) = self.choice(axis) {
                (axis.def().set)(&mut job, &choice.value);
            }
        }
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
    pub(super) commands: &'a [CommandModel],
}

impl Builder<'_> {
    /// The runs in their order: all cells once, then all again, so that what drifts on the machine spreads over them.
    pub(super) fn runs(&self, cells: &[Cell], problems: &mut Problems) -> Vec<PlannedRun> {
        let repeats = self.settings.repeats as usize;
        let total = cells.len().saturating_mul(repeats);
        if total > MOST_RUNS {
            problems.error_with(
                Place::whole(GRID),
                format!("the grid has {total} runs; at most {MOST_RUNS} are possible"),
                "give fewer values, exclude cells, or repeat less often",
            );
            return Vec::new();
        }
        let mut runs = Vec::with_capacity(total);
        let mut names = HashSet::with_capacity(total);
        for repeat in 1..=self.settings.repeats {
            for cell in cells {
                let Some(run) = self.run(cell, repeat) else {
                    continue;
                };
                if !names.insert(run.run.clone()) {
                    self.report_clash(&run.run, cell, problems);
                    return Vec::new();
                }
                runs.push(run);
            }
        }
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

    fn run(&self, cell: &Cell, repeat: u32) -> Option<PlannedRun> {
        let settings = self.resolver.settings(cell)?;
        let values = Values { cell, axes: self.axes, settings };
        let name = self.axes.cell_name(cell)?;
        let run = run_name(&name, repeat);
        let mut job = values.job();
        job.run.clone_from(&run);
        job.dataset_dir.clone_from(&values.dataset()?.dir);
        job.seed = self.settings.seed_of(repeat);
        job.work = self.settings.work();
        if let Some(model) = models::find(self.commands, &job.model.name) {
            job.work = Work::Command { spec: model.of(&job) };
            job.serve = None;
        }
        Some(settings.planned(name, repeat, job))
    }
}
