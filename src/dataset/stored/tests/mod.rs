//! Data that are no text, made here byte by byte or by the libraries that write them.

#[cfg(feature = "npz")]
mod archives;
mod arrays;
#[cfg(feature = "images")]
mod pictures;
#[cfg(feature = "parquet")]
mod tables;
mod tensors;
#[cfg(not(all(feature = "npz", feature = "images", feature = "parquet")))]
mod without;

use std::path::Path;

use crate::dataset::tests::load;
use crate::dataset::{DataError, DataSet, MANIFEST, Test, Train};

type Files<'a> = &'a [(&'a str, &'a [u8])];

/// A data set of these keys and files.
fn data(keys: &str, files: Files<'_>) -> (tempfile::TempDir, Result<DataSet, DataError>) {
    let dir = tempfile::tempdir().unwrap();
    for (name, bytes) in files {
        let path = dir.path().join(name);
        fs_err::create_dir_all(path.parent().unwrap()).unwrap();
        fs_err::write(path, bytes).unwrap();
    }
    let data = described(dir.path(), keys);
    (dir, data)
}

fn described(folder: &Path, keys: &str) -> Result<DataSet, DataError> {
    fs_err::write(folder.join(MANIFEST), keys).unwrap();
    DataSet::open(folder)
}

/// What is wrong with it, when it is opened or when all of it is read.
#[track_caller]
fn refused(keys: &str, files: Files<'_>, says: &str) {
    let (dir, data) = data(keys, files);
    let error = data.and_then(|data| data.check()).unwrap_err().to_string();
    let error = error.replace(&dir.path().display().to_string(), "DIR");
    assert!(error.contains(says), "{keys}\n{says}\n{error}");
}

/// An array as `numpy.save` writes it.
fn npy(descr: &str, fortran: bool, shape: &str, bytes: &[u8]) -> Vec<u8> {
    let order = if fortran { "True" } else { "False" };
    let header = format!("{{'descr': '{descr}', 'fortran_order': {order}, 'shape': {shape}, }}\n");
    let mut out = b"\x93NUMPY\x01\x00".to_vec();
    out.extend(u16::try_from(header.len()).unwrap().to_le_bytes());
    out.extend(header.bytes());
    out.extend(bytes);
    out
}

fn floats(values: &[f32]) -> Vec<u8> {
    values.iter().flat_map(|value| value.to_le_bytes()).collect()
}

/// Six samples of two values, the row's number and ten, with labels 0, 1, 2, 0, 1, 2.
fn x() -> Vec<u8> {
    let values: Vec<f32> = (0_u8..6).flat_map(|row| [f32::from(row), 10.0]).collect();
    npy("<f4", false, "(6, 2)", &floats(&values))
}

fn y() -> Vec<u8> {
    npy("|u1", false, "(6,)", &[0, 1, 2, 0, 1, 2])
}

const KEYS: &str = "files = { x = \"x.npy\", y = \"y.npy\" }\nmax_value = 10\n";

/// What the training part holds, and its labels.
fn train(data: &DataSet) -> (Vec<f32>, Vec<i64>) {
    let all = load::<Train>(data).unwrap();
    (all.images, all.labels)
}

fn test(data: &DataSet) -> (Vec<f32>, Vec<i64>) {
    let all = load::<Test>(data).unwrap();
    (all.images, all.labels)
}
