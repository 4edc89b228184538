//! A run of the built program, as one text or in its parts; a folder of its own for each grid that is really run.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command as Process, Output, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use assert_cmd::Command;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::process::{Pid, PidfdFlags, Signal, kill_process, pidfd_open};
use tempfile::TempDir;

/// Longest wait for anything: far more than a busy machine needs, so that only what never comes fails.
const PATIENCE: Duration = Duration::from_mins(3);

/// What differs between machines and is no part of a test.
const FOREIGN: [&str; 10] = [
    "COLUMNS",
    "GITHUB_STEP_SUMMARY",
    "LINES",
    "NO_COLOR",
    "CLICOLOR_FORCE",
    "TERM",
    "PERFTUNE_FORMAT",
    "PERFTUNE_OUT",
    "PERFTUNE_PROFILE",
    "PERFTUNE_WORKER",
];

/// Where unpacked data are kept: what tests write is no part of the user's cache.
pub(crate) const CACHE: &str = concat!(env!("CARGO_TARGET_TMPDIR"), "/cache");

/// The built `perftune` in an environment without what varies between machines.
pub(crate) struct Perftune {
    command: Command,
}

impl Perftune {
    pub(crate) fn new() -> Self {
        let mut command = Command::new(assert_cmd::cargo::cargo_bin!("perftune"));
        for name in FOREIGN {
            command.env_remove(name);
        }
        command.env("XDG_CACHE_HOME", CACHE);
        Self { command }
    }

    pub(crate) fn args<'a>(mut self, args: impl IntoIterator<Item = &'a str>) -> Self {
        self.command.args(args);
        self
    }

    pub(crate) fn env(mut self, name: &str, value: &str) -> Self {
        self.command.env(name, value);
        self
    }

    pub(crate) fn output(mut self) -> Output {
        self.command.output().unwrap()
    }

    /// Everything that a user sees of it.
    pub(crate) fn run(self) -> String {
        let output = self.output();
        let stdout = String::from_utf8(output.stdout).unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        format!(
            "exit code: {}\n----- stdout -----\n{stdout}----- stderr -----\n{stderr}",
            output.status.code().unwrap()
        )
    }
}

/// What a user sees of a run that has ended.
#[derive(Debug)]
pub(crate) struct Shown {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Shown {
    pub(crate) fn of(output: Output) -> Self {
        Self {
            code: output.status.code(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// Checks the exit code, and shows everything where it is another.
    #[track_caller]
    pub(crate) fn exits(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "{self:#?}");
        self
    }
}

/// Whether this process may use two CPUs; says so where it may not, since a test is skipped then.
pub(crate) fn two_cpus() -> bool {
    let there = rustix::thread::sched_getaffinity(None).unwrap().count() >= 2;
    if !there {
        let _ = std::io::stderr().write_all(b"skipped: this process may use one CPU only\n");
    }
    there
}

/// A row of a CSV file, by the names of its columns.
pub(crate) type Row = BTreeMap<String, String>;

/// The rows of a CSV text, each as long as the header.
pub(crate) fn rows(text: &str) -> Vec<Row> {
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let header = reader.headers().unwrap().clone();
    let row = |record: csv::StringRecord| {
        let cells = header.iter().zip(record.iter());
        cells.map(|(name, cell)| (name.to_owned(), cell.to_owned())).collect()
    };
    reader.records().map(|record| row(record.unwrap())).collect()
}

/// A folder with `grid.toml` in it, whose name is `t`: its results go to `results/t`.
pub(crate) struct Lab {
    folder: TempDir,
}

impl Lab {
    pub(crate) fn new(grid: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("grid.toml"), grid).unwrap();
        Self { folder }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A file of the results.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.path("results/t").join(name)
    }

    pub(crate) fn text(&self, name: &str) -> String {
        let path = self.file(name);
        fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    }

    pub(crate) fn rows(&self, name: &str) -> Vec<Row> {
        rows(&self.text(name))
    }

    /// The row of `report.csv` of this run.
    #[track_caller]
    pub(crate) fn report(&self, run: &str) -> Row {
        let mut rows = self.rows("report.csv");
        rows.retain(|row| row["run"] == run);
        assert_eq!(rows.len(), 1, "{run}");
        rows.remove(0)
    }

    /// A figure of a run, from `metrics.csv`; none where it was not measured.
    #[track_caller]
    pub(crate) fn figure(&self, run: &str, phase: &str, metric: &str) -> Option<f64> {
        let of = |row: &&Row| row["run"] == run && row["phase"] == phase && row["metric"] == metric;
        let rows = self.rows("metrics.csv");
        let row = rows.iter().find(of);
        row.unwrap_or_else(|| panic!("{run} {phase} {metric}"))["estimate"].parse().ok()
    }

    /// The record at the end of a run's log.
    pub(crate) fn record(&self, run: &str) -> serde_json::Value {
        let log = self.text(&format!("runs/{run}/events.jsonl"));
        let last: serde_json::Value = serde_json::from_str(log.lines().last().unwrap()).unwrap();
        assert_eq!(last["kind"], "ended");
        last["data"].clone()
    }

    /// Changes what the manifest says, as by hand: without a sum.
    pub(crate) fn amend(&self, key: &str, value: &str) {
        let mut manifest: serde_json::Value =
            serde_json::from_str(&self.text("manifest.json")).unwrap();
        manifest.as_object_mut().unwrap().remove("checksum");
        manifest[key] = value.into();
        fs::write(self.file("manifest.json"), manifest.to_string()).unwrap();
    }

    /// `perftune` in the folder.
    pub(crate) fn perftune(&self, args: &[&str]) -> Process {
        self.perftune_below(&[], args)
    }

    /// The same, started by this command.
    pub(crate) fn perftune_below(&self, words: &[&str], args: &[&str]) -> Process {
        let perftune = assert_cmd::cargo::cargo_bin!("perftune");
        let mut words = words.iter().map(OsStr::new).chain([perftune.as_os_str()]);
        let mut command = Process::new(words.next().unwrap());
        for name in FOREIGN {
            command.env_remove(name);
        }
        command
            .env("XDG_CACHE_HOME", CACHE)
            .args(words)
            .args(args)
            .current_dir(self.folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    pub(crate) fn call(&self, args: &[&str]) -> Shown {
        Shown::of(self.perftune(args).output().unwrap())
    }

    /// `perftune run grid.toml` with these arguments.
    pub(crate) fn run(&self, args: &[&str]) -> Shown {
        self.call(&[&["run", "grid.toml"], args].concat())
    }

    /// The same, while it runs.
    pub(crate) fn start(&self, args: &[&str]) -> Running {
        Running::new(self.perftune(&[&["run", "grid.toml"], args].concat()))
    }

    /// Every file below the folder, relative to it.
    pub(crate) fn files(&self) -> Vec<String> {
        fn walk(base: &Path, folder: &Path, found: &mut Vec<String>) {
            for entry in fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    walk(base, &path, found);
                } else {
                    let name = path.strip_prefix(base).unwrap();
                    found.push(name.to_str().unwrap().to_owned());
                }
            }
        }
        let mut found = Vec::new();
        walk(self.folder.path(), self.folder.path(), &mut found);
        found.sort();
        found
    }
}

/// A `perftune` that runs; killed when the test ends before it.
pub(crate) struct Running {
    child: Child,
    lines: Receiver<String>,
    heard: String,
}

impl Running {
    pub(crate) fn new(mut command: Process) -> Self {
        let mut child = command.spawn().unwrap();
        let stderr = BufReader::new(child.stderr.take().unwrap());
        let (send, lines) = channel();
        std::thread::spawn(move || {
            for line in stderr.lines() {
                // The test may have heard enough.
                let _ = send.send(line.unwrap());
            }
        });
        Self { child, lines, heard: String::new() }
    }

