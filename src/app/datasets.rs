//! Data sets for the configuration and for `perftune list datasets`.
//!
//! Reading their images is left to the worker. Invariant: to a person who lists them, a data set that cannot be read is
//! one that is listed with the reason, and no reason to hide the others.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::{Fault, error_text, launch};
use crate::config::plan::PlannedRun;
use crate::config::{DatasetCatalogue, DatasetFacts, ScriptFacts};
use crate::dataset::{DataError, DataSet, Listed, Roots, find, list, names, sha256};
use crate::event::Work;
use crate::store::DataRows;

/// The data sets near a folder.
pub(super) struct Catalogue {
    base: PathBuf,
    roots: Roots,
}

impl Catalogue {
    /// Those that a grid in this folder, or a user in the working directory, would mean.
    pub(super) fn near(base: &Path) -> Self {
        Self { base: base.to_owned(), roots: Roots::near(base) }
    }
}

impl DatasetCatalogue for Catalogue {
    fn resolve(&self, name_or_path: &str) -> Result<DatasetFacts, DataError> {
        let data = find(name_or_path, &self.base, &self.roots)?;
        Ok(DatasetFacts {
            name: data.manifest().name.clone(),
            dir: data.folder().to_owned(),
            train_rows: data.manifest().train_rows,
            shape: data.manifest().shape,
            guessed: data.manifest().guessed.clone(),
        })
    }

    fn names(&self) -> Vec<String> {
        names(&self.roots)
    }

    fn script(&self, path: &Path) -> Result<ScriptFacts, String> {
        if path.is_dir() {
            return Err("it is a folder".to_owned());
        }
        let sha256 = sha256(path).map_err(|error| error_text(&error))?;
        Ok(ScriptFacts { sha256, holds: launch::script_holds(path)? })
    }
}

/// Whether the native worker reads a data set for a run.
fn is_read(run: &PlannedRun) -> bool {
    run.job.work == Work::Native && run.job.random.is_none()
}

/// Every file of the data sets of these runs is what its manifest says, to the last row of the test part: a run would notice
/// only after it has trained.
pub fn check(runs: &[PlannedRun]) -> Result<(), Fault> {
    let native = runs.iter().filter(|run| is_read(run));
    let folders: BTreeSet<_> = native.map(|run| &run.job.dataset_dir).collect();
    for folder in folders {
        verified(folder)?;
    }
    Ok(())
}

/// Every file of the data set in this folder is what its manifest says, to the last row of the test part.
pub(super) fn verified(folder: &Path) -> Result<(), Fault> {
    let verified = DataSet::open(folder).and_then(|set| {
        set.verify()?;
        set.check()
    });
    verified.map_err(|error| Fault::new(error_text(&error)))
}

/// The data sets of the runs that the native worker makes.
pub(super) fn rows(runs: &[PlannedRun]) -> BTreeMap<String, DataRows> {
    let mut found = BTreeMap::new();
    for run in runs {
        if !is_read(run) || found.contains_key(&run.job.dataset) {
            continue;
        }
        // One that cannot be read has been reported before.
        if let Ok(data) = DataSet::open(&run.job.dataset_dir) {
            let manifest = data.manifest();
            let (train, test) = (manifest.train_rows, manifest.test_rows);
            let rows = DataRows { train, test, sha256: data.identity().ok() };
            found.insert(run.job.dataset.clone(), rows);
        }
    }
    found
}

/// A data set, as `list datasets` shows it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct DatasetRow {
    /// As written in the grid.
    pub name: String,
    /// Channels x height x width.
    pub shape: Option<String>,
    /// Number of classes.
    pub classes: Option<u32>,
    /// Rows to train on, those held out for validation included.
    pub train: Option<u64>,
    /// Rows to test on.
    pub test: Option<u64>,
    /// Its licence.
    pub licence: String,
    /// What it is, one line.
    pub about: String,
    /// Its folder.
    pub path: String,
    /// What its manifest does not say and was found in its files.
    pub guessed: String,
    /// Why it cannot be used, if so: then of all else only its name and its folder are known.
    pub problem: Option<String>,
}

impl DatasetRow {
    /// What it is, with what was found in its files; or why it cannot be used.
    pub fn summary(&self) -> String {
        match (&self.problem, self.guessed.as_str()) {
            (Some(problem), _) => format!("cannot be used: {problem}"),
            (None, "") => self.about.clone(),
            (None, guessed) => format!("{} (found: {guessed})", self.about).trim_start().to_owned(),
        }
    }
}

/// The data sets in the data folders. One that cannot be read is listed with the reason: its user would look for it in
/// vain.
pub fn datasets() -> Result<Vec<DatasetRow>, Fault> {
    let roots = Roots::near(&std::env::current_dir()?);
    Ok(list(&roots).into_iter().map(row).collect())
}

fn row(listed: Listed) -> DatasetRow {
    let mut row = DatasetRow {
        name: listed.name,
        path: listed.folder.display().to_string(),
        ..DatasetRow::default()
    };
    match &listed.data {
        Ok(data) => {
            let manifest = data.manifest();
            row.shape = Some(manifest.shape.map(|side| side.to_string()).join("x"));
            row.classes = Some(manifest.classes);
            (row.train, row.test) = (Some(manifest.train_rows), Some(manifest.test_rows));
            (row.licence, row.about) = (manifest.licence.clone(), manifest.about.clone());
            row.guessed = manifest.guessed.join("; ");
        }
        Err(DataError::Manifest(mistakes)) => row.problem = Some(mistakes.brief()),
        Err(error) => row.problem = Some(error_text(error)),
    }
    row
}
