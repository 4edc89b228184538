//! What there is to see.

use crate::event::RunRecord;
use crate::report::front::FrontReport;
use crate::report::summary::SummaryRow;

/// What there is to see of a results folder.
#[derive(Debug, Clone, Copy)]
pub struct Seen<'a> {
    /// The name of the grid.
    pub name: &'a str,
    /// The runs that have ended.
    pub records: &'a [RunRecord],
    /// Their figures over the runs of each cell.
    pub summary: &'a [SummaryRow],
    /// The front, where there are objectives.
    pub front: Option<&'a FrontReport>,
    /// Runs that were planned; more may come where nobody knows how many.
    pub planned: usize,
    /// Whether more will come.
    pub live: bool,
}
