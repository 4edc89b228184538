//! What people must know beside the rows.

use std::collections::BTreeSet;

use super::align::Aligned;
use super::copies::same_figures;
use super::entry::{Column, Entry};
use super::index::SideIndex;
use super::policy::{GatePolicy, Role, default_rule};
use super::reason::{GateNote, RowReason};
use super::side::IndexedRun;
use super::verdict::{Outcome, Row, RowVerdict};
use crate::event::Arm;

/// Of sessions that were left out.
pub(super) fn own_sessions(own: &BTreeSet<&str>) -> impl Iterator<Item = GateNote> {
    own.iter().map(|session| GateNote::OwnSession { session: (*session).to_owned() })
}

/// Of the runs, whatever came of them.
pub(super) fn of_input(
    (baseline, candidate): (&SideIndex<'_>, &SideIndex<'_>),
    aligned: &Aligned<'_>,
    policy: &GatePolicy,
) -> Vec<GateNote> {
    let mut notes = Vec::new();
    notes.extend(exchanged(baseline, candidate).then_some(GateNote::Exchanged));
    for (side, arm) in [(baseline, Arm::Baseline), (candidate, Arm::Candidate)] {
        notes.extend(silent(side, arm));
        notes.extend(copies(side, arm));
        notes.extend(constant(side, arm));
    }
    notes.extend(are_twins(baseline, candidate).then_some(GateNote::Twins));
    notes.extend(aligned.unmeasured.iter().map(|(metric, found)| GateNote::Unmeasured {
        metric: (*metric).clone(),
        places: found.places,
        first: found.first.clone(),
        why: found.note.unwrap_or_default().to_owned(),
    }));
    notes.extend(aligned.retired.iter().map(|(cell, reason)| GateNote::Retired {
        cell: (*cell).to_owned(),
        reason: (*reason).to_owned(),
    }));
    notes.extend(idle_retired((baseline, candidate), aligned, policy));
    notes.extend(turned(policy));
    notes
}

/// Whether the arms were recorded the other way round.
fn exchanged(baseline: &SideIndex<'_>, candidate: &SideIndex<'_>) -> bool {
    let arm = |side: &SideIndex<'_>| {
        side.runs().find_map(|run| run.pairing.as_ref().map(|pairing| pairing.arm))
    };
    arm(baseline) == Some(Arm::Candidate) && arm(candidate) == Some(Arm::Baseline)
}

/// Runs of a comparison in turns that are not there.
pub(super) fn unfinished(sides: [&SideIndex<'_>; 2]) -> Option<GateNote> {
    let cells = || sides.into_iter().flat_map(|side| side.cells.values());
    let runs = cells().map(|cell| cell.unfinished.len()).sum();
    let of = cells().map(|cell| cell.runs().count()).sum();
    (runs > 0).then_some(GateNote::Unfinished { runs, of })
}

/// A source that does not say how its runs ended.
fn silent(index: &SideIndex<'_>, side: Arm) -> Option<GateNote> {
    let silent = index.runs().filter(|run| run.status.is_none()).count();
    (silent > 0).then(|| GateNote::Silent { side, runs: silent, of: index.runs().count() })
}

/// Runs that repeat the figures of another one of their cell.
fn copies(index: &SideIndex<'_>, side: Arm) -> Option<GateNote> {
    let copied = index.cells.iter().filter(|(_, cell)| cell.copied > 0);
    let (cell, _) = copied.clone().next()?;
    let runs = copied.map(|(_, cell)| cell.copied).sum();
    Some(GateNote::Copies { side, runs, cell: (*cell).to_owned() })
}

/// Cells of which no run differs from another one.
fn constant(index: &SideIndex<'_>, side: Arm) -> Option<GateNote> {
    let constant = index.cells.iter().filter(|(_, runs)| runs.constant);
    let (cell, _) = constant.clone().next()?;
    Some(GateNote::Constant { side, cell: (*cell).to_owned(), cells: constant.count() })
}

/// Whether every run of the candidate has the figures of one of the baseline.
fn are_twins(baseline: &SideIndex<'_>, candidate: &SideIndex<'_>) -> bool {
    let mut runs = candidate.cells.iter().flat_map(|(cell, new)| {
        let base = baseline.cells.get(cell);
        let base = base.map_or(&[][..], |cell| &cell.ended);
        new.ended.iter().map(move |run| (run, base))
    });
    let twin = |(run, base): (&IndexedRun<'_>, &[IndexedRun<'_>])| {
        base.iter().any(|other| same_figures(other, run))
    };
    let some = candidate.cells.values().any(|cell| !cell.ended.is_empty());
    some && runs.all(twin)
}

