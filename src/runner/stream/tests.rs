use super::*;
use crate::event::bounds::METRICS;
use crate::event::{EpochReport, Hello, MaxRate, Num, Pattern, ServeSpec, Usage};
use crate::runner::fixtures;
use crate::sampler::Capacity;

/// Requests of one and eight samples, the highest rate of each, training, and requests once more.
fn job() -> JobSpec {
    JobSpec {
        serve: Some(ServeSpec {
            batch_sizes: vec![1, 8],
            warmup_requests: 0,
            max_time_s: 1.0,
            confirm: true,
            pattern: Pattern::Server { rate_per_s: Some(100.0) },
            max_requests: None,
            find_max_rate: Some(MaxRate { percentile: 0.99, limit_s: 0.01 }),
        }),
        ..fixtures::job(3)
    }
}

fn hello() -> WorkerEvent {
    WorkerEvent::Hello(Hello { protocol: PROTOCOL_VERSION, worker: "w".into(), ..Hello::default() })
}

fn steps(phase: Phase) -> WorkerEvent {
    WorkerEvent::Steps(StepBatch {
        phase,
        items: match phase {
            Phase::Serve(size) | Phase::Probe(size) | Phase::Confirm(size) => size,
            _ => 1,
        },
        start_ns: 0,
        dur_ns: vec![1],
        wait_ns: Vec::new(),
        gap_ns: Vec::new(),
        fetch_ns: Vec::new(),
        loss: None,
    })
}

fn phase(phase: Phase) -> WorkerEvent {
    WorkerEvent::Phase { phase }
}

fn epoch(epoch: u32) -> WorkerEvent {
    WorkerEvent::Epoch(EpochReport {
        epoch,
        samples: 0,
        train_loss: Num(1.0),
        validation_loss: None,
        validation_accuracy: None,
    })
}

fn finished(epochs: u32) -> WorkerEvent {
    WorkerEvent::Finished(Finished {
        stopped: true,
        epochs,
        test_loss: None,
        test_accuracy: None,
        test_samples: None,
        usage: Usage::default(),
    })
}

fn late_steps() -> WorkerEvent {
    WorkerEvent::Steps(StepBatch {
        phase: Phase::Train,
        items: 1,
        start_ns: 25,
        dur_ns: vec![4, 2],
        wait_ns: Vec::new(),
        gap_ns: Vec::new(),
        fetch_ns: Vec::new(),
        loss: None,
    })
}

fn play(events: Vec<WorkerEvent>) -> (WorkerStream, Result<(), Violation>) {
    play_of(&job(), events)
}

fn play_of(job: &JobSpec, events: Vec<WorkerEvent>) -> (WorkerStream, Result<(), Violation>) {
    let mut stream = WorkerStream::new(job, Witness::default());
    stream.ask_to_stop();
    for (seq, mut event) in (0..).zip(events) {
        // Steps that say no time begin when the message before them came.
        if let WorkerEvent::Steps(StepBatch { start_ns: start_ns @ 0, .. }) = &mut event {
            *start_ns = 10 * seq;
        }
        if let Err(violation) = stream.accept(&Envelope { seq, t_ns: 10 * (seq + 1), event }, 0) {
            return (stream, Err(violation));
        }
    }
    (stream, Ok(()))
}

#[test]
fn the_grammar() {
    let train = || vec![hello(), phase(Phase::Train)];
    let with = |more: Vec<WorkerEvent>| train().into_iter().chain(more).collect::<Vec<_>>();
    let table: Vec<(Vec<WorkerEvent>, Option<&str>, &str)> = vec![
        (with(vec![steps(Phase::Train), epoch(1), finished(1)]), None, "a whole run"),
        (vec![phase(Phase::Load)], Some("`phase` where `hello`"), "no greeting"),
        (vec![hello(), hello()], Some("`hello` where work"), "two greetings"),
        (vec![hello(), steps(Phase::Train)], Some("during no phase"), "steps without a phase"),
        (with(vec![steps(Phase::Test)]), Some("steps of phase test during train"), "wrong phase"),
        (with(vec![finished(3)]), Some("epoch 3 where 0"), "epochs that nobody heard of"),
        (with(vec![epoch(2)]), Some("epoch 2 where 1"), "an epoch is missing"),
        (with(vec![finished(0), epoch(1)]), Some("`epoch` where the end"), "after the end"),
    ];
    for (events, expected, sentence) in table {
        let (_, result) = play(events);
        match (result, expected) {
            (Ok(()), None) => {}
            (Err(violation), Some(text)) => {
                assert!(violation.to_string().contains(text), "{sentence}: {violation}");
            }
            (result, _) => panic!("{sentence}: {result:?}"),
        }
    }
}

