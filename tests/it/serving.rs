//! Load patterns from the grid file to the reports, with the worker that plays a script.

use crate::support::{Lab, Row};

/// In virtual time a request takes 5 ms, 2% more or less; nothing is trained.
const GRID: &str = r#"
name = "t"
repeat = 1
[worker]
program = "scripted"
[grid]
model = "one"
dataset = "made-up"
[train]
epochs = 0
"#;

const SCRIPT: &str = "options = { request_us = 5000.0 }";

fn lab(options: &str, rest: &str) -> Lab {
    let program = "program = \"scripted\"\n";
    let grid = GRID.replace(program, &format!("{program}{options}\n"));
    Lab::new(&format!("{grid}{rest}"))
}

/// The whole run, nothing ended early.
fn whole(options: &str, rest: &str) -> Lab {
    let lab = lab(options, rest);
    lab.run(&["--full", "-q"]).exits(0);
    lab
}

/// The row of this metric in the serve phase of single requests, or of the run.
#[track_caller]
fn metric(lab: &Lab, name: &str) -> Row {
    let rows = lab.rows("metrics.csv");
    let of_metric =
        |row: &Row| row["metric"] == name && (row["phase"] == "serve[1]" || row["phase"] == "run");
    let found = rows.into_iter().find(of_metric);
    found.unwrap_or_else(|| panic!("{name}"))
}

#[track_caller]
fn figure(lab: &Lab, name: &str) -> f64 {
    let row = metric(lab, name);
    row["estimate"].parse().unwrap_or_else(|error| panic!("{error}: {row:?}"))
}

#[test]
fn requests_of_a_server_wait_for_each_other() {
    let lab =
        whole(SCRIPT, "[serve]\npattern = \"server\"\nrate = \"100/s\"\nmax_time = \"100s\"\n");
    // M/D/1 at 50%: the mean wait is half a service time.
    let mean = figure(&lab, "serve.latency_mean");
    assert!((mean / 7.5e-3 - 1.0).abs() < 0.1, "{mean}");
    let (p50, p99) = (figure(&lab, "serve.latency_p50"), figure(&lab, "serve.latency_p99"));
    assert!(p50 > 4.9e-3 && p50 < mean && p99 > 2.0 * mean, "{p50} {p99}");
    // Half of the time nothing is answered, and it counts.
    assert!((figure(&lab, "serve.throughput") / 100.0 - 1.0).abs() < 0.05);
    assert!((figure(&lab, "serve.utilisation") / 50.0 - 1.0).abs() < 0.05);
    let row = lab.report("one-made-up");
    for name in ["serve.latency_p90", "serve.latency_p99_9"] {
        assert!(figure(&lab, name) > mean, "{name}");
    }
    assert_eq!(row.get("serve_max_rate_per_s"), None);
}

#[test]
fn closed_clients_wait_for_all_others() {
    let lab = whole(SCRIPT, "[serve]\npattern = \"closed\"\nclients = 4\nmax_requests = 2000\n");
    let mean = figure(&lab, "serve.latency_mean");
    assert!((mean / 20e-3 - 1.0).abs() < 0.01, "{mean}");
    assert!((figure(&lab, "serve.throughput") / 200.0 - 1.0).abs() < 0.01);
    assert!(figure(&lab, "serve.utilisation") > 99.9);
    // 10 s are over before 2,000 requests are: both end a phase.
    let lab = whole(SCRIPT, "[serve]\npattern = \"closed\"\nclients = 4\nmax_requests = 500\n");
    assert_eq!(steps(&lab, "serve[1]"), 500);
}

/// Requests in the recording of this phase.
fn steps(lab: &Lab, phase: &str) -> usize {
    let log = lab.text("runs/one-made-up/events.jsonl");
    let mut count = 0;
    for line in log.lines() {
        let event: serde_json::Value = serde_json::from_str(line).unwrap();
        let event = &event["data"]["event"];
        if event["type"] == "steps" && event["data"]["phase"] == phase {
            count += event["data"]["dur_ns"].as_array().unwrap().len();
        }
    }
    count
}

/// Long enough to be ended: in virtual time a worker is far ahead of its runner.
const ENDLESS: [&str; 2] = ["--set", "train.epochs=100000"];

