use super::*;
use crate::event::{EpochReport, Hello, MaxRate, Pattern, ServeSpec, Usage};
use crate::runner::fixtures;

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
        items: 1,
        start_ns: 0,
        dur_ns: vec![1],
        wait_ns: Vec::new(),
        gap_ns: Vec::new(),
        loss: None,
    })
}

fn phase(phase: Phase) -> WorkerEvent {
    WorkerEvent::Phase { phase }
}

fn epoch(epoch: u32) -> WorkerEvent {
    WorkerEvent::Epoch(EpochReport {
        epoch,
        samples: 1,
        train_loss: Num(1.0),
        validation_loss: None,
        validation_accuracy: None,
    })
}

fn finished(epochs: u32) -> WorkerEvent {
    WorkerEvent::Finished(Finished {
        stopped: false,
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
        start_ns: 5,
        dur_ns: vec![4, 2],
        wait_ns: Vec::new(),
        gap_ns: Vec::new(),
        loss: None,
    })
}

fn play(events: Vec<WorkerEvent>) -> (WorkerStream, Result<(), Violation>) {
    play_of(&job(), events)
}

fn play_of(job: &JobSpec, events: Vec<WorkerEvent>) -> (WorkerStream, Result<(), Violation>) {
    let mut stream = WorkerStream::new(job);
    for (seq, event) in (0..).zip(events) {
        if let Err(violation) = stream.accept(&Envelope { seq, t_ns: 10, event }) {
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
    let mut stream = WorkerStream::new(&job());
    let at = |seq, t_ns, event| Envelope { seq, t_ns, event };
    stream.accept(&at(0, 9, hello())).unwrap();
    let found = stream.accept(&at(1, 8, phase(Phase::Train)));
    assert_eq!(found, Err(Violation::Time { found: 8, before: 9 }));
    let mut report = EpochReport {
        epoch: 1,
        samples: 1,
        train_loss: Num(f64::NAN),
        validation_loss: None,
        validation_accuracy: Some(Num(2.5)),
    };
    let (_, result) = play(vec![hello(), WorkerEvent::Epoch(report.clone())]);
    assert_eq!(result.unwrap_err().to_string(), "an accuracy of 2.5, which is not in 0..1");
    report.validation_accuracy = Some(Num(1.0));
    assert_eq!(play(vec![hello(), WorkerEvent::Epoch(report)]).1, Ok(()));
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
    let mut stream = WorkerStream::new(&job());
    let late = Envelope { seq: 1, t_ns: 0, event: hello() };
    assert_eq!(stream.accept(&late), Err(Violation::Sequence { found: 1, expected: 0 }));
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
        (vec![hello()], Exit::Signal(9), Some((FailureKind::Killed, "more memory"))),
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
