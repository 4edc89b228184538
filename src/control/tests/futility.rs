//! Stages that are left since waiting is futile, and such as are not.

use super::said::Said;
use super::sim::{MS, Message, Sim, Step, context, end_of, epoch, feed, policy, say};
use crate::control::rule::RuleSpec;
use crate::control::{Controller, RunContext, RunReplay, StopPolicy, Verdict};
use crate::event::{
    EPOCH_SAMPLES, Note, Num, OpenHow, Phase, RuleSaid, StageEnd, StopDetail, StopReason,
    WorkerEvent,
};
use crate::stats::testing::Noise;

/// One step in fifty takes two hundred times as long: the mean needs minutes.
fn wild(_: u64, _: f64, noise: &mut Noise) -> f64 {
    if noise.uniform() < 0.02 { 200.0 } else { 1.0 }
}

/// Known after some seconds.
fn lively(_: u64, _: f64, noise: &mut Noise) -> f64 {
    20.0 * (1.0 + 0.18 * noise.normal()).max(0.1)
}

fn rate() -> StopPolicy {
    policy(&["train.throughput"])
}

#[test]
fn what_drowns_in_noise_is_not_waited_for() {
    let end = end_of(rate(), context(), &Sim::train(wild).messages()).unwrap();
    assert_eq!(end.reason, StopReason::NoiseLimited, "{}", end.detail.said());
    assert!(end.at_s < 5.0, "at {}: {}", end.at_s, end.detail.said());
    let StopDetail::NoiseLimited(found) = &end.detail else { panic!("{:?}", end.detail) };
    let OpenHow::NoiseLimited { half_width, asked, takes_s } = found.stages[0].figures[0].how
    else {
        panic!("{found:?}")
    };
    assert!(half_width.0 > 0.1 && takes_s.is_some_and(|takes_s| takes_s.0 > 20.0), "{found:?}");
    assert_eq!(asked, Num(0.05));
    let rows = end.controller.rows(None);
    let row = rows.iter().find(|row| row.metric == "train.throughput").unwrap();
    assert_eq!(row.known, Some(false));
    let says = Note::NoiseLimited { reached: half_width, asked: Num(0.05), takes_s };
    assert!(row.notes.contains(&says), "{row:?}");
}

/// Of the stages that were given up, at most one in twenty would have been known within half of the time that was left.
#[test]
fn a_stage_is_not_given_up_by_bad_luck() {
    let (mut given_up, mut rash, mut known) = (0u32, 0u32, 0u32);
    for seed in 0..60 {
        let messages = Sim { seed, tick_ms: 0, ..Sim::train(lively) }.messages();
        let limited = StopPolicy { max_time_s: 4.0, ..rate() };
        let end = end_of(limited, context(), &messages).unwrap();
        if end.reason != StopReason::NoiseLimited {
            known += u32::from(end.reason == StopReason::Known);
            continue;
        }
        given_up += 1;
        let patient = end_of(StopPolicy { max_time_s: 29.0, ..rate() }, context(), &messages);
        let half_s = end.at_s + (4.2 - end.at_s) / 2.0;
        rash +=
            u32::from(patient.is_some_and(|patient| {
                patient.reason == StopReason::Known && patient.at_s <= half_s
            }));
    }
    assert!(given_up >= 10 && known >= 10, "{given_up} given up, {known} known");
    assert!(20 * rash <= given_up, "{rash} of {given_up}");
}

/// What drifts may settle: it has all the time that there is, and is called unstable.
#[test]
fn a_drift_is_not_noise() {
    let drifts: Step = |_, t, noise| (2.0 + 0.2 * t) * (1.0 + 0.02 * noise.normal());
    let end = end_of(rate(), context(), &Sim::train(drifts).messages()).unwrap();
    assert_eq!(end.reason, StopReason::Unstable, "{}", end.detail.said());
    assert!(end.at_s >= 20.0, "{}", end.at_s);
}

