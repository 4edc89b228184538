//! `events.jsonl`: everything that happened in a run, one JSON object a line.

use std::io::{BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use fs_err::File;
use serde::{Deserialize, Serialize};

use crate::event::bounds::{LOG_LINE, TEXT, cut};
use crate::event::{Asked, Envelope, JobSpec, ResourceSample, RunEventKind, RunRecord};

use super::error::{DamagedLine, FORMAT, Format, StoreError};

/// One line of `events.jsonl`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", content = "data", rename_all = "snake_case")]
pub enum Line {
    /// First: what was asked.
    Started {
        /// Version of the file.
        format: Format,
        /// The run.
        run: String,
        /// What the worker was told.
        job: Box<JobSpec>,
        /// When it might stop: the policy as it was resolved.
        stop: serde_json::Value,
        /// `CLOCK_MONOTONIC`, in nanoseconds.
        t_ns: u64,
    },
    /// The worker said something.
    Worker(Envelope),
    /// The sampler read something.
    Sample(Box<ResourceSample>),
    /// The controller asked for something.
    Asked {
        /// `CLOCK_MONOTONIC`, in nanoseconds.
        t_ns: u64,
        /// What, and why.
        what: Asked,
    },
    /// Something the user should know.
    Warning {
        /// One sentence.
        what: String,
    },
    /// Last: how it ended.
    Ended(Box<RunRecord>),
}

/// The writer of one run's `events.jsonl`.
#[derive(Debug)]
pub struct EventLog {
    file: File,
    buffer: Vec<u8>,
}

/// Lines are collected up to this many bytes before they are written.
const BUFFER: usize = 1 << 16;

impl EventLog {
    /// A new log; the run's folder must exist.
    pub fn create(folder: &Path) -> Result<Self, StoreError> {
        let file = File::create(folder.join("events.jsonl"))
            .map_err(StoreError::io("cannot begin a run's log"))?;
        Ok(Self { file, buffer: Vec::with_capacity(2 * BUFFER) })
    }

    /// Writes the first line: what was asked.
    pub fn started(
        &mut self,
        run: &str,
        job: &JobSpec,
        stop: &serde_json::Value,
        t_ns: u64,
    ) -> Result<(), StoreError> {
        let (run, job, stop) = (run.to_owned(), Box::new(job.clone()), stop.clone());
        self.append(&Line::Started { format: FORMAT, run, job, stop, t_ns })?;
        self.flush()
    }

    /// Appends an event. Progress and standard error are not kept here, the start has its own call.
    pub fn event(&mut self, kind: &RunEventKind) -> Result<(), StoreError> {
        let line = match kind {
            RunEventKind::Worker(envelope) => return self.append(&Tagged::worker(envelope)),
            // Ten times a second: what happened until then survives a `kill -9`.
            RunEventKind::Sample(sample) => {
                self.append(&Tagged::sample(sample))?;
                return self.flush();
            }
            RunEventKind::Asked { t_ns, what } => Line::Asked { t_ns: *t_ns, what: what.clone() },
            RunEventKind::Warning(what) => Line::Warning { what: what.clone() },
            RunEventKind::Ended(record) => Line::Ended(record.clone()),
            RunEventKind::Started { .. } | RunEventKind::Progress(_) | RunEventKind::Stderr(_) => {
                return Ok(());
            }
        };
        self.append(&line)?;
        self.flush()
    }

    /// Hands everything to the disk: after this a marker may say that the run is whole.
    pub fn finish(&mut self) -> Result<(), StoreError> {
        self.flush()?;
        self.file.sync_data().map_err(StoreError::io("cannot write an event"))
    }

    fn append<T: Serialize>(&mut self, line: &T) -> Result<(), StoreError> {
        serde_json::to_writer(&mut self.buffer, line)
            .map_err(|error| StoreError::io("cannot write an event")(error.into()))?;
        self.buffer.push(b'\n');
        if self.buffer.len() >= BUFFER { self.flush() } else { Ok(()) }
    }

    /// Hands whole lines to the system.
    pub fn flush(&mut self) -> Result<(), StoreError> {
        let result = self.file.write_all(&self.buffer);
        self.buffer.clear();
        result.map_err(StoreError::io("cannot write an event"))
    }
}

/// The same shape as [`Line`], borrowed: the two frequent kinds are written without a copy.
#[derive(Serialize)]
struct Tagged<'a, T> {
    kind: &'static str,
    data: &'a T,
}

impl<'a> Tagged<'a, Envelope> {
    fn worker(data: &'a Envelope) -> Self {
        Self { kind: "worker", data }
    }
}

impl<'a> Tagged<'a, ResourceSample> {
    fn sample(data: &'a ResourceSample) -> Self {
        Self { kind: "sample", data }
    }
}

/// Damaged lines that are named; the others are counted.
const NAMED: usize = 3;

