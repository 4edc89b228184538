//! Tasks of a cluster whose clients are scripts that say what a test wants: what is submitted, what a task does of its own, and what is
//! said where Slurm does not do as it should. The real Slurm is in `slurm.rs`.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use rustix::process::Signal;
use serde_json::Value;

use crate::shards;
use crate::support::{Lab, Running, Shown};

/// The files that hold no time and no machine.
pub(crate) const REPORTS: [&str; 4] =
    ["report.csv", "metrics.csv", "summary.csv", "summary_metrics.csv"];

/// Two cells of real time: a short one, and one that trains for hours.
const LONG: &str = r#"
name = "t"
repeat = 1
[worker]
program = "scripted"
options = { time = "real", talks = true, step_us = 1000.0, steps_per_epoch = 100 }
[grid]
model = "one"
dataset = "made-up"
batch_size = [16, 64]
[train]
epochs = 100000
[[override]]
match = { batch_size = 16 }
train.epochs = 1
[serve]
enabled = false
[stop]
enabled = false
[engine]
cells_per_task = 2
"#;

/// A cluster of scripts.
pub(crate) struct Fake {
    pub(crate) lab: Lab,
}

impl Fake {
    pub(crate) fn new(lab: Lab) -> Self {
        let fake = Self { lab };
        fs::create_dir(fake.lab.path("bin")).unwrap();
        fake.client("scontrol", "echo \"$*\" >> scontrol.log; echo 'MaxArraySize = 1001'");
        fake.client("sbatch", "echo 4711");
        fake.client("squeue", "cat queue 2>/dev/null || true");
        fake.client("scancel", "echo \"$*\" >> scancel.log");
        fake.client("sacct", "echo 'Slurm accounting storage is disabled' >&2; exit 1");
        fake
    }

