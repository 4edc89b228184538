//! By how much a lane slows while others beside it are busy: a few loops that each stress another part of a machine, in turns alone
//! and beside the same loop on all other lanes.
//!
//! Invariant: alone and beside are as long, as often and as near to each other in time; what drifts slowly cancels out.

use std::hint::black_box;
use std::thread;

use super::topology::bind;
use crate::clock::Clock;
use crate::event::Lane;

/// How long a stretch is measured, in nanoseconds, and how long it runs before that: until threads run and clocks are up.
const STRETCH_NS: u64 = 150_000_000;
const BEFORE_NS: u64 = 30_000_000;

/// What starting a thread may take, in nanoseconds.
const PER_THREAD_NS: u64 = 200_000;

/// Bytes of a buffer that fits into a core's own cache, and of one that fits into none.
const OWN_CACHE: usize = 256 << 10;
const NO_CACHE: usize = 64 << 20;

/// The most that all buffers take together, in bytes.
const ALL_BUFFERS: usize = 1 << 30;

/// What a loop stresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stress {
    /// The units of a core.
    Registers,
    /// The cache that is a core's own.
    Cache,
    /// The memory, and the cache that all cores share.
    Memory,
}

impl Stress {
    /// All.
    pub const ALL: [Self; 3] = [Self::Registers, Self::Cache, Self::Memory];
}

/// Rates of a lane in the four stretches of a block, in an unspecified unit.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Block {
    /// Before and after it ran beside others.
    pub alone: [f64; 2],
    /// Beside others.
    pub beside: [f64; 2],
}

/// Measures the first of these lanes so many times; an error: a thread cannot be started, or not be bound to its lane.
pub fn measure(
    lanes: &[Lane],
    stress: Stress,
    blocks: usize,
    clock: &impl Clock,
) -> Result<Vec<Block>, String> {
    let threads: usize = lanes.iter().map(|lane| lane.cpus.len()).sum();
    let bytes = match stress {
        Stress::Registers => 8,
        Stress::Cache => OWN_CACHE,
        Stress::Memory => NO_CACHE.min(ALL_BUFFERS / threads.max(1)).max(OWN_CACHE),
    };
    // Filled, so that its pages are there.
    let mut buffers = vec![vec![1_u64; bytes / 8]; threads];
    let mut stretch = |beside: bool| {
        let lanes = if beside { lanes } else { lanes.get(..1).unwrap_or_default() };
        rate(lanes, stress, &mut buffers, clock)
    };
    let block = |_| {
        let first = stretch(false)?;
        let beside = [stretch(true)?, stretch(true)?];
        Ok(Block { alone: [first, stretch(false)?], beside })
    };
    (0..blocks).map(block).collect()
}

/// How fast the first of these lanes is while all of them are busy: rounds of the loop a second, of all of its threads.
fn rate(
    lanes: &[Lane],
    stress: Stress,
    buffers: &mut [Vec<u64>],
    clock: &impl Clock,
) -> Result<f64, String> {
    let seats: Vec<&Lane> =
        lanes.iter().flat_map(|lane| lane.cpus.iter().map(move |_| lane)).collect();
    // All of them at the same moment, once the last thread runs.
    let start = clock.now_ns().saturating_add(BEFORE_NS + PER_THREAD_NS * seats.len() as u64);
    thread::scope(|scope| {
        let mut running = Vec::new();
        for (lane, buffer) in seats.iter().zip(buffers) {
            let cpus = lane.cpus.clone();
            let work = move || bind(&cpus).map(|()| rounds(stress, buffer, clock, start));
            let started = thread::Builder::new().spawn_scoped(scope, work);
            running.push(started.map_err(|error| format!("the system gives no thread: {error}"))?);
        }
        let of_first = lanes.first().map_or(0, |lane| lane.cpus.len());
        let mut sum = 0.0;
        for (at, thread) in running.into_iter().enumerate() {
            let found = thread.join().map_err(|_| "a thread broke off".to_owned())?;
            let found = found.map_err(|error| format!("cannot be bound to its lane: {error}"))?;
            sum += if at < of_first { found } else { 0.0 };
        }
        Ok(sum)
    })
}

/// Rounds a second of this thread, which are counted from `start` on.
fn rounds(stress: Stress, buffer: &mut [u64], clock: &impl Clock, start: u64) -> f64 {
    let (mut state, mut count, mut began) = (1_u64, 0_u64, None);
    let mut place = 0;
    loop {
        state = match stress {
            Stress::Registers => turn(state),
            Stress::Cache | Stress::Memory => pass(buffer, &mut place, state),
        };
        let now = clock.now_ns();
        match began {
            None if now >= start => began = Some(now),
            None => {}
            Some(began) => {
                count += 1;
                let length = now.saturating_sub(began);
                if length >= STRETCH_NS {
                    black_box(state);
                    return count as f64 * 1e9 / length as f64;
                }
            }
        }
    }
}

/// Some microseconds of work that needs no memory.
fn turn(mut state: u64) -> u64 {
    for _ in 0..4096 {
        state = black_box(state.wrapping_mul(0x5851_f42d_4c95_7f2d).rotate_left(17) ^ 1);
    }
    state
}

/// Reads and writes the next part of a buffer, a cache line at a time.
fn pass(buffer: &mut [u64], place: &mut usize, mut state: u64) -> u64 {
    /// Words of a cache line.
    const LINE: usize = 8;
    let end = (*place + (OWN_CACHE / 8)).min(buffer.len());
    for word in buffer[*place..end].iter_mut().step_by(LINE) {
        state = state.wrapping_add(*word);
        *word = state;
    }
    *place = if end == buffer.len() { 0 } else { end };
    black_box(state)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::{Clock, ManualClock};

    /// Time goes on by a millisecond at each look.
    #[derive(Clone, Default)]
    struct Looks(ManualClock);

    impl Clock for Looks {
        fn now_ns(&self) -> u64 {
            self.0.advance(1_000_000);
            self.0.now_ns()
        }
    }

    #[test]
    fn each_loop_counts_its_rounds() {
        for stress in Stress::ALL {
            let mut buffer = vec![1; 3 * OWN_CACHE / 8];
            let rate = rounds(stress, &mut buffer, &Looks::default(), 30_000_000);
            // One a millisecond.
            assert!((rate - 1000.0).abs() < 20.0, "{stress:?}: {rate}");
        }
    }

    #[test]
    fn what_cannot_be_bound_is_said() {
        let lane = |cpu| Lane { number: 1, of: 2, cpus: vec![cpu], gpu: None };
        let lanes = [lane(1022), lane(1023)];
        let why = measure(&lanes, Stress::Registers, 1, &Looks::default()).unwrap_err();
        assert!(why.contains("cannot be bound"), "{why}");
    }
}
