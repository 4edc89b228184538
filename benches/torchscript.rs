//! What perftune adds to a net of TorchScript, against a loop of a few lines over the same file.
//!
//! `cargo bench --bench torchscript -- [serve|train] [NET...]`, in a checkout with libtorch; the nets are those of `tests/nets`. One thread
//! each, requests of one sample, steps of 64.
//!
//! The bare loop is this program once more, with tch alone: no protocol, sampler or runner. The two take turns as in
//! `benches/training.rs`, so that what the machine does hits both alike. Wanted: throughput in the same time
//! within 3% of the bare loop's; the work a CPU-second counts what perftune itself uses beside its worker. `PAIRS` (8) and `SECONDS` (6) set how much is measured.
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

use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use perftune::clock::{Clock as _, MonotonicClock};
use tch::nn::{ModuleT, OptimizerConfig, VarStore};
use tch::{CModule, Device, Kind, Tensor, TrainableCModule};

const PERFTUNE: &str = env!("CARGO_BIN_EXE_perftune");
const WORKER: &str = env!("CARGO_BIN_EXE_perftune-worker");
const NETS: [&str; 2] = ["mlp", "residual"];
/// 64 values a sample, in ten classes.
const DATASET: &str = "digits";
const BATCH: i64 = 64;
/// The training samples of that data set.
const SAMPLES: i64 = 1437;
/// As many distinct requests as perftune makes.
const REQUESTS: i64 = 64;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|a| a != "--bench").collect();
    if let [bare, model] = &arguments[..]
        && bare == "--bare"
    {
        return bare_process(model);
    }
    let asked = |what: &str, of: &[&str]| {
        let named = of.iter().any(|one| arguments.iter().any(|a| a == one));
        !named || arguments.iter().any(|a| a == what)
    };
    let uses = ["serve", "train"];
    let models: Vec<String> = uses
        .iter()
        .filter(|mode| asked(mode, &uses))
        .flat_map(|mode| NETS.map(|net| (*mode, net)))
        .filter(|(_, net)| asked(net, &NETS))
        .map(|(mode, net)| format!("{mode}_{net}"))
        .collect();
    let cells: Vec<(&str, &str)> = models.iter().map(|model| (&**model, DATASET)).collect();
    overhead::run(&cells, "0.97", |_, rate| rate.middle >= 0.97);
}

/// `serve_mlp`: what is done, and the file of the net.
fn parts(model: &str) -> (bool, PathBuf) {
    let (mode, net) = model.split_once('_').unwrap();
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/nets").join(format!("{net}.pt"));
    (mode == "serve", file)
}

/// Starts a cell through the whole of perftune for so many seconds, with its results in `folder`/out.
fn perftune_run(model: &str, dataset: &str, (folder, seconds): (&Path, f64)) -> Child {
    let (serves, file) = parts(model);
    let what = if serves {
        format!("[train]\nepochs = 0\n[serve]\nbatch_size = 1\nmax_time = \"{seconds}s\"")
    } else {
        "[train]\nepochs = 100000\nvalidation_share = \"0%\"\n[serve]\nenabled = false".to_owned()
    };
    let grid = folder.join("grid.toml");
    let file = file.to_str().unwrap();
    let text = format!(
        "repeat = 1\n[models.{model}]\ntorchscript = {file:?}\n[grid]\nmodel = \"{model}\"\ndataset = \"{dataset}\"\n\
         batch_size = {BATCH}\nthreads = 1\n{what}\n[stop]\nmax_run_time = \"{seconds}s\"\n"
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

/// Starts the bare loop, with the environment that perftune gives its worker; it goes on until its input ends.
fn bare_loop(model: &str, _: &str, _: f64) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--bare", model])
        .env("MALLOC_MMAP_THRESHOLD_", "1000000000")
        .env("MALLOC_TRIM_THRESHOLD_", "1000000000")
        .env("MALLOC_TOP_PAD_", "100000000")
        .env("OMP_NUM_THREADS", "1")
        .env("MKL_NUM_THREADS", "1")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

fn bare_process(model: &str) {
    tch::set_num_interop_threads(1);
    tch::set_num_threads(1);
    tch::manual_seed(1);
    let ended = Arc::new(AtomicBool::new(false));
    let set = Arc::clone(&ended);
    std::thread::spawn(move || {
        let _ = std::io::stdin().read(&mut [0]);
        set.store(true, Ordering::Relaxed);
    });
    let (serves, file) = parts(model);
    if serves { bare_requests(&file, &ended) } else { bare_training(&file, &ended) }
}

/// Does it over and over, and says when it began and how long each took.
fn timed(ended: &AtomicBool, mut once: impl FnMut()) {
    for _ in 0..20 {
        once();
    }
    let mut took = Vec::with_capacity(1 << 22);
    let begin_ns = MonotonicClock.now_ns();
    let mut before = begin_ns;
    while !ended.load(Ordering::Relaxed) {
        once();
        let now = MonotonicClock.now_ns();
        took.push(now - before);
        before = now;
    }
    println!("{}", serde_json::json!({ "begin_ns": begin_ns, "dur_ns": took }));
}

/// From a sample to its class, without gradients.
fn bare_requests(file: &Path, ended: &AtomicBool) {
    let mut module = CModule::load(file).unwrap();
    module.set_eval();
    let sample = || Tensor::rand([1, 1, 8, 8], (Kind::Float, Device::Cpu));
    let requests: Vec<Tensor> = (0..REQUESTS).map(|_| sample()).collect();
    let (mut next, mut class) = (0, [0_i64]);
    timed(ended, || {
        let request = &requests[next];
        next = (next + 1) % requests.len();
        let _guard = tch::no_grad_guard();
        let logits = module.forward_ts(&[request]).unwrap();
        logits.argmax(1, false).copy_data(&mut class, 1);
    });
}

/// Adam on the cross entropy, with the samples in another order in each epoch.
fn bare_training(file: &Path, ended: &AtomicBool) {
    let store = VarStore::new(Device::Cpu);
    let mut module = TrainableCModule::load(file, store.root()).unwrap();
    module.set_train();
    let mut optimizer = tch::nn::Adam::default().build(&store, 1e-3).unwrap();
    let samples = Tensor::rand([SAMPLES, 1, 8, 8], (Kind::Float, Device::Cpu));
    let labels = Tensor::randint(10, [SAMPLES], (Kind::Int64, Device::Cpu));
    let order = || Tensor::randperm(SAMPLES, (Kind::Int64, Device::Cpu));
    let (mut rows, mut from) = (order(), 0);
    timed(ended, || {
        if from == SAMPLES {
            (rows, from) = (order(), 0);
        }
        let size = BATCH.min(SAMPLES - from);
        let batch = rows.narrow(0, from, size);
        from += size;
        let (xs, ys) = (samples.index_select(0, &batch), labels.index_select(0, &batch));
        let loss = module.forward_t(&xs, true).cross_entropy_for_logits(&ys);
        optimizer.backward_step(&loss);
        let _ = loss.double_value(&[]);
    });
}
