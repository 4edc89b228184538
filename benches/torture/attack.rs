//! One command under attack: started, waited for with a bound, and looked at when it is over.

use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fd::OwnedFd;
use rustix::process::{Pid, PidfdFlags, Signal, kill_process, pidfd_open};
use tempfile::TempDir;

use super::toll::{Harm, MOST_MEMORY, Toll};

/// Marks every process of an attack, so that orphans are found.
const MARK: &str = "PERFTUNE_TORTURE";

/// What is read of an output, in bytes.
const READ: u64 = 1 << 20;

/// How long a process that was killed may take to be gone.
const GONE: Duration = Duration::from_secs(10);

/// A folder, and the name of those who work in it.
pub(crate) struct Place {
    folder: TempDir,
}

impl Place {
    pub(crate) fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, text: impl AsRef<[u8]>) {
        fs::write(self.path(name), text).unwrap();
    }

    /// `perftune` here.
    pub(crate) fn perftune(&self, args: &[&str]) -> Command {
        self.below(&[], args)
    }

    /// The same, started by this command.
    pub(crate) fn below(&self, words: &[&str], args: &[&str]) -> Command {
        let perftune = env!("CARGO_BIN_EXE_perftune");
        let mut words = words.iter().copied().chain([perftune]);
        let mut command = Command::new(words.next().unwrap());
        command.args(words).args(args).current_dir(self.folder.path());
        command.env(MARK, self.folder.path()).env("TMPDIR", self.folder.path());
        command.env_remove("PERFTUNE_WORKER").env_remove("GITHUB_STEP_SUMMARY");
        command
    }

    /// Starts it.
    pub(crate) fn start(&self, mut command: Command) -> Attacked {
        let output = |name: &str| Stdio::from(File::create(self.path(name)).unwrap());
        command.stdin(Stdio::null()).stdout(output("stdout")).stderr(output("stderr"));
        let child = command.spawn().unwrap();
        let handle = pidfd_open(Pid::from_child(&child), PidfdFlags::empty()).unwrap();
        Attacked { child, handle }
    }

    /// What it has printed, for people.
    pub(crate) fn printed(&self) -> String {
        let mut text = Vec::new();
        for name in ["stdout", "stderr"] {
            let file = File::open(self.path(name)).unwrap();
            file.take(READ).read_to_end(&mut text).unwrap();
        }
        String::from_utf8_lossy(&text).into_owned()
    }

    /// Waits for its end, at most so long, and notes what must not be.
    pub(crate) fn end(
        &self,
        mut attacked: Attacked,
        bound: Duration,
        toll: &mut Toll,
        what: &str,
    ) -> Ended {
        let hung = !attacked.ends_within(bound);
        if hung {
            toll.add(Harm::Hang, format!("{what}: {bound:?}"));
            attacked.signal(Signal::KILL);
        }
        attacked.ends_within(Duration::from_mins(1));
        let usage = perftune::sampler::last_account(attacked.child.id(), None);
        // Where the mark of this process, which exec keeps, hides its own, that is an upper end; one beyond the bound is what
        // this process has had, and says nothing of the other.
        let hidden = |most: &u64| *most <= MOST_MEMORY;
        let peak =
            usage.and_then(|usage| usage.vm_hwm_bytes.or(usage.hwm_at_most_bytes.filter(hidden)));
        let memory = peak.unwrap_or(0);
        let status = attacked.child.wait().unwrap();
        toll.saw_memory(memory, what);
        let printed = self.printed();
        if status.code() == Some(101) || printed.contains("panicked at") {
            toll.add(Harm::Panic, format!("{what}: {}", tail(&printed)));
        }
        Ended { code: status.code(), printed, hung }
    }

    /// Nobody who carries the mark is left.
    pub(crate) fn nobody_is_left(&self, toll: &mut Toll, what: &str) {
        let mark = format!("{MARK}={}", self.folder.path().display());
        for entry in fs::read_dir("/proc").unwrap().flatten() {
            let path = entry.path();
            let Some(pid) = pid_of(&path).filter(|_| is_marked(&path, &mark)) else { continue };
            // It may be on its way out.
            let Ok(handle) = pidfd_open(pid, PidfdFlags::empty()) else { continue };
            if !ends_within(&handle, GONE) {
                let of = fs::read_to_string(path.join("comm")).unwrap_or_default();
                toll.add(Harm::Orphan, format!("{what}: {}", of.trim()));
                let _ = kill_process(pid, Signal::KILL);
            }
        }
    }

    /// Every file of the results is whole; only a log may lack its end.
    pub(crate) fn nothing_is_torn(&self, results: &str, toll: &mut Toll, what: &str) {
        for path in files(&self.path(results)) {
            let Ok(text) = fs::read_to_string(&path) else { continue };
            let json = |text: &str| serde_json::from_str::<serde_json::Value>(text).is_ok();
            let whole = match path.extension().and_then(|end| end.to_str()) {
                Some("json") => json(&text),
                Some("csv") => csv_is_whole(&text),
                Some("jsonl") => text.rfind('\n').map_or("", |end| &text[..end]).lines().all(json),
                _ => true,
            };
            if !whole {
                toll.add(Harm::Torn, format!("{what}: {}", path.display()));
            }
        }
    }

    /// The runs that are finished, each with its record.
    pub(crate) fn finished(&self, results: &str) -> Vec<(PathBuf, Vec<u8>)> {
        let done =
            files(&self.path(results)).into_iter().filter(|path| path.ends_with("done.json"));
        done.filter_map(|path| fs::read(&path).ok().map(|bytes| (path, bytes))).collect()
    }

    /// The files of the results.
    pub(crate) fn files(&self, results: &str) -> Vec<PathBuf> {
        files(&self.path(results))
    }
}

