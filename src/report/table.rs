//! The table at the end: one row a run, read in ten seconds, complete in none of its figures (`report.csv` is).

use std::collections::BTreeSet;

use super::ending::{self, Closing, closing_line};
use super::front::{FrontReport, Mark as FrontMark};
use super::headline::{Place, accuracy_is_final};
use super::interference::interference;
use super::layout::{Align, Column, render, wrap};
use super::settings::settings;
use super::spared::spared;
use super::words;
use crate::event::{Feasibility, MetricRow, RunRecord, RunStatus};
use crate::metric::{CATALOGUE, Heading, MetricDef, MetricId};
use crate::units::Scale;

/// The metrics that have a column, from the left, and what stands above each.
pub(super) fn headings() -> Vec<(&'static MetricDef, Heading)> {
    let all = CATALOGUE.iter().filter_map(|metric| Some((metric, metric.heading?)));
    let mut headings: Vec<_> = all.collect();
    headings.sort_by_key(|(_, heading)| heading.place);
    headings
}

/// A mark that occurs in a table and needs a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Mark {
    Open,
    Unfinished,
    Missing,
    Failed,
}

impl Mark {
    fn legend(self) -> &'static str {
        match self {
            Self::Open => "~ not yet known as precisely as asked",
            Self::Unfinished => "() training was stopped before it was done",
            Self::Missing => "- not measured (metrics.csv says why)",
            Self::Failed => "! failed",
        }
    }
}

/// The marks that occur in a rendered table: of the columns that did not fit, none does.
fn marks(table: &str) -> BTreeSet<Mark> {
    let tokens = table.split_whitespace();
    tokens
        .filter_map(|token| match token {
            "-" => Some(Mark::Missing),
            "!" => Some(Mark::Failed),
            _ if token.starts_with('~') => Some(Mark::Open),
            _ if token.starts_with('(') => Some(Mark::Unfinished),
            _ => None,
        })
        .collect()
}

/// The table, its legend, what failed and the closing line, each line of at most `width` characters.
pub fn summary(records: &[RunRecord], closing: &Closing<'_>, width: usize) -> String {
    let mut out = String::new();
    if !records.is_empty() {
        let table = render(columns(records, closing.front), width);
        out = legend(&table).map_or_else(String::new, |said| wrap(&said, width, ""));
        out = table + "\n" + &out;
    }
    out.push_str(&failures(records, width));
    for verdict in [Feasibility::Infeasible, Feasibility::Undecided] {
        out.push_str(&verdicts(records, verdict, width));
    }
    if let Some(front) = closing.front {
        out.push_str(&front.text(width));
    }
    if let Some(line) = spared(records) {
        out.push_str(&wrap(&line, width, ""));
    }
    if let Some(line) = interference(records) {
        out.push_str(&wrap(&line, width, ""));
    }
    out.push_str(&wrap(&closing_line(records, closing), width, ""));
    out
}

/// The columns of the table; those that may be left out have a rank.
pub(super) fn columns(records: &[RunRecord], front: Option<&FrontReport>) -> Vec<Column> {
    let mut columns = vec![
        text("model", records, |record| record.job.model.name.clone()),
        text("dataset", records, |record| record.job.dataset.clone()),
    ];
    columns.extend(settings(records));
    let figures = headings().into_iter();
    columns.extend(figures.filter_map(|(metric, heading)| figure_column(metric, heading, records)));
    columns.extend(accuracy_column(records));
    columns.push(text("stop", records, stop));
    columns.extend(verdict_column(records, front));
    columns.push(epochs_column(records));
    columns.push(time_column(records));
    columns
}

/// What the marks in a rendered table mean, if it has any.
pub(super) fn legend(table: &str) -> Option<String> {
    let said: Vec<_> = marks(table).into_iter().map(Mark::legend).collect();
    (!said.is_empty()).then(|| said.join("; "))
}

fn text(head: &str, records: &[RunRecord], cell: impl FnMut(&RunRecord) -> String) -> Column {
    Column::new(head, Align::Left, records.iter().map(cell).collect())
}

fn missing() -> String {
    "-".to_owned()
}

/// A column of figures; none where no run has the figure.
fn figure_column(metric: &MetricDef, heading: Heading, records: &[RunRecord]) -> Option<Column> {
    let place = Place::of(metric);
    let rows: Vec<_> = records.iter().map(|record| place.row(record, metric.id)).collect();
    let estimates = || rows.iter().filter_map(|row| row.and_then(|row| row.estimate));
    estimates().next()?;
    let scale = Scale::of(metric.unit, estimates());
    let cells = rows.iter().map(|row| {
        let mark = if row.is_some_and(is_open) { "~" } else { "" };
        let estimate = row.and_then(|row| row.estimate);
        estimate.map_or_else(missing, |estimate| format!("{mark}{}", scale.show(estimate)))
    });
    let head = format!("{}{}", heading.text, scale.name);
    Some(Column::new(&head, Align::Right, cells.collect()).ranked(heading.rank))
}

