//! `run --against`: both sides in turns, and the verdict on them.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::process::Command;

use rustix::process::Signal;
use serde_json::Value;

use crate::support::{Lab, Running, Shown, rows};

/// Two cells of two seconds each in virtual time; what is really measured of the process itself decides nothing.
const GRID: &str = r#"
name = "t"
repeat = 1
seed = 1
[worker]
program = "scripted"
options = { step_us = 2000.0, steps_per_epoch = 1000, run_spread = 0.01 }
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
[gate.metrics]
"memory.peak" = { role = "info" }
"#;

const SMALL: &str = "one-made-up-b16";
const LARGE: &str = "one-made-up-b64";

/// One cell, and seeds of its own for the candidate: the noise of the sides is not the same.
const ONE: [&str; 6] =
    ["--against", "grid.toml", "--set-b", "seed=1000", "--only", "batch_size=64"];
const SEVEN: [&str; 2] = ["--blocks", "7"];

fn lab() -> Lab {
    Lab::new(GRID)
}

fn against(lab: &Lab, args: &[&str]) -> Shown {
    lab.run(&[&ONE, args].concat())
}

fn json(lab: &Lab, name: &str) -> Value {
    serde_json::from_str(&lab.text(name)).unwrap()
}

/// Every run of a side with its place in the comparison, as its record has it.
fn pairings(lab: &Lab, arm: &str) -> BTreeMap<String, Value> {
    let manifest = json(lab, &format!("{arm}/manifest.json"));
    let runs = manifest["runs"].as_array().unwrap().iter();
    let found = runs.filter_map(|run| {
        let run = run.as_str().unwrap();
        let log = lab.file(&format!("{arm}/runs/{run}/events.jsonl"));
        let log = fs::read_to_string(log).ok()?;
        let last: Value = serde_json::from_str(log.lines().last()?).ok()?;
        Some((run.to_owned(), last["data"]["pairing"].clone()))
    });
    found.collect()
}

/// The verdicts of the rows, but for those that are only shown.
fn verdicts(verdict: &Value) -> Vec<(String, String, String)> {
    let rows = verdict["rows"].as_array().unwrap().iter();
    let text = |row: &Value, key: &str| row[key].as_str().unwrap().to_owned();
    rows.map(|row| (text(row, "verdict"), text(row, "cell"), text(row, "metric")))
        .filter(|(verdict, _, _)| verdict != "info")
        .collect()
}

fn red(verdict: &Value) -> Vec<(String, String, String)> {
    let mut rows = verdicts(verdict);
    rows.retain(|(verdict, _, _)| verdict == "regressed");
    rows
}

#[test]
fn identical_builds_are_green_and_each_side_is_an_ordinary_folder() {
    let lab = lab();
    let shown = against(&lab, &SEVEN).exits(0);
    assert!(shown.stdout.contains("no regression"), "{}", shown.stdout);
    let verdict = json(&lab, "verdict.json");
    let found = verdicts(&verdict);
    assert!(found.len() >= 3, "{found:?}");
    assert!(found.iter().all(|(verdict, cell, _)| verdict == "pass" && cell == LARGE), "{found:?}");

    // The runs of a block are made in the order that they say, and on each side twice.
    let mut places = BTreeMap::new();
    let both = lab.call(&["report", "results/t", "--format", "csv"]).exits(0).stdout;
    assert!(
        both.contains(",results/t/baseline,") && both.contains(",results/t/candidate,"),
        "{both}"
    );
    let mut sessions = Vec::new();
    for arm in ["baseline", "candidate"] {
        assert_eq!(
            json(&lab, &format!("{arm}/manifest.json"))["runs"].as_array().unwrap().len(),
            14
        );
        assert_eq!(lab.rows(&format!("{arm}/report.csv")).len(), 14);
        assert!(lab.file(&format!("{arm}/report.html")).exists());
        for (run, pairing) in pairings(&lab, arm) {
            assert_eq!(pairing["arm"], arm, "{run}");
            sessions.push(pairing["session"].clone());
            let block = pairing["block"].as_u64().unwrap();
            let positions: &mut Vec<_> = places.entry(block).or_default();
            positions.push((pairing["position"].as_u64().unwrap(), arm));
        }
    }
    sessions.dedup();
    assert_eq!(sessions.len(), 1, "one session");
    assert!(places.keys().copied().eq(1..=7));
    for (block, mut places) in places {
        places.sort_unstable();
        let order: String =
            places.iter().map(|(_, arm)| if *arm == "baseline" { 'A' } else { 'B' }).collect();
        assert!(["ABBA", "BAAB"].contains(&&*order), "block {block}: {order}");
    }

    // What was judged can be judged again, and its verdict gives its code again.
    lab.call(&["report", "results/t/baseline"]).exits(0);
    lab.call(&["check", "results/t"]).exits(0);
    lab.call(&["check", "results/t/verdict.json"]).exits(0);
}

