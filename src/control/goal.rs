//! What a training is asked to reach, when it has, and what an end before that spares.

use super::constraint::{Constraint, Finding, Ruling};
use super::measure::measure;
use super::row::add_note;
use super::run::Run;
use crate::event::{MetricRow, Stage, StopRecord};
use crate::metric::{MetricDef, MetricId, Source};
use crate::units::{elapsed_down, seconds};

impl Run {
    /// Whether a figure of the trained model is chosen: then the system metrics alone do not end the training. A target
    /// accuracy is one until it is reached.
    pub(super) fn wants_training(&self) -> bool {
        let of_model = |metric: &&MetricDef| match metric.source {
            Source::Target => {
                self.policy.target_accuracy.is_some() && self.pace.reached().is_none()
            }
            _ => metric.is_of_model(),
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

    /// The row of `train.time_to_accuracy`.
    pub(super) fn fill_goal(&self, row: &mut MetricRow) {
        let reached = self.pace.reached();
        row.estimate = reached.map(|found| found.after_s);
        row.samples = u64::from(reached.is_some());
        row.plateaued = row.plateaued.map(|_| reached.is_some());
        let note = match (self.policy.target_accuracy, reached) {
            (None, _) => "no target: set target_accuracy in [train]".to_owned(),
            (Some(target), Some(found)) => format!(
                "{:.4} in epoch {}, the first of at least {target}",
                found.accuracy, found.epoch
            ),
            (Some(target), None) => self.not_reached(target),
        };
        add_note(row, &note);
    }

    fn not_reached(&self, target: f64) -> String {
        let Some(spent) = self.training_s() else {
            return format!("{target} not reached: the run ended before a step of training");
        };
        let spent = seconds(spent);
        match self.pace.best() {
            Some(best) => format!(
                "{target} not reached: best {:.4} in epoch {}, after {spent} of training",
                best.accuracy, best.epoch
            ),
            None => format!("{target} not reached: no epoch was validated in {spent} of training"),
        }
    }

    /// A limit on the time to the target accuracy that has passed, reached or not.
    pub(super) fn overdue(&self, constraint: &Constraint) -> Option<Finding> {
        let target = self.policy.target_accuracy?;
        let reached = self.pace.reached();
        let spent = reached.map(|found| found.after_s).or(self.training_s())?;
        if !constraint.op.is_upper() || constraint.op.holds(spent, constraint.limit) {
            return None;
        }
        let says = match reached {
            Some(found) => format!(
                "{target} was reached in epoch {}, after {} of training",
                found.epoch,
                seconds(spent)
            ),
            None => self.not_reached(target),
        };
        Some(Finding::new(Ruling::Broken, format!("{constraint} is broken: {says}")))
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
        let (ruling, is) = if decided {
            (Ruling::Broken, "is broken: trained to the end,")
        } else {
            (Ruling::Open, "is undecided:")
        };
        Finding::new(ruling, format!("{constraint} {is} {}", row.note))
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
        let (ruling, is) = if holds { (Ruling::Met, "met") } else { (Ruling::Broken, "broken") };
        let says = match whole {
            Some(_) => "the whole training took",
            None => "training has taken",
        };
        let says = format!("{constraint} is {is}: {says} {}", seconds(spent));
        Some(Finding::new(ruling, says))
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

    /// What an end now spares, to be put behind its reason.
    pub(super) fn and_spared(&self) -> String {
        let begun = self.stage(Stage::Train).is_some();
        match self.spared_s() {
            _ if self.context.epochs == 0 => String::new(),
            Some(spared) if spared > 0.0 => format!(
                "; at least {} of the budgeted training were not spent",
                elapsed_down(spared)
            ),
            Some(_) => String::new(),
            None if begun => {
                "; how long its training would have taken was not known yet".to_owned()
            }
            None => "; its training was not begun".to_owned(),
        }
    }
}
