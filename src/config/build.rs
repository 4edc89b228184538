//! Cells and settings become runs.

use std::collections::HashSet;

use super::axes::{Axes, Cell};
use super::axis::{Choice, Dataset};
use super::header::Header;
use super::models::{self, CommandModel};
use super::plan::PlannedRun;
use super::problems::{GRID, Place, Problems};
use super::settings::{Resolver, Settings};
use super::suggest;
use super::world::World;
use crate::event::{Axis, AxisValue, JobSpec, MODELS, PROTOCOL_VERSION, TrainSpec};
use crate::units::Share;

/// The most runs of a plan; each holds its whole job.
const MOST_RUNS: usize = 100_000;

/// Reports every batch that is larger than what its data set has to train on.
pub(super) fn check_batches(
    cells: &[Cell],
    axes: &Axes,
    resolver: &Resolver,
    problems: &mut Problems,
) {
    let mut told = HashSet::new();
    for cell in cells {
        let Some(settings) = resolver.settings(cell) else {
            continue;
        };
        let values = Values { cell, axes, settings };
        let (Some(dataset), Some(batch)) = (values.dataset(), values.choice(Axis::BATCH_SIZE))
        else {
            continue;
        };
        let (Some(rows), Some(size)) = (dataset.train_rows, batch.count()) else {
            continue;
        };
        let (train, name) = (values.job().train, values.label(Axis::DATASET));
        let held_out = train.validation_rows(rows);
        let left = rows.saturating_sub(held_out);
        if train.epochs == 0 || u64::from(size) <= left || !told.insert((name, size)) {
            continue;
        }
        let share = Share(train.validation_share);
        let place = batch.place.or(axes.choice(Axis::DATASET, cell).and_then(|c| c.place));
        problems.error_with(
            place.unwrap_or(Place::whole(GRID)),
            format!(
                "a batch of {size} is larger than the training part of {name}: {left} of its {rows} rows ({share} are held out for validation)"
            ),
            format!("use at most {left}, or [[exclude]] the cell"),
        );
    }
}

/// Reports the data sets that only a command could know, in the cells of other models.
pub(super) fn check_datasets(
    cells: &[Cell],
    axes: &Axes,
    world: &World<'_>,
    problems: &mut Problems,
) {
    if world.foreign {
        return;
    }
    let mut told = Vec::new();
    for cell in cells {
        let (Some(model), Some(data)) =
            (axes.choice(Axis::MODEL, cell), axes.choice(Axis::DATASET, cell))
        else {
            continue;
        };
        let unknown = data.dataset.as_ref().is_some_and(|data| data.train_rows.is_none());
        if !unknown || world.is_command(&model.label) || told.contains(&&data.label) {
            continue;
        }
        told.push(&data.label);
        let names: Vec<&str> = world.dataset_names.iter().map(String::as_str).collect();
        let hint = suggest::hint(&data.label, &names, "the data sets are");
        problems.error_with(
            data.place.unwrap_or(Place::whole(GRID)),
            format!(
                "unknown data set \"{}\", which the model {} has to read",
                data.label, model.label
            ),
            format!("{hint} (a command may have data of its own: [[exclude]] the other cells)"),
        );
    }
}

/// Reports every model that cannot have its depth or width; another worker has models of its own.
pub(super) fn check_models(
    cells: &[Cell],
    axes: &Axes,
    resolver: &Resolver,
    problems: &mut Problems,
) {
    let mut told = HashSet::new();
    for cell in cells {
        let Some(settings) = resolver.settings(cell) else {
            continue;
        };
        let values = Values { cell, axes, settings };
        let name = values.label(Axis::MODEL);
        let Some(model) = MODELS.iter().find(|model| model.name == name) else {
            continue;
        };
        let (depth, width) = (values.count(Axis::DEPTH), values.count(Axis::WIDTH));
        let Err(why) = model.knobs(depth, width) else {
            continue;
        };
        let asked = [Axis::DEPTH, Axis::WIDTH].map(|axis| values.choice(axis));
        let place = asked.into_iter().flatten().find_map(|choice| choice.place);
        if told.insert(why.clone()) {
            problems.error_with(
                place.unwrap_or(Place::whole(GRID)),
                why,
                "change it, or [[exclude]] the cell",
            );
        }
    }
}

