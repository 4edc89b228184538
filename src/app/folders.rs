//! Results folders that are shown side by side.
//!
//! How they look is left to `report`. Invariant: nothing is written, and another perftune may be writing to them.

use std::path::{Path, PathBuf};

use super::Fault;
use super::compare::source::holds_both;
use super::distinct::distinct;
use super::summary::{Asked, summaries};
use crate::event::Arm;
use crate::report::folders::{Folder, Folders};
use crate::store::Recordings;

/// Both sides of a folder that `perftune run --against` has made.
pub fn arms(path: &Path) -> Option<Vec<PathBuf>> {
    holds_both(path).then(|| Arm::BOTH.map(|arm| path.join(arm.name())).to_vec())
}

/// Reads the runs of each that have ended.
pub fn read(paths: &[PathBuf]) -> Result<Folders, Fault> {
    let places = paths.iter().map(|path| path.canonicalize().unwrap_or_else(|_| path.clone()));
    if distinct(places).len() < paths.len() {
        return Err(Fault::new("a results folder is given twice")
            .hint("name each folder once; the others are compared with the first"));
    }
    let mut folders = Vec::new();
    for path in paths {
        let recordings = Recordings::open(path)?;
        let mut records = Vec::new();
        for run in &recordings.head().runs {
            records.extend(recordings.record(run)?);
        }
        folders.push(Folder {
            name: path.display().to_string(),
            summary: summaries(&records, &Asked::of(Some(recordings.head()))),
            missing: recordings.head().runs.len() - records.len(),
            records,
        });
    }
    Ok(Folders::new(folders))
}
