//! The end of a training whose accuracy can no longer reach what decides.

use super::constraint::ruling;
use super::judge::{Verdict, stop};
use super::run::Run;
use crate::event::{Bar, Constraint, MetricRow, Num, Reach, Ruling, Stage, StopDetail, StopReason};
use crate::metric::MetricDef;
use crate::stats::Bounds;

impl Run {
    /// The stop of a training that cannot reach one of its bars any more, once its system metrics are known or have had their
    /// time. Asked after an epoch.
    pub(super) fn out_of_reach(&self) -> Option<Verdict> {
        let is_asked = self.policy.enabled && !self.policy.bars.is_empty();
        // A command knows best what its epochs are.
        if !is_asked || self.current != Some(Stage::Train) || self.context.work.is_command() {
            return None;
        }
        let state = self.stage(Stage::Train)?;
        if state.outcome.is_none() && !state.chosen.is_empty() {
            return None;
        }
        let curve = self.training.curve(self.context.epochs, self.context.validation_share)?;
        let most = curve.most()?;
        let mut low = self.policy.bars.iter().filter(|bar| most < bar.least).peekable();
        low.peek()?;
        let rows = self.rows(None);
        let bar = low.find(|bar| is_behind(&rows, bar))?;
        let reach = Reach {
            metric: bar.metric.clone(),
            best: Num(curve.best),
            epochs: curve.epochs,
            budget: curve.budget,
            most: Num(most),
            least: Num(bar.least),
            whose: bar.of.clone(),
        };
        let detail = StopDetail::OutOfReach { reach, spared: self.spared() };
        Some(stop(StopReason::OutOfReach, detail))
    }
}

/// Whether a run of these figures breaks all that goes with a bar for certain.
fn is_behind(rows: &[MetricRow], bar: &Bar) -> bool {
    let breaks = |besides: &Constraint| {
        let of_metric = rows.iter().filter(|row| row.metric == besides.metric);
        let mut rulings = of_metric.map(|row| ruling(besides, bounds(row))).peekable();
        rulings.peek().is_some() && rulings.all(|ruling| ruling == Ruling::Broken)
    };
    bar.besides.iter().all(breaks)
}

/// Where a figure is for certain enough: a peak may still grow, and what has no interval may be anything.
fn bounds(row: &MetricRow) -> Bounds {
    if row.metric.def().is_some_and(MetricDef::is_peak) {
        return Bounds { low: row.estimate, high: None };
    }
    let is_known = row.known == Some(true);
    Bounds { low: row.low.filter(|_| is_known), high: row.high.filter(|_| is_known) }
}
