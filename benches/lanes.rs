//! What two lanes bring on two cores: a grid of scripted cells, each of which keeps one core busy, one after the other and side by
//! side in turns; and what those cells say of their own speed.
//!
//! `cargo bench --bench lanes`, on a machine that does nothing else.
#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a benchmark prints and may panic"
)]

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

const PERFTUNE: &str = env!("CARGO_BIN_EXE_perftune");

/// Pairs of grids, one lane and two lanes in turns.
const PAIRS: usize = 5;

fn main() {
    if std::thread::available_parallelism().unwrap().get() < 2 {
        println!("skipped: two lanes need two cores");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let grid = folder.path().join("lanes.toml");
    std::fs::write(&grid, GRID).unwrap();
    let mut found: Vec<(f64, f64)> = Vec::new();
    for pair in 0..PAIRS {
        let timed = |jobs: &str| timed(folder.path(), &grid, jobs);
        // ABBA: what drifts falls on both.
        let (one, two) = if pair % 2 == 0 {
            let one = timed("1");
            (one, timed("2"))
        } else {
            let two = timed("2");
            (timed("1"), two)
        };
        println!("  8 cells: {one:.2} s on one lane, {two:.2} s on two: {:.3} times", one / two);
        found.push((one, two));
    }
    let mut times: Vec<f64> = found.iter().map(|(one, two)| one / two).collect();
    times.sort_by(f64::total_cmp);
    let median = times[PAIRS / 2];
    let verdict = if median >= 1.9 { "ok" } else { "MISSED" };
    println!(
        "throughput of two lanes, median of {PAIRS}: {median:.3} times (target: 1.9)  {verdict}"
    );
}

/// Each cell takes a second and a half of one core, and little else.
const GRID: &str = r#"
name = "lanes"
repeat = 1
[worker]
program = "scripted"
options = { time = "real", step_us = 1000.0, steps_per_epoch = 500, first_step = 1.0 }
[grid]
model = "m"
dataset = "d"
threads = 1
batch_size = [1, 2, 3, 4, 5, 6, 7, 8]
[train]
epochs = 3
warmup_steps = 0
[serve]
enabled = false
[stop]
enabled = false
"#;

/// Seconds that the grid takes.
fn timed(folder: &Path, grid: &Path, jobs: &str) -> f64 {
    let start = Instant::now();
    let status = Command::new(PERFTUNE)
        .args(["run", grid.to_str().unwrap(), "--fresh", "--jobs", jobs, "--progress", "none"])
        .arg("--out")
        .arg(folder.join("results"))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .unwrap();
    assert!(status.success(), "--jobs {jobs}: {status}");
    start.elapsed().as_secs_f64()
}
