//! What the help says beside the options: examples, long texts, the catalogue of rules.
//!
//! One line an option stands beside the option. Invariant: the rules are those of the catalogue.

use std::sync::LazyLock;

use crate::cli::exit::{CHECK_CODES, EXEC_CODES, GRID_CODES, MERGE_CODES, Meaning, READING_CODES};
use crate::report::layout::wrap;

/// Characters in a line of help.
const WIDTH: usize = 80;

pub(super) const EXAMPLES: &str = "Examples:
  perftune run configs/grid.toml
  perftune run configs/grid.toml --only model=cnn --set train.epochs=3
  perftune run - --format json < grid.toml > results.json
  perftune doctor";

pub(super) const RUN_EXAMPLES: &str = "Examples:
  perftune run configs/grid.toml
  perftune run configs/grid.toml --only model=cnn --set train.epochs=3
  perftune run configs/grid.toml --set 'grid.batch_size=[32,128]' --dry-run
  perftune run configs/ci.toml --against ../main/target/release
  perftune run - --format csv < grid.toml > report.csv";

pub(super) const REPORT_EXAMPLES: &str = "Examples:
  perftune report results/three-by-three
  perftune report results/three-by-three --format html > page.html
  perftune report results/monday results/friday
  perftune report results/knobs --effects";

pub(super) const REPLAY_EXAMPLES: &str = "Examples:
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

What each rule does and its parameters: `perftune list rules`. One that gives up has not stopped: it has used the whole series, as one that never stops, and counts in the summary with all of the cost, no error and no claim. What a rule with an interval \
claims at its stop is `covered` where it holds the figure of the whole series.";

pub(super) const MERGE_EXAMPLES: &str = "Examples:
  perftune merge results/sweep-*-of-4 --out results/sweep
  perftune merge results/sweep results/again --prefer newest --out results/both";

const MERGE_TEXT: &str = "The folder is a results folder as any other: `report`, `check`, `replay` and `run --resume` \
work on it. The parts stay as they are. Where the file system allows, a file of a run gets a second name instead of a copy. The \
folder is there when it is whole, or not at all.

The parts must be of one grid: the first key in which two differ is named. A run that is whole in two parts is refused unless \
--prefer newest says which one is meant. A run that failed or was cancelled gives way to a whole one. Nodes that are alike count as \
one machine. Where there are several, each run says from which one it is, and figures are compared and combined within one machine only.";

pub(super) static MERGE_HELP: LazyLock<String> = LazyLock::new(|| {
    let text = folded(MERGE_TEXT, "");
    format!("{MERGE_EXAMPLES}\n\n{text}\n\n{}", codes(MERGE_CODES))
});

pub(super) const CHECK_EXAMPLES: &str = "Examples:
  perftune check results/main results/pr
  perftune check results/pr-against-main
  perftune check results/main results/pr --write junit=perf.xml
  perftune check baseline results/pr
  perftune check verdict.json
  perftune check --self-test
  perftune check main.csv pr.csv --gate gate.toml --format markdown > comment.md";

const CHECK_TEXT: &str = "Each side is a results folder or a metrics.csv, with one or more repeats of the same \
cells; manifest.json beside a CSV file says where it was measured. A folder that holds both sides as baseline/ and candidate/, \
as `perftune run --against` makes it, is given alone. So is a verdict.json that an earlier check has written: its text is \
printed and its exit code given again, for pipes that lose it.

What is compared is runs and not samples: of each cell and figure the runs of both sides, all figures in one family, so that \
alpha is the chance that identical builds raise any alarm at all. A figure has regressed when it is worse for certain and, as \
estimated, by its floor or more; it passes when it is certain not to be. Everything between is inconclusive, and the text says how many more \
runs would settle it. One stored session can make a figure suspect and never regressed: two sessions of identical builds differ \
by more than most regressions. Sides that were measured in turn, by `perftune run --against`, have no such ceiling.";

pub(super) static CHECK_HELP: LazyLock<String> = LazyLock::new(|| {
    let text = folded(CHECK_TEXT, "");
    format!("{CHECK_EXAMPLES}\n\n{text}\n\n{}", codes(CHECK_CODES))
});

/// What the long help of `run` says.
pub(super) static RUN_HELP: LazyLock<String> = LazyLock::new(|| {
    format!(
        "{RUN_EXAMPLES}\n\n{}\nWith --against they are those of `perftune check`.",
        codes(GRID_CODES)
    )
});

/// What the long help of all says.
pub(super) static HELP: LazyLock<String> = LazyLock::new(|| {
    format!(
        "{EXAMPLES}\n\n{}\nComparisons with a baseline have codes of their own: see `perftune check --help`.\n\n\
        Results go to the standard output, messages to the standard error. NO_COLOR is\n\
        honoured.",
        codes(GRID_CODES)
    )
});

pub(super) const EXEC_EXAMPLES: &str = "Examples:
  perftune exec -- make -j8
  perftune exec --repeat auto -- make -j8
  perftune exec -L batch=16,32 -- python train.py --bs {batch}
  perftune exec -- ./old --- ./new
  perftune exec --constraint 'memory.peak <= 1GiB' --strict -- python train.py
  perftune exec --pass-stdout -- zcat data.gz > data";

const EXEC_TEXT: &str = "The command reads the standard input of perftune (nothing, where that is a terminal). What it \
writes goes to the standard error, so that the standard output holds the figures alone; with --pass-stdout it is the other way \
round. Several cells, as -L makes them, read nothing, and what they write goes to runs/RUN/stderr.log. It may report steps, epochs and figures of its own by writing lines to the path in $PERFTUNE_EVENTS, such as
  {\"step\": {\"items\": 32, \"dur_s\": 0.012}}";

/// What the long help of `exec` says.
pub(super) static EXEC_HELP: LazyLock<String> = LazyLock::new(|| {
    format!("{EXEC_EXAMPLES}\n\n{}\n\n{}", folded(EXEC_TEXT, ""), codes(EXEC_CODES))
});

/// What the long help of `replay` says.
pub(super) static REPLAY_HELP: LazyLock<String> = LazyLock::new(|| {
    let text = folded(REPLAY_TEXT, "");
    format!("{REPLAY_EXAMPLES}\n\n{text}\n\n{}", codes(READING_CODES))
});

/// What the codes of a command mean, in lines.
pub(super) fn codes(codes: &[Meaning]) -> String {
    let best_first = codes.first().is_some_and(|first| first.code != 0);
    let order = if best_first { "; where several are true, the one that stands first" } else { "" };
    codes.iter().fold(format!("Exit codes{order}:"), |text, Meaning { code, when }| {
        format!(
            "{text}\n  {code:<4} {}",
            wrap(when, WIDTH - 7, "").trim_end().replace('\n', "\n       ")
        )
    })
}

/// Paragraphs in lines of at most 80 characters; the first word keeps its indent.
fn folded(text: &str, indent: &str) -> String {
    let paragraphs = text.split("\n\n").map(|paragraph| {
        let start = paragraph.len() - paragraph.trim_start().len();
        let width = WIDTH - start;
        let wrapped = wrap(paragraph, width, indent.get(start..).unwrap_or(""));
        let lines = wrapped.lines().map(|line| " ".repeat(start) + line);
        lines.collect::<Vec<_>>().join("\n")
    });
    paragraphs.collect::<Vec<_>>().join("\n\n")
}
