//! `--shard`: one of several parts of a grid.
//!
//! Whose a cell is, is decided by `schedule`. Invariant: only the shape is checked here, before anything is read.

use std::str::FromStr;

use crate::schedule::Shard;

/// Which part of the grid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ShardChoice {
    /// The one that the scheduler says.
    Auto,
    /// This one.
    Part(Shard),
}

impl FromStr for ShardChoice {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "auto" { Ok(Self::Auto) } else { text.parse().map(Self::Part) }
    }
}
