//! JSON files that begin with the version of what is on disk, and end with a checksum of what they hold.
//!
//! A manifest of a large grid is megabytes of text, and many times that as a tree: nothing here makes one.

use std::io::ErrorKind;
use std::path::Path;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::error::{FORMAT, Format, StoreError};
use crate::event::fingerprint::digest;

/// The last member of a file: what it held when perftune wrote it. A line that is lost would else be a run or a rule less, and
/// nobody could tell. It keeps nobody from forging a file, and one that was made by hand may lack it.
#[derive(Deserialize)]
struct Sum {
    checksum: Option<String>,
}

/// The last member of an object without spaces, and its end.
fn last(sum: &str) -> String {
    format!(",\"checksum\":\"{sum}\"}}")
}

/// The sum of an object, of which this is all but the end.
fn checksum(held: &[u8]) -> String {
    format!("{:016x}", digest(held))
}

/// JSON without the spaces between its parts.
fn compact(bytes: &[u8]) -> Vec<u8> {
    let (mut quoted, mut escaped) = (false, false);
    let mut kept = Vec::with_capacity(bytes.len());
    for &byte in bytes {
        if quoted || !byte.is_ascii_whitespace() {
            kept.push(byte);
        }
        quoted ^= byte == b'"' && !escaped;
        escaped = quoted && byte == b'\\' && !escaped;
    }
    kept
}

/// An object as the bytes of a file that tells when it is changed.
pub fn sealed<T: Serialize>(value: &T) -> Result<Vec<u8>, serde_json::Error> {
    let mut bytes = serde_json::to_vec_pretty(value)?;
    let held = compact(&bytes);
    let sum = checksum(held.strip_suffix(b"}").unwrap_or(&held));
    bytes.truncate(bytes.strip_suffix(b"\n}").map_or(0, <[u8]>::len));
    bytes.extend_from_slice(format!(",\n  \"checksum\": \"{sum}\"\n}}\n").as_bytes());
    Ok(bytes)
}

/// Reads the bytes of such a file.
pub fn open<T: DeserializeOwned>(bytes: &[u8], path: &Path) -> Result<T, StoreError> {
    let damaged = |error: serde_json::Error| StoreError::Damaged {
        path: path.to_owned(),
        line: error.line(),
        why: error.to_string(),
    };
    let Sum { checksum: told } = serde_json::from_slice(bytes).map_err(damaged)?;
    if let Some(sum) = told {
        let all = compact(bytes);
        let held = all.strip_suffix(last(&sum).as_bytes());
        if held.is_none_or(|held| checksum(held) != sum) {
            return Err(StoreError::Changed { path: path.to_owned() });
        }
    }
    serde_json::from_slice(bytes).map_err(damaged)
}

/// What a file holds; `cannot`: what to say where it cannot be read.
pub(super) fn read<T: DeserializeOwned>(
    path: &Path,
    cannot: &'static str,
) -> Result<T, StoreError> {
    #[derive(Deserialize)]
    struct Head {
        format: Format,
    }
    let bytes = fs_err::read(path).map_err(StoreError::io(cannot))?;
    let damaged = |error: serde_json::Error| StoreError::Damaged {
        path: path.to_owned(),
        line: error.line(),
        why: error.to_string(),
    };
    // The version first: a file of another one may well lack what this one has.
    let head: Head = serde_json::from_slice(&bytes).map_err(damaged)?;
    if head.format.major != FORMAT.major {
        return Err(StoreError::Version { path: path.to_owned(), found: head.format });
    }
    open(&bytes, path)
}

/// The same of a file that need not be there.
pub(super) fn read_if_there<T: DeserializeOwned>(
    path: &Path,
    cannot: &'static str,
) -> Result<Option<T>, StoreError> {
    match read(path, cannot) {
        Err(StoreError::Io { source, .. }) if source.kind() == ErrorKind::NotFound => Ok(None),
        read => read.map(Some),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    #[test]
    fn a_line_less_is_noticed_whichever_it_is() {
        let held = json!({
            "format": FORMAT, "name": "g", "floor": 0.1, "least": 1e-300, "none": null,
            "runs": ["a", "b", "c"], "specs": { "a": { "n": 18_446_744_073_709_551_615_u64 } },
        });
        let bytes = sealed(&held).unwrap();
        let path = Path::new("manifest.json");
        let mut back: Value = open(&bytes, path).unwrap();
        assert!(back.as_object_mut().unwrap().remove("checksum").is_some());
        assert_eq!(back, held);
        let text = String::from_utf8(bytes).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        for left_out in 0..lines.len() {
            let kept = lines.iter().enumerate().filter(|(at, _)| *at != left_out);
            let kept: Vec<&str> = kept.map(|(_, line)| *line).collect();
            let found: Result<Value, _> = open(kept.join("\n").as_bytes(), path);
            let harmless = lines[left_out].contains("checksum");
            assert!(harmless || found.is_err(), "{}", lines[left_out]);
        }
        let changed = text.replace("\"g\"", "\"h\"");
        let error = open::<Value>(changed.as_bytes(), path).unwrap_err().to_string();
        assert!(
            error.contains("manifest.json has been changed since perftune wrote it"),
            "{error}"
        );
    }

    #[test]
    fn spaces_between_the_parts_are_no_change_and_those_within_are() {
        let held = json!({ "a b": "c \" d\\", "e": [" ", {}], "f": { "g": [1.5, null] } });
        let bytes = sealed(&held).unwrap();
        let path = Path::new("a.json");
        let text = String::from_utf8(bytes).unwrap();
        let loose = text.replace('\n', "\r\n\t");
        let mut back: Value = open(loose.as_bytes(), path).unwrap();
        assert!(back.as_object_mut().unwrap().remove("checksum").is_some());
        assert_eq!(back, held);
        for (from, to) in [("a b", "ab"), ("\" \"", "\"\""), ("1.5", "1.50")] {
            let changed = text.replace(from, to);
            assert_ne!(changed, text);
            assert!(matches!(
                open::<Value>(changed.as_bytes(), path),
                Err(StoreError::Changed { .. })
            ));
        }
    }
}
