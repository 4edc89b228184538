//! `perftune run` from the grid file to the reports, with the worker that plays a script.

use std::collections::HashMap;
use std::fs;
use std::io::{Read, Write};
use std::path::Path;
use std::process::{Command, Stdio};

use crate::support::{Lab, Shown, rows};

/// Two models by two batch sizes in virtual time: a second of training takes some milliseconds.
const GRID: &str = r#"
name = "t"
repeat = 1
[worker]
program = "scripted"
options = { steps_per_epoch = 50, peak_bytes = 67108864 }
[grid]
model = ["one", "two"]
dataset = "made-up"
batch_size = [16, 64]
[train]
epochs = 20
[serve]
batch_size = [1, 32]
max_time = "1s"
"#;

const RUNS: [&str; 4] =
    ["one-made-up-b16", "one-made-up-b64", "two-made-up-b16", "two-made-up-b64"];

/// The columns that scripts rely on, in their order.
const COLUMNS: &str = "run,model,dataset,batch_size,seed,repeat,status,stop_reason,verdict,pareto,wall_s,epochs,interference_percent,serve_phase,serve_throughput_phase,train_throughput_samples_per_s,train_throughput_samples_per_s_plus_minus,serve_throughput_samples_per_s,";

/// The arguments with which a run in virtual time ends as soon as the time per step is known.
const EARLY: [&str; 8] = [
    "--set",
    "train.epochs=100000",
    "--set",
    "stop.metrics=[\"throughput\"]",
    "--set",
    "stop.min_time=0.2s",
    "--set",
    "stop.max_time=1h",
];

fn lab() -> Lab {
    Lab::new(GRID)
}

fn number(text: &str) -> f64 {
    text.parse().unwrap_or_else(|_| panic!("`{text}`"))
}

/// The table without what varies: times, the mark of figures that are not confirmed (how often one looks depends on
/// the machine), and the widths that follow. The peak is what the worker claims: more than it ever uses.
fn settled(table: &str) -> String {
    let mut text = String::new();
    let mut of_the_machine = false;
    // Whether a figure is marked, and so what the mark means, depends on the machine.
    for line in table.lines().filter(|line| !line.starts_with("~ ")) {
        let mut words: Vec<&str> =
            line.split_whitespace().map(|word| word.trim_start_matches('~')).collect();
        // What others did to this machine meanwhile is said before the closing line.
        of_the_machine |= words.first() == Some(&"interference");
        of_the_machine &= words.get(1) != Some(&"runs:");
        if of_the_machine {
            continue;
        }
        if let Some(last) = words.last_mut().filter(|word| word.parse::<f64>().is_ok()) {
            *last = "(time)";
        }
        if let Some(place) = words.windows(2).position(|pair| pair == ["reports", "in"]) {
            words.splice(place - 2..place, ["(time);"]);
        }
        text += &words.join(" ");
        text.push('\n');
    }
    text
}

#[test]
fn a_grid_ends_with_a_table_and_all_its_files() {
    let lab = lab();
    let shown = lab.run(&["--full"]).exits(0);
    insta::assert_snapshot!("table", settled(&shown.stdout));
    for run in RUNS {
        let started =
            shown.stderr.lines().find(|line| line.ends_with(&format!("] {run}: started")));
        let count = started.and_then(|line| line.split(' ').next()).unwrap_or_default();
        let began = format!("{count} {run}: started\n{count} {run}: completed after ");
        assert!(shown.stderr.contains(&began), "{}", shown.stderr);
    }
    let mut expected: Vec<String> =
        ["", "manifest.json", "metrics.csv", "report.csv", "report.html"].map(str::to_owned).into();
    expected[0] = ".lock".to_owned();
    expected.extend(["summary.csv", "summary_metrics.csv"].map(str::to_owned));
    for run in RUNS {
        for file in ["done.json", "epochs.csv", "events.jsonl", "samples.csv", "stderr.log"] {
            expected.push(format!("runs/{run}/{file}"));
        }
    }
    let mut found = lab.files();
    found.retain(|file| file != "grid.toml");
    expected.sort();
    assert_eq!(found, expected.iter().map(|file| format!("results/t/{file}")).collect::<Vec<_>>());
}

