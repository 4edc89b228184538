use super::*;
use crate::app::summary::{Asked, summaries};
use crate::event::{MetricRow, Note, Reason, RunVerdict, StopReason};
use crate::metric::MetricId;
use crate::report::fixtures::{completed, failed, record};
use crate::store::DataRows;

fn objectives() -> Vec<Objective> {
    [
        ("test_accuracy", Better::Higher),
        ("serve.throughput", Better::Higher),
        ("memory.peak", Better::Lower),
    ]
    .map(|(metric, better)| Objective { metric: metric.into(), better })
    .into()
}

/// A run with these figures, the rate known to 3%.
fn run(model: &str, (accuracy, rate, peak): (f64, f64, f64)) -> RunRecord {
    let mut record = record(model, "digits");
    for row in &mut record.metrics {
        let value = match (row.metric.as_str(), row.phase.as_str()) {
            ("test_accuracy", _) => accuracy,
            ("serve.throughput", "serve[32]") => rate,
            ("memory.peak", _) => peak,
            _ => continue,
        };
        row.estimate = Some(value);
        row.low = row.low.map(|_| value * 0.97);
        row.high = row.high.map(|_| value * 1.03);
    }
    record
}

fn three() -> Vec<RunRecord> {
    vec![
        run("mlp", (0.978, 151_000.0, 135e6)),
        run("cnn", (0.989, 22_800.0, 151e6)),
        run("resnet", (0.983, 8710.0, 159e6)),
    ]
}

fn front(records: &[RunRecord], rows: Option<u64>) -> FrontReport {
    by(&objectives(), records, rows)
}

fn by(objectives: &[Objective], records: &[RunRecord], rows: Option<u64>) -> FrontReport {
    let summary = summaries(records, &Asked::default());
    let rows = rows.map(|test| ("digits".to_owned(), DataRows { train: 1437, test, sha256: None }));
    let comparison = Comparison {
        objectives,
        summary: indexed(&summary),
        rows: &rows.into_iter().collect(),
        within: &Asked::default(),
    };
    comparison.front(records)
}

fn marks(front: &FrontReport) -> Vec<Mark> {
    front.cells.iter().map(|cell| cell.mark).collect()
}

#[test]
fn cells_are_compared_and_ties_are_said() {
    let found = front(&three(), Some(360));
    assert_eq!(marks(&found), [Mark::Front, Mark::Front, Mark::Dominated]);
    let [mlp, cnn, resnet] = &found.cells[..] else {
        panic!("{found:?}");
    };
    let tie = |with: &str| Tie { with: with.to_owned(), metrics: vec!["test_accuracy".into()] };
    assert_eq!(mlp.ties, [tie("cnn-digits")]);
    assert_eq!(mlp.more_ties, 0);
    assert_eq!(cnn.ties, [tie("mlp-digits")]);
    let by = resnet.dominated_by.as_ref().unwrap();
    assert_eq!(by.cell, "cnn-digits");
    // Less accurate and larger too, but not for certain.
    assert_eq!(by.metrics, ["serve.throughput"]);
}

#[test]
fn every_interval_says_what_it_is() {
    let found = front(&three(), Some(360));
    let [accuracy, rate, peak] = &found.cells[0].figures[..] else {
        panic!("{found:?}");
    };
    assert_eq!(accuracy.interval, "by 360 test samples");
    let (low, high) = (accuracy.low.unwrap(), accuracy.high.unwrap());
    assert!((low - 0.957).abs() < 1e-3 && (high - 0.989).abs() < 1e-3, "{accuracy:?}");
    assert_eq!(rate.interval, "within the run");
    assert_eq!((rate.phase.as_str(), rate.low), ("serve[32]", Some(151_000.0 * 0.97)));
    assert_eq!(peak.interval, "taken as ±5%, one run");
    assert!((peak.low.unwrap() - 0.95 * 135e6).abs() < 1.0, "{peak:?}");
    // Where nobody knows how many samples there are, nobody is better by it.
    let untold = front(&three(), None);
    let accuracy = &untold.cells[0].figures[0];
    assert_eq!(accuracy.interval, "unknown: the number of samples behind it is unknown");
    assert_eq!((accuracy.low, accuracy.high), (None, None));
    assert!(untold.cells[0].ties[0].metrics.contains(&MetricId::TestAccuracy.into()));
    // What the worker told counts before what is known of the data set.
    let mut records = three();
    for row in records.iter_mut().flat_map(|record| &mut record.metrics) {
        row.samples = if row.metric == MetricId::TestAccuracy { 2000 } else { row.samples };
    }
    for rows in [None, Some(360)] {
        let accuracy = &front(&records, rows).cells[0].figures[0];
        assert_eq!(accuracy.interval, "by 2000 test samples");
    }
}

