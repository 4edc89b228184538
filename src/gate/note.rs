//! What must be known beside the rows of a judgement: typed, with the numbers as fields.

use serde::{Deserialize, Serialize};

use super::narrow::Narrow;
use super::unlike::{MachineDoubt, OtherSetting};
use crate::event::record::Arm;
use crate::metric::MetricName;

/// What people must know beside the rows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "note", rename_all = "snake_case")]
pub enum GateNote {
    /// The two sides are not compared.
    NotCompared {
        /// Why.
        against: Vec<MachineDoubt>,
    },
    /// They are compared all the same.
    OtherMachine {
        /// What speaks against it.
        against: Vec<MachineDoubt>,
    },
    /// A field that differs since it is what is tested.
    UnderTest {
        /// The field.
        field: String,
        /// Of the baseline.
        baseline: String,
        /// Of the candidate.
        candidate: String,
    },
    /// A setting that differs: since it is what is tested, or was set so where the sides took turns.
    OtherSetting(OtherSetting),
    /// A comparison in turns of which runs are not there.
    Unfinished {
        /// How many, of both sides.
        runs: usize,
        /// Of so many that were planned.
        of: usize,
    },
    /// A subject that no fingerprint has.
    IdleSubject {
        /// The field.
        field: String,
    },
    /// A session of the candidate that was left out of the baseline.
    OwnSession {
        /// Which.
        session: String,
    },
    /// Files of the baseline are gone.
    Lost {
        /// The first.
        file: String,
        /// How many more.
        more: usize,
    },
    /// The arms were recorded the other way round.
    Exchanged,
    /// It is not known how some runs ended.
    Silent {
        /// Whose.
        side: Arm,
        /// How many.
        runs: usize,
        /// Of so many.
        of: usize,
    },
    /// Runs that repeat the figures of another one of their cell.
    Copies {
        /// Whose.
        side: Arm,
        /// How many.
        runs: usize,
        /// A cell of theirs.
        cell: String,
    },
    /// Cells whose runs do not differ at all.
    Constant {
        /// Whose.
        side: Arm,
        /// The first.
        cell: String,
        /// How many cells.
        cells: usize,
    },
    /// Every run of the candidate has the figures of one of the baseline.
    Twins,
    /// A metric that neither side has measured.
    Unmeasured {
        /// Which.
        #[serde(serialize_with = "MetricName::by_name")]
        metric: MetricName,
        /// In so many stages of cells.
        places: usize,
        /// The first: stage and cell; empty in verdicts from before it was told.
        #[serde(default)]
        first: String,
        /// Why, in the words of the first; may be empty.
        #[serde(default)]
        why: String,
    },
    /// A cell that is gone on purpose.
    Retired {
        /// Which.
        cell: String,
        /// The policy's reason.
        reason: String,
    },
    /// An entry of `retired` that excuses nothing.
    IdleRetired {
        /// The cell.
        cell: String,
        /// Whether a side has it all the same.
        present: bool,
    },
    /// A direction that is not the catalogue's.
    Turned {
        /// The metric.
        #[serde(serialize_with = "MetricName::by_name")]
        metric: MetricName,
    },
    /// New rows, which are not judged.
    New {
        /// How many.
        rows: usize,
    },
    /// Figures that are not judged and are worse in every run of the candidate than in any of the baseline, in cells whose judged
    /// ones show nothing.
    Apart {
        /// The cell of the first, which changed most.
        cell: String,
        /// Its stage.
        phase: String,
        /// Its metric.
        #[serde(serialize_with = "MetricName::by_name")]
        metric: MetricName,
        /// Its change between the medians, as a share.
        change: f64,
        /// How many others.
        more: usize,
    },
    /// Rows in which no change could be found.
    Unreachable {
        /// How many.
        rows: usize,
        /// Of so many that are judged.
        of: usize,
        /// More runs of the baseline, and of the candidate, with which they could.
        #[serde(default)]
        more_runs: Option<[u32; 2]>,
    },
    /// Cells with blocks that are not whole.
    BrokenBlocks {
        /// The first.
        cell: String,
        /// How many cells.
        cells: usize,
        /// How many rows of them; all others have every block.
        #[serde(default)]
        rows: usize,
    },
    /// There is one stored session.
    OneSession {
        /// From which change on a row may be suspect, as a share.
        from: f64,
    },
    /// There are fewer stored sessions than full verdicts need.
    FewSessions {
        /// How many.
        sessions: usize,
    },
    /// The stored sessions are not as good as their number.
    Narrow(Narrow),
    /// Stored runs beyond the number of the candidate's were left out.
    RunsLeftOut,
    /// Metrics of the worker's own that nobody has declared.
    WorkersOwn {
        /// The first.
        #[serde(serialize_with = "MetricName::by_name")]
        metric: MetricName,
        /// How many others.
        more: usize,
    },
    /// The candidate's rules are not those of the baseline, or not the usual ones.
    OwnRules {
        /// The keys that differ.
        keys: Vec<String>,
        /// Whether the baseline has rules of its own.
        both: bool,
    },
    /// Both sides are the same program with the same settings.
    OneProgram,
    /// A comparison that ended early.
    EndedEarly {
        /// Blocks that were made.
        blocks: u32,
        /// Blocks that were asked.
        of: u32,
    },
    /// What reading a side had to say.
    OfSide {
        /// The side's name.
        side: String,
        /// In the words of its reader.
        said: String,
    },
}
