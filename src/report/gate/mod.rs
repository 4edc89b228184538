//! A judgement for people and for everything in CI that reads one: text, JSON, `JUnit`, Markdown, annotations of GitHub.
//!
//! In every form the worst rows come first, and no row that makes the exit code is left out; what is left out is counted.

mod annotations;
mod junit;
mod page;
mod rows;
mod text;

use super::ReportError;
use crate::gate::{Judgement, Outcome};

pub use self::page::MARKER;

/// A judgement and what is made of doubt.
#[derive(Debug, Clone, Copy)]
pub struct GateReport<'a> {
    /// What is shown.
    pub judgement: &'a Judgement,
    /// Whether a suspect or inconclusive row fails.
    pub inconclusive_fails: bool,
}

impl GateReport<'_> {
    /// For people, in lines of at most `width` characters.
    pub fn text(&self, width: usize) -> String {
        text::text(self, width)
    }

    /// The judgement itself, as `perftune check FILE` reads it again.
    pub fn json(&self) -> Result<Vec<u8>, ReportError> {
        let mut bytes = serde_json::to_vec_pretty(self.judgement)?;
        bytes.push(b'\n');
        Ok(bytes)
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

    /// The exit code.
    pub fn exit_code(&self) -> u8 {
        self.judgement.exit_code(self.inconclusive_fails)
    }

    /// The outcome in a word or two.
    fn outcome(&self) -> &'static str {
        match self.judgement.outcome {
            Outcome::Ok => "no regression",
            Outcome::Regressed => "regressed",
            Outcome::Doubtful => "in doubt",
            Outcome::Coverage => "not covered",
            Outcome::Incomparable => "not comparable",
        }
    }

    /// The outcome in a sentence: what it is and what it does to the exit code.
    fn closing(&self) -> String {
        format!("{}: {}", self.outcome(), self.reason())
    }

    fn reason(&self) -> String {
        let code = self.exit_code();
        let why = match self.judgement.outcome {
            Outcome::Ok => "no row is worse by its floor",
            Outcome::Regressed => "at least one row is worse by its floor or more",
            Outcome::Doubtful if self.inconclusive_fails => {
                "no row has regressed for certain, and not every row could be cleared (--on-inconclusive=fail)"
            }
            Outcome::Doubtful => {
                "no row has regressed for certain, and not every row could be cleared; --on-inconclusive=fail makes that exit code 6"
            }
            Outcome::Coverage => "rows are missing or failed, or none could be judged",
            Outcome::Incomparable => {
                "the two sides were measured in different or unknown environments"
            }
        };
        format!("{why} (exit code {code})")
    }

    /// The whole in one line: for headings.
    fn headline(&self) -> String {
        format!("{}: {}", self.outcome(), rows::counts(self.judgement))
    }

    /// How the figures came about, and what that allows to be said.
    fn design(&self) -> String {
        let ceiling =
            if self.judgement.full_verdicts { "full verdicts" } else { "suspect at most" };
        format!("{}: {ceiling}", self.judgement.design)
    }
}

/// `1 row`, `2 rows`.
fn counted(count: usize, what: &str) -> String {
    let ending = if count == 1 { "" } else { "s" };
    format!("{count} {what}{ending}")
}

#[cfg(test)]
pub(crate) mod fixtures;
#[cfg(test)]
mod tests;
