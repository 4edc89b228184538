//! What to do about each thing that happens in a run. Pure: inputs and the time go in, actions come out.
//!
//! A run ends when its worker's process has ended and its stream is at its end. Everything before that is asking:
//! `stop` on standard input, then SIGTERM to the process group, then SIGKILL, each after a grace period. A worker that
//! has been asked to stop and evaluates its test data is not hurried; one that goes on training is.
//!
//! Invariant: whatever a worker says or leaves unsaid, a run with a limit ends. As long as nothing is asked of a worker, any
//! message is a sign of life; afterwards only what obeys is, and ten hang timeouts bound even that.

mod outcome;

use std::time::Duration;

use crate::control::{Controller, Verdict};
use crate::event::{Asked, Command, Envelope, FailureKind, RunEventKind, StopRecord, WorkerEvent};

use super::RunSpec;
use super::action::{Action, Input};
use super::ending::{Cause, Ending, Force, Leave};
use super::shortage;
use super::stream::{Exit, Witness, WorkerStream};
use crate::units::Span;

/// Progress is told at most this often, in nanoseconds.
const PROGRESS_NS: u64 = 200_000_000;

/// How long a stream may stay open after its process has ended: a detached grandchild may hold it.
const STREAM_GRACE_NS: u64 = 1_000_000_000;

/// A tick comes at least this often, so that a longer gap between two inputs is a pause of this process.
const TICK_NS: u64 = 1_000_000_000;

/// A gap between two inputs beyond this is a pause: this process was stopped or starved, and nothing could be heard in it.
const PAUSE_NS: u64 = 2 * TICK_NS;

/// How long a worker may go on after its limit or after it was asked to stop, whatever it says, in hang timeouts.
const LAST_WORK: u64 = 10;

/// One run's state.
pub struct Dispatcher {
    spec: RunSpec,
    controller: Controller,
    stream: WorkerStream,
    started_ns: u64,
    /// The last input of any kind.
    seen_ns: u64,
    /// The last sign of life.
    heard_ns: u64,
    /// Whether it has talked since, without doing what it was asked for.
    talks: bool,
    told_ns: u64,
    /// When the worker must be over, whatever it says.
    last_ns: u64,
    ending: Option<Ending>,
    /// What it was asked to leave last, and when.
    asked: Option<(Leave, u64)>,
    exit: Option<(Exit, u64)>,
    streams_open: u8,
    over: bool,
    gave_up: bool,
    warnings: Vec<String>,
}

