//! The controller's own time.

use std::time::Instant;

use perftune::control::{Controller, RunContext, StopPolicy};
use perftune::event::{Envelope, Phase, ResourceSample, StepBatch, WorkerEvent};

use super::noise::Noise;

const METRICS: [&str; 8] = [
    "train.throughput",
    "train.step_latency_mean",
    "train.step_latency_p50",
    "train.step_latency_p95",
    "train.step_latency_p99",
    "cpu.utilisation",
    "memory.rss_mean",
    "memory.peak",
];

/// Steps of 2 ms and ticks every 100 ms, without early stop so that every look is taken.
pub(crate) fn run() {
    println!("\nthe controller, 8 metrics, steps of 2 ms, ticks of 100 ms");
    println!("  {:>10} {:>20}", "run s", "us a tick, with looks");
    for seconds in [60u64, 600, 3600] {
        let messages = messages(seconds);
        let mut best = f64::INFINITY;
        for _ in 0..3 {
            let policy = StopPolicy {
                enabled: false,
                metrics: METRICS.map(Into::into).to_vec(),
                ..StopPolicy::default()
            };
            let context = RunContext { epochs: 1, usable_cores: 2.0, ..RunContext::default() };
            let mut controller = Controller::new(policy, context);
            let begin = Instant::now();
            for (envelope, sample) in &messages {
                let _ = controller.on_worker(envelope);
                let _ = controller.on_sample(sample);
            }
            best = best.min(begin.elapsed().as_secs_f64());
        }
        println!("  {seconds:>10} {:>20.1}", best * 1e6 / messages.len() as f64);
    }
}

fn messages(seconds: u64) -> Vec<(Envelope, ResourceSample)> {
    let mut noise = Noise::new(1);
    let mut cpu_ns = 0;
    (0..seconds * 10)
        .map(|tick| {
            let t_ns = (tick + 1) * 100_000_000;
            let event = if tick == 0 {
                WorkerEvent::Phase { phase: Phase::Train }
            } else {
                WorkerEvent::Steps(StepBatch {
                    phase: Phase::Train,
                    items: 64,
                    start_ns: t_ns - 100_000_000,
                    dur_ns: (0..50)
                        .map(|_| (2e6 * (1.0 + 0.1 * noise.normal()).max(0.1)) as u64)
                        .collect(),
                    wait_ns: Vec::new(),
                    gap_ns: Vec::new(),
                    fetch_ns: Vec::new(),
                    loss: None,
                })
            };
            cpu_ns += (1.9e8 * (1.0 + 0.02 * noise.normal())) as u64;
            let sample = ResourceSample {
                t_ns: t_ns + 1_000_000,
                cpu_ns: Some(cpu_ns),
                rss_bytes: Some((3e8 * (1.0 + 0.002 * noise.normal())) as u64),
                peak_bytes: Some(304_000_000),
                processes: 1,
                ..ResourceSample::default()
            };
            let envelope = Envelope { seq: tick, t_ns, event };
            (envelope, sample)
        })
        .collect()
}
