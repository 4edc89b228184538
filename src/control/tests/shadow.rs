//! What a whole run would have been under a rule that stops.

use super::sim::{MS, Message, Sim, context, policy, sample, say};
use crate::control::rule::RuleSpec;
use crate::control::shadow::{ShadowEnd, ShadowRun, Stops};
use crate::control::{
    Constraint, Controller, Op, RunContext, RunReplay, StageJudgement, StopPolicy, Verdict,
};
use crate::event::{
    Feasibility, Finished, Phase, ResourceSample, Stage, StopReason, Usage, WorkerEvent,
};

/// Load 0.3 s, warm-up 0.1 s, serving 6 s and 5 s, training 30 s, the test data 2 s.
fn whole(sim: &Sim) -> Vec<Message> {
    let sim = Sim {
        phases: vec![
            (Phase::Load, 0.3),
            (Phase::Warmup, 0.1),
            (Phase::Serve(1), 6.0),
            (Phase::Serve(32), 5.0),
            (Phase::Train, 30.0),
            (Phase::Test, 2.0),
        ],
        step: sim.step,
        seed: sim.seed,
        ..Sim::default()
    };
    let mut messages = sim.messages();
    let end_ns = messages.last().unwrap().t_ns() + MS;
    let finished = Finished {
        stopped: false,
        epochs: 10,
        test_loss: None,
        test_accuracy: None,
        test_samples: None,
        usage: Usage::default(),
    };
    messages.push(say(end_ns, WorkerEvent::Finished(finished)));
    messages
}

fn serving() -> RunContext {
    RunContext { serve_sizes: vec![1, 32], ..context() }
}

/// The policy of a run with `--full`.
fn full(metrics: &[&str]) -> StopPolicy {
    StopPolicy { enabled: false, ..policy(metrics) }
}

fn shadow(mut run: ShadowRun, messages: &[Message]) -> ShadowEnd {
    for message in messages {
        match message {
            Message::Worker(envelope) => run.on_worker(envelope),
            Message::Sample(sample) => run.on_sample(sample),
        }
    }
    run.finish()
}

fn under(rule: &str, policy: &StopPolicy, messages: &[Message]) -> ShadowEnd {
    let rule = rule.parse::<RuleSpec>().unwrap();
    if rule.is_ours() {
        return shadow(ShadowRun::new(policy, &rule, serving()), messages);
    }
    let stops = Stops::joint(&rule, &judged(&rule, policy, messages), policy.max_time_s);
    shadow(ShadowRun::with_stops(policy, stops, serving()), messages)
}

fn judged(rule: &RuleSpec, policy: &StopPolicy, messages: &[Message]) -> Vec<StageJudgement> {
    let mut replay = RunReplay::new(policy, rule, serving());
    for message in messages {
        match message {
            Message::Worker(envelope) => replay.on_worker(envelope),
            Message::Sample(sample) => replay.on_sample(sample),
        }
    }
    replay.finish()
}

fn stop_s(end: &ShadowEnd, stage: Stage) -> f64 {
    let of = |stage| end.figures.iter().filter(move |figure| figure.stage == stage);
    let found = of(stage).next().unwrap().stop_s.unwrap();
    assert!(of(stage).all(|figure| figure.stop_s == Some(found)));
    found
}

/// When a phase was really left, in seconds from the start.
fn begins(messages: &[Message], phase: Phase) -> f64 {
    let found = messages.iter().find(|message| {
        matches!(message, Message::Worker(envelope) if envelope.event == WorkerEvent::Phase { phase })
    });
    found.unwrap().t_ns() as f64 * 1e-9
}

