use image::{GrayImage, ImageFormat, Luma, Rgb, RgbImage};
use proptest::prelude::*;

use super::*;

fn grey(width: u32, height: u32, value: u8) -> Vec<u8> {
    let image = GrayImage::from_pixel(width, height, Luma([value]));
    let mut out = std::io::Cursor::new(Vec::new());
    image.write_to(&mut out, ImageFormat::Png).unwrap();
    out.into_inner()
}

fn coloured(pixel: [u8; 3], format: ImageFormat) -> Vec<u8> {
    let mut image = RgbImage::from_pixel(2, 2, Rgb(pixel));
    if format == ImageFormat::Png {
        image.put_pixel(1, 0, Rgb([255, 0, 0]));
    }
    let mut out = std::io::Cursor::new(Vec::new());
    image.write_to(&mut out, format).unwrap();
    out.into_inner()
}

#[test]
fn a_folder_of_folders_is_a_data_set() {
    let files: Files<'_> = &[
        ("images/dog/2.png", &grey(3, 2, 20)),
        ("images/dog/10.png", &grey(3, 2, 10)),
        ("images/cat/a.PNG", &grey(3, 2, 51)),
        ("images/cat/.hidden", b"x"),
        ("images/licence.txt", b"free"),
    ];
    let (_dir, found) = data("files = \"images/\"\nsplit = { train_first = 2 }\n", files);
    let found = found.unwrap();
    found.check().unwrap();
    let manifest = found.manifest();
    assert_eq!((manifest.shape, manifest.train_rows, manifest.test_rows), ([1, 2, 3], 2, 1));
    assert_eq!(manifest.class_names, ["cat", "dog"]);
    assert_eq!(
        manifest.guessed,
        ["shape [1, 2, 3]", "2 classes: cat, dog", "values from 0 to 255"]
    );
    // Class by class, each by name: a.PNG, 10.png, 2.png.
    let (values, labels) = train(&found);
    assert!((values[0] - 0.2).abs() < 1e-6);
    assert_eq!(labels, [0, 1]);
    assert!((values[6] - 10.0 / 255.0).abs() < 1e-6);
}

#[test]
fn colours_are_planes_and_sizes_are_those_of_the_shape() {
    let red = coloured([0, 51, 102], ImageFormat::Png);
    let files: Files<'_> = &[
        ("train/a/1.png", &red),
        ("train/b/1.jpg", &coloured([0, 51, 102], ImageFormat::Jpeg)),
        ("test/a/1.png", &red),
        ("test/b/1.png", &grey(40, 30, 204)),
    ];
    let keys = "[files]\ntrain = \"train/\"\ntest = \"test/\"\n";
    let (_dir, found) = data(&format!("shape = [3, 2, 2]\n{keys}"), files);
    let found = found.unwrap();
    found.check().unwrap();
    let bytes =
        |values: Vec<f32>| -> Vec<f32> { values.iter().map(|v| (v * 255.0).round()).collect() };
    let red = [0.0, 255.0, 0.0, 0.0, 51.0, 0.0, 51.0, 51.0, 102.0, 0.0, 102.0, 102.0];
    assert_eq!(bytes(train(&found).0)[..12], red);
    let (values, labels) = test(&found);
    assert_eq!(bytes(values)[..12], red);
    assert_eq!(labels, [0, 1]);
    // Grey becomes three equal planes, made smaller.
    assert_eq!(bytes(test(&found).0)[12..], [204.0; 12]);
    let (_dir, grey) = data(&format!("shape = [1, 1, 1]\n{keys}"), files);
    let grey = grey.unwrap();
    assert_eq!((grey.manifest().values(), test(&grey).0.len()), (1, 2));
    let (_dir, found) = data(&format!("shape = [2, 1, 1]\n{keys}"), files);
    assert!(found.unwrap_err().to_string().contains("images have 1 channel (grey) or 3"));
}

/// A PNG whose header claims this size.
fn claiming(width: u32, height: u32) -> Vec<u8> {
    let mut bytes = grey(2, 2, 0);
    bytes[16..20].copy_from_slice(&width.to_be_bytes());
    bytes[20..24].copy_from_slice(&height.to_be_bytes());
    let mut sum = flate2::Crc::new();
    sum.update(&bytes[12..29]);
    bytes[29..33].copy_from_slice(&sum.sum().to_be_bytes());
    bytes
}

