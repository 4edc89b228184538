//! The gate's rule, straight from the statistics.

use perftune::stats::{
    FamilyAsk, FamilyOutcome, GroupTest, Groups, PairedTest, PredictionTest, group_family,
    paired_family, prediction_family,
};

use super::experiment::{BLOCKS, CELLS, Run};

pub(crate) const ALPHA: f64 = 0.01;

const ASK: FamilyAsk = FamilyAsk {
    alpha: ALPHA,
    draws: 19_999,
    seed: 1,
};

/// What is said of a cell's metric. Effects are in log units, more is worse.
#[derive(Clone, Copy)]
pub(crate) struct Row {
    pub(crate) effect: f64,
    pub(crate) p_up: f64,
    pub(crate) p_down: f64,
    pub(crate) low: f64,
    pub(crate) high: f64,
}

impl Row {
    pub(crate) fn fails(&self, floor: f64) -> bool {
        self.p_up <= ALPHA && self.effect >= floor.ln_1p()
    }

    pub(crate) fn passes(&self, floor: f64) -> bool {
        self.high < floor.ln_1p()
    }

    pub(crate) fn improves(&self, floor: f64) -> bool {
        self.p_down <= ALPHA && self.effect <= -floor.ln_1p()
    }

    pub(crate) fn is_inconclusive(&self, floor: f64) -> bool {
        !(self.fails(floor) || self.passes(floor) || self.improves(floor))
    }
}

/// Interleaved arms: the differences within blocks. Row `2 * cell + metric`.
pub(crate) fn interleaved(runs: &[Run]) -> Vec<Row> {
    let mut sums = vec![[[0.0_f64; 2]; 2]; CELLS * BLOCKS];
    for run in runs {
        let arm = &mut sums[run.cell * BLOCKS + run.block][usize::from(run.candidate)];
        arm[0] += run.values[0] / 2.0;
        arm[1] += run.values[1] / 2.0;
    }
    let tests: Vec<PairedTest> = (0..2 * CELLS)
        .map(|row| {
            let (cell, metric) = (row / 2, row % 2);
            let difference = |block: usize| {
                let [base, new] = sums[cell * BLOCKS + block];
                Some(new[metric] - base[metric])
            };
            PairedTest {
                kind: metric,
                differences: (0..BLOCKS).map(difference).collect(),
            }
        })
        .collect();
    rows(&paired_family(&tests, &ASK))
}

fn rows(found: &FamilyOutcome) -> Vec<Row> {
    found
        .tests
        .iter()
        .map(|test| {
            let test = test.unwrap();
            Row {
                effect: test.effect,
                p_up: test.p_up,
                p_down: test.p_down,
                low: test.low,
                high: test.high,
            }
        })
        .collect()
}

/// Runs of one session, `[cell][repeat]`.
pub(crate) type Session = Vec<Vec<[f64; 2]>>;

/// One stored session: labels exchanged over repeats.
pub(crate) fn one_session(stored: &Session, new: &Session) -> Vec<Row> {
    let (base, all) = (stored[0].len(), stored[0].len() + new[0].len());
    let tests: Vec<GroupTest> = (0..2 * CELLS)
        .map(|row| {
            let (cell, metric) = (row / 2, row % 2);
            let runs = stored[cell].iter().chain(&new[cell]);
            GroupTest {
                kind: metric,
                values: runs.map(|values| Some(values[metric])).collect(),
            }
        })
        .collect();
    let groups = Groups {
        candidate: (0..all).map(|unit| unit >= base).collect(),
        stratum: vec![0; all],
    };
    rows(&group_family(&tests, &groups, &ASK))
}

/// Several stored sessions: is the new one what they predict?
pub(crate) fn several_sessions(stored: &[Session], new: &Session) -> Vec<Row> {
    let mean = |session: &Session, row: usize| {
        let runs = &session[row / 2];
        runs.iter().map(|values| values[row % 2]).sum::<f64>() / runs.len() as f64
    };
    let tests: Vec<PredictionTest> = (0..2 * CELLS)
        .map(|row| PredictionTest {
            kind: row % 2,
            sessions: stored.iter().map(|session| mean(session, row)).collect(),
            new: mean(new, row),
        })
        .collect();
    prediction_family(&tests, ALPHA)
        .into_iter()
        .map(|test| {
            let test = test.unwrap();
            Row {
                effect: test.effect,
                p_up: test.p_up,
                p_down: test.p_down,
                low: test.low,
                high: test.high,
            }
        })
        .collect()
}
