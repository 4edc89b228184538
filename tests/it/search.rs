//! A search among the cells of a grid, played on a table: what a user sees of it.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use perftune::control::{Controller, RunContext, StopPolicy, Verdict};
use perftune::store::{Line, read_lines};
use serde_json::Value;

use crate::support::Lab;

/// 10 x 10 x 3 configurations, three seeds that differ by some percent: the time is least at width 6 and depth 4 of kind `b`,
/// memory grows with both.
fn table() -> String {
    let mut text =
        "wide,deep,kind,command.time@0,command.time@1,command.time@2,memory.peak\n".to_owned();
    for at in 0..300u32 {
        let (width, depth, kind) = (at % 10, at / 10 % 10, at / 100);
        let off = f64::from(width.abs_diff(6).pow(2) + depth.abs_diff(4).pow(2));
        let time = [3.0, 2.0, 4.0][kind as usize] * (1.0 + off / 20.0);
        let seed = |k: u32| time * (1.0 + f64::from((at * 7 + k * 5) % 11) / 300.0);
        let memory = 1e6 * f64::from(1 + width + depth);
        let name = ["a", "b", "c"][kind as usize];
        let _ =
            writeln!(text, "{width},{depth},{name},{},{},{},{memory}", seed(0), seed(1), seed(2));
    }
    text
}

pub(crate) const GRID: &str = r#"
name = "t"
[models.old]
recorded = "table.csv"
[grid]
model = "old"
[objectives]
minimize = ["command.time"]
[constraints]
"memory.peak" = "<= 12MB"
[search]
trials = 30
"#;

pub(crate) fn lab(grid: &str) -> Lab {
    let lab = Lab::new(grid);
    fs::write(lab.path("table.csv"), table()).unwrap();
    lab
}

