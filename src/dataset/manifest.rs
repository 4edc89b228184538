//! What is known of a data set: what its `dataset.toml` says, and what was found in its files where that says nothing.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::format::Format;

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
    /// In which order a file stores the values of a sample.
    pub layout: Layout,
    /// Samples of the training part, validation included; at least 1.
    pub train_rows: u64,
    /// Samples of the test part; at least 1.
    pub test_rows: u64,
    /// How the files are written.
    pub format: Format,
    /// The files and how they are split into parts.
    pub files: Files,
    /// What of all this `dataset.toml` does not say, in words.
    pub guessed: Vec<String>,
    pub(super) columns: Columns,
    pub(super) scaling: Scaling,
    pub(super) labels: Labels,
}

/// In which order a file stores the values of a sample.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Layout {
    /// Channel by channel.
    #[default]
    Chw,
    /// Pixel by pixel, the channels of a pixel side by side.
    Hwc,
}

/// How a row of a CSV file is laid out.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Columns {
    /// Whether the file begins with a line of column names.
    pub(super) header: bool,
    /// The columns of a row.
    pub(super) count: usize,
    /// Those of the values, in their order.
    pub(super) values: Vec<usize>,
    /// That of the label.
    pub(super) label: usize,
    /// The names, where they are known.
    pub(super) names: Vec<String>,
}

impl Columns {
    /// A column as a message calls it: counted from 1, by name where it has one.
    pub(super) fn shown(&self, column: usize) -> String {
        match self.names.get(column) {
            Some(name) => format!("column {} (`{name}`)", column + 1),
            None => format!("column {}", column + 1),
        }
    }
}

/// What becomes of a stored value.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Scaling {
    /// From the one to the other becomes 0 to 1.
    Range(f64, f64),
    /// Of each value of a row: what is taken off it, and what is left is multiplied by.
    Standard(Vec<(f64, f64)>),
}

impl Scaling {
    /// What becomes of the i-th value of a sample; or what is wrong with it. It is rounded to a sample's 32 bits only when it is
    /// scaled: of a time of 1.7e9 s they would leave steps of two minutes.
    #[expect(clippy::cast_possible_truncation, reason = "samples are 32-bit floats")]
    pub(super) fn of(&self, index: usize, value: f64) -> Result<f32, String> {
        let scaled = match self {
            Self::Range(min, max) if !(*min..=*max).contains(&value) => {
                return Err(format!("is {value}, outside {min}..{max} (`min_value`, `max_value`)"));
            }
            Self::Range(min, max) => (value - min) * (1.0 / (max - min)),
            Self::Standard(_) if !value.is_finite() => {
                return Err(format!("is {value}: fill it in"));
            }
            Self::Standard(scales) => {
                let (mean, factor) = scales[index];
                (value - mean) * factor
            }
        };
        let scaled = scaled as f32;
        let none = || format!("is {value}, which is too far out to be scaled");
        scaled.is_finite().then_some(scaled).ok_or_else(none)
    }
}

/// What the labels of a file are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Labels {
    /// Numbers below that of the classes.
    Numbers,
    /// Names, each with its class.
    Names(BTreeMap<String, i64>),
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
    /// Where nobody says how.
    pub(super) const USUAL: Self = Self::TestEvery(5);

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
    /// Both parts in one.
    Whole {
        /// Where the samples are.
        all: Source,
        /// Which rows are test data.
        split: Split,
    },
    /// Each part by itself.
    Parts {
        /// The training part.
        train: Source,
        /// The test part.
        test: Source,
    },
    /// None: its samples are drawn by this seed.
    Random {
        /// The seed.
        seed: u64,
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
            Self::Random { .. } => Vec::new(),
            Self::Whole { all, .. } => all.entries().collect(),
            // The arrays of both parts may be those of one file.
            Self::Parts { train, test } if train.file == test.file => train.entries().collect(),
            Self::Parts { train, test } => train.entries().chain(test.entries()).collect(),
            Self::Idx { train, test } => vec![&train.0, &train.1, &test.0, &test.1],
        }
    }
}

/// Where samples and their labels are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// A file; of images a folder.
    pub file: FileEntry,
    /// That of the labels, where they are not in the same one.
    pub labels: Option<FileEntry>,
    /// In a file of several arrays, the names of those of the samples and of the labels.
    pub arrays: Option<ArrayPair>,
}

impl Source {
    /// Samples and labels in one file.
    pub(super) const fn of(file: FileEntry) -> Self {
        Self { file, labels: None, arrays: None }
    }

    pub(super) fn entries(&self) -> impl Iterator<Item = &FileEntry> {
        [Some(&self.file), self.labels.as_ref()].into_iter().flatten()
    }
}

/// The names of two arrays that belong together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ArrayPair {
    /// That of the samples.
    pub x: String,
    /// That of their labels.
    pub y: String,
}

/// A file and what identifies it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileEntry {
    /// Relative to the data set's folder.
    pub path: PathBuf,
    /// SHA-256 of the file as it lies there, in lower-case hexadecimal, where the manifest says it.
    pub sha256: Option<String>,
}

impl Manifest {
    /// Of random samples: so many to train on, and one to test on, which nobody should.
    pub(super) fn random(shape: [u32; 3], classes: u32, samples: u64, seed: u64) -> Self {
        Self {
            name: "random".to_owned(),
            about: "random samples".to_owned(),
            licence: String::new(),
            source: String::new(),
            shape,
            classes,
            class_names: Vec::new(),
            layout: Layout::Chw,
            train_rows: samples,
            test_rows: 1,
            format: Format::Idx,
            files: Files::Random { seed },
            guessed: Vec::new(),
            columns: Columns::default(),
            scaling: Scaling::Range(0.0, 1.0),
            labels: Labels::Numbers,
        }
    }

    /// Values of one sample: C * H * W.
    pub fn values(&self) -> usize {
        self.shape.iter().map(|side| *side as usize).product()
    }
}
