//! What the user may write after `perftune`.

use std::path::PathBuf;
use std::str::FromStr;
use std::sync::LazyLock;

use clap::{Args, Parser, Subcommand, ValueEnum, ValueHint};
use clap_complete::Shell;

use super::against::args::AgainstArgs;
use super::baseline::args::BaselineArgs;
use super::check::output::{CheckFormat, Target};
use super::exit::{CHECK_EXIT_CODES, EXIT_CODES};
use super::report_format::ReportFormat;
use crate::control::rule::RULES;
use crate::report::layout::wrap;
use crate::units::Share;

const EXAMPLES: &str = "Examples:
  perftune run configs/grid.toml
  perftune run configs/grid.toml --only model=cnn --set train.epochs=3
  perftune run - --format json < grid.toml > results.json
  perftune doctor";

const RUN_EXAMPLES: &str = "Examples:
  perftune run configs/grid.toml
  perftune run configs/grid.toml --dry-run
  perftune run configs/grid.toml --only model=cnn,resnet --only dataset=digits
  perftune run configs/grid.toml --set 'grid.batch_size=[32,128]' --repeat 3
  perftune run configs/grid.toml --out results/today --resume
  perftune run configs/grid.toml --full --shadow --rule perftune --rule oracle
  perftune run - --format csv < grid.toml > report.csv
  perftune run configs/latency-bound.toml --format markdown > report.md
  perftune run configs/grid.toml --format html > report.html";

const REPLAY_EXAMPLES: &str = "Examples:
  perftune replay results/three-by-three
  perftune replay results/three-by-three --rule perftune --rule oracle
  perftune replay series.csv --rule perftune --rule perf-analyzer --rule oracle
  perftune replay series.csv --rule perftune:within=1% --rule fixed:n=20,skip=5
  perftune replay series.csv --format csv > stops.csv";

const REPLAY_TEXT: &str = "Of a results folder every run is fed to the controller as it was live: a row for each \
stage and each metric that the run waited for (or --metrics), with times from the beginning of the stage. Runs recorded with \
`run --full` go on past the stop, so their whole figure is known; of others it is what they had when they were stopped, \
and the reason says so.

A CSV file has the columns series, t_s and value, and may have metric and benchmark: \
value is the mean over the interval that ends at t_s, in seconds since the run began. The figure of a whole series is the \
plain mean of all its intervals but the first. The rows of a series must be sorted by time; they should stand together, and \
up to 1,024 series may be mixed. Memory does not grow with the length of a series.

A series that cannot be judged is left out, named with file and line, and makes the exit code 2: a row that is no number, \
not finite or below 0, times that do not rise, or one row only, which can be compared with nothing. The other series are \
judged and printed. A constant series is known with zero width as soon as a rule allows.

A rule that gives up has not stopped: it has used the whole series, as one that never stops, and counts in the summary with all of the cost, no error and no claim. What a rule with an interval \
claims at its stop is `covered` where it holds the figure of the whole series.";

const CHECK_EXAMPLES: &str = "Examples:
  perftune check results/main results/pr
  perftune check results/pr-against-main
  perftune check results/main results/pr --write json=verdict.json --write junit=perf.xml
  perftune check baseline results/pr
  perftune check verdict.json
  perftune check --self-test
  perftune check main.csv pr.csv --gate gate.toml --format markdown > comment.md";

const CHECK_TEXT: &str = "Each side is a results folder, a metrics.csv or a report.csv, with one or more repeats of the same \
cells; manifest.json beside a CSV file says where it was measured. A folder that holds both sides as baseline/ and candidate/, \
as `perftune run --against` makes it, is given alone. So is a verdict.json that an earlier check has written: its text is \
printed and its exit code given again, for pipes that lose it.

What is compared is runs and not samples: of each cell and figure the runs of both sides, all figures in one family, so that \
alpha is the chance that identical builds raise any alarm at all. A figure has regressed when it is worse for certain and by \
its floor or more; it passes when it is certain not to be. Everything between is inconclusive, and the text says how many more \
runs would settle it. One stored session can make a figure suspect and never regressed: two sessions of identical builds differ \
by more than most regressions. Sides that were measured in turn, by `perftune run --against`, have no such ceiling.";