#[test]
fn steps_lie_before_the_message_that_tells_of_them() {
    let (_, result) = play(vec![hello(), phase(Phase::Train), late_steps()]);
    let said = result.unwrap_err().to_string();
    assert!(said.starts_with("steps end 1 ns after the message"), "{said}");
}

#[test]
fn only_what_was_trained_is_confirmed() {
    let confirm = || [phase(Phase::Confirm(8)), steps(Phase::Confirm(8))];
    let start = || vec![hello(), phase(Phase::Train)];
    let trained = [start(), vec![epoch(1)], confirm().into(), vec![finished(1)]].concat();
    assert_eq!(play(trained).1, Ok(()));
    let (_, untrained) = play([start(), confirm().into()].concat());
    let says = "phase confirm[8] before an epoch of training was over";
    assert_eq!(untrained.unwrap_err().to_string(), says);
}

#[test]
fn what_nobody_asked_for_and_what_comes_too_late_is_refused() {
    type Edit = fn(&mut JobSpec);
    let whole: Edit = |_| {};
    let (serve, confirm) = (Phase::Serve(1), Phase::Confirm(8));
    let trained = || vec![hello(), phase(Phase::Train), epoch(1)];
    for (edit, next, says) in [
        (whole, vec![confirm, Phase::Test], None),
        (whole, vec![confirm, Phase::Train], Some("phase train after confirm[8]")),
        (whole, vec![Phase::Test, serve], Some("phase serve[1] after test")),
        (whole, vec![serve], Some("phase serve[1] after train")),
        (whole, vec![Phase::Confirm(2)], Some("phase confirm[2], which the job does not ask for")),
        (
            |job| job.serve.as_mut().unwrap().confirm = false,
            vec![confirm],
            Some("phase confirm[8], which the job does not ask for"),
        ),
        (|job| job.serve = None, vec![confirm], Some("does not ask for")),
    ] {
        let mut job = job();
        edit(&mut job);
        let events = trained().into_iter().chain(next.iter().map(|next| phase(*next)));
        let (_, result) = play_of(&job, events.collect());
        let said = result.err().map(|violation| violation.to_string());
        assert_eq!(said.is_some(), says.is_some(), "{next:?}: {said:?}");
        assert!(said.unwrap_or_default().contains(says.unwrap_or_default()));
    }
    let mut untrained = job();
    untrained.train.epochs = 0;
    let (_, result) = play_of(&untrained, vec![hello(), phase(Phase::Train)]);
    let found = Phase::Train;
    assert_eq!(result, Err(Violation::Unasked { found }));
}

#[test]
fn time_does_not_run_backwards_and_shares_are_shares() {
    let mut stream = WorkerStream::new(&job(), Witness::default());
    let at = |seq, t_ns, event| Envelope { seq, t_ns, event };
    stream.accept(&at(0, 9, hello()), 9).unwrap();
    let found = stream.accept(&at(1, 8, phase(Phase::Train)), 9);
    assert_eq!(found, Err(Violation::Time { found: 8, before: 9 }));
    let mut report = EpochReport {
        epoch: 1,
        samples: 0,
        train_loss: Num(f64::NAN),
        validation_loss: None,
        validation_accuracy: Some(Num(2.5)),
    };
    let (_, result) = play(vec![hello(), WorkerEvent::Epoch(report.clone())]);
    assert_eq!(result.unwrap_err().to_string(), "an accuracy of 2.5, which is not in 0..1");
    report.validation_accuracy = Some(Num(1.0));
    assert_eq!(play(vec![hello(), phase(Phase::Train), WorkerEvent::Epoch(report)]).1, Ok(()));
}

#[test]
fn waits_and_gaps_are_those_of_the_steps() {
    for (waits, gaps, says) in [
        (0, 0, None),
        (2, 2, None),
        (0, 2, None),
        (1, 2, Some("1 values of wait_ns for 2 steps")),
        (2, 3, Some("3 values of gap_ns for 2 steps")),
    ] {
        let batch = StepBatch {
            phase: Phase::Serve(1),
            items: 1,
            start_ns: 0,
            dur_ns: vec![1, 1],
            wait_ns: vec![1; waits],
            gap_ns: vec![1; gaps],
            fetch_ns: Vec::new(),
            loss: None,
        };
        let serve = phase(Phase::Serve(1));
        let (_, result) = play(vec![hello(), serve, WorkerEvent::Steps(batch)]);
        let said = result.err().map(|violation| violation.to_string());
        assert_eq!(said.is_some(), says.is_some(), "{said:?}");
        assert!(said.unwrap_or_default().contains(says.unwrap_or_default()));
    }
}

