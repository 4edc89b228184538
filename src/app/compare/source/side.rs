//! A recorded side, and where and when it was measured.
//!
//! Figures are left to those who read them. Invariant: every run names its session, and every session of a run is listed.

use std::collections::BTreeMap;
use std::path::Path;

use crate::app::distinct::distinct;
use crate::event::RunStatus;
use crate::event::fingerprint::Fingerprint;
use crate::gate::{GateRun, SessionInfo, Side};
use crate::report::reading::cell_and_repeat;
use crate::store::ManifestHead;

/// A side, and what is known of it beside its figures.
#[derive(Debug)]
pub(in crate::app::compare) struct RecordedSide {
    /// What is compared.
    pub side: Side,
    /// What a reader of the verdict must know.
    pub notes: Vec<String>,
    /// Files that it should rest on and that are gone.
    pub lost: Vec<String>,
    /// It is an arm of a comparison, which has rules of its own.
    pub in_turn: bool,
    /// The gate of its grid, as its manifest has it.
    pub gate: Option<serde_json::Value>,
}

/// What a manifest says of where and when its runs were measured.
pub(super) struct Origin {
    pub(super) session: String,
    created: String,
    fingerprint: Option<Fingerprint>,
}

impl Origin {
    /// Of a manifest; one that is older than the names of sessions is known by its folder.
    pub(super) fn of(head: &ManifestHead, path: &Path) -> Self {
        let session = match head.session.as_str() {
            "" => path.display().to_string(),
            session => session.to_owned(),
        };
        Self { session, created: head.created.clone(), fingerprint: head.fingerprint.clone() }
    }

    /// Of a file without one.
    pub(super) fn unknown(path: &Path) -> Self {
        Self { session: path.display().to_string(), created: String::new(), fingerprint: None }
    }

    /// The side that these runs are. What was measured in turn with another side names its own session.
    pub(super) fn side(&self, name: String, runs: Vec<GateRun>) -> Side {
        let mut ids = distinct(runs.iter().map(|run| run.session.as_str()));
        if ids.is_empty() {
            ids.push(&self.session);
        }
        let info = |id: &str| SessionInfo {
            id: id.to_owned(),
            created: self.created.clone(),
            fingerprint: self.fingerprint.clone(),
        };
        let sessions = ids.into_iter().map(info).collect();
        // In the order of their first runs.
        let cells = distinct(runs.iter().map(|run| run.cell.clone()));
        Side { name, sessions, cells, runs }
    }
}

/// A run that was planned and of which there is no record.
pub(super) fn absent(run: &str, session: &str, why: String) -> GateRun {
    let (cell, repeat) = cell_and_repeat(run);
    GateRun {
        run: run.to_owned(),
        cell,
        repeat,
        session: session.to_owned(),
        pairing: None,
        status: Some(RunStatus::Cancelled),
        why,
        settings: BTreeMap::new(),
        figures: Vec::new(),
    }
}
