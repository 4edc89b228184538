use std::fmt::Write;

use proptest::prelude::*;

use super::fixtures::{difference, mixed, of, row, with};
use super::rows::{change, evidence, figure, interval, probability, quantity};
use super::*;
use crate::event::Arm;
use crate::gate::{Design, GateNote, Judgement, RowReason, RowVerdict};
use crate::units::Unit;

fn report(judgement: &Judgement) -> GateReport<'_> {
    GateReport { judgement, inconclusive_fails: false }
}

fn strict(judgement: &Judgement) -> GateReport<'_> {
    GateReport { judgement, inconclusive_fails: true }
}

#[test]
fn every_form_tells_all_kinds_of_rows() {
    let judgement = mixed();
    let report = report(&judgement);
    insta::assert_snapshot!("text", report.text(80));
    insta::assert_snapshot!("markdown", report.markdown());
    insta::assert_snapshot!("junit", report.junit());
    insta::assert_snapshot!("annotations", report.annotations());
}

#[test]
fn rows_whose_runs_lack_the_figure_are_not_told_to_make_more_of_them() {
    let figure = ("train", "train.throughput_p75");
    let mut lacking = row(RowVerdict::Inconclusive, "mlp", figure);
    (lacking.p, lacking.runs_needed) = (None, None);
    let note = "the steps fill 18 windows".to_owned();
    lacking.why = vec![RowReason::Absent {
        side: Arm::Candidate,
        absent: 9,
        runs: 10,
        of_other: (0, 10),
        note,
        unsaid: false,
    }];
    let text = report(&of(vec![lacking.clone()])).text(200);
    assert!(text.contains("more runs do not help") && !text.contains("--blocks"), "{text}");
    let both = of(vec![lacking, row(RowVerdict::Inconclusive, "cnn", figure)]);
    let text = report(&both).text(200);
    assert!(text.contains("1 row inconclusive: ") && text.contains("in 1 row; more"), "{text}");
}

#[test]
fn what_is_to_be_done_is_what_the_row_itself_asks_for() {
    let figure = ("train", "train.throughput_p75");
    let stored = |why: RowReason| {
        let mut one = row(RowVerdict::Inconclusive, "mlp", figure);
        one.why = vec![RowReason::Open { floor: 0.05, alone: false }, why];
        let mut judgement = of(vec![one]);
        judgement.design = Design::Stored { baseline_sessions: 8 };
        let text = report(&judgement).text(100_000);
        let to_do = text.lines().find(|line| line.starts_with("to do: ")).map(str::to_owned);
        to_do.unwrap_or_default()
    };
    for (why, says, never) in [
        (
            RowReason::MoreSessions { other_days: true },
            "more stored sessions of other days (`perftune baseline add`) may settle it",
            "more runs a side",
        ),
        (
            RowReason::MoreSessions { other_days: false },
            "more stored sessions (`perftune baseline add`) may settle it",
            "--repeat",
        ),
        (RowReason::RunsTellNothing, "more runs do not", "--repeat"),
        (RowReason::OneHasIt, "more stored sessions", "--repeat"),
        (RowReason::NearFloor, "a floor outside of the interval", "--repeat"),
        (
            RowReason::MoreRuns { least: 8, most: Some(31) },
            "about 8 to 40 more runs",
            "not known yet",
        ),
        (RowReason::MoreRuns { least: 24, most: Some(5500) }, "at least 20 more runs", "6000"),
        (
            RowReason::MoreRuns { least: 24, most: None },
            "how many is not known yet. Longer runs, a quieter machine or",
            " to 60",
        ),
        (RowReason::Untestable { of: crate::gate::reason::Tested::Runs }, "", "to do"),
    ] {
        let to_do = stored(why.clone());
        assert!(to_do.contains(says) && !to_do.contains(never), "{why:?}: {to_do}");
    }
}

#[test]
fn a_suspicion_says_why_it_is_no_more_than_that() {
    let figure = ("train", "train.throughput_p75");
    let mut one = row(RowVerdict::Suspect, "mlp", figure);
    let narrow = crate::gate::reason::Narrow { sessions: 8, dated: true };
    one.why = vec![RowReason::SuspectAtMost { since: Box::new(RowReason::Narrow(narrow)) }];
    let mut judgement = of(vec![one.clone(), one]);
    judgement.design = Design::Stored { baseline_sessions: 8 };
    let text = report(&judgement).text(100_000);
    let to_do = text.lines().find(|line| line.starts_with("to do: ")).unwrap();
    assert_eq!(to_do.matches("the 8 stored sessions span less than two days").count(), 1, "{text}");
    assert!(!to_do.contains("few sessions"), "{to_do}");
}