#[test]
fn a_found_rate_is_one_and_belongs_to_its_search() {
    let found = |rates: [Option<f64>; 3]| {
        let [low, rate_per_s, high] = rates.map(|rate| rate.map(Num));
        WorkerEvent::MaxRate(FoundRate {
            rate_per_s,
            low,
            high,
            confidence: Some(0.95),
            precise: true,
            probes: 3,
            requests: 100,
            why: String::new(),
        })
    };
    let probe = Phase::Probe(1);
    for (at, rates, says) in [
        (probe, [Some(90.0), Some(95.0), Some(99.0)], None),
        (probe, [None; 3], None),
        (probe, [Some(96.0), Some(95.0), None], Some("its own interval")),
        (probe, [None, Some(f64::NAN), None], Some("not a number")),
        (Phase::Serve(1), [None; 3], Some("outside of a phase")),
    ] {
        let (_, result) = play(vec![hello(), phase(at), found(rates)]);
        let said = result.err().map(|violation| violation.to_string());
        assert_eq!(said.is_some(), says.is_some(), "{rates:?} {said:?}");
        assert!(said.unwrap_or_default().contains(says.unwrap_or_default()));
    }
}

#[test]
fn gaps_in_the_numbers_and_foreign_versions_are_refused() {
    let mut stream = WorkerStream::new(&job(), Witness::default());
    let late = Envelope { seq: 1, t_ns: 0, event: hello() };
    assert_eq!(stream.accept(&late, 0), Err(Violation::Sequence { found: 1, expected: 0 }));
    let foreign = WorkerEvent::Hello(Hello { protocol: 99, ..Hello::default() });
    let (_, result) = play(vec![foreign]);
    assert_eq!(result, Err(Violation::Version { found: 99 }));
}

#[test]
fn what_an_exit_means_depends_on_what_was_said() {
    let failed =
        WorkerEvent::Failed(WorkerFailure { kind: "data".into(), message: "row 3".into() });
    let table = [
        (vec![hello(), finished(0)], Exit::Code(0), None),
        (vec![hello(), finished(0)], Exit::Code(1), Some((FailureKind::Crashed, "had finished"))),
        (vec![hello()], Exit::Code(0), Some((FailureKind::Crashed, "exited with code 0 without"))),
        (vec![hello()], Exit::Signal(9), Some((FailureKind::Killed, "lack of memory"))),
        (vec![hello()], Exit::Signal(11), Some((FailureKind::Killed, "SIGSEGV"))),
        (vec![failed], Exit::Code(1), Some((FailureKind::Reported, "data: row 3"))),
    ];
    for (events, exit, expected) in table {
        let (stream, result) = play(events);
        assert_eq!(result, Ok(()));
        let failure = stream.judge(exit, "tail");
        match (failure, expected) {
            (None, None) => {}
            (Some(failure), Some((kind, text))) => {
                assert_eq!(failure.kind, kind);
                assert!(failure.message.contains(text), "{}", failure.message);
                assert_eq!(failure.stderr_tail, "tail");
            }
            (failure, _) => panic!("{exit:?}: {failure:?}"),
        }
    }
}

/// A worker that was started at 100 s on a machine of two cores and a gibibyte, and what it says from 110 s on.
fn held(job: &JobSpec, asked: bool, said: &[(u64, WorkerEvent)]) -> Option<String> {
    let capacity = Some(Capacity { cores: 2, memory_bytes: 1 << 30 });
    let mut stream = WorkerStream::new(job, Witness { started_ns: 100 * S, capacity });
    if asked {
        stream.ask_to_stop();
    }
    for (seq, (t_ns, event)) in (0..).zip(said) {
        let envelope = Envelope { seq, t_ns: *t_ns, event: event.clone() };
        if let Err(violation) = stream.accept(&envelope, 120 * S) {
            return Some(violation.to_string());
        }
    }
    None
}

const S: u64 = 1_000_000_000;

