//! Does the search find what there is? Regret and hypervolume gap on tables of configurations whose figures are all known.
//!
//! `SEARCH_TABLES=FOLDER cargo bench --no-default-features --bench search`: tables `*.csv.gz` with a row a configuration, its
//! axes, `train_time_s@K` and `validation_accuracy@K` (or `validation_loss@K`) for each seed K, such as those of `HPOBench` and
//! `HPOLib`. Without a folder it says so and is done. An evaluation sees one seed; the truth is the mean over seeds.
//!
//! - `limit`: the best quality with a training time of at most the 20% quantile of all. Regret: (best - found) / (best - median)
//!   of those that keep the limit; 1 where what is recommended exceeds it by more than 2%, or nothing is.
//! - `front`: quality against the logarithm of the time. Gap: 1 - hypervolume of what is recommended over that of all, between
//!   the medians and the best.
//!
//! Beside it what the best of the visited cells would have left, had their truth been known: the rest is the search's and not the
//! recommendation's.
//!
//! `SEEDS` (10), `OFFSET` (other seeds), `EVALS` (64), `METHODS` (random, halving, bayes) and `BATCH` (1: so many are asked for
//! before any of them says anything) may be given. `ask` times one step over 60,000 cells;
//! `curves` asks whether a training is ended that would have decided something (see `search/curves.rs`); `effects` asks whether the intervals of effects hold (`OFFSET`: other seeds).
#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a benchmark prints and may panic"
)]
#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "counts far below the limits of their types"
)]

#[path = "common.rs"]
mod common;
#[path = "search/curves.rs"]
mod curves;
#[path = "search/effects.rs"]
mod effects;

use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::time::Instant;

use perftune::schedule::{CellState, Policy as _, Standing};
use perftune::search::{
    Aims, Axis, Bound, Figure, Method, Reading, Scale, Search, SearchPolicy, Space, Told,
};
use perftune::stats::{Better, Draw};

/// After how many evaluations is looked.
const MARKS: [usize; 3] = [16, 32, 64];

/// The tolerance of a limit in truth.
const TOLERANCE: f64 = 1.02;

struct Table {
    name: String,
    space: Space,
    /// Each configuration's figure for each seed.
    times: Vec<Vec<f64>>,
    qualities: Vec<Vec<f64>>,
    is_loss: bool,
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

fn quantile(values: &[f64], level: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let at = level * (sorted.len() - 1) as f64;
    let place = at as usize;
    let next = sorted[(place + 1).min(sorted.len() - 1)];
    sorted[place] + at.fract() * (next - sorted[place])
}

fn axis(values: &mut [String]) -> Axis {
    let number = |text: &String| text.parse::<f64>().ok();
    if values.iter().any(|value| number(value).is_none()) {
        return Axis::Choice(values.len());
    }
    values.sort_by(|a, b| number(a).unwrap().total_cmp(&number(b).unwrap()));
    let numbers: Vec<f64> = values.iter().map(|value| number(value).unwrap()).collect();
    Axis::ordered(&numbers)
}

fn read(path: &Path) -> Table {
    let mut text = String::new();
    let file = std::fs::File::open(path).unwrap();
    flate2::read::GzDecoder::new(file).read_to_string(&mut text).unwrap();
    let mut lines = text.lines().map(|line| line.split(',').collect::<Vec<&str>>());
    let header = lines.next().unwrap();
    let rows: Vec<Vec<&str>> = lines.collect();
    let of = |name: &str| -> Vec<usize> {
        (0..header.len()).filter(|at| header[*at].split('@').next() == Some(name)).collect()
    };
    let (times, losses, accuracies) =
        (of("train_time_s"), of("validation_loss"), of("validation_accuracy"));
    let is_figure = |at: &usize| header[*at].contains('@') || header[*at] == "parameters";
    let axes: Vec<usize> = (0..header.len()).filter(|at| !is_figure(at)).collect();
    let mut levels = Vec::new();
    let mut kinds = Vec::new();
    for at in &axes {
        let mut values: Vec<String> = rows.iter().map(|row| row[*at].to_owned()).collect();
        values.sort();
        values.dedup();
        kinds.push(axis(&mut values));
        levels.push(values);
    }
    let level = |(at, values): (&usize, &Vec<String>), row: &Vec<&str>| {
        u16::try_from(values.iter().position(|value| value == row[*at]).unwrap()).unwrap()
    };
    let cell = |row: &Vec<&str>| axes.iter().zip(&levels).map(|axis| level(axis, row)).collect();
    let cells: Vec<Box<[u16]>> = rows.iter().map(cell).collect();
    let groups = vec![0; cells.len()];
    let figures = |columns: &[usize]| -> Vec<Vec<f64>> {
        let of_row = |row: &Vec<&str>| columns.iter().map(|at| row[*at].parse().unwrap()).collect();
        rows.iter().map(of_row).collect()
    };
    let is_loss = accuracies.is_empty();
    Table {
        name: path.file_name().unwrap().to_string_lossy().replace(".csv.gz", ""),
        space: Space::new(kinds, cells, groups),
        times: figures(&times),
        qualities: figures(if is_loss { &losses } else { &accuracies }),
        is_loss,
    }
}

/// What a search is judged by.
struct Truth {
    times: Vec<f64>,
    qualities: Vec<f64>,
    limit: f64,
    /// Best and median quality of those that keep the limit.
    best: f64,
    median: f64,
    /// Ends of the scaled front: times, then qualities.
    fastest: f64,
    slow: f64,
    poor: f64,
    good: f64,
    volume: f64,
}

impl Truth {
    fn of(table: &Table) -> Self {
        let times: Vec<f64> = table.times.iter().map(|seeds| mean(seeds)).collect();
        let quality =
            |seeds: &Vec<f64>| if table.is_loss { -mean(seeds).log10() } else { mean(seeds) };
        let qualities: Vec<f64> = table.qualities.iter().map(quality).collect();
        let limit = quantile(&times, 0.2);
        let kept = times.iter().zip(&qualities).filter(|(time, _)| **time <= limit);
        let kept: Vec<f64> = kept.map(|(_, quality)| *quality).collect();
        let top = |values: &[f64]| values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let mut truth = Self {
            limit,
            best: top(&kept),
            median: quantile(&kept, 0.5),
            fastest: times.iter().copied().fold(f64::INFINITY, f64::min),
            slow: quantile(&times, 0.5),
            poor: quantile(&qualities, 0.5),
            good: top(&qualities),
            volume: 1.0,
            times,
            qualities,
        };
        let all: Vec<usize> = (0..truth.times.len()).collect();
        truth.volume = truth.covered(&all);
        truth
    }

