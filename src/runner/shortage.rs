//! A run that needs more memory than its limit: what is said of it.

use crate::event::{
    Limits, MemoryGuard, Phase, Shortage, StopDetail, StopReason, StopRecord, WorkerEvent,
};

/// A peak beyond a limit that is only watched, in bytes, as the kernel told the worker at its end: no tick fell into it.
pub(super) fn watched_peak(limits: &Limits, event: &WorkerEvent) -> Option<u64> {
    let WorkerEvent::Finished(finished) = event else {
        return None;
    };
    let limit = limits.memory_bytes?;
    let watched = limits.memory_guard != Some(MemoryGuard::Cgroup);
    let peak = finished.usage.vm_hwm_bytes?;
    (watched && peak > limit).then_some(peak)
}

/// Why the run ends; nothing where it has no limit.
pub(super) fn record(limits: &Limits, held: u64, phase: Option<Phase>) -> Option<StopRecord> {
    let shortage = Shortage {
        held_bytes: held,
        limit_bytes: limits.memory_bytes?,
        guard: limits.memory_guard.unwrap_or(MemoryGuard::Watched),
        phase,
    };
    Some(StopRecord { reason: StopReason::OutOfMemory, detail: StopDetail::OutOfMemory(shortage) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Finished, Usage};

    #[test]
    fn a_peak_that_no_tick_saw_is_told_by_the_worker() {
        use MemoryGuard::{Cgroup, Watched};
        for (limit, guard, peak, says) in [
            (Some(100), Watched, Some(101), Some(101)),
            (Some(100), Watched, Some(100), None),
            (Some(100), Watched, None, None),
            (None, Watched, Some(101), None),
            // The kernel has seen to it; resident memory is counted in another way there.
            (Some(100), Cgroup, Some(101), None),
        ] {
            let limits =
                Limits { memory_bytes: limit, memory_guard: Some(guard), ..Limits::default() };
            let finished = WorkerEvent::Finished(Finished {
                stopped: false,
                epochs: 0,
                test_loss: None,
                test_accuracy: None,
                test_samples: None,
                usage: Usage { cpu_ns: None, vm_hwm_bytes: peak, hwm_at_most_bytes: None },
            });
            assert_eq!(watched_peak(&limits, &finished), says, "{limit:?} {peak:?}");
            let other = WorkerEvent::Phase { phase: Phase::Test };
            assert_eq!(watched_peak(&limits, &other), None);
        }
    }

    #[test]
    fn the_figure_the_limit_and_the_phase_are_named() {
        let mut limits = Limits {
            memory_bytes: Some(256 << 20),
            memory_guard: Some(MemoryGuard::Watched),
            ..Limits::default()
        };
        let found = |limits: &Limits, phase| record(limits, 268 << 20, phase).unwrap().detail;
        let shortage = |guard, phase| {
            let (held_bytes, limit_bytes) = (268 << 20, 256 << 20);
            StopDetail::OutOfMemory(Shortage { held_bytes, limit_bytes, guard, phase })
        };
        let serving = Some(Phase::Serve(1));
        for phase in [None, serving] {
            assert_eq!(found(&limits, phase), shortage(MemoryGuard::Watched, phase));
        }
        limits.memory_guard = Some(MemoryGuard::Cgroup);
        assert_eq!(found(&limits, None), shortage(MemoryGuard::Cgroup, None));
        limits.memory_bytes = None;
        assert_eq!(record(&limits, 1, None), None);
    }
}
