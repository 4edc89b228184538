//! Whether the programs of commands are there.
//!
//! Whether a program does what it should is not asked. Invariant: what is refused here could not have been started.

use std::env;
use std::path::{Path, PathBuf};

use rustix::fs::{Access, access};

use super::Fault;
use super::distinct::distinct;
use crate::config::plan::PlannedRun;

/// The programs of all commands among these runs can be started.
pub(super) fn startable(runs: &[PlannedRun]) -> Result<(), Fault> {
    let commands = runs.iter().filter_map(|run| run.job.work.command());
    let programs = distinct(commands.filter_map(|command| command.words.first()));
    programs.into_iter().try_for_each(|program| find(program))
}

/// Finds a program as the system will: by its path, or in the folders of `PATH`.
pub(super) fn find(program: &str) -> Result<(), Fault> {
    let refused = |why: &str| Fault::new(format!("cannot run `{program}`: {why}"));
    if program.is_empty() {
        return Err(Fault::new("the command is an empty text"));
    }
    if program.contains('/') {
        return executable(Path::new(program)).map_err(|why| match why {
            NotStartable::Missing => refused("there is no such file"),
            NotStartable::Folder => refused("it is a folder"),
            NotStartable::NotExecutable => refused("it is not executable")
                .hint("`chmod +x` makes it so; or name what reads it first: python3 train.py"),
        });
    }
    let path = env::var_os("PATH").unwrap_or_default();
    let folders = env::split_paths(&path);
    let found: Vec<_> = folders.map(|folder: PathBuf| executable(&folder.join(program))).collect();
    if found.iter().any(Result::is_ok) {
        return Ok(());
    }
    if found.contains(&Err(NotStartable::NotExecutable)) {
        return Err(refused("it is on the PATH, and is not executable"));
    }
    Err(refused("there is no such command on the PATH").hint(
        "a program of this folder is named with its path, ./NAME; what only a shell knows with sh -c '...'",
    ))
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum NotStartable {
    Missing,
    Folder,
    NotExecutable,
}

fn executable(path: &Path) -> Result<(), NotStartable> {
    let Ok(found) = fs_err::metadata(path) else {
        return Err(NotStartable::Missing);
    };
    if found.is_dir() {
        return Err(NotStartable::Folder);
    }
    access(path, Access::EXEC_OK).map_err(|_| NotStartable::NotExecutable)
}
