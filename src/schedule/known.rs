//! What the visits of the cells say together: the mean of each figure and the interval between visits.
//!
//! What people read of it is written elsewhere. The machines of visits are blocks: what lies between two machines is no spread. Invariant: a visit that failed or was cancelled lends no figure, and one
//! whose model is half trained lends none that is read at the end of training.

use std::collections::{BTreeMap, HashMap};

use crate::event::{MetricRow, RunRecord, RunStatus};
use crate::metric::{Ceiling, MetricDef, Source};
use crate::stats::{
    Basis, BetweenVisits, Interval, REPEATS, VisitFigure, between_runs, between_visits,
};

/// Nominal confidence of the intervals between visits.
pub const CONFIDENCE: f64 = 0.95;

/// One figure of one cell over its visits.
#[derive(Debug, Clone, PartialEq)]
pub struct CellFigure<'a> {
    /// Whose it is.
    pub cell: &'a str,
    /// A visit's row of it: its metric, stage and unit, and why it has no estimate where none has.
    pub row: &'a MetricRow,
    /// Visits that came to an end of their own.
    pub visits: Vec<&'a RunRecord>,
    /// The estimates of those that have the figure.
    pub values: Vec<f64>,
    /// Their mean.
    pub mean: Option<f64>,
    /// How well the mean is known; absent where nobody can say.
    pub interval: Option<Interval>,
    /// What the interval rests on; absent without one.
    pub basis: Option<Basis>,
    /// Whether it is as precise as was asked; absent: it is not among the chosen.
    pub known: Option<bool>,
    /// What the spread of the visits says, of a figure of the machine.
    pub between: Option<BetweenVisits>,
}

impl CellFigure<'_> {
    /// Half of the interval as a share of the mean; of one that 0 cuts off, the side that is left.
    pub fn reached(&self) -> Option<f64> {
        let (interval, mean) = (self.interval?, self.mean?);
        let half = (interval.high - mean).max(mean - interval.low) / mean.abs();
        half.is_finite().then_some(half)
    }

    /// The machines that its visits are from; none where all runs are from one.
    pub fn machines(&self) -> Vec<u32> {
        let mut all: Vec<u32> = rows(self).filter_map(|(run, _)| run.machine).collect();
        all.sort_unstable();
        all.dedup();
        all
    }

    /// Whether it is of the machine and was measured on several: then visits of different machines are not put together.
    pub fn is_blocked(&self) -> bool {
        is_of_machine(self) && self.machines().len() > 1
    }

    /// Whether it is read once, when training is over.
    pub fn is_of_test(&self) -> bool {
        is_of_test(self.row)
    }

    /// Whether it is a count that all visits agree on, and that no other visit would contradict.
    pub fn is_exact(&self) -> bool {
        let counted = self.row.metric.def().is_some_and(MetricDef::is_of_design);
        counted && self.values.iter().all(|value| value.total_cmp(&self.values[0]).is_eq())
    }

    /// Whether the visits agree though that says nothing: accuracies are counts on the same few samples.
    pub fn agrees_by_chance(&self) -> bool {
        let source = self.row.metric.def().map(|metric| metric.source);
        let of_accuracy = matches!(source, Some(Source::Model(figure)) if figure.is_accuracy());
        of_accuracy && self.agrees()
    }

    /// Whether the visits agree on a figure that a program says, which may be one number told again.
    pub fn is_told_again(&self) -> bool {
        let source = self.row.metric.def().map(|metric| metric.source);
        matches!(source, None | Some(Source::Own)) && self.agrees()
    }

    fn agrees(&self) -> bool {
        let same = |value: &f64| value.total_cmp(&self.values[0]).is_eq();
        self.values.len() as u64 >= REPEATS && self.values.iter().all(same)
    }
}

/// Whether it is read once, when training is over.
fn is_of_test(row: &MetricRow) -> bool {
    let source = row.metric.def().map(|metric| metric.source);
    matches!(source, Some(Source::Model(figure)) if figure.is_of_test())
}

/// Every figure of every cell, in the order of the cells' first visits. `within`: half of the interval that counts as known, of
/// a run's figures.
pub fn figures(records: &[RunRecord], within: impl Fn(&RunRecord) -> f64) -> Vec<CellFigure<'_>> {
    let mut found = Vec::new();
    for (cell, all) in by_cell(records) {
        let ended =
            |run: &&&RunRecord| matches!(run.status, RunStatus::Completed | RunStatus::Stopped);
        let visits: Vec<&RunRecord> = all.iter().filter(ended).copied().collect();
        // The visits of a cell have the same rows; the one with the most names them.
        if let Some(longest) = visits.iter().max_by_key(|run| run.metrics.len()) {
            found.extend(longest.metrics.iter().map(|row| figure(cell, row, &visits)));
        }
    }
    let asked = series(&found);
    let between = between_visits(&asked, CONFIDENCE);
    for (figure, between) in found.iter_mut().zip(between) {
        judge(figure, between, &within);
    }
    found
}

/// The visits of each cell, in the order of their first.
pub fn by_cell(records: &[RunRecord]) -> Vec<(&str, Vec<&RunRecord>)> {
    let mut places: HashMap<&str, usize> = HashMap::new();
    let mut cells: Vec<(&str, Vec<&RunRecord>)> = Vec::new();
    for record in records {
        let place = *places.entry(&record.cell).or_insert(cells.len());
        match cells.get_mut(place) {
            Some((_, runs)) => runs.push(record),
            None => cells.push((&record.cell, vec![record])),
        }
    }
    cells
}

