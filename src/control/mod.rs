//! When to stop: pure decisions over what the worker and the sampler report.
//!
//! # The rule
//!
//! Looks are taken at times that the messages carry, never by a clock: the first when a stage is `min_time_s` old, then
//! every 0.1 s or 5% of the stage's age, whichever is longer. A look judges what came before its time, so how the worker
//! cuts its steps into messages hardly matters, and a recording replays to the same decisions.
//!
//! At a look each chosen metric of the stage is *good* when
//! - there are 10 observations, or 6 if each is a mean over 5 s or more;
//! - its warm-up is truncated, at most a third of the series ([`crate::stats::truncation`]); a series that has not settled
//!   is not good;
//! - no trend blocks it: Mann-Kendall at 5% and a drift over the window of more than 0.3 of what is asked, or noise in
//!   which a drift as large as what is asked could hide;
//! - its interval is narrow enough: batch means for means, rates and gauges ([`crate::stats::ratio`]), order statistics
//!   for quantiles ([`crate::stats::quantile`]), or for a peak no new record and no growth ([`crate::stats::peak`],
//!   [`crate::stats::growth`]). The interval takes in the correlation that may be left, what has not been seen yet, and
//!   half of the drift that is let pass;
//! - it would not differ by more than what is asked without the time in which other processes took the machine
//!   ([`crate::interference`]). Where that is more than half of the time, the machine is measured as it is.
//!
//! It is *known* after `looks` good looks in a row, each with new data; one, unless more are asked for. When all are
//! known, a serve phase is advanced and training is stopped as *known*. When the others drown in noise for longer than the
//! time that is left (`ahead`), or after `max_time_s`, a serve phase is advanced anyway and training stopped: as
//! *noise-limited* where nothing but noise is in the way, else as *unstable*. Where an accuracy or a loss is among the chosen metrics, training goes on
//! until *trained* instead; where it is the time to a target accuracy, until that is reached.
//!
//! The cheapest phase that may decide comes first: loading, serving, training, whose beginning is the burst in which its
//! costs are measured. Where `serve.*` is constrained and the model was trained to the end, it is served once more
//! (`confirm`).
//!
//! A training that cannot reach what decides (`[search]`: the bars of the policy) ends as *out of reach* (`curve`, `reach`).
//!
//! A constraint that is broken for certain ends the run as *infeasible*, whatever else is known; one that is open keeps
//! a stage from counting as known, until `max_time_s` (`feasibility`).
//!
//! # How it is built
//!
//! [`Controller`] takes what is reported and hands it to the run (`run`, `timeline`): its stages, each with the series that
//! came in it, and the totals. `measure` holds the kinds of series and says of a metric how well it is known; `stage` counts
//! looks and `limit` keeps what is certain of a constraint. What follows is made of the run as it stands: whether a stage or
//! the run is over (`judge`), the figure of each metric (`rows`), and whether the constraints are kept (`feasibility`): by the
//! bounds of looks, or by a figure and its doubts. An arrow between these files only points down; none of them knows a
//! metric's name, only what the registry says of it.
//!
//! # What is claimed
//!
//! Looking repeatedly and stopping at the first success covers less often than one look of the same interval would. It is
//! paid for by making the interval wider, not by looking more often: on recorded series one look of this interval is
//! nearer to the truth at the same cost than two or three in a row of a narrower one. `benches/stopping.rs` measures what
//! is left of the coverage: on eight kinds of series of known truth at least 98.7% of 150 stopped intervals each held it.
//! Nothing is corrected for the number of metrics. An interval speaks of the regime seen so far within this run: it can
//! know neither a later regime nor how runs differ from each other.

mod ahead;
pub mod budget;
mod command;
pub mod constraint;
mod context;
pub mod controller;
mod curve;
mod derived;
mod devices;
mod energy;
mod evidence;
mod feasibility;
mod goal;
mod judge;
mod limit;
mod looks;
mod measure;
mod peaks;
pub mod policy;
mod reach;
pub mod recording;
mod rows;
pub mod rule;
mod run;
pub mod shadow;
mod stage;
mod start;
pub mod support;
mod timeline;
mod totals;
mod training;
mod warm_up;
mod watch;

pub use crate::event::{Constraint, Op};
pub use context::RunContext;
pub use controller::Controller;
pub use curve::Curve;
pub use devices::Selection;
pub use judge::Verdict;
pub use measure::gauge::reading;
pub use policy::StopPolicy;
pub use recording::{RunReplay, StageJudgement};
pub use support::{SupportError, check_supported};
pub use totals::cost_percent;
pub use warm_up::WarmUp;

#[cfg(test)]
mod tests;
