//! JSON files that begin with the version of what is on disk, and end with a checksum of what they hold.

use std::path::Path;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::error::{FORMAT, Format, StoreError};

/// The last member of a file: what it held when perftune wrote it. A line that is lost would else be a run or a rule less, and
/// nobody could tell. It keeps nobody from forging a file, and one that was made by hand may lack it.
const CHECKSUM: &str = "checksum";

/// FNV-1a of 64 bits (Fowler, Noll and Vo): the same on every machine and for ever.
pub fn fnv1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xCBF2_9CE4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01B3)
    })
}

fn checksum(value: &Value) -> String {
    format!("{:016x}", fnv1a(value.to_string().as_bytes()))
}

/// An object as the bytes of a file that tells when it is changed.
pub fn sealed<T: Serialize>(value: &T) -> Result<Vec<u8>, serde_json::Error> {
    let mut value = serde_json::to_value(value)?;
    let sum = checksum(&value);
    value[CHECKSUM] = Value::String(sum);
    let mut bytes = serde_json::to_vec_pretty(&value)?;
    bytes.push(b'\n');
    Ok(bytes)
}

/// Reads the bytes of such a file.
pub fn open<T: DeserializeOwned>(bytes: &[u8], path: &Path) -> Result<T, StoreError> {
    let damaged = |error: serde_json::Error| StoreError::Damaged {
        path: path.to_owned(),
        line: error.line(),
        why: error.to_string(),
    };
    let mut value: Value = serde_json::from_slice(bytes).map_err(damaged)?;
    let told = value.as_object_mut().and_then(|members| members.remove(CHECKSUM));
    if told.is_some_and(|told| told.as_str() != Some(&checksum(&value))) {
        return Err(StoreError::Changed { path: path.to_owned() });
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
    path.exists().then(|| read(path, cannot)).transpose()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_line_less_is_noticed_whichever_it_is() {
        let held = json!({
            "format": FORMAT, "name": "g", "floor": 0.1, "least": 1e-300, "none": null,
            "runs": ["a", "b", "c"], "specs": { "a": { "n": 18_446_744_073_709_551_615_u64 } },
        });
        let bytes = sealed(&held).unwrap();
        let path = Path::new("manifest.json");
        let mut back: Value = open(&bytes, path).unwrap();
        assert!(back.as_object_mut().unwrap().remove(CHECKSUM).is_some());
        assert_eq!(back, held);
        let text = String::from_utf8(bytes).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        for left_out in 0..lines.len() {
            let kept = lines.iter().enumerate().filter(|(at, _)| *at != left_out);
            let kept: Vec<&str> = kept.map(|(_, line)| *line).collect();
            let found: Result<Value, _> = open(kept.join("\n").as_bytes(), path);
            let harmless = lines[left_out].contains(CHECKSUM);
            assert!(harmless || found.is_err(), "{}", lines[left_out]);
        }
        let changed = text.replace("\"g\"", "\"h\"");
        let error = open::<Value>(changed.as_bytes(), path).unwrap_err().to_string();
        assert!(error.contains("manifest.json is not as perftune wrote it"), "{error}");
    }

    #[test]
    fn the_sum_is_that_of_the_reference() {
        assert_eq!(fnv1a(b"a"), 0xAF63_DC4C_8601_EC8C);
    }
}
