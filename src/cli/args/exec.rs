//! What may be written after `perftune exec`.
//!
//! Limits and metrics are read by `config`, which says what is wrong with them.

use std::path::PathBuf;

use clap::{Args, ValueHint};

use super::{existing, verbosity};
use crate::app::Fault;
use crate::cli::options::{Format, ProgressMode, Verbosity, assignment, new_file};
use crate::event::{Hooks, RunRecord};
use crate::report::hyperfine;
use crate::schedule::Repeats;
use crate::store::{Existing, atomic};
use crate::units::Span;

const EXAMPLES: &str = "Examples:
  perftune exec -- make -j8
  perftune exec --repeat auto -- make -j8
  perftune exec --repeat 5 --format json -- ./server --check > figures.json
  perftune exec -L batch=16,32,64 -L lr=0.1,0.01 -- python train.py --bs {batch} --lr {lr}
  perftune exec -L env.OMP_NUM_THREADS=1,2 -- ./job
  perftune exec -- ./old --- ./new
  perftune exec --constraint 'memory.peak <= 1GiB' --strict -- python train.py
  perftune exec --stop-on cpu,memory --timeout 10min -- python train.py
  perftune exec --pass-stdout -- zcat data.gz > data";

const EXIT_CODES: &str = "The command reads the standard input of perftune (nothing, where that is a terminal). What it \
writes goes to the standard error, so that the standard output holds the figures alone; with --pass-stdout it is the other way \
round. Several cells, as -L makes them, read nothing, and what they write goes to runs/RUN/stderr.log. It may report steps, epochs and figures of its own by writing lines to the path in $PERFTUNE_EVENTS, such as
  {\"step\": {\"items\": 32, \"dur_s\": 0.012}}

Exit codes:
  0    the command came to its own end with 0, or was ended as asked
  1    --strict: it does not keep its constraints for certain
  2    wrong arguments, no such command, or results that cannot be written
  3    the command failed; its exit code is in the report
  130  interrupted";

/// `perftune exec`.
#[derive(Debug, Clone, Args)]
#[command(after_help = EXAMPLES, after_long_help = format!("{EXAMPLES}\n\n{EXIT_CODES}"))]
#[expect(clippy::struct_excessive_bools, reason = "independent switches of the command line")]
pub struct ExecArgs {
    /// The command and its arguments, after `--`; several commands, with `---`
    /// between them, are run in rounds and compared
    #[arg(value_name = "CMD", required = true, last = true, value_hint = ValueHint::CommandWithArguments)]
    pub command: Vec<String>,

    /// An axis: runs the command with each of its values in the place of {NAME};
    /// `\,` is a comma; env.NAME=... sets the environment; of several axes all
    /// combinations are run, in rounds
    #[arg(short = 'L', long = "parameter-list", value_name = "NAME=VALUE,...", num_args = 1..=2)]
    pub axes: Vec<String>,

    /// Run this before the first run of each cell; as --prepare and --cleanup it is
    /// no part of what is measured, may hold {NAME} of an axis, and no shell reads it
    #[arg(long, value_name = "CMD")]
    pub setup: Option<String>,

    /// Run this before each run, such as 'sync' or 'rm -rf out'
    #[arg(long, value_name = "CMD")]
    pub prepare: Option<String>,

    /// Run this after the last run of each cell, however that ended
    #[arg(long, value_name = "CMD")]
    pub cleanup: Option<String>,

    /// What it is called; of several commands once for each
    /// [default: the program and its first argument]
    #[arg(long, value_name = "NAME")]
    pub name: Vec<String>,

    /// The results folder [default: results/NAME]
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub out: Option<PathBuf>,

    /// Keep the finished runs of the results folder; run what is missing or failed
    #[arg(long, conflicts_with = "fresh")]
    pub resume: bool,

    /// Delete what is in the results folder first
    #[arg(long)]
    pub fresh: bool,

    /// Run it N times; auto: until its time, or what --stop-on names, is known
    /// between runs, 5 times at most [default: 1; with several cells: auto]
    #[arg(long, value_name = "N")]
    pub repeat: Option<Repeats>,

    /// End all runs together in time, such as 10min; --resume runs the rest
    #[arg(long, value_name = "TIME")]
    pub budget: Option<Span>,

    /// A figure in what it prints, such as 'f1=f1: ([0-9.]+)': the group holds the
    /// number, the last match counts; may be given several times
    #[arg(long, value_name = "NAME=REGEX")]
    pub metric: Vec<String>,

    /// What it must keep, such as 'memory.peak <= 1GiB'; it is ended as soon as
    /// that is broken for certain; may be given several times
    #[arg(long, value_name = "METRIC <= LIMIT")]
    pub constraint: Vec<String>,

    /// End it as soon as these metrics or groups are known, such as cpu,memory
    #[arg(long, value_name = "METRIC,...")]
    pub stop_on: Option<String>,

    /// End it after this time, such as 10min
    #[arg(long, value_name = "DURATION")]
    pub timeout: Option<String>,

    /// Set a key of a grid file, such as limits.memory=1GiB, stop.within=2% or
    /// objectives.minimize=command.time
    #[arg(long, value_name = "KEY=VALUE", value_parser = assignment)]
    pub set: Vec<String>,

    /// Exit with 1 when it does not keep its constraints for certain
    #[arg(long)]
    pub strict: bool,

    /// Leave the standard output to the command; the figures go to the standard
    /// error
    #[arg(long)]
    pub pass_stdout: bool,

    /// How to print the figures
    #[arg(long, value_enum, default_value_t = Format::Table)]
    pub format: Format,

    /// Write the times of the cells to a file as well, as hyperfine --export-json
    /// has them
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, value_parser = new_file)]
    pub export_hyperfine: Option<PathBuf>,

    /// How to show progress on the standard error [default: auto with several
    /// cells; none where the command writes there]
    #[arg(long, value_enum, value_name = "HOW", hide_default_value = true)]
    pub progress: Option<ProgressMode>,

    /// Say nothing but errors
    #[arg(short, long, conflicts_with = "verbose")]
    pub quiet: bool,

    /// Say of every figure that is missing why
    #[arg(short, long)]
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