#[test]
fn a_slower_cell_is_red_and_named_and_the_other_is_not() {
    let lab = lab();
    let slower =
        ["--set-b", "worker.options.slowdown=1.1", "--set-b", "worker.options.slow_batch_size=64"];
    let both = ["--against", "grid.toml", "--set-b", "seed=1000", "--blocks", "8"];
    let shown = lab.run(&[&both[..], &slower].concat()).exits(1);
    let verdict = json(&lab, "verdict.json");
    let found = red(&verdict);
    let named: Vec<&str> = found.iter().map(|(_, _, metric)| &**metric).collect();
    assert!(named.contains(&"train.step_latency_p25"), "{found:?}");
    assert!(named.contains(&"train.throughput_p75"), "{found:?}");
    assert!(found.iter().all(|(_, cell, _)| cell == LARGE), "{found:?}");
    assert!(shown.stdout.contains("regressed") && shown.stdout.contains(LARGE), "{}", shown.stdout);
    // All eight blocks: it is never ended early with a fail.
    assert_eq!(pairings(&lab, "candidate").len(), 32);
    for again in ["results/t", "results/t/verdict.json"] {
        lab.call(
            &["check", again, "--gate", "grid.toml"][..if again == "results/t" { 4 } else { 2 }],
        )
        .exits(1);
    }
}

#[test]
fn a_comparison_that_passes_after_seven_blocks_ends() {
    let lab = lab();
    let shown = against(&lab, &["--blocks", "9"]).exits(0);
    assert_eq!(pairings(&lab, "baseline").len(), 14);
    assert!(shown.stdout.contains("7 of 9 blocks"), "{}", shown.stdout);
    lab.call(&["check", "results/t"]).exits(0);
    // Nothing is left to be done, and --all-blocks is another comparison only in its length.
    let before = fs::metadata(lab.file(&format!("baseline/runs/{LARGE}/done.json"))).unwrap().ino();
    let again = against(&lab, &["--blocks", "9", "--resume"]).exits(0);
    assert!(!again.stderr.contains("started"), "{}", again.stderr);
    against(&lab, &["--blocks", "9", "--resume", "--all-blocks"]).exits(0);
    assert_eq!(pairings(&lab, "baseline").len(), 18);
    let after = fs::metadata(lab.file(&format!("baseline/runs/{LARGE}/done.json"))).unwrap().ino();
    assert_eq!(before, after);
}

