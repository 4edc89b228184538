//! `--engine slurm` on a real Slurm: two nodes on this machine, brought up by `tests/ci/slurm` and broken on purpose.
//!
//! Where Slurm is not there and cannot be installed, the tests are left out with a line that says so; with `PERFTUNE_NEEDS_SLURM` set, as
//! on CI, that is a failure.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::Value;

use crate::shards;
use crate::support::{Lab, Running, Shown};
use crate::task_faults::Random;
use crate::task_search;
use crate::tasks::same_reports;

/// Clusters that this process has brought up.
static CLUSTERS: AtomicU32 = AtomicU32::new(0);

/// Longest wait for anything.
const PATIENCE: Duration = Duration::from_secs(90);

/// Scripted cells that take this many tenths of a second.
fn grid(cells: usize, tenths: usize) -> String {
    let sizes: Vec<usize> = (1..=cells).map(|size| size * 16).collect();
    format!(
        r#"
name = "t"
repeat = 1
[worker]
program = "scripted"
options = {{ time = "real", step_us = 10000.0, steps_per_epoch = 10 }}
[grid]
model = "one"
dataset = "made-up"
batch_size = {sizes:?}
[train]
epochs = {tenths}
[serve]
enabled = false
[stop]
enabled = false
[sampler]
gpu = false
energy = false
"#
    )
}

/// What each test says besides.
const ENGINE: [&str; 6] =
    ["--engine", "slurm", "--set", "engine.poll=500ms", "--set", "engine.time=10min"];

/// A cluster; stopped when the test ends.
struct Cluster {
    folder: PathBuf,
    lab: Lab,
}

impl Cluster {
    /// Brought up with these settings; `None`: there is no Slurm, and none can be installed.
    fn up(lab: Lab, settings: &[(&str, &str)]) -> Option<Self> {
        let folder = lab.path("cluster");
        // Below those that a system gives unasked; of this process and this cluster alone, as far as can be.
        let port = 10_000
            + std::process::id() % 250 * 80
            + CLUSTERS.fetch_add(1, Ordering::Relaxed) % 10 * 8;
        let mut command = Command::new(script("up.sh"));
        command.arg(&folder).env("FIRST_PORT", port.to_string()).envs(settings.iter().copied());
        let output = command.output().unwrap();
        if output.status.success() {
            return Some(Self { folder, lab });
        }
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(
            std::env::var_os("PERFTUNE_NEEDS_SLURM").is_none() && output.status.code() == Some(3),
            "no Slurm: {said}"
        );
        let why = said.lines().last().unwrap_or_default();
        left_out(why);
        None
    }

    fn with(&self, mut command: Command) -> Command {
        let path = std::env::var("PATH").unwrap();
        command
            .env("SLURM_CONF", self.folder.join("etc/slurm.conf"))
            .env("PATH", format!("{path}:/usr/sbin:/sbin"))
            // Meant for others.
            .env("SBATCH_PARTITION", "nowhere")
            .env("SQUEUE_FORMAT", "%u");
        command
    }

    fn call(&self, args: &[&str]) -> Shown {
        Shown::of(self.with(self.lab.perftune(args)).output().unwrap())
    }

    fn submit(&self, args: &[&str]) -> Shown {
        self.call(&[&["run", "grid.toml"], &ENGINE[..], args].concat())
    }

    /// The same while it waits for the tasks.
    fn waiting(&self, args: &[&str]) -> Running {
        let args =
            [&["run", "grid.toml"], &ENGINE[..], &["--wait", "--progress", "plain"], args].concat();
        Running::new(self.with(self.lab.perftune(&args)))
    }

    /// A client of Slurm.
    fn slurm(&self, words: &[&str]) -> String {
        let mut command = Command::new(words[0]);
        command.args(&words[1..]).env("SLURM_CONF", self.folder.join("etc/slurm.conf"));
        text(&command.output().unwrap())
    }

    fn fail(&self, words: &[&str]) {
        let mut command = Command::new(script("fail.sh"));
        let output = command.arg(&self.folder).args(words).output().unwrap();
        assert!(output.status.success(), "{words:?}: {output:?}");
    }

