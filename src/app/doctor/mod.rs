//! What this machine is, what will be measured on it and what cannot, and whether it is quiet enough now.
//!
//! How it is said is left to `cli`. Invariant: what could not be read is a reason, never a figure.

pub(crate) mod accelerators;
mod energy;
mod fact;
pub(crate) mod lanes;
pub(crate) mod noise;
mod tpu;
mod training;

use std::path::Path;

use serde::Serialize;

use super::environment::fingerprint_of_defaults;
use super::launch::{native_worker, worker_version};
use crate::clock::{Clock, MonotonicClock};
use crate::event::{Fingerprint, MemoryGuard};
use crate::metric::CATALOGUE;
use crate::report::layout::harmless;
use crate::sampler::policy::SamplerPolicy;
use crate::sampler::{self, LimitMeans, Machine, Sampler, SamplerHandle};

pub use self::accelerators::Accelerator;
pub use self::energy::{Counter, Energy};
pub use self::fact::Fact;
pub use self::lanes::{Change, LanesCheck, Moved};
pub use self::noise::{NoiseCheck, NoiseLevel, Trouble};
pub use self::tpu::Tpus;
pub use crate::sampler::{Card, TpuChip};

/// What this machine is, as far as it is known. Times in seconds, sizes in bytes, loads in percent of one core.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Facts {
    /// Operating system and kernel.
    pub system: Fact<String>,
    /// The processor's name.
    pub processor: Fact<String>,
    /// Logical cores of the machine.
    pub cores: Fact<u32>,
    /// Cores that a run may use; a control group may give less than whole ones.
    pub usable_cores: Fact<f64>,
    /// Memory of the machine.
    pub memory_bytes: Fact<u64>,
    /// The tightest limit of a control group; absent: none.
    pub memory_limit_bytes: Option<u64>,
    /// Which limits of `[limits]` can be enforced.
    pub limits: Enforceable,
    /// Accelerators that the sampler can read.
    pub accelerators: Fact<Vec<Accelerator>>,
    /// TPUs.
    pub tpu: Tpus,
    /// Whether the kernel tells how long work waited (pressure stall information).
    pub pressure: Fact<bool>,
    /// CPU time of one tick of the sampler, reading this very process, in seconds.
    pub sampler_tick_s: Fact<f64>,
    /// CPU time that others use now, in percent of one core; absent where the noise check tells it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub others_cpu_percent: Option<Fact<f64>>,
}

/// Which limits of `[limits]` can be enforced here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Enforceable {
    /// The CPUs that a worker can be bound to.
    pub cpus: Fact<Vec<u32>>,
    /// Who sees to a limit on memory.
    pub memory: Fact<MemoryGuard>,
    /// Why nobody but the sampler does; absent where the kernel does.
    pub memory_only_watched_because: Option<String>,
    /// Whether CPU time can be limited.
    pub cpu_quota: Fact<bool>,
}

/// What results are compared by: those of environments with other hard fields are not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Keyed {
    /// A short hash of the hard fields.
    pub key: String,
    /// All fields.
    #[serde(flatten)]
    pub fingerprint: Fingerprint,
}

impl From<Fingerprint> for Keyed {
    fn from(fingerprint: Fingerprint) -> Self {
        let key = fingerprint.key();
        Self { key, fingerprint }
    }
}

/// Everything that the doctor has to say.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Diagnosis {
    /// The machine.
    #[serde(flatten)]
    pub facts: Facts,
    /// What the native worker says of itself and its libtorch.
    pub worker: Fact<String>,
    /// The environment of runs of the native worker with the default number of threads.
    pub fingerprint: Keyed,
    /// Whose energy can be told.
    pub energy: Energy,
    /// Free bytes where results go.
    pub results_free_bytes: Fact<u64>,
    /// Whether it is quiet enough to measure on now; absent where that was not asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub noise: Option<NoiseCheck>,
    /// By how much lanes move each other's figures; absent where that was not asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lanes: Option<LanesCheck>,
}

/// How long the noise check looks, in nanoseconds: ten times a stretch of a run, and still no nuisance.
const NOISE_NS: u64 = 3_000_000_000;

/// Looks; `quick`: without the noise check, which takes its time.
pub fn diagnose(quick: bool) -> Diagnosis {
    let worker = worker();
    let said = worker.as_deref().ok();
    let facts = facts(quick);
    let noise = (!quick).then(|| {
        let cores = match facts.usable_cores {
            Fact::Value(cores) => cores,
            Fact::Unsupported(_) => 1.0,
        };
        NoiseCheck::of(&sampler::noise::measure(&MonotonicClock, NOISE_NS), cores)
    });
    Diagnosis {
        facts,
        noise,
        lanes: None,
        fingerprint: fingerprint_of_defaults(said).into(),
        worker: worker.into(),
        energy: Energy::look(),
        results_free_bytes: free_space(Path::new("results")).into(),
    }
}

fn worker() -> Result<String, String> {
    let version = native_worker().and_then(|path| worker_version(&path));
    let said = version.map_err(|error| error.to_string())?;
    Ok(said.lines().map(harmless).collect::<Vec<_>>().join(", "))
}

