//! The catalogue: every metric that perftune knows, its unit, its definition and where it appears.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The base unit of a metric in machine-readable output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Unit {
    /// Seconds.
    #[serde(rename = "s")]
    Seconds,
    /// Bytes.
    #[serde(rename = "bytes")]
    Bytes,
    /// Percent.
    #[serde(rename = "percent")]
    Percent,
    /// Samples a second.
    #[serde(rename = "samples/s")]
    SamplesPerSecond,
    /// Requests a second.
    #[serde(rename = "requests/s")]
    RequestsPerSecond,
    /// A share, 0..1.
    #[serde(rename = "ratio")]
    Ratio,
    /// A plain number: a loss, a count.
    #[serde(rename = "1")]
    One,
    /// Watts.
    #[serde(rename = "W")]
    Watts,
}

impl fmt::Display for Unit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Seconds => "s",
            Self::Bytes => "bytes",
            Self::Percent => "percent",
            Self::SamplesPerSecond => "samples/s",
            Self::RequestsPerSecond => "requests/s",
            Self::Ratio => "ratio",
            Self::One => "1",
            Self::Watts => "W",
        })
    }
}

/// What a figure says of its series, which decides how it is estimated and when it is known.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum MetricKind {
    /// Sum over sum, such as samples over time.
    Rate,
    /// Mean of the steps.
    Mean,
    /// The quantile of the steps at this level.
    Quantile(f64),
    /// Time-weighted mean of a gauge, or a counter's difference over time.
    Gauge,
    /// Largest value so far.
    Peak,
    /// The quantile at this level of the rates of equal windows of time: of the stage as it was, without an interval, so
    /// that nothing can wait for it.
    Windows(f64),
    /// The time of the whole training, from the mean of the steps so far and what lies between the epochs.
    Projection,
    /// Said once, exact; nothing to wait for.
    Scalar,
}

impl MetricKind {
    /// Whether there is nothing to wait for: it is said once, when its phase is over.
    pub const fn is_said_once(self) -> bool {
        matches!(self, Self::Scalar | Self::Windows(_))
    }
}

/// Which stages a metric exists in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// Training.
    Train,
    /// Each serve phase.
    Serve,
    /// Training and each serve phase, apart.
    Stages,
    /// The run as a whole.
    Run,
}

/// One metric.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MetricDef {
    /// The full name, `scope.metric`, as it is written in `[stop]`, constraints and `metrics.csv`.
    pub name: &'static str,
    /// The group that `[stop] metrics` may name to mean several.
    pub group: &'static str,
    /// Base unit.
    pub unit: Unit,
    /// How it is estimated.
    pub kind: MetricKind,
    /// Where it exists.
    pub scope: Scope,
    /// Whether naming the group chooses it; the others must be named themselves.
    pub in_group: bool,
    /// The definition, one line.
    pub about: &'static str,
}

const fn def(
    name: &'static str,
    group: &'static str,
    (unit, kind, scope): (Unit, MetricKind, Scope),
    in_group: bool,
    about: &'static str,
) -> MetricDef {
    MetricDef {
        name,
        group,
        unit,
        kind,
        scope,
        in_group,
        about,
    }
}

use MetricKind::{Gauge, Mean, Peak, Projection, Quantile, Rate, Scalar, Windows};
use Scope::{Run, Serve, Stages, Train};

/// The time in training until the target accuracy was reached.
pub const TIME_TO_ACCURACY: &str = "train.time_to_accuracy";

