use std::io::Write;

use proptest::prelude::*;
use rawzip::CompressionMethod;

use super::*;

/// An archive as `numpy.savez` or `numpy.savez_compressed` writes it.
fn npz(members: &[(&str, &[u8])], method: CompressionMethod) -> Vec<u8> {
    let mut out = Vec::new();
    let mut archive = rawzip::ZipArchiveWriter::new(&mut out);
    for (name, bytes) in members {
        let file = archive.new_file(name).compression_method(method);
        let (mut entry, config) = file.start().unwrap();
        let descriptor = if method == CompressionMethod::STORE {
            let mut writer = config.wrap(&mut entry);
            writer.write_all(bytes).unwrap();
            writer.finish().unwrap().1
        } else {
            let packed =
                flate2::write::DeflateEncoder::new(&mut entry, flate2::Compression::fast());
            let mut writer = config.wrap(packed);
            writer.write_all(bytes).unwrap();
            let (packed, descriptor) = writer.finish().unwrap();
            packed.finish().unwrap();
            descriptor
        };
        entry.finish(descriptor).unwrap();
    }
    archive.finish().unwrap();
    out
}

const METHODS: [CompressionMethod; 2] = [CompressionMethod::STORE, CompressionMethod::DEFLATE];

#[test]
fn an_archive_tells_its_arrays_by_their_names() {
    for method in METHODS {
        let one = npz(&[("x.npy", &x()), ("y.npy", &y()), ("about.txt", b"six")], method);
        let (_dir, found) = data("files = [\"a.npz\"]\nmax_value = 10\n", &[("a.npz", &one)]);
        let found = found.unwrap();
        found.check().unwrap();
        assert_eq!(found.manifest().guessed[0], "arrays x and y");
        assert_eq!(train(&found).1, [1, 2, 0, 1]);
        assert_eq!(train(&found).0[..4], [0.1, 1.0, 0.2, 1.0]);

        let test_x = npy("<f4", false, "(2, 2)", &floats(&[1.0, 2.0, 3.0, 4.0]));
        let test_y = npy("|u1", false, "(2, 1)", &[2, 1]);
        let keras = [
            ("x_test.npy", &test_x[..]),
            ("x_train.npy", &x()),
            ("y_train.npy", &y()),
            ("y_test.npy", &test_y),
        ];
        let (_dir, found) =
            data("files = [\"a.npz\"]\nmax_value = 10\n", &[("a.npz", &npz(&keras, method))]);
        let found = found.unwrap();
        found.check().unwrap();
        assert_eq!((found.manifest().train_rows, found.manifest().test_rows), (6, 2));
        assert_eq!(test(&found), (vec![0.1, 0.2, 0.3, 0.4], vec![2, 1]));
        let says = "arrays x_train, y_train to train on, x_test, y_test to test on";
        assert_eq!(found.manifest().guessed[0], says);
    }
}

#[test]
fn a_person_says_which_arrays_are_meant() {
    let archive = npz(&[("a.npy", &x()), ("b.npy", &y()), ("images.npy", &x())], METHODS[1]);
    let files: Files<'_> = &[("a.npz", &archive), ("b.npz", &archive)];
    let keys = "files = [\"a.npz\"]\nmax_value = 10\n";
    let (_dir, found) = data(&format!("{keys}arrays = {{ x = \"a\", y = \"b\" }}\n"), files);
    assert_eq!(train(&found.unwrap()).1, [1, 2, 0, 1]);
    for (keys, says) in [
        (
            keys.to_owned(),
            "a.npz, directory: holds the arrays a, b, images, none of which are called x and y",
        ),
        (
            format!("{keys}arrays = {{ x = \"a\", y = \"c\" }}\n"),
            "has no array `c`, which `arrays` names",
        ),
        (format!("{keys}arrays = {{ x = \"a\" }}\n"), "`arrays` must be { x = "),
        (
            "files = { train = \"a.npz\", test = \"a.npz\" }\narrays = { x = \"a\", y = \"b\" }\n"
                .to_owned(),
            "it is the training data",
        ),
    ] {
        refused(&keys, files, says);
    }
    let parts = "files = { train = \"a.npz\", test = \"b.npz\" }\nmax_value = 10\narrays = { x = \"a\", y = \"b\" }\n";
    let (_dir, found) = data(parts, files);
    found.unwrap().check().unwrap();
}

#[test]
fn a_damaged_archive_is_refused() {
    let keys = "files = [\"a.npz\"]\nmax_value = 10\n";
    for method in METHODS {
        let good = npz(&[("x.npy", &x()), ("y.npy", &y())], method);
        refused(
            keys,
            &[("a.npz", &good[..good.len() - 30])],
            "a.npz, directory: is no archive of NumPy",
        );
    }
    let good = npz(&[("x.npy", &x()), ("y.npy", &y())], METHODS[0]);
    let mut bad = good.clone();
    // The last byte of the first array: 10.0 becomes another number.
    let at = good.windows(4).position(|bytes| bytes == 10_f32.to_le_bytes()).unwrap();
    bad[at + 1] ^= 1;
    refused(keys, &[("a.npz", &bad)], "array `x`, end: its checksum is not that of the archive");
    for bytes in [&b""[..], b"PK", &x()] {
        refused(keys, &[("a.npz", bytes)], "a.npz, directory: is no archive of NumPy");
    }
    let odd = npz(&[("x.npy", b"no array"), ("y.npy", &y())], METHODS[1]);
    refused(keys, &[("a.npz", &odd)], "a.npz, array `x`, header: is no array of NumPy");
    let objects = npz(&[("x.npy", &x()), ("y.npy", &npy("|O", false, "(6,)", b"cos"))], METHODS[1]);
    refused(keys, &[("a.npz", &objects)], "a.npz, array `y`, header: holds objects of Python");
}

proptest! {
    #[test]
    fn no_archive_makes_a_reader_panic(at in 0_usize..600, byte in any::<u8>(), deflated in any::<bool>()) {
        let mut archive = npz(&[("x.npy", &x()), ("y.npy", &y())], METHODS[usize::from(deflated)]);
        let at = at % archive.len();
        archive[at] = byte;
        let (_dir, data) = data("files = [\"a.npz\"]\nmax_value = 10\n", &[("a.npz", &archive)]);
        let _ = data.and_then(|data| data.check());
    }
}
