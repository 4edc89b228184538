//! `perftune check --self-test`: can this gate fire at all, and is it quiet where there is nothing?
//!
//! Two comparisons are really made, from the worker's process to the exit code, in a folder of their own. The worker plays
//! a script in *virtual* time: the durations are those of the script, with noise between runs, and are not spent. So what is
//! proven is everything behind the worker: recording, figures, gate and exit code. How noisy this machine is shows when a
//! grid is compared with itself.

use std::fmt::Write;
use std::path::{Path, PathBuf};

use super::measure::{Comparison, Measured};
use super::plan::Rules;
use super::sides::{ComparedSide, ComparedSides};
use crate::app::Fault;
use crate::app::grid::{GridFile, load};
use crate::clock::{Clock, MonotonicClock};
use crate::gate::blocks::{LOOK, needed};
use crate::gate::{GatePolicy, Judgement, Row, RowVerdict};
use crate::store::Existing;
use crate::units::{self, Share};

/// Long enough for every statistic of the gate, of which the one of rates needs a second of work at least.
const GRID: &str = r#"name = "self-test"
[worker]
program = "scripted"
options = { step_us = 2000.0, steps_per_epoch = 1000, request_us = 2000.0, run_spread = 0.01, peak_bytes = 104857600 }
[grid]
model = "scripted"
dataset = "self-test"
batch_size = [16, 64]
[train]
epochs = 1
[serve]
batch_size = [1]
max_time = "2s"
[stop]
enabled = false
"#;

/// The batch size of the cell that is slowed down, and its name.
const SLOWED: (u32, &str) = (64, "scripted-self-test-b64");

/// Seeds of the sides: their noise is not the same.
const SEEDS: [u64; 2] = [1, 1_000_001];

/// More blocks than this nobody makes.
const MOST_BLOCKS: u32 = 40;

/// Lines of evidence of a comparison.
const SHOWN: usize = 4;

/// A folder for the time of a test.
struct Scratch(PathBuf);

impl Scratch {
    fn new() -> Result<Self, Fault> {
        let (pid, now) = (std::process::id(), MonotonicClock.now_ns());
        let path = std::env::temp_dir().join(format!("perftune-self-test-{pid}-{now}"));
        fs_err::create_dir(&path)?;
        Ok(Self(path))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // What cannot be removed lies where the system tidies up.
        let _ = fs_err::remove_dir_all(&self.0);
    }
}