/// The text on one line.
pub(crate) fn flat(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The one cell that is recommended.
pub(crate) fn recommended(said: &str) -> &str {
    let (_, found) = said.split_once("recommended: ").expect("something is recommended");
    found.split([':', ';', ' ']).next().unwrap()
}

fn manifest(lab: &Lab) -> Value {
    serde_json::from_str(&lab.text("manifest.json")).unwrap()
}

#[test]
fn a_search_visits_some_cells_and_says_which_is_best() {
    let lab = lab(GRID);
    let shown = lab.run(&[]).exits(0);
    let said = flat(&shown.stdout);
    let made = manifest(&lab)["runs"].as_array().unwrap().len();
    // It ends by itself when no run promises anything.
    assert!(
        (10..=30).contains(&made) && said.contains(&format!("{made} runs: {made} ok")),
        "{said}"
    );
    let (_, extent) = said.split_once("; searched ").unwrap();
    let (visited, _) = extent.split_once(" of 300 cells; ").unwrap();
    assert!(visited.parse::<u32>().unwrap() <= 30);
    let cell = recommended(&said);
    let rows = lab.rows("report.csv");
    assert!(rows.iter().all(|row| {
        let is_it =
            row["run"].trim_end_matches(|c: char| c.is_ascii_digit()) == format!("{cell}-r");
        row["recommended"] == (is_it || row["run"] == cell).to_string()
    }));
    // Of the three hundred some forty are within a fifth of the best.
    let best = lab.figure(cell, "run", "command.time").unwrap();
    assert!(best < 2.4, "{cell}: {best}");
    let before = lab.text("report.csv");
    // The same again, and nothing more to do.
    let again = lab.run(&["--resume"]).exits(0);
    assert!(flat(&again.stdout).contains(cell), "{}", again.stdout);
    assert_eq!(lab.text("report.csv"), before);
}

#[test]
fn a_search_goes_on_where_it_was_cut_off() {
    // With a budget it goes by what a visit brings for each second.
    let within =
        |budget: &str| lab(&GRID.replace("trials", &format!("budget = \"{budget}\"\ntrials")));
    let whole = within("1h");
    whole.run(&[]).exits(0);
    let cut = within("40s");
    let shown = cut.run(&[]).exits(0);
    assert!(flat(&shown.stdout).contains("the budget has run out"), "{}", shown.stdout);
    assert!(manifest(&cut)["runs"].as_array().unwrap().len() < 30);
    cut.run(&["--resume", "--budget", "1h"]).exits(0);
    let runs = |lab: &Lab| {
        let mut runs: Vec<String> =
            lab.rows("report.csv").iter().map(|row| row["run"].clone()).collect();
        runs.sort();
        runs
    };
    assert_eq!(runs(&cut), runs(&whole), "the same visits as of one that was not cut off");
}

#[test]
fn a_grid_that_fits_is_run_whole_and_random_cells_are_taken_once() {
    let fits = lab(GRID);
    let said = flat(&fits.run(&["--only", "wide=1,2", "--only", "kind=b"]).exits(0).stdout);
    assert!(said.contains("searched 20 of 20 cells"), "{said}");
    // The axes that were not searched are named too: without them the command would search all cells.
    let cell = recommended(&said);
    assert!(said.contains(&format!(" --only kind=b --out results/{cell}")), "{said}");
    let alone = fits.run(&["--only", "wide=1", "--only", "deep=1", "--only", "kind=b", "--fresh"]);
    let said = flat(&alone.exits(0).stdout);
    assert!(said.contains(" --only wide=1 --only deep=1 --only kind=b --out results/"), "{said}");
    let dry = fits.run(&["--dry-run"]).exits(0).stdout;
    assert!(dry.starts_with("t: a search among 300 cells, 30 runs at most\n"), "{dry}");
    let random = lab(&GRID.replace("trials = 30", "trials = 30\nmethod = \"random\""));
    let shown = random.run(&[]).exits(0);
    assert!(flat(&shown.stdout).contains("searched 30 of 300 cells"), "{}", shown.stdout);
    let grid = lab(&GRID.replace("trials = 30", "method = \"grid\""));
    let shown = grid.run(&["--only", "kind=b", "--repeat", "1"]).exits(0);
    assert!(flat(&shown.stdout).contains("100 runs: 100 ok"), "{}", shown.stdout);
}

#[test]
fn what_is_recommended_stands_in_every_report() {
    let lab = lab(GRID);
    let said = flat(&lab.run(&["--seed", "3"]).exits(0).stdout);
    let cell = recommended(&said);
    let only = cell.split('-').filter_map(|part| part.split_once('_'));
    let only: String = only.flat_map(|(axis, value)| [" --only ", axis, "=", value]).collect();
    let alone = format!("alone: perftune run grid.toml --seed 3{only} --out results/{cell}");
    assert!(said.contains(&alone), "{alone}: {said}");
    let report = |format: &str| {
        let of = ["report", "results/t", "--format", format];
        lab.call(&of).exits(0).stdout
    };
    let again = flat(&report("table"));
    assert_eq!(recommended(&again), cell, "{again}");
    let json: Value = serde_json::from_str(&report("json")).unwrap();
    assert_eq!(json["search"]["recommended"][0]["cell"], *cell);
    for format in ["markdown", "html"] {
        let text = flat(&report(format)).replace("\\_", "_");
        assert!(text.contains(&format!("recommended: {cell}: command.time")), "{format}: {text}");
    }
    let page = lab.text("report.html");
    for says in ["How the search went", "Around what is recommended", "memory.peak along wide"] {
        assert!(page.contains(says), "{says}");
    }
    assert_eq!(report("html").trim_end(), page.trim_end(), "the same again");
    // A folder in which something else was run since then recommends nothing that it does not know to be so.
    fs::remove_dir_all(lab.path("results/t/runs").join(cell)).unwrap();
    let less = flat(&lab.call(&["report", "results/t"]).stdout);
    assert!(!less.contains("recommended"), "{less}");
}

#[test]
fn the_least_batch_size_that_is_as_good_as_the_best_is_found() {
    let mut table = "batch_size,train.throughput@0,train.throughput@1,memory.peak\n".to_owned();
    for size in (0..13).map(|at| 1u32 << at) {
        // The rate saturates at about 64.
        let rate = |off: u32| {
            1e4 * f64::from(size) / f64::from(size + 2)
                * (1.0 + f64::from((size + off) % 3) / 500.0)
        };
        let memory = 1e6 * f64::from(20 + size);
        let _ = writeln!(table, "{size},{},{},{memory}", rate(0), rate(1));
    }
    let grid = GRID
        .replace("[grid]\n", "[grid]\nbatch_size = { from = 1, to = 4096, scale = \"log2\" }\n")
        .replace("minimize = [\"command.time\"]", "maximize = [\"train.throughput\"]")
        .replace("12MB", "300MB");
    let lab = Lab::new(&grid);
    fs::write(lab.path("table.csv"), table).unwrap();
    let said = flat(&lab.run(&[]).exits(0).stdout);
    let cell = recommended(&said);
    let size: u32 = cell.trim_start_matches(|c: char| !c.is_ascii_digit()).parse().unwrap();
    assert!((64..=256).contains(&size), "{said}");
    // What lies above the first size that breaks the limit is never run.
    let rows = lab.rows("report.csv");
    assert!(rows.iter().all(|row| row["batch_size"] != "1024"), "{said}");
}

#[test]
fn a_search_in_which_all_runs_fail_is_given_up() {
    let lab = Lab::new(
        r#"
name = "t"
[models.bad]
command = ["sh", "-c", "exit 7"]
[grid]
model = "bad"
dataset = "digits"
env.N = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]
[objectives]
minimize = ["command.time"]
[search]
trials = 12
"#,
    );
    let shown = lab.run(&[]).exits(3);
    let said = flat(&shown.stdout);
    assert!(said.contains("all 8 runs failed, so the search stopped"), "{said}");
}

