//! The grammar of one worker's stream, checked message by message:
//!
//! ```text
//! hello (phase | steps | epoch | metric | max_rate)* (finished | failed) EOF
//! ```
//!
//! What is said within it is held against the clock, the machine and the job (`held`). `seq` counts from 0 without gaps, epochs count from 1, steps belong to the phase that was announced last, phases are those
//! that the job asks for and come in their order (`phase_order`), and a model is confirmed only after an epoch.

mod exit;
mod held;
mod seen;
pub(super) mod violation;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use self::held::{Held, accuracy};
use super::phase_order::PhaseOrder;
use crate::event::bounds::{TEXT, cut};
use crate::event::{
    Envelope, Failure, FailureKind, Finished, FoundRate, JobSpec, MOST_FIGURES, PROTOCOL_VERSION,
    Phase, ResourceSample, StepBatch, Usage, WorkerEvent, WorkerFailure, is_own_name,
};
use crate::metric::find;

pub use self::exit::{Exit, describe};
pub use self::held::Witness;
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
pub struct WorkerStream {
    phase_order: PhaseOrder,
    /// Whether it is a command, which says nothing of its end.
    command: bool,
    held: Held,
    state: State,
    next_seq: u64,
    t_ns: u64,
    phase: Option<Phase>,
    epochs: u32,
    facts: BTreeMap<String, String>,
    /// The names of its own figures.
    named: Arc<BTreeSet<String>>,
}

impl WorkerStream {
    /// Of a worker that was given this job; `witness`: what is known of it otherwise.
    pub fn new(job: &JobSpec, witness: Witness) -> Self {
        Self {
            phase_order: PhaseOrder::of(job),
            command: job.work.is_command(),
            held: Held::new(job, witness),
            state: State::AwaitHello,
            next_seq: 0,
            t_ns: 0,
            phase: None,
            epochs: 0,
            facts: BTreeMap::new(),
            named: Arc::default(),
        }
    }

    /// From now on it may say that it was stopped.
    pub fn ask_to_stop(&mut self) {
        self.held.ask_to_stop();
    }

    /// Takes a reading of the worker's tree.
    pub fn sample(&mut self, sample: &ResourceSample) {
        self.held.sample(sample, self.state == State::Working);
    }

    /// Takes what the kernel has counted of the process `pid` that was started and has ended; an error where the worker's
    /// last word does not agree with it.
    pub fn counted(&mut self, pid: u32, usage: Usage) -> Result<(), Violation> {
        self.held.counted(pid, usage);
        match &self.state {
            State::Finished(finished) => self.held.used(finished),
            _ => Ok(()),
        }
    }

    /// Takes the next message, which came at `now_ns`.
    pub fn accept(&mut self, envelope: &Envelope, now_ns: u64) -> Result<(), Violation> {
        if envelope.seq != self.next_seq {
            return Err(Violation::Sequence { found: envelope.seq, expected: self.next_seq });
        }
        self.next_seq += 1;
        if envelope.t_ns < self.t_ns {
            let (found, before) = (envelope.t_ns, self.t_ns);
            return Err(Violation::Time { found, before });
        }
        if !self.command {
            self.held.message(envelope.t_ns, now_ns)?;
        }
        self.t_ns = envelope.t_ns;
        let found = type_of(&envelope.event);
        match (&self.state, &envelope.event) {
            (State::AwaitHello, WorkerEvent::Hello(hello)) => {
                if hello.protocol != PROTOCOL_VERSION {
                    return Err(Violation::Version { found: hello.protocol });
                }
                self.facts.clone_from(&hello.facts);
                self.held.pid = hello.pid;
                self.facts.insert("worker".to_owned(), hello.worker.clone());
                self.state = State::Working;
                Ok(())
            }
            // A worker that cannot even begin may say so at once.
            (State::AwaitHello | State::Working, WorkerEvent::Failed(failure)) => {
                let [kind, message] = [&failure.kind, &failure.message].map(|text| cut(text, TEXT));
                self.state = State::Failed(WorkerFailure { kind, message });
                Ok(())
            }
            (State::AwaitHello, _) => Err(Violation::Order { found, expected: "`hello`" }),
            (State::Working, event) => self.work(event, envelope.t_ns, now_ns),
            (State::Finished(_) | State::Failed(_), _) => {
                Err(Violation::Order { found, expected: "the end of the stream" })
            }
        }
    }

