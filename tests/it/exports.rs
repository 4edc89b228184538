//! Results handed on to other tools: what each tool itself reads of them, and what is said where that cannot be done.
#![allow(clippy::print_stderr, reason = "a test that is left out says so")]

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::support::{Lab, Row};

/// Two models with a setting of the user's own that needs care wherever it is written.
const GRID: &str = r#"
name = "t"
repeat = 2
[worker]
program = "scripted"
options = { steps_per_epoch = 300, peak_bytes = 67108864, test_samples = 2000, run_spread = 0.05 }
[axes.schedule]
type = "string"
[grid]
model = ["one", "two"]
dataset = "made-up"
batch_size = [16, 64]
schedule = ["a \"b\"\\c\n{d}", "plain"]
[[exclude]]
model = "two"
schedule = "plain"
[train]
epochs = 3
[objectives]
maximize = ["test_accuracy", "train.throughput"]
[constraints]
"memory.peak" = "<= 1GiB"
"#;

const RUNS: usize = 12;

/// A grid that was run; nothing where Python lacks a module.
fn lab(modules: &[&str]) -> Option<Lab> {
    for module in modules {
        let found = Command::new("python3").args(["-c", &format!("import {module}")]).output();
        if !found.is_ok_and(|output| output.status.success()) {
            eprintln!("left out: python3 has no {module}");
            return None;
        }
    }
    let lab = Lab::new(GRID);
    lab.run(&["--full", "-q"]).exits(0);
    Some(lab)
}

/// What a script prints of what `--write` has written.
#[track_caller]
fn read(lab: &Lab, script: &str, args: &[&str]) -> String {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/exports").join(script);
    let mut command = Command::new("python3");
    let command = command.arg(script).args(args).current_dir(lab.path(""));
    let output = command.output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{text}\n{}", String::from_utf8_lossy(&output.stderr));
    text
}

/// A figure of a cell over its runs.
#[track_caller]
fn figure(lab: &Lab, cell: &str, metric: &str) -> Row {
    let mut rows = lab.rows("summary_metrics.csv");
    rows.retain(|row| row["cell"] == cell && row["metric"] == metric);
    rows.remove(0)
}

fn number(text: &str) -> f64 {
    text.parse().unwrap_or_else(|_| panic!("{text}"))
}

#[test]
fn bencher_gets_each_figure_with_the_ends_of_its_interval() {
    let lab = lab(&[]).unwrap();
    lab.call(&["report", "results/t", "--write", "bmf=bmf.json"]).exits(0);
    let found: serde_json::Value =
        serde_json::from_str(&fs::read_to_string(lab.path("bmf.json")).unwrap()).unwrap();
    let cells = found.as_object().unwrap();
    let cell = cells.keys().find_map(|name| name.strip_suffix("/train")).unwrap();
    let row = figure(&lab, cell, "train.throughput");
    let metric = &found[&format!("{cell}/train")]["train_throughput_samples_per_s"];
    for (member, column) in [("value", "mean"), ("lower_value", "low"), ("upper_value", "high")] {
        assert_eq!(metric[member].as_f64(), Some(number(&row[column])), "{metric}");
    }
    // Longer names are refused with the whole report.
    let of = |name: &String, most| (1..=most).contains(&name.len()) && name.trim() == name;
    for (name, measures) in cells {
        assert!(of(name, 1024), "{name}");
        assert!(measures.as_object().unwrap().keys().all(|name| of(name, 64)), "{measures}");
    }
    // Every figure that is known and no other one.
    let known = lab.rows("summary_metrics.csv");
    let known = known.iter().filter(|row| row["mean"].parse().is_ok_and(f64::is_finite)).count();
    let written: usize = cells.values().map(|cell| cell.as_object().unwrap().len()).sum();
    assert_eq!(written, known);
}

