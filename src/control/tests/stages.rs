//! Serve phases, boundaries, gaps, short runs and unsupported quantities.

use std::collections::BTreeMap;

use super::said::Said;
use super::sim::{MS, Message, Sim, context, end_of, epoch, feed, policy, say, two_modes};
use crate::control::{Controller, RunContext, StopPolicy, Verdict};
use crate::event::{Finished, Gap, Phase, Stage, StopReason, Usage, WorkerEvent};
use crate::event::{MetricRow, Reason};

fn row<'a>(rows: &'a [MetricRow], phase: &str, metric: &str) -> &'a MetricRow {
    let found = rows.iter().find(|row| row.phase == phase && row.metric == metric);
    found.unwrap_or_else(|| panic!("{phase} {metric}"))
}

fn serving() -> RunContext {
    RunContext { serve_sizes: vec![1, 32], ..context() }
}

fn finished(epochs: u32) -> Finished {
    Finished {
        stopped: false,
        epochs,
        test_loss: None,
        test_accuracy: None,
        test_samples: None,
        usage: Usage::default(),
    }
}

/// On a busy machine the runner hears of a stage after ticks that are later than its beginning.
#[test]
fn a_stage_lasts_as_long_as_the_worker_says_however_late_it_is_heard() {
    let phases = vec![(Phase::Load, 0.3), (Phase::Serve(1), 2.0), (Phase::Train, 3.0)];
    let heard = |late_ns: [u64; 2]| {
        let mut messages = Sim { phases: phases.clone(), ..Sim::default() }.messages();
        // The first phase that serves is heard as late as this, what follows it as late as that.
        messages.sort_by_key(|message| match message {
            Message::Worker(envelope) => {
                let [first, then] = late_ns;
                envelope.t_ns + if envelope.t_ns <= 310 * MS { first } else { then }
            }
            Message::Sample(sample) => sample.t_ns,
        });
        let whole = StopPolicy { enabled: false, ..policy(&[]) };
        let mut controller = Controller::new(whole, serving());
        feed(&mut controller, &messages);
        let state = controller.run.stage(Stage::Serve(1)).unwrap();
        state.age_ns(state.left_ns.unwrap())
    };
    let at_once = heard([0, 0]);
    // Its last step goes a little beyond its time.
    assert!((2000 * MS..2010 * MS).contains(&at_once), "{at_once}");
    assert_eq!(heard([700 * MS, 700 * MS]), at_once);
    assert_eq!(heard([0, 700 * MS]), at_once);
}

#[test]
fn each_serve_phase_is_advanced_once_even_if_the_command_comes_late() {
    let sim = Sim {
        phases: vec![
            (Phase::Load, 0.3),
            (Phase::Warmup, 0.1),
            (Phase::Serve(1), 4.0),
            (Phase::Serve(32), 4.0),
            (Phase::Train, 8.0),
        ],
        ..Sim::default()
    };
    let mut controller = Controller::new(policy(&[]), serving());
    let answers = feed(&mut controller, &sim.messages());
    let phases: Vec<_> = answers
        .iter()
        .map(|(_, verdict)| match verdict {
            Verdict::Advance { phase, why } => {
                assert!(why.said().contains("5 of 5 chosen metrics within"), "{why:?}");
                phase.to_string()
            }
            Verdict::Stop(record) => {
                let all = "16 of 16 chosen metrics of 3 stages within";
                assert!(record.detail.said().starts_with(all), "{}", record.detail.said());
                record.reason.to_string()
            }
            Verdict::Confirm(_) => "confirm".to_owned(),
            Verdict::Continue => "continue".to_owned(),
        })
        .collect();
    assert_eq!(phases, ["serve[1]", "serve[32]", "known"]);
    assert!(answers[0].0 < 4.0 && (4.5..8.4).contains(&answers[1].0), "{answers:?}");
    let rows = controller.rows(None);
    for phase in ["serve[1]", "serve[32]"] {
        let latency = row(&rows, phase, "serve.latency_p50");
        assert_eq!(latency.known, Some(true));
        assert!((latency.estimate.unwrap() - 2e-3).abs() < 2e-5);
        assert!(row(&rows, phase, "cpu.utilisation").estimate.unwrap() > 190.0);
    }
}

