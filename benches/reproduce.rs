//! Does a second invocation agree? What the ± of a grid is worth.
//!
//! `cargo bench --no-default-features --bench reproduce`: grids of nine cells in rounds, played by the scripted worker with
//! slow noise of known truth, each invocated twice. With `PERFTUNE_RESULTS=A:B[:C...]` it compares results folders of real
//! grids instead, each with the next one.
//!
//! Of all figures that were chosen: how often the intervals of two invocations meet, how often one holds the figure of the
//! other, half of the interval, and where truth is known how often an interval holds it.
#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a benchmark prints and may panic"
)]

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Stdio};

const PERFTUNE: &str = env!("CARGO_BIN_EXE_perftune");

/// Two figures of each of nine cells: in virtual time a grid takes a second.
const GRID: &str = r#"
name = "t"
repeat = "auto"
[worker]
program = "scripted"
options = { steps_per_epoch = 100000, spread = 0.1 OPTIONS }
[grid]
model = ["a", "b", "c"]
dataset = ["x", "y", "z"]
[train]
epochs = 10
[serve]
enabled = false
[stop]
metrics = ["train.throughput"]
min_time = "0.3s"
max_time = "1.5s"
"#;

/// The rate without slow noise: 64 samples a step of a millisecond, whose logarithm spreads by 0.1.
const RATE: f64 = 64_000.0 * 0.995_012;

#[derive(Clone, Copy)]
struct Figure {
    mean: f64,
    low: f64,
    high: f64,
    known: bool,
}

impl Figure {
    fn holds(&self, value: f64) -> bool {
        self.low <= value && value <= self.high
    }

    fn meets(&self, other: &Self) -> bool {
        self.low <= other.high && other.low <= self.high
    }
}

type Figures = BTreeMap<[String; 3], Figure>;

/// The chosen figures of a results folder that have an interval.
fn figures(folder: &Path) -> Figures {
    let mut reader = csv::Reader::from_path(folder.join("summary_metrics.csv")).unwrap();
    let rows = reader.deserialize::<BTreeMap<String, String>>().map(Result::unwrap);
    let figure = |row: BTreeMap<String, String>| {
        let number = |name: &str| row[name].parse().ok();
        let known = row["known"].parse().ok()?;
        let figure =
            Figure { mean: number("mean")?, low: number("low")?, high: number("high")?, known };
        Some((["cell", "metric", "phase"].map(|name| row[name].clone()), figure))
    };
    rows.filter_map(figure).collect()
}

fn is_known(figures: &Figures) -> bool {
    !figures.is_empty() && figures.values().all(|figure| figure.known)
}

/// What pairs of invocations came to.
#[derive(Default)]
struct Tally {
    pairs: Vec<[Figure; 2]>,
    /// Of the invocations, those with every figure known.
    all_known: usize,
    swapped: usize,
    disjoint: usize,
}

impl Tally {
    fn add(&mut self, one: &Figures, other: &Figures) {
        self.all_known += [one, other].map(is_known).into_iter().map(usize::from).sum::<usize>();
        let both: Vec<_> =
            one.iter().filter_map(|(key, a)| Some((key, *a, *other.get(key)?))).collect();
        for (at, (key, a, b)) in both.iter().enumerate() {
            self.pairs.push([*a, *b]);
            for (next, c, d) in &both[at + 1..] {
                // Two cells by one metric, told apart by both invocations: the same way round?
                if next[1..] == key[1..] && !a.meets(c) && !b.meets(d) {
                    self.disjoint += 1;
                    self.swapped += usize::from((a.mean < c.mean) != (b.mean < d.mean));
                }
            }
        }
    }

