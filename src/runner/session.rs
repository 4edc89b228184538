//! The grammar of one worker's stream, checked message by message:
//!
//! ```text
//! hello (phase | steps | epoch | metric | max_rate)* (finished | failed) EOF
//! ```
//!
//! `seq` counts from 0 without gaps, epochs count from 1, steps belong to the phase that was announced last, phases are those
//! that the job asks for and come in their order (`course`), and a model is confirmed only after an epoch.

mod exit;
mod violation;

use std::collections::BTreeMap;

use super::course::Course;
use crate::event::{
    Envelope, Failure, FailureKind, Finished, FoundRate, JobSpec, Num, PROTOCOL_VERSION, Phase,
    StepBatch, WorkerEvent, WorkerFailure,
};

pub use self::exit::{Exit, describe};
pub use self::violation::Violation;

#[derive(Debug, Clone, PartialEq)]
enum State {
    AwaitHello,
    Working,
    Finished(Finished),
    Failed(WorkerFailure),
}

/// One worker's stream so far.
#[derive(Debug, Clone, PartialEq)]
pub struct Session {
    course: Course,
    state: State,
    next_seq: u64,
    t_ns: u64,
    phase: Option<Phase>,
    epochs: u32,
    facts: BTreeMap<String, String>,
}

impl Session {
    /// Of a worker that was given this job.
    pub fn new(job: &JobSpec) -> Self {
        Self {
            course: Course::of(job),
            state: State::AwaitHello,
            next_seq: 0,
            t_ns: 0,
            phase: None,
            epochs: 0,
            facts: BTreeMap::new(),
        }
    }

    /// Takes the next message.
    pub fn accept(&mut self, envelope: &Envelope) -> Result<(), Violation> {
        if envelope.seq != self.next_seq {
            return Err(Violation::Sequence {
                found: envelope.seq,
                expected: self.next_seq,
            });
        }
        self.next_seq += 1;
        if envelope.t_ns < self.t_ns {
            let (found, before) = (envelope.t_ns, self.t_ns);
            return Err(Violation::Time { found, before });
        }
        self.t_ns = envelope.t_ns;
        let found = type_of(&envelope.event);
        match (&self.state, &envelope.event) {
            (State::AwaitHello, WorkerEvent::Hello(hello)) => {
                if hello.protocol != PROTOCOL_VERSION {
                    return Err(Violation::Version {
                        found: hello.protocol,
                    });
                }
                self.facts.clone_from(&hello.facts);
                self.facts.insert("worker".to_owned(), hello.worker.clone());
                self.state = State::Working;
                Ok(())
            }
            // A worker that cannot even begin may say so at once.
            (State::AwaitHello | State::Working, WorkerEvent::Failed(failure)) => {
                self.state = State::Failed(failure.clone());
                Ok(())
            }
            (State::AwaitHello, _) => Err(Violation::Order {
                found,
                expected: "`hello`",
            }),
            (State::Working, event) => self.work(event, envelope.t_ns),
            (State::Finished(_) | State::Failed(_), _) => Err(Violation::Order {
                found,
                expected: "the end of the stream",
            }),
        }
    }

    fn work(&mut self, event: &WorkerEvent, t_ns: u64) -> Result<(), Violation> {
        match event {
            WorkerEvent::Phase { phase } => {
                self.course.check(self.phase, *phase)?;
                if matches!(phase, Phase::Confirm(_)) && self.epochs == 0 {
                    return Err(Violation::Untrained { found: *phase });
                }
                self.phase = Some(*phase);
            }
            WorkerEvent::Steps(batch) => {
                if Some(batch.phase) != self.phase {
                    let current = self.phase.map_or("no phase".to_owned(), |p| p.to_string());
                    return Err(Violation::Phase {
                        found: batch.phase,
                        current,
                    });
                }
                if batch.end_ns() > t_ns {
                    return Err(Violation::Future {
                        ahead_ns: batch.end_ns() - t_ns,
                    });
                }
                if batch.items == 0 || batch.dur_ns.is_empty() {
                    return Err(Violation::EmptySteps {
                        steps: batch.dur_ns.len(),
                        items: batch.items,
                    });
                }
                check_times(batch)?;
            }
            WorkerEvent::MaxRate(found) => check_rate(self.phase, found)?,
            WorkerEvent::Epoch(report) => {
                check_accuracy(report.validation_accuracy)?;
                if report.epoch != self.epochs + 1 {
                    return Err(Violation::Epoch {
                        found: report.epoch,
                        expected: self.epochs + 1,
                    });
                }
                self.epochs = report.epoch;
            }
            WorkerEvent::Metric { .. } => {}
            WorkerEvent::Finished(finished) => {
                check_accuracy(finished.test_accuracy)?;
                if finished.epochs != self.epochs {
                    let (found, expected) = (finished.epochs, self.epochs);
                    return Err(Violation::Epoch { found, expected });
                }
                self.state = State::Finished(finished.clone());
            }
            WorkerEvent::Hello(_) | WorkerEvent::Failed(_) => {
                return Err(Violation::Order {
                    found: "hello",
                    expected: "work",
                });
            }
        }
        Ok(())
    }

