//! The probes of a run, and what all runs of a sampler share.

#[cfg(not(target_os = "linux"))]
use super::elsewhere;
use super::policy::SamplerPolicy;
use super::probe::Probe;
#[cfg(target_os = "linux")]
use super::{counters, host, proc, tree};
use super::{drm, energy, gpu, sysfs, tpu};

/// What is asked on threads of its own for all runs of a sampler.
#[derive(Debug, Clone)]
pub(super) struct Sources {
    pub(super) policy: SamplerPolicy,
    pub(super) gpu: gpu::GpuSource,
}

impl Sources {
    pub(super) fn new(policy: SamplerPolicy) -> Self {
        Self { policy, gpu: gpu::GpuSource::new(policy) }
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
    let policy = sources.policy;
    let sys = sysfs::SysRoot::system();
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
