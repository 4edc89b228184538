//! The registry: what each metric is. [`CATALOGUE`] holds every one that perftune knows, one entry each; everything else
//! asks the entry by its [`MetricId`], its kind or its properties, and no other file spells a metric's name.
//!
//! It knows no sample, no record and no file: how a figure comes about is the business of `control`, how it is shown that
//! of `report`.
//!
//! # How to add a metric
//!
//! Add an entry to the list in `catalogue.rs`, in the order of the reports: `Id = MetricDef { ... }`. Fields that are
//! left out are those of the base that the entry ends with. What it is made of is its [`Source`]:
//!
//! - What the sampler reads of the run's processes or of the machine: a [`Field`]. A new one is a variant of `Field` and
//!   its key (`source.rs`), a field of `ResourceSample` and its line in `ResourceSample::get`, and the probe that fills it.
//! - What the sampler reads of an accelerator: a [`Reading`], in the same way (`GpuReading`).
//! - Anything else has a source of its own, which `control` has to know.
//!
//! The kind decides how it is estimated: the same field makes a [`MetricKind::Gauge`], a [`MetricKind::Peak`], or a
//! counter ([`MetricKind::Scalar`]). `metrics.csv`, `list metrics`, `[stop]`, `[constraints]`, `[objectives]` and
//! `[gate.metrics]` have it then. A column puts it into `report.csv`, a heading into the run table.

mod catalogue;
mod name;
mod source;

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::units::Unit;

pub use crate::stats::Better;
pub use catalogue::{CATALOGUE, MetricId};
pub use name::MetricName;
pub use source::{DeviceKind, EnergyOf, Field, ModelFigure, Reading, Source, UsageField};

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

/// The most that a metric can be, by what it is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Ceiling {
    /// Nothing limits it.
    None,
    /// This value, in the metric's unit.
    At(f64),
    /// 100% for each core that the run may use.
    UsableCores,
    /// The figure of this metric of the run.
    Metric(MetricId),
}

/// How the gate judges a metric unless the policy says otherwise.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Gate {
    /// The smallest change that counts, as a share; absent: the policy's.
    pub floor: Option<f64>,
    /// What the policy's floor is multiplied with, where it counts.
    pub floor_factor: f64,
    /// The smallest change that counts in the metric's unit, besides the floor.
    pub at_least: Option<f64>,
    /// The metric to judge instead where a run has too few samples of this one.
    pub fallback: Option<MetricId>,
}

/// A column of the run table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Heading {
    /// What stands above the column, before the unit; a line break begins the second line.
    pub text: &'static str,
    /// Where it stands, from the left; equal ones in the order of the catalogue.
    pub place: u8,
    /// How long it stays where the terminal is narrow: 1 stays longest. Ranks up to 6 fit 80 columns in most grids; the
    /// others are for wide terminals.
    pub rank: u8,
}

/// One metric.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MetricDef {
    /// Which it is.
    pub id: MetricId,
    /// The full name, `scope.metric`, as it is written in `[stop]`, constraints and `metrics.csv`.
    pub name: &'static str,
    /// The group that `[stop] metrics` may name to mean several.
    pub group: &'static str,
    /// Whether naming the group chooses it; the others must be named themselves.
    pub in_group: bool,
    /// Base unit.
    pub unit: Unit,
    /// How it is estimated.
    pub kind: MetricKind,
    /// Where it exists.
    pub scope: Scope,
    /// What it is made of.
    pub source: Source,
    /// Of a share of the time of cores: a share of all that the run may use, and not of one.
    pub of_usable_cores: bool,
    /// What the worker's last message says of the same, which counts where it is more.
    pub usage: Option<UsageField>,
    /// The most that it can be.
    pub ceiling: Ceiling,
    /// Of a peak: steps in which its gauge is seen to move, in the metric's unit; less growth than one may not show yet.
    pub quantum: f64,
    /// Which values are better; absent: nobody can say.
    pub better: Option<Better>,
    /// How the gate judges it; absent: it is told and decides nothing.
    pub gate: Option<Gate>,
    /// Its column in the run table.
    pub heading: Option<Heading>,
    /// Its column in `report.csv`: of the run, or of the stage that speaks of it.
    pub column: Option<&'static str>,
    /// The definition, one line.
    pub about: &'static str,
}

