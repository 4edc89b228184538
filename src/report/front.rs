//! The Pareto front: which cells nothing else is better than, by the objectives of the grid.
//!
//! Who dominates whom is decided elsewhere ([`crate::stats::pareto`]); here it is said.

mod cell;

use std::collections::HashMap;
use std::fmt::Write;

use serde::Serialize;

use self::cell::group;
use super::ending::is_ok;
use super::headline::scale_of;
use super::layout::{Cell, Column, some_of, wrap};
use super::{distinct, interval, shown};
use crate::event::objective::listed;
use crate::event::{Objective, RunRecord};
use crate::metric::{MetricId, MetricName};
use crate::units::{Scale, Unit};

pub use self::cell::{Dominator, FrontCell, FrontFigure, MOST_TIES, Mark, Tie};

/// Cells that are named in a list for people before the rest is only counted.
const SHOWN: usize = 12;

/// The front of a grid.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct FrontReport {
    /// What cells were compared by.
    pub objectives: Vec<Objective>,
    /// Every cell, in the order of the grid.
    pub cells: Vec<FrontCell>,
}

/// Where cells stand; without objectives none stands anywhere.
#[derive(Debug, Default)]
pub struct Marks<'a>(HashMap<&'a str, Mark>);

impl Marks<'_> {
    /// Where the cell of this run stands; nothing for a run that failed or was cancelled, whose figures were left out.
    pub fn of(&self, record: &RunRecord) -> Option<Mark> {
        let found = self.0.get(record.cell.as_str());
        found.filter(|_| is_ok(record)).copied()
    }
}

