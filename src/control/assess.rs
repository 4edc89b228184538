//! One metric at one look: its estimate, its interval, and why it is not good enough yet.

mod cut;
mod why;

use super::disturbance::{Columns, Disturbance};
use super::measure::gauge::{GAUGE, Gauge};
use super::pace::Budget;
use super::policy::StopPolicy;
use super::projection;
use super::stage::StageState;
use super::times::{BUSY, CLEAR, ELAPSED, ITEMS, LATENCY, MARKED, STEPS};
use super::totals::Totals;
use crate::metric::{MetricDef, MetricKind, Source};
use crate::stats::batches::total;
use crate::stats::ratio::MIN_GROUPS;
use crate::stats::{Estimate, Interval, Part, Truncation, fit_ratio, trend, truncate};
use crate::units::Unit;

pub(super) use self::cut::Cut;
pub(super) use self::why::Why;
pub(super) use crate::units::{Unit, percent};

/// Level of the trend test.
const TREND_LEVEL: f64 = 0.05;

/// Drift over the window, as a share of what is asked, above which a significant trend blocks. What is let pass may have
/// left the level half of that away from the mean, so so much is added to each side of an interval.
const TREND_SHARE: f64 = 0.3;

/// Uncertainty of the drift over the window, in half-widths of the mean's interval: a slope's standard error times the
/// window is the square root of 12 standard errors of the mean, and a half-width about two of them. Four fifths of one
/// standard error are charged. Where the noise could hide a drift as large as what is asked, nothing is known yet.
const DRIFT_HALVES: f64 = 1.4;

/// Fewest observations that an estimate is good with, if each is itself a mean over [`LONG_S`]; else [`MIN_GROUPS`].
const FEWEST_LONG: usize = 4;

/// An observation over so many seconds holds so many steps or ticks that neighbours are hardly correlated by what is
/// shorter than it.
const LONG_S: f64 = 5.0;

/// Below this many percent a utilisation is asked for in percentage points, as if it were this high: 5% of an idle
/// core's 0.3% cannot be known, and nobody asks.
pub(super) const UTILISATION_FLOOR: f64 = 10.0;

/// One metric at one look.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Assessment {
    /// The figure, as far as there is one.
    pub(super) estimate: Option<Estimate>,
    /// What `within` is a share of.
    pub(super) scale: f64,
    /// Why it is not good; `None`: it is.
    pub(super) open: Option<Why>,
    /// Observations seen, truncated or not: tells whether there is new data.
    pub(super) seen: u64,
    /// What was left out as warm-up; absent where nothing is ever left out.
    pub(super) cut: Option<Cut>,
    /// What others did to it.
    pub(super) disturbed: Option<Disturbance>,
    /// Of a peak: growth that is excluded, in bytes a second.
    pub(super) growth_below: Option<f64>,
}

impl Assessment {
    pub(super) fn missing(reason: &str) -> Self {
        Self {
            estimate: None,
            scale: 0.0,
            open: Some(Why::NoReading(reason.to_owned())),
            seen: 0,
            cut: None,
            disturbed: None,
            growth_below: None,
        }
    }

    /// Half-width of the interval over what `within` is a share of.
    pub(super) fn reached(&self) -> Option<f64> {
        let half = self.estimate?.half_width()?;
        if half <= 0.0 {
            return Some(0.0);
        }
        (self.scale > 0.0).then(|| half / self.scale)
    }
}

/// What an assessment needs beside the stage.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ask<'a> {
    pub(super) policy: &'a StopPolicy,
    pub(super) usable_cores: f64,
    pub(super) totals: &'a Totals,
    /// The whole training, as far as its size is known.
    pub(super) budget: Option<Budget>,
    /// The time of the look; the end of the stage if it is over.
    pub(super) now_ns: u64,
}

/// Judges one metric of a stage. `None` for metrics that are said once: there is nothing to wait for.
pub(super) fn assess(metric: &MetricDef, stage: &StageState, ask: Ask<'_>) -> Option<Assessment> {
    let assessment = match (metric.kind, metric.source) {
        (MetricKind::Rate, _) => of_steps(stage, (ITEMS, ELAPSED, 1.0), ask),
        (MetricKind::Mean, _) => of_steps(stage, (LATENCY, STEPS, 1.0), ask),
        (MetricKind::Gauge, Source::Busy) => of_steps(stage, (BUSY, ELAPSED, 100.0), ask),
        (MetricKind::Quantile(level), _) => of_quantile(stage, level, ask),
        (MetricKind::Projection, _) => projection::projected(stage, ask),
        (MetricKind::Gauge, source) => {
            let floor = if metric.unit == Unit::Percent { UTILISATION_FLOOR } else { 0.0 };
            match (stage.sampled.gauge(source), factor(metric, ask.usable_cores)) {
                (Some(series), Some(factor)) => of_gauge(series, (factor, floor), ask.policy),
                _ => Assessment::missing("the cores that the run may use are not known"),
            }
        }
        (MetricKind::Peak, source) => {
            let peak = ask.totals.peaks.get(metric.id).zip(stage.sampled.growth(source));
            peak.map_or_else(
                || Assessment::missing("the sampler took no reading"),
                |(peak, growth)| peak.assess(stage.entered_ns, growth, ask),
            )
        }
        (MetricKind::Scalar | MetricKind::Windows(_), _) => return None,
    };
    Some(assessment)
}