#[test]
fn each_file_says_what_its_readers_rely_on() {
    let lab = lab();
    lab.run(&["--full", "-q"]).exits(0);
    let report = lab.text("report.csv");
    assert!(report.starts_with(COLUMNS), "{report}");
    let metrics = lab.text("metrics.csv");
    assert!(
        metrics.starts_with(
            "run,phase,metric,unit,estimate,low,high,confidence,samples,known,note,interval,cell,repeat,status,said_by\n"
        ),
        "{metrics}"
    );
    for row in lab.rows("metrics.csv") {
        assert!(!row["estimate"].is_empty() || !row["note"].is_empty(), "{row:?}");
        assert!(!row["note"].contains("unsupported: unsupported"), "{row:?}");
    }
    let manifest: serde_json::Value = serde_json::from_str(&lab.text("manifest.json")).unwrap();
    assert_eq!(manifest["format"], serde_json::json!({ "major": 4, "minor": 0 }));
    assert_eq!(manifest["runs"], serde_json::json!(RUNS));
    for run in RUNS {
        let log = lab.text(&format!("runs/{run}/events.jsonl"));
        let kinds: Vec<String> = log
            .lines()
            .map(|line| {
                serde_json::from_str::<serde_json::Value>(line).unwrap()["kind"].to_string()
            })
            .collect();
        assert_eq!(kinds.first().map(String::as_str), Some("\"started\""));
        assert_eq!(kinds.last().map(String::as_str), Some("\"ended\""));
        assert_eq!(kinds.iter().filter(|kind| *kind == "\"ended\"").count(), 1);
        let samples = lab.rows(&format!("runs/{run}/samples.csv"));
        assert!(!samples.is_empty() && samples.iter().all(|row| !row["t_s"].is_empty()));
        assert_eq!(lab.rows(&format!("runs/{run}/epochs.csv")).len(), 20);
        let done: serde_json::Value =
            serde_json::from_str(&lab.text(&format!("runs/{run}/done.json"))).unwrap();
        assert_eq!(done["status"], "completed");
    }
}

#[test]
fn a_full_run_uses_its_budget_and_reports_what_was_played() {
    let lab = lab();
    lab.run(&["--full"]).exits(0);
    for run in RUNS {
        let row = lab.report(run);
        assert_eq!(
            (&*row["status"], &*row["stop_reason"], &*row["epochs"]),
            ("completed", "completed", "20")
        );
        // The script takes 1 ms a step, 100 us a request of one and the square root of 32 of that for one of 32.
        let batch = number(&row["batch_size"]);
        for (column, expected) in [
            ("train_throughput_samples_per_s", batch * 1e3),
            ("serve_latency_p50_s", 1e-4),
            ("serve_throughput_samples_per_s", 32.0_f64.sqrt() * 1e4),
            ("test_accuracy", 0.95),
        ] {
            let found = number(&row[column]);
            assert!((found / expected - 1.0).abs() < 0.01, "{run}: {column} {found}");
        }
    }
}

