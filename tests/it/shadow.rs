//! Shadow mode: what whole runs would have been under rules that stop.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use perftune::control::rule::RuleSpec;
use perftune::control::shadow::{ShadowEnd, ShadowRun};
use perftune::control::{RunContext, StopPolicy};
use perftune::event::{Phase, Stage, WorkerEvent};
use perftune::store::{Line, read_lines};

use crate::support::{Lab, Row, rows};

/// A run of the scripted worker of some seconds, recorded with `--full`.
const RECORDED: &str = "tests/recordings/results";

/// A copy of the recording at `results/t`.
fn recorded() -> Lab {
    let lab = Lab::new("");
    let from = Path::new(env!("CARGO_MANIFEST_DIR")).join(RECORDED);
    let run = "runs/one-made-up";
    fs::create_dir_all(lab.file(run)).unwrap();
    for name in ["manifest.json", "runs/one-made-up/events.jsonl", "runs/one-made-up/done.json"] {
        fs::copy(from.join(name), lab.file(name)).unwrap();
    }
    lab
}

const RULES: [&str; 6] = [
    "--rule",
    "perftune:within=20%,looks=1",
    "--rule",
    "perf-analyzer",
    "--rule",
    "oracle:within=2%",
];

fn report<'a>(more: &[&'a str]) -> Vec<&'a str> {
    [&["report", "results/t"], more].concat()
}

#[test]
fn a_recorded_run_is_told_for_each_rule() {
    let lab = recorded();
    let args = report(&[&["--shadow"], &RULES[..]].concat());
    let shown = lab.call(&args).exits(0);
    assert!(shown.stdout.lines().all(|line| line.chars().count() <= 80));
    assert_eq!(shown.stderr, "");
    insta::assert_snapshot!("shadow_table", shown.stdout);
    insta::assert_snapshot!("shadow_csv", lab.text("shadow.csv"));
}

#[test]
fn a_folder_that_had_a_shadow_keeps_it() {
    let lab = recorded();
    let args = report(&[&["--shadow"], &RULES[..]].concat());
    let first = lab.call(&args).exits(0);
    let before = lab.text("shadow.csv");
    let again = lab.call(&report(&[])).exits(0);
    assert_eq!(again.stdout, first.stdout);
    assert_eq!(lab.text("shadow.csv"), before);
    // Of a file that is none of ours our own rule is left.
    fs::write(lab.file("shadow.csv"), "rule\nno-such-rule\n").unwrap();
    lab.call(&report(&[])).exits(0);
    let mut rules: Vec<String> = lab.rows("shadow.csv").iter().map(|r| r["rule"].clone()).collect();
    rules.dedup();
    assert_eq!(rules, ["perftune"]);
}

#[test]
fn the_standard_output_is_one_document_in_each_format() {
    let lab = recorded();
    let json = lab.call(&report(&["--shadow", "--format", "json"])).exits(0);
    let document: serde_json::Value = serde_json::from_str(&json.stdout).unwrap();
    let shadow = &document["shadow"];
    assert_eq!(shadow["figures"].as_array().unwrap().len(), 9);
    assert_eq!(shadow["runs"][0]["run"], "one-made-up");
    assert_eq!(shadow["rules"][0]["figures"], 9);
    assert_eq!(json.stderr, "");
    let csv = lab.call(&report(&["--shadow", "--format", "csv"])).exits(0);
    assert_eq!(csv.stdout, lab.text("report.csv"));
    assert!(csv.stderr.starts_with("Shadow of perftune: "), "{csv:#?}");
    fs::remove_file(lab.file("shadow.csv")).unwrap();
    let none = lab.call(&report(&["--format", "json"])).exits(0);
    assert!(!none.stdout.contains("\"shadow\""));
    assert!(!lab.file("shadow.csv").exists());
}

/// Steps and requests of fixed cost in virtual time, and metrics that the sampler has no part in.
const GRID: &str = r#"
name = "t"
repeat = 1
[worker]
program = "scripted"
options = { steps_per_epoch = 500, spread = 0.05 }
[grid]
model = ["one", "two"]
dataset = "made-up"
[train]
epochs = 60
[serve]
batch_size = [1, 32]
max_time = "8s"
[stop]
metrics = ["throughput", "latency"]
[constraints]
"train.throughput" = ">= 1k/s"
"#;

#[test]
fn a_run_says_what_it_would_have_been() {
    let lab = Lab::new(GRID);
    let shown = lab
        .run(&["--full", "--shadow", "--rule", "perftune", "--rule", "oracle", "--repeat", "3"])
        .exits(0);
    assert!(shown.stdout.lines().all(|line| line.chars().count() <= 80), "{shown:#?}");
    assert!(!shown.stderr.contains("note:"), "{shown:#?}");
    for says in [
        "6 runs: 6 ok (6 completed)",
        "Shadow of perftune: ",
        "Shadow of oracle: ",
        "within the asked precision       42 of 42 (100%)",
        "  or the spread of repeats       42 of 42 (100%)",
        "order by train.throughput ",
        "order by train.step_latency_p95 ",
        " of 3 pairs swapped",
        "feasible cells                   the same 2",
    ] {
        assert!(shown.stdout.contains(says), "{says}\n{}", shown.stdout);
    }
    let found = lab.rows("shadow.csv");
    // Training has one chosen metric, requests of each size three: for each rule and run.
    assert_eq!(found.len(), 6 * 2 * 7);
    let number = |row: &Row, name: &str| row[name].parse::<f64>().unwrap();
    for row in &found {
        assert!(number(row, "stop_t_s") < 8.0, "{row:#?}");
        assert_eq!((&*row["known"], &*row["within_asked"]), ("true", "true"), "{row:#?}");
        let full = lab
            .rows("metrics.csv")
            .into_iter()
            .find(|full| ["run", "phase", "metric"].iter().all(|name| full[*name] == row[*name]));
        assert_eq!(full.unwrap()["estimate"], row["full_estimate"]);
    }
    // The next run leaves no old shadow behind.
    lab.run(&["--resume", "--full", "--repeat", "3", "-q"]).exits(0);
    assert!(!lab.file("shadow.csv").exists());
    lab.run(&["--fresh", "-q", "--full", "--shadow", "--format", "csv"]).exits(0);
    assert_eq!(rows(&lab.text("shadow.csv")).len(), 2 * 7);
}

