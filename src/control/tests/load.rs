//! Requests that queue: their latencies, what an overload and a slow load generator do to verdicts, the highest rate and
//! the best size.

use super::said::Said;
use super::sim::{Message, Sim, context, end_of, feed, policy, say, whole};
use crate::control::{Constraint, Controller, Op, RunContext, StopPolicy, Verdict};
use crate::event::{
    Feasibility, Finished, FoundRate, MetricRow, Num, Pattern, Phase, StepBatch, StopDetail,
    StopReason, StopRecord, Usage, WorkerEvent,
};
use crate::stats::testing::Noise;

/// A load on a server, in milliseconds.
#[derive(Clone, Copy)]
struct Load {
    /// Mean gap between arrivals, and whether they come at random.
    gap_ms: f64,
    random: bool,
    service_ms: f64,
    /// Spread of the service times.
    spread: f64,
    /// The load generator's own time before each request that is due.
    own_ms: f64,
    seconds: f64,
}

const STEADY: Load =
    Load { gap_ms: 10.0, random: false, service_ms: 4.0, spread: 0.0, own_ms: 0.0, seconds: 8.0 };

impl Load {
    fn messages(self, seed: u64) -> Vec<Message> {
        let phase = Phase::Serve(1);
        let mut noise = Noise::new(seed);
        let mut messages = vec![say(0, WorkerEvent::Phase { phase })];
        let (mut scheduled, mut free) = (0.0_f64, 0.0_f64);
        let mut batch = empty(phase);
        while free < self.seconds * 1e9 {
            let gap = if self.random { -noise.uniform().max(1e-12).ln() } else { 1.0 };
            scheduled += self.gap_ms * 1e6 * gap;
            let start = scheduled.max(free) + self.own_ms * 1e6;
            let dur = self.service_ms * 1e6 * (1.0 + self.spread * noise.normal());
            batch.wait_ns.push(whole(start - scheduled));
            batch.gap_ns.push(whole(start - free));
            batch.dur_ns.push(whole(dur));
            free = start + dur;
            if free - batch.start_ns as f64 > 80e6 {
                let next = empty(phase);
                let sent = std::mem::replace(&mut batch, next);
                let t_ns = sent.end_ns();
                batch.start_ns = t_ns;
                messages.push(say(t_ns, WorkerEvent::Steps(sent)));
            }
        }
        messages
    }

    fn context(self) -> RunContext {
        RunContext {
            serve_sizes: vec![1],
            epochs: 0,
            pattern: Pattern::Server { rate_per_s: Some(1000.0 / self.gap_ms) },
            ..context()
        }
    }
}

fn empty(phase: Phase) -> StepBatch {
    StepBatch {
        phase,
        items: 1,
        start_ns: 0,
        dur_ns: Vec::new(),
        wait_ns: Vec::new(),
        gap_ns: Vec::new(),
        fetch_ns: Vec::new(),
        loss: None,
    }
}

fn constraint(metric: &str, op: Op, limit: f64) -> Constraint {
    Constraint { metric: metric.into(), op, limit }
}

fn limited(constraint: Constraint) -> StopPolicy {
    StopPolicy { constraints: vec![constraint], ..policy(&["serve.latency_mean"]) }
}

fn budget() -> StopRecord {
    StopRecord { reason: StopReason::Completed, detail: StopDetail::Unknown }
}

fn row(rows: &[MetricRow], metric: &str) -> MetricRow {
    let found = rows.iter().find(|row| row.metric == metric);
    found.unwrap_or_else(|| panic!("{metric}")).clone()
}

#[test]
fn latency_counts_the_wait_and_throughput_the_gaps() {
    // Two requests at once every 20 ms would wait; here the generator takes 1 ms, so that each waits for that.
    for (load, latency_ms, per_s, busy) in [
        (STEADY, 4.0, 100.0, 40.0),
        (Load { own_ms: 0.1, ..STEADY }, 4.1, 100.0, 40.0),
        (Load { gap_ms: 5.0, ..STEADY }, 4.0, 200.0, 80.0),
    ] {
        let mut controller = Controller::new(policy(&["serve.latency_mean"]), load.context());
        let _ = feed(&mut controller, &load.messages(1));
        let rows = controller.rows(Some(&budget()));
        for (metric, expected) in [
            ("serve.latency_mean", latency_ms * 1e-3),
            ("serve.latency_p50", latency_ms * 1e-3),
            ("serve.latency_p99", latency_ms * 1e-3),
            ("serve.throughput", per_s),
            ("serve.utilisation", busy),
        ] {
            let found = row(&rows, metric).estimate.unwrap();
            assert!((found / expected - 1.0).abs() < 0.002, "{metric}: {found}");
        }
    }
}

