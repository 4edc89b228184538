//! The time that training takes: projected, to a target accuracy, and what an early end spares of it.

use super::said::Said;
use super::sim::{MS, Message, Sim, context, end_of, feed, policy, say};
use crate::control::{Constraint, Controller, Op, StopPolicy};
use crate::event::{
    EPOCH_SAMPLES, EpochReport, Feasibility, Finished, MetricRow, Num, Phase, StopReason,
    StopRecord, Usage, WorkerEvent,
};
use crate::metric::MetricId;

const TO_ACCURACY: &str = MetricId::TrainTimeToAccuracy.name();

const PROJECTED: &str = "train.time_projected";

/// Steps of 64 samples in 2 ms; after each epoch of a second its validation of 0.2 s. `samples` is what each epoch says
/// that it had, and the worker said before it began where `announced`.
pub(super) fn training(
    epochs: u32,
    samples: u64,
    announced: bool,
    accuracy: fn(u32) -> f64,
) -> Vec<Message> {
    let epoch = [(Phase::Train, 1.0), (Phase::Validate, 0.2)];
    let mut phases = vec![(Phase::Load, 0.2)];
    phases.extend(epoch.repeat(epochs as usize));
    phases.push((Phase::Train, 30.0));
    let sim = Sim { phases, ..Sim::default() };
    let (mut messages, mut over, mut validated) = (Vec::new(), 0, false);
    for message in sim.messages() {
        if let Message::Worker(envelope) = &message
            && let WorkerEvent::Phase { phase } = envelope.event
        {
            if validated && phase == Phase::Train {
                over += 1;
                let report = WorkerEvent::Epoch(EpochReport {
                    epoch: over,
                    samples,
                    train_loss: Num(1.0),
                    validation_loss: None,
                    validation_accuracy: Some(Num(accuracy(over))),
                });
                messages.push(say(envelope.t_ns, report));
            }
            validated = phase == Phase::Validate;
        }
        messages.push(message);
    }
    if announced {
        messages.push(announcement(samples));
        messages.sort_by_key(Message::t_ns);
    }
    messages
}

fn announcement(samples: u64) -> Message {
    let said = WorkerEvent::Metric {
        name: EPOCH_SAMPLES.to_owned(),
        value: Num(samples as f64),
        samples: None,
    };
    say(100 * MS, said)
}

fn until(messages: &[Message], seconds: f64) -> &[Message] {
    let before = |message: &Message| (message.t_ns() as f64) < seconds * 1e9;
    &messages[..messages.partition_point(before)]
}

fn limited(metrics: &[&str], op: Op, (metric, limit): (&str, f64)) -> StopPolicy {
    StopPolicy {
        constraints: vec![Constraint { metric: metric.into(), op, limit }],
        ..policy(metrics)
    }
}

fn row(controller: &Controller, metric: &str) -> MetricRow {
    let mut rows = controller.rows(None).into_iter();
    let row = rows.find(|row| row.metric == metric).unwrap();
    assert_eq!(row.phase, "train");
    row
}

fn near(found: Option<f64>, expected: f64) {
    let found = found.unwrap();
    assert!((found / expected - 1.0).abs() < 0.02, "{found} is not {expected}");
}

