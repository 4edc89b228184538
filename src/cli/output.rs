//! The two standard streams: data on one, talk on the other.
//!
//! What is said is left to those who say it. Invariant: a reader that has seen enough is no error, and nothing but data
//! goes to the standard output.

use std::env;
use std::fmt::Display;
use std::io::{self, IsTerminal, Write};

use anyhow::Context;

use crate::app::Fault;
use crate::report::layout::{harmless_text, wrap};

/// Where no terminal says how wide it is.
const DEFAULT_WIDTH: usize = 80;

/// What the standard error is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Screen {
    /// Whether it is a terminal that can move its cursor.
    pub live: bool,
    /// Whether it may show colours.
    pub coloured: bool,
}

impl Screen {
    /// Looks at the standard error and at `NO_COLOR` and `TERM`.
    pub fn stderr() -> Self {
        let dumb = env::var_os("TERM").is_some_and(|term| term == "dumb");
        let plain = env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let live = io::stderr().is_terminal() && !dumb;
        Self { live, coloured: live && !plain }
    }

    /// Writes warnings to the standard error, a line each.
    pub fn warn(&self, warnings: &[impl Display]) {
        self.lines("warning", warnings);
    }

    /// Writes notes to the standard error, a line each.
    pub fn note(&self, notes: &[impl Display]) {
        self.lines("note", notes);
    }

    fn lines(self, kind: &str, texts: &[impl Display]) {
        let width = if self.live { stderr_width() } else { usize::MAX };
        let lines = texts.iter().map(|text| {
            let line = harmless_text(&format!("{kind}: {text}"));
            if line.chars().count() > width { wrap(&line, width, "  ") } else { line + "\n" }
        });
        self.say(&lines.collect::<String>());
    }

    /// Writes to the standard error. Nobody can be told when that fails, so nothing is done then.
    pub fn say(&self, text: &str) {
        let mut stderr = io::stderr().lock();
        let _ = stderr.write_all(text.as_bytes()).and_then(|()| stderr.flush());
    }
}

/// Writes data to the standard output. A reader that has seen enough (`| head`) is no error. Names and messages in it are
/// foreign: what could command a terminal is escaped, whatever the format.
pub fn print(bytes: &[u8]) -> Result<(), Fault> {
    print_with(|out| Ok(out.write_all(bytes)?))
}

/// The same of what is made as it is written.
pub fn print_with(fill: impl FnOnce(&mut dyn Write) -> Result<(), Fault>) -> Result<(), Fault> {
    let mut out = Harmless { out: io::stdout().lock(), held: Vec::new(), failed: None };
    let filled = fill(&mut out);
    // Nobody but it knows that it was the standard output that failed.
    match out.flush().err().map(|error| out.failed.take().unwrap_or(error)) {
        Some(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        Some(error) => Ok(Err(error).context("cannot write to the standard output")?),
        None => filled,
    }
}

/// Escapes what passes, some lines at once. Once something cannot be written, nothing more is.
struct Harmless<W> {
    out: W,
    held: Vec<u8>,
    failed: Option<io::Error>,
}

impl<W: Write> Harmless<W> {
    /// Passes this much of what is held on.
    fn pass(&mut self, length: usize) -> io::Result<()> {
        let passed = if let Some(error) = &self.failed {
            Err(error.kind().into())
        } else {
            let text = harmless_text(&String::from_utf8_lossy(&self.held[..length]));
            self.out.write_all(text.as_bytes())
        };
        self.held.drain(..length);
        passed.map_err(|error| {
            let kind = error.kind();
            self.failed.get_or_insert(error);
            kind.into()
        })
    }
}

impl<W: Write> Write for Harmless<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        const LINES: usize = 1 << 16;
        self.held.extend_from_slice(bytes);
        if self.held.len() >= LINES
            && let Some(feed) = self.held.iter().rposition(|byte| *byte == b'\n')
        {
            self.pass(feed + 1)?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.pass(self.held.len())?;
        self.out.flush()
    }
}

/// Data that goes to the standard output piece by piece.
pub struct DataStream {
    writer: io::BufWriter<io::Stdout>,
    /// The reader has seen enough (`| head`), which is no error.
    closed: bool,
}

