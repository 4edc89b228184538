//! A place on the page for each run: its time series, or why there are none, and what it was warned of.

use super::super::ReportError;
use super::markup::{Markup, meanings, section};
use super::page::{Page, SeriesOfRuns};
use super::timeline;
use crate::event::RunRecord;
use crate::report::ending::word;
use crate::report::words::warnings;
use crate::units;

/// Most runs whose time series are open when the page is.
const MOST_OPEN: usize = 12;

/// Writes the places of all runs.
pub(super) fn timelines(page: &mut Markup, of: &Page<'_>) -> Result<(), ReportError> {
    let series = match of.series {
        SeriesOfRuns::Shown(series) => series,
        SeriesOfRuns::LeftOut(why) => {
            section(page, "Runs", |section| section.leaf("p", &[], why));
            return Ok(());
        }
    };
    let mut drawn = Vec::new();
    for (place, record) in of.records.iter().enumerate() {
        let drawing = match series.get(&record.run) {
            None => continue,
            Some(Err(why)) => Err(why.clone()),
            Some(Ok(series)) => {
                let name = format!("run{}", place + 1);
                let drawing = timeline::timeline(series, (&name, &record.run))?;
                drawing.ok_or_else(|| "nothing was read while it ran".to_owned())
            }
        };
        drawn.push((place + 1, record, drawing));
    }
    if drawn.is_empty() {
        return Ok(());
    }
    let entries = timeline::legend()?;
    let common = common_warnings(of.records);
    section(page, "Runs", |section| {
        meanings(section, &entries);
        section.element("div", &[("class", "plots")], |plots| {
            for (number, record, drawing) in &drawn {
                let open = drawn.len() <= MOST_OPEN;
                run(plots, *number, record, &common, drawing.as_deref(), open);
                plots.feed();
            }
        });
        let thinned = "Long series are thinned to the smallest and the largest of neighbouring readings; \
                       a reading that failed is a gap.";
        section.leaf("p", &[("class", "small")], thinned);
        for warning in &common {
            let of_all = format!("Of every run: {warning}");
            section.leaf("p", &[("class", "small")], &of_all);
        }
    });
    Ok(())
}

/// What every one of several runs was warned of: said once.
fn common_warnings(records: &[RunRecord]) -> Vec<String> {
    let Some((first, others)) = records.split_first().filter(|(_, others)| !others.is_empty())
    else {
        return Vec::new();
    };
    let of_all = |warning: &String| others.iter().all(|record| warnings(record).contains(warning));
    warnings(first).into_iter().filter(of_all).collect()
}

fn run(
    page: &mut Markup,
    number: usize,
    record: &RunRecord,
    said: &[String],
    drawing: Result<&str, &String>,
    open: bool,
) {
    let id = format!("run-{number}");
    let mut attributes = vec![("id", &*id)];
    if open {
        attributes.push(("open", "open"));
    }
    page.element("details", &attributes, |details| {
        details.element("summary", &[], |summary| {
            summary.leaf("b", &[], &format!("{number} {}", record.run));
            let ended = format!(" {} after {}", word(record), units::elapsed(record.wall_s));
            summary.text(&ended);
        });
        match drawing {
            Ok(drawing) => details.raw(drawing),
            Err(why) => details.leaf("p", &[("class", "small")], &format!("no time series: {why}")),
        }
        for warning in warnings(record).iter().filter(|warning| !said.contains(warning)) {
            details.leaf("p", &[("class", "small")], warning);
        }
    });
}
