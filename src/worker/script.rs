//! What the scripted worker plays: the `[worker] options` of the grid file.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::event::{JobSpec, Phase};

/// What to play: the `[worker] options` of the grid file.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Script {
    /// `virtual` or `real`.
    pub time: Spending,
    /// Median time of a training step, in microseconds.
    pub step_us: f64,
    /// Median time of a request of one sample, in microseconds; larger requests take the square root of their size.
    pub request_us: f64,
    /// What the load generator itself takes after each request, in microseconds.
    pub own_us: f64,
    /// Spread of the times of steps and requests: the standard deviation of the logarithm.
    pub spread: f64,
    /// The first step takes this many times the median.
    pub first_step: f64,
    /// Relative growth of the step time over each 1,000 steps.
    pub drift: f64,
    /// Spread of whole runs: the standard deviation of the logarithm of a factor that each seed draws once, so that all cells
    /// of a round are off by the same.
    pub run_spread: f64,
    /// The same, of a factor that each run draws for itself.
    pub own_spread: f64,
    /// Slow noise: a machine of two speeds.
    pub regimes: Option<Regimes>,
    /// Multiplies every duration: a regression of known size.
    pub slowdown: f64,
    /// Slows down only where the batch size is this: one cell of a grid is slower, the others are not.
    pub slow_batch_size: Option<u32>,
    /// Multiplies the time of requests on the trained model.
    pub trained_slowdown: f64,
    /// Training steps of an epoch.
    pub steps_per_epoch: u32,
    /// Validation accuracy that training tends to.
    pub accuracy: f64,
    /// The rate of learning at which half of what is left is learnt in an epoch; at a tenth of it that takes ten epochs. All rates
    /// are alike where absent.
    pub learning_rate: Option<f64>,
    /// How many test samples it says that its test accuracy rests on; nothing where absent.
    pub test_samples: Option<u64>,
    /// Memory that is touched while loading, in bytes.
    pub memory_bytes: usize,
    /// What it says at the end of its peak memory, in bytes; nothing where absent.
    pub peak_bytes: Option<u64>,
    /// What it says of itself in `hello` beside how it spends time, such as `device_uuid`.
    pub facts: BTreeMap<String, String>,
    /// Names each phase, and this process, on standard error.
    pub talks: bool,
    /// What goes wrong.
    pub fault: Option<Fault>,
}

impl Default for Script {
    fn default() -> Self {
        Self {
            time: Spending::Virtual,
            step_us: 1000.0,
            request_us: 100.0,
            own_us: 0.0,
            spread: 0.02,
            first_step: 10.0,
            drift: 0.0,
            run_spread: 0.0,
            own_spread: 0.0,
            regimes: None,
            slowdown: 1.0,
            slow_batch_size: None,
            trained_slowdown: 1.0,
            steps_per_epoch: 100,
            accuracy: 0.95,
            learning_rate: None,
            test_samples: None,
            memory_bytes: 0,
            peak_bytes: None,
            facts: BTreeMap::new(),
            talks: false,
            fault: None,
        }
    }
}

/// A machine that is slow for a while and fast for a while, as long on average; each run finds it anew.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Regimes {
    /// How many times as long everything takes while it is slow.
    pub factor: f64,
    /// How long each lasts on average, in seconds.
    pub mean_s: f64,
}

/// Whether durations are spent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Spending {
    /// Claimed only.
    Virtual,
    /// Spent on one busy core.
    Real,
}

/// Something that goes wrong.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// What.
    pub kind: FaultKind,
    /// In which phase.
    pub phase: Phase,
    /// After how many of its steps.
    #[serde(default)]
    pub after: u64,
    /// Only where the batch size is this: one run of a grid is broken, the others are not.
    #[serde(default)]
    pub batch_size: Option<u32>,
}

impl Script {
    /// What multiplies every duration of this job, but for what its seed draws.
    pub(super) fn slowdown_of(&self, job: &JobSpec) -> f64 {
        let concerned = self.slow_batch_size.is_none_or(|size| size == job.train.batch_size);
        if concerned { self.slowdown } else { 1.0 }
    }
}

impl Fault {
    pub(super) fn concerns(&self, job: &JobSpec) -> bool {
        self.batch_size.is_none_or(|size| size == job.train.batch_size)
    }
}

/// What can go wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FaultKind {
    /// Exits with code 7 after a word on standard error.
    Exit,
    /// Is killed by SIGKILL, as by the system when memory runs out.
    Kill,
    /// Aborts (SIGABRT).
    Abort,
    /// Says nothing more.
    Hang,
    /// Writes a line that is not a message.
    Nonsense,
    /// Skips a number in the sequence.
    Sequence,
    /// Says that it failed.
    Report,
    /// The loss is no longer a number.
    Nan,
    /// Goes on when asked to stop.
    IgnoreStop,
    /// Does not leave after its last message.
    Linger,
    /// Writes a megabyte of standard error.
    StderrFlood,
}
