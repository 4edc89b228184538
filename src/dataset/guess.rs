//! What a `dataset.toml` leaves open, found in the files: columns, classes, rows, the scale of the values.
//!
//! A manifest that says everything has its files left alone here.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use super::csv::{Table, first_line};
use super::error::DataError;
use super::idx::Values;
use super::manifest::{Columns, FileEntry, Files, Labels, Layout, Manifest, Scaling, Split};
use super::written::{Classes, LabelAt, MAX_CLASSES, Scale, Written, is_name_character};
use crate::document::problems::{Place, Problem, Problems};
use crate::document::suggest;
use crate::document::tree;

impl Manifest {
    /// Reads and checks the text of a `dataset.toml`, whose folder has the files.
    pub fn parse(text: &str, file: &Path) -> Result<Self, DataError> {
        let mut problems = Problems::default();
        let body = problems.add_file(file.display().to_string(), text.to_owned());
        let root = tree::parse_document(body, &mut problems);
        let root = problems.check(root)?;
        let written = Written::read(&root, Place::whole(body), &mut problems);
        let written = problems.check(written)?;
        let folder = file.parent().unwrap_or(Path::new("."));
        let mut open =
            Open { folder, written: &written, problems: &mut problems, found: Vec::new() };
        let manifest = open.manifest()?;
        Ok(problems.check(manifest)?)
    }
}

/// What was found in the files.
#[derive(Default)]
struct Facts {
    shape: [u32; 3],
    columns: Columns,
    train_rows: u64,
    test_rows: u64,
    /// The labels of the training part.
    labels: BTreeSet<String>,
    /// Mean, and sum of the squares around it, of each value in the training part.
    moments: Vec<(f64, f64)>,
}

struct Open<'a> {
    folder: &'a Path,
    written: &'a Written,
    problems: &'a mut Problems,
    /// What was guessed, in words.
    found: Vec<String>,
}

