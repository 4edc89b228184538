use std::io::Write;
use std::path::Path;

use proptest::prelude::*;
use sha2::{Digest, Sha256};

use super::*;

#[derive(Debug, Default)]
pub(super) struct Loaded {
    pub(super) images: Vec<f32>,
    pub(super) labels: Vec<i64>,
}

pub(super) fn load<P: Part>(data: &DataSet) -> Result<Loaded, DataError> {
    let mut all = Loaded::default();
    data.read::<P, DataError>(|rows| {
        all.images.extend_from_slice(rows.images);
        all.labels.extend_from_slice(rows.labels);
        Ok(())
    })?;
    Ok(all)
}

fn shipped(name: &str) -> DataSet {
    DataSet::open(&Path::new(env!("CARGO_MANIFEST_DIR")).join("datasets").join(name)).unwrap()
}

pub(super) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packed.write_all(bytes).unwrap();
    packed.finish().unwrap()
}

const HEAD: &str = "name = \"tiny\"\nabout = \"t\"\nlicence = \"MIT\"\nsource = \"here\"\n";

/// A data set of these keys and files; `SHA` in the text is replaced by each file's checksum in turn.
fn folder(keys: &str, files: &[(&str, &[u8])]) -> (tempfile::TempDir, Result<DataSet, DataError>) {
    let dir = tempfile::tempdir().unwrap();
    let mut text = format!("{HEAD}{keys}");
    for (name, bytes) in files {
        fs_err::write(dir.path().join(name), bytes).unwrap();
        text = text.replacen("SHA", &file::hex(&Sha256::digest(bytes)), 1);
    }
    fs_err::write(dir.path().join(MANIFEST), text).unwrap();
    let data = DataSet::open(dir.path());
    (dir, data)
}

const CSV: &str = "shape = [2, 1, 2]\nclasses = 3\nformat = \"csv\"\nmax_value = 10\ntrain_rows = 2\ntest_rows = 1\n\
                   split = { train_first = 2 }\n[files.all]\npath = \"a.csv\"\nsha256 = \"SHA\"\n";

#[test]
fn shipped_data_sets_are_what_their_manifests_say() {
    for (name, values, train, test) in [
        ("digits", 64, 1437, 360),
        ("satellite", 36, 4435, 2000),
        ("fashion-mnist", 784, 60_000, 10_000),
    ] {
        let data = shipped(name);
        data.verify().unwrap();
        assert_eq!(data.manifest().name, name);
        for (part, rows) in [(load::<Train>(&data), train), (load::<Test>(&data), test)] {
            let part = part.unwrap();
            assert_eq!(part.labels.len(), rows, "{name}");
            assert_eq!(part.images.len(), rows * values, "{name}");
            assert!(part.images.iter().all(|v| (0.0..=1.0).contains(v)), "{name}");
            assert!(part.images.iter().any(|v| *v > 0.6), "{name}: scaled to the whole range");
            let classes: std::collections::BTreeSet<_> = part.labels.iter().collect();
            assert_eq!(classes.len(), data.manifest().classes as usize, "{name}");
        }
    }
}

#[test]
fn first_rows_of_the_shipped_files_are_read_as_they_are_written() {
    let digits = shipped("digits");
    // Rows 0, 5, ... are test data; row 0 is `0,0,5,13,9,...` with label 0, row 1 `0,0,0,12,...` with label 1.
    let test = load::<Test>(&digits).unwrap();
    assert_eq!(&test.images[..5], &[0.0, 0.0, 5.0 / 16.0, 13.0 / 16.0, 9.0 / 16.0]);
    assert_eq!(test.labels[0], 0);
    let train = load::<Train>(&digits).unwrap();
    assert_eq!(&train.images[2..5], &[0.0, 12.0 / 16.0, 13.0 / 16.0]);
    assert_eq!(&train.labels[..4], &[1, 2, 3, 4]);

    // Row 0: 92,115,120,94, 84,102,106,79, ...: the first band of the first pixels is 92, 84, 84, 101.
    let satellite = load::<Train>(&shipped("satellite")).unwrap();
    let bytes: Vec<f32> = satellite.images.iter().map(|v| (v * 255.0).round()).collect();
    assert_eq!(&bytes[..4], &[92.0, 84.0, 84.0, 101.0]);
    assert_eq!(&bytes[9..11], &[115.0, 102.0], "the second band follows all of the first");
    assert_eq!(satellite.labels[0], 2);
}

