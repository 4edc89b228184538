//! Runs of several results folders become one folder.
//!
//! Invariant: whoever looks finds the whole folder or none of it, and the folders that runs are taken from are not changed.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use super::error::StoreError;
use super::folder::{Existing, Lock, MARKER, Results};

/// A results folder that is being put together beside the place where it is to be.
#[derive(Debug)]
pub struct Merging {
    /// Absent once it is where it is to be.
    results: Option<Results>,
    beside: PathBuf,
    to: PathBuf,
    /// Whether a file had to be copied.
    copied: bool,
}

impl Merging {
    /// Begins a folder; where it is to be there is nothing yet, or an empty folder.
    pub fn begin(to: &Path) -> Result<Self, StoreError> {
        let cannot = "cannot make the merged folder";
        let occupied = || StoreError::NotEmpty { path: to.to_owned() };
        let name = to.file_name().ok_or_else(occupied)?.to_string_lossy();
        if to.exists() && fs_err::read_dir(to).map_err(StoreError::io(cannot))?.next().is_some() {
            return Err(occupied());
        }
        let beside = to.with_file_name(format!(".{name}.merging"));
        if beside.exists() {
            // Of a merge that was killed; one that is at work holds the lock.
            drop(Lock::take(&beside)?);
            fs_err::remove_dir_all(&beside).map_err(StoreError::io(cannot))?;
        }
        let results = Some(Results::open(&beside, Existing::Refuse)?);
        Ok(Self { results, beside, to: to.to_owned(), copied: false })
    }

    /// The folder, where it is until it is whole.
    pub fn results(&self) -> Option<&Results> {
        self.results.as_ref()
    }

    /// Takes a run from its folder: each file becomes one with two names, or is copied where the system has no such thing.
    /// A file of a run is never changed in place, so that a run that is made once more here leaves the other folder alone.
    pub fn take(&mut self, run: &str, from: &Path) -> Result<(), StoreError> {
        self.copied |= take(from, &self.beside.join("runs").join(run))?;
        Ok(())
    }

    /// Puts it where it is to be, whole.
    pub fn finish(mut self) -> Result<(), StoreError> {
        if self.copied {
            // Renamed before its files are on disk, a folder may be full of empty ones after a power cut.
            rustix::fs::sync();
        }
        fs_err::rename(&self.beside, &self.to)
            .map_err(StoreError::io("cannot put the merged folder in its place"))?;
        self.results = None;
        Ok(())
    }
}

/// Gives the files of a run a second name, or copies them; whether any was copied.
fn take(from: &Path, to: &Path) -> Result<bool, StoreError> {
    let cannot = "cannot take a run";
    fs_err::create_dir(to).map_err(StoreError::io(cannot))?;
    let mut copied = false;
    for entry in fs_err::read_dir(from).map_err(StoreError::io(cannot))? {
        let entry = entry.map_err(StoreError::io(cannot))?;
        if !entry.file_type().is_ok_and(|kind| kind.is_file()) {
            continue;
        }
        let file = to.join(entry.file_name());
        if fs_err::hard_link(entry.path(), &file).is_err() {
            fs_err::copy(entry.path(), &file).map_err(StoreError::io(cannot))?;
            copied = true;
        }
    }
    Ok(copied)
}

impl Results {
    /// Makes a run that is elsewhere one of this folder; nothing is done where it is that one already.
    pub fn adopt(&self, run: &str, from: &Path) -> Result<(), StoreError> {
        let to = self.run_folder(run);
        let marker = |folder: &Path| fs_err::read(folder.join(MARKER)).ok();
        if marker(&to).is_some_and(|own| marker(from) == Some(own)) {
            return Ok(());
        }
        self.discard_run(run)?;
        let cannot = "cannot take a run";
        let half = to.with_file_name(format!(".{run}.taken"));
        if half.exists() {
            fs_err::remove_dir_all(&half).map_err(StoreError::io(cannot))?;
        }
        take(from, &half)?;
        fs_err::rename(half, to).map_err(StoreError::io(cannot))
    }

    /// Removes every run but these.
    pub fn retain(&self, runs: &HashSet<&str>) -> Result<(), StoreError> {
        let cannot = "cannot list the runs";
        for entry in fs_err::read_dir(self.path().join("runs")).map_err(StoreError::io(cannot))? {
            let name = entry.map_err(StoreError::io(cannot))?.file_name();
            let name = name.to_string_lossy();
            if !runs.contains(&*name) {
                self.discard_run(&name)?;
            }
        }
        Ok(())
    }
}

impl Drop for Merging {
    fn drop(&mut self) {
        if self.results.take().is_some() {
            // What is left of a failed attempt is of no use; its error is the one to tell.
            let _ = fs_err::remove_dir_all(&self.beside);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_there_whole_or_not_at_all() {
        let dir = tempfile::tempdir().unwrap();
        let (from, to) = (dir.path().join("from"), dir.path().join("to"));
        fs_err::create_dir_all(&from).unwrap();
        fs_err::write(from.join("events.jsonl"), "x").unwrap();
        let mut failed = Merging::begin(&to).unwrap();
        failed.take("a", &from).unwrap();
        assert!(failed.take("b", &dir.path().join("missing")).is_err());
        let other = Merging::begin(&to).unwrap_err();
        assert!(matches!(other, StoreError::Locked { .. }), "{other}");
        drop(failed);
        assert_eq!(fs_err::read_dir(dir.path()).unwrap().count(), 1);

        // One that was killed leaves its folder behind.
        fs_err::create_dir_all(dir.path().join(".to.merging/runs/a")).unwrap();
        let mut whole = Merging::begin(&to).unwrap();
        whole.take("a", &from).unwrap();
        assert!(!to.exists());
        whole.finish().unwrap();
        assert_eq!(fs_err::read_to_string(to.join("runs/a/events.jsonl")).unwrap(), "x");
        assert_eq!(fs_err::read_dir(dir.path()).unwrap().count(), 2);
        let again = Merging::begin(&to).unwrap_err().to_string();
        assert!(again.contains("is there and not empty"), "{again}");
        assert!(Merging::begin(&from.join("..")).is_err());
    }
}
