//! Tables for programs: a column is declared once, for CSV and for JSON.

use std::io::Write;

use serde_json::Value;

use super::{ReportError, number, write_csv};

/// A column: its name and its value in a row. A number that may be none is an [`crate::event::Num`].
pub(super) type DataColumn<T> = (&'static str, fn(&T) -> Value);

/// A row as an object.
pub(super) fn object<T>(columns: &[DataColumn<T>], row: &T) -> Value {
    columns.iter().map(|(name, of)| (*name, of(row))).collect()
}

/// The header, and the rows under it.
pub(super) fn table<T>(
    columns: &[DataColumn<T>],
    rows: impl IntoIterator<Item = T>,
) -> Result<Vec<u8>, ReportError> {
    let mut bytes = Vec::new();
    write_table(&mut bytes, columns, rows)?;
    Ok(bytes)
}

/// The same, row by row.
pub(super) fn write_table<T>(
    out: impl Write,
    columns: &[DataColumn<T>],
    rows: impl IntoIterator<Item = T>,
) -> Result<(), ReportError> {
    let cells = |row: T| columns.iter().map(|(_, of)| cell(&of(&row))).collect::<Vec<_>>();
    write_csv(out, columns.iter().map(|(name, _)| name), rows.into_iter().map(cells))
}

/// A value as one cell; nothing is the empty cell.
pub(super) fn cell(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().map(cell).collect::<Vec<_>>().join(" "),
        Value::Number(figure) if figure.is_f64() => figure.as_f64().map(number).unwrap_or_default(),
        other => other.to_string(),
    }
}
