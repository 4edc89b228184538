//! Layers of configuration: what a grid extends, its profiles, the environment and the command line.

use std::fs;

use serde_json::Value;

use crate::support::{Lab, Shown};

const BASE: &str = r#"
name = "base"
repeat = 1
[worker]
program = "scripted"
[grid]
model = ["one", "two"]
dataset = "made-up"
batch_size = [16, 64]
[train]
epochs = 7
[serve]
enabled = false
[stop]
within = "10%"
[[override]]
match = { model = "two" }
train.epochs = 9
"#;

const GRID: &str = r#"
extends = "shared/base.toml"
name = "t"
[grid]
batch_size = 32
[stop]
confidence = 0.9
[[override]]
match = { model = "two" }
stop.looks = 2
[profile.short]
train.epochs = 2
[profile.ci]
inherits = "short"
repeat = 2
stop.within = "20%"
"#;

fn lab() -> Lab {
    let lab = Lab::new(GRID);
    fs::create_dir(lab.path("shared")).unwrap();
    fs::write(lab.path("shared/base.toml"), BASE).unwrap();
    lab
}

/// The runs of a dry run with their settings, and where these were said.
fn plan(lab: &Lab, args: &[&str], env: &[(&str, &str)]) -> (Vec<Value>, Value) {
    let words = [&["run", "grid.toml", "--dry-run", "--format", "json"], args].concat();
    let output = lab.perftune(&words).envs(env.iter().copied()).output().unwrap();
    let shown = Shown::of(output).exits(0);
    let document: Value = serde_json::from_str(&shown.stdout).unwrap();
    (document["plan"].as_array().unwrap().clone(), document["sources"].clone())
}

/// The numbers of some settings of each run.
fn numbers(runs: &[Value]) -> Vec<Vec<f64>> {
    let of = |run: &Value| KEYS.map(|key| run["settings"][key].as_f64().unwrap()).to_vec();
    runs.iter().map(of).collect()
}

const KEYS: [&str; 5] =
    ["train.epochs", "stop.within", "stop.confidence", "stop.looks", "batch_size"];

#[test]
fn a_grid_is_put_on_top_of_what_it_extends() {
    let lab = lab();
    let (runs, sources) = plan(&lab, &[], &[]);
    assert_eq!(runs.len(), 2);
    assert_eq!(numbers(&runs), [[7.0, 0.1, 0.9, 1.0, 32.0], [9.0, 0.1, 0.9, 2.0, 32.0]]);
    assert_eq!(sources["train.epochs"], "shared/base.toml:11");
    assert_eq!(sources["stop.confidence"], "grid.toml:7");
    assert_eq!(sources["override[1]"], "grid.toml:8");
    // The results of a file without a name are called as the file, not as what it extends.
    fs::write(lab.path("other.toml"), "extends = ['shared/base.toml']\n").unwrap();
    let shown = lab.call(&["run", "other.toml", "--dry-run"]).exits(0);
    assert!(shown.stdout.starts_with("other: 4 runs"), "{}", shown.stdout);
    // One file alone need not be told; several are.
    let shown = lab.call(&["run", "grid.toml", "--dry-run", "--set", "train.epochs=3"]).exits(0);
    for says in [
        "said by shared/base.toml: repeat (3), ",
        "said by grid.toml: ",
        "said by --set train.epochs=3: train.epochs",
    ] {
        let words = shown.stdout.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(words.contains(says), "{says}\n{}", shown.stdout);
    }
}

