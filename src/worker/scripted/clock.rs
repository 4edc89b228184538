//! The time of a script.

use crate::clock::{Clock, ManualClock, MonotonicClock};
use crate::load::Pace;

/// The time of the script: claimed or spent.
#[derive(Debug, Clone)]
pub(super) enum ScriptClock {
    Virtual(ManualClock),
    Real,
}

impl Clock for ScriptClock {
    fn now_ns(&self) -> u64 {
        match self {
            Self::Virtual(clock) => clock.now_ns(),
            Self::Real => MonotonicClock.now_ns(),
        }
    }
}

impl Pace for ScriptClock {
    fn wait_until(&self, ns: u64, leave: &dyn Fn() -> bool) -> bool {
        match self {
            Self::Virtual(clock) => clock.wait_until(ns, leave),
            Self::Real => MonotonicClock.wait_until(ns, leave),
        }
    }
}

impl ScriptClock {
    pub(super) fn pass(&self, ns: u64) {
        match self {
            Self::Virtual(clock) => clock.advance(ns),
            Self::Real => {
                let end = MonotonicClock.now_ns() + ns;
                while MonotonicClock.now_ns() < end {
                    std::hint::spin_loop();
                }
            }
        }
    }
}
