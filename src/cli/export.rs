//! `--write FORMAT=TARGET` of those that make results, and `[export]` of a grid: results handed on to other tools.
//!
//! What is written is decided by `app`. Invariant: whoever asks for a verdict's format is told where that is.

use std::path::Path;
use std::str::FromStr;

use clap::ValueEnum;
use serde_json::{Value, json};

use super::delivery;
use super::document::Document;
use super::options::CheckFormat;
use super::output::Screen;
use crate::app::Fault;
use crate::app::export::{Ended, Exports};
use crate::config::plan::Plan;
use crate::export::{ExportDef, NoTarget, Target};
use crate::store::Results;

/// What `run` may write: results in the format of another tool or, with `--against`, a verdict.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Written {
    /// Results.
    Results(Target),
    /// A verdict.
    Verdict(delivery::Target),
}

impl FromStr for Written {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let format = text.split_once('=').map_or(text, |(format, _)| format);
        if CheckFormat::from_str(format, false).is_ok() {
            return text.parse().map(Self::Verdict);
        }
        target(text).map(Self::Results)
    }
}

/// `bmf=FILE`.
pub fn target(text: &str) -> Result<Target, String> {
    Target::of(text).map_err(|NoTarget { what, hint }| format!("{what}: {hint}"))
}

/// Those of a verdict, which there must be, or those of results.
fn split(written: &[Written]) -> (Vec<Target>, Vec<delivery::Target>) {
    let (mut results, mut verdicts) = (Vec::new(), Vec::new());
    for one in written {
        match one {
            Written::Results(target) => results.push(target.clone()),
            Written::Verdict(target) => verdicts.push(target.clone()),
        }
    }
    (results, verdicts)
}

/// What `run` writes beside its results.
pub fn of_run(written: &[Written], plan: &Plan, folder: &Path) -> Result<Exports, Fault> {
    let (results, verdicts) = split(written);
    if !verdicts.is_empty() {
        return Err(Fault::new("--write names a format for verdicts, and nothing is compared")
            .hint("add --against, or choose a format of `perftune list exports`"));
    }
    Exports::new(&results, &plan.exports, folder, !plan.objectives.is_empty())
}

/// What `run --against` writes of its verdict.
pub fn of_verdict(written: &[Written]) -> Result<Vec<delivery::Target>, Fault> {
    let (results, verdicts) = split(written);
    if let Some(target) = results.first() {
        let name = target.format.def().name;
        let what = format!("--write {}: a verdict has no such format", target.shown());
        return Err(Fault::new(what).hint(format!(
            "`perftune report DIR/candidate --write {name}=TARGET` hands on the results of a side"
        )));
    }
    Ok(verdicts)
}

/// Says what is not written, since nothing is run.
pub fn say_dry(exports: &Exports, screen: Screen) {
    let notes: Vec<String> =
        exports.said().map(|said| format!("{said} is left out with --dry-run")).collect();
    screen.note(&notes);
}

/// Writes what was printed of the runs of this folder, and says which hold nothing.
pub fn write(
    exports: &Exports,
    document: &Document<'_>,
    results: &Results,
    screen: Screen,
) -> Result<(), Fault> {
    let &Document { name, records, derived, .. } = document;
    screen.note(&exports.write(&Ended { name, results, records, derived })?);
    Ok(())
}

/// A row of the list of formats: for people what to write, for programs whether this build has it.
pub fn row(def: &ExportDef, short: bool) -> Value {
    let target = def.aim.word();
    let lacks = def.feature.filter(|feature| !feature.built).map(|feature| feature.name);
    if short {
        let lacks = lacks.map(|name| format!(" [not in this build: --features {name}]"));
        let about = format!("{}{}", def.about, lacks.unwrap_or_default());
        return json!({ "write": format!("{}={target}", def.name), "about": about });
    }
    json!({ "name": def.name, "target": target, "about": def.about, "built": lacks.is_none() })
}
