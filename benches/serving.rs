//! Whether the load generator, the search of the highest rate and the percentiles' intervals keep their word.
//!
//! `cargo bench --no-default-features --bench serving -- [queue|real|overhead|max-rate|coverage|counts]`. Seeds are fixed;
//! the figures of all but `real` and `overhead` repeat.
//!
//! * `queue`: mean waits in virtual time against the theory.
//! * `real`: mean waits in real time against Lindley's recursion over the same arrivals and service times.
//! * `overhead`: what the generator adds to a request, against a bare loop of the same work.
//! * `max-rate`: the search in virtual time against known limits. `SEEDS` (100) of each kind; `ONLY=exponential` for one.
//! * `coverage`: intervals of percentiles on series of known truth. `SERIES` (1,000) of each kind.
//! * `counts`: how many requests a test of a limit needs, and how many an interval.
#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a benchmark prints, may panic and knows its numbers"
)]

#[path = "serving/coverage.rs"]
mod coverage;
#[path = "serving/max_rate.rs"]
mod max_rate;
#[path = "stopping/noise.rs"]
mod noise;
#[path = "serving/queue.rs"]
mod queue;
#[path = "serving/real.rs"]
mod real;
#[path = "serving/services.rs"]
mod services;

use std::sync::atomic::{AtomicU64, Ordering};

fn main() {
    let arguments: Vec<String> = std::env::args()
        .skip(1)
        .filter(|argument| argument != "--bench")
        .collect();
    let parts: [(&str, fn()); 6] = [
        ("queue", queue::run),
        ("real", real::run),
        ("overhead", real::overhead),
        ("max-rate", max_rate::run),
        ("coverage", coverage::run),
        ("counts", coverage::counts),
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

/// A number from the environment.
fn number(name: &str, default: u64) -> u64 {
    let given = std::env::var(name).ok();
    given.and_then(|text| text.parse().ok()).unwrap_or(default)
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
