//! The mean of a gauge, or of the rate of a counter, over a stage.

use std::collections::VecDeque;

use super::assessment::{
    ALPHA, Assessment, Beginning, Bounded, Cut, Found, Measure, bounds_of, of_ratio, scaled, settle,
};
use super::disturbance::{Columns, Disturbance, Mark, Marks};
use super::tick::{Interval, Observed, Tick};
use crate::control::devices::Selection;
use crate::control::policy::StopPolicy;
use crate::event::{Note, ResourceSample};
use crate::metric::{MetricDef, Source};
use crate::stats::batches::total;
use crate::stats::{BatchSeries, Part, Tail};
use crate::units::Unit;

/// Batches of the series; a look costs in proportion.
const CAPACITY: usize = 256;

/// Observations that wait for their mark: those of seconds.
const WAITING: usize = 64;

/// Where a gauge keeps what: amount, seconds, both of the clear observations, seconds of the marked ones.
const GAUGE: Columns = Columns { clear: (2, 3), time: (1, 3, 4) };

/// The observations of one gauge in one stage. Which of them were disturbed is known a moment later.
#[derive(Debug, Clone)]
pub(crate) struct Gauge {
    pub(crate) series: BatchSeries<5>,
    waiting: VecDeque<(u64, Observed)>,
}

impl Default for Gauge {
    fn default() -> Self {
        Self { series: BatchSeries::new(CAPACITY), waiting: VecDeque::new() }
    }
}

impl Gauge {
    /// Adds an observation that is not marked later: its amount, and the seconds.
    pub(crate) fn add(&mut self, amount: f64, seconds: f64) {
        self.series.push([amount, seconds, 0.0, 0.0, 0.0]);
    }

    /// Adds an observation.
    pub(crate) fn push(&mut self, observed: Observed) {
        let place = self.series.observations();
        self.add(observed.amount, observed.seconds);
        if self.waiting.len() == WAITING {
            self.waiting.pop_front();
        }
        self.waiting.push_back((place, observed));
    }

    /// Marks what has become known.
    pub(crate) fn resolve(&mut self, marks: &Marks) {
        while let Some((place, observed)) = self.waiting.front().copied()
            && let Some(mark) = marks.of(observed.span_ns)
        {
            self.waiting.pop_front();
            let Observed { amount, seconds, .. } = observed;
            let more = match mark {
                Mark::Unknown => continue,
                Mark::Clear => [0.0, 0.0, amount, seconds, 0.0],
                Mark::Taken => [0.0, 0.0, 0.0, 0.0, seconds],
            };
            self.series.amend(place, more);
        }
    }

    /// Amount and seconds of each batch.
    pub(crate) fn parts(&self) -> Vec<Part> {
        self.series.parts(0, 1)
    }

    /// How it begins; `parts`: its own, whatever their unit.
    fn beginning(&self, parts: &[Part]) -> Beginning {
        settle(parts, total(parts).weight).beside(&self.series, GAUGE.time)
    }

    /// Seconds of the full batches.
    pub(crate) fn read_s(&self) -> f64 {
        total(&self.parts()).weight
    }

    /// Amount and seconds in all.
    pub(crate) fn sum(&self) -> Part {
        self.series.sum(0, 1)
    }
}

/// Below this many percent a utilisation is asked for in percentage points, as if it were this high: 5% of an idle
/// core's 0.3% cannot be known, and nobody asks.
pub(crate) const UTILISATION_FLOOR: f64 = 10.0;

/// What makes the mean of a gauge's observations the metric; `None` where it is a share of cores that are not known.
pub(crate) fn factor(metric: &MetricDef, usable_cores: f64) -> Option<f64> {
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

/// What a tick says of a gauge at its time, in the metric's unit; of a counter its rate since the tick `before`.
pub fn reading(
    metric: &MetricDef,
    before: Option<&ResourceSample>,
    sample: &ResourceSample,
    devices: &Selection,
) -> Option<f64> {
    match metric.source {
        Source::Tick(field) if field.is_counter() => {
            let interval = Interval::new(before?, sample, devices)?;
            let rate = interval.observe(metric.source, 0)?.mean;
            Some(rate * factor(metric, 1.0)?)
        }
        source => Tick::new(sample, devices).value(source).map(|(_, value)| value),
    }
}

/// What a precision is a share of at the least.
pub(crate) fn floor(metric: &MetricDef) -> f64 {
    if metric.unit == Unit::Percent { UTILISATION_FLOOR } else { 0.0 }
}

/// The mean of a gauge over a stage.
pub(crate) struct GaugeMean<'a> {
    pub(crate) gauge: &'a Gauge,
    /// What makes the mean of the observations the figure.
    pub(crate) factor: f64,
    /// What the precision is a share of at the least.
    pub(crate) floor: f64,
    /// The most that the figure can be.
    pub(crate) most: f64,
}

impl Measure for GaugeMean<'_> {
    fn assess(&self, policy: &StopPolicy) -> Assessment {
        let series = &self.gauge.series;
        let parts = scaled(self.gauge.parts(), self.factor);
        let beginning = self.gauge.beginning(&parts);
        let left = &parts[beginning.cut..];
        let (cut, seen) = (series.in_first(beginning.cut), series.observations());
        let Some(estimate) = of_ratio(left, policy.confidence, seen - cut) else {
            return Assessment::missing(Note::NoInterval);
        };
        let disturbed = Disturbance::of(series, beginning.cut, beginning.quiet, GAUGE);
        let found = Found {
            estimate,
            scale: estimate.value.abs().max(self.floor),
            first: &parts[..beginning.cut],
            left,
            beginning,
            disturbed: disturbed.map(|found| found.map(|without| Some(without * self.factor))),
            seen,
            cut: Cut::of(&parts, beginning, (cut, seen), |part| part.weight),
            of_means: false,
        };
        found.judged(policy)
    }

    fn bounds(&self) -> Bounded {
        let series = &self.gauge.series;
        let parts = scaled(self.gauge.parts(), self.factor);
        let beginning = self.gauge.beginning(&parts);
        let left = &parts[beginning.cut_for_bounds..];
        let tail = Tail::Within(0.0, self.most);
        let bounds = bounds_of(left, beginning.settled, series.per_batch(), tail, ALPHA);
        Bounded { bounds, seen: series.observations() }
    }
}
