//! Quantiles of step times in bounded memory, with distribution-free intervals.
//!
//! The interval is that of order statistics: with `n` independent values, the `r`-th and `s`-th smallest enclose the
//! quantile at `p` with probability `P(r <= X < s)` for `X` binomial(n, p) (David and Nagaraja, *Order Statistics*, 2003,
//! section 7.1), whatever the distribution. Steps are not independent: slow and fast periods come in runs. So `n` is the
//! *effective* number, `p(1-p) / var`, where `var` is the batch-means variance of the share of steps above the estimate
//! ([`super::ratio`] measures it, with its care for autocorrelation), never more than the real one, and smaller still by
//! Student's t against the normal for the uncertainty of `var`; where `var` is 0 it is the number of
//! batches. What the histogram rounds away is added to both ends.

mod counts;
mod ranks;

use hdrhistogram::Histogram;

use self::counts::Counts;
use super::anytime::{Bounds, anytime_ranks, is_share_certain};
use super::batches::Part;
use super::distribution::{normal, student_t};
use super::ratio::{MIN_GROUPS, fit_ratio};
use super::sample::{Estimate, Interval};

pub use self::ranks::{interval_requests, order_ranks};

/// One unit of the histograms, in nanoseconds.
const UNIT_NS: u64 = 64;

/// Significant decimal digits that the histograms keep.
const DIGITS: u8 = 3;

/// Batches are merged in pairs when there are this many.
const CAPACITY: usize = 64;

/// Steps beyond a quantile from which on their own variance between batches tells whether they come in runs.
const TOLD_BY: f64 = 200.0;

/// Fewest effective steps under a bound that holds at all times.
const MIN_EFFECTIVE: u64 = 20;

/// How many times farther than any step a limit must be to be decided by that alone: a warm-up or another regime of the
/// machine may be some times slower.
const FAR: f64 = 10.0;

/// Levels from the median outward. An interval rests on no more effective steps than those of the levels between it and
/// the median: the few steps beyond a far quantile cannot tell that they come in runs when the many beyond a nearer one do.
const LADDER: [f64; 6] = [0.5, 0.75, 0.9, 0.95, 0.99, 0.999];

/// Times of the open batch that wait to be counted.
const UNCOUNTED: usize = 4096;

/// Times above this (2000 years, in units) count as this.
const LONGEST: u64 = 1 << 50;

/// Step times, in order, as at most 64 histograms of equally many steps.
///
/// The buckets are those of an HDR histogram with 3 significant digits, but only those that hold something are kept: a
/// batch of slow steps is a handful of pairs instead of tens of kilobytes.
#[derive(Debug, Clone)]
pub struct QuantileSeries {
    full: Vec<Counts>,
    /// The sum of the full batches.
    total: Counts,
    open: Counts,
    /// Buckets of the newest steps, in order of arrival.
    uncounted: Vec<u64>,
    per_batch: u64,
    /// Empty; it knows the limits of the buckets.
    layout: Histogram<u8>,
}

impl Default for QuantileSeries {
    fn default() -> Self {
        let mut layout =
            Histogram::new_with_bounds(1, 2, DIGITS).expect("the crate accepts these constants");
        layout.auto(true);
        Self {
            full: Vec::new(),
            total: Counts::default(),
            open: Counts::default(),
            uncounted: Vec::new(),
            per_batch: 1,
            layout,
        }
    }
}

impl QuantileSeries {
    /// Adds one step.
    pub fn push(&mut self, ns: u64) {
        let units = (ns / UNIT_NS).min(LONGEST);
        self.uncounted.push(self.layout.lowest_equivalent(units));
        let in_open = self.open.steps + self.uncounted.len() as u64;
        if in_open < self.per_batch {
            if self.uncounted.len() >= UNCOUNTED {
                self.count();
            }
            return;
        }
        self.count();
        self.total = self.total.plus(&self.open);
        self.full.push(std::mem::take(&mut self.open));
        if self.full.len() == CAPACITY {
            self.full = self.full.chunks(2).map(Counts::sum).collect();
            self.per_batch *= 2;
        }
    }

    fn count(&mut self) {
        let counted = Counts::of(std::mem::take(&mut self.uncounted));
        self.open = self.open.plus(&counted);
    }

    /// Full batches.
    pub fn len(&self) -> usize {
        self.full.len()
    }

