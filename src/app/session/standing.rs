//! How the cells of a plan stand, by the records of their runs.

use std::collections::{BTreeSet, HashMap};

use crate::app::front::front;
use crate::app::summary::{Asked, summaries};
use crate::config::plan::{Plan, PlannedRun};
use crate::event::RunRecord;
use crate::report::front::{FrontReport, Mark};
use crate::schedule::{self, CellState};
use crate::store::ManifestHead;

/// The first run of each cell.
pub(super) fn firsts(runs: &[PlannedRun]) -> Vec<&PlannedRun> {
    runs.iter().filter(|run| run.repeat == 1).collect()
}

/// How the cells of these runs stand; `front`: that of the figures so far, where there are objectives.
pub(super) fn states(
    plan: &Plan,
    runs: &[PlannedRun],
    records: &[RunRecord],
    front: Option<FrontReport>,
) -> Vec<CellState> {
    let first = firsts(runs);
    let within: HashMap<&str, f64> =
        first.iter().map(|run| (&*run.cell, run.stop.within)).collect();
    let within = |run: &RunRecord| within.get(&*run.cell).copied().unwrap_or_default();
    let cells: Vec<&str> = first.iter().map(|run| &*run.cell).collect();
    let figures = schedule::figures(records, within);
    let mut states = schedule::states(&cells, records, &figures, within, plan.repeats.most());
    let dominated = dominated(front);
    for (cell, state) in cells.iter().zip(&mut states) {
        if dominated.contains(*cell) {
            state.settle_dominated();
        }
    }
    for (run, state) in first.iter().zip(&mut states) {
        if let Some(answer) = &run.answer {
            state.settle_exhausted(answer.visits());
        }
    }
    states
}

/// The front by the figures so far; nothing where there are no objectives.
pub(super) fn front_so_far(
    head: Option<&ManifestHead>,
    records: &[RunRecord],
) -> Option<FrontReport> {
    let summary = summaries(records, &Asked::of(head));
    front(head, records, &summary, None)
}

/// Cells that another one dominates by the figures so far.
fn dominated(front: Option<FrontReport>) -> BTreeSet<String> {
    let cells = front.into_iter().flat_map(|front| front.cells);
    cells.filter(|cell| cell.mark == Mark::Dominated).map(|cell| cell.cell).collect()
}
