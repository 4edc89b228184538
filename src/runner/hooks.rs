//! Commands around the runs of a cell: `setup` before its first run, `prepare` before each, `cleanup` after its last. They are
//! neither sampled nor held by the limits of the runs.
//!
//! Invariant: a cell of which the setup was begun is cleaned up, however its runs and the runner end, unless that is killed.

use std::collections::BTreeMap;
use std::io;
use std::mem;
use std::time::Duration;

use rustix::process::Signal;

use super::action::Input;
use super::child::{self, Confinement, Worker};
use super::inbox::{self, Receiver, Sender};
use super::interrupts::Interrupts;
use super::pipes::{self, Tail};
use super::stream::{Exit, describe};
use super::{Launch, RunSpec, Streams, threads};
use crate::clock::{Clock, MonotonicClock};
use crate::event::bounds::{TEXT, cut};
use crate::event::{Arm, Failure, FailureKind, Hooks, typed};
use crate::units::Span;

/// How long the last output of a command that has ended is waited for: a process that it has left may hold the pipe.
const LAST_OUTPUT: Duration = Duration::from_millis(100);

/// Which cell: its side in a comparison, and its name.
type Key = (Option<Arm>, String);

/// The cells that runs were made of, or were to be made.
#[derive(Debug)]
pub struct Cells {
    interrupts: Interrupts,
    entered: BTreeMap<Key, Entered>,
    failures: Vec<Failure>,
}

#[derive(Debug)]
struct Entered {
    /// The run that it was entered by.
    spec: RunSpec,
    /// Why no run of it can be made.
    failed: Option<Failure>,
}

/// Why a run is not made.
#[derive(Debug)]
pub(super) enum Hindrance {
    /// The user wants everything to end.
    Interrupted,
    /// What had to be done before failed.
    Failed(Failure),
}

impl Cells {
    /// None yet; what is run here ends when these say so.
    pub fn new(interrupts: Interrupts) -> Self {
        Self { interrupts, entered: BTreeMap::new(), failures: Vec::new() }
    }

    /// Does what comes before a run. Where that fails, no other run of the cell is made.
    pub(super) fn enter(&mut self, spec: &RunSpec) -> Result<(), Hindrance> {
        let Some(hooks) = hooks(spec) else { return Ok(()) };
        let is_new = !self.entered.contains_key(&key(spec));
        let new = || Entered { spec: spec.clone(), failed: None };
        let cell = self.entered.entry(key(spec)).or_insert_with(new);
        if let Some(failure) = &cell.failed {
            let before = "before an earlier run of this cell; this one was not made";
            let message = format!("{}, {before}", failure.message);
            return Err(Hindrance::Failed(Failure { message, ..failure.clone() }));
        }
        let setup = (FailureKind::Setup, &hooks.setup);
        let before = [setup].into_iter().filter(|_| is_new);
        for (kind, words) in before.chain([(FailureKind::Prepare, &hooks.prepare)]) {
            if let Err(hindrance) = run(spec, kind, words, &self.interrupts) {
                if let Hindrance::Failed(failure) = &hindrance {
                    cell.failed = Some(failure.clone());
                }
                return Err(hindrance);
            }
        }
        Ok(())
    }

    /// Cleans up the cells of which no run follows.
    pub fn leave(&mut self, follows: impl Fn(&RunSpec) -> bool) {
        let entered = mem::take(&mut self.entered);
        let (kept, left) = entered.into_iter().partition(|(_, cell)| follows(&cell.spec));
        self.entered = kept;
        for cell in BTreeMap::into_values(left) {
            let Some(hooks) = hooks(&cell.spec) else { continue };
            let kind = FailureKind::Cleanup;
            if let Err(Hindrance::Failed(failure)) =
                run(&cell.spec, kind, &hooks.cleanup, &self.interrupts)
            {
                let message = format!("{}: {}", cell.spec.cell, failure.message);
                self.failures.push(Failure { message, ..failure });
            }
        }
    }

    /// The same once this run is over.
    pub(super) fn leave_after(&mut self, spec: &RunSpec, rest: &[RunSpec]) {
        let last = || !rest.iter().any(|other| key(other) == key(spec));
        if hooks(spec).is_some() && last() {
            self.leave(|other| key(other) != key(spec));
        }
    }

    /// What is known of the cell of this run, for whoever visits it alone until it is given back.
    pub(super) fn lend(&mut self, spec: &RunSpec) -> Self {
        let mut lent = Self::new(self.interrupts.clone());
        lent.entered.extend(self.entered.remove_entry(&key(spec)));
        lent
    }

    /// Takes back what was lent.
    pub(super) fn take_back(&mut self, mut lent: Self) {
        self.entered.append(&mut lent.entered);
        self.failures.append(&mut lent.failures);
    }

    /// What could not be cleaned up since this was last asked.
    pub fn failures(&mut self) -> Vec<Failure> {
        mem::take(&mut self.failures)
    }
}

impl Drop for Cells {
    fn drop(&mut self) {
        self.leave(|_| false);
    }
}

fn key(spec: &RunSpec) -> Key {
    (spec.pairing.as_ref().map(|pairing| pairing.arm), spec.cell.clone())
}

