//! What perftune adds to training, and how its training compares with PyTorch's.
//!
//! `cargo bench --bench training -- [overhead|pytorch] [CELL...]`, in a checkout with libtorch. Everything is a ratio of two things that
//! alternate within one run, since the machine may be shared.
//!
//! * `overhead`: steps a CPU-second through `perftune run` (worker + sampler at 100 ms + events; the CPU time of both
//!   processes) over that of a bare loop: the same model, data, order and update rule in one process, with nothing
//!   sent, sampled or stopped. Both live at once and take turns of half a second (SIGSTOP, SIGCONT), so that what
//!   the machine does hits both alike; a pair is one such couple of fresh processes, `SECONDS` of work each.
//! * `pytorch`: samples a second through `perftune run` over those of `benches/pytorch_loop.py`, through a `DataLoader` and by
//!   indexing tensors. Skipped with a message where Python (`PYTHON`) has no torch.
//!
//! `PAIRS` (8) and `SECONDS` (6) set how much is measured.
#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a benchmark prints and may panic"
)]

#[path = "training/overhead.rs"]
mod overhead;
#[path = "training/pairs.rs"]
mod pairs;

use std::io::Write as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use pairs::{Ratio, number, pairs, recorded};
use perftune::event::{Command as Order, JobSpec};

const PERFTUNE: &str = env!("CARGO_BIN_EXE_perftune");
const WORKER: &str = env!("CARGO_BIN_EXE_perftune-worker");
const MODELS: [&str; 3] = ["mlp", "cnn", "resnet"];
const DATASETS: [&str; 3] = ["digits", "satellite", "fashion-mnist"];

/// One measured window of training.
#[derive(Debug, Clone)]
struct Window {
    steps: f64,
    samples: f64,
    wall_s: f64,
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|a| a != "--bench").collect();
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
        overhead::run(&cells, "0.98", |work, _| work.low >= 0.98);
    }
    if wants("pytorch") {
        pytorch(&cells);
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
    println!("perftune / PyTorch {}, {} alternating rounds", version.trim(), pairs());
    println!("  {:<22} {:>26} {:>26}", "cell", "over a DataLoader", "over indexing tensors");
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
        let (floor, index_floor) = if *model == "mlp" { (1.5, 1.2) } else { (1.0, 1.0) };
        let ok = loader.middle >= floor && indexing.middle >= index_floor;
        let verdict = if ok { "ok" } else { "MISSED" };
        println!("  {:<22} {loader} {indexing}  {verdict}", format!("{model}-{dataset}"));
    }
}

/// Starts a cell that trains through the whole of perftune for so many seconds, with its results in `folder`/out.
fn perftune_run(model: &str, dataset: &str, (folder, seconds): (&Path, f64)) -> Child {
    let grid = folder.join("grid.toml");
    let text = format!(
        "repeat = 1\n[grid]\nmodel = \"{model}\"\ndataset = \"{dataset}\"\n[train]\nepochs = 100000\nvalidation_share = \"0%\"\n\
         [serve]\nenabled = false\n[stop]\nmax_run_time = \"{seconds}s\"\n"
    );
    std::fs::write(&grid, text).unwrap();
    Command::new(PERFTUNE)
        .args(["run", grid.to_str().unwrap(), "--full", "--progress", "none"])
        .args(["--out", folder.join("out").to_str().unwrap()])
        .env("PERFTUNE_WORKER", WORKER)
        .env("PERFTUNE_DATASETS", Path::new(env!("CARGO_MANIFEST_DIR")).join("datasets"))
        .stdout(Stdio::null())
        .spawn()
        .unwrap()
}

/// Trains a cell through the whole of perftune.
fn through_perftune(model: &str, dataset: &str) -> Window {
    let folder = tempfile::tempdir().unwrap();
    let seconds = number("SECONDS", 6.0) + 1.0;
    let mut child = perftune_run(model, dataset, (folder.path(), seconds));
    let status = child.wait().unwrap();
    assert!(status.success(), "{status}");
    let cell = format!("{model}-{dataset}");
    window(&folder.path().join("out/runs").join(cell))
}

/// The training from its first step, which is left out, to its last.
fn window(run: &Path) -> Window {
    let steps = recorded(run);
    let (first, last) = (steps.first().unwrap(), steps.last().unwrap());
    Window {
        steps: (steps.len() - 1) as f64,
        samples: steps[1..].iter().map(|step| f64::from(step.items)).sum(),
        wall_s: (last.end_ns - first.end_ns) as f64 / 1e9,
    }
}

/// Starts the same job as the grid's with nothing around it, for so many seconds.
fn bare_loop(model: &str, dataset: &str, seconds: f64) -> Child {
    let job = job(model, dataset);
    let mut command = Command::new(WORKER);
    command
        .args(["--bare-loop", &seconds.to_string()])
        .env("MALLOC_MMAP_THRESHOLD_", "1000000000")
        .env("MALLOC_TRIM_THRESHOLD_", "1000000000")
        .env("MALLOC_TOP_PAD_", "100000000")
        .env("OMP_NUM_THREADS", job.threads.to_string())
        .env("MKL_NUM_THREADS", job.threads.to_string());
    let child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let line = perftune::event::wire::encode(&Order::Job(Box::new(job))).unwrap();
    writeln!(child.stdin.as_ref().unwrap(), "{line}").unwrap();
    child
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
        "work": "native",
    }))
    .unwrap()
}

/// Samples a second of the Python script over about as many steps as `ours` took in the same time.
fn python_loop(python: &str, mode: &str, (model, dataset): (&str, &str), ours: &Window) -> f64 {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/pytorch_loop.py");
    let steps = (ours.steps / ours.wall_s * number("SECONDS", 6.0) * 0.7).max(20.0).round();
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
