//! A page as text.

use crate::report::layout::{Column, height_of, render};

/// A page: its heading, which stays where it is, and its rows.
pub(super) struct Sheet {
    pub(super) head: Vec<String>,
    pub(super) rows: Vec<String>,
}

/// A table with its rows apart from its heading.
pub(super) fn ruled(columns: Vec<Column>, width: usize) -> Sheet {
    let count = height_of(&columns);
    let text = render(columns, width);
    let mut head: Vec<String> = text.lines().map(str::to_owned).collect();
    let rows = head.split_off(head.len().saturating_sub(count));
    Sheet { head, rows }
}
