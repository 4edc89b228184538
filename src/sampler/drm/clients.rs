//! The graphics clients of a process tree: which devices it has open, and how much of their time it took.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use super::fdinfo::{Client, Work, parse};

/// Where device files are.
const NODES: &str = "/dev/dri/";

/// What the tree has on one device.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Share {
    /// Percent of the busiest kind of engine since the look before; absent at the first look.
    pub(super) busy_percent: Option<f64>,
    /// Memory of all its clients.
    pub(super) memory_bytes: Option<u64>,
}

/// Looks at the open files of a tree, again and again.
#[derive(Debug)]
pub(super) struct Clients {
    proc: PathBuf,
    /// The look before: when, and every client by device and number.
    before: Option<(u64, Known)>,
}

type Known = BTreeMap<(String, u64), Client>;

/// What a look has found.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Look {
    /// By the PCI bus id of the device.
    pub(super) shares: BTreeMap<String, Share>,
    /// The names of the device files that are open, such as `renderD128`: of drivers that say nothing else.
    pub(super) nodes: BTreeSet<String>,
    /// Whether the open files of some process of the tree could be listed at all.
    pub(super) told: bool,
}

impl Clients {
    /// Those of the processes below this `/proc`.
    pub(super) fn new(proc: &Path) -> Self {
        Self { proc: proc.to_owned(), before: None }
    }

    /// One look at these processes.
    pub(super) fn look(&mut self, pids: &[u32], now_ns: u64) -> Look {
        let mut found = Look::default();
        let mut known = Known::new();
        for pid in pids {
            self.process(*pid, &mut known, &mut found);
        }
        for (device, _) in known.keys() {
            found.shares.entry(device.clone()).or_default();
        }
        for (device, share) in &mut found.shares {
            let own = known.iter().filter(|((of, _), _)| of == device);
            let own: Vec<_> = own.collect();
            let memory = own.iter().filter_map(|(_, client)| client.memory_bytes);
            share.memory_bytes = memory.reduce(u64::saturating_add);
            share.busy_percent = self
                .before
                .as_ref()
                .and_then(|(then_ns, before)| busy(&own, before, now_ns.saturating_sub(*then_ns)));
        }
        self.before = Some((now_ns, known));
        found
    }

    fn process(&self, pid: u32, known: &mut Known, found: &mut Look) {
        let process = self.proc.join(pid.to_string());
        let Ok(entries) = fs_err::read_dir(process.join("fd")) else {
            return;
        };
        found.told = true;
        for entry in entries.flatten() {
            let target = fs_err::read_link(entry.path()).unwrap_or_default();
            let node = target.to_str().and_then(|path| path.strip_prefix(NODES));
            let Some(node) = node else {
                continue;
            };
            found.nodes.insert(node.to_owned());
            let info = process.join("fdinfo").join(entry.file_name());
            let text = fs_err::read(info).unwrap_or_default();
            // The same client through another file says the same.
            if let Some(client) = parse(&String::from_utf8_lossy(&text)) {
                known.insert((client.device.clone(), client.id), client);
            }
        }
    }
}

/// The busiest kind of engine, in percent. A client that was not there at the look before counts from this one on: what it
/// had done until then may be older than it is ours.
fn busy(own: &[(&(String, u64), &Client)], before: &Known, elapsed_ns: u64) -> Option<f64> {
    if elapsed_ns == 0 {
        return None;
    }
    let mut engines: BTreeMap<&str, f64> = BTreeMap::new();
    let mut told = own.is_empty();
    for (key, client) in own {
        let then = before.get(*key);
        for (name, work) in &client.engines {
            told = true;
            let then = then.and_then(|client| client.engines.get(name));
            let share = then.and_then(|then| share(*then, *work, elapsed_ns));
            *engines.entry(name).or_default() += share.unwrap_or(0.0);
        }
    }
    let most = engines.values().copied().fold(0.0, f64::max);
    told.then(|| (most * 100.0).min(100.0))
}

