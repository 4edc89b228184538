//! What Linux does for a runner and other systems do not. There workers run without it; limits are refused before.

#[cfg(target_os = "linux")]
pub(super) use self::linux::{Cpus, adopt_orphans, die_with_parent, named_pipe, widen};

#[cfg(not(target_os = "linux"))]
pub(super) use self::elsewhere::{Cpus, adopt_orphans, die_with_parent, named_pipe, widen};

#[cfg(target_os = "linux")]
mod linux {
    use std::os::fd::AsFd;
    use std::path::Path;

    use rustix::fs::{CWD, FileType, Mode, mknodat};
    use rustix::io::Result;
    use rustix::process::Signal;
    use rustix::thread::CpuSet;

    /// CPUs that a process may run on.
    #[derive(Debug)]
    pub(in crate::runner) struct Cpus(CpuSet);

    impl Cpus {
        /// These; the kernel knows no larger number than those that fit.
        pub(in crate::runner) fn new(numbers: &[u32]) -> Self {
            let mut set = CpuSet::new();
            let numbers = numbers.iter().map(|cpu| *cpu as usize);
            for cpu in numbers.filter(|cpu| *cpu < CpuSet::MAX_CPU) {
                set.set(cpu);
            }
            Self(set)
        }

        /// Binds the calling process, by one system call.
        pub(in crate::runner) fn bind(&self) -> Result<()> {
            rustix::thread::sched_setaffinity(None, &self.0)
        }
    }

    /// Asks the kernel to kill the calling process when the thread that started it ends, by one system call.
    pub(in crate::runner) fn die_with_parent() -> Result<()> {
        rustix::process::set_parent_process_death_signal(Some(Signal::KILL))
    }

    /// Makes this process the parent of its descendants' orphans.
    pub(in crate::runner) fn adopt_orphans() {
        // Where the kernel refuses, orphans go to init as they always did.
        let _ = rustix::process::set_child_subreaper(Some(rustix::process::getpid()));
    }

    /// Makes a named pipe that its owner alone may use.
    pub(in crate::runner) fn named_pipe(path: &Path) -> Result<()> {
        mknodat(CWD, path, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0)
    }

    /// Gives a pipe room for so many bytes, so that who writes them in bursts need not wait for the reader.
    pub(in crate::runner) fn widen(pipe: impl AsFd, bytes: usize) {
        // Beyond a limit of the user's (`/proc/sys/fs/pipe-max-size`) it stays as it is.
        let _ = rustix::pipe::fcntl_setpipe_size(pipe, bytes);
    }
}

#[cfg(not(target_os = "linux"))]
mod elsewhere {
    use std::os::fd::AsFd;
    use std::path::Path;

    use rustix::io::{Errno, Result};

    /// CPUs that a process may run on: nobody binds it to them.
    #[derive(Debug)]
    pub(in crate::runner) struct Cpus;

    impl Cpus {
        pub(in crate::runner) const fn new(_numbers: &[u32]) -> Self {
            Self
        }

        pub(in crate::runner) const fn bind(&self) -> Result<()> {
            Err(Errno::NOSYS)
        }
    }

    /// A worker that reads its standard input notices by itself.
    pub(in crate::runner) const fn die_with_parent() -> Result<()> {
        Ok(())
    }

    /// Orphans go to init.
    pub(in crate::runner) const fn adopt_orphans() {}

    /// No call of the crate in use makes one.
    pub(in crate::runner) const fn named_pipe(_path: &Path) -> Result<()> {
        Err(Errno::NOSYS)
    }

    /// A pipe stays as wide as it is.
    pub(in crate::runner) fn widen(_pipe: impl AsFd, _bytes: usize) {}
}
