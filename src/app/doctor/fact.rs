//! What is known, or why it is not.
//!
//! Invariant: there is no third state, such as an empty text or a 0 for what is not known.

use serde::Serialize;

/// A fact, or why it is not known.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Fact<T> {
    /// It was read.
    Value(T),
    /// It cannot be had here, and why.
    Unsupported(String),
}

impl<T> From<Result<T, String>> for Fact<T> {
    fn from(result: Result<T, String>) -> Self {
        match result {
            Ok(value) => Self::Value(value),
            Err(why) => Self::Unsupported(why),
        }
    }
}
