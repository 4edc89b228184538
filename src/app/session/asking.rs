//! A search whose visits are made elsewhere, several at a time: which come next, and what it has found.
//!
//! Invariant: the same records and the same visits under way lead to the same next visits.

use super::request::OneVisit;
use super::search::Planner;
use super::standing::{firsts, front_so_far, states};
use crate::config::plan::Plan;
use crate::event::RunRecord;
use crate::report::found::Found;
use crate::store::ManifestHead;

/// A visit that a search asks for.
#[derive(Debug, Clone, PartialEq)]
pub struct Ask {
    /// The cell.
    pub cell: String,
    /// Which visit of it.
    pub visit: OneVisit,
}

/// What a search knows.
#[derive(Debug, Clone, Copy, Default)]
pub struct Knowledge<'a> {
    /// What was made.
    pub records: &'a [RunRecord],
    /// What they are of.
    pub head: Option<&'a ManifestHead>,
    /// Cells of visits that were asked for and are in no record: none is asked for again.
    pub pending: &'a [String],
}

/// The next visits, so many at most; none: the search is over.
pub fn ask(plan: &Plan, known: Knowledge<'_>, most: usize) -> Vec<Ask> {
    let Knowledge { records, head, pending } = known;
    let planner = Planner::of(plan, &plan.runs, Vec::new());
    let front = front_so_far(head, records).filter(|_| !plan.objectives.is_empty());
    let states = states(plan, &plan.runs, records, front);
    let first = firsts(&plan.runs);
    let ask = |visit: crate::schedule::Visit| {
        let run = first[visit.cell].visit(visit.repeat);
        let bars = planner.bars(records, visit.cell, &run.stop.constraints);
        Ask { cell: run.cell, visit: OneVisit { run: run.run, repeat: visit.repeat, bars } }
    };
    planner.batch(records, &states, pending, most).into_iter().map(ask).collect()
}

/// What a search has found by these records; nothing where the plan has none.
pub fn found(plan: &Plan, head: Option<&ManifestHead>, records: &[RunRecord]) -> Option<Found> {
    plan.search?;
    let front = front_so_far(head, records);
    Planner::of(plan, &plan.runs, Vec::new()).found(records, front.as_ref())
}
