//! The path in `$PERFTUNE_EVENTS`, and the thread that reads what is written there.
//!
//! It is a named pipe that the runner holds open on both sides: a writer never waits for a reader, may open and close it as
//! often as it likes (`>>` and `>` do the same), and several may write at once, since the kernel keeps lines of up to 4096
//! bytes together. Lines are read when they are written, which is what times steps that say no time of their own; a file
//! would have to be looked at again and again, and would grow with every step.

use std::fs::{DirBuilder, File};
use std::io::{self, Read};
use std::os::fd::OwnedFd;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc;
use std::thread::JoinHandle;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::fs::{FlockOperation, Mode, OFlags, flock, open};

use super::adapter::{LONGEST, ProtocolAdapter};
use super::left_file::LeftFiles;
use super::story::Story;
use super::watch::{Passing, Watch};
use crate::event::{DeclaredMetric, FigureLack, JobSpec, Outlet, ReadFrom, Usage, WorkerEvent};
use crate::runner::action::Input;
use crate::runner::inbox::Sender;
use crate::runner::lines::LineSplitter;
use crate::runner::spawn::spawn;
use crate::runner::system::named_pipe;

/// What is read at once, in bytes.
const CHUNK: usize = 64 << 10;

/// Most that is still read when the command has ended, in bytes: more than a pipe holds, less than a process that it has
/// left behind may write.
const LAST: usize = 1 << 20;

/// Folders that are tried, where those of earlier processes of this number were left behind.
const TRIES: u32 = 1000;

/// The name of the pipe in its folder.
const PIPE: &str = "events";

/// What the names of the folders begin with.
const PREFIX: &str = "perftune-events-";

/// Tells the pipes of one process apart.
static NEXT: AtomicU32 = AtomicU32::new(0);

/// A named pipe in a folder of its own. Both are removed with it; those that a killed process has left are removed by the
/// next that makes one.
#[derive(Debug)]
pub(in crate::runner) struct EventPipe {
    folder: PathBuf,
    path: PathBuf,
    pipe: OwnedFd,
    /// The files that the command is to leave.
    files: LeftFiles,
    /// Locked for as long as the owner of the folder lives.
    _lock: OwnedFd,
}

impl EventPipe {
    /// Makes one in the system's folder for temporary files, which nobody else can look into.
    pub(in crate::runner) fn open(job: &JobSpec) -> io::Result<Self> {
        let files = LeftFiles::before(&job.metrics);
        let temporary = std::env::temp_dir();
        sweep(&temporary);
        let (folder, lock) = folder(&temporary)?;
        let path = folder.join(PIPE);
        let made = named_pipe(&path);
        let flags = OFlags::RDWR | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let pipe = made.and_then(|()| open(&path, flags, Mode::empty()));
        match pipe {
            Ok(pipe) => Ok(Self { folder, path, pipe, files, _lock: lock }),
            Err(error) => {
                remove(&folder, &path);
                Err(error.into())
            }
        }
    }

