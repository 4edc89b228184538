//! The rows of peaks: how much, over how long, and what they may still grow by.

use super::measure::assess;
use super::measure::assessment::Assessment;
use super::measure::why::Why;
use super::row::{add_note, fill};
use super::run::Run;
use super::stage::StageState;
use crate::event::{MetricRow, Stage};
use crate::metric::{DeviceKind, MetricDef, MetricId, UsageField};
use crate::units;

/// What the row of a figure says where nobody tells which chips are the run's.
const ALL_CHIPS: &str = "all chips of the machine";

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
                row.note.clear();
            } else {
                add_note(row, &self.how_long(&assessment));
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
            add_note(row, &why);
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
        if let Some(most) = self.hidden_peak().filter(|_| metric.id == MetricId::MemoryPeak) {
            let most = units::bytes(most);
            let why =
                format!("at least: a process that ended between two looks may have had {most}");
            add_note(row, &why);
        }
        match metric.device() {
            None if self.totals.processes > 1 => add_note(row, self.totals.shared_pages()),
            Some(DeviceKind::Gpu) => self.whose(row, metric),
            _ => self.note_chips(row, metric),
        }
        self.note_blind(row, metric);
    }

    /// Says of a figure of TPUs that nobody can tell whose they are.
    pub(super) fn note_chips(&self, row: &mut MetricRow, metric: &MetricDef) {
        let of_tpus = metric.device() == Some(DeviceKind::Tpu);
        if row.estimate.is_some() && of_tpus && self.totals.is_shared(metric) {
            add_note(row, ALL_CHIPS);
        }
    }

    /// Whose memory a peak of devices is.
    fn whose(&self, row: &mut MetricRow, metric: &MetricDef) {
        if self.totals.is_shared(metric) {
            add_note(row, "whole device, others included");
        }
        let note = self.totals.devices.note(true);
        if !note.starts_with("whole device") {
            add_note(row, &note);
        }
    }

    /// How long a peak was watched, and the growth that it may still have: no peak is promised beyond that.
    fn how_long(&self, assessment: &Assessment) -> String {
        let watched = self.totals.span_ns.zip(self.totals.resident_ns);
        let watched = watched.map_or(0, |((first, _), last)| last.saturating_sub(first));
        let growth = match (&assessment.open, assessment.growth_below) {
            (Some(why @ Why::Growing(_)), _) => why.sentence(),
            (_, Some(below)) => {
                format!("growth below {} a minute", units::bytes_up(below * 60.0))
            }
            (_, None) => "too short to bound its growth".to_owned(),
        };
        format!("peak over {}; {growth}", units::seconds(watched as f64 * 1e-9))
    }

    /// Why the sampled peak says nothing of the run: most of it came after the last look at its memory. Runs that are
    /// shorter than two ticks or so are like that.
    fn unwatched(&self) -> Option<String> {
        let (_, end) = self.totals.span_ns?;
        let since = |t_ns: u64| t_ns.saturating_sub(self.context.started_ns);
        let (seen, whole) = (since(self.totals.resident_ns?), since(end));
        (seen < whole / 2).then(|| {
            let shown = |ns: u64| units::seconds(ns as f64 * 1e-9);
            format!("last looked at {} into {}", shown(seen), shown(whole))
        })
    }
}
