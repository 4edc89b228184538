//! `summary_metrics.csv`: one row a cell and metric, over the repeats of the cell. `summary.csv`, with one row a cell, is made
//! of it beside the columns of `report.csv`.

use std::collections::HashSet;

use serde::Serialize;
use serde_json::json;

use super::data::{self, DataColumn};
use super::headline::Place;
use super::{ReportError, one_line};
use crate::event::{Num, RunRecord};
use crate::metric::{MetricDef, MetricName};
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

impl SummaryRow {
    /// The row of a metric of a cell, by the first run of the cell: of the stage that its column speaks of.
    pub(super) fn of<'a>(
        all: &'a [Self],
        first: &RunRecord,
        metric: &MetricDef,
    ) -> Option<&'a Self> {
        let place = Place::of(metric);
        let shown = place.row(first, metric.id).map(|row| row.phase.clone());
        let phase = shown.or_else(|| place.phase(first))?;
        all.iter()
            .find(|row| row.cell == first.cell && row.metric == metric.id && row.phase == phase)
    }
}

/// The first run of each cell, in their order.
pub(super) fn cells_of(records: &[RunRecord]) -> Vec<&RunRecord> {
    let mut seen = HashSet::new();
    records.iter().filter(|record| seen.insert(record.cell.as_str())).collect()
}

/// `summary_metrics.csv`.
pub fn summary_metrics_csv(rows: &[SummaryRow]) -> Result<Vec<u8>, ReportError> {
    let columns: [DataColumn<&SummaryRow>; 11] = [
        ("cell", |row| json!(row.cell)),
        ("metric", |row| json!(row.metric)),
        ("phase", |row| json!(row.phase)),
        ("unit", |row| json!(row.unit)),
        ("runs", |row| json!(row.runs)),
        ("mean", |row| json!(row.mean.map(Num))),
        ("low", |row| json!(row.low.map(Num))),
        ("high", |row| json!(row.high.map(Num))),
        ("confidence", |row| json!(row.confidence)),
        ("note", |row| json!(one_line(&row.note))),
        ("interval", |row| json!(row.low.map(|_| "between runs"))),
    ];
    data::table(&columns, rows)
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
