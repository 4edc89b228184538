//! The parts of a grid, for machines that share its cells.
//!
//! Invariant: the parts have no cell in common, together all, and one holds at most one cell more than another. Whose a cell
//! is depends on the names of all cells of the grid and on nothing else: no filter, no order and no machine moves it.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::fmt;
use std::str::FromStr;

use crate::event::fingerprint::digest;

/// The most parts of a grid.
const MOST: usize = 100_000;

/// One of several parts of a grid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shard {
    /// Which, from 1.
    pub index: usize,
    /// Of how many.
    pub count: usize,
}

impl Shard {
    /// Which of so many; `None`: there is no such part.
    pub fn new(index: usize, count: usize) -> Option<Self> {
        let known = (1..=count).contains(&index) && count <= MOST;
        known.then_some(Self { index, count })
    }

    /// The cells of this part, of those of a whole grid.
    pub fn cells(self, grid: &[String]) -> HashSet<&str> {
        let owners = deal(grid, self.count).into_iter();
        owners.filter(|(_, part)| part + 1 == self.index).map(|(cell, _)| cell).collect()
    }
}

/// `2/4`.
impl fmt::Display for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.index, self.count)
    }
}

impl FromStr for Shard {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parts = text.split_once('/');
        let numbers =
            parts.and_then(|(index, count)| Some((index.parse().ok()?, count.parse().ok()?)));
        numbers
            .and_then(|(index, count)| Self::new(index, count))
            .ok_or_else(|| "write I/N with I from 1 to N, such as 2/4, or auto".to_owned())
    }
}

/// The part of each cell, from 0: consistent hashing with bounded loads (Mirrokni, Thorup and Zadimoghaddam 2018). A cell goes
/// to the part that the hash of its name says or, where that one has its fair share, to the next one that has not. A hash
/// alone would leave one of three parts of nine cells empty in 8 grids of 100, and cells that are dealt out in turn would
/// nearly all move when the grid gets another one.
fn deal(grid: &[String], count: usize) -> HashMap<&str, usize> {
    let mut cells: Vec<(u64, &str)> =
        grid.iter().map(|cell| (digest(cell.as_bytes()), &**cell)).collect();
    cells.sort_unstable();
    let share = cells.len() / count;
    // So many parts hold one more.
    let mut larger = cells.len() % count;
    let mut loads = vec![0; count];
    let mut open: BTreeSet<usize> = (0..count).collect();
    let mut owners = HashMap::with_capacity(cells.len());
    if share == 0 && larger == 0 {
        return owners;
    }
    for (hash, cell) in cells {
        let wanted = usize::try_from(hash % count as u64).unwrap_or_default();
        let Some(part) = open.range(wanted..).next().or_else(|| open.first()).copied() else {
            break;
        };
        owners.insert(cell, part);
        loads[part] += 1;
        if loads[part] > share {
            larger -= 1;
            open.remove(&part);
        }
        if larger == 0 {
            open.retain(|part| loads[*part] < share);
        }
    }
    owners
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn grid(cells: usize) -> Vec<String> {
        (0..cells).map(|cell| format!("resnet-digits-b{cell}")).collect()
    }

    #[test]
    fn a_part_is_written_as_its_number_of_how_many() {
        assert_eq!("2/4".parse(), Ok(Shard { index: 2, count: 4 }));
        assert_eq!(Shard { index: 2, count: 4 }.to_string(), "2/4");
        for wrong in ["0/4", "5/4", "4", "1/0", "-1/4", "1/4/2", "a/b", "", "1/100001", "1 / 4"] {
            let says: String = wrong.parse::<Shard>().unwrap_err();
            assert!(says.contains("such as 2/4"), "{wrong}: {says}");
        }
    }

    /// Whoever merges relies on it, between versions as well.
    #[test]
    fn whose_a_cell_is_does_not_change() {
        let cells = ["mlp", "cnn", "resnet"].map(str::to_owned);
        let part = |index| Vec::from_iter(Shard { index, count: 2 }.cells(&cells));
        assert_eq!(part(1).len() + part(2).len(), 3);
        let mut first = part(1);
        first.sort_unstable();
        assert_eq!(first, FIRST);
    }

    /// Of three cells and two parts.
    const FIRST: [&str; 2] = ["cnn", "mlp"];

    /// What the documentation says of a grid that grows; dealt out in turn by their hash 77% of the cells would move.
    #[test]
    fn few_cells_move_when_the_grid_grows() {
        for (before, after, count, most) in [(9, 12, 3, 3), (64, 72, 8, 10), (1000, 1100, 16, 60)] {
            let (small, large) = (grid(before), grid(after));
            let (old, new) = (deal(&small, count), deal(&large, count));
            let moved = old.iter().filter(|(cell, part)| new[*cell] != **part).count();
            assert!(moved <= most, "{moved} of {before}");
        }
    }

    proptest! {
        #[test]
        fn the_parts_are_disjoint_complete_and_even(cells in 0usize..200, count in 1usize..40, turn in 0usize..200) {
            let mut cells = grid(cells);
            let parts: Vec<_> =
                (1..=count).map(|index| Shard { index, count }.cells(&cells)).collect();
            let sizes: Vec<usize> = parts.iter().map(HashSet::len).collect();
            prop_assert_eq!(sizes.iter().sum::<usize>(), cells.len());
            prop_assert!(sizes.iter().max().unwrap() - sizes.iter().min().unwrap() <= 1);
            let all: HashSet<&str> = parts.iter().flatten().copied().collect();
            prop_assert_eq!(all.len(), cells.len());
            // The order of the grid is none of its business.
            let parts: Vec<HashSet<String>> = parts
                .iter()
                .map(|part| part.iter().map(|cell| (*cell).to_owned()).collect())
                .collect();
            let turn = turn.min(cells.len());
            cells.rotate_left(turn);
            for (index, part) in (1..).zip(&parts) {
                let again = Shard { index, count }.cells(&cells);
                prop_assert!(again.iter().all(|cell| part.contains(*cell)));
            }
        }
    }
}
