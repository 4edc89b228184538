//! `perftune dataset`: describes data, and checks what was described.
//!
//! What is found in the data is left to `app`. Invariant: every data set that was named is checked, whatever the others are.

use super::args::{DatasetArgs, DatasetCommand};
use super::diagnostic;
use super::exit::ExitStatus;
use super::output::{self, Screen};
use crate::app::Fault;
use crate::app::dataset::{self, AddRequest};

/// Does what is asked.
pub fn dataset(args: &DatasetArgs, screen: Screen) -> Result<ExitStatus, Fault> {
    match &args.command {
        DatasetCommand::Add(args) => {
            let added = dataset::add(&AddRequest {
                path: &args.path,
                out: args.out.as_deref(),
                name: args.name.as_deref(),
                label: args.label.as_deref(),
                force: args.force,
                dry_run: args.dry_run,
            })?;
            output::print(added.text.as_bytes())?;
            let (file, called) = (added.file.display(), &added.called);
            screen.note(&[format!("found {}: {}", added.about, added.guessed.join("; "))]);
            let done = if args.dry_run {
                "nothing is written; without --dry-run it is written to"
            } else {
                "written to"
            };
            screen.note(&[
                format!("{done} {file}; where a guess is wrong, change it there, and run perftune dataset check {called}"),
                format!("a grid names it by dataset = {called:?}"),
            ]);
            Ok(ExitStatus::Ok)
        }
        DatasetCommand::Check(args) => {
            let mut status = ExitStatus::Ok;
            for name in &args.names {
                match dataset::check(name) {
                    Ok(says) => output::print(format!("{says}\n").as_bytes())?,
                    Err(fault) => {
                        diagnostic::print(&fault, &screen);
                        status = ExitStatus::Usage;
                    }
                }
            }
            Ok(status)
        }
    }
}
