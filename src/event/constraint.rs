//! What a run must keep, and what was found of it.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::end::{Age, StopReason};
use super::gap::Reason;
use super::limits::MemoryGuard;
use super::note::Note;
use super::worker::{Num, Phase, Stage};
use crate::metric::{MetricDef, MetricName};
use crate::units::Unit;

/// How a figure is compared with its limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Op {
    /// At most.
    #[serde(rename = "<=")]
    AtMost,
    /// At least.
    #[serde(rename = ">=")]
    AtLeast,
    /// Below.
    #[serde(rename = "<")]
    Below,
    /// Above.
    #[serde(rename = ">")]
    Above,
}

impl Op {
    /// Whether it limits from above.
    pub const fn is_upper(self) -> bool {
        matches!(self, Self::AtMost | Self::Below)
    }

    /// Whether a figure keeps the limit.
    pub fn holds(self, figure: f64, limit: f64) -> bool {
        match self {
            Self::AtMost => figure <= limit,
            Self::AtLeast => figure >= limit,
            Self::Below => figure < limit,
            Self::Above => figure > limit,
        }
    }
}

impl fmt::Display for Op {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::AtMost => "<=",
            Self::AtLeast => ">=",
            Self::Below => "<",
            Self::Above => ">",
        })
    }
}

/// A limit on a metric. A metric of several stages (requests of several sizes, training and serving) must keep it in
/// each of them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Constraint {
    /// What is limited.
    pub metric: MetricName,
    /// How it is compared.
    pub op: Op,
    /// The limit, in the metric's base unit; finite.
    pub limit: f64,
}

impl Constraint {
    /// The unit of the metric.
    pub fn unit(&self) -> Unit {
        self.metric.def().map_or(Unit::One, |metric| metric.unit)
    }

    /// A figure of the metric, for people.
    pub fn shown(&self, figure: f64) -> String {
        self.unit().show(figure)
    }
}

/// As the user writes it.
impl fmt::Display for Constraint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.metric, self.op, self.unit().show_given(self.limit))
    }
}

/// What is certain of a constraint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ruling {
    /// It is kept.
    Met,
    /// It is not.
    Broken,
    /// Neither is certain.
    Open,
}

/// Which weights requests were answered with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Weights {
    /// Those of before the training.
    Untrained,
    /// Those of the trained model.
    Trained,
}

/// What is certain of one constraint in one place, with the evidence.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Finding {
    /// What is certain.
    pub ruling: Ruling,
    /// The constraint; absent: it is of the run as a whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub constraint: Option<Constraint>,
    /// The stage that it speaks of, where it is that of one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stage: Option<Stage>,
    /// The weights, where they matter.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weights: Option<Weights>,
    /// It is broken, and was met when the trained model was served once more.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub met_when_trained: bool,
    /// What it rests on.
    pub evidence: Evidence,
}

impl Finding {
    /// Of a constraint on the run.
    pub fn new(ruling: Ruling, constraint: &Constraint, evidence: Evidence) -> Self {
        Self { constraint: Some(constraint.clone()), ..Self::of_run(ruling, evidence) }
    }

    /// Of the run as a whole.
    pub const fn of_run(ruling: Ruling, evidence: Evidence) -> Self {
        Self {
            ruling,
            constraint: None,
            stage: None,
            weights: None,
            met_when_trained: false,
            evidence,
        }
    }

    /// In this stage.
    #[must_use]
    pub fn within(self, stage: Stage) -> Self {
        Self { stage: Some(stage), ..self }
    }

    /// The metric of a constraint that is broken.
    pub fn broken(&self) -> Option<&'static MetricDef> {
        self.constraint.as_ref().filter(|_| self.ruling == Ruling::Broken)?.metric.def()
    }
}

