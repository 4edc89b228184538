//! The worker's process: its environment, its process group, its pipes and its end.

use std::io::{self, IsTerminal, PipeWriter, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{self, Sender};

use fs_err::File;
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions};

use crate::event::{Allocator, JobSpec, Outlet, Usage};
use crate::sampler;

use super::command::EVENTS;
use super::group::RunGroup;
use super::spawn::spawn;
use super::stream::Exit;
use super::system::{self, Cpus};
use super::{Launch, RunSpec, Streams};

/// A running worker. Dropping it kills its process group and reaps it: no way out of the runner leaves an orphan.
#[derive(Debug)]
pub struct Worker {
    child: Child,
    pid: Pid,
    /// What is to be written on its standard input; a thread waits for a worker that does not read.
    lines: Option<Sender<String>>,
    reaped: bool,
    /// The most memory that it had before its first instruction, in bytes.
    inherited: Option<u64>,
}

/// The variables that make glibc keep freed memory instead of returning it to the kernel with every large tensor.
/// The values are those of the measurements in the design: 1.2 to 1.5 times faster steps on an MLP.
const RETAIN: [(&str, &str); 3] = [
    ("MALLOC_MMAP_THRESHOLD_", "1000000000"),
    ("MALLOC_TRIM_THRESHOLD_", "1000000000"),
    ("MALLOC_TOP_PAD_", "100000000"),
];

/// What says to CUDA which devices there are.
const VISIBLE: &str = "CUDA_VISIBLE_DEVICES";

/// What a pipe from a worker holds, in bytes. Of the 64 KiB that the kernel gives it, a program that writes in bursts fills all
/// and waits for the reader, and the wait would count as its time.
const PIPE: usize = 1 << 20;

/// What holds a worker, and everything that it starts, within its limits.
#[derive(Debug, Default)]
pub struct Confinement {
    /// The CPUs that it may run on.
    cpus: Option<Cpus>,
    /// The `cgroup.procs` of its control group, open for writing.
    door: Option<File>,
    /// The one GPU that CUDA shows it, by its UUID.
    gpu: Option<String>,
}

impl Confinement {
    /// That of the limits of this run, its lane and this control group.
    pub(super) fn new(spec: &RunSpec, group: Option<&RunGroup>) -> io::Result<Self> {
        let lane = spec.lane.as_ref();
        let of_lane = lane.map_or(&[][..], |lane| &lane.cpus);
        let cpus = if spec.limits.cpus.is_empty() { of_lane } else { &spec.limits.cpus };
        Ok(Self {
            cpus: (!cpus.is_empty()).then(|| Cpus::new(cpus)),
            door: group.map(RunGroup::door).transpose()?,
            gpu: lane.and_then(|lane| lane.gpu.clone()),
        })
    }

    /// Of what is run around a run: its lane alone.
    pub(super) fn of_lane(spec: &RunSpec) -> Self {
        let lane = spec.lane.as_ref();
        let cpus = lane.map(|lane| Cpus::new(&lane.cpus));
        Self { cpus, door: None, gpu: lane.and_then(|lane| lane.gpu.clone()) }
    }
}

/// The pipes that a worker's threads read.
#[derive(Debug)]
pub struct Pipes {
    /// The protocol, or what a command prints; absent where it prints past the runner.
    pub stdout: Option<std::process::ChildStdout>,
    /// What its libraries print; likewise.
    pub stderr: Option<std::process::ChildStderr>,
    /// Where what is read of either goes on to, instead of the log.
    pub outlets: Option<[std::fs::File; 2]>,
}

