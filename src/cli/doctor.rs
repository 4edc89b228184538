//! `perftune doctor`: what this machine is, what will be measured on it and what cannot.

pub(in crate::cli) mod accelerators;
mod energy;
mod noise;
pub mod tpu;

use std::fmt::Write;
use std::path::Path;

use serde::Serialize;
use serde_json::{Map, Value};

use self::noise::NoiseCheck;
use self::tpu::Tpus;
use super::args::{DoctorArgs, DoctorFormat};
use super::diagnostic::Fault;
use super::engine;
use super::exit::ExitStatus;
use super::output;
use crate::clock::MonotonicClock;
use crate::event::{Fingerprint, MemoryGuard, cpu_list};
use crate::metric::CATALOGUE;
use crate::report::json;
use crate::report::layout::wrap;
use crate::sampler;
use crate::units::{bytes, seconds, significant};
use accelerators::Accelerator;

/// A fact, or why it is not known.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Fact<T> {
    /// It was read.
    Value(T),
    /// It cannot be had here, and why.
    Unsupported(String),
}

impl<T> From<Result<T, String>> for Fact<T> {
    fn from(result: Result<T, String>) -> Self {
        match result {
            Ok(value) => Self::Value(value),
            Err(why) => Self::Unsupported(why),
        }
    }
}

impl<T> Fact<T> {
    fn text(&self, show: impl FnOnce(&T) -> String) -> String {
        match self {
            Self::Value(value) => show(value),
            Self::Unsupported(why) => format!("unsupported: {why}"),
        }
    }
}

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
    /// CPU time that others use now, in percent of one core.
    pub others_cpu_percent: Fact<f64>,
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

