//! A Parquet table: a row for each figure of each run, as `metrics.csv` has them, and the settings of the run beside it.
//!
//! It is written in groups of rows, so that memory does not grow with the table. A figure that is not there is null; one that
//! is no number is the `nan` or `inf` that the format has.

use std::io::{self, Write};
use std::sync::{Arc, Mutex, PoisonError};

use parquet::basic::{LogicalType, Repetition, Type as Physical};
use parquet::data_type::{BoolType, ByteArray, ByteArrayType, DoubleType, Int64Type};
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::{SerializedColumnWriter, SerializedFileWriter};
use parquet::schema::types::{Type, TypePtr};

use super::Handed;
use crate::event::{AxisDef, AxisValue, MetricRow, RunRecord};
use crate::report::{ReportError, distinct, one_line, words};

/// Rows that are held at once.
const GROUP: usize = 1 << 16;

/// A value of a column.
enum Cell {
    Text(String),
    Double(f64),
    Whole(i64),
    Flag(bool),
    Null,
}

/// What the values of a column are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Text,
    Double,
    Whole,
    Flag,
}

type Get<'a> = Box<dyn Fn(&RunRecord, &MetricRow) -> Cell + 'a>;

struct Column<'a> {
    name: String,
    kind: Kind,
    get: Get<'a>,
}

fn text(value: impl Into<String>) -> Cell {
    Cell::Text(value.into())
}

fn double(value: Option<f64>) -> Cell {
    value.map_or(Cell::Null, Cell::Double)
}

fn column<'a>(
    name: &str,
    kind: Kind,
    get: impl Fn(&RunRecord, &MetricRow) -> Cell + 'a,
) -> Column<'a> {
    Column { name: name.to_owned(), kind, get: Box::new(get) }
}

/// Which run it is, its settings, the figure.
fn columns<'a>(axes: &[&'a AxisDef], records: &[RunRecord]) -> Vec<Column<'a>> {
    let mut all = vec![
        column("run", Kind::Text, |run, _| text(&run.run)),
        column("cell", Kind::Text, |run, _| text(&run.cell)),
        column("repeat", Kind::Whole, |run, _| Cell::Whole(run.repeat.into())),
        column("status", Kind::Text, |run, _| text(run.status.to_string())),
    ];
    all.extend(axes.iter().map(|def| setting(def, records)));
    all.extend([
        column("phase", Kind::Text, |_, row| text(&row.phase)),
        column("metric", Kind::Text, |_, row| text(row.metric.as_str())),
        column("unit", Kind::Text, |_, row| text(row.unit.name())),
        column("estimate", Kind::Double, |_, row| double(row.estimate)),
        column("low", Kind::Double, |_, row| double(row.low)),
        column("high", Kind::Double, |_, row| double(row.high)),
        column("confidence", Kind::Double, |_, row| double(row.confidence)),
        column("samples", Kind::Whole, |_, row| {
            i64::try_from(row.samples).map_or(Cell::Null, Cell::Whole)
        }),
        column("known", Kind::Flag, |_, row| row.known.map_or(Cell::Null, Cell::Flag)),
        column("note", Kind::Text, |_, row| text(one_line(&words::notes_of(row)))),
    ]);
    all
}

/// A setting, in the type that all of its values have, else as text.
fn setting<'a>(def: &'a AxisDef, records: &[RunRecord]) -> Column<'a> {
    let values = records.iter().map(|record| def.of(&record.job));
    let kinds = distinct(values.filter_map(|value| match value {
        AxisValue::Flag(_) => Some(Kind::Flag),
        AxisValue::Whole(_) => Some(Kind::Whole),
        AxisValue::Number(_) => Some(Kind::Double),
        AxisValue::Text(_) => Some(Kind::Text),
        AxisValue::Unset => None,
    }));
    let kind = match kinds[..] {
        [kind] => kind,
        [Kind::Whole, Kind::Double] | [Kind::Double, Kind::Whole] => Kind::Double,
        _ => Kind::Text,
    };
    column(&def.key, kind, move |record, _| match (def.of(&record.job), kind) {
        (AxisValue::Unset, _) => Cell::Null,
        (AxisValue::Flag(flag), Kind::Flag) => Cell::Flag(flag),
        (AxisValue::Whole(whole), Kind::Whole) => Cell::Whole(whole),
        (value, Kind::Double) => double(value.number()),
        (value, _) => text(value.to_string()),
    })
}