#[test]
fn a_server_that_breaks_its_limit_ends_the_run() {
    for (rate, limit, says) in [
        // The 99th percentile at half of the capacity is some 20 ms.
        ("100/s", "8ms", "<= 8.00 ms is broken in serve[1]: at least "),
        // Above the capacity no limit is kept, however far.
        ("250/s", "1h", "is broken in serve[1]: overloaded: requests arrive every 4.00 ms"),
    ] {
        let lab = lab(
            SCRIPT,
            &format!(
                "[serve]\npattern = \"server\"\nrate = \"{rate}\"\nmax_time = \"60s\"\n[stop]\nmetrics = [\"throughput\"]\n[constraints]\n\"serve.latency_p99\" = \"<= {limit}\"\n"
            ),
        );
        lab.run(&ENDLESS).exits(0);
        let row = lab.report("one-made-up");
        assert_eq!((&*row["stop_reason"], &*row["verdict"]), ("infeasible", "infeasible"));
        assert!(row["verdict_reason"].contains(says), "{row:?}");
        // Nothing is different when it is not ended.
        lab.run(&["--full", "--fresh", "-q"]).exits(0);
        assert_eq!(lab.report("one-made-up")["verdict"], "infeasible");
    }
}

#[test]
fn a_load_that_the_generator_cannot_make_says_nothing_of_the_model() {
    // The answers take 80% of the time, the generator half of that again.
    let lab = whole(
        "options = { request_us = 4000.0, own_us = 2000.0 }",
        "[serve]\npattern = \"server\"\nrate = \"200/s\"\n[constraints]\n\"serve.latency_p99\" = \"<= 30ms\"\n",
    );
    let row = lab.report("one-made-up");
    assert_eq!(row["verdict"], "undecided", "{row:?}");
    assert!(row["verdict_reason"].contains("generator-bound"), "{row:?}");
    let note = &metric(&lab, "serve.latency_mean")["note"];
    assert!(note.contains("generator-bound: "), "{note}");
}

#[test]
fn the_highest_rate_is_searched_for_and_judged() {
    let serve = "[serve]\npattern = \"server\"\nrate = \"50/s\"\nmax_time = \"400s\"\nfind_max_rate = true\nlatency_limit = \"p99 <= 20ms\"\n";
    let lab = whole(SCRIPT, &format!("{serve}[constraints]\n\"serve.max_rate\" = \">= 60/s\"\n"));
    let row = metric(&lab, "serve.max_rate");
    let ends = ["low", "estimate", "high"].map(|end| row[end].parse::<f64>().unwrap());
    assert!(ends.is_sorted() && ends[0] > 80.0 && ends[2] < 160.0, "{row:?}");
    assert_eq!(row["unit"], "requests/s");
    assert!(row["note"].starts_with("p99 <= 20.0 ms, of a capacity of "), "{row:?}");
    let report = lab.report("one-made-up");
    assert_eq!(report["serve_max_rate_per_s"], row["estimate"]);
    assert_eq!(report["verdict"], "feasible", "{report:?}");
    assert!(steps(&lab, "serve[1]") > 10_000 && steps(&lab, "probe[1]") > 400);
    // Training changes nothing about it: the rate is not searched for again.
    let trained = ["--full", "--set", "train.epochs=1", "--fresh", "-q"];
    lab.run(&trained).exits(0);
    let report = lab.report("one-made-up");
    assert_eq!(report["verdict"], "feasible", "{report:?}");
    for row in lab.rows("metrics.csv") {
        let said = !row["estimate"].is_empty() || !row["note"].is_empty();
        assert!(said, "no figure and no reason: {row:?}");
    }
    let strict = ["--set", "constraints.serve.max_rate=>= 180/s", "--fresh", "-q"];
    lab.run(&[&strict[..], &ENDLESS].concat()).exits(0);
    let report = lab.report("one-made-up");
    assert_eq!(report["stop_reason"], "infeasible", "{report:?}");
    let says = "serve.max_rate >= 180 /s is broken in serve[1]: from ";
    assert!(report["stop_detail"].starts_with(says), "{report:?}");
}

