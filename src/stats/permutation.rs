//! Permutation tests of many figures at once, with one family-wise error.
//!
//! # What is tested
//!
//! Each test has one value for each *unit*: a block in which both arms were measured (the difference of their logarithms),
//! or a run of one arm (its logarithm). All tests of a family share their units, so an arrangement (the arms exchanged in
//! some blocks, or the labels of the runs shuffled) is applied to all of them at once, which keeps however they depend on
//! one another. That is what makes the error family-wise without the price of Bonferroni.
//!
//! The statistic is `t = mean / SE` with a *moderated* variance (in the manner of Smyth 2004): `s~^2 = (4 s0^2 + d s^2) /
//! (4 + d)`, `d` the degrees of freedom of `s^2` and `s0^2` the median variance of the tests of the same kind, found anew in
//! every arrangement. It keeps a test whose few units happen to agree from looking certain. `s~` is at least 1e-4, so that
//! constant data stay finite.
//!
//! `p` is that of the step-down procedure of Westfall and Young (1993, algorithm 2.8): the most extreme statistic is held
//! against the largest of all tests in each arrangement, the next against the largest of the remaining ones, and so on. It is the share of
//! arrangements that reach it, the observed one counted: never 0, and `(k + 1) / (N + 1)` where `N` arrangements are drawn.
//!
//! Intervals come from the same arrangements: from `mean - c SE` to `mean + c SE`, `c` the value that the largest statistic
//! exceeds in a share `alpha` of them. That is single-step where p is step-down. Where the Hodges-Lehmann effect is not the
//! mean, the bound beyond it moves outwards with it. For either reason the interval alone could hold 0 where p is at most `alpha`:
//! an effect on the other side of 0 is rejected by p then, so the interval ends at 0. (Around the effect alone they would be too narrow: beyond its
//! breakdown point it is moved further than the mean. With spikes in one run of twenty all 24 lower bounds of a family held
//! in 97.7% of 1,000 families, where 99% are promised; like this in 99.6% of 500.) Where no share as small as `alpha` exists `c` is infinite, and so is the interval.
//!
//! # What it rests on
//!
//! Sign flips are exact if the order of the arms was drawn at random in each block, or if differences are symmetrical.
//! Shuffles are exact if under "no difference" the runs of a stratum could have come in any order.
//!
//! Nothing depends on the order of the tests or on the number of threads. Where arrangements are drawn, the order of the
//! units decides which unit gets which label in a draw, so callers sort them.

mod draw;
mod labels;
mod maxima;
mod table;

use super::shift::{hodges_lehmann, hodges_lehmann_shift, median};
use labels::{Labels, MOST_EXACT};
use maxima::{Maxima, maxima};
use table::{Column, Design, Table};

pub(super) use table::{PRIOR, moderated};

/// One test on blocks.
#[derive(Debug, Clone, PartialEq)]
pub struct PairedTest {
    /// Tests of the same kind share a variance.
    pub kind: usize,
    /// For each block the candidate's mean logarithm less the baseline's; `None` where the block has no such pair. As
    /// many for all tests of a family; a value that is not finite is none.
    pub differences: Vec<Option<f64>>,
}

/// One test on runs.
#[derive(Debug, Clone, PartialEq)]
pub struct GroupTest {
    /// Tests of the same kind share a variance.
    pub kind: usize,
    /// The logarithm of each run's figure, one for each of [`Groups::candidate`]; `None` where the run has none. A value
    /// that is not finite is none.
    pub values: Vec<Option<f64>>,
}

/// Which runs are whose.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Groups {
    /// Whether each run is the candidate's.
    pub candidate: Vec<bool>,
    /// The stratum of each run, any numbers: labels change places within a stratum only.
    pub stratum: Vec<usize>,
}

