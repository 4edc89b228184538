//! Series of known truth: when does the rule stop, why, and how right is it?

use super::said::Said;
use super::sim::{MS, Message, Sim, context, end_of, epoch, feed, policy, say, two_modes, whole};
use crate::control::{Controller, RunContext, StopPolicy, Verdict};
use crate::event::{Num, Phase, Stage, StepBatch, StopReason, WorkerEvent};
use crate::stats::testing::Noise;

const STEPS: &[&str] = &["train.throughput", "train.step_latency_mean", "train.step_latency_p50"];

/// A stream, what is asked of it, and what must come out.
struct Case {
    name: &'static str,
    sim: Sim,
    metrics: &'static [&'static str],
    reason: StopReason,
    /// Seconds since the start.
    between: (f64, f64),
    says: &'static [&'static str],
}

/// Name, stream, metrics; reason, seconds since the start, words of the evidence.
fn case(
    (name, sim, metrics): (&'static str, Sim, &'static [&'static str]),
    (reason, between, says): (StopReason, (f64, f64), &'static [&'static str]),
) -> Case {
    Case { name, sim, metrics, reason, between, says }
}

fn beginnings() -> Vec<Case> {
    vec![
        case(
            ("independent", Sim::default(), STEPS),
            (
                StopReason::Known,
                (1.2, 2.2),
                &["3 of 3 chosen metrics within ±5% at 95%, after ", " of training"],
            ),
        ),
        case(
            (
                "a first step of 30 times the rest",
                Sim::train(
                    |i, _, noise| {
                        if i == 0 { 60.0 } else { 2.0 * (1.0 + 0.05 * noise.normal()) }
                    },
                ),
                STEPS,
            ),
            (StopReason::Known, (1.2, 2.5), &["cut as warm-up"]),
        ),
        case(
            (
                "slow half a second, then steady",
                Sim::train(
                    |_, t, noise| if t < 0.5 { 3.0 } else { 2.0 } * (1.0 + 0.05 * noise.normal()),
                ),
                STEPS,
            ),
            (StopReason::Known, (1.2, 4.0), &["cut as warm-up"]),
        ),
        case(
            (
                "steady drift of 10% a second",
                Sim::train(|_, t, noise| (2.0 + 0.2 * t) * (1.0 + 0.02 * noise.normal())),
                STEPS,
            ),
            (
                StopReason::Unstable,
                (20.0, 21.0),
                &["3 of 3 chosen metrics not known", "drifts by +", "train.throughput"],
            ),
        ),
    ]
}

fn shapes() -> Vec<Case> {
    vec![
        case(
            (
                "a wave of 250 steps",
                Sim::train(|i, _, noise| {
                    // Correlated far beyond neighbours; the window must hold many waves.
                    2.0 * (1.0 + 0.1 * (i as f64 / 40.0).sin() + 0.05 * noise.normal())
                }),
                STEPS,
            ),
            (StopReason::Known, (1.2, 8.0), &[]),
        ),
        case(
            (
                "rare spikes",
                Sim::train(|_, _, noise| if noise.uniform() < 0.01 { 20.0 } else { 2.0 }),
                STEPS,
            ),
            (StopReason::Known, (1.2, 12.0), &[]),
        ),
        case(
            (
                "two modes: the median lies between them",
                Sim::train(two_modes),
                &["train.step_latency_p50"],
            ),
            (StopReason::NoiseLimited, (1.2, 6.0), &["train.step_latency_p50 reached ±"]),
        ),
        case(
            ("two modes: the mean is a mean", Sim::train(two_modes), &["train.step_latency_mean"]),
            (StopReason::Known, (1.2, 6.0), &["1 of 1"]),
        ),
    ]
}

fn what_takes_longer() -> Vec<Case> {
    vec![
        case(
            (
                "steps of 0.4 s: ten of them, then a new one for each look",
                Sim::train(|_, _, noise| 400.0 * (1.0 + 0.01 * noise.normal())),
                STEPS,
            ),
            (StopReason::Known, (5.0, 10.0), &["3 of 3"]),
        ),
        case(
            (
                "a 99th percentile waits for its order statistics",
                Sim::train(|_, _, noise| 20.0 * (1.0 + 0.02 * noise.normal())),
                &["train.step_latency_p99"],
            ),
            (StopReason::Known, (7.3, 20.0), &["1 of 1"]),
        ),
        case(
            ("everything that is chosen by default", Sim::default(), &[]),
            (StopReason::Known, (1.9, 6.0), &["6 of 6"]),
        ),
        case(
            (
                "a leak of 20 MB a second",
                Sim { tick: |t, _| (2.0, 100e6 + 20e6 * t), ..Sim::default() },
                &["train.throughput", "memory.peak"],
            ),
            (
                StopReason::Unstable,
                (20.0, 21.0),
                &["1 of 2", "memory.peak: growing by 1.12 GiB a minute"],
            ),
        ),
    ]
}

#[test]
fn each_series_ends_as_its_truth_demands() {
    let cases = [beginnings(), shapes(), what_takes_longer()];
    for case in cases.into_iter().flatten() {
        let end = end_of(policy(case.metrics), context(), &case.sim.messages());
        let end = end.unwrap_or_else(|| panic!("{}: never stopped", case.name));
        println!("{}: {} at {:.2} s: {}", case.name, end.reason, end.at_s, end.detail.said());
        assert_eq!(end.reason, case.reason, "{}: {}", case.name, end.detail.said());
        let (from, to) = case.between;
        assert!(
            (from..=to).contains(&end.at_s),
            "{}: {} s: {}",
            case.name,
            end.at_s,
            end.detail.said()
        );
        for says in case.says {
            assert!(end.detail.said().contains(says), "{}: {}", case.name, end.detail.said());
        }
    }
}

/// A change of regime in the middle of the window must not vanish in a mean that was never true.
#[test]
fn a_change_of_regime_is_not_averaged_over() {
    for seed in 0..20 {
        let sim = Sim {
            seed,
            ..Sim::train(
                |_, t, noise| if t < 2.5 { 2.0 } else { 3.0 } * (1.0 + 0.05 * noise.normal()),
            )
        };
        let asked = StopPolicy { min_time_s: 3.0, ..policy(STEPS) };
        let end = end_of(asked, context(), &sim.messages()).unwrap();
        assert_eq!(end.reason, StopReason::Known, "{}", end.detail.said());
        assert!(end.at_s > 5.0, "at {}: {}", end.at_s, end.detail.said());
        let rows = end.controller.rows(None);
        let mean = rows.iter().find(|row| row.metric == "train.step_latency_mean").unwrap();
        assert!((mean.estimate.unwrap() / 3e-3 - 1.0).abs() < 0.03, "seed {seed}: {mean:?}");
    }
}

/// What is reported at the stop, after as many looks as it took, still covers the truth most of the time. A rule that
/// ignores correlation covers 42 of the 60.
#[test]
fn stopped_estimates_cover() {
    let (mut covered, mut worst, n) = (0u32, 0.0f64, 60u32);
    for seed in 0..n {
        let mut messages = Sim {
            seed: u64::from(seed) * 97,
            tick_ms: 0,
            phases: vec![(Phase::Train, 60.0)],
            ..Sim::default()
        }
        .messages();
        correlate(&mut messages, u64::from(seed));
        let asked = StopPolicy { max_time_s: 60.0, ..policy(&["train.step_latency_mean"]) };
        let end = end_of(asked, context(), &messages).unwrap();
        assert_eq!(end.reason, StopReason::Known, "{}", end.detail.said());
        let rows = end.controller.rows(None);
        let row = rows.iter().find(|row| row.metric == "train.step_latency_mean").unwrap();
        covered += u32::from(row.low.unwrap() <= 2e-3 && 2e-3 <= row.high.unwrap());
        worst = worst.max((row.estimate.unwrap() / 2e-3 - 1.0).abs());
    }
    assert!(f64::from(covered) >= 0.85 * f64::from(n), "{covered} of {n}");
    assert!(worst < 0.10, "{worst}");
}

/// Replaces the durations by AR(1) of mean 2 ms, 20% variation and correlation 0.9.
fn correlate(messages: &mut [Message], seed: u64) {
    let mut series = Noise::new(seed * 13 + 7).ar1(40_000, (2.0, 0.2, 0.9)).into_iter();
    for message in messages {
        if let Message::Worker(envelope) = message
            && let WorkerEvent::Steps(batch) = &mut envelope.event
        {
            for (ns, ms) in batch.dur_ns.iter_mut().zip(series.by_ref()) {
                *ns = whole(ms.max(0.1) * 1e6);
            }
        }
    }
}

#[test]
fn a_loss_that_is_no_number_ends_the_run_even_without_early_stop() {
    for enabled in [true, false] {
        for event in [
            WorkerEvent::Steps(StepBatch {
                phase: Phase::Train,
                items: 64,
                start_ns: 0,
                dur_ns: vec![MS],
                wait_ns: Vec::new(),
                gap_ns: Vec::new(),
                fetch_ns: Vec::new(),
                loss: Some(Num(f64::NAN)),
            }),
            match epoch(1, 0.1) {
                WorkerEvent::Epoch(report) => WorkerEvent::Epoch(crate::event::EpochReport {
                    train_loss: Num(f64::INFINITY),
                    ..report
                }),
                other => other,
            },
        ] {
            let asked = StopPolicy { enabled, ..policy(STEPS) };
            let messages = [say(0, WorkerEvent::Phase { phase: Phase::Train }), say(MS, event)];
            let end = end_of(asked, context(), &messages).unwrap();
            assert_eq!(end.reason, StopReason::Diverged);
            assert!(end.detail.said().contains("loss"), "{}", end.detail.said());
        }
    }
}

#[test]
fn without_early_stop_nothing_is_asked_but_everything_is_judged() {
    let asked = StopPolicy { enabled: false, ..policy(STEPS) };
    let sim = Sim { phases: vec![(Phase::Serve(1), 3.0), (Phase::Train, 25.0)], ..Sim::default() };
    let mut controller = Controller::new(asked, RunContext { serve_sizes: vec![1], ..context() });
    assert_eq!(feed(&mut controller, &sim.messages()), []);
    let rows = controller.rows(None);
    let row = rows.iter().find(|row| row.metric == "train.throughput").unwrap();
    assert_eq!(row.known, Some(true), "{row:?}");
    // Nothing but how much was taken for warm-up.
    let quiet = row.said().is_empty() || row.said().ends_with("left out as warm-up");
    assert!(row.low.is_some() && quiet, "{row:?}");
}

#[test]
fn the_time_of_a_run_is_a_budget_whatever_the_rule() {
    for enabled in [true, false] {
        let asked =
            StopPolicy { enabled, max_run_time_s: Some(1.0), min_time_s: 5.0, ..policy(STEPS) };
        let end = end_of(asked, context(), &Sim::default().messages()).unwrap();
        assert_eq!(
            (end.reason, end.detail.said().as_str()),
            (StopReason::Budget, "the run has used its 1.00 s")
        );
        assert!((1.0..1.2).contains(&end.at_s));
    }
}

#[test]
fn an_accuracy_asks_for_a_whole_training() {
    let accuracies = [0.5, 0.7, 0.8, 0.81, 0.8101, 0.8102, 0.8103, 0.8104, 0.8105, 0.8106];
    let mut messages = Sim { phases: vec![(Phase::Train, 20.0)], ..Sim::default() }.messages();
    for (number, accuracy) in (1u32..).zip(accuracies) {
        messages.push(say(u64::from(number) * 1500 * MS + 1, epoch(number, accuracy)));
    }
    messages.sort_by_key(Message::t_ns);
    let asked = StopPolicy { patience: 3, ..policy(&["train.throughput", "test_accuracy"]) };
    let end = end_of(asked, context(), &messages).unwrap();
    assert_eq!(end.reason, StopReason::Trained, "{}", end.detail.said());
    assert!((10.4..10.7).contains(&end.at_s), "{}", end.at_s);
    assert!(
        end.detail.said().contains("best 0.8100 in epoch 4 of the 7 until then"),
        "{}",
        end.detail.said()
    );
    let rows = end.controller.rows(None);
    let row = rows.iter().find(|row| row.metric == "validation_accuracy").unwrap();
    assert_eq!(row.estimate, Some(0.8103));
}

#[test]
fn equal_streams_give_equal_verdicts_however_they_are_cut() {
    let sim = Sim { phases: vec![(Phase::Serve(1), 3.0), (Phase::Train, 25.0)], ..Sim::default() };
    let messages = sim.messages();
    let new = || Controller::new(policy(&[]), RunContext { serve_sizes: vec![1], ..context() });
    let (mut first, mut second, mut split) = (new(), new(), new());
    let answers = feed(&mut first, &messages);
    assert_eq!(answers.len(), 2, "{answers:?}");
    assert_eq!(answers, feed(&mut second, &messages));
    assert_eq!(first.rows(None), second.rows(None));

    let halves: Vec<Message> = messages.iter().flat_map(halve).collect();
    assert!(halves.len() > messages.len() + 100);
    assert_eq!(answers, feed(&mut split, &halves));
    assert_eq!(first.rows(None), split.rows(None));
}

fn halve(message: &Message) -> Vec<Message> {
    let Message::Worker(envelope) = message else {
        return vec![message.clone()];
    };
    let WorkerEvent::Steps(batch) = &envelope.event else {
        return vec![message.clone()];
    };
    let (left, right) = batch.dur_ns.split_at(batch.dur_ns.len() / 2);
    let part = |dur_ns: &[u64]| StepBatch { dur_ns: dur_ns.to_vec(), ..batch.clone() };
    [left, right].into_iter().map(|ns| say(envelope.t_ns, WorkerEvent::Steps(part(ns)))).collect()
}

#[test]
fn ten_million_steps_stay_in_bounded_memory() {
    let mut controller = Controller::new(policy(STEPS), context());
    let _ = controller.on_worker(match &say(0, WorkerEvent::Phase { phase: Phase::Train }) {
        Message::Worker(envelope) => envelope,
        Message::Sample(_) => return,
    });
    let batch = StepBatch {
        phase: Phase::Train,
        items: 1,
        start_ns: 0,
        dur_ns: vec![10_000; 10_000],
        wait_ns: Vec::new(),
        gap_ns: Vec::new(),
        fetch_ns: Vec::new(),
        loss: None,
    };
    for i in 1..=1000u64 {
        let message = say(
            i * 100 * MS,
            WorkerEvent::Steps(StepBatch { start_ns: i * 100 * MS, ..batch.clone() }),
        );
        let _ = feed(&mut controller, &[message]);
    }
    let state = controller.run.stages.iter().find(|state| state.stage == Stage::Train).unwrap();
    assert_eq!(state.series.times.observations(), 10_000_000);
    assert!(state.series.times.len() < 256 && state.series.quantiles.len() < 64);
    assert!(matches!(controller.natural_end(&finished(10)).reason, StopReason::Known));
}

fn finished(epochs: u32) -> crate::event::Finished {
    crate::event::Finished {
        stopped: true,
        epochs,
        test_loss: None,
        test_accuracy: None,
        test_samples: None,
        usage: crate::event::Usage::default(),
    }
}

#[test]
fn a_verdict_comes_once() {
    let mut controller = Controller::new(policy(STEPS), context());
    let answers = feed(&mut controller, &Sim::default().messages());
    assert!(matches!(&answers[..], [(_, Verdict::Stop(_))]), "{answers:?}");
}

/// Without early stop a long stage must not be judged at every message.
#[test]
fn looks_keep_their_pace_when_nothing_may_be_asked() {
    let asked = StopPolicy { enabled: false, max_time_s: 2.0, ..policy(STEPS) };
    let mut controller = Controller::new(asked, context());
    let (mut looks, mut next) = (0, 0);
    for message in Sim::default().messages() {
        let _ = feed(&mut controller, &[message]);
        if let Some(state) = controller.run.stages.first()
            && state.looks.next_ns != next
        {
            next = state.looks.next_ns;
            looks += 1;
        }
    }
    // Ten in the second after the first, then 5% apart: about 55 to the 30th second.
    assert!((40..70).contains(&looks), "{looks}");
}
