//! Carries out what the [`Dispatcher`] decides: owns the child, its threads, the sampler and the timers. No decisions.

use std::collections::BTreeMap;
use std::time::Duration;

use rustix::process::Signal;

use crate::clock::{Clock, MonotonicClock};
use crate::control::{Controller, RunContext, cost_percent};
use crate::event::{
    Command, Failure, FailureKind, Feasibility, MemoryGuard, RunEvent, RunEventKind, RunRecord,
    RunStatus, RunVerdict, StopReason, StopRecord,
};
use crate::event::{Evidence, Finding, Note, Num, Ruling, StopDetail, wire::encode};
use crate::sampler::{self, Sampler, SamplerReport};

use super::action::{Action, Input};
use super::child::{self, Confinement, Worker};
use super::command::{EventPipe, EventReader};
use super::dispatcher::Dispatcher;
use super::group::{GroupError, Groups, RunGroup};
use super::hooks::{Cells, Hindrance};
use super::inbox::{self, Receiver, Sender};
use super::interrupts::Interrupts;
use super::memory::MemoryWatch;
use super::recorded::{VirtualTime, look_up};
use super::threads::Threads;
use super::{RunSpec, Sink, SinkError};
use crate::metric::MetricId;

/// What is to be heeded while runs are made.
#[derive(Debug)]
pub struct Order<'a> {
    /// When to end.
    pub interrupts: &'a Interrupts,
    /// What is run around the runs of each cell.
    pub cells: &'a mut Cells,
    /// No other runs of these cells will follow.
    pub last: bool,
}

/// Runs every spec in order, each in a process of its own, unless a table answers. Ends early when the user interrupts, the
/// sink fails or the time of what is looked up is over; a failed run does not end the grid.
pub fn execute(
    specs: &[RunSpec],
    sampler: &Sampler,
    order: Order<'_>,
    time: &mut VirtualTime,
    sink: &mut Sink<'_>,
) -> Result<(), SinkError> {
    child::adopt_orphans();
    let base = specs.iter().find_map(|spec| spec.group.as_ref());
    let groups = base.map(Groups::open);
    let Order { interrupts, cells, last } = order;
    for (at, spec) in specs.iter().enumerate() {
        if interrupts.raised() || time.over {
            break;
        }
        let entered = match cells.enter(spec) {
            Ok(()) => Ok(()),
            Err(Hindrance::Failed(failure)) => Err(failure),
            Err(Hindrance::Interrupted) => break,
        };
        let execution = Execution::new(spec, groups.as_ref(), sampler, &mut *sink);
        execution.run(entered, interrupts, time)?;
        if last {
            cells.leave_after(spec, &specs[at + 1..]);
        }
    }
    Ok(())
}

/// One run.
pub(super) struct Execution<'a, 'b> {
    spec: &'a RunSpec,
    groups: Option<&'a Result<Groups, GroupError>>,
    /// The control group of this run, if its limits need one.
    group: Option<RunGroup>,
    sampler: &'a Sampler,
    sink: &'a mut Sink<'b>,
    sink_error: Option<SinkError>,
    clock: MonotonicClock,
    /// When the worker was started, in nanoseconds.
    began_ns: u64,
}

impl<'a, 'b> Execution<'a, 'b> {
    /// Of this run, which is not started yet.
    pub(super) fn new(
        spec: &'a RunSpec,
        groups: Option<&'a Result<Groups, GroupError>>,
        sampler: &'a Sampler,
        sink: &'a mut Sink<'b>,
    ) -> Self {
        let (group, sink_error) = (None, None);
        Self { spec, groups, group, sampler, sink, sink_error, clock: MonotonicClock, began_ns: 0 }
    }

    /// Makes the run, or tells of it why it cannot be made.
    pub(super) fn run(
        mut self,
        entered: Result<(), Failure>,
        interrupts: &Interrupts,
        time: &mut VirtualTime,
    ) -> Result<(), SinkError> {
        let started_ns = self.clock.now_ns();
        let job = Box::new((*self.spec.job).clone());
        let bars = self.spec.stop.bars.clone();
        self.emit(RunEventKind::Started { job, t_ns: started_ns, bars });
        let record = match &self.spec.answer {
            Some(answer) => look_up(self.spec, answer, time),
            None => self.measure(entered, interrupts),
        };
        self.emit(RunEventKind::Ended(Box::new(record)));
        self.sink_error.map_or(Ok(()), Err)
    }

    fn measure(&mut self, entered: Result<(), Failure>, interrupts: &Interrupts) -> RunRecord {
        match entered.and_then(|()| self.start().map_err(unspawned)) {
            Err(failure) => not_made(self.spec, failure),
            Ok((worker, pipes, event_pipe)) => {
                let (sender, receiver) = inbox::channel();
                let _attached = interrupts.attach(sender.clone());
                self.drive(worker, pipes, event_pipe, sender, &receiver)
            }
        }
    }

