//! How and why a worker is being ended.

use crate::event::{FailureKind, Phase, Stage, StopRecord};

/// Why the worker is being ended.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Cause {
    /// The controller knows enough.
    Verdict(StopRecord),
    /// The user said so, or events can no longer be stored.
    Cancelled,
    /// It failed while alive.
    Failure(FailureKind, String),
    /// It needs more memory than its limit.
    Shortage(StopRecord),
    /// It had finished but does not leave.
    Lingering,
}

impl Cause {
    /// Whether it is what happened to the worker, which nothing that comes later changes.
    pub(super) const fn is_final(&self) -> bool {
        matches!(self, Self::Failure(..) | Self::Shortage(_))
    }
}

/// What has been done to end it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Force {
    /// It was told.
    Asked,
    /// SIGTERM.
    Terminated,
    /// SIGKILL.
    Killed,
}

/// An end that is under way.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Ending {
    pub(super) cause: Cause,
    pub(super) force: Force,
    pub(super) since_ns: u64,
}

/// What a worker was asked to leave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Leave {
    Phase(Phase),
    Training,
    /// All but the test.
    All,
}

impl Leave {
    pub(super) fn covers(self, phase: Phase) -> bool {
        match self {
            Self::Phase(left) => phase == left,
            Self::Training => phase.stage() == Stage::Train,
            Self::All => phase != Phase::Test,
        }
    }
}
