//! Axes of the user's own, from the grid file to the reports.

use std::fs;

use serde_json::Value;

use crate::support::Lab;

/// What would be more than a value to a shell, a spreadsheet, a terminal or a page.
const HOSTILE: &str = "=1+1;$(touch owned)\n\u{1b}[31m<b>'\"";

/// A command that writes what it is told and what is in its environment to a file of its run's name.
fn lab() -> Lab {
    let lab = Lab::new(
        r#"name = "t"
repeat = 1
[models.mine]
command = ["sh", "told.sh", "{run}", "{dropout}", "{schedule}"]
steps = false

[grid]
model = "mine"
dataset = "none"
dropout = [0, 0.25, 0.5]
schedule = ["=1+1;$(touch owned)\n\u001B[31m<b>'\"", "plain"]
env.OMP_NUM_THREADS = [1, 2]

[[exclude]]
dropout = [0.25, 0.5]
schedule = "plain"

[[override]]
match = { dropout = 0.5, env.OMP_NUM_THREADS = 2 }
stop.max_run_time = "77s"
"#,
    );
    let told = "printf '%s|%s|%s' \"$2\" \"$3\" \"$OMP_NUM_THREADS\" > \"$1.told\"\n";
    fs::write(lab.path("told.sh"), told).unwrap();
    lab
}

const NAME: &str =
    "mine-none-dropout_0.5-schedule__1_1___touch_owned____31m_b___-env.OMP_NUM_THREADS_2";

#[test]
fn own_axes_reach_the_command_as_they_are_and_are_columns_of_all_reports() {
    let lab = lab();
    let shown = lab.run(&[]).exits(0);
    assert!(!shown.stdout.contains('\u{1b}'), "{}", shown.stdout);
    let rows = lab.rows("report.csv");
    assert_eq!(rows.len(), 8);
    for row in &rows {
        let told = fs::read_to_string(lab.path(&format!("{}.told", row["run"]))).unwrap();
        let schedule = if row["schedule"] == "plain" { "plain" } else { HOSTILE };
        let (dropout, threads) = (&row["dropout"], &row["env.OMP_NUM_THREADS"]);
        assert_eq!(told, format!("{dropout}|{schedule}|{threads}"));
    }
    assert!(rows.iter().any(|row| row["run"] == NAME));
    assert!(!lab.path("owned").exists());
    // A spreadsheet takes it for no formula.
    assert!(lab.text("report.csv").contains("\"'=1+1;"), "{}", lab.text("report.csv"));
    let job = lab.record(NAME)["job"].clone();
    assert_eq!(
        job["axes"],
        serde_json::json!({"dropout": 0.5, "schedule": HOSTILE, "env.OMP_NUM_THREADS": 2})
    );

    // The reports know of them without the grid file, in the order of the file.
    fs::remove_file(lab.path("grid.toml")).unwrap();
    fs::remove_file(lab.file("report.csv")).unwrap();
    let table = lab.call(&["report", "results/t"]).exits(0).stdout;
    let heads = ["dropout", "schedule", "OMP_NUM_THREADS"].map(|head| table.find(head).unwrap());
    assert!(heads.is_sorted(), "{table}");
    assert!(!table.contains('\u{1b}'), "{table}");
    let page = lab.text("report.html");
    assert!(page.contains("dropout") && !page.contains("<b>'") && !page.contains('\u{1b}'));
    let json = lab.call(&["report", "results/t", "--format", "json"]).exits(0).stdout;
    let json: Value = serde_json::from_str(&json).unwrap();
    let run = json["runs"].as_array().unwrap().iter().find(|run| run["run"] == NAME).unwrap();
    assert_eq!(run["settings"]["dropout"], 0.5);
    assert_eq!(run["settings"]["env.OMP_NUM_THREADS"], 2);
    let markdown = lab.call(&["report", "results/t", "--format", "markdown"]).exits(0).stdout;
    assert!(markdown.contains("dropout") && !markdown.contains('\u{1b}'), "{markdown}");
}

