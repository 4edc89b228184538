//! The worker's searches for the highest rate that keeps a latency limit, one a size of requests.

use std::collections::BTreeMap;

use super::disturbance::Marks;
use super::figure::Figure;
use super::sampled::Sampled;
use super::tick::Interval;
use crate::event::{FoundRate, Note, Num};
use crate::stats::Bounds;

/// Share of the time of a search with interference that is worth a word.
const TAKEN: f64 = 0.05;

/// What came of the searches, by samples a request.
#[derive(Debug, Clone, Default)]
pub(crate) struct Searches {
    pub(crate) found: BTreeMap<u32, FoundRate>,
    /// The ticks during each.
    ticks: BTreeMap<u32, Sampled>,
}

impl Searches {
    /// Adds the interval between two neighbouring ticks.
    pub(crate) fn push(&mut self, size: u32, interval: &Interval<'_>) {
        self.ticks.entry(size).or_default().push(interval);
    }

    /// Marks what has become known.
    pub(crate) fn resolve(&mut self, marks: &Marks) {
        self.ticks.values_mut().for_each(|ticks| ticks.resolve(marks));
    }

    /// Whether that of this size ended with a rate as precise as was asked.
    pub(crate) fn is_precise(&self, size: u32) -> bool {
        self.found.get(&size).is_some_and(|found| found.precise)
    }

    /// The highest rate of requests of this size; `None` before its search has ended.
    pub(crate) fn figure(&self, size: u32) -> Option<Figure> {
        let found = self.found.get(&size)?;
        let Bounds { low, high } = bounds(found);
        let estimate = found.rate_per_s.and_then(Num::finite);
        let taken = self.ticks.get(&size).and_then(|ticks| ticks.marked.ratio());
        let taken = taken.filter(|taken| *taken > TAKEN);
        let figure = Figure {
            estimate,
            low,
            high,
            confidence: found.confidence.filter(|_| low.is_some()),
            samples: found.requests,
            known: found.precise && estimate.is_some(),
            notes: vec![Note::RateSearch { why: found.why.clone(), probes: found.probes }],
            doubts: Vec::new(),
        };
        Some(figure.noted(taken.map(|share| Note::SearchDisturbed { share: Num(share) })))
    }
}

/// Bounds on the highest rate; none where there is no rate.
pub(crate) fn bounds(found: &FoundRate) -> Bounds {
    let end = |end: Option<Num>| end.and_then(Num::finite);
    Bounds { low: end(found.low), high: end(found.high) }
}
