//! A TOML file that a person wrote: its keys and values with their places, and what is wrong with them.
//!
//! The text is parsed into a tree that knows the place of every key and value (`tree`), whose values are read one by one
//! (`value`): that is what gives each mistake a place, a caret and a suggestion, and lets one pass report all of them
//! (`problems`). Which keys there are is left to those whose file it is: the grid (`config`) and the manifests of data sets
//! (`dataset`).

mod error;
pub(crate) mod problems;
pub(crate) mod suggest;
pub(crate) mod tree;
pub(crate) mod value;

/// A text as TOML writes it, on one line.
pub(crate) fn quoted(text: &str) -> String {
    use std::fmt::Write as _;
    let mut out = String::from("\"");
    for character in text.chars() {
        match character {
            '"' => out += "\\\"",
            '\\' => out += "\\\\",
            other if other.is_control() => {
                // Writing to a string cannot fail.
                let _ = write!(out, "\\u{:04X}", u32::from(other));
            }
            other => out.push(other),
        }
    }
    out + "\""
}

pub use error::{ConfigError, Diagnostic, Excerpt};

#[cfg(test)]
mod tests {
    use super::quoted;

    #[test]
    fn what_is_quoted_reads_back_as_it_was() {
        for text in ["", "letter", "a \"b\" \\ c", "tab\tline\nend\u{7f}", "größer \u{1f600}"] {
            let table: toml::Table = format!("key = {}", quoted(text)).parse().unwrap();
            assert_eq!(table["key"].as_str(), Some(text));
            assert!(!quoted(text).contains('\n'));
        }
    }
}
