//! What the tasks have made so far becomes the reports of the folder.
//!
//! Invariant: of a unit that is not done, what is whole is taken and nothing else that a task may still write to.

use std::path::Path;
use std::time::Duration;

use super::kept::{KeptPlan, UnitPlan};
use crate::app::merge::{self, Merged, Source, Whole};
use crate::app::{Fault, pause, session};
use crate::event::RunRecord;
use crate::store::{ManifestHead, Results, Spread, StoreError};

/// Whether the runs of this folder are made by tasks of a cluster.
pub fn is_spread(folder: &Path) -> bool {
    Spread::is_at(folder)
}

/// How often it is tried while somebody else writes to the folder, and how long between: who collects takes seconds.
const TRIES: u32 = 50;
const BETWEEN: Duration = Duration::from_millis(200);

pub(super) fn open(folder: &Path) -> Result<Spread, StoreError> {
    for _ in 1..TRIES {
        match Spread::open(folder) {
            Err(StoreError::Locked { .. }) => pause(BETWEEN),
            opened => return opened,
        }
    }
    Spread::open(folder)
}

/// Puts together what there is; nothing where there is nothing yet.
pub fn collect(folder: &Path) -> Result<Option<Merged>, Fault> {
    let spread = open(folder)?;
    let kept = KeptPlan::of(&spread)?;
    Ok(put_together(spread, &kept)?.1)
}

/// The same of a folder that is held, and goes on being held.
pub(super) fn put_together(
    spread: Spread,
    kept: &KeptPlan,
) -> Result<(Results, Option<Merged>), Fault> {
    let published = spread.published()?;
    let mut found = Vec::new();
    for unit in &kept.units {
        if published.contains(&unit.id) {
            found.push(Source { folder: spread.part(&unit.id), is_at_rest: true });
            continue;
        }
        for attempt in spread.attempts(&unit.id)? {
            let (folder, is_at_rest) = (attempt.results(), attempt.end.is_some());
            if folder.join("manifest.json").is_file() {
                found.push(Source { folder, is_at_rest });
            }
        }
    }
    let wanted: Vec<String> = kept.units.iter().flat_map(UnitPlan::shown).collect();
    let whole = Whole { grid: &kept.grid, wanted: &wanted, are_all: true };
    // What cannot be planned here any more is shown all the same.
    let plan = kept.grid.searched.then(|| kept.plan().ok()).flatten();
    let finds = |head: Option<&ManifestHead>, records: &[RunRecord]| {
        session::found(plan.as_ref()?, head, records)
    };
    let results = spread.into_results()?;
    let merged = merge::collect(whole, &found, &results, &finds)?;
    Ok((results, merged))
}
