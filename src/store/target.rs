//! Files that a person names for what is written beside the results.
//!
//! Invariant: a file is whole or as it was, and what perftune has written into a results folder is told from what may lie
//! beside it.

use std::io::Write;
use std::path::{Path, PathBuf};

use super::atomic;
use super::error::StoreError;
use super::folder::WRITTEN;

/// Where a file is or would be, whatever way leads to it.
pub fn place(file: &Path) -> PathBuf {
    let there = fs_err::canonicalize(file).ok();
    let (folder, name) = (file.parent(), file.file_name());
    let within = || {
        let folder = folder.filter(|folder| !folder.as_os_str().is_empty());
        let folder = fs_err::canonicalize(folder.unwrap_or(Path::new("."))).ok()?;
        Some(folder.join(name?))
    };
    there.or_else(within).unwrap_or_else(|| file.to_owned())
}

/// Whether it is a device or a pipe, of which nothing can be replaced.
pub fn is_special(file: &Path) -> bool {
    fs_err::metadata(file).is_ok_and(|data| !data.is_file() && !data.is_dir())
}

/// Whether a file is one of these folders, or one that perftune has written into them; other files may lie beside those.
pub fn is_result(file: &Path, folders: &[PathBuf]) -> bool {
    let within = folders.iter().any(|folder| file.starts_with(folder));
    let known = || {
        let name = file.file_name().and_then(|name| name.to_str());
        let written = name.is_some_and(|name| WRITTEN.contains(&name));
        let of_runs = file.components().any(|part| part.as_os_str() == "runs");
        written || of_runs
    };
    within && (folders.contains(&file.to_owned()) || known())
}

/// Replaces such a file. Behind a symbolic link the file that it leads to is replaced, and not the link; a device or a pipe
/// is written to: a rename would put a file in its place.
pub fn replace<E: From<StoreError>>(
    file: &Path,
    write: impl FnOnce(&mut dyn Write) -> Result<(), E>,
) -> Result<(), E> {
    let place = place(file);
    if !is_special(&place) {
        return atomic::write_with(&place, write);
    }
    let cannot = || StoreError::io("cannot write a result");
    let mut out = fs_err::OpenOptions::new().write(true).open(&place).map_err(cannot())?;
    write(&mut out)?;
    Ok(out.flush().map_err(cannot())?)
}
