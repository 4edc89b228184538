//! How the tasks of a grid stand, for people and programs.

use serde::Serialize;

use super::distinct;
use super::layout::{counted, first_of};
use crate::engine::state::UnitState;

/// A task, as `perftune status` shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TaskRow {
    /// The cells that it runs.
    pub cells: String,
    /// How it stands, in a word.
    pub state: &'static str,
    /// What else there is to say of it.
    pub why: String,
    /// How often it was tried; of a task that is done nobody asks.
    pub attempts: usize,
    /// What it has said.
    pub log: String,
    /// A hash of its cells: the name of its results below `parts`. Nothing for people.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub unit: String,
}

/// How a task stands, in a word.
pub const fn word(state: &UnitState) -> &'static str {
    match state {
        UnitState::Done => "done",
        UnitState::Running { .. } => "running",
        UnitState::Waiting { .. } => "pending",
        UnitState::Failed { .. }
        | UnitState::Refused { .. }
        | UnitState::TooOften { .. }
        | UnitState::Over { .. } => "failed",
        UnitState::TimedOut => "out of time",
        UnitState::Interrupted => "interrupted",
        UnitState::Cancelled => "cancelled",
        UnitState::Lost => "lost",
        UnitState::Unsubmitted => "not submitted",
        UnitState::Unknown => "unknown",
    }
}

/// What else there is to say of it; `has_log`: whether anything of its task can be seen.
pub fn why(state: &UnitState, has_log: bool) -> String {
    match state {
        UnitState::Running { node } => format!("on {node}"),
        UnitState::Waiting { reason } => reason.clone(),
        UnitState::Failed { runs } => format!("{} failed", counted(*runs, "run")),
        UnitState::Refused { why } => why.clone(),
        UnitState::TooOften { restarts } => {
            format!("started again {restarts} times after a preemption or the loss of its node")
        }
        UnitState::Over { word } if has_log => {
            format!("Slurm says {word}; the task has left no record of its end")
        }
        UnitState::Over { word } => {
            format!("Slurm says {word}, and there is no log: the node may not see this folder")
        }
        UnitState::Lost => "the cluster does not know it any more".to_owned(),
        UnitState::Done
        | UnitState::TimedOut
        | UnitState::Interrupted
        | UnitState::Cancelled
        | UnitState::Unsubmitted
        | UnitState::Unknown => String::new(),
    }
}

/// `t: 9 tasks: 4 done, 2 running, 3 pending (Resources)`.
pub fn summary(name: &str, states: &[&UnitState]) -> String {
    const ORDER: [&str; 10] = [
        "done",
        "running",
        "pending",
        "failed",
        "out of time",
        "interrupted",
        "cancelled",
        "lost",
        "not submitted",
        "unknown",
    ];
    let part = |kind: &&str| {
        let of_kind: Vec<_> = states.iter().filter(|state| word(state) == *kind).collect();
        let reasons = of_kind.iter().filter_map(|state| match state {
            UnitState::Waiting { reason } if !reason.is_empty() => Some(reason.as_str()),
            _ => None,
        });
        let reasons = distinct(reasons);
        let reasons = if reasons.is_empty() {
            String::new()
        } else {
            format!(" ({})", first_of(&reasons, 3))
        };
        (!of_kind.is_empty()).then(|| format!("{} {kind}{reasons}", of_kind.len()))
    };
    let parts = ORDER.iter().filter_map(part).collect::<Vec<_>>().join(", ");
    format!("{name}: {}: {parts}", counted(states.len(), "task"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn how_tasks_stand_is_said_in_a_line() {
        let waits = |reason: &str| UnitState::Waiting { reason: reason.to_owned() };
        let states = [
            UnitState::Done,
            UnitState::Done,
            UnitState::Running { node: "n1".to_owned() },
            waits("Resources"),
            waits("Priority"),
            waits("Resources"),
            UnitState::Over { word: "OUT_OF_MEMORY".to_owned() },
        ];
        let states: Vec<&UnitState> = states.iter().collect();
        assert_eq!(
            summary("t", &states),
            "t: 7 tasks: 2 done, 1 running, 3 pending (Resources, Priority), 1 failed"
        );
        assert_eq!(
            why(states[6], true),
            "Slurm says OUT_OF_MEMORY; the task has left no record of its end"
        );
        assert_eq!(why(states[2], true), "on n1");
        assert!(why(states[6], false).contains("the node may not see this folder"));
    }
}
