//! The runs of a side in one order, whatever order they came in, and what is wrong with them.

use std::collections::{BTreeMap, BTreeSet};

use super::copies::Copies;
use super::error::GateError;
use super::side::{Figure, FigureKey, GateRun, IndexedRun, Side};
use crate::event::RunStatus;

/// A side's runs by cell.
pub(super) struct SideIndex<'a> {
    pub(super) side: &'a Side,
    /// Every cell that was planned or has a run.
    pub(super) cells: BTreeMap<&'a str, CellRuns<'a>>,
    /// The sessions that have a run.
    pub(super) sessions: BTreeSet<&'a str>,
}

/// The runs of a cell, in order of session, block, place and repeat.
#[derive(Default)]
pub(super) struct CellRuns<'a> {
    pub(super) ended: Vec<IndexedRun<'a>>,
    pub(super) failed: Vec<&'a GateRun>,
    /// Cancelled, or planned and not made.
    pub(super) unfinished: Vec<&'a GateRun>,
    /// Fewer runs than another cell of the same session has.
    pub(super) short: Option<Short>,
    /// Runs that repeat the figures of another one.
    pub(super) copied: usize,
    /// Its runs do not differ in anything.
    pub(super) constant: bool,
}

/// How many runs a cell has, and how many the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Short {
    pub(super) has: usize,
    pub(super) others: usize,
}

impl<'a> CellRuns<'a> {
    pub(super) fn is_empty(&self) -> bool {
        self.runs().next().is_none()
    }

    /// All, however they ended.
    pub(super) fn runs(&self) -> impl Iterator<Item = &'a GateRun> {
        let ended = self.ended.iter().map(|run| run.run);
        ended.chain(self.failed.iter().chain(&self.unfinished).copied())
    }

    /// What its first runs in each session were told of this; empty where no source tells. `without`: what it is for those
    /// that tell of others and not of this.
    pub(super) fn values_of(&self, key: &str, without: Option<&'a str>) -> BTreeSet<&'a str> {
        let mut seen = BTreeSet::new();
        let told = self.runs().filter(|run| !run.settings.is_empty());
        let firsts = told.filter(|run| seen.insert(run.session.as_str()));
        firsts.filter_map(|run| run.settings.get(key).map(String::as_str).or(without)).collect()
    }
}

/// Where a run stands among the others, whatever it is called.
fn place(run: &GateRun) -> (&str, u32, u32, u32) {
    match &run.pairing {
        Some(pairing) => (pairing.session.as_str(), pairing.block, pairing.position, run.repeat),
        None => (run.session.as_str(), 0, 0, run.repeat),
    }
}

impl<'a> SideIndex<'a> {
    /// Whether some run says what it was told.
    pub(super) fn tell_settings(&self) -> bool {
        self.runs().any(|run| !run.settings.is_empty())
    }

    /// All runs, however they ended.
    pub(super) fn runs(&self) -> impl Iterator<Item = &'a GateRun> {
        self.cells.values().flat_map(CellRuns::runs)
    }

    /// Of these runs of a side.
    pub(super) fn new(side: &'a Side, mut runs: Vec<&'a GateRun>) -> Result<Self, GateError> {
        runs.sort_by(|a, b| (place(a), &a.run).cmp(&(place(b), &b.run)));
        check_unique(side, &runs)?;
        let mut cells: BTreeMap<&str, CellRuns<'a>> = BTreeMap::new();
        for cell in &side.cells {
            cells.entry(cell).or_default();
        }
        let mut sessions = BTreeSet::new();
        for run in runs {
            sessions.insert(run.session.as_str());
            let figures = figures(side, run)?;
            let cell = cells.entry(&run.cell).or_default();
            match run.status {
                Some(RunStatus::Cancelled) => cell.unfinished.push(run),
                Some(RunStatus::Failed) => cell.failed.push(run),
                _ => cell.ended.push(IndexedRun { run, figures }),
            }
        }
        mark_short(&mut cells);
        for cell in cells.values_mut() {
            let copies = Copies::of(&cell.ended);
            (cell.copied, cell.constant) = (copies.copied, copies.constant);
        }
        Ok(Self { side, cells, sessions })
    }
}

fn figures<'a>(
    side: &Side,
    run: &'a GateRun,
) -> Result<BTreeMap<FigureKey<'a>, &'a Figure>, GateError> {
    let mut figures = BTreeMap::new();
    for figure in &run.figures {
        let key = (figure.phase.as_str(), &figure.metric);
        if figures.insert(key, figure).is_some() {
            return Err(GateError::DuplicateFigure {
                side: side.name.clone(),
                run: run.run.clone(),
                phase: figure.phase.clone(),
                metric: figure.metric.clone(),
            });
        }
    }
    Ok(figures)
}

fn check_unique(side: &Side, runs: &[&GateRun]) -> Result<(), GateError> {
    let twice = |what: String| Err(GateError::DuplicateRun { side: side.name.clone(), what });
    let mut names = BTreeSet::new();
    let mut places = BTreeSet::new();
    let mut arms = BTreeSet::new();
    for run in runs {
        let (session, block, position, repeat) = place(run);
        if !names.insert((session, &run.run)) {
            return twice(format!("run `{}`", run.run));
        }
        // Within a block the place says it all; a repeat may be counted within the block or over all of them.
        let paired = run.pairing.is_some();
        let last = if paired { 0 } else { repeat };
        if !places.insert((session, &run.cell, paired, (block, position), last)) {
            return twice(if paired {
                format!("place {position} of block {block} of cell `{}`", run.cell)
            } else {
                format!("repeat {repeat} of cell `{}` (run `{}`)", run.cell, run.run)
            });
        }
        arms.extend(run.pairing.as_ref().map(|pairing| pairing.arm as u8));
    }
    if arms.len() > 1 {
        return Err(GateError::MixedArms { side: side.name.clone() });
    }
    Ok(())
}

/// Repeats of a grid come alike for all of its cells: where a cell has fewer, one of its runs is gone.
fn mark_short(cells: &mut BTreeMap<&str, CellRuns<'_>>) {
    fn counts<'a>(cell: &CellRuns<'a>) -> BTreeMap<&'a str, usize> {
        let mut counts = BTreeMap::new();
        for run in &cell.ended {
            *counts.entry(run.run.session.as_str()).or_default() += 1;
        }
        counts
    }
    let mut most: BTreeMap<&str, usize> = BTreeMap::new();
    for cell in cells.values() {
        for (session, count) in counts(cell) {
            let most = most.entry(session).or_default();
            *most = count.max(*most);
        }
    }
    for cell in cells.values_mut() {
        let short = counts(cell)
            .into_iter()
            .filter(|(session, count)| *count < most[session])
            .map(|(session, has)| Short { has, others: most[session] });
        cell.short = short.min_by_key(|short| short.has);
    }
}
