//! A constraint in one stage: what each look makes certain of it.

use super::assess::{Ask, UTILISATION, percent, settle};
use super::constraint::{Constraint, Ruling};
use super::projection;
use super::resources::Gauge;
use super::stage::StageState;
use super::times::{BUSY, ELAPSED, IDEAL, ITEMS, LATENCY, STEPS, own_share};
use crate::event::metric::{Scope, find};
use crate::event::{MetricDef, MetricKind, Stage, Unit};
use crate::stats::anytime::unsteadiness;
use crate::stats::batches::total;
use crate::stats::{
    AnytimeAsk, Bounds, Part, QuantileSeries, Tail, anytime_ranks, ratio_bounds, trend,
};
use crate::units;

/// Probability with which each bound may be wrong, over all looks of a stage.
const ALPHA: f64 = 0.005;

/// Fewest independent requests with which the quantile at this level can be found within an upper limit, none of them
/// over it: the one-sided test, valid at every look.
pub(super) fn fewest_within(level: f64) -> Option<u64> {
    fewest(|n| anytime_ranks(n, level, ALPHA).1.is_some())
}

/// The smallest number for which a test holds that holds from some number on; `None` beyond what any run has.
pub(super) fn fewest(test: impl Fn(u64) -> bool) -> Option<u64> {
    let mut high = (0..40).map(|power| 1 << power).find(|n| test(*n))?;
    let mut low = high / 2;
    while low + 1 < high {
        let middle = u64::midpoint(low, high);
        if test(middle) {
            high = middle;
        } else {
            low = middle;
        }
    }
    Some(high)
}

/// Confidence of that test.
pub(super) const fn confidence() -> f64 {
    1.0 - ALPHA
}

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
    /// What the load makes of it.
    load: Load,
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
                load: Load::Bearable,
                streak: 0,
                seen: 0,
            })
        };
        constraints.iter().filter_map(limit).collect()
    }

    /// `ideal`: the bounds without the load generator's time.
    fn look(&mut self, (bounds, ideal): (Bounds, Bounds), seen: u64, load: Load) {
        let bounds = self.under(load, bounds, ideal);
        let ruling = self.constraint.ruling(bounds);
        self.load = load;
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

    /// The bounds as far as they are the model's: in a queue that grows without end no latency is kept, and where the
    /// load generator itself is too slow, a latency is at least what it would be without that, and a rate may be higher.
    fn under(&self, load: Load, bounds: Bounds, ideal: Bounds) -> Bounds {
        let (low, high) = (bounds.low, bounds.high);
        match load {
            Load::Overloaded { .. } if is_latency(self.metric) => Bounds {
                low: Some(f64::INFINITY),
                high: None,
            },
            Load::Unplayed if self.metric.scope == Scope::Serve => Bounds::default(),
            Load::Generator { .. } if is_latency(self.metric) => Bounds {
                low: ideal.low,
                high,
            },
            Load::Generator { .. } if self.metric.kind == MetricKind::Rate => {
                Bounds { low, high: None }
            }
            _ => bounds,
        }
    }

    /// What the last look found, for people; `None` before the first.
    pub(super) fn said(&self, ruling: Ruling) -> Option<String> {
        let (_, bounds) = self.last?;
        if let (Load::Overloaded { .. }, true) = (self.load, is_latency(self.metric)) {
            return Some(self.load.sentence().unwrap_or_default());
        }
        let said = said(&self.constraint, bounds, ruling);
        Some(match (self.load, self.load.sentence(), ruling) {
            (Load::Unplayed, Some(load), _) => load,
            (Load::Generator { .. }, Some(load), Ruling::Open) => format!("{said}; {load}"),
            (Load::Generator { .. }, _, Ruling::Broken) => {
                format!("{said} even without the load generator's time")
            }
            _ => said,
        })
    }

    /// What is certain. In a stage that is over the last look is all there will be.
    pub(super) fn ruling(&self, looks: u32, over: bool) -> Ruling {
        match self.last {
            Some((ruling, _)) if over || self.streak >= looks.max(LOOKS) => ruling,
            _ => Ruling::Open,
        }
    }
}

/// What the load does to the figures of a stage.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Load {
    /// Nothing: they are the model's.
    Bearable,
    /// For certain the answers take longer than the gaps between the requests, in seconds each: the queue grows without
    /// end.
    Overloaded { answer_s: f64, gap_s: f64 },
    /// The worker does not play the pattern: nothing is known of how requests would wait.
    Unplayed,
    /// For this share of the mean latency a request was due and the model was not at work.
    Generator { own: f64 },
}

impl Load {
    /// For notes; nothing where there is nothing to say.
    pub(super) fn sentence(self) -> Option<String> {
        match self {
            Self::Bearable => None,
            Self::Overloaded { answer_s, gap_s } => {
                let (answer, gap) = (units::seconds(answer_s), units::seconds(gap_s));
                Some(format!(
                    "overloaded: one request comes every {gap}, an answer takes at least {answer} at {}, so the queue grows without end",
                    percent(1.0 - ALPHA)
                ))
            }
            Self::Unplayed => Some(
                "the worker does not play this load pattern: it says nothing of waits".to_owned(),
            ),
            Self::Generator { own } => Some(format!(
                "generator-bound: for {} of the mean latency a request was due and the model was not at work, but the load generator or another program",
                percent(own)
            )),
        }
    }
}

