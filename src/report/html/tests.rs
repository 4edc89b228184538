//! The page as a whole: well-formed, nobody else's, and nothing that a name or a message could do to it.

use std::collections::BTreeMap;
use std::fmt::Write;

use super::*;
use crate::event::{
    Evidence, Feasibility, MetricRow, Objective, Pattern, Reason, Ruling, RunRecord, Stage,
    StopDetail, StopReason,
};
use crate::metric::{Better, MetricId};
use crate::report::fixtures::{
    all_kinds, compared, completed, front, judged, limited, of_peak, record,
};
use crate::report::summary::SummaryRow;
use crate::stats::Basis;

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
        metric: metric.into(),
        sign: sign.to_owned(),
        upper: sign.starts_with('<'),
        value,
        of_some: false,
    }
}

fn short_series() -> RunSeries {
    let mut series = RunSeries {
        end_s: 3.25,
        stages: [(Stage::Load, 0.0, 0.5), (Stage::Serve(1), 0.5, 1.5), (Stage::Train, 1.5, 3.0)]
            .map(|(stage, from_s, to_s)| StageSpan {
                stage,
                from_s,
                to_s,
                warm_up_s: (stage == Stage::Train).then_some(1.75),
            })
            .to_vec(),
        asked_s: vec![1.5],
        stop: Some((3.0, "completed".to_owned())),
        ..RunSeries::default()
    };
    for i in 0..20_u32 {
        let t_s = 0.5 + f64::from(i) * 0.125;
        series.throughput.push(t_s, 1e5 + f64::from(i));
        series
            .sampled
            .entry(MetricId::MemoryRssMean)
            .or_default()
            .push(t_s, 2e8 + f64::from(i % 3) * 1e6);
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
        front: None,
        effects: None,
        found: None,
        course: None,
        series,
    };
    String::from_utf8(document(&page).unwrap()).unwrap()
}

fn verdicts() -> Vec<RunRecord> {
    let mut records = all_kinds();
    let of = [Feasibility::Feasible, Feasibility::Infeasible, Feasibility::Undecided];
    for (record, verdict) in records.iter_mut().zip(of.into_iter().cycle()) {
        *record = judged(record.clone(), verdict, vec![of_peak(5e8)]);
    }
    records
}

/// The elements of a page as lines, each with its depth, its attributes but for the coordinates of drawings, and without what
/// stands inside drawings, the style sheet and text. Panics where an element is not closed by its own end.
fn skeleton(page: &str) -> String {
    const EMPTY: [&str; 1] = ["meta"];
    let mut open: Vec<String> = Vec::new();
    let mut lines = String::new();
    let page = page.replace(SCRIPT, "");
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
    records[0] = judged(records[0].clone(), Feasibility::Feasible, vec![of_peak(5e8)]);
    let page = page(&records, &[limit("memory.peak", "<=", 5e8)], &shown(&records));
    insta::assert_snapshot!("html_skeleton", skeleton(&page));
}

#[test]
fn every_kind_of_run_is_shown_and_nothing_comes_from_elsewhere() {
    let records = verdicts();
    let limits = [limit("serve.latency_p99", "<=", 1e-3), limit("train.throughput", ">=", 5e4)];
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
        "src=",
        "<link",
        "<img",
        "@import",
        "url(",
        "javascript",
        " onload=",
        " onclick=",
    ] {
        assert!(!tags(&page).contains(foreign), "{foreign}");
    }
    assert_eq!(page.matches("<script").count(), 1);
}

/// What stands between angle brackets.
fn tags(page: &str) -> String {
    page.split('<').skip(1).filter_map(|after| Some(after.split_once('>')?.0)).collect()
}

