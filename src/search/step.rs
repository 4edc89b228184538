//! The next visit, and what is recommended so far.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::aims::{Aims, Bound, Figure, Reading};
use super::fit::PRIORS;
use super::gain::{Room, expected, rooms};
use super::kernel::Seen;
use super::policy::Method;
use super::process::{Belief, Process};
use super::space::Space;
use crate::schedule::{CellState, Policy, Standing, Visit};
use crate::stats::{Draw, normal_below};

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
}

/// A search: what is known so far, from which the next visit follows.
#[derive(Debug, Clone, Copy)]
pub struct Search<'a> {
    /// The cells.
    pub space: &'a Space,
    /// What is looked for.
    pub aims: &'a Aims,
    /// What every visit so far has said.
    pub told: &'a [Told],
    /// Of the first cells, and of those that are looked at where there are too many.
    pub seed: u64,
    /// How the next cell is chosen.
    pub method: Method,
}

/// Cells that are measured before a model says anything.
const DESIGN: usize = 8;

/// Cells that are drawn to be scored, where there are more; the best of them climb to their neighbours.
const SAMPLE: usize = 3000;

/// A cell is recommended when it keeps its limits by so many standard deviations of what is believed: one-sided, 90%.
const SURE: f64 = 1.3;

/// Visits to a cell that are thought of together: of one alone, noise may leave too little to be sure of.
const AHEAD: [f64; 3] = [1.0, 2.0, 4.0];

/// What is far worse than the rest teaches no more than that it is bad: values are taken as no further below the median than the
/// best is above it.
const DEPTH: f64 = 1.0;

/// Everything that is believed of the figures.
struct Model<'a> {
    processes: Vec<Process<'a>>,
    success: Option<Process<'a>>,
    /// Of each figure, then of success.
    beliefs: HashMap<usize, Vec<Belief>>,
    /// How each objective is turned so that it is better upwards; 1 for what is none.
    signs: Vec<f64>,
    visited: BTreeSet<usize>,
}

impl Model<'_> {
    /// Sees to it that these cells are believed something of; those that are new.
    fn learn(&mut self, cells: &[usize]) -> Vec<usize> {
        let fresh: BTreeSet<usize> =
            cells.iter().copied().filter(|cell| !self.beliefs.contains_key(cell)).collect();
        let fresh: Vec<usize> = fresh.into_iter().collect();
        let processes = self.processes.iter().chain(&self.success);
        let found: Vec<Vec<Belief>> = processes.map(|process| process.beliefs(&fresh)).collect();
        for (at, cell) in fresh.iter().enumerate() {
            self.beliefs.insert(*cell, found.iter().map(|beliefs| beliefs[at]).collect());
        }
        fresh
    }

    fn belief(&self, cell: usize, figure: usize) -> Belief {
        self.beliefs[&cell][figure]
    }

    /// How likely a visit to it comes to its end.
    fn success(&self, cell: usize) -> f64 {
        let of_success = self.success.as_ref().map(|_| self.belief(cell, self.processes.len()));
        of_success.map_or(1.0, |belief| normal_below((belief.mean - 0.5) / belief.variance.sqrt()))
    }

    /// The variance that is left, and that by which the mean may move, after so many more visits.
    fn after(&self, cell: usize, figure: usize, visits: f64) -> (f64, f64) {
        let Belief { variance, .. } = self.belief(cell, figure);
        let noise = self.processes[figure].noise();
        let left = variance * noise / (noise + visits * variance);
        (left, (variance - left).max(0.0))
    }
}

