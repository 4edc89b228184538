//! From a test to a verdict, and to what would be needed for a better one.

use super::entry::{Entry, RowGap};
use super::family::{Finding, Reach};
use super::policy::Role;
use super::reason::RowReason;
use super::verdict::{Row, RowVerdict};
use crate::metric::Better;

/// What a standard normal variable stays below in four of five cases: the power that is planned with.
const Z_FOUR_OF_FIVE: f64 = 0.841_621_233_572_914_3;

/// The same for nine of ten: where two conditions must hold, each that often, both do in four of five cases at least.
const Z_NINE_OF_TEN: f64 = 1.281_551_565_544_600_4;

/// Rounding of logarithms: a change of exactly the floor counts as one, whatever unit it was written in.
const ROUNDING: f64 = 1e-9;

/// Beyond so many runs a side the answer is "more runs will not tell".
const MOST_RUNS: f64 = 10_000.0;

/// A change to more than so many times is no figure for people any more: an end beyond it is open, and nothing can be found.
const MOST_TIMES: f64 = 1000.0;

/// A row without a verdict yet: the figures of both sides.
pub(super) fn figures(entry: &Entry<'_>) -> Row {
    let (baseline, candidate) = (entry.baseline.median(), entry.candidate.median());
    let change = baseline
        .zip(candidate)
        .filter(|(baseline, _)| *baseline > 0.0)
        .map(|(baseline, candidate)| candidate / baseline - 1.0);
    let finite = |value: Option<f64>| value.filter(|value| value.is_finite());
    Row {
        cell: entry.cell.to_owned(),
        phase: entry.phase.to_owned(),
        metric: entry.metric.clone(),
        unit: entry.unit.to_owned(),
        direction: entry.rule.direction,
        role: entry.rule.role,
        verdict: RowVerdict::Info,
        baseline: finite(baseline),
        candidate: finite(candidate),
        change: finite(change),
        low: None,
        high: None,
        p: None,
        floor: entry.floor,
        detectable: None,
        runs_needed: None,
        baseline_runs: entry.baseline.count(),
        candidate_runs: entry.candidate.count(),
        why: entry.why.clone(),
    }
}

/// A row that needed no test.
pub(super) fn settled(entry: &Entry<'_>, verdict: RowVerdict) -> Row {
    let mut row = figures(entry);
    row.verdict = verdict;
    if matches!(verdict, RowVerdict::Failed | RowVerdict::Incomparable) {
        row.change = None;
    }
    if verdict == RowVerdict::Failed {
        // The runs that are left are a choice: without the one that was too slow to end, for one.
        (row.baseline, row.candidate) = (None, None);
    }
    row
}

/// A row that was to be tested.
pub(super) fn tested(
    entry: &Entry<'_>,
    reach: &Reach,
    alpha: f64,
    doubt: Option<&RowReason>,
) -> Row {
    let mut row = figures(entry);
    match reach {
        Reach::Unreachable { more, why, gap } => {
            row.why.extend(gap.as_ref().map(|gap| gap.why.clone()));
            row.verdict = match gap {
                // The runs are there, and why they lack the figure is known.
                Some(gap) if !gap.lost => RowVerdict::Inconclusive,
                // More runs would not say it either.
                Some(RowGap { why: RowReason::Absent { unsaid: true, .. }, .. }) => {
                    RowVerdict::Missing
                }
                _ => {
                    row.runs_needed = *more;
                    row.why.push(why.clone());
                    RowVerdict::Unreachable
                }
            };
        }
        Reach::Untestable(why) => {
            row.verdict = RowVerdict::Inconclusive;
            row.why.push(why.clone());
        }
        Reach::Tested(finding) => {
            judge(&mut row, finding, alpha, doubt, entry.copied.as_ref());
        }
    }
    row
}

