use proptest::prelude::*;

use super::*;
use crate::dataset::tests::gzip;

/// The numbers 0 to 6 in 16 bits.
const HALVES: [u16; 7] = [0x0000, 0x3c00, 0x4000, 0x4200, 0x4400, 0x4500, 0x4600];

/// The numbers 1 to 6 as three samples of two values.
fn numbers(descr: &str, fortran: bool) -> Vec<u8> {
    let order: [u8; 6] = if fortran { [1, 3, 5, 2, 4, 6] } else { [1, 2, 3, 4, 5, 6] };
    let mut bytes = Vec::new();
    for n in order {
        match descr {
            "|u1" | "|i1" | "|b1" => bytes.push(n),
            "<i2" | "<u2" => bytes.extend(u16::from(n).to_le_bytes()),
            ">i2" | ">u2" => bytes.extend(u16::from(n).to_be_bytes()),
            "<i4" | "<u4" => bytes.extend(u32::from(n).to_le_bytes()),
            ">i4" | ">u4" => bytes.extend(u32::from(n).to_be_bytes()),
            "<i8" | "<u8" => bytes.extend(u64::from(n).to_le_bytes()),
            ">i8" | ">u8" => bytes.extend(u64::from(n).to_be_bytes()),
            "<f2" => bytes.extend(HALVES[usize::from(n)].to_le_bytes()),
            ">f2" => bytes.extend(HALVES[usize::from(n)].to_be_bytes()),
            "<f4" => bytes.extend(f32::from(n).to_le_bytes()),
            ">f4" => bytes.extend(f32::from(n).to_be_bytes()),
            "<f8" => bytes.extend(f64::from(n).to_le_bytes()),
            ">f8" => bytes.extend(f64::from(n).to_be_bytes()),
            other => panic!("{other}"),
        }
    }
    npy(descr, fortran, "(3, 2)", &bytes)
}

#[test]
fn arrays_of_every_kind_and_order_are_read_alike() {
    let keys =
        "files = { x = \"x.npy\", y = \"y.npy\" }\nmax_value = 10\nsplit = { train_first = 2 }\n";
    let labels = npy("<i8", false, "(3,)", &[7_u64, 9, 7].map(u64::to_le_bytes).concat());
    for descr in [
        "|u1", "|i1", "<i2", ">i2", "<u2", ">u2", "<i4", ">i4", "<u4", ">u4", "<i8", ">i8", "<u8",
        ">u8", "<f2", ">f2", "<f4", ">f4", "<f8", ">f8",
    ] {
        for fortran in [false, true] {
            for packed in [false, true] {
                let array = numbers(descr, fortran);
                let array = if packed { gzip(&array) } else { array };
                let (_dir, data) = data(keys, &[("x.npy", &array), ("y.npy", &labels)]);
                let data = data.unwrap();
                data.check().unwrap();
                assert_eq!(
                    train(&data),
                    (vec![0.1, 0.2, 0.3, 0.4], vec![0, 1]),
                    "{descr} {fortran}"
                );
                assert_eq!(test(&data), (vec![0.5, 0.6], vec![0]), "{descr} {fortran}");
            }
        }
    }
    let truths = npy("|b1", false, "(3, 2)", &[0, 1, 1, 0, 0, 0]);
    let (_dir, data) = data(keys, &[("x.npy", &truths), ("y.npy", &labels)]);
    assert_eq!(train(&data.unwrap()).0, [0.0, 0.1, 0.1, 0.0]);
}

#[test]
fn an_array_in_the_order_of_fortran_keeps_its_sides() {
    // Two samples of 1 x 2 x 3: element (n, c, h, w) is 100 n + 10 h + w.
    let at = |n: u8, h: u8, w: u8| 100 * n + 10 * h + w;
    let mut bytes = Vec::new();
    for w in 0..3 {
        for h in 0..2 {
            for n in 0..2 {
                bytes.push(at(n, h, w));
            }
        }
    }
    let array = npy("|u1", true, "(2, 1, 2, 3)", &bytes);
    let keys = "files = { x = \"x.npy\", y = \"y.npy\" }\nsplit = { train_first = 1 }\nclasses = 2\nlayout = \"chw\"\n";
    let labels = npy("|i1", false, "(2,)", &[0, 1]);
    let (_dir, data) = data(keys, &[("x.npy", &array), ("y.npy", &labels)]);
    let data = data.unwrap();
    assert_eq!(data.manifest().shape, [1, 2, 3]);
    let bytes: Vec<f32> = test(&data).0.iter().map(|value| (value * 255.0).round()).collect();
    assert_eq!(bytes, [100.0, 101.0, 102.0, 110.0, 111.0, 112.0]);
}

