//! The parts of a run, and what resource figures are kept apart by.

use std::fmt;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A part of a run. `train` and `validate` alternate, epoch by epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Phase {
    /// A command that has said nothing of its phases.
    Run,
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
    /// A command, as long as it has said nothing of its phases.
    Run,
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
            Self::Run => Stage::Run,
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
            Self::Run => f.pad("run"),
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
            Self::Run => f.pad("run"),
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
            "run" => Ok(Self::Run),
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
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

impl Serialize for Stage {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Stage {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Phase::deserialize(deserializer).map(Phase::stage)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn phases_are_written_as_they_are_shown() {
        for phase in [
            Phase::Run,
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
}