/// The part of an engine's time that a client took between two looks.
fn share(then: Work, now: Work, elapsed_ns: u64) -> Option<f64> {
    // The kernel lets these run backwards a little: that is no work.
    let risen = |then: Option<u64>, now: Option<u64>| Some(now?.saturating_sub(then?) as f64);
    let capacity = now.capacity.unwrap_or(1).max(1) as f64;
    if let Some(ns) = risen(then.ns, now.ns) {
        return Some(ns / elapsed_ns as f64 / capacity);
    }
    let passed = risen(then.total_cycles, now.total_cycles).filter(|passed| *passed > 0.0)?;
    Some(risen(then.cycles, now.cycles)? / passed / capacity)
}

#[cfg(test)]
mod tests {
    use super::*;

    const S: u64 = 1_000_000_000;

    struct Proc(tempfile::TempDir);

    impl Proc {
        fn open(&self, pid: u32, fd: u32, node: &str, info: &str) {
            let process = self.0.path().join(pid.to_string());
            for folder in ["fd", "fdinfo"] {
                fs_err::create_dir_all(process.join(folder)).unwrap();
            }
            let link = process.join("fd").join(fd.to_string());
            let _ = fs_err::remove_file(&link);
            std::os::unix::fs::symlink(node, link).unwrap();
            fs_err::write(process.join("fdinfo").join(fd.to_string()), info).unwrap();
        }
    }

    fn i915(id: u32, render_ns: u64) -> String {
        format!(
            "drm-driver: i915\ndrm-pdev: 0000:00:02.0\ndrm-client-id: {id}\ndrm-engine-render: {render_ns} ns\n\
             drm-engine-video: 0 ns\ndrm-engine-capacity-video: 2\ndrm-resident-system0: 1 MiB\n"
        )
    }

    #[test]
    fn a_client_counts_once_and_only_what_it_did_between_two_looks() {
        let proc = Proc(tempfile::tempdir().unwrap());
        let node = "/dev/dri/renderD128";
        let mut clients = Clients::new(proc.0.path());
        proc.open(10, 3, node, &i915(1, 7 * S));
        // The same client, handed on to a child.
        proc.open(11, 5, node, &i915(1, 7 * S));
        proc.open(11, 6, "/tmp/other", &i915(2, 9 * S));
        proc.open(12, 6, node, &i915(8, 9 * S));
        let first = clients.look(&[10, 11], 0);
        let share = &first.shares["0000:00:02.0"];
        assert_eq!((share.busy_percent, share.memory_bytes), (None, Some(1 << 20)));
        assert!(first.nodes.contains("renderD128") && first.told);
        for (pid, fd) in [(10, 3), (11, 5)] {
            proc.open(pid, fd, node, &i915(1, 7 * S + S / 4));
        }
        // A new one of the tree, and one that is not of the tree.
        proc.open(11, 7, node, &i915(3, 100 * S));
        let second = clients.look(&[10, 11], S);
        let share = &second.shares["0000:00:02.0"];
        assert!((share.busy_percent.unwrap() - 25.0).abs() < 1e-9, "{share:?}");
        assert_eq!(share.memory_bytes, Some(2 << 20));
        proc.open(11, 7, node, &i915(3, 100 * S + 2 * S));
        let third = clients.look(&[10, 11], 2 * S);
        assert_eq!(third.shares["0000:00:02.0"].busy_percent, Some(100.0));
        assert_eq!(clients.look(&[99], 3 * S), Look::default());
    }

    #[test]
    fn cycles_are_a_share_of_cycles() {
        let proc = Proc(tempfile::tempdir().unwrap());
        let xe = |cycles: u64, total: u64| {
            format!(
                "drm-pdev: 0000:03:00.0\ndrm-client-id: 4\ndrm-cycles-ccs: {cycles}\ndrm-total-cycles-ccs: {total}\n\
                 drm-engine-capacity-ccs: 2\n"
            )
        };
        let mut clients = Clients::new(proc.0.path());
        for (at, cycles, total, busy) in [
            (0, 100, 1000, None),
            (S, 500, 2000, Some(20.0)),
            (2 * S, 400, 3000, Some(0.0)),
            (3 * S, 400, 3000, Some(0.0)),
        ] {
            proc.open(1, 3, "/dev/dri/card0", &xe(cycles, total));
            let look = clients.look(&[1], at);
            assert_eq!(look.shares["0000:03:00.0"].busy_percent, busy, "{at}");
        }
    }
}