#[test]
fn csv_is_read_plain_or_packed_in_both_layouts() {
    let text = b"0,1,2,3,0\n4,5,6,7,1\n8,9,10,0,2\n";
    for packed in [text.to_vec(), gzip(text)] {
        let (_dir, data) = folder(CSV, &[("a.csv", &packed)]);
        let data = data.unwrap();
        data.verify().unwrap();
        let train = load::<Train>(&data).unwrap();
        assert_eq!(train.images, [0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7]);
        assert_eq!(train.labels, [0, 1]);
        assert_eq!(load::<Test>(&data).unwrap().labels, [2]);
    }
    let keys = CSV.replace("max_value", "layout = \"hwc\"\nheader = true\nmax_value");
    let text = b"a,b,c,d,label\n0,1,2,3,0\n4,5,6,7,1\n8,9,10,0,2\n";
    let (_dir, data) = folder(&keys, &[("a.csv", text)]);
    let train = load::<Train>(&data.unwrap()).unwrap();
    assert_eq!(&train.images[..4], &[0.0, 0.2, 0.1, 0.3], "pixels become planes");
}

#[test]
fn parts_may_have_files_of_their_own_and_labels_may_come_first() {
    let keys = "shape = [1, 1, 2]\nclasses = 2\nformat = \"csv\"\nlabel_column = \"first\"\nmin_value = -1\nmax_value = 1\n\
                train_rows = 2\ntest_rows = 1\n[files]\ntrain = { path = \"a.csv\", sha256 = \"SHA\" }\n\
                test = { path = \"b.csv\", sha256 = \"SHA\" }\n";
    let (_dir, data) = folder(keys, &[("a.csv", b"1,-1,1\n0,0,0.5\n"), ("b.csv", b"1,1,1\n")]);
    let data = data.unwrap();
    let train = load::<Train>(&data).unwrap();
    assert_eq!(train.images, [0.0, 1.0, 0.5, 0.75]);
    assert_eq!(train.labels, [1, 0]);
    assert_eq!(load::<Test>(&data).unwrap().images, [1.0, 1.0]);
}

#[test]
fn damaged_csv_is_named_by_file_and_line() {
    let mut cut = gzip(b"0,1,2,3,0\n4,5,6,7,1\n8,9,10,0,2\n");
    cut.truncate(cut.len() - 9);
    for (bytes, says) in [
        (
            &b"0,1,2,3,0\n4,5,6,1\n8,9,10,0,2\n"[..],
            "line 2: has 4 columns, expected 4 values and a label",
        ),
        (b"0,1,2,3,0\n4,x,6,7,1\n8,9,10,0,2\n", "line 2: column 2: `x` is not a number"),
        (b"0,1,2,3,0\n4,11,6,7,1\n8,9,10,0,2\n", "line 2: column 2 is 11, outside 0..10"),
        (b"0,1,2,3,0\n4,NaN,6,7,1\n8,9,10,0,2\n", "line 2: column 2 is NaN, outside"),
        (b"0,1,2,3,0\n4,5,6,7,3\n8,9,10,0,2\n", "line 2: label 3 is not below `classes = 3`"),
        (b"0,1,2,3,-1\n4,5,6,7,1\n8,9,10,0,2\n", "line 1: column 5: `-1` is not a class number"),
        (
            b"0,1,2,3,0\n",
            "holds 1 samples of the train part, but dataset.toml says `train_rows = 2`",
        ),
        (b"", "holds 0 samples"),
        (&cut, "near line"),
    ] {
        let (_dir, data) = folder(CSV, &[("a.csv", bytes)]);
        let message = load::<Train>(&data.unwrap()).unwrap_err().to_string();
        assert!(message.contains("a.csv") && message.contains(says), "{says}: {message}");
    }
}

#[test]
fn lines_are_counted_alike_however_they_end() {
    let rows = ["x,y", "1,a", "", "2,b", "oops,b", "3,a"];
    for end in ["\n", "\r\n", "\r"] {
        let text = rows.map(|row| format!("{row}{end}")).concat();
        let (_dir, data) = bare("files = [\"a.csv\"]\nlabel = \"y\"\n", &[("a.csv", &text)]);
        let message = data.and_then(|data| data.check()).unwrap_err().to_string();
        assert!(message.contains("a.csv, line 5: column 1 (`x`): `oops`"), "{end:?}: {message}");
        let (_dir, data) = bare(
            "files = [\"a.csv\"]\nlabel = \"y\"\n",
            &[("a.csv", &format!("x,y{end}1,a{end}2,b,c{end}"))],
        );
        let message = data.and_then(|data| data.check()).unwrap_err().to_string();
        assert!(message.contains("a.csv, line 3: has 3 columns"), "{end:?}: {message}");
    }
}

