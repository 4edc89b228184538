//! The command line: arguments, terminal, progress and exit codes, and one file a subcommand.
//!
//! A subcommand turns its arguments into the plain structs of a use case of `app`, prints what comes of it and chooses the
//! exit code. What is done, decided or computed is left to `app` and below; how reports look is left to `report`.
//!
//! Invariant: data goes to the standard output, everything else to the standard error. No other module names clap, anyhow,
//! indicatif or signal-hook.

pub mod against;
pub mod args;
pub mod baseline;
pub mod check;
pub mod completions;
pub mod dataset;
pub mod delivery;
pub mod diagnostic;
pub mod doctor;
pub mod document;
pub mod dry_run;
pub mod engine;
pub mod exec;
pub mod exit;
pub mod export;
pub mod follow;
pub mod helper;
pub mod interrupt;
pub mod keys;
pub mod list;
pub mod merge;
pub mod options;
pub mod output;
pub mod parser;
pub mod progress;
pub mod replay;
pub mod report;
pub mod run;
pub mod self_test;
pub mod shard;
pub mod side_by_side;
pub mod status;
pub mod task;
pub mod view;

use std::env;
use std::ffi::OsString;
use std::io;
use std::process::ExitCode;

use clap::error::ErrorKind;

use self::args::Command;
use self::exit::ExitStatus;
use self::output::Screen;
use crate::app::Fault;
use crate::app::launch::SCRIPTED_WORKER;
use crate::app::tasks::TASK;

/// Does what the arguments ask for.
pub fn main() -> ExitCode {
    // No subcommand of the parser, so that no help and no completion offers it.
    if env::args_os().nth(1).is_some_and(|word| word == SCRIPTED_WORKER) {
        return scripted_worker();
    }
    let screen = Screen::stderr();
    let words: Vec<OsString> = env::args_os().skip(1).collect();
    let done = match words.split_first() {
        Some((word, rest)) if word == TASK => hear().and_then(|()| task::run(rest, screen)),
        _ => match parser::parse(env::args_os().collect()) {
            Ok(cli) => hear().and_then(|()| dispatch(&cli.command, screen)),
            Err(error) => explain(&error),
        },
    };
    match done {
        Ok(status) => status.into(),
        Err(fault) => {
            diagnostic::print(&fault, &screen);
            ExitStatus::Usage.into()
        }
    }
}

/// From now on it is heard when a child ends.
fn hear() -> Result<(), Fault> {
    interrupt::hear_of_children()
        .map_err(|error| Fault::from(error).hint("the handler of SIGCHLD cannot be set"))
}

fn dispatch(command: &Command, screen: Screen) -> Result<ExitStatus, Fault> {
    match command {
        Command::Run(args) => run::run(args, screen),
        Command::Exec(args) => exec::exec(args, screen),
        Command::Report(args) if args.follow => follow::follow(args, screen),
        Command::Report(args) => report::report(args, screen),
        Command::View(args) => view::view(args),
        Command::Check(args) => check::check(args, screen),
        Command::Merge(args) => merge::run(args, screen),
        Command::Status(args) => status::status(args, screen),
        Command::Cancel(args) => status::cancel(args),
        Command::Replay(args) => replay::replay(args, screen),
        Command::Baseline(args) => baseline::baseline(args),
        Command::Doctor(args) => doctor::doctor(args),
        Command::List(args) => list::list(args),
        Command::Dataset(args) => dataset::dataset(args, screen),
        Command::Helper(args) => helper::helper(args),
        Command::Completions(args) => completions::completions(args),
    }
}

/// Help and version on the standard output, mistakes on the standard error.
fn explain(error: &clap::Error) -> Result<ExitStatus, Fault> {
    let status = if error.use_stderr() { ExitStatus::Usage } else { ExitStatus::Ok };
    let printed = error.print();
    if error.kind() == ErrorKind::UnknownArgument && !env::args_os().any(|word| word == "--") {
        Screen::stderr().say(&unparted(env::args_os()));
    }
    match printed {
        Err(error) if status == ExitStatus::Ok && error.kind() != io::ErrorKind::BrokenPipe => {
            Err(Fault::from(error).hint("the help could not be written to the standard output"))
        }
        _ => Ok(status),
    }
}

/// What is said of a command that stands after `exec` without `--` between them.
fn unparted(words: impl Iterator<Item = OsString>) -> String {
    let mut words = words.skip(1).map(|word| word.to_string_lossy().into_owned());
    let is_exec = words.next().is_some_and(|word| word == "exec");
    let command = words.skip_while(|word| word.starts_with('-')).collect::<Vec<_>>().join(" ");
    if !is_exec || command.is_empty() {
        return String::new();
    }
    "\nhint: the command goes after `--`: perftune exec [OPTIONS] -- CMD\n".to_owned()
}

/// The worker that plays a script: what `perftune __scripted-worker` is.
fn scripted_worker() -> ExitCode {
    match crate::app::scripted_worker() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Its standard error is the run's log.
            Screen::stderr().say(&format!("scripted worker: {error}\n"));
            ExitCode::FAILURE
        }
    }
}