    /// Waits until this holds.
    #[track_caller]
    fn until(&self, what: &str, holds: impl Fn() -> bool) {
        let begun = Instant::now();
        while !holds() {
            assert!(begun.elapsed() < PATIENCE, "{what} never came\n{}", self.state());
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    /// All that tells what went wrong.
    fn state(&self) -> String {
        let mut text = self.call(&["status", "results/t"]).stdout
            + &self.slurm(&["squeue", "-r", "-t", "all"]);
        for file in self
            .lab
            .files()
            .iter()
            .filter(|file| file.contains("/submissions/") && file.contains("/task-"))
        {
            text += "== ";
            text += file;
            text += "\n";
            text += &fs::read_to_string(self.lab.path(file)).unwrap();
        }
        text
    }

    fn parts(&self) -> usize {
        fs::read_dir(self.lab.file("parts")).map_or(0, Iterator::count)
    }

    /// Does what an administrator does after an accident, and submits what no task will bring; always true.
    fn goes_on(&self) -> bool {
        // A controller that has forgotten a job may start another one of its number: its node is drained, and the job held.
        self.slurm(&["scontrol", "update", "nodename=n[1-2]", "state=resume"]);
        let held = self.slurm(&["squeue", "-h", "-r", "-t", "pending", "-o", "%i"]);
        held.lines().for_each(|job| drop(self.slurm(&["scontrol", "release", job])));
        let shown = self.submit(&["--resume"]);
        assert!([Some(0), Some(2), Some(5)].contains(&shown.code), "{shown:#?}");
        true
    }

    /// The attempts of all units, and how each has ended.
    fn attempts(&self) -> Vec<(Value, Option<String>)> {
        let read =
            |file: &Path| -> Option<Value> { serde_json::from_slice(&fs::read(file).ok()?).ok() };
        let files = self.lab.files();
        let heads = files.iter().filter(|file| {
            file.starts_with("results/t/attempts/") && file.ends_with("/attempt.json")
        });
        let heads = heads.filter(|file| !file.contains("/results/attempt.json"));
        heads
            .map(|file| {
                let path = self.lab.path(file);
                let end = read(&path.with_file_name("ended.json"));
                let end = end.map(|end| end["end"].as_str().unwrap().to_owned());
                (read(&path).unwrap(), end)
            })
            .collect()
    }

    /// Tasks that are at work: their attempts have begun a run.
    fn at_work(&self) -> usize {
        let begun = |file: &&String| {
            file.starts_with("results/t/attempts/") && file.ends_with("events.jsonl")
        };
        self.lab.files().iter().filter(begun).count()
    }

    /// How often each end has come.
    fn ends(&self) -> BTreeMap<String, usize> {
        let mut ends = BTreeMap::new();
        for (_, end) in self.attempts() {
            *ends.entry(end.unwrap_or_else(|| "none".to_owned())).or_default() += 1;
        }
        ends
    }

    /// The nodes of the attempts whose results are those of their units.
    fn restarts(&self) -> Vec<u64> {
        let published =
            self.attempts().into_iter().filter(|(_, end)| end.as_deref() == Some("published"));
        published.map(|(head, _)| head["restart"].as_u64().unwrap()).collect()
    }

    /// Every cell has one result and no other, and nothing is torn.
    #[track_caller]
    fn is_whole(&self, cells: usize) {
        assert_eq!(self.parts(), cells, "{}", self.state());
        let report = self.call(&["report", "results/t"]).exits(0);
        assert!(report.stdout.contains(&format!("{cells} ok")), "{report:#?}\n{}", self.state());
        let runs: Vec<String> =
            self.lab.rows("report.csv").iter().map(|row| row["run"].clone()).collect();
        let mut distinct = runs.clone();
        distinct.sort();
        distinct.dedup();
        assert_eq!((runs.len(), distinct.len()), (cells, cells), "{runs:?}");
        self.is_sound();
    }

    /// Nothing of what is published is torn.
    #[track_caller]
    fn is_sound(&self) {
        for file in self.lab.files().iter().filter(|file| file.starts_with("results/t/parts/")) {
            if Path::new(file).extension().is_some_and(|end| end == "json") {
                serde_json::from_slice::<Value>(&fs::read(self.lab.path(file)).unwrap()).unwrap();
            }
        }
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        let output = Command::new(script("down.sh")).arg(&self.folder).output();
        if !std::thread::panicking() {
            assert!(output.unwrap().status.success());
        }
    }
}

#[expect(clippy::print_stderr, reason = "whoever reads the log of the tests must know")]
fn left_out(why: &str) {
    eprintln!("left out, there is no Slurm here: {why}");
}

fn script(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/ci/slurm").join(name)
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&[&output.stdout[..], &output.stderr].concat()).into_owned()
}

#[test]
fn an_array_makes_what_one_machine_makes() {
    // More tasks than an array may have.
    let Some(cluster) = Cluster::up(shards::lab(), &[("MAX_ARRAY", "4")]) else { return };
    let shown = cluster.submit(&["--wait", "--progress", "plain"]).exits(0);
    assert!(shown.stderr.contains("submitted 9 of 9 tasks as job "), "{shown:#?}");
    assert_eq!(shown.stderr.matches("(3 tasks)").count(), 3, "{shown:#?}");
    assert_eq!(shown.stderr.matches(": completed after").count(), 27, "{shown:#?}");
    cluster.lab.run(&["-q", "--out", "results/one"]).exits(0);
    same_reports(&cluster.lab, "results/t", "results/one");
    let again = cluster.submit(&["--resume"]).exits(0);
    assert!(again.stdout.starts_with("nothing to submit"), "{again:#?}");
    let refused =
        cluster.submit(&["--out", "results/u", "--set", "engine.partition=nowhere"]).exits(2);
    assert!(
        refused.stderr.contains("`sbatch` refused: ") && refused.stderr.contains("nowhere"),
        "{refused:#?}"
    );
    assert!(!cluster.lab.path("results/u").exists());
    let waits = cluster.submit(&["--out", "results/u", "--set", "engine.cpus_per_task=64"]);
    // Slurm takes what no node can give, or refuses it, by its version.
    if waits.code == Some(0) {
        let status = cluster.call(&["status", "results/u"]).exits(0);
        assert!(status.stdout.contains("9 pending"), "{status:#?}");
        cluster.call(&["cancel", "results/u"]).exits(0);
        let status = cluster.call(&["status", "results/u"]).exits(0);
        assert!(status.stdout.starts_with("t: 9 tasks: 9 cancelled\n"), "{status:#?}");
    }
}

#[test]
fn the_loss_of_a_node_loses_nothing() {
    let Some(cluster) = Cluster::up(Lab::new(&grid(4, 60)), &[]) else { return };
    let waiting = cluster.waiting(&[]);
    cluster.until("four tasks at work", || cluster.at_work() == 4);
    cluster.fail(&["power", "n2"]);
    cluster.until("the tasks of the other node", || cluster.parts() >= 2);
    cluster.fail(&["node", "n2"]);
    let shown = waiting.end().exits(0);
    assert!(shown.stdout.contains("4 ok"), "{shown:#?}");
    cluster.is_whole(4);
    assert_eq!(
        cluster.restarts().iter().filter(|restart| **restart > 0).count(),
        2,
        "{}",
        cluster.state()
    );
    assert_eq!(
        cluster.ends(),
        BTreeMap::from([("none".to_owned(), 2), ("published".to_owned(), 4)])
    );
}

#[test]
fn a_task_that_its_node_has_lost_gives_no_second_result() {
    let Some(cluster) = Cluster::up(Lab::new(&grid(2, 130)), &[("NODE_CPUS", "1")]) else { return };
    let waiting = cluster.waiting(&[]);
    cluster.until("two tasks at work", || cluster.at_work() == 2);
    cluster.fail(&["daemon", "n2"]);
    let shown = waiting.end().exits(0);
    assert!(shown.stdout.contains("2 ok"), "{shown:#?}");
    // The copy that the other node has begun meanwhile ends as well, and is not used.
    cluster.until("the end of both copies", || !cluster.ends().contains_key("none"));
    cluster.is_whole(2);
    let ends = cluster.ends();
    assert_eq!(ends.get("published"), Some(&2), "{}", cluster.state());
    assert!(cluster.attempts().len() <= 3, "{}", cluster.state());
}

#[test]
fn a_controller_that_dies_and_comes_back_loses_nothing() {
    let Some(cluster) = Cluster::up(Lab::new(&grid(3, 40)), &[]) else { return };
    let mut waiting = cluster.waiting(&["--set", "engine.patience=20s"]);
    cluster.until("three tasks at work", || cluster.at_work() == 3);
    cluster.fail(&["controller"]);
    let status = cluster.call(&["status", "results/t"]).exits(0);
    assert!(status.stdout.starts_with("t: 3 tasks: "), "{status:#?}");
    assert!(status.stderr.contains("warning: `squeue` refused"), "{status:#?}");
    let resume = cluster.submit(&["--resume"]).exits(2);
    assert!(
        resume.stderr.contains("the cluster does not answer")
            || resume.stderr.contains("still to come"),
        "{resume:#?}"
    );
    let cancel = cluster.call(&["cancel", "results/other"]).exits(2);
    assert!(cancel.stderr.contains("no grid was submitted"), "{cancel:#?}");
    waiting.until("the tasks go on, and the cluster is asked again");
    cluster.until("results without a controller", || cluster.parts() == 3);
    cluster.fail(&["restart"]);
    waiting.end().exits(0);
    cluster.is_whole(3);
}

#[test]
fn what_is_preempted_goes_on_and_what_is_cancelled_is_resumed() {
    let grid = grid(4, 60).replace("repeat = 1", "repeat = 2");
    let Some(cluster) = Cluster::up(Lab::new(&grid), &[]) else { return };
    let (pair, exclusive) =
        (["--set", "engine.cells_per_task=2"], ["--set", "engine.exclusive=true"]);
    cluster.submit(&[pair, exclusive].concat()).exits(0);
    let whole = || {
        cluster
            .lab
            .files()
            .iter()
            .filter(|file| file.starts_with("results/t/attempts/") && file.ends_with("done.json"))
            .count()
    };
    cluster.until("a whole run of each task", || whole() >= 2);
    let status = cluster.call(&["status", "results/t"]).exits(0);
    assert!(status.stdout.starts_with("t: 2 tasks: 2 running\n"), "{status:#?}");
    // Another user's job that is more important, for both nodes.
    cluster.slurm(&[
        "sbatch",
        "-p",
        "urgent",
        "-N2",
        "--exclusive",
        "-o",
        "/dev/null",
        "--wrap",
        "sleep 1",
    ]);
    cluster.until("the end of both attempts", || cluster.ends().get("interrupted") == Some(&2));
    cluster.until("their restart", || cluster.attempts().len() == 4);
    // One is ended from outside, the other one by perftune.
    let job = fs::read_to_string(cluster.lab.file("submissions/0001/job")).unwrap();
    cluster.slurm(&["scancel", &format!("{job}_0")]);
    cluster.until("the end of the one", || cluster.ends().get("interrupted") == Some(&3));
    cluster.until("its word", || {
        cluster.call(&["status", "results/t"]).stdout.contains("1 interrupted")
    });
    cluster.call(&["cancel", "results/t"]).exits(0);
    cluster.until("the end of the other", || {
        cluster.call(&["status", "results/t"]).stdout.contains("2 cancelled")
    });
    let partial = cluster.call(&["report", "results/t"]).exits(0);
    assert!(partial.stdout.contains("cancelled"), "{partial:#?}");
    let kept = whole();
    let shown = cluster.submit(&[&pair[..], &["--resume", "--wait"]].concat()).exits(0);
    assert!(shown.stdout.contains("8 ok"), "{shown:#?}");
    assert!(kept >= 2 && cluster.parts() == 2, "{}", cluster.state());
    let log = fs::read_to_string(cluster.lab.file("submissions/0002/task-0.log")).unwrap();
    assert!(log.matches(": started\n").count() < 4, "{log}");
}

#[test]
fn a_task_that_is_out_of_time_keeps_what_it_has_and_goes_on() {
    let grid = grid(2, 30);
    let Some(cluster) = Cluster::up(Lab::new(&grid), &[]) else { return };
    let waiting =
        cluster.waiting(&["--set", "engine.cells_per_task=2", "--set", "engine.max_timeouts=1"]);
    let whole = || {
        cluster
            .lab
            .files()
            .iter()
            .filter(|file| file.starts_with("results/t/attempts/") && file.ends_with("done.json"))
            .count()
    };
    cluster.until("a whole run", || whole() == 1);
    // As Slurm does when the time limit is near.
    let job = fs::read_to_string(cluster.lab.file("submissions/0001/job")).unwrap();
    cluster.slurm(&["scancel", "-b", "-s", "USR2", &format!("{job}_0")]);
    cluster.until("its end", || cluster.ends().get("timed_out") == Some(&1));
    waiting.end().exits(0);
    assert_eq!(cluster.restarts(), [1], "{}", cluster.state());
    let log = fs::read_to_string(cluster.lab.file("submissions/0001/task-0.log")).unwrap();
    assert_eq!(log.matches(": started\n").count(), 3, "{log}");
}

#[test]
fn who_waits_no_longer_ends_no_task() {
    let Some(cluster) = Cluster::up(Lab::new(&grid(2, 30)), &[]) else { return };
    let mut waiting = cluster.waiting(&[]);
    waiting.until(": started");
    waiting.signal(Signal::INT);
    let shown = waiting.end().exits(130);
    assert!(
        shown.stderr.contains("note: the tasks go on; `perftune status results/t`"),
        "{shown:#?}"
    );
    cluster.until("their end", || cluster.parts() == 2);
    cluster.is_whole(2);
}

#[test]
fn a_search_asks_for_arrays_and_goes_on_when_who_waits_was_killed() {
    let Some(cluster) = Cluster::up(task_search::lab(), &[]) else { return };
    let killed = cluster.waiting(&[]);
    cluster.until("the second batch", || cluster.lab.file("submissions/0002/job").exists());
    killed.signal(Signal::KILL);
    assert_eq!(killed.end().code, None);
    let shown = cluster.waiting(&["--resume"]).end().exits(0);
    assert!(shown.stdout.contains("recommended: old-a_4-b_8"), "{shown:#?}");
    let made = task_search::runs(&cluster.lab, "results/t").len();
    assert_eq!(cluster.parts(), made, "{}", cluster.state());
    // The same search once more.
    cluster.waiting(&["--out", "results/u"]).end().exits(0);
    same_reports(&cluster.lab, "results/t", "results/u");
    let status = cluster.call(&["status", "results/t"]).exits(0);
    assert!(status.stdout.contains(&format!("{made} tasks: {made} done\njobs: ")), "{status:#?}");
    cluster.is_sound();
}

/// What is known of tasks that were killed before they could say so, when the controller has forgotten them as well.
#[test]
fn accounts_know_the_end_of_a_task_that_is_forgotten() {
    for (accounts, says) in [("1", "2 tasks: 2 failed\n"), ("", "2 tasks: 2 lost\n")] {
        let Some(cluster) = Cluster::up(Lab::new(&grid(2, 50)), &[("ACCOUNTS", accounts)]) else {
            return;
        };
        cluster.submit(&[]).exits(0);
        cluster.until("two tasks at work", || cluster.at_work() == 2);
        let job = fs::read_to_string(cluster.lab.file("submissions/0001/job")).unwrap();
        cluster.slurm(&["scancel", "-b", "-s", "KILL", &format!("{job}_[0-1]")]);
        let queue = || cluster.slurm(&["squeue", "-h", "-r", "-t", "all", "-o", "%T"]);
        cluster.until("their end", || queue() == "FAILED\nFAILED\n");
        let ended = || cluster.slurm(&["sacct", "-X", "-P", "-n", "-j", &job, "-o", "JobID,State"]);
        cluster.until("accounts", || {
            accounts.is_empty() || ended() == format!("{job}_0|FAILED\n{job}_1|FAILED\n")
        });
        cluster.fail(&["controller"]);
        for file in ["job_state", "job_state.old"] {
            // It may have written one of them only.
            let _ = fs::remove_file(cluster.folder.join("state").join(file));
        }
        cluster.fail(&["restart"]);
        cluster.until("its queue", || queue().is_empty());
        let status = cluster.call(&["status", "results/t"]).exits(0);
        assert!(status.stdout.starts_with(&format!("t: {says}")), "{status:#?}");
        let shown = cluster.submit(&["--resume", "--wait"]).exits(0);
        assert!(shown.stdout.contains("2 ok"), "{shown:#?}");
        cluster.is_whole(2);
    }
}

/// What of the cluster is down, and what has happened so far.
struct Faults<'a> {
    cluster: &'a Cluster,
    random: Random,
    nodes: BTreeSet<&'static str>,
    controller: bool,
    said: Vec<String>,
}