    /// The phase announced last.
    pub fn phase(&self) -> Option<Phase> {
        self.phase
    }

    /// Epochs reported so far.
    pub fn epochs(&self) -> u32 {
        self.epochs
    }

    /// What the worker said of its environment.
    pub fn facts(&self) -> &BTreeMap<String, String> {
        &self.facts
    }

    /// The last message, if it was `finished`.
    pub fn finished(&self) -> Option<&Finished> {
        match &self.state {
            State::Finished(finished) => Some(finished),
            _ => None,
        }
    }

    /// Whether the worker has said its last word.
    pub fn is_over(&self) -> bool {
        matches!(self.state, State::Finished(_) | State::Failed(_))
    }

    /// What the process's end means after this stream: nothing bad (`None`), or why the run failed.
    pub fn judge(&self, exit: Exit, stderr_tail: &str) -> Option<Failure> {
        let (kind, message) = match (&self.state, exit) {
            (State::Finished(_), Exit::Code(0)) => return None,
            (State::Failed(failure), _) => (
                FailureKind::Reported,
                format!("{}: {}", failure.kind, failure.message),
            ),
            (State::Finished(_), _) => {
                let how = describe(exit);
                (
                    FailureKind::Crashed,
                    format!("the worker had finished its work, then {how}"),
                )
            }
            (_, Exit::Signal(9)) => (
                FailureKind::Killed,
                "the worker was killed (SIGKILL); where nobody did it by hand, this is how the \
                 system ends a process that needs more memory than there is"
                    .to_owned(),
            ),
            (_, Exit::Signal(_)) => (
                FailureKind::Killed,
                format!("the worker {}", describe(exit)),
            ),
            (_, Exit::Code(_)) => (
                FailureKind::Crashed,
                format!(
                    "the worker {} without saying that it had finished",
                    describe(exit)
                ),
            ),
        };
        Some(self.failure(kind, message, Some(exit), stderr_tail))
    }

    /// A failure at this point of the stream.
    pub fn failure(
        &self,
        kind: FailureKind,
        message: String,
        exit: Option<Exit>,
        stderr_tail: &str,
    ) -> Failure {
        Failure {
            kind,
            message,
            phase: self.phase.map(|phase| phase.to_string()),
            exit_code: exit.and_then(|exit| match exit {
                Exit::Code(code) => Some(code),
                Exit::Signal(_) => None,
            }),
            signal: exit.and_then(|exit| match exit {
                Exit::Signal(signal) => Some(signal),
                Exit::Code(_) => None,
            }),
            stderr_tail: stderr_tail.to_owned(),
        }
    }
}

fn check_accuracy(accuracy: Option<Num>) -> Result<(), Violation> {
    match accuracy {
        Some(Num(share)) if !(0.0..=1.0).contains(&share) => Err(Violation::Accuracy {
            found: share.to_string(),
        }),
        _ => Ok(()),
    }
}

fn check_times(batch: &StepBatch) -> Result<(), Violation> {
    let steps = batch.dur_ns.len();
    for (what, list) in [("wait_ns", &batch.wait_ns), ("gap_ns", &batch.gap_ns)] {
        let found = list.len();
        if found != 0 && found != steps {
            return Err(Violation::Times { what, found, steps });
        }
    }
    Ok(())
}

