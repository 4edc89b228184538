//! What the exit code says.
//!
//! What the codes of a comparison are is decided by the gate. Invariant: an interruption outweighs a failure, and a
//! failure what `--strict` asks for.

use std::process::ExitCode;

use crate::app::Fault;
use crate::config::plan::PlannedRun;
use crate::event::{Cut, Feasibility, RunRecord, RunStatus};

/// How `perftune` ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExitStatus {
    /// Everything asked was done.
    Ok,
    /// The command line, the grid, the data or the place for the results is at fault; no run has failed.
    Usage,
    /// `--strict`, and no cell keeps its constraints for certain.
    NoneFeasible,
    /// A comparison with a baseline was judged; the exit code is its verdict's. It never ends as a run that failed does.
    Judged(u8),
    /// `check --self-test`: the gate did not fire where it should, or fired where it should not.
    SelfTestFailed,
    /// `merge` and `run --engine slurm`: cells or runs of the grid are missing; the reports of what is there are written.
    NotCovered,
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
            Self::Judged(code) => code,
            Self::NoneFeasible | Self::SelfTestFailed => 1,
            Self::Usage => 2,
            Self::RunFailed => 3,
            Self::NotCovered => 5,
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

/// What a code says of a command.
#[derive(Debug, Clone, Copy)]
pub struct Meaning {
    /// The exit code.
    pub code: u8,
    /// When it is given.
    pub when: &'static str,
}

const fn code(code: u8, when: &'static str) -> Meaning {
    Meaning { code, when }
}

/// Of a grid.
pub const GRID_CODES: &[Meaning] = &[
    code(0, "done"),
    code(1, "--strict: no cell is feasible"),
    code(2, "wrong arguments, grid or data, or results that cannot be written"),
    code(3, "at least one run failed"),
    code(5, "--engine slurm: not all tasks were taken or, with --wait, cells are missing"),
    code(130, "interrupted; finished runs are kept"),
];

/// Of a command that is measured.
pub const EXEC_CODES: &[Meaning] = &[
    code(0, "the command exited with 0, or was ended as requested"),
    code(1, "--strict: it is not feasible"),
    code(2, "wrong arguments, no such command, or results that cannot be written"),
    code(3, "the command failed; its exit code is in the report"),
    code(130, "interrupted"),
];

/// Of what reads results and prints.
pub const READING_CODES: &[Meaning] = &[
    code(0, "done"),
    code(2, "wrong arguments, or data that cannot be read; what can be judged is printed"),
];

/// Of `merge`; where several are true, the one that stands first.
pub const MERGE_CODES: &[Meaning] = &[
    code(
        2,
        "wrong arguments, parts that do not belong together or overlap, or results that cannot be written: nothing is \
         written",
    ),
    code(
        5,
        "not covered: cells or runs of the grid are in no part; the reports of what is there are written",
    ),
    code(3, "at least one run failed"),
    code(0, "done"),
];

/// Of comparisons; where several are true, the one that stands first.
pub const CHECK_CODES: &[Meaning] = &[
    code(
        2,
        "wrong arguments, or data that cannot be read or compared, or a report that cannot be written",
    ),
    code(4, "not comparable: the two sides were measured in different or unknown environments"),
    code(
        5,
        "not covered: rows are missing, failed or unreachable, none could be judged, or a stored session is gone",
    ),
    code(
        1,
        "regressed: at least one row is significantly worse, by its floor or more; or --self-test found that the gate does not \
         work",
    ),
    code(6, "in doubt: with --on-inconclusive=fail, a row is suspect or inconclusive"),
    code(0, "no regression"),
];

/// Whether the exit code of these runs says that no cell is feasible, where that is `asked`: something must be limited.
pub fn strict(asked: bool, runs: &[PlannedRun]) -> Result<bool, Fault> {
    let strict = asked && !runs.is_empty();
    if strict && runs.iter().all(|run| run.stop.constraints.is_empty()) {
        return Err(Fault::new("--strict, but the grid has no [constraints]")
            .hint("for example --set 'constraints.memory.peak=<= 512MiB'"));
    }
    Ok(strict)
}

