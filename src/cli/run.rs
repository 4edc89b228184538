//! `perftune run`: from the arguments to the exit code.

use std::path::Path;

use super::args::{Format, RunArgs};
use super::diagnostic::Fault;
use super::dry_run;
use super::engine::{self, Order};
use super::exit::{ExitStatus, grid_exit};
use super::output::{self, Screen};
use super::progress::Progress;
use super::progress::line::Talk;
use crate::clock::MonotonicClock;
use crate::config::plan::{Plan, PlannedRun};
use crate::event::RunRecord;
use crate::report::csv::{metrics_csv, report_csv};
use crate::report::summary::SummaryRow;
use crate::report::table::Closing;
use crate::report::{json, table};
use crate::store::Results;

/// Repeats from which on an interval between runs says something.
const REPEATS_FOR_SUMMARY: u32 = 3;

/// Runs the grid.
pub fn run(args: &RunArgs, screen: Screen) -> Result<ExitStatus, Fault> {
    let plan = engine::load(args)?;
    let talk = talk(args);
    if talk != Talk::Quiet {
        for warning in &plan.warnings {
            screen.say(&format!("warning: {warning}\n"));
        }
    }
    let runs = asked(&plan, args);
    let limited = |run: &PlannedRun| !run.stop.constraints.is_empty();
    if args.strict && !runs.iter().any(limited) {
        return Err(Fault::new("--strict, but the grid has no constraints")
            .hint("for example --set 'constraints.memory.peak=<= 512MiB'"));
    }
    if args.dry_run {
        output::print(&dry_run::render(
            &plan,
            &runs,
            args.format,
            output::stdout_width(),
        )?)?;
        return Ok(ExitStatus::Ok);
    }
    let folder = args
        .out
        .clone()
        .unwrap_or_else(|| Path::new("results").join(&plan.name));
    let mut progress = Progress::new(args.progress, talk, screen, MonotonicClock);
    let order = Order {
        plan: &plan,
        runs: &runs,
        folder: &folder,
        resume: args.resume,
        fresh: args.fresh,
    };
    let executed = engine::execute(&order, &mut progress);
    progress.finish();
    let executed = executed?;
    let records = &executed.records;

    let summary = write_reports(&executed.results, records)?;
    let shown = folder.display().to_string();
    let closing = Closing {
        planned: Some(executed.planned),
        elapsed_s: Some(progress.elapsed_s()),
        folder: Some(&shown),
    };
    let document = Document {
        name: &plan.name,
        records,
        summary: &summary,
        closing,
    };
    output::print(&document.render(args.format, output::stdout_width())?)?;
    Ok(grid_exit(records, executed.interrupted, args.strict))
}

fn talk(args: &RunArgs) -> Talk {
    match (args.quiet, args.verbose) {
        (true, _) => Talk::Quiet,
        (false, true) => Talk::Verbose,
        (false, false) => Talk::Normal,
    }
}

/// The runs of the plan that belong to the part that is asked for.
fn asked(plan: &Plan, args: &RunArgs) -> Vec<PlannedRun> {
    let places = plan.runs.iter().enumerate();
    let part = places.filter(|(place, _)| args.shard.is_none_or(|shard| shard.has(*place)));
    part.map(|(_, run)| run.clone()).collect()
}

/// The figures between runs, where there are enough of them.
pub fn summary(records: &[RunRecord]) -> Result<Vec<SummaryRow>, Fault> {
    let repeats = records
        .iter()
        .map(|record| record.repeat)
        .max()
        .unwrap_or(0);
    if repeats < REPEATS_FOR_SUMMARY {
        return Ok(Vec::new());
    }
    engine::summaries(records)
}

/// The files of a results folder that speak of all runs together.
pub fn report_files(
    records: &[RunRecord],
    summary: &[SummaryRow],
) -> Result<Vec<(&'static str, Vec<u8>)>, Fault> {
    let mut files = vec![
        ("report.csv", report_csv(records)?),
        ("metrics.csv", metrics_csv(records)?),
    ];
    if !summary.is_empty() {
        let bytes = crate::report::summary::summary_csv(summary)?;
        files.push(("summary.csv", bytes));
    }
    Ok(files)
}

/// What is printed when the runs are over.
pub struct Document<'a> {
    /// The name of the grid.
    pub name: &'a str,
    /// The runs that have ended.
    pub records: &'a [RunRecord],
    /// Their figures between runs.
    pub summary: &'a [SummaryRow],
    /// What stands under the table.
    pub closing: Closing<'a>,
}

impl Document<'_> {
    /// The bytes for the standard output.
    pub fn render(&self, format: Format, width: usize) -> Result<Vec<u8>, Fault> {
        Ok(match format {
            Format::Table => table::summary(self.records, &self.closing, width).into_bytes(),
            Format::Json => json::document(self.name, self.records, self.summary)?,
            Format::Csv => report_csv(self.records)?,
        })
    }
}

/// Rebuilds the reports of `dir` and prints them: `perftune report`.
pub fn rebuild(dir: &Path, format: Format) -> Result<ExitStatus, Fault> {
    let (results, stored) = engine::reopen(dir)?;
    let summary = write_reports(&results, &stored.records)?;
    let shown = dir.display().to_string();
    let document = Document {
        name: &stored.name,
        records: &stored.records,
        summary: &summary,
        closing: Closing {
            planned: Some(stored.records.len() + stored.missing.len()),
            folder: Some(&shown),
            ..Closing::default()
        },
    };
    output::print(&document.render(format, output::stdout_width())?)?;
    Ok(ExitStatus::Ok)
}

/// Writes the files that speak of all runs together; a summary of earlier repeats does not outlive them.
fn write_reports(results: &Results, records: &[RunRecord]) -> Result<Vec<SummaryRow>, Fault> {
    let summary = summary(records)?;
    if summary.is_empty() {
        results.remove("summary.csv")?;
    }
    for (name, bytes) in report_files(records, &summary)? {
        results.write(name, &bytes)?;
    }
    Ok(summary)
}
