//! Constraints against streams of known truth.

use std::collections::BTreeMap;

use super::said::Said;
use super::sim::{MS, Message, Sim, Step, context, end_of, epoch, feed, policy, say};
use crate::control::{Constraint, Controller, Op, RunContext, StopPolicy, Verdict};
use crate::event::{
    Feasibility, Finished, Num, Phase, Reason, RunVerdict, StopDetail, StopReason, StopRecord,
    Usage, WorkerEvent,
};
use crate::stats::testing::Noise;

fn constraint(metric: &str, op: Op, limit: f64) -> Constraint {
    Constraint { metric: metric.into(), op, limit }
}

fn limited(metrics: &[&str], constraints: &[Constraint]) -> StopPolicy {
    StopPolicy { constraints: constraints.to_vec(), ..policy(metrics) }
}

fn serving() -> RunContext {
    RunContext { serve_sizes: vec![1, 32], ..context() }
}

/// Steps of 2 ms: two serve phases, then training.
fn three_phases() -> Sim {
    Sim {
        phases: vec![
            (Phase::Load, 0.2),
            (Phase::Serve(1), 6.0),
            (Phase::Serve(32), 6.0),
            (Phase::Train, 30.0),
        ],
        ..Sim::default()
    }
}

/// The verdict of a controller whose run ended like this.
pub(super) fn verdict(
    controller: &Controller,
    reason: StopReason,
    detail: &StopDetail,
) -> RunVerdict {
    let ended = StopRecord { reason, detail: detail.clone() };
    let rows = controller.rows(Some(&ended));
    controller.feasibility(&rows, &ended).unwrap()
}

fn finished(epochs: u32, accuracy: Option<f64>) -> Finished {
    Finished {
        stopped: false,
        epochs,
        test_loss: None,
        test_accuracy: accuracy.map(Num),
        test_samples: None,
        usage: Usage::default(),
    }
}

#[test]
fn a_run_ends_as_soon_as_a_constraint_is_broken_for_certain() {
    let p99 = constraint("serve.latency_p99", Op::AtMost, 1.5e-3);
    let mean = constraint("serve.latency_mean", Op::Below, 1.9e-3);
    let rate = constraint("serve.throughput", Op::AtLeast, 40_000.0);
    let cpu = constraint("cpu.utilisation", Op::AtMost, 150.0);
    for (constraint, says, latest) in [
        (p99, "serve.latency_p99 <= 1.50 ms is broken in serve[1]: at least 2", 1.5),
        (mean, "serve.latency_mean < 1.90 ms is broken in serve[1]: at least 1.9", 1.5),
        (rate, "serve.throughput >= 40.0 k/s is broken in serve[1]: at most 3", 1.5),
    ] {
        // Chosen or not, and whatever else would take longer.
        let policy = limited(&["train.throughput"], &[constraint]);
        let end = end_of(policy, serving(), &three_phases().messages()).unwrap();
        assert_eq!(end.reason, StopReason::Infeasible, "{}", end.detail.said());
        assert!(end.detail.said().starts_with(says), "{}", end.detail.said());
        assert!(end.detail.said().contains(" at 99.5%, after 1."));
        let rest = "one by one, on untrained weights; its training had not begun";
        assert!(end.detail.said().ends_with(rest), "{}", end.detail.said());
        assert!(end.at_s < 0.2 + latest, "{}", end.at_s);
        let found = verdict(&end.controller, end.reason, &end.detail);
        assert_eq!(found.verdict, Feasibility::Infeasible);
        assert!(end.detail.said().starts_with(&found.said()), "{found:?}");
    }
    // A gauge has ten readings a second, and few may have missed something.
    let end = end_of(limited(&[], &[cpu]), context(), &Sim::default().messages()).unwrap();
    assert_eq!(end.reason, StopReason::Infeasible, "{}", end.detail.said());
    assert!((3.0..9.0).contains(&end.at_s), "{}", end.at_s);
}

