//! The probes of a run, and what all runs of a sampler share.

#[cfg(not(target_os = "linux"))]
use super::elsewhere;
use super::policy::SamplerPolicy;
use super::probe::{Probe, Tick};
#[cfg(target_os = "linux")]
use super::{counters, host, proc, tree};
use super::{drm, energy, gpu, sysfs, tpu};
use crate::event::{GapKind, Lane};

/// What is asked on threads of its own for all runs of a sampler.
#[derive(Debug, Clone)]
pub(super) struct Sources {
    pub(super) policy: SamplerPolicy,
    pub(super) gpu: gpu::GpuSource,
    /// Where the runs are, where others run beside them.
    pub(super) lane: Option<Lane>,
}

impl Sources {
    pub(super) fn new(policy: SamplerPolicy) -> Self {
        Self { policy, gpu: gpu::GpuSource::new(policy), lane: None }
    }
}

/// The probes of one run, in the order in which a tick asks them: the tree first, since the time stamp is its own.
pub(super) fn probes(pid: u32, sources: &Sources) -> Vec<Box<dyn Probe>> {
    #[cfg(target_os = "linux")]
    let (tree, host) = {
        let root = proc::ProcRoot::system();
        let host = host::HostProbe::new(&root, pid);
        (tree::TreeProbe::new(root, pid), host)
    };
    #[cfg(not(target_os = "linux"))]
    let (tree, host) = (elsewhere::TreeProbe::new(pid), elsewhere::HostProbe);
    let Some(lane) = &sources.lane else {
        return all(tree, host, pid, sources);
    };
    // A counter of the whole machine is none of a lane.
    let mut probes: Vec<Box<dyn Probe>> = vec![
        Box::new(tree.in_lane(&lane.cpus)),
        Box::new(host.in_lane(&lane.cpus)),
        #[cfg(target_os = "linux")]
        Box::new(counters::CounterProbe::new(pid)),
        Box::new(Withheld("energy")),
        Box::new(Withheld("tpu")),
    ];
    probes.push(match &lane.gpu {
        Some(uuid) => Box::new(gpu::GpuProbe::new(sources.gpu.clone()).of_device(uuid)),
        None => Box::new(Withheld("gpu")),
    });
    probes
}

/// What all lanes share, and what tells none of them apart.
struct Withheld(&'static str);

impl Probe for Withheld {
    fn name(&self) -> &'static str {
        self.0
    }

    fn read(&mut self, tick: &mut Tick<'_>) {
        let why = "the lanes share it, and it does not tell whose work it was";
        tick.gaps.report_as(self.0, GapKind::Unsupported, why);
    }
}

/// Those of a run that has the machine to itself.
fn all(
    tree: impl Probe + 'static,
    host: impl Probe + 'static,
    pid: u32,
    sources: &Sources,
) -> Vec<Box<dyn Probe>> {
    let policy = sources.policy;
    let sys = sysfs::SysRoot::system();
    #[cfg(not(target_os = "linux"))]
    let _ = pid;
    vec![
        Box::new(tree),
        Box::new(host),
        #[cfg(target_os = "linux")]
        Box::new(counters::CounterProbe::new(pid)),
        Box::new(energy::EnergyProbe::new(policy.energy, &sys)),
        Box::new(gpu::GpuProbe::new(sources.gpu.clone())),
        // After the probe whose missing driver it may make good.
        Box::new(drm::DrmProbe::new(policy.gpu, &sys)),
        Box::new(tpu::TpuProbe::new(policy.tpu)),
    ]
}
