//! Is a training ever ended that would have decided something? Searches among recorded learning curves, with and without ends.
//!
//! `search -- curves` plays the real search on `recordings/curves.csv.gz`: each trial is a recorded training, which ends as
//! `[stop] patience` says, or where `control::Curve` says that it cannot reach the bars of `Search::bars`. *Above*: trainings that
//! were ended and would have reached their bar; *best*: that would have been the best of the search, or on its front.
//! `RUNS` (20) searches of `TRIALS` (40) trials each; `OFFSET`: other seeds.

use std::collections::BTreeMap;
use std::io::Read as _;

use perftune::control::Curve;
use perftune::schedule::{CellState, Policy as _, Standing};
use perftune::search::{
    Aims, Axis, Bar, Bound, Figure, Method, Reading, Scale, Search, SearchPolicy, Short, Space,
    Told,
};
use perftune::stats::{Better, wilson};

/// `[stop] patience` and `min_delta`.
const PATIENCE: usize = 5;
const MIN_DELTA: f64 = 0.001;

/// The place of the accuracy among the figures; that of the rate is next.
const ACCURACY: usize = 0;

/// A recorded training.
struct Training {
    validation: Vec<f64>,
    validation_samples: u64,
    test: f64,
    test_samples: u64,
    rate: f64,
}

struct Table {
    name: String,
    space: Space,
    trainings: Vec<Training>,
}

fn tables(path: &str) -> Vec<Table> {
    let mut text = String::new();
    let file = std::fs::File::open(path).unwrap();
    flate2::read::GzDecoder::new(file).read_to_string(&mut text).unwrap();
    let mut rows: BTreeMap<String, Vec<Vec<&str>>> = BTreeMap::new();
    for line in text.lines().skip(1) {
        let fields: Vec<&str> = line.split(',').collect();
        rows.entry(format!("{}-{}", fields[0], fields[1])).or_default().push(fields);
    }
    rows.into_iter().map(|(name, rows)| table(name, &rows)).collect()
}

/// Optimizer, learning rate, batch size, width and depth; then the figures.
fn table(name: String, rows: &[Vec<&str>]) -> Table {
    let levels: Vec<Vec<&str>> = (2..7)
        .map(|at| {
            let mut values: Vec<&str> = rows.iter().map(|row| row[at]).collect();
            values.sort_by(|a, b| match (a.parse::<f64>(), b.parse::<f64>()) {
                (Ok(a), Ok(b)) => a.total_cmp(&b),
                _ => a.cmp(b),
            });
            values.dedup();
            values
        })
        .collect();
    let axis = |values: &Vec<&str>| {
        let numbers: Result<Vec<f64>, _> = values.iter().map(|value| value.parse()).collect();
        numbers.map_or(Axis::Choice(values.len()), |numbers| Axis::ordered(&numbers))
    };
    let cell = |row: &Vec<&str>| {
        let places = levels.iter().zip(2..).map(|(values, at)| {
            u16::try_from(values.iter().position(|value| *value == row[at]).unwrap()).unwrap()
        });
        places.collect()
    };
    let training = |row: &Vec<&str>| {
        let count = |at: usize| row[at].parse::<u64>().unwrap();
        let (validation_samples, test_samples) = (count(8), count(9));
        let share = |text: &str, of: u64| text.parse::<f64>().unwrap() / of as f64;
        Training {
            validation: row[12].split(' ').map(|text| share(text, validation_samples)).collect(),
            validation_samples,
            test: share(row[11], test_samples),
            test_samples,
            rate: row[10].parse().unwrap(),
        }
    };
    Table {
        space: Space::new(
            levels.iter().map(axis).collect(),
            rows.iter().map(cell).collect(),
            vec![0; rows.len()],
        ),
        trainings: rows.iter().map(training).collect(),
        name,
    }
}

impl Training {
    /// Epochs until its accuracy has stopped improving.
    fn trained_after(&self) -> usize {
        let (mut best, mut at) = (f64::NEG_INFINITY, 0);
        for (epoch, accuracy) in (1..).zip(&self.validation) {
            if *accuracy > best && *accuracy >= best + MIN_DELTA {
                (best, at) = (*accuracy, epoch);
            }
            if epoch - at >= PATIENCE {
                return epoch;
            }
        }
        self.validation.len()
    }

    /// What it can reach by what it has shown after so many epochs.
    fn most(&self, epochs: usize) -> Option<f64> {
        let so_far = &self.validation[..epochs];
        let curve = Curve {
            first: so_far[0],
            best: so_far.iter().copied().fold(0.0, f64::max),
            epochs: u32::try_from(epochs).unwrap(),
            budget: u32::try_from(self.validation.len()).unwrap(),
            samples: self.validation_samples,
        };
        curve.most()
    }

    /// The error that it can fall to over the error that it fell to, at the epoch where that is most: above 1 the bound was wrong.
    fn nearest(&self) -> f64 {
        let mosts = (1..self.validation.len()).filter_map(|epochs| self.most(epochs));
        mosts.map(|most| (1.0 - most) / (1.0 - self.test)).fold(0.0, f64::max)
    }

