//! Cells and settings become runs.

use std::collections::HashSet;

use super::axes::{Axes, Cell};
use super::axis::{Axis, Choice, Dataset, Setting};
use super::header::Header;
use super::models::{self, CommandModel};
use super::plan::PlannedRun;
use super::problems::{GRID, Place, Problems};
use super::settings::{Resolver, Settings};
use crate::event::{
    Allocator, JobSpec, MODELS, ModelSpec, Optimizer, PROTOCOL_VERSION, Precision, ServeSpec,
    TrainSpec,
};
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
        let (Some(dataset), Some(batch)) = (values.dataset(), values.choice(Axis::BatchSize))
        else {
            continue;
        };
        let (Some(rows), Setting::Count(size)) = (dataset.train_rows, &batch.setting) else {
            continue;
        };
        let train = values.train();
        let held_out = train.validation_rows(rows);
        let left = rows.saturating_sub(held_out);
        if train.epochs == 0
            || u64::from(*size) <= left
            || !told.insert((dataset.name.clone(), *size))
        {
            continue;
        }
        let share = Share(train.validation_share);
        let place = batch.place.or(axes.choice(Axis::Dataset, cell).and_then(|c| c.place));
        problems.error_with(
            place.unwrap_or(Place::whole(GRID)),
            format!(
                "a batch of {size} is larger than the training part of {}: {left} of its {rows} rows ({share} are held out for validation)",
                dataset.name
            ),
            format!("use at most {left}, or [[exclude]] the cell"),
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
        let name = values.text(Axis::Model);
        let Some(model) = MODELS.iter().find(|model| model.name == name) else {
            continue;
        };
        let (depth, width) = (values.count(Axis::Depth), values.count(Axis::Width));
        let Err(why) = model.knobs(depth, width) else {
            continue;
        };
        let asked = [Axis::Depth, Axis::Width].map(|axis| values.choice(axis));
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

    fn setting(&self, axis: Axis) -> &'a Setting {
        self.choice(axis).map_or(&Setting::Unset, |choice| &choice.setting)
    }

    fn dataset(&self) -> Option<&'a Dataset> {
        match self.setting(Axis::Dataset) {
            Setting::Dataset(dataset) => Some(dataset),
            _ => None,
        }
    }

    fn count(&self, axis: Axis) -> Option<u32> {
        match self.setting(axis) {
            Setting::Count(value) => Some(*value),
            _ => None,
        }
    }

    /// Compute threads; where they are left to the machine, as many as the cell's own limits allow.
    fn threads(&self) -> u32 {
        match self.choice(Axis::Threads) {
            Some(choice) if choice.is_automatic() => self.settings.threads,
            _ => self.count(Axis::Threads).unwrap_or(1),
        }
    }

    fn number(&self, axis: Axis) -> f64 {
        match self.setting(axis) {
            Setting::Number(value) => *value,
            _ => 0.0,
        }
    }

    fn text(&self, axis: Axis) -> String {
        match self.setting(axis) {
            Setting::Text(text) => text.clone(),
            _ => String::new(),
        }
    }

    fn train(&self) -> TrainSpec {
        TrainSpec {
            epochs: self.settings.epochs,
            batch_size: self.count(Axis::BatchSize).unwrap_or(1),
            optimizer: match self.setting(Axis::Optimizer) {
                Setting::Optimizer(optimizer) => *optimizer,
                _ => Optimizer::default(),
            },
            learning_rate: self.number(Axis::LearningRate),
            weight_decay: self.number(Axis::WeightDecay),
            validation_share: self.settings.validation_share,
            warmup_steps: self.settings.warmup_steps,
        }
    }

    fn serve(&self) -> Option<ServeSpec> {
        self.settings.serve.clone()
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
        let place = self.axes.choice(Axis::Dataset, cell).and_then(|c| c.place);
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
        let dataset = values.dataset()?;
        let mut job = JobSpec {
            protocol: PROTOCOL_VERSION,
            run: run.clone(),
            model: ModelSpec {
                name: values.text(Axis::Model),
                depth: values.count(Axis::Depth),
                width: values.count(Axis::Width),
            },
            dataset: dataset.name.clone(),
            dataset_dir: dataset.dir.clone(),
            seed: self.head.seed + u64::from(repeat - 1),
            threads: values.threads(),
            device: values.text(Axis::Device),
            flush_denormals: *values.setting(Axis::FlushDenormals) == Setting::Flag(true),
            allocator: match values.setting(Axis::Allocator) {
                Setting::Allocator(allocator) => *allocator,
                _ => Allocator::default(),
            },
            precision: match values.setting(Axis::Precision) {
                Setting::Precision(precision) => *precision,
                _ => Precision::default(),
            },
            train: values.train(),
            serve: values.serve(),
            command: None,
            options: self.options.clone(),
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
