//! Which runs of a comparison are missing, in the order of their turns.
//!
//! Running them is left to the session. Invariant: a block is run as a whole, since its halves would be of different
//! hours.

use crate::app::Fault;
use crate::app::session::OpenFolder;
use crate::event::Pairing;
use crate::gate::blocks::{RUNS, Turn};
use crate::runner::RunSpec;

/// Runs in order, each with the place of its side.
pub(super) type Runs = Vec<(usize, RunSpec)>;

/// What has to be run.
pub(super) struct Queue {
    pub(super) runs: Runs,
    /// Of each side, the runs that are whole in blocks that are not.
    pub(super) broken: [Vec<String>; 2],
    /// The last block that is whole for any cell.
    whole_blocks: u32,
}

impl Queue {
    /// After how many blocks the look comes. Where a later block is there already, it has been, and has found that it
    /// must go on.
    pub(super) fn look(&self, asked: Option<u32>) -> Option<u32> {
        asked.filter(|look| self.whole_blocks <= *look)
    }

    /// The runs until the look, and those behind it.
    pub(super) fn split(self, look: Option<u32>) -> (Runs, Runs) {
        self.runs.into_iter().partition(|(_, spec)| {
            let block = spec.pairing.as_ref().map(|pairing| pairing.block);
            look.is_none_or(|look| block <= Some(look))
        })
    }

    /// A block whose runs are not all there is run again as a whole: its two halves would be of different hours.
    pub(super) fn new(
        cells: &[String],
        folders: &[OpenFolder<'_>; 2],
        turns: &[Turn],
        session: &str,
    ) -> Result<Self, Fault> {
        let mut queue =
            Self { runs: Vec::new(), broken: [Vec::new(), Vec::new()], whole_blocks: 0 };
        for block in turns.chunks(RUNS as usize) {
            let found = block.iter().map(|turn| {
                let cell = &cells[turn.cell];
                let place = turn.arm.place();
                let found = folders[place].find(cell, turn.repeat());
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
