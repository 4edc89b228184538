//! `perftune merge`: parts of a grid become the whole, and what is no part is refused.

use std::collections::BTreeMap;
use std::fs;
use std::process::Command;
use std::time::SystemTime;

use rustix::process::Signal;
use serde_json::Value;

use crate::shards::lab;
use crate::support::{Lab, Running, Shown, rows};

/// The files that hold no time and no machine.
const REPORTS: [&str; 4] = ["report.csv", "metrics.csv", "summary.csv", "summary_metrics.csv"];

/// Makes these of the three parts of the grid of nine cells.
fn made(lab: &Lab, parts: &[usize]) {
    for index in parts {
        lab.run(&["-q", "--shard", &format!("{index}/3")]).exits(0);
    }
}

fn part(index: usize) -> String {
    format!("results/t-{index}-of-3")
}

fn merge(lab: &Lab, parts: &[&str], more: &[&str]) -> Shown {
    lab.call(&[&["merge"], parts, &["--out", "results/m"], more].concat())
}

fn merge_all(lab: &Lab, more: &[&str]) -> Shown {
    let parts = [1, 2, 3].map(part);
    merge(lab, &parts.each_ref().map(String::as_str), more)
}

fn text(lab: &Lab, name: &str) -> String {
    fs::read_to_string(lab.path(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

fn manifest(lab: &Lab, folder: &str) -> Value {
    serde_json::from_str(&text(lab, &format!("{folder}/manifest.json"))).unwrap()
}

/// Changes what a manifest says, as by hand.
fn amend(lab: &Lab, folder: &str, pointer: &str, value: Value) {
    let mut all = manifest(lab, folder);
    all.as_object_mut().unwrap().remove("checksum");
    *all.pointer_mut(pointer).unwrap() = value;
    fs::write(lab.path(folder).join("manifest.json"), all.to_string()).unwrap();
}

fn flat(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Every file below `results`, with what is in it and when it was changed.
fn state(lab: &Lab) -> BTreeMap<String, (Vec<u8>, SystemTime)> {
    let files = lab.files().into_iter().filter(|file| file.starts_with("results/t"));
    let state = |file: String| {
        let path = lab.path(&file);
        (file, (fs::read(&path).unwrap(), fs::metadata(&path).unwrap().modified().unwrap()))
    };
    files.map(state).collect()
}

#[test]
fn the_parts_of_a_grid_become_what_one_machine_makes_of_it() {
    let lab = lab();
    made(&lab, &[1, 2, 3]);
    let before = state(&lab);
    let shown = merge_all(&lab, &[]).exits(0);
    assert!(shown.stderr.is_empty(), "{shown:#?}");
    assert_eq!(state(&lab), before);
    let whole = lab.run(&["-q", "--out", "results/one"]).exits(0);
    for name in REPORTS {
        let [merged, one] = ["m", "one"].map(|of| text(&lab, &format!("results/{of}/{name}")));
        assert_eq!(merged, one, "{name}");
    }
    let told = |shown: &Shown| shown.stdout.split("9 cells:").next().unwrap().to_owned();
    assert_eq!(told(&shown), told(&whole));
    // But for the time the pages are the same, and but for time and session the manifests.
    let page = |of: &str| -> String {
        let page = text(&lab, &format!("{of}/report.html"));
        let lines = page.lines().filter(|line| !line.contains(" UTC, perftune "));
        lines.collect::<Vec<_>>().join("\n")
    };
    assert!(page("results/m") == page("results/one"));
    let [mut merged, mut one] = ["results/m", "results/one"].map(|of| manifest(&lab, of));
    for manifest in [&mut merged, &mut one] {
        let members = manifest.as_object_mut().unwrap();
        for own in ["created", "session", "checksum"] {
            members.remove(own).unwrap();
        }
        members["machine"]["load_1min"] = Value::Null;
    }
    assert_eq!(merged, one);
    assert_eq!(lab.call(&["report", "results/m"]).exits(0).stdout, shown.stdout);
    let check = lab.call(&["check", "results/one", "results/m"]);
    assert!(![Some(2), Some(4)].contains(&check.code), "{check:#?}");
    let again = lab.run(&["--resume", "--out", "results/m"]).exits(0);
    assert!(!again.stderr.contains("started"), "{again:#?}");
    assert!(!lab.files().iter().any(|file| file.contains(".merging")), "{:?}", lab.files());
}

#[test]
fn what_is_missing_is_named_and_can_be_made() {
    let lab = lab();
    made(&lab, &[1, 3]);
    let shown = merge(&lab, &[&part(1), &part(3)], &[]).exits(5);
    let says = "warning: 3 of 9 cells are missing: ";
    assert!(shown.stderr.contains(says) && shown.stderr.contains("; no part 2/3 was given"));
    // Nobody knows how many runs the other cells would have had.
    assert!(flat(&shown.stdout).contains("6 cells: ") && !shown.stdout.contains("not run"));
    assert_eq!(text(&lab, "results/m/report.csv").lines().count(), 1 + 18);
    let rest = lab.run(&["--resume", "--out", "results/m", "--progress", "plain"]).exits(0);
    assert!(rest.stderr.contains("started"), "{rest:#?}");
    lab.run(&["-q", "--out", "results/one"]).exits(0);
    let sorted = |of: &str| {
        let mut rows: Vec<String> =
            text(&lab, &format!("results/{of}/summary.csv")).lines().map(str::to_owned).collect();
        rows.sort();
        rows
    };
    assert_eq!(sorted("m"), sorted("one"));

    // A run that its part had planned, and has not.
    made(&lab, &[2]);
    fs::remove_file(lab.path("results/t-1-of-3/runs/old-a_3-b_x-r2/done.json")).unwrap();
    fs::remove_dir_all(lab.path("results/m")).unwrap();
    let shown = merge_all(&lab, &[]).exits(5);
    let says = "warning: 1 run of cells that are there missing: old-a_3-b_x-r2\n";
    assert!(shown.stderr.ends_with(says), "{shown:#?}");
}

#[test]
fn of_two_results_of_a_run_none_is_taken_unasked() {
    let lab = lab();
    made(&lab, &[1, 2, 3]);
    let again = ["-q", "--shard", "1/3", "--out", "results/t-again"];
    lab.run(&again).exits(0);
    let refused = merge(&lab, &[&part(1), "results/t-again"], &[]).exits(2);
    let says = flat(&refused.stderr);
    assert!(says.contains("9 runs are in several parts: old-a_"), "{says}");
    assert!(says.contains("(in results/t-1-of-3 and results/t-again)"), "{says}");
    assert!(says.contains("and 4 more") && says.contains("--prefer newest"), "{says}");
    assert!(!lab.path("results/m").exists());
    let newest = ["--prefer", "newest"];
    merge(&lab, &["results/t-again", &part(3), &part(2), &part(1)], &newest).exits(0);
    let parts = ["results/t-1-of-3", "results/t-again"];
    let done = |folder: &str, run: &str| text(&lab, &format!("{folder}/runs/{run}/done.json"));
    for run in fs::read_dir(lab.path(parts[0]).join("runs")).unwrap() {
        let run = run.unwrap().file_name().into_string().unwrap();
        assert_eq!(done("results/m", &run), done(parts[1], &run));
        assert_ne!(done("results/m", &run), done(parts[0], &run));
    }
    // A clock that is ahead is told of.
    let run = fs::read_dir(lab.path(parts[0]).join("runs")).unwrap().next().unwrap().unwrap();
    let marker = run.path().join("done.json");
    let mut ahead: Value = serde_json::from_str(&fs::read_to_string(&marker).unwrap()).unwrap();
    ahead["ended"] = "2999-01-01T00:00:00Z".into();
    ahead.as_object_mut().unwrap().remove("checksum");
    fs::write(&marker, ahead.to_string()).unwrap();
    let out = ["--out", "results/skewed", "--prefer", "newest"];
    let shown = lab.call(&[&["merge"], &parts[..], &out].concat()).exits(5);
    assert!(shown.stderr.contains("runs of results/t-1-of-3 end in the future"), "{shown:#?}");
}

#[test]
fn a_run_that_failed_gives_way_to_a_whole_one() {
    let lab = lab();
    made(&lab, &[1, 2, 3]);
    // By hand, as a run that failed is marked.
    let copy = lab.path("results/t-failed");
    let copied = Command::new("cp").arg("-r").arg(lab.path(&part(1))).arg(&copy).status().unwrap();
    assert!(copied.success());
    for entry in fs::read_dir(copy.join("runs")).unwrap() {
        let marker = entry.unwrap().path().join("done.json");
        let mut done: Value = serde_json::from_str(&fs::read_to_string(&marker).unwrap()).unwrap();
        done["status"] = "failed".into();
        done.as_object_mut().unwrap().remove("checksum");
        fs::write(&marker, done.to_string()).unwrap();
    }
    merge(&lab, &["results/t-failed", &part(1), &part(2), &part(3)], &[]).exits(0);
    let taken = text(&lab, "results/m/runs/old-a_3-b_x/done.json");
    assert!(taken.contains("\"completed\""), "{taken}");
}

#[test]
fn what_is_no_part_of_the_grid_is_refused() {
    let lab = lab();
    made(&lab, &[1]);
    let one = part(1);
    for (args, name) in [
        (&["--set", "name=\"u\""][..], "`name` is \"t\" in results/t-1-of-3 and \"u\" in"),
        (&["--seed", "7"], "`seed` is not set in results/t-1-of-3 and 7 in results/t-other"),
        (&["--full"], "`full` is not set in results/t-1-of-3 and true in results/t-other"),
        (&["--set", "stop.within=1%"], "`stop` is not set in"),
        (&["--set", "grid.a=[1,2]"], "`grid.a` is [1,2,3] in results/t-1-of-3 and [1,2] in"),
    ] {
        let run = ["-q", "--fresh", "--out", "results/t-other", "--repeat", "1"];
        lab.run(&[&run[..], args].concat()).exits(0);
        let says = flat(&merge(&lab, &[&one, "results/t-other"], &[]).exits(2).stderr);
        assert!(
            says.contains("hold results of different grids: ") && says.contains(name),
            "{says}"
        );
    }
    // How often and how long a grid is run makes no other grid of it.
    let table = text(&lab, "table.csv");
    fs::write(lab.path("table.csv"), table.replace(",10,", ",11,")).unwrap();
    lab.run(&["-q", "--fresh", "--shard", "2/3", "--out", "results/t-other"]).exits(0);
    let says = flat(&merge(&lab, &[&one, "results/t-other"], &[]).exits(2).stderr);
    assert!(says.contains("`recorded` is \"table.csv ("), "{says}");
    fs::write(lab.path("table.csv"), table).unwrap();

    lab.call(&["exec", "--out", "results/t-exec", "-q", "--", "true"]).exits(0);
    fs::create_dir(lab.path("results/empty")).unwrap();
    lab.run(&["-q", "--shard", "2/3"]).exits(0);
    for (parts, says) in [
        (&["results/t-1-of-3", "./results/t-1-of-3"][..], "a results folder is given twice"),
        (&["results/t-1-of-3", "results/t-exec"], "does not say of which grid it is a part"),
        (&["results/t-1-of-3", "results/empty"], "is not a results folder of perftune"),
        (&["results/t-1-of-3", "results/gone"], "is not a results folder of perftune"),
    ] {
        let shown = merge(&lab, parts, &[]).exits(2);
        assert!(flat(&shown.stderr).contains(says), "{shown:#?}");
    }
    amend(&lab, &part(2), "/format/major", 1.into());
    let shown = merge(&lab, &[&one, &part(2)], &[]).exits(2);
    assert!(shown.stderr.contains("has format 1.0"), "{shown:#?}");
    amend(&lab, &part(2), "/format/major", 4.into());
    amend(&lab, &part(2), "/perftune", "9.9.9".into());
    let shown = merge(&lab, &[&one, &part(2)], &[]).exits(5);
    assert!(
        shown.stderr.contains("note: the parts were made by perftune ")
            && shown.stderr.contains(" and 9.9.9")
    );
    let shown = merge(&lab, &[&one, &part(2)], &[]).exits(2);
    assert!(shown.stderr.contains("results/m is there and not empty"), "{shown:#?}");
    assert!(!lab.files().iter().any(|file| file.contains(".merging")), "{:?}", lab.files());
}

#[test]
fn a_part_that_is_being_written_is_left_alone() {
    let lab = Lab::new(
        "name = \"t\"\n[models.sleeper]\ncommand = [\"sleep\", \"1000\"]\nsteps = false\n[grid]\nmodel = \"sleeper\"\ndataset = \"none\"\n",
    );
    let mut running = Running::new(lab.perftune(&["run", "grid.toml", "--progress", "plain"]));
    running.until("started");
    let shown = merge(&lab, &["results/t"], &[]).exits(2);
    assert!(shown.stderr.contains("another perftune is writing to results/t"), "{shown:#?}");
    running.signal(Signal::INT);
    running.end().exits(130);
}

/// Makes a folder one of a machine with another number of cores.
fn of_another_machine(lab: &Lab, folder: &str) {
    amend(lab, folder, "/fingerprint/hard/cpu.cores", "999".into());
}

fn machines(lab: &Lab, folder: &str) -> BTreeMap<String, String> {
    let rows = rows(&text(lab, &format!("{folder}/report.csv")));
    rows.into_iter().map(|row| (row["run"].clone(), row["machine"].clone())).collect()
}

#[test]
fn cells_of_different_machines_are_told_apart_and_compared_with_nothing() {
    let lab = lab();
    let objectives = "[objectives]\nminimize = [\"command.time\"]\n";
    fs::write(lab.path("grid.toml"), text(&lab, "grid.toml") + objectives).unwrap();
    made(&lab, &[1, 2, 3]);
    of_another_machine(&lab, &part(2));
    let shown = merge_all(&lab, &[]).exits(0);
    let table = shown.stdout.clone();
    assert!(table.lines().all(|line| line.chars().count() <= 80), "{table}");
    let says = flat(&table);
    assert!(says.contains("the runs are from 2 machines: figures are combined and"), "{says}");
    assert!(says.contains("machine 1 (18 runs): cpu.cores "), "{says}");
    assert!(says.contains("machine 2 (9 runs): cpu.cores 999"), "{says}");
    let of = machines(&lab, "results/m");
    for run in fs::read_dir(lab.path(&part(2)).join("runs")).unwrap() {
        assert_eq!(of[&run.unwrap().file_name().into_string().unwrap()], "2");
    }
    assert_eq!(of.values().filter(|machine| *machine == "1").count(), 18);
    // Each machine has a front of its own.
    let fronts = rows(&text(&lab, "results/m/report.csv"));
    let fronts = fronts.iter().filter(|row| row["pareto"] == "front" && row["repeat"] == "1");
    assert_eq!(fronts.map(|row| row["machine"].clone()).collect::<Vec<_>>().len(), 2);
    let json = lab.call(&["report", "results/m", "--format", "json"]).exits(0).stdout;
    let json: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(
        json["runs"][0]["machine"],
        of[json["runs"][0]["run"].as_str().unwrap()].parse::<u32>().unwrap()
    );
    assert!(text(&lab, "results/m/report.html").contains("machine 2 (9 runs): cpu.cores 999"));
    // They are compared with no other results, and not with those of the same machines in which they made other cells.
    lab.run(&["-q", "--out", "results/one"]).exits(0);
    lab.call(&["check", "results/one", "results/m"]).exits(4);
    of_another_machine(&lab, &part(1));
    amend(
        &lab,
        &part(2),
        "/fingerprint/hard/cpu.cores",
        manifest(&lab, &part(3))["fingerprint"]["hard"]["cpu.cores"].clone(),
    );
    let parts = [part(3), part(2), part(1)];
    let out = ["--out", "results/turned"];
    let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
    lab.call(&[&["merge"], &parts[..], &out].concat()).exits(0);
    let other = lab.call(&["check", "results/m", "results/turned"]).exits(4);
    assert!(flat(&other.stdout).contains("machines"), "{other:#?}");
    // A merged folder is a part as any other.
    let whole =
        ["merge", "results/m", "results/turned", "--prefer", "newest", "--out", "results/all"];
    lab.call(&whole).exits(0);
    assert_eq!(machines(&lab, "results/all").values().filter(|of| *of == "1").count(), 18);
}

#[test]
fn a_cell_of_two_machines_is_blocked_by_them() {
    let lab = lab();
    // The second machine takes half as long again.
    let table: String =
        text(&lab, "table.csv").lines().enumerate().fold(String::new(), |all, (at, line)| {
            let mut cells: Vec<String> = line.split(',').map(str::to_owned).collect();
            if at > 0 {
                let time: f64 = cells[2].parse().unwrap();
                // The first visit of a cell has the second seed, and the third one the first.
                (cells[3], cells[4]) = (time.to_string(), (time * 1.02).to_string());
                cells[2] = (time * 1.5).to_string();
            }
            all + &cells.join(",") + "\n"
        });
    fs::write(lab.path("table.csv"), table).unwrap();
    made(&lab, &[1]);
    let (from, to) = (lab.path(&part(1)), lab.path("results/t-b"));
    assert!(Command::new("cp").arg("-r").arg(from).arg(to).status().unwrap().success());
    for entry in fs::read_dir(lab.path(&part(1)).join("runs")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let of = if name.ends_with("-r3") { part(1) } else { "results/t-b".to_owned() };
        fs::remove_dir_all(lab.path(&of).join("runs").join(name)).unwrap();
    }
    let mixed = merge(&lab, &[&part(1), "results/t-b"], &[]).exits(5);
    assert!(!mixed.stdout.contains("machine"), "{mixed:#?}");
    of_another_machine(&lab, "results/t-b");
    fs::remove_dir_all(lab.path("results/m")).unwrap();
    let width = |folder: &str| -> f64 {
        let rows = rows(&text(&lab, &format!("{folder}/summary_metrics.csv")));
        let row = rows.iter().find(|row| row["metric"] == "command.time").unwrap();
        let number = |name: &str| row[name].parse::<f64>().unwrap();
        assert!(row["note"].contains("the mean of 2 machines, which are 49% apart"), "{row:?}");
        // (1 + 1.02) / 2 and 1.5, each counted alike.
        assert!((number("mean") / 30.0 - 1.255).abs() < 1e-9, "{row:?}");
        (number("high") - number("low")) / 2.0 / number("mean")
    };
    let blocked = merge(&lab, &[&part(1), "results/t-b"], &[]).exits(5);
    assert!(flat(&blocked.stdout).contains("old x 1+2 "), "{blocked:#?}");
    assert!(width("results/m") < 0.2, "{}", width("results/m"));
    let of = rows(&text(&lab, "results/m/summary.csv"));
    assert!(of.iter().all(|row| row["machine"] == "1 2"), "{of:?}");
}

#[test]
fn a_folder_that_goes_on_elsewhere_knows_whose_each_run_is() {
    let lab = lab();
    lab.run(&["-q", "--only", "a=1", "--out", "results/m"]).exits(0);
    of_another_machine(&lab, "results/m");
    let shown = lab.run(&["-q", "--resume", "--out", "results/m"]).exits(0);
    assert!(flat(&shown.stdout).contains("machine 1 (9 runs): cpu.cores 999"), "{shown:#?}");
    for (run, machine) in machines(&lab, "results/m") {
        assert_eq!(machine, if run.starts_with("old-a_1-") { "1" } else { "2" }, "{run}");
    }
    let again = lab.call(&["report", "results/m"]).exits(0);
    let told = |shown: &Shown| shown.stdout.split("9 cells:").next().unwrap().to_owned();
    assert_eq!(told(&again), told(&shown));
    lab.run(&["-q", "--fresh", "--out", "results/m"]).exits(0);
    assert!(manifest(&lab, "results/m").get("machines").is_none());
}