#[test]
fn a_run_that_keeps_its_constraints_ends_as_it_would_without() {
    let kept = [
        constraint("serve.latency_p50", Op::AtMost, 2.4e-3),
        constraint("serve.latency_mean", Op::Below, 2.4e-3),
        constraint("train.throughput", Op::AtLeast, 25_000.0),
        constraint("memory.peak", Op::AtMost, 350e6),
    ];
    let metrics = ["throughput", "serve.latency_p50", "memory.peak"];
    let messages = three_phases().messages();
    let end = end_of(limited(&metrics, &kept), serving(), &messages).unwrap();
    assert_eq!(end.reason, StopReason::Known, "{}", end.detail.said());
    let found = verdict(&end.controller, end.reason, &end.detail);
    assert_eq!(found.verdict, Feasibility::Feasible, "{}", found.said());
    for says in [
        "serve.latency_p50 <= 2.40 ms is met in serve[1]: at most 2.0",
        "serve.latency_p50 <= 2.40 ms is met in serve[32]: at most 2.0",
        "train.throughput >= 25.0 k/s is met in train: at least 3",
        "memory.peak <= 333.786 MiB is met over the stages completed: 286 MiB",
    ] {
        assert!(found.said().contains(says), "{}", found.said());
    }
    // Without early stop the verdict is the same, and nobody is stopped.
    for (constraints, says) in [
        (&kept[..], Feasibility::Feasible),
        (&[constraint("serve.latency_p50", Op::AtMost, 1.8e-3)], Feasibility::Infeasible),
    ] {
        let full = StopPolicy { enabled: false, ..limited(&metrics, constraints) };
        let mut controller = Controller::new(full, serving());
        assert_eq!(feed(&mut controller, &messages), []);
        let last = finished(0, None);
        let _ = feed(&mut controller, &[say(43_000 * MS, WorkerEvent::Finished(last))]);
        let found = verdict(&controller, StopReason::Completed, &StopDetail::Unknown);
        assert_eq!(found.verdict, says, "{}", found.said());
    }
}

/// A body that wanders between two speeds, and stalls that come one by one: of the stalls alone the 99th percentile is known
/// well, by the rule of the intervals it is not. A verdict never rests on less than the interval that stands beside it.
#[test]
fn no_verdict_lies_within_the_interval_of_the_table() {
    let step = |i: u64, _: f64, noise: &mut Noise| {
        let fast = ((i / 60).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40).is_multiple_of(2);
        let body = if fast { 0.2 } else { 0.3 };
        let stall = noise.uniform() < 0.0125;
        if stall { 0.4 + 4.0 * noise.uniform() } else { body * (1.0 + 0.02 * noise.normal()) }
    };
    let sim =
        Sim { phases: vec![(Phase::Load, 0.2), (Phase::Serve(1), 19.0)], step, ..Sim::default() };
    let messages = sim.messages();
    let context = RunContext { serve_sizes: vec![1], epochs: 0, ..context() };
    let mut decided = 0;
    for limit in [0.1e-3, 0.315e-3, 0.5e-3, 1.8e-3, 10e-3] {
        let p99 = constraint("serve.latency_p99", Op::AtMost, limit);
        let policy = StopPolicy { enabled: false, ..limited(&["serve.latency_p99"], &[p99]) };
        let mut controller = Controller::new(policy, context.clone());
        feed(&mut controller, &messages);
        let ended = StopRecord { reason: StopReason::Budget, detail: StopDetail::Unknown };
        let rows = controller.rows(Some(&ended));
        let row = rows.iter().find(|row| row.metric == "serve.latency_p99").unwrap();
        let (low, high) = (row.low.unwrap(), row.high.unwrap());
        let found = controller.feasibility(&rows, &ended).unwrap();
        let open = found.verdict == Feasibility::Undecided;
        assert!(open || limit < low || limit > high, "{low} {high}: {}", found.said());
        decided += u32::from(!open);
    }
    assert!(decided >= 2, "what is far from the interval is decided");
}

#[test]
fn what_lies_at_its_limit_is_waited_for_and_stays_undecided() {
    // 64 samples in 2 ms, on average (and one slow period in four, so that steps are not independent).
    let step = |i: u64, _: f64, noise: &mut Noise| {
        let slow = if (i / 50).is_multiple_of(4) { 0.3 } else { -0.1 };
        2.0 * (1.0 + slow + 0.05 * noise.normal())
    };
    let at = constraint("train.throughput", Op::AtLeast, 32_000.0);
    let messages = Sim::train(step).messages();
    let free = end_of(policy(&["train.throughput"]), context(), &messages).unwrap();
    let end = end_of(limited(&["train.throughput"], &[at]), context(), &messages).unwrap();
    assert_eq!(end.reason, StopReason::Known, "{}", end.detail.said());
    assert!(free.at_s < 15.0 && end.at_s >= 20.0, "{} {}", free.at_s, end.at_s);
    let found = verdict(&end.controller, end.reason, &end.detail);
    assert_eq!(found.verdict, Feasibility::Undecided);
    assert!(
        found.said().starts_with("train.throughput >= 32.0 k/s is undecided in train: at least ")
            && found.said().contains(" and at most "),
        "{}",
        found.said()
    );
}

/// Replaces every step by one of a series with lag-1 correlation 0.9.
fn correlate(messages: &mut [Message], seed: u64) {
    let mut values = Noise::new(seed).ar1(40_000, (2e6, 0.1, 0.9)).into_iter();
    for message in messages {
        if let Message::Worker(envelope) = message
            && let WorkerEvent::Steps(batch) = &mut envelope.event
        {
            for ns in &mut batch.dur_ns {
                *ns = super::sim::whole(values.next().unwrap());
            }
        }
    }
}

