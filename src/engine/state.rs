//! How a unit stands: from what is in its folder and what the cluster says to one word.
//!
//! Invariant: what is published is done, whatever else is said; nothing is lost as long as the cluster does not answer.

use super::answer::{Kind, Row, Word};
use crate::store::AttemptEnd;

/// All that is known of a unit.
#[derive(Debug, Clone, Copy, Default)]
#[expect(clippy::struct_excessive_bools, reason = "facts that have nothing to do with each other")]
pub struct Facts<'a> {
    /// Its results are published.
    pub published: bool,
    /// It was submitted, at some time.
    pub submitted: bool,
    /// Its newest submission was cancelled.
    pub cancelled: bool,
    /// Its task in the queue, of any submission; the newest of several.
    pub row: Option<&'a Row>,
    /// How the last attempt of its newest submission has ended; absent: none has, or it was killed.
    pub end: Option<&'a AttemptEnd>,
    /// How its task has ended by the accounts of the cluster.
    pub account: Option<&'a Word>,
    /// Whether the queue could be read.
    pub queue_known: bool,
}

/// How a unit stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UnitState {
    /// Its results are there.
    Done,
    /// A task runs it.
    Running {
        /// On which node.
        node: String,
    },
    /// Its task waits.
    Waiting {
        /// Why, in Slurm's word.
        reason: String,
    },
    /// Runs of it have failed.
    Failed {
        /// How many.
        runs: usize,
    },
    /// Its task was out of time.
    TimedOut,
    /// Its task was ended before its time.
    Interrupted,
    /// Its task was started again too often.
    TooOften {
        /// How often.
        restarts: u32,
    },
    /// Its task could not do it.
    Refused {
        /// Why.
        why: String,
    },
    /// It was cancelled.
    Cancelled,
    /// Its task is over, and has left no word of its end.
    Over {
        /// Slurm's word for its end.
        word: String,
    },
    /// It was submitted, and nobody knows its task.
    Lost,
    /// Nobody has submitted it.
    Unsubmitted,
    /// The cluster does not answer, and there are no results.
    Unknown,
}

impl UnitState {
    /// By what is known.
    pub fn of(facts: Facts<'_>) -> Self {
        if facts.published {
            return Self::Done;
        }
        if let Some(row) = facts.row {
            match row.word.kind() {
                Kind::Running => return Self::Running { node: row.node.clone() },
                Kind::Waiting => return Self::Waiting { reason: row.reason.clone() },
                Kind::Over => {}
            }
        }
        if !facts.submitted {
            return Self::Unsubmitted;
        }
        if !facts.queue_known {
            return Self::Unknown;
        }
        match facts.end {
            Some(AttemptEnd::Failed { runs }) => return Self::Failed { runs: *runs },
            Some(AttemptEnd::TimedOut) => return Self::TimedOut,
            Some(AttemptEnd::TooOften { restarts }) => {
                return Self::TooOften { restarts: *restarts };
            }
            Some(AttemptEnd::Refused { why }) => return Self::Refused { why: why.clone() },
            Some(AttemptEnd::Interrupted) if !facts.cancelled => return Self::Interrupted,
            // Of these two the results are published, but for a file system that is slow to say so.
            Some(AttemptEnd::Published | AttemptEnd::Beaten | AttemptEnd::Interrupted) | None => {}
        }
        let word = facts.row.map(|row| &row.word).or(facts.account);
        match word {
            _ if facts.cancelled => Self::Cancelled,
            Some(word) if word.is_cancelled() => Self::Cancelled,
            Some(word) if word.kind() == Kind::Over => Self::Over { word: word.to_string() },
            _ => Self::Lost,
        }
    }

    /// Whether a task may still do it unasked.
    pub const fn is_live(&self) -> bool {
        matches!(self, Self::Running { .. } | Self::Waiting { .. } | Self::Unknown)
    }

