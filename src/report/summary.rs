//! `summary_metrics.csv`: one row a cell and metric, over the repeats of the cell. `summary.csv`, with one row a cell, is made
//! of it beside the columns of `report.csv`.

use serde::Serialize;

use super::{ReportError, csv_bytes, number, one_line, optional};
use crate::metric::MetricName;
use crate::units::Unit;

/// One metric of one cell over its repeats. The caller computes it; the interval is *between runs*.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SummaryRow {
    /// The cell: a run's name without `-rN`.
    pub cell: String,
    /// The catalogue's name.
    pub metric: MetricName,
    /// The stage, as displayed, or `run`.
    pub phase: String,
    /// Base unit.
    pub unit: Unit,
    /// Runs that have the figure.
    pub runs: u64,
    /// Mean of the runs' estimates.
    pub mean: Option<f64>,
    /// Lower end of the interval between runs.
    pub low: Option<f64>,
    /// Upper end of the interval between runs.
    pub high: Option<f64>,
    /// Nominal confidence of the interval.
    pub confidence: f64,
    /// What kind of interval this is, and what a reader must know.
    pub note: String,
}

/// `summary_metrics.csv`.
pub fn summary_metrics_csv(rows: &[SummaryRow]) -> Result<Vec<u8>, ReportError> {
    let header = [
        "cell",
        "metric",
        "phase",
        "unit",
        "runs",
        "mean",
        "low",
        "high",
        "confidence",
        "note",
        "interval",
    ];
    let rows = rows.iter().map(|row| {
        [
            row.cell.clone(),
            row.metric.to_string(),
            row.phase.clone(),
            row.unit.to_string(),
            row.runs.to_string(),
            optional(row.mean),
            optional(row.low),
            optional(row.high),
            number(row.confidence),
            one_line(&row.note),
            row.low.map_or("", |_| "between runs").to_owned(),
        ]
    });
    csv_bytes(header, rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_with_one_run_has_no_interval() {
        let row = SummaryRow {
            cell: "mlp-digits".to_owned(),
            metric: "train.throughput".into(),
            phase: "train".to_owned(),
            unit: Unit::SamplesPerSecond,
            runs: 3,
            mean: Some(98_100.5),
            low: Some(95_000.0),
            high: Some(101_201.0),
            confidence: 0.95,
            note: "between runs".to_owned(),
        };
        let single = SummaryRow {
            runs: 1,
            low: None,
            high: None,
            note: "one run: no interval".to_owned(),
            ..row.clone()
        };
        assert_eq!(
            String::from_utf8(summary_metrics_csv(&[row, single]).unwrap()).unwrap(),
            "cell,metric,phase,unit,runs,mean,low,high,confidence,note,interval\n\
             mlp-digits,train.throughput,train,samples/s,3,98100.5,95000,101201,0.95,between runs,between runs\n\
             mlp-digits,train.throughput,train,samples/s,1,98100.5,,,0.95,one run: no interval,\n"
        );
    }
}