/// 10 epochs of 64,000 samples at 2 ms for 64 of them are 20 s; what lies between them is 0.2 s each.
#[test]
fn the_whole_is_projected_from_the_first_steps_and_then_with_what_lies_between_epochs() {
    let messages = training(3, 64_000, true, |_| 0.5);
    // Of so little of the whole a walk of the level is not excluded.
    let chosen = StopPolicy { within: 0.2, ..policy(&[PROJECTED]) };
    let end = end_of(chosen.clone(), context(), &messages).unwrap();
    assert_eq!(end.reason, StopReason::Known, "{}", end.detail.said());
    assert!(end.at_s < 1.4, "known within seconds: {}", end.at_s);
    let found = row(&end.controller, PROJECTED);
    near(found.estimate, 20.0);
    assert!(found.low.unwrap() > 16.0 && found.high.unwrap() < 24.0);
    assert_eq!(found.known, Some(true));
    assert_eq!(
        found.said(),
        "10 epochs of 64000 samples; without validation and other time between epochs, since none is over yet"
    );

    let full = StopPolicy { enabled: false, ..chosen };
    for (seconds, epochs) in [(1.9, "1 epoch"), (4.0, "3 epochs")] {
        let mut controller = Controller::new(full.clone(), context());
        let _ = feed(&mut controller, until(&messages, seconds));
        let found = row(&controller, PROJECTED);
        near(found.estimate, 22.0);
        let note = format!(" of it between epochs (validation), as seen in {epochs}");
        assert!(found.said().ends_with(&note), "{}", found.said());
        // A single one may be followed by none, or by some twice as long.
        let wide = found.high.unwrap() - found.low.unwrap() > 4.0;
        assert_eq!(wide, epochs == "1 epoch", "{found:?}");
    }
}

#[test]
fn an_epoch_of_unknown_size_is_waited_for() {
    let messages = training(3, 64_000, false, |_| 0.5);
    let mut controller = Controller::new(policy(&[PROJECTED]), context());
    let _ = feed(&mut controller, until(&messages, 1.0));
    let found = row(&controller, PROJECTED);
    assert_eq!((found.estimate, found.known), (None, Some(false)));
    assert!(found.said().contains("a worker may report `epoch_samples`"), "{}", found.said());
    let end = end_of(policy(&[PROJECTED]), context(), &messages).unwrap();
    assert!(end.at_s > 1.4, "{}", end.at_s);
    near(row(&end.controller, PROJECTED).estimate, 22.0);
}

#[test]
fn a_limit_on_the_projection_is_decided_by_its_bounds() {
    // 10 epochs of 640,000 samples are 200 s, and 2 s between them.
    let (quick, whole) = (training(0, 640_000, true, |_| 0.5), training(8, 640_000, true, |_| 0.5));
    let open = "train.time_projected <= 5 min 00 s is undecided in train: at least 3 min ";
    for (messages, op, limit, verdict, says) in [
        (
            &quick,
            Op::AtMost,
            100.0,
            Feasibility::Infeasible,
            "train.time_projected <= 100 s is broken in train: at least ",
        ),
        // Before an epoch is over, validation might double it.
        (&quick, Op::AtMost, 500.0, Feasibility::Feasible, " is met in train: at most "),
        (&quick, Op::AtMost, 300.0, Feasibility::Undecided, open),
        (&whole, Op::AtMost, 300.0, Feasibility::Feasible, " is met"),
        (&quick, Op::AtLeast, 100.0, Feasibility::Feasible, " is met in train: at least "),
    ] {
        let asked = limited(&["train.throughput"], op, (PROJECTED, limit));
        let end = end_of(asked, context(), messages).unwrap();
        let ended = StopRecord { reason: end.reason, detail: end.detail.clone() };
        let rows = end.controller.rows(Some(&ended));
        let found = end.controller.feasibility(&rows, &ended).unwrap();
        assert_eq!(found.verdict, verdict, "{limit}: {}", found.said());
        assert!(found.said().contains(says), "{limit}: {}", found.said());
        assert_eq!(end.reason == StopReason::Infeasible, verdict == Feasibility::Infeasible);
        assert!(verdict == Feasibility::Undecided || end.at_s < 6.0);
    }
}

