//! One process of the tree, with its files kept open.

use std::io;

use super::ledger::{Amount, COUNTERS, Id, ProcessReading};
use super::usage;
use crate::event::Reason;
use crate::sampler::proc::parse::{self, Stat};
use crate::sampler::proc::{ProcFile, ProcRoot, gone, reason};

/// What the kernel counts in.
#[derive(Debug, Clone, Copy)]
pub(super) struct Units {
    /// Nanoseconds of a clock tick.
    pub(super) tick_ns: u64,
    /// Bytes of a page.
    pub(super) page: u64,
}

impl Units {
    /// Those of this machine.
    pub(super) fn of_system() -> Self {
        Self {
            tick_ns: 1_000_000_000 / rustix::param::clock_ticks_per_second().max(1),
            page: rustix::param::page_size() as u64,
        }
    }
}

/// The last known counters of one thread.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Thread {
    pub(super) tid: u32,
    pub(super) voluntary: u64,
    pub(super) involuntary: u64,
    pub(super) run_delay_ns: u64,
}

/// One process of the tree.
#[derive(Debug)]
pub(super) struct Process {
    pub(super) id: Id,
    pub(super) parent: u32,
    pub(super) group: u32,
    pub(super) session: u32,
    /// Living threads; 0 once it is a zombie.
    pub(super) thread_count: u32,
    pub(super) threads: Vec<Thread>,
    /// Resident bytes of the last reading; absent while it has no memory or none that may be counted yet.
    pub(super) rss: Option<u64>,
    /// By how much its resident bytes exceeded its share of them when that was last read.
    pub(super) excess: Option<u64>,
    /// Largest `VmHWM` read, in bytes.
    pub(super) high_water: u64,
    /// The largest `rss` at which `VmHWM` was read.
    pub(super) record: u64,
    /// When `VmHWM` is to be read next.
    pub(super) high_water_due_ns: u64,
    /// What it was last read with: stands in while it is there but may not be read.
    pub(super) last: Option<ProcessReading>,
    counts_memory: bool,
    /// It has ended, and its account was taken.
    settled: bool,
    stat: ProcFile,
    statm: ProcFile,
    io: ProcFile,
    status: ProcFile,
}

/// Why a process was not read.
#[derive(Debug)]
pub(super) enum Missing {
    /// It is no longer there, or its id means another process now.
    Gone,
    /// It is there but may not be read.
    Unreadable(Reason),
}

/// What one reading of a process says.
#[derive(Debug)]
pub(super) struct Reading {
    pub(super) entry: ProcessReading,
    /// Why its I/O is not in the entry.
    pub(super) io_gap: Option<Reason>,
}

impl Process {
    /// Opens a process. `keep`: whether its files may stay open. `counts_memory`: whether its memory counts from the
    /// first reading on; a process that has just been forked may still run in its parent's memory (`vfork`), which would
    /// be counted twice, so that of descendants counts from the second.
    pub(super) fn open(
        root: &ProcRoot,
        pid: u32,
        keep: bool,
        counts_memory: bool,
    ) -> Result<Self, Missing> {
        let dir = root.process(pid);
        let source = |name: &str| ProcFile::new(dir.join(name), keep);
        let stat = source("stat");
        let mut buffer = [0; 1024];
        let first = read_stat(&stat, &mut buffer)?;
        Ok(Self {
            id: Id { pid, start: first.start },
            parent: first.parent,
            group: first.group,
            session: first.session,
            thread_count: 0,
            threads: Vec::new(),
            rss: None,
            excess: None,
            high_water: 0,
            record: 0,
            high_water_due_ns: 0,
            last: None,
            counts_memory,
            settled: false,
            stat,
            statm: source("statm"),
            io: source("io"),
            status: source("status"),
        })
    }

