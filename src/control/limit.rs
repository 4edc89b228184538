//! A constraint in one stage: what each look makes certain of it.

use super::assess::{Ask, percent, settle};
use super::constraint::{Constraint, Ruling};
use super::projection;
use super::resources::Gauge;
use super::stage::StageState;
use crate::event::metric::{Scope, find};
use crate::event::{MetricDef, MetricKind, Stage};
use crate::stats::anytime::unsteadiness;
use crate::stats::{AnytimeAsk, Bounds, Part, Tail, ratio_bounds, trend};

/// Probability with which each bound may be wrong, over all looks of a stage.
const ALPHA: f64 = 0.005;

/// Level of the trend test that tells a series with a steady state.
const TREND_LEVEL: f64 = 0.05;

/// Fewest looks in a row: the bounds hold at all times for what they assume, and this is for where they only nearly do.
const LOOKS: u32 = 3;

/// A constraint in one stage.
#[derive(Debug, Clone)]
pub(super) struct Limit {
    pub(super) constraint: Constraint,
    pub(super) metric: &'static MetricDef,
    /// What the last look found.
    last: Option<(Ruling, Bounds)>,
    /// Looks in a row that found it.
    streak: u32,
    /// Observations at the last look.
    seen: u64,
}

impl Limit {
    /// One for each constraint whose metric is judged by looks in this stage.
    pub(super) fn all(constraints: &[Constraint], stage: Stage) -> Vec<Self> {
        let limit = |constraint: &Constraint| {
            let metric = find(&constraint.metric)?;
            watched(metric, stage).then(|| Self {
                constraint: constraint.clone(),
                metric,
                last: None,
                streak: 0,
                seen: 0,
            })
        };
        constraints.iter().filter_map(limit).collect()
    }

    fn look(&mut self, bounds: Bounds, seen: u64) {
        let ruling = self.constraint.ruling(bounds);
        let same = self.last.is_some_and(|(before, _)| before == ruling);
        if !same {
            self.streak = 0;
        }
        if !same || seen > self.seen {
            self.streak = self.streak.saturating_add(1);
        }
        self.seen = seen;
        self.last = Some((ruling, bounds));
    }

    /// What the last look found, for people; `None` before the first.
    pub(super) fn said(&self, ruling: Ruling) -> Option<String> {
        let (_, bounds) = self.last?;
        Some(said(&self.constraint, bounds, ruling))
    }

    /// What is certain. In a stage that is over the last look is all there will be.
    pub(super) fn ruling(&self, looks: u32, over: bool) -> Ruling {
        match self.last {
            Some((ruling, _)) if over || self.streak >= looks.max(LOOKS) => ruling,
            _ => Ruling::Open,
        }
    }
}

/// Whether looks at this stage judge the metric.
pub(super) fn watched(metric: &MetricDef, stage: Stage) -> bool {
    let kind = !matches!(metric.kind, MetricKind::Peak | MetricKind::Scalar);
    kind && match metric.scope {
        Scope::Train => stage == Stage::Train,
        Scope::Serve => matches!(stage, Stage::Serve(_) | Stage::Confirm(_)),
        Scope::Stages => matches!(stage, Stage::Train | Stage::Serve(_)),
        Scope::Run => false,
    }
}

impl StageState {
    /// Looks at every limit.
    pub(super) fn look_at_limits(&mut self, ask: Ask<'_>) {
        let found: Vec<_> = self
            .limits
            .iter()
            .map(|limit| bounds(limit.metric, self, ask))
            .collect();
        for (limit, (bounds, seen)) in self.limits.iter_mut().zip(found) {
            limit.look(bounds, seen);
        }
    }

    /// Whether no limit that can be read is open.
    pub(super) fn limits_decided(&self, looks: u32) -> bool {
        let unread = |limit: &Limit| {
            let mut counted = self.counted();
            counted.all(|chosen| chosen.metric.name != limit.metric.name)
        };
        self.limits
            .iter()
            .all(|limit| unread(limit) || limit.ruling(looks, false) != Ruling::Open)
    }

    /// Whether a limit on this metric is open.
    pub(super) fn is_limit_open(&self, metric: &MetricDef, looks: u32) -> bool {
        let of_metric = |limit: &&Limit| limit.metric.name == metric.name;
        let mut limits = self.limits.iter().filter(of_metric);
        limits.any(|limit| limit.ruling(looks, false) == Ruling::Open)
    }
}

