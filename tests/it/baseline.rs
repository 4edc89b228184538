//! `perftune baseline`: sessions that are kept, shown and promoted, and what is refused.

use std::fs;
use std::path::PathBuf;

use super::support::{Lab, Shown};

const GRID: &str = r#"
name = "t"
repeat = 2
[grid]
model = ["one", "two"]
dataset = "made-up"
[train]
epochs = 2
[serve]
enabled = false
[worker]
program = "scripted"
[worker.options]
run_spread = 0.01
peak_bytes = 67108864
"#;

fn lab() -> Lab {
    Lab::new(GRID)
}

/// Runs the grid and keeps it.
fn session(lab: &Lab, args: &[&str]) -> Shown {
    lab.run(&[&["--fresh"], args].concat()).exits(0);
    lab.call(&["baseline", "add", "results/t"]).exits(0)
}

fn list(lab: &Lab) -> serde_json::Value {
    let shown = lab.call(&["baseline", "list", "--format", "json"]).exits(0);
    serde_json::from_str(&shown.stdout).unwrap()
}

/// The files of the sessions, in the order of their names.
fn files(lab: &Lab) -> Vec<PathBuf> {
    let names = lab.files();
    let stored = names.iter().filter(|name| name.starts_with("baseline/"));
    let stored = stored.filter(|name| name.matches('/').count() == 2);
    stored.map(|name| lab.path(name)).collect()
}

#[test]
fn a_session_is_added_once_and_listed_with_what_it_is_good_for() {
    let lab = lab();
    let added = lab.run(&[]).exits(0);
    assert_eq!(added.code, Some(0));
    let added = lab.call(&["baseline", "add", "results/t", "--commit", "4bdf7e4"]).exits(0);
    assert!(added.stdout.contains("2 cells, 4 runs, in baseline"), "{added:#?}");
    let again = lab.call(&["baseline", "add", "results/t"]).exits(2);
    assert!(again.stderr.contains("is there already"), "{again:#?}");
    assert_eq!(files(&lab).len(), 1);
    let listed = list(&lab);
    let machine = &listed["machines"][0];
    assert_eq!((&machine["enough"], &listed["needed"]), (&false.into(), &8.into()));
    let session = &machine["sessions"][0];
    assert_eq!((&session["commit"], &session["cells"]), (&"4bdf7e4".into(), &2.into()));
    assert_eq!((&session["rolling"], &session["pinned"]), (&true.into(), &false.into()));
    let manifest: serde_json::Value = serde_json::from_str(&lab.text("manifest.json")).unwrap();
    assert_eq!(session["session"], manifest["session"]);
    assert_eq!(machine["fingerprint"], manifest["fingerprint"]);
    let text = lab.call(&["baseline", "list"]).exits(0).stdout;
    assert!(text.contains(machine["key"].as_str().unwrap()), "{text}");
    assert!(text.contains("suspect at most; full verdicts take 7 more and 2 days"), "{text}");
    assert!(
        text.lines().all(|line| line.chars().count() <= 80 || line.starts_with("machine ")),
        "{text}"
    );
}

/// What a stored session was told is stored with it: a grid that was changed since is other work.
#[test]
fn a_stored_session_knows_its_settings() {
    let lab = lab();
    session(&lab, &[]);
    lab.run(&["--fresh", "--set", "train.optimizer=sgd"]).exits(0);
    let shown = lab.call(&["check", "baseline", "results/t"]).exits(4);
    let said = shown.stdout.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(said.contains("not compared: optimizer is `adam` and `sgd` in `"), "{said}");
}

#[test]
fn every_field_of_a_fingerprint_may_be_the_subject_of_a_gate() {
    let lab = lab();
    lab.run(&[]).exits(0);
    let manifest: serde_json::Value = serde_json::from_str(&lab.text("manifest.json")).unwrap();
    let fields = |kind: &str| manifest["fingerprint"][kind].as_object().unwrap().keys().cloned();
    let fields: Vec<String> = fields("hard").chain(fields("soft")).collect();
    assert!(fields.len() > 5, "{fields:?}");
    let subject = format!("gate.subject={}", serde_json::to_string(&fields).unwrap());
    lab.run(&["--dry-run", "--set", &subject]).exits(0);
    lab.run(&["--fresh", "--set", "gate.subject=gpu.driver", "--set", "gate.floor=3%"]).exits(0);
    let manifest: serde_json::Value = serde_json::from_str(&lab.text("manifest.json")).unwrap();
    assert_eq!(manifest["gate"]["subject"], serde_json::json!(["gpu.driver"]));
    assert_eq!(manifest["gate"]["floor"], 0.03);
}

