//! `dataset.toml` as it is written: each key read and checked, what it leaves open still open.

use std::path::Path;

use super::files::{self, Arrays, Form};
use super::format::{Format, WORDS};
use super::manifest::{Files, Layout, Split};
use crate::document::problems::{Place, Problem, Problems};
use crate::document::tree::{Node, Table, Value};
use crate::document::value::{self, Read};

/// The most values that one sample may have: beyond it a typing error is likelier than a data set.
pub(super) const MAX_VALUES: u32 = 1 << 26;
/// The most classes.
pub(super) const MAX_CLASSES: u32 = 1 << 16;

#[rustfmt::skip]
const KEYS: &[&str] = &[
    "name", "about", "licence", "source", "shape", "features", "classes", "class_names", "format", "layout", "label",
    "label_column", "ignore", "header", "arrays", "scale", "min_value", "max_value", "train_rows", "test_rows", "split",
    "files",
];

/// Keys that some formats know nothing of, with those that do.
const ONLY_OF: &[(&str, &[Format])] = &[
    ("header", &[Format::Csv]),
    ("label_column", &[Format::Csv]),
    ("label", &[Format::Csv, Format::Parquet]),
    ("ignore", &[Format::Csv, Format::Parquet]),
    ("arrays", &[Format::Npz, Format::Safetensors]),
    (
        "layout",
        &[Format::Csv, Format::Idx, Format::Npy, Format::Npz, Format::Safetensors, Format::Parquet],
    ),
];

/// What is said of the classes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Classes {
    /// Nothing: they are those of the training part.
    Open,
    /// So many, numbered from 0.
    Count(u32),
    /// These, as the files spell them.
    Names(Vec<String>),
}

/// Where a CSV row has its label.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum LabelAt {
    First,
    Last,
    /// In the column of this name.
    Named(String, Place),
}

/// What becomes of a value.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Scale {
    /// Nothing is said.
    Open,
    /// From the one to the other becomes 0 to 1.
    Range(f64, f64),
    /// Mean 0 and deviation 1, column by column.
    Standard,
}

/// The manifest.
#[derive(Debug)]
pub(super) struct Written {
    pub(super) name: Option<String>,
    pub(super) about: String,
    pub(super) licence: String,
    pub(super) source: String,
    pub(super) shape: Option<[u32; 3]>,
    pub(super) shape_place: Place,
    pub(super) classes: Classes,
    pub(super) class_names: Vec<String>,
    /// Nothing is said where it is not there.
    pub(super) layout: Option<Layout>,
    pub(super) label: LabelAt,
    pub(super) ignore: Vec<(String, Place)>,
    pub(super) header: Option<bool>,
    pub(super) scale: Scale,
    pub(super) train_rows: Option<u64>,
    pub(super) test_rows: Option<u64>,
    pub(super) format: Format,
    pub(super) files: Files,
    pub(super) arrays: Option<Arrays>,
    /// Nobody said how one file is split.
    pub(super) split_is_open: bool,
}

impl Written {
    /// Reads the keys; nothing where one of them is wrong, which is then reported.
    pub(super) fn read(
        root: &Table,
        whole: Place,
        folder: &Path,
        problems: &mut Problems,
    ) -> Option<Self> {
        value::check_keys(root, "in dataset.toml", KEYS, problems);
        let mut keys = Keys { root, whole, problems };
        let split = keys.get("split", split);
        let (files, form) = keys.files(split).unzip();
        let format = keys.format(files.as_ref(), form, folder);
        let text = |key: &str, node: &Node| Ok(value::text(key, node, "text")?.to_owned());
        let rows = |key: &str, node: &Node| Ok(u64::from(value::count(key, node, 1..=u32::MAX)?));
        let written = Self {
            name: keys.get("name", name),
            about: keys.get("about", text).unwrap_or_default(),
            licence: keys.get("licence", text).unwrap_or_default(),
            source: keys.get("source", text).unwrap_or_default(),
            shape: keys.shape(),
            shape_place: keys.place(if root.get("shape").is_some() { "shape" } else { "features" }),
            classes: keys.get("classes", classes).unwrap_or(Classes::Open),
            class_names: keys.class_names(),
            layout: keys.get("layout", layout),
            label: keys.label(),
            ignore: keys.get("ignore", names).unwrap_or_default(),
            header: keys.get("header", value::flag),
            scale: keys.scale(),
            train_rows: keys.get("train_rows", rows),
            test_rows: keys.get("test_rows", rows),
            split_is_open: split.is_none(),
            format: format?,
            files: files?,
            arrays: keys.get("arrays", files::arrays),
        };
        keys.check(&written);
        (!keys.problems.any()).then_some(written)
    }
}

struct Keys<'a> {
    root: &'a Table,
    /// The file, where no key is to blame.
    whole: Place,
    problems: &'a mut Problems,
}