/// Bounds on a metric of a stage that hold at all times, and the observations seen.
fn bounds(metric: &MetricDef, stage: &StageState, ask: Ask<'_>) -> (Bounds, u64) {
    match metric.kind {
        MetricKind::Rate => {
            // Times have their tail above; their ratio to the items is the rate upside down.
            let (found, seen) = of_times(stage, 1, ALPHA);
            let inverse = |bound: Option<f64>| bound.filter(|b| *b > 0.0).map(|b| 1.0 / b);
            let bounds = Bounds {
                low: inverse(found.high),
                high: inverse(found.low),
            };
            (bounds, seen)
        }
        MetricKind::Mean => of_times(stage, 0, ALPHA),
        MetricKind::Projection => of_projection(stage, ask),
        MetricKind::Quantile(level) => {
            let (skip, left) = steps_left(stage, 0);
            let bounds = stage.quantiles.bounds(level, skip, ALPHA);
            let moved = if left.1 { 0.0 } else { unsteadiness(&left.0) };
            (bounds.widened(moved), stage.times.observations())
        }
        MetricKind::Gauge => gauge(metric.name, stage, ask)
            .map_or((Bounds::default(), 0), |(series, factor, most)| {
                of_gauge(series, (factor, most))
            }),
        MetricKind::Peak | MetricKind::Scalar => (Bounds::default(), 0),
    }
}

/// Steps cut as warm-up; the parts of seconds over number `weight` that are left, and whether they are steady.
fn steps_left(stage: &StageState, weight: usize) -> (u64, (Vec<Part>, bool)) {
    let settled = stage.beginning();
    let left = stage.times.parts(2, weight).split_off(settled.cut);
    let steady = settled.settled && is_steady(&left);
    let skip = settled.cut as u64 * stage.times.per_batch();
    (skip, (left, steady))
}

fn is_steady(parts: &[Part]) -> bool {
    trend(parts).is_none_or(|trend| trend.p_value >= TREND_LEVEL)
}

/// Those of a projection: half of what they may be wrong with for the steps, half for what lies between the epochs.
fn of_projection(stage: &StageState, ask: Ask<'_>) -> (Bounds, u64) {
    let (steps, seen) = of_times(stage, 1, ALPHA / 2.0);
    (projection::bounds(steps, ask.budget, ALPHA / 2.0), seen)
}

/// The least time, in seconds, that the whole training takes, wrong with a probability of at most [`ALPHA`].
pub(super) fn time_at_least(stage: &StageState, ask: Ask<'_>) -> Option<f64> {
    of_projection(stage, ask).0.low
}

fn of_times(stage: &StageState, weight: usize, alpha: f64) -> (Bounds, u64) {
    let (_, (left, steady)) = steps_left(stage, weight);
    let ask = AnytimeAsk { alpha, steady };
    let series = (stage.times.per_batch(), Tail::Above);
    (ratio_bounds(&left, series, ask), stage.times.observations())
}

fn of_gauge(series: &Gauge, (factor, most): (f64, f64)) -> (Bounds, u64) {
    let scaled = |part: Part| Part {
        amount: part.amount * factor,
        ..part
    };
    let parts: Vec<Part> = series.parts(0, 1).into_iter().map(scaled).collect();
    let settled = settle(&parts, |part| part.weight);
    let left = &parts[settled.cut..];
    let ask = AnytimeAsk {
        alpha: ALPHA,
        steady: settled.settled && is_steady(left),
    };
    let bounds = ratio_bounds(left, (series.per_batch(), Tail::Within(0.0, most)), ask);
    (bounds, series.observations())
}

/// The series of a gauge, what makes it the metric, and the most that it can be.
fn gauge<'a>(name: &str, stage: &'a StageState, ask: Ask<'_>) -> Option<(&'a Gauge, f64, f64)> {
    let (series, factor) = stage.resources.gauge(name, ask.usable_cores)?;
    let most = match name {
        "cpu.utilisation" if ask.usable_cores > 0.0 => 100.0 * ask.usable_cores,
        "cpu.utilisation_of_limit" | "gpu.utilisation" => 100.0,
        "memory.rss_mean" => ask.totals.peak.peak().unwrap_or(f64::INFINITY),
        _ => f64::INFINITY,
    };
    Some((series, factor, most))
}

/// What the bounds say, in the words of the constraint.
fn said(constraint: &Constraint, bounds: Bounds, ruling: Ruling) -> String {
    let low = bounds
        .low
        .map(|low| format!("at least {}", constraint.shown(low.max(0.0))));
    let high = bounds
        .high
        .map(|high| format!("at most {}", constraint.shown(high)));
    let upper = constraint.op.is_upper();
    let shown = match ruling {
        Ruling::Open => match (low, high) {
            (Some(low), Some(high)) => format!("{low} and {high}"),
            (Some(one), None) | (None, Some(one)) => one,
            (None, None) => return "too few observations for a bound".to_owned(),
        },
        // The end that decides.
        Ruling::Met => if upper { high } else { low }.unwrap_or_default(),
        Ruling::Broken => if upper { low } else { high }.unwrap_or_default(),
    };
    format!("{shown} at {}", percent(1.0 - ALPHA))
}
