//! What the page is made of.

use std::collections::BTreeMap;

use super::course::Course;
use super::timeline::RunSeries;
use crate::event::RunRecord;
use crate::metric::MetricName;
use crate::report::effects::EffectsReport;
use crate::report::found::Found;
use crate::report::front::FrontReport;
use crate::report::summary::SummaryRow;
use crate::units::Unit;

/// Most runs whose time series are shown: each takes up to 20 kB.
pub const MOST_SERIES: usize = 50;

/// What the page says of the grid as a whole.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Head {
    /// The name of the grid.
    pub name: String,
    /// When it was started, as the manifest has it.
    pub created: String,
    /// The version of the program that ran it.
    pub version: String,
    /// The machine, one line.
    pub machine: String,
    /// Planned runs that have no record.
    pub missing: Vec<String>,
}

/// A limit that runs must keep.
#[derive(Debug, Clone, PartialEq)]
pub struct Limit {
    /// What is limited.
    pub metric: MetricName,
    /// `<=`, `>=`, `<` or `>`.
    pub sign: String,
    /// Whether it limits from above.
    pub upper: bool,
    /// The limit, in the metric's base unit.
    pub value: f64,
    /// Whether it holds for only some of the runs.
    pub of_some: bool,
}

impl Limit {
    /// `<= 10.0 ms`, and whether it is everybody's.
    pub(super) fn short(&self) -> String {
        let unit = self.metric.def().map_or(Unit::One, |metric| metric.unit);
        let of_some = if self.of_some { " (some runs)" } else { "" };
        format!("{} {}{of_some}", self.sign, unit.show(self.value))
    }

    /// The same with the metric.
    pub(super) fn shown(&self) -> String {
        format!("{} {}", self.metric, self.short())
    }
}

/// Time series of the runs.
#[derive(Debug, Clone, PartialEq)]
pub enum SeriesOfRuns {
    /// By the names of the runs: the series, or why there is none.
    Shown(BTreeMap<String, Result<RunSeries, String>>),
    /// None, and why.
    LeftOut(String),
}

/// Everything that the page is made of.
#[derive(Debug, Clone, Copy)]
pub struct Page<'a> {
    /// The grid as a whole.
    pub head: &'a Head,
    /// The runs that have ended, in the order of the plan.
    pub records: &'a [RunRecord],
    /// Their figures between runs.
    pub summary: &'a [SummaryRow],
    /// What they must keep.
    pub limits: &'a [Limit],
    /// Which cells nothing else is better than, where there are objectives; they decide which trade-offs are drawn.
    pub front: Option<&'a FrontReport>,
    /// What each setting buys, where cells can be compared.
    pub effects: Option<&'a EffectsReport>,
    /// What a search recommends, where there was one.
    pub found: Option<&'a Found>,
    /// How that search went, where it is known.
    pub course: Option<&'a Course>,
    /// Their time series.
    pub series: &'a SeriesOfRuns,
}
