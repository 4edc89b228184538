//! What may be written after `perftune dataset`.
//!
//! What becomes of it is left to `app::dataset`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueHint};

const EXAMPLES: &str = "Examples:
  perftune dataset add letters.csv --label lettr
  perftune dataset add photos                 # a folder of images a class
  perftune dataset add digits.npz --name my-digits --dry-run
  perftune dataset check digits satellite ./my-data";

const ABOUT: &str = "`add` looks at the data, guesses what a dataset.toml needs (format, shape, classes, scale, \
split, checksums), reads every sample by that, and writes it. `check` reads every sample of a data set \
again and compares its files with their checksums. Exit codes: 0, all is well; 2, it is not, and nothing was written.";

/// `perftune dataset`.
#[derive(Debug, Clone, Args)]
#[command(after_help = EXAMPLES, after_long_help = format!("{ABOUT}\n\n{EXAMPLES}"))]
pub struct DatasetArgs {
    /// What to do.
    #[command(subcommand)]
    pub command: DatasetCommand,
}

/// What to do with data.
#[derive(Debug, Clone, Subcommand)]
pub enum DatasetCommand {
    /// Write a dataset.toml for data, and show what was guessed
    Add(AddArgs),
    /// Read all of a data set and compare its checksums
    Check(CheckArgs),
}

/// `perftune dataset add`.
#[derive(Debug, Clone, Args)]
#[command(after_help = EXAMPLES)]
pub struct AddArgs {
    /// A file (CSV, NPZ, safetensors, Parquet), or a folder with data: files of NPY or
    /// IDX, one for each part, or a folder of images for each class
    #[arg(value_name = "FOLDER|FILE", value_hint = ValueHint::AnyPath)]
    pub path: PathBuf,
    /// The folder that gets the dataset.toml [default: datasets/NAME]
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub out: Option<PathBuf>,
    /// What the data set is called [default: as the file or the folder]
    #[arg(long, value_name = "NAME")]
    pub name: Option<String>,
    /// The column of the label [default: the last one]
    #[arg(long, value_name = "COL")]
    pub label: Option<String>,
    /// Replace a dataset.toml that is there
    #[arg(long)]
    pub force: bool,
    /// Show the dataset.toml and write nothing
    #[arg(long)]
    pub dry_run: bool,
}

/// `perftune dataset check`.
#[derive(Debug, Clone, Args)]
#[command(after_help = EXAMPLES)]
pub struct CheckArgs {
    /// Data sets: names, or paths of folders such as ./iris
    #[arg(value_name = "DIR|NAME", required = true, value_hint = ValueHint::DirPath)]
    pub names: Vec<String>,
}
