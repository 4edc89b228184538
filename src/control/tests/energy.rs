//! Joules against streams whose energy is known.

use super::said::Said;
use super::sim::{MS, Message, Sim, context, feed, policy, say};
use crate::control::{Constraint, Controller, Op, RunContext, Selection, StopPolicy, Verdict};
use crate::event::{
    DEVICE_UUID, EnergyReading, Feasibility, Finished, Gap, GpuReading, Hello, MetricRow, Phase,
    Reason, ResourceSample, StopDetail, StopReason, Usage, Vendor, WorkerEvent,
};

/// What is read at a tick, given seconds since the start.
fn with(sim: &Sim, mut read: impl FnMut(f64, &mut ResourceSample)) -> Vec<Message> {
    let mut messages = sim.messages();
    let end_ns = messages.iter().map(Message::t_ns).max().unwrap();
    messages.push(say(
        end_ns,
        WorkerEvent::Finished(Finished {
            stopped: false,
            epochs: 1,
            usage: Usage::default(),
            test_loss: None,
            test_accuracy: None,
            test_samples: None,
        }),
    ));
    for message in &mut messages {
        if let Message::Sample(sample) = message {
            read(sample.t_ns as f64 * 1e-9, sample);
        }
    }
    let hello =
        Hello { facts: [(DEVICE_UUID.to_owned(), "GPU-0".to_owned())].into(), ..Hello::default() };
    messages.insert(0, say(0, WorkerEvent::Hello(hello)));
    // The last tick comes when the worker has ended.
    let mut last = ResourceSample { t_ns: end_ns + MS, ..ResourceSample::default() };
    read(last.t_ns as f64 * 1e-9, &mut last);
    messages.push(Message::Sample(Box::new(last)));
    messages
}

fn reading(domain: &str, joules: f64) -> EnergyReading {
    EnergyReading { domain: domain.to_owned(), energy_uj: super::sim::whole(joules * 1e6) }
}

/// 20 W of a package, 3 W of its memory, 50 W of the platform.
fn machine(at_s: f64, sample: &mut ResourceSample) {
    sample.energy = vec![
        reading("package-0", 20.0 * at_s),
        reading("dram-0", 3.0 * at_s),
        reading("psys", 50.0 * at_s),
    ];
}

fn phases() -> Sim {
    Sim {
        phases: vec![
            (Phase::Load, 0.53),
            (Phase::Serve(1), 2.01),
            (Phase::Train, 6.0),
            (Phase::Validate, 1.0),
            (Phase::Test, 0.3),
        ],
        ..Sim::default()
    }
}

fn rows_of(context: RunContext, messages: &[Message]) -> Vec<MetricRow> {
    let full = StopPolicy { enabled: false, ..policy(&["train.throughput"]) };
    let mut controller = Controller::new(full, context);
    let _ = feed(&mut controller, messages);
    controller.rows(None)
}

fn row<'a>(rows: &'a [MetricRow], phase: &str, metric: &str) -> &'a MetricRow {
    let mut found = rows.iter();
    let found = found.find(|row| row.phase == phase && row.metric == metric);
    found.unwrap_or_else(|| panic!("{phase} {metric}"))
}

fn serving() -> RunContext {
    RunContext { serve_sizes: vec![1], ..context() }
}

#[track_caller]
fn near(row: &MetricRow, expected: f64, share: f64) {
    let found = row.estimate.unwrap_or_else(|| panic!("{row:?}"));
    assert!((found - expected).abs() <= share * expected, "{found} for {expected}: {row:?}");
}

/// Samples of the steps of a phase, 64 a step.
fn samples(messages: &[Message], wanted: Phase) -> f64 {
    let steps = messages.iter().map(|message| match message {
        Message::Worker(envelope) => match &envelope.event {
            WorkerEvent::Steps(batch) if batch.phase == wanted => batch.dur_ns.len(),
            _ => 0,
        },
        Message::Sample(_) => 0,
    });
    64.0 * steps.sum::<usize>() as f64
}

