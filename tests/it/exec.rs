//! `perftune exec`, and commands as models of a grid: what is measured of them, what they may report, how they end.

use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::process::Stdio;

use rustix::process::Signal;
use serde_json::Value;

use crate::support::{Lab, Running, Shown, Watched};

/// A folder for commands.
fn lab() -> Lab {
    Lab::new("")
}

/// `perftune exec ... -- ...` with the figures as JSON on the standard output.
fn json(lab: &Lab, flags: &[&str], command: &[&str], code: i32) -> (Value, Shown) {
    let args = [&["exec", "--format", "json"], flags, &["--"], command].concat();
    let shown = lab.call(&args).exits(code);
    let document: Value = serde_json::from_str(&shown.stdout).unwrap();
    (document["runs"][0].clone(), shown)
}

/// A figure of a run: of the phase `run` unless it is named.
fn figure(lab: &Lab, folder: &str, phase: &str, metric: &str) -> Option<f64> {
    let text = fs::read_to_string(lab.path(folder).join("metrics.csv")).unwrap();
    let rows = crate::support::rows(&text);
    let row = rows.iter().find(|row| row["phase"] == phase && row["metric"] == metric);
    row.unwrap_or_else(|| panic!("{phase} {metric}: {text}"))["estimate"].parse().ok()
}

fn report(lab: &Lab, folder: &str) -> crate::support::Row {
    let text = fs::read_to_string(lab.path(folder).join("report.csv")).unwrap();
    crate::support::rows(&text).remove(0)
}

#[test]
fn the_shortest_command_has_its_figures() {
    let lab = lab();
    let (run, shown) = json(&lab, &[], &["true"], 0);
    assert_eq!(shown.stderr, "");
    // What is of no concern to it is no lack.
    let table = lab.call(&["exec", "--name", "table", "--", "true"]).exits(0);
    assert!(!table.stdout.contains("serve."), "{}", table.stdout);
    let row = report(&lab, "results/true");
    assert_eq!(["status", "stop_reason"].map(|name| &*row[name]), ["completed", "completed"]);
    assert_eq!(run["facts"]["exit_code"], "0");
    let wall = figure(&lab, "results/true", "run", "command.time").unwrap();
    let cpu = figure(&lab, "results/true", "run", "cpu.time").unwrap();
    assert!(wall > 0.0 && cpu > 0.0 && cpu <= wall * 2.0, "{cpu} {wall}");
    let share = figure(&lab, "results/true", "run", "cpu.utilisation").unwrap();
    assert!(share > 0.0, "{share}");
    // What nobody has seen is absent, and says so.
    let metrics = fs::read_to_string(lab.path("results/true/metrics.csv")).unwrap();
    assert!(!metrics.contains("the worker"), "{metrics}");
}

#[test]
fn what_nobody_set_is_in_no_record() {
    let lab = lab();
    let (run, _) = json(&lab, &[], &["true"], 0);
    let row = report(&lab, "results/true");
    for axis in [
        "dataset",
        "batch_size",
        "learning_rate",
        "threads",
        "device",
        "seed",
        "optimizer",
        "weight_decay",
        "depth",
        "width",
        "flush_denormals",
        "allocator",
        "omp_wait",
        "precision",
    ] {
        assert!(row.get(axis).is_none_or(String::is_empty), "{axis}");
        assert!(run["settings"][axis].is_null(), "{axis}: {}", run["settings"]);
    }
    for setting in ["epochs", "validation_share", "serve"] {
        assert!(run["settings"][setting].is_null(), "{setting}: {}", run["settings"]);
    }
    assert_eq!((&*row["model"], &run["settings"]["model"]["name"]), ("true", &"true".into()));
    let manifest = fs::read_to_string(lab.path("results/true/manifest.json")).unwrap();
    let manifest: Value = serde_json::from_str(&manifest).unwrap();
    let job = manifest["specs"]["true"]["job"].as_object().unwrap();
    assert!(!job.contains_key("train") && job.contains_key("command"), "{job:?}");
    // Over a moment the share of the sampler says nothing.
    assert_eq!(figure(&lab, "results/true", "run", "sampler.cost"), None);
    let metrics = fs::read_to_string(lab.path("results/true/metrics.csv")).unwrap();
    assert!(!metrics.contains("before the first is over"), "{metrics}");
}

