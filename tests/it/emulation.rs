//! `[limits]` from the grid file to the process: CPUs, memory, what cannot be enforced.

use std::fs;

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::support::{Lab, Watched};

/// Two cells that spin on one core for hours and hold 128 MiB.
fn grid(worker: &str, more: &str) -> String {
    format!(
        r#"
name = "t"
repeat = 1
[worker]
{worker}
options = {{ time = "real", talks = true, steps_per_epoch = 100, memory_bytes = 134217728 }}
[grid]
model = ["one", "two"]
dataset = "made-up"
[train]
epochs = 100000
[serve]
enabled = false
[stop]
metrics = ["cpu"]
within = "90%"
min_time = "100ms"
{more}
"#
    )
}

fn scripted(more: &str) -> Lab {
    Lab::new(&grid("program = \"scripted\"", more))
}

/// A line of `/proc/PID/status`.
fn status(pid: &str, key: &str) -> String {
    let text = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let mut lines = text.lines().filter_map(|line| line.strip_prefix(key));
    lines.next().unwrap().trim_start_matches(':').trim().to_owned()
}

/// The CPUs that this very process may use, from a list such as `0-3,8`.
fn own_cpus() -> Vec<u32> {
    let allowed = status("self", "Cpus_allowed_list");
    let ends = |part: &str| {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        first.parse::<u32>().unwrap()..=last.parse().unwrap()
    };
    allowed.split(',').flat_map(ends).collect()
}

fn doctor(lab: &Lab) -> Value {
    let shown = lab.call(&["doctor", "--quick", "--format", "json"]).exits(0);
    let said: Value = serde_json::from_str(&shown.stdout).unwrap();
    said["diagnosis"]["limits"].clone()
}

#[test]
fn a_worker_and_what_it_starts_is_bound_and_perftune_is_not() {
    let perftune = assert_cmd::cargo::cargo_bin!("perftune");
    // The shell stays: the worker is its child.
    let script = format!("'{}' __scripted-worker; true", perftune.display());
    let command = json!(["sh", "-c", script]);
    let lab =
        Lab::new(&grid(&format!("command = {command}"), "enabled = false\n[limits]\ncpus = 1"));
    let mut running = lab.start(&["-v", "--progress", "plain", "--only", "model=one"]);
    let line = running.until(": train");
    let (_, rest) = line.split_once("process ").unwrap();
    let pid = rest.split_once(':').unwrap().0;
    let shell = status(pid, "PPid");
    let parent = status(&shell, "PPid");
    let first = own_cpus()[0].to_string();
    assert_eq!(status(pid, "Cpus_allowed_list"), first);
    assert_eq!(status(&shell, "Cpus_allowed_list"), first);
    let all = status("self", "Cpus_allowed_list");
    assert_eq!(status(&parent, "Cpus_allowed_list"), all);
    let worker = Watched::new(pid);
    running.signal(Signal::INT);
    running.end().exits(130);
    assert!(worker.ends());
    let record = lab.record("one-made-up");
    let limits = record["limits"].as_object().unwrap();
    assert_eq!(limits["cpus"].as_array().unwrap().len(), 1, "{limits:?}");
    assert_eq!(record["job"]["threads"], 1);
}

#[test]
fn a_run_that_does_not_fit_is_an_answer() {
    let lab = scripted(
        "[limits]\nmemory = \"64MiB\"\n\
         [[override]]\nmatch = { model = \"two\" }\nlimits.memory = \"1GiB\"\n",
    );
    let set = ["--set", "constraints.memory.peak=<= 900MiB"];
    let shown = lab.run(&[&set[..], &["--strict"]].concat()).exits(0);
    let row = lab.report("one-made-up");
    assert_eq!(
        (&*row["status"], &*row["stop_reason"], &*row["verdict"]),
        ("stopped", "out of memory", "infeasible"),
        "{row:?}"
    );
    let detail = &row["stop_detail"];
    assert!(detail.starts_with("out of memory at "), "{detail}");
    assert!(detail.contains("(limit 64.0 MiB, "), "{detail}");
    assert_eq!(&row["verdict_reason"], detail);
    assert!(row["failure"].is_empty() && row["wall_s"].parse::<f64>().unwrap() < 30.0);
    let other = lab.report("two-made-up");
    assert_eq!((&*other["status"], &*other["verdict"]), ("stopped", "feasible"));
    let bytes = |run| lab.record(run)["limits"]["memory_bytes"].clone();
    assert_eq!(["one-made-up", "two-made-up"].map(bytes), [67_108_864, 1_073_741_824]);
    for says in
        ["one-made-up infeasible: out of memory at", "1 out of memory", "1 feasible, 1 infeasible"]
    {
        assert!(shown.stdout.contains(says), "{says}: {}", shown.stdout);
    }
    // Settings are settings: another limit is another run.
    let refused = lab.run(&[&set[..], &["--resume", "--set", "limits.memory=80MiB"]].concat());
    let refused = refused.exits(2);
    let says = "limits.memory_bytes: 67108864 before, 83886080 now";
    assert!(refused.stderr.contains(says), "{}", refused.stderr);
    lab.run(&[&set[..], &["--resume"]].concat()).exits(0);
    let guard = &lab.record("one-made-up")["limits"]["memory_guard"];
    assert_eq!(guard, &doctor(&lab)["memory"]["value"]);
}

