//! The clients of Slurm: sbatch, squeue, scancel, scontrol and sacct, started with a bounded wait.
//!
//! Invariant: what the environment says of another job, or of how these clients should print, does not reach them; where the
//! cluster's configuration is, does.

use std::ffi::OsStr;
use std::io;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};

use super::answer::{self, Row, Word};

/// Variables that change what a client does, by how they begin.
const MEANT_FOR_OTHERS: &[&str] =
    &["SBATCH_", "SQUEUE_", "SACCT_", "SCANCEL_", "SLURM_", "SLURMD_"];

/// Where the configuration of the cluster is: the one of them that is needed.
const CONFIGURATION: &str = "SLURM_CONF";

/// How many names a question may hold: a command line is not endless.
const NAMES: usize = 200;

/// Why Slurm has not done what it was asked for.
#[derive(Debug, thiserror::Error)]
pub enum SlurmError {
    /// There is no Slurm here.
    #[error("there is no `{program}` here: {source}")]
    Missing {
        /// Which client.
        program: &'static str,
        /// What the system says.
        source: io::Error,
    },
    /// It says nothing.
    #[error("`{program}` has not answered within {patience_s} s")]
    Silent {
        /// Which client.
        program: &'static str,
        /// How long it was waited for.
        patience_s: f64,
    },
    /// It says no.
    #[error("`{program}` refused: {said}")]
    Refused {
        /// Which client.
        program: &'static str,
        /// In its own words.
        said: String,
    },
    /// Nobody understands it.
    #[error("`{program}` says {said:?}, which is no answer")]
    Unread {
        /// Which client.
        program: &'static str,
        /// In its own words.
        said: String,
    },
}

/// The cluster that this machine's clients speak to.
#[derive(Debug, Clone, Copy)]
pub struct Slurm {
    patience: Duration,
}

impl Slurm {
    /// Its clients are waited for so long, in seconds.
    pub fn new(patience_s: f64) -> Self {
        Self { patience: Duration::try_from_secs_f64(patience_s).unwrap_or(Duration::MAX) }
    }

    /// The largest size of an array, where the cluster says it; an error where it does not answer.
    pub fn largest_array(&self) -> Result<Option<u32>, SlurmError> {
        let said = self.ask("scontrol", ["show", "config"])?;
        Ok(answer::setting(&said, "MaxArraySize").and_then(|most| most.parse().ok()))
    }

    /// Submits a script; the number of its job.
    pub fn submit(&self, script: &Path) -> Result<u64, SlurmError> {
        let program = "sbatch";
        let said = self.ask(program, [OsStr::new("--parsable"), script.as_os_str()])?;
        answer::job(&said).ok_or_else(|| SlurmError::Unread { program, said: brief(&said) })
    }

    /// The tasks in the queue of jobs of these names, those that are over not long ago among them.
    pub fn queue(&self, names: &[&str]) -> Result<Vec<Row>, SlurmError> {
        let mut rows = Vec::new();
        for names in names.chunks(NAMES) {
            let (names, user) = (names.join(","), user());
            let format = answer::QUEUE_FORMAT;
            let words = ["-h", "-r", "-t", "all", "-u", &user, "-n", &names, "-o", format];
            rows.extend(answer::queue(&self.ask("squeue", words)?));
        }
        Ok(rows)
    }

    /// How tasks of these jobs have ended; an error where the cluster keeps no accounts.
    pub fn accounts(&self, jobs: &[u64]) -> Result<Vec<(u64, usize, Word)>, SlurmError> {
        let mut found = Vec::new();
        for jobs in jobs.chunks(NAMES) {
            let jobs = jobs.iter().map(u64::to_string).collect::<Vec<_>>().join(",");
            let words = ["-X", "-P", "-n", "-j", &jobs, "-o", answer::ACCOUNT_FORMAT];
            found.extend(answer::accounts(&self.ask("sacct", words)?));
        }
        Ok(found)
    }

