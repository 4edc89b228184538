//! Data as people have them: a table with names for its classes, a folder of images for each class, an archive of arrays, a
//! table of Parquet. Each is added by `perftune dataset add`, and the models of perftune are trained on it and served.

use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use image::{GrayImage, ImageFormat, Luma};
use parquet::data_type::{ByteArray, ByteArrayType, DoubleType, Int64Type};
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::parser::parse_message_type;

use crate::support::{Lab, Shown};

/// Samples of each data set.
const ROWS: usize = 60;

/// The classes, and which one a sample is of: one row of five is test data.
const CLASSES: [&str; 3] = ["circle", "square", "star"];

fn class(row: usize) -> usize {
    row % CLASSES.len()
}

/// A feature, of which the class can be told.
fn feature(row: usize, column: usize) -> f64 {
    let noise = (row * 7 + column * 3) % 5;
    (class(row) * 20 * (column % 3 + 1) + noise) as f64
}

/// A file of CSV with a header and texts as labels.
fn table(rows: usize) -> String {
    let mut text = "length,width,height,shape\n".to_owned();
    for row in 0..rows {
        let [a, b, c] = [0, 1, 2].map(|column| feature(row, column));
        let _ = writeln!(text, "{a},{b},{c},{}", CLASSES[class(row)]);
    }
    text
}

/// A grey PNG.
fn png(width: u32, height: u32, of: impl Fn(u32, u32) -> u8) -> Vec<u8> {
    let picture = GrayImage::from_fn(width, height, |x, y| Luma([of(x, y)]));
    let mut out = std::io::Cursor::new(Vec::new());
    picture.write_to(&mut out, ImageFormat::Png).unwrap();
    out.into_inner()
}

/// An array as `numpy.save` writes it.
fn npy(descr: &str, shape: &str, bytes: &[u8]) -> Vec<u8> {
    let header = format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}\n");
    let mut out = b"\x93NUMPY\x01\x00".to_vec();
    out.extend(u16::try_from(header.len()).unwrap().to_le_bytes());
    out.extend(header.bytes());
    out.extend(bytes);
    out
}

/// An archive as `numpy.savez` writes it.
fn npz(members: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut archive = rawzip::ZipArchiveWriter::new(&mut out);
    for (name, bytes) in members {
        let (mut entry, config) = archive.new_file(name).start().unwrap();
        let mut writer = config.wrap(&mut entry);
        writer.write_all(bytes).unwrap();
        let descriptor = writer.finish().unwrap().1;
        entry.finish(descriptor).unwrap();
    }
    archive.finish().unwrap();
    out
}

/// A column of Parquet; `None` is a null.
enum Column {
    Doubles(Vec<Option<f64>>),
    Longs(Vec<i64>),
    Texts(Vec<&'static str>),
}

/// A file of these columns, in the notation of Parquet's own schemas.
fn parquet(schema: &str, columns: &[Column]) -> Vec<u8> {
    let schema = Arc::new(parse_message_type(&format!("message m {{ {schema} }}")).unwrap());
    let mut writer = SerializedFileWriter::new(Vec::new(), schema, Arc::default()).unwrap();
    let mut group = writer.next_row_group().unwrap();
    for column in columns {
        let mut out = group.next_column().unwrap().unwrap();
        match column {
            Column::Doubles(values) => {
                let levels: Vec<i16> = values.iter().map(|v| i16::from(v.is_some())).collect();
                let there: Vec<f64> = values.iter().flatten().copied().collect();
                out.typed::<DoubleType>().write_batch(&there, Some(&levels), None)
            }
            Column::Longs(values) => out.typed::<Int64Type>().write_batch(values, None, None),
            Column::Texts(values) => {
                let values: Vec<ByteArray> = values.iter().map(|t| ByteArray::from(*t)).collect();
                out.typed::<ByteArrayType>().write_batch(&values, None, None)
            }
        }
        .unwrap();
        out.close().unwrap();
    }
    group.close().unwrap();
    writer.into_inner().unwrap()
}

const SCHEMA: &str =
    "OPTIONAL DOUBLE length; OPTIONAL DOUBLE width; REQUIRED BYTE_ARRAY shape (UTF8);";

/// Writes a file, and the folders above it.
fn write(path: &Path, bytes: impl AsRef<[u8]>) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, bytes).unwrap();
}

