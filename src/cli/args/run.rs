//! The options of `perftune run`.

use std::path::PathBuf;

use clap::{Args, ValueHint};

use super::help::{RUN_EXAMPLES, RUN_HELP};
use super::{AgainstArgs, ShardChoice, existing, verbosity};
use crate::app::grid::{GridFile, MOST_CELLS};
use crate::app::lanes::Lanes;
use crate::app::tasks::EngineName;
use crate::cli::export::Written;
use crate::cli::options::{ProgressMode, ReportFormat, Verbosity, assignment};
use crate::schedule::Repeats;
use crate::store::Existing;
use crate::units::Span;

/// `perftune run`.
#[derive(Debug, Clone, Args)]
#[command(after_help = RUN_EXAMPLES, after_long_help = RUN_HELP.as_str())]
#[expect(clippy::struct_excessive_bools, reason = "independent switches of the command line")]
pub struct RunArgs {
    /// The grid file (TOML); `-` reads it from the standard input
    #[arg(value_name = "GRID", value_hint = ValueHint::FilePath)]
    pub grid: PathBuf,

    /// Set any key of the grid; VALUE is TOML, bare words are strings
    #[arg(long, value_name = "KEY=VALUE", value_parser = assignment, help_heading = "What to run")]
    pub set: Vec<String>,

    /// Put the settings of [profile.NAME] over the rest of the grid
    #[arg(
        long,
        value_name = "NAME",
        env = "PERFTUNE_PROFILE",
        hide_env_values = true,
        help_heading = "What to run",
        hide_short_help = true
    )]
    pub profile: Option<String>,

    /// Run only the cells with these values of an axis
    #[arg(long, value_name = "AXIS=VALUE", value_parser = assignment, help_heading = "What to run")]
    pub only: Vec<String>,

    /// The most cells that the grid may have
    #[arg(long, value_name = "N", default_value_t = MOST_CELLS, help_heading = "What to run", hide_short_help = true)]
    pub max_cells: u64,

    /// Run each cell N times; auto: until its figures are known between runs
    #[arg(long, value_name = "N", help_heading = "What to run")]
    pub repeat: Option<Repeats>,

    /// Time limit for the whole grid; --resume runs the rest
    #[arg(long, value_name = "TIME", help_heading = "What to run")]
    pub budget: Option<Span>,

    /// The base seed, instead of the grid's
    #[arg(long, value_name = "N", help_heading = "What to run", hide_short_help = true)]
    pub seed: Option<u64>,

    /// No early stop: all epochs, and the whole time of each stage
    #[arg(long, help_heading = "What to run")]
    pub full: bool,

    /// With --full: say where a rule would have stopped each run, what it would have
    /// saved and at what error; writes shadow.csv
    #[arg(long, help_heading = "What to run", hide_short_help = true)]
    pub shadow: bool,

    /// A stopping rule for --shadow; repeatable
    /// [default: the run's own]
    #[arg(
        long,
        value_name = "NAME[:K=V,...]",
        requires = "shadow",
        help_heading = "What to run",
        hide_short_help = true
    )]
    pub rule: Vec<String>,

    /// Exit with 1 when no cell is feasible for certain
    #[arg(long, help_heading = "What to run")]
    pub strict: bool,

    /// Run only shard I of N, such as 2/4; auto: the one that the scheduler says;
    /// `perftune merge` puts the shards together
    #[arg(long, value_name = "I/N", help_heading = "What to run", hide_short_help = true)]
    pub shard: Option<ShardChoice>,

    /// Start a search with the results of these folders
    #[arg(long, value_name = "DIR", num_args = 1.., value_hint = ValueHint::DirPath,
        conflicts_with = "against", help_heading = "What to run", hide_short_help = true)]
    pub warm_start: Vec<PathBuf>,

    /// Print the runs with their resolved settings, or of --engine slurm the job
    /// script, and run nothing
    #[arg(long, help_heading = "What to run")]
    pub dry_run: bool,

    /// Where to run the cells [default: what the grid says, else local]
    #[arg(
        long,
        value_enum,
        value_name = "ENGINE",
        conflicts_with = "against",
        help_heading = "Where to run"
    )]
    pub engine: Option<EngineName>,

    /// With --engine slurm: wait for the tasks, and print the reports
    #[arg(long, help_heading = "Where to run", hide_short_help = true)]
    pub wait: bool,

    /// Run N cells side by side, each on cores of its own; or cores:2, gpu
    /// [default: what the grid says, else 1]
    #[arg(long, value_name = "N", conflicts_with = "against", help_heading = "Where to run")]
    pub jobs: Option<Lanes>,

    /// With a baseline beside it.
    #[command(flatten)]
    pub compare: AgainstArgs,

    /// The results folder [default: results/NAME, of a part results/NAME-I-of-N]
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath, env = "PERFTUNE_OUT", hide_env_values = true, help_heading = "Results")]
    pub out: Option<PathBuf>,

    /// Run what is missing or failed in the results folder
    #[arg(long, conflicts_with = "fresh", help_heading = "Results")]
    pub resume: bool,

    /// Delete the runs of the results folder first
    #[arg(long, help_heading = "Results")]
    pub fresh: bool,

    /// What to print on the standard output
    #[arg(long, value_enum, default_value_t = ReportFormat::Table, env = "PERFTUNE_FORMAT", hide_env_values = true, help_heading = "Results")]
    pub format: ReportFormat,

    /// Hand the results on to another tool as well, such as bmf=bmf.json; with
    /// --against the verdict, such as junit=perf.xml; repeatable; see `list exports`
    #[arg(long, value_name = "FORMAT=TARGET", help_heading = "Results", hide_short_help = true)]
    pub write: Vec<Written>,

    /// In the table, a row for each run instead of each cell
    #[arg(long, help_heading = "Results", hide_short_help = true)]
    pub per_run: bool,

    /// How to show progress on the standard error
    #[arg(long, value_enum, value_name = "HOW", default_value_t = ProgressMode::Auto, help_heading = "Messages", hide_short_help = true)]
    pub progress: ProgressMode,

    /// Say nothing but errors
    #[arg(short, long, conflicts_with = "verbose", help_heading = "Messages")]
    pub quiet: bool,

    /// Say also what the workers say and what the controller decides
    #[arg(short, long, help_heading = "Messages", hide_short_help = true)]
    pub verbose: bool,
}

impl RunArgs {
    /// The grid, and what is changed of it.
    pub fn grid(&self) -> GridFile<'_> {
        GridFile {
            path: &self.grid,
            set: &self.set,
            set_by: None,
            profile: self.profile.as_deref(),
            only: &self.only,
            seed: self.seed,
            repeat: self.repeat,
            budget: self.budget,
            full: self.full,
            jobs: self.jobs,
            max_cells: self.max_cells,
            keeps_names: true,
        }
    }

    /// What becomes of what is in the results folder.
    pub const fn existing(&self) -> Existing {
        existing(self.resume, self.fresh)
    }

    /// How much is said.
    pub const fn verbosity(&self) -> Verbosity {
        verbosity(self.quiet, self.verbose)
    }
}
