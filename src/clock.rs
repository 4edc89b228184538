//! Time as a value that can be injected. Durations only: calendar time belongs to the manifest.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// A monotonic clock, in nanoseconds since an arbitrary origin that all processes of the machine share.
pub trait Clock: Send + Sync {
    /// Nanoseconds since the origin; never falls.
    fn now_ns(&self) -> u64;
}

/// `CLOCK_MONOTONIC`: the same origin in every process, so that steps and samples can be joined.
#[derive(Debug, Clone, Copy, Default)]
pub struct MonotonicClock;

impl Clock for MonotonicClock {
    fn now_ns(&self) -> u64 {
        let now = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
        // Both fields are non-negative for this clock.
        now.tv_sec.unsigned_abs() * 1_000_000_000 + now.tv_nsec.unsigned_abs()
    }
}

/// A clock that moves only when told to.
#[derive(Debug, Clone, Default)]
pub struct ManualClock(Arc<AtomicU64>);

impl ManualClock {
    /// Moves the clock forward by `ns`.
    pub fn advance(&self, ns: u64) {
        self.0.fetch_add(ns, Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now_ns(&self) -> u64 {
        self.0.load(Ordering::SeqCst)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_monotonic_clock_moves_forward() {
        let first = MonotonicClock.now_ns();
        assert!(MonotonicClock.now_ns() >= first);
        assert!(first > 0);
    }

    #[test]
    fn a_manual_clock_moves_by_what_it_is_told_in_every_copy() {
        let clock = ManualClock::default();
        let copy = clock.clone();
        clock.advance(5);
        copy.advance(7);
        assert_eq!((clock.now_ns(), copy.now_ns()), (12, 12));
    }
}