impl FrontReport {
    /// Where each cell stands, by its name.
    pub fn marks(&self) -> Marks<'_> {
        let cells = self.cells.iter();
        Marks(cells.map(|cell| (cell.cell.as_str(), cell.mark)).collect())
    }

    /// How many cells stand so.
    pub fn count(&self, mark: Mark) -> usize {
        self.marked(mark).count()
    }

    fn marked(&self, mark: Mark) -> impl Iterator<Item = &FrontCell> {
        self.cells.iter().filter(move |cell| cell.mark == mark)
    }

    /// The cells that were compared or should have been: the front, what it leaves behind, and what lacks a figure; each in the
    /// order of the grid.
    pub(super) fn compared(&self) -> Vec<&FrontCell> {
        let marks = [Mark::Front, Mark::Dominated, Mark::Incomplete];
        let cells = marks.into_iter().flat_map(|mark| self.marked(mark));
        cells.collect()
    }

    /// What was compared by what, and what the front is.
    pub(super) fn introduction(&self) -> String {
        let objectives = listed(&self.objectives);
        let machine = if self.cells.iter().any(|cell| cell.machine.is_some()) {
            " and one machine"
        } else {
            ""
        };
        format!(
            "Objectives: {objectives}. Cells of one data set{machine} are compared; a cell is on the front unless another one \
             dominates it: at least as good in every objective and better in one beyond the noise."
        )
    }

    /// The table of the cells that were compared or should have been.
    pub(super) fn columns(&self, records: &[RunRecord]) -> Vec<Column> {
        let cells = self.compared();
        let mut columns = vec![
            Column::words("cell", &cells, |cell| cell.cell.clone()),
            Column::words("data set", &cells, |cell| cell.dataset.clone()),
            Column::words("front", &cells, |cell| standing(cell).to_owned()),
        ];
        if cells.iter().any(|cell| cell.machine.is_some()) {
            let machine = |cell: &&FrontCell| shown(cell.machine);
            columns.push(Column::words("machine", &cells, machine));
        }
        columns.extend(self.objectives.iter().enumerate().map(|(at, objective)| {
            let scale = self.scale(at, records);
            let cell = |figure: &FrontFigure| figure.cell(scale);
            let of = |of: &&FrontCell| of.figures.get(at).map(cell).unwrap_or_default();
            let column = Column::figures(&objective.metric, &cells, of);
            Column { unit: Some(scale.name), ..column }
        }));
        columns.push(Column::words("why", &cells, |cell| Cell::prose(why(cell))));
        columns
    }

    /// The figure that this cell was compared by.
    pub(super) fn figure(&self, cell: &str, metric: MetricId) -> Option<&FrontFigure> {
        let cell = self.cells.iter().find(|found| found.cell == cell)?;
        cell.figures.iter().find(|figure| figure.metric == metric)
    }

    /// Whether cells are compared by this metric.
    pub(super) fn asks_for(&self, metric: MetricId) -> bool {
        let mut objectives = self.objectives.iter();
        objectives.any(|objective| objective.metric == metric)
    }

    /// The data sets, in the order of the grid, and the machines of each.
    fn groups(&self) -> Vec<(&str, Option<u32>)> {
        distinct(self.cells.iter().map(group))
    }

    /// The unit that all figures of an objective are shown in: that of every other table of these runs.
    fn scale(&self, at: usize, records: &[RunRecord]) -> Scale {
        let metric = self.objectives.get(at).and_then(|o| o.metric.def());
        metric.map_or_else(|| Scale::of(Unit::One, []), |metric| scale_of(metric, records))
    }

    /// What the intervals are, objective by objective.
    pub(super) fn intervals(&self) -> String {
        let of = |(at, objective): (usize, &Objective)| {
            let figures = self.cells.iter().filter_map(|cell| cell.figures.get(at));
            let kinds = joined(&distinct(figures.map(|figure| figure.interval.as_str())));
            (!kinds.is_empty()).then(|| format!("{} {kinds}", objective.metric))
        };
        let all: Vec<_> = self.objectives.iter().enumerate().filter_map(of).collect();
        all.join("; ")
    }

    /// The front, what it leaves behind and by what intervals that was decided, in lines of at most `width` characters.
    pub fn text(&self, records: &[RunRecord], width: usize) -> String {
        let line = |text: String| wrap(&text, width, "  ");
        let mut out = line(format!("front: {}", listed(&self.objectives)));
        for (dataset, machine) in self.groups() {
            let of = (dataset, machine);
            let here = |mark| self.marked(mark).filter(move |cell| group(cell) == of);
            if let Some(machine) = machine {
                out += &line(format!("on machine {machine}, {dataset}:"));
            }
            let front = here(Mark::Front).map(|cell| format!("* {}", self.sentence(cell, records)));
            out += &some_of(front, SHOWN, width, |more| {
                format!("* {more} more: see `pareto` in the rows of --format csv")
            });
            if here(Mark::Front).next().is_none() {
                let why = self.left_out(Some(dataset));
                out += &line(format!("* no cell of {dataset} could be compared: {why}"));
            }
            let behind: Vec<_> = here(Mark::Dominated).filter_map(behind_text).collect();
            if here(Mark::Dominated).next().is_some() {
                let behind: Vec<&str> = behind.iter().map(String::as_str).collect();
                out += &line(format!("  dominated: {}", joined(&behind)));
            }
        }
        let without = self.marked(Mark::Incomplete);
        let without = without.map(|cell| format!("  not compared: {}: {}", cell.cell, cell.note));
        out += &some_of(without, SHOWN, width, |more| format!("  not compared: {more} more"));
        let intervals = self.intervals();
        if !intervals.is_empty() {
            out += &line(format!("  intervals: {intervals}"));
        }
        out
    }

    /// Why cells of a data set, or of any, were not compared: `2 infeasible, 1 undecided`.
    pub(super) fn left_out(&self, dataset: Option<&str>) -> String {
        let kinds = [
            (Mark::Infeasible, "infeasible"),
            (Mark::Undecided, "undecided"),
            (Mark::Incomplete, "without the figure of an objective"),
        ];
        let counts = kinds.into_iter().filter_map(|(mark, what)| {
            let of = |cell: &&FrontCell| dataset.is_none_or(|dataset| cell.dataset == dataset);
            let count = self.marked(mark).filter(of).count();
            (count > 0).then(|| format!("{count} {what}"))
        });
        counts.collect::<Vec<_>>().join(", ")
    }

    /// The figures that this cell was compared by; nothing where it was not.
    pub(super) fn figures_of(&self, cell: &str, records: &[RunRecord]) -> Option<String> {
        let cell = self.cells.iter().find(|found| found.cell == cell)?;
        (!cell.figures.is_empty()).then(|| self.figures(cell, records))
    }

    fn figures(&self, cell: &FrontCell, records: &[RunRecord]) -> String {
        let figures = cell.figures.iter().enumerate();
        let figures = figures.map(|(at, figure)| {
            let scale = self.scale(at, records);
            let unit = match scale.name {
                "" => String::new(),
                name => format!(" {name}"),
            };
            let ends = figure.ends(scale);
            let ends = ends.map_or_else(String::new, |ends| format!(" ({ends})"));
            let shown = scale.show(figure.estimate);
            format!("{} {shown}{unit}{ends}", figure.metric)
        });
        figures.collect::<Vec<_>>().join(", ")
    }

    /// A cell of the front: its figures and its ties.
    fn sentence(&self, cell: &FrontCell, records: &[RunRecord]) -> String {
        let mut text = format!("{}: {}", cell.cell, self.figures(cell, records));
        let ties = ties(cell);
        if !ties.is_empty() {
            let _ = write!(text, "; {ties}");
        }
        if !cell.note.is_empty() {
            let _ = write!(text, "; {}", cell.note);
        }
        text
    }
}

