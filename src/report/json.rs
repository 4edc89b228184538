//! The reports as one JSON document, in base units.

use std::collections::BTreeMap;

use serde::Serialize;

use super::front::{FrontReport, Mark};
use super::headline::accuracy_is_final;
use super::shadow::ShadowReport;
use super::summary::SummaryRow;
use super::{ReportError, words};
use crate::event::{
    Axis, Failure, Feasibility, Finding, Interference, Limits, MetricRow, ModelSpec, Note, Num,
    RunRecord, RunStatus, RunVerdict, ServeSpec, StopDetail, StopReason,
};
use crate::units::Unit;

/// The version of the document: a new minor adds fields, a new major changes or removes some.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Format {
    /// Changes when a reader of the old format would go wrong.
    pub major: u32,
    /// Changes when something is added.
    pub minor: u32,
}

/// The version that this program writes.
pub const FORMAT: Format = Format { major: 1, minor: 5 };

#[derive(Serialize)]
struct Document<'a> {
    format: Format,
    name: &'a str,
    runs: Vec<Run<'a>>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    summary: &'a [SummaryRow],
    #[serde(skip_serializing_if = "Option::is_none")]
    front: Option<&'a FrontReport>,
    #[serde(skip_serializing_if = "Option::is_none")]
    shadow: Option<serde_json::Value>,
}

#[derive(Serialize)]
struct Run<'a> {
    #[serde(rename = "run")]
    name: &'a str,
    cell: &'a str,
    repeat: u32,
    status: RunStatus,
    stop: Stop<'a>,
    wall_s: f64,
    epochs: u32,
    settings: Settings<'a>,
    /// `false`: the test accuracy below is that of a model which was stopped before it was trained.
    test_accuracy_is_final: Option<bool>,
    metrics: Vec<Figure<'a>>,
    warnings: Vec<String>,
    facts: &'a BTreeMap<String, String>,
    failure: Option<&'a Failure>,
    /// Whether it keeps its constraints; `null` where there are none.
    verdict: Option<Judged<'a>>,
    /// What of the machine it could use; absent where nothing was limited.
    #[serde(skip_serializing_if = "Option::is_none")]
    limits: Option<&'a Limits>,
    /// Of a run that ended as infeasible: training that was not spent; `null` where nothing is known of it.
    saved_s_at_least: Option<f64>,
    /// How much of its time others took the machine, in seconds; absent where nothing is known of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    interference: Option<&'a Interference>,
    /// The metric of the constraint that is broken for certain.
    broken_constraint: Option<&'static str>,
    /// `front` or `dominated`; `null` where its cell was not compared.
    pareto: Option<&'static str>,
}

/// The model with its knobs, the other axes, and what else the run was told.
#[derive(Serialize)]
struct Settings<'a> {
    model: &'a ModelSpec,
    #[serde(flatten)]
    axes: serde_json::Map<String, serde_json::Value>,
    epochs: u32,
    validation_share: f64,
    seed: u64,
    serve: Option<&'a ServeSpec>,
}

#[derive(Serialize)]
struct Figure<'a> {
    phase: &'a str,
    metric: &'a str,
    unit: Unit,
    estimate: Option<Num>,
    low: Option<Num>,
    high: Option<Num>,
    confidence: Option<f64>,
    samples: u64,
    plateaued: Option<bool>,
    /// In words.
    note: String,
    notes: &'a [Note],
}

#[derive(Serialize)]
struct Stop<'a> {
    reason: StopReason,
    /// In words.
    detail: String,
    evidence: &'a StopDetail,
}

#[derive(Serialize)]
struct Judged<'a> {
    verdict: Feasibility,
    /// In words.
    reason: String,
    findings: &'a [Finding],
}

impl<'a> From<&'a MetricRow> for Figure<'a> {
    fn from(row: &'a MetricRow) -> Self {
        Self {
            phase: &row.phase,
            metric: &row.metric,
            unit: row.unit,
            estimate: row.estimate.map(Num),
            low: row.low.map(Num),
            high: row.high.map(Num),
            confidence: row.confidence,
            samples: row.samples,
            plateaued: row.plateaued,
            note: words::notes_of(row),
            notes: &row.notes,
        }
    }
}

