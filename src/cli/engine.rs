//! Where the command line meets configuration, data sets, sampler, runner and store: one function for each thing that
//! a subcommand needs of them, and nothing else.

use std::path::Path;
use std::process::ExitCode;

use super::args::RunArgs;
use super::diagnostic::Fault;
use super::doctor::Facts;
use super::exit::ExitStatus;
use super::list::DatasetRow;
use super::progress::Sink;
use crate::config::plan::{Plan, PlannedRun};
use crate::event::RunRecord;
use crate::report::summary::SummaryRow;

/// What is to be run, and where its results go.
pub struct Order<'a> {
    /// The whole plan.
    pub plan: &'a Plan,
    /// The runs of it that are asked for.
    pub runs: &'a [PlannedRun],
    /// The results folder.
    pub folder: &'a Path,
    /// Keep what is finished there.
    pub resume: bool,
    /// Delete what is there.
    pub fresh: bool,
}

/// What became of an order.
pub struct Executed {
    /// The runs that have ended, those that were kept included, in the order of the plan.
    pub records: Vec<RunRecord>,
    /// Whether the user has ended it.
    pub interrupted: bool,
}

/// What a results folder holds.
pub struct Stored {
    /// The name of the grid.
    pub name: String,
    /// The runs that have ended, in the order of the plan.
    pub records: Vec<RunRecord>,
}

/// The checked plan of a grid file.
pub fn load(_args: &RunArgs) -> Result<Plan, Fault> {
    Err(absent("read a grid file"))
}

/// Runs what is asked for and records it in the results folder.
pub fn execute(_order: &Order<'_>, _sink: &mut dyn Sink) -> Result<Executed, Fault> {
    Err(absent("run a grid"))
}

/// The figures of each cell over its repeats.
pub fn summaries(_records: &[RunRecord]) -> Result<Vec<SummaryRow>, Fault> {
    Err(absent("summarise repeats"))
}

/// What a results folder holds.
pub fn read(_folder: &Path) -> Result<Stored, Fault> {
    Err(absent("read a results folder"))
}

/// The data sets in the data folders.
pub fn datasets() -> Result<Vec<DatasetRow>, Fault> {
    Err(absent("read data sets"))
}

/// What this machine is.
pub fn facts() -> Result<Facts, Fault> {
    Err(absent("look at the machine"))
}

/// The worker that plays a script: what `perftune __scripted-worker` is.
pub fn scripted_worker() -> ExitCode {
    ExitStatus::Usage.into()
}

fn absent(what: &str) -> Fault {
    Fault::new(format!("this build cannot {what}"))
}