    /// After how many epochs one of these bars is out of its reach, and what it can reach.
    fn out_of_reach(&self, bars: &[Bar], until: usize) -> Option<(usize, f64)> {
        let is_behind = |bar: &Bar| {
            bar.besides.iter().all(|(_, bound)| match bound {
                Bound::AtLeast(least) => self.rate < *least,
                Bound::AtMost(most) => self.rate > *most,
            })
        };
        (2..until).find_map(|epochs| {
            let most = self.most(epochs)?;
            let short = bars.iter().any(|bar| most < bar.least && is_behind(bar));
            short.then_some((epochs, most))
        })
    }
}

/// What became of searches.
#[derive(Default)]
struct Tally {
    trials: usize,
    cut: usize,
    above: usize,
    best: usize,
    spent: usize,
    whole: usize,
    found: f64,
}

fn play(table: &Table, aims: &Aims, policy: SearchPolicy, trials: usize, tally: &mut Tally) {
    let count = table.trainings.len();
    let mut states = vec![CellState { made: Vec::new(), standing: Standing::Open }; count];
    let mut told: Vec<Told> = Vec::new();
    let mut cut = Vec::new();
    let is_front = aims.figures.len() > 1;
    while told.len() < trials {
        let search =
            Search { space: &table.space, aims, earlier: &[], told: &told, pending: &[], policy };
        let Some(cell) = search.next(&states).first().map(|visit| visit.cell) else { break };
        let training = &table.trainings[cell];
        let mut bars = if policy.prunes { search.bars(ACCURACY, cell) } else { Vec::new() };
        for bar in &mut bars {
            let own = &table.trainings[bar.cell];
            bar.least = bar.least.min(wilson(own.test, own.test_samples, 0.95).unwrap().low);
        }
        let whole = training.trained_after();
        let end = training.out_of_reach(&bars, whole);
        states[cell].made.push(1);
        states[cell].standing = Standing::Settled;
        let reading = |value| Some(Reading { value, variance: 0.0 });
        let mut readings = vec![reading(training.test).filter(|_| end.is_none())];
        readings.extend(is_front.then(|| reading(training.rate)));
        let short = end.map(|(_, most)| Short { figure: ACCURACY, most });
        told.push(Told { cell, readings, failed: false, rejected: false, short, wall_s: 1.0 });
        tally.whole += whole;
        tally.spent += end.map_or(whole, |(epochs, _)| epochs);
        if end.is_some() {
            cut.push(cell);
            tally.above += usize::from(bars.iter().all(|bar| training.test >= bar.least));
        }
    }
    let beats = |one: usize, other: usize| {
        let (one, other) = (&table.trainings[one], &table.trainings[other]);
        let by_rate = !is_front || one.rate > other.rate;
        one.test > other.test && by_rate
    };
    let is_best = |cell: &&usize| told.iter().all(|told| !beats(told.cell, **cell));
    tally.best += cut.iter().filter(is_best).count();
    tally.cut += cut.len();
    tally.trials += told.len();
    let search =
        Search { space: &table.space, aims, earlier: &[], told: &told, pending: &[], policy };
    let found = search.recommended().into_iter().map(|cell| table.trainings[cell].test);
    tally.found += found.fold(0.0, f64::max);
}

pub(crate) fn main() {
    let asked = |name: &str, default: usize| {
        std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
    };
    let (runs, trials, offset) = (asked("RUNS", 20), asked("TRIALS", 40), asked("OFFSET", 0));
    let path = std::env::var("CURVES").unwrap_or_else(|_| {
        concat!(env!("CARGO_MANIFEST_DIR"), "/benches/recordings/curves.csv.gz").to_owned()
    });
    println!(
        "table              aim     method   trials   ended  epochs saved  above  best  accuracy found (without ends)"
    );
    for table in tables(&path) {
        let nearest = table.trainings.iter().map(Training::nearest).fold(0.0, f64::max);
        println!(
            "{}: {} trainings, nearest to their bound {nearest:.2}",
            table.name,
            table.trainings.len()
        );
        let accuracy = Figure { scale: Scale::Logit, aim: Some(Better::Higher), bound: None };
        let rate = Figure { scale: Scale::Log, aim: Some(Better::Higher), bound: None };
        for (aim, figures) in [("best", vec![accuracy]), ("front", vec![accuracy, rate])] {
            let aims = Aims::new(figures);
            for (word, method) in [("random", Method::Random), ("bayes", Method::Bayes)] {
                let mut tallies = [Tally::default(), Tally::default()];
                for (tally, prunes) in tallies.iter_mut().zip([true, false]) {
                    for run in 0..runs {
                        let seed = (offset + run) as u64;
                        let policy =
                            SearchPolicy { method, trials: None, is_timed: false, prunes, seed };
                        play(&table, &aims, policy, trials, tally);
                    }
                }
                let [ended, whole] = tallies;
                println!(
                    "{:<18} {aim:<7} {word:<8} {:>6}  {:>5.1}%  {:>11.1}%  {:>5}  {:>4}  {:.4} ({:.4})",
                    table.name,
                    ended.trials,
                    100.0 * ended.cut as f64 / ended.trials as f64,
                    100.0 * (1.0 - ended.spent as f64 / ended.whole as f64),
                    ended.above,
                    ended.best,
                    ended.found / runs as f64,
                    whole.found / runs as f64,
                );
            }
        }
    }
}
