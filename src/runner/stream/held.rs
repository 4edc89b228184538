//! What a worker says, held against what the clock, the machine and the job say.
//!
//! A figure that cannot be is no figure: it would decide a verdict. A command keeps the freedom that is written of it: it
//! says no times of its own, and what it reports is timed when it comes.

use super::seen::Seen;
use super::violation::Violation;
use crate::event::bounds::{METRICS, METRICS_PER_S};
use crate::event::{EpochReport, Finished, JobSpec, Num, Phase, ResourceSample, StepBatch, Usage};
use crate::sampler::Capacity;

/// Clocks of one machine may be read in another order than they are compared, in nanoseconds.
const SLACK_NS: u64 = 1_000_000_000;

/// What is known of a worker without its word.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Witness {
    /// When it was started, in nanoseconds.
    pub started_ns: u64,
    /// What the machine has; absent where a script is played, whose time and figures are made up.
    pub capacity: Option<Capacity>,
}

/// What is checked from one message to the next.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Held {
    witness: Witness,
    budget: u32,
    batch_size: u32,
    /// Before this nothing of the current phase can have begun, in nanoseconds.
    from_ns: u64,
    /// What lies there.
    from: &'static str,
    /// When the current phase was announced, in nanoseconds.
    phase_ns: u64,
    /// Samples that were trained on since the last epoch.
    trained_on: u64,
    tested: bool,
    metrics: u64,
    /// The runner has said that the training is over, or all.
    asked: bool,
    /// The process that says hello.
    pub(super) pid: u32,
    seen: Seen,
}

impl Held {
    pub(super) fn new(job: &JobSpec, witness: Witness) -> Self {
        Self {
            witness,
            budget: job.train.epochs,
            batch_size: job.train.batch_size,
            from_ns: witness.started_ns.saturating_sub(SLACK_NS),
            from: "the worker was started",
            phase_ns: 0,
            trained_on: 0,
            tested: false,
            metrics: 0,
            asked: false,
            pid: 0,
            seen: Seen::default(),
        }
    }

    pub(super) fn ask_to_stop(&mut self) {
        self.asked = true;
    }

    /// A message of this time came at `now_ns`.
    pub(super) fn message(&self, t_ns: u64, now_ns: u64) -> Result<(), Violation> {
        let least = self.witness.started_ns.saturating_sub(SLACK_NS);
        if t_ns < least {
            let than = "the worker was started";
            return Err(Violation::Past { what: "a message", by_ns: least - t_ns, than });
        }
        let most = now_ns.saturating_add(SLACK_NS);
        if self.witness.capacity.is_some() && t_ns > most {
            return Err(Violation::Ahead { by_ns: t_ns - now_ns });
        }
        Ok(())
    }

    pub(super) fn phase(&mut self, phase: Phase, t_ns: u64) {
        self.phase_ns = t_ns;
        if self.from_ns < t_ns {
            (self.from_ns, self.from) = (t_ns, "their phase began");
        }
        self.tested |= phase == Phase::Test;
    }

    pub(super) fn steps(&mut self, batch: &StepBatch) -> Result<(), Violation> {
        let asked = match batch.phase {
            Phase::Serve(size) | Phase::Probe(size) | Phase::Confirm(size) => size..=size,
            Phase::Train => 1..=self.batch_size,
            _ => 1..=u32::MAX,
        };
        if !asked.contains(&batch.items) {
            let (phase, found, asked) = (batch.phase, batch.items, *asked.end());
            return Err(Violation::Items { phase, found, asked });
        }
        if batch.dur_ns.contains(&0) {
            return Err(Violation::Instant { phase: batch.phase });
        }
        if batch.start_ns < self.from_ns {
            let (by_ns, than) = (self.from_ns - batch.start_ns, self.from);
            return Err(Violation::Past { what: "steps", by_ns, than });
        }
        let early = batch.requests().map(|request| request.scheduled_ns()).min();
        if let Some(early) = early.filter(|early| *early < self.phase_ns) {
            let (by_ns, than) = (self.phase_ns - early, "their phase began");
            return Err(Violation::Past { what: "requests scheduled", by_ns, than });
        }
        (self.from_ns, self.from) = (batch.end_ns(), "those before them had ended");
        if batch.phase == Phase::Train {
            let items = u64::from(batch.items).saturating_mul(batch.dur_ns.len() as u64);
            self.trained_on = self.trained_on.saturating_add(items);
        }
        Ok(())
    }

