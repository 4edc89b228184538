//! What is handed on, and what became of it.

use std::collections::HashMap;

use jiff::Timestamp;

use crate::app::derived::Derived;
use crate::event::RunRecord;
use crate::report::export::Times;
use crate::store::Results;

/// Runs that have ended, and what they say together.
pub struct Ended<'a> {
    /// The name of the grid.
    pub name: &'a str,
    /// Their folder.
    pub results: &'a Results,
    /// The runs.
    pub records: &'a [RunRecord],
    /// What they say together.
    pub derived: &'a Derived,
}

impl Ended<'_> {
    /// When each run began and ended, where that was recorded.
    pub(super) fn times(&self) -> HashMap<String, Times> {
        let of_run = |record: &RunRecord| {
            let ended = self.results.ended(&record.run).ok()??;
            let at: Timestamp = ended.at.parse().ok()?;
            let ended_s = at.as_microsecond() as f64 / 1e6;
            Some((record.run.clone(), Times { began_s: ended_s - record.wall_s, ended_s }))
        };
        self.records.iter().filter_map(of_run).collect()
    }
}

/// What was written.
pub(super) struct Written {
    /// How many figures, or what else the format counts.
    pub(super) count: usize,
    /// What there is to say of it.
    pub(super) notes: Vec<String>,
}

impl From<usize> for Written {
    fn from(count: usize) -> Self {
        Self { count, notes: Vec::new() }
    }
}
