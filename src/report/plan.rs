//! `--dry-run`: what would be run, with every setting resolved.

use std::fmt::Write as _;
use std::io::Write;

use serde::Serialize;
use serde_json::Value;

use super::data::cell;
use super::layout::{Align, Column, harmless, render, wrap};
use super::{ReportError, json, write_csv};

/// One planned run: its name and its resolved settings by the names that the grid file has for them, in base units.
/// All rows have the same keys in the same order.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PlanRow<'a> {
    /// The run's name.
    pub run: String,
    /// Name and value of each setting.
    #[serde(serialize_with = "as_map")]
    pub settings: Vec<(&'a str, Value)>,
}

fn as_map<S: serde::Serializer>(
    settings: &[(&str, Value)],
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.collect_map(settings.iter().map(|(key, value)| (key, value)))
}

/// A setting in the table: its value in the first run, and once another run has another one, a column.
struct Told<'a> {
    key: &'a str,
    first: Value,
    figures: bool,
    cells: Vec<String>,
}

impl Told<'_> {
    /// Takes the value of the run of this place; as long as all have the same, no text is kept.
    fn add(&mut self, place: usize, value: &Value) {
        if self.cells.is_empty() && *value == self.first {
            return;
        }
        if self.cells.is_empty() {
            self.cells = vec![shown(&self.first); place];
        }
        self.figures &= value.is_number();
        self.cells.push(shown(value));
    }
}

/// What would be run, for people: settings that all runs share once, the others in a table. No row is kept: there may be a
/// hundred thousand.
///
/// `extent`: how many runs there will be.
pub fn plan_table<'a>(
    (name, extent): (&str, &str),
    rows: impl Iterator<Item = PlanRow<'a>>,
    sources: &[(String, String)],
    width: usize,
) -> String {
    let mut runs = Vec::new();
    let mut told: Vec<Told<'_>> = Vec::new();
    for (place, row) in rows.enumerate() {
        if place == 0 {
            let first = row.settings.iter().map(|(key, first)| Told {
                key,
                first: first.clone(),
                figures: first.is_number(),
                cells: Vec::new(),
            });
            told = first.collect();
        }
        for (told, (_, value)) in told.iter_mut().zip(&row.settings) {
            told.add(place, value);
        }
        runs.push(row.run);
    }
    let mut out = wrap(&format!("{name}: {extent}"), width, "  ");
    if runs.is_empty() {
        return out;
    }
    let (shared, varying): (Vec<_>, Vec<_>) =
        told.into_iter().partition(|told| told.cells.is_empty());
    out.push('\n');
    let shared: Vec<_> = shared.iter().map(|told| (told.key, &told.first)).collect();
    out.push_str(&shared_block(&shared, width));
    out.push('\n');
    let mut columns = vec![Column::words("run", runs, |run| run)];
    columns.extend(varying.into_iter().map(|told| {
        let align = if told.figures { Align::Right } else { Align::Left };
        // A key like `train.epochs` takes two lines, so that more columns fit.
        let head = told.key.replacen('.', ".\n", 1);
        Column { align, ..Column::words(&head, told.cells, |cell| cell) }
    }));
    out.push_str(&render(columns, width));
    out.push_str(&said(sources, width));
    out
}

/// `every run:` and a line for each section of the grid file.
fn shared_block(shared: &[(&str, &Value)], width: usize) -> String {
    let mut sections: Vec<(&str, Vec<String>)> = Vec::new();
    for (key, value) in shared {
        let (section, name) = key.split_once('.').unwrap_or(("grid", key));
        let said = format!("{name} {}", shown(value));
        match sections.iter_mut().find(|(known, _)| *known == section) {
            Some((_, settings)) => settings.push(said),
            None => sections.push((section, vec![said])),
        }
    }
    let mut out = "every run:\n".to_owned();
    let longest = sections.iter().map(|(section, _)| section.len()).max();
    let heads = longest.unwrap_or(0).max(8);
    for (section, settings) in sections {
        let settings = wrap(&settings.join(", "), width.saturating_sub(heads + 3), "");
        for (at, line) in settings.lines().enumerate() {
            let head = if at == 0 { section } else { "" };
            let _ = writeln!(out, "  {head:<heads$} {line}");
        }
    }
    out
}

