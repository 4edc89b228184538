//! In which formats the reports of runs are printed.

use clap::ValueEnum;

use super::args::Format;

/// What to print of runs on the standard output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ReportFormat {
    /// For people
    Table,
    /// One document, base units
    Json,
    /// Rows with a header, base units
    Csv,
    /// For pages such as GitHub's
    Markdown,
    /// A page for a browser, with plots; also written as report.html
    Html,
}

impl ReportFormat {
    /// The same among those that every list has.
    pub const fn of_lists(self) -> Option<Format> {
        match self {
            Self::Table => Some(Format::Table),
            Self::Json => Some(Format::Json),
            Self::Csv => Some(Format::Csv),
            Self::Markdown | Self::Html => None,
        }
    }
}
