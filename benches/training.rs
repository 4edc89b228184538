//! What perftune adds to training, and how its training compares with PyTorch's.
//!
//! `cargo bench --bench training -- [overhead|pytorch] [CELL...]`, in a checkout with libtorch. Everything is a ratio of two things that
//! alternate within one run, since the machine may be shared.
//!
//! * `overhead`: steps a CPU-second through `perftune run` (worker + sampler at 100 ms + events; the CPU time of both
//!   processes) over that of a bare loop: the same model, data, order and update rule in one process, with nothing
//!   sent, sampled or stopped.
//! * `pytorch`: samples a second through `perftune run` over those of `benches/pytorch_loop.py`, through a `DataLoader` and by
//!   indexing tensors. Skipped with a message where Python (`PYTHON`) has no torch.
//!
//! `PAIRS` (8) and `SECONDS` (6) set how much is measured.
#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a benchmark prints and may panic"
)]

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use perftune::event::{Command as Order, JobSpec, Phase, ResourceSample, WorkerEvent};
use perftune::store::{Line, read_lines};
use statrs::distribution::{ContinuousCDF, StudentsT};

const PERFTUNE: &str = env!("CARGO_BIN_EXE_perftune");
const WORKER: &str = env!("CARGO_BIN_EXE_perftune-worker");
const MODELS: [&str; 3] = ["mlp", "cnn", "resnet"];
const DATASETS: [&str; 3] = ["digits", "satellite", "fashion-mnist"];

/// One measured window of training.
#[derive(Debug, Clone)]
struct Window {
    steps: f64,
    samples: f64,
    cpu_s: f64,
    wall_s: f64,
    p99_s: f64,
}

fn main() {
    let arguments: Vec<String> = std::env::args()
        .skip(1)
        .filter(|a| a != "--bench")
        .collect();
    let wants = |what: &str| {
        let modes = ["overhead", "pytorch"];
        arguments.iter().any(|a| a == what)
            || !arguments.iter().any(|a| modes.contains(&a.as_str()))
    };
    let chosen = |cell: &str| {
        let cells: Vec<_> = arguments.iter().filter(|a| a.contains('-')).collect();
        cells.is_empty() || cells.iter().any(|a| *a == cell)
    };
    let cells: Vec<(&str, &str)> = MODELS
        .iter()
        .flat_map(|model| DATASETS.map(|dataset| (*model, dataset)))
        .filter(|(model, dataset)| chosen(&format!("{model}-{dataset}")))
        .collect();
    if wants("overhead") {
        overhead(&cells);
    }
    if wants("pytorch") {
        pytorch(&cells);
    }
}

fn number(name: &str, default: f64) -> f64 {
    std::env::var(name)
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(default)
}

fn pairs() -> usize {
    std::env::var("PAIRS")
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(8)
}

fn overhead(cells: &[(&str, &str)]) {
    println!(
        "perftune / bare loop, {} alternating pairs of {} s",
        pairs(),
        number("SECONDS", 6.0)
    );
    println!(
        "  {:<22} {:>26} {:>26}",
        "cell", "steps per CPU-second", "p99 step time"
    );
    for (model, dataset) in cells {
        let (mut work, mut tail) = (Vec::new(), Vec::new());
        for pair in 0..pairs() {
            // The order within a pair alternates too: what drifts hits both alike.
            let (ours, bare) = if pair % 2 == 0 {
                let ours = through_perftune(model, dataset);
                (ours, bare_loop(model, dataset))
            } else {
                let bare = bare_loop(model, dataset);
                (through_perftune(model, dataset), bare)
            };
            work.push((ours.steps / ours.cpu_s) / (bare.steps / bare.cpu_s));
            tail.push(ours.p99_s / bare.p99_s);
        }
        let (work, tail) = (Ratio::of(&work), Ratio::of(&tail));
        let verdict = if work.low >= 0.98 {
            "ok"
        } else {
            "MISSED (0.98)"
        };
        println!(
            "  {:<22} {work} {tail}  {verdict}",
            format!("{model}-{dataset}")
        );
    }
}

