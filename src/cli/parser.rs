//! The parser, with a help that fits screens: `-h` has what is used every day, `--help` all of it, both in the same compact form.
//!
//! Which option is rare is said beside it (`hide_short_help`). Invariant: what is accepted is the same in both.

use std::ffi::{OsStr, OsString};

use clap::{Arg, ArgAction, Command, CommandFactory, FromArgMatches};

use super::args::Cli;

/// How much of the help is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Detail {
    /// What is used every day.
    Short,
    /// Every option, and the exit codes.
    Long,
}

/// Reads the arguments, the name of the program first.
pub fn parse(words: Vec<OsString>) -> Result<Cli, clap::Error> {
    let words = asking(words);
    let own = words.iter().take_while(|word| *word != "--");
    let detail =
        if own.clone().any(|word| word == "--help") { Detail::Long } else { Detail::Short };
    let mut command = command(detail);
    Cli::from_arg_matches(&command.try_get_matches_from_mut(words)?)
        .map_err(|error| error.format(&mut command))
}

/// `perftune help run` is `perftune run --help`.
fn asking(mut words: Vec<OsString>) -> Vec<OsString> {
    if words.get(1).map(OsString::as_os_str) == Some(OsStr::new("help")) {
        words.remove(1);
        words.push("--help".into());
    }
    words
}

/// The parser whose help has this much.
pub fn command(detail: Detail) -> Command {
    shaped(Cli::command(), detail)
}

/// clap's long form puts an empty line after each option, which fills five screens; the short form says as much.
fn shaped(command: Command, detail: Detail) -> Command {
    let more = match detail {
        Detail::Short => "Print help (--help: every option)",
        Detail::Long => "Print help (-h: a short one)",
    };
    let help = Arg::new("help").short('h').long("help").action(ArgAction::HelpShort).help(more);
    let grouped = command.get_arguments().any(|arg| arg.get_help_heading().is_some());
    let place = if grouped { Some("Messages") } else { None };
    let help = help.help_heading(place);
    let after = command.get_after_long_help().filter(|_| detail == Detail::Long).cloned();
    let mut command = command
        .disable_help_flag(true)
        .disable_help_subcommand(true)
        .mut_args(|arg| {
            let rare = arg.is_hide_short_help_set();
            match detail {
                Detail::Short => arg.hide(rare).hide_short_help(false).hide_env(true),
                Detail::Long => arg.hide_short_help(false),
            }
        })
        .arg(help)
        .mut_subcommands(|command| shaped(command, detail));
    if let Some(after) = after {
        command = command.after_help(after);
    }
    command
}
