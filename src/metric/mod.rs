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
//! - What the sampler reads of the run's processes or of the machine: a [`Field`]. A new one is a line of `fields!`
//!   (`source.rs`), a field of `ResourceSample` and its line in `ResourceSample::raw`, and the probe that fills it.
//! - What the sampler reads of an accelerator: a [`Reading`], in the same way (`GpuReading`).
//! - Anything else has a source of its own, which `control` has to know.
//!
//! The kind decides how it is estimated: the same field makes a [`MetricKind::Gauge`], a [`MetricKind::Peak`], or a
//! counter ([`MetricKind::Scalar`]). `metrics.csv`, `list metrics`, `[stop]`, `[constraints]`, `[objectives]` and
//! `[gate.metrics]` have it then. `in_report` puts it into `report.csv`, a heading into the run table, a panel into the drawing
//! of each run.

mod catalogue;
mod name;
mod own;
mod source;

pub use crate::stats::Better;
pub use catalogue::{
    CATALOGUE, Ceiling, Gate, Heading, MetricDef, MetricId, MetricKind, Scope, all, declare, find,
    find_among,
};
pub use name::MetricName;
pub use own::{MOST_OWN_METRICS, OwnId, OwnKind, OwnMetric, is_label, unit_of, why_no_name};
pub use source::{
    CostOf, DeviceKind, EnergyOf, Field, FieldDef, ModelFigure, Reading, Source, StartOf,
    UsageField,
};
