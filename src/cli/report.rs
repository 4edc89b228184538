//! `perftune report`: the reports of a results folder, made anew; several folders side by side.
//!
//! What the runs say is left to `app`, how it looks to `report`. Invariant: under other objectives than the recorded ones
//! nothing is written.

use super::args::ReportArgs;
use super::document::Document;
use super::engine;
use super::exit::ExitStatus;
use super::export;
use super::output::Screen;
use super::side_by_side;
use crate::app::Fault;
use crate::app::derived::Derived;
use crate::app::export::Exports;
use crate::app::folders;
use crate::app::rules::parse_rules;
use crate::app::shadow::{Shadow, rules_before};
use crate::config;
use crate::report::closing::Closing;
use crate::store::reopen;

/// Rebuilds and prints them.
pub fn report(args: &ReportArgs, screen: Screen) -> Result<ExitStatus, Fault> {
    args.dirs.iter().try_for_each(|dir| engine::refresh(dir, screen))?;
    let [dir] = &args.dirs[..] else {
        return side_by_side::print(args, &args.dirs);
    };
    if let Some(arms) = folders::arms(dir) {
        return side_by_side::print(args, &arms);
    }
    let asked = parse_rules(&args.rule)?;
    let objectives = args.objectives.clone().map(config::GridSource::Path);
    let objectives = objectives.map(|source| config::objectives(&source)).transpose()?;
    let (results, stored) = reopen(dir)?;
    let records = &stored.records;
    let rules = if args.shadow { Some(asked) } else { rules_before(&results)? };
    let shown = dir.display().to_string();
    let shadow = rules.map(|rules| Shadow::cast(&results, records, &rules)).transpose()?;
    if let Some(shadow) = shadow.as_ref().filter(|shadow| args.shadow && shadow.is_empty()) {
        return Err(Fault::new(format!("{shown} holds no whole run: {}", shadow.notes.join("; ")))
            .hint("record whole runs with `perftune run GRID --full --shadow`"));
    }
    // By objectives that are not those of the manifest nothing is written: the files of a folder must agree with it.
    let written = objectives.is_none() && stored.unwritable.is_none();
    let derived = Derived::new(&results, records, objectives.as_deref())?;
    let exports = Exports::new(&args.write, &[], dir, derived.front.is_some())?;
    if written {
        derived.write(&results, records, shadow.as_ref())?;
    }
    let effects = match derived.effects {
        Ok(ref effects) => Some(effects).filter(|_| args.effects),
        Err(fault) if args.effects => return Err(fault),
        Err(_) => None,
    };
    let document = Document {
        name: &stored.name,
        records,
        derived: &derived,
        shadow: shadow.as_ref(),
        per_run: args.per_run,
        closing: Closing {
            planned: Some(records.len() + stored.missing.len()),
            folder: written.then_some(&shown),
            effects,
            ..derived.closing()
        },
    };
    document.print(args.format)?;
    document.say(args.format, screen);
    if let Some(why) = &stored.unwritable {
        screen.note(&[format!("the reports in {shown} stay as they are: {why}")]);
    }
    export::write(&exports, &document, &results, screen)?;
    Ok(ExitStatus::Ok)
}
