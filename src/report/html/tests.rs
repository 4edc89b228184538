//! The page as a whole: well-formed, nobody else's, and nothing that a name or a message could do to it.

use std::fmt::Write;

use super::*;
use crate::event::{Feasibility, Goal, Stage};
use crate::report::fixtures::{all_kinds, completed, judged, record};

fn head() -> Head {
    Head {
        name: "three-by-three".to_owned(),
        created: "2026-11-23T07:25:15.824497617Z".to_owned(),
        version: "0.1.0".to_owned(),
        machine: "Linux, 2 of 2 cores usable".to_owned(),
        missing: vec!["cnn-digits".to_owned()],
    }
}

fn limit(metric: &str, sign: &str, value: f64) -> Limit {
    Limit {
        metric: metric.to_owned(),
        sign: sign.to_owned(),
        upper: sign.starts_with('<'),
        value,
        of_some: false,
    }
}

fn short_series() -> RunSeries {
    let mut series = RunSeries {
        end_s: 3.25,
        stages: [
            (Stage::Load, 0.0, 0.5),
            (Stage::Serve(1), 0.5, 1.5),
            (Stage::Train, 1.5, 3.0),
        ]
        .map(|(stage, from_s, to_s)| StageSpan {
            stage,
            from_s,
            to_s,
            warm_up_s: (stage == Stage::Train).then_some(1.75),
        })
        .to_vec(),
        asked_s: vec![1.5],
        stop: Some((3.0, "budget".to_owned())),
        ..RunSeries::default()
    };
    for i in 0..20_u32 {
        let t_s = 0.5 + f64::from(i) * 0.125;
        series.throughput.push(t_s, 1e5 + f64::from(i));
        series.memory.push(t_s, 2e8 + f64::from(i % 3) * 1e6);
    }
    series
}

fn shown(records: &[RunRecord]) -> SeriesOfRuns {
    let series = records.iter().map(|record| {
        let series = match record.run.as_str() {
            "resnet-digits" => Err("its log is torn".to_owned()),
            _ => Ok(short_series()),
        };
        (record.run.clone(), series)
    });
    SeriesOfRuns::Shown(series.collect())
}

fn page(records: &[RunRecord], limits: &[Limit], series: &SeriesOfRuns) -> String {
    let page = Page {
        head: &head(),
        records,
        summary: &[],
        limits,
        objectives: &[],
        front: &[],
        series,
    };
    String::from_utf8(document(&page).unwrap()).unwrap()
}

fn verdicts() -> Vec<RunRecord> {
    let mut records = all_kinds();
    let of = [
        Feasibility::Feasible,
        Feasibility::Infeasible,
        Feasibility::Undecided,
    ];
    for (record, verdict) in records.iter_mut().zip(of.into_iter().cycle()) {
        *record = judged(
            record.clone(),
            verdict,
            "memory.peak <= 512 MiB is what it is",
        );
    }
    records
}

/// The elements of a page as lines, each with its depth, its attributes but for the coordinates of drawings, and without what
/// stands inside drawings, the style sheet and text. Panics where an element is not closed by its own end.
fn skeleton(page: &str) -> String {
    const EMPTY: [&str; 1] = ["meta"];
    let mut open: Vec<String> = Vec::new();
    let mut lines = String::new();
    let mut rest = page.strip_prefix("<!DOCTYPE html>\n").unwrap();
    while let Some((_, after)) = rest.split_once('<') {
        let (tag, behind) = after.split_once('>').unwrap();
        rest = behind;
        if let Some(name) = tag.strip_prefix('/') {
            assert_eq!(open.pop().as_deref(), Some(name), "{lines}");
            continue;
        }
        let name = tag.split([' ', '/']).next().unwrap();
        if !open.iter().any(|name| name == "svg") {
            let depth = "  ".repeat(open.len());
            let _ = writeln!(lines, "{depth}{tag}");
        }
        if !tag.ends_with('/') && !EMPTY.contains(&name) {
            open.push(name.to_owned());
        }
    }
    assert!(open.is_empty(), "{open:?}");
    lines
}

#[test]
fn the_page_has_the_shape_that_was_promised() {
    let mut records = vec![completed(), all_kinds().remove(4)];
    records[0] = judged(records[0].clone(), Feasibility::Feasible, "all are kept");
    let page = page(
        &records,
        &[limit("memory.peak", "<=", 5e8)],
        &shown(&records),
    );
    insta::assert_snapshot!("html_skeleton", skeleton(&page));
}

#[test]
fn every_kind_of_run_is_shown_and_nothing_comes_from_elsewhere() {
    let records = verdicts();
    let limits = [
        limit("serve.latency_p99", "<=", 1e-3),
        limit("train.throughput", ">=", 5e4),
    ];
    let page = page(&records, &limits, &shown(&records));
    skeleton(&page);
    for record in &records {
        assert!(page.contains(&record.run), "{}", record.run);
    }
    for says in [
        "2 feasible",
        "killed in train: the worker was killed by signal 9 (SIGKILL), probably for want of memory",
        "no time series: its log is torn",
        "Not run: cnn-digits",
        "serve.latency_p99 of the worst request size",
        "&lt;= 1.00 ms",
        "not trained to the end",
        "2026-11-23 07:25:15 UTC",
    ] {
        let text = page.replace("<b>", "").replace("</b>", "");
        assert!(text.contains(says), "{says}");
    }
    for foreign in [
        "http:",
        "https:",
        "//",
        "<script",
        "<link",
        "<img",
        "@import",
        "url(",
        "javascript",
    ] {
        assert!(!page.contains(foreign), "{foreign}");
    }
}

