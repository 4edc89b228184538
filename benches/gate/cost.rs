//! Time and memory of large families.

use std::time::Instant;

use perftune::stats::{
    FamilyAsk, FamilyOutcome, GroupTest, Groups, PairedTest, group_family, paired_family,
};

use super::common::verdict;
use super::noise::Noise;

const TESTS: usize = 400;
const ASK: FamilyAsk = FamilyAsk { alpha: 0.01, draws: 19_999, seed: 1 };

/// The largest memory that this process has held, in MiB.
fn peak_mib() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = line.and_then(|line| line.trim().strip_suffix("kB")?.trim().parse::<f64>().ok());
    kib.map_or(f64::NAN, |kib| kib / 1024.0)
}

fn timed(name: &str, family: impl Fn() -> FamilyOutcome) {
    let mut times: Vec<f64> = (0..5)
        .map(|_| {
            let start = Instant::now();
            let found = std::hint::black_box(family());
            assert_eq!(found.arrangements, 20_000);
            start.elapsed().as_secs_f64()
        })
        .collect();
    times.sort_by(f64::total_cmp);
    println!(
        "  {name:<44} {:>7.3} s (fastest {:.3}, slowest {:.3})  less than 1 s: {}",
        times[2],
        times[0],
        times[4],
        verdict(times[2] < 1.0),
    );
}

pub(crate) fn run() {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    println!(
        "\n100 cells x 4 metrics x 20 runs, 20,000 arrangements, {threads} processors; median of 5"
    );
    let mut noise = Noise::new(1);
    let mut values = |units: usize, holes: f64| -> Vec<Vec<Option<f64>>> {
        (0..TESTS)
            .map(|_| {
                let mut value = || {
                    let z = noise.normal();
                    (noise.uniform() >= holes).then_some(0.02 * z)
                };
                (0..units).map(|_| value()).collect()
            })
            .collect()
    };
    let groups =
        Groups { candidate: (0..40).map(|unit| unit % 2 == 0).collect(), stratum: vec![0; 40] };
    for (holes, holed) in [("", 0.0), (", one value in 50 missing", 0.02)] {
        let paired: Vec<PairedTest> = values(20, holed)
            .into_iter()
            .enumerate()
            .map(|(test, differences)| PairedTest { kind: test % 4, differences })
            .collect();
        timed(&format!("20 blocks, signs{holes}"), || paired_family(&paired, &ASK));
        let grouped: Vec<GroupTest> = values(40, holed)
            .into_iter()
            .enumerate()
            .map(|(test, values)| GroupTest { kind: test % 4, values })
            .collect();
        timed(&format!("20 + 20 runs, labels{holes}"), || group_family(&grouped, &groups, &ASK));
    }
    let peak = peak_mib();
    println!("  largest memory of the process {peak:.1} MiB  below 100: {}", verdict(peak < 100.0));
}
