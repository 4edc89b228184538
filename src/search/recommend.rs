//! What is recommended: cells that were measured and keep the limits.

use std::collections::{BTreeMap, BTreeSet};

use super::aims::Bound;
use super::model::Model;
use super::state::Search;

/// A cell is recommended when it keeps its limits by so many standard deviations of what is believed: one-sided, 90%.
pub(super) const SURE: f64 = 1.3;

/// Standard deviations of the difference up to which a cell cannot be told from the best. Where there are many cells the best by
/// the model is the better bet (`cargo bench --bench search`).
const SLACK: f64 = 0.1;

/// The same along one axis of numbers, whose cells are visited until it is small.
const SLACK_OF_LINE: f64 = 2.0;

/// The visited cell that breaks its limits least.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct NearMiss {
    /// The cell.
    pub cell: usize,
    /// The figure that breaks its limit by most.
    pub figure: usize,
    /// Its mean over the visits, in its own unit.
    pub value: f64,
    /// The limit.
    pub limit: f64,
}

impl Search<'_> {
    /// The visited cell that breaks its limits least; absent where there are no limits, or one keeps them.
    pub fn nearest(&self) -> Option<NearMiss> {
        let cells: BTreeSet<usize> = self.told.iter().map(|told| told.cell).collect();
        let excess = cells.into_iter().map(|cell| (self.excess(cell, &self.means(cell)), cell));
        let measured = excess.filter(|(excess, _)| excess.is_finite());
        let (_, cell) = measured.min_by(|a, b| a.0.total_cmp(&b.0))?;
        let means = self.means(cell);
        let room =
            |(at, mean): (usize, &Option<f64>)| Some((self.aims.room(cell, at, (*mean)?)?, at));
        let rooms = means.iter().enumerate().filter_map(room);
        let (room, figure) = rooms.min_by(|a, b| a.0.total_cmp(&b.0))?;
        let values = self.visits(cell).filter_map(|told| Some(told.readings[figure]?.value));
        let values: Vec<f64> = values.collect();
        let (Bound::AtMost(limit) | Bound::AtLeast(limit)) = self.aims.bound(cell, figure)?;
        let value = values.iter().sum::<f64>() / values.len() as f64;
        (room < 0.0).then_some(NearMiss { cell, figure, value, limit })
    }

    /// What is recommended of the cells that were measured and keep all limits: for one objective the best of each group, else
    /// those that no other beats.
    pub fn recommended(&self) -> Vec<usize> {
        // What was measured, and nothing that is only supposed.
        let told = Self { pending: &[], ..*self };
        let Some(mut model) = told.model() else { return Vec::new() };
        let visited: Vec<usize> = model.visited.iter().copied().collect();
        model.learn(&visited);
        let kept = told.sure(&model);
        let objectives: Vec<usize> = self.aims.objectives().map(|(figure, _)| figure).collect();
        if let [figure] = objectives[..] {
            return self.simplest_of_the_best(&model, &kept, figure);
        }
        let beaten = |cell: usize| {
            let mut others = kept.iter().filter(|other| **other != cell);
            others.any(|other| self.beats(&model, *other, cell))
        };
        kept.iter().copied().filter(|cell| !beaten(*cell)).collect()
    }

    /// Of each group, the cell of the least effort among those that cannot be told from the best.
    fn simplest_of_the_best(&self, model: &Model<'_>, kept: &[usize], figure: usize) -> Vec<usize> {
        let slack = if self.space.line().is_some() { SLACK_OF_LINE } else { SLACK };
        let mean = |cell: usize| model.signs[figure] * model.belief(cell, figure).mean;
        let variance = |cell: usize| model.belief(cell, figure).variance;
        let mut groups: BTreeMap<u32, Vec<usize>> = BTreeMap::new();
        for cell in kept {
            groups.entry(self.space.group(*cell)).or_default().push(*cell);
        }
        let simplest = |group: &Vec<usize>| {
            let best = group.iter().copied().max_by(|a, b| mean(*a).total_cmp(&mean(*b)))?;
            let is_tied = |cell: &usize| {
                let deviation = (variance(*cell) + variance(best)).sqrt();
                *cell == best || mean(best) - mean(*cell) <= slack * deviation
            };
            let effort = |cell: &usize| self.space.effort(*cell);
            let tied = group.iter().copied().filter(is_tied);
            tied.min_by(|a, b| effort(a).total_cmp(&effort(b)).then(a.cmp(b)))
        };
        groups.values().filter_map(simplest).collect()
    }

    /// The visited cells that keep all limits for certain enough; of those that are visited just now, what is believed is supposed.
    pub(super) fn sure(&self, model: &Model<'_>) -> Vec<usize> {
        let is_known = |cell: usize| {
            let mut figures = 0..self.aims.figures.len();
            figures.all(|at| model.is_seen(at) || self.aims.bound(cell, at).is_none())
        };
        let keeps = |cell: usize| {
            is_known(cell)
                && self
                    .room_below(model, cell)
                    .all(|(room, figure)| room >= SURE * model.belief(cell, figure).variance.sqrt())
        };
        let is_measured = |cell: &usize| self.is_measured(*cell) && self.is_sound(*cell);
        let measured = model.visited.iter().copied().filter(is_measured);
        let fresh = |cell: &usize| self.visits(*cell).next().is_none();
        let supposed = self.pending.iter().copied().filter(fresh);
        measured.chain(supposed).filter(|cell| keeps(*cell)).collect()
    }

    /// How far within its limits a cell is believed to be, on the scale of each figure that has one and of which anything is known.
    pub(super) fn room_below<'m>(
        &'m self,
        model: &'m Model<'_>,
        cell: usize,
    ) -> impl Iterator<Item = (f64, usize)> + 'm {
        let figures = (0..self.aims.figures.len()).filter(|at| model.is_seen(*at));
        figures.filter_map(move |at| {
            Some((self.aims.room(cell, at, model.belief(cell, at).mean)?, at))
        })
    }

    /// The objectives of a cell as they are believed to be, better upwards.
    pub(super) fn point(&self, model: &Model<'_>, cell: usize) -> Vec<f64> {
        let aims = self.aims.objectives();
        aims.map(|(figure, _)| model.signs[figure] * model.belief(cell, figure).mean).collect()
    }

    /// Whether one cell of the group of another is believed to be better in every objective, in each by more than the deviation of
    /// the difference.
    fn beats(&self, model: &Model<'_>, one: usize, other: usize) -> bool {
        if self.space.group(one) != self.space.group(other) {
            return false;
        }
        let mut ahead = self.aims.objectives().map(|(figure, _)| {
            let (a, b) = (model.belief(one, figure), model.belief(other, figure));
            let by = model.signs[figure] * (a.mean - b.mean);
            by - (a.variance + b.variance).sqrt()
        });
        ahead.all(|by| by > 0.0)
    }
}
