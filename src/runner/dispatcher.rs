//! What to do about each thing that happens in a run. Pure: inputs and the time go in, actions come out.
//!
//! A run ends when its worker's process has ended and its stream is at its end. Everything before that is asking:
//! `stop` on standard input, then SIGTERM to the process group, then SIGKILL, each after a grace period. A worker that
//! has been asked to stop and evaluates its test data is not hurried; one that goes on training is.

use crate::control::{Controller, Verdict};
use crate::event::{
    Command, Envelope, Failure, FailureKind, Phase, RunEventKind, RunRecord, RunStatus, Stage,
    StopReason, StopRecord, WorkerEvent,
};

use super::RunSpec;
use super::action::{Action, Input};
use super::ending::{Cause, Ending, Force};
use super::session::{Exit, Session};
use super::shortage;

/// Progress is told at most this often, in nanoseconds.
const PROGRESS_NS: u64 = 200_000_000;

/// How long a stream may stay open after its process has ended: a detached grandchild may hold it.
const STREAM_GRACE_NS: u64 = 1_000_000_000;

/// One run's state.
pub struct Dispatcher {
    spec: RunSpec,
    controller: Controller,
    session: Session,
    started_ns: u64,
    heard_ns: u64,
    told_ns: u64,
    ending: Option<Ending>,
    /// Since when the worker knows that its training is over, though it has more to do.
    trained_ns: Option<u64>,
    exit: Option<(Exit, u64)>,
    streams_open: u8,
    over: bool,
    gave_up: bool,
    warnings: Vec<String>,
}

impl Dispatcher {
    /// A run whose worker has just been started.
    pub fn new(spec: RunSpec, controller: Controller, now_ns: u64) -> Self {
        Self {
            controller,
            session: Session::new(&spec.job),
            spec,
            started_ns: now_ns,
            heard_ns: now_ns,
            told_ns: now_ns,
            ending: None,
            trained_ns: None,
            exit: None,
            streams_open: 2,
            over: false,
            gave_up: false,
            warnings: Vec::new(),
        }
    }

    /// Takes one input.
    #[must_use = "what to do about it"]
    pub fn handle(&mut self, input: Input, now_ns: u64) -> Vec<Action> {
        let mut actions = Vec::new();
        let idle = input == Input::Tick;
        match input {
            Input::Message(envelope) => self.message(envelope, now_ns, &mut actions),
            Input::OutOfMemory(bytes) => {
                self.out_of_memory(bytes, Force::Killed, now_ns, &mut actions);
            }
            Input::Garbage(what) => self.fail(FailureKind::Protocol, what, now_ns, &mut actions),
            Input::Sample(sample) => {
                let verdict = self.controller.on_sample(&sample);
                actions.push(Action::Emit(RunEventKind::Sample(sample)));
                self.obey(verdict, now_ns, &mut actions);
            }
            Input::Stderr(line) => actions.push(Action::Emit(RunEventKind::Stderr(line))),
            Input::StreamEnded => self.streams_open = self.streams_open.saturating_sub(1),
            Input::Exited(exit) => self.exit = Some((exit, now_ns)),
            Input::Interrupt => self.interrupt(now_ns, &mut actions),
            Input::SinkFailed => {
                self.end(Cause::Cancelled, Force::Terminated, now_ns, &mut actions);
            }
            Input::Tick => {}
        }
        self.deadlines(now_ns, &mut actions);
        self.tell_progress(now_ns, &mut actions);
        self.finish(idle.then_some(now_ns), &mut actions);
        actions
    }

    /// When [`Input::Tick`] is due.
    pub fn next_deadline_ns(&self) -> u64 {
        let silence = self
            .heard_ns
            .saturating_add(self.spec.launch.hang_timeout_ns);
        if let Some((_, exited)) = self.exit {
            return exited.saturating_add(STREAM_GRACE_NS);
        }
        match &self.ending {
            Some(Ending {
                force: Force::Terminated | Force::Killed,
                since_ns,
                ..
            }) => since_ns.saturating_add(self.spec.launch.grace_ns),
            Some(Ending {
                force: Force::Asked,
                since_ns,
                ..
            }) if self.session.is_over() => since_ns.saturating_add(self.spec.launch.grace_ns),
            _ => silence,
        }
    }

