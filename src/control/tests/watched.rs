//! Rules of other tools on a recorded run.

use super::sim::{MS, Message, Sim, Step, context, end_of, policy};
use crate::control::rule::{Judgement, RuleSpec};
use crate::control::shadow::Stops;
use crate::control::{RunReplay, StageJudgement};
use crate::event::{Phase, RuleSaid, WorkerEvent};
use crate::stats::testing::Noise;

fn noisy(_: u64, _: f64, noise: &mut Noise) -> f64 {
    2.0 * (1.0 + 0.05 * noise.normal())
}

/// One window of 100 ms has the speed of the one before it, or twice that.
fn erratic(_: u64, t: f64, _: &mut Noise) -> f64 {
    if (t * 10.0).floor() % 2.0 < 1.0 { 1.0 } else { 2.5 }
}

/// What a rule says of each metric of a recording.
fn judged(rule: &str, metrics: &[&str], messages: &[Message]) -> Vec<StageJudgement> {
    let mut replay = RunReplay::new(&policy(metrics), &rule.parse().unwrap(), context());
    for message in messages {
        match message {
            Message::Worker(envelope) => replay.on_worker(envelope),
            Message::Sample(sample) => replay.on_sample(sample),
        }
    }
    replay.finish()
}

/// When training begins, in seconds.
const BEGINS_S: f64 = 0.2;

/// A rule on a metric of a recording, and what comes of it.
struct Row {
    rule: &'static str,
    metric: &'static str,
    step: Step,
    known: bool,
    from: f64,
    to: f64,
}

#[test]
fn each_rule_stops_a_run_where_it_says_so() {
    // Whether the metric is known, and when the rule has seen enough, in seconds since the start. Training begins at 0.2 s;
    // a window takes 100 ms of steps, and is seen with the message that fills it.
    let row =
        |rule, metric, step: Step, known, from, to| Row { rule, metric, step, known, from, to };
    let rows = [
        row("fixed:n=5,skip=1", "train.throughput", noisy, true, 0.8, 0.92),
        row("naive-t", "train.step_latency_mean", noisy, true, 0.5, 0.62),
        row("naive-t:n=8", "train.step_latency_p50", noisy, true, 1.0, 1.12),
        row("perf-analyzer", "train.throughput", noisy, true, 0.5, 0.62),
        row("perf-analyzer", "train.throughput", erratic, false, 1.2, 1.5),
        row("cov-last-k:k=4", "train.step_latency_mean", noisy, true, 0.6, 0.8),
        row("nvbench-stdrel", "train.step_latency_mean", erratic, true, 6.0, 10.0),
        row("benchmark-dotnet", "train.throughput", noisy, true, 2.3, 4.5),
        // Ticks are 100 ms apart, from 5 ms on: the first interval within the stage ends at 0.305 s.
        row("fixed:n=3,skip=0", "cpu.utilisation", noisy, true, 0.5, 0.65),
        row("fixed:n=3,skip=0", "memory.rss_mean", noisy, true, 0.5, 0.65),
        row("perf-analyzer", "memory.peak", noisy, true, 0.5, 0.65),
    ];
    for Row { rule: text, metric, step, known, from, to } in rows {
        let messages = Sim::train(step).messages();
        let found = judged(text, &[metric], &messages);
        let rule: RuleSpec = text.parse().unwrap();
        let stops = Stops::joint(&rule, &found, 20.0);
        let [due] = &stops.due[..] else {
            panic!("{text} {metric}: {stops:?}");
        };
        let at_s = BEGINS_S + due.at_s;
        assert!((from..to).contains(&at_s), "{text} {metric}: {at_s}");
        assert_eq!(due.open.is_empty(), known, "{text} {metric}: {found:?}");
        let Judgement { stop_s, reason, .. } = &found[0].judgement;
        assert_eq!(stop_s.is_some(), known, "{text} {metric}");
        let gave_up = matches!(reason, RuleSaid::GaveUp { .. });
        assert_eq!(gave_up, !known, "{text} {metric}: {reason:?}");
    }
}

#[test]
fn how_steps_are_cut_into_messages_changes_no_figure_of_a_window() {
    let said = |batch_ms| {
        let sim = Sim { batch_ms, ..Sim::train(noisy) };
        let found = judged("naive-t:n=8", &["train.throughput"], &sim.messages());
        let Judgement { estimate, interval, reason, .. } = found[0].judgement.clone();
        (estimate, interval, reason)
    };
    assert_eq!(said(10), said(80));
    assert_eq!(said(10), said(400));
}

/// A run that goes on to the end knows each metric when the run that was stopped did, and says the same of it.
#[test]
fn a_full_recording_knows_what_a_stopped_one_knew() {
    for rule in ["perftune", "perftune:within=1%"] {
        let messages = Sim::train(noisy).messages();
        let spec: RuleSpec = rule.parse().unwrap();
        let end = end_of(spec.over(&policy(&["train.throughput"])), context(), &messages).unwrap();
        let began_ns = messages.iter().find_map(|message| match message {
            Message::Worker(envelope)
                if envelope.event == (WorkerEvent::Phase { phase: Phase::Train }) =>
            {
                Some(envelope.t_ns)
            }
            _ => None,
        });
        let found = judged(rule, &["train.throughput"], &messages);
        assert_eq!(found.len(), 1, "{rule}");
        let (said, full) = (&found[0].judgement, found[0].full_estimate.unwrap());
        let stop_s = said.stop_s.unwrap() + began_ns.unwrap() as f64 * 1e-9;
        assert!((stop_s - end.at_s).abs() < 1e-9, "{rule}: {stop_s} {}", end.at_s);
        assert!((said.used - said.stop_s.unwrap() / 30.0).abs() < 0.01, "{rule}: {said:?}");
        assert!((said.estimate.unwrap() / full - 1.0).abs() < 0.05, "{rule}: {said:?}");
    }
}

#[test]
fn hindsight_is_never_later_than_what_it_judges() {
    let messages = Sim::train(noisy).messages();
    let replay = |rule| judged(rule, &["train.throughput", "cpu.utilisation"], &messages);
    for (oracle, ours) in replay("oracle").iter().zip(replay("perftune")) {
        let (oracle, ours) = (oracle.judgement.stop_s.unwrap(), ours.judgement.stop_s.unwrap());
        assert!(oracle <= ours, "{oracle} {ours}");
        // The first look is when the stage is as old as the shortest time.
        assert!(oracle >= 1.0 - 100.0 * MS as f64 * 1e-9, "{oracle}");
    }
}
