//! Quantiles of the rate over windows of time, which are said when their stage is over.

use super::measure::times::{ELAPSED, STEPS};
use super::row::load_note;
use super::stage::StageState;
use crate::event::{MetricRow, Note, Num};
use crate::metric::MetricDef;
use crate::stats::FEWEST_WINDOWS;
use crate::stats::batches::total;

/// The quantile at `level` of the rates of a stage, without those of its warm-up, or why there is none.
pub(super) fn fill(row: &mut MetricRow, metric: &MetricDef, state: &StageState, level: f64) {
    let windows = &state.series.windows;
    let (all, width_s) = (windows.len(), Num(windows.width_s()));
    let skip = windows.warm_up(warm_up_s(state));
    let note = match windows.quantile(level, skip) {
        Some(found) => {
            (row.estimate, row.samples) = (Some(found.value), found.samples);
            Note::Windows { windows: all - skip, width_s, warm_up: skip }
        }
        None if state.series.times.observations() == 0 => Note::NoStep,
        None => {
            // Too few is not none: whoever compares runs has to tell a short one from one without the metric.
            row.samples = all.saturating_sub(skip) as u64;
            Note::FewWindows { windows: all, width_s, needed: FEWEST_WINDOWS }
        }
    };
    row.notes.push(note);
    row.notes.extend(load_note(state, metric));
    row.plateaued = row.plateaued.map(|_| row.estimate.is_some());
}

/// Time of the steps that figures of steps leave out, in seconds.
fn warm_up_s(state: &StageState) -> f64 {
    let elapsed = state.series.times.parts(ELAPSED, STEPS);
    let cut = state.series.beginning().cut.min(elapsed.len());
    total(&elapsed[..cut]).amount
}
