//! Results folders: the record at the end of each run's log.
//!
//! The rest of the logs is not read. Invariant: a record that cannot be read is an error, never a run less.

use std::collections::BTreeMap;
use std::path::Path;

use super::side::{Origin, RecordedSide, absent};
use crate::app::Fault;
use crate::event::{MetricRow, Note, RunRecord};
use crate::gate::{Figure, GateRun};
use crate::report::{ending::failure_text, words};
use crate::store::Recordings;

pub(super) fn read(path: &Path) -> Result<RecordedSide, Fault> {
    let name = path.display();
    if !path.join("manifest.json").is_file() {
        let fault = Fault::new(format!(
            "{name} is not a results folder of perftune: it has no manifest.json"
        ));
        let sheet = path.join("metrics.csv");
        return Err(if sheet.is_file() {
            fault.hint(format!("name the file instead: {}", sheet.display()))
        } else {
            fault.hint("a side is a results folder such as results/NAME, or a CSV file of one")
        });
    }
    let recordings = Recordings::open(path)?;
    let head = recordings.head();
    let origin = Origin::of(head, path);
    let mut runs = Vec::new();
    for run in &head.runs {
        let record = recordings.record(run).map_err(|error| {
            Fault::from(error).hint(format!(
                "measure it once more with `perftune run GRID --out {name} --resume`"
            ))
        })?;
        runs.push(record.map_or_else(
            || absent(run, &origin.session, "it was not started, or did not end".to_owned()),
            |record| {
                let settings = head.settings(&record);
                gate_run(record, settings, &origin.session)
            },
        ));
    }
    let side = origin.side(name.to_string(), runs);
    let (notes, lost) = (Vec::new(), Vec::new());
    Ok(RecordedSide { side, notes, lost, in_turn: head.in_turn, gate: head.gate.clone() })
}

fn gate_run(record: RunRecord, settings: BTreeMap<String, String>, session: &str) -> GateRun {
    let why = record.failure.as_ref().map(failure_text);
    let pairing = record.pairing;
    let session = pairing.as_ref().map_or(session, |pairing| &pairing.session);
    GateRun {
        session: session.to_owned(),
        run: record.run,
        cell: record.cell,
        repeat: record.repeat,
        pairing,
        status: Some(record.status),
        settings,
        why: why.unwrap_or_else(|| words::stop(&record.stop.detail)),
        figures: record.metrics.iter().map(figure).collect(),
    }
}

fn figure(row: &MetricRow) -> Figure {
    Figure {
        note: words::notes_of(row),
        of_worker: row.notes.contains(&Note::SaidByWorker),
        unsaid: row.metric.is_said() && row.notes.iter().any(Note::is_silence),
        phase: row.phase.clone(),
        metric: row.metric.clone(),
        unit: row.unit.to_string(),
        value: row.estimate,
        samples: Some(row.samples),
    }
}
