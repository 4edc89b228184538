//! Which program does the work, and what it says of itself before the first run.
//!
//! Starting runs is left to `runner`. Invariant: a program that is not there is an error before the first run, and not a
//! run that fails.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde::de::DeserializeOwned;

use crate::config::plan::{PlannedRun, WorkerProgram, WorkerSettings};
use crate::event::{CommandSpec, JobSpec, ScriptGives, ScriptHolds};
use crate::runner::{Launch, Streams};
use crate::sampler::Capacity;

/// Makes this program the worker that plays a script.
pub const SCRIPTED_WORKER: &str = "__scripted-worker";

/// Why there is no worker.
#[derive(Debug, thiserror::Error)]
pub enum LaunchError {
    /// This program's own path is unknown.
    #[error("cannot find this program's own file: {0}")]
    Own(std::io::Error),
    /// No native worker.
    #[error(
        "{} is not there; build it with `make` (it needs the feature `torch`), or name a worker of your own in [worker]",
        path.display()
    )]
    NoWorker {
        /// Where it was looked for.
        path: PathBuf,
    },
    /// The native worker does not even start.
    #[error("{} does not start: {why}", path.display())]
    Broken {
        /// The worker.
        path: PathBuf,
        /// What it or the system says.
        why: String,
    },
    /// A device is not there.
    #[error("device `{device}` cannot be used: {why}")]
    Device {
        /// As in the grid.
        device: String,
        /// What the worker says.
        why: String,
    },
}

/// The native worker: beside this program, or where `PERFTUNE_WORKER` says.
pub fn native_worker() -> Result<PathBuf, LaunchError> {
    if let Some(path) = std::env::var_os("PERFTUNE_WORKER") {
        return existing(PathBuf::from(path));
    }
    let own = std::env::current_exe().map_err(LaunchError::Own)?;
    // `perftune` may be a link into the folder where both binaries are.
    let own = own.canonicalize().unwrap_or(own);
    existing(own.with_file_name("perftune-worker"))
}

fn existing(path: PathBuf) -> Result<PathBuf, LaunchError> {
    if path.is_file() { Ok(path) } else { Err(LaunchError::NoWorker { path }) }
}

/// How to start the worker of these settings; `instead`: with the same arguments, but this program.
fn launch(settings: &WorkerSettings, instead: Option<&Path>) -> Result<Launch, LaunchError> {
    let instead = instead.map(|path| existing(path.to_owned())).transpose()?;
    let or = |usual: Result<PathBuf, LaunchError>| instead.map_or(usual, Ok);
    let (program, args) = match &settings.program {
        WorkerProgram::Native => (or(native_worker())?, Vec::new()),
        WorkerProgram::Scripted => {
            let own = std::env::current_exe().map_err(LaunchError::Own);
            (or(own)?, vec![SCRIPTED_WORKER.to_owned()])
        }
        WorkerProgram::Command { program, args } => (or(Ok(program.clone()))?, args.clone()),
    };
    let played = settings.program == WorkerProgram::Scripted;
    let capacity = if played { None } else { Capacity::read() };
    Ok(Launch { capacity, ..launch_of(program, args, settings, Streams::default()) })
}

fn launch_of(
    program: PathBuf,
    args: Vec<String>,
    worker: &WorkerSettings,
    streams: Streams,
) -> Launch {
    let &WorkerSettings { hang_timeout_ns, grace_ns, .. } = worker;
    Launch { program, args, hang_timeout_ns, grace_ns, capacity: None, streams }
}

/// How to start the worker of these runs, or `instead` of it another program; where all runs are commands, the first of
/// them. What is looked up starts nothing.
pub(super) fn of_runs(
    runs: &[PlannedRun],
    worker: &WorkerSettings,
    instead: Option<&Path>,
) -> Result<Launch, LaunchError> {
    let started = || runs.iter().filter(|run| run.answer.is_none());
    match started().next().map(|run| run.job.work.command()) {
        Some(Some(command)) if started().all(|run| run.job.work.is_command()) => {
            Ok(of_command(command, worker, Streams::default()))
        }
        None => Ok(launch_of(PathBuf::new(), Vec::new(), worker, Streams::default())),
        _ => launch(worker, instead),
    }
}

