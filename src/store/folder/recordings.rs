//! A results folder that is only read.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use super::lock::Lock;
use super::manifest::{GridHead, ManifestHead, ManifestText, of_results, text_of};
use super::marker::{is_whole, read_done};
use crate::event::{RunRecord, RunStatus};
use crate::store::error::StoreError;
use crate::store::log;

/// That a run has ended, and when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ended {
    /// How.
    pub status: RunStatus,
    /// RFC 3339, by the clock of its machine; empty where that was not recorded.
    pub at: String,
}

impl Ended {
    /// Whether the run need not be made again.
    pub const fn is_whole(&self) -> bool {
        is_whole(self.status)
    }
}

/// A results folder that is only read.
#[derive(Debug)]
pub struct Recordings {
    path: PathBuf,
    head: ManifestHead,
    /// The machine of each run, where there are several.
    owners: HashMap<String, u32>,
}

impl Recordings {
    /// Opens a results folder; another perftune may be writing to it.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        let head = of_results(path)?;
        let owners = head.owners();
        Ok(Self { path: path.to_owned(), head, owners })
    }

    /// What the manifest says.
    pub fn head(&self) -> &ManifestHead {
        &self.head
    }

    /// The grid that its runs are of; from now on the head does not say it any more. Of thousands of folders that are held at once
    /// it would be most of the memory.
    pub fn take_grid(&mut self) -> Option<GridHead> {
        self.head.grid.take()
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The whole manifest.
    pub fn manifest(&self) -> Result<ManifestText, StoreError> {
        text_of(&self.path)
    }

    /// How and when a run ended, by its marker; `None`: it has not, or was never started.
    pub fn ended(&self, run: &str) -> Result<Option<Ended>, StoreError> {
        let done = read_done(&self.run_folder(run))?;
        Ok(done.map(|done| Ended { status: done.status, at: done.ended }))
    }

    /// Keeps every perftune from writing to the folder, as long as what comes back is held; an error where one does. Nothing
    /// is written for it: a folder in which nobody has written has no lock, and needs none.
    pub fn still(&self) -> Result<Option<Lock>, StoreError> {
        Lock::share(&self.path)
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
            Some(_) => {
                let machine = self.owners.get(run).copied();
                Ok(Some(RunRecord { machine, ..log::read_record(&folder)? }))
            }
            None => Ok(None),
        }
    }
}