#[test]
fn without_a_rate_there_is_only_the_search() {
    let lab = whole(
        SCRIPT,
        "[serve]\npattern = \"server\"\nmax_time = \"400s\"\nfind_max_rate = true\n[constraints]\n\"serve.latency_p99\" = \"<= 20ms\"\n",
    );
    assert!(figure(&lab, "serve.max_rate") > 80.0);
    assert_eq!(steps(&lab, "serve[1]"), 0);
    let row = lab.report("one-made-up");
    assert_eq!(row["verdict"], "undecided");
    assert!(row["verdict_reason"].contains("without rate"), "{row:?}");
}

#[test]
fn a_limit_below_the_answers_has_no_rate() {
    let lab = whole(
        SCRIPT,
        "[serve]\npattern = \"server\"\nmax_time = \"100s\"\nfind_max_rate = true\nlatency_limit = \"p99 <= 4ms\"\n[constraints]\n\"serve.max_rate\" = \">= 1/s\"\n",
    );
    let row = metric(&lab, "serve.max_rate");
    assert_eq!(row["estimate"], "0", "{row:?}");
    assert!(row["note"].contains("no rate keeps p99 <= 4.00 ms"), "{row:?}");
    assert_eq!(lab.report("one-made-up")["verdict"], "infeasible");
}

#[test]
fn offline_finds_the_best_size() {
    let lab = whole(
        "options = { request_us = 200.0 }",
        "[serve]\npattern = \"offline\"\nmax_time = \"2s\"\n",
    );
    // A request takes the square root of its size.
    let row = metric(&lab, "serve.best_batch_size");
    assert_eq!(row["estimate"], "256", "{row:?}");
    let note = &row["note"];
    assert!(note.starts_with("256 has the highest throughput, 80."), "{note}");
    let shown = lab.call(&["report", "results/t"]).exits(0).stdout;
    assert!(shown.contains("offline") && shown.contains("best"), "{shown}");
}

#[test]
fn batches_are_served_like_single_requests() {
    let lab = whole(SCRIPT, "[serve]\npattern = \"multi-stream\"\nmax_requests = 300\n");
    assert_eq!(steps(&lab, "serve[8]"), 300);
    assert_eq!(lab.report("one-made-up")["serve_phase"], "serve[8]");
}

#[test]
fn real_time_is_kept() {
    let lab = whole(
        "options = { request_us = 2000.0, time = \"real\" }",
        "[serve]\npattern = \"server\"\nrate = \"100/s\"\nmax_time = \"3s\"\n",
    );
    let log = lab.text("runs/one-made-up/events.jsonl");
    let (mut count, mut latency_ns, mut before) = (0_u32, 0, None);
    for line in log.lines() {
        let event: serde_json::Value = serde_json::from_str(line).unwrap();
        let event = &event["data"]["event"];
        if event["type"] != "steps" || event["data"]["phase"] != "serve[1]" {
            continue;
        }
        let batch: perftune::event::StepBatch =
            serde_json::from_value(event["data"].clone()).unwrap();
        assert_eq!(batch.wait_ns.len(), batch.dur_ns.len());
        // Each gap begins where the answer before it ended.
        assert!(before.is_none_or(|end_ns| end_ns == batch.start_ns));
        before = Some(batch.end_ns());
        for request in batch.requests() {
            count += 1;
            latency_ns += request.latency_ns();
            assert!(request.dur_ns >= 1_500_000, "{request:?}");
        }
    }
    assert!((200..400).contains(&count), "{count} requests in 3 s");
    let mean_ms = latency_ns as f64 / f64::from(count) / 1e6;
    assert!(mean_ms > 2.0, "{mean_ms}");
}

#[test]
fn a_plan_shows_the_pattern() {
    let lab = lab(
        SCRIPT,
        "[serve]\npattern = \"server\"\nrate = \"100/s\"\nfind_max_rate = true\nlatency_limit = \"p99.9 <= 20ms\"\n",
    );
    let plan = lab.run(&["--dry-run", "--format", "json"]).exits(0);
    let plan: serde_json::Value = serde_json::from_str(&plan.stdout).unwrap();
    let settings = &plan["plan"][0]["settings"];
    assert_eq!(settings["serve.pattern"], "server");
    assert_eq!(settings["serve.rate_per_s"], 100.0);
    assert_eq!(settings["serve.find_max_rate"], "p99.9 <= 20.0 ms");
    assert_eq!(settings["serve.clients"], serde_json::Value::Null);
    assert_eq!(settings["serve.batch_size"][0], 1);
}