#[test]
fn what_has_no_shadow_is_said() {
    let lab = Lab::new(GRID);
    let run = |args: &[&str]| {
        let shown = lab.run(args);
        format!("{args:?} exits with {:?}\n{}{}\n", shown.code, shown.stdout, shown.stderr)
    };
    let refused = [
        &["--shadow"][..],
        &["--full", "--rule", "oracle"],
        &["--full", "--shadow", "--rule", "orcale"],
        &["--full", "--shadow", "--rule", "fixed:m=3"],
        &["--full", "--shadow", "--rule", "oracle", "--rule", "oracle:within=5%"],
    ];
    let mut said: String = refused.iter().map(|args| run(args)).collect();
    assert!(!lab.path("results").exists());
    // In virtual time a worker is far ahead of its runner: a short training would be over before it is stopped.
    lab.run(&["-q", "--set", "train.epochs=100000"]).exits(0);
    let early = lab.call(&report(&["--shadow"])).exits(2);
    said.push_str(&early.stderr);
    insta::assert_snapshot!("shadow_refused", said);
}

/// The shadow of a run whose log this is, and when it was asked to leave its serve phase, from the beginning of that.
fn live_and_shadow(folder: &Path, cores: f64) -> (Option<f64>, ShadowEnd) {
    let lines: Vec<Line> = read_lines(folder).unwrap().map(Result::unwrap).collect();
    let Line::Started { job, stop, t_ns, .. } = &lines[0] else {
        panic!("{:?}", lines[0]);
    };
    let policy: StopPolicy = serde_json::from_value(stop.clone()).unwrap();
    let cores = cores.min(f64::from(job.threads));
    let context = RunContext::of_job(job, cores, BTreeMap::default(), *t_ns);
    let mut shadow = ShadowRun::new(&policy, &RuleSpec::default(), context);
    let (mut began_ns, mut asked_ns) = (None, None);
    for line in &lines {
        match line {
            Line::Worker(envelope) => {
                if let WorkerEvent::Phase { phase: Phase::Serve(_) } = envelope.event {
                    began_ns.get_or_insert(envelope.t_ns);
                }
                shadow.on_worker(envelope);
            }
            Line::Sample(sample) => shadow.on_sample(sample),
            Line::Asked { t_ns, what } if !what.ends() => {
                asked_ns.get_or_insert(*t_ns);
            }
            _ => {}
        }
    }
    let took_ns = asked_ns.map(|asked_ns| asked_ns - began_ns.unwrap());
    (took_ns.map(|ns| ns as f64 * 1e-9), shadow.finish())
}

/// Steps and requests that really take their time.
const LIVE: &str = r#"
name = "t"
repeat = 1
[worker]
program = "scripted"
options = { steps_per_epoch = 100, time = "real", step_us = 3000.0, request_us = 500.0, spread = 0.05 }
[grid]
model = "one"
dataset = "made-up"
batch_size = 16
[train]
epochs = 100
[serve]
batch_size = [8]
max_time = "5s"
[stop]
metrics = ["throughput", "step_latency", "cpu", "memory.rss_mean"]
within = "20%"
min_time = "0.3s"
max_time = "6s"
"#;

#[test]
fn the_shadow_of_a_run_that_was_stopped_leaves_when_it_left() {
    let lab = Lab::new(LIVE);
    lab.run(&["-q"]).exits(0);
    let manifest: serde_json::Value = serde_json::from_str(&lab.text("manifest.json")).unwrap();
    let cores = manifest["machine"]["usable_cores"].as_f64().unwrap();
    let (asked_s, end) = live_and_shadow(&lab.file("runs/one-made-up"), cores);
    let serving = end.figures.iter().find(|figure| figure.stage == Stage::Serve(8));
    // On a machine that is very busy the phase may use its time up, live and in its shadow.
    let stop_s = serving.unwrap().stop_s;
    assert_eq!(stop_s.is_some(), asked_s.is_some(), "{stop_s:?} {asked_s:?}");
    // The request is written down some moments after the message that it followed from.
    let apart = stop_s.zip(asked_s).map_or(0.0, |(one, other)| one - other);
    assert!(apart.abs() < 0.1, "{stop_s:?} {asked_s:?}");
    let training = end.figures.iter().find(|figure| figure.stage == Stage::Train);
    assert!(training.unwrap().stop_s.is_some(), "{end:?}");
    // Nothing is saved but the moments that it took to obey.
    assert!(end.saved_s < 1.0, "{end:?}");
}
