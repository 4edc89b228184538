//! Bounds on a metric of a stage that hold at all looks at once.

use super::ALPHA;
use crate::control::assess::{Ask, factor, settle};
use crate::control::measure::gauge::Gauge;
use crate::control::projection;
use crate::control::stage::StageState;
use crate::control::times::{BUSY, ELAPSED, IDEAL, ITEMS, LATENCY, STEPS};
use crate::metric::{Ceiling, MetricDef, MetricKind, Source};
use crate::stats::anytime::unsteadiness;
use crate::stats::batches::total;
use crate::stats::{AnytimeAsk, Bounds, Part, QuantileSeries, Tail, ratio_bounds, trend};

/// Level of the trend test that tells a series with a steady state.
const TREND_LEVEL: f64 = 0.05;

impl StageState {
    /// Bounds on a latency as it would be if the load generator took no time.
    pub(super) fn ideal_bounds(&self, metric: &MetricDef) -> Bounds {
        match (metric.kind, &self.ideal) {
            (MetricKind::Mean, _) => of_times(self, (IDEAL, STEPS), (Tail::Above, ALPHA)).0,
            (MetricKind::Quantile(level), Some(ideal)) => of_quantile(self, ideal, level, IDEAL),
            _ => Bounds::default(),
        }
    }
}

/// Bounds on a metric of a stage that hold at all times, and the observations seen.
pub(super) fn bounds(metric: &MetricDef, stage: &StageState, ask: Ask<'_>) -> (Bounds, u64) {
    match metric.kind {
        MetricKind::Rate => {
            // Times have their tail above; their ratio to the items is the rate upside down.
            let (found, seen) = of_times(stage, (ELAPSED, ITEMS), (Tail::Above, ALPHA));
            let inverse = |bound: Option<f64>| bound.filter(|b| *b > 0.0).map(|b| 1.0 / b);
            let bounds = Bounds { low: inverse(found.high), high: inverse(found.low) };
            (bounds, seen)
        }
        MetricKind::Mean => of_times(stage, (LATENCY, STEPS), (Tail::Above, ALPHA)),
        MetricKind::Gauge if metric.source == Source::Busy => {
            let (found, seen) = of_times(stage, (BUSY, ELAPSED), (Tail::Within(0.0, 1.0), ALPHA));
            let in_percent = |bound: Option<f64>| bound.map(|share| share * 100.0);
            let bounds = Bounds { low: in_percent(found.low), high: in_percent(found.high) };
            (bounds, seen)
        }
        MetricKind::Projection => of_projection(stage, ask),
        MetricKind::Quantile(level) => {
            let found = of_quantile(stage, &stage.quantiles, level, LATENCY);
            (found, stage.times.observations())
        }
        MetricKind::Gauge => {
            let found = stage.sampled.gauge(metric.source).zip(factor(metric, ask.usable_cores));
            found.map_or((Bounds::default(), 0), |(gauge, factor)| {
                of_gauge(gauge, (factor, most(metric, ask)))
            })
        }
        MetricKind::Peak | MetricKind::Scalar | MetricKind::Windows(_) => (Bounds::default(), 0),
    }
}

/// Steps cut as warm-up; the parts that are left, and whether they are steady.
fn steps_left(stage: &StageState, (amount, weight): (usize, usize)) -> (u64, (Vec<Part>, bool)) {
    let settled = stage.beginning();
    let left = stage.times.parts(amount, weight).split_off(settled.cut);
    let steady = settled.settled && is_steady(&left);
    let skip = settled.cut as u64 * stage.times.per_batch();
    (skip, (left, steady))
}

/// Bounds on the quantile of a series whose times are in this column.
fn of_quantile(stage: &StageState, of: &QuantileSeries, level: f64, column: usize) -> Bounds {
    let (skip, (left, steady)) = steps_left(stage, (column, STEPS));
    let moved = if steady { 0.0 } else { unsteadiness(&left) };
    of.bounds(level, skip, ALPHA).widened(moved)
}

pub(super) fn is_steady(parts: &[Part]) -> bool {
    trend(parts).is_none_or(|trend| trend.p_value >= TREND_LEVEL)
}

/// Those of a projection: half of what they may be wrong with for the steps, half for what lies between the epochs.
fn of_projection(stage: &StageState, ask: Ask<'_>) -> (Bounds, u64) {
    let (steps, seen) = of_times(stage, (ELAPSED, ITEMS), (Tail::Above, ALPHA / 2.0));
    (projection::bounds(steps, ask.budget, ALPHA / 2.0), seen)
}

/// The least time, in seconds, that the whole training takes, wrong with a probability of at most [`ALPHA`].
pub(in crate::control) fn time_at_least(stage: &StageState, ask: Ask<'_>) -> Option<f64> {
    of_projection(stage, ask).0.low
}

fn of_times(
    stage: &StageState,
    parts: (usize, usize),
    (tail, alpha): (Tail, f64),
) -> (Bounds, u64) {
    let (_, (left, steady)) = steps_left(stage, parts);
    let ask = AnytimeAsk { alpha, steady };
    (ratio_bounds(&left, stage.times.per_batch(), tail, ask), stage.times.observations())
}

fn of_gauge(gauge: &Gauge, (factor, most): (f64, f64)) -> (Bounds, u64) {
    let series = &gauge.series;
    let scaled = |part: Part| Part { amount: part.amount * factor, ..part };
    let parts: Vec<Part> = gauge.parts().into_iter().map(scaled).collect();
    let settled = settle(&parts, total(&parts).weight);
    let left = &parts[settled.cut..];
    let ask = AnytimeAsk { alpha: ALPHA, steady: settled.settled && is_steady(left) };
    let bounds = ratio_bounds(left, series.per_batch(), Tail::Within(0.0, most), ask);
    (bounds, series.observations())
}

/// The most that the metric can be.
fn most(metric: &MetricDef, ask: Ask<'_>) -> f64 {
    let known = match metric.ceiling {
        Ceiling::None => None,
        Ceiling::At(most) => Some(most),
        Ceiling::UsableCores => Some(100.0 * ask.usable_cores).filter(|most| *most > 0.0),
        Ceiling::Metric(peak) => ask.totals.peaks.largest(peak),
    };
    known.unwrap_or(f64::INFINITY)
}
