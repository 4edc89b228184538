//! Commands that report no steps: their figures are those of all their life.

use super::said::Said;
use super::sim::{MS, Message, Sim, context, end_of, feed, policy, sample, say};
use crate::control::{Constraint, Controller, Op, RunContext, Selection, StopPolicy};
use crate::event::{
    CommandSpec, Envelope, Feasibility, Finished, GpuReading, MetricRow, Phase, StopDetail,
    StopReason, StopRecord, Usage, Work, WorkerEvent,
};

const S: u64 = 1000 * MS;

/// Works for one core's time for so many seconds and sleeps for the rest of ten, with more memory while it works.
fn halves(works_s: u64) -> Vec<Message> {
    let mut messages = vec![say(0, WorkerEvent::Phase { phase: Phase::Run })];
    for tick in 0..100 {
        let t_ns = tick * 100 * MS + 50 * MS;
        let rss = if t_ns < works_s * S { 200e6 } else { 100e6 };
        let cpu_ns = t_ns.min(works_s * S) as f64;
        messages.push(Message::Sample(Box::new(sample(t_ns, cpu_ns, (rss, 200e6)))));
    }
    let usage = Usage { cpu_ns: Some(works_s * S), ..Usage::default() };
    let finished = Finished {
        stopped: false,
        epochs: 0,
        usage,
        test_loss: None,
        test_accuracy: None,
        test_samples: None,
    };
    messages.push(say(10 * S, WorkerEvent::Finished(finished)));
    messages
}

fn of_command() -> RunContext {
    let spec = CommandSpec {
        words: vec!["true".to_owned()],
        steps: true,
        epochs: false,
        bare: true,
        ..CommandSpec::default()
    };
    RunContext { work: Work::Command { spec }, epochs: 0, ..context() }
}

fn row(rows: &[MetricRow], name: &str) -> MetricRow {
    let mut found = rows.iter().filter(|row| row.metric == name);
    found.next().unwrap().clone()
}

#[test]
fn a_command_has_its_own_mean_and_no_interval_of_what_it_never_was() {
    let limited = |limit| StopPolicy {
        limits_only: true,
        enabled: false,
        constraints: vec![Constraint { metric: "cpu.utilisation".into(), op: Op::AtMost, limit }],
        ..policy(&[])
    };
    let end = StopRecord { reason: StopReason::Completed, detail: StopDetail::Unknown };
    for (limit, verdict, says) in [
        (45.0, Feasibility::Feasible, "met: 40.0% over the 10.0 s of the whole command"),
        (35.0, Feasibility::Infeasible, "broken: 40.0% over"),
    ] {
        let mut controller = Controller::new(limited(limit), of_command());
        feed(&mut controller, &halves(4));
        let rows = controller.rows(Some(&end));
        for (name, estimate) in [
            ("cpu.utilisation", 40.0),
            ("cpu.utilisation_of_limit", 20.0),
            // The middles of the intervals of 100 ms are what is known of it.
            ("memory.rss_mean", 100e6 + 100e6 * 3.95 / 9.9),
        ] {
            let row = row(&rows, name);
            let found = row.estimate.unwrap();
            assert!((found / estimate - 1.0).abs() < 2e-3, "{row:?}");
            assert_eq!((row.low, row.high, row.confidence), (None, None, None));
        }
        let found = controller.feasibility(&rows, &end).unwrap();
        assert_eq!(found.verdict, verdict, "{found:?}");
        assert!(found.said().contains(says), "{found:?}");
    }
}

#[test]
fn what_was_waited_for_and_is_known_keeps_its_interval() {
    let end = end_of(policy(&["cpu.utilisation"]), of_command(), &halves(10)).unwrap();
    assert_eq!(end.reason, StopReason::Known, "{}", end.detail.said());
    let rows = end.controller.rows(None);
    let cpu = row(&rows, "cpu.utilisation");
    assert_eq!(cpu.known, Some(true));
    assert!(cpu.low.is_some() && cpu.high.is_some(), "{cpu:?}");
    assert_eq!(row(&rows, "memory.rss_mean").low, None);
}

