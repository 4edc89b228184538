//! All formats of a large grid.

use std::io;

use super::fixtures::{handed, text};
use super::{Handed, bmf, gha, journal, openmetrics};
use crate::event::{AxisValue, Note, Num};
use crate::metric::{Better, MetricId};
use crate::report::front::{FrontReport, Mark};
use crate::report::summary::SummaryRow;

/// It would pass for the peak, and a later run that saw all of it for a regression.
#[test]
fn a_peak_that_is_a_lower_end_is_handed_on_by_no_format() {
    let whole = handed();
    let mut records = whole.records.to_vec();
    let peak = records[0].metrics.iter_mut().find(|row| row.metric == MetricId::MemoryPeak);
    peak.unwrap().notes.push(Note::AtLeast { bytes: Num(1e9) });
    let less = Handed { records: &records, ..whole };
    let count = |of: &Handed<'_>| {
        let openmetrics = text(|out| openmetrics::write(out, of));
        let cell = format!("cell=\"{}\"", of.records[0].cell);
        let lines = openmetrics.lines().filter(|line| line.contains(&cell));
        let lines = lines.filter(|line| line.starts_with("perftune_memory_peak")).count();
        let bmf: serde_json::Value =
            serde_json::from_str(&text(|out| bmf::write(out, of))).unwrap();
        let of_cell = bmf[format!("{}/run", of.records[0].cell)].as_object().map_or(0, |figures| {
            figures.keys().filter(|name| name.starts_with("memory_peak")).count()
        });
        (lines > 0, of_cell)
    };
    assert_eq!((count(&whole), count(&less)), ((true, 1), (false, 0)));
    let lost =
        bmf::write(&mut io::sink(), &whole).unwrap() - bmf::write(&mut io::sink(), &less).unwrap();
    assert_eq!(lost, 1, "and nothing else");
}

/// A measure is followed from cell to cell and from day to day by its name.
#[test]
fn a_measure_of_a_long_name_has_the_same_name_in_each_cell() {
    let whole = handed();
    let long = |end: &str| format!("{}{end}", "a".repeat(48));
    let row = |cell: &str, end: &str, mean: f64| {
        let row = whole.summary.iter().find(|row| row.mean.is_some()).unwrap().clone();
        SummaryRow {
            cell: cell.into(),
            phase: "run".into(),
            metric: long(end).as_str().into(),
            mean: Some(mean),
            ..row
        }
    };
    let summary = [row("one", "x", 1.0), row("one", "y", 2.0), row("other", "y", 3.0)];
    let of = Handed { summary: &summary, ..whole };
    let written = text(|out| bmf::write(out, &of));
    let written: serde_json::Value = serde_json::from_str(&written).unwrap();
    let name = |cell: &str, mean: f64| {
        let measures = written[cell].as_object().unwrap();
        measures.iter().find(|(_, metric)| metric["value"] == mean).unwrap().0.clone()
    };
    assert_eq!(name("one/run", 2.0), name("other/run", 3.0));
    assert_ne!(name("one/run", 1.0), name("one/run", 2.0));
}

/// What takes more than a step for each row would be seen: each cell has settings of its own.
#[test]
fn a_large_grid_is_written_row_by_row() {
    const CELLS: usize = 1_000;
    let few = handed();
    let front = few.front.unwrap();
    let named = |at: usize| format!("cell-{at}");
    let (mut records, mut summary, mut cells) = (Vec::new(), Vec::new(), Vec::new());
    for at in 0..CELLS {
        let mut record = few.records[0].clone();
        (record.run, record.cell) = (named(at), named(at));
        record.job.own.put("schedule", AxisValue::Text(named(at).into()));
        record.job.train.learning_rate = at as f64;
        records.push(record);
        let rows = few.summary.iter().filter(|row| row.cell == few.records[0].cell);
        summary.extend(rows.cloned().map(|mut row| {
            row.cell = named(at);
            row
        }));
        let mut cell = front.cells[0].clone();
        (cell.cell, cell.mark) = (named(at), Mark::Front);
        cells.push(cell);
    }
    let front = FrontReport { objectives: front.objectives.clone(), cells };
    let large = Handed { records: &records, summary: &summary, front: Some(&front), ..few };
    let known = summary.iter().filter(|row| row.mean.is_some()).count();
    assert_eq!(bmf::write(&mut io::sink(), &large).unwrap(), known);
    assert_eq!(openmetrics::write(&mut io::sink(), &large).unwrap(), known);
    assert!(gha::write(&mut io::sink(), &large, Better::Lower).unwrap() > CELLS);
    assert_eq!(journal::write(&mut io::sink(), &large).unwrap(), CELLS);
}
