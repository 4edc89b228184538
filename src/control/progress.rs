//! Where a run stands.

use super::run::Run;
use crate::event::{Progress, Stage};

impl Run {
    /// Where things stand, for people; as of the last look.
    pub(super) fn progress(&self) -> Progress {
        let state = self.stages.iter().find(|state| Some(state.stage) == self.current);
        let (items, took) = self
            .live
            .iter()
            .fold((0.0, 0.0), |sum, (_, items, took)| (sum.0 + items, sum.1 + took));
        let open =
            state.map_or_else(Vec::new, |state| state.open(self.policy.looks, self.policy.within));
        let epoch = (self.current == Some(Stage::Train)).then(|| {
            let budget = self.context.epochs;
            ((self.training.epochs() + 1).min(budget.max(1)), budget)
        });
        Progress {
            stage: self.current,
            epoch,
            throughput: (took > 0.0).then(|| items / took),
            known: state.map_or(0, |state| state.counted().count() - open.len()),
            open,
        }
    }
}
