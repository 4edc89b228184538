//! The time of the whole training: `E (n s + b)` for `E` epochs of `n` samples, with `s` seconds a sample in the steps
//! after the warm-up (the mean step time over the mean size of a step) and `b` seconds between two epochs.
//!
//! Its interval is that of `s`, moved, and that of `b` beside it. Before the first epoch is over nothing is known of `b`:
//! the figure is that of the steps, and its note says so; a limit then counts as met only where twice the time of the
//! steps keeps it. Loading, serving and the test are not in it, nor is a training that ends before its budget.

use super::assessment::{ALPHA, Assessment, Bounded, Measure};
use super::pace::Budget;
use super::series::Series;
use super::steps::{Of, Ratio, times_bounds};
use super::times::{ELAPSED, ITEMS};
use crate::control::policy::StopPolicy;
use crate::event::{Note, Num, Why};
use crate::stats::{Bounds, Estimate, Interval, Tail};

/// What between the epochs may lie, as a multiple of the time of the steps with it, while none is over: as much as the
/// steps themselves. Validation without updates of as many samples as are trained on takes less.
const UNSEEN: f64 = 2.0;

/// The time of the whole training, as far as its size is known.
pub(crate) struct Projected<'a> {
    pub(crate) series: &'a Series,
    pub(crate) budget: Option<Budget>,
}

impl Measure for Projected<'_> {
    fn assess(&self, policy: &StopPolicy) -> Assessment {
        match self.budget {
            Some(budget) => projected(self.series, budget, policy),
            None => Assessment::missing(Note::NoEpochSize),
        }
    }

    /// Half of what they may be wrong with is for the steps, half for what lies between the epochs.
    fn bounds(&self) -> Bounded {
        let steps = times_bounds(self.series, (ELAPSED, ITEMS), Tail::Above, ALPHA / 2.0);
        Bounded { bounds: bounds(steps.bounds, self.budget, ALPHA / 2.0), ..steps }
    }
}

fn projected(series: &Series, budget: Budget, policy: &StopPolicy) -> Assessment {
    let steps = Ratio { series, of: Of::PerSample }.assess(policy);
    let Some(sample) = steps.estimate else {
        return steps;
    };
    let between = budget.between_s(policy.confidence);
    let (between_s, half_s) = between.unwrap_or_default();
    let whole = |sample_s: f64| budget.whole_s(sample_s, between_s);
    // The steps that are to come are in it as well.
    let sample_half =
        steps.regime.map(|regime| regime.whole(whole(sample.value), policy.confidence));
    let sample_interval =
        sample_half.map(|half| Interval::around(sample.value, half)).or(sample.interval);
    let interval = sample_interval.map(|interval| Interval {
        low: budget.whole_s(interval.low.max(0.0), (between_s - half_s).max(0.0)),
        high: budget.whole_s(interval.high, between_s + half_s),
    });
    let estimate = Estimate { value: whole(sample.value), interval, samples: sample.samples };
    let scale = estimate.value.abs();
    let half = estimate.half_width();
    let wide = half.is_some_and(|half| half > policy.within * scale);
    Assessment {
        estimate: Some(estimate),
        scale,
        open: steps.open.or(wide.then_some(Why::Wide)),
        disturbed: steps.disturbed.map(|found| found.map(|without| Some(whole(without)))),
        seen: steps.seen,
        cut: steps.cut,
        growth_below: None,
        takes: steps.takes,
        regime: None,
    }
}

/// Bounds on the whole from those on the seconds a sample, and the probability with which what lies between the epochs
/// may be beyond its own.
fn bounds(sample: Bounds, budget: Option<Budget>, alpha: f64) -> Bounds {
    let Some(budget) = budget else {
        return Bounds::default();
    };
    let low = sample.low.map(|low| low.max(0.0));
    match budget.between_at_all_times(alpha) {
        Some((least, most)) => Bounds {
            low: low.map(|low| budget.whole_s(low, least)),
            high: sample.high.map(|high| budget.whole_s(high, most)),
        },
        None => Bounds {
            low: low.map(|low| budget.whole_s(low, 0.0)),
            high: sample.high.map(|high| budget.whole_s(UNSEEN * high, 0.0)),
        },
    }
}

/// What the figure contains, for its row.
pub(crate) fn contains(budget: Budget, whole_s: f64) -> Note {
    let between = budget.between_s(0.0).map(|(between_s, _)| {
        let share = budget.whole_s(0.0, between_s) / whole_s.max(f64::MIN_POSITIVE);
        (Num(share), budget.seen())
    });
    Note::Projection { epochs: budget.epochs, samples: Num(budget.samples), between }
}
