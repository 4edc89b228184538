//! Why a run ended that the worker finished by itself.

use super::controller::Controller;
use super::evidence;
use super::stage::Outcome;
use crate::event::{Finished, Stage, StopReason, StopRecord};
use crate::units::Span;

impl Controller {
    /// Why a run ended that the worker finished by itself; the record of its own stop, if there was one.
    pub fn natural_end(&self, finished: &Finished) -> StopRecord {
        if let Some(record) = &self.stopped {
            return record.clone();
        }
        let used = finished.epochs >= self.context.epochs;
        let record = |reason, detail| StopRecord { reason, detail };
        if finished.stopped {
            let detail = format!("asked to stop after {} epochs", finished.epochs);
            return record(StopReason::Cancelled, detail);
        }
        if self.context.epochs == 0 {
            return self.served();
        }
        let state = self.stages.iter().find(|state| state.stage == Stage::Train);
        let open = state.filter(|state| self.policy.enabled && !state.known(self.policy.looks));
        let open = open.map(|state| format!("; {}", evidence::open(state, &self.policy)));
        let detail = if used {
            format!("all {} epochs used", self.context.epochs)
        } else {
            format!(
                "the worker finished after {} of {} epochs",
                finished.epochs, self.context.epochs
            )
        };
        record(StopReason::Budget, detail + open.as_deref().unwrap_or(""))
    }

    /// The end of a run that only serves.
    fn served(&self) -> StopRecord {
        let took = Span::from_ns(self.now_ns.saturating_sub(self.context.started_ns));
        let unstable: Vec<String> = self
            .stages
            .iter()
            .filter(|state| state.outcome == Some(Outcome::TimeUp))
            .map(|state| format!("{}: {}", state.stage, evidence::open(state, &self.policy)))
            .collect();
        let known = self.stages.len() == self.context.serve_sizes.len()
            && self
                .stages
                .iter()
                .all(|state| state.outcome == Some(Outcome::Known));
        let (reason, detail) = if !unstable.is_empty() {
            (StopReason::Unstable, unstable.join("; "))
        } else if known && !self.stages.is_empty() {
            (
                StopReason::Plateaued,
                format!("every serve phase known, after {took}"),
            )
        } else {
            (
                StopReason::Budget,
                format!("the time for serving is used, after {took}"),
            )
        };
        StopRecord { reason, detail }
    }
}