    /// Whether it may be submitted again: its results are not there, and no task will bring them.
    pub const fn is_open(&self) -> bool {
        !self.is_live() && !matches!(self, Self::Done)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(word: &str) -> Row {
        Row {
            job_name: "pt-a-0001".to_owned(),
            job: 1,
            task: 0,
            word: Word::new(word).unwrap(),
            node: "n1".to_owned(),
            reason: "Priority".to_owned(),
        }
    }

    #[test]
    fn a_unit_stands_as_the_table_says() {
        use AttemptEnd::{Beaten, Failed, Interrupted, Published, Refused, TimedOut, TooOften};
        let (waits, runs, fails, cancelled) =
            (row("PENDING"), row("RUNNING"), row("FAILED"), row("CANCELLED"));
        let (memory, done) = (Word::new("OUT_OF_MEMORY").unwrap(), row("COMPLETED"));
        let base = Facts { submitted: true, queue_known: true, ..Facts::default() };
        let running = || UnitState::Running { node: "n1".to_owned() };
        let waiting = || UnitState::Waiting { reason: "Priority".to_owned() };
        let over = |word: &str| UnitState::Over { word: word.to_owned() };
        let (failed, refused) = (Failed { runs: 2 }, Refused { why: "no data".to_owned() });
        let often = TooOften { restarts: 11 };
        for (facts, state) in [
            // The folder is the truth.
            (Facts { published: true, row: Some(&fails), ..base }, UnitState::Done),
            (Facts { published: true, row: Some(&runs), ..base }, UnitState::Done),
            (Facts { published: true, queue_known: false, ..base }, UnitState::Done),
            (Facts { published: true, cancelled: true, ..base }, UnitState::Done),
            // What lives may still bring it, whatever an earlier attempt has come to.
            (Facts { row: Some(&runs), ..base }, running()),
            (Facts { row: Some(&waits), end: Some(&failed), ..base }, waiting()),
            (Facts { row: Some(&runs), end: Some(&Interrupted), ..base }, running()),
            // A task of a submission that was cancelled ends by and by.
            (Facts { row: Some(&runs), cancelled: true, ..base }, running()),
            // Its own word for its end is better than the cluster's.
            (
                Facts { row: Some(&fails), end: Some(&failed), ..base },
                UnitState::Failed { runs: 2 },
            ),
            (Facts { row: Some(&fails), end: Some(&TimedOut), ..base }, UnitState::TimedOut),
            (Facts { end: Some(&Interrupted), ..base }, UnitState::Interrupted),
            (Facts { end: Some(&Interrupted), cancelled: true, ..base }, UnitState::Cancelled),
            (Facts { end: Some(&often), ..base }, UnitState::TooOften { restarts: 11 }),
            (
                Facts { end: Some(&refused), ..base },
                UnitState::Refused { why: "no data".to_owned() },
            ),
            // It was killed.
            (Facts { row: Some(&fails), ..base }, over("FAILED")),
            (Facts { row: Some(&cancelled), ..base }, UnitState::Cancelled),
            (Facts { account: Some(&memory), ..base }, over("OUT_OF_MEMORY")),
            (Facts { row: Some(&fails), account: Some(&memory), ..base }, over("FAILED")),
            // One that is cancelled before it begins is in no queue and no account.
            (Facts { cancelled: true, ..base }, UnitState::Cancelled),
            // The file system has not said yet what the cluster knows.
            (Facts { row: Some(&done), ..base }, over("COMPLETED")),
            (Facts { end: Some(&Published), ..base }, UnitState::Lost),
            (Facts { row: Some(&done), end: Some(&Beaten), ..base }, over("COMPLETED")),
            // The controller has forgotten it.
            (base, UnitState::Lost),
            (Facts { submitted: false, ..base }, UnitState::Unsubmitted),
            (Facts { queue_known: false, ..base }, UnitState::Unknown),
            (Facts { queue_known: false, end: Some(&failed), ..base }, UnitState::Unknown),
            (Facts { queue_known: false, cancelled: true, ..base }, UnitState::Unknown),
        ] {
            assert_eq!(UnitState::of(facts), state, "{facts:?}");
        }
    }

    #[test]
    fn only_what_no_task_will_bring_is_submitted_again() {
        for (state, open) in [
            (UnitState::Done, false),
            (UnitState::Unknown, false),
            (UnitState::Running { node: String::new() }, false),
            (UnitState::Waiting { reason: String::new() }, false),
            (UnitState::Lost, true),
            (UnitState::Unsubmitted, true),
            (UnitState::Cancelled, true),
            (UnitState::Failed { runs: 1 }, true),
        ] {
            assert_eq!(state.is_open(), open, "{state:?}");
        }
    }
}