#[test]
fn repeats_are_compared_by_the_interval_between_them() {
    let mut records = Vec::new();
    for (repeat, factor) in [(1, 0.9), (2, 1.0), (3, 1.1)] {
        for (model, rate) in [("mlp", 10_000.0), ("cnn", 11_000.0)] {
            let mut record = run(model, (0.9, rate * factor, 1e8));
            record.repeat = repeat;
            record.run = format!("{}-r{repeat}", record.cell);
            records.push(record);
        }
    }
    let found = front(&records, Some(360));
    // 10% between runs hide what 3% within each would have shown.
    assert_eq!(marks(&found), [Mark::Front, Mark::Front]);
    let [accuracy, rate, peak] = &found.cells[0].figures[..] else {
        panic!("{found:?}");
    };
    assert_eq!(rate.interval, "between 3 runs");
    assert!((rate.estimate - 10_000.0).abs() < 1e-6);
    // It borrows from the rates of single requests, on which all agree, and takes in what three visits cannot see.
    assert!((11_700.0..11_750.0).contains(&rate.high.unwrap()), "{rate:?}");
    // All three agree, and were still judged by 360 samples.
    assert_eq!(accuracy.interval, "by 360 test samples, of 3 runs");
    assert!(accuracy.high.unwrap() - accuracy.low.unwrap() > 0.05);
    assert_eq!(peak.interval, "between 3 runs");
    let mut uneven = records.clone();
    for (record, accuracy) in uneven.iter_mut().zip([0.9, 0.9, 0.99, 0.99, 1.0, 1.0]) {
        for row in &mut record.metrics {
            if row.metric == "test_accuracy" {
                row.estimate = Some(accuracy);
            }
        }
    }
    let accuracy = &front(&uneven, Some(360)).cells[0].figures[0];
    assert_eq!(accuracy.high, Some(1.0), "{accuracy:?}");
    // Two tell of what is between them, if little.
    let two: Vec<_> = records.into_iter().filter(|run| run.repeat < 3).collect();
    let rate = &front(&two, Some(360)).cells[0].figures[1];
    assert_eq!(rate.interval, "between 2 runs");
    assert!(rate.low.unwrap() < 9000.0 && rate.high.unwrap() > 10_000.0, "{rate:?}");
}

#[test]
fn what_cannot_be_compared_is_marked_and_says_why() {
    let mut untrained = run("mlp", (0.99, 1e6, 1e8));
    untrained.stop.reason = StopReason::Unstable;
    untrained.epochs = 1;
    let mut unmeasured = run("cnn", (0.99, 1e6, 1e8));
    for row in &mut unmeasured.metrics {
        if row.metric == "memory.peak" {
            row.estimate = None;
            row.notes = vec![Note::from(Reason::from("no reading"))];
        }
    }
    let mut unserved = run("resnet", (0.99, 1e6, 1e8));
    unserved.job.serve = None;
    let mut records = vec![untrained, unmeasured, unserved, failed()];
    records.extend(three().into_iter().map(|mut record| {
        record.cell += "-other";
        record
    }));
    let found = front(&records, Some(360));
    let says = [
        "test_accuracy: the model was not trained to the end",
        "memory.peak: no reading",
        "serve.throughput: the run has no such stage",
        "no run of it ended by itself",
    ];
    for (cell, says) in found.cells.iter().zip(says) {
        assert_eq!((cell.mark, cell.note.as_str()), (Mark::Incomplete, says));
        assert!(cell.figures.is_empty());
    }
    // They keep nobody else off the front.
    assert_eq!(marks(&found)[4..], [Mark::Front, Mark::Front, Mark::Dominated]);
}

#[test]
fn a_figure_without_an_interval_decides_nothing() {
    let mut records = three();
    for row in &mut records[0].metrics {
        if row.metric == "serve.throughput" {
            (row.low, row.high) = (None, None);
        }
    }
    let found = front(&records, Some(360));
    let rate = &found.cells[0].figures[1];
    assert_eq!((rate.low, rate.high), (None, None));
    assert_eq!(rate.interval, "unknown: too few independent observations");
    assert!(found.cells[1].ties[0].metrics.contains(&"serve.throughput".into()));
}

