//! What this machine is, what of it may be used, and whether somebody else is using it.

pub use self::platform::host_reading;
pub(super) use self::platform::{affinity, quota_cores};

use serde::Serialize;
use sysinfo::{CpuRefreshKind, MemoryRefreshKind, RefreshKind, System};

use super::gpu::{Accelerator, accelerators};
use super::tpu::{TpuChip, TpuChips};
use crate::event::{HostReading, Reason};

/// The facts that a figure depends on, for the manifest and the doctor. Sizes in bytes.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Machine {
    /// The operating system, such as `Debian GNU/Linux 12`.
    pub system: Option<String>,
    /// The kernel's version.
    pub kernel: Option<String>,
    /// The processor's name, if the system tells.
    pub cpu_model: Option<String>,
    /// Logical cores of the machine, if the system tells.
    pub logical_cores: Option<u32>,
    /// Cores that this process may use: see [`usable_cores`].
    pub usable_cores: f64,
    /// Physical memory, if the system tells.
    pub memory_bytes: Option<u64>,
    /// The control group's limit; absent: none that can be seen.
    pub memory_limit_bytes: Option<u64>,
    /// Size of a page of memory.
    pub page_bytes: u64,
    /// The devices that NVML knows.
    pub accelerators: Vec<Accelerator>,
    /// Why there are none.
    pub no_accelerators: Option<Reason>,
    /// The TPU chips on its bus.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tpus: Vec<TpuChip>,
    /// Whether the kernel tells how long work waited for CPU, memory and I/O (pressure stall information).
    pub pressure: bool,
    /// Tasks that ran or waited, averaged over one minute, if the system tells.
    pub load_1min: Option<f64>,
}

impl Machine {
    /// Looks at this machine; takes some milliseconds, more where a driver must be loaded.
    pub fn read() -> Self {
        let wanted = RefreshKind::nothing()
            .with_cpu(CpuRefreshKind::nothing())
            .with_memory(MemoryRefreshKind::nothing().with_ram());
        let system = System::new_with_specifics(wanted).ok();
        let (accelerators, no_accelerators) = match accelerators() {
            Ok(found) => (found, None),
            Err(why) => (Vec::new(), Some(why)),
        };
        let cpus = system.as_ref().map_or(&[][..], System::cpus);
        let brand = cpus.first().map(|cpu| cpu.brand().trim().to_owned());
        let memory = system.as_ref().map(System::total_memory);
        Self {
            system: System::long_os_version().ok(),
            kernel: System::kernel_version().ok(),
            cpu_model: brand.filter(|brand| !brand.is_empty()),
            logical_cores: u32::try_from(cpus.len()).ok().filter(|cores| *cores > 0),
            usable_cores: usable_cores(),
            memory_bytes: memory.filter(|bytes| *bytes > 0),
            memory_limit_bytes: platform::memory_limit(),
            page_bytes: rustix::param::page_size() as u64,
            accelerators,
            no_accelerators,
            tpus: TpuChips::find().chips,
            pressure: platform::has_pressure(),
            load_1min: System::load_average().ok().map(|load| load.one),
        }
    }
}

/// More than this nothing on the machine can use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Capacity {
    /// All of its logical cores.
    pub cores: u32,
    /// Its physical memory and what it swaps to.
    pub memory_bytes: u64,
}

impl Capacity {
    /// That of this machine, if the system tells.
    pub fn read() -> Option<Self> {
        let wanted = RefreshKind::nothing()
            .with_cpu(CpuRefreshKind::nothing())
            .with_memory(MemoryRefreshKind::everything());
        let system = System::new_with_specifics(wanted).ok()?;
        let cores = u32::try_from(system.cpus().len()).ok().filter(|cores| *cores > 0)?;
        let memory = Some(system.total_memory()).filter(|bytes| *bytes > 0)?;
        Some(Self { cores, memory_bytes: memory.saturating_add(system.total_swap()) })
    }
}

/// Cores that this process may use: the smaller of its CPU affinity and the tightest quota of its control groups; at least
/// a hundredth, and not necessarily whole.
pub fn usable_cores() -> f64 {
    let parallel = std::thread::available_parallelism().map_or(1, usize::from);
    limit(affinity().unwrap_or(parallel), quota_cores())
}

fn limit(affinity: usize, quota: Option<f64>) -> f64 {
    let affinity = affinity.max(1) as f64;
    quota.map_or(affinity, |quota| quota.min(affinity).max(0.01))
}

