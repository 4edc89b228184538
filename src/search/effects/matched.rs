//! Effects over cells that are equal but for the axes in question.

use std::collections::{BTreeMap, HashMap};

use super::found::{Effect, EffectBasis, Interaction, MainEffect, Seeing};
use super::steps::{Step, pairs};
use crate::search::aims::Reading;
use crate::search::space::Space;
use crate::stats::{Contrast, Contrasted, MatchedSet, RoundDifference, SpreadOf, contrasts};

/// A cell and how it counts in a difference.
#[derive(Debug, Clone, Copy)]
struct Part {
    cell: usize,
    sign: f64,
}

/// The visits of each cell, on the scale of a figure.
type Visits = Vec<BTreeMap<u32, Reading>>;

/// The cells, and what was seen of each figure.
pub(super) struct Matches<'a> {
    space: &'a Space,
    seeing: &'a [Seeing],
    visits: Vec<Visits>,
    /// The places of each cell on its axes, and the cell at each.
    places: Vec<Vec<usize>>,
    index: HashMap<Vec<usize>, usize>,
}

/// The difference of these cells in each round that all have; `None` where there is none.
fn set(visits: &Visits, parts: &[Part]) -> Option<MatchedSet> {
    let (first, rest) = parts.split_first()?;
    let mut rounds = Vec::new();
    let mut variance = 0.0;
    for (round, reading) in &visits[first.cell] {
        let others: Option<Vec<&Reading>> =
            rest.iter().map(|part| visits[part.cell].get(round)).collect();
        let Some(others) = others else { continue };
        let of_rest = rest.iter().zip(&others).map(|(part, of)| part.sign * of.value);
        let difference = first.sign * reading.value + of_rest.sum::<f64>();
        variance += reading.variance + others.iter().map(|of| of.variance).sum::<f64>();
        rounds.push(RoundDifference { round: *round, difference });
    }
    let count = rounds.len() as f64;
    (!rounds.is_empty()).then(|| MatchedSet { rounds, within: variance / (count * count) })
}

fn effect(found: Contrasted) -> Effect {
    let basis = match found.spread {
        SpreadOf::Rounds => EffectBasis::Rounds,
        SpreadOf::Sets => EffectBasis::Sets,
    };
    Effect { mean: found.mean, interval: found.interval, basis }
}

impl<'a> Matches<'a> {
    pub(super) fn new(space: &'a Space, seeing: &'a [Seeing]) -> Self {
        let of_figure = |of: &Seeing| {
            let mut visits: Visits = vec![BTreeMap::new(); space.len()];
            for sight in &of.sights {
                if let Some(reading) = of.reading(sight) {
                    visits[sight.cell].insert(sight.round, reading);
                }
            }
            visits
        };
        let visits = seeing.iter().map(of_figure).collect();
        let places: Vec<Vec<usize>> =
            (0..space.len()).map(|cell| space.places(cell).collect()).collect();
        let index = places.iter().enumerate().map(|(cell, at)| (at.clone(), cell)).collect();
        Self { space, seeing, visits, places, index }
    }

    /// The cells at a level of an axis.
    fn at(&self, axis: usize, level: u16) -> impl Iterator<Item = usize> + '_ {
        let cells = self.places.iter().enumerate();
        cells.filter(move |(_, at)| at[axis] == usize::from(level)).map(|(cell, _)| cell)
    }

    /// The cell that is equal to this one but for the level of an axis.
    fn with(&self, cell: usize, axis: usize, level: u16) -> Option<usize> {
        let mut places = self.places[cell].clone();
        places[axis] = usize::from(level);
        self.index.get(&places).copied()
    }

    /// The cells at the first level of a step, each with that at the second which is equal but for it.
    fn partners(&self, step: Step) -> Vec<[usize; 2]> {
        let at = self.at(step.axis, step.from);
        at.filter_map(|cell| Some([cell, self.with(cell, step.axis, step.to)?])).collect()
    }

    /// Of the cells at the ends of these steps the share that have a partner.
    pub(super) fn share(&self, steps: &[Step]) -> f64 {
        let (mut matched, mut all) = (0, 0);
        for step in steps {
            matched += 2 * self.partners(*step).len();
            let ends = [step.from, step.to].map(|level| self.at(step.axis, level).count());
            all += ends.iter().sum::<usize>();
        }
        f64::from(u32::try_from(matched).unwrap_or(u32::MAX))
            / f64::from(u32::try_from(all.max(1)).unwrap_or(u32::MAX))
    }

    fn contrast(&self, figure: usize, group: usize, sets: &[Vec<Part>]) -> Contrast {
        let sets = sets.iter().filter_map(|parts| set(&self.visits[figure], parts)).collect();
        Contrast { kind: self.seeing[figure].kind, group, sets }
    }

    /// The effect of each step on each figure.
    pub(super) fn main(&self, steps: &[Step], confidence: f64) -> Vec<MainEffect> {
        let mut told = Vec::new();
        let mut all = Vec::new();
        for step in steps {
            let parts: Vec<Vec<Part>> = self.partners(*step).into_iter().map(difference).collect();
            for figure in 0..self.seeing.len() {
                let contrast = self.contrast(figure, step.axis, &parts);
                told.push((*step, figure, contrast.sets.len()));
                all.push(contrast);
            }
        }
        let found = contrasts(&all, confidence).into_iter();
        let effects = told.into_iter().zip(found);
        effects
            .map(|((step, figure, sets), found)| MainEffect {
                step,
                figure,
                sets,
                effect: found.map(effect),
            })
            .collect()
    }

    /// How the effect of each step depends on the steps of the axes behind it.
    pub(super) fn interactions(&self, confidence: f64) -> Vec<Interaction> {
        let mut told = Vec::new();
        let mut all = Vec::new();
        for (group, [step, by]) in pairs(self.space).into_iter().enumerate() {
            let before = self.partners(step).into_iter();
            let before =
                before.filter(|[cell, _]| self.places[*cell][by.axis] == usize::from(by.from));
            let square = |[from, to]: [usize; 2]| {
                let after = [from, to].map(|cell| self.with(cell, by.axis, by.to));
                Some(([from, to], [after[0]?, after[1]?]))
            };
            let squares: Vec<_> = before.filter_map(square).collect();
            let parts: Vec<Vec<Part>> = squares
                .iter()
                .map(|(before, after)| {
                    let turned = difference(*before).into_iter();
                    let turned = turned.map(|part| Part { sign: -part.sign, ..part });
                    difference(*after).into_iter().chain(turned).collect()
                })
                .collect();
            let before: Vec<Vec<Part>> =
                squares.iter().map(|(before, _)| difference(*before)).collect();
            for figure in 0..self.seeing.len() {
                let contrast = self.contrast(figure, group, &parts);
                if !contrast.sets.is_empty() {
                    let before = self.contrast(figure, 0, &before);
                    told.push((step, by, figure, before));
                    all.push(contrast);
                }
            }
        }
        let found = contrasts(&all, confidence).into_iter();
        let all = told.into_iter().zip(found);
        all.filter_map(|((step, by, figure, before), found)| {
            let before = contrasts(&[before], confidence)[0]?.mean;
            Some(Interaction { step, by, figure, before, change: effect(found?) })
        })
        .collect()
    }
}

/// The second less the first.
fn difference([from, to]: [usize; 2]) -> Vec<Part> {
    vec![Part { cell: to, sign: 1.0 }, Part { cell: from, sign: -1.0 }]
}
