//! A `dataset.toml` that leaves nothing open, of what was found in the files.

use std::fmt::Write as _;
use std::path::Path;

use super::error::DataError;
use super::file;
use super::files::Arrays;
use super::folder;
use super::format::Format;
use super::manifest::{FileEntry, Files, Labels, Layout, Manifest, Scaling, Split};
use super::offer::Offer;
use super::set::DataSet;
use crate::document::quoted;

/// More classes are not listed one by one.
const LISTED: usize = 1000;

impl Offer {
    /// The shortest text: the files, by absolute paths, and what only a person knows.
    pub fn text(&self, name: &str, label: Option<&str>) -> String {
        let mut text = format!("name = {}\n", quoted(name));
        if let Some(label) = label {
            let _ = writeln!(text, "label = {}", quoted(label));
        }
        text += "\n[files]\n";
        for (key, path) in &self.files {
            let _ = writeln!(text, "{key} = {}", quoted(&path.display().to_string()));
        }
        text
    }

    /// The text that says everything; `base` is the folder of the file that gets it, by an absolute path.
    pub fn described(&self, data: &DataSet, base: &Path) -> Result<String, DataError> {
        let manifest = data.manifest();
        let mut lines = Lines::default();
        lines.line("name", &quoted(&manifest.name));
        for key in ["about", "licence", "source"] {
            lines.note(&format!("{key} = \"...\""));
        }
        lines.text.push('\n');
        lines.line("format", &quoted(manifest.format.word()));
        columns(manifest, &mut lines);
        shape(manifest, &mut lines);
        arrays(manifest, &mut lines);
        classes(manifest, &mut lines);
        scale(manifest, &mut lines);
        lines.line("train_rows", &manifest.train_rows.to_string());
        lines.line("test_rows", &manifest.test_rows.to_string());
        if let Files::Whole { split, .. } = manifest.files {
            lines.line(
                "split",
                &match split {
                    Split::TestEvery(n) => format!("{{ test_every = {n} }}"),
                    Split::TrainFirst(n) => format!("{{ train_first = {n} }}"),
                },
            );
        }
        for (key, path) in &self.files {
            let (sum, shown) = (checksum(path)?, path.strip_prefix(base).unwrap_or(path));
            // The folder itself: `all = "."`.
            let shown = if shown.as_os_str().is_empty() { Path::new(".") } else { shown };
            let _ = write!(
                lines.text,
                "\n[files.{key}]\npath = {}\nsha256 = \"{sum}\"\n",
                quoted(&shown.display().to_string())
            );
        }
        Ok(lines.text)
    }
}

#[derive(Default)]
struct Lines {
    text: String,
}

impl Lines {
    fn line(&mut self, key: &str, value: &str) {
        // Writing to a string cannot fail.
        let _ = writeln!(self.text, "{key} = {value}");
    }

    fn note(&mut self, text: &str) {
        let _ = writeln!(self.text, "# {text}");
    }
}

fn checksum(path: &Path) -> Result<String, DataError> {
    if path.is_dir() { folder::sha256(path) } else { Ok(file::sha256(path)?) }
}

fn columns(manifest: &Manifest, lines: &mut Lines) {
    let columns = &manifest.columns;
    if columns.count == 0 {
        return;
    }
    let named = |column: &usize| columns.names.get(*column).map(|name| quoted(name));
    match named(&columns.label) {
        Some(name) => lines.line("label", &name),
        None if columns.label == 0 => lines.line("label_column", "\"first\""),
        None => {}
    }
    let left = |column: &usize| *column != columns.label && !columns.values.contains(column);
    let ignored: Vec<String> =
        (0..columns.count).filter(left).filter_map(|column| named(&column)).collect();
    if !ignored.is_empty() {
        lines.line("ignore", &format!("[{}]", ignored.join(", ")));
    }
    if manifest.format == Format::Csv {
        lines.line("header", &columns.header.to_string());
    }
}

fn shape(manifest: &Manifest, lines: &mut Lines) {
    match manifest.shape {
        [1, 1, features] => lines.line("features", &features.to_string()),
        shape => lines.line("shape", &format!("{shape:?}")),
    }
    if manifest.layout == Layout::Hwc && manifest.format != Format::Images {
        lines.line("layout", "\"hwc\"");
    }
}

fn arrays(manifest: &Manifest, lines: &mut Lines) {
    let (train, test) = match &manifest.files {
        Files::Whole { all, .. } => (all, None),
        Files::Parts { train, test } => (train, Some(test)),
        Files::Idx { .. } | Files::Random { .. } => return,
    };
    let Some(first) = &train.arrays else { return };
    let second = test.and_then(|source| source.arrays.as_ref()).filter(|second| *second != first);
    let found = match second {
        Some(second) => Arrays::Parts { train: first.clone(), test: second.clone() },
        None => Arrays::Both(first.clone()),
    };
    lines.line(
        "arrays",
        &match found {
            Arrays::Both(pair) => format!("{{ x = {}, y = {} }}", quoted(&pair.x), quoted(&pair.y)),
            Arrays::Parts { train, test } => format!(
                "{{ x_train = {}, y_train = {}, x_test = {}, y_test = {} }}",
                quoted(&train.x),
                quoted(&train.y),
                quoted(&test.x),
                quoted(&test.y)
            ),
        },
    );
}

fn classes(manifest: &Manifest, lines: &mut Lines) {
    match &manifest.labels {
        Labels::Numbers => lines.line("classes", &manifest.classes.to_string()),
        Labels::Names(_) if manifest.class_names.len() > LISTED => {
            let count = manifest.class_names.len();
            lines.note(&format!("classes: {count}, as the labels of the training part name them"));
        }
        Labels::Names(_) => {
            let names: Vec<String> = manifest.class_names.iter().map(|name| quoted(name)).collect();
            lines.line("classes", &format!("[{}]", names.join(", ")));
        }
    }
}

fn scale(manifest: &Manifest, lines: &mut Lines) {
    match manifest.scaling {
        Scaling::Standard(_) => lines.line("scale", "\"standard\""),
        Scaling::Range(min, max) => {
            if min != 0.0 {
                lines.line("min_value", &format!("{min:?}"));
            }
            lines.line("max_value", &format!("{max}"));
        }
    }
}

impl FileEntry {
    /// Whether it has a checksum to be compared with.
    pub const fn has_checksum(&self) -> bool {
        self.sha256.is_some()
    }
}
