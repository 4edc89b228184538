//! Data sets of the user's own: what is wrong with them is said before anything is run, with or without a worker.

use std::fmt::Write as _;
use std::fs;

use sha2::{Digest, Sha256};

use crate::support::{self, Lab, Shown};

/// A grid for the native worker on `name`, beside it.
fn grid(dataset: &str) -> String {
    format!("name = \"t\"\n[grid]\nmodel = \"mlp\"\ndataset = {dataset:?}\nbatch_size = 4\n")
}

/// Twenty images of 2 x 2 pixels in two classes.
fn table() -> String {
    let mut text = String::new();
    for row in 0..20 {
        let _ = writeln!(text, "{row},{},3,4,{}", row % 7, row % 2);
    }
    text
}

fn manifest(table: &str) -> String {
    let digest = Sha256::digest(table.as_bytes());
    let mut sum = String::new();
    for byte in digest {
        let _ = write!(sum, "{byte:02x}");
    }
    format!(
        r#"
name = "tiny"
about = "twenty images"
licence = "MIT"
source = "made up"
shape = [1, 2, 2]
classes = 2
format = "csv"
max_value = 20
train_rows = 16
test_rows = 4
split = {{ test_every = 5 }}
[files.all]
path = "tiny.csv"
sha256 = "{sum}"
"#
    )
}

fn lab(dataset: &str) -> Lab {
    let lab = Lab::new(&grid(dataset));
    fs::create_dir(lab.path("tiny")).unwrap();
    fs::write(lab.path("tiny/tiny.csv"), table()).unwrap();
    fs::write(lab.path("tiny/dataset.toml"), manifest(&table())).unwrap();
    lab
}

/// `perftune run` on a machine without a native worker.
fn run(lab: &Lab, args: &[&str]) -> Shown {
    let mut command = lab.perftune(&[&["run", "grid.toml"], args].concat());
    command.env("PERFTUNE_WORKER", "/nowhere/perftune-worker");
    Shown::of(command.output().unwrap())
}

#[track_caller]
fn refused(lab: &Lab, says: &[&str]) {
    let shown = run(lab, &[]).exits(2);
    for word in says {
        assert!(shown.stderr.contains(word), "{word}: {}", shown.stderr);
    }
    assert!(
        shown.stderr.starts_with("error: ") && !shown.stderr.contains("started"),
        "{}",
        shown.stderr
    );
    assert!(!lab.path("results").exists());
}

#[test]
fn a_folder_that_is_whole_only_lacks_the_worker() {
    let lab = lab("./tiny");
    refused(&lab, &["/nowhere/perftune-worker is not there", "[worker]"]);
    let plan = run(&lab, &["--dry-run", "--format", "csv"]).exits(0);
    assert!(plan.stdout.contains("mlp-tiny"), "{}", plan.stdout);
}

#[test]
fn a_damaged_file_is_named_with_what_to_do() {
    let lab = lab("./tiny");
    fs::write(lab.path("tiny/tiny.csv"), table().replace("3,4", "3,5")).unwrap();
    refused(&lab, &["tiny.csv", "SHA-256"]);
}

#[test]
fn a_missing_file_is_named() {
    let lab = lab("./tiny");
    fs::remove_file(lab.path("tiny/tiny.csv")).unwrap();
    refused(&lab, &["tiny.csv"]);
}

#[test]
fn a_folder_without_a_manifest_is_named() {
    let lab = lab("./tiny");
    fs::remove_file(lab.path("tiny/dataset.toml")).unwrap();
    refused(&lab, &["grid.toml:4", "./tiny", "dataset.toml"]);
}

#[test]
fn a_manifest_with_a_mistake_is_named_with_the_place() {
    let lab = lab("./tiny");
    let text = manifest(&table()).replace("\"csv\"", "\"cvs\"");
    fs::write(lab.path("tiny/dataset.toml"), text).unwrap();
    refused(&lab, &["dataset.toml", "cvs"]);
}

#[test]
fn a_name_that_is_nearly_right_gets_a_hint() {
    let lab = lab("tinny");
    fs::create_dir(lab.path("datasets")).unwrap();
    fs::rename(lab.path("tiny"), lab.path("datasets/tiny")).unwrap();
    refused(&lab, &["grid.toml:4", "tinny", "`tiny`"]);
}

#[test]
fn a_batch_larger_than_the_data_is_a_mistake_of_the_grid() {
    let lab = lab("./tiny");
    let text = grid("./tiny").replace("batch_size = 4", "batch_size = 400");
    fs::write(lab.path("grid.toml"), text).unwrap();
    refused(&lab, &["grid.toml:5", "400", "14"]);
}

#[test]
fn more_threads_than_cores_are_warned_of_by_a_plan_and_by_a_run() {
    let lab = lab("./tiny");
    fs::write(lab.path("grid.toml"), grid("./tiny") + "threads = 1000\n").unwrap();
    let warned = "warning: grid.toml:6:11: 1000 threads on ";
    for (args, code) in [(&["--dry-run"][..], 0), (&[], 2)] {
        let shown = run(&lab, args).exits(code);
        assert!(shown.stderr.starts_with(warned), "{}", shown.stderr);
    }
}

