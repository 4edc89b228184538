//! What the command line itself costs: start-up, a large plan, and memory over many runs and many steps.
//!
//! `cargo bench --bench command_line`. Times are medians beside that of `/bin/true` started the same way, so that the
//! machine's own price of a process can be subtracted by eye. Memory is the runner's `VmRSS`, read while it works.
#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a benchmark prints and may panic"
)]

use std::fmt::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

const PERFTUNE: &str = env!("CARGO_BIN_EXE_perftune");

fn main() {
    let folder = tempfile::tempdir().unwrap();
    println!("start-up, median of 51 (target: 10 ms)");
    row("/bin/true", median(51, || timed(Command::new("/bin/true"))), None);
    for args in [&["--help"][..], &["list", "models"], &["list", "metrics"], &["list", "datasets"]]
    {
        let time = median(51, || timed(perftune(args)));
        row(&format!("perftune {}", args.join(" ")), time, Some(Duration::from_millis(10)));
    }
    println!("\na plan, median of 5 (targets: 0.3 s and 3 s)");
    for (rates, cells, target_ms) in [(100, "10,000", 300), (1000, "100,000", 3000)] {
        let grid = folder.path().join("large.toml");
        std::fs::write(&grid, large_grid(rates)).unwrap();
        let time = median(5, || timed(perftune(&["run", path(&grid), "--dry-run"])));
        let target = Duration::from_millis(target_ms);
        row(&format!("--dry-run of {cells} cells"), time, Some(target));
    }

    println!("\nmemory of the larger plan (target: 200 MiB)");
    for format in ["table", "csv", "json"] {
        let grid = folder.path().join("large.toml");
        let args = ["run", path(&grid), "--dry-run", "--format", format];
        let most = readings(perftune(&args)).into_iter().fold(0.0, f64::max);
        println!("  --format {format:<19} {most:>9.1} MiB  {}", verdict(most <= 200.0));
    }

    println!("\nmemory of the runner (target: grows by at most 20 MiB)");
    let runs = scripted(folder.path(), "runs", 1000, 3, 100);
    memory("1,000 runs of 300 steps", &runs);
    let steps = scripted(folder.path(), "steps", 1, 100, 100_000);
    memory("one run of 10,000,000 steps", &steps);
}

fn perftune(args: &[&str]) -> Command {
    let mut command = Command::new(PERFTUNE);
    command.args(args);
    command
}

fn path(path: &Path) -> &str {
    path.to_str().unwrap()
}

fn timed(mut command: Command) -> Duration {
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let start = Instant::now();
    let status = command.status().unwrap();
    assert!(status.success(), "{command:?}: {status}");
    start.elapsed()
}

fn median(times: usize, mut measure: impl FnMut() -> Duration) -> Duration {
    let mut all: Vec<_> = (0..times).map(|_| measure()).collect();
    all.sort();
    all[times / 2]
}

fn row(what: &str, time: Duration, target: Option<Duration>) {
    let verdict = target.map_or("", |target| verdict(time <= target));
    println!("  {what:<28} {:>9.2} ms  {verdict}", time.as_secs_f64() * 1e3);
}

/// Of 100 cells for each rate, with a key that is looked for in all of them.
fn large_grid(rates: u32) -> String {
    let list = |values: Vec<String>| values.join(", ");
    let batches = list((1..=100).map(|b| b.to_string()).collect());
    let rates = list((1..=rates).map(|r| format!("{r}e-6")).collect());
    format!(
        "[worker]\nprogram = \"scripted\"\n[grid]\nmodel = \"m\"\ndataset = \"d\"\n\
         batch_size = [{batches}]\nlearning_rate = [{rates}]\n\
         [serve]\npattern = \"server\"\nrate = \"100/s\"\n"
    )
}

/// A grid of one scripted cell, and what it is called.
fn scripted(folder: &Path, name: &str, repeats: u32, epochs: u32, steps: u32) -> (String, String) {
    let grid = folder.join(format!("{name}.toml"));
    let mut text = String::new();
    writeln!(text, "repeat = {repeats}\n[worker]\nprogram = \"scripted\"").unwrap();
    writeln!(text, "options = {{ steps_per_epoch = {steps} }}").unwrap();
    writeln!(text, "[grid]\nmodel = \"m\"\ndataset = \"d\"").unwrap();
    writeln!(text, "[train]\nepochs = {epochs}\n[serve]\nmax_time = \"100ms\"").unwrap();
    std::fs::write(&grid, text).unwrap();
    (path(&grid).to_owned(), path(&folder.join(name)).to_owned())
}

/// Runs the grid to its end and prints how the runner's memory moved after its first tenth of the time.
fn memory(what: &str, (grid, out): &(String, String)) {
    let command = perftune(&["run", grid, "--out", out, "--full", "--progress", "none"]);
    let start = Instant::now();
    let readings = readings(command);
    let early = readings[..readings.len().div_ceil(10)].iter().copied().fold(0.0, f64::max);
    let late = readings.iter().copied().fold(0.0, f64::max);
    let verdict = verdict(late - early <= 20.0);
    println!(
        "  {what:<28} {early:>6.1} MiB in the first tenth, {late:>6.1} MiB at most, {:.1} s  {verdict}",
        start.elapsed().as_secs_f64()
    );
}

fn verdict(met: bool) -> &'static str {
    if met { "ok" } else { "MISSED" }
}

/// The resident memory of a command while it works, in mebibytes.
fn readings(mut command: Command) -> Vec<f64> {
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::null()).spawn().unwrap();
    let mut readings = Vec::new();
    while child.try_wait().unwrap().is_none() {
        readings.extend(resident(child.id()));
        std::thread::sleep(Duration::from_millis(20));
    }
    assert!(child.wait().unwrap().success());
    readings
}

fn resident(pid: u32) -> Option<f64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: f64 = line.trim().trim_end_matches("kB").trim().parse().ok()?;
    Some(kib / 1024.0)
}
