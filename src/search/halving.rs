//! Sequential halving (Karnin, Koren and Somekh 2013): cells drawn by chance are visited once, the better half of them once more,
//! and so on.

use std::cmp::Ordering;
use std::collections::BTreeSet;

use super::state::Search;
use crate::stats::Draw;

/// How a cell looks beside others, the best first.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Rank {
    /// It failed, or is not to be recommended.
    is_lost: bool,
    /// By how much the limits are broken together.
    excess: f64,
    /// How many others are better in every objective.
    beaten_by: usize,
    cell: usize,
}

impl Rank {
    fn order(&self, other: &Self) -> Ordering {
        let by_limit = self.is_lost.cmp(&other.is_lost).then(self.excess.total_cmp(&other.excess));
        by_limit.then(self.beaten_by.cmp(&other.beaten_by)).then(self.cell.cmp(&other.cell))
    }
}

impl Search<'_> {
    /// The next cell of the lowest rung that is not whole; `None` when one cell is left.
    pub(super) fn next_of_rungs(&self, closed: &BTreeSet<usize>, trials: u32) -> Option<usize> {
        let mut rung = self.first_rung(trials.div_ceil(2) as usize);
        for before in 0.. {
            let lacks = |cell: &&usize| self.visits(**cell).count() <= before;
            if let Some(cell) = rung.iter().filter(lacks).find(|cell| !closed.contains(cell)) {
                return Some(*cell);
            }
            // Which half is the better one is not known before all have been visited.
            if rung.iter().filter(lacks).any(|cell| self.pending.contains(cell)) {
                break;
            }
            if rung.len() < 2 {
                break;
            }
            rung = self.better_half(&rung);
        }
        None
    }

    /// So many cells, drawn by chance.
    fn first_rung(&self, count: usize) -> Vec<usize> {
        let mut draw = Draw::new(self.policy.seed);
        let mut cells: Vec<usize> = (0..self.space.len()).collect();
        let count = count.min(cells.len());
        for at in 0..count {
            let other = at + draw.below(cells.len() - at);
            cells.swap(at, other);
        }
        cells.truncate(count);
        cells
    }

    fn better_half(&self, rung: &[usize]) -> Vec<usize> {
        let means: Vec<Vec<Option<f64>>> = rung.iter().map(|cell| self.means(*cell)).collect();
        let rank = |at: usize| {
            let cell = rung[at];
            let is_rival = |other: &usize| self.space.group(rung[*other]) == self.space.group(cell);
            let rivals = (0..rung.len()).filter(is_rival);
            Rank {
                is_lost: !self.is_sound(cell),
                excess: self.excess(rung[at], &means[at]),
                beaten_by: rivals.filter(|rival| self.betters(&means[*rival], &means[at])).count(),
                cell,
            }
        };
        let mut ranked: Vec<Rank> = (0..rung.len()).map(rank).collect();
        ranked.sort_by(Rank::order);
        ranked.truncate(rung.len().div_ceil(2));
        ranked.into_iter().map(|rank| rank.cell).collect()
    }

    /// Whether one is better in every objective, noise or not.
    fn betters(&self, one: &[Option<f64>], other: &[Option<f64>]) -> bool {
        self.aims.objectives().all(|(at, better)| match (one[at], other[at]) {
            (Some(one), Some(other)) => better.sign() * (one - other) < 0.0,
            (one, other) => one.is_some() && other.is_none(),
        })
    }
}
