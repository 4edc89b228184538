//! For how much of the time an accelerator was read: a figure of a part of a run must not look like one of all of it.

use super::row::add_note;
use super::run::Run;
use super::stage::StageState;
use crate::event::MetricRow;
use crate::metric::{DeviceKind, MetricDef, MetricId, Source};
use crate::units::percent;

/// Share of a phase without a reading of a mean that is worth a word: its readings begin within the phase and end a little
/// before it.
const UNCOVERED: f64 = 0.1;

impl Run {
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
    let read = of.series.sampled.gauge(metric.source)?.read_s() / of.series.sampled.seconds;
    (read < 1.0 - UNCOVERED).then(|| format!("read for {} of the phase", percent(read)))
}