#[test]
fn a_profile_is_put_over_the_file_and_flags_over_all() {
    let lab = lab();
    let (short, _) = plan(&lab, &["--profile", "short"], &[]);
    // The overrides of the file still speak of their cells.
    assert_eq!(numbers(&short), [[2.0, 0.1, 0.9, 1.0, 32.0], [9.0, 0.1, 0.9, 2.0, 32.0]]);
    let (ci, sources) = plan(&lab, &[], &[("PERFTUNE_PROFILE", "ci")]);
    assert_eq!(ci.len(), 4);
    assert_eq!(numbers(&ci)[0], [2.0, 0.2, 0.9, 1.0, 32.0]);
    assert_eq!(sources["stop.within"], "grid.toml:16");
    let flags = ["--profile", "short", "--set", "stop.within=30%", "--repeat", "1"];
    let (flagged, sources) = plan(&lab, &flags, &[("PERFTUNE_PROFILE", "ci")]);
    assert_eq!(numbers(&flagged)[0], [2.0, 0.3, 0.9, 1.0, 32.0]);
    assert_eq!(sources["stop.within"], "--set stop.within=30%");
}

#[test]
fn the_environment_says_where_and_how_and_flags_win() {
    let lab = lab();
    let run = |args: &[&str]| {
        let mut command =
            lab.perftune(&[&["run", "grid.toml", "--only", "model=one"], args].concat());
        command.env("PERFTUNE_OUT", "there").env("PERFTUNE_FORMAT", "json");
        Shown::of(command.output().unwrap())
    };
    let shown = run(&[]).exits(0);
    assert!(serde_json::from_str::<Value>(&shown.stdout).is_ok(), "{}", shown.stdout);
    assert!(lab.path("there/report.csv").is_file());
    let shown = run(&["--format", "csv", "--out", "here"]).exits(0);
    assert!(shown.stdout.starts_with("run,"), "{}", shown.stdout);
    assert!(lab.path("here/report.csv").is_file());
    let mut wrong = lab.perftune(&["run", "grid.toml"]);
    let shown = Shown::of(wrong.env("PERFTUNE_FORMAT", "yaml").output().unwrap()).exits(2);
    assert!(shown.stderr.contains("yaml"), "{}", shown.stderr);
}

#[test]
fn what_a_base_says_is_relative_to_its_folder_and_mistakes_are_shown_there() {
    let lab = lab();
    fs::write(lab.path("shared/base.toml"), BASE.replace("within = ", "withn = ")).unwrap();
    let shown = lab.call(&["run", "grid.toml", "--dry-run"]).exits(2);
    assert!(shown.stderr.contains("--> shared/base.toml:15:1"), "{}", shown.stderr);
    let beside =
        BASE.replace("\"made-up\"", "\"./data\"").replace("[worker]\nprogram = \"scripted\"\n", "");
    fs::write(lab.path("shared/base.toml"), beside).unwrap();
    let shown = lab.call(&["run", "grid.toml", "--dry-run"]).exits(2);
    assert!(shown.stderr.contains("shared/./data"), "{}", shown.stderr);
}

#[test]
fn a_profile_that_is_not_asked_for_may_lean_on_the_rest_of_the_file() {
    let grid = format!(
        "{GRID}[models.mine]\ncommand = [\"true\", \"{{lr}}\"]\n[metrics.f1]\nfrom = \"stdout\"\npattern = \"(.)\"\n\
         [axes.lr]\nvalues = [1, 2]\n[profile.more]\nmodels.mine.steps = false\nmetrics.f1.better = \"higher\"\n\
         constraints.f1 = \">= 1\"\ngrid.lr = {{ from = 1, to = 3, steps = 3 }}\ngrid.model = [\"mine\", \"two\"]\n"
    );
    let lab = Lab::new(&grid);
    fs::create_dir(lab.path("shared")).unwrap();
    fs::write(lab.path("shared/base.toml"), BASE.replace("\"two\"]", "\"mine\"]")).unwrap();
    let shown = lab.call(&["run", "grid.toml", "--dry-run", "--set", "grid.model=mine"]);
    shown.exits(0);
}

