//! The custom formats of github-action-benchmark: `[{name, unit, value, range, extra}]`. One file has one direction, so there
//! are two of them.
//!
//! It draws a chart for each entry and warns of each that got worse, so only main figures are written: those of `report.csv`
//! and those that the gate judges, with a direction that somebody has declared.

use std::collections::HashMap;
use std::io::Write;

use serde::Serialize;
use serde::Serializer;
use serde::ser::SerializeSeq;

use super::{Figure, Handed, settings};
use crate::metric::{Better, MetricDef, MetricId};
use crate::report::table::limited;
use crate::report::{ReportError, one_line};

/// An entry.
#[derive(Serialize)]
struct Entry {
    name: String,
    unit: &'static str,
    value: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    range: Option<String>,
    extra: String,
}

/// Writes what is better this way; how many figures that were.
pub fn write(out: &mut dyn Write, of: &Handed<'_>, better: Better) -> Result<usize, ReportError> {
    let asked = of.front.into_iter().flat_map(|front| &front.objectives);
    let asked = asked.filter_map(|objective| Some(objective.metric.def()?.id));
    let named: Vec<MetricId> = limited(of.records).into_iter().chain(asked).collect();
    let is_meant = |def: &MetricDef| {
        let is_main = def.in_report || def.gate.is_some() || named.contains(&def.id);
        is_main && def.better == Some(better)
    };
    let list = of.axes();
    let axes: Vec<_> = list.defs().collect();
    let mut cells: HashMap<&str, String> = HashMap::new();
    for record in of.records {
        cells.entry(&record.cell).or_insert_with(|| {
            let all = settings(axes.iter().copied(), record);
            all.iter()
                .map(|(key, value)| format!("{key}={}", one_line(&value.to_string())))
                .collect::<Vec<_>>()
                .join("\n")
        });
    }
    let mut json = serde_json::Serializer::pretty(&mut *out);
    let mut list = json.serialize_seq(None)?;
    let mut count = 0;
    for figure in of.figures().filter(|figure| figure.row.metric.def().is_some_and(is_meant)) {
        let settings = cells.get(figure.row.cell.as_str()).map_or("", String::as_str);
        list.serialize_element(&entry(figure, settings))?;
        count += 1;
    }
    list.end()?;
    out.write_all(b"\n")?;
    Ok(count)
}

fn entry(Figure { row, value }: Figure<'_>, settings: &str) -> Entry {
    let ends = row.low.zip(row.high);
    // The wider half, rounded up: what is written is never narrower than what is known.
    let range = ends.map(|(low, high)| (value - low).max(high - value));
    let range = range.filter(|half| half.is_finite()).map(|half| format!("± {}", rounded_up(half)));
    let interval = range.as_ref().and_then(|_| row.said_of_interval());
    let extra: Vec<String> = interval.into_iter().chain([settings.to_owned()]).collect();
    let name = format!("{}/{}", row.place(), row.metric);
    Entry { name, unit: row.unit.name(), value, range, extra: extra.join("\n") }
}

/// Three significant digits, rounded up.
fn rounded_up(value: f64) -> f64 {
    if value <= 0.0 {
        return 0.0;
    }
    let text = format!("{value:.2e}");
    let near: f64 = text.parse().unwrap_or(value);
    if near >= value {
        return near;
    }
    let last = 10_f64.powf(value.log10().floor() - 2.0);
    format!("{:.2e}", near + last).parse().unwrap_or(value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::export::fixtures::{handed, text};

    #[test]
    fn each_direction_has_a_file_and_no_figure_is_in_both() {
        insta::assert_snapshot!("gha_smaller", text(|out| write(out, &handed(), Better::Lower)));
        insta::assert_snapshot!("gha_bigger", text(|out| write(out, &handed(), Better::Higher)));
    }

    #[test]
    fn a_range_is_never_narrower_than_the_interval() {
        for (value, shown) in
            [(0.0, 0.0), (1.001, 1.01), (0.123_4, 0.124), (999.9, 1000.0), (1.0, 1.0)]
        {
            assert!((rounded_up(value) - shown).abs() < 1e-9, "{value}: {}", rounded_up(value));
        }
    }
}
