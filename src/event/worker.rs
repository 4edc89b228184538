//! What a worker says: `hello (phase | steps | epoch | metric | max_rate)* (finished | failed) EOF`.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{Error as _, Unexpected};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A floating-point number that may be `nan`, `inf` or `-inf`: JSON has no such numbers, so they travel as these words.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Default)]
pub struct Num(pub f64);

impl Num {
    /// The number, if it is one.
    pub fn finite(self) -> Option<f64> {
        self.0.is_finite().then_some(self.0)
    }
}

impl From<f64> for Num {
    fn from(value: f64) -> Self {
        Self(value)
    }
}

impl Serialize for Num {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.0.is_finite() {
            serializer.serialize_f64(self.0)
        } else if self.0.is_nan() {
            serializer.serialize_str("nan")
        } else {
            serializer.serialize_str(if self.0 > 0.0 { "inf" } else { "-inf" })
        }
    }
}

impl<'de> Deserialize<'de> for Num {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl serde::de::Visitor<'_> for Visitor {
            type Value = Num;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number, or one of \"nan\", \"inf\", \"-inf\"")
            }
            fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Num, E> {
                Ok(Num(value))
            }
            fn visit_i64<E: serde::de::Error>(self, value: i64) -> Result<Num, E> {
                Ok(Num(value as f64))
            }
            fn visit_u64<E: serde::de::Error>(self, value: u64) -> Result<Num, E> {
                Ok(Num(value as f64))
            }
            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Num, E> {
                match text {
                    "nan" => Ok(Num(f64::NAN)),
                    "inf" => Ok(Num(f64::INFINITY)),
                    "-inf" => Ok(Num(f64::NEG_INFINITY)),
                    _ => Err(E::invalid_value(Unexpected::Str(text), &self)),
                }
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}

/// `Option<f64>` with the words of [`Num`]: for fields that are plain numbers in memory. Use with `#[serde(with)]`.
pub mod optional {
    use super::Num;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    /// Writes it as a number, a word or null.
    pub fn serialize<S: Serializer>(value: &Option<f64>, serializer: S) -> Result<S::Ok, S::Error> {
        value.map(Num).serialize(serializer)
    }

    /// Reads it back.
    pub fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<f64>, D::Error> {
        Ok(Option::<Num>::deserialize(deserializer)?.map(|num| num.0))
    }
}

/// The worker's own figure that tells how many samples an epoch trains on: with it the time of the whole training is
/// projected before the first epoch is over.
pub const EPOCH_SAMPLES: &str = "epoch_samples";

/// The native worker's own figure of how many parameters its model has.
pub const PARAMETERS: &str = "parameters";

/// A part of a run. `train` and `validate` alternate, epoch by epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Phase {
    /// Reading and checking the data, building the model.
    Load,
    /// Untimed steps on weights that are thrown away.
    Warmup,
    /// Requests of this many samples on the model in evaluation mode.
    Serve(u32),
    /// The search for the highest rate of such requests.
    Probe(u32),
    /// Optimiser steps.
    Train,
    /// Loss and accuracy on held-out training data.
    Validate,
    /// Requests of this many samples once more, now on the model that was trained to the end.
    Confirm(u32),
    /// Loss and accuracy on the test data, once.
    Test,
}

/// What resource figures are kept apart by: training includes its validation, since epochs may be shorter than a tick.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Stage {
    /// From the start of the process to the end of loading.
    Load,
    /// Untimed steps.
    Warmup,
    /// Requests of this many samples.
    Serve(u32),
    /// The search for the highest rate of such requests: nothing is judged in it.
    Probe(u32),
    /// Training with its validation.
    Train,
    /// Requests of this many samples on the model that was trained to the end.
    Confirm(u32),
    /// The one look at the test data.
    Test,
}

