//! What is wrong with a table, and where.

use std::fmt;

/// Why a table cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct TableError {
    /// From 1; absent: the file as a whole.
    line: Option<u64>,
    column: Option<String>,
    what: String,
    hint: Option<String>,
}

/// `line 7, column `x@1`: what is wrong`.
impl fmt::Display for TableError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(line) = self.line {
            write!(f, "line {line}")?;
            if let Some(column) = &self.column {
                write!(f, ", column `{column}`")?;
            }
            f.write_str(": ")?;
        }
        f.write_str(&self.what)
    }
}

impl TableError {
    pub(super) fn new(what: impl Into<String>) -> Self {
        Self { line: None, column: None, what: what.into(), hint: None }
    }

    pub(super) fn at_line(self, line: u64) -> Self {
        Self { line: Some(line), ..self }
    }

    pub(super) fn in_column(self, column: &str) -> Self {
        Self { column: Some(column.to_owned()), ..self }
    }

    pub(super) fn hint(self, hint: impl Into<String>) -> Self {
        Self { hint: Some(hint.into()), ..self }
    }

    /// What to do.
    pub fn to_do(&self) -> Option<&str> {
        self.hint.as_deref()
    }
}
