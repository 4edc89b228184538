//! Who is told what happens while runs are made.
//!
//! What is shown of it is the observer's own business. Invariant: an observer changes nothing that is measured or
//! recorded; all it may do is to end the session by its interrupts.

use std::io;
use std::time::Duration;

use super::summary::Asked;
use crate::event::{RunEvent, RunRecord};
use crate::report::so_far::SoFar;
use crate::runner::Interrupts;

/// How many runs will be started: what is known of it, which never grows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expected {
    /// So many in all.
    InAll(usize),
    /// So many in this round; how many rounds follow depends on what they say.
    InRound {
        /// Which round, from 1.
        round: u32,
        /// Its runs.
        runs: usize,
    },
    /// As many as there is time for.
    Within(Duration),
}

impl Expected {
    /// The runs that it speaks of; absent where time alone ends them.
    pub const fn runs(self) -> Option<usize> {
        match self {
            Self::InAll(runs) | Self::InRound { runs, .. } => Some(runs),
            Self::Within(_) => None,
        }
    }
}

impl Default for Expected {
    fn default() -> Self {
        Self::InAll(0)
    }
}

/// Somebody who follows the runs of a session, and may end them.
pub trait Observer {
    /// So many runs will be started, before the first of them is.
    fn expect(&mut self, expected: Expected);
    /// Something that the user should know before anything is run, or after it.
    fn warn(&mut self, what: &str);
    /// Something happened.
    fn event(&mut self, event: &RunEvent);
    /// The first run is about to begin: from now on the observer may raise `interrupts`.
    fn begin(&mut self, interrupts: &Interrupts) -> io::Result<()>;
    /// Whether it wants to know how the cells stand.
    fn follows(&self) -> bool {
        false
    }
    /// Every cell has been run, and may be run again: these are the runs so far, in the order of the plan.
    fn stands(&mut self, _records: &[RunRecord], _asked: &Asked) {}
    /// A search goes on, and this is what it has found so far.
    fn found(&mut self, _so_far: &SoFar) {}
}
