//! How often the gate fails a build that is no slower, and how often it finds one that is.
//!
//! `cargo bench --no-default-features --bench gate -- [cost|false-alarms|power|coverage|stored|found|same]`. Seeds are fixed, so
//! the figures of all but the last two repeat. `SIMULATIONS` (5,000) invocations of each kind, a fifth of them for power and coverage. Every invocation is a gate of its own: 12 cells with
//! two metrics each (a step's time and a rate, correlated by 0.5), 10 blocks of four runs for every cell.
//!
//! * `cost`: time and memory of a family of 100 cells x 4 metrics x 20 runs, 20,000 arrangements.
//! * `false-alarms`: both arms are the same; for each model of noise how many invocations fail.
//! * `power`: one cell of the candidate is slower; how often its rows are found, and how often they pass.
//! * `coverage`: how often the simultaneous intervals hold all true effects, with none, one, half or all cells slower.
//! * `stored`: the candidate against sessions of other days, one and several.
//! * `found`: real runs of the scripted worker, one of two cells slower by 10%: `TRIALS` (20) comparisons.
//! * `same`: a real A/A of three native cells: one pool of `POOL` (42) blocks, judged in groups that share no run; needs the
//!   native worker, so without `--no-default-features` or with `PERFTUNE_WORKER`. `KEEP=DIR` keeps the pool.
#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::similar_names,
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a benchmark prints, may panic and knows its numbers"
)]

#[path = "gate/cost.rs"]
mod cost;
#[path = "gate/experiment.rs"]
mod experiment;
#[path = "gate/interleaved.rs"]
mod interleaved;
#[path = "gate/noise.rs"]
mod noise;
#[path = "gate/real.rs"]
mod real;
#[path = "gate/rule.rs"]
mod rule;
#[path = "gate/stored.rs"]
mod stored;

use std::sync::atomic::{AtomicU64, Ordering};

use perftune::stats::distribution::binomial_cdf;

fn main() {
    let arguments: Vec<String> = std::env::args()
        .skip(1)
        .filter(|argument| argument != "--bench")
        .collect();
    // Memory is that of the whole process, so its part comes first.
    let parts: [(&str, fn()); 7] = [
        ("cost", cost::run),
        ("false-alarms", interleaved::false_alarms),
        ("power", interleaved::power),
        ("coverage", interleaved::coverage),
        ("stored", stored::run),
        ("found", real::found),
        ("same", real::same),
    ];
    for (name, run) in parts {
        if arguments.is_empty() || arguments.iter().any(|argument| argument == name) {
            run();
        }
    }
}

fn verdict(met: bool) -> &'static str {
    if met { "met" } else { "MISSED" }
}

fn simulations() -> u64 {
    let given = std::env::var("SIMULATIONS").ok();
    given.and_then(|text| text.parse().ok()).unwrap_or(5000)
}

/// Clopper and Pearson's one-sided 95% upper bound of a share, in %.
fn at_most(found: u64, of: u64) -> f64 {
    if found >= of {
        return 100.0;
    }
    let (mut low, mut high) = (found as f64 / of as f64, 1.0);
    for _ in 0..60 {
        let middle = f64::midpoint(low, high);
        if binomial_cdf(of, middle, found) > 0.05 {
            low = middle;
        } else {
            high = middle;
        }
    }
    100.0 * high
}

/// The same, lower.
fn at_least(found: u64, of: u64) -> f64 {
    100.0 - at_most(of - found, of)
}

/// The results for `0..count` in order, on all processors.
fn parallel<T: Send>(count: u64, work: impl Fn(u64) -> T + Sync) -> Vec<T> {
    let next = AtomicU64::new(0);
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let mut done: Vec<(u64, T)> = std::thread::scope(|scope| {
        let worker = || {
            let mut mine = Vec::new();
            loop {
                let index = next.fetch_add(1, Ordering::Relaxed);
                if index >= count {
                    return mine;
                }
                mine.push((index, work(index)));
            }
        };
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(worker)).collect();
        workers
            .into_iter()
            .flat_map(|worker| worker.join().unwrap())
            .collect()
    });
    done.sort_by_key(|(index, _)| *index);
    done.into_iter().map(|(_, result)| result).collect()
}
