//! The figure of a cell that an objective is compared by, and the interval that it is known to.
//!
//! Which cells are compared is left to the front. Invariant: an accuracy's interval is no narrower than the number of its
//! samples allows, and a figure of which nobody has measured how well it is known says what it was taken as.

use crate::app::distinct::distinct;
use crate::app::summary::Asked;
use crate::event::{MetricRow, Objective, RunRecord, RunStatus, StopReason};
use crate::metric::{MetricDef, MetricId, MetricKind, ModelFigure, Scope, Source};
use crate::report::front::FrontFigure;
use crate::report::headline::Place;
use crate::report::summary::SummaryRow;
use crate::report::words;
use crate::schedule::CONFIDENCE;
use crate::stats::{Basis, Interval, Known, wilson};
use crate::store::DataRows;
use crate::units::{Unit, percent};
use std::collections::{BTreeMap, HashMap};
use std::fmt::Write;

/// Nothing is known.
const OPEN: Interval = Interval { low: f64::NEG_INFINITY, high: f64::INFINITY };

/// What cells are compared by, and what is known of their data.
pub(in crate::app) struct Comparison<'a> {
    pub(in crate::app) objectives: &'a [Objective],
    pub(in crate::app) summary: BetweenRuns<'a>,
    pub(in crate::app) rows: &'a BTreeMap<String, DataRows>,
    /// How precisely each run was asked to know its figures.
    pub(in crate::app) within: &'a Asked,
}

/// The figures between runs by cell, metric and phase.
pub(in crate::app) type BetweenRuns<'a> = HashMap<(&'a str, &'a str, &'a str), &'a SummaryRow>;

/// The figures between runs where they are found by their names.
pub(super) fn indexed(summary: &[SummaryRow]) -> BetweenRuns<'_> {
    let rows = summary.iter();
    rows.map(|row| ((&*row.cell, &*row.metric, &*row.phase), row)).collect()
}

/// A figure as it is shown and as it is compared.
pub(super) type Figure = (FrontFigure, Known);

/// What one run tells of its figure.
struct Told {
    interval: Interval,
    says: String,
    /// Whether nothing was measured of how well it is known.
    assumed: bool,
}

