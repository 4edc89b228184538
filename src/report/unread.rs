//! What stands under a table of metrics of the user's own that have no figure.

use super::words;
use crate::event::{MetricRow, Note, RunRecord, RunStatus};

/// `f1 has no figure in 2 of 3 runs: nothing in its standard output matched the pattern`, once for all runs with the same reason.
pub(super) fn unread(records: &[RunRecord]) -> Vec<String> {
    let mut found: Vec<(&str, String, usize)> = Vec::new();
    // Why a run has failed is said of itself, and one that was ended early may not have come to it.
    let whole = records.iter().filter(|record| record.status == RunStatus::Completed);
    for row in whole.flat_map(|record| &record.metrics) {
        let Some(why) = lack(row) else { continue };
        let (metric, why) = (row.metric.as_str(), super::one_line(&words::note(why, row.unit)));
        match found.iter_mut().find(|(same, said, _)| (*same, &**said) == (metric, why.as_str())) {
            Some((.., count)) => *count += 1,
            None => found.push((metric, why, 1)),
        }
    }
    let of = |count: usize| match records.len() {
        1 => String::new(),
        all => format!(" in {count} of {all} runs"),
    };
    let line = |(metric, why, count): &(&str, String, usize)| {
        format!("{metric} has no figure{}: {why}", of(*count))
    };
    found.iter().map(line).collect()
}

/// Why there is no figure, where it was looked for or said.
fn lack(row: &MetricRow) -> Option<&Note> {
    let mut notes = row.notes.iter().filter(|_| row.estimate.is_none());
    notes.find(|note| matches!(note, Note::Figure { .. } | Note::NotANumberOfWorker { .. }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{FigureLack, Num, Outlet};
    use crate::report::fixtures::{completed, failed};

    #[test]
    fn a_metric_that_was_declared_and_not_found_is_named_with_its_reason() {
        let with = |mut record: RunRecord, why: FigureLack| {
            let mut row = record.metrics[0].clone();
            (row.metric, row.phase, row.estimate) = ("f1".into(), "run".to_owned(), None);
            row.notes = vec![Note::Figure { why }];
            record.metrics.push(row);
            record
        };
        let no_match = || FigureLack::NoMatch { output: Outlet::Stdout };
        let no_file = || FigureLack::NoFile { file: "f1.json".to_owned() };
        let nan = {
            let mut record = with(completed(), no_match());
            let row = record.metrics.last_mut().unwrap();
            row.notes = vec![Note::NotANumberOfWorker { value: Num(f64::NAN) }];
            record
        };
        assert_eq!(unread(&[nan]), ["f1 has no figure: the program reported NaN"]);
        assert_eq!(unread(&[completed()]), [""; 0]);
        assert_eq!(unread(&[with(failed(), no_match())]), [""; 0]);
        let pattern = "nothing in its standard output matched the pattern";
        let one = unread(&[with(completed(), no_match())]);
        assert_eq!(one, [format!("f1 has no figure: {pattern}")]);
        let three = [no_match(), no_file(), no_match()].map(|why| with(completed(), why));
        assert_eq!(
            unread(&three),
            [
                format!("f1 has no figure in 2 of 3 runs: {pattern}"),
                "f1 has no figure in 1 of 3 runs: the command wrote no f1.json".to_owned()
            ]
        );
    }
}
