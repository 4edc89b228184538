//! What is shown: a judgement, what is made of doubt, and the outcome in words.

use super::rows;
use crate::gate::{Judgement, Outcome};

/// A judgement and what is made of doubt.
#[derive(Debug, Clone, Copy)]
pub struct GateReport<'a> {
    /// What is shown.
    pub judgement: &'a Judgement,
    /// Whether a suspect or inconclusive row fails.
    pub inconclusive_fails: bool,
}

impl GateReport<'_> {
    /// The exit code.
    pub fn exit_code(&self) -> u8 {
        self.judgement.exit_code(self.inconclusive_fails)
    }

    /// The outcome in a word or two.
    pub(super) fn outcome(&self) -> &'static str {
        match self.judgement.outcome {
            Outcome::Ok => "no regression",
            Outcome::Regressed => "regressed",
            Outcome::Doubtful => "in doubt",
            Outcome::Coverage => "not covered",
            Outcome::Incomparable => "not comparable",
        }
    }

    /// The outcome in a sentence: what it is and what it does to the exit code.
    pub(super) fn closing(&self) -> String {
        format!("{}: {}", self.outcome(), self.reason())
    }

    pub(super) fn reason(&self) -> String {
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
            Outcome::Coverage => {
                "rows or stored sessions are missing or failed, or none could be judged"
            }
            Outcome::Incomparable => {
                "the two sides were measured in different or unknown environments, or with other settings"
            }
        };
        format!("{why} (exit code {code})")
    }

    /// The whole in one line: for headings.
    pub(super) fn headline(&self) -> String {
        format!("{}: {}", self.outcome(), rows::counts(self.judgement))
    }

    /// How the figures came about, and what that allows to be said.
    pub(super) fn design(&self) -> String {
        let ceiling =
            if self.judgement.full_verdicts { "full verdicts" } else { "suspect at most" };
        format!("{}: {ceiling}", self.judgement.design)
    }
}
