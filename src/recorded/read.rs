//! Reads a table: CSV, gzip or plain, in one pass and with bounds.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::io::{self, BufRead, Read};
use std::path::Path;

use sha2::{Digest, Sha256};

use super::error::TableError;
use super::folder;
use super::header::{Header, Meaning};
use super::table::{AxisColumn, FigureColumn, Table};
use crate::dataset::{BoundedRows, hex, line_of_row, open_text};
use crate::event::AxisValue;
use crate::metric::{MetricDef, MetricId};

/// The most rows.
const MOST_ROWS: usize = 1_000_000;

/// The most bytes, unpacked.
const MOST_BYTES: u64 = 256 << 20;

/// The longest value of an axis, in bytes.
const LONGEST_VALUE: usize = 256;

/// What stands for a figure that is not there.
const NONE: [&str; 6] = ["", "nan", "NaN", "NA", "null", "None"];

/// Reads the table in a file or a results folder; `own`: the metrics of the user's own.
pub fn read(path: &Path, own: &[MetricId]) -> Result<Table, TableError> {
    let cannot = |error: io::Error| TableError::new(format!("it cannot be read: {error}"));
    let found = fs_err::metadata(path).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => TableError::new("there is no such file"),
        _ => cannot(error),
    })?;
    let table = if found.is_dir() {
        folder::read(path)?
    } else if found.is_file() {
        read_from(open_text(path).map_err(cannot)?, own)?
    } else {
        // A pipe would be waited for, and a device has no end.
        return Err(TableError::new("it is neither a file nor a folder"));
    };
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let name = name.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect();
    Ok(Table { name, ..table })
}

/// Passes bytes on, up to a bound, and knows their checksum.
struct Source<R> {
    inner: R,
    left: u64,
    hash: Sha256,
}

impl<R: Read> Read for Source<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.left = self.left.checked_sub(read as u64).ok_or_else(|| {
            let what = format!("it has more than {} MiB, unpacked", MOST_BYTES >> 20);
            io::Error::new(io::ErrorKind::InvalidData, what)
        })?;
        self.hash.update(&buffer[..read]);
        Ok(read)
    }
}

pub(super) fn read_from(source: impl BufRead, own: &[MetricId]) -> Result<Table, TableError> {
    let mut source = Source { inner: source, left: MOST_BYTES, hash: Sha256::new() };
    let mut reader = csv::ReaderBuilder::new()
        .flexible(true)
        .has_headers(false)
        .trim(csv::Trim::All)
        .from_reader(BoundedRows::new(&mut source));
    let mut record = csv::StringRecord::new();
    let mut next = |record: &mut csv::StringRecord| {
        let more = reader.read_record(record).map_err(|error| {
            let line = error.position().unwrap_or(reader.position()).line();
            TableError::new(damaged(error)).at_line(line)
        })?;
        let row = record.as_slice().as_bytes();
        Ok(more.then(|| line_of_row(record.position(), reader.position(), row)))
    };
    next(&mut record)?;
    let names = record.iter().map(|name| name.trim_start_matches('\u{feff}').to_owned());
    let mut rows = Rows::new(Header::read(names.collect(), own)?);
    while let Some(line) = next(&mut record)? {
        rows.push(&record, line)?;
    }
    let mut table = rows.table()?;
    table.sha256 = hex(&source.hash.finalize());
    Ok(table)
}

fn damaged(error: csv::Error) -> String {
    match error.into_kind() {
        csv::ErrorKind::Io(error) => format!("it cannot be read on: {error}"),
        csv::ErrorKind::Utf8 { .. } => "it is not UTF-8 text".to_owned(),
        other => format!("it is not CSV: {other:?}"),
    }
}

/// The rows so far.
struct Rows {
    header: Header,
    axes: Vec<AxisColumn>,
    places: HashMap<Box<[u32]>, u32>,
    /// The line of each row.
    lines: Vec<u64>,
    values: Vec<f64>,
}

impl Rows {
    fn new(header: Header) -> Self {
        let axes = header.axes.iter().cloned().map(AxisColumn::new).collect();
        Self { header, axes, places: HashMap::new(), lines: Vec::new(), values: Vec::new() }
    }

