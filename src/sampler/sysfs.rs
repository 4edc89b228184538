//! Where `/sys` is, and small files of it.

use std::fmt;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// A folder before `/sys` and `/dev`: a seam for tests, which have no such hardware. Not meant for users.
const ROOT: &str = "PERFTUNE_SYSFS_ROOT";

/// Longest file that is read. Those that hold one number are far shorter; a `uevent` has some lines.
const LONGEST: usize = 4096;

/// The root of a `/sys`.
#[derive(Debug, Clone)]
pub(super) struct SysRoot(PathBuf);

impl SysRoot {
    /// `/sys` itself, or what tests put in its place.
    pub(super) fn system() -> Self {
        Self(root().join("sys"))
    }

    /// A folder that looks like `/sys`.
    #[cfg(test)]
    pub(super) fn at(path: &Path) -> Self {
        Self(path.to_owned())
    }

    /// A file or folder below the root.
    pub(super) fn join(&self, below: impl AsRef<Path>) -> PathBuf {
        self.0.join(below)
    }
}

/// The folder before `/sys` and `/dev`.
pub(super) fn root() -> PathBuf {
    let set = std::env::var_os(ROOT).filter(|root| !root.is_empty());
    set.map_or_else(|| PathBuf::from("/"), PathBuf::from)
}

/// Why a file of `/sys` says nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Unreadable {
    /// It is not there.
    Absent,
    /// It may not be read.
    Denied,
    /// It cannot be read, or is no number; in words that stay the same from tick to tick.
    Broken(String),
}

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Absent => f.pad("it is not there"),
            Self::Denied => f.pad("it may not be read"),
            Self::Broken(why) => f.pad(why),
        }
    }
}

/// The text of a small file without the white space around it.
pub(super) fn text(path: &Path) -> Result<String, Unreadable> {
    let silent = |error: io::Error| match error.kind() {
        // A device that has gone away.
        io::ErrorKind::NotFound => Unreadable::Absent,
        io::ErrorKind::PermissionDenied => Unreadable::Denied,
        kind => Unreadable::Broken(format!("it cannot be read: {kind}")),
    };
    let file = fs_err::File::open(path).map_err(silent)?.into_file();
    let mut bytes = Vec::new();
    // Whatever is in its place, it is not read for ever.
    file.take(LONGEST as u64).read_to_end(&mut bytes).map_err(silent)?;
    match String::from_utf8(bytes) {
        Ok(text) => Ok(text.trim().to_owned()),
        Err(_) => Err(Unreadable::Broken("it holds no text".to_owned())),
    }
}

/// The number that a small file holds.
pub(super) fn number(path: &Path) -> Result<u64, Unreadable> {
    text(path)?.parse().map_err(|_| Unreadable::Broken("it holds no number".to_owned()))
}

/// Whether a part of a name is a number.
pub(super) fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// The names in a folder, sorted; none where there is no such folder.
pub(super) fn names(folder: &Path) -> Vec<String> {
    let Ok(entries) = fs_err::read_dir(folder) else {
        return Vec::new();
    };
    let mut names: Vec<String> =
        entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok()).collect();
    names.sort_unstable();
    names
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_file_is_a_number_or_says_why_not() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("f");
        for (bytes, expected) in [
            (&b"12\n"[..], Ok(12)),
            (b"18446744073709551615", Ok(u64::MAX)),
            (b"18446744073709551616", Err("it holds no number")),
            (b"-1\n", Err("it holds no number")),
            (b"1.5\n", Err("it holds no number")),
            (b"", Err("it holds no number")),
            (b"disabled\n", Err("it holds no number")),
            (b"\xff\xfe", Err("it holds no text")),
        ] {
            fs_err::write(&path, bytes).unwrap();
            let read = number(&path).map_err(|why| why.to_string());
            assert_eq!(read, expected.map_err(str::to_owned), "{bytes:?}");
        }
        assert_eq!(number(&dir.path().join("none")), Err(Unreadable::Absent));
        assert!(matches!(number(dir.path()), Err(Unreadable::Broken(_))));
        assert!(names(&dir.path().join("none")).is_empty());
    }

    proptest! {
        #[test]
        fn no_file_breaks_the_reader(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let dir = tempfile::tempdir().unwrap();
            let path = dir.path().join("f");
            fs_err::write(&path, &bytes).unwrap();
            let read = number(&path);
            let plain = std::str::from_utf8(&bytes).ok().and_then(|text| text.trim().parse().ok());
            prop_assert_eq!(read.ok(), plain);
        }
    }
}
