//! The table of the cells, one row a cell over its visits: `figure ±percent` for what was chosen; and what stands under it on
//! a terminal.

use std::collections::HashMap;

use super::closing::{Closing, tally};
use super::front::{FrontReport, Mark, Marks};
use super::layout::{Caveat, Cell, Column, counted, fitting, render, wrap};
use super::lower_end::is_lower_end;
use super::settings::{identity, machine, settings};
use super::summary::{SummaryRow, cells_of};
use super::table::{self, Headline, UNASKED, headlines, legend};
use super::{distinct, ending, interval};
use crate::event::record::FAILURES;
use crate::event::{Feasibility, RunRecord, RunStatus};
use crate::metric::{MetricDef, MetricId};
use crate::stats::{Basis, REPEATS};
use crate::units::{Scale, Unit, rough_percent};

/// The runs of a cell and its figures over them.
struct Visited<'a> {
    first: &'a RunRecord,
    runs: Vec<&'a RunRecord>,
    rows: Vec<&'a SummaryRow>,
}

/// The cells in the order of their first runs.
fn visited<'a>(records: &'a [RunRecord], summary: &'a [SummaryRow]) -> Vec<Visited<'a>> {
    let of = |first: &'a RunRecord| Visited { first, runs: Vec::new(), rows: Vec::new() };
    let mut cells: Vec<Visited<'a>> = cells_of(records).into_iter().map(of).collect();
    let names = cells.iter().enumerate().map(|(place, cell)| (cell.first.cell.as_str(), place));
    let places: HashMap<&str, usize> = names.collect();
    for record in records {
        cells[places[record.cell.as_str()]].runs.push(record);
    }
    for row in summary {
        if let Some(place) = places.get(row.cell.as_str()) {
            cells[*place].rows.push(row);
        }
    }
    cells
}

/// Whether some cell was visited more than once: then a row of it says more than one of each run.
pub fn any_again(records: &[RunRecord]) -> bool {
    cells_of(records).len() < records.len()
}

/// The table, its legend, what is not known and why, and the closing line, each line of at most `width` characters.
pub fn summary(
    records: &[RunRecord],
    rows: &[SummaryRow],
    closing: &Closing<'_>,
    width: usize,
) -> String {
    let cells = visited(records, rows);
    let columns = columns(records, &cells, closing.front, Standing::Last);
    let fitted = fitting(columns, width);
    let signs = legend(&fitted.columns);
    let one = rows.iter().any(|row| row.interval == Some(Basis::Within));
    let one = if one { ", of one run alone within it" } else { "" };
    let spread = format!("± half of the {} interval between runs{one}", confidence(rows));
    let spread = rows.iter().any(|row| row.interval.is_some()).then_some(spread);
    let said: Vec<String> = signs.into_iter().chain(spread).collect();
    let said = [said.join("; ")].into_iter().filter(|said| !said.is_empty());
    let said = said.chain(fitted.lacks());
    let said: String = said.map(|said| wrap(&said, width, "")).collect();
    let mut out = render(fitted.columns, width) + "\n" + &said;
    out.push_str(&open(&cells, width));
    let marks = closing.front.map(FrontReport::marks).unwrap_or_default();
    let word = |cell| word(cell, &marks).text.trim_start_matches("! ").to_owned();
    let words: Vec<String> = cells.iter().map(word).collect();
    let counts = format!(
        "{}: {}; ",
        counted(cells.len(), "cell"),
        tally(&distinct(words.iter()), &words.iter().collect::<Vec<_>>())
    );
    out + &table::under(records, closing, &counts, width)
}

/// The rows alone, of a grid that is still measured.
pub fn rows_so_far(records: &[RunRecord], rows: &[SummaryRow], width: usize) -> String {
    let cells = visited(records, rows);
    render(columns(records, &cells, None, Standing::Last), width)
}

/// The columns of a terminal, before those that have no room are left out.
pub(super) fn of_view(
    records: &[RunRecord],
    rows: &[SummaryRow],
    front: Option<&FrontReport>,
) -> Vec<Column> {
    columns(records, &visited(records, rows), front, Standing::Last)
}

