//! One part of a data set, as its decoders see it.

use std::io::BufRead;
use std::path::PathBuf;

use super::copies::Copies;
use super::error::DataError;
use super::file;
use super::manifest::{Labels, Manifest};
use crate::document::suggest;

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

    /// The class of a label as it is written; or what is wrong with it.
    pub(super) fn class_of(&self, label: &str) -> Result<i64, String> {
        let known = match &self.manifest.labels {
            Labels::Numbers => {
                let classes = i64::from(self.manifest.classes);
                let class = label.parse().ok().filter(|class| (0..classes).contains(class));
                return class.ok_or_else(|| {
                    let label = short(label);
                    format!("label {label} is no number from 0 on and below `classes = {classes}`")
                });
            }
            Labels::Names(classes) => classes.get(label).copied(),
        };
        known.ok_or_else(|| {
            let names: Vec<&str> = self.manifest.class_names.iter().map(String::as_str).collect();
            let known = suggest::hint(label, &names, "the classes are");
            format!("label `{}` is none of the classes; {known}", short(label))
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

/// As much of a text as a message shows.
pub(super) fn short(text: &str) -> String {
    text.chars().take(40).collect()
}
