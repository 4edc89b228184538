//! Counters of the processor for the run's processes: instructions, cycles, cache misses, through `perf_event_open(2)`.
//!
//! They are opened when the worker has just been started, for its threads and all that these start later, and count what runs in
//! user space alone, which needs no right. Where several users want more counters than the processor has, the kernel lets them
//! take turns, and a count is scaled by its share of the time. Invariant: a count never falls.

use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{FromRawFd, RawFd};
use std::path::Path;

use nix::libc;

use super::probe::{Probe, Tick};
use crate::event::{Reason, ResourceSample};
use crate::metric::Field;

/// What is said of a kernel that keeps the counters to itself.
const PARANOID: &str = "/proc/sys/kernel/perf_event_paranoid";

/// A counter that is asked for.
#[derive(Debug, Clone, Copy)]
struct Wanted {
    field: Field,
    /// `perf_event_attr.type`: 0 is `PERF_TYPE_HARDWARE`, 1 `PERF_TYPE_SOFTWARE`.
    kind: u32,
    /// `perf_event_attr.config`.
    which: u64,
    put: fn(&mut ResourceSample) -> &mut Option<u64>,
}

const WANTED: [Wanted; 3] = [
    // PERF_COUNT_HW_INSTRUCTIONS, PERF_COUNT_HW_CPU_CYCLES, PERF_COUNT_HW_CACHE_MISSES.
    Wanted {
        field: Field::Instructions,
        kind: 0,
        which: 1,
        put: |sample| &mut sample.instructions,
    },
    Wanted { field: Field::Cycles, kind: 0, which: 0, put: |sample| &mut sample.cycles },
    Wanted { field: Field::CacheMisses, kind: 0, which: 3, put: |sample| &mut sample.cache_misses },
];

/// `struct perf_event_attr` as its first version has it (`PERF_ATTR_SIZE_VER0`).
#[repr(C)]
#[derive(Debug, Default)]
struct Attributes {
    kind: u32,
    size: u32,
    config: u64,
    sample_period: u64,
    sample_type: u64,
    read_format: u64,
    flags: u64,
    wakeup_events: u32,
    bp_type: u32,
    config1: u64,
}

/// `PERF_FORMAT_TOTAL_TIME_ENABLED | PERF_FORMAT_TOTAL_TIME_RUNNING`.
const WITH_TIMES: u64 = 1 | 2;

/// `inherit`, `exclude_kernel`, `exclude_hv`: what its threads start is counted, and user space alone.
const FLAGS: u64 = 1 << 1 | 1 << 5 | 1 << 6;

/// `PERF_FLAG_FD_CLOEXEC`.
const CLOEXEC: libc::c_ulong = 8;

/// Opens a counter of a thread and of all that it starts from now on.
fn open(wanted: &Wanted, thread: i32) -> io::Result<File> {
    let attributes = Attributes {
        kind: wanted.kind,
        size: u32::try_from(size_of::<Attributes>()).unwrap_or(0),
        config: wanted.which,
        read_format: WITH_TIMES,
        flags: FLAGS,
        ..Attributes::default()
    };
    #[expect(unsafe_code, reason = "libc has no function for this system call")]
    // SAFETY: the attributes are of the size that they say and are only read; -1 stands for any processor and for no group. A
    // descriptor that comes back is new, and this file alone owns it.
    let opened = unsafe {
        let found = libc::syscall(
            libc::SYS_perf_event_open,
            &raw const attributes,
            thread,
            -1,
            -1,
            CLOEXEC,
        );
        RawFd::try_from(found)
            .ok()
            .filter(|found| *found >= 0)
            .map(|found| File::from_raw_fd(found))
    };
    opened.ok_or_else(io::Error::last_os_error)
}

/// A count, scaled by the share of the time in which it was counted; nothing where it never was.
fn scaled([count, enabled_ns, running_ns]: [u64; 3]) -> Option<u64> {
    if running_ns == 0 {
        return (enabled_ns == 0).then_some(count);
    }
    let whole = u128::from(count) * u128::from(enabled_ns) / u128::from(running_ns);
    u64::try_from(whole).ok()
}

fn read(mut file: &File) -> Option<u64> {
    let mut bytes = [0; 24];
    file.read_exact(&mut bytes).ok()?;
    let word = |at: usize| bytes[at..at + 8].try_into().map_or(0, u64::from_ne_bytes);
    scaled([word(0), word(8), word(16)])
}

/// Why there is no such counter, and what to do.
fn why(error: &io::Error) -> Reason {
    match error.raw_os_error() {
        Some(libc::ENOENT | libc::ENODEV | libc::EOPNOTSUPP) => Reason::unsupported(
            "the processor shows no such counter; a virtual machine mostly hides them: measure on the machine itself, or give the guest a PMU",
        ),
        Some(libc::EACCES | libc::EPERM) => {
            let level = fs_err::read_to_string(PARANOID).unwrap_or_default();
            let level = level.trim();
            Reason::unsupported(format!(
                "the system refused (kernel.perf_event_paranoid is {level}): `sudo sysctl kernel.perf_event_paranoid=2` opens it; a container needs a seccomp profile that lets perf_event_open through"
            ))
        }
        Some(libc::ENOSYS) => {
            Reason::unsupported("this kernel or container has no perf_event_open")
        }
        _ => Reason::unsupported(error.to_string()),
    }
}