fn idx(dims: &[u32], values: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0, 0, 8, u8::try_from(dims.len()).unwrap()];
    bytes.extend(dims.iter().flat_map(|dim| dim.to_be_bytes()));
    bytes.extend(values);
    bytes
}

const IDX: &str = "shape = [1, 2, 2]\nclasses = 2\nformat = \"idx\"\nmax_value = 255\ntrain_rows = 2\ntest_rows = 1\n\
                   [files.train_images]\npath = \"ti\"\nsha256 = \"SHA\"\n[files.train_labels]\npath = \"tl\"\nsha256 = \"SHA\"\n\
                   [files.test_images]\npath = \"ei\"\nsha256 = \"SHA\"\n[files.test_labels]\npath = \"el\"\nsha256 = \"SHA\"\n";

#[test]
fn idx_is_read_plain_or_packed() {
    let images = idx(&[2, 2, 2], &[0, 51, 102, 153, 204, 255, 0, 0]);
    for (images, copies) in [(images.clone(), 0), (gzip(&images), 1)] {
        let (_dir, data) = folder(
            IDX,
            &[
                ("ti", &images),
                ("tl", &idx(&[2], &[1, 0])),
                ("ei", &idx(&[1, 2, 2], &[255; 4])),
                ("el", &gzip(&idx(&[1], &[1]))),
            ],
        );
        let data = data.unwrap();
        data.verify().unwrap();
        let train = load::<Train>(&data).unwrap();
        assert_eq!(train.labels, [1, 0]);
        for (value, expected) in train.images.iter().zip([0.0, 0.2, 0.4, 0.6, 0.8, 1.0, 0.0, 0.0]) {
            assert!((value - expected).abs() < 1e-6);
        }
        assert_eq!(load::<Test>(&data).unwrap().images, [1.0; 4]);
        // What was unpacked once is the same the second time.
        let kept = tempfile::tempdir().unwrap();
        let data = data.kept_in(Some(Copies::at(kept.path(), 1000)));
        for _ in 0..2 {
            let again = load::<Train>(&data).unwrap();
            assert_eq!((again.images, again.labels), (train.images.clone(), train.labels.clone()));
            assert_eq!(fs_err::read_dir(kept.path()).unwrap().count(), copies);
        }
    }
}

fn idx_error(keys: &str, images: &[u8], labels: &[u8]) -> String {
    let files = [("ti", images), ("tl", labels), ("ei", images), ("el", labels)];
    let (_dir, data) = folder(keys, &files);
    load::<Train>(&data.unwrap()).unwrap_err().to_string()
}

#[test]
fn damaged_idx_images_are_named_by_file_and_place() {
    let good = idx(&[2, 2, 2], &[0; 8]);
    let labels = idx(&[2], &[1, 0]);
    let expected = "ti, header: dimensions [2, 4], expected samples of shape [1, 2, 2]";
    for (images, says) in [
        (&b"PNG and so on"[..], "ti, header: begins with"),
        (&[0, 0, 13, 3, 0], "ti, header: its values are of type 0x0d"),
        (&[0, 0, 8, 3, 0, 0], "ti, header: cannot be read"),
        (&idx(&[2, 4], &[0; 8]), expected),
        (&idx(&[3, 2, 2], &[0; 12]), "holds 3 samples of the train"),
        (&good[..good.len() - 1], "in the 256 samples from 0 on: ends"),
        (&idx(&[2, 2, 2], &[0; 9]), "ti, end: holds more than its header"),
        (&gzip(&good)[..20], "ti, "),
    ] {
        let message = idx_error(IDX, images, &labels);
        assert!(message.contains(says), "{says}: {message}");
    }
    let narrow = IDX.replace("max_value = 255", "max_value = 16");
    let images = idx(&[2, 2, 2], &[0, 0, 0, 0, 0, 17, 0, 0]);
    let message = idx_error(&narrow, &images, &labels);
    assert!(message.contains("sample 1: a value is outside 0..16"), "{message}");
}

