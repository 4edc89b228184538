//! The figures of each cell over its repeats.
//!
//! How the rows are written is left to `report`. Invariant: a run that failed or was cancelled lends no figure to a mean,
//! and is counted; neither does one whose model is half trained to a mean of test figures.

use super::distinct::by_cell;
use crate::event::{MetricRow, RunRecord, RunStatus};
use crate::metric::{MetricDef, Source};
use crate::report::layout::counted;
use crate::report::summary::SummaryRow;
use crate::report::words;
use crate::stats::between_runs;

/// Nominal confidence of the interval between runs.
pub(super) const CONFIDENCE: f64 = 0.95;

/// Runs from which on the interval between them says something.
pub(super) const REPEATS: u64 = 3;

/// One row a cell, stage and metric. Failed and cancelled runs are left out and counted in the note.
pub fn summaries(records: &[RunRecord]) -> Vec<SummaryRow> {
    by_cell(records).iter().flat_map(|(cell, all)| of_cell(cell, all)).collect()
}

fn of_cell(cell: &str, all: &[&RunRecord]) -> Vec<SummaryRow> {
    let ended =
        |record: &&&RunRecord| matches!(record.status, RunStatus::Completed | RunStatus::Stopped);
    let good: Vec<_> = all.iter().filter(ended).copied().collect();
    let lost = all.len() - good.len();
    // The runs of a cell have the same rows; the one with the most rows names them.
    let Some(longest) = good.iter().max_by_key(|record| record.metrics.len()) else {
        return Vec::new();
    };
    longest.metrics.iter().map(|row| summary(cell, row, &good, lost)).collect()
}

fn summary(cell: &str, row: &MetricRow, good: &[&RunRecord], lost: usize) -> SummaryRow {
    // A mean over models of which some are half trained would be taken for what the cell achieves.
    let lends = |record: &&&RunRecord| !is_of_test(row) || record.trained_to_the_end();
    let found = good.iter().filter(lends);
    let found = found.filter_map(|record| record.metric(&row.phase, &row.metric));
    let values: Vec<f64> = found.filter_map(|row| row.estimate).collect();
    let estimate = between_runs(&values, CONFIDENCE);
    let agree = agree_by_chance(row, &values);
    let interval = estimate.as_ref().and_then(|estimate| estimate.interval).filter(|_| !agree);
    let runs = values.len() as u64;
    let note = [
        note(row, runs, untrained(row, good), good.len() as u64, lost),
        if agree { AGREE.to_owned() } else { String::new() },
    ];
    SummaryRow {
        cell: cell.to_owned(),
        metric: row.metric.clone(),
        phase: row.phase.clone(),
        unit: row.unit,
        runs,
        mean: estimate.as_ref().map(|estimate| estimate.value),
        low: interval.map(|interval| floored(row, &values, interval.low)),
        high: interval.map(|interval| interval.high),
        confidence: CONFIDENCE,
        note: note.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("; "),
    }
}

/// What is said of accuracies that are all the same.
const AGREE: &str = "all runs agree, which says nothing of how well it is known: no interval";

/// Whether these are accuracies that are all the same: each was counted on the same few samples, and is no exact figure.
fn agree_by_chance(row: &MetricRow, values: &[f64]) -> bool {
    let source = row.metric.def().map(|metric| metric.source);
    let of_accuracy = matches!(source, Some(Source::Model(figure)) if figure.is_accuracy());
    let enough = values.len() as u64 >= REPEATS;
    of_accuracy && enough && values.iter().all(|value| value.total_cmp(&values[0]).is_eq())
}

/// Whether it is read once, when training is over.
fn is_of_test(row: &MetricRow) -> bool {
    let source = row.metric.def().map(|metric| metric.source);
    matches!(source, Some(Source::Model(figure)) if figure.is_of_test())
}

/// Student's interval may reach below 0; a quantity of the catalogue that cannot be negative does not.
fn floored(row: &MetricRow, values: &[f64], low: f64) -> f64 {
    let measured = row.metric.def().is_some_and(|metric| !metric.may_be_negative());
    if measured && values.iter().all(|value| *value >= 0.0) { low.max(0.0) } else { low }
}

/// Runs whose figure of the model is that of one not trained to the end.
fn untrained(row: &MetricRow, good: &[&RunRecord]) -> u64 {
    if !row.metric.def().is_some_and(MetricDef::is_of_model) {
        return 0;
    }
    let has = |record: &&&RunRecord| {
        let row = record.metric(&row.phase, &row.metric);
        row.is_some_and(|row| row.estimate.is_some())
    };
    let with = good.iter().filter(has);
    with.filter(|record| !record.trained_to_the_end()).count() as u64
}

