//! A sample as it is stored, and which of them are wanted.

use std::borrow::Cow;
use std::path::Path;

use super::array::damaged;
use crate::dataset::error::DataError;
use crate::dataset::manifest::Columns;

/// What is read.
pub(in crate::dataset) struct Reading<'a> {
    /// Of a table.
    #[cfg_attr(not(feature = "parquet"), expect(dead_code, reason = "no table is read"))]
    pub(in crate::dataset) columns: &'a Columns,
    /// What images become: channels, height, width.
    #[cfg_attr(not(feature = "images"), expect(dead_code, reason = "no image is read"))]
    pub(in crate::dataset) shape: [u32; 3],
    /// Whether the values are wanted, or the labels alone.
    pub(in crate::dataset) values: bool,
    /// Of which rows, counted from 0.
    pub(in crate::dataset) wanted: &'a dyn Fn(u64) -> bool,
}

/// A label.
#[derive(Debug, Clone, Copy)]
pub(in crate::dataset) enum Label<'a> {
    Number(i64),
    Text(&'a str),
}

impl<'a> Label<'a> {
    /// As a manifest writes it.
    pub(in crate::dataset) fn text(self) -> Cow<'a, str> {
        match self {
            Self::Number(number) => number.to_string().into(),
            Self::Text(text) => text.into(),
        }
    }
}

/// A sample.
pub(in crate::dataset) struct Sample<'a> {
    /// The file that it is in.
    pub(in crate::dataset) path: &'a Path,
    /// The array in that file.
    pub(in crate::dataset) array: Option<&'a str>,
    /// Counted from 0.
    pub(in crate::dataset) row: u64,
    /// In the order of the file.
    pub(in crate::dataset) values: &'a [f64],
    pub(in crate::dataset) label: Label<'a>,
}

impl Sample<'_> {
    /// The finding that it is damaged.
    pub(in crate::dataset) fn damaged(&self, why: impl Into<String>) -> DataError {
        damaged(self.path, self.array, &format!("sample {}", self.row), why)
    }
}
