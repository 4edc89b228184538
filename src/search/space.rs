//! The cells of a grid as points between which there is a distance.

use std::collections::HashMap;

/// One axis.
#[derive(Debug, Clone, PartialEq)]
pub enum Axis {
    /// Ordered levels, by where each lies between 0 and 1.
    Ordered(Vec<f64>),
    /// So many levels, of which none lies between others.
    Choice(usize),
}

/// The level of an axis in a cell that it does not apply to.
pub const UNSET: u16 = u16::MAX;

/// Values from which to which at least an axis is a matter of factors and not of differences.
const FACTOR: f64 = 4.0;

impl Axis {
    /// An axis of these numbers, smallest first: by their logarithms where all are above 0 and they span a factor of more than 4.
    pub fn ordered(values: &[f64]) -> Self {
        let (first, last) = (values.first().copied(), values.last().copied());
        let by_factors = first.zip(last).is_some_and(|(a, b)| a > 0.0 && b / a > FACTOR);
        let at = |value: f64| if by_factors { value.ln() } else { value };
        let low = first.map_or(0.0, at);
        let span = last.map_or(0.0, at) - low;
        let place = |value: &f64| if span > 0.0 { (at(*value) - low) / span } else { 0.0 };
        Self::Ordered(values.iter().map(place).collect())
    }

    /// How many levels it has.
    pub fn levels(&self) -> usize {
        match self {
            Self::Ordered(at) => at.len(),
            Self::Choice(levels) => *levels,
        }
    }

    /// The place of a level in a table of all levels: the last is that of a cell that the axis does not apply to.
    pub(super) fn place(&self, level: u16) -> usize {
        if level == UNSET { self.levels() } else { usize::from(level) }
    }

    /// How far two places lie apart: at most 1.
    pub(super) fn distance(&self, a: usize, b: usize) -> f64 {
        match self {
            _ if a == b => 0.0,
            Self::Ordered(at) if a < at.len() && b < at.len() => (at[a] - at[b]).abs(),
            _ => 1.0,
        }
    }
}

/// All cells.
#[derive(Debug, Clone)]
pub struct Space {
    axes: Vec<Axis>,
    cells: Vec<Box<[u16]>>,
    /// Cells are compared within a group alone, such as those of one data set.
    groups: Vec<u32>,
    index: HashMap<Box<[u16]>, usize>,
}

impl Space {
    /// Cells by their levels of these axes, each with the group in which it is compared.
    pub fn new(axes: Vec<Axis>, cells: Vec<Box<[u16]>>, groups: Vec<u32>) -> Self {
        let index = cells.iter().enumerate().map(|(place, cell)| (cell.clone(), place)).collect();
        Self { axes, cells, groups, index }
    }

    /// How many cells there are.
    pub fn len(&self) -> usize {
        self.cells.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.cells.is_empty()
    }

    /// The axes.
    pub fn axes(&self) -> &[Axis] {
        &self.axes
    }

    pub(super) fn group(&self, cell: usize) -> u32 {
        self.groups[cell]
    }

    /// The level of an axis in a cell.
    pub(super) fn level(&self, cell: usize, axis: usize) -> u16 {
        self.cells[cell][axis]
    }

    /// Where the level of a cell lies on an axis, from 0 to 1; of words by their order.
    pub(super) fn at(&self, cell: usize, axis: usize) -> f64 {
        match (&self.axes[axis], self.cells[cell][axis]) {
            (_, UNSET) => 0.0,
            (Axis::Ordered(at), level) => at[usize::from(level)],
            (Axis::Choice(levels), level) => f64::from(level) / (*levels as f64 - 1.0).max(1.0),
        }
    }

    /// The places of a cell in the tables of its axes.
    pub(super) fn places(&self, cell: usize) -> impl Iterator<Item = usize> + '_ {
        self.axes.iter().zip(&self.cells[cell]).map(|(axis, level)| axis.place(*level))
    }

    /// The cells from one end of their axis to the other, where all that differs between them is one axis of numbers.
    pub(super) fn line(&self) -> Option<Vec<usize>> {
        let [Axis::Ordered(_)] = &self.axes[..] else { return None };
        let mut cells: Vec<usize> = (0..self.len()).collect();
        cells.sort_by_key(|cell| self.cells[*cell][0]);
        Some(cells)
    }

    /// How far a cell is from the first level of each axis: of numbers the least, of words that of the first cell.
    pub(super) fn effort(&self, cell: usize) -> f64 {
        (0..self.axes.len()).map(|axis| self.at(cell, axis)).sum()
    }

    /// The squared distance of two cells, all axes alike.
    pub(super) fn distance(&self, a: usize, b: usize) -> f64 {
        let places = self.places(a).zip(self.places(b));
        self.axes.iter().zip(places).map(|(axis, (a, b))| axis.distance(a, b).powi(2)).sum()
    }

    /// The cells that differ from this one in the level of one axis.
    pub(super) fn neighbours(&self, cell: usize) -> Vec<usize> {
        let mut levels = self.cells[cell].clone();
        let mut found = Vec::new();
        for (place, axis) in self.axes.iter().enumerate() {
            let own = levels[place];
            let others = (0..axis.levels()).filter_map(|level| u16::try_from(level).ok());
            for level in others.filter(|level| *level != own) {
                levels[place] = level;
                found.extend(self.index.get(&levels));
            }
            levels[place] = own;
        }
        found
    }
}