#[test]
fn github_action_benchmark_gets_a_file_for_each_direction() {
    let lab = lab(&[]).unwrap();
    let flags = ["report", "results/t", "--write", "gha=s.json", "--write", "gha-bigger=b.json"];
    lab.call(&flags).exits(0);
    let entries = |name: &str| -> Vec<serde_json::Value> {
        serde_json::from_str(&fs::read_to_string(lab.path(name)).unwrap()).unwrap()
    };
    let named = |all: &[serde_json::Value], metric: &str| {
        let mut names = all.iter().map(|entry| entry["name"].as_str().unwrap());
        names.any(|name| name.ends_with(metric))
    };
    let (smaller, bigger) = (entries("s.json"), entries("b.json"));
    assert!(named(&smaller, "/memory.peak") && !named(&bigger, "/memory.peak"));
    assert!(named(&bigger, "/train.throughput") && !named(&smaller, "/train.throughput"));
    for entry in smaller.iter().chain(&bigger) {
        assert!(entry["value"].is_number() && entry["unit"].is_string(), "{entry}");
        let range = entry["range"].as_str();
        assert!(range.is_none_or(|range| number(&range["± ".len()..]) >= 0.0), "{entry}");
        assert!(entry["extra"].as_str().unwrap().contains("model="), "{entry}");
    }
}

#[test]
fn prometheus_reads_every_figure() {
    let Some(lab) = lab(&["prometheus_client"]) else { return };
    lab.call(&["report", "results/t", "--write", "openmetrics=t.prom"]).exits(0);
    let name = "perftune_train_throughput_samples_per_second";
    let found = read(&lab, "read_openmetrics.py", &["t.prom", name]);
    let lines: Vec<&str> = found.lines().collect();
    assert_eq!(lines[0], lines[1], "both parsers read the same");
    assert_eq!(lines.len(), 2 + RUNS / 2, "{found}");
    let [cell, phase, value] = lines[2].split(' ').collect::<Vec<_>>()[..] else { panic!() };
    let mean = number(&figure(&lab, cell, "train.throughput")["mean"]);
    assert!(phase == "train" && (number(value) / mean - 1.0).abs() < 1e-12, "{found}");
}

#[test]
fn tensorboard_reads_runs_scalars_and_settings() {
    let Some(lab) = lab(&["tensorboard"]) else { return };
    let flags = ["report", "results/t", "--write", "tensorboard=logs"];
    lab.call(&flags).exits(0);
    // Once more: files are replaced, and nothing is there twice.
    lab.call(&flags).exits(0);
    let found = read(&lab, "read_tensorboard.py", &["logs", "train/train.throughput"]);
    assert!(found.contains(". experiment ['model', 'batch_size', 'schedule'] "), "{found}");
    let count = |text: &str| found.lines().filter(|line| line.contains(text)).count();
    assert_eq!([" start ", " end 1", "course/train_loss [(1, "].map(count), [RUNS; 3], "{found}");
    let run = "one-made-up-b16-schedule_plain";
    let value = lab.figure(run, "train", "train.throughput").unwrap();
    let single: f32 = value.to_string().parse().unwrap();
    let says = format!("{run} train/train.throughput [(3, {:?})]", f64::from(single));
    assert!(found.lines().any(|line| line == says), "{says}\n{found}");
}

#[test]
fn optuna_reads_a_study_and_goes_on_with_it() {
    let Some(lab) = lab(&["optuna"]) else { return };
    lab.call(&["report", "results/t", "--write", "optuna=t.journal"]).exits(0);
    let found = read(&lab, "read_optuna.py", &["t.journal"]);
    let first = "t ['MAXIMIZE', 'MAXIMIZE'] ['test_accuracy', 'train.throughput']";
    assert_eq!(found.lines().next(), Some(first));
    let trials = found.lines().filter(|line| line.contains(" COMPLETE ["));
    assert_eq!(trials.clone().count(), RUNS / 2, "{found}");
    assert!(
        trials.clone().any(|line| line.contains("'schedule': 'a \"b\"\\\\c\\n{d}'")),
        "{found}"
    );
    assert!(found.lines().any(|line| line.starts_with("best [")), "{found}");
}

#[cfg(feature = "parquet")]
#[test]
fn arrow_reads_every_row() {
    let Some(lab) = lab(&["pyarrow"]) else { return };
    lab.call(&["report", "results/t", "--write", "parquet=t.parquet"]).exits(0);
    let found = read(&lab, "read_parquet.py", &["t.parquet", "train.throughput"]);
    let rows = lab.rows("metrics.csv").len();
    assert!(found.starts_with(&format!("{rows} ['run:string'")), "{found}");
    assert!(found.contains("'batch_size:int64'") && found.contains("'estimate:double'"), "{found}");
    let run = "one-made-up-b16-schedule_plain";
    let value = lab.figure(run, "train", "train.throughput").unwrap();
    assert!(found.contains(&format!("{run} train {value:?} ")), "{found}");
}

#[cfg(feature = "mlflow")]
mod tracked {
    //! The tracking server, real and absent.

