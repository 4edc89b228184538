//! What is known of a run when it has ended.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::{Deref, DerefMut};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::constraint::{Finding, Ruling};
use super::end::StopReason;
use super::interference::Interference;
use super::job::JobSpec;
use super::lane::Lane;
use super::limits::Limits;
use super::note::{LeftOut, Note};
use super::stop::StopRecord;
use super::words::words;
use super::worker::optional;
use crate::metric::MetricName;
use crate::units::Unit;

/// Failed runs of a cell after which it is run no more, and has failed itself: one may be bad luck.
pub const FAILURES: usize = 2;

/// The fact of a command that tells its exit code.
pub const EXIT_CODE: &str = "exit_code";

/// The fact of a command that tells the signal that ended it.
pub const SIGNAL: &str = "signal";

/// How a run ended, in one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RunStatus {
    /// Its whole budget was used.
    Completed,
    /// The controller ended it before its budget.
    Stopped,
    /// The worker crashed, hung, was killed or gave up.
    Failed,
    /// The user ended it.
    Cancelled,
}

impl fmt::Display for RunStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Completed => "completed",
            Self::Stopped => "stopped",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        })
    }
}

/// Whether a run keeps its constraints.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Feasibility {
    /// It keeps all of them, for certain.
    Feasible,
    /// It breaks at least one, for certain.
    Infeasible,
    /// Neither is certain: something is missing or too imprecise.
    Undecided,
}

words!(pub Feasibility { Feasible = "feasible", Infeasible = "infeasible", Undecided = "undecided" });

/// What becomes of a run's constraints.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunVerdict {
    /// In one word.
    pub verdict: Feasibility,
    /// What decides it, of each constraint.
    pub findings: Vec<Finding>,
}

impl RunVerdict {
    /// What these findings come to: one that is broken decides, and one that is open leaves it open.
    pub fn of(mut findings: Vec<Finding>) -> Self {
        let has = |ruling| findings.iter().any(|finding| finding.ruling == ruling);
        let (verdict, ruling) = if has(Ruling::Broken) {
            (Feasibility::Infeasible, Ruling::Broken)
        } else if has(Ruling::Open) {
            (Feasibility::Undecided, Ruling::Open)
        } else {
            (Feasibility::Feasible, Ruling::Met)
        };
        findings.retain(|finding| finding.ruling == ruling);
        Self { verdict, findings }
    }

    /// The metric of the constraint that is broken; the first, where several are.
    pub fn broken_constraint(&self) -> Option<&'static str> {
        Some(self.findings.iter().find_map(Finding::broken)?.name)
    }
}

/// What kind of failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FailureKind {
    /// What was to be done before the runs of its cell failed.
    Setup,
    /// What was to be done before each run failed.
    Prepare,
    /// What was to be done after the last run of its cell failed.
    Cleanup,
    /// The worker could not be started.
    Spawn,
    /// It said so itself.
    Reported,
    /// It ended without a last message.
    Crashed,
    /// It was killed by a signal.
    Killed,
    /// It was silent for too long.
    Hung,
    /// What it wrote was not the protocol.
    Protocol,
}

impl fmt::Display for FailureKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Setup => "setup failed",
            Self::Prepare => "prepare failed",
            Self::Cleanup => "cleanup failed",
            Self::Spawn => "not started",
            Self::Reported => "gave up",
            Self::Crashed => "crashed",
            Self::Killed => "killed",
            Self::Hung => "hung",
            Self::Protocol => "protocol error",
        })
    }
}

/// Why a run failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// What kind.
    pub kind: FailureKind,
    /// One or two sentences for people.
    pub message: String,
    /// The phase it was in, as displayed.
    pub phase: Option<String>,
    /// Exit status, if it exited.
    pub exit_code: Option<i32>,
    /// Signal, if it was killed.
    pub signal: Option<i32>,
    /// The last lines of its standard error.
    pub stderr_tail: String,
}

/// One figure of one run, as `metrics.csv` has it. What several runs say alike, such as why nothing was read, is held once:
/// it is copied where it is changed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct MetricRow(Arc<RowFields>);

impl From<RowFields> for MetricRow {
    fn from(fields: RowFields) -> Self {
        Self(Arc::new(fields))
    }
}

impl RowFields {
    /// Whether it was known when its stage was decided and is not at the end: it has moved since, or others may have made it.
    pub fn lost_its_precision(&self) -> bool {
        let since = |note: &Note| {
            matches!(note, Note::Moved { .. } | Note::Disturbed { decides: true, .. })
        };
        self.known == Some(false) && self.notes.iter().any(since)
    }
}

impl Deref for MetricRow {
    type Target = RowFields;

    fn deref(&self) -> &RowFields {
        &self.0
    }
}

impl DerefMut for MetricRow {
    fn deref_mut(&mut self) -> &mut RowFields {
        Arc::make_mut(&mut self.0)
    }
}

