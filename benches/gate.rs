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

#[path = "common.rs"]
mod common;
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

use perftune::stats::distribution::binomial_cdf;

fn main() {
    // Memory is that of the whole process, so its part comes first.
    common::run_parts(&[
        ("cost", cost::run),
        ("false-alarms", interleaved::false_alarms),
        ("power", interleaved::power),
        ("coverage", interleaved::coverage),
        ("stored", stored::run),
        ("found", real::found),
        ("same", real::same),
    ]);
}

fn simulations() -> u64 {
    common::number("SIMULATIONS", 5000)
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