    fn message(&mut self, envelope: Envelope, now_ns: u64, actions: &mut Vec<Action>) {
        self.heard_ns = now_ns;
        if let Err(violation) = self.session.accept(&envelope) {
            // What follows a broken message cannot be trusted either.
            let what = format!("the worker broke the protocol: {violation}");
            return self.fail(FailureKind::Protocol, what, now_ns, actions);
        }
        let verdict = self.controller.on_worker(&envelope);
        if let Some(bytes) = shortage::confessed(&self.spec.limits, &envelope.event) {
            self.out_of_memory(bytes, Force::Asked, now_ns, actions);
        }
        if self.is_hurried(&envelope.event, now_ns) {
            let grace = self.spec.launch.grace_ns as f64 / 1e9;
            let what = format!("the worker went on working {grace} s after it was asked to stop");
            self.fail(FailureKind::Hung, what, now_ns, actions);
        }
        actions.push(Action::Emit(RunEventKind::Worker(envelope)));
        if self.session.is_over() {
            self.end(Cause::Lingering, Force::Asked, now_ns, actions);
        } else {
            self.obey(verdict, now_ns, actions);
        }
    }

    /// Whether a worker that was asked to stop is still at what it was asked to leave.
    fn is_hurried(&self, event: &WorkerEvent, now_ns: u64) -> bool {
        let WorkerEvent::Steps(batch) = event else {
            return false;
        };
        let grace_ns = self.spec.launch.grace_ns;
        let late = |since_ns: u64| now_ns > since_ns.saturating_add(grace_ns);
        let trains = batch.phase.stage() == Stage::Train;
        let stopped = matches!(&self.ending, Some(Ending { force: Force::Asked, since_ns, .. })
            if batch.phase != Phase::Test && late(*since_ns));
        stopped || (trains && self.trained_ns.is_some_and(late))
    }

    /// Ends a run that does not fit. That is an answer, and outranks what the controller says.
    fn out_of_memory(&mut self, bytes: u64, force: Force, now_ns: u64, actions: &mut Vec<Action>) {
        let Some(stop) = shortage::record(&self.spec.limits, bytes, self.session.phase()) else {
            return;
        };
        if !self
            .ending
            .as_ref()
            .is_some_and(|ending| ending.cause.is_final())
        {
            let what = format!("end, {}", stop.detail);
            actions.push(Action::Emit(RunEventKind::Asked { t_ns: now_ns, what }));
        }
        if let Some(ending) = &mut self.ending
            && matches!(ending.cause, Cause::Verdict(_) | Cause::Lingering)
        {
            ending.cause = Cause::Shortage(stop.clone());
        }
        self.end(Cause::Shortage(stop), force, now_ns, actions);
    }

    fn obey(&mut self, verdict: Verdict, now_ns: u64, actions: &mut Vec<Action>) {
        if self.ending.is_some() {
            return;
        }
        match verdict {
            Verdict::Continue => {}
            Verdict::Advance { phase, why } => {
                actions.push(Action::Send(Command::Advance { phase }));
                let what = format!("leave {phase}: {why}");
                actions.push(Action::Emit(RunEventKind::Asked { t_ns: now_ns, what }));
            }
            Verdict::Confirm(stop) => {
                ask_to_stop(&stop, true, now_ns, actions);
                self.trained_ns = Some(now_ns);
            }
            Verdict::Stop(stop) => {
                ask_to_stop(&stop, false, now_ns, actions);
                self.end(Cause::Verdict(stop), Force::Asked, now_ns, actions);
            }
        }
    }

    fn interrupt(&mut self, now_ns: u64, actions: &mut Vec<Action>) {
        let again = matches!(&self.ending, Some(ending)
            if ending.cause == Cause::Cancelled || ending.force > Force::Asked);
        let force = if again {
            Force::Killed
        } else {
            Force::Terminated
        };
        // The user's word replaces any earlier cause but a failure or a want of memory, which is what happened first, and
        // the end of the work, which is whole.
        if let Some(ending) = &mut self.ending
            && !ending.cause.is_final()
            && self.session.finished().is_none()
        {
            ending.cause = Cause::Cancelled;
        }
        self.end(Cause::Cancelled, force, now_ns, actions);
        if !again {
            let what = "interrupted: the worker is being ended; interrupt again to kill it at once";
            actions.push(Action::Emit(RunEventKind::Warning(what.to_owned())));
        }
    }

