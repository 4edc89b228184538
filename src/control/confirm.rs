//! Serving once more, on the model that was trained to the end: a verdict on untrained weights is one on the price of a
//! request, which trained weights may change (subnormal numbers do).
//!
//! The worker does so by itself when its budget is used up, and when it is told that the model is trained
//! ([`super::Verdict::Confirm`]). Only limits on `serve.*` are looked at; when each is decided the phase is left.

use super::constraint::Constraint;
use super::controller::Controller;
use super::looks::judged_in;
use crate::event::Stage;
use crate::metric::{MetricDef, Scope};

impl Controller {
    /// Whether the run serves once more if it gets that far.
    pub(super) fn confirms(&self) -> bool {
        self.context.confirm && self.context.epochs > 0
    }

    /// The phases in which it would.
    pub(super) fn confirm_stages(&self) -> impl Iterator<Item = Stage> + '_ {
        let sizes = self.context.serve_sizes.iter();
        let sizes = sizes.filter(|_| self.confirms());
        sizes.map(|size| Stage::Confirm(*size))
    }

    /// The chosen metrics that are judged in a stage; when it serves once more, those that are constrained.
    pub(super) fn chosen_in(&self, into: Stage) -> Vec<&'static MetricDef> {
        // Of a command nobody knows which stage is its last.
        let last_serve = if self.context.command { Some(into) } else { self.last_serve() };
        let again = matches!(into, Stage::Confirm(_));
        let limited = |metric: &MetricDef| {
            let is = |constraint: &Constraint| constraint.metric == metric.name;
            self.policy.constraints.iter().any(is)
        };
        let chosen = self.chosen.iter().copied();
        chosen
            .filter(|metric| judged_in(metric, into, last_serve) && (!again || limited(metric)))
            .collect()
    }

    /// Which weights a figure of requests rests on, to be put behind it. Of a run that does not train nobody knows.
    pub(super) fn weights(&self, metric: &MetricDef, of: Stage) -> &'static str {
        match of {
            _ if metric.scope != Scope::Serve || self.context.epochs == 0 => "",
            Stage::Serve(_) => ", on untrained weights",
            Stage::Confirm(_) => ", on trained weights",
            _ => "",
        }
    }
}