#[test]
fn what_is_left_of_the_phases_is_what_is_saved() {
    let messages = whole(&Sim::default());
    for rule in ["perftune", "naive-t", "fixed:n=20,skip=5"] {
        let end = under(rule, &full(&[]), &messages);
        assert_eq!(end.stop.reason, StopReason::Known, "{rule}: {end:?}");
        assert!(end.figures.iter().all(|figure| figure.known), "{rule}");
        let (one, many, train) = (Stage::Serve(1), Stage::Serve(32), Stage::Train);
        let [serve_1, serve_32, training, test] =
            [Phase::Serve(1), Phase::Serve(32), Phase::Train, Phase::Test]
                .map(|phase| begins(&messages, phase));
        let rest = [
            serve_32 - serve_1 - stop_s(&end, one),
            training - serve_32 - stop_s(&end, many),
            test - training - stop_s(&end, train),
        ];
        assert!(rest.iter().all(|rest| *rest > 0.5), "{rule}: {rest:?}");
        // Nor are the test data read by a model half trained.
        let span = messages.last().unwrap().t_ns() as f64 * 1e-9;
        let saved = rest.iter().sum::<f64>() + span - test;
        assert!((end.saved_s - saved).abs() < 1e-9, "{rule}: {end:?}");
        assert!((end.span_s - span).abs() < 1e-9, "{rule}");
    }
}

/// A live run of the same program: it is told to leave, so the rest of a phase never happens and all that follows comes
/// earlier.
fn live(policy: &StopPolicy, messages: &[Message]) -> Vec<(String, u64)> {
    let mut controller = Controller::new(policy.clone(), serving());
    let (mut found, mut skipped_ns, mut leaves) = (Vec::new(), 0, None::<(Stage, u64)>);
    for message in messages {
        if let Some((stage, since_ns)) = leaves {
            let next = matches!(message, Message::Worker(envelope)
                if matches!(envelope.event, WorkerEvent::Phase { phase } if phase.stage() != stage));
            if !next {
                continue;
            }
            skipped_ns += message.t_ns() - since_ns;
            leaves = None;
        }
        let verdict = match earlier(message, skipped_ns) {
            Message::Worker(envelope) => controller.on_worker(&envelope),
            Message::Sample(sample) => controller.on_sample(&sample),
        };
        match verdict {
            Verdict::Continue => {}
            Verdict::Advance { phase, .. } => {
                leaves = Some((phase.stage(), message.t_ns()));
                found.push((phase.to_string(), message.t_ns() - skipped_ns));
            }
            Verdict::Confirm(record) => {
                leaves = Some((Stage::Train, message.t_ns()));
                found.push((record.reason.to_string(), message.t_ns() - skipped_ns));
            }
            Verdict::Stop(record) => {
                found.push((record.reason.to_string(), message.t_ns() - skipped_ns));
                break;
            }
        }
    }
    found
}

fn earlier(message: &Message, by_ns: u64) -> Message {
    let mut message = message.clone();
    match &mut message {
        Message::Worker(envelope) => {
            envelope.t_ns -= by_ns;
            if let WorkerEvent::Steps(batch) = &mut envelope.event {
                batch.start_ns -= by_ns;
            }
        }
        Message::Sample(sample) => sample.t_ns -= by_ns,
    }
    message
}

#[test]
fn a_live_run_of_the_same_program_takes_as_long() {
    let chosen = ["train.throughput", "serve.throughput", "train.step_latency_mean"];
    let stopping = policy(&chosen);
    for seed in 1..=5 {
        let messages = whole(&Sim { seed, ..Sim::default() });
        let live = live(&stopping, &messages);
        let end = under("perftune", &full(&chosen), &messages);
        let (_, stopped_ns) = live.last().unwrap();
        let would_s = *stopped_ns as f64 * 1e-9;
        // The tick that falls into the step from one phase to the next differs, so a look may.
        let found_s = end.span_s - end.saved_s;
        assert!(
            (found_s - would_s).abs() <= 0.02 * would_s,
            "{seed}: {found_s} {would_s} {live:?}"
        );
        assert_eq!(live.len(), 3);
    }
}

#[test]
fn a_run_that_is_never_known_uses_the_time_for_measuring() {
    // A rate that grows without end; only training lasts longer than the 20 s for measuring.
    let sim = Sim { step: |_, at_s, _| 2.0 / (1.0 + at_s), ..Sim::default() };
    let messages = whole(&sim);
    let end = under("perftune", &full(&["train.throughput"]), &messages);
    assert_eq!(end.stop.reason, StopReason::Unstable, "{end:?}");
    let [figure] = &end.figures[..] else {
        panic!("{end:?}");
    };
    assert!(!figure.known);
    let stop_s = figure.stop_s.unwrap();
    assert!((20.0..20.2).contains(&stop_s), "{stop_s}");
    let rest = begins(&messages, Phase::Test) - begins(&messages, Phase::Train) - stop_s;
    // Serve phases without a chosen metric are known at their first look.
    assert!(end.saved_s >= rest, "{end:?}");
}

