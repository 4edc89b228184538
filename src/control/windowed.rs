//! Quantiles of the rate over windows of time, which are said when their stage is over.

use super::measure::times::{ELAPSED, STEPS};
use super::row::{add_note, load_note};
use super::stage::StageState;
use crate::event::MetricRow;
use crate::metric::MetricDef;
use crate::stats::FEWEST_WINDOWS;
use crate::stats::batches::total;
use crate::units::seconds;

/// The quantile at `level` of the rates of a stage, without those of its warm-up, or why there is none.
pub(super) fn fill(row: &mut MetricRow, metric: &MetricDef, state: &StageState, level: f64) {
    let windows = &state.series.windows;
    let (all, width) = (windows.len(), seconds(windows.width_s()));
    let skip = windows.warm_up(warm_up_s(state));
    let note = match windows.quantile(level, skip) {
        Some(found) => {
            (row.estimate, row.samples) = (Some(found.value), found.samples);
            let of = format!("{} windows of {width}", all - skip);
            match skip {
                0 => of,
                _ => format!("{of}, without {skip} of warm-up"),
            }
        }
        None if state.series.times.observations() == 0 => {
            "no step was timed in this phase".to_owned()
        }
        None => {
            // Too few is not none: whoever compares runs has to tell a short one from one without the metric.
            row.samples = all.saturating_sub(skip) as u64;
            format!(
                "the steps fill {all} windows of {width}, and a quartile needs {FEWEST_WINDOWS}"
            )
        }
    };
    add_note(row, &note);
    if let Some(note) = load_note(state, metric) {
        add_note(row, &note);
    }
    row.plateaued = row.plateaued.map(|_| row.estimate.is_some());
}

/// Time of the steps that figures of steps leave out, in seconds.
fn warm_up_s(state: &StageState) -> f64 {
    let elapsed = state.series.times.parts(ELAPSED, STEPS);
    let cut = state.series.beginning().cut.min(elapsed.len());
    total(&elapsed[..cut]).amount
}