/// The columns of a page; the cells of the first one lead to the first run of each.
pub(super) fn of_page(
    records: &[RunRecord],
    rows: &[SummaryRow],
    front: Option<&FrontReport>,
    link: impl Fn(&RunRecord) -> String,
) -> Vec<Column> {
    let cells = visited(records, rows);
    let mut columns = columns(records, &cells, front, Standing::First);
    for (name, cell) in columns.iter_mut().take(1).flat_map(|column| &mut column.cells).zip(&cells)
    {
        cell.first.cell.clone_into(&mut name.title);
        name.link = link(cell.first);
    }
    columns
}

/// The nominal confidence of the intervals.
fn confidence(rows: &[SummaryRow]) -> String {
    let share = rows.iter().find(|row| row.interval == Some(Basis::Between));
    rough_percent(share.map_or(0.95, |row| row.confidence))
}

/// Whether what became of a cell stands before its figures or behind them: on a narrow page the last columns are out of sight.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Standing {
    First,
    Last,
}

fn columns(
    records: &[RunRecord],
    cells: &[Visited<'_>],
    front: Option<&FrontReport>,
    place: Standing,
) -> Vec<Column> {
    let firsts: Vec<&RunRecord> = cells.iter().map(|cell| cell.first).collect();
    let mut columns = identity(&firsts);
    columns.extend(settings(&firsts));
    columns.extend(machine(cells, |cell| {
        let mut all: Vec<u32> = cell.runs.iter().filter_map(|run| run.machine).collect();
        all.sort_unstable();
        all.dedup();
        all
    }));
    let aims = table::aims(front);
    let headlines = headlines(records, &aims);
    let marks = front.map(FrontReport::marks).unwrap_or_default();
    let mut standing = standing(cells, front.is_some(), &marks);
    columns.extend(standing.take_if(|_| place == Standing::First));
    columns.extend(
        headlines.iter().map(|headline| headline.column(cells, |cell| figure(headline, cell))),
    );
    let rank = table::rank_of_accuracy(records, &aims);
    columns.extend(accuracy(cells).map(|column| column.ranked(rank)));
    let rank = table::rank_of_stop(table::is_asked(&columns));
    columns.push(Column::words("stop", cells, |cell| word(cell, &marks)).ranked(rank));
    columns.extend(standing);
    columns.push(Column::figures("runs", cells, |cell| cell.runs.len().to_string()).ranked(4));
    let scale = Scale::of(Unit::Seconds, [1.0]);
    let time = |cell: &Visited<'_>| scale.show(cell.runs.iter().map(|run| run.wall_s).sum());
    columns.push(Column::figures("time\ns", cells, time).ranked(4));
    columns
}

/// The row that a headline speaks of.
fn row<'a>(cell: &Visited<'a>, headline: &Headline) -> Option<&'a SummaryRow> {
    let rows = || cell.rows.iter().copied();
    let found = cell.runs.iter().find_map(|run| SummaryRow::of(rows(), run, headline.metric));
    found.filter(|row| row.mean.is_some())
}

/// `98.1 ±3%`; where nobody knows how well it is known, the figure with the sign for it.
fn figure(headline: &Headline, cell: &Visited<'_>) -> Cell {
    let Some((row, mean)) = row(cell, headline).and_then(|row| Some((row, row.mean?))) else {
        return Cell::missing("no run of the cell has it");
    };
    let shown = headline.scale.show(mean);
    // Of an interval that 0 cuts off, the side that is left.
    let half = row.low.zip(row.high).map(|(low, high)| (high - mean).max(mean - low) / mean.abs());
    let show = |value| headline.scale.show(value);
    let of_page = Cell {
        small: interval(row.low, row.high, show).unwrap_or_default(),
        title: said(row),
        ..Cell::default()
    };
    let half = half.filter(|half| half.is_finite());
    let caveat = caveat(row, headline.metric, half, cell);
    let sign = if caveat.is_some() { "~" } else { "" };
    let spread = half.map(|half| format!(" ±{}", whole_percent(half))).unwrap_or_default();
    Cell { text: format!("{sign}{shown}{spread}"), caveat, ..of_page }
}

