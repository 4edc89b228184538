//! What a rule sees of a series, and what it says of it.

use std::fmt;

use crate::event::RuleSaid;
use crate::stats::{Estimate, Interval};

/// The mean of a quantity over one interval.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Observation {
    /// When the interval ends, in seconds since the series began.
    pub end_s: f64,
    /// How long it is, in seconds.
    pub width_s: f64,
    /// The mean, in the unit of the series.
    pub value: f64,
}

/// Where a rule stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// It wants to see more.
    Open,
    /// It has its answer.
    Known,
    /// It has ended without an answer.
    GaveUp,
}

/// What a rule says when it is asked.
#[derive(Debug, Clone, PartialEq)]
pub struct Opinion {
    /// Its figure, with an interval where the rule has one; absent: it has none yet.
    pub estimate: Option<Estimate>,
    /// Why it stands where it stands, one sentence.
    pub reason: RuleSaid,
}

/// A stopping rule at work on one series. It is fed until it is no longer [`Standing::Open`]; that verdict is final.
pub trait SeriesRule: fmt::Debug + Send + Sync {
    /// Takes the next interval.
    fn push(&mut self, observation: Observation) -> Standing;

    /// What it says now: called once a series, so it may cost more than a push.
    fn opinion(&self) -> Opinion;
}

/// A rule at work on a series. That it is no longer open is final.
#[derive(Debug)]
pub(in crate::control) struct AtWork {
    rule: Box<dyn SeriesRule>,
    /// When it ceased to be open, in seconds, where it stood then and what it said.
    ended: Option<(f64, Standing, Opinion)>,
}

impl AtWork {
    pub(in crate::control) fn new(rule: Box<dyn SeriesRule>) -> Self {
        Self { rule, ended: None }
    }

    /// Takes the next interval, unless it has ended.
    pub(in crate::control) fn push(&mut self, observation: Observation) {
        if self.ended.is_none() {
            let standing = self.rule.push(observation);
            if standing != Standing::Open {
                self.ended = Some((observation.end_s, standing, self.rule.opinion()));
            }
        }
    }

    /// When it ended, in seconds, and as what.
    pub(in crate::control) fn ended(&self) -> Option<(f64, Standing)> {
        self.ended.as_ref().map(|(at_s, standing, _)| (*at_s, *standing))
    }

    /// What it said when it ended, or says now.
    pub(in crate::control) fn opinion(&self) -> Opinion {
        match &self.ended {
            Some((.., opinion)) => opinion.clone(),
            None => self.rule.opinion(),
        }
    }
}

/// A figure that rests on so many intervals; none on none.
pub(super) fn estimate(value: f64, interval: Option<Interval>, samples: u64) -> Option<Estimate> {
    (samples > 0).then_some(Estimate { value, interval, samples })
}
