//! `perftune dataset`: data that somebody has become a data set of a grid, or are refused, and nothing is written.

use std::fmt::Write as _;
use std::fs;

use crate::support::{Lab, Shown};

const GRID: &str = "name = \"t\"\n[grid]\nmodel = \"mlp\"\ndataset = \"letters\"\nbatch_size = 4\n";

/// Twenty letters, with a header and names as labels.
fn letters() -> String {
    let mut text = "width,height,lettr\n".to_owned();
    for row in 0..20 {
        let _ = writeln!(text, "{row},{},{}", row % 7, ["A", "B"][row % 2]);
    }
    text
}

fn lab(file: &str, contents: impl AsRef<[u8]>) -> Lab {
    let lab = Lab::new(GRID);
    fs::write(lab.path(file), contents).unwrap();
    lab
}

/// What is shown, whatever the folder of the test is called.
fn shown(lab: &Lab, shown: &Shown) -> String {
    let folder = fs::canonicalize(lab.path("")).unwrap().display().to_string();
    let text = format!(
        "exit code: {}\n----- stdout -----\n{}----- stderr -----\n{}",
        shown.code.unwrap(),
        shown.stdout,
        shown.stderr
    );
    text.replace(&folder, "FOLDER")
}

#[test]
fn a_table_becomes_a_data_set_that_a_grid_runs_on() {
    let lab = lab("letters.csv", letters());
    let seen = lab.call(&["dataset", "add", "letters.csv", "--dry-run"]);
    insta::assert_snapshot!("dataset_add_dry_run", shown(&lab, &seen));
    let wrong = lab.call(&["dataset", "add", "letters.csv", "--label", "skyy"]).exits(2);
    assert!(
        wrong.stderr.contains("nothing was written: datasets/letters/dataset.toml"),
        "{wrong:#?}"
    );
    assert!(!lab.path("datasets").exists());
    let added = lab.call(&["dataset", "add", "letters.csv"]).exits(0);
    assert_eq!(added.stdout, seen.stdout);
    assert_eq!(fs::read_to_string(lab.path("datasets/letters/dataset.toml")).unwrap(), seen.stdout);
    let checked = lab.call(&["dataset", "check", "letters", "./datasets/letters"]).exits(0);
    insta::assert_snapshot!("dataset_check", checked.stdout);
    let plan = lab.run(&["--dry-run"]).exits(0);
    assert!(plan.stdout.contains("mlp") && !plan.stderr.contains("found in the data"), "{plan:#?}");

    let again = lab.call(&["dataset", "add", "letters.csv"]);
    insta::assert_snapshot!("dataset_add_twice", shown(&lab, &again));
    lab.call(&["dataset", "add", "letters.csv", "--force", "--label", "lettr"]).exits(0);
    let elsewhere = ["dataset", "add", "letters.csv", "--out", "mine", "--name", "other"];
    let said = lab.call(&elsewhere).exits(0);
    assert!(said.stderr.contains("dataset = \"./mine\""), "{}", said.stderr);
    lab.call(&["dataset", "check", "./mine"]).exits(0);
}

