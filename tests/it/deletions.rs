//! Nothing that is taken from a recorded comparison turns red into green.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use crate::support::Lab;

/// A cell that is slower and one that is not, in as few blocks as can be red.
const GRID: &str = r#"
name = "t"
seed = 1
[worker]
program = "scripted"
options = { step_us = 2000.0, steps_per_epoch = 500, run_spread = 0.01 }
[grid]
model = "one"
dataset = "made-up"
batch_size = [16, 64]
[train]
epochs = 1
[serve]
enabled = false
[stop]
enabled = false
[gate]
floor = "4%"
[gate.metrics]
"memory.peak" = { role = "info" }
"#;

/// The grid's own rules would call it a pass.
const STRICT: &str =
    "[gate]\nfloor = \"1%\"\n[gate.metrics]\n\"memory.peak\" = { role = \"info\" }\n";

fn red() -> Lab {
    let lab = Lab::new(GRID);
    fs::write(lab.path("strict.toml"), STRICT).unwrap();
    let slower = [
        "--set-b",
        "worker.options.slowdown=1.3",
        "--set-b",
        "worker.options.slow_batch_size=64",
        "--set-b",
        "seed=1000",
    ];
    let both = ["--against", "grid.toml", "--blocks", "7", "--gate", "strict.toml"];
    lab.run(&[&both[..], &slower].concat()).exits(1);
    lab.call(&["check", "results/t"]).exits(1);
    lab
}

/// What `check` says must be no pass, and no panic.
#[track_caller]
fn stays_red(lab: &Lab, what: &str) {
    let shown = lab.call(&["check", "results/t"]);
    let code = shown.code.unwrap_or_else(|| panic!("{what}: {shown:#?}"));
    assert!((1..=6).contains(&code), "{what}: {shown:#?}");
}

#[test]
fn no_line_and_no_file_less_turns_red_into_green() {
    let lab = red();
    let files = lab.files().into_iter().filter(|name| name.starts_with("results/t/"));
    let mut seen = BTreeSet::new();
    for name in files {
        let path: PathBuf = lab.path(&name);
        let bytes = fs::read(&path).unwrap();
        fs::remove_file(&path).unwrap();
        // Of the runs of a side each has the same files.
        let of_run = name.contains("/runs/") && !name.contains("b64-r3/") && !name.contains("b16/");
        if !of_run {
            stays_red(&lab, &name);
        }
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let lines: Vec<&str> = text.split_inclusive('\n').collect();
        for (at, line) in lines.iter().enumerate() {
            // The settings of a run are those of the others and of the other side, and of a log the end is read.
            let kind = name.rsplit('/').next().unwrap().to_owned();
            let alike = !seen.insert((kind, line.trim().to_owned()));
            let alike = alike && !line.trim().starts_with("\"one-made-up");
            let unread = ["csv", "html", "log"].contains(&name.rsplit('.').next().unwrap());
            let inside = name.ends_with("events.jsonl") && at + 1 < lines.len();
            if of_run || alike || unread || inside {
                continue;
            }
            fs::write(&path, [&lines[..at], &lines[at + 1..]].concat().concat()).unwrap();
            stays_red(&lab, &format!("{name}:{}", at + 1));
        }
        fs::write(&path, bytes).unwrap();
    }
    lab.call(&["check", "results/t"]).exits(1);
}

#[test]
fn a_manifest_that_is_removed_while_runs_are_made_is_noticed() {
    let lab =
        Lab::new(&GRID.replace("steps_per_epoch = 500", "steps_per_epoch = 500, talks = true"));
    let mut running = lab.start(&["-v", "--progress", "plain"]);
    running.until_phase("train");
    fs::remove_file(lab.file("manifest.json")).unwrap();
    let shown = running.end().exits(0);
    assert!(shown.stderr.contains("manifest.json while the runs were made"), "{}", shown.stderr);
    assert!(lab.file("manifest.json").exists());
    lab.call(&["report", "results/t"]).exits(0);
}