    fn fail(&mut self, kind: FailureKind, what: String, now_ns: u64, actions: &mut Vec<Action>) {
        if let Some(Ending {
            cause,
            force: Force::Asked,
            ..
        }) = &mut self.ending
            && !cause.is_final()
        {
            *cause = Cause::Failure(kind, what.clone());
        }
        self.end(
            Cause::Failure(kind, what),
            Force::Terminated,
            now_ns,
            actions,
        );
    }

    /// Applies at least this much force; the first cause stays.
    fn end(&mut self, cause: Cause, force: Force, now_ns: u64, actions: &mut Vec<Action>) {
        let before = self.ending.as_ref().map(|ending| ending.force);
        let ending = self.ending.get_or_insert(Ending {
            cause,
            force,
            since_ns: now_ns,
        });
        if before >= Some(force) {
            return;
        }
        ending.force = force;
        ending.since_ns = now_ns;
        match force {
            Force::Asked => {}
            Force::Terminated => actions.push(Action::Terminate),
            Force::Killed => actions.push(Action::Kill),
        }
    }

    fn deadlines(&mut self, now_ns: u64, actions: &mut Vec<Action>) {
        if self.exit.is_some() || now_ns < self.next_deadline_ns() {
            return;
        }
        let force = self.ending.as_ref().map(|ending| ending.force);
        match force {
            Some(Force::Killed) => self.give_up(now_ns),
            Some(Force::Terminated) => self.end(Cause::Cancelled, Force::Killed, now_ns, actions),
            Some(Force::Asked) if self.session.is_over() => {
                self.warnings.push(
                    "the worker did not leave after its last message and was terminated".to_owned(),
                );
                self.end(Cause::Lingering, Force::Terminated, now_ns, actions);
            }
            None | Some(Force::Asked) => {
                let silence = self.spec.launch.hang_timeout_ns as f64 / 1e9;
                let what = format!("the worker has been silent for {silence} s");
                self.fail(FailureKind::Hung, what, now_ns, actions);
            }
        }
    }

    /// A process that not even SIGKILL ends waits in the kernel; the grid need not wait with it.
    fn give_up(&mut self, now_ns: u64) {
        self.warnings
            .push("the worker did not end after SIGKILL; it was left behind".to_owned());
        self.gave_up = true;
        self.exit = Some((Exit::Signal(9), now_ns));
        self.streams_open = 0;
    }

    fn tell_progress(&mut self, now_ns: u64, actions: &mut Vec<Action>) {
        if self.ending.is_none() && now_ns.saturating_sub(self.told_ns) >= PROGRESS_NS {
            self.told_ns = now_ns;
            actions.push(Action::Emit(RunEventKind::Progress(
                self.controller.progress(),
            )));
        }
    }

    /// `idle_ns`: the time, if nothing waits to be handled; only then may an open stream be given up.
    fn finish(&mut self, idle_ns: Option<u64>, actions: &mut Vec<Action>) {
        let Some((_, exited)) = self.exit else { return };
        let patience = exited.saturating_add(STREAM_GRACE_NS);
        let done = self.streams_open == 0 || idle_ns.is_some_and(|now| now >= patience);
        if done && !self.over {
            self.over = true;
            actions.push(Action::Finish);
        }
    }

    /// Whether the process was left behind alive.
    pub fn gave_up(&self) -> bool {
        self.gave_up
    }

    /// The run's record, once it is over.
    pub fn record(&self, stderr_tail: &str) -> RunRecord {
        let (exit, exited_ns) = self.exit.unwrap_or((Exit::Signal(9), self.heard_ns));
        let (status, stop, failure) = self.outcome(exit, stderr_tail);
        let mut warnings = self.controller.warnings();
        warnings.extend(self.warnings.iter().cloned());
        let metrics = self.controller.rows(Some(&stop));
        let verdict = self.controller.feasibility(&metrics, &stop);
        RunRecord {
            run: self.spec.run.clone(),
            cell: self.spec.cell.clone(),
            repeat: self.spec.repeat,
            job: self.spec.job.clone(),
            status,
            wall_s: exited_ns.saturating_sub(self.started_ns) as f64 / 1e9,
            epochs: self.session.epochs(),
            trained: self.controller.was_trained(),
            metrics,
            stop,
            warnings,
            facts: self.session.facts().clone(),
            failure,
            verdict,
            limits: self.spec.limits.clone(),
            saved_s_at_least: self.controller.saved_s_at_least(),
            pairing: self.spec.pairing.clone(),
        }
    }