    pub(super) fn epoch(
        &mut self,
        report: &EpochReport,
        phase: Option<Phase>,
    ) -> Result<(), Violation> {
        if !matches!(phase, Some(Phase::Train | Phase::Validate)) {
            return Err(Violation::Order { found: "epoch", expected: "a phase that trains" });
        }
        if report.epoch > self.budget {
            return Err(Violation::Budget { found: report.epoch, budget: self.budget });
        }
        let steps = std::mem::take(&mut self.trained_on);
        if report.samples > steps {
            return Err(Violation::EpochSamples { found: report.samples, steps });
        }
        Ok(())
    }

    /// One more metric of its own.
    pub(super) fn metric(&mut self, t_ns: u64) -> Result<(), Violation> {
        let seconds = t_ns.saturating_sub(self.witness.started_ns) / 1_000_000_000;
        self.metrics += 1;
        let most = METRICS.saturating_add(seconds.saturating_mul(METRICS_PER_S));
        if self.metrics > most {
            Err(Violation::Metrics { found: self.metrics, seconds })
        } else {
            Ok(())
        }
    }

    pub(super) fn sample(&mut self, sample: &ResourceSample, works: bool) {
        self.seen.sample(sample, works);
    }

    /// What the kernel has counted of the process `pid` that was started and has ended.
    pub(super) fn counted(&mut self, pid: u32, usage: Usage) {
        self.seen.counted(pid, usage);
    }

    /// Holds what the worker says that it used against what others saw of it.
    pub(super) fn used(&self, finished: &Finished) -> Result<(), Violation> {
        match self.witness.capacity {
            Some(Capacity { cores, .. }) => self.seen.check(self.pid, finished.usage, cores),
            None => Ok(()),
        }
    }

    pub(super) fn finished(&self, finished: &Finished, now_ns: u64) -> Result<(), Violation> {
        if finished.stopped && !self.asked {
            return Err(Violation::Unstopped);
        }
        if !finished.stopped && finished.epochs < self.budget {
            let (epochs, budget) = (finished.epochs, self.budget);
            return Err(Violation::Unfinished { epochs, budget });
        }
        if (finished.test_loss.is_some() || finished.test_accuracy.is_some()) && !self.tested {
            return Err(Violation::Untested);
        }
        let Some(Capacity { cores, memory_bytes }) = self.witness.capacity else {
            return Ok(());
        };
        self.used(finished)?;
        let passed_ns = now_ns.saturating_sub(self.witness.started_ns).saturating_add(SLACK_NS);
        let usage = finished.usage;
        for (what, found, most) in [
            ("cpu_ns", usage.cpu_ns, passed_ns.saturating_mul(u64::from(cores))),
            ("vm_hwm_bytes", usage.vm_hwm_bytes, memory_bytes),
            ("hwm_at_most_bytes", usage.hwm_at_most_bytes, memory_bytes),
        ] {
            if let Some(found) = found.filter(|found| *found > most) {
                return Err(Violation::Usage { what, found, most });
            }
        }
        Ok(())
    }
}

pub(super) fn accuracy(accuracy: Option<Num>) -> Result<(), Violation> {
    match accuracy {
        Some(Num(share)) if !(0.0..=1.0).contains(&share) => {
            Err(Violation::Accuracy { found: share.to_string() })
        }
        _ => Ok(()),
    }
}
