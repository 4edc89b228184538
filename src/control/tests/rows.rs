//! What the rows say, and what they admit.

use super::limits::verdict;
use super::said::Said;
use super::sim::{MS, Message, Sim, Step, context, end_of, epoch, feed, policy, say, two_modes};
use crate::control::{Constraint, Controller, Op, RunContext, Selection, StopPolicy};
use crate::event::{
    CommandSpec, Feasibility, Finished, GpuReading, MetricRow, Note, Num, Phase, StepBatch,
    StopDetail, StopReason, StopRecord, Usage, Why, Work, WorkerEvent,
};
use crate::metric::{CATALOGUE, MetricId, OwnKind, OwnMetric, declare};
use crate::units::Unit;

pub(super) fn row<'a>(rows: &'a [MetricRow], metric: &str) -> &'a MetricRow {
    rows.iter().find(|row| row.metric == metric).unwrap_or_else(|| panic!("{metric}"))
}

fn ended(reason: StopReason) -> StopRecord {
    StopRecord { reason, detail: StopDetail::Unknown }
}

#[test]
fn every_metric_has_its_rows_and_every_absence_its_reason() {
    let context = RunContext { serve_sizes: vec![1, 8], ..context() };
    let fresh = Controller::new(policy(&[]), context.clone()).rows(None);
    let mut fed = Controller::new(policy(&[]), context);
    let sim = Sim { phases: vec![(Phase::Serve(1), 2.0), (Phase::Train, 3.0)], ..Sim::default() };
    let _ = feed(&mut fed, &sim.messages());
    for rows in [fresh, fed.rows(Some(&ended(StopReason::Cancelled)))] {
        assert!(
            CATALOGUE
                .iter()
                // Of a command, and where there is a price.
                .filter(|metric| metric.id != MetricId::CommandTime && metric.group != "cost")
                .all(|metric| rows.iter().any(|row| row.metric == metric.name))
        );
        let phases = |metric: &str| rows.iter().filter(|row| row.metric == metric).count();
        assert_eq!(
            (phases("cpu.utilisation"), phases("train.throughput"), phases("memory.peak")),
            (3, 1, 1)
        );
        for row in &rows {
            assert!(row.estimate.is_some() || !row.said().is_empty(), "{row:?}");
            assert_eq!(row.low.is_some(), row.confidence.is_some(), "{row:?}");
        }
    }
}

/// Half a second is too short to bound a growth; a training that has done its epochs has none to come.
#[test]
fn the_peak_of_a_training_is_known_when_its_epochs_are_done() {
    for (epochs, known) in [(10, true), (9, false)] {
        let sim = Sim { phases: vec![(Phase::Load, 0.2), (Phase::Train, 0.5)], ..Sim::default() };
        let mut controller =
            Controller::new(StopPolicy { enabled: false, ..policy(&["memory.peak"]) }, context());
        let _ = feed(&mut controller, &sim.messages());
        let _ = feed(&mut controller, &[say(710 * MS, epoch(epochs, 0.8))]);
        let finished = Finished {
            stopped: false,
            epochs,
            test_loss: None,
            test_accuracy: None,
            test_samples: None,
            usage: Usage::default(),
        };
        let _ = feed(&mut controller, &[say(720 * MS, WorkerEvent::Finished(finished.clone()))]);
        let end = controller.natural_end(&finished);
        let rows = controller.rows(Some(&end));
        let peak = row(&rows, "memory.peak");
        assert_eq!(peak.known, Some(known), "{epochs}: {peak:?}");
    }
}

