//! A mean or a rate as sum over sum, with an interval that respects autocorrelation.
//!
//! The variance is that of the ratio estimator (Cochran, *Sampling Techniques*, 1977, section 6.3) over batches: with
//! `R = sum(A) / sum(W)` and residuals `d = A - R W`, `var(R) = m/(m-1) sum(d^2) / sum(W)^2` over `m` batches. Batches
//! are merged until the residuals' lag-1 correlation no longer stands out (Law and Carson 1979; the test is von
//! Neumann's), at least [`MIN_GROUPS`] remaining. Batch means are too sure of short correlated series, so the variance
//! is raised to its *lugsail* form `2 v(g) - v(g/2)` where that is larger (Vats and Flegal 2022, r = 2, c = 1/2), and by
//! `(1 + r) / (1 - r)` for the lag-1 correlation `r > 0` that may be left: the one found, its bias of `-(1 + 3 r) / m`
//! undone (Kendall 1954), and one standard error of the series as it came, `1 / sqrt(length)`, more; at most 0.9. Student's t has `m - 1` degrees of
//! freedom.
//!
//! None of that knows of an event that has not happened yet. After `n` independent observations one that comes with a
//! probability of 2/n has been missed one time in seven (as with the rule of three, Hanley and Lippman-Hand 1983), and if
//! it is as large as one standard deviation `s` it moves the mean by `2 s / n`: so much is added to each side, `n` being
//! the effective number `s^2 / var(R)`. It matters where observations are few or correlated, which is also where repeated
//! looks find a quiet stretch by luck.

use super::batches::{Part, regroup, total};
use super::distribution::student_t;
use super::sample::Interval;

/// Fewest batches that batches are merged down to.
pub const MIN_GROUPS: usize = 10;

/// Fewest batches that an interval rests on.
const FEWEST: usize = 3;

/// The largest lag-1 correlation that the variance is raised for.
const MOST_CORRELATED: f64 = 0.9;

/// How often an event that has not been seen would have been expected by now.
const UNSEEN: f64 = 2.0;

/// Lag-1 correlation, in units of its standard error under independence, above which batches are merged further.
/// About one independent series in six is merged once for nothing, which costs little.
const CORRELATED: f64 = 1.0;

/// A ratio and the variance of its estimator.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RatioFit {
    /// Sum over sum.
    pub value: f64,
    /// Variance of `value`; absent under 3 batches.
    pub variance: Option<f64>,
    /// The same, raised by no more correlation than was found: what a count of effective observations rests on.
    pub apparent: Option<f64>,
    /// The same by the least correlation that goes with what was found.
    pub least: Option<f64>,
    /// Degrees of freedom of the variance.
    pub df: f64,
    /// By how much an event that has not been seen may move `value`; not a matter of chance, so it is added to an
    /// interval's half-width.
    pub unseen: f64,
    /// Whether neighbours still hang together in the largest batches.
    pub correlated: bool,
}

impl RatioFit {
    /// Student's interval at this confidence.
    pub fn interval(&self, confidence: f64) -> Option<Interval> {
        let half = student_t(confidence, self.df) * self.variance?.sqrt() + self.unseen;
        half.is_finite().then(|| Interval::around(self.value, half))
    }
}

/// Fits; `None` without weight.
pub fn fit_ratio(parts: &[Part]) -> Option<RatioFit> {
    let value = total(parts).ratio()?;
    let mut fit = RatioFit {
        value,
        variance: None,
        apparent: None,
        least: None,
        df: 0.0,
        unseen: 0.0,
        correlated: true,
    };
    if parts.len() < FEWEST {
        return Some(fit);
    }
    let (mut finest, mut finer): (Option<f64>, Option<f64>) = (None, None);
    let mut size = 1;
    while parts.len() / size >= MIN_GROUPS.min(parts.len()) {
        let groups = regroup(parts, size);
        let (variance, correlation) = grouped_variance(&groups, value);
        let m = groups.len() as f64;
        let lugsail = finer.map_or(variance, |finer| (2.0 * variance - finer).max(variance));
        let unbiased = correlation + (1.0 + 3.0 * correlation.max(0.0)) / m;
        let left = (unbiased + 1.0 / (parts.len() as f64).sqrt()).clamp(0.0, MOST_CORRELATED);
        let raised = lugsail * (1.0 + left) / (1.0 - left);
        let found = correlation.clamp(0.0, MOST_CORRELATED);
        fit.apparent = Some(lugsail * (1.0 + found) / (1.0 - found));
        let low = (correlation - 2.0 / m.sqrt()).clamp(0.0, MOST_CORRELATED);
        fit.least = Some(variance * (1.0 + low) / (1.0 - low));
        let finest = *finest.get_or_insert(variance);
        fit.variance = Some(raised);
        fit.df = m - 1.0;
        fit.unseen = unseen(finest, raised, parts.len());
        fit.correlated = correlation * m.sqrt() > CORRELATED;
        if !fit.correlated {
            break;
        }
        finer = Some(variance);
        size *= 2;
    }
    Some(fit)
}