#[test]
fn a_serve_phase_that_stays_open_is_left_with_a_note() {
    let sim = Sim {
        phases: vec![(Phase::Serve(1), 12.0), (Phase::Train, 5.0)],
        step: two_modes,
        ..Sim::default()
    };
    let asked = StopPolicy { max_time_s: 10.0, ..policy(&["serve.latency_p50"]) };
    let mut controller = Controller::new(asked, RunContext { serve_sizes: vec![1], ..context() });
    let answers = feed(&mut controller, &sim.messages());
    let (at, Verdict::Advance { why, .. }) = &answers[0] else { panic!("{answers:?}") };
    assert!(
        (1.0..10.3).contains(at) && why.said().starts_with("noise-limited: 1 of 1"),
        "{at} {why:?}"
    );
    let rows = controller.rows(None);
    let latency = row(&rows, "serve[1]", "serve.latency_p50");
    assert_eq!(latency.known, Some(false));
    assert!(
        latency.said().starts_with("noise-limited: reached ±")
            && latency.said().contains(" (the ±5% asked would take an estimated "),
        "{}",
        latency.said()
    );
    // Training has no chosen metric: it is left after the shortest time, and the run is not known for that.
    let Verdict::Stop(end) = &answers[1].1 else { panic!("{answers:?}") };
    assert_eq!(end.reason, StopReason::NoiseLimited, "{}", end.detail.said());
    let says = "1 of 1 chosen metrics not known within ±5% after ";
    assert!(
        end.detail.said().starts_with(says)
            && end
                .detail
                .said()
                .contains(" as it could not become known in time: at the last look serve.latency_p50 reached ±"),
        "{}",
        end.detail.said()
    );
}

/// The worker has a limit of its own for a serve phase, which may be shorter than that of the rule.
#[test]
fn a_serve_phase_that_the_worker_leaves_unknown_is_not_forgotten() {
    let sim = Sim {
        phases: vec![(Phase::Serve(1), 3.0), (Phase::Serve(32), 4.0), (Phase::Train, 5.0)],
        step: two_modes,
        ..Sim::default()
    };
    let mut messages = sim.messages();
    steady_after(&mut messages, 3.1);
    let mut controller =
        Controller::new(policy(&["serve.latency_p50", "train.throughput"]), serving());
    let answers = feed(&mut controller, &messages);
    let Some((_, Verdict::Stop(end))) = answers.last() else { panic!("{answers:?}") };
    assert_eq!(end.reason, StopReason::NoiseLimited, "{}", end.detail.said());
    assert!(
        end.detail.said().starts_with("1 of 3 chosen metrics not known")
            && end.detail.said().contains("serve[1], left after 3.00 s as ")
            && !end.detail.said().contains("serve[32]")
            && !end.detail.said().contains("train.throughput"),
        "{}",
        end.detail.said()
    );
    let rows = controller.rows(Some(end));
    let latency = row(&rows, "serve[1]", "serve.latency_p50");
    assert!(
        latency.known == Some(false) && latency.said().starts_with("noise-limited: reached ±"),
        "{latency:?}"
    );
    // The worker's own end of a run that only serves is judged alike.
    let only = RunContext { epochs: 0, ..serving() };
    let mut controller = Controller::new(policy(&["serve.latency_p50"]), only);
    let _ = feed(
        &mut controller,
        &messages[..messages.partition_point(|message| message.t_ns() < 3_000 * MS)],
    );
    let last = [say(3_100 * MS, WorkerEvent::Finished(finished(0)))];
    let _ = feed(&mut controller, &last);
    let end = controller.natural_end(&finished(0));
    assert_eq!(end.reason, StopReason::NoiseLimited, "{}", end.detail.said());
}

/// Makes every step from this second on take 2 ms.
fn steady_after(messages: &mut [Message], second: f64) {
    for message in messages {
        if let Message::Worker(envelope) = message
            && envelope.t_ns as f64 * 1e-9 > second
            && let WorkerEvent::Steps(batch) = &mut envelope.event
        {
            batch.dur_ns.fill(2 * MS);
        }
    }
}

