//! `perftune merge`: results folders that hold parts of one grid become one.
//!
//! What is taken from which part is decided by `app`. Invariant: what is missing is said and decides the exit code, and the
//! reports of what is there are printed all the same.

use super::args::MergeArgs;
use super::document::Document;
use super::exit::{ExitStatus, grid_exit};
use super::export;
use super::output::Screen;
use crate::app::Fault;
use crate::app::export::Exports;
use crate::app::merge::{MergeRequest, merge};
use crate::report::closing::Closing;
use crate::store::reopen;

/// Puts the parts together and prints the reports of the whole.
pub fn run(args: &MergeArgs, screen: Screen) -> Result<ExitStatus, Fault> {
    let request =
        MergeRequest { parts: &args.dirs, out: &args.out, prefer_newest: args.prefer.is_some() };
    let exports = Exports::new(&args.write, &[], &args.out, true)?;
    let merged = merge(&request)?;
    screen.note(&merged.notes);
    let shown = args.out.display().to_string();
    let document = Document {
        name: &merged.name,
        records: &merged.records,
        derived: &merged.derived,
        shadow: None,
        per_run: args.per_run,
        closing: Closing {
            planned: Some(merged.planned),
            folder: Some(&shown),
            fastest: &merged.derived.fastest,
            front: merged.derived.front.as_ref(),
            machines: &merged.derived.machines,
            ..Closing::default()
        },
    };
    document.print(args.format)?;
    screen.warn(&merged.missing.says());
    if !args.write.is_empty() {
        export::write(&exports, &document, &reopen(&args.out)?.0, screen)?;
    }
    if merged.missing.any() {
        return Ok(ExitStatus::NotCovered);
    }
    Ok(grid_exit(&merged.records, None, false))
}
