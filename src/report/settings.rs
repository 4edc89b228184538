//! The columns of the settings in which the runs of a table differ.

use super::layout::{Column, harmless};
use super::number;
use crate::event::{Axis, AxisDef, AxisList, AxisValue, JobSpec, NO_DATA, Pattern, RunRecord};
use crate::units::significant;

/// Bytes of a mebibyte.
const MIB: f64 = 1_048_576.0;

/// A setting: its heading and its value in a run.
type Setting = (&'static str, fn(&RunRecord) -> String);

/// Those that are no axes.
const OTHERS: &[Setting] = &[
    ("CPUs", |r| limit(Some(r.limits.cpus.len()).filter(|cpus| *cpus > 0))),
    ("quota\n%", |r| limit(r.limits.cpu_quota_percent)),
    ("limit\nMiB", |r| {
        let bytes = r.limits.memory_bytes;
        limit(bytes.map(|bytes| significant(bytes as f64 / MIB)))
    }),
    ("rep.", |r| r.repeat.to_string()),
];

/// The model and the data set of each run. Commands that are no cells of a grid file are called what they are, and have no data.
pub(super) fn identity(records: &[&RunRecord]) -> Vec<Column> {
    let bare = records.iter().all(|record| record.job.work.is_unset());
    let head = if bare { "command" } else { "model" };
    let model = Column::words(head, records, |record| record.job.model.name.clone());
    [model].into_iter().chain(dataset(records)).collect()
}

/// The data set of each run, where some run has one.
pub(super) fn dataset(records: &[&RunRecord]) -> Option<Column> {
    let any = records.is_empty() || records.iter().any(|record| record.job.dataset != NO_DATA);
    any.then(|| Column::words("dataset", records, |record| record.job.dataset.clone()))
}

/// The machines of each row, where there are several: no setting, but figures of different ones are not compared.
pub(super) fn machine<T>(rows: &[T], of: impl Fn(&T) -> Vec<u32>) -> Option<Column> {
    let shown = |row: &T| of(row).iter().map(u32::to_string).collect::<Vec<_>>().join("+");
    let any = rows.iter().any(|row| !of(row).is_empty());
    any.then(|| Column::words("machine", rows, shown))
}

/// On which lane each run was made, where others ran beside it.
pub(super) fn lane(records: &[RunRecord]) -> Option<Column> {
    let number = |record: &RunRecord| record.lane.as_ref().map(|lane| lane.number);
    let any = records.iter().any(|record| number(record).is_some());
    let shown =
        |record: &RunRecord| number(record).map_or_else(|| "-".to_owned(), |n| n.to_string());
    any.then(|| Column::words("lane", records, shown).ranked(7))
}

/// The settings besides model and data set that differ between the runs, and the load, where that was not always one request
/// after the other.
pub(super) fn settings(records: &[&RunRecord]) -> Vec<Column> {
    let list = AxisList::of(records.iter().map(|record| &record.job));
    let named = [Axis::MODEL, Axis::DATASET];
    let others = list.all().filter(|axis| !named.contains(axis)).map(|axis| list.def(axis));
    let axes = others.map(|def| Column::figures(&def.heading, records, |r| axis_cell(def, &r.job)));
    let others = OTHERS.iter().map(|(head, cell)| Column::figures(head, records, |r| cell(r)));
    let differs = |column: &Column| column.cells.iter().any(|cell| *cell != column.cells[0]);
    let mut columns: Vec<_> = axes.chain(others).filter(differs).collect();
    columns.extend(pattern_column(records));
    columns
}

/// When requests came, where that was not always one after the other.
fn pattern_column(records: &[&RunRecord]) -> Option<Column> {
    let pattern = |record: &RunRecord| record.job.serve.as_ref().map(|serve| serve.pattern);
    let mut patterns = records.iter().filter_map(|record| pattern(record));
    patterns.find(|pattern| !pattern.is_single_stream())?;
    let cell = |record: &&RunRecord| pattern(record).map_or_else(|| "-".to_owned(), load);
    Some(Column::words("pattern", records, cell))
}

/// `server 200/s`, `closed 8`: the pattern, and how much of it.
fn load(pattern: Pattern) -> String {
    match pattern {
        Pattern::Server { rate_per_s: Some(rate) } => format!("{pattern} {}/s", number(rate)),
        Pattern::Closed { clients } => format!("{pattern} {clients}"),
        _ => pattern.to_string(),
    }
}

fn axis_cell(def: &AxisDef, job: &JobSpec) -> String {
    match def.of(job) {
        AxisValue::Number(value) => number(value),
        AxisValue::Text(text) => in_a_cell(&text),
        _ => def.shown(job),
    }
}

fn limit<T: ToString>(value: Option<T>) -> String {
    value.map_or_else(|| "all".to_owned(), |value| value.to_string())
}

/// A text as a cell of a table holds it: on one line, and not without end.
fn in_a_cell(text: &str) -> String {
    const LONGEST: usize = 40;
    let line = harmless(text);
    match line.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}...", &line[..end]),
        None => line,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_of_an_own_axis_is_one_line_of_some_characters() {
        assert_eq!(in_a_cell("a\u{1b}[31m\nb"), "a\\u{1b}[31m\\nb");
        assert_eq!(in_a_cell(&"\u{e4}".repeat(41)), "\u{e4}".repeat(40) + "...");
        assert_eq!(in_a_cell(&"x".repeat(40)), "x".repeat(40));
    }
    use crate::report::fixtures::completed;

    #[test]
    fn the_load_is_said_with_its_size() {
        let with = |pattern: Option<Pattern>| {
            let mut record = completed();
            match (pattern, &mut record.job.serve) {
                (Some(pattern), Some(serve)) => serve.pattern = pattern,
                _ => record.job.serve = None,
            }
            record
        };
        let server = |rate_per_s| Some(Pattern::Server { rate_per_s });
        let records = [
            with(server(Some(200.0))),
            with(server(Some(12.5))),
            with(server(None)),
            with(Some(Pattern::Closed { clients: 8 })),
            with(Some(Pattern::Offline)),
            with(None),
        ];
        let columns = settings(&records.iter().collect::<Vec<_>>());
        assert_eq!(columns.len(), 1);
        assert_eq!(columns[0].head, "pattern");
        let shown: Vec<_> = columns[0].cells.iter().map(|cell| &*cell.text).collect();
        assert_eq!(shown, ["server 200/s", "server 12.5/s", "server", "closed 8", "offline", "-"]);
        assert!(settings(&[&completed(), &completed()]).is_empty());
    }
}