#[test]
fn the_whole_of_cpu_time_and_peak_is_the_larger_of_sampler_and_worker() {
    for (cpu_s, hwm, expected_cpu, note) in [
        (100.0, 500e6, 100.0, "the worker's own figure at its end"),
        (1.0, 200e6, 60.0, "the last sample"),
    ] {
        let mut controller =
            Controller::new(StopPolicy { enabled: false, ..policy(&[]) }, context());
        let _ = feed(&mut controller, &Sim::default().messages());
        let _ = feed(&mut controller, &[say(30_500 * MS, epoch(10, 0.8))]);
        let finished = Finished {
            stopped: false,
            epochs: 10,
            test_loss: Some(Num(0.4)),
            test_accuracy: Some(Num(0.9)),
            test_samples: None,
            usage: Usage {
                cpu_ns: Some(super::sim::whole(cpu_s * 1e9)),
                vm_hwm_bytes: Some(super::sim::whole(hwm)),
                hwm_at_most_bytes: None,
            },
        };
        let _ = feed(&mut controller, &[say(31_000 * MS, WorkerEvent::Finished(finished.clone()))]);
        let end = controller.natural_end(&finished);
        assert_eq!(end.reason, StopReason::Completed);
        let rows = controller.rows(Some(&end));
        let cpu = row(&rows, "cpu.time");
        assert!((cpu.estimate.unwrap() - expected_cpu).abs() < 1.0, "{cpu:?}");
        assert_eq!(cpu.said(), note);
        let peak = row(&rows, "memory.peak").estimate.unwrap();
        assert!((peak - hwm.max(300e6)).abs() < 1.0, "{peak}");
        assert_eq!(
            (row(&rows, "test_accuracy").estimate, row(&rows, "test_accuracy").said().as_str()),
            (Some(0.9), "")
        );
    }
}

#[test]
fn an_accuracy_before_the_end_is_marked() {
    let mut controller = Controller::new(policy(&["train.throughput"]), context());
    let _ = feed(
        &mut controller,
        &[say(0, WorkerEvent::Phase { phase: Phase::Train }), say(MS, epoch(1, 0.7))],
    );
    let not = "not trained to the end";
    let (left, read) = ("training ended early, so", "the test data were not read");
    let silent = "not reported";
    for (reason, epochs, note, untested) in [
        (StopReason::Known, 1, not, left),
        (StopReason::Unstable, 1, not, left),
        (StopReason::Diverged, 1, not, read),
        (StopReason::Trained, 1, "", silent),
        // The time of the run was used up first.
        (StopReason::Completed, 1, not, left),
        (StopReason::Completed, 10, "", silent),
        (StopReason::Known, 10, "", silent),
    ] {
        let _ = feed(&mut controller, &[say(2 * MS, epoch(epochs, 0.7))]);
        let rows = controller.rows(Some(&ended(reason)));
        let found = &row(&rows, "validation_accuracy").said();
        assert_eq!(found, note, "{reason} {epochs}");
        let said = row(&rows, "test_accuracy").said();
        assert!(said.starts_with(untested), "{reason} {epochs}: {said}");
    }
}

#[test]
fn a_run_that_was_ended_before_its_training_says_why_it_has_no_accuracy() {
    let (before, left) =
        ("ended before training: the test data were not read", "training ended early");
    for (stopped, trains, epochs, note) in [
        (true, false, 10, before),
        (true, true, 10, left),
        (false, false, 10, before),
        (true, false, 0, "the run does not train"),
    ] {
        let context = RunContext { epochs, ..context() };
        let mut controller = Controller::new(policy(&[]), context);
        let phase = if trains { Phase::Train } else { Phase::Load };
        let finished = Finished {
            stopped,
            epochs: 0,
            test_loss: None,
            test_accuracy: None,
            test_samples: None,
            usage: Usage::default(),
        };
        let messages =
            [say(0, WorkerEvent::Phase { phase }), say(MS, WorkerEvent::Finished(finished))];
        let _ = feed(&mut controller, &messages);
        let rows = controller.rows(Some(&ended(StopReason::Infeasible)));
        for metric in ["test_accuracy", "test_loss"] {
            let said = row(&rows, metric).said();
            assert!(said.starts_with(note), "{stopped} {trains} {epochs}: {said}");
        }
    }
}

#[test]
fn a_leak_and_a_sum_over_processes_are_said_beside_the_peak() {
    let sim = Sim {
        tick: |t, _| (2.0, 100e6 + 20e6 * t),
        phases: vec![(Phase::Train, 8.0)],
        ..Sim::default()
    };
    let mut messages = sim.messages();
    for message in &mut messages {
        if let Message::Sample(sample) = message {
            sample.processes = 3;
        }
    }
    let mut controller = Controller::new(StopPolicy { enabled: false, ..policy(&[]) }, context());
    let _ = feed(&mut controller, &messages);
    let rows = controller.rows(None);
    let peak = row(&rows, "memory.peak");
    assert_eq!(
        peak.said(),
        "peak over 7.90 s; growing by 1.12 GiB a minute; sampled sum of several processes, shared pages counted once"
    );
    assert_eq!(peak.known, Some(false));
    let cost = row(&rows, "sampler.cost").estimate.unwrap();
    assert!((0.1..0.11).contains(&cost), "{cost}");
}

