//! Control groups of runs (version 2): made before the worker starts, removed when it has ended.
//!
//! The group of a run is called `perftune-PID-RUN.run`. Its directory is locked as long as its perftune lives; the kernel
//! lets go of the lock however that ends. So a group without a lock is what a killed perftune has left: the next one ends
//! what is still in there and removes it. Controllers that a group was made to hand out stay handed out: others may have
//! come to rely on it.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use fs_err::File;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{FlockOperation, flock};

use crate::clock::{Clock, MonotonicClock};
use crate::event::limits::{GROUP, GROUP_OF_RUN};
use crate::event::{Limits, MemoryGuard};
use crate::sampler::GroupBase;

/// The period of a CPU quota, in microseconds: the kernel's own default.
const PERIOD_US: f64 = 100_000.0;

/// How long the processes of a group may take to end after they were killed, in nanoseconds.
const PATIENCE_NS: u64 = 5_000_000_000;

/// Characters of a run's name that fit into a file name with the rest.
const LONGEST_NAME: usize = 200;

const ASIDE: &str = ".aside";

/// Why there is no group.
#[derive(Debug, thiserror::Error)]
#[error("the control group for its limits cannot be made: {0}")]
pub(super) struct GroupError(#[from] io::Error);

/// Where the groups of a grid's runs are made.
#[derive(Debug)]
pub(super) struct Groups {
    base: PathBuf,
    /// Where perftune has stepped aside to.
    aside: Option<GroupFolder>,
    enabled: Vec<&'static str>,
}

impl Groups {
    /// Removes what a killed perftune has left, and makes the base hand out its controllers.
    pub(super) fn open(base: &GroupBase) -> Result<Self, GroupError> {
        remove_stale(&base.dir);
        let mut groups = Self { base: base.dir.clone(), aside: None, enabled: Vec::new() };
        if base.step_aside {
            let aside = base.dir.join(format!("{GROUP}{}{ASIDE}", std::process::id()));
            let aside = groups.aside.insert(GroupFolder::make(aside)?);
            put(&aside.dir, "cgroup.procs", &std::process::id().to_string())?;
        }
        for controller in &base.enable {
            put(&base.dir, "cgroup.subtree_control", &format!("+{controller}"))?;
            groups.enabled.push(controller);
        }
        Ok(groups)
    }

    /// The group of a run, with its limits set and nobody in it.
    pub(super) fn of_run(&self, run: &str, limits: &Limits) -> Result<RunGroup, GroupError> {
        let run: String = run.chars().take(LONGEST_NAME).collect();
        let name = format!("{GROUP}{}-{run}{GROUP_OF_RUN}", std::process::id());
        let group = RunGroup { held: GroupFolder::make(self.base.join(name))? };
        let dir = &group.held.dir;
        // A group that is there for its CPU quota alone may have no memory controller.
        let guarded = limits.memory_guard == Some(MemoryGuard::Cgroup);
        if let Some(bytes) = limits.memory_bytes.filter(|_| guarded) {
            put(dir, "memory.max", &bytes.to_string())?;
            // Where there is swap it would be more memory; and half a tree is no run. Older kernels have neither file.
            for (name, value) in [("memory.swap.max", "0"), ("memory.oom.group", "1")] {
                if dir.join(name).exists() {
                    put(dir, name, value)?;
                }
            }
        }
        if let Some(percent) = limits.cpu_quota_percent {
            let quota = (percent / 100.0 * PERIOD_US).round();
            put(dir, "cpu.max", &format!("{quota} {PERIOD_US}"))?;
        }
        Ok(group)
    }
}

impl Drop for Groups {
    /// Goes back to where perftune was, which its group must hand out no controllers for.
    fn drop(&mut self) {
        let Some(aside) = &self.aside else { return };
        for controller in &self.enabled {
            let _ = put(&self.base, "cgroup.subtree_control", &format!("-{controller}"));
        }
        let _ = put(&self.base, "cgroup.procs", &std::process::id().to_string());
        let _ = fs_err::remove_dir(&aside.dir);
    }
}

/// A group of our own, locked.
#[derive(Debug)]
struct GroupFolder {
    dir: PathBuf,
    _lock: File,
}

impl GroupFolder {
    fn make(dir: PathBuf) -> io::Result<Self> {
        fs_err::create_dir(&dir)?;
        let locked = File::open(&dir).and_then(|file| {
            flock(file.file(), FlockOperation::NonBlockingLockExclusive)?;
            Ok(file)
        });
        match locked {
            Ok(lock) => Ok(Self { dir, _lock: lock }),
            Err(error) => {
                let _ = fs_err::remove_dir(&dir);
                Err(error)
            }
        }
    }
}

/// The group of one run. Dropping it ends what is still in it and removes it.
#[derive(Debug)]
pub(super) struct RunGroup {
    held: GroupFolder,
}

impl RunGroup {
    /// The file that a process joins the group by: it writes `0`.
    pub(super) fn door(&self) -> io::Result<File> {
        fs_err::OpenOptions::new().write(true).open(self.held.dir.join("cgroup.procs"))
    }

    /// How much memory the group had taken, in bytes, if the kernel has ended a process of it because of its own limit:
    /// its peak, or the limit on kernels that do not keep a peak.
    pub(super) fn out_of_memory(&self, limit: u64) -> Option<u64> {
        let dir = &self.held.dir;
        let events = fs_err::read_to_string(dir.join("memory.events")).ok()?;
        let count = |key: &str| {
            let mut lines = events.lines().filter_map(|line| line.split_once(' '));
            let found = lines.find(|(name, _)| *name == key);
            found.and_then(|(_, count)| count.trim().parse::<u64>().ok())
        };
        // `oom_kill` also counts what was killed because of a group above or the machine; `oom` is the group's own.
        if count("oom")? == 0 || count("oom_kill")? == 0 {
            return None;
        }
        let peak = fs_err::read_to_string(dir.join("memory.peak")).ok();
        let peak = peak.and_then(|peak| peak.trim().parse().ok());
        Some(peak.unwrap_or(limit))
    }

    /// Ends what is still in the group and removes it; the reason why it is still there.
    pub(super) fn remove(self) -> Option<String> {
        empty_and_remove(&self.held.dir).err()
    }
}

impl Drop for RunGroup {
    fn drop(&mut self) {
        let _ = empty_and_remove(&self.held.dir);
    }
}

/// Removes the groups that nobody holds.
fn remove_stale(base: &Path) {
    let Ok(entries) = fs_err::read_dir(base) else {
        return;
    };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        let is_run = name.ends_with(GROUP_OF_RUN);
        if !name.starts_with(GROUP) || !(is_run || name.ends_with(ASIDE)) {
            continue;
        }
        let dir = entry.path();
        let free = File::open(&dir)
            .is_ok_and(|file| flock(file.file(), FlockOperation::NonBlockingLockExclusive).is_ok());
        if free {
            // Who cannot remove it finds it again the next time.
            let _ = if is_run {
                empty_and_remove(&dir)
            } else {
                fs_err::remove_dir(&dir).map_err(|error| error.to_string())
            };
        }
    }
}

