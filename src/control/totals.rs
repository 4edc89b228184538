//! What is known of the run as a whole: counters, peaks, what the worker said, and which quantities ever were read.

use std::collections::{BTreeMap, BTreeSet};

use super::coverage::Coverage;
use super::devices::Selection;
use super::disturbance::Marks;
use super::resources::{GpuNow, ResourceSeries};
use super::tpu::TpuTotals;
use crate::event::{Finished, FoundRate, GapKind, Num, Reason, ResourceSample};
use crate::metric::{CATALOGUE, DeviceKind, Source, find};
use crate::stats::PeakTracker;

/// Ticks without a single reading after which a quantity counts as not measurable in this run.
const GIVE_UP_TICKS: u64 = 5;

/// Names of the worker's own figures that are kept; a worker that invents names must not fill the memory.
const OWN_FIGURES: usize = 256;

/// The run as a whole.
#[derive(Debug, Clone, Default)]
pub(super) struct Totals {
    /// Ticks so far.
    pub(super) ticks: u64,
    /// Time of the first and the last tick, in nanoseconds.
    pub(super) span_ns: Option<(u64, u64)>,
    /// Time of the last tick that found resident memory, in nanoseconds: the end of a process takes its memory, and what
    /// it touched after the last look at it is not in any peak.
    pub(super) resident_ns: Option<u64>,
    /// The sampler's own CPU time, in nanoseconds.
    pub(super) cost_ns: u64,
    /// Newest reading of each cumulative counter, by metric.
    counters: BTreeMap<&'static str, f64>,
    /// Resident memory.
    pub(super) peak: PeakTracker,
    /// Device memory.
    pub(super) gpu_peak: PeakTracker,
    /// The run's devices.
    pub(super) devices: Selection,
    /// Device memory was that of a whole device in a tick.
    pub(super) shared_gpu: bool,
    /// For how much of the time its memory was read.
    pub(super) gpu_coverage: Coverage,
    /// The run's TPUs.
    pub(super) tpu: TpuTotals,
    /// When other processes took the machine.
    pub(super) marks: Marks,
    /// Most living processes in a tick.
    pub(super) processes: u32,
    /// Largest resident memory at a tick that found one process only, in bytes: nobody shares it.
    pub(super) alone: f64,
    /// The worker's last message, if it came.
    pub(super) finished: Option<Finished>,
    /// When it came, in nanoseconds.
    pub(super) finished_ns: u64,
    /// The worker's own figures.
    pub(super) own: BTreeMap<String, Num>,
    /// What searches for the highest rate have found, by samples a request.
    pub(super) rates: BTreeMap<u32, FoundRate>,
    /// The ticks during these searches.
    pub(super) searches: BTreeMap<u32, ResourceSeries>,
    seen: BTreeSet<&'static str>,
    gaps: BTreeMap<String, Reason>,
}

impl Totals {
    /// Before the worker says hello.
    pub(super) fn new(devices: Selection) -> Self {
        Self { devices, ..Self::default() }
    }