/// It is judged in training, which never began.
#[test]
fn a_peak_that_was_waited_for_is_not_known_where_nothing_judged_it() {
    let sim = Sim { phases: vec![(Phase::Serve(1), 4.0)], ..Sim::default() };
    for (metrics, known) in [(["memory.peak"], Some(false)), (["serve.throughput"], None)] {
        let context = RunContext { serve_sizes: vec![1], ..context() };
        let mut controller = Controller::new(policy(&metrics), context);
        let _ = feed(&mut controller, &sim.messages());
        let peak = row(&controller.rows(None), "memory.peak").clone();
        assert_eq!((peak.estimate, peak.known), (Some(300e6), known), "{peak:?}");
    }
}

#[test]
fn the_share_of_the_sampler_in_a_moment_is_not_said() {
    for (seconds, said) in [(0.9, false), (1.5, true)] {
        let sim = Sim { phases: vec![(Phase::Train, seconds)], ..Sim::default() };
        let mut controller = Controller::new(policy(&["memory.peak"]), context());
        let _ = feed(&mut controller, &sim.messages());
        let cost = row(&controller.rows(None), "sampler.cost").clone();
        assert_eq!(cost.estimate.is_some(), said, "{cost:?}");
        assert_eq!(cost.notes.contains(&Note::FewTicks), !said, "{cost:?}");
    }
}

#[test]
fn a_peak_says_how_long_it_was_watched_and_what_it_may_still_grow() {
    for (seconds, note) in [
        // One tick, ten intervals, twenty: no slope, no slope, and then three steps of 256 KiB in the newer half of it.
        (0.15, "peak over 100 ms; too short to bound its growth"),
        (1.2, "peak over 1.10 s; too short to bound its growth"),
        (2.2, "peak over 2.10 s; growth below 50 MiB a minute"),
        (20.0, "peak over 19.9 s; growth below 4.6 MiB a minute"),
    ] {
        for chosen in [&["memory.peak"][..], &["train.throughput"]] {
            let sim = Sim { phases: vec![(Phase::Train, seconds)], ..Sim::default() };
            let mut controller = Controller::new(policy(chosen), context());
            let _ = feed(&mut controller, &sim.messages());
            let rows = controller.rows(None);
            assert_eq!(row(&rows, "memory.peak").said(), note, "{chosen:?}");
        }
    }
}

#[test]
fn the_worker_s_own_figures_are_kept_apart() {
    let mut controller = Controller::new(policy(&[]), context());
    let said = |name: &str, value| WorkerEvent::Metric {
        name: name.to_owned(),
        value: Num(value),
        samples: None,
    };
    let _ = feed(
        &mut controller,
        &[say(1, said("tensorcore", 13.0)), say(2, said("broken", f64::NAN))],
    );
    let rows = controller.rows(None);
    assert_eq!(
        (row(&rows, "tensorcore").estimate, row(&rows, "tensorcore").said().as_str()),
        (Some(13.0), "reported by the program, not measured")
    );
    assert_eq!(
        (row(&rows, "broken").estimate, row(&rows, "broken").said().as_str()),
        (None, "the program reported NaN")
    );
}

#[test]
fn progress_names_what_is_open_and_how_far() {
    let sim = Sim { phases: vec![(Phase::Train, 20.0)], ..Sim::train(two_modes) };
    let mut controller =
        Controller::new(policy(&["train.step_latency_p50", "train.throughput"]), context());
    let messages = sim.messages();
    let _ = feed(&mut controller, &messages[..3]);
    let early = controller.progress();
    assert_eq!((early.known, early.open.len(), &early.open[0].why), (0, 2, &Why::WarmingUp));
    let _ = feed(&mut controller, &messages[3..300]);
    let late = controller.progress();
    assert_eq!((late.known, late.open.len()), (1, 1), "{late:?}");
    assert!(late.open[0].reached.unwrap() > 0.1 && late.open[0].why == Why::Wide, "{late:?}");
    assert!((late.throughput.unwrap() / 32_000.0 - 1.0).abs() < 0.1, "{late:?}");
    assert!(end_of(policy(&["train.throughput"]), context(), &messages).is_some());
}

