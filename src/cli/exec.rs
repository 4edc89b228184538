//! `perftune exec`: any command, measured as a run; with axes, as the runs of a grid.
//!
//! Measuring is left to `app`. Invariant: the standard output holds either the figures or what the command writes there,
//! never both.

use std::path::Path;

use super::args::ExecArgs;
use super::document::Document;
use super::exit::{ExitStatus, grid_exit};
use super::export;
use super::options::{Format, ReportFormat, Verbosity};
use super::output::{self, Screen};
use super::progress;
use crate::app::Fault;
use crate::app::derived::Derived;
use crate::app::export::Exports;
use crate::app::grid;
use crate::app::session::{RunRequest, Streams, execute};
use crate::config::CommandRequest;
use crate::config::plan::Plan;
use crate::report::command;

/// Runs the command, or the cells that its axes make of it.
pub fn exec(args: &ExecArgs, screen: Screen) -> Result<ExitStatus, Fault> {
    let plan = plan(args)?;
    if args.verbosity() != Verbosity::Quiet {
        screen.warn(&plan.warnings);
    }
    if args.strict && plan.runs.iter().all(|run| run.stop.constraints.is_empty()) {
        return Err(Fault::new("--strict, but there is no limit")
            .hint("for example --constraint 'memory.peak <= 512MiB'"));
    }
    let folder = args.out.clone().unwrap_or_else(|| Path::new("results").join(&plan.name));
    let several = plan.runs.iter().any(|run| run.cell != plan.runs[0].cell);
    let streams = match (args.pass_stdout, several) {
        (true, _) => Streams::PassedWithOutput,
        (false, true) => Streams::Logged,
        (false, false) => Streams::Passed,
    };
    let exports = Exports::new(&args.write, &plan.exports, &folder, !plan.objectives.is_empty())?;
    let (existing, request) = (args.existing(), RunRequest::new(&plan, &plan.runs, &folder));
    let request = RunRequest { existing, streams, ..request };
    let mode = args.progress(streams == Streams::Logged);
    let (executed, elapsed_s) =
        progress::watch(mode, args.verbosity(), screen, |progress| match args.format {
            Format::Table if !several => execute(&request, &mut progress::Summarised(progress)),
            _ => execute(&request, progress),
        })?;
    let (records, shown) = (&executed.records, folder.display().to_string());
    let derived = Derived::new(&executed.results, records, None)?;
    derived.write(&executed.results, records, None)?;
    args.export(records)?;
    let document = Document {
        name: &plan.name,
        records,
        derived: &derived,
        shadow: None,
        per_run: false,
        closing: executed.closing(elapsed_s, &shown, &derived),
    };
    let width = if args.pass_stdout { output::stderr_width() } else { output::stdout_width() };
    let text = match args.format {
        Format::Table if !several => {
            command::summary(records, &derived.summary, &shown, width, args.verbose).into_bytes()
        }
        Format::Table => document.render(ReportFormat::Table, width)?,
        Format::Json => document.render(ReportFormat::Json, 0)?,
        Format::Csv => document.render(ReportFormat::Csv, 0)?,
    };
    if args.pass_stdout {
        screen.say(&String::from_utf8_lossy(&text));
    } else {
        output::print(&text)?;
    }
    export::write(&exports, &document, &executed.results, screen)?;
    Ok(grid_exit(records, executed.cut, args.strict))
}

/// What is asked for.
fn plan(args: &ExecArgs) -> Result<Plan, Fault> {
    grid::commands(&CommandRequest {
        names: &args.name,
        words: &args.command,
        axes: &args.axes,
        hooks: args.hooks(),
        set: &args.set,
        metrics: &args.metric,
        constraints: &args.constraint,
        stop_on: args.stop_on.as_deref(),
        timeout: args.timeout.as_deref(),
        repeat: args.repeat,
        budget: args.budget,
        machine: grid::machine_facts(),
    })
}
