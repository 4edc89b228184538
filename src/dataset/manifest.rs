//! What a `dataset.toml` says, checked.

use std::path::PathBuf;

use serde::Deserialize;

/// What a data set is, checked.
#[derive(Debug, Clone, PartialEq)]
pub struct Manifest {
    /// Its name.
    pub name: String,
    /// What it is, one line.
    pub about: String,
    /// Its licence.
    pub licence: String,
    /// Where it comes from.
    pub source: String,
    /// Channels, height, width of a sample; each at least 1.
    pub shape: [u32; 3],
    /// Number of classes; at least 2.
    pub classes: u32,
    /// Their names, none or one a class.
    pub class_names: Vec<String>,
    /// How its files are written.
    pub format: Format,
    /// In which order a file stores the values of a sample.
    pub layout: Layout,
    /// Where a CSV row has its label.
    pub label_column: LabelColumn,
    /// Whether a CSV file begins with a line of column names.
    pub header: bool,
    /// The stored value that becomes 0.
    pub min_value: f32,
    /// The stored value that becomes 1.
    pub max_value: f32,
    /// Samples of the training part, validation included; at least 1.
    pub train_rows: u64,
    /// Samples of the test part; at least 1.
    pub test_rows: u64,
    /// The files and how they are split into parts.
    pub files: Files,
}

/// How files are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// One sample a row.
    Csv,
    /// The format of MNIST.
    Idx,
}

/// In which order a file stores the values of a sample.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Layout {
    /// Channel by channel.
    #[default]
    Chw,
    /// Pixel by pixel, the channels of a pixel side by side.
    Hwc,
}

/// Where a CSV row has its label.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LabelColumn {
    /// After the values.
    #[default]
    Last,
    /// Before the values.
    First,
}

/// Which rows of a file that holds both parts are test data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Split {
    /// Rows 0, n, 2n, ... are test data.
    TestEvery(u64),
    /// The first n rows are training data, the rest test data.
    TrainFirst(u64),
}

impl Split {
    /// Whether the row (counted from 0) is test data.
    pub const fn is_test(self, row: u64) -> bool {
        match self {
            Self::TestEvery(n) => row.is_multiple_of(n),
            Self::TrainFirst(n) => row >= n,
        }
    }
}

/// The files of a data set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Files {
    /// One CSV file with both parts.
    Whole {
        /// The file.
        all: FileEntry,
        /// Which rows are test data.
        split: Split,
    },
    /// A CSV file for each part.
    Parts {
        /// The training part.
        train: FileEntry,
        /// The test part.
        test: FileEntry,
    },
    /// Two IDX files, images and labels, for each part.
    Idx {
        /// The training part.
        train: (FileEntry, FileEntry),
        /// The test part.
        test: (FileEntry, FileEntry),
    },
}

impl Files {
    /// All of them.
    pub fn entries(&self) -> Vec<&FileEntry> {
        match self {
            Self::Whole { all, .. } => vec![all],
            Self::Parts { train, test } => vec![train, test],
            Self::Idx { train, test } => vec![&train.0, &train.1, &test.0, &test.1],
        }
    }
}

/// A file and what identifies it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileEntry {
    /// Relative to the data set's folder.
    pub path: PathBuf,
    /// SHA-256 of the file as it lies there, in lower-case hexadecimal.
    pub sha256: String,
}

impl Manifest {
    /// Values of one sample: C * H * W.
    pub fn values(&self) -> usize {
        self.shape.iter().map(|side| *side as usize).product()
    }
}