    /// Where to write.
    pub(in crate::runner) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for EventPipe {
    fn drop(&mut self) {
        remove(&self.folder, &self.path);
    }
}

/// What cannot be removed is left to the system, as all that lies in its folder for temporary files.
fn remove(folder: &Path, path: &Path) {
    let _ = fs_err::remove_file(path);
    let _ = fs_err::remove_dir(folder);
}

/// Removes what killed processes of this user have left: the lock of a living one is held, whatever namespace it lives in.
fn sweep(temporary: &Path) {
    let entries = fs_err::read_dir(temporary).into_iter().flatten().flatten();
    let left =
        entries.filter(|entry| entry.file_name().as_encoded_bytes().starts_with(PREFIX.as_bytes()));
    for folder in left.map(|entry| entry.path()) {
        // What somebody else owns cannot be opened. Locked until it is gone: nobody can take it for its own meanwhile.
        if let Ok(_lock) = lock(&folder) {
            remove(&folder, &folder.join(PIPE));
        }
    }
}

fn lock(folder: &Path) -> rustix::io::Result<OwnedFd> {
    let flags = OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let lock = open(folder, flags, Mode::empty())?;
    flock(&lock, FlockOperation::NonBlockingLockExclusive)?;
    Ok(lock)
}

/// A new folder, locked.
fn folder(temporary: &Path) -> io::Result<(PathBuf, OwnedFd)> {
    let process = std::process::id();
    let mut last = io::Error::other("no name is free");
    for _ in 0..TRIES {
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let folder = temporary.join(format!("{PREFIX}{process}-{number}"));
        let made = DirBuilder::new().mode(0o700).create(&folder);
        // Somebody who sweeps may have taken it for one that was left: then the next name is tried.
        match made.and_then(|()| Ok(lock(&folder)?)) {
            Ok(lock) if folder.exists() => return Ok((folder, lock)),
            Ok(_) => {}
            Err(error) if is_taken(&error) => last = error,
            Err(error) => {
                let place = folder.display();
                return Err(io::Error::new(error.kind(), format!("{place}: {error}")));
            }
        }
    }
    Err(last)
}

fn is_taken(error: &io::Error) -> bool {
    use io::ErrorKind::{AlreadyExists, NotFound, WouldBlock};
    // Gone again: somebody has swept it before it was locked.
    matches!(error.kind(), AlreadyExists | NotFound | WouldBlock)
}

/// Reads what a command reports until it is told to finish.
#[derive(Debug)]
pub(in crate::runner) struct EventReader {
    /// Its end tells the threads to finish.
    stop: OwnedFd,
    stopped: OwnedFd,
    story: Story,
    metrics: Vec<DeclaredMetric>,
    /// Tells when what was printed has been read.
    printed: (mpsc::Sender<()>, mpsc::Receiver<()>),
    thread: JoinHandle<LeftFiles>,
}

impl EventReader {
    /// Of the command of this job, which was started as this process at this time.
    pub(in crate::runner) fn start(
        event_pipe: EventPipe,
        job: &JobSpec,
        pid: u32,
        started_ns: u64,
        inputs: &Sender,
    ) -> io::Result<Self> {
        let (stopped, stop) = io::pipe()?;
        let story = Story::new(ProtocolAdapter::new(job, pid, started_ns), inputs.another());
        let reader = ReaderThread {
            event_pipe,
            stopped: stopped.try_clone()?.into(),
            story: story.clone(),
            splitter: LineSplitter::new(LONGEST),
        };
        let thread = spawn("events", move || reader.run())?;
        let (stop, stopped) = (stop.into(), stopped.into());
        let (metrics, printed) = (job.metrics.clone(), mpsc::channel());
        Ok(Self { stop, stopped, story, metrics, printed, thread })
    }

    /// What looks for figures in this output, and the stream that it reads; the stream as it is where none is looked for.
    /// `outlet`: where what is read goes on to.
    pub(in crate::runner) fn watch(
        &self,
        output: Outlet,
        stream: OwnedFd,
        outlet: Option<File>,
    ) -> io::Result<(Box<dyn Read + Send>, Option<Watch>)> {
        let watch = Watch::new(&self.metrics, output, &self.story, &self.printed.0);
        Ok(match watch {
            None => (Box::new(File::from(stream)), None),
            Some(watch) => {
                let passing = Passing::new(stream, self.stopped.try_clone()?, outlet);
                (Box::new(passing), Some(watch))
            }
        })
    }

    /// Where messages of the command go, in the same hurry.
    pub(in crate::runner) fn inputs(&self) -> Sender {
        self.story.inputs().clone()
    }