fn judge(
    row: &mut Row,
    finding: &Finding,
    alpha: f64,
    doubt: Option<&RowReason>,
    copied: Option<&RowReason>,
) {
    debug_assert_eq!(row.role, Role::Gate, "only gated rows are tested");
    let floors = Floors { pass: finding.floor.ln_1p(), call: finding.callable.ln_1p() };
    let sign = row.direction.map_or(1.0, Better::sign);
    let share = |log: f64| (sign * log).exp_m1();
    let sayable = |share: f64| Some(share).filter(|share| *share < MOST_TIMES);
    let end = |log: f64| sayable(share(log)).filter(|_| log.is_finite());
    let (low, high) = (end(finding.low), end(finding.high));
    let finite = |value: f64| Some(value).filter(|value| value.is_finite());
    row.floor = finding.floor;
    row.change = finite(share(finding.effect));
    // Of a metric of which more is better the upper end of the worsening is the lower one of the change.
    (row.low, row.high) = match row.direction {
        Some(Better::Higher) => (high, low),
        _ => (low, high),
    };
    row.p = Some(if finding.effect > 0.0 {
        finding.p_up
    } else if finding.effect < 0.0 {
        finding.p_down
    } else {
        finding.p_up.max(finding.p_down)
    });
    // Of a metric of which more is better it is a fall, and none is by 100%.
    let seen = detectable(finding, floors.call);
    row.detectable = sayable(seen.exp_m1()).map(|_| share(seen).abs());
    let ceiling = finding.ceiling.as_ref().or(copied).or(doubt);
    let gap = finding.gap.as_ref().map(|gap| &gap.why).or(copied);
    let capped = ceiling.is_some();
    row.verdict = verdict(finding, floors, alpha, capped, gap.is_some());
    explain(row, finding, floors, alpha, ceiling, gap);
    // What was taken away may be what was worse.
    if row.verdict == RowVerdict::Inconclusive && finding.gap.as_ref().is_some_and(|gap| gap.lost) {
        row.verdict = RowVerdict::Missing;
    }
}

/// The two floors of a row, as logarithms: what is below the one for certain passes, and a change from the other on is called one.
#[derive(Clone, Copy)]
struct Floors {
    pass: f64,
    call: f64,
}

/// The verdict of a test.
fn verdict(finding: &Finding, floors: Floors, alpha: f64, capped: bool, gap: bool) -> RowVerdict {
    let Finding { effect, high, p_up, .. } = *finding;
    if p_up <= alpha && effect >= floors.call - ROUNDING {
        return if capped { RowVerdict::Suspect } else { RowVerdict::Regressed };
    }
    // What is left of a row with gaps may be the better part of it: it can show a regression, and no more.
    if gap {
        return RowVerdict::Inconclusive;
    }
    // A design that may not call a change a regression may not call the mirror of it an improvement.
    if is_better(finding, floors, alpha) && !capped {
        RowVerdict::Improved
    } else if high < floors.pass - ROUNDING && effect < floors.pass - ROUNDING {
        RowVerdict::Pass
    } else {
        RowVerdict::Inconclusive
    }
}

/// Whether it is the mirror of what is significantly worse.
fn is_better(finding: &Finding, floors: Floors, alpha: f64) -> bool {
    finding.p_down <= alpha && finding.effect <= -floors.call + ROUNDING
}

fn explain(
    row: &mut Row,
    finding: &Finding,
    floors: Floors,
    alpha: f64,
    ceiling: Option<&RowReason>,
    gap: Option<&RowReason>,
) {
    let since = || ceiling.cloned().map(Box::new);
    match row.verdict {
        RowVerdict::Suspect => {
            row.why.extend(since().map(|since| RowReason::SuspectAtMost { since }));
        }
        RowVerdict::Pass => {
            let better = is_better(finding, floors, alpha);
            row.why.extend(since().filter(|_| better).map(|since| RowReason::Uncertain { since }));
            // Only against one stored session is what may be called a change more than the floor.
            row.why.extend((finding.callable > finding.floor).then_some(RowReason::WithinSessions));
        }
        RowVerdict::Inconclusive => {
            let would_pass = finding.high < floors.pass - ROUNDING;
            row.why.extend(gap.cloned());
            if !(would_pass && gap.is_some()) {
                inconclusive(row, finding, floors);
            }
        }
        _ => (),
    }
}

