//! Figures of steps and requests: rates, means, shares of the time, and quantiles.

use super::assessment::{
    ALPHA, Assessment, Beginning, Bounded, Found, Measure, bounds_of, is_steady, of_ratio, scaled,
};
use super::disturbance::{Columns, Disturbance};
use super::series::Series;
use super::times::{BUSY, CLEAR, ELAPSED, FETCH, IDEAL, ITEMS, LATENCY, STEPS, TIME};
use crate::control::policy::StopPolicy;
use crate::event::Note;
use crate::stats::anytime::unsteadiness;
use crate::stats::{Bounds, QuantileSeries, Tail};

/// What over what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Of {
    /// Samples over the time that elapsed.
    Rate,
    /// The time that elapsed over samples.
    PerSample,
    /// Latency over steps.
    Mean,
    /// The time of the answers over what elapsed, in percent.
    Busy,
    /// The time in which steps waited for their data over what elapsed, in percent.
    Fetch,
}

/// A ratio of two sums over the steps.
pub(crate) struct Ratio<'a> {
    pub(crate) series: &'a Series,
    pub(crate) of: Of,
}

impl Ratio<'_> {
    /// Columns of the amount and of the weight, and what makes their ratio the figure.
    fn columns(&self) -> (usize, usize, f64) {
        match self.of {
            Of::Rate => (ITEMS, ELAPSED, 1.0),
            Of::PerSample => (ELAPSED, ITEMS, 1.0),
            Of::Mean => (LATENCY, STEPS, 1.0),
            Of::Busy => (BUSY, ELAPSED, 100.0),
            Of::Fetch => (FETCH, ELAPSED, 100.0),
        }
    }
}

impl Measure for Ratio<'_> {
    fn assess(&self, policy: &StopPolicy) -> Assessment {
        let (amount, weight, factor) = self.columns();
        let times = &self.series.times;
        let beginning = self.series.beginning();
        let mut first = scaled(times.parts(amount, weight), factor);
        let left = first.split_off(beginning.cut);
        let samples = times.observations() - times.in_first(beginning.cut);
        let Some(estimate) = of_ratio(&left, policy.confidence, samples) else {
            return Assessment::missing(Note::NoStep);
        };
        let columns = columns(amount, weight);
        let disturbed = Disturbance::of(times, beginning.cut, beginning.quiet, columns);
        let found = Found {
            estimate,
            scale: estimate.value.abs(),
            first: &first,
            left: &left,
            beginning,
            disturbed: disturbed.map(|found| found.map(|without| Some(without * factor))),
            seen: times.observations(),
            cut: self.series.cut(),
            of_means: false,
        };
        found.judged(policy)
    }

    fn bounds(&self) -> Bounded {
        let end = |bound: Option<f64>, figure: fn(f64) -> f64| bound.map(figure);
        match self.of {
            // Times have their tail above; their ratio to the items is the rate upside down.
            Of::Rate => {
                let Bounded { bounds, seen } =
                    times_bounds(self.series, (ELAPSED, ITEMS), Tail::Above, ALPHA);
                let inverse = |bound: Option<f64>| {
                    end(bound.filter(|bound| *bound > 0.0), |bound| 1.0 / bound)
                };
                Bounded {
                    bounds: Bounds { low: inverse(bounds.high), high: inverse(bounds.low) },
                    seen,
                }
            }
            Of::PerSample => times_bounds(self.series, (ELAPSED, ITEMS), Tail::Above, ALPHA),
            Of::Mean => times_bounds(self.series, (LATENCY, STEPS), Tail::Above, ALPHA),
            Of::Busy | Of::Fetch => {
                let part = self.columns().0;
                let tail = Tail::Within(0.0, 1.0);
                let Bounded { bounds, seen } =
                    times_bounds(self.series, (part, ELAPSED), tail, ALPHA);
                let percent = |bound| end(bound, |share| share * 100.0);
                Bounded {
                    bounds: Bounds { low: percent(bounds.low), high: percent(bounds.high) },
                    seen,
                }
            }
        }
    }

    fn ideal(&self) -> Bounds {
        match self.of {
            Of::Mean => times_bounds(self.series, (IDEAL, STEPS), Tail::Above, ALPHA).bounds,
            _ => Bounds::default(),
        }
    }
}

