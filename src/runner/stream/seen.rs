//! What others saw of a worker's process, against which what it says that it used is held.
//!
//! The kernel's account of a process that has ended is exact, so what a peak between two ticks is worth shows there. What may
//! be explained is let pass: a figure that sums over the worker's processes has the sampler's sum over the tree as its
//! witness, and a worker in a container or on another machine, which is no child of this process, has none.
//!
//! Invariant: without a witness nothing is called wrong.

use super::violation::Violation;
use crate::event::{ResourceSample, Usage};

/// The kernel counts the pages of each core apart and adds them up now and then: two readings of one mark may differ by so
/// many bytes a core.
const CORE_BYTES: u64 = 1 << 20;

/// And by one part in so many, for what came between the two.
const PART: u64 = 8;

/// The same of CPU time, in nanoseconds.
const CPU_NS: u64 = 1_000_000_000;

/// What was seen so far.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(super) struct Seen {
    /// The most that the process held at a tick at which it was alone in its tree, in bytes.
    alone: u64,
    /// The most that its tree was found to have held, in bytes.
    tree: u64,
    /// Which process was started, and what the kernel has counted of it, once it has ended.
    counted: Option<(u32, Usage)>,
}

impl Seen {
    /// A reading of the tree; `works`: the worker has said hello and not its last word.
    pub(super) fn sample(&mut self, sample: &ResourceSample, works: bool) {
        let held = sample.rss_bytes.filter(|_| works && sample.processes == 1);
        self.alone = self.alone.max(held.unwrap_or(0));
        let most = sample.peak_bytes.max(sample.summed_bytes);
        self.tree = self.tree.max(most.unwrap_or(0));
    }

    pub(super) fn counted(&mut self, pid: u32, usage: Usage) {
        self.counted = Some((pid, usage));
    }

    /// Holds what the process `pid` says that it used, on a machine of so many cores, against what was seen of it.
    pub(super) fn check(&self, pid: u32, said: Usage, cores: u32) -> Result<(), Violation> {
        let Some((_, counted)) = self.counted.filter(|(started, _)| *started == pid) else {
            return Ok(());
        };
        let slack = u64::from(cores).saturating_mul(CORE_BYTES);
        let more = |bytes: u64| bytes.saturating_add(bytes / PART).saturating_add(slack);
        // A process that is smaller than the one that started it leaves a bound.
        let most = counted.vm_hwm_bytes.max(counted.hwm_at_most_bytes).filter(|most| *most > 0);
        let belied = |what, found, who, seen| Err(Violation::Belied { what, found, who, seen });
        if let Some(found) = said.vm_hwm_bytes {
            let what = "vm_hwm_bytes";
            match most.map(|most| most.max(self.tree)) {
                Some(most) if found > more(most) => return belied(what, found, "kernel", most),
                _ if self.alone > more(found) => {
                    return belied(what, found, "sampler", self.alone);
                }
                _ => {}
            }
        }
        match said.cpu_ns.zip(counted.cpu_ns) {
            Some((found, seen))
                if found > seen.saturating_add(seen / PART).saturating_add(CPU_NS) =>
            {
                belied("cpu_ns", found, "kernel", seen)
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1 << 20;

    fn usage(mib: u64) -> Usage {
        Usage { cpu_ns: Some(5 * CPU_NS), vm_hwm_bytes: Some(mib * MIB), hwm_at_most_bytes: None }
    }

    /// A tick at which so many processes held so many mebibytes.
    fn tick(processes: u32, mib: u64) -> ResourceSample {
        let held = Some(mib * MIB);
        ResourceSample { processes, rss_bytes: held, peak_bytes: held, ..ResourceSample::default() }
    }

    /// What is wrong with `said` of a worker with these ticks, of which the kernel counted 400 MiB.
    fn wrong(ticks: &[(u32, u64)], said: u64) -> Option<&'static str> {
        let mut seen = Seen::default();
        for (processes, mib) in ticks {
            seen.sample(&tick(*processes, *mib), true);
        }
        assert_eq!(seen.check(7, usage(said), 2), Ok(()), "it has not ended");
        seen.counted(7, usage(400));
        assert_eq!(seen.check(1, usage(said), 2), Ok(()), "the worker is another process");
        match seen.check(7, usage(said), 2) {
            Ok(()) => None,
            Err(Violation::Belied { who, .. }) => Some(who),
            Err(other) => panic!("{other}"),
        }
    }

    #[test]
    fn what_no_tick_saw_is_believed_where_the_kernel_counted_it() {
        for (ticks, said, who) in [
            (&[][..], 400, None),
            // A spike between two ticks, or after the last one.
            (&[(1, 30)], 400, None),
            (&[(1, 30)], 450, None),
            (&[(1, 30)], 500, Some("kernel")),
            // The sum over its processes.
            (&[(4, 1500)], 1500, None),
            (&[(4, 1500)], 2000, Some("kernel")),
            // In kibibytes.
            (&[(1, 390)], 0, Some("sampler")),
            (&[(1, 390)], 300, Some("sampler")),
            (&[(1, 390)], 350, None),
            // Its children may have held the rest, and before a tick nobody knows.
            (&[(4, 1500), (1, 20)], 20, None),
            (&[], 1, None),
        ] {
            assert_eq!(wrong(ticks, said), who, "{ticks:?} {said}");
        }
    }

    #[test]
    fn a_bound_is_one_and_a_kernel_that_counts_nothing_says_nothing() {
        let check = |counted, said| {
            let mut seen = Seen::default();
            seen.counted(7, counted);
            seen.check(7, said, 2).is_ok()
        };
        let bound = Usage { vm_hwm_bytes: None, hwm_at_most_bytes: Some(400 * MIB), ..usage(0) };
        assert_eq!([check(bound, usage(100)), check(bound, usage(500))], [true, false]);
        assert!(check(Usage::default(), usage(500)) && check(usage(0), usage(500)));
        let busy = |s| Usage { cpu_ns: Some(s * CPU_NS), ..usage(400) };
        assert_eq!([check(busy(5), busy(6)), check(busy(5), busy(7))], [true, false]);
    }

    #[test]
    fn before_hello_and_after_the_last_word_the_memory_is_not_the_workers() {
        let mut seen = Seen::default();
        seen.sample(&tick(1, 390), false);
        seen.counted(7, usage(400));
        assert_eq!(seen.check(7, usage(20), 2), Ok(()));
    }
}
