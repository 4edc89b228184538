//! The TPUs of the run: which of the machine's they are, their duty cycle and their memory.
//!
//! A runtime's figures are a second old at most and the same for several ticks, so what counts is a new answer and not a
//! tick: a repeated one would look like more evidence than there is.

use std::collections::VecDeque;

use super::coverage::Coverage;
use super::disturbance::{Mark, Marks};
use super::resources::{CAPACITY, Gauge};
use crate::event::{GpuReading, Reason, ResourceSample, Vendor};
use crate::stats::{BatchSeries, GrowthWatch, PeakTracker};

/// What the row of a figure says where nobody tells which chips are the run's.
pub(super) const ALL_CHIPS: &str = "all chips of the machine";

/// Answers that wait until it is known whether others took the machine.
const WAITING: usize = 16;

/// Time without any reading after which a metric that was to be waited for is given up, in nanoseconds: a workload takes
/// long to load its runtime.
const PATIENCE_NS: u64 = 60_000_000_000;

/// The run's devices in one tick: those of which the worker's tree holds the chips; where nobody can tell, all.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(super) struct TpuNow {
    /// Devices in the tick, whoever's.
    seen: bool,
    /// Mean over the devices, in percent.
    duty: Option<f64>,
    /// Sum over the devices, in bytes.
    memory: Option<f64>,
    /// When they were read, in nanoseconds.
    t_ns: u64,
    /// Nobody can tell whose they are.
    shared: bool,
}

/// Mean duty cycle of the run's TPUs in this tick, in percent: of those of which its tree holds the chips; where nobody can
/// tell, of all.
pub fn duty_cycle(sample: &ResourceSample) -> Option<f64> {
    TpuNow::of(sample).duty
}

impl TpuNow {
    fn of(sample: &ResourceSample) -> Self {
        let all = || sample.gpus.iter().filter(|one| one.vendor == Vendor::Tpu);
        let own: Vec<&GpuReading> = all().filter(|one| one.own == Some(true)).collect();
        let shared = own.is_empty();
        let taken = if shared { all().filter(|one| one.own.is_none()).collect() } else { own };
        let count = taken.len() as f64;
        // A device that lacks the figure makes the sum of the others no sum.
        let sum = |of: fn(&GpuReading) -> Option<f64>| {
            let figures = taken.iter().map(|one| of(one).filter(|value| value.is_finite()));
            figures.sum::<Option<f64>>().filter(|_| !taken.is_empty())
        };
        Self {
            seen: all().next().is_some(),
            duty: sum(|one| one.utilisation_percent).map(|sum| sum / count),
            memory: sum(|one| one.memory_bytes.map(|bytes| bytes as f64)),
            t_ns: taken.iter().filter_map(|one| one.t_ns).max().unwrap_or(sample.t_ns),
            shared: shared && !taken.is_empty(),
        }
    }
}

/// One stage.
#[derive(Debug, Clone)]
pub(super) struct TpuSeries {
    /// Percent-seconds, seconds.
    pub(super) duty: Gauge,
    /// Whether memory grows.
    pub(super) growth: GrowthWatch,
    /// Where the first interval began, in nanoseconds.
    began_ns: Option<u64>,
    waiting: VecDeque<Waiting>,
}

/// An answer that is not known to be disturbed or not.
#[derive(Debug, Clone)]
struct Waiting {
    span_ns: (u64, u64),
    seconds: f64,
    place: u64,
    amount: f64,
}

impl Default for TpuSeries {
    fn default() -> Self {
        Self {
            duty: BatchSeries::new(CAPACITY),
            growth: GrowthWatch::default(),
            began_ns: None,
            waiting: VecDeque::new(),
        }
    }
}