#[test]
fn an_autocorrelated_series_near_its_limit_is_not_judged_wrongly() {
    let mut decided = 0;
    for seed in 0..10 {
        let mut messages = Sim::default().messages();
        correlate(&mut messages, seed * 101 + 9);
        for (limit, wrong) in [(1.96e-3, Feasibility::Feasible), (2.04e-3, Feasibility::Infeasible)]
        {
            let mean = constraint("train.step_latency_mean", Op::AtMost, limit);
            let policy = limited(&["train.step_latency_mean"], &[mean]);
            let end = end_of(policy, context(), &messages).unwrap();
            let found = verdict(&end.controller, end.reason, &end.detail);
            assert_ne!(found.verdict, wrong, "{seed}: {}", found.said());
            decided += u32::from(found.verdict != Feasibility::Undecided);
        }
    }
    assert!(decided >= 10, "{decided} of 20");
}

#[test]
fn a_peak_over_its_limit_decides_at_once() {
    let sim = Sim {
        tick: |t, noise| (2.0 + 0.02 * noise.normal(), if t > 0.75 { 700e6 } else { 300e6 }),
        ..Sim::default()
    };
    let peak = constraint("memory.peak", Op::AtMost, 536_870_912.0);
    let asked = limited(&[], std::slice::from_ref(&peak));
    let end = end_of(asked.clone(), context(), &sim.messages()).unwrap();
    assert_eq!(end.reason, StopReason::Infeasible);
    assert!((0.75..0.85).contains(&end.at_s), "{}", end.at_s);
    let says = "memory.peak <= 512 MiB is broken: it reached 668 MiB and passed the limit after 805 ms of the run; how much training time this \
                saved is not known";
    assert_eq!(end.detail.said(), says);
    // A run that is not ended for it goes on, and is told the same at its end.
    let whole = StopPolicy { enabled: false, ..asked.clone() };
    let mut controller = Controller::new(whole, context());
    let _ = feed(&mut controller, &sim.messages());
    let found = verdict(&controller, StopReason::Completed, &StopDetail::Unknown);
    let says = "it reached 668 MiB and passed the limit after 805 ms of the run";
    assert!(found.said().contains(says), "{}", found.said());
    // The sum over several processes counts what they share more than once: that is not certain.
    let mut messages = sim.messages();
    for message in &mut messages {
        if let Message::Sample(sample) = message {
            sample.processes = 2;
        }
    }
    let end = end_of(asked, context(), &messages).unwrap();
    assert_eq!(end.reason, StopReason::Known, "{}", end.detail.said());
    let found = verdict(&end.controller, end.reason, &end.detail);
    assert_eq!(found.verdict, Feasibility::Undecided, "{}", found.said());
    assert!(found.said().contains("is an upper bound"), "{}", found.said());
    // Within its limit so far is not within its limit.
    let mut controller = Controller::new(limited(&[], &[peak]), context());
    let calm = Sim::default().messages();
    let _ = feed(&mut controller, &calm[..calm.partition_point(|m| m.t_ns() < 900 * MS)]);
    let found = verdict(&controller, StopReason::Cancelled, &StopDetail::ByUser);
    assert_eq!(found.verdict, Feasibility::Undecided);
    assert!(found.said().contains("before its stages were over"), "{}", found.said());
}

#[test]
fn a_run_that_broke_off_proves_nothing() {
    let kept = constraint("train.throughput", Op::AtLeast, 25_000.0);
    let policy = limited(&["train.throughput"], &[kept]);
    let end = end_of(policy, context(), &Sim::default().messages()).unwrap();
    for (reason, says) in [
        (StopReason::Known, Ok("train.throughput >= 25.0 k/s is met")),
        (StopReason::Diverged, Err("the training diverged")),
        (StopReason::Failed, Err("the run failed")),
        (StopReason::Cancelled, Err("the run was cancelled")),
    ] {
        let found = verdict(&end.controller, reason, &StopDetail::Unknown);
        let (verdict, says) = match says {
            Ok(says) => (Feasibility::Feasible, says),
            Err(says) => (Feasibility::Undecided, says),
        };
        assert_eq!(found.verdict, verdict, "{reason}: {}", found.said());
        assert!(found.said().starts_with(says), "{}", found.said());
    }
}

