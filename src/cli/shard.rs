//! Which part of a grid is run, and what its results folder is called.
//!
//! What a scheduler tells is read by `app`. Invariant: parts of one grid have folders of different names.

use super::args::ShardChoice;
use super::output::Screen;
use crate::app::Fault;
use crate::app::shard::from_environment;
use crate::schedule::Shard;

/// The part that was chosen; where a scheduler has chosen it that is said.
pub fn of(choice: ShardChoice, talks: bool, screen: Screen) -> Result<Shard, Fault> {
    match choice {
        ShardChoice::Part(shard) => Ok(shard),
        ShardChoice::Auto => {
            let told = from_environment()?;
            if talks {
                screen.note(&[format!("part {} of the grid, by {}", told.shard, told.by)]);
            }
            Ok(told.shard)
        }
    }
}

/// What the results folder of a grid is called, or that of a part of it.
pub fn name(grid: &str, shard: Option<Shard>) -> String {
    shard.map_or_else(
        || grid.to_owned(),
        |Shard { index, count }| format!("{grid}-{index}-of-{count}"),
    )
}
