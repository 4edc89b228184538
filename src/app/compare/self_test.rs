//! `perftune check --self-test`: can this gate fire at all, and is it quiet where there is nothing?
//!
//! Two comparisons are really made, from the worker's process to the exit code, in a folder of their own. The worker plays
//! a script in *virtual* time: the durations are those of the script, with noise between runs, and are not spent. So what is
//! proven is everything behind the worker: recording, figures, gate and exit code. How noisy this machine is shows when a
//! grid is compared with itself.

use std::path::{Path, PathBuf};

use super::measure::{Comparison, Measured};
use super::plan::Rules;
use super::sides::{ComparedSide, ComparedSides};
use crate::app::Fault;
use crate::app::grid::{GridFile, MOST_CELLS, load};
use crate::app::lanes::Lanes;
use crate::clock::{Clock, MonotonicClock};
use crate::gate::blocks::{LOOK, needed};
use crate::gate::{GatePolicy, Judgement, Outcome, Row, RowVerdict};
use crate::schedule::Repeats;
use crate::store::Existing;
use crate::units::{Share, Unit, percent};

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

/// The cell that is slowed down.
pub const SLOWED: &str = "scripted-self-test-b64";

/// Its batch size.
const SLOWED_BATCH: u32 = 64;

/// Seeds of the sides: their noise is not the same.
const SEEDS: [u64; 2] = [1, 1_000_001];

/// More blocks than this nobody makes.
const MOST_BLOCKS: u32 = 40;

/// How much slower it is made where nobody says, and the floors are not too large for it.
const SLOWDOWN: Share = Share(0.2);

/// So many times what is found in four of five comparisons is found in all but a few of a thousand.
const CLEAR: f64 = 1.5;

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

/// Makes both comparisons, each by `measure`; `None`: the user has ended them. Without a `slowdown` it is one that the gate is sure
/// to find.
pub fn self_test(
    mut policy: GatePolicy,
    slowdown: Option<Share>,
    mut measure: impl FnMut(&Comparison<'_>) -> Result<Measured, Fault>,
) -> Result<Option<[Proof; 2]>, Fault> {
    // The user's own cells are none of these, nor does the script have every figure that they gate.
    policy.retired.clear();
    policy.demand_nothing();
    let blocks = needed(policy.alpha).max(LOOK);
    if blocks > MOST_BLOCKS {
        let what = format!("alpha {} needs {blocks} blocks of each cell", policy.alpha);
        return Err(
            Fault::new(what).hint("that is more than a comparison makes: choose a larger alpha")
        );
    }
    let scratch = Scratch::new()?;
    let grid = scratch.0.join("self-test.toml");
    fs_err::write(&grid, GRID)?;
    let rules = Rules { policy, of_file: true };
    let mut proof = |name: &str, slowdown: Option<Share>| -> Result<Option<Proof>, Fault> {
        let factor = slowdown.map_or(1.0, |share| 1.0 + share.0);
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
        Ok(Some(Proof { slowdown, blocks, judgement: comparison.judge(&measured)? }))
    };
    let Some(same) = proof("same", None)? else { return Ok(None) };
    let slowdown = findable(slowdown, &same.judgement)?;
    let slowed = proof("slowed", Some(slowdown))?;
    Ok(slowed.map(|slowed| [same, slowed]))
}

/// The slowdown that is to be found. One below what the gate finds is refused: that it stays quiet then is no fault of it.
fn findable(asked: Option<Share>, judgement: &Judgement) -> Result<Share, Fault> {
    let is_time = |row: &&Row| row.metric.def().is_some_and(|metric| metric.unit == Unit::Seconds);
    let times = judgement.rows.iter().filter(|row| row.verdict != RowVerdict::Info).filter(is_time);
    let seen = times.filter_map(|row| Some((row.detectable?, row.floor)));
    let Some((least, floor)) = seen.min_by(|(one, _), (other, _)| one.total_cmp(other)) else {
        return Ok(asked.unwrap_or(SLOWDOWN));
    };
    let Some(asked) = asked else {
        let sure = (CLEAR * least * 100.0).ceil() / 100.0;
        return Ok(Share(sure.max(SLOWDOWN.0)));
    };
    if asked.0 >= least {
        return Ok(asked);
    }
    let what = format!(
        "--slowdown {} is less than this gate promises to find: with its floor of {} and the noise of the script it finds {} \
         in four of five comparisons",
        percent(asked.0),
        percent(floor),
        percent(least)
    );
    Err(Fault::new(what).hint("choose a larger --slowdown, or a smaller floor in the gate file"))
}

/// A side whose slowed cell takes `factor` times as long.
fn side(grid: &Path, seed: u64, blocks: u32, factor: f64) -> Result<ComparedSide, Fault> {
    let set = [
        format!("worker.options.slowdown={factor}"),
        format!("worker.options.slow_batch_size={SLOWED_BATCH}"),
    ];
    let plan = load(&GridFile {
        path: grid,
        set: &set,
        set_by: None,
        profile: None,
        only: &[],
        seed: Some(seed),
        repeat: Some(Repeats::Fixed(2 * blocks)),
        budget: None,
        jobs: Some(Lanes::ONE),
        full: false,
        max_cells: MOST_CELLS,
        keeps_names: false,
    })?;
    Ok(ComparedSide::new(grid.to_owned(), plan, None))
}

/// A comparison whose answer is known, and what the gate said of it.
#[derive(Debug)]
pub struct Proof {
    /// How much slower the candidate was in [`SLOWED`]; `None`: in no cell.
    pub slowdown: Option<Share>,
    /// Blocks of each cell.
    pub blocks: u32,
    /// What the gate said.
    pub judgement: Judgement,
}

impl Proof {
    /// Whether the gate did what it should.
    pub fn is_good(&self) -> bool {
        match self.slowdown {
            None => self.judgement.exit_code(false) == 0,
            Some(_) => self.judgement.exit_code(false) == 1 && self.red() == [true, false],
        }
    }

    /// Whether the slowed cell is red, and whether another one is.
    pub fn red(&self) -> [bool; 2] {
        let any = |slowed| self.judgement.rows.iter().any(|r| is_red(r) && is_slowed(r) == slowed);
        [any(true), any(false)]
    }

    /// The rows that show it.
    pub fn evidence(&self) -> impl Iterator<Item = &Row> {
        let missed = self.slowdown.is_some() && !self.is_good();
        let gating = self.judgement.rows.iter().filter(|row| row.verdict != RowVerdict::Info);
        gating.filter(move |row| is_red(row) || missed && is_slowed(row))
    }
}

fn is_slowed(row: &Row) -> bool {
    row.cell == SLOWED
}

fn is_red(row: &Row) -> bool {
    row.verdict.outcome() >= Outcome::Regressed
}
