//! Why a stage or a run ends: the decision's numbers. The English is in `report::words`.

use serde::{Deserialize, Serialize};

use super::constraint::{Finding, Shortage};
use super::end::{Age, StopReason};
use super::note::{Note, Why};
use super::reach::Reach;
use super::worker::{Num, Phase, Stage};
use crate::metric::MetricName;

/// Why and when a run ended, with the evidence.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StopRecord {
    /// In one word.
    pub reason: StopReason,
    /// The evidence.
    pub detail: StopDetail,
}

/// What was asked of a worker.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "ask", rename_all = "snake_case")]
pub enum Asked {
    /// Leave a phase: all that was asked of it is known, or its time is used up.
    Leave {
        /// The phase.
        phase: Phase,
        /// Why.
        why: StageEnd,
    },
    /// Leave the training, and serve the model once more.
    Confirm {
        /// Why.
        stop: StopRecord,
    },
    /// Stop.
    Stop {
        /// Why.
        stop: StopRecord,
    },
    /// Nothing: it does not fit, and is ended.
    End {
        /// Why.
        stop: StopRecord,
    },
}

impl Asked {
    /// Whether the run ends.
    pub const fn ends(&self) -> bool {
        matches!(self, Self::Stop { .. } | Self::End { .. })
    }
}

/// What metrics are known on.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Grounds {
    /// Relative half-width of each interval.
    pub within: Num,
    /// Confidence of each interval.
    pub confidence: Num,
    /// Good looks in a row.
    pub looks: u32,
    /// Steps of the stage.
    pub steps: u64,
    /// Of them left out as warm-up.
    pub cut: u64,
    /// The stage.
    pub age: Age,
}

/// A chosen metric that is not known.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OpenFigure {
    /// Which.
    pub metric: MetricName,
    /// What it has reached.
    #[serde(flatten)]
    pub how: OpenHow,
}

/// What a metric that is not known has reached.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "open", rename_all = "snake_case")]
pub enum OpenHow {
    /// No look has judged it.
    NeverJudged,
    /// The last look found it not good.
    Reached {
        /// Its relative half-width, if it has an interval.
        half_width: Option<Num>,
        /// What is wrong.
        why: Why,
    },
    /// Noise alone is in the way.
    NoiseLimited {
        /// Its relative half-width.
        half_width: Num,
        /// The one that is asked.
        asked: Num,
        /// The time in which it is known if the noise stays what it is, in seconds; absent: longer than that which it had, and
        /// nobody knows how much.
        takes_s: Option<Num>,
    },
    /// Too few looks in a row found it good.
    Unconfirmed {
        /// Looks that are asked.
        looks: u32,
    },
    /// It turned out that it cannot be read.
    LeftOut {
        /// Why.
        note: Note,
    },
    /// The search for the highest rate did not end.
    NoSearch,
    /// The search for the highest rate ended without a precise one.
    Search {
        /// In the worker's words.
        why: String,
    },
}

/// The chosen metrics of one stage that are not known.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OpenStage {
    /// The stage.
    pub stage: Stage,
    /// Whether it has begun.
    pub began: bool,
    /// How it was left, if it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub left: Option<StageLeft>,
    /// The metrics.
    pub figures: Vec<OpenFigure>,
}

/// How a stage was left with chosen metrics that are not known.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct StageLeft {
    /// How old it was, in seconds.
    pub after_s: Num,
    /// Since waiting was futile; else its time or its requests were used up.
    pub futile: bool,
}

impl OpenStage {
    /// Whether nothing but noise keeps it from being known.
    pub fn is_noise(&self) -> bool {
        let noise = |figure: &OpenFigure| matches!(figure.how, OpenHow::NoiseLimited { .. });
        self.began && self.figures.iter().all(noise)
    }
}

/// A stage that is left with chosen metrics that are not known.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OpenEnd {
    /// Metrics that are not known.
    pub open: usize,
    /// Chosen metrics.
    pub of: usize,
    /// The relative half-width that is asked.
    pub within: Num,
    /// When.
    pub age: Age,
    /// Those that are not known.
    pub figures: Vec<OpenFigure>,
}

/// A run that ends with chosen metrics that are not known.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunOpen {
    /// Metrics that are not known.
    pub open: usize,
    /// Chosen metrics.
    pub of: usize,
    /// The relative half-width that is asked.
    pub within: Num,
    /// The last stage.
    pub age: Option<Age>,
    /// What is not known.
    pub stages: Vec<OpenStage>,
}