#[test]
fn joules_of_runs_and_phases_are_those_that_were_used() {
    let messages = with(&phases(), machine);
    let context = RunContext { grams_per_kwh: Some(360.0), ..serving() };
    let rows = rows_of(context, &messages);
    // 9.84 s from the first tick to the last, which come 5 ms late and 1 ms after the end.
    for metric in ["energy.total", "cpu.energy"] {
        let found = row(&rows, "run", metric);
        near(found, 23.0 * 9.84, 0.002);
        assert_eq!(found.said(), "package-0, dram-0; whole machine, others included");
    }
    near(row(&rows, "run", "emissions.co2e"), 23.0 * 9.84 / 3.6e6 * 360.0, 0.002);
    assert!(row(&rows, "run", "emissions.co2e").said().contains("360 g/kWh, as given"));
    // Training has its validation: 7 s. Power is even, so that taking a share of a stretch is exact.
    near(
        row(&rows, "train", "energy.per_sample"),
        23.0 * 7.0 / samples(&messages, Phase::Train),
        0.002,
    );
    near(
        row(&rows, "serve[1]", "energy.per_sample"),
        23.0 * 2.01 / samples(&messages, Phase::Serve(1)),
        0.002,
    );
    assert_eq!(row(&rows, "run", "gpu.energy").estimate, None);
}

#[test]
fn what_cannot_be_known_is_absent_with_its_reason() {
    type Change = fn(f64, &mut ResourceSample);
    let none: Change = |at_s, sample| {
        if at_s < 0.1 {
            sample.gaps.push(gap("energy", "no RAPL counters"));
        }
    };
    let lost_in_training: Change = |at_s, sample| {
        machine(at_s, sample);
        if (5.0..5.1).contains(&at_s) {
            sample.energy.clear();
            sample.gaps.push(gap("energy", "the counter has gone"));
        }
    };
    let half_a_machine: Change = |at_s, sample| {
        sample.energy = vec![reading("package-0", at_s)];
        if at_s < 0.1 {
            sample.gaps.push(gap("energy.package-1", "two counters"));
        }
    };
    let late: Change = |at_s, sample| {
        if at_s > 2.0 {
            machine(at_s, sample);
        }
    };
    let falls: Change = |at_s, sample| {
        sample.energy = vec![reading("package-0", at_s % 5.0)];
    };
    for (change, run, train, serve) in [
        (none, "no RAPL", "no RAPL", "no RAPL"),
        (lost_in_training, "has gone", "has gone", ""),
        (half_a_machine, "package-1: two", "package-1: two", "package-1: two"),
        (late, "outside its readings", "", "before the stage began"),
        (falls, "fell", "fell", ""),
    ] {
        let rows = rows_of(serving(), &with(&phases(), change));
        for (phase, metric, says) in [
            ("run", "energy.total", run),
            ("run", "cpu.energy", run),
            ("train", "energy.per_sample", train),
            ("serve[1]", "energy.per_sample", serve),
        ] {
            let found = row(&rows, phase, metric);
            assert_eq!(found.estimate.is_some(), says.is_empty(), "{found:?}");
            assert!(found.said().contains(says), "{says}: {found:?}");
            assert!(found.estimate.is_none_or(|joules| joules > 0.0));
        }
        let emissions = row(&rows, "run", "emissions.co2e");
        assert!(emissions.estimate.is_none() && emissions.said().contains("grams_per_kwh"));
    }
}

fn gap(field: &str, reason: &str) -> Gap {
    Gap { field: field.to_owned(), reason: Reason::unsupported(reason) }
}

#[test]
fn a_phase_between_two_readings_has_no_energy_of_its_own() {
    let sim = Sim {
        phases: vec![
            (Phase::Load, 1.0),
            (Phase::Serve(1), 0.09),
            (Phase::Train, 3.0),
            (Phase::Test, 0.3),
        ],
        ..Sim::default()
    };
    let rows = rows_of(serving(), &with(&sim, machine));
    let serve = row(&rows, "serve[1]", "energy.per_sample");
    assert!(serve.estimate.is_none() && serve.said().contains("second reading"), "{serve:?}");
    let sim = Sim {
        phases: vec![
            (Phase::Load, 1.0),
            (Phase::Serve(1), 0.35),
            (Phase::Train, 3.0),
            (Phase::Test, 0.3),
        ],
        ..Sim::default()
    };
    let rows = rows_of(serving(), &with(&sim, machine));
    let serve = row(&rows, "serve[1]", "energy.per_sample");
    assert!(
        serve.estimate.is_some() && serve.said().contains("interpolated between readings"),
        "{serve:?}"
    );
}

