//! Several results folders, or both sides of a comparison, as one table.
//!
//! What they say is read by `app`. Invariant: nothing is written.

use std::path::PathBuf;

use super::args::ReportArgs;
use super::exit::ExitStatus;
use super::options::ReportFormat;
use super::output;
use crate::app::Fault;
use crate::app::folders;

/// Prints their main figures side by side.
pub fn print(args: &ReportArgs, dirs: &[PathBuf]) -> Result<ExitStatus, Fault> {
    let of_one = [
        ("--shadow", args.shadow),
        ("--objectives", args.objectives.is_some()),
        ("--effects", args.effects),
        ("--write", !args.write.is_empty()),
    ];
    let html = ("--format html", args.format == ReportFormat::Html);
    if let Some((flag, _)) = of_one.into_iter().chain([html]).find(|(_, given)| *given) {
        return Err(Fault::new(format!("{flag} takes one results folder"))
            .hint("give one folder, or compare several without it"));
    }
    let folders = folders::read(dirs)?;
    let bytes = match args.format {
        ReportFormat::Json => folders.json()?,
        ReportFormat::Csv => folders.csv()?,
        ReportFormat::Markdown => folders.markdown().into_bytes(),
        ReportFormat::Table | ReportFormat::Html => {
            folders.table(output::stdout_width()).into_bytes()
        }
    };
    output::print(&bytes)?;
    Ok(ExitStatus::Ok)
}
