//! Both sides are run in turns, each into a results folder of its own.

use std::collections::BTreeSet;
use std::path::Path;

use super::super::diagnostic::Fault;
use super::super::engine::{self, Campaign, Checked, Executed, Order, Shared, Station};
use super::super::progress::Sink;
use super::session::{Program, Rules, Session};
use crate::event::{Arm, Pairing};
use crate::gate::blocks::{RUNS, Turn, blocks};
use crate::runner::RunSpec;
use crate::sampler::Sampler;

/// The verdict, beside the folders of the sides.
pub(super) const VERDICT: &str = "verdict.json";

/// What is to be compared, and where it goes.
pub(super) struct Duel<'a> {
    /// The orders of the baseline and of the candidate: all repeats of all cells, each into its own part of `folder`.
    pub(super) orders: [Order<'a>; 2],
    /// The folder of both.
    pub(super) folder: &'a Path,
    /// The cells that are compared.
    pub(super) cells: &'a [String],
    /// Blocks of each cell.
    pub(super) blocks: u32,
    /// After so many blocks there is a look; `None`: only at the end.
    pub(super) look: Option<u32>,
    /// Of the order; `None`: the session's own.
    pub(super) seed: Option<u64>,
    /// By which rules it is judged.
    pub(super) gate: &'a Rules,
}

/// What became of it.
pub(super) struct Recorded {
    /// The baseline and the candidate.
    pub(super) sides: [Executed; 2],
    /// Blocks that were made, and asked for, where the look has ended it.
    pub(super) ended_after: Option<(u32, u32)>,
}

/// Whether what is in the folder so far is enough to end with a pass.
pub(super) type Look<'a> = dyn FnMut() -> Result<bool, Fault> + 'a;

/// Runs what is missing of a comparison. Everything that can be known to be wrong is said before anything is written.
pub(super) fn record(
    duel: &Duel<'_>,
    sink: &mut dyn Sink,
    passes: &mut Look<'_>,
) -> Result<Recorded, Fault> {
    refuse_plain_results(duel.folder)?;
    let [baseline, candidate] = &duel.orders;
    let checked = [Checked::new(baseline)?, Checked::new(candidate)?];
    let warnings: BTreeSet<&String> = checked.iter().flat_map(|side| &side.warnings).collect();
    for warning in warnings {
        sink.warn(warning);
    }
    let programs = checked.each_ref().map(|side| Program::of(side.launch()));
    let [first, second] = checked;
    let mut stations = [Station::open(baseline, first)?, Station::open(candidate, second)?];
    let session = session(duel, programs)?;
    let turns = blocks(duel.cells.len(), duel.blocks, session.seed);
    let queue = Queue::new(duel, &stations, &turns, &session.name)?;
    for (station, broken) in stations.iter_mut().zip(&queue.broken) {
        station.discard(broken)?;
    }
    let sampler = Sampler::new(baseline.plan.sampler);
    sink.expect(queue.runs.len());
    session.write(duel.folder)?;
    // A verdict on what was there before is none on what is there now.
    let verdict = duel.folder.join(VERDICT);
    if verdict.exists() {
        fs_err::remove_file(&verdict)?;
    }
    let look = queue.look(duel.look);
    let (early, late) = queue.split(look);
    let of_late = |(_, spec): &(usize, RunSpec)| spec.run.clone();
    let shared = Shared { session: &session.name, later: late.iter().map(of_late).collect() };
    let mut campaign = Campaign::begin(stations.into(), Some(shared), &sampler, sink)?;
    campaign.work(early)?;
    let mut ended_after = None;
    if let Some(look) = look
        && !campaign.interrupted()
    {
        if passes()? {
            ended_after = Some((look, duel.blocks));
        } else {
            campaign.promise_all()?;
            campaign.work(late)?;
        }
    }
    let sides = <[Executed; 2]>::try_from(campaign.end()?);
    let sides = sides.map_err(|_| Fault::new("one side has no results folder"))?;
    Ok(Recorded { sides, ended_after })
}