#[test]
fn damaged_idx_labels_are_named_by_file_and_place() {
    let images = idx(&[2, 2, 2], &[0; 8]);
    for (labels, says) in [
        (idx(&[2], &[1, 2]), "tl, sample 1: label 2 is not below"),
        (idx(&[3], &[1, 1, 1]), "tl: holds 3 samples"),
        (idx(&[2, 1], &[1, 1]), "tl, header: dimensions [2, 1], expected one label a sample"),
        (idx(&[2], &[1]), "tl, in the 256 samples from 0 on: ends early"),
    ] {
        let message = idx_error(IDX, &images, &labels);
        assert!(message.contains(says), "{says}: {message}");
    }
}

#[test]
fn a_changed_or_missing_file_is_found_by_its_checksum() {
    let (dir, data) = folder(CSV, &[("a.csv", b"0,1,2,3,0\n4,5,6,7,1\n8,9,10,0,2\n")]);
    let data = data.unwrap();
    data.verify().unwrap();
    fs_err::write(dir.path().join("a.csv"), b"0,1,2,3,0\n4,5,6,7,1\n8,9,10,0,1\n").unwrap();
    let message = data.verify().unwrap_err().to_string();
    assert!(
        message.contains("a.csv is not the file that tiny's dataset.toml describes"),
        "{message}"
    );
    fs_err::remove_file(dir.path().join("a.csv")).unwrap();
    let message = data.verify().unwrap_err().to_string();
    assert!(message.contains("a.csv is missing"), "{message}");
}

/// What is replaced in a good manifest, by what, and what the message must say.
const BAD: &[(&str, &str, &str)] = &[
    ("classes = 3", "clases = 3", "unknown key `clases` in dataset.toml\n  --> d/dataset.toml:6:1"),
    ("classes = 3", "clases = 3", "hint: did you mean `classes`?"),
    ("classes = 3", "classes = 1", "`classes` must be a whole number from 2 to"),
    ("classes = 3", "classes = -1", " --> d/dataset.toml:6:11\n"),
    ("classes = 3", "classes = [\"a\", \"a\"]", "`classes` names \"a\" twice"),
    ("classes = 3", "classes = \"a\"", "or a list of names"),
    ("[2, 1, 2]", "[2, 0, 2]", " --> d/dataset.toml:5:9\n"),
    ("[2, 1, 2]", "[2, 2]", "hint: of a table: features = 16"),
    ("[2, 1, 2]", "[60000, 60000, 60000]", "`shape` must be"),
    ("max_value = 10", "max_value = 0", "`max_value` must be above `min_value = 0`"),
    ("max_value = 10", "max_value = inf", "`max_value` must be a number"),
    ("max_value = 10", "min_value = 1", "`max_value` is missing"),
    ("max_value = 10", "max_value = 10\nscale = \"standard\"", "`max_value` is for `scale"),
    ("max_value = 10", "max_value = 10\nfeatures = 4", "`features` stands beside `shape`"),
    ("max_value = 10", "max_value = 10\nlabel = \"a\"\nlabel_column = \"last\"", "beside `label`"),
    ("train_rows = 2", "train_rows = 0", "`train_rows` must be"),
    ("train_first = 2", "test_every = 1", "`test_every` must be a whole number from 2"),
    ("train_first = 2", "test_evry = 3", "unknown key `test_evry` in `split`"),
    ("train_first = 2", "train_first = 2, test_every = 3", "`split` must have one of"),
    ("[files.all]", "[files.train]", "`files` of CSV must be"),
    ("\"csv\"", "\"idx\"", "`files` of IDX must be"),
    ("\"csv\"", "\"cvs\"", "hint: did you mean `csv`?"),
    ("SHA", "abc", " --> d/dataset.toml:14:10\n"),
    ("sha256", "sha265", "unknown key `sha265` in `files.all`"),
    ("a.csv", "", "`path` must name a file"),
    ("max_value = 10", "max_value = 10\nclass_names = [\"a\"]", "has 1 names for `classes = 3`"),
];

#[test]
fn bad_manifests_say_the_line_the_key_and_what_to_write() {
    let parse = |text: &str| {
        let text = format!("{HEAD}{}", text.replace("SHA", &"0".repeat(64)));
        Manifest::parse(&text, Path::new("d/dataset.toml"))
    };
    parse(CSV).unwrap();
    for (from, to, says) in BAD {
        assert!(CSV.contains(from), "{from}");
        let message = parse(&CSV.replace(from, to)).unwrap_err().to_string();
        assert!(message.contains(says) && message.contains("d/dataset.toml"), "{says}: {message}");
    }
}

