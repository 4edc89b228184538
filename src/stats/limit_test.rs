//! Whether a percentile keeps a limit, from counts alone: a one-sided test.
//!
//! If the quantile at `level` were at the limit or above it, each independent value would be over the limit with
//! probability at least `1 - level`. `k` or fewer of `n` over it are then so improbable, `P(X <= k)` for `X` binomial
//! `(n, 1 - level)`, that the quantile is below the limit with confidence `1 - P`. It is the test by which MLPerf's load
//! generator ends early (`loadgen/early_stopping.cc`, there by the incomplete beta function).
//!
//! This is no interval: nothing is said of where the quantile lies. The two-sided interval is that of
//! [`super::quantile`], and needs a number of its own ([`super::quantile::interval_requests`]). The test is for *one* look
//! at independent values: whoever looks repeatedly needs [`super::anytime`].

use super::distribution::binomial_cdf;

/// No search goes beyond: a level so near to 1 that so many values say nothing of it.
const MOST: u64 = 1 << 40;

/// Fewest independent values with which `over` of them over the limit show that the quantile at `level` is below it, at
/// this confidence: 459 for the 99th percentile at 99% with none over. `None` for shares outside 0..1, or more than 2^40.
pub fn limit_test_requests(level: f64, confidence: f64, over: u64) -> Option<u64> {
    let share = |value: f64| value > 0.0 && value < 1.0;
    if !(share(level) && share(confidence)) {
        return None;
    }
    let (mut low, mut high) = (over, over.max(1));
    while !limit_kept(high, over, level, confidence) {
        (low, high) = (high, high.checked_mul(2).filter(|n| *n <= MOST)?);
    }
    // Not shown by `low`, shown by `high`.
    while high - low > 1 {
        let middle = low + (high - low) / 2;
        if limit_kept(middle, over, level, confidence) {
            high = middle;
        } else {
            low = middle;
        }
    }
    Some(high)
}

/// Whether `over` of `n` independent values over the limit show that the quantile at `level` is below it.
pub fn limit_kept(n: u64, over: u64, level: f64, confidence: f64) -> bool {
    // The binomial distribution of a share that makes no sense is NaN, which shows nothing.
    over < n && binomial_cdf(n, 1.0 - level, over) <= 1.0 - confidence
}

#[cfg(test)]
mod tests {
    use super::super::testing::Noise;
    use super::*;
    use proptest::prelude::*;

    /// With none over it is ln(1 - confidence) / ln(level); the others are MLPerf's table.
    #[test]
    fn the_numbers_are_those_of_the_tables() {
        for (level, confidence, over, expected) in [
            (0.5, 0.99, 0, 7),
            (0.9, 0.99, 0, 44),
            (0.9, 0.99, 1, 64),
            (0.95, 0.95, 0, 59),
            (0.99, 0.95, 0, 299),
            (0.99, 0.99, 0, 459),
            (0.99, 0.99, 1, 662),
            (0.999, 0.99, 0, 4603),
        ] {
            let got = limit_test_requests(level, confidence, over);
            assert_eq!(got, Some(expected), "{level} {confidence} {over}");
        }
    }

    #[test]
    fn what_makes_no_sense_shows_nothing() {
        for (level, confidence) in [(0.0, 0.9), (1.0, 0.9), (0.9, 0.0), (0.9, 1.0), (f64::NAN, 0.9)]
        {
            assert_eq!(limit_test_requests(level, confidence, 0), None);
        }
        assert_eq!(limit_test_requests(1.0 - 1e-15, 0.99, 0), None);
        assert!(!limit_kept(0, 0, 0.5, 0.9) && !limit_kept(5, 5, 0.5, 0.9));
        assert!(!limit_kept(100, 0, f64::NAN, 0.9));
    }

    /// At the limit itself the test says "kept" no more often than it may.
    #[test]
    fn it_is_wrong_as_rarely_as_it_says() {
        let n = limit_test_requests(0.9, 0.95, 2).unwrap();
        let wrong = (0..2000_u64).filter(|seed| {
            let mut noise = Noise::new(seed * 7919 + 1);
            let over = (0..n).filter(|_| noise.uniform() < 0.1).count() as u64;
            limit_kept(n, over, 0.9, 0.95)
        });
        let share = wrong.count() as f64 / 2000.0;
        // 5% at most, and not idle: the next smaller number would be wrong more often than that.
        assert!((0.03..=0.065).contains(&share), "{share}");
    }

    proptest! {
        #[test]
        fn it_is_the_smallest_number_by_the_binomial_sum(level in 0.3..0.995f64, confidence in 0.5..0.999f64, over in 0u64..8) {
            let n = limit_test_requests(level, confidence, over).unwrap();
            let tail = |n: u64| {
                let odds = (1.0 - level) / level;
                let mut term = level.powf(n as f64);
                let mut sum = term;
                for i in 0..over.min(n) {
                    term *= (n - i) as f64 / (i + 1) as f64 * odds;
                    sum += term;
                }
                sum
            };
            prop_assert!(tail(n) <= 1.0 - confidence + 1e-9);
            prop_assert!(n == over + 1 || tail(n - 1) > 1.0 - confidence - 1e-9);
        }
    }
}