#[test]
fn what_is_open_is_found_and_said() {
    let (_dir, data) =
        data("files = { x = \"x.npy\", y = \"y.npy\" }\n", &[("x.npy", &x()), ("y.npy", &y())]);
    let data = data.unwrap();
    let manifest = data.manifest();
    assert_eq!((manifest.train_rows, manifest.test_rows, manifest.classes), (4, 2, 3));
    assert_eq!(
        manifest.guessed.join("; "),
        "2 features; 3 classes: 0, 1, 2; scale = \"standard\"; every 5th row is test data"
    );
    // The training part has the rows 1 to 4: mean 2.5, variance 1.25.
    let (values, labels) = train(&data);
    assert!((values[0] + 1.5 / 1.25_f32.sqrt()).abs() < 1e-6 && values[1] == 0.0, "{values:?}");
    assert_eq!(labels, [1, 2, 0, 1]);
}

#[test]
fn large_numbers_are_scaled_before_they_are_rounded() {
    let of = |offset: f64| {
        let rows = (0..6_u32).flat_map(|at| (offset + f64::from(at)).to_le_bytes());
        let array = npy("<f8", false, "(6, 1)", &rows.collect::<Vec<u8>>());
        let keys = "files = { x = \"x.npy\", y = \"y.npy\" }\n";
        let (_dir, data) = data(keys, &[("x.npy", &array), ("y.npy", &y())]);
        train(&data.unwrap()).0
    };
    assert_eq!(of(1.7e9), of(0.0));
}

#[test]
fn each_part_may_have_arrays_of_its_own() {
    let keys = "max_value = 10\n[files]\nx_train = \"a.npy\"\ny_train = \"b.npy\"\nx_test = \"c.npy\"\ny_test = \"d.npy\"\n";
    let files: Files<'_> = &[
        ("a.npy", &x()),
        ("b.npy", &y()),
        ("c.npy", &npy("<f4", false, "(1, 2)", &floats(&[3.0, 4.0]))),
        ("d.npy", &npy("|u1", false, "(1,)", &[2])),
    ];
    let (_dir, found) = data(keys, files);
    let found = found.unwrap();
    found.check().unwrap();
    assert_eq!((found.manifest().train_rows, found.manifest().test_rows), (6, 1));
    assert_eq!(test(&found), (vec![0.3, 0.4], vec![2]));
    let other = npy("<f4", false, "(1, 3)", &floats(&[3.0, 4.0, 5.0]));
    let files: Files<'_> = &[files[0], files[1], ("c.npy", &other), files[3]];
    refused(
        keys,
        files,
        "c.npy, header: its samples have the shape [1, 1, 3], those of the training part [1, 1, 2]",
    );
    let whole = npy("|u1", false, "(1, 2)", &[3, 4]);
    let files: Files<'_> = &[files[0], files[1], ("c.npy", &whole), files[3]];
    refused(
        keys,
        files,
        "c.npy, header: its samples are whole numbers, those of the training part floats",
    );
    refused(&keys.replace("c.npy", "a.npy"), files, "a.npy, files: it is the training data");
    refused(&keys.replace("d.npy", "e.npy"), files, "e.npy is missing");
}

/// An array of zeros of this shape.
fn zeros(shape: &[usize]) -> Vec<u8> {
    let sides: Vec<String> = shape.iter().map(usize::to_string).collect();
    let size = shape.iter().product();
    npy("|u1", false, &format!("({},)", sides.join(", ")), &vec![0; size])
}

