//! Do the intervals of effects hold? Simulated grids and simulated searches (the real policy) whose truth is known.
//!
//! `cargo bench --no-default-features --bench search -- effects`; `SIMULATED` (200) of each may be given.
//!
//! - "none false": of spaces in which all cells are equal, the share in which no interval excludes 0.
//! - "all hold": of spaces with effects, the share in which all intervals hold their truth.
//! - "found": of the effects of at least 10%, the share that are told from noise.
use super::common;
use perftune::schedule::{CellState, Policy as _, Standing};
use perftune::search::effects::{Effects, MainEffect, Seeing, Sight, effects};
use perftune::search::{
    Aims, Axis, Figure, Method, Reading, Scale, Search, SearchPolicy, Space, Told,
};
use perftune::stats::{Better, Draw};

/// The asked confidence.
const CONFIDENCE: f64 = 0.95;

/// Noise of a visit.
#[derive(Clone, Copy)]
struct Noise {
    /// Of each visit.
    visit: f64,
    /// Of all visits of a round.
    round: f64,
    /// Of all visits of a round at one level of the first axis.
    level: f64,
}

/// A standard normal variable (Box and Muller).
fn normal(draw: &mut Draw) -> f64 {
    const FINE: usize = 1 << 52;
    let mut uniform = || (draw.below(FINE) as f64 + 0.5) / FINE as f64;
    (-2.0 * uniform().ln()).sqrt() * (std::f64::consts::TAU * uniform()).cos()
}

/// All combinations of levels.
fn space(axes: &[Axis]) -> Space {
    let count: usize = axes.iter().map(Axis::levels).product();
    let cell = |mut at: usize| -> Box<[u16]> {
        let level = |axis: &Axis| {
            let level = at % axis.levels();
            at /= axis.levels();
            u16::try_from(level).unwrap()
        };
        axes.iter().map(level).collect()
    };
    Space::new(axes.to_vec(), (0..count).map(cell).collect(), vec![0; count])
}

/// The level of each axis in a cell of [`space`].
fn levels(space: &Space, mut cell: usize) -> Vec<usize> {
    let of = |axis: &Axis| {
        let level = cell % axis.levels();
        cell /= axis.levels();
        level
    };
    space.axes().iter().map(of).collect()
}

/// What each cell's figure is in truth, on the scale of logarithms.
struct Truth {
    /// Of each axis and level.
    main: Vec<Vec<f64>>,
    /// Of the first axis and the last together.
    both: f64,
}

impl Truth {
    fn none(space: &Space) -> Self {
        Self { main: space.axes().iter().map(|axis| vec![0.0; axis.levels()]).collect(), both: 0.0 }
    }

    /// Effects of up to 40%, drawn: of numbers a curve, of words any.
    fn drawn(space: &Space, draw: &mut Draw) -> Self {
        let mut truth = Self::none(space);
        for (axis, levels) in space.axes().iter().zip(&mut truth.main) {
            let mut drawn = || draw.below(5) as f64 / 10.0 - 0.2;
            let (slope, bend) = (drawn(), drawn());
            let last = levels.len() as f64 - 1.0;
            for (at, level) in levels.iter_mut().enumerate().skip(1) {
                let place = at as f64 / last;
                let curve = slope * place + bend * place * place;
                *level = if matches!(axis, Axis::Ordered(_)) { curve } else { drawn() };
            }
        }
        truth.both = draw.below(3) as f64 / 10.0;
        truth
    }

    fn of(&self, levels: &[usize]) -> f64 {
        let main = self.main.iter().zip(levels).map(|(of, level)| of[*level]);
        let last = levels[levels.len() - 1];
        let both = if levels[0] > 0 && last > 0 { self.both } else { 0.0 };
        main.sum::<f64>() + both
    }

    /// The mean effect of a step over these cells, as if each had the one level and the other.
    fn effect(&self, of: &MainEffect, cells: &[Vec<usize>]) -> f64 {
        let with = |levels: &[usize], level: u16| {
            let mut levels = levels.to_vec();
            levels[of.step.axis] = usize::from(level);
            self.of(&levels)
        };
        let change = |levels: &Vec<usize>| with(levels, of.step.to) - with(levels, of.step.from);
        cells.iter().map(change).sum::<f64>() / cells.len() as f64
    }
}