/// Bounds on the ratio of two columns, wrong with a probability of at most `alpha`.
pub(crate) fn times_bounds(
    series: &Series,
    (amount, weight): (usize, usize),
    tail: Tail,
    alpha: f64,
) -> Bounded {
    let times = &series.times;
    let beginning = series.beginning();
    let left = times.parts(amount, weight).split_off(beginning.cut_for_bounds);
    let bounds = bounds_of(&left, beginning.settled, times.per_batch(), tail, alpha);
    Bounded { bounds, seen: times.observations() }
}

/// A quantile of the latencies.
pub(crate) struct Rank<'a> {
    pub(crate) series: &'a Series,
    pub(crate) level: f64,
}

impl Rank<'_> {
    /// Bounds from a series whose times are in this column.
    fn bounds_in(&self, of: &QuantileSeries, column: usize) -> Bounds {
        let times = &self.series.times;
        let beginning = self.series.beginning();
        let left = times.parts(column, STEPS).split_off(beginning.cut_for_bounds);
        let steady = beginning.settled && is_steady(&left);
        let moved = if steady { 0.0 } else { unsteadiness(&left) };
        of.bounds(self.level, self.series.steps_cut_for_bounds(), ALPHA).widened(moved)
    }

    fn disturbed(&self, beginning: Beginning) -> Option<Disturbance> {
        let Beginning { cut, quiet, .. } = beginning;
        let columns = columns(LATENCY, STEPS);
        let found = Disturbance::of(&self.series.times, cut, quiet, columns)?;
        let skip = if quiet { 0 } else { self.series.steps_cut() };
        Some(found.map(|_| self.series.clear_quantile(self.level, skip)))
    }
}

impl Measure for Rank<'_> {
    fn assess(&self, policy: &StopPolicy) -> Assessment {
        let Series { times, quantiles, .. } = self.series;
        let beginning = self.series.beginning();
        let skip = self.series.steps_cut();
        let Some(estimate) = quantiles.estimate(self.level, skip, policy.confidence) else {
            return Assessment::missing(Note::NoStep);
        };
        let parts = times.parts(LATENCY, STEPS);
        let found = Found {
            estimate,
            scale: estimate.value.abs(),
            first: &parts[..beginning.cut],
            left: &parts[beginning.cut..],
            beginning,
            disturbed: self.disturbed(beginning),
            seen: times.observations(),
            cut: self.series.cut(),
            of_means: true,
        };
        found.judged(policy)
    }

    fn bounds(&self) -> Bounded {
        let bounds = self.bounds_in(&self.series.quantiles, LATENCY);
        Bounded { bounds, seen: self.series.times.observations() }
    }

    fn bounds_by(&self, limit: f64) -> Bounded {
        let Bounded { bounds: Bounds { low, high }, seen } = self.bounds();
        let quantiles = &self.series.quantiles;
        let side = quantiles.side(limit, self.level, self.series.steps_cut_for_bounds(), ALPHA);
        // Beyond the limit, which a limit that must not be reached needs.
        let low = [low, side.low.map(f64::next_up)].into_iter().flatten().reduce(f64::max);
        let high = [high, side.high.map(f64::next_down)].into_iter().flatten().reduce(f64::min);
        Bounded { bounds: Bounds { low, high }, seen }
    }

    fn ideal(&self) -> Bounds {
        let ideal = self.series.ideal.as_ref();
        ideal.map(|ideal| self.bounds_in(ideal, IDEAL)).unwrap_or_default()
    }
}

/// Where a figure of steps keeps what it would be without others.
fn columns(amount: usize, weight: usize) -> Columns {
    Columns { clear: (amount + CLEAR, weight + CLEAR), time: TIME }
}
