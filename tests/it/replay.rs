//! `perftune replay`: what rules say of recordings, and what is said of recordings that are none.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use perftune::control::{Controller, RunContext, StopPolicy, Verdict};
use perftune::event::{Asked, StopReason};
use perftune::store::{Line, read_lines};

use crate::support::{Lab, Perftune, Row, rows};

/// Seven series of the project's own: steady, constant, noisy and drifting ones.
const SERIES: &str = "tests/recordings/series.csv";

const ALL_RULES: [&str; 8] = [
    "perftune",
    "naive-t",
    "perf-analyzer",
    "nvbench-stdrel",
    "benchmark-dotnet",
    "cov-last-k",
    "fixed",
    "oracle",
];

fn replay<'a>(args: &[&'a str]) -> Perftune {
    Perftune::new().args(["replay"].iter().chain(args).copied().collect::<Vec<&'a str>>())
}

fn csv(args: &[&str]) -> Vec<Row> {
    let output = replay(&[args, &["--format", "csv"]].concat()).output();
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    rows(&String::from_utf8(output.stdout).unwrap())
}

fn every_rule() -> Vec<&'static str> {
    ALL_RULES.iter().flat_map(|rule| ["--rule", *rule]).collect()
}

/// A file of a folder of its own.
fn file(text: &[u8]) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("s.csv");
    fs::write(&path, text).unwrap();
    (folder, path)
}

/// Everything a user sees, without the folder's name.
fn shown(text: &[u8], args: &[&str]) -> String {
    let (folder, path) = file(text);
    let run = replay(&[&[path.to_str().unwrap()], args].concat()).run();
    run.replace(&format!("{}/", folder.path().display()), "")
}

#[test]
fn every_rule_is_compared() {
    let run = replay(&[&[SERIES], &every_rule()[..]].concat()).run();
    assert!(run.lines().all(|line| line.chars().count() <= 80), "{run}");
    insta::assert_snapshot!(run);
}

#[test]
fn rows_and_documents_say_the_same() {
    insta::assert_snapshot!(
        "rows",
        replay(&[SERIES, "--format", "csv", "--rule", "perftune", "--rule", "oracle:within=2%"])
            .run()
    );
    let args = [SERIES, "--metrics", "memory", "--format", "json", "--rule", "naive-t"];
    insta::assert_snapshot!("document", replay(&args).run());
}

#[test]
fn how_a_file_is_packed_or_mixed_changes_nothing() {
    let text = fs::read_to_string(SERIES).unwrap();
    let mut plain = csv(&[&[SERIES], &every_rule()[..]].concat());
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packed.write_all(text.as_bytes()).unwrap();
    let (_folder, path) = file(&packed.finish().unwrap());
    assert_eq!(csv(&[&[path.to_str().unwrap()], &every_rule()[..]].concat()), plain);

    // Row after row in turn: the k-th rows of all series together.
    let mut lines: Vec<&str> = text.lines().skip(1).collect();
    let time = |line: &str| line.split(',').nth(3).unwrap().parse::<f64>().unwrap();
    lines.sort_by(|a, b| time(a).total_cmp(&time(b)));
    let mixed = format!("{}\n{}\n", text.lines().next().unwrap(), lines.join("\n"));
    let (_folder, path) = file(mixed.as_bytes());
    let mut found = csv(&[&[path.to_str().unwrap()], &every_rule()[..]].concat());
    let order = |row: &Row| (row["series"].clone(), row["metric"].clone(), row["rule"].clone());
    found.sort_by_key(order);
    plain.sort_by_key(order);
    assert_eq!(found, plain);
}

#[test]
fn more_series_than_can_be_followed_must_stand_together() {
    let one = |name: usize, from: u32| -> String {
        let rows = (from..from + 3).map(|t| format!("s{name},{t},5"));
        rows.collect::<Vec<_>>().join("\n") + "\n"
    };
    let apart: String = (0..3000).map(|name| one(name, 1)).collect();
    let (_folder, path) = file(format!("series,t_s,value\n{apart}").as_bytes());
    assert_eq!(csv(&[path.to_str().unwrap(), "--rule", "naive-t"]).len(), 3000);

    let again = format!("series,t_s,value\n{apart}{}", one(7, 4));
    let run = shown(again.as_bytes(), &["--rule", "naive-t"]);
    assert!(run.starts_with("exit code: 2"), "{run}");
    assert!(run.contains("s.csv:9002: series `s7` comes again after 1024 others"), "{run}");
}

#[test]
fn what_cannot_be_judged_is_named_and_the_rest_is_judged() {
    let good: Vec<_> = (1..=30).map(|t| format!("good,{t},7.5")).collect();
    let mut text = "series,t_s,value\n".to_owned();
    for line in [
        "alone,1,2",
        "nan,1,2",
        "nan,2,NaN",
        "nan,3,4",
        "inf,1,inf",
        "minus,1,1",
        "minus,2,-0.5",
        "twice,1,1",
        "twice,1,1",
        "back,5,1",
        "back,4,1",
        "word,1,x",
        "short,1",
        ",1,1",
        "early,-1,3",
    ] {
        text += line;
        text.push('\n');
    }
    insta::assert_snapshot!(
        "bad_rows",
        shown((text + &good.join("\n")).as_bytes(), &["--format", "csv"])
    );
}

