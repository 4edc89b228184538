//! What is stored of a session, and of the sessions of one kind of machine.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::event::fingerprint::Fingerprint;
use crate::event::worker::optional;
use crate::event::{Note, RunStatus};
use crate::metric::MetricName;
use crate::units::Unit;

use crate::store::error::{Format, StoreError};

/// Sessions of one machine that a verdict rests on: so many give a full one, and later ones displace the earliest.
pub const WINDOW: usize = 8;

/// Names of runs in a message.
const SHOWN: usize = 5;

/// What can go wrong with a folder of baselines.
#[derive(Debug, thiserror::Error)]
pub enum BaselineError {
    /// The disk, or a file on it.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// No such folder.
    #[error("{} is not a folder of baselines: {why}", path.display())]
    None {
        /// The folder.
        path: PathBuf,
        /// Why that is thought.
        why: &'static str,
    },
    /// The session has been added before.
    #[error("the session {session} is there already, in {}; sessions are never replaced", path.display())]
    There {
        /// The session.
        session: String,
        /// Its file.
        path: PathBuf,
    },
    /// Results that are not whole.
    #[error("{} is not complete: {} no result; run the rest with {again} first", path.display(), shown(missing, "has", "have"))]
    Incomplete {
        /// The results folder.
        path: PathBuf,
        /// The runs without a result.
        missing: Vec<String>,
        /// What makes them.
        again: &'static str,
    },
    /// Results that hold failures: what failed cannot be compared with anything.
    #[error("in {} {} failed; run what failed once more with {again} first", path.display(), shown(failed, "has", "have"))]
    Failed {
        /// The results folder.
        path: PathBuf,
        /// The runs that failed.
        failed: Vec<String>,
        /// What makes them once more.
        again: &'static str,
    },
    /// Results that can be no session.
    #[error("{} cannot be kept as a baseline: {why}", path.display())]
    Unfit {
        /// The results folder.
        path: PathBuf,
        /// Why.
        why: String,
    },
}

/// `a, b and 3 more have`.
fn shown(names: &[String], one: &str, several: &str) -> String {
    let listed = names[..names.len().min(SHOWN)].join(", ");
    let verb = if names.len() == 1 { one } else { several };
    match names.len().saturating_sub(SHOWN) {
        0 => format!("{listed} {verb}"),
        more => format!("{listed} and {more} more {verb}"),
    }
}

/// What one session measured.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StoredSession {
    /// Version of the file.
    pub format: Format,
    /// Its name, unique: the session's id, and for one arm of two `-baseline` or `-candidate` behind it.
    pub session: String,
    /// When it was run (RFC 3339).
    pub created: String,
    /// The name of the grid.
    pub grid: String,
    /// The version of perftune that ran it.
    pub perftune: String,
    /// The commit that was measured, as the user named it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commit: Option<String>,
    /// Where it was run.
    pub fingerprint: Fingerprint,
    /// Every cell, in the order of the grid.
    pub cells: Vec<String>,
    /// Every run.
    pub runs: Vec<StoredRun>,
}

/// One run of a session.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StoredRun {
    /// Unique within the session.
    pub run: String,
    /// The cell that it repeats.
    pub cell: String,
    /// Counts from 1.
    pub repeat: u32,
    /// How it ended.
    pub status: RunStatus,
    /// What it was told, by the keys of a grid file; empty in sessions from before it was stored.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub settings: BTreeMap<String, String>,
    /// What it measured.
    pub figures: Vec<StoredFigure>,
}

/// One figure of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StoredFigure {
    /// The stage, as displayed, or `run`.
    pub phase: String,
    /// What it is of.
    pub metric: MetricName,
    /// Base unit.
    pub unit: Unit,
    /// The estimate; absent: not measured, and `notes` say why.
    #[serde(default, with = "optional")]
    pub value: Option<f64>,
    /// Steps, ticks or requests that the estimate rests on.
    pub samples: u64,
    /// What a reader must know.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<Note>,
}

/// Says that a session is the reference of its machine from then on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Promotion {
    /// Version of the file.
    pub format: Format,
    /// The session.
    pub session: String,
    /// When it was promoted (RFC 3339).
    pub promoted: String,
    /// Why.
    pub reason: String,
    /// The epoch that is pinned: the sessions up to this one, oldest first, at most [`WINDOW`].
    pub sessions: Vec<String>,
    /// In which figures the session lies outside of the others, where it was promoted all the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outlying: Option<String>,
}

/// The sessions of one kind of machine.
#[derive(Debug, Clone, PartialEq)]
pub struct MachineBaseline {
    /// The key of its fingerprint: the name of its folder.
    pub key: String,
    /// Oldest first.
    pub sessions: Vec<StoredSession>,
    /// Oldest first.
    pub promotions: Vec<Promotion>,
}

impl MachineBaseline {
    /// Which session is the reference, and since when.
    pub fn pinned(&self) -> Option<&Promotion> {
        self.promotions.last()
    }
}
