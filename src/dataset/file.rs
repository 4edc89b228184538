//! Files: gzip or plain, told apart by their first bytes, and their checksums.

use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;

use flate2::bufread::MultiGzDecoder;
use sha2::{Digest, Sha256};

use super::error::DataError;
use super::manifest::FileEntry;

/// What every gzip file begins with (RFC 1952, section 2.3.1).
const GZIP: [u8; 2] = [0x1f, 0x8b];

pub(super) const BUFFER: usize = 256 << 10;

/// The contents of a file, unpacked if it is gzip.
pub fn open(path: &Path) -> io::Result<Box<dyn BufRead>> {
    let mut raw = BufReader::with_capacity(BUFFER, fs_err::File::open(path)?);
    Ok(if raw.fill_buf()?.starts_with(&GZIP) {
        Box::new(BufReader::with_capacity(BUFFER, MultiGzDecoder::new(raw)))
    } else {
        Box::new(raw)
    })
}

/// Whether a file is gzip.
pub(super) fn is_packed(path: &Path) -> io::Result<bool> {
    let mut raw = BufReader::with_capacity(GZIP.len(), fs_err::File::open(path)?);
    Ok(raw.fill_buf()?.starts_with(&GZIP))
}

/// The checksum of a file that is there, if the manifest gives one to compare it with.
pub(super) fn checksum(
    dataset: &str,
    path: &Path,
    entry: &FileEntry,
) -> Result<Option<String>, DataError> {
    let mut file = match fs_err::File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Err(DataError::Missing { dataset: dataset.to_owned(), path: path.to_owned() });
        }
        Err(error) => return Err(error.into()),
    };
    Ok(if entry.sha256.is_some() { Some(digest(&mut file)?) } else { None })
}

/// Compares what was found with what the manifest gives, if it does.
pub(super) fn compare(
    dataset: &str,
    path: &Path,
    entry: &FileEntry,
    found: Option<String>,
) -> Result<(), DataError> {
    match (&entry.sha256, found) {
        (Some(expected), Some(found)) if found != *expected => Err(DataError::Checksum {
            dataset: dataset.to_owned(),
            path: path.to_owned(),
            expected: expected.clone(),
            found,
        }),
        _ => Ok(()),
    }
}

/// The SHA-256 of a file, in hexadecimal digits.
pub fn sha256(path: &Path) -> io::Result<String> {
    digest(&mut fs_err::File::open(path)?)
}

fn digest(file: &mut impl Read) -> io::Result<String> {
    let mut hash = Sha256::new();
    let mut buffer = vec![0; BUFFER];
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(hex(&hash.finalize())),
            read => hash.update(&buffer[..read]),
        }
    }
}

/// Lower-case hexadecimal digits.
pub fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}
