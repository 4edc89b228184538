//! One part of a data set, as its decoders see it.

use std::io::BufRead;
use std::path::PathBuf;

use super::copies::Copies;
use super::error::DataError;
use super::file;
use super::manifest::Manifest;

/// What a decoder collects before it is handed on.
#[derive(Debug, Default)]
pub(super) struct Block {
    pub(super) images: Vec<f32>,
    pub(super) labels: Vec<i64>,
}

impl Block {
    /// Samples in a block: large enough that handing it on costs nothing, small enough to stay in the cache.
    pub(super) const ROWS: usize = 256;
}

/// What a decoder must know.
pub(super) struct PartFile<'a> {
    pub(super) path: PathBuf,
    pub(super) manifest: &'a Manifest,
    pub(super) rows: u64,
    pub(super) part: &'static str,
    /// Where a copy of its contents may be, and its SHA-256.
    pub(super) kept: Option<(&'a Copies, &'a str)>,
}

impl PartFile<'_> {
    /// Its contents, unpacked.
    pub(super) fn open(&self) -> Result<Box<dyn BufRead>, DataError> {
        let kept = self.kept.and_then(|(copies, sha256)| copies.open(&self.path, sha256));
        kept.map_or_else(|| Ok(file::open(&self.path)?), Ok)
    }

    /// The finding that `place` of this file is damaged.
    pub(super) fn damaged(&self, place: String, why: String) -> DataError {
        DataError::Damaged { path: self.path.clone(), place, why }
    }

    /// Fails unless as many samples were found as the manifest declares.
    pub(super) fn check_rows(&self, found: u64) -> Result<(), DataError> {
        if found == self.rows {
            return Ok(());
        }
        Err(DataError::Rows {
            path: self.path.clone(),
            part: self.part,
            found,
            declared: self.rows,
        })
    }

    /// The class of a label, if the data set has it.
    pub(super) fn class(
        &self,
        label: u64,
        place: impl FnOnce() -> String,
    ) -> Result<i64, DataError> {
        let classes = u64::from(self.manifest.classes);
        i64::try_from(label).ok().filter(|_| label < classes).ok_or_else(|| {
            self.damaged(place(), format!("label {label} is not below `classes = {classes}`"))
        })
    }
}