/// Whether it is not known as precisely as was asked, or to within 5% where nothing was, or a lower end.
fn caveat(
    row: &SummaryRow,
    metric: &MetricDef,
    half: Option<f64>,
    cell: &Visited<'_>,
) -> Option<Caveat> {
    // The figure is of these alone.
    let ended = cell.runs.iter().filter(|run| ending::is_ok(run));
    let mut runs = ended.filter_map(|run| run.metric(&row.phase, &row.metric));
    let is_wide = half.map_or(metric.has_interval(), |half| half > UNASKED);
    match row.known {
        Some(false) => Some(Caveat::Open),
        None if is_wide => Some(Caveat::Unasked),
        _ => runs.any(is_lower_end).then_some(Caveat::Unasked),
    }
}

/// What a pointer finds at a figure.
fn said(row: &SummaryRow) -> String {
    let said = format!("{} of {}: mean of {} runs", row.metric, row.phase, row.runs);
    if row.note.is_empty() { said } else { format!("{said}; {}", row.note) }
}

/// `3%`, `0.4%`: a table has no room for half percents of an uncertainty, nor for one of many times the figure.
fn whole_percent(share: f64) -> String {
    match share {
        ..0.00095 => rough_percent(share),
        ..0.00995 => format!("{:.1}%", share * 100.0),
        10.0.. => ">999%".to_owned(),
        _ => format!("{:.0}%", share * 100.0),
    }
}

/// The mean of the models that were trained to the end; none where no cell has one.
fn accuracy(cells: &[Visited<'_>]) -> Option<Column> {
    let mean = |cell: &Visited<'_>| {
        let found = cell.rows.iter().find(|row| row.metric == MetricId::TestAccuracy);
        found.and_then(|row| row.mean)
    };
    cells.iter().find_map(mean)?;
    let shown = |cell: &Visited<'_>| match mean(cell) {
        Some(mean) => format!("{mean:.3}").into(),
        None => Cell::missing("no run of the cell was trained to its end"),
    };
    Some(Column::figures("test\nacc.", cells, shown))
}

/// Where a cell stands, in a word or two.
fn word(cell: &Visited<'_>, marks: &Marks<'_>) -> Cell {
    let failed = |run: &&&RunRecord| run.status == RunStatus::Failed;
    if cell.runs.iter().filter(failed).count() >= FAILURES
        && let Some(last) = cell.runs.iter().rfind(failed)
    {
        return table::stop(last);
    }
    let ended = |run: &&&RunRecord| ending::is_ok(run);
    let Some(good) = cell.runs.iter().find(ended) else {
        return table::stop(cell.runs[cell.runs.len() - 1]);
    };
    if verdict(cell) == Some(Feasibility::Infeasible) {
        return Feasibility::Infeasible.to_string().into();
    }
    let chosen: Vec<bool> = cell.rows.iter().filter_map(|row| row.known).collect();
    match cell.runs.iter().filter(ended).count() {
        1 => table::stop(good),
        _ if chosen.is_empty() => table::stop(good),
        _ if chosen.iter().all(|known| *known) => "known".to_owned().into(),
        // It got no further run, since its figures decide nothing any more.
        _ if marks.of(good) == Some(Mark::Dominated) => "dominated".to_owned().into(),
        // A run ended before its peak was bounded: it is not noise that keeps it open.
        _ if cell.rows.iter().all(|row| row.known != Some(false) || grew(row, cell)) => {
            "peak open".to_owned().into()
        }
        // Before that the spread says too little of what more runs would say.
        runs if (runs as u64) < REPEATS => table::stop(good),
        _ => "noise-limited".to_owned().into(),
    }
}

/// Whether it is a peak that a run has not seen to its end.
fn grew(row: &SummaryRow, cell: &Visited<'_>) -> bool {
    let mut of_runs = cell.runs.iter().filter_map(|run| run.metric(&row.phase, &row.metric));
    is_peak(row) && of_runs.any(|row| row.known == Some(false))
}

fn is_peak(row: &SummaryRow) -> bool {
    row.metric.def().is_some_and(MetricDef::is_peak)
}

fn verdict(cell: &Visited<'_>) -> Option<Feasibility> {
    ending::verdict_of(&cell.runs)
}