static CHECK_HELP: LazyLock<String> = LazyLock::new(|| {
    let text = folded(CHECK_TEXT, "");
    format!("{CHECK_EXAMPLES}\n\n{text}\n\n{CHECK_EXIT_CODES}")
});

const SHADOW_TEXT: &str = "Shadow mode: nothing has to be decided while a run goes on, since a recording holds all that the controller saw. It is fed the run's own events afterwards, and stops where it would have stopped: each serve phase when all its chosen metrics are known together, then the training; where one is never known, after max_time. The time that the run would have taken is the whole time without what was left of the serve phases and of the training; loading, warm-up and the look at the test data stay as they were. The figures are those that it would have reported then, whatever the rule: a rule says when to stop. Intervals are of the regime seen so far. Rules are those of `perftune replay --help`; oracle is one of them. shadow.csv has one row a run, rule, phase and chosen metric; its stop_t_s counts from the beginning of the phase in which the metric is judged, and is empty where the phase was used to its end.";

static SHADOW_HELP: LazyLock<String> = LazyLock::new(|| folded(SHADOW_TEXT, ""));

/// The long help: what cannot be said in one line an option, and the catalogue of rules.
static REPLAY_HELP: LazyLock<String> = LazyLock::new(|| {
    let mut text = format!(
        "{REPLAY_EXAMPLES}\n\n{}\n\nRules:\n",
        folded(REPLAY_TEXT, "")
    );
    for rule in RULES {
        text += &folded(&format!("  {}: {}", rule.name, rule.about), "      ");
        text.push('\n');
        for param in rule.params {
            let default = param.written(param.default);
            let line = format!("      {}={default}  {}", param.name, param.about);
            text += &folded(&line, "          ");
            text.push('\n');
        }
    }
    text + "\n" + EXIT_CODES
});

/// Paragraphs in lines of at most 80 characters; the first word keeps its indent.
fn folded(text: &str, indent: &str) -> String {
    let paragraphs = text.split("\n\n").map(|paragraph| {
        let start = paragraph.len() - paragraph.trim_start().len();
        let width = 80 - start;
        let wrapped = wrap(paragraph, width, indent.get(start..).unwrap_or(""));
        let lines = wrapped.lines().map(|line| " ".repeat(start) + line);
        lines.collect::<Vec<_>>().join("\n")
    });
    paragraphs.collect::<Vec<_>>().join("\n\n")
}

/// What does it cost to train and to serve each model x data set x setting?
///
/// Trains and serves every cell of a grid with libtorch, measures time, CPU, memory and accelerators, stops each run
/// as soon as its chosen metrics are known, and writes CSV reports.
#[derive(Debug, Parser)]
#[command(name = "perftune", version, max_term_width = 80, arg_required_else_help = true,
    after_help = EXAMPLES, after_long_help = format!("{EXAMPLES}\n\n{EXIT_CODES}\n\nData goes to the standard output, talk to the standard error. NO_COLOR is respected."))]
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
    /// Rebuild the reports of a results folder and print them
    Report(ReportArgs),
    /// Say whether a candidate is worse than a baseline: a gate for CI
    Check(CheckArgs),
    /// Say when stopping rules would have stopped recordings, and how wrong
    Replay(ReplayArgs),
    /// Keep sessions of a machine that later ones are compared with
    Baseline(BaselineArgs),
    /// Say what can be measured on this machine and what cannot
    Doctor(DoctorArgs),
    /// List the models, data sets or metrics that a grid may name
    List(ListArgs),
    /// Print a completion script for a shell
    Completions(CompletionsArgs),
}

/// `perftune run`.
#[derive(Debug, Clone, Args)]
#[command(after_help = RUN_EXAMPLES, after_long_help = format!("{RUN_EXAMPLES}\n\n{}\n\n{EXIT_CODES}", *SHADOW_HELP))]
#[expect(
    clippy::struct_excessive_bools,
    reason = "independent switches of the command line"
)]
pub struct RunArgs {
    /// The grid file (TOML); `-` reads it from the standard input
    #[arg(value_name = "GRID", value_hint = ValueHint::FilePath)]
    pub grid: PathBuf,