#[test]
fn own_axes_are_chosen_set_planned_and_resumed_like_any_other() {
    let lab = lab();
    let some = ["--only", "dropout=0.50,0", "--only", "env.OMP_NUM_THREADS=2"];
    let plan = lab.run(&[&some[..], &["--dry-run", "--format", "json"]].concat()).exits(0).stdout;
    let plan: Value = serde_json::from_str(&plan).unwrap();
    let runs = plan["plan"].as_array().unwrap();
    assert_eq!(runs.len(), 3);
    assert_eq!(runs[2]["run"], NAME);
    assert_eq!(
        (&runs[2]["settings"]["dropout"], &runs[2]["settings"]["schedule"]),
        (&0.5.into(), &HOSTILE.into())
    );
    assert_eq!(runs[2]["settings"]["stop.max_run_time_s"], 77.0);
    let table = lab.run(&[&some[..], &["--dry-run"]].concat()).exits(0).stdout;
    assert!(!table.contains('\u{1b}'), "{table}");

    let set = ["--set", "grid.dropout=0.5", "--set", "grid.env.OMP_NUM_THREADS=2"];
    lab.run(&[&set[..], &["--set", "grid.schedule=plain", "--set", "exclude=[]"]].concat())
        .exits(0);
    let rows = lab.rows("report.csv");
    assert_eq!(rows.len(), 1);
    // What they were set to stays in the names, so that the runs of several calls can be put together.
    assert_eq!(rows[0]["run"], "mine-none-dropout_0.5-schedule_plain-env.OMP_NUM_THREADS_2");
    assert_eq!((&*rows[0]["dropout"], &*rows[0]["env.OMP_NUM_THREADS"]), ("0.5", "2"));

    let again = [&set[..], &["--set", "grid.schedule=plain", "--set", "exclude=[]", "--resume"]];
    let told = lab.path(&format!("{}.told", rows[0]["run"]));
    fs::remove_file(&told).unwrap();
    lab.run(&again.concat()).exits(0);
    assert!(!told.exists(), "the run was there");
    // Nor is it another run since an axis is called something else.
    let grid = fs::read_to_string(lab.path("grid.toml")).unwrap();
    fs::write(lab.path("grid.toml"), format!("{grid}[axes.dropout]\nlabel = 'drop'\n")).unwrap();
    lab.run(&again.concat()).exits(0);
    assert!(!told.exists(), "the run was there");
    assert!(lab.run(&["--only", "dropuot=1"]).exits(2).stderr.contains("did you mean `dropout`?"));
    let none = lab.run(&["--only", "dropout=none"]).exits(2).stderr;
    assert!(none.contains("the values there are: 0, 0.25, 0.5"), "{none}");
}

