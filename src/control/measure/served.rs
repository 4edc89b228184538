//! The memory of what serves: the run's until its requests before the training are answered.

use crate::event::{Phase, ResourceSample};

/// How many processes there were.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Members {
    /// Most living ones in a tick.
    pub(crate) processes: u32,
    /// Largest resident memory at a tick that found one only, in bytes: nobody shares it.
    pub(crate) alone: f64,
    /// Largest resident memory of several at a tick, in bytes.
    pub(crate) together: f64,
}

impl Members {
    /// Adds a tick.
    pub(crate) fn see(&mut self, sample: &ResourceSample) {
        self.processes = self.processes.max(sample.processes);
        let of = if sample.processes > 1 { &mut self.together } else { &mut self.alone };
        *of = of.max(sample.rss_bytes.unwrap_or_default() as f64);
    }

    /// Whether a peak may be the sum of several: not where several, such as a shell that becomes its command, held less
    /// than half of it whenever they were looked at.
    pub(crate) fn share(&self, peak: Option<f64>) -> bool {
        self.processes > 1 && peak.is_none_or(|peak| self.together * 2.0 >= peak)
    }
}

/// The high-water mark of the memory as it stood while serving.
#[derive(Debug, Clone, Default)]
pub(crate) struct Served {
    /// The largest resident memory since the start, in bytes.
    pub(crate) peak: Option<f64>,
    pub(crate) members: Members,
    pub(crate) ticks: u64,
    /// Time of phases that serve, in nanoseconds, without the current one.
    pub(crate) serving_ns: u64,
    /// When the current one began.
    pub(crate) since_ns: Option<u64>,
    /// Whether what serves is over, and not cut short.
    pub(crate) is_over: bool,
    /// Whether it trained before: then the mark has the training in it.
    pub(crate) trained: bool,
    /// Whether the worker says that it reads its training data only later.
    pub(crate) is_lean: bool,
}

impl Served {
    /// Enters a phase; `last`: none that serves comes after one that does not.
    pub(crate) fn enter(&mut self, phase: Phase, now_ns: u64, last: bool) {
        let serves = matches!(phase, Phase::Serve(_) | Phase::Probe(_));
        let began = self.since_ns.is_some() || self.serving_ns > 0;
        self.leave(now_ns);
        self.since_ns = serves.then_some(now_ns);
        self.is_over |= last && began && !serves;
        self.trained |= phase == Phase::Train;
    }

    /// Leaves the current phase.
    pub(crate) fn leave(&mut self, now_ns: u64) {
        if let Some(since_ns) = self.since_ns.take() {
            let took_ns = now_ns.saturating_sub(since_ns);
            self.serving_ns = self.serving_ns.saturating_add(took_ns);
        }
    }

    /// Nothing comes any more, and nobody cut it short.
    pub(crate) fn finish(&mut self) {
        self.is_over |= self.ticks > 0;
    }

    /// Adds a tick that is settled.
    pub(crate) fn sample(&mut self, sample: &ResourceSample) {
        if !self.is_over {
            self.members.see(sample);
        }
        if self.since_ns.is_some()
            && !self.trained
            && let Some(bytes) = sample.peak_bytes
        {
            self.ticks += 1;
            let bytes = bytes as f64;
            self.peak = Some(self.peak.map_or(bytes, |peak| peak.max(bytes)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shell_that_becomes_its_command_shares_no_peak() {
        for (ticks, peak, shared) in [
            (&[(1, 15 << 20)][..], 15, false),
            // The shell and its copy of itself, before it becomes the command.
            (&[(2, 3 << 20), (1, 15 << 20)], 15, false),
            // A shell that waits for its command.
            (&[(2, 3 << 20), (2, 18 << 20)], 18, true),
            // A loader of data that has ended.
            (&[(3, 40 << 20), (1, 60 << 20)], 60, true),
        ] {
            let mut members = Members::default();
            for (processes, rss) in ticks {
                members.see(&ResourceSample {
                    processes: *processes,
                    rss_bytes: Some(*rss),
                    ..ResourceSample::default()
                });
            }
            assert_eq!(members.share(Some(f64::from(peak << 20))), shared, "{ticks:?}");
        }
    }

    #[test]
    fn times_that_cannot_be_add_up_to_the_longest() {
        let mut served = Served::default();
        for t_ns in [0, u64::MAX, 0, u64::MAX] {
            served.enter(Phase::Serve(1), t_ns, true);
        }
        served.leave(0);
        assert_eq!(served.serving_ns, u64::MAX);
    }
}
