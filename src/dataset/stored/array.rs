//! An array of numbers or texts in a file: where it begins, what its elements are, and reading it row by row.

use std::io::{self, Read};
use std::path::PathBuf;

use crate::dataset::error::DataError;

/// What an element is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Bool,
    Signed(usize),
    Unsigned(usize),
    Float(usize),
    /// 16 bits: the first half of a float of 32.
    Brain,
    /// So many characters of 4 bytes each.
    Unicode(usize),
    /// So many characters of a byte each.
    Bytes(usize),
}

impl Kind {
    /// Bytes of an element.
    pub(super) const fn size(self) -> usize {
        match self {
            Self::Bool => 1,
            Self::Brain => 2,
            Self::Signed(size) | Self::Unsigned(size) | Self::Float(size) | Self::Bytes(size) => {
                size
            }
            Self::Unicode(count) => count.saturating_mul(4),
        }
    }
}

/// What is known of an array before its elements are read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) kind: Kind,
    /// The most significant byte comes first.
    pub(super) big_endian: bool,
    /// The first index changes fastest.
    pub(super) fortran: bool,
    pub(super) dims: Vec<u64>,
}

/// An array of a file.
pub(super) struct Array {
    pub(super) path: PathBuf,
    /// What it is called in a file of several.
    pub(super) name: Option<String>,
    pub(super) header: Header,
    /// Its elements, from the first to the last byte of them.
    pub(super) elements: Box<dyn Read>,
}

/// Takes rows, each with its number.
type Sink<'a, T, E> = dyn FnMut(u64, &[T]) -> Result<(), E> + 'a;

/// Bytes that are read at once where a row is shorter.
const CHUNK: usize = 1 << 16;

impl Array {
    /// The number of rows: the first dimension.
    pub(super) fn rows(&self) -> u64 {
        self.header.dims.first().copied().unwrap_or(0)
    }

    /// The finding that a place of this array is damaged.
    pub(super) fn damaged(&self, place: &str, why: impl Into<String>) -> DataError {
        damaged(&self.path, self.name.as_deref(), place, why)
    }

    /// Elements of a row.
    fn width(&self) -> Option<usize> {
        let rest = self.header.dims.get(1..)?;
        let width = rest.iter().try_fold(1_u64, |product, side| product.checked_mul(*side))?;
        usize::try_from(width)
            .ok()
            .filter(|width| width.checked_mul(self.header.kind.size()).is_some())
    }

    /// Hands the bytes of each row on, in the order that C has them.
    fn rows_of_bytes<E: From<DataError>>(&mut self, sink: &mut Sink<'_, u8, E>) -> Result<(), E> {
        let rows = self.rows();
        let width = self.width().ok_or_else(|| self.damaged("header", "a row is too large"))?;
        if self.header.fortran && self.header.dims.len() > 1 {
            return self.transposed(width, sink);
        }
        let row = width * self.header.kind.size();
        let at_once = (CHUNK / row.max(1)).max(1);
        let mut buffer = Vec::new();
        let mut done = 0;
        while done < rows {
            let count = usize::try_from(rows - done).map_or(at_once, |left| left.min(at_once));
            buffer.resize(count * row, 0);
            let read = self.elements.read_exact(&mut buffer);
            read.map_err(|error| self.ends_early(done, &error))?;
            for at in 0..count {
                sink(done + at as u64, &buffer[at * row..(at + 1) * row])?;
            }
            done += count as u64;
        }
        Ok(self.check_end()?)
    }

    /// The same of an array whose rows are spread over all of it, and which is held in memory therefore.
    fn transposed<E: From<DataError>>(
        &mut self,
        width: usize,
        sink: &mut Sink<'_, u8, E>,
    ) -> Result<(), E> {
        let size = self.header.kind.size();
        let too_large = || self.damaged("header", "it is too large for memory");
        let rows = usize::try_from(self.rows()).map_err(|_| too_large())?;
        let total = rows.checked_mul(width * size).ok_or_else(too_large)?;
        let mut all = Vec::new();
        // No more is taken than there is, whatever the header says.
        let read = (&mut self.elements).take(total as u64).read_to_end(&mut all);
        read.map_err(|error| self.ends_early(0, &error))?;
        if all.len() < total {
            return Err(self.ends_early(0, &io::ErrorKind::UnexpectedEof.into()).into());
        }
        let offsets = self.offsets(rows, width);
        let mut row = vec![0; width * size];
        for at in 0..rows {
            for (offset, place) in offsets.iter().zip(row.chunks_exact_mut(size)) {
                let begin = (at + offset) * size;
                place.copy_from_slice(&all[begin..begin + size]);
            }
            sink(at as u64, &row)?;
        }
        Ok(self.check_end()?)
    }

    /// Where, from the first element of a row on, its elements are, in the order that C has them.
    fn offsets(&self, rows: usize, width: usize) -> Vec<usize> {
        let sides: Vec<usize> = self.header.dims[1..]
            .iter()
            .map(|side| usize::try_from(*side).unwrap_or(usize::MAX))
            .collect();
        let offset = |mut place: usize| {
            // The last index is what changes fastest in C; it has the longest stride here.
            let mut stride = rows * width;
            let mut sum = 0;
            for side in sides.iter().rev() {
                stride /= side;
                sum += place % side * stride;
                place /= side;
            }
            sum
        };
        (0..width).map(offset).collect()
    }

