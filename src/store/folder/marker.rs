//! `done.json`: the run is whole, and with which settings it was recorded.

use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::event::RunStatus;
use crate::store::error::{FORMAT, Format, StoreError};

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Done {
    pub(super) format: Format,
    pub(super) status: RunStatus,
    pub(super) spec: serde_json::Value,
}

pub(super) fn read_done(folder: &Path) -> Result<Option<Done>, StoreError> {
    let file = folder.join("done.json");
    if !file.exists() {
        return Ok(None);
    }
    let bytes = fs_err::read(&file).map_err(StoreError::io("cannot read a marker"))?;
    let done: Done = serde_json::from_slice(&bytes).map_err(|error| StoreError::Damaged {
        path: file.clone(),
        line: error.line(),
        why: error.to_string(),
    })?;
    if done.format.major != FORMAT.major {
        return Err(StoreError::Version { path: file, found: done.format });
    }
    Ok(Some(done))
}
