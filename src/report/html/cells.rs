//! The table of the runs: the terminal's columns, with the interval of each figure under it.

use std::fmt::Write;

use super::super::ending::word;
use super::super::front::{Mark, Marks};
use super::super::headline::{Place, accuracy_is_final};
use super::super::layout::{self, Align};
use super::super::number;
use super::super::settings::settings;
use super::super::summary::SummaryRow;
use super::super::table::{headings, is_open};
use super::markup::{Attributes, Markup, grid, section};
use super::stops;
use crate::event::{MetricRow, RunRecord};
use crate::metric::{Heading, MetricDef, MetricId};
use crate::report::words;
use crate::units::{Scale, Unit};

/// A column of figures that some run has.
struct Column {
    head: String,
    metric: &'static MetricDef,
    scale: Scale,
}

fn columns(records: &[RunRecord]) -> Vec<Column> {
    let column = |(metric, heading): (&'static MetricDef, Heading)| {
        let estimates = || {
            let estimate = |record| Place::of(metric).estimate(record, metric.id);
            records.iter().filter_map(estimate)
        };
        estimates().next()?;
        let words: Vec<_> = heading.text.split_whitespace().collect();
        Some(Column { head: words.join(" "), metric, scale: Scale::of(metric.unit, estimates()) })
    };
    headings().into_iter().filter_map(column).collect()
}

/// What a cell shows, what stands small under it, and what a pointer finds.
pub(super) struct Cell {
    pub(super) text: String,
    pub(super) small: String,
    pub(super) title: String,
}

/// What all rows of the table have alike.
struct Rows<'a> {
    figures: Vec<Column>,
    settings: Vec<layout::Column>,
    /// Whether some run has a verdict.
    judged: bool,
    /// Where the cells stand.
    marks: &'a Marks<'a>,
    /// Whether some run is on the front.
    front: bool,
    /// Whether some run has a test accuracy.
    tested: bool,
    /// Whether a run has a place on the page that its name can lead to.
    linked: &'a dyn Fn(&str) -> bool,
}

/// Writes the table; `linked`: whether a run has a place on the page that its name can lead to.
pub(super) fn table(
    page: &mut Markup,
    records: &[RunRecord],
    marks: &Marks<'_>,
    linked: &dyn Fn(&str) -> bool,
) {
    if records.is_empty() {
        return;
    }
    let on_front = |record| marks.of(record) == Some(Mark::Front);
    let tested = |record: &RunRecord| Place::Run.estimate(record, MetricId::TestAccuracy).is_some();
    let rows = Rows {
        figures: columns(records),
        settings: settings(records),
        judged: records.iter().any(|record| record.verdict.is_some()),
        marks,
        front: records.iter().any(on_front),
        tested: records.iter().any(tested),
        linked,
    };
    section(page, "Runs and what they cost", |section| {
        let row = |row: &mut Markup, place: usize, record: &RunRecord| rows.row(row, place, record);
        grid(section, "cells", |head| rows.head(head), records, row);
        section.leaf("p", &[("class", "small")], LEGEND);
    });
}

impl Rows<'_> {
    fn head(&self, row: &mut Markup) {
        let words = |row: &mut Markup, name: &str| row.leaf("th", &[("scope", "col")], name);
        row.leaf("th", NUMBERS, "#");
        words(row, "model");
        words(row, "dataset");
        for setting in &self.settings {
            match setting.side {
                Align::Left => words(row, &setting.head),
                Align::Right => row.leaf("th", NUMBERS, &setting.head),
            }
        }
        // What came of it stands before the figures: on a narrow page the last columns are out of sight.
        if self.judged {
            words(row, "verdict");
        }
        if self.front {
            words(row, "front");
        }
        if self.tested {
            row.leaf("th", NUMBERS, "test accuracy");
        }
        for column in &self.figures {
            heading(row, column);
        }
        words(row, "stop");
        row.leaf("th", NUMBERS, "epochs");
        row.leaf("th", NUMBERS, "time s");
    }

    fn row(&self, row: &mut Markup, place: usize, record: &RunRecord) {
        names(row, place, record, self.linked);
        for setting in &self.settings {
            let class = match setting.side {
                Align::Left => "",
                Align::Right => "n",
            };
            let value = setting.cells.get(place).map_or("", |cell| cell);
            row.leaf("td", &[("class", class)], value);
        }
        self.standing(row, record);
        if self.tested {
            cell(row, &accuracy_cell(record));
        }
        for column in &self.figures {
            cell(row, &figure(column, record));
        }
        let detail = words::stop(&record.stop.detail);
        let detail = [("title", &*detail)];
        row.leaf("td", &detail, &word(record));
        row.leaf("td", &[("class", "n")], &record.epochs.to_string());
        let time = Scale::of(Unit::Seconds, [1.0]).show(record.wall_s);
        row.leaf("td", &[("class", "n")], &time);
    }

    fn standing(&self, row: &mut Markup, record: &RunRecord) {
        if self.judged {
            let verdict = record.verdict.as_ref();
            let (word, class) = verdict.map_or(("", ""), |verdict| stops::verdict(verdict.verdict));
            let why = words::verdict(record);
            row.leaf("td", &[("class", class), ("title", &why)], word);
        }
        if self.front {
            let marked = self.marks.of(record) == Some(Mark::Front);
            row.leaf("td", &[], if marked { "\u{2605} front" } else { "" });
        }
    }
}

/// What the heading of a column of numbers has.
pub(super) const NUMBERS: Attributes<'_> = &[("scope", "col"), ("class", "n")];

const LEGEND: &str = "Under a figure stands its interval within this run. \
    ~ not yet known as precisely as asked; () training was stopped before it was done; - not measured (point at it, or see metrics.csv, for the reason).";

