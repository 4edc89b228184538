//! `JUnit` XML as CI servers read it (the schema of Apache Ant's junit task, and `skipped` as Jenkins, GitLab and GitHub actions have it).

use std::fmt::Write;

use super::report::GateReport;
use super::rows::{counts, doubtful, evidence, figure};
use crate::gate::{Outcome, Row, RowVerdict};

/// What becomes of a row as a test case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Case {
    Passed,
    Failure,
    Error,
    Skipped,
}

/// How many there are of each.
#[derive(Debug, Clone, Copy, Default)]
struct Tally {
    tests: usize,
    failures: usize,
    errors: usize,
    skipped: usize,
}

impl Tally {
    fn add(&mut self, case: Case) {
        self.tests += 1;
        match case {
            Case::Passed => {}
            Case::Failure => self.failures += 1,
            Case::Error => self.errors += 1,
            Case::Skipped => self.skipped += 1,
        }
    }

    fn attributes(self) -> String {
        format!(
            "tests=\"{}\" failures=\"{}\" errors=\"{}\" skipped=\"{}\" time=\"0\"",
            self.tests, self.failures, self.errors, self.skipped
        )
    }
}

pub(super) fn document(report: &GateReport<'_>) -> String {
    let judgement = report.judgement;
    let mut cells: Vec<(&str, Vec<&Row>)> = Vec::new();
    // Figures that are only shown are no test.
    for row in judgement.rows.iter().filter(|row| row.verdict != RowVerdict::Info) {
        match cells.iter_mut().find(|(cell, _)| *cell == row.cell) {
            Some((_, rows)) => rows.push(row),
            None => cells.push((&row.cell, vec![row])),
        }
    }
    let mut total = Tally::default();
    total.add(whole_case(report));
    let mut suites = outcome(report);
    for (cell, rows) in cells {
        let mut tally = Tally::default();
        let mut cases = String::new();
        for row in rows {
            let case = case_of(row.verdict, report.inconclusive_fails);
            tally.add(case);
            total.add(case);
            let (verdict, said) = (row.verdict.to_string(), evidence(row, &judgement.design));
            write_case(&mut cases, cell, &figure(row), case, &verdict, &said);
        }
        let _ = write!(
            suites,
            "  <testsuite name=\"{}\" {}>\n{cases}  </testsuite>\n",
            escaped(cell),
            tally.attributes()
        );
    }
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"perftune check\" {}>\n{suites}</testsuites>\n",
        total.attributes()
    )
}

fn case_of(verdict: RowVerdict, inconclusive_fails: bool) -> Case {
    match verdict {
        RowVerdict::Regressed => Case::Failure,
        RowVerdict::Missing
        | RowVerdict::Failed
        | RowVerdict::Unreachable
        | RowVerdict::Incomparable => Case::Error,
        _ if doubtful(verdict) && inconclusive_fails => Case::Failure,
        RowVerdict::Suspect | RowVerdict::Inconclusive | RowVerdict::New => Case::Skipped,
        RowVerdict::Pass | RowVerdict::Improved | RowVerdict::Info => Case::Passed,
    }
}

/// A server that counts cases and does not see the exit code comes to the same end as it.
fn whole_case(report: &GateReport<'_>) -> Case {
    match (report.exit_code(), report.judgement.outcome) {
        (0, _) => Case::Passed,
        (_, Outcome::Regressed | Outcome::Doubtful | Outcome::Ok) => Case::Failure,
        (_, Outcome::Coverage | Outcome::Incomparable) => Case::Error,
    }
}

/// The suite of the whole comparison: what it rests on, and one case.
fn outcome(report: &GateReport<'_>) -> String {
    let judgement = report.judgement;
    let case = whole_case(report);
    let mut tally = Tally::default();
    tally.add(case);
    let mut out = format!("  <testsuite name=\"perftune check\" {}>\n", tally.attributes());
    out += "    <properties>\n";
    let (alpha, p_min) = (judgement.alpha.to_string(), judgement.p_min.to_string());
    let coverage = judgement.coverage.to_string();
    let mut properties = vec![
        ("baseline".to_owned(), judgement.baseline.clone()),
        ("candidate".to_owned(), judgement.candidate.clone()),
        ("design".to_owned(), report.design()),
        ("alpha".to_owned(), alpha),
        ("p_min".to_owned(), p_min),
        ("coverage".to_owned(), coverage),
    ];
    let hard = judgement.environment.iter().filter(|field| field.hard);
    properties.extend(hard.map(|field| {
        let sides =
            format!("{} in the baseline, {} in the candidate", field.baseline, field.candidate);
        (format!("environment {}", field.field), sides)
    }));
    for (name, value) in properties {
        let (name, value) = (escaped(&name), escaped(&value));
        let _ = writeln!(out, "      <property name=\"{name}\" value=\"{value}\"/>");
    }
    out += "    </properties>\n";
    let said = format!("{}; {}", report.reason(), counts(judgement));
    write_case(&mut out, "perftune check", "outcome", case, report.outcome(), &said);
    out + "  </testsuite>\n"
}

/// One case; `kind` is its type, `said` its message.
fn write_case(out: &mut String, class: &str, name: &str, case: Case, kind: &str, said: &str) {
    let (class, name) = (escaped(class), escaped(name));
    let (kind, said) = (escaped(kind), escaped(said));
    let head = format!("    <testcase classname=\"{class}\" name=\"{name}\" time=\"0\"");
    // Writing to a string cannot fail.
    let _ = match case {
        Case::Passed => writeln!(out, "{head}/>"),
        Case::Failure => writeln!(
            out,
            "{head}>\n      <failure type=\"{kind}\" message=\"{kind}: {said}\">{said}</failure>\n    </testcase>"
        ),
        Case::Error => writeln!(
            out,
            "{head}>\n      <error type=\"{kind}\" message=\"{kind}: {said}\">{said}</error>\n    </testcase>"
        ),
        Case::Skipped => {
            writeln!(out, "{head}>\n      <skipped message=\"{kind}: {said}\"/>\n    </testcase>")
        }
    };
}

/// Text in an attribute or an element in which nothing is markup. XML 1.0 (section 2.2) forbids most control characters
/// however they are written: they become the sign for what cannot be shown.
pub(super) fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out += "&amp;",
            '<' => out += "&lt;",
            '>' => out += "&gt;",
            '"' => out += "&quot;",
            '\'' => out += "&apos;",
            // As themselves they would be read as spaces in an attribute.
            '\t' => out += "&#9;",
            '\n' => out += "&#10;",
            '\r' => out += "&#13;",
            '\u{0}'..='\u{1f}' | '\u{7f}'..='\u{9f}' | '\u{fffe}' | '\u{ffff}' => {
                out.push('\u{fffd}');
            }
            other => out.push(other),
        }
    }
    out
}
