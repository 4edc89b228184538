//! The reports as one JSON document, in base units.

use std::io::Write;

use serde::Serialize;
use serde_json::{Map, Value, json};

use super::effects::EffectsReport;
use super::fastest::Fastest;
use super::found::Found;
use super::front::{FrontReport, Mark};
use super::headline::accuracy_is_final;
use super::shadow::ShadowReport;
use super::summary::SummaryRow;
use super::{ReportError, words};
use crate::event::{Axis, AxisList, MetricRow, Num, RunRecord, RunVerdict};

/// The version of the document: a new minor adds fields, a new major changes or removes some.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Format {
    /// Changes when a reader of the old format would go wrong.
    pub major: u32,
    /// Changes when something is added.
    pub minor: u32,
}

/// The version that this program writes.
pub const FORMAT: Format = Format { major: 2, minor: 0 };

/// A run as a member of the document.
fn run(record: &RunRecord, pareto: Option<&str>) -> Value {
    let verdict = record.verdict.as_ref();
    let mut run = json!({
        "run": record.run,
        "cell": record.cell,
        "repeat": record.repeat,
        "status": record.status,
        "stop": {
            "reason": record.stop.reason,
            "detail": words::ended(record),
            "evidence": record.stop.detail,
        },
        "wall_s": record.wall_s,
        "epochs": record.epochs,
        "settings": settings(record),
        // `false`: the test accuracy below is that of a model which was stopped before it was trained.
        "test_accuracy_is_final": accuracy_is_final(record),
        "metrics": record.metrics.iter().map(figure).collect::<Vec<_>>(),
        "warnings": words::warnings(record),
        "facts": record.facts,
        "failure": record.failure,
        "verdict": verdict.map(|verdict| json!({
            "verdict": verdict.verdict,
            "reason": words::verdict(record),
            // What would decide a limit that is undecided.
            "remedies": words::remedies([record]),
            "findings": verdict.findings,
        })),
        "limits": Some(&record.limits).filter(|limits| !limits.is_none()),
        "saved_s_at_least": record.saved_s_at_least,
        "interference": record.interference,
        "machine": record.machine,
        "broken_constraint": verdict.and_then(RunVerdict::broken_constraint),
        "pareto": pareto,
    });
    // Absent where nothing was limited, or nothing is known.
    if let Value::Object(members) = &mut run {
        let optional = ["limits", "interference", "machine"];
        members.retain(|key, value| !(value.is_null() && optional.contains(&key.as_str())));
    }
    run
}

/// The model with its knobs, the other axes, and what else the run was told.
fn settings(record: &RunRecord) -> Map<String, Value> {
    let job = &record.job;
    let mut all = Map::from_iter([("model".to_owned(), json!(job.model))]);
    let of_model = [Axis::MODEL, Axis::DEPTH, Axis::WIDTH];
    let list = AxisList::of([job]);
    let axes = list.all().filter(|axis| !of_model.contains(axis)).map(|axis| list.def(axis));
    all.extend(axes.map(|def| (def.key.clone().into_owned(), def.of(job).into())));
    for (key, value) in [
        ("epochs", json!(job.train.epochs)),
        ("validation_share", json!(job.train.validation_share)),
        ("seed", json!(job.seed)),
        ("serve", json!(job.serve)),
    ] {
        all.insert(key.to_owned(), if job.work.is_unset() { Value::Null } else { value });
    }
    all
}

fn figure(row: &MetricRow) -> Value {
    json!({
        "phase": row.phase,
        "metric": row.metric.as_str(),
        "unit": row.unit,
        "estimate": row.estimate.map(Num),
        "low": row.low.map(Num),
        "high": row.high.map(Num),
        "confidence": row.confidence,
        "samples": row.samples,
        "known": row.known,
        "note": words::notes_of(row),
        "notes": row.notes,
    })
}