/// The lines of a log, in order. A torn last line (a run that was killed) ends the sequence without an error; where others are
/// damaged, it ends with an error that counts them all.
pub fn read_lines(
    folder: &Path,
) -> Result<impl Iterator<Item = Result<Line, StoreError>>, StoreError> {
    let mut lines = Lines::open(folder)?;
    let mut over = false;
    Ok(std::iter::from_fn(move || {
        if over {
            return None;
        }
        let line = lines.next()?;
        over = line.is_err();
        Some(line.map_err(|error| lines.with_others(error)))
    }))
}

/// A log that is being read.
struct Lines {
    path: PathBuf,
    reader: BufReader<File>,
    /// Of the line that was read last, from 1.
    number: usize,
    /// Whether nothing can be told of what follows.
    lost: bool,
}

impl Lines {
    fn open(folder: &Path) -> Result<Self, StoreError> {
        let path = folder.join("events.jsonl");
        let file = File::open(&path).map_err(StoreError::io("cannot read a run's log"))?;
        let reader = BufReader::with_capacity(1 << 16, file);
        Ok(Self { path, reader, number: 0, lost: false })
    }

    fn next(&mut self) -> Option<Result<Line, StoreError>> {
        let mut text = Vec::new();
        self.number += 1;
        match self.reader.by_ref().take(LOG_LINE as u64).read_until(b'\n', &mut text) {
            Err(source) => {
                self.lost = true;
                Some(Err(StoreError::Io { what: "cannot read a run's log", source }))
            }
            Ok(0) => None,
            Ok(LOG_LINE..) => {
                self.lost = true;
                Some(Err(too_long(&self.path, self.number)))
            }
            Ok(_) if text.last() != Some(&b'\n') => None,
            Ok(_) => Some(parse(&text, &self.path, self.number)),
        }
    }

    /// What is wrong with the rest, too, where it is of the same kind.
    fn with_others(&mut self, first: StoreError) -> StoreError {
        let StoreError::Damaged { path, line, why } = first else {
            return first;
        };
        let (mut named, mut count) = (vec![DamagedLine { line, why }], 1);
        while !self.lost
            && let Some(next) = self.next()
        {
            let Err(StoreError::Damaged { line, why, .. }) = next else { continue };
            count += 1;
            if named.len() < NAMED {
                named.push(DamagedLine { line, why });
            }
        }
        match named.pop() {
            Some(DamagedLine { line, why }) if count == 1 => {
                StoreError::Damaged { path, line, why }
            }
            last => {
                named.extend(last);
                StoreError::DamagedLines { path, named, count }
            }
        }
    }
}

fn too_long(path: &Path, line: usize) -> StoreError {
    let why = format!("it has more than {LOG_LINE} bytes");
    StoreError::Damaged { path: path.to_owned(), line, why }
}

fn parse(text: &[u8], path: &Path, number: usize) -> Result<Line, StoreError> {
    let damaged = |why: String| StoreError::Damaged { path: path.to_owned(), line: number, why };
    let line: Line =
        serde_json::from_slice(text).map_err(|error| damaged(cut(&in_line(&error), TEXT)))?;
    match &line {
        Line::Started { format, .. } if format.major != FORMAT.major => {
            Err(StoreError::Version { path: path.to_owned(), found: *format })
        }
        _ => Ok(line),
    }
}

/// What is wrong with the text of a line, which is the first and only one that its parser knows of.
fn in_line(error: &serde_json::Error) -> String {
    let (said, column) = (error.to_string(), error.column());
    let place = format!(" at line {} column {column}", error.line());
    said.strip_suffix(&place)
        .map_or_else(|| said.clone(), |what| format!("{what}, column {column}"))
}

/// The record at the end of a log, without reading the rest.
pub fn read_record(folder: &Path) -> Result<RunRecord, StoreError> {
    let path = folder.join("events.jsonl");
    let text = last_line(&path).map_err(StoreError::io("cannot read a run's log"))?;
    match parse(&text, &path, 0) {
        Ok(Line::Ended(record)) => Ok(*record),
        Ok(_) => Err(unfinished(path, "its last line is not `ended`")),
        Err(error) => Err(unfinished(path, &error.to_string())),
    }
}

fn unfinished(path: PathBuf, why: &str) -> StoreError {
    StoreError::NoResults { path, why: format!("the log is not whole: {why}") }
}

