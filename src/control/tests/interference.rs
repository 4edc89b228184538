//! Runs on a machine that is quiet, disturbed for a while, always disturbed, or cannot say.

use super::said::Said;
use super::sim::{Message, Sim, Step, context, end_of, feed, policy};
use crate::control::{Controller, StopPolicy};
use crate::event::{MetricRow, Phase, StopReason};
use crate::stats::testing::Noise;

const STEPS: &[&str] = &["train.throughput", "train.step_latency_mean", "train.step_latency_p50"];

fn row<'a>(rows: &'a [MetricRow], metric: &str) -> &'a MetricRow {
    rows.iter().find(|row| row.metric == metric).unwrap_or_else(|| panic!("{metric}"))
}

/// Whether others work in this second of the training, at the end of each: at its beginning they would be cut as warm-up.
fn turn(t: f64, share: f64) -> bool {
    t.rem_euclid(1.0) >= 1.0 - share
}

/// What others use: a core in their turns.
fn busy(share: f64, t: f64) -> f64 {
    // Training begins at 0.2 s.
    if turn(t - 0.2, share) { 1.0 } else { 0.0 }
}

fn ms(slow: bool, noise: &mut Noise) -> f64 {
    (if slow { 2.6 } else { 2.0 }) * (1.0 + 0.005 * noise.normal())
}

fn whole_run(sim: &Sim, delays: bool) -> Vec<MetricRow> {
    let asked = StopPolicy { enabled: false, ..policy(STEPS) };
    let mut controller = Controller::new(asked, context());
    let mut messages = sim.messages();
    for message in &mut messages {
        if let Message::Sample(sample) = message {
            sample.run_delay_ns = sample.run_delay_ns.filter(|_| delays);
        }
    }
    let _ = feed(&mut controller, &messages);
    controller.rows(None)
}

