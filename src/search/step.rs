//! The next visit.

use std::collections::{BTreeMap, BTreeSet};

use super::gain::{Room, expected, rooms};
use super::model::Model;
use super::policy::Method;
use super::recommend::SURE;
use super::state::Search;
use crate::schedule::{CellState, Policy, Standing, Visit};
use crate::stats::{Draw, normal_below};

/// Cells that are measured before a model says anything, where not all can be.
const DESIGN: usize = 8;

/// Steps from one end of a single axis of numbers to the other, at most.
const RUNGS: usize = 12;

/// Visits that fail before the search is given up where none has succeeded.
const HOPELESS: usize = 8;

/// Cells that are drawn to be scored, where there are more; the best of them climb to their neighbours.
const SAMPLE: usize = 3000;

/// Visits to a cell that are thought of together: of one alone, noise may leave too little to be sure of.
const AHEAD: [f64; 3] = [1.0, 2.0, 4.0];

/// The share of the spread of what was seen that a visit must promise: with less the search is over.
const LEAST: f64 = 1e-3;

/// What a visit to a cell promises.
#[derive(Debug, Clone, Copy)]
struct Score {
    /// For what it costs.
    worth: f64,
    gain: f64,
    cell: usize,
}

impl Search<'_> {
    /// The next visit; `None` where nothing is left to visit.
    fn step(&self, closed: &BTreeSet<usize>) -> Option<usize> {
        let open: Vec<usize> =
            (0..self.space.len()).filter(|cell| !closed.contains(cell)).collect();
        let count = self.told.len() + self.pending.len();
        let mut draw = Draw::new(self.policy.seed.rotate_left(32) ^ count as u64);
        let known: BTreeSet<usize> = self.known().collect();
        let fresh = open.iter().copied().filter(|cell| !known.contains(cell));
        let fresh: Vec<usize> = fresh.collect();
        match self.policy.method {
            Method::Random => (!fresh.is_empty()).then(|| fresh[draw.below(fresh.len())]),
            Method::Halving => self.next_of_rungs(closed, self.policy.trials.unwrap_or(u32::MAX)),
            Method::Bayes => self.design(&fresh, &known, &mut draw).or_else(|| {
                let model = (!open.is_empty()).then(|| self.model()).flatten();
                match model {
                    Some(model) => self.best(model, &open, closed, &mut draw),
                    // No visit has all figures yet.
                    None => self.farthest(&fresh, &known, &mut draw),
                }
            }),
        }
    }

    /// Where to look before a model says anything; `None` when it may.
    fn design(&self, fresh: &[usize], known: &BTreeSet<usize>, draw: &mut Draw) -> Option<usize> {
        if let Some(line) = self.space.line() {
            return climb(&line, fresh);
        }
        let is_small = self.policy.trials.is_some_and(|most| self.space.len() <= most as usize);
        let count = if is_small { self.space.len() } else { DESIGN.min(self.space.len() / 4) };
        if known.len() < count { self.farthest(fresh, known, draw) } else { None }
    }

    /// The cells of a line above the first that failed or broke a limit when one below it had not: what grows there goes on
    /// growing.
    fn out_of_reach(&self, line: &[usize]) -> BTreeSet<usize> {
        let is_bad = |cell: &usize| {
            let visited = self.visits(*cell).next().is_some();
            let failed = visited && self.visits(*cell).all(|told| told.failed);
            failed || self.visits(*cell).any(|told| told.rejected)
        };
        let sound = line.iter().position(|cell| self.is_sound(*cell)).unwrap_or(line.len());
        let above = line[sound..].iter().skip_while(|cell| !is_bad(cell)).skip(1);
        above.copied().collect()
    }

    /// Of some fresh cells that are drawn, the one farthest from all that are known.
    fn farthest(&self, fresh: &[usize], known: &BTreeSet<usize>, draw: &mut Draw) -> Option<usize> {
        const TRIES: usize = 200;
        if fresh.is_empty() {
            return None;
        }
        let far = |cell: usize| {
            let distances = known.iter().map(|other| self.space.distance(cell, *other));
            distances.fold(f64::INFINITY, f64::min)
        };
        let tried = (0..TRIES).map(|_| fresh[draw.below(fresh.len())]);
        let tried = tried.map(|cell| (far(cell), cell));
        tried.max_by(|a, b| a.0.total_cmp(&b.0)).map(|(_, cell)| cell)
    }

    /// Whether so many visits have failed, and none has not, that nothing can be learnt.
    pub fn is_hopeless(&self) -> bool {
        self.told.len() >= HOPELESS && self.told.iter().all(|told| told.failed)
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
        let known: Vec<usize> = model.known.iter().copied().collect();
        model.learn(&cells);
        model.learn(&known);
        let sure = self.sure(&model);
        let rooms = self.rooms(&model, &cells, &sure);
        cells.extend(known.iter().filter(|cell| !closed.contains(cell)));
        cells.extend(sure.iter().flat_map(|cell| self.near(*cell, closed)));
        model.learn(&cells);
        let score = |model: &Model<'_>, cell: usize| {
            let gain = self.gain(model, &rooms, cell);
            Score { worth: gain / model.cost(cell), gain, cell }
        };
        let mut scored: Vec<Score> = cells.iter().map(|cell| score(&model, *cell)).collect();
        let mut climbed = BTreeSet::new();
        for _ in 0..MOST_ROUNDS {
            scored.sort_by(|a, b| b.worth.total_cmp(&a.worth).then(a.cell.cmp(&b.cell)));
            scored.dedup_by_key(|scored| scored.cell);
            scored.truncate(CLIMBERS);
            let fresh =
                scored.iter().map(|scored| scored.cell).filter(|cell| climbed.insert(*cell));
            let near: Vec<usize> = fresh.flat_map(|cell| self.near(cell, closed)).collect();
            let new = model.learn(&near);
            if new.is_empty() {
                break;
            }
            scored.extend(new.into_iter().map(|cell| score(&model, cell)));
        }
        let best = scored.first()?;
        (best.gain > LEAST * self.spread(&model)).then_some(best.cell)
    }

    /// The volume between a deviation up and none, in all objectives, of what was seen.
    fn spread(&self, model: &Model<'_>) -> f64 {
        self.aims.objectives().map(|(figure, _)| model.spread(figure)).product()
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
            let known: Vec<usize> = model.known.iter().copied().collect();
            let single = self.aims.objectives().count() == 1;
            let all = points(if single { &known } else { sample });
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
    fn gain(&self, model: &Model<'_>, rooms: &BTreeMap<u32, Vec<Room>>, cell: usize) -> f64 {
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

/// The next level of an axis from below, by steps of which some reach its end.
fn climb(line: &[usize], fresh: &[usize]) -> Option<usize> {
    let stride = line.len().saturating_sub(1).div_ceil(RUNGS).max(1);
    line.iter().copied().step_by(stride).find(|cell| fresh.contains(cell))
}

impl Policy for Search<'_> {
    fn next(&self, cells: &[CellState]) -> Vec<Visit> {
        let made: usize = cells.iter().map(|state| state.made.len()).sum();
        let asked = made + self.pending.len();
        let is_over = self.policy.trials.is_some_and(|most| asked >= most as usize);
        if is_over || self.is_hopeless() {
            return Vec::new();
        }
        let is_closed = |state: &CellState| match state.standing {
            Standing::Open => false,
            // Of one visit nobody knows how the next one would differ.
            Standing::Known => state.made.len() > 1,
            Standing::Futile | Standing::Settled | Standing::Failed => true,
        };
        let cells_of = cells.iter().enumerate();
        let mut closed: BTreeSet<usize> =
            cells_of.filter_map(|(cell, state)| is_closed(state).then_some(cell)).collect();
        closed.extend(self.pending);
        if let Some(line) = self.space.line() {
            closed.extend(self.out_of_reach(&line));
        }
        let next = self.step(&closed);
        next.map(|cell| Visit { cell, repeat: cells[cell].next() }).into_iter().collect()
    }
}
