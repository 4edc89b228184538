//! Whether the programs of commands are there.
//!
//! Whether a program does what it should is not asked. Invariant: what is refused here could not have been started.

use std::env;
use std::path::Path;

use rustix::fs::{Access, access};

use super::Fault;
use super::distinct::distinct;
use crate::config::plan::PlannedRun;
use crate::event::CommandSpec;

/// The programs of all commands among these runs can be started.
pub(super) fn startable(runs: &[PlannedRun]) -> Result<(), Fault> {
    let commands = runs.iter().filter_map(|run| run.job.work.command());
    let programs = distinct(commands.flat_map(CommandSpec::commands).filter_map(<[_]>::first));
    programs.into_iter().try_for_each(|program| find(program))
}

/// Finds a program as the system will: by its path, or in the folders of `PATH`.
fn find(program: &str) -> Result<(), Fault> {
    let refused = |why: &str| Fault::new(format!("cannot run `{program}`: {why}"));
    if program.is_empty() {
        return Err(Fault::new("the command is an empty text"));
    }
    if program.contains('/') {
        let path = Path::new(program);
        return match fs_err::metadata(path) {
            Err(_) => Err(refused("there is no such file")),
            Ok(found) if found.is_dir() => Err(refused("it is a folder")),
            Ok(_) if !is_executable(path) => Err(refused("it is not executable")
                .hint("use `chmod +x`, or name its interpreter first: python3 train.py")),
            Ok(_) => Ok(()),
        };
    }
    let path = env::var_os("PATH").unwrap_or_default();
    let files = env::split_paths(&path).map(|folder| folder.join(program));
    let files: Vec<_> = files.filter(|file| file.exists() && !file.is_dir()).collect();
    if files.iter().any(|file| is_executable(file)) {
        return Ok(());
    }
    if !files.is_empty() {
        return Err(refused("it is on the PATH, and is not executable"));
    }
    Err(refused("there is no such command on the PATH").hint(
        "name a program in this folder with its path, ./NAME; run shell syntax with sh -c '...'",
    ))
}

fn is_executable(file: &Path) -> bool {
    access(file, Access::EXEC_OK).is_ok()
}
