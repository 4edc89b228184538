//! The counters of a worker that has ended and was not waited for yet.

use super::probe::{GapLedger, Probe, Tick};
use super::proc::ProcRoot;
use super::thread_cpu_ns;
use super::tree::TreeProbe;
use crate::clock::{Clock, MonotonicClock};
use crate::event::ResourceSample;

/// What process `pid` and the descendants that were waited for have used: CPU time, faults, I/O. It works on a zombie, which keeps its
/// counters until it is waited for; memory and thread counters are gone by then, as the gaps say.
///
/// [`SamplerHandle::stop`](super::SamplerHandle::stop) on a zombie says more, since the sampler also knows of descendants that nobody has
/// waited for. Where both are at hand, the larger value of a counter is the better one.
pub fn final_counters(pid: u32) -> ResourceSample {
    let cpu_before = thread_cpu_ns();
    let begin = MonotonicClock.now_ns();
    let mut sample = ResourceSample::default();
    let mut gaps = GapLedger::default();
    TreeProbe::new(ProcRoot::system(), pid).read(&mut Tick {
        now_ns: begin,
        thorough: true,
        sample: &mut sample,
        gaps: &mut gaps,
        pids: &mut Vec::new(),
    });
    sample.t_ns = begin.midpoint(MonotonicClock.now_ns());
    sample.gaps = gaps.current();
    sample.cost_ns = thread_cpu_ns().saturating_sub(cpu_before);
    sample
}
