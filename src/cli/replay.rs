//! `perftune replay`: rows are printed at once as CSV, kept for a document, only counted for the comparison.
//!
//! Judging is left to `app`. Invariant: what could not be judged is said on the standard error and makes the exit code,
//! whatever was printed.

use std::fmt::Write;

use super::args::ReplayArgs;
use super::exit::ExitStatus;
use super::options::Format;
use super::output::{DataStream, Screen, stdout_width};
use crate::app::Fault;
use crate::app::replay::{self, Halt, Problems, ReplayRequest, Totals};
use crate::report::replay::{ReplayRow, replay_header, replay_json, replay_row, replay_table};

/// Replays every source, prints what came of it, and says what could not be judged.
pub fn replay(args: &ReplayArgs, screen: Screen) -> Result<ExitStatus, Fault> {
    let ReplayArgs { rule, within, confidence, horizon, metrics, .. } = args;
    let (within, confidence) = (within.as_deref(), confidence.as_deref());
    let request = ReplayRequest::new(rule, within, confidence, horizon.as_deref(), metrics)?;
    let mut output = Output {
        format: args.format,
        stream: DataStream::stdout(),
        rows: Vec::new(),
        totals: Totals::default(),
        begun: false,
    };
    let problems = replay::replay(&args.sources, &request, &mut |row| output.row(row))?;
    output.finish(problems.any())?;
    screen.say(&text(&problems));
    Ok(if problems.any() { ExitStatus::Usage } else { ExitStatus::Ok })
}

/// For the standard error.
fn text(problems: &Problems) -> String {
    let Problems { shown, count, series, judged, notes } = problems;
    let notes = notes.iter().map(|note| format!("note: {note}\n"));
    let mut text: String = notes.collect();
    text.extend(shown.iter().map(|problem| format!("error: {problem}\n")));
    if *count > shown.len() {
        let _ = writeln!(text, "error: and {} more", count - shown.len());
    }
    if *series > 0 {
        let _ = writeln!(text, "{series} of {} series could not be judged", series + judged);
    }
    text
}

/// Where rows go.
struct Output {
    format: Format,
    stream: DataStream,
    rows: Vec<ReplayRow>,
    totals: Totals,
    begun: bool,
}

impl Output {
    fn row(&mut self, row: ReplayRow) -> Result<(), Halt> {
        if self.format == Format::Csv {
            let mut bytes = self.header()?;
            bytes.extend(replay_row(&row).map_err(Fault::from)?);
            return if self.stream.write(&bytes)? { Ok(()) } else { Err(Halt::Unread) };
        }
        self.totals.add(&row);
        if self.format == Format::Json {
            self.rows.push(row);
        }
        Ok(())
    }

    /// The header, before the first row.
    fn header(&mut self) -> Result<Vec<u8>, Fault> {
        let begun = std::mem::replace(&mut self.begun, true);
        Ok(if begun { Vec::new() } else { replay_header()? })
    }

    /// What can only be said at the end; nothing where nothing was judged for a mistake in the sources.
    fn finish(mut self, mistakes: bool) -> Result<(), Fault> {
        let summaries = self.totals.summaries();
        let nothing = summaries.is_empty();
        match self.format {
            Format::Csv if !mistakes => {
                let header = self.header()?;
                self.stream.write(&header)?;
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
