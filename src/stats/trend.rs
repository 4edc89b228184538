//! Whether a series still drifts: Mann-Kendall for whether, Theil-Sen for how much.
//!
//! The test assumes independent values, so it is given at most `2 MIN_GROUPS - 1` long groups whatever the
//! length of the series (pre-grouping, as with batch means). What correlation outlasts a twentieth of the series
//! makes it cry wolf more often than its level, which here costs time and never certainty.

use super::batches::{Part, regroup};
use super::distribution::normal_tails;
use super::ratio::MIN_GROUPS;

/// How a series moves.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Trend {
    /// Change from the first to the last group by Theil and Sen's slope, in the unit of the values.
    pub drift: f64,
    /// Two-sided probability of a rank correlation with time at least this strong without a trend.
    pub p_value: f64,
}

/// Fewest groups: of 3, none of the 6 orders is rare.
const FEWEST: usize = 4;

/// Judges a series of batches; `None` under 4 of them.
pub fn trend(parts: &[Part]) -> Option<Trend> {
    let groups = regroup(parts, parts.len() / MIN_GROUPS);
    let values: Vec<f64> = groups.iter().filter_map(|part| part.ratio()).collect();
    let n = values.len();
    if n < FEWEST {
        return None;
    }
    let mut score = 0.0;
    let mut slopes = Vec::with_capacity(n * (n - 1) / 2);
    for (i, early) in values.iter().enumerate() {
        for (j, late) in values.iter().enumerate().skip(i + 1) {
            let change = late - early;
            if change != 0.0 {
                score += change.signum();
            }
            slopes.push(change / (j - i) as f64);
        }
    }
    slopes.sort_by(f64::total_cmp);
    let drift = super::sample::sorted_quantile(&slopes, 0.5) * (n - 1) as f64;
    let variance = score_variance(values);
    let p_value = if variance > 0.0 && score != 0.0 {
        // Continuity correction (Kendall 1975).
        normal_tails((score.abs() - 1.0) / variance.sqrt())
    } else {
        1.0
    };
    Some(Trend { drift, p_value })
}

/// Variance of the score without a trend, with the correction for ties.
fn score_variance(mut values: Vec<f64>) -> f64 {
    let term = |n: f64| n * (n - 1.0) * (2.0 * n + 5.0);
    let all = term(values.len() as f64);
    values.sort_by(f64::total_cmp);
    #[expect(clippy::float_cmp, reason = "ties are equal values")]
    let ties: f64 = values.chunk_by(|a, b| a == b).map(|tied| term(tied.len() as f64)).sum();
    (all - ties) / 18.0
}

#[cfg(test)]
mod tests {
    use super::super::testing::Noise;
    use super::*;

    fn of(values: &[f64]) -> Trend {
        let parts: Vec<_> =
            values.iter().map(|amount| Part { amount: *amount, weight: 1.0 }).collect();
        trend(&parts).unwrap()
    }

    #[test]
    fn drift_has_its_size_and_noise_has_none() {
        for slope in [-0.5, 0.2, 0.5] {
            let mut noise = Noise::new(3).ar1(128, (1.0, 0.05, 0.0));
            for (i, value) in noise.iter_mut().enumerate() {
                *value += slope * i as f64 / 128.0;
            }
            let trend = of(&noise);
            assert!(trend.p_value < 0.01, "{slope}: {trend:?}");
            assert!((trend.drift - slope).abs() < 0.1, "{slope}: {trend:?}");
        }
        let constant = of(&[5.0; 40]);
        assert!(constant.drift.abs() < 1e-12 && constant.p_value > 0.999);
        assert_eq!(trend(&[Part::default(); 9]), None, "no weight");
    }

    #[test]
    fn a_change_of_regime_is_a_trend() {
        let values: Vec<f64> =
            (0..100).map(|i| if i < 50 { 1.0 } else { 1.2 } + f64::from(i % 7) * 1e-3).collect();
        let trend = of(&values);
        assert!(trend.p_value < 0.05 && trend.drift > 0.1, "{trend:?}");
    }

    #[test]
    fn independent_noise_seldom_looks_like_a_trend() {
        let alarms = (0..1000u64)
            .filter(|seed| of(&Noise::new(seed * 31 + 5).ar1(160, (1.0, 0.1, 0.0))).p_value < 0.05)
            .count();
        assert!((20..=70).contains(&alarms), "{alarms} of 1000");
    }
}
