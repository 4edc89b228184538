//! The rows of peaks: how much, over how long, and what they may still grow by.

use super::measure::assess;
use super::measure::assessment::Assessment;
use super::measure::served::Members;
use super::row::fill;
use super::run::Run;
use super::stage::StageState;
use crate::event::{MetricRow, Note, Num, PeakGrowth, Stage, Why};
use crate::metric::{DeviceKind, Field, MetricDef, MetricId, Source, UsageField};

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

    /// Of a peak of the tree's memory: the processes that it is of.
    pub(super) fn members(&self, metric: &MetricDef) -> Option<Members> {
        match metric.source {
            Source::Tick(Field::Peak) => Some(self.totals.members),
            Source::ServedPeak => Some(self.totals.served.members),
            _ => None,
        }
    }

    /// Of such a peak: what a process of a command may have had that ended before it was looked at, in bytes, where that is
    /// more than the peak: the kernel tells no more of one that is smaller than perftune.
    pub(super) fn hidden_peak(&self, metric: &MetricDef) -> Option<f64> {
        let usage = self.totals.finished.as_ref()?.usage;
        let most = usage.hwm_at_most_bytes? as f64;
        let seen = match metric.source {
            Source::Tick(Field::Peak) => self.totals.peaks.largest(metric.id)?,
            Source::ServedPeak => self.totals.served.peak?,
            _ => return None,
        };
        (seen < most).then_some(most)
    }

    /// Says of a peak whose memory is in it beside the run's own.
    fn note_whose(&self, row: &mut MetricRow, metric: &MetricDef) {
        if row.estimate.is_none() {
            return;
        }
        let hidden = self.hidden_peak(metric);
        row.notes.extend(hidden.map(|most| Note::AtLeast { bytes: Num(most) }));
        match metric.device() {
            None if self.totals.members.processes > 1 => row.notes.push(self.totals.shared_pages()),
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

    /// The row of the largest memory of what serves.
    pub(super) fn fill_served(&self, row: &mut MetricRow, metric: &MetricDef) {
        let served = &self.totals.served;
        row.estimate = served.peak;
        row.samples = served.ticks;
        row.plateaued = row.plateaued.map(|_| served.peak.is_some() && served.is_over);
        if row.estimate.is_none() {
            let trained = served.trained && served.serving_ns > 0;
            let own = trained.then_some(Note::ServedAfterTraining);
            let own = own.or_else(|| self.unseen(metric)).or_else(|| self.unread(metric));
            return row.notes.push(own.unwrap_or(Note::NoServing));
        }
        let serving_ns = served.serving_ns + served.since_ns.map_or(0, |since| self.now_ns - since);
        row.notes.push(Note::UntilServed { serving_s: Num(serving_ns as f64 * 1e-9) });
        let lean = if served.is_lean { Note::NoTrainingData } else { Note::MayHoldMore };
        row.notes.push(lean);
        if served.members.processes > 1 {
            row.notes.push(self.totals.shared_pages());
        }
        let hidden = self.hidden_peak(metric);
        row.notes.extend(hidden.map(|most| Note::AtLeast { bytes: Num(most) }));
    }
}
