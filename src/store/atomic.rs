//! Files that are whole or not there.

use std::ffi::OsString;
use std::io::{BufWriter, IntoInnerError, Write};
use std::path::Path;

use super::error::StoreError;

/// What to say where it fails.
const CANNOT: &str = "cannot write a result";

/// Replaces `path` by these bytes: a temporary file beside it, then a rename. Readers see the old or the new.
pub fn write(path: &Path, bytes: &[u8]) -> Result<(), StoreError> {
    write_with(path, |file| file.write_all(bytes).map_err(StoreError::io(CANNOT)))
}

/// The same of what is written piece by piece.
pub fn write_with<E: From<StoreError>>(
    path: &Path,
    fill: impl FnOnce(&mut dyn Write) -> Result<(), E>,
) -> Result<(), E> {
    let mut name = path.file_name().map_or_else(|| OsString::from("file"), OsString::from);
    name.push(".tmp");
    let temporary = path.with_file_name(name);
    let result = filled(&temporary, fill)
        .and_then(|()| Ok(fs_err::rename(&temporary, path).map_err(StoreError::io(CANNOT))?));
    if result.is_err() {
        // What is left of a failed attempt is of no use; the first error is the one to tell.
        let _ = fs_err::remove_file(&temporary);
    }
    result
}

fn filled<E: From<StoreError>>(
    path: &Path,
    fill: impl FnOnce(&mut dyn Write) -> Result<(), E>,
) -> Result<(), E> {
    let created = fs_err::File::create(path).map_err(StoreError::io(CANNOT))?;
    let mut buffer = BufWriter::new(created);
    fill(&mut buffer)?;
    let written = buffer.into_inner().map_err(IntoInnerError::into_error);
    // Renamed before its data is on disk, a file may be empty after a power cut.
    let synced = written.and_then(|file| file.sync_data());
    Ok(synced.map_err(StoreError::io(CANNOT))?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_replaced_and_nothing_else_is_left() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("report.csv");
        write(&path, b"old").unwrap();
        write(&path, b"new").unwrap();
        assert_eq!(fs_err::read(&path).unwrap(), b"new");
        assert_eq!(fs_err::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_failure_names_the_path() {
        let dir = tempfile::tempdir().unwrap();
        let error = write(&dir.path().join("missing/report.csv"), b"x").unwrap_err();
        assert!(error.to_string().contains("missing/report.csv"), "{error}");
    }
}
