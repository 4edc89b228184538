//! The search on surfaces whose truth is known.

use std::collections::BTreeMap;

use super::*;
use crate::schedule::{CellState, Policy as _, Standing};
use crate::stats::Better;
use crate::stats::testing::Noise;

/// Widths, batch sizes and one of three kinds: 10 x 10 x 3 cells.
fn space() -> Space {
    let powers: Vec<f64> = (0..10).map(|at| 2.0_f64.powi(at)).collect();
    let axes = vec![Axis::ordered(&powers), Axis::ordered(&powers), Axis::Choice(3)];
    let cell = |at: u16| vec![at % 10, at / 10 % 10, at / 100].into_boxed_slice();
    Space::new(axes, (0..300).map(cell).collect(), vec![0; 300])
}

/// Where a cell lies on its axes.
fn levels(cell: usize) -> (f64, f64, usize) {
    ((cell % 10) as f64, (cell / 10 % 10) as f64, cell / 100)
}

/// Rate and memory of a cell without noise: the rate is best at a width of 2^6 and a batch of 2^7 of kind 1, memory grows.
fn truth(cell: usize) -> (f64, f64) {
    let (width, batch, kind) = levels(cell);
    let off = (width - 6.0).powi(2) / 30.0 + (batch - 7.0).powi(2) / 40.0;
    let kind = [0.8, 1.0, 0.6][kind];
    (1000.0 * kind * (-off).exp(), 100.0 + 2.0_f64.powf(width + batch) / 64.0)
}

fn aims(bound: Option<Bound>, front: bool) -> Aims {
    let rate = Figure { scale: Scale::Log, aim: Some(Better::Higher), bound: None };
    let memory = Figure { scale: Scale::Log, aim: front.then_some(Better::Lower), bound };
    Aims::new(vec![rate, memory])
}

const fn policy(seed: u64) -> SearchPolicy {
    SearchPolicy { method: Method::Bayes, trials: None, is_timed: false, prunes: false, seed }
}

fn open(cells: usize) -> Vec<CellState> {
    vec![CellState { made: Vec::new(), standing: Standing::Open }; cells]
}

/// So many visits that are asked for while none of them has said anything.
fn batch(search: Search<'_>, states: &[CellState], most: usize) -> Vec<usize> {
    let mut pending = search.pending.to_vec();
    let before = pending.len();
    while pending.len() < before + most {
        let Some(visit) = (Search { pending: &pending, ..search }).next(states).first().copied()
        else {
            break;
        };
        pending.push(visit.cell);
    }
    pending.split_off(before)
}

/// So many visits, each with this noise; what they told, and what is recommended.
fn searched(aims: &Aims, visits: usize, noise: f64, seed: u64) -> (Vec<Told>, Vec<usize>) {
    searched_in_batches(aims, (visits, 1), noise, seed)
}

/// The same with so many visits asked for at once.
fn searched_in_batches(
    aims: &Aims,
    (visits, at_once): (usize, usize),
    noise: f64,
    seed: u64,
) -> (Vec<Told>, Vec<usize>) {
    let (space, policy) = (space(), policy(seed));
    let mut states = open(space.len());
    let mut told = Vec::new();
    let mut draws = Noise::new(seed + 1);
    while told.len() < visits {
        let search =
            Search { space: &space, aims, earlier: &[], told: &told, pending: &[], policy };
        let cells = batch(search, &states, at_once.min(visits - told.len()));
        assert!(!cells.is_empty());
        for cell in cells {
            let next = states[cell].made.len() + 1;
            states[cell].made.push(next.try_into().unwrap());
            let (rate, memory) = truth(cell);
            let mut reading = |value: f64| {
                let value = value * (noise * draws.normal()).exp();
                Some(Reading { value, variance: 0.0 })
            };
            let readings = vec![reading(rate), reading(memory)];
            told.push(Told {
                cell,
                readings,
                failed: false,
                rejected: false,
                short: None,
                wall_s: 1.0,
            });
        }
    }
    let search = Search { space: &space, aims, earlier: &[], told: &told, pending: &[], policy };
    let recommended = search.recommended();
    (told, recommended)
}

#[test]
fn a_search_in_batches_finds_what_there_is() {
    let best = (0..300).map(|cell| truth(cell).0).fold(0.0, f64::max);
    for seed in 0..3 {
        let (_, recommended) = searched_in_batches(&aims(None, false), (32, 4), 0.02, seed);
        assert!(truth(recommended[0]).0 > 0.95 * best, "{seed}: {recommended:?}");
        let (_, recommended) = searched_in_batches(&aims(None, true), (40, 4), 0.02, seed);
        assert!(recommended.len() > 3, "{seed}: {recommended:?}");
    }
}