#[test]
fn what_is_not_whole_is_no_baseline() {
    let lab = lab();
    lab.run(&[]).exits(0);
    let marker = lab.file("runs/two-made-up-r2/done.json");
    let kept = fs::read(&marker).unwrap();
    fs::remove_file(&marker).unwrap();
    let add = |says: &str| {
        let shown = lab.call(&["baseline", "add", "results/t"]).exits(2);
        assert!(shown.stderr.contains(says), "{shown:#?}");
        assert!(!lab.path("baseline").exists(), "nothing is made for what is refused");
    };
    add("two-made-up-r2 has no result");
    fs::write(&marker, &kept[..kept.len() / 2]).unwrap();
    add("done.json is damaged");
    fs::write(&marker, kept).unwrap();
    let log = lab.file("runs/one-made-up/events.jsonl");
    let whole = fs::read_to_string(&log).unwrap();
    fs::write(&log, &whole[..whole.len() / 2]).unwrap();
    add("events.jsonl is damaged");
    fs::write(&log, whole).unwrap();
    let manifest = lab.text("manifest.json");
    let mut other: serde_json::Value = serde_json::from_str(&manifest).unwrap();
    // As one that was made by hand, which has no sum.
    other.as_object_mut().unwrap().remove("checksum");
    other["session"] = "../../elsewhere".into();
    fs::write(lab.file("manifest.json"), other.to_string()).unwrap();
    add("cannot be a file name");
    other.as_object_mut().unwrap().remove("fingerprint");
    other["session"] = "a".into();
    fs::write(lab.file("manifest.json"), other.to_string()).unwrap();
    add("no fingerprint");
    fs::write(lab.file("manifest.json"), manifest).unwrap();
    let fault = "[worker.options.fault]\nkind = 'exit'\nphase = 'train'\n";
    fs::write(lab.path("grid.toml"), format!("{GRID}{fault}")).unwrap();
    lab.run(&["--fresh"]).exits(3);
    add("one-made-up, two-made-up, one-made-up-r2, two-made-up-r2 have failed");
    let shown = lab.call(&["baseline", "add", "results"]).exits(2);
    assert!(shown.stderr.contains("no manifest.json"), "{shown:#?}");
}

#[test]
fn one_arm_of_a_comparison_is_a_session() {
    let lab = lab();
    fs::write(lab.path("old.toml"), GRID).unwrap();
    let compared = lab.run(&["--against", "old.toml", "--blocks", "7"]);
    assert_eq!(compared.code, Some(0), "{compared:#?}");
    let both = lab.call(&["baseline", "add", "results/t"]).exits(2);
    assert!(both.stderr.contains("results/t/baseline or results/t/candidate"), "{both:#?}");
    let shown = lab.call(&["baseline", "add", "results/t/baseline"]).exits(0);
    assert!(shown.stdout.contains("-baseline: 2 cells"), "{shown:#?}");
    // Both ran in the same minutes: that is one session and no two.
    let other = lab.call(&["baseline", "add", "results/t/candidate"]).exits(2);
    assert!(other.stderr.contains("the other side of a comparison"), "{other:#?}");
    let listed = list(&lab);
    assert_eq!(listed["machines"].as_array().unwrap().len(), 1);
    assert_eq!(listed["machines"][0]["sessions"].as_array().unwrap().len(), 1);
}

/// Four sessions alike and one at half their speed, and what was said of it.
fn five_sessions() -> (Lab, Shown) {
    let lab = lab();
    for seed in ["10", "20", "30", "40"] {
        session(&lab, &["--seed", seed]);
    }
    let slow = ["--seed", "50", "--set", "worker.options.slowdown=2"];
    let slow = session(&lab, &slow);
    (lab, slow)
}

fn promote(lab: &Lab, args: &[&str]) -> Shown {
    lab.call(&[&["baseline", "promote"], args].concat())
}

/// The sessions of the only machine.
fn sessions(lab: &Lab) -> Vec<serde_json::Value> {
    let listed = list(lab);
    assert_eq!(listed["machines"].as_array().unwrap().len(), 1);
    let sessions = listed["machines"][0]["sessions"].as_array();
    sessions.unwrap().clone()
}