/// Where a cell that was compared stands, in a word or two.
const fn standing(cell: &FrontCell) -> &'static str {
    match cell.mark {
        Mark::Front => "front",
        Mark::Dominated => "dominated",
        Mark::Infeasible | Mark::Undecided | Mark::Incomplete => "not compared",
    }
}

/// Ties of a cell on the front, what dominates the others, and what a reader must know of it.
fn why(cell: &FrontCell) -> String {
    let by = cell.dominated_by.as_ref().map(|by| {
        let metrics: Vec<&str> = by.metrics.iter().map(MetricName::as_str).collect();
        format!("{} is better in {}", by.cell, joined(&metrics))
    });
    let all = [ties(cell), by.unwrap_or_default(), cell.note.clone()];
    let said: Vec<_> = all.into_iter().filter(|text| !text.is_empty()).collect();
    said.join("; ")
}

impl FrontFigure {
    /// `0.957 to 0.989`; nothing for a figure that was taken as exact.
    fn ends(&self, scale: Scale) -> Option<String> {
        if self.low.zip(self.high).is_some_and(|(low, high)| low >= high) {
            return None;
        }
        let ends = interval(self.low, self.high, |value| scale.show(value));
        ends.or_else(|| Some("no interval".to_owned()))
    }

    fn cell(&self, scale: Scale) -> Cell {
        let estimate = self.unit.show(self.estimate);
        Cell {
            text: scale.show(self.estimate),
            small: self.ends(scale).unwrap_or_default(),
            title: format!("{} of {}: {estimate}; {}", self.metric, self.phase, self.interval),
            ..Cell::default()
        }
    }
}

/// `tied with cnn-digits in test_accuracy, with mlp-digits and resnet-digits in everything`.
pub(super) fn ties(cell: &FrontCell) -> String {
    let mut alike: Vec<(&[MetricName], Vec<&str>)> = Vec::new();
    for tie in &cell.ties {
        match alike.iter_mut().find(|(metrics, _)| *metrics == tie.metrics) {
            Some((_, with)) => with.push(&tie.with),
            None => alike.push((&tie.metrics, vec![&tie.with])),
        }
    }
    let each = alike.iter().map(|(metrics, with)| {
        let metrics: Vec<&str> = metrics.iter().map(MetricName::as_str).collect();
        let all = metrics.len() == cell.figures.len() && metrics.len() > 1;
        let metrics = if all { "everything".to_owned() } else { joined(&metrics) };
        format!("with {} in {metrics}", joined(with))
    });
    let mut each: Vec<_> = each.collect();
    if cell.more_ties > 0 {
        each.push(format!("with {} more", cell.more_ties));
    }
    if each.is_empty() {
        return String::new();
    }
    format!("tied {}", each.join(", "))
}

/// `a, b and c`; of many names the last are counted.
fn joined(names: &[&str]) -> String {
    let more = names.len().saturating_sub(SHOWN);
    let (last, first) = match names {
        [] => return String::new(),
        _ if more > 0 => (format!("{more} more"), &names[..SHOWN]),
        [first @ .., last] => ((*last).to_owned(), first),
    };
    if first.is_empty() {
        return last;
    }
    format!("{} and {last}", first.join(", "))
}

