//! `metrics.csv` and `report.csv` read back: the figures of each run, for a comparison.
//!
//! Whatever is wrong with a file is said with its line. Nothing is guessed: a file that may have been cut off, a unit that
//! is not the one of the column's name and a text in the place of a number end the reading, since what is left out in
//! silence would pass a gate in silence.

mod long;
mod sheet;
mod wide;

use std::path::{Path, PathBuf};

use self::sheet::{Line, Sheet};
use crate::event::RunStatus;
use crate::gate::GateRun;

/// What a file holds.
#[derive(Debug, Clone, PartialEq)]
pub struct ReadFigures {
    /// Its runs, in the order of their first lines, without session and place in a block: a CSV file has neither.
    pub runs: Vec<GateRun>,
    /// What a reader must know of what was not read.
    pub notes: Vec<String>,
    /// Whether it is one row a run: such a file has fewer figures.
    pub wide: bool,
}

/// Why a file cannot be read, and where.
#[derive(Debug, thiserror::Error)]
#[error("{}:{line}: {fault}", path.display())]
pub struct FiguresError {
    /// The file.
    pub path: PathBuf,
    /// Counts from 1.
    pub line: u64,
    /// What is wrong there.
    pub fault: FiguresFault,
}

/// What is wrong with a line.
#[derive(Debug, thiserror::Error)]
pub enum FiguresFault {
    /// Nothing in it.
    #[error("the file is empty; it needs the header and the rows of a metrics.csv or report.csv")]
    Empty,
    /// A header and nothing else.
    #[error("the file has a header and no rows: no run was recorded, or it was cut off")]
    NoRows,
    /// Neither of the two forms.
    #[error(
        "{why}; the header is `{header}`, needed are {needed}, or the columns of a report.csv",
        needed = long::NEEDED.join(", ")
    )]
    Header {
        /// What is missing, or there twice.
        why: String,
        /// As it is.
        header: String,
    },
    /// The last line has no end.
    #[error(
        "the last line has no line break: the file was cut off, or its last figure is not whole; add the line break if it is"
    )]
    Cut,
    /// A line with too few or too many cells.
    #[error("the line has {found} cells and the header {wanted}: the file is cut off or damaged")]
    Length {
        /// Cells of the line.
        found: usize,
        /// Cells of the header.
        wanted: usize,
    },
    /// Not text.
    #[error("not UTF-8 text: the file is damaged or of another kind")]
    NotText,
    /// A cell that is not what its column needs.
    #[error("{column}: `{value}` is not {wanted}")]
    Cell {
        /// The column.
        column: String,
        /// What stands there.
        value: String,
        /// What should.
        wanted: &'static str,
    },
    /// Two lines of one figure or run.
    #[error("{what} is on line {first} already: the file holds it twice")]
    Twice {
        /// What.
        what: String,
        /// Where it is first.
        first: u64,
    },
    /// Two lines of a run that contradict each other.
    #[error("{what} of run {run} is `{here}` here and `{before}` before")]
    Contradiction {
        /// The column.
        what: &'static str,
        /// The run.
        run: String,
        /// On this line.
        here: String,
        /// On its first line.
        before: String,
    },
    /// A column of a known figure in another unit.
    #[error(
        "the column {found} is in another unit than {wanted}, from which this figure is read; convert it and rename the column"
    )]
    OtherUnit {
        /// As it is.
        found: String,
        /// As it should be.
        wanted: &'static str,
    },
    /// A latency without the size of the requests.
    #[error(
        "{column} has a figure and {size} has none: it is not known of which requests it speaks"
    )]
    Size {
        /// The figure's column.
        column: &'static str,
        /// The size's column.
        size: &'static str,
    },
}

/// The runs of a `metrics.csv` (one row a figure) or `report.csv` (one row a run); `path` is for messages.
pub fn read_figures(path: &Path, bytes: &[u8]) -> Result<ReadFigures, FiguresError> {
    let at = |(line, fault)| FiguresError { path: path.to_owned(), line, fault };
    let sheet = Sheet::parse(bytes).map_err(at)?;
    let missing = long::missing(&sheet);
    let figures = if missing.is_empty() {
        long::read(&sheet)
    } else if wide::is_one(&sheet) {
        wide::read(&sheet)
    } else {
        let fault = FiguresFault::Header {
            why: unlike(&sheet, &missing),
            header: sheet.header.join(",").chars().take(120).collect(),
        };
        Err((1, fault))
    };
    figures.map_err(at)
}

/// What keeps a header from being one of the two.
fn unlike(sheet: &Sheet, missing: &[&str]) -> String {
    if sheet.place("cell").is_some() && sheet.place("runs_measured").is_some() {
        return "a summary.csv holds means over runs and not the runs".to_owned();
    }
    if sheet.header.len() == 1 && sheet.header[0].contains([';', '\t']) {
        return "the columns must be parted by commas".to_owned();
    }
    format!("this is no metrics.csv: it has no {}", missing.join(", no "))
}

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

type Fault = (u64, FiguresFault);

impl Line<'_> {
    fn wrong(&self, column: &str, value: &str, wanted: &'static str) -> Fault {
        let fault = FiguresFault::Cell {
            column: column.to_owned(),
            value: value.chars().take(60).collect(),
            wanted,
        };
        (self.number, fault)
    }

    /// The text of a column that must not be empty.
    fn name(&self, column: &'static str) -> Result<&str, Fault> {
        let text = self.text(column);
        if text.is_empty() {
            return Err(self.wrong(column, text, "a name"));
        }
        Ok(text)
    }

    /// A number, or nothing. `nan` and `inf` are numbers here: the loss of a model that diverged is one, and whether a figure
    /// may be one is for the comparison to say.
    fn number(&self, column: &str) -> Result<Option<f64>, Fault> {
        let text = self.text(column);
        if text.is_empty() {
            return Ok(None);
        }
        let value = text.parse().map(Some);
        value.map_err(|_| self.wrong(column, text, "a number"))
    }

    fn whole<T: std::str::FromStr>(&self, column: &str) -> Result<Option<T>, Fault> {
        let text = self.text(column);
        if text.is_empty() {
            return Ok(None);
        }
        let value = text.parse().map(Some);
        value.map_err(|_| self.wrong(column, text, "a whole number"))
    }

    fn status(&self) -> Result<Option<RunStatus>, Fault> {
        let text = self.text("status");
        let all =
            [RunStatus::Completed, RunStatus::Stopped, RunStatus::Failed, RunStatus::Cancelled];
        let found = all.into_iter().find(|status| status.to_string() == text);
        if found.is_none() && !text.is_empty() {
            let wanted = "one of completed, stopped, failed, cancelled";
            return Err(self.wrong("status", text, wanted));
        }
        Ok(found)
    }
}

#[cfg(test)]
mod tests;
