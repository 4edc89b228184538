//! Files that are whole or not there.

use std::ffi::OsString;
use std::io::Write;
use std::path::Path;

use super::error::StoreError;

/// Replaces `path` by these bytes: a temporary file beside it, then a rename. Readers see the old or the new.
pub fn write(path: &Path, bytes: &[u8]) -> Result<(), StoreError> {
    let mut name = path.file_name().map_or_else(|| OsString::from("file"), OsString::from);
    name.push(".tmp");
    let temporary = path.with_file_name(name);
    let result = (|| {
        let mut file = fs_err::File::create(&temporary)?;
        file.write_all(bytes)?;
        // Renamed before its data is on disk, a file may be empty after a power cut.
        file.sync_data()?;
        fs_err::rename(&temporary, path)
    })();
    if result.is_err() {
        // What is left of a failed attempt is of no use; the first error is the one to tell.
        let _ = fs_err::remove_file(&temporary);
    }
    result.map_err(StoreError::io("cannot write a result"))
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
