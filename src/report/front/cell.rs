//! A cell of the front: where it stands, by which figures, and what stands beside or before it.

use serde::Serialize;

use crate::metric::MetricName;
use crate::units::Unit;

/// Ties of a cell that are named; the others are counted.
pub const MOST_TIES: usize = 12;

/// Where a cell stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Mark {
    /// Nothing dominates it for certain.
    Front,
    /// Another cell is at least as good in everything, and better in something for certain.
    Dominated,
    /// It breaks a constraint, so it is not compared.
    Infeasible,
    /// Whether it keeps its constraints is not known, so it is not compared.
    Undecided,
    /// It lacks the figure of an objective, so it cannot be compared.
    Incomplete,
}

impl Mark {
    /// As `report.csv` has it: the cells that were not compared have their verdict or their missing figure there already.
    pub const fn pareto(self) -> Option<&'static str> {
        match self {
            Self::Front => Some("front"),
            Self::Dominated => Some("dominated"),
            Self::Infeasible | Self::Undecided | Self::Incomplete => None,
        }
    }
}

/// The figure of one objective of one cell.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct FrontFigure {
    /// What it is of.
    pub metric: MetricName,
    /// The stage that it speaks of, as displayed, or `run`.
    pub phase: String,
    /// Base unit.
    pub unit: Unit,
    /// The estimate, over the repeats of the cell; finite.
    pub estimate: f64,
    /// Lower end of the interval that it was compared by; absent: not known.
    pub low: Option<f64>,
    /// Upper end of that interval.
    pub high: Option<f64>,
    /// Which interval that is: `between 3 runs`, `within the run`, `by 360 test samples`, `taken as ±5%, one run`, ...
    pub interval: String,
}

/// Objectives in which a cell cannot be told from another one of the front.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Tie {
    /// The other cell.
    pub with: String,
    /// The metrics.
    pub metrics: Vec<MetricName>,
}

/// What dominates a cell.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Dominator {
    /// A cell; of the front, if one of the front does.
    pub cell: String,
    /// The metrics in which it is better beyond the noise; in the others it is at least as good.
    pub metrics: Vec<MetricName>,
}

/// One cell.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct FrontCell {
    /// The cell: a run's name without `-rN`.
    pub cell: String,
    /// Only cells of one data set are compared with each other.
    pub dataset: String,
    /// And only those of one machine, where there are several.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub machine: Option<u32>,
    /// Where it stands.
    pub mark: Mark,
    /// Its figures, one an objective, in their order; none where it was not compared.
    pub figures: Vec<FrontFigure>,
    /// Other cells of the front that it is tied with, the first [`MOST_TIES`] of them.
    pub ties: Vec<Tie>,
    /// How many more there are.
    #[serde(skip_serializing_if = "is_none")]
    pub more_ties: usize,
    /// What dominates it.
    pub dominated_by: Option<Dominator>,
    /// What a reader must know: which figure it lacks and why, runs that were left out.
    pub note: String,
}

/// What cells must have in common to be compared: their data set and their machine.
pub(super) fn group(cell: &FrontCell) -> (&str, Option<u32>) {
    (&cell.dataset, cell.machine)
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands out references")]
fn is_none(count: &usize) -> bool {
    *count == 0
}