#[test]
fn data_sets_are_found_by_name_in_order_and_by_path() {
    let (home, _) = folder(CSV, &[("a.csv", b"0,1,2,3,0\n")]);
    let base = tempfile::tempdir().unwrap();
    let near = base.path().join("datasets");
    for (root, name) in [(&near, "tiny"), (&near, "broken"), (&base.path().join("listed"), "tiny")]
    {
        fs_err::create_dir_all(root.join(name)).unwrap();
        let text = fs_err::read_to_string(home.path().join(MANIFEST)).unwrap();
        let text = if name == "broken" { "oops".to_owned() } else { text };
        fs_err::write(root.join(name).join(MANIFEST), text).unwrap();
    }
    let listed = base.path().join("listed");
    let below = near.join("tiny");
    let roots = Roots::from_parts(Some(listed.as_os_str()), &below, None);
    assert_eq!(roots.folders().len(), 2, "`datasets/` of a folder above is found");
    let found = find("tiny", &below, &roots).unwrap();
    assert!(found.folder().starts_with(fs_err::canonicalize(&listed).unwrap()));
    assert!(find("./datasets/tiny", base.path(), &roots).unwrap().folder().is_absolute());
    let names: Vec<_> =
        list(&roots).into_iter().map(|found| (found.name, found.data.is_ok())).collect();
    assert_eq!(names, [("broken".to_owned(), false), ("tiny".to_owned(), true)]);
    for (name, says) in [
        ("tinny", "did you mean `tiny`?"),
        ("q", "(known: broken, tiny)"),
        ("", "no data set ``"),
        ("./nowhere", "there is no folder"),
        ("./datasets", "has no dataset.toml"),
    ] {
        let message = find(name, base.path(), &roots).unwrap_err().to_string();
        assert!(message.contains(says), "{says}: {message}");
    }
}

proptest! {
    #[test]
    fn no_text_makes_the_manifest_panic(text in "(?s).{0,300}") {
        let _ = Manifest::parse(&text, Path::new("dataset.toml"));
    }

    #[test]
    fn no_number_makes_the_manifest_panic(
        c in any::<i64>(), h in any::<u32>(), rows in any::<i64>(), max in any::<f64>(), n in any::<i64>(),
    ) {
        let text = format!(
            "{HEAD}shape = [{c}, {h}, {h}]\nclasses = {rows}\nformat = \"csv\"\nmax_value = {max:?}\ntrain_rows = {rows}\n\
             test_rows = {n}\nsplit = {{ test_every = {n} }}\n[files.all]\npath = \"a\"\nsha256 = \"{}\"\n",
            "0".repeat(64)
        );
        if let Ok(manifest) = Manifest::parse(&text, Path::new("dataset.toml")) {
            prop_assert!(manifest.values() > 0);
        }
    }

    #[test]
    fn no_bytes_make_a_loader_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let (_dir, data) = folder(CSV, &[("a.csv", &bytes)]);
        let _ = load::<Train>(&data.unwrap());
        let files = [("ti", &bytes[..]), ("tl", &bytes), ("ei", &bytes), ("el", &bytes)];
        let (_dir, data) = folder(IDX, &files);
        let _ = load::<Test>(&data.unwrap());
    }
}

/// A data set with these keys alone.
fn bare(keys: &str, files: &[(&str, &str)]) -> (tempfile::TempDir, Result<DataSet, DataError>) {
    let dir = tempfile::tempdir().unwrap();
    for (name, text) in files {
        fs_err::write(dir.path().join(name), text).unwrap();
    }
    fs_err::write(dir.path().join(MANIFEST), keys).unwrap();
    let data = DataSet::open(dir.path());
    (dir, data)
}

const IRIS: &str = "id,length,width,species\n1,5,2,setosa\n2,7,2,virginica\n3,3,2,setosa\n\
                    4,5,2,virginica\n5,5,2,setosa\n6,9,8,virginica\n";

