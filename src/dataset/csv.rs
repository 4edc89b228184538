//! CSV: one sample a row, its C*H*W values and its label.

use std::path::Path;

use super::error::DataError;
use super::file;
use super::manifest::{LabelColumn, Layout, Manifest};
use super::part::{Block, PartFile};

/// Decodes the wanted rows (counted from 0, without the header) in their order.
pub(super) fn read<E: From<DataError>>(
    source: &PartFile<'_>,
    wanted: impl Fn(u64) -> bool,
    emit: &mut impl FnMut(&mut Block) -> Result<(), E>,
) -> Result<(), E> {
    let manifest = source.manifest;
    let mut reader = reader(&source.path, manifest)?;
    let decoder = Decoder::new(source);
    let mut record = csv::ByteRecord::new();
    let (mut row, mut found) = (0, 0);
    let mut block = Block::default();
    while read_record(source, &mut reader, &mut record)? {
        if wanted(row) {
            decoder.decode(&record, &mut block)?;
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
    source.check_rows(found).map_err(E::from)
}

type Reader = csv::Reader<Box<dyn std::io::BufRead>>;

fn reader(path: &Path, manifest: &Manifest) -> Result<Reader, DataError> {
    Ok(csv::ReaderBuilder::new()
        .has_headers(manifest.header)
        // Rows of the wrong length get a message of our own.
        .flexible(true)
        .trim(csv::Trim::All)
        .from_reader(file::open(path)?))
}

fn read_record(
    source: &PartFile<'_>,
    reader: &mut Reader,
    record: &mut csv::ByteRecord,
) -> Result<bool, DataError> {
    reader.read_byte_record(record).map_err(|error| {
        let line = reader.position().line();
        source.damaged(format!("near line {line}"), error.to_string())
    })
}

struct Decoder<'a> {
    source: &'a PartFile<'a>,
    values: usize,
    /// Where the i-th value of a row goes in C x H x W order.
    place: Vec<usize>,
    min: f32,
    scale: f32,
}

impl<'a> Decoder<'a> {
    fn new(source: &'a PartFile<'a>) -> Self {
        let manifest = source.manifest;
        Self {
            source,
            values: manifest.values(),
            place: places(manifest),
            min: manifest.min_value,
            scale: 1.0 / (manifest.max_value - manifest.min_value),
        }
    }

    fn decode(&self, record: &csv::ByteRecord, block: &mut Block) -> Result<(), DataError> {
        if record.len() != self.values + 1 {
            return Err(self.damaged(
                record,
                format!(
                    "has {} columns, expected {} values and a label",
                    record.len(),
                    self.values
                ),
            ));
        }
        let (first, label) = match self.source.manifest.label_column {
            LabelColumn::Last => (0, self.values),
            LabelColumn::First => (1, 0),
        };
        let begin = block.images.len();
        block.images.resize(begin + self.values, 0.0);
        for (index, place) in self.place.iter().enumerate() {
            block.images[begin + place] = self.value(record, first + index)?;
        }
        let label = self.number::<u64>(record, label, "a class number")?;
        block.labels.push(self.source.class(label, || place_of(record))?);
        Ok(())
    }

    fn value(&self, record: &csv::ByteRecord, column: usize) -> Result<f32, DataError> {
        let value: f32 = self.number(record, column, "a number")?;
        let manifest = self.source.manifest;
        if !(manifest.min_value..=manifest.max_value).contains(&value) {
            return Err(self.damaged(
                record,
                format!(
                    "column {} is {value}, outside {}..{} (`min_value`, `max_value`)",
                    column + 1,
                    manifest.min_value,
                    manifest.max_value
                ),
            ));
        }
        Ok((value - self.min) * self.scale)
    }

    fn number<T: std::str::FromStr>(
        &self,
        record: &csv::ByteRecord,
        column: usize,
        what: &str,
    ) -> Result<T, DataError> {
        let bytes = &record[column];
        let parsed = std::str::from_utf8(bytes).ok().and_then(|text| text.parse().ok());
        parsed.ok_or_else(|| {
            let text: String = String::from_utf8_lossy(bytes).chars().take(40).collect();
            self.damaged(record, format!("column {}: `{text}` is not {what}", column + 1))
        })
    }

    fn damaged(&self, record: &csv::ByteRecord, why: String) -> DataError {
        self.source.damaged(place_of(record), why)
    }
}

fn place_of(record: &csv::ByteRecord) -> String {
    record
        .position()
        .map_or_else(|| "a line".to_owned(), |position| format!("line {}", position.line()))
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