#[test]
fn a_queue_that_grows_without_end_keeps_no_latency() {
    // The limit is far above every latency seen so far: only the load tells.
    let load = Load { gap_ms: 5.0, service_ms: 6.0, spread: 0.05, random: true, ..STEADY };
    let p99 = constraint("serve.latency_p99", Op::AtMost, 5.0);
    let end = end_of(limited(p99), load.context(), &load.messages(3)).unwrap();
    assert_eq!(end.reason, StopReason::Infeasible, "{}", end.detail.said());
    assert!(end.at_s < 6.0, "{}", end.at_s);
    assert!(
        end.detail.said().starts_with("serve.latency_p99 <= 5.00 s is broken in serve[1]: overloaded: requests arrive every 5.00 ms and an answer takes at least 5."),
        "{}",
        end.detail.said()
    );
    let rows = end.controller.rows(Some(&budget()));
    let note = row(&rows, "serve.latency_p99").said();
    assert!(note.contains("the queue grows without bound"), "{note}");
}

#[test]
fn what_the_generator_cannot_reach_is_undecided() {
    // The answers take 80% of the time; with the generator's own 2 ms each the queue grows.
    let load = Load { gap_ms: 5.0, own_ms: 2.0, ..STEADY };
    for (metric, op, limit) in
        [("serve.latency_p99", Op::AtMost, 0.02), ("serve.throughput", Op::AtLeast, 190.0)]
    {
        let asked = limited(constraint(metric, op, limit));
        let mut controller = Controller::new(asked, load.context());
        let answers = feed(&mut controller, &load.messages(1));
        assert!(answers.is_empty(), "{answers:?}");
        let rows = controller.rows(Some(&budget()));
        let found = controller.feasibility(&rows, &budget()).unwrap();
        assert_eq!(found.verdict, Feasibility::Undecided, "{}", found.said());
        assert!(found.said().contains("generator-bound"), "{}", found.said());
        let note = row(&rows, metric).said();
        assert!(note.contains("generator-bound: "), "{note}");
    }
    // What the answers alone break is broken, whoever else is slow.
    let asked = limited(constraint("serve.latency_p99", Op::AtMost, 0.003));
    let noisy = Load { spread: 0.05, ..load };
    let end = end_of(asked, load.context(), &noisy.messages(1)).unwrap();
    assert_eq!(end.reason, StopReason::Infeasible);
    let says = " even without the load generator's time";
    assert!(end.detail.said().contains(says), "{}", end.detail.said());
    // The same limit without the generator's time is kept, for certain.
    let asked = limited(constraint("serve.latency_p99", Op::AtMost, 0.02));
    let load = Load { own_ms: 0.0, spread: 0.05, ..load };
    let mut controller = Controller::new(asked, load.context());
    let _ = feed(&mut controller, &load.messages(1));
    let rows = controller.rows(Some(&budget()));
    let found = controller.feasibility(&rows, &budget()).unwrap();
    assert_eq!(found.verdict, Feasibility::Feasible, "{}", found.said());
}

#[test]
fn a_worker_that_knows_no_patterns_is_not_believed() {
    let load = Load { spread: 0.05, ..STEADY };
    let mut messages = load.messages(1);
    for message in &mut messages {
        if let Message::Worker(envelope) = message
            && let WorkerEvent::Steps(batch) = &mut envelope.event
        {
            batch.wait_ns.clear();
            batch.gap_ns.clear();
        }
    }
    for limit in [0.02, 0.001] {
        let asked = limited(constraint("serve.latency_p50", Op::AtMost, limit));
        let mut controller = Controller::new(asked, load.context());
        let _ = feed(&mut controller, &messages);
        let rows = controller.rows(Some(&budget()));
        let found = controller.feasibility(&rows, &budget()).unwrap();
        assert_eq!(found.verdict, Feasibility::Undecided, "{}", found.said());
        let says = "does not support this load pattern";
        assert!(found.said().contains(says), "{}", found.said());
        assert!(row(&rows, "serve.latency_p50").said().contains(says));
    }
}

