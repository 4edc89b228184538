//! Parquet: a table stored by columns; numbers are features, one column is the label.

use std::cell::Cell;
use std::panic::{self, AssertUnwindSafe};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Once};

use parquet::basic::{ConvertedType, Repetition, Type as Physical};
use parquet::errors::ParquetError;
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::Field;
use parquet::schema::types::Type;

use super::array::{damaged, whole_number};
use super::sample::{Label, Reading, Sample};
use crate::dataset::error::DataError;
use crate::dataset::manifest::Columns;

/// What pandas keeps its row names in: no feature, whatever it holds.
const INDEX: &str = "__index_level_0__";

/// A table of a file.
pub(in crate::dataset) struct Table {
    path: PathBuf,
    rows: u64,
    schema: Arc<Type>,
    /// The columns, without the row names of pandas.
    columns: Vec<Arc<Type>>,
}

impl Table {
    /// Reads what says which columns there are.
    pub(super) fn open(path: &Path) -> Result<Self, DataError> {
        let reader = reader(path)?;
        let about = reader.metadata().file_metadata();
        let schema = about.schema_descr().root_schema_ptr();
        let columns = schema.get_fields().iter().filter(|column| column.name() != INDEX);
        Ok(Self {
            path: path.to_owned(),
            rows: u64::try_from(about.num_rows()).unwrap_or(0),
            columns: columns.cloned().collect(),
            schema,
        })
    }

    pub(in crate::dataset) const fn rows(&self) -> u64 {
        self.rows
    }

    /// The names of the columns.
    pub(in crate::dataset) fn names(&self) -> Vec<String> {
        self.columns.iter().map(|column| column.name().to_owned()).collect()
    }

    /// Whether the columns that are read hold what they should.
    pub(in crate::dataset) fn check(&self, columns: &Columns) -> Result<(), DataError> {
        for column in &columns.values {
            let found = &self.columns[*column];
            if !holds_numbers(found) {
                let name = found.name();
                let why = format!(
                    "{} holds {}, and a feature is a number: turn it into numbers, or leave it out with ignore = [{name:?}]",
                    columns.shown(*column),
                    what(found)
                );
                return Err(damaged(&self.path, None, "schema", why));
            }
        }
        let label = &self.columns[columns.label];
        if !holds_numbers(label) && !holds_texts(label) {
            let (shown, what) = (columns.shown(columns.label), what(label));
            let why = format!(
                "{shown} holds {what}, and a label is a whole number or a text: is it the label?"
            );
            return Err(damaged(&self.path, None, "schema", why));
        }
        Ok(())
    }