/// Whether a figure is not known as precisely as was asked; where nothing was asked of it, to less than 5%.
pub(super) fn is_open(row: &MetricRow) -> bool {
    const UNASKED: f64 = 0.05;
    let bounded = row.metric.def().is_some_and(MetricDef::has_interval);
    let half = row.low.zip(row.high).map(|(low, high)| (high - low) / 2.0);
    let wide = || {
        let within = half.zip(row.estimate);
        within.is_none_or(|(half, estimate)| half > UNASKED * estimate.abs())
    };
    match row.plateaued {
        Some(known) => !known,
        None => bounded && wide(),
    }
}

/// Test accuracy to three digits; in parentheses where training was stopped early.
fn accuracy_column(records: &[RunRecord]) -> Option<Column> {
    let accuracy = |record: &RunRecord| Place::Run.estimate(record, MetricId::TestAccuracy);
    records.iter().find_map(accuracy)?;
    let cells = records.iter().map(|record| match accuracy(record) {
        Some(value) if accuracy_is_final(record) == Some(true) => format!("{value:.3}"),
        Some(value) => format!("({value:.3})"),
        None => missing(),
    });
    Some(Column::new("test\nacc.", Align::Right, cells.collect()).ranked(3))
}

/// How a run ended, with the mark of one that failed.
fn stop(record: &RunRecord) -> String {
    let mark = if record.status == RunStatus::Failed { "! " } else { "" };
    format!("{mark}{}", ending::word(record))
}

/// Whether each run keeps its constraints and is on the front; none where neither is asked.
fn verdict_column(records: &[RunRecord], front: Option<&FrontReport>) -> Option<Column> {
    let judged = records.iter().any(|record| record.verdict.is_some());
    if !judged && front.is_none() {
        return None;
    }
    let marks = front.map(FrontReport::marks).unwrap_or_default();
    let cell = |record: &RunRecord| {
        if marks.of(record) == Some(FrontMark::Front) {
            return "front".to_owned();
        }
        let verdict = record.verdict.as_ref();
        verdict.map_or_else(String::new, |verdict| verdict.verdict.to_string())
    };
    Some(text(if judged { "verdict" } else { "mark" }, records, cell))
}

fn epochs_column(records: &[RunRecord]) -> Column {
    let cells = records.iter().map(|record| record.epochs.to_string());
    Column::new("epochs", Align::Right, cells.collect()).ranked(7)
}

fn time_column(records: &[RunRecord]) -> Column {
    let scale = Scale::of(crate::units::Unit::Seconds, [1.0]);
    let cells = records.iter().map(|record| scale.show(record.wall_s));
    Column::new("time\ns", Align::Right, cells.collect()).ranked(6)
}

/// Why each failed run failed; the rest of a long list is in `report.csv`.
fn failures(records: &[RunRecord], width: usize) -> String {
    const SHOWN: usize = 6;
    let failed: Vec<_> =
        records.iter().filter(|record| record.status == RunStatus::Failed).collect();
    let mut out = String::new();
    for record in failed.iter().take(SHOWN) {
        let says = format!("! {}: {}", record.run, ending::why(record));
        out.push_str(&wrap(&says, width, "  "));
    }
    if failed.len() > SHOWN {
        let more = failed.len() - SHOWN;
        out.push_str(&wrap(
            &format!("! {more} more failed: see `failure` in report.csv"),
            width,
            "  ",
        ));
    }
    out
}

