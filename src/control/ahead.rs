//! What is still to come of a stage, as far as anybody knows.

use super::measure::times::{ELAPSED, ITEMS};
use super::run::Run;
use super::stage::StageState;
use crate::event::Stage;

impl Run {
    /// Seconds in which a stage may still become known: until the limit of a stage, of the run or of the requests, or until all
    /// epochs are done.
    pub(super) fn left_s(&self, of: Stage) -> f64 {
        let Some(state) = self.stage(of) else {
            return f64::INFINITY;
        };
        let seconds = |ns: u64| ns as f64 * 1e-9;
        let age_s = seconds(state.age_ns(self.now_ns));
        let run_s = seconds(self.now_ns.saturating_sub(self.context.started_ns));
        let serves = matches!(of, Stage::Serve(_) | Stage::Confirm(_));
        let ends = [
            Some(self.policy.max_time_s - age_s),
            self.policy.max_run_time_s.map(|limit_s| limit_s - run_s),
            self.context.serve_max_s.filter(|_| serves).map(|limit_s| limit_s - age_s),
            self.whole_s(state).map(|whole_s| whole_s - age_s),
        ];
        ends.into_iter().flatten().fold(f64::INFINITY, f64::min)
    }

    /// The time of all budgeted epochs at the pace so far, in seconds.
    fn whole_s(&self, state: &StageState) -> Option<f64> {
        let budget =
            self.pace.budget(self.context.epochs).filter(|_| state.stage == Stage::Train)?;
        let sample_s = state.series.times.sum(ELAPSED, ITEMS).ratio()?;
        let between_s = budget.between_s(self.policy.confidence).map_or(0.0, |(mean_s, _)| mean_s);
        Some(budget.whole_s(sample_s, between_s))
    }
}
