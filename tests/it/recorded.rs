//! Tables of recorded figures in the place of runs: what a user sees of them.

use std::fs;

use serde_json::Value;

use crate::support::{Lab, Shown, rows};

/// Three seeds of 2 x 3 configurations; b = 3 needs more than the limit, one run failed, one figure is missing.
const TABLE: &str = "\
a,b,command.time@0,command.time@1,command.time@2,memory.peak@0,memory.peak@1,memory.peak@2
1,1,10,10.2,10.1,1e6,1e6,1e6
1,2,12,12.1,11.9,9e5,9e5,9e5
1,3,20,21,20,2e6,2e6,2e6
x,1,14,16,,1e6,1e6,
x,2,15,15,15.1,8e5,8e5,8e5
x,3,25,25,25,1e6,1e6,
";

const GRID: &str = r#"
name = "t"
[models.old]
recorded = "table.csv"
[grid]
model = "old"
[constraints]
"command.time" = "<= 18s"
[objectives]
minimize = ["command.time", "memory.peak"]
"#;

fn lab_of(table: &str, grid: &str) -> Lab {
    let lab = Lab::new(grid);
    fs::write(lab.path("table.csv"), table).unwrap();
    lab
}

fn lab() -> Lab {
    lab_of(TABLE, GRID)
}

/// What a user sees but for the closing line, which says how long it took.
fn seen(shown: &Shown) -> String {
    let shown = format!("{}----- stdout -----\n{}", shown.stderr, shown.stdout);
    shown.split("6 cells: ").next().unwrap().to_owned()
}