/// Why each run has this verdict; the rest of a long list is in `report.csv`.
fn verdicts(records: &[RunRecord], of: Feasibility, width: usize) -> String {
    const SHOWN: usize = 6;
    let found: Vec<_> = records
        .iter()
        .filter(|record| record.verdict.as_ref().is_some_and(|verdict| verdict.verdict == of))
        .collect();
    let mut out = String::new();
    for record in found.iter().take(SHOWN) {
        let says = format!("{} {of}: {}", record.run, words::verdict(record));
        out.push_str(&wrap(&says, width, "  "));
    }
    if found.len() > SHOWN {
        let more = found.len() - SHOWN;
        let says = format!("{more} more {of}: see `verdict_reason` in report.csv");
        out.push_str(&wrap(&says, width, "  "));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Age, Evidence, Num, Ruling, Stage, StopReason};
    use crate::report::fixtures::{
        all_kinds, compared, completed, failed, front, judged, limited, of_peak, open, record,
    };

    fn closing() -> Closing<'static> {
        Closing {
            planned: None,
            elapsed_s: Some(91.2),
            folder: Some("results/three-by-three"),
            front: None,
        }
    }

    #[test]
    fn the_table_fits_each_width() {
        for width in [40, 60, 80, 100, 140] {
            let table = summary(&all_kinds(), &closing(), width);
            assert!(table.lines().all(|line| line.chars().count() <= width), "{width}\n{table}");
            insta::assert_snapshot!(format!("table_{width}"), table);
        }
    }

    #[test]
    fn axes_that_vary_are_shown_and_the_legend_only_explains_what_occurs() {
        let mut small = record("mlp", "digits");
        small.job.train.batch_size = 32;
        small.job.model.depth = Some(3);
        small.repeat = 2;
        insta::assert_snapshot!("table_axes", summary(&[completed(), small], &closing(), 80));
    }

    #[test]
    fn what_is_not_known_as_precisely_as_asked_is_open() {
        let row = |metric: &str, ends: [Option<f64>; 2], plateaued| MetricRow {
            metric: metric.into(),
            low: ends[0],
            high: ends[1],
            estimate: Some(100.0),
            plateaued,
            ..completed().metrics[0].clone()
        };
        let (narrow, wide) = ([Some(97.0), Some(103.0)], [Some(90.0), Some(110.0)]);
        for (metric, ends, plateaued, says) in [
            ("serve.latency_p99", narrow, None, false),
            ("serve.latency_p99", wide, None, true),
            ("serve.latency_p99", wide, Some(true), false),
            ("serve.latency_p99", [None; 2], None, true),
            ("memory.peak", [None; 2], None, false),
            ("memory.peak", [None; 2], Some(false), true),
            ("cpu.time", [None; 2], None, false),
            // Said once, and yet found with an interval.
            ("serve.max_rate", narrow, None, false),
            ("serve.max_rate", wide, None, true),
            ("serve.max_rate", [Some(100.0), None], None, true),
            ("serve.max_rate", narrow, Some(false), true),
        ] {
            let found = is_open(&row(metric, ends, plateaued));
            assert_eq!(found, says, "{metric} {ends:?} {plateaued:?}");
        }
    }

    #[test]
    fn a_machine_with_an_accelerator_has_columns_for_it() {
        let mut with = completed();
        for row in &mut with.metrics {
            if row.metric == "gpu.utilisation" {
                (row.estimate, row.plateaued) = (Some(97.0), Some(false));
            }
        }
        let table = summary(&[with], &Closing::default(), 100);
        assert!(table.contains("GPU") && table.contains("~97.0"), "{table}");
        assert!(!summary(&[completed()], &Closing::default(), 100).contains("GPU"));
    }

    #[test]
    fn verdicts_have_a_column_and_their_reasons() {
        let bounds = Evidence::Bounds {
            low: Some(Num(0.0121)),
            high: None,
            confidence: Num(0.995),
            load: None,
            age: Age { seconds: Num(1.21), stage: Stage::Serve(1), queues: false },
        };
        let slow = limited("serve.latency_p99", 0.01, Ruling::Broken, bounds);
        let slow = vec![slow.within(Stage::Serve(1))];
        let mut slow = judged(record("resnet", "digits"), Feasibility::Infeasible, slow);
        (slow.status, slow.stop.reason) = (RunStatus::Stopped, StopReason::Infeasible);
        let records = [
            judged(completed(), Feasibility::Feasible, vec![of_peak(5e8)]),
            slow,
            judged(failed(), Feasibility::Undecided, vec![open()]),
        ];
        for width in [60, 80] {
            let table = summary(&records, &closing(), width);
            assert!(table.lines().all(|line| line.chars().count() <= width), "{table}");
            insta::assert_snapshot!(format!("table_verdicts_{width}"), table);
        }
        let many = vec![records[1].clone(); 9];
        assert!(summary(&many, &closing(), 80).contains("3 more infeasible: see"));
    }

    #[test]
    fn the_front_is_marked_and_said_under_the_table() {
        let front = front();
        let closing = Closing { front: Some(&front), ..closing() };
        let judged: Vec<_> = compared()
            .into_iter()
            .map(|record| {
                let verdict = match record.cell.as_str() {
                    "cnn-fashion-mnist" => Feasibility::Infeasible,
                    _ => Feasibility::Feasible,
                };
                judged(record, verdict, vec![of_peak(5e8)])
            })
            .collect();
        for width in [60, 80] {
            for (name, records) in [("front", compared()), ("front_verdicts", judged.clone())] {
                let table = summary(&records, &closing, width);
                assert!(table.lines().all(|line| line.chars().count() <= width), "{table}");
                insta::assert_snapshot!(format!("table_{name}_{width}"), table);
            }
        }
    }

    #[test]
    fn a_long_list_of_failures_is_cut() {
        let table = summary(&vec![failed(); 20], &Closing::default(), 80);
        assert_eq!(table.matches("! cnn-fashion-mnist: killed").count(), 6);
        assert!(table.contains("14 more failed"), "{table}");
    }
}