/// Whether each cell keeps its constraints and is on the front; none where neither is asked.
fn standing(cells: &[Visited<'_>], compared: bool, marks: &Marks<'_>) -> Option<Column> {
    let judged = cells.iter().find_map(verdict).is_some();
    if !judged && !compared {
        return None;
    }
    let shown = |cell: &Visited<'_>| {
        let verdict = verdict(cell);
        let mark = (marks.of(cell.first) == Some(Mark::Front)).then(|| "front".to_owned());
        let words: Vec<String> =
            verdict.map(|verdict| verdict.to_string()).into_iter().chain(mark).collect();
        Cell { class: verdict.map_or("", Feasibility::word), ..words.join(", ").into() }
    };
    Some(Column::words(if judged { "verdict" } else { "mark" }, cells, shown))
}

/// Cells of which is told what is not known, before the rest is only counted.
const OPEN_SHOWN: usize = 3;

/// What is least well known of each cell that is not known, and what it would take.
fn open(cells: &[Visited<'_>], width: usize) -> String {
    let widest = |cell: &Visited<'_>| {
        let reached = |row: &&SummaryRow| Some((row.high? - row.low?) / row.mean?.abs());
        let open = cell.rows.iter().copied().filter(|row| row.known == Some(false));
        let open = open.filter(|row| row.interval == Some(Basis::Between));
        let row = open.max_by(|one, other| {
            reached(one).unwrap_or(0.0).total_cmp(&reached(other).unwrap_or(0.0))
        })?;
        Some(format!("{}: {} in {} {}", row.cell, row.metric, row.phase, row.note))
    };
    let mut lines: Vec<String> = cells.iter().filter_map(widest).take(OPEN_SHOWN).collect();
    // Of a cell with one run nobody can say what it would take: it is counted.
    let is_open = |cell: &&Visited<'_>| cell.rows.iter().any(|row| row.known == Some(false));
    let left = cells.iter().filter(is_open).count() - lines.len();
    let what = if lines.is_empty() { "cell" } else { "more cell" };
    let have = if left == 1 { "has" } else { "have" };
    lines.extend((left > 0).then(|| {
        let cells = counted(left, what);
        format!("{cells} {have} figures not known as precisely as asked: see summary_metrics.csv")
    }));
    lines.iter().map(|line| wrap(line, width, "  ")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::MetricRow;
    use crate::report::fixtures::{completed, failed, record};

    /// A row of the summary as three runs would give it.
    fn row(record: &RunRecord, of: &MetricRow, half: f64, known: Option<bool>) -> SummaryRow {
        let mean = of.estimate;
        SummaryRow {
            cell: record.cell.clone(),
            metric: of.metric.clone(),
            phase: of.phase.clone(),
            unit: of.unit,
            runs: 3,
            mean,
            low: mean.map(|mean| mean * (1.0 - half)),
            high: mean.map(|mean| mean * (1.0 + half)),
            confidence: 0.95,
            known,
            interval: Some(Basis::Between),
            note: if known == Some(false) {
                "±17% after 3 runs, ±5% would take about 14 more".to_owned()
            } else {
                String::new()
            },
        }
    }

    /// Three cells of three runs each: one known, one not, one that fails.
    fn grid() -> (Vec<RunRecord>, Vec<SummaryRow>) {
        let known = RunRecord { cell: "mlp-digits".to_owned(), ..completed() };
        let open = RunRecord { cell: "cnn-satellite".to_owned(), ..record("cnn", "satellite") };
        let lost = RunRecord { cell: "cnn-fashion-mnist".to_owned(), ..failed() };
        let mut rows = Vec::new();
        for (record, half, is_known) in [(&known, 0.031, true), (&open, 0.17, false)] {
            let asked = |of: &MetricRow| of.known.map(|_| is_known);
            rows.extend(record.metrics.iter().map(|of| row(record, of, half, asked(of))));
        }
        let again = |record: &RunRecord, repeat| RunRecord { repeat, ..record.clone() };
        let thrice = |record| (1..=3).map(move |repeat| again(record, repeat));
        let records = [&known, &open, &lost].into_iter().flat_map(thrice).collect();
        (records, rows)
    }

    /// Of a cell with one run nobody knows what it would take, and it is no better known for that.
    #[test]
    fn a_cell_of_one_run_that_is_not_known_is_counted() {
        let (records, rows) = grid();
        let rows_of = |open: Basis, known: Basis| -> Vec<SummaryRow> {
            let of = |row: &SummaryRow| {
                let basis = if row.cell == "cnn-satellite" { open } else { known };
                let is_known = row.known.map(|_| false);
                SummaryRow { interval: Some(basis), known: is_known, ..row.clone() }
            };
            rows.iter().map(of).collect()
        };
        for (open, known, says) in [
            (Basis::Between, Basis::Within, "1 more cell has figures not known"),
            (Basis::Within, Basis::Within, "2 cells have figures not known"),
        ] {
            let table = summary(&records, &rows_of(open, known), &Closing::default(), 200);
            assert_eq!(table.matches(says).count(), 1, "{table}");
        }
        let both = rows_of(Basis::Between, Basis::Between);
        assert!(!summary(&records, &both, &Closing::default(), 200).contains("figures not known"));
    }

    #[test]
    fn a_row_a_cell_fits_each_width() {
        let (records, rows) = grid();
        assert!(any_again(&records) && !any_again(&records[..1]));
        let closing =
            Closing { elapsed_s: Some(91.2), folder: Some("results/x"), ..Closing::default() };
        for width in [60, 80, 120] {
            let table = summary(&records, &rows, &closing, width);
            assert!(table.lines().all(|line| line.chars().count() <= width), "{width}\n{table}");
            insta::assert_snapshot!(format!("cells_{width}"), table);
        }
    }

    /// As in the rounds: one failure may be bad luck, and two are what the cell is like, whatever else it has shown.
    #[test]
    fn a_cell_of_which_two_runs_failed_has_failed() {
        for (failures, says) in [
            (1, "3 cells: 1 known, 1 noise-limited, 1 killed"),
            (2, "3 cells: 2 killed, 1 noise-limited"),
        ] {
            let (mut records, rows) = grid();
            let known = records.iter().find(|run| run.cell == "mlp-digits").unwrap().clone();
            let lost = RunRecord { cell: known.cell.clone(), ..failed() };
            records.extend((0..failures).map(|_| lost.clone()));
            let table = summary(&records, &rows, &Closing::default(), 200);
            assert!(table.contains(says), "{failures}: {table}");
        }
    }

    #[test]
    fn a_cell_of_which_a_peak_alone_is_open_says_so() {
        let (mut records, mut rows) = grid();
        for row in &mut rows {
            let open = is_peak(row) && row.cell == "cnn-satellite";
            row.known = row.known.map(|_| true).filter(|_| !open).or(open.then_some(false));
        }
        // Each run knows its own peak: it is the spread between them that is too wide.
        let peaks = |records: &mut [RunRecord], known| {
            let rows = records.iter_mut().flat_map(|record| &mut record.metrics);
            rows.filter(|row| row.metric == MetricId::MemoryPeak)
                .for_each(|row| row.known = Some(known));
        };
        for (known, says) in [(false, "1 peak open"), (true, "1 noise-limited")] {
            peaks(&mut records, known);
            let table = summary(&records, &rows, &Closing::default(), 200);
            assert!(table.contains(&format!("3 cells: 1 known, {says}, 1 killed")), "{table}");
        }
    }

    #[test]
    fn a_peak_of_which_a_run_may_have_missed_the_most_is_marked_though_nothing_was_asked() {
        use crate::event::{Note, Num};
        let (mut records, mut rows) = grid();
        for row in &mut rows {
            row.known = None;
            (row.low, row.high) = (row.mean, row.mean);
        }
        let marked =
            |records: &[RunRecord]| summary(records, &rows, &Closing::default(), 200).contains('~');
        assert!(!marked(&records));
        let of_peak = |row: &&mut MetricRow| row.metric == MetricId::MemoryPeak;
        let row = records[1].metrics.iter_mut().find(of_peak).unwrap();
        row.notes.push(Note::AtLeast { bytes: Num(1e9) });
        assert!(marked(&records));
    }

    #[test]
    fn a_cell_is_infeasible_where_one_of_its_runs_is() {
        use crate::report::fixtures::{judged, of_peak};
        let of = |verdict| judged(completed(), verdict, vec![of_peak(1.0)]);
        let records = [of(Feasibility::Feasible), of(Feasibility::Infeasible)];
        let records = records.map(|run| RunRecord { cell: "one".to_owned(), ..run });
        let table = summary(&records, &[], &Closing::default(), 200);
        assert!(table.contains("1 cell: 1 infeasible; 2 runs"), "{table}");
    }
}
