//! In place of the reader of images, where the feature `images` is off.

use std::path::Path;

use super::sample::{Reading, Sample};
use crate::dataset::error::DataError;
use crate::dataset::format::Format;

/// There are none.
pub(in crate::dataset) enum Pictures {}

impl Pictures {
    /// Says which feature is missing.
    pub(super) fn open(path: &Path) -> Result<Self, DataError> {
        Err(super::missing(Format::Images, path))
    }

    pub(in crate::dataset) fn rows(&self) -> u64 {
        match *self {}
    }

    pub(in crate::dataset) fn natural_shape(&self) -> Result<[u32; 3], DataError> {
        match *self {}
    }

    pub(super) fn each<E: From<DataError>>(
        &self,
        _of: &Reading<'_>,
        _sink: &mut dyn FnMut(&Sample<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        match *self {}
    }
}
