//! Prometheus's text format, which its textfile collector and readers of `OpenMetrics` take alike: gauges only, with HELP, TYPE
//! and `# EOF`.
//!
//! Base units are those of Prometheus: a percentage becomes a ratio. The ends of an interval are families of their own, so
//! that nothing sums them up with the figure.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Write;

use super::names::Names;
use super::{Handed, settings};
use crate::report::ReportError;
use crate::report::summary::{SummaryRow, cells_of};
use crate::units::Unit;

/// What all names begin with.
const PREFIX: &str = "perftune_";

/// Whose the names are that no metric has.
const CELLS: &str = "[cells]";
const RUNS: &str = "[runs]";

/// The end of a name in this unit, and what a value is multiplied with to be in it.
const fn unit(unit: Unit) -> (&'static str, f64) {
    match unit {
        Unit::Seconds => ("_seconds", 1.0),
        Unit::Bytes => ("_bytes", 1.0),
        Unit::Percent => ("_ratio", 0.01),
        Unit::SamplesPerSecond => ("_samples_per_second", 1.0),
        Unit::RequestsPerSecond => ("_requests_per_second", 1.0),
        Unit::Ratio => ("_ratio", 1.0),
        Unit::One | Unit::Money => ("", 1.0),
        Unit::Flops => ("_flops", 1.0),
        Unit::FlopsPerSecond => ("_flops_per_second", 1.0),
        Unit::Watts => ("_watts", 1.0),
        Unit::Joules => ("_joules", 1.0),
        Unit::Grams => ("_grams", 1.0),
    }
}

/// What of a row a family is.
type Value = fn(&SummaryRow) -> Option<f64>;

/// The figure and the ends of its interval: what the name says, what is said of it, and which value.
const PARTS: [(&str, &str, Value); 3] = [
    ("", "", |row| row.mean),
    ("_low", ", lower end of its interval", |row| row.low),
    ("_high", ", upper end of its interval", |row| row.high),
];

/// Writes it; how many figures that were.
pub fn write(out: &mut dyn Write, of: &Handed<'_>) -> Result<usize, ReportError> {
    let mut metrics: Vec<Vec<&SummaryRow>> = Vec::new();
    let mut places = BTreeMap::new();
    for row in of.rows() {
        let at = *places.entry((&row.metric, row.unit.name())).or_insert(metrics.len());
        if at == metrics.len() {
            metrics.push(Vec::new());
        }
        metrics[at].push(row);
    }
    let mut names = Names::default();
    let grid = label("grid", of.name);
    cells(out, of, &mut names, &grid)?;
    let mut count = 0;
    for rows in &metrics {
        for (name, said, value) in PARTS {
            count += family(out, rows, &mut names, &grid, &Part { name, said, value })?;
        }
    }
    out.write_all(b"# EOF\n")?;
    Ok(count)
}

struct Part {
    /// What the name says of it, and what the text does.
    name: &'static str,
    said: &'static str,
    value: Value,
}

/// The values of a metric in each cell and stage; how many of them are figures.
fn family(
    out: &mut dyn Write,
    rows: &[&SummaryRow],
    names: &mut Names,
    grid: &str,
    Part { name: part, said, value }: &Part,
) -> Result<usize, ReportError> {
    let metric = &rows[0].metric;
    let (suffix, factor) = unit(rows[0].unit);
    let name =
        names.of(&format!("{metric}{part}"), &format!("{PREFIX}{}{part}", safe(metric)), suffix);
    let about = metric.def().map_or("a figure of the program's own", |def| def.about);
    let mut has_head = false;
    for row in rows {
        let Some(value) = value(row) else { continue };
        if !has_head {
            head(out, &name, &format!("{about}{said} ({metric})"))?;
            has_head = true;
        }
        let labels = [grid.to_owned(), label("cell", &row.cell), label("phase", &row.phase)];
        writeln!(out, "{name}{{{}}} {}", labels.join(","), number(value * factor))?;
    }
    Ok(if part.is_empty() { rows.len() } else { 0 })
}

/// What each cell is, and how its runs ended.
fn cells(
    out: &mut dyn Write,
    of: &Handed<'_>,
    names: &mut Names,
    grid: &str,
) -> Result<(), ReportError> {
    let list = of.axes();
    let info = names.of(CELLS, &format!("{PREFIX}cell_info"), "");
    let firsts = cells_of(of.records);
    if !firsts.is_empty() {
        head(out, &info, "the settings of a cell, always 1")?;
    }
    for first in &firsts {
        let mut taken = Names::default();
        let fixed = ["grid", "cell"].map(|name| taken.of(CELLS, name, ""));
        let mut labels = format!("{grid},{}", label(&fixed[1], &first.cell));
        for (key, value) in settings(list.defs(), first) {
            let name = taken.of(&key, &safe(&key), "");
            let _ = write!(labels, ",{}", label(&name, &value.to_string()));
        }
        writeln!(out, "{info}{{{labels}}} 1")?;
    }
    let runs = names.of(RUNS, &format!("{PREFIX}runs"), "");
    if !firsts.is_empty() {
        head(out, &runs, "runs of a cell, by how they ended")?;
    }
    let mut counts: BTreeMap<(&str, String), u64> = BTreeMap::new();
    for record in of.records {
        *counts.entry((&record.cell, record.status.to_string())).or_default() += 1;
    }
    for ((cell, status), count) in counts {
        let labels = [grid.to_owned(), label("cell", cell), label("status", &status)].join(",");
        writeln!(out, "{runs}{{{labels}}} {count}")?;
    }
    Ok(())
}

fn head(out: &mut dyn Write, name: &str, about: &str) -> Result<(), ReportError> {
    let about = about.replace('\\', "\\\\").replace('\n', "\\n").replace('"', "'");
    Ok(write!(out, "# HELP {name} {about}\n# TYPE {name} gauge\n")?)
}

/// `name="value"`; nothing that the value holds ends it.
fn label(name: &str, value: &str) -> String {
    let value = value.replace('\\', "\\\\").replace('\n', "\\n").replace('"', "\\\"");
    format!("{name}=\"{value}\"")
}

/// A name with what it may not have replaced.
fn safe(text: &str) -> String {
    let letter = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let name: String = text.chars().map(|c| if letter(c) { c } else { '_' }).collect();
    // Neither a digit first nor the two underscores that Prometheus keeps for itself.
    if name.starts_with(|c: char| c.is_ascii_digit()) || name.starts_with("__") {
        return format!("x{name}");
    }
    name
}

/// As Prometheus writes numbers that are none.
fn number(value: f64) -> String {
    if value.is_nan() {
        "NaN".to_owned()
    } else if value.is_infinite() {
        if value > 0.0 { "+Inf" } else { "-Inf" }.to_owned()
    } else {
        crate::report::number(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::export::fixtures::{handed, text};

    #[test]
    fn figures_are_gauges_in_base_units() {
        insta::assert_snapshot!("openmetrics", text(|out| write(out, &handed())));
    }

    #[test]
    fn names_and_labels_hold_nothing_that_ends_them() {
        for (text, name) in
            [("memory.peak", "memory_peak"), ("1st", "x1st"), ("größe", "gr__e"), ("__a", "x__a")]
        {
            assert_eq!(safe(text), name);
        }
        assert_eq!(label("cell", "a\"b\\c\nd"), "cell=\"a\\\"b\\\\c\\nd\"");
        for (value, shown) in [(f64::NAN, "NaN"), (f64::INFINITY, "+Inf"), (0.5, "0.5")] {
            assert_eq!(number(value), shown);
        }
    }
}
