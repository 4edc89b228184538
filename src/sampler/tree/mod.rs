//! The worker's process tree: CPU time, memory, I/O, faults, context switches.
//!
//! | field | from | how often |
//! |---|---|---|
//! | CPU time | the process clock (ns), and `cutime + cstime` of `stat` for children that were waited for | every tick |
//! | faults, I/O | `stat`, `io` | every tick |
//! | RSS | `statm` | every tick |
//! | peak | `VmHWM` of `status`; of several processes the shares of `smaps_rollup` | once a second, and whenever a process sets a record of RSS; when the sum sets one, and while that takes little time |
//! | the last word | `waitid`, which tells the exact account of a child of ours that has ended | once |
//! | context switches, run-queue delay | `task/*/status`, `task/*/schedstat` | each thread once a second, in turn |
//! | members | `task/*/children` | twice a second; once there were several before each reading of the machine, some five times a second, and soon after a process has ended |
//!
//! Memory that processes share is counted once, now and in the peak ([`memory`]).

mod ledger;
mod memory;
mod process;
mod processes;
mod threads;
mod usage;

pub(super) use self::usage::{last_account, own_mark};

use self::ledger::{COUNTERS, Ledger, ProcessReading};
use self::memory::{Held, Peak};
use self::process::{Missing, Units};
use self::processes::{ProcessTree, run_delay_gap};
use self::threads::Threads;
use crate::event::{GapKind, Reason, ResourceSample};
use crate::sampler::cpu_clock::thread_cpu_ns;
use crate::sampler::probe::{GapLedger, Probe, TREE_FIELDS, Tick};
use crate::sampler::proc::{ProcRoot, gone, parse, reason};

/// Time between two readings of `VmHWM` of a process, in nanoseconds. What is touched after the last one is in the account that the
/// kernel gives of it at its end.
const HIGH_WATER_NS: u64 = 1_000_000_000;

/// Time between two looks at who belongs to the tree: of one process, of several, and the shortest one when something has
/// changed, in nanoseconds.
const DISCOVER_CALM_NS: u64 = 500_000_000;
const DISCOVER_NS: u64 = 180_000_000;
const DISCOVER_SOON_NS: u64 = 100_000_000;

/// Time between two looks at the orphans among our own children while no process of the tree has ended, in nanoseconds: they
/// were mostly members before, and all threads of this process have to be asked.
const ADOPT_NS: u64 = 500_000_000;

/// A look at the processes may take at most one part in this many of the time: trees of a thousand threads are looked at less often.
const DISCOVER_SHARE: u64 = 500;

/// Enough for `status` on a machine with thousands of cores.
const BUFFER: usize = 16 << 10;

/// Reads a process tree.
pub(super) struct TreeProbe {
    root: ProcRoot,
    units: Units,
    processes: ProcessTree,
    ledger: Ledger,
    threads: Threads,
    peak: Peak,
    /// Why nothing can be read.
    failure: Option<Reason>,
    run_delay_gap: Option<Reason>,
    /// Why the tree's I/O is not known; it stays, since a sum without a member is not the tree's.
    io_gap: Option<Reason>,
    high_water_gap: Option<Reason>,
    last_ns: u64,
    discovered_ns: u64,
    adopts_ns: u64,
    /// It has had more than one process: more may come.
    lively: bool,
    discovery_cost_ns: u64,
    look_soon: bool,
    entries: Vec<ProcessReading>,
    buffer: Vec<u8>,
}

