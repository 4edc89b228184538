//! Rounds over cells whose figures are made up.

use std::collections::BTreeMap;

use super::*;
use crate::event::{
    Feasibility, JobSpec, Limits, RowFields, RunRecord, RunStatus, RunVerdict, StopDetail,
    StopReason, StopRecord,
};
use crate::stats::Basis;
use crate::units::Unit;
use proptest::prelude::*;

const WITHIN: f64 = 0.05;

/// A visit of a cell that found this rate, known within the visit to 1%.
fn visit(cell: &str, repeat: u32, rate: f64) -> RunRecord {
    let row = RowFields {
        phase: "train".to_owned(),
        metric: "train.throughput".into(),
        unit: Unit::SamplesPerSecond,
        estimate: Some(rate),
        low: Some(rate * 0.99),
        high: Some(rate * 1.01),
        confidence: Some(0.95),
        samples: 100,
        known: Some(true),
        notes: Vec::new(),
    };
    RunRecord {
        run: format!("{cell}-r{repeat}"),
        cell: cell.to_owned(),
        repeat,
        job: JobSpec::default(),
        status: RunStatus::Completed,
        stop: StopRecord {
            reason: StopReason::Known,
            detail: StopDetail::Failed { message: String::new() },
        },
        wall_s: 1.0,
        epochs: 1,
        trained: false,
        metrics: vec![row.into()],
        left_out: Vec::new(),
        warnings: Vec::new(),
        facts: BTreeMap::new(),
        failure: None,
        verdict: None,
        limits: Limits::default(),
        saved_s_at_least: None,
        lane: None,
        pairing: None,
        interference: None,
        machine: None,
    }
}

fn failed(cell: &str, repeat: u32) -> RunRecord {
    RunRecord { status: RunStatus::Failed, metrics: Vec::new(), ..visit(cell, repeat, 1.0) }
}

fn found(cells: &[&str], records: &[RunRecord], most: u32) -> Vec<CellState> {
    let figures = figures(records, |_| WITHIN);
    states(cells, records, &figures, |_| WITHIN, most)
}

fn standings(cells: &[&str], records: &[RunRecord]) -> Vec<Standing> {
    found(cells, records, 5).iter().map(|state| state.standing).collect()
}

#[test]
fn a_cell_stands_where_its_visits_leave_it() {
    use Standing::{Failed, Futile, Known, Open, Settled};
    let visits = |rates: &[f64]| -> Vec<RunRecord> {
        (1..).zip(rates).map(|(repeat, rate)| visit("a", repeat, *rate)).collect()
    };
    let infeasible = RunRecord {
        verdict: Some(RunVerdict { verdict: Feasibility::Infeasible, findings: Vec::new() }),
        ..visit("a", 1, 100.0)
    };
    let unchosen = |mut record: RunRecord| {
        record.metrics[0].known = None;
        record
    };
    let cancelled = RunRecord { status: RunStatus::Cancelled, ..visit("a", 1, 100.0) };
    for (records, standing, says) in [
        (vec![], Open, "nothing is known before the first visit"),
        (visits(&[100.0]), Open, "one visit says nothing of the next"),
        (visits(&[100.0, 100.1]), Known, "two that agree"),
        (visits(&[100.0, 160.0]), Open, "two that do not: bad luck, perhaps"),
        (visits(&[100.0, 160.0, 120.0]), Futile, "five visits would not do"),
        (visits(&[100.0, 103.0, 97.0]), Open, "some more may do"),
        (vec![infeasible], Settled, "a limit is broken"),
        (vec![unchosen(visit("a", 1, 100.0))], Known, "nothing was asked"),
        (vec![failed("a", 1)], Open, "once more"),
        (vec![failed("a", 1), failed("a", 2)], Failed, "and no more"),
        (vec![cancelled], Open, "what was cancelled is no visit"),
    ] {
        assert_eq!(standings(&["a"], &records), [standing], "{says}");
    }
}

#[test]
fn a_cell_that_is_dominated_is_settled_after_two_visits() {
    use Standing::{Known, Open, Settled};
    for (rates, standing) in
        [(&[100.0][..], Open), (&[100.0, 160.0], Settled), (&[100.0, 100.1], Known)]
    {
        let visits: Vec<RunRecord> =
            (1..).zip(rates).map(|(repeat, rate)| visit("a", repeat, *rate)).collect();
        let mut state = found(&["a"], &visits, 5).remove(0);
        state.settle_dominated();
        assert_eq!(state.standing, standing, "{rates:?}");
    }
}

#[test]
fn what_one_visit_knows_is_said_to_be_within_it() {
    let records = [visit("a", 1, 100.0)];
    let one = &figures(&records, |_| WITHIN)[0];
    assert_eq!((one.basis, one.known), (Some(Basis::Within), Some(true)));
    assert!((one.reached().unwrap() - 0.01).abs() < 1e-12);
    let records = [visit("a", 1, 100.0), visit("a", 2, 130.0), failed("a", 3)];
    let two = &figures(&records, |_| WITHIN)[0];
    assert_eq!((two.basis, two.known), (Some(Basis::Between), Some(false)));
    assert_eq!((two.mean, two.visits.len()), (Some(115.0), 2));
}

