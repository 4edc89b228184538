//! `perftune helper python`: what it prints, under perftune and without it, with real Python and the real packages.
#![allow(clippy::print_stderr, reason = "a test that is left out says so")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::support::{Lab, Perftune};

fn script(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/helper").join(name)
}

/// A folder with the module and this script; nothing where Python cannot do without `module`.
fn lab(name: &str, module: &str) -> Option<Lab> {
    let found = Command::new("python3").args(["-c", &format!("import {module}")]).output();
    if !found.is_ok_and(|output| output.status.success()) {
        eprintln!("{name} is left out: python3 has no {module}");
        return None;
    }
    let lab = Lab::new("");
    let text = Perftune::new().args(["helper", "python"]).output().stdout;
    fs::write(lab.path("perftune.py"), text).unwrap();
    fs::copy(script(name), lab.path(name)).unwrap();
    Some(lab)
}

/// The rows of `metrics.csv` of the script under `perftune exec`, in `out`.
fn exec(lab: &Lab, name: &str) {
    let flags = ["exec", "--out", "out", "--name", "it", "--timeout", "10min"];
    lab.call(&[&flags[..], &["--", "python3", name]].concat()).exits(0);
}

fn figure(lab: &Lab, phase: &str, metric: &str) -> Option<f64> {
    let rows = crate::support::rows(&fs::read_to_string(lab.path("out/metrics.csv")).unwrap());
    let row = rows.iter().find(|row| row["phase"] == phase && row["metric"] == metric);
    row.unwrap_or_else(|| panic!("{phase} {metric}"))["estimate"].parse().ok()
}

#[test]
fn a_loop_tells_its_steps_waits_epochs_and_figures() {
    let Some(lab) = lab("plain.py", "os") else { return };
    exec(&lab, "plain.py");
    let throughput = figure(&lab, "train", "train.throughput").unwrap();
    // 8 samples in 6 ms or more.
    assert!(throughput > 20.0 && throughput < 8.0 / 0.006, "{throughput}");
    let wait = figure(&lab, "train", "train.data_wait").unwrap();
    assert!(wait > 3.0 && wait < 97.0, "{wait}");
    assert_eq!(figure(&lab, "run", "f1"), Some(0.8), "what a forked process says does not count");
    assert_eq!(figure(&lab, "run", "nothing"), None);
    assert_eq!(figure(&lab, "run", "validation_accuracy"), Some(0.7));
    assert!(figure(&lab, "run", "start.time").unwrap() > 0.0);
    let epochs = fs::read_to_string(lab.path("out/runs/it/epochs.csv")).unwrap();
    let samples: Vec<String> =
        crate::support::rows(&epochs).into_iter().map(|row| row["samples"].clone()).collect();
    assert_eq!(samples, ["397"; 3]);
}

#[test]
fn a_wait_that_was_not_told_is_not_a_wait_of_nothing() {
    let script = |told: &str| {
        let step = format!("time.sleep(0.003)\n    perftune.step(8, 0.003{told})");
        format!("import perftune, time\nfor at in range(100):\n    {step}\nperftune.epoch(0.5)\n")
    };
    for (told, wait) in [("", None), (", 0", Some(0.0)), (", 0.002 if at % 2 else None", None)] {
        let Some(lab) = lab("plain.py", "os") else { return };
        fs::write(lab.path("steps.py"), script(told)).unwrap();
        exec(&lab, "steps.py");
        assert_eq!(figure(&lab, "train", "train.data_wait"), wait, "{told}");
        assert!(figure(&lab, "train", "train.throughput").is_some(), "{told}");
    }
}

#[test]
fn without_perftune_and_in_other_ranks_it_does_nothing() {
    let Some(lab) = lab("plain.py", "os") else { return };
    let run = |events: Option<&str>, rank: &str| {
        let mut command = Command::new("python3");
        command.arg("plain.py").current_dir(lab.path("")).env("RANK", rank).stdin(Stdio::null());
        match events {
            Some(events) => command.env("PERFTUNE_EVENTS", events),
            None => command.env_remove("PERFTUNE_EVENTS"),
        };
        let output = command.output().unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    assert_eq!(run(None, "0"), "397 False\n");
    let events = lab.path("events");
    let events = events.to_str().unwrap();
    assert_eq!(run(Some(events), "1"), "397 False\n");
    assert!(!Path::new(events).exists());
    // A path that is not there is as if nobody listened.
    assert_eq!(run(Some("/nowhere/events"), "0"), "397 False\n");
    assert_eq!(run(Some(events), ""), "397 True\n");
}

/// Three epochs of 32 steps of 16 samples each.
fn fits(name: &str, module: &str) {
    let Some(lab) = lab(name, module) else { return };
    exec(&lab, name);
    assert!(figure(&lab, "train", "train.throughput").unwrap() > 0.0);
    assert!(figure(&lab, "train", "train.data_wait").unwrap() > 0.0);
    let rows =
        crate::support::rows(&fs::read_to_string(lab.path("out/runs/it/epochs.csv")).unwrap());
    assert_eq!(rows.len(), 3, "{name}");
    for row in rows {
        assert_eq!(row["samples"], "512", "{name}");
        for column in ["train_loss", "validation_loss", "validation_accuracy"] {
            assert!(row[column].parse::<f64>().unwrap() > 0.0, "{name} {column}: {row:?}");
        }
    }
}

#[test]
fn a_training_of_lightning_tells_the_same() {
    fits("lightning_fit.py", "lightning.pytorch");
}

#[test]
fn a_training_of_transformers_tells_the_same() {
    fits("transformers_fit.py", "torch, transformers, accelerate");
}

#[test]
fn a_training_of_keras_tells_the_same() {
    fits("keras_fit.py", "keras, torch");
}