    /// Waits for a line of standard error that holds this text, and returns it.
    #[track_caller]
    pub(crate) fn until(&mut self, text: &str) -> String {
        loop {
            match self.lines.recv_timeout(PATIENCE) {
                Ok(line) => {
                    self.heard += &line;
                    self.heard.push('\n');
                    if line.contains(text) {
                        return line;
                    }
                }
                Err(error) => panic!("{error} before `{text}`:\n{}", self.heard),
            }
        }
    }

    /// Waits until a worker with `talks = true` says that it is in this phase.
    #[track_caller]
    pub(crate) fn until_phase(&mut self, phase: &str) -> Watched {
        let line = self.until(&format!(": {phase}"));
        let (_, rest) = line.split_once("process ").unwrap();
        Watched::new(rest.split_once(':').unwrap().0)
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// Waits for its end.
    pub(crate) fn end(mut self) -> Shown {
        let own = Watched::new(&self.child.id().to_string());
        let stdout = self.child.stdout.take().unwrap();
        let reader = std::thread::spawn(move || std::io::read_to_string(stdout).unwrap());
        assert!(own.ends(), "perftune does not end:\n{}", self.heard);
        let status = self.child.wait().unwrap();
        let rest: String = self.lines.iter().map(|line| line + "\n").collect();
        Shown {
            code: status.code(),
            stdout: reader.join().unwrap(),
            stderr: std::mem::take(&mut self.heard) + &rest,
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It has ended already where the test went well.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A process that is watched from now on, whatever becomes of its number.
pub(crate) struct Watched(Option<rustix::fd::OwnedFd>);

impl Watched {
    pub(crate) fn new(pid: &str) -> Self {
        let pid = Pid::from_raw(pid.parse().unwrap()).unwrap();
        match pidfd_open(pid, PidfdFlags::empty()) {
            Err(Errno::SRCH) => Self(None),
            opened => Self(Some(opened.unwrap())),
        }
    }

    /// Whether it ends, at the latest when nobody would wait any longer.
    pub(crate) fn ends(&self) -> bool {
        self.ends_within(PATIENCE)
    }

    /// Whether it has not ended yet.
    pub(crate) fn lives(&self) -> bool {
        !self.ends_within(Duration::ZERO)
    }

    fn ends_within(&self, wait: Duration) -> bool {
        let Some(process) = &self.0 else { return true };
        let mut fds = [PollFd::new(process, PollFlags::IN)];
        poll(&mut fds, Some(&Timespec::try_from(wait).unwrap())).unwrap() == 1
    }
}
