//! What a `dataset.toml` leaves open, found in the files: columns, classes, rows, the scale of the values.
//!
//! A manifest that says everything has its files left alone here.

use std::collections::BTreeMap;
use std::path::Path;

use super::error::DataError;
use super::format::Format;
use super::idx::Values;
use super::manifest::{FileEntry, Files, Labels, Layout, Manifest, Scaling};
use super::open::{Facts, Open};
use super::written::{Classes, Scale, Written};
use crate::document::problems::{Place, Problems};
use crate::document::suggest;
use crate::document::tree;

impl Manifest {
    /// Reads and checks the text of a `dataset.toml`, whose folder has the files.
    pub fn parse(text: &str, file: &Path) -> Result<Self, DataError> {
        let mut problems = Problems::default();
        let folder = file.parent().unwrap_or(Path::new("."));
        let body = problems.add_file(file.display().to_string(), text.to_owned());
        let root = tree::parse_document(body, &mut problems);
        let root = problems.check(root)?;
        let written = Written::read(&root, Place::whole(body), folder, &mut problems);
        let written = problems.check(written)?;
        let mut open =
            Open { folder, written: &written, problems: &mut problems, found: Vec::new() };
        let manifest = open.manifest()?;
        Ok(problems.check(manifest)?)
    }
}

impl Open<'_> {
    /// The manifest, or nothing where one of its keys contradicts the files.
    fn manifest(&mut self) -> Result<Option<Manifest>, DataError> {
        let written = self.written;
        let facts = match (&written.files, written.format) {
            (Files::Idx { train, test }, _) => Some(self.idx(train, test)?),
            (_, Format::Csv) => match self.columns()? {
                Some((shape, columns)) => Some(self.rows(shape, columns)?),
                None => None,
            },
            _ => self.stored()?,
        };
        let Some(facts) = facts else {
            return Ok(None);
        };
        let Some((classes, class_names, labels)) = self.classes(&facts) else {
            return Ok(None);
        };
        let scaling = self.scaling(&facts);
        let whole = facts.files.as_ref().unwrap_or(&written.files);
        if written.split_is_open && matches!(whole, Files::Whole { .. }) {
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
            layout: facts.layout,
            train_rows: written.train_rows.unwrap_or(facts.train_rows),
            test_rows: written.test_rows.unwrap_or(facts.test_rows),
            format: written.format,
            files: facts.files.unwrap_or_else(|| written.files.clone()),
            guessed: std::mem::take(&mut self.found),
            columns: facts.columns,
            scaling,
            labels,
        }))
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
                    let hint = match self.written.format {
                        Format::Csv | Format::Parquet => "is `label` the right column?",
                        Format::Images => "images of another class go into a folder of their own",
                        _ => "are these arrays the labels?",
                    };
                    self.problems.error_with(place, message, hint);
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

    fn scaling(&mut self, facts: &Facts) -> Scaling {
        match (self.written.scale, facts.bytes) {
            (Scale::Range(min, max), _) => return Scaling::Range(min, max),
            (Scale::Open, true) => {
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
            (*mean, factor)
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
        let mut facts = Facts {
            shape: written.shape.unwrap_or_default(),
            layout: written.layout.unwrap_or_default(),
            bytes: true,
            ..Facts::default()
        };
        if written.shape.is_none() || written.train_rows.is_none() || written.test_rows.is_none() {
            let dims =
                |entry| Ok::<_, DataError>(Values::open(&self.path(entry)?)?.dims().to_owned());
            let (of_train, of_test) = (dims(&train.0)?, dims(&test.0)?);
            facts.train_rows = of_train.first().copied().unwrap_or(0);
            facts.test_rows = of_test.first().copied().unwrap_or(0);
            if written.shape.is_none() {
                let side = |at: usize| of_train.get(at).and_then(|side| u32::try_from(*side).ok());
                let sides = [1, 2, 3].map(|at| side(at).unwrap_or(1));
                facts.shape = match (of_train.len(), facts.layout) {
                    (4, Layout::Chw) => sides,
                    (4, Layout::Hwc) => [sides[2], sides[0], sides[1]],
                    _ => [1, sides[0], sides[1]],
                };
                self.found.push(format!("shape {:?}", facts.shape));
            }
        }
        if written.classes == Classes::Open {
            let largest = Values::open(&self.path(&train.1)?)?.largest()?;
            for class in 0..=largest {
                // A byte has no more values than there may be classes.
                let _ = facts.label(&class.to_string());
            }
        }
        Ok(facts)
    }
}