/// A device that was lost after 4 of 10 seconds: the mean of those says nothing about the rest.
#[test]
fn a_mean_of_a_device_that_was_not_read_throughout_decides_no_limit() {
    let end = StopRecord { reason: StopReason::Completed, detail: StopDetail::Unknown };
    for (read_s, verdict, noted) in
        [(4, Feasibility::Undecided, true), (10, Feasibility::Feasible, false)]
    {
        let limit = Constraint { metric: "gpu.utilisation".into(), op: Op::AtMost, limit: 50.0 };
        let policy = StopPolicy { enabled: false, constraints: vec![limit], ..policy(&[]) };
        let context = RunContext { devices: Selection::of_device("cuda"), ..of_command() };
        let mut controller = Controller::new(policy, context);
        let mut messages = halves(10);
        for message in &mut messages {
            if let Message::Sample(sample) = message
                && sample.t_ns < read_s * S
            {
                let utilisation_percent = Some(30.0);
                sample.gpus = vec![GpuReading { utilisation_percent, ..GpuReading::default() }];
            }
        }
        feed(&mut controller, &messages);
        let rows = controller.rows(Some(&end));
        let row = row(&rows, "gpu.utilisation");
        assert!((row.estimate.unwrap() - 30.0).abs() < 1e-9, "{row:?}");
        assert_eq!(row.said().contains("of the stage"), noted, "{row:?}");
        let found = controller.feasibility(&rows, &end).unwrap();
        assert_eq!(found.verdict, verdict, "{read_s}: {found:?}");
    }
}

/// Short children are not seen at their largest: what the kernel allows them decides no limit, and passes for none.
#[test]
fn a_peak_that_may_have_been_larger_is_a_bound() {
    let end = StopRecord { reason: StopReason::Completed, detail: StopDetail::Unknown };
    for (most, limit, noted, verdict) in [
        (Some(250), 220, true, Feasibility::Undecided),
        (Some(250), 300, true, Feasibility::Feasible),
        (Some(250), 150, true, Feasibility::Infeasible),
        (Some(190), 220, false, Feasibility::Feasible),
        (None, 220, false, Feasibility::Feasible),
    ] {
        let policy = StopPolicy {
            enabled: false,
            constraints: vec![Constraint {
                metric: "memory.peak".into(),
                op: Op::AtMost,
                limit: f64::from(limit) * 1e6,
            }],
            ..policy(&[])
        };
        let mut controller = Controller::new(policy, of_command());
        let mut messages = halves(4);
        if let Some(Message::Worker(last)) = messages.last_mut()
            && let WorkerEvent::Finished(finished) = &mut last.event
        {
            finished.usage.hwm_at_most_bytes = most.map(|most: u64| most * 1_000_000);
        }
        feed(&mut controller, &messages);
        let rows = controller.rows(Some(&end));
        let row = row(&rows, "memory.peak");
        assert_eq!(row.said().contains("at least"), noted, "{row:?}");
        let mut ended =
            Controller::new(StopPolicy { enabled: false, ..StopPolicy::default() }, of_command());
        if let Some(Message::Worker(last)) = messages.last_mut()
            && let WorkerEvent::Finished(finished) = &mut last.event
        {
            finished.stopped = true;
        }
        feed(&mut ended, &messages);
        let cut = self::row(&ended.rows(Some(&end)), "memory.peak");
        assert!(!cut.said().contains("at least"), "perftune itself ended it: {cut:?}");
        let found = controller.feasibility(&rows, &end).unwrap();
        assert_eq!(found.verdict, verdict, "{most:?} {limit}: {found:?}");
    }
}

/// The whole of its life was seen: nothing of it can still grow, and nothing is open for that.
#[test]
fn the_peak_of_a_command_that_has_come_to_its_own_end_is_known() {
    let mut controller = Controller::new(policy(&["memory.peak"]), of_command());
    let mut messages = halves(4);
    // One that takes more until its end.
    for message in &mut messages {
        if let Message::Sample(sample) = message {
            sample.peak_bytes = Some(100_000_000 + sample.t_ns / 100);
        }
    }
    let last = messages.pop().unwrap();
    feed(&mut controller, &messages);
    assert_eq!(row(&controller.rows(None), "memory.peak").known, Some(false));
    feed(&mut controller, std::slice::from_ref(&last));
    let Message::Worker(Envelope { event: WorkerEvent::Finished(finished), .. }) = last else {
        panic!("{last:?}")
    };
    let end = controller.natural_end(&finished);
    assert_eq!(end.detail, StopDetail::Command { open: Vec::new() }, "{}", end.detail.said());
    let peak = row(&controller.rows(Some(&end)), "memory.peak");
    assert_eq!(peak.known, Some(true), "{peak:?}");
    assert!(peak.said().starts_with("peak over ") && !peak.said().contains("grow"), "{peak:?}");
}

