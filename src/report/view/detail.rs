//! What was opened: a run with its figures, why it ended, and its series.

use super::seen::Seen;
use super::sheet::{Sheet, ruled};
use super::spark::{place, spark};
use crate::event::RunRecord;
use crate::report::ending::{why, word};
use crate::report::html::RunSeries;
use crate::report::layout::{Align, Column, wrap};
use crate::report::summary::SummaryRow;
use crate::report::{interval, words};
use crate::units;

/// Characters that the name of a series has.
const NAME: usize = 26;

/// The lines of a run of a cell.
pub(super) fn sheet(
    seen: &Seen<'_>,
    runs: &[&RunRecord],
    run: &RunRecord,
    series: Option<&Result<RunSeries, String>>,
    width: usize,
) -> Sheet {
    let mut rows = over_runs(seen, run, width);
    let mut says = |text: &str| rows.extend(wrap(text, width, "  ").lines().map(str::to_owned));
    says(&format!(
        "run {}, {}{}: {} after {}",
        run.run,
        run.repeat,
        if runs.len() > 1 { format!(" of {}", runs.len()) } else { String::new() },
        word(run),
        units::elapsed(run.wall_s)
    ));
    says(&why(run));
    if run.verdict.is_some() {
        says(&words::verdict(run));
    }
    match series {
        Some(Ok(series)) => rows.extend(lines(series, width)),
        Some(Err(why)) => says(&format!("no series: {why}")),
        None => {}
    }
    Sheet { head: vec![run.cell.clone()], rows }
}

/// The figures of the cell over its runs.
fn over_runs(seen: &Seen<'_>, run: &RunRecord, width: usize) -> Vec<String> {
    let rows: Vec<&SummaryRow> =
        seen.summary.iter().filter(|row| row.cell == run.cell && row.mean.is_some()).collect();
    if rows.is_empty() {
        return Vec::new();
    }
    let show = |row: &SummaryRow, value: f64| {
        row.metric.def().map_or_else(|| value.to_string(), |metric| metric.unit.show(value))
    };
    let between = |row: &&SummaryRow| {
        interval(row.low, row.high, |value| show(row, value)).unwrap_or_default()
    };
    let known = |row: &&SummaryRow| match row.known {
        Some(true) => "known",
        Some(false) => "open",
        None => "",
    };
    let mean = |row: &&SummaryRow| row.mean.map(|mean| show(row, mean)).unwrap_or_default();
    let columns = vec![
        Column::words("metric", &rows, |row| row.metric.to_string()),
        Column::words("stage", &rows, |row| row.phase.clone()),
        Column { align: Align::Right, ..Column::words("mean", &rows, mean) },
        Column { align: Align::Right, ..Column::words("interval", &rows, between) },
        Column::words("", &rows, |row| known(row).to_owned()),
    ];
    let Sheet { head, rows } = ruled(columns, width);
    head.into_iter().chain(rows).chain([String::new()]).collect()
}

/// A line for each series, under a line that says when what was.
fn lines(series: &RunSeries, width: usize) -> Vec<String> {
    let room = width.saturating_sub(NAME + 13);
    let mut lines = vec![String::new(), stages(series, room)];
    for panel in series.panels() {
        if let Some((line, top)) = spark(panel.line, series.end_s, room) {
            let name: String =
                panel.title.split([':', ',']).next().unwrap_or("").chars().take(NAME - 1).collect();
            lines.push(format!("{name:<NAME$}{line} {}", panel.unit.show(top)));
        }
    }
    let end = units::elapsed(series.end_s);
    lines.push(format!(
        "{:NAME$}from 0 to {end}; a line reaches from 0 to the figure behind it",
        ""
    ));
    lines
}

/// The names of the stages where they began, those that have room.
fn stages(series: &RunSeries, room: usize) -> String {
    let mut line = " ".repeat(NAME);
    for span in &series.stages {
        let at = NAME + place(span.from_s / series.end_s, room);
        let here = line.chars().count();
        let name = span.stage.to_string();
        if at >= here && at + name.chars().count() <= NAME + room {
            line += &" ".repeat(at - here);
            line += &name;
            line.push(' ');
        }
    }
    line
}