#[test]
fn a_percentile_is_known_only_with_the_requests_that_it_needs() {
    let load = Load { spread: 0.001, gap_ms: 4.0, service_ms: 1.0, ..STEADY };
    for (seconds, known) in [(12.0, false), (20.0, true)] {
        let load = Load { seconds, ..load };
        let asked = StopPolicy { max_time_s: 60.0, ..policy(&["serve.latency_p99_9"]) };
        let mut controller = Controller::new(asked, load.context());
        let answers = feed(&mut controller, &load.messages(5));
        let found = row(&controller.rows(Some(&budget())), "serve.latency_p99_9");
        assert_eq!(found.low.is_some(), known, "{found:?}");
        assert_eq!(found.known, Some(known), "{found:?}");
        assert_eq!(answers.is_empty(), !known);
        assert!(found.estimate.is_some());
    }
}

fn rate(low: Option<f64>, rate: f64, high: Option<f64>) -> WorkerEvent {
    WorkerEvent::MaxRate(found_rate(low, rate, high))
}

fn found_rate(low: Option<f64>, rate: f64, high: Option<f64>) -> FoundRate {
    FoundRate {
        rate_per_s: Some(Num(rate)),
        low: low.map(Num),
        high: high.map(Num),
        confidence: Some(0.95),
        precise: true,
        probes: 4,
        requests: 9000,
        why: "p99 <= 10.0 ms".to_owned(),
    }
}

/// The search of single requests, which ends with this.
fn search(found: FoundRate) -> [Message; 2] {
    let phase = Phase::Probe(1);
    [say(0, WorkerEvent::Phase { phase }), say(1_000_000, WorkerEvent::MaxRate(found))]
}

#[test]
fn a_rate_that_is_not_precise_is_marked_whoever_waits_for_it() {
    let searching = RunContext { probe_sizes: vec![1], ..STEADY.context() };
    for (precise, metrics) in [
        (true, &["serve.max_rate"][..]),
        (false, &["serve.max_rate"]),
        (true, &["serve.latency_mean"]),
        (false, &["serve.latency_mean"]),
    ] {
        let mut controller = Controller::new(policy(metrics), searching.clone());
        let found = FoundRate { precise, ..found_rate(Some(0.0), 105.0, Some(120.0)) };
        let _ = feed(&mut controller, &search(found));
        let found = row(&controller.rows(Some(&budget())), "serve.max_rate");
        assert_eq!(found.known, Some(precise), "{metrics:?}");
    }
    let mut unsearched = Controller::new(policy(&["serve.latency_mean"]), STEADY.context());
    let _ = feed(&mut unsearched, &STEADY.messages(1));
    let found = row(&unsearched.rows(Some(&budget())), "serve.max_rate");
    assert_eq!(found.known, None);
}

#[test]
fn a_rate_on_untrained_weights_says_so() {
    for (epochs, says) in [(0, false), (3, true)] {
        let searching = RunContext { probe_sizes: vec![1], epochs, ..STEADY.context() };
        for (low, high) in [(101.0, 110.0), (80.0, 99.0)] {
            let asked = limited(constraint("serve.max_rate", Op::AtLeast, 100.0));
            let mut controller = Controller::new(asked, searching.clone());
            let answers = feed(&mut controller, &search(found_rate(Some(low), low, Some(high))));
            let weights = "; p99 <= 10.0 ms, on untrained weights";
            for (_, answer) in &answers {
                let Verdict::Stop(record) = answer else { panic!("{answers:?}") };
                assert_eq!(
                    record.detail.said().contains(weights),
                    says,
                    "{}",
                    record.detail.said()
                );
            }
            let rows = controller.rows(Some(&budget()));
            let found = controller.feasibility(&rows, &budget()).unwrap();
            assert_eq!(found.said().contains(weights), says, "{}", found.said());
        }
    }
}

