//! A checked experiment. It cannot name an unknown model or data set, be empty, or hold a cell twice.

use std::fmt;
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;

use serde::Serialize;

use super::template::{CommandModel, MetricFile};
use super::world::GridText;
use crate::control::policy::StopPolicy;
use crate::engine::EnginePolicy;
use crate::event::{JobSpec, Lane, Limits, Objective, Price, Work};
use crate::export::Target;
use crate::gate::GatePolicy;
use crate::metric::Better;
use crate::recorded::Answer;
use crate::sampler::policy::SamplerPolicy;
use crate::schedule::Repeats;
use crate::search::SearchPolicy;

/// A checked experiment.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Plan {
    /// Names the results folder.
    pub name: String,
    /// Its file; absent where it was read from the standard input.
    #[serde(skip)]
    pub file: Option<PathBuf>,
    /// The base seed; repeat `r` uses `seed + r - 1`.
    pub seed: u64,
    /// How often each cell is visited.
    #[serde(skip)]
    pub repeats: Repeats,
    /// Time for the whole grid, in seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub budget_s: Option<f64>,
    /// Where cells run side by side; empty: each has the machine to itself.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub lanes: Vec<Lane>,
    /// A search instead of all cells.
    #[serde(skip)]
    pub search: Option<SearchPolicy>,
    /// Axes with more than one value, in the order of the file: they name the cells.
    pub varying: Vec<String>,
    /// Every cell of the grid by name, those that `--only` leaves out among them, in the order of the grid.
    #[serde(skip)]
    pub cells: Vec<String>,
    /// Every run, the repeats of a cell far apart: all cells once, then all again. Where nobody knows yet how many there will
    /// be, the first of each cell.
    pub runs: Vec<PlannedRun>,
    /// What makes one cell better than another; none: no front is asked for.
    pub objectives: Vec<Objective>,
    /// By which rules the results are compared with those of a baseline.
    pub gate: GatePolicy,
    /// How to sample.
    pub sampler: SamplerPolicy,
    /// What a kilowatt hour means in grams of CO2 equivalent; nobody guesses it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub grams_per_kwh: Option<f64>,
    /// What an hour of the machine costs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub price: Option<Price>,
    /// Who does the work.
    pub worker: WorkerSettings,
    /// Where the cells are run, if not by this process.
    #[serde(skip)]
    pub engine: EnginePolicy,
    /// What the results are handed on as.
    #[serde(skip)]
    pub exports: Vec<Target>,
    /// What the user should know, though it is no error.
    pub warnings: Vec<String>,
    /// What the grid says, by its keys; null of what is no grid file.
    #[serde(skip)]
    pub keys: serde_json::Value,
    /// Where each key of the grid was said, such as `base.toml:12`, in the order of the keys.
    #[serde(skip)]
    pub sources: Vec<(String, String)>,
    /// The texts of the grid, as they were read; none of what is no grid file.
    #[serde(skip)]
    pub texts: Vec<GridText>,
    /// What the command line makes of the grid, as its words: with them and `--only` a cell of this plan is run again.
    #[serde(skip)]
    pub asked: Vec<String>,
    /// What was found in the files of data sets since nobody says it.
    #[serde(skip)]
    pub notes: Vec<String>,
}

impl Plan {
    /// The metrics of the objectives that are better this way.
    pub(super) fn aimed(&self, better: Better) -> serde_json::Value {
        let asked = self.objectives.iter().filter(|asked| asked.better == better);
        asked.map(|asked| asked.metric.as_str()).collect()
    }
}

/// One run of the plan.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PlannedRun {
    /// Unique name, safe as a folder's name: `resnet-digits`, `mlp-digits-b32-r2`.
    pub run: String,
    /// The cell that it repeats: the run's name without `-rN`.
    pub cell: String,
    /// Counts from 1.
    pub repeat: u32,
    /// What the worker is told.
    pub job: Arc<JobSpec>,
    /// When it may stop.
    pub stop: Arc<StopPolicy>,
    /// What of the machine it may use.
    #[serde(skip_serializing_if = "Limits::is_none")]
    pub limits: Limits,
    /// Whether the metrics to wait for were chosen by the user: then one that is left out is worth a word.
    #[serde(skip)]
    pub chosen: bool,
    /// What is looked up in its place, where its model is a recorded table.
    #[serde(skip)]
    pub answer: Option<Answer>,
    /// The command that its model is, if it is one.
    #[serde(skip)]
    pub(super) command: Option<Rc<CommandModel>>,
    /// The files in which metrics of the user's own are read.
    #[serde(skip)]
    pub(super) files: Rc<[MetricFile]>,
}

impl PlannedRun {
    /// The first visit of the cell that this job is of, stopped by the defaults.
    pub fn first(job: JobSpec) -> Self {
        let stop = Arc::new(StopPolicy::default());
        let (run, cell) = (job.run.clone(), job.run.clone());
        Self {
            run,
            cell,
            repeat: 1,
            job: Arc::new(job),
            stop,
            limits: Limits::default(),
            chosen: true,
            answer: None,
            command: None,
            files: Rc::default(),
        }
    }

    /// Another visit of the same cell, from 1.
    #[must_use]
    pub fn visit(&self, repeat: u32) -> Self {
        let seed = self.job.seed - u64::from(self.repeat - 1) + u64::from(repeat - 1);
        Self { repeat, ..self.called(run_name(&self.cell, repeat), seed) }
    }

    /// The same cell as a run of this name and seed.
    #[must_use]
    pub fn called(&self, run: String, seed: u64) -> Self {
        let mut other = Self { run, ..self.clone() };
        let job = Arc::make_mut(&mut other.job);
        job.run.clone_from(&other.run);
        job.seed = seed;
        self.files.iter().for_each(|file| file.put(job));
        if let Some(command) = &self.command {
            job.work = Work::Command { spec: command.of(job) };
        }
        other
    }
}

/// The run of a cell that is its repeat of this number.
fn run_name(cell: &str, repeat: u32) -> String {
    match repeat {
        1 => cell.to_owned(),
        _ => format!("{cell}-r{repeat}"),
    }
}

/// Who does the work.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct WorkerSettings {
    /// Which program.
    pub program: WorkerProgram,
    /// Silence after which a worker counts as hung, in nanoseconds.
    pub hang_timeout_ns: u64,
    /// Time between asking, SIGTERM and SIGKILL, in nanoseconds.
    pub grace_ns: u64,
}

impl Default for WorkerSettings {
    fn default() -> Self {
        Self {
            program: WorkerProgram::Native,
            hang_timeout_ns: 120_000_000_000,
            grace_ns: 5_000_000_000,
        }
    }
}

/// Which program does the work.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum WorkerProgram {
    /// `perftune-worker`, beside `perftune`.
    Native,
    /// The built-in worker that plays a script: for tests, and to prove that a gate can fire.
    Scripted,
    /// Any program that speaks the protocol: its path and arguments, relative paths resolved against the grid file.
    Command {
        /// The program.
        program: PathBuf,
        /// Its arguments.
        args: Vec<String>,
    },
}

/// Its name, or its words with spaces between them.
impl fmt::Display for WorkerProgram {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Native => f.pad("native"),
            Self::Scripted => f.pad("scripted"),
            Self::Command { program, args } => {
                let words = [program.display().to_string()].into_iter().chain(args.iter().cloned());
                f.pad(&words.collect::<Vec<_>>().join(" "))
            }
        }
    }
}
