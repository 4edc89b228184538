//! Poisson arrivals: a seeded schedule of when requests come.

/// Why there can be no arrivals at a rate.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
pub enum RateError {
    /// Zero, negative, NaN or infinite.
    #[error("a rate of {rate_per_s} requests per second is none; it must be above 0 and finite")]
    NotARate {
        /// What was asked for.
        rate_per_s: f64,
    },
}

/// Exponential gaps with mean 1 from a small deterministic generator (`SplitMix64`, Steele, Lea and Flood 2014).
#[derive(Debug, Clone)]
pub(super) struct UnitGaps(u64);

impl UnitGaps {
    pub(super) fn new(seed: u64) -> Self {
        // Neighbouring seeds would give the same sequence one place later.
        Self(mix(seed ^ 0x5851_F42D_4C95_7F2D))
    }

    #[inline]
    pub(super) fn draw(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let uniform = (mix(self.0) >> 11) as f64 / (1_u64 << 53) as f64;
        -(1.0 - uniform).ln()
    }
}

#[inline]
fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

/// Scheduled arrivals in nanoseconds since the start of the load: a Poisson process that never ends.
///
/// The same seed gives the same gaps at every rate, but for their scale: rates are compared under common random numbers.
#[derive(Debug, Clone)]
pub struct Arrivals {
    gaps: UnitGaps,
    /// Sum of the unit gaps so far.
    elapsed: f64,
    ns_per_unit: f64,
}

impl Arrivals {
    /// Arrivals at `rate_per_s` requests per second on average; the first one comes after a gap, too.
    pub fn poisson(rate_per_s: f64, seed: u64) -> Result<Self, RateError> {
        let ns_per_unit = 1e9 / rate_per_s;
        if !(rate_per_s > 0.0 && rate_per_s.is_finite() && ns_per_unit.is_finite()) {
            return Err(RateError::NotARate { rate_per_s });
        }
        Ok(Self { gaps: UnitGaps::new(seed), elapsed: 0.0, ns_per_unit })
    }

    /// The next arrival, in nanoseconds since the start.
    pub(super) fn draw_ns(&mut self) -> u64 {
        self.elapsed += self.gaps.draw();
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "saturating, positive"
        )]
        let ns = (self.elapsed * self.ns_per_unit) as u64;
        ns
    }
}

impl Iterator for Arrivals {
    type Item = u64;

    fn next(&mut self) -> Option<u64> {
        Some(self.draw_ns())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_is_no_rate_is_refused() {
        for rate in [0.0, -1.0, f64::NAN, f64::INFINITY, 1e-320] {
            assert!(Arrivals::poisson(rate, 1).is_err(), "{rate}");
        }
    }

    /// Mean and deviation of exponential gaps are the same; their memory is none.
    #[test]
    fn gaps_are_exponential_and_independent() {
        let n = 200_000;
        let mut gaps = UnitGaps::new(3);
        let gaps: Vec<f64> = (0..n).map(|_| gaps.draw()).collect();
        let mean = gaps.iter().sum::<f64>() / f64::from(n);
        let over = |t: f64| gaps.iter().filter(|gap| **gap > t).count() as f64 / f64::from(n);
        let lag: f64 = gaps.windows(2).map(|w| (w[0] - 1.0) * (w[1] - 1.0)).sum();
        // Four standard errors each.
        assert!((mean - 1.0).abs() < 0.009, "{mean}");
        assert!((over(1.0) - (-1.0_f64).exp()).abs() < 0.005);
        assert!((over(5.0) - (-5.0_f64).exp()).abs() < 0.001);
        assert!((lag / f64::from(n)).abs() < 0.009, "{lag}");
    }

    #[test]
    fn neighbouring_seeds_share_nothing() {
        let take = |seed| {
            let mut gaps = UnitGaps::new(seed);
            (0..50).map(|_| gaps.draw().to_bits()).collect::<Vec<_>>()
        };
        let first = take(7);
        assert!(take(8).iter().all(|gap| !first.contains(gap)));
        assert_eq!(first, take(7));
    }

    proptest! {
        #[test]
        fn one_seed_is_one_schedule_at_every_rate(seed: u64, rate in 1e-3..1e6_f64, factor in 0.1..10.0_f64) {
            let slow = Arrivals::poisson(rate, seed).unwrap().take(50);
            let fast = Arrivals::poisson(rate * factor, seed).unwrap().take(50);
            let mut last = 0;
            for (slow, fast) in slow.zip(fast) {
                prop_assert!(slow >= last);
                last = slow;
                // Both are rounded down to a nanosecond.
                let scaled = fast as f64 * factor;
                prop_assert!((scaled - slow as f64).abs() <= factor + 1.0 + slow as f64 * 1e-12);
            }
        }
    }
}
