//! The figures of a run as `metrics.csv` has them.

use super::measure::{assess, projection};
use super::row::{blank, fill};
use super::run::Run;
use super::stage::StageState;
use super::support::why_unsupported;
use super::windowed;
use crate::event::record::of_model;
use crate::event::{MetricRow, Note, Num, Stage, StopReason, StopRecord};
use crate::metric::{CATALOGUE, MetricDef, MetricKind, ModelFigure, Scope, Source, UsageField};
use crate::units::Unit;

/// Counters of the machine and of the run are read one after the other and the machine's in ticks of 10 ms: a share of
/// a core this little below 0 is 0, more is no reading.
const HAIR: f64 = 0.05;

impl Run {
    /// Every metric of the catalogue in every stage of the run that it applies to: its estimate, or why there is none.
    pub(super) fn rows(&self, ended: Option<&StopRecord>) -> Vec<MetricRow> {
        let mut rows = Vec::new();
        for metric in CATALOGUE {
            let stages = self.stages_of(metric.scope).into_iter();
            for stage in stages {
                rows.push(self.stage_row(metric, stage));
            }
            let command = self.context.work.is_command();
            let has = match metric.source {
                Source::CommandTime => command,
                // A command that serves nothing lacks nothing, unless it was asked.
                Source::ServedPeak => {
                    let serves = || !self.stages_of_command(Scope::Serve).is_empty();
                    !command || serves() || self.is_chosen(metric)
                }
                _ => true,
            };
            if metric.scope == Scope::Run && has {
                rows.push(self.run_row(metric, ended));
            }
        }
        let own = self.totals.own.iter();
        rows.extend(own.map(|(name, (value, samples))| own_row(name, *value, *samples)));
        rows
    }

    /// Why a metric has no figure, for reasons that do not depend on the stage.
    pub(super) fn unread(&self, metric: &MetricDef) -> Option<Note> {
        let unsupported = why_unsupported(metric, &self.context.unsupported).cloned();
        unsupported.map(Note::from).or_else(|| self.totals.never_read(metric))
    }

    fn stage_row(&self, metric: &'static MetricDef, of: Stage) -> MetricRow {
        let mut row = blank(metric, of.to_string(), self.is_chosen(metric));
        if metric.source == Source::Target {
            self.fill_goal(&mut row);
            return row;
        }
        // What serves once more decides limits; no precision is asked of its figures.
        let confirms = matches!(of, Stage::Confirm(_));
        row.plateaued = row.plateaued.filter(|_| !confirms);
        if metric.source == Source::RateSearch {
            self.fill_max_rate(&mut row, of);
            return row;
        }
        let Some(state) = self.stage(of) else {
            row.notes.push(self.unread(metric).unwrap_or_else(|| self.no_stage(of)));
            return row;
        };
        if let MetricKind::Windows(level) = metric.kind {
            windowed::fill(&mut row, metric, state, level);
            return row;
        }
        let chosen =
            state.chosen.iter().find(|chosen| chosen.metric.id == metric.id).filter(|_| !confirms);
        let ask = self.ask(state);
        if let Some(assessment) = assess(metric, &state.series, ask) {
            fill(&mut row, metric, &assessment, state, chosen, &self.policy);
            if metric.kind == MetricKind::Projection
                && let (Some(budget), Some(whole_s)) = (ask.budget, row.estimate)
            {
                row.notes.push(projection::contains(budget, whole_s));
            }
        } else if metric.is_energy() {
            self.fill_energy_of(&mut row, state);
        } else {
            fill_interference(&mut row, metric, state);
        }
        self.fill_whole(&mut row, metric, of);
        self.note_chips(&mut row, metric);
        self.note_devices(&mut row, metric, state);
        if metric.scope == Scope::Served && row.estimate.is_some() && !self.totals.served.is_lean {
            row.notes.push(Note::MayHoldMore);
        }
        if row.estimate.is_none()
            && let Some(why) = self.unseen(metric).or_else(|| self.unread(metric))
        {
            row.notes = vec![why];
        }
        row
    }

    fn run_row(&self, metric: &'static MetricDef, ended: Option<&StopRecord>) -> MetricRow {
        let mut row = blank(metric, "run".to_owned(), self.is_chosen(metric));
        if metric.source == Source::ServedPeak {
            self.fill_served(&mut row, metric);
        } else if metric.kind == MetricKind::Peak {
            self.fill_peak(&mut row, metric);
        } else if let Source::Model(figure) = metric.source {
            self.fill_model(&mut row, figure, ended);
        } else if metric.source == Source::Sizes {
            self.fill_best_size(&mut row);
        } else if metric.is_energy() {
            self.fill_energy(&mut row, metric);
            if row.estimate.is_none()
                && let Some(why) = self.unread(metric)
            {
                row.notes = vec![why];
            }
        } else {
            self.fill_counter(&mut row, metric);
        }
        if row.estimate.is_none() && row.notes.is_empty() {
            let why = self.unseen(metric).or_else(|| self.unread(metric));
            row.notes.push(why.unwrap_or(Note::NotReported));
        }
        row
    }

