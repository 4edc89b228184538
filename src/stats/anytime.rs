//! One-sided bounds that hold however long a series gets and however often it is looked at.
//!
//! An interval that is nominal for one look is passed by sooner or later: whoever looks often enough sees any limit
//! "certainly" broken once. The bounds here are *confidence sequences*: with probability `1 - alpha` the truth is beyond
//! none of them at any time, so a verdict may be read off whenever one likes.
//!
//! **A mean or a rate.** Robbins' one-sided normal mixture (Robbins 1970; Howard et al. 2021),
//! with the variance estimated, as an *asymptotic* confidence sequence (Waudby-Smith, Arbour, Sinha, Kennedy and Ramdas
//! 2024, proposition B.1): after `n` observations the mean lies within `c(n)` standard errors, with
//!
//! ```text
//! c(n)^2 = 2 (1 + 1/v) ln(1 + sqrt(v + 1) / (2 alpha)),    v = n / 10
//! ```
//!
//! The standard error is that of [`super::ratio`]: batch means, whose variance respects autocorrelation. Asymptotic
//! means that few batches need care of their own: `c` becomes the quantile of Student's t that has the same tail as `c`
//! has of the normal distribution, skewness moves it outward by `|g| (2 c^2 + 1) / 6` with `g` the skewness of the mean
//! (Hall 1992, section 3.5; only ever outward), and nothing is said from fewer than 20 effective observations. What
//! is rare and large is missing from a short series, where no estimate can know of it: on that side nothing is said from
//! fewer than 200 effective observations, unless what can be missing is bounded itself ([`Tail::Within`]). A series that drifts or has not settled has no steady state yet: its bounds
//! move outward by three times the span of its groups' means, which covers an exponential approach whose time constant
//! is up to three times what was seen. And the bounds always include the figure of the newest tenth, where a regime that
//! has just changed shows first.
//!
//! **A quantile.** Whether a value exceeds a limit is a Bernoulli trial, so with `k` of `n` above it the mixture over a
//! beta prior is a test martingale for the share `q` of values above (Robbins 1970; Howard and Ramdas 2022):
//!
//! ```text
//! M(k, n) = B(a + k, b + n - k) / B(a, b) / (q^k (1 - q)^(n - k)),    a = 1/2, b = a (1 - q) / q
//! ```
//!
//! By Ville's inequality it ever reaches `1 / alpha` with probability at most `alpha`. Solved for `k` it gives the order
//! statistics that enclose the quantile at all times at once. Steps are not independent, so `n` is the effective number
//! of [`super::quantile`].

use statrs::function::beta::ln_beta;

use super::batches::{Part, regroup, total};
use super::distribution::{normal_tails, student_t};
use super::ratio::{MIN_GROUPS, RatioFit, fit_ratio};
use super::sample::Interval;

/// Fewest observations that a bound rests on.
const MIN_OBSERVATIONS: u64 = 30;

/// Fewest effective observations under a bound on the side where rare values may lie anywhere.
const MIN_TAIL: f64 = 200.0;

/// What has a share of this over `n` is among `n` observations with probability 99.5%: `-ln(0.005)`.
const MISSED: f64 = 5.3;

/// Fewest *effective* observations: of fewer nobody can tell how they hang together.
const MIN_EFFECTIVE: f64 = 20.0;

/// Observations for which the mixture is tightest are some tens of this.
const CLOCK: f64 = 10.0;

/// The newest share of the series, as a divisor, whose own figure the bounds include.
const NEWEST: usize = 10;

/// How often the span of an unsteady series is added.
const UNSTEADY: f64 = 3.0;

/// Bounds that hold each by itself; one that cannot be justified is absent.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Bounds {
    /// The truth is at least this.
    pub low: Option<f64>,
    /// The truth is at most this.
    pub high: Option<f64>,
}

/// Where rare values may lie that the series has not shown yet.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Tail {
    /// Anywhere above, as with times, which nothing pulls below what the work takes.
    Above,
    /// On both sides, but not beyond these values; infinite where there is no such value.
    Within(f64, f64),
}

impl Tail {
    /// By how much a bound on `value` must move below and above it for what `observations` of them may have missed.
    fn hidden(self, value: f64, observations: f64) -> (f64, f64) {
        if observations >= MIN_TAIL {
            return (0.0, 0.0);
        }
        let share = |reach: f64| reach.max(0.0) * MISSED / observations;
        match self {
            Self::Above => (0.0, f64::INFINITY),
            Self::Within(low, high) => (share(value - low), share(high - value)),
        }
    }
}

