//! Plain lists, such as `perftune list models`, in the three formats.

use serde::Serialize;
use serde_json::Value;

use super::data::cell;
use super::layout::{Align, Column, render, total, wrap};
use super::{ReportError, csv_bytes, json};

/// Rows of equal shape; the fields of a row are its columns, in their order.
#[derive(Debug, Clone, PartialEq)]
pub struct Listing {
    columns: Vec<String>,
    rows: Vec<Value>,
}

impl Listing {
    /// A list of `rows`, each of which must be a struct with named fields.
    pub fn new<T: Serialize>(rows: &[T]) -> Result<Self, ReportError> {
        let rows = rows.iter().map(serde_json::to_value).collect::<Result<Vec<_>, _>>()?;
        let first = rows.first().and_then(Value::as_object);
        let columns = first.map(|fields| fields.keys().cloned().collect());
        Ok(Self { columns: columns.unwrap_or_default(), rows })
    }

    /// Aligned columns of at most `width` characters; the last columns are wrapped where they do not fit. Where less than half
    /// of a line is left for the last one, it stands below the others.
    pub fn table(&self, width: usize) -> String {
        let columns = self.columns.iter().map(|name| {
            let figures = self.rows.iter().all(|row| row[name].is_number() || row[name].is_null());
            let align = if figures { Align::Right } else { Align::Left };
            Column { align, ..Column::words(name, &self.rows, |row| cell(&row[name])) }
        });
        let mut columns: Vec<Column> = columns.collect();
        let needed = total(&columns, 2);
        match columns.pop() {
            Some(last) if needed > width && total(&columns, 2) > width / 2 => {
                below(columns, &last, width)
            }
            last => render(columns.into_iter().chain(last).collect(), width),
        }
    }

    /// CSV with a header.
    pub fn csv(&self) -> Result<Vec<u8>, ReportError> {
        let rows = self.rows.iter();
        csv_bytes(&self.columns, rows.map(|row| self.columns.iter().map(|name| cell(&row[name]))))
    }

    /// An array of objects.
    pub fn json(&self) -> Result<Vec<u8>, ReportError> {
        json::pretty(&self.rows)
    }
}

/// The columns, and under each row what the last one has.
fn below(columns: Vec<Column>, last: &Column, width: usize) -> String {
    const INDENT: &str = "    ";
    let shown = render(columns, width);
    let mut lines = shown.lines();
    let mut out: Vec<String> = lines.next().map(str::to_owned).into_iter().collect();
    for (line, cell) in lines.zip(&last.cells) {
        out.push(line.to_owned());
        let text = wrap(&cell.text, width.saturating_sub(INDENT.len()), "");
        out.extend(text.lines().map(|part| format!("{INDENT}{part}").trim_end().to_owned()));
    }
    out.join("\n") + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Serialize)]
    struct Row {
        name: &'static str,
        classes: Option<u32>,
        about: &'static str,
    }

    fn listing() -> Listing {
        let digits = Row { name: "digits", classes: Some(10), about: "8x8 images, \"small\"" };
        let foreign = Row { name: "mine", classes: None, about: "" };
        Listing::new(&[digits, foreign]).unwrap()
    }

    #[test]
    fn a_listing_has_three_forms() {
        let listing = listing();
        assert_eq!(
            listing.table(80),
            "name    classes  about\ndigits       10  8x8 images, \"small\"\nmine\n"
        );
        assert_eq!(
            String::from_utf8(listing.csv().unwrap()).unwrap(),
            "name,classes,about\ndigits,10,\"8x8 images, \"\"small\"\"\"\nmine,,\n"
        );
        let json: Value = serde_json::from_slice(&listing.json().unwrap()).unwrap();
        assert_eq!((&json[0]["classes"], &json[1]["classes"]), (&Value::from(10), &Value::Null));
    }

    #[test]
    fn a_last_column_without_room_stands_below() {
        let about = "8x8 images of digits, each a pixel from 0 to 16, written by 43 people";
        let row = |name| Row { name, classes: Some(10), about };
        let listing = Listing::new(&[row("a-rather-long-name"), row("digits")]).unwrap();
        assert_eq!(
            listing.table(50),
            "name                classes\n\
             a-rather-long-name       10\n    8x8 images of digits, each a pixel from 0 to\n    16, written by 43 people\n\
             digits                   10\n    8x8 images of digits, each a pixel from 0 to\n    16, written by 43 people\n"
        );
        let wide = listing.table(usize::MAX);
        assert_eq!(wide.lines().count(), 3, "{wide}");
    }

    #[test]
    fn an_empty_listing_is_empty() {
        let listing = Listing::new::<Row>(&[]).unwrap();
        assert_eq!(listing.table(80), "");
        assert_eq!(listing.json().unwrap(), b"[]\n");
    }
}
