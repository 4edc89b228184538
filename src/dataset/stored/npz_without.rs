//! In place of the reader of archives, where the feature `npz` is off: nothing is found in one.

use std::path::Path;

use super::array::Array;
use crate::dataset::error::DataError;
use crate::dataset::format::Format;

/// There is none.
pub(super) enum Member {}

/// Says which feature is missing.
pub(super) fn members(path: &Path) -> Result<Vec<Member>, DataError> {
    Err(super::missing(Format::Npz, path))
}

impl Member {
    pub(super) fn name(&self) -> &str {
        match *self {}
    }

    pub(super) fn open(&self, _path: &Path) -> Result<Array, DataError> {
        match *self {}
    }
}
