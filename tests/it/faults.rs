//! Workers that crash, hang, are killed or talk nonsense: what is recorded of them, and that the grid goes on.

use serde_json::json;

use crate::support::{Lab, Row};

/// Two cells in virtual time, of which the one with batch size 64 breaks as `fault` says.
fn lab(fault: &str) -> Lab {
    Lab::new(&format!(
        r#"
name = "t"
repeat = 1
[worker]
program = "scripted"
hang_timeout = "1s"
grace = "100ms"
options = {{ steps_per_epoch = 50, fault = {{ {fault}, batch_size = 64 }} }}
[grid]
model = "one"
dataset = "made-up"
batch_size = [64, 16]
[train]
epochs = 5
[serve]
batch_size = [1]
max_time = "100ms"
[stop]
enabled = false
"#
    ))
}

const BROKEN: &str = "one-made-up-b64";
const WHOLE: &str = "one-made-up-b16";

/// What is the same of every failed run: the other one is whole, every place names the failure.
fn fails(fault: &str, says: &[&str]) -> (Lab, Row, serde_json::Value) {
    let lab = lab(fault);
    let shown = lab.run(&[]).exits(3);
    assert_eq!(lab.report(WHOLE)["status"], "completed", "{fault}");
    let row = lab.report(BROKEN);
    let ended = ["status", "stop_reason"].map(|column| &*row[column]);
    assert_eq!(ended, ["failed", "failed"], "{fault}: {row:?}");
    for word in says {
        assert!(row["failure"].contains(word), "{fault}: {}", row["failure"]);
        assert!(shown.stderr.contains(word), "{fault}: {}", shown.stderr);
    }
    assert!(shown.stderr.contains(&format!("{BROKEN}: failed after ")), "{}", shown.stderr);
    assert!(shown.stdout.contains("1 ok") && shown.stdout.contains("1 failed"), "{}", shown.stdout);
    let mut table = shown.stdout.lines();
    assert!(
        table.any(|line| line.starts_with(&format!("! {BROKEN}: {}", says[0]))),
        "{fault}: {}",
        shown.stdout
    );
    let record = lab.record(BROKEN);
    let done: serde_json::Value =
        serde_json::from_str(&lab.text(&format!("runs/{BROKEN}/done.json"))).unwrap();
    assert_eq!((&record["status"], &done["status"]), (&json!("failed"), &json!("failed")));
    (lab, row, record)
}