#[test]
fn two_lines_are_a_manifest() {
    let keys = "files = [\"a.csv\"]\nlabel = \"species\"\nignore = [\"id\"]\n";
    let (_dir, data) = bare(keys, &[("a.csv", IRIS)]);
    let data = data.unwrap();
    data.verify().unwrap();
    data.check().unwrap();
    let manifest = data.manifest();
    assert_eq!((manifest.shape, manifest.classes), ([1, 1, 2], 2));
    assert_eq!(manifest.class_names, ["setosa", "virginica"]);
    // Rows 0 and 5 are test data.
    assert_eq!((manifest.train_rows, manifest.test_rows), (4, 2));
    let found = manifest.guessed.join("; ");
    for says in [
        "2 features: length, width",
        "2 classes: setosa, virginica",
        "every 5th row is test data",
        "scale = \"standard\"",
    ] {
        assert!(found.contains(says), "{says}: {found}");
    }
    // The training part has the lengths 7, 3, 5, 5 (mean 5, variance 2) and one width; the test part is scaled by the same.
    let root = 2_f32.sqrt();
    let train = load::<Train>(&data).unwrap();
    assert_eq!(train.labels, [1, 0, 1, 0]);
    let expected = [root, 0.0, -root, 0.0, 0.0, 0.0, 0.0, 0.0];
    assert!(train.images.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-6), "{train:?}");
    let test = load::<Test>(&data).unwrap();
    assert_eq!(test.labels, [0, 1]);
    let expected = [0.0, 0.0, 4.0 / root, 6.0];
    assert!(test.images.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-6), "{test:?}");
}

/// Times in seconds since 1970, and numbers of 1e12: in 32 bits they are the same, and scaled they are as far apart as any.
#[test]
fn large_numbers_are_scaled_before_they_are_rounded() {
    let of = |offset: f64| {
        let row = |at: u32| format!("{},{}\n", offset + f64::from(at), at % 2);
        let text: String = std::iter::once("a,b\n".to_owned()).chain((0..10).map(row)).collect();
        let (_dir, data) = bare("files = \"a.csv\"\nlabel = \"b\"\n", &[("a.csv", &text)]);
        load::<Train>(&data.unwrap()).unwrap().images
    };
    let plain = of(0.0);
    for offset in [1.7e9, 1e12, -1e12] {
        // A mean of 1e12 is known to within 1e-4.
        let off = |(a, b): (f32, &f32)| (a - b).abs() < 1e-3;
        assert!(of(offset).into_iter().zip(&plain).all(off), "{offset}");
    }
    // What no sample can hold is refused, in the test part as well.
    let far = "a,b\n1e300,x\n1,x\n2,y\n3,x\n4,y\n";
    let (_dir, data) = bare("files = \"a.csv\"\nlabel = \"b\"\n", &[("a.csv", far)]);
    let error = load::<Test>(&data.unwrap()).unwrap_err().to_string();
    assert!(error.contains("too far out to be scaled"), "{error}");
    let keys = "files = \"a.csv\"\nmin_value = 1700000000\nmax_value = 1700000010\n";
    let (_dir, data) = bare(keys, &[("a.csv", "1700000003,x\n1700000001,y\n1700000009,x\n")]);
    assert_eq!(load::<Train>(&data.unwrap()).unwrap().images, [0.1, 0.9]);
}

#[test]
fn without_a_label_it_is_the_last_column_and_a_header_is_seen() {
    for (text, header) in
        [("1,2,b\n3,4,a\n5,6,b\n", "no header"), ("x,y,c\n1,2,b\n3,4,a\n5,6,b\n", "names")]
    {
        let (_dir, data) =
            bare("files = \"a.csv\"\nsplit = { train_first = 2 }", &[("a.csv", text)]);
        let data = data.unwrap();
        assert_eq!(load::<Train>(&data).unwrap().labels, [1, 0], "{text}");
        assert_eq!(load::<Test>(&data).unwrap().labels, [1], "{text}");
        let found = data.manifest().guessed.join("; ");
        assert!(found.contains(header), "{found}");
    }
}

#[test]
fn numbers_as_labels_are_classes_in_their_order_and_a_list_sets_another() {
    let text = "1,10\n2,9\n3,2\n4,10\n";
    let keys = "files = \"a.csv\"\nsplit = { train_first = 3 }\n";
    let (_dir, data) = bare(keys, &[("a.csv", text)]);
    assert_eq!(load::<Train>(&data.unwrap()).unwrap().labels, [2, 1, 0]);
    let keys = format!("{keys}classes = [\"9\", \"10\", \"2\"]");
    let (_dir, data) = bare(&keys, &[("a.csv", text)]);
    assert_eq!(load::<Train>(&data.unwrap()).unwrap().labels, [1, 0, 2]);
}