/// A run goes on after it was known: what is reported is of its end.
#[test]
fn what_was_known_and_then_moved_is_not_called_known() {
    let sim = Sim {
        phases: vec![(Phase::Train, 12.0)],
        ..Sim::train(
            |_, t, noise| {
                if t < 4.0 { 2.0 * (1.0 + 0.02 * noise.normal()) } else { t - 2.0 }
            },
        )
    };
    let metrics = ["train.step_latency_mean", "validation_accuracy"];
    let mut controller = Controller::new(policy(&metrics), context());
    let messages = sim.messages();
    let (calm, moving) = messages.split_at(messages.partition_point(|m| m.t_ns() < 3_900 * MS));
    let _ = feed(&mut controller, calm);
    let mean = |controller: &Controller| {
        let rows = controller.rows(None);
        row(&rows, "train.step_latency_mean").clone()
    };
    assert_eq!(mean(&controller).known, Some(true));
    let _ = feed(&mut controller, moving);
    let end = mean(&controller);
    assert_eq!(end.known, Some(false), "{end:?}");
    assert!(end.said().starts_with("was known, then moved"), "{end:?}");
}

#[test]
fn a_long_warm_up_is_said_and_no_interval_is_below_nothing() {
    let sim = Sim {
        phases: vec![(Phase::Train, 4.0)],
        // A core that works only now and then: the interval of its mean reaches below 0.
        tick: |t, _| (if (2.0..2.15).contains(&t) { 2.0 } else { 0.0 }, 300e6),
        ..Sim::train(|_, t, noise| if t < 1.0 { 6.0 } else { 2.0 * (1.0 + 0.02 * noise.normal()) })
    };
    let mut controller = Controller::new(policy(&["train.throughput"]), context());
    let _ = feed(&mut controller, &sim.messages());
    let rows = controller.rows(None);
    for metric in ["train.throughput", "train.step_latency_mean", "train.step_latency_p50"] {
        let note = &row(&rows, metric).said();
        assert!(
            note.starts_with("first 1.") && note.contains(" left out as warm-up"),
            "{metric}: {note}"
        );
    }
    let cpu = row(&rows, "cpu.utilisation");
    assert_eq!(cpu.low, Some(0.0), "{cpu:?}");
}

#[test]
fn the_accelerators_of_others_are_not_the_run_s() {
    let mut messages = Sim::default().messages();
    for message in &mut messages {
        if let Message::Sample(sample) = message {
            let gpu = |index, percent, own| GpuReading {
                index,
                utilisation_percent: Some(percent),
                memory_bytes: Some(1000 * u64::from(index + 1)),
                memory_is_own: own,
                ..GpuReading::default()
            };
            sample.gpus = vec![gpu(0, 90.0, true), gpu(1, 30.0, false)];
        }
    }
    for (device, busy, peak, note) in [
        ("cuda:0", Some(90.0), Some(1000.0), "peak over 30.1 s"),
        ("cuda:1", Some(30.0), Some(2000.0), "peak over 30.1 s; whole device, others included"),
        ("cpu", None, None, "the run uses no GPU"),
    ] {
        let context = RunContext { devices: Selection::of_device(device), ..context() };
        let mut controller = Controller::new(policy(&["train.throughput"]), context);
        let _ = feed(&mut controller, &messages);
        let rows = controller.rows(None);
        let memory = row(&rows, "gpu.memory_peak");
        assert_eq!((memory.estimate, memory.said().as_str()), (peak, note));
        let utilisation = row(&rows, "gpu.utilisation").estimate.map(f64::round);
        assert_eq!(utilisation, busy);
    }
}

