//! From the figures of the runs to the front of their cells.

use std::collections::{BTreeMap, HashMap};

use super::diagnostic::Fault;
use crate::event::metric::find;
use crate::event::{
    Feasibility, Goal, MetricDef, MetricKind, MetricRow, Objective, RunRecord, RunStatus,
    StopReason,
};
use crate::report::front::{Dominator, FrontCell, FrontFigure, FrontReport, Mark, Tie};
use crate::report::headline::Place;
use crate::report::summary::SummaryRow;
use crate::stats::{Better, Interval, Known, Standing, standings, wilson};
use crate::store::{DataRows, Results};

/// Nominal confidence of the intervals of shares: that of the intervals between runs.
const CONFIDENCE: f64 = 0.95;

/// Runs from which on the interval between them is used.
const REPEATS: u64 = 3;

/// What cells are compared by, and what is known of their data.
struct Comparison<'a> {
    objectives: &'a [Objective],
    summary: BetweenRuns<'a>,
    rows: &'a BTreeMap<String, DataRows>,
}

/// The figures between runs by cell, metric and phase.
type BetweenRuns<'a> = HashMap<(&'a str, &'a str, &'a str), &'a SummaryRow>;

/// A figure as it is shown and as it is compared.
type Figure = (FrontFigure, Known);

/// The front of a results folder, by these objectives or by those of its manifest; `None` where there are none.
pub fn of_folder(
    results: &Results,
    (records, summary): (&[RunRecord], &[SummaryRow]),
    asked: Option<Vec<Objective>>,
) -> Result<Option<FrontReport>, Fault> {
    let head = results.manifest()?;
    let (recorded, rows) = head.map_or_else(Default::default, |h| (h.objectives, h.datasets));
    let objectives = asked.unwrap_or(recorded);
    let comparison = Comparison {
        objectives: &objectives,
        summary: indexed(summary),
        rows: &rows,
    };
    Ok((!objectives.is_empty()).then(|| comparison.front(records)))
}