/// Why a stage is left.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "stage_end", rename_all = "snake_case")]
pub enum StageEnd {
    /// Its limits are decided.
    Decided {
        /// When.
        age: Age,
    },
    /// Not all of its limits are decided, and its time is used up.
    Undecided {
        /// When.
        age: Age,
    },
    /// Nothing that was chosen is measured in it.
    Nothing {
        /// When.
        age: Age,
    },
    /// Every chosen metric is known.
    Known {
        /// How many.
        count: usize,
        /// On what.
        grounds: Grounds,
    },
    /// Some are not, since noise drowns them for longer than its time.
    NoiseLimited(OpenEnd),
    /// Some are not, and its time is used up.
    Unstable(OpenEnd),
}

/// What an end spares of the training.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(tag = "spared", rename_all = "snake_case")]
pub enum Spared {
    /// Nothing that is worth a word.
    Nothing,
    /// At least so much.
    AtLeast {
        /// In seconds.
        seconds: Num,
    },
    /// How long it would have taken is not known.
    Unknown,
    /// It was not begun.
    NotBegun,
}

/// Which loss is not a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LossOf {
    /// That of a training step.
    Step,
    /// The training loss of an epoch.
    Training,
    /// The validation loss of an epoch.
    Validation,
}

/// A loss that is not a number.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Divergence {
    /// Which.
    pub loss: LossOf,
    /// What it is.
    pub value: Num,
    /// Counts from 1.
    pub epoch: u32,
    /// Steps until then.
    pub steps: u64,
}

/// The evidence of an end.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "end", rename_all = "snake_case")]
pub enum StopDetail {
    /// Nobody has said why.
    Unknown,
    /// The user ended it.
    ByUser,
    /// It failed.
    Failed {
        /// What the failure says.
        message: String,
    },
    /// It needs more memory than its limit.
    OutOfMemory(Shortage),
    /// The time of the run is used up.
    RunTime {
        /// In seconds.
        limit_s: Num,
        /// What its training was left for before.
        trained: Option<Box<Self>>,
    },
    /// A loss is not a number.
    Diverged(Divergence),
    /// The validation accuracy has stopped improving.
    Trained {
        /// What counts as an improvement.
        min_delta: Num,
        /// Epochs without one.
        patience: u32,
        /// The best accuracy.
        best: Num,
        /// Its epoch.
        at: u32,
        /// Epochs in all.
        epochs: u32,
        /// What is not known.
        open: Vec<OpenStage>,
    },
    /// Its accuracy cannot reach any more what decides.
    OutOfReach {
        /// How far it can come.
        reach: Reach,
        /// What the end spares.
        spared: Spared,
    },
    /// The target accuracy is reached, and the rest holds.
    Target {
        /// The accuracy.
        accuracy: Num,
        /// Its epoch.
        epoch: u32,
        /// Time in training, in seconds.
        after_s: Num,
        /// What else is known.
        rest: Box<Self>,
    },
    /// The worker was asked to stop by somebody else.
    AskedToStop {
        /// Epochs until then.
        epochs: u32,
    },
    /// The command came to its own end.
    Command {
        /// What is not known.
        open: Vec<OpenStage>,
    },
    /// The worker finished its training.
    Epochs {
        /// Epochs.
        used: u32,
        /// The budget.
        budget: u32,
        /// What is not known.
        open: Vec<OpenStage>,
    },
    /// All that was to be served is known.
    Served {
        /// Only the highest rate was searched for.
        searched: bool,
        /// Nanoseconds since the start.
        after_ns: u64,
    },
    /// The time for serving is used up.
    ServeTime {
        /// Nanoseconds since the start.
        after_ns: u64,
    },
    /// What was served is not known.
    ServedOpen {
        /// What is not known.
        open: Vec<OpenStage>,
    },
    /// Nothing was measured.
    NothingMeasured,
    /// Every chosen metric is known.
    Known {
        /// How many.
        count: usize,
        /// In how many stages.
        stages: usize,
        /// On what, in the last of them.
        grounds: Grounds,
    },
    /// Every chosen metric was known before the last stage.
    KnownBefore {
        /// How many.
        count: usize,
        /// The last stage.
        here: StageEnd,
    },
    /// Noise drowns what is not known for longer than the time for measuring.
    NoiseLimited(RunOpen),
    /// The time for measuring is used up.
    Unstable(RunOpen),
    /// A constraint is broken.
    Infeasible {
        /// Which.
        finding: Finding,
        /// What the end spares.
        spared: Spared,
    },
    /// The stop of a rule that is not ours.
    OfRule {
        /// The rule; absent: hindsight.
        rule: Option<String>,
        /// Whether all is known to it.
        known: bool,
    },
    /// The recording is at its end.
    RecordingEnds,
    /// A recorded table was looked up.
    Recorded {
        /// Its name.
        table: String,
        /// Which of the seeds of the table answered, from 0.
        seed: u32,
    },
}
