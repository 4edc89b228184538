//! Unpacked copies of packed files, kept from one run to the next: unpacking is most of what loading takes.
//!
//! A copy is named by the SHA-256 of the packed file and ends in the CRC-32 of its contents. It comes by rename, so whoever
//! finds one finds all of it; one that is broken is made anew. What cannot be kept is unpacked as ever.

use std::ffi::OsString;
use std::io::{self, BufRead, BufReader, Read, Seek, Write};
use std::path::{Path, PathBuf};

use flate2::{CrcReader, CrcWriter};

use super::file::{self, BUFFER};

/// All copies together have at most so many bytes; the oldest go first.
const MOST_BYTES: u64 = 2 << 30;

/// The checksum at the end of a copy, in bytes.
const SUM: u64 = 4;

/// Where copies are kept.
#[derive(Debug, Clone, PartialEq)]
pub struct Copies {
    folder: PathBuf,
    most_bytes: u64,
}

impl Copies {
    /// Those of the user, by these variables of the environment: `perftune/data` in `XDG_CACHE_HOME`, else in `~/.cache`.
    /// None with `PERFTUNE_CACHE=off`, or where there is no such folder.
    pub fn of_user(variable: impl Fn(&str) -> Option<OsString>) -> Option<Self> {
        if variable("PERFTUNE_CACHE").is_some_and(|value| value == "off") {
            return None;
        }
        let absolute = |name| variable(name).map(PathBuf::from).filter(|path| path.is_absolute());
        let home = || absolute("HOME").map(|home| home.join(".cache"));
        let folder = absolute("XDG_CACHE_HOME").or_else(home)?.join("perftune/data");
        Some(Self { folder, most_bytes: MOST_BYTES })
    }

    #[cfg(test)]
    pub(super) fn at(folder: &Path, most_bytes: u64) -> Self {
        Self { folder: folder.to_owned(), most_bytes }
    }

    /// What this packed file unpacks to; `None` where no copy can be kept.
    pub(super) fn open(&self, packed: &Path, sha256: &str) -> Option<Box<dyn BufRead>> {
        let place = self.folder.join(sha256);
        let found = whole(&place).or_else(|_| {
            self.keep(packed, &place)?;
            whole(&place)
        });
        found.ok()
    }

    fn keep(&self, packed: &Path, place: &Path) -> io::Result<()> {
        if !file::is_packed(packed)? {
            return Err(io::ErrorKind::Unsupported.into());
        }
        fs_err::create_dir_all(&self.folder)?;
        let part = place.with_extension(std::process::id().to_string());
        let made = self.write(packed, &part).and_then(|()| fs_err::rename(&part, place));
        if made.is_err() {
            let _ = fs_err::remove_file(&part);
        }
        made
    }