impl Faults<'_> {
    /// Something fails or comes back, at a random moment.
    fn step(&mut self) {
        std::thread::sleep(Duration::from_millis(300 + self.random.below(1500) as u64));
        let node = ["n1", "n2"][self.random.below(2)];
        match self.random.below(7) {
            0 | 1 if !self.nodes.contains(node) && !self.controller => {
                let how = ["power", "daemon"][self.random.below(2)];
                self.fail(&[how, node]);
                self.nodes.insert(node);
            }
            2 if self.nodes.contains(node) && !self.controller => self.back(node),
            3 if !self.controller => {
                self.fail(&["controller"]);
                self.controller = true;
            }
            3 | 4 if self.controller => self.restart(),
            5 => self.collect(),
            6 if !self.controller => {
                let job =
                    fs::read_to_string(self.cluster.lab.file("submissions/0001/job")).unwrap();
                let task = format!("{job}_{}", self.random.below(9));
                let how: &[&str] =
                    [&["scancel"][..], &["scontrol", "requeue"], &["scancel", "-b", "-s", "KILL"]]
                        [self.random.below(3)];
                let words = [how, &[&*task]].concat();
                self.cluster.slurm(&words);
                self.said.push(words.join(" "));
            }
            _ => {}
        }
    }

    fn fail(&mut self, words: &[&str]) {
        self.cluster.fail(words);
        self.said.push(words.join(" "));
    }

    fn back(&mut self, node: &'static str) {
        self.fail(&["node", node]);
        self.nodes.remove(node);
    }

    fn restart(&mut self) {
        self.fail(&["restart"]);
        self.controller = false;
    }

    /// Somebody collects, and is killed.
    fn collect(&mut self) {
        let lab = &self.cluster.lab;
        let mut collector =
            self.cluster.with(lab.perftune(&["report", "results/t"])).spawn().unwrap();
        std::thread::sleep(Duration::from_millis(self.random.below(80) as u64));
        // It may have ended.
        let _ = collector.kill();
        collector.wait().unwrap();
        self.said.push("collector".to_owned());
    }

    /// From now on nothing fails.
    fn end(&mut self) {
        if self.controller {
            self.restart();
        }
        for node in self.nodes.clone() {
            self.back(node);
        }
    }
}

