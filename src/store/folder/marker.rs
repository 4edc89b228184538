//! `done.json`: the run is whole, and with which settings it was recorded.

use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::event::RunStatus;
use crate::store::error::{Format, StoreError};
use crate::store::json;

/// The file of a run that is whole.
pub(super) const DONE: &str = "done.json";

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Done {
    pub(super) format: Format,
    pub(super) status: RunStatus,
    /// When the run ended, RFC 3339, by the clock of its machine; empty in results of an earlier version.
    #[serde(default)]
    pub(super) ended: String,
    pub(super) spec: serde_json::Value,
}

impl Done {
    /// Whether the run need not be made again.
    pub(super) const fn is_whole(&self) -> bool {
        is_whole(self.status)
    }
}

/// Whether a run that has ended so need not be made again.
pub(super) const fn is_whole(status: RunStatus) -> bool {
    matches!(status, RunStatus::Completed | RunStatus::Stopped)
}

pub(super) fn read_done(folder: &Path) -> Result<Option<Done>, StoreError> {
    json::read_if_there(&folder.join(DONE), "cannot read a marker")
}