impl Phase {
    /// The stage that resource figures of this phase belong to.
    pub const fn stage(self) -> Stage {
        match self {
            Self::Load => Stage::Load,
            Self::Warmup => Stage::Warmup,
            Self::Serve(size) => Stage::Serve(size),
            Self::Probe(size) => Stage::Probe(size),
            Self::Train | Self::Validate => Stage::Train,
            Self::Confirm(size) => Stage::Confirm(size),
            Self::Test => Stage::Test,
        }
    }
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Load => f.pad("load"),
            Self::Warmup => f.pad("warmup"),
            Self::Serve(size) => f.pad(&format!("serve[{size}]")),
            Self::Probe(size) => f.pad(&format!("probe[{size}]")),
            Self::Train => f.pad("train"),
            Self::Validate => f.pad("validate"),
            Self::Confirm(size) => f.pad(&format!("confirm[{size}]")),
            Self::Test => f.pad("test"),
        }
    }
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Load => f.pad("load"),
            Self::Warmup => f.pad("warmup"),
            Self::Serve(size) => f.pad(&format!("serve[{size}]")),
            Self::Probe(size) => f.pad(&format!("probe[{size}]")),
            Self::Train => f.pad("train"),
            Self::Confirm(size) => f.pad(&format!("confirm[{size}]")),
            Self::Test => f.pad("test"),
        }
    }
}

impl std::str::FromStr for Phase {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "load" => Ok(Self::Load),
            "warmup" => Ok(Self::Warmup),
            "train" => Ok(Self::Train),
            "validate" => Ok(Self::Validate),
            "test" => Ok(Self::Test),
            _ => sized(text).ok_or_else(|| {
                format!(
                    "`{text}` is not a phase: load, warmup, serve[N], probe[N], train, validate, confirm[N] or test"
                )
            }),
        }
    }
}

/// A phase of requests of one size.
fn sized(text: &str) -> Option<Phase> {
    let (name, rest) = text.split_once('[')?;
    let size = rest.strip_suffix(']')?.parse().ok()?;
    match name {
        _ if size == 0 => None,
        "serve" => Some(Phase::Serve(size)),
        "probe" => Some(Phase::Probe(size)),
        "confirm" => Some(Phase::Confirm(size)),
        _ => None,
    }
}

impl Serialize for Phase {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Phase {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(D::Error::custom)
    }
}

/// One message of a worker.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", content = "data", rename_all = "snake_case")]
pub enum WorkerEvent {
    /// First, once.
    Hello(Hello),
    /// A phase begins; the one before it has ended.
    Phase {
        /// Which.
        phase: Phase,
    },
    /// Timed steps of the current phase.
    Steps(StepBatch),
    /// An epoch of training and its validation are over.
    Epoch(EpochReport),
    /// A figure of the worker's own, outside the catalogue's phases.
    Metric {
        /// A name from the catalogue, or the worker's own.
        name: String,
        /// The value in base units.
        value: Num,
    },
    /// The search of the current `probe[N]` has ended.
    MaxRate(FoundRate),
    /// Last: the work is done, or was stopped as asked.
    Finished(Finished),
    /// Last: it could not be done.
    Failed(WorkerFailure),
}

/// Who is speaking.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Hello {
    /// [`super::PROTOCOL_VERSION`] of the worker.
    pub protocol: u32,
    /// Name and version, such as `perftune-worker 0.1.0`.
    pub worker: String,
    /// The worker's process.
    pub pid: u32,
    /// What else identifies the environment: `libtorch`, `cpu_capability`, `flush_denormals`, ...
    #[serde(default)]
    pub facts: BTreeMap<String, String>,
}

