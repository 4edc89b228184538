//! Real time: the generator's waits against Lindley's recursion, and what it adds to a request.

use std::convert::Infallible;
use std::hint::black_box;

use perftune::clock::{Clock, MonotonicClock};
use perftune::load::lindley::waits_ns;
use perftune::load::{Arrivals, Generator, RequestSource, Served, ServedTotals};

use super::common::verdict;

const SERVICE_NS: u64 = 5_000_000;
const REQUESTS: usize = 2000;

pub(crate) fn run() {
    println!("\nmean wait in real time, a service that spins for 5 ms, {REQUESTS} requests");
    println!(
        "  {:>5} {:>11} {:>11} {:>9} {:>12} {:>11} {:>11}  target",
        "load", "Lindley ms", "measured ms", "off us", "service ms", "own us", "late us"
    );
    for load in [0.5, 0.8] {
        let served = spin_under(load * 1e9 / SERVICE_NS as f64);
        let arrivals: Vec<u64> = served.iter().map(|served| served.scheduled_ns).collect();
        let services: Vec<u64> = served.iter().map(Served::service_ns).collect();
        let expected = mean(&waits_ns(&arrivals, &services));
        let measured: Vec<u64> = served.iter().map(Served::wait_ns).collect();
        let off = mean(&measured) - expected;
        let mut tally = ServedTotals::default();
        for served in &served {
            tally.add(served);
        }
        let met = off.abs() <= (0.02 * expected).max(100_000.0);
        println!(
            "  {:>4}% {:>11.3} {:>11.3} {:>9.2} {:>12.4} {:>11.2} {:>11.2}  2% or 100 us: {}",
            load * 100.0,
            expected * 1e-6,
            mean(&measured) * 1e-6,
            off * 1e-3,
            mean(&services) * 1e-6,
            tally.own_s() * 1e6,
            tally.late_ns as f64 * 1e-3 / (tally.requests - tally.queued) as f64,
            verdict(met),
        );
    }
}

fn mean(values: &[u64]) -> f64 {
    values.iter().sum::<u64>() as f64 / values.len() as f64
}

fn spin_under(rate: f64) -> Vec<Served> {
    let clock = MonotonicClock;
    let arrivals = Arrivals::poisson(rate, 17).unwrap();
    let mut generator = Generator::new(RequestSource::Open(arrivals), clock.now_ns());
    let answer = || {
        let end = clock.now_ns() + SERVICE_NS;
        while clock.now_ns() < end {
            std::hint::spin_loop();
        }
        Ok::<(), Infallible>(())
    };
    let mut all = Vec::with_capacity(REQUESTS);
    while all.len() < REQUESTS {
        let Ok(served) = generator.answer(&clock, &|| false, answer);
        all.extend(served);
    }
    all
}

const ROUNDS: usize = 60;
const A_ROUND: u64 = 500;

pub(crate) fn overhead() {
    let clock = MonotonicClock;
    let mut extra = Vec::new();
    let mut bare_us = Vec::new();
    for round in 0..ROUNDS {
        // In turns, and each first in every other round.
        let (bare, generated) = if round % 2 == 0 {
            let bare = bare(clock);
            (bare, generated(clock))
        } else {
            let generated = generated(clock);
            (bare(clock), generated)
        };
        bare_us.push(bare);
        extra.push(generated - bare);
    }
    extra.sort_by(f64::total_cmp);
    bare_us.sort_by(f64::total_cmp);
    let at = |share: f64| extra[(share * (ROUNDS - 1) as f64).round() as usize];
    println!(
        "\nown overhead in single-stream, {ROUNDS} rounds of {A_ROUND} requests each, in turns with a bare loop"
    );
    println!(
        "  bare {:.2} us a request; the generator adds {:.3} us in the median of the rounds ({:.3} .. {:.3} for 90% of them)  target at most 20 us: {}",
        bare_us[ROUNDS / 2],
        at(0.5),
        at(0.05),
        at(0.95),
        verdict(at(0.5) <= 20.0),
    );
}

/// Always the same.
fn work() {
    let mut sum = 0_u64;
    for i in 0..black_box(40_000_u64) {
        sum = sum.wrapping_mul(31).wrapping_add(i);
    }
    black_box(sum);
}

/// Microseconds a request.
fn bare(clock: MonotonicClock) -> f64 {
    let start = clock.now_ns();
    for _ in 0..A_ROUND {
        work();
    }
    (clock.now_ns() - start) as f64 * 1e-3 / A_ROUND as f64
}

fn generated(clock: MonotonicClock) -> f64 {
    let start = clock.now_ns();
    let mut generator = Generator::new(RequestSource::Stream, start);
    let mut tally = ServedTotals::default();
    for _ in 0..A_ROUND {
        let answer = || {
            work();
            Ok::<(), Infallible>(())
        };
        let Ok(served) = generator.answer(&clock, &|| false, answer);
        tally.add(&served.unwrap());
    }
    black_box(tally);
    (clock.now_ns() - start) as f64 * 1e-3 / A_ROUND as f64
}
