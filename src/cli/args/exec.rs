//! What may be written after `perftune exec`.
//!
//! Limits and metrics are read by `config`, which says what is wrong with them.

use std::path::PathBuf;

use clap::{Args, ValueHint};

use super::help::{EXEC_EXAMPLES, EXEC_HELP};
use super::{existing, verbosity};
use crate::app::Fault;
use crate::cli::export::target;
use crate::cli::options::{Format, ProgressMode, Verbosity, assignment, new_file};
use crate::event::{Hooks, RunRecord};
use crate::export::Target;
use crate::report::hyperfine;
use crate::schedule::Repeats;
use crate::store::{Existing, atomic};
use crate::units::Span;

/// `perftune exec`.
#[derive(Debug, Clone, Args)]
#[command(after_help = EXEC_EXAMPLES, after_long_help = EXEC_HELP.as_str())]
#[expect(clippy::struct_excessive_bools, reason = "independent switches of the command line")]
pub struct ExecArgs {
    /// The command and its arguments, after `--`; several commands, with `---`
    /// between them, are run in rounds and compared
    #[arg(value_name = "CMD", required = true, last = true, value_hint = ValueHint::CommandWithArguments)]
    pub command: Vec<String>,

    /// An axis: runs the command with each of its values in the place of {NAME};
    /// `\,` is a comma; env.NAME=... sets the environment; of several axes all
    /// combinations are run, in rounds
    #[arg(short = 'L', long = "parameter-list", value_name = "NAME=VALUE,...", num_args = 1..=2, help_heading = "What to run")]
    pub axes: Vec<String>,

    /// Run this before the first run of each cell; as --prepare and --cleanup it is
    /// no part of what is measured, may hold {NAME} of an axis, and no shell reads it
    #[arg(long, value_name = "CMD", hide_short_help = true, help_heading = "What to run")]
    pub setup: Option<String>,

    /// Run this before each run, such as 'sync' or 'rm -rf out'
    #[arg(long, value_name = "CMD", help_heading = "What to run", hide_short_help = true)]
    pub prepare: Option<String>,

    /// Run this after the last run of each cell, however that ended
    #[arg(long, value_name = "CMD", hide_short_help = true, help_heading = "What to run")]
    pub cleanup: Option<String>,

    /// Run it N times; auto: until its time (or --stop-on) is known between runs,
    /// 5 times at most [default: 1; with several cells: auto]
    #[arg(long, value_name = "N", help_heading = "What to run")]
    pub repeat: Option<Repeats>,

    /// Time limit for all runs together; --resume runs the rest
    #[arg(long, value_name = "TIME", hide_short_help = true, help_heading = "When it ends")]
    pub budget: Option<Span>,

    /// A figure in what it prints, such as 'f1=f1: ([0-9.]+)': the group holds the
    /// number, the last match counts; repeatable
    #[arg(long, value_name = "NAME=REGEX", help_heading = "What is measured")]
    pub metric: Vec<String>,

    /// What it must keep, such as 'memory.peak <= 1GiB'; it is ended as soon as
    /// that is broken for certain; repeatable
    #[arg(long, value_name = "METRIC <= LIMIT", help_heading = "When it ends")]
    pub constraint: Vec<String>,

    /// End it as soon as these metrics or groups are known, such as cpu,memory
    #[arg(long, value_name = "METRIC,...", hide_short_help = true, help_heading = "When it ends")]
    pub stop_on: Option<String>,

    /// End it after this time, such as 10min
    #[arg(long, value_name = "DURATION", help_heading = "When it ends")]
    pub timeout: Option<String>,

    /// Set a key of a grid file, such as limits.memory=1GiB, stop.within=2% or
    /// objectives.minimize=command.time
    #[arg(long, value_name = "KEY=VALUE", value_parser = assignment, hide_short_help = true, help_heading = "What to run")]
    pub set: Vec<String>,

    /// Exit with 1 when it does not keep its constraints for certain
    #[arg(long, help_heading = "When it ends")]
    pub strict: bool,

    /// What it is called; of several commands once for each
    /// [default: the program and its first argument]
    #[arg(long, value_name = "NAME", help_heading = "Results")]
    pub name: Vec<String>,

    /// The results folder [default: results/NAME]
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath, help_heading = "Results")]
    pub out: Option<PathBuf>,

    /// Run what is missing or failed in the results folder
    #[arg(long, conflicts_with = "fresh", help_heading = "Results")]
    pub resume: bool,

    /// Delete what is in the results folder first
    #[arg(long, help_heading = "Results")]
    pub fresh: bool,

    /// Leave the standard output to the command; the figures go to the standard
    /// error
    #[arg(long, hide_short_help = true, help_heading = "Results")]
    pub pass_stdout: bool,

    /// How to print the figures
    #[arg(long, value_enum, default_value_t = Format::Table, help_heading = "Results")]
    pub format: Format,

    /// Write the times of the cells to a file as well, as hyperfine --export-json
    /// has them
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, value_parser = new_file, hide_short_help = true, help_heading = "Results")]
    pub export_hyperfine: Option<PathBuf>,

    /// Hand the results on to another tool as well, such as bmf=bmf.json; may be
    /// given several times; `perftune list exports` has the formats
    #[arg(long, value_name = "FORMAT=TARGET", value_parser = target)]
    pub write: Vec<Target>,

    /// How to show progress on the standard error [default: auto with several
    /// cells; none where the command writes there]
    #[arg(
        long,
        value_enum,
        value_name = "HOW",
        hide_default_value = true,
        hide_short_help = true,
        help_heading = "Messages"
    )]
    pub progress: Option<ProgressMode>,

    /// Say nothing but errors
    #[arg(
        short,
        long,
        conflicts_with = "verbose",
        hide_short_help = true,
        help_heading = "Messages"
    )]
    pub quiet: bool,

    /// Say of every figure that is missing why
    #[arg(short, long, hide_short_help = true, help_heading = "Messages")]
    pub verbose: bool,
}

impl ExecArgs {
    /// What becomes of what is in the results folder.
    pub const fn existing(&self) -> Existing {
        existing(self.resume, self.fresh)
    }

    /// Writes the files that are asked for beside the results.
    pub fn export(&self, records: &[RunRecord]) -> Result<(), Fault> {
        let Some(file) = &self.export_hyperfine else { return Ok(()) };
        Ok(atomic::write(file, &hyperfine::document(records)?)?)
    }

    /// What is run around the runs of a cell.
    pub fn hooks(&self) -> Hooks<&str> {
        let [setup, prepare, cleanup] = [&self.setup, &self.prepare, &self.cleanup]
            .map(|text| text.iter().map(String::as_str).collect());
        Hooks { setup, prepare, cleanup }
    }

    /// How progress is shown; `free`: the standard error is not the command's while it runs.
    pub fn progress(&self, free: bool) -> ProgressMode {
        self.progress.unwrap_or(if free { ProgressMode::Auto } else { ProgressMode::None })
    }

    /// How much is said.
    pub const fn verbosity(&self) -> Verbosity {
        verbosity(self.quiet, self.verbose)
    }
}
