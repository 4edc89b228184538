//! The table of the cells, and that of the runs: the columns of every format, with the interval of each figure under it.

use super::markup::{Markup, grid, section};
use super::stops::verdict;
use crate::event::RunRecord;
use crate::report::cells::{any_again, of_page};
use crate::report::ending::{verdicts, word};
use crate::report::front::{FrontReport, Mark};
use crate::report::layout::{Caveat, Cell, Column};
use crate::report::settings::{dataset, settings};
use crate::report::summary::SummaryRow;
use crate::report::table::{accuracy, aims, epochs, figures, time};
use crate::report::words;

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
        id: format!("visit-{}", place + 1),
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
        title: words::ended(record),
        ..word(record).into()
    }));
    columns.extend(epochs(records).into_iter().chain([time(records)]));
    section(page, "Runs and what they cost", |section| {
        grid(section, "cells sort", &columns, 1);
        let [open, unasked, unfinished] =
            [Caveat::Open, Caveat::Unasked, Caveat::Unfinished].map(Caveat::meaning);
        let says = format!(
            "Under a figure stands its interval within this run. {open}; {unasked}; {unfinished}; \
             - not measured (point at it, or see metrics.csv, for the reason)."
        );
        section.leaf("p", &[("class", "small")], &says);
    });
}

/// Writes the cells over their runs, where some have several: what the terminal shows.
pub(super) fn cells(
    page: &mut Markup,
    records: &[RunRecord],
    summary: &[SummaryRow],
    front: Option<&FrontReport>,
) {
    if !any_again(records) {
        return;
    }
    let place = |first: &RunRecord| records.iter().position(|record| record.run == first.run);
    let link = |first: &RunRecord| {
        place(first).map(|place| format!("#visit-{}", place + 1)).unwrap_or_default()
    };
    let columns = of_page(records, summary, front, link);
    section(page, "Cells and what they cost", |section| {
        grid(section, "cells sort", &columns, 0);
        let says = "Means of the runs of a cell with half of the 95% interval between them (of one run alone within it), which \
                    stands below. ~ not known as precisely as asked, or to within 5% where none was waited for; - not measured.";
        section.leaf("p", &[("class", "small")], says);
    });
}
