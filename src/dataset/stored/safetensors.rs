//! safetensors, as Hugging Face has them: the length of a header, the header as JSON, the elements.
//!
//! The crate of that name wants the whole file in memory. Its header is what `serde_json` reads; the elements are streamed.

use std::collections::BTreeMap;
use std::io::{self, Read};
use std::path::Path;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::array::{Array, Header, Kind, damaged};
use crate::dataset::error::DataError;
use crate::dataset::file;

/// The most that the format allows.
const MOST_HEADER: u64 = 100_000_000;

/// What a header says of a tensor.
#[derive(Debug, Deserialize)]
pub(super) struct Tensor {
    dtype: String,
    shape: Vec<u64>,
    data_offsets: (u64, u64),
}

/// By name.
pub(super) type Tensors = BTreeMap<String, Tensor>;

/// The tensors of a file.
pub(super) fn tensors(path: &Path) -> Result<Tensors, DataError> {
    Ok(header(path)?.0)
}

/// They, and where their elements begin.
fn header(path: &Path) -> Result<(Tensors, Box<dyn Read>), DataError> {
    let wrong = |why: String| damaged(path, None, "header", why);
    let cannot = |error: io::Error| wrong(format!("cannot be read: {error}"));
    let mut file: Box<dyn Read> = Box::new(file::open(path)?);
    let mut length = [0; 8];
    file.read_exact(&mut length).map_err(cannot)?;
    let length = u64::from_le_bytes(length);
    if length > MOST_HEADER {
        return Err(wrong("is no file of safetensors: its header would be too long".to_owned()));
    }
    let mut text = Vec::new();
    (&mut file).take(length).read_to_end(&mut text).map_err(cannot)?;
    if (text.len() as u64) < length {
        return Err(wrong("ends early".to_owned()));
    }
    let parsed: Result<BTreeMap<String, Box<RawValue>>, _> = serde_json::from_slice(&text);
    let of_json = |error: serde_json::Error| wrong(format!("is no header of safetensors: {error}"));
    let mut found = BTreeMap::new();
    for (name, value) in parsed.map_err(of_json)? {
        if name != "__metadata__" {
            found.insert(name, serde_json::from_str(value.get()).map_err(of_json)?);
        }
    }
    Ok((found, file))
}

/// One of them, opened.
pub(super) fn open(path: &Path, name: &str, tensor: &Tensor) -> Result<Array, DataError> {
    let wrong = |why: String| damaged(path, Some(name), "header", why);
    let kind = match &*tensor.dtype {
        "BOOL" => Kind::Bool,
        "U8" => Kind::Unsigned(1),
        "U16" => Kind::Unsigned(2),
        "U32" => Kind::Unsigned(4),
        "U64" => Kind::Unsigned(8),
        "I8" => Kind::Signed(1),
        "I16" => Kind::Signed(2),
        "I32" => Kind::Signed(4),
        "I64" => Kind::Signed(8),
        "F16" => Kind::Float(2),
        "BF16" => Kind::Brain,
        "F32" => Kind::Float(4),
        "F64" => Kind::Float(8),
        other => {
            return Err(wrong(format!(
                "its elements are of type {other}, which are not read: save x.float(), or y.long()"
            )));
        }
    };
    let (begin, end) = tensor.data_offsets;
    let elements = tensor.shape.iter().try_fold(1_u64, |product, side| product.checked_mul(*side));
    let size = elements.and_then(|count| count.checked_mul(kind.size() as u64));
    let length = end.checked_sub(begin);
    if size.is_none() || size != length {
        let Tensor { shape, dtype, .. } = tensor;
        return Err(wrong(format!("has the bytes {begin} to {end} for {shape:?} of {dtype}")));
    }
    let mut file = header(path)?.1;
    let skipped = io::copy(&mut (&mut file).take(begin), &mut io::sink())?;
    if skipped < begin {
        return Err(wrong("begins after the end of the file".to_owned()));
    }
    let header = Header { kind, big_endian: false, fortran: false, dims: tensor.shape.clone() };
    let elements = Box::new(file.take(length.unwrap_or(0)));
    Ok(Array { path: path.to_owned(), name: Some(name.to_owned()), header, elements })
}