#[test]
fn one_best_cell_is_found_in_a_tenth_of_the_visits() {
    let best = (0..300).map(|cell| truth(cell).0).fold(0.0, f64::max);
    for seed in 0..5 {
        let (told, recommended) = searched(&aims(None, false), 30, 0.02, seed);
        assert_eq!(recommended.len(), 1);
        assert!(truth(recommended[0]).0 > 0.95 * best, "{seed}: {recommended:?}");
        assert!(told.iter().any(|told| told.cell == recommended[0]), "it was measured");
    }
}

#[test]
fn what_is_recommended_keeps_its_limit_though_visits_are_noisy() {
    let limit = 140.0;
    let kept = (0..300).filter(|cell| truth(*cell).1 <= limit);
    let best = kept.map(|cell| truth(cell).0).fold(0.0, f64::max);
    let mut broken = 0;
    for seed in 0..20 {
        let aims = aims(Some(Bound::AtMost(limit)), false);
        let (_, recommended) = searched(&aims, 30, 0.1, seed);
        let cell = *recommended.first().expect("some cell keeps it");
        broken += usize::from(truth(cell).1 > 1.02 * limit);
        assert!(truth(cell).0 > 0.6 * best, "{seed}: {:?} of {best}", truth(cell));
    }
    assert!(broken <= 1, "{broken} of 20");
}

#[test]
fn a_front_of_two_objectives_is_found() {
    let (_, recommended) = searched(&aims(None, true), 40, 0.02, 3);
    assert!(recommended.len() > 3, "{recommended:?}");
    // From small to fast.
    let rates = recommended.iter().map(|cell| truth(*cell).0);
    let memory = recommended.iter().map(|cell| truth(*cell).1);
    assert!(rates.fold(0.0, f64::max) > 900.0);
    assert!(memory.fold(f64::INFINITY, f64::min) < 110.0);
}

#[test]
fn the_same_visits_lead_to_the_same_next_one() {
    let aims = aims(Some(Bound::AtLeast(120.0)), true);
    let (told, recommended) = searched(&aims, 20, 0.05, 7);
    assert_eq!((told, recommended), searched(&aims, 20, 0.05, 7));
    assert_ne!(searched(&aims, 20, 0.05, 7).0, searched(&aims, 20, 0.05, 8).0);
}

#[test]
fn closed_cells_are_not_visited_and_none_is_left_in_the_end() {
    let (space, aims) = (space(), aims(None, false));
    let mut states = open(300);
    for (cell, state) in states.iter_mut().enumerate() {
        if cell != 17 && cell != 250 {
            state.standing = Standing::Settled;
        }
    }
    let search = Search {
        space: &space,
        aims: &aims,
        earlier: &[],
        told: &[],
        pending: &[],
        policy: policy(1),
    };
    let first = search.next(&states)[0].cell;
    assert!([17, 250].contains(&first));
    states[first].standing = Standing::Failed;
    assert_ne!(search.next(&states)[0].cell, first);
    states[267 - first].standing = Standing::Settled;
    assert!(search.next(&states).is_empty());
    assert!(search.recommended().is_empty());
}

#[test]
fn what_is_known_from_the_start_is_visited_once_more_before_it_is_recommended() {
    let (space, aims) = (space(), aims(None, false));
    let of = |cell: usize, factor: f64| {
        let (rate, memory) = truth(cell);
        let readings = [rate * factor, memory].map(|value| Some(Reading { value, variance: 0.0 }));
        let readings = readings.to_vec();
        Told { cell, readings, failed: false, rejected: false, short: None, wall_s: 1.0 }
    };
    // Every third cell.
    let earlier: Vec<Told> = (0..300).step_by(3).map(|cell| of(cell, 1.0)).collect();
    let mut states = open(300);
    let mut told = Vec::new();
    loop {
        let (earlier, told_by_now) = (&earlier[..], &told[..]);
        let policy = policy(1);
        let search =
            Search { space: &space, aims: &aims, earlier, told: told_by_now, pending: &[], policy };
        let visited: Vec<usize> = told.iter().map(|told: &Told| told.cell).collect();
        let found = search.recommended();
        assert!(found.iter().all(|cell| visited.contains(cell)), "{found:?} of {visited:?}");
        let Some(visit) = search.next(&states).pop() else {
            let best = (0..300).map(|cell| truth(cell).0).fold(0.0, f64::max);
            assert!(truth(found[0]).0 > 0.99 * best && visited.len() <= 8, "{found:?} {visited:?}");
            break;
        };
        states[visit.cell].made.push(visit.repeat);
        told.push(of(visit.cell, 1.01));
    }
}

