//! Results in the formats of other tools, made from records and never from a table of our own.
//!
//! Where the bytes go is left to `app`. Invariant: a figure that is not known is left out, never 0, and one that is no number
//! stands only where the format has a word for it.

pub mod bmf;
pub mod gha;
pub mod journal;
pub mod names;
pub mod openmetrics;
#[cfg(feature = "parquet")]
pub mod parquet;
pub mod tensorboard;

mod protobuf;

#[cfg(test)]
mod fixtures;
#[cfg(test)]
mod tests;

use std::collections::{HashMap, HashSet};

use self::names::Names;
use super::ending::is_ok;
use super::front::FrontReport;
use super::lower_end::is_lower_end;
use super::summary::SummaryRow;
use crate::event::{AxisDef, AxisList, AxisValue, MetricRow, RunRecord};
use crate::stats::Basis;
use crate::units::rough_percent;

/// What is handed on.
#[derive(Debug, Clone, Copy)]
pub struct Handed<'a> {
    /// The name of the grid.
    pub name: &'a str,
    /// The runs that have ended.
    pub records: &'a [RunRecord],
    /// The figures of the cells over their runs.
    pub summary: &'a [SummaryRow],
    /// The front, where there are objectives.
    pub front: Option<&'a FrontReport>,
    /// When each run began and ended, where that is known.
    pub times: &'a HashMap<String, Times>,
}

/// When a run began and ended, in seconds since 1970.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Times {
    /// Its beginning.
    pub began_s: f64,
    /// Its end.
    pub ended_s: f64,
}

/// What a run has told while it ran.
#[derive(Debug, Clone, PartialEq)]
pub struct Point {
    /// What it is of.
    pub name: String,
    /// The epoch, or how often it was told before and now.
    pub step: u64,
    /// When, in seconds since the run began.
    pub after_s: f64,
    /// The value; it may be none that is a number.
    pub value: f64,
}

/// A figure of a cell that is a number, and what it is of.
#[derive(Debug, Clone, Copy)]
struct Figure<'a> {
    row: &'a SummaryRow,
    value: f64,
}

impl Handed<'_> {
    /// The figures that are known to be numbers, in their order.
    fn figures(&self) -> impl Iterator<Item = Figure<'_>> {
        let figure = |row| Some(Figure { row, value: SummaryRow::finite(row)? });
        self.rows().filter_map(figure)
    }

    /// The figures of cells. A peak of which a run saw less than there was is none of them: no format has a sign for that, and
    /// it would pass for the peak.
    fn rows(&self) -> impl Iterator<Item = &SummaryRow> {
        let lower = |row: &&MetricRow| is_lower_end(row);
        let of_run = |record: &RunRecord| {
            let key =
                |row: &MetricRow| (record.cell.clone(), row.metric.to_string(), row.phase.clone());
            record.metrics.iter().filter(lower).map(key).collect::<Vec<_>>()
        };
        let ended = self.records.iter().filter(|record| is_ok(record));
        let less: HashSet<(String, String, String)> = ended.flat_map(of_run).collect();
        self.summary.iter().filter(move |row| {
            let key = || (row.cell.clone(), row.metric.to_string(), row.phase.clone());
            row.mean.is_some() && (less.is_empty() || !less.contains(&key()))
        })
    }

    /// The axes of these runs.
    fn axes(&self) -> AxisList {
        AxisList::of(self.records.iter().map(|record| &record.job))
    }

    /// The axes whose values differ between the runs.
    fn varying<'a>(&self, list: &'a AxisList) -> Vec<&'a AxisDef> {
        let differs = |def: &&AxisDef| {
            let mut values = self.records.iter().map(|record| def.of(&record.job));
            let first = values.next();
            values.any(|value| Some(value) != first)
        };
        list.defs().filter(differs).collect()
    }
}

impl SummaryRow {
    /// The figure, where it is a number.
    fn finite(&self) -> Option<f64> {
        self.mean.filter(|mean| mean.is_finite())
    }

    /// What it is called where names are parted by `/`: the cell, and the stage where it is not of the whole run.
    fn place(&self) -> String {
        if self.phase == WHOLE {
            self.cell.clone()
        } else {
            format!("{}/{}", self.cell, self.phase)
        }
    }

    /// Its name with its base unit, as columns have it: `serve_latency_p50_s`.
    fn column(&self, names: &mut Names) -> String {
        names.of(&self.metric, &self.metric.replace('.', "_"), self.unit.column_suffix())
    }

    /// What its interval says: `95% between 3 runs`; nothing where it has none.
    fn said_of_interval(&self) -> Option<String> {
        let basis = match self.interval? {
            Basis::Between => format!("between {} runs", self.runs),
            basis @ Basis::Within => basis.says().to_owned(),
        };
        Some(format!("{} {basis}", rough_percent(self.confidence)))
    }
}

/// The stage of what is of a run as a whole.
const WHOLE: &str = "run";

/// The settings of a run that apply to it, by the keys of the axes.
pub fn settings_of(record: &RunRecord) -> Vec<(String, AxisValue)> {
    settings(AxisList::of([&record.job]).defs(), record)
}

/// The same of these axes.
fn settings<'a>(
    axes: impl IntoIterator<Item = &'a AxisDef>,
    record: &RunRecord,
) -> Vec<(String, AxisValue)> {
    let of = |def: &AxisDef| (def.key.clone().into_owned(), def.of(&record.job));
    axes.into_iter().map(of).filter(|(_, value)| *value != AxisValue::Unset).collect()
}
