//! Why a data set cannot be used.

use std::io;
use std::path::PathBuf;

use crate::document::ConfigError;

/// Why a data set cannot be used: always with the file, the place in it and what to do.
#[derive(Debug, thiserror::Error)]
pub enum DataError {
    /// No such data set.
    #[error(
        "no data set `{name}`{hint}; looked in {looked}; a folder's path, such as `./{name}`, works too"
    )]
    Unknown {
        /// What was asked for.
        name: String,
        /// The nearest known name, or all known ones.
        hint: String,
        /// The folders that were searched.
        looked: String,
    },
    /// A path where nothing is.
    #[error("there is no folder `{}`", path.display())]
    NoFolder {
        /// The folder.
        path: PathBuf,
    },
    /// A path without a manifest.
    #[error("`{}` is no data set: it has no dataset.toml", path.display())]
    NoManifest {
        /// The folder.
        path: PathBuf,
    },
    /// The manifest has mistakes, each with its place.
    #[error("{0}")]
    Manifest(#[from] ConfigError),
    /// A file that the manifest names does not exist.
    #[error("{} is missing, though {dataset}'s dataset.toml names it: restore it or correct `files`", path.display())]
    Missing {
        /// The data set.
        dataset: String,
        /// The file.
        path: PathBuf,
    },
    /// A file is not the one that the manifest describes.
    #[error(
        "{} is not the file that {dataset}'s dataset.toml describes: its SHA-256 is {found}, expected {expected}; \
         restore the file, or correct `sha256` if the change is meant",
        path.display()
    )]
    Checksum {
        /// The data set.
        dataset: String,
        /// The file.
        path: PathBuf,
        /// What the manifest says, in hexadecimal.
        expected: String,
        /// What the file has.
        found: String,
    },
    /// A file's contents make no sense.
    #[error("{}, {place}: {why}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Where in it: a line, a sample, the header.
        place: String,
        /// What is wrong.
        why: String,
    },
    /// Something that may be data, and nobody can tell which.
    #[error("{}: {why}", path.display())]
    Unclear {
        /// What somebody pointed at.
        path: PathBuf,
        /// What is wrong with it, and what to do.
        why: String,
    },
    /// A format that is off in this build.
    #[error(
        "{} is of the format {format}, which this perftune was built without: build it with the feature `{feature}` \
         (`make install FEATURES={feature}`)",
        path.display()
    )]
    Feature {
        /// The file.
        path: PathBuf,
        /// The format.
        format: &'static str,
        /// The feature of the build that reads it.
        feature: &'static str,
    },
    /// A part does not hold as many samples as declared.
    #[error("{}: holds {found} samples of the {part} part, but dataset.toml says `{part}_rows = {declared}`", path.display())]
    Rows {
        /// The file.
        path: PathBuf,
        /// `train` or `test`.
        part: &'static str,
        /// Samples in the file.
        found: u64,
        /// Samples declared.
        declared: u64,
    },
    /// The system refused; the message names the file.
    #[error("{0}")]
    Io(#[from] io::Error),
}
