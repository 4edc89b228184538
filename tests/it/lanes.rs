//! Cells side by side on the lanes of one machine: what is recorded, whose figures they are, and that whatever ends a grid ends it
//! as where cells run one after the other.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use rustix::process::Signal;

use crate::support::{Lab, Row, Running, Watched, two_cpus};

/// A worker that spends real time and says before it starts on which CPUs it may run, and on which GPU.
fn grid(first: &str, rest: &str) -> Lab {
    let perftune = assert_cmd::cargo::cargo_bin!("perftune");
    let script = format!("{first}; exec '{}' __scripted-worker", perftune.display());
    let command = serde_json::json!(["sh", "-c", script]);
    Lab::new(&format!(
        r#"
name = "t"
repeat = 2
[worker]
command = {command}
grace = "30s"
options = {{ time = "real", talks = true, step_us = 1000.0, steps_per_epoch = 100 }}
[grid]
model = "one"
dataset = "made-up"
batch_size = [8, 16, 32, 64]
[train]
epochs = 3
[serve]
enabled = false
[stop]
enabled = false
[sampler]
interval = "50ms"
{rest}"#
    ))
}

/// By the shell alone, so that there is one process.
const CPUS: &str = "while read -r name value; do case $name in Cpus_allowed_list:) echo \"$name $value\" >&2;; esac; done < /proc/self/status";

fn lab() -> Lab {
    grid(CPUS, "")
}

/// The runs that came to their end.
fn whole(lab: &Lab) -> BTreeSet<String> {
    let rows = lab.rows("report.csv");
    let whole = rows.iter().filter(|row| row["status"] == "completed");
    whole.map(|row| row["run"].clone()).collect()
}

#[test]
fn cells_run_side_by_side_each_on_cpus_of_its_own() {
    if !two_cpus() {
        return;
    }
    let lab = lab();
    let shown = lab.run(&["--jobs", "2"]).exits(0);
    assert!(shown.stderr.contains("2 lanes: CPU "), "{}", shown.stderr);
    let says = shown.stdout.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(says.contains("not those of a quiet machine"), "{says}");
    assert!(says.contains("; on 2 lanes at a time; reports in"), "{says}");
    assert_eq!(whole(&lab).len(), 8, "{shown:#?}");
    let mut cpus: BTreeMap<String, String> = BTreeMap::new();
    let mut spans: Vec<(String, u64, u64)> = Vec::new();
    for row in lab.rows("report.csv") {
        let run = &row["run"];
        let (record, stderr) = (lab.record(run), lab.text(&format!("runs/{run}/stderr.log")));
        let lane = &record["lane"];
        assert_eq!((&row["lane"], &lane["of"]), (&lane["number"].to_string(), &2.into()), "{run}");
        let bound = stderr.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:"));
        let bound = bound.unwrap().trim().to_owned();
        assert_eq!(cpus.entry(row["lane"].clone()).or_insert_with(|| bound.clone()), &bound);
        assert_eq!(record["job"]["threads"], lane["cpus"].as_array().unwrap().len());
        // Neither the worker of the other lane nor its core is counted here.
        let lanes_cpus = lane["cpus"].as_array().unwrap().len() as f64;
        let cpu = lab.figure(run, "train", "cpu.utilisation").unwrap();
        assert!(cpu < 100.0 * lanes_cpus + 20.0, "{run}: {cpu}");
        let samples = lab.rows(&format!("runs/{run}/samples.csv"));
        let at = |row: &Row, column: &str| row[column].parse::<f64>().unwrap();
        assert!(samples.iter().all(|row| at(row, "processes") <= 1.0), "{run}");
        let (first, last) = (samples.first().unwrap(), samples.last().unwrap());
        let rise = |column: &str| at(last, column) - at(first, column);
        assert!(rise("host_busy_s") <= lanes_cpus * rise("t_s") + 0.1, "{run}");
        let log = lab.text(&format!("runs/{run}/events.jsonl"));
        let times: Vec<u64> = log.lines().filter_map(time).collect();
        spans.push((record["cell"].to_string(), times[0], *times.last().unwrap()));
    }
    let both: BTreeSet<&String> = cpus.values().collect();
    assert_eq!((cpus.len(), both.len()), (2, 2), "{cpus:?}");
    // Some are made at the same time, and never two of one cell.
    let meet =
        |one: &(String, u64, u64), other: &(String, u64, u64)| one.1 < other.2 && other.1 < one.2;
    let pairs = spans.iter().enumerate();
    let pairs: Vec<_> =
        pairs.flat_map(|(at, one)| spans[at + 1..].iter().map(move |other| (one, other))).collect();
    assert!(pairs.iter().any(|(one, other)| meet(one, other)));
    assert!(pairs.iter().all(|(one, other)| one.0 != other.0 || !meet(one, other)), "{spans:?}");

    // What the whole machine counts is none of a lane.
    let rows = lab.rows("metrics.csv");
    let energy = rows.iter().find(|row| row["metric"] == "energy.total").unwrap();
    assert!(energy["estimate"].is_empty(), "{energy:?}");
    // Nothing is left, on as many lanes; the reports are those of what is recorded.
    let again = lab.run(&["--jobs", "2", "--resume"]).exits(0);
    assert!(!again.stderr.contains("started"), "{}", again.stderr);
    let before = lab.text("report.csv");
    lab.call(&["report", "results/t"]).exits(0);
    assert_eq!(lab.text("report.csv"), before);
}