impl Bounds {
    /// Around an interval of the same figure: what is held for certain says no more than what is held at all.
    #[must_use]
    pub fn around(self, interval: Interval) -> Self {
        Self {
            low: self.low.map(|low| low.min(interval.low)),
            high: self.high.map(|high| high.max(interval.high)),
        }
    }

    /// Both ends moved outward by this share of themselves.
    #[must_use]
    pub fn widened(self, share: f64) -> Self {
        Self {
            low: self.low.map(|low| low - low.abs() * share),
            high: self.high.map(|high| high + high.abs() * share),
        }
    }
}

/// How a series is judged.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AnytimeAsk {
    /// Probability with which each bound may be wrong, over all looks together.
    pub alpha: f64,
    /// Its warm-up is over and nothing drifts.
    pub steady: bool,
}

/// Standard errors within which Robbins' one-sided normal mixture holds the mean of `n` observations at all times.
fn mixture(n: f64, alpha: f64) -> f64 {
    let v = n / CLOCK;
    (2.0 * (1.0 + 1.0 / v) * ((v + 1.0).sqrt() / (2.0 * alpha)).ln_1p()).sqrt()
}

/// Bounds on the ratio of what the parts add up. `per_part`: observations in each part.
pub fn ratio_bounds(parts: &[Part], per_part: u64, tail: Tail, ask: AnytimeAsk) -> Bounds {
    let observations = parts.len() as u64 * per_part;
    let fitted = fit_ratio(parts).and_then(|fit| Some((fit, fit.variance?)));
    let Some((fit, variance)) = fitted.filter(|_| observations >= MIN_OBSERVATIONS) else {
        return Bounds::default();
    };
    // A constant series is 0 over 0: all of it counts.
    let groups = (independent(parts, fit.value) / variance).min(1.0) * parts.len() as f64;
    if groups < MIN_EFFECTIVE {
        return Bounds::default();
    }
    let normal = mixture(observations as f64, ask.alpha);
    let c = student_t(1.0 - normal_tails(normal), fit.df);
    let skewness = skewness_of_mean(parts, &fit) * (2.0 * normal * normal + 1.0) / 6.0;
    let away = if ask.steady { 0.0 } else { unsteadiness(parts) * fit.value.abs() };
    let error = variance.sqrt();
    let seen = groups * per_part as f64;
    let (below, above) = tail.hidden(fit.value, seen);
    let low = fit.value - (c + (-skewness).max(0.0)) * error - away - below;
    let high = fit.value + (c + skewness.max(0.0)) * error + away + above;
    let newest = newest(parts).unwrap_or(fit.value);
    let bound = |value: f64| value.is_finite().then_some(value);
    Bounds { low: bound(low.min(newest)), high: bound(high.max(newest)) }
}

/// Ratio of the newest tenth of the series: a regime that has just changed shows there first.
fn newest(parts: &[Part]) -> Option<f64> {
    let from = parts.len() - parts.len().div_ceil(NEWEST);
    total(&parts[from..]).ratio()
}

/// The variance of the ratio if the parts were independent.
fn independent(parts: &[Part], value: f64) -> f64 {
    let n = parts.len() as f64;
    let weight = total(parts).weight;
    let squares: f64 = parts.iter().map(|part| (part.amount - value * part.weight).powi(2)).sum();
    n / (n - 1.0) * squares / (weight * weight)
}

/// Skewness of the ratio's estimator, from the residuals of the groups that its variance rests on.
fn skewness_of_mean(parts: &[Part], fit: &RatioFit) -> f64 {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "one less than the number of groups"
    )]
    let groups = fit.df as usize + 1;
    let groups = regroup(parts, parts.len() / groups);
    let n = groups.len() as f64;
    let (mut squares, mut cubes) = (0.0, 0.0);
    for group in &groups {
        let residual = group.amount - fit.value * group.weight;
        squares += residual * residual / n;
        cubes += residual * residual * residual / n;
    }
    if squares > 0.0 { cubes / squares.powf(1.5) / n.sqrt() } else { 0.0 }
}

/// How far bounds on a series that drifts or has not settled must move, as a share of its mean: three times the span of
/// the means of at least [`MIN_GROUPS`] groups.
pub fn unsteadiness(parts: &[Part]) -> f64 {
    let groups = regroup(parts, (parts.len() / MIN_GROUPS).max(1));
    let means = groups.iter().filter_map(|group| group.ratio());
    let (low, high) = means.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), mean| {
        (low.min(mean), high.max(mean))
    });
    match total(&groups).ratio() {
        Some(mean) if mean != 0.0 => UNSTEADY * (high - low) / mean.abs(),
        _ => f64::INFINITY,
    }
}

