//! What the exit code says.

use std::process::ExitCode;

use crate::event::{RunRecord, RunStatus};

/// How `perftune` ends. Codes 1, 4, 5 and 6 belong to comparisons with a baseline and are not used here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExitStatus {
    /// Everything asked was done.
    Ok,
    /// The command line, the grid, the data or the place for the results is at fault; no run has failed.
    Usage,
    /// At least one run failed; the others have their results.
    RunFailed,
    /// The user ended it; what was finished is kept.
    Interrupted,
}

impl ExitStatus {
    /// The process's exit code.
    pub const fn code(self) -> u8 {
        match self {
            Self::Ok => 0,
            Self::Usage => 2,
            Self::RunFailed => 3,
            // 128 + SIGINT, as shells have it.
            Self::Interrupted => 130,
        }
    }
}

impl From<ExitStatus> for ExitCode {
    fn from(status: ExitStatus) -> Self {
        Self::from(status.code())
    }
}

/// For the help pages.
pub const EXIT_CODES: &str = "Exit codes:
  0    done
  2    wrong arguments, grid or data, or results that cannot be written
  3    at least one run failed
  130  interrupted; what was finished is kept";

/// What a grid's runs make of the exit code. An interruption outweighs a failure: the grid is not complete, and a
/// script should rather resume it than look into it.
pub fn grid_exit(records: &[RunRecord], interrupted: bool) -> ExitStatus {
    let any = |status: RunStatus| records.iter().any(|record| record.status == status);
    if interrupted || any(RunStatus::Cancelled) {
        ExitStatus::Interrupted
    } else if any(RunStatus::Failed) {
        ExitStatus::RunFailed
    } else {
        ExitStatus::Ok
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::fixtures::{cancelled, completed, diverged, failed, plateaued};

    #[test]
    fn the_grid_decides_the_code() {
        for (records, interrupted, code) in [
            (vec![], false, 0),
            (vec![completed(), plateaued()], false, 0),
            // A loss that diverges is an answer, not a failure of the run.
            (vec![diverged()], false, 0),
            (vec![completed(), failed()], false, 3),
            (vec![failed(), cancelled()], false, 130),
            (vec![completed()], true, 130),
        ] {
            assert_eq!(grid_exit(&records, interrupted).code(), code);
        }
    }
}