/// Runs on the data of before and of now have no mean.
#[test]
fn runs_on_data_that_have_changed_since_are_not_gone_on_with() {
    let lab = lab("letters.csv", letters());
    lab.call(&["dataset", "add", "letters.csv"]).exits(0);
    let run = |more: &[&str]| {
        lab.run(&[&["--set", "train.epochs=1", "--set", "serve.enabled=false"], more].concat())
    };
    run(&["--repeat", "1"]).exits(0);
    run(&["--repeat", "2", "--resume"]).exits(0);
    let description = lab.path("datasets/letters/dataset.toml");
    let before = fs::read_to_string(&description).unwrap();
    fs::write(lab.path("letters.csv"), letters().replace("1,1,B", "1,1,A")).unwrap();
    lab.call(&["dataset", "add", "letters.csv", "--force"]).exits(0);
    let shown = run(&["--repeat", "3", "--resume"]).exits(2);
    assert!(shown.stderr.contains("the data set `letters` has changed since"), "{shown:#?}");
    // Nor are they one build and another.
    run(&["--repeat", "2", "--out", "results/other"]).exits(0);
    let shown = lab.call(&["check", "results/t", "results/other"]).exits(4);
    assert!(shown.stdout.contains("dataset.sha256 is `"), "{shown:#?}");
    lab.call(&["baseline", "add", "results/t"]).exits(0);
    let shown = lab.call(&["check", "baseline", "results/other"]).exits(4);
    assert!(shown.stdout.contains("dataset.sha256 is `"), "{shown:#?}");
    // A file that nobody has a checksum of is read.
    let unsaid = before.lines().filter(|line| !line.contains("sha256")).collect::<Vec<_>>();
    fs::write(&description, unsaid.join("\n")).unwrap();
    run(&["--repeat", "1", "--fresh"]).exits(0);
    fs::write(lab.path("letters.csv"), letters().replace("2,2,A", "2,2,B")).unwrap();
    let shown = run(&["--repeat", "2", "--resume"]).exits(2);
    assert!(shown.stderr.contains("use --fresh to replace the results"), "{shown:#?}");
    run(&["--repeat", "2", "--fresh"]).exits(0);
}

#[test]
fn what_changed_is_found_and_the_others_are_checked_all_the_same() {
    let lab = lab("letters.csv", letters());
    lab.call(&["dataset", "add", "letters.csv"]).exits(0);
    lab.call(&["dataset", "add", "letters.csv", "--name", "same", "--out", "same"]).exits(0);
    fs::write(lab.path("letters.csv"), letters().replace(",B", ",A")).unwrap();
    fs::create_dir(lab.path("near")).unwrap();
    fs::write(lab.path("near/a.csv"), letters()).unwrap();
    fs::write(lab.path("near/dataset.toml"), "files = [\"a.csv\"]\n").unwrap();
    let said = lab.call(&["dataset", "check", "letters", "./near", "leters"]).exits(2);
    assert_eq!(
        said.stdout,
        "near: 16 samples to train on and 4 to test on, each of 2 features, in 2 classes; no checksum is given\n"
    );
    for says in ["SHA-256", "did you mean `letters`?"] {
        assert!(said.stderr.contains(says), "{says}: {}", said.stderr);
    }
}

/// A file, what is asked of it, and what is said.
const REFUSED: &[(&str, &[u8], &[&str], &str)] = &[
    (
        "a.csv",
        b"a,b,c\n1,2,x\n3,4,y\n5,6,7,x\n",
        &[],
        "a.csv, line 4: has 4 columns, expected 2 values and a label",
    ),
    (
        "a.csv",
        b"a,b,c\n1,2,x\n3,oops,y\n5,6,x\n7,8,y\n",
        &[],
        "line 3: column 2 (`b`): `oops` is not a number",
    ),
    (
        "a.csv",
        b"a,b,c\n1,2,x\n3,,y\n5,6,x\n7,8,y\n",
        &[],
        "line 3: column 2 (`b`): `` is not a number: fill it in",
    ),
    ("a.csv", b"a,b,c\n1,2,x\n", &[], "no row of it belongs to the training part"),
    ("a.csv", b"a,b,c\n1,2,x\n1,2,x\n", &[], "the training part has fewer than 2 different labels"),
    (
        "a.csv",
        b"a,b,c\n1,2,z\n3,4,y\n5,6,x\n",
        &[],
        "line 2: label `z` is none of the classes; did you mean `x`?",
    ),
    ("a.csv", b"", &[], "one column, where a value and a label are needed"),
    ("a.csv", b"a,b,c\n1,2,x\n3,4,y\n", &["--label", "d"], "a.csv has no column \"d\""),
    ("a.csv", b"a,b\n1,2\n", &["--name", "../up"], "\"../up\" is no name of a data set"),
    (
        "x.npy",
        b"\x93NUMPY",
        &[],
        "is one array: call the samples x.npy and their labels y.npy, and name their folder",
    ),
    ("a.safetensors", b"abc", &[], "a.safetensors, header: cannot be read"),
    ("a.jpg", b"abc", &[], "is one image: name the folder"),
    (
        "train-images",
        b"\0\0\x08\x03\0\0\0\0",
        &[],
        "is one file of IDX, of four that belong together",
    ),
];

