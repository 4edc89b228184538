//! One row of `metrics.csv`: empty, with a note more, or as an assessment fills it.

use super::measure::assessment::{Assessment, Cut};
use super::measure::why::Why;
use super::policy::StopPolicy;
use super::stage::{Chosen, Outcome, StageState};
use crate::event::{MetricRow, Stage};
use crate::metric::{MetricDef, Source};
use crate::stats::Estimate;
use crate::units::percent;

/// Without a figure; `chosen`: it is waited for.
pub(super) fn blank(metric: &MetricDef, phase: String, chosen: bool) -> MetricRow {
    MetricRow {
        phase,
        metric: metric.id.into(),
        unit: metric.unit,
        estimate: None,
        low: None,
        high: None,
        confidence: None,
        samples: 0,
        plateaued: chosen.then_some(false),
        note: String::new(),
    }
}

/// Adds a note behind those that it has.
pub(super) fn add_note(row: &mut MetricRow, note: &str) {
    if !row.note.is_empty() && !note.is_empty() {
        row.note.push_str("; ");
    }
    row.note.push_str(note);
}

/// Fills it with what the last look at a stage would say; `chosen`: the metric there, where it is waited for.
pub(super) fn fill(
    row: &mut MetricRow,
    metric: &MetricDef,
    assessment: &Assessment,
    state: &StageState,
    chosen: Option<&Chosen>,
    policy: &StopPolicy,
) {
    if let Some(Estimate { value, interval, samples }) = assessment.estimate {
        row.estimate = Some(value);
        row.samples = samples;
        // Nothing that is measured here can be below 0; Student's interval does not know.
        row.low = interval.map(|interval| interval.low.max(0.0));
        row.high = interval.map(|interval| interval.high);
        row.confidence = interval.map(|_| policy.confidence);
    }
    let was_known = |chosen: &Chosen| chosen.left_out.is_none() && chosen.known(policy.looks);
    let was_known = chosen.map(was_known);
    // The figures are of the end, so what is said of them must hold then.
    row.plateaued = was_known.map(|known| known && assessment.open.is_none());
    let mut notes = Vec::new();
    if was_known == Some(true) && row.plateaued == Some(false) {
        notes.push(moved(assessment, policy));
    } else if row.plateaued == Some(false) && state.outcome == Some(Outcome::TimeUp) {
        notes.push(match assessment.reached() {
            Some(reached) => {
                format!(
                    "unstable: reached ±{}, asked ±{}",
                    percent(reached),
                    percent(policy.within)
                )
            }
            None => format!("unstable: not known within ±{}", percent(policy.within)),
        });
    }
    if let Some(cut) = assessment.cut.filter(Cut::is_much) {
        notes.push(cut.sentence());
    }
    notes.extend(load_note(state, metric));
    let disturbed = assessment.disturbed.zip(assessment.estimate);
    notes.extend(disturbed.and_then(|(found, estimate)| found.note(&estimate, row.unit)));
    match &assessment.open {
        Some(Why::NoReading(reason)) => notes.push(reason.clone()),
        // How wide it is stands beside it.
        Some(Why::Wide | Why::Recent | Why::Growing(_) | Why::Disturbed { .. }) | None => {}
        Some(why) => notes.push(why.sentence()),
    }
    row.note = notes.join("; ");
}

/// What was known when it was decided on, and is not at the end.
fn moved(assessment: &Assessment, policy: &StopPolicy) -> String {
    match (&assessment.open, assessment.reached()) {
        (Some(Why::Wide), Some(reached)) => format!(
            "was known, then moved: reached ±{}, asked ±{}",
            percent(reached),
            percent(policy.within)
        ),
        (Some(Why::Recent), _) => "was known, then moved: its last record is recent".to_owned(),
        _ => "was known, then moved".to_owned(),
    }
}

/// What the load does to a figure of a stage, for its note.
pub(super) fn load_note(state: &StageState, metric: &MetricDef) -> Option<String> {
    let serves = matches!(state.stage, Stage::Serve(_) | Stage::Confirm(_));
    (serves && metric.source == Source::Steps).then(|| state.series.load())?.sentence()
}
