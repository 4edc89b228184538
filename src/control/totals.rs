//! What is known of the run as a whole: counters, peaks, what the worker said, and which quantities ever were read.

use std::collections::{BTreeMap, BTreeSet};

use super::devices::Selection;
use super::measure::disturbance::Marks;
use super::measure::figure::Figure;
use super::measure::peak::Peaks;
use super::measure::search::Searches;
use super::measure::served::{Members, Served};
use super::measure::tick::Tick;
use crate::event::{FigureLack, Finished, GapKind, Note, Num, Reason, ResourceSample};
use crate::metric::{CATALOGUE, DeviceKind, Field, MetricDef, MetricId, Scope, Source, UsageField};

/// Ticks without a single reading after which a quantity counts as not measurable in this run.
const GIVE_UP_TICKS: u64 = 5;

/// Time without any reading after which a metric of TPUs that was to be waited for is given up, in nanoseconds: a workload
/// takes long to load its runtime.
const PATIENCE_NS: u64 = 60_000_000_000;

/// Names of the worker's own figures that are kept; a worker that invents names must not fill the memory.
const OWN_FIGURES: usize = 256;

/// The least time over which the sampler's share of a core is worth saying, in nanoseconds.
const SHORTEST_NS: u64 = 1_000_000_000;

/// CPU time of the sampler over the time that it took, in percent; absent where that was too short to say anything.
pub fn cost_percent(cost_ns: u64, span_ns: u64) -> Option<f64> {
    (span_ns >= SHORTEST_NS).then(|| cost_ns as f64 / span_ns as f64 * 100.0)
}

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
    /// Newest reading of each cumulative counter, in the base unit of its metrics.
    counters: BTreeMap<Field, f64>,
    /// The largest values.
    pub(super) peaks: Peaks,
    /// The run's devices.
    pub(super) devices: Selection,
    /// Devices of which some figure may have had others' part in it.
    pub(super) shared: BTreeSet<DeviceKind>,
    /// Devices that were there in a tick, and none of them was the run's.
    foreign: BTreeSet<DeviceKind>,
    /// When other processes took the machine.
    pub(super) marks: Marks,
    pub(super) members: Members,
    /// The memory of what serves.
    pub(super) served: Served,
    /// The worker's last message, if it came.
    pub(super) finished: Option<Finished>,
    /// When it came, in nanoseconds.
    pub(super) finished_ns: u64,
    /// When the worker's process ended, in nanoseconds, if it has.
    pub(super) exited_ns: Option<u64>,
    /// The worker's own figures, and how many samples each rests on where it told.
    pub(super) own: BTreeMap<String, (Num, Option<u64>)>,
    /// Why some of them could not be read.
    pub(super) lacks: BTreeMap<String, FigureLack>,
    /// The searches for the highest rate.
    pub(super) searches: Searches,
    /// Metrics that were read at least once.
    seen: BTreeSet<MetricId>,
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
        let first = self.span_ns.map_or(sample.t_ns, |(first, _)| first);
        self.span_ns = Some((first, sample.t_ns.max(first)));
        if sample.rss_bytes.is_some() {
            self.resident_ns = Some(sample.t_ns);
        }
        self.members.see(sample);
        self.cost_ns = self.cost_ns.saturating_add(sample.cost_ns);
        let tick = Tick::new(sample, &self.devices);
        self.peaks.push(&tick, &self.devices);
        self.whose(&tick);
        for metric in CATALOGUE.iter().filter(|metric| metric.source.is_sampled()) {
            if tick.has(metric.source) && !self.seen.contains(&metric.id) {
                self.seen.insert(metric.id);
            }
            if let Source::Tick(field) = metric.source
                && let Some((_, value)) = tick.value(metric.source).filter(|_| metric.is_counter())
            {
                let counter = self.counters.entry(field).or_insert(value);
                *counter = counter.max(value);
            }
        }
        // No metric is of them alone.
        if let Some(cycles) = sample.get(Field::Cycles) {
            self.counters.insert(Field::Cycles, cycles);
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

    fn whose(&mut self, tick: &Tick<'_>) {
        for kind in [DeviceKind::Gpu, DeviceKind::Tpu] {
            let now = tick.device(kind);
            if now.shared {
                self.shared.insert(kind);
            }
            if now.seen && !now.taken {
                self.foreign.insert(kind);
            }
        }
    }

    pub(super) fn own_figure(&mut self, name: &str, value: Num, samples: Option<u64>) {
        if self.own.len() < OWN_FIGURES || self.own.contains_key(name) {
            self.lacks.remove(name);
            self.own.insert(name.to_owned(), (value, samples));
        }
    }

    /// One that could not be read.
    pub(super) fn unread(&mut self, name: &str, why: &FigureLack) {
        self.own.remove(name);
        if self.lacks.len() < OWN_FIGURES || self.lacks.contains_key(name) {
            self.lacks.insert(name.to_owned(), why.clone());
        }
    }

    /// The newest reading of a cumulative counter.
    pub(super) fn counter(&self, source: Source) -> Option<f64> {
        self.counters.get(&source.field()?).copied()
    }

    /// Instructions a cycle.
    pub(super) fn ipc(&self) -> Figure {
        let count = |field| self.counters.get(&field).copied().filter(|count| *count > 0.0);
        match (count(Field::Instructions), count(Field::Cycles)) {
            (Some(instructions), Some(cycles)) => Figure::exact(instructions / cycles, self.ticks),
            _ => Figure::missing(Note::NotReported),
        }
    }

    /// A counter of the run; `command`: it is one, whose use the kernel tells and not a worker.
    pub(super) fn counted(&self, metric: &MetricDef, command: bool) -> Figure {
        let (estimate, note) = match (metric.source, self.counter(metric.source)) {
            (Source::SamplerCost, _) => {
                let cost = self.cost_percent();
                (cost, cost.is_none().then_some(Note::FewTicks))
            }
            (_, newest) if metric.usage == Some(UsageField::Cpu) => self.cpu_time(newest, command),
            (_, newest) => (newest, None),
        };
        let note = note.or(estimate.is_none().then_some(Note::NotReported));
        let (samples, known) = (self.ticks, estimate.is_some());
        Figure { estimate, samples, known, ..Figure::default() }.noted(note)
    }

    /// CPU time as it was said at the end, where that is more than was sampled.
    fn cpu_time(&self, sampled: Option<f64>, command: bool) -> (Option<f64>, Option<Note>) {
        let usage = self.finished.as_ref().map(|finished| finished.usage);
        let said = usage.and_then(|usage| usage.cpu_ns).map(|ns| ns as f64 * 1e-9);
        match said.filter(|said| sampled.is_none_or(|sampled| *said > sampled)) {
            None => (sampled, sampled.map(|_| Note::LastSample)),
            said => (said, Some(if command { Note::KernelCount } else { Note::WorkerCount })),
        }
    }

    /// CPU time of the sampler over the time from its first tick to its last, in percent.
    fn cost_percent(&self) -> Option<f64> {
        let (first, last) = self.span_ns?;
        cost_percent(self.cost_ns, last.saturating_sub(first))
    }

    /// Whether others may have a part in a figure of this metric.
    pub(super) fn is_shared(&self, metric: &MetricDef) -> bool {
        metric.device().is_some_and(|kind| self.shared.contains(&kind))
    }

    /// How a mean of the tree's memory counts what several processes share.
    pub(super) fn shared_mean(&self, metric: &MetricDef) -> Option<Note> {
        let served = metric.scope == Scope::Served;
        let members = if served { self.served.members } else { self.members };
        (members.processes > 1).then(|| self.shared_pages())
    }

    /// How the memory of several processes counts what they share.
    pub(super) fn shared_pages(&self) -> Note {
        if self.gaps.contains_key(Field::Peak.key()) { Note::SharedPages } else { Note::SampledSum }
    }

    /// Why a quantity of the sampler has not been read even once, if it has not.
    pub(super) fn never_read(&self, metric: &MetricDef) -> Option<Note> {
        if !metric.source.is_sampled() || self.seen.contains(&metric.id) {
            return None;
        }
        if self.ticks == 0 {
            return Some(Note::NoTick);
        }
        let without = match metric.device() {
            Some(DeviceKind::Gpu) => self.devices.without().map(Note::from),
            Some(DeviceKind::Tpu) if self.foreign.contains(&DeviceKind::Tpu) => {
                Some(Note::ForeignTpu)
            }
            _ => None,
        };
        if without.is_some() {
            return without;
        }
        // `intel[0]:power_watts` is a gap of one device, which counts where no other was read.
        let reads = |field: &str| metric.source.reads(&field.replace(':', "."));
        let mut gaps = self.gaps.iter();
        let gap = gaps.find(|(field, _)| reads(field) && self.devices.concerns(field));
        Some(gap.map_or_else(
            || Note::NoReason { ticks: self.ticks },
            |(_, reason)| reason.clone().into(),
        ))
    }

    /// [`Totals::never_read`], once that has lasted long enough not to wait for it.
    pub(super) fn given_up(&self, metric: &MetricDef) -> Option<Note> {
        let why = self.never_read(metric).filter(|_| self.ticks >= GIVE_UP_TICKS)?;
        let may_come = metric.device() == Some(DeviceKind::Tpu) && self.may_come(&why);
        (!may_come).then_some(why)
    }

    /// Whether a reading of TPUs may still come, so that it is worth waiting for: `why` there is none.
    fn may_come(&self, why: &Note) -> bool {
        let waited_ns = self.span_ns.map_or(0, |(first, last)| last - first);
        why.lasting().is_none() && waited_ns < PATIENCE_NS
    }
}