/// A metric that may still become known is waited for; then the stage is left as what it is.
#[test]
fn what_may_become_known_is_waited_for() {
    let sim = Sim {
        // The memory stands still from the third second on.
        tick: |t, noise| (2.0 + 0.02 * noise.normal(), 300e6 + 200e6 * t.min(3.0)),
        ..Sim::train(wild)
    };
    let asked = policy(&["train.throughput", "memory.peak"]);
    let end = end_of(asked, context(), &sim.messages()).unwrap();
    assert_eq!(end.reason, StopReason::NoiseLimited, "{}", end.detail.said());
    assert!(end.at_s > 4.0 && end.at_s < 15.0, "at {}: {}", end.at_s, end.detail.said());
    assert!(end.detail.said().contains("1 of 2"), "{}", end.detail.said());
}

/// The time that is left is that of the epochs, where these end sooner than the limit of a stage.
#[test]
fn a_training_that_ends_soon_leaves_no_time() {
    // Known after some seconds, if there were so many.
    let steps: Step = |_, _, noise| 20.0 * (1.0 + 0.25 * noise.normal()).max(0.1);
    let ends = |epochs: u32| {
        let mut messages = Sim::train(steps).messages();
        let value = Num(64.0 * 50.0);
        let said = WorkerEvent::Metric { name: EPOCH_SAMPLES.to_owned(), value, samples: None };
        messages.insert(0, say(0, said));
        let context = RunContext { epochs, ..context() };
        end_of(rate(), context, &messages).unwrap()
    };
    let (short, long) = (ends(2), ends(200));
    assert_eq!(long.reason, StopReason::Known, "{}", long.detail.said());
    assert_eq!(short.reason, StopReason::NoiseLimited, "{}", short.detail.said());
    assert!(short.at_s < 3.0 && short.at_s < long.at_s, "{} {}", short.at_s, long.at_s);
}

#[test]
fn a_serve_phase_is_left_by_the_time_that_it_has() {
    let sim = Sim { phases: vec![(Phase::Serve(1), 8.0), (Phase::Train, 5.0)], ..Sim::train(wild) };
    let context = RunContext { serve_sizes: vec![1], serve_max_s: Some(4.0), ..context() };
    let mut controller = Controller::new(policy(&["serve.latency_mean"]), context);
    let answers = feed(&mut controller, &sim.messages());
    let (at_s, Verdict::Advance { phase: Phase::Serve(1), why: StageEnd::NoiseLimited(_) }) =
        &answers[0]
    else {
        panic!("{answers:?}")
    };
    assert!(*at_s < 4.0, "{at_s}");
}

#[test]
fn nothing_is_left_without_early_stop() {
    let asked = StopPolicy { enabled: false, ..rate() };
    let mut controller = Controller::new(asked, context());
    assert_eq!(feed(&mut controller, &Sim::train(wild).messages()), []);
}

/// A recording says of a metric that it was given up when the run said so.
#[test]
fn a_full_recording_gives_up_when_a_stopped_one_did() {
    let messages = Sim::train(wild).messages();
    let end = end_of(rate(), context(), &messages).unwrap();
    let mut replay = RunReplay::new(&rate(), &RuleSpec::default(), context());
    for message in &messages {
        match message {
            Message::Worker(envelope) => replay.on_worker(envelope),
            Message::Sample(sample) => replay.on_sample(sample),
        }
    }
    let found = &replay.finish()[0];
    let began_s = 0.2;
    let gave_up_s = found.gave_up_s.unwrap();
    assert!((gave_up_s + began_s - end.at_s).abs() < 0.2, "{gave_up_s} {}", end.at_s);
    let reason = &found.judgement.reason;
    assert!(matches!(reason, RuleSaid::GaveUp { .. }), "{reason:?}");
    assert_eq!(found.judgement.stop_s, None);
}

/// An accuracy asks for the whole training, however noisy its steps are.
#[test]
fn an_accuracy_is_waited_for() {
    let mut messages = Sim::train(wild).messages();
    messages.push(say(6_000 * MS, epoch(1, 0.5)));
    messages.push(say(9_000 * MS, epoch(2, 0.5)));
    messages.sort_by_key(Message::t_ns);
    let asked = StopPolicy { patience: 1, ..policy(&["train.throughput", "test_accuracy"]) };
    let end = end_of(asked, context(), &messages).unwrap();
    assert_eq!(end.reason, StopReason::Trained, "{}", end.detail.said());
    assert!((8.9..9.3).contains(&end.at_s), "{}", end.at_s);
}
