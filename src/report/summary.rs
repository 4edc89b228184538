//! `summary_metrics.csv`: one row a cell and metric, over the visits of the cell. `summary.csv`, with one row a cell, is made
//! of it beside the columns of `report.csv`.

use std::collections::HashSet;

use serde::Serialize;
use serde_json::json;

use super::data::{self, DataColumn};
use super::headline::Place;
use super::{ReportError, one_line};
use crate::event::{Num, RunRecord};
use crate::metric::{MetricDef, MetricName};
use crate::stats::Basis;
use crate::units::Unit;

/// One metric of one cell over its visits. The caller computes it.
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
    /// Lower end of the interval.
    pub low: Option<f64>,
    /// Upper end of the interval.
    pub high: Option<f64>,
    /// Nominal confidence of the interval.
    pub confidence: f64,
    /// Whether it is as precise as was asked; absent: it is not among the chosen.
    pub known: Option<bool>,
    /// What the interval rests on; absent without one.
    pub interval: Option<Basis>,
    /// What a reader must know.
    pub note: String,
}

impl SummaryRow {
    /// The row of a metric of a cell, by the first run of the cell: of the stage that its column speaks of.
    pub(super) fn of<'a>(
        all: impl IntoIterator<Item = &'a Self>,
        first: &RunRecord,
        metric: &MetricDef,
    ) -> Option<&'a Self> {
        let place = Place::of(metric);
        let shown = place.row(first, metric.id).map(|row| row.phase.clone());
        let phase = shown.or_else(|| place.phase(first))?;
        all.into_iter()
            .find(|row| row.cell == first.cell && row.metric == metric.id && row.phase == phase)
    }
}

/// Whether some figure is known between runs.
pub(super) fn any_between(rows: &[SummaryRow]) -> bool {
    rows.iter().any(|row| row.interval == Some(Basis::Between))
}

/// The first run of each cell, in their order.
pub(super) fn cells_of(records: &[RunRecord]) -> Vec<&RunRecord> {
    let mut seen = HashSet::new();
    records.iter().filter(|record| seen.insert(record.cell.as_str())).collect()
}

/// `summary_metrics.csv`.
pub fn summary_metrics_csv(rows: &[SummaryRow]) -> Result<Vec<u8>, ReportError> {
    let columns: [DataColumn<&SummaryRow>; 12] = [
        ("cell", |row| json!(row.cell)),
        ("metric", |row| json!(row.metric.as_str())),
        ("phase", |row| json!(row.phase)),
        ("unit", |row| json!(row.unit)),
        ("runs", |row| json!(row.runs)),
        ("mean", |row| json!(row.mean.map(Num))),
        ("low", |row| json!(row.low.map(Num))),
        ("high", |row| json!(row.high.map(Num))),
        ("confidence", |row| json!(row.confidence)),
        ("known", |row| json!(row.known)),
        ("interval", |row| json!(row.interval)),
        ("note", |row| json!(one_line(&row.note))),
    ];
    data::table(&columns, rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interval_says_what_it_rests_on() {
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
            known: Some(true),
            interval: Some(Basis::Between),
            note: String::new(),
        };
        let one = SummaryRow { runs: 1, interval: Some(Basis::Within), ..row.clone() };
        let none = SummaryRow {
            low: None,
            high: None,
            known: None,
            interval: None,
            note: "an interval needs 3 runs".to_owned(),
            ..one.clone()
        };
        assert_eq!(
            String::from_utf8(summary_metrics_csv(&[row, one, none]).unwrap()).unwrap(),
            "cell,metric,phase,unit,runs,mean,low,high,confidence,known,interval,note\n\
             mlp-digits,train.throughput,train,samples/s,3,98100.5,95000,101201,0.95,true,between runs,\n\
             mlp-digits,train.throughput,train,samples/s,1,98100.5,95000,101201,0.95,true,within the run,\n\
             mlp-digits,train.throughput,train,samples/s,1,98100.5,,,0.95,,,an interval needs 3 runs\n"
        );
    }
}
