//! How runs ended: in a word and in a sentence.

use super::{one_line, words};
use crate::event::{Failure, FailureKind, Feasibility, RunRecord, RunStatus};

/// A failure on one line: `killed in train: out of memory; it said last: bad_alloc`.
pub fn failure_text(failure: &Failure) -> String {
    /// Characters of the last line that are told.
    const LONGEST: usize = 200;
    let place = failure.phase.as_ref().map(|phase| format!(" in {phase}")).unwrap_or_default();
    let message = one_line(&failure.message);
    let mut lines = failure.stderr_tail.lines().rev().map(one_line);
    let last = lines.find(|line| !line.is_empty() && !message.contains(line));
    let said = last.map_or_else(String::new, |line| {
        let end = line.char_indices().nth(LONGEST).map_or(line.len(), |(end, _)| end);
        let dots = if end < line.len() { "..." } else { "" };
        format!("; its last output: {}{dots}", &line[..end])
    });
    if message.is_empty() {
        format!("{}{place}{said}", failure.kind)
    } else {
        format!("{}{place}: {message}{said}", failure.kind)
    }
}

/// Why a run ended: its failure, or the evidence of its end.
pub fn why(record: &RunRecord) -> String {
    record.failure.as_ref().map_or_else(|| words::ended(record), failure_text)
}

/// How a run ended, in a word or two that fit a column; for a failed one, what kind of failure.
pub(super) fn word(record: &RunRecord) -> String {
    match (record.status, record.failure.as_ref().map(|failure| failure.kind)) {
        (RunStatus::Failed, None) => "failed".to_owned(),
        // `Display` says "not started" and "protocol error": too wide for the column.
        (RunStatus::Failed, Some(FailureKind::Setup)) => "setup".to_owned(),
        (RunStatus::Failed, Some(FailureKind::Prepare)) => "prepare".to_owned(),
        (RunStatus::Failed, Some(FailureKind::Spawn)) => "no start".to_owned(),
        (RunStatus::Failed, Some(FailureKind::Protocol)) => "protocol".to_owned(),
        (RunStatus::Failed, Some(kind)) => kind.to_string(),
        (RunStatus::Cancelled, _) => "cancelled".to_owned(),
        (RunStatus::Completed | RunStatus::Stopped, _) => record.stop.reason.to_string(),
    }
}

/// Whether a run came to an end of its own, so that its figures are those of its cell.
pub(super) fn is_ok(record: &RunRecord) -> bool {
    matches!(record.status, RunStatus::Completed | RunStatus::Stopped)
}

/// How many runs have this status.
pub(super) fn with_status(records: &[RunRecord], of: RunStatus) -> usize {
    records.iter().filter(|record| record.status == of).count()
}

/// What the verdicts of the runs of a cell come to: all must be feasible. That a run was cancelled before it could tell leaves
/// nothing undecided where another was made.
pub fn verdict_of(runs: &[&RunRecord]) -> Option<Feasibility> {
    let cancelled = |run: &RunRecord| run.status == RunStatus::Cancelled;
    let made = runs.iter().any(|run| !cancelled(run));
    let found = runs.iter().filter_map(|run| Some((run, run.verdict.as_ref()?.verdict)));
    let tells = |(run, of): &(&&RunRecord, Feasibility)| {
        !(made && cancelled(run) && *of == Feasibility::Undecided)
    };
    let found: Vec<Feasibility> = found.filter(tells).map(|(_, of)| of).collect();
    let all = [Feasibility::Infeasible, Feasibility::Undecided, Feasibility::Feasible];
    all.into_iter().find(|of| found.contains(of))
}

/// The verdicts of the runs that have one.
pub(super) fn verdicts<'a>(
    records: impl IntoIterator<Item = &'a RunRecord>,
) -> impl Iterator<Item = Feasibility> {
    let judged = records.into_iter().filter_map(|record| record.verdict.as_ref());
    judged.map(|verdict| verdict.verdict)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::fixtures::{completed, judged};

    #[test]
    fn a_cancelled_run_leaves_no_cell_undecided_that_another_has_decided() {
        use Feasibility::{Feasible, Infeasible, Undecided};
        use RunStatus::{Cancelled, Completed, Failed};
        for (runs, of) in [
            (vec![(Completed, Feasible), (Cancelled, Undecided)], Feasible),
            (vec![(Completed, Feasible), (Cancelled, Infeasible)], Infeasible),
            (vec![(Completed, Feasible), (Failed, Undecided)], Undecided),
            (vec![(Completed, Undecided), (Cancelled, Undecided)], Undecided),
            (vec![(Cancelled, Undecided), (Cancelled, Undecided)], Undecided),
        ] {
            let run = |(status, verdict): &(RunStatus, Feasibility)| RunRecord {
                status: *status,
                ..judged(completed(), *verdict, Vec::new())
            };
            let records: Vec<RunRecord> = runs.iter().map(run).collect();
            let found = verdict_of(&records.iter().collect::<Vec<_>>());
            assert_eq!(found, Some(of), "{runs:?}");
        }
        assert_eq!(verdict_of(&[&completed()]), None);
    }
}