#[test]
fn what_users_write_stays_text() {
    let evil = "<script>alert('1')</script>\"&amp;\u{0}<svg onload=x>";
    let mut records = verdicts();
    for record in &mut records {
        evil.clone_into(&mut record.job.model.name);
        evil.clone_into(&mut record.job.dataset);
        evil.clone_into(&mut record.run);
        record.stop.detail = StopDetail::Failed { message: evil.to_owned() };
        record.warnings = vec![evil.to_owned()];
        record.facts = [(evil.to_owned(), evil.to_owned())].into();
        for row in &mut record.metrics {
            row.notes = vec![Reason::from(evil).into()];
        }
        if let Some(failure) = &mut record.failure {
            evil.clone_into(&mut failure.message);
        }
        if let Some(verdict) = &mut record.verdict {
            let why =
                Evidence::Rate { low: None, high: None, confidence: None, why: evil.to_owned() };
            verdict.findings = vec![limited("serve.max_rate", 1.0, Ruling::Open, why)];
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
        front: None,
        effects: None,
        found: None,
        course: None,
        series: &series,
    };
    let page = String::from_utf8(document(&page).unwrap()).unwrap();
    skeleton(&page);
    assert_eq!(page.matches("<script").count(), 1);
    assert!(!page.contains("<svg onload") && !page.contains('\0'));
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
    assert!(!shape.contains("table") && !shape.contains("svg"), "{shape}");
}

#[test]
fn what_was_not_measured_has_its_reason_and_what_is_not_known_its_mark() {
    let mut record = record("mlp", "digits");
    let find = |record: &RunRecord, metric: &str| {
        record.metrics.iter().position(|row| row.metric == metric).unwrap()
    };
    let (rate, peak) = (find(&record, "train.throughput"), find(&record, "memory.peak"));
    record.metrics[rate].known = Some(false);
    record.metrics[peak].estimate = None;
    record.metrics[peak].notes = vec![Reason::unsupported("no /proc here").into()];
    let records = [record, completed()];
    let page = page(&records, &[], &shown(&records));
    assert!(page.contains("title=\"not measured: unsupported: no /proc here\">-</td>"), "{page}");
    assert!(page.contains(">~98.1 <small>95.2 to 101</small></td>"), "{page}");
    assert!(page.contains("not shown, without memory.peak: mlp-digits"));
}

fn with_front(records: &[RunRecord], summary: &[SummaryRow], front: &FrontReport) -> String {
    let page = Page {
        head: &head(),
        records,
        summary,
        limits: &[],
        front: Some(front),
        effects: None,
        found: None,
        course: None,
        series: &SeriesOfRuns::LeftOut("none".to_owned()),
    };
    String::from_utf8(document(&page).unwrap()).unwrap()
}

/// The part of a page under this heading.
fn part<'a>(page: &'a str, heading: &str) -> &'a str {
    let (_, after) = page.split_once(&format!("<h2>{heading}</h2>")).unwrap();
    after.split("</section>").next().unwrap()
}

#[test]
fn what_cells_are_compared_by_has_a_column() {
    let records = compared();
    let mut front = front();
    let has = |front: &FrontReport| {
        let page = with_front(&records, &[], front);
        part(&page, "Runs and what they cost").contains("cpu.time: ")
    };
    assert!(!has(&front));
    front.objectives[0].metric = "cpu.time".into();
    assert!(has(&front));
    let closing = crate::report::closing::Closing { front: Some(&front), ..Default::default() };
    for width in [60, 80] {
        let table = crate::report::table::summary(&records, &closing, width);
        assert!(table.contains("6.06"), "{width}\n{table}");
    }
}

#[test]
fn the_front_is_marked_in_the_table_and_in_the_plots() {
    let page = with_front(&compared(), &[], &front());
    skeleton(&page);
    assert_eq!(part(&page, "Runs and what they cost").matches("\u{2605} front").count(), 2);
    // One ring in the legend, two in each of three plots.
    assert_eq!(page.matches("r=\"9\"").count(), 7);
    assert!(
        page.contains("Objectives: maximize test_accuracy, serve.throughput; minimize memory.peak")
    );
    assert!(page.contains("test_accuracy against memory.peak"));
    assert!(page.contains("; 2 cells on the front"), "{page}");
    let without = self::page(&compared(), &[], &SeriesOfRuns::LeftOut(String::new()));
    assert!(!without.contains("front") && !without.contains("r=\"9\""));
}

