//! What is being read of a data set, and what of it was found so far.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::error::DataError;
use super::manifest::{Columns, FileEntry, Files, Layout};
use super::written::{MAX_CLASSES, Written, is_name_character};
use crate::document::problems::Problems;

/// What was found in the files.
#[derive(Default)]
pub(super) struct Facts {
    pub(super) shape: [u32; 3],
    pub(super) layout: Layout,
    pub(super) columns: Columns,
    /// The files, with what had to be found of them.
    pub(super) files: Option<Files>,
    /// The values are bytes.
    pub(super) bytes: bool,
    /// The values are floats, in files that say so.
    pub(super) floats: bool,
    pub(super) train_rows: u64,
    pub(super) test_rows: u64,
    /// The labels of the training part.
    pub(super) labels: BTreeSet<String>,
    /// Mean, and sum of the squares around it, of each value in the training part.
    pub(super) moments: Vec<(f64, f64)>,
}

impl Facts {
    /// One label of the training part more; or what is wrong with it.
    pub(super) fn label(&mut self, label: &str) -> Result<(), String> {
        if label.is_empty() {
            return Err("its label is empty".to_owned());
        }
        if !self.labels.contains(label) {
            self.labels.insert(label.to_owned());
        }
        if self.labels.len() > MAX_CLASSES as usize {
            return Err(format!("there are more than {MAX_CLASSES} labels: is it the label?"));
        }
        Ok(())
    }

    /// One value of the latest of `count` rows of the training part.
    pub(super) fn value(&mut self, index: usize, count: f64, value: f64) {
        // Welford (1962): exact where a sum of squares would cancel.
        let (mean, squares) = &mut self.moments[index];
        let off = value - *mean;
        *mean += off / count;
        *squares += off * (value - *mean);
    }
}

/// What is being read of a data set.
pub(super) struct Open<'a> {
    pub(super) folder: &'a Path,
    pub(super) written: &'a Written,
    pub(super) problems: &'a mut Problems,
    /// What was guessed, in words.
    pub(super) found: Vec<String>,
}

impl Open<'_> {
    /// That of the folder, without the characters that no name has.
    pub(super) fn name(&self) -> String {
        let folder = fs_err::canonicalize(self.folder).unwrap_or(self.folder.to_owned());
        let name = folder.file_name().unwrap_or("data".as_ref()).to_string_lossy();
        name.chars().map(|c| if is_name_character(c) { c } else { '-' }).collect()
    }

    pub(super) fn path(&self, entry: &FileEntry) -> Result<PathBuf, DataError> {
        let path = self.folder.join(&entry.path);
        if path.exists() {
            return Ok(path);
        }
        let dataset = self.written.name.clone().unwrap_or_else(|| self.name());
        Err(DataError::Missing { dataset, path })
    }
}