fn empty_and_remove(dir: &Path) -> Result<(), String> {
    if !dir.exists() {
        return Ok(());
    }
    if let Ok(events) = File::open(dir.join("cgroup.events"))
        && is_populated(&events)
    {
        kill_all(dir);
        wait_until_empty(&events);
    }
    fs_err::remove_dir(dir).map_err(|error| error.to_string())
}

/// Whether somebody lives in the group whose `cgroup.events` this is. Reading it also tells the kernel what we know.
fn is_populated(events: &File) -> bool {
    let mut buffer = [0; 256];
    let count = rustix::io::pread(events.file(), &mut buffer, 0).unwrap_or(0);
    String::from_utf8_lossy(&buffer[..count]).lines().any(|line| line == "populated 1")
}

/// SIGKILL to everybody in the group.
fn kill_all(dir: &Path) {
    if dir.join("cgroup.kill").exists() && put(dir, "cgroup.kill", "1").is_ok() {
        return;
    }
    // Before Linux 5.14 one by one; who forks meanwhile is found by the next look.
    for _ in 0..10 {
        let pids = fs_err::read_to_string(dir.join("cgroup.procs")).unwrap_or_default();
        let pids = pids.lines().filter_map(|line| line.parse().ok());
        for pid in pids.filter_map(rustix::process::Pid::from_raw) {
            let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
        }
    }
}

/// Waits for the last process to end; the kernel tells a change of `cgroup.events` by POLLPRI.
fn wait_until_empty(events: &File) {
    let clock = MonotonicClock;
    let end_ns = clock.now_ns().saturating_add(PATIENCE_NS);
    while is_populated(events) {
        let left = end_ns.saturating_sub(clock.now_ns());
        let Ok(wait) = Timespec::try_from(Duration::from_nanos(left)) else {
            return;
        };
        let mut fds = [PollFd::new(events.file(), PollFlags::PRI)];
        if left == 0 || poll(&mut fds, Some(&wait)).is_err() {
            return;
        }
    }
}

