//! Records in, bytes out: tables for people, CSV and JSON for programs; and CSV of its own read back. Computes no statistic
//! and touches no file.
//!
//! Two rules hold in everything that programs read. Figures are in base units (s, bytes, %) with the shortest digits
//! that read back to the same number. What was not measured is an empty cell, or `null`, never 0; a number that is
//! none is written as the word `nan`, `inf` or `-inf`, since a diverged loss is a finding and not a gap.

pub mod cells;
pub mod closing;
pub mod command;
pub mod csv;
pub mod effects;
pub mod ending;
pub mod export;
pub mod fastest;
pub mod folders;
pub mod found;
pub mod front;
pub mod gate;
pub mod headline;
pub mod html;
pub mod hyperfine;
pub mod json;
pub mod lack;
pub mod layout;
pub mod listing;
pub mod lower_end;
pub mod machine;
pub mod markdown;
pub mod plan;
pub mod reading;
pub mod replay;
pub mod series;
pub mod sessions;
pub mod shadow;
pub mod so_far;
pub mod summary;
pub mod table;
pub mod tasks;
pub mod view;
pub mod words;

mod data;
mod interference;
mod lanes;
mod settings;
mod spared;
mod uneven;
mod unread;
mod untested;

#[cfg(test)]
pub(crate) mod fixtures;

use std::borrow::Cow;
use std::io::{self, Write};

/// Why a report cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    /// The rows are not a table.
    #[error("cannot write the rows as CSV: {0}")]
    Csv(#[from] ::csv::Error),
    /// A value has no form in JSON.
    #[error("cannot write the document as JSON: {0}")]
    Json(#[from] serde_json::Error),
    /// A plot of the page cannot be drawn.
    #[error("cannot draw a plot of report.html: {0}")]
    Plot(String),
    /// The rows are not a table in columns.
    #[cfg(feature = "parquet")]
    #[error("cannot write the rows as Parquet: {0}")]
    Parquet(#[from] ::parquet::errors::ParquetError),
    /// What is written as it is made cannot be written.
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// A number for programs: the shortest digits that read back to it, or `nan`, `inf`, `-inf`.
fn number(value: f64) -> String {
    if value.is_nan() {
        "nan".to_owned()
    } else if value == 0.0 {
        // Not "-0".
        "0".to_owned()
    } else {
        value.to_string()
    }
}

/// The same, or the empty cell.
fn optional(value: Option<f64>) -> String {
    value.map(number).unwrap_or_default()
}

/// A value, or the empty cell.
fn shown<T: ToString>(value: Option<T>) -> String {
    value.map(|value| value.to_string()).unwrap_or_default()
}

/// `95.2 to 101`, or the end that is known; nothing where neither is.
fn interval(low: Option<f64>, high: Option<f64>, show: impl Fn(f64) -> String) -> Option<String> {
    match (low, high) {
        (Some(low), Some(high)) => Some(format!("{} to {}", show(low), show(high))),
        (Some(low), None) => Some(format!("at least {}", show(low))),
        (None, Some(high)) => Some(format!("at most {}", show(high))),
        (None, None) => None,
    }
}

/// CSV from rows of cells, every row with as many as the header.
fn csv_bytes<H, R, C>(header: H, rows: R) -> Result<Vec<u8>, ReportError>
where
    H: IntoIterator<Item: AsRef<[u8]>>,
    R: IntoIterator<Item = C>,
    C: IntoIterator<Item: AsRef<[u8]>>,
{
    let mut bytes = Vec::new();
    write_csv(&mut bytes, header, rows)?;
    Ok(bytes)
}

/// The same, row by row.
fn write_csv<H, R, C>(out: impl Write, header: H, rows: R) -> Result<(), ReportError>
where
    H: IntoIterator<Item: AsRef<[u8]>>,
    R: IntoIterator<Item = C>,
    C: IntoIterator<Item: AsRef<[u8]>>,
{
    let mut writer = ::csv::Writer::from_writer(out);
    writer.write_record(header.into_iter().map(|name| no_formula(name.as_ref()).into_owned()))?;
    for row in rows {
        writer.write_record(row.into_iter().map(|cell| no_formula(cell.as_ref()).into_owned()))?;
    }
    writer.flush().map_err(|error| ReportError::Csv(error.into()))
}

/// What a spreadsheet would take for a formula, by its first character (OWASP, CSV injection).
const FORMULAS: [u8; 6] = [b'=', b'+', b'-', b'@', b'\t', b'\r'];

/// A cell that no spreadsheet takes for a formula: a quote comes before it. Numbers stay as they are.
fn no_formula(cell: &[u8]) -> Cow<'_, [u8]> {
    let number = || std::str::from_utf8(cell).is_ok_and(|text| text.parse::<f64>().is_ok());
    match cell {
        [first, _, ..] if FORMULAS.contains(first) && !number() => [b"'", cell].concat().into(),
        _ => cell.into(),
    }
}

/// The text of a cell that [`no_formula`] has made.
fn of_cell(cell: &str) -> &str {
    match cell.as_bytes() {
        [b'\'', first, ..] if FORMULAS.contains(first) => &cell[1..],
        _ => cell,
    }
}

/// Each of these once, where it comes first.
fn distinct<T: PartialEq>(all: impl IntoIterator<Item = T>) -> Vec<T> {
    let mut found = Vec::new();
    for one in all {
        if !found.contains(&one) {
            found.push(one);
        }
    }
    found
}

/// One line of a text that may have several, so that a row stays a row for `grep` and `sort`.
fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_cell_is_no_formula_and_reads_back() {
        for (cell, written) in [
            ("=HYPERLINK(\"http://x\")", "'=HYPERLINK(\"http://x\")"),
            ("@SUM(A1)", "'@SUM(A1)"),
            ("-cmd|' /C calc'!A0", "'-cmd|' /C calc'!A0"),
            ("+1+1", "'+1+1"),
            ("\t=1", "'\t=1"),
            ("-1.5e-3", "-1.5e-3"),
            ("-inf", "-inf"),
            ("-", "-"),
            ("mlp-digits", "mlp-digits"),
            ("'quoted'", "'quoted'"),
            ("", ""),
        ] {
            let found = no_formula(cell.as_bytes()).into_owned();
            assert_eq!(String::from_utf8(found).unwrap(), written);
            assert_eq!(of_cell(written), cell);
        }
        let bytes = csv_bytes(["a"], [["=1+1"]]).unwrap();
        assert_eq!(bytes, b"a\n'=1+1\n");
    }

    #[test]
    fn numbers_that_are_none_are_words() {
        for (value, text) in [
            (f64::NAN, "nan"),
            (f64::INFINITY, "inf"),
            (f64::NEG_INFINITY, "-inf"),
            (-0.0, "0"),
            (0.001, "0.001"),
            (0.1 + 0.2, "0.30000000000000004"),
            (1_073_741_824.0, "1073741824"),
        ] {
            assert_eq!(number(value), text);
        }
        assert_eq!(optional(None), "");
    }

    proptest! {
        #[test]
        fn numbers_read_back(value in proptest::num::f64::NORMAL | proptest::num::f64::SUBNORMAL) {
            prop_assert_eq!(number(value).parse::<f64>().unwrap().to_bits(), value.to_bits());
        }
    }
}