/// 200 W of a device, read 40 ms before the tick, by its counter or by its power.
fn device(counter: bool) -> impl FnMut(f64, &mut ResourceSample) {
    move |at_s, sample| {
        machine(at_s, sample);
        let read_s = (at_s - 0.04).max(0.001);
        let gpu = |index, watts: f64| GpuReading {
            index,
            device: format!("GPU-{index}"),
            t_ns: Some(super::sim::whole(read_s * 1e9)),
            power_watts: (!counter).then_some(watts),
            energy_mj: counter.then(|| super::sim::whole(watts * read_s * 1e3)),
            ..GpuReading::default()
        };
        sample.gpus = vec![gpu(0, 200.0), gpu(1, 70.0)];
    }
}

fn on_cuda() -> RunContext {
    RunContext { device: "cuda".to_owned(), devices: Selection::of_device("cuda"), ..serving() }
}

#[test]
fn the_devices_of_a_run_count_by_their_counter_or_their_power() {
    for (counter, note) in [(true, ""), (false, "integrated power")] {
        let messages = with(&phases(), device(counter));
        let rows = rows_of(on_cuda(), &messages);
        let gpu = row(&rows, "run", "gpu.energy");
        near(gpu, 200.0 * 9.84, 0.005);
        assert!(gpu.said().starts_with("GPU-0") && gpu.said().contains(note), "{gpu:?}");
        near(row(&rows, "run", "energy.total"), 223.0 * 9.84, 0.005);
        let train = row(&rows, "train", "energy.per_sample");
        near(train, 223.0 * 7.0 / samples(&messages, Phase::Train), 0.002);
        assert!(
            train.said().contains("package-0, dram-0") && train.said().contains(note),
            "{train:?}"
        );
        // A run on the processors leaves the device of others alone.
        let rows = rows_of(serving(), &messages);
        near(row(&rows, "run", "energy.total"), 23.0 * 9.84, 0.002);
    }
}

#[test]
fn a_run_whose_main_device_cannot_be_read_has_no_total() {
    let rows = rows_of(on_cuda(), &with(&phases(), machine));
    let total = row(&rows, "run", "energy.total");
    assert!(
        total.estimate.is_none() && total.said().contains("without the run's device"),
        "{total:?}"
    );
    assert!(row(&rows, "run", "cpu.energy").estimate.is_some());
    // The other way round it has one, which says what is missing.
    let mut on_device = device(true);
    let messages = with(&phases(), |at_s, sample| {
        on_device(at_s, sample);
        sample.energy.clear();
        sample.gaps.push(gap("energy", "only root may read it"));
    });
    let rows = rows_of(on_cuda(), &messages);
    let total = row(&rows, "run", "energy.total");
    near(total, 200.0 * 9.84, 0.005);
    assert!(total.said().contains("without the processors: only root"), "{total:?}");
    let tpu = RunContext { device: "tpu".to_owned(), ..serving() };
    let rows = rows_of(tpu, &with(&phases(), machine));
    assert!(row(&rows, "run", "energy.total").said().contains("`tpu`"));
}

