//! What is printed of runs, in each format.
//!
//! The bytes are made by `report`. Invariant: in a format that is one document nothing else stands on the standard
//! output.

use super::options::ReportFormat;
use super::output::{self, Screen};
use crate::app::Fault;
use crate::app::derived::Derived;
use crate::app::shadow::Shadow;
use crate::event::RunRecord;
use crate::report::closing::Closing;
use crate::report::csv::report_csv;
use crate::report::{cells, json, markdown, table};

/// Characters in a line of a page's text that is no table.
const PAGE_WIDTH: usize = 100;

/// What is printed when the runs are over.
pub struct Document<'a> {
    /// The name of the grid.
    pub name: &'a str,
    /// The runs that have ended.
    pub records: &'a [RunRecord],
    /// What they say together.
    pub derived: &'a Derived,
    /// What they would have been, had they stopped early.
    pub shadow: Option<&'a Shadow>,
    /// Whether each run has a row of its own.
    pub per_run: bool,
    /// What stands under the table.
    pub closing: Closing<'a>,
}

impl Document<'_> {
    /// The bytes for the standard output.
    pub fn render(&self, format: ReportFormat, width: usize) -> Result<Vec<u8>, Fault> {
        let shadow = self.shadow.filter(|shadow| !shadow.is_empty());
        Ok(match format {
            ReportFormat::Table if self.closing.effects.is_some() => {
                let text = self.closing.effects.map(|effects| effects.text(width));
                text.unwrap_or_default().into_bytes()
            }
            ReportFormat::Table => {
                let rows = &self.derived.summary;
                let mut text = if self.per_run || !cells::any_again(self.records) {
                    table::summary(self.records, &self.closing, width)
                } else {
                    cells::summary(self.records, rows, &self.closing, width)
                };
                if let Some(shadow) = shadow {
                    text = text + "\n" + &shadow.report.table(width);
                }
                text.into_bytes()
            }
            ReportFormat::Json => {
                let extras = json::Extras {
                    summary: &self.derived.summary,
                    fastest: &self.derived.fastest,
                    front: self.closing.front,
                    effects: self.closing.effects,
                    found: self.closing.found,
                    shadow: self.shadow.map(|shadow| &shadow.report),
                };
                json::document(self.name, self.records, extras)?
            }
            ReportFormat::Csv => match self.closing.effects {
                Some(effects) => effects.csv()?,
                None => report_csv(self.records, self.closing.front, self.closing.found)?,
            },
            ReportFormat::Html => self.derived.page.clone(),
            ReportFormat::Markdown => {
                let mut text = markdown::document(self.name, self.records, &self.closing);
                if let Some(shadow) = shadow {
                    let table = shadow.report.table(PAGE_WIDTH);
                    text = format!("{text}\n```text\n{table}```\n");
                }
                text.into_bytes()
            }
        })
    }

    /// Prints it.
    pub fn print(&self, format: ReportFormat) -> Result<(), Fault> {
        output::print(&self.render(format, output::stdout_width())?)
    }

    /// Says on the standard error what the standard output has no place for.
    pub fn say(&self, format: ReportFormat, screen: Screen) {
        let Some(shadow) = self.shadow else {
            return;
        };
        let more = match format {
            // One document on the standard output, which has no place for it.
            ReportFormat::Csv | ReportFormat::Html => shadow.report.table(output::stderr_width()),
            ReportFormat::Table | ReportFormat::Json | ReportFormat::Markdown => String::new(),
        };
        let notes = shadow.notes.iter().map(|note| format!("note: {note}\n"));
        screen.say(&(notes.collect::<String>() + &more));
    }
}
