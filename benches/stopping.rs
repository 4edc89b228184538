//! How the stopping rule compares with others, and whether its intervals keep their word.
//!
//! `cargo bench --no-default-features --bench stopping -- [traces|families|futility|truth|leaks|verdicts|cost]`. Seeds are fixed, so the figures repeat.
//!
//! * `traces`: error against cost of every rule over its whole frontier, on recorded series: those of `TRACES` (a CSV,
//!   gzip allowed, with `series,benchmark,t_s,value`), else the recording that ships in benches/recordings. The series are
//!   split in two halves by a hash of their name; the rule was chosen on the first alone.
//! * `families`: shapes that have fooled rules, with and without the horizon.
//! * `futility`: what it saves to give up what noise drowns, and how often that is rash; on the same recordings and on noisy
//!   series of known truth.
//! * `truth`: series of known truth: coverage of the stopped intervals, and what becomes of drifts and changes of regime.
//! * `leaks`: memory that grows slowly, and memory that does not.
//! * `verdicts`: constraints that the truth keeps or breaks by 3 or 10%. `SEEDS` (1,000; 200 for verdicts) of each kind.
//! * `cost`: the controller's time a tick with 8 metrics.
#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::similar_names,
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a benchmark prints, may panic and knows its numbers"
)]

#[path = "stopping/cost.rs"]
mod cost;
#[path = "stopping/families.rs"]
mod families;
#[path = "stopping/futility.rs"]
mod futility;
#[path = "stopping/leaks.rs"]
mod leaks;
#[path = "stopping/noise.rs"]
mod noise;
#[path = "stopping/traces.rs"]
mod traces;
#[path = "stopping/truth.rs"]
mod truth;
#[path = "stopping/verdicts.rs"]
mod verdicts;

fn main() {
    let arguments: Vec<String> =
        std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let wants = |what: &str| arguments.is_empty() || arguments.iter().any(|a| a == what);
    if wants("traces") {
        traces::run();
    }
    let seeds = |default: u64| {
        let given = std::env::var("SEEDS").ok();
        given.and_then(|text| text.parse().ok()).unwrap_or(default)
    };
    if wants("families") {
        families::run(seeds(200));
    }
    if wants("futility") {
        futility::run(seeds(200));
    }
    if wants("truth") {
        truth::run(seeds(1000));
    }
    if wants("leaks") {
        leaks::run(seeds(1000));
    }
    if wants("verdicts") {
        verdicts::run(seeds(200));
    }
    if wants("cost") {
        cost::run();
    }
}
