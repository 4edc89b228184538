//! Rows on their way out: printed at once as CSV, kept for a document, only counted for the comparison.

use super::super::args::Format;
use super::super::diagnostic::Fault;
use super::super::output::{DataStream, stdout_width};
use super::tally::Tally;
use crate::report::replay::{ReplayRow, replay_header, replay_json, replay_row, replay_table};

/// Where rows go.
pub(super) struct Output {
    format: Format,
    stream: DataStream,
    rows: Vec<ReplayRow>,
    tally: Tally,
    begun: bool,
}

impl Output {
    pub(super) fn new(format: Format) -> Self {
        Self {
            format,
            stream: DataStream::stdout(),
            rows: Vec::new(),
            tally: Tally::default(),
            begun: false,
        }
    }

    /// Takes a row; whether somebody still reads.
    pub(super) fn row(&mut self, row: ReplayRow) -> Result<bool, Fault> {
        match self.format {
            Format::Csv => {
                let header = self.header()?;
                return Ok(header && self.stream.write(&replay_row(&row)?)?);
            }
            Format::Json => {
                self.tally.add(&row);
                self.rows.push(row);
            }
            Format::Table => self.tally.add(&row),
        }
        Ok(true)
    }

    fn header(&mut self) -> Result<bool, Fault> {
        if std::mem::replace(&mut self.begun, true) {
            return Ok(true);
        }
        self.stream.write(&replay_header()?)
    }

    /// What can only be said at the end; nothing where nothing was judged for a mistake in the sources.
    pub(super) fn finish(mut self, mistakes: bool) -> Result<(), Fault> {
        let summaries = self.tally.summaries();
        let nothing = summaries.is_empty();
        match self.format {
            Format::Csv if !mistakes => {
                self.header()?;
            }
            Format::Json if !(nothing && mistakes) => {
                self.stream.write(&replay_json(&self.rows, &summaries)?)?;
            }
            Format::Table if !nothing => {
                let table = replay_table(&summaries, stdout_width());
                self.stream.write(table.as_bytes())?;
            }
            _ => {}
        }
        self.stream.flush()
    }
}