#[test]
fn a_broken_data_set_hides_no_other_one_in_the_list() {
    let lab = lab("tiny");
    for name in ["broken", "whole"] {
        fs::create_dir_all(lab.path("datasets").join(name)).unwrap();
        fs::write(lab.path(&format!("datasets/{name}/dataset.toml")), manifest(&table())).unwrap();
    }
    fs::write(lab.path("datasets/broken/dataset.toml"), "files = [\"a.csv\"]\nclases = 3\n")
        .unwrap();
    let shown = lab.call(&["list", "datasets"]).exits(0);
    let line = |name| shown.stdout.lines().find(|line| line.starts_with(name)).unwrap();
    assert!(line("broken").contains("cannot be used"), "{}", shown.stdout);
    assert!(line("whole").contains("MIT"), "{}", shown.stdout);
    let csv = lab.call(&["list", "datasets", "--format", "csv"]).exits(0);
    let rows = support::rows(&csv.stdout);
    assert!(rows.iter().any(|row| row["name"] == "whole" && row["problem"].is_empty()));
    let broken = rows.iter().find(|row| row["name"] == "broken").unwrap();
    assert!(broken["problem"].contains("clases"), "{broken:?}");
}

/// What a new user brings: a table with names for its columns and its classes.
const IRIS: &str =
    "length,species\n1,setosa\n2,other\n3,setosa\n4,other\n5,setosa\n6,other\n7,setosa\n8,other\n";

#[test]
fn what_was_found_in_the_data_is_said() {
    let lab = lab("./tiny");
    fs::write(lab.path("tiny/tiny.csv"), IRIS).unwrap();
    fs::write(lab.path("tiny/dataset.toml"), "files = [\"tiny.csv\"]\nlabel = \"species\"\n")
        .unwrap();
    let shown = run(&lab, &["--dry-run"]).exits(0);
    let says = "note: found in the data of tiny: 1 feature: length; 2 classes: other, setosa; ";
    assert!(shown.stderr.starts_with(says), "{}", shown.stderr);
    fs::create_dir(lab.path("datasets")).unwrap();
    fs::rename(lab.path("tiny"), lab.path("datasets/tiny")).unwrap();
    let shown = lab.call(&["list", "datasets", "--format", "csv"]).exits(0);
    let rows = support::rows(&shown.stdout);
    let tiny = rows.iter().find(|row| row["name"] == "tiny").unwrap();
    assert!(tiny["guessed"].contains("2 classes: other, setosa"), "{tiny:?}");
}

#[test]
fn a_mistake_in_the_test_part_is_found_before_the_first_run() {
    let lab = lab("./tiny");
    // Row 5, which `test_every = 5` makes test data.
    let text = table().replace("5,5,3,4", "5,5,x,4");
    assert_ne!(text, table());
    fs::write(lab.path("tiny/tiny.csv"), &text).unwrap();
    fs::write(lab.path("tiny/dataset.toml"), manifest(&text)).unwrap();
    // A program in its place: the data is looked at before it is started.
    let mut command = lab.perftune(&["run", "grid.toml"]);
    command.env("PERFTUNE_WORKER", "/bin/true");
    let shown = Shown::of(command.output().unwrap()).exits(2);
    assert!(
        shown.stderr.contains("tiny.csv, line 6: column 3: `x` is not a number"),
        "{}",
        shown.stderr
    );
}

#[test]
fn a_mistake_in_a_manifest_is_shown_with_a_caret() {
    let lab = lab("./tiny");
    let text = manifest(&table()).replace("classes = 2", "clases = 2");
    fs::write(lab.path("tiny/dataset.toml"), text).unwrap();
    let says =
        "dataset.toml:7:1\n   |\n 7 | clases = 2\n   | ^^^^^^\n   = hint: did you mean `classes`?";
    refused(&lab, &["error: the data set \"./tiny\" cannot be used", "grid.toml:4", says]);
}

#[test]
fn a_plan_is_refused_for_what_a_run_would_stumble_over_at_its_end() {
    let lab = lab("./tiny");
    // Row 4 is the first of the test part.
    let table = table().replace("\n4,4,3,4,0\n", "\n4,4,three,4,0\n");
    fs::write(lab.path("tiny/tiny.csv"), &table).unwrap();
    fs::write(lab.path("tiny/dataset.toml"), manifest(&table)).unwrap();
    refused(&lab, &["tiny.csv", "line 5", "three"]);
    let plan = run(&lab, &["--dry-run"]).exits(2);
    assert!(plan.stderr.contains("line 5") && plan.stdout.is_empty(), "{plan:#?}");
}

#[test]
fn columns_that_no_comma_divides_are_named_with_their_line_and_what_to_write() {
    let lab = lab("./tiny");
    let table = format!("a,b,c,d,label\n{}", table()).replace(',', ";");
    fs::write(lab.path("tiny/tiny.csv"), table).unwrap();
    fs::write(lab.path("tiny/dataset.toml"), "files = [\"tiny.csv\"]\nlabel = \"label\"\n")
        .unwrap();
    refused(&lab, &["tiny.csv, line 1: one column", "semicolons", "write commas"]);
}
