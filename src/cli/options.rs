//! The words that options of several subcommands have in common.
//!
//! What is printed in a format is left to those who print. Invariant: a word means the same for each subcommand that has
//! it.

use std::path::{Path, PathBuf};

use clap::ValueEnum;

/// What to print on the standard output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people
    Table,
    /// One document, base units
    Json,
    /// Rows with a header, base units
    Csv,
}

/// What to print of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ListFormat {
    /// For people
    Table,
    /// One document, base units
    Json,
    /// Rows with a header, base units
    Csv,
    /// Of keys: a JSON Schema of grid files, for editors
    Schema,
}

/// What the doctor prints.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum DoctorFormat {
    /// For people
    Text,
    /// One document, base units
    Json,
}

/// What to list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Listed {
    /// What the native worker can train
    Models,
    /// What is found in the data folders
    Datasets,
    /// What can be measured, with units and definitions
    Metrics,
    /// What a grid file may say, with values and defaults
    Keys,
    /// The stopping rules of replay and --shadow, with their parameters
    Rules,
    /// The formats that results can be handed on in, by --write
    Exports,
}

/// How to show progress.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ProgressMode {
    /// A live display on a terminal, plain lines elsewhere
    Auto,
    /// A line when a run starts and one when it ends
    Plain,
    /// Warnings and failures only
    None,
}

/// How much is said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verbosity {
    /// Failures only.
    Quiet,
    /// What matters.
    Normal,
    /// Also what the workers say and what the controller decides.
    Verbose,
}

/// What to print of runs on the standard output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ReportFormat {
    /// For people
    Table,
    /// One document, base units
    Json,
    /// Rows with a header, base units
    Csv,
    /// For pages such as GitHub's
    Markdown,
    /// A page for a browser, with plots; also written as report.html
    Html,
}

impl ReportFormat {
    /// The same among those of verdicts.
    pub const fn of_verdicts(self) -> Option<CheckFormat> {
        match self {
            Self::Table => Some(CheckFormat::Text),
            Self::Json => Some(CheckFormat::Json),
            Self::Markdown => Some(CheckFormat::Markdown),
            Self::Csv | Self::Html => None,
        }
    }

    /// The same among those that every list has.
    pub const fn of_lists(self) -> Option<Format> {
        match self {
            Self::Table => Some(Format::Table),
            Self::Json => Some(Format::Json),
            Self::Csv => Some(Format::Csv),
            Self::Markdown | Self::Html => None,
        }
    }
}

/// In which formats a judgement is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum CheckFormat {
    /// For people
    Text,
    /// The whole verdict; `perftune check FILE` gives its exit code again
    Json,
    /// XML for CI servers: a test case a row
    Junit,
    /// For a comment on a pull request; its first line finds it again
    Markdown,
    /// Annotations of GitHub Actions, and the Markdown as summary of the job
    Github,
}

/// What becomes of rows about which nothing certain can be said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum OnInconclusive {
    /// Exit code 0: for pull requests
    Pass,
    /// Exit code 6: for releases
    Fail,
}

/// Only the shape is checked here: which keys and axes there are, the grid knows.
pub fn assignment(text: &str) -> Result<String, String> {
    match text.split_once('=') {
        Some((key, _)) if !key.trim().is_empty() => Ok(text.to_owned()),
        _ => Err("write NAME=VALUE".to_owned()),
    }
}

/// A file that can be made or replaced: what cannot is said before anything is run.
pub fn new_file(text: &str) -> Result<PathBuf, String> {
    let path = PathBuf::from(text);
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    if path.file_name().is_none() || path.is_dir() {
        return Err("it is a folder, not a file".to_owned());
    }
    if folder.is_some_and(|folder| !Path::is_dir(folder)) {
        return Err("there is no such folder".to_owned());
    }
    Ok(path)
}
