//! Samples and labels in two arrays, whatever holds them.

use std::path::{Path, PathBuf};

use super::array::{Array, Kind, Labels, damaged};
use super::npz::{self, Member};
use super::sample::{Label, Reading, Sample};
use super::{names, npy, safetensors};
use crate::dataset::error::DataError;
use crate::dataset::file;
use crate::dataset::files;
use crate::dataset::format::Format;
use crate::dataset::manifest::{ArrayPair, Source};

/// The two arrays of a part, whose headers fit.
pub(in crate::dataset) struct Arrays {
    path: PathBuf,
    place: Place,
    rows: u64,
    /// Of a sample, as it is stored.
    dims: Vec<u64>,
    bytes: bool,
    floats: bool,
}

enum Place {
    /// Each in its file; here that of the labels.
    Files(PathBuf),
    Archive(Member, Member),
    Tensors(ArrayPair),
}

/// Which arrays of a file are meant.
pub(in crate::dataset) fn pick(
    format: Format,
    path: &Path,
    written: Option<&files::Arrays>,
) -> Result<files::Arrays, DataError> {
    let (members, tensors);
    let names: Vec<&str> = if format == Format::Npz {
        members = npz::members(path)?;
        members.iter().map(Member::name).collect()
    } else {
        tensors = safetensors::tensors(path)?;
        tensors.keys().map(String::as_str).collect()
    };
    names::pick(&names, written).map_err(|why| damaged(path, None, "directory", why))
}

impl Arrays {
    /// Reads the headers. Of a file of several arrays, `source` says which.
    pub(in crate::dataset) fn open(
        format: Format,
        folder: &Path,
        source: &Source,
    ) -> Result<Self, DataError> {
        let path = folder.join(&source.file.path);
        let place = match (&source.labels, &source.arrays) {
            (Some(labels), _) => Place::Files(folder.join(&labels.path)),
            (None, Some(pair)) if format == Format::Npz => {
                let mut members = npz::members(&path)?;
                let mut take = |name: &str| {
                    let at = members.iter().position(|member| member.name() == name);
                    at.map(|at| members.swap_remove(at)).ok_or_else(|| {
                        damaged(&path, None, "directory", format!("has no array `{name}`"))
                    })
                };
                Place::Archive(take(&pair.x)?, take(&pair.y)?)
            }
            (None, Some(pair)) => Place::Tensors(pair.clone()),
            (None, None) => {
                let why = "which of its arrays are meant is not said";
                return Err(damaged(&path, None, "directory", why));
            }
        };
        let mut arrays =
            Self { path, place, rows: 0, dims: Vec::new(), bytes: false, floats: false };
        let (x, y) = arrays.both()?;
        check(&x, &y)?;
        arrays.rows = x.rows();
        arrays.dims = x.header.dims[1..].to_vec();
        arrays.bytes = x.header.kind == Kind::Unsigned(1) && arrays.dims.len() > 1;
        arrays.floats = matches!(x.header.kind, Kind::Float(_) | Kind::Brain);
        Ok(arrays)
    }

    fn both(&self) -> Result<(Array, Array), DataError> {
        match &self.place {
            Place::Files(labels) => {
                let open = |path: &Path| npy::open(path, None, Box::new(file::open(path)?));
                Ok((open(&self.path)?, open(labels)?))
            }
            Place::Archive(x, y) => Ok((x.open(&self.path)?, y.open(&self.path)?)),
            Place::Tensors(pair) => {
                let tensors = safetensors::tensors(&self.path)?;
                let open = |name: &str| {
                    let why = || format!("has no array `{name}`");
                    let tensor = tensors.get(name);
                    let tensor =
                        tensor.ok_or_else(|| damaged(&self.path, None, "directory", why()))?;
                    safetensors::open(&self.path, name, tensor)
                };
                Ok((open(&pair.x)?, open(&pair.y)?))
            }
        }
    }

    pub(in crate::dataset) const fn rows(&self) -> u64 {
        self.rows
    }

    /// The dimensions of a sample, as they are stored.
    pub(in crate::dataset) fn dims(&self) -> &[u64] {
        &self.dims
    }

    /// Whether its values are those of pixels: bytes.
    pub(in crate::dataset) const fn is_bytes(&self) -> bool {
        self.bytes
    }

    /// Whether its values are floats.
    pub(in crate::dataset) const fn has_floats(&self) -> bool {
        self.floats
    }

    pub(super) fn each<E: From<DataError>>(
        &self,
        of: &Reading<'_>,
        sink: &mut dyn FnMut(&Sample<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        let (mut x, y) = self.both()?;
        let labels = y.labels()?;
        let label = |row: u64| {
            let row = usize::try_from(row).unwrap_or(usize::MAX);
            match &labels {
                Labels::Numbers(all) => all.get(row).map(|number| Label::Number(*number)),
                Labels::Texts(all) => all.get(row).map(|text| Label::Text(text)),
            }
        };
        let name = x.name.clone();
        let mut hand_on = |row: u64, values: &[f64]| match label(row) {
            Some(label) if (of.wanted)(row) => {
                sink(&Sample { path: &self.path, array: name.as_deref(), row, values, label })
            }
            _ => Ok(()),
        };
        if of.values {
            return x.values(&mut hand_on);
        }
        (0..self.rows).try_for_each(|row| hand_on(row, &[]))
    }
}

/// The two belong together.
fn check(x: &Array, y: &Array) -> Result<(), DataError> {
    let dims = &x.header.dims;
    if let Kind::Unicode(_) | Kind::Bytes(_) = x.header.kind {
        return Err(x.damaged("header", "holds texts, where the numbers of the samples are needed"));
    }
    if !(1..=4).contains(&dims.len()) || dims.contains(&0) {
        let why = format!(
            "has the shape {dims:?}; samples are [N, features], [N, height, width], or [N, channels, height, width]"
        );
        return Err(x.damaged("header", why));
    }
    let of_y = &y.header.dims;
    if !matches!(of_y[..], [_] | [_, 1]) {
        let why = "has the shape {dims}; one label a sample is needed, of rows with a 1 for the class that is y.argmax(1)";
        return Err(y.damaged("header", why.replace("{dims}", &format!("{of_y:?}"))));
    }
    if x.rows() != y.rows() {
        let of_x = x
            .name
            .as_ref()
            .map_or_else(|| x.path.display().to_string(), |name| format!("the array `{name}`"));
        let why = format!("has {} labels, and {of_x} {} samples", y.rows(), x.rows());
        return Err(y.damaged("header", why));
    }
    Ok(())
}
