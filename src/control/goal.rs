//! What a training is asked to reach, when it has, and what an end before that spares.

use super::constraint::decided;
use super::measure::figure::Figure;
use super::measure::measure;
use super::run::Run;
use crate::event::{
    Constraint, Evidence, Finding, MetricRow, Num, Ruling, Spared, Stage, StopRecord,
};
use crate::metric::{MetricDef, MetricId, Source};

impl Run {
    /// Whether a figure of the trained model is chosen: then the system metrics alone do not end the training. A target
    /// accuracy is one until it is reached.
    pub(super) fn wants_training(&self) -> bool {
        let of_model = |metric: &&MetricDef| match metric.source {
            Source::Target => {
                self.policy.target_accuracy.is_some() && self.pace.reached().is_none()
            }
            _ => metric.is_said_last(),
        };
        self.chosen.iter().any(of_model)
    }

    /// Time in training so far, in seconds: from the first step to now, or to where it was left.
    fn training_s(&self) -> Option<f64> {
        let state = self.stage(Stage::Train)?;
        let since_ns = self.pace.first_step_ns()?;
        let until_ns = state.left_ns.unwrap_or(self.now_ns);
        Some(until_ns.saturating_sub(since_ns) as f64 * 1e-9)
    }

    /// The time to the target accuracy.
    pub(super) fn target(&self) -> Figure {
        self.pace.to_target(self.policy.target_accuracy, self.training_s())
    }

    /// A limit on the time to the target accuracy that has passed, reached or not.
    pub(super) fn overdue(&self, constraint: &Constraint) -> Option<Finding> {
        let target = self.policy.target_accuracy?;
        let reached = self.pace.reached();
        let spent = reached.map(|found| found.after_s).or(self.training_s())?;
        if !constraint.op.is_upper() || constraint.op.holds(spent, constraint.limit) {
            return None;
        }
        let evidence = match reached {
            Some(found) => Evidence::TargetReached {
                target: Num(target),
                epoch: found.epoch,
                after_s: Num(spent),
            },
            None => Evidence::NoFigure { notes: self.target().notes, trained: false },
        };
        Some(Finding::new(Ruling::Broken, constraint, evidence))
    }

    /// What becomes of such a limit where the target was not reached and the limit has not passed.
    pub(super) fn missed(
        &self,
        constraint: &Constraint,
        row: &MetricRow,
        ended: &StopRecord,
    ) -> Finding {
        let trained = self.trained_to_the_end(ended.reason);
        let decided = trained && constraint.op.is_upper() && self.policy.target_accuracy.is_some();
        let evidence = Evidence::NoFigure { notes: row.notes.clone(), trained: decided };
        let ruling = if decided { Ruling::Broken } else { Ruling::Open };
        Finding::new(ruling, constraint, evidence)
    }

    /// What the time that training has really taken says of a limit on its projection: the whole of it when the budget is
    /// used up, the least of it before.
    pub(super) fn took(&self, constraint: &Constraint) -> Option<Finding> {
        let budget = self.context.epochs;
        let used = budget > 0 && self.training.epochs() >= budget;
        let whole = self.pace.epochs_s().filter(|_| used);
        let spent = whole.or_else(|| self.training_s())?;
        let holds = constraint.op.holds(spent, constraint.limit);
        // What has been spent can only grow.
        if whole.is_none() && holds == constraint.op.is_upper() {
            return None;
        }
        let evidence = Evidence::Training { whole: whole.is_some(), spent_s: Num(spent) };
        Some(Finding::new(decided(holds), constraint, evidence))
    }

    /// Seconds of the budgeted training that an end now spares, at least; `None` where nothing is known of it.
    pub(super) fn spared_s(&self) -> Option<f64> {
        let state = self.stage(Stage::Train)?;
        if state.left_ns.is_some() {
            return Some(0.0);
        }
        let whole = measure(MetricId::TrainTimeProjected.def(), &state.series, self.ask(state))?;
        let rest = whole.bounds().bounds.low? - self.training_s()?;
        let allowed = self.policy.max_run_time_s.map(|limit| {
            let age_ns = self.now_ns.saturating_sub(self.context.started_ns);
            limit - age_ns as f64 * 1e-9
        });
        Some(allowed.map_or(rest, |allowed| rest.min(allowed)).max(0.0))
    }

    /// What an end now spares, for people.
    pub(super) fn spared(&self) -> Spared {
        let begun = self.stage(Stage::Train).is_some();
        match self.spared_s() {
            _ if self.context.epochs == 0 => Spared::Nothing,
            Some(spared) if spared > 0.0 => Spared::AtLeast { seconds: Num(spared) },
            Some(_) => Spared::Nothing,
            // A command may have no end of which anybody knows.
            None if self.context.work.is_command() => Spared::Nothing,
            None if begun => Spared::Unknown,
            None => Spared::NotBegun,
        }
    }
}
