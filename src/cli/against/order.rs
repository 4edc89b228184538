//! `--dry-run` of a comparison: both sides, and in which order their runs would be made.
//!
//! Nothing is run. Invariant: the order is that in which the comparison would make its runs under the same seed.

use std::fmt::Write;

use serde_json::{Value, json};

use crate::app::Fault;
use crate::app::compare::{ComparedSide, ComparedSides, named};
use crate::cli::args::RunArgs;
use crate::cli::options::Format;
use crate::cli::{dry_run, output};
use crate::config::plan::PlannedRun;
use crate::event::Arm;
use crate::gate::blocks::{RUNS, Turn, blocks, look};
use crate::report::json::pretty;
use crate::report::layout::{counted, wrap};
use crate::report::listing::Listing;

/// Blocks of which the order is shown to people.
const SHOWN: usize = 2;

/// What is said before the first run.
pub(super) fn headline(sides: &ComparedSides, blocks: u32) -> String {
    let [baseline, candidate] = Arm::BOTH.map(|arm| named(sides.of(arm)));
    let runs = sides.cells.len() as u64 * u64::from(blocks * RUNS);
    let cells = counted(sides.cells.len(), "cell");
    format!(
        "baseline (A) {baseline}, candidate (B) {candidate}: {cells} in {blocks} blocks, {runs} runs\n"
    )
}

/// What is run of one side.
fn extent(sides: &ComparedSides, blocks: u32) -> String {
    let cells = sides.cells.len();
    let runs = counted(cells as u64 * u64::from(blocks * RUNS / 2), "run");
    format!("{}, {runs}", counted(cells, "cell"))
}

/// Prints what would be run.
pub(super) fn print(args: &RunArgs, sides: &ComparedSides, alpha: f64) -> Result<(), Fault> {
    let format = dry_run::format(args.format)?;
    let asked = args.compare.blocks;
    // Without --seed each session has an order of its own; this is what one looks like.
    let turns = blocks(sides.cells.len(), asked, args.seed.unwrap_or(0));
    let look = look(asked, alpha).filter(|_| !args.compare.all_blocks);
    let bytes = match format {
        Format::Table => table(args, sides, &turns, look)?,
        Format::Json => document(args, sides, &turns, look)?,
        Format::Csv => Listing::new(&turn_rows(sides, &turns))?.csv()?,
    };
    output::print(&bytes)
}

/// The first repeat of each cell: the others differ in their seeds only.
fn first_repeats(side: &ComparedSide) -> Vec<PlannedRun> {
    let first = side.runs.iter().filter(|run| run.repeat == 1);
    first.cloned().collect()
}

fn table(
    args: &RunArgs,
    sides: &ComparedSides,
    turns: &[Turn],
    look: Option<u32>,
) -> Result<Vec<u8>, Fault> {
    let width = output::stdout_width();
    let mut text = headline(sides, args.compare.blocks);
    for arm in Arm::BOTH {
        let side = sides.of(arm);
        let mut plan = Vec::new();
        let (runs, extent) = (first_repeats(side), extent(sides, args.compare.blocks));
        let shown = dry_run::Shown { runs: &runs, extent: &extent };
        dry_run::render(&mut plan, &side.plan, shown, Format::Table, width)?;
        let _ = write!(text, "\n{arm}: {}", String::from_utf8_lossy(&plan));
    }
    let why = match args.seed {
        Some(_) => "",
        None => ", for example, since each session draws its own and --seed fixes it",
    };
    text += "\n";
    text += &wrap(&format!("order (A baseline, B candidate){why}:"), width, "");
    let a_block = sides.cells.len() * RUNS as usize;
    for round in turns.chunks(a_block).take(SHOWN) {
        let said = round.chunks(RUNS as usize).map(|block| {
            let letters = block.iter().map(|turn| ["A", "B"][turn.arm.place()]);
            format!("{} {}", sides.cells[block[0].cell], letters.collect::<String>())
        });
        let said = said.collect::<Vec<_>>().join(", ");
        let line = format!("block {}: {said}", round[0].block);
        for line in wrap(&line, width.saturating_sub(2), "  ").lines() {
            let _ = writeln!(text, "  {line}");
        }
    }
    let _ = writeln!(text, "  ... {} blocks", args.compare.blocks);
    if let Some(look) = look {
        let line =
            format!("After {look} blocks it ends if every row passes; it never fails early.");
        text += &wrap(&line, width, "");
    }
    Ok(text.into_bytes())
}

fn document(
    args: &RunArgs,
    sides: &ComparedSides,
    turns: &[Turn],
    look: Option<u32>,
) -> Result<Vec<u8>, Fault> {
    let mut document = json!({
        "format": "perftune-comparison/1",
        "blocks": args.compare.blocks,
        "look_after_blocks": look,
        "order_is_fixed": args.seed.is_some(),
        "order": turn_rows(sides, turns),
    });
    for arm in Arm::BOTH {
        let side = sides.of(arm);
        let mut plan = Vec::new();
        let shown = dry_run::Shown { runs: &first_repeats(side), extent: "" };
        dry_run::render(&mut plan, &side.plan, shown, Format::Json, 0)?;
        document[arm.name()] = json!({
            "grid": side.grid,
            "worker": side.program,
            "plan": serde_json::from_slice::<Value>(&plan)?,
        });
    }
    Ok(pretty(&document)?)
}

fn run_of<'a>(sides: &'a ComparedSides, turn: &Turn) -> &'a str {
    let cell = &sides.cells[turn.cell];
    let is_it = |run: &&PlannedRun| run.cell == *cell && run.repeat == turn.repeat();
    let found = sides.of(turn.arm).runs.iter().find(is_it);
    found.map_or("", |run| &run.run)
}

/// One row a run, in order.
fn turn_rows(sides: &ComparedSides, turns: &[Turn]) -> Vec<Value> {
    let row = |turn: &Turn| {
        json!({
            "block": turn.block,
            "position": turn.position,
            "arm": turn.arm,
            "cell": sides.cells[turn.cell],
            "run": run_of(sides, turn),
        })
    };
    turns.iter().map(row).collect()
}