impl Comparison<'_> {
    fn front(&self, records: &[RunRecord]) -> FrontReport {
        let mut cells: Vec<(FrontCell, Vec<Known>)> = Vec::new();
        for (name, runs) in by_cell(records) {
            cells.push(self.cell(name, &runs));
        }
        let goals: Vec<Better> = self.objectives.iter().map(better).collect();
        let mut datasets: Vec<String> = Vec::new();
        for (cell, _) in &cells {
            if !datasets.contains(&cell.dataset) {
                datasets.push(cell.dataset.clone());
            }
        }
        for dataset in &datasets {
            let compared = |(cell, _): &(FrontCell, Vec<Known>)| {
                cell.dataset == *dataset && cell.mark == Mark::Front
            };
            let group: Vec<usize> = (0..cells.len())
                .filter(|at| compared(&cells[*at]))
                .collect();
            self.settle(&mut cells, &group, &goals);
        }
        FrontReport {
            objectives: self.objectives.to_vec(),
            cells: cells.into_iter().map(|(cell, _)| cell).collect(),
        }
    }

    /// A cell with its figures; marked as of the front where it may be compared.
    fn cell(&self, name: &str, runs: &[&RunRecord]) -> (FrontCell, Vec<Known>) {
        let good: Vec<_> = runs.iter().copied().filter(|run| ended(run)).collect();
        let mut cell = FrontCell {
            cell: name.to_owned(),
            dataset: runs
                .first()
                .map_or_else(String::new, |run| run.job.dataset.clone()),
            mark: Mark::Front,
            figures: Vec::new(),
            ties: Vec::new(),
            dominated_by: None,
            note: String::new(),
        };
        if let Some(mark) = verdict(runs) {
            cell.mark = mark;
            return (cell, Vec::new());
        }
        if runs
            .iter()
            .any(|run| run.stop.reason == StopReason::OutOfMemory)
        {
            cell.mark = Mark::Incomplete;
            "it ran out of memory".clone_into(&mut cell.note);
            return (cell, Vec::new());
        }
        if good.is_empty() {
            cell.mark = Mark::Incomplete;
            "no run of it came to its end".clone_into(&mut cell.note);
            return (cell, Vec::new());
        }
        let lost = runs.len() - good.len();
        if lost > 0 {
            cell.note = format!("{lost} of {} runs failed or were cancelled", runs.len());
        }
        let found = self.objectives.iter().map(|objective| {
            let figure = self.figure(name, &good, objective);
            figure.map_err(|why| format!("{}: {why}", objective.metric))
        });
        match found.collect::<Result<Vec<Figure>, String>>() {
            Ok(figures) => {
                let (shown, known) = figures.into_iter().unzip();
                cell.figures = shown;
                (cell, known)
            }
            Err(why) => {
                cell.mark = Mark::Incomplete;
                cell.note = why;
                (cell, Vec::new())
            }
        }
    }

    /// The figure of an objective over the runs of a cell, or why there is none.
    fn figure(
        &self,
        cell: &str,
        runs: &[&RunRecord],
        objective: &Objective,
    ) -> Result<Figure, String> {
        let def = find(&objective.metric).ok_or("this perftune knows no such metric")?;
        let mut rows = Vec::new();
        for run in runs {
            rows.push((*run, final_row(run, def)?));
        }
        let estimates = rows.iter().filter_map(|(_, row)| row.estimate);
        let mean = estimates.sum::<f64>() / rows.len() as f64;
        let phase = rows.first().map_or("", |(_, row)| row.phase.as_str());
        let between = self.summary.get(&(cell, def.name, phase)).copied();
        let between = between.filter(|row| row.runs >= REPEATS && row.low.is_some());
        let (interval, says) = match between {
            Some(row) => self.between_runs(row, (runs, def)),
            None => self.within_runs(&rows, def),
        };
        let value = between.and_then(|row| row.mean).unwrap_or(mean);
        let known = Known::within(value, Some(interval.low), Some(interval.high))
            .ok_or_else(|| format!("it is {value}, which cannot be compared"))?;
        let end = |end: f64| end.is_finite().then_some(end);
        let figure = FrontFigure {
            metric: def.name.to_owned(),
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
    /// with each other were still judged by the same samples.
    fn between_runs(
        &self,
        row: &SummaryRow,
        (runs, def): (&[&RunRecord], &MetricDef),
    ) -> (Interval, String) {
        let open = (f64::NEG_INFINITY, f64::INFINITY);
        let interval = Interval {
            low: row.low.unwrap_or(open.0),
            high: row.high.unwrap_or(open.1),
        };
        let says = format!("between {} runs", row.runs);
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
            None => (interval, says),
        }
    }

    /// What one or two runs tell: from the lowest end to the highest.
    fn within_runs(
        &self,
        rows: &[(&RunRecord, &MetricRow)],
        def: &MetricDef,
    ) -> (Interval, String) {
        let each = rows.iter().map(|(run, row)| self.within_run(run, row, def));
        let joined = each.reduce(|(one, says), (other, _)| (hull(one, other), says));
        let open = Interval {
            low: f64::NEG_INFINITY,
            high: f64::INFINITY,
        };
        let (interval, says) = joined.unwrap_or((open, String::new()));
        match rows.len() {
            0 | 1 => (interval, says),
            runs => (interval, format!("{says}, of {runs} runs")),
        }
    }

    fn within_run(&self, run: &RunRecord, row: &MetricRow, def: &MetricDef) -> (Interval, String) {
        let value = row.estimate.unwrap_or(f64::NAN);
        let of_data = self
            .samples(run, def)
            .and_then(|rows| Some((wilson(value, rows, CONFIDENCE)?, rows)));
        let said_once = matches!(def.kind, MetricKind::Scalar | MetricKind::Peak);
        if row.low.is_some() || row.high.is_some() {
            let interval = Interval {
                low: row.low.unwrap_or(f64::NEG_INFINITY),
                high: row.high.unwrap_or(f64::INFINITY),
            };
            (interval, "within the run".to_owned())
        } else if let Some((interval, rows)) = of_data {
            (interval, format!("by {rows} {} samples", part(def)))
        } else if said_once && def.group == "accuracy" {
            let says = "taken as exact (how many samples it rests on is not recorded)";
            (Interval::around(value, 0.0), says.to_owned())
        } else if said_once {
            (Interval::around(value, 0.0), "taken as exact".to_owned())
        } else {
            let interval = Interval {
                low: f64::NEG_INFINITY,
                high: f64::INFINITY,
            };
            (interval, "unknown: too few observations".to_owned())
        }
    }

    /// The samples that an accuracy rests on, where that is recorded.
    fn samples(&self, run: &RunRecord, def: &MetricDef) -> Option<u64> {
        let rows = self.rows.get(&run.job.dataset)?;
        let samples = match def.name {
            "test_accuracy" => rows.test,
            "validation_accuracy" => run.job.train.validation_rows(rows.train),
            _ => return None,
        };
        (samples > 0).then_some(samples)
    }

    /// Marks the cells of `group`, which can be compared with each other.
    fn settle(&self, cells: &mut [(FrontCell, Vec<Known>)], group: &[usize], goals: &[Better]) {
        let points: Vec<Vec<Known>> = group.iter().map(|at| cells[*at].1.clone()).collect();
        let names: Vec<String> = group.iter().map(|at| cells[*at].0.cell.clone()).collect();
        let found = standings(&points, goals);
        let metrics = |holds: &dyn Fn(usize) -> bool| {
            let places = 0..self.objectives.len();
            let names = places.filter(|at| holds(*at));
            let names = names.map(|at| self.objectives[at].metric.clone());
            names.collect::<Vec<_>>()
        };
        for (own, standing) in found.iter().enumerate() {
            let cell = &mut cells[group[own]].0;
            match standing {
                Standing::DominatedBy(by) => {
                    let better = |at: usize| points[*by][at].is_better(points[own][at], goals[at]);
                    cell.mark = Mark::Dominated;
                    cell.dominated_by = Some(Dominator {
                        cell: names[*by].clone(),
                        metrics: metrics(&better),
                    });
                }
                Standing::Front => {
                    let others = (0..group.len())
                        .filter(|other| *other != own && found[*other] == Standing::Front);
                    let ties = others.map(|other| Tie {
                        with: names[other].clone(),
                        metrics: metrics(&|at: usize| {
                            points[own][at].is_tied(points[other][at], goals[at])
                        }),
                    });
                    cell.ties = ties.filter(|tie| !tie.metrics.is_empty()).collect();
                }
            }
        }
    }
}

