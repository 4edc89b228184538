//! Is the candidate worse than the baseline? A gate that fails seldom without cause, that can fail, and that never passes
//! what it has not looked at.
//!
//! # What is tested
//!
//! The unit is the *run*: a thousand samples of one run are one figure. Each gated figure becomes a logarithm, turned so that
//! up is worse, and all of them, over cells and metrics, are one family: the chance that *any* row of two equal builds is called
//! regressed is `alpha`. The design decides what may be said:
//!
//! - *interleaved* (`run --against`): the sides took turns on one machine in blocks ABBA or BAAB. The unit is the block; the signs of
//!   blocks are flipped. Full verdicts.
//! - *one stored session*: labels of repeats are shuffled. What a session shares is in all of its runs, so the test is valid for "the
//!   same session" only: suspect at most, and only beyond the larger of 20% and four floors;
//!   a smaller change that may be the floor or more is inconclusive.
//! - *several stored sessions*: is the candidate where another session of the same build would be? Suspect at most below
//!   eight sessions, and where these span less than two days.
//!
//! # What is said
//!
//! `regressed`: family-wise p at most alpha, and the estimate at least the floor. `pass`: the upper bound of the interval, which
//! holds for all rows at once, is below the floor. `improved`: the mirror of regressed. Everything between is `inconclusive`, never a
//! pass; where no number of standard errors could make p small enough it is `unreachable`, which is as bad as not measured.
//!
//! A row with gaps (a run without the figure, a block that is not whole) can be regressed, and otherwise is inconclusive at best:
//! what is left of it may be a choice. Where nothing says why a part is not there, the row is `missing`: so no run that is
//! taken away turns red into green.
//!
//! # What it rests on
//!
//! Between the two sides nothing but the build differs in a systematic way. That is so by construction where they took turns, and
//! nowhere else. Rows that the baseline has and the candidate has not, and cells of which a run failed, are findings
//! and not gaps in the table.

mod align;
pub mod blocks;
mod copies;
mod decide;
mod entry;
mod environment;
mod error;
mod fallback;
mod family;
mod figures;
mod index;
mod judging;
mod narrow;
mod note;
mod notes;
mod own;
mod paired;
pub mod policy;
pub mod reason;
mod remedy;
pub mod side;
mod span;
mod stored;
pub mod unlike;
pub mod verdict;

#[cfg(test)]
mod tests;

pub use error::GateError;
pub use judging::judge;
pub use policy::{FEW_SAMPLES, GatePolicy, MetricRule, Role, default_rule};
pub use reason::{GateNote, RowReason};
pub use remedy::Remedy;
pub use side::{Figure, GateRun, SessionInfo, Side};
pub use span::SPAN_S;
pub use stored::{SESSIONS, runs_each};
pub use verdict::{Coverage, Design, FORMAT, Judgement, Outcome, Row, RowVerdict, WHOLE_CELL};