    /// Reads counters and memory. `stat` comes last: it proves that all of them were this process's.
    pub(super) fn read(
        &mut self,
        root: &ProcRoot,
        units: Units,
        buffer: &mut [u8],
    ) -> Result<Reading, Missing> {
        let clock = root.cpu_clock_ns(self.id.pid);
        let resident = self.statm.read(buffer).ok().and_then(parse::statm_resident);
        let (io, io_gap) = self.read_io(buffer);
        let stat = read_stat(&self.stat, buffer)?;
        if stat.start != self.id.start {
            return Err(Missing::Gone);
        }
        // The first thread may have ended before the others: only then is it a zombie with company.
        let dead = stat.zombie && stat.threads <= 1;
        self.thread_count = if dead { 0 } else { stat.threads };
        self.parent = stat.parent;
        self.group = stat.group;
        self.session = stat.session;
        self.rss = resident
            .filter(|pages| *pages > 0 && self.counts_memory)
            .and_then(|pages| pages.checked_mul(units.page));
        self.counts_memory = true;
        let mut entry = ProcessReading { id: self.id, amounts: amounts(&stat, clock, io, units) };
        if stat.zombie && root.is_live() {
            self.settle(&mut entry);
        }
        self.last = Some(entry);
        Ok(Reading { entry, io_gap })
    }

    /// Takes the kernel's exact account of a child of ours that has ended.
    fn settle(&mut self, entry: &mut ProcessReading) {
        if self.settled {
            return;
        }
        let Some(usage) = usage::of_zombie(self.id.pid) else {
            return;
        };
        self.settled = true;
        let cpu = &mut entry.amounts[0];
        cpu.absorbed = cpu.absorbed.max(usage.cpu_ns.saturating_sub(cpu.own));
        // A mark that is not above our own may be our own: exec hands it down.
        if usage::own_high_water().is_some_and(|floor| usage.most_rss > floor) {
            self.high_water = self.high_water.max(usage.most_rss);
        }
    }

    fn read_io(&self, buffer: &mut [u8]) -> ((u64, u64), Option<Reason>) {
        match self.io.read(buffer) {
            Ok(text) => match parse::io(text) {
                Some(io) => (io, None),
                None => ((0, 0), Some(Reason::unsupported("/proc/PID/io has no such line"))),
            },
            Err(error) if gone(&error) && still_there(&self.stat) => {
                ((0, 0), Some(Reason::unsupported("this kernel has no /proc/PID/io")))
            }
            Err(error) if gone(&error) => ((0, 0), None),
            Err(error) => ((0, 0), Some(reason("/proc/PID/io", &error))),
        }
    }

    /// Reads `VmHWM`; a process without memory keeps the last one.
    pub(super) fn read_high_water(&mut self, buffer: &mut [u8]) -> Result<(), io::Error> {
        match self.status.read(buffer) {
            Ok(text) => {
                self.high_water = self.high_water.max(parse::high_water(text).unwrap_or(0));
                Ok(())
            }
            Err(error) if gone(&error) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Takes over the list of its threads, with what is known of those that are still there.
    pub(super) fn set_threads(&mut self, tids: &[u32]) {
        self.threads.retain(|thread| tids.contains(&thread.tid));
        for tid in tids {
            if !self.threads.iter().any(|thread| thread.tid == *tid) {
                self.threads.push(Thread { tid: *tid, ..Thread::default() });
            }
        }
    }
}

/// Whether a process is there although one of its files is not.
fn still_there(stat: &ProcFile) -> bool {
    stat.read(&mut [0; 1024]).is_ok()
}

fn read_stat(source: &ProcFile, buffer: &mut [u8]) -> Result<Stat, Missing> {
    match source.read(buffer) {
        Ok(text) => parse::stat(text).ok_or_else(|| {
            Missing::Unreadable(Reason::unsupported("/proc/PID/stat is not as proc(5) has it"))
        }),
        Err(error) if gone(&error) => Err(Missing::Gone),
        Err(error) => Err(Missing::Unreadable(reason("/proc/PID/stat", &error))),
    }
}

fn amounts(stat: &Stat, clock: Option<u64>, io: (u64, u64), units: Units) -> [Amount; COUNTERS] {
    let ns = |ticks: u64| ticks.saturating_mul(units.tick_ns);
    // A parent's I/O counters take in those of the children that it waits for: they have no column of their own.
    let merged = |absorbed| Amount { own: 0, absorbed };
    [
        Amount {
            own: clock.unwrap_or_else(|| ns(stat.cpu_ticks)),
            absorbed: ns(stat.children_cpu_ticks),
        },
        merged(io.0),
        merged(io.1),
        Amount { own: stat.minor_faults, absorbed: stat.children_minor_faults },
        Amount { own: stat.major_faults, absorbed: stat.children_major_faults },
    ]
}
