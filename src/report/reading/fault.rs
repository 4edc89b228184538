//! What can be wrong with a file of figures.

use std::path::PathBuf;

/// Columns without which a file is no `metrics.csv`.
pub(super) const NEEDED: [&str; 5] = ["run", "phase", "metric", "unit", "estimate"];

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
    #[error("the file is empty; it needs the header and the rows of a metrics.csv")]
    Empty,
    /// A header and nothing else.
    #[error("the file has a header and no rows: no run was recorded, or it was cut off")]
    NoRows,
    /// A `report.csv`.
    #[error("a report.csv has only the main figures; name the metrics.csv beside it")]
    OnlyMain,
    /// It is no such file.
    #[error("{why}; the header is `{header}`, needed are {needed}", needed = NEEDED.join(", "))]
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
}

/// A line and what is wrong there.
pub(super) type Fault = (u64, FiguresFault);