    fn work(&mut self, event: &WorkerEvent, t_ns: u64, now_ns: u64) -> Result<(), Violation> {
        match event {
            WorkerEvent::Phase { phase } => {
                self.phase_order.check(self.phase, *phase)?;
                if matches!(phase, Phase::Confirm(_)) && self.epochs == 0 {
                    return Err(Violation::Untrained { found: *phase });
                }
                self.phase = Some(*phase);
                self.held.phase(*phase, t_ns);
            }
            WorkerEvent::Steps(batch) => self.steps(batch, t_ns)?,
            WorkerEvent::MaxRate(found) => check_rate(self.phase, found)?,
            WorkerEvent::Epoch(report) => {
                accuracy(report.validation_accuracy)?;
                if report.epoch != self.epochs + 1 {
                    let (found, expected) = (report.epoch, self.epochs + 1);
                    return Err(Violation::Epoch { found, expected });
                }
                if !self.command {
                    self.held.epoch(report, self.phase)?;
                }
                self.epochs = report.epoch;
            }
            WorkerEvent::Metric { name, value, .. } => {
                if find(name).is_some() && value.finite().is_none_or(|value| value < 0.0) {
                    return Err(Violation::Figure {
                        name: name.clone(),
                        value: value.0.to_string(),
                    });
                }
                self.figure(name, t_ns)?;
            }
            WorkerEvent::Unread { name, .. } => self.figure(name, t_ns)?,
            WorkerEvent::Finished(finished) => {
                accuracy(finished.test_accuracy)?;
                if finished.epochs != self.epochs {
                    let (found, expected) = (finished.epochs, self.epochs);
                    return Err(Violation::Epoch { found, expected });
                }
                if !self.command {
                    self.held.finished(finished, now_ns)?;
                }
                self.state = State::Finished(finished.clone());
            }
            WorkerEvent::Hello(_) | WorkerEvent::Failed(_) => {
                return Err(Violation::Order { found: "hello", expected: "work" });
            }
        }
        Ok(())
    }

    /// Steps, which lie in their phase and in the past.
    fn steps(&mut self, batch: &StepBatch, t_ns: u64) -> Result<(), Violation> {
        if Some(batch.phase) != self.phase {
            let current = self.phase.map_or("no phase".to_owned(), |p| p.to_string());
            return Err(Violation::Phase { found: batch.phase, current });
        }
        if batch.end_ns() > t_ns {
            return Err(Violation::Future { ahead_ns: batch.end_ns() - t_ns });
        }
        if batch.items == 0 || batch.dur_ns.is_empty() {
            return Err(Violation::EmptySteps { steps: batch.dur_ns.len(), items: batch.items });
        }
        check_times(batch)?;
        if !self.command {
            self.held.steps(batch)?;
        }
        Ok(())
    }

    /// A figure of its own: what perftune measures has a row already.
    fn figure(&mut self, name: &str, t_ns: u64) -> Result<(), Violation> {
        self.held.metric(t_ns)?;
        if !is_own_name(name) {
            return Err(Violation::Name);
        }
        if find(name).is_some_and(|metric| !metric.is_said_by_worker()) {
            return Err(Violation::Measured { name: name.to_owned() });
        }
        if !self.named.contains(name) {
            if self.named.len() == MOST_FIGURES {
                return Err(Violation::Figures);
            }
            Arc::make_mut(&mut self.named).insert(name.to_owned());
        }
        Ok(())
    }

    /// Whether anything was said of a figure of its own.
    pub fn has_said(&self, name: &str) -> bool {
        self.named.contains(name)
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
            (State::Finished(_), _) if self.command => {
                let kind = match exit {
                    Exit::Code(_) => FailureKind::Crashed,
                    Exit::Signal(_) => FailureKind::Killed,
                };
                (kind, format!("the command {}", describe(exit)))
            }
            (State::Failed(failure), _) => {
                (FailureKind::Reported, format!("{}: {}", failure.kind, failure.message))
            }
            (State::Finished(_), _) => {
                let how = describe(exit);
                (FailureKind::Crashed, format!("the worker had finished its work, then {how}"))
            }
            (_, Exit::Signal(9)) => (
                FailureKind::Killed,
                "the worker was killed (SIGKILL): by hand, or by the system for lack of memory"
                    .to_owned(),
            ),
            (_, Exit::Signal(_)) => (FailureKind::Killed, format!("the worker {}", describe(exit))),
            (_, Exit::Code(_)) => (
                FailureKind::Crashed,
                format!("the worker {} without saying that it had finished", describe(exit)),
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

fn check_times(batch: &StepBatch) -> Result<(), Violation> {
    let steps = batch.dur_ns.len();
    let lists =
        [("wait_ns", &batch.wait_ns), ("gap_ns", &batch.gap_ns), ("fetch_ns", &batch.fetch_ns)];
    for (what, list) in lists {
        let found = list.len();
        if found != 0 && found != steps {
            return Err(Violation::Times { what, found, steps });
        }
    }
    if batch.fetch_ns.iter().zip(&batch.dur_ns).any(|(fetch, whole)| fetch > whole) {
        return Err(Violation::Fetch);
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
        WorkerEvent::Unread { .. } => "unread",
        WorkerEvent::MaxRate(_) => "max_rate",
        WorkerEvent::Finished(_) => "finished",
        WorkerEvent::Failed(_) => "failed",
    }
}

#[cfg(test)]
mod tests;