#[test]
fn a_peak_that_no_run_saw_to_its_end_is_not_known_by_their_agreement() {
    let peak = |repeat, known| {
        let mut record = visit("a", repeat, 1e8);
        let row = &mut record.metrics[0];
        (row.metric, row.phase, row.unit) = ("memory.peak".into(), "run".to_owned(), Unit::Bytes);
        (row.low, row.high, row.known) = (None, None, Some(known));
        record
    };
    for (seen, known, standing) in
        [(true, Some(true), Standing::Known), (false, Some(false), Standing::Futile)]
    {
        let records = [peak(1, true), peak(2, seen), peak(3, seen)];
        assert_eq!(figures(&records, |_| WITHIN)[0].known, known);
        assert_eq!(standings(&["a"], &records), [standing]);
    }
}

fn letters(visits: &[Visit]) -> String {
    let shown =
        visits.iter().map(|visit| format!("{}{}", ["a", "b", "c"][visit.cell], visit.repeat));
    shown.collect::<Vec<_>>().concat()
}

#[test]
fn a_round_is_over_before_the_next_begins() {
    let cells = ["a", "b", "c"];
    let rounds = Rounds { repeats: Repeats::AUTO, seed: 1 };
    let next = |records: &[RunRecord]| letters(&rounds.next(&found(&cells, records, 5)));
    assert_eq!(next(&[]), "a1c1b1");
    // A kill in the midst of a round: the rest of it comes first, in the same order.
    let mut records = vec![visit("a", 1, 100.0)];
    assert_eq!(next(&records), "c1b1");
    records.extend([visit("b", 1, 100.0), visit("c", 1, 100.0)]);
    let second = next(&records);
    assert_eq!(second.len(), 6);
    // What is known gets no further visit.
    records.extend([visit("a", 2, 100.2), visit("b", 2, 97.0), visit("c", 2, 100.1)]);
    records[1] = visit("b", 1, 103.0);
    assert_eq!(next(&records), "b3");
    records.extend([visit("b", 3, 100.0), visit("b", 4, 104.0), visit("b", 5, 96.0)]);
    assert_eq!(next(&records), "", "five visits are the most");
}

#[test]
fn a_fixed_number_is_made_whatever_is_known() {
    let cells = ["a", "b"];
    let rounds = Rounds { repeats: Repeats::Fixed(3), seed: 7 };
    let all = rounds.next(&found(&cells, &[], 3));
    assert_eq!(all.len(), 6);
    assert!(all.iter().map(|visit| visit.repeat).eq([1, 1, 2, 2, 3, 3]));
    let records = [visit("a", 1, 100.0), failed("b", 1), visit("a", 2, 100.0)];
    let rest = rounds.next(&found(&cells, &records, 3));
    assert!(rest.iter().all(|visit| visit.repeat == 3 || (visit.repeat == 2 && visit.cell == 1)));
    assert_eq!(rest.len(), 3);
}

#[test]
fn repeats_are_read_as_they_are_written() {
    for (text, repeats) in [("3", Repeats::Fixed(3)), ("auto", Repeats::AUTO)] {
        assert_eq!(text.parse(), Ok(repeats));
        assert_eq!(repeats.to_string(), text);
    }
    for text in ["0", "", "-1", "many", "4294967296"] {
        assert!(text.parse::<Repeats>().is_err(), "{text}");
    }
}

proptest! {
    /// However the visits come out, the grid ends, no visit is made twice, and none beyond the most.
    #[test]
    fn every_grid_ends(
        seed: u64,
        most in 2_u32..7,
        luck in prop::collection::vec((0_u8..4, 50.0..150.0f64), 40),
    ) {
        let cells = ["a", "b", "c"];
        let rounds = Rounds { repeats: Repeats::Auto { most }, seed };
        let mut luck = luck.into_iter().cycle();
        let mut records: Vec<RunRecord> = Vec::new();
        for _ in 0..=most {
            for next in rounds.next(&found(&cells, &records, most)) {
                let cell = cells[next.cell];
                prop_assert!(next.repeat <= most);
                let is_new = |run: &RunRecord| (run.cell.as_str(), run.repeat) != (cell, next.repeat);
                prop_assert!(records.iter().all(is_new));
                let (fails, rate) = luck.next().unwrap();
                let record = if fails == 0 { failed(cell, next.repeat) } else { visit(cell, next.repeat, rate) };
                records.push(record);
            }
        }
        prop_assert!(rounds.next(&found(&cells, &records, most)).is_empty());
    }
}

#[test]
fn a_count_has_no_interval_and_a_share_none_beyond_all_of_it() {
    let visits = |metric: &str, values: [f64; 3]| -> Vec<RunRecord> {
        let visit = |(repeat, value): (u32, f64)| {
            let mut record = visit("a", repeat, value);
            let row = &mut record.metrics[0];
            (row.metric, row.low, row.high) = (metric.into(), None, None);
            record
        };
        (1..).zip(values).map(visit).collect()
    };
    let interval = |records: &[RunRecord]| {
        let found = figures(records, |_| WITHIN);
        (found[0].mean, found[0].interval)
    };
    let (mean, none) = interval(&visits("model.parameters", [69_124.0; 3]));
    assert_eq!((mean, none), (Some(69_124.0), None));
    // A worker that counts otherwise each time is believed to vary.
    assert!(interval(&visits("model.parameters", [1.0, 2.0, 3.0])).1.is_some());
    for metric in ["serve.utilisation", "interference.share"] {
        let (_, share) = interval(&visits(metric, [99.9, 100.0, 99.8]));
        assert!(share.is_some_and(|share| share.high <= 100.0 && share.low < 99.9), "{share:?}");
    }
}