impl MetricDef {
    /// The accelerators that it is of, if it is of any.
    pub const fn device(&self) -> Option<DeviceKind> {
        match self.source {
            Source::Device(kind, _) => Some(kind),
            _ => None,
        }
    }

    /// Whether it comes with an interval: a search has one, though it is said once.
    pub const fn has_interval(&self) -> bool {
        !matches!(self.kind, MetricKind::Scalar | MetricKind::Peak)
            || matches!(self.source, Source::RateSearch)
    }

    /// Whether it can be below 0: a loss may be anything.
    pub const fn may_be_negative(&self) -> bool {
        matches!(self.source, Source::Model(figure) if !figure.is_accuracy())
    }

    /// Whether it says how good the model is.
    pub const fn is_of_model(&self) -> bool {
        matches!(self.source, Source::Model(_))
    }

    /// Whether it is made of joules.
    pub const fn is_energy(&self) -> bool {
        matches!(self.source, Source::Energy(_))
    }

    /// Whether it is the newest value of a counter of the whole run.
    pub const fn is_counter(&self) -> bool {
        matches!((self.source, self.kind), (Source::Tick(_), MetricKind::Scalar))
            && matches!(self.scope, Scope::Run)
    }

    /// Whether it is the time that a step or request takes.
    pub const fn is_latency(&self) -> bool {
        matches!(
            (self.source, self.kind),
            (Source::Steps, MetricKind::Mean | MetricKind::Quantile(_))
        )
    }
}

impl MetricId {
    /// All there is to say of it.
    pub const fn def(self) -> &'static MetricDef {
        &CATALOGUE[self as usize]
    }

    /// Its full name.
    pub const fn name(self) -> &'static str {
        self.def().name
    }
}

impl fmt::Display for MetricId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl Serialize for MetricId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

impl<'de> Deserialize<'de> for MetricId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        let found = find(&name).map(|metric| metric.id);
        found.ok_or_else(|| de::Error::custom(format!("`{name}` is no metric")))
    }
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
        let columns: Vec<_> = CATALOGUE.iter().filter_map(|metric| metric.column).collect();
        assert_eq!(columns.iter().collect::<HashSet<_>>().len(), columns.len());
        for group in ["throughput", "step_latency", "latency", "cpu", "memory", "gpu", "accuracy"] {
            assert!(CATALOGUE.iter().any(|m| m.group == group && m.in_group), "{group}");
            assert!(!names.contains(group), "a group must not be a metric: {group}");
        }
    }

    #[test]
    fn an_entry_agrees_with_itself() {
        for metric in CATALOGUE {
            let name = metric.name;
            assert_eq!(metric.id.def(), metric, "{name}");
            assert!(!name.is_empty() && !metric.group.is_empty() && !metric.about.is_empty());
            assert!(metric.gate.is_none() || metric.better.is_some(), "{name} is judged blindly");
            assert_eq!(metric.kind == MetricKind::Peak, metric.quantum > 0.0, "{name}");
            let fallback = metric.gate.and_then(|gate| gate.fallback);
            assert!(fallback.is_none_or(|other| other.def().unit == metric.unit), "{name}");
            let text = serde_json::to_string(&metric.id).unwrap();
            assert_eq!(text, format!("\"{name}\""));
            assert_eq!(serde_json::from_str::<MetricId>(&text).unwrap(), metric.id);
        }
        let error = serde_json::from_str::<MetricId>("\"train.step_latency_p26\"").unwrap_err();
        assert!(error.to_string().contains("`train.step_latency_p26` is no metric"), "{error}");
    }
}