#[test]
fn the_gate_compares_no_cells_that_differ_in_an_own_axis_unless_it_is_what_is_tested() {
    let lab = lab();
    let one =
        ["--only", "dropout=0", "--only", "schedule=plain", "--only", "env.OMP_NUM_THREADS=1"];
    let run = |value: &str, out: &str| {
        let grid = fs::read_to_string(lab.path("grid.toml")).unwrap();
        let grid = grid.replace("[0, 0.25, 0.5]", value).replace("[0.25, 0.5]", "0.75");
        fs::write(lab.path("one.toml"), grid.replace("match = { dropout = 0.5,", "match = {"))
            .unwrap();
        let args = [&["run", "one.toml", "--repeat", "3", "--out", out], &one[2..]].concat();
        lab.call(&args).exits(0);
    };
    run("0", "a");
    run("0.125", "b");
    let shown = lab.call(&["check", "a", "b"]);
    let all = format!("{}{}", shown.stdout, shown.stderr);
    assert!(all.contains("dropout is `0` and `0.125`"), "{all}");
    // The gate may stand beside the grid, or alone.
    let grid = fs::read_to_string(lab.path("one.toml")).unwrap();
    for beside in [&*grid, ""] {
        let gate = format!("{beside}[gate]\nsubject = ['dropout']\n");
        fs::write(lab.path("gate.toml"), gate).unwrap();
        let shown = lab.call(&["check", "a", "b", "--gate", "gate.toml"]);
        let all = format!("{}{}", shown.stdout, shown.stderr);
        assert!(
            all.contains("different settings: dropout is") && !all.contains("not compared"),
            "{all}"
        );
    }
    fs::write(lab.path("gate.toml"), "[gate]\nsubject = ['dropot', 'libtroch']\n").unwrap();
    let typo = lab.call(&["check", "a", "b", "--gate", "gate.toml"]).exits(2).stderr;
    assert!(typo.contains("did you mean `libtorch`?") && !typo.contains("dropot\""), "{typo}");

    // What differs may be anything; nobody is commanded by it.
    run(r#""=1+1;$(touch owned)\n\u001B[31m<b>'\"""#, "c");
    for format in ["text", "junit", "markdown", "github", "json"] {
        let said = lab.call(&["check", "a", "c", "--any-machine", "--format", format]);
        assert!(!said.stdout.contains('\u{1b}') && !said.stderr.contains('\u{1b}'), "{said:?}");
        let has_notes = ["text", "markdown", "json"].contains(&format);
        let flat = said.stdout.replace("\n  ", " ");
        assert!(flat.contains("touch owned") || !has_notes, "{said:?}");
    }
}

#[test]
fn the_example_sweeps_a_momentum_of_some_cells_and_the_environment_of_all() {
    let lab = Lab::new("");
    for file in ["own-axes.toml", "fit_line.py"] {
        let example = format!("{}/configs/{file}", env!("CARGO_MANIFEST_DIR"));
        fs::copy(example, lab.path(file)).unwrap();
    }
    let args =
        ["run", "own-axes.toml", "--out", "results/t", "--only", "noise=0.01", "--repeat", "1"];
    let table = lab.call(&args).exits(0).stdout;
    assert!(["momentum", "PYTHONMALLOC"].iter().all(|head| table.contains(head)), "{table}");
    let rows = lab.rows("report.csv");
    let mut found: Vec<_> = rows
        .iter()
        .map(|row| (&*row["run"], &*row["momentum"], &*row["env.PYTHONMALLOC"]))
        .collect();
    found.sort_unstable();
    let name = "line-points";
    assert_eq!(found.len(), 6);
    assert_eq!(found[0].0, format!("{name}-adam-noise_0.01-env.PYTHONMALLOC_malloc"));
    assert_eq!((found[0].1, found[0].2), ("", "malloc"));
    assert_eq!(found[5].0, format!("{name}-sgd-noise_0.01-env.PYTHONMALLOC_pymalloc-momentum_0.9"));
    assert_eq!((found[5].1, found[5].2), ("0.9", "pymalloc"));
    // What a cell does not have is not in its command either.
    let words = |run: &str| lab.record(run)["job"]["command"]["words"].to_string();
    assert!(
        !words(found[0].0).contains("momentum") && words(found[5].0).contains("--momentum=0.9")
    );
    let close = |run: &str| lab.figure(run, "run", "distance").unwrap();
    assert!(close(found[5].0) < 0.1, "{}", close(found[5].0));
}

#[test]
fn a_variable_of_the_environment_is_there_before_a_worker_of_perftune_starts() {
    let lab = Lab::new(
        "name = \"t\"\n[worker]\nprogram = \"scripted\"\n[worker.options]\nstep_us = 100\n[grid]\nmodel = \"m\"\n\
         dataset = \"none\"\nenv.LD_DEBUG = [\"statistics\", \"\"]\n[train]\nepochs = 1\n[serve]\nenabled = false\n",
    );
    lab.run(&[]).exits(0);
    let said = |run: &str| lab.text(&format!("runs/{run}/stderr.log")).contains("runtime linker");
    assert!(said("m-none-env.LD_DEBUG_statistics"));
    assert!(!said("m-none-env.LD_DEBUG_"));
}

#[test]
fn a_foreign_worker_is_told_its_axes_and_finds_its_variables() {
    let lab = Lab::new(
        r#"name = "t"
repeat = 1
[worker]
command = ["sh", "worker.sh"]

[axes.dropout]
from = 0
to = 0.5
steps = 2
label = "drop"
unit = "share"

[grid]
model = "m"
dataset = "none"
env.OMP_NUM_THREADS = [3, 5]
env.LABEL = "a b"
"#,
    );
    let says = "read -r job\nprintf '%s' \"$job\" > \"job-$OMP_NUM_THREADS\"\nprintf '%s' \"$LABEL\" > label\n";
    fs::write(lab.path("worker.sh"), says).unwrap();
    // It speaks no protocol, so its runs fail; what it was told is all that matters here.
    lab.run(&[]).exits(3);
    let job: Value = serde_json::from_str(&fs::read_to_string(lab.path("job-5")).unwrap()).unwrap();
    let told = serde_json::json!({"env.OMP_NUM_THREADS": 5, "env.LABEL": "a b", "dropout": 0.5});
    assert_eq!(job["data"]["axes"], told);
    assert_eq!(fs::read_to_string(lab.path("label")).unwrap(), "a b");
    let row = lab.report("m-none-env.OMP_NUM_THREADS_5-dropout_0.5");
    assert_eq!(row["dropout"], "0.5");

    // What an axis is called is no setting: the runs are those of before, and are called so from now on.
    let table = lab.call(&["report", "results/t"]).exits(0).stdout;
    let heads: Vec<&str> = table.lines().take(2).collect();
    assert!(table.contains("drop") && table.contains("share"), "{heads:?}");
}