fn pytorch(cells: &[(&str, &str)]) {
    let python = std::env::var("PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let probe = Command::new(&python)
        .args(["-c", "import numpy, torch; print(torch.__version__)"])
        .output();
    let version = match probe {
        Ok(output) if output.status.success() => String::from_utf8(output.stdout).unwrap(),
        _ => {
            println!("skipped: {python} has no torch and numpy (set PYTHON to one that has)");
            return;
        }
    };
    println!(
        "perftune / PyTorch {}, {} alternating rounds",
        version.trim(),
        pairs()
    );
    println!(
        "  {:<22} {:>26} {:>26}",
        "cell", "over a DataLoader", "over indexing tensors"
    );
    for (model, dataset) in cells {
        let (mut loader, mut indexing) = (Vec::new(), Vec::new());
        for _ in 0..pairs() {
            let ours = through_perftune(model, dataset);
            let rate = ours.samples / ours.wall_s;
            let cell = (*model, *dataset);
            loader.push(rate / python_loop(&python, "dataloader", cell, &ours));
            indexing.push(rate / python_loop(&python, "tensors", cell, &ours));
        }
        let (loader, indexing) = (Ratio::of(&loader), Ratio::of(&indexing));
        let (floor, index_floor) = if *model == "mlp" {
            (1.5, 1.2)
        } else {
            (1.0, 1.0)
        };
        let ok = loader.middle >= floor && indexing.middle >= index_floor;
        let verdict = if ok { "ok" } else { "MISSED" };
        println!(
            "  {:<22} {loader} {indexing}  {verdict}",
            format!("{model}-{dataset}")
        );
    }
}

/// A ratio over pairs: geometric mean and the 95% t interval of the logarithms.
struct Ratio {
    low: f64,
    middle: f64,
    high: f64,
}

impl Ratio {
    fn of(ratios: &[f64]) -> Self {
        let logs: Vec<f64> = ratios.iter().map(|ratio| ratio.ln()).collect();
        let n = logs.len() as f64;
        let mean = logs.iter().sum::<f64>() / n;
        let variance = logs.iter().map(|log| (log - mean).powi(2)).sum::<f64>() / (n - 1.0);
        let t = StudentsT::new(0.0, 1.0, n - 1.0)
            .unwrap()
            .inverse_cdf(0.975);
        let half = t * (variance / n).sqrt();
        Self {
            low: (mean - half).exp(),
            middle: mean.exp(),
            high: (mean + half).exp(),
        }
    }
}

impl std::fmt::Display for Ratio {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(&format!(
            "{:>8.3} [{:.3}, {:.3}]",
            self.middle, self.low, self.high
        ))
    }
}

/// Trains a cell through the whole of perftune.
fn through_perftune(model: &str, dataset: &str) -> Window {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let grid = folder.path().join("grid.toml");
    let text = format!(
        "[grid]\nmodel = \"{model}\"\ndataset = \"{dataset}\"\n[train]\nepochs = 100000\nvalidation_share = \"0%\"\n\
         [serve]\nenabled = false\n[stop]\nmax_run_time = \"{}s\"\n",
        number("SECONDS", 6.0) + 1.0
    );
    std::fs::write(&grid, text).unwrap();
    let before = children_cpu_s();
    let status = Command::new(PERFTUNE)
        .args([
            "run",
            grid.to_str().unwrap(),
            "--full",
            "--progress",
            "none",
            "--out",
            out.to_str().unwrap(),
        ])
        .env("PERFTUNE_WORKER", WORKER)
        .env(
            "PERFTUNE_DATASETS",
            Path::new(env!("CARGO_MANIFEST_DIR")).join("datasets"),
        )
        .stdout(Stdio::null())
        .status()
        .unwrap();
    assert!(status.success(), "{status}");
    // The runner has waited for its worker, so both are in here.
    let both = children_cpu_s() - before;
    window(&out.join("runs").join(format!("{model}-{dataset}")), both)
}

/// Reads the training between the first and the last sample that lie in it.
fn window(run: &Path, both_cpu_s: f64) -> Window {
    let mut samples: Vec<ResourceSample> = Vec::new();
    let mut steps: Vec<(u64, u64, u32)> = Vec::new();
    let (mut training, mut record) = (None, None);
    for line in read_lines(run).unwrap() {
        match line.unwrap() {
            Line::Sample(sample) => samples.push(*sample),
            Line::Worker(envelope) => match envelope.event {
                WorkerEvent::Phase {
                    phase: Phase::Train,
                } => {
                    training.get_or_insert(envelope.t_ns);
                }
                WorkerEvent::Steps(batch) if batch.phase == Phase::Train => {
                    let mut end = batch.start_ns;
                    for dur in batch.dur_ns {
                        end += dur;
                        steps.push((end, dur, batch.items));
                    }
                }
                _ => {}
            },
            Line::Ended(ended) => record = Some(ended),
            _ => {}
        }
    }
    let record = record.unwrap();
    let (first_ns, last_ns) = (training.unwrap(), steps.last().unwrap().0);
    let inside: Vec<_> = samples
        .iter()
        .filter(|s| s.t_ns >= first_ns && s.t_ns <= last_ns)
        .collect();
    let (first, last) = (inside.first().unwrap(), inside.last().unwrap());
    let wall_s = (last.t_ns - first.t_ns) as f64 / 1e9;
    let worker_cpu_s = (last.cpu_ns.unwrap() - first.cpu_ns.unwrap()) as f64 / 1e9;
    let worker_total = record.metric("run", "cpu.time").unwrap().estimate.unwrap();
    let runner_cpu_s = (both_cpu_s - worker_total).max(0.0) * wall_s / record.wall_s;
    let inside = |end: u64| end > first.t_ns && end <= last.t_ns;
    let counted: Vec<_> = steps.iter().filter(|(end, _, _)| inside(*end)).collect();
    Window {
        steps: counted.len() as f64,
        samples: counted.iter().map(|(_, _, items)| f64::from(*items)).sum(),
        cpu_s: worker_cpu_s + runner_cpu_s,
        wall_s,
        p99_s: p99(counted.iter().map(|(_, dur, _)| *dur).collect()),
    }
}