#[test]
fn what_only_the_end_tells_is_waited_for() {
    for metric in ["command.time", "cpu.time", "io.write"] {
        let end = end_of(policy(&[metric]), of_command(), &halves(10));
        assert!(end.is_none_or(|end| end.at_s >= 10.0), "{metric}");
    }
}

#[test]
fn a_limit_on_its_time_ends_a_command_as_soon_as_it_has_lived_longer() {
    let limited = |op, limit| StopPolicy {
        limits_only: true,
        constraints: vec![Constraint { metric: "command.time".into(), op, limit }],
        ..policy(&[])
    };
    let end = end_of(limited(Op::AtMost, 2.0), of_command(), &halves(4)).unwrap();
    assert_eq!(end.reason, StopReason::Infeasible);
    assert!((2.0..2.2).contains(&end.at_s), "{}", end.at_s);
    let says = "command.time <= 2.00 s is broken: it has taken at least 2.05 s";
    assert!(end.detail.said().starts_with(says), "{}", end.detail.said());
    for (op, limit) in [(Op::AtMost, 10.5), (Op::AtMost, 10.0), (Op::AtLeast, 2.0)] {
        assert!(end_of(limited(op, limit), of_command(), &halves(4)).is_none(), "{op} {limit}");
    }
    // What it took is what counts when it is over, and a tick that comes late is no proof of more.
    let record = StopRecord { reason: StopReason::Budget, detail: StopDetail::Unknown };
    for (limit, verdict) in [(10.0, Feasibility::Feasible), (9.99, Feasibility::Infeasible)] {
        let policy = StopPolicy { enabled: false, ..limited(Op::AtMost, limit) };
        let mut controller = Controller::new(policy, of_command());
        feed(&mut controller, &halves(4));
        let rows = controller.rows(Some(&record));
        let found = controller.feasibility(&rows, &record).unwrap();
        assert_eq!(found.verdict, verdict, "{found:?}");
    }
}

/// A limit asks for no precision: nothing of such a command is less well known than asked.
#[test]
fn a_limit_alone_asks_for_no_precision() {
    let limit = Constraint { metric: "cpu.utilisation".into(), op: Op::AtMost, limit: 95.0 };
    let limits =
        StopPolicy { limits_only: true, constraints: vec![limit], ..policy(&["command.time"]) };
    let mut controller = Controller::new(limits, of_command());
    feed(&mut controller, &halves(4));
    let rows = controller.rows(None);
    assert_eq!(row(&rows, "cpu.utilisation").known, None);
    // What rounds go on for is known of each run.
    assert_eq!(row(&rows, "command.time").known, Some(true));
}

/// Six seconds of work and four of sleep are 60%, whatever the first five seconds look like.
#[test]
fn a_part_of_a_command_breaks_no_limit_on_the_mean_of_the_whole() {
    let limits = StopPolicy {
        limits_only: true,
        constraints: vec![Constraint {
            metric: "cpu.utilisation".into(),
            op: Op::AtMost,
            limit: 70.0,
        }],
        ..policy(&[])
    };
    let early = end_of(limits, of_command(), &halves(6));
    assert!(early.is_none_or(|end| end.at_s >= 10.0), "it was ended as broken");
}

/// Nobody can tell of a command that only serves; of one that trains too, the order says which weights it served with.
#[test]
fn the_weights_of_a_command_are_told_by_the_order_of_its_phases() {
    for (phases, says) in [
        (&[(Phase::Serve(1), 4.0)][..], None),
        (&[(Phase::Train, 4.0), (Phase::Serve(1), 4.0)], Some(", on trained weights")),
        (&[(Phase::Serve(1), 4.0), (Phase::Train, 4.0)], Some(", on untrained weights")),
    ] {
        let limit = Constraint { metric: "serve.latency_mean".into(), op: Op::AtMost, limit: 1e-6 };
        let policy = StopPolicy { enabled: false, constraints: vec![limit], ..policy(&[]) };
        let context = RunContext { epochs: 3, ..of_command() };
        let mut controller = Controller::new(policy, context);
        let sim = Sim { phases: phases.to_vec(), ..Sim::default() };
        feed(&mut controller, &sim.messages());
        let end = StopRecord { reason: StopReason::Completed, detail: StopDetail::Unknown };
        let rows = controller.rows(Some(&end));
        let found = controller.feasibility(&rows, &end).unwrap();
        assert_eq!(found.verdict, Feasibility::Infeasible, "{found:?}");
        let said = found.said();
        assert!(says.map_or(!said.contains("weights"), |says| said.ends_with(says)), "{said}");
    }
}