/// Read from the end, each byte once.
fn last_line(path: &Path) -> std::io::Result<Vec<u8>> {
    const PIECE: u64 = 1 << 16;
    let mut file = File::open(path)?;
    let mut from = file.metadata()?.len();
    let (mut pieces, mut length) = (Vec::new(), 0);
    while from > 0 {
        let size = PIECE.min(from);
        from -= size;
        file.seek(SeekFrom::Start(from))?;
        let mut piece = Vec::new();
        Read::by_ref(&mut file).take(size).read_to_end(&mut piece)?;
        // The line feed at the very end is its own.
        let end = piece.len().saturating_sub(usize::from(pieces.is_empty()));
        let feed = piece[..end].iter().rposition(|byte| *byte == b'\n');
        let piece = piece.split_off(feed.map_or(0, |feed| feed + 1));
        length += piece.len();
        pieces.push(piece);
        if feed.is_some() {
            break;
        }
        if length > LOG_LINE {
            let what = format!("{}: its last line has more than {LOG_LINE} bytes", path.display());
            return Err(std::io::Error::new(std::io::ErrorKind::InvalidData, what));
        }
    }
    pieces.reverse();
    Ok(pieces.concat())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Phase, StopDetail, StopReason, StopRecord, WorkerEvent};

    fn phase(seq: u64) -> RunEventKind {
        let event = WorkerEvent::Phase { phase: Phase::Train };
        RunEventKind::Worker(Envelope { seq, t_ns: seq, event })
    }

    #[test]
    fn what_is_appended_reads_back_and_a_torn_end_is_no_error() {
        let dir = tempfile::tempdir().unwrap();
        let mut log = EventLog::create(dir.path()).unwrap();
        let sample = ResourceSample { t_ns: 5, cpu_ns: Some(7), ..ResourceSample::default() };
        let kinds = [
            phase(0),
            RunEventKind::Sample(Box::new(sample.clone())),
            RunEventKind::Stderr("not kept".into()),
            RunEventKind::Asked {
                t_ns: 9,
                what: Asked::Stop {
                    stop: StopRecord { reason: StopReason::Completed, detail: StopDetail::Unknown },
                },
            },
        ];
        for kind in &kinds {
            log.event(kind).unwrap();
        }
        let path = dir.path().join("events.jsonl");
        let mut text = fs_err::read_to_string(&path).unwrap();
        text.push_str("{\"kind\":\"wor");
        fs_err::write(&path, text).unwrap();
        let lines: Vec<_> = read_lines(dir.path()).unwrap().map(Result::unwrap).collect();
        assert_eq!(lines.len(), 3);
        assert_eq!(lines[1], Line::Sample(Box::new(sample)));
        assert!(matches!(&lines[0], Line::Worker(envelope) if envelope.seq == 0));
    }

    #[test]
    fn a_damaged_line_is_named() {
        let dir = tempfile::tempdir().unwrap();
        fs_err::write(dir.path().join("events.jsonl"), "{\"kind\":\"what\"}\n").unwrap();
        let error = read_lines(dir.path()).unwrap().next().unwrap().unwrap_err().to_string();
        assert!(error.contains("events.jsonl is damaged at line 1"), "{error}");
    }

    #[test]
    fn all_damaged_lines_are_counted_and_the_first_are_named() {
        let dir = tempfile::tempdir().unwrap();
        let whole = r#"{"kind":"warning","data":{"what":"x"}}"#;
        for (lines, says) in [
            (vec![whole, "{", whole], "is damaged at line 2: EOF while parsing"),
            (vec!["{", whole, "}"], "is damaged at line 1: "),
            (vec!["{", whole, "}"], "; line 3: expected value"),
            (vec!["{"; 4], "and 1 line more"),
            (vec!["{"; 9], "and 6 lines more"),
        ] {
            fs_err::write(dir.path().join("events.jsonl"), lines.join("\n") + "\n").unwrap();
            let read: Vec<_> = read_lines(dir.path()).unwrap().collect();
            let errors: Vec<_> = read.into_iter().filter_map(Result::err).collect();
            let [error] = &errors[..] else { panic!("{errors:?}") };
            let said = error.to_string();
            assert!(said.contains(says), "{says}: {said}");
            let named = said.split("; ").filter(|part| part.contains(": ")).count();
            assert!(named <= NAMED, "{said}");
        }
    }

    #[test]
    fn the_last_line_is_found_however_long_it_is() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("events.jsonl");
        for length in [1, 100, 1 << 16, (1 << 16) + 1, 200_000] {
            let last = "y".repeat(length);
            fs_err::write(&path, format!("first\nsecond\n{last}\n")).unwrap();
            assert_eq!(last_line(&path).unwrap(), format!("{last}\n").into_bytes(), "{length}");
        }
        fs_err::write(&path, "only").unwrap();
        assert_eq!(last_line(&path).unwrap(), b"only");
        fs_err::write(&path, "").unwrap();
        assert_eq!(last_line(&path).unwrap(), b"");
    }

    #[test]
    fn a_line_without_end_is_damage_and_takes_no_memory() {
        let dir = tempfile::tempdir().unwrap();
        let file = fs_err::File::create(dir.path().join("events.jsonl")).unwrap();
        // A hole of 64 GiB.
        file.file().set_len(64 << 30).unwrap();
        let first = read_lines(dir.path()).unwrap().next().unwrap();
        let says = "damaged at line 1: it has more than 16777216 bytes";
        assert!(first.unwrap_err().to_string().contains(says));
        let error = read_record(dir.path()).unwrap_err().to_string();
        assert!(error.contains("its last line has more than 16777216 bytes"), "{error}");
    }
}
