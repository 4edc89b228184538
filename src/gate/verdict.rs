//! What a judgement says: a verdict for each row, how much was judged, and one outcome.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::policy::Role;
use super::reason::{GateNote, RowReason};
use crate::event::fingerprint::FingerprintDifference;
use crate::metric::{Better, MetricName};

/// Name and version of the document that a [`Judgement`] is written as.
pub const FORMAT: &str = "perftune-verdict/2";

/// Phase and metric of a row that speaks of its cell as a whole.
pub const WHOLE_CELL: &str = "*";

/// What is said of one metric of one cell. The order is that of the reports: the worst first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RowVerdict {
    /// Not compared: the machines differ, or nobody knows whether they do.
    Incomparable,
    /// A run of the cell did not come to its end.
    Failed,
    /// The baseline has it and the candidate has not, or some runs of either lack it without a word, and what is left shows no
    /// regression.
    Missing,
    /// Worse beyond the noise by at least the floor.
    Regressed,
    /// The same, from a design that cannot know it for certain.
    Suspect,
    /// There are too few runs for any change to be found, however large.
    Unreachable,
    /// Neither worse by the floor nor shown not to be.
    Inconclusive,
    /// The baseline has not got it: nothing to compare with.
    New,
    /// Better beyond the noise by at least the floor.
    Improved,
    /// Not worse by as much as the floor, beyond the noise.
    Pass,
    /// For information: not judged.
    Info,
}

impl RowVerdict {
    /// In one word.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Regressed => "regressed",
            Self::Suspect => "suspect",
            Self::Pass => "pass",
            Self::Improved => "improved",
            Self::Inconclusive => "inconclusive",
            Self::Unreachable => "unreachable",
            Self::Missing => "missing",
            Self::New => "new",
            Self::Failed => "failed",
            Self::Incomparable => "incomparable",
            Self::Info => "info",
        }
    }

    /// What a row of this verdict alone makes of the whole.
    pub const fn outcome(self) -> Outcome {
        match self {
            Self::Incomparable => Outcome::Incomparable,
            // Planned, and not judged: a run less must not look better than one more.
            Self::Missing | Self::Failed | Self::Unreachable => Outcome::Coverage,
            Self::Regressed => Outcome::Regressed,
            Self::Suspect | Self::Inconclusive => Outcome::Doubtful,
            Self::Pass | Self::Improved | Self::New | Self::Info => Outcome::Ok,
        }
    }
}

impl fmt::Display for RowVerdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// One metric of one cell, with what is said of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Row {
    /// The cell.
    pub cell: String,
    /// The stage, or `run`; [`WHOLE_CELL`] where the row speaks of the whole cell.
    pub phase: String,
    /// The metric; [`WHOLE_CELL`] where the row speaks of the whole cell.
    #[serde(serialize_with = "MetricName::by_name")]
    pub metric: MetricName,
    /// The unit of the figures.
    pub unit: String,
    /// Which values are better.
    pub direction: Option<Better>,
    /// Whether it is judged.
    pub role: Role,
    /// The verdict.
    pub verdict: RowVerdict,
    /// Median over the runs of the baseline.
    pub baseline: Option<f64>,
    /// Median over the runs of the candidate.
    pub candidate: Option<f64>,
    /// The change as measured, not turned so that up is worse: 0.05 is 5% more. The estimate of Hodges and Lehmann where the row
    /// was tested, of the medians elsewhere.
    pub change: Option<f64>,
    /// Lower end of its interval, which holds for all tested rows at once.
    pub low: Option<f64>,
    /// Upper end.
    pub high: Option<f64>,
    /// One-sided p value in the direction of the change, corrected for all tested rows.
    pub p: Option<f64>,
    /// The smallest change that counts here, as a share, whatever it came from.
    pub floor: f64,
    /// The smallest worsening that would be found in four of five comparisons like this one, as a share of the baseline: of a rate
    /// by how much it would have fallen.
    pub detectable: Option<f64>,
    /// Runs that each side still needs for a verdict, if the change stays what it is. A rough figure. Of a row that is unreachable the
    /// runs that the side which lacks most needs.
    pub runs_needed: Option<u32>,
    /// Runs of the baseline with this figure.
    pub baseline_runs: usize,
    /// Runs of the candidate with this figure.
    pub candidate_runs: usize,
    /// What a reader must know; may be empty.
    #[serde(rename = "reasons")]
    pub why: Vec<RowReason>,
}

/// What the runs allow to be said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Design {
    /// Both sides in turns on one machine.
    Paired {
        /// Comparisons that the blocks are of.
        sessions: usize,
        /// Blocks, of all sessions together.
        blocks: usize,
    },
    /// The candidate against sessions recorded before.
    Stored {
        /// How many.
        baseline_sessions: usize,
    },
}