#[test]
fn what_the_files_contradict_is_shown_with_its_place() {
    let files = "files = [\"a.csv\"]\n";
    for (keys, says) in [
        ("label = \"specie\"", "a.csv has no column \"specie\""),
        ("label = \"specie\"", "dataset.toml:2:9\n"),
        ("label = \"specie\"", "hint: did you mean `species`?"),
        ("label = \"species\"\nignore = [\"ids\"]", "a.csv has no column \"ids\""),
        ("label = \"species\"\nfeatures = 7", "a row of a.csv has 3 values"),
        ("label = \"width\"", "fewer than 2 different labels"),
    ] {
        let (_dir, data) =
            bare(&format!("{files}{keys}"), &[("a.csv", &IRIS.replace(",8,", ",2,"))]);
        // Whatever is read first: a text among the values, or a single class.
        let message = data.map(|_| ()).unwrap_err().to_string();
        let of_values = message.contains("is not a number: write a number");
        assert!(
            message.contains(says) || (keys.contains("width") && of_values),
            "{says}: {message}"
        );
    }
    let (_dir, data) = bare("label = \"species\"", &[]);
    let message = data.unwrap_err().to_string();
    assert!(message.contains("`files` is missing") && message.contains("files = [\"data.csv\"]"));
    let (_dir, data) = bare("files = [\"b.csv\"]\nlabel = \"species\"", &[]);
    assert!(data.unwrap_err().to_string().contains("b.csv is missing"));
}

#[test]
fn a_mistake_in_the_test_part_is_found_by_a_check() {
    let train = "x,y\n1,a\n2,b\n";
    let keys = "files = { train = \"a.csv\", test = \"b.csv\" }\nlabel = \"y\"\n";
    for (test, says) in [
        ("x,y\n1,a\noops,b\n", "b.csv, line 3: column 1 (`x`): `oops` is not a number"),
        ("x,y\n1,a\n,b\n", "`` is not a number: fill it in"),
        ("x,y\n1,a\nnan,b\n", "column 1 (`x`) is NaN: fill it in"),
        ("x,y\n1,a\n3,sparrow\n", "label `sparrow` is none of the classes; the classes are: a, b"),
        ("x,y\n1,a\n3,4,b\n", "has 3 columns, expected 1 values and a label"),
        ("z,y\n1,a\n3,b\n", "b.csv, line 1: has the column `z` where"),
    ] {
        let (_dir, data) = bare(keys, &[("a.csv", train), ("b.csv", test)]);
        // A row of the wrong length shows when the rows are counted, the others when they are decoded.
        let checked = data.and_then(|data| {
            load::<Train>(&data)?;
            data.check()
        });
        let message = checked.unwrap_err().to_string();
        assert!(message.contains("b.csv") && message.contains(says), "{says}: {message}");
    }
    let same = keys.replace("b.csv", "a.csv");
    let (_dir, data) = bare(&same, &[("a.csv", train)]);
    let message = data.and_then(|data| data.check()).unwrap_err().to_string();
    assert!(message.contains("it is the training data"), "{message}");
    let (_dir, data) = bare(keys, &[("a.csv", train), ("b.csv", "x,y\n")]);
    assert!(data.unwrap_err().to_string().contains("no row of it belongs to the test part"));
}

#[test]
fn idx_files_say_their_own_shape() {
    let dir = tempfile::tempdir().unwrap();
    for (name, bytes) in [
        ("ti", idx(&[2, 2, 2], &[0; 8])),
        ("tl", idx(&[2], &[1, 0])),
        ("ei", idx(&[1, 2, 2], &[255; 4])),
        ("el", idx(&[1], &[1])),
    ] {
        fs_err::write(dir.path().join(name), bytes).unwrap();
    }
    let keys = "[files]\ntrain_images = \"ti\"\ntrain_labels = \"tl\"\ntest_images = \"ei\"\ntest_labels = \"el\"\n";
    fs_err::write(dir.path().join(MANIFEST), keys).unwrap();
    let data = DataSet::open(dir.path()).unwrap();
    data.check().unwrap();
    let manifest = data.manifest();
    assert_eq!((manifest.shape, manifest.classes), ([1, 2, 2], 2));
    assert_eq!((manifest.train_rows, manifest.test_rows), (2, 1));
    assert_eq!(load::<Test>(&data).unwrap().images, [1.0; 4]);
}