/// When a tick was taken, of a line of a log.
fn time(line: &str) -> Option<u64> {
    let event: serde_json::Value = serde_json::from_str(line).unwrap();
    event["data"]["t_ns"].as_u64().filter(|_| event["kind"] == "sample")
}

#[test]
fn one_job_is_as_none() {
    let lab = lab();
    lab.run(&["--jobs", "1", "--only", "batch_size=8"]).exits(0);
    assert!(lab.record("one-made-up-b8").get("lane").is_none());
    assert!(!lab.rows("report.csv")[0].contains_key("lane"));
    assert!(!lab.text("manifest.json").contains("\"lanes\""));
}

#[test]
fn a_folder_that_goes_on_with_other_lanes_mixes_no_figures() {
    if !two_cpus() {
        return;
    }
    let lab = grid(CPUS, "[[override]]\nmatch = { batch_size = 8 }\ntrain.warmup_steps = 1\n");
    let threads = ["--set", "grid.threads=1"];
    lab.run(&[&threads[..], &["--jobs", "2", "--repeat", "1"]].concat()).exits(0);
    let shown = lab.run(&[&threads[..], &["--resume"]].concat()).exits(0);
    assert!(shown.stderr.contains("lanes was 2 of"), "{}", shown.stderr);
    let rows = lab.rows("report.csv");
    let machines: BTreeSet<&String> = rows.iter().map(|row| &row["machine"]).collect();
    assert_eq!((rows.len(), machines.len()), (8, 2), "{}", shown.stderr);
}

#[test]
fn a_run_that_fails_ends_no_other() {
    if !two_cpus() {
        return;
    }
    let lab = lab();
    let fault =
        "worker.options.fault={ kind = \"exit\", phase = \"train\", after = 3, batch_size = 16 }";
    let shown = lab.run(&["--jobs", "2", "--set", fault]).exits(3);
    let failed = ["one-made-up-b16", "one-made-up-b16-r2"].map(str::to_owned);
    let rows = lab.rows("report.csv");
    assert_eq!(rows.len(), 8, "{shown:#?}");
    assert_eq!(whole(&lab).len(), 6);
    assert!(failed.iter().all(|run| lab.report(run)["status"] == "failed"));
    // They are made once more, and nothing else is.
    let again = lab.run(&["--jobs", "2", "--resume", "--set", fault]).exits(3);
    assert_eq!(again.stderr.matches(": started").count(), 2, "{}", again.stderr);
}

