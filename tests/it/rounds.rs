//! Rounds over the cells of a grid, with the worker that plays a script: how often each is visited, and what is said of it.

use std::fs;

use crate::support::{Lab, rows};

/// Two cells whose runs differ by `run_spread`, in virtual time.
const GRID: &str = r#"
name = "t"
repeat = "auto"
[worker]
program = "scripted"
options = { steps_per_epoch = 50, run_spread = 0.002 }
[grid]
model = ["one", "two"]
dataset = "made-up"
[train]
epochs = 20
[serve]
batch_size = 1
max_time = "1s"
[stop]
metrics = ["step_latency", "latency"]
min_time = "0.1s"
"#;

fn lab() -> Lab {
    Lab::new(GRID)
}

const NOISY: [&str; 2] = ["--set", "worker.options.run_spread=0.3"];

fn visits(lab: &Lab) -> usize {
    rows(&lab.text("report.csv")).len()
}

#[test]
fn cells_that_are_known_between_their_runs_are_visited_no_more() {
    let lab = lab();
    let shown = lab.run(&[]).exits(0);
    assert!(shown.stdout.contains("2 cells: 2 known; "), "{}", shown.stdout);
    assert!((4..=6).contains(&visits(&lab)), "{}", shown.stderr);
    for row in rows(&lab.text("summary_metrics.csv")) {
        if row["metric"] == "train.step_latency_p50" {
            assert_eq!((&*row["interval"], &*row["known"]), ("between runs", "true"), "{row:?}");
        }
    }
    // A row a run where that is asked, and the same bytes again from what is recorded.
    let before = lab.text("summary.csv");
    let again = lab.call(&["report", "results/t"]).exits(0);
    assert!(again.stdout.contains("2 cells: 2 known; "), "{}", again.stdout);
    let per_run = lab.call(&["report", "results/t", "--per-run"]).exits(0);
    assert!(!per_run.stdout.contains("2 cells"), "{}", per_run.stdout);
    assert_eq!(lab.text("summary.csv"), before);
    // Nothing is left to be done.
    let resumed = lab.run(&["--resume"]).exits(0);
    assert!(!resumed.stderr.contains("started"), "{}", resumed.stderr);
}

#[test]
fn a_cell_that_noise_keeps_open_is_given_up() {
    let lab = lab();
    let shown = lab.run(&NOISY).exits(0);
    assert!(shown.stdout.contains("2 cells: 2 noise-limited; "), "{}", shown.stdout);
    let says = shown.stdout.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(says.contains("±5% is out of reach"), "{says}");
    assert_eq!(visits(&lab), 6, "three of each, though five may be made: {}", shown.stderr);
}

#[test]
fn a_cell_that_another_dominates_is_visited_no_more() {
    let lab = lab();
    let slow = [
        "--set",
        "worker.options.run_spread=0.1",
        "--set",
        "worker.options.slowdown=20",
        "--set",
        "worker.options.slow_batch_size=64",
        "--set",
        "grid.batch_size=[16, 64]",
        "--set",
        "objectives.minimize=[\"train.step_latency_p50\"]",
        "--only",
        "model=one",
    ];
    let shown = lab.run(&slow).exits(0);
    assert!(shown.stdout.contains("2 cells: 1 noise-limited, 1 dominated; "), "{}", shown.stdout);
    let count = |size| {
        let found = rows(&lab.text("report.csv"));
        found.iter().filter(|row| row["batch_size"] == size).count()
    };
    assert_eq!((count("16"), count("64")), (3, 2), "{}", shown.stderr);
}

fn names(report: &str) -> Vec<String> {
    rows(report).iter().map(|row| row["run"].clone()).collect()
}

#[test]
fn what_a_kill_has_left_goes_on_in_the_same_order() {
    let lab = lab();
    lab.run(&NOISY).exits(0);
    let whole = lab.text("report.csv");
    // As if it had been killed in the last round.
    fs::remove_file(lab.path("results/t/runs/two-made-up-r3/done.json")).unwrap();
    let resumed = lab.run(&[&["--resume"][..], &NOISY].concat()).exits(0);
    let says = "[round 3: 1/1] two-made-up-r3: started";
    assert!(resumed.stderr.contains(says), "{}", resumed.stderr);
    assert_eq!(names(&lab.text("report.csv")), names(&whole));
}

#[test]
fn a_budget_ends_the_grid_in_time_and_the_rest_can_be_run() {
    let lab = lab();
    let real = ["worker.options.time=real", "stop.enabled=false", "serve.max_time=50ms"];
    let real = real.map(|set| ["--set", set]).concat();
    let long = ["--set", "train.epochs=100000", "--budget", "300ms"];
    let shown = lab.run(&[&real[..], &long].concat()).exits(2);
    assert!(shown.stderr.contains("nothing was measured"), "{}", shown.stderr);
    let many = ["--set", "train.epochs=1", "--repeat", "1000", "--fresh", "--budget", "2s"];
    let shown = lab.run(&[&real[..], &many].concat()).exits(0);
    let says = shown.stdout.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(says.contains("the budget has run out: --resume runs the rest"), "{says}");
    assert!(visits(&lab) >= 1);
}

#[test]
fn what_cannot_be_meant_is_said() {
    let lab = lab();
    for (args, says) in [
        (&["--set", "max_repeats=1"][..], "`max_repeats` must be"),
        (&["--set", "max_repeats=0"], "`max_repeats` must be"),
        (&["--set", "repeat=often"], "or \"auto\""),
        (&["--budget", "soon"], "soon"),
        (&["--set", "run.budget=0s"], "`budget` must be"),
    ] {
        let shown = lab.run(args).exits(2);
        assert!(shown.stderr.contains(says), "{args:?}: {}", shown.stderr);
    }
    // Whole runs know nothing early: each cell is run once.
    lab.run(&["--full"]).exits(0);
    assert_eq!(visits(&lab), 2);
}