    use std::net::TcpListener;
    use std::process::{Child, Stdio};
    use std::thread;
    use std::time::Duration;

    use super::*;

    /// A tracking server in the folder, ended when it is dropped.
    struct Tracker {
        process: Child,
        address: String,
    }

    impl Tracker {
        fn start(lab: &Lab) -> Self {
            let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
            let port = port.to_string();
            let mut command = Command::new("python3");
            let process = command
                .args(["-m", "mlflow", "server", "--host", "127.0.0.1", "--port", &port])
                .args(["--workers", "1", "--backend-store-uri", "sqlite:///mlflow.db"])
                .args(["--artifacts-destination", "kept"])
                .current_dir(lab.path(""))
                .stdout(Stdio::null())
                .stderr(fs::File::create(lab.path("mlflow.log")).unwrap());
            // Its workers end with it.
            std::os::unix::process::CommandExt::process_group(process, 0);
            let mut tracker = Self {
                process: process.spawn().unwrap(),
                address: format!("http://127.0.0.1:{port}"),
            };
            for _ in 0..600 {
                if std::net::TcpStream::connect(format!("127.0.0.1:{port}")).is_ok() {
                    return tracker;
                }
                let ended = tracker.process.try_wait().unwrap();
                assert!(ended.is_none(), "{}", fs::read_to_string(lab.path("mlflow.log")).unwrap());
                thread::sleep(Duration::from_millis(200));
            }
            panic!("mlflow server has not come up");
        }
    }

    impl Drop for Tracker {
        fn drop(&mut self) {
            let group = rustix::process::Pid::from_child(&self.process);
            let _ = rustix::process::kill_process_group(group, rustix::process::Signal::TERM);
            let _ = self.process.wait();
        }
    }

    #[test]
    fn mlflow_has_runs_with_metrics_by_step_and_artefacts() {
        let Some(lab) = lab(&["mlflow.server", "flask"]) else { return };
        let tracker = Tracker::start(&lab);
        let to = format!("mlflow={}", tracker.address);
        let shown = lab.call(&["report", "results/t", "--write", &to]).exits(0);
        assert_eq!(shown.stderr, "");
        let again = lab.call(&["report", "results/t", "--write", &to]).exits(0);
        assert!(
            again.stderr.contains(&format!("{RUNS} runs were there before")),
            "{}",
            again.stderr
        );
        let found = read(&lab, "read_mlflow.py", &[&tracker.address, "t"]);
        let runs = found.lines().filter(|line| line.contains(" FINISHED "));
        assert_eq!(runs.count(), RUNS + 1, "{found}");
        assert!(found.contains("'epochs.csv'") && found.contains("'report.html'"), "{found}");
        assert_eq!(found.matches("  train_loss [(1, ").count(), RUNS, "{found}");
        let value =
            lab.figure("one-made-up-b16-schedule_plain", "train", "train.throughput").unwrap();
        assert!(found.contains(&format!("train/train.throughput [(3, {value:?})]")), "{found}");
    }

    #[test]
    fn a_server_that_is_down_costs_no_result_and_no_other_export() {
        let lab = lab(&[]).unwrap();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let to = format!("mlflow=http://127.0.0.1:{port}");
        let shown =
            lab.call(&["report", "results/t", "--write", &to, "--write", "bmf=b.json"]).exits(2);
        assert!(shown.stdout.contains("one-made-up"), "{}", shown.stdout);
        assert!(shown.stderr.contains("cannot be reached"), "{}", shown.stderr);
        assert!(shown.stderr.contains("mlflow server"), "{}", shown.stderr);
        assert!(lab.path("b.json").exists());
    }
}

#[test]
fn a_grid_says_what_each_run_of_it_is_handed_on_as() {
    let exports =
        "[export]\nbmf = 'out/bmf.json'\ntensorboard = 'out/logs'\noptuna = 'o.journal'\n";
    let lab = Lab::new(&format!("{GRID}{exports}"));
    let shown = lab.run(&["--full", "-q", "--dry-run"]).exits(0);
    assert!(
        shown.stderr.contains("[export] bmf = \"out/bmf.json\" is left out"),
        "{}",
        shown.stderr
    );
    lab.run(&["--full", "-q", "--write", "gha=gha.json"]).exits(0);
    for file in ["results/t/out/bmf.json", "results/t/o.journal", "gha.json"] {
        assert!(lab.path(file).exists(), "{file}");
    }
    let logs = lab.files().into_iter().filter(|file| file.starts_with("results/t/out/logs/"));
    assert_eq!(logs.count(), RUNS + 1);
    // Another target is no other grid.
    let moved = fs::read_to_string(lab.path("grid.toml")).unwrap().replace("out/bmf", "out/b");
    fs::write(lab.path("grid.toml"), moved).unwrap();
    lab.run(&["--full", "-q", "--resume"]).exits(0);
    assert!(lab.file("out/b.json").exists());
}

