//! Whether a session is like the others of its machine: each of its figures against theirs, with itself left out.
//!
//! What becomes of one that is not is decided by those who ask. Invariant: a session is never among those that it is
//! judged by, too few others judge nothing, and whoever asks of a store is told the same.

use std::collections::BTreeMap;

use crate::gate::{GatePolicy, Role, default_rule};
use crate::report::layout::first_of;
use crate::stats::prediction::{PredictionTest, prediction_family};
use crate::store::baseline::{MachineBaseline, StoredFigure, StoredSession, WINDOW};
use crate::units::Share;

/// Figures that a message names.
const SHOWN: usize = 3;

/// A figure by cell, phase and metric.
type Key<'a> = (&'a str, &'a str, &'a str);

/// How a session stands among those that are compared with.
pub(super) struct Standing {
    /// How many others it was judged by.
    pub(super) others: usize,
    /// In which figures it lies outside of them.
    pub(super) outlying: Option<String>,
}

impl Standing {
    /// Whether the others were enough to tell.
    pub(super) const fn is_judged(&self) -> bool {
        self.others + 1 >= FEWEST
    }
}

/// How a session stands among the `usable` ones: it is judged by the last [`WINDOW`] of them, itself left out.
pub(super) fn standing(session: &StoredSession, usable: &[&StoredSession]) -> Standing {
    let others = last(usable).iter().copied().filter(|other| other.session != session.session);
    let others: Vec<&StoredSession> = others.collect();
    Standing { others: others.len(), outlying: outlying(session, &others) }
}

/// In which figures a session lies outside of the others, worst first: beyond the prediction interval of the others (at
/// the family-wise level of the default gate), and by at least its floor. `None`: in none, or there are too few others.
fn outlying(session: &StoredSession, others: &[&StoredSession]) -> Option<String> {
    if others.len() + 1 < FEWEST {
        return None;
    }
    let policy = GatePolicy::default();
    let theirs: Vec<_> = others.iter().map(|other| means(other)).collect();
    let own = means(session);
    let mut kinds: Vec<&str> = Vec::new();
    let mut tests = Vec::new();
    for (key, new) in &own {
        let kind = kinds.iter().position(|kind| *kind == key.2);
        let kind = kind.unwrap_or_else(|| {
            kinds.push(key.2);
            kinds.len() - 1
        });
        let sessions: Vec<f64> =
            theirs.iter().filter_map(|other| other.get(key).copied()).collect();
        let new = *new;
        tests.push(PredictionTest { kind, sessions, new });
    }
    let outcomes = prediction_family(&tests, policy.alpha);
    let mut found: Vec<(f64, &Key<'_>)> = Vec::new();
    for (key, outcome) in own.keys().zip(outcomes) {
        // Either direction: a session that was too fast makes all that follow look slow.
        let Some(outcome) =
            outcome.filter(|outcome| 2.0 * outcome.p_up.min(outcome.p_down) <= policy.alpha)
        else {
            continue;
        };
        if outcome.effect.abs() >= policy.floor.ln_1p() {
            found.push((outcome.effect, key));
        }
    }
    found.sort_by(|(a, _), (b, _)| b.abs().total_cmp(&a.abs()));
    let figures: Vec<_> = found.iter().map(|(effect, key)| shown(*effect, key)).collect();
    (!figures.is_empty()).then(|| first_of(&figures, SHOWN))
}

/// So many of a window are left out at most: where more differ, the machine has changed, and they are what it is like.
const LEFT_OUT: usize = 2;

/// Fewer sessions cannot tell which of them is the odd one.
const FEWEST: usize = 4;

/// The sessions that others may be compared with, and those that are left out because they lie outside of the others of the last
/// [`WINDOW`]; both oldest first. A session that was promoted all the same begins anew: it is what is normal from then on.
pub(in crate::app) fn usable(
    shelf: &MachineBaseline,
) -> (Vec<&StoredSession>, Vec<&StoredSession>) {
    let forced = |session: &StoredSession| {
        let mut promoted = shelf.promotions.iter();
        promoted.any(|one| one.session == session.session && one.outlying.is_some())
    };
    let start = shelf.sessions.iter().rposition(forced).unwrap_or(0);
    let mut usable: Vec<&StoredSession> = shelf.sessions[start..].iter().collect();
    let mut left_out = Vec::new();
    while left_out.len() < LEFT_OUT
        && let Some(at) = odd_one(&usable)
    {
        left_out.insert(0, usable.remove(at));
    }
    (usable, left_out)
}

/// The place of the latest one of the last sessions that lies outside of the others.
fn odd_one(sessions: &[&StoredSession]) -> Option<usize> {
    let first = sessions.len().saturating_sub(WINDOW);
    let window = &sessions[first..];
    let odd = |at: &usize| standing(window[*at], window).outlying.is_some();
    (0..window.len()).rev().find(odd).map(|at| first + at)
}

/// The last ones, as many as a verdict rests on.
pub(super) fn last<'s, 'a>(sessions: &'s [&'a StoredSession]) -> &'s [&'a StoredSession] {
    &sessions[sessions.len().saturating_sub(WINDOW)..]
}

/// `mlp-digits train.step_latency_p25 +21%`.
fn shown(effect: f64, (cell, phase, metric): &Key<'_>) -> String {
    let change = effect.exp_m1();
    let sign = if change < 0.0 { "-" } else { "+" };
    let stage = if metric.starts_with(phase) || *phase == "run" {
        String::new()
    } else {
        format!("{phase} ")
    };
    format!("{cell} {stage}{metric} {sign}{}", Share(change.abs()))
}

/// The mean logarithm over runs of each figure that gates by default.
fn means(session: &StoredSession) -> BTreeMap<Key<'_>, f64> {
    let mut sums: BTreeMap<Key<'_>, (f64, f64)> = BTreeMap::new();
    for run in &session.runs {
        for figure in &run.figures {
            let Some(value) = value(figure) else {
                continue;
            };
            let key = (run.cell.as_str(), figure.phase.as_str(), figure.metric.as_str());
            let (sum, count) = sums.entry(key).or_default();
            *sum += value.ln();
            *count += 1.0;
        }
    }
    sums.into_iter().map(|(key, (sum, count))| (key, sum / count)).collect()
}

/// What of a figure can be compared as a ratio.
fn value(figure: &StoredFigure) -> Option<f64> {
    let gates = default_rule(&figure.metric).is_some_and(|rule| rule.role == Role::Gate);
    figure.value.filter(|value| gates && value.is_finite() && *value > 0.0)
}