/// What makes the mean of a gauge's observations the metric; `None` where it is a share of cores that are not known.
pub(super) fn factor(metric: &MetricDef, usable_cores: f64) -> Option<f64> {
    let percent = match metric.source {
        // The rate of a counter of seconds.
        Source::Tick(field) if field.is_counter() && metric.unit == Unit::Percent => 100.0,
        _ => 1.0,
    };
    if !metric.of_usable_cores {
        return Some(percent);
    }
    (usable_cores > 0.0).then(|| percent / usable_cores)
}

/// A series of parts judged for its warm-up: how many batches are cut, whether it has settled, and whether there are
/// enough to say anything.
#[derive(Debug, Clone, Copy)]
pub(super) struct Beginning {
    pub(super) cut: usize,
    pub(super) settled: bool,
    enough: bool,
}

/// `seconds`: the time that all of them cover.
pub(super) fn settle(parts: &[Part], seconds: f64) -> Beginning {
    let n = parts.len();
    let long = n >= FEWEST_LONG && seconds >= LONG_S * n as f64;
    let (cut, settled) = match truncate(parts) {
        Truncation::Cut(cut) => (cut, true),
        // Too few to tell a warm-up: nothing is cut, and nothing is known.
        Truncation::Unsettled if n < MIN_GROUPS => (0, false),
        Truncation::Unsettled => (n / 2, false),
    };
    Beginning { cut, settled, enough: n >= MIN_GROUPS || long }
}

/// Steps cut as warm-up.
pub(super) fn steps_cut(stage: &StageState) -> u64 {
    stage.beginning().cut as u64 * stage.times.per_batch()
}

/// Why the estimate is not good, in the order in which a user can do something about it.
fn judge(
    estimate: &Estimate,
    (settled, parts): (Beginning, &[Part]),
    scale: f64,
    policy: &StopPolicy,
) -> Option<Why> {
    if !settled.enough {
        return Some(Why::TooFew);
    }
    // The parts may be those of another figure of the same steps: its drift counts relative to itself.
    let Some(mean) = total(parts).ratio().map(f64::abs) else {
        return Some(Why::TooFew);
    };
    let drift = trend(parts);
    let p_value = drift.map_or(1.0, |trend| trend.p_value);
    let share = drift.map_or(0.0, |trend| trend.drift / mean.max(f64::MIN_POSITIVE));
    let share = if scale > mean { share * mean / scale } else { share };
    if p_value < TREND_LEVEL && share.abs() > TREND_SHARE * policy.within {
        return Some(Why::Trend(share));
    }
    if !settled.settled {
        return Some(Why::WarmingUp);
    }
    let Some(half) = estimate.half_width() else {
        return Some(Why::TooFew);
    };
    if half > policy.within * scale {
        return Some(Why::Wide);
    }
    let noise = half / scale.max(f64::MIN_POSITIVE) - TREND_SHARE / 2.0 * policy.within;
    let hidden = share.abs() + DRIFT_HALVES * noise.max(0.0) > policy.within;
    hidden.then_some(Why::Noisy)
}

fn of_ratio(parts: &[Part], confidence: f64, samples: u64) -> Option<Estimate> {
    let fit = fit_ratio(parts)?;
    Some(Estimate { value: fit.value, interval: fit.interval(confidence), samples })
}

/// The estimate with its interval widened by the drift that would not have blocked. What does not vary at all has not
/// drifted: it is known exactly.
fn with_drift(estimate: Estimate, scale: f64, policy: &StopPolicy) -> Estimate {
    let margin = TREND_SHARE / 2.0 * policy.within * scale;
    let widened = |interval: Interval| {
        let varies = interval.high > interval.low;
        interval.widened(if varies { margin } else { 0.0 })
    };
    Estimate { interval: estimate.interval.map(widened), ..estimate }
}