#[test]
fn less_than_nothing_is_no_reading_of_others() {
    for (others, estimate) in [(0.5, Some(100.0)), (-0.01, Some(0.0)), (-0.2, None)] {
        let mut messages = Sim::default().messages();
        for message in &mut messages {
            if let Message::Sample(sample) = message {
                let cpu = sample.cpu_ns.unwrap() as f64;
                sample.host.busy_ns = Some(super::sim::whole(cpu * (1.0 + others)));
            }
        }
        let mut controller = Controller::new(policy(&["train.throughput"]), context());
        let _ = feed(&mut controller, &messages);
        let rows = controller.rows(None);
        let found = row(&rows, "interference.others_cpu");
        let near = |wanted: f64| found.estimate.is_some_and(|got| (got - wanted).abs() < 2.0);
        assert!(estimate.map_or(found.estimate.is_none(), near), "{found:?}");
        assert_eq!(found.estimate.is_none(), found.said().starts_with("no reading"));
    }
}

/// A stall of 40 ms after every hundred steps of 0.2 ms: the mean is a third of what the median step makes.
#[test]
fn a_rate_far_below_that_of_its_median_step_says_so() {
    let stalls: Step = |i, _, _| if i.is_multiple_of(100) { 40.0 } else { 0.2 };
    for (step, usual) in [(stalls, Some(64.0 / 0.2e-3)), (Sim::default().step, None)] {
        let sim =
            Sim { phases: vec![(Phase::Load, 0.2), (Phase::Train, 6.0)], step, ..Sim::default() };
        let mut controller = Controller::new(policy(&["throughput"]), context());
        feed(&mut controller, &sim.messages());
        let rows = controller.rows(None);
        let row = rows.iter().find(|row| row.metric == "train.throughput").unwrap();
        let told = row.notes.iter().find_map(|note| match note {
            Note::FarFromMedian { usual, requests: false } => Some(usual.0),
            _ => None,
        });
        let near = |(found, wanted): (f64, f64)| (found / wanted - 1.0).abs() < 0.02;
        assert_eq!(told.is_some(), usual.is_some(), "{row:?}");
        assert!(told.zip(usual).is_none_or(near), "{row:?}");
    }
}

/// The last value counts where the program came to its end; else another might have come, and no limit rests on it.
#[test]
fn a_declared_metric_is_what_was_said_last_in_its_base_unit() {
    let lag = OwnMetric { name: "lag".to_owned(), unit: "ms".to_owned(), ..OwnMetric::default() };
    let lag = declare(lag).unwrap();
    let said = |ms: u64, value| {
        say(ms, WorkerEvent::Metric { name: "lag".to_owned(), value: Num(value), samples: None })
    };
    let spec = CommandSpec::default();
    let finished = |stopped| {
        let (usage, test_loss, test_accuracy, test_samples) = (Usage::default(), None, None, None);
        let said = Finished { stopped, epochs: 0, usage, test_loss, test_accuracy, test_samples };
        say(5, WorkerEvent::Finished(said))
    };
    let last = "reported by the program, not measured; the last value before the run was ended; another might have followed";
    for (says, stopped, estimate, note, verdict) in [
        (vec![7.0, 5.0], false, Some(0.005), "reported by the program, not measured", "feasible"),
        (vec![5.0, 7.0], false, Some(0.007), "reported by the program, not measured", "infeasible"),
        (vec![5.0], true, Some(0.005), last, "undecided"),
        (vec![], false, None, "the command reported none", "undecided"),
        (vec![5.0, f64::NAN], false, None, "the program reported NaN", "undecided"),
    ] {
        let limit = Constraint { metric: lag.into(), op: Op::AtMost, limit: 0.006 };
        let policy = StopPolicy { constraints: vec![limit], ..policy(&["memory.peak"]) };
        let work = Work::Command { spec: spec.clone() };
        let context = RunContext { metrics: vec![lag], work, epochs: 0, ..context() };
        let mut controller = Controller::new(policy, context);
        let mut messages = vec![say(0, WorkerEvent::Phase { phase: Phase::Run })];
        messages.extend((1..).zip(&says).map(|(ms, value)| said(ms, *value)));
        messages.push(finished(stopped));
        assert_eq!(feed(&mut controller, &messages), [], "{says:?}");
        let end = StopRecord { reason: StopReason::Completed, detail: StopDetail::Unknown };
        let rows = controller.rows(Some(&end));
        let found = row(&rows, "lag");
        assert_eq!((found.estimate, &*found.said(), found.unit), (estimate, note, Unit::Seconds));
        let found = controller.feasibility(&rows, &end).unwrap();
        assert_eq!(found.verdict.to_string(), verdict, "{found:?}");
    }
}

