//! A judgement for people and for everything in CI that reads one: text, JSON, `JUnit`, Markdown, annotations of GitHub.
//!
//! In every form the worst rows come first, and no row that makes the exit code is left out; what is left out is counted.

mod advice;
mod annotations;
mod document;
mod junit;
mod page;
mod report;
mod rows;
mod text;

use super::ReportError;

pub use self::page::MARKER;
pub use self::report::GateReport;

impl GateReport<'_> {
    /// For people, in lines of at most `width` characters.
    pub fn text(&self, width: usize) -> String {
        text::text(self, width)
    }

    /// The judgement itself, as `perftune check FILE` reads it again.
    pub fn json(&self) -> Result<Vec<u8>, ReportError> {
        document::bytes(self.judgement)
    }

    /// `JUnit` XML: a test suite a cell, a test case a row and one for the outcome, which fails exactly where the exit code does.
    pub fn junit(&self) -> String {
        junit::document(self)
    }

    /// For a comment on a pull request, with a first line by which the next one finds it.
    pub fn markdown(&self) -> String {
        page::document(self)
    }

    /// Workflow commands that GitHub shows as annotations.
    pub fn annotations(&self) -> String {
        annotations::lines(self)
    }
}

#[cfg(test)]
pub(crate) mod fixtures;
#[cfg(test)]
mod tests;
