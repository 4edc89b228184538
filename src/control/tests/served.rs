//! The memory of what serves, beside that of the run.

use std::collections::BTreeMap;

use super::said::Said;
use super::sim::{MS, Message, Sim, context, end_of, feed, policy, say};
use crate::control::{Constraint, Controller, Op, RunContext, StopPolicy};
use crate::event::{
    CommandSpec, Feasibility, Finished, Gap, Hello, MetricRow, Note, Phase, READS_LATE, Reason,
    RunVerdict, StopDetail, StopReason, StopRecord, Usage, Work, WorkerEvent,
};

const PEAK: &str = "serve.memory_peak";
const MEAN: &str = "serve.memory_rss_mean";

/// 120 MB at the end of loading, 100 MB while serving, 300 MB as soon as the training data are read.
fn rss(t_s: f64) -> f64 {
    match t_s {
        t_s if t_s < 0.5 => 120e6,
        t_s if t_s < 5.5 => 100e6,
        _ => 300e6,
    }
}

fn lean(train_s: f64) -> Sim {
    Sim {
        phases: vec![
            (Phase::Load, 0.5),
            (Phase::Warmup, 0.1),
            (Phase::Serve(1), 4.9),
            (Phase::Load, 1.0),
            (Phase::Warmup, 0.1),
            (Phase::Train, train_s),
        ],
        tick: |t_s, _| (1.0, rss(t_s)),
        ..Sim::default()
    }
}

fn hello(late: bool) -> Message {
    let facts = late.then(|| (READS_LATE.to_owned(), String::new()));
    let facts: BTreeMap<String, String> = facts.into_iter().collect();
    say(0, WorkerEvent::Hello(Hello { facts, ..Hello::default() }))
}

fn serving() -> RunContext {
    RunContext { serve_sizes: vec![1], ..context() }
}

fn finished(at_s: u64) -> Message {
    let finished = Finished {
        stopped: false,
        epochs: 10,
        usage: Usage::default(),
        test_loss: None,
        test_accuracy: None,
        test_samples: None,
    };
    say(at_s * 1000 * MS, WorkerEvent::Finished(finished))
}

fn limited(metric: &str, limit: f64) -> StopPolicy {
    let constraint = Constraint { metric: metric.into(), op: Op::AtMost, limit };
    StopPolicy { constraints: vec![constraint], ..policy(&["train.throughput"]) }
}

fn verdict(controller: &Controller, ended: &StopRecord) -> RunVerdict {
    controller.feasibility(&controller.rows(Some(ended)), ended).unwrap()
}

fn row(controller: &Controller, name: &str) -> MetricRow {
    let rows = controller.rows(None);
    let mut found = rows.into_iter().filter(|row| row.metric == name);
    let row = found.next().unwrap();
    assert_eq!(found.count(), 0, "{name}");
    row
}

#[test]
fn what_serves_is_not_charged_with_the_training_data() {
    for (late, more) in [(true, Note::NoTrainingData), (false, Note::MayHoldMore)] {
        let mut controller = Controller::new(policy(&[]), serving());
        feed(&mut controller, &[&[hello(late)][..], &lean(5.0).messages()].concat());
        let peak = row(&controller, PEAK);
        assert_eq!((&*peak.phase, peak.estimate), ("run", Some(120e6)));
        assert_eq!(peak.notes.last(), Some(&more));
        assert!(
            matches!(peak.notes[0], Note::UntilServed { serving_s } if (serving_s.0 - 4.9).abs() < 0.1)
        );
        let mean = row(&controller, MEAN);
        assert_eq!(mean.phase, "serve[1]");
        assert!((mean.estimate.unwrap() - 100e6).abs() < 1.0, "{mean:?}");
        assert_eq!(mean.notes.contains(&Note::MayHoldMore), !late, "{mean:?}");
        assert_eq!(row(&controller, "memory.peak").estimate, Some(300e6));
    }
}

