//! `report.csv`, one row a run, `summary.csv`, one row a cell, and `metrics.csv`, one row a figure.

mod columns;

use serde_json::json;

use self::columns::Column::{self, Axis, Figure, Pareto, Text};
use self::columns::{columns, figure, of_axis};
pub(super) use self::columns::{figure_columns, limit_cpus, text_columns};
use super::data::{self, DataColumn};
use super::front::{FrontReport, Mark};
use super::summary::{SummaryRow, cells_of};
use super::{ReportError, csv_bytes, one_line, optional, words};
use crate::event::{MetricRow, Note, Num, RunRecord};

/// `report.csv`: one row a run.
///
/// `cpu_*` and `memory_rss_mean_bytes` speak of training (with its validation), `memory_peak_bytes` and
/// `gpu_memory_peak_bytes` of the whole run, `serve_latency_*` of requests of `serve_batch_size`,
/// `serve_throughput_*` of requests of `serve_throughput_batch_size`, `serve_max_rate_per_s` of the highest rate at which
/// the latency at `serve_max_rate_percentile` (a share: 0.99) is at most `serve_max_rate_limit_s`. `pareto` is `front` or
/// `dominated` for the runs of cells that were compared by the objectives, and empty for the others. `interference_*` are
/// shares of the whole run's time. `test_accuracy` is of models that were trained to the end, `partial_test_accuracy` of the others.
pub fn report_csv(
    records: &[RunRecord],
    front: Option<&FrontReport>,
) -> Result<Vec<u8>, ReportError> {
    let header = columns().map(Column::name);
    let marks = front.map(FrontReport::marks).unwrap_or_default();
    let marks = &marks;
    let rows = records.iter().map(|record| {
        columns().map(move |column| match column {
            Axis(key) => of_axis(key, record),
            Text(_, text) => text(record),
            Figure(metric) => optional(figure(metric, record)),
            Pareto => {
                let mark = marks.of(record);
                mark.and_then(Mark::pareto).unwrap_or_default().to_owned()
            }
        })
    });
    csv_bytes(header, rows)
}

/// `summary.csv`: one row a cell, in the order of their first runs: the figures of `report.csv` as means over the repeats, each
/// with the ends of its interval *between runs*.
pub fn summary_csv(records: &[RunRecord], summary: &[SummaryRow]) -> Result<Vec<u8>, ReportError> {
    let mut header: Vec<String> = [
        "cell",
        "model",
        "dataset",
        "runs",
        "runs_measured",
        "runs_trained_to_the_end",
        "confidence",
        "interval",
    ]
    .map(str::to_owned)
    .to_vec();
    header.extend(
        figure_columns()
            .flat_map(|(name, _)| ["", "_low", "_high"].map(|end| format!("{name}{end}"))),
    );
    let rows = cells_of(records).into_iter().map(|first| {
        let of_cell = || summary.iter().filter(|row| row.cell == first.cell);
        let repeats = || records.iter().filter(|record| record.cell == first.cell);
        let measured = of_cell().map(|row| row.runs).max().unwrap_or(0);
        // The accuracies of the others are those of models whose training was stopped.
        let trained = repeats().filter(|record| record.trained_to_the_end());
        let mut fields = vec![
            first.cell.clone(),
            first.job.model.name.clone(),
            first.job.dataset.clone(),
            repeats().count().to_string(),
            measured.to_string(),
            trained.count().to_string(),
            optional(of_cell().next().map(|row| row.confidence)),
            "between runs".to_owned(),
        ];
        for (_, metric) in figure_columns() {
            let found = SummaryRow::of(summary, first, metric);
            let ends = found.map_or([None; 3], |row| [row.mean, row.low, row.high]);
            fields.extend(ends.map(optional));
        }
        fields
    });
    csv_bytes(header, rows)
}

/// The column of `metrics.csv` that says whose figure it is.
pub(super) const SAID_BY: &str = "said_by";

/// What stands there of a figure that only the worker knows; nothing of all others.
pub(super) const WORKER: &str = "worker";

