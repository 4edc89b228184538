//! A tick of the sampler, and what the time between two neighbouring ones says of each source of a metric.
//!
//! A figure that has a gap at either end is left out for the interval; a gap is never a zero.

use super::device::DeviceNow;
use crate::control::devices::Selection;
use crate::event::ResourceSample;
use crate::metric::{DeviceKind, Field, Source};
use crate::stats::Part;

/// A tick with the figures of the run's accelerators.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Tick<'a> {
    pub(crate) sample: &'a ResourceSample,
    gpu: DeviceNow,
    tpu: DeviceNow,
}

impl<'a> Tick<'a> {
    /// `devices`: those of the run.
    pub(crate) fn new(sample: &'a ResourceSample, devices: &Selection) -> Self {
        let of = |kind| DeviceNow::of(kind, sample, devices);
        Self { sample, gpu: of(DeviceKind::Gpu), tpu: of(DeviceKind::Tpu) }
    }

    /// The run's accelerators of this kind.
    pub(crate) fn device(&self, kind: DeviceKind) -> &DeviceNow {
        match kind {
            DeviceKind::Gpu => &self.gpu,
            DeviceKind::Tpu => &self.tpu,
        }
    }

    /// The newest value of a source, in the base unit of its metrics, and when it was read, in nanoseconds.
    pub(crate) fn value(&self, source: Source) -> Option<(u64, f64)> {
        match source {
            Source::Device(kind, reading) => {
                let now = self.device(kind);
                Some((now.t_ns, now.get(reading)?))
            }
            source => {
                let field = source.field()?;
                Some((self.sample.t_ns, self.sample.get(field)?))
            }
        }
    }

    /// Whether it has what a metric of this source is made of.
    pub(crate) fn has(&self, source: Source) -> bool {
        let delay = || source == Source::Disturbed && self.sample.get(Field::RunDelay).is_some();
        self.value(source).is_some() || delay()
    }
}

/// What an interval says of a source: its mean, and that times the seconds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Observed {
    /// Begin and end, in nanoseconds.
    pub(crate) span_ns: (u64, u64),
    pub(crate) seconds: f64,
    pub(crate) mean: f64,
    pub(crate) amount: f64,
}

impl Observed {
    /// The middle of its time, in seconds.
    pub(crate) fn middle_s(&self) -> f64 {
        self.span_ns.0 as f64 * 1e-9 + self.seconds / 2.0
    }
}

/// The time between two neighbouring ticks.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Interval<'a> {
    pub(crate) before: Tick<'a>,
    pub(crate) after: Tick<'a>,
    pub(crate) seconds: f64,
}

impl<'a> Interval<'a> {
    /// `devices`: those of the run. `None` where no time has passed.
    pub(crate) fn new(
        before: &'a ResourceSample,
        after: &'a ResourceSample,
        devices: &Selection,
    ) -> Option<Self> {
        let seconds = after.t_ns.checked_sub(before.t_ns)? as f64 * 1e-9;
        let (before, after) = (Tick::new(before, devices), Tick::new(after, devices));
        (seconds > 0.0).then_some(Self { before, after, seconds })
    }

    /// Begin and end, in nanoseconds.
    pub(crate) fn span_ns(&self) -> (u64, u64) {
        (self.before.sample.t_ns, self.after.sample.t_ns)
    }

    /// What it says of a source that is a gauge, or a counter as a rate. `since_ns`: when the stage began to be read.
    pub(crate) fn observe(&self, source: Source, since_ns: u64) -> Option<Observed> {
        let (mean, amount) = match source {
            Source::Device(DeviceKind::Tpu, _) => return self.answer(source, since_ns),
            Source::Tick(field) if field.is_counter() => {
                let amount = self.risen(field)?;
                (amount / self.seconds, amount)
            }
            Source::Tick(_) | Source::Device(..) => {
                let ((_, old), (_, new)) = (self.before.value(source)?, self.after.value(source)?);
                let mean = f64::midpoint(old, new);
                (mean, mean * self.seconds)
            }
            _ => return None,
        };
        Some(Observed { span_ns: self.span_ns(), seconds: self.seconds, mean, amount })
    }

    /// A runtime's figures are a second old at most and the same for several ticks, so what counts is a new answer and not a
    /// tick: a repeated one would look like more evidence than there is. It speaks of the time since the answer before it, as
    /// far as that lies in the stage.
    fn answer(&self, source: Source, since_ns: u64) -> Option<Observed> {
        let Source::Device(kind, reading) = source else { return None };
        let (old, new) = (self.before.device(kind), self.after.device(kind));
        let from_ns = old.t_ns.max(since_ns);
        if !old.seen || old.t_ns == new.t_ns || new.t_ns <= from_ns {
            return None;
        }
        let seconds = (new.t_ns - from_ns) as f64 * 1e-9;
        let mean = new.get(reading)?;
        Some(Observed { span_ns: (from_ns, new.t_ns), seconds, mean, amount: mean * seconds })
    }

    /// What it says of a source of which a stage's figure is a share of the time.
    pub(crate) fn share(&self, source: Source) -> Option<Part> {
        let of_time = |amount| Part { amount, weight: self.seconds };
        Some(match source {
            Source::RunDelay => {
                let (cpu, delay) = (self.risen(Field::Cpu)?, self.risen(Field::RunDelay)?);
                Part { amount: delay, weight: delay + cpu }
            }
            Source::Tick(field) => of_time(self.risen(field)?),
            _ => return None,
        })
    }

    /// By how much a counter has risen, in the base unit of its metrics; `None` where an end is missing or it fell.
    fn risen(&self, field: Field) -> Option<f64> {
        let (before, after) = (self.before.sample.raw(field)?, self.after.sample.raw(field)?);
        Some(after.checked_sub(before)? as f64 * field.scale())
    }
}