/// Each value is one of a mean, whose interval is that of values that depend on each other.
#[test]
fn a_declared_series_is_waited_for_and_its_mean_is_known_when_it_is_as_narrow_as_asked() {
    let [wide, narrow] = [0.5, 0.01].map(|swing| {
        let name = "gain".to_owned();
        let said = OwnMetric { name, kind: OwnKind::Series, ..OwnMetric::default() };
        let gain = declare(said).unwrap();
        let spec = CommandSpec::default();
        let context = RunContext {
            metrics: vec![gain],
            work: Work::Command { spec },
            epochs: 0,
            ..context()
        };
        let limit = Constraint { metric: gain.into(), op: Op::Below, limit: -1.5 };
        let policy = StopPolicy {
            metrics: vec![gain.into()],
            constraints: vec![limit],
            ..policy(&["memory.peak"])
        };
        let mut controller = Controller::new(policy, context);
        let mut messages = vec![say(0, WorkerEvent::Phase { phase: Phase::Run })];
        // Like noise, and the mean is -2.
        let value = |step: u64| -2.0 + swing * ((step * 7919 % 101) as f64 / 50.0 - 1.0);
        messages.extend((1..1000).map(|step| {
            let (name, value) = ("gain".to_owned(), Num(value(step)));
            say(step * 10 * MS, WorkerEvent::Metric { name, value, samples: None })
        }));
        let ends = feed(&mut controller, &messages);
        let end = StopRecord { reason: StopReason::Completed, detail: StopDetail::Unknown };
        let rows = controller.rows(Some(&end));
        let found = row(&rows, "gain").clone();
        assert_eq!(found.phase, "run");
        let (low, high) = (found.low.unwrap(), found.high.unwrap());
        let mean = found.estimate.unwrap();
        assert!((mean + 2.0).abs() < 0.02 && low < mean && mean < high && high < 0.0, "{found:?}");
        (ends.first().map(|(seconds, _)| *seconds), found.known, found.samples)
    });
    assert!(narrow.0.is_some() && narrow.1 == Some(true), "{narrow:?}");
    assert!(wide.2 > 500, "{wide:?}");
}

/// A stage that ends by time ends in the step that lasts beyond it, which is the longest one of a stall.
#[test]
fn the_stall_in_which_a_stage_ends_is_in_its_figures() {
    const STEPS: usize = 2005;
    let limit = Constraint { metric: "train.throughput".into(), op: Op::AtLeast, limit: 50e3 };
    let policy = StopPolicy { constraints: vec![limit], ..policy(&[]) };
    let mut controller = Controller::new(policy, context());
    let mut dur_ns = vec![MS; STEPS - 1];
    dur_ns.push(1000 * MS);
    let whole_s = 3.004;
    let steps = WorkerEvent::Steps(StepBatch {
        phase: Phase::Train,
        items: 64,
        start_ns: 0,
        dur_ns,
        wait_ns: Vec::new(),
        gap_ns: Vec::new(),
        fetch_ns: Vec::new(),
        loss: None,
    });
    let _ = feed(
        &mut controller,
        &[say(0, WorkerEvent::Phase { phase: Phase::Train }), say(3004 * MS, steps)],
    );
    let rows = controller.rows(Some(&ended(StopReason::Completed)));
    for (metric, figure) in [
        ("train.throughput", 64.0 * STEPS as f64 / whole_s),
        ("train.step_latency_mean", whole_s / STEPS as f64),
    ] {
        let found = row(&rows, metric);
        assert!((found.estimate.unwrap() / figure - 1.0).abs() < 1e-9, "{found:?}");
        assert_eq!(found.samples, STEPS as u64, "{found:?}");
    }
    assert_eq!(row(&rows, "train.step_latency_p50").samples, STEPS as u64);
    let found = verdict(&controller, StopReason::Completed, &StopDetail::Unknown);
    assert_ne!(found.verdict, Feasibility::Feasible, "{}", found.said());
}