impl Enforceable {
    fn rows(&self) -> [(&'static str, String); 3] {
        let since = self.memory_only_watched_because.as_deref();
        let memory = |guard: &MemoryGuard| match (guard, since) {
            (MemoryGuard::Cgroup, _) => "enforced by a control group".to_owned(),
            (MemoryGuard::Watched, since) => {
                let why =
                    since.map_or_else(String::new, |why| format!("; no control group: {why}"));
                format!("watched: a run is ended at the tick that finds it beyond{why}")
            }
        };
        [
            (
                "limit cpus",
                self.cpus.text(|cpus| format!("enforced by affinity, CPU {}", cpu_list(cpus))),
            ),
            ("limit memory", self.memory.text(memory)),
            ("limit quota", self.cpu_quota.text(|_| "enforced by a control group".to_owned())),
        ]
    }
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

impl Keyed {
    fn text(&self) -> String {
        let fields = self.fingerprint.hard.iter();
        let fields = fields.map(|(name, value)| format!("{name} {value}"));
        format!("{}: {}", self.key, fields.collect::<Vec<_>>().join("; "))
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
    pub energy: energy::Energy,
    /// Free bytes where results go.
    pub results_free_bytes: Fact<u64>,
    /// Whether it is quiet enough to measure on now; absent where that was not asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub noise: Option<NoiseCheck>,
}

/// How long the noise check looks, in nanoseconds: ten times a stretch of a run, and still no nuisance.
const NOISE_NS: u64 = 3_000_000_000;

/// Looks and says.
pub fn doctor(args: &DoctorArgs) -> Result<ExitStatus, Fault> {
    let worker = worker();
    let said = worker.as_deref().ok();
    let facts = engine::facts()?;
    let noise = (!args.quick).then(|| {
        let cores = match facts.usable_cores {
            Fact::Value(cores) => cores,
            Fact::Unsupported(_) => 1.0,
        };
        NoiseCheck::of(&sampler::noise::measure(&MonotonicClock, NOISE_NS), cores)
    });
    let diagnosis = Diagnosis {
        facts,
        noise,
        fingerprint: engine::fingerprint_of_defaults(said).into(),
        worker: worker.into(),
        energy: energy::Energy::look(),
        results_free_bytes: output::free_space(Path::new("results")).into(),
    };
    output::print(&diagnosis.render(args.format, output::stdout_width())?)?;
    Ok(ExitStatus::Ok)
}

fn worker() -> Result<String, String> {
    let version = engine::native_worker().and_then(|path| engine::worker_version(&path));
    let said = version.map_err(|error| error.to_string())?;
    Ok(said.lines().map(output::harmless).collect::<Vec<_>>().join(", "))
}

impl Facts {
    fn rows(&self) -> [(&'static str, String); 8] {
        let memory = self.memory_bytes.text(|total| bytes(*total as f64));
        let limit =
            self.memory_limit_bytes.map(|limit| format!(", limited to {}", bytes(limit as f64)));
        let usable = self.usable_cores.text(ToString::to_string);
        let told = |told: &bool| {
            if *told { "told by the kernel" } else { "not told by the kernel" }
        };
        [
            ("system", self.system.text(Clone::clone)),
            ("processor", self.processor.text(Clone::clone)),
            ("cores", format!("{usable} usable of {}", self.cores.text(ToString::to_string))),
            ("memory", memory + &limit.unwrap_or_default()),
            (
                "accelerators",
                self.accelerators.text(|devices| accelerators::lines(devices).join("\n")),
            ),
            ("pressure", self.pressure.text(|fact| told(fact).to_owned())),
            (
                "sampler",
                self.sampler_tick_s.text(|tick| format!("{} of CPU time a tick", seconds(*tick))),
            ),
            (
                "others now",
                self.others_cpu_percent.text(|load| format!("{}% of one core", significant(*load))),
            ),
        ]
    }
}

impl Diagnosis {
    fn render(&self, format: DoctorFormat, width: usize) -> Result<Vec<u8>, Fault> {
        Ok(match format {
            DoctorFormat::Text => self.text(width).into_bytes(),
            DoctorFormat::Json => {
                let measured: Map<_, _> = self.groups().into_iter().map(coverage).collect();
                json::pretty(&serde_json::json!({
                    "format": json::FORMAT,
                    "diagnosis": self,
                    "measured": measured,
                }))?
            }
        })
    }

    fn text(&self, width: usize) -> String {
        let mut out = String::new();
        for (name, text) in self.facts.rows() {
            entry(&mut out, name, &text, width);
        }
        entry(&mut out, "TPU", &self.facts.tpu.text(), width);
        for (name, text) in self.energy.rows() {
            entry(&mut out, name, &text, width);
        }
        let worker = match &self.worker {
            Fact::Value(version) => version.clone(),
            Fact::Unsupported(why) => format!("cannot be used: {why}"),
        };
        entry(&mut out, "worker", &worker, width);
        entry(&mut out, "fingerprint", &self.fingerprint.text(), width);
        let results = match &self.results_free_bytes {
            Fact::Value(free) => format!("can be written, {} free", bytes(*free as f64)),
            Fact::Unsupported(why) => why.clone(),
        };
        entry(&mut out, "results", &results, width);
        for (name, text) in self.facts.limits.rows() {
            entry(&mut out, name, &text, width);
        }
        for (name, text) in self.noise.iter().flat_map(NoiseCheck::rows) {
            entry(&mut out, name, &text, width);
        }
        out.push('\n');
        let groups = self.groups();
        let measured = groups.iter().filter(|(_, why)| why.is_none()).map(|(group, _)| *group);
        let measured: Vec<_> = measured.collect();
        if !measured.is_empty() {
            entry(&mut out, "measured", &measured.join(", "), width);
        }
        for (group, why) in groups {
            if let Some(why) = why {
                entry(&mut out, "not measured", &format!("{group}: {why}"), width);
            }
        }
        out
    }

    /// Each group of the catalogue, with the reason why it cannot be measured here, if there is one.
    fn groups(&self) -> Vec<(&'static str, Option<String>)> {
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

/// `true`, or why a group is not measured.
fn coverage((group, why): (&str, Option<String>)) -> (String, Value) {
    let said = why.map_or(Value::Bool(true), |why| serde_json::json!({ "unsupported": why }));
    (group.to_owned(), said)
}

/// Appends a line `name   text` for each line of the text, wrapped under it.
fn entry(out: &mut String, name: &str, text: &str, width: usize) {
    let lines = text.lines();
    let wrapped = lines.map(|line| wrap(line, width.saturating_sub(14).max(20), ""));
    let wrapped: Vec<String> = wrapped.collect();
    for (at, line) in wrapped.iter().flat_map(|text| text.lines()).enumerate() {
        let _ = writeln!(out, "{:<14}{line}", if at == 0 { name } else { "" });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fingerprint() -> Fingerprint {
        let fields = |fields: &[(&str, &str)]| {
            let fields = fields.iter();
            fields.map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
        };
        Fingerprint {
            hard: fields(&[
                ("arch", "x86_64"),
                ("cpu.model", "AMD EPYC 7B13"),
                ("cpu.cores", "8"),
                ("cpu.quota", "2 cores"),
                ("memory.class", "8 GiB"),
                ("libtorch", "2.11.0"),
                ("threads", "2"),
            ]),
            soft: fields(&[("kernel", "6.8.0")]),
        }
    }

    fn diagnosis() -> Diagnosis {
        Diagnosis {
            facts: Facts {
                system: Fact::Value("Debian GNU/Linux 12, kernel 6.8.0".to_owned()),
                processor: Fact::Value("AMD EPYC 7B13".to_owned()),
                cores: Fact::Value(8),
                usable_cores: Fact::Value(2.0),
                memory_bytes: Fact::Value(8 << 30),
                memory_limit_bytes: Some(4 << 30),
                limits: Enforceable {
                    cpus: Fact::Value(vec![0, 1, 4]),
                    memory: Fact::Value(MemoryGuard::Watched),
                    memory_only_watched_because: Some("the control group /sys/fs/cgroup/a is not given the controller `memory`".to_owned()),
                    cpu_quota: Fact::Unsupported("other processes are in perftune's control group /sys/fs/cgroup/a".to_owned()),
                },
                accelerators: Fact::Unsupported("no NVIDIA driver: libnvidia-ml.so.1 cannot be loaded (cannot open shared object file)".to_owned()),
                tpu: Tpus {
                    chips: Vec::new(),
                    unknown: Vec::new(),
                    devices_now: None,
                    cannot_ask: Some("this build cannot read one".to_owned()),
                    named: None,
                },
                pressure: Fact::Value(true),
                sampler_tick_s: Fact::Value(0.000_061),
                others_cpu_percent: Fact::Value(3.25),
            },
            worker: Fact::Value("perftune-worker 0.1.0, libtorch 2.11.0".to_owned()),
            fingerprint: fingerprint().into(),
            energy: energy::Energy {
                counters: Fact::Value(vec![energy::Counter {
                    domain: "package-0".to_owned(),
                    unreadable_because: None,
                }]),
                graphics: Vec::new(),
            },
            noise: Some(noise::busy_example()),
            results_free_bytes: Fact::Unsupported("/results cannot be written: Permission denied (os error 13)".to_owned()),
        }
    }

    #[test]
    fn the_doctor_says_what_is_and_what_is_not() {
        for (format, name) in [(DoctorFormat::Text, "text"), (DoctorFormat::Json, "json")] {
            let text = String::from_utf8(diagnosis().render(format, 80).unwrap()).unwrap();
            insta::assert_snapshot!(format!("doctor_{name}"), text);
        }
    }

    #[test]
    fn limits_that_the_kernel_enforces_need_no_reason() {
        let mut with = diagnosis();
        with.facts.limits.memory = Fact::Value(MemoryGuard::Cgroup);
        with.facts.limits.memory_only_watched_because = None;
        with.facts.limits.cpu_quota = Fact::Value(true);
        let text = with.text(80);
        assert!(text.contains("limit memory  enforced by a control group\n"), "{text}");
        assert!(text.contains("limit quota   enforced by a control group\n"), "{text}");
    }

    #[test]
    fn an_accelerator_is_measured() {
        let mut with = diagnosis();
        with.facts.accelerators = Fact::Value(vec![Accelerator {
            device: "gpu0".to_owned(),
            name: "NVIDIA H200".to_owned(),
            memory_bytes: Some(150_000_000_000),
            ..Accelerator::default()
        }]);
        let text = with.text(80);
        assert!(text.contains("accelerators  gpu0: NVIDIA H200, 140 GiB\n"), "{text}");
        assert!(!text.contains("not measured  gpu"), "{text}");
        with.worker = Fact::Unsupported("it is not there".to_owned());
        assert_eq!(with.groups().iter().filter(|(_, why)| why.is_some()).count(), 6);
    }
}