impl Comparison<'_> {
    /// The figure of an objective over the runs of a cell, or why there is none.
    pub(super) fn figure(
        &self,
        cell: &str,
        runs: &[&RunRecord],
        objective: &Objective,
    ) -> Result<Figure, String> {
        let def = objective.metric.def().ok_or("this perftune knows no such metric")?;
        let mut rows = Vec::new();
        for run in runs {
            rows.push((*run, final_row(run, def)?));
        }
        let estimates = rows.iter().filter_map(|(_, row)| row.estimate);
        let mean = estimates.sum::<f64>() / rows.len() as f64;
        let phase = rows.first().map_or("", |(_, row)| row.phase.as_str());
        if rows.iter().any(|(_, row)| row.phase != phase) {
            return Err("its runs were served on different weights".to_owned());
        }
        let between = self.summary.get(&(cell, def.name, phase)).copied();
        let between = between.filter(|row| row.interval == Some(Basis::Between));
        let told = rows.iter().map(|(run, row)| self.told(run, row, def));
        let told: Vec<Told> = told.collect();
        let (interval, says) = match between {
            Some(row) => self.between_runs(row, runs, def, &told),
            None => within_runs(&told),
        };
        let value = between.and_then(|row| row.mean).unwrap_or(mean);
        let known = Known::within(value, Some(interval.low), Some(interval.high))
            .ok_or_else(|| format!("it is {value}, which cannot be compared"))?;
        let end = |end: f64| end.is_finite().then_some(end);
        let figure = FrontFigure {
            metric: def.id.into(),
            phase: phase.to_owned(),
            unit: def.unit,
            estimate: value,
            low: end(known.interval().low),
            high: end(known.interval().high),
            interval: says,
        };
        Ok((figure, known))
    }

    /// The interval between the runs of a cell; for an accuracy no narrower than the size of the data allows: runs that agree
    /// with each other were still judged by the same samples. Where a run only knows that its figure is no smaller (or no
    /// larger), so does their mean.
    fn between_runs(
        &self,
        row: &SummaryRow,
        runs: &[&RunRecord],
        def: &MetricDef,
        told: &[Told],
    ) -> (Interval, String) {
        let mut interval =
            Interval { low: row.low.unwrap_or(OPEN.low), high: row.high.unwrap_or(OPEN.high) };
        let mut says = format!("between {} runs", row.runs);
        let ends = |told: &&Told| (told.interval.low.is_finite(), told.interval.high.is_finite());
        let lower = told.iter().filter(|told| ends(told) == (true, false)).count();
        let upper = told.iter().filter(|told| ends(told) == (false, true)).count();
        for (bounds, end, open) in [
            (lower, "lower", (interval.low, OPEN.high)),
            (upper, "upper", (OPEN.low, interval.high)),
        ] {
            if bounds > 0 {
                interval = hull(interval, Interval { low: open.0, high: open.1 });
                let _ = write!(says, ", of which {bounds} only know a {end} end");
            }
        }
        let rows = runs.first().and_then(|run| self.samples(run, def));
        let share = row.mean.zip(rows);
        match share.and_then(|(mean, rows)| Some((wilson(mean, rows, CONFIDENCE)?, rows))) {
            Some((of_data, rows)) => {
                let kind = part(def);
                let says = format!("{says} and {rows} {kind} samples");
                let joined = hull(interval, of_data);
                // Student's interval does not know that nothing is more accurate than always right.
                let high = joined.high.min(1.0);
                (Interval { high, ..joined }, says)
            }
            None if def.source == Source::Own && say_the_same(runs, def) => {
                let says = format!(
                    "{says}, which all say the same: another seed or other data may change it by more"
                );
                (interval, says)
            }
            None => (interval, says),
        }
    }

    fn told(&self, run: &RunRecord, row: &MetricRow, def: &MetricDef) -> Told {
        let value = row.estimate.unwrap_or(f64::NAN);
        let of_data =
            self.samples(run, def).and_then(|rows| Some((wilson(value, rows, CONFIDENCE)?, rows)));
        let measured = |interval, says: String| Told { interval, says, assumed: false };
        if row.low.is_some() || row.high.is_some() {
            let interval =
                Interval { low: row.low.unwrap_or(OPEN.low), high: row.high.unwrap_or(OPEN.high) };
            measured(interval, "within the run".to_owned())
        } else if let Some((interval, rows)) = of_data {
            measured(interval, format!("by {rows} {} samples", part(def)))
        } else if def.has_interval() {
            measured(OPEN, "unknown: too few independent observations".to_owned())
        } else if matches!(def.source, Source::Model(figure) if figure.is_accuracy()) {
            let says = "unknown: the number of samples behind it is unknown";
            measured(OPEN, says.to_owned())
        } else if is_choice(def) || def.is_of_design() {
            measured(Interval::around(value, 0.0), "taken as exact".to_owned())
        } else {
            self.assumed(run, row, value, def)
        }
    }

    /// Half of the interval that a run itself leaves to a figure; absent where nobody has measured it.
    pub(in crate::app) fn half(&self, run: &RunRecord, row: &MetricRow) -> Option<f64> {
        let told = self.told(run, row, row.metric.def()?);
        let half = (told.interval.high - told.interval.low) / 2.0;
        (!told.assumed && half.is_finite()).then_some(half)
    }

    /// What is said once has no interval, and another run would have said something else: without more runs it is taken to be
    /// as precise as figures were asked to be. A peak that may still have grown is a lower end.
    fn assumed(&self, run: &RunRecord, row: &MetricRow, value: f64, def: &MetricDef) -> Told {
        let within = self.within.within(run);
        let interval = Interval::around(value, within * value.abs());
        if def.is_peak() && cut_short(run) && row.known != Some(true) {
            let says = "only a lower end where a run ended before its peak was known";
            return Told {
                interval: hull(interval, Interval { high: OPEN.high, ..interval }),
                says: says.to_owned(),
                assumed: false,
            };
        }
        Told { interval, says: format!("taken as ±{}", percent(within)), assumed: true }
    }

    /// The samples that an accuracy rests on, where the worker told or the data set does.
    fn samples(&self, run: &RunRecord, def: &MetricDef) -> Option<u64> {
        if def.id == MetricId::TestAccuracy
            && let Some(told) = Place::of(def).row(run, def.id).filter(|row| row.samples > 1)
        {
            return Some(told.samples);
        }
        let rows = self.rows.get(&run.job.dataset)?;
        let samples = match def.source {
            Source::Model(ModelFigure::TestAccuracy) => rows.test,
            Source::Model(ModelFigure::ValidationAccuracy) => {
                run.job.train.validation_rows(rows.train)
            }
            _ => return None,
        };
        (samples > 0).then_some(samples)
    }
}

