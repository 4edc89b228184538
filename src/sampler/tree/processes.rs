//! Who belongs to the tree.
//!
//! A process belongs to it once it has been seen as a descendant of the root, and until it ends, whoever its parent is by
//! then. The parts of the tree are found through the children of *every* thread: `/proc/PID/task/PID/children` lists only
//! those that the first thread has forked.
//!
//! Where the runner is a subreaper, descendants whose parent has ended become its children. A child of our own process belongs
//! to the tree if it is in the root's process group, or has left *our* session (a daemon: double fork and `setsid`), or is
//! in a group of its own in the root's session, and is not older than the root; provided that the root has a group of its
//! own, as a worker has. What perftune starts itself stays in its group and session, except for workers, of which there
//! is one at a time: so whoever else is there is an orphan of this one. What an earlier run has left behind is older.
//!
//! Beside other lanes there are other workers, and orphans of theirs. Each lane has CPUs of its own, to which all that is started
//! there is bound: so an orphan belongs to the lane whose CPUs it may run on, unless it is in the root's group.

use std::collections::HashMap;
use std::io;

use rustix::thread::CpuSet;

use super::process::{Missing, Process};
use crate::event::Reason;
use crate::sampler::proc::{ProcRoot, gone, parse};

/// Files of at most this many processes are kept open: four each, well below the usual limit of 1024.
const KEPT: usize = 48;

/// The processes of a tree, parents before their children.
#[derive(Debug)]
pub(super) struct ProcessTree {
    root: ProcRoot,
    /// Ours, whose children may be orphans of the tree.
    own_pid: Option<u32>,
    /// How its orphans are told from others, if the root has a group of its own.
    orphans: Option<OrphanRule>,
    /// The CPUs of its lane, where there are others beside it.
    lane: Option<Vec<u32>>,
    finder: Finder,
    pub(super) members: Vec<Process>,
}

/// What tells the orphans of the tree from other children of ours.
#[derive(Debug, Clone, Copy)]
struct OrphanRule {
    group: u32,
    session: u32,
    /// When the root started.
    start: u64,
    /// Our own group and session.
    own: (u32, u32),
}

impl OrphanRule {
    fn has(&self, child: &Process) -> bool {
        let (own_group, own_session) = self.own;
        let like_it = child.group == self.group || child.session == self.session;
        let daemon = child.session != own_session;
        (like_it || daemon) && child.group != own_group && child.id.start >= self.start
    }
}

/// How children are found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Finder {
    /// By `task/TID/children`, which the kernel may have been built without.
    Children,
    /// By the parents of all processes of the machine.
    Scan,
}

impl ProcessTree {
    /// The processes of `root_pid`; empty, with the reason, if that cannot be read.
    pub(super) fn new(
        root: ProcRoot,
        root_pid: u32,
        own_pid: Option<u32>,
    ) -> (Self, Result<(), Missing>) {
        let children = format!("{root_pid}/task/{root_pid}/children");
        let finder = if root.join(children).exists() { Finder::Children } else { Finder::Scan };
        let own = own_pid.and_then(|pid| Process::open(&root, pid, false, false).ok());
        let (members, orphans, result) = match Process::open(&root, root_pid, root.is_live(), true)
        {
            Ok(first) => {
                let own = own.filter(|own| own.group != first.group);
                let orphans = own.map(|own| OrphanRule {
                    group: first.group,
                    session: first.session,
                    start: first.id.start,
                    own: (own.group, own.session),
                });
                (vec![first], orphans, Ok(()))
            }
            Err(missing) => (Vec::new(), None, Err(missing)),
        };
        let processes = Self { root, own_pid, orphans, lane: None, finder, members };
        (processes, result)
    }

    /// From now on orphans that may run elsewhere than on these CPUs are those of another lane.
    pub(super) fn within(&mut self, cpus: &[u32]) {
        self.lane = Some(cpus.to_vec());
    }

