//! Peaks: whether they are known, and their rows: how much, over how long, and what they may still grow by.

use super::assess::{Ask, Assessment, Why, assess};
use super::controller::Controller;
use super::rows::add_note;
use super::stage::StageState;
use super::tpu::ALL_CHIPS;
use crate::event::{MetricRow, Stage};
use crate::metric::MetricDef;
use crate::stats::{Estimate, Growth, GrowthAsk, GrowthWatch, PeakTracker};
use crate::units;

/// Steps in which resident memory is seen to move, in bytes: Linux counts it in batches of 64 pages a thread
/// (`TASK_RSS_EVENTS_THRESH`; since 6.2 in batches a core that are no smaller), so less growth than one may not show yet.
const RSS_QUANTUM: f64 = 64.0 * 4096.0;

/// The same of device memory: drivers hand it out in blocks of 2 MiB.
const GPU_QUANTUM: f64 = 2_097_152.0;

/// The same of a TPU's memory, whose buffers the runtime counts in bytes and lays out in kilobytes.
const TPU_QUANTUM: f64 = 1024.0;

/// The peak of resident memory at a look.
pub(super) fn resident(stage: &StageState, ask: Ask<'_>) -> Assessment {
    let gauge = (&stage.resources.rss_growth, RSS_QUANTUM);
    of_peak(&ask.totals.peak, (stage, gauge), ask)
}

/// The peak of device memory at a look.
pub(super) fn device(stage: &StageState, ask: Ask<'_>) -> Assessment {
    let gauge = (&stage.resources.gpu_growth, GPU_QUANTUM);
    of_peak(&ask.totals.gpu_peak, (stage, gauge), ask)
}

/// The peak of the memory of TPUs at a look.
pub(super) fn tpu(stage: &StageState, ask: Ask<'_>) -> Assessment {
    let gauge = (&stage.resources.tpu.growth, TPU_QUANTUM);
    of_peak(&ask.totals.tpu.peak, (stage, gauge), ask)
}

fn of_peak(
    tracker: &PeakTracker,
    (stage, (gauge, quantum)): (&StageState, (&GrowthWatch, f64)),
    ask: Ask<'_>,
) -> Assessment {
    let Some(peak) = tracker.peak() else {
        return Assessment::missing("the sampler took no reading");
    };
    let in_seconds = |ns: u64| ns as f64 * 1e-9;
    let span = (in_seconds(stage.entered_ns), in_seconds(ask.now_ns));
    let asked = GrowthAsk { within: ask.policy.within, confidence: ask.policy.confidence, quantum };
    let found = tracker.judge(span, gauge, asked);
    Assessment {
        estimate: Some(Estimate { value: peak, interval: None, samples: tracker.readings() }),
        scale: peak,
        open: match found.growth {
            Growth::Plateau => None,
            Growth::Growing { per_second } => Some(Why::Growing(per_second)),
            Growth::TooShort => Some(Why::Recent),
        },
        seen: gauge.readings(),
        cut: None,
        disturbed: None,
        growth_below: found.below,
    }
}

impl Controller {
    pub(super) fn fill_peak(&self, row: &mut MetricRow, metric: &'static MetricDef) {
        let judged = |state: &&StageState| {
            state.chosen.iter().any(|chosen| chosen.metric.name == metric.name)
        };
        let trained = |state: &&StageState| state.stage == Stage::Train;
        let state = self.stages.iter().find(judged).or_else(|| self.stages.iter().find(trained));
        if let Some(state) = state.or(self.stages.last())
            && let Some(assessment) = assess(metric, state, self.ask(state))
        {
            let chosen = state.chosen.iter().find(|chosen| chosen.metric.name == metric.name);
            self.fill(row, &assessment, (state, chosen));
            if row.estimate.is_none() {
                row.note.clear();
            } else {
                add_note(row, &self.how_long(&assessment));
            }
        }
        let (sampled, said) = match metric.name {
            "memory.peak" => {
                let usage = self.totals.finished.as_ref().map(|finished| finished.usage);
                (&self.totals.peak, usage.and_then(|usage| usage.vm_hwm_bytes))
            }
            "tpu.memory_peak" => (&self.totals.tpu.peak, None),
            _ => (&self.totals.gpu_peak, None),
        };
        let said = said.map(|bytes| bytes as f64);
        row.estimate = match (sampled.peak(), said) {
            (Some(sampled), Some(said)) => Some(sampled.max(said)),
            (one, other) => one.or(other),
        };
        row.samples = sampled.readings();
        if metric.name == "memory.peak"
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
        (self.totals.peak.peak()? < most).then_some(most)
    }

    /// Says of a peak whose memory is in it beside the run's own.
    fn note_whose(&self, row: &mut MetricRow, metric: &MetricDef) {
        if row.estimate.is_none() {
            return;
        }
        if let Some(most) = self.hidden_peak().filter(|_| metric.name == "memory.peak") {
            let most = units::bytes(most);
            let why =
                format!("at least: a process that ended between two looks may have had {most}");
            add_note(row, &why);
        }
        match metric.name {
            "memory.peak" if self.totals.processes > 1 => {
                add_note(row, self.totals.shared_pages());
            }
            "gpu.memory_peak" => self.whose(row),
            _ => self.note_chips(row, metric),
        }
        self.note_blind(row);
    }

    /// Says of a figure of TPUs that nobody can tell whose they are.
    pub(super) fn note_chips(&self, row: &mut MetricRow, metric: &MetricDef) {
        if row.estimate.is_some() && metric.group == "tpu" && self.totals.tpu.shared {
            add_note(row, ALL_CHIPS);
        }
    }

    /// Whose memory a peak of devices is.
    fn whose(&self, row: &mut MetricRow) {
        if self.totals.shared_gpu {
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