impl TreeProbe {
    /// The tree below `pid`, which should not have been waited for yet.
    pub(super) fn new(root: ProcRoot, pid: u32) -> Self {
        let units = Units::of_system();
        let own = root.is_live().then(std::process::id);
        let (processes, found) = ProcessTree::new(root.clone(), pid, own);
        let failure = match found {
            Ok(()) => None,
            Err(Missing::Gone) => Some(format!("there is no process {pid}").into()),
            Err(Missing::Unreadable(why)) => Some(why),
        };
        let mut slack = [0; COUNTERS];
        slack[0] = 2 * units.tick_ns;
        Self {
            run_delay_gap: run_delay_gap(&root, pid),
            root,
            units,
            processes,
            ledger: Ledger::new(slack),
            threads: Threads::default(),
            peak: Peak::default(),
            failure,
            io_gap: None,
            high_water_gap: None,
            last_ns: 0,
            discovered_ns: 0,
            adopts_ns: 0,
            lively: false,
            discovery_cost_ns: 0,
            look_soon: false,
            entries: Vec::new(),
            buffer: vec![0; BUFFER],
        }
    }

    /// The same, beside other lanes: what may run elsewhere than on these CPUs is theirs.
    pub(super) fn in_lane(mut self, cpus: &[u32]) -> Self {
        self.processes.within(cpus);
        self
    }

    fn discover(&mut self, now_ns: u64) {
        let before = thread_cpu_ns();
        let adopts = self.look_soon || now_ns >= self.adopts_ns;
        self.processes.discover(adopts);
        if adopts {
            self.adopts_ns = now_ns.saturating_add(ADOPT_NS);
        }
        self.lively |= self.processes.members.len() > 1;
        self.discovery_cost_ns = thread_cpu_ns().saturating_sub(before);
        self.discovered_ns = now_ns;
        self.look_soon = false;
    }

    fn discovery_due(&self, now_ns: u64) -> bool {
        let pause = if self.look_soon {
            DISCOVER_SOON_NS
        } else if self.lively {
            DISCOVER_NS
        } else {
            DISCOVER_CALM_NS
        };
        let pause = pause.max(self.discovery_cost_ns.saturating_mul(DISCOVER_SHARE));
        now_ns.saturating_sub(self.discovered_ns) >= pause
    }

    fn read_members(&mut self) {
        self.entries.clear();
        let Self { root, units, processes, entries, buffer, io_gap, .. } = self;
        processes.members.retain_mut(|member| match member.read(root, *units, buffer) {
            Ok(reading) => {
                entries.push(reading.entry);
                if let Some(why) = reading.io_gap {
                    *io_gap = Some(why);
                }
                true
            }
            Err(Missing::Gone) => false,
            // It has not ended, so its counters stay where they are: nothing may be taken for absorbed or lost.
            Err(Missing::Unreadable(_)) => {
                entries.extend(member.last);
                true
            }
        });
        self.look_soon |= self.ledger.update(&self.entries);
    }

    /// What all of them hold; the peaks are kept up to date.
    fn read_memory(&mut self, now_ns: u64, thorough: bool) -> Option<Held> {
        let mut largest = 0;
        for member in &mut self.processes.members {
            if let Some(rss) = member.rss {
                let record = rss > member.record;
                if record || thorough || now_ns >= member.high_water_due_ns {
                    member.record = member.record.max(rss);
                    member.high_water_due_ns = now_ns.saturating_add(HIGH_WATER_NS);
                    if let Err(error) = member.read_high_water(&mut self.buffer) {
                        let mut why = reason("/proc/PID/status", &error);
                        why.detail += "; the largest sampled RSS stands in, which misses spikes";
                        self.high_water_gap = Some(why);
                    }
                }
            }
            largest = largest.max(member.high_water);
        }
        self.peak.raise(largest);
        let elapsed_ns = now_ns.saturating_sub(self.last_ns);
        let held = self.peak.see(&self.root, &mut self.processes.members, elapsed_ns);
        if thorough {
            self.peak.settle();
        }
        held
    }

