//! The plainest yardsticks: a running mean with Student's interval, and a fixed number of intervals.

use super::observe::{Observation, Opinion, SeriesRule, Standing, estimate};
use super::spec::{RuleDef, RuleSpec, WITHIN, confidence, count};
use crate::stats::Interval;
use crate::stats::distribution::student_t;
use crate::units::percent;

/// Mean and sum of squares by Welford's update: a constant series has exactly its value and no spread.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Running {
    pub(super) count: u64,
    pub(super) mean: f64,
    squares: f64,
}

impl Running {
    pub(super) fn push(&mut self, value: f64) {
        self.count += 1;
        let delta = value - self.mean;
        self.mean += delta / self.count as f64;
        self.squares += delta * (value - self.mean);
    }

    /// Unbiased standard deviation; infinite for fewer than two values.
    pub(super) fn deviation(&self) -> f64 {
        if self.count < 2 {
            return f64::INFINITY;
        }
        (self.squares.max(0.0) / (self.count - 1) as f64).sqrt()
    }

    /// Half of Student's interval of the mean; infinite for fewer than two values.
    pub(super) fn half_width(&self, confidence: f64) -> f64 {
        if self.count < 2 {
            return f64::INFINITY;
        }
        let n = self.count as f64;
        student_t(confidence, n - 1.0) * self.deviation() / n.sqrt()
    }
}

/// Half of an interval as a share of the figure, for people.
pub(super) fn reached(half: f64, mean: f64) -> String {
    if half <= 0.0 {
        return "±0%".to_owned();
    }
    if !half.is_finite() || mean == 0.0 {
        return "no interval".to_owned();
    }
    format!("±{}", percent(half / mean.abs()))
}

/// Its declaration.
pub(super) const NAIVE_T: RuleDef = RuleDef {
    name: "naive-t",
    about: "Student's interval over all intervals so far, looked at after each",
    params: &[
        WITHIN,
        confidence(0.95),
        count("n", 3, 3.0, "fewest intervals"),
        count("skip", 0, 0.0, "intervals left out first"),
    ],
    build: Some(|spec| Box::new(NaiveT::new(spec))),
    takes_precision: true,
};

/// Student's interval over all intervals so far, looked at after each: what the repeated looks do to its coverage is
/// not paid for.
#[derive(Debug, Clone)]
pub(super) struct NaiveT {
    within: f64,
    confidence: f64,
    least: u64,
    skip: u64,
    all: Running,
}

impl NaiveT {
    pub(super) fn new(spec: &RuleSpec) -> Self {
        Self {
            within: spec.value("within"),
            confidence: spec.value("confidence"),
            least: spec.count("n") as u64,
            skip: spec.count("skip") as u64,
            all: Running::default(),
        }
    }
}

impl SeriesRule for NaiveT {
    fn push(&mut self, observation: Observation) -> Standing {
        if self.skip > 0 {
            self.skip -= 1;
            return Standing::Open;
        }
        self.all.push(observation.value);
        let narrow = || {
            let half = self.all.half_width(self.confidence);
            half <= self.within * self.all.mean.abs()
        };
        if self.all.count >= self.least && narrow() { Standing::Known } else { Standing::Open }
    }

    fn opinion(&self) -> Opinion {
        let Running { count, mean, .. } = self.all;
        let half = self.all.half_width(self.confidence);
        let interval = half.is_finite().then(|| Interval::around(mean, half));
        Opinion {
            estimate: estimate(mean, interval, count),
            reason: format!(
                "{} at {} over {count} intervals",
                reached(half, mean),
                percent(self.confidence)
            )
            .into(),
        }
    }
}

/// Its declaration.
pub(super) const FIXED: RuleDef = RuleDef {
    name: "fixed",
    about: "the mean of n intervals after skip",
    params: &[count("n", 1, 20.0, "how many"), count("skip", 0, 5.0, "how many before them")],
    build: Some(|spec| Box::new(Fixed::new(spec))),
    takes_precision: true,
};

/// The mean of `n` intervals after the first `skip`.
#[derive(Debug, Clone)]
pub(super) struct Fixed {
    n: u64,
    skip: u64,
    skipped: u64,
    kept: Running,
}

impl Fixed {
    pub(super) fn new(spec: &RuleSpec) -> Self {
        Self {
            n: spec.count("n") as u64,
            skip: spec.count("skip") as u64,
            skipped: 0,
            kept: Running::default(),
        }
    }
}

impl SeriesRule for Fixed {
    fn push(&mut self, observation: Observation) -> Standing {
        if self.skipped < self.skip {
            self.skipped += 1;
            return Standing::Open;
        }
        self.kept.push(observation.value);
        if self.kept.count >= self.n { Standing::Known } else { Standing::Open }
    }

    fn opinion(&self) -> Opinion {
        let Running { count, mean, .. } = self.kept;
        Opinion {
            estimate: estimate(mean, None, count),
            reason: format!("{count} of {} intervals after {}", self.n, self.skipped).into(),
        }
    }
}
