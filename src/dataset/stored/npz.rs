//! NPZ, arrays of `NumPy` in an archive: each a member `NAME.npy`, stored or deflated.

use std::io::{BufReader, Read, Seek, SeekFrom};
use std::path::Path;

use flate2::CrcReader;
use flate2::read::DeflateDecoder;
use rawzip::{CompressionMethod, RECOMMENDED_BUFFER_SIZE, ZipArchive};

use super::array::{Array, damaged};
use super::npy;
use crate::dataset::error::DataError;

/// An archive with more members holds no data set.
const MOST_MEMBERS: usize = 1 << 10;

/// An array of the archive, not yet opened.
pub(super) struct Member {
    name: String,
    method: CompressionMethod,
    /// Where its packed bytes are.
    range: (u64, u64),
    /// How many bytes it has unpacked, and their CRC-32.
    size: u64,
    crc: u32,
}

/// The arrays of an archive, by name.
pub(super) fn members(path: &Path) -> Result<Vec<Member>, DataError> {
    let file = fs_err::File::open(path)?.into_parts().0;
    let wrong = |error: rawzip::Error| {
        damaged(path, None, "directory", format!("is no archive of NumPy: {error}"))
    };
    let mut buffer = vec![0; RECOMMENDED_BUFFER_SIZE];
    let archive = ZipArchive::from_file(file, &mut buffer).map_err(wrong)?;
    let mut found = Vec::new();
    let mut entries = archive.entries(&mut buffer);
    while let Some(entry) = entries.next_entry().map_err(wrong)? {
        let name = String::from_utf8_lossy(entry.file_path().as_ref()).into_owned();
        let Some(name) = name.strip_suffix(".npy") else { continue };
        if found.len() == MOST_MEMBERS {
            let why = format!("holds more than {MOST_MEMBERS} arrays");
            return Err(damaged(path, None, "directory", why));
        }
        found.push((name.to_owned(), entry.compression_method(), entry.wayfinder(), entry.crc32()));
    }
    let located = found.into_iter().map(|(name, method, way, crc)| {
        let entry = archive.get_entry(way).map_err(wrong)?;
        let (range, size) = (entry.compressed_data_range(), way.uncompressed_size_hint());
        Ok(Member { name, method, range, size, crc })
    });
    located.collect()
}

impl Member {
    /// Without the `.npy`.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// The array.
    pub(super) fn open(&self, path: &Path) -> Result<Array, DataError> {
        let mut file = fs_err::File::open(path)?;
        file.seek(SeekFrom::Start(self.range.0))?;
        let packed = BufReader::with_capacity(
            RECOMMENDED_BUFFER_SIZE,
            file.take(self.range.1.saturating_sub(self.range.0)),
        );
        let unpacked: Box<dyn Read> = match self.method {
            CompressionMethod::STORE => Box::new(packed),
            CompressionMethod::DEFLATE => Box::new(DeflateDecoder::new(packed)),
            _ => {
                let why =
                    "is packed in a way that numpy.savez and numpy.savez_compressed do not use";
                return Err(damaged(path, Some(&self.name), "header", why));
            }
        };
        let whole = Whole { bytes: CrcReader::new(unpacked), size: self.size, crc: self.crc };
        // Whole elements are asked for, some of them a few bytes long.
        npy::open(path, Some(&self.name), Box::new(BufReader::new(whole)))
    }
}

/// The bytes of a member, which must be those that were packed.
struct Whole<R> {
    bytes: CrcReader<R>,
    size: u64,
    crc: u32,
}

impl<R: Read> Read for Whole<R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let read = self.bytes.read(buffer)?;
        let sum = self.bytes.crc();
        let ended = read == 0 && !buffer.is_empty();
        if ended && (sum.sum() != self.crc || u64::from(sum.amount()) != self.size & 0xffff_ffff) {
            let why = "its checksum is not that of the archive";
            return Err(std::io::Error::new(std::io::ErrorKind::InvalidData, why));
        }
        Ok(read)
    }
}