/// Makes both comparisons, each by `measure`; `None`: the user has ended them.
pub fn self_test(
    mut policy: GatePolicy,
    slowdown: Share,
    mut measure: impl FnMut(&Comparison<'_>) -> Result<Measured, Fault>,
) -> Result<Option<[Proof; 2]>, Fault> {
    // The user's own cells are none of these.
    policy.retired.clear();
    let blocks = needed(policy.alpha).max(LOOK);
    if blocks > MOST_BLOCKS {
        let what = format!("alpha {} needs {blocks} blocks of each cell", policy.alpha);
        return Err(Fault::new(what).hint("no comparison makes so many: choose a larger alpha"));
    }
    let scratch = Scratch::new()?;
    let grid = scratch.0.join("self-test.toml");
    fs_err::write(&grid, GRID)?;
    let rules = Rules { policy, of_file: true };
    let mut judged = |name: &str, factor: f64| -> Result<Option<Judgement>, Fault> {
        let both = [side(&grid, SEEDS[0], blocks, 1.0)?, side(&grid, SEEDS[1], blocks, factor)?];
        let sides = ComparedSides::meet(both, &rules.policy)?;
        let comparison = Comparison {
            sides: &sides,
            rules: &rules,
            folder: &scratch.0.join(name),
            blocks,
            all_blocks: true,
            seed: None,
            existing: Existing::Refuse,
        };
        let measured = measure(&comparison)?;
        if measured.interrupted() {
            return Ok(None);
        }
        comparison.judge(&measured).map(Some)
    };
    let Some(same) = judged("same", 1.0)? else { return Ok(None) };
    let Some(slowed) = judged("slowed", 1.0 + slowdown.0)? else { return Ok(None) };
    Ok(Some([Proof::of_same(&same, blocks), Proof::of_slowed(&slowed, blocks, slowdown)]))
}

/// A side whose slowed cell takes `factor` times as long.
fn side(grid: &Path, seed: u64, blocks: u32, factor: f64) -> Result<ComparedSide, Fault> {
    let set = [
        format!("worker.options.slowdown={factor}"),
        format!("worker.options.slow_batch_size={}", SLOWED.0),
    ];
    let plan = load(&GridFile {
        path: grid,
        set: &set,
        only: &[],
        seed: Some(seed),
        repeat: Some(2 * blocks),
        full: false,
    })?;
    Ok(ComparedSide::new(grid.to_owned(), plan, None))
}

/// What was seen of a comparison whose answer is known.
#[derive(Debug)]
pub struct Proof {
    /// Whether the gate did what it should.
    pub good: bool,
    /// What it did.
    pub said: String,
    /// The rows that show it.
    pub rows: Vec<String>,
}

impl Proof {
    /// Both sides play the same script.
    fn of_same(judgement: &Judgement, blocks: u32) -> Self {
        let code = judgement.exit_code(false);
        Self {
            good: code == 0,
            said: format!(
                "identical sides, {blocks} blocks: {} (exit code {code}); {}",
                ["red", "not red"][usize::from(code == 0)],
                judgement.coverage
            ),
            rows: shown(judgement, is_red),
        }
    }

    /// One cell of the candidate is slower.
    fn of_slowed(judgement: &Judgement, blocks: u32, slowdown: Share) -> Self {
        let code = judgement.exit_code(false);
        let (right, wrong): (Vec<&Row>, Vec<&Row>) =
            judgement.rows.iter().filter(|row| is_red(row)).partition(|row| row.cell == SLOWED.1);
        let good = code == 1 && !right.is_empty() && wrong.is_empty();
        let seen = match (code, right.is_empty(), wrong.is_empty()) {
            (1, false, true) => "red, and it names that cell".to_owned(),
            (1, true, _) => "red, but it names another cell".to_owned(),
            (1, false, false) => "red, but it names another cell too".to_owned(),
            _ => format!("not red (exit code {code})"),
        };
        Self {
            good,
            said: format!(
                "candidate slower by {}% in {}, {blocks} blocks: {seen}",
                (slowdown.0 * 1e6).round() / 1e4,
                SLOWED.1
            ),
            rows: shown(judgement, |row| {
                if good { is_red(row) } else { row.cell == SLOWED.1 || is_red(row) }
            }),
        }
    }
}

fn is_red(row: &Row) -> bool {
    matches!(
        row.verdict,
        RowVerdict::Regressed | RowVerdict::Failed | RowVerdict::Missing | RowVerdict::Incomparable
    )
}

/// The first of these rows, each in a line.
fn shown(judgement: &Judgement, choose: impl Fn(&Row) -> bool) -> Vec<String> {
    let gating = judgement.rows.iter().filter(|row| row.verdict != RowVerdict::Info);
    let lines = gating.filter(|row| choose(row)).map(|row| {
        let mut line = format!("{} {} {} {}", row.verdict, row.cell, row.phase, row.metric);
        if let Some(change) = row.change {
            let _ = write!(line, " {}", units::change(change));
        }
        if let Some(p) = row.p {
            let _ = write!(line, ", p {p:.4}");
        }
        line
    });
    let mut lines: Vec<String> = lines.collect();
    if lines.len() > SHOWN {
        let more = lines.len() - SHOWN;
        lines.truncate(SHOWN);
        lines.push(format!("and {more} rows more"));
    }
    lines
}
