//! A results folder while somebody still adds to it.
//!
//! What is shown of it is left to `cli`. Invariant: nothing of the runs is touched.

use std::path::Path;

use super::Fault;
use super::tasks::{UnitState, collect, is_spread, standing};
use crate::store::{StoreError, look};

/// What there is of a folder, and whether more will come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stand {
    /// Runs that have ended.
    pub ended: usize,
    /// A perftune writes to it, or tasks of a cluster are still to come.
    pub is_more_to_come: bool,
}

/// How the folder stands now.
pub fn stand(folder: &Path) -> Result<Stand, Fault> {
    let mut tasks = 0;
    if is_spread(folder) {
        tasks = standing(folder)?.count(UnitState::is_live);
        // Why it cannot be put together is told to who looks at it.
        let _ = collect(folder);
    }
    match look(folder) {
        Ok((_, stored)) => {
            let is_written = matches!(stored.unwritable, Some(StoreError::Locked { .. }));
            Ok(Stand { ended: stored.records.len(), is_more_to_come: is_written || tasks > 0 })
        }
        // No task has made anything yet.
        Err(StoreError::NoResults { .. }) if tasks > 0 => {
            Ok(Stand { ended: 0, is_more_to_come: true })
        }
        Err(error) => Err(error.into()),
    }
}
