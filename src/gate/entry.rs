//! One metric of one stage of one cell, as both sides have it.

use std::collections::BTreeSet;

use super::index::CellRuns;
use super::policy::{FEW_SAMPLES, MetricRule, Role};
use super::reason::RowReason;
use super::side::{FigureKey, GateRun, IndexedRun};
use super::verdict::RowVerdict;
use crate::metric::MetricName;

/// A metric of a stage of a cell, with what both sides say of it.
pub(super) struct Entry<'i> {
    pub(super) cell: &'i str,
    pub(super) phase: &'i str,
    pub(super) metric: MetricName,
    pub(super) unit: &'i str,
    pub(super) rule: MetricRule,
    /// The smallest change that counts, as a share.
    pub(super) floor: f64,
    pub(super) baseline: Column<'i>,
    pub(super) candidate: Column<'i>,
    /// The verdict, where no test is needed.
    pub(super) settled: Option<RowVerdict>,
    /// Figures are missing that the others of their row have: what is left may be a choice, and does not show that nothing is worse.
    pub(super) gap: Option<RowGap>,
    /// Runs of its cell are copies of others: what rests on them counts them twice.
    pub(super) copied: Option<RowReason>,
    pub(super) why: Vec<RowReason>,
}

impl Entry<'_> {
    /// Whether a run of either side has the figure.
    pub(super) fn has_values(&self) -> bool {
        self.baseline.count() + self.candidate.count() > 0
    }

    /// Whether it is to be judged and only a test can tell how.
    pub(super) fn is_testable(&self) -> bool {
        self.rule.role == Role::Gate && self.settled.is_none()
    }
}

/// What a row lacks.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct RowGap {
    pub(super) why: RowReason,
    /// Nobody says why it is not there: it was planned, and is lost.
    pub(super) lost: bool,
}

/// The values of one side, one for each of its runs that ended well.
#[derive(Default)]
pub(super) struct Column<'i> {
    pub(super) runs: &'i [IndexedRun<'i>],
    pub(super) values: Vec<Option<f64>>,
    /// The fewest samples that a value rests on.
    pub(super) fewest: Option<u64>,
    /// What is said where a value is absent.
    pub(super) note: Option<&'i str>,
    /// A value is absent since it would have rested on too few samples.
    pub(super) too_few: Option<u64>,
    /// A value is absent and nothing says why.
    pub(super) lost: bool,
    /// A value is absent since the worker did not say it.
    pub(super) unsaid: bool,
}

impl<'i> Column<'i> {
    pub(super) fn new(cell: Option<&'i CellRuns<'i>>, key: FigureKey<'_>) -> Self {
        let Some(cell) = cell else {
            return Self::default();
        };
        let mut column = Self { runs: &cell.ended, ..Self::default() };
        for run in &cell.ended {
            let figure = run.figures.get(&key);
            let value = figure.and_then(|figure| figure.value);
            column.values.push(value);
            let Some(figure) = figure else {
                column.lost = true;
                continue;
            };
            if value.is_some() {
                let fewest = column.fewest.into_iter().chain(figure.samples);
                column.fewest = fewest.min();
            } else {
                column.note = column.note.or(Some(figure.note.as_str()));
                let few = figure.samples.filter(|n| (1..FEW_SAMPLES).contains(n));
                column.lost |= few.is_none() && figure.note.is_empty();
                column.too_few = column.too_few.or(few);
                column.unsaid |= figure.unsaid;
            }
        }
        column
    }

    /// The runs that have a value, and it.
    pub(super) fn present(&self) -> impl Iterator<Item = (&'i GateRun, f64)> {
        let runs = self.runs.iter().zip(&self.values);
        runs.filter_map(|(run, value)| Some((run.run, (*value)?)))
    }

    pub(super) fn count(&self) -> usize {
        self.values.iter().flatten().count()
    }

    pub(super) fn absent(&self) -> usize {
        self.values.len() - self.count()
    }

    /// Runs that lack the figure although another run of their session has it. A session that lacks it altogether may be
    /// older than the metric.
    pub(super) fn absent_within_sessions(&self) -> usize {
        let having: BTreeSet<&str> = self.present().map(|(run, _)| run.session.as_str()).collect();
        let runs = self.runs.iter().zip(&self.values);
        runs.filter(|(run, value)| value.is_none() && having.contains(run.run.session.as_str()))
            .count()
    }

    /// The median over the runs of a side.
    pub(super) fn median(&self) -> Option<f64> {
        let mut values: Vec<f64> = self.present().map(|(_, value)| value).collect();
        values.sort_by(f64::total_cmp);
        let middle = values.len() / 2;
        let upper = *values.get(middle)?;
        Some(if values.len() % 2 == 1 { upper } else { f64::midpoint(values[middle - 1], upper) })
    }
}
