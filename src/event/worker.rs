//! What a worker says: `hello (phase | steps | epoch | metric)* (finished | failed) EOF`.

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

/// A part of a run. `train` and `validate` alternate, epoch by epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Phase {
    /// Reading and checking the data, building the model.
    Load,
    /// Untimed steps on weights that are thrown away.
    Warmup,
    /// Requests of this many samples on the model in evaluation mode.
    Serve(u32),
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
            Self::Train => f.pad("train"),
            Self::Confirm(size) => f.pad(&format!("confirm[{size}]")),
            Self::Test => f.pad("test"),
        }
    }
}

/// The size in `NAME[SIZE]`, at least 1.
fn sized(text: &str, name: &str) -> Option<u32> {
    let size = text.strip_prefix(name)?.strip_prefix('[')?;
    let size: u32 = size.strip_suffix(']')?.parse().ok()?;
    (size > 0).then_some(size)
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
            _ => sized(text, "serve")
                .map(Self::Serve)
                .or_else(|| sized(text, "confirm").map(Self::Confirm))
                .ok_or_else(|| {
                    format!(
                        "`{text}` is not a phase: load, warmup, serve[N], train, validate, confirm[N] or test"
                    )
                }),
        }
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

/// Consecutive steps (or requests) of one phase, each begun when the one before it ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StepBatch {
    /// The phase they belong to; it must be the current one.
    pub phase: Phase,
    /// Samples in each step.
    pub items: u32,
    /// `CLOCK_MONOTONIC` at the start of the first, in nanoseconds.
    pub start_ns: u64,
    /// How long each took, in nanoseconds; on an accelerator, synchronised.
    pub dur_ns: Vec<u64>,
    /// The newest training loss, where it was read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub loss: Option<Num>,
}

impl StepBatch {
    /// When the last step ended.
    pub fn end_ns(&self) -> u64 {
        self.dur_ns
            .iter()
            .fold(self.start_ns, |end, dur| end.saturating_add(*dur))
    }
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
        ] {
            assert!(wrong.parse::<Phase>().is_err(), "{wrong}");
        }
    }
}
