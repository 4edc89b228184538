//! What would settle a row that is in doubt: of the same typed reasons that its sentence is made of.

use super::narrow::Narrow;
use super::paired::RUNS;
use super::reason::RowReason;
use super::verdict::Row;

/// What would settle a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Remedy {
    /// More runs of each side.
    Runs {
        /// At the least.
        least: u32,
        /// At the most; absent: no number of them may.
        most: Option<u32>,
    },
    /// More stored sessions: more runs would tell nothing.
    Sessions {
        /// Whether they must be of other days than those that there are.
        other_days: bool,
    },
    /// Runs that are long enough to have the figure.
    LongerRuns,
    /// Another floor: the change is all but the floor itself.
    Floor,
}

impl RowReason {
    /// What would remove this reason, where anything would.
    pub const fn remedy(&self) -> Option<Remedy> {
        match self {
            Self::MoreRuns { least, most } => Some(Remedy::Runs { least: *least, most: *most }),
            Self::MoreSessions { other_days } => Some(Remedy::Sessions { other_days: *other_days }),
            Self::RunsTellNothing | Self::OneHasIt => Some(Remedy::Sessions { other_days: false }),
            Self::Absent { unsaid: false, .. }
            | Self::TooFew { .. }
            | Self::BrokenBlocks { .. } => Some(Remedy::LongerRuns),
            Self::NearFloor => Some(Remedy::Floor),
            _ => None,
        }
    }

    /// How many more runs of the baseline and of the candidate could give a small enough p value, where they are too few for any.
    pub(super) fn more_runs(&self) -> Option<[u32; 2]> {
        match self {
            Self::TooFewBlocks { blocks, needed, .. } => {
                let more = u32::try_from(RUNS * (*needed)?.saturating_sub(*blocks)).ok()?;
                Some([more; 2])
            }
            Self::TooFewRuns { more, .. } => *more,
            _ => None,
        }
    }

    /// Whether only sessions of other days would remove it.
    pub(super) const fn is_of_close_sessions(&self) -> bool {
        matches!(self, Self::Narrow(Narrow { dated: true, .. }))
    }
}

impl Row {
    /// What would settle it, where anything would: what is said last is what is open once the rest is there.
    pub fn remedy(&self) -> Option<Remedy> {
        self.why.iter().rev().find_map(RowReason::remedy)
    }
}
