//! The reports in the dialect of Markdown that GitHub shows: for pull requests, issues and wikis.

use std::fmt::Write;

use super::ending::{self, Closing, closing_line};
use super::front::{FrontCell, FrontReport, ends, standing, why};
use super::layout::{Align, Column};
use super::one_line;
use super::spared::spared;
use super::table::{columns, legend};
use crate::event::RunRecord;
use crate::event::objective::listed;
use crate::units::{Scale, Unit};

/// The table, the verdicts, the front and why each run ended.
pub fn document(name: &str, records: &[RunRecord], closing: &Closing<'_>) -> String {
    let mut out = format!("# {}\n", escaped(name));
    if !records.is_empty() {
        let columns = columns(records, closing.front);
        let marks: Vec<&str> =
            columns.iter().flat_map(|column| column.cells.iter().map(String::as_str)).collect();
        let said = legend(&marks.join(" "));
        section(&mut out, "", &table(&columns));
        if let Some(said) = said {
            let _ = write!(out, "\nMarks: {}\n", escaped(&said));
        }
    }
    section(&mut out, "Verdicts", &verdicts(records));
    if let Some(front) = closing.front {
        section(&mut out, "Front", &front_section(front));
    }
    section(&mut out, "Stops", &stops(records));
    if let Some(line) = spared(records) {
        let _ = write!(out, "\n{}.\n", escaped(&line));
    }
    let _ = write!(out, "\n{}\n", escaped(&closing_line(records, closing)));
    out
}

/// A part with its heading; nothing where there is nothing to say.
fn section(out: &mut String, heading: &str, body: &str) {
    if body.is_empty() {
        return;
    }
    if !heading.is_empty() {
        let _ = write!(out, "\n## {heading}\n");
    }
    let _ = write!(out, "\n{body}");
}

fn words<T>(head: &str, rows: &[T], cell: impl FnMut(&T) -> String) -> Column {
    Column::new(head, Align::Left, rows.iter().map(cell).collect())
}

fn verdicts(records: &[RunRecord]) -> String {
    let judged: Vec<_> =
        records.iter().filter_map(|record| Some((record, record.verdict.as_ref()?))).collect();
    if judged.is_empty() {
        return String::new();
    }
    table(&[
        words("run", &judged, |(record, _)| record.run.clone()),
        words("verdict", &judged, |(_, verdict)| verdict.verdict.to_string()),
        words("broken constraint", &judged, |(_, verdict)| {
            verdict.broken_constraint().unwrap_or_default().to_owned()
        }),
        words("reason", &judged, |(record, _)| super::words::verdict(record)),
    ])
}

fn front_section(front: &FrontReport) -> String {
    let mut out = format!(
        "Objectives: {}. Cells of one data set are compared; a cell is on the front unless another one is at least as good in \
         every objective and better in one beyond the noise.\n",
        escaped(&listed(&front.objectives))
    );
    let cells = front.compared();
    if cells.is_empty() {
        out += "\nNo cell could be compared.\n";
        return out;
    }
    let mut columns = vec![
        words("cell", &cells, |cell| cell.cell.clone()),
        words("data set", &cells, |cell| cell.dataset.clone()),
        words("front", &cells, |cell| standing(cell).to_owned()),
    ];
    columns.extend(front.objectives.iter().enumerate().map(|(at, objective)| {
        let scale = front.scale(at);
        let figures = cells.iter().map(|cell| figure(cell, at, scale));
        let unit = match scale.name {
            "" => String::new(),
            name => format!(" ({name})"),
        };
        let head = format!("{}{unit}", objective.metric);
        Column::new(&head, Align::Right, figures.collect())
    }));
    columns.push(words("why", &cells, |cell| why(cell)));
    let _ = write!(out, "\n{}", table(&columns));
    let intervals = front.intervals();
    if !intervals.is_empty() {
        let _ = write!(out, "\nIntervals: {}.\n", escaped(&intervals));
    }
    out
}

/// `0.978 (0.957 to 0.989)`.
fn figure(cell: &FrontCell, at: usize, scale: Scale) -> String {
    let figure = cell.figures.get(at);
    figure.map_or_else(String::new, |figure| {
        let ends = ends(figure, scale);
        let ends = ends.map_or_else(String::new, |ends| format!(" ({ends})"));
        format!("{}{ends}", scale.show(figure.estimate))
    })
}

fn stops(records: &[RunRecord]) -> String {
    if records.is_empty() {
        return String::new();
    }
    let scale = Scale::of(Unit::Seconds, [1.0]);
    let seconds = records.iter().map(|record| scale.show(record.wall_s));
    let epochs = records.iter().map(|record| record.epochs.to_string());
    table(&[
        words("run", records, |record| record.run.clone()),
        words("status", records, |record| record.status.to_string()),
        words("stop", records, |record| record.stop.reason.to_string()),
        Column::new("time (s)", Align::Right, seconds.collect()),
        Column::new("epochs", Align::Right, epochs.collect()),
        words("why", records, ending::why),
    ])
}