#[test]
fn what_was_compared_has_its_figures_its_ties_and_its_reasons() {
    let page = with_front(&compared(), &[], &front());
    let text = part(&page, "Which cells are worth having");
    for says in [
        ">mlp-digits</th><td>digits</td><td>\u{2605} front</td>",
        ">0.978 <small>0.957 to 0.989</small></td>",
        ">151 <small>146 to 156</small></td>",
        "by 360 test samples\">0.978",
        ">231 <small>219 to 243</small></td>",
        ">tied with cnn-digits in test_accuracy and memory.peak</td>",
        ">resnet-digits</th><td>digits</td><td>dominated</td>",
        ">cnn-digits is better in serve.throughput</td>",
        ">resnet-fashion-mnist</th><td>fashion-mnist</td><td>not compared</td>",
        ">test_accuracy: not trained to the end</td>",
        "memory.peak taken as \u{b1}5%, one run.",
    ] {
        assert!(text.contains(says), "{says}\n{text}");
    }
    // The cell that breaks a constraint was not to be compared.
    assert!(!text.contains("cnn-fashion-mnist"), "{text}");
}

/// The heights of the upright and the widths of the level bars of a page, in pixels.
fn bars(page: &str) -> (Vec<i32>, Vec<i32>) {
    let (mut upright, mut level) = (Vec::new(), Vec::new());
    let lines = page.split("<polyline ").skip(1);
    let of_intervals = lines.filter(|line| line.contains("stroke=\"#6B7280\""));
    for line in of_intervals {
        let points = line.split("points=\"").nth(1).unwrap();
        let points = points.split('"').next().unwrap();
        let places: Vec<(i32, i32)> = points
            .split_whitespace()
            .map(|place| {
                let (x, y) = place.split_once(',').unwrap();
                (x.parse().unwrap(), y.parse().unwrap())
            })
            .collect();
        let [(x, y), (to_x, to_y)] = places[..] else {
            continue;
        };
        if x == to_x {
            upright.push((y - to_y).abs());
        } else if y == to_y {
            level.push((x - to_x).abs());
        }
    }
    (upright, level)
}

/// A page with the one plot of two objectives, accuracy against peak.
fn one_plot(records: &[RunRecord], summary: &[SummaryRow], front: &FrontReport) -> String {
    let mut front = front.clone();
    front.objectives.remove(1);
    for cell in &mut front.cells {
        if !cell.figures.is_empty() {
            cell.figures.remove(1);
        }
    }
    let page = with_front(records, summary, &front);
    part(&page, "Trade-offs").split("</figure>").next().unwrap().to_owned()
}

#[test]
fn what_the_front_was_decided_by_is_what_is_drawn() {
    let records = compared();
    // Neither an accuracy nor a peak has an interval within its run.
    let exact = {
        let mut front = front();
        for figure in front.cells.iter_mut().flat_map(|cell| &mut cell.figures) {
            (figure.low, figure.high) = (Some(figure.estimate), Some(figure.estimate));
        }
        one_plot(&records[..3], &[], &front)
    };
    let drawn = one_plot(&records[..3], &[], &front());
    let tall = |page: &str| {
        let (upright, level) = bars(page);
        let long =
            |bars: Vec<i32>| bars.into_iter().filter(|length| (20..250).contains(length)).count();
        (long(upright), long(level))
    };
    assert_eq!(tall(&exact), (0, 0), "{exact}");
    assert_eq!(tall(&drawn), (3, 3), "{drawn}");
}