/// Number `amount` over number `weight` of the steps, times `factor`.
pub(super) fn of_steps(
    stage: &StageState,
    (amount, weight, factor): (usize, usize, f64),
    ask: Ask<'_>,
) -> Assessment {
    let times = &stage.times;
    let settled = stage.beginning();
    let scaled = |part: Part| Part { amount: part.amount * factor, ..part };
    let parts = times.parts(amount, weight).into_iter().map(scaled);
    let parts: Vec<Part> = parts.skip(settled.cut).collect();
    let parts = &parts[..];
    let samples = parts.len() as u64 * times.per_batch();
    let Some(estimate) = of_ratio(parts, ask.policy.confidence, samples) else {
        return Assessment::missing("no step was timed in this phase");
    };
    let scale = estimate.value.abs();
    let estimate = with_drift(estimate, scale, ask.policy);
    let disturbed = Disturbance::of(times, settled.cut, columns(amount, weight))
        .map(|found| found.map(|without| Some(without * factor)));
    let open = judge(&estimate, (settled, parts), scale, ask.policy);
    Assessment {
        estimate: Some(estimate),
        scale,
        open: open.or_else(|| disturbed?.blocks(estimate.value, ask.policy.within * scale)),
        disturbed,
        seen: times.observations(),
        cut: Some(steps_cut_of(stage, settled)),
        growth_below: None,
    }
}

/// The beginning that figures of steps leave out.
fn steps_cut_of(stage: &StageState, settled: Beginning) -> Cut {
    let elapsed = stage.times.parts(ELAPSED, STEPS);
    let per_batch = stage.times.per_batch();
    Cut::of(&elapsed, settled.cut, per_batch, |part| part.amount)
}

/// Where a figure of steps keeps what it would be without others.
fn columns(amount: usize, weight: usize) -> Columns {
    Columns { clear: (amount + CLEAR, weight + CLEAR), time: (ELAPSED, ELAPSED + CLEAR, MARKED) }
}

fn of_quantile(stage: &StageState, level: f64, ask: Ask<'_>) -> Assessment {
    let times = &stage.times;
    let parts = times.parts(LATENCY, STEPS);
    let settled = stage.beginning();
    let skip = settled.cut as u64 * times.per_batch();
    let found = stage.quantiles.estimate(level, skip, ask.policy.confidence);
    let Some(estimate) = found else {
        return Assessment::missing("no step was timed in this phase");
    };
    let scale = estimate.value.abs();
    let estimate = with_drift(estimate, scale, ask.policy);
    let left = (settled, &parts[settled.cut..]);
    let disturbed = disturbed_quantile(stage, level, settled.cut);
    let open = judge(&estimate, left, scale, ask.policy);
    Assessment {
        estimate: Some(estimate),
        scale,
        open: open.or_else(|| disturbed?.blocks(estimate.value, ask.policy.within * scale)),
        disturbed,
        seen: times.observations(),
        cut: Some(steps_cut_of(stage, settled)),
        growth_below: None,
    }
}

fn disturbed_quantile(stage: &StageState, level: f64, cut: usize) -> Option<Disturbance> {
    let times = &stage.times;
    let found = Disturbance::of(times, cut, columns(LATENCY, STEPS))?;
    let skip = cut as u64 * times.per_batch();
    Some(found.map(|_| stage.clear_quantile(level, skip)))
}

pub(super) fn of_gauge(
    gauge: &Gauge,
    (factor, floor): (f64, f64),
    policy: &StopPolicy,
) -> Assessment {
    let series = &gauge.series;
    let scaled = |part: Part| Part { amount: part.amount * factor, ..part };
    let parts: Vec<Part> = gauge.parts().into_iter().map(scaled).collect();
    let settled = settle(&parts, total(&parts).weight);
    let cut = Cut::of(&parts, settled.cut, series.per_batch(), |part| part.weight);
    let parts = &parts[settled.cut..];
    let samples = parts.len() as u64 * series.per_batch();
    let Some(estimate) = of_ratio(parts, policy.confidence, samples) else {
        return Assessment::missing("no sampler interval fell within the stage");
    };
    let scale = estimate.value.abs().max(floor);
    let estimate = with_drift(estimate, scale, policy);
    let disturbed = Disturbance::of(series, settled.cut, GAUGE)
        .map(|found| found.map(|without| Some(without * factor)));
    let open = judge(&estimate, (settled, parts), scale, policy);
    Assessment {
        estimate: Some(estimate),
        scale,
        open: open.or_else(|| disturbed?.blocks(estimate.value, policy.within * scale)),
        disturbed,
        seen: series.observations(),
        cut: Some(cut),
        growth_below: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_no_weight_is_not_good() {
        let parts = [Part::default(); 2 * MIN_GROUPS];
        let estimate =
            Estimate { value: 1.0, interval: Some(Interval::around(1.0, 0.001)), samples: 20 };
        let policy = StopPolicy::default();
        let settled = settle(&parts, 0.0);
        let settled = Beginning { settled: true, ..settled };
        let found = judge(&estimate, (settled, &parts), 1.0, &policy);
        assert_eq!(found, Some(Why::TooFew));
    }
}