#[test]
fn what_cannot_be_found_is_refused_before_anything_runs() {
    let lab = lab();
    fs::write(lab.path("other.toml"), GRID.replace("[16, 64]", "[16, 32, 64]")).unwrap();
    fs::write(lab.path("fast.toml"), format!("{GRID}[sampler]\ninterval = \"20ms\"\n")).unwrap();
    fs::create_dir(lab.path("empty")).unwrap();
    for (args, says) in [
        (
            &["--against", "grid.toml", "--blocks", "6"][..],
            &["6 blocks can never", "--blocks 7"][..],
        ),
        (&["--against", "other.toml"], &["the candidate has no one-made-up-b32", "[gate.retired]"]),
        (&["--against", "v1.2"], &["v1.2: there is no such file", "a commit has to be built"]),
        (&["--against", "empty"], &["there is no perftune in it"]),
        (&["--against", "fast.toml"], &["[sampler]"]),
        (&["--against", "grid.toml", "--worker-a", "nowhere"], &["nowhere is not there"]),
        (&["--against", "grid.toml", "--format", "csv"], &["no such format"]),
        (&["--against", "grid.toml", "--repeat", "3"], &["cannot be used with"]),
        (&["--against", "grid.toml", "--budget", "3s"], &["cannot be used with"]),
        (&["--blocks", "9"], &["--against"]),
    ] {
        let shown = lab.run(args).exits(2);
        for word in says {
            assert!(shown.stderr.contains(word), "{args:?}: {word}: {}", shown.stderr);
        }
        assert!(!lab.path("results").exists(), "{args:?}");
    }
}

#[test]
fn a_cell_that_is_retired_is_no_longer_asked_for_and_a_new_one_is_not_compared() {
    let lab = lab();
    let other = GRID.replace("[16, 64]", "[16, 32, 64]");
    fs::write(lab.path("other.toml"), other).unwrap();
    let retired =
        format!("{GRID}[gate.retired]\none-made-up-b32 = \"2026-02-01 nobody uses it\"\n");
    fs::write(lab.path("grid.toml"), retired).unwrap();
    lab.run(&["--against", "other.toml", "--dry-run"]).exits(0);
    fs::write(lab.path("grid.toml"), GRID).unwrap();
    let shown = lab
        .run(&["--against", "grid.toml", "--set-a", "grid.batch_size=[16,32]", "--dry-run"])
        .exits(2);
    assert!(shown.stderr.contains("the candidate has no one-made-up-b32"), "{}", shown.stderr);
    let shown = lab
        .run(&["--against", "grid.toml", "--set-b", "grid.batch_size=[16,64,32]", "--dry-run"])
        .exits(0);
    assert!(shown.stderr.contains("the baseline has no one-made-up-b32"), "{}", shown.stderr);
    assert!(!shown.stdout.contains("b32"), "{}", shown.stdout);
}

#[test]
fn a_dry_run_shows_both_sides_and_the_order() {
    let lab = lab();
    let args = [
        "--against",
        "grid.toml",
        "--set-b",
        "train.learning_rate=0.5",
        "--dry-run",
        "--seed",
        "3",
    ];
    let shown = lab.run(&args).exits(0);
    for arm in ["baseline", "candidate"] {
        let says = format!("\n{arm}: t: 2 cells, 40 runs\n");
        assert!(shown.stdout.contains(&says), "{says}{}", shown.stdout);
    }
    let typo =
        lab.run(&["--against", "grid.toml", "--set-b", "grid.sizes=3", "--dry-run"]).exits(2);
    assert!(typo.stderr.contains("| --set-b grid.sizes=3"), "{}", typo.stderr);
    let gone = ["--against", "grid.toml", "--set-b", "seed=1000", "--gate", "nowhere.toml"];
    let gone = lab.run(&gone).exits(2);
    assert!(gone.stderr.contains("cannot read the file: "), "{}", gone.stderr);
    for word in [
        "baseline: t: 2 cells, 40 runs",
        "candidate: t: 2 cells, 40 runs",
        "0.5",
        "block 2:",
        "ABBA",
        "80 runs",
        "After 7 blocks",
    ] {
        assert!(shown.stdout.contains(word), "{word}: {}", shown.stdout);
    }
    let table = lab.run(&[&args[..], &["--format", "csv"]].concat()).exits(0);
    let order = rows(&table.stdout);
    assert_eq!(order.len(), 80);
    assert_eq!(order[79]["block"], "10");
    let document = lab.run(&[&args[..], &["--format", "json"]].concat()).exits(0);
    let document: Value = serde_json::from_str(&document.stdout).unwrap();
    assert_eq!(document["order"].as_array().unwrap().len(), 80);
    assert_eq!(document["order"][5]["run"], *order[5]["run"]);
    assert!(!lab.path("results").exists());
}