impl Search<'_> {
    /// What is recommended: of the cells that were measured and keep all limits, those that no other dominates.
    pub fn recommended(&self) -> Vec<usize> {
        let Some(mut model) = self.model() else { return Vec::new() };
        let visited: Vec<usize> = model.visited.iter().copied().collect();
        model.learn(&visited);
        let kept = self.sure(&model);
        let beaten = |cell: usize| {
            let mut others = kept.iter().filter(|other| **other != cell);
            others.any(|other| self.beats(&model, *other, cell))
        };
        kept.iter().copied().filter(|cell| !beaten(*cell)).collect()
    }

    /// The next visit; `None` where every cell is closed.
    fn step(&self, closed: &BTreeSet<usize>) -> Option<usize> {
        let open: Vec<usize> =
            (0..self.space.len()).filter(|cell| !closed.contains(cell)).collect();
        if open.is_empty() {
            return None;
        }
        let mut draw = Draw::new(self.seed.rotate_left(32) ^ self.told.len() as u64);
        let visited: BTreeSet<usize> = self.told.iter().map(|told| told.cell).collect();
        if self.method == Method::Random {
            let fresh = open.iter().copied().filter(|cell| !visited.contains(cell));
            let fresh: Vec<usize> = fresh.collect();
            return (!fresh.is_empty()).then(|| fresh[draw.below(fresh.len())]);
        }
        let is_design = visited.len() < DESIGN.min(self.space.len() / 4);
        let model = if is_design { None } else { self.model() };
        match model {
            Some(model) => self.best(model, &open, closed, &mut draw),
            None => self.farthest(&open, &visited, &mut draw),
        }
    }

    /// Of some cells that are drawn, the one farthest from all that were visited.
    fn farthest(
        &self,
        open: &[usize],
        visited: &BTreeSet<usize>,
        draw: &mut Draw,
    ) -> Option<usize> {
        const TRIES: usize = 200;
        let far = |cell: usize| {
            let distances = visited.iter().map(|other| self.space.distance(cell, *other));
            distances.fold(f64::INFINITY, f64::min)
        };
        let tried = (0..TRIES).map(|_| open[draw.below(open.len())]);
        let tried = tried.map(|cell| (far(cell), cell));
        tried.max_by(|a, b| a.0.total_cmp(&b.0)).map(|(_, cell)| cell)
    }

    /// What the visits say together; `None` where some figure has not been seen at all.
    fn model(&self) -> Option<Model<'_>> {
        let figures = 0..self.aims.figures.len();
        let of_figure = |figure| Process::fit(self.space, &self.seen(figure), &PRIORS);
        let processes: Vec<Process<'_>> = figures.clone().map(of_figure).collect::<Option<_>>()?;
        let failed = self.told.iter().any(|told| told.failed);
        let success =
            failed.then(|| Process::fit(self.space, &self.successes(), &PRIORS)).flatten();
        let mut signs = vec![1.0; figures.len()];
        for (figure, better) in self.aims.objectives() {
            signs[figure] = -better.sign();
        }
        let visited = self.told.iter().map(|told| told.cell).collect();
        Some(Model { processes, success, beliefs: HashMap::new(), signs, visited })
    }

    fn seen(&self, figure: usize) -> Vec<Seen> {
        let Figure { scale, aim, .. } = self.aims.figures[figure];
        let mut cells: BTreeMap<usize, Vec<Reading>> = BTreeMap::new();
        for told in self.told {
            let reading = told.readings[figure].map(|reading| reading.on(scale));
            if let Some(reading) = reading.filter(|reading| reading.value.is_finite()) {
                cells.entry(told.cell).or_default().push(reading);
            }
        }
        if let Some(better) = aim {
            cut(cells.values_mut().flatten(), -better.sign());
        }
        cells.into_iter().map(|(cell, readings)| together(cell, &readings)).collect()
    }

    /// Whether the visits to each cell came to their end: 1, or 0.
    fn successes(&self) -> Vec<Seen> {
        let mut cells: BTreeMap<usize, Vec<Reading>> = BTreeMap::new();
        for told in self.told {
            let value = if told.failed { 0.0 } else { 1.0 };
            cells.entry(told.cell).or_default().push(Reading { value, variance: 0.0 });
        }
        cells.into_iter().map(|(cell, readings)| together(cell, &readings)).collect()
    }

    /// The visited cells that keep all limits for certain enough.
    fn sure(&self, model: &Model<'_>) -> Vec<usize> {
        let keeps = |cell: &usize| {
            let cell = *cell;
            let mut visits = self.told.iter().filter(|told| told.cell == cell);
            if visits.any(|told| told.rejected) {
                return false;
            }
            let whole = self.told.iter().any(|told| told.cell == cell && !told.failed);
            whole
                && self
                    .room_below(model, cell)
                    .all(|(room, figure)| room >= SURE * model.belief(cell, figure).variance.sqrt())
        };
        model.visited.iter().copied().filter(|cell| keeps(cell)).collect()
    }

    /// How far below its limits a cell is believed to be, on the scale of each figure that has one.
    fn room_below<'m>(
        &'m self,
        model: &'m Model<'_>,
        cell: usize,
    ) -> impl Iterator<Item = (f64, usize)> + 'm {
        let limits = self.aims.figures.iter().enumerate();
        limits.filter_map(move |(at, figure)| {
            let mean = model.belief(cell, at).mean;
            Some((
                match figure.bound? {
                    Bound::AtMost(most) => figure.scale.of(most) - mean,
                    Bound::AtLeast(least) => mean - figure.scale.of(least),
                },
                at,
            ))
        })
    }

    /// The objectives of a cell as they are believed to be, better upwards.
    fn point(&self, model: &Model<'_>, cell: usize) -> Vec<f64> {
        let aims = self.aims.objectives();
        aims.map(|(figure, _)| model.signs[figure] * model.belief(cell, figure).mean).collect()
    }

    /// Whether one cell of the group of another is believed to be at least as good in everything, and better in something by
    /// more than the deviation of the difference.
    fn beats(&self, model: &Model<'_>, one: usize, other: usize) -> bool {
        if self.space.group(one) != self.space.group(other) {
            return false;
        }
        let single = self.aims.objectives().count() == 1;
        let mut ahead = self.aims.objectives().map(|(figure, _)| {
            let (a, b) = (model.belief(one, figure), model.belief(other, figure));
            let by = model.signs[figure] * (a.mean - b.mean);
            // Of one objective there is one best cell.
            if single { by } else { by - (a.variance + b.variance).sqrt() }
        });
        ahead.all(|by| by > 0.0)
    }

    /// The open cell with the highest score, of all or of a sample, climbing from the best of it.
    fn best(
        &self,
        mut model: Model<'_>,
        open: &[usize],
        closed: &BTreeSet<usize>,
        draw: &mut Draw,
    ) -> Option<usize> {
        const CLIMBERS: usize = 5;
        const MOST_ROUNDS: usize = 20;
        let mut cells: Vec<usize> = if open.len() <= SAMPLE {
            open.to_vec()
        } else {
            (0..SAMPLE).map(|_| open[draw.below(open.len())]).collect()
        };
        let visited: Vec<usize> = model.visited.iter().copied().collect();
        model.learn(&cells);
        model.learn(&visited);
        let sure = self.sure(&model);
        let rooms = self.rooms(&model, &cells, &sure);
        cells.extend(visited.iter().filter(|cell| !closed.contains(cell)));
        cells.extend(sure.iter().flat_map(|cell| self.near(*cell, closed)));
        model.learn(&cells);
        let score = |model: &Model<'_>, cell: usize| (self.score(model, &rooms, cell), cell);
        let mut scored: Vec<(f64, usize)> = cells.iter().map(|cell| score(&model, *cell)).collect();
        let mut climbed = BTreeSet::new();
        for _ in 0..MOST_ROUNDS {
            scored.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
            scored.dedup_by_key(|scored| scored.1);
            scored.truncate(CLIMBERS);
            let fresh = scored.iter().map(|(_, cell)| *cell).filter(|cell| climbed.insert(*cell));
            let near: Vec<usize> = fresh.flat_map(|cell| self.near(cell, closed)).collect();
            let new = model.learn(&near);
            if new.is_empty() {
                break;
            }
            scored.extend(new.into_iter().map(|cell| score(&model, cell)));
        }
        scored.first().map(|(_, cell)| *cell)
    }

    /// The open neighbours of a cell.
    fn near(&self, cell: usize, closed: &BTreeSet<usize>) -> Vec<usize> {
        let mut near = self.space.neighbours(cell);
        near.retain(|cell| !closed.contains(cell));
        near
    }

    /// The room above the front of each group. What is worse than three quarters of all cells is no trade-off; of one
    /// objective everything is better than the worst that was seen.
    fn rooms(
        &self,
        model: &Model<'_>,
        sample: &[usize],
        sure: &[usize],
    ) -> BTreeMap<u32, Vec<Room>> {
        let groups: BTreeSet<u32> = sample.iter().map(|cell| self.space.group(*cell)).collect();
        let of_group = |group: u32| {
            let points = |cells: &[usize]| -> Vec<Vec<f64>> {
                let own = cells.iter().filter(|cell| self.space.group(**cell) == group);
                own.map(|cell| self.point(model, *cell)).collect()
            };
            let visited: Vec<usize> = model.visited.iter().copied().collect();
            let single = self.aims.objectives().count() == 1;
            let all = points(if single { &visited } else { sample });
            let reference: Vec<f64> = (0..self.aims.objectives().count())
                .map(|at| {
                    let mut values: Vec<f64> = all.iter().map(|point| point[at]).collect();
                    let place = if single { 0 } else { values.len() / 4 };
                    values.sort_by(f64::total_cmp);
                    values.get(place).copied().unwrap_or(f64::NEG_INFINITY)
                })
                .collect();
            (group, rooms(&points(sure), &reference))
        };
        groups.into_iter().map(of_group).collect()
    }

    /// What a visit to a cell is expected to add to the front of its group, for each visit that it takes. One that fails teaches
    /// little: how likely it is not to counts twice.
    fn score(&self, model: &Model<'_>, rooms: &BTreeMap<u32, Vec<Room>>, cell: usize) -> f64 {
        let Some(rooms) = rooms.get(&self.space.group(cell)) else { return 0.0 };
        let adds = |moves: &dyn Fn(usize) -> f64| {
            let objectives = self.aims.objectives().map(|(figure, _)| {
                let mean = model.signs[figure] * model.belief(cell, figure).mean;
                (mean, moves(figure).sqrt())
            });
            expected(rooms, &objectives.collect::<Vec<_>>())
        };
        // What a repeat may still change is little; a new cell is taken for all that it may be.
        let fresh = (!model.visited.contains(&cell))
            .then(|| adds(&|figure| model.belief(cell, figure).variance));
        let gain = |visits: f64| {
            let kept = self.room_below(model, cell).map(|(room, figure)| {
                let (left, moves) = model.after(cell, figure, visits);
                normal_below((room - SURE * left.sqrt()) / moves.sqrt().max(f64::MIN_POSITIVE))
            });
            let kept: f64 = kept.product();
            let adds = fresh.unwrap_or_else(|| adds(&|at| model.after(cell, at, visits).1));
            kept * adds / visits
        };
        AHEAD.into_iter().map(gain).fold(0.0, f64::max) * model.success(cell).powi(2)
    }
}