impl Diagnosis {
    /// Each group of the catalogue, with the reason why it cannot be measured here, if there is one.
    pub fn groups(&self) -> Vec<(&'static str, Option<String>)> {
        let mut groups: Vec<(&'static str, Option<String>)> = Vec::new();
        for metric in CATALOGUE {
            if groups.iter().all(|(group, _)| *group != metric.group) {
                groups.push((metric.group, self.why_not(metric.group)));
            }
        }
        groups
    }

    fn why_not(&self, group: &str) -> Option<String> {
        match (group, &self.facts.accelerators, &self.worker) {
            ("tpu", ..) => self.facts.tpu.why_not(),
            // The devices of a run may tell theirs all the same.
            ("energy", Fact::Unsupported(_), _) => self.energy.why_not(),
            ("gpu", Fact::Unsupported(why), _) => Some(why.clone()),
            ("gpu", Fact::Value(devices), _) if devices.is_empty() => {
                Some("no accelerator was found".to_owned())
            }
            (
                "throughput" | "step_latency" | "latency" | "loss" | "accuracy",
                _,
                Fact::Unsupported(_),
            ) => Some("needs a worker that can be used".to_owned()),
            _ => None,
        }
    }
}

/// What this machine is; `quick`: and what others use now, by a glance.
fn facts(quick: bool) -> Facts {
    let machine = Machine::read();
    let absent = |what: &str| format!("the system does not tell {what}");
    let system = match (&machine.system, &machine.kernel) {
        (Some(system), Some(kernel)) => Fact::Value(format!("{system}, kernel {kernel}")),
        (system, kernel) => system.clone().or_else(|| kernel.clone()).ok_or(absent("")).into(),
    };
    Facts {
        system,
        processor: machine.cpu_model.clone().ok_or(absent("the processor's name")).into(),
        cores: machine.logical_cores.ok_or(absent("how many there are")).into(),
        usable_cores: Fact::Value(machine.usable_cores),
        memory_bytes: machine.memory_bytes.ok_or(absent("its memory")).into(),
        memory_limit_bytes: machine.memory_limit_bytes,
        limits: limits(sampler::limit_means()),
        accelerators: accelerators::found(sampler::look()),
        tpu: sampler::tpu_survey().into(),
        pressure: Fact::Value(machine.pressure),
        sampler_tick_s: sampler_tick_s(),
        others_cpu_percent: quick.then(others_cpu_percent),
    }
}

fn limits(means: LimitMeans) -> Enforceable {
    Enforceable {
        cpus: means.cpus.into(),
        memory: means.memory.into(),
        memory_only_watched_because: means.why_watched,
        cpu_quota: means.quota.map(|()| true).into(),
    }
}

/// CPU time that everything else uses, over a quarter of a second.
fn others_cpu_percent() -> Fact<f64> {
    let (before, began) = (sampler::machine::host_reading(), MonotonicClock.now_ns());
    // A channel that nobody sends on is a wait that needs no sleep.
    let (_sender, receiver) = std::sync::mpsc::channel::<()>();
    let _ = receiver.recv_timeout(std::time::Duration::from_millis(250));
    let (after, ended) = (sampler::machine::host_reading(), MonotonicClock.now_ns());
    sampler::machine::other_cores(&before, &after, 0, ended - began)
        .map(|cores| cores * 100.0)
        .ok_or_else(|| "the kernel does not tell how busy it is".to_owned())
        .into()
}

/// CPU time of a warm tick of the sampler, reading this very process, in seconds.
fn sampler_tick_s() -> Fact<f64> {
    let policy = SamplerPolicy { interval_ns: 10_000_000, gpu: false, energy: false, tpu: false };
    let (send, receive) = std::sync::mpsc::channel();
    let started = Sampler::new(policy).start(std::process::id(), MonotonicClock, move |sample| {
        // The receiver is gone once it has seen enough.
        let _ = send.send(sample);
    });
    let ticks = |_: &SamplerHandle| {
        let samples = (0..20).filter_map(|_| receive.recv().ok());
        let mut costs: Vec<u64> = samples.map(|sample| sample.cost_ns).collect();
        costs.sort_unstable();
        costs.get(costs.len() / 2).map(|cost| *cost as f64 / 1e9)
    };
    started
        .map_err(|error| error.to_string())
        .and_then(|handle| ticks(&handle).ok_or_else(|| "the sampler read nothing".to_owned()))
        .into()
}

/// The free space in bytes of the file system that `folder` is on, or would be, or why it could not be written.
fn free_space(folder: &Path) -> Result<u64, String> {
    use rustix::fs::{Access, access, statvfs};
    let absolute =
        std::path::absolute(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let existing = absolute.ancestors().find(|path| path.exists());
    let existing = existing.ok_or_else(|| format!("{}: no such folder", absolute.display()))?;
    if !existing.is_dir() {
        return Err(format!("{} is not a folder", existing.display()));
    }
    access(existing, Access::WRITE_OK | Access::EXEC_OK).map_err(|error| {
        format!("{} cannot be written: {}", existing.display(), std::io::Error::from(error))
    })?;
    let space = statvfs(existing)
        .map_err(|error| format!("{}: {}", existing.display(), std::io::Error::from(error)))?;
    Ok(space.f_bavail.saturating_mul(space.f_frsize))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_that_is_not_there_yet_is_judged_by_the_one_that_is() {
        let dir = tempfile::tempdir().unwrap();
        assert!(free_space(&dir.path().join("a/b")).unwrap() > 0);
        let file = dir.path().join("file");
        fs_err::write(&file, "").unwrap();
        let why = free_space(&file.join("results")).unwrap_err();
        assert!(why.contains("file is not a folder"), "{why}");
    }
}