fn batch(phase: Phase, items: u32, start_ns: u64, dur_ns: &[u64]) -> WorkerEvent {
    WorkerEvent::Steps(StepBatch {
        phase,
        items,
        start_ns,
        dur_ns: dur_ns.to_vec(),
        wait_ns: Vec::new(),
        gap_ns: Vec::new(),
        fetch_ns: Vec::new(),
        loss: None,
    })
}

#[test]
fn times_are_those_of_the_clock() {
    let says = |said: &[(u64, WorkerEvent)]| held(&job(), false, said).unwrap_or_default();
    let serve = || vec![(110 * S, hello()), (111 * S, phase(Phase::Serve(1)))];
    let with = |more: Vec<(u64, WorkerEvent)>| says(&[serve(), more].concat());
    let one = Phase::Serve(1);
    assert_eq!(with(vec![(113 * S, batch(one, 1, 111 * S, &[S, S]))]), "");
    assert_eq!(
        says(&[(0, hello())]),
        "a message 99.0 s before the worker was started: times must be CLOCK_MONOTONIC, in nanoseconds"
    );
    let century = 3_155_760_000 * S;
    assert!(says(&[(century, hello())]).starts_with("t_ns is "));
    let early = with(vec![(113 * S, batch(one, 1, 110 * S, &[S]))]);
    assert!(early.starts_with("steps 1.00 s before their phase began"), "{early}");
    let twice = (113 * S, batch(one, 1, 111 * S, &[S]));
    let twice = with(vec![twice.clone(), twice]);
    assert!(twice.starts_with("steps 1.00 s before those before them had ended"), "{twice}");
    let mut waits = batch(one, 1, 112 * S, &[S]);
    if let WorkerEvent::Steps(batch) = &mut waits {
        batch.wait_ns = vec![u64::MAX];
    }
    let waits = with(vec![(113 * S, waits)]);
    assert!(waits.starts_with("requests scheduled 111 s before their phase began"), "{waits}");
    assert_eq!(
        with(vec![(113 * S, batch(one, 1, 112 * S, &[0]))]),
        "a step of 0 ns in phase serve[1]"
    );
}

#[test]
fn sizes_and_epochs_are_those_of_the_job() {
    let train = || vec![(110 * S, hello()), (111 * S, phase(Phase::Train))];
    let after = |said: Vec<(u64, WorkerEvent)>| {
        held(&job(), false, &[train(), said].concat()).unwrap_or_default()
    };
    let steps = |items| (112 * S, batch(Phase::Train, items, 111 * S, &[5, 5]));
    let epoch = |epoch, samples| {
        let report = EpochReport {
            epoch,
            samples,
            train_loss: Num(1.0),
            validation_loss: None,
            validation_accuracy: None,
        };
        (113 * S, WorkerEvent::Epoch(report))
    };
    let job_items = "where the job asks for 64";
    assert_eq!(after(vec![steps(64), epoch(1, 128)]), "");
    // The last batch of an epoch may be smaller.
    assert_eq!(after(vec![steps(7), epoch(1, 14)]), "");
    assert!(after(vec![steps(u32::MAX)]).ends_with(job_items));
    let serve = [
        (110 * S, hello()),
        (111 * S, phase(Phase::Serve(1))),
        (112 * S, batch(Phase::Serve(1), 4096, 111 * S, &[5])),
    ];
    let says = "steps of 4096 samples in phase serve[1], where the job asks for 1";
    assert_eq!(held(&job(), false, &serve).as_deref(), Some(says));
    assert_eq!(
        after(vec![steps(64), epoch(1, 129)]),
        "an epoch of 129 samples, whose steps had 128"
    );
    assert_eq!(
        after(vec![epoch(1, 0), epoch(2, 0), epoch(3, 0), epoch(4, 0)]),
        "epoch 4 of a job of 3"
    );
    let loading = [(110 * S, hello()), epoch(1, 0)];
    let says = "`epoch` where a phase that trains was expected";
    assert_eq!(held(&job(), false, &loading).as_deref(), Some(says));
}

