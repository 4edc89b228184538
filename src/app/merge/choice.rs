//! Which part each run is taken from.
//!
//! Invariant: of two results of one run neither is taken unasked.

use std::collections::{BTreeMap, HashMap};

use jiff::{SignedDuration, Timestamp};

use super::grids::{Part, Whole};
use crate::app::Fault;
use crate::app::distinct::distinct;
use crate::event::RunStatus;
use crate::report::layout::counted;

/// Names that are told, before the rest is only counted.
pub(super) const TOLD: usize = 5;

/// By how much a clock may be ahead before it is told of.
const SKEW: SignedDuration = SignedDuration::from_mins(5);

/// What a part has of a run that has ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Held {
    pub(super) part: usize,
    pub(super) status: RunStatus,
    /// When it ended, where that is known.
    at: Option<Timestamp>,
}

impl Held {
    /// A run that was cancelled is less than one that failed, and that less than a whole one.
    const fn rank(&self) -> u8 {
        match self.status {
            RunStatus::Completed | RunStatus::Stopped => 2,
            RunStatus::Failed => 1,
            RunStatus::Cancelled => 0,
        }
    }
}

/// A run of the whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Taken {
    pub(super) run: String,
    /// The place of its cell in the grid; none where the grid has no such cell any more.
    pub(super) cell: Option<usize>,
    /// Where it is from; nothing where no part has it.
    pub(super) from: Option<Held>,
}

impl Taken {
    /// Whether some part has it, however it ended.
    pub(super) const fn is_there(&self) -> bool {
        self.from.is_some()
    }

    /// Whether it came to an end of its own.
    pub(super) fn is_over(&self) -> bool {
        self.from.as_ref().is_some_and(|held| held.status != RunStatus::Cancelled)
    }
}

/// Every run that some part knows, and the first of each cell that none does, in the order of the grid.
pub(super) fn choose(parts: &[Part], whole: Whole<'_>, newest: bool) -> Result<Vec<Taken>, Fault> {
    let mut found: BTreeMap<&str, Vec<Held>> = BTreeMap::new();
    for (part, of) in parts.iter().enumerate() {
        let told = of.recordings.head();
        for run in &told.runs {
            let held = found.entry(run).or_default();
            let ended = of.recordings.ended(run)?;
            held.extend(ended.filter(|ended| of.is_at_rest || ended.is_whole()).map(|ended| {
                let at = if ended.at.is_empty() { &told.created } else { &ended.at };
                Held { part, status: ended.status, at: at.parse().ok() }
            }));
        }
    }
    let cells = &whole.grid.cells;
    if whole.are_all || !parts.iter().any(|part| part.grid.searched) {
        for cell in whole.wanted {
            found.entry(cell).or_default();
        }
    }
    let places: HashMap<&str, usize> =
        cells.iter().enumerate().map(|(place, cell)| (&**cell, place)).collect();
    let mut overlaps = Vec::new();
    let mut taken = Vec::with_capacity(found.len());
    for (run, held) in found {
        let from = match one_of(&held, newest) {
            Ok(from) => from.cloned(),
            Err(among) => {
                let names: Vec<&str> = among.iter().map(|at| &*parts[*at].name).collect();
                overlaps.push(format!("{run} (in {})", names.join(" and ")));
                None
            }
        };
        let visit = visit(run, &places);
        let cell = visit.map(|visit| visit.cell);
        taken.push((visit, Taken { run: run.to_owned(), cell, from }));
    }
    if !overlaps.is_empty() {
        return Err(overlap(&overlaps));
    }
    let order = |visit: Option<Visit>| visit.map_or((u32::MAX, usize::MAX), Visit::order);
    taken.sort_by_key(|(visit, _)| order(*visit));
    Ok(taken.into_iter().map(|(_, taken)| taken).collect())
}

/// The best of what the parts have of a run; the parts, where several have one that is equally good.
fn one_of(held: &[Held], newest: bool) -> Result<Option<&Held>, Vec<usize>> {
    let best = held.iter().map(Held::rank).max();
    let best: Vec<&Held> = held.iter().filter(|held| Some(held.rank()) == best).collect();
    match &best[..] {
        [] => Ok(None),
        [one] => Ok(Some(one)),
        // Of equally old ones that of the part that was named last.
        all if newest => Ok(all.iter().max_by_key(|held| (held.at, held.part)).copied()),
        all => Err(all.iter().map(|held| held.part).collect()),
    }
}

