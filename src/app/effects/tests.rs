use super::*;
use crate::event::{AxisValue, RunStatus, RunVerdict};
use crate::metric::{Better, MetricId};
use crate::report::fixtures::{completed, failed};
use crate::store::GridHead;

/// A run of a cell with so many threads and this value of an axis of the user's own, whose throughput is this.
fn run(threads: u32, size: i64, repeat: u32, rate: f64) -> RunRecord {
    let mut record = completed();
    record.job.threads = threads;
    record.job.own.put("size", AxisValue::Whole(size));
    record.cell = format!("t{threads}-size_{size}");
    record.repeat = repeat;
    record.run = format!("{}-r{repeat}", record.cell);
    for row in &mut record.metrics {
        if row.metric == MetricId::TrainThroughput {
            let value = row.estimate.unwrap() * rate;
            (row.estimate, row.low, row.high) =
                (Some(value), Some(value * 0.99), Some(value * 1.01));
        }
    }
    record
}

/// Threads buy a half more, the size nothing; rounds differ by a tenth, and visits by a percent.
fn grid() -> Vec<RunRecord> {
    let mut records = Vec::new();
    for (repeat, slow) in [(1_u32, 1.0), (2, 0.9), (3, 1.1)] {
        for (at, (threads, size)) in (0..).zip([(1, 8), (2, 8), (1, 16), (2, 16)]) {
            let off = 1.0 + 0.01 * (f64::from((repeat * 2 + at * 3) % 4) - 1.0);
            let rate = if threads == 2 { 1.5 } else { 1.0 };
            records.push(run(threads, size, repeat, rate * slow * off));
        }
    }
    records
}

fn of(records: &[RunRecord]) -> EffectsReport {
    effects(None, records, None).unwrap()
}

fn row<'a>(report: &'a EffectsReport, axis: &str, metric: MetricId) -> &'a EffectRow {
    let mut rows = report.effects.iter();
    rows.find(|row| row.step.axis == axis && row.figure.metric == metric).unwrap()
}

#[test]
fn built_in_and_own_axes_are_told_alike() {
    let report = of(&grid());
    let threads = row(&report, "threads", MetricId::TrainThroughput);
    assert_eq!((&*threads.step.from, &*threads.step.to, threads.sets), ("1", "2", 2));
    assert_eq!(threads.figure.matters, Some(true));
    assert!((threads.figure.estimate.unwrap() - 0.5).abs() < 0.02, "{threads:?}");
    let size = row(&report, "size", MetricId::TrainThroughput);
    assert_eq!((&*size.step.from, &*size.step.to), ("8", "16"));
    assert_eq!(size.figure.matters, Some(false));
    assert_eq!(report.cells, Cells { combinations: 4, measured: 4, failed: 0, infeasible: 0 });
    // A share changes by a difference.
    let share = row(&report, "threads", MetricId::CpuUtilisation);
    assert_eq!(share.figure.measure, Measure::Difference);
    assert_eq!(threads.figure.measure, Measure::Ratio);
}

#[test]
fn objectives_are_told_though_nobody_chose_them() {
    let asked = Objective { metric: MetricId::TestAccuracy.into(), better: Better::Higher };
    let report = effects(None, &grid(), Some(&[asked])).unwrap();
    let accuracy = row(&report, "threads", MetricId::TestAccuracy);
    // All runs agree on it.
    assert_eq!(accuracy.lack, Some(EffectLack::Agree));
    assert_eq!((accuracy.figure.estimate, accuracy.figure.low), (Some(0.0), None));
}

#[test]
fn failed_and_infeasible_cells_are_counted() {
    let mut records = grid();
    records.retain(|record| record.cell != "t2-size_16");
    let lost = RunRecord { cell: "t2-size_16".to_owned(), job: run(2, 16, 1, 1.0).job, ..failed() };
    records.push(lost);
    records[0].verdict =
        Some(RunVerdict { verdict: Feasibility::Infeasible, findings: Vec::new() });
    let report = of(&records);
    assert_eq!(report.cells, Cells { combinations: 4, measured: 3, failed: 1, infeasible: 1 });
    assert_eq!(row(&report, "threads", MetricId::TrainThroughput).sets, 1);
}

#[test]
fn of_a_search_all_its_cells_count_and_values_that_it_has_not_tried_are_spoken_of() {
    let cells: Vec<String> = (0..50).map(|cell| format!("cell-{cell}")).collect();
    let head = |searched| {
        let grid = GridHead { cells: Vec::clone(&cells), searched, ..GridHead::default() };
        let manifest = serde_json::json!({ "name": "mine", "runs": [], "grid": grid });
        serde_json::from_value::<ManifestHead>(manifest).unwrap()
    };
    let unseen = "values that the search has not tried have no row";
    for (searched, combinations) in [(true, 50), (false, 4)] {
        let report = effects(Some(&head(searched)), &grid(), None).unwrap();
        assert_eq!(report.cells.combinations, combinations);
        assert_eq!(report.notes.iter().any(|note| note == unseen), searched);
    }
}

#[test]
fn a_figure_that_runs_lack_says_why() {
    let mut records = grid();
    for record in records.iter_mut().filter(|record| record.repeat == 2) {
        record.metrics.retain(|row| row.metric != MetricId::TrainThroughput);
    }
    let report = of(&records);
    let said = report.notes.join("\n");
    assert!(said.contains("train.throughput: missing in 4 runs"), "{said}");
    assert!(row(&report, "threads", MetricId::TrainThroughput).figure.matters.is_some());
}

#[test]
fn where_nothing_can_be_compared_it_is_said() {
    let all = grid();
    let of_cell: Vec<RunRecord> =
        all.iter().filter(|run| run.cell == all[0].cell).cloned().collect();
    let mut none: Vec<RunRecord> = all.clone();
    for run in &mut none {
        run.status = RunStatus::Failed;
    }
    let mut half = all.clone();
    for run in half.iter_mut().filter(|run| run.cell != all[0].cell) {
        run.status = RunStatus::Failed;
    }
    let mut alike = all.clone();
    for run in &mut alike {
        run.job = all[0].job.clone();
    }
    let mut bare = all.clone();
    for run in &mut bare {
        run.metrics.clear();
    }
    for (records, says) in [
        (Vec::new(), "no run has ended"),
        (of_cell, "there is one cell"),
        (none, "no run ended by itself"),
        (half, "only one cell has a run that ended by itself"),
        (alike, "the cells do not differ in any axis"),
        (bare, "no two cells have a figure in common"),
    ] {
        let fault = effects(None, &records, None).unwrap_err();
        assert!(fault.error.to_string().starts_with(says), "{says}: {}", fault.error);
    }
}
