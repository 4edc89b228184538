//! JSON files that begin with the version of what is on disk.

use std::path::Path;

use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::error::{FORMAT, Format, StoreError};

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
    serde_json::from_slice(&bytes).map_err(damaged)
}

/// The same of a file that need not be there.
pub(super) fn read_if_there<T: DeserializeOwned>(
    path: &Path,
    cannot: &'static str,
) -> Result<Option<T>, StoreError> {
    path.exists().then(|| read(path, cannot)).transpose()
}
