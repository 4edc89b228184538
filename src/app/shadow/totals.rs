//! Runs as they would have been, beside the whole ones: rows, and what they come to.
//!
//! How it is shown is left to `report`. Invariant: a figure that is missing on either side is counted as missing and
//! nowhere else.

use std::collections::BTreeMap;

use super::log::Observed;
use crate::app::distinct::distinct;
use crate::app::replay::row::{covers, relative_error};
use crate::control::shadow::{Contestant, ShadowFigure, scale, spread, swaps};
use crate::event::{Feasibility, RunRecord, RunVerdict};
use crate::metric::MetricId;
use crate::report::headline::Place;
use crate::report::shadow::{
    LONG_S, ShadowFeasible, ShadowRanking, ShadowReport, ShadowRow, ShadowRunRow, ShadowTotal,
};
use crate::stats::{Interval, weighted_quantile};

/// The metrics by which cells are ranked, chosen or not.
const RANKED: [MetricId; 3] =
    [MetricId::TrainThroughput, MetricId::TrainStepLatencyP95, MetricId::ServeLatencyP95];

/// A run and what it would have been under each rule.
type Seen<'a> = (&'a RunRecord, Vec<Observed>);

/// All runs.
pub(super) struct ObservedRuns<'a> {
    seen: &'a [Seen<'a>],
    /// How far the whole runs of a cell differ, by cell, phase and metric.
    spreads: BTreeMap<(&'a str, &'a str, &'a str), f64>,
}

impl<'a> ObservedRuns<'a> {
    pub(super) fn new(seen: &'a [Seen<'a>]) -> Self {
        let mut figures: BTreeMap<_, Vec<f64>> = BTreeMap::new();
        for (record, _) in seen {
            for row in &record.metrics {
                let key = (&*record.cell, &*row.phase, &*row.metric);
                figures.entry(key).or_default().extend(row.estimate);
            }
        }
        let spreads = figures.into_iter();
        let spreads = spreads.filter_map(|(key, figures)| Some((key, spread(&figures)?)));
        Self { seen, spreads: spreads.collect() }
    }

    pub(super) fn report(&self) -> ShadowReport {
        let mut report = ShadowReport::default();
        for (record, observed) in self.seen {
            for observed in observed {
                let rule = observed.label();
                let figures = observed.end.figures.iter();
                let rows: Vec<_> =
                    figures.map(|figure| row(record, &rule, observed.within, figure)).collect();
                report.runs.push(run(record, &rule, observed, &rows));
                report.rows.extend(rows);
            }
        }
        let rules = distinct(report.runs.iter().map(|run| run.rule.clone()));
        let totals = rules.iter().map(|rule| self.total(rule, &report));
        report.totals = totals.collect();
        report
    }

    /// The runs under this rule.
    fn under(&self, rule: &str) -> impl Iterator<Item = (&'a RunRecord, &'a Observed)> {
        self.seen.iter().filter_map(move |(record, observed)| {
            let found = observed.iter().find(|one| one.label() == rule)?;
            Some((*record, found))
        })
    }

    fn total(&self, rule: &str, report: &ShadowReport) -> ShadowTotal {
        let runs = report.runs.iter().filter(|run| run.rule == rule);
        let long = runs.clone().filter(|run| run.full_s >= LONG_S);
        let mut used: Vec<_> = long.map(|run| (run.used(), 1.0)).collect();
        let mut total = ShadowTotal {
            rule: rule.to_owned(),
            runs: runs.count() as u64,
            within_or_spread: (!self.spreads.is_empty()).then_some(0),
            long_runs: used.len() as u64,
            median_used: weighted_quantile(&mut used, 0.5),
            rankings: RANKED.map(|metric| self.ranking(rule, metric)).to_vec(),
            feasible: self.feasible(rule),
            ..ShadowTotal::default()
        };
        for row in report.rows.iter().filter(|row| row.rule == rule) {
            self.count(&mut total, row);
        }
        total
    }

    fn count(&self, total: &mut ShadowTotal, row: &ShadowRow) {
        let Some(within) = row.within_asked else {
            total.missing += 1;
            return;
        };
        total.figures += 1;
        total.known += u64::from(row.known);
        total.within += u64::from(within);
        total.early += u64::from(row.stop_t_s.is_some());
        total.early_within += u64::from(row.stop_t_s.is_some() && within);
        total.intervals += u64::from(row.covered.is_some());
        total.covered += u64::from(row.covered == Some(true));
        if let Some(count) = &mut total.within_or_spread {
            let spread = self.spread_of(row);
            let error = row.relative_error.map(f64::abs);
            let inside = error.zip(spread).is_some_and(|(error, spread)| error <= spread);
            *count += u64::from(within || inside);
        }
    }

    fn spread_of(&self, row: &ShadowRow) -> Option<f64> {
        let (record, _) = self.seen.iter().find(|(record, _)| record.run == row.run)?;
        let key = (&*record.cell, &*row.phase, &*row.metric);
        self.spreads.get(&key).copied()
    }

    fn ranking(&self, rule: &str, metric: MetricId) -> ShadowRanking {
        let contestants = self.under(rule).filter_map(|(record, observed)| {
            let phase = Place::of(metric.def()).phase(record)?;
            let there = |row: &&crate::event::MetricRow| {
                row.phase == phase && row.metric == metric && row.estimate.is_some()
            };
            let then = observed.end.rows.iter().find(there)?;
            let full = record.metrics.iter().find(there)?;
            Some(Contestant {
                cell: &record.cell,
                repeat: record.repeat,
                full: full.estimate?,
                at_stop: then.estimate?,
                interval: interval(then.low, then.high),
            })
        });
        let found = swaps(&contestants.collect::<Vec<_>>());
        ShadowRanking {
            metric: metric.name(),
            pairs: found.pairs,
            swapped: found.swapped,
            disjoint: found.disjoint,
        }
    }

    /// A cell is feasible if all its repeats are.
    fn feasible(&self, rule: &str) -> Option<ShadowFeasible> {
        let mut cells: BTreeMap<&str, (bool, bool)> = BTreeMap::new();
        for (record, observed) in self.under(rule) {
            let verdicts = record.verdict.as_ref().zip(observed.end.verdict.as_ref());
            // Constraints may concern some cells only.
            let Some((full, then)) = verdicts else {
                continue;
            };
            let is = |verdict: &RunVerdict| verdict.verdict == Feasibility::Feasible;
            let cell = cells.entry(&record.cell).or_insert((true, true));
            *cell = (cell.0 && is(full), cell.1 && is(then));
        }
        let count = |which: fn(&(bool, bool)) -> bool| {
            cells.values().filter(|cell| which(cell)).count() as u64
        };
        if cells.is_empty() {
            return None;
        }
        let changed = cells.iter().filter(|(_, (full, then))| full != then);
        Some(ShadowFeasible {
            full: count(|cell| cell.0),
            at_stop: count(|cell| cell.1),
            changed: changed.map(|(cell, _)| (*cell).to_owned()).collect(),
        })
    }
}

