//! The options of `perftune status` and `perftune cancel`, and which engine is asked for.

use std::path::PathBuf;

use clap::builder::PossibleValue;
use clap::{Args, ValueEnum, ValueHint};

use crate::app::tasks::EngineName;
use crate::cli::options::Format;

impl ValueEnum for EngineName {
    fn value_variants<'a>() -> &'a [Self] {
        &[Self::Local, Self::Slurm]
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        let help = match self {
            Self::Local => "This process",
            Self::Slurm => "Tasks of a Slurm cluster, submitted with sbatch",
        };
        Some(PossibleValue::new(self.word()).help(help))
    }
}

/// `perftune status`.
#[derive(Debug, Clone, Args)]
#[command(
    after_help = "Examples:\n  perftune status results/sweep\n  perftune status results/sweep --format json"
)]
pub struct StatusArgs {
    /// The results folder of a grid that was submitted with --engine slurm
    #[arg(value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub dir: PathBuf,
    /// What to print on the standard output
    #[arg(long, value_enum, default_value_t = Format::Table)]
    pub format: Format,
}

/// `perftune cancel`.
#[derive(Debug, Clone, Args)]
#[command(after_help = "Examples:\n  perftune cancel results/sweep")]
pub struct CancelArgs {
    /// The results folder of a grid that was submitted with --engine slurm
    #[arg(value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub dir: PathBuf,
}