/// A figure of which nothing is judged yet.
fn figure<'a>(cell: &'a str, row: &'a MetricRow, visits: &[&'a RunRecord]) -> CellFigure<'a> {
    let of_test = is_of_test(row);
    let lends = |run: &&&RunRecord| !of_test || run.trained_to_the_end();
    let rows = visits.iter().filter(lends);
    let rows = rows.filter_map(|run| run.metric(&row.phase, &row.metric));
    let values = rows.filter_map(|row| row.estimate).collect();
    CellFigure {
        cell,
        row,
        visits: visits.to_vec(),
        values,
        mean: None,
        interval: None,
        basis: None,
        known: None,
        between: None,
    }
}

/// The rows of a figure in the visits that have it.
fn rows<'f, 'a>(
    figure: &'f CellFigure<'a>,
) -> impl Iterator<Item = (&'a RunRecord, &'a MetricRow)> {
    let row = figure.row;
    let of = move |run: &&'a RunRecord| Some((*run, run.metric(&row.phase, &row.metric)?));
    figure.visits.iter().filter_map(of).filter(|(_, row)| row.estimate.is_some())
}

/// Whether it depends on the machine: what a model is like depends on its seed, what it is made of on its settings, and what a
/// command says on nobody knows what.
fn is_of_machine(figure: &CellFigure<'_>) -> bool {
    let of_program = |metric: &MetricDef| metric.is_of_model() || metric.is_of_design();
    figure.row.metric.def().is_some_and(|metric| !of_program(metric))
}

/// The figures of the machine as series over visits. Those of a model vary with the seed and not with the machine: they are
/// none of its kinds, and so are what a command says.
fn series(figures: &[CellFigure<'_>]) -> Vec<VisitFigure> {
    let mut kinds: BTreeMap<(String, Vec<u32>), usize> = BTreeMap::new();
    let mut of = |figure: &CellFigure<'_>| {
        let next = kinds.len();
        // How noisy a machine is says nothing of another one.
        let kind = (figure.row.metric.spread_kind(), figure.machines());
        let kind = *kinds.entry(kind).or_insert(next);
        let halves = rows(figure).filter_map(|(_, row)| Some((row.high? - row.low?) / 2.0));
        let values = if is_of_machine(figure) { figure.values.clone() } else { Vec::new() };
        let blocks = rows(figure).map(|(run, _)| run.machine.unwrap_or_default());
        VisitFigure { kind, values, halves: halves.collect(), blocks: blocks.collect() }
    };
    figures.iter().map(&mut of).collect()
}

/// Takes in what the spread between visits says.
fn judge(
    figure: &mut CellFigure<'_>,
    between: Option<BetweenVisits>,
    within: &impl Fn(&RunRecord) -> f64,
) {
    figure.between = between;
    let spread = between_runs(&figure.values, CONFIDENCE);
    let blocked = figure.is_blocked();
    // Each machine counts alike, however often it was visited.
    let of_blocks = between.map(|between| between.mean).filter(|_| blocked);
    figure.mean = of_blocks.or(spread.map(|spread| spread.value));
    let agree = figure.agrees_by_chance() || figure.is_exact();
    let plain = spread.and_then(|spread| spread.interval).filter(|_| !blocked);
    let spread = between.map(|between| between.interval).or(plain);
    let only = rows(figure).next().filter(|_| figure.values.len() == 1);
    let ends = only.and_then(|(_, row)| Some(Interval { low: row.low?, high: row.high? }));
    (figure.interval, figure.basis) = match (spread.filter(|_| !agree), ends) {
        (Some(interval), _) => (Some(within_reach(figure, interval)), Some(Basis::Between)),
        (None, Some(interval)) => (Some(interval), Some(Basis::Within)),
        (None, None) => (None, None),
    };
    let chosen = rows(figure).filter_map(|(run, row)| Some((run, row.known?)));
    let chosen: Vec<_> = chosen.collect();
    let each = chosen.iter().all(|(_, known)| *known);
    let is_peak = figure.row.metric.def().is_some_and(MetricDef::is_peak);
    figure.known = chosen.first().map(|(run, known)| match figure.basis {
        // Runs that end before their peak is bounded agree on a lower end, however many they are.
        Some(Basis::Between) if is_peak && !each => false,
        Some(Basis::Between) => figure.reached().is_some_and(|reached| reached <= within(run)),
        _ => figure.values.len() == 1 && *known,
    });
}

/// An interval may reach below 0, or beyond all of a share; a quantity of the catalogue that cannot be there is not.
fn within_reach(figure: &CellFigure<'_>, interval: Interval) -> Interval {
    let metric = figure.row.metric.def();
    let measured = metric.is_some_and(|metric| !MetricDef::may_be_negative(metric));
    let positive = measured && figure.values.iter().all(|value| *value >= 0.0);
    let most = match metric.map(|metric| metric.ceiling) {
        Some(Ceiling::At(most)) => most,
        _ => f64::INFINITY,
    };
    Interval {
        low: if positive { interval.low.max(0.0) } else { interval.low },
        high: interval.high.min(most),
    }
}
