//! Which stage a tick of the sampler belongs to.

use super::controller::Controller;
use super::measure::tick::Interval;
use crate::event::{ResourceSample, Stage};

/// Age from which on a sample of a command is taken for one of the current stage, in nanoseconds.
const SILENT_NS: u64 = 500_000_000;

impl Controller {
    /// The same of a command, which may never say anything: what it has said by now is here.
    pub(super) fn settle_silence(&mut self, now_ns: u64) {
        if let Some(until_ns) = self.silent_until(now_ns) {
            self.settle_samples(until_ns);
        }
    }

    /// Until when a tick at this time settles those that wait.
    pub(super) fn silent_until(&self, now_ns: u64) -> Option<u64> {
        self.context.command.then(|| now_ns.saturating_sub(SILENT_NS))
    }

    /// The intervals of the current stage that [`Self::settle_samples`] would settle, each with the ticks at its ends.
    pub(super) fn unsettled(&self, until_ns: u64) -> Vec<[ResourceSample; 2]> {
        let Some(state) = self.stages.iter().find(|state| Some(state.stage) == self.current) else {
            return Vec::new();
        };
        let waiting = self.pending.iter().take_while(|sample| sample.t_ns <= until_ns);
        let ticks: Vec<_> = self.last_tick.iter().chain(waiting).collect();
        let within = |pair: &&[&ResourceSample]| pair[0].t_ns >= state.entered_ns;
        let intervals = ticks.windows(2).filter(within);
        intervals.map(|pair| [pair[0].clone(), pair[1].clone()]).collect()
    }

    /// Gives samples from before a message of the worker to the stage that was current until then.
    pub(super) fn settle_samples(&mut self, until_ns: u64) {
        while self.pending.front().is_some_and(|sample| sample.t_ns <= until_ns) {
            let Some(sample) = self.pending.pop_front() else {
                return;
            };
            let current = self.current;
            let before = self.last_tick.as_ref();
            let interval = before.and_then(|b| Interval::new(b, &sample, &self.totals.devices));
            let state = self.stages.iter_mut().find(|state| Some(state.stage) == current);
            if let (Some(state), Some(interval)) = (state, &interval)
                && interval.span_ns().0 >= state.entered_ns
            {
                state.sampled.push(interval);
            } else if let (Some(Stage::Probe(size)), Some(interval)) = (current, &interval) {
                self.totals.searches.entry(size).or_default().push(interval);
            }
            self.feed_energy(&sample);
            self.last_tick = Some(sample);
        }
    }
}
