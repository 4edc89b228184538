//! Whether a peak is known: no new record for long enough, and no growth that would make one soon.

use super::growth::{GrowthWatch, RECORD};

/// Fewest readings since the last record.
const MIN_TICKS: u64 = 10;

/// Growth over the whole stage, as a share of what is asked, below which it is no leak.
const MATERIAL: f64 = 0.1;

/// The same as a share of the peak, however little is asked.
const MATERIAL_SHARE: f64 = 0.005;

/// What is known of a peak.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Growth {
    /// No record for long enough, no growth that matters.
    Plateau,
    /// It grows by so much a second: a leak, or a cache that is still filling.
    Growing {
        /// Change per second.
        per_second: f64,
    },
    /// Too early to say.
    TooShort,
}

/// What is asked of a peak.
#[derive(Debug, Clone, Copy)]
pub struct GrowthAsk {
    /// Share of the peak that may still be missing.
    pub within: f64,
    /// Confidence of the slope's interval and of the bound on growth.
    pub confidence: f64,
    /// Steps in which the gauge moves, in its unit.
    pub quantum: f64,
}

/// What was found of a peak.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PeakFinding {
    /// Whether it is known.
    pub growth: Growth,
    /// Growth per second that is excluded, [`GrowthWatch::bound`].
    pub below: Option<f64>,
}

/// Follows the largest value of a gauge.
///
/// The peak counts as known when the time since the last record (a rise by more than 1%) is at least half of the stage
/// so far, with at least 10 readings in it. Why half: if records came at a constant rate on a logarithmic clock, as they
/// do for exchangeable readings (the chance that reading `n` is a record is `1/n`), the chance of no record in the
/// second half of `n` readings is one half whatever `n`, so the window must grow with the stage, and several looks
/// must agree. It cannot exclude a rise by something that has not happened yet, such as a larger last layer in the
/// test. Beside that the gauge's slope over the newer half must exclude, at the confidence, growth of more than `within`
/// over another such half.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct PeakTracker {
    peak: f64,
    record: f64,
    since_s: f64,
    ticks: u64,
    readings: u64,
}

impl PeakTracker {
    /// Takes a reading at this time, in seconds.
    pub fn push(&mut self, at_s: f64, value: f64) {
        self.peak = self.peak.max(value);
        self.readings += 1;
        if value > self.record * (1.0 + RECORD) {
            self.record = value;
            self.since_s = at_s;
            self.ticks = 0;
        } else {
            self.ticks += 1;
        }
    }

    /// A new stage begins: what was seen before stays the peak, but its rest counts from here.
    pub fn restart(&mut self, at_s: f64) {
        self.since_s = at_s;
        self.ticks = 0;
    }

    /// The largest value, once there is one.
    pub fn peak(&self) -> Option<f64> {
        (self.readings > 0).then_some(self.peak)
    }

    /// Readings so far.
    pub fn readings(&self) -> u64 {
        self.readings
    }

    /// Judges at `now_s`, in a stage that began at `began_s`, from the gauge in that stage.
    pub fn judge(
        &self,
        (began_s, now_s): (f64, f64),
        gauge: &GrowthWatch,
        ask: GrowthAsk,
    ) -> PeakFinding {
        let below = gauge.bound(ask.confidence, ask.quantum);
        let growth = self.growth((began_s, now_s), gauge, ask);
        PeakFinding { growth, below }
    }

    fn growth(&self, (began_s, now_s): (f64, f64), gauge: &GrowthWatch, ask: GrowthAsk) -> Growth {
        let elapsed = now_s - began_s;
        let allowed = ask.within * self.peak;
        let material = (MATERIAL * allowed).min(MATERIAL_SHARE * self.peak);
        if let Some(per_second) = gauge.growing()
            && per_second * elapsed > material
        {
            return Growth::Growing { per_second };
        }
        let rested = now_s - self.since_s.max(began_s);
        let high = gauge.nominal(ask.confidence);
        let excluded = high.is_some_and(|high| high * elapsed / 2.0 <= allowed);
        if rested < elapsed / 2.0 || self.ticks < MIN_TICKS || !excluded {
            return Growth::TooShort;
        }
        Growth::Plateau
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::Noise;
    use super::*;

    const ASK: GrowthAsk = GrowthAsk { within: 0.05, confidence: 0.95, quantum: 0.0 };

    /// Readings every 0.1 s of `shape(second)`, judged at the end.
    fn judged(seconds: f64, shape: impl Fn(f64) -> f64) -> Growth {
        let (mut tracker, mut watch) = (PeakTracker::default(), GrowthWatch::default());
        let (mut noise, mut at) = (Noise::new(2), 0.0);
        while at < seconds {
            let value = shape(at) * (1.0 + 0.001 * noise.normal());
            tracker.push(at, value);
            watch.push((at, 0.1), value);
            at += 0.1;
        }
        tracker.judge((0.0, at), &watch, ASK).growth
    }

    #[test]
    fn a_peak_is_known_when_it_rests() {
        let mb = 1e6;
        assert_eq!(judged(5.0, |_| 300.0 * mb), Growth::Plateau);
        assert_eq!(judged(6.0, |t| 300.0 * mb * (t / 1.5).min(1.0)), Growth::Plateau);
        assert_eq!(
            judged(1.0, |_| 300.0 * mb),
            Growth::TooShort,
            "five readings in the second half"
        );
        let jump = judged(5.0, |t| if t > 4.0 { 400.0 * mb } else { 300.0 * mb });
        assert_ne!(jump, Growth::Plateau, "a record just now");
    }

    #[test]
    fn a_leak_is_growth_and_has_its_rate() {
        for rate in [1e6, 10e6, 100e6] {
            let got = judged(10.0, |t| 100e6 + rate * t);
            let Growth::Growing { per_second } = got else {
                panic!("{rate}: {got:?}");
            };
            assert!((per_second / rate - 1.0).abs() < 0.2, "{rate}: {per_second}");
        }
    }

    #[test]
    fn growth_that_does_not_matter_is_none() {
        // 0.2% in ten minutes, and no noise to hide it.
        let mut tracker = PeakTracker::default();
        let mut watch = GrowthWatch::default();
        for i in 0..6000u32 {
            let at = f64::from(i) * 0.1;
            let value = 1e8 * (1.0 + 0.002 * at / 600.0);
            tracker.push(at, value);
            watch.push((at, 0.1), value);
        }
        let found = tracker.judge((0.0, 600.0), &watch, ASK);
        assert!(watch.growing().is_some());
        assert_eq!(found.growth, Growth::Plateau);
        let below = found.below.unwrap() * 60.0;
        assert!((19_999.0..21_000.0).contains(&below), "{below} a minute");
    }
}
