//! Parts of a grid: whose a cell is, what a scheduler says, what stands in the folder of a part.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::support::{Lab, Shown};

/// Variables from which `--shard auto` tells the part: those of the machine that runs the tests are no part of them.
const INDEXES: [&str; 5] = [
    "SLURM_ARRAY_TASK_ID",
    "JOB_COMPLETION_INDEX",
    "SKYPILOT_NODE_RANK",
    "PARALLEL_SEQ",
    "CI_NODE_INDEX",
];

/// Nine cells of a recorded table, three runs each.
const GRID: &str = r#"
name = "t"
repeat = 3
[models.old]
recorded = "table.csv"
[grid]
model = "old"
a = [1, 2, 3]
b = ["x", "y", "z"]
"#;

pub(crate) fn lab() -> Lab {
    let lab = Lab::new(GRID);
    let mut table = "a,b,command.time@0,command.time@1,command.time@2\n".to_owned();
    for a in 1..=3 {
        for (at, b) in ["x", "y", "z"].iter().enumerate() {
            let time = 10 * a + at;
            writeln!(table, "{a},{b},{time},{time}.1,{time}.3").unwrap();
        }
    }
    fs::write(lab.path("table.csv"), table).unwrap();
    lab
}

/// The runs of each part, by the folder that it has by default.
fn parts(lab: &Lab, count: usize, more: &[&str]) -> Vec<BTreeSet<String>> {
    let part = |index| {
        let shard = format!("{index}/{count}");
        lab.run(&[&["--shard", &shard, "-q"], more].concat()).exits(0);
        let rows = crate::support::rows(
            &fs::read_to_string(lab.path(&format!("results/t-{index}-of-{count}/report.csv")))
                .unwrap(),
        );
        rows.iter().map(|row| row["run"].clone()).collect()
    };
    (1..=count).map(part).collect()
}

fn cell(run: &str) -> &str {
    run.strip_suffix("-r2").or(run.strip_suffix("-r3")).unwrap_or(run)
}

/// `perftune run` with these variables of a scheduler.
fn under(lab: &Lab, variables: &[(&str, &str)], args: &[&str]) -> Shown {
    let mut command = lab.perftune(&[&["run", "grid.toml", "--shard", "auto"], args].concat());
    for name in INDEXES {
        command.env_remove(name);
    }
    Shown::of(command.envs(variables.iter().copied()).output().unwrap())
}

#[test]
fn the_parts_of_a_grid_are_its_partition_and_no_filter_moves_a_cell() {
    let lab = lab();
    let whole = parts(&lab, 4, &[]);
    let sizes: Vec<usize> = whole.iter().map(BTreeSet::len).collect();
    assert!(sizes.iter().all(|size| [6, 9].contains(size)), "{sizes:?}");
    let mut owners: BTreeMap<&str, usize> = BTreeMap::new();
    for (part, runs) in whole.iter().enumerate() {
        for run in runs {
            assert_eq!(*owners.entry(cell(run)).or_insert(part), part, "{run}");
        }
    }
    assert_eq!((owners.len(), sizes.iter().sum::<usize>()), (9, 27));
    for (part, runs) in parts(&lab, 4, &["--only", "b=y", "--fresh"]).iter().enumerate() {
        assert!(runs.iter().all(|run| owners[cell(run)] == part), "{runs:?}");
    }
    // What was left out by the filter is run by the part whose it is.
    for (part, runs) in parts(&lab, 4, &["--resume"]).iter().enumerate() {
        assert_eq!(*runs, whole[part]);
    }
}

#[test]
fn a_part_knows_the_whole_grid() {
    let lab = lab();
    let manifest = |folder: &str| -> Value {
        let text = fs::read_to_string(lab.path(folder).join("manifest.json")).unwrap();
        serde_json::from_str(&text).unwrap()
    };
    lab.run(&["-q"]).exits(0);
    let whole = manifest("results/t")["grid"].clone();
    assert_eq!(whole["cells"].as_array().unwrap().len(), 9);
    assert_eq!(whole["shard"], Value::Null);
    lab.run(&["-q", "--shard", "2/4", "--only", "a=1,2"]).exits(0);
    let part = manifest("results/t-2-of-4")["grid"].clone();
    assert_eq!((&part["cells"], &part["shard"]), (&whole["cells"], &Value::from("2/4")));
    // What a table lacks is no cell.
    let table = fs::read_to_string(lab.path("table.csv")).unwrap();
    fs::write(lab.path("table.csv"), table.replace("1,x,10,10.1,10.3\n", "")).unwrap();
    for only in [&[][..], &["--only", "a=1"]] {
        lab.run(&[&["-q", "--fresh"], only].concat()).exits(0);
        assert_eq!(manifest("results/t")["grid"]["cells"].as_array().unwrap().len(), 8);
    }
}