/// What the document says beside the runs.
#[derive(Debug, Clone, Copy, Default)]
pub struct Extras<'a> {
    /// The figures between runs; none: there are no repeats.
    pub summary: &'a [SummaryRow],
    /// Which of several commands is the fastest; nothing where there is one.
    pub fastest: &'a [Fastest],
    /// The front, where there are objectives.
    pub front: Option<&'a FrontReport>,
    /// What each setting buys, where it was asked for.
    pub effects: Option<&'a EffectsReport>,
    /// What a search recommends, where there was one.
    pub found: Option<&'a Found>,
    /// Shadow mode, where it was asked for.
    pub shadow: Option<&'a ShadowReport>,
}

/// `{format, name, runs: [...]}`, with `summary` where there are repeats, `front` where there are objectives, `search` where there was one,
/// `effects` and `shadow` where they were asked for. A figure that was not measured is `null` with its reason in `note`; one that is no number is `"nan"`, `"inf"` or `"-inf"`,
/// since JSON has none.
pub fn document(
    name: &str,
    records: &[RunRecord],
    extras: Extras<'_>,
) -> Result<Vec<u8>, ReportError> {
    let marks = extras.front.map(FrontReport::marks).unwrap_or_default();
    let run = |record| run(record, marks.of(record).and_then(Mark::pareto));
    let mut document = json!({
        "format": FORMAT,
        "name": name,
        "runs": records.iter().map(run).collect::<Vec<_>>(),
    });
    if !extras.summary.is_empty() {
        document["summary"] = json!(extras.summary);
    }
    if !extras.fastest.is_empty() {
        document["fastest"] = json!(extras.fastest);
    }
    if let Some(front) = extras.front {
        document["front"] = json!(front);
    }
    if let Some(effects) = extras.effects {
        document["effects"] = json!(effects);
    }
    if let Some(found) = extras.found {
        document["search"] = json!(found);
    }
    if let Some(shadow) = extras.shadow {
        document["shadow"] = shadow.json();
    }
    by_name(&mut document);
    pretty(&document)
}

/// Writes metrics by their names alone, wherever they stand: what is declared of them is for who reads results again.
fn by_name(value: &mut Value) {
    let named = |value: &mut Value| match value.get_mut("name").map(Value::take) {
        Some(name) => *value = name,
        None => by_name(value),
    };
    match value {
        Value::Array(items) => items.iter_mut().for_each(by_name),
        Value::Object(members) => {
            for (key, value) in members {
                match (key.as_str(), value) {
                    ("metric", value) => named(value),
                    ("metrics", Value::Array(items)) => items.iter_mut().for_each(named),
                    (_, value) => by_name(value),
                }
            }
        }
        _ => {}
    }
}

/// Any value as indented JSON with a line feed at its end.
pub fn pretty<T: Serialize>(value: &T) -> Result<Vec<u8>, ReportError> {
    let mut bytes = Vec::new();
    write_pretty(&mut bytes, value)?;
    Ok(bytes)
}

/// The same, as it is made.
pub fn write_pretty<T: Serialize>(mut out: impl Write, value: &T) -> Result<(), ReportError> {
    serde_json::to_writer_pretty(&mut out, value)?;
    Ok(out.write_all(b"\n").map_err(serde_json::Error::io)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Feasibility;
    use crate::metric::MetricId;
    use crate::report::fixtures::{
        all_kinds, compared, diverged, failed, front, judged, open, undecided,
    };

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
    fn an_undecided_run_says_what_would_decide_it() {
        let bytes = document("x", &[undecided(), failed()], Extras::default()).unwrap();
        let value: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
        let remedies = value["runs"][0]["verdict"]["remedies"].as_array().unwrap();
        assert!(remedies[0].as_str().unwrap().starts_with("longer stages"), "{remedies:?}");
        assert_eq!(remedies.len(), 1);
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
        let row =
            records[3].metrics.iter().find(|row| row.metric == MetricId::GpuUtilisation).unwrap();
        assert!(gpu["estimate"].is_null() && !row.notes.is_empty());
        assert_eq!(gpu["notes"], serde_json::to_value(&row.notes).unwrap());
        assert_eq!(value["runs"][1]["test_accuracy_is_final"], false);
        assert!(value["runs"][4]["test_accuracy_is_final"].is_null());
    }
}
