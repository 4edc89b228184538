//! Recordings that are on both sides: the candidate's own session among the stored ones, or one folder named twice.

use std::collections::{BTreeMap, BTreeSet};

use super::error::GateError;
use super::side::{FigureKey, GateRun, Side};

/// The baseline's runs that are not the candidate's own.
pub(super) struct Others<'a> {
    pub(super) runs: Vec<&'a GateRun>,
    /// Sessions that were left out.
    pub(super) own: BTreeSet<&'a str>,
}

/// Leaves the candidate's sessions out of the baseline: a session that is compared with itself can only look the same.
pub(super) fn others<'a>(baseline: &'a Side, candidate: &Side) -> Result<Others<'a>, GateError> {
    let recorded: BTreeMap<(&str, &str), &GateRun> =
        baseline.runs.iter().map(|run| ((run.session.as_str(), run.run.as_str()), run)).collect();
    let mut whole: BTreeMap<&str, bool> = BTreeMap::new();
    for run in &candidate.runs {
        let twin = recorded.get(&(run.session.as_str(), run.run.as_str()));
        let same = twin.is_some_and(|twin| is_same(twin, run));
        let whole = whole.entry(&run.session).or_insert(true);
        *whole &= same;
    }
    // Files that name no session may hold the same figures by chance or by construction; see the notes.
    let own =
        |run: &&GateRun| !run.session.is_empty() && whole.get(run.session.as_str()) == Some(&true);
    let (left_out, runs): (Vec<_>, Vec<_>) = baseline.runs.iter().partition(own);
    if let Some(run) = left_out.first().filter(|_| runs.is_empty()) {
        return Err(GateError::SameRuns {
            baseline: baseline.name.clone(),
            candidate: candidate.name.clone(),
            session: run.session.clone(),
        });
    }
    let own = left_out.iter().map(|run| run.session.as_str()).collect();
    Ok(Others { runs, own })
}

/// Whether two records are of one run: the same place, and the same figures to the last bit.
fn is_same(a: &GateRun, b: &GateRun) -> bool {
    (&a.cell, a.repeat, &a.pairing) == (&b.cell, b.repeat, &b.pairing) && same_figures(a, b)
}

/// Whether two runs have the same figures to the last bit, and any at all.
fn same_figures(a: &GateRun, b: &GateRun) -> bool {
    fn bits(run: &GateRun) -> BTreeMap<FigureKey<'_>, u64> {
        let figures = run.figures.iter();
        let bits = figures.filter_map(|figure| {
            let name = (figure.phase.as_str(), &figure.metric);
            Some((name, figure.value?.to_bits()))
        });
        bits.collect()
    }
    let (a, b) = (bits(a), bits(b));
    !a.is_empty() && a == b
}
