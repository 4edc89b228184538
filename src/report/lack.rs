//! Why an effect of an axis is not known.

use serde::Serialize;

/// Why an effect of an axis on a figure, or its interval, is not known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(tag = "reason", rename_all = "snake_case")]
pub enum EffectLack {
    /// No two cells that have the figure are equal but for the axis, in a round that both have.
    NoMatch,
    /// One round, and too few matched sets for their spread.
    OneRound {
        /// The sets.
        sets: usize,
        /// So many would do.
        needed: usize,
    },
    /// All runs of each cell agree on an accuracy, of which nobody told how many samples it rests on.
    Agree,
    /// Too few runs have the figure for a model.
    NoModel,
}