#[test]
fn only_cells_that_keep_their_constraints_are_compared() {
    use Feasibility::{Feasible, Infeasible, Undecided};
    let with = |verdicts: [Option<Feasibility>; 3]| {
        let mut records = three();
        for (record, verdict) in records.iter_mut().zip(verdicts) {
            record.verdict = verdict.map(|verdict| RunVerdict { verdict, findings: Vec::new() });
        }
        marks(&front(&records, Some(360)))
    };
    for (verdicts, says) in [
        (
            [Some(Feasible), Some(Infeasible), Some(Feasible)],
            // What dominated it is out of the question.
            [Mark::Front, Mark::Infeasible, Mark::Front],
        ),
        (
            [Some(Undecided), Some(Feasible), Some(Feasible)],
            [Mark::Undecided, Mark::Front, Mark::Dominated],
        ),
        // A cell that nothing is asked of keeps all of it.
        ([None, Some(Infeasible), None], [Mark::Front, Mark::Infeasible, Mark::Front]),
    ] {
        assert_eq!(with(verdicts), says, "{verdicts:?}");
    }
    // One repeat that is not certain is enough.
    let mut records = three();
    let mut second = records[1].clone();
    second.run += "-r2";
    second.verdict = Some(RunVerdict { verdict: Undecided, findings: Vec::new() });
    records.push(second);
    assert_eq!(marks(&front(&records, None))[1], Mark::Undecided);
}

#[test]
fn data_sets_are_not_compared_with_each_other() {
    let mut worse = run("mlp", (0.5, 1.0, 1e9));
    (worse.cell, worse.job.dataset) = ("mlp-hard".to_owned(), "hard".to_owned());
    let mut records = three();
    records.push(worse);
    assert_eq!(marks(&front(&records, Some(360)))[3], Mark::Front);
}

#[test]
fn runs_that_failed_are_left_out_and_counted() {
    let mut lost = failed();
    let good = completed();
    lost.cell.clone_from(&good.cell);
    lost.job = good.job.clone();
    let found = front(&[good, lost], Some(360));
    assert_eq!(marks(&found), [Mark::Front]);
    assert_eq!(found.cells[0].note, "1 of 2 runs failed or were cancelled");
}

#[test]
fn a_cell_stays_on_the_front_whose_second_run_the_budget_cancelled() {
    let verdict = |of| Some(RunVerdict { verdict: of, findings: Vec::new() });
    let good = RunRecord { verdict: verdict(Feasibility::Feasible), ..completed() };
    let mut cut = RunRecord { verdict: verdict(Feasibility::Undecided), ..good.clone() };
    cut.status = RunStatus::Cancelled;
    let found = front(&[good, cut], Some(360));
    assert_eq!(marks(&found), [Mark::Front]);
    assert_eq!(found.cells[0].note, "1 of 2 runs failed or were cancelled");
}

fn value(record: &mut RunRecord, metric: &str, change: impl Fn(&mut MetricRow)) {
    let rows = record.metrics.iter_mut();
    rows.filter(|row| row.metric == metric).for_each(change);
}

fn minimize(metric: &str) -> Objective {
    Objective { metric: metric.into(), better: Better::Lower }
}

/// Ended before its budget, for this reason.
fn cut(mut record: RunRecord, reason: StopReason) -> RunRecord {
    (record.status, record.stop.reason) = (RunStatus::Stopped, reason);
    record
}

#[test]
fn what_a_run_adds_up_is_compared_only_where_it_was_not_cut_short() {
    let asked = [objectives().remove(1), minimize("cpu.time")];
    let [whole, mut short, trained] = <[RunRecord; 3]>::try_from(three()).unwrap();
    value(&mut short, "cpu.time", |row| row.estimate = Some(1.0));
    let short = cut(short, StopReason::Known);
    let trained = cut(trained, StopReason::Trained);
    let found = by(&asked, &[whole.clone(), short.clone(), trained], None);
    assert_eq!(marks(&found), [Mark::Front, Mark::Incomplete, Mark::Dominated]);
    let says = "cpu.time: the run ended before its stages were over";
    assert_eq!(found.cells[1].note, says);
    // A rate is one, however long it was measured.
    let rates = by(&asked[..1], &[whole.clone(), short], None);
    assert!(rates.cells.iter().all(|cell| cell.note.is_empty()));
    // A highest rate was said once, too, and is none of these.
    let mut searched = cut(whole.clone(), StopReason::Known);
    let mut rate = searched.metrics[0].clone();
    rate.metric = "serve.max_rate".into();
    searched.metrics.push(rate);
    let found = by(&[minimize("serve.max_rate")], &[searched], None);
    assert_eq!(marks(&found), [Mark::Front]);
}