#[test]
fn other_machines_are_told_by_field() {
    let mut judgement =
        with(&[[RowVerdict::Incomparable; 3].as_slice(), &[RowVerdict::Info]].concat());
    judgement.environment = vec![difference("cpu.model", true), difference("kernel", false)];
    let report = report(&judgement);
    insta::assert_snapshot!("incomparable_text", report.text(80));
    insta::assert_snapshot!("incomparable_annotations", report.annotations());
    assert!(report.markdown().contains("| cpu.model | 6.1 | 6.8 |"));
    assert!(report.junit().contains("name=\"environment cpu.model\""));
}

#[test]
fn the_json_is_the_judgement() {
    let judgement = mixed();
    let bytes = report(&judgement).json().unwrap();
    assert!(bytes.ends_with(b"}\n"));
    let back: Judgement = serde_json::from_slice(&bytes).unwrap();
    assert_eq!(back, judgement);
}

#[test]
fn no_failing_row_is_left_out_and_the_others_are_counted() {
    let mut rows = Vec::new();
    for at in 0..200 {
        let figure = ("train", "train.step_latency_p25");
        rows.push(row(RowVerdict::Regressed, &format!("bad-{at}"), figure));
        rows.push(row(RowVerdict::Suspect, &format!("odd-{at}"), figure));
        rows.push(row(RowVerdict::Pass, &format!("good-{at}"), figure));
    }
    let judgement = of(rows);
    let report = report(&judgement);
    let (text, page) = (report.text(80), report.markdown());
    for at in 0..200 {
        for form in [&text, &page, &report.junit(), &report.annotations()] {
            assert!(
                form.contains(&format!("bad-{at} ")) || form.contains(&format!("bad-{at}\"")),
                "{at}: {form}"
            );
            assert!(form.contains(&format!("odd-{at}")), "{at}: {form}");
        }
    }
    assert!(text.contains("more rows: 190 pass"), "{text}");
    assert!(page.contains("And 180 more rows."), "{page}");
    // What GitHub refuses.
    assert!(page.len() < 65_536, "{}", page.len());
    let worst = page.find("bad-0").unwrap();
    assert!(worst < page.find("odd-0").unwrap() && worst < page.find("good-0").unwrap());
}

#[test]
fn lines_fit_and_rows_do_not_depend_on_the_width() {
    for judgement in [mixed(), with(&[RowVerdict::Inconclusive]), with(&[])] {
        for width in [60, 80, 120] {
            let text = report(&judgement).text(width);
            assert!(text.lines().all(|line| line.chars().count() <= width), "{width}:\n{text}");
            assert!(text.contains(&judgement.coverage.to_string()), "{text}");
        }
    }
}

#[test]
fn the_text_says_what_to_do() {
    let mut stored = with(&[RowVerdict::Suspect, RowVerdict::Unreachable]);
    stored.design = Design::Stored { baseline_sessions: 1 };
    stored.full_verdicts = false;
    let doubt = with(&[RowVerdict::Inconclusive, RowVerdict::Inconclusive, RowVerdict::Pass]);
    let stored_doubt = with(&[RowVerdict::Suspect, RowVerdict::Pass]);
    let mut few = with(&[RowVerdict::Inconclusive]);
    few.p_min = 0.125;
    let mut untested = few.clone();
    untested.p_min = 1.0;
    let mut gone = with(&[RowVerdict::Missing]);
    gone.rows[0].why = vec![RowReason::NoCell];
    let text = |judgement: &Judgement| {
        let text = report(judgement).text(80);
        text.split_whitespace().collect::<Vec<_>>().join(" ")
    };
    for (judgement, says) in [
        (&stored, "confirm with `perftune run GRID --against BASELINE`"),
        (
            &stored,
            "5 runs of each cell on each side (--repeat), or 7 blocks (--against) are enough",
        ),
        (&stored, "suspect at most"),
        (&with(&[RowVerdict::Inconclusive]), "about 8 to 40 more runs a side may settle it"),
        (&gone, "`retired`"),
        (&few, "10 blocks: too few for any to be called worse"),
        (&untested, "10 blocks: no row could be tested"),
        (&with(&[RowVerdict::Incomparable]), "keep manifest.json beside the CSV files"),
        (
            &doubt,
            "in doubt: 1 of 3 rows could be judged, and none of them has regressed; 2 could not be judged and may be worse",
        ),
        (
            &doubt,
            "; that does not fail, unless --on-inconclusive=fail makes it exit code 6 (exit code 0)",
        ),
        (&stored_doubt, "in doubt: 2 of 2 rows could be judged, of them 1 suspect; that does not"),
        (&with(&[RowVerdict::Pass]), "no regression: no row is worse by its floor (exit code 0)"),
    ] {
        let text = text(judgement);
        assert!(text.contains(says), "{says}:\n{text}");
    }
}

