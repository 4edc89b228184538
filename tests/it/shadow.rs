//! Shadow mode: what whole runs would have been under rules that stop.

use std::fs;
use std::path::Path;

use crate::support::{Lab, Row, rows};

/// A run of the scripted worker of some seconds, recorded with `--full`.
const RECORDED: &str = "tests/recordings/results";

/// A copy of the recording at `results/t`.
fn recorded() -> Lab {
    let lab = Lab::new("");
    let from = Path::new(env!("CARGO_MANIFEST_DIR")).join(RECORDED);
    let run = "runs/one-made-up";
    fs::create_dir_all(lab.file(run)).unwrap();
    for name in [
        "manifest.json",
        "runs/one-made-up/events.jsonl",
        "runs/one-made-up/done.json",
    ] {
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
    // Of a file that is none of ours the runs' own rule is left.
    fs::write(lab.file("shadow.csv"), "rule\nno-such-rule\n").unwrap();
    lab.call(&report(&[])).exits(0);
    let mut rules: Vec<String> = lab
        .rows("shadow.csv")
        .iter()
        .map(|r| r["rule"].clone())
        .collect();
    rules.dedup();
    assert_eq!(rules, ["perftune"]);
}

#[test]
fn the_standard_output_is_one_document_in_each_format() {
    let lab = recorded();
    let json = lab
        .call(&report(&["--shadow", "--format", "json"]))
        .exits(0);
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
        .run(&[
            "--full", "--shadow", "--rule", "perftune", "--rule", "oracle", "--repeat", "3",
        ])
        .exits(0);
    assert!(
        shown.stdout.lines().all(|line| line.chars().count() <= 80),
        "{shown:#?}"
    );
    assert!(!shown.stderr.contains("note:"), "{shown:#?}");
    for says in [
        "6 runs: 6 ok (6 budget)",
        "Shadow of perftune: ",
        "Shadow of oracle: ",
        "within the asked precision       42 of 42 (100.0%)",
        "  or the spread of repeats       42 of 42 (100.0%)",
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
        assert_eq!(
            (&*row["known"], &*row["within_asked"]),
            ("true", "true"),
            "{row:#?}"
        );
        let full = lab.rows("metrics.csv").into_iter().find(|full| {
            ["run", "phase", "metric"]
                .iter()
                .all(|name| full[*name] == row[*name])
        });
        assert_eq!(full.unwrap()["estimate"], row["full_estimate"]);
    }
    // The next run leaves no old shadow behind.
    lab.run(&["--resume", "--full", "--repeat", "3", "-q"])
        .exits(0);
    assert!(!lab.file("shadow.csv").exists());
    lab.run(&["--fresh", "-q", "--full", "--shadow", "--format", "csv"])
        .exits(0);
    assert_eq!(rows(&lab.text("shadow.csv")).len(), 2 * 7);
}

#[test]
fn what_has_no_shadow_is_said() {
    let lab = Lab::new(GRID);
    let run = |args: &[&str]| {
        let shown = lab.run(args);
        format!(
            "{args:?} exits with {:?}\n{}{}\n",
            shown.code, shown.stdout, shown.stderr
        )
    };
    let refused = [
        &["--shadow"][..],
        &["--full", "--rule", "oracle"],
        &["--full", "--shadow", "--rule", "orcale"],
        &["--full", "--shadow", "--rule", "fixed:m=3"],
        &[
            "--full",
            "--shadow",
            "--rule",
            "oracle",
            "--rule",
            "oracle:within=5%",
        ],
    ];
    let mut said: String = refused.iter().map(|args| run(args)).collect();
    assert!(!lab.path("results").exists());
    // In virtual time a worker is far ahead of its runner: a short training would be over before it is stopped.
    lab.run(&["-q", "--set", "train.epochs=100000"]).exits(0);
    let early = lab.call(&report(&["--shadow"])).exits(2);
    said.push_str(&early.stderr);
    insta::assert_snapshot!("shadow_refused", said);
}