#[test]
fn files_that_hold_no_series_are_refused() {
    let mut all = String::new();
    for (name, text, args) in [
        ("empty", &b""[..], &[][..]),
        ("header only", b"series,t_s,value\n", &[]),
        ("a column is missing", b"series,time,value\na,1,2\n", &[]),
        ("one row", b"series,t_s,value\na,1,2\n", &[]),
        ("not text", b"\xff\xfe\x00\x01", &[]),
        ("broken gzip", b"\x1f\x8b\x08\x00rubbish", &[]),
        ("no metrics", b"series,t_s,value\na,1,2\na,2,2\n", &["--metrics", "cpu"]),
        ("another metric", b"series,t_s,value,metric\na,1,2,x\na,2,2,x\n", &["--metrics", "cpu"]),
        ("unknown rule", b"", &["--rule", "perftun"]),
        ("unknown parameter", b"", &["--rule", "fixed:n=3,skp=2"]),
        ("wrong value", b"", &["--rule", "naive-t:within=5"]),
        ("twice", b"", &["--rule", "fixed", "--rule", "fixed:n=20"]),
        ("wrong precision", b"", &["--within", "0%"]),
    ] {
        all += "##### ";
        all += name;
        all += "\n";
        all += &shown(text, args);
    }
    let missing = replay(&["tests/recordings/no-such.csv"]).run();
    insta::assert_snapshot!("refused", format!("{all}##### missing\n{missing}"));
}

/// A horizon asks for more, and is told apart from what was seen.
#[test]
fn a_horizon_is_spoken_of() {
    let rows: Vec<_> = (1..=40).map(|i| format!("a,{i},{}", 100 + i % 3)).collect();
    let (_folder, path) = file(format!("series,t_s,value\n{}\n", rows.join("\n")).as_bytes());
    let stops = |horizon: &str| {
        let rows = csv(&[path.to_str().unwrap(), "--horizon", horizon]);
        let row = rows.into_iter().next().unwrap();
        (row["stop_t_s"].parse::<f64>().ok(), row["reason"].clone())
    };
    let (near, far) = (stops("10s"), stops("1h"));
    assert!(near.0.unwrap() < far.0.unwrap_or(f64::INFINITY), "{near:?} {far:?}");
    let (_, over) = stops("2s");
    assert!(over.contains("the horizon of 2.00 s is shorter than the "), "{over}");
    for wrong in ["0s", "soon"] {
        let output = replay(&[path.to_str().unwrap(), "--horizon", wrong]).output();
        assert_eq!(output.status.code(), Some(2), "{output:?}");
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(said.contains("--horizon must be a duration above 0 such as 1h"), "{said}");
    }
}

#[test]
fn a_reader_that_has_seen_enough_is_no_error() {
    let lab = Lab::new("");
    let series = |name: u32| -> String {
        let rows = (1..40).map(|t| format!("series number {name},{t},{}", 5 + t % 3));
        rows.collect::<Vec<_>>().join("\n") + "\n"
    };
    let text: String = (0..3000).map(series).collect();
    fs::write(lab.path("s.csv"), format!("series,t_s,value\n{text}")).unwrap();
    let mut command = lab.perftune(&["replay", "s.csv", "--format", "csv", "--rule", "fixed"]);
    let mut child = command.spawn().unwrap();
    drop(child.stdout.take());
    let status = child.wait().unwrap();
    assert_eq!(status.code(), Some(0));
}

/// A run of the scripted worker of some seconds, recorded with `--full`.
const RESULTS: &str = "tests/recordings/results";

#[test]
fn a_results_folder_is_judged_stage_by_stage() {
    let rules = ["perftune", "perf-analyzer", "oracle:within=2%"];
    let rules: Vec<_> = rules.iter().flat_map(|rule| ["--rule", *rule]).collect();
    insta::assert_snapshot!("results_table", replay(&[&[RESULTS], &rules[..]].concat()).run());
    let args = [RESULTS, "--metrics", "throughput,memory.peak", "--format", "csv"];
    insta::assert_snapshot!("results_rows", replay(&args).run());
    let both = csv(&[RESULTS, SERIES, "--rule", "naive-t"]);
    assert_eq!(both.len(), 9 + 7);
}

