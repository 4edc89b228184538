//! The worker's end of the protocol.
//!
//! The worker claims file descriptor 1 for itself and points fd 1 at standard error, so that nothing a library prints
//! can corrupt the protocol. A thread reads commands from standard input; its end of file means that the runner is
//! gone, and the process exits at once: there is nobody left to work for.

use std::fs::File;
use std::io::{self, BufRead, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use crate::clock::Clock;
use crate::event::wire::{decode, encode};
use crate::event::{Command, Envelope, JobSpec, Phase, Request, StepBatch, WorkerEvent};

/// Steps are sent together, at most this long after the first of them, in nanoseconds.
const BATCH_NS: u64 = 80_000_000;

/// While steps are shorter than this, what ends an epoch waits for them too: epochs of some milliseconds would wake the
/// runner hundreds of times a second. Longer steps would keep it waiting.
const SHORT_STEP_NS: u64 = 20_000_000;

/// Idle time that sending a batch fits into, in nanoseconds.
const IDLE_NS: u64 = 500_000;

/// Exit code of a worker whose runner is gone.
const RUNNER_GONE: i32 = 3;

/// Why the link is broken.
#[derive(Debug, thiserror::Error)]
pub enum LinkError {
    /// The protocol's file descriptor could not be claimed.
    #[error("cannot claim standard output for the protocol: {0}")]
    Claim(io::Error),
    /// Standard input ended or failed before a job came.
    #[error("no job on standard input: {0}")]
    NoJob(String),
    /// The runner no longer reads.
    #[error("cannot write to the runner: {0}")]
    Write(io::Error),
    /// There is no thread to hear the runner on.
    #[error("the system gives no thread to listen on: {0}")]
    Listen(io::Error),
}

/// What the runner has asked for so far.
#[derive(Debug, Default)]
struct RunnerRequests {
    stop: AtomicBool,
    /// Only the training is over.
    trained: AtomicBool,
    /// The test data are to be read all the same; set before what ends the training.
    test: AtomicBool,
    advance: Mutex<Vec<Phase>>,
    /// Set with each change of `advance`, so that the hot path reads one flag.
    advanced: AtomicBool,
}

impl RunnerRequests {
    /// A stop came.
    fn end(&self, confirm: bool, test: bool) {
        self.test.fetch_or(test, Ordering::Relaxed);
        let over = if confirm { &self.trained } else { &self.stop };
        over.store(true, Ordering::Release);
    }
}

/// The worker's end of the protocol.
pub struct Link<C> {
    out: File,
    clock: C,
    seq: u64,
    phase: Option<Phase>,
    steps: StepBatch,
    /// How long the last step took.
    last_step_ns: u64,
    /// Lines that wait for more.
    unsent: String,
    /// Since when the first of them has something to say.
    unsent_since_ns: u64,
    requested: Arc<RunnerRequests>,
}

impl<C: Clock> Link<C> {
    /// Claims fd 1, reads the job from standard input and starts to listen for commands.
    pub fn claim(clock: C) -> Result<(Self, JobSpec), LinkError> {
        let out = claim_stdout().map_err(LinkError::Claim)?;
        let mut line = String::new();
        let read = io::stdin().lock().read_line(&mut line);
        read.map_err(|error| LinkError::NoJob(error.to_string()))?;
        let job = match decode::<Command>(line.trim_end()) {
            Ok(Command::Job(job)) => *job,
            Ok(_) => {
                return Err(LinkError::NoJob("the first command is not a job".to_owned()));
            }
            Err(error) => return Err(LinkError::NoJob(error.to_string())),
        };
        let requested = Arc::new(RunnerRequests::default());
        listen(Arc::clone(&requested)).map_err(LinkError::Listen)?;
        Ok((Self::new(out, clock, requested), job))
    }

    fn new(out: File, clock: C, requested: Arc<RunnerRequests>) -> Self {
        let steps = StepBatch {
            phase: Phase::Load,
            items: 0,
            start_ns: 0,
            dur_ns: Vec::new(),
            wait_ns: Vec::new(),
            gap_ns: Vec::new(),
            fetch_ns: Vec::new(),
            loss: None,
        };
        Self {
            out,
            clock,
            seq: 0,
            phase: None,
            steps,
            last_step_ns: u64::MAX,
            unsent: String::new(),
            unsent_since_ns: 0,
            requested,
        }
    }

    /// The clock that steps are timed with.
    pub fn now_ns(&self) -> u64 {
        self.clock.now_ns()
    }

    /// That clock.
    pub fn clock(&self) -> &C {
        &self.clock
    }

    /// Goes on with another clock of the same kind.
    pub fn set_clock(&mut self, clock: C) {
        self.clock = clock;
    }

    /// Whether the runner has asked to stop.
    pub fn stop_requested(&self) -> bool {
        self.requested.stop.load(Ordering::Acquire)
    }

    /// Whether the runner has said that the training is over, to serve once more or to stop.
    pub fn training_over(&self) -> bool {
        self.stop_requested() || self.requested.trained.load(Ordering::Acquire)
    }

    /// Whether a model that was trained for so many epochs of a budget is to be judged by the test data: one that used
    /// them up, or that the runner calls trained.
    pub fn is_tested(&self, epochs: u32, budget: u32) -> bool {
        epochs > 0 && (epochs >= budget || self.requested.test.load(Ordering::Relaxed))
    }

    /// Whether the runner has asked to leave this phase (or to stop).
    pub fn leave_requested(&self, phase: Phase) -> bool {
        self.stop_requested()
            || (self.requested.advanced.load(Ordering::Relaxed)
                && self
                    .requested
                    .advance
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .contains(&phase))
    }

    /// Sends one message, after the steps that came before it.
    pub fn send(&mut self, event: WorkerEvent) -> Result<(), LinkError> {
        self.flush(None)?;
        self.write(event)
    }

    /// Begins a phase, if it is not the current one.
    pub fn phase(&mut self, phase: Phase) -> Result<(), LinkError> {
        if self.phase == Some(phase) {
            return Ok(());
        }
        self.send(WorkerEvent::Phase { phase })?;
        self.phase = Some(phase);
        Ok(())
    }

    /// Records a step of the current phase that began at `start_ns` and took until `end_ns`. Returns whether a batch
    /// is due: then call [`Link::flush`], with the loss if it is cheap to read.
    pub fn step(&mut self, items: u32, start_ns: u64, end_ns: u64) -> Result<bool, LinkError> {
        let contiguous = self.steps.items == items && self.steps.wait_ns.is_empty();
        if !self.steps.dur_ns.is_empty() && !contiguous {
            self.flush(None)?;
        }
        if self.steps.dur_ns.is_empty() {
            self.steps.start_ns = start_ns;
            self.steps.items = items;
        }
        self.last_step_ns = end_ns.saturating_sub(start_ns);
        self.steps.dur_ns.push(self.last_step_ns);
        Ok(self.is_due(end_ns))
    }

    /// The same of a request that may have waited, or been waited for; its gap begins where the one before it ended.
    pub fn request(&mut self, items: u32, request: Request) -> Result<bool, LinkError> {
        let (waits, steps) = (self.steps.wait_ns.len(), self.steps.dur_ns.len());
        if self.steps.items != items || waits != steps {
            self.flush(None)?;
        }
        if self.steps.dur_ns.is_empty() {
            self.steps.start_ns = request.start_ns.saturating_sub(request.gap_ns);
            self.steps.items = items;
        }
        self.last_step_ns = request.dur_ns;
        self.steps.dur_ns.push(request.dur_ns);
        self.steps.wait_ns.push(request.wait_ns);
        self.steps.gap_ns.push(request.gap_ns);
        Ok(self.is_due(request.end_ns()))
    }

    /// Nothing happens until `ns`: says the recorded steps now if they are due by then.
    pub fn idle_until(&mut self, ns: u64) -> Result<(), LinkError> {
        let idle = ns > self.now_ns().saturating_add(IDLE_NS);
        if idle && !self.steps.dur_ns.is_empty() && self.is_due(ns) {
            self.flush(None)?;
        }
        Ok(())
    }

    /// Whether the recorded steps are to be sent at this time.
    fn is_due(&self, now_ns: u64) -> bool {
        let since_ns =
            if self.unsent.is_empty() { self.steps.start_ns } else { self.unsent_since_ns };
        now_ns.saturating_sub(since_ns) >= BATCH_NS
    }

    /// Says the recorded steps.
    pub fn flush(&mut self, loss: Option<f64>) -> Result<(), LinkError> {
        if self.steps.dur_ns.is_empty() {
            return Ok(());
        }
        let capacity = self.steps.dur_ns.len();
        let batch = StepBatch {
            phase: self.phase.unwrap_or(Phase::Load),
            loss: loss.map(Into::into),
            dur_ns: std::mem::replace(&mut self.steps.dur_ns, Vec::with_capacity(capacity)),
            wait_ns: std::mem::take(&mut self.steps.wait_ns),
            gap_ns: std::mem::take(&mut self.steps.gap_ns),
            fetch_ns: Vec::new(),
            items: self.steps.items,
            start_ns: self.steps.start_ns,
        };
        self.write(WorkerEvent::Steps(batch))
    }

    /// Writes what is not a message; only a scripted fault does.
    pub(super) fn write_raw(&mut self, text: &str) -> Result<(), LinkError> {
        self.flush(None)?;
        self.unsent.push_str(text);
        self.write_unsent()
    }

    /// Leaves out a number; only a scripted fault does.
    pub(super) fn skip_sequence(&mut self) {
        self.seq += 1;
    }

    fn write(&mut self, event: WorkerEvent) -> Result<(), LinkError> {
        let envelope = Envelope { seq: self.seq, t_ns: self.clock.now_ns(), event };
        let line = encode(&envelope).map_err(|error| LinkError::Write(error.into()))?;
        if self.unsent.is_empty() {
            self.unsent_since_ns = match &envelope.event {
                WorkerEvent::Steps(batch) => batch.start_ns,
                _ => envelope.t_ns,
            };
        }
        self.unsent.push_str(&line);
        self.unsent.push('\n');
        self.seq += 1;
        if self.may_wait(&envelope) {
            return Ok(());
        }
        self.write_unsent()
    }

    /// Whether the next steps will soon take it along.
    fn may_wait(&self, envelope: &Envelope) -> bool {
        let trains = |phase: Phase| matches!(phase, Phase::Train | Phase::Validate);
        // Not the first phase of training: should the worker end now, it must be known where it was.
        let of_training = match &envelope.event {
            WorkerEvent::Steps(batch) => trains(batch.phase),
            WorkerEvent::Phase { phase } => trains(*phase) && self.phase.is_some_and(trains),
            WorkerEvent::Epoch(_) => true,
            _ => false,
        };
        let waits_ns = envelope.t_ns.saturating_sub(self.unsent_since_ns);
        of_training && self.last_step_ns < SHORT_STEP_NS && waits_ns < BATCH_NS
    }

    /// Sends what waits. A worker that is killed loses up to 80 ms of steps and epochs; only a scripted one knows before.
    pub(super) fn sync(&mut self) -> Result<(), LinkError> {
        self.write_unsent()
    }

    fn write_unsent(&mut self) -> Result<(), LinkError> {
        let written = self.out.write_all(self.unsent.as_bytes());
        self.unsent.clear();
        written.map_err(LinkError::Write)
    }
}

fn claim_stdout() -> io::Result<File> {
    let own = rustix::io::fcntl_dupfd_cloexec(rustix::stdio::stdout(), 3)?;
    rustix::stdio::dup2_stdout(rustix::stdio::stderr())?;
    Ok(File::from(own))
}

fn listen(requested: Arc<RunnerRequests>) -> io::Result<()> {
    let thread = std::thread::Builder::new().name("commands".to_owned());
    let work = move || {
        for line in io::stdin().lock().lines() {
            let Ok(line) = line else { break };
            match decode::<Command>(&line) {
                Ok(Command::Stop { confirm, test, .. }) => requested.end(confirm, test),
                Ok(Command::Advance { phase }) => {
                    requested.advance.lock().unwrap_or_else(PoisonError::into_inner).push(phase);
                    requested.advanced.store(true, Ordering::Relaxed);
                }
                // A second job, or a command of a later version: nothing that could be obeyed.
                Ok(Command::Job(_)) | Err(_) => {}
            }
        }
        // Without the destructors of libraries: the main thread may be deep in a step of theirs.
        signal_hook::low_level::exit(RUNNER_GONE);
    };
    thread.spawn(work).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::ManualClock;
    use crate::event::{EpochReport, Num};
    use std::io::{Read, Seek};

    fn link() -> (Link<ManualClock>, File) {
        let file = tempfile::tempfile().unwrap();
        let reader = file.try_clone().unwrap();
        (Link::new(file, ManualClock::default(), Arc::default()), reader)
    }

    fn written(mut reader: File) -> Vec<Envelope> {
        let mut text = String::new();
        reader.rewind().unwrap();
        reader.read_to_string(&mut text).unwrap();
        text.lines().map(|line| decode(line).unwrap()).collect()
    }

    #[test]
    fn steps_travel_in_batches_and_before_what_follows_them() {
        let (mut link, reader) = link();
        link.phase(Phase::Train).unwrap();
        assert!(!link.step(64, 0, 40_000_000).unwrap());
        assert!(link.step(64, 40_000_000, 90_000_000).unwrap(), "80 ms are over");
        link.flush(Some(0.5)).unwrap();
        assert!(!link.step(64, 100_000_000, 101_000_000).unwrap());
        assert!(
            !link.step(7, 101_000_000, 102_000_000).unwrap(),
            "a smaller step has a batch of its own"
        );
        link.phase(Phase::Test).unwrap();
        let events = written(reader);
        assert_eq!(events.iter().map(|e| e.seq).collect::<Vec<_>>(), [0, 1, 2, 3, 4]);
        let steps: Vec<_> = events
            .iter()
            .filter_map(|e| match &e.event {
                WorkerEvent::Steps(batch) => {
                    Some((batch.items, batch.dur_ns.len(), batch.loss.is_some()))
                }
                _ => None,
            })
            .collect();
        assert_eq!(steps, [(64, 2, true), (64, 1, false), (7, 1, false)]);
    }

    #[test]
    fn requests_that_wait_have_batches_of_their_own_and_are_sent_while_nothing_comes() {
        let (mut link, reader) = link();
        link.phase(Phase::Serve(1)).unwrap();
        let ms = 1_000_000;
        assert!(!link.step(1, 0, 5 * ms).unwrap());
        let request = |start_ns, gap_ns| Request {
            start_ns,
            dur_ns: 5 * ms,
            wait_ns: 2 * ms,
            gap_ns,
            fetch_ns: 0,
        };
        assert!(!link.request(1, request(9 * ms, 4 * ms)).unwrap());
        assert!(!link.request(1, request(20 * ms, 6 * ms)).unwrap());
        link.clock.advance(25 * ms);
        // Not due by then.
        link.idle_until(80 * ms).unwrap();
        assert_eq!(written(reader.try_clone().unwrap()).len(), 2);
        link.idle_until(90 * ms).unwrap();
        let events = written(reader);
        let WorkerEvent::Steps(batch) = &events[2].event else {
            panic!("{events:?}");
        };
        assert_eq!((batch.start_ns, batch.end_ns()), (5 * ms, 25 * ms));
        assert_eq!(batch.gap_ns, [4 * ms, 6 * ms]);
        assert_eq!(batch.wait_ns, [2 * ms; 2]);
        assert_eq!(events.len(), 3);
    }

    #[test]
    fn short_epochs_are_told_together_and_long_ones_at_once() {
        let ms = 1_000_000;
        for (step_ns, told) in [(ms, [1, 1, 1, 8]), (30 * ms, [1, 3, 5, 8])] {
            let file = tempfile::tempfile().unwrap();
            let mut link =
                Link::new(file.try_clone().unwrap(), ManualClock::default(), Arc::default());
            link.phase(Phase::Train).unwrap();
            let mut now_ns = 0;
            let mut seen = Vec::new();
            for epoch in 0..3 {
                seen.push(written(file.try_clone().unwrap()).len());
                let _ = link.step(8, now_ns, now_ns + step_ns).unwrap();
                now_ns += step_ns;
                link.clock.advance(step_ns);
                link.send(WorkerEvent::Epoch(EpochReport {
                    epoch,
                    samples: 8,
                    train_loss: Num(1.0),
                    validation_loss: None,
                    validation_accuracy: None,
                }))
                .unwrap();
            }
            // 100 ms later the next batch takes along what waited.
            assert!(link.step(8, now_ns, now_ns + 100 * ms).unwrap());
            link.clock.advance(100 * ms);
            link.flush(None).unwrap();
            seen.push(written(file).len());
            assert_eq!(seen, told, "{step_ns} ns");
        }
    }

    #[test]
    fn an_advance_means_its_own_phase_and_a_stop_every_phase() {
        let (link, _reader) = link();
        link.requested.advance.lock().unwrap().push(Phase::Serve(1));
        link.requested.advanced.store(true, Ordering::Relaxed);
        assert!(link.leave_requested(Phase::Serve(1)));
        assert!(!link.leave_requested(Phase::Serve(32)));
        link.requested.end(true, true);
        assert!(link.training_over() && !link.stop_requested());
        assert!(!link.leave_requested(Phase::Confirm(32)));
        link.requested.end(false, false);
        assert!(link.leave_requested(Phase::Serve(32)));
        assert!(link.leave_requested(Phase::Confirm(32)));
    }

    #[test]
    fn only_a_trained_model_is_tested() {
        let (link, _reader) = link();
        let tested = |epochs, budget| link.is_tested(epochs, budget);
        assert!(tested(5, 5) && !tested(4, 5) && !tested(0, 5) && !tested(0, 0));
        link.requested.end(false, false);
        assert!(tested(5, 5) && !tested(4, 5));
        link.requested.end(false, true);
        assert!(tested(4, 5) && !tested(0, 5));
    }
}