fn names(row: &mut Markup, place: usize, record: &RunRecord, linked: &dyn Fn(&str) -> bool) {
    let number = (place + 1).to_string();
    row.leaf("td", &[("class", "n")], &number);
    row.element("th", &[("scope", "row"), ("title", &record.run)], |head| {
        let model = &record.job.model.name;
        if linked(&record.run) {
            head.leaf("a", &[("href", &format!("#run-{number}"))], model);
        } else {
            head.text(model);
        }
    });
    row.leaf("td", &[], &record.job.dataset);
}

fn heading(row: &mut Markup, column: &Column) {
    let title = format!("{}: {}", column.metric.name, column.metric.about);
    row.element("th", &[("scope", "col"), ("class", "n"), ("title", &title)], |head| {
        head.text(&column.head);
        head.text(" ");
        head.leaf("small", &[], column.scale.name);
    });
}

pub(super) fn cell(row: &mut Markup, cell: &Cell) {
    row.element("td", &[("class", "n"), ("title", &cell.title)], |inside| {
        inside.text(&cell.text);
        if !cell.small.is_empty() {
            inside.text(" ");
            inside.leaf("small", &[], &cell.small);
        }
    });
}

fn figure(column: &Column, record: &RunRecord) -> Cell {
    let row = Place::of(column.metric).row(record, column.metric.id);
    let Some((row, estimate)) = row.and_then(|row| Some((row, row.estimate?))) else {
        let why = row.map(words::notes_of);
        return missing(why.as_deref().unwrap_or("the run ended before it was measured"));
    };
    let mark = if is_open(row) { "~" } else { "" };
    let show = |value| column.scale.show(value);
    Cell {
        text: format!("{mark}{}", show(estimate)),
        small: interval((row.low, row.high), show),
        title: title(row, estimate),
    }
}

/// `95.2 to 101`; `at least 95.2` where the other end is not known.
fn interval(ends: (Option<f64>, Option<f64>), show: impl Fn(f64) -> String) -> String {
    match ends {
        (Some(low), Some(high)) => range(&show(low), &show(high)),
        (Some(low), None) => format!("at least {}", show(low)),
        (None, Some(high)) => format!("at most {}", show(high)),
        (None, None) => String::new(),
    }
}

fn missing(why: &str) -> Cell {
    Cell { text: "-".to_owned(), small: String::new(), title: format!("not measured: {why}") }
}

fn range(low: &str, high: &str) -> String {
    format!("{low} to {high}")
}

/// The figure with all that is known of it.
fn title(row: &MetricRow, estimate: f64) -> String {
    let show = |value| row.unit.show(value);
    let mut title = format!("{} of {}: {}", row.metric, row.phase, show(estimate));
    let ends = interval((row.low, row.high), show);
    if !ends.is_empty() {
        let percent = |share: f64| number((share * 1e4).round() / 1e2) + "% ";
        let confidence = row.confidence.map_or_else(String::new, percent);
        let _ = write!(title, ", {confidence}interval {ends} within this run");
    }
    if row.samples > 1 {
        let _ = write!(title, ", {} observations", row.samples);
    }
    if !row.notes.is_empty() {
        let _ = write!(title, "; {}", words::notes_of(row));
    }
    title
}

fn accuracy_cell(record: &RunRecord) -> Cell {
    let row = Place::Run.row(record, MetricId::TestAccuracy);
    let Some((row, estimate)) = row.and_then(|row| Some((row, row.estimate?))) else {
        let why = row.map(words::notes_of);
        return missing(why.as_deref().unwrap_or("the run ended before its test"));
    };
    let shown = if accuracy_is_final(record) == Some(true) {
        format!("{estimate:.3}")
    } else {
        format!("({estimate:.3})")
    };
    Cell { text: shown, small: String::new(), title: title(row, estimate) }
}

/// Writes the figures of each cell over its repeats, where there are enough of them.
pub(super) fn summary(page: &mut Markup, records: &[RunRecord], summary: &[SummaryRow]) {
    if summary.is_empty() {
        return;
    }
    let columns = columns(records);
    let mut cells: Vec<&RunRecord> = Vec::new();
    for record in records {
        if cells.iter().all(|first| first.cell != record.cell) {
            cells.push(record);
        }
    }
    let head = |row: &mut Markup| {
        row.leaf("th", &[("scope", "col")], "cell");
        for column in &columns {
            heading(row, column);
        }
    };
    let row = |row: &mut Markup, _: usize, first: &&RunRecord| {
        row.leaf("th", &[("scope", "row")], &first.cell);
        for column in &columns {
            cell(row, &between(column, first, summary));
        }
    };
    section(page, "Cells over their repeats", |section| {
        grid(section, "cells", head, &cells, row);
        let says = "Means of the runs of a cell; under each stands its interval between runs.";
        section.leaf("p", &[("class", "small")], says);
    });
}

/// The mean of a cell's runs.
fn between(column: &Column, first: &RunRecord, summary: &[SummaryRow]) -> Cell {
    let phase = Place::of(column.metric).phase(first);
    let of_cell = |row: &&SummaryRow| {
        row.cell == first.cell
            && row.metric == column.metric.id
            && Some(&row.phase) == phase.as_ref()
    };
    let row = summary.iter().find(of_cell);
    let Some((row, mean)) = row.and_then(|row| Some((row, row.mean?))) else {
        return missing(row.map_or("no run of the cell has it", |row| &row.note));
    };
    let show = |value| column.scale.show(value);
    let mut title = format!("{} of {}: mean of {} runs", row.metric, row.phase, row.runs);
    if !row.note.is_empty() {
        let _ = write!(title, "; {}", row.note);
    }
    Cell { text: show(mean), small: interval((row.low, row.high), show), title }
}
