//! What is shown: a judgement, what is made of doubt, and the outcome in words.

use super::rows;
use crate::gate::{Coverage, Judgement, Outcome, RowVerdict};

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
            Outcome::Ok => "no row is worse by its floor".to_owned(),
            Outcome::Regressed => "at least one row is significantly worse, and by its floor or more as estimated".to_owned(),
            Outcome::Doubtful => self.doubt(),
            Outcome::Coverage => {
                "rows or stored sessions are missing or failed, or none could be judged".to_owned()
            }
            Outcome::Incomparable => {
                "the two sides were measured in different or unknown environments, or with other settings".to_owned()
            }
        };
        format!("{why} (exit code {code})")
    }

    /// What a doubt is about: how many rows were judged, how many could not be, and what is made of it.
    fn doubt(&self) -> String {
        let Coverage { judged, of, inconclusive, .. } = self.judgement.coverage;
        let suspect = rows::of(self.judgement, RowVerdict::Suspect).len();
        let cleared = match suspect {
            0 => format!("{judged} of {of} rows could be judged, and none of them has regressed"),
            _ => format!("{judged} of {of} rows could be judged, of them {suspect} suspect"),
        };
        let open = match inconclusive {
            0 => String::new(),
            1 => "; 1 could not be judged and may be worse by its floor".to_owned(),
            open => format!("; {open} could not be judged and may be worse by their floor"),
        };
        let fails = if self.inconclusive_fails {
            "that fails (--on-inconclusive=fail)"
        } else {
            "that does not fail, unless --on-inconclusive=fail makes it exit code 6"
        };
        format!("{cleared}{open}; {fails}")
    }

    /// The whole in one line: for headings.
    pub(super) fn headline(&self) -> String {
        format!("{}: {}", self.outcome(), rows::counts(self.judgement))
    }

    /// How the figures came about, and what that allows to be said.
    pub(super) fn design(&self) -> String {
        // 1 is what no test at all leaves; the rows say why there was none.
        let ceiling = if self.judgement.p_min >= 1.0 {
            "no row could be tested"
        } else if self.judgement.p_min > self.judgement.alpha {
            "too few for any to be called worse"
        } else if self.judgement.full_verdicts {
            "full verdicts"
        } else {
            "suspect at most"
        };
        format!("{}: {ceiling}", self.judgement.design)
    }
}