/// The ranks `(r, s)`, from 1, of the order statistics of `n` independent values between which the quantile at `level`
/// lies: at least the `r`-th smallest, at most the `s`-th. Each is wrong at any time with probability at most `alpha`;
/// absent while `n` is too small.
pub fn anytime_ranks(n: u64, level: f64, alpha: f64) -> (Option<u64>, Option<u64>) {
    let makes_sense = level > 0.0 && level < 1.0 && alpha > 0.0 && alpha < 1.0;
    if n == 0 || !makes_sense {
        return (None, None);
    }
    let share = 1.0 - level;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "within 0..=n")]
    let expected = (n as f64 * share) as u64;
    let certain = |k: u64| is_share_certain(k as f64, n as f64, share, alpha);
    // The martingale falls with k up to what is expected and rises from there.
    let most_below = last(0, expected, certain);
    let least_above = last(0, n - expected, |k| certain(n - k)).map(|k| n - k);
    let low = least_above.map(|k| n - k).filter(|rank| *rank > 0);
    (low, most_below.map(|k| n - k))
}

/// Whether `over` of `n` independent trials show, at all times at once, on which side of `share` their probability is.
pub(super) fn is_share_certain(over: f64, n: f64, share: f64, alpha: f64) -> bool {
    ln_mixture(over, n, share) >= -alpha.ln()
}

/// `ln M(k, n)` for the share `q`.
#[expect(clippy::many_single_char_names, reason = "those of the formula")]
fn ln_mixture(k: f64, n: f64, q: f64) -> f64 {
    let (a, rest) = (0.5, n - k);
    let b = a * (1.0 - q) / q;
    ln_beta(a + k, b + rest) - ln_beta(a, b) - k * q.ln() - rest * (1.0 - q).ln()
}

/// The last of `from..=to` for which a test holds that holds up to some place; `None` if it never does.
fn last(from: u64, to: u64, test: impl Fn(u64) -> bool) -> Option<u64> {
    if !test(from) {
        return None;
    }
    let (mut low, mut high) = (from, to);
    while low < high {
        let middle = low + (high - low).div_ceil(2);
        if test(middle) {
            low = middle;
        } else {
            high = middle - 1;
        }
    }
    Some(low)
}

#[cfg(test)]
mod tests {
    use super::super::batches::BatchSeries;
    use super::super::testing::Noise;
    use super::super::trend::trend;
    use super::super::truncation::{Truncation, truncate};
    use super::*;
    use proptest::prelude::*;

    const ALPHA: f64 = 0.005;

    /// One value of a series with mean 1: its number and its memory go in.
    type Draw = fn(&mut Noise, u32, &mut f64) -> f64;

    fn ar1(noise: &mut Noise, state: &mut f64, rho: f64) -> f64 {
        *state = rho * *state + (1.0 - rho * rho).sqrt() * noise.normal();
        1.0 + 0.1 * *state
    }

    const KINDS: [(&str, Draw); 8] = [
        ("normal", |noise, _, _| 1.0 + 0.1 * noise.normal()),
        ("log-normal", |noise, _, _| (0.5 * noise.normal() - 0.125).exp()),
        ("rho 0.5", |noise, _, state| ar1(noise, state, 0.5)),
        ("rho 0.9", |noise, _, state| ar1(noise, state, 0.9)),
        ("bimodal", |noise, _, _| if noise.uniform() < 0.5 { 0.5 } else { 1.5 }),
        ("5% spikes", |noise, _, _| if noise.uniform() < 0.05 { 5.0 / 1.2 } else { 1.0 / 1.2 }),
        ("flat warm-up", |noise, i, _| {
            (1.0 + 0.1 * noise.normal()) * if i < 60 { 1.7 } else { 1.0 }
        }),
        ("decaying warm-up", |noise, i, _| {
            (1.0 + 0.1 * noise.normal()) * (1.0 + 2.0 * (-f64::from(i) / 80.0).exp())
        }),
    ];

