//! A small deterministic generator (`SplitMix64`, Steele, Lea and Flood 2014) and series of known truth.

/// The generator.
pub(crate) struct Noise(u64);

impl Noise {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x5851_F42D_4C95_7F2D).wrapping_add(1))
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
}

/// AR(1) with mean 0, deviation 1 and this lag-1 correlation, from its stationary distribution.
pub(crate) struct Ar1 {
    rho: f64,
    state: Option<f64>,
}

impl Ar1 {
    pub(crate) fn new(rho: f64) -> Self {
        Self { rho, state: None }
    }

    pub(crate) fn next(&mut self, noise: &mut Noise) -> f64 {
        let fresh = noise.normal();
        let now = self
            .state
            .map_or(fresh, |before| self.rho * before + (1.0 - self.rho * self.rho).sqrt() * fresh);
        self.state = Some(now);
        now
    }
}
