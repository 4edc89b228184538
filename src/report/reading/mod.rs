//! `metrics.csv` read back: the figures of each run, for a comparison.
//!
//! Whatever is wrong with a file is said with its line. Nothing is guessed: a file that may have been cut off, a unit that
//! is not the one of the column's name and a text in the place of a number end the reading, since what is left out in
//! silence would pass a gate in silence.

mod fault;
mod long;
mod runs;
mod sheet;

use std::path::Path;

pub use self::fault::{FiguresError, FiguresFault};
pub use self::runs::cell_and_repeat;
use self::sheet::Sheet;
use crate::gate::GateRun;

/// The runs of a `metrics.csv`, in the order of their first lines, without session and place in a block: a CSV file has
/// neither. `path` is for messages.
pub fn read_figures(path: &Path, bytes: &[u8]) -> Result<Vec<GateRun>, FiguresError> {
    let at = |(line, fault)| FiguresError { path: path.to_owned(), line, fault };
    let sheet = Sheet::parse(bytes).map_err(at)?;
    let missing = long::missing(&sheet);
    let figures = if missing.is_empty() {
        long::read(&sheet)
    } else if sheet.place("run").is_some() && sheet.place("wall_s").is_some() {
        Err((1, FiguresFault::OnlyMain))
    } else {
        let fault = FiguresFault::Header {
            why: unlike(&sheet, &missing),
            header: sheet.header.join(",").chars().take(120).collect(),
        };
        Err((1, fault))
    };
    figures.map_err(at)
}

/// What keeps a header from being that of one.
fn unlike(sheet: &Sheet, missing: &[&str]) -> String {
    if sheet.place("cell").is_some() && sheet.place("runs_measured").is_some() {
        return "a summary.csv holds means over runs and not the runs".to_owned();
    }
    if sheet.header.len() == 1 && sheet.header[0].contains([';', '\t']) {
        return "the columns must be parted by commas".to_owned();
    }
    format!("this is no metrics.csv: it has no {}", missing.join(", no "))
}

#[cfg(test)]
mod tests;
