//! How far the mean of a whole may lie from that of its beginning, where the level wanders.
//!
//! The level is taken for a random walk beside the noise. Half the mean square of differences `k` groups apart is `v + q k / 2`
//! for noise of variance `v` in the mean of a group and a walk of variance `q` from one group to the next (the variogram;
//! Cressie, *Statistics for Spatial Data*, 1993, section 2.4), so neighbours and groups half a series apart tell `q`. Few groups tell it
//! badly, and a walk that is not seen is not excluded: `UNSEEN` of the noise is charged as well. Where the walk goes on, the mean
//! of a whole that is `r` times as long as the `n` groups seen is off by `n q (r - 1)^2 / 3 r` in the mean square. A slope
//! (Theil and Sen's, [`super::trend()`]) that goes on moves it by half of the drift seen for each length more.

use super::batches::{Part, regroup};
use super::ratio::MIN_GROUPS;
use super::trend::trend;

/// Share of the noise between neighbours that may be a walk which is not seen; chosen on one half of recorded series so that
/// 95% of the intervals for the whole held its mean.
const UNSEEN: f64 = 0.3;

/// Fewest groups that tell a walk from noise.
const FEWEST: usize = 4;

/// A walk that was seen for a while.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Wander {
    /// How far it goes in the time seen, as a standard deviation in the unit of the series.
    deviation: f64,
    /// By how much its slope has moved it in that time.
    drift: f64,
}

impl Wander {
    /// Of a series of batches; `None` for too few of them.
    pub fn of(parts: &[Part]) -> Option<Self> {
        let groups = regroup(parts, parts.len() / MIN_GROUPS);
        let values: Vec<f64> = groups.iter().filter_map(|group| group.ratio()).collect();
        let n = values.len();
        if n < FEWEST {
            return None;
        }
        let half_square = |apart: usize| {
            let pairs = values.iter().zip(&values[apart..]);
            pairs.map(|(a, b)| (a - b).powi(2)).sum::<f64>() / (2 * (n - apart)) as f64
        };
        let (far, noise) = (n / 2, half_square(1));
        let walk = (half_square(far) - noise).max(0.0) + UNSEEN * noise;
        let drift = trend(parts).map_or(0.0, |trend| trend.drift);
        Some(Self { deviation: (2.0 * walk / (far - 1) as f64 * n as f64).sqrt(), drift })
    }

    /// How far the mean of the whole may lie from that of what was seen, if it is so many times as long; `normal`: standard
    /// deviations of the walk that are reckoned with.
    pub fn over(self, times: f64, normal: f64) -> f64 {
        let more = (times - 1.0).max(0.0);
        let walks = normal * self.deviation * more / (3.0 * times.max(1.0)).sqrt();
        walks.hypot(self.drift * more / 2.0)
    }

    /// With this many times its size.
    #[must_use]
    pub fn times(self, factor: f64) -> Self {
        Self { deviation: self.deviation * factor, drift: self.drift * factor }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::Noise;
    use super::*;

    fn parts(values: &[f64]) -> Vec<Part> {
        values.iter().map(|amount| Part { amount: *amount, weight: 1.0 }).collect()
    }

    /// A walk of 0.3% a step under noise of 1%.
    fn walk(seed: u64, n: usize) -> Vec<f64> {
        let mut noise = Noise::new(seed * 37 + 5);
        let mut level = 1.0;
        let mut step = || {
            level += 0.003 * noise.normal();
            level + 0.01 * noise.normal()
        };
        (0..n).map(|_| step()).collect()
    }

    fn mean(values: &[f64]) -> f64 {
        values.iter().sum::<f64>() / values.len() as f64
    }

    #[test]
    fn a_walk_that_goes_on_stays_within_what_is_said() {
        for times in [2.0, 10.0, 30.0] {
            let within = (0..300u64).filter(|seed| {
                let whole = walk(*seed, if times > 20.0 { 3000 } else { 1000 });
                #[expect(
                    clippy::cast_possible_truncation,
                    clippy::cast_sign_loss,
                    reason = "a count"
                )]
                let seen = &whole[..(whole.len() as f64 / times) as usize];
                let off = (mean(seen) - mean(&whole)).abs();
                off <= Wander::of(&parts(seen)).unwrap().over(times, 1.96)
            });
            let within = within.count();
            assert!((240..=299).contains(&within), "{times}: {within} of 300");
        }
    }

    #[test]
    fn what_stands_still_hardly_wanders() {
        let mut over: Vec<f64> = (0..300u64)
            .map(|seed| {
                let values = Noise::new(seed).ar1(200, (1.0, 0.01, 0.0));
                Wander::of(&parts(&values)).unwrap().over(10.0, 1.0)
            })
            .collect();
        over.sort_by(f64::total_cmp);
        // The noise of a mean of 200 is 0.07%.
        assert!(over[150] < 0.01, "{}", over[150]);
        let constant = Wander::of(&parts(&[2.0; 20])).unwrap();
        assert!(constant.over(100.0, 1.0).abs() < 1e-12);
        assert!(constant.times(3.0).over(0.5, 1.0).abs() < 1e-12, "the whole was seen");
        assert_eq!(Wander::of(&parts(&[1.0, 2.0, 3.0])), None);
    }
}
