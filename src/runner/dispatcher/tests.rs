use std::sync::Arc;

use super::*;
use crate::control::policy::StopPolicy;
use crate::control::{Constraint, Op, RunContext};
use crate::event::{
    EpochReport, Evidence, Feasibility, Finding, Finished, Hello, Limits, MemoryGuard, Num,
    PROTOCOL_VERSION, Pattern, Phase, Price, Ruling, RunRecord, RunStatus, ServeSpec, Shortage,
    StepBatch, StopDetail, StopReason, Usage,
};
use crate::runner::{Launch, fixtures};

const S: u64 = 1_000_000_000;

fn spec() -> RunSpec {
    RunSpec {
        run: "r".into(),
        cell: "r".into(),
        repeat: 1,
        index: 0,
        job: Arc::new(fixtures::job(1)),
        stop: Arc::new(StopPolicy { enabled: false, ..StopPolicy::default() }),
        launch: Launch {
            program: "worker".into(),
            args: Vec::new(),
            hang_timeout_ns: 60 * S,
            streams: crate::runner::Streams::default(),
            grace_ns: 5 * S,
            capacity: None,
        },
        limits: Limits::default(),
        group: None,
        lane: None,
        usable_cores: 2.0,
        grams_per_kwh: None,
        price: None,
        pairing: None,
        answer: None,
    }
}

fn dispatcher() -> Dispatcher {
    of_spec(spec())
}

fn with_work(mut spec: RunSpec) -> Dispatcher {
    Arc::make_mut(&mut spec.job).serve = Some(serve_spec());
    of_spec(spec)
}

fn of_spec(spec: RunSpec) -> Dispatcher {
    let context = RunContext {
        random_data: false,
        metrics: Vec::new(),
        serve_max_s: None,
        work: crate::event::Work::Native,
        serve_sizes: spec.job.serve.iter().flat_map(|serve| serve.batch_sizes.clone()).collect(),
        confirm: false,
        probe_sizes: Vec::new(),
        pattern: crate::event::Pattern::default(),
        epochs: 1,
        validation_share: 0.0,
        usable_cores: 2.0,
        unsupported: [].into(),
        devices: crate::control::Selection::default(),
        device: "cpu".to_owned(),
        grams_per_kwh: None,
        price: Some(Price { per_hour: 3600.0, currency: String::new() }),
        started_ns: 0,
    };
    let controller = Controller::new((*spec.stop).clone(), context);
    Dispatcher::new(spec, controller, 0)
}

fn serve_spec() -> ServeSpec {
    ServeSpec {
        batch_sizes: vec![8],
        warmup_requests: 0,
        max_time_s: 1.0,
        confirm: true,
        pattern: Pattern::SingleStream,
        max_requests: None,
        find_max_rate: None,
    }
}

/// What the worker says in a whole run, up to the number of messages that a test wants.
fn said() -> Vec<WorkerEvent> {
    vec![
        WorkerEvent::Hello(Hello { protocol: PROTOCOL_VERSION, ..Hello::default() }),
        WorkerEvent::Phase { phase: Phase::Train },
        steps(Some(0.5)),
        WorkerEvent::Epoch(EpochReport {
            epoch: 1,
            samples: 64,
            train_loss: Num(0.5),
            validation_loss: None,
            validation_accuracy: None,
        }),
        finished(false),
    ]
}

fn steps(loss: Option<f64>) -> WorkerEvent {
    steps_of(Phase::Train, 0, loss)
}

/// One step that begins at this time, in nanoseconds.
fn steps_of(phase: Phase, start_ns: u64, loss: Option<f64>) -> WorkerEvent {
    let dur_ns = vec![1_000_000];
    WorkerEvent::Steps(StepBatch {
        phase,
        items: if let Phase::Serve(size) = phase { size } else { 64 },
        start_ns,
        dur_ns,
        wait_ns: Vec::new(),
        gap_ns: Vec::new(),
        fetch_ns: Vec::new(),
        loss: loss.map(Num),
    })
}

/// The message of this number and time; steps end with it.
fn message_at(seq: u64, t_ns: u64, mut event: WorkerEvent) -> Input {
    if let WorkerEvent::Steps(batch) = &mut event {
        batch.start_ns = t_ns - batch.dur_ns[0];
    }
    Input::Message(Envelope { seq, t_ns, event })
}

