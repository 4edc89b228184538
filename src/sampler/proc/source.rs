//! Where `/proc` is, and files of it that are read again and again.

use crate::event::Reason;
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use nix::time::ClockId;
use nix::unistd::Pid;

/// The root of a `/proc`. Only the real one has clocks behind its process ids.
#[derive(Debug, Clone)]
pub(in crate::sampler) struct ProcRoot {
    path: PathBuf,
    live: bool,
}

impl ProcRoot {
    /// `/proc` itself.
    pub(in crate::sampler) fn system() -> Self {
        Self { path: PathBuf::from("/proc"), live: true }
    }

    /// A directory that looks like `/proc`.
    #[cfg(test)]
    pub(in crate::sampler) fn at(path: &Path) -> Self {
        Self { path: path.to_owned(), live: false }
    }

    /// A file or directory below the root.
    pub(in crate::sampler) fn join(&self, below: impl AsRef<Path>) -> PathBuf {
        self.path.join(below)
    }

    /// `/proc/PID`.
    pub(in crate::sampler) fn process(&self, pid: u32) -> PathBuf {
        self.path.join(pid.to_string())
    }

    /// Whether it is the real one.
    pub(in crate::sampler) fn is_live(&self) -> bool {
        self.live
    }

    /// CPU time of a process and its threads, ended ones included, in nanoseconds; `None` where there is no such clock.
    ///
    /// The caller must make sure afterwards that the id still means the same process.
    pub(in crate::sampler) fn cpu_clock_ns(&self, pid: u32) -> Option<u64> {
        if !self.live {
            return None;
        }
        let pid = Pid::from_raw(i32::try_from(pid).ok()?);
        let now = ClockId::pid_cpu_clock_id(pid).and_then(ClockId::now).ok()?;
        let seconds = u64::try_from(now.tv_sec()).ok()?;
        Some(seconds * 1_000_000_000 + u64::try_from(now.tv_nsec()).ok()?)
    }

    /// A whole file, read once.
    pub(in crate::sampler) fn read(&self, below: impl AsRef<Path>) -> io::Result<Vec<u8>> {
        let mut file = open(&self.join(below))?;
        let mut buffer = [0; 4096];
        let count = file.read(&mut buffer)?;
        let mut text = buffer[..count].to_vec();
        // The kernel hands out such a file a page at a time: less than half of one is all of it, and the call that would
        // say so can be saved.
        if count >= buffer.len() / 2 {
            file.read_to_end(&mut text)?;
        }
        Ok(text)
    }

    /// The numbers among the names of a directory: process or thread ids.
    pub(in crate::sampler) fn numbers_in(&self, below: impl AsRef<Path>) -> io::Result<Vec<u32>> {
        let entries = fs_err::read_dir(self.join(below))?;
        Ok(entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok()).collect())
    }
}

/// A file that is read at every tick. It stays open: that is three times cheaper, and an open file of a process that has
/// ended fails instead of speaking of another process with the same id.
#[derive(Debug)]
pub(in crate::sampler) struct ProcFile {
    path: PathBuf,
    kept: Option<File>,
}

impl ProcFile {
    /// The file at `path`, kept open if `keep` and if it can be opened.
    pub(in crate::sampler) fn new(path: PathBuf, keep: bool) -> Self {
        let kept = if keep { open(&path).ok() } else { None };
        Self { path, kept }
    }

    /// The file's beginning, as much as `buffer` holds (every file read so is far smaller than that, or its first lines
    /// are enough).
    pub(in crate::sampler) fn read<'b>(&self, buffer: &'b mut [u8]) -> io::Result<&'b [u8]> {
        let count = match &self.kept {
            Some(file) => file.read_at(buffer, 0)?,
            None => open(&self.path)?.read_at(buffer, 0)?,
        };
        Ok(&buffer[..count])
    }
}

fn open(path: &Path) -> io::Result<File> {
    fs_err::File::open(path).map(fs_err::File::into_file)
}

/// Whether an error means that the process is no longer there, which is no failure.
pub(in crate::sampler) fn gone(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::NotFound
        || error.raw_os_error() == Some(rustix::io::Errno::SRCH.raw_os_error())
}

/// Why `what` could not be read, without ids or paths that differ from tick to tick.
pub(in crate::sampler) fn reason(what: &str, error: &io::Error) -> Reason {
    Reason::unsupported(format!("cannot read {what}: {}", error.kind()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clock_of_this_process_runs_and_a_fake_one_has_none() {
        let root = ProcRoot::system();
        let first = root.cpu_clock_ns(std::process::id()).unwrap();
        let second = root.cpu_clock_ns(std::process::id()).unwrap();
        assert!(first > 0 && second >= first);
        assert_eq!(root.cpu_clock_ns(u32::MAX), None);
        assert_eq!(ProcRoot::at(Path::new("/proc")).cpu_clock_ns(std::process::id()), None);
    }

    #[test]
    fn a_file_is_read_to_its_end() {
        let dir = tempfile::tempdir().unwrap();
        let root = ProcRoot::at(dir.path());
        for length in [0, 1, 2047, 2048, 4096, 4097, 100_000] {
            let text = vec![b'7'; length];
            fs_err::write(dir.path().join("children"), &text).unwrap();
            assert_eq!(root.read("children").unwrap(), text, "{length}");
        }
    }

    #[test]
    fn a_kept_file_is_read_anew_each_time() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("statm");
        fs_err::write(&path, "1 2 3").unwrap();
        for keep in [true, false] {
            fs_err::write(&path, "1 2 3").unwrap();
            let source = ProcFile::new(path.clone(), keep);
            let mut buffer = [0; 16];
            assert_eq!(source.read(&mut buffer).unwrap(), b"1 2 3");
            fs_err::write(&path, "4 5").unwrap();
            assert_eq!(source.read(&mut buffer).unwrap(), b"4 5");
        }
        let missing = ProcFile::new(dir.path().join("none"), true);
        assert!(gone(&missing.read(&mut [0; 4]).unwrap_err()));
    }
}
