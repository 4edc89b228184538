//! Nothing that is taken from a recorded comparison turns red into green.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use crate::support::Lab;

/// A cell that is slower and one that is not, in as few blocks as can be red.
const GRID: &str = r#"
name = "t"
repeat = 1
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
    lab
}

/// What is attacked: a folder and the arguments of the `check` that fails on it as long as it is whole.
struct Attacked<'a> {
    lab: &'a Lab,
    check: &'a [&'a str],
    /// Kinds of files and their lines that were left out before: one of several that are alike is enough.
    seen: BTreeSet<(String, String)>,
}

impl<'a> Attacked<'a> {
    fn new(lab: &'a Lab, check: &'a [&'a str]) -> Self {
        lab.call(check).exits(1);
        Self { lab, check, seen: BTreeSet::new() }
    }

    /// What `check` says must be no pass, and no panic.
    #[track_caller]
    fn stays_red(&self, what: &str) {
        let shown = self.lab.call(self.check);
        let code = shown.code.unwrap_or_else(|| panic!("{what}: {shown:#?}"));
        assert!((1..=6).contains(&code), "{what}: {shown:#?}");
    }

    /// Leaves this file out.
    fn without(&self, name: &str) {
        let path: PathBuf = self.lab.path(name);
        let bytes = fs::read(&path).unwrap();
        fs::remove_file(&path).unwrap();
        self.stays_red(name);
        fs::write(&path, bytes).unwrap();
    }

    /// Leaves each line of this file out.
    fn without_lines(&mut self, name: &str) {
        // Tables are derived, and of a log only the end is read.
        let unread = ["csv", "html", "log"].contains(&name.rsplit('.').next().unwrap());
        let path: PathBuf = self.lab.path(name);
        let bytes = fs::read(&path).unwrap();
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let lines: Vec<&str> = text.split_inclusive('\n').collect();
        for (at, line) in lines.iter().enumerate() {
            let kind = name.rsplit('/').next().unwrap().to_owned();
            let alike = !self.seen.insert((kind, line.trim().to_owned()));
            let alike = alike && !line.trim().starts_with("\"one-made-up");
            let inside = name.ends_with("events.jsonl") && at + 1 < lines.len();
            if alike || unread || inside {
                continue;
            }
            fs::write(&path, [&lines[..at], &lines[at + 1..]].concat().concat()).unwrap();
            self.stays_red(&format!("{name}:{}", at + 1));
        }
        fs::write(&path, bytes).unwrap();
    }
}

/// Of the runs of a folder each has the same files.
fn is_of_other_run(name: &str) -> bool {
    name.contains("/runs/") && !name.contains("b64-r3/") && !name.contains("b16/")
}

#[test]
fn no_line_and_no_file_less_turns_red_into_green() {
    let lab = red();
    let mut attacked = Attacked::new(&lab, &["check", "results/t"]);
    let files = lab.files().into_iter().filter(|name| name.starts_with("results/t/"));
    for name in files.filter(|name| !is_of_other_run(name)) {
        attacked.without(&name);
        attacked.without_lines(&name);
    }
    lab.call(&["check", "results/t"]).exits(1);
}

#[test]
fn nothing_less_in_a_stored_baseline_or_its_candidate_turns_red_into_green() {
    // Three cells, of which one is slower, and two sessions more than a full verdict needs: one may be left out by chance.
    let grid = GRID.replace("[16, 64]", "[16, 32, 64]");
    let lab = Lab::new(&grid.replace("run_spread", "peak_bytes = 67108864, run_spread"));
    let measured = |seed: u32, slowdown: &str| {
        let slower = format!("worker.options.slowdown={slowdown}");
        let seed = seed.to_string();
        let set = ["--set", &*slower, "--set", "worker.options.slow_batch_size=64"];
        lab.run(&[&["--fresh", "--repeat", "3", "--seed", &seed], &set[..]].concat()).exits(0);
    };
    for session in 0..10 {
        measured(10 * (session + 1), "1");
        lab.amend("created", &format!("2026-01-{:02}T10:00:00Z", session + 1));
        lab.call(&["baseline", "add", "results/t"]).exits(0);
    }
    measured(500, "1.3");
    let mut attacked = Attacked::new(&lab, &["check", "baseline", "results/t"]);
    let files = lab.files();
    let stored = files.iter().filter(|name| name.starts_with("baseline/"));
    let stored: Vec<&String> = stored.filter(|name| !name.contains("/written/")).collect();
    assert_eq!(stored.len(), 11, "{stored:?}");
    for name in &stored {
        attacked.without(name);
    }
    // Nor with the note that it was there.
    for name in &stored {
        let note = name.replacen("baseline/", "baseline/written/", 1);
        if files.contains(&note) {
            let bytes = fs::read(lab.path(&note)).unwrap();
            fs::remove_file(lab.path(&note)).unwrap();
            attacked.without(name);
            fs::write(lab.path(&note), bytes).unwrap();
        }
    }
    attacked.without_lines(stored[3]);
    let own = files.iter().filter(|name| name.starts_with("results/t/"));
    for name in own.filter(|name| !is_of_other_run(name)) {
        attacked.without(name);
        attacked.without_lines(name);
    }
    // What a note is of is still there.
    for name in files.iter().filter(|name| name.contains("/written/")) {
        attacked.without(name);
    }
    lab.call(&["check", "baseline", "results/t"]).exits(1);
    // A session less is said, and the verdict is none.
    fs::remove_file(lab.path(stored[4])).unwrap();
    let shown = lab.call(&["check", "baseline", "results/t"]).exits(5);
    assert!(shown.stdout.contains("is gone"), "{shown:#?}");
    let listed = lab.call(&["baseline", "list"]).exits(0);
    assert!(listed.stdout.contains("is gone"), "{listed:#?}");
    let promoted = lab.call(&["baseline", "promote", "2", "--reason", "x"]).exits(2);
    assert!(promoted.stderr.contains("is gone"), "{promoted:#?}");
    // With none left nobody is told that there never was one.
    for name in stored.iter().filter(|name| name.matches('/').count() == 2) {
        let _ = fs::remove_file(lab.path(name));
    }
    let shown = lab.call(&["check", "baseline", "results/t"]).exits(2);
    assert!(shown.stderr.contains("lacks 10 stored sessions that it held"), "{shown:#?}");
    let listed = lab.call(&["baseline", "list"]).exits(0);
    assert!(listed.stdout.contains("holds no session any more"), "{listed:#?}");
}

#[test]
fn a_manifest_that_is_removed_while_runs_are_made_is_noticed() {
    let lab =
        Lab::new(&GRID.replace("steps_per_epoch = 500", "steps_per_epoch = 500, talks = true"));
    let mut running = lab.start(&["-v", "--progress", "plain"]);
    running.until_phase("train");
    fs::remove_file(lab.file("manifest.json")).unwrap();
    let shown = running.end().exits(0);
    assert!(shown.stderr.contains("manifest.json was removed during the runs"), "{}", shown.stderr);
    assert!(lab.file("manifest.json").exists());
    lab.call(&["report", "results/t"]).exits(0);
}
