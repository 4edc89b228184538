//! The upper quartile of the rate over windows, from the stream to the row.

use super::said::Said;
use super::sim::{MS, Message, Sim, context, end_of, feed, policy, say};
use crate::control::{Constraint, Controller, Op, RunContext, StopPolicy};
use crate::event::{
    Feasibility, MetricRow, Pattern, Phase, StepBatch, StopDetail, StopReason, StopRecord,
    WorkerEvent,
};

const TRAIN: &str = "train.throughput_p75";
const SERVE: &str = "serve.throughput_p75";

fn full() -> StopPolicy {
    StopPolicy { enabled: false, ..policy(&[]) }
}

fn fed(context: RunContext, messages: &[Message]) -> Controller {
    let mut controller = Controller::new(full(), context);
    let _ = feed(&mut controller, messages);
    controller
}

fn rows(controller: &Controller) -> Vec<MetricRow> {
    controller
        .rows(Some(&StopRecord { reason: StopReason::Completed, detail: StopDetail::Unknown }))
}

fn row<'a>(rows: &'a [MetricRow], phase: &str, metric: &str) -> &'a MetricRow {
    rows.iter()
        .find(|row| (row.phase.as_str(), row.metric.as_str()) == (phase, metric))
        .unwrap_or_else(|| panic!("{phase} {metric}"))
}

fn close(estimate: Option<f64>, expected: f64) -> bool {
    estimate.is_some_and(|found| (found / expected - 1.0).abs() < 1e-3)
}

#[test]
fn constant_steps_have_their_rate_and_enough_windows_or_none() {
    for (seconds, says) in [
        (30.0, Ok("37 windows of 800 ms")),
        (1.0, Ok("40 windows of 25.0 ms")),
        (
            0.45,
            Err(
                "the steps fill 18 windows of 25.0 ms, and a quartile needs 20: longer stages fill more (max_time and max_requests of [serve], epochs of [train], min_time of [stop])",
            ),
        ),
    ] {
        let sim =
            Sim { phases: vec![(Phase::Train, seconds)], step: |_, _, _| 2.0, ..Sim::default() };
        let rows = rows(&fed(context(), &sim.messages()));
        let found = row(&rows, "train", TRAIN);
        match says {
            Ok(note) => {
                // 64 samples in 2 ms.
                assert!(close(found.estimate, 32_000.0), "{found:?}");
                assert_eq!(found.said(), note);
            }
            Err(note) => {
                assert_eq!((found.estimate, found.samples), (None, 18));
                assert_eq!(found.said(), note);
            }
        }
        assert_eq!((found.low, found.confidence), (None, None));
        let lower = row(&rows, "train", "train.step_latency_p25");
        assert!(close(lower.estimate, 2e-3), "{lower:?}");
    }
}

#[test]
fn what_slows_a_third_of_the_time_moves_the_mean_and_not_the_quartiles() {
    let sim = Sim {
        step: |_, at_s, noise| {
            let alone = 2.0 * (1.0 + 0.01 * noise.normal());
            if at_s % 6.0 > 4.0 { 3.0 * alone } else { alone }
        },
        ..Sim::default()
    };
    let rows = rows(&fed(context(), &sim.messages()));
    let of = |metric: &str| row(&rows, "train", metric).estimate.unwrap();
    assert!(of("train.throughput") < 0.9 * 32_000.0);
    assert!((of(TRAIN) / 32_000.0 - 1.0).abs() < 0.02, "{}", of(TRAIN));
    assert!((of("train.step_latency_p25") / 2e-3 - 1.0).abs() < 0.02);
}

#[test]
fn a_slow_beginning_is_left_out() {
    let sim = Sim {
        phases: vec![(Phase::Train, 10.0)],
        step: |_, at_s, noise| (if at_s < 2.0 { 6.0 } else { 2.0 }) * (1.0 + 0.01 * noise.normal()),
        ..Sim::default()
    };
    let rows = rows(&fed(context(), &sim.messages()));
    let found = row(&rows, "train", TRAIN);
    assert!(found.said().contains("of warm-up"), "{found:?}");
    assert!((found.estimate.unwrap() / 32_000.0 - 1.0).abs() < 0.02);
}

#[test]
fn gaps_count_as_they_do_for_the_throughput() {
    let mut messages = vec![say(0, WorkerEvent::Phase { phase: Phase::Serve(4) })];
    // 400 requests of 4 samples: 2 ms of work after 8 ms in which nobody came.
    for at in 0..100 {
        let start_ns = at * 40 * MS;
        messages.push(say(
            start_ns + 40 * MS,
            WorkerEvent::Steps(StepBatch {
                phase: Phase::Serve(4),
                items: 4,
                start_ns,
                dur_ns: vec![2 * MS; 4],
                wait_ns: vec![0; 4],
                gap_ns: vec![8 * MS; 4],
                fetch_ns: Vec::new(),
                loss: None,
            }),
        ));
    }
    let context = RunContext {
        epochs: 0,
        serve_sizes: vec![4],
        pattern: Pattern::Server { rate_per_s: Some(100.0) },
        ..context()
    };
    let rows = rows(&fed(context, &messages));
    for metric in ["serve.throughput", SERVE] {
        let found = row(&rows, "serve[4]", metric);
        assert!(close(found.estimate, 400.0), "{found:?}");
    }
}

#[test]
fn a_run_that_waits_for_nothing_else_still_stops_and_a_limit_stays_open() {
    let limit = Constraint { metric: TRAIN.into(), op: Op::AtLeast, limit: 1.0 };
    let asked = StopPolicy { constraints: vec![limit], ..policy(&[TRAIN, "train.throughput"]) };
    let end = end_of(asked, context(), &Sim::default().messages()).unwrap();
    assert_eq!(end.reason, StopReason::Known, "{}", end.detail.said());
    let record = StopRecord { reason: end.reason, detail: end.detail };
    let rows = end.controller.rows(Some(&record));
    let verdict = end.controller.feasibility(&rows, &record).unwrap();
    assert_eq!(verdict.verdict, Feasibility::Undecided);
    assert!(verdict.said().contains("without an interval"), "{verdict:?}");
    assert_eq!(row(&rows, "train", TRAIN).known, Some(true));
}