/// The folder of a comparison holds two results folders; it cannot be one itself.
fn refuse_plain_results(folder: &Path) -> Result<(), Fault> {
    if !folder.join("manifest.json").exists() {
        return Ok(());
    }
    let what = format!("{} holds the results of one grid", folder.display());
    Err(Fault::new(what).hint("--out writes the comparison elsewhere"))
}

/// The session that goes on, or a new one.
fn session(duel: &Duel<'_>, programs: [Program; 2]) -> Result<Session, Fault> {
    let [order, _] = &duel.orders;
    let name = engine::new_session();
    let known = (duel.cells, duel.gate.clone());
    let new = Session::new(&name, duel.seed, duel.blocks, known, programs);
    let begun = Session::read(duel.folder)?.filter(|_| order.resume);
    begun.map_or(Ok(new.clone()), |begun| new.resumes(begun))
}

/// Runs in order, each with the place of its side.
type Runs = Vec<(usize, RunSpec)>;

/// What has to be run.
struct Queue {
    runs: Runs,
    /// Of each side, the runs that are whole in blocks that are not.
    broken: [Vec<String>; 2],
    /// The last block that is whole for any cell.
    whole_blocks: u32,
}

impl Queue {
    /// After how many blocks the look comes. Where a later block is there already, it has been, and has found that it
    /// must go on.
    fn look(&self, asked: Option<u32>) -> Option<u32> {
        asked.filter(|look| self.whole_blocks <= *look)
    }

    /// The runs until the look, and those behind it.
    fn split(self, look: Option<u32>) -> (Runs, Runs) {
        self.runs.into_iter().partition(|(_, spec)| {
            let block = spec.pairing.as_ref().map(|pairing| pairing.block);
            look.is_none_or(|look| block <= Some(look))
        })
    }

    /// A block whose runs are not all there is run again as a whole: its two halves would be of different hours.
    fn new(
        duel: &Duel<'_>,
        stations: &[Station<'_>; 2],
        turns: &[Turn],
        session: &str,
    ) -> Result<Self, Fault> {
        let mut queue =
            Self { runs: Vec::new(), broken: [Vec::new(), Vec::new()], whole_blocks: 0 };
        for block in turns.chunks(RUNS as usize) {
            let found = block.iter().map(|turn| {
                let cell = &duel.cells[turn.cell];
                let place = turn.arm.place();
                let found = stations[place].find(cell, turn.repeat());
                let (spec, kept) = found.ok_or_else(|| {
                    let (arm, repeat) = (turn.arm, turn.repeat());
                    Fault::new(format!("the {arm} has no repeat {repeat} of {cell}"))
                })?;
                let mut spec = spec.clone();
                spec.pairing = Some(pairing(turn, session));
                let whole = kept.is_some_and(|record| record.pairing == spec.pairing);
                Ok((place, spec, kept.is_some(), whole))
            });
            let found: Vec<_> = found.collect::<Result<_, Fault>>()?;
            if found.iter().all(|(_, _, _, whole)| *whole) {
                let blocks = block.iter().map(|turn| turn.block);
                queue.whole_blocks = blocks.fold(queue.whole_blocks, u32::max);
                continue;
            }
            for (place, spec, kept, _) in found {
                if kept {
                    queue.broken[place].push(spec.run.clone());
                }
                queue.runs.push((place, spec));
            }
        }
        Ok(queue)
    }
}

fn pairing(turn: &Turn, session: &str) -> Pairing {
    Pairing {
        session: session.to_owned(),
        arm: turn.arm,
        block: turn.block,
        position: turn.position,
    }
}

/// The part of the folder that belongs to an arm.
pub(super) fn part(folder: &Path, arm: Arm) -> std::path::PathBuf {
    folder.join(arm.name())
}