#[test]
fn a_peak_that_still_grew_dominates_nothing() {
    let of = |known: Option<bool>, reason: StopReason| {
        let asked = [objectives().remove(1), minimize("memory.peak")];
        let mut grew = cut(run("mlp", (0.9, 151_000.0, 100e6)), reason);
        value(&mut grew, "memory.peak", |row| row.known = known);
        by(&asked, &[grew, run("cnn", (0.9, 22_800.0, 200e6))], None)
    };
    let found = of(Some(false), StopReason::Known);
    assert_eq!(marks(&found), [Mark::Front, Mark::Front]);
    let peak = &found.cells[0].figures[1];
    assert!(peak.low.is_some() && peak.high.is_none(), "{peak:?}");
    let says = "only a lower end where a run ended before its peak was known";
    assert_eq!(peak.interval, says);
    // Nobody asked whether it was known.
    assert_eq!(marks(&of(None, StopReason::Completed))[1], Mark::Front);
    for (known, reason) in [(Some(true), StopReason::Known), (Some(false), StopReason::Trained)] {
        assert_eq!(marks(&of(known, reason)), [Mark::Front, Mark::Dominated]);
    }
}

#[test]
fn what_one_run_says_once_is_as_precise_as_it_was_asked() {
    let records = [
        run("mlp", (0.9, 1e5, 100e6)),
        run("cnn", (0.9, 1e5, 100.01e6)),
        run("resnet", (0.9, 1e5, 115e6)),
    ];
    let asked = [minimize("memory.peak")];
    let found = by(&asked, &records, None);
    // A few KiB tell nothing apart.
    assert_eq!(marks(&found), [Mark::Front, Mark::Front, Mark::Dominated]);
    let within: BTreeMap<_, _> = records.iter().map(|run| (run.run.clone(), 0.1)).collect();
    let comparison = Comparison {
        objectives: &asked,
        summary: indexed(&[]),
        rows: &BTreeMap::new(),
        within: &Asked(within),
    };
    let found = comparison.front(&records);
    assert_eq!(marks(&found), [Mark::Front; 3]);
    assert_eq!(found.cells[0].figures[0].interval, "taken as ±10%, one run");
    // Of several runs their own interval.
    let repeats = |count: u32| {
        let repeat = |repeat| RunRecord {
            repeat,
            run: format!("mlp-digits-r{repeat}"),
            ..records[0].clone()
        };
        let runs: Vec<_> = (1..=count).map(repeat).collect();
        by(&asked, &runs, None).cells[0].figures[0].interval.clone()
    };
    assert_eq!(repeats(1), "taken as ±5%, one run");
    assert_eq!(repeats(2), "between 2 runs");
    // Losses and times are taken alike.
    for metric in ["train_loss", "cpu.time"] {
        let found = by(&[minimize(metric)], &records[..1], None);
        assert_eq!(found.cells[0].figures[0].interval, "taken as ±5%, one run");
    }
}

#[test]
fn repeats_that_only_know_an_end_know_no_more_together() {
    let mut records = Vec::new();
    for (repeat, rate) in [(1, 590.0), (2, 600.0), (3, 610.0)] {
        let mut record = completed();
        (record.repeat, record.run) = (repeat, format!("mlp-digits-r{repeat}"));
        let mut row = record.metric("serve[1]", "serve.throughput").unwrap().clone();
        row.metric = "serve.max_rate".into();
        (row.estimate, row.low, row.high) = (Some(rate), Some(rate), None);
        record.metrics.push(row);
        records.push(record);
    }
    let asked = [Objective { metric: "serve.max_rate".into(), better: Better::Higher }];
    let figure = &by(&asked, &records, None).cells[0].figures[0];
    assert_eq!(figure.high, None);
    assert!((540.0..575.2).contains(&figure.low.unwrap()), "{figure:?}");
    let says = "between 3 runs, of which 3 only know a lower end";
    assert_eq!(figure.interval, says);
    // A rate without any end is no exact one.
    for record in &mut records {
        value(record, "serve.max_rate", |row| row.low = None);
    }
    let figure = &by(&asked, &records[..1], None).cells[0].figures[0];
    assert_eq!((figure.low, figure.high), (None, None));
}

#[test]
fn of_many_ties_the_first_are_named_and_the_rest_counted() {
    let alike = |number: usize| {
        let mut record = completed();
        record.cell = format!("cell-{number}");
        record.run.clone_from(&record.cell);
        record
    };
    let records: Vec<_> = (0..300).map(alike).collect();
    let found = front(&records, Some(360));
    for cell in &found.cells {
        assert_eq!((cell.ties.len(), cell.more_ties), (MOST_TIES, 299 - MOST_TIES));
    }
    assert_eq!(found.cells[0].ties[0].with, "cell-1");
}
