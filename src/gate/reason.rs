//! Why a row has its verdict: typed, with the numbers as fields. The sentences are made where results are shown.

use serde::{Deserialize, Serialize};

pub use super::narrow::Narrow;
pub use super::note::GateNote;
use crate::event::record::{Arm, RunStatus};
use crate::metric::MetricName;

/// What a reader must know of a row.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "reason", rename_all = "snake_case")]
pub enum RowReason {
    /// A run of the cell did not come to its end.
    RunFailed {
        /// Whose.
        side: Arm,
        /// The first of them.
        run: String,
        /// How it ended.
        status: Option<RunStatus>,
        /// Why, in the words of its record; may be empty.
        why: String,
        /// How many others failed.
        more: usize,
    },
    /// Too few samples for the figure.
    TooFew {
        /// On which side; absent: neither has it.
        side: Option<Arm>,
        /// How many there were.
        samples: u64,
    },
    /// The baseline has no such figure.
    NoBaseline,
    /// The candidate has runs and no such figure.
    NotMeasured {
        /// What its file says of that; may be empty.
        note: String,
    },
    /// The candidate planned the cell and has no run of it.
    NotRun,
    /// The candidate does not have the cell.
    NoCell,
    /// Neither side has a figure of the cell that is judged.
    NothingJudged,
    /// The baseline has no run of the cell, and it has no figure that is judged.
    NewUnjudged,
    /// The policy gates the metric and neither side has measured it.
    Undelivered,
    /// Some runs have no such figure.
    Absent {
        /// Whose.
        side: Arm,
        /// Runs without it.
        absent: usize,
        /// Of so many.
        runs: usize,
        /// The same two of the other side; 0 where it has them all.
        of_other: (usize, usize),
        /// What is said of it; may be empty.
        note: String,
        /// The worker did not say it: longer runs may not have it either.
        #[serde(default)]
        unsaid: bool,
    },
    /// Runs of a comparison in turns were not made, or were ended by the user.
    Unfinished {
        /// Of which side.
        side: Arm,
        /// How many.
        runs: usize,
    },
    /// The cell has fewer runs than others.
    FewerRuns {
        /// Of which side.
        side: Arm,
        /// How many it has.
        has: usize,
        /// How many others have.
        others: usize,
    },
    /// Runs repeat the figures of another one.
    Copies {
        /// Of which side.
        side: Arm,
        /// How many.
        runs: usize,
    },
    /// The cell does not use the device.
    AllZero,
    /// Too few samples: another metric is judged instead.
    JudgedInstead {
        /// How many there were.
        samples: u64,
        /// The other one.
        #[serde(serialize_with = "MetricName::by_name")]
        by: MetricName,
    },
    /// Too few samples, and the other metric cannot be judged.
    NoFallback {
        /// How many there were.
        samples: u64,
        /// The other one.
        #[serde(serialize_with = "MetricName::by_name")]
        fallback: MetricName,
    },
    /// It is judged in place of another one too.
    InPlaceOf {
        /// The other one.
        #[serde(serialize_with = "MetricName::by_name")]
        metric: MetricName,
    },
    /// No p value of so few blocks can be small enough.
    TooFewBlocks {
        /// Whole blocks.
        blocks: usize,
        /// The smallest p value that they can give.
        p_min: f64,
        /// What is asked.
        alpha: f64,
        /// So many could.
        needed: Option<usize>,
    },
    /// No p value of so few runs can be small enough.
    TooFewRuns {
        /// Of the baseline.
        baseline: usize,
        /// Of the candidate.
        candidate: usize,
        /// The smallest p value that they can give.
        p_min: f64,
        /// What is asked.
        alpha: f64,
        /// So many of each could.
        needed: Option<usize>,
        /// The fewest more runs of the baseline and of the candidate that could.
        #[serde(default)]
        more: Option<[u32; 2]>,
    },
    /// Some blocks are not whole.
    BrokenBlocks {
        /// How many.
        blocks: usize,
    },
    /// The values vary in no way that could be tested.
    Untestable {
        /// What was to be tested.
        of: Tested,
    },
    /// Only one of the stored sessions has the figure.
    OneHasIt,
    /// There is one stored session.
    OneSession,
    /// There are fewer stored sessions than full verdicts need.
    FewSessions {
        /// How many have the figure.
        sessions: usize,
        /// Whether these are all that there are.
        all: bool,
    },
    /// The stored sessions are not as good as their number.
    Narrow(Narrow),
    /// Compared although the machines differ or are not known.
    OtherMachine,
    /// It would be regressed but for this.
    SuspectAtMost {
        /// What forbids it.
        since: Box<Self>,
    },
    /// It would be improved but for this.
    Uncertain {
        /// What makes it so.
        since: Box<Self>,
    },
    /// A pass against one stored session.
    WithinSessions,
    /// A worsening by the floor is neither shown nor excluded.
    Open {
        /// The floor, as a share.
        floor: f64,
        /// The row's own interval shows it; p, which is of all rows together, does not.
        #[serde(default)]
        alone: bool,
    },
    /// The design calls no smaller change one.
    NoneBelow {
        /// As a share.
        share: f64,
    },
    /// What would be found in four of five cases.
    Detectable {
        /// As a share; absent: not even a thousand times.
        share: Option<f64>,
    },
    /// Only more stored sessions would make it sharper.
    MoreSessions {
        /// Whether they must be of other days than those that there are.
        #[serde(default)]
        other_days: bool,
    },
    /// More runs of each side would tell.
    MoreRuns {
        /// At the least, if the change and the noise are what they seem to be give or take a standard error of each.
        #[serde(alias = "runs")]
        least: u32,
        /// At the most; absent: no number of them may.
        #[serde(default)]
        most: Option<u32>,
    },
    /// More runs of these sessions would not tell.
    RunsTellNothing,
    /// It is so near to the floor that more runs may not tell.
    NearFloor,
}

/// What a test is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Tested {
    /// Blocks of both sides.
    Blocks,
    /// Runs.
    Runs,
    /// Stored sessions.
    Sessions,
}