#[test]
fn what_users_write_stays_text() {
    let evil = "<script>alert('1')</script>\"&amp;\u{0}<svg onload=x>";
    let mut records = verdicts();
    for record in &mut records {
        evil.clone_into(&mut record.job.model.name);
        evil.clone_into(&mut record.job.dataset);
        evil.clone_into(&mut record.run);
        evil.clone_into(&mut record.stop.detail);
        record.warnings = vec![evil.to_owned()];
        record.facts = [(evil.to_owned(), evil.to_owned())].into();
        for row in &mut record.metrics {
            evil.clone_into(&mut row.note);
        }
        if let Some(failure) = &mut record.failure {
            evil.clone_into(&mut failure.message);
        }
        if let Some(verdict) = &mut record.verdict {
            evil.clone_into(&mut verdict.reason);
        }
    }
    let series = SeriesOfRuns::Shown([(evil.to_owned(), Ok(short_series()))].into());
    let head = Head {
        name: evil.to_owned(),
        created: evil.to_owned(),
        version: evil.to_owned(),
        machine: evil.to_owned(),
        missing: vec![evil.to_owned()],
    };
    let page = Page {
        head: &head,
        records: &records,
        summary: &[],
        limits: &[limit("memory.peak", evil, 3e8)],
        objectives: &[],
        front: &[],
        series: &series,
    };
    let page = String::from_utf8(document(&page).unwrap()).unwrap();
    skeleton(&page);
    assert!(!page.contains("<script") && !page.contains("<svg onload") && !page.contains('\0'));
    // It is all there, as text.
    assert!(page.matches("&lt;script&gt;alert").count() > 4 * records.len());
}

#[test]
fn the_same_results_give_the_same_bytes() {
    let records = verdicts();
    let once = page(&records, &[], &shown(&records));
    assert_eq!(once, page(&records, &[], &shown(&records)));
}

#[test]
fn series_that_are_left_out_are_said_and_nothing_links_to_them() {
    let records = all_kinds();
    let why = "The time series of 81 runs would make this page too large";
    let page = page(&records, &[], &SeriesOfRuns::LeftOut(why.to_owned()));
    skeleton(&page);
    assert!(page.contains(why) && !page.contains("href="));
    // Without constraints there are no verdicts to speak of.
    assert!(!page.contains("feasible</td>") && !page.contains(">verdict<"));
}

#[test]
fn a_grid_of_which_nothing_has_run_is_a_page_all_the_same() {
    let page = page(&[], &[], &SeriesOfRuns::Shown(BTreeMap::new()));
    let shape = skeleton(&page);
    assert!(
        !shape.contains("table") && !shape.contains("svg"),
        "{shape}"
    );
}

#[test]
fn what_was_not_measured_has_its_reason_and_what_is_not_known_its_mark() {
    let mut record = record("mlp", "digits");
    let find = |record: &RunRecord, metric: &str| {
        record
            .metrics
            .iter()
            .position(|row| row.metric == metric)
            .unwrap()
    };
    let (rate, peak) = (
        find(&record, "train.throughput"),
        find(&record, "memory.peak"),
    );
    record.metrics[rate].plateaued = Some(false);
    record.metrics[peak].estimate = None;
    "unsupported: no /proc here".clone_into(&mut record.metrics[peak].note);
    let records = [record, completed()];
    let page = page(&records, &[], &shown(&records));
    assert!(
        page.contains("title=\"not measured: unsupported: no /proc here\">-</td>"),
        "{page}"
    );
    assert!(
        page.contains(">~98.1 <small>95.2 to 101</small></td>"),
        "{page}"
    );
    assert!(page.contains("not shown, for want of memory.peak: mlp-digits"));
}

#[test]
fn the_front_is_marked_in_the_table_and_in_the_plots() {
    let records = [completed(), record("cnn", "digits")];
    let series = SeriesOfRuns::LeftOut("none".to_owned());
    let objectives = [
        ("test_accuracy", Goal::Maximize),
        ("memory.peak", Goal::Minimize),
    ]
    .map(|(metric, goal)| Objective {
        metric: metric.to_owned(),
        goal,
    });
    let of = |front: &[String]| {
        let page = Page {
            head: &head(),
            records: &records,
            summary: &[],
            limits: &[],
            objectives: &objectives,
            front,
            series: &series,
        };
        String::from_utf8(document(&page).unwrap()).unwrap()
    };
    let (with, without) = (of(&["cnn-digits".to_owned()]), of(&[]));
    assert_eq!(with.matches("\u{2605} front").count(), 1);
    // One ring in the legend, one in the only plot.
    assert_eq!(with.matches("r=\"9\"").count(), 2);
    assert!(!without.contains("front") && !without.contains("r=\"9\""));
    assert!(with.contains("Objectives: maximize test_accuracy; minimize memory.peak"));
    assert!(with.contains("test_accuracy against memory.peak"));
}
