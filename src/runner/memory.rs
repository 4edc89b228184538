//! A limit on memory that no control group sees to: whether a tick of the sampler finds the tree beyond it.

use crate::clock::Clock;
use crate::event::ResourceSample;

/// Counting shared pages once takes time: at most one part in this many is spent on it.
const SHARE: u64 = 20;

/// Watches the ticks of one run.
#[derive(Debug, Clone)]
pub(super) struct MemoryWatch {
    limit: u64,
    /// There has been one process only, so its high-water mark is the tree's.
    alone: bool,
    /// When shared pages are counted next.
    due_ns: u64,
}

impl MemoryWatch {
    pub(super) const fn new(limit: u64) -> Self {
        Self { limit, alone: true, due_ns: 0 }
    }

    /// How much the tree holds for certain, in bytes, if that is beyond the limit.
    ///
    /// A process of its own is beyond it if it ever was, between two ticks or at one: the kernel keeps its high-water mark.
    /// The sum over several counts shared pages more than once, and is beyond the limit when `unshared` is; where that
    /// cannot be had, the sum has to do, since the machine must not suffer.
    pub(super) fn beyond(
        &mut self,
        sample: &ResourceSample,
        clock: &impl Clock,
        unshared: impl FnOnce() -> Option<u64>,
    ) -> Option<u64> {
        self.alone &= sample.processes <= 1;
        if self.alone {
            return sample.rss_bytes.max(sample.peak_bytes).filter(|held| *held > self.limit);
        }
        let sum = sample.summed_bytes.or(sample.rss_bytes).filter(|sum| *sum > self.limit)?;
        let before = clock.now_ns();
        if before < self.due_ns {
            return None;
        }
        let held = unshared().unwrap_or(sum);
        let after = clock.now_ns();
        self.due_ns = after.saturating_add(after.saturating_sub(before).saturating_mul(SHARE));
        (held > self.limit).then_some(held)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::ManualClock;

    fn tick(processes: u32, rss: Option<u64>, peak: Option<u64>) -> ResourceSample {
        ResourceSample { processes, rss_bytes: rss, peak_bytes: peak, ..ResourceSample::default() }
    }

    #[test]
    fn one_process_is_beyond_the_limit_if_it_ever_was() {
        for (rss, peak, says) in [
            (Some(100), Some(100), None),
            (Some(101), Some(101), Some(101)),
            (Some(90), Some(105), Some(105)),
            (Some(101), None, Some(101)),
            // It has ended: what it had had is still known.
            (None, Some(120), Some(120)),
            (None, None, None),
        ] {
            let mut watch = MemoryWatch::new(100);
            let never = || panic!("one process shares nothing");
            let clock = ManualClock::default();
            let found = watch.beyond(&tick(1, rss, peak), &clock, never);
            assert_eq!(found, says, "{rss:?} {peak:?}");
        }
    }

    #[test]
    fn several_processes_are_beyond_it_without_what_they_share() {
        for (sum, unshared, says) in [
            (100, Some(200), None),
            (150, Some(100), None),
            (150, Some(101), Some(101)),
            (150, None, Some(150)),
        ] {
            let mut watch = MemoryWatch::new(100);
            let clock = ManualClock::default();
            // The peak is that of the sum: an upper bound.
            let summed_bytes = Some(sum);
            let sample = ResourceSample { summed_bytes, ..tick(3, Some(90), Some(900)) };
            assert_eq!(watch.beyond(&sample, &clock, || unshared), says, "{sum}");
            // One of them is left; what the peak speaks of is still the sum of all.
            let sample = tick(1, Some(50), Some(900));
            assert_eq!(watch.beyond(&sample, &clock, || None), None);
        }
    }

    #[test]
    fn counting_shared_pages_takes_a_twentieth_of_the_time_at_most() {
        let (mut watch, clock) = (MemoryWatch::new(100), ManualClock::default());
        let sample = tick(2, Some(150), None);
        let mut counted = 0;
        for _ in 0..1000 {
            let count = || {
                counted += 1;
                clock.advance(5_000_000);
                Some(90)
            };
            assert_eq!(watch.beyond(&sample, &clock, count), None);
            clock.advance(10_000_000);
        }
        let spent = counted * 5_000_000;
        assert!(counted > 10 && spent * 20 <= clock.now_ns(), "{counted}");
    }
}