fn put(dir: &Path, name: &str, text: &str) -> io::Result<()> {
    fs_err::write(dir.join(name), text)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A directory stands in for the file system of control groups: what is written can be read back, and what the kernel
    /// would do is done by the test.
    fn base() -> (tempfile::TempDir, GroupBase) {
        let dir = tempfile::tempdir().unwrap();
        let base = GroupBase { dir: dir.path().to_owned(), enable: Vec::new(), step_aside: false };
        (dir, base)
    }

    fn text(dir: &Path, name: &str) -> Option<String> {
        fs_err::read_to_string(dir.join(name)).ok()
    }

    /// A directory that is no control group cannot be removed with files in it, as a group can.
    fn forget_files(dir: &Path) {
        for entry in fs_err::read_dir(dir).unwrap() {
            fs_err::remove_file(entry.unwrap().path()).unwrap();
        }
    }

    #[test]
    fn the_limits_are_written_before_anybody_is_in() {
        let (dir, base) = base();
        let groups = Groups::open(&base).unwrap();
        let limits = Limits {
            cpus: vec![0],
            cpu_quota_percent: Some(150.0),
            memory_bytes: Some(1 << 28),
            memory_guard: Some(MemoryGuard::Cgroup),
        };
        let long = "x".repeat(255);
        let group = groups.of_run(&long, &limits).unwrap();
        let own = group.held.dir.clone();
        let name = own.file_name().unwrap().to_str().unwrap();
        assert!(name.len() <= 255 && name.ends_with("xxx.run"), "{name}");
        assert_eq!(own.parent().unwrap(), dir.path());
        assert_eq!(text(&own, "memory.max").as_deref(), Some("268435456"));
        assert_eq!(text(&own, "cpu.max").as_deref(), Some("150000 100000"));
        // This kernel has no such files, so they are not made up.
        assert_eq!(text(&own, "memory.swap.max"), None);
        forget_files(&own);
        assert_eq!(group.remove(), None);
        assert!(!own.exists());
        let watched = Limits { memory_guard: Some(MemoryGuard::Watched), ..limits };
        let group = groups.of_run("a", &watched).unwrap();
        let own = group.held.dir.clone();
        assert_eq!(text(&own, "cpu.max").as_deref(), Some("150000 100000"));
        assert_eq!(text(&own, "memory.max"), None);
        forget_files(&own);
        drop(group);
        let none = groups.of_run("a", &Limits::default()).unwrap();
        assert_eq!(fs_err::read_dir(&none.held.dir).unwrap().count(), 0);
    }

    #[test]
    fn only_a_kill_for_the_groups_own_limit_is_one() {
        let (_dir, base) = base();
        let groups = Groups::open(&base).unwrap();
        let group = groups.of_run("a", &Limits::default()).unwrap();
        let dir = group.held.dir.clone();
        for (events, peak, says) in [
            (None, None, None),
            (Some("low 0\nmax 3\noom 0\noom_kill 0\n"), None, None),
            (Some("max 3\noom 1\noom_kill 2\n"), None, Some(1000)),
            (Some("max 3\noom 1\noom_kill 2\n"), Some("990\n"), Some(990)),
            // The machine's memory was short, not the group's.
            (Some("max 3\noom 0\noom_kill 1\n"), None, None),
            (Some("max 3\noom 1\noom_kill 0\n"), None, None),
            (Some("garbage"), None, None),
        ] {
            for (name, text) in [("memory.events", events), ("memory.peak", peak)] {
                if let Some(text) = text {
                    put(&dir, name, text).unwrap();
                }
            }
            assert_eq!(group.out_of_memory(1000), says, "{events:?} {peak:?}");
            forget_files(&dir);
        }
    }

    #[test]
    fn what_a_killed_perftune_has_left_is_removed_and_nothing_else() {
        let (dir, base) = base();
        let names = [
            "perftune-7-a.run",
            "perftune-7.aside",
            "perftune-live.run",
            "perftune-of-the-user",
            "other.run",
        ];
        for name in names {
            fs_err::create_dir(dir.path().join(name)).unwrap();
        }
        let live = File::open(dir.path().join("perftune-live.run")).unwrap();
        flock(live.file(), FlockOperation::NonBlockingLockExclusive).unwrap();
        let groups = Groups::open(&base).unwrap();
        let left: Vec<bool> = names.iter().map(|name| dir.path().join(name).exists()).collect();
        assert_eq!(left, [false, false, true, true, true]);
        let own = groups.of_run("b", &Limits::default()).unwrap();
        // A second perftune leaves it alone.
        drop(Groups::open(&base).unwrap());
        assert!(own.held.dir.exists());
        let own_dir = own.held.dir.clone();
        drop(own);
        assert!(!own_dir.exists());
    }

    #[test]
    fn perftune_steps_aside_and_comes_back() {
        let (dir, mut base) = base();
        base.step_aside = true;
        base.enable = vec!["memory", "cpu"];
        let groups = Groups::open(&base).unwrap();
        let own = std::process::id().to_string();
        let aside = dir.path().join(format!("perftune-{own}.aside"));
        assert_eq!(text(&aside, "cgroup.procs"), Some(own.clone()));
        assert_eq!(text(dir.path(), "cgroup.subtree_control").as_deref(), Some("+cpu"));
        forget_files(&aside);
        drop(groups);
        assert_eq!(text(dir.path(), "cgroup.subtree_control").as_deref(), Some("-cpu"));
        assert_eq!(text(dir.path(), "cgroup.procs"), Some(own));
        assert!(!aside.exists());
    }

    #[test]
    fn a_base_that_is_gone_is_an_error() {
        let (dir, mut base) = base();
        base.dir = dir.path().join("gone");
        let groups = Groups::open(&base).unwrap();
        let error = groups.of_run("a", &Limits::default()).unwrap_err();
        assert!(error.to_string().contains("cannot be made"), "{error}");
        base.enable = vec!["memory"];
        assert!(Groups::open(&base).is_err());
    }
}