impl TpuSeries {
    /// Adds the interval between two neighbouring ticks, if there is a new answer in the later one: it speaks of the time
    /// since the answer before it, as far as that lies in the stage.
    pub(super) fn push(&mut self, (before, after): (&ResourceSample, &ResourceSample)) {
        let began_ns = *self.began_ns.get_or_insert(before.t_ns);
        let (old, new) = (TpuNow::of(before), TpuNow::of(after));
        let from_ns = old.t_ns.max(began_ns);
        if !old.seen || old.t_ns == new.t_ns || new.t_ns <= from_ns {
            return;
        }
        let seconds = (new.t_ns - from_ns) as f64 * 1e-9;
        let middle_s = from_ns as f64 * 1e-9 + seconds / 2.0;
        if let Some(memory) = new.memory {
            self.growth.push((middle_s, seconds), memory);
        }
        let Some(duty) = new.duty else {
            return;
        };
        let amount = duty * seconds;
        self.duty.push([amount, seconds, 0.0, 0.0, 0.0]);
        if self.waiting.len() == WAITING {
            self.waiting.pop_front();
        }
        self.waiting.push_back(Waiting {
            span_ns: (from_ns, new.t_ns),
            seconds,
            place: self.duty.observations() - 1,
            amount,
        });
    }

    /// Marks what has become known.
    pub(super) fn resolve(&mut self, marks: &Marks) {
        while let Some(answer) = self.waiting.front()
            && let Some(mark) = marks.of(answer.span_ns)
        {
            let Some(answer) = self.waiting.pop_front() else {
                return;
            };
            let more = match mark {
                Mark::Unknown => continue,
                Mark::Clear => [0.0, 0.0, answer.amount, answer.seconds, 0.0],
                Mark::Taken => [0.0, 0.0, 0.0, 0.0, answer.seconds],
            };
            self.duty.amend(answer.place, more);
        }
    }
}

/// The run as a whole.
#[derive(Debug, Clone, Default)]
pub(super) struct TpuTotals {
    /// Memory.
    pub(super) peak: PeakTracker,
    /// For how much of the time since the first reading it was read.
    pub(super) coverage: Coverage,
    /// A figure was that of chips of which nobody can tell whose they are.
    pub(super) shared: bool,
    /// There were devices, and none of them was the run's.
    foreign: bool,
    duty: bool,
    newest_ns: Option<u64>,
    span_ns: Option<(u64, u64)>,
}

impl TpuTotals {
    /// Adds a tick.
    pub(super) fn sample(&mut self, sample: &ResourceSample) {
        let first = self.span_ns.map_or(sample.t_ns, |(first, _)| first);
        self.span_ns = Some((first, sample.t_ns.max(first)));
        let now = TpuNow::of(sample);
        let figures = now.duty.is_some() || now.memory.is_some();
        self.shared |= now.shared && figures;
        self.foreign |= now.seen && !now.shared && !figures && !has_own(sample);
        self.duty |= now.duty.is_some();
        let known = (now.memory.is_some(), self.peak.readings() > 0);
        self.coverage.push(sample.t_ns, known);
        if self.newest_ns == Some(now.t_ns) {
            return;
        }
        if let Some(memory) = now.memory {
            self.newest_ns = Some(now.t_ns);
            self.peak.push(sample.t_ns as f64 * 1e-9, memory);
        }
    }

    /// Whether this metric was read at least once.
    pub(super) fn has(&self, metric: &str) -> bool {
        match metric {
            "tpu.duty_cycle" => self.duty,
            _ => self.peak.readings() > 0,
        }
    }

    /// Why there are readings and none is the run's, if that is so.
    pub(super) fn foreign(&self) -> Option<String> {
        let why = "the run holds no TPU: it is others that do, or nobody";
        self.foreign.then(|| why.to_owned())
    }

    /// Whether a metric without a reading may still have one, so that it is worth waiting for: `why` there is none.
    pub(super) fn may_come(&self, why: &Reason) -> bool {
        let waited_ns = self.span_ns.map_or(0, |(first, last)| last - first);
        !why.is_lasting() && waited_ns < PATIENCE_NS
    }
}

