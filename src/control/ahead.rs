//! What is still to come of a stage, as far as anybody knows.

use super::measure::assessment::Assessment;
use super::measure::times::{ELAPSED, ITEMS};
use super::run::Run;
use super::stage::StageState;
use crate::event::{Note, Num, Stage};

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

    /// What a figure is known to for the regime seen, and for the whole.
    pub(super) fn ahead(&self, state: &StageState, found: &Assessment) -> Option<Note> {
        let (whole_s, regime) = (self.horizon_s(state)?, found.regime?);
        let seen_s = Num(regime.seen_s);
        if whole_s <= regime.seen_s {
            let passed = self
                .policy
                .horizon_s
                .map(|limit_s| Note::PastHorizon { seen_s, of_s: Num(limit_s) });
            return passed;
        }
        // Of the figure itself, as its row has it: what is asked of a low utilisation is a share of more.
        let value = found.estimate?.value.abs();
        let share = |half: f64| (value > 0.0).then(|| Num(half / value));
        Some(Note::Whole {
            regime: share(regime.half)?,
            seen_s,
            whole: share(regime.whole(whole_s, self.policy.confidence))?,
            of_s: Num(whole_s),
        })
    }

    /// The length of what the figures of a stage speak of, where it is known, in seconds.
    pub(super) fn horizon_s(&self, state: &StageState) -> Option<f64> {
        self.policy.horizon_s.or_else(|| self.whole_s(state))
    }

    /// The time of all budgeted epochs at the pace so far, in seconds.
    fn whole_s(&self, state: &StageState) -> Option<f64> {
        let budget = self
            .pace
            .budget(self.context.planned_epochs())
            .filter(|_| state.stage == Stage::Train)?;
        let sample_s = state.series.times.sum(ELAPSED, ITEMS).ratio()?;
        let between_s = budget.between_s(self.policy.confidence).map_or(0.0, |(mean_s, _)| mean_s);
        Some(budget.whole_s(sample_s, between_s))
    }
}
