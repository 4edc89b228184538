//! The judgement as JSON: its reasons as they are, and in words beside that.

use serde::Serialize;

use super::super::ReportError;
use super::super::json::pretty;
use super::super::words::{gate_note, row_reasons};
use crate::event::fingerprint::FingerprintDifference;
use crate::gate::{Coverage, Design, GateNote, Judgement, Outcome, Row};

#[derive(Serialize)]
struct Document<'a> {
    format: &'a str,
    baseline: &'a str,
    candidate: &'a str,
    design: Design,
    full_verdicts: bool,
    alpha: f64,
    p_min: f64,
    rows: Vec<SaidRow<'a>>,
    coverage: Coverage,
    environment: &'a [FingerprintDifference],
    /// In words.
    notes: Vec<String>,
    reasons: &'a [GateNote],
    outcome: Outcome,
}

#[derive(Serialize)]
struct SaidRow<'a> {
    #[serde(flatten)]
    row: &'a Row,
    /// In words.
    why: String,
}

impl<'a> From<&'a Row> for SaidRow<'a> {
    fn from(row: &'a Row) -> Self {
        Self { row, why: row_reasons(&row.why) }
    }
}

pub(super) fn bytes(judgement: &Judgement) -> Result<Vec<u8>, ReportError> {
    let document = Document {
        format: &judgement.format,
        baseline: &judgement.baseline,
        candidate: &judgement.candidate,
        design: judgement.design,
        full_verdicts: judgement.full_verdicts,
        alpha: judgement.alpha,
        p_min: judgement.p_min,
        rows: judgement.rows.iter().map(SaidRow::from).collect(),
        coverage: judgement.coverage,
        environment: &judgement.environment,
        notes: judgement.notes.iter().map(gate_note).collect(),
        reasons: &judgement.notes,
        outcome: judgement.outcome,
    };
    pretty(&document)
}
