//! Objectives from the grid file to the front, with the worker that plays a script.

use std::fs;

use crate::support::{Lab, rows};

/// In virtual time a step takes 1 ms whatever its batch, and the accuracy doubles its way to 0.95 with each epoch: large
/// batches are fast, many epochs accurate. `two` with small batches is neither.
const GRID: &str = r#"
name = "t"
repeat = 1
[worker]
program = "scripted"
options = { steps_per_epoch = 3000, peak_bytes = 67108864, test_samples = 2000 }
[grid]
model = ["one", "two"]
dataset = "made-up"
batch_size = [16, 64]
[train]
epochs = 1
[serve]
enabled = false
[stop]
metrics = ["throughput"]
[[override]]
match = { model = "one", batch_size = 16 }
train.epochs = 4
"#;

const OBJECTIVES: &str =
    "[objectives]\nmaximize = ['test_accuracy', 'train.throughput']\nminimize = ['memory.peak']\n";

fn lab() -> Lab {
    Lab::new(&format!("{GRID}{OBJECTIVES}"))
}

/// The lines that speak of the front.
fn front_of(stdout: &str) -> String {
    let lines = stdout.lines().skip_while(|line| !line.starts_with("front:"));
    // What others did to this machine meanwhile is said before the closing line.
    let over = |line: &&str| line.starts_with("4 runs:") || line.starts_with("interference");
    let lines = lines.take_while(|line| !over(line));
    lines.collect::<Vec<_>>().join("\n") + "\n"
}

fn pareto(lab: &Lab) -> Vec<String> {
    marks(&lab.text("report.csv"))
}

fn marks(csv: &str) -> Vec<String> {
    let rows = rows(csv);
    rows.iter().map(|row| row["pareto"].clone()).collect()
}

#[test]
fn the_front_is_said_marked_and_recorded() {
    let lab = lab();
    let shown = lab.run(&["--full", "-q"]).exits(0);
    insta::assert_snapshot!("front", front_of(&shown.stdout));
    assert!(shown.stdout.contains("; 3 cells on the front;"), "{}", shown.stdout);
    assert!(shown.stdout.lines().all(|line| line.chars().count() <= 80));
    let says = ["front", "front", "dominated", "front"];
    assert_eq!(pareto(&lab), says);
    let manifest: serde_json::Value = serde_json::from_str(&lab.text("manifest.json")).unwrap();
    assert_eq!(manifest["objectives"][0]["metric"], "test_accuracy");
    assert_eq!(manifest["objectives"][2]["goal"], "minimize");
    // Told again from what is recorded, byte for byte.
    let csv = lab.text("report.csv");
    let again = lab.call(&["report", "results/t"]).exits(0);
    assert_eq!(front_of(&again.stdout), front_of(&shown.stdout));
    assert_eq!(lab.text("report.csv"), csv);
    let json = lab.call(&["report", "results/t", "--format", "json"]).exits(0);
    let document: serde_json::Value = serde_json::from_str(&json.stdout).unwrap();
    assert_eq!(document["runs"][2]["pareto"], "dominated");
    assert_eq!(document["front"]["cells"][2]["mark"], "dominated");
    assert_eq!(document["front"]["cells"][2]["dominated_by"]["cell"], "one-made-up-b16");
}