impl fmt::Display for Design {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plural = |n: usize| if n == 1 { "" } else { "s" };
        match *self {
            Self::Paired { blocks: 0, .. } => f.write_str("interleaved, no whole block"),
            Self::Paired { sessions: 1, blocks } => {
                write!(f, "interleaved, {blocks} block{}", plural(blocks))
            }
            Self::Paired { sessions, blocks } => {
                write!(f, "interleaved, {blocks} blocks of {sessions} sessions")
            }
            Self::Stored { baseline_sessions: n } => {
                write!(f, "against {n} stored session{}", plural(n))
            }
        }
    }
}

/// How much was judged. All counts are of gated rows; `new` is not among `of`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Coverage {
    /// Regressed, suspect, passed or improved.
    pub judged: usize,
    /// All that the baseline has or a side failed to measure.
    pub of: usize,
    /// Inconclusive.
    pub inconclusive: usize,
    /// Missing.
    pub missing: usize,
    /// Failed.
    pub failed: usize,
    /// Unreachable.
    pub unreachable: usize,
    /// New.
    pub new: usize,
}

impl Coverage {
    /// The census of these rows.
    pub fn of(rows: &[Row]) -> Self {
        let mut coverage = Self::default();
        for row in rows {
            match row.verdict {
                RowVerdict::Info => continue,
                RowVerdict::New => {
                    coverage.new += 1;
                    continue;
                }
                RowVerdict::Inconclusive => coverage.inconclusive += 1,
                RowVerdict::Missing => coverage.missing += 1,
                RowVerdict::Failed => coverage.failed += 1,
                RowVerdict::Unreachable => coverage.unreachable += 1,
                RowVerdict::Incomparable => (),
                RowVerdict::Regressed
                | RowVerdict::Suspect
                | RowVerdict::Pass
                | RowVerdict::Improved => coverage.judged += 1,
            }
            coverage.of += 1;
        }
        coverage
    }

    fn incomparable(&self) -> usize {
        let told = self.judged + self.inconclusive + self.missing + self.failed + self.unreachable;
        self.of.saturating_sub(told)
    }
}

impl fmt::Display for Coverage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "judged {} of {}", self.judged, self.of)?;
        for (what, count) in [
            ("inconclusive", self.inconclusive),
            ("missing", self.missing),
            ("failed", self.failed),
            ("unreachable", self.unreachable),
            ("incomparable", self.incomparable()),
            ("new", self.new),
        ] {
            if count > 0 {
                write!(f, ", {what} {count}")?;
            }
        }
        Ok(())
    }
}

/// What the whole comes to. The order is that of precedence: a later one hides an earlier one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// Nothing is worse.
    Ok,
    /// Nothing is worse for certain, and not everything is known to be as good.
    Doubtful,
    /// Something is worse.
    Regressed,
    /// Something that should have been judged could not be: missing, failed, unreachable, or nothing judged at all; or a part of the
    /// baseline is gone.
    Coverage,
    /// The two sides cannot be compared.
    Incomparable,
}

impl Outcome {
    /// Of rows and their census.
    pub fn of(rows: &[Row]) -> Self {
        let worst = rows.iter().map(|row| row.verdict.outcome()).max();
        let coverage = Coverage::of(rows);
        // An inconclusive row was looked at; that a gate looked at nothing must not look like a pass.
        let nothing = coverage.judged + coverage.inconclusive == 0;
        let worst = worst.unwrap_or(Self::Ok);
        if nothing { worst.max(Self::Coverage) } else { worst }
    }
}

/// What is said of a candidate.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Judgement {
    /// [`FORMAT`].
    pub format: String,
    /// The baseline's name.
    pub baseline: String,
    /// The candidate's name.
    pub candidate: String,
    /// What the runs allow to be said.
    pub design: Design,
    /// Whether a row may be called regressed; otherwise suspect at most.
    pub full_verdicts: bool,
    /// The chance that a comparison of equal builds fails at all.
    pub alpha: f64,
    /// The smallest p value that the design can give.
    pub p_min: f64,
    /// All rows, the worst first.
    pub rows: Vec<Row>,
    /// How much was judged.
    pub coverage: Coverage,
    /// In what the machines differ.
    pub environment: Vec<FingerprintDifference>,
    /// What people must know.
    #[serde(rename = "reasons")]
    pub notes: Vec<GateNote>,
    /// What it comes to.
    pub outcome: Outcome,
}

impl Judgement {
    /// The exit code of `check`: 4 before 5 before 1 before 6 before 0. What cannot be compared outweighs what was not measured,
    /// since whatever was measured says nothing then; that outweighs a regression, since among what was not measured there may be
    /// worse; and doubt counts only where it is asked to. It trusts neither the outcome nor the rows alone, so that a document
    /// whose rows were changed cannot turn green.
    pub fn exit_code(&self, inconclusive_fails: bool) -> u8 {
        match self.outcome.max(Outcome::of(&self.rows)) {
            Outcome::Incomparable => 4,
            Outcome::Coverage => 5,
            Outcome::Regressed => 1,
            Outcome::Doubtful if inconclusive_fails => 6,
            Outcome::Doubtful | Outcome::Ok => 0,
        }
    }
}