impl<'a> From<&'a RunRecord> for Run<'a> {
    fn from(record: &'a RunRecord) -> Self {
        let job = &record.job;
        Self {
            name: &record.run,
            cell: &record.cell,
            repeat: record.repeat,
            status: record.status,
            stop: Stop {
                reason: record.stop.reason,
                detail: words::stop(&record.stop.detail),
                evidence: &record.stop.detail,
            },
            wall_s: record.wall_s,
            epochs: record.epochs,
            settings: Settings {
                model: &job.model,
                axes: Axis::all()
                    .filter(|axis| ![Axis::MODEL, Axis::DEPTH, Axis::WIDTH].contains(axis))
                    .map(|axis| (axis.key().to_owned(), axis.get(job).into()))
                    .collect(),
                epochs: job.train.epochs,
                validation_share: job.train.validation_share,
                seed: job.seed,
                serve: job.serve.as_ref(),
            },
            test_accuracy_is_final: accuracy_is_final(record),
            metrics: record.metrics.iter().map(Figure::from).collect(),
            warnings: words::warnings(record),
            facts: &record.facts,
            failure: record.failure.as_ref(),
            verdict: record.verdict.as_ref().map(|verdict| Judged {
                verdict: verdict.verdict,
                reason: words::verdict(record),
                findings: &verdict.findings,
            }),
            limits: Some(&record.limits).filter(|limits| !limits.is_none()),
            saved_s_at_least: record.saved_s_at_least,
            interference: record.interference.as_ref(),
            broken_constraint: record.verdict.as_ref().and_then(RunVerdict::broken_constraint),
            pareto: None,
        }
    }
}

/// What the document says beside the runs.
#[derive(Debug, Clone, Copy, Default)]
pub struct Extras<'a> {
    /// The figures between runs; none: there are no repeats.
    pub summary: &'a [SummaryRow],
    /// The front, where there are objectives.
    pub front: Option<&'a FrontReport>,
    /// Shadow mode, where it was asked for.
    pub shadow: Option<&'a ShadowReport>,
}

/// `{format, name, runs: [...]}`, with `summary` where there are repeats, `front` where there are objectives and `shadow` where it was
/// asked for. A figure that was not measured is `null` with its reason in `note`; one that is no number is `"nan"`, `"inf"` or `"-inf"`,
/// since JSON has none.
pub fn document(
    name: &str,
    records: &[RunRecord],
    extras: Extras<'_>,
) -> Result<Vec<u8>, ReportError> {
    let marks = extras.front.map(FrontReport::marks).unwrap_or_default();
    let run = |record| Run { pareto: marks.of(record).and_then(Mark::pareto), ..Run::from(record) };
    let document = Document {
        format: FORMAT,
        name,
        runs: records.iter().map(run).collect(),
        summary: extras.summary,
        front: extras.front,
        shadow: extras.shadow.map(ShadowReport::json),
    };
    pretty(&document)
}

/// Any value as indented JSON with a line feed at its end.
pub fn pretty<T: Serialize>(value: &T) -> Result<Vec<u8>, ReportError> {
    let mut bytes = serde_json::to_vec_pretty(value)?;
    bytes.push(b'\n');
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::fixtures::{all_kinds, compared, diverged, failed, front, judged, open};

    #[test]
    fn the_document_is_as_promised() {
        let bytes = document("three-by-three", &[diverged(), failed()], Extras::default()).unwrap();
        insta::assert_snapshot!("json_document", String::from_utf8(bytes).unwrap());
    }

    #[test]
    fn a_record_from_before_there_were_verdicts_is_still_read() {
        let old = serde_json::to_string(&failed()).unwrap();
        assert!(!old.contains("\"verdict\""), "{old}");
        assert_eq!(serde_json::from_str::<RunRecord>(&old).unwrap(), failed());
        let judged = judged(failed(), Feasibility::Undecided, vec![open()]);
        let text = serde_json::to_string(&judged).unwrap();
        assert_eq!(serde_json::from_str::<RunRecord>(&text).unwrap(), judged);
    }

    #[test]
    fn the_front_is_a_part_of_the_document() {
        let front = front();
        let extras = Extras { front: Some(&front), ..Extras::default() };
        let bytes = document("x", &compared(), extras).unwrap();
        let value: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
        let pareto: Vec<_> = (0..3).map(|at| &value["runs"][at]["pareto"]).collect();
        assert_eq!(pareto, ["front", "front", "dominated"]);
        assert!(value["runs"][3]["pareto"].is_null());
        let shown = serde_json::to_string_pretty(&value["front"]).unwrap();
        insta::assert_snapshot!("json_front", shown);
    }

    #[test]
    fn every_figure_is_there_and_a_number_that_is_none_is_a_word() {
        let records = all_kinds();
        let bytes = document("x", &records, Extras::default()).unwrap();
        let value: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
        assert_eq!(value["runs"].as_array().unwrap().len(), records.len());
        let figures = value["runs"][3]["metrics"].as_array().unwrap();
        assert_eq!(figures.len(), records[3].metrics.len());
        let loss = figures.iter().find(|figure| figure["metric"] == "train_loss").unwrap();
        assert_eq!(loss["estimate"], "nan");
        let gpu = figures.iter().find(|figure| figure["metric"] == "gpu.utilisation").unwrap();
        assert!(gpu["estimate"].is_null() && gpu["note"].as_str().unwrap().contains("unsupported"));
        assert_eq!(value["runs"][1]["test_accuracy_is_final"], false);
        assert!(value["runs"][4]["test_accuracy_is_final"].is_null());
    }
}
