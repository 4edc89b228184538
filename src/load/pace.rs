//! Waiting for a moment: for real, or by moving a clock.

use rustix::thread::nanosleep;
use rustix::time::Timespec;

use crate::clock::{Clock, ManualClock, MonotonicClock};

/// The last stretch before a moment is spun: a sleeping thread wakes up some 50 us late (the kernel's timer slack), and
/// later where the machine is busy. An idle server spends at most this per request on the CPU.
pub const SPIN_NS: u64 = 100_000;

/// Longest sleep between two looks at whether to leave.
const SLICE_NS: u64 = 10_000_000;

/// A clock that can be waited for.
pub trait Pace: Clock {
    /// Waits until `ns`; false, and at once, when `leave` says so.
    fn wait_until(&self, ns: u64, leave: &dyn Fn() -> bool) -> bool;
}

impl Pace for MonotonicClock {
    fn wait_until(&self, ns: u64, leave: &dyn Fn() -> bool) -> bool {
        wait_until(self, ns, leave)
    }
}

/// Virtual time: waiting is moving the clock.
impl Pace for ManualClock {
    fn wait_until(&self, ns: u64, leave: &dyn Fn() -> bool) -> bool {
        if leave() {
            return false;
        }
        self.advance(ns.saturating_sub(self.now_ns()));
        true
    }
}

/// Waits until `clock` (one that moves by itself, in real nanoseconds) reaches `ns`: sleeps until [`SPIN_NS`] before
/// it, then spins. Returns false as soon as `leave` says so, which is asked at least every 10 ms and at least once.
pub fn wait_until<C: Clock + ?Sized>(clock: &C, ns: u64, leave: impl Fn() -> bool) -> bool {
    loop {
        if leave() {
            return false;
        }
        let left = ns.saturating_sub(clock.now_ns());
        if left <= SPIN_NS {
            break;
        }
        let sleep = (left - SPIN_NS).min(SLICE_NS);
        // Below a second. Interrupted or refused: the clock is looked at again.
        let _ = nanosleep(&Timespec { tv_sec: 0, tv_nsec: i64::try_from(sleep).unwrap_or(0) });
    }
    while clock.now_ns() < ns {
        std::hint::spin_loop();
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;

    #[test]
    fn virtual_waiting_moves_the_clock_unless_one_leaves() {
        let clock = ManualClock::default();
        clock.advance(5);
        assert!(Pace::wait_until(&clock, 12, &|| false));
        assert_eq!(clock.now_ns(), 12);
        assert!(Pace::wait_until(&clock, 3, &|| false), "long past");
        assert!(!Pace::wait_until(&clock, 99, &|| true));
        assert_eq!(clock.now_ns(), 12);
    }

    #[test]
    fn real_waiting_is_never_early_and_comes_back_when_told() {
        let clock = MonotonicClock;
        let due = clock.now_ns() + 300_000;
        assert!(wait_until(&clock, due, || false));
        assert!(clock.now_ns() >= due);
        let asked = Cell::new(0);
        let leave = || {
            asked.set(asked.get() + 1);
            asked.get() > 2
        };
        assert!(!wait_until(&clock, u64::MAX, leave));
        assert_eq!(asked.get(), 3);
        assert!(!wait_until(&clock, 0, || true), "a queue that is due may be left, too");
    }
}
