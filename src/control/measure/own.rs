//! The mean of the values that a program says of a metric of the user's own, in one stage. Values that depend on those before them
//! are told by their batches, as with everything that is measured.

use super::assessment::{
    ALPHA, Assessment, Bounded, Cut, Found, Measure, bounds_of, of_ratio, settle,
};
use crate::control::policy::StopPolicy;
use crate::event::{Note, Num};
use crate::stats::batches::total;
use crate::stats::{BatchSeries, Part, Tail};

/// Batches of the series.
const CAPACITY: usize = 256;

/// Columns: values, how many, and the seconds that passed before each.
const VALUE: usize = 0;
const COUNT: usize = 1;
const TIME: usize = 2;

/// The values of one metric in one stage.
#[derive(Debug, Clone)]
pub(crate) struct OwnSeries {
    values: BatchSeries<3>,
    last_ns: u64,
    /// One that is no number, which no mean has.
    wrong: Option<Num>,
}

impl OwnSeries {
    /// Of a stage that was entered at this time.
    pub(crate) fn new(entered_ns: u64) -> Self {
        Self { values: BatchSeries::new(CAPACITY), last_ns: entered_ns, wrong: None }
    }

    /// Adds a value that was said at this time, `said_in` times the base unit.
    pub(crate) fn push(&mut self, value: Num, said_in: f64, t_ns: u64) {
        let passed_s = t_ns.saturating_sub(self.last_ns) as f64 * 1e-9;
        self.last_ns = self.last_ns.max(t_ns);
        match value.finite().map(|value| value * said_in).filter(|value| value.is_finite()) {
            Some(figure) => self.values.push([figure, 1.0, passed_s]),
            None => self.wrong = Some(value),
        }
    }
}

/// Their mean.
pub(crate) struct OwnMean<'a>(pub(crate) Option<&'a OwnSeries>);

impl OwnMean<'_> {
    fn seen(&self) -> u64 {
        self.0.map_or(0, |series| series.values.observations())
    }
}

impl Measure for OwnMean<'_> {
    fn assess(&self, policy: &StopPolicy) -> Assessment {
        let Some(series) = self.0 else {
            return Assessment::missing(Note::NoValue);
        };
        if let Some(value) = series.wrong {
            return Assessment::missing(Note::NotANumberOfWorker { value });
        }
        let values = &series.values;
        let times = values.parts(TIME, COUNT);
        let parts = values.parts(VALUE, COUNT);
        let beginning = settle(&parts, total(&times).amount);
        let (first, left) = parts.split_at(beginning.cut);
        let (cut, seen) = (values.in_first(beginning.cut), values.observations());
        let Some(estimate) = of_ratio(left, policy.confidence, seen - cut) else {
            return Assessment::missing(Note::NoValue);
        };
        let found = Found {
            estimate,
            scale: estimate.value.abs(),
            first,
            left,
            beginning,
            disturbed: None,
            seen,
            cut: Cut::of(&times, beginning, (cut, seen), |part: &Part| part.amount),
            of_means: false,
        };
        found.judged(policy)
    }

    fn bounds(&self) -> Bounded {
        let Some(series) = self.0.filter(|series| series.wrong.is_none()) else {
            return Bounded::default();
        };
        let mut left = series.values.parts(VALUE, COUNT);
        let beginning = settle(&left, total(&series.values.parts(TIME, COUNT)).amount);
        let left = left.split_off(beginning.cut_for_bounds);
        // Nobody knows what values there are that have not been said yet.
        let tail = Tail::Within(f64::NEG_INFINITY, f64::INFINITY);
        let bounds = bounds_of(&left, beginning.settled, series.values.per_batch(), tail, ALPHA);
        Bounded { bounds, seen: self.seen() }
    }
}
