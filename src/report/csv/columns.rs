//! The columns of `report.csv`, and where each comes from.

use super::failure_text;
use crate::event::record::{EXIT_CODE, SIGNAL};
use crate::event::{AxisValue, CommandSpec, MaxRate, Pattern, RunRecord, RunVerdict, axis};
use crate::metric::MetricId;
use crate::report::headline::{Place, accuracy_is_final, first_serve_size, last_serve_size};
use crate::report::interference::marked;
use crate::report::{number, one_line, optional};

/// Where a column of `report.csv` comes from.
pub(super) enum Source {
    /// The axis of the column's name.
    Axis,
    /// Another setting, or a verdict.
    Text(fn(&RunRecord) -> String),
    /// A figure.
    Figure(Place, &'static str),
    /// Whether its cell is on the front.
    Pareto,
}

use crate::event::Disturber::{Others, Steal, Thermal, Throttled};
use Place::{FirstServe, LastServe, Run, Train};
use Source::{Axis, Figure, Pareto, Text};

/// All columns: an axis that has no line below stands at the end.
pub(super) fn columns() -> impl Iterator<Item = (&'static str, &'static Source)> + Clone {
    let is_below = |key: &str| COLUMNS.iter().any(|(name, _)| *name == key);
    let others = axis::Axis::keys().into_iter().filter(move |key| !is_below(key));
    COLUMNS.iter().map(|(name, source)| (*name, source)).chain(others.map(|key| (key, &Axis)))
}

/// The setting of an axis.
pub(super) fn of_axis(key: &str, record: &RunRecord) -> String {
    match axis::Axis::find(key).map(|axis| axis.get(&record.job)) {
        None | Some(AxisValue::Unset) => String::new(),
        Some(AxisValue::Number(value)) => number(value),
        Some(value) => value.to_string(),
    }
}

/// The columns of `report.csv`. New ones are added at the end: scripts may count.
const COLUMNS: &[(&str, Source)] = &[
    ("run", Text(|r| r.run.clone())),
    ("model", Axis),
    ("dataset", Axis),
    ("batch_size", Axis),
    ("learning_rate", Axis),
    ("threads", Axis),
    ("device", Axis),
    ("seed", Text(|r| r.job.seed.to_string())),
    ("repeat", Text(|r| r.repeat.to_string())),
    ("status", Text(|r| r.status.to_string())),
    ("stop_reason", Text(|r| r.stop.reason.to_string())),
    ("wall_s", Text(|r| number(r.wall_s))),
    ("epochs", Text(|r| r.epochs.to_string())),
    ("train_throughput_samples_per_s", Figure(Train, "train.throughput")),
    ("train_step_latency_mean_s", Figure(Train, "train.step_latency_mean")),
    ("train_step_latency_p50_s", Figure(Train, "train.step_latency_p50")),
    ("train_step_latency_p95_s", Figure(Train, "train.step_latency_p95")),
    ("train_step_latency_p99_s", Figure(Train, "train.step_latency_p99")),
    ("serve_throughput_samples_per_s", Figure(LastServe, "serve.throughput")),
    ("serve_latency_p50_s", Figure(FirstServe, "serve.latency_p50")),
    ("serve_latency_p95_s", Figure(FirstServe, "serve.latency_p95")),
    ("serve_latency_p99_s", Figure(FirstServe, "serve.latency_p99")),
    ("cpu_utilisation_percent", Figure(Train, "cpu.utilisation")),
    ("cpu_utilisation_percent_of_limit", Figure(Train, "cpu.utilisation_of_limit")),
    ("memory_rss_mean_bytes", Figure(Train, "memory.rss_mean")),
    ("memory_peak_bytes", Figure(Run, "memory.peak")),
    ("gpu_utilisation_percent", Figure(Train, "gpu.utilisation")),
    ("gpu_memory_peak_bytes", Figure(Run, "gpu.memory_peak")),
    ("train_loss", Figure(Run, "train_loss")),
    ("validation_accuracy", Figure(Run, "validation_accuracy")),
    ("test_accuracy", Figure(Run, "test_accuracy")),
    ("test_accuracy_is_final", Text(|r| text(accuracy_is_final(r)))),
    ("serve_batch_size", Text(|r| text(first_serve_size(r)))),
    ("serve_throughput_batch_size", Text(|r| text(last_serve_size(r)))),
    ("optimizer", Axis),
    ("weight_decay", Axis),
    ("depth", Axis),
    ("width", Axis),
    ("flush_denormals", Axis),
    ("allocator", Axis),
    ("cpu_time_s", Figure(Run, "cpu.time")),
    ("sampler_cost_percent", Figure(Run, "sampler.cost")),
    ("stop_detail", Text(|r| one_line(&r.stop.detail))),
    ("failure", Text(|r| r.failure.as_ref().map(failure_text).unwrap_or_default())),
    ("verdict", Text(|r| text(r.verdict.as_ref().map(|verdict| verdict.verdict)))),
    ("verdict_reason", Text(|r| text(r.verdict.as_ref().map(|verdict| one_line(&verdict.reason))))),
    ("limit_cpus", Text(|r| text(limit_cpus(r)))),
    ("limit_memory_bytes", Text(|r| text(r.limits.memory_bytes))),
    ("limit_cpu_quota_percent", Text(|r| optional(r.limits.cpu_quota_percent))),
    ("train_time_projected_s", Figure(Train, "train.time_projected")),
    ("train_time_to_accuracy_s", Figure(Train, "train.time_to_accuracy")),
    ("saved_s_at_least", Text(|r| optional(r.saved_s_at_least))),
    ("serve_pattern", Text(|r| text(r.job.serve.as_ref().map(|serve| serve.pattern)))),
    ("serve_latency_p90_s", Figure(FirstServe, "serve.latency_p90")),
    ("serve_latency_p99_9_s", Figure(FirstServe, "serve.latency_p99_9")),
    ("serve_max_rate_per_s", Figure(FirstServe, "serve.max_rate")),
    ("serve_best_batch_size", Text(|r| optional(Run.estimate(r, "serve.best_batch_size")))),
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
    ("serve_max_rate_limit_s", Text(|r| optional(search(r).map(|limit| limit.limit_s)))),
    ("serve_max_rate_percentile", Text(|r| optional(search(r).map(|limit| limit.percentile)))),
    ("train_step_latency_p25_s", Figure(Train, "train.step_latency_p25")),
    ("serve_latency_p25_s", Figure(FirstServe, "serve.latency_p25")),
    ("train_throughput_p75_samples_per_s", Figure(Train, "train.throughput_p75")),
    ("serve_throughput_p75_samples_per_s", Figure(LastServe, "serve.throughput_p75")),
    ("energy_j", Figure(Run, MetricId::EnergyTotal.name())),
    ("energy_per_sample_j", Figure(Train, MetricId::EnergyPerSample.name())),
    (
        "serve_energy_per_sample_j",
        Text(|r| optional(LastServe.estimate(r, MetricId::EnergyPerSample.name()))),
    ),
    ("cpu_energy_j", Figure(Run, MetricId::CpuEnergy.name())),
    ("gpu_energy_j", Figure(Run, MetricId::GpuEnergy.name())),
    ("emissions_co2e_g", Figure(Run, MetricId::EmissionsCo2e.name())),
    ("tpu_duty_cycle_percent", Figure(Train, "tpu.duty_cycle")),
    ("tpu_memory_peak_bytes", Figure(Run, "tpu.memory_peak")),
    ("precision", Axis),
    ("interference_percent", Text(|r| marked(r, None))),
    ("interference_others_percent", Text(|r| marked(r, Some(Others)))),
    ("interference_steal_percent", Text(|r| marked(r, Some(Steal)))),
    ("interference_throttled_percent", Text(|r| marked(r, Some(Throttled)))),
    ("interference_thermal_percent", Text(|r| marked(r, Some(Thermal)))),
    ("command_time_s", Figure(Run, MetricId::CommandTime.name())),
    (
        "command",
        Text(|r| text(r.job.command.as_ref().map(CommandSpec::shown).map(|s| one_line(&s)))),
    ),
    ("exit_code", Text(|r| r.facts.get(EXIT_CODE).cloned().unwrap_or_default())),
    ("signal", Text(|r| r.facts.get(SIGNAL).cloned().unwrap_or_default())),
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
pub(in crate::report) fn figure_columns()
-> impl Iterator<Item = (&'static str, Place, &'static str)> {
    columns().filter_map(|(name, source)| match source {
        Figure(place, metric) => Some((name, *place, *metric)),
        Axis | Text(_) | Pareto => None,
    })
}

/// The names of its other columns.
pub(in crate::report) fn text_columns() -> impl Iterator<Item = &'static str> {
    columns().filter(|(_, source)| !matches!(source, Figure(..))).map(|(name, _)| name)
}

/// How many CPUs the run was bound to; which ones is in `manifest.json`.
pub(in crate::report) fn limit_cpus(record: &RunRecord) -> Option<usize> {
    Some(record.limits.cpus.len()).filter(|cpus| *cpus > 0)
}

pub(super) fn text<T: ToString>(value: Option<T>) -> String {
    value.map(|value| value.to_string()).unwrap_or_default()
}