#[test]
fn where_visits_fail_few_more_are_made() {
    let (space, aims) = (space(), aims(None, false));
    let mut states = open(300);
    let mut told: Vec<Told> = Vec::new();
    for _ in 0..40 {
        let search = Search {
            space: &space,
            aims: &aims,
            earlier: &[],
            told: &told,
            pending: &[],
            policy: policy(2),
        };
        let Some(cell) = search.next(&states).first().map(|visit| visit.cell) else { break };
        states[cell].made.push(1);
        let (width, batch, _) = levels(cell);
        // Out of memory near the fastest cells.
        let failed = width + batch > 12.0;
        let reading = (!failed).then(|| Reading { value: truth(cell).0, variance: 0.0 });
        let memory = (!failed).then(|| Reading { value: truth(cell).1, variance: 0.0 });
        if failed {
            states[cell].standing = Standing::Failed;
        }
        told.push(Told {
            cell,
            readings: vec![reading, memory],
            failed,
            rejected: false,
            short: None,
            wall_s: 1.0,
        });
    }
    let late = told.len().min(20);
    let failed = told[late..].iter().filter(|told| told.failed).count();
    assert!(failed <= 10, "{failed} of the last 20");
    let search = Search {
        space: &space,
        aims: &aims,
        earlier: &[],
        told: &told,
        pending: &[],
        policy: policy(2),
    };
    let cell = search.recommended()[0];
    let (width, batch, _) = levels(cell);
    assert!(width + batch <= 12.0 && truth(cell).0 > 800.0, "{width} {batch} {:?}", truth(cell));
}

#[test]
fn a_cell_keeps_its_own_limits_and_no_others() {
    // Kind 1 may use little memory, the others as much as they like: what is best of kind 1 is not, and kind 0 is next.
    let mut aims = aims(None, false);
    for cell in 100..200 {
        aims.limit(cell, vec![None, Some(Bound::AtMost(102.0))]);
    }
    for seed in 0..3 {
        let (_, recommended) = searched(&aims, 40, 0.02, seed);
        assert_eq!(recommended.len(), 1);
        let (_, _, kind) = levels(recommended[0]);
        let (rate, memory) = truth(recommended[0]);
        assert!(kind == 0 || memory < 104.0, "{seed}: {recommended:?}");
        assert!(rate > 0.9 * 800.0, "{seed}: {rate}");
    }
    // What nobody has seen is not kept for certain, and is not asked of a cell without the limit.
    let space = space();
    let reading = |value: f64| Some(Reading { value, variance: 0.0 });
    let visit = |cell: usize, rate: f64| Told {
        cell,
        readings: vec![reading(rate), None],
        failed: false,
        rejected: false,
        short: None,
        wall_s: 1.0,
    };
    let told = [visit(3, 10.0), visit(105, 20.0), visit(210, 5.0)];
    let search = Search {
        space: &space,
        aims: &aims,
        earlier: &[],
        told: &told,
        pending: &[],
        policy: policy(1),
    };
    assert_eq!(search.recommended(), [3]);
}

