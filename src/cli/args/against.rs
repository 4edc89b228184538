//! The options of `perftune run --against`.
//!
//! Invariant: none of them does anything without `--against`, and the parser says so.

use std::path::PathBuf;

use clap::{Args, ValueHint};

use crate::cli::options::{OnInconclusive, assignment};

/// Blocks of each cell, where nothing is said.
const BLOCKS: u32 = 10;

/// Options of a comparison; without `--against` there are none.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Compare")]
pub struct AgainstArgs {
    /// Run a baseline too, in turns, and judge the grid against it: another grid,
    /// another worker program, or the folder of another build
    #[arg(
        long,
        value_name = "GRID|WORKER|BUILD",
        value_hint = ValueHint::AnyPath,
        conflicts_with_all = ["repeat", "shadow", "strict", "shard", "budget"]
    )]
    pub against: Option<PathBuf>,

    /// Blocks of each cell: in each, every side runs twice (ABBA or BAAB)
    #[arg(long, value_name = "N", requires = "against", default_value_t = BLOCKS,
        value_parser = clap::value_parser!(u32).range(1..=1000), hide_short_help = true)]
    pub blocks: u32,

    /// Run all blocks; else it ends after seven where every comparison passes
    #[arg(long, requires = "against", hide_short_help = true)]
    pub all_blocks: bool,

    /// The worker of the baseline, instead of its grid's
    #[arg(long, value_name = "PROGRAM", value_hint = ValueHint::FilePath, requires = "against", hide_short_help = true)]
    pub worker_a: Option<PathBuf>,

    /// The worker of the candidate, instead of its grid's
    #[arg(long, value_name = "PROGRAM", value_hint = ValueHint::FilePath, requires = "against", hide_short_help = true)]
    pub worker_b: Option<PathBuf>,

    /// Like --set, for the baseline only
    #[arg(long, value_name = "KEY=VALUE", value_parser = assignment, requires = "against", hide_short_help = true)]
    pub set_a: Vec<String>,

    /// Like --set, for the candidate only
    #[arg(long, value_name = "KEY=VALUE", value_parser = assignment, requires = "against", hide_short_help = true)]
    pub set_b: Vec<String>,

    /// A file of rules for the gate, instead of those of the grid
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, requires = "against", hide_short_help = true)]
    pub gate: Option<PathBuf>,

    /// How to treat comparisons that are suspect or inconclusive
    #[arg(long, value_enum, value_name = "WHAT", requires = "against",
        default_value_t = OnInconclusive::Pass, hide_short_help = true)]
    pub on_inconclusive: OnInconclusive,
}
