//! A search that is told what earlier grids of the same cells came to.

use std::fs;

use serde_json::Value;

use crate::search::{GRID, flat, lab, recommended};
use crate::support::Lab;

/// The runs of a results folder, in no order.
fn runs(lab: &Lab, folder: &str) -> Vec<String> {
    let text = fs::read_to_string(lab.path(folder).join("report.csv")).unwrap();
    let mut runs: Vec<String> =
        crate::support::rows(&text).iter().map(|row| row["run"].clone()).collect();
    runs.sort();
    runs
}

fn cold() -> (Lab, String) {
    let lab = lab(GRID);
    let said = flat(&lab.run(&["--out", "first"]).exits(0).stdout);
    let cell = recommended(&said).to_owned();
    (lab, cell)
}

/// What a cell takes in the mean of all seeds.
fn truth(cell: &str) -> f64 {
    let of = |axis: &str| {
        let (_, rest) = cell.split_once(&format!("{axis}_")).unwrap();
        rest.split('-').next().unwrap().to_owned()
    };
    let (width, depth): (f64, f64) = (of("wide").parse().unwrap(), of("deep").parse().unwrap());
    let time = match &*of("kind") {
        "a" => 3.0,
        "b" => 2.0,
        _ => 4.0,
    };
    time * (1.0 + ((width - 6.0).powi(2) + (depth - 4.0).powi(2)) / 20.0)
}

#[test]
fn a_search_that_knows_earlier_runs_needs_fewer_of_its_own() {
    let (lab, cell) = cold();
    let warm = |out: &str| lab.run(&["--out", out, "--warm-start", "first"]).exits(0);
    let shown = warm("second");
    let said = flat(&shown.stdout);
    let (before, now) = (runs(&lab, "first"), runs(&lab, "second"));
    assert!(2 * now.len() < before.len(), "{} of {}", now.len(), before.len());
    // What is recommended was measured once more, and is as good.
    let again = recommended(&said);
    assert!(now.contains(&again.to_owned()) && truth(again) <= 1.02 * truth(&cell), "{said}");
    let told = flat(&shown.stderr);
    assert!(told.contains("first gives the search ") && told.contains(" of its "), "{told}");
    assert!(
        said.contains(" of 300 cells, knowing ") && said.contains(" from earlier runs"),
        "{said}"
    );
    // The same again.
    warm("third");
    assert_eq!(runs(&lab, "third"), now);
}

#[test]
fn what_was_told_stays_with_the_results() {
    let (lab, _) = cold();
    let warm = ["--warm-start", "first"];
    lab.run(&[&["--out", "whole"], &warm[..]].concat()).exits(0);
    let few = [&["--out", "cut", "--set", "search.trials=2"], &warm[..]].concat();
    lab.run(&few).exits(0);
    assert_eq!(runs(&lab, "cut").len(), 2);
    fs::rename(lab.path("first"), lab.path("gone")).unwrap();
    let shown = lab.run(&["--out", "cut", "--resume"]).exits(0);
    assert_eq!(runs(&lab, "cut"), runs(&lab, "whole"));
    assert!(flat(&shown.stdout).contains(" from earlier runs"), "{}", shown.stdout);
    // One that begins anew knows nothing.
    let shown = lab.run(&["--out", "cut", "--fresh"]).exits(0);
    assert!(!flat(&shown.stdout).contains(" from earlier runs"), "{}", shown.stdout);
    assert!(!lab.path("cut/earlier.json").exists());
}

#[test]
fn cells_are_known_by_their_settings_and_limits_are_those_of_today() {
    let (lab, _) = cold();
    // Another grid file, whose cells have other names and another limit.
    let other = GRID
        .replace("name = \"t\"", "name = \"u\"")
        .replace("model = \"old\"", "model = \"old\"\nkind = \"b\"")
        .replace("<= 12MB", "<= 8MB");
    fs::write(lab.path("other.toml"), other).unwrap();
    let shown = lab.call(&["run", "other.toml", "--warm-start", "first"]).exits(0);
    let said = flat(&shown.stdout);
    let made = runs(&lab, "results/u");
    assert!(made.iter().all(|run| !run.contains("kind")), "{made:?}");
    lab.call(&["run", "other.toml", "--out", "cold"]).exits(0);
    let cold = runs(&lab, "cold");
    assert!(made.len() < cold.len(), "{made:?} {cold:?}");
    let cell = recommended(&said);
    let levels: Vec<u32> = cell.split(['_', '-']).filter_map(|word| word.parse().ok()).collect();
    assert!(levels.iter().sum::<u32>() < 8, "{said}");
}

fn amended(lab: &Lab, change: impl Fn(&mut Value)) {
    let path = lab.path("first/manifest.json");
    let mut manifest: Value = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
    manifest.as_object_mut().unwrap().remove("checksum");
    change(&mut manifest);
    fs::write(&path, manifest.to_string()).unwrap();
}

#[test]
fn what_says_nothing_of_these_cells_on_this_machine_is_refused() {
    let (lab, _) = cold();
    fs::create_dir(lab.path("empty")).unwrap();
    let refused = |args: &[&str], says: &str| {
        let shown = lab.run(&[&["--out", "second"], args].concat()).exits(2);
        assert!(flat(&shown.stderr).contains(says), "{says}: {}", shown.stderr);
        assert!(!lab.path("second").exists(), "{says}");
    };
    let warm = ["--warm-start", "first"];
    refused(&["--warm-start", "empty"], "empty is not a results folder of perftune");
    refused(&["--warm-start", "first", "./first"], "a results folder is given twice");
    refused(&["--warm-start", "second"], "second is where the results of this run go");
    let random = [&["--set", "search.method=random"], &warm[..]].concat();
    refused(&random, "this grid has no search that learns");
    let table = fs::read_to_string(lab.path("table.csv")).unwrap();
    fs::write(lab.path("table.csv"), table.replace("\n9,", "\n10,")).unwrap();
    refused(&warm, "no run of first is of a cell of this grid");
    refused(&warm, "`job.recorded.sha256` is \"");
    fs::write(lab.path("table.csv"), table).unwrap();
    amended(&lab, |manifest| {
        manifest["fingerprint"]["hard"]["cpu.model"] = "another processor".into();
    });
    refused(&warm, "first was measured in another environment: cpu.model was another processor");
    amended(&lab, |manifest| {
        manifest.as_object_mut().unwrap().remove("fingerprint");
    });
    refused(&warm, "first does not say on which machine it was measured");
    amended(&lab, |manifest| manifest["format"]["major"] = 3.into());
    refused(&warm, "has format 3.0");
}
