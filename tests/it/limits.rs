//! Constraints from the grid file to the exit code, with the worker that plays a script.

use crate::support::Lab;

/// In virtual time: a step takes 1 ms (64 samples), a request of one 100 us, one of 32 5.7 times that.
const GRID: &str = r#"
name = "t"
repeat = 1
[worker]
program = "scripted"
options = { steps_per_epoch = 50, peak_bytes = 67108864 }
[grid]
model = ["one", "two"]
dataset = "made-up"
[train]
epochs = 60
[serve]
batch_size = [1, 32]
max_time = "4s"
[stop]
metrics = ["throughput"]
max_time = "1h"
"#;

fn lab(constraints: &str) -> Lab {
    Lab::new(&format!("{GRID}[constraints]\n{constraints}"))
}

#[test]
fn a_broken_constraint_ends_the_run_and_strict_says_so() {
    // Kept by requests of one, broken by those of 32.
    let lab = lab("\"serve.latency_p99\" = \"<= 400us\"\n\"train.throughput\" = \">= 1k/s\"\n");
    // In virtual time a worker is far ahead of its runner: a short training would be over before it is stopped.
    let long = ["--set", "train.epochs=100000"];
    let shown = lab.run(&[&long[..], &["--strict"]].concat()).exits(1);
    for run in ["one-made-up", "two-made-up"] {
        let row = lab.report(run);
        assert_eq!((&*row["status"], &*row["stop_reason"]), ("stopped", "infeasible"));
        assert_eq!(row["verdict"], "infeasible");
        let says = "serve.latency_p99 <= 400 us is broken in serve[32]: at least 5";
        assert!(row["verdict_reason"].starts_with(says), "{row:?}");
        assert!(row["verdict_reason"].contains(" at 99.5%, after 1."), "{row:?}");
        assert_eq!(row["verdict_reason"], row["stop_detail"]);
        let record = lab.record(run);
        assert_eq!(record["verdict"]["verdict"], "infeasible");
        assert!(shown.stdout.contains(&format!("{run} infeasible: serve.latency_p99")));
    }
    assert!(shown.stdout.lines().all(|line| line.chars().count() <= 80));
    let closing = "2 ok (2 infeasible)";
    assert!(shown.stdout.contains(closing) && shown.stdout.contains("; 2 infeasible;"));
    // Without --strict an answer is an answer; and the verdicts of a folder can be told again.
    lab.run(&[&long[..], &["--fresh", "-q"]].concat()).exits(0);
    let again = lab.call(&["report", "results/t", "--format", "json"]).exits(0);
    let document: serde_json::Value = serde_json::from_str(&again.stdout).unwrap();
    assert_eq!(document["runs"][1]["verdict"]["verdict"], "infeasible");
}

#[test]
fn the_whole_run_gives_the_same_verdict() {
    for (limit, verdict, code) in [("<= 400us", "infeasible", 1), ("<= 800us", "feasible", 0)] {
        let lab = lab(&format!("\"serve.latency_p99\" = \"{limit}\"\n"));
        lab.run(&["--full", "--strict", "-q"]).exits(code);
        for run in ["one-made-up", "two-made-up"] {
            let row = lab.report(run);
            assert_eq!(
                (&*row["status"], &*row["epochs"], &*row["verdict"]),
                ("completed", "60", verdict),
                "{row:?}"
            );
        }
    }
}

#[test]
fn one_feasible_cell_is_enough() {
    let lab = lab("\"memory.peak\" = \"<= 1GiB\"\ntest_accuracy = \">= 0.9\"\n");
    // An accuracy is trained for, so the run uses its budget.
    let shown = lab.run(&["--strict", "--set", "stop.patience=99", "--only", "model=one"]).exits(0);
    let row = lab.report("one-made-up");
    assert_eq!((&*row["epochs"], &*row["verdict"]), ("60", "feasible"), "{row:?}");
    assert!(
        row["verdict_reason"].contains("memory.peak <= 1.00 GiB is met over the stages completed")
    );
    assert!(row["verdict_reason"].contains("test_accuracy >= 0.9 is met: 0.95"), "{row:?}");
    assert!(shown.stdout.contains("1 feasible"), "{}", shown.stdout);
}

#[test]
fn what_cannot_be_measured_is_undecided_and_not_enough() {
    let lab = lab("\"gpu.utilisation\" = \"<= 100%\"\n");
    lab.run(&["--strict", "-q", "--only", "model=one", "--full"]).exits(1);
    let row = lab.report("one-made-up");
    assert_eq!((&*row["status"], &*row["verdict"]), ("completed", "undecided"));
    assert!(row["verdict_reason"].contains("cannot be measured here"), "{row:?}");
}

#[test]
fn the_command_line_may_set_a_limit_and_strict_needs_one() {
    let lab = Lab::new(GRID);
    let shown = lab.run(&["--strict"]).exits(2);
    assert!(shown.stderr.contains("the grid has no [constraints]"), "{}", shown.stderr);
    assert!(!lab.file("manifest.json").exists());
    let set = ["--set", "constraints.serve.latency_p50=<= 50us"];
    let plan = lab.run(&[&set[..], &["--dry-run", "--format", "json"]].concat()).exits(0);
    let plan: serde_json::Value = serde_json::from_str(&plan.stdout).unwrap();
    let settings = &plan["plan"][0]["settings"];
    assert_eq!(settings["stop.constraints"][0], "serve.latency_p50 <= 50.0 us");
    assert_eq!(settings["stop.metrics"][2], "serve.latency_p50");
    lab.run(&[&set[..], &["--strict", "-q"]].concat()).exits(1);
    assert_eq!(lab.report("one-made-up")["stop_reason"], "infeasible");
}

#[test]
fn a_peak_over_its_limit_ends_the_run_at_once() {
    let grid = GRID.replace("peak_bytes = 67108864", "memory_bytes = 268435456, time = \"real\"");
    let lab = Lab::new(&format!("{grid}[constraints]\nmemory.peak = \"<= 64MiB\"\n"));
    lab.run(&["-q", "--only", "model=one"]).exits(0);
    let row = lab.report("one-made-up");
    assert_eq!(row["stop_reason"], "infeasible", "{row:?}");
    assert!(row["verdict_reason"].starts_with("memory.peak <= 64.0 MiB is broken: it reached "));
    assert!(row["wall_s"].parse::<f64>().unwrap() < 20.0);
}