impl DataStream {
    /// The standard output.
    pub fn stdout() -> Self {
        Self { writer: io::BufWriter::with_capacity(1 << 16, io::stdout()), closed: false }
    }

    /// Writes more; whether somebody still reads.
    pub fn write(&mut self, bytes: &[u8]) -> Result<bool, Fault> {
        if !self.closed {
            let written = self.writer.write_all(bytes);
            self.see(written)?;
        }
        Ok(!self.closed)
    }

    /// Hands everything on.
    pub fn flush(&mut self) -> Result<(), Fault> {
        if self.closed {
            return Ok(());
        }
        let flushed = self.writer.flush();
        self.see(flushed)
    }

    fn see(&mut self, done: io::Result<()>) -> Result<(), Fault> {
        match done {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => self.closed = true,
            done => done.context("cannot write to the standard output")?,
        }
        Ok(())
    }
}

/// Characters in a line of the standard output: `COLUMNS` if it is set, else the terminal's, else 80.
pub fn stdout_width() -> usize {
    told_width().unwrap_or(DEFAULT_WIDTH)
}

/// Characters in a line of a list: a program that reads it would have to join what was broken.
pub fn list_width() -> usize {
    told_width().unwrap_or(usize::MAX)
}

fn told_width() -> Option<usize> {
    let asked = env::var("COLUMNS").ok().and_then(|columns| columns.parse().ok());
    let told = asked.filter(|columns| *columns > 0).or_else(|| terminal_width(io::stdout()));
    told.map(|columns| columns.max(20))
}

/// Characters in a line of the standard error's terminal.
pub fn stderr_width() -> usize {
    terminal_width(io::stderr()).unwrap_or(DEFAULT_WIDTH)
}

/// Lines of the standard error's terminal; none where it is no terminal.
pub fn stderr_height() -> usize {
    rustix::termios::tcgetwinsize(io::stderr()).map_or(0, |size| usize::from(size.ws_row))
}

fn terminal_width(stream: impl std::os::fd::AsFd) -> Option<usize> {
    let size = rustix::termios::tcgetwinsize(stream).ok()?;
    Some(usize::from(size.ws_col)).filter(|columns| *columns > 0)
}

/// The part of `text` that fits `width`; `..` stands for what was cut.
pub fn cut(text: &str, width: usize) -> String {
    if text.chars().count() <= width {
        return text.to_owned();
    }
    let kept: String = text.chars().take(width.saturating_sub(2)).collect();
    format!("{kept}{}", ".".repeat(width.min(2)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_cut_says_so() {
        for (text, width, shown) in [
            ("resnet", 6, "resnet"),
            ("resnet-digits", 8, "resnet.."),
            ("größer", 4, "gr.."),
            ("abc", 1, "."),
            ("abc", 0, ""),
        ] {
            assert_eq!(cut(text, width), shown);
        }
    }

    /// Takes some lines, and then no more.
    struct Full(Vec<u8>);

    impl Write for Full {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            if !self.0.is_empty() {
                return Err(io::Error::new(io::ErrorKind::StorageFull, "the disk is full"));
            }
            self.0.extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn what_passes_in_pieces_is_escaped_as_a_whole_and_the_first_failure_is_kept() {
        let line = "größer\u{1b}[31m\n";
        let text = line.repeat(10_000);
        let mut out = Harmless { out: Vec::new(), held: Vec::new(), failed: None };
        for piece in text.as_bytes().chunks(7) {
            out.write_all(piece).unwrap();
            assert!(out.held.len() < 1 << 17);
        }
        out.flush().unwrap();
        assert_eq!(String::from_utf8(out.out).unwrap(), harmless_text(&text));

        let mut out = Harmless { out: Full(Vec::new()), held: Vec::new(), failed: None };
        let mut written = text.as_bytes().chunks(7).map(|piece| out.write_all(piece));
        assert!(written.any(|written| written.is_err()));
        assert!(out.flush().is_err());
        assert_eq!(out.failed.unwrap().to_string(), "the disk is full");
        let passed = String::from_utf8(out.out.0).unwrap();
        assert!(harmless_text(&text).starts_with(&passed) && passed.len() < text.len());
    }
}