    /// Whether no batch is full yet.
    pub fn is_empty(&self) -> bool {
        self.full.is_empty()
    }

    /// The quantile at `level` in seconds without the first `skip` steps and without those of `other`, of which the first
    /// `other_skip` are among the skipped; to the batch. `None` where nothing is left.
    pub fn value_without(
        &self,
        other: &Self,
        level: f64,
        (skip, other_skip): (u64, u64),
    ) -> Option<f64> {
        let left = self.after(skip).minus(&other.after(other_skip));
        if left.steps == 0 {
            return None;
        }
        let found = left.at_rank(rank_of(level, left.steps));
        let high = seconds(self.layout.highest_equivalent(found) + 1);
        Some(f64::midpoint(seconds(found), high))
    }

    /// All steps but those of the first batches. A warm-up is a few of them, so taking these away is less work than adding up
    /// the rest.
    fn without(&self, first: usize) -> Counts {
        let open = self.in_open();
        match self.full.get(..first) {
            Some([]) => self.total.plus(&open),
            Some(skipped) => self.total.minus(&Counts::sum(skipped)).plus(&open),
            None => open,
        }
    }

    /// The steps behind the last full batch.
    fn in_open(&self) -> Counts {
        self.open.plus(&Counts::of(self.uncounted.clone()))
    }

    /// All steps after so many.
    fn after(&self, skip: u64) -> Counts {
        self.without(usize::try_from(skip.div_ceil(self.per_batch)).unwrap_or(usize::MAX))
    }

    /// The quantile at `level` in seconds, without the first `skip` steps (rounded up to whole batches). The interval
    /// is absent where the batches are too few to tell how far the steps are independent, or the effective number of
    /// steps is too small: 368 for the 99th percentile at 95%. Quantiles of one series have their intervals in the order of
    /// what these need, and their ends in the order of the quantiles. `None` without a step.
    pub fn estimate(&self, level: f64, skip: u64, confidence: f64) -> Option<Estimate> {
        let first = usize::try_from(skip.div_ceil(self.per_batch)).ok()?;
        let batches = self.full.get(first..).filter(|left| !left.is_empty())?;
        let all = self.without(first);
        let samples = all.steps;
        let found = all.at_rank(rank_of(level, samples));
        let low_end = |bucket| seconds(bucket);
        // One unit more: times were rounded down to whole units.
        let high_end = |bucket| seconds(self.layout.highest_equivalent(bucket) + 1);
        let interval = effective_to(level, batches, &all, confidence)
            .and_then(|n| order_ranks(n, level, confidence).map(|ranks| (n, ranks)))
            .map(|(n, (low, high))| {
                // For n = samples these are the ranks themselves; for fewer, rounded outward.
                let scale = |rank: u64| u128::from(rank) * u128::from(samples);
                let low = u64::try_from(scale(low) / u128::from(n)).unwrap_or(1);
                let high = u64::try_from(scale(high).div_ceil(u128::from(n))).unwrap_or(samples);
                Interval {
                    low: low_end(all.at_rank(low.max(1))),
                    high: high_end(all.at_rank(high)),
                }
            });
        Some(Estimate { value: f64::midpoint(low_end(found), high_end(found)), interval, samples })
    }

    /// Bounds on the quantile at `level` in seconds, without the first `skip` steps, that hold at all times at once
    /// ([`super::anytime`]). An end is absent while there are too few effective steps for it.
    pub fn bounds(&self, level: f64, skip: u64, alpha: f64) -> Bounds {
        let first = usize::try_from(skip.div_ceil(self.per_batch)).unwrap_or(usize::MAX);
        let Some(batches) = self.full.get(first..).filter(|left| !left.is_empty()) else {
            return Bounds::default();
        };
        let all = self.without(first);
        let number = |level: f64| {
            let at = all.at_rank(rank_of(level, all.steps));
            effective(batches, at, 1.0 - alpha / 10.0).unwrap_or(0)
        };
        let mut n = number(level);
        if all.steps as f64 * (1.0 - level).min(level) < TOLD_BY {
            // Exceedances of a far quantile are too few to tell whether they come in runs; those of the median are not. Where
            // there are enough they speak for themselves: a tail does not wander as a narrow body does.
            n = n.min(number(0.5)).min(number(0.9));
        }
        if n < MIN_EFFECTIVE {
            return Bounds::default();
        }
        let (low, high) = anytime_ranks(n, level, alpha);
        let scale = |rank: u64| u128::from(rank) * u128::from(all.steps);
        let low = low.map(|rank| u64::try_from(scale(rank) / u128::from(n)).unwrap_or(1));
        let high = high.map(|rank| scale(rank).div_ceil(u128::from(n)));
        let high = high.map(|rank| u64::try_from(rank).unwrap_or(all.steps));
        // A regime that has just changed shows in the newest steps first.
        let newest = Counts::sum(&batches[batches.len() - batches.len().div_ceil(10)..]);
        let newest = newest.plus(&self.in_open());
        let newest = newest.at_rank(rank_of(level, newest.steps));
        let low = low.map(|rank| all.at_rank(rank.max(1)).min(newest));
        let high = high.map(|rank| all.at_rank(rank).max(newest));
        Bounds {
            low: low.map(seconds),
            high: high.map(|bucket| seconds(self.layout.highest_equivalent(bucket) + 1)),
        }
    }