/// What is run around a run, if anything is.
fn hooks(spec: &RunSpec) -> Option<&Hooks<String>> {
    Some(&spec.job.work.command()?.hooks).filter(|hooks| !hooks.is_empty())
}

/// Runs a command to its end. Its time is that of the run.
fn run(
    spec: &RunSpec,
    kind: FailureKind,
    words: &[String],
    interrupts: &Interrupts,
) -> Result<(), Hindrance> {
    let Some((program, args)) = words.split_first() else { return Ok(()) };
    let (program, args) = (program.into(), args.to_vec());
    let launch = Launch { program, args, streams: Streams::Logged, ..spec.launch.clone() };
    let (tail, name) = (Tail::default(), cut(&typed(words), TEXT));
    let failed = |why: String, exit: Option<Exit>| {
        let (exit_code, signal) = match exit {
            Some(Exit::Code(code)) => (Some(code), None),
            Some(Exit::Signal(signal)) => (None, Some(signal)),
            None => (None, None),
        };
        let (message, stderr_tail) = (format!("`{name}` {why}"), tail.text());
        Hindrance::Failed(Failure { kind, message, phase: None, exit_code, signal, stderr_tail })
    };
    let (sender, inputs) = inbox::channel();
    let before = interrupts.raised();
    let started = start(&launch, spec, &sender, &tail);
    let mut worker =
        started.map_err(|error| failed(format!("cannot be started: {error}"), None))?;
    let attached = interrupts.attach(sender);
    let mut waiting = Waiting { worker: &worker, inputs: &inputs, open: 2, stopped: None };
    let exit = waiting.wait(spec, before);
    let Waiting { mut open, stopped, .. } = waiting;
    drop(attached);
    worker.reap();
    while open > 0 {
        match inputs.recv_timeout(LAST_OUTPUT) {
            Some(Input::StreamEnded) => open -= 1,
            Some(_) => {}
            None => break,
        }
    }
    child::reap_orphans_of(spec, worker.pid());
    match (stopped, exit) {
        (Some(Stopped::Interrupted), _) => Err(Hindrance::Interrupted),
        (Some(Stopped::TooLong(limit)), exit) => {
            Err(failed(format!("took longer than {limit}"), Some(exit)))
        }
        (None, Exit::Code(0)) => Ok(()),
        (None, exit) => Err(failed(describe(exit), Some(exit))),
    }
}

/// Starts it with the environment of the run; what it reports is nobody's.
fn start(launch: &Launch, spec: &RunSpec, sender: &Sender, tail: &Tail) -> io::Result<Worker> {
    let events = Some("/dev/null".as_ref());
    // Not held by its limits, but within its lane.
    let hold = Confinement::of_lane(spec);
    let (worker, pipes) = Worker::spawn(launch, &spec.job, events, hold)?;
    if let (Some(stdout), Some(stderr)) = (pipes.stdout, pipes.stderr) {
        pipes::read_stderr(stdout, sender.clone(), Some(tail.clone()), None)?;
        pipes::read_stderr(stderr, sender.clone(), Some(tail.clone()), None)?;
    }
    threads::wait(worker.pid(), std::sync::Arc::default(), sender.clone())?;
    Ok(worker)
}

fn span(seconds: f64) -> Span {
    let time = Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX);
    Span::from_ns(u64::try_from(time.as_nanos()).unwrap_or(u64::MAX))
}

/// Why a command was ended.
#[derive(Debug, Clone, Copy)]
enum Stopped {
    Interrupted,
    TooLong(Span),
}

struct Waiting<'a> {
    worker: &'a Worker,
    inputs: &'a Receiver,
    /// Streams that are not at their end.
    open: u8,
    stopped: Option<Stopped>,
}

impl Waiting<'_> {
    /// Waits for its end, and asks for it where its time is up or the user wants it; `before`: the user has said so before it was
    /// started, and it is run all the same.
    fn wait(&mut self, spec: &RunSpec, mut before: bool) -> Exit {
        let clock = MonotonicClock;
        let limit = spec.stop.max_run_time_s.map(span);
        let mut deadline_ns =
            limit.map_or(u64::MAX, |limit| clock.now_ns().saturating_add(limit.as_ns()));
        loop {
            let left = deadline_ns.saturating_sub(clock.now_ns());
            let why = match self.inputs.recv_timeout(Duration::from_nanos(left)) {
                Some(Input::Exited(exit)) => return exit,
                Some(Input::Interrupt) if !mem::take(&mut before) => Stopped::Interrupted,
                Some(Input::StreamEnded) => {
                    self.open = self.open.saturating_sub(1);
                    continue;
                }
                Some(_) => continue,
                None => limit.map_or(Stopped::Interrupted, Stopped::TooLong),
            };
            if self.stopped.is_none() {
                self.stopped = Some(why);
                self.worker.signal(Signal::TERM);
                // One that is stopped hears of it only then.
                self.worker.signal(Signal::CONT);
                deadline_ns = clock.now_ns().saturating_add(spec.launch.grace_ns);
            } else {
                self.worker.signal(Signal::KILL);
                deadline_ns = u64::MAX;
            }
        }
    }
}
