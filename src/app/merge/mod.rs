//! Results folders that hold parts of one grid become one folder.
//!
//! Which runs are taken is decided in `choice`, how a folder is put together on disk by `store`. Invariant: nothing of the parts
//! is changed, and the folder is whole or not there.

mod choice;
mod grids;
mod machines;
mod manifest;
mod missing;

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use self::choice::{Taken, choose};
use self::grids::Part;
pub(in crate::app) use self::grids::Whole;
pub use self::missing::Missing;
use super::Fault;
use super::derived::Derived;
use super::distinct::distinct;
use crate::event::RunRecord;
use crate::report::found::Found;
use crate::store::{GridHead, ManifestHead, Merging, Results, SEARCH};

/// What a search over all parts has found by these records, where there was one.
type Finds<'a> = &'a dyn Fn(Option<&ManifestHead>, &[RunRecord]) -> Option<Found>;

/// What is to be put together.
pub struct MergeRequest<'a> {
    /// Results folders.
    pub parts: &'a [PathBuf],
    /// Where the whole goes.
    pub out: &'a Path,
    /// Of a run that several parts have, the newest is taken.
    pub prefer_newest: bool,
}

/// What came of it.
pub struct Merged {
    /// The name of the grid.
    pub name: String,
    /// The runs that have ended, in the order of the grid.
    pub records: Vec<RunRecord>,
    /// What they say together.
    pub derived: Derived,
    /// Runs that were planned of the cells that are there.
    pub planned: usize,
    /// What no part has.
    pub missing: Missing,
    /// What the user should know.
    pub notes: Vec<String>,
}

/// Puts what there is of the units of a grid together in the folder of the whole, over what an earlier call has put there;
/// nothing where there is nothing yet.
pub(in crate::app) fn collect(
    whole: Whole<'_>,
    found: &[Source],
    results: &Results,
    finds: Finds<'_>,
) -> Result<Option<Merged>, Fault> {
    let part = |source: &Source| {
        let mut part = grids::open_one(&source.folder)?;
        grids::check_keys(&part, whole.grid)?;
        part.is_at_rest = source.is_at_rest;
        // That of the whole is known.
        (part.grid.keys, part.grid.cells) = (serde_json::Value::Null, Vec::new());
        Ok(part)
    };
    let parts = found.iter().map(part).collect::<Result<Vec<_>, Fault>>()?;
    let Some(first) = parts.first() else {
        return Ok(None);
    };
    let taken = choose(&parts, whole, true)?;
    for Taken { run, from, .. } in &taken {
        if let Some(from) = from {
            results.adopt(run, &parts[from.part].recordings.run_folder(run))?;
        }
    }
    results.retain(
        &taken.iter().filter(|taken| taken.is_there()).map(|taken| &*taken.run).collect(),
    )?;
    let (records, derived) = written(&parts, whole.grid, &taken, results, finds)?;
    let missing = missing::missing(&parts, whole, &taken, &records);
    Ok(Some(Merged {
        name: first.recordings.head().name.clone(),
        planned: planned(&taken, whole, &missing),
        missing,
        notes: choice::ahead(&taken, &parts).into_iter().collect(),
        records,
        derived,
    }))
}

/// A results folder that holds runs of a unit.
pub(in crate::app) struct Source {
    pub(in crate::app) folder: PathBuf,
    /// Nobody writes to it any more.
    pub(in crate::app) is_at_rest: bool,
}

/// Puts the parts together.
pub fn merge(request: &MergeRequest<'_>) -> Result<Merged, Fault> {
    let parts = grids::open(request.parts)?;
    grids::check(&parts)?;
    let grid = &parts[0].grid;
    let whole = Whole { grid, wanted: &grid.cells, are_all: false };
    let taken = choose(&parts, whole, request.prefer_newest)?;
    let mut merging = Merging::begin(request.out)?;
    for Taken { run, from, .. } in taken.iter().filter(|taken| taken.is_there()) {
        if let Some(from) = from {
            merging.take(run, &parts[from.part].recordings.run_folder(run))?;
        }
    }
    let gone = || Fault::new("the merged folder is gone");
    let results = merging.results().ok_or_else(gone)?;
    // Each part has searched for itself.
    let (records, derived) = written(&parts, grid, &taken, results, &|_, _| None)?;
    merging.finish()?;
    let newest = request.prefer_newest.then(|| choice::ahead(&taken, &parts)).flatten();
    let missing = missing::missing(&parts, whole, &taken, &records);
    Ok(Merged {
        name: parts[0].recordings.head().name.clone(),
        planned: planned(&taken, whole, &missing),
        missing,
        notes: versions(&parts).into_iter().chain(newest).collect(),
        records,
        derived,
    })
}

/// Runs of the cells that are there: of the others nobody knows how many there would have been.
fn planned(taken: &[Taken], whole: Whole<'_>, missing: &Missing) -> usize {
    let gone: HashSet<&String> = missing.cells.iter().collect();
    let is_of =
        |taken: &&Taken| taken.cell.is_none_or(|cell| !gone.contains(&whole.grid.cells[cell]));
    taken.iter().filter(is_of).count()
}

/// Writes the manifest and the reports.
fn written(
    parts: &[Part],
    grid: &GridHead,
    taken: &[Taken],
    results: &Results,
    finds: Finds<'_>,
) -> Result<(Vec<RunRecord>, Derived), Fault> {
    results.write("manifest.json", &manifest::manifest(parts, grid, taken)?)?;
    let head = results.manifest()?;
    let owners = head.as_ref().map(ManifestHead::owners).unwrap_or_default();
    let mut records = Vec::new();
    for Taken { run, .. } in taken.iter().filter(|taken| taken.is_there()) {
        if let Some(record) = results.record(run)? {
            let machine = owners.get(run).copied();
            RunRecord { machine, ..record }.join(&mut records);
        }
    }
    match finds(head.as_ref(), &records) {
        Some(found) => results.write(SEARCH, &serde_json::to_vec_pretty(&found)?)?,
        None => results.remove(SEARCH)?,
    }
    let derived = Derived::new(results, &records, None)?;
    derived.write(results, &records, None)?;
    Ok((records, derived))
}

/// Said where not all parts were made by one version.
fn versions(parts: &[Part]) -> Option<String> {
    let each = distinct(parts.iter().map(|part| part.recordings.head().perftune.as_str()));
    (each.len() > 1).then(|| format!("the parts were made by perftune {}", each.join(" and ")))
}