#[test]
fn a_cell_over_its_repeats_is_one_point_with_the_interval_between_them() {
    let mut records = Vec::new();
    for repeat in 1..=3 {
        for mut record in compared().into_iter().take(2) {
            record.repeat = repeat;
            record.run = format!("{}-r{repeat}", record.cell);
            records.push(record);
        }
    }
    let row = |cell: &str, metric: &str, mean: f64| SummaryRow {
        cell: cell.to_owned(),
        metric: metric.into(),
        phase: "run".to_owned(),
        unit: crate::metric::find(metric).unwrap().unit,
        runs: 3,
        mean: Some(mean),
        low: Some(mean * 0.9),
        high: Some(mean * 1.1),
        confidence: 0.95,
        known: None,
        interval: Some(Basis::Between),
        note: String::new(),
    };
    let summary = [row("mlp-digits", "memory.peak", 2.5e8), row("cnn-digits", "memory.peak", 3e8)];
    // Two marks in the plot, each with its ring, whatever the number of the runs.
    let compared = one_plot(&records, &summary, &front());
    assert!(compared.contains("A scatter plot of 2 cells."), "{compared}");
    let (_, plot) = compared.split_once("<svg viewBox=\"0 0 480").unwrap();
    assert_eq!(plot.matches("r=\"9\"").count(), 2);
    // The same where no front was asked for: the peaks are known to 10% between the runs.
    let page = Page {
        head: &head(),
        records: &records,
        summary: &summary,
        limits: &[],
        front: None,
        effects: None,
        found: None,
        course: None,
        series: &SeriesOfRuns::LeftOut("none".to_owned()),
    };
    let page = String::from_utf8(document(&page).unwrap()).unwrap();
    let plots = part(&page, "Trade-offs");
    assert_eq!(plots.matches("A scatter plot of 2 cells.").count(), 2);
    let peaks = plots.split("</figure>").nth(1).unwrap();
    let wide = bars(peaks).1.into_iter().filter(|length| (60..350).contains(length));
    assert_eq!(wide.count(), 2, "{peaks}");
    assert!(plots.contains("Each point is a cell at the mean of its runs."), "{plots}");
}

#[test]
fn trade_offs_that_are_left_out_are_counted() {
    let mut many = front();
    many.objectives = crate::metric::CATALOGUE[..5]
        .iter()
        .map(|metric| Objective { metric: metric.id.into(), better: Better::Lower })
        .collect();
    for cell in &mut many.cells {
        cell.figures.clear();
    }
    let says = "4 more trade-offs between these objectives are not drawn.";
    let page = with_front(&compared(), &[], &many);
    assert!(page.contains(says), "{page}");
    assert!(!with_front(&compared(), &[], &front()).contains("are not drawn"));
}

#[test]
fn the_load_is_a_column_and_what_is_open_is_marked_as_in_the_terminal() {
    let mut served = completed();
    let serve = served.job.serve.as_mut().unwrap();
    serve.pattern = Pattern::Server { rate_per_s: Some(200.0) };
    let widest = |row: &mut MetricRow| (row.low, row.high) = (Some(1e-4), Some(9e-4));
    let p99 = |row: &&mut MetricRow| row.metric == "serve.latency_p99";
    served.metrics.iter_mut().filter(p99).for_each(widest);
    let mut rate = served.metric("serve[1]", "serve.throughput").unwrap().clone();
    rate.metric = "serve.max_rate".into();
    (rate.estimate, rate.low, rate.high, rate.known) = (Some(640.0), Some(600.0), None, None);
    served.metrics.push(rate);
    let records = [served];
    let page = page(&records, &[], &shown(&records));
    assert!(page.contains("<th scope=\"col\">pattern</th>"), "{page}");
    assert!(page.contains("<td>server 200/s</td>"), "{page}");
    assert!(page.contains(">~190 <small>100 to 900</small></td>"), "{page}");
    assert!(page.contains(">~640 <small>at least 600</small></td>"), "{page}");
}

#[test]
fn what_early_ends_have_spared_stands_in_the_head() {
    let mut early = completed();
    (early.stop.reason, early.epochs) = (StopReason::Infeasible, 0);
    early.saved_s_at_least = Some(240.9);
    let records = [early];
    let page = page(&records, &[], &shown(&records));
    let says = "<p>1 infeasible run ended early; at least 4 min 00 s of training were saved</p>";
    assert!(page.contains(says), "{page}");
}
