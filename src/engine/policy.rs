//! Where the cells of a grid are run, and how often a task that did not get through is started again.

use serde::Serialize;

/// Time that a warning may come earlier than asked for, in seconds; sbatch(1) says so of `--signal`.
pub const EARLIER_S: f64 = 60.0;

/// Who runs the cells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum EngineName {
    /// This process.
    #[default]
    Local,
    /// Tasks of a Slurm cluster.
    Slurm,
}

impl EngineName {
    /// Their words.
    pub const WORDS: &[&str] = &["local", "slurm"];

    /// The one of this word.
    pub fn named(word: &str) -> Option<Self> {
        [Self::Local, Self::Slurm].into_iter().find(|name| name.word() == word)
    }

    /// Its word.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Local => "local",
            Self::Slurm => "slurm",
        }
    }
}

/// What `[engine]` says.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct EnginePolicy {
    /// Who runs the cells.
    pub name: EngineName,
    /// Cells of a task.
    pub cells_per_task: u32,
    /// The most tasks of a job array; the cluster may allow less.
    pub array_size: Option<u32>,
    /// The most tasks of an array that run at once.
    pub array_parallelism: Option<u32>,
    /// The time limit of a task, in seconds.
    pub time_s: Option<f64>,
    /// How long before its time limit a task is told, in seconds.
    pub warning_s: f64,
    /// How often a task is started again after the loss of its node or a preemption.
    pub max_restarts: u32,
    /// How often a task that was out of time is started again.
    pub max_timeouts: u32,
    /// How often, with `--wait`, the runs that failed are made again.
    pub retries: u32,
    /// Time between two looks at the cluster, in seconds.
    pub poll_s: f64,
    /// The longest wait for an answer of a client of Slurm, in seconds.
    pub patience_s: f64,
    /// Whether a task has its node to itself.
    pub exclusive: bool,
    /// What each of [`super::options::OPTIONS`] is given, in the order of that table.
    pub options: Vec<(&'static str, String)>,
    /// Free arguments of sbatch.
    pub sbatch_args: Vec<String>,
    /// Lines of the job script before the task.
    pub setup: Vec<String>,
}

impl Default for EnginePolicy {
    fn default() -> Self {
        Self {
            name: EngineName::default(),
            cells_per_task: 1,
            array_size: None,
            array_parallelism: None,
            time_s: None,
            warning_s: 120.0,
            max_restarts: 10,
            max_timeouts: 0,
            retries: 0,
            poll_s: 15.0,
            // A busy controller takes tens of them.
            patience_s: 60.0,
            exclusive: false,
            options: Vec::new(),
            sbatch_args: Vec::new(),
            setup: Vec::new(),
        }
    }
}
