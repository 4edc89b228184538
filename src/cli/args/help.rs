//! What the help says beside the options: examples, long texts, the catalogue of rules.
//!
//! One line an option stands beside the option. Invariant: the rules are those of the catalogue.

use std::sync::LazyLock;

use crate::app::rules::RULES;
use crate::cli::exit::{CHECK_EXIT_CODES, EXIT_CODES, MERGE_EXIT_CODES};
use crate::report::layout::wrap;

pub(super) const EXAMPLES: &str = "Examples:
  perftune run configs/grid.toml
  perftune run configs/grid.toml --only model=cnn --set train.epochs=3
  perftune run - --format json < grid.toml > results.json
  perftune doctor";

pub(super) const RUN_EXAMPLES: &str = "Examples:
  perftune run configs/grid.toml
  perftune run configs/grid.toml --dry-run
  perftune run configs/grid.toml --only model=cnn,resnet --only dataset=digits
  perftune run configs/grid.toml --set 'grid.batch_size=[32,128]' --repeat 3
  perftune run configs/grid.toml --out results/today --resume
  perftune run configs/grid.toml --full --shadow --rule perftune --rule oracle
  perftune run - --format csv < grid.toml > report.csv
  perftune run configs/latency-bound.toml --format markdown > report.md
  perftune run configs/grid.toml --format html > report.html";

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

A rule that gives up has not stopped: it has used the whole series, as one that never stops, and counts in the summary with all of the cost, no error and no claim. What a rule with an interval \
claims at its stop is `covered` where it holds the figure of the whole series.";

pub(super) const MERGE_EXAMPLES: &str = "Examples:
  perftune merge results/sweep-*-of-4 --out results/sweep
  perftune merge results/sweep results/again --prefer newest --out results/both";

const MERGE_TEXT: &str = "The folder is a results folder as any other: `report`, `check`, `replay` and `run --resume` \
work on it. The parts stay as they are. Where the file system allows, a file of a run gets a second name instead of a copy. The \
folder is there when it is whole, or not at all.

The parts must be of one grid: the first key in which two differ is named. A run that is whole in two parts is refused unless \
--prefer newest says which one is meant. A run that failed or was cancelled gives way to a whole one. Nodes that are alike count as \
one machine. Where there are several, each run says from which one it is, and figures are compared and put together within one machine only.";

pub(super) static MERGE_HELP: LazyLock<String> = LazyLock::new(|| {
    let text = folded(MERGE_TEXT, "");
    format!("{MERGE_EXAMPLES}\n\n{text}\n\n{MERGE_EXIT_CODES}")
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
    format!("{CHECK_EXAMPLES}\n\n{text}\n\n{CHECK_EXIT_CODES}")
});

const SHADOW_TEXT: &str = "Shadow mode: nothing has to be decided while a run goes on, since a recording holds all that the controller saw. It is fed the run's own events afterwards, and stops where it would have stopped: each serve phase when all its chosen metrics are known together, then the training; where one is never known, after max_time. The time that the run would have taken is the whole time without what was left of the serve phases and of the training; loading and warm-up stay as they were, and so does the look at the test data of a model that would have been trained to the end. The figures are those that it would have reported then, whatever the rule: a rule says when to stop. Intervals are of the regime seen so far. Rules are those of `perftune replay --help`; oracle is one of them. shadow.csv has one row a run, rule, phase and chosen metric; its stop_t_s counts from the beginning of the phase in which the metric is judged, and is empty where the phase was used to its end.";

pub(super) static SHADOW_HELP: LazyLock<String> = LazyLock::new(|| folded(SHADOW_TEXT, ""));

/// The long help: what cannot be said in one line an option, and the catalogue of rules.
pub(super) static REPLAY_HELP: LazyLock<String> = LazyLock::new(|| {
    let mut text = format!("{REPLAY_EXAMPLES}\n\n{}\n\nRules:\n", folded(REPLAY_TEXT, ""));
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
