//! What figures say of more than was seen.

use super::said::Said;
use super::sim::{Sim, Step, context, end_of, policy, say};
use crate::control::{Controller, RunContext, StopPolicy};
use crate::event::{EPOCH_SAMPLES, MetricRow, Note, Num, Phase, StopReason, WorkerEvent};

/// The rate falls by 12% over the first 100 s.
const FALLS: Step =
    |_, t, noise| 100.0 * (1.0 + 0.12 * (t / 100.0).min(1.0)) * (1.0 + 0.01 * noise.normal());

const STEADY: Step = |_, _, noise| 100.0 * (1.0 + 0.02 * noise.normal());

const MEAN: &str = "train.step_latency_mean";

fn sim(step: Step, seconds: f64) -> Sim {
    Sim { tick_ms: 0, phases: vec![(Phase::Train, seconds)], ..Sim::train(step) }
}

fn asked() -> StopPolicy {
    StopPolicy { max_time_s: 1000.0, ..policy(&[MEAN]) }
}

fn mean(rows: &[MetricRow]) -> &MetricRow {
    rows.iter().find(|row| row.metric == MEAN && row.phase == "train").unwrap()
}

/// The mean of the whole is that of the time that it lasts: `1.12 - 0.06 / 3` of the first step.
#[test]
fn an_interval_for_the_horizon_holds_what_comes() {
    let (mut promised, mut known, mut held) = (0u32, 0u32, 0u32);
    for seed in 0..20 {
        let messages = Sim { seed, ..sim(FALLS, 300.0) }.messages();
        let ends = |policy| {
            let end = end_of(policy, context(), &messages)?;
            let rows = end.controller.rows(None);
            let (low, high) = (mean(&rows).low?, mean(&rows).high?);
            Some((low..=high).contains(&0.110))
        };
        promised += u32::from(ends(asked()) == Some(false));
        let whole = ends(StopPolicy { horizon_s: Some(300.0), ..asked() });
        known += u32::from(whole.is_some());
        held += u32::from(whole == Some(true));
    }
    assert!(promised >= 18, "without a horizon the first seconds are taken for all: {promised}");
    assert!(10 * held >= 8 * known, "{held} of {known} held");
}

/// What stands still is known for the whole after a small share of it.
#[test]
fn what_stands_still_is_known_for_the_whole() {
    let messages = sim(STEADY, 100.0).messages();
    let policy = StopPolicy { horizon_s: Some(600.0), ..asked() };
    let end = end_of(policy, context(), &messages).unwrap();
    assert_eq!(end.reason, StopReason::Known);
    assert!(end.at_s < 60.0, "{}", end.at_s);
    let rows = end.controller.rows(None);
    let found = mean(&rows).notes.iter().find_map(|note| match note {
        Note::Whole { regime, seen_s, whole, of_s } => Some((regime.0, seen_s.0, whole.0, of_s.0)),
        _ => None,
    });
    let (regime, seen_s, whole, of_s) = found.unwrap();
    assert!(regime < whole && whole <= 0.05 && seen_s < 60.0 && of_s > 599.0, "{rows:?}");
}

/// Of budgeted epochs the whole is said, and asked of nothing.
#[test]
fn budgeted_epochs_have_a_whole() {
    let mut messages = sim(STEADY, 30.0).messages();
    let value = Num(64.0 * 100.0);
    let said = WorkerEvent::Metric { name: EPOCH_SAMPLES.to_owned(), value, samples: None };
    messages.insert(0, say(0, said));
    let end = end_of(asked(), RunContext { epochs: 50, ..context() }, &messages).unwrap();
    let plain = end_of(asked(), context(), &sim(STEADY, 30.0).messages()).unwrap();
    assert!((end.at_s - plain.at_s).abs() < 1e-9, "{} {}", end.at_s, plain.at_s);
    let rows = end.controller.rows(None);
    let whole = mean(&rows).notes.iter().find_map(|note| match note {
        Note::Whole { of_s, .. } => Some(of_s.0),
        _ => None,
    });
    // 5,000 steps of 0.1 s.
    assert!((whole.unwrap() / 500.0 - 1.0).abs() < 0.05, "{rows:?}");
}

#[test]
fn a_horizon_that_is_over_is_said_to_be() {
    let messages = sim(STEADY, 12.0).messages();
    let policy = StopPolicy { horizon_s: Some(2.0), enabled: false, ..asked() };
    let mut controller = Controller::new(policy, context());
    let _ = super::sim::feed(&mut controller, &messages);
    let rows = controller.rows(None);
    let over =
        |note: &Note| matches!(note, Note::PastHorizon { of_s: Num(of_s), .. } if *of_s < 2.5);
    assert!(mean(&rows).notes.iter().any(over), "{:?}", mean(&rows));
}

/// Of a series that never settles the figure is that of all of it but the first steps.
#[test]
fn what_never_settles_is_reported_whole() {
    let step: Step = |_, t, noise| 10.0 * (1.0 + t) * (1.0 + 0.01 * noise.normal());
    let policy = StopPolicy { max_time_s: 20.0, ..asked() };
    let end = end_of(policy, context(), &sim(step, 25.0).messages()).unwrap();
    assert_eq!(end.reason, StopReason::Unstable, "{}", end.detail.said());
    let rows = end.controller.rows(None);
    let found = mean(&rows).estimate.unwrap();
    // Of n steps the i-th takes 21^(i/n) times 10 ms: the mean of the last nine tenths is 72 ms, that of the last half 110.
    assert!((0.06..0.08).contains(&found), "{found}");
}

/// Four intervals of seconds are no evidence, nor are five; six are.
#[test]
fn long_steps_are_known_from_six_on() {
    let long: Step = |_, _, noise| 6000.0 * (1.0 + 0.001 * noise.normal());
    let end = end_of(asked(), context(), &sim(long, 120.0).messages()).unwrap();
    assert_eq!(end.reason, StopReason::Known);
    assert!((36.0..43.0).contains(&end.at_s), "{}", end.at_s);
}
