//! A search among the cells of a grid, played on a table: what a user sees of it.

use std::fmt::Write as _;
use std::fs;

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

const GRID: &str = r#"
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

fn lab(grid: &str) -> Lab {
    let lab = Lab::new(grid);
    fs::write(lab.path("table.csv"), table()).unwrap();
    lab
}

/// The text on one line.
fn flat(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn manifest(lab: &Lab) -> Value {
    serde_json::from_str(&lab.text("manifest.json")).unwrap()
}

#[test]
fn a_search_visits_some_cells_and_says_which_is_best() {
    let lab = lab(GRID);
    let shown = lab.run(&[]).exits(0);
    let said = flat(&shown.stdout);
    assert!(said.contains("30 runs: 30 ok"), "{said}");
    let (_, found) = said.split_once("; searched ").unwrap();
    let (visited, found) = found.split_once(" of 300 cells: ").unwrap();
    assert!(visited.parse::<u32>().unwrap() <= 30);
    let cell = found.split(' ').next().unwrap();
    // Of the three hundred some forty are within a fifth of the best.
    let best = lab.figure(cell, "run", "command.time").unwrap();
    assert!(best < 2.4, "{cell}: {best}");
    // What was not visited is not promised.
    assert_eq!(manifest(&lab)["runs"].as_array().unwrap().len(), 30);
    let before = lab.text("report.csv");
    // The same again, and nothing more to do.
    let again = lab.run(&["--resume"]).exits(0);
    assert!(flat(&again.stdout).contains(cell), "{}", again.stdout);
    assert_eq!(lab.text("report.csv"), before);
}

#[test]
fn a_search_goes_on_where_it_was_cut_off() {
    let whole = lab(GRID);
    whole.run(&[]).exits(0);
    let cut = lab(&GRID.replace("[search]", "[run]\nbudget = \"40s\"\n[search]"));
    let shown = cut.run(&[]).exits(0);
    assert!(flat(&shown.stdout).contains("the budget is used up"), "{}", shown.stdout);
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
    let shown = fits.run(&["--only", "wide=1,2", "--only", "kind=b"]).exits(0);
    assert!(!flat(&shown.stdout).contains("searched"), "{}", shown.stdout);
    let random = lab(&GRID.replace("trials = 30", "trials = 30\nmethod = \"random\""));
    let shown = random.run(&[]).exits(0);
    assert!(flat(&shown.stdout).contains("searched 30 of 300 cells: "), "{}", shown.stdout);
    let grid = lab(&GRID.replace("trials = 30", "method = \"grid\""));
    let shown = grid.run(&["--only", "kind=b", "--repeat", "1"]).exits(0);
    assert!(flat(&shown.stdout).contains("100 runs: 100 ok"), "{}", shown.stdout);
}

#[test]
fn a_cell_that_breaks_a_limit_of_its_own_is_not_recommended() {
    let own =
        "[[override]]\nmatch = { kind = \"b\" }\nconstraints = { \"command.time\" = \"<= 1s\" }\n";
    let lab = lab(&format!("{GRID}{own}"));
    let said = flat(&lab.run(&[]).exits(0).stdout);
    let (_, found) = said.split_once(" of 300 cells: ").unwrap();
    let cell = found.split(' ').next().unwrap();
    // The best of all are of that kind.
    assert!(!cell.ends_with("kind_b"), "{said}");
}

#[test]
fn a_limit_that_nothing_keeps_is_said() {
    let lab = lab(&GRID.replace("<= 12MB", "<= 0.5MB").replace("trials = 30", "trials = 12"));
    let shown = lab.run(&["--set", "search.method=bayes"]);
    let said = flat(&shown.stdout);
    assert!(said.contains("none keeps its limits for certain"), "{said}");
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