fn names(lab: &Lab) -> Vec<String> {
    let name = |session: &serde_json::Value| session["session"].as_str().unwrap().to_owned();
    sessions(lab).iter().map(name).collect()
}

fn pinned(lab: &Lab) -> Vec<bool> {
    let pinned = |session: &serde_json::Value| session["pinned"] == true;
    sessions(lab).iter().map(pinned).collect()
}

#[test]
fn a_promotion_pins_the_sessions_up_to_it() {
    let lab = lab();
    for seed in ["10", "20", "30"] {
        session(&lab, &["--seed", seed]);
    }
    let name = names(&lab);
    for (args, says) in [
        (["nobody", "--reason", "x"], "there is no session"),
        (["", "--reason", "x"], "there is no session"),
        (["2", "--reason", "x"], "the beginning of several"),
        ([&*name[1], "--reason", " "], "--reason is empty"),
    ] {
        let shown = promote(&lab, &args).exits(2);
        assert!(shown.stderr.contains(says), "{args:?}: {shown:#?}");
    }
    assert_eq!(pinned(&lab), [false; 3]);
    let shown = promote(&lab, &[&name[1], "--reason", "release 1.4"]).exits(0);
    assert!(shown.stdout.contains("too few others to tell"), "{shown:#?}");
    let epoch = "the epoch is 2 sessions";
    assert!(shown.stdout.contains(epoch), "{shown:#?}");
    assert_eq!(pinned(&lab), [true, true, false]);
    assert_eq!(sessions(&lab)[1]["promoted"][0]["reason"], "release 1.4");
}

#[test]
fn an_outlier_stays_on_record_and_is_promoted_by_force_only() {
    let (lab, slow) = five_sessions();
    for says in ["lie outside", "stays on record, checks leave it out"] {
        assert!(slow.stdout.contains(says), "{slow:#?}");
    }
    let name = names(&lab);
    let text = lab.call(&["baseline", "list"]).exits(0).stdout;
    assert!(
        text.lines().any(|line| line.contains(&*name[4]) && line.contains("left out")),
        "{text}"
    );
    lab.run(&["--fresh", "--seed", "60"]).exits(0);
    let check = lab.call(&["check", "baseline", "results/t"]).exits(0);
    let said = check.stdout.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(said.contains(&format!("without {}, whose figures lie outside", name[4])), "{said}");
    promote(&lab, &[&name[2], "--reason", "release 1.4"]).exits(0);
    let shown = promote(&lab, &[&name[4], "--reason", "newer"]).exits(2);
    for says in ["lie outside", "--force-outlier", "step_latency_p25 +"] {
        assert!(shown.stderr.contains(says), "{shown:#?}");
    }
    assert_eq!(pinned(&lab), [true, true, true, false, false]);
    let forced = [&*name[4], "--reason", "on purpose", "--force-outlier"];
    promote(&lab, &forced).exits(0);
    // It is what is normal from then on, and what was before it is not.
    assert_eq!(pinned(&lab), [false, false, false, false, true]);
    let sessions = sessions(&lab);
    let outlying = sessions[4]["promoted"][0]["outlying"].as_str().unwrap();
    assert!(outlying.contains("one-made-up"), "{outlying}");
    assert_eq!(sessions[2]["promoted"][0]["reason"], "release 1.4");
    let text = lab.call(&["baseline", "list"]).exits(0).stdout;
    for says in ["on purpose", "release 1.4"] {
        assert!(text.contains(says), "{text}");
    }
}

/// Of three sessions nobody knows which is the odd one: then it is not said of one, nor refused, nor left out.
#[test]
fn too_few_sessions_have_no_outlier() {
    let lab = lab();
    for (seed, slowdown) in [("10", "1"), ("20", "1"), ("30", "2")] {
        let slow = format!("worker.options.slowdown={slowdown}");
        let added = session(&lab, &["--seed", seed, "--set", &slow]);
        assert!(!added.stdout.contains("lie outside"), "{added:#?}");
    }
    let text = lab.call(&["baseline", "list"]).exits(0).stdout;
    assert!(!text.contains("left out"), "{text}");
    let promoted = promote(&lab, &[&names(&lab)[2], "--reason", "newer"]).exits(0);
    assert!(promoted.stdout.contains("too few others to tell"), "{promoted:#?}");
}