/// Entries of `retired` that excuse nothing.
fn idle_retired(
    (baseline, candidate): (&SideIndex<'_>, &SideIndex<'_>),
    aligned: &Aligned<'_>,
    policy: &GatePolicy,
) -> Vec<GateNote> {
    let gone = |cell: &str| aligned.retired.iter().any(|(name, _)| *name == cell);
    let idle = policy.retired.keys().filter(|cell| !gone(cell));
    let has = |side: &&SideIndex<'_>, cell: &str| side.cells.contains_key(cell);
    idle.map(|cell| GateNote::IdleRetired {
        cell: cell.clone(),
        present: [baseline, candidate].iter().any(|side| has(side, cell)),
    })
    .collect()
}

/// Directions that are not those of the catalogue.
fn turned(policy: &GatePolicy) -> Vec<GateNote> {
    let turned = policy.metrics.iter().filter_map(|(metric, rule)| {
        let own = default_rule(metric)?.direction?;
        let turned = rule.role == Role::Gate && rule.direction.is_some_and(|asked| asked != own);
        turned.then(|| GateNote::Turned { metric: metric.clone() })
    });
    turned.collect()
}

/// Fewer runs of either side than this may lie apart by chance: of equal builds 7 and 7 do in 1 of 3,432 rows.
const FEWEST_APART: usize = 7;

/// Of what nobody judges and is worse all the same. Where a judged figure of the cell is red it needs no telling.
pub(super) fn apart(entries: &[Entry<'_>], rows: &[Row], policy: &GatePolicy) -> Option<GateNote> {
    let red = |cell: &str| {
        let mut of_cell = rows.iter().filter(|row| row.cell == cell);
        of_cell.any(|row| row.verdict.outcome() >= Outcome::Regressed)
    };
    let is_asked = |entry: &&Entry<'_>| !policy.metrics.contains_key(&entry.metric);
    let told = entries.iter().filter(|entry| entry.settled == Some(RowVerdict::Info));
    let told = told.filter(|entry| entry.why.is_empty()).filter(is_asked);
    let apart: Vec<(&Entry<'_>, f64)> = told
        .filter_map(|entry| Some((entry, worse_in_every_run(entry)?)))
        .filter(|(entry, _)| !red(entry.cell))
        .collect();
    let size = |change: f64| change.ln_1p().abs();
    let (most, change) =
        *apart.iter().max_by(|(_, one), (_, other)| size(*one).total_cmp(&size(*other)))?;
    Some(GateNote::Apart {
        cell: most.cell.to_owned(),
        phase: most.phase.to_owned(),
        metric: most.metric.clone(),
        change,
        more: apart.len() - 1,
    })
}

/// The change between the medians, where every run of the candidate is worse than any of the baseline, and by the floor.
fn worse_in_every_run(entry: &Entry<'_>) -> Option<f64> {
    let sign = entry.rule.direction?.sign();
    let worse = |column: &Column<'_>| {
        let values: Vec<f64> = column.present().map(|(_, value)| sign * value).collect();
        (values.len() >= FEWEST_APART).then_some(values)
    };
    let (baseline, candidate) = (worse(&entry.baseline)?, worse(&entry.candidate)?);
    let most = baseline.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let change = entry.candidate.median()? / entry.baseline.median()? - 1.0;
    let is_apart = candidate.iter().all(|value| *value > most);
    (is_apart && change.is_finite() && change.abs() >= entry.floor).then_some(change)
}

/// Of what came out.
pub(super) fn of_rows(rows: &[Row]) -> impl Iterator<Item = GateNote> {
    let count = |verdict| rows.iter().filter(|row| row.verdict == verdict).count();
    let new = count(RowVerdict::New);
    let unreachable = count(RowVerdict::Unreachable);
    let reasons = rows.iter().filter(|row| row.verdict == RowVerdict::Unreachable);
    let lacking = reasons.flat_map(|row| &row.why).filter_map(RowReason::more_runs);
    let unreachable = (unreachable > 0).then(|| GateNote::Unreachable {
        rows: unreachable,
        of: rows.len() - count(RowVerdict::Info),
        // What is enough for the row that lacks most is enough for all.
        more_runs: lacking.reduce(|[a, b], [c, d]| [a.max(c), b.max(d)]),
    });
    (new > 0).then_some(GateNote::New { rows: new }).into_iter().chain(unreachable)
}