/// `independent`: the variance of the ratio if the `m` batches were independent.
fn unseen(independent: f64, variance: f64, m: usize) -> f64 {
    if independent <= 0.0 || variance <= 0.0 {
        return 0.0;
    }
    let m = m as f64;
    let spread = (m * independent).sqrt();
    UNSEEN * spread / m.min(m * independent / variance)
}

/// Variance of the ratio from these groups, and the lag-1 correlation of their residuals.
fn grouped_variance(groups: &[Part], value: f64) -> (f64, f64) {
    let m = groups.len() as f64;
    let weight = total(groups).weight;
    let residuals: Vec<f64> = groups.iter().map(|g| g.amount - value * g.weight).collect();
    let squares: f64 = residuals.iter().map(|d| d * d).sum();
    // A hair of rounding in sums that are exactly proportional is no spread.
    let rounding = (value * weight / m).abs() * 1e-12;
    if squares <= m * rounding * rounding {
        return (0.0, 0.0);
    }
    let products: f64 = residuals.windows(2).map(|pair| pair[0] * pair[1]).sum();
    (m / (m - 1.0) * squares / (weight * weight), products / squares)
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Noise, batched};
    use super::*;
    use proptest::prelude::*;

    fn coverage(n: usize, draw: impl Fn(&mut Noise, usize) -> Vec<f64>) -> (f64, f64) {
        let (mut hits, mut width) = (0u32, 0.0);
        for seed in 0..500u64 {
            let values = draw(&mut Noise::new(seed * 7919 + 1), n);
            let fit = fit_ratio(&batched(&values)).unwrap();
            let interval = fit.interval(0.95).unwrap();
            hits += u32::from(interval.contains(1.0));
            width += (interval.high - interval.low) / 500.0;
        }
        (f64::from(hits) / 500.0, width)
    }

    /// Without the treatment of autocorrelation 200 steps of rho 0.5 are covered in 75% of the series.
    #[test]
    fn the_interval_covers_what_it_says() {
        type Draw = fn(&mut Noise, usize) -> Vec<f64>;
        let rows: [(&str, usize, Draw, f64); 8] = [
            ("iid 40", 40, |noise, n| noise.ar1(n, (1.0, 0.1, 0.0)), 0.93),
            ("iid", 1000, |noise, n| noise.ar1(n, (1.0, 0.1, 0.0)), 0.93),
            ("rho 0.5, 200", 200, |noise, n| noise.ar1(n, (1.0, 0.1, 0.5)), 0.91),
            ("rho 0.5", 2000, |noise, n| noise.ar1(n, (1.0, 0.1, 0.5)), 0.93),
            ("rho 0.9, 400", 400, |noise, n| noise.ar1(n, (1.0, 0.1, 0.9)), 0.88),
            ("rho 0.9", 4000, |noise, n| noise.ar1(n, (1.0, 0.1, 0.9)), 0.92),
            (
                "bimodal",
                1000,
                |noise, n| (0..n).map(|_| if noise.uniform() < 0.5 { 0.5 } else { 1.5 }).collect(),
                0.93,
            ),
            (
                "spikes",
                3000,
                |noise, n| {
                    (0..n).map(|_| if noise.uniform() < 0.01 { 10.9 } else { 0.9 }).collect()
                },
                0.90,
            ),
        ];
        for (name, n, draw, at_least) in rows {
            let (covered, width) = coverage(n, draw);
            assert!(covered >= at_least, "{name}: {covered} at width {width}");
            assert!(covered < 0.999, "{name}: {covered} is far too wide at {width}");
        }
    }

    #[test]
    fn weights_count() {
        // 3 samples in 1 s, then 1 in 3 s: one a second, not the mean of the rates.
        let parts = [(3.0, 1.0), (1.0, 3.0)].map(|(amount, weight)| Part { amount, weight });
        let fit = fit_ratio(&parts).unwrap();
        assert!((fit.value - 1.0).abs() < 1e-12);
        assert_eq!(fit.variance, None, "two batches make no interval");
        assert_eq!(fit_ratio(&[]), None);
    }

    proptest! {
        #[test]
        fn a_proportional_series_has_no_spread(rate in 1e-6..1e9f64, weights in prop::collection::vec(0.01..10.0f64, 10..200)) {
            let parts: Vec<_> = weights.iter().map(|w| Part { amount: rate * w, weight: *w }).collect();
            let fit = fit_ratio(&parts).unwrap();
            prop_assert!((fit.value / rate - 1.0).abs() < 1e-9);
            prop_assert!(fit.variance.unwrap().sqrt() <= rate * 1e-9);
        }
    }
}
