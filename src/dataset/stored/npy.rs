//! NPY, an array of `NumPy`: a header that says what it holds in the notation of Python, then the elements.
//!
//! What a header may say is read here by hand: three keys, of which one is a list of numbers. A crate for it brings a parser
//! of Python's notation with a grammar's compiler, and takes what must be refused.

use std::io::{self, Read};
use std::path::Path;

use super::array::{Array, Header, Kind, damaged};
use crate::dataset::error::DataError;

const MAGIC: &[u8] = b"\x93NUMPY";

/// A longer header describes no plain array.
const MOST_HEADER: u32 = 1 << 16;

/// The longest text of an element.
const MOST_TEXT: usize = 1 << 12;

/// Reads the header; what follows are the elements.
pub(super) fn open(
    path: &Path,
    name: Option<&str>,
    mut file: Box<dyn Read>,
) -> Result<Array, DataError> {
    let header = match header(&mut file) {
        Ok(header) => header,
        Err(why) => return Err(damaged(path, name, "header", why)),
    };
    Ok(Array { path: path.to_owned(), name: name.map(str::to_owned), header, elements: file })
}

fn header(file: &mut impl Read) -> Result<Header, String> {
    let cannot = |error: io::Error| format!("cannot be read: {error}");
    let mut begin = [0; 8];
    file.read_exact(&mut begin).map_err(cannot)?;
    if !begin.starts_with(MAGIC) {
        return Err("is no array of NumPy, as numpy.save writes it".to_owned());
    }
    let length = match begin[6] {
        1 => {
            let mut length = [0; 2];
            file.read_exact(&mut length).map_err(cannot)?;
            u32::from(u16::from_le_bytes(length))
        }
        2 | 3 => {
            let mut length = [0; 4];
            file.read_exact(&mut length).map_err(cannot)?;
            u32::from_le_bytes(length)
        }
        version => return Err(format!("is of version {version} of the format; 1 to 3 are read")),
    };
    if length > MOST_HEADER {
        return Err(format!("its header has {length} bytes, as none of a plain array has"));
    }
    let mut text = vec![0; length as usize];
    file.read_exact(&mut text).map_err(cannot)?;
    parse(&String::from_utf8_lossy(&text))
}

fn parse(text: &str) -> Result<Header, String> {
    let value = |key: &str| {
        let at = text.find(&format!("'{key}'"))?;
        let rest = text[at + key.len() + 2..].trim_start().strip_prefix(':')?;
        Some(rest.trim_start())
    };
    let missing = |key: &str| format!("its header says no `{key}`");
    let descr = value("descr").ok_or_else(|| missing("descr"))?;
    let Some(descr) = descr.strip_prefix('\'').and_then(|rest| rest.split('\'').next()) else {
        let why =
            "is a table of records; save its columns as one array of numbers and one of labels";
        return Err(why.to_owned());
    };
    let (kind, big_endian) = kind(descr)?;
    let fortran = value("fortran_order").ok_or_else(|| missing("fortran_order"))?;
    let fortran = fortran.starts_with("True");
    let dims = value("shape").and_then(|rest| rest.strip_prefix('(')?.split(')').next());
    let dims = dims.ok_or_else(|| missing("shape"))?;
    let dims: Result<Vec<u64>, _> = dims
        .split(',')
        .map(|side| side.trim().trim_end_matches('L'))
        .filter(|side| !side.is_empty())
        .map(str::parse)
        .collect();
    let dims = dims.map_err(|_| "its `shape` is no list of whole numbers".to_owned())?;
    Ok(Header { kind, big_endian, fortran, dims })
}

/// What a type such as `<f8` means.
fn kind(descr: &str) -> Result<(Kind, bool), String> {
    let order = descr.chars().next().filter(|order| "<>|=".contains(*order));
    let rest = if order.is_some() { &descr[1..] } else { descr };
    let mut letters = rest.chars();
    let letter = letters.next().unwrap_or(' ');
    let size = letters.as_str().parse::<usize>();
    let kind = match (letter, size) {
        ('b', Ok(1)) => Kind::Bool,
        ('i', Ok(size @ (1 | 2 | 4 | 8))) => Kind::Signed(size),
        ('u', Ok(size @ (1 | 2 | 4 | 8))) => Kind::Unsigned(size),
        ('f', Ok(size @ (2 | 4 | 8))) => Kind::Float(size),
        ('U', Ok(count @ 1..=MOST_TEXT)) => Kind::Unicode(count),
        ('S', Ok(count @ 1..=MOST_TEXT)) => Kind::Bytes(count),
        ('O', _) => {
            let why = "holds objects of Python, which are never unpacked, since that may run code; \
                       save numbers: numpy.save(file, x.astype(\"float32\")), or texts: y.astype(str)";
            return Err(why.to_owned());
        }
        ('c', _) => return Err("holds complex numbers; save their parts as columns".to_owned()),
        ('f', _) => {
            let why = "are not read: save x.astype(\"float32\")";
            return Err(format!("its elements are of type {descr}, which {why}"));
        }
        _ => {
            let known = "numbers of 8 to 64 bits and texts are";
            return Err(format!("its elements are of type {descr}, which are not read; {known}"));
        }
    };
    Ok((kind, order == Some('>')))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_read_as_numpy_and_its_elders_write_them() {
        for (text, kind, big_endian, fortran, dims) in [
            (
                "{'descr': '<f8', 'fortran_order': False, 'shape': (3, 4), }   \n",
                Kind::Float(8),
                false,
                false,
                &[3, 4][..],
            ),
            (
                "{'shape': (7L,), 'descr': '|u1', 'fortran_order': False}",
                Kind::Unsigned(1),
                false,
                false,
                &[7],
            ),
            (
                "{'descr':'>i2','fortran_order':True,'shape':(2,3,4)}",
                Kind::Signed(2),
                true,
                true,
                &[2, 3, 4],
            ),
            (
                "{'descr': '<U7', 'fortran_order': False, 'shape': ()}",
                Kind::Unicode(7),
                false,
                false,
                &[],
            ),
        ] {
            let dims = dims.to_vec();
            assert_eq!(parse(text), Ok(Header { kind, big_endian, fortran, dims }), "{text}");
        }
    }

    #[test]
    fn what_is_no_plain_array_is_refused_with_what_to_save() {
        let of =
            |descr: &str| format!("{{'descr': {descr}, 'fortran_order': False, 'shape': (3,)}}");
        for (text, says) in [
            (of("'|O'"), "objects of Python, which are never unpacked"),
            (of("'<c8'"), "complex numbers"),
            (of("'<f16'"), "type <f16, which are not read: save x.astype"),
            (of("'<M8[ns]'"), "type <M8[ns], which are not read"),
            (of("[('a', '<f4'), ('shape', '<f4')]"), "table of records"),
            (of("'<i3'"), "type <i3"),
            (of("''"), "type , which"),
            (of("'<U999999999'"), "type <U999999999"),
            ("{}".to_owned(), "says no `descr`"),
            (
                "{'descr': '<f4', 'fortran_order': False, 'shape': (-3,)}".to_owned(),
                "no list of whole",
            ),
            ("{'descr': '<f4', 'fortran_order': False, 'shape': 3}".to_owned(), "says no `shape`"),
            ("{'descr': '<f4', 'shape': (3,)}".to_owned(), "says no `fortran_order`"),
        ] {
            let why = parse(&text).unwrap_err();
            assert!(why.contains(says), "{text}: {why}");
        }
    }
}