    fn write(&self, packed: &Path, part: &Path) -> io::Result<()> {
        let mut out = CrcWriter::new(fs_err::File::create(part)?);
        let size = io::copy(&mut file::open(packed)?.take(self.most_bytes), &mut out)?;
        if size + SUM > self.most_bytes {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        let sum = out.crc().sum();
        out.into_inner().write_all(&sum.to_le_bytes())?;
        self.make_room()
    }

    /// Removes the oldest copies until the rest may stay. Who reads one still has it.
    fn make_room(&self) -> io::Result<()> {
        let mut all = Vec::new();
        for entry in fs_err::read_dir(&self.folder)? {
            let entry = entry?;
            let about = entry.metadata()?;
            all.push((about.modified()?, about.len(), entry.path()));
        }
        all.sort();
        let mut size: u64 = all.iter().map(|(_, size, _)| size).sum();
        for (_, freed, path) in all {
            if size <= self.most_bytes {
                break;
            }
            fs_err::remove_file(path)?;
            size -= freed;
        }
        Ok(())
    }
}

/// A copy whose contents have their checksum.
fn whole(place: &Path) -> io::Result<Box<dyn BufRead>> {
    let mut copy = fs_err::File::open(place)?;
    let size = copy.metadata()?.len().saturating_sub(SUM);
    let mut contents = CrcReader::new((&mut copy).take(size));
    let mut buffer = vec![0; BUFFER];
    while contents.read(&mut buffer)? > 0 {}
    let found = contents.crc().sum();
    let mut said = [0; 4];
    copy.read_exact(&mut said)?;
    if u32::from_le_bytes(said) != found {
        return Err(io::ErrorKind::InvalidData.into());
    }
    copy.rewind()?;
    Ok(Box::new(BufReader::with_capacity(BUFFER, copy.take(size))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    fn packed(folder: &Path, name: &str, contents: &[u8]) -> PathBuf {
        let path = folder.join(name);
        let file = fs_err::File::create(&path).unwrap();
        let mut out = flate2::write::GzEncoder::new(file, flate2::Compression::fast());
        out.write_all(contents).unwrap();
        out.finish().unwrap();
        path
    }

    fn read(found: Option<Box<dyn BufRead>>) -> Option<Vec<u8>> {
        let mut all = Vec::new();
        found?.read_to_end(&mut all).unwrap();
        Some(all)
    }

    #[test]
    fn a_copy_is_read_in_place_of_the_file_and_a_broken_one_is_made_anew() {
        let dir = tempfile::tempdir().unwrap();
        let copies = Copies::at(&dir.path().join("kept/data"), 1000);
        let file = packed(dir.path(), "a.gz", b"contents");
        assert_eq!(read(copies.open(&file, "key")).unwrap(), b"contents");
        let place = dir.path().join("kept/data/key");
        let good = fs_err::read(&place).unwrap();
        // What is there is read, and the file is not.
        fs_err::remove_file(&file).unwrap();
        assert_eq!(read(copies.open(&file, "key")).unwrap(), b"contents");
        for broken in [&b""[..], b"abc", &good[..good.len() - 1], b"contentz\0\0\0\0"] {
            fs_err::write(&place, broken).unwrap();
            assert_eq!(read(copies.open(&file, "key")), None, "{broken:?}");
        }
        let file = packed(dir.path(), "a.gz", b"contents");
        assert_eq!(read(copies.open(&file, "key")).unwrap(), b"contents");
        assert_eq!(fs_err::read(&place).unwrap(), good);
    }

    #[test]
    fn what_is_damaged_too_large_or_has_no_place_is_not_kept() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("kept");
        let file = packed(dir.path(), "a.gz", &[7; 96]);
        assert_eq!(read(Copies::at(&folder, 99).open(&file, "key")), None);
        assert_eq!(read(Copies::at(&folder, 100).open(&file, "key")).unwrap(), [7; 96]);
        let whole = fs_err::read(&file).unwrap();
        fs_err::write(&file, &whole[..whole.len() - 5]).unwrap();
        assert_eq!(read(Copies::at(&folder, 100).open(&file, "other")), None);
        assert_eq!(read(Copies::at(&file, 100).open(&file, "key")), None);
        let left: Vec<_> =
            fs_err::read_dir(&folder).unwrap().map(|e| e.unwrap().file_name()).collect();
        assert_eq!(left, ["key"]);
    }

    #[test]
    fn the_oldest_copies_make_room() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("kept");
        let copies = Copies::at(&folder, 250);
        let file = packed(dir.path(), "a.gz", &[7; 96]);
        for (age, key) in [(9, "first"), (99, "second"), (0, "third")] {
            assert_eq!(read(copies.open(&file, key)).unwrap(), [7; 96]);
            let since =
                std::time::SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(1000 - age);
            if age > 0 {
                let copy = std::fs::File::options().write(true).open(folder.join(key)).unwrap();
                copy.set_modified(since).unwrap();
            }
        }
        let kept = ["first", "second", "third"].map(|key| folder.join(key).exists());
        assert_eq!(kept, [true, false, true]);
    }

    #[test]
    fn the_environment_says_where() {
        for (variables, says) in [
            (&[("HOME", "/h")][..], Some("/h/.cache/perftune/data")),
            (&[("HOME", "/h"), ("XDG_CACHE_HOME", "/c")], Some("/c/perftune/data")),
            (&[("HOME", "/h"), ("XDG_CACHE_HOME", "c")], Some("/h/.cache/perftune/data")),
            (&[("HOME", "/h"), ("PERFTUNE_CACHE", "off")], None),
            (&[], None),
        ] {
            let variables: BTreeMap<_, _> = variables.iter().copied().collect();
            let found = Copies::of_user(|name| variables.get(name).map(OsString::from));
            let folder = found.map(|copies| copies.folder);
            assert_eq!(folder, says.map(PathBuf::from), "{variables:?}");
        }
    }
}
