//! `configs/onnx.toml`: requests to a net of ONNX, where Python has onnxruntime.
#![allow(clippy::print_stderr, reason = "a test that is left out says so")]

use std::path::Path;
use std::process::Command;

use crate::support::{Lab, rows};

#[test]
fn requests_to_a_net_of_onnx_are_steps() {
    let found = Command::new("python3").args(["-c", "import numpy, onnxruntime"]).output();
    if !found.is_ok_and(|output| output.status.success()) {
        eprintln!("configs/onnx.toml is left out: python3 has no onnxruntime");
        return;
    }
    let lab = Lab::new("");
    let grid = Path::new(env!("CARGO_MANIFEST_DIR")).join("configs/onnx.toml");
    let args = ["run", grid.to_str().unwrap(), "--out", "out", "--repeat", "1"];
    lab.call(&args).exits(0);
    let text = std::fs::read_to_string(lab.path("out/metrics.csv")).unwrap();
    for cell in ["net-digits-b1", "net-digits-b32"] {
        let row = rows(&text).into_iter().find(|row| {
            row["metric"] == "train.throughput" && row["phase"] == "train" && row["cell"] == cell
        });
        let row = row.unwrap_or_else(|| panic!("{cell}: {text}"));
        assert!(row["estimate"].parse::<f64>().unwrap() > 0.0, "{row:?}");
    }
}
