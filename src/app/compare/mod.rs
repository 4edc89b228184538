//! Is a candidate worse than a baseline: both measured in turns, or both recorded before.
//!
//! [`ComparedSides`] says what is compared, [`Comparison`] has both sides run in blocks on this machine and [`check`] judges
//! what is recorded. The statistics and the verdicts are the gate's; the layout of a verdict is the report's.
//!
//! Invariant: a comparison that goes on after an interruption is the one that was begun ([`plan`]).

mod judge;
mod measure;
pub mod plan;
mod queue;
pub mod self_test;
mod sides;
pub(super) mod source;
mod verdict;

pub use self::judge::{CheckRequest, check, rules, rules_of_side, sides_of};
pub use self::measure::{Comparison, Measured, VERDICT, reachable};
pub use self::plan::Rules;
pub use self::sides::{ComparedSide, ComparedSides, SidesRequest, named};