/// Starts two cells that train for hours, and waits until both do.
fn two_long(lab: &Lab, more: &[&str]) -> (Running, [Watched; 2]) {
    let args = ["-v", "--progress", "plain", "--jobs", "2", "--set", "train.epochs=100000"];
    let mut running = lab.start(&[&args[..], more].concat());
    let workers = [(); 2].map(|()| running.until_phase("train"));
    (running, workers)
}

#[test]
fn an_interrupt_ends_all_lanes_and_resume_goes_on() {
    if !two_cpus() {
        return;
    }
    for signal in [Signal::INT, Signal::TERM] {
        let lab = lab();
        let (running, workers) = two_long(&lab, &[]);
        running.signal(signal);
        let shown = running.end().exits(130);
        assert!(workers.iter().all(|worker| !worker.lives()), "{shown:#?}");
        let rows = lab.rows("report.csv");
        assert_eq!(rows.len(), 2, "{shown:#?}");
        assert!(rows.iter().all(|row| row["status"] == "cancelled"), "{rows:?}");
    }
}

#[test]
fn after_kill_9_no_lane_leaves_anything_behind() {
    if !two_cpus() {
        return;
    }
    let lab = lab();
    let (running, workers) = two_long(&lab, &["--set", "repeat=1"]);
    running.signal(Signal::KILL);
    assert_eq!(running.end().code, None, "killed by a signal");
    assert!(workers.iter().all(Watched::ends), "an orphan");
    // The same grid goes on.
    let (running, workers) = two_long(&lab, &["--set", "repeat=1", "--resume"]);
    running.signal(Signal::INT);
    running.end().exits(130);
    assert!(workers.iter().all(|worker| !worker.lives()));
}

#[test]
fn a_budget_ends_all_lanes() {
    if !two_cpus() {
        return;
    }
    let lab = lab();
    let shown = lab.run(&["--jobs", "2", "--repeat", "1000", "--budget", "3s"]).exits(0);
    let says = shown.stdout.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(says.contains("the budget has run out: --resume runs the rest"), "{says}");
    assert!(!whole(&lab).is_empty());
}

#[test]
fn a_full_disk_ends_all_lanes() {
    if !two_cpus() {
        return;
    }
    let lab = lab();
    let (mut running, workers) = two_long(&lab, &["--set", "repeat=1"]);
    running.until("validate");
    // What cannot be recorded ends the grid: the folder of the runs is gone, and a file is in its place.
    fs::rename(lab.file("runs"), lab.file("away")).unwrap();
    fs::write(lab.file("runs"), "").unwrap();
    running.signal(Signal::INT);
    let shown = running.end();
    assert!(shown.code.is_some_and(|code| code != 0), "{shown:#?}");
    assert!(workers.iter().all(|worker| !worker.lives()));
}

#[test]
fn what_does_not_go_with_lanes_is_said() {
    let lab = grid(CPUS, "[run]\nlanes = 1\n");
    for (args, says) in [
        (&["--jobs", "0"][..], "write a number of lanes from 1"),
        (&["--jobs", "two"], "write a number of lanes from 1"),
        (&["--jobs", "5000"], "5000 lanes need 5000 cores"),
        (&["--jobs", "2", "--against", "grid.toml"], "cannot be used with"),
        (&["--jobs", "2", "--engine", "slurm"], "--jobs does not go with --engine slurm"),
    ] {
        if says.contains("slurm") && !two_cpus() {
            continue;
        }
        let shown = lab.run(args).exits(2);
        assert!(shown.stderr.contains(says), "{args:?}: {}", shown.stderr);
        assert!(!lab.path("results").exists(), "{args:?}");
    }
    if two_cpus() {
        let args = ["--set", "run.lanes=2", "--against", "grid.toml"];
        let shown = lab.run(&args).exits(2);
        assert!(shown.stderr.contains("--set run.lanes=1"), "{}", shown.stderr);
    }
}
