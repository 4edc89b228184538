//! What is looked for, and what is known of the figures that decide it.

use std::collections::BTreeMap;

use crate::stats::Better;

/// How the values of a figure are modelled: on a scale on which equal steps mean equally much.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scale {
    /// As they are.
    Plain,
    /// By their logarithm: times, sizes, rates.
    Log,
    /// By the logarithm of the odds: shares of one.
    Logit,
}

/// The least value, and the least distance of a share from 0 and 1, that a logarithm is taken of.
const TINY: f64 = 1e-4;

impl Scale {
    /// A value on this scale.
    pub(super) fn of(self, value: f64) -> f64 {
        match self {
            Self::Plain => value,
            Self::Log => value.max(f64::MIN_POSITIVE).ln(),
            Self::Logit => {
                let share = value.clamp(TINY, 1.0 - TINY);
                (share / (1.0 - share)).ln()
            }
        }
    }

    /// The value that lies there on this scale.
    pub(super) fn back(self, place: f64) -> f64 {
        match self {
            Self::Plain => place,
            Self::Log => place.exp(),
            Self::Logit => 1.0 / (1.0 + (-place).exp()),
        }
    }

    /// The variance on this scale of a value of this variance.
    fn variance(self, value: f64, variance: f64) -> f64 {
        match self {
            Self::Plain => variance,
            Self::Log => variance / value.max(f64::MIN_POSITIVE).powi(2),
            Self::Logit => {
                let share = value.clamp(TINY, 1.0 - TINY);
                variance / (share * (1.0 - share)).powi(2)
            }
        }
    }
}

/// A figure that an objective or a limit is of.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Figure {
    /// How it is modelled.
    pub scale: Scale,
    /// Which values are looked for, if it is an objective.
    pub aim: Option<Better>,
    /// The limit that it must keep in every cell without limits of its own, in its own unit, if there is one.
    pub bound: Option<Bound>,
}

/// A limit.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Bound {
    /// The figure must not be above this.
    AtMost(f64),
    /// It must not be below this.
    AtLeast(f64),
}

/// What is looked for.
#[derive(Debug, Clone, PartialEq)]
pub struct Aims {
    /// Every figure that is an objective or has a limit in some cell; at most three are objectives.
    pub figures: Vec<Figure>,
    /// The cells with limits of their own: of each figure, in the place of that of all cells.
    own: BTreeMap<usize, Vec<Option<Bound>>>,
}

impl Aims {
    /// These figures, with the same limits in every cell.
    pub const fn new(figures: Vec<Figure>) -> Self {
        Self { figures, own: BTreeMap::new() }
    }

    /// Gives a cell limits of its own: one or none for each figure.
    pub fn limit(&mut self, cell: usize, bounds: Vec<Option<Bound>>) {
        self.own.insert(cell, bounds);
    }

    /// The limit that a figure must keep in a cell.
    pub(super) fn bound(&self, cell: usize, figure: usize) -> Option<Bound> {
        self.own.get(&cell).map_or(self.figures[figure].bound, |bounds| bounds[figure])
    }

    /// Whether a limit on a figure is 0 or below.
    pub fn is_limited_below_zero(&self, figure: usize) -> bool {
        let shared = std::iter::once(self.figures[figure].bound);
        let mut bounds = shared.chain(self.own.values().map(|bounds| bounds[figure])).flatten();
        bounds.any(|(Bound::AtMost(limit) | Bound::AtLeast(limit))| limit <= 0.0)
    }

    /// How far within the limit of a cell a value of a figure on its scale is, below 0 beyond it; absent where there is no limit.
    pub(super) fn room(&self, cell: usize, figure: usize, value: f64) -> Option<f64> {
        let scale = self.figures[figure].scale;
        Some(match self.bound(cell, figure)? {
            Bound::AtMost(most) => scale.of(most) - value,
            Bound::AtLeast(least) => value - scale.of(least),
        })
    }

    /// Whether no cell can be recommended of which this figure is not known: it is an objective, or all cells have a limit on it.
    pub(super) fn needs(&self, figure: usize) -> bool {
        let Figure { aim, bound, .. } = self.figures[figure];
        aim.is_some() || bound.is_some()
    }

    /// The figures that are objectives.
    pub(super) fn objectives(&self) -> impl Iterator<Item = (usize, Better)> + '_ {
        let aims = self.figures.iter().enumerate();
        aims.filter_map(|(at, figure)| Some((at, figure.aim?)))
    }
}

/// What one visit says of a figure, in its own unit.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Reading {
    /// The estimate.
    pub value: f64,
    /// The variance that the visit itself knows of; 0 where it knows of none. That between visits is found.
    pub variance: f64,
}

impl Reading {
    /// The same on a scale.
    pub(super) fn on(self, scale: Scale) -> Self {
        Self { value: scale.of(self.value), variance: scale.variance(self.value, self.variance) }
    }
}
