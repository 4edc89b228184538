//! What does a job: a worker, a command, or a table of recorded figures.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::command::CommandSpec;

/// What does a job, with what is only said of each kind.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(tag = "work", rename_all = "lowercase")]
pub enum Work {
    /// The worker that comes with perftune.
    #[default]
    Native,
    /// Another worker that speaks the protocol.
    Protocol {
        /// Its free-form settings, the `[worker] options` of the grid file; null where there are none.
        #[serde(default, skip_serializing_if = "serde_json::Value::is_null")]
        options: serde_json::Value,
    },
    /// A command in the place of a worker.
    Command {
        /// What is run.
        #[serde(rename = "command")]
        spec: CommandSpec,
    },
    /// A table of recorded figures, which is looked up: nothing is run.
    Recorded {
        /// Which table.
        #[serde(rename = "recorded")]
        spec: Arc<RecordedSpec>,
    },
}

impl Work {
    /// The command, if it is one.
    pub const fn command(&self) -> Option<&CommandSpec> {
        match self {
            Self::Command { spec } => Some(spec),
            Self::Native | Self::Protocol { .. } | Self::Recorded { .. } => None,
        }
    }

    /// The table that is looked up, if it is one.
    pub fn recorded(&self) -> Option<&RecordedSpec> {
        match self {
            Self::Recorded { spec } => Some(spec),
            _ => None,
        }
    }

    /// Whether it reports no steps, so that nothing is to be waited for that speaks of them.
    pub fn is_stepless(&self) -> bool {
        self.command().is_some_and(|command| !command.steps)
    }

    /// Whether it is a command that is no cell of a grid file and was told this built-in axis all the same.
    pub fn tells(&self, key: &str) -> bool {
        self.command().is_some_and(|command| command.told.iter().any(|told| told == key))
    }

    /// Whether nobody has set anything but axes of the user's own and those that it [`tells`](Self::tells): the job's other settings
    /// are mere defaults, which are those of no run.
    pub fn is_unset(&self) -> bool {
        self.command().is_some_and(|command| command.bare)
    }

    /// Whether it is a command, which is told nothing and need not say anything.
    pub const fn is_command(&self) -> bool {
        self.command().is_some()
    }
}

/// A table of recorded figures that answers in the place of runs. Where it lies is not said: a moved one is the same.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordedSpec {
    /// The name of its file.
    pub table: String,
    /// SHA-256 of its contents, unpacked, in hexadecimal digits.
    pub sha256: String,
    /// Its columns that are axes: of all other settings nothing is known.
    pub axes: Vec<String>,
    /// The figure that says how many seconds a visit took; absent: the table says nothing of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost: Option<String>,
}

impl RecordedSpec {
    /// Its name and the beginning of its checksum: what tells it from others.
    pub fn shown(&self) -> String {
        format!("{} ({})", self.table, self.sha256.get(..12).unwrap_or(&self.sha256))
    }
}
