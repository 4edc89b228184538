//! IDX, the format of MNIST and its relatives: a big-endian header, then unsigned bytes.
//!
//! Two zero bytes, the type of the values (8: unsigned byte), the number of dimensions, each dimension as 32 bits, the values.

use std::io::{BufRead, Read};
use std::path::{Path, PathBuf};

use super::csv::places;
use super::error::DataError;
use super::file;
use super::manifest::{Layout, Scaling};
use super::part::{Block, PartFile};

const UNSIGNED_BYTE: u8 = 8;

/// Decodes a file of images and the file of their labels.
pub(super) fn read<E: From<DataError>>(
    images: &PartFile<'_>,
    labels_path: &Path,
    emit: &mut impl FnMut(&mut Block) -> Result<(), E>,
) -> Result<(), E> {
    let labels = PartFile { path: labels_path.to_owned(), kept: None, ..*images };
    let mut pixels = Values::of(&images.path, images.open()?)?;
    let mut classes = Values::open(&labels.path)?;
    pixels.check_shape(images, true)?;
    classes.check_shape(&labels, false)?;
    let Scaling::Range(min, max) = images.manifest.scaling else {
        return Err(pixels.header("has bytes, which have one range".to_owned()).into());
    };
    let width = images.manifest.values();
    // A byte loses nothing in 32 bits, nor does a range that has any.
    #[expect(clippy::cast_possible_truncation, reason = "samples are 32-bit floats")]
    let (min, max) = (min as f32, max as f32);
    let table = table(min, max);
    let places = (images.manifest.layout == Layout::Hwc).then(|| places(images.manifest));
    let mut raw = vec![0; width * Block::ROWS];
    let mut raw_labels = vec![0; Block::ROWS];
    let mut block = Block::default();
    let mut done = 0;
    while done < images.rows {
        let rows =
            usize::try_from(images.rows - done).map_or(Block::ROWS, |left| left.min(Block::ROWS));
        pixels.fill(&mut raw[..rows * width], done)?;
        classes.fill(&mut raw_labels[..rows], done)?;
        scale(&raw[..rows * width], &table, places.as_deref(), &mut block.images);
        for (row, label) in (done..).zip(&raw_labels[..rows]) {
            let class = labels.class(u64::from(*label), || format!("sample {row}"))?;
            block.labels.push(class);
        }
        check_range(images, (min, max), &block, done)?;
        emit(&mut block)?;
        done += rows as u64;
    }
    pixels.check_end()?;
    classes.check_end()?;
    Ok(())
}

/// What each byte becomes; not a number where it is outside the declared range.
fn table(min: f32, max: f32) -> [f32; 256] {
    let scale = 1.0 / (max - min);
    std::array::from_fn(|byte| {
        let value = byte as f32;
        if (min..=max).contains(&value) { (value - min) * scale } else { f32::NAN }
    })
}

fn scale(raw: &[u8], table: &[f32; 256], places: Option<&[usize]>, out: &mut Vec<f32>) {
    let Some(places) = places else {
        out.extend(raw.iter().map(|byte| table[usize::from(*byte)]));
        return;
    };
    for sample in raw.chunks_exact(places.len()) {
        let begin = out.len();
        out.resize(begin + places.len(), 0.0);
        for (byte, place) in sample.iter().zip(places) {
            out[begin + place] = table[usize::from(*byte)];
        }
    }
}

fn check_range(
    source: &PartFile<'_>,
    (min, max): (f32, f32),
    block: &Block,
    first: u64,
) -> Result<(), DataError> {
    // One byte range covers every possible value of the format: nothing to look for.
    if min <= 0.0 && max >= 255.0 {
        return Ok(());
    }
    match block.images.iter().position(|value| value.is_nan()) {
        None => Ok(()),
        Some(index) => Err(source.damaged(
            format!("sample {}", first + (index / source.manifest.values()) as u64),
            format!("a value is outside {min}..{max} (`min_value`, `max_value`)"),
        )),
    }
}