    fn row(&self, name: &str, truth: Option<f64>) {
        let share = |count: usize, of: usize| 100.0 * count as f64 / of.max(1) as f64;
        let held = |pairs: &[&[Figure; 2]]| {
            let holds = pairs
                .iter()
                .map(|[a, b]| usize::from(a.holds(b.mean)) + usize::from(b.holds(a.mean)));
            share(holds.sum(), 2 * pairs.len())
        };
        let all: Vec<&[Figure; 2]> = self.pairs.iter().collect();
        let known: Vec<&[Figure; 2]> =
            all.iter().copied().filter(|[a, b]| a.known && b.known).collect();
        let meet = share(all.iter().filter(|[a, b]| a.meets(b)).count(), all.len());
        let mut halves: Vec<f64> = all
            .iter()
            .flat_map(|pair| pair.iter())
            .map(|f| 100.0 * (f.high - f.low) / 2.0 / f.mean.abs())
            .collect();
        halves.sort_by(f64::total_cmp);
        let median = halves.get(halves.len() / 2).copied().unwrap_or(f64::NAN);
        let covered = truth.map_or("-".to_owned(), |truth| {
            let holds = all.iter().flat_map(|pair| pair.iter()).filter(|f| f.holds(truth));
            format!("{:.1}", share(holds.count(), 2 * all.len()))
        });
        println!(
            "{name:<28} {:>7} {meet:>6.1} {:>6.1} {:>6.1} {:>6} {median:>7.1} {covered:>7} {:>4}/{:<4} {:>9}",
            all.len(),
            held(&all),
            held(&known),
            2 * known.len(),
            self.swapped,
            self.disjoint,
            self.all_known,
        );
    }
}

/// One invocation of the grid.
fn invoke(folder: &Path, options: &str, seed: u64) -> Figures {
    let grid = folder.join("grid.toml");
    std::fs::write(&grid, GRID.replace(" OPTIONS", options)).unwrap();
    let out = folder.join("out");
    let status = Command::new(PERFTUNE)
        .args(["run", grid.to_str().unwrap(), "--fresh", "-q", "--seed", &seed.to_string()])
        .args(["--out", out.to_str().unwrap()])
        .stdout(Stdio::null())
        .status();
    assert!(status.unwrap().success());
    figures(&out)
}

fn scripted(name: &str, options: &str, truth: f64) {
    let asked = std::env::var("PERFTUNE_PAIRS").ok();
    let pairs: u64 = asked.map_or(20, |text| text.parse().unwrap());
    let folder = tempfile::tempdir().unwrap();
    let mut tally = Tally::default();
    for pair in 0..pairs {
        let [one, other] =
            [0, 1].map(|which| invoke(folder.path(), options, 1 + 2000 * pair + 1000 * which));
        tally.add(&one, &other);
    }
    tally.row(name, Some(truth));
}

fn main() {
    println!("pairs of invocations: how often (%) do intervals meet, and hold the other's figure;");
    println!(
        "held of those known in both; half of the interval (median, %); hold the truth; ranks swapped;\n\
         of the invocations, those with every figure known\n"
    );
    println!(
        "{:<28} {:>7} {:>6} {:>6} {:>6} {:>6} {:>7} {:>7} swapped   all known",
        "", "figures", "meet", "hold", "known", "", "±", "covered"
    );
    if let Ok(folders) = std::env::var("PERFTUNE_RESULTS") {
        let all: Vec<Figures> = folders.split(':').map(|folder| figures(folder.as_ref())).collect();
        let mut tally = Tally::default();
        for pair in all.windows(2) {
            tally.add(&pair[0], &pair[1]);
        }
        return tally.row("results folders", None);
    }
    scripted("2% of each run", ", own_spread = 0.02", RATE * (0.02_f64.powi(2) / 2.0).exp());
    scripted("2% of a round", ", run_spread = 0.02", RATE * (0.02_f64.powi(2) / 2.0).exp());
    scripted("10% of a round", ", run_spread = 0.1", RATE * (0.1_f64.powi(2) / 2.0).exp());
    for mean_s in ["0.5", "5", "60"] {
        let options = format!(", regimes = {{ factor = 1.6, mean_s = {mean_s} }}");
        // As long slow as fast, and a rate that is lower by 1.6 meanwhile.
        scripted(&format!("two speeds, {mean_s} s"), &options, RATE * (1.0 + 1.0 / 1.6) / 2.0);
    }
}
