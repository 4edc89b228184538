//! `perftune report`: the reports of a results folder, made anew.
//!
//! What the runs say is left to `app`, how it looks to `report`. Invariant: under other objectives than the recorded ones
//! nothing is written.

use super::args::ReportArgs;
use super::document::Document;
use super::exit::ExitStatus;
use super::output::Screen;
use crate::app::Fault;
use crate::app::derived::Derived;
use crate::app::rules::parse_rules;
use crate::app::shadow::{Shadow, rules_before};
use crate::config;
use crate::report::closing::Closing;
use crate::store::reopen;

/// Rebuilds and prints them.
pub fn report(args: &ReportArgs, screen: Screen) -> Result<ExitStatus, Fault> {
    let asked = parse_rules(&args.rule)?;
    let objectives = args.objectives.clone().map(config::GridSource::Path);
    let objectives = objectives.map(|source| config::objectives(&source)).transpose()?;
    let (results, stored) = reopen(&args.dir)?;
    let records = &stored.records;
    let rules = if args.shadow { Some(asked) } else { rules_before(&results)? };
    let shown = args.dir.display().to_string();
    let shadow = rules.map(|rules| Shadow::cast(&results, records, &rules)).transpose()?;
    if let Some(shadow) = shadow.as_ref().filter(|shadow| args.shadow && shadow.is_empty()) {
        return Err(Fault::new(format!("{shown} holds no whole run: {}", shadow.notes.join("; ")))
            .hint("record whole runs with `perftune run GRID --full --shadow`"));
    }
    // By objectives that are not those of the manifest nothing is written: the files of a folder must agree with it.
    let recorded = objectives.is_none();
    let derived = Derived::new(&results, records, objectives.as_deref())?;
    if recorded {
        derived.write(&results, records, shadow.as_ref())?;
    }
    let document = Document {
        name: &stored.name,
        records,
        derived: &derived,
        shadow: shadow.as_ref(),
        closing: Closing {
            planned: Some(records.len() + stored.missing.len()),
            folder: recorded.then_some(&shown),
            front: derived.front.as_ref(),
            ..Closing::default()
        },
    };
    document.print(args.format)?;
    document.say(args.format, screen);
    Ok(ExitStatus::Ok)
}