    /// The worker, held by its limits; or why there is none.
    fn start(&mut self) -> Result<(Worker, child::Pipes, Option<EventPipe>), String> {
        let spec = self.spec;
        if let (Some(_), Some(groups)) = (&spec.group, self.groups) {
            let groups = groups.as_ref().map_err(ToString::to_string)?;
            let group = groups.of_run(&spec.run, &spec.limits);
            self.group = Some(group.map_err(|error| error.to_string())?);
        }
        let event_pipe = spec.job.work.command().map(|_| EventPipe::open(&spec.job));
        let event_pipe = event_pipe
            .transpose()
            .map_err(|error| format!("cannot make the pipe that a command reports to: {error}"))?;
        let events = event_pipe.as_ref().map(EventPipe::path);
        self.began_ns = self.clock.now_ns();
        let started = Confinement::new(spec, self.group.as_ref())
            .and_then(|hold| Worker::spawn(&spec.launch, &spec.job, events, hold));
        let within = [" within its limits", ""][usize::from(spec.limits.is_none())];
        let program = spec.launch.program.display();
        let (worker, pipes) =
            started.map_err(|error| format!("cannot start {program}{within}: {error}"))?;
        Ok((worker, pipes, event_pipe))
    }

    fn emit(&mut self, kind: RunEventKind) {
        let event = RunEvent { run: self.spec.run.clone(), index: self.spec.index, kind };
        if self.sink_error.is_none()
            && let Err(error) = (self.sink)(event)
        {
            self.sink_error = Some(error);
        }
    }

    fn drive(
        &mut self,
        mut worker: Worker,
        pipes: child::Pipes,
        event_pipe: Option<EventPipe>,
        sender: Sender,
        inputs: &Receiver,
    ) -> RunRecord {
        let started_ns = self.began_ns;
        self.send(&mut worker, &Command::Job(Box::new((*self.spec.job).clone())));
        let reader = event_pipe.map(|event_pipe| {
            let pid = worker.raw_pid();
            EventReader::start(event_pipe, &self.spec.job, pid, started_ns, &sender)
        });
        let reader = match reader.transpose() {
            Ok(reader) => reader,
            Err(error) => return not_started(self.spec, error.to_string()),
        };
        let metered = self.spec.launch.capacity.is_some();
        let threads = Threads::start(worker.pid(), pipes, reader, sender.clone(), metered);
        let mut threads = match threads {
            Ok(threads) => threads,
            Err(error) => return not_started(self.spec, error.to_string()),
        };
        if let Err(why) = self.sample(&mut threads, worker.raw_pid(), sender) {
            return not_started(self.spec, why);
        }
        let controller = Controller::new((*self.spec.stop).clone(), self.context(started_ns));
        let mut dispatcher = Dispatcher::new(self.spec.clone(), controller, started_ns);
        let mut sink_failure_told = false;
        'run: loop {
            let next = self.next_inputs(inputs, &dispatcher, &mut threads, &mut worker);
            for input in next {
                let now_ns = threads.time_of(&input);
                let mut actions = dispatcher.handle(input, now_ns);
                if self.sink_error.is_some() && !sink_failure_told {
                    sink_failure_told = true;
                    actions.extend(dispatcher.handle(Input::SinkFailed, self.clock.now_ns()));
                }
                for action in actions {
                    match action {
                        Action::Finish => break 'run,
                        other => self.act(other, &mut worker),
                    }
                }
            }
        }
        if dispatcher.gave_up() {
            worker.leave_behind();
        }
        worker.reap();
        let left = self.group.take().and_then(RunGroup::remove);
        child::reap_orphans_of(self.spec, worker.pid());
        let (tail, sampled) = threads.join();
        let mut record = dispatcher.record(&tail);
        if let Some(why) = left {
            let what = format!("the control group of the run could not be removed: {why}");
            record.warnings.push(what);
        }
        own_cost(&mut record, &sampled);
        record
    }

    /// Starts the sampler; an error where the run cannot do without.
    fn sample(&mut self, threads: &mut Threads, pid: u32, inputs: Sender) -> Result<(), String> {
        let limits = &self.spec.limits;
        let watched = limits.memory_guard == Some(MemoryGuard::Watched);
        let limit = limits.memory_bytes.filter(|_| watched);
        let mut watch = limit.map(MemoryWatch::new);
        let lane = self.spec.lane.as_ref().map(|lane| lane.cpus.clone());
        let started = self.sampler.start(pid, MonotonicClock, move |sample| {
            let beyond = watch.as_mut().and_then(|watch| {
                watch.beyond(&sample, &MonotonicClock, || {
                    sampler::unshared_bytes(pid, lane.as_deref())
                })
            });
            // The run may be over: then nobody wants the sample.
            let _ = inputs.send(Input::Sample(Box::new(sample)));
            if let Some(held) = beyond {
                let _ = inputs.send(Input::OutOfMemory(held));
            }
        });
        match started {
            Ok(sampler) => threads.sampler = Some(sampler),
            // A limit that nobody watches is none.
            Err(error) if watched => return Err(error.to_string()),
            Err(error) => self.emit(RunEventKind::Warning(error.to_string())),
        }
        Ok(())
    }

    /// What the kernel says when the worker has ended: whether that was for want of memory.
    fn shortage(&self) -> Option<Input> {
        let limit = self.spec.limits.memory_bytes?;
        let held = self.group.as_ref()?.out_of_memory(limit)?;
        Some(Input::OutOfMemory(held))
    }

    /// Waits for something to happen. The end of the process comes last: the sampler's last reading, taken while the
    /// worker is a zombie and its counters are final, goes before it.
    fn next_inputs(
        &self,
        inputs: &Receiver,
        dispatcher: &Dispatcher,
        threads: &mut Threads,
        worker: &mut Worker,
    ) -> Vec<Input> {
        let wait = dispatcher.next_deadline_ns().saturating_sub(self.clock.now_ns());
        match inputs.recv_timeout(Duration::from_nanos(wait)) {
            Some(Input::Exited(exit)) => {
                threads.stop_sampling();
                let last = threads.final_inputs(worker, dispatcher.is_ending());
                let before = inputs.try_iter().chain(self.shortage());
                before.chain(last).chain([Input::Exited(exit)]).collect()
            }
            Some(input) => vec![input],
            None => vec![Input::Tick],
        }
    }

    fn act(&mut self, action: Action, worker: &mut Worker) {
        match action {
            Action::Send(command) => self.send(worker, &command),
            Action::Terminate => {
                worker.signal(Signal::TERM);
                // One that is stopped, as by reading the terminal from the background, hears of it only then.
                worker.signal(Signal::CONT);
            }
            Action::Kill => worker.signal(Signal::KILL),
            Action::Emit(kind) => self.emit(kind),
            Action::Finish => {}
        }
    }

    fn send(&mut self, worker: &mut Worker, command: &Command) {
        if self.spec.job.work.is_command() {
            return;
        }
        match encode(command) {
            Ok(line) => worker.send(line),
            Err(error) => {
                self.emit(RunEventKind::Warning(format!("cannot write a command: {error}")));
            }
        }
    }

    fn context(&self, started_ns: u64) -> RunContext {
        let gaps = self.sampler.unsupported().iter();
        let unsupported = gaps.map(|gap| (gap.field.clone(), gap.reason.clone())).collect();
        let spec = self.spec;
        let context = RunContext::of_job(&spec.job, spec.usable_cores, unsupported, started_ns);
        RunContext { grams_per_kwh: spec.grams_per_kwh, price: spec.price.clone(), ..context }
    }
}