#[test]
fn half_of_the_cells_are_visited_again_by_halving() {
    let lab = lab(&GRID
        .replace("\"memory.peak\" = \"<= 12MB\"", "")
        .replace("trials = 30", "trials = 16\nmethod = \"halving\"\nseed = 9"));
    let said = flat(&lab.run(&[]).exits(0).stdout);
    // Of two cells on the last rung one is known and the other dominated.
    assert!(said.contains("12 runs: 12 ok") && said.contains("searched 8 of 300 cells"), "{said}");
}

#[test]
fn a_cell_that_breaks_a_limit_of_its_own_is_not_recommended() {
    let own =
        "[[override]]\nmatch = { kind = \"b\" }\nconstraints = { \"command.time\" = \"<= 1s\" }\n";
    let lab = lab(&format!("{GRID}{own}"));
    let said = flat(&lab.run(&[]).exits(0).stdout);
    let cell = recommended(&said);
    // The best of all are of that kind.
    assert!(!cell.ends_with("kind_b"), "{said}");
}

#[test]
fn what_another_recommended_cell_dominates_is_not_recommended() {
    let grid = GRID.replace("<= 12MB", "<= 1GB").replace("trials = 30", "trials = 36");
    let grid = grid.replace("minimize = [", "maximize = [\"test_accuracy\"]\nminimize = [");
    let lab = Lab::new(&grid);
    let mut table = "wide,command.time@0,command.time@1,test_accuracy,memory.peak\n".to_owned();
    for wide in 0..12 {
        let time = f64::from(1 + wide);
        let _ = writeln!(table, "{wide},{time},{},0.8,1e6", 1.01 * time);
    }
    fs::write(lab.path("table.csv"), table).unwrap();
    let said = flat(&lab.run(&[]).exits(0).stdout);
    let rows = lab.rows("report.csv");
    let of = |key: &str, value: &str| -> Vec<&str> {
        rows.iter().filter(|row| row[key] == value).map(|row| &*row["run"]).collect()
    };
    let (dominated, recommended) = (of("pareto", "dominated"), of("recommended", "true"));
    assert!(!dominated.is_empty() && !recommended.is_empty(), "{said}");
    let both = recommended.iter().find(|cell| dominated.contains(cell));
    assert_eq!(both, None, "{said}");
}

#[test]
fn a_limit_that_nothing_keeps_is_said() {
    let lab = lab(&GRID.replace("<= 12MB", "<= 0.5MB").replace("trials = 30", "trials = 12"));
    let shown = lab.run(&["--set", "search.method=bayes"]);
    let said = flat(&shown.stdout);
    assert!(
        said.contains("nothing is recommended: no measured cell is feasible; the nearest is"),
        "{said}"
    );
}

#[test]
fn a_search_that_does_not_know_what_to_look_for_is_refused() {
    for (grid, says) in [
        (
            GRID.replace("[objectives]\nminimize = [\"command.time\"]\n", ""),
            "a search needs [objectives]",
        ),
        (GRID.replace("trials = 30", "method = \"bayse\""), "did you mean `bayes`?"),
        (GRID.replace("trials = 30", "trials = 0"), "trials"),
        (
            GRID.replace("[search]", "[run]\nbudget = \"1h\"\n[search]\nbudget = \"1min\""),
            "[search] budget and [run] budget both limit the time of the whole grid",
        ),
        (
            GRID.replace(
                "minimize = [\"command.time\"]",
                "minimize = [\"command.time\", \"memory.peak\", \"cpu.time\", \"io.read\"]",
            ),
            "at most 3 objectives",
        ),
    ] {
        let lab = lab(&grid);
        let shown = lab.run(&[]).exits(2);
        assert!(shown.stderr.contains(says), "{says}: {}", shown.stderr);
        assert!(!lab.path("results").exists(), "{says}");
    }
}

