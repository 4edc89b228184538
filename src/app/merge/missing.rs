//! What no part has.

use std::collections::HashSet;

use super::choice::{Taken, some};
use super::grids::{Part, Whole};
use crate::event::{RunRecord, RunStatus};
use crate::report::layout::counted;
use crate::schedule::Shard;

/// What no part has.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Missing {
    /// Cells of which no run has come to an end of its own.
    pub cells: Vec<String>,
    /// How many cells the grid has.
    pub of: usize,
    /// Runs of other cells.
    pub runs: Vec<String>,
    /// Parts that were not given, where the others say how many there are.
    pub parts: Vec<String>,
}

impl Missing {
    /// Whether anything is.
    pub fn any(&self) -> bool {
        !self.cells.is_empty() || !self.runs.is_empty()
    }

    /// What is missing, a sentence each.
    pub fn says(&self) -> Vec<String> {
        let mut says = Vec::new();
        if !self.cells.is_empty() {
            let (count, of) = (self.cells.len(), counted(self.of, "cell"));
            let part = match &self.parts[..] {
                [] => String::new(),
                parts => format!("; no part {} was given", some(parts)),
            };
            let are = if count == 1 { "is" } else { "are" };
            says.push(format!("{count} of {of} {are} missing: {}{part}", some(&self.cells)));
        }
        if !self.runs.is_empty() {
            let (count, runs) = (counted(self.runs.len(), "run"), some(&self.runs));
            says.push(format!("{count} of cells that are there missing: {runs}"));
        }
        says
    }
}

/// What of the whole is in no part; `records`: what could be read.
pub(super) fn missing(
    parts: &[Part],
    whole: Whole<'_>,
    taken: &[Taken],
    records: &[RunRecord],
) -> Missing {
    let over = records.iter().filter(|record| record.status != RunStatus::Cancelled);
    let read: HashSet<&str> = over.map(|record| &*record.run).collect();
    let is_there = |taken: &&Taken| taken.is_over() && read.contains(&*taken.run);
    let there: HashSet<usize> = taken.iter().filter(is_there).filter_map(|run| run.cell).collect();
    let cells = &whole.grid.cells;
    let wanted: HashSet<&String> = whole.wanted.iter().collect();
    let searched = parts.iter().any(|part| part.grid.searched);
    let gone = (0..cells.len())
        .filter(|cell| !searched && !there.contains(cell) && wanted.contains(&cells[*cell]));
    let of_others = |taken: &&Taken| {
        !is_there(taken) && taken.cell.is_none_or(|cell| searched || there.contains(&cell))
    };
    Missing {
        cells: gone.map(|cell| cells[cell].clone()).collect(),
        of: wanted.len(),
        runs: taken.iter().filter(of_others).map(|taken| taken.run.clone()).collect(),
        parts: absent(parts.iter().map(|part| part.grid.shard.as_deref())),
    }
}

/// The parts that were not given, where all that were agree on how many there are.
fn absent<'a>(given: impl Iterator<Item = Option<&'a str>>) -> Vec<String> {
    let given: Option<Vec<Shard>> = given.map(|shard| shard?.parse().ok()).collect();
    let Some((count, given)) = given.and_then(|given| Some((given.first()?.count, given))) else {
        return Vec::new();
    };
    let has = |index: usize| given.iter().any(|shard| shard.index == index);
    let agree = given.iter().all(|shard| shard.count == count);
    let absent = (1..=count).filter(|index| agree && !has(*index));
    absent.map(|index| Shard { index, count }.to_string()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_that_were_not_given_are_named() {
        for (given, says) in [
            (vec![Some("1/3"), Some("3/3")], vec!["2/3"]),
            (vec![Some("1/2"), Some("2/2")], vec![]),
            (vec![Some("1/3"), Some("2/4")], vec![]),
            (vec![Some("1/3"), None], vec![]),
        ] {
            assert_eq!(absent(given.into_iter()), says);
        }
    }

    #[test]
    fn what_is_missing_is_said() {
        let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        let missing = Missing {
            cells: names(&["a", "b"]),
            of: 9,
            runs: names(&["c-r2"]),
            parts: names(&["2/3"]),
        };
        assert_eq!(
            missing.says(),
            [
                "2 of 9 cells are missing: a, b; no part 2/3 was given",
                "1 run of cells that are there missing: c-r2"
            ]
        );
        assert!(missing.any() && !Missing::default().any());
    }
}