#[test]
fn what_is_known_to_be_low_is_neither_missing_nor_as_high_as_it_may_be() {
    let space = space();
    let aims =
        Aims::new(vec![Figure { scale: Scale::Plain, aim: Some(Better::Higher), bound: None }]);
    let visit = |cell: usize, value: Option<f64>, most: Option<f64>| Told {
        cell,
        readings: vec![value.map(|value| Reading { value, variance: 0.0 })],
        failed: false,
        rejected: false,
        short: most.map(|most| Short { figure: 0, most }),
        wall_s: 1.0,
    };
    let row = |at: usize| 155 + 10 * at;
    let mut told: Vec<Told> =
        (0..4).map(|at| visit(row(at), Some([0.90, 0.92, 0.91, 0.89][at]), None)).collect();
    told.extend((0..10).map(|at| visit(100 + at, Some(0.5 + 0.04 * at as f64), None)));
    let believed = |told: &[Told], cell: usize| {
        let search = Search {
            space: &space,
            aims: &aims,
            earlier: &[],
            told,
            pending: &[],
            policy: policy(1),
        };
        let mut model = search.model().unwrap();
        model.learn(&[cell]);
        model.belief(cell, 0)
    };
    let before = believed(&told, 265);
    let mut below = told.clone();
    below.push(visit(265, None, Some(before.mean - before.variance.sqrt())));
    let after = believed(&below, 265);
    let deviation = before.variance.sqrt();
    assert!(after.mean < before.mean - 0.7 * deviation, "{before:?} {after:?}");
    assert!(after.mean > before.mean - 3.0 * deviation && after.variance < before.variance);
    // What is far above what is believed says nothing.
    let mut above = told.clone();
    above.push(visit(265, None, Some(before.mean + 6.0 * deviation)));
    let same = believed(&above, 265);
    assert!((same.mean - before.mean).abs() < 1e-3 * deviation, "{before:?} {same:?}");
    // The least bound counts, and none beside a reading; and it is not recommended.
    let mut both = below.clone();
    both.push(visit(265, Some(0.8), None));
    assert!((believed(&both, 265).mean - 0.8).abs() < 0.05);
    let low = [visit(265, None, Some(0.99))];
    let told = [&told[..1], &low].concat();
    let search = Search {
        space: &space,
        aims: &aims,
        earlier: &[],
        told: &told,
        pending: &[],
        policy: policy(1),
    };
    assert_eq!(search.recommended(), [155]);
    // The bar of another visit is below what its cell is believed to have.
    let bars = search.bars(0, 3);
    assert!(bars.len() == 1 && bars[0].cell == 155 && bars[0].besides.is_empty());
    assert!(bars[0].least < 0.9 && search.bars(0, 3) == bars);
}

#[test]
fn the_bars_of_a_front_count_where_nothing_else_is_better() {
    let (space, aims) = (space(), aims(None, true));
    let told: Vec<Told> = [(155, 100.0, 10.0), (165, 50.0, 5.0), (175, 40.0, 20.0)]
        .map(|(cell, rate, memory)| Told {
            cell,
            readings: [rate, memory].map(|value| Some(Reading { value, variance: 0.0 })).to_vec(),
            failed: false,
            rejected: false,
            short: None,
            wall_s: 1.0,
        })
        .to_vec();
    let search = Search {
        space: &space,
        aims: &aims,
        earlier: &[],
        told: &told,
        pending: &[],
        policy: policy(1),
    };
    let bars = search.bars(0, 3);
    let cells: Vec<usize> = bars.iter().map(|bar| bar.cell).collect();
    assert_eq!(cells, search.recommended());
    for bar in bars {
        let [(1, Bound::AtMost(most))] = bar.besides[..] else { panic!("{bar:?}") };
        let own = told.iter().find(|told| told.cell == bar.cell).unwrap();
        let [rate, memory] = [0, 1].map(|at| own.readings[at].unwrap().value);
        assert!(bar.least < rate && most > memory, "{bar:?}");
    }
    assert!(search.bars(1, 3).is_empty(), "memory is the better the lower it is");
}

#[test]
fn groups_have_a_front_each() {
    // Two data sets, the second ten times slower: none of its cells is beaten by one of the first.
    let powers: Vec<f64> = (0..10).map(|at| 2.0_f64.powi(at)).collect();
    let axes = vec![Axis::ordered(&powers), Axis::Choice(2)];
    let cell = |at: u16| vec![at % 10, at / 10].into_boxed_slice();
    let groups = (0..20).map(|at| at / 10).collect();
    let space = Space::new(axes, (0..20).map(cell).collect(), groups);
    let aims =
        Aims::new(vec![Figure { scale: Scale::Log, aim: Some(Better::Higher), bound: None }]);
    let rate = |cell: usize| {
        let slower = if cell < 10 { 1.0 } else { 0.1 };
        slower * (-(cell as f64 % 10.0 - 6.0).powi(2) / 20.0).exp()
    };
    let mut states = open(20);
    let mut told: Vec<Told> = Vec::new();
    for _ in 0..16 {
        let search = Search {
            space: &space,
            aims: &aims,
            earlier: &[],
            told: &told,
            pending: &[],
            policy: policy(5),
        };
        let Some(cell) = search.next(&states).first().map(|visit| visit.cell) else { break };
        let repeat = states[cell].next();
        states[cell].made.push(repeat);
        let readings = vec![Some(Reading { value: rate(cell), variance: 0.0 })];
        told.push(Told {
            cell,
            readings,
            failed: false,
            rejected: false,
            short: None,
            wall_s: 1.0,
        });
    }
    let found = Search {
        space: &space,
        aims: &aims,
        earlier: &[],
        told: &told,
        pending: &[],
        policy: policy(5),
    }
    .recommended();
    let mut best: BTreeMap<usize, usize> = BTreeMap::new();
    for cell in found {
        assert!(best.insert(cell / 10, cell % 10).is_none(), "one of each");
    }
    assert_eq!(best.len(), 2);
    assert!(best.values().all(|place| (5..=7).contains(place)), "{best:?}");
}

