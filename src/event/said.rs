//! What a stopping rule says of a recorded series.

use super::note::{Note, Why};

/// What a stopping rule says of a series.
#[derive(Debug, Clone, PartialEq)]
pub enum RuleSaid {
    /// In the rule's own terms.
    Terms(String),
    /// No look has judged it.
    NeverJudged,
    /// The last look of our own rule.
    Look {
        /// Relative half-width of the interval, if there is one.
        half_width: Option<f64>,
        /// Confidence of the interval.
        confidence: f64,
        /// Observations.
        seen: u64,
        /// What was left out as warm-up, and what else a reader must know.
        notes: Vec<Note>,
        /// Looks in a row that found it good, where they are enough.
        agreed: Option<u32>,
        /// What is wrong.
        open: Option<Why>,
    },
    /// The rule gave up.
    GaveUp {
        /// When, in seconds, where that is not said elsewhere.
        after_s: Option<f64>,
        /// What it said last.
        last: Box<Self>,
    },
}

impl From<String> for RuleSaid {
    fn from(terms: String) -> Self {
        Self::Terms(terms)
    }
}

impl From<&str> for RuleSaid {
    fn from(terms: &str) -> Self {
        Self::Terms(terms.to_owned())
    }
}
