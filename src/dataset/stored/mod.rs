//! Data that are no text: arrays, tables stored by columns, images. Each format hands its samples on one by one; what becomes
//! of them is the same for all.

mod array;
mod arrays;
mod names;
mod npy;
#[cfg_attr(not(feature = "npz"), path = "npz_without.rs")]
mod npz;
#[cfg_attr(not(feature = "images"), path = "pictures_without.rs")]
mod pictures;
mod safetensors;
mod sample;
#[cfg_attr(not(feature = "parquet"), path = "table_without.rs")]
mod table;
#[cfg(test)]
mod tests;

use std::path::Path;

use super::csv::places;
use super::error::DataError;
use super::format::Format;
use super::manifest::{Labels, Source};
use super::part::{Block, PartFile};

pub(super) use self::arrays::{Arrays, pick};
pub(super) use self::pictures::Pictures;
pub(super) use self::sample::{Label, Reading, Sample};
pub(super) use self::table::Table;

/// The samples of a part, or of both.
pub(super) enum Stored {
    Arrays(Arrays),
    Pictures(Pictures),
    Table(Table),
}

impl Stored {
    /// Reads what says how many there are and how they look.
    pub(super) fn open(format: Format, folder: &Path, source: &Source) -> Result<Self, DataError> {
        let path = folder.join(&source.file.path);
        match format {
            Format::Images => Ok(Self::Pictures(Pictures::open(&path)?)),
            Format::Parquet => Ok(Self::Table(Table::open(&path)?)),
            _ => Ok(Self::Arrays(Arrays::open(format, folder, source)?)),
        }
    }

    /// How many samples there are.
    pub(super) fn rows(&self) -> u64 {
        match self {
            Self::Arrays(arrays) => arrays.rows(),
            Self::Pictures(pictures) => pictures.rows(),
            Self::Table(table) => table.rows(),
        }
    }

    /// Hands the wanted samples on in their order.
    pub(super) fn each<E: From<DataError>>(
        &self,
        of: &Reading<'_>,
        sink: &mut dyn FnMut(&Sample<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        match self {
            Self::Arrays(arrays) => arrays.each(of, sink),
            Self::Pictures(pictures) => pictures.each(of, sink),
            Self::Table(table) => table.each(of, sink),
        }
    }
}

/// Decodes the wanted samples in their order; how many there were.
pub(super) fn read<E: From<DataError>>(
    part: &PartFile<'_>,
    stored: &Stored,
    wanted: &dyn Fn(u64) -> bool,
    emit: &mut impl FnMut(&mut Block) -> Result<(), E>,
) -> Result<u64, E> {
    let manifest = part.manifest;
    let places = places(manifest);
    let (mut block, mut found) = (Block::default(), 0);
    let of = Reading { columns: &manifest.columns, shape: manifest.shape, values: true, wanted };
    stored.each::<E>(&of, &mut |sample| {
        decode(part, sample, &places, &mut block)?;
        found += 1;
        if block.labels.len() == Block::ROWS { emit(&mut block) } else { Ok(()) }
    })?;
    if !block.labels.is_empty() {
        emit(&mut block)?;
    }
    Ok(found)
}

fn decode(
    part: &PartFile<'_>,
    sample: &Sample<'_>,
    places: &[usize],
    block: &mut Block,
) -> Result<(), DataError> {
    let manifest = part.manifest;
    if sample.values.len() != places.len() {
        let (found, shape) = (sample.values.len(), manifest.shape);
        return Err(sample.damaged(format!("has {found} values, which are not those of {shape:?}")));
    }
    let begin = block.images.len();
    block.images.resize(begin + places.len(), 0.0);
    for (index, (value, place)) in sample.values.iter().zip(places).enumerate() {
        let scaled = manifest.scaling.of(index, *value);
        block.images[begin + place] = scaled.map_err(|why| {
            let column = manifest.columns.values.get(index);
            let shown = column.map(|column| manifest.columns.shown(*column));
            sample.damaged(format!("{} {why}", shown.unwrap_or_else(|| format!("value {index}"))))
        })?;
    }
    let class = match (&manifest.labels, sample.label) {
        (Labels::Numbers, Label::Number(number)) => {
            let class = u64::try_from(number).ok().filter(|class| *class < manifest.classes.into());
            class.and_then(|class| i64::try_from(class).ok()).ok_or_else(|| {
                let classes = manifest.classes;
                format!("label {number} is no number from 0 on and below `classes = {classes}`")
            })
        }
        (_, label) => part.class_of(&label.text()),
    };
    block.labels.push(class.map_err(|why| sample.damaged(why))?);
    Ok(())
}

/// A format that is off in this build.
#[cfg_attr(
    all(feature = "npz", feature = "images", feature = "parquet"),
    expect(dead_code, reason = "nothing is off")
)]
fn missing(format: Format, path: &Path) -> DataError {
    DataError::Feature {
        path: path.to_owned(),
        format: format.word(),
        feature: format.feature().unwrap_or(format.word()),
    }
}