    /// Whether the mean was ever said to be above and below this limit, three looks in a row, as a controller looks:
    /// first after 10 looks' worth of 10 values, then after every 10 or 5%.
    fn verdicts(draw: Draw, seed: u64, limits: [f64; 3]) -> [(bool, bool); 3] {
        let (mut noise, mut state) = (Noise::new(seed), 0.0);
        let mut series = BatchSeries::<2>::new(256);
        let (mut next, mut streaks, mut ever) = (100, [(0, 0); 3], [(false, false); 3]);
        for i in 0..4000 {
            series.push([draw(&mut noise, i, &mut state), 1.0]);
            if i + 1 < next {
                continue;
            }
            next += 10.max(i / 20);
            let parts = series.parts(0, 1);
            let (cut, settled) = match truncate(&parts) {
                Truncation::Cut(cut) => (cut, true),
                Truncation::Unsettled => (parts.len() / 2, false),
            };
            let left = &parts[cut..];
            let steady = settled && trend(left).is_none_or(|trend| trend.p_value >= 0.05);
            let ask = AnytimeAsk { alpha: ALPHA, steady };
            let bounds = ratio_bounds(left, series.per_batch(), Tail::Above, ask);
            for (at, limit) in limits.iter().enumerate() {
                let count = |holds: bool, streak: u32| if holds { streak + 1 } else { 0 };
                let (above, below) = streaks[at];
                streaks[at] = (
                    count(bounds.low.is_some_and(|low| low > *limit), above),
                    count(bounds.high.is_some_and(|high| high < *limit), below),
                );
                ever[at].0 |= streaks[at].0 >= 3;
                ever[at].1 |= streaks[at].1 >= 3;
            }
        }
        ever
    }

    /// A 95% interval instead is wrong in a third of the series at the limit.
    #[test]
    fn hardly_ever_is_a_limit_passed_that_is_not() {
        for (name, draw) in KINDS {
            let (mut wrong, mut at_limit, mut right) = (0, 0, 0);
            for seed in 0..24 {
                let [below, at, above] = verdicts(draw, seed * 7919 + 1, [0.97, 1.0, 1.03]);
                wrong += u32::from(below.1) + u32::from(above.0);
                at_limit += u32::from(at.0) + u32::from(at.1);
                let far = verdicts(draw, seed * 7919 + 1, [0.7, 0.7, 1.3]);
                right += u32::from(far[0].0) + u32::from(far[2].1);
            }
            assert_eq!(wrong, 0, "{name}");
            // What decays comes to its limit from above.
            assert!(at_limit <= 2, "{name}: {at_limit} of 24 at the limit");
            assert!(right >= 46, "{name}: {right} of 48");
        }
    }

    /// Exact, over every path of up to 3,000 trials: the share of paths on which a bound is ever wrong.
    #[test]
    fn the_ranks_are_wrong_no_more_often_than_they_say() {
        for (level, trials) in [(0.5, 600), (0.9, 1000), (0.99, 3000)] {
            let share: f64 = 1.0 - level;
            let enough = -ALPHA.ln();
            let mut alive = vec![0.0; trials + 1];
            alive[0] = 1.0;
            let mut wrong = 0.0;
            for n in 1..=trials {
                for k in (0..=n).rev() {
                    let from = if k > 0 { alive[k - 1] * share } else { 0.0 };
                    alive[k] = alive[k] * (1.0 - share) + from;
                    if alive[k] > 1e-12 && ln_mixture(k as f64, n as f64, share) >= enough {
                        wrong += std::mem::take(&mut alive[k]);
                    }
                }
            }
            assert!(wrong <= ALPHA && wrong > 0.05 * ALPHA, "{level}: {wrong}");
        }
    }

    #[test]
    fn the_ranks_are_those_of_the_martingale() {
        // 99% of 500 independent values would do for one look; at any time it takes 660.
        assert_eq!(anytime_ranks(655, 0.99, ALPHA).1, None);
        assert_eq!(anytime_ranks(670, 0.99, ALPHA).1, Some(670));
        for (n, level) in [(50, 0.5), (1000, 0.5), (1000, 0.95), (5000, 0.99)] {
            let (low, high) = anytime_ranks(n, level, ALPHA);
            let (low, high) = (low.unwrap(), high.unwrap());
            let (k_low, k_high) = ((n - low) as f64, (n - high) as f64);
            let share = 1.0 - level;
            let reached = |k: f64| ln_mixture(k, n as f64, share) >= -ALPHA.ln();
            assert!(reached(k_low) && !reached(k_low - 1.0), "{n} {level}");
            assert!(reached(k_high) && !reached(k_high + 1.0), "{n} {level}");
        }
        for (n, level, alpha) in [(0, 0.5, 0.01), (9, 1.0, 0.01), (9, 0.5, 0.0)] {
            assert_eq!(anytime_ranks(n, level, alpha), (None, None));
        }
    }