#[test]
fn what_is_no_data_set_is_refused_and_nothing_is_written() {
    for (name, contents, options, says) in REFUSED {
        let lab = lab(name, contents);
        let said = lab.call(&[&["dataset", "add", name], *options].concat()).exits(2);
        assert!(said.stderr.contains(says), "{name} {says}\n{}", said.stderr);
        assert!(said.stdout.is_empty() && !lab.path("datasets").exists(), "{said:#?}");
    }
    let lab = lab("a.csv", letters());
    fs::write(lab.path("b.csv"), letters()).unwrap();
    for (args, says) in [
        (&["dataset", "add", "nowhere.csv"][..], "nowhere.csv"),
        (&["dataset", "add", "."], "holds a.csv, b.csv: name the one that is meant"),
        (&["dataset", "check"], "required"),
        (&["dataset"], "Usage: perftune dataset"),
    ] {
        let said = lab.call(args).exits(2);
        assert!(said.stderr.contains(says), "{says}\n{}", said.stderr);
    }
    fs::create_dir(lab.path("empty")).unwrap();
    let said = lab.call(&["dataset", "add", "empty"]).exits(2);
    assert!(said.stderr.contains("empty: holds no data that are known: files of CSV"), "{said:#?}");
}

#[test]
fn a_folder_tells_its_parts() {
    let lab = lab("unused.txt", "");
    fs::create_dir(lab.path("letters")).unwrap();
    for part in ["train", "test"] {
        fs::write(lab.path(&format!("letters/{part}.csv")), letters()).unwrap();
    }
    let added = lab.call(&["dataset", "add", "letters", "--out", "letters"]).exits(0);
    for says in [
        "[files.train]\npath = \"train.csv\"",
        "[files.test]\npath = \"test.csv\"",
        "train_rows = 20",
    ] {
        assert!(added.stdout.contains(says), "{says}\n{}", added.stdout);
    }
    // What lies beside its data is found wherever the folder goes.
    fs::rename(lab.path("letters"), lab.path("moved")).unwrap();
    lab.call(&["dataset", "check", "./moved"]).exits(0);
}

/// An array as `numpy.save` writes it.
fn npy(descr: &str, shape: &str, bytes: &[u8]) -> Vec<u8> {
    let header = format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}\n");
    let mut out = b"\x93NUMPY\x01\x00".to_vec();
    out.extend(u16::try_from(header.len()).unwrap().to_le_bytes());
    out.extend(header.bytes());
    out.extend(bytes);
    out
}

#[test]
fn arrays_become_a_data_set() {
    let lab = lab("unused.txt", "");
    fs::create_dir(lab.path("letters")).unwrap();
    let pixels: Vec<u8> = (0..240).collect();
    fs::write(lab.path("letters/x.npy"), npy("|u1", "(20, 2, 2, 3)", &pixels)).unwrap();
    let labels: Vec<u8> = (0..20).map(|row| row % 2).collect();
    fs::write(lab.path("letters/y.npy"), npy("|u1", "(20,)", &labels)).unwrap();
    let added = lab.call(&["dataset", "add", "letters", "--out", "letters"]).exits(0);
    insta::assert_snapshot!("dataset_add_arrays", shown(&lab, &added));
    lab.call(&["dataset", "check", "./letters"]).exits(0);
    let plan = lab.run(&["--dry-run", "--set", "grid.dataset=./letters"]).exits(0);
    assert!(plan.stdout.contains("mlp"), "{plan:#?}");
    fs::write(lab.path("letters/y.npy"), npy("|u1", "(19,)", &labels[..19])).unwrap();
    let said = lab.run(&["--set", "grid.dataset=./letters"]).exits(2);
    assert!(said.stderr.contains("y.npy") && !lab.path("results").exists(), "{said:#?}");
}
