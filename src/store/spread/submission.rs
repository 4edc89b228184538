//! A job array, as it is on disk.
//!
//! Invariant: its name and its units are written before sbatch is started, so that one whose number was never heard can be
//! found again, and is not submitted twice.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::{SUBMISSIONS, Spread, gone, names, sealed};
use crate::store::error::{FORMAT, Format, StoreError};
use crate::store::{atomic, json};

const JOB: &str = "job";
const CANCELLED: &str = "cancelled";
const CANNOT: &str = "cannot write a submission";

/// A job array.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Submission {
    format: Format,
    /// Counts from 1.
    pub number: u32,
    /// By which its job is found again.
    pub job_name: String,
    /// What a task was told, so that it can tell whether it sees this folder or another one.
    pub nonce: String,
    /// How often a task is started again after the loss of its node or a preemption.
    pub max_restarts: u32,
    /// How often a task that was out of time is started again.
    pub max_timeouts: u32,
    /// The unit of each task, by its number.
    pub units: Vec<String>,
    /// The number of its job; absent: sbatch has not said.
    #[serde(skip)]
    pub job: Option<u64>,
    /// Whether it was cancelled.
    #[serde(skip)]
    pub cancelled: bool,
}

impl Submission {
    /// One of these units.
    pub fn new(number: u32, run: &str, nonce: String, units: Vec<String>) -> Self {
        Self {
            format: FORMAT,
            number,
            job_name: format!("pt-{run}-{number:04}"),
            nonce,
            max_restarts: 0,
            max_timeouts: 0,
            units,
            job: None,
            cancelled: false,
        }
    }
}

impl Spread {
    /// Where a submission is.
    pub fn submission_folder(&self, number: u32) -> PathBuf {
        self.path.join(SUBMISSIONS).join(format!("{number:04}"))
    }

    /// The number that the next submission has.
    pub fn next_number(&self) -> Result<u32, StoreError> {
        Ok(self.numbers()?.last().map_or(1, |last| last + 1))
    }

    fn numbers(&self) -> Result<Vec<u32>, StoreError> {
        let names = names(&self.path.join(SUBMISSIONS))?;
        Ok(names.iter().filter_map(|name| name.parse().ok()).collect())
    }

    /// Keeps a submission and its script; its path is what sbatch is given.
    pub fn begin_submission(
        &self,
        submission: &Submission,
        script: &str,
    ) -> Result<PathBuf, StoreError> {
        let folder = self.submission_folder(submission.number);
        fs_err::create_dir(&folder).map_err(StoreError::io(CANNOT))?;
        let file = folder.join("job.sh");
        atomic::write(&file, script.as_bytes())?;
        sealed(&folder.join("units.json"), submission)?;
        Ok(file)
    }

    /// Forgets a submission that sbatch has refused.
    pub fn forget_submission(&self, number: u32) -> Result<(), StoreError> {
        gone(fs_err::remove_dir_all(self.submission_folder(number))).map_err(StoreError::io(CANNOT))
    }

    /// Keeps the number that Slurm has given it.
    pub fn submitted(&self, number: u32, job: u64) -> Result<(), StoreError> {
        atomic::write(&self.submission_folder(number).join(JOB), job.to_string().as_bytes())
    }

    /// Marks it as cancelled: tasks of it that have not begun will not.
    pub fn cancel_submission(&self, number: u32) -> Result<(), StoreError> {
        atomic::write(&self.submission_folder(number).join(CANCELLED), b"")
    }

    /// A submission.
    pub fn submission(&self, number: u32) -> Result<Submission, StoreError> {
        let folder = self.submission_folder(number);
        let said: Submission = json::read(&folder.join("units.json"), "cannot read a submission")?;
        let cancelled = folder.join(CANCELLED).exists();
        Ok(Submission { job: number_in(&folder.join(JOB)), cancelled, ..said })
    }

    /// All submissions, in their order. One that was interrupted before sbatch was started has no units, and is none.
    pub fn submissions(&self) -> Result<Vec<Submission>, StoreError> {
        let whole = |number: &u32| self.submission_folder(*number).join("units.json").exists();
        self.numbers()?.into_iter().filter(whole).map(|number| self.submission(number)).collect()
    }
}

fn number_in(file: &Path) -> Option<u64> {
    fs_err::read_to_string(file).ok()?.trim().parse().ok()
}
