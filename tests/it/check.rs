//! `perftune check`: what it says and how it exits, on whole input and on input that was tampered with.

use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;

use serde_json::{Value, json};

use crate::support::{Lab, Shown};

/// A record of a real run, from which others are made.
const TEMPLATE: &str = "tests/recordings/results/runs/one-made-up/events.jsonl";

/// One side as it will be written: cells with the figures of their runs.
#[derive(Clone)]
struct Made {
    session: &'static str,
    arm: Option<&'static str>,
    cells: Vec<(&'static str, f64)>,
    repeats: u32,
    model: &'static str,
    fingerprint: bool,
}

/// What is measured of a run: phase, metric, unit, value.
type Measured = (&'static str, &'static str, &'static str, f64);

/// The same noise whenever it is asked for, uniform within 1%.
fn noise(seed: u64) -> f64 {
    let mut x = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(0x1234_5678);
    x ^= x >> 31;
    x = x.wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x ^= x >> 29;
    1.0 + 0.02 * ((x >> 11) as f64 / (1_u64 << 53) as f64 - 0.5)
}

impl Made {
    fn new(session: &'static str) -> Self {
        Self {
            session,
            arm: None,
            cells: vec![("mlp-digits", 1.0), ("cnn-digits", 1.0), ("cnn-satellite", 1.0)],
            repeats: 6,
            model: "A CPU",
            fingerprint: true,
        }
    }

    /// The same with a cell that takes so much longer.
    fn slower(mut self, cell: &str, factor: f64) -> Self {
        for (name, slow) in &mut self.cells {
            if *name == cell {
                *slow = factor;
            }
        }
        self
    }

    fn without(mut self, cell: &str) -> Self {
        self.cells.retain(|(name, _)| *name != cell);
        self
    }

    fn run(cell: &str, repeat: u32) -> String {
        match repeat {
            1 => cell.to_owned(),
            _ => format!("{cell}-r{repeat}"),
        }
    }

    fn runs(&self) -> Vec<(String, &'static str, u32, [Measured; 3])> {
        let mut all = Vec::new();
        for repeat in 1..=self.repeats {
            for (at, (cell, slow)) in self.cells.iter().enumerate() {
                let seed = self.session.len() as u64
                    + u64::from(self.arm == Some("candidate")) * 77
                    + u64::from(repeat) * 1000
                    + at as u64 * 100_000
                    + u64::from(self.session.as_bytes()[0]) * 10_000_000;
                let step = 0.01 * (1 + at) as f64 * slow;
                let figures = [
                    ("train", "train.step_latency_p25", "s", step * noise(seed)),
                    ("serve[1]", "serve.latency_p50", "s", step / 10.0 * noise(seed + 1)),
                    ("run", "memory.peak", "bytes", (2e8 * noise(seed + 2)).round()),
                ];
                all.push((Self::run(cell, repeat), *cell, repeat, figures));
            }
        }
        all
    }

    fn metrics(&self) -> String {
        let mut text = "run,phase,metric,unit,estimate,low,high,confidence,samples,known,note,interval,cell,repeat,status,said_by\n".to_owned();
        for (run, cell, repeat, figures) in self.runs() {
            for (phase, metric, unit, value) in figures {
                writeln!(
                    text,
                    "{run},{phase},{metric},{unit},{value},,,,250,,,,{cell},{repeat},completed,"
                )
                .unwrap();
            }
        }
        text
    }

    fn manifest(&self) -> Value {
        let runs: Vec<String> = self.runs().into_iter().map(|(run, ..)| run).collect();
        let mut manifest = json!({
            "format": {"major": 4, "minor": 0},
            "perftune": "0.1.0",
            "name": "t",
            "created": "2026-01-02T03:04:05Z",
            "session": self.session,
            "runs": runs,
        });
        if self.fingerprint {
            manifest["fingerprint"] = json!({
                "hard": {"arch": "x86_64", "cpu.model": self.model, "cpu.cores": "2"},
                "soft": {"kernel": "6.1"},
            });
        }
        manifest
    }

    /// `DIR/metrics.csv` and `DIR/manifest.json`.
    fn write_sheets(&self, lab: &Lab, name: &str) {
        let folder = lab.path(name);
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("metrics.csv"), self.metrics()).unwrap();
        fs::write(folder.join("manifest.json"), self.manifest().to_string()).unwrap();
    }

    /// A results folder: all of the above, and a log for each run.
    fn write(&self, lab: &Lab, name: &str) {
        self.write_sheets(lab, name);
        let log = fs::read_to_string(TEMPLATE).unwrap();
        let line: Value = serde_json::from_str(log.lines().last().unwrap()).unwrap();
        for (run, cell, repeat, figures) in self.runs() {
            let folder = lab.path(name).join("runs").join(&run);
            fs::create_dir_all(&folder).unwrap();
            let mut line = line.clone();
            let record = &mut line["data"];
            record["run"] = json!(run);
            record["cell"] = json!(cell);
            record["repeat"] = json!(repeat);
            record["status"] = json!("completed");
            record["metrics"] = figures.iter().map(|(phase, metric, unit, value)| {
                json!({
                    "phase": phase, "metric": metric, "unit": unit, "estimate": value, "confidence": null,
                    "samples": 250, "known": null, "note": "",
                })
            }).collect();
            if let Some(arm) = self.arm {
                // Two runs of each side a block.
                let (block, position) = (repeat.div_ceil(2), (repeat + 1) % 2 * 3);
                let position = if arm == "candidate" {
                    (position + 1) % 3 + u32::from(position == 3)
                } else {
                    position
                };
                record["pairing"] = json!({
                    "session": self.session, "arm": arm, "block": block, "position": position,
                });
            }
            fs::write(folder.join("events.jsonl"), format!("{line}\n")).unwrap();
            let done =
                json!({"format": {"major": 4, "minor": 0}, "status": "completed", "spec": {}});
            fs::write(folder.join("done.json"), done.to_string()).unwrap();
        }
    }
}

/// `base` and `new`, two stored sessions of the same build, as CSV files with their manifests.
fn equal() -> Lab {
    let lab = Lab::new("");
    Made::new("one").write_sheets(&lab, "base");
    Made::new("two").write_sheets(&lab, "new");
    lab
}

/// `both`, measured in turn: 10 blocks, of which one cell of the candidate is so much slower.
fn paired(factor: f64) -> Lab {
    let lab = Lab::new("");
    let mut made = Made::new("one");
    made.repeats = 20;
    made.arm = Some("baseline");
    made.write(&lab, "both/baseline");
    made.arm = Some("candidate");
    made.slower("cnn-digits", factor).write(&lab, "both/candidate");
    lab
}

fn edit(lab: &Lab, file: &str, change: impl Fn(&str) -> String) {
    let path = lab.path(file);
    let text = fs::read_to_string(&path).unwrap();
    let changed = change(&text);
    assert_ne!(text, changed, "{file} was not changed");
    fs::write(path, changed).unwrap();
}

fn check(lab: &Lab, args: &[&str]) -> Shown {
    lab.call(&[&["check"], args].concat())
}

const SHEETS: [&str; 2] = ["base/metrics.csv", "new/metrics.csv"];

fn shown(lab: &Lab, args: &[&str]) -> String {
    let shown = check(lab, args);
    format!(
        "exit code: {}\n----- stdout -----\n{}----- stderr -----\n{}",
        shown.code.unwrap(),
        shown.stdout,
        shown.stderr
    )
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn equal_builds_are_told_in_every_format() {
    let lab = equal();
    for format in ["text", "json", "junit", "markdown", "github"] {
        let args = [&SHEETS[..], &["--format", format]].concat();
        insta::assert_snapshot!(format!("equal_{format}"), shown(&lab, &args));
    }
}

#[test]
fn a_slower_build_is_told_in_every_format() {
    let lab = paired(1.15);
    for format in ["text", "json", "junit", "markdown", "github"] {
        insta::assert_snapshot!(
            format!("slower_{format}"),
            shown(&lab, &["both", "--format", format])
        );
    }
    let shown = check(&lab, &["both"]).exits(1);
    let bad: Vec<_> = shown.stdout.lines().filter(|line| line.starts_with("regressed ")).collect();
    assert!(
        bad.len() == 2 && bad.iter().all(|line| line.contains("cnn-digits")),
        "{}",
        shown.stdout
    );
    assert!(shown.stdout.lines().all(|line| line.chars().count() <= 80), "{}", shown.stdout);
}

#[test]
fn each_outcome_has_its_code() {
    // Measured in turn, equal and slower.
    check(&paired(1.0), &["both"]).exits(0);
    check(&paired(1.15), &["both"]).exits(1);
    check(&paired(0.85), &["both"]).exits(0);
    // Stored once: suspect at most, whatever the size.
    let lab = equal();
    Made::new("two").slower("cnn-digits", 1.5).write_sheets(&lab, "new");
    let found = check(&lab, &SHEETS).exits(0);
    assert!(found.stdout.contains("\nsuspect "), "{}", found.stdout);
    let strict = [&SHEETS[..], &["--on-inconclusive", "fail"]].concat();
    check(&lab, &strict).exits(6);
    check(&lab, &[&SHEETS[..], &["--on-inconclusive=pass"]].concat()).exits(0);
    // A cell that is gone outweighs it.
    Made::new("two").slower("cnn-digits", 1.5).without("mlp-digits").write_sheets(&lab, "new");
    let found = check(&lab, &strict).exits(5);
    assert!(found.stdout.contains("mlp-digits"), "{}", found.stdout);
    // Another machine outweighs that.
    let mut other = Made::new("two").without("mlp-digits");
    other.model = "B CPU";
    other.write_sheets(&lab, "new");
    let found = check(&lab, &strict).exits(4);
    assert!(one_line(&found.stdout).contains("cpu.model"), "{}", found.stdout);
    check(&lab, &[&strict[..], &["--any-machine"]].concat()).exits(5);
    // And a mistake outweighs everything.
    edit(&lab, "new/metrics.csv", |text| text.replacen(",completed", ",finished", 1));
    check(&lab, &strict).exits(2);
}

/// A batch of another size is other work under the same name.
#[test]
fn cells_that_were_told_something_else_are_named() {
    let lab = Lab::new("");
    for (session, name) in [("one", "base"), ("two", "new")] {
        Made::new(session).write(&lab, name);
    }
    let same = one_line(&check(&lab, &["base", "new"]).exits(0).stdout);
    assert!(!same.contains("settings") && !same.contains("batch_size"), "{same}");
    for entry in fs::read_dir(lab.path("new/runs")).unwrap() {
        let path = entry.unwrap().path().join("events.jsonl");
        let mut line: Value = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
        line["data"]["job"]["train"]["batch_size"] = json!(7);
        fs::write(path, format!("{line}\n")).unwrap();
    }
    let other = one_line(&check(&lab, &["base", "new"]).exits(4).stdout);
    let differs = "batch_size is `16` and `7` in `cnn-digits` and 2 other cells";
    assert!(other.contains(&format!("not compared: {differs}")), "{other}");
    fs::write(lab.path("gate.toml"), "[gate]\nsubject = [\"batch_size\"]\n").unwrap();
    let meant = one_line(&check(&lab, &["base", "new", "--gate", "gate.toml"]).exits(0).stdout);
    assert!(
        meant.contains(&format!("different settings: {differs}: a change may come")),
        "{meant}"
    );
}

/// What is done to one file, the exit code, and what is said.
type Tampering = (&'static str, &'static str, fn(&str) -> String, i32, &'static str);

const TAMPERINGS: &[Tampering] = &[
    ("empty file", "new/metrics.csv", |_| String::new(), 2, "new/metrics.csv:1: the file is empty"),
    (
        "header only",
        "new/metrics.csv",
        |t| t.lines().next().unwrap().to_owned() + "\n",
        2,
        "has a header and no rows",
    ),
    (
        "cut within a line",
        "new/metrics.csv",
        |t| t[..t.len() - 30].to_owned(),
        2,
        "no line break: the file was cut off",
    ),
    (
        "cut after a line",
        "new/metrics.csv",
        |t| t.lines().take(20).fold(String::new(), |a, l| a + l + "\n"),
        5,
        "in manifest.json and not in the CSV",
    ),
    (
        "wrong header",
        "new/metrics.csv",
        |t| t.replacen("estimate", "value", 1),
        2,
        "it has no estimate",
    ),
    (
        "no header",
        "new/metrics.csv",
        |t| t.split_once('\n').unwrap().1.to_owned(),
        2,
        "new/metrics.csv:1: ",
    ),
    (
        "text for a number",
        "new/metrics.csv",
        |t| t.replacen(",s,0.0", ",s,fast", 1),
        2,
        "new/metrics.csv:2: estimate: `fast",
    ),
    ("a figure that is no number", "new/metrics.csv", |t| replace_value(t, 1, "nan"), 2, "NaN"),
    (
        "a figure of nothing",
        "new/metrics.csv",
        |t| replace_value(t, 1, "0"),
        2,
        "only a finite number above 0",
    ),
    (
        "a figure below nothing",
        "new/metrics.csv",
        |t| replace_value(t, 1, "-0.01"),
        2,
        "only a finite number above 0",
    ),
    (
        "a row twice",
        "new/metrics.csv",
        |t| t.to_owned() + t.lines().nth(1).unwrap() + "\n",
        2,
        "is on line 2 already",
    ),
    (
        "all rows twice",
        "new/metrics.csv",
        |t| t.to_owned() + t.split_once('\n').unwrap().1,
        2,
        "is on line 2 already",
    ),
    (
        "another unit",
        "new/metrics.csv",
        |t| t.replace(",memory.peak,bytes,", ",memory.peak,s,"),
        2,
        "memory.peak",
    ),
    (
        "one unit for another",
        "new/metrics.csv",
        |t| t.replace(",memory.peak,bytes,", ",memory.peak,MiB,"),
        2,
        "memory.peak",
    ),
    ("a cell is dropped", "new/metrics.csv", |t| drop_lines(t, "mlp-digits"), 5, "mlp-digits"),
    ("a metric is dropped", "new/metrics.csv", |t| drop_lines(t, "memory.peak"), 5, "memory.peak"),
    (
        "a metric is renamed",
        "new/metrics.csv",
        |t| t.replace("memory.peak", "memory.top"),
        2,
        "memory.top",
    ),
    (
        "other names",
        "new/metrics.csv",
        |t| t.replace("mlp-", "x-").replace("cnn-", "y-"),
        2,
        "no cell in common",
    ),
    ("a run failed", "new/metrics.csv", |t| fail_run(t), 5, "failed"),
    (
        "values are gone",
        "new/metrics.csv",
        |t| drop_values(t, "serve.latency_p50"),
        5,
        "serve[1].latency_p50",
    ),
    ("another machine", "new/manifest.json", |t| t.replace("A CPU", "B CPU"), 4, "cpu.model"),
    (
        "no fingerprint",
        "new/manifest.json",
        |t| t.replace("\"fingerprint\"", "\"fingerprints\""),
        4,
        "not comparable",
    ),
    (
        "another version",
        "new/manifest.json",
        |t| t.replace("\"major\":4", "\"major\":9"),
        2,
        "has format 9.0",
    ),
    (
        "a damaged manifest",
        "new/manifest.json",
        |t| t[..t.len() / 2].to_owned(),
        2,
        "manifest.json is damaged at line 1",
    ),
    (
        "a manifest of other runs",
        "new/manifest.json",
        |t| t.replace("mlp-digits-r", "other-r"),
        4,
        "is of other runs",
    ),
];

#[test]
fn tampered_sheets_never_pass_in_silence() {
    for (what, file, change, code, says) in TAMPERINGS {
        let lab = equal();
        check(&lab, &SHEETS).exits(0);
        edit(&lab, file, change);
        let found = check(&lab, &SHEETS);
        let all = format!("{what}: {found:#?}");
        assert_eq!(found.code, Some(*code), "{all}");
        let said = one_line(&(found.stdout + &found.stderr));
        assert!(said.contains(says), "{says}: {all}");
        // What is no verdict says nothing on the standard output that could be taken for one.
        assert!(*code != 2 || !said.contains("judged "), "{all}");
    }
}

/// The estimate on this line, from 0 for the header.
fn replace_value(text: &str, line: usize, value: &str) -> String {
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    let mut cells: Vec<&str> = lines[line].split(',').collect();
    cells[4] = value;
    lines[line] = cells.join(",");
    lines.join("\n") + "\n"
}

/// Without the estimates of a metric.
fn drop_values(text: &str, metric: &str) -> String {
    let lines = text.lines().enumerate();
    let chosen: Vec<usize> =
        lines.filter(|(_, line)| line.contains(metric)).map(|(at, _)| at).collect();
    chosen.into_iter().fold(text.to_owned(), |text, at| replace_value(&text, at, ""))
}

fn drop_lines(text: &str, with: &str) -> String {
    let kept = text.lines().filter(|line| !line.contains(with));
    kept.fold(String::new(), |all, line| all + line + "\n")
}

/// All lines of one run say that it failed.
fn fail_run(text: &str) -> String {
    let lines = text.lines().map(|line| {
        if line.starts_with("cnn-digits-r3,") {
            line.replace(",completed", ",failed")
        } else {
            line.to_owned()
        }
    });
    lines.fold(String::new(), |all, line| all + &line + "\n")
}

#[test]
fn a_sheet_alone_is_of_an_unknown_machine() {
    let lab = equal();
    for side in ["base", "new"] {
        let text = fs::read_to_string(lab.path(side).join("metrics.csv")).unwrap();
        fs::write(lab.path(&format!("{side}.csv")), text).unwrap();
    }
    let found = check(&lab, &["base.csv", "new.csv"]).exits(4);
    assert!(
        one_line(&found.stdout).contains("keep manifest.json beside the CSV files"),
        "{}",
        found.stdout
    );
    check(&lab, &["base.csv", "new.csv", "--any-machine"]).exits(0);
}

#[test]
fn folders_and_sheets_come_to_the_same_verdicts() {
    let lab = Lab::new("");
    Made::new("one").write(&lab, "base");
    Made::new("two").slower("cnn-digits", 1.5).write(&lab, "new");
    let verdicts = |base: &str, new: &str| {
        let found = check(&lab, &[base, new, "--format", "json"]).exits(0);
        let document: Value = serde_json::from_str(&found.stdout).unwrap();
        let rows = document["rows"].as_array().unwrap().iter();
        let rows = rows
            .map(|row| ["cell", "metric", "verdict", "change", "p"].map(|key| row[key].clone()));
        rows.collect::<Vec<_>>()
    };
    let folders = verdicts("base", "new");
    assert_eq!(verdicts("base/metrics.csv", "new/metrics.csv"), folders);
    assert_eq!(verdicts("base", "new/metrics.csv"), folders);
    assert!(folders.iter().any(|row| row[2] == "suspect"), "{folders:?}");
}

/// What is done to the folder of runs, the exit code, and what is said.
type Broken = (&'static str, fn(PathBuf), i32, &'static str);

#[test]
fn runs_that_did_not_end_are_no_pass() {
    let cases: &[Broken] = &[
        (
            "never ended",
            |runs| fs::remove_file(runs.join("cnn-digits/done.json")).unwrap(),
            5,
            "was not started, or did not end",
        ),
        (
            "never begun",
            |runs| fs::remove_dir_all(runs.join("cnn-digits")).unwrap(),
            5,
            "was not started, or did not end",
        ),
        (
            "a torn log",
            |runs| fs::write(runs.join("cnn-digits/events.jsonl"), "{\"kind\":\"en").unwrap(),
            2,
            "the log is not whole",
        ),
        (
            "a torn marker",
            |runs| fs::write(runs.join("cnn-digits/done.json"), "{").unwrap(),
            2,
            "done.json is damaged at line 1",
        ),
        (
            "a crash",
            |runs| crash(&runs.join("cnn-digits-r2/events.jsonl")),
            5,
            "killed in train: out of memory",
        ),
    ];
    for (what, change, code, says) in cases {
        let lab = Lab::new("");
        Made::new("one").write(&lab, "base");
        Made::new("two").write(&lab, "new");
        check(&lab, &["base", "new"]).exits(0);
        change(lab.path("new/runs"));
        let found = check(&lab, &["base", "new"]);
        let said = one_line(&format!("{}{}", found.stdout, found.stderr));
        assert_eq!(found.code, Some(*code), "{what}: {found:#?}");
        assert!(said.contains(says), "{what}: {found:#?}");
    }
}

/// Makes a record one of a run that was killed.
fn crash(log: &std::path::Path) {
    let mut line: Value = serde_json::from_str(&fs::read_to_string(log).unwrap()).unwrap();
    line["data"]["status"] = json!("failed");
    line["data"]["failure"] = json!({
        "kind": "killed", "message": "out of memory", "phase": "train", "exit_code": null, "signal": 9, "stderr_tail": "",
    });
    fs::write(log, format!("{line}\n")).unwrap();
}

#[test]
fn what_is_no_side_is_refused() {
    let lab = equal();
    fs::create_dir_all(lab.path("empty")).unwrap();
    fs::create_dir_all(lab.path("sheets")).unwrap();
    fs::write(lab.path("sheets/metrics.csv"), Made::new("one").metrics()).unwrap();
    fs::write(lab.path("other.json"), "{\"a\": 1}").unwrap();
    Made::new("one").write(&lab, "both/baseline");
    Made::new("two").write(&lab, "both/candidate");
    let mut all = String::new();
    for args in [
        &["nowhere", "new/metrics.csv"][..],
        &["base/metrics.csv", "nowhere.csv"],
        &["empty", "new/metrics.csv"],
        &["sheets", "new/metrics.csv"],
        &["base/metrics.csv"],
        &["empty"],
        &["nowhere"],
        &["other.json"],
        &["other.json", "new/metrics.csv"],
        &["both", "new/metrics.csv"],
        &["base/metrics.csv", "new/metrics.csv", "--gate", "empty"],
        &["base/metrics.csv", "new/metrics.csv", "--gate", "nowhere.toml"],
        &["base/metrics.csv", "new/metrics.csv", "--write", "junit"],
        &["base/metrics.csv", "new/metrics.csv", "--write", "xml=a"],
        &["base/metrics.csv", "new/metrics.csv", "--write", "junit="],
        &["base/metrics.csv", "new/metrics.csv", "--write", "json=a", "--write", "text=a"],
        &["base/metrics.csv", "base/metrics.csv"],
        &["base/metrics.csv", "new/metrics.csv", "third"],
        &[],
    ] {
        let found = check(&lab, args).exits(2);
        assert_eq!(found.stdout, "", "{args:?}");
        writeln!(all, "perftune check {}\n{}", args.join(" "), found.stderr).unwrap();
    }
    insta::assert_snapshot!("refused", all);
}

#[test]
fn a_gate_file_moves_the_floors_and_names_what_is_gone() {
    let lab = paired(1.15);
    fs::write(lab.path("wide.toml"), "[gate]\nfloor = \"30%\"\n").unwrap();
    check(&lab, &["both", "--gate", "wide.toml"]).exits(0);
    let lab = equal();
    edit(&lab, "new/metrics.csv", |text| drop_lines(text, "mlp-digits"));
    edit(&lab, "new/manifest.json", |text| {
        let mut manifest: Value = serde_json::from_str(text).unwrap();
        manifest["runs"]
            .as_array_mut()
            .unwrap()
            .retain(|run| !run.as_str().unwrap().starts_with("mlp"));
        manifest.to_string()
    });
    check(&lab, &SHEETS).exits(5);
    let retired = "[gate.retired]\nmlp-digits = \"2026-01-31 no longer shipped\"\n";
    fs::write(lab.path("gone.toml"), format!("[gate]\n{retired}")).unwrap();
    check(&lab, &[&SHEETS[..], &["--gate", "gone.toml"]].concat()).exits(0);
    // What is under test may differ.
    let lab = equal();
    edit(&lab, "new/manifest.json", |text| text.replace("A CPU", "B CPU"));
    check(&lab, &SHEETS).exits(4);
    fs::write(lab.path("cpu.toml"), "[gate]\nsubject = [\"cpu.model\"]\n").unwrap();
    check(&lab, &[&SHEETS[..], &["--gate", "cpu.toml"]].concat()).exits(0);
    // A gate with a mistake is no gate.
    fs::write(lab.path("typo.toml"), "[gate]\nflor = \"3%\"\n").unwrap();
    check(&lab, &[&SHEETS[..], &["--gate", "typo.toml"]].concat()).exits(2);
}

#[test]
fn a_written_verdict_gives_its_code_and_its_text_again() {
    let lab = paired(1.15);
    let first = check(&lab, &["both", "--write", "json=v.json", "--write", "junit=v.xml"]).exits(1);
    let again = check(&lab, &["v.json"]).exits(1);
    assert_eq!(again.stdout, first.stdout);
    let xml = check(&lab, &["v.json", "--format", "junit"]).exits(1);
    assert_eq!(xml.stdout, fs::read_to_string(lab.path("v.xml")).unwrap());
    let json = check(&lab, &["both", "--format", "json"]).exits(1);
    assert_eq!(json.stdout, fs::read_to_string(lab.path("v.json")).unwrap());
    // Doubt is decided when it is read.
    let stored = equal();
    Made::new("two").slower("cnn-digits", 1.5).write_sheets(&stored, "new");
    check(&stored, &[&SHEETS[..], &["--write", "json=v.json"]].concat()).exits(0);
    check(&stored, &["v.json", "--on-inconclusive=fail"]).exits(6);
    check(&lab, &["v.json", "both"]).exits(2);
    check(&lab, &["v.json", "--any-machine"]).exits(2);
}

#[test]
fn a_damaged_verdict_gives_none() {
    let lab = paired(1.15);
    check(&lab, &["both", "--write", "json=v.json"]).exits(1);
    let whole = fs::read_to_string(lab.path("v.json")).unwrap();
    for (what, text, says) in [
        ("empty", String::new(), "v.json:1: the verdict is damaged: the file is empty"),
        ("cut", whole[..whole.len() / 2].to_owned(), "the verdict is damaged: EOF while parsing"),
        (
            "another version",
            whole.replace("perftune-verdict/2", "perftune-verdict/1"),
            "is a verdict of version 1",
        ),
        ("another document", "{\"runs\": []}\n".to_owned(), "is no verdict of perftune"),
        ("no outcome", whole.replace("\"outcome\"", "\"outcom\""), "missing field `outcome`"),
        (
            "made green",
            whole.replace("\"outcome\": \"regressed\"", "\"outcome\": \"ok\""),
            "its outcome is Ok",
        ),
        (
            "rows turned",
            whole.replace("\"verdict\": \"regressed\"", "\"verdict\": \"missing\""),
            "the verdict is damaged: it says",
        ),
    ] {
        assert_ne!(text, whole, "{what}");
        fs::write(lab.path("v.json"), text).unwrap();
        let found = check(&lab, &["v.json"]).exits(2);
        assert!(found.stderr.contains(says) && found.stdout.is_empty(), "{what}: {found:#?}");
    }
}

#[test]
fn what_cannot_be_written_is_said_and_costs_nothing_else() {
    let lab = paired(1.15);
    fs::create_dir_all(lab.path("folder")).unwrap();
    for target in ["json=nowhere/v.json", "json=folder"] {
        let found =
            check(&lab, &["both", "--write", target, "--write", "markdown=page.md"]).exits(2);
        assert!(found.stdout.contains("regressed"), "{found:#?}");
        assert!(found.stderr.contains("was not written"), "{found:#?}");
        assert!(
            fs::read_to_string(lab.path("page.md"))
                .unwrap()
                .starts_with("<!-- perftune-check -->\n")
        );
        fs::remove_file(lab.path("page.md")).unwrap();
    }
    // A device is written to, not replaced; nothing else is left behind.
    check(&lab, &["both", "--write", "text=/dev/null"]).exits(1);
    assert!(!fs::metadata("/dev/null").unwrap().is_file());
    let left = lab.files().into_iter().filter(|file| file.contains(".tmp"));
    assert_eq!(left.count(), 0);
    // A link is kept, and what it leads to is replaced.
    fs::write(lab.path("target.json"), "old").unwrap();
    std::os::unix::fs::symlink("target.json", lab.path("link.json")).unwrap();
    check(&lab, &["both", "--write", "json=link.json"]).exits(1);
    assert!(lab.path("link.json").is_symlink());
    assert!(fs::read_to_string(lab.path("target.json")).unwrap().starts_with('{'));
}

#[test]
fn nothing_is_written_over_what_is_compared_nor_twice() {
    let lab = paired(1.15);
    let manifest = || fs::read_to_string(lab.path("both/baseline/manifest.json")).unwrap();
    let before = manifest();
    let over = ["both", "--write", "json=both/baseline/manifest.json"];
    let found = check(&lab, &over).exits(2);
    assert!(one_line(&found.stderr).contains("is one of the inputs"), "{found:#?}");
    assert_eq!(manifest(), before);
    let twice = ["both", "--write", "json=v.json", "--write", "junit=./v.json"];
    let found = check(&lab, &twice).exits(2);
    assert!(found.stderr.contains("twice"), "{found:#?}");
    assert!(!lab.path("v.json").exists());
    // What lies beside the two sides is nobody's figure.
    check(&lab, &["both", "--write", "json=both/verdict.json"]).exits(1);
    check(&lab, &["both/verdict.json"]).exits(1);
}

#[test]
fn what_a_worker_says_of_itself_is_named_and_not_judged() {
    let lab = equal();
    let own = |said_by: &str| {
        for file in SHEETS {
            edit(&lab, file, |text| {
                let lines = text.lines().filter(|line| !line.contains(",tokens,"));
                let mut changed = String::new();
                for line in lines {
                    writeln!(changed, "{line}").unwrap();
                    if let Some((run, rest)) = line.split_once(",run,memory.peak,") {
                        let place: Vec<&str> = rest.rsplitn(5, ',').collect();
                        let (cell, repeat) = (place[3], place[2]);
                        writeln!(
                            changed,
                            "{run},run,tokens,1,7,,,,1,,,,{cell},{repeat},completed,{said_by}"
                        )
                        .unwrap();
                    }
                }
                changed
            });
        }
    };
    own("worker");
    let found = check(&lab, &SHEETS).exits(0);
    let says = "the worker's own `tokens` was not judged";
    assert!(one_line(&found.stdout).contains(says), "{}", found.stdout);
    // Of anything else that is not known nobody says what is better.
    own("");
    let found = check(&lab, &SHEETS).exits(2);
    assert!(
        one_line(&found.stderr).contains("`tokens`, which perftune does not know"),
        "{found:#?}"
    );
}

#[test]
fn a_reader_that_has_seen_enough_changes_no_code() {
    let lab = paired(1.15);
    let mut command = lab.perftune(&["check", "both", "--format", "json", "--write", "text=t.txt"]);
    let mut child = command.spawn().unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!(Shown::of(output).exits(1).stderr, "");
    assert!(lab.path("t.txt").is_file());
}

#[test]
fn github_gets_annotations_and_a_summary() {
    let lab = paired(1.15);
    let summary = lab.path("summary.md");
    fs::write(&summary, "# before\n").unwrap();
    let call = |args: &[&str]| {
        let mut command = lab.perftune(&[&["check", "both"], args].concat());
        Shown::of(command.env("GITHUB_STEP_SUMMARY", &summary).output().unwrap())
    };
    let found = call(&["--format", "github"]).exits(1);
    assert!(found.stdout.lines().all(|line| line.starts_with("::")), "{}", found.stdout);
    assert!(
        found.stdout.starts_with("::error title=perftune check::regressed%3A")
            || found.stdout.starts_with("::error title=perftune check::regressed:"),
        "{}",
        found.stdout
    );
    let page = fs::read_to_string(&summary).unwrap();
    assert!(
        page.starts_with("# before\n<!-- perftune-check -->\n## perftune check: regressed"),
        "{page}"
    );
    // Other formats leave it alone.
    call(&["--format", "json"]).exits(1);
    assert_eq!(fs::read_to_string(&summary).unwrap(), page);
    fs::remove_file(&summary).unwrap();
    fs::create_dir_all(&summary).unwrap();
    let found = call(&["--format", "github"]).exits(2);
    assert!(found.stderr.contains("GITHUB_STEP_SUMMARY"), "{found:#?}");
}

/// Two real runs of the worker that plays a script, the second of which is slower.
#[test]
fn real_results_are_compared() {
    let grid = |step: u32| {
        format!(
            "name = \"t\"\nrepeat = 6\n[worker]\nprogram = \"scripted\"\n\
             options = {{ steps_per_epoch = 400, step_us = {step}.0, spread = 0.02, peak_bytes = 67108864 }}\n\
             [grid]\nmodel = [\"one\", \"two\"]\ndataset = \"made-up\"\n[train]\nepochs = 1\n[serve]\nenabled = false\n\
             [stop]\nmetrics = [\"throughput\"]\n"
        )
    };
    let lab = Lab::new(&grid(1000));
    lab.run(&["--full", "-q", "--out", "a"]).exits(0);
    lab.run(&["--full", "-q", "--out", "b"]).exits(0);
    fs::write(lab.path("grid.toml"), grid(1400)).unwrap();
    lab.run(&["--full", "-q", "--out", "c"]).exits(0);
    let same = check(&lab, &["a", "b"]).exits(0);
    assert!(!same.stdout.contains("\nsuspect "), "{}", same.stdout);
    let slower = check(&lab, &["a", "c", "--on-inconclusive=fail"]).exits(6);
    assert!(slower.stdout.contains("\nsuspect "), "{}", slower.stdout);
}
