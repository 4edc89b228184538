//! Reads what a process tree costs, at a steady pace, on one thread of the runner.
//!
//! A [`Sampler`] knows what the machine can tell; [`Sampler::start`] samples one worker. Each tick asks a few [`Probe`]s:
//! the process tree, the machine around it, the accelerators. Counters are cumulative and never fall, so that a mean over
//! a stretch of time is exact however coarse the ticks; gauges carry real time stamps, so that they can be weighted with time.
//!
//! What could not be read is a gap with its reason, never a zero, and is said when it begins (see [`GapLedger`]).
//!
//! Per-process figures come from `/proc` and the process clocks, not from `sysinfo`: its `cpu_usage()` is wrong at
//! periods below 200 ms (by a factor of two at 100 ms), it lists threads as processes that each have the whole memory, and it
//! scans all processes of the machine. Elsewhere than on Linux there are no readings, and the gaps say so.

pub mod beside;
pub mod limits;
pub mod machine;
pub mod noise;
pub mod policy;

mod background;
mod cpu_clock;
mod drm;
mod energy;
mod fingerprint;
mod gpu;
mod probe;
mod schedule;
mod sources;
mod sysfs;
#[cfg(target_os = "linux")]
mod thermal;
mod thread;
mod topology;
mod tpu;

#[cfg(target_os = "linux")]
mod cgroup;
#[cfg(target_os = "linux")]
mod counters;
#[cfg(target_os = "linux")]
mod host;
#[cfg(target_os = "linux")]
mod proc;
#[cfg(target_os = "linux")]
mod tree;

#[cfg(not(target_os = "linux"))]
mod elsewhere;

pub use self::drm::{Card, graphics_cards};
pub use self::energy::{EnergyCounters, energy_counters};
pub use self::fingerprint::boot_id;
pub use self::gpu::{Accelerator, AcceleratorReading, accelerators, look};
pub use self::limits::{GroupBase, LimitMeans, limit_means};
pub use self::machine::{Capacity, Machine, quota_cpus, usable_cores, usable_threads};
pub use self::policy::SamplerPolicy;
pub use self::probe::{GapLedger, Probe, Tick};
pub use self::thread::{Sampler, SamplerError, SamplerHandle, SamplerReport, TickBench};
pub use self::topology::{node_of_device, processors};
pub use self::tpu::{TpuChip, TpuChips, TpuSurvey, survey as tpu_survey};

use crate::event::Usage;

#[cfg(all(test, target_os = "linux"))]
mod children_tests;

/// Resident memory of the tree below process `pid` with each shared page counted once, in bytes; `None` where the system
/// does not tell. Dearer than a tick: for the moment at which a sum that counts them more than once is not enough. `lane`: the CPUs
/// of its lane, where there are others beside it.
pub fn unshared_bytes(pid: u32, lane: Option<&[u32]>) -> Option<u64> {
    #[cfg(target_os = "linux")]
    let found = tree::unshared_bytes(&proc::ProcRoot::system(), pid, lane);
    #[cfg(not(target_os = "linux"))]
    let found = elsewhere::unshared_bytes(pid, lane);
    found
}

/// What the kernel has counted of our own child `pid`, which has ended and was not waited for. CPU time is that of the process
/// and of all that it and its children have waited for, to the microsecond; the peak that of the largest of these
/// processes, or a bound on it where that may be the mark that the child began with: the kernel's begins with the memory of
/// the copy of this process that became the child. `inherited`: that mark, in bytes, where it was read; else it is no more than
/// what this process has had. `None` where nobody tells.
pub fn last_account(pid: u32, inherited: Option<u64>) -> Option<Usage> {
    #[cfg(target_os = "linux")]
    let found = tree::last_account(pid, inherited);
    #[cfg(not(target_os = "linux"))]
    let found = elsewhere::last_account(pid, inherited);
    found
}

/// The most memory that the calling process has had, in bytes, by a system call alone, so that a child may ask before its exec;
/// `None` where nobody tells.
pub fn own_mark() -> Option<u64> {
    #[cfg(target_os = "linux")]
    let found = tree::own_mark();
    #[cfg(not(target_os = "linux"))]
    let found = elsewhere::own_mark();
    found
}
