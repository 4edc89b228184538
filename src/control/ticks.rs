//! Which stage a tick of the sampler belongs to.

use super::controller::Controller;
use crate::event::Stage;

/// Age from which on a sample of a command is taken for one of the current stage, in nanoseconds.
const SILENT_NS: u64 = 500_000_000;

impl Controller {
    /// The same of a command, which may never say anything: what it has said by now is here.
    pub(super) fn settle_silence(&mut self, now_ns: u64) {
        if self.context.command {
            self.settle_samples(now_ns.saturating_sub(SILENT_NS));
        }
    }

    /// Gives samples from before a message of the worker to the stage that was current until then.
    pub(super) fn settle_samples(&mut self, until_ns: u64) {
        while self.pending.front().is_some_and(|sample| sample.t_ns <= until_ns) {
            let Some(sample) = self.pending.pop_front() else {
                return;
            };
            let current = self.current;
            let state = self.stages.iter_mut().find(|state| Some(state.stage) == current);
            if let (Some(state), Some(before)) = (state, &self.last_tick)
                && before.t_ns >= state.entered_ns
            {
                let cores = self.context.usable_cores;
                state.interval((before, &sample), (cores, &self.totals));
            } else if let (Some(Stage::Probe(size)), Some(before)) = (current, &self.last_tick) {
                let search = self.totals.searches.entry(size).or_default();
                search.push((before, &sample), &self.totals.devices);
            }
            self.feed_energy(&sample);
            self.last_tick = Some(sample);
        }
    }
}
