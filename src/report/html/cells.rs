//! The table of the runs: the columns of every format, with the interval of each figure under it; and the cells over their repeats.

use std::fmt::Write;

use super::markup::{Markup, grid, section};
use super::stops::verdict;
use crate::event::RunRecord;
use crate::report::ending::{verdicts, word};
use crate::report::front::{FrontReport, Mark};
use crate::report::layout::{Caveat, Cell, Column};
use crate::report::settings::{dataset, settings};
use crate::report::summary::{SummaryRow, any_between, cells_of};
use crate::report::table::{Headline, accuracy, aims, epochs, figures, headlines, time};
use crate::report::{interval, words};

/// Writes the table; `linked`: whether a run has a place on the page that its name can lead to.
pub(super) fn table(
    page: &mut Markup,
    records: &[RunRecord],
    front: Option<&FrontReport>,
    linked: &dyn Fn(&str) -> bool,
) {
    if records.is_empty() {
        return;
    }
    let marks = front.map(FrontReport::marks).unwrap_or_default();
    let name = |(place, record): (usize, &RunRecord)| Cell {
        link: if linked(&record.run) { format!("#run-{}", place + 1) } else { String::new() },
        title: record.run.clone(),
        ..record.job.model.name.clone().into()
    };
    let mut columns = vec![
        Column::figures("#", 1..=records.len(), |number| number.to_string()),
        Column::words("model", records.iter().enumerate(), name),
    ];
    let all: Vec<&RunRecord> = records.iter().collect();
    columns.extend(dataset(&all));
    columns.extend(settings(&all));
    // What came of it stands before the figures: on a narrow page the last columns are out of sight.
    if verdicts(records).next().is_some() {
        columns.push(Column::words("verdict", records, |record| Cell {
            title: words::verdict(record),
            ..verdict(record)
        }));
    }
    let on_front = |record: &RunRecord| marks.of(record) == Some(Mark::Front);
    if records.iter().any(on_front) {
        let star = |record| if on_front(record) { "\u{2605} front" } else { "" }.to_owned();
        columns.push(Column::words("front", records, star));
    }
    let tested = accuracy(records);
    columns.extend(tested.map(|column| Column { head: "test accuracy".to_owned(), ..column }));
    columns.extend(figures(records, &aims(front)));
    columns.push(Column::words("stop", records, |record| Cell {
        title: words::stop(&record.stop.detail),
        ..word(record).into()
    }));
    columns.extend(epochs(records).into_iter().chain([time(records)]));
    section(page, "Runs and what they cost", |section| {
        grid(section, "cells", &columns, 1);
        let [open, unasked, unfinished] =
            [Caveat::Open, Caveat::Unasked, Caveat::Unfinished].map(Caveat::meaning);
        let says = format!(
            "Under a figure stands its interval within this run. {open}; {unasked}; {unfinished}; \
             - not measured (point at it, or see metrics.csv, for the reason)."
        );
        section.leaf("p", &[("class", "small")], &says);
    });
}

/// Writes the figures of each cell over its repeats, where there are enough of them.
pub(super) fn summary(
    page: &mut Markup,
    records: &[RunRecord],
    summary: &[SummaryRow],
    front: Option<&FrontReport>,
) {
    if !any_between(summary) {
        return;
    }
    let cells = cells_of(records);
    let mut columns = vec![Column::words("cell", &cells, |first| first.cell.clone())];
    columns.extend(
        headlines(records, &aims(front))
            .iter()
            .map(|headline| headline.column(&cells, |first| between(headline, first, summary))),
    );
    section(page, "Cells over their repeats", |section| {
        grid(section, "cells", &columns, 0);
        let says = "Means of the runs of a cell; under each stands its interval between runs.";
        section.leaf("p", &[("class", "small")], says);
    });
}

/// The mean of a cell's runs.
fn between(headline: &Headline, first: &RunRecord, summary: &[SummaryRow]) -> Cell {
    let row = SummaryRow::of(summary, first, headline.metric);
    let Some((row, mean)) = row.and_then(|row| Some((row, row.mean?))) else {
        return Cell::missing(row.map_or("no run of the cell has it", |row| &row.note));
    };
    let show = |value| headline.scale.show(value);
    let mut title = format!("{} of {}: mean of {} runs", row.metric, row.phase, row.runs);
    if !row.note.is_empty() {
        let _ = write!(title, "; {}", row.note);
    }
    let small = interval(row.low, row.high, show).unwrap_or_default();
    Cell { text: show(mean), small, title, ..Cell::default() }
}