    /// On which side of `limit`, in seconds, the quantile at `level` lies, as the one bound that is certain at all times at
    /// once, where every step is far from it; else none. Whether a step is beyond the limit is a trial, and of steps of which
    /// none is, nobody can tell whether they would come in runs: each batch is one trial. So this is decided long before it is
    /// known where the quantile lies. Nearer limits are left to [`Self::bounds`].
    pub fn side(&self, limit: f64, level: f64, skip: u64, alpha: f64) -> Bounds {
        let first = usize::try_from(skip.div_ceil(self.per_batch)).unwrap_or(usize::MAX);
        let batches = self.full.len().saturating_sub(first) as u64;
        if batches < MIN_EFFECTIVE {
            return Bounds::default();
        }
        let all = self.without(first);
        let shortest = seconds(all.at_rank(1));
        let longest = seconds(self.layout.highest_equivalent(all.at_rank(all.steps)) + 1);
        let certain = |over: u64| is_share_certain(over as f64, batches as f64, 1.0 - level, alpha);
        let below = longest * FAR <= limit && certain(0);
        let above = shortest >= limit * FAR && certain(batches);
        Bounds { low: above.then_some(limit), high: below.then_some(limit) }
    }
}

/// The effective number of steps for the quantile at `level`: the smallest from the median to there.
fn effective_to(level: f64, batches: &[Counts], all: &Counts, confidence: f64) -> Option<u64> {
    let mirrored = |step: f64| if level < 0.5 { 1.0 - step } else { step };
    let nearer = LADDER.into_iter().filter(|step| step - 0.5 < (level - 0.5).abs());
    let levels = nearer.map(mirrored).chain([level]);
    let number = |level| effective(batches, all.at_rank(rank_of(level, all.steps)), confidence);
    levels.map(number).min()?
}

fn seconds(units: u64) -> f64 {
    (units * UNIT_NS) as f64 * 1e-9
}

/// The rank of the quantile at `level` among `n` values: the smallest with at least that share at or below.
fn rank_of(level: f64, n: u64) -> u64 {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a level is within 0..1"
    )]
    let rank = (level * n as f64).ceil() as u64;
    rank.clamp(1, n.max(1))
}

/// Effective number of independent steps for a quantile in `bucket`; at most the real number.
fn effective(batches: &[Counts], bucket: u64, confidence: f64) -> Option<u64> {
    if batches.len() < MIN_GROUPS {
        return None;
    }
    let parts: Vec<Part> = batches
        .iter()
        .map(|batch| Part { amount: batch.above(bucket) as f64, weight: batch.steps as f64 })
        .collect();
    let steps: f64 = parts.iter().map(|part| part.weight).sum();
    let fit = fit_ratio(&parts)?;
    let independent = fit.value * (1.0 - fit.value);
    let variance = fit.apparent?;
    let number = if variance > 0.0 && independent > 0.0 {
        let unsure = normal(confidence) / student_t(confidence, fit.df);
        (independent / variance * unsure * unsure).min(steps)
    } else {
        // Equal shares in all batches are no evidence that steps are independent: they may be alike within a batch.
        steps.min(batches.len() as f64)
    };
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "0 < number <= steps"
    )]
    let whole = number as u64;
    (whole > 0).then_some(whole)
}

#[cfg(test)]
mod tests {
    use super::super::testing::Noise;
    use super::*;
    use proptest::prelude::*;

