//! The columns of `report.csv`, and where each comes from.

use crate::event::record::{EXIT_CODE, SIGNAL};
use crate::event::{AxisValue, CommandSpec, MaxRate, Pattern, RunRecord, RunVerdict, axis};
use crate::metric::{CATALOGUE, MetricDef, MetricId};
use crate::report::ending::failure_text;
use crate::report::headline::{Place, accuracy_is_final};
use crate::report::{interference::marked, words};
use crate::report::{number, one_line, optional, shown};

/// A column of `report.csv`.
#[derive(Debug, Clone, Copy)]
pub(super) enum Column {
    /// The axis of this key.
    Axis(&'static str),
    /// Another setting, or a verdict.
    Text(&'static str, fn(&RunRecord) -> String),
    /// The figure of a metric, in the column that its entry names.
    Figure(MetricId),
    /// Whether its cell is on the front.
    Pareto,
}

impl Column {
    /// What stands in the header.
    pub(super) fn name(self) -> &'static str {
        match self {
            Axis(name) | Text(name, _) => name,
            Figure(metric) => metric.def().column.unwrap_or_default(),
            Pareto => "pareto",
        }
    }
}

use crate::event::Disturber::{Others, Steal, Thermal, Throttled};
use Column::{Axis, Figure, Pareto, Text};

/// All columns: an axis or a metric with a column that has no line below stands at the end.
pub(super) fn columns() -> impl Iterator<Item = Column> + Clone {
    let axes = axis::Axis::keys().into_iter().map(Axis);
    let metrics = CATALOGUE.iter().filter(|metric| metric.column.is_some());
    let all = axes.chain(metrics.map(|metric| Figure(metric.id)));
    let is_below = |other: &Column| COLUMNS.iter().any(|column| column.name() == other.name());
    COLUMNS.iter().copied().chain(all.filter(move |column| !is_below(column)))
}

/// The setting of an axis.
pub(super) fn of_axis(key: &str, record: &RunRecord) -> String {
    match axis::Axis::find(key).map(|axis| axis.get(&record.job)) {
        None | Some(AxisValue::Unset) => String::new(),
        Some(AxisValue::Number(value)) => number(value),
        Some(value) => value.to_string(),
    }
}

/// The order of the first columns: scripts may count.
const COLUMNS: &[Column] = &[
    Text("run", |r| r.run.clone()),
    Axis("model"),
    Axis("dataset"),
    Axis("batch_size"),
    Axis("learning_rate"),
    Axis("threads"),
    Axis("device"),
    Text("seed", |r| shown((!r.job.work.is_unset()).then_some(r.job.seed))),
    Text("repeat", |r| r.repeat.to_string()),
    Text("status", |r| r.status.to_string()),
    Text("stop_reason", |r| r.stop.reason.to_string()),
    Text("wall_s", |r| number(r.wall_s)),
    Text("epochs", |r| r.epochs.to_string()),
    Figure(MetricId::TrainThroughput),
    Figure(MetricId::TrainStepLatencyMean),
    Figure(MetricId::TrainStepLatencyP50),
    Figure(MetricId::TrainStepLatencyP95),
    Figure(MetricId::TrainStepLatencyP99),
    Figure(MetricId::ServeThroughput),
    Figure(MetricId::ServeLatencyP50),
    Figure(MetricId::ServeLatencyP95),
    Figure(MetricId::ServeLatencyP99),
    Figure(MetricId::CpuUtilisation),
    Figure(MetricId::CpuUtilisationOfLimit),
    Figure(MetricId::MemoryRssMean),
    Figure(MetricId::MemoryPeak),
    Figure(MetricId::GpuUtilisation),
    Figure(MetricId::GpuMemoryPeak),
    Figure(MetricId::TrainLoss),
    Figure(MetricId::ValidationAccuracy),
    Figure(MetricId::TestAccuracy),
    Text("test_accuracy_is_final", |r| shown(accuracy_is_final(r))),
    Text("serve_batch_size", |r| shown(Place::FirstServe.request_size(r))),
    Text("serve_throughput_batch_size", |r| shown(Place::LastServe.request_size(r))),
    Axis("optimizer"),
    Axis("weight_decay"),
    Axis("depth"),
    Axis("width"),
    Axis("flush_denormals"),
    Axis("allocator"),
    Figure(MetricId::CpuTime),
    Figure(MetricId::SamplerCost),
    Text("stop_detail", |r| one_line(&words::stop(&r.stop.detail))),
    Text("failure", |r| r.failure.as_ref().map(failure_text).unwrap_or_default()),
    Text("verdict", |r| shown(r.verdict.as_ref().map(|verdict| verdict.verdict))),
    Text("verdict_reason", |r| one_line(&words::verdict(r))),
    Text("limit_cpus", |r| shown(limit_cpus(r))),
    Text("limit_memory_bytes", |r| shown(r.limits.memory_bytes)),
    Text("limit_cpu_quota_percent", |r| optional(r.limits.cpu_quota_percent)),
    Figure(MetricId::TrainTimeProjected),
    Figure(MetricId::TrainTimeToAccuracy),
    Text("saved_s_at_least", |r| optional(r.saved_s_at_least)),
    Text("serve_pattern", |r| shown(r.job.serve.as_ref().map(|serve| serve.pattern))),
    Figure(MetricId::ServeLatencyP90),
    Figure(MetricId::ServeLatencyP99_9),
    Figure(MetricId::ServeMaxRate),
    Text("serve_best_batch_size", |r| {
        optional(Place::Run.estimate(r, MetricId::ServeBestBatchSize))
    }),
    Text("broken_constraint", |r| {
        let verdict = r.verdict.as_ref();
        shown(verdict.and_then(RunVerdict::broken_constraint))
    }),
    Pareto,
    Text("serve_rate_per_s", |r| optional(rate_per_s(r))),
    Text("serve_clients", |r| shown(clients(r))),
    Text("serve_max_rate_limit_s", |r| optional(search(r).map(|limit| limit.limit_s))),
    Text("serve_max_rate_percentile", |r| optional(search(r).map(|limit| limit.percentile))),
    Figure(MetricId::TrainStepLatencyP25),
    Figure(MetricId::ServeLatencyP25),
    Figure(MetricId::TrainThroughputP75),
    Figure(MetricId::ServeThroughputP75),
    Figure(MetricId::EnergyTotal),
    Figure(MetricId::EnergyPerSample),
    Text("serve_energy_per_sample_j", |r| {
        optional(Place::LastServe.estimate(r, MetricId::EnergyPerSample))
    }),
    Figure(MetricId::CpuEnergy),
    Figure(MetricId::GpuEnergy),
    Figure(MetricId::EmissionsCo2e),
    Figure(MetricId::TpuDutyCycle),
    Figure(MetricId::TpuMemoryPeak),
    Axis("precision"),
    Text("interference_percent", |r| marked(r, None)),
    Text("interference_others_percent", |r| marked(r, Some(Others))),
    Text("interference_steal_percent", |r| marked(r, Some(Steal))),
    Text("interference_throttled_percent", |r| marked(r, Some(Throttled))),
    Text("interference_thermal_percent", |r| marked(r, Some(Thermal))),
    Figure(MetricId::CommandTime),
    Text("command", |r| shown(r.job.work.command().map(CommandSpec::shown).map(|s| one_line(&s)))),
    Text("exit_code", |r| r.facts.get(EXIT_CODE).cloned().unwrap_or_default()),
    Text("signal", |r| r.facts.get(SIGNAL).cloned().unwrap_or_default()),
    Text("serve_phase", |r| shown(Place::FirstServe.served(r))),
    Text("serve_throughput_phase", |r| shown(Place::LastServe.served(r))),
    Text("partial_test_accuracy", |r| optional(test_accuracy(r, false))),
    Figure(MetricId::ServeMemoryPeak),
    Figure(MetricId::ServeMemoryRssMean),
];

/// The figure of a metric's column. Whoever takes the best of a column is not to take a model that is half trained.
pub(super) fn figure(metric: MetricId, record: &RunRecord) -> Option<f64> {
    match metric {
        MetricId::TestAccuracy => test_accuracy(record, true),
        _ => Place::of(metric.def()).estimate(record, metric),
    }
}

/// The test accuracy of a model that was trained to the end, or of one that was not.
fn test_accuracy(record: &RunRecord, trained: bool) -> Option<f64> {
    let estimate = Place::Run.estimate(record, MetricId::TestAccuracy);
    estimate.filter(|_| accuracy_is_final(record) == Some(trained))
}

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

/// The columns of `report.csv` that hold figures, and the metric of each.
pub(in crate::report) fn figure_columns() -> impl Iterator<Item = (&'static str, &'static MetricDef)>
{
    columns().filter_map(|column| match column {
        Figure(metric) => Some((column.name(), metric.def())),
        Axis(_) | Text(..) | Pareto => None,
    })
}

/// The names of its other columns.
pub(in crate::report) fn text_columns() -> impl Iterator<Item = &'static str> {
    columns().filter(|column| !matches!(column, Figure(_))).map(Column::name)
}

/// How many CPUs the run was bound to; which ones is in `manifest.json`.
pub(in crate::report) fn limit_cpus(record: &RunRecord) -> Option<usize> {
    Some(record.limits.cpus.len()).filter(|cpus| *cpus > 0)
}