    fn push(&mut self, record: &csv::StringRecord, line: u64) -> Result<(), TableError> {
        let (found, wanted) = (record.len(), self.header.names.len());
        if found != wanted {
            let what = format!("it has {found} fields, and the header {wanted}");
            return Err(TableError::new(what).at_line(line));
        }
        if self.lines.len() == MOST_ROWS {
            let what = format!("it has more than {MOST_ROWS} rows");
            return Err(TableError::new(what).at_line(line));
        }
        let from = self.values.len();
        self.values.resize(from + self.header.width, f64::NAN);
        let mut codes = vec![0; self.axes.len()].into_boxed_slice();
        let columns = self.header.names.iter().zip(&self.header.meanings);
        for ((name, meaning), text) in columns.zip(record) {
            let wrong = |error: TableError| error.at_line(line).in_column(name);
            match *meaning {
                Meaning::Axis(axis) => {
                    codes[axis] = self.axes[axis].intern(value(text).map_err(wrong)?);
                }
                Meaning::Figure(place, at) => {
                    let figure = figure(&self.header.figures[place], text).map_err(wrong)?;
                    self.values[from + at] = figure.unwrap_or(f64::NAN);
                }
            }
        }
        let row = u32::try_from(self.lines.len()).unwrap_or(u32::MAX);
        match self.places.entry(codes) {
            Entry::Vacant(place) => _ = place.insert(row),
            Entry::Occupied(place) => {
                let first = self.lines.get(*place.get() as usize).copied().unwrap_or_default();
                let what = format!("the configuration of line {first} once more");
                let hint = "a configuration has one row, with a column `NAME@k` for each seed";
                return Err(TableError::new(what).at_line(line).hint(hint));
            }
        }
        self.lines.push(line);
        Ok(())
    }

    fn table(self) -> Result<Table, TableError> {
        let Self { header, axes, places, values, .. } = self;
        if places.is_empty() {
            return Err(TableError::new("it has a header and no rows"));
        }
        let Header { figures, seeds, width, .. } = header;
        Ok(Table { axes, figures, seeds, places, values, width, ..Table::default() })
    }
}

/// The value of an axis: a number, true or false, or a text.
fn value(text: &str) -> Result<AxisValue, TableError> {
    if text.len() > LONGEST_VALUE || text.contains('\0') {
        let what = format!("a value is longer than {LONGEST_VALUE} bytes, or has a null character");
        return Err(TableError::new(what));
    }
    // A number of an article or a telephone is none: 007 is not 7.
    let digits = text.trim_start_matches('-');
    let is_name = digits.len() > 1 && digits.starts_with('0') && !digits.starts_with("0.");
    let looks = digits.starts_with(|c: char| c.is_ascii_digit() || c == '.') && !is_name;
    Ok(match text {
        "" => AxisValue::Unset,
        "true" | "True" => AxisValue::Flag(true),
        "false" | "False" => AxisValue::Flag(false),
        _ if looks && text.parse::<i64>().is_ok() => {
            AxisValue::Whole(text.parse().unwrap_or_default())
        }
        _ => match text.parse::<f64>() {
            Ok(number) if looks && number.is_finite() => AxisValue::Number(number),
            _ => AxisValue::Text(text.to_owned().into()),
        },
    })
}

/// A figure in its base unit; absent where the field says that there is none.
fn figure(column: &FigureColumn, text: &str) -> Result<Option<f64>, TableError> {
    if NONE.contains(&text) {
        return Ok(None);
    }
    let def = column.metric.def();
    let value = match (text.parse::<f64>(), def) {
        (Ok(value), _) => value * def.map_or(1.0, |def| def.said_in),
        (Err(_), Some(def)) => {
            def.unit.read(text).map_err(|error| TableError::new(error.to_string()))?
        }
        (Err(_), None) => {
            let short: String = text.chars().take(40).collect();
            let hint = "leave the field empty where there is none";
            return Err(TableError::new(format!("`{short}` is not a number")).hint(hint));
        }
    };
    if !value.is_finite() {
        let hint = "leave the field empty where there is none";
        return Err(TableError::new(format!("a figure is finite, not {value}")).hint(hint));
    }
    let negative = def.is_some_and(|def| !MetricDef::may_be_negative(def));
    if negative && value < 0.0 {
        let what = format!("{} cannot be {value}", column.metric);
        return Err(TableError::new(what));
    }
    Ok(Some(value))
}