#[test]
fn a_hundred_short_children_are_counted() {
    let lab = lab();
    let script = "import resource, subprocess
for _ in range(100): subprocess.run(['/bin/true'])
of = lambda who: (lambda u: u.ru_utime + u.ru_stime)(resource.getrusage(who))
print(of(resource.RUSAGE_SELF) + of(resource.RUSAGE_CHILDREN))";
    let args = ["exec", "--name", "many", "--pass-stdout", "--", "python3", "-c", script];
    let shown = lab.call(&args).exits(0);
    let counted: f64 = shown.stdout.trim().parse().unwrap();
    let cpu = figure(&lab, "results/many", "run", "cpu.time").unwrap();
    // What it needs to end comes on top.
    assert!(cpu >= counted && cpu - counted < 0.05 + 0.05 * counted, "{cpu} {counted}");
}

#[test]
fn the_figures_have_the_standard_output_to_themselves_unless_it_is_passed() {
    let lab = lab();
    let talks = ["sh", "-c", "echo out; echo err >&2"];
    let (run, shown) = json(&lab, &["--name", "a"], &talks, 0);
    assert_eq!(run["run"], "a");
    assert_eq!(shown.stderr, "out\nerr\n");
    let args = [&["exec", "--name", "b", "--pass-stdout", "--"], &talks[..]].concat();
    let shown = lab.call(&args).exits(0);
    assert_eq!(shown.stdout, "out\n");
    assert!(shown.stderr.starts_with("err\nb: completed after "), "{}", shown.stderr);
    assert!(shown.stderr.contains("exit code 0"), "{}", shown.stderr);

    // And it reads what perftune is given.
    let mut command = lab.perftune(&["exec", "--pass-stdout", "--", "cat"]);
    let mut child = command.stdin(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(b"through\n").unwrap();
    let shown = Shown::of(child.wait_with_output().unwrap()).exits(0);
    assert_eq!(shown.stdout, "through\n");
}

#[test]
fn nothing_of_a_worker_leaks_into_a_command() {
    let lab = lab();
    let shown = lab.call(&["exec", "--pass-stdout", "--", "env"]).exits(0);
    assert!(shown.stdout.contains("PERFTUNE_EVENTS=/"), "{}", shown.stdout);
    for name in ["MALLOC_", "OMP_NUM_THREADS", "MKL_NUM_THREADS"] {
        assert!(!shown.stdout.contains(name), "{name}: {}", shown.stdout);
    }
}

#[test]
fn a_command_that_fails_is_a_failure_with_its_code_or_signal() {
    let lab = lab();
    for (name, script, code, signal, says) in [
        ("a", "exit 7", "7", "", "the command exited with code 7"),
        ("b", "kill -9 $$", "", "9", "the command was ended by SIGKILL"),
        ("c", "kill -SEGV $$", "", "11", "the command was ended by SIGSEGV"),
    ] {
        let (run, shown) = json(&lab, &["--name", name], &["sh", "-c", script], 3);
        assert!(shown.stderr.contains(says), "{}", shown.stderr);
        let row = report(&lab, &format!("results/{name}"));
        assert_eq!(row["status"], "failed");
        let ended = ["exit_code", "signal"].map(|fact| run["facts"][fact].as_str().unwrap_or(""));
        assert_eq!(ended, [code, signal]);
        assert!(row["failure"].contains(says), "{row:?}");
    }
}

#[test]
fn what_cannot_be_run_is_said_before_anything_is_written() {
    let lab = lab();
    let plain = lab.path("plain");
    fs::write(&plain, "echo").unwrap();
    fs::set_permissions(&plain, fs::Permissions::from_mode(0o644)).unwrap();
    for (args, says) in [
        (&["--", "no-such-command"][..], "there is no such command on the PATH"),
        (&["--", "./no-such-file"], "there is no such file"),
        (&["--", "./plain"], "it is not executable"),
        (&["--", "/"], "it is a folder"),
        (&["--", ""], "the command is an empty text"),
        (&["--strict", "--", "true"], "--strict, but there is no limit"),
        (&["--name", "a/b", "--", "true"], "--name a/b"),
        (&["--timeout", "5", "--", "true"], "`--timeout`: `5` has no unit"),
        (&["--timeout", "0s", "--", "true"], "`--timeout` must be a duration from"),
        (&["--set", "grid.model=mlp", "--", "true"], "a command has no `grid.model`"),
        (&["--stop-on", "cpu,memori", "--", "true"], "did you mean `memory`?"),
        (&["--constraint", "memory.peak", "--", "true"], "a metric, a comparison and a limit"),
        (&["--constraint", "memory.peek <= 1GiB", "--", "true"], "memory.peek"),
        (&["--constraint", "memory.peak <= 1", "--", "true"], "memory.peak"),
    ] {
        let shown = lab.call(&[&["exec"], args].concat()).exits(2);
        assert!(shown.stderr.contains(says), "{args:?}: {}", shown.stderr);
        assert_eq!(shown.stdout, "");
    }
    assert_eq!(lab.files(), ["grid.toml", "plain"]);
    let shown = lab.call(&["exec", "--constraint", "memory.peek <= 1GiB", "--", "true"]);
    insta::assert_snapshot!("exec_constraint", shown.stderr);
    let shown = lab.call(&["exec", "--stop-on", "cpu,memori", "--", "true"]);
    insta::assert_snapshot!("exec_stop_on", shown.stderr);
    // Without the two dashes nobody could tell whose option is whose.
    for args in [&["exec", "true"][..], &["exec", "--quiet", "true", "-v"]] {
        let shown = lab.call(args).exits(2);
        assert!(shown.stderr.contains("the command goes after `--`"), "{}", shown.stderr);
    }
    assert!(!lab.call(&["exec", "--tru", "--", "true"]).exits(2).stderr.contains("goes after"));
    // Results that are there are not overwritten.
    lab.call(&["exec", "--", "true"]).exits(0);
    let shown = lab.call(&["exec", "--", "true"]).exits(2);
    assert!(shown.stderr.contains("--fresh replaces them"), "{}", shown.stderr);
    lab.call(&["exec", "--fresh", "--", "true"]).exits(0);
}

#[test]
fn a_command_is_ended_when_its_metrics_are_known() {
    let lab = lab();
    let spin = ["sh", "-c", "while :; do :; done"];
    let flags = ["--name", "a", "--stop-on", "memory.rss_mean", "--set", "stop.within=20%"];
    let (run, _) = json(&lab, &flags, &spin, 0);
    let row = report(&lab, "results/a");
    let ended = ["status", "stop_reason"].map(|column| &*row[column]);
    assert_eq!(ended, ["stopped", "known"], "{}", row["stop_detail"]);
    assert_eq!(run["facts"]["signal"], "15");
    assert!(row["stop_detail"].contains("of the command"), "{}", row["stop_detail"]);
    assert!(figure(&lab, "results/a", "run", "cpu.utilisation").unwrap() > 1.0);
    // Its own end it did not come to.
    assert_eq!(figure(&lab, "results/a", "run", "command.time"), None);
}

#[test]
fn a_command_that_ignores_the_signal_is_killed_with_its_children() {
    let lab = lab();
    let script = "trap '' TERM; sleep 1000 & echo $! > child; while :; do sleep 0.05; done";
    let flags = ["--name", "a", "--timeout", "600ms", "--set", "worker.grace=200ms"];
    let (run, _) = json(&lab, &flags, &["sh", "-c", script], 0);
    let row = report(&lab, "results/a");
    assert_eq!(["status", "stop_reason"].map(|column| &*row[column]), ["stopped", "budget"]);
    assert_eq!(run["facts"]["signal"], "9");
    let child = fs::read_to_string(lab.path("child")).unwrap();
    // It was killed in time; who reaps it last is not perftune.
    assert!(Watched::new(child.trim()).ends());
}

#[test]
fn ctrl_c_and_the_end_of_perftune_end_the_command() {
    for (signal, code) in [(Signal::INT, Some(130)), (Signal::KILL, None)] {
        let lab = lab();
        let script = "echo at $$ >&2; exec sleep 1000";
        let mut running = Running::new(lab.perftune(&["exec", "--", "sh", "-c", script]));
        let line = running.until("at ");
        let command = Watched::new(line.trim_start_matches("at "));
        assert!(command.lives());
        running.signal(signal);
        assert!(command.ends());
        let shown = running.end();
        assert_eq!(shown.code, code, "{shown:?}");
        if code.is_some() {
            assert_eq!(report(&lab, "results/sh")["status"], "cancelled");
        }
    }
}

#[test]
fn what_a_killed_perftune_has_left_of_its_pipe_is_removed_by_the_next() {
    let lab = lab();
    let temporary = lab.path("temporary");
    fs::create_dir(&temporary).unwrap();
    let left = || fs::read_dir(&temporary).unwrap().count();
    let exec = |script: &str| {
        let mut command = lab.perftune(&["exec", "--fresh", "--", "sh", "-c", script]);
        command.env("TMPDIR", &temporary);
        command
    };
    let mut running = Running::new(exec("echo at $$ >&2; exec sleep 1000"));
    running.until("at ");
    running.signal(Signal::KILL);
    running.end();
    assert_eq!(left(), 1);
    assert!(exec("true").output().unwrap().status.success());
    assert_eq!(left(), 0);
}

#[test]
fn a_memory_hog_is_ended_early_and_strict_says_so() {
    let lab = lab();
    let hog = "import time\na = []\nfor i in range(600):\n    a.append(b'x' * 1000000)\n    time.sleep(0.01)";
    let flags = ["--name", "a", "--strict", "--constraint", "memory.peak <= 64MiB"];
    let (_, shown) = json(&lab, &flags, &["python3", "-c", hog], 1);
    assert_eq!(shown.stderr, "");
    let row = report(&lab, "results/a");
    let ended = ["status", "stop_reason", "verdict"].map(|column| &*row[column]);
    assert_eq!(ended, ["stopped", "infeasible", "infeasible"]);
    let peak: f64 = row["memory_peak_bytes"].parse().unwrap();
    assert!(peak > 64.0 * 1_048_576.0 && peak < 200.0 * 1_048_576.0, "{peak}");
    // One that keeps it runs to its own end.
    let flags = ["--name", "b", "--strict", "--constraint", "memory.peak <= 1GiB"];
    json(&lab, &flags, &["python3", "-c", "b'x' * 50000000"], 0);
    assert_eq!(report(&lab, "results/b")["verdict"], "feasible");
}

/// How many passes a command makes is its own affair: what it says at its own end is final, and its limits are judged then.
#[test]
fn what_a_command_says_at_its_own_end_is_final_and_judged() {
    let lab = lab();
    let said = r#"echo '{"metric": {"name": "test_accuracy", "value": 0.9}}' > "$PERFTUNE_EVENTS""#;
    for (name, epochs) in [("none", 0), ("one", 1)] {
        let passes = r#"echo '{"epoch": {"train_loss": 1}}' > "$PERFTUNE_EVENTS"; "#.repeat(epochs);
        let script = format!("{passes}{said}");
        for (limit, code, says) in [
            ("command.time <= 10us", 1, "infeasible: command.time <= 10.0 us is broken"),
            ("test_accuracy >= 0.8", 0, "feasible: test_accuracy >= 0.8"),
            ("test_accuracy >= 0.95", 1, "infeasible: test_accuracy >= 0.95 is broken"),
        ] {
            let args = ["exec", "--name", name, "--fresh", "--strict", "--constraint", limit, "--"];
            let shown = lab.call(&[&args[..], &["sh", "-c", &script]].concat()).exits(code);
            assert!(shown.stdout.contains(says), "{says}: {}", shown.stdout);
        }
        let row = report(&lab, &format!("results/{name}"));
        assert_eq!(row["test_accuracy"], "0.9");
        assert_eq!(row.get("partial_test_accuracy"), None);
    }
}

#[test]
fn a_command_that_takes_longer_than_it_may_is_not_waited_for() {
    let lab = lab();
    let limit = ["--constraint", "command.time <= 100ms"];
    let (run, _) =
        json(&lab, &[&["--name", "a", "--strict"], &limit[..]].concat(), &["sleep", "600"], 1);
    assert_eq!((&run["status"], &run["stop"]["reason"]), (&"stopped".into(), &"infeasible".into()));
}

#[test]
fn rounds_of_a_command_go_on_until_its_time_is_known_or_will_not_be() {
    let lab = lab();
    let shown = lab.call(&["exec", "--repeat", "auto", "--", "sleep", "0.2"]).exits(0);
    let told = shown.stdout.lines().find(|line| line.starts_with("command.time: mean "));
    assert!(told.is_some_and(|line| line.contains(" runs")), "{}", shown.stdout);
    // What is compared by is to be known, too, where a limit alone was asked for and so many runs.
    let script = "sleep 0.$(ls | wc -l); touch $$";
    let flags = ["exec", "--out", "out", "--repeat", "3", "-L", "n=1,2", "--constraint"];
    let aim = ["command.time <= 60s", "--set", "objectives.minimize=command.time"];
    let args = [&flags[..], &aim, &["--", "sh", "-c", script, "{n}"]].concat();
    let shown = lab.call(&args).exits(0);
    assert!(shown.stdout.contains("2 cells: 2 noise-limited"), "{}", shown.stdout);
    let refused = lab.call(&["exec", "--repeat", "often", "--", "true"]).exits(2);
    assert!(refused.stderr.contains("write a number of runs, or auto"), "{}", refused.stderr);
}

#[test]
fn what_is_reported_is_measured_like_a_worker_s() {
    let lab = lab();
    let examples = concat!(env!("CARGO_MANIFEST_DIR"), "/configs");
    let python = format!("{examples}/report_steps.py");
    json(&lab, &["--name", "py"], &["python3", &python], 0);
    let of = |name: &str, phase: &str, metric: &str| {
        figure(&lab, &format!("results/{name}"), phase, metric).unwrap()
    };
    let p50 = of("py", "train", "train.step_latency_p50");
    assert!((0.002..0.02).contains(&p50), "{p50}");
    assert!((of("py", "run", "validation_accuracy") - (1.0 - 0.5 / 3.0)).abs() < 1e-9);
    assert_eq!(report(&lab, "results/py")["epochs"], "3");
    assert!(of("py", "train", "memory.rss_mean") > 1e6);

    let shell = format!("{examples}/report_steps.sh");
    json(&lab, &["--name", "sh"], &["sh", &shell], 0);
    let mean = of("sh", "train", "train.step_latency_mean");
    assert!((0.018..0.2).contains(&mean), "{mean}");
    assert!((of("sh", "run", "bleu") - 31.2).abs() < 1e-9);

    // A long one ends when its figures are known, and its recording can be asked again. Its times are made up: a busy machine
    // must not matter here.
    let endless = "import os, time
events = open(os.environ['PERFTUNE_EVENTS'], 'a', buffering=1)
while True:
    time.sleep(0.01)
    events.write('{\"step\": {\"dur_s\": 0.009}}\\n')";
    let flags = ["--name", "long", "--stop-on", "train.throughput"];
    json(&lab, &flags, &["python3", "-c", endless], 0);
    let row = report(&lab, "results/long");
    let ended = ["status", "stop_reason"].map(|column| &*row[column]);
    assert_eq!(ended, ["stopped", "known"], "{}", row["stop_detail"]);
    let shown = lab.call(&["replay", "results/long", "--format", "csv"]).exits(0);
    assert!(shown.stdout.contains("train.throughput"), "{}", shown.stdout);
    let before = fs::read(lab.path("results/long/report.csv")).unwrap();
    lab.call(&["report", "results/long"]).exits(0);
    assert_eq!(fs::read(lab.path("results/long/report.csv")).unwrap(), before);
}

#[test]
fn reported_nonsense_is_a_warning_and_no_end() {
    let lab = lab();
    let script = r#"
exec 3>"$PERFTUNE_EVENTS" <&-
echo 'what?' >&3; echo '{"step": {"items": 0}}' >&3
head -c 200000 /dev/zero | tr '\0' x >&3; echo >&3
echo '{"metric": {"name": "seen", "value": 1}}' > "$PERFTUNE_EVENTS"
printf '{"metric": {"name": "last", "value": 2}}' >&3
"#;
    let (_, shown) = json(&lab, &["--name", "a"], &["sh", "-c", script], 0);
    for says in ["line 1 that", "it has more than 65536 bytes", "1 more line"] {
        assert!(shown.stderr.contains(says), "{says}: {}", shown.stderr);
    }
    assert_eq!(shown.stderr.matches("is left out").count(), 2, "{}", shown.stderr);
    for name in ["seen", "last"] {
        assert!(figure(&lab, "results/a", "run", name).is_some());
    }
}

/// Of less than perftune itself has: what a child begins with is the copy of it alone, a fraction of that.
#[test]
fn the_peak_of_a_small_command_that_nobody_could_look_at_is_the_kernels() {
    let lab = lab();
    let script = "head -c 9500000 /dev/zero | tail -c 9000000 > big";
    json(&lab, &["--name", "a"], &["sh", "-c", script], 0);
    let peak = figure(&lab, "results/a", "run", "memory.peak").unwrap();
    assert!((9e6..40e6).contains(&peak), "{peak}");
    let csv = lab.path("results/a/metrics.csv");
    let text = fs::read_to_string(csv).unwrap();
    let row = text.lines().find(|line| line.contains(",memory.peak,")).unwrap();
    assert!(!row.contains("at least"), "{row}");
}

#[test]
fn a_daemon_that_a_command_leaves_holds_nobody_up() {
    let lab = lab();
    let script = "setsid sleep 3 & echo $! > daemon; exit 0";
    let (_, shown) = json(&lab, &["--name", "a"], &["sh", "-c", script], 0);
    assert_eq!(shown.stderr, "");
    let wall = figure(&lab, "results/a", "run", "command.time").unwrap();
    assert!(wall < 2.5, "{wall}");
}

#[test]
fn two_measurements_of_a_command_are_compared() {
    let lab = lab();
    for name in ["a", "b"] {
        let out = format!("results/{name}");
        let args = ["exec", "--name", "s", "--out", &out, "--repeat", "3", "--", "sleep", "0.05"];
        let shown = lab.call(&args).exits(0);
        assert!(shown.stdout.contains("median of 3"), "{}", shown.stdout);
    }
    let shown = lab.call(&["check", "results/a", "results/b"]);
    assert!(shown.stdout.contains("command.time"), "{shown:?}");
    assert_ne!(shown.code, Some(2), "{shown:?}");
}

const GRID: &str = r#"
name = "t"
repeat = 1
[worker]
program = "scripted"
options = { steps_per_epoch = 50 }
[models.mine]
command = ["sh", "say.sh", "{batch_size}", "{learning_rate}; touch broken", "{{x}}", "{dataset}", "{seed}", "--n={epochs}"]
[grid]
model = ["one", "mine"]
dataset = "made-up"
batch_size = [16, 64]
learning_rate = 0.5
[train]
epochs = 2
[serve]
enabled = false
"#;

#[test]
fn a_command_is_a_cell_like_any_other() {
    let lab = Lab::new(GRID);
    let say = "for word; do echo \"<$word>\"; done\necho err >&2\necho '{\"step\": {}}' >> $PERFTUNE_EVENTS\n";
    fs::write(lab.path("say.sh"), say).unwrap();
    let shown = lab.run(&[]).exits(0);
    assert!(shown.stdout.contains("4 ok"), "{}", shown.stdout);
    let log = lab.text("runs/mine-made-up-b16/stderr.log");
    let mut lines: Vec<&str> = log.lines().collect();
    lines.sort_unstable();
    let words = ["<--n=2>", "<0.5; touch broken>", "<16>", "<1>", "<made-up>", "<{x}>", "err"];
    assert_eq!(lines, words);
    assert!(!lab.path("broken").exists());
    assert!(lab.record("one-made-up-b64")["facts"]["exit_code"].is_null());
    assert_eq!(lab.record("mine-made-up-b64")["facts"]["exit_code"], "0");

    // Nothing is run again as long as nothing has changed.
    let started = |shown: &Shown| shown.stderr.matches(": started").count();
    let again = lab.run(&["--resume", "--progress", "plain"]).exits(0);
    assert_eq!(started(&again), 0, "{}", again.stderr);
    let changed = GRID.replace("--n={epochs}", "--n={epochs}x");
    fs::write(lab.path("grid.toml"), changed).unwrap();
    let refused = lab.run(&["--resume"]).exits(2);
    assert!(refused.stderr.contains("recorded with other settings"), "{}", refused.stderr);
}

#[test]
fn commands_of_two_grids_are_measured_in_turns() {
    let grid = |seconds: &str| {
        format!(
            "name = \"t\"\nrepeat = 1\n[models.mine]\ncommand = [\"sleep\", \"{seconds}\"]\nsteps = false\n[grid]\nmodel = \"mine\"\ndataset = \"none\"\n"
        )
    };
    let lab = Lab::new(&grid("0.5"));
    fs::write(lab.path("old.toml"), grid("0.01")).unwrap();
    let shown = lab.run(&["--against", "old.toml", "--blocks", "7"]).exits(1);
    assert!(shown.stdout.contains("command.time"), "{shown:?}");
    let refused = lab.run(&["--against", "/bin/true", "--fresh"]).exits(2);
    assert!(refused.stderr.contains("is a command"), "{}", refused.stderr);
}

#[test]
fn the_program_of_a_model_must_be_there() {
    let lab = Lab::new(&GRID.replace("\"sh\", \"say.sh\"", "\"no-such-command\""));
    let shown = lab.run(&[]).exits(2);
    assert!(shown.stderr.contains("no such command"), "{}", shown.stderr);
    assert_eq!(lab.files(), ["grid.toml"]);
}

#[test]
fn a_stopped_command_hears_that_it_is_to_end() {
    let lab = lab();
    let args = [
        "exec",
        "--format",
        "json",
        "--name",
        "stopped",
        "--timeout",
        "200ms",
        "--set",
        "worker.grace=60s",
        "--",
        "sh",
        "-c",
        "kill -STOP $$",
    ];
    let shown = lab.call(&args).exits(0);
    let document: Value = serde_json::from_str(&shown.stdout).unwrap();
    let row = report(&lab, "results/stopped");
    assert_eq!(row["status"], "stopped");
    assert_eq!(document["runs"][0]["facts"]["signal"], "15");
    assert!(row["wall_s"].parse::<f64>().unwrap() < 30.0, "{row:?}");
}

#[test]
fn a_failure_is_said_once_and_its_folder_is_made_again_by_exec() {
    let lab = Lab::new("");
    let shown = lab.call(&["exec", "--out", "results/t", "--", "false"]).exits(3);
    assert_eq!(shown.stdout.matches("exited with code 1").count(), 1, "{shown:#?}");
    assert!(!shown.stderr.contains("exited with code 1"), "{shown:#?}");
    let csv =
        lab.call(&["exec", "--fresh", "--out", "results/t", "--format", "csv", "--", "false"]);
    assert!(csv.exits(3).stderr.contains("exited with code 1"));
    let added = lab.call(&["baseline", "add", "results/t"]).exits(2);
    assert!(added.stderr.contains("once more with `perftune exec --fresh`"), "{added:#?}");
}

#[test]
fn the_plan_of_commands_shows_no_axis_that_they_do_not_use() {
    let lab = Lab::new(
        "name = \"t\"\nrepeat = 1\n[models.mine]\ncommand = [\"sleep\", \"{batch_size}\"]\n[grid]\nmodel = \"mine\"\n\
         dataset = \"none\"\nbatch_size = [1, 2]\nlearning_rate = 0.5\n",
    );
    let shown = lab.run(&["--dry-run", "--format", "json"]).exits(0);
    let plan: serde_json::Value = serde_json::from_str(&shown.stdout).unwrap();
    let settings = plan["plan"][1]["settings"].as_object().unwrap();
    assert_eq!(settings["batch_size"], 2);
    assert_eq!(settings["models.command"], "sleep 2");
    for unused in ["learning_rate", "optimizer", "allocator", "omp_wait", "depth"] {
        assert!(!settings.contains_key(unused), "{settings:?}");
    }
}
