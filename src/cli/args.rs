//! What the user may write after `perftune`.
//!
//! What the words mean is left to `app` and `config`; here their shape is checked.

mod against;
mod baseline;
mod dataset;
mod engine;
mod exec;
mod help;
mod merge;
mod replay;
mod run;
mod shard;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum, ValueHint};
use clap_complete::Shell;

use self::help::{CHECK_EXAMPLES, CHECK_HELP, EXAMPLES, HELP, REPORT_EXAMPLES};
use super::delivery::Target;
use super::export::target;
use super::options::{
    CheckFormat, DoctorFormat, ListFormat, Listed, OnInconclusive, ReportFormat, Verbosity,
};
use crate::app::lanes::Lanes;
use crate::export;
use crate::store::Existing;
use crate::units::Share;

pub use self::against::AgainstArgs;
pub use self::baseline::{BaselineArgs, BaselineCommand};
pub use self::dataset::{DatasetArgs, DatasetCommand};
pub use self::engine::{CancelArgs, StatusArgs};
pub use self::exec::ExecArgs;
pub use self::merge::MergeArgs;
pub use self::replay::ReplayArgs;
pub use self::run::RunArgs;
pub use self::shard::ShardChoice;

/// What does it cost to train and to serve each model x data set x setting?
///
/// Trains and serves every cell of a grid with libtorch, measures time, CPU, memory and accelerators, stops each run
/// as soon as its chosen metrics are known, and writes CSV reports.
#[derive(Debug, Parser)]
#[command(name = "perftune", version, max_term_width = 80, arg_required_else_help = true,
    after_help = EXAMPLES, after_long_help = HELP.as_str())]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Train and serve every cell of a grid; write and print the reports
    Run(Box<RunArgs>),
    /// Run any command and measure it; write and print the reports
    Exec(Box<ExecArgs>),
    /// Rebuild the reports of a results folder and print them
    Report(ReportArgs),
    /// Show a results folder on a terminal, live while its runs go on
    View(ViewArgs),
    /// Show the status of the tasks that --engine slurm submitted
    Status(StatusArgs),
    /// Cancel the tasks that --engine slurm submitted
    Cancel(CancelArgs),
    /// Merge the results folders of a grid's shards into one
    Merge(MergeArgs),
    /// Check whether a candidate is worse than a baseline: a gate for CI
    Check(CheckArgs),
    /// Replay recorded runs through stopping rules: when, and at what error
    Replay(ReplayArgs),
    /// Store measured sessions of a machine for later comparisons
    Baseline(BaselineArgs),
    /// Show what can be measured on this machine and what cannot
    Doctor(DoctorArgs),
    /// List the models, data sets or metrics that a grid may name, or its keys
    List(ListArgs),
    /// Describe data that you have as a data set of a grid, or check one
    Dataset(DatasetArgs),
    /// Print a module with which a program reports its steps to perftune
    Helper(HelperArgs),
    /// Print a completion script for a shell
    Completions(CompletionsArgs),
}

/// What `--resume` and `--fresh` make of what is in the results folder.
const fn existing(resume: bool, fresh: bool) -> Existing {
    match (resume, fresh) {
        (true, _) => Existing::Resume,
        (false, true) => Existing::Replace,
        (false, false) => Existing::Refuse,
    }
}

/// How much is said with `--quiet` and `--verbose`.
const fn verbosity(quiet: bool, verbose: bool) -> Verbosity {
    match (quiet, verbose) {
        (true, _) => Verbosity::Quiet,
        (false, true) => Verbosity::Verbose,
        (false, false) => Verbosity::Normal,
    }
}