/// The cost of the sampler's whole thread, which the samples cannot know of themselves: theirs are the readings alone.
fn own_cost(record: &mut RunRecord, sampled: &SamplerReport) {
    let row = record.metrics.iter_mut().find(|row| row.metric == MetricId::SamplerCost);
    let (Some(row), true) = (row, sampled.span_ns > 0) else {
        return;
    };
    row.estimate = cost_percent(sampled.cost_ns, sampled.span_ns);
    row.samples = sampled.ticks;
    let late_s = Num(sampled.max_late_ns as f64 / 1e9);
    row.notes = vec![match row.estimate {
        Some(_) => Note::TicksLeftOut { skipped: sampled.skipped, late_s },
        None => Note::FewTicks,
    }];
}

fn not_started(spec: &RunSpec, message: String) -> RunRecord {
    not_made(spec, unspawned(message))
}

fn unspawned(message: String) -> Failure {
    Failure {
        kind: FailureKind::Spawn,
        message,
        phase: None,
        exit_code: None,
        signal: None,
        stderr_tail: String::new(),
    }
}

fn not_made(spec: &RunSpec, failure: Failure) -> RunRecord {
    RunRecord {
        run: spec.run.clone(),
        cell: spec.cell.clone(),
        repeat: spec.repeat,
        job: (*spec.job).clone(),
        status: RunStatus::Failed,
        stop: StopRecord {
            reason: StopReason::Failed,
            detail: StopDetail::Failed { message: failure.message.clone() },
        },
        wall_s: 0.0,
        epochs: 0,
        trained: false,
        metrics: Vec::new(),
        left_out: Vec::new(),
        warnings: Vec::new(),
        facts: BTreeMap::new(),
        failure: Some(failure),
        verdict: (!spec.stop.constraints.is_empty()).then(|| RunVerdict {
            verdict: Feasibility::Undecided,
            findings: vec![Finding::of_run(Ruling::Open, Evidence::NotStarted)],
        }),
        limits: spec.limits.clone(),
        saved_s_at_least: None,
        lane: spec.lane.clone(),
        interference: None,
        machine: None,
        pairing: spec.pairing.clone(),
    }
}