/// What a grid's runs make of the exit code. Time that is used up is no fault; an interruption outweighs a failure: the grid is not complete, and a
/// script should rather resume it than look into it. A failure outweighs what `strict` asks for: the cell that failed
/// might have been feasible.
pub fn grid_exit(records: &[RunRecord], cut: Option<Cut>, strict: bool) -> ExitStatus {
    let any = |status: RunStatus| records.iter().any(|record| record.status == status);
    if cut == Some(Cut::User) || cut.is_none() && any(RunStatus::Cancelled) {
        ExitStatus::Interrupted
    } else if any(RunStatus::Failed) {
        ExitStatus::RunFailed
    } else if strict && !any_cell_feasible(records) {
        ExitStatus::NoneFeasible
    } else {
        ExitStatus::Ok
    }
}

/// Whether all runs of at least one cell are feasible.
fn any_cell_feasible(records: &[RunRecord]) -> bool {
    let feasible = |record: &RunRecord| {
        let verdict = record.verdict.as_ref();
        verdict.is_some_and(|verdict| verdict.verdict == Feasibility::Feasible)
    };
    records.iter().any(|one| {
        let mut cell = records.iter().filter(|other| other.cell == one.cell);
        cell.all(feasible)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gate::RowVerdict;
    use crate::report::fixtures::{cancelled, completed, diverged, failed, judged, known};
    use crate::report::gate::fixtures::with;

    #[test]
    fn the_grid_decides_the_code() {
        for (records, cut, code) in [
            (vec![], None, 0),
            (vec![completed(), known()], None, 0),
            // A loss that diverges is an answer, not a failure of the run.
            (vec![diverged()], None, 0),
            (vec![completed(), failed()], None, 3),
            (vec![failed(), cancelled()], None, 130),
            (vec![completed(), cancelled()], Some(Cut::Budget), 0),
            (vec![failed(), cancelled()], Some(Cut::Budget), 3),
            (vec![completed()], Some(Cut::User), 130),
        ] {
            assert_eq!(grid_exit(&records, cut, false).code(), code);
        }
    }

    #[test]
    fn a_comparison_has_codes_of_its_own() {
        use RowVerdict::{
            Failed, Improved, Incomparable, Inconclusive, Info, Missing, New, Pass, Regressed,
            Suspect, Unreachable,
        };
        for (verdicts, passes, fails) in [
            (&[Pass, Regressed, Missing, Suspect, Incomparable][..], 4, 4),
            (&[Pass, Regressed, Missing, Suspect], 5, 5),
            (&[Regressed, Failed], 5, 5),
            (&[Pass, Regressed, Suspect, Inconclusive], 1, 1),
            (&[Pass, Suspect], 0, 6),
            (&[Pass, Inconclusive], 0, 6),
            (&[Pass, Unreachable], 5, 5),
            (&[Regressed, Unreachable], 5, 5),
            (&[Pass, Improved, New, Info], 0, 0),
            // Nothing was judged.
            (&[Unreachable], 5, 5),
            (&[New, Info], 5, 5),
            (&[], 5, 5),
        ] {
            let judgement = with(verdicts);
            for (inconclusive_fails, code) in [(false, passes), (true, fails)] {
                let found = ExitStatus::Judged(judgement.exit_code(inconclusive_fails));
                assert_eq!(found.code(), code, "{verdicts:?}");
            }
        }
    }

    #[test]
    fn strict_asks_for_one_cell_whose_runs_are_all_feasible() {
        use Feasibility::{Feasible, Infeasible, Undecided};
        let of = |cell: &str, verdict| {
            let mut record = judged(completed(), verdict, Vec::new());
            record.cell = cell.to_owned();
            record
        };
        for (records, code) in [
            (vec![of("a", Feasible), of("b", Infeasible)], 0),
            (vec![of("a", Undecided), of("b", Infeasible)], 1),
            (vec![of("a", Feasible), of("a", Undecided)], 1),
            (vec![of("a", Infeasible), of("b", Feasible), of("b", Feasible)], 0),
            (vec![completed()], 1),
            (vec![], 1),
            (vec![of("a", Infeasible), failed()], 3),
        ] {
            assert_eq!(grid_exit(&records, None, true).code(), code);
        }
        assert_eq!(grid_exit(&[of("a", Infeasible)], None, false).code(), 0);
        assert_eq!(grid_exit(&[of("a", Infeasible)], Some(Cut::User), true).code(), 130);
    }
}