#[cfg(test)]
mod tests {
    use super::super::measure::device::tests::{GIB, device, tick};
    use super::super::measure::sampled::Sampled;
    use super::super::measure::tick::Interval;
    use super::*;
    use crate::metric::Reading;

    #[test]
    fn an_answer_of_a_tpu_counts_once_however_often_it_is_seen() {
        let mine = |ms, read, duty| tick(ms, vec![device(0, read, (duty, GIB), Some(true))]);
        let ticks = [
            mine(1000, 900, 10.0),
            mine(1100, 900, 10.0),
            mine(1200, 1150, 50.0),
            mine(1300, 1150, 50.0),
            mine(2200, 2150, 90.0),
            tick(2300, Vec::new()),
            mine(2400, 2350, 70.0),
            mine(2500, 2450, 30.0),
        ];
        let (mut series, mut totals) = (Sampled::default(), Totals::default());
        for pair in ticks.windows(2) {
            series.push(&Interval::new(&pair[0], &pair[1], &Selection::default()).unwrap());
        }
        for tick in &ticks {
            totals.sample(tick);
        }
        // 50% from where the stage began to 1.15 s, 90% for a second, 30% for 0.1 s: nothing is known of the gap.
        let duty = series.gauge(Source::Device(DeviceKind::Tpu, Reading::Utilisation)).unwrap();
        let sum = duty.sum();
        assert!((sum.weight - 1.25).abs() < 1e-9, "{sum:?}");
        assert!((sum.amount - (50.0 * 0.15 + 90.0 + 3.0)).abs() < 1e-9, "{sum:?}");
        assert_eq!(duty.series.observations(), 3);
        assert_eq!(totals.peaks.get(MetricId::TpuMemoryPeak).unwrap().tracker.readings(), 5);
        assert_eq!(totals.never_read(MetricId::TpuDutyCycle.def()), None);
        assert!(totals.shared.is_empty() && totals.foreign.is_empty());
    }

    #[test]
    fn what_may_come_is_waited_for_and_no_longer_than_a_minute() {
        let mut totals = Totals::default();
        totals.sample(&tick(0, Vec::new()));
        for (why, comes) in [
            (Reason::from("no workload holds the TPU yet"), true),
            (Reason::unsupported("no TPU found"), false),
            (Reason::new(GapKind::Off, "switched off"), false),
        ] {
            assert_eq!(totals.may_come(&why.clone().into()), comes, "{why}");
        }
        let waiting = Note::from(Reason::new(GapKind::Waiting, "no answer yet"));
        totals.sample(&tick(59_999, Vec::new()));
        assert!(totals.may_come(&waiting));
        totals.sample(&tick(60_000, Vec::new()));
        assert!(!totals.may_come(&waiting) && totals.foreign.is_empty());
        totals.sample(&tick(60_100, vec![device(0, 60_050, (1.0, 1), Some(false))]));
        let why = totals.never_read(MetricId::TpuMemoryPeak.def());
        assert_eq!(why, Some(Note::ForeignTpu));
    }
}
