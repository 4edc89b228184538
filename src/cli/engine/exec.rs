//! One command: whether its program is there, and its plan.

use std::env;
use std::path::{Path, PathBuf};

use rustix::fs::{Access, access};

use super::super::diagnostic::Fault;
use super::super::exec::ExecArgs;
use super::Order;
use crate::config::plan::Plan;
use crate::config::{self, CommandRequest, MachineFacts};
use crate::sampler;

/// The checked plan of a command.
pub fn command(args: &ExecArgs) -> Result<Plan, Fault> {
    if let Some(program) = args.command.first() {
        find(program)?;
    }
    let request = CommandRequest {
        name: args.name.as_deref(),
        words: &args.command,
        set: &args.set,
        constraints: &args.constraint,
        stop_on: args.stop_on.as_deref(),
        timeout: args.timeout.as_deref(),
        repeat: args.repeat,
        machine: MachineFacts {
            usable_cores: sampler::usable_threads() as usize,
            limits: sampler::limit_means(),
        },
    };
    Ok(config::command(&request)?)
}

/// The programs of all commands of an order can be started.
pub(super) fn programs(order: &Order<'_>) -> Result<(), Fault> {
    let commands = order.runs.iter().filter_map(|run| run.job.command.as_ref());
    let mut seen: Vec<&str> = Vec::new();
    for program in commands.filter_map(|command| command.words.first()) {
        if !seen.contains(&&**program) {
            find(program)?;
            seen.push(program);
        }
    }
    Ok(())
}

/// Finds a program as the system will: by its path, or in the folders of `PATH`.
fn find(program: &str) -> Result<(), Fault> {
    let refused = |why: &str| Fault::new(format!("cannot run `{program}`: {why}"));
    if program.is_empty() {
        return Err(Fault::new("the command is an empty text"));
    }
    if program.contains('/') {
        return startable(Path::new(program)).map_err(|why| match why {
            NotStartable::Missing => refused("there is no such file"),
            NotStartable::Folder => refused("it is a folder"),
            NotStartable::NotExecutable => refused("it is not executable")
                .hint("`chmod +x` makes it so; or name what reads it first: python3 train.py"),
        });
    }
    let path = env::var_os("PATH").unwrap_or_default();
    let folders = env::split_paths(&path);
    let found: Vec<_> = folders.map(|folder: PathBuf| startable(&folder.join(program))).collect();
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

fn startable(path: &Path) -> Result<(), NotStartable> {
    let Ok(found) = fs_err::metadata(path) else {
        return Err(NotStartable::Missing);
    };
    if found.is_dir() {
        return Err(NotStartable::Folder);
    }
    access(path, Access::EXEC_OK).map_err(|_| NotStartable::NotExecutable)
}