    /// The area that these configurations cover, of a square of side 1.
    fn covered(&self, cells: &[usize]) -> f64 {
        let point = |cell: &usize| {
            let time = (self.slow / self.times[*cell]).ln() / (self.slow / self.fastest).ln();
            let quality = (self.qualities[*cell] - self.poor) / (self.good - self.poor);
            (time.clamp(0.0, 1.0), quality.clamp(0.0, 1.0))
        };
        let mut points: Vec<(f64, f64)> = cells.iter().map(point).collect();
        points.sort_by(|a, b| b.0.total_cmp(&a.0));
        let mut top = 0.0;
        let mut area = 0.0;
        for (time, quality) in points {
            area += time * (quality - top).max(0.0);
            top = quality.max(top);
        }
        area
    }

    /// How far from the best the best recommendation out of these is.
    fn least(&self, limited: bool, visited: &[usize]) -> f64 {
        if limited {
            visited.iter().map(|cell| self.miss(true, &[*cell]).0).fold(1.0, f64::min)
        } else {
            self.miss(false, visited).0
        }
    }

    /// How far from the best what is recommended is: 0 is perfect, 1 is nothing. And whether the limit is broken.
    fn miss(&self, limited: bool, recommended: &[usize]) -> (f64, bool) {
        if !limited {
            return (1.0 - self.covered(recommended) / self.volume, false);
        }
        match recommended.first() {
            None => (1.0, false),
            Some(cell) if self.times[*cell] > self.limit * TOLERANCE => (1.0, true),
            Some(cell) => {
                (((self.best - self.qualities[*cell]) / (self.best - self.median)).max(0.0), false)
            }
        }
    }
}

/// The two problems.
fn aims(limited: bool, table: &Table, truth: &Truth) -> Aims {
    let (scale, better) =
        if table.is_loss { (Scale::Log, Better::Lower) } else { (Scale::Logit, Better::Higher) };
    let time = Figure {
        scale: Scale::Log,
        aim: (!limited).then_some(Better::Lower),
        bound: limited.then_some(Bound::AtMost(truth.limit)),
    };
    Aims::new(vec![time, Figure { scale, aim: Some(better), bound: None }])
}

struct Judged {
    marks: Vec<Mark>,
    repeats: usize,
}

/// What is found after so many evaluations.
struct Mark {
    miss: f64,
    is_broken: bool,
    /// The miss of the best recommendation out of what was visited.
    least: f64,
}

/// A method by its word, with so many trials.
const fn policy(method: Method, trials: Option<u32>, seed: u64) -> SearchPolicy {
    SearchPolicy { method, trials, is_timed: false, prunes: false, seed }
}

fn method(word: &str) -> Method {
    match word {
        "random" => Method::Random,
        "halving" => Method::Halving,
        "bayes" => Method::Bayes,
        _ => panic!("METHODS: random, halving, bayes"),
    }
}

/// Judged at the marks up to `evals`. Halving shares its trials out beforehand, so that it is played anew for each.
fn judge(
    table: &Table,
    truth: &Truth,
    limited: bool,
    method: Method,
    seed: u64,
    evals: usize,
) -> Judged {
    let marks: Vec<usize> = MARKS.into_iter().filter(|mark| *mark <= evals).collect();
    let mut judged = Judged { marks: Vec::new(), repeats: 0 };
    let parts: Vec<&[usize]> = match method {
        Method::Halving => marks.chunks(1).collect(),
        _ => vec![&marks],
    };
    for marks in parts {
        play(table, truth, limited, method, seed, marks, &mut judged);
    }
    judged
}

fn play(
    table: &Table,
    truth: &Truth,
    limited: bool,
    method: Method,
    seed: u64,
    marks: &[usize],
    judged: &mut Judged,
) {
    let aims = aims(limited, table, truth);
    let cells = table.space.len();
    let mut states = vec![CellState { made: Vec::new(), standing: Standing::Open }; cells];
    let mut told: Vec<Told> = Vec::new();
    let seeds = table.times[0].len();
    let last = marks.last().copied().unwrap_or_default();
    let policy = policy(method, u32::try_from(last).ok(), seed);
    let batch = common::number("BATCH", 1) as usize;
    let mut asked = std::collections::VecDeque::new();
    for count in 1..=last {
        if asked.is_empty() {
            let mut pending: Vec<usize> = Vec::new();
            while pending.len() < batch.min(last + 1 - count) {
                let (space, told, pending_now) = (&table.space, &told, &pending);
                let search =
                    Search { space, aims: &aims, earlier: &[], told, pending: pending_now, policy };
                let Some(next) = search.next(&states).first().map(|visit| visit.cell) else {
                    break;
                };
                pending.push(next);
            }
            asked.extend(pending);
        }
        if let Some(cell) = asked.pop_front() {
            judged.repeats += usize::from(!states[cell].made.is_empty());
            let visit = states[cell].made.len() as u32 + 1;
            states[cell].made.push(visit);
            let column = (states[cell].made.len() - 1 + seed as usize) % seeds;
            let reading = |value: f64| Some(Reading { value, variance: 0.0 });
            let readings =
                vec![reading(table.times[cell][column]), reading(table.qualities[cell][column])];
            told.push(Told {
                cell,
                readings,
                failed: false,
                rejected: false,
                short: None,
                wall_s: 1.0,
            });
        }
        if marks.contains(&count) {
            let search = Search {
                space: &table.space,
                aims: &aims,
                earlier: &[],
                told: &told,
                pending: &[],
                policy,
            };
            let (miss, is_broken) = truth.miss(limited, &search.recommended());
            let visited: Vec<usize> = told.iter().map(|told| told.cell).collect();
            let at_least = truth.least(limited, &visited);
            judged.marks.push(Mark { miss, is_broken, least: at_least });
        }
    }
}

fn tables() -> Vec<Table> {
    let Some(folder) = std::env::var_os("SEARCH_TABLES").map(PathBuf::from) else {
        println!("SEARCH_TABLES names no folder of tables: nothing is judged");
        return Vec::new();
    };
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<PathBuf> =
        files.filter(|path| path.to_string_lossy().ends_with(".csv.gz")).collect();
    files.sort();
    files.iter().map(|path| read(path)).collect()
}

/// Means over tables and seeds, for each method and problem.
fn quality() {
    let tables = tables();
    let truths: Vec<Truth> = tables.iter().map(Truth::of).collect();
    let (seeds, evals) = (common::number("SEEDS", 10), common::number("EVALS", 64) as usize);
    let offset = common::number("OFFSET", 0);
    let methods = std::env::var("METHODS").unwrap_or_else(|_| "random halving bayes".to_owned());
    for method in methods.split_whitespace() {
        for (problem, limited) in [("limit", true), ("front", false)] {
            let count = tables.len() as u64 * seeds;
            let all = common::parallel(count, |at| {
                let table = (at / seeds) as usize;
                judge(
                    &tables[table],
                    &truths[table],
                    limited,
                    self::method(method),
                    offset + at % seeds,
                    evals,
                )
            });
            for (at, mark) in MARKS.iter().enumerate().filter(|(_, mark)| **mark <= evals) {
                let mut of_table: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
                for (place, judged) in all.iter().enumerate() {
                    let table = &tables[place / seeds as usize].name;
                    of_table.entry(table).or_default().push(judged.marks[at].miss);
                }
                let each: Vec<String> = of_table
                    .iter()
                    .map(|(name, misses)| format!("{name} {:.3}", mean(misses)))
                    .collect();
                let misses: Vec<f64> = all.iter().map(|judged| judged.marks[at].miss).collect();
                let least: Vec<f64> = all.iter().map(|judged| judged.marks[at].least).collect();
                let broken = all.iter().filter(|judged| judged.marks[at].is_broken).count();
                println!(
                    "{method} {problem} {mark}: {:.3} (of what was visited {:.3} at least), limit broken in {broken} of {}; {}",
                    mean(&misses),
                    mean(&least),
                    all.len(),
                    each.join(", ")
                );
            }
            let repeats: usize = all.iter().map(|judged| judged.repeats).sum();
            if !all.is_empty() {
                println!("{method} {problem}: {:.1} repeats", repeats as f64 / all.len() as f64);
            }
        }
    }
}

/// One step over 60,000 cells with 100 visits and three figures, against a plain copy of the same memory.
fn ask() {
    let sizes = [10, 10, 10, 10, 6];
    let axes: Vec<Axis> = sizes
        .iter()
        .map(|size| Axis::ordered(&(0..*size).map(|at| 2.0_f64.powi(at)).collect::<Vec<f64>>()))
        .collect();
    let count: usize = sizes.iter().map(|size| *size as usize).product();
    let cell = |mut at: usize| -> Box<[u16]> {
        let level = |size: &i32| {
            let level = at % *size as usize;
            at /= *size as usize;
            level as u16
        };
        sizes.iter().map(level).collect()
    };
    let space = Space::new(axes, (0..count).map(cell).collect(), vec![0; count]);
    let mut draw = Draw::new(1);
    let figure = |aim| Figure { scale: Scale::Log, aim, bound: None };
    let limit = Figure { scale: Scale::Log, aim: None, bound: Some(Bound::AtMost(30.0)) };
    let aims = Aims::new(vec![figure(Some(Better::Lower)), figure(Some(Better::Higher)), limit]);
    let told = |_| {
        let at = draw.below(count);
        let sum: usize = cell(at).iter().map(|level| usize::from(*level)).sum();
        let mut value = || 1.0 + sum as f64 * (1.0 + draw.below(100) as f64 / 1000.0);
        let readings = [value(), value(), value()];
        let readings = readings.map(|value| Some(Reading { value, variance: 0.0 })).to_vec();
        Told { cell: at, readings, failed: false, rejected: false, short: None, wall_s: 1.0 }
    };
    let told: Vec<Told> = (0..100).map(told).collect();
    let states = vec![CellState { made: Vec::new(), standing: Standing::Open }; count];
    let search = Search {
        space: &space,
        aims: &aims,
        earlier: &[],
        told: &told,
        pending: &[],
        policy: policy(Method::Bayes, None, 1),
    };
    let mut times: Vec<f64> = (0..7)
        .map(|_| {
            let begin = Instant::now();
            assert_eq!(search.next(&states).len(), 1);
            begin.elapsed().as_secs_f64()
        })
        .collect();
    times.sort_by(f64::total_cmp);
    println!(
        "one step over {count} cells, 100 visits, 3 figures: median {:.0} ms (at most 150: {})",
        times[3] * 1e3,
        common::verdict(times[3] <= 0.15)
    );
}

fn main() {
    let effects = || {
        effects::grids();
        effects::searches();
    };
    common::run_parts(&[
        ("quality", quality),
        ("ask", ask),
        ("effects", effects),
        ("curves", curves::main),
    ]);
}
