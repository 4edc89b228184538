//! The reports in the dialect of Markdown that GitHub shows: for pull requests, issues and wikis.

use std::fmt::Write;

use super::closing::{Closing, closing_line};
use super::effects::EffectsReport;
use super::ending;
use super::front::FrontReport;
use super::layout::{Align, Column, height_of};
use super::one_line;
use super::spared::spared;
use super::table::{columns, epochs, legend, time};
use crate::event::RunRecord;

/// The table, the verdicts, the front and why each run ended.
pub fn document(name: &str, records: &[RunRecord], closing: &Closing<'_>) -> String {
    let mut out = format!("# {}\n", escaped(name));
    if !records.is_empty() {
        let columns = columns(records, closing.front);
        section(&mut out, "", &table(&columns));
        if let Some(said) = legend(&columns) {
            let _ = write!(out, "\nMarks: {}\n", escaped(&said));
        }
    }
    section(&mut out, "Verdicts", &verdicts(records));
    if let Some(front) = closing.front {
        section(&mut out, "Front", &front_section(front, records));
    }
    if let Some(effects) = closing.effects {
        section(&mut out, "What each setting buys", &effects_section(effects));
    }
    if let Some(found) = closing.found {
        let lines = found.lines(closing.front, records);
        let list: String =
            lines.iter().map(|line| "* ".to_owned() + &escaped(line) + "\n").collect();
        section(&mut out, "Search", &list);
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

fn verdicts(records: &[RunRecord]) -> String {
    let judged: Vec<_> =
        records.iter().filter_map(|record| Some((record, record.verdict.as_ref()?))).collect();
    if judged.is_empty() {
        return String::new();
    }
    let mut out = table(&[
        Column::words("run", &judged, |(record, _)| record.run.clone()),
        Column::words("verdict", &judged, |(_, verdict)| verdict.verdict.to_string()),
        Column::words("broken limit", &judged, |(_, verdict)| {
            verdict.broken_constraint().unwrap_or_default().to_owned()
        }),
        Column::words("reason", &judged, |(record, _)| super::words::verdict(record)),
    ]);
    for remedy in super::words::remedies(records) {
        let _ = write!(out, "\nWhat would decide it: {}.\n", escaped(remedy));
    }
    out
}

fn front_section(front: &FrontReport, records: &[RunRecord]) -> String {
    let mut out = escaped(&front.introduction()) + "\n";
    if front.compared().is_empty() {
        let _ = write!(out, "\nNo cell could be compared: {}.\n", front.left_out(None));
        return out;
    }
    let columns: Vec<_> = front.columns(records).into_iter().map(folded).collect();
    let _ = write!(out, "\n{}", table(&columns));
    let intervals = front.intervals();
    if !intervals.is_empty() {
        let _ = write!(out, "\nIntervals: {}.\n", escaped(&intervals));
    }
    out
}

/// With the unit and the intervals in parentheses: `0.978 (0.957 to 0.989)`.
fn folded(mut column: Column) -> Column {
    if let Some(unit) = column.unit.take().filter(|unit| !unit.is_empty()) {
        column.head = format!("{} ({unit})", column.head);
    }
    for cell in column.cells.iter_mut().filter(|cell| !cell.small.is_empty()) {
        cell.text = format!("{} ({})", cell.text, cell.small);
    }
    column
}

fn stops(records: &[RunRecord]) -> String {
    if records.is_empty() {
        return String::new();
    }
    let mut columns = vec![
        Column::words("run", records, |record| record.run.clone()),
        Column::words("status", records, |record| record.status.to_string()),
        Column::words("stop", records, |record| record.stop.reason.to_string()),
        Column { head: "time (s)".to_owned(), ..time(records) },
    ];
    columns.extend(epochs(records));
    columns.push(Column::words("why", records, ending::why));
    table(&columns)
}

fn effects_section(effects: &EffectsReport) -> String {
    let mut out = table(&effects.columns());
    let lines = effects.lines().into_iter();
    out.extend(lines.map(|line| format!("\n{}.\n", escaped(&line))));
    out
}

/// All columns: a page has no width.
pub(super) fn table(columns: &[Column]) -> String {
    let line = |cells: &mut dyn Iterator<Item = String>| {
        let cells: Vec<_> = cells.collect();
        format!("| {} |\n", cells.join(" | "))
    };
    let mut out = line(&mut columns.iter().map(|column| escaped(&column.heading())));
    let rule = |column: &Column| match column.align {
        Align::Left => "---".to_owned(),
        Align::Right => "---:".to_owned(),
    };
    out += &line(&mut columns.iter().map(rule));
    for row in 0..height_of(columns) {
        out += &line(&mut columns.iter().map(|column| escaped(column.cell(row))));
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
        let says = "\n1 infeasible run ended early; at least 4 min 00 s of training were saved.\n\n1 run: ";
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
            let columns = texts.clone().map(|text| Column::words("h", [text], |text| text));
            let table = table(&columns);
            let lines: Vec<_> = table.lines().collect();
            prop_assert_eq!(lines.len(), 3);
            prop_assert_eq!(cells(lines[2]), texts.map(|text| one_line(&text)));
        }
    }
}