    /// Set any key of the grid; VALUE is TOML, bare words are strings
    #[arg(long, value_name = "KEY=VALUE", value_parser = assignment, help_heading = "What to run")]
    pub set: Vec<String>,

    /// Run only the cells with this value of an axis; commas separate several
    #[arg(long, value_name = "AXIS=VALUE", value_parser = assignment, help_heading = "What to run")]
    pub only: Vec<String>,

    /// Run each cell N times, with seeds that count up
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..), help_heading = "What to run")]
    pub repeat: Option<u32>,

    /// The base seed, instead of the grid's
    #[arg(long, value_name = "N", help_heading = "What to run")]
    pub seed: Option<u64>,

    /// Let every run use its whole budget: no early stop
    #[arg(long, help_heading = "What to run")]
    pub full: bool,

    /// With --full: say also where a rule would have stopped each run, and what
    /// that would have saved and cost; writes shadow.csv
    #[arg(long, help_heading = "What to run")]
    pub shadow: bool,

    /// A stopping rule for --shadow; may be given several times
    /// [default: the run's own]
    #[arg(
        long,
        value_name = "NAME[:K=V,...]",
        requires = "shadow",
        help_heading = "What to run"
    )]
    pub rule: Vec<String>,

    /// Exit with 1 when no cell keeps its constraints for certain
    #[arg(long, help_heading = "What to run")]
    pub strict: bool,

    /// Run only the I-th of N parts of the grid, such as 2/4
    #[arg(long, value_name = "I/N", help_heading = "What to run")]
    pub shard: Option<Shard>,

    /// Print the runs with their resolved settings, and run nothing
    #[arg(long, help_heading = "What to run")]
    pub dry_run: bool,

    /// With a baseline beside it.
    #[command(flatten)]
    pub compare: AgainstArgs,

    /// The results folder [default: results/NAME]
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath, help_heading = "Results")]
    pub out: Option<PathBuf>,

    /// Keep the finished runs of the results folder; run what is missing or failed
    #[arg(long, conflicts_with = "fresh", help_heading = "Results")]
    pub resume: bool,

    /// Delete the runs of the results folder first
    #[arg(long, help_heading = "Results")]
    pub fresh: bool,

    /// What to print on the standard output
    #[arg(long, value_enum, default_value_t = ReportFormat::Table, help_heading = "Results")]
    pub format: ReportFormat,

    /// How to show progress on the standard error
    #[arg(long, value_enum, value_name = "HOW", default_value_t = ProgressMode::Auto, help_heading = "Talk")]
    pub progress: ProgressMode,

    /// Say nothing but errors
    #[arg(short, long, conflicts_with = "verbose", help_heading = "Talk")]
    pub quiet: bool,

    /// Say also what the workers say and what the controller decides
    #[arg(short, long, help_heading = "Talk")]
    pub verbose: bool,
}

/// `perftune report`.
#[derive(Debug, Clone, Args)]
#[command(after_long_help = SHADOW_HELP.as_str())]
pub struct ReportArgs {
    /// The results folder, such as results/three-by-three
    #[arg(value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub dir: PathBuf,
    /// Say where a rule would have stopped each run that was recorded with
    /// --full, and what that would have saved and cost; writes shadow.csv
    #[arg(long)]
    pub shadow: bool,
    /// A stopping rule for --shadow; may be given several times
    /// [default: the run's own]
    #[arg(long, value_name = "NAME[:K=V,...]", requires = "shadow")]
    pub rule: Vec<String>,
    /// Compare the cells by the table `[objectives]` of this file instead of the
    /// one that the grid was run with; it may hold nothing else. Prints only: the
    /// files of the folder stay as they are
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub objectives: Option<PathBuf>,
    /// What to print on the standard output
    #[arg(long, value_enum, default_value_t = ReportFormat::Table)]
    pub format: ReportFormat,
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
    /// Write it in another format to a file as well; may be given several times
    #[arg(long, value_name = "FORMAT=FILE")]
    pub write: Vec<Target>,
    /// What becomes of rows that are suspect or inconclusive
    #[arg(long, value_enum, value_name = "WHAT", default_value_t = OnInconclusive::Pass)]
    pub on_inconclusive: OnInconclusive,
    /// Compare even what was measured in different or unknown environments
    #[arg(long)]
    pub any_machine: bool,
    /// Of a folder of baselines: compare with the epoch that was promoted last
    /// instead of the latest eight sessions
    #[arg(long)]
    pub pinned: bool,
    /// Compare nothing of yours: prove that the gate can fire. Plays two builds, one
    /// slower, and exits with 0 only if that one and no other is found
    #[arg(long, conflicts_with_all = ["baseline", "candidate", "format", "write", "on_inconclusive", "any_machine", "pinned"])]
    pub self_test: bool,
    /// How much slower it is made for --self-test
    #[arg(
        long,
        value_name = "PERCENT",
        requires = "self_test",
        default_value = "20%"
    )]
    pub slowdown: Share,
}

