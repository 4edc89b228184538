//! `--dry-run`: what would be run, with every setting resolved.

use super::options::{Format, ReportFormat};
use super::output;
use crate::app::Fault;
use crate::app::dry_run::rows;
use crate::config::plan::{Plan, PlannedRun};
use crate::report::plan::{plan_csv, plan_json, plan_table};

/// The format of a list, where there is one.
pub fn format(asked: ReportFormat) -> Result<Format, Fault> {
    asked
        .of_lists()
        .ok_or_else(|| Fault::new("--dry-run has no such format").hint("choose table, json or csv"))
}

/// These runs of the plan.
pub fn render(
    plan: &Plan,
    runs: &[PlannedRun],
    format: Format,
    width: usize,
) -> Result<Vec<u8>, Fault> {
    let rows = rows(plan, runs);
    Ok(match format {
        Format::Table => plan_table(&plan.name, &rows, width).into_bytes(),
        Format::Json => plan_json(&plan.name, &rows)?,
        Format::Csv => plan_csv(&rows)?,
    })
}

/// Prints them.
pub fn print(plan: &Plan, runs: &[PlannedRun], asked: ReportFormat) -> Result<(), Fault> {
    let format = format(asked)?;
    output::print(&render(plan, runs, format, output::stdout_width())?)
}