/// `resnet-digits by cnn-digits`.
fn behind_text(cell: &FrontCell) -> Option<String> {
    let by = cell.dominated_by.as_ref()?;
    Some(format!("{} by {}", cell.cell, by.cell))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::fixtures::{compared, completed, failed, front};

    #[test]
    fn the_front_is_said_with_intervals_ties_and_what_is_behind() {
        for width in [60, 80] {
            let text = front().text(&compared(), width);
            assert!(text.lines().all(|line| line.chars().count() <= width), "{text}");
            insta::assert_snapshot!(format!("front_{width}"), text);
        }
    }

    #[test]
    fn a_figure_has_the_unit_that_it_has_in_the_other_tables() {
        let mut records = compared();
        for (at, record) in records.iter_mut().enumerate() {
            for row in &mut record.metrics {
                if row.metric == "memory.peak" && at > 0 {
                    // Most runs need more than a GiB, and most of the front does not.
                    row.estimate = Some(2e9);
                }
            }
        }
        let unit = scale_of(MetricId::MemoryPeak.def(), &records).name;
        let heads = |columns: Vec<Column>| {
            let peak = columns.into_iter().find(|column| column.about.contains("memory.peak"));
            peak.and_then(|column| column.unit)
        };
        assert_eq!(heads(super::super::table::columns(&records, None)), Some(unit));
        let of_front = front().columns(&records);
        assert!(of_front.iter().any(|column| column.unit == Some(unit)), "{unit}");
        assert!(front().text(&records, 200).contains(" GiB"), "{}", front().text(&records, 200));
    }

    #[test]
    fn why_nothing_was_compared_is_counted() {
        let mut none = front();
        let [infeasible, undecided, incomplete] =
            [Mark::Infeasible, Mark::Undecided, Mark::Incomplete];
        let marks = [infeasible, infeasible, undecided, incomplete, incomplete];
        assert_eq!(none.cells.len(), marks.len());
        for (cell, mark) in none.cells.iter_mut().zip(marks) {
            cell.mark = mark;
        }
        let says = "2 infeasible, 1 undecided, 2 without the figure of an objective";
        assert_eq!(none.left_out(None), says);
        assert_eq!(none.left_out(Some("nowhere")), "");
    }

    #[test]
    fn long_lists_are_cut() {
        let mut many = front();
        let first = many.cells[0].clone();
        for number in 0..30 {
            many.cells.push(FrontCell { cell: format!("cell-{number}"), ..first.clone() });
        }
        let text = many.text(&compared(), 80);
        assert!(text.contains("* 20 more: see `pareto` in the rows of --format csv"), "{text}");
        assert!(!text.contains("cell-29"));
    }

    #[test]
    fn names_are_joined_as_in_a_sentence() {
        let names: Vec<String> = (0..15).map(|number| format!("n{number}")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        for (count, says) in [
            (0, ""),
            (1, "n0"),
            (2, "n0 and n1"),
            (3, "n0, n1 and n2"),
            (15, "n0, n1, n2, n3, n4, n5, n6, n7, n8, n9, n10, n11 and 3 more"),
        ] {
            assert_eq!(joined(&names[..count]), says);
        }
    }

    #[test]
    fn cells_that_are_tied_alike_are_said_together() {
        let front = front();
        let mut cell = front.cells[0].clone();
        let tie = |with: &str, metrics: &[&str]| Tie {
            with: with.to_owned(),
            metrics: metrics.iter().map(|&name| name.into()).collect(),
        };
        let all = ["test_accuracy", "serve.throughput", "memory.peak"];
        cell.ties =
            vec![tie("a", &all[..1]), tie("b", &all), tie("c", &all[..1]), tie("d", &all[1..])];
        assert_eq!(
            ties(&cell),
            "tied with a and c in test_accuracy, with b in everything, with d in serve.throughput and memory.peak"
        );
        cell.ties.truncate(1);
        cell.more_ties = 988;
        assert_eq!(ties(&cell), "tied with a in test_accuracy, with 988 more");
        cell.ties.clear();
        cell.more_ties = 0;
        assert_eq!(ties(&cell), "");
    }

    #[test]
    fn a_run_has_the_mark_of_its_cell_unless_it_was_left_out() {
        let front = front();
        assert_eq!(front.marks().of(&completed()), Some(Mark::Front));
        assert_eq!(front.marks().of(&failed()), None);
        let foreign = RunRecord { cell: "other".to_owned(), ..completed() };
        assert_eq!(front.marks().of(&foreign), None);
    }
}
