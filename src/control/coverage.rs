//! For how much of the time an accelerator was read: a figure of a part of a run must not look like one of all of it.

use super::assess::percent;
use super::controller::Controller;
use super::rows::add_note;
use super::stage::StageState;
use crate::event::MetricRow;
use crate::metric::{DeviceKind, MetricDef, MetricId, Source};

/// Share of the time without a reading that is worth a word, and in which a peak may have been higher.
const BLIND: f64 = 0.05;

/// The same of a mean, whose readings begin within the phase and end a little before it.
const UNCOVERED: f64 = 0.1;

/// Time with and without readings of a device, from when the run was known to work on it.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(super) struct Coverage {
    /// Time of the last tick, in nanoseconds; the other two are lengths.
    last: Option<u64>,
    read: u64,
    blind: u64,
}

impl Coverage {
    /// Adds a tick; `expected`: the run is known to work on a device, which then should have been read.
    pub(super) fn push(&mut self, t_ns: u64, (read, expected): (bool, bool)) {
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

    /// What must be said of a peak, if anything.
    fn sentence(&self) -> Option<String> {
        let (read, blind) = (self.read as f64, self.blind as f64);
        let share = blind / (read + blind);
        (share > BLIND).then(|| format!("not read for {} of the time", percent(share)))
    }
}

impl Controller {
    fn unread_for(&self, metric: MetricId) -> Option<String> {
        self.totals.peaks.get(metric)?.coverage.sentence()
    }

    /// Says of a peak of a device's memory for how much of the time it was not read.
    pub(super) fn note_blind(&self, row: &mut MetricRow, metric: &MetricDef) {
        if let Some(says) = self.unread_for(metric.id) {
            add_note(row, &says);
        }
    }

    /// Why a peak within a limit may have been beyond it unseen.
    pub(super) fn blind(&self, metric: &MetricDef, within: bool) -> Option<String> {
        let says = self.unread_for(metric.id).filter(|_| within)?;
        Some(format!("the device was {says}"))
    }

    /// Says of a mean of devices which they are, and of how much of the phase it is.
    pub(super) fn note_devices(&self, row: &mut MetricRow, metric: &MetricDef, of: &StageState) {
        if row.estimate.is_none() {
            return;
        }
        if let Source::Device(DeviceKind::Gpu, reading) = metric.source {
            add_note(row, &self.totals.devices.note(reading.is_sum()));
        }
        if let Some(says) = covers_part(metric, of) {
            add_note(row, &says);
        }
    }
}

/// What must be said of a mean of devices that were not read for a good part of the phase.
pub(super) fn covers_part(metric: &MetricDef, of: &StageState) -> Option<String> {
    metric.device()?;
    let read = of.sampled.gauge(metric.source)?.read_s() / of.sampled.seconds;
    (read < 1.0 - UNCOVERED).then(|| format!("read for {} of the phase", percent(read)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_without_a_reading_counts_from_when_one_could_be() {
        for (ticks, says) in [
            (&[(0, false, false), (9, false, false)][..], None),
            (&[(0, false, false), (9, true, true), (19, true, true)], None),
            (
                &[(0, false, false), (10, true, true), (40, false, true)],
                Some("not read for 75% of the time"),
            ),
            (&[(0, true, true), (96, true, true), (100, false, true)], None),
            (&[(0, false, true), (10, false, true)], Some("not read for 100% of the time")),
        ] {
            let mut coverage = Coverage::default();
            for (t_ns, read, expected) in ticks {
                coverage.push(*t_ns, (*read, *expected));
            }
            assert_eq!(coverage.sentence().as_deref(), says, "{ticks:?}");
        }
    }
}
