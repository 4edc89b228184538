//! Whether the intervals of percentiles cover as often as they say, and what tests of limits need.

use perftune::stats::{QuantileSeries, interval_requests, limit_test_requests};

use super::common::{number, parallel, verdict};
use super::noise::{Ar1, Noise};

const CONFIDENCE: f64 = 0.95;

/// Percentiles and the standard normal distribution's values there.
const LEVELS: [(&str, f64, f64); 5] = [
    ("p50", 0.5, 0.0),
    ("p90", 0.9, 1.281_551_6),
    ("p95", 0.95, 1.644_853_6),
    ("p99", 0.99, 2.326_347_9),
    ("p99.9", 0.999, 3.090_232_3),
];

pub(crate) fn run() {
    let series = number("SERIES", 1000);
    println!(
        "\nintervals of percentiles at 95%, normal latencies with mean 10 ms and deviation 1 ms, {series} series each"
    );
    println!(
        "  {:<12} {:>6} {:>9} {:>9} {:>10} {:>10}  target",
        "series", "", "requests", "given %", "covered %", "width us"
    );
    for (name, rho) in [("independent", 0.0), ("AR(1) 0.5", 0.5)] {
        for requests in [2_000_u64, 20_000] {
            let found = parallel(series, |seed| intervals(seed, requests, rho));
            for (at, (level, share, _)) in LEVELS.into_iter().enumerate() {
                let given: Vec<(bool, f64)> = found.iter().filter_map(|one| one[at]).collect();
                if given.is_empty() {
                    let need = interval_requests(share, CONFIDENCE).unwrap();
                    println!(
                        "  {name:<12} {level:>6} {requests:>9}         0   (needs {need} effective requests)"
                    );
                    continue;
                }
                let n = given.len() as f64;
                let covered = given.iter().filter(|(covers, _)| *covers).count() as f64 / n;
                let width = given.iter().map(|(_, width)| width).sum::<f64>() / n;
                println!(
                    "  {name:<12} {level:>6} {requests:>9} {:>9.1} {:>10.1} {:>10.1}  at least 93: {}",
                    100.0 * n / series as f64,
                    100.0 * covered,
                    width * 1e6,
                    verdict(covered >= CONFIDENCE - 0.02),
                );
            }
        }
    }
}

/// For each level whether the interval covers, and its width in seconds; `None` without one.
fn intervals(seed: u64, requests: u64, rho: f64) -> [Option<(bool, f64)>; 5] {
    let mut noise = Noise::new(seed * 7907 + 5);
    let mut state = Ar1::new(rho);
    let mut series = QuantileSeries::default();
    for _ in 0..requests {
        let ms = 10.0 + state.next(&mut noise);
        series.push((ms * 1e6) as u64);
    }
    LEVELS.map(|(_, level, z)| {
        let interval = series.estimate(level, 0, CONFIDENCE)?.interval?;
        let truth = (10.0 + z) * 1e-3;
        Some((interval.contains(truth), interval.high - interval.low))
    })
}

pub(crate) fn counts() {
    println!("\nindependent requests that a percentile needs, at 99%");
    println!(
        "  {:>6} {:>26} {:>26} {:>22}",
        "", "limit kept, none over it", "limit kept, one over it", "two-sided interval"
    );
    for (name, level, _) in LEVELS {
        let test = |over| limit_test_requests(level, 0.99, over).unwrap();
        println!(
            "  {name:>6} {:>26} {:>26} {:>22}",
            test(0),
            test(1),
            interval_requests(level, 0.99).unwrap()
        );
    }
    for (level, over, target) in [(0.99, 0, 459), (0.99, 1, 662), (0.999, 0, 4603)] {
        let got = limit_test_requests(level, 0.99, over).unwrap();
        println!(
            "  p{} with {over} over: {got}, target {target}: {}",
            level * 100.0,
            verdict(got == target)
        );
    }
}