#[test]
fn what_the_run_would_not_have_seen_is_kept_from_it() {
    // Memory is three times as large in what is left of the first serve phase.
    let mut messages = whole(&Sim::default());
    for message in &mut messages {
        if let Message::Sample(tick) = message
            && (4.0..6.0).contains(&(tick.t_ns as f64 * 1e-9))
        {
            let cpu_ns = tick.cpu_ns.unwrap() as f64;
            let large = sample(tick.t_ns, cpu_ns, (900e6, 900e6));
            **tick = ResourceSample { host: tick.host, ..large };
        }
    }
    let asked = full(&["memory.peak", "train.throughput", "serve.throughput"]);
    let end = under("perftune", &asked, &messages);
    assert!(stop_s(&end, Stage::Serve(1)) < 3.0, "{end:?}");
    let peak = end.rows.iter().find(|row| row.metric == "memory.peak");
    let peak = peak.unwrap().estimate.unwrap();
    assert!((peak - 300e6).abs() < 1.0, "{peak}");
}

#[test]
fn a_run_that_would_have_been_stopped_before_its_training_reads_no_test_data() {
    let asked = StopPolicy {
        constraints: vec![Constraint {
            metric: "serve.latency_mean".into(),
            op: Op::AtMost,
            limit: 1e-3,
        }],
        ..full(&["serve.latency_mean"])
    };
    let messages = whole(&Sim::default());
    let end = under("perftune", &asked, &messages);
    assert_eq!(end.stop.reason, StopReason::Infeasible, "{end:?}");
    let span_s = messages.last().unwrap().t_ns() as f64 * 1e-9;
    let spent_s = begins(&messages, Phase::Serve(1)) + stop_s(&end, Stage::Serve(1));
    assert!((end.saved_s - (span_s - spent_s)).abs() < 1e-9, "{end:?}");
}

#[test]
fn in_hindsight_the_last_metric_ends_a_stage() {
    let messages = whole(&Sim::default());
    let asked = full(&[
        "train.throughput",
        "serve.throughput",
        "train.step_latency_mean",
        "serve.latency_mean",
    ]);
    let oracle: RuleSpec = "oracle:within=2%".parse().unwrap();
    let judgements = judged(&oracle, &asked, &messages);
    let stops = Stops::joint(&oracle, &judgements, asked.max_time_s);
    let stages = stops.due.clone();
    assert_eq!(stages.len(), 3);
    let whole = ShadowRun::with_stops(&asked, stops, serving());
    let end = shadow(whole, &messages);
    for due in &stages {
        let left_s = stop_s(&end, due.stage);
        assert!((left_s - due.at_s).abs() < 1e-9, "{due:?} {left_s}");
    }
    for figure in &end.figures {
        let full = judgements
            .iter()
            .find(|found| found.stage == figure.stage && found.metric == figure.metric)
            .unwrap();
        let error = figure.row.estimate.unwrap() / full.full_estimate.unwrap() - 1.0;
        assert!(error.abs() <= 0.02 && figure.known, "{figure:?}");
    }
    assert_eq!(end.stop.reason, StopReason::Known);
}

#[test]
fn a_stop_for_a_limit_and_the_verdicts_are_those_of_a_live_run() {
    // A step of 64 samples takes 2 ms.
    for (limit, reason, verdict) in [
        (31_000.0, StopReason::Known, Feasibility::Feasible),
        (33_000.0, StopReason::Infeasible, Feasibility::Infeasible),
    ] {
        let asked = StopPolicy {
            constraints: vec![Constraint {
                metric: "train.throughput".into(),
                op: Op::AtLeast,
                limit,
            }],
            ..full(&["train.throughput"])
        };
        let end = under("perftune", &asked, &whole(&Sim::default()));
        assert_eq!(end.stop.reason, reason, "{end:?}");
        assert_eq!(end.verdict.unwrap().verdict, verdict, "{limit}");
        assert!(end.saved_s > 20.0, "{limit}");
    }
}
