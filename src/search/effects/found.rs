//! What effects are made of, and what is told of them.

use super::steps::Step;
use crate::search::aims::{Reading, Scale};
use crate::stats::Interval;

/// What one visit says of a figure, in its own unit.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sight {
    /// The visited cell.
    pub cell: usize,
    /// The round of the visit.
    pub round: u32,
    /// What it says.
    pub reading: Reading,
}

/// What all visits say of a figure.
#[derive(Debug, Clone, PartialEq)]
pub struct Seeing {
    /// The scale on which it changes; a value that has no place on it is no reading.
    pub scale: Scale,
    /// Figures of a kind vary alike from visit to visit.
    pub kind: usize,
    /// The visits that have it.
    pub sights: Vec<Sight>,
}

impl Seeing {
    /// What a visit says on the scale.
    pub(super) fn reading(&self, sight: &Sight) -> Option<Reading> {
        let value = sight.reading.value;
        let has_place = value.is_finite() && (self.scale != Scale::Log || value > 0.0);
        has_place.then(|| sight.reading.on(self.scale))
    }
}

/// What an effect rests on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EffectBasis {
    /// Matched cells, by how they differ from round to round.
    Rounds,
    /// Matched cells with one round, by how they differ from each other.
    Sets,
    /// A model of all visits.
    Model,
}

/// An effect on a figure, on its scale.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Effect {
    /// The mean change.
    pub mean: f64,
    /// Its interval, which holds together with those of its family; absent where nobody can say.
    pub interval: Option<Interval>,
    /// What it rests on.
    pub basis: EffectBasis,
}

impl Effect {
    /// Whether it is more than noise.
    pub fn matters(&self) -> bool {
        self.interval.is_some_and(|interval| !interval.contains(0.0))
    }
}

/// The effect of a step on a figure.
#[derive(Debug, Clone, PartialEq)]
pub struct MainEffect {
    /// The step.
    pub step: Step,
    /// The place of the figure.
    pub figure: usize,
    /// Sets of cells that are equal but for the step and have the figure.
    pub sets: usize,
    /// The effect; absent where nothing can be compared.
    pub effect: Option<Effect>,
}

/// How the effect of one step depends on another.
#[derive(Debug, Clone, PartialEq)]
pub struct Interaction {
    /// The step whose effect it is.
    pub step: Step,
    /// The step on which it depends.
    pub by: Step,
    /// The place of the figure.
    pub figure: usize,
    /// The effect at the first level of the other step.
    pub before: f64,
    /// By how much it is another at the second.
    pub change: Effect,
}

/// What the visits say of all axes.
#[derive(Debug, Clone, PartialEq)]
pub struct Effects {
    /// Whether they come from a model, and not from matched cells.
    pub modelled: bool,
    /// By axis, step and figure.
    pub main: Vec<MainEffect>,
    /// Those that exceed their noise, the clearest first: the clearest step of each pair of axes and figure.
    pub interactions: Vec<Interaction>,
}