/// What a [`MetricRow`] says. Its interval speaks of the noise *within this run* only.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RowFields {
    /// The stage, as displayed (`train`, `serve[1]`), or `run`.
    pub phase: String,
    /// What it is a figure of.
    pub metric: MetricName,
    /// Base unit.
    pub unit: Unit,
    /// The estimate; absent: not measured, and `note` says why.
    #[serde(default, with = "optional")]
    pub estimate: Option<f64>,
    /// Lower end of the interval.
    #[serde(default, with = "optional")]
    pub low: Option<f64>,
    /// Upper end of the interval.
    #[serde(default, with = "optional")]
    pub high: Option<f64>,
    /// Nominal confidence of the interval.
    pub confidence: Option<f64>,
    /// Steps, ticks or requests that the estimate rests on, after truncation.
    pub samples: u64,
    /// Whether it was known when the run ended; absent: it was not among the chosen.
    pub known: Option<bool>,
    /// What a reader must know, in the order in which it is to be read.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<Note>,
}

/// A side of a comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Arm {
    /// A: what is compared with.
    Baseline,
    /// B: what is judged.
    Candidate,
}

impl Arm {
    /// Both, the baseline first.
    pub const BOTH: [Self; 2] = [Self::Baseline, Self::Candidate];

    /// Its place in [`Arm::BOTH`].
    pub const fn place(self) -> usize {
        match self {
            Self::Baseline => 0,
            Self::Candidate => 1,
        }
    }

    /// In one word.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Baseline => "baseline",
            Self::Candidate => "candidate",
        }
    }

    /// The side that it is compared with.
    #[must_use]
    pub const fn other(self) -> Self {
        match self {
            Self::Baseline => Self::Candidate,
            Self::Candidate => Self::Baseline,
        }
    }
}

impl fmt::Display for Arm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// The place of a run in a comparison whose sides were measured in turns on one machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pairing {
    /// Which comparison: the same for all of its runs.
    pub session: String,
    /// Which side.
    pub arm: Arm,
    /// Which block of its cell, from 1.
    pub block: u32,
    /// Which of the four runs of its block, from 0, in the order in which they ran.
    pub position: u32,
}

/// A run that has ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunRecord {
    /// Unique within the results folder; its folder's name.
    pub run: String,
    /// The cell that it repeats.
    pub cell: String,
    /// Counts from 1.
    pub repeat: u32,
    /// What it was told.
    pub job: JobSpec,
    /// How it ended.
    pub status: RunStatus,
    /// Why it ended.
    pub stop: StopRecord,
    /// From the start of the worker to its end, in seconds.
    pub wall_s: f64,
    /// Epochs completed.
    pub epochs: u32,
    /// Whether the training was left since its validation metric had stopped improving, whatever ended the run after that.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub trained: bool,
    /// All figures.
    pub metrics: Vec<MetricRow>,
    /// Chosen metrics that could not be measured.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub left_out: Vec<LeftOut>,
    /// What else the user should know.
    #[serde(default)]
    pub warnings: Vec<String>,
    /// What the worker said of its environment.
    #[serde(default)]
    pub facts: BTreeMap<String, String>,
    /// Why it failed, if it did.
    #[serde(default)]
    pub failure: Option<Failure>,
    /// Whether it keeps its constraints; absent where there are none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verdict: Option<RunVerdict>,
    /// What of the machine it could use, where that was limited.
    #[serde(default, skip_serializing_if = "Limits::is_none")]
    pub limits: Limits,
    /// Of a run that ended as infeasible or out of reach: time of the budgeted training that was not spent, at least, in seconds; absent
    /// where nothing is known of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub saved_s_at_least: Option<f64>,
    /// Its place in a comparison; absent where it is part of none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pairing: Option<Pairing>,
    /// Where it ran, where others ran beside it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lane: Option<Lane>,
    /// How much of its time others took the machine; absent where nothing is known of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interference: Option<Interference>,
    /// From which machine of its folder it is, from 1; absent where all runs are from one. The manifest says it, and not the log.
    #[serde(skip)]
    pub machine: Option<u32>,
}

/// Whether the figures of a model are those of one that was trained to the end: it used its budget of at least one
/// epoch, or its validation metric had stopped improving. Never of a run that was given up.
pub fn trained_to_the_end(reason: StopReason, epochs: u32, budget: u32) -> bool {
    !reason.gave_up() && epochs > 0 && (epochs >= budget || reason == StopReason::Trained)
}

/// The reason as far as the model is concerned: one that was trained before the run ended (`trained`) stays so when, served
/// once more, it breaks its limit.
pub fn of_model(reason: StopReason, trained: bool) -> StopReason {
    match reason {
        StopReason::Infeasible if trained => StopReason::Trained,
        _ => reason,
    }
}

impl RunRecord {
    /// Adds a run to others: those of thousands of runs are held at once, so it gives back the room by which its lists may
    /// still grow, and rows that the run before it has as well are held once.
    pub fn join(mut self, others: &mut Vec<Self>) {
        self.metrics.shrink_to_fit();
        let before = others.last().map_or(&[][..], |record| &record.metrics);
        for (place, row) in self.metrics.iter_mut().enumerate() {
            match before.get(place).filter(|other| *other == row) {
                Some(other) => row.clone_from(other),
                None => row.notes.shrink_to_fit(),
            }
        }
        others.push(self);
    }