/// What is asked of a family.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FamilyAsk {
    /// Family-wise error of each side, in 0..1.
    pub alpha: f64,
    /// How many arrangements are drawn where there are too many for all of them: where there are more than 20,000, and
    /// more than this. 16 bytes of memory each.
    pub draws: u32,
    /// Of the draws.
    pub seed: u64,
}

/// What a test found. Effects are differences of logarithms, candidate less baseline.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TestOutcome {
    /// Mean difference; between groups that of the strata by their weight.
    pub mean: f64,
    /// Its standard error from the moderated variance; above 0.
    pub se: f64,
    /// `mean / se`.
    pub statistic: f64,
    /// The difference by Hodges and Lehmann.
    pub effect: f64,
    /// Family-wise probability of a statistic as large, if there were no difference.
    pub p_up: f64,
    /// The same of one as small.
    pub p_down: f64,
    /// Lower bound of the effect: no bound of the family is too high, with probability `1 - alpha`.
    pub low: f64,
    /// Upper bound: none is too low, with probability `1 - alpha`.
    pub high: f64,
    /// How many pairs, or runs, it rests on.
    pub units: usize,
}

/// What a family found.
#[derive(Debug, Clone, PartialEq)]
pub struct FamilyOutcome {
    /// One for each test; `None` with fewer than two pairs, or fewer than two runs of an arm.
    pub tests: Vec<Option<TestOutcome>>,
    /// The statistic that the largest one exceeds in a share `alpha` of the arrangements.
    pub critical_up: f64,
    /// The same for the smallest, with its sign turned.
    pub critical_down: f64,
    /// The smallest p-value that these arrangements can give; 1 where nothing could be tested.
    pub p_min: f64,
    /// How many arrangements were looked at.
    pub arrangements: u64,
    /// Whether these are all.
    pub exact: bool,
}

/// The smallest p-value that sign flips of so many blocks can give.
pub fn paired_p_min(blocks: usize) -> f64 {
    0.5_f64.powf(blocks as f64)
}

/// The smallest p-value that shuffled labels of so many runs can give: 1 over their binomial coefficient.
pub fn group_p_min(base: usize, new: usize) -> f64 {
    let few = base.min(new);
    (0..few).fold(1.0, |p, at| p * (at + 1) as f64 / (base + new - at) as f64)
}

/// Tests differences within blocks by flipping the signs of whole blocks.
pub fn paired_family(tests: &[PairedTest], ask: &FamilyAsk) -> FamilyOutcome {
    let most = MOST_EXACT.max(u64::from(ask.draws) + 1);
    paired_family_of(tests, ask, most)
}

/// `most`: up to how many arrangements are all looked at.
fn paired_family_of(tests: &[PairedTest], ask: &FamilyAsk, most: u64) -> FamilyOutcome {
    let values: Vec<&[Option<f64>]> =
        tests.iter().map(|test| test.differences.as_slice()).collect();
    let units = used(&values);
    let columns = tests.iter().enumerate().filter_map(|(at, test)| {
        let (values, present) = laid_out(&test.differences, &units);
        let pairs = present.iter().filter(|here| **here).count();
        let freedom = pairs as f64 - 1.0;
        (freedom > 0.0).then_some(Column { test: at, kind: test.kind, values, present, freedom })
    });
    let table = Table::new(columns.collect(), Design::Signs);
    let labels = Labels::flips(units.len(), most, ask.draws, ask.seed);
    outcome(&table, &labels, tests.len(), ask.alpha, |test| {
        let differences: Vec<f64> = finite(&tests[test].differences).collect();
        (hodges_lehmann(&differences), differences.len())
    })
}

/// Tests the candidate's runs against the baseline's by shuffling their labels within strata.
pub fn group_family(tests: &[GroupTest], groups: &Groups, ask: &FamilyAsk) -> FamilyOutcome {
    let most = MOST_EXACT.max(u64::from(ask.draws) + 1);
    group_family_of(tests, groups, ask, most)
}