fn finished(stopped: bool) -> WorkerEvent {
    let epochs = u32::from(!stopped);
    WorkerEvent::Finished(Finished {
        stopped,
        epochs,
        test_loss: None,
        test_accuracy: None,
        test_samples: None,
        usage: Usage::default(),
    })
}

/// Feeds messages one a second, then the inputs; returns the actions that are not `Emit`.
fn play(events: Vec<WorkerEvent>, inputs: Vec<(Input, u64)>) -> (Dispatcher, Vec<Action>) {
    play_in(dispatcher(), events, inputs)
}

fn play_in(
    mut dispatcher: Dispatcher,
    events: Vec<WorkerEvent>,
    inputs: Vec<(Input, u64)>,
) -> (Dispatcher, Vec<Action>) {
    let messages = (0..).zip(events).map(|(seq, event)| (message_at(seq, seq * S, event), seq * S));
    let mut actions = Vec::new();
    for (input, now) in messages.chain(inputs.into_iter().map(|(i, s)| (i, s * S))) {
        actions.extend(wait(&mut dispatcher, now));
        actions.extend(dispatcher.handle(input, now));
    }
    actions.retain(|action| !matches!(action, Action::Emit(_)));
    (dispatcher, actions)
}

/// The ticks until then.
fn wait(dispatcher: &mut Dispatcher, until_ns: u64) -> Vec<Action> {
    let mut actions = Vec::new();
    while dispatcher.next_deadline_ns() < until_ns {
        actions.extend(dispatcher.handle(Input::Tick, dispatcher.next_deadline_ns()));
    }
    actions
}

