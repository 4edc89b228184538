use proptest::prelude::*;

use super::*;
use crate::dataset::tests::gzip;

/// A file of safetensors with this header and these elements.
fn file(header: &str, elements: &[u8]) -> Vec<u8> {
    let mut out = (header.len() as u64).to_le_bytes().to_vec();
    out.extend(header.bytes());
    out.extend(elements);
    out
}

const HEADER: &str = r#"{"__metadata__":{"format":"pt"},"y":{"dtype":"I64","shape":[3],"data_offsets":[0,24]},
    "x":{"dtype":"F32","shape":[3,2],"data_offsets":[24,48]}}"#;

fn elements() -> Vec<u8> {
    let labels = [1_u64, 0, 1].map(u64::to_le_bytes).concat();
    [labels, floats(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0])].concat()
}

const KEYS: &str = "files = [\"a.safetensors\"]\nmax_value = 10\nsplit = { train_first = 2 }\n";

#[test]
fn tensors_are_read_in_any_order_packed_or_not() {
    let plain = file(HEADER, &elements());
    for bytes in [&plain, &gzip(&plain)] {
        let (_dir, data) = data(KEYS, &[("a.safetensors", bytes)]);
        let data = data.unwrap();
        data.check().unwrap();
        assert_eq!(train(&data), (vec![0.1, 0.2, 0.3, 0.4], vec![1, 0]));
        assert_eq!(test(&data), (vec![0.5, 0.6], vec![1]));
    }
}

#[test]
fn floats_of_sixteen_bits_are_read() {
    // 1 to 6.
    let halves: [u16; 6] = [0x3c00, 0x4000, 0x4200, 0x4400, 0x4500, 0x4600];
    let brains: [u16; 6] = [0x3f80, 0x4000, 0x4040, 0x4080, 0x40a0, 0x40c0];
    for (dtype, bits) in [("F16", halves), ("BF16", brains)] {
        let header = HEADER.replace("F32", dtype).replace("[24,48]", "[24,36]");
        let labels = [1_u64, 0, 1].map(u64::to_le_bytes).concat();
        let bytes = [labels, bits.map(u16::to_le_bytes).concat()].concat();
        let (_dir, data) = data(KEYS, &[("a.safetensors", &file(&header, &bytes))]);
        assert_eq!(train(&data.unwrap()), (vec![0.1, 0.2, 0.3, 0.4], vec![1, 0]), "{dtype}");
    }
}

#[test]
fn damaged_tensors_are_named_by_place() {
    let bytes = elements();
    for (file, says) in [
        (file(HEADER, &bytes[..40]), "array `x`, sample 0: ends early"),
        (file(HEADER, &bytes[..20]), "array `x`, header: begins after the end of the file"),
        (
            file(&HEADER.replace("F32", "F8_E4M3"), &bytes),
            "array `x`, header: its elements are of type F8_E4M3, which are not read",
        ),
        (
            file(&HEADER.replace("[3,2]", "[3,3]"), &bytes),
            "has the bytes 24 to 48 for [3, 3] of F32",
        ),
        (file(&HEADER.replace("[24,48]", "[48,24]"), &bytes), "has the bytes 48 to 24 for"),
        (
            file(&HEADER.replace("\"x\"", "\"z\""), &bytes),
            "directory: holds the arrays y, z, none of which",
        ),
        (
            file(&HEADER.replace("[3],", "[99999999999,99999999999],"), &bytes),
            "array `y`, header: has the bytes 0 to 24",
        ),
        (file("{\"x\": 3}", &bytes), "header: is no header of safetensors"),
        (file("no JSON", &bytes), "header: is no header of safetensors"),
        (
            u64::MAX.to_le_bytes().to_vec(),
            "header: is no file of safetensors: its header would be too long",
        ),
        (99_u64.to_le_bytes().to_vec(), "header: ends early"),
        (vec![1, 2], "header: cannot be read"),
    ] {
        refused(KEYS, &[("a.safetensors", &file)], says);
    }
}

proptest! {
    #[test]
    fn no_header_makes_a_reader_panic(at in 0_usize..400, byte in any::<u8>()) {
        let mut bytes = file(HEADER, &elements());
        let at = at % bytes.len();
        bytes[at] = byte;
        let (_dir, data) = data(KEYS, &[("a.safetensors", &bytes)]);
        let _ = data.and_then(|data| data.check());
    }
}
