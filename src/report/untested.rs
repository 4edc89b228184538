//! What the table says of runs whose training was left, so that the test data were not read.

use super::headline::Place;
use super::words;
use crate::event::{Note, RunRecord};
use crate::metric::MetricId;
use crate::units::Unit;

/// Whether a run has no test accuracy because its training was left.
pub(super) fn is_untested(record: &RunRecord) -> bool {
    let row = Place::Run.row(record, MetricId::TestAccuracy);
    row.is_some_and(|row| row.notes.contains(&Note::HalfTrained))
}

/// How to get the test accuracy that is missing, once for all runs.
pub(super) fn untested(records: &[RunRecord]) -> Option<String> {
    let count = records.iter().filter(|record| is_untested(record)).count();
    let why = words::note(&Note::HalfTrained, Unit::Ratio);
    let of = match records.len() {
        1 => String::new(),
        all => format!(" in {count} of {all} runs"),
    };
    (count > 0).then(|| format!("no test accuracy{of}: {why}"))
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
        (row.estimate, row.samples, row.notes) = (None, 0, vec![Note::HalfTrained]);
        record
    }

    #[test]
    fn a_table_says_once_how_to_get_the_accuracy() {
        for (records, says) in [
            (vec![completed()], None),
            (vec![left()], Some("no test accuracy: training was left before its end")),
            (
                vec![left(), completed(), left()],
                Some("no test accuracy in 2 of 3 runs: training was left before its end"),
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
