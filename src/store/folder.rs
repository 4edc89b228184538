//! The results folder: made, occupied, resumed, locked.

mod lock;
mod manifest;
mod marker;
mod recordings;

use std::ffi::OsStr;
use std::io::Write;
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;

use crate::event::RunRecord;

use self::manifest::{of_results, read_manifest};
use self::marker::{Done, read_done};
use super::difference::Difference;
use super::error::{FORMAT, StoreError};
use super::{atomic, json, log};

pub use lock::Lock;
pub use manifest::{DataRows, GridHead, MachineHead, ManifestHead, ManifestText, Recorded};
pub use recordings::{Ended, Recordings};

/// Room that must be there before the first run, in bytes: a run's log grows by some megabytes a minute.
const NEEDED: u64 = 16 << 20;

const MANIFEST: &str = "manifest.json";

/// What is written last of a run: it is whole.
pub(super) const MARKER: &str = marker::DONE;

/// The grid of a folder whose runs are made by tasks of a cluster.
pub(super) const PLAN: &str = "plan.json";

/// What a search has found.
pub const SEARCH: &str = "search.json";

/// The runs of earlier grids that a search was told of.
pub const EARLIER: &str = "earlier.json";

/// What stands in the folder beside the runs.
pub const WRITTEN: &[&str] = &[
    MANIFEST,
    "report.csv",
    "metrics.csv",
    "summary.csv",
    "summary_metrics.csv",
    "shadow.csv",
    SEARCH,
    EARLIER,
    "report.html",
];

/// What to do with results that are there already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Existing {
    /// Refuse, and say what the choices are.
    Refuse,
    /// Keep whole runs, run what is missing or failed.
    Resume,
    /// Remove them.
    Replace,
}

/// A results folder that this process writes to.
#[derive(Debug)]
pub struct Results {
    path: PathBuf,
    /// Absent: it is only read.
    _lock: Option<Lock>,
}

/// What a results folder holds.
#[derive(Debug)]
pub struct StoredResults {
    /// The name of the grid.
    pub name: String,
    /// The records of whole runs, in the order of the manifest.
    pub records: Vec<RunRecord>,
    /// The runs of the manifest that have no whole record.
    pub missing: Vec<String>,
    /// Why nothing can be written there: another perftune does, or the system forbids it.
    pub unwritable: Option<StoreError>,
}

impl Results {
    /// Opens the folder for writing, after checking that it can be written and that nothing in it is lost unasked.
    pub fn open(path: &Path, existing: Existing) -> Result<Self, StoreError> {
        check_occupancy(path, existing)?;
        fs_err::create_dir_all(path).map_err(StoreError::io("cannot make the results folder"))?;
        let lock = Lock::take(path)?;
        // Once more: another perftune may have written between the first look and the lock.
        check_occupancy(path, existing)?;
        check_space(path)?;
        if existing == Existing::Replace {
            clear(path)?;
        }
        fs_err::create_dir_all(path.join("runs"))
            .map_err(StoreError::io("cannot make the results folder"))?;
        // A folder on a read-only or full disk says so now, not after the first run.
        let probe = path.join("runs/.probe");
        atomic::write(&probe, &[b'.'; 4096])?;
        fs_err::remove_file(&probe).map_err(StoreError::io("cannot tidy the results folder"))?;
        Ok(Self { path: path.to_owned(), _lock: Some(lock) })
    }

