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

/// Arrangements of a single stored session, which cannot fail whatever they are.
const FEW: u32 = 1999;

#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Verdict {
    Regressed,
    Suspect,
    Improved,
    Pass,
    Inconclusive,
}

/// What is said of a cell's metric. Effects are in log units, more is worse.
#[derive(Clone, Copy)]
pub(crate) struct Row {
    pub(crate) verdict: Verdict,
    pub(crate) effect: f64,
    /// In the direction of the effect.
    pub(crate) p: f64,
    pub(crate) low: f64,
    pub(crate) high: f64,
}

impl Row {
    /// `full`: whether it may be called regressed.
    fn new(
        (effect, p_up, p_down): (f64, f64, f64),
        (low, high): (f64, f64),
        (floor, full): (f64, bool),
    ) -> Self {
        let floor = floor.ln_1p();
        let verdict = if p_up <= ALPHA && effect >= floor {
            if full {
                Verdict::Regressed
            } else {
                Verdict::Suspect
            }
        } else if p_down <= ALPHA && effect <= -floor {
            Verdict::Improved
        } else if high < floor {
            Verdict::Pass
        } else {
            Verdict::Inconclusive
        };
        Self {
            verdict,
            effect,
            p: if effect > 0.0 { p_up } else { p_down },
            low,
            high,
        }
    }
}

/// Interleaved arms: the differences within blocks. Row `2 * cell + metric`.
pub(crate) fn interleaved(runs: &[Run], floor: f64) -> Vec<Row> {
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
    rows(&paired_family(&tests, &ASK), (floor, true))
}

fn rows(found: &FamilyOutcome, said: (f64, bool)) -> Vec<Row> {
    found
        .tests
        .iter()
        .map(|test| {
            let test = test.unwrap();
            let effect = (test.effect, test.p_up, test.p_down);
            Row::new(effect, (test.low, test.high), said)
        })
        .collect()
}

/// Runs of one session, `[cell][repeat]`.
pub(crate) type Session = Vec<Vec<[f64; 2]>>;

/// One stored session is suspect at most, and only beyond four floors and 20%; eight can fail a build.
pub(crate) fn stored(sessions: &[Session], new: &Session, floor: f64) -> Vec<Row> {
    match sessions {
        [stored] => one_session(stored, new, (4.0 * floor).max(0.2)),
        _ => several_sessions(sessions, new, (floor, sessions.len() >= 8)),
    }
}

/// Labels exchanged over repeats.
fn one_session(stored: &Session, new: &Session, floor: f64) -> Vec<Row> {
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
    let ask = FamilyAsk { draws: FEW, ..ASK };
    rows(&group_family(&tests, &groups, &ask), (floor, false))
}

/// Is the new one what they predict?
fn several_sessions(stored: &[Session], new: &Session, said: (f64, bool)) -> Vec<Row> {
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
            let effect = (test.effect, test.p_up, test.p_down);
            Row::new(effect, (test.low, test.high), said)
        })
        .collect()
}