/// What came of the simulations.
#[derive(Default, Clone, Copy)]
struct Tally {
    all: u32,
    good: u32,
    interactions: u32,
    large: u32,
    found: u32,
    modelled: u32,
}

impl Tally {
    fn add(&mut self, found: &Effects, truth: &Truth, cells: &[Vec<usize>]) {
        let holds = |main: &&MainEffect| {
            let ends = main.effect.and_then(|effect| effect.interval);
            ends.is_none_or(|ends| ends.contains(truth.effect(main, cells)))
        };
        let large = |main: &&MainEffect| truth.effect(main, cells).abs() >= 0.1;
        let count = |found: usize| u32::try_from(found).unwrap();
        self.all += 1;
        self.good += u32::from(found.main.iter().filter(holds).count() == found.main.len());
        self.interactions += u32::from(!found.interactions.is_empty());
        self.modelled += u32::from(found.modelled);
        let large = found.main.iter().filter(large);
        self.large += count(large.clone().count());
        self.found +=
            count(large.filter(|main| main.effect.is_some_and(|it| it.matters())).count());
    }

    fn line(self, name: &str) {
        let share = |part: u32, all: u32| f64::from(part) / f64::from(all.max(1)) * 100.0;
        let held = share(self.good, self.all);
        // Two deviations of what chance makes of a share in so many simulations.
        let chance = 2.0 * (CONFIDENCE * (1.0 - CONFIDENCE) / f64::from(self.all)).sqrt();
        let enough = held / 100.0 >= CONFIDENCE - chance;
        println!(
            "{name}: all hold in {held:.1}% of {} ({}); interactions told in {:.1}%; found {:.0}% of {} large effects; by a model in {}",
            self.all,
            common::verdict(enough),
            share(self.interactions, self.all),
            share(self.found, self.large),
            self.large,
            self.modelled,
        );
    }
}

fn told(all: Vec<Tally>, name: &str) {
    let add = |sum: Tally, one: Tally| Tally {
        all: sum.all + one.all,
        good: sum.good + one.good,
        interactions: sum.interactions + one.interactions,
        large: sum.large + one.large,
        found: sum.found + one.found,
        modelled: sum.modelled + one.modelled,
    };
    all.into_iter().fold(Tally::default(), add).line(name);
}

/// A grid of 2 x 3 x 2 cells, each visited so often, with two figures.
fn grid(noise: Noise, rounds: u32, with_effects: bool, seed: u64) -> Tally {
    let space = space(&[Axis::Choice(2), Axis::ordered(&[1.0, 2.0, 4.0]), Axis::Choice(2)]);
    let mut draw = Draw::new(seed);
    let truth = if with_effects { Truth::drawn(&space, &mut draw) } else { Truth::none(&space) };
    let cells: Vec<Vec<usize>> = (0..space.len()).map(|cell| levels(&space, cell)).collect();
    let mut figure = |kind: usize| {
        let mut sights = Vec::new();
        for round in 1..=rounds {
            let shared = noise.round * normal(&mut draw);
            let of_level = [0, 1].map(|_| noise.level * normal(&mut draw));
            for (cell, levels) in cells.iter().enumerate() {
                let own = noise.visit * normal(&mut draw);
                let value = (truth.of(levels) + shared + of_level[levels[0]] + own).exp();
                sights.push(Sight { cell, round, reading: Reading { value, variance: 0.0 } });
            }
        }
        Seeing { scale: Scale::Log, kind, sights }
    };
    let seeing = [figure(0), figure(1)];
    let mut tally = Tally::default();
    tally.add(&effects(&space, &seeing, CONFIDENCE), &truth, &cells);
    tally
}