fn indexed(summary: &[SummaryRow]) -> BetweenRuns<'_> {
    let rows = summary.iter();
    rows.map(|row| ((&*row.cell, &*row.metric, &*row.phase), row))
        .collect()
}

/// The runs of each cell, in the order of their first.
fn by_cell(records: &[RunRecord]) -> Vec<(&str, Vec<&RunRecord>)> {
    let mut places: BTreeMap<&str, usize> = BTreeMap::new();
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

fn ended(record: &RunRecord) -> bool {
    matches!(record.status, RunStatus::Completed | RunStatus::Stopped)
}

fn better(objective: &Objective) -> Better {
    match objective.goal {
        Goal::Maximize => Better::Higher,
        Goal::Minimize => Better::Lower,
    }
}

/// Why its constraints keep a cell out, if they do: all runs that have any must be feasible.
fn verdict(runs: &[&RunRecord]) -> Option<Mark> {
    let any = |of: Feasibility| {
        let mut verdicts = runs.iter().filter_map(|run| run.verdict.as_ref());
        verdicts.any(|verdict| verdict.verdict == of)
    };
    if any(Feasibility::Infeasible) {
        Some(Mark::Infeasible)
    } else {
        any(Feasibility::Undecided).then_some(Mark::Undecided)
    }
}

/// The figure of a run that speaks of it in one line, if it is one to compare by.
fn final_row<'a>(run: &'a RunRecord, def: &MetricDef) -> Result<&'a MetricRow, String> {
    let row = Place::of(def).row(run, def.name);
    let row = row.ok_or("the run has no such phase")?;
    match row.estimate {
        None if row.note.is_empty() => Err("not measured".to_owned()),
        None => Err(row.note.clone()),
        Some(value) if !value.is_finite() => Err(format!("it is {value}")),
        Some(_) if of_model(def) && !run.trained_to_the_end() => {
            Err("the model was not trained to the end".to_owned())
        }
        Some(_) => Ok(row),
    }
}

fn of_model(def: &MetricDef) -> bool {
    matches!(def.group, "accuracy" | "loss")
}

/// Which samples an accuracy was counted on.
fn part(def: &MetricDef) -> &'static str {
    match def.name {
        "validation_accuracy" => "validation",
        _ => "test",
    }
}

fn hull(one: Interval, other: Interval) -> Interval {
    Interval {
        low: one.low.min(other.low),
        high: one.high.max(other.high),
    }
}

#[cfg(test)]
mod tests;
