//! Both sides in turns on one machine: the unit is the block.

use std::collections::{BTreeMap, BTreeSet};

use super::entry::{Column, Entry, RowGap};
use super::family::{Finding, Reach, Tested, kinds, mean, on_grid, worse_log};
use super::index::SideIndex;
use super::reason::{GateNote, RowReason, Tested as Units};
use super::verdict::Design;
use crate::stats::permutation::{FamilyAsk, PairedTest, paired_family, paired_p_min};

/// Runs of each side in a block.
pub(super) const RUNS: usize = 2;

/// A block: its comparison and its number.
type Block<'i> = (&'i str, u32);

/// Whether both sides hold runs of the same blocks of the same cells.
pub(super) fn is_paired(baseline: &SideIndex<'_>, candidate: &SideIndex<'_>) -> bool {
    fn blocks<'i>(side: &'i SideIndex<'_>) -> BTreeSet<(&'i str, Block<'i>)> {
        side.runs()
            .filter_map(|run| {
                let pairing = run.pairing.as_ref()?;
                Some((run.cell.as_str(), (pairing.session.as_str(), pairing.block)))
            })
            .collect()
    }
    !blocks(baseline).is_disjoint(&blocks(candidate))
}

/// The differences of a row, one for each whole block.
struct Differences<'i> {
    blocks: BTreeMap<Block<'i>, f64>,
    /// Blocks that are not whole, and runs that are of none.
    broken: usize,
    /// One of them lacks a run, or a figure without a word.
    lost: bool,
}

/// Tests these rows by flipping the signs of blocks.
pub(super) fn test(
    sides: (&SideIndex<'_>, &SideIndex<'_>),
    entries: &[&Entry<'_>],
    ask: &FamilyAsk,
) -> Tested {
    let rows: Vec<Differences<'_>> = entries.iter().map(|entry| differences(entry)).collect();
    let units: BTreeSet<Block<'_>> =
        rows.iter().flat_map(|row| row.blocks.keys().copied()).collect();
    let reachable = |row: &Differences<'_>| {
        row.blocks.len() >= 2 && paired_p_min(row.blocks.len()) <= ask.alpha
    };
    let kinds = kinds(entries);
    let tests: Vec<PairedTest> = rows
        .iter()
        .zip(kinds)
        .filter(|(row, _)| reachable(row))
        .map(|(row, kind)| PairedTest {
            kind,
            differences: units.iter().map(|unit| row.blocks.get(unit).copied()).collect(),
        })
        .collect();
    let found = paired_family(&tests, ask);
    let mut outcomes = found.tests.iter();
    let reach = rows.iter().zip(entries).map(|(row, entry)| {
        let lacking = entry.gap.clone().map(|gap| RowGap { lost: gap.lost || row.lost, ..gap });
        let gap = lacking.or_else(|| gap(row));
        if !reachable(row) {
            return unreachable(row, ask.alpha, gap);
        }
        match outcomes.next() {
            Some(Some(one)) => Reach::Tested(Finding {
                runs: Some(RUNS * row.blocks.len()),
                gap,
                floor: entry.floor,
                callable: entry.floor,
                ..Finding::of(one, 1, found.critical_up)
            }),
            _ => Reach::Untestable(RowReason::Untestable { of: Units::Blocks }),
        }
    });
    let reach = reach.collect();
    let whole = whole_blocks(sides);
    let sessions: BTreeSet<&str> = whole.iter().map(|(session, _)| *session).collect();
    let notes = broken_note(entries, &rows).into_iter().collect();
    Tested {
        design: Design::Paired { sessions: sessions.len(), blocks: whole.len() },
        full: true,
        // Without a test there is no smallest p value but the one that the blocks could have given.
        p_min: if tests.is_empty() { paired_p_min(units.len()) } else { found.p_min },
        reach,
        notes,
    }
}

/// The blocks that some cell has all runs of, whatever these have measured.
fn whole_blocks<'i>(
    (baseline, candidate): (&'i SideIndex<'_>, &'i SideIndex<'_>),
) -> BTreeSet<Block<'i>> {
    let mut blocks: BTreeMap<(&str, Block<'i>), [Vec<Place>; 2]> = BTreeMap::new();
    for (arm, side) in [baseline, candidate].into_iter().enumerate() {
        for run in side.cells.values().flat_map(|cell| &cell.ended).map(|run| run.run) {
            if let Some(pairing) = &run.pairing {
                let block = (run.cell.as_str(), (pairing.session.as_str(), pairing.block));
                blocks.entry(block).or_default()[arm].push((pairing.position, None));
            }
        }
    }
    let whole = blocks.into_iter().filter(|(_, arms)| is_whole(arms));
    whole.map(|((_, block), _)| block).collect()
}

