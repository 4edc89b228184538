//! A grid whose cells are run by tasks of a cluster, as it is on disk.
//!
//! ```text
//! results/<name>/                    also a results folder: what the tasks have made so far is put together here
//!   plan.json                        the grid as it was, and its units
//!   asked/000001.json                of a search, the units of a batch that it has asked for
//!   submissions/0001/                a job array
//!     units.json                     its job's name, and the unit of each task by its number
//!     job.sh                         what sbatch was given
//!     job                            the number that Slurm gave it; absent: sbatch has not said
//!     cancelled                      empty: it was cancelled
//!     task-0.log                     what each task has said
//!   attempts/<unit>/<attempt>/       attempt.json, ended.json, results/
//!   parts/<unit>/                    the results of the attempt that was the first to be whole
//! ```
//!
//! A *unit* is some whole cells that one task runs; its id is a hash of them. An *attempt* is one try of a task to run its unit.
//! Invariant: an attempt writes below its own folder alone, and its results become those of the unit by one rename, which a
//! second attempt cannot repeat: however many copies of a task live, a unit has one result, and that is whole.

mod asked;
mod attempt;
mod submission;

use std::collections::HashSet;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde::de::DeserializeOwned;

pub use attempt::{Attempt, AttemptEnd, AttemptHead};
pub use submission::Submission;

use super::error::StoreError;
use super::folder::{Existing, Lock, PLAN, Results, WRITTEN};
use super::{atomic, json};

const ASKED: &str = "asked";
const SUBMISSIONS: &str = "submissions";
const ATTEMPTS: &str = "attempts";
const PARTS: &str = "parts";

/// Such a folder.
#[derive(Debug)]
pub struct Spread {
    path: PathBuf,
    /// Absent: nothing but attempts is written.
    lock: Option<Lock>,
}

impl Spread {
    /// Whether the runs of this folder are made by tasks.
    pub fn is_at(path: &Path) -> bool {
        path.join(PLAN).is_file()
    }

    /// A new folder. `existing`: what becomes of what is there.
    pub fn begin(path: &Path, existing: Existing) -> Result<Self, StoreError> {
        if existing != Existing::Replace && Self::is_at(path) {
            return Err(StoreError::Submitted { path: path.to_owned() });
        }
        if !Self::is_at(path) && !Self::is_half(path)? {
            // A folder of results, of somebody else, or without room: the same is said as of a run.
            drop(Results::open(path, existing)?);
        }
        let spread = Self { path: path.to_owned(), lock: Some(Lock::take(path)?) };
        spread.clear()?;
        for folder in [SUBMISSIONS, ATTEMPTS, PARTS] {
            fs_err::create_dir(path.join(folder)).map_err(StoreError::io(CANNOT_MAKE))?;
        }
        Ok(spread)
    }

    /// Whether nothing is there but what was begun and never got its plan: who began it was killed before anything was submitted.
    fn is_half(path: &Path) -> Result<bool, StoreError> {
        const EMPTY: [&str; 4] = [SUBMISSIONS, ATTEMPTS, PARTS, "runs"];
        if !path.join(SUBMISSIONS).is_dir() {
            return Ok(false);
        }
        let is_own =
            |name: &String| EMPTY.contains(&&**name) || [".lock", ASKED].contains(&&**name);
        let mut is_half = names(path)?.iter().all(is_own);
        for folder in EMPTY.map(|name| path.join(name)) {
            is_half &= names(&folder)?.is_empty();
        }
        Ok(is_half)
    }