/// The levels of one axis from 1 to 2^(levels - 1), played with this policy: what is said of a visit to a level, and how often it
/// was visited before. The levels that were visited, and what is recommended.
fn climbed(
    levels: u16,
    policy: SearchPolicy,
    mut says: impl FnMut(usize, usize) -> (f64, bool),
) -> (Vec<usize>, Vec<usize>) {
    let powers: Vec<f64> = (0..levels).map(|at| 2.0_f64.powi(i32::from(at))).collect();
    let cells = (0..levels).map(|at| vec![at].into_boxed_slice()).collect();
    let space = Space::new(vec![Axis::ordered(&powers)], cells, vec![0; levels.into()]);
    let rate = Figure { scale: Scale::Log, aim: Some(Better::Higher), bound: None };
    let aims = Aims::new(vec![rate]);
    let mut states = open(levels.into());
    let mut told: Vec<Told> = Vec::new();
    loop {
        let search =
            Search { space: &space, aims: &aims, earlier: &[], told: &told, pending: &[], policy };
        let Some(visit) = search.next(&states).pop() else {
            return (told.iter().map(|told| told.cell).collect(), search.recommended());
        };
        let made = &mut states[visit.cell].made;
        let (rate, failed) = says(visit.cell, made.len());
        made.push(visit.repeat);
        let readings = vec![(!failed).then_some(Reading { value: rate, variance: 0.0 })];
        told.push(Told {
            cell: visit.cell,
            readings,
            failed,
            rejected: false,
            short: None,
            wall_s: 1.0,
        });
    }
}

#[test]
fn a_single_axis_is_climbed_and_the_least_of_the_best_levels_is_recommended() {
    for seed in 0..5 {
        let mut draws = Noise::new(seed + 1);
        let policy = SearchPolicy { trials: Some(40), ..policy(seed) };
        // The rate saturates at 2^6; 2^11 does not fit into memory.
        let (visited, recommended) = climbed(13, policy, |level, _| {
            let size = 2.0_f64.powi(i32::try_from(level).unwrap());
            (1000.0 * size / (size + 3.0) * (0.02 * draws.normal()).exp(), level >= 11)
        });
        assert_eq!(visited[..12], [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11], "from below");
        assert!(visited.iter().all(|level| *level <= 11), "{visited:?}");
        assert!((6..=8).contains(&recommended[0]), "{seed}: {recommended:?} of {visited:?}");
    }
}

#[test]
fn an_axis_whose_low_end_breaks_a_limit_is_climbed_all_the_same() {
    let policy = SearchPolicy { trials: Some(20), ..policy(1) };
    let (visited, recommended) = climbed(8, policy, |level, _| ((level + 1) as f64, level < 2));
    assert!(visited.contains(&7) && recommended == [7], "{visited:?} {recommended:?}");
}

#[test]
fn a_search_in_which_all_fails_is_given_up() {
    let (visited, recommended) = climbed(13, policy(1), |_, _| (1.0, true));
    assert!(visited.len() <= 8 && recommended.is_empty(), "{visited:?}");
}

#[test]
fn the_better_half_is_visited_again() {
    let policy = SearchPolicy { method: Method::Halving, trials: Some(16), ..policy(3) };
    let (visited, recommended) = climbed(13, policy, |level, _| ((level + 1) as f64, false));
    assert_eq!(visited.len(), 8 + 4 + 2 + 1, "{visited:?}");
    let best = visited[..8].iter().max().unwrap();
    assert_eq!((visited.last().unwrap(), &recommended[..]), (best, &[*best][..]));
    for (again, of) in [(&visited[8..12], &visited[..8]), (&visited[12..14], &visited[8..12])] {
        let worst = again.iter().min().unwrap();
        assert!(of.iter().filter(|level| !again.contains(level)).all(|level| level < worst));
    }
}

