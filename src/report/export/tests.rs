//! All formats of a large grid.

use std::io;

use super::fixtures::handed;
use super::{Handed, bmf, gha, journal, openmetrics};
use crate::event::AxisValue;
use crate::metric::Better;
use crate::report::front::{FrontReport, Mark};

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
