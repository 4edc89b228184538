//! A results folder that is only read.

use std::path::{Path, PathBuf};

use super::manifest::{ManifestHead, of_results};
use super::marker::read_done;
use crate::event::RunRecord;
use crate::store::error::StoreError;
use crate::store::log;

/// A results folder that is only read.
#[derive(Debug)]
pub struct Recordings {
    path: PathBuf,
    head: ManifestHead,
}

impl Recordings {
    /// Opens a results folder; another perftune may be writing to it.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        let head = of_results(path)?;
        Ok(Self { path: path.to_owned(), head })
    }

    /// What the manifest says.
    pub fn head(&self) -> &ManifestHead {
        &self.head
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The folder of a run.
    pub fn run_folder(&self, run: &str) -> PathBuf {
        self.path.join("runs").join(run)
    }

    /// The record of a run that has ended, however it did; `None` where it has not, or was never started. A run that is
    /// marked as whole and has no whole log is an error.
    pub fn record(&self, run: &str) -> Result<Option<RunRecord>, StoreError> {
        let folder = self.run_folder(run);
        match read_done(&folder)? {
            Some(_) => log::read_record(&folder).map(Some),
            None => Ok(None),
        }
    }
}
