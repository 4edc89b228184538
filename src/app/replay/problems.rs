//! What could not be judged, and what a reader must know.
//!
//! How they are printed is left to `cli`. Invariant: every problem is counted, and only the first are kept.

use crate::app::Fault;
use crate::report::replay::ReplayRow;

/// Problems that are kept; more would only hide the first.
const SHOWN: usize = 20;

/// Why rows end before their sources do.
#[derive(Debug)]
pub enum Halt {
    /// Nobody reads them any more.
    Unread,
    /// Something is wrong.
    Fault(Fault),
}

impl From<Fault> for Halt {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

/// Takes a row.
pub type Rows<'a> = dyn FnMut(ReplayRow) -> Result<(), Halt> + 'a;

/// Where the rows of a source go, and its problems.
pub struct Output<'a> {
    /// The rows.
    pub rows: &'a mut Rows<'a>,
    /// The problems.
    pub problems: Problems,
}

/// What came up.
#[derive(Debug, Default)]
pub struct Problems {
    /// The first of them.
    pub shown: Vec<String>,
    /// How many there are.
    pub count: usize,
    /// How many of them are series.
    pub series: u64,
    /// Series that were judged.
    pub judged: u64,
    /// What to know that is no mistake.
    pub notes: Vec<String>,
}

impl Problems {
    /// A whole source, or a run of it.
    pub(super) fn source(&mut self, what: impl Into<String>) {
        self.count += 1;
        if self.shown.len() < SHOWN {
            self.shown.push(what.into());
        }
    }

    /// One series.
    pub(super) fn series(&mut self, what: impl Into<String>) {
        self.series += 1;
        self.source(what);
    }

    /// Something to know that is no mistake.
    pub(super) fn note(&mut self, what: impl Into<String>) {
        let what = what.into();
        if !self.notes.contains(&what) {
            self.notes.push(what);
        }
    }

    /// Whether anything could not be judged.
    pub fn any(&self) -> bool {
        self.count > 0
    }
}