#[test]
fn the_shape_says_where_the_channels_are_or_a_person_does() {
    for (shape, keys, found, says) in [
        (&[6, 5][..], "", [1, 1, 5], "5 features"),
        (&[6], "", [1, 1, 1], "1 feature"),
        (&[6, 7, 5], "", [1, 7, 5], "shape [1, 7, 5]"),
        (&[6, 3, 7, 5], "", [3, 7, 5], "layout = \"chw\"; shape [3, 7, 5]"),
        (&[6, 7, 5, 3], "", [3, 7, 5], "layout = \"hwc\"; shape [3, 7, 5]"),
        (&[6, 2, 7, 5], "layout = \"chw\"", [2, 7, 5], "shape [2, 7, 5]"),
        (&[6, 7, 5, 2], "layout = \"hwc\"", [2, 7, 5], "shape [2, 7, 5]"),
        (&[6, 7, 5, 2], "shape = [2, 7, 5]", [2, 7, 5], ""),
        (&[6, 8], "shape = [2, 2, 2]", [2, 2, 2], ""),
    ] {
        let keys = format!(
            "files = {{ x = \"x.npy\", y = \"y.npy\" }}\nclasses = 3\nmax_value = 1\n{keys}\n"
        );
        let (_dir, data) = data(&keys, &[("x.npy", &zeros(shape)), ("y.npy", &y())]);
        let data = data.unwrap();
        data.check().unwrap();
        assert_eq!(data.manifest().shape, found, "{shape:?}");
        let guessed = data.manifest().guessed.join("; ");
        assert!(guessed.starts_with(says), "{shape:?}: {guessed}");
    }
    for (shape, keys, says) in [
        (&[6, 2, 7, 5][..], "", "does not tell where the channels are: write layout = \"chw\", or"),
        (&[6, 3, 7, 3], "", "does not tell where the channels are"),
        (&[6, 3, 7, 5], "shape = [3, 5, 7]", "has the shape [3, 7, 5], and `shape` says [3, 5, 7]"),
        (&[6, 4], "features = 5", "has the shape [1, 1, 4], and `shape` says [1, 1, 5]"),
        (&[6, 1, 1, 1, 1], "", "header: has the shape [6, 1, 1, 1, 1]; samples are"),
        (&[6, 0], "", "header: has the shape [6, 0]"),
        (&[0, 2], "", "header: has the shape [0, 2]"),
    ] {
        refused(&format!("{KEYS}{keys}\n"), &[("x.npy", &zeros(shape)), ("y.npy", &y())], says);
    }
}

#[test]
fn parts_with_their_channels_elsewhere_are_not_mixed() {
    let keys = "max_value = 10\nclasses = 3\n[files]\nx_train = \"a.npy\"\ny_train = \"y.npy\"\nx_test = \"b.npy\"\ny_test = \"y.npy\"\n";
    let (first, last) = (zeros(&[6, 3, 7, 5]), zeros(&[6, 7, 5, 3]));
    let says = "b.npy, header: its channels are not where those of the training part are";
    refused(keys, &[("a.npy", &first), ("b.npy", &last), ("y.npy", &y())], says);
}

#[test]
fn labels_are_whole_numbers_or_texts() {
    let texts: Vec<u8> = ["ab", "ü", "ab", "ü", "ab", "c"]
        .iter()
        .flat_map(|text| {
            let mut codes: Vec<u32> = text.chars().map(u32::from).collect();
            codes.resize(2, 0);
            codes.into_iter().flat_map(u32::to_be_bytes)
        })
        .collect();
    for (labels, classes, of_train) in [
        (npy(">U2", false, "(6,)", &texts), &["ab", "c", "ü"][..], [2, 0, 2, 0]),
        (npy("|S2", false, "(6, 1)", b"b\0a\0b\0a\0b\0b\0"), &["a", "b"], [0, 1, 0, 1]),
        (
            npy("<f4", false, "(6,)", &floats(&[10.0, 2.0, 10.0, 2.0, -1.0, 2.0])),
            &["-1", "2", "10"],
            [1, 2, 1, 0],
        ),
        (npy("|b1", false, "(6,)", &[0, 1, 0, 1, 0, 1]), &["0", "1"], [1, 0, 1, 0]),
    ] {
        let keys = format!("{KEYS}classes = {classes:?}\n");
        let (_dir, data) = data(&keys, &[("x.npy", &x()), ("y.npy", &labels)]);
        let data = data.unwrap();
        assert_eq!(train(&data).1, of_train, "{classes:?}");
    }
}

#[test]
fn labels_that_are_no_classes_are_named_by_their_sample() {
    for (labels, keys, says) in [
        (
            npy("<f4", false, "(6,)", &floats(&[0.0, 1.5, 0.0, 0.0, 0.0, 0.0])),
            "",
            "y.npy, sample 1: label 1.5 is no class",
        ),
        (
            npy("<f4", false, "(6,)", &floats(&[0.0, 1.0, f32::NAN, 0.0, 0.0, 0.0])),
            "",
            "sample 2: its label is NaN",
        ),
        (
            npy("<f4", false, "(6,)", &floats(&[0.0, f32::INFINITY, 0.0, 0.0, 0.0, 0.0])),
            "",
            "label inf is no class",
        ),
        (
            zeros(&[6, 3]),
            "",
            "y.npy, header: has the shape [6, 3]; one label a sample is needed, of rows with a 1",
        ),
        (zeros(&[5]), "", "y.npy, header: has 5 labels, and DIR/x.npy 6 samples"),
        (zeros(&[6]), "", "fewer than 2 different labels"),
        (
            y(),
            "classes = 2",
            "x.npy, sample 2: label 2 is no number from 0 on and below `classes = 2`",
        ),
        (y(), "classes = [\"0\", \"1\"]", "sample 2: label `2` is none of the classes"),
        (npy("|S1", false, "(6,)", b"aabb\xffa"), "", "y.npy, sample 4: is no text of Unicode"),
        (npy("|S1", false, "(6,)", b"aa\0baa"), "", "sample 2: its label is empty"),
        (
            npy("|O", false, "(6,)", b"cos\nsystem\n"),
            "",
            "y.npy, header: holds objects of Python, which are never unpacked",
        ),
    ] {
        refused(&format!("{KEYS}{keys}\n"), &[("x.npy", &x()), ("y.npy", &labels)], says);
    }
}