#[test]
fn a_comparison_is_judged_again_by_the_rules_that_it_was_made_with() {
    let lab = lab();
    let gate = |name: &str, floor: &str| {
        let rules = format!(
            "[gate]\nfloor = \"{floor}\"\n[gate.metrics]\n\"memory.peak\" = {{ role = \"info\" }}\n"
        );
        fs::write(lab.path(name), rules).unwrap();
    };
    gate("loose.toml", "40%");
    gate("strict.toml", "5%");
    let slow = ["--set-b", "worker.options.slowdown=1.2", "--gate"];
    let args = [&SEVEN[..], &slow].concat();
    against(&lab, &[&args[..], &["loose.toml"]].concat()).exits(0);
    // The grid's own floor of 5% would say 1.
    lab.call(&["check", "results/t"]).exits(0);
    lab.call(&["check", "results/t", "--gate", "strict.toml"]).exits(1);
    let other = [&args[..], &["strict.toml", "--resume"]].concat();
    let shown = against(&lab, &other).exits(2);
    assert!(shown.stderr.contains("its gate had other rules"), "{shown:#?}");
}

#[test]
fn what_the_candidates_own_gate_loosens_is_named_and_a_build_against_itself_is_said() {
    let lab = lab();
    let loose = ["--set-b", "worker.options.slowdown=1.2", "--set-b"];
    let args = [&SEVEN[..], &loose, &["gate.floor=40%"]].concat();
    let shown = against(&lab, &args).exits(0);
    let says = "the [gate] of the two grids differs (floor)";
    let text = |shown: &Shown| shown.stdout.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(text(&shown).contains(says), "{}", shown.stdout);
    let again = lab.call(&["check", "results/t"]).exits(0);
    assert!(text(&again).contains(says), "{}", again.stdout);
    let itself = "both sides are the same program with the same settings";
    assert!(!text(&shown).contains(itself), "{}", shown.stdout);
    let same = ["--against", "grid.toml", "--blocks", "7", "--fresh"];
    let shown = lab.run(&same).exits(0);
    assert!(text(&shown).contains(itself), "{}", shown.stdout);
}

#[test]
fn a_worker_that_crashes_on_one_side_is_no_pass() {
    let lab = lab();
    let crash = "worker.options.fault={kind=\"exit\",phase=\"train\",after=5,batch_size=64}";
    let both =
        ["--against", "grid.toml", "--set-b", "seed=1000", "--blocks", "7", "--set-b", crash];
    let shown = lab.run(&both).exits(5);
    // The others went on, and what there is of them is told.
    let rows = lab.rows("candidate/report.csv");
    assert_eq!(rows.iter().filter(|row| row["status"] == "failed").count(), 14);
    assert_eq!(rows.iter().filter(|row| row["status"] == "completed").count(), 14);
    let verdict = json(&lab, "verdict.json");
    let found = verdicts(&verdict);
    assert!(
        found.iter().any(|(verdict, cell, _)| verdict == "failed" && cell == LARGE),
        "{found:?}"
    );
    assert!(found.iter().any(|(verdict, cell, _)| verdict == "pass" && cell == SMALL), "{found:?}");
    assert!(shown.stdout.contains("failed"), "{}", shown.stdout);
    lab.call(&["check", "results/t"]).exits(5);
}

/// A worker that is a script around the built-in one.
fn wrapped(lab: &Lab, name: &str, first: &str) -> String {
    let perftune = assert_cmd::cargo::cargo_bin!("perftune");
    let text = format!("#!/bin/sh\n{first}\nexec '{}' \"$@\"\n", perftune.display());
    fs::write(lab.path(name), text).unwrap();
    fs::set_permissions(lab.path(name), fs::Permissions::from_mode(0o755)).unwrap();
    format!("./{name}")
}