/// Which file or argument says what, with the lines, where it is more than the grid file alone.
fn said(sources: &[(String, String)], width: usize) -> String {
    let mut origins: Vec<(&str, Vec<String>)> = Vec::new();
    for (key, place) in sources {
        let line = place.rsplit_once(':').filter(|(_, line)| line.parse::<u64>().is_ok());
        let (origin, key) = match line {
            Some((file, line)) => (file, format!("{key} ({line})")),
            None => (place.as_str(), key.clone()),
        };
        match origins.iter_mut().find(|(known, _)| *known == origin) {
            Some((_, keys)) => keys.push(key),
            None => origins.push((origin, vec![key])),
        }
    }
    if origins.len() < 2 {
        return String::new();
    }
    let lines = origins
        .iter()
        .map(|(origin, keys)| wrap(&format!("said by {origin}: {}", keys.join(", ")), width, "  "));
    "\n".to_owned() + &lines.collect::<String>()
}

/// What is not set is said so.
fn shown(value: &Value) -> String {
    match value {
        Value::Null => "-".to_owned(),
        Value::Array(items) if items.is_empty() => "-".to_owned(),
        Value::String(text) => harmless(text),
        other => cell(other),
    }
}

/// What would be run, one row a run. No row is kept, here and in JSON.
pub fn plan_csv<'a>(
    out: impl Write,
    rows: impl Iterator<Item = PlanRow<'a>>,
) -> Result<(), ReportError> {
    let mut rows = rows.peekable();
    let first = rows.peek().map_or(&[][..], |row| &row.settings);
    let header: Vec<&str> = ["run"].into_iter().chain(first.iter().map(|(key, _)| *key)).collect();
    let cells = |row: PlanRow<'_>| {
        let values: Vec<String> = row.settings.iter().map(|(_, value)| cell(value)).collect();
        [row.run].into_iter().chain(values)
    };
    write_csv(out, header, rows.map(cells))
}

/// What would be run, as one JSON document.
pub fn plan_json<'a>(
    out: impl Write,
    name: &str,
    rows: impl Iterator<Item = PlanRow<'a>> + Clone,
    sources: &[(String, String)],
) -> Result<(), ReportError> {
    #[derive(Serialize)]
    struct Document<'a, T> {
        format: json::Format,
        name: &'a str,
        sources: serde_json::Map<String, Value>,
        plan: T,
    }
    let sources = sources.iter().map(|(key, place)| (key.clone(), place.clone().into())).collect();
    json::write_pretty(out, &Document { format: json::FORMAT, name, sources, plan: Rows(rows) })
}

/// Rows that are made as they are written.
struct Rows<R>(R);

impl<'a, R: Iterator<Item = PlanRow<'a>> + Clone> Serialize for Rows<R> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows() -> Vec<PlanRow<'static>> {
        let row = |model: &str, dataset: &str, epochs: u32| PlanRow {
            run: format!("{model}-{dataset}"),
            settings: vec![
                ("model", Value::from(model)),
                ("dataset", Value::from(dataset)),
                ("batch_size", Value::from(64)),
                ("learning_rate", Value::from(1e-3)),
                ("depth", Value::Null),
                ("train.epochs", Value::from(epochs)),
                ("optimizer", Value::from("adam")),
                ("serve.batch_size", Value::from(vec![1, 32])),
                (
                    "stop.metrics",
                    Value::from(vec![
                        "train.throughput",
                        "train.step_latency_mean",
                        "train.step_latency_p50",
                        "memory.peak",
                    ]),
                ),
                ("stop.within", Value::from(0.05)),
                ("objectives.minimize", Value::from(Vec::<String>::new())),
            ],
        };
        vec![row("mlp", "digits", 60), row("mlp", "fashion-mnist", 10), row("resnet", "digits", 60)]
    }

    #[test]
    fn what_all_runs_share_is_said_once() {
        let said = [("train.epochs", "base.toml:12"), ("grid.model", "grid.toml:3")]
            .map(|(key, place)| (key.to_owned(), place.to_owned()));
        insta::assert_snapshot!(
            "plan_table",
            plan_table(("three-by-three", "3 runs"), rows().into_iter(), &said, 80)
        );
        insta::assert_snapshot!(
            "plan_table_one",
            plan_table(("one", "1 run"), rows().into_iter().take(1), &said[..1], 80)
        );
        assert_eq!(plan_table(("none", "0 runs"), [].into_iter(), &[], 80), "none: 0 runs\n");
    }

    #[test]
    fn programs_get_every_setting_of_every_run() {
        let mut csv = Vec::new();
        plan_csv(&mut csv, rows().into_iter()).unwrap();
        insta::assert_snapshot!("plan_csv", String::from_utf8(csv).unwrap());
        let mut json = Vec::new();
        plan_json(&mut json, "x", rows().into_iter(), &[]).unwrap();
        let json: Value = serde_json::from_slice(&json).unwrap();
        assert_eq!(json["plan"][1]["settings"]["train.epochs"], 10);
        assert_eq!(json["plan"][1]["settings"]["serve.batch_size"][1], 32);
        assert_eq!(json["format"]["major"], 2);
    }
}
