//! The candidate against sessions recorded before. What a session shares (its boot, its neighbours, the weather of the machine) is
//! in every one of its runs, so only other sessions tell how much it matters.

use std::collections::{BTreeMap, BTreeSet};

use super::entry::{Entry, RowGap};
use super::family::{Finding, Reach, Tested, kinds, mean, on_grid, worse_log};
use super::reason::{GateNote, Narrow, RowReason, Tested as Units};
use super::side::GateRun;
use super::verdict::Design;
use crate::stats::permutation::{FamilyAsk, GroupTest, Groups, group_family, group_p_min};
use crate::stats::prediction::{PredictionTest, prediction_family};

/// So many stored sessions allow full verdicts.
pub const SESSIONS: usize = 8;

/// Against one stored session only a change of at least this is called one, whatever passes: ...
const ONE_SESSION_FLOOR: f64 = 0.2;
/// ... and of so many times the floor.
const ONE_SESSION_FLOORS: f64 = 4.0;

/// Where a run stands within its side: session, block, repeat, and which of several at one place.
type Unit<'i> = (&'i str, u32, u32, usize);

/// The value of each unit of one side of a row, turned so that up is worse.
fn units<'i>(
    entry: &Entry<'i>,
    values: impl Iterator<Item = (&'i GateRun, f64)>,
) -> BTreeMap<Unit<'i>, f64> {
    let mut units: BTreeMap<Unit<'i>, f64> = BTreeMap::new();
    for (run, value) in values {
        let block = run.pairing.as_ref().map_or(0, |pairing| pairing.block);
        let mut unit = (run.session.as_str(), block, run.repeat, 0);
        while units.contains_key(&unit) {
            unit.3 += 1;
        }
        units.insert(unit, worse_log(entry, value));
    }
    units
}

