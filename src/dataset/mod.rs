//! Data sets: a folder with a `dataset.toml` and the files that it names. A new data set is a new folder.
//!
//! [`find()`] and [`list`] read manifests, and the files only for what a manifest leaves open; [`DataSet::verify`] compares
//! checksums; [`DataSet::check`] decodes everything and keeps nothing; [`DataSet::read`] decodes one part, block by block, so that the whole of it exists once in memory: where the caller
//! puts it. The training and the test part are different types all the way ([`Train`], [`Test`]).

mod columns;
mod copies;
mod csv;
mod describe;
mod error;
mod file;
mod files;
mod find;
mod folder;
mod format;
mod guess;
mod idx;
mod manifest;
mod offer;
mod open;
mod part;
mod random;
mod rows;
mod series;
mod set;
mod stored;
mod typed;
mod written;

pub use copies::Copies;
pub use error::DataError;
pub use file::{hex, open as open_text, sha256};
pub use find::{Listed, Roots, find, list, names};
pub use format::Format;
pub use manifest::{ArrayPair, FileEntry, Files, Layout, Manifest, Source, Split};
pub use offer::Offer;
pub use random::SplitMix64;
pub use rows::{BoundedRows, LONGEST_ROW, line as line_of_row};
pub use series::{SeriesError, SeriesReader, SeriesRow};
pub use set::{DataSet, MANIFEST, Part, Rows, Test, Train};

#[cfg(test)]
mod tests;