    fn fill(&self, held: Option<Held>, sample: &mut ResourceSample, gaps: &mut GapLedger) {
        let [cpu, read, write, minor, major] = self.ledger.totals();
        sample.cpu_ns = Some(cpu);
        sample.minor_faults = Some(minor);
        sample.major_faults = Some(major);
        match &self.io_gap {
            None => (sample.read_bytes, sample.write_bytes) = (Some(read), Some(write)),
            Some(why) => report(gaps, &["read_bytes", "write_bytes"], why),
        }
        sample.rss_bytes = held.map(|held| held.once);
        sample.summed_bytes = held.and_then(|held| held.summed);
        sample.peak_bytes = Some(self.peak.bytes).filter(|bytes| *bytes > 0);
        let ended = "the worker has ended: it has no memory any more";
        if held.is_none() {
            gaps.report_as("rss_bytes", GapKind::Failed, ended);
        }
        let gap = self.high_water_gap.as_ref().or(self.peak.gap.as_ref());
        match (gap, sample.peak_bytes) {
            (Some(why), _) => gaps.report("peak_bytes", why),
            (None, None) => gaps.report_as("peak_bytes", GapKind::Failed, ended),
            (None, Some(_)) => {}
        }
        if self.threads.read {
            sample.voluntary_switches = Some(self.threads.voluntary);
            sample.involuntary_switches = Some(self.threads.involuntary);
        } else {
            let why = "no thread could be read before it ended";
            for field in ["voluntary_switches", "involuntary_switches"] {
                gaps.report_as(field, GapKind::Failed, why);
            }
        }
        match &self.run_delay_gap {
            None => sample.run_delay_ns = Some(self.threads.run_delay_ns),
            Some(why) => gaps.report("run_delay_ns", why),
        }
        let living = self.processes.members.iter().filter(|member| member.thread_count > 0);
        sample.processes = u32::try_from(living.clone().count()).unwrap_or(u32::MAX);
        sample.threads = living.map(|member| member.thread_count).sum();
    }
}

impl Probe for TreeProbe {
    fn name(&self) -> &'static str {
        "tree"
    }

    fn read(&mut self, tick: &mut Tick<'_>) {
        if let Some(why) = &self.failure {
            report(tick.gaps, &TREE_FIELDS, why);
            *tick.looked = true;
            return;
        }
        let now_ns = tick.now_ns;
        // Before the reading: what a child has used that is not found yet would pass for the work of others.
        let looks = tick.thorough || self.discovery_due(now_ns);
        *tick.looked = looks || !self.lively;
        if looks {
            self.look_soon |= tick.thorough;
            self.discover(now_ns);
        }
        self.read_members();
        let held = self.read_memory(now_ns, tick.thorough);
        let elapsed = now_ns.saturating_sub(self.last_ns);
        self.threads.visit(
            &self.root,
            &mut self.processes.members,
            (!tick.thorough).then_some(elapsed),
            &mut self.buffer,
        );
        self.last_ns = now_ns;
        self.fill(held, tick.sample, tick.gaps);
        tick.pids.extend(self.processes.members.iter().map(|member| member.id.pid));
    }
}

/// Resident memory of the tree below `pid` with each shared page counted once (the sum of the proportional set sizes of
/// `smaps_rollup`), in bytes; `None` where that cannot be read. The kernel walks all pages for it: some milliseconds a gigabyte.
/// `lane`: the CPUs of its lane, where there are others beside it.
pub(super) fn unshared_bytes(root: &ProcRoot, pid: u32, lane: Option<&[u32]>) -> Option<u64> {
    let own = root.is_live().then(std::process::id);
    let (mut processes, found) = ProcessTree::new(root.clone(), pid, own);
    found.ok()?;
    if let Some(cpus) = lane {
        processes.within(cpus);
    }
    processes.discover(true);
    let mut sum = None;
    for member in &processes.members {
        match root.read(format!("{}/smaps_rollup", member.id.pid)) {
            Ok(text) => {
                let share = parse::keyed(&text, "Pss:").unwrap_or(0);
                sum = Some(sum.unwrap_or(0) + share.saturating_mul(1024));
            }
            Err(error) if gone(&error) => {}
            Err(_) => return None,
        }
    }
    sum
}

fn report(gaps: &mut GapLedger, fields: &[&str], why: &Reason) {
    for field in fields {
        gaps.report(field, why);
    }
}

#[cfg(test)]
#[path = "fake_tests.rs"]
mod tests;
