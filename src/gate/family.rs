//! What the tests of all designs share: logarithms turned so that up is worse, kinds, and what a test found.

use super::entry::{Entry, RowGap};
use super::reason::{GateNote, RowReason};
use super::verdict::Design;
use crate::metric::Better;
use crate::stats::permutation::TestOutcome;

/// What became of the rows that were to be tested.
pub(super) struct Tested {
    pub(super) design: Design,
    /// Whether a row may be called regressed.
    pub(super) full: bool,
    pub(super) p_min: f64,
    /// One for each row.
    pub(super) reach: Vec<Reach>,
    pub(super) notes: Vec<GateNote>,
}

/// How far a row could be tested.
pub(super) enum Reach {
    /// It was.
    Tested(Finding),
    /// No change could be found, however large.
    Unreachable {
        /// Runs that each side still needs.
        more: Option<u32>,
        why: RowReason,
        /// Figures are missing.
        gap: Option<RowGap>,
    },
    /// The design cannot say anything of this row.
    Untestable(RowReason),
}

/// What a test found. Logarithms, turned so that up is worse.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Finding {
    pub(super) effect: f64,
    pub(super) se: f64,
    pub(super) low: f64,
    pub(super) high: f64,
    pub(super) p_up: f64,
    pub(super) p_down: f64,
    /// How many standard errors a change must be from 0 for a small enough p value.
    pub(super) critical: f64,
    /// Degrees of freedom of the standard error, the moderated variance's prior ones included.
    pub(super) freedom: f64,
    /// Runs of each side that the test rests on; absent where more of them would not make it sharper.
    pub(super) runs: Option<usize>,
    /// How it falls short of a full verdict.
    pub(super) ceiling: Option<RowReason>,
    /// Values that the others of its row have and some lack.
    pub(super) gap: Option<RowGap>,
    /// The smallest change that counts, as a share: what is below it for certain passes.
    pub(super) floor: f64,
    /// The smallest change that this design may call one, as a share: at least the floor.
    pub(super) callable: f64,
}

/// Degrees of freedom that the variance borrows from the tests of the same kind.
const PRIOR_FREEDOM: f64 = 4.0;

impl Finding {
    /// What a permutation test found that takes so many means from its units, without what the design adds. `critical`: that of
    /// the largest statistic.
    pub(super) fn of(one: &TestOutcome, means: usize, critical: f64) -> Self {
        Self {
            effect: one.effect,
            se: one.se,
            low: one.low,
            high: one.high,
            p_up: one.p_up,
            p_down: one.p_down,
            critical,
            freedom: one.units.saturating_sub(means) as f64 + PRIOR_FREEDOM,
            runs: None,
            ceiling: None,
            gap: None,
            floor: 0.0,
            callable: 0.0,
        }
    }
}

/// A multiple of 2^-40. Sums of so coarse logarithms are exact, so that no judgement depends on the order of its runs or, but for
/// the last of these steps, on the unit of their figures; a step is 1e-12 of a value.
pub(super) fn on_grid(value: f64) -> f64 {
    const STEPS: f64 = (1_u64 << 40) as f64;
    // Adding 0 takes the sign from a negative one.
    (value * STEPS).round() / STEPS + 0.0
}

/// The logarithm of a figure, turned so that up is worse.
pub(super) fn worse_log(entry: &Entry<'_>, value: f64) -> f64 {
    let sign = entry.rule.direction.map_or(1.0, Better::sign);
    on_grid(sign * value.ln())
}

/// The mean of values on the grid; `None` without any.
pub(super) fn mean(values: &[f64]) -> Option<f64> {
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}

/// Numbers the kinds of these rows: rows of a kind share a variance.
pub(super) fn kinds(entries: &[&Entry<'_>]) -> Vec<usize> {
    let names: Vec<String> = entries.iter().map(|entry| entry.metric.spread_kind()).collect();
    let mut order = names.clone();
    order.sort_unstable();
    order.dedup();
    names.iter().filter_map(|name| order.binary_search(name).ok()).collect()
}
