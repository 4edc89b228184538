//! `--shard`: one of several parts of a grid.
//!
//! Invariant: the parts of a grid have no run in common, and together all of them.

use std::str::FromStr;

/// One of several parts of a grid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shard {
    /// Which, from 1.
    pub index: usize,
    /// Of how many.
    pub count: usize,
}

impl Shard {
    /// Whether the run at this place of the grid, from 0, belongs to the part.
    pub const fn has(self, place: usize) -> bool {
        place % self.count == self.index - 1
    }
}

impl FromStr for Shard {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parts = text.split_once('/').and_then(|(index, count)| {
            Some(Self { index: index.parse().ok()?, count: count.parse().ok()? })
        });
        parts
            .filter(|shard| (1..=shard.count).contains(&shard.index))
            .ok_or_else(|| "write I/N with I from 1 to N, such as 2/4".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parts_of_a_grid_are_disjoint_and_complete() {
        let owners =
            |place: usize| (1..=4).filter(|&index| Shard { index, count: 4 }.has(place)).count();
        assert!((0..50).all(|place| owners(place) == 1));
        assert_eq!("2/4".parse(), Ok(Shard { index: 2, count: 4 }));
    }
}