    /// One that is there, to submit or to collect: nobody else does either meanwhile.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        let found = Self::at(path)?;
        Ok(Self { lock: Some(Lock::take(path)?), ..found })
    }

    /// One that is there, to look at or to run a task of it.
    pub fn at(path: &Path) -> Result<Self, StoreError> {
        if Self::is_at(path) {
            return Ok(Self { path: path.to_owned(), lock: None });
        }
        Err(if path.join("manifest.json").is_file() {
            StoreError::NotSubmitted { path: path.to_owned() }
        } else {
            let why = format!("it has no {PLAN}: no grid was submitted there");
            StoreError::NoResults { path: path.to_owned(), why }
        })
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// As the results folder of the whole.
    pub fn into_results(self) -> Result<Results, StoreError> {
        let runs = self.path.join("runs");
        fs_err::create_dir_all(runs).map_err(StoreError::io(CANNOT_MAKE))?;
        Ok(Results::held(self.path, self.lock))
    }

    /// Keeps the grid.
    pub fn write_plan(&self, plan: &impl Serialize) -> Result<(), StoreError> {
        sealed(&self.path.join(PLAN), plan)
    }

    /// The grid as it was.
    pub fn plan<T: DeserializeOwned>(&self) -> Result<T, StoreError> {
        json::read(&self.path.join(PLAN), "cannot read the plan")
    }

    /// Where the results of a unit are, once they are whole.
    pub fn part(&self, unit: &str) -> PathBuf {
        self.path.join(PARTS).join(unit)
    }

    /// The units whose results are whole. The folder is listed: of a name that is asked for, a shared file system may still say
    /// for a minute that it is not there.
    pub fn published(&self) -> Result<HashSet<String>, StoreError> {
        Ok(names(&self.path.join(PARTS))?.into_iter().collect())
    }

    /// Takes back what [`Self::begin`] has made.
    pub fn abandon(self) -> Result<(), StoreError> {
        self.clear()?;
        gone(fs_err::remove_file(self.path.join(".lock"))).map_err(StoreError::io(CANNOT_MAKE))?;
        // What somebody else has put there stays.
        let _ = fs_err::remove_dir(&self.path);
        Ok(())
    }

    /// Removes what was submitted and made; the plan first, so that no half of it is taken for a whole.
    fn clear(&self) -> Result<(), StoreError> {
        let cannot = "cannot remove the old results";
        for name in [PLAN].iter().chain(WRITTEN) {
            gone(fs_err::remove_file(self.path.join(name))).map_err(StoreError::io(cannot))?;
        }
        for folder in [ASKED, SUBMISSIONS, ATTEMPTS, PARTS, "runs"] {
            gone(fs_err::remove_dir_all(self.path.join(folder))).map_err(StoreError::io(cannot))?;
        }
        Ok(())
    }
}

const CANNOT_MAKE: &str = "cannot make the results folder";

/// What was not there need not be removed.
fn gone(removed: std::io::Result<()>) -> std::io::Result<()> {
    match removed {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        removed => removed,
    }
}

/// The names in a folder, sorted; none where there is no folder.
fn names(folder: &Path) -> Result<Vec<String>, StoreError> {
    let cannot = "cannot list a folder";
    let entries = match fs_err::read_dir(folder) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(StoreError::io(cannot))?,
    };
    let mut names = Vec::new();
    for entry in entries {
        let entry = entry.map_err(StoreError::io(cannot))?;
        names.extend(entry.file_name().into_string());
    }
    names.sort_unstable();
    Ok(names)
}