#[test]
fn what_is_no_folder_of_images_is_named_with_what_to_do() {
    let (a, b) = (grey(2, 2, 1), grey(3, 2, 2));
    let whole = "files = \"images\"\nsplit = { train_first = 1 }\n";
    let shaped = "files = \"images\"\nshape = [3, 4, 4]\nsplit = { train_first = 1 }\nclasses = [\"a\", \"b\"]\n";
    for (keys, files, says) in [
        (
            whole,
            &[("images/a/1.png", &a[..]), ("images/b/1.png", &b)][..],
            "images/b/1.png, header: is 3 x 2 pixels, and DIR/images/a/1.png is 2 x 2: write shape = [3, 32, 32]",
        ),
        (
            whole,
            &[("images/a/1.png", &a), ("images/b/1.png", b"")],
            "images/b/1.png, an image: is empty",
        ),
        (
            whole,
            &[("images/a/1.png", &a), ("images/b/1.png", &b[..b.len() / 2])],
            "images/b/1.png, an image: cannot be decoded",
        ),
        (
            shaped,
            &[("images/a/1.png", &a), ("images/b/1.png", &b[..60])],
            "images/b/1.png, an image: cannot be decoded",
        ),
        (
            shaped,
            &[("images/a/1.png", &a), ("images/b/1.jpg", b"not an image")],
            "images/b/1.jpg, an image: cannot be decoded",
        ),
        (
            whole,
            &[("images/a/1.png", &claiming(60_000, 60_000))],
            "images/a/1.png, an image: is 60000 x 60000 pixels; more than 67108864 are not decoded",
        ),
    ] {
        refused(keys, files, says);
    }
}

#[test]
fn folders_that_are_no_classes_or_no_parts_are_named() {
    let (a, b) = (grey(2, 2, 1), grey(3, 2, 2));
    let whole = "files = \"images\"\nsplit = { train_first = 1 }\n";
    for (keys, files, says) in [
        (
            whole,
            &[("images/a/1.png", &a[..]), ("images/2.png", &a)][..],
            "images/2.png, in a folder of images: lies in no folder of a class",
        ),
        (
            whole,
            &[("images/a/1.png", &a), ("images/a/2.gif", b"GIF8")],
            "images/a/2.gif, in a folder of images: is no PNG or JPEG",
        ),
        (
            whole,
            &[("images/train/a/1.png", &a), ("images/test/a/1.png", &a)],
            "images/test/a, in a folder of images: is a folder within that of a class; where these are parts, write",
        ),
        (
            whole,
            &[("images/readme.txt", b"")],
            "images, in a folder of images: holds no folder of a class with PNG or JPEG",
        ),
        (whole, &[("images/a/1.png", &a)], "no sample of it belongs to the test part"),
        (whole, &[("images/a/1.png", &a), ("images/a/2.png", &a)], "fewer than 2 different labels"),
        ("files = \"nowhere/\"\nformat = \"images\"\n", &[], "nowhere/ is missing"),
        (
            "files = { train = \"train\", test = \"test\" }\n",
            &[("train/a/1.png", &a), ("train/b/1.png", &a), ("test/c/1.png", &a)],
            "test/c/1.png, sample 0: label `c` is none of the classes; did you mean `a`?",
        ),
        (
            "files = { train = \"train\", test = \"test\" }\n",
            &[("train/a/1.png", &a), ("train/b/1.png", &a), ("test/a/1.png", &b)],
            "test, header: its samples have the shape [1, 2, 3], those of the training part [1, 2, 2]",
        ),
        (
            "files = \"images\"\nclasses = 2\n",
            &[("images/a/1.png", &a)],
            "`classes` of images are the names of their folders",
        ),
        ("files = \"images\"\nlayout = \"hwc\"\n", &[("images/a/1.png", &a)], "`layout` is for"),
    ] {
        refused(keys, files, says);
    }
}

#[test]
fn a_folder_has_a_checksum() {
    let keys = "[files.all]\npath = \"images\"\nsha256 = \"0000000000000000000000000000000000000000000000000000000000000000\"\n";
    let files: Files<'_> = &[
        ("images/a/1.png", &grey(2, 2, 1)),
        ("images/a/2.png", &grey(2, 2, 1)),
        ("images/b/1.png", &grey(2, 2, 2)),
    ];
    let (dir, found) = data(keys, files);
    let error = found.unwrap().verify().unwrap_err().to_string();
    let sum = error.split("SHA-256 is ").nth(1).unwrap()[..64].to_owned();
    // What `sha256sum */*.png | sha256sum` prints.
    let lines = ["a/1.png", "a/2.png", "b/1.png"].map(|name| {
        let sum = crate::dataset::sha256(&dir.path().join("images").join(name)).unwrap();
        format!("{sum}  {name}\n")
    });
    fs_err::write(dir.path().join("lines"), lines.concat()).unwrap();
    assert_eq!(sum, crate::dataset::sha256(&dir.path().join("lines")).unwrap());
    let good = keys.replace(&"0".repeat(64), &sum);
    let found = described(dir.path(), &good).unwrap();
    found.verify().unwrap();
    fs_err::write(dir.path().join("images/a/1.png"), grey(2, 2, 3)).unwrap();
    assert!(found.verify().unwrap_err().to_string().contains("images is not the file that"));
}

proptest! {
    #[test]
    fn no_bytes_make_a_decoder_panic(at in 0_usize..400, byte in any::<u8>(), jpeg in any::<bool>()) {
        let format = if jpeg { ImageFormat::Jpeg } else { ImageFormat::Png };
        let mut bytes = coloured([9, 99, 199], format);
        let at = at % bytes.len();
        bytes[at] = byte;
        let files: Files<'_> = &[("images/a/1.png", &bytes), ("images/b/1.png", &grey(2, 2, 2))];
        let (_dir, data) = data("files = \"images\"\n", files);
        let _ = data.and_then(|data| data.check());
    }
}
