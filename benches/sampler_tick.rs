//! What one tick of the sampler costs for a worker with 10 threads, on the CPU clock of the sampler's thread.
//!
//! Warm: ticks back to back. Cold: ticks at 10 Hz, with whatever else the machine does in between.
//! `cargo bench --no-default-features --bench sampler_tick`
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a bench prints, and stops at the first surprise"
)]

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Command, Stdio};
use std::sync::mpsc::channel;

use perftune::clock::MonotonicClock;
use perftune::event::ResourceSample;
use perftune::sampler::{Sampler, SamplerPolicy, TickBench};

const ROLE: &str = "PERFTUNE_BENCH_ROLE";
const THREADS: usize = 10;
const WARM_TICKS: usize = 5000;
const COLD_TICKS: usize = 150;

fn main() {
    if std::env::var_os(ROLE).is_some() {
        worker();
        return;
    }
    let mut child = Command::new(std::env::current_exe().unwrap())
        .env(ROLE, "worker")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    let mut out = BufReader::new(child.stdout.take().unwrap());
    out.read_line(&mut line).unwrap();
    assert_eq!(line, "ready\n");

    println!(
        "a worker with {THREADS} threads, one of them busy; CPU time of the sampler's thread, us"
    );
    println!("{:<34} {:>7} {:>7} {:>7} {:>7} {:>7}", "", "mean", "p50", "p95", "p99", "max");
    let warm = warm(child.id());
    let cold = cold(child.id());
    show("warm, back to back", &warm);
    show("10 Hz", &cold);
    verdict("warm", &warm, 100.0);
    verdict("10 Hz", &cold, 150.0);

    drop(child.stdin.take());
    child.wait().unwrap();
}

/// One busy thread and nine that wait, until standard input ends.
fn worker() {
    for n in 1..THREADS {
        std::thread::spawn(move || {
            loop {
                if n == 1 {
                    std::hint::black_box((0..1000_u64).sum::<u64>());
                } else {
                    std::thread::park();
                }
            }
        });
    }
    println!("ready");
    std::io::stdout().flush().unwrap();
    std::io::stdin().read_to_end(&mut Vec::new()).unwrap();
}

/// Ticks back to back, told to be 100 ms apart, so that everything is read at its usual pace.
fn warm(pid: u32) -> Vec<f64> {
    let mut bench = TickBench::new(pid, policy());
    (0..WARM_TICKS).map(|_| micros(&bench.tick())).collect()
}

fn cold(pid: u32) -> Vec<f64> {
    let (send, samples) = channel();
    let handle = Sampler::new(policy())
        .start(pid, MonotonicClock, move |sample| drop(send.send(sample)))
        .unwrap();
    // The first tick opens files and reads every thread; it is no typical one.
    let costs = samples.iter().skip(1).take(COLD_TICKS).map(|sample| micros(&sample)).collect();
    let report = handle.stop();
    println!(
        "10 Hz: {} ticks every {:.1} ms, {} left out, at most {:.2} ms late; thread {:.3}% of a core; by probe, us a tick: {}",
        report.ticks,
        report.interval_ns().unwrap() / 1e6,
        report.skipped,
        report.max_late_ns as f64 / 1e6,
        100.0 * report.cost_ns as f64 / report.span_ns as f64,
        report
            .probe_cost_ns
            .iter()
            .map(|(name, ns)| format!("{name} {:.1}", *ns as f64 / 1e3 / report.ticks as f64))
            .collect::<Vec<_>>()
            .join(", ")
    );
    costs
}

fn policy() -> SamplerPolicy {
    SamplerPolicy::default()
}

fn micros(sample: &ResourceSample) -> f64 {
    assert!(sample.cpu_ns.is_some() && sample.threads as usize == THREADS);
    sample.cost_ns as f64 / 1e3
}

fn quantile(sorted: &[f64], level: f64) -> f64 {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "an index into the slice"
    )]
    let place = (level * (sorted.len() - 1) as f64).round() as usize;
    sorted[place]
}

fn show(name: &str, costs: &[f64]) {
    let mut sorted = costs.to_vec();
    sorted.sort_by(f64::total_cmp);
    let mean = costs.iter().sum::<f64>() / costs.len() as f64;
    let [p50, p95, p99, max] = [0.5, 0.95, 0.99, 1.0].map(|level| quantile(&sorted, level));
    let name = format!("{name} ({} ticks)", costs.len());
    println!("{name:<34} {mean:>7.1} {p50:>7.1} {p95:>7.1} {p99:>7.1} {max:>7.1}");
}

fn verdict(name: &str, costs: &[f64], target: f64) {
    let mean = costs.iter().sum::<f64>() / costs.len() as f64;
    let word = if mean <= target { "met" } else { "MISSED" };
    println!("target {name}: mean of at most {target} us: {word} ({mean:.1})");
}
