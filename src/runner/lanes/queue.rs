//! Which run a lane takes next: the first one in order whose cell no other lane is visiting. Pure.

use std::collections::{BTreeSet, HashMap, VecDeque};

/// What there is to do for a lane.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    /// This run, by its place.
    Run(usize),
    /// Nothing before another lane has ended a visit: those of a cell are never made at the same time.
    Wait,
    /// Nothing any more.
    Over,
}

/// The runs that no lane has taken, and the cells that are being visited.
#[derive(Debug)]
pub(super) struct Queue {
    waiting: VecDeque<usize>,
    /// The cell of each run, by number.
    cells: Vec<usize>,
    visited: BTreeSet<usize>,
}

impl Queue {
    /// Of runs with these cells, in their order.
    pub(super) fn new<'a>(cells: impl Iterator<Item = &'a str>) -> Self {
        let mut numbers = HashMap::new();
        let cells: Vec<usize> = cells
            .map(|cell| {
                let next = numbers.len();
                *numbers.entry(cell).or_insert(next)
            })
            .collect();
        Self { waiting: (0..cells.len()).collect(), cells, visited: BTreeSet::new() }
    }

    /// What a lane does next; a run that it is given is its own.
    pub(super) fn take(&mut self) -> Next {
        let free = |run: &usize| !self.visited.contains(&self.cells[*run]);
        let Some(at) = self.waiting.iter().position(free) else {
            return if self.waiting.is_empty() { Next::Over } else { Next::Wait };
        };
        let Some(run) = self.waiting.remove(at) else { return Next::Over };
        self.visited.insert(self.cells[run]);
        Next::Run(run)
    }

    /// This run is over.
    pub(super) fn end(&mut self, run: usize) {
        self.visited.remove(&self.cells[run]);
    }

    /// Whether runs of the same cell are still to be made.
    pub(super) fn holds_more_of(&self, run: usize) -> bool {
        self.waiting.iter().any(|other| self.cells[*other] == self.cells[run])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_lane_takes_the_first_run_whose_cell_is_free() {
        let mut queue = Queue::new(["a", "b", "b", "a", "c"].into_iter());
        assert_eq!([queue.take(), queue.take()], [Next::Run(0), Next::Run(1)]);
        // Both cells of the runs in between are being visited.
        assert_eq!((queue.take(), queue.take()), (Next::Run(4), Next::Wait));
        assert!(queue.holds_more_of(1));
        queue.end(1);
        assert_eq!((queue.take(), queue.take()), (Next::Run(2), Next::Wait));
        assert!(!queue.holds_more_of(2));
        queue.end(0);
        assert_eq!((queue.take(), queue.take()), (Next::Run(3), Next::Over));
    }

    proptest! {
        /// Whatever ends first, each run is made once, and no two of a cell at the same time.
        #[test]
        fn each_run_is_taken_once(
            cells in prop::collection::vec(0_u8..5, 0..30),
            ends in prop::collection::vec(any::<prop::sample::Index>(), 200),
            lanes in 1_usize..5,
        ) {
            let names: Vec<String> = cells.iter().map(u8::to_string).collect();
            let mut queue = Queue::new(names.iter().map(String::as_str));
            let (mut flying, mut made): (Vec<usize>, Vec<usize>) = (Vec::new(), Vec::new());
            for end in ends {
                while flying.len() < lanes && let Next::Run(run) = queue.take() {
                    prop_assert!(flying.iter().all(|other| cells[*other] != cells[run]));
                    flying.push(run);
                }
                if flying.is_empty() {
                    break;
                }
                let over = flying.remove(end.index(flying.len()));
                queue.end(over);
                made.push(over);
            }
            made.sort_unstable();
            prop_assert_eq!(made, (0..cells.len()).collect::<Vec<_>>());
        }
    }
}