#[test]
fn intervals_across_a_boundary_or_a_gap_are_not_used() {
    // Two cores in training, none while loading; ticks every 100 ms from 5 ms on.
    let sim = Sim {
        phases: vec![(Phase::Load, 1.05), (Phase::Train, 4.0)],
        tick: |t, _| (if t < 1.06 { 0.0 } else { 2.0 }, 300e6),
        others: |_| Some(1.0),
        ..Sim::default()
    };
    let mut messages = sim.messages();
    for message in &mut messages {
        if let Message::Sample(sample) = message
            && sample.t_ns / (100 * MS) == 25
        {
            sample.cpu_ns = None;
            sample.gaps.push(Gap { field: "cpu_ns".into(), reason: "the process was gone".into() });
        }
    }
    let mut controller = Controller::new(StopPolicy { enabled: false, ..policy(&[]) }, context());
    let _ = feed(&mut controller, &messages);
    let rows = controller.rows(None);
    let cpu = row(&rows, "train", "cpu.utilisation");
    assert!((cpu.estimate.unwrap() - 200.0).abs() < 1e-6, "{cpu:?}");
    // 40 ticks lie in training, so 39 intervals, less the one in pieces at the gap (two).
    let steps = row(&rows, "train", "memory.rss_mean").samples;
    assert_eq!(cpu.samples + 2, steps);
    assert!(
        (row(&rows, "train", "cpu.utilisation_of_limit").estimate.unwrap() - 100.0).abs() < 1e-6
    );
    assert!((row(&rows, "train", "interference.others_cpu").estimate.unwrap() - 100.0).abs() < 1.0);
    assert!((row(&rows, "train", "interference.run_delay").estimate.unwrap() - 0.2).abs() < 1e-3);
    assert!(row(&rows, "train", "interference.steal").said().contains("gave no reason"));
}

/// A sample that arrives before the message that ends the phase it was taken after.
#[test]
fn a_sample_that_overtakes_the_worker_is_still_in_its_own_stage() {
    let sim = Sim {
        phases: vec![(Phase::Serve(1), 2.0), (Phase::Train, 2.0)],
        tick: |t, _| (if t < 2.0 { 1.0 } else { 2.0 }, 300e6),
        tick_ms: 10,
        ..Sim::default()
    };
    let mut messages = sim.messages();
    // The worker's messages arrive 60 ms late.
    messages.sort_by_key(|message| match message {
        Message::Worker(envelope) => envelope.t_ns + 60 * MS,
        Message::Sample(sample) => sample.t_ns,
    });
    let mut controller = Controller::new(
        StopPolicy { enabled: false, ..policy(&[]) },
        RunContext { serve_sizes: vec![1], ..context() },
    );
    let _ = feed(&mut controller, &messages);
    let rows = controller.rows(None);
    for (phase, percent) in [("serve[1]", 100.0), ("train", 200.0)] {
        let cpu = row(&rows, phase, "cpu.utilisation");
        assert!((cpu.estimate.unwrap() - percent).abs() < 1e-6, "{cpu:?}");
    }
}

#[test]
fn a_run_too_short_for_a_tick_says_so() {
    let sim = Sim { phases: vec![(Phase::Load, 0.2), (Phase::Train, 0.05)], ..Sim::default() };
    let mut controller = Controller::new(policy(&[]), context());
    let _ = feed(&mut controller, &sim.messages());
    let rows = controller.rows(None);
    let cpu = row(&rows, "train", "cpu.utilisation");
    assert_eq!(
        (cpu.estimate, cpu.said().as_str()),
        (None, "no sampler interval fell within the stage")
    );
    assert_eq!(cpu.known, Some(false));
    assert!(row(&rows, "train", "train.step_latency_p50").estimate.is_some());
    let end = controller.natural_end(&finished(10));
    assert_eq!(end.reason, StopReason::Completed);
    assert!(end.detail.said().starts_with("all 10 epochs used; "), "{}", end.detail.said());
}

