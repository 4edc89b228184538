//! What people must know beside the rows.

use std::collections::BTreeSet;

use super::align::Aligned;
use super::copies::same_figures;
use super::environment::Environment;
use super::index::{CellRuns, SideIndex};
use super::policy::{GatePolicy, Role, default_rule};
use super::side::{GateRun, IndexedRun};
use super::verdict::{Row, RowVerdict};

/// Why the two sides are not compared.
pub(super) fn refusal(environment: &Environment) -> Vec<String> {
    let refused = environment.refused.iter();
    refused
        .map(|why| {
            format!(
                "not compared: {why}. What is to be tested belongs into `subject`; --any-machine compares all the same"
            )
        })
        .collect()
}

/// Of sessions that were left out.
pub(super) fn own_sessions(own: &BTreeSet<&str>) -> Vec<String> {
    own.iter()
        .map(|session| {
            format!("session `{session}` is the candidate's own and was left out of the baseline")
        })
        .collect()
}

/// Of the runs, whatever came of them.
pub(super) fn of_input(
    (baseline, candidate): (&SideIndex<'_>, &SideIndex<'_>),
    aligned: &Aligned<'_>,
    policy: &GatePolicy,
) -> Vec<String> {
    let mut notes = Vec::new();
    notes.extend(swapped(baseline, candidate));
    for (side, name) in [(baseline, "baseline"), (candidate, "candidate")] {
        notes.extend(silent(side, name));
        notes.extend(copies(side, name));
    }
    notes.extend(twins(baseline, candidate));
    for (metric, places) in &aligned.unmeasured {
        let plural = if *places == 1 { "place" } else { "places" };
        notes.push(format!("`{metric}` was measured on neither side, in {places} {plural}"));
    }
    for (cell, reason) in &aligned.retired {
        notes.push(format!("`{cell}` is retired: {reason}"));
    }
    notes.extend(idle_retired((baseline, candidate), aligned, policy));
    notes.extend(turned(policy));
    notes
}

fn runs<'i>(side: &'i SideIndex<'_>) -> impl Iterator<Item = &'i GateRun> {
    side.cells.values().flat_map(|cell: &CellRuns<'_>| {
        let ended = cell.ended.iter().map(|run| run.run);
        ended.chain(cell.failed.iter().copied())
    })
}

/// Arms that were recorded the other way round.
fn swapped(baseline: &SideIndex<'_>, candidate: &SideIndex<'_>) -> Option<String> {
    use crate::event::record::Arm;
    let arm = |side| runs(side).find_map(|run| run.pairing.as_ref().map(|pairing| pairing.arm));
    let swapped = arm(baseline) == Some(Arm::Candidate) && arm(candidate) == Some(Arm::Baseline);
    swapped.then(|| {
        "the sides are exchanged: what is called the baseline here was recorded as the candidate".to_owned()
    })
}

/// A source that does not say how its runs ended.
fn silent(side: &SideIndex<'_>, name: &str) -> Option<String> {
    let all = runs(side).count();
    let silent = runs(side).filter(|run| run.status.is_none()).count();
    (silent > 0).then(|| {
        format!("it is not known how {silent} of {all} runs of the {name} ended: a run that failed would look like any other")
    })
}

/// Runs that repeat the figures of another one of their cell.
fn copies(side: &SideIndex<'_>, name: &str) -> Vec<String> {
    let mut notes = Vec::new();
    let copied = side.cells.iter().filter(|(_, cell)| cell.copied > 0);
    let count: usize = copied.clone().map(|(_, cell)| cell.copied).sum();
    if let Some((first, _)) = copied.clone().next() {
        let plural = if count == 1 { "" } else { "s" };
        notes.push(format!(
            "{count} run{plural} of the {name} (of `{first}`, for one) have the same figures as another run to the last bit: \
             copies are no evidence, and their cells neither pass nor are worse than suspect"
        ));
    }
    let constant: Vec<&str> =
        side.cells.iter().filter_map(|(cell, runs)| runs.constant.then_some(*cell)).collect();
    if let Some(first) = constant.first() {
        let more = match constant.len() {
            1 => String::new(),
            n => format!(" and {} other cells", n - 1),
        };
        notes.push(format!(
            "the runs of `{first}`{more} of the {name} do not differ at all: what is measured there does not vary, or all are \
             copies of one run"
        ));
    }
    notes
}

/// A candidate whose every run has the figures of one of the baseline.
fn twins(baseline: &SideIndex<'_>, candidate: &SideIndex<'_>) -> Option<String> {
    let mut runs = candidate.cells.iter().flat_map(|(cell, new)| {
        let base = baseline.cells.get(cell);
        let base = base.map_or(&[][..], |cell| &cell.ended);
        new.ended.iter().map(move |run| (run, base))
    });
    let twin = |(run, base): (&IndexedRun<'_>, &[IndexedRun<'_>])| {
        base.iter().any(|other| same_figures(other, run))
    };
    let some = candidate.cells.values().any(|cell| !cell.ended.is_empty());
    (some && runs.all(twin)).then(|| {
        "every run of the candidate has the figures of one of the baseline to the last bit: are they copies of one recording?"
            .to_owned()
    })
}

/// Entries of `retired` that excuse nothing.
fn idle_retired(
    (baseline, candidate): (&SideIndex<'_>, &SideIndex<'_>),
    aligned: &Aligned<'_>,
    policy: &GatePolicy,
) -> Vec<String> {
    let gone = |cell: &str| aligned.retired.iter().any(|(name, _)| *name == cell);
    let idle = policy.retired.keys().filter(|cell| !gone(cell));
    idle.map(|cell| {
        let known = [baseline, candidate].iter().any(|side| side.cells.contains_key(cell.as_str()));
        if known {
            format!("`{cell}` is retired and the candidate has it all the same: it was judged")
        } else {
            format!("`{cell}` is retired and neither side has it")
        }
    })
    .collect()
}

/// Directions that are not those of the catalogue.
fn turned(policy: &GatePolicy) -> Vec<String> {
    let turned = policy.metrics.iter().filter_map(|(metric, rule)| {
        let own = default_rule(metric)?.direction?;
        let turned = rule.role == Role::Gate && rule.direction.is_some_and(|asked| asked != own);
        turned.then(|| {
            format!("the policy turns `{metric}` round: its direction is not the catalogue's")
        })
    });
    turned.collect()
}

/// Of what came out.
pub(super) fn of_rows(rows: &[Row]) -> Vec<String> {
    let count = |verdict| rows.iter().filter(|row| row.verdict == verdict).count();
    let mut notes = Vec::new();
    let new = count(RowVerdict::New);
    if new > 0 {
        let plural = if new == 1 { " is" } else { "s are" };
        notes.push(format!("{new} row{plural} new and not judged"));
    }
    let gated = rows.iter().filter(|row| row.verdict != RowVerdict::Info).count();
    let unreachable = count(RowVerdict::Unreachable);
    if unreachable > 0 {
        let needed = rows
            .iter()
            .filter_map(|row| row.runs_needed.filter(|_| row.verdict == RowVerdict::Unreachable));
        let more = needed
            .max()
            .map_or_else(String::new, |more| format!("; {more} more runs of each side are needed"));
        notes.push(format!(
            "in {unreachable} of {gated} rows no change could be found, however large{more}"
        ));
    }
    notes
}