    /// What one of the clients does, in the folder of the grid.
    pub(crate) fn client(&self, name: &str, does: &str) {
        let path = self.lab.path("bin").join(name);
        fs::write(&path, format!("#!/bin/sh\n{does}\n")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }

    pub(crate) fn with(&self, mut command: Command) -> Command {
        let path = std::env::var("PATH").unwrap();
        command.env("PATH", format!("{}:{path}", self.lab.path("bin").display()));
        command
    }

    pub(crate) fn call(&self, args: &[&str]) -> Shown {
        Shown::of(self.with(self.lab.perftune(args)).output().unwrap())
    }

    /// `perftune run grid.toml --engine slurm` with these arguments.
    pub(crate) fn submit(&self, args: &[&str]) -> Shown {
        self.call(&[&["run", "grid.toml", "--engine", "slurm"], args].concat())
    }

    /// What the task of this number is started with, and by which environment.
    pub(crate) fn command(&self, submission: u32, task: usize, restart: u32) -> Command {
        let folder = self.lab.path("results/t");
        let (folder, number) = (folder.to_str().unwrap(), submission.to_string());
        let nonce = self.units(submission)["nonce"].as_str().unwrap().to_owned();
        let mut command = self.with(self.lab.perftune(&["__engine-task", folder, &number, &nonce]));
        command
            .env("SLURM_ARRAY_JOB_ID", "4711")
            .env("SLURM_ARRAY_TASK_ID", task.to_string())
            .env("SLURMD_NODENAME", "n1");
        if restart > 0 {
            command.env("SLURM_RESTART_COUNT", restart.to_string());
        }
        command
    }

    fn task(&self, submission: u32, task: usize, restart: u32) -> Shown {
        Shown::of(self.command(submission, task, restart).output().unwrap())
    }

    pub(crate) fn units(&self, submission: u32) -> Value {
        json(&self.lab, &format!("results/t/submissions/{submission:04}/units.json"))
    }

    /// Every task of a submission, one after the other.
    pub(crate) fn all(&self, submission: u32) {
        for task in 0..self.units(submission)["units"].as_array().unwrap().len() {
            self.task(submission, task, 0).exits(0);
        }
    }

    pub(crate) fn parts(&self) -> usize {
        fs::read_dir(self.lab.file("parts")).unwrap().count()
    }

    /// How the attempts of all units have ended, sorted.
    pub(crate) fn ends(&self) -> Vec<String> {
        let ended =
            |file: &String| file.starts_with("results/t/attempts/") && file.ends_with("ended.json");
        let files = self.lab.files().into_iter().filter(ended);
        let mut ends: Vec<String> =
            files.map(|file| json(&self.lab, &file)["end"].as_str().unwrap().to_owned()).collect();
        ends.sort();
        ends
    }
}

fn json(lab: &Lab, file: &str) -> Value {
    serde_json::from_str(&fs::read_to_string(lab.path(file)).unwrap()).unwrap()
}

/// Changes a file of the folder, as by hand: without a sum.
fn amend(lab: &Lab, file: &str, key: &str, value: Value) {
    let mut all = json(lab, file);
    all.as_object_mut().unwrap().remove("checksum");
    all[key] = value;
    fs::write(lab.path(file), all.to_string()).unwrap();
}

/// The reports of two folders are the same, but for what names time and machine.
#[track_caller]
pub(crate) fn same_reports(lab: &Lab, one: &str, other: &str) {
    for name in REPORTS {
        let [one, other] =
            [one, other].map(|of| fs::read_to_string(lab.path(of).join(name)).unwrap());
        assert_eq!(one, other, "{name}");
    }
}

#[test]
fn tasks_make_what_one_machine_makes_of_a_grid() {
    let fake = Fake::new(shards::lab());
    let shown = fake.submit(&["--set", "engine.cells_per_task=2"]).exits(0);
    for says in [
        "submitted 5 of 5 tasks as job 4711 (5 tasks)\n",
        "perftune status results/t ",
        "perftune cancel results/t ",
    ] {
        assert!(shown.stdout.contains(says), "{shown:#?}");
    }
    let none = fake.call(&["report", "results/t"]).exits(2);
    assert!(none.stderr.contains("no task of results/t has made anything yet"), "{none:#?}");
    // What is changed now is of no matter to what was submitted.
    fs::write(fake.lab.path("kept.toml"), fs::read(fake.lab.path("grid.toml")).unwrap()).unwrap();
    fs::write(fake.lab.path("grid.toml"), "name = \"other\"").unwrap();
    fake.task(1, 3, 0).exits(0);
    let partial = fake.call(&["report", "results/t"]).exits(0);
    assert!(partial.stderr.contains("note: partial: 7 of 9 cells are missing: "), "{partial:#?}");
    assert!(partial.stdout.contains(" not run"), "{partial:#?}");
    fake.all(1);
    let done = fake.call(&["report", "results/t"]).exits(0);
    assert!(done.stderr.is_empty(), "{done:#?}");
    assert_eq!(fake.parts(), 5);
    fake.lab.call(&["run", "kept.toml", "-q", "--out", "results/one"]).exits(0);
    same_reports(&fake.lab, "results/t", "results/one");
    let status = fake.call(&["status", "results/t"]).exits(0);
    assert_eq!(status.stdout, "t: 5 tasks: 5 done\njobs: 4711\n");
    let again = fake.call(&[
        "run",
        "kept.toml",
        "--engine",
        "slurm",
        "--resume",
        "--set",
        "engine.cells_per_task=2",
    ]);
    assert!(again.exits(0).stdout.starts_with("nothing to submit: of 5 tasks all are done"));
}

#[test]
fn of_two_copies_of_a_task_one_is_published() {
    let fake = Fake::new(Lab::new(&LONG.replace("epochs = 100000", "epochs = 20")));
    fake.submit(&[]).exits(0);
    // The second is started when the first one is at work, as after the loss of a node that is none.
    let mut first = Running::new(fake.command(1, 0, 0));
    first.until("one-made-up-b64: started");
    let second = Running::new(fake.command(1, 0, 1));
    // Which of them is the first is a matter of the machine.
    let said = [first.end().exits(0), second.end().exits(0)].map(|shown| shown.stderr).concat();
    for says in ["its results are published", "another attempt was first"] {
        assert_eq!(said.matches(says).count(), 1, "{said}");
    }
    assert_eq!((fake.parts(), fake.ends()), (1, vec!["beaten".to_owned(), "published".to_owned()]));
    // A third one has nothing to do.
    let shown = fake.task(1, 0, 2).exits(0);
    assert!(shown.stderr.contains("nothing is run"), "{shown:#?}");
    assert_eq!(fake.ends().len(), 2);
}

#[test]
fn a_task_that_was_killed_goes_on_where_it_was() {
    let fake = Fake::new(Lab::new(LONG));
    fake.submit(&["--set", "engine.max_timeouts=1"]).exits(0);
    let mut killed = Running::new(fake.command(1, 0, 0));
    killed.until("one-made-up-b64: started");
    killed.signal(Signal::KILL);
    assert_eq!(killed.end().code, None);
    assert!(fake.ends().is_empty());
    // What was whole is not made again; what is warned of its end keeps what it has.
    let mut warned = Running::new(fake.command(1, 0, 1));
    let line = warned.until(": started");
    assert!(line.contains("one-made-up-b64"), "{line}");
    warned.signal(Signal::USR2);
    let shown = warned.end().exits(130);
    assert!(shown.stderr.contains("out of time: what is whole is kept"), "{shown:#?}");
    assert_eq!((fake.parts(), fake.ends()), (0, vec!["timed_out".to_owned()]));
    let asked = fs::read_to_string(fake.lab.path("scontrol.log")).unwrap();
    assert!(asked.ends_with("requeue 4711_0\n"), "{asked}");
    let status = fake.call(&["status", "results/t"]).exits(0);
    assert!(status.stdout.contains("1 task: 1 out of time"), "{status:#?}");
    let report = fake.call(&["report", "results/t"]).exits(0);
    assert!(report.stdout.contains("cancelled"), "{report:#?}");
    // The second warning is one too many.
    let mut again = Running::new(fake.command(1, 0, 2));
    again.until("one-made-up-b64: started");
    again.signal(Signal::USR2);
    again.end().exits(130);
    let now = fs::read_to_string(fake.lab.path("scontrol.log")).unwrap();
    assert_eq!(now, asked);
    // An end that nobody has warned of is a preemption, or a cancellation.
    let mut ended = Running::new(fake.command(1, 0, 3));
    ended.until("one-made-up-b64: started");
    ended.signal(Signal::TERM);
    ended.end().exits(130);
    assert_eq!(fake.ends(), ["interrupted", "timed_out", "timed_out"]);
}

#[test]
fn a_task_that_is_not_as_it_was_submitted_runs_nothing() {
    let fake = Fake::new(shards::lab());
    fake.submit(&["--set", "engine.max_restarts=2"]).exits(0);
    let often = fake.task(1, 0, 3).exits(2);
    assert!(often.stderr.contains("started again too often"), "{often:#?}");
    let nowhere =
        Shown::of(fake.command(1, 0, 0).env_remove("SLURM_ARRAY_JOB_ID").output().unwrap());
    assert!(nowhere.exits(2).stderr.contains("no task of a Slurm job array"));
    let elsewhere = Shown::of(fake.command(1, 1, 0).current_dir("/").output().unwrap()).exits(2);
    assert!(elsewhere.stderr.contains("node n1 does not see"), "{elsewhere:#?}");
    let units = "results/t/submissions/0001/units.json";
    let (folder, before) = (fake.lab.path("results/t"), fs::read(fake.lab.path(units)).unwrap());
    let nowhere = fake.lab.path("results/nowhere");
    let mut unseen =
        fake.with(fake.lab.perftune(&["__engine-task", nowhere.to_str().unwrap(), "1", "n"]));
    unseen.env("SLURM_ARRAY_JOB_ID", "1").env("SLURM_ARRAY_TASK_ID", "0");
    let unseen = Shown::of(unseen.output().unwrap()).exits(2);
    assert!(unseen.stderr.contains("must be on a file system that all nodes share"), "{unseen:#?}");
    let mut other =
        fake.with(fake.lab.perftune(&["__engine-task", folder.to_str().unwrap(), "1", "another"]));
    other.env("SLURM_ARRAY_JOB_ID", "1").env("SLURM_ARRAY_TASK_ID", "0");
    let other = Shown::of(other.output().unwrap()).exits(2);
    assert!(other.stderr.contains("must be on a file system that all nodes share"), "{other:#?}");
    fs::write(fake.lab.path(units), before).unwrap();
    amend(&fake.lab, "results/t/plan.json", "perftune", "9.9.9".into());
    let version = fake.task(1, 2, 0).exits(2);
    assert!(version.stderr.contains("and perftune 9.9.9 submitted"), "{version:#?}");
    // Who looks from afar is told the same.
    let status = fake.call(&["status", "results/t", "--format", "csv"]).exits(0);
    for says in ["and perftune 9.9.9 submitted", "does not see", "started again 3 times"] {
        assert!(status.stdout.contains(says), "{status:#?}");
    }
    assert_eq!(fake.parts(), 0);
}

#[test]
fn runs_that_failed_are_made_again_and_the_others_kept() {
    let grid = r#"
name = "t"
repeat = 1
[models.shell]
command = ["sh", "-c", "test {size} = 1 || test -e fixed"]
[grid]
model = "shell"
dataset = "none"
size = [1, 2]
[engine]
cells_per_task = 2
"#;
    let fake = Fake::new(Lab::new(grid));
    fake.submit(&[]).exits(0);
    let failed = fake.task(1, 0, 0).exits(3);
    assert!(failed.stderr.contains("runs have failed"), "{failed:#?}");
    let report = fake.call(&["report", "results/t"]).exits(0);
    assert!(report.stdout.contains("1 failed"), "{report:#?}");
    fs::write(fake.lab.path("fixed"), "").unwrap();
    let status = fake.call(&["status", "results/t"]).exits(0);
    assert!(
        status.stdout.contains("1 task: 1 failed") && status.stdout.contains("1 run failed"),
        "{status:#?}"
    );
    assert!(status.stderr.contains("--engine slurm --resume submits again"), "{status:#?}");
    fake.submit(&["--resume"]).exits(0);
    let again = fake.task(2, 0, 0).exits(0);
    assert_eq!(again.stderr.matches(": started").count(), 1, "{again:#?}");
    let report = fake.call(&["report", "results/t"]).exits(0);
    assert!(report.stdout.contains("2 ok"), "{report:#?}");
}

#[test]
fn what_was_cancelled_does_not_begin() {
    let fake = Fake::new(shards::lab());
    fake.submit(&[]).exits(0);
    fake.task(1, 0, 0).exits(0);
    let shown = fake.call(&["cancel", "results/t"]).exits(0);
    assert_eq!(shown.stdout, "cancelled 1 job; 1 of 9 tasks are done\n");
    let name = fake.units(1)["job_name"].as_str().unwrap().to_owned();
    let asked = fs::read_to_string(fake.lab.path("scancel.log")).unwrap();
    assert!(asked.contains(&format!("--name {name}")), "{asked}");
    fake.task(1, 1, 0).exits(130);
    let status = fake.call(&["status", "results/t"]).exits(0);
    assert!(status.stdout.starts_with("t: 9 tasks: 1 done, 8 cancelled\n"), "{status:#?}");
    let shown = fake.submit(&["--resume"]).exits(0);
    assert!(
        shown.stdout.contains("submitted 8 of 9 tasks") && shown.stdout.contains("1 were done"),
        "{shown:#?}"
    );
    fake.all(2);
    assert_eq!(fake.parts(), 9);
}

#[test]
fn nothing_is_submitted_twice() {
    let fake = Fake::new(shards::lab());
    fake.submit(&[]).exits(0);
    let name = fake.units(1)["job_name"].as_str().unwrap().to_owned();
    let queue = |tasks: &[usize], word: &str| {
        let line = |task: &usize| format!("{name}|4711_{task}|{word}||Priority\n");
        fs::write(fake.lab.path("queue"), tasks.iter().map(line).collect::<String>()).unwrap();
    };
    queue(&[0, 1, 2, 3, 4, 5, 6, 7, 8], "PENDING");
    let shown = fake.submit(&["--resume"]).exits(0);
    assert!(shown.stdout.starts_with("nothing to submit"), "{shown:#?}");
    // The array of the new submission is dense, whichever are missing.
    queue(&[0, 1, 2, 4, 5, 6, 8], "PENDING");
    fake.submit(&["--resume"]).exits(0);
    let script = fs::read_to_string(fake.lab.path("results/t/submissions/0002/job.sh")).unwrap();
    assert!(script.contains("#SBATCH --array=0-1\n"), "{script}");
    // Where nobody knows, nothing is done; what is done stays known.
    fake.task(1, 0, 0).exits(0);
    fake.client("squeue", "echo 'Unable to contact slurm controller' >&2; exit 1");
    let shown = fake.submit(&["--resume"]).exits(2);
    assert!(
        shown.stderr.contains(
            "nobody knows which tasks are still to come: `squeue` refused: Unable to contact"
        ),
        "{shown:#?}"
    );
    let status = fake.call(&["status", "results/t"]).exits(0);
    assert!(status.stdout.starts_with("t: 9 tasks: 1 done, 8 unknown\n"), "{status:#?}");
    assert!(status.stderr.contains("warning: `squeue` refused"), "{status:#?}");
    let other = fake.submit(&["--resume", "--set", "grid.a=[1,2]"]).exits(2);
    assert!(other.stderr.contains("was submitted with another grid: grid.a"), "{other:#?}");
    for (args, says) in [
        (&["run", "grid.toml"][..], "are made by tasks of a cluster"),
        (&["run", "grid.toml", "--resume"], "are made by tasks of a cluster"),
        (&["run", "grid.toml", "--engine", "slurm"], "are made by tasks of a cluster"),
        (&["run", "grid.toml", "--engine", "slurm", "--fresh"], "may still run"),
    ] {
        let shown = fake.call(args).exits(2);
        let flat = shown.stderr.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(flat.contains(says), "{args:?}: {shown:#?}");
    }
}

#[test]
fn a_folder_whose_first_submission_was_killed_is_begun_anew() {
    let fake = Fake::new(shards::lab());
    // As it is left before its plan is there.
    for name in ["asked", "submissions", "attempts", "parts"] {
        fs::create_dir_all(fake.lab.file(name)).unwrap();
    }
    fake.submit(&[]).exits(0);
    // What was submitted is not begun anew, whoever took its plan away.
    fs::remove_file(fake.lab.file("plan.json")).unwrap();
    fake.submit(&[]).exits(2);
}

#[test]
fn a_look_costs_one_question() {
    let fake = Fake::new(shards::lab());
    fake.client("scontrol", "echo 'MaxArraySize = 4'");
    fake.client("squeue", "echo asked >> asked");
    fake.submit(&[]).exits(0);
    for looks in 1..=3 {
        fake.call(&["status", "results/t"]).exits(0);
        let asked = fs::read_to_string(fake.lab.path("asked")).unwrap();
        assert_eq!(asked.lines().count(), looks, "three arrays");
    }
}

#[test]
fn a_task_whose_disk_is_full_says_so_and_the_others_go_on() {
    let fake = Fake::new(Lab::new(
        &LONG
            .replace("epochs = 100000", "epochs = 20")
            .replace("cells_per_task = 2", "cells_per_task = 1"),
    ));
    fake.submit(&[]).exits(0);
    // No file of this task may be larger than what begins an attempt.
    let command = fake.command(1, 1, 0);
    let mut full = Command::new("sh");
    full.args(["-c", "trap '' XFSZ; ulimit -f 4; exec \"$@\"", "sh"]);
    full.arg(command.get_program()).args(command.get_args());
    full.current_dir(command.get_current_dir().unwrap());
    full.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let shown = Shown::of(full.output().unwrap());
    assert!(![Some(0), Some(3)].contains(&shown.code), "{shown:#?}");
    assert!(shown.stderr.contains("error: "), "{shown:#?}");
    fake.task(1, 0, 0).exits(0);
    assert_eq!(fake.parts(), 1);
    let status = fake.call(&["status", "results/t", "--format", "csv"]).exits(0);
    assert!(status.stdout.contains("File too large"), "{status:#?}");
    // Where there is room again, it is made again.
    fake.submit(&["--resume"]).exits(0);
    fake.task(2, 0, 0).exits(0);
    let report = fake.call(&["report", "results/t"]).exits(0);
    assert!(report.stdout.contains("2 ok"), "{report:#?}");
}

#[test]
fn a_cluster_that_does_not_do_as_it_should_is_told_of() {
    let fake = Fake::new(shards::lab());
    let patience = ["--set", "engine.patience=500ms"];
    for (client, does, code, says) in [
        ("scontrol", "sleep 1000", 2, "`scontrol` has not answered within 0.5 s"),
        (
            "scontrol",
            "echo 'slurm_load_ctl_conf error: Unable to contact' >&2; exit 1",
            2,
            "`scontrol` refused: slurm_load_ctl_conf error",
        ),
        (
            "sbatch",
            "echo 'sbatch: error: invalid partition specified: x' >&2; exit 1",
            2,
            "`sbatch` refused: sbatch: error: invalid partition",
        ),
        ("sbatch", "sleep 1000", 2, "`sbatch` has not answered within 0.5 s"),
        ("sbatch", "echo 'Have a nice day'", 2, "`sbatch` says \"Have a nice day\""),
        ("sbatch", "echo '** Welcome **'; echo 4711\\;cluster", 0, ""),
    ] {
        fake.client(client, does);
        let shown = fake.submit(&[&patience[..], &["--fresh"]].concat()).exits(code);
        let flat = shown.stderr.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(flat.contains(says), "{does}: {shown:#?}");
        if code == 2 {
            assert!(shown.stderr.contains("hint: "), "{shown:#?}");
        }
        // Where it is known that nothing was submitted, nothing is left.
        let is_unsure = client == "sbatch" && !does.contains("exit 1");
        assert_eq!(fake.lab.path("results/t").exists(), is_unsure, "{does}");
        fake.client("scontrol", "echo 'MaxArraySize = 1001'");
    }
    let nowhere = Shown::of(
        fake.lab
            .perftune(&["run", "grid.toml", "--engine", "slurm", "--out", "o"])
            .env("PATH", "/nowhere")
            .output()
            .unwrap(),
    );
    assert!(nowhere.exits(2).stderr.contains("there is no `scontrol` here"));
    assert!(!fake.lab.path("o").exists());
}

#[test]
fn a_job_whose_number_was_never_heard_is_found_by_its_name() {
    let fake = Fake::new(shards::lab());
    // The script is the last word; its folder tells its name.
    fake.client(
        "sbatch",
        "name=$(sed -n 's/#SBATCH --job-name=//p' \"$2\"); echo \"$name|99_0|PENDING||Priority\" > queue; sleep 1000",
    );
    let shown = fake.submit(&["--set", "engine.patience=1s"]).exits(0);
    assert!(shown.stdout.contains("as job 99 (9 tasks)"), "{shown:#?}");
}

#[test]
fn arrays_are_as_large_as_the_cluster_takes_them() {
    let fake = Fake::new(shards::lab());
    fake.client("scontrol", "echo 'MaxArraySize = 4'");
    let shown = fake.submit(&[]).exits(0);
    assert!(shown.stdout.contains("4711 (3 tasks), 4711 (3 tasks), 4711 (3 tasks)"), "{shown:#?}");
    for number in 1..=3 {
        fake.all(number);
    }
    assert_eq!(fake.parts(), 9);
    // A limit of the user counts every task; it is reached after three of them.
    let most_two = "last=$(sed -n 's/#SBATCH --array=0-//p' \"$2\"); [ $last -le 1 ] && [ $(cat taken 2>/dev/null | wc -l) -lt 2 ] \
                    || { echo 'Job violates accounting/QOS policy' >&2; exit 1; }; echo x >> taken; echo 5";
    fake.client("sbatch", most_two);
    let shown = fake.submit(&["--fresh"]).exits(5);
    assert!(
        shown.stdout.contains("job 5 (1 task), 5 (1 task)")
            || shown.stdout.contains("job 5 (2 tasks)"),
        "{shown:#?}"
    );
    assert!(shown.stdout.contains("were not taken: `sbatch` refused: Job violates"), "{shown:#?}");
    let status = fake.call(&["status", "results/t"]).exits(0);
    assert!(status.stdout.contains("not submitted"), "{status:#?}");
}

const SEARCH: [&str; 4] =
    ["--set", "search.trials=3", "--set", "objectives.minimize=[\"command.time\"]"];

#[test]
fn what_does_not_go_with_tasks_is_refused() {
    let fake = Fake::new(shards::lab());
    for (args, says) in [
        (&["--shard", "1/2"][..], "--shard does not go with --engine slurm"),
        (&["--full", "--shadow"], "--shadow does not go with --engine slurm"),
        (&["--strict"], "--strict does not go with --engine slurm"),
        (&["--budget", "1h"], "a budget is the time of the whole grid"),
        (&["--against", "x"], "--engine"),
        (&*[&SEARCH[..], &["--budget", "1h"]].concat(), "--set search.trials=40"),
        (
            &*[&SEARCH[..], &["--set", "engine.cells_per_task=2"]].concat(),
            "makes one visit at a time",
        ),
        (&*[&SEARCH[..], &["--warm-start", "x"]].concat(), "--warm-start does not go with"),
        (&["--set", "engine.time=2min"], "warned at once that its time is over"),
        (&["--set", "engine.sbatch_args=[\"--array=1\"]"], "--array is perftune's own"),
        (&["--set", "engine.partition=\"\""], "a text on one line"),
    ] {
        let shown = fake.submit(args).exits(2);
        let flat = shown.stderr.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(flat.contains(says), "{args:?}: {shown:#?}");
    }
    let local = fake.call(&["run", "grid.toml", "--wait"]).exits(2);
    assert!(local.stderr.contains("--wait waits for tasks of a cluster"), "{local:#?}");
    assert!(!fake.lab.path("results").exists());
    for command in ["status", "cancel"] {
        let shown = fake.call(&[command, "."]).exits(2);
        assert!(shown.stderr.contains("no grid was submitted there"), "{shown:#?}");
    }
    fake.call(&["run", "grid.toml", "--out", "here"]).exits(0);
    for command in ["status", "cancel"] {
        let shown = fake.call(&[command, "here"]).exits(2);
        assert!(shown.stderr.contains("here has no tasks: it holds results"), "{shown:#?}");
    }
}

#[test]
fn a_dry_run_prints_the_job_script() {
    let fake = Fake::new(shards::lab());
    let args = [
        "--dry-run",
        "--set",
        "engine.partition=gpu",
        "--set",
        "engine.time=4h",
        "--set",
        "engine.setup=[\"module load x\"]",
    ];
    let shown = fake.submit(&args).exits(0);
    let script =
        shown.stdout.replace(fake.lab.path("").to_str().unwrap().trim_end_matches('/'), "/lab");
    for line in [
        "#SBATCH --array=0-8\n",
        "#SBATCH --output=/lab/results/t/submissions/0001/task-%a.log\n",
        "#SBATCH --chdir=/lab\n",
        "#SBATCH --signal=B:USR2@120\n",
        "#SBATCH --time=04:00:00\n",
        "#SBATCH --partition=gpu\n",
        "\nmodule load x\nexec '",
    ] {
        assert!(script.contains(line), "{line}: {script}");
    }
    assert!(!fake.lab.path("results").exists());
    // The grid itself may say it.
    fs::write(
        fake.lab.path("layer.toml"),
        "extends = \"grid.toml\"\nname = \"t\"\n[engine]\nname = \"slurm\"\n",
    )
    .unwrap();
    let shown = fake.call(&["run", "layer.toml", "--dry-run"]).exits(0);
    assert!(shown.stdout.starts_with("#!/bin/bash\n"), "{shown:#?}");
    let here = fake.call(&["run", "layer.toml", "--dry-run", "--engine", "local"]).exits(0);
    assert!(!here.stdout.contains("#SBATCH"), "{here:#?}");
}

#[test]
fn a_report_that_follows_ends_when_no_more_is_to_come() {
    let fake = Fake::new(shards::lab());
    fake.submit(&[]).exits(0);
    for task in 0..3 {
        fake.task(1, task, 0).exits(0);
    }
    let name = fake.units(1)["job_name"].as_str().unwrap().to_owned();
    fs::write(fake.lab.path("queue"), format!("{name}|4711_5|RUNNING|n1|None\n")).unwrap();
    let mut following =
        Running::new(fake.with(fake.lab.perftune(&["report", "results/t", "--follow"])));
    following.until("note: partial: 6 of 9 cells are missing");
    fs::write(fake.lab.path("queue"), "").unwrap();
    let shown = following.end().exits(0);
    assert_eq!(
        shown.stdout.matches("6 not run").count() + shown.stdout.matches("18 not run").count(),
        2,
        "{shown:#?}"
    );
    let two = fake.call(&["report", "results/t", "results/t", "--follow"]).exits(2);
    assert!(two.stderr.contains("--follow takes one results folder"), "{two:#?}");
}

/// A cluster of one machine: sbatch starts all tasks at once, as processes of their own.
#[test]
fn what_fails_is_submitted_again_as_often_as_the_grid_says() {
    let grid = r#"
name = "t"
repeat = 1
[models.shell]
command = ["sh", "-c", "echo x >> tried-{size}; test {size} = 1 || test $(wc -l < tried-{size}) -ge 3"]
[grid]
model = "shell"
dataset = "none"
size = [1, 2]
[engine]
poll = "100ms"
"#;
    for (retries, code, tries) in [("2", 0, 3), ("1", 3, 2)] {
        let fake = Fake::new(Lab::new(grid));
        fake.client(
            "sbatch",
            "job=$$; for task in 0 1; do SLURM_ARRAY_JOB_ID=$job SLURM_ARRAY_TASK_ID=$task SLURMD_NODENAME=n1 sh \"$2\" >/dev/null 2>&1; done; echo $job",
        );
        let shown =
            fake.submit(&["--wait", "--set", &format!("engine.retries={retries}")]).exits(code);
        let tried = fs::read_to_string(fake.lab.path("tried-2")).unwrap().lines().count();
        assert_eq!(tried, tries, "{shown:#?}");
        assert_eq!(fs::read_to_string(fake.lab.path("tried-1")).unwrap().lines().count(), 1);
        let failed = shown.stderr.contains("failed: 1 run failed");
        assert_eq!(failed, code == 3, "{shown:#?}");
    }
}

#[test]
fn a_grid_of_several_files_is_kept_as_it_was() {
    let fake = Fake::new(shards::lab());
    // What a file names is relative to it.
    fs::create_dir(fake.lab.path("below")).unwrap();
    for file in ["grid.toml", "table.csv"] {
        fs::rename(fake.lab.path(file), fake.lab.path("below").join(file)).unwrap();
    }
    let layer = "extends = \"below/grid.toml\"\nname = \"t\"\n[profile.small]\nrepeat = 1\n";
    fs::write(fake.lab.path("layer.toml"), layer).unwrap();
    let args = [
        "run",
        "layer.toml",
        "--engine",
        "slurm",
        "--profile",
        "small",
        "--only",
        "a=2",
        "--seed",
        "7",
    ];
    let shown = fake.call(&args).exits(0);
    assert!(shown.stdout.starts_with("submitted 3 of 3 tasks"), "{shown:#?}");
    for file in ["layer.toml", "below/grid.toml"] {
        fs::remove_file(fake.lab.path(file)).unwrap();
    }
    fake.all(1);
    let report = fake.call(&["report", "results/t"]).exits(0);
    assert!(report.stderr.is_empty() && report.stdout.contains("3 ok"), "{report:#?}");
    let manifest = json(&fake.lab, "results/t/manifest.json");
    assert_eq!(
        (&manifest["seed"], &manifest["grid"]["cells"].as_array().unwrap().len()),
        (&7.into(), &9)
    );

    // The standard input cannot be read a second time.
    let mut command =
        fake.with(fake.lab.perftune(&["run", "-", "--engine", "slurm", "--out", "results/u"]));
    let mut child = command.stdin(std::process::Stdio::piped()).spawn().unwrap();
    let text = "repeat = 1\n[models.old]\nrecorded = \"below/table.csv\"\n[grid]\nmodel = \"old\"\na = 1\nb = [\"x\", \"y\"]\n";
    std::io::Write::write_all(&mut child.stdin.take().unwrap(), text.as_bytes()).unwrap();
    let shown = Shown::of(child.wait_with_output().unwrap()).exits(0);
    assert!(shown.stdout.starts_with("submitted 2 of 2 tasks"), "{shown:#?}");
    let nonce = json(&fake.lab, "results/u/submissions/0001/units.json")["nonce"].clone();
    let folder = fake.lab.path("results/u");
    let mut task = fake.with(fake.lab.perftune(&[
        "__engine-task",
        folder.to_str().unwrap(),
        "1",
        nonce.as_str().unwrap(),
    ]));
    let task =
        task.env("SLURM_ARRAY_JOB_ID", "1").env("SLURM_ARRAY_TASK_ID", "1").output().unwrap();
    Shown::of(task).exits(0);
}

#[test]
fn accounts_say_more_where_a_cluster_keeps_them() {
    let fake = Fake::new(shards::lab());
    fake.submit(&[]).exits(0);
    // Of an array that has just ended they have a row of the array as a whole.
    for (says, state) in [
        ("4711|FAILED", "9 lost"),
        (
            "4711_0|COMPLETED\n4711_1|OUT_OF_MEMORY\n4711_2|CANCELLED by 0\n4711_2.batch|CANCELLED",
            "2 failed, 1 cancelled, 6 lost",
        ),
    ] {
        fake.client("sacct", &format!("printf '{says}\\n'"));
        let status = fake.call(&["status", "results/t"]).exits(0);
        assert!(status.stdout.starts_with(&format!("t: 9 tasks: {state}\n")), "{status:#?}");
    }
    let status = fake.call(&["status", "results/t", "--format", "csv"]).exits(0);
    assert!(status.stdout.contains("Slurm says OUT_OF_MEMORY, and there is no log"), "{status:#?}");
}

#[test]
fn results_of_this_machine_are_no_tasks() {
    let fake = Fake::new(shards::lab());
    fake.lab.run(&["-q"]).exits(0);
    let shown = fake.submit(&["--resume"]).exits(2);
    assert!(shown.stderr.contains("were made on this machine, and not by tasks"), "{shown:#?}");
    let shown = fake.submit(&[]).exits(2);
    assert!(shown.stderr.contains("27 finished"), "{shown:#?}");
    fake.submit(&["--fresh"]).exits(0);
    assert!(!fake.lab.file("manifest.json").exists());
}
