//! What people must know beside the rows.

use std::collections::BTreeSet;

use super::align::Aligned;
use super::copies::same_figures;
use super::index::SideIndex;
use super::policy::{GatePolicy, Role, default_rule};
use super::reason::{GateNote, RowReason};
use super::side::IndexedRun;
use super::verdict::{Row, RowVerdict};
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