    pub(super) fn each<E: From<DataError>>(
        &self,
        of: &Reading<'_>,
        sink: &mut dyn FnMut(&Sample<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        self.check(of.columns)?;
        let wrong = |error: &ParquetError| {
            let why = format!("cannot be read: {error}");
            E::from(damaged(&self.path, None, "data", why))
        };
        let read: Vec<usize> = (0..self.columns.len())
            .filter(|column| {
                *column == of.columns.label || of.values && of.columns.values.contains(column)
            })
            .collect();
        let fields = read.iter().map(|column| Arc::clone(&self.columns[*column])).collect();
        let schema = Type::group_type_builder(self.schema.name()).with_fields(fields).build();
        let schema = schema.map_err(|error| wrong(&error))?;
        let reader = reader(&self.path)?;
        let mut rows =
            guarded(|| reader.get_row_iter(Some(schema))).map_err(|error| wrong(&error))?;
        let mut values = Vec::with_capacity(of.columns.values.len());
        for at in 0..self.rows {
            let row = guarded(|| rows.next().transpose()).map_err(|error| wrong(&error))?;
            let Some(row) = row else {
                let why = format!("ends after {at} of {} rows", self.rows);
                return Err(damaged(&self.path, None, "data", why).into());
            };
            if !(of.wanted)(at) {
                continue;
            }
            values.clear();
            let damaged = |column: usize, why: String| {
                let why = format!("{} {why}", of.columns.shown(column));
                damaged(&self.path, None, &format!("sample {at}"), why)
            };
            let mut label = None;
            for (column, (_, field)) in read.iter().zip(row.get_column_iter()) {
                if *column == of.columns.label {
                    label = Some(field);
                } else {
                    values.push(value(field).map_err(|why| damaged(*column, why))?);
                }
            }
            let label = label.map_or(Err("is missing".to_owned()), class);
            let label = label.map_err(|why| damaged(of.columns.label, why))?;
            sink(&Sample { path: &self.path, array: None, row: at, values: &values, label })?;
        }
        Ok(())
    }
}

fn reader(path: &Path) -> Result<SerializedFileReader<std::fs::File>, DataError> {
    let file = fs_err::File::open(path)?.into_parts().0;
    guarded(|| SerializedFileReader::new(file))
        .map_err(|error| damaged(path, None, "footer", format!("is no Parquet file: {error}")))
}

thread_local! {
    /// Whether this thread is in the reader.
    static READING: Cell<bool> = const { Cell::new(false) };
}

/// Calls the reader, which panics at some damaged files where it should give an error. Then this says nothing and is one.
fn guarded<T>(read: impl FnOnce() -> Result<T, ParquetError>) -> Result<T, ParquetError> {
    static SILENCE: Once = Once::new();
    SILENCE.call_once(|| {
        let usual = panic::take_hook();
        panic::set_hook(Box::new(move |about| {
            if !READING.get() {
                usual(about);
            }
        }));
    });
    READING.set(true);
    let done = panic::catch_unwind(AssertUnwindSafe(read));
    READING.set(false);
    done.unwrap_or_else(|_| Err(ParquetError::General("it is damaged".to_owned())))
}

/// Whether a column holds numbers, and not what is written as one, such as a date.
fn holds_numbers(column: &Type) -> bool {
    let plain = |column: &Type| {
        let number = matches!(
            column.get_physical_type(),
            Physical::BOOLEAN
                | Physical::INT32
                | Physical::INT64
                | Physical::FLOAT
                | Physical::DOUBLE
        );
        number
            && matches!(
                column.get_basic_info().converted_type(),
                ConvertedType::NONE
                    | ConvertedType::INT_8
                    | ConvertedType::INT_16
                    | ConvertedType::INT_32
                    | ConvertedType::INT_64
                    | ConvertedType::UINT_8
                    | ConvertedType::UINT_16
                    | ConvertedType::UINT_32
                    | ConvertedType::UINT_64
            )
            // Times of nanoseconds have no other mark.
            && column.get_basic_info().logical_type_ref().is_none_or(|kind| {
                matches!(kind, parquet::basic::LogicalType::Integer { .. })
            })
    };
    is_single(column) && plain(column)
}

fn holds_texts(column: &Type) -> bool {
    let info = column.get_basic_info();
    let texts = matches!(info.converted_type(), ConvertedType::UTF8 | ConvertedType::ENUM);
    is_single(column) && column.get_physical_type() == Physical::BYTE_ARRAY && texts
}

/// Whether there is one value a row, or none.
fn is_single(column: &Type) -> bool {
    let info = column.get_basic_info();
    column.is_primitive() && !(info.has_repetition() && info.repetition() == Repetition::REPEATED)
}

/// What a column holds, in words.
fn what(column: &Type) -> String {
    if !is_single(column) {
        return "lists or records".to_owned();
    }
    if holds_texts(column) {
        return "texts".to_owned();
    }
    let info = column.get_basic_info();
    match info.converted_type() {
        ConvertedType::NONE => match info.logical_type_ref() {
            Some(kind) => format!("values of type {kind:?}"),
            None => format!("values of type {}", column.get_physical_type()),
        },
        kind => format!("values of type {kind}"),
    }
}

fn value(field: &Field) -> Result<f64, String> {
    Ok(match field {
        Field::Bool(value) => f64::from(u8::from(*value)),
        Field::Byte(value) => f64::from(*value),
        Field::Short(value) => f64::from(*value),
        Field::Int(value) => f64::from(*value),
        Field::Long(value) => *value as f64,
        Field::UByte(value) => f64::from(*value),
        Field::UShort(value) => f64::from(*value),
        Field::UInt(value) => f64::from(*value),
        Field::ULong(value) => *value as f64,
        Field::Float(value) => f64::from(*value),
        Field::Double(value) => *value,
        Field::Null => return Err("is null: fill it in, or leave out the row".to_owned()),
        other => return Err(format!("is {other}, which is no number")),
    })
}

fn class(field: &Field) -> Result<Label<'_>, String> {
    Ok(Label::Number(match field {
        Field::Str(text) => return Ok(Label::Text(text)),
        Field::Bool(value) => i64::from(*value),
        Field::Byte(value) => i64::from(*value),
        Field::Short(value) => i64::from(*value),
        Field::Int(value) => i64::from(*value),
        Field::Long(value) => *value,
        Field::UByte(value) => i64::from(*value),
        Field::UShort(value) => i64::from(*value),
        Field::UInt(value) => i64::from(*value),
        Field::ULong(value) => {
            i64::try_from(*value).map_err(|_| format!("is {value}, which is no class"))?
        }
        Field::Float(value) => whole_number(f64::from(*value))?,
        Field::Double(value) => whole_number(*value)?,
        Field::Null => {
            return Err("is null: a sample without a label says nothing; leave it out".to_owned());
        }
        other => return Err(format!("is {other}, which is no class")),
    }))
}
