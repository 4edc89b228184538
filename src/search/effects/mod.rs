//! What each knob buys: the effects of the axes on figures, and the pairs of axes whose effects depend on each other.
//!
//! The effect of a step from one level of an axis to another is the mean change over cells that are equal but for that axis,
//! where enough of the visited cells are matched so. Of a search that visited few cells of a large grid hardly any are: then a
//! Gaussian process over the cells, as the search itself has it, says what the visited cells would be with the one level and with the other.
//!
//! Main effects are one family, interactions another: in each all intervals hold at once. Invariant: equal visits give equal
//! effects, and a level is known by its place alone.
//!
//! # Sources
//! Kass and Steffey 1989 (what hyperparameters that are not known add to a variance); Friedman 2001 (8.2, the mean over the other settings of what a model says); Rasmussen and Williams 2006 (2.7, of a mean that is not
//! known); `stats::contrast` for matched cells.

mod found;
mod matched;
mod modelled;
mod steps;

pub use self::found::{Effect, EffectBasis, Effects, Interaction, MainEffect, Seeing, Sight};
pub use self::steps::Step;

use self::matched::Matches;
use self::modelled::Models;
use super::space::Space;

/// The least share of the visited cells that are matched, so that these speak for all.
const MATCHED: f64 = 0.5;

/// Visited cells from which on a model says more than a few matched ones.
const FEWEST_MODELLED: usize = 8;

/// What the visits say of the axes of a space of visited cells.
pub fn effects(space: &Space, seeing: &[Seeing], confidence: f64) -> Effects {
    let steps = steps::steps(space);
    let matches = Matches::new(space, seeing);
    let modelled = space.len() >= FEWEST_MODELLED && matches.share(&steps) < MATCHED;
    let models = modelled.then(|| Models::new(space, seeing));
    let (main, mut interactions) = match &models {
        Some(models) => (models.main(&steps, confidence), models.interactions(confidence)),
        None => (matches.main(&steps, confidence), matches.interactions(confidence)),
    };
    interactions.retain(|interaction| interaction.change.matters());
    let clear = |of: &Interaction| {
        let half = of.change.interval.map_or(f64::INFINITY, |ends| ends.high - ends.low) / 2.0;
        of.change.mean.abs() / half
    };
    interactions.sort_by(|a, b| clear(b).total_cmp(&clear(a)));
    let mut told = Vec::new();
    interactions.retain(|of| {
        let new = (of.step.axis, of.by.axis, of.figure);
        let is_new = !told.contains(&new);
        told.push(new);
        is_new
    });
    Effects { modelled, main, interactions }
}

#[cfg(test)]
mod tests;