#[test]
fn a_damaged_file_is_named_by_whoever_needs_it() {
    let lab = lab();
    session(&lab, &[]);
    let file = files(&lab).remove(0);
    let whole = fs::read_to_string(&file).unwrap();
    fs::write(&file, &whole[..whole.len() - 20]).unwrap();
    lab.run(&["--fresh"]).exits(0);
    let name = file.file_name().unwrap().to_str().unwrap();
    for args in [
        vec!["baseline", "list"],
        vec!["baseline", "add", "results/t"],
        vec!["baseline", "promote", "2", "--reason", "x"],
        vec!["check", "baseline", "results/t"],
    ] {
        let shown = lab.call(&args).exits(2);
        assert!(
            shown.stderr.contains(name) && shown.stderr.contains("damaged"),
            "{args:?}: {shown:#?}"
        );
    }
}

#[test]
fn a_copy_of_a_session_is_refused_under_any_name() {
    let lab = lab();
    session(&lab, &[]);
    lab.amend("session", "20260101T080000-copy");
    let copy = lab.call(&["baseline", "add", "results/t"]).exits(2);
    assert!(copy.stderr.contains("it is a copy"), "{copy:#?}");
    assert_eq!(files(&lab).len(), 1);
}

#[test]
fn eight_sessions_are_enough_only_if_they_are_of_several_days() {
    for (hours, enough) in [(1, false), (10, true)] {
        let lab = lab();
        let mut added = String::new();
        for at in 0..8 {
            lab.run(&["--fresh", "--seed", &(at * 10).to_string()]).exits(0);
            let (day, hour) = (1 + at * hours / 24, at * hours % 24);
            lab.amend("created", &format!("2026-01-{day:02}T{hour:02}:00:00Z"));
            added = lab.call(&["baseline", "add", "results/t"]).exits(0).stdout;
        }
        assert_eq!(list(&lab)["machines"][0]["enough"], enough);
        let listed = lab.call(&["baseline", "list"]).exits(0).stdout;
        for said in [&added, &listed] {
            let said = said.split_whitespace().collect::<Vec<_>>().join(" ");
            assert_eq!(said.contains("enough for full verdicts"), enough, "{said}");
            assert_eq!(said.contains("less than two days"), !enough, "{said}");
        }
    }
}

#[test]
fn a_check_uses_the_last_eight_of_the_same_machine() {
    let lab = lab();
    // The first two are slow, and roll out of the last eight.
    for seed in 1..=10 {
        let slow = if seed <= 2 { "2" } else { "1" };
        let (seed, slow) = ((seed * 10).to_string(), format!("worker.options.slowdown={slow}"));
        session(&lab, &["--seed", &seed, "--set", &slow]);
    }
    lab.run(&["--fresh", "--seed", "500"]).exits(0);
    let shown =
        lab.call(&["check", "baseline", "results/t", "--write", "json=verdict.json"]).exits(0);
    assert!(shown.stdout.contains("pass"), "{shown:#?}");
    let verdict: serde_json::Value =
        serde_json::from_slice(&fs::read(lab.path("verdict.json")).unwrap()).unwrap();
    assert_eq!(verdict["design"]["stored"]["baseline_sessions"], 8, "{verdict:#}");
    // What is in the store already is not compared with itself.
    lab.call(&["baseline", "add", "results/t"]).exits(0);
    lab.call(&["check", "baseline", "results/t", "--write", "json=verdict.json"]).exits(0);
    let again: serde_json::Value =
        serde_json::from_slice(&fs::read(lab.path("verdict.json")).unwrap()).unwrap();
    assert_eq!(again["design"], verdict["design"]);
    assert_eq!(again["rows"], verdict["rows"]);
    // Another machine has no sessions here, and the field is named.
    let path = lab.file("manifest.json");
    let mut manifest: serde_json::Value = serde_json::from_str(&lab.text("manifest.json")).unwrap();
    manifest.as_object_mut().unwrap().remove("checksum");
    manifest["fingerprint"]["hard"]["cpu.cores"] = "4096".into();
    fs::write(&path, manifest.to_string()).unwrap();
    let other = lab.call(&["check", "baseline", "results/t"]).exits(4);
    assert!(other.stdout.contains("cpu.cores"), "{other:#?}");
}
