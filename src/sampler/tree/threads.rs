//! Counters that the kernel keeps by thread only: context switches and time in a run queue.
//!
//! They cost two files a thread, so the threads are visited in turn, each about once a second, of few of them more often: these totals are up to a
//! second old (up to `threads / 32` ticks in trees with very many threads), and what a thread does between its last visit and its
//! end is missing: they are lower bounds. What a thread had when it ended stays counted.

use super::process::{Process, Thread};
use crate::sampler::proc::{ProcRoot, parse};

/// Most threads visited in one tick: at about 5 us each the tick stays below 0.2 ms.
const MOST: usize = 32;

/// Fewest threads visited in one tick: a command that ends within a second has waited, too.
const LEAST: usize = 2;

/// Each thread is visited at least about this often, in nanoseconds.
const ROUND_NS: u64 = 1_000_000_000;

/// Totals over all threads that were ever visited; they never fall.
#[derive(Debug, Default)]
pub(super) struct Threads {
    pub(super) voluntary: u64,
    pub(super) involuntary: u64,
    pub(super) run_delay_ns: u64,
    /// Whether any was read.
    pub(super) read: bool,
    cursor: usize,
    /// Visits that are due, in thread-nanoseconds.
    credit: u64,
}

/// How many of `threads` to visit after `elapsed_ns`, given the credit of earlier ticks; and the credit that is left.
fn due(threads: usize, elapsed_ns: u64, credit: u64) -> (usize, u64) {
    let credit = credit.saturating_add((threads as u64).saturating_mul(elapsed_ns));
    let whole = usize::try_from(credit / ROUND_NS).unwrap_or(usize::MAX);
    if whole > MOST.min(threads) {
        // What could not be done is not made up for.
        (MOST.min(threads), 0)
    } else {
        (whole, credit % ROUND_NS)
    }
}

impl Threads {
    /// Visits those that are due, or all of them.
    pub(super) fn visit(
        &mut self,
        root: &ProcRoot,
        members: &mut [Process],
        elapsed_ns: Option<u64>,
        buffer: &mut [u8],
    ) {
        let total: usize = members.iter().map(|member| member.threads.len()).sum();
        let count = match elapsed_ns {
            Some(elapsed_ns) => {
                let (count, credit) = due(total, elapsed_ns, self.credit);
                self.credit = credit;
                count.max(LEAST.min(total))
            }
            None => total,
        };
        for _ in 0..count {
            self.cursor = (self.cursor + 1) % total;
            let mut place = self.cursor;
            for member in &mut *members {
                if place < member.threads.len() {
                    let pid = member.id.pid;
                    self.read_one(root, pid, &mut member.threads[place], buffer);
                    break;
                }
                place -= member.threads.len();
            }
        }
    }

    fn read_one(&mut self, root: &ProcRoot, pid: u32, thread: &mut Thread, buffer: &mut [u8]) {
        let dir = root.process(pid).join("task").join(thread.tid.to_string());
        let read = |name: &str, buffer: &mut [u8]| {
            let source = crate::sampler::proc::ProcFile::new(dir.join(name), false);
            source.read(buffer).map(<[u8]>::len).ok()
        };
        if let Some(count) = read("status", buffer) {
            let text = &buffer[..count];
            let voluntary = parse::keyed(text, "voluntary_ctxt_switches:");
            let involuntary = parse::keyed(text, "nonvoluntary_ctxt_switches:");
            self.read |= voluntary.is_some() && involuntary.is_some();
            advance(&mut self.voluntary, &mut thread.voluntary, voluntary);
            advance(&mut self.involuntary, &mut thread.involuntary, involuntary);
        }
        if let Some(count) = read("schedstat", buffer) {
            let delay = parse::run_delay(&buffer[..count]);
            advance(&mut self.run_delay_ns, &mut thread.run_delay_ns, delay);
        }
    }
}

/// Adds what a thread has gained. A smaller value than before is a new thread under an old id: all of it is new.
fn advance(total: &mut u64, last: &mut u64, now: Option<u64>) {
    let Some(now) = now else { return };
    *total += if now >= *last { now - *last } else { now };
    *last = now;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn totals_gain_what_threads_gain() {
        let (mut total, mut last) = (0, 0);
        for (now, expected) in
            [(Some(5), 5), (Some(5), 5), (Some(9), 9), (None, 9), (Some(2), 11), (Some(3), 12)]
        {
            advance(&mut total, &mut last, now);
            assert_eq!(total, expected);
        }
    }

    #[test]
    fn every_thread_gets_its_turn_about_once_a_second() {
        const MS: u64 = 1_000_000;
        // Threads, ms between ticks, visits within ten seconds.
        for (threads, ms, visits) in [
            (1, 100, 10),
            (10, 100, 100),
            (10, 10, 100),
            (64, 100, 640),
            (0, 100, 0),
            (1000, 100, 3200),
        ] {
            let (mut credit, mut count) = (0, 0);
            for _ in 0..10_000 / ms {
                let (now, left) = due(threads, ms * MS, credit);
                credit = left;
                count += now;
                assert!(now <= MOST.min(threads));
            }
            assert_eq!(count, visits, "{threads} threads every {ms} ms");
        }
    }
}