/// Writes the four, and adds each.
fn added(lab: &Lab) {
    write(&lab.path("table.csv"), table(ROWS));
    for row in 0..ROWS {
        let bright = u8::try_from(class(row) * 100).unwrap();
        let picture = png(8, 8, |x, y| bright + u8::try_from(x * y % 16).unwrap());
        write(&lab.path(&format!("photos/{}/{row:02}.png", CLASSES[class(row)])), picture);
    }
    let halves: Vec<u8> = (0..ROWS)
        .flat_map(|row| [[0x3c00_u16, 0x4000, 0x4200][class(row)]; 75])
        .flat_map(u16::to_le_bytes)
        .collect();
    let labels: Vec<u8> = (0..ROWS).map(|row| u8::try_from(class(row)).unwrap()).collect();
    let x = npy("<f2", &format!("({ROWS}, 3, 5, 5)"), &halves);
    write(
        &lab.path("arrays.npz"),
        npz(&[("x.npy", x), ("y.npy", npy("|u1", &format!("({ROWS},)"), &labels))]),
    );
    let doubles =
        |column| Column::Doubles((0..ROWS).map(|row| Some(feature(row, column))).collect());
    let texts = Column::Texts((0..ROWS).map(|row| CLASSES[class(row)]).collect());
    write(&lab.path("rows.parquet"), parquet(SCHEMA, &[doubles(0), doubles(1), texts]));
    for (data, more) in [
        ("table.csv", &[][..]),
        ("photos", &[]),
        ("arrays.npz", &[]),
        ("rows.parquet", &["--label", "shape"]),
    ] {
        lab.call(&[&["dataset", "add", data], more].concat()).exits(0);
    }
    lab.call(&["dataset", "check", "table", "photos", "arrays", "rows"]).exits(0);
}

const GRID: &str = r#"
name = "t"
repeat = 1
[grid]
model = ["mlp", "cnn", "resnet"]
dataset = ["table", "photos", "arrays", "rows"]
batch_size = 8
threads = 1
[train]
epochs = 40
learning_rate = 1e-2
[serve]
max_time = "100ms"
"#;

#[test]
fn each_model_is_trained_and_served_on_data_of_each_format() {
    let lab = Lab::new(GRID);
    added(&lab);
    lab.run(&["--full", "-q"]).exits(0);
    let rows = lab.rows("report.csv");
    assert_eq!(rows.len(), 12);
    for row in &rows {
        let run = &row["run"];
        for (phase, metric) in [("train", "train.throughput"), ("serve[1]", "serve.throughput")] {
            assert!(lab.figure(run, phase, metric).unwrap() > 0.0, "{run} {metric}");
        }
        // Samples and labels have kept together: by chance it is a third.
        let accuracy = lab.figure(run, "run", "test_accuracy").unwrap();
        assert!(accuracy > 0.5, "{run}: {accuracy}");
    }
}

/// A net of TorchScript that takes 64 values and gives ten numbers.
fn net() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/nets/flat.pt")
}

