//! What may be written after `perftune baseline`.
//!
//! What becomes of it is left to `app::baseline`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueHint};

use crate::cli::options::DoctorFormat;

const EXAMPLES: &str = "Examples:
  perftune baseline add results/ci --commit \"$(git rev-parse HEAD)\"
  perftune baseline add results/ci/candidate      # an arm of `run --against`
  perftune baseline list
  perftune baseline promote 20261123T141542-1f0c62aa --reason \"release 1.4\"
  perftune check baseline results/ci";

const ABOUT: &str = "A session is what one `perftune run` measured on one machine at one time. The folder is \
append-only: sessions are added and promoted, never changed, and every machine (by its fingerprint) has sessions of its \
own. `perftune check baseline DIR` compares with the last eight of the machine that DIR was measured on: fewer than \
eight, or eight of less than two days, give no more than a suspicion, since one machine's good or bad day looks like a change of the code.";

/// `perftune baseline`.
#[derive(Debug, Clone, Args)]
#[command(after_help = EXAMPLES, after_long_help = format!("{ABOUT}\n\n{EXAMPLES}"))]
pub struct BaselineArgs {
    /// What to do.
    #[command(subcommand)]
    pub command: BaselineCommand,
}

/// What to do with the folder of baselines.
#[derive(Debug, Clone, Subcommand)]
pub enum BaselineCommand {
    /// Keep what a results folder measured as a session
    Add(AddArgs),
    /// Show the sessions of each machine, and whether they are enough for a verdict
    List(ListArgs),
    /// Make a session the reference: pin it and the seven before it as an epoch
    Promote(PromoteArgs),
}

/// `perftune baseline add`.
#[derive(Debug, Clone, Args)]
#[command(after_help = "Examples:\n  perftune baseline add results/ci --commit 1f0c62aa")]
pub struct AddArgs {
    /// A results folder, or an arm of `run --against`
    #[arg(value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub dir: PathBuf,
    /// The commit that was measured, kept as it is written
    #[arg(long, value_name = "ID")]
    pub commit: Option<String>,
    /// The folder of baselines
    #[arg(long, value_name = "DIR", default_value = "baseline", value_hint = ValueHint::DirPath)]
    pub store: PathBuf,
}

/// `perftune baseline list`.
#[derive(Debug, Clone, Args)]
#[command(after_help = "Examples:\n  perftune baseline list --format json")]
pub struct ListArgs {
    /// The folder of baselines
    #[arg(long, value_name = "DIR", default_value = "baseline", value_hint = ValueHint::DirPath)]
    pub store: PathBuf,
    /// What to print on the standard output
    #[arg(long, value_enum, default_value_t = DoctorFormat::Text)]
    pub format: DoctorFormat,
}

/// `perftune baseline promote`.
#[derive(Debug, Clone, Args)]
#[command(
    after_help = "Examples:\n  perftune baseline promote 20261123T141542-1f0c62aa --reason \"release 1.4\""
)]
pub struct PromoteArgs {
    /// The session, or as much of the beginning of its name as only it has
    #[arg(value_name = "SESSION")]
    pub session: String,
    /// Why: kept with the promotion
    #[arg(long, value_name = "TEXT")]
    pub reason: String,
    /// Promote it though its figures lie outside those of the others
    #[arg(long)]
    pub force_outlier: bool,
    /// The folder of baselines
    #[arg(long, value_name = "DIR", default_value = "baseline", value_hint = ValueHint::DirPath)]
    pub store: PathBuf,
}
