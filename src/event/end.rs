//! Why a run ended, in one word, and how old its stage was.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::worker::{Num, Stage};

/// Why a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum StopReason {
    /// Every chosen metric is known.
    Known,
    /// A constraint is broken for certain.
    Infeasible,
    /// The validation metric has stopped improving.
    Trained,
    /// Its accuracy cannot reach any more what decides.
    #[serde(rename = "out of reach")]
    OutOfReach,
    /// All epochs are done, or the command has ended by itself.
    Completed,
    /// Its time was used up.
    Budget,
    /// It needs more memory than its limit.
    #[serde(rename = "out of memory")]
    OutOfMemory,
    /// The loss is no longer a number.
    Diverged,
    /// A chosen metric is not known, and noise keeps it from being for longer than the time for measuring.
    #[serde(rename = "noise-limited")]
    NoiseLimited,
    /// The time for measuring was used up and a chosen metric has not settled.
    Unstable,
    /// The worker failed.
    Failed,
    /// The user ended it.
    Cancelled,
}

impl StopReason {
    /// Whether the run was given up: of such a one no model is trained to the end.
    pub const fn gave_up(self) -> bool {
        matches!(self, Self::OutOfMemory | Self::Diverged | Self::Failed | Self::Cancelled)
    }
}

impl fmt::Display for StopReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Known => "known",
            Self::Infeasible => "infeasible",
            Self::Trained => "trained",
            Self::OutOfReach => "out of reach",
            Self::Completed => "completed",
            Self::Budget => "budget",
            Self::OutOfMemory => "out of memory",
            Self::Diverged => "diverged",
            Self::NoiseLimited => "noise-limited",
            Self::Unstable => "unstable",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        })
    }
}

/// How old a stage is.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Age {
    /// In seconds.
    pub seconds: Num,
    /// The stage.
    pub stage: Stage,
    /// Its requests may wait for each other.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub queues: bool,
}

/// What ended a grid before all was run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cut {
    /// The user.
    User,
    /// Its budget of time was used.
    Budget,
}