#[test]
fn devices_that_vanish_or_are_seen_for_too_short_have_no_energy() {
    let mut whole = device(true);
    let messages = with(&phases(), |at_s, sample| {
        whole(at_s, sample);
        if (5.0..5.3).contains(&at_s) {
            sample.gpus.clear();
        }
    });
    let rows = rows_of(on_cuda(), &messages);
    let gpu = row(&rows, "run", "gpu.energy");
    assert!(gpu.estimate.is_none() && gpu.said().contains("for a while"), "{gpu:?}");
    assert!(row(&rows, "serve[1]", "energy.per_sample").estimate.is_some());
    let short = Sim {
        phases: vec![
            (Phase::Load, 1.0),
            (Phase::Serve(1), 0.9),
            (Phase::Train, 3.0),
            (Phase::Test, 0.3),
        ],
        ..Sim::default()
    };
    let rows = rows_of(on_cuda(), &with(&short, device(true)));
    let serve = row(&rows, "serve[1]", "energy.per_sample");
    assert!(serve.estimate.is_none() && serve.said().contains("too short"), "{serve:?}");
}

#[test]
fn others_on_the_machine_are_said_to_be_in_it() {
    let sim =
        Sim { others: |at_s| Some(if (4.0..6.0).contains(&at_s) { 0.9 } else { 0.0 }), ..phases() };
    let rows = rows_of(serving(), &with(&sim, machine));
    let train = row(&rows, "train", "energy.per_sample");
    assert!(train.said().contains("other work took the machine for"), "{train:?}");
    assert!(!row(&rows, "serve[1]", "energy.per_sample").said().contains("other work took"));
}

#[test]
fn a_limit_on_energy_ends_the_run_when_it_is_passed_and_is_decided_at_the_end() {
    let limited = |metric: &str, limit: f64| StopPolicy {
        constraints: vec![Constraint { metric: metric.into(), op: Op::AtMost, limit }],
        max_time_s: 100.0,
        ..policy(&["test_accuracy"])
    };
    let messages = with(&phases(), machine);
    for (metric, limit, stops) in [
        ("energy.total", 100.0, true),
        ("cpu.energy", 100.0, true),
        ("emissions.co2e", 0.01, true),
        ("energy.total", 1000.0, false),
        ("gpu.energy", 1.0, false),
    ] {
        let context = RunContext { grams_per_kwh: Some(360.0), ..serving() };
        let mut controller = Controller::new(limited(metric, limit), context);
        let answers = feed(&mut controller, &messages);
        let stop = answers.iter().find_map(|(at_s, verdict)| match verdict {
            Verdict::Stop(record) if record.reason == StopReason::Infeasible => {
                Some((*at_s, record))
            }
            _ => None,
        });
        assert_eq!(stop.is_some(), stops, "{metric} {limit}: {answers:?}");
        if let Some((at_s, record)) = stop {
            // 100 J at 23 W are 4.35 s; a tick counts when the worker has said something after it.
            assert!((4.3..4.7).contains(&at_s), "{at_s}: {record:?}");
        }
    }
    let mut controller = Controller::new(limited("energy.per_sample", 1.0), serving());
    let _ = feed(&mut controller, &messages);
    let rows = controller.rows(None);
    let ended =
        crate::event::StopRecord { reason: StopReason::Completed, detail: StopDetail::Unknown };
    let verdict = controller.feasibility(&rows, &ended).unwrap();
    assert!(verdict.said().contains("energy.per_sample <= 1"), "{verdict:?}");
}

/// A command, on whatever its processes are seen on.
fn of_command(mut change: impl FnMut(f64, &mut ResourceSample)) -> Vec<MetricRow> {
    let mut messages = with(&phases(), |at_s, sample| change(at_s, sample));
    messages[0] = say(0, WorkerEvent::Hello(Hello::default()));
    let context = RunContext {
        device: "auto".to_owned(),
        devices: Selection::of_device("auto"),
        ..serving()
    };
    rows_of(context, &messages)
}

