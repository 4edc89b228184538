//! By how much figures move on a lane while the other lanes are busy.
//!
//! Invariant: every change comes with its interval, and beside it what the same method finds where nothing was changed.

use serde::Serialize;

use super::training;
use crate::app::Fault;
use crate::app::lanes::{Lanes, of_machine};
use crate::clock::MonotonicClock;
use crate::event::Lane;
use crate::sampler::beside::{self, Block, Stress};
use crate::stats::{Estimate, quotient};

/// Blocks of each loop: with seven degrees of freedom the interval is little wider than it would be with many.
const BLOCKS: usize = 8;

/// Blocks of trainings, each of which starts a worker four times.
const TRAININGS: usize = 5;

/// Of the intervals.
const CONFIDENCE: f64 = 0.95;

/// A change of a rate, as a share of it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Change {
    /// Below 0: it is slower.
    pub change: f64,
    /// The ends of its interval; absent where none can be given.
    pub low: Option<f64>,
    /// The upper one.
    pub high: Option<f64>,
}

impl From<Estimate> for Change {
    fn from(found: Estimate) -> Self {
        let [low, high] =
            [found.interval.map(|ends| ends.low), found.interval.map(|ends| ends.high)]
                .map(|end| end.map(|end| end - 1.0));
        Self { change: found.value - 1.0, low, high }
    }
}

/// What a loop showed.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Moved {
    /// What it stresses.
    pub stresses: &'static str,
    /// Of its rate beside busy lanes against that alone.
    pub beside: Change,
    /// Of its rate alone against that alone a moment before.
    pub again: Change,
    /// Whether the one is told apart from the other: their intervals have nothing in common.
    pub told_apart: bool,
}

impl Change {
    /// Whether the intervals have nothing in common; not where there is none.
    fn is_beyond(&self, other: &Self) -> bool {
        let above = |one: &Self, other: &Self| one.low.zip(other.high).is_some_and(|(a, b)| a > b);
        above(self, other) || above(other, self)
    }
}

/// What was found.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LanesCheck {
    /// The lanes; the first one was measured.
    pub lanes: Vec<Lane>,
    /// How often each loop ran alone and beside the others, in turns.
    pub blocks: usize,
    /// Of the intervals.
    pub confidence: f64,
    /// What each loop showed.
    pub loops: Vec<Moved>,
    /// How often the first lane trained alone and beside the others, in turns.
    pub trainings: usize,
    /// What training showed, with the native worker; absent where there is none.
    pub training: Option<Moved>,
}

impl LanesCheck {
    /// Measures it on this machine.
    pub fn measure(asked: Lanes) -> Result<Self, Fault> {
        let lanes = of_machine(asked).map_err(|why| Fault::new(why.to_string()))?;
        if lanes.len() < 2 {
            let what = "one lane has nothing beside it that could move its figures";
            return Err(Fault::new(what).hint("ask for two or more, such as --lanes 2"));
        }
        let moved = |stress| {
            let blocks = beside::measure(&lanes, stress, BLOCKS, &MonotonicClock);
            let blocks = blocks.map_err(|why| Fault::new(format!("a lane: {why}")))?;
            self::moved(stresses(stress), &blocks).ok_or_else(no_rate)
        };
        let loops = Stress::ALL.into_iter().map(moved).collect::<Result<_, _>>()?;
        let training = training::measure(&lanes, TRAININGS)?;
        let training =
            training.map(|blocks| self::moved(training::MODEL, &blocks).ok_or_else(no_rate));
        Ok(Self {
            lanes,
            blocks: BLOCKS,
            confidence: CONFIDENCE,
            loops,
            trainings: TRAININGS,
            training: training.transpose()?,
        })
    }
}

fn no_rate() -> Fault {
    Fault::new("a loop had no rate at all")
}

const fn stresses(stress: Stress) -> &'static str {
    match stress {
        Stress::Registers => "computing",
        Stress::Cache => "a core's own cache",
        Stress::Memory => "memory and shared cache",
    }
}

/// What these blocks say; nothing where a rate is none.
fn moved(stresses: &'static str, blocks: &[Block]) -> Option<Moved> {
    let mean = |[one, other]: [f64; 2]| f64::midpoint(one, other);
    let beside = blocks.iter().map(|block| (mean(block.alone), mean(block.beside)));
    let again = blocks.iter().map(|block| (block.alone[0], block.alone[1]));
    let [beside, again] = [quotient(beside, CONFIDENCE)?, quotient(again, CONFIDENCE)?];
    let [beside, again] = [beside, again].map(Change::from);
    Some(Moved { stresses, beside, again, told_apart: beside.is_beyond(&again) })
}

#[cfg(test)]
pub(crate) fn example() -> LanesCheck {
    let lane = |number, cpu| Lane { number, of: 2, cpus: vec![cpu], gpu: None };
    let of = |slower: f64| -> Vec<Block> {
        let each = (0..8).map(|at| 1000.0 + f64::from(at % 3));
        each.map(|a| Block { alone: [a, a + 1.0], beside: [a * slower, a * slower] }).collect()
    };
    let slower = [0.999, 0.93, 0.6];
    let loops = Stress::ALL.into_iter().zip(slower);
    LanesCheck {
        lanes: vec![lane(1, 0), lane(2, 1)],
        blocks: 8,
        confidence: CONFIDENCE,
        loops: loops.filter_map(|(stress, slower)| moved(stresses(stress), &of(slower))).collect(),
        trainings: 5,
        training: moved(training::MODEL, &of(0.9)[..5]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_is_found_within_its_interval_and_none_where_there_is_none() {
        let check = example();
        let memory = &check.loops[2];
        assert!((memory.beside.change + 0.4).abs() < 0.01, "{memory:?}");
        assert!(memory.beside.low < memory.beside.high);
        assert!(memory.again.change.abs() < 0.01 && memory.told_apart);
        // Where the machine itself wanders, nothing is.
        let wander = |at: i32| 1000.0 * f64::from(1 + at % 3);
        let wandering = (0..8).map(|at| Block {
            alone: [wander(at), wander(at + 1)],
            beside: [wander(at + 2), wander(at)],
        });
        let wandering = moved("memory", &wandering.collect::<Vec<_>>()).unwrap();
        assert!(!wandering.told_apart, "{wandering:?}");
        let nothing = Block { alone: [0.0, 0.0], beside: [0.0, 0.0] };
        assert_eq!(moved("cache", &[nothing; 8]), None);
    }

    #[test]
    fn one_lane_has_nothing_beside_it() {
        let fault = LanesCheck::measure(Lanes::ONE).unwrap_err();
        assert!(fault.error.to_string().contains("nothing beside it"));
    }
}
