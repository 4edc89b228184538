//! One try of a task to run its unit.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::{ATTEMPTS, Spread, names, sealed};
use crate::store::error::{FORMAT, Format, StoreError};
use crate::store::json;

const HEAD: &str = "attempt.json";
const ENDED: &str = "ended.json";
const CANNOT: &str = "cannot write an attempt";

/// Which task has tried, and where.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AttemptHead {
    format: Format,
    /// Of which submission.
    pub submission: u32,
    /// The number of its job array.
    pub job: u64,
    /// Its own.
    pub task: usize,
    /// How often Slurm had started it before.
    pub restart: u32,
    /// On which node.
    pub node: String,
    /// When it began, RFC 3339, by the clock of the node.
    pub began: String,
    /// Tells it from every other one.
    pub id: String,
}

impl AttemptHead {
    /// One that begins now.
    pub fn new(submission: u32, job: u64, task: usize, restart: u32) -> Self {
        let (node, began, id) = (String::new(), String::new(), String::new());
        Self { format: FORMAT, submission, job, task, restart, node, began, id }
    }
}

/// How an attempt ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "end")]
pub enum AttemptEnd {
    /// Its results are those of the unit.
    Published,
    /// Another attempt was first; its own results are kept, and not used.
    Beaten,
    /// Runs have failed.
    Failed {
        /// How many.
        runs: usize,
    },
    /// Its time limit was near.
    TimedOut,
    /// Somebody ended it: a preemption, or a cancellation.
    Interrupted,
    /// It was started again too often after the loss of a node or a preemption.
    TooOften {
        /// How often.
        restarts: u32,
    },
    /// It did not begin, or did not get to its end.
    Refused {
        /// Why.
        why: String,
    },
}

#[derive(Debug, Serialize, Deserialize)]
struct Ended {
    format: Format,
    #[serde(flatten)]
    end: AttemptEnd,
    /// When, RFC 3339.
    at: String,
}

/// An attempt.
#[derive(Debug, Clone)]
pub struct Attempt {
    folder: PathBuf,
    /// Which task, and where.
    pub head: AttemptHead,
    /// How it ended; absent: it runs, or was killed.
    pub end: Option<AttemptEnd>,
}

impl Attempt {
    /// Its results folder, an ordinary one.
    pub fn results(&self) -> PathBuf {
        self.folder.join("results")
    }

    /// Keeps how it ended.
    pub fn ended(&self, end: &AttemptEnd, at: &str) -> Result<(), StoreError> {
        let ended = Ended { format: FORMAT, end: end.clone(), at: at.to_owned() };
        sealed(&self.folder.join(ENDED), &ended)
    }
}

impl Spread {
    /// Begins an attempt of a unit.
    pub fn begin_attempt(&self, unit: &str, head: &AttemptHead) -> Result<Attempt, StoreError> {
        let AttemptHead { job, task, restart, node, id, .. } = head;
        let node: String =
            node.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
        let name = format!("{job}_{task}.r{restart}.{node}.{id}");
        let folder = self.path.join(ATTEMPTS).join(unit).join(name);
        fs_err::create_dir_all(&folder).map_err(StoreError::io(CANNOT))?;
        sealed(&folder.join(HEAD), head)?;
        Ok(Attempt { folder, head: head.clone(), end: None })
    }

    /// The attempts of a unit, in the order in which they began. One that was killed while it began is none.
    pub fn attempts(&self, unit: &str) -> Result<Vec<Attempt>, StoreError> {
        let folder = self.path.join(ATTEMPTS).join(unit);
        let read = |name: &String| {
            let folder = folder.join(name);
            let cannot = "cannot read an attempt";
            let head: Option<AttemptHead> =
                json::read_if_there(&folder.join(HEAD), cannot).transpose()?.ok();
            let head = head?;
            let ended: Option<Ended> = json::read_if_there(&folder.join(ENDED), cannot).ok()?;
            Some(Attempt { folder, head, end: ended.map(|ended| ended.end) })
        };
        let mut found: Vec<Attempt> = names(&folder)?.iter().filter_map(read).collect();
        // A restart is counted by Slurm; the clocks of nodes may differ.
        let order = |attempt: &Attempt| {
            let AttemptHead { submission, restart, began, .. } = &attempt.head;
            (*submission, *restart, began.clone())
        };
        found.sort_by_cached_key(order);
        Ok(found)
    }

    /// Which attempt has made the results of a unit; none where they are not there, or somebody else has put them there.
    pub fn author(&self, unit: &str) -> Option<AttemptHead> {
        json::read_if_there(&self.part(unit).join(HEAD), "cannot read an attempt").ok().flatten()
    }

    /// Makes the results of an attempt those of the unit, whole and at once; whether it was the first to do so.
    pub fn publish(&self, unit: &str, attempt: &Attempt) -> Result<bool, StoreError> {
        let results = attempt.results();
        sealed(&results.join(HEAD), &attempt.head)?;
        flush(&results)?;
        let renamed = fs_err::rename(&results, self.part(unit));
        match renamed {
            Ok(()) => Ok(true),
            // A server may have done what it says it could not: the first answer was lost, and the call made once more.
            Err(error) => match self.author(unit) {
                Some(author) => Ok(author == attempt.head),
                None if error.kind() == ErrorKind::DirectoryNotEmpty => Ok(false),
                None => Err(StoreError::io("cannot publish the results of a task")(error)),
            },
        }
    }
}

/// Sees that what is below a folder is on disk: renamed before, it may be empty after a power cut.
fn flush(folder: &Path) -> Result<(), StoreError> {
    let cannot = "cannot write the results of a task to the disk";
    for entry in fs_err::read_dir(folder).map_err(StoreError::io(cannot))? {
        let entry = entry.map_err(StoreError::io(cannot))?;
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            flush(&entry.path())?;
        } else {
            let file = fs_err::File::open(entry.path()).map_err(StoreError::io(cannot))?;
            file.sync_all().map_err(StoreError::io(cannot))?;
        }
    }
    let file = fs_err::File::open(folder).map_err(StoreError::io(cannot))?;
    file.sync_all().map_err(StoreError::io(cannot))
}
