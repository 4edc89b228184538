//! The mean of a gauge, or of the rate of a counter, over a stage.

use std::collections::VecDeque;

use super::tick::Observed;
use crate::control::disturbance::{Columns, Mark, Marks};
use crate::stats::batches::total;
use crate::stats::{BatchSeries, Part};

/// Batches of the series; a look costs in proportion.
const CAPACITY: usize = 256;

/// Observations that wait for their mark: those of seconds.
const WAITING: usize = 64;

/// Where a gauge keeps what: amount, seconds, both of the clear observations, seconds of the marked ones.
pub(crate) const GAUGE: Columns = Columns { clear: (2, 3), time: (1, 3, 4) };

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

    /// Seconds of the full batches.
    pub(crate) fn read_s(&self) -> f64 {
        total(&self.parts()).weight
    }

    /// Amount and seconds in all.
    pub(crate) fn sum(&self) -> Part {
        self.series.sum(0, 1)
    }
}