impl Keys<'_> {
    /// The value of a key, if it is there and can be.
    fn get<T>(&mut self, key: &str, read: impl Fn(&str, &Node) -> Read<T>) -> Option<T> {
        let node = &self.root.get(key)?.node;
        self.problems.ok(read(key, node))
    }

    fn place(&self, key: &str) -> Place {
        self.root.get(key).map_or(self.whole, |entry| entry.node.place)
    }

    /// Reports a key that may not stand there.
    fn refuse(&mut self, key: &str, why: &str) {
        if let Some(entry) = self.root.get(key) {
            self.problems.error(entry.key_place, format!("`{key}` {why}"));
        }
    }

    /// Reports a key that says the same as another one.
    fn clash(&mut self, key: &str, other: &str) {
        if self.root.get(other).is_some() {
            self.refuse(key, &format!("stands beside `{other}`: keep one of them"));
        }
    }

    fn files(&mut self, split: Option<Split>) -> Option<(Files, Form)> {
        let Some(entry) = self.root.get("files") else {
            let problem = Problem::new(self.whole, "`files` is missing: it names the data");
            self.problems.push(problem.hint("for example files = [\"data.csv\"]"));
            return None;
        };
        let found = self.problems.ok(files::files(entry, split))?;
        if !matches!(found.0, Files::Whole { .. }) {
            self.refuse("split", "is for one file with both parts; these files are apart already");
        }
        Some(found)
    }

    /// What is said of the format, or what the files tell of it.
    fn format(
        &mut self,
        files: Option<&Files>,
        form: Option<Form>,
        folder: &Path,
    ) -> Option<Format> {
        let word = |key: &str, node: &Node| value::word(key, node, WORDS);
        let said = self.get("format", word);
        let (files, form) = (files?, form?);
        let first = &files.entries().first()?.path;
        let found = said.and_then(Format::of_word).unwrap_or_else(|| match form {
            Form::Idx => Format::Idx,
            Form::Arrays => Format::Npy,
            Form::Files if folder.join(first).is_dir() => Format::Images,
            Form::Files => Format::of_name(first).unwrap_or(Format::Csv),
        });
        if !files::fits(found, form) {
            self.problems.error(self.place("files"), files::must_be(found));
            return None;
        }
        Some(found)
    }

    fn shape(&mut self) -> Option<[u32; 3]> {
        self.clash("features", "shape");
        let features =
            |key: &str, node: &Node| Ok([1, 1, value::count(key, node, 1..=MAX_VALUES)?]);
        self.get("features", features).or_else(|| self.get("shape", shape))
    }

    fn label(&mut self) -> LabelAt {
        self.clash("label_column", "label");
        let column = |key: &str, node: &Node| value::word(key, node, &["first", "last"]);
        let name = |key: &str, node: &Node| {
            let name = value::text(key, node, "the name of a column in quotes")?;
            Ok(LabelAt::Named(name.to_owned(), node.place))
        };
        match self.get("label_column", column) {
            Some("first") => LabelAt::First,
            _ => self.get("label", name).unwrap_or(LabelAt::Last),
        }
    }

    fn class_names(&mut self) -> Vec<String> {
        let names = self.get("class_names", names).unwrap_or_default();
        let count = self.root.get("classes").and_then(|entry| entry.node.value.integer());
        let (place, found) = (self.place("class_names"), names.len());
        match count {
            _ if self.root.get("class_names").is_none() => {}
            Some(count) if i64::try_from(found) != Ok(count) => {
                let message = format!("`class_names` has {found} names for `classes = {count}`");
                self.problems.error(place, message);
            }
            Some(_) => {}
            None => self.refuse("class_names", "is for `classes` as a number"),
        }
        names.into_iter().map(|(name, _)| name).collect()
    }

    fn scale(&mut self) -> Scale {
        let words = |key: &str, node: &Node| value::word(key, node, &["standard", "range"]);
        let scale = self.get("scale", words);
        let (min, max) = (self.get("min_value", finite), self.get("max_value", finite));
        if scale == Some("standard") {
            for key in ["min_value", "max_value"] {
                self.refuse(key, "is for `scale = \"range\"`");
            }
            return Scale::Standard;
        }
        let low = min.unwrap_or(0.0);
        match max {
            Some(high) if high > low => return Scale::Range(low, high),
            Some(_) => {
                let message = format!("`max_value` must be above `min_value = {low}`");
                self.problems.error(self.place("max_value"), message);
            }
            None if self.root.get("max_value").is_some() => {}
            None if scale.is_some() || min.is_some() => {
                let place = self.place(if min.is_some() { "min_value" } else { "scale" });
                let message = "`max_value` is missing: the stored value that becomes 1";
                self.problems.error_with(place, message, "for example max_value = 255");
            }
            None => {}
        }
        Scale::Open
    }

    /// What the keys say against one another.
    fn check(&mut self, written: &Written) {
        let format = written.format;
        for (key, formats) in ONLY_OF.iter().filter(|(_, formats)| !formats.contains(&format)) {
            let known: Vec<&str> = formats.iter().map(|format| format.shown()).collect();
            self.refuse(key, &format!("is for {}", known.join(", ")));
        }
        if let (Format::Idx, Classes::Names(_)) = (format, &written.classes) {
            self.refuse("classes", "as names is not for IDX: write the number and `class_names`");
        }
        if let (Format::Images, Classes::Count(_)) = (format, &written.classes) {
            self.refuse("classes", "of images are the names of their folders: leave it out");
        }
        if format == Format::Idx && written.scale == Scale::Standard {
            self.refuse("scale", "= \"standard\" is not for IDX");
        }
        if let (Format::Images, Some([channels, ..])) = (format, written.shape)
            && !matches!(channels, 1 | 3)
        {
            let message = "images have 1 channel (grey) or 3 (red, green, blue)";
            self.problems.error(written.shape_place, message);
        }
    }
}