    /// Looks for new members and threads; among the orphans that have become our own children only if `adopts`.
    pub(super) fn discover(&mut self, adopts: bool) {
        let parents = match self.finder {
            Finder::Children => Vec::new(),
            Finder::Scan => all_parents(&self.root),
        };
        if adopts {
            self.adopt(&parents);
        }
        let mut place = 0;
        // The list grows while it is walked: that is the breadth-first search.
        while place < self.members.len() {
            let pid = self.members[place].id.pid;
            if let Ok(tids) = self.root.numbers_in(format!("{pid}/task")) {
                self.members[place].set_threads(&tids);
                for child in self.children(pid, &tids, &parents) {
                    self.admit(child);
                }
            }
            place += 1;
        }
        self.sort();
    }

    fn adopt(&mut self, parents: &[(u32, u32)]) {
        let (Some(own), Some(orphans)) = (self.own_pid, self.orphans) else {
            return;
        };
        let tids = self.root.numbers_in(format!("{own}/task")).unwrap_or_default();
        for child in self.children(own, &tids, parents) {
            if self.knows(child) {
                continue;
            }
            if let Ok(process) = Process::open(&self.root, child, self.keeps(), false)
                && orphans.has(&process)
                && (process.group == orphans.group || self.is_of_lane(child))
            {
                self.members.push(process);
            }
        }
    }

    /// Whether a process may run on no other CPUs than those of the lane.
    fn is_of_lane(&self, pid: u32) -> bool {
        let Some(lane) = &self.lane else { return true };
        affinity(pid).is_some_and(|cpus| cpus.iter().all(|cpu| lane.contains(cpu)))
    }

    fn knows(&self, pid: u32) -> bool {
        self.members.iter().any(|member| member.id.pid == pid)
    }

    fn keeps(&self) -> bool {
        self.root.is_live() && self.members.len() < KEPT
    }

    fn admit(&mut self, pid: u32) {
        if !self.knows(pid)
            && let Ok(process) = Process::open(&self.root, pid, self.keeps(), false)
        {
            self.members.push(process);
        }
    }

    fn children(&self, pid: u32, tids: &[u32], parents: &[(u32, u32)]) -> Vec<u32> {
        if self.finder == Finder::Scan {
            let own = parents.iter().filter(|(_, parent)| *parent == pid);
            return own.map(|(child, _)| *child).collect();
        }
        let mut found = Vec::new();
        for tid in tids {
            if let Ok(text) = self.root.read(format!("{pid}/task/{tid}/children")) {
                found.extend(parse::ids(&text));
            }
        }
        found
    }

    /// Parents first, as the ledger wants it.
    fn sort(&mut self) {
        let parents: HashMap<u32, u32> =
            self.members.iter().map(|member| (member.id.pid, member.parent)).collect();
        let depth = |pid: u32| {
            let mut at = pid;
            let mut depth = 0_usize;
            // Bounded: ids that were used again between two readings could make a circle.
            while let Some(parent) = parents.get(&at)
                && depth <= parents.len()
            {
                at = *parent;
                depth += 1;
            }
            depth
        };
        self.members.sort_by_cached_key(|member| depth(member.id.pid));
    }
}

/// The CPUs that a process may run on; none where it is gone.
fn affinity(pid: u32) -> Option<Vec<u32>> {
    let pid = rustix::process::Pid::from_raw(pid.try_into().ok()?)?;
    let set = rustix::thread::sched_getaffinity(Some(pid)).ok()?;
    let cpus = (0..CpuSet::MAX_CPU).filter(|cpu| set.is_set(*cpu));
    Some(cpus.filter_map(|cpu| u32::try_from(cpu).ok()).collect())
}

fn all_parents(root: &ProcRoot) -> Vec<(u32, u32)> {
    let pids = root.numbers_in("").unwrap_or_default();
    pids.into_iter()
        .filter_map(|pid| {
            let text = root.read(format!("{pid}/stat")).ok()?;
            Some((pid, parse::stat(&text)?.parent))
        })
        .collect()
}

/// Why run-queue delays cannot be read, if they cannot.
pub(super) fn run_delay_gap(root: &ProcRoot, pid: u32) -> Option<Reason> {
    let error = root.read(format!("{pid}/task/{pid}/schedstat")).err()?;
    Some(explain(&error))
}

fn explain(error: &io::Error) -> Reason {
    if gone(error) {
        Reason::unsupported("this kernel has no schedstat (CONFIG_SCHED_INFO)")
    } else {
        crate::sampler::proc::reason("/proc/PID/task/TID/schedstat", error)
    }
}
