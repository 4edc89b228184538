//! A results folder as a table: a cell is a configuration, and its runs are the visits.

use std::collections::{HashMap, HashSet};
use std::path::Path;

use sha2::{Digest, Sha256};

use super::error::TableError;
use super::table::{AxisColumn, FigureColumn, Table};
use crate::dataset::hex;
use crate::event::{AXES, Axis, AxisDef, AxisList, AxisValue, NO_DATA, RunRecord, RunStatus};
use crate::store::Recordings;

/// The table that the runs of this folder are.
pub(super) fn read(path: &Path) -> Result<Table, TableError> {
    let records = records(path)?;
    if records.is_empty() {
        return Err(TableError::new("no run of it has ended"));
    }
    let mut table = Table { axes: Vec::new(), sha256: checksum(&records)?, ..Table::default() };
    let list = AxisList::of(records.iter().map(|record| &record.job));
    let varying: Vec<&AxisDef> = list.defs().filter(|def| tells(def, &records)).collect();
    table.axes.extend(varying.iter().map(|def| AxisColumn::new(def.key.clone().into_owned())));
    let mut rows: Vec<Vec<&RunRecord>> = Vec::new();
    for record in &records {
        let columns = table.axes.iter_mut().zip(&varying);
        let codes = columns.map(|(axis, def)| axis.intern(def.of(&record.job)));
        let next = u32::try_from(rows.len()).unwrap_or(u32::MAX);
        let row = *table.places.entry(codes.collect()).or_insert(next);
        if row == next {
            rows.push(Vec::new());
        }
        let runs = &mut rows[row as usize];
        if let Some(other) = runs.first().filter(|other| other.cell != record.cell) {
            let what = format!("no axis tells its cells {} and {} apart", other.cell, record.cell);
            return Err(TableError::new(what));
        }
        runs.push(record);
    }
    for runs in &mut rows {
        runs.sort_by_key(|run| run.repeat);
    }
    let most = rows.iter().map(Vec::len).max().unwrap_or(1);
    table.seeds = u32::try_from(most).unwrap_or(u32::MAX);
    table.figures = figures(&records, most);
    table.width = table.figures.len() * most;
    fill(&mut table, &rows, most);
    Ok(table)
}

/// The runs that have ended by themselves.
fn records(path: &Path) -> Result<Vec<RunRecord>, TableError> {
    let wrong = |error: crate::store::StoreError| {
        let hint = "a table is a CSV file, or a results folder of perftune";
        TableError::new(error.to_string()).hint(hint)
    };
    let folder = Recordings::open(path).map_err(wrong)?;
    let mut records = Vec::new();
    for run in &folder.head().runs {
        let record = folder.record(run).map_err(wrong)?;
        let ended = record.filter(|record| record.status != RunStatus::Cancelled);
        if let Some(record) = ended {
            record.join(&mut records);
        }
    }
    Ok(records)
}

/// That of what the runs say.
fn checksum(records: &[RunRecord]) -> Result<String, TableError> {
    let mut hash = Sha256::new();
    for record in records {
        let text =
            serde_json::to_vec(record).map_err(|error| TableError::new(error.to_string()))?;
        hash.update(text);
    }
    Ok(hex(&hash.finalize()))
}

/// Whether an axis tells cells apart: the model, a data set, and what is not the same in all runs.
fn tells(def: &AxisDef, records: &[RunRecord]) -> bool {
    let mut values = records.iter().map(|record| def.of(&record.job));
    let first = values.next().unwrap_or(AxisValue::Unset);
    let is = |axis: Axis| def.key == AXES[axis.index()].key;
    let named = is(Axis::MODEL) || is(Axis::DATASET) && first.to_string() != NO_DATA;
    (named && first != AxisValue::Unset) || values.any(|value| value != first)
}

/// Each figure of a stage that some run has.
fn figures(records: &[RunRecord], most: usize) -> Vec<FigureColumn> {
    let mut found: Vec<FigureColumn> = Vec::new();
    let mut known = HashSet::new();
    let rows = records.iter().flat_map(|record| &record.metrics);
    for row in rows.filter(|row| row.estimate.is_some_and(f64::is_finite)) {
        if known.insert((&row.phase, &*row.metric)) {
            let (phase, metric) = (row.phase.clone(), row.metric.clone());
            let at = found.len() * most;
            found.push(FigureColumn { metric, phase, unit: row.unit, at, by_seed: true });
        }
    }
    found
}

/// The figures and the times of the runs: run `r` of `n` is the one that a visit with the seed `r` looks up, modulo `n`.
fn fill(table: &mut Table, rows: &[Vec<&RunRecord>], most: usize) {
    table.values = vec![f64::NAN; rows.len() * table.width];
    table.times = vec![0.0; rows.len() * most];
    let places = table.figures.iter().map(|figure| ((&*figure.phase, &*figure.metric), figure.at));
    let places: HashMap<(&str, &str), usize> = places.collect();
    for (at, runs) in rows.iter().enumerate() {
        table.visits.push(u32::try_from(runs.len()).unwrap_or(u32::MAX));
        for (repeat, run) in (1..).zip(runs) {
            let seed = repeat % runs.len();
            table.times[at * most + seed] = run.wall_s;
            for row in &run.metrics {
                let place = places.get(&(&*row.phase, &*row.metric));
                if let (Some(place), Some(value)) = (place, row.estimate.filter(|v| v.is_finite()))
                {
                    table.values[at * table.width + place + seed] = value;
                }
            }
        }
    }
}