    /// Adds a tick.
    pub(super) fn sample(&mut self, sample: &ResourceSample) {
        self.ticks += 1;
        self.devices.see(sample);
        self.marks.sample(sample);
        self.tpu.sample(sample);
        let first = self.span_ns.map_or(sample.t_ns, |(first, _)| first);
        self.span_ns = Some((first, sample.t_ns.max(first)));
        if sample.rss_bytes.is_some() {
            self.resident_ns = Some(sample.t_ns);
        }
        self.members(sample);
        let at_s = sample.t_ns as f64 * 1e-9;
        let gpu = GpuNow::of(sample, &self.devices);
        self.shared_gpu |= gpu.shared_memory;
        self.gpu_coverage.push(sample.t_ns, (gpu.memory.is_some(), self.devices.is_known()));
        if let Some(peak) = sample.peak_bytes {
            self.peak.push(at_s, peak as f64);
        }
        if let Some(memory) = gpu.memory {
            self.gpu_peak.push(at_s, memory);
        }
        for metric in CATALOGUE {
            let (Source::Tick(field), true) = (metric.source, metric.is_counter()) else {
                continue;
            };
            let (metric, value) = (metric.name, sample.get(field));
            if let Some(value) = value {
                let counter = self.counters.entry(metric).or_insert(value);
                *counter = counter.max(value);
                self.seen.insert(metric);
            }
        }
        let host = &sample.host;
        for (metric, read) in [
            ("cpu.utilisation", sample.cpu_ns.is_some()),
            ("cpu.utilisation_of_limit", sample.cpu_ns.is_some()),
            ("memory.rss_mean", sample.rss_bytes.is_some()),
            ("memory.peak", sample.peak_bytes.is_some()),
            ("gpu.utilisation", gpu.utilisation.is_some()),
            ("gpu.memory_peak", gpu.memory.is_some()),
            ("gpu.power", gpu.power.is_some()),
            ("interference.run_delay", sample.run_delay_ns.is_some()),
            ("interference.others_cpu", host.busy_ns.is_some()),
            ("interference.steal", host.steal_ns.is_some()),
            ("interference.throttled", host.throttled_ns.is_some()),
            ("interference.thermal", host.thermal_ns.is_some()),
            ("interference.share", host.busy_ns.or(sample.run_delay_ns).is_some()),
        ] {
            if read {
                self.seen.insert(metric);
            }
        }
        self.remember_gaps(sample);
    }

    fn remember_gaps(&mut self, sample: &ResourceSample) {
        // That there is no answer yet is a reason only until there is another.
        let kept = |why: &Reason| why.kind != GapKind::Waiting;
        for gap in &sample.gaps {
            if !self.gaps.get(&gap.field).is_some_and(kept) {
                self.gaps.insert(gap.field.clone(), gap.reason.clone());
            }
        }
    }

    fn members(&mut self, sample: &ResourceSample) {
        self.cost_ns = self.cost_ns.saturating_add(sample.cost_ns);
        self.processes = self.processes.max(sample.processes);
        if let (1, Some(rss)) = (sample.processes, sample.rss_bytes) {
            self.alone = self.alone.max(rss as f64);
        }
    }

    pub(super) fn own_figure(&mut self, name: &str, value: Num) {
        if self.own.len() < OWN_FIGURES || self.own.contains_key(name) {
            self.own.insert(name.to_owned(), value);
        }
    }

    /// The newest reading of a cumulative counter.
    pub(super) fn counter(&self, metric: &str) -> Option<f64> {
        self.counters.get(metric).copied()
    }

    /// What the peak of several processes is.
    pub(super) fn shared_pages(&self) -> &'static str {
        if self.gaps.contains_key("peak_bytes") {
            "upper bound: pages may be shared"
        } else {
            "largest sampled sum over processes"
        }
    }

    /// Why a quantity of the sampler has not been read even once, if it has not.
    pub(super) fn never_read(&self, metric: &str) -> Option<Reason> {
        let source = find(metric)?.source;
        let is_tpu = matches!(source, Source::Device(DeviceKind::Tpu, _));
        let is_gpu = matches!(source, Source::Device(DeviceKind::Gpu, _));
        if !source.is_sampled() || self.seen.contains(metric) || (is_tpu && self.tpu.has(metric)) {
            return None;
        }
        if self.ticks == 0 {
            return Some("the sampler took no reading".into());
        }
        if is_gpu && let Some(why) = self.devices.without() {
            return Some(why.into());
        }
        if let Some(why) = self.tpu.foreign().filter(|_| is_tpu) {
            return Some(why.into());
        }
        let gap = self
            .gaps
            .iter()
            // `intel[0]:power_watts` is a gap of one device, which counts where no other was read.
            .find(|(field, _)| {
                source.reads(&field.replace(':', ".")) && self.devices.concerns(field)
            });
        Some(gap.map_or_else(
            || format!("not read in {} ticks, and the sampler did not say why", self.ticks).into(),
            |(_, reason)| reason.clone(),
        ))
    }

    /// [`Totals::never_read`], once that has lasted long enough not to wait for it.
    pub(super) fn given_up(&self, metric: &str) -> Option<Reason> {
        (self.ticks >= GIVE_UP_TICKS)
            .then(|| self.never_read(metric))
            .flatten()
            .filter(|why| !metric.starts_with("tpu.") || !self.tpu.may_come(why))
    }
}