/// Whole CPUs that the tightest quota of the control groups grants, at least 1; `None`: no quota.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "at least 1, and no machine has that many"
)]
pub fn quota_cpus() -> Option<u32> {
    quota_cores().map(|cores| cores.floor().max(1.0) as u32)
}

/// Compute threads to start where the user has not said how many: the usable cores, rounded down, at least 1.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "at least a hundredth, at most the number of cores"
)]
pub fn usable_threads() -> u32 {
    (usable_cores().floor() as u32).max(1)
}

/// Cores that others kept busy between two readings that are `wall_ns` apart, given the CPU time that the measured tree
/// used meanwhile. Never below 0; `None` if a reading lacks it or there was no time in between.
///
/// `busy_ns` counts in ticks of 10 ms for each core: keep the readings at least 100 ms apart.
pub fn other_cores(
    before: &HostReading,
    after: &HostReading,
    own_cpu_ns: u64,
    wall_ns: u64,
) -> Option<f64> {
    let busy = after.busy_ns?.checked_sub(before.busy_ns?)?;
    (wall_ns > 0).then(|| busy.saturating_sub(own_cpu_ns) as f64 / wall_ns as f64)
}

#[cfg(target_os = "linux")]
mod platform {
    use crate::event::HostReading;
    use crate::sampler::cgroup::Cgroups;
    use crate::sampler::host::HostProbe;
    use crate::sampler::probe::GapLedger;
    use crate::sampler::proc::ProcRoot;

    /// Cores that the process is bound to, where the system tells.
    pub(in crate::sampler) fn affinity() -> Option<usize> {
        let set = rustix::thread::sched_getaffinity(None).ok()?;
        usize::try_from(set.count()).ok()
    }

    /// Cores that the tightest quota of its control groups grants; `None`: no quota.
    pub(in crate::sampler) fn quota_cores() -> Option<f64> {
        Cgroups::of(&ProcRoot::system(), "self").cores()
    }

    pub(super) fn memory_limit() -> Option<u64> {
        Cgroups::of(&ProcRoot::system(), "self").memory_bytes()
    }

    pub(super) fn has_pressure() -> bool {
        host_reading().cpu_pressure_ns.is_some()
    }

    /// The machine's counters now; what cannot be read is `None`.
    pub fn host_reading() -> HostReading {
        HostProbe::new(&ProcRoot::system(), std::process::id())
            .read_now(0, &mut GapLedger::default())
    }
}

#[cfg(not(target_os = "linux"))]
mod platform {
    use crate::event::HostReading;

    /// Cores that the process is bound to, where the system tells.
    pub(in crate::sampler) fn affinity() -> Option<usize> {
        None
    }

    /// Cores that the tightest quota of its control groups grants; `None`: no quota.
    pub(in crate::sampler) fn quota_cores() -> Option<f64> {
        None
    }

    pub(super) fn memory_limit() -> Option<u64> {
        None
    }

    pub(super) fn has_pressure() -> bool {
        false
    }

    /// The machine's counters now; what cannot be read is `None`.
    pub fn host_reading() -> HostReading {
        HostReading::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machine_has_cores_and_memory() {
        let machine = Machine::read();
        assert!(machine.usable_cores > 0.0);
        assert!(machine.usable_cores <= f64::from(machine.logical_cores.unwrap()));
        assert!(usable_threads() >= 1);
        assert!(machine.memory_bytes.unwrap() > 1 << 20);
        assert_eq!(machine.accelerators.is_empty(), machine.no_accelerators.is_some());
        assert!(serde_json::to_string(&machine).unwrap().contains("\"usable_cores\""));
    }

    #[test]
    fn the_tighter_of_affinity_and_quota_counts() {
        for (affinity, quota, expected) in [
            (4, None, 4.0),
            (4, Some(2.5), 2.5),
            (2, Some(8.0), 2.0),
            (0, None, 1.0),
            (4, Some(0.001), 0.01),
        ] {
            assert!((limit(affinity, quota) - expected).abs() < 1e-12, "{affinity} {quota:?}");
        }
    }

    #[test]
    fn the_work_of_others_is_what_is_busy_and_not_ours() {
        let at = |busy| HostReading { busy_ns: busy, ..HostReading::default() };
        for (before, after, own, wall, expected) in [
            (Some(100), Some(400), 200, 100, Some(1.0)),
            (Some(100), Some(250), 200, 100, Some(0.0)),
            (None, Some(400), 0, 100, None),
            (Some(400), Some(100), 0, 100, None),
            (Some(100), Some(400), 0, 0, None),
        ] {
            assert_eq!(other_cores(&at(before), &at(after), own, wall), expected);
        }
    }
}
