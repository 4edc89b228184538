//! The columns of a table, found in its first line, and what a pass over the rows of CSV says.

use std::path::Path;

use super::csv::{Table, first_line};
use super::error::DataError;
use super::manifest::{Columns, FileEntry, Files, Split};
use super::open::{Facts, Open};
use super::written::{Classes, LabelAt, Scale};
use crate::document::problems::{Place, Problem};
use crate::document::suggest;

impl Open<'_> {
    /// Whether the rows of a CSV file must be read to know everything.
    pub(super) fn needs_rows(&self) -> bool {
        let written = self.written;
        let counted = written.train_rows.is_some() && written.test_rows.is_some();
        let scaled = matches!(written.scale, Scale::Range(..));
        !counted || !scaled || written.classes == Classes::Open
    }

    /// The shape of a sample and the columns of a CSV file.
    pub(super) fn columns(&mut self) -> Result<Option<([u32; 3], Columns)>, DataError> {
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
        let (Files::Whole { all: source, .. } | Files::Parts { train: source, .. }) =
            &written.files
        else {
            return Ok(None);
        };
        let entry = &source.file;
        let line = first_line(&self.path(entry)?)?;
        Ok(self.columns_of(line, written.header, entry))
    }

    /// The same of columns that are called so; nobody knows whether these are names, where `header` is not there.
    pub(super) fn columns_of(
        &mut self,
        line: Vec<String>,
        header: Option<bool>,
        entry: &FileEntry,
    ) -> Option<([u32; 3], Columns)> {
        let written = self.written;
        let named = matches!(written.label, LabelAt::Named(..)) || !written.ignore.is_empty();
        let label = self.label(&line, entry)?;
        let mut values: Vec<usize> = (0..line.len()).filter(|column| *column != label).collect();
        let text = |column: &usize| line[*column].parse::<f64>().is_err();
        let has_header = header.unwrap_or(named || values.iter().any(text));
        if header.is_none() && !named {
            let says = if has_header { "the first line names the columns" } else { "no header" };
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
            return None;
        }
        values.retain(|value| !ignored.contains(value));
        let shape = self.shape(&values, &line, has_header, entry)?;
        let count = line.len();
        let columns = Columns {
            header: has_header,
            count,
            values,
            label,
            names: if has_header { line } else { Vec::new() },
        };
        Some((shape, columns))
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
    pub(super) fn rows(&mut self, shape: [u32; 3], columns: Columns) -> Result<Facts, DataError> {
        let layout = self.written.layout.unwrap_or_default();
        let mut facts = Facts { shape, layout, columns, ..Facts::default() };
        if !self.needs_rows() {
            return Ok(facts);
        }
        let parts = match &self.written.files {
            Files::Whole { all, .. } => vec![(&all.file, None)],
            Files::Parts { train, test } => {
                vec![(&train.file, Some(false)), (&test.file, Some(true))]
            }
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
                facts.label(&label).map_err(|why| table.damaged(why))?;
            }
            if standard {
                let count = facts.train_rows as f64;
                for (index, column) in columns.values.iter().enumerate() {
                    facts.value(index, count, table.finite(*column)?);
                }
            }
        }
        facts.columns = columns;
        Ok(())
    }
}
