//! The interval of a share that was counted.

use super::distribution::normal;
use super::sample::Interval;

/// Wilson's score interval (Wilson 1927) of the probability behind `share`, the part of `trials` independent trials that
/// succeeded; `None` where there was no trial or `share` is none.
///
/// Unlike the interval of the textbooks it keeps its level near 0 and 1 (Brown et al. 2001), where accuracies are.
pub fn wilson(share: f64, trials: u64, confidence: f64) -> Option<Interval> {
    if trials == 0 || !(0.0..=1.0).contains(&share) {
        return None;
    }
    let (n, z) = (trials as f64, normal(confidence));
    if !z.is_finite() {
        return Some(Interval { low: 0.0, high: 1.0 });
    }
    let weight = z * z / n;
    let centre = (share + weight / 2.0) / (1.0 + weight);
    let spread = share * (1.0 - share) / n + weight / (4.0 * n);
    let half = z / (1.0 + weight) * spread.sqrt();
    Some(Interval { low: (centre - half).max(0.0), high: (centre + half).min(1.0) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::distribution::binomial_cdf;
    use proptest::prelude::*;

    #[test]
    fn the_ends_are_those_of_the_literature() {
        // Newcombe 1998, table I, method 3.
        for (share, trials, low, high) in [
            (81.0 / 263.0, 263, 0.2553, 0.3662),
            (15.0 / 148.0, 148, 0.0624, 0.1605),
            (0.0, 20, 0.0, 0.1611),
            (1.0 / 29.0, 29, 0.0061, 0.1718),
        ] {
            let found = wilson(share, trials, 0.95).unwrap();
            assert!((found.low - low).abs() < 1e-4, "{share}: {found:?}");
            assert!((found.high - high).abs() < 1e-4, "{share}: {found:?}");
        }
    }

    #[test]
    fn what_is_no_share_has_no_interval() {
        for (share, trials) in [(0.5, 0), (1.2, 10), (-0.1, 10), (f64::NAN, 10)] {
            assert_eq!(wilson(share, trials, 0.95), None, "{share} of {trials}");
        }
        let certain = wilson(0.5, 10, 1.0).unwrap();
        assert_eq!((certain.low, certain.high), (0.0, 1.0));
    }

    #[test]
    fn it_covers_on_average() {
        // Exact coverage over shares where accuracies are, 360 rows: the mean is near the level.
        let (trials, confidence) = (360_u64, 0.95);
        let shares = (80..100).map(|percent| f64::from(percent) / 100.0);
        let covered = |truth: f64| -> f64 {
            let hit = (0..=trials).filter(|count| {
                let interval = wilson(*count as f64 / trials as f64, trials, confidence);
                interval.is_some_and(|interval| interval.contains(truth))
            });
            let below = |count: u64| binomial_cdf(trials, truth, count);
            let mass = hit.map(|count| below(count) - count.checked_sub(1).map_or(0.0, below));
            mass.sum()
        };
        let mean = shares.clone().map(covered).sum::<f64>() / shares.count() as f64;
        assert!((mean - confidence).abs() < 0.01, "{mean}");
    }

    proptest! {
        #[test]
        fn it_holds_its_share_and_narrows(count in 0_u64..=1000, more in 2_u64..50) {
            let share = count as f64 / 1000.0;
            let (few, many) = (wilson(share, 1000, 0.95).unwrap(), wilson(share, 1000 * more, 0.95).unwrap());
            prop_assert!(few.low <= share + 1e-12 && share <= few.high + 1e-12);
            prop_assert!(many.high - many.low < few.high - few.low);
        }
    }
}
