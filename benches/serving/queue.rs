//! Mean waits in virtual time against Pollaczek and Khinchine's formula for a constant service.

use perftune::clock::ManualClock;
use perftune::load::{Arrivals, Generator, RequestSource, VirtualQueue};
use perftune::stats::between_runs;

use super::common::{parallel, verdict};

const SERVICE_NS: u64 = 5_000_000;
const REPLICATIONS: u64 = 20;
const TARGET: f64 = 0.05;

pub(crate) fn run() {
    println!(
        "\nmean wait in virtual time, constant service of 5 ms, {REPLICATIONS} independent replications at 95%"
    );
    println!(
        "  {:>6} {:>12} {:>12} {:>12} {:>22} {:>8}  target",
        "load", "requests", "theory ms", "mean ms", "interval ms", "off %"
    );
    // The relaxation time of the queue is 1 / (1 - sqrt(load))^2 services: 12, 380 and 40,000.
    for (load, warmup, requests) in
        [(0.5, 10_000, 1_000_000), (0.9, 50_000, 2_000_000), (0.99, 1_000_000, 10_000_000)]
    {
        let waits = parallel(REPLICATIONS, |seed| mean_wait(load, seed, warmup, requests));
        let found = between_runs(&waits, 0.95).unwrap();
        let interval = found.interval.unwrap();
        let theory = load * SERVICE_NS as f64 * 1e-6 / (2.0 * (1.0 - load));
        let off = found.value / theory - 1.0;
        // Both the figure and what it is known to.
        let met = off.abs() <= TARGET && found.half_width().unwrap() <= TARGET * theory;
        println!(
            "  {:>5}% {:>12} {theory:>12.3} {:>12.3} {:>22} {:>8.2}  within 5%: {}",
            load * 100.0,
            REPLICATIONS * requests,
            found.value,
            format!("{:.3} .. {:.3}", interval.low, interval.high),
            100.0 * off,
            verdict(met),
        );
    }
}

/// Milliseconds.
fn mean_wait(load: f64, seed: u64, warmup: u64, requests: u64) -> f64 {
    let rate = load * 1e9 / SERVICE_NS as f64;
    let arrivals = Arrivals::poisson(rate, seed * 7919 + 13).unwrap();
    let generator = Generator::new(RequestSource::Open(arrivals), 0);
    let services = std::iter::repeat_n(SERVICE_NS, (warmup + requests) as usize);
    let served = VirtualQueue::new(generator, ManualClock::default(), services);
    let waits = served.skip(warmup as usize).map(|served| served.wait_ns());
    waits.sum::<u64>() as f64 / requests as f64 * 1e-6
}
