//! Which order statistics of independent values enclose a quantile.

use crate::stats::distribution::{binomial_cdf, normal};

/// Largest number of trials for which the binomial distribution is summed exactly; above, the normal approximation
/// with its skewness term (Cornish and Fisher 1938) is within a rank, and one more rank is taken on each side.
const EXACT: u64 = 5_000;

/// The ranks `(r, s)`, from 1, of the order statistics of `n` independent values that enclose the quantile at `level`,
/// each missing it with probability at most `(1 - confidence) / 2`. `None` where even the extremes do not.
pub fn order_ranks(n: u64, level: f64, confidence: f64) -> Option<(u64, u64)> {
    if n == 0 || !(level > 0.0 && level < 1.0 && confidence > 0.0 && confidence < 1.0) {
        return None;
    }
    let tail = f64::midpoint(1.0, -confidence);
    let (low, high) = if n <= EXACT {
        // X counts the values at or below the quantile. r: P(X <= r - 1) <= tail; s: P(X <= s - 1) >= 1 - tail.
        let low = first_above(n, |k| binomial_cdf(n, level, k) > tail);
        let high = first_above(n, |k| binomial_cdf(n, level, k) >= 1.0 - tail) + 1;
        (low, high)
    } else {
        approximate_ranks(n, level, confidence)
    };
    (low >= 1 && high <= n).then_some((low, high))
}

/// Fewest independent values of which two enclose the quantile at `level`: what a two-sided interval needs, 368 for the
/// 99th percentile at 95%. Less than that shows a *limit* to be kept ([`crate::stats::limit_test`]). `None` for shares outside
/// 0..1, or where not even 2^40 values are enough.
pub fn interval_requests(level: f64, confidence: f64) -> Option<u64> {
    let mut high = 1;
    while order_ranks(high, level, confidence).is_none() {
        high = Some(high * 2).filter(|n| *n <= 1 << 40)?;
    }
    Some(
        high / 2
            + 1
            + first_above(high - high / 2 - 1, |k| {
                order_ranks(high / 2 + 1 + k, level, confidence).is_some()
            }),
    )
}

/// The smallest `k` in `0..=n` for which the monotone `test` holds; `n` if none.
fn first_above(n: u64, test: impl Fn(u64) -> bool) -> u64 {
    let (mut low, mut high) = (0, n);
    while low < high {
        let middle = low + (high - low) / 2;
        if test(middle) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    low
}

fn approximate_ranks(n: u64, level: f64, confidence: f64) -> (u64, u64) {
    let (trials, z) = (n as f64, normal(confidence));
    let spread = (trials * level * (1.0 - level)).sqrt();
    let skew = (1.0 - 2.0 * level) * (z * z - 1.0) / 6.0;
    let middle = trials * level + skew;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "clamped to 0..=n + 2"
    )]
    let whole = |value: f64| value.clamp(0.0, trials + 2.0) as u64;
    (whole((middle - z * spread).floor() - 1.0), whole((middle + z * spread).ceil() + 2.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// P(X <= k) for every k, summed in logarithms.
    fn summed_cdf(n: u64, p: f64) -> Vec<f64> {
        let mut log = n as f64 * (1.0 - p).ln();
        let mut sum = 0.0;
        let odds = (p / (1.0 - p)).ln();
        (0..=n)
            .map(|k| {
                sum += log.exp();
                log += ((n - k) as f64 / (k + 1) as f64).ln() + odds;
                sum
            })
            .collect()
    }

    /// Above [`EXACT`] the ranks may be a little too wide, never too narrow.
    fn assert_ranks(n: u64, level: f64, confidence: f64) {
        let tail = (1.0 - confidence) / 2.0;
        let case = format!("{n} {level} {confidence}");
        let cdf = summed_cdf(n, level);
        let at = |k: u64| cdf[usize::try_from(k).unwrap()];
        let slack = if n > EXACT { 5 } else { 0 };
        let Some((low, high)) = order_ranks(n, level, confidence) else {
            // Even the smallest or the largest value is not far enough out.
            assert!(at(0) > tail || at(n - 1) < 1.0 - tail, "{case}");
            return;
        };
        assert!(at(low - 1) <= tail && at(low + slack) > tail, "{case}");
        assert!(at(high - 1) >= 1.0 - tail - 1e-9, "{case}");
        assert!(at(high - 2 - slack) < 1.0 - tail, "{case}");
    }

    #[test]
    fn ranks_are_those_of_brute_force() {
        for n in [1, 5, 6, 7, 50, 367, 368, 1000, 5000, 5001, 20_000] {
            for level in [0.5, 0.95, 0.99] {
                for confidence in [0.8, 0.95, 0.99] {
                    assert_ranks(n, level, confidence);
                }
            }
        }
        assert_eq!(order_ranks(367, 0.99, 0.95), None);
        assert!(order_ranks(368, 0.99, 0.95).is_some());
        assert_eq!(order_ranks(0, 0.5, 0.95), None);
        assert_eq!(order_ranks(10, 1.0, 0.95), None);
    }

    #[test]
    fn an_interval_needs_what_its_extremes_do() {
        for (level, confidence, expected) in [
            (0.5, 0.95, 6),
            (0.9, 0.95, 36),
            (0.95, 0.95, 72),
            (0.99, 0.95, 368),
            (0.99, 0.99, 528),
            (0.999, 0.95, 3688),
            (0.01, 0.95, 368),
        ] {
            assert_eq!(interval_requests(level, confidence), Some(expected));
            assert_eq!(order_ranks(expected - 1, level, confidence), None);
            assert!(order_ranks(expected, level, confidence).is_some());
        }
        // Beyond the exact ranks a little more is asked for, and what is asked for is enough.
        let many = interval_requests(0.999, 0.99).unwrap();
        assert!((5296..9000).contains(&many), "{many}");
        assert!(order_ranks(many, 0.999, 0.99).is_some());
        assert_eq!(interval_requests(1.0, 0.95), None);
        assert_eq!(interval_requests(0.5, f64::NAN), None);
    }
}