#[test]
fn where_time_counts_cheap_cells_are_visited() {
    let (space, aims) = (space(), aims(None, false));
    let dear = |is_timed: bool| {
        let mut states = open(300);
        let mut told: Vec<Told> = Vec::new();
        for _ in 0..30 {
            let policy = SearchPolicy { is_timed, ..policy(4) };
            let search = Search {
                space: &space,
                aims: &aims,
                earlier: &[],
                told: &told,
                pending: &[],
                policy,
            };
            let Some(cell) = search.next(&states).first().map(|visit| visit.cell) else { break };
            states[cell].made.push(1);
            let (rate, memory) = truth(cell);
            let readings = [rate, memory].map(|value| Some(Reading { value, variance: 0.0 }));
            // Wide models take long, whatever they are worth.
            let wall_s = 4.0_f64.powf(levels(cell).0);
            told.push(Told {
                cell,
                readings: readings.to_vec(),
                failed: false,
                rejected: false,
                short: None,
                wall_s,
            });
        }
        told.iter().map(|told| told.wall_s).sum::<f64>()
    };
    assert!(dear(true) < 0.7 * dear(false), "{} {}", dear(true), dear(false));
}

#[test]
fn numbers_that_span_factors_are_ordered_by_their_logarithms() {
    assert_eq!(Axis::ordered(&[1.0, 10.0, 100.0]), Axis::Ordered(vec![0.0, 0.5, 1.0]));
    assert_eq!(Axis::ordered(&[0.0, 1.0, 2.0]), Axis::Ordered(vec![0.0, 0.5, 1.0]));
    assert_eq!(Axis::ordered(&[1.0, 2.0, 3.0]), Axis::Ordered(vec![0.0, 0.5, 1.0]));
    assert_eq!(Axis::ordered(&[3.0]), Axis::Ordered(vec![0.0]));
}

#[test]
fn neighbours_differ_in_one_axis_and_exist() {
    let axes = vec![Axis::ordered(&[1.0, 2.0]), Axis::Choice(2)];
    // The second axis applies to one level of the first alone.
    let cells = vec![vec![0, UNSET].into(), vec![1, 0].into(), vec![1, 1].into()];
    let space = Space::new(axes, cells, vec![0; 3]);
    assert_eq!(space.neighbours(0), Vec::<usize>::new());
    assert_eq!(space.neighbours(1), [2]);
}

#[test]
fn visits_of_a_batch_are_of_other_cells_and_keep_to_the_trials() {
    let (space, aims) = (space(), aims(None, true));
    for method in [Method::Bayes, Method::Random, Method::Halving] {
        for (visits, trials, expected) in [(0, 40, 4), (6, 40, 4), (20, 40, 4), (18, 20, 2)] {
            let policy = SearchPolicy { method, trials: Some(trials), ..policy(3) };
            let mut states = open(space.len());
            let mut told = Vec::new();
            for _ in 0..visits {
                let search = Search {
                    space: &space,
                    aims: &aims,
                    earlier: &[],
                    told: &told,
                    pending: &[],
                    policy,
                };
                let visit = search.next(&states)[0];
                states[visit.cell].made.push(visit.repeat);
                let (rate, memory) = truth(visit.cell);
                let readings = [rate, memory].map(|value| Some(Reading { value, variance: 0.0 }));
                told.push(Told {
                    cell: visit.cell,
                    readings: readings.into(),
                    failed: false,
                    rejected: false,
                    short: None,
                    wall_s: 1.0,
                });
            }
            let search = Search {
                space: &space,
                aims: &aims,
                earlier: &[],
                told: &told,
                pending: &[],
                policy,
            };
            let cells = batch(search, &states, 4);
            let distinct: std::collections::BTreeSet<&usize> = cells.iter().collect();
            // Of halving the rest of a rung is all that can be asked for.
            let is_enough = cells.len() == expected || method == Method::Halving;
            assert!(is_enough && distinct.len() == cells.len(), "{method:?} {visits}: {cells:?}");
            // It follows from what was told.
            assert_eq!(batch(search, &states, 4), cells);
            // What is under way is supposed, and nothing is recommended for it.
            let supposed = Search { pending: &cells, ..search };
            assert_eq!(supposed.recommended(), search.recommended());
        }
    }
}

#[test]
fn a_rung_of_halving_is_whole_before_the_next_one_begins() {
    let (space, aims) = (space(), aims(None, false));
    let policy = SearchPolicy { method: Method::Halving, trials: Some(8), ..policy(1) };
    let search =
        Search { space: &space, aims: &aims, earlier: &[], told: &[], pending: &[], policy };
    assert_eq!(batch(search, &open(space.len()), 8).len(), 4);
}