/// Tests these rows against one stored session by shuffling the labels of runs; runs of the same repeat go together.
pub(super) fn test_one(entries: &[&Entry<'_>], ask: &FamilyAsk) -> Tested {
    let rows: Vec<[BTreeMap<Unit<'_>, f64>; 2]> = entries
        .iter()
        .map(|entry| {
            [units(entry, entry.baseline.present()), units(entry, entry.candidate.present())]
        })
        .collect();
    let p_min = |row: &[BTreeMap<Unit<'_>, f64>; 2]| group_p_min(row[0].len(), row[1].len());
    let reachable = |row: &[BTreeMap<Unit<'_>, f64>; 2]| {
        row.iter().all(|side| side.len() >= 2) && p_min(row) <= ask.alpha
    };
    let tested: Vec<usize> = (0..rows.len()).filter(|at| reachable(&rows[*at])).collect();
    let kinds = kinds(entries);
    let (groups, values) = columns(&rows, &tested);
    let tests: Vec<GroupTest> = tested
        .iter()
        .zip(values)
        .map(|(at, values)| GroupTest { kind: kinds[*at], values })
        .collect();
    let found = group_family(&tests, &groups, ask);
    let mut outcomes = found.tests.iter();
    let reach = rows.iter().zip(entries).map(|(row, entry)| {
        if !reachable(row) {
            return unreachable(row, ask.alpha, entry.gap.clone());
        }
        match outcomes.next() {
            Some(Some(one)) => Reach::Tested(Finding {
                runs: Some(row[0].len().min(row[1].len())),
                ceiling: Some(RowReason::OneSession),
                gap: entry.gap.clone(),
                floor: entry.floor,
                callable: (ONE_SESSION_FLOORS * entry.floor).max(ONE_SESSION_FLOOR),
                ..Finding::of(one, 2, found.critical_up)
            }),
            _ => Reach::Untestable(RowReason::Untestable { of: Units::Runs }),
        }
    });
    let reach = reach.collect();
    let best = rows.iter().map(p_min).fold(1.0, f64::min);
    Tested {
        design: Design::Stored { baseline_sessions: 1 },
        full: false,
        p_min: if tests.is_empty() { best } else { found.p_min },
        reach,
        notes: vec![GateNote::OneSession { from: ONE_SESSION_FLOOR }],
    }
}

/// The units of all tested rows in one order, which does not depend on which side is which: where places are equal their
/// values decide.
fn columns(
    rows: &[[BTreeMap<Unit<'_>, f64>; 2]],
    tested: &[usize],
) -> (Groups, Vec<Vec<Option<f64>>>) {
    let mut units = Vec::new();
    for side in [0, 1] {
        let places: BTreeSet<Unit<'_>> =
            tested.iter().flat_map(|at| rows[*at][side].keys().copied()).collect();
        for place in places {
            let values: Vec<Option<f64>> =
                tested.iter().map(|at| rows[*at][side].get(&place).copied()).collect();
            units.push((place, values, side == 1));
        }
    }
    units.sort_by(|a, b| {
        let values = |unit: &(Unit<'_>, Vec<Option<f64>>, bool)| -> Vec<u64> {
            unit.1.iter().map(|value| value.map_or(0, f64::to_bits)).collect()
        };
        a.0.cmp(&b.0).then_with(|| values(a).cmp(&values(b)))
    });
    let groups = Groups {
        candidate: units.iter().map(|unit| unit.2).collect(),
        stratum: vec![0; units.len()],
    };
    let column = |at: usize| {
        let values = units.iter().map(|unit| unit.1[at]);
        // Above the smallest: the size of the figures themselves would cost digits.
        let least = values.clone().flatten().fold(f64::INFINITY, f64::min);
        values.map(|value| value.map(|value| value - least)).collect()
    };
    (groups, (0..tested.len()).map(column).collect())
}

fn unreachable(row: &[BTreeMap<Unit<'_>, f64>; 2], alpha: f64, gap: Option<RowGap>) -> Reach {
    let (base, new) = (row[0].len(), row[1].len());
    let needed = runs_each(alpha);
    let more = needed.and_then(|needed| fewest_more([base, new], needed, alpha));
    let p_min = group_p_min(base, new);
    let why = RowReason::TooFewRuns { baseline: base, candidate: new, p_min, alpha, needed, more };
    Reach::Unreachable { more: more.map(|[base, new]| base.max(new)), why, gap }
}

/// So many runs of each side can give a small enough p value.
pub fn runs_each(alpha: f64) -> Option<usize> {
    (2..1000).find(|runs| group_p_min(*runs, *runs) <= alpha)
}

/// The fewest runs of the baseline and of the candidate beside these that can; `each`: so many of each could. Of equals the ones of
/// the candidate, which is at hand.
fn fewest_more([base, new]: [usize; 2], each: usize, alpha: f64) -> Option<[u32; 2]> {
    // With one side as it is, the other may need many times as many.
    let most = 1000_usize.max(base).max(new);
    let of_base = |baseline: usize| {
        let candidate = (new.max(2)..=most).find(|runs| group_p_min(baseline, *runs) <= alpha)?;
        Some([baseline - base, candidate - new])
    };
    let enough = (base.max(2)..=base.max(each)).filter_map(of_base);
    let [base, new] = enough.min_by_key(|[base, new]| (base + new, *base))?;
    Some([u32::try_from(base).ok()?, u32::try_from(new).ok()?])
}

/// Tests these rows against several stored sessions: is the candidate where another session of the same build would be?
///
/// `narrow`: why so many sessions are not as good as their number.
pub(super) fn test_many(
    entries: &[&Entry<'_>],
    sessions: usize,
    narrow: Option<Narrow>,
    ask: &FamilyAsk,
) -> Tested {
    let kinds = kinds(entries);
    let rows: Vec<Option<(PredictionTest, usize)>> =
        entries.iter().zip(kinds).map(|(entry, kind)| prediction(entry, kind)).collect();
    let tests: Vec<PredictionTest> = rows.iter().flatten().map(|(test, _)| test.clone()).collect();
    let mut outcomes = prediction_family(&tests, ask.alpha).into_iter();
    let reach = rows.iter().zip(entries).map(|(row, entry)| {
        let Some((test, _)) = row else {
            return Reach::Untestable(RowReason::OneHasIt);
        };
        let own = test.sessions.len();
        let all = own == sessions;
        let ceiling = (own < SESSIONS).then_some(RowReason::FewSessions { sessions: own, all });
        let ceiling = ceiling.or_else(|| narrow.map(RowReason::Narrow));
        match outcomes.next().flatten() {
            Some(one) => Reach::Tested(Finding {
                effect: one.effect,
                se: one.se,
                low: one.low,
                high: one.high,
                p_up: one.p_up,
                p_down: one.p_down,
                critical: (one.effect - one.low) / one.se,
                freedom: (own - 1) as f64,
                runs: None,
                ceiling,
                gap: entry.gap.clone(),
                floor: entry.floor,
                callable: entry.floor,
            }),
            None => Reach::Untestable(RowReason::Untestable { of: Units::Sessions }),
        }
    });
    let reach = reach.collect();
    let left_out = rows.iter().flatten().any(|(_, left_out)| *left_out > 0);
    Tested {
        design: Design::Stored { baseline_sessions: sessions },
        full: sessions >= SESSIONS && narrow.is_none(),
        // Student's t has no smallest p value.
        p_min: 0.0,
        reach,
        notes: notes(sessions, narrow, left_out),
    }
}

fn notes(sessions: usize, narrow: Option<Narrow>, left_out: bool) -> Vec<GateNote> {
    let few = (sessions < SESSIONS).then_some(GateNote::FewSessions { sessions });
    let left_out = left_out.then_some(GateNote::RunsLeftOut);
    narrow.map(GateNote::Narrow).into_iter().chain(few).chain(left_out).collect()
}

/// The test of a row, and how many stored runs it leaves out; `None`: fewer than two sessions have the figure.
fn prediction(entry: &Entry<'_>, kind: usize) -> Option<(PredictionTest, usize)> {
    let stored = by_session(&units(entry, entry.baseline.present()));
    let new = by_session(&units(entry, entry.candidate.present()));
    let runs = new.values().map(Vec::len).min()?;
    let mut left_out = 0;
    let mut means = Vec::new();
    for values in stored.values() {
        let first = &values[..runs.min(values.len())];
        left_out += values.len() - first.len();
        means.push(on_grid(mean(first)?));
    }
    let new: Option<Vec<f64>> = new.values().map(|values| mean(values).map(on_grid)).collect();
    let test = PredictionTest { kind, sessions: means, new: on_grid(mean(&new?)?) };
    (test.sessions.len() >= 2).then_some((test, left_out))
}

/// The values of each session in the order of their repeats.
fn by_session<'i>(units: &BTreeMap<Unit<'i>, f64>) -> BTreeMap<&'i str, Vec<f64>> {
    let mut sessions: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
    for (unit, value) in units {
        sessions.entry(unit.0).or_default().push(*value);
    }
    sessions
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_runs_are_asked_for_than_are_needed() {
        for (runs, alpha, expected) in [
            // 126 ways to choose 4 of 9, and 100 are enough.
            ([5, 3], 0.01, [0, 1]),
            ([3, 5], 0.01, [1, 0]),
            ([3, 3], 0.01, [1, 2]),
            ([1, 1], 0.01, [3, 4]),
            // 13 of the candidate alone, or 2 of the baseline and 3.
            ([2, 2], 0.01, [2, 3]),
            ([20, 1], 0.01, [0, 1]),
        ] {
            let each = runs_each(alpha).unwrap();
            let more = fewest_more(runs, each, alpha).unwrap();
            assert_eq!(more, expected, "{runs:?}");
            let now = [0, 1].map(|side| runs[side] + more[side] as usize);
            assert!(group_p_min(now[0], now[1]) <= alpha);
        }
        assert_eq!((runs_each(0.01), runs_each(0.001)), (Some(5), Some(7)));
    }
}
