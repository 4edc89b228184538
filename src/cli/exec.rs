//! `perftune exec`: any command, measured as a run.
//!
//! Measuring is left to `app`. Invariant: the standard output holds either the figures or what the command writes there,
//! never both.

use std::path::Path;

use super::args::ExecArgs;
use super::document::Document;
use super::exit::{ExitStatus, grid_exit};
use super::options::{Format, ProgressMode, ReportFormat, Verbosity};
use super::output::{self, Screen};
use super::progress;
use crate::app::Fault;
use crate::app::derived::Derived;
use crate::app::grid;
use crate::app::session::{RunRequest, Streams, execute};
use crate::config::CommandRequest;
use crate::report::closing::Closing;
use crate::report::command;
use crate::store::Existing;

/// Runs the command.
pub fn exec(args: &ExecArgs, screen: Screen) -> Result<ExitStatus, Fault> {
    let plan = grid::command(&CommandRequest {
        name: args.name.as_deref(),
        words: &args.command,
        set: &args.set,
        constraints: &args.constraint,
        stop_on: args.stop_on.as_deref(),
        timeout: args.timeout.as_deref(),
        repeat: args.repeat,
        machine: grid::machine_facts(),
    })?;
    if args.strict && plan.runs.iter().all(|run| run.stop.constraints.is_empty()) {
        return Err(Fault::new("--strict, but there is no constraint")
            .hint("for example --constraint 'memory.peak <= 512MiB'"));
    }
    let folder = args.out.clone();
    let folder = folder.unwrap_or_else(|| Path::new("results").join(&plan.name));
    let streams = if args.pass_stdout { Streams::PassedWithOutput } else { Streams::Passed };
    let existing = if args.fresh { Existing::Replace } else { Existing::Refuse { resumes: false } };
    let request = RunRequest { existing, streams, ..RunRequest::new(&plan, &plan.runs, &folder) };
    let verbosity = if args.quiet { Verbosity::Quiet } else { Verbosity::Normal };
    // The standard error is the command's while it runs.
    let (executed, _) =
        progress::watch(ProgressMode::None, verbosity, screen, |progress| match args.format {
            Format::Table => execute(&request, &mut progress::Summarised(progress)),
            Format::Json | Format::Csv => execute(&request, progress),
        })?;
    let records = &executed.records;
    let derived = Derived::new(&executed.results, records, None)?;
    derived.write(&executed.results, records, None)?;
    let document = Document {
        name: &plan.name,
        records,
        derived: &derived,
        shadow: None,
        per_run: true,
        closing: Closing::default(),
    };
    let text = match args.format {
        Format::Table => {
            let width =
                if args.pass_stdout { output::stderr_width() } else { output::stdout_width() };
            let (summary, folder) = (&derived.summary, folder.display().to_string());
            command::summary(records, summary, &folder, width, args.verbose).into_bytes()
        }
        Format::Json => document.render(ReportFormat::Json, 0)?,
        Format::Csv => document.render(ReportFormat::Csv, 0)?,
    };
    if args.pass_stdout {
        screen.say(&String::from_utf8_lossy(&text));
    } else {
        output::print(&text)?;
    }
    Ok(grid_exit(records, executed.cut, args.strict))
}