fn interval(low: Option<f64>, high: Option<f64>) -> Option<Interval> {
    let (low, high) = low.zip(high)?;
    Some(Interval { low, high })
}

fn row(record: &RunRecord, rule: &str, within: f64, figure: &ShadowFigure) -> ShadowRow {
    let then = &figure.row;
    let full = record.metric(&then.phase, &then.metric);
    let full = full.and_then(|row| row.estimate);
    let both = then.estimate.zip(full);
    // Where rounding alone differs, nothing does.
    let within_asked = both.map(|(estimate, full)| {
        relative_error(estimate, full) == 0.0
            || (estimate - full).abs() <= within * scale(then.unit, full)
    });
    ShadowRow {
        run: record.run.clone(),
        model: record.job.model.name.clone(),
        dataset: record.job.dataset.clone(),
        phase: then.phase.clone(),
        metric: then.metric.clone(),
        unit: then.unit,
        rule: rule.to_owned(),
        known: figure.known,
        stop_t_s: figure.stop_s,
        estimate: then.estimate,
        low: then.low,
        high: then.high,
        full_estimate: full,
        relative_error: both.map(|(estimate, full)| relative_error(estimate, full)),
        within_asked,
        covered: interval(then.low, then.high)
            .zip(full)
            .map(|(interval, full)| covers(interval, full)),
    }
}

fn run(record: &RunRecord, rule: &str, observed: &Observed, rows: &[ShadowRow]) -> ShadowRunRow {
    let end = &observed.end;
    // A worker that plays a script may be ahead of the clock on the wall.
    let full_s = record.wall_s.max(end.span_s);
    let errors = rows.iter().filter_map(|row| Some((row, row.relative_error?)));
    let worst = errors.max_by(|(_, a), (_, b)| a.abs().total_cmp(&b.abs()));
    ShadowRunRow {
        run: record.run.clone(),
        rule: rule.to_owned(),
        stop: end.stop.reason,
        full_s,
        early_s: full_s - end.saved_s,
        worst_error: worst.map(|(_, error)| error),
        worst_metric: worst
            .filter(|(_, error)| *error != 0.0)
            .map_or_else(String::new, |(row, _)| named(row)),
    }
}

/// The metric, with its phase where its name does not say it.
fn named(row: &ShadowRow) -> String {
    if row.phase == "run" || row.metric.starts_with(&format!("{}.", row.phase)) {
        row.metric.to_string()
    } else {
        format!("{} in {}", row.metric, row.phase)
    }
}