/// Rates of learning, of which one learns half of what is left in an epoch and the others take 300 to 500 times as long.
const LEARNERS: &str = r#"
name = "t"
repeat = 1
[worker]
program = "scripted"
options = { time = "real", step_us = 200, steps_per_epoch = 20, first_step = 1, learning_rate = 0.1, test_samples = 1000 }
[grid]
model = "one"
dataset = "made-up"
optimizer = ["sgd", "adam"]
learning_rate = [0.0002, 0.00025, 0.0003, 0.1]
[train]
epochs = 400
[stop]
metrics = ["test_accuracy"]
[search]
trials = 8
[objectives]
maximize = ["test_accuracy"]
"#;

/// Why the run of this log ends, judged anew.
fn replayed(folder: &Path) -> Value {
    let mut controller = None;
    for line in read_lines(folder).unwrap() {
        let verdict = match line.unwrap() {
            Line::Started { job, stop, t_ns, .. } => {
                let policy: StopPolicy = serde_json::from_value(stop).unwrap();
                let context = RunContext::of_job(&job, 1.0, BTreeMap::new(), t_ns);
                controller = Some(Controller::new(policy, context));
                continue;
            }
            Line::Worker(envelope) => controller.as_mut().unwrap().on_worker(&envelope),
            Line::Sample(sample) => controller.as_mut().unwrap().on_sample(&sample),
            _ => continue,
        };
        if let Verdict::Stop(record) = verdict {
            return serde_json::to_value(record).unwrap();
        }
    }
    Value::Null
}

#[test]
fn a_training_that_cannot_be_the_best_any_more_ends() {
    let lab = Lab::new(LEARNERS);
    let said = flat(&lab.run(&[]).exits(0).stdout);
    let rows = lab.rows("report.csv");
    let ended: Vec<_> = rows.iter().filter(|row| row["stop_reason"] == "out of reach").collect();
    assert!(!ended.is_empty() && rows.len() == 8, "{said}");
    for row in &ended {
        let epochs: u32 = row["epochs"].parse().unwrap();
        assert!((2..400).contains(&epochs) && row["status"] == "stopped", "{row:?}");
        let detail = &row["stop_detail"];
        assert!(detail.starts_with("validation accuracy 0."), "{detail}");
        let says = " of 400 epochs: test_accuracy can reach 0.";
        assert!(detail.contains(says), "{detail}");
        assert!(detail.contains(" at most, and one-made-up-lr0."), "{detail}");
        // Its system metrics stand; its accuracy is none.
        assert!(row["test_accuracy"].is_empty() && row["recommended"] == "false", "{row:?}");
        assert!(lab.figure(&row["run"], "train", "train.throughput").is_some());
    }
    assert!(said.contains(&format!("{} out of reach", ended.len())), "{said}");
    assert!(said.contains(" out of reach ended early; "), "{said}");
    assert!(recommended(&said).starts_with("one-made-up-lr0."), "{said}");
    // A replay comes to the same end, and --resume makes no run again.
    let run = &ended[0]["run"];
    assert_eq!(replayed(&lab.path(&format!("results/t/runs/{run}"))), lab.record(run)["stop"]);
    let before = lab.text("report.csv");
    lab.run(&["--resume"]).exits(0);
    assert_eq!(lab.text("report.csv"), before);
    // Asked not to, it ends none.
    lab.run(&["--fresh", "-q", "--set", "search.prune=false"]).exits(0);
    assert!(lab.rows("report.csv").iter().all(|row| row["stop_reason"] != "out of reach"));
}

#[test]
fn a_training_that_cannot_keep_its_limit_any_more_is_infeasible() {
    let lab = Lab::new(&format!("{LEARNERS}[constraints]\ntest_accuracy = \">= 0.94\"\n"));
    let said = flat(&lab.run(&[]).exits(0).stdout);
    let rows = lab.rows("report.csv");
    let slow: Vec<_> = rows.iter().filter(|row| row["verdict"] == "infeasible").collect();
    assert_eq!(slow.len(), 6, "{said}");
    let ended = slow.iter().filter(|row| row["stop_reason"] == "out of reach");
    assert!(ended.clone().count() > 0, "{said}");
    for row in ended {
        assert!(row["stop_detail"].contains(" at most, and its limit is 0.9400"), "{row:?}");
        let verdict = &row["verdict_reason"];
        assert!(
            verdict.starts_with("test_accuracy >= 0.94 is broken: it can reach 0."),
            "{verdict}"
        );
    }
}