#[test]
fn the_memory_of_a_tree_is_that_of_all_its_processes() {
    let perftune = assert_cmd::cargo::cargo_bin!("perftune");
    let script = format!("'{}' __scripted-worker; true", perftune.display());
    let worker = format!("command = {}", json!(["sh", "-c", script]));
    for (limit, reason) in [("64MiB", "out of memory"), ("1GiB", "known")] {
        let lab = Lab::new(&grid(&worker, &format!("[limits]\nmemory = \"{limit}\"")));
        lab.run(&["-q", "--only", "model=one"]).exits(0);
        let row = lab.report("one-made-up");
        assert_eq!(row["stop_reason"], reason, "{row:?}");
    }
}

#[test]
fn without_constraints_there_is_no_verdict_and_no_shadow() {
    let lab = scripted("[limits]\nmemory = \"64MiB\"");
    let shown = lab.run(&["--only", "model=one", "--full", "--shadow"]).exits(0);
    let row = lab.report("one-made-up");
    assert_eq!((&*row["stop_reason"], &*row["verdict"]), ("out of memory", ""));
    assert!(shown.stderr.contains("it has no shadow"), "{}", shown.stderr);
}

#[test]
fn a_kill_by_somebody_else_stays_a_failure() {
    let lab = scripted("[limits]\nmemory = \"1GiB\"");
    let fault = "worker.options.fault={kind='kill',phase='train',after=3}";
    let seldom = "sampler.interval=2s";
    let shown = lab.run(&["--only", "model=one", "--set", fault, "--set", seldom]).exits(3);
    let warned = shown.stderr.contains("is checked only every 2.00 s");
    assert_eq!(warned, doctor(&lab)["memory"]["value"] == "watched");
    let row = lab.report("one-made-up");
    assert_eq!((&*row["status"], &*row["stop_reason"]), ("failed", "failed"));
    assert!(row["failure"].contains("SIGKILL"), "{row:?}");
}

#[test]
fn limits_are_shown_by_a_dry_run_and_kept_in_the_manifest() {
    let lab = scripted("");
    let set = ["--set", "limits.memory=1GiB", "--set", "limits.cpus=1"];
    let plan = lab.run(&[&set[..], &["--dry-run", "--format", "json"]].concat()).exits(0);
    let plan: Value = serde_json::from_str(&plan.stdout).unwrap();
    let settings = &plan["plan"][0]["settings"];
    let first = own_cpus()[0];
    assert_eq!(settings["limits.cpus"], json!(first.to_string()));
    assert_eq!(settings["limits.memory_bytes"], json!(1 << 30));
    assert_eq!(settings["limits.cpu_quota_percent"], Value::Null);
    assert_eq!(settings["threads"], json!(1));
    let only = ["-q", "--only", "model=one", "--format", "json"];
    let shown = lab.run(&[&set[..], &only].concat()).exits(0);
    let manifest: Value = serde_json::from_str(&lab.text("manifest.json")).unwrap();
    let limits = json!({ "cpus": [first], "memory_bytes": 1 << 30 });
    assert_eq!(manifest["specs"]["one-made-up"]["limits"], limits);
    let document: Value = serde_json::from_str(&shown.stdout).unwrap();
    assert_eq!(document["runs"][0]["limits"]["cpus"], json!([first]));
    let none = lab.run(&["--dry-run", "--format", "json"]).exits(0);
    assert!(!none.stdout.contains("limits"), "{}", none.stdout);
}

#[test]
fn a_quota_is_enforced_or_refused_before_anything_runs() {
    let lab = scripted("[limits]\ncpu_quota = \"50%\"");
    let quota = &doctor(&lab)["cpu_quota"];
    let Some(why) = quota["unsupported"].as_str() else {
        lab.run(&["-q", "--only", "model=one"]).exits(0);
        let used: f64 = lab.report("one-made-up")["cpu_utilisation_percent"].parse().unwrap();
        assert!(used < 75.0, "{used}");
        return;
    };
    let shown = lab.run(&[]).exits(2);
    for says in [
        "this machine cannot enforce `cpu_quota`: ",
        why,
        "cpu_quota = \"50%\"\n",
        "grid.toml:",
        "perftune doctor",
    ] {
        assert!(shown.stderr.contains(says), "{says}: {}", shown.stderr);
    }
    assert!(!lab.file("manifest.json").exists());
}
