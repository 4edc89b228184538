//! For people: the table, what it rests on, and what to do.

use std::collections::BTreeMap;

use super::super::layout::{Align, Column, counted, render, wrap};
use super::super::words::{gate_note, some_runs};
use super::advice::advice;
use super::report::GateReport;
use super::rows::{
    all_incomparable, change, change_head, doubtful, evidence, fails, figure, interval, of, plain,
    probability, quantity,
};
use crate::gate::{Design, Judgement, Remedy, Row, RowVerdict};
use crate::units;

/// Rows of a verdict that does not fail, at most.
const SHOWN: usize = 10;

/// Rows whose evidence is told under the table, at most.
const TOLD: usize = 12;

/// Lines of differences between the environments, at most.
const DIFFERENCES: usize = 10;

pub(super) fn text(report: &GateReport<'_>, width: usize) -> String {
    let judgement = report.judgement;
    let mut out = String::new();
    for (word, said) in [
        ("baseline", &judgement.baseline),
        ("candidate", &judgement.candidate),
        ("design", &report.design()),
    ] {
        out += &wrap(&format!("{word}: {}", plain(said)), width, "  ");
    }
    out.push('\n');
    let incomparable = all_incomparable(judgement);
    if incomparable.is_none() {
        out += &table(judgement, width);
    }
    out += &environment(judgement, width);
    out += &match incomparable {
        Some(rows) => {
            let line = format!("none of {} is compared", counted(rows, "row"));
            wrap(&line, width, "  ")
        }
        None => told(judgement, width),
    };
    for line in advice(judgement) {
        out += &wrap(&line, width, "  ");
    }
    for note in &judgement.notes {
        out += &wrap(&format!("note: {}", plain(&gate_note(note))), width, "  ");
    }
    out += &wrap(&judgement.coverage.to_string(), width, "  ");
    out += &wrap(&report.closing(), width, "  ");
    out
}

/// The rows, worst first; of those that do not fail some, and how many more there are.
fn table(judgement: &Judgement, width: usize) -> String {
    let mut shown: Vec<&Row> = Vec::new();
    let mut hidden: Vec<String> = Vec::new();
    for verdict in super::rows::ORDER {
        let rows = of(judgement, verdict);
        let limit = match verdict {
            RowVerdict::Info => 0,
            verdict if fails(verdict) || verdict == RowVerdict::Suspect => rows.len(),
            _ => SHOWN,
        };
        if rows.len() > limit {
            hidden.push(format!("{} {verdict}", rows.len() - limit));
        }
        shown.extend(rows.into_iter().take(limit));
    }
    let mut out = String::new();
    if !shown.is_empty() {
        out += &render(columns(&shown, &judgement.design), width);
    }
    if !hidden.is_empty() {
        let more = if shown.is_empty() { "" } else { "more " };
        let line = format!("{more}rows: {} (--format json has all)", hidden.join(", "));
        out += &wrap(&line, width, "  ");
    }
    if !out.is_empty() {
        out.push('\n');
    }
    out
}

fn columns(rows: &[&Row], design: &Design) -> Vec<Column> {
    let column = |head: &str, align, cell: &dyn Fn(&Row) -> String| Column {
        align,
        ..Column::words(head, rows, |row| cell(row))
    };
    let change_head = change_head(design, rows).replace(' ', "\n");
    let mut columns = vec![
        column("verdict", Align::Left, &|row| row.verdict.to_string()),
        column("cell", Align::Left, &|row| plain(&row.cell)),
        column("figure", Align::Left, &|row| plain(&figure(row))),
        column("baseline -> candidate", Align::Right, &both).ranked(4),
        column(&change_head, Align::Right, &|row| change(row.change)),
        column("interval", Align::Right, &interval).ranked(2),
        column("p", Align::Right, &|row| probability(row.p)).ranked(5),
    ];
    let needs = |row: &Row| row.verdict == RowVerdict::Inconclusive;
    if rows.iter().any(|row| needs(row) && row.detectable.is_some()) {
        let sees = |row: &Row| {
            let least = row.detectable.filter(|_| needs(row));
            least.map_or_else(String::new, units::percent)
        };
        columns.push(column("sees", Align::Right, &sees).ranked(1));
    }
    if rows.iter().any(|row| needs(row) && more_runs(row).is_some()) {
        let more = |row: &Row| {
            let runs = more_runs(row).filter(|_| needs(row));
            let some = runs.map_or_else(String::new, |(least, most)| some_runs(least, most));
            some.trim_start_matches("about ").replace("at least ", ">= ")
        };
        columns.push(column("more\nruns", Align::Right, &more).ranked(1));
    }
    // A column of which nothing is known says nothing.
    columns.retain(|column| column.rank == 0 || !column.is_empty());
    columns
}

/// The figures of both sides.
fn both(row: &Row) -> String {
    let side = |value: Option<f64>| match value {
        Some(_) => quantity(&row.unit, value),
        None => "-".to_owned(),
    };
    if row.baseline.is_none() && row.candidate.is_none() {
        return String::new();
    }
    format!("{} -> {}", side(row.baseline), side(row.candidate))
}

/// Where the environments differ; the reasons to refuse first.
fn environment(judgement: &Judgement, width: usize) -> String {
    let mut out = String::new();
    for (hard, says) in [
        (true, "differs, so nothing can be compared"),
        (false, "differs, which does not prevent the comparison"),
    ] {
        let differences = judgement.environment.iter().filter(|d| d.hard == hard);
        let differences: Vec<_> = differences.collect();
        let limit = if hard { usize::MAX } else { DIFFERENCES };
        for difference in differences.iter().take(limit) {
            let line = format!(
                "environment: {} {says}: `{}` in the baseline, `{}` in the candidate",
                plain(&difference.field),
                plain(&difference.baseline),
                plain(&difference.candidate)
            );
            out += &wrap(&line, width, "  ");
        }
        if differences.len() > limit {
            let more = counted(differences.len() - limit, "more field");
            let line = format!("environment: {more} differ (--format json has all)");
            out += &wrap(&line, width, "  ");
        }
    }
    out
}

/// What the rows that fail or are in doubt rest on; a reason that several rows share is said once.
fn told(judgement: &Judgement, width: usize) -> String {
    let mut out = String::new();
    let mut count = 0;
    for verdict in super::rows::ORDER {
        if !fails(verdict) && !doubtful(verdict) {
            continue;
        }
        let mut shared: BTreeMap<String, Vec<&Row>> = BTreeMap::new();
        let mut order: Vec<String> = Vec::new();
        for row in of(judgement, verdict) {
            let said = evidence(row, &judgement.design);
            if said.is_empty() {
                continue;
            }
            if !shared.contains_key(&said) {
                order.push(said.clone());
            }
            shared.entry(said).or_default().push(row);
        }
        for said in order {
            let rows = shared.remove(&said).unwrap_or_default();
            count += 1;
            if count > TOLD {
                continue;
            }
            let who = match rows.as_slice() {
                [row] => format!("{} {}", row.cell, figure(row)),
                rows => counted(rows.len(), "row"),
            };
            out += &wrap(&format!("{verdict}: {}: {said}", plain(&who)), width, "  ");
        }
    }
    if count > TOLD {
        let more = counted(count - TOLD, "more reason");
        out += &wrap(&format!("{more}: see --format json"), width, "  ");
    }
    out
}

/// How many more runs a side a row in doubt needs, at least and at most.
fn more_runs(row: &Row) -> Option<(u32, Option<u32>)> {
    match row.remedy() {
        Some(Remedy::Runs { least, most }) => Some((least, most)),
        _ => None,
    }
}
