//! Bencher's metric format: `{"CELL/STAGE": {"MEASURE": {"value", "lower_value", "upper_value"}}}`.
//!
//! A measure is called as a column of `summary.csv`, with its base unit, which the format has no place for. The stage of whole
//! runs is named as well: Bencher takes a name of small letters, digits and `-` alone for another benchmark's slug. JSON has no
//! `nan`: such a figure is left out.

use std::collections::HashMap;
use std::io::Write;

use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

use super::names::Names;
use super::{Figure, Handed};
use crate::report::ReportError;
use crate::report::summary::SummaryRow;

/// Bencher refuses a whole file in which the name of a measure is longer: 64 bytes, and 50 in its earlier versions.
const LONGEST_MEASURE: usize = 50;

/// A figure with its interval; an end that is not known is absent.
#[derive(Serialize)]
struct Metric {
    value: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    lower_value: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    upper_value: Option<f64>,
}

/// All figures of a stage of a cell, with the names of their measures.
struct Measures<'a>(&'a [(String, Figure<'a>)]);

impl Serialize for Measures<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (name, Figure { row, value }) in self.0 {
            let end = |end: Option<f64>| end.filter(|end| end.is_finite());
            let metric =
                Metric { value: *value, lower_value: end(row.low), upper_value: end(row.high) };
            map.serialize_entry(name, &metric)?;
        }
        map.end()
    }
}

/// Writes it; how many figures that were.
pub fn write(out: &mut dyn Write, of: &Handed<'_>) -> Result<usize, ReportError> {
    let mut order: Vec<Vec<(String, Figure<'_>)>> = Vec::new();
    let mut places = HashMap::new();
    let mut names = Names::at_most(LONGEST_MEASURE);
    for figure in of.figures() {
        let (cell, phase) = (figure.row.cell.as_str(), figure.row.phase.as_str());
        let at = *places.entry((cell, phase)).or_insert(order.len());
        if at == order.len() {
            order.push(Vec::new());
        }
        order[at].push((figure.row.column(&mut names), figure));
    }
    let mut json = serde_json::Serializer::pretty(&mut *out);
    let mut map = json.serialize_map(Some(order.len()))?;
    for figures in &order {
        let SummaryRow { cell, phase, .. } = figures[0].1.row;
        map.serialize_entry(&format!("{cell}/{phase}"), &Measures(figures))?;
    }
    map.end()?;
    out.write_all(b"\n")?;
    Ok(order.iter().map(Vec::len).sum())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::export::fixtures::{handed, text};

    #[test]
    fn each_figure_has_its_interval_and_a_gap_is_no_figure() {
        insta::assert_snapshot!("bmf", text(|out| write(out, &handed())));
    }
}