    fn ends_early(&self, row: u64, error: &io::Error) -> DataError {
        self.damaged(&format!("sample {row}"), format!("ends early or is damaged: {error}"))
    }

    /// Reads past the last element: only then has a checksum been compared.
    fn check_end(&mut self) -> Result<(), DataError> {
        match self.elements.read(&mut [0]) {
            Ok(0) => Ok(()),
            Ok(_) => Err(self.damaged("end", "holds more than its header announces")),
            Err(error) => Err(self.damaged("end", error.to_string())),
        }
    }

    /// Hands the values of each row on.
    pub(super) fn values<E: From<DataError>>(
        &mut self,
        sink: &mut Sink<'_, f64, E>,
    ) -> Result<(), E> {
        let Header { kind, big_endian, .. } = self.header;
        let mut values = Vec::new();
        self.rows_of_bytes(&mut |row, bytes| {
            values.clear();
            decode(kind, big_endian, bytes, &mut values);
            sink(row, &values)
        })
    }

    /// All of it, as labels.
    pub(super) fn labels(mut self) -> Result<Labels, DataError> {
        let Header { kind, big_endian, .. } = self.header;
        let (path, name) = (self.path.clone(), self.name.clone());
        let wrong =
            |row: u64, why: String| damaged(&path, name.as_deref(), &format!("sample {row}"), why);
        match kind {
            Kind::Unicode(_) | Kind::Bytes(_) => {
                let mut all = Vec::new();
                self.rows_of_bytes::<DataError>(&mut |row, bytes| {
                    let text = text(kind, big_endian, bytes);
                    all.push(text.ok_or_else(|| wrong(row, "is no text of Unicode".to_owned()))?);
                    Ok(())
                })?;
                Ok(Labels::Texts(all))
            }
            _ => {
                let mut all = Vec::new();
                self.rows_of_bytes::<DataError>(&mut |row, bytes| {
                    let label = label(kind, big_endian, bytes).map_err(|why| wrong(row, why))?;
                    all.push(label);
                    Ok(())
                })?;
                Ok(Labels::Numbers(all))
            }
        }
    }
}

/// The labels of a file.
pub(super) enum Labels {
    Numbers(Vec<i64>),
    Texts(Vec<String>),
}

pub(super) fn damaged(
    path: &std::path::Path,
    name: Option<&str>,
    place: &str,
    why: impl Into<String>,
) -> DataError {
    let place = name.map_or(place.to_owned(), |name| format!("array `{name}`, {place}"));
    DataError::Damaged { path: path.to_owned(), place, why: why.into() }
}

/// Calls `$sink` with each number of `$bytes`.
macro_rules! numbers {
    ($number:ty, $big:expr, $bytes:expr, $sink:expr) => {
        for chunk in $bytes.chunks_exact(size_of::<$number>()) {
            let mut bytes = [0; size_of::<$number>()];
            bytes.copy_from_slice(chunk);
            let number = if $big {
                <$number>::from_be_bytes(bytes)
            } else {
                <$number>::from_le_bytes(bytes)
            };
            $sink(number);
        }
    };
}

fn decode(kind: Kind, big: bool, bytes: &[u8], out: &mut Vec<f64>) {
    match kind {
        Kind::Bool => out.extend(bytes.iter().map(|byte| f64::from(u8::from(*byte != 0)))),
        Kind::Unsigned(1) => out.extend(bytes.iter().map(|byte| f64::from(*byte))),
        Kind::Unsigned(2) => numbers!(u16, big, bytes, |n| out.push(f64::from(n))),
        Kind::Unsigned(4) => numbers!(u32, big, bytes, |n| out.push(f64::from(n))),
        Kind::Unsigned(_) => numbers!(u64, big, bytes, |n| out.push(n as f64)),
        Kind::Signed(1) => numbers!(i8, big, bytes, |n| out.push(f64::from(n))),
        Kind::Signed(2) => numbers!(i16, big, bytes, |n| out.push(f64::from(n))),
        Kind::Signed(4) => numbers!(i32, big, bytes, |n| out.push(f64::from(n))),
        Kind::Signed(_) => numbers!(i64, big, bytes, |n| out.push(n as f64)),
        Kind::Float(2) => numbers!(u16, big, bytes, |n| out.push(f64::from(half(n)))),
        Kind::Brain => numbers!(u16, big, bytes, |n| out.push(f64::from(brain(n)))),
        Kind::Float(4) => numbers!(f32, big, bytes, |n| out.push(f64::from(n))),
        Kind::Float(_) => numbers!(f64, big, bytes, |n| out.push(n)),
        // Refused before.
        Kind::Unicode(_) | Kind::Bytes(_) => {}
    }
}

