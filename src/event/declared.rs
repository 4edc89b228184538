//! What a job says of metrics of the user's own: what each is, and where its values come from.

use serde::{Deserialize, Serialize};

use super::words::words;
use crate::metric::{MetricId, MetricName};

/// A metric of the user's own in a job.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DeclaredMetric {
    /// What is declared of it.
    pub metric: MetricName,
    /// Where perftune reads its values of a command, besides what that reports itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<ReadFrom>,
}

impl DeclaredMetric {
    /// Which metric it is; nothing where its name alone is known.
    pub fn id(&self) -> Option<MetricId> {
        self.metric.def().map(|metric| metric.id)
    }

    /// Whether each of its values counts; else the last.
    pub fn is_series(&self) -> bool {
        self.metric.def().is_some_and(|metric| !metric.kind.is_said_once())
    }

    /// The pattern of its values, where they are read in this output.
    pub fn pattern_in(&self, output: Outlet) -> Option<&str> {
        match &self.from {
            Some(ReadFrom::Output { output: from, pattern }) if from.holds(output) => Some(pattern),
            _ => None,
        }
    }
}

/// Where values are read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "in", rename_all = "lowercase")]
pub enum ReadFrom {
    /// In what the command prints.
    Output {
        /// Where it prints it.
        output: Outlet,
        /// A regular expression with one group, which holds the number.
        pattern: String,
    },
    /// In a JSON file that it leaves.
    File {
        /// Relative to the folder that it is started in.
        file: String,
        /// The keys that lead to the number, with dots between them.
        path: String,
    },
}

/// Where a command prints.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Outlet {
    /// Its standard output.
    Stdout,
    /// Its standard error.
    Stderr,
    /// Both.
    Output,
}

words!(pub Outlet { Stdout = "stdout", Stderr = "stderr", Output = "output" });

impl Outlet {
    /// Whether what is printed to the other one is among what is printed to it.
    pub fn holds(self, other: Self) -> bool {
        self == other || self == Self::Output
    }
}

/// Why a metric of the user's own has no figure where its values are read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "figure", rename_all = "snake_case")]
pub enum FigureLack {
    /// Nothing that the command printed was like the pattern.
    NoMatch {
        /// Where it was looked for.
        output: Outlet,
    },
    /// What was found last is no number.
    NoNumber {
        /// Its beginning.
        text: String,
    },
    /// The command left no such file.
    NoFile {
        /// The file.
        file: String,
    },
    /// The file is as it was before the command was started.
    Stale {
        /// The file.
        file: String,
    },
    /// The file is too large to be read.
    TooLarge {
        /// The file.
        file: String,
        /// The most, in bytes.
        most: u64,
    },
    /// The file cannot be read.
    Unreadable {
        /// The file.
        file: String,
        /// Why.
        why: String,
    },
    /// The file is no JSON.
    NotJson {
        /// The file.
        file: String,
        /// Why.
        why: String,
    },
    /// The file has nothing at this place.
    NoSuchPath {
        /// The file.
        file: String,
        /// The keys that lead there.
        path: String,
    },
}