#[test]
fn what_training_has_really_taken_decides_what_no_bound_can() {
    // Steps that take longer and longer have no steady state.
    let slower = |i: u64, _: f64, _: &mut crate::stats::testing::Noise| 2.0 + 0.004 * i as f64;
    let mut messages = Sim::train(slower).messages();
    messages.insert(0, announcement(64_000));
    for (limit, epochs, verdict, says) in [
        (
            25.0,
            0,
            Feasibility::Infeasible,
            "train.time_projected <= 25.0 s is broken: training has taken 25.0",
        ),
        (
            200.0,
            10,
            Feasibility::Feasible,
            "train.time_projected <= 3 min 20 s is met: the whole training took 30.0",
        ),
    ] {
        let asked = StopPolicy {
            max_time_s: 1e3,
            ..limited(&["train.throughput"], Op::AtMost, (PROJECTED, limit))
        };
        let mut messages = messages.clone();
        let last_ns = messages.last().unwrap().t_ns();
        for number in 1..=epochs {
            let report = super::sim::epoch(number, 0.5);
            messages.push(say(last_ns + u64::from(number), report));
        }
        let (controller, ended) = ended(asked, &messages, epochs);
        let rows = controller.rows(Some(&ended));
        let found = controller.feasibility(&rows, &ended).unwrap();
        assert_eq!(found.verdict, verdict, "{}", found.said());
        assert!(found.said().contains(says), "{}", found.said());
    }
}

#[test]
fn an_infeasible_end_says_what_it_spares_at_least() {
    let messages = training(0, 640_000, true, |_| 0.5);
    let asked = limited(&["train.throughput"], Op::AtMost, (PROJECTED, 100.0));
    let end = end_of(asked.clone(), context(), &messages).unwrap();
    let spared = end.controller.saved_s_at_least().unwrap();
    // 200 s, less what was spent since 0.2 s.
    let most = 200.0 - (end.at_s - 0.2);
    assert!((most - 10.0..=most).contains(&spared), "{spared} of {most}");
    let says = " of the training budget were saved";
    assert!(
        end.detail.said().contains("; at least 3 min ") && end.detail.said().ends_with(says),
        "{}",
        end.detail.said()
    );
    // A run may not last longer than it is allowed to.
    let short = StopPolicy { max_run_time_s: Some(60.0), ..asked };
    let end = end_of(short, context(), &messages).unwrap();
    let spared = end.controller.saved_s_at_least().unwrap();
    assert!((spared - (60.0 - end.at_s)).abs() < 1e-6, "{spared}");

    // Of a training whose size is not known, and of one that was not begun.
    let memory = |limit| limited(&[], Op::AtMost, ("memory.peak", limit));
    let unknown = training(0, 640_000, false, |_| 0.5);
    let grows = |from_s: f64| {
        let mut messages = unknown.clone();
        for message in &mut messages {
            if let Message::Sample(sample) = message
                && sample.t_ns as f64 > from_s * 1e9
            {
                sample.peak_bytes = Some(700_000_000);
            }
        }
        messages
    };
    for (from_s, says) in [
        (0.0, "; its training had not begun"),
        (1.0, "; how much training time this saved is not known"),
    ] {
        let end = end_of(memory(500e6), context(), &grows(from_s)).unwrap();
        assert_eq!(end.reason, StopReason::Infeasible);
        assert!(end.detail.said().ends_with(says), "{}", end.detail.said());
        assert_eq!(end.controller.saved_s_at_least(), None);
    }
}

fn rising(epoch: u32) -> f64 {
    f64::from(epoch) * 0.1
}

fn aiming(policy: StopPolicy, target: f64) -> StopPolicy {
    StopPolicy { target_accuracy: Some(target), ..policy }
}

