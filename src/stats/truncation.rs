//! Where the warm-up ends: MSER (White 1997) on winsorised batch means.
//!
//! `d* = argmin_d sum_{i >= d} (y_i - mean_d)^2 / (k - d)^2`: leave out the start while that makes the mean of the rest
//! more certain. Plain MSER also throws away every good batch before an isolated spike, so values are first drawn in
//! to the median plus and minus the span from the 10th to the 90th percentile (after Barrett et al. 2017, who use the
//! same span to tell outliers); a slow start survives that, since leaving it out costs only itself. A floor of 0.2% of
//! the median under the spread keeps an all but constant series from hunting its last digit.
//!
//! The literature allows a cut of up to half of the series. Here it is a third: what is called steady has then lasted twice as
//! long as what is called warm-up. The quietest stretch of a wandering series looks like a settled one, and with a half it is
//! found too often (AR(1) with 0.9, looked at from the 4th value on: one interval in three misses; with a third, one in
//! five to ten). A best cut beyond that says that the series has not settled. But the variance of a few values at the end
//! is small by luck often enough, so it must beat the best one within by a fifth, and leave at least 8 values; a change of
//! regime beats that several times over, a drift just so (whether a series drifts is the trend test's to tell).

use super::batches::Part;
use super::sample::sorted_quantile;

/// Fewest batches in which a warm-up can be told.
const MIN_BATCHES: usize = 4;

/// A cut leaves at least so many.
const LEFT: usize = 3;

/// A warm-up is at most one part in so many.
pub const SHARE: usize = 3;

/// Share of the median that is no difference.
const FLOOR: f64 = 0.002;

/// How much smaller the statistic must be beyond a third of the series.
const LUCK: f64 = 1.2;

/// How many leading batches are warm-up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Truncation {
    /// Leave out so many, perhaps none.
    Cut(usize),
    /// Not settled: the best cut lies beyond a third, or there is too little to tell.
    Unsettled,
}

/// Judges a series of batches.
pub fn truncate(parts: &[Part]) -> Truncation {
    let values: Vec<f64> = parts.iter().filter_map(|part| part.ratio()).collect();
    let k = values.len();
    if k < MIN_BATCHES || k != parts.len() {
        return Truncation::Unsettled;
    }
    let (values, floor) = winsorised(values);
    let (latest, keep) = ((k / SHARE).max(1), (k / 4).max(8));
    let (mut best, mut at) = (f64::INFINITY, 0);
    let mut beyond = f64::INFINITY;
    let (mut count, mut mean, mut squares) = (0.0, 0.0, 0.0);
    for d in (0..k).rev() {
        // Welford's update, from the back: the rest of the series grows by one.
        count += 1.0;
        let delta = values[d] - mean;
        mean += delta / count;
        squares += delta * (values[d] - mean);
        let statistic = (squares + count * floor * floor) / (count * count);
        if k - d < LEFT {
            continue;
        }
        if d > latest {
            if k - d >= keep {
                beyond = beyond.min(statistic);
            }
        } else if statistic <= best {
            (best, at) = (statistic, d);
        }
    }
    if beyond * LUCK < best { Truncation::Unsettled } else { Truncation::Cut(at) }
}

fn winsorised(mut values: Vec<f64>) -> (Vec<f64>, f64) {
    let mut sorted = values.clone();
    sorted.sort_by(f64::total_cmp);
    let median = sorted_quantile(&sorted, 0.5);
    let floor = FLOOR * median.abs();
    let span = (sorted_quantile(&sorted, 0.9) - sorted_quantile(&sorted, 0.1)).max(2.56 * floor);
    for value in &mut values {
        *value = value.clamp(median - span, median + span);
    }
    (values, floor)
}

#[cfg(test)]
mod tests {
    use super::super::testing::Noise;
    use super::*;

    fn cut(values: &[f64]) -> Truncation {
        let parts: Vec<_> =
            values.iter().map(|amount| Part { amount: *amount, weight: 1.0 }).collect();
        truncate(&parts)
    }

    fn noisy(n: usize, shape: impl Fn(usize) -> f64) -> Vec<f64> {
        let noise = Noise::new(11).ar1(n, (1.0, 0.03, 0.0));
        noise.iter().enumerate().map(|(i, value)| value * shape(i)).collect()
    }

    #[test]
    fn the_start_is_cut_where_it_differs() {
        let at = |i: usize, first: usize, factor: f64| if i < first { factor } else { 1.0 };
        for (name, values, range) in [
            ("nothing to cut", noisy(128, |_| 1.0), 0..=12),
            ("first 10x", noisy(20, |i| at(i, 1, 10.0)), 1..=4),
            ("first 60x", noisy(128, |i| at(i, 1, 60.0)), 1..=12),
            ("slow fifth", noisy(100, |i| at(i, 20, 1.4)), 20..=40),
            ("fast third", noisy(120, |i| at(i, 40, 0.7)), 40..=58),
            (
                "ramp then flat",
                noisy(128, |i| if i < 30 { 0.2 + 0.8 * i as f64 / 30.0 } else { 1.0 }),
                15..=50,
            ),
            ("constant after two", [vec![1.0, 2.0], vec![3.0; 60]].concat(), 2..=2),
            ("constant", vec![3.0; 60], 0..=0),
            (
                "constant but one spike",
                (0..100).map(|i| if i == 30 { 9.0 } else { 1.0 }).collect(),
                0..=0,
            ),
            ("spikes stay", noisy(128, |i| if i % 40 == 30 { 8.0 } else { 1.0 }), 0..=12),
        ] {
            let got = cut(&values);
            assert!(matches!(got, Truncation::Cut(at) if range.contains(&at)), "{name}: {got:?}");
        }
    }

    #[test]
    fn what_never_settles_is_said_to_be_unsettled() {
        for (name, values) in [
            ("drift", noisy(128, |i| 1.0 + i as f64 / 128.0)),
            ("late change", noisy(128, |i| if i < 80 { 1.0 } else { 1.5 })),
            ("too short", noisy(3, |_| 1.0)),
        ] {
            assert_eq!(cut(&values), Truncation::Unsettled, "{name}");
        }
    }

    #[test]
    fn a_short_steady_series_is_seldom_unsettled() {
        for n in [10, 12, 16, 20, 40, 128] {
            let unsettled = (0..400u64)
                .filter(|seed| {
                    let values = Noise::new(seed * 71 + 3).ar1(n, (1.0, 0.02, 0.0));
                    cut(&values) == Truncation::Unsettled
                })
                .count();
            assert!(unsettled <= 20, "{n}: {unsettled} of 400");
        }
    }
}