fn say_the_same(runs: &[&RunRecord], def: &MetricDef) -> bool {
    let estimate = |run: &&RunRecord| final_row(run, def).ok()?.estimate.map(f64::to_bits);
    let mut all = runs.iter().map(estimate);
    let first = all.next();
    all.all(|other| Some(other) == first)
}

/// What one or two runs tell: from the lowest end to the highest.
fn within_runs(told: &[Told]) -> (Interval, String) {
    let intervals = told.iter().map(|told| told.interval);
    let interval = intervals.reduce(hull).unwrap_or(OPEN);
    let says = distinct(told.iter().map(|told| told.says.as_str())).join(" and ");
    match told {
        [only] if only.assumed => (interval, format!("{says}, one run")),
        [] | [_] => (interval, says),
        runs => (interval, format!("{says}, of {} runs", runs.len())),
    }
}

/// The figure of a run that speaks of it in one line, if it is one to compare by.
pub(in crate::app) fn final_row<'a>(
    run: &'a RunRecord,
    def: &MetricDef,
) -> Result<&'a MetricRow, String> {
    let row = Place::of(def).row(run, def.name);
    let row = row.ok_or("the run has no such stage")?;
    match row.estimate {
        None if row.notes.is_empty() => Err("not measured".to_owned()),
        None => Err(words::notes_of(row)),
        Some(value) if !value.is_finite() => Err(format!("it is {value}")),
        Some(_) if def.is_of_model() && !run.trained_to_the_end() => {
            Err("the model was not trained to the end".to_owned())
        }
        Some(_) if adds_up(def) && cut_short(run) => {
            Err("the run ended before its stages were over".to_owned())
        }
        Some(_) => Ok(row),
    }
}

/// A counter of the whole run: the longer the run, the more.
fn adds_up(def: &MetricDef) -> bool {
    let total = def.scope == Scope::Run && def.kind == MetricKind::Scalar;
    total && !def.is_of_model() && !def.is_peak() && !is_choice(def) && def.unit != Unit::Percent
}

/// A figure that is one of the values of a setting.
fn is_choice(def: &MetricDef) -> bool {
    def.source == Source::Sizes
}

/// Whether a run was ended while there was more to do: a model that is trained has no more to do.
fn cut_short(run: &RunRecord) -> bool {
    run.status != RunStatus::Completed && run.stop.reason != StopReason::Trained
}

/// Which samples an accuracy was counted on.
fn part(def: &MetricDef) -> &'static str {
    match def.source {
        Source::Model(figure) if figure.is_of_validation() => "validation",
        _ => "test",
    }
}

fn hull(one: Interval, other: Interval) -> Interval {
    Interval { low: one.low.min(other.low), high: one.high.max(other.high) }
}