impl Column<'_> {
    fn field(&self) -> Result<TypePtr, ParquetError> {
        let (physical, logical) = match self.kind {
            Kind::Text => (Physical::BYTE_ARRAY, Some(LogicalType::String)),
            Kind::Double => (Physical::DOUBLE, None),
            Kind::Whole => (Physical::INT64, None),
            Kind::Flag => (Physical::BOOLEAN, None),
        };
        let field = Type::primitive_type_builder(&self.name, physical);
        let field = field.with_repetition(Repetition::OPTIONAL).with_logical_type(logical);
        Ok(Arc::new(field.build()?))
    }

    fn write(
        &self,
        out: &mut SerializedColumnWriter<'_>,
        rows: &[(&RunRecord, &MetricRow)],
    ) -> Result<(), ParquetError> {
        let cells: Vec<Cell> = rows.iter().map(|(run, row)| (self.get)(run, row)).collect();
        let levels: Vec<i16> =
            cells.iter().map(|cell| i16::from(!matches!(cell, Cell::Null))).collect();
        macro_rules! put {
            ($type:ty, $pattern:pat => $value:expr) => {{
                let values: Vec<_> = cells
                    .into_iter()
                    .filter_map(|cell| match cell {
                        $pattern => Some($value),
                        _ => None,
                    })
                    .collect();
                out.typed::<$type>().write_batch(&values, Some(&levels), None)?;
            }};
        }
        match self.kind {
            Kind::Text => {
                put!(ByteArrayType, Cell::Text(text) => ByteArray::from(text.into_bytes()));
            }
            Kind::Double => put!(DoubleType, Cell::Double(value) => value),
            Kind::Whole => put!(Int64Type, Cell::Whole(value) => value),
            Kind::Flag => put!(BoolType, Cell::Flag(value) => value),
        }
        Ok(())
    }
}

/// What the writer of the format fills and this one empties: it wants what may go to another thread.
#[derive(Clone, Default)]
struct Shared(Arc<Mutex<Vec<u8>>>);

impl Shared {
    fn pass(&self, out: &mut dyn Write) -> io::Result<()> {
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        out.write_all(&held)?;
        held.clear();
        Ok(())
    }
}

impl Write for Shared {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Writes it; how many rows have a figure.
pub fn write(out: &mut dyn Write, of: &Handed<'_>) -> Result<usize, ReportError> {
    let list = of.axes();
    let axes: Vec<&AxisDef> = list.defs().collect();
    let columns = columns(&axes, of.records);
    let fields: Result<Vec<_>, ParquetError> = columns.iter().map(Column::field).collect();
    let schema = Type::group_type_builder("perftune").with_fields(fields?).build()?;
    let shared = Shared::default();
    let properties = Arc::new(WriterProperties::builder().build());
    let mut file = SerializedFileWriter::new(shared.clone(), Arc::new(schema), properties)?;
    let mut rows =
        of.records.iter().flat_map(|record| record.metrics.iter().map(move |row| (record, row)));
    let mut count = 0;
    loop {
        let group: Vec<_> = rows.by_ref().take(GROUP).collect();
        if group.is_empty() {
            break;
        }
        count += group.iter().filter(|(_, row)| row.estimate.is_some()).count();
        let mut writer = file.next_row_group()?;
        for column in &columns {
            let next = writer.next_column()?;
            let mut next = next.ok_or_else(|| ParquetError::General("a column more".to_owned()))?;
            column.write(&mut next, &group)?;
            next.close()?;
        }
        writer.close()?;
        shared.pass(out)?;
    }
    file.close()?;
    shared.pass(out)?;
    Ok(count)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::export::fixtures::handed;
    use parquet::file::reader::{FileReader, SerializedFileReader};

    #[test]
    fn rows_are_read_back_with_their_gaps() {
        let of = handed();
        let mut bytes = Vec::new();
        write(&mut bytes, &of).unwrap();
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(&bytes).unwrap();
        let reader = SerializedFileReader::new(file).unwrap();
        let rows: Vec<String> =
            reader.get_row_iter(None).unwrap().map(|row| row.unwrap().to_string()).collect();
        assert_eq!(rows.len(), of.records.iter().map(|record| record.metrics.len()).sum::<usize>());
        insta::assert_snapshot!("parquet", rows[..24].join("\n"));
    }
}