fn has_own(sample: &ResourceSample) -> bool {
    let mut tpus = sample.gpus.iter().filter(|one| one.vendor == Vendor::Tpu);
    tpus.any(|one| one.own == Some(true))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::GapKind;
    use crate::stats::batches::total;

    const GIB: u64 = 1 << 30;

    fn device(index: u32, t_ms: u64, (duty, memory): (f64, u64), own: Option<bool>) -> GpuReading {
        GpuReading {
            index,
            vendor: Vendor::Tpu,
            own,
            t_ns: Some(t_ms * 1_000_000),
            utilisation_percent: (duty >= 0.0).then_some(duty),
            memory_bytes: Some(memory),
            ..GpuReading::default()
        }
    }

    fn tick(ms: u64, gpus: Vec<GpuReading>) -> ResourceSample {
        ResourceSample { t_ns: ms * 1_000_000, gpus, ..ResourceSample::default() }
    }

    #[test]
    fn the_devices_that_the_tree_holds_are_the_runs_and_else_all_where_nobody_tells() {
        let two = |own: [Option<bool>; 2]| {
            vec![device(0, 5, (40.0, GIB), own[0]), device(1, 5, (80.0, 2 * GIB), own[1])]
        };
        let gib = |count: f64| Some(count * GIB as f64);
        for (own, duty, memory, shared) in [
            ([Some(true), Some(true)], Some(60.0), gib(3.0), false),
            ([Some(true), Some(false)], Some(40.0), gib(1.0), false),
            ([None, Some(true)], Some(80.0), gib(2.0), false),
            ([None, None], Some(60.0), gib(3.0), true),
            ([None, Some(false)], Some(40.0), gib(1.0), true),
            ([Some(false), Some(false)], None, None, false),
        ] {
            let now = TpuNow::of(&tick(9, two(own)));
            assert_eq!((now.duty, now.memory, now.shared), (duty, memory, shared), "{own:?}");
        }
        let mut half = two([Some(true), Some(true)]);
        half[1].utilisation_percent = None;
        half.push(GpuReading {
            utilisation_percent: Some(99.0),
            memory_bytes: Some(7),
            own: Some(true),
            ..GpuReading::default()
        });
        let now = TpuNow::of(&tick(9, half));
        assert_eq!((now.duty, now.memory), (None, gib(3.0)), "a mean over some is no mean");
        assert_eq!(
            TpuNow::of(&tick(9, Vec::new())),
            TpuNow { t_ns: 9_000_000, ..TpuNow::default() }
        );
    }

    #[test]
    fn an_answer_counts_once_however_often_it_is_seen() {
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
        let (mut series, mut totals) = (TpuSeries::default(), TpuTotals::default());
        for pair in ticks.windows(2) {
            series.push((&pair[0], &pair[1]));
        }
        for tick in &ticks {
            totals.sample(tick);
        }
        // 50% from where the stage began to 1.15 s, 90% for a second, 30% for 0.1 s: nothing is known of the gap.
        let duty = total(&series.duty.parts(0, 1));
        assert!((duty.weight - 1.25).abs() < 1e-9, "{duty:?}");
        assert!((duty.amount - (50.0 * 0.15 + 90.0 + 3.0)).abs() < 1e-9, "{duty:?}");
        assert_eq!(series.duty.observations(), 3);
        assert_eq!(totals.peak.readings(), 5);
        assert!(totals.has("tpu.duty_cycle") && !totals.shared && totals.foreign().is_none());
    }

    #[test]
    fn what_may_come_is_waited_for_and_no_longer_than_a_minute() {
        let mut totals = TpuTotals::default();
        totals.sample(&tick(0, Vec::new()));
        for (why, comes) in [
            (Reason::from("no workload holds the TPU yet"), true),
            (Reason::unsupported("no TPU found"), false),
            (Reason::new(GapKind::Off, "switched off"), false),
        ] {
            assert_eq!(totals.may_come(&why), comes, "{why}");
        }
        let waiting = Reason::new(GapKind::Waiting, "no answer yet");
        totals.sample(&tick(59_999, Vec::new()));
        assert!(totals.may_come(&waiting));
        totals.sample(&tick(60_000, Vec::new()));
        assert!(!totals.may_come(&waiting) && totals.foreign().is_none());
        totals.sample(&tick(60_100, vec![device(0, 60_050, (1.0, 1), Some(false))]));
        assert!(totals.foreign().is_some() && !totals.has("tpu.memory_peak"));
    }
}
