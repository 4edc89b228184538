//! When to stop: pure decisions over what the worker and the sampler report.
//!
//! # The rule
//!
//! Looks are taken at times that the messages carry, never by a clock: the first when a stage is `min_time_s` old, then
//! every 0.1 s or 5% of the stage's age, whichever is longer. A look judges what came before its time, so how the worker
//! cuts its steps into messages hardly matters, and a recording replays to the same decisions.
//!
//! At a look each chosen metric of the stage is *good* when
//! - its warm-up is truncated ([`crate::stats::truncation`]); a series that has not settled is not good;
//! - no trend blocks it: Mann-Kendall at 5%, and a drift over the window of more than half of what is asked;
//! - its interval is narrow enough: batch means for means, rates and gauges ([`crate::stats::ratio`]), order statistics
//!   for quantiles ([`crate::stats::quantile`]), or for a peak no new record and no growth ([`crate::stats::peak`],
//!   [`crate::stats::growth`]);
//! - it would not differ by more than what is asked without the time in which other processes took the machine
//!   ([`crate::event::interference`]). Where that is more than half of the time, the machine is measured as it is.
//!
//! It is *known* after `looks` good looks in a row, each with new data. When all are known, a serve phase is advanced and
//! training is stopped as *plateaued*. After `max_time_s` a serve phase is advanced anyway and training stopped as
//! *unstable*. Where an accuracy or a loss is among the chosen metrics, training goes on until *trained* instead.
//!
//! A constraint that is broken for certain ends the run as *infeasible*, whatever else is known; one that is open keeps
//! a stage from counting as known, until `max_time_s` (`feasibility`).
//!
//! # What is claimed
//!
//! Each interval is nominal for one series of fixed length. Looking repeatedly and stopping at the first success covers
//! less often than one look would; several looks in a row, Student's t on few long batches and the upward corrections of
//! the variance work against that, and the tests hold stopped estimates to their coverage on series of known truth. The
//! looks of one streak share most of their data: they are a guard against a lucky moment, not independent proofs. Nothing
//! is corrected for the number of metrics. An interval speaks of the regime seen so far within this run: it can know
//! neither a later regime nor how runs differ from each other.

mod assess;
pub mod constraint;
mod context;
pub mod controller;
mod disturbance;
mod ending;
mod evidence;
mod feasibility;
mod limit;
mod peaks;
pub mod policy;
pub mod recording;
mod resources;
mod rows;
pub mod rule;
pub mod shadow;
mod stage;
pub mod support;
mod totals;
mod training;
mod watch;

pub use constraint::{Constraint, Op};
pub use context::RunContext;
pub use controller::{Controller, Verdict};
pub use policy::StopPolicy;
pub use recording::{RunReplay, StageJudgement};
pub use support::{SupportError, check_supported};

#[cfg(test)]
mod tests;