    /// [`trained_to_the_end`], of this run. A command knows best when it is done, however many epochs it told of, and a table
    /// holds what was done.
    pub fn trained_to_the_end(&self) -> bool {
        let work = &self.job.work;
        if (work.is_command() || work.recorded().is_some()) && self.status == RunStatus::Completed {
            return true;
        }
        let reason = of_model(self.stop.reason, self.trained);
        trained_to_the_end(reason, self.epochs, self.job.train.epochs)
    }

    /// The figure of this phase (as displayed) and metric.
    pub fn metric<M>(&self, phase: &str, metric: M) -> Option<&MetricRow>
    where
        M: Copy,
        MetricName: PartialEq<M>,
    {
        self.metrics.iter().find(|row| row.phase == phase && row.metric == metric)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Num, StopDetail};

    #[test]
    fn an_untrained_model_and_one_out_of_time_are_not_final() {
        for (reason, epochs, budget, says) in [
            (StopReason::Completed, 10, 10, true),
            (StopReason::Known, 10, 10, true),
            (StopReason::Trained, 4, 10, true),
            (StopReason::Budget, 4, 10, false),
            (StopReason::Known, 4, 10, false),
            (StopReason::Known, 0, 0, false),
            (StopReason::Completed, 0, 0, false),
            (StopReason::Budget, 0, 10, false),
            (StopReason::Diverged, 10, 10, false),
            (StopReason::OutOfMemory, 10, 10, false),
            (StopReason::Failed, 10, 10, false),
            (StopReason::Cancelled, 10, 10, false),
        ] {
            let found = trained_to_the_end(reason, epochs, budget);
            assert_eq!(found, says, "{reason} {epochs} of {budget}");
        }
    }

    #[test]
    fn a_trained_model_that_broke_its_limit_afterwards_was_trained_all_the_same() {
        for (reason, trained, says) in [
            (StopReason::Infeasible, false, false),
            (StopReason::Infeasible, true, true),
            (StopReason::Trained, true, true),
            (StopReason::OutOfMemory, true, false),
            (StopReason::Failed, true, false),
            (StopReason::Cancelled, true, false),
        ] {
            let found = trained_to_the_end(of_model(reason, trained), 4, 10);
            assert_eq!(found, says, "{reason} {trained}");
        }
    }

    #[test]
    fn rows_that_runs_have_alike_are_held_once_and_changed_alone() {
        let row = |estimate, samples| {
            MetricRow::from(RowFields {
                phase: "run".into(),
                metric: "cpu.time".into(),
                unit: Unit::Seconds,
                estimate,
                low: None,
                high: None,
                confidence: None,
                samples,
                known: None,
                notes: vec![Note::NoTick],
            })
        };
        let record = |rows: Vec<MetricRow>| RunRecord {
            run: "r".into(),
            cell: "r".into(),
            repeat: 1,
            job: JobSpec::default(),
            status: RunStatus::Completed,
            stop: StopRecord { reason: StopReason::Budget, detail: StopDetail::Unknown },
            wall_s: 1.0,
            epochs: 0,
            trained: false,
            metrics: rows,
            left_out: Vec::new(),
            warnings: Vec::new(),
            facts: BTreeMap::new(),
            failure: None,
            verdict: None,
            limits: Limits::default(),
            saved_s_at_least: None,
            lane: None,
            pairing: None,
            interference: None,
            machine: None,
        };
        let mut records = Vec::new();
        for last in 0..2 {
            // What is no number is never alike.
            let rows = vec![row(None, 0), row(Some(1.0), last), row(Some(f64::NAN), 0)];
            record(rows).join(&mut records);
        }
        let [first, second] = &mut records[..] else { panic!() };
        let alike = |place: usize| Arc::ptr_eq(&first.metrics[place].0, &second.metrics[place].0);
        assert_eq!([alike(0), alike(1), alike(2)], [true, false, false]);
        second.metrics[0].samples = 7;
        assert_eq!((first.metrics[0].samples, second.metrics[0].samples), (0, 7));
    }

    #[test]
    fn a_diverged_loss_is_read_back_as_one_and_not_as_missing() {
        let row = RowFields {
            phase: "run".into(),
            metric: "train_loss".into(),
            unit: Unit::One,
            estimate: Some(f64::NAN),
            low: None,
            high: Some(f64::INFINITY),
            confidence: None,
            samples: 1,
            known: None,
            notes: vec![Note::NotANumber { value: Num(f64::NAN) }],
        };
        let text = serde_json::to_string(&row).unwrap();
        let back: RowFields = serde_json::from_str(&text).unwrap();
        assert!(back.estimate.unwrap().is_nan(), "{text}");
        assert!(matches!(back.notes[..], [Note::NotANumber { value }] if value.0.is_nan()));
        assert_eq!((back.low, back.high), (None, Some(f64::INFINITY)));
    }
}
