use std::sync::Arc;

use parquet::basic::{Compression, GzipLevel, ZstdLevel};
use parquet::data_type::{ByteArray, ByteArrayType, DoubleType, Int64Type};
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::parser::parse_message_type;
use proptest::prelude::*;

use super::*;

/// A column's values; `None` is a null.
enum Column<'a> {
    Doubles(&'a [f64]),
    Nullable(&'a [Option<f64>]),
    Longs(&'a [i64]),
    Texts(&'a [&'a str]),
}

/// A file of these columns, in the notation of Parquet's own schemas.
fn parquet(schema: &str, columns: &[Column<'_>], compression: Compression) -> Vec<u8> {
    let schema = Arc::new(parse_message_type(&format!("message m {{ {schema} }}")).unwrap());
    let properties = WriterProperties::builder().set_compression(compression).build();
    let mut writer = SerializedFileWriter::new(Vec::new(), schema, Arc::new(properties)).unwrap();
    let mut group = writer.next_row_group().unwrap();
    for column in columns {
        let mut out = group.next_column().unwrap().unwrap();
        match column {
            Column::Doubles(values) => out.typed::<DoubleType>().write_batch(values, None, None),
            Column::Nullable(values) => {
                let levels: Vec<i16> =
                    values.iter().map(|value| i16::from(value.is_some())).collect();
                let there: Vec<f64> = values.iter().flatten().copied().collect();
                out.typed::<DoubleType>().write_batch(&there, Some(&levels), None)
            }
            Column::Longs(values) => out.typed::<Int64Type>().write_batch(values, None, None),
            Column::Texts(values) => {
                let values: Vec<ByteArray> =
                    values.iter().map(|text| ByteArray::from(*text)).collect();
                out.typed::<ByteArrayType>().write_batch(&values, None, None)
            }
        }
        .unwrap();
        out.close().unwrap();
    }
    group.close().unwrap();
    writer.into_inner().unwrap()
}

const SCHEMA: &str = "REQUIRED DOUBLE length; REQUIRED BYTE_ARRAY species (UTF8); REQUIRED INT64 petals; REQUIRED INT64 id;";

const COLUMNS: &[Column<'_>] = &[
    Column::Doubles(&[1.0, 2.0, 3.0]),
    Column::Texts(&["setosa", "other", "setosa"]),
    Column::Longs(&[4, 5, 6]),
    Column::Longs(&[7, 8, 9]),
];

const KEYS: &str = "files = [\"a.parquet\"]\nlabel = \"species\"\nignore = [\"id\"]\nsplit = { train_first = 2 }\n";

#[test]
fn numbers_are_features_and_one_column_is_the_label() {
    for compression in [
        Compression::UNCOMPRESSED,
        Compression::SNAPPY,
        Compression::GZIP(GzipLevel::default()),
        Compression::ZSTD(ZstdLevel::default()),
    ] {
        let file = parquet(SCHEMA, COLUMNS, compression);
        let (_dir, found) = data(&format!("{KEYS}max_value = 10\n"), &[("a.parquet", &file)]);
        let found = found.unwrap();
        found.check().unwrap();
        assert_eq!(train(&found), (vec![0.1, 0.4, 0.2, 0.5], vec![1, 0]));
        assert_eq!(test(&found), (vec![0.3, 0.6], vec![1]));
        let guessed = found.manifest().guessed.join("; ");
        assert_eq!(guessed, "2 features: length, petals; 2 classes: other, setosa");
    }
    let file = parquet(SCHEMA, COLUMNS, Compression::SNAPPY);
    let (_dir, found) = data(KEYS, &[("a.parquet", &file)]);
    assert_eq!(train(&found.unwrap()).0[..2], [-1.0, -1.0]);
}

#[test]
fn the_row_names_of_pandas_are_no_feature() {
    let schema = "REQUIRED DOUBLE x; REQUIRED INT64 y; REQUIRED INT64 __index_level_0__;";
    let columns = [Column::Doubles(&[1.0, 2.0]), Column::Longs(&[0, 1]), Column::Longs(&[70, 80])];
    let file = parquet(schema, &columns, Compression::SNAPPY);
    let keys = "files = [\"a.parquet\"]\nmax_value = 2\nclasses = 2\nsplit = { train_first = 1 }\n";
    let (_dir, found) = data(keys, &[("a.parquet", &file)]);
    assert_eq!(train(&found.unwrap()), (vec![0.5], vec![0]));
}

#[test]
fn parts_have_the_same_columns_in_the_same_order() {
    let train = parquet(SCHEMA, COLUMNS, Compression::SNAPPY);
    let turned = "REQUIRED DOUBLE width; REQUIRED BYTE_ARRAY species (UTF8); REQUIRED INT64 petals; REQUIRED INT64 id;";
    let test = parquet(turned, COLUMNS, Compression::SNAPPY);
    let keys = "files = { train = \"a.parquet\", test = \"b.parquet\" }\nlabel = \"species\"\nignore = [\"id\"]\n";
    let says = "b.parquet, header: has the column `width` where the training part has `length`";
    refused(keys, &[("a.parquet", &train), ("b.parquet", &test)], says);
}

#[test]
fn columns_that_hold_no_numbers_are_named() {
    let file = |schema: &str, columns: &[Column<'_>]| parquet(schema, columns, Compression::SNAPPY);
    let (ones, labels) = (Column::Doubles(&[1.0, 1.0, 1.0]), Column::Longs(&[0, 1, 0]));
    let gap = [Some(1.0), Some(2.0), None];
    for (bytes, keys, says) in [
        (
            file(SCHEMA, COLUMNS),
            "label = \"id\"\n",
            "a.parquet, schema: column 2 (`species`) holds texts, and a feature is a number: turn it into numbers, or leave it out with ignore = [\"species\"]",
        ),
        (file(SCHEMA, COLUMNS), "label = \"specie\"\n", "a.parquet has no column \"specie\""),
        (
            file(
                "OPTIONAL DOUBLE x; REQUIRED INT64 y;",
                &[Column::Nullable(&gap), Column::Longs(&[0, 1, 0])],
            ),
            "",
            "a.parquet, sample 2: column 1 (`x`) is null: fill it in",
        ),
        (
            file(
                "REQUIRED INT64 x; OPTIONAL DOUBLE y;",
                &[Column::Longs(&[0, 1, 0]), Column::Nullable(&gap)],
            ),
            "",
            "a.parquet, sample 2: column 2 (`y`) is null: a sample without a label",
        ),
        (
            file(
                "REQUIRED DOUBLE x; REQUIRED DOUBLE y;",
                &[ones, Column::Doubles(&[0.0, 0.5, 1.0])],
            ),
            "",
            "sample 1: column 2 (`y`) label 0.5 is no class",
        ),
        (
            file(
                "REQUIRED DOUBLE x; REQUIRED INT64 y;",
                &[Column::Doubles(&[0.0, f64::NAN, 1.0]), labels],
            ),
            "",
            "sample 1: column 1 (`x`) is NaN: fill it in",
        ),
    ] {
        let keys = format!("files = [\"a.parquet\"]\nsplit = {{ train_first = 2 }}\n{keys}");
        refused(&keys, &[("a.parquet", &bytes)], says);
    }
}

#[test]
fn columns_of_other_types_and_files_of_other_formats_are_refused() {
    let file = |schema: &str, columns: &[Column<'_>]| parquet(schema, columns, Compression::SNAPPY);
    for (bytes, keys, says) in [
        (
            file(
                "REQUIRED INT64 at (TIMESTAMP(MILLIS,true)); REQUIRED INT64 y;",
                &[Column::Longs(&[0, 1, 2]), Column::Longs(&[0, 1, 0])],
            ),
            "",
            "column 1 (`at`) holds values of type TIMESTAMP_MILLIS, and a feature is a number",
        ),
        (
            file(
                "REQUIRED GROUP g { REQUIRED DOUBLE a; } REQUIRED INT64 y;",
                &[Column::Doubles(&[0.0, 1.0, 2.0]), Column::Longs(&[0, 1, 0])],
            ),
            "",
            "column 1 (`g`) holds lists or records, and a feature is a number",
        ),
        (b"PAR1 and so on".to_vec(), "", "a.parquet, footer: is no Parquet file"),
        (Vec::new(), "", "a.parquet, footer: is no Parquet file"),
    ] {
        let keys = format!("files = [\"a.parquet\"]\nsplit = {{ train_first = 2 }}\n{keys}");
        refused(&keys, &[("a.parquet", &bytes)], says);
    }
}

proptest! {
    #[test]
    fn no_bytes_make_a_reader_panic(at in 0_usize..2000, byte in any::<u8>()) {
        let mut bytes = parquet(SCHEMA, COLUMNS, Compression::SNAPPY);
        let at = at % bytes.len();
        bytes[at] = byte;
        let (_dir, data) = data(KEYS, &[("a.parquet", &bytes)]);
        let _ = data.and_then(|data| data.check());
    }
}