fn overlap(overlaps: &[String]) -> Fault {
    let are = if overlaps.len() == 1 { "is" } else { "are" };
    let count = counted(overlaps.len(), "run");
    let what = format!("{count} {are} in several parts: {}", some(overlaps));
    Fault::new(what).hint("--prefer newest takes the run that ended last")
}

/// `a, b and 3 more`.
pub(super) fn some(names: &[String]) -> String {
    let told = names.iter().take(TOLD).cloned().collect::<Vec<_>>().join(", ");
    match names.len().saturating_sub(TOLD) {
        0 => told,
        more => format!("{told} and {more} more"),
    }
}

/// Which visit of which cell a run is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Visit {
    cell: usize,
    repeat: u32,
}

impl Visit {
    /// As runs are planned: all cells once, then all again.
    const fn order(self) -> (u32, usize) {
        (self.repeat, self.cell)
    }
}

/// By the name of the run: that of its cell, with `-rN` from the second on.
fn visit(run: &str, cells: &HashMap<&str, usize>) -> Option<Visit> {
    if let Some(cell) = cells.get(run) {
        return Some(Visit { cell: *cell, repeat: 1 });
    }
    let (cell, repeat) = run.rsplit_once("-r")?;
    Some(Visit { cell: *cells.get(cell)?, repeat: repeat.parse().ok()? })
}

/// Said where the newest were taken by a clock that is ahead of this machine's.
pub(super) fn ahead(taken: &[Taken], parts: &[Part]) -> Option<String> {
    let now = Timestamp::now();
    let is_ahead = |held: &&Held| held.at.is_some_and(|at| at.duration_since(now) > SKEW);
    let held = taken.iter().filter_map(|taken| taken.from.as_ref()).filter(is_ahead);
    let names = distinct(held.map(|held| &*parts[held.part].name));
    (!names.is_empty()).then(|| {
        format!(
            "by the clock of this machine, runs of {} end in the future: --prefer newest trusts the clock of each machine",
            names.join(" and ")
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn held(part: usize, status: RunStatus, at: &str) -> Held {
        Held { part, status, at: at.parse().ok() }
    }

    #[test]
    fn of_several_results_of_a_run_none_is_taken_unasked() {
        use RunStatus::{Cancelled, Completed, Failed, Stopped};
        const EARLY: &str = "2026-11-23T14:15:42.5Z";
        const LATE: &str = "2026-11-23T16:15:42.25+01:00";
        for (all, refused, newest) in [
            (vec![], Ok(None), None),
            (vec![held(0, Cancelled, EARLY)], Ok(Some(0)), Some(0)),
            (vec![held(0, Completed, EARLY), held(1, Failed, LATE)], Ok(Some(0)), Some(0)),
            (vec![held(0, Cancelled, LATE), held(1, Failed, EARLY)], Ok(Some(1)), Some(1)),
            (vec![held(0, Stopped, LATE), held(1, Completed, EARLY)], Err(vec![0, 1]), Some(0)),
            (vec![held(0, Stopped, EARLY), held(2, Stopped, EARLY)], Err(vec![0, 2]), Some(2)),
            // Whose time is not known is older than all others.
            (vec![held(0, Failed, EARLY), held(1, Failed, "")], Err(vec![0, 1]), Some(0)),
        ] {
            let part = |found: Option<&Held>| found.map(|held| held.part);
            assert_eq!(one_of(&all, false).map(part), refused, "{all:?}");
            assert_eq!(one_of(&all, true).map(part), Ok(newest), "{all:?}");
        }
    }

    #[test]
    fn a_run_is_known_by_its_name() {
        let cells = HashMap::from([("mlp", 0), ("mlp-r2", 1), ("a-b", 2)]);
        for (run, found) in [
            ("mlp", Some((0, 1))),
            ("mlp-r2", Some((1, 1))),
            ("mlp-r2-r3", Some((1, 3))),
            ("a-b-r12", Some((2, 12))),
            ("a-b-rx", None),
            ("other", None),
            ("other-r2", None),
        ] {
            assert_eq!(visit(run, &cells).map(|visit| (visit.cell, visit.repeat)), found, "{run}");
        }
        let names: Vec<String> = (1..=7).map(|name| name.to_string()).collect();
        assert_eq!(some(&names), "1, 2, 3, 4, 5 and 2 more");
        assert_eq!(some(&names[..2]), "1, 2");
    }
}
