//! Whether a peak is known: no new record for long enough, and no growth that would make one soon.

use super::batches::{Part, regroup, total};
use super::distribution::student_t;
use super::ratio::MIN_GROUPS;
use super::sample::Interval;

/// A value this much above the last record, as a share, is a new record: allocators wobble by less.
const RECORD: f64 = 0.01;

/// Fewest readings since the last record.
const MIN_TICKS: u64 = 10;

/// Growth over the whole stage, as a share of what is asked, below which it is no leak.
const MATERIAL: f64 = 0.1;

/// Change of a gauge per unit of weight (per second, if the weights are seconds).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Slope {
    /// Least-squares slope of the group means.
    pub value: f64,
    /// Its Student interval.
    pub interval: Interval,
}

/// Slope of a gauge over its weight, from 10 to 19 group means; `None` under [`MIN_GROUPS`] batches.
pub fn slope(parts: &[Part], confidence: f64) -> Option<Slope> {
    let groups = regroup(parts, parts.len() / MIN_GROUPS);
    if groups.len() < MIN_GROUPS {
        return None;
    }
    let mut at = 0.0;
    let points: Vec<(f64, f64)> = groups
        .iter()
        .filter_map(|group| {
            let middle = at + group.weight / 2.0;
            at += group.weight;
            group.ratio().map(|value| (middle, value))
        })
        .collect();
    let n = points.len() as f64;
    let (mean_x, mean_y) = points
        .iter()
        .fold((0.0, 0.0), |(x, y), p| (x + p.0 / n, y + p.1 / n));
    let (mut xx, mut xy, mut yy) = (0.0, 0.0, 0.0);
    for (x, y) in points {
        xx += (x - mean_x) * (x - mean_x);
        xy += (x - mean_x) * (y - mean_y);
        yy += (y - mean_y) * (y - mean_y);
    }
    if xx <= 0.0 {
        return None;
    }
    let value = xy / xx;
    let variance = ((yy - value * xy) / (n - 2.0)).max(0.0) / xx;
    let half = student_t(confidence, n - 2.0) * variance.sqrt();
    Some(Slope {
        value,
        interval: Interval::around(value, half),
    })
}

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
    /// Confidence of the slope's interval.
    pub confidence: f64,
}

/// Follows the largest value of a gauge.
///
/// The peak counts as known when the time since the last record (a rise by more than 1%) is at least half of the stage
/// so far, with at least 10 readings in it. Why half: if records came at a constant rate on a logarithmic clock, as they
/// do for exchangeable readings (the chance that reading `n` is a record is `1/n`), the chance of no record in the
/// second half of `n` readings is one half whatever `n`, so the window must grow with the stage, and several looks
/// must agree. It cannot exclude a rise by something that has not happened yet, such as a larger last layer in the
/// test. Beside that the slope of the gauge over the second half of the stage must exclude, at the confidence, growth
/// of more than `within` over another such half.
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

    /// Judges at `now_s`, in a stage that began at `began_s`, from the gauge's batches (value-seconds over seconds) in
    /// that stage.
    pub fn judge(&self, (began_s, now_s): (f64, f64), gauge: &[Part], ask: GrowthAsk) -> Growth {
        let elapsed = now_s - began_s;
        let Some(slope) = slope(second_half(gauge), ask.confidence) else {
            return Growth::TooShort;
        };
        let allowed = ask.within * self.peak;
        if slope.interval.low > 0.0 && slope.value * elapsed > MATERIAL * allowed {
            return Growth::Growing {
                per_second: slope.value,
            };
        }
        let rested = now_s - self.since_s.max(began_s);
        if rested < elapsed / 2.0
            || self.ticks < MIN_TICKS
            || slope.interval.high * elapsed / 2.0 > allowed
        {
            return Growth::TooShort;
        }
        Growth::Plateau
    }
}

fn second_half(parts: &[Part]) -> &[Part] {
    let half = total(parts).weight / 2.0;
    let mut weight = 0.0;
    let from = parts
        .iter()
        .rposition(|part| {
            weight += part.weight;
            weight > half
        })
        .map_or(0, |at| at + 1);
    &parts[from..]
}

#[cfg(test)]
mod tests {
    use super::super::testing::Noise;
    use super::*;

    const ASK: GrowthAsk = GrowthAsk {
        within: 0.05,
        confidence: 0.95,
    };

    /// Readings every 0.1 s of `shape(second)`, judged at the end.
    fn judged(seconds: f64, shape: impl Fn(f64) -> f64) -> Growth {
        let (mut tracker, mut parts, mut at) = (PeakTracker::default(), Vec::new(), 0.0);
        let mut noise = Noise::new(2);
        while at < seconds {
            let value = shape(at) * (1.0 + 0.001 * noise.normal());
            tracker.push(at, value);
            parts.push(Part {
                amount: value * 0.1,
                weight: 0.1,
            });
            at += 0.1;
        }
        tracker.judge((0.0, at), &parts, ASK)
    }

    #[test]
    fn a_peak_is_known_when_it_rests() {
        let mb = 1e6;
        assert_eq!(judged(5.0, |_| 300.0 * mb), Growth::Plateau);
        assert_eq!(
            judged(6.0, |t| 300.0 * mb * (t / 1.5).min(1.0)),
            Growth::Plateau
        );
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
            assert!(
                (per_second / rate - 1.0).abs() < 0.2,
                "{rate}: {per_second}"
            );
        }
    }

    #[test]
    fn a_slope_has_its_interval() {
        let mut covered = 0;
        for seed in 0..500u64 {
            let mut noise = Noise::new(seed * 17 + 1);
            let parts: Vec<_> = (0..40)
                .map(|i| Part {
                    amount: f64::from(i) * 0.5 + noise.normal(),
                    weight: 1.0,
                })
                .collect();
            let slope = slope(&parts, 0.95).unwrap();
            covered += u32::from(slope.interval.contains(0.5));
        }
        assert!((460..=490).contains(&covered), "{covered} of 500");
    }
}