/// A file, its header read.
pub(super) struct Values {
    path: PathBuf,
    dims: Vec<u64>,
    reader: Box<dyn BufRead>,
}

impl Values {
    pub(super) fn open(path: &Path) -> Result<Self, DataError> {
        Self::of(path, file::open(path)?)
    }

    fn of(path: &Path, mut reader: Box<dyn BufRead>) -> Result<Self, DataError> {
        let header = |why| damaged(path, "header".to_owned(), why);
        let mut magic = [0; 4];
        reader
            .read_exact(&mut magic)
            .map_err(|error| header(format!("cannot be read: {error}")))?;
        let [0, 0, kind, count] = magic else {
            return Err(header(format!("begins with {magic:02x?}: not an IDX file")));
        };
        if kind != UNSIGNED_BYTE {
            return Err(header(format!(
                "its values are of type 0x{kind:02x}; only unsigned bytes (0x08) are read"
            )));
        }
        let mut dims = Vec::with_capacity(usize::from(count));
        for _ in 0..count {
            let mut dim = [0; 4];
            reader
                .read_exact(&mut dim)
                .map_err(|error| header(format!("cannot be read: {error}")))?;
            dims.push(u64::from(u32::from_be_bytes(dim)));
        }
        Ok(Self { path: path.to_owned(), dims, reader })
    }

    /// Fails unless the header announces the declared samples, each of the declared shape (`true`) or one label.
    fn check_shape(&self, source: &PartFile<'_>, images: bool) -> Result<(), DataError> {
        let Some((rows, rest)) = self.dims.split_first() else {
            return Err(self.header("it has no dimensions".to_owned()));
        };
        let shape = source.manifest.shape.map(u64::from);
        let [channels, height, width] = shape;
        let fits = match (images, source.manifest.layout) {
            (false, _) => rest.is_empty(),
            (true, _) if rest == [height, width] => channels == 1,
            (true, Layout::Chw) => rest == shape,
            (true, Layout::Hwc) => rest == [height, width, channels],
        };
        if !fits {
            let expected = if images {
                format!("samples of shape {shape:?}")
            } else {
                "one label a sample".to_owned()
            };
            return Err(self.header(format!("dimensions {:?}, expected {expected}", self.dims)));
        }
        source.check_rows(*rows)
    }

    fn header(&self, why: String) -> DataError {
        damaged(&self.path, "header".to_owned(), why)
    }

    /// The number of samples, and the shape of one.
    pub(super) fn dims(&self) -> &[u64] {
        &self.dims
    }

    /// The largest value.
    pub(super) fn largest(mut self) -> Result<u8, DataError> {
        let mut values = Vec::new();
        let read = self.reader.read_to_end(&mut values);
        read.map_err(|error| damaged(&self.path, "values".to_owned(), error.to_string()))?;
        Ok(values.into_iter().max().unwrap_or(0))
    }

    fn fill(&mut self, buffer: &mut [u8], first: u64) -> Result<(), DataError> {
        let result = self.reader.read_exact(buffer);
        result.map_err(|error| {
            damaged(
                &self.path,
                format!("in the {} samples from {first} on", Block::ROWS),
                format!("ends early or is damaged: {error}"),
            )
        })
    }

    /// Reads past the last value: only then has the checksum inside a gzip file been compared.
    fn check_end(&mut self) -> Result<(), DataError> {
        match self.reader.read(&mut [0]) {
            Ok(0) => Ok(()),
            Ok(_) => Err(self.end("holds more than its header announces".to_owned())),
            Err(error) => Err(self.end(error.to_string())),
        }
    }
    fn end(&self, why: String) -> DataError {
        damaged(&self.path, "end".to_owned(), why)
    }
}

fn damaged(path: &Path, place: String, why: String) -> DataError {
    DataError::Damaged { path: path.to_owned(), place, why }
}
