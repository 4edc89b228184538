//! What is read: runs, and how they are called.

use std::collections::BTreeMap;

use super::fault::Fault;
use super::sheet::CsvRow;
use crate::gate::GateRun;

/// A name without the ending that the repeats of a cell have: the name of its cell.
fn cell_of(run: &str, repeat: Option<u32>) -> (String, u32) {
    let ending = run.rsplit_once("-r");
    let counted = ending.and_then(|(cell, number)| {
        let digits = !number.starts_with(['0', '+']);
        let number = number.parse::<u32>().ok().filter(|n| digits && *n > 1)?;
        Some((cell, number))
    });
    match (counted, repeat) {
        (Some((cell, number)), None) => (cell.to_owned(), number),
        (Some((cell, number)), Some(repeat)) if number == repeat => (cell.to_owned(), repeat),
        (_, repeat) => (run.to_owned(), repeat.unwrap_or(1)),
    }
}

/// How a run of this name is called among the repeats of its cell: for runs of which nothing but the name is known.
pub fn cell_and_repeat(run: &str) -> (String, u32) {
    cell_of(run, None)
}

/// A run without its figures, from a line.
pub(super) fn begun(line: &CsvRow<'_>) -> Result<GateRun, Fault> {
    let run = line.name("run")?;
    let (cell, repeat) = cell_of(run, line.whole("repeat")?);
    let named = line.text("cell");
    Ok(GateRun {
        run: run.to_owned(),
        cell: if named.is_empty() { cell } else { named.to_owned() },
        repeat,
        session: String::new(),
        pairing: None,
        status: line.status()?,
        why: String::new(),
        settings: BTreeMap::new(),
        figures: Vec::new(),
    })
}