/// The text on one line.
fn flat(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn a_table_answers_in_the_place_of_runs() {
    let lab = lab();
    let shown = lab.run(&[]).exits(3);
    insta::assert_snapshot!("recorded_run", seen(&shown));
    assert!(flat(&shown.stdout).contains("; 14 recorded in table.csv, not measured here; "));
    let runs = lab.rows("report.csv");
    assert!(
        runs.iter()
            .all(|run| run["stop_detail"].contains("table.csv") || run["status"] == "failed")
    );
    let record = lab.record("old-a_1-b_2-r2");
    assert_eq!(record["job"]["work"], "recorded");
    assert_eq!(record["job"]["recorded"]["table"], "table.csv");
    assert_eq!(
        record["stop"]["detail"],
        serde_json::json!({"end": "recorded", "table": "table.csv", "seed": 2})
    );
    assert_eq!(lab.figure("old-a_1-b_2-r2", "run", "command.time"), Some(11.9));
    assert_eq!(lab.figure("old-a_1-b_2", "run", "command.time"), Some(12.1));
    for row in lab.rows("metrics.csv") {
        assert!(row["note"].contains("recorded"), "{row:?}");
    }
    let manifest: Value = serde_json::from_str(&lab.text("manifest.json")).unwrap();
    let print = manifest["fingerprint"]["hard"]["recorded"].as_str().unwrap();
    assert!(print.starts_with("table.csv ("), "{print}");
    // The reports come from the records alone, and all is done.
    fs::remove_file(lab.path("table.csv")).unwrap();
    let again = lab.call(&["report", "results/t"]);
    assert_eq!(again.stdout.split("6 cells").next(), shown.stdout.split("6 cells").next());
    fs::write(lab.path("table.csv"), TABLE).unwrap();
    assert!(!lab.run(&["--resume"]).exits(3).stderr.contains("started"));
    fs::write(lab.path("table.csv"), TABLE.replace("1,1,10,", "1,1,11,")).unwrap();
    assert!(lab.run(&["--resume"]).exits(2).stderr.contains("job.recorded.sha256"));
}

#[test]
fn a_plan_says_which_configurations_of_the_table_there_are() {
    let lab = lab();
    insta::assert_snapshot!("recorded_plan", lab.run(&["--dry-run"]).exits(0).stdout);
    let some = ["--dry-run", "--format", "json", "--only", "b=2"];
    let names = |args: &[&str]| -> Vec<String> {
        let plan: Value = serde_json::from_str(&lab.run(args).exits(0).stdout).unwrap();
        let runs = plan["plan"].as_array().unwrap();
        runs.iter().map(|run| run["run"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(names(&some), ["old-a_1-b_2", "old-a_x-b_2"]);
    // One value of an axis that is the table's own: the cells are the same ones.
    let some = ["--dry-run", "--format", "json", "--set", "grid.b=2"];
    assert_eq!(names(&some), ["old-a_1-b_2", "old-a_x-b_2"]);
    // A table that has not all combinations: what it lacks is left out, and told.
    let holes = TABLE.replace("x,2,15,15,15.1,8e5,8e5,8e5\n", "");
    fs::write(lab.path("table.csv"), holes).unwrap();
    let shown = lab.run(&["--dry-run"]).exits(0);
    let says = "not in the table, and so left out: 1 of 6 cells, such as old-a_x-b_2";
    assert!(shown.stderr.contains(says) && shown.stdout.contains("t: 5 cells"), "{shown:#?}");
    // What the grid asks for and the table cannot say.
    let unsaid =
        ["--dry-run", "--set", "constraints.cpu.time=<= 1s", "--set", "stop.metrics=faults.major"];
    let says = flat(&lab.run(&unsaid).exits(0).stderr);
    assert!(says.contains("`cpu.time` is limited, and table.csv has no such figure"), "{says}");
    assert!(says.contains("`faults.major` is waited for, and table.csv has no such"), "{says}");
    assert!(!lab.path("results").exists());
}

#[test]
fn the_budget_counts_what_the_runs_took_when_they_were_recorded() {
    let lab = lab();
    let shown = lab.run(&["--budget", "60s", "--repeat", "1"]).exits(0);
    let runs = lab.rows("report.csv");
    let spent: f64 = runs.iter().map(|run| run["wall_s"].parse::<f64>().unwrap()).sum();
    assert!((spent - 60.0).abs() < 1e-9, "{spent}: {}", shown.stderr);
    let cancelled = runs.iter().filter(|run| run["status"] == "cancelled").count();
    assert_eq!(cancelled, 1, "{}", shown.stderr);
    assert!(flat(&shown.stdout).contains("the budget has run out"), "{}", shown.stdout);
    let said = runs.iter().find(|run| run["status"] == "cancelled").unwrap();
    assert_eq!(
        (&*said["verdict"], &*said["verdict_reason"]),
        ("undecided", "the run was cancelled")
    );
    lab.run(&["--repeat", "1", "--resume"]).exits(0);
    assert_eq!(lab.rows("report.csv").len(), 6);
    assert!(lab.rows("report.csv").iter().all(|run| run["status"] == "completed"));
    // Nothing was over in time.
    let short = lab.run(&["--budget", "5s", "--fresh"]).exits(2);
    assert!(short.stderr.contains("before the first run was over"), "{}", short.stderr);
}

#[test]
fn a_result_of_a_table_is_compared_with_those_of_the_same_table_only() {
    let lab = lab();
    lab.run(&["--repeat", "3"]).exits(3);
    lab.run(&["--repeat", "3", "--out", "results/again"]).exits(3);
    let same = lab.call(&["check", "results/t", "results/again"]);
    assert!(!flat(&same.stdout).contains("not compared"), "{same:#?}");
    fs::write(lab.path("table.csv"), TABLE.replace("1,1,10,", "1,1,11,")).unwrap();
    lab.run(&["--repeat", "3", "--out", "results/other"]).exits(3);
    let other = lab.call(&["check", "results/t", "results/other"]).exits(4);
    let says = flat(&format!("{}{}", other.stdout, other.stderr));
    assert!(says.contains("recorded"), "{other:#?}");
}

#[test]
fn what_cannot_be_looked_up_is_said_before_anything_is_written() {
    let with = |from: &str, to: &str| GRID.replace(from, to);
    let cases = [
        ("missing", TABLE.to_owned(), with("table.csv", "tabel.csv")),
        ("ragged", TABLE.to_owned() + "x,4,1\n", GRID.to_owned()),
        ("twice", TABLE.to_owned() + "1.0,2,1,1,1,1,1,1\n", GRID.to_owned()),
        ("seeds", TABLE.replace("memory.peak@2", "memory.peak@3"), GRID.to_owned()),
        ("column", TABLE.replace("a,b,", "status,b,"), GRID.to_owned()),
        ("value", TABLE.to_owned(), with("model = \"old\"", "model = \"old\"\na = [1, \"y\"]")),
        (
            "axis",
            TABLE.to_owned(),
            with("model = \"old\"", "model = \"old\"\nbatch_size = [8, 16]"),
        ),
        ("repeat", TABLE.to_owned(), with("name = \"t\"", "name = \"t\"\nrepeat = 4")),
        ("cost", TABLE.to_owned(), with("[grid]", "cost = \"memory.peek\"\n[grid]")),
        ("of", TABLE.to_owned(), with("[grid]", "of = \"mlp\"\n[grid]")),
        ("both", TABLE.to_owned(), with("[grid]", "command = [\"true\"]\n[grid]")),
        ("folder", TABLE.to_owned(), with("table.csv", ".")),
        (
            "none",
            TABLE.to_owned(),
            with(
                "model = \"old\"",
                "model = \"old\"\na = [\"x\"]\nb = 3\n[[exclude]]\nb = 3\n[[include]]\nmodel = \"old\"\na = \"x\"\nb = 4",
            ),
        ),
    ];
    let mut all = String::new();
    for (name, table, grid) in cases {
        let lab = lab_of(&table, &grid);
        let shown = lab.run(&[]).exits(2);
        assert_eq!(lab.files(), ["grid.toml", "table.csv"], "{name}");
        let folder = lab.path("").display().to_string();
        let said = shown.stderr.replace(&folder, "FOLDER/");
        all += &["##### ", name, "\n", &said, "\n"].concat();
    }
    insta::assert_snapshot!("recorded_refused", all);
}

#[test]
fn tables_beside_each_other_have_axes_of_their_own() {
    let grid = r#"
name = "t"
repeat = 1
[models.old]
recorded = "table.csv"
[models.other]
recorded = "other.csv"
of = "second"
[grid]
model = ["old", "other"]
"#;
    let lab = lab_of(TABLE, grid);
    let other = "model,c,ratio@0\nfirst,1,0.5\nsecond,1,0.25\nsecond,\"=1+1;\u{1b}[31m\",0.75\n";
    fs::write(lab.path("other.csv"), other).unwrap();
    let shown = lab.run(&[]).exits(0);
    assert!(!(shown.stdout.clone() + &shown.stderr).contains('\u{1b}'), "{shown:#?}");
    let runs = lab.rows("report.csv");
    let names: Vec<&str> = runs.iter().map(|row| &*row["run"]).collect();
    assert_eq!(names.len(), 8, "{names:?}");
    assert!(names.contains(&"other-c_1") && names.contains(&"old-a_x-b_3"), "{names:?}");
    assert_eq!(lab.figure("other-c_1", "run", "ratio"), Some(0.25));
    // A spreadsheet takes it for no formula.
    assert!(lab.text("report.csv").contains(",'=1+1;"), "{}", lab.text("report.csv"));
    assert!(!lab.text("report.html").contains('\u{1b}'));
}

/// Six runs of a worker that plays a script.
const PLAYED: &str = r#"
name = "t"
repeat = 3
[worker]
program = "scripted"
options = { steps_per_epoch = 50, run_spread = 0.2 }
[grid]
model = "one"
dataset = "made-up"
batch_size = [16, 32]
[train]
epochs = 2
[serve]
max_time = "100ms"
"#;

#[test]
fn a_results_folder_is_a_table_whose_runs_are_the_visits() {
    let lab = Lab::new(PLAYED);
    lab.run(&[]).exits(0);
    let grid =
        "name = \"again\"\n[models.paid]\nrecorded = \"results/t\"\n[grid]\nmodel = \"paid\"\n";
    fs::write(lab.path("again.toml"), grid).unwrap();
    let shown = lab.call(&["run", "again.toml", "--repeat", "3"]).exits(0);
    let again = fs::read_to_string(lab.path("results/again/metrics.csv")).unwrap();
    let figures = |text: &str, model: &str| -> Vec<[String; 4]> {
        let known = rows(text).into_iter().filter(|row| !row["estimate"].is_empty());
        let mut all: Vec<_> = known
            .map(|row| {
                ["run", "phase", "metric", "estimate"].map(|key| row[key].replacen(model, "m", 1))
            })
            .collect();
        all.sort();
        all
    };
    let (first, second) = (figures(&lab.text("metrics.csv"), "one"), figures(&again, "paid"));
    assert!(first.len() > 100, "{first:?}");
    assert_eq!(first, second);
    let heads = shown.stdout.lines().next().unwrap();
    assert!(heads.contains("train") && heads.contains("serve"), "{heads}");
    // As long as they took then, and no more often than they were run.
    let report = fs::read_to_string(lab.path("results/again/report.csv")).unwrap();
    let times = |text: &str| -> f64 {
        rows(text).iter().map(|r| r["wall_s"].parse::<f64>().unwrap()).sum()
    };
    assert!((times(&report) - times(&lab.text("report.csv"))).abs() < 1e-9);
    let more = lab.call(&["run", "again.toml", "--repeat", "4", "--fresh"]).exits(2);
    assert!(more.stderr.contains("the table has 3 runs of"), "{}", more.stderr);
    // A damaged one is none.
    fs::write(lab.file("manifest.json"), "{").unwrap();
    lab.call(&["run", "again.toml", "--fresh"]).exits(2);
}