fn note(row: &MetricRow, values: u64, untrained: u64, good: u64, lost: usize) -> String {
    let mut parts = Vec::new();
    let left_out = if is_of_test(row) { untrained } else { 0 };
    if values + left_out == 0 {
        parts.push(words::notes_of(row));
    } else {
        if (1..REPEATS).contains(&values) {
            parts.push(format!("an interval needs {REPEATS} runs"));
        }
        if values + left_out < good {
            parts.push(format!("{} runs lack the figure", good - values - left_out));
        }
        if left_out > 0 {
            let runs = counted(left_out, "run");
            parts.push(format!("{runs} not trained to the end left out"));
        } else if untrained > 0 {
            parts.push(format!("{untrained} of {values} runs not trained to the end"));
        }
    }
    if lost > 0 {
        parts.push(format!("{lost} failed or cancelled runs left out"));
    }
    parts.retain(|part| !part.is_empty());
    parts.join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::fixtures::{completed, failed};

    #[test]
    fn accuracies_of_runs_cut_short_are_counted() {
        let mut records = vec![completed(), completed(), completed()];
        for (record, epochs) in records.iter_mut().zip([0, 1, u32::MAX]) {
            record.cell = "one".to_owned();
            record.job.train.epochs = 5;
            record.epochs = epochs;
        }
        let rows = summaries(&records);
        let note = |metric: &str| {
            let row = rows.iter().find(|row| row.metric == metric);
            row.unwrap().note.clone()
        };
        let says =
            "2 of 3 runs not trained to the end; all runs agree, which says nothing of how well";
        assert!(note("validation_accuracy").starts_with(says), "{}", note("validation_accuracy"));
        // What is measured and not counted may well be the same each time.
        let [equal, peak] = ["validation_accuracy", "memory.peak"]
            .map(|metric| rows.iter().find(|row| row.metric == metric).and_then(|row| row.low));
        assert!(equal.is_none() && peak.is_some());
        assert!(!note("train.throughput").contains("trained"));
    }

    #[test]
    fn a_test_accuracy_of_a_model_half_trained_lends_nothing_to_a_mean() {
        for (epochs, mean, runs, says) in [
            ([5, 5, 5], Some(0.95), 3, ""),
            (
                [5, 1, 5],
                Some(0.9),
                2,
                "an interval needs 3 runs; 1 run not trained to the end left out",
            ),
            ([1, 1, 0], None, 0, "3 runs not trained to the end left out"),
        ] {
            let mut records = vec![completed(), completed(), completed()];
            for (place, record) in records.iter_mut().enumerate() {
                record.cell = "one".to_owned();
                (record.job.train.epochs, record.epochs) = (5, epochs[place]);
                let rows = record.metrics.iter_mut();
                for row in rows.filter(|row| row.metric == "test_accuracy") {
                    row.estimate = Some([0.88, 1.05, 0.92][place]);
                }
            }
            let rows = summaries(&records);
            let row = rows.iter().find(|row| row.metric == "test_accuracy").unwrap();
            let near = |(found, wanted): (f64, f64)| (found - wanted).abs() < 1e-9;
            assert!(row.mean.is_some() == mean.is_some(), "{row:?}");
            assert!(row.mean.zip(mean).is_none_or(near), "{row:?}");
            assert_eq!((row.runs, row.note.as_str()), (runs, says));
        }
    }

    #[test]
    fn an_interval_of_what_cannot_be_negative_ends_at_nothing() {
        let mut records = vec![completed(), completed(), completed()];
        for (record, factor) in records.iter_mut().zip([0.1, 1.0, 3.0]) {
            record.cell = "one".to_owned();
            for row in &mut record.metrics {
                row.estimate = row.estimate.map(|estimate| estimate * factor);
            }
        }
        let rows = summaries(&records);
        let row = rows.iter().find(|row| row.metric == "train.throughput");
        assert_eq!(row.unwrap().low, Some(0.0));
    }

    #[test]
    fn repeats_become_an_interval_and_failures_are_counted() {
        let mut records = vec![completed(), completed(), completed(), failed()];
        for (record, factor) in records.iter_mut().zip([0.9, 1.0, 1.1, 1.0]) {
            record.cell = "one".to_owned();
            for row in &mut record.metrics {
                row.estimate = row.estimate.map(|estimate| estimate * factor);
            }
        }
        let base = completed();
        let row = base.metrics.iter().find(|row| row.estimate.is_some()).unwrap();
        let rows = summaries(&records);
        let found = rows.iter().find(|r| r.metric == row.metric && r.phase == row.phase).unwrap();
        let (mean, value) = (found.mean.unwrap(), row.estimate.unwrap());
        assert!((mean - value).abs() < 1e-9 * value.abs());
        assert_eq!(found.runs, 3);
        // s = 0.1 x, t(0.975, 2) = 4.3027: half-width 0.2484 x.
        let half = (found.high.unwrap() - found.low.unwrap()) / 2.0 / value.abs();
        assert!((half - 0.2484).abs() < 1e-3, "{half}");
        assert!(found.note.contains("1 failed or cancelled"), "{}", found.note);
    }
}