/// Lifts what is far worse than the rest.
fn cut<'r>(readings: impl Iterator<Item = &'r mut Reading>, sign: f64) {
    let mut readings: Vec<&mut Reading> = readings.collect();
    let mut values: Vec<f64> = readings.iter().map(|reading| sign * reading.value).collect();
    values.sort_by(f64::total_cmp);
    let Some(best) = values.last() else { return };
    let median = values[values.len() / 2];
    let least = median - DEPTH * (best - median);
    for reading in &mut readings {
        reading.value = sign * (sign * reading.value).max(least);
    }
}

/// What the visits of a cell say together.
fn together(cell: usize, readings: &[Reading]) -> Seen {
    let visits = readings.len() as f64;
    let value = readings.iter().map(|reading| reading.value).sum::<f64>() / visits;
    let known = readings.iter().map(|reading| reading.variance).sum::<f64>() / visits.powi(2);
    let squares = readings.iter().map(|reading| (reading.value - value).powi(2)).sum();
    Seen { cell, value, known, visits, squares }
}

impl Policy for Search<'_> {
    fn next(&self, cells: &[CellState]) -> Vec<Visit> {
        let is_closed = |state: &CellState| match state.standing {
            Standing::Open => false,
            // Of one visit nobody knows how the next one would differ.
            Standing::Known => state.made.len() > 1,
            Standing::Futile | Standing::Settled | Standing::Failed => true,
        };
        let cells_of = cells.iter().enumerate();
        let closed =
            cells_of.filter_map(|(cell, state)| is_closed(state).then_some(cell)).collect();
        let next = self.step(&closed);
        next.map(|cell| Visit { cell, repeat: cells[cell].next() }).into_iter().collect()
    }
}
