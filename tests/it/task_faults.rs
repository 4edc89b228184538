//! Seeded schedules of faults: tasks are killed, ended, warned and doubled, whoever collects is killed, and the cluster forgets, at
//! random moments. Whatever comes, no cell is lost, none has two results, nothing is torn, and the reports are those of one machine.
//!
//! The cluster is played by the test, tasks and collectors are real processes. `PERFTUNE_SCHEDULES` says how many schedules are played.

use std::collections::BTreeMap;
use std::fs;
use std::process::Child;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use crate::shards;
use crate::tasks::{Fake, same_reports};

/// Schedules where nobody asks for more.
const USUAL: u64 = 4;

/// The generator of Numerical Recipes: the same schedule of a seed, everywhere.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn below(&mut self, most: usize) -> usize {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % most
    }
}

/// A task as the cluster knows it, and its processes, those that it has lost among them.
#[derive(Default)]
struct Task {
    restarts: u32,
    copies: Vec<Child>,
    over: bool,
}

struct Schedule {
    fake: Fake,
    random: Random,
    /// By the number of the submission and that of the task.
    tasks: BTreeMap<(u32, usize), Task>,
    collectors: Vec<Child>,
    known: u32,
}

impl Schedule {
    fn new(seed: u64) -> Self {
        let (fake, random) = (Fake::new(shards::lab()), Random(seed));
        Self { fake, random, tasks: BTreeMap::new(), collectors: Vec::new(), known: 0 }
    }

    /// Takes in what was submitted since.
    fn hear(&mut self) {
        while self.fake.lab.file(&format!("submissions/{:04}/job", self.known + 1)).exists() {
            self.known += 1;
            let tasks = self.fake.units(self.known)["units"].as_array().unwrap().len();
            self.tasks.extend((0..tasks).map(|task| ((self.known, task), Task::default())));
        }
    }

    /// What squeue prints.
    fn show_queue(&self) {
        let line = |((number, task), of): (&(u32, usize), &Task)| {
            let word = match of {
                Task { over: true, .. } => "COMPLETED",
                Task { copies, .. } if copies.is_empty() => "PENDING",
                _ => "RUNNING",
            };
            let name = self.fake.units(*number)["job_name"].as_str().unwrap().to_owned();
            format!("{name}|{number}_{task}|{word}|n1|None\n")
        };
        let lines: String = self.tasks.iter().map(line).collect();
        fs::write(self.fake.lab.path("queue"), lines).unwrap();
    }

    fn start(&mut self, at: (u32, usize)) {
        let task = self.tasks.get_mut(&at).unwrap();
        let mut command = self.fake.command(at.0, at.1, task.restarts);
        command.stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null());
        task.copies.push(command.spawn().unwrap());
    }

    /// One thing happens; or none does, for a moment.
    fn step(&mut self) {
        self.hear();
        for task in self.tasks.values_mut().filter(|task| !task.over) {
            let ended = task.copies.last_mut().and_then(|copy| copy.try_wait().unwrap());
            task.over = ended.is_some();
        }
        let all: Vec<(u32, usize)> = self.tasks.keys().copied().collect();
        let at = all[self.random.below(all.len())];
        let lives = self.tasks[&at].copies.iter().any(|_| !self.tasks[&at].over);
        match self.random.below(12) {
            0..=4 if !self.tasks[&at].over && self.tasks[&at].copies.is_empty() => self.start(at),
            // Its node has lost its power, or a more important job has come.
            5 | 6 if lives => {
                let signal = if self.random.below(2) == 0 { Signal::KILL } else { Signal::TERM };
                self.send(at, signal);
                self.again(at);
            }
            // Its node is lost to the cluster, and goes on.
            7 if lives => self.again(at),
            8 if lives => self.send(at, Signal::USR2),
            9 => {
                let report = self.fake.with(self.fake.lab.perftune(&["report", "results/t"]));
                let mut report = report;
                report.stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null());
                self.collectors.push(report.spawn().unwrap());
            }
            10 => {
                if let Some(mut collector) = self.collectors.pop() {
                    // It may have ended.
                    let _ = collector.kill();
                    collector.wait().unwrap();
                }
            }
            // The controller has forgotten what it had not written down; somebody submits what he takes for lost.
            11 if self.random.below(4) == 0 => {
                fs::write(self.fake.lab.path("queue"), "").unwrap();
                self.fake.submit(&["--resume"]);
                self.hear();
            }
            _ => std::thread::sleep(Duration::from_millis(self.random.below(20) as u64)),
        }
        self.show_queue();
    }

    fn send(&self, at: (u32, usize), signal: Signal) {
        if let Some(copy) = self.tasks[&at].copies.last() {
            // It may have ended.
            let _ = kill_process(Pid::from_child(copy), signal);
        }
    }

    /// The cluster starts a task once more, whatever its copies do.
    fn again(&mut self, at: (u32, usize)) {
        self.tasks.get_mut(&at).unwrap().restarts += 1;
        self.start(at);
    }

    /// From now on nothing fails, until all is done.
    fn finish(&mut self) {
        for task in self.tasks.values_mut() {
            for copy in &mut task.copies {
                copy.wait().unwrap();
            }
            task.over = true;
        }
        for mut collector in self.collectors.drain(..) {
            collector.wait().unwrap();
        }
        for _ in 0..3 {
            self.show_queue();
            self.fake.submit(&["--resume"]).exits(0);
            let before = self.known;
            self.hear();
            for number in before + 1..=self.known {
                self.fake.all(number);
            }
            self.tasks.values_mut().for_each(|task| task.over = true);
        }
    }
}

#[test]
fn whatever_fails_each_cell_has_one_result() {
    let asked = std::env::var("PERFTUNE_SCHEDULES").ok().and_then(|text| text.parse().ok());
    for seed in 1..=asked.unwrap_or(USUAL) {
        let mut schedule = Schedule::new(seed);
        schedule.fake.submit(&["--set", "engine.max_restarts=1000"]).exits(0);
        for _ in 0..120 {
            schedule.step();
        }
        schedule.finish();
        let fake = &schedule.fake;
        assert_eq!(fake.parts(), 9, "seed {seed}: {:?}", fake.call(&["status", "results/t"]));
        let report = fake.call(&["report", "results/t"]).exits(0);
        assert!(report.stderr.is_empty(), "seed {seed}: {report:#?}");
        fake.lab.run(&["-q", "--out", "results/one"]).exits(0);
        same_reports(&fake.lab, "results/t", "results/one");
        let published = fake.ends().iter().filter(|end| *end == "published").count();
        // One that was killed between its rename and its word has published as well.
        assert!(published <= 9, "seed {seed}: {published}");
        // What was killed leaves its own folder as it was.
        let is_half = |file: &String| {
            !file.contains("/attempts/") && (file.contains(".taken") || file.contains(".tmp"))
        };
        assert_eq!(fake.lab.files().into_iter().find(is_half), None, "seed {seed}");
    }
}