    #[test]
    fn the_mixture_is_that_of_its_formula() {
        // v = 10: sqrt(2 * 1.1 * ln(1 + sqrt(11) / 0.01)).
        assert!((mixture(100.0, ALPHA) - 3.575).abs() < 1e-3);
        assert!(mixture(1e6, ALPHA) < 4.8, "a long run costs little");
    }

    fn parts(values: impl IntoIterator<Item = f64>) -> Vec<Part> {
        let part = |amount| Part { amount, weight: 1.0 };
        values.into_iter().map(part).collect()
    }

    const STEADY: AnytimeAsk = AnytimeAsk { alpha: ALPHA, steady: true };

    #[test]
    fn a_bound_that_cannot_be_justified_is_absent() {
        let constant = parts([3.0; 64]);
        for (parts, per_part, tail, low, high) in [
            (&constant[..9], 100, Tail::Above, None, None),
            (&constant[..20], 1, Tail::Above, None, None),
            (&constant[..], 1, Tail::Above, Some(3.0), None),
            (&constant[..], 1, Tail::Within(2.0, 6.0), Some(2.92), Some(3.25)),
            (&constant[..], 1, Tail::Within(f64::NEG_INFINITY, 3.0), None, Some(3.0)),
            (&constant[..], 4, Tail::Within(2.0, 6.0), Some(3.0), Some(3.0)),
            (&[], 1, Tail::Above, None, None),
        ] {
            let found = ratio_bounds(parts, per_part, tail, STEADY);
            let round = |bound: Option<f64>| bound.map(|bound| (bound * 100.0).round() / 100.0);
            let found = (round(found.low), round(found.high));
            assert_eq!(found, (low, high), "{} {per_part} {tail:?}", parts.len());
        }
        // Half of it slow, half of it fast: two observations, however many there are.
        let two = parts((0..200).map(|i| if i < 100 { 1.0 } else { 1.2 }));
        assert_eq!(ratio_bounds(&two, 9, Tail::Above, STEADY), Bounds::default());
    }

    #[test]
    fn a_new_regime_and_a_drift_reach_the_bounds() {
        let noisy = |i: usize| 1.0 + 0.01 * (i as f64 * 2.4).sin();
        let steady = ratio_bounds(&parts((0..256).map(noisy)), 1, Tail::Above, STEADY);
        assert!(steady.low.unwrap() > 0.99 && steady.high.unwrap() < 1.01);
        let changed = parts((0..256).map(|i| noisy(i) - if i > 229 { 0.02 } else { 0.0 }));
        let changed = ratio_bounds(&changed, 1, Tail::Above, STEADY);
        assert!(changed.low.is_none_or(|low| low < 0.985), "{changed:?}");
        let unsteady = AnytimeAsk { steady: false, ..STEADY };
        let wide = ratio_bounds(&parts((0..256).map(noisy)), 1, Tail::Above, unsteady);
        assert!(wide.low < steady.low && wide.high > steady.high);
    }

    proptest! {
        #[test]
        fn bounds_scale_with_the_values(values in prop::collection::vec(0.5..1.5f64, 200..400), factor in 1e-6..1e6f64) {
            let one = ratio_bounds(&parts(values.clone()), 1, Tail::Above, STEADY);
            let other = ratio_bounds(&parts(values.iter().map(|value| value * factor)), 1, Tail::Above, STEADY);
            for (one, other) in [(one.low, other.low), (one.high, other.high)] {
                match (one, other) {
                    (Some(one), Some(other)) => prop_assert!((other / factor - one).abs() < 1e-6 * one.abs()),
                    (one, other) => prop_assert_eq!(one.is_some(), other.is_some()),
                }
            }
        }

        #[test]
        fn the_ranks_enclose_the_quantile_and_grow_apart_with_certainty(n in 1u64..20_000, level in 0.01..0.999f64) {
            let (low, high) = anytime_ranks(n, level, ALPHA);
            let (surer_low, surer_high) = anytime_ranks(n, level, ALPHA / 10.0);
            prop_assert!(low.is_none_or(|low| low as f64 <= level * n as f64 + 1.0));
            prop_assert!(high.is_none_or(|high| high as f64 >= level * n as f64 - 1.0 && high <= n));
            prop_assert!(surer_low <= low);
            prop_assert!(surer_high.is_none_or(|surer| high.is_some_and(|high| surer >= high)));
        }
    }
}