#[test]
fn a_net_runs_on_the_data_that_fit_and_the_others_say_why_not() {
    let model =
        format!("[models.mine]\ntorchscript = {:?}\ninput = [64]\n", net().to_str().unwrap());
    let grid = GRID.replace(r#"["mlp", "cnn", "resnet"]"#, r#""mine""#) + &model;
    for (data, says) in [
        ("table", "`input` has 64 values, and a sample of table 3 (1 x 1 x 3)"),
        ("arrays", "`input` has 64 values, and a sample of arrays 75 (3 x 5 x 5)"),
        // It has as many values, but ten classes.
        ("photos", "must be [1, 3], a number for each class; `epochs = 0` serves it only"),
    ] {
        let lab = Lab::new(&grid);
        added(&lab);
        let set = format!("grid.dataset={data}");
        let shown = lab.run(&["--set", &set]).exits(2);
        assert!(shown.stderr.contains(says), "{data}: {}", shown.stderr);
        assert!(!lab.path("results").exists());
        if data == "photos" {
            lab.run(&["--set", &set, "--set", "train.epochs=0", "--full", "-q"]).exits(0);
            let rate = lab.figure("mine-photos", "serve[1]", "serve.throughput");
            assert!(rate.unwrap() > 0.0);
        }
    }
}

/// A case of what cannot be used: the files of it, the one that is added, the manifest that somebody writes, and what is said.
struct Refused {
    files: Vec<(&'static str, Vec<u8>)>,
    add: &'static str,
    manifest: &'static str,
    says: &'static str,
}

fn refused(
    files: &[(&'static str, &[u8])],
    (add, manifest): (&'static str, &'static str),
    says: &'static str,
) -> Refused {
    let files = files.iter().map(|(name, bytes)| (*name, bytes.to_vec())).collect();
    Refused { files, add, manifest, says }
}

fn pictures() -> Vec<Refused> {
    let (small, large) = (png(8, 8, |_, _| 1), png(9, 8, |_, _| 2));
    let of = ("photos", "files = \"photos\"");
    let parts = ("photos", "files = { train = \"photos/train\", test = \"photos/test\" }");
    // Of five images the first is test data.
    let with = |name: &'static str, bytes: &[u8], says: &'static str| {
        let files =
            [("photos/a/1.png", &*small), ("photos/a/2.png", &small), ("photos/a/3.png", &small)];
        refused(&[&files[..], &[("photos/b/1.png", &*small), (name, bytes)]].concat(), of, says)
    };
    let broken = &small[..small.len() / 2];
    vec![
        with("photos/b/2.png", &large, "photos/b/2.png, header: is 9 x 8 pixels, and"),
        with("photos/b/2.png", broken, "photos/b/2.png, an image: cannot be decoded"),
        with("photos/b/2.png", b"", "photos/b/2.png, an image: is empty"),
        with("photos/b/2.jpg", b"GIF89a", "photos/b/2.jpg, an image: cannot be decoded"),
        with("photos/b/readme.txt", b"", "readme.txt, in a folder of images: is no PNG or JPEG"),
        with(
            "photos/2.png",
            &small,
            "photos/2.png, in a folder of images: lies in no folder of a class",
        ),
        refused(
            &[
                ("photos/train/a/1.png", &small),
                ("photos/train/a/2.png", &small),
                ("photos/train/b/1.png", &small),
                ("photos/train/b/2.png", &small),
                ("photos/test/c/1.png", &small),
            ],
            parts,
            "label `c` is none of the classes",
        ),
    ]
}

fn columns() -> Vec<Refused> {
    let doubles = |values: &[Option<f64>]| Column::Doubles(values.to_vec());
    let three = [Some(1.0), Some(2.0), Some(3.0)];
    let hole = [Some(1.0), None, Some(3.0)];
    let file = |x: &[Option<f64>], y: &[Option<f64>]| {
        parquet("OPTIONAL DOUBLE x; OPTIONAL DOUBLE y;", &[doubles(x), doubles(y)])
    };
    let texts = parquet(
        "REQUIRED BYTE_ARRAY x (UTF8); REQUIRED INT64 y;",
        &[Column::Texts(vec!["a", "b", "c"]), Column::Longs(vec![0, 1, 0])],
    );
    let of = ("rows.parquet", "files = [\"rows.parquet\"]");
    let whole = file(&three, &three);
    vec![
        refused(
            &[("rows.parquet", &file(&hole, &three))],
            of,
            "sample 1: column 1 (`x`) is null: fill it in",
        ),
        refused(
            &[("rows.parquet", &file(&three, &hole))],
            of,
            "sample 1: column 2 (`y`) is null: a sample without a label",
        ),
        refused(
            &[("rows.parquet", &file(&three, &[Some(0.0), Some(0.5), Some(1.0)]))],
            of,
            "sample 1: column 2 (`y`) label 0.5 is no class",
        ),
        refused(
            &[("rows.parquet", &texts)],
            of,
            "column 1 (`x`) holds texts, and a feature is a number",
        ),
        refused(
            &[("rows.parquet", &whole[..whole.len() - 9])],
            of,
            "rows.parquet, footer: is no Parquet file",
        ),
    ]
}

fn arrays() -> Vec<Refused> {
    let numbers = |values: [f32; 3]| npy("<f4", "(3, 1)", &values.map(f32::to_le_bytes).concat());
    let labels = |values: [f32; 3]| npy("<f4", "(3,)", &values.map(f32::to_le_bytes).concat());
    let x = numbers([1.0, 2.0, 3.0]);
    let of = ("arrays.npz", "files = [\"arrays.npz\"]");
    let archive = |x: Vec<u8>, y: Vec<u8>| npz(&[("x.npy", x), ("y.npy", y)]);
    let objects = npy("|O", "(3,)", b"cos\nsystem\n");
    let good = archive(x.clone(), labels([0.0, 1.0, 0.0]));
    vec![
        refused(
            &[("arrays.npz", &archive(objects.clone(), labels([0.0, 1.0, 0.0])))],
            of,
            "array `x`, header: holds objects of Python, which are never unpacked",
        ),
        refused(
            &[("arrays.npz", &archive(x.clone(), objects))],
            of,
            "array `y`, header: holds objects of Python, which are never unpacked",
        ),
        refused(
            &[("arrays.npz", &archive(numbers([1.0, f32::NAN, 3.0]), labels([0.0, 1.0, 0.0])))],
            of,
            "sample 1: value 0 is NaN: fill it in",
        ),
        refused(
            &[("arrays.npz", &archive(x.clone(), labels([0.0, 1.5, 0.0])))],
            of,
            "array `y`, sample 1: label 1.5 is no class",
        ),
        refused(
            &[("arrays.npz", &archive(x.clone(), labels([0.0, f32::NAN, 0.0])))],
            of,
            "array `y`, sample 1: its label is NaN",
        ),
        refused(
            &[("arrays.npz", &good[..good.len() / 2])],
            of,
            "arrays.npz, directory: is no archive of NumPy",
        ),
        // Training arrays alone.
        refused(
            &[(
                "arrays.npz",
                &npz(&[("x_train.npy", x), ("y_train.npy", labels([0.0, 1.0, 0.0]))]),
            )],
            of,
            "x_test",
        ),
    ]
}

fn texts() -> Vec<Refused> {
    let of = ("table.csv", "files = [\"table.csv\"]");
    let changes = table(4) + "1,2,circle\n";
    let wider = table(4) + "1,2,3,4,circle\n";
    vec![
        refused(
            &[("table.csv", changes.as_bytes())],
            of,
            "table.csv, line 6: has 3 columns, expected 3 values and a label",
        ),
        refused(
            &[("table.csv", wider.as_bytes())],
            of,
            "table.csv, line 6: has 5 columns, expected 3 values and a label",
        ),
        refused(&[("table.csv", b"a,b\n1,circle\n2,square\n")], of, "label"),
        refused(&[("table.csv", b"a,b\n")], of, "no row of it belongs to the training part"),
    ]
}

/// What a user sees of it, whether the data are added or a manifest of theirs is run.
fn check(case: &Refused) -> Vec<String> {
    let lab =
        Lab::new("name = \"t\"\n[grid]\nmodel = \"mlp\"\ndataset = \"./mine\"\nbatch_size = 2\n");
    for (name, bytes) in &case.files {
        write(&lab.path(name), bytes);
        write(&lab.path("mine").join(name), bytes);
    }
    write(&lab.path("mine/dataset.toml"), case.manifest);
    let said = [lab.call(&["dataset", "add", case.add]), lab.run(&[]), lab.run(&["--dry-run"])];
    assert!(!lab.path("datasets").exists() && !lab.path("results").exists(), "{:?}", lab.files());
    let is_other = |shown: &&Shown| {
        shown.code != Some(2)
            || !shown.stdout.is_empty()
            || !shown.stderr.contains("error: ")
            || !shown.stderr.contains(case.says)
    };
    said.iter().filter(is_other).map(|shown| format!("{}\n{shown:#?}", case.says)).collect()
}

#[test]
fn what_cannot_be_used_is_told_with_its_place_and_nothing_is_written() {
    let cases = [pictures(), columns(), arrays(), texts()];
    let others: Vec<String> = cases.iter().flatten().flat_map(check).collect();
    assert!(others.is_empty(), "{}", others.join("\n"));
}

#[test]
fn a_data_set_without_a_test_part_is_refused() {
    let lab =
        Lab::new("name = \"t\"\n[grid]\nmodel = \"mlp\"\ndataset = \"./mine\"\nbatch_size = 2\n");
    write(&lab.path("mine/table.csv"), table(6));
    for (keys, says) in [
        (
            "files = [\"table.csv\"]\nsplit = { train_first = 6 }\n",
            "no row of it belongs to the test part",
        ),
        (
            "files = [\"table.csv\"]\nsplit = { train_first = 60 }\n",
            "no row of it belongs to the test part",
        ),
        ("files = { train = \"table.csv\" }\n", "test"),
        ("files = { train = \"table.csv\", test = \"none.csv\" }\n", "none.csv is missing"),
        ("files = { train = \"table.csv\", test = \"table.csv\" }\n", "it is the training data"),
    ] {
        write(&lab.path("mine/dataset.toml"), keys);
        let shown = lab.run(&[]).exits(2);
        assert!(shown.stderr.contains(says), "{says}\n{}", shown.stderr);
        assert!(!lab.path("results").exists());
    }
}