#[test]
fn epochs_shorter_than_a_tick_are_one_stage() {
    let mut phases = vec![(Phase::Load, 0.2)];
    for _ in 0..200 {
        phases.extend([(Phase::Train, 0.030), (Phase::Validate, 0.008)]);
    }
    let mut messages = Sim { phases, ..Sim::default() }.messages();
    for number in 1..=5u32 {
        messages.push(say(u64::from(number) * 300 * MS, epoch(number, 0.5)));
    }
    messages.sort_by_key(Message::t_ns);
    let end = end_of(policy(&[]), context(), &messages).unwrap();
    assert_eq!(end.reason, StopReason::Known, "{}", end.detail.said());
    let progress = end.controller.progress();
    assert_eq!((progress.stage, progress.epoch), (Some(Stage::Train), Some((6, 10))));
    // Validation is not training: its steps do not count, its CPU time does.
    let rows = end.controller.rows(None);
    assert!(row(&rows, "train", "cpu.utilisation").estimate.unwrap() > 190.0);
    assert!(row(&rows, "train", "train.step_latency_mean").samples < 1900);
}

#[test]
fn what_cannot_be_measured_is_left_out_with_a_warning() {
    let unsupported = BTreeMap::from([("gpu".to_owned(), Reason::unsupported("no NVML"))]);
    let mut controller = Controller::new(policy(&[]), RunContext { unsupported, ..context() });
    let answers = feed(&mut controller, &Sim::default().messages());
    assert!(matches!(&answers[0].1, Verdict::Stop(record) if record.reason == StopReason::Known));
    let warnings = controller.left_out();
    assert_eq!(warnings.len(), 2, "{warnings:?}");
    assert!(warnings[0].said().contains("gpu.utilisation: no NVML"), "{warnings:?}");
    let rows = controller.rows(None);
    let gpu = row(&rows, "train", "gpu.utilisation");
    assert_eq!(
        (gpu.estimate, gpu.said().as_str(), gpu.known),
        (None, "unsupported: no NVML", None)
    );
}

/// The machine promised it, the run's own ticks do not have it: the same, once that is clear.
#[test]
fn a_gap_in_every_tick_is_a_quantity_that_cannot_be_measured() {
    let gapped = |field: &str| {
        let mut messages = Sim::default().messages();
        for message in &mut messages {
            if let Message::Sample(sample) = message {
                sample.cpu_ns = None;
                sample.gaps.push(Gap { field: field.into(), reason: "permission denied".into() });
            }
        }
        messages
    };
    let end =
        end_of(policy(&["train.throughput", "cpu.utilisation"]), context(), &gapped("cpu_ns"))
            .unwrap();
    assert_eq!(end.reason, StopReason::Known);
    assert!(end.detail.said().starts_with("1 of 1"), "{}", end.detail.said());
    assert!(end.controller.left_out()[0].said().contains("cpu.utilisation: permission denied"));
    // Alone it leaves nothing to know, and nothing is not everything.
    let end = end_of(policy(&["cpu.utilisation"]), context(), &gapped("cpu_ns")).unwrap();
    assert_eq!(end.reason, StopReason::Unstable, "{}", end.detail.said());
    assert!(
        end.detail.said().contains("could not be read: permission denied"),
        "{}",
        end.detail.said()
    );
}

#[test]
fn a_run_that_only_serves_ends_by_what_its_phases_gave() {
    let context = RunContext { epochs: 0, serve_sizes: vec![1], ..context() };
    for (step, reason) in [
        (Sim::default().step, StopReason::Known),
        ((two_modes) as super::sim::Step, StopReason::NoiseLimited),
    ] {
        let sim = Sim {
            phases: vec![(Phase::Load, 0.2), (Phase::Serve(1), 25.0)],
            step,
            ..Sim::default()
        };
        let mut controller = Controller::new(
            policy(&["latency_p50", "serve.latency_p50", "memory.peak"]),
            context.clone(),
        );
        let answers = feed(&mut controller, &sim.messages());
        assert_eq!(answers.len(), 1);
        let _ = feed(&mut controller, &[say(26_000 * MS, WorkerEvent::Finished(finished(0)))]);
        assert_eq!(controller.natural_end(&finished(0)).reason, reason, "{answers:?}");
        assert_eq!(controller.left_out().len(), 1, "a name that is no metric");
        assert!(!controller.rows(None).iter().any(|row| row.phase == "train"));
    }
}
