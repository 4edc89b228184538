//! From the figures of the runs to the front of their cells.
//!
//! Who dominates whom is decided by `stats`, how it is drawn by `report`. Invariant: only cells of one data set that have
//! all figures and keep their constraints are compared.

pub(super) mod figures;

use std::collections::BTreeMap;

use self::figures::{Comparison, Figure, indexed};
use super::distinct::distinct;
use super::summary::Asked;
use crate::event::{Feasibility, Objective, RunRecord, RunStatus, StopReason};
use crate::report::ending::verdict_of;
use crate::report::front::{Dominator, FrontCell, FrontReport, MOST_TIES, Mark, Tie};
use crate::report::summary::SummaryRow;
use crate::schedule::by_cell;
use crate::stats::{Better, Known, Standing, standings};
use crate::store::ManifestHead;

/// The front of the cells, by these objectives or by those of the manifest; `None` where there are none.
pub fn front(
    head: Option<&ManifestHead>,
    records: &[RunRecord],
    summary: &[SummaryRow],
    asked: Option<&[Objective]>,
) -> Option<FrontReport> {
    let within = Asked::of(head);
    let objectives = asked.or(head.map(|head| &*head.objectives)).unwrap_or_default();
    let none = BTreeMap::new();
    let comparison = Comparison {
        objectives,
        summary: indexed(summary),
        rows: head.map_or(&none, |head| &head.datasets),
        within: &within,
    };
    (!objectives.is_empty()).then(|| comparison.front(records))
}

impl Comparison<'_> {
    fn front(&self, records: &[RunRecord]) -> FrontReport {
        let mut cells: Vec<(FrontCell, Vec<Known>)> = Vec::new();
        for (name, runs) in by_cell(records) {
            cells.push(self.cell(name, &runs));
        }
        let goals: Vec<Better> = self.objectives.iter().map(|objective| objective.better).collect();
        let group = |cell: &FrontCell| (cell.dataset.clone(), cell.machine);
        for group_of in distinct(cells.iter().map(|(cell, _)| group(cell))) {
            let compared = |(cell, _): &(FrontCell, Vec<Known>)| {
                group(cell) == group_of && cell.mark == Mark::Front
            };
            let group: Vec<usize> = (0..cells.len()).filter(|at| compared(&cells[*at])).collect();
            self.settle(&mut cells, &group, &goals);
        }
        FrontReport {
            objectives: self.objectives.to_vec(),
            cells: cells.into_iter().map(|(cell, _)| cell).collect(),
        }
    }

    /// A cell with its figures; marked as of the front where it may be compared.
    fn cell(&self, name: &str, runs: &[&RunRecord]) -> (FrontCell, Vec<Known>) {
        let (mark, figures, note) = match self.figures(name, runs) {
            Ok((figures, note)) => (Mark::Front, figures, note),
            Err((mark, why)) => (mark, Vec::new(), why),
        };
        let (figures, known) = figures.into_iter().unzip();
        let cell = FrontCell {
            cell: name.to_owned(),
            dataset: runs.first().map_or_else(String::new, |run| run.job.dataset.clone()),
            machine: runs.first().and_then(|run| run.machine),
            mark,
            figures,
            ties: Vec::new(),
            more_ties: 0,
            dominated_by: None,
            note,
        };
        (cell, known)
    }

    /// What a cell is compared by, and what a reader must know of it; else its mark, and why it is not compared.
    fn figures(
        &self,
        cell: &str,
        runs: &[&RunRecord],
    ) -> Result<(Vec<Figure>, String), (Mark, String)> {
        if let Some(mark) = verdict(runs) {
            return Err((mark, String::new()));
        }
        let incomplete = |why: String| (Mark::Incomplete, why);
        if runs.iter().any(|run| run.stop.reason == StopReason::OutOfMemory) {
            return Err(incomplete("it ran out of memory".to_owned()));
        }
        if runs.iter().any(|run| run.machine != runs[0].machine) {
            return Err(incomplete("its runs are from several machines".to_owned()));
        }
        let good: Vec<_> = runs.iter().copied().filter(|run| ended(run)).collect();
        let note = match runs.len() - good.len() {
            _ if good.is_empty() => {
                return Err(incomplete("no run of it ended by itself".to_owned()));
            }
            0 => String::new(),
            lost => format!("{lost} of {} runs failed or were cancelled", runs.len()),
        };
        let figure = |objective: &Objective| {
            let figure = self.figure(cell, &good, objective);
            figure.map_err(|why| incomplete(format!("{}: {why}", objective.metric)))
        };
        Ok((self.objectives.iter().map(figure).collect::<Result<_, _>>()?, note))
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
                    cell.dominated_by =
                        Some(Dominator { cell: names[*by].clone(), metrics: metrics(&better) });
                }
                Standing::Front => {
                    let is_tied = |other: usize, at: usize| {
                        points[own][at].is_tied(points[other][at], goals[at])
                    };
                    let others = (0..group.len())
                        .filter(|other| *other != own && found[*other] == Standing::Front);
                    let mut tied =
                        others.filter(|other| (0..goals.len()).any(|at| is_tied(*other, at)));
                    // Of a thousand cells that are alike each is tied with all others: a million names.
                    let first = tied.by_ref().take(MOST_TIES).map(|other| Tie {
                        with: names[other].clone(),
                        metrics: metrics(&|at: usize| is_tied(other, at)),
                    });
                    cell.ties = first.collect();
                    cell.more_ties = tied.count();
                }
            }
        }
    }
}

fn ended(record: &RunRecord) -> bool {
    matches!(record.status, RunStatus::Completed | RunStatus::Stopped)
}

/// Why its constraints keep a cell out, if they do.
fn verdict(runs: &[&RunRecord]) -> Option<Mark> {
    match verdict_of(runs)? {
        Feasibility::Infeasible => Some(Mark::Infeasible),
        Feasibility::Undecided => Some(Mark::Undecided),
        Feasibility::Feasible => None,
    }
}

#[cfg(test)]
mod tests;
