//! What is handed on in the tests of the formats.

use std::collections::HashMap;
use std::io::Write;

use super::{Handed, Point, Times};
use crate::event::{AxisValue, Feasibility, RunRecord};
use crate::report::ReportError;
use crate::report::fixtures::{compared, diverged, failed, front, judged};
use crate::report::summary::SummaryRow;
use crate::stats::Basis;

/// The figures of the first run of each cell, the first cell over three runs.
fn rows(records: &[RunRecord]) -> Vec<SummaryRow> {
    let of_run = |(at, record): (usize, &RunRecord)| {
        let (runs, interval) = if at == 0 { (3, Basis::Between) } else { (1, Basis::Within) };
        let row = |row: &crate::event::MetricRow| SummaryRow {
            cell: record.cell.clone(),
            metric: row.metric.clone(),
            phase: row.phase.clone(),
            unit: row.unit,
            runs,
            mean: row.estimate,
            low: row.low,
            high: row.high,
            confidence: 0.95,
            known: row.known,
            interval: row.low.map(|_| interval),
            note: String::new(),
        };
        record.metrics.iter().map(row).collect::<Vec<_>>()
    };
    records.iter().enumerate().flat_map(of_run).collect()
}

/// Cells of a front, one that diverged and one that failed, with names that need care.
pub(super) fn handed() -> Handed<'static> {
    let mut records = compared();
    records[0].job.own.put("schedule", AxisValue::Text("a \"b\"\\c\nd".into()));
    records[4] = judged(records[4].clone(), Feasibility::Infeasible, Vec::new());
    let mut lost = failed();
    lost.metrics.clear();
    records.extend([diverged(), lost]);
    let summary = rows(&records[..6]);
    let times = records.iter().enumerate().map(|(at, record)| {
        let began_s = 1_700_000_000.0 + 10.0 * at as f64;
        (record.run.clone(), Times { began_s, ended_s: began_s + record.wall_s })
    });
    let times: HashMap<_, _> = times.collect();
    Handed {
        name: "three by \"three\"",
        records: records.leak(),
        summary: summary.leak(),
        front: Some(Box::leak(Box::new(front()))),
        times: Box::leak(Box::new(times)),
    }
}

/// Two epochs and a figure that was told twice.
pub(super) fn points() -> Vec<Point> {
    let point = |name: &str, step, value| Point {
        name: name.to_owned(),
        step,
        after_s: step as f64,
        value,
    };
    vec![
        point("train_loss", 1, 0.5),
        point("train_loss", 2, f64::NAN),
        point("f1", 1, 0.7),
        point("f1", 2, 0.8),
    ]
}

/// What is written, as text.
pub(super) fn text(write: impl FnOnce(&mut dyn Write) -> Result<usize, ReportError>) -> String {
    let mut bytes = Vec::new();
    write(&mut bytes).unwrap();
    String::from_utf8(bytes).unwrap()
}
