//! What a rule says of a series, beside the figure of the whole series.
//!
//! What the rule says is decided by `control`. Invariant: where only rounding differs, nothing does.

use crate::control::rule::{Judgement, RuleSpec};
use crate::report::{replay::ReplayRow, words};
use crate::stats::Interval;

/// Which series.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct SeriesName {
    pub(super) series: String,
    pub(super) benchmark: String,
    pub(super) metric: String,
}

/// Below this, as a share of the figure, two numbers differ by rounding alone.
const ROUNDING: f64 = 1e-12;

/// The row of a series and a rule; `full`: the figure of the whole series.
pub(super) fn row(
    name: &SeriesName,
    rule: &RuleSpec,
    said: &Judgement,
    full: Option<f64>,
) -> ReplayRow {
    let (estimate, interval) = (said.estimate, said.interval);
    ReplayRow {
        series: name.series.clone(),
        benchmark: name.benchmark.clone(),
        metric: name.metric.clone(),
        rule: rule.to_string(),
        stop_t_s: said.stop_s,
        used_fraction: said.used,
        estimate,
        // No value of a series is below 0; Student's interval does not know.
        low: interval.map(|interval| interval.low.max(0.0)),
        high: interval.map(|interval| interval.high),
        full_estimate: full,
        relative_error: estimate.zip(full).map(|(estimate, full)| relative_error(estimate, full)),
        covered: interval.zip(full).map(|(interval, full)| covers(interval, full)),
        reason: words::rule(&said.reason),
    }
}

/// `estimate / full - 1`, where rounding alone is no error.
pub(in crate::app) fn relative_error(estimate: f64, full: f64) -> f64 {
    if (estimate - full).abs() <= ROUNDING * full.abs() { 0.0 } else { estimate / full - 1.0 }
}

/// Whether the interval holds the figure, up to rounding.
pub(in crate::app) fn covers(interval: Interval, full: f64) -> bool {
    let slack = ROUNDING * full.abs();
    interval.low - slack <= full && full <= interval.high + slack
}