/// How to start a command.
pub(super) fn of_command(
    command: &CommandSpec,
    worker: &WorkerSettings,
    streams: Streams,
) -> Launch {
    let mut words = command.words.iter();
    let program = words.next().map(PathBuf::from).unwrap_or_default();
    launch_of(program, words.cloned().collect(), worker, streams)
}

/// What the native worker says of its versions, one line.
pub fn worker_version(path: &Path) -> Result<String, LaunchError> {
    ask(path, &["--version"])
}

/// Asks the native worker whether it can use this device.
pub(super) fn check_device(path: &Path, device: &str) -> Result<(), LaunchError> {
    match ask(path, &["--check-device", device]) {
        Ok(_) => Ok(()),
        Err(LaunchError::Broken { why, .. }) => {
            Err(LaunchError::Device { device: device.to_owned(), why })
        }
        Err(other) => Err(other),
    }
}

/// What the native worker finds in a TorchScript file, or why it cannot be loaded; nothing where there is no worker to ask.
pub(super) fn script_holds(file: &Path) -> Result<Option<ScriptHolds>, String> {
    let Ok(worker) = native_worker() else { return Ok(None) };
    let Some(name) = file.to_str() else {
        return Err("its path is not Unicode".to_owned());
    };
    // A worker that does not even start is told of when it is to work.
    if worker_version(&worker).is_err() {
        return Ok(None);
    }
    answer(ask(&worker, &["--script", name])).map(Some)
}

/// What the native worker finds when it applies the TorchScript file of this job as the job would; or what is wrong.
pub(super) fn check_script(worker: &Path, job: &JobSpec) -> Result<ScriptGives, String> {
    let job = serde_json::to_string(job).map_err(|error| error.to_string())?;
    answer(ask(worker, &["--check-script", &job]))
}

/// What a worker says that it has found, or why it has not; one that crashed says nothing.
fn answer<T: DeserializeOwned>(said: Result<String, LaunchError>) -> Result<T, String> {
    match said {
        Ok(text) => serde_json::from_str::<Result<T, String>>(&text)
            .unwrap_or_else(|_| Err("the worker that tried it does not answer".to_owned())),
        Err(LaunchError::Broken { why, .. }) => {
            Err(format!("the worker that tried it ended without an answer ({why})"))
        }
        Err(other) => Err(other.to_string()),
    }
}

fn ask(path: &Path, args: &[&str]) -> Result<String, LaunchError> {
    let broken = |why: String| LaunchError::Broken { path: path.to_owned(), why };
    let output = Command::new(path)
        .args(args)
        .stdin(Stdio::null())
        .output()
        .map_err(|error| broken(error.to_string()))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let said = said.trim().trim_start_matches("error: ");
    Err(broken(if said.is_empty() { output.status.to_string() } else { said.to_owned() }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_worker_that_cannot_start_says_why() {
        let dir = tempfile::tempdir().unwrap();
        let script = |name: &str, text: &str| {
            let path = dir.path().join(name);
            fs_err::write(&path, format!("#!/bin/sh\n{text}\n")).unwrap();
            fs_err::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
            path
        };
        let good = script("good", "echo perftune-worker 0.1.0");
        let bad = script("bad", "echo libtorch.so: cannot open shared object file >&2; exit 127");
        assert_eq!(worker_version(&good).unwrap(), "perftune-worker 0.1.0");
        let why = worker_version(&bad).unwrap_err().to_string();
        assert!(why.contains("does not start: libtorch.so: cannot open"), "{why}");
        let missing = existing(dir.path().join("missing")).unwrap_err().to_string();
        assert!(missing.contains("missing is not there; build it with `make`"), "{missing}");
        let device = check_device(&bad, "cuda:7").unwrap_err().to_string();
        assert!(device.starts_with("device `cuda:7` cannot be used: libtorch.so"), "{device}");
    }
}