fn group_family_of(
    tests: &[GroupTest],
    groups: &Groups,
    ask: &FamilyAsk,
    most: u64,
) -> FamilyOutcome {
    let values: Vec<&[Option<f64>]> = tests.iter().map(|test| test.values.as_slice()).collect();
    let labelled = groups.candidate.len().min(groups.stratum.len());
    let units: Vec<usize> = used(&values).into_iter().filter(|unit| *unit < labelled).collect();
    let candidate: Vec<bool> = units.iter().map(|unit| groups.candidate[*unit]).collect();
    let strata = numbered(units.iter().map(|unit| groups.stratum[*unit]));
    let columns = tests.iter().enumerate().filter_map(|(at, test)| {
        let (mut values, present) = laid_out(&test.values, &units);
        let freedom = within_strata(&mut values, &present, &strata);
        let arm = |is: bool| {
            let of = |unit: &usize| present[*unit] && candidate[*unit] == is;
            (0..units.len()).filter(of).count()
        };
        let enough = arm(true) >= 2 && arm(false) >= 2;
        (enough && freedom > 0.0 && overlaps(&present, &candidate, &strata)).then_some(Column {
            test: at,
            kind: test.kind,
            values,
            present,
            freedom,
        })
    });
    let table = Table::new(columns.collect(), Design::Groups(strata.clone()));
    let labels = Labels::shuffles(candidate.clone(), &strata, most, ask.draws, ask.seed);
    outcome(&table, &labels, tests.len(), ask.alpha, |test| {
        let (values, present) = laid_out(&tests[test].values, &units);
        let count = present.iter().filter(|here| **here).count();
        (shift(&values, &present, &candidate, &strata), count)
    })
}

/// Puts p-values, effects and intervals together. `effect`: a test's effect and number of units.
fn outcome(
    table: &Table,
    labels: &Labels,
    tests: usize,
    alpha: f64,
    effect: impl Fn(usize) -> (Option<f64>, usize),
) -> FamilyOutcome {
    let mut found = FamilyOutcome {
        tests: vec![None; tests],
        critical_up: f64::INFINITY,
        critical_down: f64::INFINITY,
        p_min: 1.0,
        arrangements: labels.count(),
        exact: labels.is_exact(),
    };
    if table.width() == 0 {
        return found;
    }
    let mut work = table.work();
    table.arrange(labels.observed(), &mut work);
    let Maxima { up, down, mut highest, mut lowest } = maxima(table, labels, &work.statistics);
    let share = |count: u64| count as f64 / labels.count() as f64;
    found.p_min = share(1);
    found.critical_up = critical(&mut highest, alpha);
    found.critical_down = critical(&mut lowest, alpha);
    for (column, one) in table.observed(&work).into_iter().enumerate() {
        let (effect, units) = effect(one.test);
        found.tests[one.test] = effect.map(|effect| TestOutcome {
            mean: one.mean,
            se: one.se,
            statistic: work.statistics[column],
            effect,
            p_up: share(up[column]),
            p_down: share(down[column]),
            low: agreeing(
                effect.min(one.mean) - found.critical_up * one.se,
                effect,
                share(up[column]) <= alpha,
            ),
            high: -agreeing(
                -effect.max(one.mean) - found.critical_down * one.se,
                -effect,
                share(down[column]) <= alpha,
            ),
            units,
        });
    }
    found
}

/// A lower bound that contradicts no p value: where an effect of 0 or less is `rejected` it is at least 0, but never above the
/// effect.
fn agreeing(low: f64, effect: f64, rejected: bool) -> f64 {
    if rejected { low.max(effect.min(0.0)) } else { low }
}

/// The value that a share `alpha` of the maxima exceeds, ties aside, and at least 0: a statistic has `p <= alpha` in the
/// first step where it is above it. Infinite where `alpha` of them are less than one.
fn critical(maxima: &mut [f64], alpha: f64) -> f64 {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "saturating; NaN is 0"
    )]
    let above = (alpha * maxima.len() as f64 + 1e-9) as usize;
    if above == 0 || maxima.is_empty() {
        return f64::INFINITY;
    }
    let at = maxima.len() - 1 - above.min(maxima.len() - 1);
    let (_, value, _) = maxima.select_nth_unstable_by(at, f64::total_cmp);
    value.max(0.0)
}

