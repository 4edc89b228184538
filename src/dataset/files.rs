//! `files` of a `dataset.toml`: in which forms it names the data, and what each form says of the format.

use super::format::Format;
use super::manifest::{ArrayPair, FileEntry, Files, Source, Split};
use crate::document::problems::{Place, Problem};
use crate::document::tree::{Entry, Node, Value};
use crate::document::value::{self, Read};

/// How `files` names the data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// One file, or one a part.
    Files,
    /// IDX: images and labels apart, for each part.
    Idx,
    /// Arrays: samples and labels apart.
    Arrays,
}

/// The keys of `files` as a table, and the form that they are.
const FORMS: &[(&[&str], Form)] = &[
    (&["all"], Form::Files),
    (&["train", "test"], Form::Files),
    (&["x", "y"], Form::Arrays),
    (&["x_train", "y_train", "x_test", "y_test"], Form::Arrays),
    (&["train_images", "train_labels", "test_images", "test_labels"], Form::Idx),
];

/// What `files` of this format must be.
pub(super) const fn must_be(format: Format) -> &'static str {
    match format {
        Format::Csv => {
            "`files` of CSV must be one file with both parts (`all`), or `train` and `test`"
        }
        Format::Idx => {
            "`files` of IDX must be `train_images`, `train_labels`, `test_images` and `test_labels`"
        }
        Format::Npy => {
            "`files` of NPY must be `x` and `y`, or `x_train`, `y_train`, `x_test` and `y_test`"
        }
        Format::Npz | Format::Safetensors | Format::Parquet => {
            "`files` of this format must be one file with both parts (`all`), or `train` and `test`"
        }
        Format::Images => {
            "`files` of images must be one folder with both parts (`all`), or `train` and `test`"
        }
    }
}

/// Whether data of a format are named in a form.
pub(super) const fn fits(format: Format, form: Form) -> bool {
    matches!(
        (format, form),
        (Format::Idx, Form::Idx)
            | (Format::Npy, Form::Arrays)
            | (
                Format::Csv | Format::Npz | Format::Safetensors | Format::Parquet | Format::Images,
                Form::Files
            )
    )
}

/// What `files` names, and how.
pub(super) fn files(entry: &Entry, split: Option<Split>) -> Read<(Files, Form)> {
    let node = &entry.node;
    let split = split.unwrap_or(Split::USUAL);
    let whole = |file| Files::Whole { all: Source::of(file), split };
    let Value::Table(table) = &node.value else {
        let expected = "the path of a file in quotes, or a table of files";
        return match value::texts("files", node, expected)? {
            [only] => Ok((whole(file("files", only)?), Form::Files)),
            _ => Err(Problem::new(node.place, "`files` as a list is one file with both parts")
                .hint(
                    "where each part has its own: files = { train = \"a.csv\", test = \"b.csv\" }",
                )),
        };
    };
    let keys: Vec<&str> = table.entries.iter().map(|entry| &*entry.key).collect();
    let is =
        |wanted: &[&str]| keys.len() == wanted.len() && keys.iter().all(|k| wanted.contains(k));
    let Some((wanted, form)) = FORMS.iter().find(|(wanted, _)| is(wanted)) else {
        return Err(Problem::new(entry.key_place, must_be(meant(&keys))));
    };
    let at = |key: &str| match table.get(key) {
        Some(entry) => file(key, &entry.node),
        None => Err(Problem::new(entry.key_place, format!("`files` names no `{key}`"))),
    };
    let pair = |x: &str, y: &str| Ok(Source { file: at(x)?, labels: Some(at(y)?), arrays: None });
    let found = match **wanted {
        ["all"] => whole(at("all")?),
        ["x", "y"] => Files::Whole { all: pair("x", "y")?, split },
        [first, second] => {
            Files::Parts { train: Source::of(at(first)?), test: Source::of(at(second)?) }
        }
        [a, b, c, d] if *form == Form::Idx => {
            Files::Idx { train: (at(a)?, at(b)?), test: (at(c)?, at(d)?) }
        }
        [a, b, c, d] => Files::Parts { train: pair(a, b)?, test: pair(c, d)? },
        _ => return Err(Problem::new(entry.key_place, must_be(meant(&keys)))),
    };
    Ok((found, *form))
}

/// The format that keys which are none of a form seem to mean.
fn meant(keys: &[&str]) -> Format {
    if keys.iter().any(|key| key.ends_with("_images") || key.ends_with("_labels")) {
        Format::Idx
    } else if keys.iter().any(|key| key.starts_with(['x', 'y'])) {
        Format::Npy
    } else {
        Format::Csv
    }
}

/// Which arrays of a file are meant: of both parts, or of each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Arrays {
    /// Of both parts, or of the only one in the file.
    Both(ArrayPair),
    /// Of each part.
    Parts {
        /// Those of the training part.
        train: ArrayPair,
        /// Those of the test part.
        test: ArrayPair,
    },
}

/// The value of `arrays`.
pub(super) fn arrays(key: &str, node: &Node) -> Read<Arrays> {
    let says = "{ x = \"...\", y = \"...\" }, or the same with x_train, y_train, x_test and y_test";
    let wrong = || value::wrong(key, says, node);
    let table = node.table().ok_or_else(wrong)?;
    let at = |name: &str| {
        let entry = table.get(name).ok_or_else(wrong)?;
        Ok(value::text(name, &entry.node, "the name of an array in quotes")?.to_owned())
    };
    let pair = |x: &str, y: &str| Ok::<_, Problem>(ArrayPair { x: at(x)?, y: at(y)? });
    match table.entries.len() {
        2 => Ok(Arrays::Both(pair("x", "y")?)),
        4 => Ok(Arrays::Parts {
            train: pair("x_train", "y_train")?,
            test: pair("x_test", "y_test")?,
        }),
        _ => Err(wrong()),
    }
}

/// A file: its path, or a table with `path` and `sha256`.
fn file(key: &str, node: &Node) -> Read<FileEntry> {
    let Some(table) = node.table() else {
        let path = value::text(key, node, "the path of a file in quotes")?;
        return entry(path, None, node.place);
    };
    let path = table.get("path").ok_or_else(|| {
        Problem::new(node.place, format!("`{key}` has no `path`")).hint("path = \"data.csv\"")
    })?;
    if let Some(other) = table.entries.iter().find(|e| e.key != "path" && e.key != "sha256") {
        let message = format!("unknown key `{}` in `files.{key}`", other.key);
        return Err(Problem::new(other.key_place, message).hint("the keys are: path, sha256"));
    }
    let text = value::text("path", &path.node, "the path of a file in quotes")?;
    let sha256 = table.get("sha256").map(|sum| {
        let digits = "64 lower-case hexadecimal digits, as `sha256sum` prints them";
        let text = value::text("sha256", &sum.node, digits)?;
        let good = text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        if text.len() == 64 && good {
            return Ok(text.to_owned());
        }
        let problem = Problem::new(sum.node.place, format!("`sha256` must be {digits}"));
        Err(problem.hint("leave it out, and the file is not compared with anything"))
    });
    entry(text, sha256.transpose()?, path.node.place)
}

fn entry(path: &str, sha256: Option<String>, place: Place) -> Read<FileEntry> {
    if path.is_empty() {
        return Err(Problem::new(place, "`path` must name a file"));
    }
    Ok(FileEntry { path: path.into(), sha256 })
}
