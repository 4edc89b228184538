//! A small deterministic generator (`SplitMix64`, Steele, Lea and Flood 2014), and what happens between runs.

/// The generator.
pub(crate) struct Noise(u64);

impl Noise {
    pub(crate) fn new(seed: u64) -> Self {
        let mut noise = Self(seed.wrapping_mul(0x5851_F42D_4C95_7F2D).wrapping_add(1));
        noise.word();
        noise
    }

    pub(crate) fn word(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// Uniform in 0..1.
    pub(crate) fn uniform(&mut self) -> f64 {
        (self.word() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// Standard normal (Box and Muller).
    pub(crate) fn normal(&mut self) -> f64 {
        let radius = (-2.0 * (1.0 - self.uniform()).ln()).sqrt();
        radius * (std::f64::consts::TAU * self.uniform()).cos()
    }

    /// Two standard normal numbers with correlation 0.5.
    pub(crate) fn pair(&mut self) -> [f64; 2] {
        let common = self.normal();
        let mut own = || 0.5_f64.sqrt() * (common + self.normal());
        [own(), own()]
    }

    pub(crate) fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, (self.uniform() * (last + 1) as f64) as usize);
        }
    }
}

/// How the runs of a session differ, in log units.
#[derive(Clone, Copy)]
pub(crate) enum Model {
    /// Independent runs.
    Normal(f64),
    /// Independent, 2%; one run in twenty takes half as long again.
    Spikes,
    /// 2%, correlated by 0.7 from one run to the next in the order in which they came, whatever their cell.
    Correlated,
    /// 2%, and 8% more in half of the runs.
    TwoModes,
    /// 2%, rounded to whole percents: ties.
    Rounded,
    /// All runs alike.
    Still,
}

impl Model {
    pub(crate) const ALL: [(&'static str, Self); 8] = [
        ("run CV 1%", Self::Normal(0.01)),
        ("run CV 2%", Self::Normal(0.02)),
        ("run CV 5%", Self::Normal(0.05)),
        ("2%, 5% spikes of +50%", Self::Spikes),
        ("2%, AR(1) 0.7 of runs", Self::Correlated),
        ("2%, two modes 8% apart", Self::TwoModes),
        ("2%, in steps of 1%", Self::Rounded),
        ("no noise at all", Self::Still),
    ];
}

/// The noise of one run after another.
pub(crate) struct Stream<'a> {
    model: Model,
    noise: &'a mut Noise,
    state: Option<[f64; 2]>,
}

impl<'a> Stream<'a> {
    pub(crate) fn new(model: Model, noise: &'a mut Noise) -> Self {
        Self { model, noise, state: None }
    }

    /// Of the next run's two metrics.
    pub(crate) fn next(&mut self) -> [f64; 2] {
        let fresh = self.noise.pair();
        match self.model {
            Model::Normal(cv) => fresh.map(|z| cv * z),
            Model::Spikes => {
                let spike = if self.noise.uniform() < 0.05 { 1.5_f64.ln() } else { 0.0 };
                fresh.map(|z| 0.02 * z + spike)
            }
            Model::Correlated => {
                let rho = 0.7_f64;
                let now = self.state.map_or(fresh, |before| {
                    let next = |at: usize| rho * before[at] + (1.0 - rho * rho).sqrt() * fresh[at];
                    [next(0), next(1)]
                });
                self.state = Some(now);
                now.map(|z| 0.02 * z)
            }
            Model::TwoModes => {
                let mode = if self.noise.uniform() < 0.5 { 1.08_f64.ln() } else { 0.0 };
                fresh.map(|z| 0.02 * z + mode)
            }
            Model::Rounded => fresh.map(|z| (2.0 * z).round() / 100.0),
            Model::Still => [0.0; 2],
        }
    }
}
