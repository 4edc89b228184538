//! Stopping rules by name: ours, and honest re-implementations of those of other tools, all over one series of
//! intervals.
//!
//! A [`SeriesRule`] takes one [`Observation`] after the other and says when the figure is known. [`RuleSpec`] is such a
//! rule with its parameters, as a user writes it; [`RULES`] lists them all, each declared in its own file. [`SeriesReplay`] feeds one recorded series
//! to several rules and compares what each says with the whole series.
//!
//! What another tool would report as its result counts as *known*, what it would discard as *given up*. The yardsticks
//! are fed intervals of wall time where their originals see single measurements; each says what else differs.

mod benchmark_dotnet;
mod error;
mod mean;
mod nvbench;
mod oracle;
mod own;
mod params;
mod series;
mod spec;
mod windows;

use std::fmt;

use crate::stats::{Estimate, Interval};

pub use error::RuleError;
pub use oracle::Oracle;
pub use params::{ParamDef, ParamKind, RuleDef};
pub use series::{Judgement, SeriesFault, SeriesReplay};
pub use spec::RuleSpec;

/// Every rule. The first is ours and the default.
pub const RULES: &[RuleDef] = &[
    own::PERFTUNE,
    mean::NAIVE_T,
    windows::PERF_ANALYZER,
    nvbench::NVBENCH_STDREL,
    benchmark_dotnet::BENCHMARK_DOTNET,
    windows::COV_LAST_K,
    mean::FIXED,
    oracle::ORACLE,
];

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
    pub reason: String,
}

/// A stopping rule at work on one series. It is fed until it is no longer [`Standing::Open`]; that verdict is final.
pub trait SeriesRule: fmt::Debug + Send + Sync {
    /// Takes the next interval.
    fn push(&mut self, observation: Observation) -> Standing;

    /// What it says now: called once a series, so it may cost more than a push.
    fn opinion(&self) -> Opinion;

    /// The same rule in the same state.
    fn boxed(&self) -> Box<dyn SeriesRule>;
}

impl Clone for Box<dyn SeriesRule> {
    fn clone(&self) -> Self {
        self.boxed()
    }
}

/// A figure that rests on so many intervals; none on none.
fn estimate(value: f64, interval: Option<Interval>, samples: u64) -> Option<Estimate> {
    (samples > 0).then_some(Estimate { value, interval, samples })
}

#[cfg(test)]
mod tests;
