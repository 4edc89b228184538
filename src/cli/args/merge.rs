//! The options of `perftune merge`.

use std::path::PathBuf;

use clap::{Args, ValueEnum, ValueHint};

use super::help::{MERGE_EXAMPLES, MERGE_HELP};
use crate::cli::export::target;
use crate::cli::options::ReportFormat;
use crate::export::Target;

/// Which of several results of one run is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Prefer {
    /// The one that ended last, by the clock of its machine
    Newest,
}

/// `perftune merge`.
#[derive(Debug, Clone, Args)]
#[command(after_help = MERGE_EXAMPLES, after_long_help = MERGE_HELP.as_str())]
pub struct MergeArgs {
    /// Results folders that hold parts of one grid
    #[arg(value_name = "DIR", value_hint = ValueHint::DirPath, required = true)]
    pub dirs: Vec<PathBuf>,
    /// Where the whole goes: a folder that is not there yet, or an empty one
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub out: PathBuf,
    /// What is taken of a run that several parts have; without it that is refused
    #[arg(long, value_enum, value_name = "WHICH")]
    pub prefer: Option<Prefer>,
    /// In the table, a row for each run instead of each cell
    #[arg(long)]
    pub per_run: bool,
    /// Hand the results on to another tool as well, such as bmf=bmf.json; may be
    /// given several times; `perftune list exports` has the formats
    #[arg(long, value_name = "FORMAT=TARGET", value_parser = target)]
    pub write: Vec<Target>,
    /// What to print on the standard output
    #[arg(long, value_enum, default_value_t = ReportFormat::Table)]
    pub format: ReportFormat,
}