/// A float of 16 bits (IEEE 754 binary16), exactly.
fn half(bits: u16) -> f32 {
    let (exponent, fraction) = (i32::from(bits >> 10 & 0x1f), f32::from(bits & 0x3ff));
    let size = match exponent {
        0 => fraction * 2_f32.powi(-24),
        0x1f if fraction == 0.0 => f32::INFINITY,
        0x1f => f32::NAN,
        _ => (1024.0 + fraction) * 2_f32.powi(exponent - 25),
    };
    if bits >> 15 == 0 { size } else { -size }
}

/// A brain float: it has the exponent of a float of 32 bits, and the first bits of its fraction.
fn brain(bits: u16) -> f32 {
    f32::from_bits(u32::from(bits) << 16)
}

/// A label that is a number; or why it is no class.
fn label(kind: Kind, big: bool, bytes: &[u8]) -> Result<i64, String> {
    let mut whole: i128 = 0;
    let mut float = None;
    match kind {
        Kind::Bool => whole = bytes.iter().map(|byte| i128::from(*byte != 0)).sum(),
        Kind::Unsigned(1) => numbers!(u8, big, bytes, |n| whole = i128::from(n)),
        Kind::Unsigned(2) => numbers!(u16, big, bytes, |n| whole = i128::from(n)),
        Kind::Unsigned(4) => numbers!(u32, big, bytes, |n| whole = i128::from(n)),
        Kind::Unsigned(_) => numbers!(u64, big, bytes, |n| whole = i128::from(n)),
        Kind::Signed(1) => numbers!(i8, big, bytes, |n| whole = i128::from(n)),
        Kind::Signed(2) => numbers!(i16, big, bytes, |n| whole = i128::from(n)),
        Kind::Signed(4) => numbers!(i32, big, bytes, |n| whole = i128::from(n)),
        Kind::Signed(_) => numbers!(i64, big, bytes, |n| whole = i128::from(n)),
        Kind::Float(2) => numbers!(u16, big, bytes, |n| float = Some(f64::from(half(n)))),
        Kind::Brain => numbers!(u16, big, bytes, |n| float = Some(f64::from(brain(n)))),
        Kind::Float(4) => numbers!(f32, big, bytes, |n| float = Some(f64::from(n))),
        Kind::Float(_) => numbers!(f64, big, bytes, |n| float = Some(n)),
        Kind::Unicode(_) | Kind::Bytes(_) => {}
    }
    if let Some(number) = float {
        return whole_number(number);
    }
    i64::try_from(whole).map_err(|_| format!("label {whole} is no class"))
}

/// A label that was stored as a number with a fraction.
pub(super) fn whole_number(number: f64) -> Result<i64, String> {
    // Up to here each whole number has a float of its own.
    const MOST: f64 = 9_007_199_254_740_992.0;
    if number.is_nan() {
        return Err("its label is NaN: leave the sample out".to_owned());
    }
    if number.fract() != 0.0 || number.abs() > MOST {
        return Err(format!("label {number} is no class: a class is a whole number or a name"));
    }
    #[expect(clippy::cast_possible_truncation, reason = "checked above")]
    Ok(number as i64)
}

/// A text without the zeros that fill it up.
fn text(kind: Kind, big: bool, bytes: &[u8]) -> Option<String> {
    if let Kind::Bytes(_) = kind {
        return Some(std::str::from_utf8(bytes).ok()?.trim_end_matches('\0').to_owned());
    }
    let mut text = Some(String::new());
    numbers!(u32, big, bytes, |code| {
        text = match (text.take(), char::from_u32(code)) {
            (Some(mut text), Some(character)) => {
                text.push(character);
                Some(text)
            }
            _ => None,
        };
    });
    Some(text?.trim_end_matches('\0').to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Examples of IEEE 754 and of the format's edges, and their bits.
    const HALVES: &[(u16, f32)] = &[
        (0x0000, 0.0),
        (0x0001, 5.960_464_5e-8),
        (0x03ff, 6.097_555e-5),
        (0x0400, 6.103_515_6e-5),
        (0x3555, 0.333_251_95),
        (0x3bff, 0.999_511_7),
        (0x3c00, 1.0),
        (0x3c01, 1.000_976_6),
        (0x7bff, 65504.0),
        (0x7c00, f32::INFINITY),
    ];

    #[test]
    fn floats_of_sixteen_bits_are_exact() {
        for (bits, value) in HALVES {
            assert_eq!(half(*bits).to_bits(), value.to_bits(), "{bits:#06x}");
            assert_eq!(half(bits | 0x8000).to_bits(), (-value).to_bits(), "-{bits:#06x}");
        }
        assert!(half(0x7c01).is_nan() && half(0xffff).is_nan() && brain(0x7fc0).is_nan());
        for (bits, value) in [(0x3f80, 1.0_f32), (0xc0a0, -5.0), (0x4049, 3.140_625)] {
            assert_eq!(brain(bits).to_bits(), value.to_bits(), "{bits:#06x}");
        }
        // They stand in the order of their bits.
        let rising = (0..0x7c00_u16).map(half).collect::<Vec<f32>>();
        assert!(rising.windows(2).all(|pair| pair[0] < pair[1]));
    }
}
