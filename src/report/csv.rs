//! `report.csv`, one row a run, `summary.csv`, one row a cell, and `metrics.csv`, one row a figure.

mod columns;

use std::collections::HashMap;
use std::io::Write;

use serde_json::json;

pub(super) use self::columns::main_metrics;
use self::columns::{Column, columns, is_empty};
use super::data::{self, DataColumn};
use super::found::Found;
use super::front::FrontReport;
use super::summary::{SummaryRow, cells_of};
use super::{ReportError, csv_bytes, distinct, one_line, optional, shown, words};
use crate::event::{MetricRow, Note, Num, RunRecord};
use crate::stats::Basis;

/// `report.csv`: one row a run, the main figures; `metrics.csv` has all of them, and the JSON document every setting.
///
/// An axis has a column where its values differ between the runs or from the default, a figure where some run has it. `cpu_utilisation_percent` speaks
/// of training (with its validation), `memory_peak_bytes` of the whole run, `serve_latency_*` and `serve_max_rate_per_s` of
/// `serve_phase`, `serve_throughput_*` of `serve_throughput_phase`. `*_plus_minus` is half of the interval within the run, in
/// the unit of its figure. `pareto` is `front` or `dominated` for the runs of cells that were compared by the objectives, and empty for the
/// others; `recommended` says which of those a search has found. `machine` is there where the runs are from several. `interference_percent` is a share of the whole run's time. `test_accuracy` is of models that were trained to the end,
/// `partial_test_accuracy` of the others.
pub fn report_csv(
    records: &[RunRecord],
    front: Option<&FrontReport>,
    found: Option<&Found>,
) -> Result<Vec<u8>, ReportError> {
    transposed(&columns(records, front, found), records.len())
}

fn transposed(columns: &[Column], rows: usize) -> Result<Vec<u8>, ReportError> {
    let rows = (0..rows).map(|row| columns.iter().map(move |column| &column.cells[row]));
    csv_bytes(columns.iter().map(|column| &column.name), rows)
}