/// `perftune report`.
#[derive(Debug, Clone, Args)]
#[command(after_help = REPORT_EXAMPLES)]
#[expect(clippy::struct_excessive_bools, reason = "independent switches of the command line")]
pub struct ReportArgs {
    /// The results folder, such as results/three-by-three; of several folders the
    /// main figures are shown side by side, with their change against the first
    #[arg(value_name = "DIR", value_hint = ValueHint::DirPath, required = true)]
    pub dirs: Vec<PathBuf>,
    /// Say where a rule would have stopped each run that was recorded with
    /// --full, and what that would have saved and cost; writes shadow.csv
    #[arg(long, hide_short_help = true)]
    pub shadow: bool,
    /// A stopping rule for --shadow; repeatable
    /// [default: the run's own]
    #[arg(long, value_name = "NAME[:K=V,...]", requires = "shadow", hide_short_help = true)]
    pub rule: Vec<String>,
    /// Compare the cells by the table `[objectives]` of this file instead of the
    /// one that the grid was run with; beside it may stand only the `[metrics]` that it
    /// needs. Prints only: the files of the folder stay as they are
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, hide_short_help = true)]
    pub objectives: Option<PathBuf>,
    /// Say what each setting buys: the effect of each axis on the objectives, on what
    /// is limited and on what was chosen, instead of the runs
    #[arg(long, conflicts_with_all = ["shadow", "per_run"])]
    pub effects: bool,
    /// In the table, a row for each run instead of each cell
    #[arg(long, hide_short_help = true)]
    pub per_run: bool,
    /// Print them again whenever a run has ended, until no run is to come
    #[arg(long)]
    pub follow: bool,
    /// Hand the results on to another tool as well, such as bmf=bmf.json; may be
    /// given several times; `perftune list exports` has the formats
    #[arg(long, value_name = "FORMAT=TARGET", value_parser = target)]
    pub write: Vec<export::Target>,
    /// What to print on the standard output
    #[arg(long, value_enum, default_value_t = ReportFormat::Table)]
    pub format: ReportFormat,
}

/// `perftune view`.
#[derive(Debug, Clone, Args)]
#[command(after_help = "Examples:\n  perftune view results/three-by-three")]
pub struct ViewArgs {
    /// The results folder
    #[arg(value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub dir: PathBuf,
}

/// `perftune check`.
#[derive(Debug, Clone, Args)]
#[command(after_help = CHECK_EXAMPLES, after_long_help = CHECK_HELP.as_str())]
pub struct CheckArgs {
    /// What is compared with: a results folder, a CSV file of one, or a folder of
    /// baselines; alone a folder that holds both sides, or a verdict.json
    #[arg(value_name = "BASELINE", value_hint = ValueHint::AnyPath, required_unless_present = "self_test")]
    pub baseline: Option<PathBuf>,
    /// What is compared
    #[arg(value_name = "CANDIDATE", value_hint = ValueHint::AnyPath)]
    pub candidate: Option<PathBuf>,
    /// The gate: level, floors, metrics, retired cells, what is under test;
    /// the table `[gate]` of this TOML file
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub gate: Option<PathBuf>,
    /// What to print on the standard output
    #[arg(long, value_enum, default_value_t = CheckFormat::Text)]
    pub format: CheckFormat,
    /// Write it in another format to a file as well; repeatable
    #[arg(long, value_name = "FORMAT=FILE")]
    pub write: Vec<Target>,
    /// How to treat comparisons that are suspect or inconclusive
    #[arg(long, value_enum, value_name = "WHAT", default_value_t = OnInconclusive::Pass)]
    pub on_inconclusive: OnInconclusive,
    /// Compare even what was measured in different or unknown environments
    #[arg(long, hide_short_help = true)]
    pub any_machine: bool,
    /// Of a folder of baselines: compare with the epoch that was promoted last
    /// instead of the latest eight sessions
    #[arg(long, hide_short_help = true)]
    pub pinned: bool,
    /// Compare nothing of yours: prove that the gate can fire. Plays two builds, one
    /// slower, and exits with 0 only if that one and no other is found
    #[arg(long, conflicts_with_all = ["baseline", "candidate", "format", "write", "on_inconclusive", "any_machine", "pinned"])]
    pub self_test: bool,
    /// How much slower it is made for --self-test [default: 20%, or more where the floors of the gate are larger]
    #[arg(long, value_name = "PERCENT", requires = "self_test", hide_short_help = true)]
    pub slowdown: Option<Share>,
}