/// What a run that only searched, or served as well, ended with.
#[test]
fn a_search_is_known_when_it_is_precise() {
    let finished = Finished {
        stopped: false,
        epochs: 0,
        test_loss: None,
        test_accuracy: None,
        test_samples: None,
        usage: Usage::default(),
    };
    let only = RunContext {
        serve_sizes: Vec::new(),
        probe_sizes: vec![1],
        pattern: Pattern::Server { rate_per_s: None },
        ..STEADY.context()
    };
    let both = RunContext { probe_sizes: vec![1], ..STEADY.context() };
    let (rate, latency) = (&["serve.max_rate"][..], &["serve.latency_mean"][..]);
    for (context, metrics, precise, enabled, reason) in [
        (&only, rate, true, true, StopReason::Known),
        (&only, rate, false, true, StopReason::Unstable),
        (&only, rate, false, false, StopReason::Completed),
        (&only, latency, false, true, StopReason::Completed),
        (&both, rate, true, true, StopReason::Known),
        (&both, rate, false, true, StopReason::Unstable),
        // Nobody waits for the rate.
        (&both, latency, false, true, StopReason::Known),
    ] {
        let asked = StopPolicy { enabled, ..policy(metrics) };
        let mut controller = Controller::new(asked, context.clone());
        if !context.serve_sizes.is_empty() {
            let _ = feed(&mut controller, &STEADY.messages(1));
        }
        let found = FoundRate {
            precise,
            why: "p99 <= 10.0 ms; the time ran out".to_owned(),
            ..found_rate(Some(90.0), 105.0, Some(120.0))
        };
        let mut messages = search(found).to_vec();
        messages.push(say(2_000_000, WorkerEvent::Finished(finished.clone())));
        let _ = feed(&mut controller, &messages);
        let end = controller.natural_end(&finished);
        assert_eq!(end.reason, reason, "{metrics:?} {precise}: {}", end.detail.said());
        let says = "probe[1]: serve.max_rate: p99 <= 10.0 ms; the time ran out";
        let unstable = reason == StopReason::Unstable;
        assert_eq!(end.detail.said().contains(says), unstable, "{}", end.detail.said());
    }
}

/// Of a run that trains after its search: the training is known, the rate is not.
#[test]
fn a_run_whose_search_ran_out_of_time_is_not_called_known() {
    for (precise, reason) in [(true, StopReason::Known), (false, StopReason::Unstable)] {
        let context = RunContext {
            serve_sizes: Vec::new(),
            probe_sizes: vec![1],
            pattern: Pattern::Server { rate_per_s: None },
            ..context()
        };
        let asked = StopPolicy {
            constraints: vec![constraint("serve.max_rate", Op::AtLeast, 50.0)],
            ..policy(&["serve.max_rate", "train.throughput"])
        };
        let found = FoundRate { precise, ..found_rate(Some(90.0), 105.0, Some(120.0)) };
        let training =
            Sim { phases: vec![(Phase::Load, 0.1), (Phase::Train, 10.0)], ..Sim::default() };
        let messages: Vec<Message> = search(found).into_iter().chain(training.messages()).collect();
        let end = end_of(asked, context, &messages).unwrap();
        assert_eq!(end.reason, reason, "{}", end.detail.said());
        let says = "probe[1]: serve.max_rate: p99 <= 10.0 ms";
        assert_eq!(end.detail.said().contains(says), !precise, "{}", end.detail.said());
        if !precise {
            assert!(
                end.detail.said().starts_with("1 of 2 chosen metrics"),
                "{}",
                end.detail.said()
            );
        }
    }
}