impl Worker {
    /// Starts the program in a process group of its own, so that a Ctrl-C at the terminal reaches the runner alone, and
    /// held by `hold` from before its first instruction.
    ///
    /// `events`: where a command may report what it does.
    pub fn spawn(
        launch: &Launch,
        job: &JobSpec,
        events: Option<&Path>,
        hold: Confinement,
    ) -> io::Result<(Self, Pipes)> {
        let mut command = Command::new(&launch.program);
        command.args(&launch.args).process_group(0);
        if let Some(events) = events {
            command.env(EVENTS, events);
            outlets(&mut command, launch.streams, job)?;
        } else {
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
            environment(&mut command, job);
        }
        for (name, value) in job.own.environment() {
            command.env(name, value);
        }
        if let Some(gpu) = &hold.gpu {
            command.env(VISIBLE, gpu);
        }
        let (mut mark, tell) = io::pipe()?;
        before_exec(&mut command, hold, tell);
        let mut child = command.spawn()?;
        // With our end of the pipe: then the child's was the last one, and it is closed.
        drop(command);
        let mut inherited = [0; size_of::<u64>()];
        let inherited =
            mark.read_exact(&mut inherited).ok().map(|()| u64::from_ne_bytes(inherited));
        let (stdin, stdout, stderr) =
            (child.stdin.take(), child.stdout.take(), child.stderr.take());
        stdout.as_ref().inspect(|pipe| system::widen(pipe, PIPE));
        stderr.as_ref().inspect(|pipe| system::widen(pipe, PIPE));
        let pid = Pid::from_child(&child);
        let mut worker = Self { child, pid, lines: None, reaped: false, inherited };
        worker.lines = stdin.map(write_lines).transpose()?;
        let outlets = (events.is_some() && launch.streams != Streams::Logged)
            .then(|| passed(launch.streams))
            .transpose()?;
        Ok((worker, Pipes { stdout, stderr, outlets }))
    }

    /// The most memory that it had before its first instruction, in bytes, where the system tells: its own mark begins there.
    pub fn inherited(&self) -> Option<u64> {
        self.inherited
    }

    /// Its process id.
    pub fn pid(&self) -> Pid {
        self.pid
    }

    /// The same as a number.
    pub fn raw_pid(&self) -> u32 {
        self.pid.as_raw_nonzero().get().unsigned_abs()
    }

    /// Writes a line on its standard input, without waiting for it. A worker that no longer reads is not an error here: its
    /// end will tell.
    pub fn send(&mut self, line: String) {
        if self.lines.as_ref().is_some_and(|lines| lines.send(line).is_err()) {
            self.lines = None;
        }
    }

    /// Sends a signal to its process group.
    pub fn signal(&self, signal: Signal) {
        if !self.reaped {
            // ESRCH: everybody in the group is gone already.
            let _ = rustix::process::kill_process_group(self.pid, signal);
        }
    }

    /// Gives up a process that nothing ends: it is neither waited for nor signalled any more.
    pub fn leave_behind(&mut self) {
        self.lines = None;
        self.reaped = true;
    }

    /// Kills what is left of the group of a child that has ended, removes it from the process table, and says what the kernel
    /// has counted of it.
    pub fn reap_counted(&mut self) -> Option<Usage> {
        if self.reaped {
            return None;
        }
        self.signal(Signal::KILL);
        let usage = sampler::last_account(self.raw_pid(), self.inherited);
        self.reap();
        usage
    }

    /// Kills what is left of the group and removes the ended child from the process table.
    pub fn reap(&mut self) {
        if !self.reaped {
            self.signal(Signal::KILL);
            self.lines = None;
            let _ = self.child.wait();
            self.reaped = true;
        }
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.reap();
    }
}

/// Writes each line until there are no more, then closes the pipe.
fn write_lines(mut stdin: ChildStdin) -> io::Result<Sender<String>> {
    let (sender, lines) = mpsc::channel::<String>();
    spawn("stdin", move || {
        let mut write = |line: String| stdin.write_all((line + "\n").as_bytes());
        while lines.recv().is_ok_and(|line| write(line).is_ok()) {}
    })?;
    Ok(sender)
}

