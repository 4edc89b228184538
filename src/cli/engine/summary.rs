//! The figures of each cell over its repeats.

use super::super::diagnostic::Fault;
use crate::event::{MetricRow, RunRecord, RunStatus};
use crate::report::summary::SummaryRow;
use crate::stats::between_runs;

/// Nominal confidence of the interval between runs.
const CONFIDENCE: f64 = 0.95;

/// One row a cell, stage and metric. Failed and cancelled runs are left out and counted in the note.
pub fn summaries(records: &[RunRecord]) -> Result<Vec<SummaryRow>, Fault> {
    let mut cells: Vec<&str> = Vec::new();
    for record in records {
        if !cells.contains(&record.cell.as_str()) {
            cells.push(&record.cell);
        }
    }
    Ok(cells
        .iter()
        .flat_map(|cell| of_cell(cell, records))
        .collect())
}

fn of_cell(cell: &str, records: &[RunRecord]) -> Vec<SummaryRow> {
    let all: Vec<_> = records
        .iter()
        .filter(|record| record.cell == cell)
        .collect();
    let ended =
        |record: &&&RunRecord| matches!(record.status, RunStatus::Completed | RunStatus::Stopped);
    let good: Vec<_> = all.iter().filter(ended).copied().collect();
    let lost = all.len() - good.len();
    // The runs of a cell have the same rows; the one with the most rows names them.
    let Some(longest) = good.iter().max_by_key(|record| record.metrics.len()) else {
        return Vec::new();
    };
    longest
        .metrics
        .iter()
        .map(|row| summary(cell, row, &good, lost))
        .collect()
}

fn summary(cell: &str, row: &MetricRow, good: &[&RunRecord], lost: usize) -> SummaryRow {
    let found = good
        .iter()
        .filter_map(|record| record.metric(&row.phase, &row.metric));
    let values: Vec<f64> = found.filter_map(|row| row.estimate).collect();
    let estimate = between_runs(&values, CONFIDENCE);
    let interval = estimate.as_ref().and_then(|estimate| estimate.interval);
    SummaryRow {
        cell: cell.to_owned(),
        metric: row.metric.clone(),
        phase: row.phase.clone(),
        unit: row.unit,
        runs: values.len() as u64,
        mean: estimate.as_ref().map(|estimate| estimate.value),
        low: interval.map(|interval| interval.low),
        high: interval.map(|interval| interval.high),
        confidence: CONFIDENCE,
        note: note(row, values.len(), good.len(), lost),
    }
}

fn note(row: &MetricRow, values: usize, good: usize, lost: usize) -> String {
    let mut parts = Vec::new();
    if values == 0 {
        parts.push(row.note.clone());
    } else {
        if values < 3 {
            parts.push("an interval needs 3 runs".to_owned());
        }
        if values < good {
            parts.push(format!("{} runs lack the figure", good - values));
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
    fn repeats_become_an_interval_and_failures_are_counted() {
        let mut records = vec![completed(), completed(), completed(), failed()];
        for (record, factor) in records.iter_mut().zip([0.9, 1.0, 1.1, 1.0]) {
            record.cell = "one".to_owned();
            for row in &mut record.metrics {
                row.estimate = row.estimate.map(|estimate| estimate * factor);
            }
        }
        let base = completed();
        let row = base
            .metrics
            .iter()
            .find(|row| row.estimate.is_some())
            .unwrap();
        let rows = summaries(&records).unwrap();
        let found = rows
            .iter()
            .find(|r| r.metric == row.metric && r.phase == row.phase)
            .unwrap();
        let (mean, value) = (found.mean.unwrap(), row.estimate.unwrap());
        assert!((mean - value).abs() < 1e-9 * value.abs());
        assert_eq!(found.runs, 3);
        // s = 0.1 x, t(0.975, 2) = 4.3027: half-width 0.2484 x.
        let half = (found.high.unwrap() - found.low.unwrap()) / 2.0 / value.abs();
        assert!((half - 0.2484).abs() < 1e-3, "{half}");
        assert!(
            found.note.contains("1 failed or cancelled"),
            "{}",
            found.note
        );
    }
}
