//! Ctrl-C, SIGTERM, a lost terminal and `kill -9` in the middle of a grid: what is kept, what is left behind, how it goes on.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use rustix::process::Signal;

use crate::support::{Lab, Running, Shown, Watched, rows};

/// A short cell in virtual time and one that trains for hours of real time.
fn grid(worker: &str) -> String {
    format!(
        r#"
name = "t"
repeat = 1
[worker]
{worker}
grace = "30s"
options = {{ time = "real", talks = true, step_us = 1000.0, steps_per_epoch = 100 }}
[grid]
model = "one"
dataset = "made-up"
batch_size = [16, 64]
[train]
epochs = 100000
[[override]]
match = {{ batch_size = 16 }}
train.epochs = 1
[serve]
enabled = false
[stop]
enabled = false
"#
    )
}

const SHORT: &str = "one-made-up-b16";
const LONG: &str = "one-made-up-b64";

fn scripted() -> Lab {
    Lab::new(&grid("program = \"scripted\""))
}

/// The scripted worker below a shell that does something first.
fn shell(first: &str) -> Lab {
    let perftune = assert_cmd::cargo::cargo_bin!("perftune");
    let script = format!("{first}; exec '{}' __scripted-worker", perftune.display());
    let command = serde_json::json!(["sh", "-c", script]);
    Lab::new(&grid(&format!("command = {command}")))
}

/// Starts the grid and waits until the long run has trained for an epoch.
fn started(lab: &Lab) -> (Running, Watched) {
    // Whoever started the tests may ignore the loss of the terminal.
    let below = ["env", "--default-signal=HUP"];
    let args = ["run", "grid.toml", "-v", "--progress", "plain"];
    let mut running = Running::new(lab.perftune_below(&below, &args));
    running.until(&format!("{LONG}: started"));
    let worker = running.until_phase("validate");
    assert!(worker.lives());
    (running, worker)
}

/// The first run as it is on disk: whoever touches it changes one of these.
fn identity(lab: &Lab) -> Vec<(u64, i64, i64, u64)> {
    let names = ["done.json", "events.jsonl", "samples.csv", "epochs.csv"];
    let identity = |name| {
        let found = fs::metadata(lab.file(&format!("runs/{SHORT}/{name}"))).unwrap();
        (found.ino(), found.mtime(), found.mtime_nsec(), found.size())
    };
    names.map(identity).into()
}

/// Everything derived is whole; only a log may lack its end.
fn nothing_is_torn(lab: &Lab) {
    for name in lab.files() {
        let path = lab.path(&name);
        let text = fs::read_to_string(&path).unwrap();
        let ends_with = |end: &str| Path::new(&name).extension().is_some_and(|found| found == end);
        if ends_with("json") {
            serde_json::from_str::<serde_json::Value>(&text)
                .unwrap_or_else(|error| panic!("{name}: {error}"));
        } else if ends_with("csv") {
            rows(&text);
        } else if ends_with("jsonl") {
            let whole = text.rfind('\n').map_or("", |end| &text[..end]);
            for line in whole.lines() {
                serde_json::from_str::<serde_json::Value>(line)
                    .unwrap_or_else(|error| panic!("{name}: {error}"));
            }
        }
    }
}

/// The runs that are reported.
fn runs_of(lab: &Lab) -> BTreeSet<String> {
    lab.rows("report.csv").into_iter().map(|row| row["run"].clone()).collect()
}

#[test]
fn an_interrupt_keeps_what_is_finished_and_ends_what_is_not() {
    for signal in [Signal::INT, Signal::TERM, Signal::HUP, Signal::QUIT] {
        let lab = scripted();
        let (running, worker) = started(&lab);
        running.signal(signal);
        let shown = running.end().exits(130);
        assert!(!worker.lives(), "{shown:#?}");
        assert_eq!(runs_of(&lab), [SHORT, LONG].map(str::to_owned).into());
        assert_eq!(lab.report(SHORT)["status"], "completed");
        let row = lab.report(LONG);
        assert_eq!((&*row["status"], &*row["stop_reason"]), ("cancelled", "cancelled"));
        assert!(!row["train_throughput_samples_per_s"].is_empty(), "{row:?}");
        assert!(shown.stdout.contains("cancelled"), "{}", shown.stdout);
        nothing_is_torn(&lab);

        // The rest is run by `--resume`; what was finished is not touched.
        let before = identity(&lab);
        let (again, _) = started_again(&lab);
        again.signal(signal);
        again.end().exits(130);
        assert_eq!(identity(&lab), before);
    }
}

fn started_again(lab: &Lab) -> (Running, Watched) {
    let below = ["env", "--default-signal=HUP"];
    let mut running =
        Running::new(lab.perftune_below(&below, &["run", "grid.toml", "-v", "--resume"]));
    running.until(&format!("[1/1] {LONG}: started"));
    let worker = running.until_phase("train");
    (running, worker)
}

#[test]
fn an_interrupt_when_all_is_measured_ends_nothing() {
    // What cleans up is started by perftune itself, once the last run of the cell is over.
    let interrupt = "sh -c 'kill -INT \"$PPID\"'";
    let lab = Lab::new("");
    for repeat in ["1", "auto"] {
        let shown = lab.call(&[
            "exec",
            "--fresh",
            "--out",
            "results/t",
            "--repeat",
            repeat,
            "--cleanup",
            interrupt,
            "--",
            "true",
        ]);
        let shown = shown.exits(0);
        let said = format!("{}{}", shown.stdout, shown.stderr);
        assert!(!said.contains("--resume"), "{said}");
    }
}

