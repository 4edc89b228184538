//! The lock of a results folder: one writer, or any number of readers that nobody may write under.

use std::path::Path;

use rustix::fs::{Access, AtFlags, CWD, FlockOperation, accessat, flock};
use rustix::io::Errno;

use crate::store::error::StoreError;

/// Holds a folder; the kernel lets go of it however the process ends.
#[derive(Debug)]
pub struct Lock {
    _file: fs_err::File,
}

impl Lock {
    /// For one writer.
    pub(in crate::store) fn take(path: &Path) -> Result<Self, StoreError> {
        let cannot = "cannot write to the results folder";
        // The lock of an earlier run may be writable where nothing can be added.
        accessat(CWD, path, Access::WRITE_OK, AtFlags::EACCESS).map_err(|error| {
            let what = format!("{}: {error}", path.display());
            StoreError::io(cannot)(std::io::Error::new(error.kind(), what))
        })?;
        let file = fs_err::File::create(path.join(".lock")).map_err(StoreError::io(cannot))?;
        match flock(file.file(), FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(Self { _file: file }),
            Err(Errno::WOULDBLOCK) => Err(StoreError::Locked { path: path.to_owned() }),
            Err(error) => Err(StoreError::io("cannot lock the results folder")(error.into())),
        }
    }

    /// For a reader; `None`: nobody has ever written there under a lock, or the file system has none. Nothing is written.
    pub(super) fn share(path: &Path) -> Result<Option<Self>, StoreError> {
        let Ok(file) = fs_err::File::open(path.join(".lock")) else {
            return Ok(None);
        };
        match flock(file.file(), FlockOperation::NonBlockingLockShared) {
            Ok(()) => Ok(Some(Self { _file: file })),
            Err(Errno::WOULDBLOCK) => Err(StoreError::Locked { path: path.to_owned() }),
            Err(_) => Ok(None),
        }
    }
}
