//! `perftune replay`: what rules say of recordings, and what is said of recordings that are none.

use std::fs;
use std::io::Write;
use std::path::PathBuf;

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
    Perftune::new().args(
        ["replay"]
            .iter()
            .chain(args)
            .copied()
            .collect::<Vec<&'a str>>(),
    )
}

fn csv(args: &[&str]) -> Vec<Row> {
    let output = replay(&[args, &["--format", "csv"]].concat()).output();
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    rows(&String::from_utf8(output.stdout).unwrap())
}

fn every_rule() -> Vec<&'static str> {
    ALL_RULES
        .iter()
        .flat_map(|rule| ["--rule", *rule])
        .collect()
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
        replay(&[
            SERIES,
            "--format",
            "csv",
            "--rule",
            "perftune",
            "--rule",
            "oracle:within=2%"
        ])
        .run()
    );
    let args = [
        SERIES,
        "--metrics",
        "memory",
        "--format",
        "json",
        "--rule",
        "naive-t",
    ];
    insta::assert_snapshot!("document", replay(&args).run());
}

#[test]
fn how_a_file_is_packed_or_mixed_changes_nothing() {
    let text = fs::read_to_string(SERIES).unwrap();
    let mut plain = csv(&[&[SERIES], &every_rule()[..]].concat());
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packed.write_all(text.as_bytes()).unwrap();
    let (_folder, path) = file(&packed.finish().unwrap());
    assert_eq!(
        csv(&[&[path.to_str().unwrap()], &every_rule()[..]].concat()),
        plain
    );

    // Row after row in turn: the k-th rows of all series together.
    let mut lines: Vec<&str> = text.lines().skip(1).collect();
    let time = |line: &str| line.split(',').nth(3).unwrap().parse::<f64>().unwrap();
    lines.sort_by(|a, b| time(a).total_cmp(&time(b)));
    let mixed = format!("{}\n{}\n", text.lines().next().unwrap(), lines.join("\n"));
    let (_folder, path) = file(mixed.as_bytes());
    let mut found = csv(&[&[path.to_str().unwrap()], &every_rule()[..]].concat());
    let order = |row: &Row| {
        (
            row["series"].clone(),
            row["metric"].clone(),
            row["rule"].clone(),
        )
    };
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
    assert_eq!(
        csv(&[path.to_str().unwrap(), "--rule", "naive-t"]).len(),
        3000
    );

    let again = format!("series,t_s,value\n{apart}{}", one(7, 4));
    let run = shown(again.as_bytes(), &["--rule", "naive-t"]);
    assert!(run.starts_with("exit code: 2"), "{run}");
    assert!(
        run.contains("s.csv:9002: series `s7` comes again after 1024 others"),
        "{run}"
    );
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
        (
            "no metrics",
            b"series,t_s,value\na,1,2\na,2,2\n",
            &["--metrics", "cpu"],
        ),
        (
            "another metric",
            b"series,t_s,value,metric\na,1,2,x\na,2,2,x\n",
            &["--metrics", "cpu"],
        ),
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