#[test]
fn damaged_arrays_are_named_by_file_and_place() {
    let good = x();
    let mut long = good.clone();
    long.push(0);
    let with = |row: usize, value: f32| {
        let mut bad = good.clone();
        let at = bad.len() - 48 + row * 8;
        bad[at..at + 4].copy_from_slice(&value.to_le_bytes());
        bad
    };
    let endless = npy("<f4", false, "(6, 60000000)", &[]);
    let turned = npy("<f4", true, "(6, 60000000)", &[]);
    for (array, keys, says) in [
        (&good[..good.len() - 1], KEYS, "x.npy, sample 0: ends early or is damaged"),
        (&long, KEYS, "x.npy, end: holds more than its header announces"),
        (&good[..40], KEYS, "x.npy, header: cannot be read"),
        (b"", KEYS, "x.npy, header: cannot be read"),
        (b"PK\x03\x04 and so on and so on", KEYS, "x.npy, header: is no array of NumPy"),
        (
            &with(2, 11.0),
            KEYS,
            "x.npy, sample 2: value 0 is 11, outside 0..10 (`min_value`, `max_value`)",
        ),
        (&with(2, f32::NAN), KEYS, "sample 2: value 0 is NaN, outside 0..10"),
        (
            &with(2, f32::NAN),
            "files = { x = \"x.npy\", y = \"y.npy\" }",
            "sample 2: value 0 is NaN: fill it in",
        ),
        (
            &with(5, f32::INFINITY),
            "files = { x = \"x.npy\", y = \"y.npy\" }",
            "sample 5: value 0 is inf: fill it in",
        ),
        (&endless, KEYS, "x.npy, sample 0: ends early"),
        (&turned, KEYS, "x.npy, sample 0: ends early"),
        (&npy("<f4", false, "(6, 99999999999999)", &[]), KEYS, "has more than 67108864 values"),
        (
            &npy("<f4", false, "(6, 9999999999, 9999999999)", &[]),
            KEYS,
            "has more than 67108864 values",
        ),
        (&npy("<U2", false, "(6, 2)", &[0; 96]), KEYS, "x.npy, header: holds texts"),
        (&npy("<c8", false, "(6, 2)", &[0; 96]), KEYS, "x.npy, header: holds complex numbers"),
    ] {
        refused(keys, &[("x.npy", array), ("y.npy", &y())], says);
    }
}

#[test]
fn keys_that_say_nothing_of_arrays_are_refused() {
    for (keys, says) in [
        ("label = \"y\"\n", "`label` is for CSV, Parquet"),
        ("header = true\n", "`header` is for CSV"),
        ("arrays = { x = \"a\", y = \"b\" }\n", "`arrays` is for NPZ, safetensors"),
        ("format = \"npz\"\n", "`files` of this format must be one file"),
    ] {
        refused(&format!("{keys}{KEYS}"), &[("x.npy", &x()), ("y.npy", &y())], says);
    }
    refused("files = [\"x.npy\"]\n", &[("x.npy", &x())], "`files` of NPY must be `x` and `y`");
    refused("files = { x = \"x.npy\" }\n", &[], "`files` of NPY must be `x` and `y`");
}

proptest! {
    #[test]
    fn no_bytes_make_a_reader_panic(
        header in prop::sample::select(vec![
            "", "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 2)}", "{'descr': '|u1', 'fortran_order': True, 'shape': (3, 1, 1)}",
        ]),
        bytes in prop::collection::vec(any::<u8>(), 0..64),
    ) {
        let mut array = b"\x93NUMPY\x01\x00".to_vec();
        array.extend(u16::try_from(header.len()).unwrap().to_le_bytes());
        array.extend(header.bytes());
        array.extend(&bytes);
        for array in [&array, &bytes] {
            let (_dir, data) = data(KEYS, &[("x.npy", array), ("y.npy", array)]);
            let _ = data.and_then(|data| data.check());
        }
    }
}
