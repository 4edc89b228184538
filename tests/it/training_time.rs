//! The time of training, its limits, serving once more, and what early ends spare, with the worker that plays a script.

use crate::support::{Lab, Row};

/// In virtual time: 50 steps of 1 ms an epoch and 100 us of validation, so 60 epochs take about 3 s; a request of one
/// sample takes 100 us. The accuracy is 0.95 less half of itself each epoch.
const GRID: &str = r#"
name = "t"
repeat = 1
[worker]
program = "scripted"
options = { steps_per_epoch = 50, peak_bytes = 67108864 }
[grid]
model = "one"
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

fn number(row: &Row, column: &str) -> f64 {
    let text = &row[column];
    text.parse().unwrap_or_else(|_| panic!("{column}: `{text}`"))
}

fn metric(lab: &Lab, phase: &str, metric: &str) -> Row {
    let rows = lab.rows("metrics.csv").into_iter();
    let mut found = rows.filter(|row| row["phase"] == phase && row["metric"] == metric);
    found.next().unwrap_or_else(|| panic!("{phase} {metric}"))
}

/// The phases that the worker announced, each once.
fn phases(lab: &Lab) -> Vec<String> {
    let log = lab.text("runs/one-made-up/events.jsonl");
    let mut found: Vec<String> = Vec::new();
    for line in log.lines() {
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        let event = &line["data"]["event"];
        if event["type"] == "phase" {
            let phase = event["data"]["phase"].as_str().unwrap().to_owned();
            if !found.contains(&phase) {
                found.push(phase);
            }
        }
    }
    found
}

#[test]
fn the_times_of_training_have_their_columns_and_rows() {
    let lab = Lab::new(GRID);
    lab.run(&["--full", "-q", "--set", "train.target_accuracy=0.9"]).exits(0);
    let record = lab.record("one-made-up");
    let whole = 60.0 * (50.0 * 1e-3 + 1e-4);
    let projected = number(&metric(&lab, "train", "train.time_projected"), "estimate");
    assert!((projected / whole - 1.0).abs() < 0.02, "{projected}");
    // 0.95 (1 - 1/32) is above 0.9, and 0.95 (1 - 1/16) is not; the very first step takes ten times as long.
    let reached = number(&metric(&lab, "train", "train.time_to_accuracy"), "estimate");
    let expected = 5.0 * (50.0 * 1e-3 + 1e-4) + 9e-3;
    assert!((reached / expected - 1.0).abs() < 0.03, "{reached}");
    assert!(record["saved_s_at_least"].is_null());
    let found = metric(&lab, "train", "train.time_projected");
    assert!(
        found["note"].contains("60 epochs of 3200 samples; 0.")
            && found["note"].ends_with("between epochs (validation), as seen in 60 epochs"),
        "{found:?}"
    );
    assert!(number(&found, "low") < projected && number(&found, "high") > projected);
    let found = metric(&lab, "train", "train.time_to_accuracy");
    assert_eq!(found["note"], "0.9203 in epoch 5, the first of at least 0.9");

    lab.run(&["--full", "-q", "--fresh"]).exits(0);
    assert_eq!(lab.report("one-made-up").get("train_time_to_accuracy_s"), None);
    let found = metric(&lab, "train", "train.time_to_accuracy");
    assert_eq!(found["note"], "no target: set target_accuracy in [train]");
}

