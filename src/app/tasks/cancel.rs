//! No task of a folder runs any more.
//!
//! Invariant: that it is cancelled is kept before the cluster is told, so that a task that begins meanwhile ends at once.

use std::path::Path;

use super::kept::KeptPlan;
use crate::app::Fault;
use crate::engine::Slurm;
use crate::store::Spread;

/// What was cancelled.
#[derive(Debug, PartialEq, Eq)]
pub struct Cancelled {
    /// Job arrays.
    pub jobs: usize,
    /// Units that are done all the same.
    pub done: usize,
    /// Units.
    pub units: usize,
}

/// Cancels what is not done.
pub fn cancel(folder: &Path) -> Result<Cancelled, Fault> {
    let spread = Spread::at(folder)?;
    let kept = KeptPlan::of(&spread)?;
    let published = spread.published()?;
    let mut submissions = spread.submissions()?;
    submissions.retain(|one| one.units.iter().any(|unit| !published.contains(unit)));
    for submission in &submissions {
        spread.cancel_submission(submission.number)?;
    }
    let names: Vec<&str> = submissions.iter().map(|submission| &*submission.job_name).collect();
    Slurm::new(kept.patience_s).cancel(&names).map_err(|error| {
        Fault::from(error).hint(
            "tasks that have not begun will not begin any more; those that run go on: say `perftune cancel` once more when the cluster answers",
        )
    })?;
    let done = kept.units.iter().filter(|unit| published.contains(&unit.id)).count();
    Ok(Cancelled { jobs: names.len(), done, units: kept.units.len() })
}