fn p99(mut durations: Vec<u64>) -> f64 {
    durations.sort_unstable();
    durations[durations.len() * 99 / 100] as f64 / 1e9
}

fn children_cpu_s() -> f64 {
    // Of /proc/self/stat: cutime and cstime, fields 16 and 17, in ticks of 10 ms; a window is some seconds long.
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = stat
        .rsplit(')')
        .next()
        .unwrap()
        .split_whitespace()
        .collect();
    let ticks: f64 = fields[13].parse::<f64>().unwrap() + fields[14].parse::<f64>().unwrap();
    ticks / rustix::param::clock_ticks_per_second() as f64
}

/// The same job as the grid's, with nothing around it.
fn bare_loop(model: &str, dataset: &str) -> Window {
    let job = job(model, dataset);
    let mut command = Command::new(WORKER);
    command
        .args(["--bare-loop", &number("SECONDS", 6.0).to_string()])
        .env("MALLOC_MMAP_THRESHOLD_", "1000000000")
        .env("MALLOC_TRIM_THRESHOLD_", "1000000000")
        .env("MALLOC_TOP_PAD_", "100000000")
        .env("OMP_NUM_THREADS", job.threads.to_string())
        .env("MKL_NUM_THREADS", job.threads.to_string());
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let line = perftune::event::wire::encode(&Order::Job(Box::new(job))).unwrap();
    writeln!(child.stdin.take().unwrap(), "{line}").unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success());
    let result: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let value = |key: &str| result[key].as_f64().unwrap();
    let durations = result["dur_ns"]
        .as_array()
        .unwrap()
        .iter()
        .map(|d| d.as_u64().unwrap());
    Window {
        steps: value("steps"),
        samples: value("samples"),
        cpu_s: value("cpu_ns") / 1e9,
        wall_s: value("wall_ns") / 1e9,
        p99_s: p99(durations.collect()),
    }
}

fn job(model: &str, dataset: &str) -> JobSpec {
    let datasets = Path::new(env!("CARGO_MANIFEST_DIR")).join("datasets");
    serde_json::from_value(serde_json::json!({
        "protocol": perftune::event::PROTOCOL_VERSION,
        "run": "bare",
        "model": { "name": model, "depth": null, "width": null },
        "dataset": dataset,
        "dataset_dir": datasets.join(dataset),
        "seed": 1,
        "threads": std::thread::available_parallelism().unwrap().get(),
        "device": "cpu",
        "flush_denormals": true,
        "allocator": "retain",
        "train": {
            "epochs": 100_000, "batch_size": 64, "optimizer": "adam", "learning_rate": 1e-3,
            "weight_decay": 0.0, "validation_share": 0.0, "warmup_steps": 5,
        },
        "serve": null,
    }))
    .unwrap()
}

/// Samples a second of the Python script over about as many steps as `ours` took in the same time.
fn python_loop(python: &str, mode: &str, (model, dataset): (&str, &str), ours: &Window) -> f64 {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/pytorch_loop.py");
    let steps = (ours.steps / ours.wall_s * number("SECONDS", 6.0) * 0.7)
        .max(20.0)
        .round();
    let output = Command::new(python)
        .arg(script)
        .args(["--model", model, "--dataset", dataset, "--mode", mode])
        .args(["--steps", &steps.to_string(), "--validation-share", "0"])
        .stderr(Stdio::inherit())
        .output()
        .unwrap();
    assert!(output.status.success(), "benches/pytorch_loop.py failed");
    let result: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    result["samples_per_s"].as_f64().unwrap()
}
