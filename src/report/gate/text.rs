//! For people: the table, what it rests on, and what to do.

use std::collections::BTreeMap;

use super::super::layout::{Align, Column, counted, render, wrap};
use super::super::words::{gate_note, some_runs};
use super::report::GateReport;
use super::rows::{
    all_incomparable, change, change_head, doubtful, evidence, fails, figure, interval, of, plain,
    probability, quantity,
};
use crate::gate::unlike::MachineDoubt;
use crate::gate::{Design, GateNote, Judgement, Row, RowReason, RowVerdict};
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
    for line in advice(report) {
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
            some.trim_start_matches("some ").replace("at least ", ">= ")
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
        (true, "differs, so that nothing can be compared"),
        (false, "differs, which is no reason to refuse"),
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

/// What can be done about what could not be said.
fn advice(report: &GateReport<'_>) -> Vec<String> {
    let judgement = report.judgement;
    let has = |verdict| !of(judgement, verdict).is_empty();
    let stored = matches!(judgement.design, Design::Stored { .. });
    let mut lines = Vec::new();
    let (lacking, inconclusive): (Vec<_>, Vec<_>) =
        of(judgement, RowVerdict::Inconclusive).into_iter().partition(|row| is_lacking(row));
    if !inconclusive.is_empty() {
        lines.push(needed(&inconclusive, judgement));
    }
    if !lacking.is_empty() {
        let rows = counted(lacking.len(), "row");
        lines.push(format!(
            "to do: runs lack the figure of {rows}; more of them are no help, longer ones are where they are too short for it \
             (epochs of [train], max_requests of [serve], min_time of [stop])"
        ));
    }
    if has(RowVerdict::Suspect) && stored {
        lines.push(
            "to do: suspect is the most that stored figures of so few sessions can say: confirm with `perftune run GRID \
             --against BASELINE`, which measures both sides in turn on one machine"
                .to_owned(),
        );
    }
    if has(RowVerdict::Unreachable) {
        let enough =
            "Give each side at least 5 runs of each cell (--repeat), or 7 blocks (--against)";
        let alpha = judgement.alpha;
        lines.push(if judgement.p_min > alpha {
            let p_min = probability(Some(judgement.p_min));
            format!(
                "to do: with these runs the smallest p that could come out is {p_min}, above alpha {alpha}: no slowdown of any \
                 size would be found. {enough}"
            )
        } else {
            format!(
                "to do: rows that are unreachable have too few runs for any p of at most alpha {alpha}, however large a slowdown. \
                 {enough}"
            )
        });
    }
    if has(RowVerdict::Missing) {
        lines.push(
            "to do: a cell that is gone on purpose is named under `retired` of the gate file, with a reason and a date"
                .to_owned(),
        );
    }
    if judgement.environment.iter().any(|difference| difference.hard) {
        lines.push(
            "to do: measure both sides on one machine (`perftune run GRID --against BASELINE`); name a field as `subject` in \
             the gate file if it is what is being tested; --any-machine compares all the same"
                .to_owned(),
        );
    } else if has(RowVerdict::Incomparable) && !judgement.notes.iter().any(is_of_settings) {
        lines.push(
            "to do: give results folders, or keep manifest.json beside the CSV files: it says where they were measured; \
             --any-machine compares all the same"
                .to_owned(),
        );
    }
    lines
}

/// Whether nothing was compared since the settings differ; the note says what to do.
fn is_of_settings(note: &GateNote) -> bool {
    let of_setting = |doubt: &MachineDoubt| matches!(doubt, MachineDoubt::Setting(_));
    matches!(note, GateNote::NotCompared { against } if against.iter().all(of_setting))
}

/// Whether too many of a row's runs lack its figure.
fn is_lacking(row: &Row) -> bool {
    let absent =
        |why: &RowReason| matches!(why, RowReason::Absent { .. } | RowReason::TooFew { .. });
    row.p.is_none() && row.why.iter().any(absent)
}

/// How many more runs a side a row in doubt needs, at least and at most.
fn more_runs(row: &Row) -> Option<(u32, Option<u32>)> {
    row.why.iter().find_map(|why| match why {
        RowReason::MoreRuns { least, most } => Some((*least, *most)),
        _ => None,
    })
}

/// How many runs would settle the rows that are in doubt.
fn needed(rows: &[&Row], judgement: &Judgement) -> String {
    let how = match judgement.design {
        Design::Paired { .. } => {
            "--blocks of `perftune run --against`, 2 runs of each side a block"
        }
        Design::Stored { .. } => {
            "--repeat of `perftune run`, or `perftune run GRID --against BASELINE`, which needs fewest"
        }
    };
    let head = format!("to do: {} inconclusive", counted(rows.len(), "row"));
    let known: Vec<_> = rows.iter().filter_map(|row| more_runs(row)).collect();
    let most: Option<Vec<u32>> = known.iter().map(|(_, most)| *most).collect();
    let most = most.and_then(|all| all.into_iter().max());
    let Some(least) = known.iter().map(|(least, _)| *least).min() else {
        return format!("{head}: more runs ({how}), or a wider floor in the gate file");
    };
    let (it, runs) = (if rows.len() == 1 { "it" } else { "them" }, some_runs(least, most));
    format!(
        "{head}: {runs} more runs a side may settle {it}, by the noise and the change that these runs show ({how})"
    )
}