/// What the name of a column ends in, and its value.
type SummaryEnd = (&'static str, fn(&SummaryRow) -> Option<f64>);

/// `summary.csv`: one row a cell, in the order of their first runs: the figures of `report.csv` as means over the visits, each
/// with the ends of its interval. A figure that no cell has has no column.
pub fn summary_csv(records: &[RunRecord], summary: &[SummaryRow]) -> Result<Vec<u8>, ReportError> {
    let cells = cells_of(records);
    let column = |name: &str, of: &dyn Fn(&RunRecord) -> String| Column {
        name: name.to_owned(),
        cells: cells.iter().map(|first| of(first)).collect(),
    };
    // Of thousands of cells none is looked for among all others.
    let mut runs: HashMap<&str, Vec<&RunRecord>> = HashMap::new();
    for record in records {
        runs.entry(&record.cell).or_default().push(record);
    }
    let mut rows: HashMap<&str, Vec<&SummaryRow>> = HashMap::new();
    for row in summary {
        rows.entry(&row.cell).or_default().push(row);
    }
    let repeats = |first: &RunRecord| runs.get(&*first.cell).cloned().unwrap_or_default();
    let rows_of = |first: &RunRecord| rows.get(&*first.cell).cloned().unwrap_or_default();
    let measured = |first: &RunRecord| rows_of(first).iter().map(|row| row.runs).max();
    // The accuracies of the others are those of models whose training was stopped. A command that told of no epoch trains nothing.
    let trained = |first: &RunRecord| {
        let runs = repeats(first);
        let trains = !first.job.work.is_command() || runs.iter().any(|run| run.epochs > 0);
        trains.then(|| runs.iter().filter(|run| run.trained_to_the_end()).count())
    };
    let confidence = |first: &RunRecord| rows_of(first).first().map(|row| row.confidence);
    let mut all = vec![
        column("cell", &|first| first.cell.clone()),
        column("model", &|first| first.job.model.name.clone()),
        column("dataset", &|first| first.job.dataset.clone()),
        column("runs", &|first| repeats(first).len().to_string()),
        column("runs_measured", &|first| measured(first).unwrap_or(0).to_string()),
        column("runs_trained_to_the_end", &|first| shown(trained(first))),
        column("confidence", &|first| optional(confidence(first))),
        column("interval", &|first| {
            let found = rows_of(first).iter().find_map(|row| row.interval);
            found.map_or("", Basis::says).to_owned()
        }),
    ];
    let machines = |first: &RunRecord| {
        let all = repeats(first).into_iter().filter_map(|run| run.machine);
        distinct(all).iter().map(u32::to_string).collect::<Vec<_>>().join(" ")
    };
    all.extend([column("machine", &machines)].into_iter().filter(|column| !is_empty(column)));
    for metric in main_metrics(records, &[]) {
        let ends: [SummaryEnd; 3] =
            [("", |row| row.mean), ("_low", |row| row.low), ("_high", |row| row.high)];
        let found = ends.map(|(end, of)| {
            column(&(metric.column() + end), &|first| {
                optional(SummaryRow::of(rows_of(first), first, metric).and_then(of))
            })
        });
        let known = !is_empty(&found[0]);
        all.extend(found.into_iter().filter(|_| known));
    }
    transposed(&all, cells.len())
}

/// The column of `metrics.csv` that says whose figure it is.
pub(super) const SAID_BY: &str = "said_by";

/// What stands there of a figure that only the worker knows; nothing of all others.
pub(super) const WORKER: &str = "worker";

/// `metrics.csv`: one row a figure. `low` and `high` are the interval *within this run*: they say how well this run's
/// own mean or quantile is known, not how much another run of the same cell would differ (`summary.csv` does). `cell`,
/// `repeat` and `status` are those of the run: its figures are compared with those of other repeats of the same cell.
/// It is the longest of all files, so it is written row by row.
pub fn metrics_csv(out: impl Write, records: &[RunRecord]) -> Result<(), ReportError> {
    let columns: [DataColumn<(&RunRecord, &MetricRow)>; 16] = [
        ("run", |(record, _)| json!(record.run)),
        ("phase", |(_, row)| json!(row.phase)),
        ("metric", |(_, row)| json!(row.metric.as_str())),
        ("unit", |(_, row)| json!(row.unit)),
        ("estimate", |(_, row)| json!(row.estimate.map(Num))),
        ("low", |(_, row)| json!(row.low.map(Num))),
        ("high", |(_, row)| json!(row.high.map(Num))),
        ("confidence", |(_, row)| json!(row.confidence)),
        ("samples", |(_, row)| json!(row.samples)),
        ("known", |(_, row)| json!(row.known)),
        ("note", |(_, row)| json!(one_line(&words::notes_of(row)))),
        ("interval", |(_, row)| json!(row.low.map(|_| "within this run"))),
        ("cell", |(record, _)| json!(record.cell)),
        ("repeat", |(record, _)| json!(record.repeat)),
        ("status", |(record, _)| json!(record.status.to_string())),
        (SAID_BY, |(_, row)| json!(row.notes.contains(&Note::SaidByWorker).then_some(WORKER))),
    ];
    let rows =
        records.iter().flat_map(|record| record.metrics.iter().map(move |row| (record, row)));
    data::write_table(out, &columns, rows)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{CommandSpec, Evidence, Feasibility, Num, Ruling, Work};
    use crate::metric::{CATALOGUE, MetricId, find as find_metric};
    use crate::report::fixtures::{
        all_kinds, compared, completed, failed, front, judged, limited, of_peak, record,
    };
    use crate::report::headline::Place;
    use std::collections::HashSet;

    fn metrics(records: &[RunRecord]) -> String {
        let mut bytes = Vec::new();
        metrics_csv(&mut bytes, records).unwrap();
        utf8(bytes)
    }

    fn utf8(bytes: Vec<u8>) -> String {
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn report_csv_is_as_promised() {
        insta::assert_snapshot!("report_csv", utf8(report_csv(&all_kinds(), None, None).unwrap()));
    }

    #[test]
    fn metrics_csv_is_as_promised() {
        insta::assert_snapshot!("metrics_csv", metrics(&all_kinds()));
    }

    #[test]
    fn a_cell_has_one_row_with_its_intervals_between_runs() {
        let record = completed();
        let row = |metric: &str, phase: &str, mean| SummaryRow {
            cell: record.cell.clone(),
            metric: metric.into(),
            phase: phase.to_owned(),
            unit: find_metric(metric).unwrap().unit,
            runs: 3,
            mean: Some(mean),
            low: Some(mean - 1.0),
            high: Some(mean + 1.0),
            confidence: 0.95,
            known: None,
            interval: Some(Basis::Between),
            note: String::new(),
        };
        let summary = [
            row("train.throughput", "train", 100.0),
            // Of another phase than the column speaks of.
            row("cpu.utilisation", "serve[1]", 50.0),
        ];
        let repeat = RunRecord { run: "another".to_owned(), ..record.clone() };
        let lost = RunRecord { cell: "lost".to_owned(), ..failed() };
        let csv = utf8(summary_csv(&[record.clone(), repeat, lost], &summary).unwrap());
        let mut reader = ::csv::Reader::from_reader(csv.as_bytes());
        let header = reader.headers().unwrap().clone();
        let rows: Vec<_> = reader.records().map(Result::unwrap).collect();
        let [only, lost] = &rows[..] else {
            panic!("{csv}");
        };
        assert_eq!((&lost[0], &lost[3], &lost[4], &lost[5]), ("lost", "1", "0", "0"));
        let field = |name: &str| &only[header.iter().position(|column| column == name).unwrap()];
        let runs = ["runs", "runs_measured", "runs_trained_to_the_end"].map(field);
        assert_eq!((field("cell"), runs), (&*record.cell, ["2", "3", "2"]));
        let rate = "train_throughput_samples_per_s";
        assert_eq!(
            [rate, &format!("{rate}_low"), &format!("{rate}_high")].map(field),
            ["100", "99", "101"]
        );
        assert_eq!(header.iter().find(|name| *name == "cpu_utilisation_percent"), None);
    }

    #[test]
    fn the_columns_are_few_unique_and_speak_of_the_unit() {
        let records = all_kinds();
        let all = columns(&records, None, None);
        let names: HashSet<_> = all.iter().map(|column| &column.name).collect();
        assert_eq!(names.len(), all.len());
        assert!(all.len() <= 30, "{names:?}");
        for metric in CATALOGUE.iter().filter(|metric| metric.in_report) {
            assert!(metric.column().ends_with(metric.unit.column_suffix()));
        }
    }

    #[test]
    fn only_axes_that_differ_and_figures_that_some_run_has_have_columns() {
        let mut small = record("mlp", "digits");
        small.job.train.batch_size = 32;
        let header = |records: &[RunRecord]| {
            let csv = utf8(report_csv(records, None, None).unwrap());
            csv.lines().next().unwrap().to_owned()
        };
        let one = header(&[completed()]);
        assert!(one.starts_with("run,model,dataset,seed,repeat,status,"), "{one}");
        assert!(!one.contains("optimizer") && !one.contains("gpu_"), "{one}");
        let both = header(&[completed(), small.clone()]);
        assert!(both.starts_with("run,model,dataset,batch_size,seed,"), "{both}");
        // A part of a grid says which one it is.
        let part = header(&[small]);
        assert!(part.starts_with("run,model,dataset,batch_size,seed,"), "{part}");
    }

    #[test]
    fn what_is_limited_has_a_column() {
        let evidence = Evidence::Figure { value: Num(0.000_125), peak: false };
        let finding = limited("serve.latency_p95", 1.0, Ruling::Met, evidence);
        let judged = judged(completed(), Feasibility::Feasible, vec![finding]);
        let csv = utf8(report_csv(&[judged], None, None).unwrap());
        assert_eq!(fields(&csv, ["serve_latency_p95_s"]), [["0.000125"]]);
    }

    #[test]
    fn half_of_an_interval_stands_beside_its_figure() {
        let csv = utf8(report_csv(&[completed()], None, None).unwrap());
        let row = completed();
        let row = row.metric("train", MetricId::TrainThroughput).unwrap();
        let names = ["train_throughput_samples_per_s", "train_throughput_samples_per_s_plus_minus"];
        let [[estimate, half]] = &fields(&csv, names)[..] else {
            panic!("{csv}");
        };
        assert_eq!(*estimate, row.estimate.unwrap().to_string());
        let exact = (row.high.unwrap() - row.low.unwrap()) / 2.0;
        assert!(
            (half.parse::<f64>().unwrap() / exact - 1.0).abs() < 1e-3 && half.len() < 8,
            "{half}"
        );
        assert!(!csv.contains("memory_peak_bytes_plus_minus"));
    }

    #[test]
    fn a_command_that_trains_nothing_is_not_counted_as_trained() {
        let mut record = completed();
        let spec = CommandSpec {
            words: vec!["prog".to_owned()],
            steps: false,
            epochs: false,
            bare: false,
            told: Vec::new(),
            ..CommandSpec::default()
        };
        record.job.work = Work::Command { spec };
        let trained = |record: &RunRecord| {
            let csv = utf8(summary_csv(std::slice::from_ref(record), &[]).unwrap());
            let [[trained]] = &fields(&csv, ["runs_trained_to_the_end"])[..] else {
                panic!("{csv}");
            };
            trained.clone()
        };
        assert_eq!(trained(&record), "1");
        record.epochs = 0;
        assert_eq!(trained(&record), "");
    }

    #[test]
    fn every_figure_lands_in_its_own_column() {
        // Each figure of the record is a different number, so that a swapped column cannot go unseen.
        let record = completed();
        let csv = utf8(report_csv(std::slice::from_ref(&record), None, None).unwrap());
        let mut reader = ::csv::Reader::from_reader(csv.as_bytes());
        let header = reader.headers().unwrap().clone();
        let row = reader.records().next().unwrap().unwrap();
        let mut shown = 0;
        for metric in CATALOGUE.iter().filter(|metric| metric.in_report) {
            let expected = Place::of(metric).estimate(&record, metric.id);
            let at = header.iter().position(|name| name == metric.column());
            assert_eq!(at.map(|at| row[at].to_owned()), expected.map(|value| value.to_string()));
            shown += usize::from(at.is_some());
        }
        assert!(shown > 5, "{csv}");
    }

    #[test]
    fn an_accuracy_of_a_model_half_trained_has_a_column_of_its_own() {
        let mut early = completed();
        early.epochs = early.job.train.epochs - 1;
        let csv = utf8(report_csv(&[completed(), early, failed()], None, None).unwrap());
        let known = Place::Run.estimate(&completed(), MetricId::TestAccuracy).unwrap().to_string();
        let says = [[known.as_str(), ""], ["", known.as_str()], ["", ""]];
        assert_eq!(fields(&csv, ["test_accuracy", "partial_test_accuracy"]), says);
    }

    /// The fields of these columns, row by row.
    fn fields<const N: usize>(csv: &str, names: [&str; N]) -> Vec<[String; N]> {
        let mut reader = ::csv::Reader::from_reader(csv.as_bytes());
        let header = reader.headers().unwrap().clone();
        let place = |name: &str| header.iter().position(|column| column == name).unwrap();
        let rows = reader.records().map(Result::unwrap);
        rows.map(|row| names.map(|name| row[place(name)].to_owned())).collect()
    }

    #[test]
    fn the_marks_of_a_run_are_those_of_its_cell() {
        let front = front();
        let csv = utf8(report_csv(&compared(), Some(&front), None).unwrap());
        let marks = fields(&csv, ["pareto"]).concat();
        assert_eq!(marks, ["front", "front", "dominated", "", ""]);
    }

    #[test]
    fn a_verdict_has_its_reason() {
        let judged = judged(completed(), Feasibility::Infeasible, vec![of_peak(1.0)]);
        let csv = utf8(report_csv(&[judged, completed()], None, None).unwrap());
        let says = "memory.peak <= 1.00 B is broken over the stages completed: 231 MiB";
        let names = ["verdict", "verdict_reason", "pareto"];
        assert_eq!(fields(&csv, names), [["infeasible", says, ""], ["", "", ""]]);
    }

    #[test]
    fn what_was_not_measured_is_empty_and_never_zero() {
        let mut record = completed();
        record.metrics.clear();
        let csv = utf8(report_csv(&[record], None, None).unwrap());
        assert!(!csv.contains("_bytes") && csv.contains(",10,"), "{csv}");
    }

    #[test]
    fn no_records_are_a_header() {
        assert_eq!(utf8(report_csv(&[], None, None).unwrap()).lines().count(), 1);
        assert_eq!(
            metrics(&[]),
            "run,phase,metric,unit,estimate,low,high,confidence,samples,known,note,interval,cell,repeat,status,said_by\n"
        );
    }
}
