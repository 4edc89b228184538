//! What the table says of runs whose training was left, so that the test data were not read.

use super::headline::Place;
use super::words;
use crate::event::{Note, RunRecord, StopReason, ToTheEnd};
use crate::metric::MetricId;
use crate::units::Unit;

/// Whether a run has no test accuracy because its training was left.
pub(super) fn is_untested(record: &RunRecord) -> bool {
    let row = Place::Run.row(record, MetricId::TestAccuracy);
    row.is_some_and(|row| row.notes.iter().any(|note| matches!(note, Note::HalfTrained { .. })))
}

/// Why a run has no test accuracy that was to train and ended before.
fn why(record: &RunRecord) -> Option<String> {
    let row = Place::Run.row(record, MetricId::TestAccuracy)?;
    let untrained =
        |note: &&Note| matches!(note, Note::HalfTrained { .. } | Note::NotTested { .. });
    let note = row.notes.iter().find(untrained)?;
    Some(if record.stop.reason == StopReason::Infeasible {
        let way = words::to_the_end(ToTheEnd::Whole);
        format!("a broken limit ended it before the test data were read; {way}")
    } else {
        words::note(note, Unit::Ratio)
    })
}

/// Whether a run was tested, and its worker told no accuracy: no other will.
fn has_none(record: &RunRecord) -> bool {
    let row = Place::Run.row(record, MetricId::TestAccuracy);
    row.is_some_and(|row| row.notes.contains(&Note::NotReported))
}

/// How to get the test accuracy that is missing, once for all runs with the same reason.
pub(super) fn untested(records: &[RunRecord]) -> Option<String> {
    records.iter().find(|record| is_untested(record))?;
    if records.iter().any(has_none) {
        return None;
    }
    let mut found: Vec<(String, usize)> = Vec::new();
    for why in records.iter().filter_map(why) {
        match found.iter_mut().find(|(said, _)| *said == why) {
            Some((_, count)) => *count += 1,
            None => found.push((why, 1)),
        }
    }
    let (count, all) = (found.iter().map(|(_, count)| count).sum::<usize>(), records.len());
    let of = if all == 1 { String::new() } else { format!(" in {count} of {all} runs") };
    let says = match &found[..] {
        [(why, _)] => why.clone(),
        several => {
            let each = several.iter().map(|(why, count)| format!("in {count} {why}"));
            each.collect::<Vec<_>>().join("; ")
        }
    };
    Some(format!("no test accuracy{of}: {says}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::closing::Closing;
    use crate::report::fixtures::{completed, known};
    use crate::report::table::summary;

    fn left() -> RunRecord {
        let mut record = known();
        let row = record.metrics.iter_mut().find(|row| row.metric == MetricId::TestAccuracy);
        let row = row.unwrap();
        let by = ToTheEnd::Asking;
        (row.estimate, row.samples, row.notes) = (None, 0, vec![Note::HalfTrained { by }]);
        record
    }

    /// One that a broken limit ended, in its training or before.
    fn infeasible(in_training: bool) -> RunRecord {
        let mut record = left();
        record.stop.reason = StopReason::Infeasible;
        let row = record.metrics.iter_mut().find(|row| row.metric == MetricId::TestAccuracy);
        row.unwrap().notes = vec![if in_training {
            Note::HalfTrained { by: ToTheEnd::Whole }
        } else {
            Note::NotTested { before_training: true }
        }];
        record
    }

    #[test]
    fn runs_that_a_broken_limit_ended_are_counted_and_no_wish_is_advised_for_them() {
        let says = |records: &[RunRecord]| untested(records).unwrap_or_default();
        let broken =
            "a broken limit ended it before the test data were read; --full trains to the end";
        let both = [infeasible(true), infeasible(false)];
        assert_eq!(says(&both), format!("no test accuracy in 2 of 2 runs: {broken}"));
        assert_eq!(says(&both[1..]), "", "nothing of it is in the table");
        let three = [infeasible(false), infeasible(false), left(), completed()];
        let said = says(&three);
        let begins =
            format!("no test accuracy in 3 of 4 runs: in 2 {broken}; in 1 training ended early");
        assert!(said.starts_with(&begins), "{said}");
    }

    #[test]
    fn nothing_is_advised_for_an_accuracy_that_the_worker_does_not_tell() {
        let mut silent = completed();
        let row = silent.metrics.iter_mut().find(|row| row.metric == MetricId::TestAccuracy);
        let row = row.unwrap();
        (row.estimate, row.samples, row.notes) = (None, 0, vec![Note::NotReported]);
        assert_eq!(untested(&[silent, left()]), None);
    }

    #[test]
    fn a_table_says_once_how_to_get_the_accuracy() {
        for (records, says) in [
            (vec![completed()], None),
            (vec![left()], Some("no test accuracy: training ended early")),
            (
                vec![left(), completed(), left()],
                Some("no test accuracy in 2 of 3 runs: training ended early"),
            ),
        ] {
            let table = summary(&records, &Closing::default(), 200);
            assert!(table.contains("acc."), "{table}");
            let lines: Vec<_> =
                table.lines().filter(|line| line.starts_with("no test accuracy")).collect();
            assert_eq!(lines.len(), usize::from(says.is_some()), "{table}");
            assert!(says.is_none_or(|says| lines[0].starts_with(says)), "{table}");
            assert!(says.is_none_or(|_| lines[0].contains("--full")), "{table}");
        }
    }
}