impl Dispatcher {
    /// A run whose worker has just been started.
    pub fn new(spec: RunSpec, controller: Controller, now_ns: u64) -> Self {
        let limit = |limit_s| Duration::try_from_secs_f64(limit_s).unwrap_or(Duration::MAX);
        let limit_ns = spec.stop.max_run_time_s.map(|limit_s| Span(limit(limit_s)).as_ns());
        let last_ns = limit_ns.map_or(u64::MAX, |limit| now_ns.saturating_add(limit));
        Self {
            controller,
            stream: WorkerStream::new(
                &spec.job,
                Witness { started_ns: now_ns, capacity: spec.launch.capacity },
            ),
            started_ns: now_ns,
            seen_ns: now_ns,
            heard_ns: now_ns,
            talks: false,
            told_ns: now_ns,
            last_ns: last_ns.saturating_add(last_work_ns(&spec)),
            spec,
            ending: None,
            asked: None,
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
        self.mind_pause(now_ns);
        let idle = input == Input::Tick;
        match input {
            Input::Message(envelope) => self.message(envelope, now_ns, &mut actions),
            Input::OutOfMemory(bytes) => {
                self.out_of_memory(bytes, Force::Killed, now_ns, &mut actions);
            }
            Input::Garbage(what) => self.fail(FailureKind::Protocol, what, now_ns, &mut actions),
            Input::Sample(sample) => {
                self.stream.sample(&sample);
                let verdict = self.controller.on_sample(&sample);
                actions.push(Action::Emit(RunEventKind::Sample(sample)));
                self.obey(verdict, now_ns, &mut actions);
            }
            Input::Warning(what) => {
                self.warnings.push(what.clone());
                actions.push(Action::Emit(RunEventKind::Warning(what)));
            }
            Input::Stderr(line) => actions.push(Action::Emit(RunEventKind::Stderr(line))),
            Input::StreamEnded => self.streams_open = self.streams_open.saturating_sub(1),
            Input::Counted { pid, usage } => self.counted(pid, usage),
            Input::Exited(exit) => self.exited(exit, now_ns),
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
        self.patience_ns().min(self.seen_ns.saturating_add(TICK_NS))
    }

    /// When what is waited for now is waited for no longer.
    fn patience_ns(&self) -> u64 {
        if let Some((_, exited)) = self.exit {
            return exited.saturating_add(STREAM_GRACE_NS);
        }
        let launch = &self.spec.launch;
        match &self.ending {
            Some(Ending { force: Force::Terminated | Force::Killed, since_ns, .. }) => {
                since_ns.saturating_add(launch.grace_ns)
            }
            Some(Ending { force: Force::Asked, .. }) if self.stream.is_over() => {
                self.heard_ns.saturating_add(launch.grace_ns)
            }
            // A command need not say anything, and is not asked but terminated.
            _ if self.spec.job.work.is_command() => u64::MAX,
            _ => self.heard_ns.saturating_add(launch.hang_timeout_ns).min(self.last_ns),
        }
    }

    /// While this process was stopped, nobody could be heard: that time does not count.
    fn mind_pause(&mut self, now_ns: u64) {
        let gap_ns = now_ns.saturating_sub(self.seen_ns);
        self.seen_ns = self.seen_ns.max(now_ns);
        if gap_ns <= PAUSE_NS {
            return;
        }
        let since = self.ending.as_mut().map(|ending| &mut ending.since_ns);
        let asked = self.asked.as_mut().map(|(_, since_ns)| since_ns);
        for time in [&mut self.heard_ns, &mut self.last_ns].into_iter().chain(since).chain(asked) {
            *time = time.saturating_add(gap_ns);
        }
    }

    fn message(&mut self, envelope: Envelope, now_ns: u64, actions: &mut Vec<Action>) {
        self.talks = !self.gets_on(&envelope.event);
        if !self.talks {
            self.heard_ns = now_ns;
        }
        if let Err(violation) = self.stream.accept(&envelope, now_ns) {
            // What follows a broken message cannot be trusted either.
            let seq = envelope.seq;
            let what = format!("the worker broke the protocol in message {seq}: {violation}");
            return self.fail(FailureKind::Protocol, what, now_ns, actions);
        }
        let verdict = self.controller.on_worker(&envelope);
        if let Some(bytes) = shortage::watched_peak(&self.spec.limits, &envelope.event) {
            self.out_of_memory(bytes, Force::Asked, now_ns, actions);
        }
        if self.is_hurried(&envelope.event, now_ns) {
            let grace = self.spec.launch.grace_ns as f64 / 1e9;
            let what = format!("the worker was still working {grace} s after it was asked to stop");
            self.fail(FailureKind::Hung, what, now_ns, actions);
        }
        actions.push(Action::Emit(RunEventKind::Worker(envelope)));
        if self.stream.is_over() {
            self.end(Cause::Lingering, Force::Asked, now_ns, actions);
        } else {
            self.obey(verdict, now_ns, actions);
        }
    }

    /// Whether a message is a sign of life: any, as long as nothing was asked of the worker; then, what obeys.
    fn gets_on(&self, event: &WorkerEvent) -> bool {
        let Some((left, _)) = &self.asked else {
            return true;
        };
        match event {
            WorkerEvent::Phase { phase } => !left.covers(*phase),
            WorkerEvent::Steps(batch) => !left.covers(batch.phase),
            WorkerEvent::Finished(_) | WorkerEvent::Failed(_) => true,
            _ => {
                self.stream.phase().is_some_and(|phase| !left.covers(phase)) && *left != Leave::All
            }
        }
    }

    /// Whether a worker is still at what it was asked to leave: a step that it has begun since. One that had begun may end.
    fn is_hurried(&self, event: &WorkerEvent, now_ns: u64) -> bool {
        let (WorkerEvent::Steps(batch), Some((left, since_ns))) = (event, &self.asked) else {
            return false;
        };
        let begun_ns = batch.end_ns().saturating_sub(batch.dur_ns.last().copied().unwrap_or(0));
        let late_ns = since_ns.saturating_add(self.spec.launch.grace_ns);
        left.covers(batch.phase) && now_ns > late_ns && begun_ns > late_ns
    }

    /// Ends a run that does not fit. That is an answer, and outranks what the controller says.
    fn out_of_memory(&mut self, bytes: u64, force: Force, now_ns: u64, actions: &mut Vec<Action>) {
        let Some(stop) = shortage::record(&self.spec.limits, bytes, self.stream.phase()) else {
            return;
        };
        if !self.ending.as_ref().is_some_and(|ending| ending.cause.is_final()) {
            let what = Asked::End { stop: stop.clone() };
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
            // It cannot be asked; and it need not leave a phase.
            Verdict::Stop(stop) if self.spec.job.work.is_command() => {
                let what = Asked::Stop { stop: stop.clone() };
                actions.push(Action::Emit(RunEventKind::Asked { t_ns: now_ns, what }));
                self.end(Cause::Verdict(stop), Force::Terminated, now_ns, actions);
            }
            Verdict::Advance { .. } | Verdict::Confirm(_) if self.spec.job.work.is_command() => {}
            Verdict::Advance { phase, why } => {
                actions.push(Action::Send(Command::Advance { phase }));
                self.asked = Some((Leave::Phase(phase), now_ns));
                let what = Asked::Leave { phase, why };
                actions.push(Action::Emit(RunEventKind::Asked { t_ns: now_ns, what }));
            }
            Verdict::Confirm(stop) => {
                actions.extend(self.ask_to_stop(&stop, true, now_ns));
                self.asked = Some((Leave::Training, now_ns));
            }
            Verdict::Stop(stop) => {
                actions.extend(self.ask_to_stop(&stop, false, now_ns));
                self.asked = Some((Leave::All, now_ns));
                self.last_ns = self.last_ns.min(now_ns.saturating_add(last_work_ns(&self.spec)));
                self.end(Cause::Verdict(stop), Force::Asked, now_ns, actions);
            }
        }
    }

    /// `confirm`: only the training is over.
    fn ask_to_stop(&mut self, stop: &StopRecord, confirm: bool, now_ns: u64) -> [Action; 2] {
        self.stream.ask_to_stop();
        let reason = stop.reason.to_string();
        let test = self.controller.trained_to_the_end(stop.reason);
        let stop = stop.clone();
        let what = if confirm { Asked::Confirm { stop } } else { Asked::Stop { stop } };
        [
            Action::Send(Command::Stop { reason, confirm, test }),
            Action::Emit(RunEventKind::Asked { t_ns: now_ns, what }),
        ]
    }

    fn interrupt(&mut self, now_ns: u64, actions: &mut Vec<Action>) {
        let again = matches!(&self.ending, Some(ending)
            if ending.cause == Cause::Cancelled || ending.force > Force::Asked);
        let force = if again { Force::Killed } else { Force::Terminated };
        // The user's word replaces any earlier cause but a failure or a want of memory, which is what happened first, and
        // the end of the work, which is whole.
        if let Some(ending) = &mut self.ending
            && !ending.cause.is_final()
            && self.stream.finished().is_none()
        {
            ending.cause = Cause::Cancelled;
        }
        self.end(Cause::Cancelled, force, now_ns, actions);
        if !again {
            let what = "the worker is being ended; Ctrl-C now kills it at once";
            actions.push(Action::Emit(RunEventKind::Warning(what.to_owned())));
        }
    }

    fn fail(&mut self, kind: FailureKind, what: String, now_ns: u64, actions: &mut Vec<Action>) {
        if let Some(Ending { cause, force: Force::Asked, .. }) = &mut self.ending
            && !cause.is_final()
        {
            *cause = Cause::Failure(kind, what.clone());
        }
        self.end(Cause::Failure(kind, what), Force::Terminated, now_ns, actions);
    }

    /// Applies at least this much force; the first cause stays.
    fn end(&mut self, cause: Cause, force: Force, now_ns: u64, actions: &mut Vec<Action>) {
        let before = self.ending.as_ref().map(|ending| ending.force);
        let ending = self.ending.get_or_insert(Ending { cause, force, since_ns: now_ns });
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
        if self.exit.is_some() || now_ns < self.patience_ns() {
            return;
        }
        let force = self.ending.as_ref().map(|ending| ending.force);
        match force {
            Some(Force::Killed) => self.give_up(now_ns),
            Some(Force::Terminated) => self.end(Cause::Cancelled, Force::Killed, now_ns, actions),
            Some(Force::Asked) if self.stream.is_over() => {
                self.warnings.push(
                    "the worker did not exit after its last message and was terminated".to_owned(),
                );
                self.end(Cause::Lingering, Force::Terminated, now_ns, actions);
            }
            None | Some(Force::Asked) => {
                let what = self.why_hung(now_ns);
                self.fail(FailureKind::Hung, what, now_ns, actions);
            }
        }
    }

    fn why_hung(&self, now_ns: u64) -> String {
        let silence_s = self.spec.launch.hang_timeout_ns as f64 / 1e9;
        if now_ns >= self.last_ns {
            let last_s = last_work_ns(&self.spec) as f64 / 1e9;
            format!("the worker had not ended {last_s} s after its time limit or its `stop`")
        } else if self.talks {
            format!("the worker sends messages, but has done none of its work for {silence_s} s")
        } else {
            format!("the worker has been silent for {silence_s} s")
        }
    }

    /// A process that not even SIGKILL ends waits in the kernel; the grid need not wait with it.
    fn give_up(&mut self, now_ns: u64) {
        self.warnings.push("the worker did not end after SIGKILL; it is still there".to_owned());
        self.gave_up = true;
        self.exited(Exit::Signal(9), now_ns);
        self.streams_open = 0;
    }

    fn tell_progress(&mut self, now_ns: u64, actions: &mut Vec<Action>) {
        if self.ending.is_none() && now_ns.saturating_sub(self.told_ns) >= PROGRESS_NS {
            self.told_ns = now_ns;
            actions.push(Action::Emit(RunEventKind::Progress(self.controller.progress())));
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

    /// Whether it is being ended before its own end.
    pub fn is_ending(&self) -> bool {
        self.ending.is_some()
    }
}

const fn last_work_ns(spec: &RunSpec) -> u64 {
    spec.launch.hang_timeout_ns.saturating_mul(LAST_WORK)
}

#[cfg(test)]
mod tests;