/// Consecutive steps (or requests) of one phase, each begun when the one before it ended, or `gap_ns` later.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StepBatch {
    /// The phase they belong to; it must be the current one.
    pub phase: Phase,
    /// Samples in each step.
    pub items: u32,
    /// `CLOCK_MONOTONIC` at the start of the first (of the gap before it, if there is one), in nanoseconds.
    pub start_ns: u64,
    /// How long each took, in nanoseconds; on an accelerator, synchronised.
    pub dur_ns: Vec<u64>,
    /// Of requests that queue: from when each was scheduled to come until it was begun, in nanoseconds; as many as
    /// `dur_ns`, or none where each came when it was begun.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub wait_ns: Vec<u64>,
    /// Time in which nothing was answered before each, in nanoseconds: since the end of the one before it, or of the
    /// first since `start_ns`; as many as `dur_ns`, or none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub gap_ns: Vec<u64>,
    /// The newest training loss, where it was read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub loss: Option<Num>,
}

impl StepBatch {
    /// When the last step ended.
    pub fn end_ns(&self) -> u64 {
        let times = self.dur_ns.iter().chain(&self.gap_ns);
        times.fold(self.start_ns, |end, time| end.saturating_add(*time))
    }

    /// Each step with its times.
    pub fn requests(&self) -> impl Iterator<Item = Request> + '_ {
        let at = |times: &[u64], place: usize| times.get(place).copied().unwrap_or(0);
        let mut end_ns = self.start_ns;
        self.dur_ns.iter().enumerate().map(move |(place, dur_ns)| {
            let gap_ns = at(&self.gap_ns, place);
            let start_ns = end_ns.saturating_add(gap_ns);
            end_ns = start_ns.saturating_add(*dur_ns);
            Request {
                start_ns,
                dur_ns: *dur_ns,
                wait_ns: at(&self.wait_ns, place),
                gap_ns,
            }
        })
    }
}

/// One step or request, in nanoseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Request {
    /// When it was begun.
    pub start_ns: u64,
    /// How long its answer took.
    pub dur_ns: u64,
    /// From when it was scheduled to come until it was begun.
    pub wait_ns: u64,
    /// Time in which nothing was answered before it.
    pub gap_ns: u64,
}

impl Request {
    /// From when it was scheduled to come until it was answered.
    pub const fn latency_ns(&self) -> u64 {
        self.wait_ns.saturating_add(self.dur_ns)
    }

    /// Its share of the time that passed: the answer, and the gap before it.
    pub const fn elapsed_ns(&self) -> u64 {
        self.gap_ns.saturating_add(self.dur_ns)
    }

    /// When its answer was there.
    pub const fn end_ns(&self) -> u64 {
        self.start_ns.saturating_add(self.dur_ns)
    }

    /// When it was scheduled to come.
    pub const fn scheduled_ns(&self) -> u64 {
        self.start_ns.saturating_sub(self.wait_ns)
    }

    /// The load generator's own time in the gap: that in which the request had come, and nothing else was answered.
    pub const fn own_ns(&self) -> u64 {
        if self.gap_ns < self.wait_ns {
            self.gap_ns
        } else {
            self.wait_ns
        }
    }
}

/// The end of a search for the highest rate that keeps a limit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FoundRate {
    /// Requests a second; absent: none was found, and `why` says so.
    pub rate_per_s: Option<Num>,
    /// Lower end of its interval.
    pub low: Option<Num>,
    /// Upper end of its interval.
    pub high: Option<Num>,
    /// Nominal confidence of the interval.
    pub confidence: Option<f64>,
    /// Whether it is as precise as the search was asked to be.
    pub precise: bool,
    /// Rates that were tried.
    pub probes: u32,
    /// Requests that were answered for it.
    pub requests: u64,
    /// What ended it, or why there is no rate.
    pub why: String,
}

/// One pass over the training data and the validation after it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EpochReport {
    /// Counts from 1.
    pub epoch: u32,
    /// Samples trained on.
    pub samples: u64,
    /// Mean training loss over the epoch.
    pub train_loss: Num,
    /// Mean validation loss; absent where nothing is held out.
    pub validation_loss: Option<Num>,
    /// Share of the validation data classified rightly, 0..1.
    pub validation_accuracy: Option<Num>,
}

