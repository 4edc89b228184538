//! The times of commands in the format of `hyperfine --export-json`, for the scripts that read it.
//!
//! Only what was measured is written: perftune reads no user and system time apart, so both are null.

use std::collections::{BTreeMap, HashMap};
use std::io::Write;

use serde::Serialize;
use serde_json::Value;

use super::ReportError;
use super::headline::Place;
use super::json::write_pretty;
use super::lower_end::is_lower_end;
use super::summary::cells_of;
use crate::event::record::EXIT_CODE;
use crate::event::{CommandSpec, RunRecord, RunStatus};
use crate::metric::MetricId;
use crate::stats::Sample;

/// A cell, in seconds and bytes.
#[derive(Debug, Serialize)]
struct Benchmark {
    command: String,
    mean: f64,
    /// Null of one run, as in hyperfine.
    stddev: Option<f64>,
    median: f64,
    user: Value,
    system: Value,
    min: f64,
    max: f64,
    times: Vec<f64>,
    /// Absent where a run has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    memory_usage_byte: Option<Vec<u64>>,
    exit_codes: Vec<Option<i32>>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    parameters: BTreeMap<String, String>,
}

/// `{"results": [...]}`, a result for each cell of which some run came to its own end.
pub fn document(records: &[RunRecord]) -> Result<Vec<u8>, ReportError> {
    let mut bytes = Vec::new();
    write(&mut bytes, records)?;
    Ok(bytes)
}

/// Writes the same; how many results that were.
pub fn write(out: &mut dyn Write, records: &[RunRecord]) -> Result<usize, ReportError> {
    let mut cells: HashMap<&str, Vec<&RunRecord>> = HashMap::new();
    for record in records {
        cells.entry(&record.cell).or_default().push(record);
    }
    let of_cell = |first: &RunRecord| benchmark(first, &cells[&*first.cell]);
    let results: Vec<Benchmark> = cells_of(records).into_iter().filter_map(of_cell).collect();
    write_pretty(out, &serde_json::json!({ "results": results }))?;
    Ok(results.len())
}

fn benchmark(first: &RunRecord, of_cell: &[&RunRecord]) -> Option<Benchmark> {
    let whole = of_cell.iter().copied().filter(|run| run.status == RunStatus::Completed);
    let ended =
        whole.filter_map(|run| Some((run, Place::Run.estimate(run, MetricId::CommandTime)?)));
    let (runs, times): (Vec<&RunRecord>, Vec<f64>) = ended.unzip();
    let one = times.first().copied()?;
    let sample = Sample::new(&times).ok();
    let quantile = |level| sample.map_or(one, |sample| sample.quantile(level));
    let peak = |run: &&RunRecord| {
        // A format without marks has no place for a lower end.
        let row = Place::Run.row(run, MetricId::MemoryPeak).filter(|row| !is_lower_end(row))?;
        let bytes = row.estimate?;
        format!("{bytes:.0}").parse().ok()
    };
    let code = |run: &&RunRecord| run.facts.get(EXIT_CODE)?.parse().ok();
    let own = first.job.own.iter();
    Some(Benchmark {
        command: first.job.work.command().map(CommandSpec::shown).unwrap_or_default(),
        mean: sample.map_or(one, Sample::mean),
        stddev: sample.map(|sample| sample.variance().sqrt()),
        median: quantile(0.5),
        user: Value::Null,
        system: Value::Null,
        min: quantile(0.0),
        max: quantile(1.0),
        memory_usage_byte: runs.iter().map(peak).collect(),
        exit_codes: runs.iter().map(code).collect(),
        parameters: own.map(|(key, value)| (key.to_owned(), value.to_string())).collect(),
        times,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{AxisValue, Work};
    use crate::report::fixtures::{completed, failed};

    fn run(cell: &str, repeat: u32, time: f64, peak: Option<f64>) -> RunRecord {
        let mut record = completed();
        let words = vec!["sleep".to_owned(), "a b".to_owned()];
        record.job.work = Work::Command { spec: CommandSpec { words, ..CommandSpec::default() } };
        record.job.own.put("n", AxisValue::Whole(3));
        (record.cell, record.repeat) = (cell.to_owned(), repeat);
        record.facts.insert(EXIT_CODE.to_owned(), "0".to_owned());
        let row = |metric: MetricId, estimate| {
            let mut row = completed().metrics[0].clone();
            (row.metric, row.phase, row.estimate) = (metric.into(), "run".to_owned(), estimate);
            row
        };
        let (time, peak) =
            (row(MetricId::CommandTime, Some(time)), row(MetricId::MemoryPeak, peak));
        record.metrics = vec![time, peak];
        record
    }

    #[test]
    fn what_was_measured_is_written_and_nothing_else() {
        let lost = RunRecord { cell: "b".to_owned(), ..failed() };
        let times = [(1, 1.0), (2, 2.0), (3, 4.0)];
        let mut records = times.map(|(repeat, time)| run("a", repeat, time, Some(4096.0))).to_vec();
        records.extend([lost, run("c", 1, 0.5, None)]);
        let text = String::from_utf8(document(&records).unwrap()).unwrap();
        let found: Value = serde_json::from_str(&text).unwrap();
        let stddev = found["results"][0]["stddev"].as_f64().unwrap();
        assert!((stddev - (7.0_f64 / 3.0).sqrt()).abs() < 1e-12, "{stddev}");
        let expected = serde_json::json!({ "results": [
            {
                "command": "sleep 'a b'", "mean": 7.0 / 3.0, "stddev": stddev, "median": 2.0,
                "user": null, "system": null, "min": 1.0, "max": 4.0, "times": [1.0, 2.0, 4.0],
                "memory_usage_byte": [4096, 4096, 4096], "exit_codes": [0, 0, 0], "parameters": { "n": "3" },
            },
            {
                "command": "sleep 'a b'", "mean": 0.5, "stddev": null, "median": 0.5, "user": null, "system": null,
                "min": 0.5, "max": 0.5, "times": [0.5], "exit_codes": [0], "parameters": { "n": "3" },
            },
        ]});
        assert_eq!(found, expected, "{text}");
    }
}