fn is_latency(metric: &MetricDef) -> bool {
    metric.scope == Scope::Serve && metric.unit == Unit::Seconds
}

/// Whether looks at this stage judge the metric.
pub(super) fn watched(metric: &MetricDef, stage: Stage) -> bool {
    let kind = metric.kind != MetricKind::Peak && !metric.kind.is_said_once();
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
        if self.limits.is_empty() {
            return;
        }
        let load = self.load();
        let judged = |limit: &Limit| {
            let (found, seen) = bounds(limit.metric, self, ask);
            let ideal = match load {
                Load::Generator { .. } => self.ideal_bounds(limit.metric),
                _ => Bounds::default(),
            };
            ((found, ideal), seen)
        };
        let found: Vec<_> = self.limits.iter().map(judged).collect();
        for (limit, (bounds, seen)) in self.limits.iter_mut().zip(found) {
            limit.look(bounds, seen, load);
        }
    }

    /// Bounds on a latency as it would be if the load generator took no time.
    fn ideal_bounds(&self, metric: &MetricDef) -> Bounds {
        match (metric.kind, &self.ideal) {
            (MetricKind::Mean, _) => of_times(self, (IDEAL, STEPS), (Tail::Above, ALPHA)).0,
            (MetricKind::Quantile(level), Some(ideal)) => of_quantile(self, ideal, level, IDEAL),
            _ => Bounds::default(),
        }
    }

    /// What the load does to the figures.
    pub(super) fn load(&self) -> Load {
        if self.unplayed {
            return Load::Unplayed;
        }
        if let Some(rate_per_s) = self.queue.rate_per_s() {
            let found = self.answers();
            if let Some(answer_s) = found.low.filter(|answer_s| answer_s * rate_per_s > 1.0) {
                let gap_s = 1.0 / rate_per_s;
                return Load::Overloaded { answer_s, gap_s };
            }
        }
        let own = own_share(&self.times, self.beginning().cut);
        own.map_or(Load::Bearable, |own| Load::Generator { own })
    }

    /// Bounds on the mean time of an answer. In a queue that grows the latencies never settle, while the answers may.
    fn answers(&self) -> Bounds {
        let parts = self.times.parts(BUSY, STEPS);
        let settled = settle(&parts, total(&parts).amount);
        let left = &parts[settled.cut..];
        let ask = AnytimeAsk {
            alpha: ALPHA,
            steady: settled.settled && is_steady(left),
        };
        ratio_bounds(left, (self.times.per_batch(), Tail::Above), ask)
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
            let (found, seen) = of_times(stage, (ELAPSED, ITEMS), (Tail::Above, ALPHA));
            let inverse = |bound: Option<f64>| bound.filter(|b| *b > 0.0).map(|b| 1.0 / b);
            let bounds = Bounds {
                low: inverse(found.high),
                high: inverse(found.low),
            };
            (bounds, seen)
        }
        MetricKind::Mean => of_times(stage, (LATENCY, STEPS), (Tail::Above, ALPHA)),
        MetricKind::Gauge if metric.name == UTILISATION => {
            let (found, seen) = of_times(stage, (BUSY, ELAPSED), (Tail::Within(0.0, 1.0), ALPHA));
            let in_percent = |bound: Option<f64>| bound.map(|share| share * 100.0);
            let bounds = Bounds {
                low: in_percent(found.low),
                high: in_percent(found.high),
            };
            (bounds, seen)
        }
        MetricKind::Projection => of_projection(stage, ask),
        MetricKind::Quantile(level) => {
            let found = of_quantile(stage, &stage.quantiles, level, LATENCY);
            (found, stage.times.observations())
        }
        MetricKind::Gauge => gauge(metric.name, stage, ask)
            .map_or((Bounds::default(), 0), |(series, factor, most)| {
                of_gauge(series, (factor, most))
            }),
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

fn is_steady(parts: &[Part]) -> bool {
    trend(parts).is_none_or(|trend| trend.p_value >= TREND_LEVEL)
}

/// Those of a projection: half of what they may be wrong with for the steps, half for what lies between the epochs.
fn of_projection(stage: &StageState, ask: Ask<'_>) -> (Bounds, u64) {
    let (steps, seen) = of_times(stage, (ELAPSED, ITEMS), (Tail::Above, ALPHA / 2.0));
    (projection::bounds(steps, ask.budget, ALPHA / 2.0), seen)
}

/// The least time, in seconds, that the whole training takes, wrong with a probability of at most [`ALPHA`].
pub(super) fn time_at_least(stage: &StageState, ask: Ask<'_>) -> Option<f64> {
    of_projection(stage, ask).0.low
}

fn of_times(
    stage: &StageState,
    parts: (usize, usize),
    (tail, alpha): (Tail, f64),
) -> (Bounds, u64) {
    let (_, (left, steady)) = steps_left(stage, parts);
    let ask = AnytimeAsk { alpha, steady };
    let series = (stage.times.per_batch(), tail);
    (ratio_bounds(&left, series, ask), stage.times.observations())
}

fn of_gauge(series: &Gauge, (factor, most): (f64, f64)) -> (Bounds, u64) {
    let scaled = |part: Part| Part {
        amount: part.amount * factor,
        ..part
    };
    let parts: Vec<Part> = series.parts(0, 1).into_iter().map(scaled).collect();
    let settled = settle(&parts, total(&parts).weight);
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