pub(super) fn grids() {
    let count = common::number("SIMULATED", 200);
    let noise = |visit, round, level| Noise { visit, round, level };
    for (name, noise, rounds) in [
        ("2% of a visit, 3 rounds", noise(0.02, 0.0, 0.0), 3),
        ("2% of a visit, 10% of a round, 3 rounds", noise(0.02, 0.1, 0.0), 3),
        ("5% of a visit, 10% of a round, 2 rounds", noise(0.05, 0.1, 0.0), 2),
        ("2% of a visit, 1 round", noise(0.02, 0.0, 0.0), 1),
        ("2% of a visit, 2% of a level in a round, 5 rounds", noise(0.02, 0.0, 0.02), 5),
        ("2% of a visit, 5% of a level in a round, 3 rounds", noise(0.02, 0.0, 0.05), 3),
    ] {
        for (what, with_effects) in [("equal cells", false), ("effects", true)] {
            let all = common::parallel(count, |seed| {
                grid(noise, rounds, with_effects, seed + 1 + common::number("OFFSET", 0))
            });
            told(all, &format!("grids, {what}, {name}"));
        }
    }
}

/// A search for the highest of one figure among 3 x 10 x 10 x 2 cells, with another figure beside it.
fn search(noise: f64, visits: usize, with_effects: bool, seed: u64) -> Tally {
    let powers: Vec<f64> = (0..10).map(|at| 2.0_f64.powi(at)).collect();
    let axes =
        vec![Axis::Choice(3), Axis::ordered(&powers), Axis::ordered(&powers), Axis::Choice(2)];
    let all = space(&axes);
    let mut draw = Draw::new(seed + 1);
    let truth = if with_effects { Truth::drawn(&all, &mut draw) } else { Truth::none(&all) };
    let figure = |aim| Figure { scale: Scale::Log, aim, bound: None };
    let aims = Aims::new(vec![figure(Some(Better::Higher)), figure(None)]);
    let mut states = vec![CellState { made: Vec::new(), standing: Standing::Open }; all.len()];
    let mut said: Vec<Told> = Vec::new();
    let mut rounds = Vec::new();
    let policy =
        SearchPolicy { method: Method::Bayes, trials: None, is_timed: false, prunes: false, seed };
    for _ in 0..visits {
        let search =
            Search { space: &all, aims: &aims, earlier: &[], told: &said, pending: &[], policy };
        // It ends where nothing promises more.
        let Some(visit) = search.next(&states).pop() else { break };
        states[visit.cell].made.push(visit.repeat);
        let mut reading = || {
            let value = (truth.of(&levels(&all, visit.cell)) + noise * normal(&mut draw)).exp();
            Some(Reading { value, variance: 0.0 })
        };
        let readings = vec![reading(), reading()];
        said.push(Told {
            cell: visit.cell,
            readings,
            failed: false,
            rejected: false,
            short: None,
            wall_s: 1.0,
        });
        rounds.push(visit.repeat);
    }
    // What a results folder has: the visited cells alone.
    let visited: Vec<usize> =
        (0..all.len()).filter(|cell| !states[*cell].made.is_empty()).collect();
    let cells: Vec<Vec<usize>> = visited.iter().map(|cell| levels(&all, *cell)).collect();
    let level = |level: &usize| u16::try_from(*level).unwrap();
    let places = cells.iter().map(|cell| cell.iter().map(level).collect()).collect();
    let of_visited = Space::new(axes, places, vec![0; cells.len()]);
    let seeing = [0, 1].map(|kind| {
        let sight = |(told, round): (&Told, &u32)| Sight {
            cell: visited.iter().position(|cell| *cell == told.cell).unwrap(),
            round: *round,
            reading: told.readings[kind].unwrap(),
        };
        let sights = said.iter().zip(&rounds).map(sight).collect();
        Seeing { scale: Scale::Log, kind, sights }
    });
    let mut tally = Tally::default();
    tally.add(&effects(&of_visited, &seeing, CONFIDENCE), &truth, &cells);
    tally
}

pub(super) fn searches() {
    let count = common::number("SIMULATED", 200);
    for (noise, visits) in [(0.02, 40), (0.1, 40), (0.05, 20)] {
        for (what, with_effects) in [("equal cells", false), ("effects", true)] {
            let all = common::parallel(count, |seed| {
                search(noise, visits, with_effects, seed + common::number("OFFSET", 0))
            });
            told(
                all,
                &format!("searches, {what}, noise of {:.0}%, {visits} visits", noise * 100.0),
            );
        }
    }
}