/// `perftune doctor`.
#[derive(Debug, Clone, Args)]
#[command(after_help = "Examples:\n  perftune doctor\n  perftune doctor --quick --format json")]
pub struct DoctorArgs {
    /// What to print on the standard output
    #[arg(long, value_enum, default_value_t = DoctorFormat::Text)]
    pub format: DoctorFormat,

    /// Skip the noise check, which takes 3 seconds
    #[arg(long)]
    pub quick: bool,

    /// Measure by how much N lanes of `run --jobs N` move each other's figures;
    /// takes about two minutes, and longer on a busy machine
    #[arg(long, value_name = "N")]
    pub lanes: Option<Lanes>,
}

/// `perftune list`.
#[derive(Debug, Clone, Args)]
#[command(
    after_help = "Examples:\n  perftune list metrics\n  perftune list keys --format schema > grid.schema.json"
)]
pub struct ListArgs {
    /// What to list
    #[arg(value_enum)]
    pub what: Listed,
    /// What to print on the standard output
    #[arg(long, value_enum, default_value_t = ListFormat::Table)]
    pub format: ListFormat,
}

/// `perftune helper`.
#[derive(Debug, Clone, Args)]
#[command(
    after_help = "Examples:\n  perftune helper python > perftune.py\n  perftune exec -- python train.py"
)]
pub struct HelperArgs {
    /// The language
    #[arg(value_enum)]
    pub language: Language,
}

/// A language that there is such a file for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Language {
    /// A module of Python, with callbacks for Lightning, Hugging Face and Keras
    Python,
}

/// `perftune completions`.
#[derive(Debug, Clone, Args)]
#[command(
    after_help = "Examples:\n  perftune completions bash > ~/.local/share/bash-completion/completions/perftune\n  perftune completions fish > ~/.config/fish/completions/perftune.fish"
)]
pub struct CompletionsArgs {
    /// The shell
    #[arg(value_enum)]
    pub shell: Shell,
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    fn run(words: &[&str]) -> Result<RunArgs, String> {
        let words = ["perftune", "run", "grid.toml"].iter().chain(words);
        match Cli::try_parse_from(words).map_err(|error| error.to_string())?.command {
            Command::Run(args) => Ok(*args),
            other => Err(format!("{other:?}")),
        }
    }

    #[test]
    fn clap_finds_no_contradiction() {
        Cli::command().debug_assert();
    }

    #[test]
    fn options_may_be_given_several_times_and_keep_their_text() {
        let args = run(&[
            "--set",
            "grid.batch_size=[32,128]",
            "--set=a.b=x=y",
            "--only",
            "model=cnn",
            "-v",
        ])
        .unwrap();
        assert_eq!(args.set, ["grid.batch_size=[32,128]", "a.b=x=y"]);
        assert_eq!(args.only, ["model=cnn"]);
        assert!(args.verbose && !args.quiet && !args.full);
    }

    #[test]
    fn nonsense_is_refused_with_what_to_write() {
        for (words, says) in [
            (&["--set", "epochs"][..], "write NAME=VALUE"),
            (&["--set", "=3"], "write NAME=VALUE"),
            (&["--repeat", "0"], "write a number of runs, or auto"),
            (&["--shard", "0/4"], "such as 2/4"),
            (&["--shard", "5/4"], "such as 2/4"),
            (&["--shard", "x"], "such as 2/4"),
            (&["--resume", "--fresh"], "cannot be used with"),
            (&["-q", "-v"], "cannot be used with"),
            (&["--format", "xml"], "possible values: table, json, csv, markdown, html"),
            (&["--formt", "csv"], "--format"),
        ] {
            let message = run(words).unwrap_err();
            assert!(message.contains(says), "{words:?}: {message}");
        }
    }
}
