//! What the accuracy of a run must reach to decide anything in a search, and what a run says that could not.
//!
//! Invariant: a bar is no higher than what is known for certain of the cell whose it is.

use crate::event::{Bar, BarOf, Constraint, Op, RunRecord, StopDetail};
use crate::metric::{MetricId, Source};
use crate::report::headline::Place;
use crate::schedule::CONFIDENCE;
use crate::search::{self, Bound, Short};
use crate::stats::wilson;

/// Whether a training shows from epoch to epoch how far it may come: an accuracy.
pub(super) fn has_bar(metric: MetricId) -> bool {
    matches!(metric.def().source, Source::Model(figure) if figure.is_accuracy())
}

/// The bars of the limits of a cell.
pub(super) fn of_limits(limits: &[Constraint]) -> Vec<Bar> {
    let of_accuracy = |limit: &&Constraint| {
        !limit.op.is_upper() && limit.metric.def().is_some_and(|def| has_bar(def.id))
    };
    let bar = |limit: &Constraint| Bar {
        metric: limit.metric.clone(),
        least: limit.limit,
        of: BarOf::Limit,
        besides: Vec::new(),
    };
    limits.iter().filter(of_accuracy).map(bar).collect()
}

/// The bar of a cell of these runs: no higher than the number of test samples lets its accuracies be for certain. None where
/// nobody has counted them.
pub(super) fn of_cell<'r>(
    metric: MetricId,
    bar: &search::Bar,
    cell: &str,
    runs: impl Iterator<Item = &'r RunRecord>,
    metrics: &[MetricId],
) -> Option<Bar> {
    let mut least = bar.least;
    for run in runs.filter(|run| run.trained_to_the_end()) {
        let row = Place::of(metric.def()).row(run, metric).filter(|row| row.samples > 1)?;
        least = least.min(wilson(row.estimate?, row.samples, CONFIDENCE)?.low);
    }
    let constraint = |(figure, bound): &(usize, Bound)| {
        let (op, limit) = match *bound {
            Bound::AtMost(most) => (Op::AtMost, most),
            Bound::AtLeast(least) => (Op::AtLeast, least),
        };
        Constraint { metric: metrics[*figure].into(), op, limit }
    };
    let besides = bar.besides.iter().map(constraint).collect();
    Some(Bar { metric: metric.into(), least, of: BarOf::Cell { cell: cell.to_owned() }, besides })
}

/// What a run says of an accuracy that could not reach its bar.
pub(super) fn short(record: &RunRecord, metrics: &[MetricId]) -> Option<Short> {
    let StopDetail::OutOfReach { reach, .. } = &record.stop.detail else { return None };
    let figure = metrics.iter().position(|metric| reach.metric == *metric)?;
    Some(Short { figure, most: reach.most.0 })
}