#[test]
fn a_limit_on_it_is_met_where_the_same_limit_on_the_run_is_broken() {
    let messages = lean(30.0).messages();
    let end = end_of(limited("memory.peak", 200e6), serving(), &messages).unwrap();
    assert_eq!(end.reason, StopReason::Infeasible, "{}", end.detail.said());
    // In the second load, and no sooner.
    assert!((5.5..5.8).contains(&end.at_s), "{}", end.at_s);
    for metric in [PEAK, MEAN] {
        let end = end_of(limited(metric, 200e6), serving(), &messages).unwrap();
        assert_eq!(end.reason, StopReason::Known, "{}", end.detail.said());
        let ended = StopRecord { reason: end.reason, detail: end.detail };
        let found = verdict(&end.controller, &ended);
        assert_eq!(found.verdict, Feasibility::Feasible, "{}", found.said());
    }
}

#[test]
fn it_is_broken_the_moment_it_is_passed_and_met_when_serving_is_over() {
    let messages = lean(30.0).messages();
    let end = end_of(limited(PEAK, 110e6), serving(), &messages).unwrap();
    assert_eq!(end.reason, StopReason::Infeasible, "{}", end.detail.said());
    let says = "serve.memory_peak <= 104.904 MiB is broken: it reached 114 MiB and passed the limit after ";
    assert!(end.detail.said().starts_with(says), "{}", end.detail.said());
    assert!(end.at_s < 1.0, "{}", end.at_s);
    // Cut short while serving: what was seen is no more than a lower end.
    let ended = StopRecord { reason: StopReason::Cancelled, detail: StopDetail::Unknown };
    for (until_s, open) in [(3, true), (8, false)] {
        let mut controller = Controller::new(limited(PEAK, 200e6), serving());
        let before = messages.iter().filter(|message| message.t_ns() < until_s * 1000 * MS);
        feed(&mut controller, &before.cloned().collect::<Vec<_>>());
        let found = verdict(&controller, &ended).said();
        let said = found.contains("serve.memory_peak <= 190.735 MiB");
        assert_eq!(said, open, "{found}");
        assert_eq!(row(&controller, PEAK).known, Some(!open));
    }
}

#[test]
fn a_run_without_serving_has_none() {
    let mut controller = Controller::new(policy(&[]), context());
    feed(&mut controller, &Sim::default().messages());
    let none = row(&controller, PEAK);
    assert_eq!((none.estimate, &none.notes[..]), (None, &[Note::NoServing][..]));
}

#[test]
fn a_command_is_known_at_its_end_and_not_after_a_training() {
    let spec = CommandSpec {
        words: vec!["true".to_owned()],
        steps: true,
        epochs: false,
        bare: true,
        ..CommandSpec::default()
    };
    let command = RunContext { work: Work::Command { spec }, epochs: 0, ..context() };
    let serves = (Phase::Serve(1), 5.0);
    let trains = (Phase::Train, 5.0);
    for (phases, estimate) in [(vec![serves, trains], Some(120e6)), (vec![trains, serves], None)] {
        let sim = Sim { phases, tick: |t_s, _| (1.0, rss(t_s)), ..Sim::default() };
        let mut controller = Controller::new(limited(PEAK, 200e6), command.clone());
        feed(&mut controller, &sim.messages());
        assert_eq!(row(&controller, PEAK).known, Some(false));
        feed(&mut controller, &[finished(11)]);
        let found = row(&controller, PEAK);
        assert_eq!((found.estimate, found.known), (estimate, Some(estimate.is_some())));
        let ended = StopRecord { reason: StopReason::Completed, detail: StopDetail::Unknown };
        let verdict = verdict(&controller, &ended);
        let feasible = verdict.verdict == Feasibility::Feasible;
        assert_eq!(feasible, estimate.is_some(), "{}", verdict.said());
        if estimate.is_none() {
            assert_eq!(found.notes, [Note::ServedAfterTraining]);
        }
    }
}

/// Even what serves first would have none.
#[test]
fn memory_that_was_never_read_says_so_whatever_the_order_of_the_phases() {
    let sim = Sim { phases: vec![(Phase::Train, 2.0), (Phase::Serve(1), 2.0)], ..Sim::default() };
    let why = Reason::unsupported("no VmHWM");
    let mut messages = sim.messages();
    for message in &mut messages {
        if let Message::Sample(sample) = message {
            sample.peak_bytes = None;
            sample.gaps = vec![Gap { field: "peak_bytes".to_owned(), reason: why.clone() }];
        }
    }
    let mut controller = Controller::new(policy(&[]), serving());
    feed(&mut controller, &[messages, vec![finished(4)]].concat());
    assert_eq!(row(&controller, PEAK).notes, [Note::from(why)]);
}
