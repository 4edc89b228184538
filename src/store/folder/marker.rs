//! `done.json`: the run is whole, and with which settings it was recorded.

use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::event::RunStatus;
use crate::store::error::{Format, StoreError};
use crate::store::json;

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
        matches!(self.status, RunStatus::Completed | RunStatus::Stopped)
    }
}

pub(super) fn read_done(folder: &Path) -> Result<Option<Done>, StoreError> {
    json::read_if_there(&folder.join("done.json"), "cannot read a marker")
}
