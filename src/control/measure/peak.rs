//! Peaks of the run: the largest value of a source so far, and whether it is known.

use super::assessment::{Assessment, Measure};
use super::tick::Tick;
use crate::control::devices::Selection;
use crate::control::policy::StopPolicy;
use crate::event::{Note, Num, Why};
use crate::metric::{CATALOGUE, DeviceKind, MetricDef, MetricId, MetricKind};
use crate::stats::{Estimate, Growth, GrowthAsk, GrowthWatch, PeakTracker};

/// Share of the time without a reading that is worth a word, and in which a peak may have been higher.
const BLIND: f64 = 0.05;

/// Time with and without readings of a device, from when the run was known to work on it.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(crate) struct Coverage {
    /// Time of the last tick, in nanoseconds; the other two are lengths.
    last: Option<u64>,
    read: u64,
    blind: u64,
}

impl Coverage {
    /// Adds a tick; `expected`: the run is known to work on a device, which then should have been read.
    fn push(&mut self, t_ns: u64, read: bool, expected: bool) {
        let before = self.last.replace(t_ns);
        let Some(before) = before.filter(|_| expected || read) else {
            return;
        };
        let since = t_ns.saturating_sub(before);
        if read {
            self.read += since;
        } else {
            self.blind += since;
        }
    }

    /// Share of the time without a reading, where that is worth a word.
    pub(crate) fn blind(&self) -> Option<f64> {
        let (read, blind) = (self.read as f64, self.blind as f64);
        let share = blind / (read + blind);
        (share > BLIND).then_some(share)
    }
}

/// One metric that is a peak.
#[derive(Debug, Clone)]
pub(crate) struct Peak {
    metric: &'static MetricDef,
    pub(crate) tracker: PeakTracker,
    /// For how much of the time its device was read.
    pub(crate) coverage: Coverage,
    newest_ns: Option<u64>,
}

impl Peak {
    fn push(&mut self, tick: &Tick<'_>, devices: &Selection) {
        let found = tick.value(self.metric.source);
        let expected = match self.metric.device() {
            Some(DeviceKind::Gpu) => devices.is_known(),
            Some(DeviceKind::Tpu) => self.tracker.readings() > 0,
            None => false,
        };
        self.coverage.push(tick.sample.t_ns, found.is_some(), expected);
        // A device that has not answered since says nothing new.
        if let Some((t_ns, value)) = found.filter(|(t_ns, _)| self.newest_ns != Some(*t_ns)) {
            self.newest_ns = Some(t_ns);
            self.tracker.push(tick.sample.t_ns as f64 * 1e-9, value);
        }
    }
}

/// A peak at a look at a stage.
pub(crate) struct PeakSoFar<'a> {
    pub(crate) peak: &'a Peak,
    /// That of its gauge in the stage.
    pub(crate) growth: &'a GrowthWatch,
    /// When the stage was entered, in nanoseconds.
    pub(crate) entered_ns: u64,
    pub(crate) now_ns: u64,
}

impl Measure for PeakSoFar<'_> {
    fn assess(&self, policy: &StopPolicy) -> Assessment {
        let (Peak { metric, tracker, .. }, growth) = (self.peak, self.growth);
        let Some(peak) = tracker.peak() else {
            return Assessment::missing(Note::NoTick);
        };
        let in_seconds = |ns: u64| ns as f64 * 1e-9;
        let span = (in_seconds(self.entered_ns), in_seconds(self.now_ns));
        let asked = GrowthAsk {
            within: policy.within,
            confidence: policy.confidence,
            quantum: metric.quantum,
        };
        let found = tracker.judge(span, growth, asked);
        let samples = tracker.readings();
        Assessment {
            estimate: Some(Estimate { value: peak, interval: None, samples }),
            scale: peak,
            open: match found.growth {
                Growth::Plateau => None,
                Growth::Growing { per_second } => Some(Why::Growing { per_s: Num(per_second) }),
                Growth::TooShort => Some(Why::Recent),
            },
            seen: growth.readings(),
            cut: None,
            disturbed: None,
            growth_below: found.below,
            takes: None,
            regime: None,
        }
    }
}

/// All of them.
#[derive(Debug, Clone)]
pub(crate) struct Peaks(Vec<Peak>);

impl Default for Peaks {
    fn default() -> Self {
        let peaks = CATALOGUE.iter().filter(|metric| metric.kind == MetricKind::Peak);
        let new = |metric| Peak {
            metric,
            tracker: PeakTracker::default(),
            coverage: Coverage::default(),
            newest_ns: None,
        };
        Self(peaks.map(new).collect())
    }
}

impl Peaks {
    /// Adds a tick; `devices`: those of the run.
    pub(crate) fn push(&mut self, tick: &Tick<'_>, devices: &Selection) {
        self.0.iter_mut().for_each(|peak| peak.push(tick, devices));
    }

    /// A stage begins now, in seconds: the rest of each counts from here.
    pub(crate) fn restart(&mut self, now_s: f64) {
        self.0.iter_mut().for_each(|peak| peak.tracker.restart(now_s));
    }

    /// The peak of this metric; `None` for one that is none.
    pub(crate) fn get(&self, metric: MetricId) -> Option<&Peak> {
        self.0.iter().find(|peak| peak.metric.id == metric)
    }

    /// The largest value so far.
    pub(crate) fn largest(&self, metric: MetricId) -> Option<f64> {
        self.get(metric)?.tracker.peak()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_without_a_reading_counts_from_when_one_could_be() {
        for (ticks, says) in [
            (&[(0, false, false), (9, false, false)][..], None),
            (&[(0, false, false), (9, true, true), (19, true, true)], None),
            (&[(0, false, false), (10, true, true), (40, false, true)], Some(0.75)),
            (&[(0, true, true), (96, true, true), (100, false, true)], None),
            (&[(0, false, true), (10, false, true)], Some(1.0)),
        ] {
            let mut coverage = Coverage::default();
            for (t_ns, read, expected) in ticks {
                coverage.push(*t_ns, *read, *expected);
            }
            assert_eq!(coverage.blind(), says, "{ticks:?}");
        }
    }
}