#[test]
fn sides_may_be_workers_and_builds() {
    let lab = lab();
    let broken = wrapped(&lab, "broken", "exit 3");
    let whole = wrapped(&lab, "whole", "echo made by hand >&2");
    fs::create_dir(lab.path("build")).unwrap();
    symlink(assert_cmd::cargo::cargo_bin!("perftune"), lab.path("build/perftune")).unwrap();
    let only = ["--only", "batch_size=64", "--blocks", "7", "--fresh"];
    for (args, code) in
        [(&["--against", &*whole][..], 0), (&["--against", "build", "--worker-b", &*broken], 5)]
    {
        let shown = lab.run(&[args, &only].concat()).exits(code);
        assert!(shown.stderr.contains("candidate (B) grid.toml"), "{}", shown.stderr);
    }
    let both = lab.run(&["--against", &*whole, "--worker-a", &*whole]).exits(2);
    assert!(both.stderr.contains("both name the worker"), "{}", both.stderr);
    let session = json(&lab, "against.json");
    let program = session["baseline"]["words"][0].as_str().unwrap().to_owned();
    assert!(program.ends_with("build/perftune"), "{program}");
}

/// The marker of every run that has one: whoever touches a run changes it.
fn markers(lab: &Lab) -> BTreeMap<String, (u64, i64, i64)> {
    let names = lab.files().into_iter().filter(|name| name.ends_with("done.json"));
    let of = |name: String| {
        let found = fs::metadata(lab.path(&name)).unwrap();
        (name, (found.ino(), found.mtime(), found.mtime_nsec()))
    };
    names.map(of).collect()
}

#[test]
fn an_interrupt_keeps_whole_blocks_and_half_a_block_is_run_again() {
    let (lab, args) = interrupted();
    let before = markers(&lab);
    assert_eq!(before.len(), 6);
    let first_block: Vec<String> = ["baseline", "candidate"]
        .iter()
        .flat_map(|arm| {
            ["", "-r2"].map(|repeat| format!("results/t/{arm}/runs/{LARGE}{repeat}/done.json"))
        })
        .collect();
    let refused = lab.run(&args).exits(2);
    assert!(refused.stderr.contains("--resume"), "{}", refused.stderr);
    let other = lab.run(&[&args[..], &["--resume", "--blocks", "8"]].concat()).exits(2);
    assert!(
        other.stderr.contains("cannot be used multiple times")
            || other.stderr.contains("7 blocks then, 8 now")
    );
    let shown = lab.run(&[&args[..], &["--resume"]].concat()).exits(0);
    assert!(shown.stderr.contains("[ 1/24] "), "{}", shown.stderr);
    let after = markers(&lab);
    assert_eq!(after.len(), 28);
    for (name, marker) in &before {
        let kept = first_block.contains(name);
        assert_eq!(after[name] == *marker, kept, "{name}");
    }
    let sessions: Vec<Value> =
        pairings(&lab, "baseline").into_values().map(|p| p["session"].clone()).collect();
    assert!(sessions.windows(2).all(|pair| pair[0] == pair[1]), "{sessions:?}");
    assert_eq!(json(&lab, "against.json")["session"], sessions[0]);
    assert!(lab.file("verdict.json").exists());
}

/// A comparison of one cell that was interrupted in its second block, and its arguments.
fn interrupted() -> (Lab, Vec<&'static str>) {
    let lab = lab();
    // The second run of the second block is interrupted; the script says which phase it is in.
    let args =
        [&ONE[..], &SEVEN, &["--set", "worker.options.talks=true", "-v", "--progress", "plain"]]
            .concat();
    let mut running = lab.start(&args);
    running.until("[ 6/28] ");
    running.until_phase("train");
    running.signal(Signal::INT);
    let shown = running.end().exits(130);
    assert!(shown.stderr.contains("there is no verdict"), "{}", shown.stderr);
    assert!(!lab.file("verdict.json").exists());
    assert_eq!(lab.rows("baseline/report.csv").len() + lab.rows("candidate/report.csv").len(), 6);

    (lab, args)
}