/// Stops each task for some seconds in the first tenth of a second of its work, so that what fails meets it anywhere in that.
const STOPS: &str =
    "engine.setup=[\"(sleep 0.0$((RANDOM % 9 + 1)); kill -STOP $$; sleep 4; kill -CONT $$) &\"]";

/// `PERFTUNE_SLURM_SCHEDULES` says how many schedules of faults are played, from which seed `PERFTUNE_SLURM_SEED`; one takes half
/// a minute.
#[test]
fn whatever_fails_in_the_cluster_each_cell_has_one_result() {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let first = number("PERFTUNE_SLURM_SEED").unwrap_or(1);
    for seed in first..first + number("PERFTUNE_SLURM_SCHEDULES").unwrap_or(1) {
        let Some(cluster) = Cluster::up(shards::lab(), &[]) else { return };
        cluster.submit(&["--set", STOPS]).exits(0);
        let (cluster, random, nodes) = (&cluster, Random(seed), BTreeSet::new());
        let mut faults = Faults { cluster, random, nodes, controller: false, said: Vec::new() };
        (0..8).for_each(|_| faults.step());
        faults.end();
        let said = faults.said;
        cluster.until("nine results", || cluster.goes_on() && cluster.parts() == 9);
        // Copies that lost may still write to folders of their own.
        let report = cluster.call(&["report", "results/t"]).exits(0);
        assert!(report.stderr.is_empty(), "seed {seed}, {said:?}: {report:#?}");
        cluster.lab.run(&["-q", "--out", "results/one"]).exits(0);
        same_reports(&cluster.lab, "results/t", "results/one");
        cluster.is_sound();
        let ends = cluster.ends();
        assert!(ends["published"] <= 9, "seed {seed}, {said:?}: {ends:?}");
        eprintln!("seed {seed}: {said:?}, {ends:?}");
    }
}
