//! Simulated measurements: what an interleaved comparison, or one session, would have recorded.

use super::noise::{Model, Noise, Stream};

pub(crate) const CELLS: usize = 12;
pub(crate) const BLOCKS: usize = 10;
/// Two for each cell.
pub(crate) const ROWS: usize = 2 * CELLS;

/// One run: natural logarithms of a time and of the inverse of a rate, so that more is worse.
#[derive(Clone, Copy)]
pub(crate) struct Run {
    pub(crate) candidate: bool,
    pub(crate) cell: usize,
    /// From 0.
    pub(crate) block: usize,
    /// Within its block, from 0.
    pub(crate) position: usize,
    pub(crate) values: [f64; 2],
}

/// Blocks of four runs a cell, in random order, each ABBA or BAAB at random. `slower`: by how much each cell of the
/// candidate is slower, in log units.
pub(crate) fn interleaved(seed: u64, model: Model, slower: &[f64; CELLS]) -> Vec<Run> {
    let mut order = Noise::new(2 * seed);
    let mut noise = Noise::new(2 * seed + 1);
    let mut stream = Stream::new(model, &mut noise);
    let mut runs = Vec::with_capacity(4 * CELLS * BLOCKS);
    let mut cells: Vec<usize> = (0..CELLS).collect();
    for block in 0..BLOCKS {
        order.shuffle(&mut cells);
        for cell in cells.iter().copied() {
            let turned = order.uniform() < 0.5;
            for position in 0..4 {
                let candidate = (position == 1 || position == 2) != turned;
                let effect = if candidate { slower[cell] } else { 0.0 };
                let values = stream.next().map(|noise| level(cell) + effect + noise);
                runs.push(Run { candidate, cell, block, position, values });
            }
        }
    }
    runs
}

/// What a cell's run takes, in log seconds; any numbers do, as long as they differ.
pub(crate) fn level(cell: usize) -> f64 {
    -5.0 + 0.37 * cell as f64
}

/// A session's own luck: deviation in log units, and which part of its variance is common to all cells.
#[derive(Clone, Copy)]
pub(crate) struct Luck {
    pub(crate) deviation: f64,
    pub(crate) common: f64,
}

/// One session of `repeats` runs of each cell: `[cell][repeat]`.
pub(crate) fn session(
    noise: &mut Noise,
    (repeats, run_cv): (usize, f64),
    luck: Luck,
    slower: &[f64; CELLS],
) -> Vec<Vec<[f64; 2]>> {
    let all = noise.pair();
    (0..CELLS)
        .map(|cell| {
            let own = noise.pair();
            let offset = |at: usize| {
                let mixed = luck.common.sqrt() * all[at] + (1.0 - luck.common).sqrt() * own[at];
                level(cell) + slower[cell] + luck.deviation * mixed
            };
            let offset = [offset(0), offset(1)];
            (0..repeats)
                .map(|_| {
                    let z = noise.pair();
                    [0, 1].map(|at| offset[at] + run_cv * z[at])
                })
                .collect()
        })
        .collect()
}