#[test]
fn an_end_is_one_and_nothing_used_more_than_there_is() {
    let end = |edit: fn(&mut Finished)| {
        let mut end = Finished {
            stopped: false,
            epochs: 0,
            test_loss: None,
            test_accuracy: None,
            test_samples: None,
            usage: Usage::default(),
        };
        edit(&mut end);
        (115 * S, WorkerEvent::Finished(end))
    };
    let mut serves = job();
    serves.train.epochs = 0;
    let of = |job: &JobSpec, asked, edit| {
        held(job, asked, &[(110 * S, hello()), end(edit)]).unwrap_or_default()
    };
    assert_eq!(of(&serves, false, |_| {}), "");
    assert_eq!(
        of(&job(), false, |_| {}),
        "`finished` after 0 of 3 epochs, and nobody asked it to stop"
    );
    let stopped: fn(&mut Finished) = |end| end.stopped = true;
    assert_eq!(of(&job(), true, stopped), "");
    assert_eq!(
        of(&job(), false, stopped),
        "`finished` says that it was stopped, and nobody asked it to stop"
    );
    let tested: fn(&mut Finished) = |end| end.test_accuracy = Some(Num(0.99));
    assert_eq!(
        of(&serves, false, tested),
        "`finished` has results of a test, and there was no phase test"
    );
    let whole: fn(&mut Finished) = |end| end.usage.cpu_ns = Some(42 * S);
    assert_eq!(of(&serves, false, whole), "");
    let cpu: fn(&mut Finished) = |end| end.usage.cpu_ns = Some(u64::MAX);
    let says =
        "cpu_ns of 18446744073709551615, where the clock and the machine allow 42000000000 at most";
    assert_eq!(of(&serves, false, cpu), says);
    let memory: fn(&mut Finished) = |end| end.usage.vm_hwm_bytes = Some((1 << 30) + 1);
    assert!(of(&serves, false, memory).starts_with("vm_hwm_bytes of 1073741825"));
}

#[test]
fn a_figure_of_its_own_has_a_name_of_its_own() {
    let named =
        |name: &str| WorkerEvent::Metric { name: name.to_owned(), value: Num(1.0), samples: None };
    let says = |name: &str| play(vec![hello(), named(name)]).1.map_err(|error| error.to_string());
    assert_eq!(says("bleu"), Ok(()));
    for metric in crate::metric::CATALOGUE {
        let found = says(metric.name);
        if metric.is_said_by_worker() {
            assert_eq!(found, Ok(()));
            continue;
        }
        assert_eq!(
            found,
            Err(format!("a metric named `{}`, which perftune measures itself", metric.name))
        );
    }
    for name in ["", "a\u{1b}[31m", &"x".repeat(65)] {
        let found = says(name);
        assert!(found.is_err_and(|says| says.contains("1 to 64 bytes")));
    }
    let many = (0..=MOST_FIGURES).map(|number| named(&format!("m{number}")));
    let (_, found) = play([hello()].into_iter().chain(many).collect());
    assert_eq!(found, Err(Violation::Figures));
    let flood = (0..=METRICS).map(|_| named("m"));
    let (_, found) = play([hello()].into_iter().chain(flood).collect());
    assert_eq!(found, Err(Violation::Metrics { found: METRICS + 1, seconds: 0 }));
    let again = (0..=MOST_FIGURES).map(|_| named("m"));
    assert_eq!(play([hello()].into_iter().chain(again).collect()).1, Ok(()));
}

#[test]
fn waits_for_data_are_parts_of_the_steps_and_figures_of_a_model_no_less_than_0() {
    for (fetch_ns, fits) in
        [(vec![], true), (vec![0, 1], true), (vec![1], false), (vec![1, 2], false)]
    {
        let batch = StepBatch {
            phase: Phase::Train,
            items: 1,
            start_ns: 0,
            dur_ns: vec![1, 1],
            wait_ns: Vec::new(),
            gap_ns: Vec::new(),
            fetch_ns,
            loss: None,
        };
        let (_, result) = play(vec![hello(), phase(Phase::Train), WorkerEvent::Steps(batch)]);
        assert_eq!(result.is_ok(), fits, "{result:?}");
    }
    for (name, value, says) in [
        ("model.flops", 1e9, None),
        ("model.flops", -1.0, Some("model.flops = -1: it must be a number of at least 0")),
        ("model.bytes", f64::NAN, Some("at least 0")),
        ("start.time", 1.0, Some("which perftune measures itself")),
        ("of its own", -1.0, None),
    ] {
        let (name, value) = (name.to_owned(), Num(value));
        let (_, result) = play(vec![hello(), WorkerEvent::Metric { name, value, samples: None }]);
        let said = result.err().map(|violation| violation.to_string());
        assert_eq!(said.is_some(), says.is_some(), "{said:?}");
        assert!(said.unwrap_or_default().contains(says.unwrap_or_default()));
    }
}