/// Blocks until the process has ended, and leaves it in the process table so that its last figures can be read.
pub fn wait_without_reaping(pid: Pid) -> io::Result<Exit> {
    let options = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
    loop {
        match rustix::process::waitid(WaitId::Pid(pid), options) {
            Ok(Some(status)) => {
                return Ok(match (status.exit_status(), status.terminating_signal()) {
                    (Some(code), _) => Exit::Code(code),
                    (None, Some(signal)) => Exit::Signal(signal),
                    (None, None) => Exit::Signal(9),
                });
            }
            Ok(None) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

/// Orphans of the worker become the runner's children: the sampler goes on counting them, and [`reap_orphans`] removes those
/// that have ended. One that has left the worker's process group lives on: perftune does not end what it did not start.
pub fn adopt_orphans() {
    system::adopt_orphans();
}

/// Removes adopted orphans that have ended from the process table. Call it while no worker is there to be waited for.
pub fn reap_orphans() {
    while let Ok(Some(_)) = rustix::process::wait(rustix::process::WaitOptions::NOHANG) {}
}

/// The same of this run, whose worker has been waited for. Beside other lanes only those that are still in its process group:
/// their workers are children of ours as well, and each is waited for by its own lane.
pub(super) fn reap_orphans_of(spec: &RunSpec, worker: Pid) {
    if spec.lane.is_none() {
        return reap_orphans();
    }
    let no_wait = rustix::process::WaitOptions::NOHANG;
    while let Ok(Some(_)) = rustix::process::waitpgid(worker, no_wait) {}
}

/// The standard streams of a command.
fn outlets(command: &mut Command, streams: Streams, job: &JobSpec) -> io::Result<()> {
    if streams == Streams::Logged {
        let command = command.stdin(Stdio::null());
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        return Ok(());
    }
    // Its process group is not the one in the foreground of a terminal, whose input would stop it.
    command.stdin(if io::stdin().is_terminal() { Stdio::null() } else { Stdio::inherit() });
    let [stdout, stderr] = passed(streams)?;
    // What is looked through for figures passes through the runner.
    let outlet = |output, file: std::fs::File| {
        if job.is_watched(output) { Stdio::piped() } else { Stdio::from(file) }
    };
    command.stdout(outlet(Outlet::Stdout, stdout)).stderr(outlet(Outlet::Stderr, stderr));
    Ok(())
}

/// Where the output of a command goes that is not logged, and its errors.
fn passed(streams: Streams) -> io::Result<[std::fs::File; 2]> {
    let stderr = io::stderr().as_fd().try_clone_to_owned()?;
    let stdout = if streams == Streams::PassedWithOutput {
        io::stdout().as_fd().try_clone_to_owned()?
    } else {
        stderr.try_clone()?
    };
    Ok([stdout.into(), stderr.into()])
}

fn environment(command: &mut Command, job: &JobSpec) {
    for (name, value) in RETAIN {
        match job.allocator {
            Allocator::Retain => command.env(name, value),
            Allocator::System => command.env_remove(name),
        };
    }
    // A value left in the user's shell must not overrule the grid.
    command.env("OMP_NUM_THREADS", job.threads.to_string());
    command.env("MKL_NUM_THREADS", job.threads.to_string());
    // Says the same as the policy, and more finely; where both are set, one of the two would be ignored.
    command.env("GOMP_SPINCOUNT", job.omp_wait.spin_count().to_string());
    command.env_remove("OMP_WAIT_POLICY");
}

/// Asks the kernel to kill the worker when the runner dies, however it dies, and to hold it within its limits. The native
/// worker would notice by itself that the runner is gone (its standard input ends); one in another language may not look.
/// The signal comes when the *thread* that started the worker ends: the executor runs on the thread that outlives its workers.
/// `tell`: where the child says how much memory it has had by then.
fn before_exec(command: &mut Command, hold: Confinement, tell: PipeWriter) {
    let set = move || {
        system::die_with_parent()?;
        if let Some(door) = &hold.door {
            // "0" is who writes it.
            rustix::io::write(door.file(), b"0")?;
        }
        if let Some(cpus) = &hold.cpus {
            cpus.bind()?;
        }
        if let Some(most) = sampler::own_mark() {
            rustix::io::write(&tell, &most.to_ne_bytes())?;
        }
        Ok(())
    };
    #[expect(unsafe_code, reason = "there is no safe way to act in a child before exec")]
    // SAFETY: the closure runs in the child between fork and exec, where only async-signal-safe calls are allowed. It
    // makes at most five system calls (prctl, write, sched_setaffinity, getrusage, write) on values that were made before the fork, and
    // neither allocates nor locks nor drops: what it owns stays with `command`, in the parent.
    unsafe {
        command.pre_exec(set);
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;
    use crate::runner::fixtures::job;

    #[test]
    fn what_writes_in_bursts_does_not_wait_for_the_reader() {
        let launch = Launch {
            program: "true".into(),
            args: Vec::new(),
            hang_timeout_ns: 1,
            grace_ns: 1,
            capacity: None,
            streams: Streams::Logged,
        };
        let events = Some("/dev/null".as_ref());
        let (_worker, pipes) =
            Worker::spawn(&launch, &job(1), events, Confinement::default()).unwrap();
        let most = fs_err::read_to_string("/proc/sys/fs/pipe-max-size").unwrap();
        let room = rustix::pipe::fcntl_getpipe_size(pipes.stdout.unwrap()).unwrap();
        assert!(room >= PIPE.min(most.trim().parse().unwrap()), "{room}");
    }
}
