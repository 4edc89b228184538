//! The judgement: what can be compared is tested, and everything else is named.

use std::collections::BTreeSet;

use super::align::{Aligned, align};
use super::decide::{settled, tested};
use super::entry::Entry;
use super::environment::{Environment, compare};
use super::error::GateError;
use super::family::Tested;
use super::index::{CellRuns, SideIndex};
use super::notes;
use super::own::others;
use super::policy::GatePolicy;
use super::reason::RowReason;
use super::side::Side;
use super::span::narrow;
use super::verdict::{Coverage, Design, FORMAT, Judgement, Outcome, Row, RowVerdict};
use super::{paired, stored};
use crate::stats::permutation::FamilyAsk;

/// Judges a candidate by a baseline. The same input gives the same judgement, in whatever order its runs, cells and figures come.
pub fn judge(
    baseline: &Side,
    candidate: &Side,
    policy: &GatePolicy,
) -> Result<Judgement, GateError> {
    policy.check()?;
    for side in [baseline, candidate] {
        if side.runs.is_empty() {
            let side = side.name.clone();
            return Err(GateError::NoRuns { side });
        }
    }
    let kept = others(baseline, candidate)?;
    let sides = [
        SideIndex::new(baseline, kept.runs)?,
        SideIndex::new(candidate, candidate.runs.iter().collect())?,
    ];
    let [base, new] = &sides;
    check_overlap(base, new)?;
    check_sessions(base, new)?;
    let in_turns = paired::is_paired(base, new);
    let environment = compare(base, new, policy, in_turns);
    let aligned = align((base, new), policy, in_turns)?;
    let mut found = test((base, new), &aligned, policy);
    let rows = rows(&aligned, &found, &environment, policy.alpha);
    let refused = environment.refused.is_some();
    let mut notes = Vec::from_iter(environment.refused);
    // From one session to the next a machine changes what nobody judges, too.
    notes.extend(notes::apart(&aligned.entries, &rows, policy).filter(|_| in_turns));
    notes.append(&mut found.notes);
    notes.extend(notes::of_input((base, new), &aligned, policy));
    notes.extend(notes::unfinished([base, new]).filter(|_| in_turns));
    notes.extend(notes::own_sessions(&kept.own));
    notes.extend(environment.notes);
    notes.extend(notes::of_rows(&rows));
    let outcome = match Outcome::of(&rows) {
        _ if refused => Outcome::Incomparable,
        outcome => outcome,
    };
    let matched = matches!(found.design, Design::Paired { .. });
    Ok(Judgement {
        format: FORMAT.to_owned(),
        baseline: baseline.name.clone(),
        candidate: candidate.name.clone(),
        design: found.design,
        full_verdicts: found.full && !refused && (matched || !environment.doubt),
        alpha: policy.alpha,
        p_min: found.p_min,
        coverage: Coverage::of(&rows),
        rows,
        environment: environment.differences,
        notes,
        outcome,
    })
}

/// Two sides of which no cell has a run in both are results of different grids.
fn check_overlap(baseline: &SideIndex<'_>, candidate: &SideIndex<'_>) -> Result<(), GateError> {
    fn run<'i>(side: &'i SideIndex<'_>) -> BTreeSet<&'i str> {
        let cells = side.cells.iter().filter(|(_, cell)| !cell.is_empty());
        cells.map(|(name, _)| *name).collect()
    }
    let (in_baseline, in_candidate) = (run(baseline), run(candidate));
    if !in_baseline.is_disjoint(&in_candidate) {
        return Ok(());
    }
    let first = |cells: &BTreeSet<&str>| cells.first().copied().unwrap_or_default().to_owned();
    Err(GateError::NoOverlap {
        baseline: baseline.side.name.clone(),
        candidate: candidate.side.name.clone(),
        in_baseline: first(&in_baseline),
        in_candidate: first(&in_candidate),
    })
}

/// What is one session is one build: on two sides that did not take turns it is an error of whoever named or changed them.
fn check_sessions(baseline: &SideIndex<'_>, candidate: &SideIndex<'_>) -> Result<(), GateError> {
    let mut shared = baseline.sessions.intersection(&candidate.sessions);
    // Files that name no session say nothing of it.
    let shared = shared.find(|session| !session.is_empty());
    match shared.filter(|_| !paired::is_paired(baseline, candidate)) {
        None => Ok(()),
        Some(session) => Err(GateError::SharedSession {
            baseline: baseline.side.name.clone(),
            candidate: candidate.side.name.clone(),
            session: (*session).to_owned(),
        }),
    }
}

/// Tests what can be, by the best design that the runs allow.
fn test(
    (baseline, candidate): (&SideIndex<'_>, &SideIndex<'_>),
    aligned: &Aligned<'_>,
    policy: &GatePolicy,
) -> Tested {
    let entries: Vec<&Entry<'_>> =
        aligned.entries.iter().filter(|entry| entry.is_testable()).collect();
    let ask = FamilyAsk { alpha: policy.alpha, draws: policy.draws, seed: policy.seed };
    if paired::is_paired(baseline, candidate) {
        return paired::test((baseline, candidate), &entries, &ask);
    }
    match stored_sessions(baseline) {
        0 | 1 => stored::test_one(&entries, &ask),
        sessions => stored::test_many(&entries, sessions, narrow(baseline), &ask),
    }
}

/// Sessions of the baseline with a run that ended well.
fn stored_sessions(baseline: &SideIndex<'_>) -> usize {
    let runs = baseline.cells.values().flat_map(|cell: &CellRuns<'_>| &cell.ended);
    let sessions: BTreeSet<&str> = runs.map(|run| run.run.session.as_str()).collect();
    sessions.len()
}

/// All rows, the worst first; within a verdict the largest worsening first.
fn rows(aligned: &Aligned<'_>, found: &Tested, environment: &Environment, alpha: f64) -> Vec<Row> {
    let matched = matches!(found.design, Design::Paired { .. });
    // Sides that took turns ran on one machine, whatever is known of it.
    let doubt = (environment.doubt && !matched).then_some(&RowReason::OtherMachine);
    let mut reach = found.reach.iter();
    let row = |entry: &Entry<'_>| {
        let verdict = match entry.settled {
            Some(RowVerdict::Inconclusive) | None if environment.refused.is_some() => {
                RowVerdict::Incomparable
            }
            Some(verdict) => verdict,
            None => match reach.next() {
                Some(reach) => return tested(entry, reach, alpha, doubt),
                None => RowVerdict::Inconclusive,
            },
        };
        settled(entry, verdict)
    };
    let mut rows: Vec<Row> = aligned.entries.iter().map(row).collect();
    let worsening = |row: &Row| {
        let sign = row.direction.map_or(0.0, crate::metric::Better::sign);
        sign * row.change.unwrap_or(0.0)
    };
    rows.sort_by(|a, b| {
        let name = |row: &Row| (row.cell.clone(), row.phase.clone(), row.metric.clone());
        a.verdict
            .cmp(&b.verdict)
            .then(worsening(b).total_cmp(&worsening(a)))
            .then_with(|| name(a).cmp(&name(b)))
    });
    rows
}
