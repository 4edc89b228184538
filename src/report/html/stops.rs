//! The head of the page, and why each run ended.

use std::collections::BTreeMap;

use super::super::ending::failure_text;
use super::super::ending::{Closing, closing_line, word};
use super::super::spared::spared;
use super::markup::{Markup, grid, section};
use super::page::{Limit, Page};
use crate::event::{Feasibility, RunRecord, RunStatus};
use crate::event::{StopDetail, objective::listed};
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
    let of = |verdict: Feasibility| {
        let verdicts = records.iter().filter_map(|record| record.verdict.as_ref());
        verdicts.filter(|found| found.verdict == verdict).count()
    };
    let ended = |status: RunStatus| records.iter().filter(|record| record.status == status).count();
    let judged = records.iter().any(|record| record.verdict.is_some());
    let mut tiles = vec![(records.len(), if records.len() == 1 { "run" } else { "runs" }, "")];
    if judged {
        tiles.extend([
            (of(Feasibility::Feasible), "feasible", "feasible"),
            (of(Feasibility::Infeasible), "infeasible", "infeasible"),
            (of(Feasibility::Undecided), "undecided", "undecided"),
        ]);
    }
    let failed = ended(RunStatus::Failed);
    tiles.push((failed, "failed", if failed > 0 { "failed" } else { "" }));
    for (count, what) in
        [(ended(RunStatus::Cancelled), "cancelled"), (page.head.missing.len(), "not run")]
    {
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
    let judged = records.iter().any(|record| record.verdict.is_some());
    let head = |row: &mut Markup| {
        let heads = ["#", "run", "ended as", "after", "evidence"];
        let verdict = ["verdict", "why"];
        for name in heads.iter().chain(verdict.iter().filter(|_| judged)) {
            row.leaf("th", &[("scope", "col")], name);
        }
    };
    let row = |row: &mut Markup, place: usize, record: &RunRecord| {
        cells(row, place + 1, record, judged);
    };
    section(page, "Why each run ended", |section| {
        grid(section, "stops", head, records, row);
    });
}

fn cells(row: &mut Markup, number: usize, record: &RunRecord, judged: bool) {
    let verdict = record.verdict.as_ref();
    row.leaf("td", &[("class", "n")], &number.to_string());
    row.leaf("th", &[("scope", "row")], &record.run);
    let class = if record.status == RunStatus::Failed { "failed" } else { "" };
    row.leaf("td", &[("class", class)], &word(record));
    row.leaf("td", &[("class", "n")], &units::elapsed(record.wall_s));
    let failure = record.failure.as_ref().map(failure_text);
    // A run that a constraint ended has the same sentence twice.
    let by_constraint = matches!(record.stop.detail, StopDetail::Infeasible { .. });
    let said = verdict.is_some() && by_constraint;
    let evidence = match failure {
        Some(failure) => failure,
        None if said => "a constraint is broken".to_owned(),
        None => words::stop(&record.stop.detail),
    };
    row.leaf("td", &[("class", "words")], &evidence);
    if judged {
        let (word, class) = verdict.map_or(("", ""), |verdict| self::verdict(verdict.verdict));
        row.leaf("td", &[("class", class)], word);
        row.leaf("td", &[("class", "words")], &words::verdict(record));
    }
}

/// A verdict with its mark, and the class of its colour.
pub(super) const fn verdict(of: Feasibility) -> (&'static str, &'static str) {
    match of {
        Feasibility::Feasible => ("\u{2713} feasible", "feasible"),
        Feasibility::Infeasible => ("\u{2717} infeasible", "infeasible"),
        Feasibility::Undecided => ("? undecided", "undecided"),
    }
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