/// All columns: a page has no width.
pub(super) fn table(columns: &[Column]) -> String {
    let line = |cells: &mut dyn Iterator<Item = String>| {
        let cells: Vec<_> = cells.collect();
        format!("| {} |\n", cells.join(" | "))
    };
    let mut out = line(&mut columns.iter().map(|column| escaped(&column.head)));
    let rule = |column: &Column| match column.side {
        Align::Left => "---".to_owned(),
        Align::Right => "---:".to_owned(),
    };
    out += &line(&mut columns.iter().map(rule));
    let rows = columns.iter().map(|column| column.cells.len()).max();
    for row in 0..rows.unwrap_or(0) {
        let cell = |column: &Column| {
            let cell = column.cells.get(row).map_or("", String::as_str);
            escaped(cell)
        };
        out += &line(&mut columns.iter().map(cell));
    }
    out
}

/// Text on one line in which nothing is markup: a backslash takes the meaning from any punctuation (`CommonMark` 2.4).
pub(super) fn escaped(text: &str) -> String {
    let text = one_line(text);
    let mut out = String::with_capacity(text.len());
    let mut before = ' ';
    let mut rest = text.chars().peekable();
    while let Some(next) = rest.next() {
        let after = rest.peek().copied().unwrap_or(' ');
        let markup = match next {
            '\\' | '|' | '`' | '*' | '[' | ']' | '<' | '>' | '~' | '$' | '&' | '#' | '@' => true,
            // Within a word it is none: names such as test_accuracy stay as they are.
            '_' => !(before.is_alphanumeric() && after.is_alphanumeric()),
            _ => false,
        };
        if markup {
            out.push('\\');
        }
        out.push(next);
        before = next;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Feasibility, StopReason};
    use crate::report::fixtures::{all_kinds, compared, completed, front, judged, of_peak};
    use proptest::prelude::*;

    fn closing() -> Closing<'static> {
        Closing {
            elapsed_s: Some(91.2),
            folder: Some("results/three-by-three"),
            ..Closing::default()
        }
    }

    #[test]
    fn every_kind_of_run_is_shown() {
        let text = document("three-by-three", &all_kinds(), &closing());
        insta::assert_snapshot!("markdown", text);
    }

    #[test]
    fn verdicts_and_the_front_have_their_reasons() {
        let front = front();
        let closing = Closing { front: Some(&front), ..closing() };
        let records: Vec<_> = compared()
            .into_iter()
            .map(|record| match record.cell.as_str() {
                "cnn-fashion-mnist" => judged(record, Feasibility::Infeasible, vec![of_peak(1e8)]),
                _ => judged(record, Feasibility::Feasible, vec![of_peak(5e8)]),
            })
            .collect();
        insta::assert_snapshot!("markdown_front", document("x", &records, &closing));
    }

    #[test]
    fn what_early_ends_have_spared_is_said() {
        let mut early = completed();
        (early.stop.reason, early.epochs) = (StopReason::Infeasible, 0);
        early.saved_s_at_least = Some(240.9);
        let says = "\n1 infeasible run ended early; at least 4 min 00 s of training were not spent.\n\n1 run: ";
        let text = document("x", &[early], &Closing::default());
        assert!(text.contains(says), "{text}");
        let without = document("x", &[completed()], &Closing::default());
        assert!(!without.contains("ended early"), "{without}");
    }

    #[test]
    fn nothing_at_all_is_a_heading_and_a_line() {
        assert_eq!(document("x", &[], &Closing::default()), "# x\n\n0 runs: 0 ok\n");
    }

    #[test]
    fn markup_loses_its_meaning() {
        for (text, says) in [
            ("a|b", "a\\|b"),
            ("<= 10 ms", "\\<= 10 ms"),
            ("test_accuracy _x_", "test_accuracy \\_x\\_"),
            ("~98.1", "\\~98.1"),
            ("two\nlines", "two lines"),
            ("[x](y) `z` \\", "\\[x\\](y) \\`z\\` \\\\"),
        ] {
            assert_eq!(escaped(text), says);
        }
    }

    /// What a reader of the table sees in each cell of a row: unescaped pipes part them.
    fn cells(line: &str) -> Vec<String> {
        let mut found = vec![String::new()];
        let mut characters = line.trim().chars();
        while let Some(next) = characters.next() {
            match next {
                '\\' => found.last_mut().unwrap().extend(characters.next()),
                '|' => found.push(String::new()),
                other => found.last_mut().unwrap().push(other),
            }
        }
        let all = found.iter().map(|cell| cell.trim().to_owned());
        let inner = found.len() - 2;
        all.skip(1).take(inner).collect()
    }

    proptest! {
        #[test]
        fn no_text_breaks_a_row(first in "\\PC{0,12}", second in "[a-z|\\\\_*`<>~\n ]{0,12}") {
            let texts = [first, second];
            let columns = texts.clone().map(|text| Column::new("h", Align::Left, vec![text]));
            let table = table(&columns);
            let lines: Vec<_> = table.lines().collect();
            prop_assert_eq!(lines.len(), 3);
            prop_assert_eq!(cells(lines[2]), texts.map(|text| one_line(&text)));
        }
    }
}