/// What becomes of rows about which nothing certain can be said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum OnInconclusive {
    /// Exit code 0: for pull requests
    Pass,
    /// Exit code 6: for releases
    Fail,
}

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
    /// What to print on the standard output
    #[arg(long, value_enum, default_value_t = Format::Table)]
    pub format: Format,
}

/// `perftune doctor`.
#[derive(Debug, Clone, Args)]
pub struct DoctorArgs {
    /// What to print on the standard output
    #[arg(long, value_enum, default_value_t = DoctorFormat::Text)]
    pub format: DoctorFormat,
}

/// `perftune list`.
#[derive(Debug, Clone, Args)]
pub struct ListArgs {
    /// What to list
    #[arg(value_enum)]
    pub what: Listed,
    /// What to print on the standard output
    #[arg(long, value_enum, default_value_t = Format::Table)]
    pub format: Format,
}

/// `perftune completions`.
#[derive(Debug, Clone, Args)]
#[command(
    after_help = "Example:\n  perftune completions bash > ~/.local/share/bash-completion/completions/perftune"
)]
pub struct CompletionsArgs {
    /// The shell
    #[arg(value_enum)]
    pub shell: Shell,
}

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

/// One of several parts of a grid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shard {
    /// Which, from 1.
    pub index: usize,
    /// Of how many.
    pub count: usize,
}

impl Shard {
    /// Whether the run at this place of the grid, from 0, belongs to the part.
    pub const fn has(self, place: usize) -> bool {
        place % self.count == self.index - 1
    }
}

impl FromStr for Shard {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parts = text.split_once('/').and_then(|(index, count)| {
            Some(Self {
                index: index.parse().ok()?,
                count: count.parse().ok()?,
            })
        });
        parts
            .filter(|shard| (1..=shard.count).contains(&shard.index))
            .ok_or_else(|| "write I/N with I from 1 to N, such as 2/4".to_owned())
    }
}

/// Only the shape is checked here: which keys and axes there are, the grid knows.
pub(super) fn assignment(text: &str) -> Result<String, String> {
    match text.split_once('=') {
        Some((key, _)) if !key.trim().is_empty() => Ok(text.to_owned()),
        _ => Err("write NAME=VALUE".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    fn run(words: &[&str]) -> Result<RunArgs, String> {
        let words = ["perftune", "run", "grid.toml"].iter().chain(words);
        match Cli::try_parse_from(words)
            .map_err(|error| error.to_string())?
            .command
        {
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
            (&["--repeat", "0"], "0 is not in 1.."),
            (&["--shard", "0/4"], "such as 2/4"),
            (&["--shard", "5/4"], "such as 2/4"),
            (&["--shard", "x"], "such as 2/4"),
            (&["--resume", "--fresh"], "cannot be used with"),
            (&["-q", "-v"], "cannot be used with"),
            (
                &["--format", "xml"],
                "possible values: table, json, csv, markdown, html",
            ),
            (&["--formt", "csv"], "--format"),
        ] {
            let message = run(words).unwrap_err();
            assert!(message.contains(says), "{words:?}: {message}");
        }
    }

    #[test]
    fn the_parts_of_a_grid_are_disjoint_and_complete() {
        let owners = |place: usize| {
            (1..=4)
                .filter(|&index| Shard { index, count: 4 }.has(place))
                .count()
        };
        assert!((0..50).all(|place| owners(place) == 1));
        assert_eq!("2/4".parse(), Ok(Shard { index: 2, count: 4 }));
    }
}