#[test]
fn what_was_interrupted_and_runs_again_is_counted_as_run_now() {
    let lab = Lab::new("");
    // The first run of the second round interrupts perftune.
    let command = "echo x >> made; [ $(wc -l < made) -ne 3 ] || { kill -INT $PPID; sleep 100; }";
    let exec = |resume: &[&str]| {
        let asked = ["exec", "--repeat", "auto", "--out", "results/t", "-L", "n=1,2"];
        lab.call(&[&asked[..], resume, &["--", "sh", "-c", command, "{n}"]].concat())
    };
    exec(&[]).exits(130);
    let before = std::fs::read_to_string(lab.path("made")).unwrap().lines().count();
    assert_eq!(before, 3);
    let shown = exec(&["--resume"]).exits(0);
    let now = std::fs::read_to_string(lab.path("made")).unwrap().lines().count() - before;
    assert!(shown.stdout.contains(&format!("; {now} of them now, in ")), "{now} {shown:#?}");
}

#[test]
fn nobody_of_the_worker_s_group_is_left() {
    let lab = shell("sleep 100000 & echo \"process $!: helper\" >&2");
    let mut running = lab.start(&["-v", "--only", "batch_size=64"]);
    let helper = running.until_phase("helper");
    let worker = running.until_phase("train");
    running.signal(Signal::INT);
    running.end().exits(130);
    assert!(!worker.lives() && helper.ends());
}

#[test]
fn a_second_interrupt_kills_at_once() {
    // What is ignored before exec is ignored after it. The grace is half a minute: only SIGKILL ends this worker.
    let lab = shell("trap '' TERM");
    let (mut running, worker) = started(&lab);
    running.signal(Signal::INT);
    // Two signals at the same moment would be one.
    running.until("Ctrl-C now kills it at once");
    assert!(worker.lives());
    running.signal(Signal::INT);
    let shown = running.end().exits(130);
    assert!(!worker.lives(), "{shown:#?}");
    assert_eq!(lab.report(LONG)["status"], "cancelled");
}

#[test]
fn after_kill_9_nothing_is_left_behind_and_resume_runs_what_is_missing() {
    let lab = scripted();
    let (running, worker) = started(&lab);
    running.signal(Signal::KILL);
    assert_eq!(running.end().code, None, "killed by a signal");
    assert!(worker.ends(), "an orphan");
    nothing_is_torn(&lab);
    assert!(lab.file(&format!("runs/{SHORT}/done.json")).exists());
    assert!(!lab.file(&format!("runs/{LONG}/done.json")).exists());

    // Without a word about what is there, nothing is lost.
    let refused = lab.run(&[]).exits(2);
    for word in ["1 finished and 1 unfinished of 2", "--resume", "--fresh", "--out"] {
        assert!(refused.stderr.contains(word), "{word}: {}", refused.stderr);
    }
    // What was asked before is compared with what is asked now.
    let other = lab.run(&["--resume", "--set", "train.learning_rate=0.5"]).exits(2);
    for word in ["learning_rate", "0.001", "0.5", "--fresh"] {
        assert!(other.stderr.contains(word), "{word}: {}", other.stderr);
    }

    // The lock went with the process. The long run never ended, so that it may be asked for with other settings.
    let before = identity(&lab);
    let text = fs::read_to_string(lab.path("grid.toml")).unwrap().replace("100000", "2");
    fs::write(lab.path("grid.toml"), text).unwrap();
    let shown = lab.run(&["--resume"]).exits(0);
    assert!(!shown.stderr.contains(&format!("{SHORT}: started")), "{}", shown.stderr);
    assert!(shown.stderr.contains(&format!("[1/1] {LONG}: started")), "{}", shown.stderr);
    assert_eq!(identity(&lab), before);
    assert_eq!(runs_of(&lab), [SHORT, LONG].map(str::to_owned).into());

    // A whole folder has nothing left to resume, and is replaced only when told so.
    let nothing = lab.run(&["--resume"]).exits(0);
    assert!(!nothing.stderr.contains("started"), "{}", nothing.stderr);
    assert_eq!(identity(&lab), before);
    lab.run(&["--fresh"]).exits(0);
    assert_ne!(identity(&lab), before);
}

#[test]
fn one_folder_is_written_by_one_perftune() {
    let lab = scripted();
    let (running, worker) = started(&lab);
    for flag in ["--resume", "--fresh"] {
        let second = lab.run(&[flag]).exits(2);
        assert!(second.stderr.contains("another perftune is writing to"), "{}", second.stderr);
    }
    // What is whole of it can be looked at.
    let seen = lab.call(&["report", "results/t"]).exits(0);
    assert!(seen.stdout.contains("made-up"), "{seen:#?}");
    assert!(
        seen.stderr.contains("note: the reports in results/t stay as they are: another"),
        "{seen:#?}"
    );
    assert!(worker.lives());
    running.signal(Signal::INT);
    running.end().exits(130);
    assert_eq!(lab.report(SHORT)["status"], "completed");
}

#[test]
fn what_a_parent_has_made_of_its_signals_is_minded() {
    let lab = scripted();
    // The ends of children would be dropped.
    let short = ["run", "grid.toml", "--only", "batch_size=16"];
    let deaf = lab.perftune_below(&["env", "--ignore-signal=CHLD"], &short).output().unwrap();
    Shown::of(deaf).exits(0);
    // As `nohup` does.
    let all = ["run", "grid.toml", "--fresh", "-v", "--progress", "plain"];
    let mut running = Running::new(lab.perftune_below(&["env", "--ignore-signal=HUP"], &all));
    running.until(&format!("{LONG}: started"));
    running.signal(Signal::HUP);
    // It goes on; the next signal ends it.
    let worker = running.until_phase("validate");
    assert!(worker.lives());
    running.signal(Signal::TERM);
    running.end().exits(130);
}
