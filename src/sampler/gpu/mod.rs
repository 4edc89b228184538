//! Accelerators through NVML: utilisation, memory, power, energy, clocks, traffic.
//!
//! NVML is loaded once, when first asked for, and stays loaded. A call may take milliseconds, or seconds where a driver is in
//! trouble, so the devices are asked on a thread of their own ([`Background`]), about as often as the driver measures: a tick
//! takes the last answer and never waits. The thread lives as long as its [`super::Sampler`], so that the first tick of a run
//! finds an answer, and the last one is no older than a period.
//!
//! What comes from that thread is raw, processes included; which of them are the run's is known at the tick ([`reading`]).

mod activity;
mod calls;
mod device;
mod nvml;
mod reading;
mod usage;
mod words;

pub use self::device::Accelerator;
pub use self::nvml::{AcceleratorReading, accelerators, look};

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use self::nvml::{Answers, LONGEST, NvmlReader, loaded, pids_are_shared};
use self::reading::{Counters, Tree};
use super::background::Background;
use super::policy::SamplerPolicy;
use super::probe::{Probe, Tick};
use crate::clock::{Clock, MonotonicClock};
use crate::event::{Gap, GapKind, GpuReading, Reason, Vendor};

/// Shortest and longest time between two questions, in nanoseconds; the driver itself measures in periods of 20 ms to 1 s.
const PACE_NS: (u64, u64) = (100_000_000, 1_000_000_000);

/// The first answer was waited for, and did not come.
static LATE: AtomicBool = AtomicBool::new(false);

/// The thread that asks, shared by all runs of a sampler; or why there is none.
#[derive(Debug, Clone)]
pub(super) struct GpuSource(Result<Arc<Background<Result<Answers, Reason>>>, Reason>);

impl GpuSource {
    /// Starts to ask, if the user wants it and there is a driver.
    pub(super) fn new(policy: SamplerPolicy) -> Self {
        if !policy.gpu {
            return Self(Err(Reason::new(GapKind::Off, "switched off in `[sampler] gpu`")));
        }
        let start = |library| {
            let (shortest, longest) = PACE_NS;
            let period = Duration::from_nanos(policy.interval_ns.clamp(shortest, longest));
            // Before there is anything to measure, the first answer is waited for; a second time nobody waits in vain.
            let first = if LATE.load(Ordering::Relaxed) { Duration::ZERO } else { LONGEST };
            let started = Self::start(NvmlReader::new(library), period, MonotonicClock, first)?;
            let answer = started.last(MonotonicClock.now_ns());
            LATE.store(answer.is_err(), Ordering::Relaxed);
            Ok(started)
        };
        Self(loaded().and_then(start))
    }

    fn start(
        mut reader: NvmlReader,
        period: Duration,
        clock: impl Clock + Clone + 'static,
        first: Duration,
    ) -> Result<Arc<Background<Result<Answers, Reason>>>, Reason> {
        let time = clock.clone();
        let ask = move || reader.ask(&time);
        let started = Background::start("nvml", period, clock, ask);
        let background = started.map_err(|error| format!("no thread to ask NVML on: {error}"))?;
        background.wait(first);
        Ok(Arc::new(background))
    }
}

/// Reads all devices that NVML knows.
pub(super) struct GpuProbe {
    source: GpuSource,
    shared_ids: bool,
    counters: Counters,
    /// Time of the last answer whose cost was counted.
    counted_ns: Option<u64>,
    /// The one device that is of interest; absent: all.
    only: Option<String>,
}

impl GpuProbe {
    /// Of one run.
    pub(super) fn new(source: GpuSource) -> Self {
        Self {
            source,
            shared_ids: pids_are_shared(),
            counters: Counters::default(),
            counted_ns: None,
            only: None,
        }
    }

    /// The same, of this device alone: the others are those of other lanes.
    pub(super) fn of_device(mut self, uuid: &str) -> Self {
        self.only = Some(uuid.to_owned());
        self
    }

    fn take(&mut self, answers: &Answers, tick: &mut Tick<'_>) {
        let tree = Tree { pids: tick.pids, shared_ids: self.shared_ids };
        let is_wanted = |raw: &&reading::Raw| {
            self.only.as_ref().is_none_or(|only| *only == raw.identity.device)
        };
        for raw in answers.devices.iter().filter(is_wanted) {
            let reading = reading::map(raw, tree, &mut self.counters, tick.gaps);
            tick.sample.gpus.push(reading);
        }
        for (index, why) in &answers.missing {
            tick.gaps.report(&format!("gpu[{index}]"), why);
        }
    }
}

impl Probe for GpuProbe {
    fn name(&self) -> &'static str {
        "gpu"
    }

    fn read(&mut self, tick: &mut Tick<'_>) {
        let source = self.source.clone();
        let answer = source.0.and_then(|background| background.last(tick.now_ns));
        match answer {
            Err(why) => tick.gaps.report("gpu", &why),
            Ok(answer) => match &*answer.value {
                Err(why) => tick.gaps.report("gpu", why),
                Ok(answers) => {
                    self.take(answers, tick);
                    if self.counted_ns.replace(answer.t_ns) != Some(answer.t_ns) {
                        // What the thread uses is the sampler's own doing as well.
                        tick.sample.cost_ns += answers.cost_ns;
                    }
                }
            },
        }
    }
}

/// The gaps that hold for every device: what one of several lacks, another may tell.
pub(super) fn of_all(gaps: &[Gap], readings: &[GpuReading]) -> Vec<Gap> {
    let devices = readings.iter().filter(|gpu| gpu.vendor != Vendor::Tpu);
    let devices = devices.count();
    let field_of = |gap: &Gap| {
        let (device, field) = gap.field.split_once("].")?;
        device.starts_with("gpu[").then(|| field.to_owned())
    };
    let lacking = |field: &String| {
        let lack = gaps.iter().filter(|gap| field_of(gap).as_ref() == Some(field));
        lack.count() >= devices
    };
    let everywhere = |gap: &&Gap| field_of(gap).as_ref().is_none_or(lacking);
    gaps.iter().filter(everywhere).cloned().collect()
}

#[cfg(test)]
mod tests;