/// Every metric, in the order of the reports.
pub const CATALOGUE: &[MetricDef] = &[
    def(
        "train.throughput",
        "throughput",
        (Unit::SamplesPerSecond, Rate, Train),
        true,
        "samples trained on / time of the steps (without validation), after the warm-up",
    ),
    def(
        "train.throughput_p75",
        "throughput",
        (Unit::SamplesPerSecond, Windows(0.75), Train),
        false,
        "upper quartile of that rate in 20 to 64 equal windows of the time of the steps: what others on the machine move least",
    ),
    def(
        "train.step_latency_mean",
        "step_latency",
        (Unit::Seconds, Mean, Train),
        true,
        "mean time of a training step",
    ),
    def(
        "train.step_latency_p25",
        "step_latency",
        (Unit::Seconds, Quantile(0.25), Train),
        false,
        "lower quartile of the time of a training step: what others on the machine move least",
    ),
    def(
        "train.step_latency_p50",
        "step_latency",
        (Unit::Seconds, Quantile(0.5), Train),
        true,
        "median time of a training step",
    ),
    def(
        "train.step_latency_p90",
        "step_latency",
        (Unit::Seconds, Quantile(0.9), Train),
        false,
        "90th percentile of the time of a training step",
    ),
    def(
        "train.step_latency_p95",
        "step_latency",
        (Unit::Seconds, Quantile(0.95), Train),
        false,
        "95th percentile of the time of a training step",
    ),
    def(
        "train.step_latency_p99",
        "step_latency",
        (Unit::Seconds, Quantile(0.99), Train),
        false,
        "99th percentile of the time of a training step",
    ),
    def(
        "train.time_projected",
        "time",
        (Unit::Seconds, Projection, Train),
        false,
        "samples of all epochs x mean step time a sample after the warm-up, and the time between epochs (validation) as seen so far",
    ),
    def(
        TIME_TO_ACCURACY,
        "time",
        (Unit::Seconds, Scalar, Train),
        false,
        "time in training, validation included, until the validation accuracy first reached [train] target_accuracy",
    ),
    def(
        "serve.throughput",
        "throughput",
        (Unit::SamplesPerSecond, Rate, Serve),
        true,
        "samples served / time of serving: of the requests, and of the gaps between them where the pattern leaves any",
    ),
    def(
        "serve.throughput_p75",
        "throughput",
        (Unit::SamplesPerSecond, Windows(0.75), Serve),
        false,
        "upper quartile of that rate in 20 to 64 equal windows of the time of serving: what others on the machine move least",
    ),
    def(
        "serve.latency_mean",
        "latency",
        (Unit::Seconds, Mean, Serve),
        true,
        "mean latency of a request, from when it was scheduled to come to its answer",
    ),
    def(
        "serve.latency_p25",
        "latency",
        (Unit::Seconds, Quantile(0.25), Serve),
        false,
        "lower quartile of the latency of a request: what others on the machine move least",
    ),
    def(
        "serve.latency_p50",
        "latency",
        (Unit::Seconds, Quantile(0.5), Serve),
        true,
        "median latency of a request",
    ),
    def(
        "serve.latency_p90",
        "latency",
        (Unit::Seconds, Quantile(0.9), Serve),
        false,
        "90th percentile of the latency of a request",
    ),
    def(
        "serve.latency_p95",
        "latency",
        (Unit::Seconds, Quantile(0.95), Serve),
        false,
        "95th percentile of the latency of a request",
    ),
    def(
        "serve.latency_p99",
        "latency",
        (Unit::Seconds, Quantile(0.99), Serve),
        false,
        "99th percentile of the latency of a request",
    ),
    def(
        "serve.latency_p99_9",
        "latency",
        (Unit::Seconds, Quantile(0.999), Serve),
        false,
        "99.9th percentile of the latency of a request",
    ),
    def(
        "serve.utilisation",
        "throughput",
        (Unit::Percent, Gauge, Serve),
        false,
        "share of the time of serving in which a request was being answered",
    ),
    def(
        "serve.max_rate",
        "throughput",
        (Unit::RequestsPerSecond, Scalar, Serve),
        false,
        "highest rate of random requests that keeps a latency limit; with find_max_rate only",
    ),
    def(
        "serve.best_batch_size",
        "throughput",
        (Unit::One, Scalar, Run),
        false,
        "size of requests with the highest serve.throughput, the smallest of equals; with pattern offline only",
    ),
    def(
        "cpu.utilisation",
        "cpu",
        (Unit::Percent, Gauge, Stages),
        true,
        "CPU time of the worker's process tree / wall time, in percent of one core",
    ),
    def(
        "cpu.utilisation_of_limit",
        "cpu",
        (Unit::Percent, Gauge, Stages),
        false,
        "the same in percent of the cores that the run may use",
    ),
    def(
        "cpu.time",
        "cpu",
        (Unit::Seconds, Scalar, Run),
        false,
        "CPU time of the worker's process tree over the whole run",
    ),
    def(
        "memory.rss_mean",
        "memory",
        (Unit::Bytes, Gauge, Stages),
        true,
        "time-weighted mean of the tree's resident memory",
    ),
    def(
        "memory.peak",
        "memory",
        (Unit::Bytes, Peak, Run),
        true,
        "largest resident memory of the tree over the whole run",
    ),
    def(
        "gpu.utilisation",
        "gpu",
        (Unit::Percent, Gauge, Stages),
        true,
        "share of time in which a kernel ran on the device",
    ),
    def(
        "gpu.memory_peak",
        "gpu",
        (Unit::Bytes, Peak, Run),
        true,
        "largest device memory over the whole run",
    ),
    def(
        "gpu.power",
        "gpu",
        (Unit::Watts, Gauge, Stages),
        false,
        "mean power draw of the device",
    ),
    def(
        "io.read",
        "io",
        (Unit::Bytes, Scalar, Run),
        false,
        "bytes read from storage",
    ),
    def(
        "io.write",
        "io",
        (Unit::Bytes, Scalar, Run),
        false,
        "bytes written to storage",
    ),
    def(
        "faults.minor",
        "faults",
        (Unit::One, Scalar, Run),
        false,
        "page faults that needed no storage",
    ),
    def(
        "faults.major",
        "faults",
        (Unit::One, Scalar, Run),
        false,
        "page faults that needed storage",
    ),
    def(
        "switches.involuntary",
        "switches",
        (Unit::One, Scalar, Run),
        false,
        "context switches forced on the tree",
    ),
    def(
        "interference.run_delay",
        "interference",
        (Unit::Ratio, Scalar, Stages),
        false,
        "share of time that runnable threads waited for a core",
    ),
    def(
        "interference.others_cpu",
        "interference",
        (Unit::Percent, Scalar, Stages),
        false,
        "CPU time of everything else on the machine / wall time, in percent of one core",
    ),
    def(
        "interference.steal",
        "interference",
        (Unit::Percent, Scalar, Stages),
        false,
        "CPU time given to other virtual machines, in percent of one core",
    ),
    def(
        "interference.share",
        "interference",
        (Unit::Percent, Scalar, Stages),
        false,
        "share of time in which others took more than 0.2 of a core, or other virtual machines 0.1",
    ),
    def(
        "sampler.cost",
        "sampler",
        (Unit::Percent, Scalar, Run),
        false,
        "CPU time of the sampler itself / wall time, in percent of one core",
    ),
    def(
        "train_loss",
        "loss",
        (Unit::One, Scalar, Run),
        false,
        "mean training loss of the last epoch",
    ),
    def(
        "validation_loss",
        "loss",
        (Unit::One, Scalar, Run),
        false,
        "loss on held-out training data after the last epoch",
    ),
    def(
        "validation_accuracy",
        "accuracy",
        (Unit::Ratio, Scalar, Run),
        true,
        "accuracy on held-out training data after the last epoch",
    ),
    def(
        "test_loss",
        "loss",
        (Unit::One, Scalar, Run),
        false,
        "loss on the test data, read once at the end",
    ),
    def(
        "test_accuracy",
        "accuracy",
        (Unit::Ratio, Scalar, Run),
        true,
        "accuracy on the test data, read once at the end",
    ),
];

/// The metric of this full name.
pub fn find(name: &str) -> Option<&'static MetricDef> {
    CATALOGUE.iter().find(|metric| metric.name == name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn names_are_unique_and_groups_choose_something() {
        let names: HashSet<_> = CATALOGUE.iter().map(|metric| metric.name).collect();
        assert_eq!(names.len(), CATALOGUE.len());
        for group in [
            "throughput",
            "step_latency",
            "latency",
            "cpu",
            "memory",
            "gpu",
            "accuracy",
        ] {
            assert!(
                CATALOGUE.iter().any(|m| m.group == group && m.in_group),
                "{group}"
            );
            assert!(
                !names.contains(group),
                "a group must not be a metric: {group}"
            );
        }
    }
}
