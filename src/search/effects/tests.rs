//! Effects of spaces whose truth is known.

use super::*;
use crate::schedule::{CellState, Policy as _, Standing};
use crate::search::{Aims, Axis, Figure, Method, Reading, Scale, Search, SearchPolicy, Told};
use crate::stats::testing::Noise;
use crate::stats::{Better, Interval};

/// Two words, three numbers, and a flag: 12 cells.
fn space() -> Space {
    let axes = vec![Axis::Choice(2), Axis::ordered(&[1.0, 2.0, 4.0]), Axis::Choice(2)];
    let cell = |at: u16| vec![at % 2, at / 2 % 3, at / 6].into_boxed_slice();
    Space::new(axes, (0..12).map(cell).collect(), vec![0; 12])
}

/// The level of each axis in a cell of it.
fn levels(cell: usize) -> [usize; 3] {
    [cell % 2, cell / 2 % 3, cell / 6]
}

fn sight(cell: usize, round: u32, value: f64) -> Sight {
    Sight { cell, round, reading: Reading { value, variance: 0.0 } }
}

/// The logarithm of a cell's figure: a third more by the second word, twice as much by each number, and a fifth less by the flag where the
/// word is the second.
fn truth(cell: usize) -> f64 {
    let [word, number, flag] = levels(cell);
    let both = if word == 1 && flag == 1 { 0.8_f64.ln() } else { 0.0 };
    (4.0_f64 / 3.0).ln() * word as f64 + 2.0_f64.ln() * number as f64 + both
}

/// So many rounds over all cells; each is slow by a tenth or so of its own, and each visit by `noise`.
fn seen(truth: impl Fn(usize) -> f64, rounds: u32, noise: f64, seed: u64) -> Seeing {
    let mut draws = Noise::new(seed);
    let mut sights = Vec::new();
    for round in 1..=rounds {
        let slow = 0.1 * draws.normal();
        let visit = |cell: usize| {
            let value = (truth(cell) + slow + noise * draws.normal()).exp();
            sight(cell, round, value)
        };
        sights.extend((0..12).map(visit));
    }
    Seeing { scale: Scale::Log, kind: 0, sights }
}

fn interval(main: &MainEffect) -> Interval {
    main.effect.unwrap().interval.unwrap()
}

#[test]
fn effects_are_found_where_a_slow_round_is_slow_for_all() {
    let found = effects(&space(), &[seen(truth, 3, 0.01, 5)], 0.95);
    assert!(!found.modelled);
    let steps: Vec<(usize, u16, u16)> =
        found.main.iter().map(|main| (main.step.axis, main.step.from, main.step.to)).collect();
    assert_eq!(steps, [(0, 0, 1), (1, 0, 1), (1, 0, 2), (2, 0, 1)]);
    let word = (4.0_f64 / 3.0).ln() + 0.8_f64.ln() / 2.0;
    let wanted = [word, 2.0_f64.ln(), 4.0_f64.ln(), 0.8_f64.ln() / 2.0];
    for (main, wanted) in found.main.iter().zip(wanted) {
        assert!((main.effect.unwrap().mean - wanted).abs() < 0.03, "{main:?} {wanted}");
        assert!(interval(main).contains(wanted) && main.effect.unwrap().matters(), "{main:?}");
    }
    let sets: Vec<usize> = found.main.iter().map(|main| main.sets).collect();
    assert_eq!(sets, [6, 4, 4, 6]);
    let [both] = &found.interactions[..] else { panic!("{:?}", found.interactions) };
    assert_eq!((both.step.axis, both.by.axis), (0, 2));
    assert!((both.before - (4.0_f64 / 3.0).ln()).abs() < 0.05, "{both:?}");
    assert!((both.change.mean - 0.8_f64.ln()).abs() < 0.05, "{both:?}");
}

#[test]
fn of_equal_cells_no_knob_matters() {
    let mut none = 0;
    for seed in 0..40 {
        for (rounds, noise) in [(3, 0.05), (1, 0.02), (2, 0.2)] {
            let figures =
                [seen(|_| 0.0, rounds, noise, seed), seen(|_| 1.0, rounds, noise, seed + 100)];
            let found = effects(&space(), &figures, 0.95);
            none += u32::from(found.main.iter().all(|main| !main.effect.unwrap().matters()));
        }
    }
    assert!(none >= 114, "{none} of 120");
}

#[test]
fn one_round_rests_on_the_spread_between_sets() {
    let found = effects(&space(), &[seen(truth, 1, 0.01, 3)], 0.95);
    assert!(found.main.iter().all(|main| main.effect.unwrap().basis == EffectBasis::Sets));
    // What depends on another axis differs from set to set.
    let width = |at: usize| interval(&found.main[at]).high - interval(&found.main[at]).low;
    assert!(width(0) > 2.0 * width(1), "{} {}", width(0), width(1));
    assert!(found.main[1].effect.unwrap().matters());
}

#[test]
fn cells_that_are_missing_leave_the_others_matched() {
    let mut figure = seen(truth, 3, 0.01, 7);
    // One cell failed, and another came to its end in one round.
    figure.sights.retain(|sight| sight.cell != 3 && (sight.cell != 8 || sight.round == 2));
    let found = effects(&space(), &[figure], 0.95);
    let sets: Vec<usize> = found.main.iter().map(|main| main.sets).collect();
    assert!(!found.modelled);
    assert_eq!(sets, [5, 3, 4, 5]);
    assert!((found.main[1].effect.unwrap().mean - 2.0_f64.ln()).abs() < 0.03);
}

