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

#[path = "common.rs"]
mod common;
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

fn main() {
    common::run_parts(&[
        ("queue", queue::run),
        ("real", real::run),
        ("overhead", real::overhead),
        ("max-rate", max_rate::run),
        ("coverage", coverage::run),
        ("counts", coverage::counts),
    ]);
}
