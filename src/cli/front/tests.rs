use super::*;
use crate::cli::engine::summaries;
use crate::event::{RunVerdict, StopReason};
use crate::report::fixtures::{completed, failed, record};

fn objectives() -> Vec<Objective> {
    [
        ("test_accuracy", Goal::Maximize),
        ("serve.throughput", Goal::Maximize),
        ("memory.peak", Goal::Minimize),
    ]
    .map(|(metric, goal)| Objective {
        metric: metric.to_owned(),
        goal,
    })
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
    let summary = match records.iter().map(|record| record.repeat).max() {
        Some(3..) => summaries(records).unwrap(),
        _ => Vec::new(),
    };
    let rows = rows.map(|test| ("digits".to_owned(), DataRows { train: 1437, test }));
    let comparison = Comparison {
        objectives: &objectives(),
        summary: indexed(&summary),
        rows: &rows.into_iter().collect(),
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
    let tie = |with: &str| Tie {
        with: with.to_owned(),
        metrics: vec!["test_accuracy".to_owned()],
    };
    assert_eq!(mlp.ties, [tie("cnn-digits")]);
    assert_eq!(cnn.ties, [tie("mlp-digits")]);
    let by = resnet.dominated_by.as_ref().unwrap();
    assert_eq!(by.cell, "cnn-digits");
    // Less accurate too, but not for certain.
    assert_eq!(by.metrics, ["serve.throughput", "memory.peak"]);
}

#[test]
fn every_interval_says_what_it_is() {
    let found = front(&three(), Some(360));
    let [accuracy, rate, peak] = &found.cells[0].figures[..] else {
        panic!("{found:?}");
    };
    assert_eq!(accuracy.interval, "by 360 test samples");
    let (low, high) = (accuracy.low.unwrap(), accuracy.high.unwrap());
    assert!(
        (low - 0.957).abs() < 1e-3 && (high - 0.989).abs() < 1e-3,
        "{accuracy:?}"
    );
    assert_eq!(rate.interval, "within the run");
    assert_eq!(
        (rate.phase.as_str(), rate.low),
        ("serve[32]", Some(151_000.0 * 0.97))
    );
    assert_eq!(
        (peak.interval.as_str(), peak.low),
        ("taken as exact", Some(135e6))
    );
    // Where nobody knows how many samples there are, the more accurate is the better one.
    let exact = front(&three(), None);
    let accuracy = &exact.cells[0].figures[0];
    assert!(accuracy.interval.contains("is not recorded"));
    assert_eq!((accuracy.low, accuracy.high), (Some(0.978), Some(0.978)));
    assert_eq!(exact.cells[0].ties, []);
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
    assert!((rate.high.unwrap() - 12_484.0).abs() < 1.0, "{rate:?}");
    // All three agree, and were still judged by 360 samples.
    assert_eq!(accuracy.interval, "between 3 runs and 360 test samples");
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
    // Of two repeats nothing is known between them: the lowest end to the highest.
    let two: Vec<_> = records.into_iter().filter(|run| run.repeat < 3).collect();
    let rate = &front(&two, Some(360)).cells[0].figures[1];
    assert_eq!(rate.interval, "within the run, of 2 runs");
    assert!((rate.low.unwrap() - 0.97 * 9000.0).abs() < 1e-6);
    assert!((rate.high.unwrap() - 1.03 * 10_000.0).abs() < 1e-6);
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
            "no reading".clone_into(&mut row.note);
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
        "serve.throughput: the run has no such phase",
        "no run of it came to its end",
    ];
    for (cell, says) in found.cells.iter().zip(says) {
        assert_eq!((cell.mark, cell.note.as_str()), (Mark::Incomplete, says));
        assert!(cell.figures.is_empty());
    }
    // They keep nobody else off the front.
    assert_eq!(
        marks(&found)[4..],
        [Mark::Front, Mark::Front, Mark::Dominated]
    );
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
    assert_eq!(rate.interval, "unknown: too few observations");
    assert!(
        found.cells[1].ties[0]
            .metrics
            .contains(&"serve.throughput".to_owned())
    );
}

#[test]
fn only_cells_that_keep_their_constraints_are_compared() {
    use Feasibility::{Feasible, Infeasible, Undecided};
    let with = |verdicts: [Option<Feasibility>; 3]| {
        let mut records = three();
        for (record, verdict) in records.iter_mut().zip(verdicts) {
            record.verdict = verdict.map(|verdict| RunVerdict {
                verdict,
                reason: String::new(),
            });
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
        (
            [None, Some(Infeasible), None],
            [Mark::Front, Mark::Infeasible, Mark::Front],
        ),
    ] {
        assert_eq!(with(verdicts), says, "{verdicts:?}");
    }
    // One repeat that is not certain is enough.
    let mut records = three();
    let mut second = records[1].clone();
    second.run += "-r2";
    second.verdict = Some(RunVerdict {
        verdict: Undecided,
        reason: String::new(),
    });
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
