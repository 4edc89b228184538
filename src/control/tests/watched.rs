//! Rules of other tools in the place of ours.

use super::sim::{MS, Message, Sim, context, end_of, policy};
use crate::control::{Constraint, Op, RunReplay, StopPolicy};
use crate::event::{Feasibility, Phase, StopReason, StopRecord, WorkerEvent};
use crate::stats::testing::Noise;

fn under(rule: &str, metrics: &[&str]) -> StopPolicy {
    policy(metrics).with_rule(&rule.parse().unwrap())
}

fn noisy(_: u64, _: f64, noise: &mut Noise) -> f64 {
    2.0 * (1.0 + 0.05 * noise.normal())
}

/// One window of 100 ms has the speed of the one before it, or twice that.
fn erratic(_: u64, t: f64, _: &mut Noise) -> f64 {
    if (t * 10.0).floor() % 2.0 < 1.0 { 1.0 } else { 2.5 }
}

type Row = (&'static str, &'static str, super::sim::Step, StopReason, (f64, f64), &'static str);
/// Rule, metric, steps; reason, seconds since the start, words of the evidence.
const ROWS: &[Row] = &[
    // Training begins at 0.2 s; a window takes 100 ms of steps, and is seen with the message that fills it.
    (
        "fixed:n=5,skip=1",
        "train.throughput",
        noisy,
        StopReason::Plateaued,
        (0.8, 0.92),
        "known to fixed:n=5,skip=1",
    ),
    (
        "naive-t",
        "train.step_latency_mean",
        noisy,
        StopReason::Plateaued,
        (0.5, 0.62),
        "known to naive-t",
    ),
    (
        "naive-t:n=8",
        "train.step_latency_p50",
        noisy,
        StopReason::Plateaued,
        (1.0, 1.12),
        "known to naive-t:n=8",
    ),
    (
        "perf-analyzer",
        "train.throughput",
        noisy,
        StopReason::Plateaued,
        (0.5, 0.62),
        "known to perf-analyzer",
    ),
    ("perf-analyzer", "train.throughput", erratic, StopReason::Unstable, (1.2, 1.5), "windows are"),
    (
        "cov-last-k:k=4",
        "train.step_latency_mean",
        noisy,
        StopReason::Plateaued,
        (0.6, 0.8),
        "known to cov-last-k:k=4",
    ),
    (
        "nvbench-stdrel",
        "train.step_latency_mean",
        erratic,
        StopReason::Plateaued,
        (6.0, 10.0),
        "known to nvbench-stdrel",
    ),
    (
        "benchmark-dotnet",
        "train.throughput",
        noisy,
        StopReason::Plateaued,
        (2.3, 4.5),
        "known to benchmark-dotnet",
    ),
    // Ticks are 100 ms apart, from 5 ms on: the first interval within the stage ends at 0.305 s.
    (
        "fixed:n=3,skip=0",
        "cpu.utilisation",
        noisy,
        StopReason::Plateaued,
        (0.5, 0.65),
        "known to fixed",
    ),
    (
        "fixed:n=3,skip=0",
        "memory.rss_mean",
        noisy,
        StopReason::Plateaued,
        (0.5, 0.65),
        "known to fixed",
    ),
    (
        "perf-analyzer",
        "memory.peak",
        noisy,
        StopReason::Plateaued,
        (0.5, 0.65),
        "known to perf-analyzer",
    ),
];

#[test]
fn each_rule_stops_a_run_where_it_says_so() {
    for (rule, metric, step, reason, (from, to), says) in ROWS {
        let end = end_of(under(rule, &[metric]), context(), &Sim::train(*step).messages());
        let end = end.unwrap_or_else(|| panic!("{rule} {metric} did not stop"));
        assert_eq!(end.reason, *reason, "{rule} {metric}: {}", end.detail);
        assert!((*from..*to).contains(&end.at_s), "{rule} {metric}: {}", end.at_s);
        assert!(end.detail.contains(says), "{rule} {metric}: {}", end.detail);
        let rows = end.controller.rows(None);
        let row = rows.iter().find(|row| row.metric == *metric).unwrap();
        assert_eq!(row.plateaued, Some(*reason == StopReason::Plateaued), "{rule}: {row:?}");
        assert!(row.note.starts_with(rule), "{rule}: {row:?}");
    }
}

/// The rule knows within a second; limits are looked at three times from then on, and one at the mean itself stays open.
#[test]
fn an_open_limit_holds_what_the_rule_of_another_tool_calls_known() {
    for (limit, reason, verdict, (from, to)) in [
        (2.02e-3, StopReason::Plateaued, Feasibility::Feasible, (1.2, 19.0)),
        (4e-3, StopReason::Plateaued, Feasibility::Feasible, (1.0, 2.0)),
        (2e-3, StopReason::Plateaued, Feasibility::Undecided, (20.0, 20.5)),
        (1e-3, StopReason::Infeasible, Feasibility::Infeasible, (1.0, 2.0)),
    ] {
        let asked = StopPolicy {
            constraints: vec![Constraint {
                metric: "train.step_latency_mean".to_owned(),
                op: Op::AtMost,
                limit,
            }],
            ..under("naive-t", &["train.step_latency_mean"])
        };
        let end = end_of(asked, context(), &Sim::train(noisy).messages());
        let end = end.unwrap_or_else(|| panic!("{limit}: did not stop"));
        assert_eq!(end.reason, reason, "{limit}: {}", end.detail);
        assert!((from..to).contains(&end.at_s), "{limit}: {}", end.at_s);
        let record = StopRecord { reason: end.reason, detail: end.detail };
        let rows = end.controller.rows(Some(&record));
        let found = end.controller.feasibility(&rows, &record).unwrap();
        assert_eq!(found.verdict, verdict, "{limit}: {}", found.reason);
    }
}

#[test]
fn how_steps_are_cut_into_messages_changes_no_figure_of_a_window() {
    let note = |batch_ms| {
        let sim = Sim { batch_ms, ..Sim::train(noisy) };
        let end = end_of(under("naive-t:n=8", &["train.throughput"]), context(), &sim.messages());
        let rows = end.unwrap().controller.rows(None);
        rows.into_iter().find(|row| row.metric == "train.throughput").unwrap().note
    };
    assert_eq!(note(10), note(80));
    assert_eq!(note(10), note(400));
}

/// A run that goes on to the end knows each metric when the run that was stopped did, and says the same of it.
#[test]
fn a_full_recording_knows_what_a_stopped_one_knew() {
    let metrics = ["train.throughput"];
    for rule in
        ["perftune", "perftune:within=1%", "naive-t", "perf-analyzer", "cov-last-k", "fixed"]
    {
        let messages = Sim::train(noisy).messages();
        let asked = under(rule, &metrics);
        let end = end_of(asked, context(), &messages).unwrap();
        let mut replay = RunReplay::new(&policy(&metrics), &rule.parse().unwrap(), context());
        let mut began_ns = 0;
        for message in &messages {
            match message {
                Message::Worker(envelope) => {
                    if (WorkerEvent::Phase { phase: Phase::Train }) == envelope.event {
                        began_ns = envelope.t_ns;
                    }
                    replay.on_worker(envelope);
                }
                Message::Sample(sample) => replay.on_sample(sample),
            }
        }
        let found = replay.finish();
        assert_eq!(found.len(), 1, "{rule}");
        let (said, full) = (&found[0].judgement, found[0].full_estimate.unwrap());
        let stop_s = said.stop_s.unwrap() + began_ns as f64 * 1e-9;
        assert!((stop_s - end.at_s).abs() < 1e-9, "{rule}: {stop_s} {}", end.at_s);
        assert!((said.used - said.stop_s.unwrap() / 30.0).abs() < 0.01, "{rule}: {said:?}");
        assert!((said.estimate.unwrap() / full - 1.0).abs() < 0.05, "{rule}: {said:?}");
    }
}

#[test]
fn hindsight_is_never_later_than_what_it_judges() {
    let replay = |rule: &str| {
        let metrics = ["train.throughput", "cpu.utilisation"];
        let mut replay = RunReplay::new(&policy(&metrics), &rule.parse().unwrap(), context());
        for message in &Sim::train(noisy).messages() {
            match message {
                Message::Worker(envelope) => replay.on_worker(envelope),
                Message::Sample(sample) => replay.on_sample(sample),
            }
        }
        replay.finish()
    };
    for (oracle, ours) in replay("oracle").iter().zip(replay("perftune")) {
        let (oracle, ours) = (oracle.judgement.stop_s.unwrap(), ours.judgement.stop_s.unwrap());
        assert!(oracle <= ours, "{oracle} {ours}");
        // The first look is when the stage is as old as the shortest time.
        assert!(oracle >= 1.0 - 100.0 * MS as f64 * 1e-9, "{oracle}");
    }
}