#[test]
fn training_goes_on_until_the_target_is_reached_and_no_longer() {
    let messages = training(10, 1000, true, rising);
    let metrics = ["train.throughput", TO_ACCURACY];
    let end = end_of(aiming(policy(&metrics), 0.55), context(), &messages).unwrap();
    assert_eq!(end.reason, StopReason::Known, "{}", end.detail.said());
    // The sixth epoch ends at 0.2 s and 6 times 1.2 s, and a little for the steps that are not cut.
    assert!((7.4..7.7).contains(&end.at_s), "{}", end.at_s);
    let says = "accuracy 0.6000 reached in epoch 6, after 7.2";
    assert!(end.detail.said().starts_with(says), "{}", end.detail.said());
    let found = row(&end.controller, TO_ACCURACY);
    near(found.estimate, 7.2);
    assert_eq!(found.known, Some(true));
    assert_eq!(found.said(), "0.6000 in epoch 6, the first of at least 0.55");
    // What is not asked for is told nevertheless, and waited for by nobody.
    let end = end_of(aiming(policy(&["train.throughput"]), 0.55), context(), &messages);
    let end = end.unwrap();
    assert!(end.at_s < 2.0, "{}", end.at_s);
    let found = row(&end.controller, TO_ACCURACY);
    assert_eq!((found.estimate, found.known), (None, None));
    assert!(found.said().starts_with("0.55 not reached"), "{}", found.said());
    // The accuracy itself goes on to the end of the training.
    let both = ["train.throughput", TO_ACCURACY, "test_accuracy"];
    assert!(end_of(aiming(policy(&both), 0.55), context(), &messages).is_none());
}

#[test]
fn without_a_target_there_is_no_such_figure() {
    let messages = training(3, 1000, true, rising);
    let end = end_of(policy(&["train.throughput", TO_ACCURACY]), context(), &messages);
    let end = end.unwrap();
    assert!(end.at_s < 2.0, "nobody waits for it: {}", end.at_s);
    let found = row(&end.controller, TO_ACCURACY);
    assert_eq!(found.estimate, None);
    assert_eq!(found.said(), "no target: set target_accuracy in [train]");
}

/// The run as it is at its end, which comes after so many epochs where nothing stops it.
fn ended(asked: StopPolicy, messages: &[Message], epochs: u32) -> (Controller, StopRecord) {
    if let Some(end) = end_of(asked.clone(), context(), messages) {
        let (reason, detail) = (end.reason, end.detail);
        return (end.controller, StopRecord { reason, detail });
    }
    let mut controller = Controller::new(asked, context());
    let _ = feed(&mut controller, messages);
    let last = Finished {
        stopped: false,
        epochs,
        test_loss: None,
        test_accuracy: None,
        test_samples: None,
        usage: Usage::default(),
    };
    let over = say(60_000 * MS, WorkerEvent::Finished(last.clone()));
    let _ = feed(&mut controller, &[over]);
    let ended = controller.natural_end(&last);
    (controller, ended)
}

#[test]
fn a_limit_on_the_time_to_a_target() {
    let stays = |_: u32| 0.5;
    let rises = rising as fn(u32) -> f64;
    for (accuracy, target, limit, epochs, verdict, says) in [
        (
            rises,
            0.55,
            10.0,
            10,
            Feasibility::Feasible,
            "train.time_to_accuracy <= 10.0 s is met: 7.2",
        ),
        // Broken the moment it has passed, reached or not.
        (
            rises,
            0.55,
            3.0,
            10,
            Feasibility::Infeasible,
            "train.time_to_accuracy <= 3.00 s is broken: 0.55 not reached: best 0.2000 in epoch 2, after 3.0",
        ),
        (
            stays,
            0.9,
            600.0,
            10,
            Feasibility::Infeasible,
            "train.time_to_accuracy <= 10 min 00 s is broken: trained to the end, 0.9 not reached: best 0.5000 in epoch 1, after ",
        ),
        (
            stays,
            0.9,
            600.0,
            4,
            Feasibility::Undecided,
            "train.time_to_accuracy <= 10 min 00 s is undecided: 0.9 not reached: best 0.5000 in epoch 1, after ",
        ),
    ] {
        let asked =
            aiming(limited(&["train.throughput"], Op::AtMost, (TO_ACCURACY, limit)), target);
        // Nobody gives up before the budget.
        let asked = StopPolicy { patience: 99, ..asked };
        let messages = training(epochs, 1000, true, accuracy);
        let (controller, ended) = ended(asked, &messages, epochs);
        let rows = controller.rows(Some(&ended));
        let found = controller.feasibility(&rows, &ended).unwrap();
        assert_eq!(found.verdict, verdict, "{}", found.said());
        assert!(found.said().starts_with(says), "{}", found.said());
    }
}