#[test]
fn folders_that_hold_no_results_are_refused() {
    let lab = Lab::new("");
    let all = |args: &[&str]| format!("{:#?}", lab.call(&[&["replay"], args].concat()).exits(2));
    fs::create_dir_all(lab.path("empty")).unwrap();
    assert!(
        all(&["empty"])
            .contains("empty is not a results folder of perftune: it has no manifest.json")
    );
    let whole = Path::new(env!("CARGO_MANIFEST_DIR")).join(RESULTS);
    let copy = lab.path("torn");
    let run = copy.join("runs/one-made-up");
    fs::create_dir_all(&run).unwrap();
    fs::copy(whole.join("manifest.json"), copy.join("manifest.json")).unwrap();
    assert!(all(&["torn"]).contains("one-made-up/events.jsonl"), "{}", all(&["torn"]));
    let log = fs::read_to_string(whole.join("runs/one-made-up/events.jsonl")).unwrap();
    fs::write(run.join("events.jsonl"), log.replacen("\"kind\":\"sample\"", "\"kind\":3", 1))
        .unwrap();
    assert!(all(&["torn"]).contains("events.jsonl is damaged at line"));
    assert!(all(&["torn", "--metrics", "throughputt"]).contains("did you mean `throughput`?"));
    // A run that was killed has a torn last line and no end: what there is, is judged.
    fs::write(run.join("events.jsonl"), &log[..log.len() / 2]).unwrap();
    let half = lab.call(&["replay", "torn"]).exits(0);
    assert!(half.stderr.contains("note: one-made-up did not end"), "{half:#?}");
    assert!(half.stdout.contains("perftune"), "{half:#?}");
}

/// What the controller asked for in the run, as it is in its log; and what it asks for when the log is fed to it.
fn asked_then_and_now(folder: &Path, cores: f64) -> [Vec<(usize, Asked)>; 2] {
    let lines: Vec<Line> = read_lines(folder).unwrap().map(Result::unwrap).collect();
    let Line::Started { job, stop, t_ns, .. } = &lines[0] else {
        panic!("{:?}", lines[0]);
    };
    let policy: StopPolicy = serde_json::from_value(stop.clone()).unwrap();
    let cores = cores.min(f64::from(job.threads));
    let context = RunContext::of_job(job, cores, BTreeMap::default(), *t_ns);
    let mut controller = Controller::new(policy, context);
    let (mut then, mut now) = (Vec::new(), Vec::new());
    for (at, line) in lines.iter().enumerate() {
        let verdict = match line {
            Line::Worker(envelope) => controller.on_worker(envelope),
            Line::Sample(sample) => controller.on_sample(sample),
            Line::Asked { what, .. } => {
                // It stands right after the message that it followed from.
                then.push((at - 1, what.clone()));
                continue;
            }
            _ => continue,
        };
        match verdict {
            Verdict::Continue => {}
            Verdict::Advance { phase, why } => now.push((at, Asked::Leave { phase, why })),
            Verdict::Confirm(stop) => now.push((at, Asked::Confirm { stop })),
            Verdict::Stop(stop) => now.push((at, Asked::Stop { stop })),
        }
    }
    [then, now]
}

/// Steps that are really spent, so that ticks and steps interleave as they do in earnest.
const LIVE: &str = r#"
name = "t"
repeat = 1
[worker]
program = "scripted"
options = { steps_per_epoch = 100, time = "real", step_us = 3000.0, request_us = 500.0, spread = 0.05 }
[grid]
model = "one"
dataset = "made-up"
batch_size = 16
[train]
epochs = 100
[serve]
batch_size = [8]
max_time = "5s"
[stop]
metrics = ["throughput", "step_latency", "cpu", "memory.rss_mean"]
within = "20%"
min_time = "0.3s"
max_time = "6s"
"#;

#[test]
fn a_recording_replays_to_the_very_stops_of_the_run() {
    let lab = Lab::new(LIVE);
    lab.run(&[]).exits(0);
    let manifest: serde_json::Value = serde_json::from_str(&lab.text("manifest.json")).unwrap();
    let cores = manifest["machine"]["usable_cores"].as_f64().unwrap();
    let [then, now] = asked_then_and_now(&lab.file("runs/one-made-up"), cores);
    // On a machine that is very busy the serve phase may use its time up.
    let (_, last) = then.last().unwrap();
    let Asked::Stop { stop } = last else { panic!("{then:#?}") };
    assert_eq!(now, then);

    // The command line says that no metric of a stage was known later than the stage was left.
    let shown = lab.call(&["replay", "results/t", "--format", "csv"]).exits(0);
    assert!(shown.stderr.contains("1 of 1 runs of results/t ended a stage early"), "{shown:#?}");
    let all_known = then.len() == 2 && stop.reason == StopReason::Known;
    for row in rows(&shown.stdout) {
        assert_eq!(row["rule"], "perftune");
        assert!(row["stopped"] == "true" || !all_known, "{row:#?}");
        // A serve phase that has used its time up has come to its own end.
        let left = then.len() == 2 || row["series"].ends_with("/train");
        let said = row["reason"].ends_with("so its whole is what it had by then");
        assert_eq!(said, left, "{row:#?}");
    }
}