/// The end of a worker's work.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Finished {
    /// Whether a `stop` ended it before its budget.
    pub stopped: bool,
    /// Epochs completed.
    pub epochs: u32,
    /// Mean loss on the test data.
    pub test_loss: Option<Num>,
    /// Share of the test data classified rightly, 0..1.
    pub test_accuracy: Option<Num>,
    /// The process's own final figures.
    pub usage: Usage,
}

/// What the kernel says of a process just before it ends; absent where it does not say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Usage {
    /// User and system time of all its threads, in nanoseconds.
    pub cpu_ns: Option<u64>,
    /// `VmHWM`: the largest resident set so far, in bytes.
    pub vm_hwm_bytes: Option<u64>,
}

/// Why a worker gave up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkerFailure {
    /// `data`, `model`, `device`, `memory`, `job` or `internal`.
    pub kind: String,
    /// What happened, where and why.
    pub message: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_that_json_lacks_travel_as_words() {
        for value in [1.5, -0.25, f64::INFINITY, f64::NEG_INFINITY] {
            let text = serde_json::to_string(&Num(value)).unwrap();
            let back: Num = serde_json::from_str(&text).unwrap();
            assert!(back == Num(value), "{text}");
        }
        let text = serde_json::to_string(&Num(f64::NAN)).unwrap();
        assert_eq!(text, "\"nan\"");
        assert!(serde_json::from_str::<Num>(&text).unwrap().0.is_nan());
        assert!(serde_json::from_str::<Num>("\"null\"").is_err());
        assert!((serde_json::from_str::<Num>("3").unwrap().0 - 3.0).abs() < f64::EPSILON);
    }

    #[test]
    fn phases_are_written_as_they_are_shown() {
        for phase in [
            Phase::Load,
            Phase::Warmup,
            Phase::Serve(32),
            Phase::Probe(1),
            Phase::Train,
            Phase::Validate,
            Phase::Confirm(4),
            Phase::Test,
        ] {
            assert_eq!(phase.to_string().parse::<Phase>(), Ok(phase));
        }
        for wrong in [
            "serve",
            "serve[0]",
            "serve[x]",
            "serve[1",
            "confirm[0]",
            "confirm1]",
            "Train",
            "",
            "load[1]",
            "probe",
        ] {
            assert!(wrong.parse::<Phase>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn requests_know_when_they_came_and_whose_time_their_gap_was() {
        let mut batch = StepBatch {
            phase: Phase::Serve(1),
            items: 1,
            start_ns: 100,
            dur_ns: vec![10, 20, 30],
            wait_ns: Vec::new(),
            gap_ns: Vec::new(),
            loss: None,
        };
        assert_eq!(batch.end_ns(), 160);
        let starts: Vec<u64> = batch.requests().map(|request| request.start_ns).collect();
        assert_eq!(starts, [100, 110, 130]);
        let text = serde_json::to_string(&batch).unwrap();
        assert!(
            !text.contains("wait_ns") && !text.contains("gap_ns"),
            "{text}"
        );
        // Idle until the first comes (2 late), the second came while the first was answered, the third later.
        batch.gap_ns = vec![50, 3, 7];
        batch.wait_ns = vec![2, 9, 0];
        assert_eq!(batch.end_ns(), 220);
        let found: Vec<_> = batch
            .requests()
            .map(|r| (r.start_ns, r.scheduled_ns(), r.latency_ns(), r.own_ns()))
            .collect();
        assert_eq!(
            found,
            [(150, 148, 12, 2), (163, 154, 29, 3), (190, 190, 30, 0)]
        );
        assert_eq!(batch.requests().last().unwrap().end_ns(), batch.end_ns());
        let text = serde_json::to_string(&batch).unwrap();
        assert_eq!(serde_json::from_str::<StepBatch>(&text).unwrap(), batch);
    }
}
