//! The threads of one run: what they read, and what is known when they are over.

use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::JoinHandle;

use rustix::process::Pid;

use super::action::Input;
use super::child::{self, Worker};
use super::command::EventReader;
use super::inbox::Sender;
use super::pipes::{self, Tail};
use super::spawn::spawn;
use super::stream::Exit;
use crate::clock::{Clock, MonotonicClock};
use crate::event::Outlet;
use crate::sampler::{self, SamplerHandle, SamplerReport};

/// What must be stopped and joined before a run's record is made.
pub(super) struct Threads {
    readers: Vec<JoinHandle<()>>,
    waiter: JoinHandle<()>,
    /// When the process ended, in nanoseconds.
    ended_ns: Arc<AtomicU64>,
    /// What a command reports.
    reader: Option<EventReader>,
    pub(super) sampler: Option<SamplerHandle>,
    sampled: SamplerReport,
    tail: Tail,
}

impl Threads {
    pub(super) fn start(
        pid: Pid,
        pipes: child::Pipes,
        reader: Option<EventReader>,
        sender: Sender,
        metered: bool,
    ) -> io::Result<Self> {
        let tail = Tail::default();
        let ended_ns = Arc::new(AtomicU64::new(0));
        let logs = pipes.outlets.is_none().then(|| tail.clone());
        let log = |stream: OwnedFd, output: Outlet, outlet: Option<File>| {
            let Some(reader) = &reader else {
                let stream = File::from(stream);
                return pipes::read_stderr(stream, sender.clone(), logs.clone(), None);
            };
            let (stream, watch) = reader.watch(output, stream, outlet)?;
            pipes::read_stderr(stream, reader.inputs(), logs.clone(), watch)
        };
        let [out, err] = pipes.outlets.map_or([None, None], |both| both.map(Some));
        let stdout = pipes.stdout.map(|stdout| match reader {
            Some(_) => log(stdout.into(), Outlet::Stdout, out),
            None => pipes::read_protocol(stdout, sender.clone(), metered),
        });
        let stderr = pipes.stderr.map(|stderr| log(stderr.into(), Outlet::Stderr, err));
        let readers: Vec<_> = stdout.into_iter().chain(stderr).collect::<io::Result<_>>()?;
        for _ in readers.len()..2 {
            // What goes past the runner is at its end for it.
            let _ = sender.send(Input::StreamEnded);
        }
        let waiter = wait(pid, Arc::clone(&ended_ns), sender)?;
        Ok(Self {
            readers,
            waiter,
            ended_ns,
            reader,
            sampler: None,
            sampled: SamplerReport::default(),
            tail,
        })
    }

    /// When it happened: the end of the process was seen before everything else that it took to be told.
    pub(super) fn time_of(&self, input: &Input) -> u64 {
        match (input, self.ended_ns.load(Ordering::SeqCst)) {
            (Input::Exited(_), ended_ns) if ended_ns > 0 => ended_ns,
            _ => MonotonicClock.now_ns(),
        }
    }

    /// What is known of a command, or of what a worker has used, only now that it has ended.
    pub(super) fn final_inputs(&mut self, worker: &mut Worker, stopped: bool) -> Vec<Input> {
        let Some(reader) = self.reader.take() else {
            let pid = worker.raw_pid();
            let usage = sampler::last_account(pid, worker.inherited());
            return usage.map(|usage| Input::Counted { pid, usage }).into_iter().collect();
        };
        let usage = worker.reap_counted().unwrap_or_default();
        reader.finish(stopped, usage, self.ended_ns.load(Ordering::SeqCst))
    }

    pub(super) fn stop_sampling(&mut self) {
        if let Some(sampler) = self.sampler.take() {
            self.sampled = sampler.stop();
        }
    }

    /// The tail of standard error, and what the sampler cost. Threads whose pipe a detached grandchild holds open are left to end by themselves.
    pub(super) fn join(mut self) -> (String, SamplerReport) {
        self.stop_sampling();
        self.readers.push(self.waiter);
        for thread in self.readers {
            if thread.is_finished() {
                let _ = thread.join();
            }
        }
        (self.tail.text(), self.sampled)
    }
}

/// Tells when the process has ended, and keeps the time of it.
pub(super) fn wait(
    pid: Pid,
    ended_ns: Arc<AtomicU64>,
    inputs: Sender,
) -> io::Result<JoinHandle<()>> {
    spawn("waiter", move || {
        let exit = child::wait_without_reaping(pid).unwrap_or(Exit::Signal(9));
        ended_ns.store(MonotonicClock.now_ns(), Ordering::SeqCst);
        let _ = inputs.send(Input::Exited(exit));
    })
}
