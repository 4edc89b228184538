//! The rows of peaks: how much, over how long, and what they may still grow by.

use super::measure::assess;
use super::measure::assessment::Assessment;
use super::row::fill;
use super::run::Run;
use super::stage::StageState;
use crate::event::{MetricRow, Note, Num, PeakGrowth, Stage, Why};
use crate::metric::{DeviceKind, MetricDef, MetricId, UsageField};

impl Run {
    pub(super) fn fill_peak(&self, row: &mut MetricRow, metric: &'static MetricDef) {
        let judged =
            |state: &&StageState| state.chosen.iter().any(|chosen| chosen.metric.id == metric.id);
        let trained = |state: &&StageState| state.stage == Stage::Train;
        let state = self.stages.iter().find(judged).or_else(|| self.stages.iter().find(trained));
        if let Some(state) = state.or(self.stages.last())
            && let Some(assessment) = assess(metric, &state.series, self.ask(state))
        {
            let chosen = state.chosen.iter().find(|chosen| chosen.metric.id == metric.id);
            fill(row, metric, &assessment, state, chosen, &self.policy);
            if row.estimate.is_none() {
                row.notes.clear();
            } else {
                row.notes.push(self.how_long(&assessment, row.estimate));
            }
        }
        let Some(sampled) = self.totals.peaks.get(metric.id).map(|peak| &peak.tracker) else {
            return;
        };
        let usage = self.totals.finished.as_ref().map(|finished| finished.usage);
        let said = usage.filter(|_| metric.usage == Some(UsageField::Peak));
        let said = said.and_then(|usage| usage.vm_hwm_bytes);
        let said = said.map(|bytes| bytes as f64);
        row.estimate = match (sampled.peak(), said) {
            (Some(sampled), Some(said)) => Some(sampled.max(said)),
            (one, other) => one.or(other),
        };
        row.samples = sampled.readings();
        if metric.id == MetricId::MemoryPeak
            && said.is_none()
            && let Some(why) = self.unwatched()
        {
            row.estimate = None;
            row.notes.push(why);
        }
        self.note_whose(row, metric);
    }

    /// What a process of a command may have had that ended before it was looked at, in bytes, where that is more than the
    /// peak: the kernel tells no more of one that is smaller than perftune.
    pub(super) fn hidden_peak(&self) -> Option<f64> {
        let usage = self.totals.finished.as_ref()?.usage;
        let most = usage.hwm_at_most_bytes? as f64;
        (self.totals.peaks.largest(MetricId::MemoryPeak)? < most).then_some(most)
    }

    /// Says of a peak whose memory is in it beside the run's own.
    fn note_whose(&self, row: &mut MetricRow, metric: &MetricDef) {
        if row.estimate.is_none() {
            return;
        }
        let hidden = self.hidden_peak().filter(|_| metric.id == MetricId::MemoryPeak);
        row.notes.extend(hidden.map(|most| Note::AtLeast { bytes: Num(most) }));
        match metric.device() {
            None if self.totals.processes > 1 => row.notes.push(self.totals.shared_pages()),
            Some(DeviceKind::Gpu) => self.whose(row, metric),
            _ => self.note_chips(row, metric),
        }
        self.note_blind(row, metric);
    }

    /// Says of a figure of TPUs that nobody can tell whose they are.
    pub(super) fn note_chips(&self, row: &mut MetricRow, metric: &MetricDef) {
        let of_tpus = metric.device() == Some(DeviceKind::Tpu);
        if row.estimate.is_some() && of_tpus && self.totals.is_shared(metric) {
            row.notes.push(Note::AllChips);
        }
    }

    /// Whose memory a peak of devices is.
    fn whose(&self, row: &mut MetricRow, metric: &MetricDef) {
        if self.totals.is_shared(metric) {
            row.notes.push(Note::SharedDevice);
        }
        let note = self.totals.devices.note(true);
        row.notes.extend(note.filter(|note| *note != Note::OnlyDevice));
    }

    /// How long a peak was watched, and the growth that it may still have: no peak is promised beyond that.
    fn how_long(&self, assessment: &Assessment, peak: Option<f64>) -> Note {
        let watched = self.totals.span_ns.zip(self.totals.resident_ns);
        let watched = watched.map_or(0, |((first, _), last)| last.saturating_sub(first));
        let growth = match (&assessment.open, assessment.growth_below) {
            (Some(Why::Growing { per_s }), _) => PeakGrowth::Growing { per_s: *per_s },
            (_, Some(below)) if peak.is_none_or(|peak| below * 60.0 > peak) => PeakGrowth::Loose,
            (_, Some(below)) => PeakGrowth::Below { per_s: Num(below) },
            (_, None) => PeakGrowth::Unknown,
        };
        Note::PeakOver { over_s: Num(watched as f64 * 1e-9), growth }
    }

    /// Why the sampled peak says nothing of the run: most of it came after the last look at its memory. Runs that are
    /// shorter than two ticks or so are like that.
    fn unwatched(&self) -> Option<Note> {
        let (_, end) = self.totals.span_ns?;
        let since = |t_ns: u64| t_ns.saturating_sub(self.context.started_ns);
        let (seen, whole) = (since(self.totals.resident_ns?), since(end));
        (seen < whole / 2).then(|| {
            let seconds = |ns: u64| Num(ns as f64 * 1e-9);
            Note::LastSeen { at_s: seconds(seen), of_s: seconds(whole) }
        })
    }
}