#[test]
fn a_highest_rate_is_judged_by_its_interval() {
    let searching = RunContext { probe_sizes: vec![1], ..STEADY.context() };
    for (low, high, ruling) in [
        (Some(101.0), Some(110.0), "met"),
        (Some(95.0), Some(110.0), "undecided"),
        (Some(80.0), Some(99.0), "broken"),
        (Some(120.0), None, "met"),
        (Some(80.0), None, "undecided"),
        (Some(0.0), Some(0.0), "broken"),
    ] {
        let asked = limited(constraint("serve.max_rate", Op::AtLeast, 100.0));
        let mut controller = Controller::new(asked, searching.clone());
        let at = low.unwrap();
        let phase = Phase::Probe(1);
        let messages = [say(0, WorkerEvent::Phase { phase }), say(1_000_000, rate(low, at, high))];
        let answers = feed(&mut controller, &messages);
        assert_eq!(answers.len(), usize::from(ruling == "broken"), "{answers:?}");
        let rows = controller.rows(Some(&budget()));
        let found = controller.feasibility(&rows, &budget()).unwrap();
        let says = format!("serve.max_rate >= 100 /s is {ruling} in serve[1]: ");
        assert!(found.said().starts_with(&says), "{}", found.said());
        let row = row(&rows, "serve.max_rate");
        assert_eq!((row.estimate, row.low, row.high), (Some(at), low, high));
        assert_eq!((row.phase.as_str(), row.samples), ("serve[1]", 9000));
        assert_eq!(row.said(), "p99 <= 10.0 ms; 4 probes");
    }
}

#[test]
fn what_serving_once_more_would_have_shown_is_asked_of_no_run_that_did_not() {
    let searching =
        RunContext { probe_sizes: vec![1], epochs: 3, confirm: true, ..STEADY.context() };
    let mut controller = Controller::new(
        limited(constraint("serve.max_rate", Op::AtLeast, 100.0)),
        searching.clone(),
    );
    let phase = Phase::Probe(1);
    let messages = [
        say(0, WorkerEvent::Phase { phase }),
        say(1_000_000, rate(Some(101.0), 105.0, Some(110.0))),
    ];
    let _ = feed(&mut controller, &messages);
    let rows = controller.rows(Some(&budget()));
    let found = controller.feasibility(&rows, &budget()).unwrap();
    assert_eq!(found.verdict, Feasibility::Feasible, "{}", found.said());
    let phases = rows.iter().filter(|row| row.metric == "serve.max_rate");
    let phases: Vec<_> = phases.map(|row| row.phase.as_str()).collect();
    assert_eq!(phases, ["serve[1]"]);

    let asked = limited(constraint("interference.share", Op::AtMost, 0.5));
    let mut controller = Controller::new(asked, searching);
    let _ = feed(&mut controller, &messages);
    let rows = controller.rows(Some(&budget()));
    let found = controller.feasibility(&rows, &budget()).unwrap();
    assert!(!found.said().contains("confirm[1]"), "{}", found.said());
}

#[test]
fn a_rate_that_was_not_searched_for_has_a_reason() {
    for (probe_sizes, rate_per_s, says) in [
        (vec![], Some(100.0), "not searched for"),
        (vec![1], Some(100.0), "the run ended before the search"),
        (vec![1], None, "the run ended before the search"),
    ] {
        let context = RunContext {
            probe_sizes,
            serve_sizes: rate_per_s.map(|_| 1).into_iter().collect(),
            pattern: Pattern::Server { rate_per_s },
            ..STEADY.context()
        };
        let rows = Controller::new(policy(&[]), context).rows(None);
        let found = row(&rows, "serve.max_rate");
        assert!(found.estimate.is_none() && found.said().contains(says), "{found:?}");
        let latency = row(&rows, "serve.latency_p99").said();
        assert_eq!(latency.contains("without rate"), rate_per_s.is_none(), "{latency}");
    }
}