fn check_rate(phase: Option<Phase>, found: &FoundRate) -> Result<(), Violation> {
    let wrong = |what| Err(Violation::Rate { what });
    if !matches!(phase, Some(Phase::Probe(_))) {
        return wrong("outside of a phase `probe[N]`");
    }
    let rates = [found.low, found.rate_per_s, found.high];
    let given: Vec<f64> = rates.iter().flatten().map(|rate| rate.0).collect();
    if given.iter().any(|rate| !rate.is_finite() || *rate < 0.0) {
        return wrong("that is not a number of at least 0");
    }
    if !given.is_sorted() {
        return wrong("outside of its own interval");
    }
    Ok(())
}

fn type_of(event: &WorkerEvent) -> &'static str {
    match event {
        WorkerEvent::Hello(_) => "hello",
        WorkerEvent::Phase { .. } => "phase",
        WorkerEvent::Steps(_) => "steps",
        WorkerEvent::Epoch(_) => "epoch",
        WorkerEvent::Metric { .. } => "metric",
        WorkerEvent::MaxRate(_) => "max_rate",
        WorkerEvent::Finished(_) => "finished",
        WorkerEvent::Failed(_) => "failed",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{
        Allocator, EpochReport, Hello, MaxRate, ModelSpec, Optimizer, Pattern, ServeSpec,
        TrainSpec, Usage,
    };

    /// Requests of one and eight samples, the highest rate of each, training, and requests once more.
    fn job() -> JobSpec {
        JobSpec {
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
            train: TrainSpec {
                epochs: 3,
                batch_size: 64,
                optimizer: Optimizer::Adam,
                learning_rate: 1e-3,
                weight_decay: 0.0,
                validation_share: 0.1,
                warmup_steps: 0,
            },
            serve: Some(ServeSpec {
                batch_sizes: vec![1, 8],
                warmup_requests: 0,
                max_time_s: 1.0,
                confirm: true,
                pattern: Pattern::Server {
                    rate_per_s: Some(100.0),
                },
                max_requests: None,
                find_max_rate: Some(MaxRate {
                    percentile: 0.99,
                    limit_s: 0.01,
                }),
            }),
            options: serde_json::Value::Null,
        }
    }

    fn hello() -> WorkerEvent {
        WorkerEvent::Hello(Hello {
            protocol: PROTOCOL_VERSION,
            worker: "w".into(),
            ..Hello::default()
        })
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

    fn play(events: Vec<WorkerEvent>) -> (Session, Result<(), Violation>) {
        play_of(&job(), events)
    }

    fn play_of(job: &JobSpec, events: Vec<WorkerEvent>) -> (Session, Result<(), Violation>) {
        let mut session = Session::new(job);
        for (seq, event) in (0..).zip(events) {
            if let Err(violation) = session.accept(&Envelope {
                seq,
                t_ns: 10,
                event,
            }) {
                return (session, Err(violation));
            }
        }
        (session, Ok(()))
    }

    #[test]
    fn the_grammar() {
        let train = || vec![hello(), phase(Phase::Train)];
        let with = |more: Vec<WorkerEvent>| train().into_iter().chain(more).collect::<Vec<_>>();
        let table: Vec<(Vec<WorkerEvent>, Option<&str>, &str)> = vec![
            (
                with(vec![steps(Phase::Train), epoch(1), finished(1)]),
                None,
                "a whole run",
            ),
            (
                vec![phase(Phase::Load)],
                Some("`phase` where `hello`"),
                "no greeting",
            ),
            (
                vec![hello(), hello()],
                Some("`hello` where work"),
                "two greetings",
            ),
            (
                vec![hello(), steps(Phase::Train)],
                Some("during no phase"),
                "steps without a phase",
            ),
            (
                with(vec![steps(Phase::Test)]),
                Some("steps of phase test during train"),
                "wrong phase",
            ),
            (
                with(vec![finished(3)]),
                Some("epoch 3 where 0"),
                "epochs that nobody heard of",
            ),
            (
                with(vec![epoch(2)]),
                Some("epoch 2 where 1"),
                "an epoch is missing",
            ),
            (
                with(vec![finished(0), epoch(1)]),
                Some("`epoch` where the end"),
                "after the end",
            ),
        ];
        for (events, expected, sentence) in table {
            let (_, result) = play(events);
            match (result, expected) {
                (Ok(()), None) => {}
                (Err(violation), Some(text)) => {
                    assert!(
                        violation.to_string().contains(text),
                        "{sentence}: {violation}"
                    );
                }
                (result, _) => panic!("{sentence}: {result:?}"),
            }
        }
    }

    #[test]
    fn steps_lie_before_the_message_that_tells_of_them() {
        let (_, result) = play(vec![hello(), phase(Phase::Train), late_steps()]);
        let said = result.unwrap_err().to_string();
        assert!(
            said.starts_with("steps end 1 ns after the message"),
            "{said}"
        );
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
            (
                whole,
                vec![confirm, Phase::Train],
                Some("phase train after confirm[8]"),
            ),
            (
                whole,
                vec![Phase::Test, serve],
                Some("phase serve[1] after test"),
            ),
            (whole, vec![serve], Some("phase serve[1] after train")),
            (
                whole,
                vec![Phase::Confirm(2)],
                Some("phase confirm[2], which the job does not ask for"),
            ),
            (
                |job| job.serve.as_mut().unwrap().confirm = false,
                vec![confirm],
                Some("phase confirm[8], which the job does not ask for"),
            ),
            (
                |job| job.serve = None,
                vec![confirm],
                Some("does not ask for"),
            ),
        ] {
            let mut job = job();
            edit(&mut job);
            let events = trained()
                .into_iter()
                .chain(next.iter().map(|next| phase(*next)));
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
        let mut session = Session::new(&job());
        let at = |seq, t_ns, event| Envelope { seq, t_ns, event };
        session.accept(&at(0, 9, hello())).unwrap();
        let found = session.accept(&at(1, 8, phase(Phase::Train)));
        assert_eq!(
            found,
            Err(Violation::Time {
                found: 8,
                before: 9
            })
        );
        let mut report = EpochReport {
            epoch: 1,
            samples: 1,
            train_loss: Num(f64::NAN),
            validation_loss: None,
            validation_accuracy: Some(Num(2.5)),
        };
        let (_, result) = play(vec![hello(), WorkerEvent::Epoch(report.clone())]);
        assert_eq!(
            result.unwrap_err().to_string(),
            "an accuracy of 2.5, which is not in 0..1"
        );
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
            (
                probe,
                [Some(96.0), Some(95.0), None],
                Some("its own interval"),
            ),
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
        let mut session = Session::new(&job());
        let late = Envelope {
            seq: 1,
            t_ns: 0,
            event: hello(),
        };
        assert_eq!(
            session.accept(&late),
            Err(Violation::Sequence {
                found: 1,
                expected: 0
            })
        );
        let foreign = WorkerEvent::Hello(Hello {
            protocol: 99,
            ..Hello::default()
        });
        let (_, result) = play(vec![foreign]);
        assert_eq!(result, Err(Violation::Version { found: 99 }));
    }

    #[test]
    fn what_an_exit_means_depends_on_what_was_said() {
        let failed = WorkerEvent::Failed(WorkerFailure {
            kind: "data".into(),
            message: "row 3".into(),
        });
        let table = [
            (vec![hello(), finished(0)], Exit::Code(0), None),
            (
                vec![hello(), finished(0)],
                Exit::Code(1),
                Some((FailureKind::Crashed, "had finished")),
            ),
            (
                vec![hello()],
                Exit::Code(0),
                Some((FailureKind::Crashed, "exited with code 0 without")),
            ),
            (
                vec![hello()],
                Exit::Signal(9),
                Some((FailureKind::Killed, "more memory")),
            ),
            (
                vec![hello()],
                Exit::Signal(11),
                Some((FailureKind::Killed, "SIGSEGV")),
            ),
            (
                vec![failed],
                Exit::Code(1),
                Some((FailureKind::Reported, "data: row 3")),
            ),
        ];
        for (events, exit, expected) in table {
            let (session, result) = play(events);
            assert_eq!(result, Ok(()));
            let failure = session.judge(exit, "tail");
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
}
