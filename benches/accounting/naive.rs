//! The sampler that one writes first, after `psutil`: every 100 ms all descendants by their parents, the sum of their RSS,
//! and of the CPU time that each was last seen with.

use std::collections::BTreeMap;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use super::Said;

pub(super) struct Naive {
    stop: Sender<()>,
    thread: JoinHandle<Said>,
}

impl Naive {
    pub(super) fn start(root: u32) -> Self {
        let (stop, stopped) = channel::<()>();
        let thread = std::thread::spawn(move || {
            let (mut cpu, mut peak) = (BTreeMap::new(), 0_f64);
            loop {
                peak = peak.max(look(root, &mut cpu));
                let waited = stopped.recv_timeout(Duration::from_millis(100));
                if waited != Err(RecvTimeoutError::Timeout) {
                    break;
                }
            }
            let tick = rustix::param::clock_ticks_per_second() as f64;
            let ticks: u64 = cpu.values().sum();
            Said { cpu_s: ticks as f64 / tick, peak }
        });
        Self { stop, thread }
    }

    pub(super) fn stop(self) -> Said {
        drop(self.stop);
        self.thread.join().unwrap()
    }
}

/// A process: its parent, its CPU ticks, its resident bytes.
fn processes() -> BTreeMap<u32, (u32, u64, f64)> {
    let mut found = BTreeMap::new();
    for entry in fs_err::read_dir("/proc").unwrap().flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else {
            continue;
        };
        let Ok(text) = fs_err::read(entry.path().join("stat")) else {
            continue;
        };
        let text = String::from_utf8_lossy(&text).into_owned();
        let Some((_, rest)) = text.rsplit_once(')') else {
            continue;
        };
        let fields: Vec<&str> = rest.split_ascii_whitespace().collect();
        let number = |at: usize| fields.get(at).and_then(|field| field.parse::<u64>().ok());
        if let (Some(parent), Some(user), Some(system), Some(pages)) =
            (number(1), number(11), number(12), number(21))
        {
            let bytes = pages as f64 * rustix::param::page_size() as f64;
            let parent = u32::try_from(parent).unwrap();
            found.insert(pid, (parent, user + system, bytes));
        }
    }
    found
}

/// Notes the CPU time of everybody below `root`; the sum of their memory.
fn look(root: u32, cpu: &mut BTreeMap<u32, u64>) -> f64 {
    let all = processes();
    let mut memory = 0.0;
    for (pid, (_, ticks, bytes)) in &all {
        let mut at = *pid;
        while at != root
            && let Some((parent, ..)) = all.get(&at)
            && *parent != 0
        {
            at = *parent;
        }
        if at == root {
            cpu.insert(*pid, *ticks);
            memory += bytes;
        }
    }
    memory
}