fn unreachable(row: &Differences<'_>, alpha: f64, gap: Option<RowGap>) -> Reach {
    let blocks = row.blocks.len();
    let needed = (2..64).find(|blocks| paired_p_min(*blocks) <= alpha);
    let more = needed.and_then(|needed| u32::try_from(RUNS * needed.saturating_sub(blocks)).ok());
    let p_min = paired_p_min(blocks);
    let why = RowReason::TooFewBlocks { blocks, p_min, alpha, needed };
    Reach::Unreachable { more, why, gap }
}

fn gap(row: &Differences<'_>) -> Option<RowGap> {
    let why = RowReason::BrokenBlocks { blocks: row.broken };
    (row.broken > 0).then_some(RowGap { why, lost: row.lost })
}

fn broken_note(entries: &[&Entry<'_>], rows: &[Differences<'_>]) -> Option<GateNote> {
    let broken = rows.iter().zip(entries).filter(|(row, _)| row.broken > 0);
    let count = broken.clone().count();
    let cells: BTreeSet<&str> = broken.map(|(_, entry)| entry.cell).collect();
    let cell = (*cells.first()?).to_owned();
    Some(GateNote::BrokenBlocks { cell, cells: cells.len(), rows: count })
}

/// One run of a block: its place, and the logarithm of its value.
type Place = (u32, Option<f64>);

fn differences<'i>(entry: &Entry<'i>) -> Differences<'i> {
    let mut blocks: BTreeMap<Block<'i>, [Vec<Place>; 2]> = BTreeMap::new();
    let mut broken = 0;
    for (arm, column) in [&entry.baseline, &entry.candidate].into_iter().enumerate() {
        for (run, value) in runs(column) {
            match &run.pairing {
                Some(pairing) => {
                    let block = (pairing.session.as_str(), pairing.block);
                    let value = value.map(|value| worse_log(entry, value));
                    blocks.entry(block).or_default()[arm].push((pairing.position, value));
                }
                None => broken += 1,
            }
        }
    }
    let mut whole = BTreeMap::new();
    let mut lost = broken > 0 || entry.baseline.lost || entry.candidate.lost;
    for (block, arms) in blocks {
        match difference(&arms) {
            Some(difference) => drop(whole.insert(block, difference)),
            None => broken += 1,
        }
        lost |= !is_whole(&arms);
    }
    Differences { blocks: whole, broken, lost }
}

fn runs<'i>(column: &Column<'i>) -> impl Iterator<Item = (&'i super::side::GateRun, Option<f64>)> {
    let runs = column.runs.iter().map(|run| run.run);
    runs.zip(column.values.iter().copied())
}

/// Whether a block is ABBA or BAAB, so that a linear drift cancels.
fn is_whole([baseline, candidate]: &[Vec<Place>; 2]) -> bool {
    let positions = |arm: &[Place]| arm.iter().map(|(position, _)| *position).collect();
    let (outer, inner) = ([0, 3], [1, 2]);
    let (a, b): (BTreeSet<u32>, BTreeSet<u32>) = (positions(baseline), positions(candidate));
    let (outer, inner) = (BTreeSet::from(outer), BTreeSet::from(inner));
    let twos = baseline.len() == RUNS && candidate.len() == RUNS;
    twos && ((a == outer && b == inner) || (a == inner && b == outer))
}

/// The difference within a block; `None` unless it is whole and has all values.
fn difference(arms: &[Vec<Place>; 2]) -> Option<f64> {
    if !is_whole(arms) {
        return None;
    }
    let [baseline, candidate] = arms;
    let logs = |arm: &[Place]| arm.iter().map(|(_, log)| *log).collect::<Option<Vec<f64>>>();
    let (baseline, candidate) = (logs(baseline)?, logs(candidate)?);
    Some(on_grid(mean(&candidate)? - mean(&baseline)?))
}
