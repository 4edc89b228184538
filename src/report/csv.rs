//! `report.csv`, one row a run, `summary.csv`, one row a cell, and `metrics.csv`, one row a figure.

use super::front::{FrontReport, Mark};
use super::headline::{Place, accuracy_is_final, first_serve_size, last_serve_size};
use super::interference::marked;
use super::summary::SummaryRow;
use super::{ReportError, csv_bytes, number, one_line, optional};
use crate::event::metric::COMMAND_TIME;
use crate::event::record::{EXIT_CODE, SIGNAL};
use crate::event::{CommandSpec, Failure, MaxRate, Pattern, RunRecord, RunVerdict, metric};

/// Where a column of `report.csv` comes from.
enum Source {
    /// A setting or a verdict.
    Text(fn(&RunRecord) -> String),
    /// A figure.
    Figure(Place, &'static str),
    /// Whether its cell is on the front.
    Pareto,
}

use crate::event::Disturber::{Others, Steal, Thermal, Throttled};
use Place::{FirstServe, LastServe, Run, Train};
use Source::{Figure, Pareto, Text};

/// The columns of `report.csv`. New ones are added at the end: scripts may count.
const COLUMNS: &[(&str, Source)] = &[
    ("run", Text(|r| r.run.clone())),
    ("model", Text(|r| r.job.model.name.clone())),
    ("dataset", Text(|r| r.job.dataset.clone())),
    ("batch_size", Text(|r| r.job.train.batch_size.to_string())),
    ("learning_rate", Text(|r| number(r.job.train.learning_rate))),
    ("threads", Text(|r| r.job.threads.to_string())),
    ("device", Text(|r| r.job.device.clone())),
    ("seed", Text(|r| r.job.seed.to_string())),
    ("repeat", Text(|r| r.repeat.to_string())),
    ("status", Text(|r| r.status.to_string())),
    ("stop_reason", Text(|r| r.stop.reason.to_string())),
    ("wall_s", Text(|r| number(r.wall_s))),
    ("epochs", Text(|r| r.epochs.to_string())),
    (
        "train_throughput_samples_per_s",
        Figure(Train, "train.throughput"),
    ),
    (
        "train_step_latency_mean_s",
        Figure(Train, "train.step_latency_mean"),
    ),
    (
        "train_step_latency_p50_s",
        Figure(Train, "train.step_latency_p50"),
    ),
    (
        "train_step_latency_p95_s",
        Figure(Train, "train.step_latency_p95"),
    ),
    (
        "train_step_latency_p99_s",
        Figure(Train, "train.step_latency_p99"),
    ),
    (
        "serve_throughput_samples_per_s",
        Figure(LastServe, "serve.throughput"),
    ),
    (
        "serve_latency_p50_s",
        Figure(FirstServe, "serve.latency_p50"),
    ),
    (
        "serve_latency_p95_s",
        Figure(FirstServe, "serve.latency_p95"),
    ),
    (
        "serve_latency_p99_s",
        Figure(FirstServe, "serve.latency_p99"),
    ),
    ("cpu_utilisation_percent", Figure(Train, "cpu.utilisation")),
    (
        "cpu_utilisation_percent_of_limit",
        Figure(Train, "cpu.utilisation_of_limit"),
    ),
    ("memory_rss_mean_bytes", Figure(Train, "memory.rss_mean")),
    ("memory_peak_bytes", Figure(Run, "memory.peak")),
    ("gpu_utilisation_percent", Figure(Train, "gpu.utilisation")),
    ("gpu_memory_peak_bytes", Figure(Run, "gpu.memory_peak")),
    ("train_loss", Figure(Run, "train_loss")),
    ("validation_accuracy", Figure(Run, "validation_accuracy")),
    ("test_accuracy", Figure(Run, "test_accuracy")),
    (
        "test_accuracy_is_final",
        Text(|r| text(accuracy_is_final(r))),
    ),
    ("serve_batch_size", Text(|r| text(first_serve_size(r)))),
    (
        "serve_throughput_batch_size",
        Text(|r| text(last_serve_size(r))),
    ),
    ("optimizer", Text(|r| r.job.train.optimizer.to_string())),
    ("weight_decay", Text(|r| number(r.job.train.weight_decay))),
    ("depth", Text(|r| text(r.job.model.depth))),
    ("width", Text(|r| text(r.job.model.width))),
    (
        "flush_denormals",
        Text(|r| r.job.flush_denormals.to_string()),
    ),
    ("allocator", Text(|r| r.job.allocator.to_string())),
    ("cpu_time_s", Figure(Run, "cpu.time")),
    ("sampler_cost_percent", Figure(Run, "sampler.cost")),
    ("stop_detail", Text(|r| one_line(&r.stop.detail))),
    (
        "failure",
        Text(|r| r.failure.as_ref().map(failure_text).unwrap_or_default()),
    ),
    (
        "verdict",
        Text(|r| text(r.verdict.as_ref().map(|verdict| verdict.verdict))),
    ),
    (
        "verdict_reason",
        Text(|r| text(r.verdict.as_ref().map(|verdict| one_line(&verdict.reason)))),
    ),
    ("limit_cpus", Text(|r| text(limit_cpus(r)))),
    ("limit_memory_bytes", Text(|r| text(r.limits.memory_bytes))),
    (
        "limit_cpu_quota_percent",
        Text(|r| optional(r.limits.cpu_quota_percent)),
    ),
    (
        "train_time_projected_s",
        Figure(Train, "train.time_projected"),
    ),
    (
        "train_time_to_accuracy_s",
        Figure(Train, "train.time_to_accuracy"),
    ),
    ("saved_s_at_least", Text(|r| optional(r.saved_s_at_least))),
    (
        "serve_pattern",
        Text(|r| text(r.job.serve.as_ref().map(|serve| serve.pattern))),
    ),
    (
        "serve_latency_p90_s",
        Figure(FirstServe, "serve.latency_p90"),
    ),
    (
        "serve_latency_p99_9_s",
        Figure(FirstServe, "serve.latency_p99_9"),
    ),
    ("serve_max_rate_per_s", Figure(FirstServe, "serve.max_rate")),
    (
        "serve_best_batch_size",
        Text(|r| optional(Run.estimate(r, "serve.best_batch_size"))),
    ),
    (
        "broken_constraint",
        Text(|r| {
            let verdict = r.verdict.as_ref();
            text(verdict.and_then(RunVerdict::broken_constraint))
        }),
    ),
    ("pareto", Pareto),
    ("serve_rate_per_s", Text(|r| optional(rate_per_s(r)))),
    ("serve_clients", Text(|r| text(clients(r)))),
    (
        "serve_max_rate_limit_s",
        Text(|r| optional(search(r).map(|limit| limit.limit_s))),
    ),
    (
        "serve_max_rate_percentile",
        Text(|r| optional(search(r).map(|limit| limit.percentile))),
    ),
    (
        "train_step_latency_p25_s",
        Figure(Train, "train.step_latency_p25"),
    ),
    (
        "serve_latency_p25_s",
        Figure(FirstServe, "serve.latency_p25"),
    ),
    (
        "train_throughput_p75_samples_per_s",
        Figure(Train, "train.throughput_p75"),
    ),
    (
        "serve_throughput_p75_samples_per_s",
        Figure(LastServe, "serve.throughput_p75"),
    ),
    ("energy_j", Figure(Run, metric::ENERGY_TOTAL)),
    (
        "energy_per_sample_j",
        Figure(Train, metric::ENERGY_PER_SAMPLE),
    ),
    (
        "serve_energy_per_sample_j",
        Text(|r| optional(LastServe.estimate(r, metric::ENERGY_PER_SAMPLE))),
    ),
    ("cpu_energy_j", Figure(Run, metric::CPU_ENERGY)),
    ("gpu_energy_j", Figure(Run, metric::GPU_ENERGY)),
    ("emissions_co2e_g", Figure(Run, metric::EMISSIONS)),
    ("tpu_duty_cycle_percent", Figure(Train, "tpu.duty_cycle")),
    ("tpu_memory_peak_bytes", Figure(Run, "tpu.memory_peak")),
    ("precision", Text(|r| r.job.precision.to_string())),
    ("interference_percent", Text(|r| marked(r, None))),
    (
        "interference_others_percent",
        Text(|r| marked(r, Some(Others))),
    ),
    (
        "interference_steal_percent",
        Text(|r| marked(r, Some(Steal))),
    ),
    (
        "interference_throttled_percent",
        Text(|r| marked(r, Some(Throttled))),
    ),
    (
        "interference_thermal_percent",
        Text(|r| marked(r, Some(Thermal))),
    ),
    ("command_time_s", Figure(Run, COMMAND_TIME)),
    (
        "command",
        Text(|r| {
            text(
                r.job
                    .command
                    .as_ref()
                    .map(CommandSpec::shown)
                    .map(|s| one_line(&s)),
            )
        }),
    ),
    (
        "exit_code",
        Text(|r| r.facts.get(EXIT_CODE).cloned().unwrap_or_default()),
    ),
    (
        "signal",
        Text(|r| r.facts.get(SIGNAL).cloned().unwrap_or_default()),
    ),
];

/// The rate that was offered.
fn rate_per_s(record: &RunRecord) -> Option<f64> {
    match record.job.serve.as_ref()?.pattern {
        Pattern::Server { rate_per_s } => rate_per_s,
        _ => None,
    }
}

/// The clients that sent requests.
fn clients(record: &RunRecord) -> Option<u32> {
    match record.job.serve.as_ref()?.pattern {
        Pattern::Closed { clients } => Some(clients),
        _ => None,
    }
}

/// The limit that the highest rate was searched for.
fn search(record: &RunRecord) -> Option<MaxRate> {
    record.job.serve.as_ref()?.find_max_rate
}

/// The columns of `report.csv` that hold figures: their names, where the figure is, and its metric.
pub(super) fn figure_columns() -> impl Iterator<Item = (&'static str, Place, &'static str)> {
    COLUMNS.iter().filter_map(|(name, source)| match source {
        Figure(place, metric) => Some((*name, *place, *metric)),
        Text(_) | Pareto => None,
    })
}

/// The names of its other columns.
pub(super) fn text_columns() -> impl Iterator<Item = &'static str> {
    let texts = COLUMNS
        .iter()
        .filter(|(_, source)| !matches!(source, Figure(..)));
    texts.map(|(name, _)| *name)
}

