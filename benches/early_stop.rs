//! What early stopping saves on the default grid, and what it costs in accuracy of the figures.
//!
//! `cargo bench --bench early_stop`: runs `configs/grid.toml` `REPEATS` (3) times with `--full` and as often with early stopping, in
//! turns and with the same seeds, and prints one Markdown table of medians over the repeats: the share is that of wall time, the errors
//! are those of the early figures against the full runs'. `OUT=DIR` keeps the results there, for `perftune report DIR/full --shadow`.
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
    let repeats = std::env::var("REPEATS").ok().and_then(|text| text.parse().ok()).unwrap_or(3);
    let scratch = tempfile::tempdir().unwrap();
    let folder = std::env::var_os("OUT").map_or_else(|| scratch.path().to_owned(), PathBuf::from);
    let (mut full, mut early) = (Vec::new(), Vec::new());
    for repeat in 1..=repeats {
        full = run(&folder.join("full"), repeat, &["--full"]);
        early = run(&folder.join("early"), repeat, &[]);
    }
    let names: Vec<_> = FIGURES.iter().map(|(_, name)| *name).collect();
    println!(
        "| cell | full, s | early, s | share | stop | {} | accuracy, full |",
        names.join(" | ")
    );
    println!("|---|---:|---:|---:|---|{}---:|", "---:|".repeat(names.len()));
    for (cell, rows) in &full {
        let (_, stopped) = early.iter().find(|(name, _)| name == cell).unwrap();
        println!("{}", line(cell, rows, stopped));
    }
}

fn line(cell: &str, full: &[Row], early: &[Row]) -> String {
    let wall = middle(full, "wall_s").unwrap();
    let stopped = middle(early, "wall_s").unwrap();
    let share = match wall {
        20.0.. => format!("{:.1}%", stopped / wall * 100.0),
        _ => "-".to_owned(),
    };
    let errors = FIGURES.map(|(column, _)| match (middle(early, column), middle(full, column)) {
        (Some(early), Some(full)) => format!("{:+.1}%", (early / full - 1.0) * 100.0),
        _ => String::new(),
    });
    let mut reasons: Vec<&str> = early.iter().map(|row| row["stop_reason"].as_str()).collect();
    reasons.dedup();
    format!(
        "| {cell} | {wall:.1} | {stopped:.1} | {share} | {} | {} | {:.3} |",
        reasons.join(", "),
        errors.join(" | "),
        middle(full, "test_accuracy").unwrap()
    )
}

/// The median of a column over the repeats of a cell.
fn middle(rows: &[Row], column: &str) -> Option<f64> {
    let mut values: Vec<f64> = rows.iter().filter_map(|row| row[column].parse().ok()).collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied()
}

/// The rows of each cell, after its `repeat`-th run.
fn run(out: &Path, repeat: usize, more: &[&str]) -> Vec<(String, Vec<Row>)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let status = Command::new(PERFTUNE)
        .current_dir(root)
        .args(["run", "configs/grid.toml", "--progress", "plain"])
        .args(["--resume", "--repeat", &repeat.to_string(), "--out"])
        .arg(out)
        .args(more)
        .env("PERFTUNE_WORKER", WORKER)
        .stdout(Stdio::null())
        .status()
        .unwrap();
    assert!(status.success(), "{status}");
    let mut reader = csv::Reader::from_path(out.join("report.csv")).unwrap();
    let mut cells: Vec<(String, Vec<Row>)> = Vec::new();
    for row in reader.deserialize() {
        let row: Row = row.unwrap();
        let cell = format!("{}-{}", row["model"], row["dataset"]);
        match cells.iter_mut().find(|(name, _)| *name == cell) {
            Some((_, rows)) => rows.push(row),
            None => cells.push((cell, vec![row])),
        }
    }
    cells
}