/// `JUnit` counts that a server reads: failures, errors, skipped of the whole document.
fn tally(document: &str) -> [usize; 3] {
    let head = document.lines().nth(1).unwrap();
    ["failures", "errors", "skipped"].map(|name| {
        let (_, rest) = head.split_once(&format!("{name}=\"")).unwrap();
        rest.split('"').next().unwrap().parse().unwrap()
    })
}

#[test]
fn a_server_that_counts_cases_comes_to_the_end_of_the_exit_code() {
    use RowVerdict::{
        Failed, Improved, Incomparable, Inconclusive, Info, Missing, New, Pass, Regressed, Suspect,
        Unreachable,
    };
    let all = [
        Incomparable,
        Failed,
        Missing,
        Regressed,
        Suspect,
        Unreachable,
        Inconclusive,
        New,
        Improved,
        Pass,
        Info,
    ];
    for verdicts in all.map(|verdict| vec![verdict]).into_iter().chain([
        vec![],
        vec![Pass, Suspect],
        all.to_vec(),
    ]) {
        let judgement = with(&verdicts);
        for report in [report(&judgement), strict(&judgement)] {
            let document = report.junit();
            let [failures, errors, _] = tally(&document);
            let red = failures + errors > 0;
            assert_eq!(red, report.exit_code() != 0, "{verdicts:?}\n{document}");
            let elements =
                document.matches("<failure ").count() + document.matches("<error ").count();
            assert_eq!(elements, failures + errors, "{document}");
            well_formed(&document).unwrap();
        }
    }
}

/// Whether every element that begins ends, no character is one that XML forbids, and no sign of markup stands in a value.
fn well_formed(document: &str) -> Result<(), String> {
    let body =
        document.strip_prefix("<?xml version=\"1.0\" encoding=\"UTF-8\"?>").ok_or("no head")?;
    let mut open: Vec<String> = Vec::new();
    let mut rest = body;
    while let Some(at) = rest.find('<') {
        text_is_plain(&rest[..at])?;
        let end = at + rest[at..].find('>').ok_or("a tag does not end")?;
        let tag = &rest[at + 1..end];
        if let Some(name) = tag.strip_prefix('/') {
            let expected = open.pop();
            if expected.as_deref() != Some(name) {
                return Err(format!("{name} ends and {expected:?} is open"));
            }
        } else {
            let name = tag.split([' ', '/']).next().unwrap_or_default();
            for (at, part) in tag.trim_end_matches('/').split('"').enumerate() {
                match at % 2 {
                    0 if part.contains('&') => return Err(format!("markup in a tag: {tag}")),
                    0 => {}
                    _ => text_is_plain(part)?,
                }
            }
            if !tag.ends_with('/') {
                open.push(name.to_owned());
            }
        }
        rest = &rest[end + 1..];
    }
    match open.pop() {
        Some(name) => Err(format!("{name} is not closed")),
        None => Ok(()),
    }
}

fn text_is_plain(text: &str) -> Result<(), String> {
    let allowed = |c: char| matches!(c, '\t' | '\n' | '\r' | '\u{20}'..='\u{fffd}' | '\u{10000}'..);
    if !text.chars().all(allowed) || text.contains('<') {
        return Err(format!("{text:?} must not stand in XML"));
    }
    for piece in text.split('&').skip(1) {
        let name = piece.split(';').next().unwrap_or_default();
        let known = ["amp", "lt", "gt", "quot", "apos", "#9", "#10", "#13"].contains(&name);
        if !known || !piece.contains(';') {
            return Err(format!("& without its name in {text:?}"));
        }
    }
    Ok(())
}

#[test]
fn a_change_says_what_it_is_the_middle_of_and_its_power_once() {
    let mut judgement = with(&[RowVerdict::Inconclusive]);
    for (design, change) in [
        (Design::Paired { sessions: 1, blocks: 10 }, "+3.0% paired; "),
        (Design::Stored { baseline_sessions: 1 }, "+3.0% over all pairs of runs; "),
        (Design::Stored { baseline_sessions: 4 }, "+3.0% over all sessions, each counted once; "),
    ] {
        judgement.design = design;
        let said = evidence(&judgement.rows[0], &judgement.design);
        assert!(said.contains(change), "{said}");
        let power = "; 5% worse is neither shown nor excluded; a change of 8.1% could be detected; about 8 to 40 more runs a side would decide it";
        assert!(said.ends_with(power), "{said}");
        assert_eq!(said.matches("could be detected").count(), 1, "{said}");
    }
}