/// A command at work.
pub(crate) struct Attacked {
    child: Child,
    handle: OwnedFd,
}

impl Attacked {
    /// Waits so long; whether it has ended.
    pub(crate) fn ends_within(&self, wait: Duration) -> bool {
        ends_within(&self.handle, wait)
    }

    /// Whether it has said to the system that it handles this signal.
    pub(crate) fn handles(&self, signal: Signal) -> bool {
        let path = format!("/proc/{}/status", self.child.id());
        let status = fs::read_to_string(path).unwrap_or_default();
        let mask = status.lines().find_map(|line| line.strip_prefix("SigCgt:"));
        let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
        mask.is_some_and(|mask| mask & (1 << (signal.as_raw() - 1)) != 0)
    }

    pub(crate) fn signal(&self, signal: Signal) {
        // It may have ended this moment.
        let _ = kill_process(Pid::from_child(&self.child), signal);
    }
}

/// How it ended.
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    printed: String,
    hung: bool,
}

impl Ended {
    /// Its exit code is one of these.
    pub(crate) fn exits(&self, codes: &[i32], toll: &mut Toll, what: &str) -> bool {
        let found = self.code.is_some_and(|code| codes.contains(&code));
        if !found && !self.hung {
            toll.add(Harm::Code, format!("{what}: {:?}: {}", self.code, tail(&self.printed)));
        }
        found
    }
}

fn ends_within(handle: &OwnedFd, wait: Duration) -> bool {
    let mut fds = [PollFd::new(handle, PollFlags::IN)];
    poll(&mut fds, Some(&Timespec::try_from(wait).unwrap())).unwrap() == 1
}

fn pid_of(path: &Path) -> Option<Pid> {
    Pid::from_raw(path.file_name()?.to_str()?.parse().ok()?)
}

fn is_marked(process: &Path, mark: &str) -> bool {
    let environment = fs::read(process.join("environ")).unwrap_or_default();
    environment.split(|byte| *byte == 0).any(|pair| pair == mark.as_bytes())
}

fn csv_is_whole(text: &str) -> bool {
    let ends = text.is_empty() || text.ends_with('\n');
    // The log of ticks is written as it goes.
    let mut reader =
        csv::Reader::from_reader(text.rfind('\n').map_or("", |end| &text[..=end]).as_bytes());
    (ends || text.starts_with("t_ns")) && reader.records().all(|record| record.is_ok())
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() { found.extend(files(&path)) } else { found.push(path) }
    }
    found.sort();
    found
}

/// The end of what was printed, on one line.
fn tail(printed: &str) -> String {
    let lines: Vec<&str> = printed.lines().rev().take(4).collect();
    lines.into_iter().rev().collect::<Vec<_>>().join(" | ")
}
