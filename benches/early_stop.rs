//! What early stopping saves on the default grid, and what it costs in accuracy of the figures.
//!
//! `cargo bench --bench early_stop`: runs `configs/grid.toml` once with `--full` and `REPEATS` (3) times with early stopping, in the same
//! session, and prints one Markdown table. The share is that of wall time, in the median over the repeats; the errors
//! compare the median early estimate with the full run's. `OUT=DIR` keeps the results there, for `perftune report --shadow`.
#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a benchmark prints and may panic"
)]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

const PERFTUNE: &str = env!("CARGO_BIN_EXE_perftune");
const WORKER: &str = env!("CARGO_BIN_EXE_perftune-worker");

/// Columns of report.csv that are compared, with their names in the table.
const FIGURES: [(&str, &str); 4] = [
    ("train_throughput_samples_per_s", "train rate"),
    ("serve_latency_p50_s", "serve p50"),
    ("cpu_utilisation_percent", "CPU"),
    ("memory_peak_bytes", "peak memory"),
];

type Row = BTreeMap<String, String>;

fn main() {
    let repeats = std::env::var("REPEATS")
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(3);
    let scratch = tempfile::tempdir().unwrap();
    let folder = std::env::var_os("OUT").map_or_else(|| scratch.path().to_owned(), PathBuf::from);
    let full = run(&folder.join("full"), &["--full"]);
    let early: Vec<_> = (0..repeats)
        .map(|i| run(&folder.join(format!("early-{i}")), &[]))
        .collect();
    let names: Vec<_> = FIGURES.iter().map(|(_, name)| *name).collect();
    println!(
        "| cell | full, s | early, s | share | stop | {} | accuracy, full |",
        names.join(" | ")
    );
    println!(
        "|---|---:|---:|---:|---|{}---:|",
        "---:|".repeat(names.len())
    );
    for (cell, row) in &full {
        let found: Vec<_> = early
            .iter()
            .filter_map(|rows| rows.iter().find(|(name, _)| name == cell))
            .collect();
        let found: Vec<&Row> = found.into_iter().map(|(_, row)| row).collect();
        println!("{}", line(cell, row, &found));
    }
}

fn line(cell: &str, full: &Row, early: &[&Row]) -> String {
    let number = |row: &Row, column: &str| row[column].parse::<f64>().ok();
    let wall = number(full, "wall_s").unwrap();
    let stopped = median(
        early
            .iter()
            .filter_map(|row| number(row, "wall_s"))
            .collect(),
    )
    .unwrap();
    let share = match wall {
        20.0.. => format!("{:.1}%", stopped / wall * 100.0),
        _ => "-".to_owned(),
    };
    let errors = FIGURES.map(|(column, _)| {
        let early = median(early.iter().filter_map(|row| number(row, column)).collect());
        match (early, number(full, column)) {
            (Some(early), Some(full)) => format!("{:+.1}%", (early / full - 1.0) * 100.0),
            _ => String::new(),
        }
    });
    let mut reasons: Vec<&str> = early
        .iter()
        .map(|row| row["stop_reason"].as_str())
        .collect();
    reasons.dedup();
    format!(
        "| {cell} | {wall:.1} | {stopped:.1} | {share} | {} | {} | {:.3} |",
        reasons.join(", "),
        errors.join(" | "),
        number(full, "test_accuracy").unwrap()
    )
}

fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied()
}

fn run(out: &PathBuf, more: &[&str]) -> Vec<(String, Row)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let status = Command::new(PERFTUNE)
        .current_dir(root)
        .args(["run", "configs/grid.toml", "--progress", "plain", "--out"])
        .arg(out)
        .args(more)
        .env("PERFTUNE_WORKER", WORKER)
        .stdout(Stdio::null())
        .status()
        .unwrap();
    assert!(status.success(), "{status}");
    let mut reader = csv::Reader::from_path(out.join("report.csv")).unwrap();
    let rows = reader.deserialize().map(|row: Result<Row, _>| row.unwrap());
    rows.map(|row| (row["run"].clone(), row)).collect()
}
