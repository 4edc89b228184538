//! Serving once more on the trained model.

use super::said::Said;
use super::sim::{MS, Message, Sim, context, epoch, feed, policy, say};
use crate::control::rule::RuleSpec;
use crate::control::shadow::ShadowRun;
use crate::control::{Constraint, Controller, Op, RunContext, RunReplay, StopPolicy, Verdict};
use crate::event::{
    Feasibility, Finished, Num, Phase, RunVerdict, Stage, StopReason, StopRecord, Usage,
    WorkerEvent,
};

const LIMIT: f64 = 3e-3;

fn serving() -> RunContext {
    RunContext { serve_sizes: vec![1, 32], confirm: true, ..context() }
}

/// Requests must be answered in 3 ms, and the accuracy is asked for.
fn asked() -> StopPolicy {
    StopPolicy {
        constraints: vec![Constraint {
            metric: "serve.latency_mean".into(),
            op: Op::AtMost,
            limit: LIMIT,
        }],
        patience: 2,
        ..policy(&["train.throughput", "validation_accuracy"])
    }
}

/// A whole run: requests of 2 ms, training in ten epochs of 2 s whose accuracy is best in the third, and requests of `ms`
/// on the trained model.
fn whole(ms: f64, confirmed: bool) -> Vec<Message> {
    let phases = |phases: &[(Phase, f64)], step| Sim {
        phases: phases.to_vec(),
        step,
        tick_ms: 0,
        ..Sim::default()
    };
    let serve = |first: Phase, second: Phase| [(first, 4.0), (second, 4.0)];
    let before = [&[(Phase::Load, 0.2)][..], &serve(Phase::Serve(1), Phase::Serve(32))].concat();
    let before = [before, vec![(Phase::Train, 20.0)]].concat();
    let mut messages =
        phases(&before, |_, _, noise| 2.0 * (1.0 + 0.05 * noise.normal())).messages();
    let trained_ns = 28_300 * MS;
    for number in 1..=10 {
        let accuracy = 0.8 + 0.05 * f64::from(number.min(3));
        messages.push(say((8_200 + 2_000 * u64::from(number)) * MS, epoch(number, accuracy)));
    }
    messages.sort_by_key(Message::t_ns);
    let mut end_ns = trained_ns;
    if confirmed {
        let again = serve(Phase::Confirm(1), Phase::Confirm(32));
        let again = phases(&again, |_, _, noise| 2.0 * (1.0 + 0.05 * noise.normal()));
        for message in again.messages() {
            let Message::Worker(mut envelope) = message else {
                continue;
            };
            envelope.t_ns += trained_ns;
            if let WorkerEvent::Steps(batch) = &mut envelope.event {
                batch.start_ns += trained_ns;
                let slower = |ns: &mut u64| *ns = super::sim::whole(*ns as f64 * ms / 2.0);
                batch.dur_ns.iter_mut().for_each(slower);
            }
            messages.push(Message::Worker(envelope));
        }
        end_ns += 8_100 * MS;
    }
    let test = WorkerEvent::Phase { phase: Phase::Test };
    messages.push(say(end_ns, test));
    messages.push(say(end_ns + 500 * MS, WorkerEvent::Finished(finished())));
    messages
}

fn finished() -> Finished {
    Finished {
        stopped: false,
        epochs: 10,
        test_loss: None,
        test_accuracy: Some(Num(0.9)),
        test_samples: None,
        usage: Usage::default(),
    }
}

/// What the controller says, and the verdict at the end.
fn judged(policy: StopPolicy, messages: &[Message]) -> (Vec<String>, StopRecord, RunVerdict) {
    let mut controller = Controller::new(policy, serving());
    let answers = feed(&mut controller, messages);
    let said = answers.into_iter().map(|(_, verdict)| match verdict {
        Verdict::Advance { phase, .. } => phase.to_string(),
        Verdict::Confirm(record) => format!("confirm, {}", record.reason),
        Verdict::Stop(record) => record.reason.to_string(),
        Verdict::Continue => String::new(),
    });
    let end = controller.natural_end(&finished());
    let rows = controller.rows(Some(&end));
    let verdict = controller.feasibility(&rows, &end).unwrap();
    (said.collect(), end, verdict)
}

