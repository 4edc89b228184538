//! `dataset.toml` as it is written, and the checks that make a [`Manifest`] of it.

use std::path::Path;

use serde::Deserialize;

use super::error::DataError;
use super::manifest::{FileEntry, Files, Format, LabelColumn, Layout, Manifest, Split};

/// The most values that one sample may have: beyond it a typing error is likelier than a data set.
const MAX_VALUES: u64 = 1 << 26;

impl Manifest {
    /// Reads and checks the text of a `dataset.toml`; `file` is for messages.
    pub fn parse(text: &str, file: &Path) -> Result<Self, DataError> {
        let written: Written = toml::from_str(text).map_err(|error| DataError::Syntax {
            file: file.to_owned(),
            message: error.to_string().trim_end().to_owned(),
        })?;
        let context = Context { text, file };
        let files = written.files(&context)?;
        written.check(&context)?;
        Ok(Self {
            name: written.name,
            about: written.about,
            licence: written.licence,
            source: written.source,
            shape: written.shape,
            classes: written.classes,
            class_names: written.class_names,
            format: written.format,
            layout: written.layout,
            label_column: written.label_column,
            header: written.header,
            min_value: written.min_value,
            max_value: written.max_value,
            train_rows: written.train_rows,
            test_rows: written.test_rows,
            files,
        })
    }
}

/// The manifest as it is written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    name: String,
    about: String,
    licence: String,
    source: String,
    shape: [u32; 3],
    classes: u32,
    #[serde(default)]
    class_names: Vec<String>,
    format: Format,
    #[serde(default)]
    layout: Layout,
    #[serde(default)]
    label_column: LabelColumn,
    #[serde(default)]
    header: bool,
    #[serde(default)]
    min_value: f32,
    max_value: f32,
    train_rows: u64,
    test_rows: u64,
    split: Option<WrittenSplit>,
    files: WrittenFiles,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenSplit {
    test_every: Option<u64>,
    train_first: Option<u64>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenFiles {
    all: Option<FileEntry>,
    train: Option<FileEntry>,
    test: Option<FileEntry>,
    train_images: Option<FileEntry>,
    train_labels: Option<FileEntry>,
    test_images: Option<FileEntry>,
    test_labels: Option<FileEntry>,
}

struct Context<'a> {
    text: &'a str,
    file: &'a Path,
}

impl Context<'_> {
    fn value(&self, key: &'static str, why: impl Into<String>) -> DataError {
        let is_key = |line: &str| {
            line.trim_start_matches([' ', '\t', '['])
                .strip_prefix(key)
                .is_some_and(|rest| rest.trim_start().starts_with(['=', '.', ']']))
        };
        DataError::Value {
            file: self.file.to_owned(),
            line: self.text.lines().position(is_key).unwrap_or(0) + 1,
            key,
            why: why.into(),
        }
    }
}

impl Written {
    fn check(&self, context: &Context<'_>) -> Result<(), DataError> {
        let bad = |key, why: String| Err(context.value(key, why));
        if self.name.is_empty() || !self.name.chars().all(is_name_character) {
            return bad("name", "must be made of letters, digits, `-`, `_` and `.`".to_owned());
        }
        let values: u64 =
            self.shape.iter().fold(1, |product, side| u64::from(*side).saturating_mul(product));
        if values == 0 || values > MAX_VALUES {
            return bad(
                "shape",
                format!("{:?} must be [channels, height, width], each at least 1", self.shape),
            );
        }
        if self.classes < 2 {
            return bad("classes", "must be at least 2".to_owned());
        }
        if !self.class_names.is_empty() && self.class_names.len() != self.classes as usize {
            return bad(
                "class_names",
                format!("has {} names for `classes = {}`", self.class_names.len(), self.classes),
            );
        }
        let finite = self.min_value.is_finite() && self.max_value.is_finite();
        if !finite || self.max_value <= self.min_value {
            return bad("max_value", format!("must be above `min_value = {}`", self.min_value));
        }
        for (key, rows) in [("train_rows", self.train_rows), ("test_rows", self.test_rows)] {
            if !(1..=u64::from(u32::MAX)).contains(&rows) {
                return bad(key, "must be the number of samples, at least 1".to_owned());
            }
        }
        self.check_csv_keys(context)
    }

    fn check_csv_keys(&self, context: &Context<'_>) -> Result<(), DataError> {
        if self.format == Format::Idx {
            if self.header {
                return Err(context.value("header", "is for `format = \"csv\"`"));
            }
            if self.label_column != LabelColumn::Last {
                return Err(context.value("label_column", "is for `format = \"csv\"`"));
            }
        }
        Ok(())
    }

    fn files(&self, context: &Context<'_>) -> Result<Files, DataError> {
        let said = self.files.clone();
        let csv = (said.all, said.train, said.test);
        let idx = (said.train_images, said.train_labels, said.test_images, said.test_labels);
        let files = match (self.format, csv, idx) {
            (Format::Csv, (Some(all), None, None), (None, None, None, None)) => {
                Files::Whole { all, split: self.whole_split(context)? }
            }
            (Format::Csv, (None, Some(train), Some(test)), (None, None, None, None)) => {
                Files::Parts { train, test }
            }
            (Format::Idx, (None, None, None), (Some(a), Some(b), Some(c), Some(d))) => {
                Files::Idx { train: (a, b), test: (c, d) }
            }
            (Format::Csv, ..) => return Err(context.value(
                "files",
                "of `format = \"csv\"` must be `[files.all]`, or `[files.train]` and `[files.test]`",
            )),
            (Format::Idx, ..) => return Err(context.value(
                "files",
                "of `format = \"idx\"` must be `[files.train_images]`, `[files.train_labels]`, \
                 `[files.test_images]` and `[files.test_labels]`",
            )),
        };
        for entry in files.entries() {
            check_entry(entry, context)?;
        }
        if self.split.is_some() && !matches!(files, Files::Whole { .. }) {
            return Err(context.value(
                "split",
                "is for one file with both parts (`files.all`); these files are apart already",
            ));
        }
        Ok(files)
    }

    /// How one file is split that holds both parts.
    fn whole_split(&self, context: &Context<'_>) -> Result<Split, DataError> {
        let Some(split) = &self.split else {
            return Err(context.value(
                "split",
                "is missing: one file holds both parts, so write `split = { test_every = 5 }` or \
                 `split = { train_first = 1000 }`",
            ));
        };
        match (split.test_every, split.train_first) {
            (Some(n), None) if n >= 2 => Ok(Split::TestEvery(n)),
            (None, Some(n)) if n >= 1 => Ok(Split::TrainFirst(n)),
            _ => Err(context.value(
                "split",
                "must have one of `test_every` (at least 2) and `train_first` (at least 1)",
            )),
        }
    }
}

fn check_entry(entry: &FileEntry, context: &Context<'_>) -> Result<(), DataError> {
    let digits = entry.sha256.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    if entry.sha256.len() != 64 || !digits {
        // The key occurs once a file: its value tells which is meant.
        let line = context.text.lines().position(|line| line.contains(&entry.sha256));
        return Err(DataError::Value {
            file: context.file.to_owned(),
            line: line.unwrap_or(0) + 1,
            key: "sha256",
            why: format!(
                "of {} must be 64 lower-case hexadecimal digits, as `sha256sum` prints them",
                entry.path.display()
            ),
        });
    }
    if entry.path.as_os_str().is_empty() {
        return Err(context.value("path", "must name a file"));
    }
    Ok(())
}

const fn is_name_character(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.')
}