/// How many CPUs the run was bound to; which ones is in `manifest.json`.
pub(super) fn limit_cpus(record: &RunRecord) -> Option<usize> {
    Some(record.limits.cpus.len()).filter(|cpus| *cpus > 0)
}

fn text<T: ToString>(value: Option<T>) -> String {
    value.map(|value| value.to_string()).unwrap_or_default()
}

/// A failure on one line: `killed in train: out of memory`.
pub fn failure_text(failure: &Failure) -> String {
    let place = failure
        .phase
        .as_ref()
        .map(|phase| format!(" in {phase}"))
        .unwrap_or_default();
    let message = one_line(&failure.message);
    if message.is_empty() {
        format!("{}{place}", failure.kind)
    } else {
        format!("{}{place}: {message}", failure.kind)
    }
}

/// `report.csv`: one row a run.
///
/// `cpu_*` and `memory_rss_mean_bytes` speak of training (with its validation), `memory_peak_bytes` and
/// `gpu_memory_peak_bytes` of the whole run, `serve_latency_*` of requests of `serve_batch_size`,
/// `serve_throughput_*` of requests of `serve_throughput_batch_size`, `serve_max_rate_per_s` of the highest rate at which
/// the latency at `serve_max_rate_percentile` (a share: 0.99) is at most `serve_max_rate_limit_s`. `pareto` is `front` or
/// `dominated` for the runs of cells that were compared by the objectives, and empty for the others. `interference_*` are
/// shares of the whole run's time.
pub fn report_csv(
    records: &[RunRecord],
    front: Option<&FrontReport>,
) -> Result<Vec<u8>, ReportError> {
    let header = COLUMNS.iter().map(|(name, _)| name);
    let marks = front.map(FrontReport::marks).unwrap_or_default();
    let marks = &marks;
    let rows = records.iter().map(|record| {
        COLUMNS.iter().map(move |(_, source)| match source {
            Text(text) => text(record),
            Figure(place, metric) => optional(place.estimate(record, metric)),
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
    let figures = || {
        COLUMNS.iter().filter_map(|(name, source)| match source {
            Figure(place, metric) => Some((name, *place, *metric)),
            Text(_) | Pareto => None,
        })
    };
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
        figures().flat_map(|(name, ..)| ["", "_low", "_high"].map(|end| format!("{name}{end}"))),
    );
    let mut cells: Vec<&RunRecord> = Vec::new();
    for record in records {
        if cells.iter().all(|first| first.cell != record.cell) {
            cells.push(record);
        }
    }
    let rows = cells.into_iter().map(|first| {
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
        for (_, place, metric) in figures() {
            let phase = place.phase(first);
            let found =
                of_cell().find(|row| row.metric == metric && Some(&row.phase) == phase.as_ref());
            let ends = found.map_or([None; 3], |row| [row.mean, row.low, row.high]);
            fields.extend(ends.map(optional));
        }
        fields
    });
    csv_bytes(header, rows)
}

/// `metrics.csv`: one row a figure. `low` and `high` are the interval *within this run*: they say how well this run's
/// own mean or quantile is known, not how much another run of the same cell would differ (`summary.csv` does). `cell`,
/// `repeat` and `status` are those of the run: its figures are compared with those of other repeats of the same cell.
pub fn metrics_csv(records: &[RunRecord]) -> Result<Vec<u8>, ReportError> {
    let header = [
        "run",
        "phase",
        "metric",
        "unit",
        "estimate",
        "low",
        "high",
        "confidence",
        "samples",
        "plateaued",
        "note",
        "interval",
        "cell",
        "repeat",
        "status",
    ];
    let rows = records.iter().flat_map(|record| {
        record.metrics.iter().map(|row| {
            [
                record.run.clone(),
                row.phase.clone(),
                row.metric.clone(),
                row.unit.to_string(),
                optional(row.estimate),
                optional(row.low),
                optional(row.high),
                optional(row.confidence),
                row.samples.to_string(),
                text(row.plateaued),
                one_line(&row.note),
                row.low.map_or("", |_| "within this run").to_owned(),
                record.cell.clone(),
                record.repeat.to_string(),
                record.status.to_string(),
            ]
        })
    });
    csv_bytes(header, rows)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::metric::find as find_metric;
    use crate::event::{Feasibility, Limits, MemoryGuard};
    use crate::report::fixtures::{all_kinds, compared, completed, failed, front, judged};
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
            metric: metric.to_owned(),
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
        let repeat = RunRecord {
            run: "another".to_owned(),
            ..record.clone()
        };
        let lost = RunRecord {
            cell: "lost".to_owned(),
            ..failed()
        };
        let csv = utf8(summary_csv(&[record.clone(), repeat, lost], &summary).unwrap());
        let mut reader = ::csv::Reader::from_reader(csv.as_bytes());
        let header = reader.headers().unwrap().clone();
        let rows: Vec<_> = reader.records().map(Result::unwrap).collect();
        let [only, lost] = &rows[..] else {
            panic!("{csv}");
        };
        assert_eq!(
            (&lost[0], &lost[3], &lost[4], &lost[5]),
            ("lost", "1", "0", "0")
        );
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
        let names: HashSet<_> = COLUMNS.iter().map(|(name, _)| name).collect();
        assert_eq!(names.len(), COLUMNS.len());
        for (name, source) in COLUMNS {
            if let Figure(place, metric) = source {
                let unit = find_metric(metric)
                    .unwrap_or_else(|| panic!("{name}: {metric}"))
                    .unit;
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
                // What is an objective is what the column shows.
                assert_eq!(Place::of(find_metric(metric).unwrap()), *place, "{name}");
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
            (row.phase, row.metric) = (phase.to_owned(), metric.to_owned());
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
        for (name, source) in COLUMNS {
            if let Figure(place, metric) = source {
                let at = header.iter().position(|column| column == *name).unwrap();
                let expected = place
                    .estimate(&record, metric)
                    .map(|value| value.to_string());
                assert_eq!(row[at], expected.unwrap_or_default(), "{name}");
            }
        }
    }

    #[test]
    fn a_verdict_its_reason_and_the_limits_stand_together() {
        let judged = judged(completed(), Feasibility::Infeasible, "memory.peak\n<= 1 B");
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
            lines[1].contains(",,infeasible,memory.peak <= 1 B,,,"),
            "{csv}"
        );
        assert!(lines[3].contains(",,,2,268435456,150,"), "{csv}");
    }

    #[test]
    fn a_verdict_has_its_reason_and_what_its_early_end_saved() {
        let mut early = judged(completed(), Feasibility::Infeasible, "memory.peak\n<= 1 B");
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
        assert_eq!(fields(0), ["infeasible", "memory.peak <= 1 B", "245.5"]);
        assert_eq!(fields(1), ["", "", ""]);
    }

    /// The fields of these columns, row by row.
    fn fields<const N: usize>(csv: &str, names: [&str; N]) -> Vec<[String; N]> {
        let mut reader = ::csv::Reader::from_reader(csv.as_bytes());
        let header = reader.headers().unwrap().clone();
        let place = |name: &str| header.iter().position(|column| column == name).unwrap();
        let rows = reader.records().map(Result::unwrap);
        rows.map(|row| names.map(|name| row[place(name)].to_owned()))
            .collect()
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
        let judged = judged(completed(), Feasibility::Infeasible, "memory.peak\n<= 1 B");
        let csv = utf8(report_csv(&[judged, completed()], None).unwrap());
        let names = ["verdict", "verdict_reason", "broken_constraint", "pareto"];
        assert_eq!(
            fields(&csv, names),
            [
                ["infeasible", "memory.peak <= 1 B", "memory.peak", ""],
                ["", "", "", ""]
            ]
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
        searched.job.serve.as_mut().unwrap().find_max_rate = Some(MaxRate {
            percentile: 0.999,
            limit_s: 0.01,
        });
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
            "run,phase,metric,unit,estimate,low,high,confidence,samples,plateaued,note,interval,cell,repeat,status\n"
        );
    }
}