/// What a finding rests on. Figures are in the base unit of the constraint's metric.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "evidence", rename_all = "snake_case")]
pub enum Evidence {
    /// The metric cannot be measured here.
    CannotMeasure {
        /// Why.
        reason: Reason,
    },
    /// The run ended before the stage.
    NotReached,
    /// It was never read.
    NeverRead {
        /// Why.
        note: Note,
    },
    /// The stage ended before the first look.
    NoLook,
    /// Bounds that hold at all looks.
    Bounds {
        /// At least so much.
        low: Option<Num>,
        /// At most so much.
        high: Option<Num>,
        /// Confidence of each.
        confidence: Num,
        /// What the load does to it.
        load: Option<Note>,
        /// When they were found.
        age: Age,
    },
    /// A figure of a whole command.
    WholeCommand {
        /// The figure.
        value: Num,
        /// The command's time in seconds.
        over_s: Num,
    },
    /// A figure that speaks of a part of the phase only.
    Partly {
        /// The figure.
        value: Num,
        /// Share of the phase.
        share: Num,
    },
    /// What only grows has passed its limit.
    Passed {
        /// How far.
        value: Num,
        /// From the start until it was seen beyond it, in seconds.
        after_s: Num,
    },
    /// The run has no such phase.
    NoSuchPhase,
    /// There is no figure.
    NoFigure {
        /// Why.
        notes: Vec<Note>,
        /// The model was trained to the end.
        trained: bool,
    },
    /// The figure of a model that was not trained to the end.
    Untrained {
        /// The figure.
        value: Num,
    },
    /// The accuracy cannot be reached by the end of the training.
    CannotReach {
        /// The most that it can be.
        most: Num,
        /// Epochs until then.
        epochs: u32,
        /// Epochs in all.
        budget: u32,
    },
    /// The run ended before its phases were over.
    Unfinished {
        /// The figure.
        value: Num,
    },
    /// The figure has no interval.
    NoInterval {
        /// The figure.
        value: Num,
    },
    /// The figure is a bound on the wrong side.
    Bound {
        /// The figure.
        value: Num,
        /// A lower bound, else an upper one.
        lower: bool,
        /// Why.
        notes: Vec<Note>,
    },
    /// A process that was not seen may have had more.
    Hidden {
        /// The figure.
        value: Num,
        /// How much.
        notes: Vec<Note>,
    },
    /// The device was not read for a part of the time.
    Blind {
        /// The figure.
        value: Num,
        /// Share of the time.
        share: Num,
    },
    /// A figure that is said once.
    Figure {
        /// The figure.
        value: Num,
        /// It is a peak: that of the phases completed.
        peak: bool,
    },
    /// The interval of the highest rate that was found.
    Rate {
        /// At least so much.
        low: Option<Num>,
        /// At most so much.
        high: Option<Num>,
        /// Nominal confidence of the interval.
        confidence: Option<Num>,
        /// How the search ended, in the worker's words.
        why: String,
    },
    /// There is no highest rate.
    NoRate,
    /// The target accuracy was reached too late.
    TargetReached {
        /// The target.
        target: Num,
        /// Counts from 1.
        epoch: u32,
        /// Time in training, in seconds.
        after_s: Num,
    },
    /// Time that the training has taken.
    Training {
        /// The whole of it, else until now.
        whole: bool,
        /// In seconds.
        spent_s: Num,
    },
    /// The run broke off.
    BrokeOff {
        /// As what.
        reason: StopReason,
    },
    /// The worker was not started.
    NotStarted,
    /// The run needs more memory than its limit.
    OutOfMemory(Shortage),
}

/// Memory beyond a limit of the run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shortage {
    /// What it had, in bytes.
    pub held_bytes: u64,
    /// The limit.
    pub limit_bytes: u64,
    /// Who saw to it.
    pub guard: MemoryGuard,
    /// Where; absent before the first phase.
    pub phase: Option<Phase>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_finding_names_the_constraint_that_is_broken() {
        let constraint =
            Constraint { metric: "serve.latency_p99".into(), op: Op::AtMost, limit: 0.01 };
        for (ruling, says) in
            [(Ruling::Broken, Some("serve.latency_p99")), (Ruling::Open, None), (Ruling::Met, None)]
        {
            let found = Finding::new(ruling, &constraint, Evidence::NoLook);
            assert_eq!(found.broken().map(|metric| metric.name), says, "{found:?}");
            let none = Finding::of_run(ruling, Evidence::NotStarted);
            assert_eq!(none.broken(), None);
        }
    }

    #[test]
    fn it_reads_as_it_is_written() {
        for (metric, op, limit, says) in [
            ("serve.latency_p99", Op::AtMost, 0.01, "serve.latency_p99 <= 10.0 ms"),
            ("memory.peak", Op::Below, 536_870_912.0, "memory.peak < 512 MiB"),
            ("train.throughput", Op::AtLeast, 5000.0, "train.throughput >= 5.00 k/s"),
            ("test_accuracy", Op::AtLeast, 0.88, "test_accuracy >= 0.88"),
            ("cpu.utilisation", Op::Above, 150.0, "cpu.utilisation > 150%"),
        ] {
            let constraint = Constraint { metric: metric.into(), op, limit };
            assert_eq!(constraint.to_string(), says);
            let text = serde_json::to_string(&constraint).unwrap();
            assert_eq!(serde_json::from_str::<Constraint>(&text).unwrap(), constraint);
        }
    }
}
