//! The search of the highest rate against known limits, in virtual time.

use std::convert::Infallible;

use perftune::clock::{Clock, ManualClock};
use perftune::load::{Fed, Generator, MaxRate, MaxRateSearch, Outcome, SearchAsk};

use super::common::{number, parallel, verdict};
use super::services::{Kind, PERCENTILE, SERVICE_S, Server, limit_at, simulated_limit};

const TARGET: f64 = 0.03;

/// How one search ended.
struct End {
    rate: Option<MaxRate>,
    outcome: String,
    probes: usize,
    requests: u64,
    /// Virtual time, in seconds.
    took_s: f64,
}

pub(crate) fn run() {
    let seeds = number("SEEDS", 100);
    let ask = SearchAsk::new(PERCENTILE, 1.0);
    println!(
        "\nhighest rate with p99 within a limit, in virtual time: {seeds} seeds each, service of 5 ms, probes of at most {} requests",
        ask.probe_requests
    );
    println!(
        "  {:<24} {:>5} {:>9} {:>9} {:>9} {:>9} {:>7} {:>7} {:>9} {:>8}  target",
        "service",
        "at",
        "limit ms",
        "within 3%",
        "p95 off%",
        "covered%",
        "probes",
        "most",
        "requests",
        "time s"
    );
    for kind in [Kind::Constant, Kind::LogNormal, Kind::Exponential] {
        for load in [0.5, 0.7, 0.9] {
            row(kind, load, seeds, kind == Kind::Constant);
        }
    }
    println!("  services that hang together, or on the queue (no target):");
    for kind in [Kind::Periods, Kind::Cold, Kind::Crowded, Kind::Overrun] {
        row(kind, 0.7, seeds, false);
    }
}

fn row(kind: Kind, load: f64, seeds: u64, is_target: bool) {
    let only = std::env::var("ONLY").unwrap_or_default();
    if !kind.name().contains(&only) {
        return;
    }
    let limit_s = limit_at(kind, load);
    let truth = load / SERVICE_S;
    let ends = parallel(seeds, |seed| search(kind, limit_s, seed));
    let mut offs: Vec<f64> = ends
        .iter()
        .map(|end| end.rate.map_or(f64::INFINITY, |rate| (rate.rate_per_s / truth - 1.0).abs()))
        .collect();
    offs.sort_by(f64::total_cmp);
    let hits = offs.iter().filter(|off| **off <= TARGET).count();
    let covered = ends
        .iter()
        .filter(|end| end.rate.is_some_and(|rate| rate.low <= truth && truth <= rate.high));
    let covered = covered.count();
    let most = ends.iter().map(|end| end.probes).max().unwrap();
    let n = ends.len() as f64;
    let mean = |of: fn(&End) -> f64| ends.iter().map(of).sum::<f64>() / n;
    let met = hits as f64 >= 0.95 * n && most <= 12;
    let target = match (is_target, met) {
        (true, met) => format!("95 of 100, 12 probes: {}", verdict(met)),
        (false, true) => "(as above)".to_owned(),
        (false, false) => "(less)".to_owned(),
    };
    println!(
        "  {:<24} {load:>5} {:>9.2} {:>9.1} {:>9.2} {:>9.1} {:>7.1} {most:>7} {:>9.0} {:>8.0}  {target}",
        kind.name(),
        limit_s * 1e3,
        100.0 * hits as f64 / n,
        100.0 * offs[((n * 0.95) as usize).min(offs.len() - 1)],
        100.0 * covered as f64 / n,
        mean(|end| end.probes as f64),
        mean(|end| end.requests as f64),
        mean(|end| end.took_s),
    );
    if kind == Kind::Constant {
        let simulated = simulated_limit(kind, load);
        println!(
            "  {:<24} the limit by a simulation instead of the theory: {:.2} ms",
            "",
            simulated * 1e3
        );
    }
    for end in ends.iter().filter(|end| end.rate.is_none()).take(3) {
        println!("    {}", end.outcome);
    }
}

fn search(kind: Kind, limit_s: f64, seed: u64) -> End {
    let mut server = Server::new(kind, seed * 104_729 + 7);
    let clock = ManualClock::default();
    let ask = SearchAsk { seed: seed + 1, ..SearchAsk::new(PERCENTILE, limit_s) };
    let mut search = MaxRateSearch::new(ask).unwrap();
    while let Some(probe) = search.probe().copied() {
        let mut generator = Generator::new(probe.source().unwrap(), clock.now_ns());
        loop {
            let due = generator.next(clock.now_ns());
            let answer = || {
                let wait_ns = clock.now_ns() - due.scheduled_ns;
                clock.advance((server.next(wait_ns as f64 * 1e-9) * 1e9) as u64);
                Ok::<(), Infallible>(())
            };
            let Ok(answered) = generator.answer(&clock, &|| false, answer);
            let request = answered.unwrap();
            if search.feed(&request) != Fed::More {
                break;
            }
        }
    }
    let outcome = search.outcome().unwrap();
    let results = search.results();
    End {
        rate: match outcome {
            Outcome::Found(rate) => Some(*rate),
            _ => None,
        },
        outcome: format!("{outcome:?}"),
        probes: results.len(),
        requests: results.iter().map(|probe| probe.requests).sum(),
        took_s: clock.now_ns() as f64 * 1e-9,
    }
}
