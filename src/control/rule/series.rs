//! One recorded series, fed to several rules at once.

use super::error::RuleError;
use super::mean::Running;
use super::observe::{AtWork, Observation, Standing};
use super::oracle::Oracle;
use super::spec::RuleSpec;
use crate::event::RuleSaid;
use crate::stats::Interval;
use crate::units::percent;

/// Why a row cannot belong to a series.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
pub enum SeriesFault {
    /// NaN, infinite or below 0.
    #[error("{what} is {value}; it must be a finite number of 0 or more")]
    Number {
        /// The column.
        what: &'static str,
        /// What it holds.
        value: f64,
    },
    /// Time stands still.
    #[error(
        "the time {at_s} s comes a second time; each interval must end later than the one before it"
    )]
    Duplicate {
        /// The time, in seconds.
        at_s: f64,
    },
    /// Time goes backwards.
    #[error("the time {at_s} s comes after {before_s} s; sort the rows of a series by time")]
    Unsorted {
        /// The time, in seconds.
        at_s: f64,
        /// The time of the row before it, in seconds.
        before_s: f64,
    },
    /// A time of day instead of one since the beginning.
    #[error(
        "the first time is {at_s} s, more than three years; t_s counts from the beginning of the recording, so subtract \
         the time at which it began"
    )]
    Absolute {
        /// The time, in seconds.
        at_s: f64,
    },
}

/// A first time of this many seconds is no time since a beginning, but since 1970.
const ABSOLUTE_S: f64 = 1e8;

/// What one rule says of one series, and how right it is.
#[derive(Debug, Clone, PartialEq)]
pub struct Judgement {
    /// When it knew, in seconds; absent: it never did.
    pub stop_s: Option<f64>,
    /// The share of the series that it needed; 1 where it never knew.
    pub used: f64,
    /// Its figure.
    pub estimate: Option<f64>,
    /// Its interval, where it has one.
    pub interval: Option<Interval>,
    /// Why it stands where it stands.
    pub reason: RuleSaid,
}

#[derive(Debug)]
enum Judge {
    Rule(AtWork),
    Oracle(Oracle),
}

/// A series that is being fed. Time counts from 0, where the first interval begins; its width is not known, so it is
/// taken to be no longer than the second.
#[derive(Debug)]
pub struct SeriesReplay {
    judges: Vec<Judge>,
    /// The first row, until the second tells how wide it is.
    first: Option<(f64, f64)>,
    before_s: f64,
    rows: u64,
    /// All intervals but the first: they hold start-up.
    rest: Running,
}

impl SeriesReplay {
    /// `truth`: the figure of the whole series, which only the oracle needs.
    pub fn new(rules: &[RuleSpec], truth: Option<f64>) -> Result<Self, RuleError> {
        let judge = |spec: &RuleSpec| match (spec.build(), truth) {
            (Ok(rule), _) => Ok(Judge::Rule(AtWork::new(rule))),
            (Err(RuleError::NeedsFuture { .. }), Some(truth)) => {
                Ok(Judge::Oracle(Oracle::new(spec, truth)))
            }
            (Err(error), _) => Err(error),
        };
        Ok(Self {
            judges: rules.iter().map(judge).collect::<Result<_, _>>()?,
            first: None,
            before_s: 0.0,
            rows: 0,
            rest: Running::default(),
        })
    }

    /// Takes the next row: the mean over the interval that ends at `at_s`.
    pub fn push(&mut self, at_s: f64, value: f64) -> Result<(), SeriesFault> {
        for (what, number) in [("t_s", at_s), ("value", value)] {
            if !number.is_finite() || number < 0.0 {
                return Err(SeriesFault::Number { what, value: number });
            }
        }
        if self.rows == 0 && at_s >= ABSOLUTE_S {
            return Err(SeriesFault::Absolute { at_s });
        }
        let before_s = self.before_s;
        if self.rows > 0 && at_s <= before_s {
            return Err(if at_s < before_s {
                SeriesFault::Unsorted { at_s, before_s }
            } else {
                SeriesFault::Duplicate { at_s }
            });
        }
        self.rows += 1;
        self.before_s = at_s;
        if self.rows == 1 {
            self.first = Some((at_s, value));
            return Ok(());
        }
        let width_s = at_s - before_s;
        self.feed_first(width_s);
        self.rest.push(value);
        self.feed(Observation { end_s: at_s, width_s, value });
        Ok(())
    }

    fn feed_first(&mut self, at_most_s: f64) {
        if let Some((end_s, value)) = self.first.take() {
            // A series that counts from 0 at its first row has no time before it.
            let width_s = if end_s > 0.0 { end_s.min(at_most_s) } else { at_most_s };
            self.feed(Observation { end_s, width_s, value });
        }
    }

    fn feed(&mut self, observation: Observation) {
        for judge in &mut self.judges {
            match judge {
                Judge::Rule(rule) => rule.push(observation),
                Judge::Oracle(oracle) if self.rest.count > 0 => {
                    oracle.push(observation.end_s, self.rest.mean);
                }
                Judge::Oracle(_) => {}
            }
        }
    }

    /// Rows so far.
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// The plain mean of all intervals but the first; absent for fewer than two.
    pub fn full_estimate(&self) -> Option<f64> {
        (self.rest.count > 0).then_some(self.rest.mean)
    }

    /// What each rule says, in their order.
    pub fn finish(&mut self) -> Vec<Judgement> {
        self.feed_first(f64::INFINITY);
        let end_s = self.before_s;
        let judges = self.judges.iter();
        judges.map(|judge| judge.judgement(end_s)).collect()
    }
}

impl Judge {
    fn judgement(&self, end_s: f64) -> Judgement {
        let used = |stop_s: f64| if end_s > 0.0 { stop_s / end_s } else { 1.0 };
        match self {
            Self::Rule(rule) => {
                let mut opinion = rule.opinion();
                let stop_s = match rule.ended() {
                    Some((at_s, Standing::Known)) => Some(at_s),
                    Some((at_s, _)) => {
                        let last = Box::new(opinion.reason);
                        opinion.reason = RuleSaid::GaveUp { after_s: Some(at_s), last };
                        None
                    }
                    None => None,
                };
                Judgement {
                    stop_s,
                    used: stop_s.map_or(1.0, used),
                    estimate: opinion.estimate.map(|estimate| estimate.value),
                    interval: opinion.estimate.and_then(|estimate| estimate.interval),
                    reason: opinion.reason,
                }
            }
            Self::Oracle(oracle) => oracle.judgement(used),
        }
    }
}

impl Oracle {
    /// What hindsight says; `used`: the share of the recording that a time is.
    pub(in crate::control) fn judgement(&self, used: impl Fn(f64) -> f64) -> Judgement {
        let since = self.since();
        let within = percent(self.within());
        Judgement {
            stop_s: since.map(|(at_s, _)| at_s),
            used: since.map_or(1.0, |(at_s, _)| used(at_s)),
            estimate: since.map(|(_, value)| value).or(self.last()),
            interval: None,
            reason: match since {
                Some(_) => format!("from here on within ±{within} of the whole series").into(),
                None => "too short for a running estimate".into(),
            },
        }
    }
}
