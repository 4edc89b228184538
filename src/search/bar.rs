//! What a figure that is known last must reach to decide anything, so that a visit can end before it is known.

use super::aims::{Bound, Scale};
use super::model::Model;
use super::state::Search;
use crate::stats::Better;

/// Standard deviations by which a bar is below, or beside, what is believed of its cell.
const SURE: f64 = 2.0;

/// What a figure of another visit must reach: else its cell is worse than this one in every objective.
#[derive(Debug, Clone, PartialEq)]
pub struct Bar {
    /// The cell that has more.
    pub cell: usize,
    /// The least that decides anything, in its own unit.
    pub least: f64,
    /// What this cell has in the other objectives, by their figures: the bar is none for what is better in one of them.
    pub besides: Vec<(usize, Bound)>,
}

impl Search<'_> {
    /// The bars of a figure that is the better the higher it is, for a visit to a cell: one of each recommended cell of its group.
    pub fn bars(&self, figure: usize, cell: usize) -> Vec<Bar> {
        let is_aim = self.aims.figures[figure].aim == Some(Better::Higher);
        let group = self.space.group(cell);
        let best = if is_aim { self.recommended() } else { Vec::new() };
        let best: Vec<usize> =
            best.into_iter().filter(|best| self.space.group(*best) == group).collect();
        let told = Self { pending: &[], ..*self };
        let Some(mut model) = (!best.is_empty()).then(|| told.model()).flatten() else {
            return Vec::new();
        };
        model.learn(&best);
        best.into_iter().map(|cell| self.bar(&model, figure, cell)).collect()
    }

    fn bar(&self, model: &Model<'_>, figure: usize, cell: usize) -> Bar {
        let others = self.aims.objectives().filter(|(other, _)| *other != figure);
        let besides = others.map(|(other, better)| {
            let belief = model.belief(cell, other);
            // Another visit to the cell would have said something else.
            let off = SURE * (belief.variance + model.noise(other)).sqrt();
            let scale = self.scale(other);
            let bound = match better {
                Better::Higher => Bound::AtLeast(scale.back(belief.mean - off)),
                Better::Lower => Bound::AtMost(scale.back(belief.mean + off)),
            };
            (other, bound)
        });
        let belief = model.belief(cell, figure);
        let least = self.scale(figure).back(belief.mean - SURE * belief.variance.sqrt());
        Bar { cell, least, besides: besides.collect() }
    }

    fn scale(&self, figure: usize) -> Scale {
        self.aims.figures[figure].scale
    }
}