/// Whether a process has started no other one yet.
fn childless(pid: u32, threads: &[i32]) -> Result<(), Reason> {
    if !Path::new("/proc/thread-self/children").exists() {
        return Err(Reason::unsupported("this kernel does not list the children of a process"));
    }
    let started = threads.iter().any(|thread| {
        let children = fs_err::read_to_string(format!("/proc/{pid}/task/{thread}/children"));
        children.is_ok_and(|children| !children.trim().is_empty())
    });
    if started {
        let why = "the command had started other processes before its counters were opened: these would be missing";
        return Err(Reason::from(why));
    }
    Ok(())
}

/// One counter over all threads that were there.
#[derive(Debug)]
struct Counter {
    wanted: Wanted,
    files: Result<Vec<File>, Reason>,
    most: u64,
}

impl Counter {
    fn new(wanted: Wanted, threads: &[i32]) -> Self {
        let files = threads.iter().map(|thread| open(&wanted, *thread));
        let files = files.collect::<io::Result<Vec<File>>>().map_err(|error| why(&error));
        Self { wanted, files, most: 0 }
    }

    fn count(&mut self) -> Result<u64, Reason> {
        let files = self.files.as_ref().map_err(Reason::clone)?;
        let counts: Option<Vec<u64>> = files.iter().map(read).collect();
        let counts = counts.ok_or_else(|| Reason::from("the counter had no turn yet"))?;
        // Scaling may take a little back.
        self.most = self.most.max(counts.into_iter().fold(0, u64::saturating_add));
        Ok(self.most)
    }
}

/// Reads the counters of the processor.
pub(super) struct CounterProbe {
    counters: Vec<Counter>,
}

impl CounterProbe {
    /// Of the process `pid`, which has just been started.
    pub(super) fn new(pid: u32) -> Self {
        let tasks = fs_err::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
        let named = tasks.filter_map(|task| task.file_name().into_string().ok()?.parse().ok());
        let threads: Vec<i32> = named.collect();
        let mut counters: Vec<Counter> =
            WANTED.iter().map(|wanted| Counter::new(*wanted, &threads)).collect();
        // What was started before the counters were there is not in them.
        if let Err(reason) = childless(pid, &threads) {
            for counter in counters.iter_mut().filter(|counter| counter.files.is_ok()) {
                counter.files = Err(reason.clone());
            }
        }
        Self { counters }
    }
}

impl Probe for CounterProbe {
    fn name(&self) -> &'static str {
        "counters"
    }

    fn read(&mut self, tick: &mut Tick<'_>) {
        for counter in &mut self.counters {
            match counter.count() {
                Ok(count) => *(counter.wanted.put)(tick.sample) = Some(count),
                Err(reason) => tick.gaps.report(counter.wanted.field.key(), &reason),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::GapKind;
    use std::io::BufRead;

    #[test]
    fn a_count_is_scaled_by_its_share_of_the_time() {
        for (read, count) in [
            ([100, 1000, 1000], Some(100)),
            ([100, 1000, 250], Some(400)),
            ([0, 1000, 0], None),
            ([0, 0, 0], Some(0)),
            ([u64::MAX, 2, 1], None),
        ] {
            assert_eq!(scaled(read), count, "{read:?}");
        }
    }

    #[test]
    fn each_refusal_says_what_to_do() {
        for (error, says) in [
            (libc::ENOENT, "give the guest a PMU"),
            (libc::EACCES, "perf_event_paranoid=2"),
            (libc::EPERM, "seccomp"),
            (libc::ENOSYS, "no perf_event_open"),
            (libc::EMFILE, "Too many open files"),
        ] {
            let reason = why(&io::Error::from_raw_os_error(error));
            assert_eq!(reason.kind, GapKind::Unsupported);
            assert!(reason.detail.contains(says), "{reason}");
        }
    }

    /// The time of the processor, which the kernel counts itself (`PERF_COUNT_SW_TASK_CLOCK`), stands in for a counter that
    /// this machine may not have.
    #[test]
    fn what_a_process_starts_is_counted_and_kept_when_it_has_ended() {
        let clock = Wanted { kind: 1, which: 1, ..WANTED[0] };
        let script = "read line; (i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done); :";
        let mut child = std::process::Command::new("sh")
            .args(["-c", script])
            .stdin(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        let pid = i32::try_from(child.id()).unwrap();
        let mut counter = Counter::new(clock, &[pid]);
        assert_eq!(childless(child.id(), &[pid]), Ok(()));
        if let Err(reason) = &counter.files {
            assert_eq!(reason.kind, GapKind::Unsupported, "{reason}");
        }
        drop(child.stdin.take());
        child.wait().unwrap();
        if counter.files.is_ok() {
            let spent_ns = counter.count().unwrap();
            assert!(spent_ns > 1_000_000, "{spent_ns}");
            assert_eq!(counter.count(), Ok(spent_ns));
        }
    }
    #[test]
    fn what_was_started_before_makes_the_counts_too_small() {
        let mut child = std::process::Command::new("sh")
            .args(["-c", "sleep 60 & echo; wait"])
            .stdout(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        io::BufReader::new(child.stdout.take().unwrap()).lines().next();
        let pid = i32::try_from(child.id()).unwrap();
        let why = childless(child.id(), &[pid]).unwrap_err();
        assert!(why.detail.contains("had started other processes"), "{why}");
        for started in fs_err::read_to_string(format!("/proc/{pid}/task/{pid}/children"))
            .unwrap()
            .split_whitespace()
        {
            let started = rustix::process::Pid::from_raw(started.parse().unwrap()).unwrap();
            rustix::process::kill_process(started, rustix::process::Signal::KILL).unwrap();
        }
        child.wait().unwrap();
    }
}