#[test]
fn a_disk_that_fills_up_ends_it_without_a_verdict() {
    // As in the tests of one grid: a file that may grow no further is a full disk to whoever writes it.
    let lab =
        Lab::new(&GRID.replace("steps_per_epoch = 1000", "steps_per_epoch = 1000, talks = true"));
    let perftune = assert_cmd::cargo::cargo_bin!("perftune");
    let long = "train.epochs=20000";
    let script = format!(
        "trap '' XFSZ; ulimit -f 2000; exec \"$0\" run grid.toml {} --blocks 7 --set-b {long} -v",
        ONE.join(" ")
    );
    let mut shell = lab.perftune(&[]);
    let mut command = Command::new("sh");
    command
        .args(["-c", &script, perftune.to_str().unwrap()])
        .current_dir(shell.get_current_dir().unwrap())
        .stdin(std::process::Stdio::null())
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped());
    std::mem::swap(&mut shell, &mut command);
    let shown = Running::new(shell).end().exits(2);
    for word in ["error: ", "events.jsonl", "File too large", "--resume"] {
        assert!(shown.stderr.contains(word), "{word}: {}", shown.stderr);
    }
    assert!(!lab.file("verdict.json").exists());
    assert_eq!(shown.stdout, "");
}

#[test]
fn a_dropped_cell_and_another_machine_are_no_pass() {
    let lab = lab();
    lab.run(&["--out", "base", "--repeat", "5"]).exits(0);
    lab.run(&["--out", "new", "--repeat", "5", "--seed", "1000"]).exits(0);
    lab.run(&["--out", "less", "--repeat", "5", "--only", "batch_size=16"]).exits(0);
    let same = lab.call(&["check", "base", "new", "--gate", "grid.toml"]);
    assert_eq!(same.code, Some(0), "{same:#?}");
    let dropped = lab.call(&["check", "base", "less"]).exits(5);
    assert!(
        dropped.stdout.contains("missing") && dropped.stdout.contains(LARGE),
        "{}",
        dropped.stdout
    );
    let path = lab.path("new/manifest.json");
    let mut manifest: Value = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
    manifest.as_object_mut().unwrap().remove("checksum");
    manifest["fingerprint"]["hard"]["cpu.model"] = "another processor".into();
    fs::write(&path, manifest.to_string()).unwrap();
    let other = lab.call(&["check", "base", "new"]).exits(4);
    assert!(other.stdout.contains("cpu.model"), "{}", other.stdout);
}

#[test]
fn the_self_test_shows_that_the_gate_can_fire_and_says_where_it_cannot() {
    let lab = lab();
    let shown = lab.call(&["check", "--self-test"]).exits(0);
    let said = shown.stdout.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(said.contains("red, and it names that cell") && said.contains("passed"), "{said}");
    assert!(shown.stdout.lines().all(|line| line.chars().count() <= 80), "{}", shown.stdout);
    // A gate that takes no notice of less than its floor does what it should.
    for slowdown in ["1%", "3%", "5%"] {
        let below = lab.call(&["check", "--self-test", "--slowdown", slowdown]).exits(2);
        let says = format!("--slowdown {slowdown} is less than this gate promises to find");
        assert!(below.stderr.contains(&says), "{}", below.stderr);
        assert!(!below.stdout.contains("do not trust"), "{}", below.stdout);
    }
    // Nor does one whose floors are larger than the usual slowdown fail the test: it is given a larger one.
    fs::write(lab.path("wide.toml"), "[gate]\nfloor = \"25%\"\n").unwrap();
    let wide = lab.call(&["check", "--self-test", "--gate", "wide.toml"]).exits(0);
    assert!(wide.stdout.contains("candidate slower by 39%"), "{}", wide.stdout);
    lab.call(&["check", "--self-test", "--gate", "wide.toml", "--slowdown", "20%"]).exits(2);
    // A typo is no verdict on the gate.
    lab.call(&["check", "--self-test", "--slowdown", "fast"]).exits(2);
    assert_eq!(lab.files(), ["grid.toml", "wide.toml"]);
}