/// Reports the axes in the words of a command that are left to the model, which is none of perftune's own.
pub(super) fn check_commands(commands: &[CommandModel], axes: &Axes, problems: &mut Problems) {
    let models = &axes.pools[Axis::MODEL.index()];
    let unset = |axis: Axis| {
        let mut choices = axes.pools[axis.index()].choices.iter();
        choices.any(|choice| choice.value == AxisValue::Unset)
    };
    for command in commands.iter().filter(|command| models.find(&command.name).is_some()) {
        command.check(unset, problems);
    }
}

/// The value of every axis for one cell.
struct Values<'a> {
    cell: &'a Cell,
    axes: &'a Axes,
    settings: &'a Settings,
}

impl<'a> Values<'a> {
    fn choice(&self, axis: Axis) -> Option<&'a Choice> {
        let fixed = self.settings.fixed.iter().find(|(other, _)| *other == axis);
        match fixed {
            Some((_, choice)) => Some(choice),
            None => self.axes.choice(axis, self.cell),
        }
    }

    fn dataset(&self) -> Option<&'a Dataset> {
        self.choice(Axis::DATASET)?.dataset.as_ref()
    }

    fn label(&self, axis: Axis) -> &'a str {
        self.choice(axis).map_or("", |choice| &choice.label)
    }

    fn count(&self, axis: Axis) -> Option<u32> {
        self.choice(axis)?.count()
    }

    /// The job of this cell, as far as its axes and settings say it.
    fn job(&self) -> JobSpec {
        let settings = self.settings;
        let mut job = JobSpec {
            train: TrainSpec {
                epochs: settings.epochs,
                validation_share: settings.validation_share,
                warmup_steps: settings.warmup_steps,
                ..TrainSpec::default()
            },
            serve: settings.serve.clone(),
            ..JobSpec::default()
        };
        for axis in Axis::all() {
            if let Some(choice) = self.choice(axis) {
                (axis.def().set)(&mut job, &choice.value);
            }
        }
        // Where threads are left to the machine, as many as the cell's own limits allow.
        if self.choice(Axis::THREADS).is_some_and(Choice::is_automatic) {
            job.threads = settings.threads;
        }
        job
    }
}

/// What all runs of a plan share.
pub(super) struct Builder<'a> {
    pub(super) head: &'a Header,
    pub(super) axes: &'a Axes,
    pub(super) resolver: &'a Resolver,
    pub(super) options: &'a serde_json::Value,
    pub(super) commands: &'a [CommandModel],
}

impl Builder<'_> {
    /// The runs in their order: all cells once, then all again, so that what drifts on the machine spreads over them.
    pub(super) fn runs(&self, cells: &[Cell], problems: &mut Problems) -> Vec<PlannedRun> {
        let repeats = self.head.repeats as usize;
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
        for repeat in 1..=self.head.repeats {
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
            place.unwrap_or(Place::whole(GRID)),
            format!("two different runs would both be named {name}"),
            "rename a model or a data set, so that their names joined by `-` differ",
        );
    }

    fn run(&self, cell: &Cell, repeat: u32) -> Option<PlannedRun> {
        let settings = self.resolver.settings(cell)?;
        let values = Values { cell, axes: self.axes, settings };
        let name = self.axes.cell_name(cell)?;
        let run = match repeat {
            1 => name.clone(),
            _ => format!("{name}-r{repeat}"),
        };
        let mut job = JobSpec {
            protocol: PROTOCOL_VERSION,
            run: run.clone(),
            dataset_dir: values.dataset()?.dir.clone(),
            seed: self.head.seed + u64::from(repeat - 1),
            options: self.options.clone(),
            ..values.job()
        };
        if let Some(model) = models::find(self.commands, &job.model.name) {
            job.command = Some(model.of(&job));
            job.serve = None;
            job.options = serde_json::Value::Null;
        }
        Some(PlannedRun {
            run,
            cell: name,
            repeat,
            job,
            stop: settings.stop.clone(),
            limits: settings.limits.clone(),
            chosen: settings.chosen,
        })
    }
}