/// What would be needed for a verdict.
fn inconclusive(row: &mut Row, finding: &Finding, floors: Floors) {
    let alone = finding.low > floors.call + ROUNDING;
    let is_coarse = finding.callable > finding.floor;
    // What the interval shows and this design cannot call needs no more than that.
    if alone || !is_coarse || finding.low <= finding.floor + ROUNDING {
        row.why.push(RowReason::Open { floor: finding.floor, alone });
    }
    if is_coarse {
        row.why.push(RowReason::NoneBelow { share: finding.callable });
    }
    row.why.push(RowReason::Detectable { share: row.detectable });
    row.runs_needed = finding.runs.and_then(|runs| runs_needed(finding, floors, runs));
    let between = finding.effect > floors.pass && finding.effect < floors.call;
    row.why.push(match row.runs_needed {
        _ if finding.runs.is_none() => {
            let other_days = finding.ceiling.as_ref().is_some_and(RowReason::is_of_close_sessions);
            RowReason::MoreSessions { other_days }
        }
        Some(likely) => more_runs(finding, floors, likely),
        None if between => RowReason::RunsTellNothing,
        None => RowReason::NearFloor,
    });
}

/// The runs that are needed, as far as the change and its noise are known: each give or take a standard error.
fn more_runs(finding: &Finding, floors: Floors, likely: u32) -> RowReason {
    let runs = finding.runs.unwrap_or_default();
    let unsure = 1.0 / (2.0 * finding.freedom.max(1.0)).sqrt();
    let needed = |(away, noise): (f64, f64)| {
        let (effect, se) = (finding.effect + away * finding.se, finding.se * noise);
        runs_needed(&Finding { effect, se, ..finding.clone() }, floors, runs)
    };
    let cases = [-1.0, 1.0].map(|away| [(away, 1.0 - unsure), (away, 1.0 + unsure)]);
    let needed: Vec<Option<u32>> = cases.into_iter().flatten().map(needed).collect();
    // Where it may be the floor itself, no number of runs is enough.
    let [pass, call] = [floors.pass, floors.call].map(|floor| floor - finding.effect);
    let all = needed.iter().copied().collect::<Option<Vec<u32>>>();
    let all = all.filter(|_| pass.abs() > finding.se && call.abs() > finding.se);
    RowReason::MoreRuns {
        least: needed.into_iter().flatten().min().unwrap_or(likely).min(likely),
        most: all.map(|all| all.into_iter().max().unwrap_or(likely).max(likely)),
    }
}

/// By how many standard errors a statistic beyond `critical` varies: its own noise, and that of its standard error, which is an
/// estimate with so many degrees of freedom (the normal approximation of the noncentral t).
fn spread(critical: f64, freedom: f64) -> f64 {
    (1.0 + critical * critical / (2.0 * freedom.max(1.0))).sqrt()
}

/// The worsening, as a logarithm, that has both a small enough p value and an effect above the floor in at least four of five
/// cases.
fn detectable(finding: &Finding, floor: f64) -> f64 {
    let critical = finding.critical;
    let for_p = critical + Z_NINE_OF_TEN * spread(critical, finding.freedom);
    let for_floor = floor + Z_NINE_OF_TEN * finding.se;
    (for_p * finding.se).max(for_floor)
}

