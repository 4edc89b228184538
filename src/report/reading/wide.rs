//! One row a run.

use std::collections::HashMap;

use super::fault::{Fault, FiguresFault};
use super::runs::{ReadFigures, begun};
use super::sheet::{CsvRow, Sheet};
use crate::gate::{Figure, GateRun};
use crate::metric::{MetricDef, MetricId};
use crate::report::csv::{figure_columns, text_columns};
use crate::report::headline::Place;
use crate::units::Unit;

/// Endings of columns that say a unit, without those that the columns of `report.csv` have.
const OTHER_WORDS: &[&str] = &["sec", "seconds", "ratio", "share", "pct", "per_min"];

/// A column whose figures are compared.
struct Known {
    column: &'static str,
    metric: &'static MetricDef,
}

/// Whether the header is one: the name of a run and at least one figure.
pub(super) fn is_one(sheet: &Sheet) -> bool {
    sheet.place("run").is_some() && known(sheet).next().is_some()
}

/// The columns of figures that this file has.
fn known(sheet: &Sheet) -> impl Iterator<Item = Known> {
    let columns = figure_columns().filter(|(column, _)| sheet.place(column).is_some());
    columns.map(|(column, metric)| Known { column, metric })
}

pub(super) fn read(sheet: &Sheet) -> Result<ReadFigures, Fault> {
    let unread = unread(sheet)?;
    let columns: Vec<Known> = known(sheet).collect();
    let mut seen: HashMap<&str, u64> = HashMap::new();
    let mut runs = Vec::new();
    for line in sheet.lines()? {
        let run = run(&line, &columns)?;
        if let Some(first) = seen.insert(line.text("run"), line.number) {
            let what = format!("run {}", run.run);
            return Err((line.number, FiguresFault::Twice { what, first }));
        }
        runs.push(run);
    }
    let mut notes = Vec::new();
    if !unread.is_empty() {
        notes.push(format!(
            "{} not known here and not compared: {}",
            if unread.len() == 1 { "a column is" } else { "columns are" },
            unread.join(", ")
        ));
    }
    Ok(ReadFigures { runs, notes, wide: true })
}

/// The columns that are not known; one that is a known figure in another unit is a mistake.
fn unread(sheet: &Sheet) -> Result<Vec<String>, Fault> {
    let mut unread = Vec::new();
    for name in &sheet.header {
        let figure = figure_columns().any(|(column, _)| column == name);
        let text = text_columns().any(|column| column == name);
        if figure || text || name.is_empty() || name == "cell" {
            continue;
        }
        if let Some(wanted) = in_another_unit(name) {
            let found = name.clone();
            return Err((1, FiguresFault::OtherUnit { found, wanted }));
        }
        unread.push(name.clone());
    }
    Ok(unread)
}

/// The column of the same figure in the unit that is read.
fn in_another_unit(name: &str) -> Option<&'static str> {
    let lower = name.to_ascii_lowercase();
    let found = figure_columns().find(|(column, metric)| {
        let ending = metric.unit.column_suffix();
        let stem = column.strip_suffix(ending).unwrap_or(column);
        let rest = lower.strip_prefix(stem).and_then(|rest| rest.strip_prefix('_'));
        rest.is_some_and(is_unit) || (lower == stem && !ending.is_empty())
    });
    found.map(|(column, _)| column)
}

/// Whether the end of a column's name, in lower case, is a unit.
fn is_unit(ending: &str) -> bool {
    let symbol = ending.replace("per_s", "/s").replace("_/", "/");
    let mut units = Unit::ALL.iter();
    OTHER_WORDS.contains(&ending)
        || units.any(|unit| {
            unit.column_suffix().strip_prefix('_') == Some(ending)
                || unit
                    .symbols()
                    .any(|known| !known.is_empty() && known.to_ascii_lowercase() == symbol)
        })
}

fn run(line: &CsvRow<'_>, columns: &[Known]) -> Result<GateRun, Fault> {
    let why = line.text("failure").to_owned();
    let mut run = GateRun { why, ..begun(line)? };
    for known in columns {
        let value = line.number(known.column)?;
        // Of what was not measured it cannot be told here why, nor of which requests.
        if value.is_none() {
            continue;
        }
        run.figures.push(Figure {
            phase: phase(line, known)?,
            metric: known.metric.id.into(),
            unit: known.metric.unit.to_string(),
            value,
            samples: None,
            note: String::new(),
            of_worker: false,
        });
    }
    Ok(run)
}

/// The phase that a column speaks of, as `metrics.csv` names it.
fn phase(line: &CsvRow<'_>, known: &Known) -> Result<String, Fault> {
    let (size, served) = match Place::of(known.metric) {
        Place::Train => return Ok("train".to_owned()),
        Place::Run => return Ok("run".to_owned()),
        Place::FirstServe => ("serve_batch_size", "serve_phase"),
        Place::LastServe => ("serve_throughput_batch_size", "serve_throughput_phase"),
    };
    // Files of earlier versions do not say it; the highest rate is searched for before the training alone.
    let served = line.text(served);
    if !served.is_empty() && known.metric.id != MetricId::ServeMaxRate {
        return Ok(served.to_owned());
    }
    let Some(number) = line.whole::<u32>(size)? else {
        let column = known.column;
        return Err((line.number, FiguresFault::Size { column, size }));
    };
    Ok(format!("serve[{number}]"))
}