fn finite(values: &[Option<f64>]) -> impl Iterator<Item = f64> {
    values.iter().flatten().copied().filter(|v| v.is_finite())
}

/// The units that some test has a value for: the others would only inflate the number of arrangements.
fn used(tests: &[&[Option<f64>]]) -> Vec<usize> {
    let longest = tests.iter().map(|values| values.len()).max().unwrap_or(0);
    let here = |values: &[Option<f64>], unit: usize| {
        let value = values.get(unit).copied().flatten();
        value.is_some_and(f64::is_finite)
    };
    (0..longest).filter(|unit| tests.iter().any(|values| here(values, *unit))).collect()
}

/// The values of these units, 0 where there is none, and where there is one.
fn laid_out(values: &[Option<f64>], units: &[usize]) -> (Vec<f64>, Vec<bool>) {
    let value = |unit: &usize| {
        let value = values.get(*unit).copied().flatten();
        value.filter(|value| value.is_finite())
    };
    units.iter().map(|unit| (value(unit).unwrap_or(0.0), value(unit).is_some())).unzip()
}

/// Numbers from 0, in the order of the names.
fn numbered(names: impl Iterator<Item = usize> + Clone) -> Vec<usize> {
    let mut known: Vec<usize> = names.clone().collect();
    known.sort_unstable();
    known.dedup();
    names.map(|name| known.partition_point(|other| *other < name)).collect()
}

/// Takes from each value the mean of its stratum. Returns the degrees of freedom that are left with a difference between
/// groups fitted as well.
fn within_strata(values: &mut [f64], present: &[bool], strata: &[usize]) -> f64 {
    let all = strata.iter().max().map_or(0, |last| last + 1);
    let mut freedom = -1.0;
    for stratum in 0..all {
        let of: Vec<usize> =
            (0..values.len()).filter(|unit| present[*unit] && strata[*unit] == stratum).collect();
        if of.is_empty() {
            continue;
        }
        let mean = of.iter().map(|unit| values[*unit]).sum::<f64>() / of.len() as f64;
        for unit in &of {
            values[*unit] -= mean;
        }
        freedom += of.len() as f64 - 1.0;
    }
    freedom
}

/// Whether some stratum has both arms.
fn overlaps(present: &[bool], candidate: &[bool], strata: &[usize]) -> bool {
    let of = |arm: bool| {
        (0..present.len())
            .filter(move |unit| present[*unit] && candidate[*unit] == arm)
            .map(|unit| strata[unit])
    };
    of(true).any(|stratum| of(false).any(|other| other == stratum))
}

/// The median difference between candidate and baseline of the same stratum.
fn shift(values: &[f64], present: &[bool], candidate: &[bool], strata: &[usize]) -> Option<f64> {
    let of = |arm: bool, stratum: usize| -> Vec<f64> {
        (0..values.len())
            .filter(|unit| present[*unit] && candidate[*unit] == arm && strata[*unit] == stratum)
            .map(|unit| values[unit])
            .collect()
    };
    let all = strata.iter().max().map_or(0, |last| last + 1);
    if all == 1 {
        return hodges_lehmann_shift(&of(false, 0), &of(true, 0));
    }
    let mut shifts: Vec<f64> = (0..all)
        .flat_map(|stratum| {
            let base = of(false, stratum);
            let pairs = |new: f64| base.iter().map(move |base| new - base).collect::<Vec<_>>();
            of(true, stratum).into_iter().flat_map(pairs).collect::<Vec<_>>()
        })
        .collect();
    median(&mut shifts)
}

#[cfg(test)]
mod tests;