#[test]
fn what_cannot_be_read_is_undecided_and_never_met() {
    let unsupported = BTreeMap::from([("gpu".to_owned(), Reason::unsupported("no NVML"))]);
    let context = RunContext { unsupported, ..context() };
    for metric in ["gpu.utilisation", "gpu.memory_peak"] {
        let policy = limited(&["train.throughput"], &[constraint(metric, Op::AtMost, 1e12)]);
        let end = end_of(policy, context.clone(), &Sim::default().messages()).unwrap();
        assert_eq!(end.reason, StopReason::Known, "{}", end.detail.said());
        assert!(end.at_s < 5.0, "nobody waits for it: {}", end.at_s);
        let found = verdict(&end.controller, end.reason, &end.detail);
        assert_eq!(found.verdict, Feasibility::Undecided, "{metric}");
        assert!(found.said().contains("no NVML"), "{}", found.said());
    }
    // Serving that never began.
    let policy = limited(&[], &[constraint("serve.latency_p50", Op::AtMost, 1.0)]);
    let mut controller = Controller::new(policy, serving());
    let _ = feed(&mut controller, &Sim::default().messages());
    let found = verdict(&controller, StopReason::Failed, &StopDetail::Unknown);
    assert_eq!(found.verdict, Feasibility::Undecided);
    assert!(found.said().contains("before this stage"), "{}", found.said());
    // Nothing asked, nothing said.
    let free = Controller::new(super::sim::policy(&[]), serving());
    let ended = StopRecord { reason: StopReason::Completed, detail: StopDetail::Unknown };
    assert_eq!(free.feasibility(&[], &ended), None);
}

#[test]
fn an_accuracy_is_trained_for_and_judged_at_the_end() {
    let accuracy = constraint("test_accuracy", Op::AtLeast, 0.88);
    for (epochs, reached, says) in [
        (10, Some(0.9), Feasibility::Feasible),
        (10, Some(0.85), Feasibility::Infeasible),
        (4, Some(0.9), Feasibility::Undecided),
        (10, None, Feasibility::Undecided),
    ] {
        let policy = limited(&["train.throughput"], std::slice::from_ref(&accuracy));
        let mut controller = Controller::new(policy, context());
        let mut messages = Sim::default().messages();
        let each = 2_000 * MS;
        for number in 1..=epochs {
            let report = epoch(number, 0.05 * f64::from(number));
            messages.push(say(500 * MS + u64::from(number) * each, report));
        }
        messages.sort_by_key(Message::t_ns);
        let answers = feed(&mut controller, &messages);
        assert!(!answers.iter().any(|(_, answer)| matches!(answer, Verdict::Stop(_))));
        let last = finished(epochs, reached);
        let _ = feed(&mut controller, &[say(31_000 * MS, WorkerEvent::Finished(last.clone()))]);
        let end = controller.natural_end(&last);
        let found = verdict(&controller, end.reason, &end.detail);
        assert_eq!(found.verdict, says, "{epochs} {reached:?}: {}", found.said());
    }
}

#[test]
fn a_counter_is_broken_at_once_and_met_when_the_run_is_whole() {
    let messages = Sim::default().messages();
    let asked =
        |limit| limited(&["train.throughput"], &[constraint("cpu.time", Op::AtMost, limit)]);
    // Two cores from the start on.
    let end = end_of(asked(1.0), context(), &messages).unwrap();
    assert_eq!(end.reason, StopReason::Infeasible);
    assert!((0.4..0.8).contains(&end.at_s), "{} {}", end.at_s, end.detail.said());
    let end = end_of(asked(100.0), context(), &messages).unwrap();
    let found = verdict(&end.controller, end.reason, &end.detail);
    assert_eq!(found.verdict, Feasibility::Undecided, "{}", found.said());
    let full = StopPolicy { enabled: false, ..asked(100.0) };
    let mut controller = Controller::new(full, context());
    let _ = feed(&mut controller, &messages);
    let _ = feed(&mut controller, &[say(31_000 * MS, WorkerEvent::Finished(finished(0, None)))]);
    let found = verdict(&controller, StopReason::Completed, &StopDetail::Unknown);
    assert_eq!(found.verdict, Feasibility::Feasible, "{}", found.said());
}

/// Requests take 1 ms for more than a second and 0.6 ms for the next, so little is known of their median; but all are
/// far from the limits.
#[test]
fn a_limit_far_from_every_request_is_decided() {
    let regimes: Step = |_, s, noise| {
        let slow = (s * 0.4).fract() < 0.5;
        if slow { 1.0 } else { 0.6 + 0.01 * noise.normal() }
    };
    let messages = Sim { step: regimes, ..three_phases() }.messages();
    for (op, limit, says) in
        [(Op::AtMost, 1.0, Feasibility::Feasible), (Op::Below, 1e-5, Feasibility::Infeasible)]
    {
        let limit = constraint("serve.latency_p50", op, limit);
        let policy = StopPolicy { enabled: false, ..limited(&[], &[limit]) };
        let mut controller = Controller::new(policy, serving());
        feed(&mut controller, &messages);
        let found = verdict(&controller, StopReason::Completed, &StopDetail::Unknown);
        assert_eq!(found.verdict, says, "{found:?}");
    }
}
