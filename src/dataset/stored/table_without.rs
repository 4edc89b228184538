//! In place of the reader of Parquet, where the feature `parquet` is off.

use std::path::Path;

use super::sample::{Reading, Sample};
use crate::dataset::error::DataError;
use crate::dataset::format::Format;
use crate::dataset::manifest::Columns;

/// There is none.
pub(in crate::dataset) enum Table {}

impl Table {
    /// Says which feature is missing.
    pub(super) fn open(path: &Path) -> Result<Self, DataError> {
        Err(super::missing(Format::Parquet, path))
    }

    pub(in crate::dataset) fn rows(&self) -> u64 {
        match *self {}
    }

    pub(in crate::dataset) fn names(&self) -> Vec<String> {
        match *self {}
    }

    pub(in crate::dataset) fn check(&self, _columns: &Columns) -> Result<(), DataError> {
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
