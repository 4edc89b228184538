//! What each setting buys, of folders as users make them.

use std::fmt::Write as _;
use std::fs;

use serde_json::Value;

use crate::support::{Lab, Row, rows};

/// The text on one line.
fn flat(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Time and memory of 12 cells in three seeds: a wide one takes half as long, the kind does nothing, and a deep one takes twice the memory
/// where it is wide.
fn table() -> String {
    let mut text =
        "wide,deep,kind,command.time@0,command.time@1,command.time@2,memory.peak\n".to_owned();
    for at in 0..12_u32 {
        let (wide, deep, kind) = (at % 2, at / 2 % 3, at / 6);
        let time = if wide == 1 { 2.0 } else { 4.0 };
        let seed = |k: u32| time * (1.0 + f64::from((at * 7 + k * 5) % 11) / 500.0);
        let memory = 1e6 * if wide == 1 { f64::from(1 + deep) } else { 1.0 };
        let kind = ["a", "b"][kind as usize];
        let deep = [1, 2, 4][deep as usize];
        let _ = writeln!(text, "{wide},{deep},{kind},{},{},{},{memory}", seed(0), seed(1), seed(2));
    }
    text
}

const GRID: &str = r#"
name = "t"
repeat = 3
[models.old]
recorded = "table.csv"
[grid]
model = "old"
[objectives]
minimize = ["command.time", "memory.peak"]
"#;

fn lab() -> Lab {
    let lab = Lab::new(GRID);
    fs::write(lab.path("table.csv"), table()).unwrap();
    lab.run(&[]).exits(0);
    lab
}

fn effect<'r>(rows: &'r [Row], axis: &str, to: &str, metric: &str) -> &'r Row {
    let of = |row: &&Row| row["axis"] == axis && row["to"] == to && row["metric"] == metric;
    rows.iter().filter(|row| row["by_axis"].is_empty()).find(of).unwrap()
}

#[test]
fn the_axes_of_a_recorded_table_are_told() {
    let lab = lab();
    let shown = lab.call(&["report", "results/t", "--effects"]).exits(0);
    insta::assert_snapshot!("effects_of_a_recorded_table", shown.stdout);
    assert!(shown.stdout.lines().all(|line| line.chars().count() <= 80), "{}", shown.stdout);
    let csv = lab.call(&["report", "results/t", "--effects", "--format", "csv"]).exits(0);
    let rows = rows(&csv.stdout);
    let wide = effect(&rows, "wide", "1", "command.time");
    assert_eq!((&*wide["matters"], &*wide["measure"], &*wide["sets"]), ("true", "ratio", "6"));
    assert!((wide["estimate"].parse::<f64>().unwrap() + 0.5).abs() < 0.02, "{wide:?}");
    assert_eq!(effect(&rows, "kind", "b", "command.time")["matters"], "false");
    let both = rows.iter().find(|row| row["by_axis"] == "deep").unwrap();
    assert_eq!((&*both["axis"], &*both["metric"]), ("wide", "memory.peak"));
    let json = lab.call(&["report", "results/t", "--effects", "--format", "json"]).exits(0);
    let document: Value = serde_json::from_str(&json.stdout).unwrap();
    assert_eq!(document["effects"]["modelled"], false);
    assert_eq!(document["effects"]["cells"]["measured"], 12);
    assert_eq!(document["runs"].as_array().unwrap().len(), 36);
    let page = lab.text("report.html");
    assert!(page.contains("<h2>What each setting buys</h2>"));
    let markdown = lab.call(&["report", "results/t", "--effects", "--format", "markdown"]).exits(0);
    assert!(markdown.stdout.contains("## What each setting buys"), "{}", markdown.stdout);
    // Not asked for, it is no part of the document.
    let json = lab.call(&["report", "results/t", "--format", "json"]).exits(0);
    assert!(!json.stdout.contains("\"effects\""));
}

#[test]
fn the_values_of_a_command_are_told() {
    let lab = Lab::new(GRID);
    let script = "[ {n} = 2 ] && sleep 0.03; : {m}";
    let command = ["exec", "-L", "n=1,2", "-L", "m=x,y", "--repeat", "3", "--out", "swept", "--"];
    lab.call(&[&command[..], &["sh", "-c", script]].concat()).exits(0);
    let csv = lab.call(&["report", "swept", "--effects", "--format", "csv"]).exits(0);
    let rows = rows(&csv.stdout);
    let time = effect(&rows, "n", "2", "command.time");
    assert!(time["estimate"].parse::<f64>().unwrap() > 0.0, "{time:?}");
    assert_eq!((&*time["sets"], &*time["rests_on"]), ("2", "rounds"));
    let other = effect(&rows, "m", "y", "command.time");
    assert_eq!(&*other["from"], "x");
}

#[test]
fn where_there_is_nothing_to_tell_it_is_said() {
    let lab = lab();
    lab.call(&["exec", "--out", "one", "--", "true"]).exits(0);
    let failing = ["exec", "-L", "n=3,4", "--out", "failed", "--", "sh", "-c", "exit {n}"];
    lab.call(&failing).exits(3);
    fs::create_dir(lab.path("empty")).unwrap();
    for (folders, more, says) in [
        (&["one"][..], &[][..], "there is one cell: an effect is a difference between cells"),
        (&["failed"], &[], "no run ended by itself, so no effect can be estimated"),
        (&["empty"], &[], "empty is not a results folder of perftune"),
        (&["one", "failed"], &[], "--effects takes one results folder"),
        (&["results/t/runs"], &[], "is not a results folder of perftune"),
        (&["results/t"], &["--per-run"], "cannot be used with"),
    ] {
        let shown = lab.call(&[&["report", "--effects"], folders, more].concat()).exits(2);
        let said = flat(&shown.stderr);
        assert!(said.contains(says), "{says}: {said}");
        assert_eq!(shown.stdout, "");
    }
    // Without being asked for, they are no reason to fail.
    lab.call(&["report", "one"]).exits(0);
}