#[test]
fn a_part_without_a_cell_is_a_success_that_says_so() {
    let lab = lab();
    let small = ["--set", "grid.a=1", "--only", "b=x"];
    for (part, more) in [("1/4", &[][..]), ("2/4", &["--strict"]), ("3/4", &["--resume"])] {
        let shown = lab.run(&[&["--shard", part], &small[..], more].concat());
        if shown.code == Some(0) && shown.stdout.contains("0 runs") {
            let says = format!("note: no cell is in part {part}: nothing is to be run");
            assert!(shown.stderr.contains(&says), "{shown:#?}");
            let folder = format!("results/t-{}-of-4", &part[..1]);
            lab.call(&["report", &folder]).exits(0);
        }
    }
    let one = ["--shard", "1/2", "--set", "grid.a=1", "--set", "grid.b=\"x\""];
    let other = ["--shard", "2/2", "--set", "grid.a=1", "--set", "grid.b=\"x\""];
    let shown = [lab.run(&one).exits(0), lab.run(&other).exits(0)];
    let empty = shown.iter().filter(|shown| shown.stderr.contains("no cell is in part"));
    assert_eq!(empty.count(), 1, "{shown:#?}");
    assert_eq!(lab.run(&[&other[..], &["--dry-run"]].concat()).exits(0).code, Some(0));
}

#[test]
fn a_scheduler_says_which_part_it_is() {
    let lab = lab();
    let slurm = [
        ("SLURM_ARRAY_TASK_ID", "1"),
        ("SLURM_ARRAY_TASK_MIN", "0"),
        ("SLURM_ARRAY_TASK_MAX", "3"),
        ("SLURM_ARRAY_TASK_STEP", "1"),
        ("SLURM_ARRAY_TASK_COUNT", "4"),
    ];
    let shown = under(&lab, &slurm, &[]).exits(0);
    let says = "note: part 2/4 of the grid, by SLURM_ARRAY_TASK_ID=1, SLURM_ARRAY_TASK_COUNT=4\n";
    assert!(shown.stderr.contains(says), "{shown:#?}");
    assert!(lab.path("results/t-2-of-4/report.csv").exists());
    for (variables, says) in [
        (&[][..], "no scheduler says which part this is"),
        (&[("JOB_COMPLETION_INDEX", "1")], "hint: set PERFTUNE_SHARDS to the number of parts"),
        (&[("JOB_COMPLETION_INDEX", "4"), ("PERFTUNE_SHARDS", "4")], "there is no such part"),
        (&[("CI_NODE_INDEX", "one"), ("CI_NODE_TOTAL", "4")], "`one`, and not a whole number"),
    ] {
        let shown = under(&lab, variables, &["--out", "other"]).exits(2);
        assert!(shown.stderr.contains(says), "{shown:#?}");
    }
    assert!(!lab.path("other").exists());
}

fn page() -> String {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/clusters.md");
    fs::read_to_string(page).unwrap()
}

fn has(program: &str) -> bool {
    Command::new(program).arg("--version").output().is_ok_and(|output| output.status.success())
}

#[test]
fn gnu_parallel_runs_the_parts_as_the_page_says() {
    if !has("parallel") {
        eprintln!("left out: there is no GNU parallel here");
        return;
    }
    let lab = lab();
    let page = page();
    let by_place = page.lines().find(|line| line.starts_with("parallel --jobs 1 perftune"));
    let auto = "parallel --jobs 1 -n0 perftune run grid.toml --shard auto --resume ::: 1 2 3 4";
    for (line, started) in [(by_place.unwrap(), "started"), (auto, "part 4/4 of the grid, by")] {
        let line = line.replace("perftune run", "\"$PERFTUNE\" run");
        let mut command = Command::new("sh");
        for name in INDEXES {
            command.env_remove(name);
        }
        command
            .args(["-c", &line])
            .current_dir(lab.path(""))
            .env("PERFTUNE", env!("CARGO_BIN_EXE_perftune"))
            .env("PERFTUNE_SHARDS", "4")
            .env("HOME", lab.path(""));
        let shown = Shown::of(command.output().unwrap()).exits(0);
        assert!(shown.stderr.contains(started), "{shown:#?}");
    }
    assert_eq!(parts(&lab, 4, &["--resume"]).iter().map(BTreeSet::len).sum::<usize>(), 27);
}

#[test]
fn the_manifests_of_the_page_are_yaml_and_the_job_one_of_kubernetes() {
    let page = page();
    let mut found = page.split("```yaml\n").skip(1).map(|rest| rest.split("```").next().unwrap());
    let (job, task) = (found.next().unwrap(), found.next().unwrap());
    assert!(job.contains("completionMode: Indexed") && task.contains("num_nodes: 4"));
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("job.yaml");
    let parse = ["-c", "import sys, yaml; yaml.safe_load(open(sys.argv[1]))"];
    let parses = Command::new("python3").args(["-c", "import yaml"]).status();
    for manifest in [job, task] {
        // A tab or a stray quote is all that hand-written YAML of this kind gets wrong.
        assert!(!manifest.contains('\t') && manifest.matches('"').count() % 2 == 0);
        fs::write(&path, manifest).unwrap();
        if parses.as_ref().is_ok_and(std::process::ExitStatus::success) {
            let read = Command::new("python3").args(parse).arg(&path).status().unwrap();
            assert!(read.success(), "{manifest}");
        }
    }
    if !has("kubernetes-validate") {
        eprintln!("left out: there is no kubernetes-validate here");
        return;
    }
    fs::write(&path, job).unwrap();
    let valid = Command::new("kubernetes-validate").arg("--strict").arg(&path).output().unwrap();
    assert!(valid.status.success(), "{valid:?}");
}