    fn outcome(&self, exit: Exit, stderr_tail: &str) -> (RunStatus, StopRecord, Option<Failure>) {
        let failed = |failure: Failure| {
            let detail = failure.message.clone();
            (
                RunStatus::Failed,
                StopRecord {
                    reason: StopReason::Failed,
                    detail,
                },
                Some(failure),
            )
        };
        let ending = self.ending.as_ref();
        match ending.map(|ending| (&ending.cause, ending.force)) {
            Some((Cause::Failure(kind, what), _)) => {
                return failed(
                    self.session
                        .failure(*kind, what.clone(), Some(exit), stderr_tail),
                );
            }
            Some((Cause::Cancelled, _)) => {
                let detail = "ended by the user".to_owned();
                let stop = StopRecord {
                    reason: StopReason::Cancelled,
                    detail,
                };
                return (RunStatus::Cancelled, stop, None);
            }
            Some((Cause::Shortage(stop), _)) => {
                return (RunStatus::Stopped, stop.clone(), None);
            }
            // It had said all that it had to say, and our own signal ended it.
            Some((Cause::Lingering | Cause::Verdict(_), force))
                if force > Force::Asked && self.session.finished().is_some() => {}
            _ => {
                if let Some(failure) = self.session.judge(exit, stderr_tail) {
                    return failed(failure);
                }
            }
        }
        let finished = self.session.finished();
        let early = finished.is_none_or(|finished| finished.stopped);
        let status = if early {
            RunStatus::Stopped
        } else {
            RunStatus::Completed
        };
        let stop = match (&self.ending, finished) {
            (
                Some(Ending {
                    cause: Cause::Verdict(stop),
                    ..
                }),
                _,
            ) => stop.clone(),
            (_, Some(finished)) => self.controller.natural_end(finished),
            (_, None) => StopRecord {
                reason: StopReason::Failed,
                detail: String::new(),
            },
        };
        (status, stop, None)
    }
}