    /// Cancels all tasks of jobs of these names, whether their numbers are known or not.
    pub fn cancel(&self, names: &[&str]) -> Result<(), SlurmError> {
        for name in names {
            self.ask("scancel", ["--user", &user(), "--name", name])?;
        }
        Ok(())
    }

    /// Starts a task once more. By the number of its array: that of the task alone is another job's, where the task is the last.
    pub fn requeue(&self, job: u64, task: usize) -> Result<(), SlurmError> {
        self.ask("scontrol", ["requeue", &format!("{job}_{task}")]).map(drop)
    }

    /// Starts a client and waits for its answer.
    fn ask(
        &self,
        program: &'static str,
        words: impl IntoIterator<Item = impl AsRef<OsStr>>,
    ) -> Result<String, SlurmError> {
        let mut command = Command::new(program);
        command.args(words).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        for (name, _) in std::env::vars_os() {
            let text = name.to_string_lossy();
            if text != CONFIGURATION && MEANT_FOR_OTHERS.iter().any(|start| text.starts_with(start))
            {
                command.env_remove(&name);
            }
        }
        let missing = |source| SlurmError::Missing { program, source };
        let output = answered(&mut command, self.patience).map_err(missing)?;
        let output = output
            .ok_or(SlurmError::Silent { program, patience_s: self.patience.as_secs_f64() })?;
        if output.status.success() {
            return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
        }
        let said =
            [&output.stderr, &output.stdout].map(|said| brief(&String::from_utf8_lossy(said)));
        let said = said.into_iter().find(|said| !said.is_empty());
        Err(SlurmError::Refused {
            program,
            said: said.unwrap_or_else(|| output.status.to_string()),
        })
    }
}

/// What a command prints; nothing where it takes longer than this, and then it is ended with all that it has started.
fn answered(command: &mut Command, patience: Duration) -> io::Result<Option<Output>> {
    let child = command.process_group(0).spawn()?;
    let group = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
    let (send, receive) = mpsc::channel();
    thread::Builder::new().name("slurm".to_owned()).spawn(move || {
        // Nobody waits any more where it took too long.
        let _ = send.send(child.wait_with_output());
    })?;
    match receive.recv_timeout(patience) {
        Ok(output) => output.map(Some),
        Err(RecvTimeoutError::Timeout) => {
            group.map(|group| kill_process_group(group, Signal::KILL)).transpose()?;
            Ok(None)
        }
        Err(RecvTimeoutError::Disconnected) => Err(io::ErrorKind::BrokenPipe.into()),
    }
}

/// What was said, on one line of bearable length, without the name of the program before each line.
fn brief(said: &str) -> String {
    const MOST: usize = 500;
    let lines = said.lines().map(str::trim).filter(|line| !line.is_empty());
    let text = lines.collect::<Vec<_>>().join("; ");
    match text.char_indices().nth(MOST) {
        Some((at, _)) => format!("{} ...", &text[..at]),
        None => text,
    }
}

/// The number of the user: a name would have to be looked up.
fn user() -> String {
    rustix::process::getuid().as_raw().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str, patience_ms: u64) -> Option<String> {
        let mut command = Command::new("sh");
        command.args(["-c", script]).stdout(Stdio::piped()).stderr(Stdio::piped());
        let output = answered(&mut command, Duration::from_millis(patience_ms)).unwrap();
        output.map(|output| String::from_utf8(output.stdout).unwrap())
    }

    #[test]
    fn nobody_is_waited_for_forever() {
        assert_eq!(shell("echo 7", 60_000).as_deref(), Some("7\n"));
        // What it has started holds its pipe.
        assert_eq!(shell("sleep 1000 & wait", 20), None);
    }

    #[test]
    fn what_was_said_is_one_line() {
        assert_eq!(brief(" a: b\n\n c\n"), "a: b; c");
        assert!(brief(&"long ".repeat(1000)).ends_with(" ..."));
    }
}
