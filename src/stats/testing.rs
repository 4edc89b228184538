//! Seeded series with known truth, for the tests of intervals and rules.

use super::batches::{BatchSeries, Part};

/// These values as batches of one or more.
pub(crate) fn batched(values: &[f64]) -> Vec<Part> {
    let mut series = BatchSeries::<2>::new(256);
    for value in values {
        series.push([*value, 1.0]);
    }
    series.parts(0, 1)
}

/// A small deterministic generator (`SplitMix64`, Steele, Lea and Flood 2014).
pub(crate) struct Noise(u64);

impl Noise {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// Uniform in 0..1.
    pub(crate) fn uniform(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((z ^ (z >> 31)) >> 11) as f64 / (1u64 << 53) as f64
    }

    /// Standard normal (Box and Muller).
    pub(crate) fn normal(&mut self) -> f64 {
        let radius = (-2.0 * (1.0 - self.uniform()).ln()).sqrt();
        radius * (std::f64::consts::TAU * self.uniform()).cos()
    }

    /// Mean `mean`, coefficient of variation `cv`, lag-1 correlation `rho`; starts in its stationary distribution.
    pub(crate) fn ar1(&mut self, n: usize, (mean, cv, rho): (f64, f64, f64)) -> Vec<f64> {
        let mut state = self.normal();
        let fresh = (1.0 - rho * rho).sqrt();
        let mut next = || {
            let value = mean * (1.0 + cv * state);
            state = rho * state + fresh * self.normal();
            value
        };
        (0..n).map(|_| next()).collect()
    }
}