#[test]
fn a_trained_model_is_served_once_more_and_the_verdict_rests_on_it() {
    for (ms, verdict, said, says) in [
        (
            2.0,
            Feasibility::Feasible,
            &["confirm[1]", "confirm[32]"][..],
            "serve.latency_mean <= 3.00 ms is met in confirm[1]: at most 2.0",
        ),
        (
            4.0,
            Feasibility::Infeasible,
            &["infeasible"][..],
            "serve.latency_mean <= 3.00 ms is broken in confirm[1]: at least 3.",
        ),
    ] {
        let (answers, end, found) = judged(asked(), &whole(ms, true));
        let before = ["serve[1]", "serve[32]", "confirm, trained"];
        assert_eq!(answers, [&before[..], said].concat());
        assert_eq!(found.verdict, verdict, "{}", found.said());
        assert!(found.said().starts_with(says), "{}", found.said());
        assert!(found.said().contains("one by one, on trained weights"), "{}", found.said());
        let reason = match verdict {
            Feasibility::Infeasible => StopReason::Infeasible,
            _ => StopReason::Trained,
        };
        assert_eq!(end.reason, reason, "{}", end.detail.said());
    }
}

#[test]
fn a_trained_model_that_breaks_its_limit_afterwards_stays_trained() {
    let accuracy = |ms: f64| {
        let mut controller = Controller::new(asked(), serving());
        // It was told to leave the training in its fifth epoch.
        let mut messages = whole(ms, true);
        messages.retain(|message| {
            !matches!(message, Message::Worker(envelope)
                if matches!(&envelope.event, WorkerEvent::Epoch(report) if report.epoch > 5))
        });
        let _ = feed(&mut controller, &messages);
        let end = controller.natural_end(&finished());
        assert!(controller.was_trained());
        let rows = controller.rows(Some(&end));
        let found = rows.into_iter().find(|row| row.metric == "test_accuracy");
        (end.reason, found.unwrap().said())
    };
    assert_eq!(accuracy(2.0), (StopReason::Trained, String::new()));
    assert_eq!(accuracy(4.0), (StopReason::Infeasible, String::new()));
}

#[test]
fn a_run_out_of_time_while_it_confirms_is_still_one_of_a_trained_model() {
    let asked = StopPolicy { max_run_time_s: Some(29.0), ..asked() };
    let (answers, end, found) = judged(asked, &whole(2.0, true));
    assert_eq!(answers.last().unwrap(), "trained");
    assert_eq!(end.reason, StopReason::Trained);
    assert!(end.detail.said().ends_with("; the run has used its 29.0 s"), "{}", end.detail.said());
    // The phase for one sample had begun and was not decided, the other never began.
    assert_eq!(found.verdict, Feasibility::Undecided, "{}", found.said());
    assert!(found.said().contains("is undecided in confirm[1]"), "{}", found.said());
}

#[test]
fn a_run_that_did_not_get_that_far_says_so() {
    let (answers, _, found) = judged(asked(), &whole(2.0, false));
    assert_eq!(answers, ["serve[1]", "serve[32]", "confirm, trained"]);
    assert_eq!(found.verdict, Feasibility::Feasible, "{}", found.said());
    assert!(
        found.said().contains("is met in serve[1]: at most 2.0")
            && found.said().contains("one by one, on untrained weights"),
        "{}",
        found.said()
    );
    // Without training nobody knows what the weights are.
    let mut controller = Controller::new(asked(), RunContext { epochs: 0, ..serving() });
    let messages = whole(2.0, false);
    let served = messages.partition_point(|message| message.t_ns() < 8_300 * MS);
    let _ = feed(&mut controller, &messages[..served]);
    let end = controller.natural_end(&finished());
    let rows = controller.rows(Some(&end));
    let found = controller.feasibility(&rows, &end).unwrap();
    assert!(!found.said().contains("weights"), "{}", found.said());
    assert!(rows.iter().all(|row| !row.phase.starts_with("confirm")));
}

