//! Workflow commands of GitHub Actions (docs.github.com, "Workflow commands for GitHub Actions"): `::error title=...::message`.
//!
//! GitHub shows ten errors and ten warnings of a step; the first says how many there are, and all stand in the log.

use std::fmt::Write;

use super::report::GateReport;
use super::rows::{ORDER, all_incomparable, doubtful, evidence, fails, figure, of, plain};
use crate::gate::{Row, RowVerdict};

pub(super) fn lines(report: &GateReport<'_>) -> String {
    let judgement = report.judgement;
    let mut out = String::new();
    let level = if report.exit_code() == 0 { "notice" } else { "error" };
    let said = format!("{}; {}", report.headline(), judgement.coverage);
    command(&mut out, level, ("perftune check", &said));
    for field in judgement.environment.iter().filter(|field| field.hard) {
        let said = format!(
            "{}: {} in the baseline, {} in the candidate",
            field.field, field.baseline, field.candidate
        );
        command(&mut out, "error", ("other environment", &said));
    }
    for verdict in ORDER {
        // The environment has said it for all rows together.
        if verdict == RowVerdict::Incomparable && all_incomparable(judgement).is_some() {
            continue;
        }
        let level = if fails(verdict) || (doubtful(verdict) && report.inconclusive_fails) {
            "error"
        } else if doubtful(verdict) || verdict == RowVerdict::New {
            "warning"
        } else {
            continue;
        };
        for row in of(judgement, verdict) {
            command(&mut out, level, (&title(row), &evidence(row, &judgement.design)));
        }
    }
    out
}

fn title(row: &Row) -> String {
    format!("{}: {} {}", row.verdict, row.cell, figure(row))
}

fn command(out: &mut String, level: &str, (title, message): (&str, &str)) {
    let (title, message) = (property(&plain(title)), data(&plain(message)));
    // A message that is empty is none, and the title would not be shown.
    let message = if message.is_empty() { "-".to_owned() } else { message };
    let _ = writeln!(out, "::{level} title={title}::{message}");
}

/// Text after the second `::`, as the toolkit's `escapeData` writes it.
fn data(text: &str) -> String {
    let text = text.replace('%', "%25");
    text.replace('\r', "%0D").replace('\n', "%0A")
}

/// The value of a property, as its `escapeProperty` does.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}
