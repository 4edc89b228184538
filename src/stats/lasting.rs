//! What of an interval's half-width is noise that only time can average away.
//!
//! An interval of few observations is wide for two reasons: the noise, whose share shrinks with the square root of the length,
//! and what few observations are charged (Student's t against the normal, correlation that may be left, what has not been
//! seen), which shrinks faster. Whoever asks how long a narrow interval takes may count on the first alone, and on the least
//! noise that goes with what was seen: the variance by the least correlation, over the quantile of chi-squared at its degrees
//! of freedom.
//!
//! A series whose neighbours hang together however they are merged, or of which one step explains most of what moves, tells
//! nothing of that: it changes more slowly than can be told from it, and may settle.

use super::batches::{Part, regroup};
use super::distribution::{chi_squared, normal};
use super::ratio::{MIN_GROUPS, fit_ratio};

/// Share of the variance between groups that one step may explain. Of ten independent ones the best explains more in one
/// series of eight.
const STEPPED: f64 = 0.5;

/// Shares of a half-width.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Lasting {
    /// By the variance that was found.
    pub likely: f64,
    /// By the least variance that goes with what was found.
    pub least: f64,
}

impl Lasting {
    /// Of the interval of this series; `luck`: how often the variance may be smaller than the least. `None` where there is no
    /// width, or the variance in the long run is not known.
    pub fn of(parts: &[Part], confidence: f64, luck: f64) -> Option<Self> {
        let fit = fit_ratio(parts).filter(|fit| !fit.correlated)?;
        let half = fit.interval(confidence)?.high - fit.value;
        if half <= 0.0 || is_stepped(parts) {
            return None;
        }
        let least = fit.least? * fit.df / chi_squared(1.0 - luck, fit.df);
        let share = |variance: f64| normal(confidence) * variance.sqrt() / half;
        Some(Self { likely: share(fit.apparent?), least: share(least) })
    }
}

/// Whether one step explains most of what moves.
fn is_stepped(parts: &[Part]) -> bool {
    let groups = regroup(parts, parts.len() / MIN_GROUPS);
    let values: Vec<f64> = groups.iter().filter_map(|group| group.ratio()).collect();
    let (n, sum) = (values.len() as f64, values.iter().sum::<f64>());
    let squares: f64 = values.iter().map(|value| (value - sum / n).powi(2)).sum();
    let mut before = 0.0;
    let between = values.iter().enumerate().map(|(place, value)| {
        let count = place as f64;
        let found = if place == 0 {
            0.0
        } else {
            (before - sum * count / n).powi(2) * n / (count * (n - count))
        };
        before += value;
        found
    });
    between.fold(0.0, f64::max) > STEPPED * squares
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Noise, batched};
    use super::*;

    #[test]
    fn what_lasts_is_that_of_the_variance() {
        for (n, rho) in [(12, 0.0), (40, 0.0), (1000, 0.0), (400, 0.7)] {
            let truth = 1.96 * 0.1 * ((1.0_f64 + rho) / (1.0 - rho) / n as f64).sqrt();
            let found = (0..500u64).filter_map(|seed| {
                let parts = batched(&Noise::new(seed * 271 + 9).ar1(n, (1.0, 0.1, rho)));
                let fit = fit_ratio(&parts).unwrap();
                let half = fit.interval(0.95).unwrap().high - fit.value;
                let lasting = Lasting::of(&parts, 0.95, 0.01)?;
                Some((lasting.likely * half / truth, lasting.least * half / truth))
            });
            let mut found: Vec<_> = found.collect();
            assert!(found.len() > 300, "{n} {rho}: {} of 500", found.len());
            let above = found.iter().filter(|(_, least)| *least > 1.0).count();
            assert!(above as f64 <= 0.05 * found.len() as f64, "{n} {rho}: {above}");
            found.sort_by(|a, b| a.0.total_cmp(&b.0));
            let (likely, _) = found[found.len() / 2];
            assert!((0.75..1.3).contains(&likely), "{n} {rho}: {likely}");
        }
    }

    #[test]
    fn what_changes_is_no_noise() {
        let step = |at: usize| (0..120).map(|i| if i < at { 1.0 } else { 1.5 }).collect::<Vec<_>>();
        let noisy = |values: Vec<f64>| {
            let noise = Noise::new(5).ar1(values.len(), (1.0, 0.05, 0.0));
            values.iter().zip(noise).map(|(value, noise)| value * noise).collect::<Vec<_>>()
        };
        for (name, values) in [
            ("constant", vec![2.0; 40]),
            ("a step", noisy(step(60))),
            ("a late step", noisy(step(105))),
            ("a slow wave", noisy((0..120).map(|i| 2.0 + (f64::from(i) / 19.0).sin()).collect())),
            ("too few", vec![1.0, 2.0]),
        ] {
            assert_eq!(Lasting::of(&batched(&values), 0.95, 0.01), None, "{name}");
        }
        let steady = (0..100u64).filter(|seed| {
            let values = Noise::new(*seed).ar1(120, (1.0, 0.05, 0.0));
            Lasting::of(&batched(&values), 0.95, 0.01).is_some()
        });
        assert!(steady.count() >= 80);
    }
}
