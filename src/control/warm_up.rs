//! What the estimates of a stage leave out as warm-up, in time: for those who draw a run.

use super::measure::assessment::settle;
use super::measure::times::CAPACITY;
use crate::event::StepBatch;
use crate::stats::BatchSeries;
use crate::stats::batches::total;

/// The steps of one stage, seen as the controller sees them.
#[derive(Debug, Clone)]
pub struct WarmUp {
    /// Steps, seconds of their latency, of what elapsed with them, and since the end of the one before.
    times: BatchSeries<4>,
    last_ns: u64,
}

impl WarmUp {
    /// Of a stage that was entered at this time of the recording, in nanoseconds.
    pub fn new(entered_ns: u64) -> Self {
        Self { times: BatchSeries::new(CAPACITY), last_ns: entered_ns }
    }

    /// Adds timed steps of the stage.
    pub fn steps(&mut self, batch: &StepBatch) {
        for request in batch.requests() {
            let end_ns = request.end_ns();
            let passed = end_ns.saturating_sub(self.last_ns) as f64 * 1e-9;
            let latency = request.latency_ns() as f64 * 1e-9;
            let elapsed = request.elapsed_ns() as f64 * 1e-9;
            self.times.push([1.0, latency, elapsed, passed]);
            self.last_ns = self.last_ns.max(end_ns);
        }
    }

    /// Seconds from the beginning of the stage to the end of the last step that is left out; `None`: none is.
    pub fn cut_s(&self) -> Option<f64> {
        let elapsed = total(&self.times.parts(2, 0)).amount;
        let cut = settle(&self.times.parts(1, 0), elapsed).cut;
        let passed = self.times.parts(3, 0);
        (cut > 0).then(|| passed.iter().take(cut).map(|part| part.amount).sum())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Phase;

    fn batch(start_ns: u64, dur_ns: Vec<u64>) -> StepBatch {
        StepBatch {
            phase: Phase::Train,
            items: 1,
            start_ns,
            dur_ns,
            wait_ns: Vec::new(),
            gap_ns: Vec::new(),
            fetch_ns: Vec::new(),
            loss: None,
        }
    }

    #[test]
    fn time_between_steps_belongs_to_what_is_left_out() {
        let mut warm_up = WarmUp::new(1_000_000_000);
        // Ten slow steps, a pause of a second, ten more, then steady ones.
        let slow = vec![50_000_000; 10];
        warm_up.steps(&batch(1_000_000_000, slow.clone()));
        warm_up.steps(&batch(2_500_000_000, slow));
        let steady: Vec<u64> = (0..200).map(|i| 10_000_000 + i % 7 * 100_000).collect();
        warm_up.steps(&batch(3_000_000_000, steady));
        let cut_s = warm_up.cut_s().unwrap();
        assert!((cut_s - 2.0).abs() < 0.1, "{cut_s}");
    }

    #[test]
    fn what_is_steady_from_the_start_loses_nothing() {
        let mut warm_up = WarmUp::new(0);
        let steady: Vec<u64> = (0..200).map(|i| 10_000_000 + i * 7919 % 13 * 100_000).collect();
        warm_up.steps(&batch(0, steady));
        let cut_s = warm_up.cut_s().unwrap_or(0.0);
        assert!(cut_s < 0.2, "{cut_s}");
    }
}