impl Open<'_> {
    /// The manifest, or nothing where one of its keys contradicts the files.
    fn manifest(&mut self) -> Result<Option<Manifest>, DataError> {
        let written = self.written;
        let facts = match &written.files {
            Files::Idx { train, test } => self.idx(train, test)?,
            _ => match self.columns()? {
                Some((shape, columns)) => self.rows(shape, columns)?,
                None => return Ok(None),
            },
        };
        let Some((classes, class_names, labels)) = self.classes(&facts) else {
            return Ok(None);
        };
        let scaling = self.scaling(&facts);
        if written.split_is_open && matches!(written.files, Files::Whole { .. }) {
            self.found.push("every 5th row is test data".to_owned());
        }
        Ok(Some(Manifest {
            name: written.name.clone().unwrap_or_else(|| self.name()),
            about: written.about.clone(),
            licence: written.licence.clone(),
            source: written.source.clone(),
            shape: facts.shape,
            classes,
            class_names,
            layout: written.layout,
            train_rows: written.train_rows.unwrap_or(facts.train_rows),
            test_rows: written.test_rows.unwrap_or(facts.test_rows),
            files: written.files.clone(),
            guessed: std::mem::take(&mut self.found),
            columns: facts.columns,
            scaling,
            labels,
        }))
    }

    /// That of the folder, without the characters that no name has.
    fn name(&self) -> String {
        let folder = fs_err::canonicalize(self.folder).unwrap_or(self.folder.to_owned());
        let name = folder.file_name().unwrap_or("data".as_ref()).to_string_lossy();
        name.chars().map(|c| if is_name_character(c) { c } else { '-' }).collect()
    }

    fn path(&self, entry: &FileEntry) -> Result<PathBuf, DataError> {
        let path = self.folder.join(&entry.path);
        if path.exists() {
            return Ok(path);
        }
        let dataset = self.written.name.clone().unwrap_or_else(|| self.name());
        Err(DataError::Missing { dataset, path })
    }

    /// Whether the rows of a CSV file must be read to know everything.
    fn needs_rows(&self) -> bool {
        let written = self.written;
        let counted = written.train_rows.is_some() && written.test_rows.is_some();
        let scaled = matches!(written.scale, Scale::Range(..));
        !counted || !scaled || written.classes == Classes::Open
    }

    /// The shape of a sample and the columns of a CSV file.
    fn columns(&mut self) -> Result<Option<([u32; 3], Columns)>, DataError> {
        let written = self.written;
        let named = matches!(written.label, LabelAt::Named(..)) || !written.ignore.is_empty();
        if let (Some(shape), false, false) = (written.shape, named, self.needs_rows()) {
            let values = shape.iter().map(|side| *side as usize).product();
            let first = usize::from(written.label == LabelAt::First);
            let columns = Columns {
                header: written.header.unwrap_or(false),
                count: values + 1,
                values: (first..values + first).collect(),
                label: if first == 1 { 0 } else { values },
                names: Vec::new(),
            };
            return Ok(Some((shape, columns)));
        }
        let (Files::Whole { all: entry, .. } | Files::Parts { train: entry, .. }) = &written.files
        else {
            return Ok(None);
        };
        let path = self.path(entry)?;
        let line = first_line(&path)?;
        let Some(label) = self.label(&line, entry) else {
            return Ok(None);
        };
        let mut values: Vec<usize> = (0..line.len()).filter(|column| *column != label).collect();
        let text = |column: &usize| line[*column].parse::<f32>().is_err();
        let header = written.header.unwrap_or(named || values.iter().any(text));
        if written.header.is_none() && !named {
            let says = if header { "the first line names the columns" } else { "no header" };
            self.found.push(says.to_owned());
        }
        let mut ignored = Vec::new();
        for (name, place) in &written.ignore {
            match line.iter().position(|column| column == name) {
                Some(column) => ignored.push(column),
                None => self.no_column(name, *place, &line, entry),
            }
        }
        if ignored.len() < written.ignore.len() {
            // A column that was to be ignored would be read, and be called damaged.
            return Ok(None);
        }
        values.retain(|value| !ignored.contains(value));
        let shape = self.shape(&values, &line, header, entry);
        let count = line.len();
        let columns =
            Columns { header, count, values, label, names: if header { line } else { Vec::new() } };
        Ok(shape.map(|shape| (shape, columns)))
    }

    /// The column of the label.
    fn label(&mut self, line: &[String], entry: &FileEntry) -> Option<usize> {
        match &self.written.label {
            _ if line.len() < 2 => {
                let message = format!(
                    "{}, line 1: one column, where a value and a label are needed, with a comma between them",
                    entry.path.display()
                );
                let other = [(';', "semicolons"), ('\t', "tabs"), ('|', "bars")];
                let found =
                    other.iter().find(|(mark, _)| line.iter().any(|text| text.contains(*mark)));
                let hint = found.map_or("is it a CSV file?".to_owned(), |(_, name)| {
                    format!("it has {name} between its columns: write commas there, and points in numbers")
                });
                self.problems.error_with(self.written.shape_place, message, hint);
                None
            }
            LabelAt::First => Some(0),
            LabelAt::Last => Some(line.len() - 1),
            LabelAt::Named(name, place) => {
                let found = line.iter().position(|column| column == name);
                if found.is_none() {
                    self.no_column(name, *place, line, entry);
                }
                found
            }
        }
    }

    fn no_column(&mut self, name: &str, place: Place, line: &[String], entry: &FileEntry) {
        let names: Vec<&str> = line.iter().map(String::as_str).collect();
        let message = format!("{} has no column {name:?}", entry.path.display());
        let hint = suggest::hint(name, &names, "its first line names");
        self.problems.push(Problem::new(place, message).hint(hint));
    }

    fn shape(
        &mut self,
        values: &[usize],
        line: &[String],
        header: bool,
        entry: &FileEntry,
    ) -> Option<[u32; 3]> {
        let found = values.len();
        match self.written.shape {
            Some(shape) if shape.iter().map(|side| *side as usize).product::<usize>() != found => {
                let file = entry.path.display();
                let message =
                    format!("a row of {file} has {found} values, and not as many as this");
                self.problems.error(self.written.shape_place, message);
                None
            }
            Some(shape) => Some(shape),
            None => {
                let names: Vec<&str> = values.iter().map(|column| &*line[*column]).collect();
                let names =
                    if header { format!(": {}", suggest::listed(&names)) } else { String::new() };
                let plural = if found == 1 { "" } else { "s" };
                self.found.push(format!("{found} feature{plural}{names}"));
                Some([1, 1, u32::try_from(found).unwrap_or(u32::MAX)])
            }
        }
    }

    /// One pass over the rows, where one is needed.
    fn rows(&mut self, shape: [u32; 3], columns: Columns) -> Result<Facts, DataError> {
        let mut facts = Facts { shape, columns, ..Facts::default() };
        if !self.needs_rows() {
            return Ok(facts);
        }
        let parts = match &self.written.files {
            Files::Whole { all, .. } => vec![(all, None)],
            Files::Parts { train, test } => vec![(train, Some(false)), (test, Some(true))],
            Files::Idx { .. } | Files::Random { .. } => Vec::new(),
        };
        let split = match self.written.files {
            Files::Whole { split, .. } => split,
            _ => Split::USUAL,
        };
        for (entry, part) in &parts {
            let path = self.path(entry)?;
            self.scan(&path, |row| part.unwrap_or_else(|| split.is_test(row)), &mut facts)?;
        }
        for (part, rows) in [("training", facts.train_rows), ("test", facts.test_rows)] {
            if rows == 0 {
                let path = self.folder.join(&parts[parts.len() - 1].0.path);
                let why = format!("no row of it belongs to the {part} part");
                return Err(DataError::Damaged { path, place: "end".to_owned(), why });
            }
        }
        Ok(facts)
    }

    fn scan(
        &self,
        path: &Path,
        is_test: impl Fn(u64) -> bool,
        facts: &mut Facts,
    ) -> Result<(), DataError> {
        let columns = std::mem::take(&mut facts.columns);
        let mut table = Table::open(path, &columns)?;
        let standard = !matches!(self.written.scale, Scale::Range(..));
        facts.moments.resize(columns.values.len(), (0.0, 0.0));
        let mut row = 0;
        while table.next()? {
            row += 1;
            if is_test(row - 1) {
                facts.test_rows += 1;
                continue;
            }
            facts.train_rows += 1;
            if self.written.classes == Classes::Open {
                let label = table.text(columns.label);
                if label.is_empty() {
                    return Err(table.damaged("its label is empty".to_owned()));
                }
                if !facts.labels.contains(&*label) {
                    facts.labels.insert(label.into_owned());
                }
                if facts.labels.len() > MAX_CLASSES as usize {
                    let why = format!("there are more than {MAX_CLASSES} labels: is it the label?");
                    return Err(table.damaged(why));
                }
            }
            if standard {
                let count = facts.train_rows as f64;
                for ((mean, squares), column) in facts.moments.iter_mut().zip(&columns.values) {
                    // Welford (1962): exact where a sum of squares would cancel.
                    let value = f64::from(table.finite(*column)?);
                    let off = value - *mean;
                    *mean += off / count;
                    *squares += off * (value - *mean);
                }
            }
        }
        facts.columns = columns;
        Ok(())
    }

    /// Number, names and labels of the classes.
    fn classes(&mut self, facts: &Facts) -> Option<(u32, Vec<String>, Labels)> {
        let names = match &self.written.classes {
            Classes::Count(count) => {
                return Some((*count, self.written.class_names.clone(), Labels::Numbers));
            }
            Classes::Names(names) => names.clone(),
            Classes::Open => {
                let mut names: Vec<String> = facts.labels.iter().cloned().collect();
                // Numbers in the order of numbers; where one is none, all in the order of texts.
                let numbers: Option<Vec<i64>> =
                    names.iter().map(|name| name.parse().ok()).collect();
                if numbers.is_some() {
                    names.sort_by_key(|name| name.parse::<i64>().unwrap_or_default());
                }
                if names.len() < 2 {
                    let message = "the training part has fewer than 2 different labels";
                    let place = self.written.shape_place;
                    self.problems.error_with(place, message, "is `label` the right column?");
                    return None;
                }
                let shown: Vec<&str> = names.iter().map(String::as_str).collect();
                self.found.push(format!("{} classes: {}", names.len(), suggest::listed(&shown)));
                names
            }
        };
        let classes = names.iter().cloned().zip(0..).collect::<BTreeMap<_, _>>();
        if let Files::Idx { .. } = self.written.files {
            // The labels of this format are numbers, and so are the classes up to the largest of them.
            return Some((u32::try_from(names.len()).ok()?, Vec::new(), Labels::Numbers));
        }
        Some((u32::try_from(names.len()).ok()?, names, Labels::Names(classes)))
    }

    #[expect(clippy::cast_possible_truncation, reason = "samples are 32-bit floats")]
    fn scaling(&mut self, facts: &Facts) -> Scaling {
        match (self.written.scale, &self.written.files) {
            (Scale::Range(min, max), _) => return Scaling::Range(min, max),
            (_, Files::Idx { .. }) => {
                self.found.push("values from 0 to 255".to_owned());
                return Scaling::Range(0.0, 255.0);
            }
            (Scale::Open, _) => self.found.push("scale = \"standard\"".to_owned()),
            (Scale::Standard, _) => {}
        }
        let count = facts.train_rows as f64;
        let scale = |(mean, squares): &(f64, f64)| {
            let deviation = (squares / count).sqrt();
            // A column that never changes says nothing, and must not be made to say much where it does.
            let factor = if deviation > 0.0 { 1.0 / deviation } else { 1.0 };
            (*mean as f32, factor as f32)
        };
        Scaling::Standard(facts.moments.iter().map(scale).collect())
    }

    /// What the headers of IDX files say, and the largest label, where the manifest does not.
    fn idx(
        &mut self,
        train: &(FileEntry, FileEntry),
        test: &(FileEntry, FileEntry),
    ) -> Result<Facts, DataError> {
        let written = self.written;
        let mut facts = Facts { shape: written.shape.unwrap_or_default(), ..Facts::default() };
        if written.shape.is_none() || written.train_rows.is_none() || written.test_rows.is_none() {
            let dims =
                |entry| Ok::<_, DataError>(Values::open(&self.path(entry)?)?.dims().to_owned());
            let (of_train, of_test) = (dims(&train.0)?, dims(&test.0)?);
            facts.train_rows = of_train.first().copied().unwrap_or(0);
            facts.test_rows = of_test.first().copied().unwrap_or(0);
            if written.shape.is_none() {
                let side = |at: usize| of_train.get(at).and_then(|side| u32::try_from(*side).ok());
                let sides = [1, 2, 3].map(|at| side(at).unwrap_or(1));
                facts.shape = match (of_train.len(), written.layout) {
                    (4, Layout::Chw) => sides,
                    (4, Layout::Hwc) => [sides[2], sides[0], sides[1]],
                    _ => [1, sides[0], sides[1]],
                };
                self.found.push(format!("shape {:?}", facts.shape));
            }
        }
        if written.classes == Classes::Open {
            let largest = Values::open(&self.path(&train.1)?)?.largest()?;
            facts.labels = (0..=largest).map(|class| class.to_string()).collect();
        }
        Ok(facts)
    }
}