#[test]
fn the_whole_run_gives_the_same_verdict_and_its_rows() {
    let full = StopPolicy { enabled: false, ..asked() };
    for (ms, verdict) in [(2.0, Feasibility::Feasible), (4.0, Feasibility::Infeasible)] {
        let (answers, end, found) = judged(full.clone(), &whole(ms, true));
        assert_eq!((answers.len(), end.reason), (0, StopReason::Completed));
        assert_eq!(found.verdict, verdict, "{}", found.said());
    }
    // What was broken before training would have ended the run there, whatever comes after.
    let mut tight = full.clone();
    tight.constraints[0].limit = 1.8e-3;
    let (_, _, found) = judged(tight, &whole(1.0, true));
    assert_eq!(found.verdict, Feasibility::Infeasible);
    assert!(
        found.said().contains("broken in serve[1]: at least")
            && found.said().contains("untrained weights; on trained weights it is met"),
        "{}",
        found.said()
    );

    let mut controller = Controller::new(full, serving());
    let _ = feed(&mut controller, &whole(4.0, true));
    let rows = controller.rows(None);
    let row = |phase: &str, metric: &str| {
        let mut rows = rows.iter();
        rows.find(|row| row.phase == phase && row.metric == metric).unwrap()
    };
    for (phase, ms) in [("serve[1]", 2.0), ("confirm[1]", 4.0), ("confirm[32]", 4.0)] {
        let found = row(phase, "serve.latency_mean").estimate.unwrap();
        assert!((found * 1e3 / ms - 1.0).abs() < 0.02, "{phase}: {found}");
    }
    assert_eq!(row("confirm[1]", "serve.latency_mean").known, None);
    assert_eq!(row("serve[1]", "serve.latency_mean").known, Some(true));
}

#[test]
fn what_nobody_constrains_is_not_confirmed() {
    let free = StopPolicy { constraints: Vec::new(), ..asked() };
    let context = RunContext { confirm: false, ..serving() };
    let mut controller = Controller::new(free, context);
    let answers = feed(&mut controller, &whole(2.0, false));
    assert!(
        matches!(&answers[2].1, Verdict::Stop(record) if record.reason == StopReason::Trained),
        "{answers:?}"
    );
    let rows = controller.rows(None);
    assert!(rows.iter().all(|row| !row.phase.starts_with("confirm")));
}

#[test]
fn a_shadow_leaves_its_training_and_sees_the_confirmation() {
    let full = StopPolicy { enabled: false, ..asked() };
    let mut shadow = ShadowRun::new(&full, &RuleSpec::default(), serving());
    let mut replay = RunReplay::new(&full, &RuleSpec::default(), serving());
    for message in &whole(2.0, true) {
        if let Message::Worker(envelope) = message {
            shadow.on_worker(envelope);
            replay.on_worker(envelope);
        }
    }
    let end = shadow.finish();
    assert_eq!(end.stop.reason, StopReason::Trained, "{}", end.stop.detail.said());
    // From the end of the fifth epoch, at 18.2 s, to that of the tenth, and what was left of four serve phases.
    assert!((18.0..24.0).contains(&end.saved_s), "{}", end.saved_s);
    let verdict = end.verdict.unwrap();
    assert_eq!(verdict.verdict, Feasibility::Feasible, "{}", verdict.said());
    assert!(verdict.said().contains("met in confirm[32]"));
    let again = |stage: Stage| matches!(stage, Stage::Confirm(_));
    assert!(!end.figures.iter().any(|figure| again(figure.stage)));
    assert!(!replay.finish().iter().any(|found| again(found.stage)));
    let mut tested = end.rows.iter();
    let tested = tested.find(|row| row.metric == "test_accuracy").unwrap();
    assert_eq!(tested.estimate, None, "that of another model");
    assert!(tested.said().contains("after the training"));
}
