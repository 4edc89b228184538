//! Why a figure of the devices or of the energy is not known, and how far a peak is.

use serde::{Deserialize, Serialize};

use super::worker::Num;

/// What a peak may still grow by.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(tag = "growth", rename_all = "snake_case")]
pub enum PeakGrowth {
    /// It grows.
    Growing {
        /// Bytes a second.
        per_s: Num,
    },
    /// More is excluded.
    Below {
        /// Bytes a second.
        per_s: Num,
    },
    /// It has come to its own end.
    Over,
    /// What is excluded is more than the whole peak a minute, which says nothing.
    Loose,
    /// The time was too short.
    Unknown {
        /// For how long its growth was watched, in seconds: in one stage of the run.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        watched_s: Option<Num>,
    },
}

/// Why no device that is read is the run's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "device", rename_all = "snake_case")]
pub enum DeviceLack {
    /// The run works on no GPU.
    NotUsed,
    /// No accelerator was read.
    NoneRead,
    /// The worker has not said hello.
    BeforeHello,
    /// The driver sees no process of the run on any device.
    Unseen,
    /// The same of the only device.
    UnseenOnOnly,
    /// A device that the run was seen on is no longer read.
    Lost,
    /// No device with this index was read.
    NoIndex {
        /// The driver's index.
        index: u32,
    },
    /// The device that the worker named is not read.
    NotAmong {
        /// What identifies it.
        id: String,
    },
    /// There are several, and nobody says which are the run's.
    Several {
        /// How many.
        count: usize,
    },
}

/// Why an energy is not known.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "energy", rename_all = "snake_case")]
pub enum EnergyLack {
    /// What the sampler said of its counter.
    Said {
        /// In its words.
        detail: String,
    },
    /// A part of it is not known.
    Part {
        /// `package-0`, or what identifies a device.
        part: String,
        /// Why.
        why: Box<Self>,
    },
    /// The energy of the run's device is not known.
    WithoutDevice {
        /// Why.
        why: Box<Self>,
    },
    /// The counter was not read for a while.
    NotRead,
    /// The device gave no reading for a while.
    DeviceSilent,
    /// The counter rose by more than any device can use.
    Jumped,
    /// The counter fell.
    Fell,
    /// The counter of a device gave no reading.
    NoCounter,
    /// The power of a device gave no reading.
    NoPower,
    /// The power of a device was read too seldom.
    SeldomPower,
    /// It was never read.
    Never,
    /// It was read once.
    Once,
    /// The run ended within the phase.
    EndedWithin,
    /// No reading fell within the phase.
    NoneWithin,
    /// The phase was over before a second reading.
    OnceWithin,
    /// It was not read before the phase.
    NotBefore,
    /// It was not read after the phase.
    NotAfter,
    /// Its readings leave out too much of the run.
    Outside {
        /// Time outside its readings, in seconds.
        loose_s: Num,
        /// All of the time.
        of_s: Num,
    },
    /// No processor has a counter.
    NoProcessor,
    /// No device of the run was read.
    NoDevice,
    /// The phase is too short for the pace of the driver.
    Short {
        /// Its length in seconds.
        length_s: Num,
    },
    /// The phase was not seen.
    NoPhase,
    /// No sample was timed in the phase.
    NoSample,
    /// No intensity is given.
    NoIntensity,
    /// The run works on a TPU.
    Tpu,
    /// The run may work on this device as well.
    Doubt {
        /// What identifies it.
        device: String,
    },
    /// The run works on a device without a counter that is known.
    UnknownDevice {
        /// As the grid names it.
        device: String,
    },
}

/// What trains a model to its end whose training was left.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ToTheEnd {
    /// Nothing asked for it: a wish for its accuracy does, or more time.
    #[default]
    Asking,
    /// That was asked for, and the time was up.
    Time,
    /// A limit was broken: whatever is asked for, only that nothing ends early.
    Whole,
}
