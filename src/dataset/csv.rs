//! CSV: one sample a row, its values and its label.

use std::path::Path;

use super::error::DataError;
use super::file;
use super::manifest::{Columns, Labels, Layout, Manifest};
use super::part::{Block, PartFile, short};
use super::rows::{LineEnds, line};

/// Decodes the wanted rows (counted from 0, without the header) in their order; how many there were.
pub(super) fn read<E: From<DataError>>(
    source: &PartFile<'_>,
    mut wanted: impl FnMut(u64) -> bool,
    emit: &mut impl FnMut(&mut Block) -> Result<(), E>,
) -> Result<u64, E> {
    let mut table = Table::open(&source.path, &source.manifest.columns)?;
    let places = places(source.manifest);
    let (mut row, mut found) = (0, 0);
    let mut block = Block::default();
    while table.next()? {
        if wanted(row) {
            decode(source, &table, &places, &mut block)?;
            found += 1;
            if block.labels.len() == Block::ROWS {
                emit(&mut block)?;
            }
        }
        row += 1;
    }
    if !block.labels.is_empty() {
        emit(&mut block)?;
    }
    Ok(found)
}

fn decode(
    source: &PartFile<'_>,
    table: &Table<'_>,
    places: &[usize],
    block: &mut Block,
) -> Result<(), DataError> {
    let manifest = source.manifest;
    let begin = block.images.len();
    block.images.resize(begin + places.len(), 0.0);
    let columns = &manifest.columns;
    for (index, (column, place)) in columns.values.iter().zip(places).enumerate() {
        let scaled = manifest.scaling.of(index, table.value(*column)?);
        block.images[begin + place] =
            scaled.map_err(|why| table.damaged(format!("{} {why}", columns.shown(*column))))?;
    }
    block.labels.push(match &manifest.labels {
        Labels::Numbers => {
            source.class(table.number(columns.label, "a class number")?, || table.place())?
        }
        Labels::Names(_) => {
            let label = table.text(columns.label);
            source.class_of(&label).map_err(|why| table.damaged(why))?
        }
    });
    Ok(())
}

/// A file, row by row.
pub(super) struct Table<'a> {
    path: &'a Path,
    columns: &'a Columns,
    reader: Lines,
    record: csv::ByteRecord,
}

type Lines = csv::Reader<LineEnds<Box<dyn std::io::BufRead>>>;

fn reader(path: &Path, header: bool) -> Result<Lines, DataError> {
    Ok(csv::ReaderBuilder::new()
        .has_headers(header)
        // Rows of the wrong length get a message of our own.
        .flexible(true)
        .trim(csv::Trim::All)
        .from_reader(LineEnds::new(file::open(path)?)))
}

/// The fields of the first line; none in an empty file.
pub(super) fn first_line(path: &Path) -> Result<Vec<String>, DataError> {
    let columns = Columns::default();
    let reader = reader(path, false)?;
    let mut table = Table { path, columns: &columns, reader, record: csv::ByteRecord::new() };
    table.step()?;
    Ok((0..table.record.len()).map(|column| table.text(column).into_owned()).collect())
}

impl<'a> Table<'a> {
    pub(super) fn open(path: &'a Path, columns: &'a Columns) -> Result<Self, DataError> {
        let reader = reader(path, columns.header)?;
        Ok(Self { path, columns, reader, record: csv::ByteRecord::new() })
    }

    /// Goes to the next row, which is as long as it should be; false at the end.
    pub(super) fn next(&mut self) -> Result<bool, DataError> {
        let more = self.step()?;
        let (found, wanted) = (self.record.len(), self.columns.count);
        if more && found != wanted {
            let values = self.columns.values.len();
            let wanted = if values + 1 == wanted {
                format!("{values} values and a label")
            } else {
                format!("{wanted}, as the header of the training data has")
            };
            return Err(self.damaged(format!("has {found} columns, expected {wanted}")));
        }
        Ok(more)
    }

    fn step(&mut self) -> Result<bool, DataError> {
        self.reader.read_byte_record(&mut self.record).map_err(|error| DataError::Damaged {
            path: self.path.to_owned(),
            place: format!("near line {}", self.reader.position().line()),
            why: error.to_string(),
        })
    }

    pub(super) fn value(&self, column: usize) -> Result<f64, DataError> {
        self.number(column, "a number")
    }

    /// The same, neither infinite nor missing.
    pub(super) fn finite(&self, column: usize) -> Result<f64, DataError> {
        let value = self.value(column)?;
        if value.is_finite() {
            return Ok(value);
        }
        Err(self.damaged(format!("{} is {value}: fill it in", self.columns.shown(column))))
    }

    pub(super) fn text(&self, column: usize) -> std::borrow::Cow<'_, str> {
        String::from_utf8_lossy(&self.record[column])
    }

    fn number<T: std::str::FromStr>(&self, column: usize, what: &str) -> Result<T, DataError> {
        let bytes = &self.record[column];
        let parsed = std::str::from_utf8(bytes).ok().and_then(|text| text.parse().ok());
        parsed.ok_or_else(|| {
            let help = match self.columns.names.get(column) {
                _ if bytes.is_empty() => ": fill it in, or leave out the row".to_owned(),
                Some(_) if column == self.columns.label => {
                    ": leave `classes` out, or list the names in it".to_owned()
                }
                Some(name) => {
                    format!(": write a number, or leave out the row, or the column with ignore = [\"{name}\"] in dataset.toml")
                }
                None => String::new(),
            };
            let (column, text) = (self.columns.shown(column), String::from_utf8_lossy(bytes));
            self.damaged(format!("{column}: `{}` is not {what}{help}", short(&text)))
        })
    }

    pub(super) fn damaged(&self, why: String) -> DataError {
        DataError::Damaged { path: self.path.to_owned(), place: self.place(), why }
    }

    fn place(&self) -> String {
        let line = line(self.record.position(), self.reader.position(), self.record.as_slice());
        format!("line {line}")
    }
}

/// Where the i-th stored value goes in C x H x W order.
pub(super) fn places(manifest: &Manifest) -> Vec<usize> {
    let [channels, height, width] = manifest.shape.map(|side| side as usize);
    let pixels = height * width;
    match manifest.layout {
        Layout::Chw => (0..channels * pixels).collect(),
        Layout::Hwc => (0..channels * pixels)
            .map(|index| index % channels * pixels + index / channels)
            .collect(),
    }
}
