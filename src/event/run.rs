//! What a grid says while it runs: the only door to the terminal and to the disk.

use serde::{Deserialize, Serialize};

use super::job::JobSpec;
use super::note::Why;
use super::reach::Bar;
use super::record::RunRecord;
use super::sample::ResourceSample;
use super::stop::Asked;
use super::wire::Envelope;
use super::worker::Stage;

/// Something happened in a run.
#[derive(Debug, Clone, PartialEq)]
pub struct RunEvent {
    /// The run's name.
    pub run: String,
    /// Its place among the runs that are started, from 0.
    pub index: usize,
    /// What.
    pub kind: RunEventKind,
}

/// What happened.
#[derive(Debug, Clone, PartialEq)]
pub enum RunEventKind {
    /// The worker is about to be started.
    Started {
        /// What it is told.
        job: Box<JobSpec>,
        /// `CLOCK_MONOTONIC`, in nanoseconds.
        t_ns: u64,
        /// What its accuracy must reach to decide anything.
        bars: Vec<Bar>,
    },
    /// The worker said something.
    Worker(Envelope),
    /// The sampler read something.
    Sample(Box<ResourceSample>),
    /// Where things stand; a few times a second, for people only.
    Progress(Progress),
    /// The controller has asked the worker to leave a phase or to stop.
    Asked {
        /// `CLOCK_MONOTONIC`, in nanoseconds.
        t_ns: u64,
        /// What, and why.
        what: Asked,
    },
    /// Lines of the worker's standard error, without the last line feed.
    Stderr(String),
    /// Something the user should know.
    Warning(String),
    /// It is over.
    Ended(Box<RunRecord>),
}

/// Where a run stands.
#[derive(Debug, Clone, PartialEq)]
pub struct Progress {
    /// The current stage.
    pub stage: Option<Stage>,
    /// The current epoch, from 1, and the budget.
    pub epoch: Option<(u32, u32)>,
    /// Samples a second over the last second or so.
    pub throughput: Option<f64>,
    /// Chosen metrics that are known in this stage.
    pub known: usize,
    /// Chosen metrics that are not known yet.
    pub open: Vec<OpenMetric>,
}

/// A chosen metric that is not known yet.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OpenMetric {
    /// The catalogue's name.
    pub name: String,
    /// Relative half-width of its interval, if there is one yet.
    pub reached: Option<f64>,
    /// What is asked.
    pub wanted: f64,
    /// Why it is open.
    pub why: Why,
}