#[test]
fn layers_that_cannot_be_are_refused_with_their_place() {
    for (grid, args, place, says) in [
        (
            "extends = 'grid.toml'",
            &[][..],
            "grid.toml:1:11",
            "cannot extend itself: grid.toml extends grid.toml",
        ),
        (
            "extends = 'shared/loop.toml'",
            &[],
            "shared/loop.toml:1:11",
            "grid.toml extends loop.toml extends grid.toml",
        ),
        ("extends = 'no.toml'", &[], "grid.toml:1:11", "cannot read what is extended"),
        ("extends = 3", &[], "grid.toml:1:11", "must be a file or a list of files, not 3"),
        ("extends = 'shared/not.toml'", &[], "shared/not.toml:1", "TOML"),
        ("profile = 3", &[], "grid.toml:1:11", "must be a table of profiles"),
        ("[profile]\nci = 3", &[], "grid.toml:2:6", "the profile `ci` must be a table"),
        ("[profile.ci]\nrepaet = 3", &[], "grid.toml:2:1", "did you mean `repeat`?"),
        ("[profile.ci]\nrepeat = 3", &["--profile", "cj"], "command line", "did you mean `ci`?"),
        ("[profile.ci]\ninherits = 'x'", &[], "grid.toml:2:12", "no profile `x`"),
        (
            "repeat = 3",
            &["--profile", "ci"],
            "command line",
            "write its settings below [profile.ci]",
        ),
        ("[profile.ci]\ninherits = 'x'", &["--profile", "ci"], "grid.toml:2:12", "no profile `x`"),
        (
            "[profile.ci]\ninherits = 'ci'",
            &["--profile", "ci"],
            "grid.toml:2:12",
            "inherits itself",
        ),
        (
            "[profile.ci]\ninherits = 1",
            &["--profile", "ci"],
            "grid.toml:2:12",
            "must be the name of a profile",
        ),
    ] {
        refused(grid, args, place, says);
    }
}

/// The grid is refused with this said of this place, and nothing is written.
fn refused(grid: &str, args: &[&str], place: &str, says: &str) {
    let lab = Lab::new(grid);
    fs::create_dir(lab.path("shared")).unwrap();
    fs::write(lab.path("shared/loop.toml"), "extends = '../grid.toml'").unwrap();
    fs::write(lab.path("shared/not.toml"), "a = = 1").unwrap();
    let shown = lab.call(&[&["run", "grid.toml"], args].concat()).exits(2);
    for wanted in [place, says] {
        assert!(shown.stderr.contains(wanted), "{grid}: {wanted}\n{}", shown.stderr);
    }
    assert!(!lab.path("results").exists(), "{grid}");
}

#[test]
fn profiles_that_nobody_has_asked_for_are_checked_whole() {
    for (grid, args, place, says) in [
        ("[profile.ci]\ntrain.epoch = 3", &[][..], "grid.toml:2:7", "did you mean `epochs`?"),
        ("[profile.ci]\nstop.within = '200%'", &[], "grid.toml:2:15", "`within` must be"),
        ("[profile.ci]\ngrid.depth = [2, 0]", &[], "grid.toml:2:18", "`depth` must be"),
        (
            "[profile.ci]\ngrid.depth = { from = 3, to = 2, steps = 2 }",
            &[],
            "grid.toml:2:31",
            "from 3 to 2 is empty",
        ),
        (
            "[profile.ci]\nmetrics.f1.better = 'more'",
            &["--profile", "ci"],
            "grid.toml:2:21",
            "`better` must be",
        ),
        ("[profile.ci]\nmetrics.f1.better = 'more'", &[], "grid.toml:2:21", "`better` must be"),
        ("[profile.ci]\nmodels.a.steps = 1", &[], "grid.toml:2:18", "`steps` must be"),
        (
            "[[profile.ci.override]]\nmatch = { depth = 0 }\nstop.looks = 'x'",
            &[],
            "grid.toml:2:19",
            "`depth` must be",
        ),
        (
            "[[profile.ci.override]]\nmatch = { depth = 2 }\nstop.looks = 'x'",
            &[],
            "grid.toml:3:14",
            "`looks` must be",
        ),
    ] {
        refused(grid, args, place, says);
    }
}
