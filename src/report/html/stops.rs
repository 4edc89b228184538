//! The head of the page, and why each run ended.

use std::collections::BTreeMap;

use super::markup::{Markup, grid, section};
use super::page::{Limit, Page};
use crate::event::{Feasibility, RunRecord, RunStatus};
use crate::event::{StopDetail, objective::listed};
use crate::report::closing::{Closing, closing_line};
use crate::report::ending::{verdicts, why, with_status, word};
use crate::report::layout::{Cell, Column};
use crate::report::spared::spared;
use crate::report::words;
use crate::units;

/// Name, time, machine and counts.
pub(super) fn head(header: &mut Markup, page: &Page<'_>) {
    let head = page.head;
    header.leaf("h1", &[], &head.name);
    header.feed();
    let made: Vec<_> = [moment(&head.created), version(&head.version)]
        .into_iter()
        .filter(|part| !part.is_empty())
        .collect();
    header.leaf("p", &[("class", "small")], &made.join(", "));
    if !head.machine.is_empty() {
        header.leaf("p", &[("class", "small")], &head.machine);
    }
    let facts = common_facts(page.records);
    if !facts.is_empty() {
        header.leaf("p", &[("class", "small")], &facts);
    }
    header.feed();
    header.element("ul", &[("class", "counts")], |list| {
        for (count, what, class) in tiles(page) {
            list.element("li", &[("class", class)], |item| {
                item.leaf("b", &[], &count.to_string());
                item.text(&format!(" {what}"));
            });
        }
    });
    header.feed();
    header.leaf("p", &[], &counts(page));
    if let Some(line) = spared(page.records) {
        header.leaf("p", &[], &line);
    }
    if !page.limits.is_empty() {
        let limits: Vec<_> = page.limits.iter().map(Limit::shown).collect();
        header.leaf("p", &[], &format!("Limits: {}", limits.join("; ")));
    }
    if let Some(front) = page.front {
        let objectives = listed(&front.objectives);
        header.leaf("p", &[], &format!("Objectives: {objectives}"));
    }
    for line in page.found.into_iter().flat_map(|found| found.lines(page.front, page.records)) {
        header.leaf("p", &[], &line);
    }
    if !page.head.missing.is_empty() {
        let missing = format!("Not run: {}", page.head.missing.join(", "));
        header.leaf("p", &[("class", "small")], &missing);
    }
}

/// What became of the runs, as under the terminal's table.
fn counts(page: &Page<'_>) -> String {
    let closing = Closing {
        planned: Some(page.records.len() + page.head.missing.len()),
        front: page.front,
        found: page.found,
        ..Closing::default()
    };
    closing_line(page.records, &closing)
}

/// `2026-11-23 07:25:15 UTC` of the manifest's `2026-11-23T07:25:15.824Z`; anything else as it is.
fn moment(created: &str) -> String {
    let parts = created.strip_suffix('Z').and_then(|utc| utc.split_once('T'));
    parts.map_or_else(
        || created.to_owned(),
        |(day, time)| {
            let seconds = time.split_once('.').map_or(time, |(seconds, _)| seconds);
            format!("{day} {seconds} UTC")
        },
    )
}

fn version(version: &str) -> String {
    if version.is_empty() { String::new() } else { format!("perftune {version}") }
}

/// What all workers said alike of their environment.
fn common_facts(records: &[RunRecord]) -> String {
    let mut all = records.iter().map(|record| &record.facts).filter(|facts| !facts.is_empty());
    let Some(first) = all.next() else {
        return String::new();
    };
    let mut common: BTreeMap<_, _> = first.iter().collect();
    for facts in all {
        common.retain(|name, value| facts.get(*name) == Some(*value));
    }
    let facts = common.iter().map(|(name, value)| format!("{name} {value}"));
    facts.collect::<Vec<_>>().join(", ")
}

/// How many runs there are of each kind: the count, its name and its class.
fn tiles(page: &Page<'_>) -> Vec<(usize, &'static str, &'static str)> {
    let records = page.records;
    let judged: Vec<Feasibility> = verdicts(records).collect();
    let of = |verdict| judged.iter().filter(|found| **found == verdict).count();
    let mut tiles = vec![(records.len(), if records.len() == 1 { "run" } else { "runs" }, "")];
    if !judged.is_empty() {
        tiles.extend([
            (of(Feasibility::Feasible), "feasible", "feasible"),
            (of(Feasibility::Infeasible), "infeasible", "infeasible"),
            (of(Feasibility::Undecided), "undecided", "undecided"),
        ]);
    }
    let failed = with_status(records, RunStatus::Failed);
    tiles.push((failed, "failed", if failed > 0 { "failed" } else { "" }));
    for (count, what) in [
        (with_status(records, RunStatus::Cancelled), "cancelled"),
        (page.head.missing.len(), "not run"),
    ] {
        if count > 0 {
            tiles.push((count, what, ""));
        }
    }
    tiles
}

/// Writes why each run ended and what becomes of its constraints.
pub(super) fn table(page: &mut Markup, records: &[RunRecord]) {
    if records.is_empty() {
        return;
    }
    let number = |text: String| Cell { class: "n", ..text.into() };
    let mut columns = vec![
        Column::words("#", 1..=records.len(), |place| number(place.to_string())),
        Column::words("run", records, |record| record.run.clone()),
        Column::words("ended as", records, |record| Cell {
            class: if record.status == RunStatus::Failed { "failed" } else { "" },
            ..word(record).into()
        }),
        Column::words("after", records, |record| number(units::elapsed(record.wall_s))),
        Column::words("evidence", records, |record| Cell::prose(evidence(record))),
    ];
    if verdicts(records).next().is_some() {
        let why = |record| Cell::prose(words::verdict(record));
        columns.extend([
            Column::words("verdict", records, verdict),
            Column::words("why", records, why),
        ]);
    }
    section(page, "Why each run ended", |section| {
        grid(section, "stops", &columns, 1);
        for remedy in words::remedies(records) {
            let says = format!("What would decide an undecided limit: {remedy}.");
            section.leaf("p", &[("class", "small")], &says);
        }
    });
}

fn evidence(record: &RunRecord) -> String {
    // A run that a constraint ended has the same sentence twice.
    let by_constraint = matches!(record.stop.detail, StopDetail::Infeasible { .. });
    if record.failure.is_none() && record.verdict.is_some() && by_constraint {
        return "a limit is broken".to_owned();
    }
    why(record)
}

/// A verdict with its sign, in its colour.
pub(super) fn verdict(record: &RunRecord) -> Cell {
    let Some(verdict) = record.verdict.as_ref().map(|verdict| verdict.verdict) else {
        return Cell::default();
    };
    let sign = match verdict {
        Feasibility::Feasible => '\u{2713}',
        Feasibility::Infeasible => '\u{2717}',
        Feasibility::Undecided => '?',
    };
    Cell { class: verdict.word(), ..format!("{sign} {verdict}").into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_read_from_the_manifest_or_left_alone() {
        for (created, shown) in [
            ("2026-11-23T07:25:15.824497617Z", "2026-11-23 07:25:15 UTC"),
            ("2026-11-23T07:25:15Z", "2026-11-23 07:25:15 UTC"),
            ("yesterday", "yesterday"),
            ("", ""),
        ] {
            assert_eq!(moment(created), shown);
        }
    }
}
