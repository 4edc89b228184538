//! The parent's side of a run: starts a worker, listens, samples, asks the controller, and ends with one record a run.
//!
//! [`stream`] knows the grammar of a worker's stream, [`dispatcher`] decides what to do about each input; both are pure.
//! [`executor`] does it: it owns the child ([`child`]), the threads and the timers. The runner emits [`RunEvent`]s into
//! a closure; it knows no TOML, no files and no terminal.

pub mod action;
pub mod child;
mod command;
pub mod dispatcher;
mod ending;
pub mod executor;
#[cfg(test)]
mod fixtures;
mod group;
mod hooks;
mod inbox;
mod interrupts;
mod lanes;
mod lines;
mod memory;
mod phase_order;
mod pipes;
mod recorded;
mod shortage;
mod spawn;
pub mod stream;
mod system;
mod threads;

use std::path::PathBuf;
use std::sync::Arc;

use crate::control::policy::StopPolicy;
use crate::event::{Bar, JobSpec, Lane, Limits, Pairing, Price, RunEvent};
use crate::recorded::Answer;
use crate::sampler::{Capacity, GroupBase};

pub use executor::{Order, execute};
pub use hooks::Cells;
pub use interrupts::Interrupts;
pub use lanes::{SampledLane, execute_in_lanes};
pub use recorded::VirtualTime;

/// One run, ready to start.
#[derive(Debug, Clone, PartialEq)]
pub struct RunSpec {
    /// Its unique name.
    pub run: String,
    /// The cell that it repeats.
    pub cell: String,
    /// Counts from 1.
    pub repeat: u32,
    /// Its place among the runs that are started, from 0.
    pub index: usize,
    /// What the worker is told.
    pub job: Arc<JobSpec>,
    /// When it may stop.
    pub stop: Arc<StopPolicy>,
    /// Which program runs it.
    pub launch: Launch,
    /// What of the machine it may use.
    pub limits: Limits,
    /// Where it runs, while others run beside it; absent: it has the machine to itself.
    pub lane: Option<Lane>,
    /// Where its control group is made; absent: its limits need none.
    pub group: Option<GroupBase>,
    /// Cores that the run may use: the denominator of `cpu.utilisation_of_limit`.
    pub usable_cores: f64,
    /// What a kilowatt hour means in grams of CO2 equivalent, where the user has said.
    pub grams_per_kwh: Option<f64>,
    /// What an hour costs, where the user has said.
    pub price: Option<Price>,
    /// Its place in a comparison; absent where it is part of none.
    pub pairing: Option<Pairing>,
    /// What is looked up in its place; absent: it is run.
    pub answer: Option<Answer>,
}

impl RunSpec {
    /// The same, where its accuracy must reach these to decide anything.
    #[must_use]
    pub fn with_bars(mut self, bars: Vec<Bar>) -> Self {
        if !bars.is_empty() {
            Arc::make_mut(&mut self.stop).bars = bars;
        }
        self
    }
}

/// Which program runs, and how long it may be silent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Launch {
    /// The program.
    pub program: PathBuf,
    /// Its arguments.
    pub args: Vec<String>,
    /// Silence after which it counts as hung, in nanoseconds.
    pub hang_timeout_ns: u64,
    /// Time between asking, SIGTERM and SIGKILL, in nanoseconds.
    pub grace_ns: u64,
    /// What the machine has, against which the worker's word is held; absent where it plays a script.
    pub capacity: Option<Capacity>,
    /// Where the standard streams of a command go; those of a worker are the protocol and its log.
    pub streams: Streams,
}

/// Where the standard streams of a command go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Streams {
    /// It reads nothing; what it writes goes to the run's log.
    #[default]
    Logged,
    /// They are the runner's own: the standard input (nothing, where that is a terminal: what waits for a person cannot be
    /// measured) and the standard error, for both of its outputs.
    Passed,
    /// The same, and its standard output is the runner's.
    PassedWithOutput,
}

/// Where events go. An error (a full disk) ends the run in flight and the grid.
pub type Sink<'a> = dyn FnMut(RunEvent) -> Result<(), SinkError> + 'a;

/// What was done with an event went wrong in a way that makes it senseless to go on.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct SinkError(pub String);
