//! What a metric is: its unit, how it is estimated, where it appears. [`CATALOGUE`] holds every one that perftune knows.

mod catalogue;
mod names;

use std::fmt;

use serde::{Deserialize, Serialize};

pub use catalogue::CATALOGUE;
pub use names::{
    COMMAND_TIME, CPU_ENERGY, EMISSIONS, ENERGY, ENERGY_PER_SAMPLE, ENERGY_TOTAL, GPU_ENERGY,
    TIME_TO_ACCURACY,
};

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
    /// Joules.
    #[serde(rename = "J")]
    Joules,
    /// Grams.
    #[serde(rename = "g")]
    Grams,
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
            Self::Joules => "J",
            Self::Grams => "g",
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

/// An entry of the catalogue.
const fn def(
    name: &'static str,
    group: &'static str,
    (unit, kind, scope): (Unit, MetricKind, Scope),
    in_group: bool,
    about: &'static str,
) -> MetricDef {
    MetricDef { name, group, unit, kind, scope, in_group, about }
}

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
        for group in ["throughput", "step_latency", "latency", "cpu", "memory", "gpu", "accuracy"] {
            assert!(CATALOGUE.iter().any(|m| m.group == group && m.in_group), "{group}");
            assert!(!names.contains(group), "a group must not be a metric: {group}");
        }
    }
}