#[test]
fn what_cannot_be_written_is_said_with_its_name_and_nothing_is_lost() {
    let lab = Lab::new(GRID);
    let flags = ["--full", "-q", "--write", "bmf=/dev/full", "--write", "gha=gha.json"];
    let shown = lab.run(&flags).exits(2);
    let says = "--write bmf=/dev/full was not written";
    assert!(shown.stderr.contains(says), "{}", shown.stderr);
    assert!(shown.stdout.contains("one-made-up"), "{}", shown.stdout);
    assert!(lab.path("gha.json").exists() && lab.file("report.csv").exists());
    assert_eq!(lab.rows("report.csv").len(), RUNS);
}

#[test]
fn targets_are_looked_at_before_anything_is_run() {
    let lab = Lab::new(GRID);
    fs::create_dir(lab.path("there")).unwrap();
    for (write, says) in [
        (&["bfm=x"][..], "did you mean `bmf`?"),
        (&["bmf=there"], "it is a folder, not a file"),
        (&["bmf=none/x"], "there is no such folder"),
        (&["bmf=x", "gha=./x"], "names ./x twice"),
        (&["bmf=results/t/report.csv"], "there is no such folder"),
        (&["junit=x"], "add --against"),
    ] {
        let flags: Vec<&str> = write.iter().flat_map(|target| ["--write", target]).collect();
        let shown = lab.run(&[&["-q"], &flags[..]].concat()).exits(2);
        assert!(shown.stderr.contains(says), "{write:?}: {}", shown.stderr);
        assert!(!lab.path("results").exists(), "{write:?}");
    }
}

/// Where hyperfine itself is there: what it writes is what its scripts read.
#[test]
fn scripts_of_hyperfine_find_what_hyperfine_writes() {
    let lab = Lab::new("");
    let mut command = Command::new("hyperfine");
    command.args(["--export-json", "own.json", "--runs", "2", "-N", "--style", "none", "true"]);
    if !command.current_dir(lab.path("")).output().is_ok_and(|output| output.status.success()) {
        eprintln!("left out: no hyperfine");
        return;
    }
    let flags = ["exec", "--name", "it", "--repeat", "2", "-q", "--write", "hyperfine=h.json"];
    lab.call(&[&flags[..], &["--", "true"]].concat()).exits(0);
    let [own, ours] = ["own.json", "h.json"].map(|name| -> serde_json::Value {
        serde_json::from_str(&fs::read_to_string(lab.path(name)).unwrap()).unwrap()
    });
    let [own, ours] = [own, ours].map(|file| file["results"][0].as_object().unwrap().clone());
    for (member, value) in &own {
        let same = match (value, ours.get(member)) {
            // Not measured, or not known for certain.
            (_, None) => member == "memory_usage_byte",
            (_, Some(ours)) if ours.is_null() => matches!(&**member, "user" | "system"),
            (value, Some(ours)) => std::mem::discriminant(value) == std::mem::discriminant(ours),
        };
        assert!(same, "{member}: {value} and {:?}", ours.get(member));
    }
}

#[test]
fn a_command_is_handed_on_and_what_holds_nothing_is_said() {
    let lab = Lab::new("");
    let flags = ["exec", "--name", "it", "--repeat", "3", "-q", "--write", "hyperfine=h.json"];
    lab.call(&[&flags[..], &["--write", "bmf=b.json", "--", "true"]].concat()).exits(0);
    let found: serde_json::Value =
        serde_json::from_str(&fs::read_to_string(lab.path("h.json")).unwrap()).unwrap();
    assert_eq!(found["results"][0]["times"].as_array().unwrap().len(), 3);
    assert!(fs::read_to_string(lab.path("b.json")).unwrap().contains("command_time_s"));
    let flags = ["report", "results/it", "--write", "gha-bigger=g.json"];
    let shown = lab.call(&flags).exits(0);
    assert!(shown.stderr.contains("gha-bigger=g.json holds nothing"), "{}", shown.stderr);
}
