//! `perftune run`: from the arguments to the exit code.
//!
//! Planning, running and recording are left to `app`. Invariant: mistakes of the arguments are said before the grid is
//! run.

use std::path::Path;

use super::against;
use super::args::RunArgs;
use super::document::Document;
use super::dry_run;
use super::engine;
use super::exit::{self, ExitStatus, grid_exit};
use super::export;
use super::options::Verbosity;
use super::output::Screen;
use super::progress;
use super::shard;
use crate::app::datasets;
use crate::app::derived::Derived;
use crate::app::grid;
use crate::app::rules::parse_rules;
use crate::app::session::{Earlier, RunRequest, execute};
use crate::app::shadow::Shadow;
use crate::app::{self, Fault};

/// Runs the grid.
pub fn run(args: &RunArgs, screen: Screen) -> Result<ExitStatus, Fault> {
    match &args.compare.against {
        Some(against) => against::run(args, against, screen),
        None => alone(args, screen),
    }
}

/// Runs the grid with nothing beside it.
fn alone(args: &RunArgs, screen: Screen) -> Result<ExitStatus, Fault> {
    if args.shadow && !args.full {
        let what = "--shadow compares stops with whole runs, and these would be stopped early";
        return Err(Fault::new(what).hint("add --full"));
    }
    let rules = parse_rules(&args.rule)?;
    let plan = grid::load(&args.grid())?;
    let talks = args.verbosity() != Verbosity::Quiet;
    if talks {
        screen.warn(&plan.warnings);
        screen.note(&plan.notes);
    }
    if engine::is_asked(args, &plan)? {
        return engine::run(args, &plan, screen);
    }
    let shard = args.shard.map(|choice| shard::of(choice, talks, screen)).transpose()?;
    let runs = app::shard::runs(&plan, shard);
    if let Some(shard) = shard.filter(|_| talks && runs.is_empty()) {
        screen.note(&[format!("no cell is in part {shard}: nothing is to be run")]);
    }
    let strict = exit::strict(args.strict, &runs)?;
    let own = || Path::new("results").join(shard::name(&plan.name, shard));
    let folder = args.out.clone().unwrap_or_else(own);
    let earlier = Earlier::read(&plan, &runs, &args.warm_start, &folder)?;
    if let Some(earlier) = earlier.as_ref().filter(|_| talks) {
        screen.note(&earlier.notes());
    }
    let exports = export::of_run(&args.write, &plan, &folder)?;
    if args.dry_run {
        datasets::check(&runs)?;
        dry_run::print(&plan, &runs, args.format)?;
        export::say_dry(&exports, screen);
        return Ok(ExitStatus::Ok);
    }
    let (existing, earlier) = (args.existing(), earlier.as_ref());
    let request = RunRequest { shard, existing, earlier, ..RunRequest::new(&plan, &runs, &folder) };
    let (executed, elapsed_s) =
        progress::watch(args.progress, args.verbosity(), screen, |progress| {
            execute(&request, progress)
        })?;
    let records = &executed.records;
    let shadow = args.shadow.then(|| Shadow::cast(&executed.results, records, &rules));
    let shadow = shadow.transpose()?;
    let derived = Derived::new(&executed.results, records, None)?;
    derived.write(&executed.results, records, shadow.as_ref())?;
    let shown = folder.display().to_string();
    let document = Document {
        name: &plan.name,
        records,
        derived: &derived,
        shadow: shadow.as_ref(),
        per_run: args.per_run,
        closing: executed.closing(elapsed_s, &shown, &derived),
    };
    document.print(args.format)?;
    if talks {
        document.say(args.format, screen);
    }
    export::write(&exports, &document, &executed.results, screen)?;
    Ok(grid_exit(records, executed.cut, strict))
}
