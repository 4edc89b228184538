//! The tree's memory, and the most that it ever was.
//!
//! Of one process the kernel keeps the high-water mark. Of several, the sum of the resident bytes counts what they share
//! (the pages of a fork, libraries) once for each: each process's share of its pages (`Pss` of `smaps_rollup`) is added up
//! instead, which is no less than what the largest of them holds. The kernel walks all pages for it, some milliseconds a
//! gigabyte, so it is done at most [`SHARE`] of the time: when the sum would set a record, and when time was saved for it,
//! since a fork copies pages by and by. A tree of one process is never walked. In between, what was found to be counted
//! too often stands in. What could not be told apart in time is at last counted as the sum, with a gap that says so.
//!
//! What the tree holds now is counted the same way, and is never more than the peak.

use super::process::Process;
use crate::event::Reason;
use crate::sampler::cpu_clock::thread_cpu_ns;
use crate::sampler::proc::{ProcRoot, gone, parse, reason};

/// One part in this many of the time may be spent on walking pages.
const SHARE: u64 = 1000;

/// What may be spent at once, in nanoseconds.
const PURSE_NS: i64 = 5_000_000;

/// A record by less than one part in this many is not worth a walk.
const RECORD: u64 = 100;

/// The peak of a tree.
#[derive(Debug)]
pub(super) struct Peak {
    pub(super) bytes: u64,
    /// Why it is no more than an upper bound.
    pub(super) gap: Option<Reason>,
    /// The largest sum that is not yet told apart.
    pending: u64,
    purse_ns: i64,
}

impl Default for Peak {
    fn default() -> Self {
        Self { bytes: 0, gap: None, pending: 0, purse_ns: PURSE_NS }
    }
}

/// What the members hold at a reading, in bytes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Held {
    /// Pages that they share counted once.
    pub(super) once: u64,
    /// The same counted for each; absent for one process.
    pub(super) summed: Option<u64>,
}

/// Sums over the members that have memory.
#[derive(Debug, Clone, Copy, Default)]
struct Sums {
    members: usize,
    resident: u64,
    /// The most that one of them holds.
    largest: u64,
    /// Without what is known to be counted more than once.
    told_apart: u64,
    /// Whether that was ever looked for in all of them.
    complete: bool,
}

impl Sums {
    fn of(members: &[Process]) -> Self {
        let mut sums = Self { complete: true, ..Self::default() };
        for member in members {
            let Some(rss) = member.rss else { continue };
            sums.members += 1;
            sums.resident += rss;
            sums.largest = sums.largest.max(rss);
            sums.told_apart += rss.saturating_sub(member.excess.unwrap_or(0));
            sums.complete &= member.excess.is_some();
        }
        sums
    }
}

impl Peak {
    /// Takes the price of a walk, in nanoseconds.
    pub(super) fn spend(&mut self, cost_ns: i64) {
        self.purse_ns = self.purse_ns.saturating_sub(cost_ns);
    }

    pub(super) fn raise(&mut self, bytes: u64) {
        self.bytes = self.bytes.max(bytes);
    }

    /// Takes a reading; returns what the members hold now.
    pub(super) fn see(
        &mut self,
        root: &ProcRoot,
        members: &mut [Process],
        elapsed_ns: u64,
    ) -> Option<Held> {
        let earned = i64::try_from(elapsed_ns / SHARE).unwrap_or(PURSE_NS);
        self.purse_ns = self.purse_ns.saturating_add(earned).min(PURSE_NS);
        let sums = Sums::of(members);
        self.raise(sums.largest);
        if sums.members > 1 {
            self.tell_apart(sums, root, members);
        }
        let apart = Sums::of(members).told_apart.max(sums.largest);
        (sums.members > 0).then(|| Held {
            once: apart.min(self.bytes),
            summed: (sums.members > 1).then_some(sums.resident),
        })
    }

    fn tell_apart(&mut self, sums: Sums, root: &ProcRoot, members: &mut [Process]) {
        let saved = self.gap.is_none() && self.purse_ns == PURSE_NS;
        if sums.told_apart <= self.bytes {
            if saved && sums.resident > self.bytes {
                self.look(sums, root, members);
            }
            return;
        }
        let small = sums.told_apart - self.bytes <= self.bytes / RECORD;
        if sums.complete && (small || self.purse_ns <= 0) {
            return self.raise(sums.told_apart);
        }
        if self.gap.is_none() && self.purse_ns <= 0 {
            self.pending = self.pending.max(sums.told_apart);
            return;
        }
        self.look(sums, root, members);
    }

    fn look(&mut self, sums: Sums, root: &ProcRoot, members: &mut [Process]) {
        let before = thread_cpu_ns();
        let walked = match self.gap {
            None => walk(root, members),
            Some(_) => Err(None),
        };
        let cost = thread_cpu_ns().saturating_sub(before);
        self.spend(i64::try_from(cost).unwrap_or(i64::MAX));
        match walked {
            Ok(share) => {
                // Sums that could not be told apart then are likely to have been too large by as much.
                let ratio = share as f64 / sums.told_apart as f64;
                let pending = (self.pending as f64 * ratio.min(1.0)).round();
                #[expect(
                    clippy::cast_possible_truncation,
                    clippy::cast_sign_loss,
                    reason = "a share of a number of bytes"
                )]
                self.raise(share.max(pending as u64));
                self.pending = 0;
            }
            Err(why) => {
                self.raise(sums.told_apart.max(self.pending));
                self.gap = why.or(self.gap.take());
            }
        }
    }

    /// The last look.
    pub(super) fn settle(&mut self) {
        if self.pending > self.bytes {
            self.bytes = self.pending;
            self.gap = Some(
                "an upper bound: there was no time to tell apart the pages that processes share"
                    .into(),
            );
        }
    }
}

/// Adds up each process's share of its pages; what was counted too often is noted with each.
fn walk(root: &ProcRoot, members: &mut [Process]) -> Result<u64, Option<Reason>> {
    let (mut sum, mut read) = (0, false);
    let mut missing = None;
    for member in members {
        let Some(rss) = member.rss else { continue };
        match root.read(format!("{}/smaps_rollup", member.id.pid)) {
            Ok(text) => {
                let Some(kb) = parse::keyed(&text, "Pss:") else {
                    continue;
                };
                let share = kb.saturating_mul(1024);
                member.excess = Some(rss.saturating_sub(share));
                sum += share;
                read = true;
            }
            // It has ended since.
            Err(error) if gone(&error) => missing = Some(error),
            Err(error) => return Err(Some(bound(&error))),
        }
    }
    match missing {
        Some(error) if !read => Err(Some(bound(&error))),
        _ => Ok(sum),
    }
}

fn bound(error: &std::io::Error) -> Reason {
    let mut why = reason("/proc/PID/smaps_rollup", error);
    why.detail += "; pages that processes share are counted for each: an upper bound";
    why
}
