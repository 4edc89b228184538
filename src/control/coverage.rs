//! For how much of the time an accelerator was read: a figure of a part of a run must not look like one of all of it.

use super::run::Run;
use super::stage::StageState;
use crate::event::{MetricRow, Note, Num};
use crate::metric::{DeviceKind, MetricDef, MetricId, Source};

/// Share of a phase without a reading of a mean that is worth a word: its readings begin within the phase and end a little
/// before it.
const UNCOVERED: f64 = 0.1;

impl Run {
    fn unread_for(&self, metric: MetricId) -> Option<f64> {
        self.totals.peaks.get(metric)?.coverage.blind()
    }

    /// Says of a peak of a device's memory for how much of the time it was not read.
    pub(super) fn note_blind(&self, row: &mut MetricRow, metric: &MetricDef) {
        let share = self.unread_for(metric.id);
        row.notes.extend(share.map(|share| Note::NotReadFor { share: Num(share) }));
    }

    /// Share of the time in which a peak within a limit may have been beyond it unseen.
    pub(super) fn blind(&self, metric: &MetricDef, within: bool) -> Option<f64> {
        self.unread_for(metric.id).filter(|_| within)
    }

    /// Says of a mean of devices which they are, and of how much of the phase it is.
    pub(super) fn note_devices(&self, row: &mut MetricRow, metric: &MetricDef, of: &StageState) {
        if row.estimate.is_none() {
            return;
        }
        if let Source::Device(DeviceKind::Gpu, reading) = metric.source {
            row.notes.extend(self.totals.devices.note(reading.is_sum()));
        }
        let share = covers_part(metric, of);
        row.notes.extend(share.map(|share| Note::ReadFor { share: Num(share) }));
    }
}

/// Share of the phase that a mean of devices speaks of, where they were not read for a good part of it.
pub(super) fn covers_part(metric: &MetricDef, of: &StageState) -> Option<f64> {
    metric.device()?;
    let read = of.series.sampled.gauge(metric.source)?.read_s() / of.series.sampled.seconds;
    (read < 1.0 - UNCOVERED).then_some(read)
}
