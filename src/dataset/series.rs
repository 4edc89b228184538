//! Recorded series: CSV with the columns `series`, `t_s` and `value`, optionally `benchmark` and `metric`, in any order
//! and among others; gzip or plain. Read row by row, so that a file of any length needs no memory.

use std::io::{self, BufRead, Read};
use std::path::{Path, PathBuf};

use super::file;
use super::rows::{BoundedRows, line};

/// Why a file holds no series.
#[derive(Debug, thiserror::Error)]
pub enum SeriesError {
    /// The system refused; the message names the file.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// Nothing in it.
    #[error("{}:1: the file is empty; it needs a header with series, t_s and value", path.display())]
    Empty {
        /// The file.
        path: PathBuf,
    },
    /// A header and nothing else.
    #[error("{}:1: the file has a header and no rows", path.display())]
    NoRows {
        /// The file.
        path: PathBuf,
    },
    /// A column is missing or there twice.
    #[error("{}:1: {why}; the header is `{header}`, needed are series, t_s and value", path.display())]
    Columns {
        /// The file.
        path: PathBuf,
        /// Which.
        why: String,
        /// As it is.
        header: String,
    },
    /// It cannot be read on.
    #[error("{}:{line}: cannot be read on: {why}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Near which line, from 1.
        line: u64,
        /// What is wrong.
        why: String,
    },
}

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// One row.
#[derive(Debug, Clone, PartialEq)]
pub struct SeriesRow<'a> {
    /// Which series.
    pub series: &'a str,
    /// What it belongs to; empty without such a column.
    pub benchmark: &'a str,
    /// What was measured; empty without such a column.
    pub metric: &'a str,
    /// Its line, from 1.
    pub line: u64,
    /// Time in seconds and value, any numbers; or why they are none.
    pub point: Result<(f64, f64), String>,
}

/// Where each column is.
#[derive(Debug, Clone, Copy)]
struct Columns {
    count: usize,
    series: usize,
    t_s: usize,
    value: usize,
    benchmark: Option<usize>,
    metric: Option<usize>,
}

/// Reads the rows of one file.
pub struct SeriesReader<R> {
    path: PathBuf,
    reader: csv::Reader<BoundedRows<io::Chain<io::Cursor<Vec<u8>>, R>>>,
    columns: Columns,
    record: csv::StringRecord,
    bytes: csv::ByteRecord,
    rows: u64,
}

impl SeriesReader<Box<dyn BufRead>> {
    /// Opens a file, gzip or plain by its first bytes.
    pub fn open(path: &Path) -> Result<Self, SeriesError> {
        Self::new(path, file::open(path)?)
    }
}

impl<R: Read> SeriesReader<R> {
    /// Reads the header; `path` is for messages.
    pub fn new(path: &Path, mut source: R) -> Result<Self, SeriesError> {
        // A spreadsheet may begin its file with a byte order mark.
        let mut start = Vec::new();
        source
            .by_ref()
            .take(BYTE_ORDER_MARK.len() as u64)
            .read_to_end(&mut start)
            .map_err(|error| damaged(path, 1, error.into()))?;
        if start == BYTE_ORDER_MARK {
            start.clear();
        }
        let mut reader = csv::ReaderBuilder::new()
            .flexible(true)
            .trim(csv::Trim::All)
            .from_reader(BoundedRows::new(io::Cursor::new(start).chain(source)));
        let mut header = csv::ByteRecord::new();
        match reader.byte_headers() {
            Ok(found) => header.clone_from(found),
            Err(error) => return Err(damaged(path, 1, error)),
        }
        if header.iter().all(<[u8]>::is_empty) {
            return Err(SeriesError::Empty { path: path.to_owned() });
        }
        Ok(Self {
            path: path.to_owned(),
            reader,
            columns: Columns::find(path, &header)?,
            record: csv::StringRecord::new(),
            bytes: csv::ByteRecord::new(),
            rows: 0,
        })
    }

    /// Whether there is a column of metrics.
    pub fn has_metrics(&self) -> bool {
        self.columns.metric.is_some()
    }

    /// The next row; `None` at the end.
    pub fn next_row(&mut self) -> Result<Option<SeriesRow<'_>>, SeriesError> {
        // The memory of the row before is used again.
        self.bytes = std::mem::take(&mut self.record).into_byte_record();
        let read = self.reader.read_byte_record(&mut self.bytes);
        let line = self.line();
        match read {
            Ok(true) => {}
            Ok(false) if self.rows == 0 => {
                return Err(SeriesError::NoRows { path: self.path.clone() });
            }
            Ok(false) => return Ok(None),
            Err(error) => {
                let line = self.reader.position().line();
                return Err(damaged(&self.path, line, error));
            }
        }
        self.rows += 1;
        // Names that are no UTF-8 are still names; whether two of them differ in what is lost here matters to nobody.
        let bytes = std::mem::take(&mut self.bytes);
        self.record = match csv::StringRecord::from_byte_record(bytes) {
            Ok(record) => record,
            Err(error) => csv::StringRecord::from_byte_record_lossy(error.into_byte_record()),
        };
        let row = self.columns.row(&self.record, line);
        Ok(Some(row))
    }

    /// The line where the newest record begins.
    fn line(&self) -> u64 {
        line(self.bytes.position(), self.reader.position(), self.bytes.as_slice())
    }
}