#[test]
fn a_training_that_would_take_too_long_is_not_begun_in_vain() {
    let limit = "constraints.train.time_projected=<= 1min";
    let lab = Lab::new(GRID);
    // In virtual time a worker is far ahead of its runner: a short training would be over before it is stopped.
    let long = ["--set", "train.epochs=100000", "--set", limit];
    let shown = lab.run(&long).exits(0);
    let row = lab.report("one-made-up");
    assert_eq!(row["stop_reason"], "infeasible", "{row:?}");
    // How far beyond it is known to be depends on how soon the runner looks.
    let says = "train.time_projected <= 60.0 s is broken in train: at least ";
    assert!(row["verdict_reason"].starts_with(says), "{row:?}");
    // 100,000 epochs of 50.1 ms.
    let saved = lab.record("one-made-up")["saved_s_at_least"].as_f64().unwrap();
    assert!((4_500.0..5_010.0).contains(&saved), "{saved}");
    assert!(row["stop_detail"].ends_with("of the training budget were saved"));
    let line = "1 infeasible run ended early; at least 8";
    assert!(shown.stdout.contains(line), "{}", shown.stdout);
    // The whole of a short one keeps it.
    lab.run(&["--full", "-q", "--fresh", "--strict", "--set", limit]).exits(0);
    assert_eq!(lab.report("one-made-up")["verdict"], "feasible");
}

#[test]
fn a_target_that_is_not_reached_in_time_is_broken() {
    let lab = Lab::new(GRID);
    let limit = "constraints.train.time_to_accuracy=<= 10s";
    for (target, verdict, says) in [
        ("0.9", "feasible", "train.time_to_accuracy <= 10.0 s is met: 2"),
        (
            "0.99",
            "infeasible",
            "train.time_to_accuracy <= 10.0 s is broken: trained to the end, 0.99 not reached: best 0.9500 in epoch ",
        ),
    ] {
        let target = format!("train.target_accuracy={target}");
        let args = ["--full", "-q", "--fresh", "--set", &target, "--set", limit];
        lab.run(&args).exits(0);
        let row = lab.report("one-made-up");
        assert_eq!(row["verdict"], verdict, "{row:?}");
        assert!(row["verdict_reason"].starts_with(says), "{row:?}");
    }
    let shown = lab.run(&["--fresh", "--set", limit]).exits(2);
    assert!(
        shown.stderr.contains("no target is set")
            && shown.stderr.contains("target_accuracy = 0.88"),
        "{}",
        shown.stderr
    );
}

#[test]
fn the_cheapest_phase_that_decides_is_the_last() {
    // Really spent: the worker can be stopped where it is.
    let grid = GRID.replace("peak_bytes = 67108864", "time = \"real\"");
    let lab = Lab::new(&grid);
    let limit = "constraints.serve.latency_p50=<= 50us";
    // However late the runner looks, the worker is still there.
    let shown = lab.run(&["--set", limit, "--set", "serve.max_time=1min"]).exits(0);
    // Nor are the test data read by a model that has learned nothing.
    assert_eq!(phases(&lab), ["load", "warmup", "serve[1]"]);
    let row = lab.report("one-made-up");
    assert_eq!((&*row["status"], row.get("test_accuracy")), ("stopped", None));
    let untested = metric(&lab, "run", "test_accuracy");
    let says = "ended before training: the test data were not read";
    assert_eq!(untested["note"], says);
    assert!(
        row["stop_detail"]
            .ends_with("one by one, on untrained weights; its training had not begun"),
        "{row:?}"
    );
    assert!(lab.record("one-made-up")["saved_s_at_least"].is_null());
    let line = "1 infeasible run ended early; its training had not begun";
    assert!(shown.stdout.contains(line), "{}", shown.stdout);
}

