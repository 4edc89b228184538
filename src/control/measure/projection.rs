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
use super::why::Why;
use crate::control::policy::StopPolicy;
use crate::stats::{Bounds, Estimate, Interval, Tail};
use crate::units;
use crate::units::percent;

/// What between the epochs may lie, as a multiple of the time of the steps with it, while none is over: as much as the
/// steps themselves. Validation without updates of as many samples as are trained on takes less.
const UNSEEN: f64 = 2.0;

/// Why there is no projection.
const NO_SIZE: &str = "how many samples an epoch has is not known before the first is over (a worker may say `epoch_samples`)";

/// The time of the whole training, as far as its size is known.
pub(crate) struct Projected<'a> {
    pub(crate) series: &'a Series,
    pub(crate) budget: Option<Budget>,
}

impl Measure for Projected<'_> {
    fn assess(&self, policy: &StopPolicy) -> Assessment {
        match self.budget {
            Some(budget) => projected(self.series, budget, policy),
            None => Assessment::missing(NO_SIZE),
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
    let interval = sample.interval.map(|interval| Interval {
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
pub(crate) fn contains(budget: Budget, whole_s: f64) -> String {
    let epochs = |count: u32| match count {
        1 => "1 epoch".to_owned(),
        _ => format!("{count} epochs"),
    };
    let size = units::significant(budget.samples);
    let steps = format!("{} of {size} samples", epochs(budget.epochs));
    match budget.between_s(0.0) {
        None => format!(
            "{steps}; without validation and what else lies between epochs: none is over yet"
        ),
        Some((between_s, _)) => {
            let share = budget.whole_s(0.0, between_s) / whole_s.max(f64::MIN_POSITIVE);
            format!(
                "{steps}; {} of it between epochs (validation), as seen in {}",
                percent(share),
                epochs(budget.seen())
            )
        }
    }
}
