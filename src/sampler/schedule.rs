//! When the next tick is due. Pure: it is told the time.

/// Absolute deadlines: tick `k` is due at `start + k * interval`, moved by a jitter of at most a quarter of the interval.
///
/// The jitter keeps the sampler from beating with work of the same period; since it is drawn afresh around a fixed grid,
/// it neither adds up nor drifts.
#[derive(Debug, Clone, Copy)]
pub(super) struct Schedule {
    start_ns: u64,
    interval_ns: u64,
    seed: u64,
}

/// A tick to come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Due {
    /// Its number; ticks that were missed have numbers too.
    pub(super) tick: u64,
    /// When it is due, in nanoseconds on the clock that `start_ns` was read from.
    pub(super) at_ns: u64,
}

/// The shortest interval: below it the sampler would disturb what it measures.
pub(super) const MIN_INTERVAL_NS: u64 = 10_000_000;

impl Schedule {
    /// Ticks every `interval_ns` (at least [`MIN_INTERVAL_NS`]) from `start_ns` on.
    pub(super) fn new(start_ns: u64, interval_ns: u64, seed: u64) -> Self {
        Self { start_ns, interval_ns: interval_ns.max(MIN_INTERVAL_NS), seed }
    }

    /// The tick with this number; number 0 is due at the start, without jitter.
    pub(super) fn due(&self, tick: u64) -> Due {
        let nominal = self.start_ns.saturating_add(tick.saturating_mul(self.interval_ns));
        let width = self.interval_ns / 2;
        let jitter = if tick == 0 || width == 0 {
            width / 2
        } else {
            scramble(self.seed ^ tick) % (width + 1)
        };
        Due { tick, at_ns: nominal.saturating_add(jitter).saturating_sub(width / 2) }
    }

    /// The first tick after number `done` that is not yet in the past. Ticks whose time has passed are left out: a late
    /// sampler must not read twice in a row to catch up.
    pub(super) fn next(&self, done: u64, now_ns: u64) -> Due {
        let elapsed = now_ns.saturating_sub(self.start_ns);
        // The tick of the slot before this one is in the past whatever its jitter, so the search is short.
        let first = (done + 1).max((elapsed / self.interval_ns).saturating_sub(1));
        let mut due = self.due(first);
        while due.at_ns < now_ns {
            due = self.due(due.tick + 1);
        }
        due
    }
}

/// A number that looks random, from one that does not: splitmix64's increment, then xorshift64* (Vigna 2016).
fn scramble(seed: u64) -> u64 {
    // Never 0, from which xorshift does not come away.
    let mut x = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    for _ in 0..2 {
        x ^= x >> 12;
        x ^= x << 25;
        x ^= x >> 27;
        x = x.wrapping_mul(0x2545_F491_4F6C_DD1D);
    }
    x >> 16
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const MS: u64 = 1_000_000;

    #[test]
    fn late_ticks_are_left_out() {
        let schedule = Schedule::new(1000 * MS, 100 * MS, 7);
        // Ticks done, time in ms, number of the next tick. Jitter moves a tick by up to 25 ms.
        for (done, now, next) in [
            (0, 1000, 1),
            (0, 1050, 1),
            (0, 1070, 1),
            (0, 1130, 2),
            (1, 1130, 2),
            (0, 1450, 5),
            (3, 1450, 5),
            (9, 1450, 10),
            (0, 500, 1),
            (0, 3_600_000 + 1050, 36_001),
        ] {
            let due = schedule.next(done, now * MS);
            assert_eq!(due.tick, next, "{done} done at {now} ms");
            assert!(due.at_ns >= now * MS);
        }
    }

    #[test]
    fn the_first_tick_is_due_at_once_and_the_interval_has_a_floor() {
        assert_eq!(Schedule::new(5, 100 * MS, 1).due(0).at_ns, 5);
        assert_eq!(Schedule::new(0, 0, 1).interval_ns, MIN_INTERVAL_NS);
        assert_eq!(Schedule::new(0, MS, 1).interval_ns, MIN_INTERVAL_NS);
    }

    #[test]
    fn jitter_fills_its_range_and_averages_out() {
        let schedule = Schedule::new(0, 100 * MS, 42);
        let offsets: Vec<f64> = (1..4001)
            .map(|k| schedule.due(k).at_ns as f64 / MS as f64 - k as f64 * 100.0)
            .collect();
        let mean = offsets.iter().sum::<f64>() / offsets.len() as f64;
        // Uniform on +-25: the mean of 4000 has a standard error of 0.23.
        assert!(mean.abs() < 1.2, "{mean}");
        let quarter = offsets.iter().filter(|x| **x < -12.5).count();
        assert!((800..1200).contains(&quarter), "{quarter}");
        let steps = offsets.windows(2).filter(|w| w[0] < w[1]).count();
        assert!((1800..2200).contains(&steps), "{steps}");
    }

    proptest! {
        #[test]
        fn deadlines_rise_and_stay_near_their_grid(
            seed: u64, start in 0..1u64 << 60, interval in MIN_INTERVAL_NS..10_000 * MS, tick in 1..1_000_000u64
        ) {
            let schedule = Schedule::new(start, interval, seed);
            let (this, after) = (schedule.due(tick).at_ns, schedule.due(tick + 1).at_ns);
            prop_assert!(this < after);
            prop_assert!(this.abs_diff(start + tick * interval) <= interval / 4 + 1);
            prop_assert!(after - this >= interval / 2 - 2);
        }

        #[test]
        fn the_next_tick_is_the_first_that_is_not_past(
            seed: u64, done in 0..1000u64, now in 0..200_000u64
        ) {
            let schedule = Schedule::new(1000 * MS, 100 * MS, seed);
            let due = schedule.next(done, now * MS);
            prop_assert!(due.tick > done && due.at_ns >= now * MS);
            prop_assert!(due.tick == done + 1 || schedule.due(due.tick - 1).at_ns < now * MS);
        }
    }
}
