//! A comment on a pull request, or the summary of a job.

use std::fmt::Write;

use super::super::layout::{Align, Column, counted};
use super::super::markdown::{escaped, table};
use super::super::words::gate_note;
use super::report::GateReport;
use super::rows::{
    ORDER, all_incomparable, change, change_head, fails, figure, interval, of, plain, probability,
    quantity, reasons,
};
use crate::gate::{Design, Judgement, Row, RowVerdict};

/// The first line of the page: a script finds an earlier comment by it, and replaces it.
pub const MARKER: &str = "<!-- perftune-check -->";

/// Failing rows in the table; GitHub refuses a comment of more than 65,536 characters, so that more are told shorter.
const TABLE: usize = 60;

/// Rows of a verdict that does not fail, at most.
const SHOWN: usize = 20;

pub(super) fn document(report: &GateReport<'_>) -> String {
    let judgement = report.judgement;
    let design = &judgement.design;
    let mut out = format!("{MARKER}\n## perftune check: {}\n\n", escaped(&report.headline()));
    let _ = writeln!(
        out,
        "{} Baseline {}, candidate {}; {}.",
        escaped(&sentence(&report.closing())),
        code(&judgement.baseline),
        code(&judgement.candidate),
        escaped(&report.design())
    );
    let _ = writeln!(out, "\n**{}**", escaped(&judgement.coverage.to_string()));
    out += &environment(judgement);
    out += &failing(judgement);
    for verdict in ORDER {
        if fails(verdict) || matches!(verdict, RowVerdict::Pass | RowVerdict::Info) {
            continue;
        }
        let rows = of(judgement, verdict);
        let limit = if verdict == RowVerdict::Suspect { rows.len() } else { SHOWN };
        if !rows.is_empty() {
            out += &details(&rows, verdict, design, limit);
        }
    }
    for verdict in [RowVerdict::Pass, RowVerdict::Info] {
        let rows = of(judgement, verdict);
        if !rows.is_empty() {
            out += &details(&rows, verdict, design, SHOWN);
        }
    }
    for note in &judgement.notes {
        let _ = write!(out, "\n* {}", escaped(&gate_note(note)));
    }
    if !judgement.notes.is_empty() {
        out.push('\n');
    }
    out
}

/// With a capital and a full stop.
fn sentence(text: &str) -> String {
    let mut characters = text.chars();
    let first = characters.next().map(|c| c.to_uppercase().to_string());
    format!("{}{}.", first.unwrap_or_default(), characters.as_str())
}

/// A name as code. A backslash means nothing between backquotes, so that a backquote cannot stand there.
fn code(text: &str) -> String {
    let text = plain(text).replace('`', "'");
    if text.is_empty() {
        return String::new();
    }
    format!("`{text}`")
}

fn environment(judgement: &Judgement) -> String {
    let mut out = String::new();
    for (hard, heading) in [
        (true, "Differences for which nothing is compared"),
        (false, "Other differences of the environment"),
    ] {
        let fields = judgement.environment.iter().filter(|field| field.hard == hard);
        let fields: Vec<_> = fields.collect();
        if fields.is_empty() {
            continue;
        }
        let shown = table(&[
            Column::words("field", &fields, |field| field.field.clone()),
            Column::words("baseline", &fields, |field| field.baseline.clone()),
            Column::words("candidate", &fields, |field| field.candidate.clone()),
        ]);
        let _ = write!(out, "\n{heading}:\n\n{shown}");
    }
    out
}

/// The rows that fail: all of them. Where only the environment is at fault it has said so for all rows.
fn failing(judgement: &Judgement) -> String {
    let mut rows: Vec<&Row> = Vec::new();
    for verdict in ORDER.into_iter().filter(|verdict| fails(*verdict)) {
        rows.extend(of(judgement, verdict));
    }
    if let Some(rows) = all_incomparable(judgement) {
        return format!("\nNone of {} is compared.\n", counted(rows, "row"));
    }
    if rows.is_empty() {
        return String::new();
    }
    let design = &judgement.design;
    let (first, rest) = rows.split_at(rows.len().min(TABLE));
    let mut out = format!("\n{}", table(&columns(first, design, true)));
    if !rest.is_empty() {
        out += "\nAnd:\n\n";
    }
    for row in rest {
        let change = change(row.change);
        let line = format!("{}: {} {} {change}", row.verdict, row.cell, figure(row));
        let _ = writeln!(out, "* {}", escaped(&line));
    }
    out
}

/// Rows that fold away.
fn details(rows: &[&Row], verdict: RowVerdict, design: &Design, limit: usize) -> String {
    let (shown, rest) = rows.split_at(rows.len().min(limit));
    let open = match verdict {
        RowVerdict::Suspect | RowVerdict::Inconclusive => " open",
        _ => "",
    };
    let mut out = format!(
        "\n<details{open}><summary>{} {}</summary>\n\n{}",
        rows.len(),
        escaped(&verdict.to_string()),
        table(&columns(shown, design, false))
    );
    if !rest.is_empty() {
        let _ = write!(out, "\nAnd {}.\n", counted(rest.len(), "more row"));
    }
    out + "\n</details>\n"
}

fn columns(rows: &[&Row], design: &Design, with_verdict: bool) -> Vec<Column> {
    let column = |head: &str, align, cell: &dyn Fn(&Row) -> String| Column {
        align,
        ..Column::words(head, rows, |row| cell(row))
    };
    let mut columns = Vec::new();
    if with_verdict {
        columns.push(column("verdict", Align::Left, &|row| row.verdict.to_string()));
    }
    columns.extend([
        column("cell", Align::Left, &|row| plain(&row.cell)),
        column("figure", Align::Left, &|row| plain(&figure(row))),
        column("baseline", Align::Right, &|row| quantity(&row.unit, row.baseline)),
        column("candidate", Align::Right, &|row| quantity(&row.unit, row.candidate)),
        column(change_head(design, rows), Align::Right, &|row| change(row.change)),
        column("interval", Align::Right, &interval),
        column("p", Align::Right, &|row| probability(row.p)),
        column("why", Align::Left, &reasons),
    ]);
    columns.retain(|column| !column.is_empty());
    columns
}