fn damaged(path: &Path, line: u64, error: csv::Error) -> SeriesError {
    SeriesError::Damaged {
        path: path.to_owned(),
        line,
        why: match error.into_kind() {
            csv::ErrorKind::Io(error) => error.to_string(),
            other => format!("{other:?}"),
        },
    }
}

impl Columns {
    fn find(path: &Path, header: &csv::ByteRecord) -> Result<Self, SeriesError> {
        let names: Vec<String> =
            header.iter().map(|name| String::from_utf8_lossy(name).into_owned()).collect();
        let wrong = |why: String| SeriesError::Columns {
            path: path.to_owned(),
            why,
            header: names.join(",").chars().take(120).collect(),
        };
        let place = |wanted: &str| {
            let mut found = (0..names.len()).filter(|at| names[*at].trim() == wanted);
            match (found.next(), found.next()) {
                (_, Some(_)) => Err(wrong(format!("the column `{wanted}` is there twice"))),
                (first, None) => Ok(first),
            }
        };
        let needed = |wanted: &str| {
            place(wanted)?.ok_or_else(|| wrong(format!("there is no column `{wanted}`")))
        };
        Ok(Self {
            count: names.len(),
            series: needed("series")?,
            t_s: needed("t_s")?,
            value: needed("value")?,
            benchmark: place("benchmark")?,
            metric: place("metric")?,
        })
    }

    fn row<'a>(&self, record: &'a csv::StringRecord, line: u64) -> SeriesRow<'a> {
        let text = |at: usize| record.get(at).unwrap_or("");
        SeriesRow {
            series: text(self.series),
            benchmark: self.benchmark.map_or("", text),
            metric: self.metric.map_or("", text),
            line,
            point: self.point(record),
        }
    }

    fn point(&self, record: &csv::StringRecord) -> Result<(f64, f64), String> {
        if record.len() != self.count {
            return Err(format!("the row has {} columns, the header {}", record.len(), self.count));
        }
        let number = |name: &str, at: usize| {
            let text = record.get(at).unwrap_or("");
            text.parse::<f64>().map_err(|_| {
                let shown: String = text.chars().take(40).collect();
                format!("{name} is `{shown}`, which is no number")
            })
        };
        Ok((number("t_s", self.t_s)?, number("value", self.value)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Gives at most `step` bytes at once.
    struct Drip<'a> {
        rest: &'a [u8],
        step: usize,
    }

    impl Read for Drip<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let count = self.step.min(buffer.len()).min(self.rest.len());
            let (now, rest) = self.rest.split_at(count);
            buffer[..count].copy_from_slice(now);
            self.rest = rest;
            Ok(count)
        }
    }

    fn rows(text: &[u8], step: usize) -> Result<Vec<String>, String> {
        let source = Drip { rest: text, step };
        let mut reader =
            SeriesReader::new(Path::new("a.csv"), source).map_err(|error| error.to_string())?;
        let mut found = Vec::new();
        while let Some(row) = reader.next_row().map_err(|error| error.to_string())? {
            found.push(format!("{row:?}"));
        }
        Ok(found)
    }

    #[test]
    fn files_that_hold_no_series_say_why() {
        for (text, says) in [
            ("", "a.csv:1: the file is empty"),
            ("\n\n", "a.csv:1: the file is empty"),
            ("series,t_s,value\n", "a.csv:1: the file has a header and no rows"),
            (
                "series,value\na,1\n",
                "a.csv:1: there is no column `t_s`; the header is `series,value`",
            ),
            ("series,t_s,t_s,value\n", "a.csv:1: the column `t_s` is there twice"),
        ] {
            let error = rows(text.as_bytes(), 7).unwrap_err();
            assert!(error.starts_with(says), "{error}");
        }
    }

    #[test]
    fn columns_are_found_by_name_and_rows_know_their_line() {
        let text = "\u{feff}value, t_s,more,series,metric\n1.5,2,x,a,cpu\n\nnan,3,x,\"b, c\",cpu\n1,2\nx,4,x,a,cpu\n";
        let found = rows(text.as_bytes(), 3).unwrap();
        assert_eq!(found.len(), 4);
        assert!(
            found[0].contains("series: \"a\"")
                && found[0].contains("line: 2, point: Ok((2.0, 1.5))"),
            "{found:?}"
        );
        assert!(
            found[1].contains("series: \"b, c\"")
                && found[1].contains("line: 4, point: Ok((3.0, NaN))"),
            "{found:?}"
        );
        assert!(found[2].contains("the row has 2 columns, the header 5"), "{found:?}");
        assert!(found[3].contains("value is `x`, which is no number"), "{found:?}");
    }

    proptest! {
        #[test]
        fn how_the_bytes_arrive_changes_nothing(
            table in prop::collection::vec(("[a-c\",\n]{0,3}", 0.0..9.0f64, any::<f32>()), 1..40),
            step in 1usize..50,
        ) {
            let mut text = "series,t_s,value\n".to_owned();
            for (name, t_s, value) in table {
                use std::fmt::Write;
                writeln!(text, "\"{}\",{t_s},{value}", name.replace('"', "\"\"")).unwrap();
            }
            prop_assert_eq!(rows(text.as_bytes(), step), rows(text.as_bytes(), usize::MAX));
        }

        #[test]
        fn any_bytes_are_rows_or_an_error(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = rows(&[b"series,t_s,value\n", &bytes[..]].concat(), 16);
        }
    }
}
