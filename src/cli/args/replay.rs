//! The options of `perftune replay`.

use std::path::PathBuf;

use clap::{Args, ValueHint};

use super::help::{REPLAY_EXAMPLES, REPLAY_HELP};
use crate::cli::options::Format;

/// `perftune replay`.
#[derive(Debug, Clone, Args)]
#[command(after_help = REPLAY_EXAMPLES, after_long_help = REPLAY_HELP.as_str())]
pub struct ReplayArgs {
    /// A results folder, or a CSV file of series (gzip allowed)
    #[arg(value_name = "SOURCE", required = true, value_hint = ValueHint::AnyPath)]
    pub sources: Vec<PathBuf>,
    /// A stopping rule with its parameters; may be given several times
    /// [default: perftune; of a results folder the rule that it ran under]
    #[arg(long, value_name = "NAME[:K=V,...]")]
    pub rule: Vec<String>,
    /// Only these metrics; commas separate several
    #[arg(long, value_name = "METRIC,...", value_delimiter = ',')]
    pub metrics: Vec<String>,
    /// The precision, for rules that have it and were not given it, such as 2%
    #[arg(long, value_name = "PERCENT")]
    pub within: Option<String>,
    /// The confidence, likewise, such as 95%
    #[arg(long, value_name = "PERCENT")]
    pub confidence: Option<String>,
    /// The length of what figures are to speak of, likewise, such as 1h
    #[arg(long, value_name = "DURATION")]
    pub horizon: Option<String>,
    /// What to print on the standard output
    #[arg(long, value_enum, default_value_t = Format::Table)]
    pub format: Format,
}
