//! What a search knows: the cells, what is looked for, and what every visit so far has said.

use super::aims::{Aims, Figure, Reading};
use super::policy::SearchPolicy;
use super::space::Space;

/// What one visit says of its cell.
#[derive(Debug, Clone, PartialEq)]
pub struct Told {
    /// The cell.
    pub cell: usize,
    /// A reading of each figure of the aims; absent where the visit has none.
    pub readings: Vec<Option<Reading>>,
    /// Whether the visit failed: no memory, a crash, numbers that are none.
    pub failed: bool,
    /// Whether the cell is not to be recommended by what this visit found of a limit, whatever the others say.
    pub rejected: bool,
    /// Of a visit that ended before a figure was there, since that figure decides nothing: the most that it can be.
    pub short: Option<Short>,
    /// How long it took, in seconds.
    pub wall_s: f64,
}

/// A figure of which it is known only that it is not above this.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Short {
    /// Its place among those of the aims.
    pub figure: usize,
    /// The most that it can be, in its own unit.
    pub most: f64,
}

/// A search: what is known so far, from which the next visit follows.
#[derive(Debug, Clone, Copy)]
pub struct Search<'a> {
    /// The cells.
    pub space: &'a Space,
    /// What is looked for.
    pub aims: &'a Aims,
    /// What visits of earlier searches among these cells have said: known from the start, and none of the trials.
    pub earlier: &'a [Told],
    /// What every visit so far has said.
    pub told: &'a [Told],
    /// Cells that are visited just now, of which nobody knows yet what they will say: none of them is visited a second time meanwhile.
    pub pending: &'a [usize],
    /// What the user asks of it.
    pub policy: SearchPolicy,
}

impl<'a> Search<'a> {
    /// What all visits have said, those of earlier searches first.
    pub(super) fn all(&self) -> impl Iterator<Item = &'a Told> + use<'a> {
        self.earlier.iter().chain(self.told)
    }

    /// The cells that something was said of, or will be.
    pub(super) fn known(&self) -> impl Iterator<Item = usize> + use<'a> {
        self.all().map(|told| told.cell).chain(self.pending.iter().copied())
    }

    /// What was said of one cell.
    pub(super) fn visits(&self, cell: usize) -> impl Iterator<Item = &'a Told> + use<'a> {
        self.all().filter(move |told| told.cell == cell)
    }

    /// Whether a visit of this search itself came to its end there: nothing else is recommended, since machines change.
    pub(super) fn is_measured(&self, cell: usize) -> bool {
        self.told.iter().any(|told| told.cell == cell && !told.failed)
    }

    /// Whether some visit to it came to its end, and none found that it is not to be recommended.
    pub(super) fn is_sound(&self, cell: usize) -> bool {
        let whole = self.visits(cell).any(|told| !told.failed && told.short.is_none());
        whole && !self.visits(cell).any(|told| told.rejected)
    }

    /// The mean of each figure over the visits of a cell, on its scale.
    pub(super) fn means(&self, cell: usize) -> Vec<Option<f64>> {
        let mean = |(at, figure): (usize, &Figure)| {
            let read = |told: &Told| Some(told.readings[at]?.on(figure.scale).value);
            let values: Vec<f64> = self.visits(cell).filter_map(read).collect();
            (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
        };
        self.aims.figures.iter().enumerate().map(mean).collect()
    }

    /// By how much a cell of these means breaks its limits together, on the scales of the figures.
    pub(super) fn excess(&self, cell: usize, means: &[Option<f64>]) -> f64 {
        let figures = means.iter().enumerate();
        let limited = figures.filter(|(figure, _)| self.aims.bound(cell, *figure).is_some());
        let excess = |(figure, mean): (usize, &Option<f64>)| {
            let room = mean.and_then(|mean| self.aims.room(cell, figure, mean));
            room.map_or(f64::INFINITY, |room| (-room).max(0.0))
        };
        limited.map(excess).sum()
    }
}