#[test]
fn a_run_is_stopped_once_its_metrics_are_known() {
    let lab = lab();
    let shown = lab.run(&[&EARLY[..], &["--only", "batch_size=16", "-v"]].concat()).exits(0);
    for run in ["one-made-up-b16", "two-made-up-b16"] {
        let row = lab.report(run);
        assert_eq!((&*row["status"], &*row["stop_reason"]), ("stopped", "known"));
        assert!(number(&row["epochs"]) < 100_000.0);
        // What a model half trained makes of the test data answers no question.
        assert_eq!((row.get("test_accuracy"), row.get("partial_test_accuracy")), (None, None));
        let events = lab.text(&format!("runs/{run}/events.jsonl"));
        assert!(!events.contains(r#""phase":"test""#), "{run}");
        let asked =
            format!("{run}: stop, known: 3 of 3 chosen metrics of 3 stages within ±5% at 95%");
        assert!(shown.stderr.contains(&asked), "{}", shown.stderr);
        let metrics = lab.rows("metrics.csv");
        let figure =
            |metric| metrics.iter().find(|row| row["run"] == run && row["metric"] == metric);
        let untested = &figure("test_accuracy").unwrap()["note"];
        assert!(untested.starts_with("training ended early"), "{untested}");
        let known = figure("train.throughput").unwrap();
        assert_eq!(known["known"], "true");
        let (low, high) = (number(&known["low"]), number(&known["high"]));
        assert!(
            low < 16_000.0 * 1.01 && high > 16_000.0 * 0.99 && high - low < 0.1 * 16_000.0,
            "{known:?}"
        );
    }
    let says = "no test accuracy in 2 of 2 runs: training ended early";
    assert!(shown.stdout.contains(says), "{}", shown.stdout);
}

#[test]
fn data_for_scripts_are_one_document_on_standard_output() {
    let lab = lab();
    let json = lab.run(&["--format", "json", "--only", "model=one"]).exits(0);
    let document: serde_json::Value = serde_json::from_str(&json.stdout).unwrap();
    assert_eq!(document["runs"].as_array().unwrap().len(), 2, "{document:#}");
    let csv = lab.run(&["--format", "csv", "--fresh"]).exits(0);
    assert_eq!(csv.stdout, lab.text("report.csv"));
    assert_eq!(rows(&csv.stdout).len(), 4);
}

#[test]
fn repeats_have_their_own_seeds_and_an_interval_between_them() {
    let lab = lab();
    lab.run(&[
        "--full",
        "--repeat",
        "3",
        "--seed",
        "7",
        "--only",
        "model=one",
        "--only",
        "batch_size=16",
    ])
    .exits(0);
    let seeds: Vec<String> =
        lab.rows("report.csv").into_iter().map(|row| row["seed"].clone()).collect();
    assert_eq!(seeds, ["7", "8", "9"]);
    let cells = lab.rows("summary.csv");
    assert_eq!(cells.len(), 1);
    assert_eq!((&*cells[0]["cell"], &*cells[0]["runs"]), ("one-made-up-b16", "3"));
    let summary = lab.rows("summary_metrics.csv");
    let row = summary.iter().find(|row| row["metric"] == "train.throughput").unwrap();
    assert_eq!((&*row["cell"], &*row["runs"]), ("one-made-up-b16", "3"));
    let (low, mean, high) = (number(&row["low"]), number(&row["mean"]), number(&row["high"]));
    assert!(low < mean && mean < high && (mean / 16_000.0 - 1.0).abs() < 0.01, "{row:?}");
    let column = |end: &str| &*cells[0][&format!("train_throughput_samples_per_s{end}")];
    assert_eq!(["_low", "", "_high"].map(column), ["low", "mean", "high"].map(|end| &*row[end]));
}

#[test]
fn a_selection_runs_what_was_selected_with_what_was_set() {
    let lab = lab();
    lab.run(&[
        "--full",
        "--only",
        "model=two",
        "--set",
        "grid.batch_size=[8]",
        "--set",
        "train.epochs=3",
        "--seed",
        "5",
    ])
    .exits(0);
    let report = lab.rows("report.csv");
    assert_eq!(report.len(), 1);
    let row = &report[0];
    let found = ["model", "epochs", "seed"].map(|column| &*row[column]);
    assert_eq!(found, ["two", "3", "5"]);
}

/// Shards by hand, put together: the runs are those of the whole grid, and the folders can be compared.
#[test]
fn folders_are_shown_side_by_side() {
    let lab = lab();
    lab.run(&["--full", "-q", "--out", "whole"]).exits(0);
    for (size, folder) in [("16", "small"), ("64", "large")] {
        let set = format!("grid.batch_size={size}");
        lab.run(&["--full", "-q", "--set", &set, "--out", folder]).exits(0);
    }
    let before = lab.files();
    let shown = lab.call(&["report", "whole", "small", "large", "--format", "json"]).exits(0);
    let document: serde_json::Value = serde_json::from_str(&shown.stdout).unwrap();
    let rows = document["rows"].as_array().unwrap();
    let rate = |row: &&serde_json::Value| row["metric"] == "train.throughput";
    let cells: Vec<&str> =
        rows.iter().filter(rate).map(|row| row["cell"].as_str().unwrap()).collect();
    assert_eq!(cells, RUNS);
    let first = &rows.iter().find(rate).unwrap()["figures"];
    assert!(first[1]["change"].as_f64().unwrap().abs() < 0.01 && first[2].is_null(), "{first}");
    let table = lab.call(&["report", "whole", "small", "large"]).exits(0).stdout;
    assert!(table.lines().all(|line| line.chars().count() <= 80), "{table}");
    let lacks = "small has no one-made-up-b64, two-made-up-b64";
    assert!(table.contains(lacks), "{table}");
    for (args, says) in [
        (&["report", "whole", "small", "--shadow"][..], "--shadow takes one results folder"),
        (&["report", "whole", "./whole"], "a results folder is given twice"),
        (&["report", "whole", "none"], "none"),
        (&["report"], "<DIR>"),
    ] {
        let shown = lab.call(args).exits(2);
        assert!(shown.stderr.contains(says), "{}", shown.stderr);
    }
    assert_eq!(lab.files(), before);
}

#[test]
fn a_grid_may_come_from_standard_input() {
    let lab = lab();
    let mut child =
        lab.perftune(&["run", "-", "--only", "model=one"]).stdin(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(GRID.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(lab.rows("report.csv").len(), 2);
}

#[test]
fn a_dry_run_writes_nothing() {
    let lab = lab();
    let shown = lab.run(&["--dry-run", "--format", "csv"]).exits(0);
    assert_eq!(rows(&shown.stdout).len(), 4, "{}", shown.stdout);
    assert_eq!(lab.files(), ["grid.toml"]);
}

#[test]
fn a_part_that_is_run_later_loses_nothing_of_the_rest() {
    let lab = lab();
    lab.run(&["--only", "model=one", "-q"]).exits(0);
    lab.run(&["--only", "model=two", "--resume", "-q"]).exits(0);
    let runs = || -> Vec<String> {
        let rows = lab.rows("report.csv").into_iter();
        rows.map(|row| row["run"].clone()).collect()
    };
    assert_eq!(runs(), RUNS);
    // A log that a power cut has torn: that run is missing, the others are there.
    let log = lab.file("runs/one-made-up-b16/events.jsonl");
    let text = fs::read(&log).unwrap();
    fs::write(&log, &text[..text.len() - 20]).unwrap();
    let shown = lab.call(&["report", "results/t"]).exits(0);
    assert!(shown.stdout.contains("1 not run"), "{}", shown.stdout);
    assert_eq!(runs(), RUNS[1..]);
    lab.run(&["--resume", "-q"]).exits(0);
    assert_eq!(runs(), RUNS);
}

#[test]
fn a_record_that_the_system_does_not_show_is_no_run_that_was_not_made() {
    let lab = lab();
    lab.run(&[]).exits(0);
    let log = lab.files().into_iter().find(|name| name.ends_with("events.jsonl")).unwrap();
    // Like one of another user it is there and cannot be read, even by root.
    fs::remove_file(lab.path(&log)).unwrap();
    fs::create_dir(lab.path(&log)).unwrap();
    let shown = lab.call(&["report", "results/t"]).exits(2);
    assert!(shown.stderr.contains("events.jsonl") && shown.stdout.is_empty(), "{shown:#?}");
}

#[test]
fn reports_are_rebuilt_byte_for_byte() {
    let lab = lab();
    let ran = lab.run(&["--repeat", "3", "--only", "model=one", "--format", "json"]).exits(0);
    let names = ["report.csv", "metrics.csv", "summary.csv", "summary_metrics.csv"];
    let before = names.map(|name| lab.text(name));
    for name in names {
        fs::remove_file(lab.file(name)).unwrap();
    }
    let shown = lab.call(&["report", "results/t", "--format", "json"]).exits(0);
    assert_eq!(names.map(|name| lab.text(name)), before);
    assert_eq!(shown.stdout, ran.stdout);
}

#[test]
fn a_metric_that_the_machine_lacks_is_left_out_with_a_warning() {
    // With `sampler.gpu = false` every machine lacks it.
    let lab = lab();
    let lacking = [
        &EARLY[..2],
        &[
            "--set",
            "stop.metrics=[\"throughput\", \"gpu.utilisation\"]",
            "--set",
            "sampler.gpu=false",
        ],
        &["--set", "stop.min_time=0.2s", "--only", "model=one", "--only", "batch_size=16"],
    ]
    .concat();
    let shown = lab.run(&lacking).exits(0);
    let warnings: Vec<&str> =
        shown.stderr.lines().filter(|line| line.starts_with("warning:")).collect();
    assert_eq!(warnings.len(), 1, "{}", shown.stderr);
    assert!(warnings[0].contains("gpu.utilisation"), "{}", warnings[0]);
    let row = lab.report("one-made-up-b16");
    assert_eq!((&*row["stop_reason"], row.get("gpu_utilisation_percent")), ("known", None));
    let rows = lab.rows("metrics.csv");
    let gpu = rows.iter().find(|row| row["metric"] == "gpu.utilisation").unwrap();
    assert!(!gpu["note"].is_empty(), "{gpu:?}");

    let quiet = lab.run(&[&lacking[..], &["--fresh", "-q"]].concat()).exits(0);
    assert_eq!(quiet.stderr, "");
}

#[test]
fn metrics_that_the_machine_lacks_altogether_are_an_error_before_anything_is_written() {
    let lab = lab();
    let shown =
        lab.run(&["--set", "stop.metrics=[\"gpu\"]", "--set", "sampler.gpu=false"]).exits(2);
    assert!(
        shown.stderr.starts_with("error: ") && shown.stderr.contains("gpu.utilisation"),
        "{}",
        shown.stderr
    );
    assert!(shown.stderr.contains("hint: "), "{}", shown.stderr);
    assert_eq!(lab.files(), ["grid.toml"]);
}

#[test]
fn nobody_who_reads_the_table_is_no_error() {
    let lab = lab();
    let mut child = lab.perftune(&["run", "grid.toml", "--only", "model=one"]).spawn().unwrap();
    // As `| head -c 0` does: the pipe is closed long before the table comes.
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(lab.rows("report.csv").len(), 2);
}

#[test]
fn quiet_is_quiet_and_nothing_is_coloured_away_from_a_terminal() {
    let lab = lab();
    let quiet = lab.run(&["-q"]).exits(0);
    assert_eq!(quiet.stderr, "");
    assert!(quiet.stdout.contains("4 runs: 4 ok"), "{}", quiet.stdout);
    for (name, value) in [("NO_COLOR", "1"), ("TERM", "xterm-256color")] {
        let output =
            lab.perftune(&["run", "grid.toml", "--fresh", "-v"]).env(name, value).output().unwrap();
        assert!(!output.stdout.contains(&0x1b) && !output.stderr.contains(&0x1b), "{name}");
    }
}

fn python() -> Option<&'static str> {
    let found = Command::new("python3").arg("--version").stdout(Stdio::null()).status();
    found.is_ok_and(|status| status.success()).then_some("python3")
}

#[test]
fn a_worker_in_another_language_is_measured_like_the_own_one() {
    if python().is_none() {
        // Written past the test harness, which would keep it to itself.
        let _ =
            std::io::stderr().write_all(b"skipped: there is no python3 for the foreign worker\n");
        return;
    }
    let lab = Lab::new("");
    let configs = Path::new(env!("CARGO_MANIFEST_DIR")).join("configs");
    let grid = configs.join("foreign.toml");
    let shown = lab
        .call(&[
            "run",
            grid.to_str().unwrap(),
            "--out",
            "results/t",
            "--only",
            "batch_size=64",
            "--repeat",
            "1",
            "--set",
            "serve.max_time=1s",
            "--set",
            "stop.metrics=[\"throughput\", \"cpu\", \"memory\"]",
            "--set",
            "stop.within=30%",
            "--set",
            "stop.min_time=0.5s",
            "--set",
            "stop.max_time=3s",
            "--set",
            "train.epochs=30",
        ])
        .exits(0);
    let report = lab.rows("report.csv");
    assert_eq!(report.len(), 1, "{}", shown.stdout);
    let run = &report[0];
    assert!(matches!(&*run["status"], "completed" | "stopped"), "{run:?}");
    let row: HashMap<String, f64> = lab
        .rows("metrics.csv")
        .into_iter()
        .filter_map(|row| Some((row["metric"].clone(), row["estimate"].parse().ok()?)))
        .collect();
    for metric in [
        "train.throughput",
        "serve.throughput",
        "train.step_latency_p50",
        "cpu.utilisation",
        "cpu.time",
    ] {
        assert!(row[metric] > 0.0, "{metric}");
    }
    // A Python is some megabytes large, and this one far from a gigabyte. The mean of what hardly varies is rounded.
    let peak = row["memory.peak"];
    assert!(peak > 4e6 && peak < 1e9 && row["memory.rss_mean"] <= peak * (1.0 + 1e-9), "{peak}");
}

#[test]
fn a_worker_that_cannot_be_started_fails_its_runs_with_its_name() {
    let lab = Lab::new(&GRID.replace("program = \"scripted\"", "command = [\"./no-such-worker\"]"));
    let shown: Shown = lab.run(&["--only", "model=one"]).exits(3);
    let row = lab.report("one-made-up-b16");
    assert_eq!((&*row["status"], &*row["stop_reason"]), ("failed", "failed"));
    assert!(
        row["failure"].contains("not started") && row["failure"].contains("no-such-worker"),
        "{row:?}"
    );
    assert!(shown.stdout.contains("2 failed"), "{}", shown.stdout);
}

#[test]
fn a_reader_that_leaves_in_the_middle_is_no_error_either() {
    let lab = lab();
    let mut child = lab.perftune(&["run", "grid.toml", "--format", "json", "-q"]).spawn().unwrap();
    let mut first = [0];
    child.stdout.take().unwrap().read_exact(&mut first).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), output.stderr.len()), (Some(0), 0));
}

#[test]
fn a_peak_that_was_not_watched_is_no_figure() {
    // A second of real time, and only one look at its very beginning.
    let lab = Lab::new(
        r#"
name = "t"
repeat = 1
[worker]
program = "scripted"
options = { time = "real", step_us = 20000.0, steps_per_epoch = 50, memory_bytes = 64000000 }
[grid]
model = "one"
dataset = "made-up"
[train]
epochs = 1
[serve]
enabled = false
[sampler]
interval = "60s"
"#,
    );
    lab.run(&["--full", "-q"]).exits(0);
    assert_eq!(lab.report("one-made-up").get("memory_peak_bytes"), None);
    let rows = lab.rows("metrics.csv");
    let peak = rows.iter().find(|row| row["metric"] == "memory.peak").unwrap();
    assert!(peak["note"].contains("last read"), "{peak:?}");

    lab.run(&["--full", "-q", "--fresh", "--set", "sampler.interval=20ms"]).exits(0);
    assert!(number(&lab.report("one-made-up")["memory_peak_bytes"]) > 64e6);
}