    fn fill_counter(&self, row: &mut MetricRow, metric: &MetricDef) {
        row.samples = self.totals.ticks;
        let sampled = self.totals.counter(metric.source);
        row.estimate = match metric.source {
            Source::SamplerCost => self.totals.cost_percent(),
            Source::CommandTime => self.command_s(),
            _ if metric.usage == Some(UsageField::Cpu) => self.own_cpu_s(row, sampled),
            _ => sampled,
        };
        match metric.source {
            Source::CommandTime => {
                row.samples = u64::from(row.estimate.is_some());
                if row.estimate.is_none() {
                    row.notes.push(Note::CommandCut);
                }
            }
            Source::SamplerCost if row.estimate.is_none() => {
                row.notes.push(Note::FewTicks);
            }
            _ => {}
        }
        row.plateaued = row.plateaued.map(|_| row.estimate.is_some());
    }

    /// CPU time as the worker said it at its end, where that is more than was sampled.
    fn own_cpu_s(&self, row: &mut MetricRow, sampled: Option<f64>) -> Option<f64> {
        let usage = self.totals.finished.as_ref().map(|finished| finished.usage);
        let said = usage.and_then(|usage| usage.cpu_ns).map(|ns| ns as f64 * 1e-9);
        let own = said.filter(|said| sampled.is_none_or(|sampled| *said > sampled));
        row.notes.extend(match (own, sampled) {
            (Some(_), _) if self.context.work.is_command() => Some(Note::KernelCount),
            (Some(_), _) => Some(Note::WorkerCount),
            (None, Some(_)) => Some(Note::LastSample),
            (None, None) => None,
        });
        own.or(sampled)
    }

    /// Whether the worker was told to stop before an epoch had begun: then it reads no test data.
    fn ended_before_training(&self) -> bool {
        let stopped = self.totals.finished.as_ref().map(|finished| finished.stopped);
        stopped == Some(true) && self.context.epochs > 0 && self.stage(Stage::Train).is_none()
    }

    fn fill_model(&self, row: &mut MetricRow, of: ModelFigure, ended: Option<&StopRecord>) {
        let last = self.training.last.as_ref();
        let finished = self.totals.finished.as_ref();
        let untested = Note::NotTested { before_training: self.ended_before_training() };
        let (value, missing) = match of {
            ModelFigure::TrainLoss => (last.map(|epoch| epoch.train_loss), Note::NoEpoch),
            ModelFigure::ValidationLoss => {
                (last.and_then(|epoch| epoch.validation_loss), Note::NoValidation)
            }
            ModelFigure::ValidationAccuracy => {
                (last.and_then(|epoch| epoch.validation_accuracy), Note::NoValidation)
            }
            ModelFigure::TestLoss => (finished.and_then(|finished| finished.test_loss), untested),
            ModelFigure::TestAccuracy => {
                (finished.and_then(|finished| finished.test_accuracy), untested)
            }
        };
        let told = finished.filter(|_| of == ModelFigure::TestAccuracy);
        let told = told.and_then(|finished| finished.test_samples).unwrap_or(1);
        row.samples = value.map_or(0, |_| told);
        row.estimate = value.and_then(Num::finite);
        match (value, row.estimate) {
            (None, _) if self.context.work.is_command() => {
                row.notes.push(Note::NotReportedByCommand);
            }
            (None, _) if self.context.epochs == 0 && !of.is_of_test() => {
                row.notes.push(Note::NoTraining);
            }
            (None, _) => row.notes.push(missing),
            (Some(value), None) => row.notes.push(Note::NotANumber { value }),
            (Some(_), Some(_)) => {}
        }
        let reason = ended.map(|record| of_model(record.reason, self.was_trained()));
        if row.estimate.is_some() && reason.is_some_and(|reason| !self.trained_to_the_end(reason)) {
            row.notes.push(Note::Untrained);
        }
        row.plateaued = row.plateaued.map(|_| reason == Some(StopReason::Trained));
    }
}

fn fill_interference(row: &mut MetricRow, metric: &MetricDef, state: &StageState) {
    let sampled = &state.series.sampled;
    let part = sampled.share(metric.source);
    let factor = if metric.unit == Unit::Percent { 100.0 } else { 1.0 };
    match part.ratio() {
        Some(ratio) if ratio < -HAIR => {
            row.notes.push(Note::NegativeRest);
        }
        Some(ratio) => {
            row.estimate = Some((ratio * factor).max(0.0));
            row.samples = sampled.intervals;
        }
        None if sampled.intervals > 0 => row.notes.push(gaps_of(metric)),
        None => row.notes.push(Note::NoInterval),
    }
    row.plateaued = row.plateaued.map(|_| row.estimate.is_some());
}

/// Why a figure of interference is not there though ticks were.
const fn gaps_of(metric: &MetricDef) -> Note {
    match metric.source {
        Source::RunDelay => Note::NoRunDelay,
        _ => Note::NoMachineCounter,
    }
}

/// A figure that only the worker knows.
fn own_row(name: &str, value: Num, samples: Option<u64>) -> MetricRow {
    let unit = crate::metric::find(name).map_or(Unit::One, |metric| metric.unit);
    MetricRow {
        phase: "run".to_owned(),
        metric: name.into(),
        unit,
        estimate: value.finite(),
        low: None,
        high: None,
        confidence: None,
        samples: samples.unwrap_or(1),
        plateaued: None,
        notes: vec![match value.finite() {
            Some(_) => Note::SaidByWorker,
            None => Note::NotANumberOfWorker { value },
        }],
    }
}