/// `metrics.csv`: one row a figure. `low` and `high` are the interval *within this run*: they say how well this run's
/// own mean or quantile is known, not how much another run of the same cell would differ (`summary.csv` does). `cell`,
/// `repeat` and `status` are those of the run: its figures are compared with those of other repeats of the same cell.
pub fn metrics_csv(records: &[RunRecord]) -> Result<Vec<u8>, ReportError> {
    let columns: [DataColumn<(&RunRecord, &MetricRow)>; 16] = [
        ("run", |(record, _)| json!(record.run)),
        ("phase", |(_, row)| json!(row.phase)),
        ("metric", |(_, row)| json!(row.metric)),
        ("unit", |(_, row)| json!(row.unit)),
        ("estimate", |(_, row)| json!(row.estimate.map(Num))),
        ("low", |(_, row)| json!(row.low.map(Num))),
        ("high", |(_, row)| json!(row.high.map(Num))),
        ("confidence", |(_, row)| json!(row.confidence)),
        ("samples", |(_, row)| json!(row.samples)),
        ("plateaued", |(_, row)| json!(row.plateaued)),
        ("note", |(_, row)| json!(one_line(&words::notes_of(row)))),
        ("interval", |(_, row)| json!(row.low.map(|_| "within this run"))),
        ("cell", |(record, _)| json!(record.cell)),
        ("repeat", |(record, _)| json!(record.repeat)),
        ("status", |(record, _)| json!(record.status.to_string())),
        (SAID_BY, |(_, row)| json!(row.notes.contains(&Note::SaidByWorker).then_some(WORKER))),
    ];
    let rows =
        records.iter().flat_map(|record| record.metrics.iter().map(move |row| (record, row)));
    data::table(&columns, rows)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Feasibility, Limits, MemoryGuard};
    use crate::event::{MaxRate, Pattern};
    use crate::metric::{MetricId, find as find_metric};
    use crate::report::fixtures::{all_kinds, compared, completed, failed, front, judged, of_peak};
    use crate::report::headline::Place;
    use std::collections::HashSet;

    fn utf8(bytes: Vec<u8>) -> String {
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn report_csv_is_as_promised() {
        insta::assert_snapshot!("report_csv", utf8(report_csv(&all_kinds(), None).unwrap()));
    }

    #[test]
    fn metrics_csv_is_as_promised() {
        insta::assert_snapshot!("metrics_csv", utf8(metrics_csv(&all_kinds()).unwrap()));
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
        assert_eq!(field("cpu_utilisation_percent"), "");
    }

    #[test]
    fn the_columns_are_unique_and_speak_of_metrics_that_exist() {
        let names: HashSet<_> = columns().map(Column::name).collect();
        assert_eq!(names.len(), columns().count());
        for column in columns() {
            let name = column.name();
            assert!(!name.is_empty());
            if let Figure(metric) = column {
                let unit = metric.def().unit;
                let suffix = match unit.to_string().as_str() {
                    "s" => "_s",
                    "bytes" => "_bytes",
                    "percent" => "percent",
                    "samples/s" => "_samples_per_s",
                    "requests/s" => "_per_s",
                    "J" => "_j",
                    "g" => "_g",
                    _ => "",
                };
                assert!(name.contains(suffix), "{name} is in {unit}");
            }
        }
    }

    #[test]
    fn every_figure_lands_in_its_own_column() {
        // Each figure of the record is a different number, so that a swapped column cannot go unseen.
        let mut record = completed();
        for (phase, metric, estimate) in [
            ("train", "train.step_latency_p25", 0.000_601),
            ("train", "train.throughput_p75", 99_000.5),
            ("serve[1]", "serve.latency_p25", 0.000_099),
            ("serve[32]", "serve.latency_p25", 0.000_201),
            ("serve[1]", "serve.throughput_p75", 9_999.5),
            ("serve[32]", "serve.throughput_p75", 152_000.5),
        ] {
            let mut row = record.metrics[0].clone();
            (row.phase, row.metric) = (phase.to_owned(), metric.into());
            row.estimate = Some(estimate);
            record.metrics.push(row);
        }
        let csv = utf8(report_csv(std::slice::from_ref(&record), None).unwrap());
        let mut reader = ::csv::Reader::from_reader(csv.as_bytes());
        let header = reader.headers().unwrap().clone();
        let row = reader.records().next().unwrap().unwrap();
        for (name, shown) in [
            ("train_step_latency_p25_s", "0.000601"),
            ("serve_latency_p25_s", "0.000099"),
            ("train_throughput_p75_samples_per_s", "99000.5"),
            ("serve_throughput_p75_samples_per_s", "152000.5"),
        ] {
            let at = header.iter().position(|column| column == name).unwrap();
            assert_eq!(&row[at], shown, "{name}");
        }
        for column in columns() {
            if let Figure(metric) = column {
                let name = column.name();
                let at = header.iter().position(|column| column == name).unwrap();
                let expected = Place::of(metric.def()).estimate(&record, metric);
                let expected = expected.map(|value| value.to_string());
                assert_eq!(row[at], expected.unwrap_or_default(), "{name}");
            }
        }
    }

    #[test]
    fn an_accuracy_of_a_model_half_trained_has_a_column_of_its_own() {
        let mut early = completed();
        early.epochs = early.job.train.epochs - 1;
        let csv = utf8(report_csv(&[completed(), early, failed()], None).unwrap());
        let names = ["test_accuracy", "partial_test_accuracy", "test_accuracy_is_final"];
        let known = Place::Run.estimate(&completed(), MetricId::TestAccuracy).unwrap().to_string();
        let says = [[known.as_str(), "", "true"], ["", known.as_str(), "false"], ["", "", ""]];
        assert_eq!(fields(&csv, names), says);
        let last = ",partial_test_accuracy,serve_memory_peak_bytes,serve_memory_rss_mean_bytes";
        assert!(csv.lines().next().unwrap().ends_with(last), "{csv}");
    }

    #[test]
    fn a_verdict_its_reason_and_the_limits_stand_together() {
        let judged = judged(completed(), Feasibility::Infeasible, vec![of_peak(1.0)]);
        let mut limited = completed();
        limited.limits = Limits {
            cpus: vec![2, 3],
            cpu_quota_percent: Some(150.0),
            memory_bytes: Some(1 << 28),
            memory_guard: Some(MemoryGuard::Watched),
        };
        let csv = utf8(report_csv(&[judged, completed(), limited], None).unwrap());
        let lines: Vec<_> = csv.lines().collect();
        let columns = ",failure,verdict,verdict_reason,limit_cpus,limit_memory_bytes,limit_cpu_quota_percent,";
        assert!(lines[0].contains(columns), "{csv}");
        assert!(
            lines[1].contains(
                ",,infeasible,memory.peak <= 1.00 B is broken over the phases completed: 231 MiB,,,"
            ),
            "{csv}"
        );
        assert!(lines[3].contains(",,,2,268435456,150,"), "{csv}");
    }

    #[test]
    fn a_verdict_has_its_reason_and_what_its_early_end_saved() {
        let mut early = judged(completed(), Feasibility::Infeasible, vec![of_peak(1.0)]);
        early.saved_s_at_least = Some(245.5);
        let csv = utf8(report_csv(&[early, completed()], None).unwrap());
        let mut reader = ::csv::Reader::from_reader(csv.as_bytes());
        let header = reader.headers().unwrap().clone();
        let rows: Vec<_> = reader.records().map(Result::unwrap).collect();
        let fields = |row: usize| {
            ["verdict", "verdict_reason", "saved_s_at_least"].map(|name| {
                let at = header.iter().position(|column| column == name).unwrap();
                rows[row][at].to_owned()
            })
        };
        let says = "memory.peak <= 1.00 B is broken over the phases completed: 231 MiB";
        assert_eq!(fields(0), ["infeasible", says, "245.5"]);
        assert_eq!(fields(1), ["", "", ""]);
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
        let csv = utf8(report_csv(&compared(), Some(&front)).unwrap());
        let marks = fields(&csv, ["pareto"]).concat();
        assert_eq!(marks, ["front", "front", "dominated", "", ""]);
    }

    #[test]
    fn a_verdict_has_its_reason_and_the_constraint_that_is_broken() {
        let judged = judged(completed(), Feasibility::Infeasible, vec![of_peak(1.0)]);
        let csv = utf8(report_csv(&[judged, completed()], None).unwrap());
        let says = "memory.peak <= 1.00 B is broken over the phases completed: 231 MiB";
        let names = ["verdict", "verdict_reason", "broken_constraint", "pareto"];
        assert_eq!(
            fields(&csv, names),
            [["infeasible", says, "memory.peak", ""], ["", "", "", ""]]
        );
    }

    #[test]
    fn the_load_is_told_with_its_size_and_its_limit() {
        let with = |pattern| {
            let mut record = completed();
            let serve = record.job.serve.as_mut().unwrap();
            serve.pattern = pattern;
            record
        };
        let rate_per_s = Some(200.0);
        let mut searched = with(Pattern::Server { rate_per_s });
        searched.job.serve.as_mut().unwrap().find_max_rate =
            Some(MaxRate { percentile: 0.999, limit_s: 0.01 });
        let records = [searched, with(Pattern::Closed { clients: 8 }), completed()];
        let csv = utf8(report_csv(&records, None).unwrap());
        let names = [
            "serve_pattern",
            "serve_rate_per_s",
            "serve_clients",
            "serve_max_rate_limit_s",
            "serve_max_rate_percentile",
        ];
        assert_eq!(
            fields(&csv, names),
            [
                ["server", "200", "", "0.01", "0.999"],
                ["closed", "", "8", "", ""],
                ["single-stream", "", "", "", ""]
            ]
        );
    }

    #[test]
    fn what_was_not_measured_is_empty_and_never_zero() {
        let mut record = completed();
        record.metrics.clear();
        let csv = utf8(report_csv(&[record], None).unwrap());
        let row = csv.lines().nth(1).unwrap();
        assert!(row.contains(",10,,,,,,,,,,,,,,,,,,,,1,32,adam,"), "{row}");
    }

    #[test]
    fn no_records_are_a_header() {
        assert_eq!(utf8(report_csv(&[], None).unwrap()).lines().count(), 1);
        assert_eq!(
            utf8(metrics_csv(&[]).unwrap()),
            "run,phase,metric,unit,estimate,low,high,confidence,samples,plateaued,note,interval,cell,repeat,status,said_by\n"
        );
    }
}