    fn series(values_ns: impl IntoIterator<Item = u64>) -> QuantileSeries {
        let mut series = QuantileSeries::default();
        for value in values_ns {
            series.push(value);
        }
        series
    }

    /// Share of the intervals that cover, and share of the series that have one.
    fn coverage(
        n: usize,
        (level, truth): (f64, f64),
        draw: impl Fn(&mut Noise, usize) -> Vec<f64>,
    ) -> (f64, f64) {
        let (mut hits, mut given) = (0u32, 0u32);
        for seed in 0..300u64 {
            let values = draw(&mut Noise::new(seed * 104_729 + 3), n);
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "milliseconds in ns"
            )]
            let series = series(values.iter().map(|ms| (ms * 1e6) as u64));
            if let Some(interval) = series.estimate(level, 0, 0.95).unwrap().interval {
                given += 1;
                hits += u32::from(interval.contains(truth * 1e-3));
            }
        }
        (f64::from(hits) / f64::from(given), f64::from(given) / 300.0)
    }

    /// Looked at after every 200 steps, at limits 4% from the true 99th percentile (12.3263).
    #[test]
    fn the_bounds_hold_at_all_times() {
        for (rho, at_least) in [(0.0, 38), (0.5, 30)] {
            let (mut wrong, mut right) = (0, 0);
            for seed in 0..20u64 {
                let mut series = QuantileSeries::default();
                let (mut above, mut below) = ([false; 2], [false; 2]);
                for (i, ms) in (1..).zip(Noise::new(seed * 31 + 7).ar1(12_000, (10.0, 0.1, rho))) {
                    #[expect(
                        clippy::cast_possible_truncation,
                        clippy::cast_sign_loss,
                        reason = "milliseconds in ns"
                    )]
                    series.push((ms * 1e6) as u64);
                    if i % 200 != 0 {
                        continue;
                    }
                    let bounds = series.bounds(0.99, 0, 0.005);
                    for (at, limit) in [11.83e-3, 12.82e-3].into_iter().enumerate() {
                        above[at] |= bounds.low.is_some_and(|low| low > limit);
                        below[at] |= bounds.high.is_some_and(|high| high < limit);
                    }
                }
                wrong += u32::from(below[0]) + u32::from(above[1]);
                right += u32::from(above[0]) + u32::from(below[1]);
            }
            assert_eq!(wrong, 0, "{rho}");
            assert!(right >= at_least, "{rho}: {right} of 40");
        }
        assert_eq!(series([5; 15]).bounds(0.5, 0, 0.005), Bounds::default());
        assert_eq!(series([5; 15]).bounds(0.5, 99, 0.005), Bounds::default());
    }

    /// Which of two modes the machine is in changes every some thousand steps, so that little is known of the median.
    fn two_regimes(seed: u64, steps: u64) -> QuantileSeries {
        let mut noise = Noise::new(seed);
        let mut slow = false;
        series((0..steps).map(move |_| {
            slow ^= noise.uniform() < 1.0 / 3000.0;
            if slow { 40_000 } else { 23_000 }
        }))
    }

    #[test]
    fn what_is_far_below_a_limit_keeps_it_however_little_is_known_of_the_quantile() {
        let mut unknown = 0;
        for seed in 0..50 {
            let series = two_regimes(seed * 7 + 1, 20_992);
            unknown += u32::from(series.bounds(0.5, 0, 0.005).high.is_none());
            assert_eq!(series.side(1.0, 0.5, 0, 0.005), Bounds { low: None, high: Some(1.0) });
            let low = Bounds { low: Some(1e-6), high: None };
            assert_eq!(series.side(1e-6, 0.5, 0, 0.005), low, "{seed}");
            // What is not ten times away is left to the bounds.
            assert_eq!(series.side(350e-6, 0.5, 0, 0.005), Bounds::default());
            assert_eq!(series.side(3e-6, 0.5, 0, 0.005), Bounds::default());
            // No number of batches shows that one request in a thousand is not slow.
            assert_eq!(series.side(1.0, 0.999, 0, 0.005), Bounds::default());
        }
        assert!(unknown > 10, "{unknown}: the bounds say it as well");
        assert_eq!(series([5; 15]).side(1.0, 0.5, 0, 0.005), Bounds::default());
        assert_eq!(series([5; 99]).side(1.0, 0.5, 99, 0.005), Bounds::default());
    }

    /// Batches are merged in pairs before there are 64 of them: too few to show of one request in ten that it is not slow. This
    /// is what `docs/deployment.md` says of limits that are far away.
    #[test]
    fn a_limit_far_from_every_step_decides_nothing_of_the_tail() {
        let quick = series(std::iter::repeat_n(23_000, 19_794));
        for (level, decided) in
            [(0.5, true), (0.75, true), (0.9, false), (0.95, false), (0.99, false)]
        {
            let side = quick.side(10.0, level, 0, 0.005);
            assert_eq!(side.high.is_some(), decided, "{level}");
        }
        let fewest = |level: f64| {
            (1..1000).find(|n| is_share_certain(0.0, f64::from(*n), 1.0 - level, 0.005))
        };
        assert_eq!([0.9, 0.99].map(fewest), [Some(64), Some(660)]);
        const { assert!(CAPACITY <= 64) };
    }

    #[test]
    fn intervals_of_one_series_are_in_order() {
        const LEVELS: [f64; 7] = [0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 0.999];
        let mut pairs = 0;
        for seed in 0..200u64 {
            let mut noise = Noise::new(seed * 13 + 5);
            let mut slow = false;
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "some microseconds in ns"
            )]
            let series = series((0..2000 + seed * 50).map(|_| {
                slow ^= noise.uniform() < 1.0 / 500.0;
                let spike = if noise.uniform() < 0.01 { 3.0 } else { 1.0 };
                let base = if slow { 40_000.0 } else { 23_000.0 };
                (base * spike * (1.0 + 0.02 * noise.normal())) as u64
            }));
            let found = LEVELS.map(|level| series.estimate(level, 0, 0.95).unwrap().interval);
            // From the median outward, once there is none there is none beyond.
            let has = found.map(|interval| interval.is_some());
            assert!(has[1..].is_sorted_by(|near, far| near >= far), "{seed}: {has:?}");
            for pair in found.windows(2) {
                if let [Some(one), Some(next)] = pair {
                    pairs += 1;
                    assert!(one.low <= next.low && one.high <= next.high, "{seed}: {pair:?}");
                }
            }
        }
        assert!(pairs > 200, "{pairs}");
    }

    #[test]
    fn the_interval_covers_what_it_says() {
        // Truths of a normal distribution with mean 10 and deviation 1: 10, 11.6449, 12.3263.
        for (name, n, level, truth, rho, at_least) in [
            ("iid p50", 500, 0.5, 10.0, 0.0, 0.93),
            ("iid p95", 1000, 0.95, 11.6449, 0.0, 0.93),
            ("iid p99", 2000, 0.99, 12.3263, 0.0, 0.93),
            ("rho 0.5 p50", 1000, 0.5, 10.0, 0.5, 0.92),
            ("rho 0.9 p50", 2000, 0.5, 10.0, 0.9, 0.90),
            ("rho 0.9 p95", 4000, 0.95, 11.6449, 0.9, 0.90),
        ] {
            let (covered, given) =
                coverage(n, (level, truth), |noise, n| noise.ar1(n, (10.0, 0.1, rho)));
            assert!(covered >= at_least && given > 0.8, "{name}: {covered} of {given}");
        }
    }

    /// A slow phase in every period of 64 steps: batches of whole periods have equal shares, whatever happens within.
    #[test]
    fn equal_batches_are_no_evidence_of_independent_steps() {
        let periodic = |n: u64| {
            series((0..n).map(|i| if i % 64 < 16 { 3_000_000 } else { 1_000_000 + i % 64 }))
        };
        let series = periodic(4032);
        assert_eq!(series.per_batch, 64);
        let all = Counts::sum(&series.full);
        for level in [0.5, 0.95] {
            let found = all.at_rank(rank_of(level, all.steps));
            assert_eq!(effective(&series.full, found, 0.95), Some(63), "{level}");
        }
        assert_eq!(series.estimate(0.99, 0, 0.95).unwrap().interval, None);
        assert!(series.estimate(0.5, 0, 0.95).unwrap().interval.is_some());
    }

    #[test]
    fn a_median_between_two_modes_is_not_pinned_to_one() {
        let mut noise = Noise::new(5);
        let two: Vec<u64> =
            (0..2000).map(|_| if noise.uniform() < 0.5 { 1_000_000 } else { 2_000_000 }).collect();
        let interval = series(two).estimate(0.5, 0, 0.95).unwrap().interval.unwrap();
        assert!(interval.low < 1.01e-3 && interval.high > 1.99e-3, "{interval:?}");
    }

    #[test]
    fn too_few_steps_have_no_interval_and_correlated_ones_a_wider_one() {
        assert_eq!(QuantileSeries::default().estimate(0.5, 0, 0.95), None);
        let few = series((0..9).map(|i| 1_000_000 + i)).estimate(0.5, 0, 0.95).unwrap();
        assert_eq!((few.interval, few.samples), (None, 9));
        assert_eq!(
            series((0..300).map(|i| 1_000_000 + i)).estimate(0.99, 0, 0.95).unwrap().interval,
            None
        );
        let width = |rho| {
            let values = Noise::new(9).ar1(3000, (10.0, 0.1, rho));
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "milliseconds in ns"
            )]
            let estimate = series(values.iter().map(|ms| (ms * 1e6) as u64)).estimate(0.5, 0, 0.95);
            estimate.unwrap().half_width().unwrap()
        };
        assert!(width(0.9) > 2.0 * width(0.0), "{} {}", width(0.9), width(0.0));
    }

    #[test]
    fn the_shortest_and_the_longest_times_are_times() {
        let series = series([0, 1, 63, u64::MAX, u64::MAX]);
        let estimate = |level| series.estimate(level, 0, 0.95).unwrap().value;
        assert!(estimate(0.5) <= 64e-9 && estimate(0.99) > 1e6);
    }

    #[test]
    fn skipped_steps_do_not_count() {
        let values = std::iter::repeat_n(50_000_000, 5).chain(std::iter::repeat_n(1_000_000, 45));
        let estimate = series(values).estimate(0.99, 5, 0.95).unwrap();
        assert_eq!(estimate.samples, 45);
        assert!(estimate.value < 1.01e-3, "{estimate:?}");
    }

    #[test]
    fn ten_million_steps_stay_in_64_histograms() {
        let series = series((0..10_000_000u64).map(|i| 900_000 + (i * 7919) % 200_000));
        assert!((32..64).contains(&series.len()), "{}", series.len());
        let estimate = series.estimate(0.5, 0, 0.95).unwrap();
        assert!((estimate.value - 1e-3).abs() < 2e-6, "{estimate:?}");
        assert!(estimate.interval.unwrap().contains(1e-3));
    }

    proptest! {
        #[test]
        fn the_interval_encloses_the_estimate_and_real_values(values in prop::collection::vec(0u64..5_000_000_000, 10..400), level in 0.01..0.99f64) {
            let estimate = series(values.iter().copied()).estimate(level, 0, 0.95).unwrap();
            if let Some(interval) = estimate.interval {
                prop_assert!(interval.low <= estimate.value && estimate.value <= interval.high);
            }
            let mut sorted = values;
            sorted.sort_unstable();
            let exact = super::super::sample::sorted_quantile(&sorted.iter().map(|v| *v as f64 * 1e-9).collect::<Vec<_>>(), level);
            // Within the two neighbouring order statistics, up to rounding: a loose bound for few values.
            prop_assert!(estimate.value <= sorted[sorted.len() - 1] as f64 * 1e-9 * 1.001 + 1e-7);
            prop_assert!(estimate.value >= sorted[0] as f64 * 1e-9 * 0.999 - 1e-7);
            prop_assert!(exact.is_finite());
        }

        /// Times below 2048 units are exact to one unit, so the ends must be the order statistics themselves.
        #[test]
        fn independent_steps_give_the_order_statistics(seed in 0u64..200) {
            let mut noise = Noise::new(seed);
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0..2000")]
            let units: Vec<u64> = (0..60).map(|_| (noise.uniform() * 2000.0) as u64).collect();
            let series = series(units.iter().map(|unit| unit * UNIT_NS));
            let interval = series.estimate(0.5, 0, 0.95).unwrap().interval.unwrap();
            let mut sorted = units;
            sorted.sort_unstable();
            let (low, high) = order_ranks(60, 0.5, 0.95).unwrap();
            let at = |rank: u64| sorted[usize::try_from(rank).unwrap() - 1];
            // Fewer effective steps may only widen it.
            prop_assert!(interval.low <= seconds(at(low)) + 1e-12);
            prop_assert!(interval.high >= seconds(at(high) + 1) - 1e-12);
        }
    }
}