/// Runs that each side still needs for a verdict in four of five cases, if the change stays what it is, by the square-root law.
/// It leaves out that the critical value falls with more runs, so it is rather too many.
fn runs_needed(finding: &Finding, floors: Floors, runs: usize) -> Option<u32> {
    let (effect, se, critical) = (finding.effect, finding.se, finding.critical);
    let spread = spread(critical, finding.freedom);
    // For a regression the effect must be above the floor as well; for a pass the upper bound below it.
    let times = if effect > floors.call {
        let for_p = (critical + Z_NINE_OF_TEN * spread) * se / effect;
        for_p.max(Z_NINE_OF_TEN * se / (effect - floors.call))
    } else if effect < floors.pass {
        (critical + Z_FOUR_OF_FIVE * spread) * se / (floors.pass - effect)
    } else {
        return None;
    };
    let needed = (runs as f64 * times * times).ceil() - runs as f64;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "1 <= needed <= MOST_RUNS"
    )]
    (needed <= MOST_RUNS).then(|| needed.max(1.0) as u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finding(effect: f64, (se, critical): (f64, f64), p: (f64, f64)) -> Finding {
        Finding {
            effect,
            se,
            low: effect - critical * se,
            high: effect + critical * se,
            p_up: p.0,
            p_down: p.1,
            critical,
            freedom: f64::INFINITY,
            runs: Some(20),
            ceiling: None,
            gap: None,
            floor: 0.05,
            callable: 0.05,
        }
    }

    fn row(direction: Better) -> Row {
        Row {
            cell: "mlp".to_owned(),
            phase: "train".to_owned(),
            metric: "train.throughput_p75".into(),
            unit: "samples/s".to_owned(),
            direction: Some(direction),
            role: Role::Gate,
            verdict: RowVerdict::Info,
            baseline: Some(1.0),
            candidate: Some(1.0),
            change: None,
            low: None,
            high: None,
            p: None,
            floor: 0.05,
            detectable: None,
            runs_needed: None,
            baseline_runs: 20,
            candidate_runs: 20,
            why: Vec::new(),
        }
    }

    fn both(floor: f64) -> Floors {
        Floors { pass: floor, call: floor }
    }

    #[test]
    fn every_verdict_has_its_conditions() {
        use RowVerdict::{Improved, Inconclusive, Pass, Regressed, Suspect};
        let floor = 0.05_f64.ln_1p();
        for (effect, se, p, capped, gap, expected) in [
            // Worse, and by enough.
            (0.10, 0.01, (0.001, 1.0), false, false, Regressed),
            (0.10, 0.01, (0.001, 1.0), true, false, Suspect),
            (0.10, 0.01, (0.001, 1.0), false, true, Regressed),
            // Exactly the floor, whatever the rounding.
            (floor, 0.001, (0.001, 1.0), false, false, Regressed),
            (floor - 1e-12, 0.001, (0.001, 1.0), false, false, Regressed),
            // Worse for certain, by too little to count, and not shown to be below the floor.
            (0.04, 0.01, (0.001, 1.0), false, false, Inconclusive),
            // By enough, and not for certain.
            (0.10, 0.05, (0.02, 0.9), false, false, Inconclusive),
            // p is alpha itself: it is reached.
            (0.10, 0.01, (0.01, 1.0), false, false, Regressed),
            (0.0, 0.01, (0.5, 0.5), false, false, Pass),
            (0.0, 0.01, (0.5, 0.5), true, false, Pass),
            (0.0, 0.01, (0.5, 0.5), false, true, Inconclusive),
            // Worse for certain and certainly below the floor.
            (0.02, 0.005, (0.001, 1.0), false, false, Pass),
            (-0.10, 0.01, (1.0, 0.001), false, false, Improved),
            (-0.10, 0.01, (1.0, 0.001), true, false, Pass),
            (-0.10, 0.01, (1.0, 0.001), false, true, Inconclusive),
            // Better, not for certain, certainly not worse.
            (-0.10, 0.04, (1.0, 0.02), false, false, Pass),
            (0.0, 0.03, (0.5, 0.5), false, false, Inconclusive),
        ] {
            let finding = finding(effect, (se, 3.0), p);
            let found = verdict(&finding, both(floor), 0.01, capped, gap);
            assert_eq!(found, expected, "{effect} {se} {p:?} {capped} {gap}");
        }
    }

    #[test]
    fn what_may_not_be_called_a_change_does_not_pass_for_that() {
        use RowVerdict::{Inconclusive, Pass, Suspect};
        let floors = Floors { pass: 0.05_f64.ln_1p(), call: 0.2_f64.ln_1p() };
        for (effect, p, expected) in [
            (0.0, (0.5, 0.5), Pass),
            (0.10, (0.001, 1.0), Inconclusive),
            (0.17, (0.001, 1.0), Inconclusive),
            (0.20, (0.001, 1.0), Suspect),
            (-0.10, (1.0, 0.001), Pass),
            (-0.20, (1.0, 0.001), Pass),
        ] {
            let finding = finding(effect, (0.001, 3.0), p);
            let found = verdict(&finding, floors, 0.01, true, false);
            assert_eq!(found, expected, "{effect}");
        }
        let between = finding(0.1, (0.001, 3.0), (0.001, 1.0));
        assert_eq!(runs_needed(&between, floors, 6), None);
    }

    /// An interval beyond the floor shows what a coarse design may not call: that is said, and not that nothing was shown.
    #[test]
    fn what_the_interval_shows_is_not_called_open() {
        let floors = Floors { pass: 0.05_f64.ln_1p(), call: 0.2_f64.ln_1p() };
        for (effect, open) in [(0.15, false), (0.06, true)] {
            let mut row = row(Better::Lower);
            let finding = Finding { callable: 0.2, ..finding(effect, (0.01, 3.0), (0.004, 1.0)) };
            inconclusive(&mut row, &finding, floors);
            let is_open = |why: &RowReason| matches!(why, RowReason::Open { .. });
            assert_eq!(row.why.iter().any(is_open), open, "{effect}: {:?}", row.why);
            assert!(row.why.contains(&RowReason::NoneBelow { share: 0.2 }));
        }
    }

    /// A worsening by a factor of 2.24 is 124% more of a time, and 55% less of a rate.
    #[test]
    fn no_rate_could_fall_by_more_than_all_of_it() {
        for (direction, expected) in [(Better::Lower, 1.24), (Better::Higher, 0.553_6)] {
            let mut row = row(direction);
            let se = 2.24_f64.ln() / (3.0 + Z_NINE_OF_TEN);
            judge(&mut row, &finding(0.0, (se, 3.0), (0.5, 0.5)), 0.01, None, None);
            let seen = row.detectable.unwrap();
            assert!((seen - expected).abs() < 1e-3, "{direction:?} {seen}");
            assert!(row.why.contains(&RowReason::Detectable { share: Some(seen) }), "{row:?}");
        }
    }

    #[test]
    fn what_would_be_found_and_what_is_needed_follow_the_noise() {
        let floor = 0.05_f64.ln_1p();
        let found = |se| detectable(&finding(0.0, (se, 3.0), (0.5, 0.5)), floor);
        // The floor binds: half of all estimates are below the truth, so it takes 1.28 standard errors more.
        assert!((found(0.01) - (floor + 0.0128)).abs() < 1e-4);
        assert!((found(0.10) - 0.428).abs() < 1e-3);
        let mut few = finding(0.0, (0.10, 3.0), (0.5, 0.5));
        few.freedom = 4.5;
        assert!((detectable(&few, floor) - (0.3 + 0.128 * 2.0_f64.sqrt())).abs() < 1e-3);
        let needed = |effect: f64, se: f64| {
            runs_needed(&finding(effect, (se, 3.0), (0.5, 0.5)), both(floor), 20)
        };
        // (3.84 * 0.02 / 0.0488)^2 = 2.48 times 20 runs.
        assert_eq!(needed(0.0, 0.02), Some(30));
        // Half way to the floor it takes four times as many.
        assert_eq!(needed(floor / 2.0, 0.02), Some(179));
        assert_eq!(needed(floor, 0.02), None);
        // Twice the floor: (4.28 * 0.02 / 0.0976)^2 of the runs, so one more is said.
        assert_eq!(needed(2.0 * floor, 0.02), Some(1));
        assert_eq!(needed(2.0 * floor, 0.04), Some(42));
        assert_eq!(needed(floor + 1e-6, 0.02), None);
    }

    #[test]
    fn the_runs_that_are_needed_are_as_uncertain_as_what_they_follow_from() {
        let floor = 0.05_f64.ln_1p();
        let needed = |effect: f64, se: f64, freedom: f64| {
            let finding = Finding { freedom, ..finding(effect, (se, 3.0), (0.5, 0.5)) };
            let likely = runs_needed(&finding, both(floor), 20).unwrap();
            match more_runs(&finding, both(floor), likely) {
                RowReason::MoreRuns { least, most } => (least, likely, most),
                other => panic!("{other:?}"),
            }
        };
        // A standard error of 0.02 less or more of an effect of 0, the noise being known.
        assert_eq!(needed(0.0, 0.02, f64::INFINITY), (5, 30, Some(123)));
        // Known from 12 degrees of freedom only: a fifth less, or more.
        let (least, likely, most) = needed(0.0, 0.02, 12.0);
        assert!(least < 5 && likely > 30 && most.unwrap() > 170, "{least} {likely} {most:?}");
        // The change may be the floor itself: then no number of runs tells.
        assert_eq!(needed(0.04, 0.02, f64::INFINITY).2, None);
    }
}