    /// A folder that is held already.
    pub(super) fn held(path: PathBuf, lock: Option<Lock>) -> Self {
        Self { path, _lock: lock }
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The folder of a run.
    pub fn run_folder(&self, run: &str) -> PathBuf {
        self.path.join("runs").join(run)
    }

    /// The record of a whole run with this spec; `None` when it must run (again). An error when it is whole but was
    /// recorded with another spec.
    pub fn finished(
        &self,
        run: &str,
        spec: &serde_json::Value,
    ) -> Result<Option<RunRecord>, StoreError> {
        let folder = self.run_folder(run);
        let Some(done) = read_done(&folder)? else {
            return Ok(None);
        };
        if let Some(difference) = Difference::first(&done.spec, spec) {
            let difference = difference.to_string();
            return Err(StoreError::OtherSettings { run: run.to_owned(), difference });
        }
        // A log that a power cut has torn is no record: the run is missing.
        Ok(done.is_whole().then(|| log::read_record(&folder).ok()).flatten())
    }

    /// An empty folder for a run.
    pub fn begin_run(&self, run: &str) -> Result<PathBuf, StoreError> {
        let folder = self.run_folder(run);
        if folder.exists() {
            fs_err::remove_dir_all(&folder)
                .map_err(StoreError::io("cannot clear a run's folder"))?;
        }
        fs_err::create_dir_all(&folder).map_err(StoreError::io("cannot make a run's folder"))?;
        Ok(folder)
    }

    /// Removes what there is of a run: its marker first, so that no half of it is ever taken for whole.
    pub fn discard_run(&self, run: &str) -> Result<(), StoreError> {
        let folder = self.run_folder(run);
        let cannot = "cannot clear a run's folder";
        let marker = folder.join(MARKER);
        if marker.exists() {
            fs_err::remove_file(&marker).map_err(StoreError::io(cannot))?;
        }
        if folder.exists() {
            fs_err::remove_dir_all(&folder).map_err(StoreError::io(cannot))?;
        }
        Ok(())
    }

    /// Marks a run as whole. Last of all its files. `ended`: when it ended, RFC 3339.
    pub fn mark_done(
        &self,
        record: &RunRecord,
        spec: &serde_json::Value,
        ended: &str,
    ) -> Result<(), StoreError> {
        let (spec, ended) = (spec.clone(), ended.to_owned());
        let done = Done { format: FORMAT, status: record.status, ended, spec };
        let bytes = json::sealed(&done)
            .map_err(|error| StoreError::io("cannot write a marker")(error.into()))?;
        atomic::write(&self.run_folder(&record.run).join(MARKER), &bytes)
    }

    /// The manifest that is there, if one is.
    pub fn manifest(&self) -> Result<Option<ManifestHead>, StoreError> {
        read_manifest(&self.path)
    }

    /// The record of a run that has ended, whatever its settings; `None` where there is none or it is damaged. An error where
    /// the system lets nobody see which.
    pub fn record(&self, run: &str) -> Result<Option<RunRecord>, StoreError> {
        let folder = self.run_folder(run);
        let read =
            read_done(&folder).and_then(|done| done.map(|_| log::read_record(&folder)).transpose());
        match read {
            Err(error) if error.is_refused() => Err(error),
            read => Ok(read.ok().flatten()),
        }
    }

    /// How and when a run ended, by its marker.
    pub fn ended(&self, run: &str) -> Result<Option<Ended>, StoreError> {
        let done = read_done(&self.run_folder(run))?;
        Ok(done.map(|done| Ended { status: done.status, at: done.ended }))
    }

    /// Removes a file of the folder, if it is there.
    pub fn remove(&self, name: &str) -> Result<(), StoreError> {
        let file = self.path.join(name);
        if file.exists() {
            fs_err::remove_file(&file).map_err(StoreError::io("cannot remove an old report"))?;
        }
        Ok(())
    }

    /// A file of the folder, if it is there.
    pub fn read(&self, name: &str) -> Result<Option<Vec<u8>>, StoreError> {
        let file = self.path.join(name);
        let read = file.exists().then(|| fs_err::read(&file)).transpose();
        read.map_err(StoreError::io("cannot read an old report"))
    }

    /// What a sealed file of the folder holds, if it is there.
    pub fn read_sealed<T: DeserializeOwned>(&self, name: &str) -> Result<Option<T>, StoreError> {
        json::read_if_there(&self.path.join(name), "cannot read the results folder")
    }

    /// Replaces a file of the folder.
    pub fn write(&self, name: &str, bytes: &[u8]) -> Result<(), StoreError> {
        atomic::write(&self.path.join(name), bytes)
    }

    /// The same of what is written piece by piece.
    pub fn write_with<E: From<StoreError>>(
        &self,
        name: &str,
        fill: impl FnOnce(&mut dyn Write) -> Result<(), E>,
    ) -> Result<(), E> {
        atomic::write_with(&self.path.join(name), fill)
    }
}

/// Opens a results folder to write its reports anew, or, where that cannot be, to show them.
pub fn reopen(path: &Path) -> Result<(Results, StoredResults), StoreError> {
    let head = of_results(path)?;
    let (lock, unwritable) = match Lock::take(path) {
        Ok(lock) => (Some(lock), None),
        Err(error) => (None, Some(error)),
    };
    let results = Results { path: path.to_owned(), _lock: lock };
    stored(results, head, unwritable)
}

/// Opens a results folder to look at it: whoever wants to write to it meanwhile may.
pub fn look(path: &Path) -> Result<(Results, StoredResults), StoreError> {
    let head = of_results(path)?;
    let unwritable = Lock::take(path).err();
    stored(Results { path: path.to_owned(), _lock: None }, head, unwritable)
}

fn stored(
    results: Results,
    head: ManifestHead,
    unwritable: Option<StoreError>,
) -> Result<(Results, StoredResults), StoreError> {
    let owners = head.owners();
    let (name, records, missing) = (head.name, Vec::new(), Vec::new());
    let mut stored = StoredResults { name, records, missing, unwritable };
    for run in head.runs {
        match results.record(&run)? {
            Some(record) => {
                let machine = owners.get(&run).copied();
                RunRecord { machine, ..record }.join(&mut stored.records);
            }
            None => stored.missing.push(run),
        }
    }
    Ok((results, stored))
}

fn check_occupancy(path: &Path, existing: Existing) -> Result<(), StoreError> {
    if !path.exists() {
        return Ok(());
    }
    if path.join(PLAN).is_file() {
        return Err(StoreError::Submitted { path: path.to_owned() });
    }
    let head = match read_manifest(path) {
        // What another perftune has left is to be replaced, not read.
        Err(error) if existing == Existing::Replace && error.is_of_perftune() => return Ok(()),
        head => head?,
    };
    let Some(head) = head else {
        let entries = fs_err::read_dir(path).map_err(StoreError::io("cannot read the folder"))?;
        let foreign = entries.flatten().any(|entry| entry.file_name() != ".lock");
        let foreign = foreign && !only_unfinished_beginnings(path);
        return if foreign { Err(StoreError::Foreign { path: path.to_owned() }) } else { Ok(()) };
    };
    if existing != Existing::Refuse {
        return Ok(());
    }
    let planned = head.runs.len();
    if planned == 0 {
        return Ok(());
    }
    let mut finished = 0;
    for run in &head.runs {
        let done = read_done(&path.join("runs").join(run))?;
        finished += usize::from(done.is_some_and(|done| done.is_whole()));
    }
    Err(StoreError::Occupied {
        path: path.to_owned(),
        finished,
        missing: planned - finished,
        planned,
    })
}

/// A perftune that was killed before its manifest was written leaves an empty `runs` folder behind.
fn only_unfinished_beginnings(path: &Path) -> bool {
    let Ok(entries) = fs_err::read_dir(path) else {
        return false;
    };
    entries.flatten().all(|entry| match entry.file_name().to_str() {
        Some(".lock" | "manifest.json.tmp" | EARLIER | "earlier.json.tmp") => true,
        Some("runs") => fs_err::read_dir(entry.path())
            .is_ok_and(|runs| runs.flatten().all(|run| is_probe(&run.file_name()))),
        _ => false,
    })
}

fn is_probe(name: &OsStr) -> bool {
    name == ".probe" || name == ".probe.tmp"
}

fn check_space(path: &Path) -> Result<(), StoreError> {
    let stat = rustix::fs::statvfs(path)
        .map_err(|error| StoreError::io("cannot ask how much room is left")(error.into()))?;
    let free = stat.f_bavail.saturating_mul(stat.f_frsize);
    if free < NEEDED {
        return Err(StoreError::NoSpace { path: path.to_owned(), free, needed: NEEDED });
    }
    Ok(())
}

/// Removes what perftune wrote, and nothing else that a user may have put there. The manifest becomes one without runs: if
/// this process is killed now, the next would take a folder without one for somebody else's.
fn clear(path: &Path) -> Result<(), StoreError> {
    let name = match read_manifest(path) {
        Err(error) if error.is_of_perftune() => Some(String::new()),
        head => head?.map(|head| head.name),
    };
    if let Some(name) = name {
        let none = serde_json::json!({ "format": FORMAT, "name": name, "runs": [] });
        let bytes = json::sealed(&none)
            .map_err(|error| StoreError::io("cannot write the manifest")(error.into()))?;
        atomic::write(&path.join(MANIFEST), &bytes)?;
    }
    let runs = path.join("runs");
    if runs.exists() {
        fs_err::remove_dir_all(&runs).map_err(StoreError::io("cannot remove the old runs"))?;
    }
    for name in WRITTEN.iter().filter(|name| **name != MANIFEST) {
        let file = path.join(name);
        if file.exists() {
            fs_err::remove_file(&file).map_err(StoreError::io("cannot remove an old report"))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::RunStatus;

    const REFUSE: Existing = Existing::Refuse;

    #[test]
    fn results_that_cannot_be_read_are_replaced_where_they_are_of_perftune() {
        let old = br#"{"format":{"major":1,"minor":0},"name":"g","runs":["a"]}"#.to_vec();
        let none = serde_json::json!({ "format": FORMAT, "name": "g", "runs": ["a"] });
        let edited = String::from_utf8(json::sealed(&none).unwrap()).unwrap();
        let edited = edited.replace("\"a\"", "\"b\"").into_bytes();
        for manifest in [old, edited] {
            let dir = tempfile::tempdir().unwrap();
            let path = dir.path();
            fs_err::write(path.join(MANIFEST), manifest).unwrap();
            fs_err::create_dir_all(path.join("runs/a")).unwrap();
            for existing in [REFUSE, Existing::Resume] {
                let refused = Results::open(path, existing).unwrap_err();
                assert!(refused.to_string().contains("--fresh"), "{refused}");
            }
            let opened = Results::open(path, Existing::Replace).unwrap();
            assert!(opened.manifest().unwrap().unwrap().runs.is_empty());
            assert!(!path.join("runs/a").exists());
        }
    }

    #[test]
    fn a_folder_of_somebody_else_is_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        fs_err::write(dir.path().join("thesis.tex"), "x").unwrap();
        for existing in [REFUSE, Existing::Resume, Existing::Replace] {
            let error = Results::open(dir.path(), existing).unwrap_err();
            assert!(matches!(error, StoreError::Foreign { .. }), "{error}");
        }
        assert!(dir.path().join("thesis.tex").exists());
    }

    #[test]
    fn a_second_writer_is_refused_while_the_first_lives() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("grid");
        let first = Results::open(&path, REFUSE).unwrap();
        let error = Results::open(&path, REFUSE).unwrap_err();
        assert!(matches!(error, StoreError::Locked { .. }), "{error}");
        drop(first);
        Results::open(&path, REFUSE).unwrap();
    }

    #[test]
    fn results_are_kept_unless_told_otherwise() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("grid");
        let results = Results::open(&path, REFUSE).unwrap();
        results
            .write(
                "manifest.json",
                br#"{"format":{"major":4,"minor":0},"name":"g","runs":["a","b"]}"#,
            )
            .unwrap();
        drop(results);
        for (run, status) in [("a", RunStatus::Cancelled), ("b", RunStatus::Completed)] {
            let folder = path.join("runs").join(run);
            fs_err::create_dir_all(&folder).unwrap();
            let (ended, spec) = (String::new(), serde_json::Value::Null);
            let done = Done { format: FORMAT, status, ended, spec };
            fs_err::write(folder.join("done.json"), json::sealed(&done).unwrap()).unwrap();
        }
        let error = Results::open(&path, REFUSE).unwrap_err().to_string();
        assert!(error.contains("1 finished and 1 unfinished of 2"), "{error}");
        drop(Results::open(&path, Existing::Resume).unwrap());
        assert!(path.join("manifest.json").exists());
        fs_err::write(path.join("notes.txt"), "mine").unwrap();
        drop(Results::open(&path, Existing::Replace).unwrap());
        assert!(read_manifest(&path).unwrap().unwrap().runs.is_empty());
        assert!(path.join("notes.txt").exists());
    }