#[test]
fn figures_have_one_name() {
    for (phase, metric, name) in [
        ("train", "train.step_latency_p25", "train.step_latency_p25"),
        ("serve[1]", "serve.latency_p50", "serve[1].latency_p50"),
        ("run", "memory.peak", "memory.peak"),
        ("serve[32]", "cpu.utilisation", "serve[32] cpu.utilisation"),
        ("train", "cpu.utilisation", "train cpu.utilisation"),
        ("run", "tokens", "tokens"),
        ("*", "*", "(whole cell)"),
    ] {
        assert_eq!(figure(&row(RowVerdict::Pass, "c", (phase, metric))), name);
    }
}

/// The units of the table and the page, and those that a file of another program names.
#[test]
fn figures_have_the_units_of_the_table() {
    for (unit, value, text) in [
        ("percent", 12.0, "12.0%"),
        ("J", 4500.0, "4.50 kJ"),
        ("g", 0.0123, "12.3 mg"),
        ("MiB", 2048.0, "2.00 GiB"),
        ("ratio", 0.88, "0.88"),
        ("tokens", 1234.0, "1234 tokens"),
    ] {
        assert_eq!(quantity(unit, Some(value)), text);
    }
    for unit in Unit::ALL {
        assert_eq!(quantity(unit.name(), Some(1234.5)), unit.show(1234.5));
    }
    assert_eq!(quantity("s", None), "");
}

#[test]
fn shares_have_a_sign_and_no_probability_is_0() {
    for (share, text) in [
        (0.1214, "+12.1%"),
        (-0.0004, "+0.0%"),
        (-0.5, "-50.0%"),
        (2.0, "+200%"),
        (0.9999, "+100%"),
        (f64::INFINITY, "+inf%"),
    ] {
        assert_eq!(change(Some(share)), text);
    }
    assert_eq!(change(None), "");
    assert_eq!(probability(Some(0.0)), "< 0.0001");
    assert_eq!(probability(Some(0.003_41)), "0.0034");
    let mut row = row(RowVerdict::Pass, "c", ("train", "train.step_latency_p25"));
    (row.low, row.high) = (None, Some(0.03));
    assert_eq!(interval(&row), "? to +3.0%");
}

/// A judgement in which every foreign text is this one.
fn foreign(text: &str) -> Judgement {
    let mut judgement = mixed();
    for row in &mut judgement.rows {
        text.clone_into(&mut row.cell);
        row.why = vec![RowReason::NotMeasured { note: text.to_owned() }];
    }
    (judgement.baseline, judgement.candidate) = (text.to_owned(), text.to_owned());
    judgement.notes = vec![GateNote::OfSide { side: text.to_owned(), said: text.to_owned() }];
    let mut field = difference("cpu.model", true);
    text.clone_into(&mut field.baseline);
    judgement.environment.push(field);
    judgement
}

#[test]
fn no_foreign_text_becomes_markup_or_a_command() {
    let nasty = "a<b>&\"'\u{1b}[2J::error::x%0Aq\r\n::stop-commands::y|z@me`\u{0}";
    let judgement = foreign(nasty);
    let report = report(&judgement);
    well_formed(&report.junit()).unwrap();
    let commands = report.annotations();
    assert!(
        commands.lines().all(|line| {
            let level = ["::error title=", "::warning title=", "::notice title="];
            level.iter().any(|start| line.starts_with(start))
        }),
        "{commands}"
    );
    assert!(commands.contains("x%250Aq"), "{commands}");
    let page = report.markdown();
    // Between backquotes nothing is markup.
    let outside: String = page.split('`').step_by(2).collect();
    assert!(!outside.contains("<b>") && !outside.contains("z@me"), "{page}");
    let text = report.text(80);
    assert!(!text.contains('\u{1b}') && !text.contains('\u{0}'), "{text:?}");
}

proptest! {
    #[test]
    fn junit_is_well_formed_whatever_the_names(text in "\\PC{0,20}|[\\x00-\\x7f]{0,20}") {
        let judgement = foreign(&text);
        let found = well_formed(&report(&judgement).junit());
        prop_assert!(found.is_ok(), "{:?}", found);
    }

    #[test]
    fn an_annotation_is_one_line(text in "[\\x00-\\x7f]{0,20}") {
        let judgement = foreign(&text);
        let lines = report(&judgement).annotations();
        let mut expected = String::new();
        for line in lines.lines() {
            prop_assert!(line.starts_with("::"), "{}", lines);
            let _ = writeln!(expected, "{line}");
        }
        prop_assert_eq!(lines, expected);
    }
}