type End = (&'static str, &'static [&'static str], Option<i32>, Option<i32>);

/// How a worker ends early, what is said of it, its exit code or its signal.
const ENDS: &[End] = &[
    ("kind = 'exit', phase = 'load'", &["crashed in load", "code 7"], Some(7), None),
    ("kind = 'exit', phase = 'warmup'", &["crashed in warmup"], Some(7), None),
    ("kind = 'exit', phase = 'serve[1]', after = 5", &["crashed in serve[1]"], Some(7), None),
    ("kind = 'exit', phase = 'train', after = 60", &["crashed in train"], Some(7), None),
    ("kind = 'exit', phase = 'validate'", &["crashed in validate"], Some(7), None),
    ("kind = 'exit', phase = 'test'", &["crashed in test"], Some(7), None),
    ("kind = 'kill', phase = 'train', after = 60", &["killed in train", "memory"], None, Some(9)),
    ("kind = 'abort', phase = 'serve[1]'", &["killed in serve[1]", "SIGABRT"], None, Some(6)),
];

#[test]
fn a_worker_that_ends_early_is_named_with_its_code_or_signal() {
    for (fault, says, code, signal) in ENDS {
        let (lab, _, record) = fails(fault, says);
        let failure = &record["failure"];
        assert_eq!(
            (&failure["exit_code"], &failure["signal"]),
            (&json!(code), &json!(signal)),
            "{fault}: {failure}"
        );
        if *code == Some(7) {
            let tail = failure["stderr_tail"].as_str().unwrap();
            assert!(tail.contains("this is the end"), "{fault}: {tail}");
            let log = lab.text(&format!("runs/{BROKEN}/stderr.log"));
            assert_eq!(log, "scripted worker: this is the end\n");
        }
    }
}

#[test]
fn what_was_measured_before_a_failure_is_kept() {
    let (lab, row, record) =
        fails("kind = 'kill', phase = 'train', after = 210", &["killed in train"]);
    assert_eq!(row["epochs"], "4");
    let p50: f64 = row["serve_latency_p50_s"].parse().unwrap();
    assert!((p50 / 1e-4 - 1.0).abs() < 0.05, "{p50}");
    assert_eq!(row["test_accuracy"], "");
    assert_eq!(lab.rows(&format!("runs/{BROKEN}/epochs.csv")).len(), 4);
    assert_eq!(record["epochs"], 4);
}

#[test]
fn a_worker_that_breaks_the_protocol_is_ended() {
    for (fault, says) in [
        (
            "kind = 'nonsense', phase = 'train', after = 3",
            &["protocol error in train", "not a message"][..],
        ),
        ("kind = 'sequence', phase = 'serve[1]', after = 3", &["protocol error", "was expected"]),
    ] {
        fails(fault, says);
    }
}

/// A worker that says one thing that cannot be.
const LIAR: &str = r#"
import json, os, sys, time
job, lie = json.loads(sys.stdin.readline())["data"], sys.argv[1]
seq, begun = 0, time.monotonic_ns()
def say(kind, t_ns=None, **data):
    global seq
    t_ns = time.monotonic_ns() if t_ns is None else t_ns
    print(json.dumps({"seq": seq, "t_ns": t_ns, "event": {"type": kind, "data": data}}), flush=True)
    seq += 1
def steps(phase, items, **more):
    start = time.monotonic_ns()
    time.sleep(0.002)
    say("steps", phase=phase, items=items, start_ns=start, dur_ns=[1000000], **more)
end = {"stopped": False, "epochs": 0, "usage": {}}
say("hello", t_ns=0 if lie == "zero" else None, protocol=1, worker="liar", pid=os.getpid())
if lie == "at once":
    say("finished", **end, test_accuracy=0.99)
say("phase", phase="load", t_ns=begun + 10**18 * 3 if lie == "century" else None)
if lie == "name":
    say("metric", name="memory.peak", value=1)
say("phase", phase="serve[1]")
steps("serve[1]", 4096 if lie == "serve" else 1, **({"wait_ns": [2**64 - 1]} if lie == "wait" else {}))
for epoch in range(1, 6 if lie == "epochs" else 3):
    say("phase", phase="train")
    steps("train", 2**32 - 1 if lie == "train" else 64)
    say("epoch", epoch=epoch, samples=64, train_loss=0.5)
say("phase", phase="test")
if lie == "kibibytes":
    time.sleep(1)
mark = int(open("/proc/self/status").read().split("VmHWM:")[1].split()[0])
usage = {
    "nothing": {"vm_hwm_bytes": mark * 1024, "cpu_ns": time.process_time_ns()},
    "cpu": {"cpu_ns": 2**64 - 1}, "memory": {"vm_hwm_bytes": 2**64 - 1}, "busy": {"cpu_ns": time.process_time_ns() + 2 * 10**9},
    "grown": {"vm_hwm_bytes": 10**9}, "kibibytes": {"vm_hwm_bytes": mark},
}.get(lie, {})
say("finished", **{**end, "epochs": 2, "usage": usage}, test_accuracy=0.9)
"#;

#[test]
fn a_worker_that_says_what_cannot_be_is_named_with_the_message() {
    for (lie, says) in [
        ("nothing", None),
        ("zero", Some("in message 0: a message ")),
        ("century", Some("in message 1: t_ns is ")),
        ("at once", Some("in message 1: `finished` after 0 of 2 epochs")),
        ("name", Some("in message 2: a metric named `memory.peak`")),
        ("serve", Some("in message 3: steps of 4096 samples in phase serve[1]")),
        ("wait", Some("in message 3: requests scheduled ")),
        ("train", Some("in message 5: steps of 4294967295 samples in phase train")),
        ("epochs", Some("in message 12: epoch 3 of a job of 2")),
        ("cpu", Some("cpu_ns of 18446744073709551615")),
        ("memory", Some("vm_hwm_bytes of 18446744073709551615")),
        ("grown", Some("last message: vm_hwm_bytes of 1000000000, where the kernel counted ")),
        ("kibibytes", Some(", where the sampler counted ")),
        ("busy", Some("cpu_ns of ")),
    ] {
        let lab = Lab::new(&format!(
            "name = \"t\"\n[worker]\ncommand = [\"python3\", \"liar.py\", \"{lie}\"]\n\
             [grid]\nmodel = \"one\"\ndataset = \"made-up\"\n[train]\nepochs = 2\n[serve]\nbatch_size = 1\n\
             [stop]\nenabled = false\n"
        ));
        std::fs::write(lab.path("liar.py"), LIAR).unwrap();
        let shown = lab.run(&[]).exits(if says.is_some() { 3 } else { 0 });
        let row = lab.report("one-made-up");
        let failure = &row["failure"];
        assert!(failure.contains(says.unwrap_or_default()), "{lie}: {failure}\n{shown:#?}");
        let peak = lab.figure("one-made-up", "run", "memory.peak");
        assert!(peak.is_none_or(|peak| peak < 5e8), "{lie}: {peak:?}");
    }
}

#[test]
fn a_worker_that_says_what_is_wrong_is_quoted() {
    let says = ["gave up in load", "data: row 3 of train.csv has 64 values, 65 were expected"];
    let (_, _, record) = fails("kind = 'report', phase = 'load'", &says);
    assert_eq!(record["failure"]["exit_code"], 1);
}

#[test]
fn a_silent_worker_is_ended_as_hung() {
    let (_, _, record) =
        fails("kind = 'hang', phase = 'train', after = 60", &["hung in train", "silent for 1 s"]);
    assert_eq!(record["failure"]["signal"], 15);
}

#[test]
fn a_loss_that_is_no_number_is_an_answer_and_no_failure() {
    let lab = lab("kind = 'nan', phase = 'train'");
    // Diverging ends a run only where runs may end early.
    let early =
        ["--set", "stop.enabled=true", "--set", "stop.min_time=1h", "--set", "stop.max_time=2h"];
    // However busy the machine is, it hears in time that it is to stop.
    let patient = ["--set", "worker.grace=1min", "--set", "worker.hang_timeout=1min"];
    let long = ["--set", "train.epochs=50000", "--only", "batch_size=64"];
    lab.run(&[&early[..], &patient, &long].concat()).exits(0);
    let row = lab.report(BROKEN);
    assert_eq!((&*row["status"], &*row["stop_reason"]), ("stopped", "diverged"));
    // Not a figure that could be taken for one.
    let loss = lab.figure(BROKEN, "run", "train_loss");
    assert!(loss.is_none_or(f64::is_nan), "{loss:?}");
}

#[test]
fn a_worker_that_goes_on_when_asked_to_stop_is_ended() {
    // It plays on for an hour of real time after it was asked; a tenth of a second is its grace.
    let lab = lab("kind = 'ignore_stop', phase = 'train'");
    let shown = lab
        .run(&[
            "--set",
            "worker.options.time=real",
            "--set",
            "train.epochs=72000",
            "--set",
            "stop.enabled=true",
            "--set",
            "stop.metrics=[\"train.throughput\"]",
            "--set",
            "stop.min_time=0.1s",
            "--set",
            "stop.within=50%",
            "--set",
            "stop.max_time=1s",
            "--set",
            "serve.enabled=false",
            "--only",
            "batch_size=64",
        ])
        .exits(3);
    let row = lab.report(BROKEN);
    assert!(
        row["failure"].contains("hung in ") && row["failure"].contains("asked to stop"),
        "{row:?}"
    );
    assert!(shown.stdout.contains("1 failed"), "{}", shown.stdout);
}

#[test]
fn a_worker_that_lingers_has_done_its_work() {
    let lab = lab("kind = 'linger', phase = 'test'");
    lab.run(&[]).exits(0);
    assert_eq!(lab.report(BROKEN)["status"], "completed");
    let warnings = lab.record(BROKEN)["warnings"].to_string();
    assert!(warnings.contains("did not exit after its last message"), "{warnings}");
}

#[test]
fn a_flood_of_standard_error_neither_blocks_nor_swells() {
    let lab = lab("kind = 'stderr_flood', phase = 'train'");
    lab.run(&[]).exits(0);
    assert_eq!(lab.report(BROKEN)["status"], "completed");
    // A megabyte at the beginning of each of five epochs: four are kept, and it is said that there was more.
    let log = lab.text(&format!("runs/{BROKEN}/stderr.log"));
    assert!(log.len() > 4_000_000 && log.len() < 4_300_000, "{}", log.len());
    assert_eq!(log.lines().last(), Some("[more is not kept, except the end]"));
}

#[test]
fn a_failed_run_is_run_again_by_resume_and_a_whole_one_is_not() {
    let (lab, ..) = fails("kind = 'exit', phase = 'train'", &["crashed in train"]);
    let before = lab.text(&format!("runs/{WHOLE}/events.jsonl"));
    let again = lab.run(&["--resume"]).exits(3);
    assert!(!again.stderr.contains(&format!("{WHOLE}: started")), "{}", again.stderr);
    assert!(again.stderr.contains(&format!("{BROKEN}: started")), "{}", again.stderr);
    assert_eq!(lab.text(&format!("runs/{WHOLE}/events.jsonl")), before);
    assert_eq!(lab.rows("report.csv").len(), 2);
}

#[test]
fn a_worker_that_does_not_read_a_long_job_is_ended() {
    let padding = "x".repeat(200_000);
    let lab = Lab::new(&format!(
        r#"
name = "t"
repeat = 1
[worker]
command = ["sleep", "100000"]
hang_timeout = "500ms"
grace = "100ms"
options = {{ padding = "{padding}" }}
[grid]
model = "one"
dataset = "made-up"
[serve]
enabled = false
"#
    ));
    lab.run(&[]).exits(3);
    let failure = lab.report("one-made-up")["failure"].clone();
    assert!(failure.contains("silent for 0.5 s"), "{failure}");
}

#[test]
fn a_system_that_gives_no_threads_is_told_of() {
    let lab = lab("kind = 'exit', phase = 'load'");
    let mut told = false;
    for mib in (20..60).step_by(2) {
        let limit = format!("ulimit -v {}; exec \"$0\" \"$@\"", mib * 1024);
        let below = ["sh", "-c", &limit];
        let shown = lab.perftune_below(&below, &["run", "grid.toml", "--fresh"]).output().unwrap();
        // Below some size the loader of the system ends it by a signal.
        assert!(matches!(shown.status.code(), None | Some(2 | 3 | 127)), "{mib}: {shown:?}");
        told |= String::from_utf8_lossy(&shown.stderr).contains("cannot start a thread");
    }
    assert!(told);
}