fn split(key: &str, node: &Node) -> Read<Split> {
    let says = "{ test_every = 5 } or { train_first = 1000 }";
    let wrong = || value::wrong(key, says, node);
    let [entry] = &node.table().ok_or_else(wrong)?.entries[..] else {
        let message = "`split` must have one of `test_every` and `train_first`";
        return Err(Problem::new(node.place, message).hint(format!("for example split = {says}")));
    };
    let count = |from| Ok(u64::from(value::count(&entry.key, &entry.node, from..=u32::MAX)?));
    match &*entry.key {
        "test_every" => Ok(Split::TestEvery(count(2)?)),
        "train_first" => Ok(Split::TrainFirst(count(1)?)),
        _ => Err(Problem::new(entry.key_place, format!("unknown key `{}` in `split`", entry.key))
            .hint("the keys are: test_every, train_first")),
    }
}

fn name(key: &str, node: &Node) -> Read<String> {
    let expected = "a name of letters, digits, `-`, `_` and `.`";
    let name = value::text(key, node, expected)?;
    if !name.is_empty() && name.chars().all(is_name_character) {
        return Ok(name.to_owned());
    }
    Err(value::wrong(key, expected, node))
}

/// Whether a data set's name may have it.
pub(super) const fn is_name_character(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.')
}

fn layout(key: &str, node: &Node) -> Read<Layout> {
    let word = value::word(key, node, &["chw", "hwc"])?;
    Ok(if word == "hwc" { Layout::Hwc } else { Layout::Chw })
}

fn shape(key: &str, node: &Node) -> Read<[u32; 3]> {
    let expected = "[channels, height, width], each at least 1";
    let wrong = || {
        let hint = "of a table: features = 16, or nothing, and the columns are counted";
        value::wrong(key, expected, node).hint(hint)
    };
    let Value::List(items) = &node.value else {
        return Err(wrong());
    };
    let sides: Vec<u32> = items
        .iter()
        .filter_map(|item| u32::try_from(item.value.integer()?).ok().filter(|side| *side > 0))
        .collect();
    let values = sides.iter().fold(1_u64, |product, side| product.saturating_mul((*side).into()));
    match <[u32; 3]>::try_from(sides) {
        Ok(shape) if items.len() == 3 && values <= MAX_VALUES.into() => Ok(shape),
        _ => Err(wrong()),
    }
}

fn classes(key: &str, node: &Node) -> Read<Classes> {
    match &node.value {
        Value::List(_) => {
            let names = names(key, node)?;
            let twice =
                (1..names.len()).find(|at| names[..*at].iter().any(|n| n.0 == names[*at].0));
            match twice {
                Some(at) => {
                    let (name, place) = &names[at];
                    Err(Problem::new(*place, format!("`classes` names {name:?} twice")))
                }
                None if names.len() < 2 => Err(value::wrong(key, "at least 2 names", node)),
                None => Ok(Classes::Names(names.into_iter().map(|(name, _)| name).collect())),
            }
        }
        Value::Integer(_) => Ok(Classes::Count(value::count(key, node, 2..=MAX_CLASSES)?)),
        _ => Err(value::wrong(key, "a number of classes of at least 2, or a list of names", node)),
    }
}

fn names(key: &str, node: &Node) -> Read<Vec<(String, Place)>> {
    let expected = "a list of names in quotes";
    let items = value::texts(key, node, expected)?.iter();
    items.map(|item| Ok((value::text(key, item, expected)?.to_owned(), item.place))).collect()
}

fn finite(key: &str, node: &Node) -> Read<f64> {
    let value = node.value.number().filter(|value| value.is_finite());
    value.ok_or_else(|| value::wrong(key, "a number", node))
}
