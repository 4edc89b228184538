//! A CSV file as lines of cells with the numbers of their lines.

use std::collections::HashMap;
use std::str::FromStr;

use super::super::of_cell;
use super::fault::{Fault, FiguresFault};
use crate::event::RunStatus;

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// The cells of a file.
pub(super) struct Sheet {
    pub(super) header: Vec<String>,
    places: HashMap<String, usize>,
    lines: Vec<(u64, ::csv::StringRecord)>,
}

/// One line.
#[derive(Clone, Copy)]
pub(super) struct CsvRow<'a> {
    /// Counts from 1.
    pub(super) number: u64,
    sheet: &'a Sheet,
    record: &'a ::csv::StringRecord,
}

impl Sheet {
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, Fault> {
        let bytes = bytes.strip_prefix(BYTE_ORDER_MARK).unwrap_or(bytes);
        let text = std::str::from_utf8(bytes).map_err(|error| {
            let before = &bytes[..error.valid_up_to()];
            (line_of(before), FiguresFault::NotText)
        })?;
        if text.trim().is_empty() {
            return Err((1, FiguresFault::Empty));
        }
        if !text.ends_with('\n') {
            return Err((line_of(bytes), FiguresFault::Cut));
        }
        // The reader counts line feeds, and leaves that behind a carriage return unread until the next line.
        let text = text.replace("\r\n", "\n").replace('\r', "\n");
        let mut reader = ::csv::ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .trim(::csv::Trim::All)
            .from_reader(text.as_bytes());
        let mut lines = Vec::new();
        let mut record = ::csv::StringRecord::new();
        // Of text in memory nothing can fail to be read.
        while reader.read_record(&mut record).unwrap_or(false) {
            // The record's own position is where the reader looked for it: before blank lines.
            let within = record.iter().map(|cell| cell.matches('\n').count()).sum::<usize>();
            let after = reader.position().line();
            lines.push((after.saturating_sub(1 + within as u64).max(1), record.clone()));
        }
        Self::new(lines)
    }

    fn new(mut lines: Vec<(u64, ::csv::StringRecord)>) -> Result<Self, Fault> {
        if lines.is_empty() {
            return Err((1, FiguresFault::Empty));
        }
        let (at, first) = lines.remove(0);
        let header: Vec<String> = first.iter().map(str::to_owned).collect();
        let mut places = HashMap::new();
        for (place, name) in header.iter().enumerate() {
            if !name.is_empty() && places.insert(name.clone(), place).is_some() {
                let fault = FiguresFault::Header {
                    why: format!("the column {name} is there twice"),
                    header: header.join(",").chars().take(120).collect(),
                };
                return Err((at, fault));
            }
        }
        let wanted = header.len();
        if let Some((line, other)) = lines.iter().find(|(_, line)| line.len() != wanted) {
            let found = other.len();
            return Err((*line, FiguresFault::Length { found, wanted }));
        }
        Ok(Self { header, places, lines })
    }

    pub(super) fn place(&self, column: &str) -> Option<usize> {
        self.places.get(column).copied()
    }

    /// Its lines after the header; a file without any has no figures that could be compared.
    pub(super) fn lines(&self) -> Result<impl Iterator<Item = CsvRow<'_>>, Fault> {
        if self.lines.is_empty() {
            return Err((1, FiguresFault::NoRows));
        }
        Ok(self.lines.iter().map(|(number, record)| CsvRow {
            number: *number,
            sheet: self,
            record,
        }))
    }
}

impl<'a> CsvRow<'a> {
    /// The cell of a column; empty where there is no such column.
    pub(super) fn text(&self, column: &str) -> &'a str {
        let place = self.sheet.place(column);
        of_cell(place.and_then(|place| self.record.get(place)).unwrap_or_default())
    }

    pub(super) fn wrong(&self, column: &str, value: &str, wanted: &'static str) -> Fault {
        let fault = FiguresFault::Cell {
            column: column.to_owned(),
            value: value.chars().take(60).collect(),
            wanted,
        };
        (self.number, fault)
    }

    /// The text of a column that must not be empty.
    pub(super) fn name(&self, column: &'static str) -> Result<&str, Fault> {
        let text = self.text(column);
        if text.is_empty() {
            return Err(self.wrong(column, text, "a name"));
        }
        Ok(text)
    }

    /// A number, or nothing. `nan` and `inf` are numbers here: the loss of a model that diverged is one, and whether a figure
    /// may be one is for the comparison to say.
    pub(super) fn number(&self, column: &str) -> Result<Option<f64>, Fault> {
        self.parsed(column, "a number")
    }

    pub(super) fn whole<T: FromStr>(&self, column: &str) -> Result<Option<T>, Fault> {
        self.parsed(column, "a whole number")
    }

    fn parsed<T: FromStr>(&self, column: &str, wanted: &'static str) -> Result<Option<T>, Fault> {
        match self.text(column) {
            "" => Ok(None),
            text => text.parse().map(Some).map_err(|_| self.wrong(column, text, wanted)),
        }
    }

    pub(super) fn status(&self) -> Result<Option<RunStatus>, Fault> {
        let text = self.text("status");
        let all =
            [RunStatus::Completed, RunStatus::Stopped, RunStatus::Failed, RunStatus::Cancelled];
        let found = all.into_iter().find(|status| status.to_string() == text);
        if found.is_none() && !text.is_empty() {
            let wanted = "one of completed, stopped, failed, cancelled";
            return Err(self.wrong("status", text, wanted));
        }
        Ok(found)
    }
}

/// The line on which what comes after these bytes stands.
fn line_of(before: &[u8]) -> u64 {
    before.split(|byte| *byte == b'\n').count() as u64
}