fn ended(exit: Exit, at: u64) -> Vec<(Input, u64)> {
    vec![(Input::StreamEnded, at), (Input::StreamEnded, at), (Input::Exited(exit), at)]
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table")]
fn what_is_done_and_what_is_recorded() {
    use RunStatus::{Cancelled, Completed, Failed};
    let with = |mut first: Vec<(Input, u64)>, exit, at| {
        first.extend(ended(exit, at));
        first
    };
    let message = |seq, event| message_at(seq, (90 + seq) * S, event);
    let table = [
        ("a whole run", 5, ended(Exit::Code(0), 6), vec![Action::Finish], Completed, "epoch"),
        ("a crash", 2, ended(Exit::Code(7), 3), vec![Action::Finish], Failed, "exited with code 7"),
        (
            "killed by the system",
            2,
            ended(Exit::Signal(9), 3),
            vec![Action::Finish],
            Failed,
            "memory",
        ),
        (
            "silence",
            2,
            with(vec![(Input::Tick, 61), (Input::Tick, 66)], Exit::Signal(9), 67),
            vec![Action::Terminate, Action::Kill, Action::Finish],
            Failed,
            "silent for 60 s",
        ),
        (
            "one Ctrl-C",
            2,
            with(vec![(Input::Interrupt, 3)], Exit::Signal(15), 4),
            vec![Action::Terminate, Action::Finish],
            Cancelled,
            "by_user",
        ),
        (
            "two of them",
            2,
            with(vec![(Input::Interrupt, 3), (Input::Interrupt, 3)], Exit::Signal(9), 4),
            vec![Action::Terminate, Action::Kill, Action::Finish],
            Cancelled,
            "by_user",
        ),
        (
            "nonsense",
            2,
            with(vec![(Input::Garbage("what is this".into()), 3)], Exit::Signal(15), 4),
            vec![Action::Terminate, Action::Finish],
            Failed,
            "what is this",
        ),
        (
            "a gap in the sequence",
            2,
            with(vec![(message(9, finished(false)), 3)], Exit::Code(0), 4),
            vec![Action::Terminate, Action::Finish],
            Failed,
            "message number 9 where 2",
        ),
        (
            "it does not leave",
            5,
            with(vec![(Input::Tick, 10)], Exit::Signal(15), 11),
            vec![Action::Terminate, Action::Finish],
            Completed,
            "epoch",
        ),
        (
            "the disk is full",
            2,
            with(vec![(Input::SinkFailed, 3)], Exit::Signal(15), 4),
            vec![Action::Terminate, Action::Finish],
            Cancelled,
            "",
        ),
        (
            "a grandchild holds the pipe",
            5,
            vec![(Input::Exited(Exit::Code(0)), 6), (Input::Tick, 7)],
            vec![Action::Finish],
            Completed,
            "epoch",
        ),
    ];
    for (sentence, messages, inputs, actions, status, detail) in table {
        let (dispatcher, done) = play(said().into_iter().take(messages).collect(), inputs);
        assert_eq!(done, actions, "{sentence}");
        let record = dispatcher.record("the tail");
        assert_eq!(record.status, status, "{sentence}: {:?}", record.stop);
        let said = serde_json::to_string(&record.stop.detail).unwrap();
        assert!(said.contains(detail), "{sentence}: {said}");
    }
}

#[test]
fn a_loss_that_is_no_number_stops_the_run_and_a_deaf_worker_is_ended() {
    let diverge = |more: Vec<(Input, u64)>| {
        let mut events: Vec<_> = said().into_iter().take(2).collect();
        events.push(steps(Some(f64::NAN)));
        play(events, more)
    };
    let message = |seq, event| message_at(seq, (90 + seq) * S, event);
    let mut inputs = vec![(message(3, finished(true)), 3)];
    inputs.extend(ended(Exit::Code(0), 4));
    let (dispatcher, done) = diverge(inputs);
    // Its accuracy answers nothing.
    assert!(
        matches!(&done[..], [Action::Send(Command::Stop { test: false, .. }), Action::Finish]),
        "{done:?}"
    );
    let record = dispatcher.record("");
    assert_eq!((record.status, record.stop.reason), (RunStatus::Stopped, StopReason::Diverged));

    let mut inputs = vec![
        (message(3, steps_of(Phase::Train, 5 * S, None)), 5),
        // It had begun within the grace period.
        (message(4, steps_of(Phase::Train, 6 * S, None)), 9),
        (message(5, steps_of(Phase::Train, 8 * S, None)), 9),
    ];
    inputs.extend(ended(Exit::Signal(15), 10));
    let (dispatcher, done) = diverge(inputs);
    assert_eq!(done[1..], [Action::Terminate, Action::Finish]);
    let record = dispatcher.record("");
    assert_eq!(record.status, RunStatus::Failed);
    assert_eq!(record.failure.unwrap().kind, FailureKind::Hung);
}

/// Half a gibibyte, watched, and a constraint that has nothing to do with it.
fn limited() -> Dispatcher {
    let mut spec = spec();
    spec.limits = Limits {
        memory_bytes: Some(512 << 20),
        memory_guard: Some(MemoryGuard::Watched),
        ..Limits::default()
    };
    Arc::make_mut(&mut spec.stop).constraints =
        vec![Constraint { metric: "train.throughput".into(), op: Op::AtLeast, limit: 1.0 }];
    of_spec(spec)
}

#[test]
fn a_run_that_needs_too_much_memory_is_killed_and_an_answer() {
    let beyond = || Input::OutOfMemory(600 << 20);
    let shortage = Shortage {
        held_bytes: 600 << 20,
        limit_bytes: 512 << 20,
        guard: MemoryGuard::Watched,
        phase: Some(Phase::Train),
    };
    let table = [
        // The watch fires again until the worker is gone; its process is killed once.
        (3, vec![(beyond(), 3), (beyond(), 3)], vec![Action::Kill]),
        // The kernel was quicker.
        (3, vec![(beyond(), 3)], vec![Action::Kill]),
        // It does not hide that it did not fit that it says its last word meanwhile.
        (5, vec![(beyond(), 5)], vec![Action::Kill]),
        // The user's word comes too late.
        (3, vec![(beyond(), 3), (Input::Interrupt, 3)], vec![Action::Kill]),
    ];
    for (messages, mut inputs, expected) in table {
        inputs.extend(ended(Exit::Signal(9), 7));
        let said = said().into_iter().take(messages).collect();
        let (dispatcher, mut done) = play_in(limited(), said, inputs);
        assert_eq!(done.pop(), Some(Action::Finish));
        assert_eq!(done, expected, "{messages}");
        let record = dispatcher.record("");
        assert_eq!(record.status, RunStatus::Stopped);
        assert_eq!(record.stop.reason, StopReason::OutOfMemory);
        assert_eq!(record.stop.detail, StopDetail::OutOfMemory(shortage));
        assert_eq!(record.failure, None);
        assert_eq!(record.limits.memory_bytes, Some(512 << 20));
        let verdict = record.verdict.unwrap();
        assert_eq!(verdict.verdict, Feasibility::Infeasible);
        let finding = Finding::of_run(Ruling::Broken, Evidence::OutOfMemory(shortage));
        assert_eq!(verdict.findings, [finding]);
    }
}

#[test]
fn a_kill_for_another_reason_is_a_failure_and_so_is_what_went_wrong_before() {
    let killed = ended(Exit::Signal(9), 4);
    let (dispatcher, _) = play_in(limited(), said().into_iter().take(3).collect(), killed);
    let record = dispatcher.record("");
    assert_eq!(record.status, RunStatus::Failed);
    assert_eq!(record.failure.unwrap().kind, FailureKind::Killed);
    for (first, status) in [
        (Input::Garbage("what?".into()), RunStatus::Failed),
        (Input::Interrupt, RunStatus::Cancelled),
    ] {
        let mut inputs = vec![(first, 3), (Input::OutOfMemory(600 << 20), 3)];
        inputs.extend(ended(Exit::Signal(9), 4));
        let said = said().into_iter().take(3).collect();
        let (dispatcher, _) = play_in(limited(), said, inputs);
        assert_eq!(dispatcher.record("").status, status);
    }
    // Without a limit nobody can be beyond it.
    let inputs = vec![(Input::OutOfMemory(1 << 40), 6)];
    let (dispatcher, done) = play(said(), [inputs, ended(Exit::Code(0), 6)].concat());
    assert_eq!(done, [Action::Finish]);
    assert_eq!(dispatcher.record("").status, RunStatus::Completed);
}

#[test]
fn a_peak_between_two_ticks_is_found_at_the_end() {
    let mut events = said();
    let Some(WorkerEvent::Finished(last)) = events.last_mut() else {
        panic!("the last word is the last");
    };
    last.usage.vm_hwm_bytes = Some(513 << 20);
    let (dispatcher, done) = play_in(limited(), events, ended(Exit::Code(0), 6));
    assert_eq!(done, [Action::Finish]);
    let record = dispatcher.record("");
    assert_eq!(record.stop.reason, StopReason::OutOfMemory);
    let StopDetail::OutOfMemory(shortage) = record.stop.detail else { panic!("{record:?}") };
    assert_eq!(shortage.held_bytes, 513 << 20);
}

/// A worker whose accuracy does not improve, told so after its second epoch; then each event a second later.
fn confirm(more: Vec<WorkerEvent>) -> (Dispatcher, Vec<Action>) {
    let epoch = |epoch| {
        WorkerEvent::Epoch(EpochReport {
            epoch,
            samples: 0,
            train_loss: Num(0.5),
            validation_loss: None,
            validation_accuracy: Some(Num(0.9)),
        })
    };
    let mut spec = spec();
    spec.stop = Arc::new(StopPolicy {
        metrics: vec!["validation_accuracy".into()],
        patience: 1,
        ..StopPolicy::default()
    });
    Arc::make_mut(&mut spec.job).train.epochs = 10;
    Arc::make_mut(&mut spec.job).serve = Some(serve_spec());
    let context = RunContext {
        metrics: Vec::new(),
        work: crate::event::Work::Native,
        serve_sizes: vec![8],
        confirm: true,
        epochs: 10,
        ..RunContext::default()
    };
    let controller = Controller::new((*spec.stop).clone(), context);
    let mut dispatcher = Dispatcher::new(spec, controller, 0);
    let mut events: Vec<_> = said().into_iter().take(3).collect();
    events.extend([epoch(1), epoch(2)]);
    events.extend(more);
    let (mut done, mut last_ns) = (Vec::new(), 0);
    for (seq, event) in (0..).zip(events) {
        let t_ns = seq * S;
        last_ns = t_ns;
        let input = message_at(seq, t_ns, event);
        done.extend(dispatcher.handle(input, t_ns));
    }
    for input in [Input::StreamEnded, Input::StreamEnded, Input::Exited(Exit::Code(0))] {
        done.extend(dispatcher.handle(input, last_ns));
    }
    done.retain(|action| !matches!(action, Action::Emit(_)));
    (dispatcher, done)
}

#[test]
fn a_trained_model_is_confirmed_before_the_run_is_over() {
    let phase = |phase| WorkerEvent::Phase { phase };
    let last = WorkerEvent::Finished(Finished {
        stopped: true,
        epochs: 2,
        test_loss: None,
        test_accuracy: Some(Num(0.9)),
        test_samples: None,
        usage: Usage::default(),
    });
    let again = Phase::Confirm(8);
    let (dispatcher, done) = confirm(vec![phase(again), phase(Phase::Test), last]);
    let [Action::Send(Command::Stop { reason, confirm: true, test: true }), Action::Finish] =
        &done[..]
    else {
        panic!("{done:?}");
    };
    assert_eq!(reason, "trained");
    let record = dispatcher.record("");
    assert_eq!((record.status, record.stop.reason), (RunStatus::Stopped, StopReason::Trained));
    assert!(record.trained && record.trained_to_the_end());
    // Records from before it was kept are those of runs that did not come so far.
    let text = serde_json::to_string(&record).unwrap();
    let old = text.replace(",\"trained\":true", "");
    let old: RunRecord = serde_json::from_str(&old).unwrap();
    assert!(!old.trained && old.trained_to_the_end());
    for (mut record, says) in [(record, true), (old, false)] {
        record.stop.reason = StopReason::Infeasible;
        assert_eq!(record.trained_to_the_end(), says);
    }
}

#[test]
fn a_worker_that_goes_on_training_when_it_is_trained_is_ended() {
    let steps = (5..12).map(|seq| steps_of(Phase::Train, seq * S - 1_000_000, None));
    let (dispatcher, done) = confirm(steps.collect());
    assert!(
        matches!(
            &done[..],
            [Action::Send(Command::Stop { confirm: true, .. }), Action::Terminate, ..]
        ),
        "{done:?}"
    );
    let record = dispatcher.record("");
    assert_eq!(record.failure.unwrap().kind, FailureKind::Hung);
}

#[test]
fn a_process_that_cannot_be_killed_is_left_behind() {
    let inputs = vec![(Input::Tick, 61), (Input::Tick, 66), (Input::Tick, 71)];
    let (dispatcher, done) = play(said().into_iter().take(1).collect(), inputs);
    assert_eq!(done, [Action::Terminate, Action::Kill, Action::Finish]);
    let record = dispatcher.record("");
    assert!(record.warnings.iter().any(|w| w.contains("still there")), "{:?}", record.warnings);
}

/// A run of at most 10 s; its worker says these over and over, one a second, from second 2 on.
fn chatter(events: &[WorkerEvent], max_run_time_s: Option<f64>) -> (Dispatcher, Vec<Action>) {
    let mut spec = spec();
    Arc::make_mut(&mut spec.stop).max_run_time_s = max_run_time_s;
    let mut dispatcher = with_work(spec);
    let mut done = Vec::new();
    let first = said().into_iter().take(2);
    let rest = events.iter().cloned().cycle();
    for (seq, event) in (0..1000).zip(first.chain(rest)) {
        let event = match event {
            WorkerEvent::Steps(batch) => steps_of(batch.phase, seq * S - 1_000_000, None),
            event => event,
        };
        let input = Input::Message(Envelope { seq, t_ns: seq * S, event });
        done.extend(dispatcher.handle(input, seq * S));
        if done.contains(&Action::Terminate) {
            for (input, _) in ended(Exit::Signal(15), 0) {
                done.extend(dispatcher.handle(input, seq * S));
            }
            break;
        }
    }
    done.retain(|action| !matches!(action, Action::Emit(_)));
    (dispatcher, done)
}

#[test]
fn whatever_a_worker_says_its_time_limit_holds() {
    let metric = || WorkerEvent::Metric { name: "mine".into(), value: Num(1.0), samples: None };
    let phase = |phase| WorkerEvent::Phase { phase };
    let tests = || [phase(Phase::Test), steps_of(Phase::Test, 0, None)];
    for (events, ends_s, says) in [
        (vec![metric()], 70, "sends messages, but has done none of its work for 60 s"),
        (vec![phase(Phase::Validate)], 70, "sends messages"),
        (vec![phase(Phase::Train), metric()], 70, "sends messages"),
        (vec![steps(None)], 16, "was still working 5 s"),
        (tests().to_vec(), 610, "had not ended 600 s after its time limit"),
        (vec![phase(Phase::Test), metric()], 610, "had not ended 600 s after its time limit"),
    ] {
        let (dispatcher, done) = chatter(&events, Some(10.0));
        assert!(done.contains(&Action::Terminate), "{events:?}");
        let record = dispatcher.record("");
        let failure = record.failure.unwrap();
        assert_eq!(failure.kind, FailureKind::Hung);
        assert!(failure.message.contains(says), "{}", failure.message);
        assert!((record.wall_s - f64::from(ends_s)).abs() < 2.0, "{events:?}: {}", record.wall_s);
        // Without a limit nothing is asked of it.
        assert_eq!(chatter(&events, None).1, []);
    }
}

#[test]
fn a_worker_that_stays_in_a_phase_it_was_told_to_leave_is_ended() {
    let serve = |start_ns| steps_of(Phase::Serve(8), start_ns, None);
    let metric = || WorkerEvent::Metric { name: "mine".into(), value: Num(1.0), samples: None };
    for (talks, says) in [(false, "was still working"), (true, "sends messages, but has done none")]
    {
        let mut spec = spec();
        spec.stop = Arc::new(StopPolicy { max_time_s: 3.0, ..StopPolicy::default() });
        let mut dispatcher = with_work(spec);
        let phase = WorkerEvent::Phase { phase: Phase::Serve(8) };
        let first = [said().remove(0), phase];
        let mut done = Vec::new();
        for (seq, event) in (0..80).zip(first.into_iter().map(Some).chain(std::iter::repeat(None)))
        {
            let last = || if talks { metric() } else { serve(seq * S - 1_000_000) };
            let event = event.unwrap_or_else(last);
            done.extend(
                dispatcher.handle(Input::Message(Envelope { seq, t_ns: seq * S, event }), seq * S),
            );
        }
        let told = Action::Send(Command::Advance { phase: Phase::Serve(8) });
        assert!(done.contains(&told) && done.contains(&Action::Terminate), "{talks}");
        let record = dispatcher.record("");
        assert!(record.failure.unwrap().message.contains(says));
    }
}

#[test]
fn a_test_that_takes_its_time_is_waited_for_and_its_last_word_begins_the_grace_period() {
    let mut dispatcher = with_work(spec());
    let mut events: Vec<_> = said().into_iter().take(2).collect();
    events.push(steps(Some(f64::NAN)));
    events.push(WorkerEvent::Phase { phase: Phase::Test });
    let mut done = Vec::new();
    for (seq, event) in (0..).zip(events) {
        done.extend(dispatcher.handle(message_at(seq, seq * S, event), seq * S));
    }
    done.extend(wait(&mut dispatcher, 40 * S));
    let last = Input::Message(Envelope { seq: 4, t_ns: 40 * S, event: finished(true) });
    done.extend(dispatcher.handle(last, 40 * S));
    done.extend(wait(&mut dispatcher, 44 * S));
    assert!(!done.contains(&Action::Terminate), "{done:?}");
    done.extend(wait(&mut dispatcher, 47 * S));
    assert!(done.contains(&Action::Terminate), "{done:?}");
}

#[test]
fn time_in_which_perftune_was_stopped_is_no_silence() {
    let mut dispatcher = dispatcher();
    for (seq, event) in (0..).zip(said().into_iter().take(2)) {
        let _ = dispatcher.handle(Input::Message(Envelope { seq, t_ns: seq * S, event }), seq * S);
    }
    let mut done = wait(&mut dispatcher, 50 * S);
    // An hour later; what the worker says now waits in its pipe.
    done.extend(dispatcher.handle(Input::Tick, 3650 * S));
    done.extend(wait(&mut dispatcher, 3659 * S));
    assert!(!done.contains(&Action::Terminate));
    done.extend(wait(&mut dispatcher, 3664 * S));
    assert!(done.contains(&Action::Terminate));
}

/// At a price of one a second it costs as many as the seconds that the table tells.
#[test]
fn a_run_costs_the_wall_time_that_its_record_has() {
    let mut dispatcher = dispatcher();
    for (seq, event) in (0..).zip(said()) {
        let _ = dispatcher.handle(message_at(seq, (1 + seq) * S, event), (1 + seq) * S);
    }
    for input in [Input::Exited(Exit::Code(0)), Input::StreamEnded, Input::StreamEnded] {
        let _ = dispatcher.handle(input, 9 * S);
    }
    let record = dispatcher.record("");
    let row = record.metric("run", "cost.run").unwrap();
    assert_eq!((record.wall_s, row.estimate), (9.0, Some(9.0)));
}