#[test]
fn the_best_size_is_the_fastest_and_of_equals_the_smallest() {
    let sizes = vec![1, 4, 16, 64];
    let context = RunContext {
        serve_sizes: sizes.clone(),
        pattern: Pattern::Offline,
        epochs: 0,
        ..context()
    };
    // Milliseconds a request of each size: throughput saturates at 16.
    for (times, best, says) in [
        ([1.0, 1.2, 2.0, 8.0], 16.0, "16, 64 are as fast within their intervals"),
        ([1.0, 1.2, 2.0, 7.0], 64.0, "64 has the highest throughput, 9.1"),
        ([1.0, 1.2, 2.0, 20.0], 16.0, "16 has the highest throughput, 8.0"),
    ] {
        let mut controller = Controller::new(policy(&["throughput"]), context.clone());
        let mut noise = Noise::new(7);
        let mut now = 0;
        for (size, ms) in sizes.iter().zip(times) {
            let phase = Phase::Serve(*size);
            let mut messages = vec![say(now, WorkerEvent::Phase { phase })];
            for _ in 0..40 {
                let time = || whole(ms * 1e6 * (1.0 + 0.02 * noise.normal()));
                let dur_ns: Vec<u64> = std::iter::repeat_with(time).take(50).collect();
                let batch = StepBatch { items: *size, start_ns: now, dur_ns, ..empty(phase) };
                now = batch.end_ns();
                messages.push(say(now, WorkerEvent::Steps(batch)));
            }
            let _ = feed(&mut controller, &messages);
        }
        let found = row(&controller.rows(Some(&budget())), "serve.best_batch_size");
        assert_eq!(found.estimate, Some(best), "{}", found.said());
        assert!(found.said().starts_with(says), "{}", found.said());
    }
    let other = Controller::new(policy(&[]), STEADY.context()).rows(None);
    let found = row(&other, "serve.best_batch_size");
    assert!(found.estimate.is_none() && found.said().contains("offline"));
}

#[test]
fn sizes_without_an_interval_are_not_compared() {
    let context = RunContext {
        serve_sizes: vec![4, 1, 16],
        pattern: Pattern::Offline,
        epochs: 0,
        ..context()
    };
    // Requests of each size that came to an answer, of 1.9 ms.
    for (requests, says) in [
        (
            [2000, 2, 2000],
            "the sizes cannot be compared (1 too little for an interval); 16 was fastest, 8.4",
        ),
        (
            [2000, 2, 0],
            "the sizes cannot be compared (16 not served, 1 too little for an interval); 4 was fastest, 2.1",
        ),
        ([0, 0, 0], "no size was served"),
    ] {
        let asked = policy(&["throughput", "serve.best_batch_size"]);
        let mut controller = Controller::new(asked, context.clone());
        let mut noise = Noise::new(7);
        let mut now = 0;
        for (size, requests) in context.serve_sizes.iter().zip(requests) {
            if requests == 0 {
                continue;
            }
            let phase = Phase::Serve(*size);
            let mut messages = vec![say(now, WorkerEvent::Phase { phase })];
            for _ in 0..requests / 2 {
                let time = || whole(1.9e6 * (1.0 + 0.02 * noise.normal()));
                let batch = StepBatch {
                    items: *size,
                    start_ns: now,
                    dur_ns: std::iter::repeat_with(time).take(2).collect(),
                    ..empty(phase)
                };
                now = batch.end_ns();
                messages.push(say(now, WorkerEvent::Steps(batch)));
            }
            let _ = feed(&mut controller, &messages);
        }
        let found = row(&controller.rows(Some(&budget())), "serve.best_batch_size");
        assert_eq!((found.estimate, found.known), (None, Some(false)));
        assert!(found.said().starts_with(says), "{}", found.said());
    }
}

/// Served once more, in a queue that grows without end.
#[test]
fn what_the_load_does_is_said_of_a_confirmation_too() {
    let load = Load { gap_ms: 5.0, service_ms: 6.0, spread: 0.05, ..STEADY };
    let mut messages = load.messages(3);
    for message in &mut messages {
        let Message::Worker(envelope) = message else {
            continue;
        };
        match &mut envelope.event {
            WorkerEvent::Steps(batch) => batch.phase = Phase::Confirm(1),
            WorkerEvent::Phase { phase } => *phase = Phase::Confirm(1),
            _ => {}
        }
    }
    let context = RunContext { epochs: 3, confirm: true, ..load.context() };
    let mut controller = Controller::new(policy(&["serve.latency_mean"]), context);
    let _ = feed(&mut controller, &messages);
    let rows = controller.rows(Some(&budget()));
    let again = |row: &&MetricRow| row.phase == "confirm[1]" && row.metric == "serve.latency_p99";
    let found = rows.iter().find(again).unwrap();
    assert!(found.said().contains("overloaded: requests arrive"), "{found:?}");
}
