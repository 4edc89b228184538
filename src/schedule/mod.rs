//! Which cells are visited, how often and in which order: from what is known of them to the next visits.
//!
//! A *visit* is one run of a cell, in a process of its own. The grid is measured in rounds: every cell is visited once before
//! any is visited again, in random order, so that what drifts on the machine spreads over all of them. Making the visits is
//! left to the session. Invariant: everything here is a pure function of the records, the seed
//! and the names of the cells.

mod known;
mod rounds;
mod shard;

pub use self::known::{CONFIDENCE, CellFigure, by_cell, figures};
pub use self::rounds::{CellState, Policy, Repeats, Rounds, Standing, Visit, states};
pub use self::shard::Shard;

#[cfg(test)]
mod tests;