#[test]
fn a_verdict_on_requests_is_confirmed_on_the_trained_model() {
    let limit = "constraints.serve.latency_p50=<= 200us";
    let slower = |factor: &str| {
        let options = format!("trained_slowdown = {factor}, peak_bytes");
        Lab::new(&GRID.replace("peak_bytes", &options).replace("[1, 32]", "1"))
    };
    for (factor, verdict, weights) in
        [("1.0", "feasible", "on trained weights"), ("4.0", "infeasible", "on trained weights")]
    {
        for full in
            [&["--full"][..], &["--set", "stop.metrics=[\"accuracy\"]", "--set", "stop.patience=9"]]
        {
            let lab = slower(factor);
            let shown = lab.run(&[full, &["--set", limit]].concat()).exits(0);
            assert_eq!(
                phases(&lab),
                ["load", "warmup", "serve[1]", "train", "validate", "confirm[1]", "test"]
            );
            let row = lab.report("one-made-up");
            assert_eq!(row["verdict"], verdict, "{factor} {full:?} {row:?}");
            assert!(
                row["verdict_reason"].contains("in confirm[1]: at ")
                    && row["verdict_reason"].contains(weights),
                "{row:?}"
            );
            let found = metric(&lab, "confirm[1]", "serve.latency_p50");
            let expected = 1e-4 * factor.parse::<f64>().unwrap();
            let p50 = number(&found, "estimate");
            assert!((p50 / expected - 1.0).abs() < 0.02, "{found:?}");
            assert_eq!(found["known"], "");
            assert!(!shown.stdout.contains("ended early"), "{}", shown.stdout);
        }
    }
    // Nothing is served twice where nobody asked what a request may take.
    let lab = slower("1.0");
    lab.run(&["--full", "-q"]).exits(0);
    assert!(!phases(&lab).contains(&"confirm[1]".to_owned()));
    assert!(!lab.text("metrics.csv").contains("confirm"));
}

/// Steps, requests and epochs that really take their time; the accuracy is as good as it gets after five epochs or so.
const LIVE: &str = r#"
name = "t"
repeat = 1
[worker]
program = "scripted"
options = { steps_per_epoch = 100, time = "real", step_us = 1000.0, request_us = 500.0 }
[grid]
model = "one"
dataset = "made-up"
[train]
epochs = 1000
[serve]
batch_size = 8
max_time = "20s"
[stop]
metrics = ["throughput", "accuracy"]
within = "20%"
min_time = "0.3s"
max_time = "5s"
patience = 2
min_delta = 0.01
[constraints]
"serve.latency_p50" = "<= 1s"
"#;

#[test]
fn a_model_that_is_trained_before_its_budget_is_confirmed_too() {
    let lab = Lab::new(LIVE);
    let shown = lab.run(&["-v"]).exits(0);
    let asked = "one-made-up: leave train, trained: validation accuracy has not improved";
    assert!(shown.stderr.contains(asked), "{}", shown.stderr);
    assert!(
        shown.stderr.contains("one-made-up: leave confirm[8]: its limits are decided, after "),
        "{}",
        shown.stderr
    );
    assert_eq!(
        phases(&lab),
        ["load", "warmup", "serve[8]", "train", "validate", "confirm[8]", "test"]
    );
    let row = lab.report("one-made-up");
    assert_eq!(
        (&*row["status"], &*row["stop_reason"], &*row["verdict"]),
        ("stopped", "trained", "feasible"),
        "{row:?}"
    );
    assert!(row.contains_key("test_accuracy"), "{row:?}");
    // By a bound on the figure, or only by one on its side of the limit.
    assert!(row["verdict_reason"].contains("is met in confirm[8]: "), "{row:?}");
    // What was recorded gives the same again, and rules are not asked about it.
    let before = lab.text("report.csv");
    lab.call(&["report", "results/t"]).exits(0);
    assert_eq!(lab.text("report.csv"), before);
    let replayed =
        lab.call(&["replay", "results/t", "--rule", "perftune", "--format", "csv"]).exits(0);
    assert!(!replayed.stdout.contains("confirm"), "{}", replayed.stdout);
}

#[test]
fn the_shadow_of_a_whole_run_knows_the_confirmation() {
    let lab = Lab::new(&GRID.replace("[1, 32]", "1"));
    let limits = ["--set", "constraints.serve.latency_p50=<= 200us"];
    let shown = lab.run(&[&["--full", "--shadow"][..], &limits].concat()).exits(0);
    assert!(shown.stdout.contains("the same 1\n"), "{}", shown.stdout);
    assert!(!lab.text("shadow.csv").contains("confirm"));
}