/// A machine, how it slows the steps, the share that is marked, and the notes on a rate, a mean, a median and a gauge.
struct Case {
    name: &'static str,
    others: fn(f64) -> Option<f64>,
    step: Step,
    share: Option<f64>,
    notes: [&'static str; 4],
}

fn cases() -> [Case; 5] {
    let quiet: Step = |_, _, noise| ms(false, noise);
    let third: Step = |_, t, noise| ms(turn(t, 0.3), noise);
    let most: Step = |_, t, noise| ms(turn(t, 0.7), noise);
    let always = "interference in 100% of the time, which may have decided the figure: not known";
    [
        Case {
            name: "quiet",
            others: |_| Some(0.05),
            step: quiet,
            share: Some(0.0),
            notes: [""; 4],
        },
        Case {
            name: "a third",
            others: |t| Some(busy(0.3, t)),
            step: third,
            share: Some(30.0),
            notes: [
                "without the 30% of the time with interference: 32.0 k/s",
                "without the 30% of the time with interference: 2.00 ms",
                // The median is that of the clear steps anyhow.
                "",
                "",
            ],
        },
        Case {
            name: "most",
            others: |t| Some(busy(0.7, t)),
            step: most,
            share: Some(70.0),
            notes: [
                // Ticks come 5 ms after the turns begin, so that a slow step or two in a hundred is not marked.
                "interference in 70% of the time, which may have decided the figure: not known; without it: 32.0 k/s",
                "interference in 70% of the time, which may have decided the figure: not known; without it: 2.00 ms",
                "interference in 70% of the time, which may have decided the figure: not known; without it: 2.00 ms",
                "interference in 70% of the time",
            ],
        },
        Case {
            name: "always",
            others: |_| Some(1.0),
            step: third,
            share: Some(100.0),
            notes: [always, always, always, "interference in 100% of the time"],
        },
        Case { name: "unknown", others: |_| None, step: third, share: None, notes: [""; 4] },
    ]
}

#[test]
fn figures_are_given_with_and_without_what_others_took() {
    for case in cases() {
        let sim = Sim {
            phases: vec![(Phase::Load, 0.2), (Phase::Train, 40.0)],
            others: case.others,
            ..Sim::train(case.step)
        };
        let found = whole_run(&sim, false);
        let marked = row(&found, "interference.share");
        match (marked.estimate, case.share) {
            (Some(got), Some(share)) => assert!((got - share).abs() < 1.0, "{marked:?}"),
            (got, share) => assert_eq!(got, share, "{}: {marked:?}", case.name),
        }
        let metrics = STEPS.iter().chain(&["cpu.utilisation"]);
        for (metric, note) in metrics.zip(case.notes) {
            let found = &row(&found, metric).said();
            let at = found.find("interference in ").or(found.find("without the "));
            let found = at.map_or("", |at| &found[at..]);
            let plain = |text: &str| text.replace("29%", "30%").replace("31%", "30%");
            let plain = |text: &str| plain(text).replace("69%", "70%").replace("71%", "70%");
            assert_eq!(plain(found), note, "{}: {metric}", case.name);
        }
    }
}

/// Where the machine's counters cannot be read, the time that the run's threads waited for a core speaks.
#[test]
fn waiting_for_a_core_marks_what_the_machine_does_not_say() {
    for (waits, share) in [(0.1, 0.0), (0.5, 100.0)] {
        let sim = Sim {
            phases: vec![(Phase::Load, 0.2), (Phase::Train, 8.0)],
            others: |_| None,
            ..Sim::default()
        };
        let mut messages = sim.messages();
        for message in &mut messages {
            if let Message::Sample(sample) = message {
                let cpu = sample.cpu_ns.unwrap() as f64;
                sample.run_delay_ns = Some(super::sim::whole(cpu * waits));
            }
        }
        let mut controller = Controller::new(policy(STEPS), context());
        let _ = feed(&mut controller, &messages);
        let rows = controller.rows(None);
        assert_eq!(row(&rows, "interference.share").estimate, Some(share));
    }
}

/// A machine, how it slows the steps, how the run ends and what the evidence says.
type Ending = (&'static str, Step, fn(f64) -> Option<f64>, StopReason, &'static str);

fn endings() -> [Ending; 6] {
    use StopReason::{Known, Unstable};
    let third: Step = |_, t, noise| ms(turn(t, 0.3), noise);
    let first: Step = |_, t, noise| ms(t < 5.0 && turn(t, 0.3), noise);
    let most: Step = |_, t, noise| ms(turn(t, 0.7), noise);
    let none: Step = |_, _, noise| ms(false, noise);
    let says = "% of the time with interference)";
    [
        ("a third, unseen", third, |_| None, Known, "1 of 1"),
        ("a third", third, |t| Some(busy(0.3, t)), Unstable, says),
        (
            "a third, at first",
            first,
            |t| Some(if t < 5.2 { busy(0.3, t) } else { 0.0 }),
            Known,
            "1 of 1",
        ),
        ("most", most, |t| Some(busy(0.7, t)), Known, "1 of 1"),
        ("always", third, |_| Some(1.5), Known, "1 of 1"),
        ("always, for nothing", none, |_| Some(1.0), Known, "1 of 1"),
    ]
}

/// A stop while others come and go would be one on a mixture that is true of no machine.
#[test]
fn a_mixture_is_not_known_but_a_busy_machine_is() {
    const MEAN: &str = "train.step_latency_mean";
    for (name, step, others, reason, says) in endings() {
        let sim = Sim { others, ..Sim::train(step) };
        let end = end_of(policy(&[MEAN]), context(), &sim.messages());
        let end = end.unwrap_or_else(|| panic!("{name}: never stopped"));
        assert_eq!(end.reason, reason, "{name}: {}", end.detail.said());
        assert!(end.detail.said().contains(says), "{name}: {}", end.detail.said());
        let rows = end.controller.rows(None);
        let mean = row(&rows, MEAN);
        let clear = (mean.estimate.unwrap() / 2e-3 - 1.0).abs() < 0.05;
        match name {
            "a third, at first" => assert!(clear, "{mean:?}"),
            "most" => {
                let says = ["69", "70", "71"].map(|share| format!("interference in {share}% "));
                assert!(says.iter().any(|says| mean.said().contains(says)), "{mean:?}");
            }
            _ => {}
        }
    }
}

/// On a machine that is disturbed most of the time nothing waits for the end of it, and a figure that others decided, or may
/// have, does not look like one that is known.
#[test]
fn what_others_decided_does_not_look_certain() {
    const MEAN: &str = "train.step_latency_mean";
    let most: Step = |_, t, noise| ms(turn(t, 0.7), noise);
    let none: Step = |_, _, noise| ms(false, noise);
    let others: fn(f64) -> Option<f64> = |t| Some(busy(0.7, t));
    let always: fn(f64) -> Option<f64> = |_| Some(1.0);
    for (name, step, others, waits, certain) in [
        ("most", most, others, 0.5, false),
        ("most, for nothing", none, others, 0.5, true),
        ("always", none, always, 0.5, false),
        ("always, on cores that nobody wanted", none, always, 0.01, true),
    ] {
        let mut messages = Sim { others, ..Sim::train(step) }.messages();
        for message in &mut messages {
            if let Message::Sample(sample) = message {
                let cpu = sample.cpu_ns.unwrap() as f64;
                sample.run_delay_ns = Some(super::sim::whole(cpu * waits));
            }
        }
        let end = end_of(policy(&[MEAN]), context(), &messages).unwrap();
        assert_eq!(end.reason, StopReason::Known, "{name}");
        let rows = end.controller.rows(None);
        assert_eq!(row(&rows, MEAN).known, Some(certain), "{name}: {rows:?}");
    }
}

#[test]
fn a_quiet_beginning_is_no_warm_up_of_what_others_make_of_the_rest() {
    let sim = Sim {
        others: |t| Some(if t < 1.7 { 0.0 } else { 1.0 }),
        ..Sim::train(|_, t, noise| if t < 1.5 { ms(false, noise) } else { 2.5 * ms(false, noise) })
    };
    let asked = StopPolicy { min_time_s: 12.0, ..policy(STEPS) };
    let end = end_of(asked, context(), &sim.messages()).unwrap();
    let rows = end.controller.rows(None);
    for metric in STEPS {
        let found = row(&rows, metric);
        assert_eq!(found.known, Some(false), "{found:?}");
        let said = found.said();
        assert!(said.contains("left out; other work started later"), "{said}");
        assert!(said.contains("without it: 2.00 ms") || said.contains("32.0 k/s"), "{said}");
    }
}

/// Others are summed up over the stretches that are marked: what says that they were at work says how much.
#[test]
fn the_share_of_others_and_the_time_with_interference_agree() {
    for (cores, share) in [(0.15, 0.0), (0.3, 100.0)] {
        // A machine that is read at every third tick, beside a run that is quick to use much before its training.
        let mut messages = Sim {
            phases: vec![(Phase::Load, 0.5), (Phase::Train, 0.6)],
            tick: |t, _| (if t < 0.5 { 8.0 } else { 1.0 }, 300e6),
            others: if share > 0.0 { |_| Some(0.3) } else { |_| Some(0.15) },
            ..Sim::default()
        }
        .messages();
        let mut last = None;
        for (at, message) in
            messages.iter_mut().filter(|m| matches!(m, Message::Sample(_))).enumerate()
        {
            if let Message::Sample(sample) = message {
                let read = if at % 3 == 0 { sample.host.busy_ns } else { last };
                (sample.host.busy_ns, last) = (read, read);
            }
        }
        let mut controller = Controller::new(policy(STEPS), context());
        let _ = feed(&mut controller, &messages);
        let rows = controller.rows(None);
        let figure = |metric: &str| row(&rows, metric).estimate.unwrap();
        let train = |metric: &str| {
            let found = rows.iter().find(|row| row.phase == "train" && row.metric == metric);
            found.and_then(|row| row.estimate).unwrap_or_else(|| figure(metric))
        };
        assert!((train("interference.share") - share).abs() < 1e-9, "{rows:?}");
        assert!((train("interference.others_cpu") - 100.0 * cores).abs() < 1.0, "{rows:?}");
    }
}

/// Marks come after the steps; how these are cut into messages must not matter to what is marked.
#[test]
fn the_same_steps_are_marked_however_they_are_sent() {
    let shares = [20, 80, 900].map(|batch_ms| {
        let sim = Sim {
            phases: vec![(Phase::Load, 0.2), (Phase::Train, 40.0)],
            others: |t| Some(busy(0.3, t)),
            batch_ms,
            ..Sim::train(|_, t, noise| ms(turn(t, 0.3), noise))
        };
        let rows = whole_run(&sim, true);
        let note = row(&rows, "train.step_latency_mean").said();
        (note, row(&rows, "train.throughput").said())
    });
    assert!(shares[0].0.starts_with("without the "), "{shares:?}");
    assert_eq!(shares[0], shares[1]);
    assert_eq!(shares[0], shares[2]);
}

/// Without a sampler nothing is ever known of the machine: what waits for it must not pile up.
#[test]
fn steps_that_nobody_marks_are_forgotten() {
    let sim = Sim { tick_ms: 0, phases: vec![(Phase::Train, 6.0)], ..Sim::train(|_, _, _| 0.02) };
    let asked = StopPolicy { enabled: false, ..policy(STEPS) };
    let mut controller = Controller::new(asked, context());
    let _ = feed(&mut controller, &sim.messages());
    let waiting: Vec<usize> =
        controller.run.stages.iter().map(|state| state.series.waiting()).collect();
    assert!(waiting[0] > 1000 && waiting[0] <= 32_768, "{waiting:?}");
    let rows = controller.rows(None);
    assert_eq!(row(&rows, "interference.share").said(), "the sampler took no reading");
}