    /// Takes what was written to the end, and ends the story at this time: `stopped` or by itself.
    pub(in crate::runner) fn finish(self, stopped: bool, usage: Usage, t_ns: u64) -> Vec<Input> {
        drop(self.stop);
        // Who calls is who would make room.
        self.story.inputs().hurry();
        // Each that is done lets go of its end.
        let (printing, printed) = self.printed;
        drop(printing);
        while printed.recv().is_ok() {}
        // A reader that has panicked has said so; its run then lacks its end.
        let Ok(files) = self.thread.join() else {
            return Vec::new();
        };
        let mut adapter = self.story.adapter();
        let found = files.read();
        let is_value = |event: &WorkerEvent| matches!(event, WorkerEvent::Metric { .. });
        let lacks = found.iter().filter(|event| !is_value(event)).cloned();
        let unmatched = self.metrics.iter().filter_map(|metric| {
            let Some(ReadFrom::Output { output, .. }) = metric.from else { return None };
            let why = FigureLack::NoMatch { output };
            Some(WorkerEvent::Unread { name: metric.metric.to_string(), why })
        });
        let unsaid = |event: &WorkerEvent| match event {
            WorkerEvent::Unread { name, .. } => !adapter.has_said(name),
            _ => true,
        };
        let lacks: Vec<_> = lacks.chain(unmatched).filter(unsaid).collect();
        adapter.tell(found.into_iter().filter(is_value).chain(lacks).collect(), t_ns);
        adapter.finish(stopped, usage, t_ns);
        adapter.said()
    }
}

struct ReaderThread {
    event_pipe: EventPipe,
    stopped: OwnedFd,
    story: Story,
    splitter: LineSplitter,
}

impl ReaderThread {
    fn run(mut self) -> LeftFiles {
        let mut buffer = vec![0; CHUNK];
        self.story.take(&[]);
        while !self.wait() {
            self.read(&mut buffer);
        }
        let mut left = LAST;
        while let Some(read) = self.read(&mut buffer).filter(|_| left > 0) {
            left = left.saturating_sub(read);
        }
        let rest = self.splitter.rest();
        self.story.take(rest.as_slice());
        std::mem::take(&mut self.event_pipe.files)
    }

    /// Until there is something to read; whether it is time to finish.
    fn wait(&self) -> bool {
        let mut both = [
            PollFd::new(&self.event_pipe.pipe, PollFlags::IN),
            PollFd::new(&self.stopped, PollFlags::IN),
        ];
        // An interrupted wait is tried again by the caller.
        let _ = poll(&mut both, None);
        !both[1].revents().is_empty()
    }

    /// Reads once; how much, if anything.
    fn read(&mut self, buffer: &mut [u8]) -> Option<usize> {
        let read = rustix::io::read(&self.event_pipe.pipe, &mut *buffer).ok();
        let read = read.filter(|read| *read > 0)?;
        let lines = self.splitter.cut(&buffer[..read]);
        self.story.take(&lines);
        Some(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_killed_process_has_left_is_swept_and_nothing_else() {
        let temporary = tempfile::tempdir().unwrap();
        let made = |name: &str| {
            let folder = temporary.path().join(name);
            fs_err::create_dir(&folder).unwrap();
            named_pipe(&folder.join(PIPE)).unwrap();
            folder
        };
        let left = made("perftune-events-1-0");
        let foreign = made("another-1-0");
        let (lives, _lock) = folder(temporary.path()).unwrap();
        let full = made("perftune-events-1-1");
        fs_err::write(full.join("mine"), "").unwrap();
        sweep(temporary.path());
        assert_eq!(
            [&left, &foreign, &lives, &full].map(|path| path.exists()),
            [false, true, true, true]
        );
    }

    /// Several programs make their folders and sweep at once: one that is taken for left before it is locked is made anew.
    #[test]
    fn who_sweeps_takes_nobody_s_new_folder_for_good() {
        let temporary = tempfile::tempdir().unwrap();
        let path = temporary.path();
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..300 {
                        sweep(path);
                        let (made, _lock) = folder(path).unwrap();
                        named_pipe(&made.join(PIPE)).unwrap();
                        remove(&made, &made.join(PIPE));
                    }
                });
            }
        });
    }
}