#[test]
fn the_objectives_may_be_others_afterwards() {
    let lab = lab();
    lab.run(&["--full", "-q"]).exits(0);
    let before = ["report.csv", "report.html", "metrics.csv"].map(|name| lab.text(name));
    fs::write(lab.path("fast.toml"), "[objectives]\nmaximize = 'train.throughput'\n").unwrap();
    let fast = ["report", "results/t", "--objectives", "fast.toml"];
    let shown = lab.call(&fast).exits(0);
    assert!(shown.stdout.contains("front: maximize train.throughput\n"), "{}", shown.stdout);
    let csv = lab.call(&[&fast[..], &["--format", "csv"]].concat()).exits(0);
    let says = ["dominated", "front", "dominated", "front"];
    assert_eq!(marks(&csv.stdout), says);
    let page = lab.call(&[&fast[..], &["--format", "html"]].concat()).exits(0);
    assert!(page.stdout.contains("Objectives: maximize train.throughput."), "{}", page.stdout);
    // It is only printed: the files of the folder agree with its manifest.
    assert!(!shown.stdout.contains("reports in"), "{}", shown.stdout);
    let written = ["report.csv", "report.html", "metrics.csv"].map(|name| lab.text(name));
    assert_eq!(written, before);
    fs::remove_file(lab.file("report.csv")).unwrap();
    lab.call(&fast).exits(0);
    assert!(!lab.file("report.csv").exists());
    lab.call(&["report", "results/t"]).exits(0);
    assert_eq!(pareto(&lab)[0], "front");
    for (text, says) in [
        ("[grid]\n", "there is no [objectives] in this file"),
        ("[objectives]\nmaximize = ['speed']\n", "unknown metric \"speed\""),
        ("[objectives\n", "not TOML"),
    ] {
        fs::write(lab.path("fast.toml"), text).unwrap();
        let shown = lab.call(&fast).exits(2);
        assert!(shown.stderr.contains(says), "{}", shown.stderr);
    }
    let missing = ["report", "results/t", "--objectives", "nowhere.toml"];
    let shown = lab.call(&missing).exits(2);
    assert!(shown.stderr.contains("nowhere.toml"), "{}", shown.stderr);
}

#[test]
fn only_feasible_cells_are_compared() {
    let lab = lab();
    let limit = "constraints.train.throughput=>= 30k/s";
    let shown = lab.run(&["--full", "-q", "--set", limit]).exits(0);
    assert_eq!(pareto(&lab), ["", "front", "", "front"]);
    let row = lab.report("one-made-up-b16");
    assert_eq!(row["verdict"], "infeasible");
    assert!(row["verdict_reason"].starts_with("train.throughput >= 30.0 k/s is broken"), "{row:?}");
    let closing = shown.stdout.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(closing.contains("; 2 feasible, 2 infeasible; 2 cells on the front;"), "{closing}");
    // Constraints alone make no front.
    let without = Lab::new(GRID);
    let shown = without.run(&["--full", "-q", "--set", limit, "--format", "json"]).exits(0);
    let document: serde_json::Value = serde_json::from_str(&shown.stdout).unwrap();
    assert!(document.get("front").is_none());
    assert_eq!(pareto(&without), ["", "", "", ""]);
}

#[test]
fn objectives_are_waited_for_and_shown_by_a_dry_run() {
    let lab = lab();
    let plan = lab.run(&["--dry-run", "--format", "json"]).exits(0);
    let plan: serde_json::Value = serde_json::from_str(&plan.stdout).unwrap();
    let settings = &plan["plan"][0]["settings"];
    assert_eq!(
        settings["stop.metrics"],
        serde_json::json!(["train.throughput", "test_accuracy", "memory.peak"])
    );
    assert_eq!(
        settings["objectives.maximize"],
        serde_json::json!(["test_accuracy", "train.throughput"])
    );
    assert_eq!(settings["objectives.minimize"][0], "memory.peak");
    let shown = lab.run(&["--dry-run"]).exits(0).stdout;
    let objectives = shown.lines().find(|line| line.contains("objectives"));
    assert_eq!(
        objectives.unwrap(),
        "  objectives maximize test_accuracy train.throughput, minimize memory.peak"
    );
    let shown = lab.run(&["--dry-run", "--format", "markdown"]).exits(2);
    assert!(shown.stderr.contains("choose table, json or csv"), "{}", shown.stderr);
}

#[test]
fn a_page_has_the_tables_and_the_same_front() {
    let lab = lab();
    let run = lab.run(&["--full", "-q", "--format", "markdown"]).exits(0).stdout;
    let again = lab.call(&["report", "results/t", "--format", "markdown"]).exits(0).stdout;
    for page in [&run, &again] {
        assert!(page.starts_with("# t\n\n| model | dataset | batch |"), "{page}");
        assert!(page.contains("\n## Front\n") && page.contains("\n## Stops\n"), "{page}");
        assert!(!page.contains("\n## Verdicts\n"), "{page}");
        let dominated = page.lines().find(|line| line.contains("| dominated |"));
        assert!(dominated.unwrap().contains("one-made-up-b16 is better in "), "{page}");
    }
    // All but how long it took.
    let tables = |page: &str| -> Vec<String> {
        let rows = page.lines().filter(|line| line.starts_with('|'));
        rows.map(str::to_owned).collect()
    };
    assert_eq!(tables(&run), tables(&again));
}