/// `confirm`: only the training is over.
fn ask_to_stop(stop: &StopRecord, confirm: bool, now_ns: u64, actions: &mut Vec<Action>) {
    let reason = format!("{}: {}", stop.reason, stop.detail);
    let what = format!("{}, {reason}", if confirm { "leave train" } else { "stop" });
    actions.push(Action::Send(Command::Stop { reason, confirm }));
    actions.push(Action::Emit(RunEventKind::Asked { t_ns: now_ns, what }));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::policy::StopPolicy;
    use crate::control::{Constraint, Op, RunContext};
    use crate::event::{
        Allocator, EpochReport, Feasibility, Finished, Hello, JobSpec, Limits, MemoryGuard,
        ModelSpec, Num, Optimizer, PROTOCOL_VERSION, Pattern, ServeSpec, StepBatch, TrainSpec,
        Usage,
    };
    use crate::runner::Launch;

    const S: u64 = 1_000_000_000;

    fn spec() -> RunSpec {
        let train = TrainSpec {
            epochs: 1,
            batch_size: 64,
            optimizer: Optimizer::Adam,
            learning_rate: 1e-3,
            weight_decay: 0.0,
            validation_share: 0.1,
            warmup_steps: 0,
        };
        let job = JobSpec {
            protocol: PROTOCOL_VERSION,
            run: "r".into(),
            model: ModelSpec {
                name: "mlp".into(),
                depth: None,
                width: None,
            },
            dataset: "digits".into(),
            dataset_dir: "/nowhere".into(),
            seed: 1,
            threads: 1,
            device: "cpu".into(),
            flush_denormals: true,
            allocator: Allocator::Retain,
            train,
            serve: None,
            options: serde_json::Value::Null,
        };
        RunSpec {
            run: "r".into(),
            cell: "r".into(),
            repeat: 1,
            index: 0,
            job,
            stop: StopPolicy {
                enabled: false,
                ..StopPolicy::default()
            },
            launch: Launch {
                program: "worker".into(),
                args: Vec::new(),
                hang_timeout_ns: 60 * S,
                grace_ns: 5 * S,
            },
            limits: Limits::default(),
            group: None,
            usable_cores: 2.0,
            pairing: None,
        }
    }

    fn dispatcher() -> Dispatcher {
        of_spec(spec())
    }

    fn of_spec(spec: RunSpec) -> Dispatcher {
        let context = RunContext {
            serve_sizes: Vec::new(),
            confirm: false,
            probe_sizes: Vec::new(),
            pattern: crate::event::Pattern::default(),
            epochs: 1,
            usable_cores: 2.0,
            unsupported: [].into(),
            gpu_index: None,
            started_ns: 0,
        };
        let controller = Controller::new(spec.stop.clone(), context);
        Dispatcher::new(spec, controller, 0)
    }

    /// What the worker says in a whole run, up to the number of messages that a test wants.
    fn said() -> Vec<WorkerEvent> {
        vec![
            WorkerEvent::Hello(Hello {
                protocol: PROTOCOL_VERSION,
                ..Hello::default()
            }),
            WorkerEvent::Phase {
                phase: Phase::Train,
            },
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
        let (phase, dur_ns) = (Phase::Train, vec![1_000_000]);
        WorkerEvent::Steps(StepBatch {
            phase,
            items: 64,
            start_ns: 0,
            dur_ns,
            wait_ns: Vec::new(),
            gap_ns: Vec::new(),
            loss: loss.map(Num),
        })
    }

    fn finished(stopped: bool) -> WorkerEvent {
        let epochs = u32::from(!stopped);
        WorkerEvent::Finished(Finished {
            stopped,
            epochs,
            test_loss: None,
            test_accuracy: Some(Num(0.9)),
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
        let messages = (0..).zip(events).map(|(seq, event)| {
            (
                Input::Message(Envelope {
                    seq,
                    t_ns: seq * S,
                    event,
                }),
                seq * S,
            )
        });
        let mut actions = Vec::new();
        for (input, now) in messages.chain(inputs.into_iter().map(|(i, s)| (i, s * S))) {
            actions.extend(dispatcher.handle(input, now));
        }
        actions.retain(|action| !matches!(action, Action::Emit(_)));
        (dispatcher, actions)
    }

    fn ended(exit: Exit, at: u64) -> Vec<(Input, u64)> {
        vec![
            (Input::StreamEnded, at),
            (Input::StreamEnded, at),
            (Input::Exited(exit), at),
        ]
    }

    #[test]
    #[expect(clippy::too_many_lines, reason = "a table")]
    fn what_is_done_and_what_is_recorded() {
        use RunStatus::{Cancelled, Completed, Failed};
        let with = |mut first: Vec<(Input, u64)>, exit, at| {
            first.extend(ended(exit, at));
            first
        };
        let message = |seq, event| {
            Input::Message(Envelope {
                seq,
                t_ns: 99 * S,
                event,
            })
        };
        let table = [
            (
                "a whole run",
                5,
                ended(Exit::Code(0), 6),
                vec![Action::Finish],
                Completed,
                "epoch",
            ),
            (
                "a crash",
                2,
                ended(Exit::Code(7), 3),
                vec![Action::Finish],
                Failed,
                "exited with code 7",
            ),
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
                with(
                    vec![(Input::Tick, 61), (Input::Tick, 66)],
                    Exit::Signal(9),
                    67,
                ),
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
                "by the user",
            ),
            (
                "two of them",
                2,
                with(
                    vec![(Input::Interrupt, 3), (Input::Interrupt, 3)],
                    Exit::Signal(9),
                    4,
                ),
                vec![Action::Terminate, Action::Kill, Action::Finish],
                Cancelled,
                "by the user",
            ),
            (
                "nonsense",
                2,
                with(
                    vec![(Input::Garbage("what is this".into()), 3)],
                    Exit::Signal(15),
                    4,
                ),
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
            assert!(
                record.stop.detail.contains(detail),
                "{sentence}: {}",
                record.stop.detail
            );
        }
    }

    #[test]
    fn a_loss_that_is_no_number_stops_the_run_and_a_deaf_worker_is_ended() {
        let diverge = |more: Vec<(Input, u64)>| {
            let mut events: Vec<_> = said().into_iter().take(2).collect();
            events.push(steps(Some(f64::NAN)));
            play(events, more)
        };
        let message = |seq, event| {
            Input::Message(Envelope {
                seq,
                t_ns: 99 * S,
                event,
            })
        };
        let mut inputs = vec![(message(3, finished(true)), 3)];
        inputs.extend(ended(Exit::Code(0), 4));
        let (dispatcher, done) = diverge(inputs);
        assert!(
            matches!(
                &done[..],
                [Action::Send(Command::Stop { .. }), Action::Finish]
            ),
            "{done:?}"
        );
        let record = dispatcher.record("");
        assert_eq!(
            (record.status, record.stop.reason),
            (RunStatus::Stopped, StopReason::Diverged)
        );

        let mut inputs = vec![(message(3, steps(None)), 5), (message(4, steps(None)), 9)];
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
        spec.stop.constraints = vec![Constraint {
            metric: "train.throughput".to_owned(),
            op: Op::AtLeast,
            limit: 1.0,
        }];
        of_spec(spec)
    }

    #[test]
    fn a_run_that_needs_too_much_memory_is_killed_and_an_answer() {
        let beyond = || Input::OutOfMemory(600 << 20);
        let says = "out of memory at 600 MiB (limit 512 MiB, watched), in train";
        let table = [
            // The watch fires again until the worker is gone; its process is killed once.
            (3, vec![(beyond(), 3), (beyond(), 3)], vec![Action::Kill]),
            // The kernel was quicker.
            (3, vec![(beyond(), 3)], vec![Action::Kill]),
            // It does not hide that it did not fit that it says its last word meanwhile.
            (5, vec![(beyond(), 5)], vec![Action::Kill]),
            // The user's word comes too late.
            (
                3,
                vec![(beyond(), 3), (Input::Interrupt, 3)],
                vec![Action::Kill],
            ),
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
            assert_eq!(record.stop.detail, says);
            assert_eq!(record.failure, None);
            assert_eq!(record.limits.memory_bytes, Some(512 << 20));
            let verdict = record.verdict.unwrap();
            assert_eq!(verdict.verdict, Feasibility::Infeasible);
            assert_eq!(verdict.reason, says);
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
        assert!(record.stop.detail.contains("at 513 MiB"), "{record:?}");
    }

    /// A worker whose accuracy does not improve, told so after its second epoch; then each event a second later.
    fn confirm(more: Vec<WorkerEvent>) -> (Dispatcher, Vec<Action>) {
        let epoch = |epoch| {
            WorkerEvent::Epoch(EpochReport {
                epoch,
                samples: 64,
                train_loss: Num(0.5),
                validation_loss: None,
                validation_accuracy: Some(Num(0.9)),
            })
        };
        let mut spec = spec();
        spec.stop = StopPolicy {
            metrics: vec!["validation_accuracy".to_owned()],
            patience: 1,
            ..StopPolicy::default()
        };
        spec.job.train.epochs = 10;
        spec.job.serve = Some(ServeSpec {
            batch_sizes: vec![8],
            warmup_requests: 0,
            max_time_s: 1.0,
            confirm: true,
            pattern: Pattern::SingleStream,
            max_requests: None,
            find_max_rate: None,
        });
        let context = RunContext {
            serve_sizes: vec![8],
            confirm: true,
            epochs: 10,
            ..RunContext::default()
        };
        let controller = Controller::new(spec.stop.clone(), context);
        let mut dispatcher = Dispatcher::new(spec, controller, 0);
        let mut events: Vec<_> = said().into_iter().take(3).collect();
        events.extend([epoch(1), epoch(2)]);
        events.extend(more);
        let (mut done, mut last_ns) = (Vec::new(), 0);
        for (seq, event) in (0..).zip(events) {
            let t_ns = seq * S;
            last_ns = t_ns;
            let input = Input::Message(Envelope { seq, t_ns, event });
            done.extend(dispatcher.handle(input, t_ns));
        }
        for input in [
            Input::StreamEnded,
            Input::StreamEnded,
            Input::Exited(Exit::Code(0)),
        ] {
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
            usage: Usage::default(),
        });
        let again = Phase::Confirm(8);
        let (dispatcher, done) = confirm(vec![phase(again), phase(Phase::Test), last]);
        let [
            Action::Send(Command::Stop {
                reason,
                confirm: true,
            }),
            Action::Finish,
        ] = &done[..]
        else {
            panic!("{done:?}");
        };
        assert!(
            reason.starts_with("trained: validation accuracy"),
            "{reason}"
        );
        let record = dispatcher.record("");
        assert_eq!(
            (record.status, record.stop.reason),
            (RunStatus::Stopped, StopReason::Trained)
        );
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
        let (dispatcher, done) = confirm(vec![steps(None); 7]);
        assert!(
            matches!(
                &done[..],
                [
                    Action::Send(Command::Stop { confirm: true, .. }),
                    Action::Terminate,
                    ..
                ]
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
        assert!(
            record.warnings.iter().any(|w| w.contains("left behind")),
            "{:?}",
            record.warnings
        );
    }
}