#[test]
fn what_cannot_be_compared_has_no_effect() {
    // The two words go with different flags: no two cells are equal but for one.
    let axes = vec![Axis::Choice(2), Axis::Choice(2)];
    let cells = vec![vec![0, 0].into(), vec![1, 1].into()];
    let diagonal = Space::new(axes, cells, vec![0; 2]);
    let sights = vec![sight(0, 1, 1.0), sight(1, 1, 2.0)];
    let found = effects(&diagonal, &[Seeing { scale: Scale::Plain, kind: 0, sights }], 0.95);
    assert!(found.main.iter().all(|main| main.effect.is_none() && main.sets == 0));
    assert!(found.interactions.is_empty() && !found.modelled);
    // A figure that no visit has.
    let none = Seeing { scale: Scale::Log, kind: 0, sights: Vec::new() };
    assert!(effects(&space(), &[none], 0.95).main.iter().all(|main| main.effect.is_none()));
    assert!(effects(&space(), &[], 0.95).main.is_empty());
    // A value of 0 has no logarithm that says anything.
    for nothing in [0.0, f64::NAN, f64::INFINITY] {
        let sights = vec![sight(0, 1, nothing), sight(1, 1, 2.0)];
        let found = effects(&space(), &[Seeing { scale: Scale::Log, kind: 0, sights }], 0.95);
        assert!(found.main.iter().all(|main| main.effect.is_none()), "{nothing}");
    }
}

/// A search for the highest of a figure among 10 x 10 x 3 cells, by its logarithm at each level of the axes: what effects it tells of, with
/// the visited cells.
fn searched(
    truth: impl Fn(&[u16]) -> f64,
    visits: usize,
    noise: f64,
    seed: u64,
) -> (Effects, Vec<Box<[u16]>>) {
    let powers: Vec<f64> = (0..10).map(|at| 2.0_f64.powi(at)).collect();
    let axes = vec![Axis::ordered(&powers), Axis::ordered(&powers), Axis::Choice(3)];
    let cells: Vec<Box<[u16]>> =
        (0..300_u16).map(|at| [at % 10, at / 10 % 10, at / 100].into()).collect();
    let all = Space::new(axes.clone(), cells.clone(), vec![0; 300]);
    let figure = Figure { scale: Scale::Log, aim: Some(Better::Higher), bound: None };
    let aims = Aims::new(vec![figure]);
    let mut states = vec![CellState { made: Vec::new(), standing: Standing::Open }; 300];
    let (mut told, mut visited): (Vec<Told>, Vec<Box<[u16]>>) = (Vec::new(), Vec::new());
    let mut sights = Vec::new();
    let mut draws = Noise::new(seed);
    let policy =
        SearchPolicy { method: Method::Bayes, trials: None, is_timed: false, prunes: false, seed };
    for _ in 0..visits {
        let search =
            Search { space: &all, aims: &aims, earlier: &[], told: &told, pending: &[], policy };
        let Some(visit) = search.next(&states).pop() else { break };
        states[visit.cell].made.push(visit.repeat);
        let cell = &cells[visit.cell];
        let value = (truth(cell) + noise * draws.normal()).exp();
        let readings = vec![Some(Reading { value, variance: 0.0 })];
        told.push(Told {
            cell: visit.cell,
            readings,
            failed: false,
            rejected: false,
            short: None,
            wall_s: 1.0,
        });
        let known = visited.iter().position(|known| known == cell);
        let at = known.unwrap_or_else(|| {
            visited.push(cell.clone());
            visited.len() - 1
        });
        sights.push(sight(at, visit.repeat, value));
    }
    let of_visited = Space::new(axes, visited.clone(), vec![0; visited.len()]);
    (effects(&of_visited, &[Seeing { scale: Scale::Log, kind: 0, sights }], 0.95), visited)
}

#[test]
fn a_search_of_equal_cells_says_that_no_knob_matters() {
    let none = |seed: &u64| {
        let (found, _) = searched(|_| 0.0, 24, 0.05, *seed);
        assert!(found.modelled);
        found.main.iter().all(|main| !main.effect.unwrap().matters())
    };
    // One of twenty may be wrong; `cargo bench --bench search -- effects` plays two hundred.
    assert!((0..8).filter(none).count() >= 7);
}

#[test]
fn a_search_tells_the_knobs_that_matter_by_its_model() {
    let truth = |cell: &[u16]| 0.1 * f64::from(cell[0]) + [0.0, -0.5, 0.0][usize::from(cell[2])];
    let (found, visited) = searched(truth, 30, 0.02, 1);
    assert!(found.modelled && visited.len() < 31);
    for main in &found.main {
        let Step { axis, from, to } = main.step;
        let wanted = match axis {
            0 => 0.1 * f64::from(to - from),
            1 => 0.0,
            _ => [0.0, -0.5, 0.0][usize::from(to)],
        };
        let effect = main.effect.unwrap();
        assert_eq!((effect.basis, main.sets), (EffectBasis::Model, 0));
        assert!((effect.mean - wanted).abs() < 0.05, "{main:?}: {wanted}");
        if axis == 0 && to == 9 {
            assert!(effect.matters(), "{main:?}");
        }
    }
}