    #[test]
    fn what_a_killed_perftune_has_begun_is_its_own() {
        let dir = tempfile::tempdir().unwrap();
        for (case, files) in [
            &["runs/.probe.tmp"][..],
            &["runs/.probe", ".lock"],
            &["manifest.json.tmp", ".lock", EARLIER],
        ]
        .iter()
        .enumerate()
        {
            let path = dir.path().join(case.to_string());
            fs_err::create_dir_all(path.join("runs")).unwrap();
            for file in *files {
                fs_err::write(path.join(file), "").unwrap();
            }
            Results::open(&path, REFUSE).unwrap();
        }
        // One that was killed while it removed old results.
        let path = dir.path().join("replaced");
        let results = Results::open(&path, REFUSE).unwrap();
        let old = br#"{"format":{"major":4,"minor":0},"name":"g","runs":["a"]}"#;
        results.write(MANIFEST, old).unwrap();
        results.write("report.csv", b"run").unwrap();
        drop(results);
        fs_err::write(path.join("notes.txt"), "mine").unwrap();
        clear(&path).unwrap();
        assert!(!path.join("report.csv").exists());
        for existing in [REFUSE, Existing::Resume, Existing::Replace] {
            Results::open(&path, existing).unwrap();
        }
    }

    #[test]
    fn an_unwritable_folder_is_said_at_once() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("file");
        fs_err::write(&file, "").unwrap();
        let error = Results::open(&file.join("grid"), REFUSE).unwrap_err().to_string();
        assert!(error.contains("file/grid"), "{error}");
    }
}