#[test]
fn the_energy_of_a_command_is_that_of_the_processors_unless_it_is_seen_elsewhere() {
    let rows = of_command(machine);
    for metric in ["energy.total", "cpu.energy"] {
        near(row(&rows, "run", metric), 23.0 * 9.84, 0.002);
    }
    let mut device = device(true);
    let mut seen = |own: fn(f64) -> Option<bool>, vendor: Vendor| {
        of_command(|at_s, sample| {
            device(at_s, sample);
            for gpu in &mut sample.gpus {
                gpu.vendor = vendor;
                gpu.own = own(at_s).map(|own| own && gpu.index == 0);
            }
        })
    };
    // Others may use the GPUs as they like.
    let rows = seen(|_| Some(false), Vendor::Nvidia);
    near(row(&rows, "run", "energy.total"), 23.0 * 9.84, 0.002);
    // From when it is seen there it counts, from the beginning.
    let rows = seen(|at_s| Some(at_s > 4.0), Vendor::Nvidia);
    near(row(&rows, "run", "energy.total"), 223.0 * 9.84, 0.005);
    for (vendor, own, says) in [
        (
            Vendor::Nvidia,
            (|_| None) as fn(f64) -> Option<bool>,
            "not known whether the run uses GPU-0",
        ),
        (Vendor::Tpu, |_| None, "not known whether the run uses GPU-0"),
        (Vendor::Tpu, |_| Some(true), "the energy of the run's TPU"),
    ] {
        let rows = seen(own, vendor);
        let total = row(&rows, "run", "energy.total");
        assert!(total.estimate.is_none() && total.said().contains(says), "{total:?}");
        near(row(&rows, "run", "cpu.energy"), 23.0 * 9.84, 0.002);
    }
}

#[test]
fn a_device_whose_counter_leaps_has_no_energy() {
    let mut whole = device(true);
    let messages = with(&phases(), |at_s, sample| {
        whole(at_s, sample);
        if at_s > 6.0 {
            let energy = sample.gpus[0].energy_mj.as_mut().unwrap();
            *energy += 1 << 50;
        }
    });
    let rows = rows_of(on_cuda(), &messages);
    let gpu = row(&rows, "run", "gpu.energy");
    assert!(gpu.estimate.is_none() && gpu.said().contains("jumped"), "{gpu:?}");
    let train = row(&rows, "train", "energy.per_sample");
    assert!(train.estimate.is_none(), "{train:?}");
    assert!(row(&rows, "serve[1]", "energy.per_sample").estimate.is_some());
}

#[test]
fn a_limit_is_not_kept_by_a_figure_that_lacks_a_part_nor_broken_by_what_others_used() {
    let verdict = |context: RunContext, messages: &[Message], limit: f64| {
        let policy = StopPolicy {
            enabled: false,
            constraints: vec![Constraint { metric: "energy.total".into(), op: Op::AtMost, limit }],
            ..policy(&["train.throughput"])
        };
        let mut controller = Controller::new(policy, context);
        let _ = feed(&mut controller, messages);
        let rows = controller.rows(None);
        let ended =
            crate::event::StopRecord { reason: StopReason::Trained, detail: StopDetail::Unknown };
        controller.feasibility(&rows, &ended).unwrap()
    };
    let mut on_device = device(true);
    let halves = with(&phases(), |at_s, sample| {
        on_device(at_s, sample);
        sample.energy.clear();
        sample.gaps.push(gap("energy", "only root may read it"));
    });
    // 1968 J of the device, and nobody knows how many of the processors.
    let found = verdict(on_cuda(), &halves, 2000.0);
    assert_eq!(found.verdict, Feasibility::Undecided, "{found:?}");
    assert!(found.said().contains("is a lower bound"), "{found:?}");
    let found = verdict(on_cuda(), &halves, 1000.0);
    assert_eq!(found.verdict, Feasibility::Infeasible, "{found:?}");

    let sim =
        Sim { others: |at_s| Some(if (4.0..8.0).contains(&at_s) { 0.9 } else { 0.0 }), ..phases() };
    let crowded = with(&sim, machine);
    let found = verdict(serving(), &crowded, 100.0);
    assert_eq!(found.verdict, Feasibility::Undecided, "{found:?}");
    assert!(found.said().contains("is an upper bound"), "{found:?}");
    let found = verdict(serving(), &crowded, 1000.0);
    assert_eq!(found.verdict, Feasibility::Feasible, "{found:?}");
    let found = verdict(serving(), &with(&phases(), machine), 100.0);
    assert_eq!(found.verdict, Feasibility::Infeasible, "{found:?}");
}
