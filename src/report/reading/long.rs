//! One row a figure.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use super::fault::{Fault, FiguresFault, NEEDED};
use super::runs::begun;
use super::sheet::{CsvRow, Sheet};
use crate::event::RunStatus;
use crate::gate::{Figure, GateRun};
use crate::report::csv::{SAID_BY, WORKER};

/// The columns that are needed and not there.
pub(super) fn missing(sheet: &Sheet) -> Vec<&'static str> {
    let absent = |name: &&str| sheet.place(name).is_none();
    NEEDED.into_iter().filter(absent).collect()
}

pub(super) fn read(sheet: &Sheet) -> Result<Vec<GateRun>, Fault> {
    let mut runs: Vec<GateRun> = Vec::new();
    let mut places: HashMap<&str, usize> = HashMap::new();
    let mut seen: HashMap<(usize, &str, &str), u64> = HashMap::new();
    for line in sheet.lines()? {
        line.name("run")?;
        let name = line.text("run");
        let at = match places.entry(name) {
            Entry::Occupied(entry) => *entry.get(),
            Entry::Vacant(entry) => {
                let mut run = begun(&line)?;
                if matches!(run.status, Some(RunStatus::Failed | RunStatus::Cancelled)) {
                    "its events.jsonl and stderr.log say why".clone_into(&mut run.why);
                }
                runs.push(run);
                *entry.insert(runs.len() - 1)
            }
        };
        same(&line, &runs[at])?;
        let key = (at, line.text("phase"), line.text("metric"));
        if let Some(first) = seen.insert(key, line.number) {
            let what = format!("{} of {} in run {name}", key.2, key.1);
            return Err((line.number, FiguresFault::Twice { what, first }));
        }
        runs[at].figures.push(figure(&line)?);
    }
    Ok(runs)
}

/// The lines of a run say the same of it.
fn same(line: &CsvRow<'_>, run: &GateRun) -> Result<(), Fault> {
    let (cell, repeat) = (line.text("cell"), line.whole::<u32>("repeat")?);
    let status = line.status()?;
    let shown = |status: Option<RunStatus>| status.map_or_else(String::new, |s| s.to_string());
    let differs = if !cell.is_empty() && cell != run.cell {
        ("the cell", cell.to_owned(), run.cell.clone())
    } else if repeat.is_some_and(|repeat| repeat != run.repeat) {
        ("the repeat", line.text("repeat").to_owned(), run.repeat.to_string())
    } else if status != run.status {
        ("the status", shown(status), shown(run.status))
    } else {
        return Ok(());
    };
    let (what, here, before) = differs;
    let run = run.run.clone();
    let fault = FiguresFault::Contradiction { what, run, here, before };
    Err((line.number, fault))
}

fn figure(line: &CsvRow<'_>) -> Result<Figure, Fault> {
    let metric = line.name("metric")?;
    let of_worker = match line.text(SAID_BY) {
        "" => false,
        WORKER => true,
        other => return Err(line.wrong(SAID_BY, other, "`worker`, or nothing")),
    };
    Ok(Figure {
        phase: line.name("phase")?.to_owned(),
        metric: metric.into(),
        unit: line.name("unit")?.to_owned(),
        value: line.number("estimate")?,
        samples: line.whole("samples")?,
        of_worker,
        // A table has no more than the sentence.
        unsaid: false,
        note: line.text("note").to_owned(),
    })
}