/// Writes a file that tells when it is changed.
fn sealed(path: &Path, value: &impl Serialize) -> Result<(), StoreError> {
    let bytes =
        json::sealed(value).map_err(|error| StoreError::io("cannot write a file")(error.into()))?;
    atomic::write(path, &bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    const PLAN: &str = r#"{"format":{"major":4,"minor":0},"name":"t"}"#;

    fn spread(path: &Path) -> Spread {
        let spread = Spread::begin(path, Existing::Refuse).unwrap();
        spread.write_plan(&serde_json::from_str::<Value>(PLAN).unwrap()).unwrap();
        spread
    }

    fn attempt(spread: &Spread, restart: u32, began: &str) -> Attempt {
        let mut head = AttemptHead::new(1, 7, 0, restart);
        (head.node, head.began, head.id) =
            ("n 1/x".to_owned(), began.to_owned(), format!("{restart:08x}"));
        let attempt = spread.begin_attempt("u", &head).unwrap();
        fs_err::create_dir(attempt.results()).unwrap();
        fs_err::write(attempt.results().join("report.csv"), restart.to_string()).unwrap();
        attempt
    }

    #[test]
    fn the_first_attempt_is_published_and_no_other() {
        let dir = tempfile::tempdir().unwrap();
        let spread = spread(&dir.path().join("t"));
        // The clock of the second node is behind.
        let (first, second) = (
            attempt(&spread, 0, "2026-11-30T20:00:09Z"),
            attempt(&spread, 1, "2026-11-30T20:00:01Z"),
        );
        assert!(spread.published().unwrap().is_empty() && spread.author("u").is_none());
        assert!(spread.publish("u", &second).unwrap());
        assert!(!spread.publish("u", &first).unwrap());
        // The answer was lost, and the call is made once more: there is nothing to rename any more.
        fs_err::create_dir(second.results()).unwrap();
        assert!(spread.publish("u", &second).unwrap());
        assert_eq!(spread.author("u"), Some(second.head.clone()));
        assert_eq!(fs_err::read_to_string(spread.part("u").join("report.csv")).unwrap(), "1");
        assert!(spread.published().unwrap().contains("u") && first.results().exists());
        first.ended(&AttemptEnd::Beaten, "").unwrap();
        let found = spread.attempts("u").unwrap();
        let ends: Vec<_> =
            found.iter().map(|attempt| (attempt.head.restart, attempt.end.clone())).collect();
        assert_eq!(ends, [(0, Some(AttemptEnd::Beaten)), (1, None)]);
    }

    #[test]
    fn submissions_are_numbered_and_know_their_jobs() {
        let dir = tempfile::tempdir().unwrap();
        let spread = spread(&dir.path().join("t"));
        for number in 1..=3 {
            assert_eq!(spread.next_number().unwrap(), number);
            let submission = Submission::new(number, "abc", "n".to_owned(), vec!["u".to_owned()]);
            spread.begin_submission(&submission, "#!/bin/sh\n").unwrap();
            assert!(spread.begin_submission(&submission, "").is_err(), "it is there already");
        }
        spread.submitted(1, 12).unwrap();
        spread.cancel_submission(2).unwrap();
        spread.forget_submission(3).unwrap();
        // One that was killed before its units were written is none, and its number is not given again.
        fs_err::create_dir(spread.submission_folder(4)).unwrap();
        let found = spread.submissions().unwrap();
        let found: Vec<_> =
            found.iter().map(|one| (&*one.job_name, one.job, one.cancelled)).collect();
        assert_eq!(found, [("pt-abc-0001", Some(12), false), ("pt-abc-0002", None, true)]);
        assert_eq!(spread.next_number().unwrap(), 5);
    }

    #[test]
    fn what_is_asked_for_comes_in_its_order() {
        let dir = tempfile::tempdir().unwrap();
        let spread = spread(&dir.path().join("t"));
        assert!(spread.asked::<u32>().unwrap().is_empty());
        for batch in [vec![3, 1], vec![2], vec![7; 9]] {
            spread.ask(batch).unwrap();
        }
        // A batch that was not written to its end is none.
        fs_err::write(spread.path().join("asked/000004.json.tmp1"), "{").unwrap();
        assert_eq!(spread.asked::<u32>().unwrap()[..4], [3, 1, 2, 7]);
        drop(spread);
        let again = Spread::begin(&dir.path().join("t"), Existing::Replace).unwrap();
        assert!(again.asked::<u32>().unwrap().is_empty());
    }

    #[test]
    fn a_folder_is_begun_once_and_by_one() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("t");
        let first = spread(&path);
        let error = Spread::open(&path).unwrap_err();
        assert!(matches!(error, StoreError::Locked { .. }), "{error}");
        drop(first);
        for existing in [Existing::Refuse, Existing::Resume] {
            for error in [
                Spread::begin(&path, existing).unwrap_err(),
                Results::open(&path, existing).unwrap_err(),
            ] {
                assert!(matches!(error, StoreError::Submitted { .. }), "{error}");
            }
        }
        fs_err::write(path.join("notes.txt"), "mine").unwrap();
        drop(Spread::begin(&path, Existing::Replace).unwrap());
        assert!(!Spread::is_at(&path) && path.join("notes.txt").exists());
        let new = dir.path().join("u");
        Spread::begin(&new, Existing::Refuse).unwrap().abandon().unwrap();
        assert!(!new.exists());
        let error = Spread::at(&new).unwrap_err().to_string();
        assert!(error.contains("no grid was submitted there"), "{error}");
        // Results that were made without a cluster are results all the same.
        let folder = tempfile::tempdir().unwrap();
        fs_err::write(folder.path().join("manifest.json"), "{}").unwrap();
        let error = Spread::at(folder.path()).unwrap_err().to_string();
        assert!(error.contains("it holds results, and no grid was submitted there"), "{error}");
        assert_eq!(spread(&new).plan::<Value>().unwrap()["name"], json!("t"));
    }
}
