//! One row of `metrics.csv`: empty, with a note more, or as an assessment fills it.

use super::measure::assessment::{Assessment, Cut};
use super::policy::StopPolicy;
use super::stage::{Chosen, Outcome, StageState};
use crate::event::{MetricRow, Note, Num, Stage, Why};
use crate::metric::{MetricDef, Source};
use crate::stats::Estimate;

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
        notes: Vec::new(),
    }
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
        let reached = assessment.reached().map(Num);
        notes.push(Note::Unstable { reached, asked: Num(policy.within) });
    }
    notes.extend(assessment.cut.filter(Cut::is_much).map(|cut| cut.note()));
    notes.extend(load_note(state, metric));
    let disturbed = assessment.disturbed.zip(assessment.estimate);
    notes.extend(disturbed.and_then(|(found, estimate)| found.note(&estimate)));
    match &assessment.open {
        Some(Why::NoReading { note }) => notes.push((**note).clone()),
        // How wide it is stands beside it.
        Some(Why::Wide | Why::Recent | Why::Growing { .. } | Why::Disturbed { .. }) | None => {}
        Some(why) => notes.push(Note::Open { why: why.clone() }),
    }
    row.notes = notes;
}

/// What was known when it was decided on, and is not at the end.
fn moved(assessment: &Assessment, policy: &StopPolicy) -> Note {
    let wide = assessment.open == Some(Why::Wide);
    Note::Moved {
        reached: assessment.reached().filter(|_| wide).map(Num),
        asked: Num(policy.within),
        recent: assessment.open == Some(Why::Recent),
    }
}

/// What the load does to a figure of a stage, for its note.
pub(super) fn load_note(state: &StageState, metric: &MetricDef) -> Option<Note> {
    let serves = matches!(state.stage, Stage::Serve(_) | Stage::Confirm(_));
    (serves && metric.source == Source::Steps).then(|| state.series.load())?.note()
}
