//! Hindsight, the yardstick of what is possible.

use super::spec::{RuleDef, RuleSpec, WITHIN};

/// Its declaration.
pub(super) const ORACLE: RuleDef = RuleDef {
    name: "oracle",
    about: "hindsight: from when on the running estimate stays within; replay only",
    params: &[WITHIN],
    build: None,
    takes_precision: true,
};

/// Knows the figure of the whole series and finds the earliest time after which the running estimate stays within the
/// precision for good. It can say so only at the end, hence it is no [`super::SeriesRule`].
#[derive(Debug, Clone)]
pub struct Oracle {
    within: f64,
    truth: f64,
    since: Option<(f64, f64)>,
    last: Option<f64>,
}

impl Oracle {
    /// `truth`: the figure of the whole series.
    pub fn new(spec: &RuleSpec, truth: f64) -> Self {
        Self { within: spec.value("within"), truth, since: None, last: None }
    }

    /// Takes the running estimate at this time, in seconds.
    pub fn push(&mut self, at_s: f64, estimate: f64) {
        self.last = Some(estimate);
        if (estimate - self.truth).abs() > self.within * self.truth.abs() {
            self.since = None;
        } else if self.since.is_none() {
            self.since = Some((at_s, estimate));
        }
    }

    /// Since when the estimate is right, in seconds, and what it was then.
    pub fn since(&self) -> Option<(f64, f64)> {
        self.since
    }

    /// The precision, as a share of the figure.
    pub fn within(&self) -> f64 {
        self.within
    }

    /// The newest estimate.
    pub fn last(&self) -> Option<f64> {
        self.last
    }
}
