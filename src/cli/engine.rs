//! `perftune run --engine slurm`: the cells of a grid become tasks of a cluster.
//!
//! What is submitted and how is left to `app`. Invariant: unless it is asked to wait, it ends when the tasks are submitted.

use std::fmt::Write;
use std::path::Path;

use super::args::RunArgs;
use super::document::Document;
use super::exit::{ExitStatus, grid_exit};
use super::export;
use super::options::Verbosity;
use super::output::{self, Screen};
use super::progress;
use super::status;
use crate::app::Fault;
use crate::app::export::Exports;
use crate::app::lanes::Lanes;
use crate::app::merge::Merged;
use crate::app::tasks::{self, EngineName, SubmitRequest, Submitted};
use crate::config::plan::Plan;
use crate::report::closing::Closing;
use crate::report::layout::counted;
use crate::store::reopen;

/// Whether the cells of this plan are run by tasks of a cluster; what does not go with it is refused.
pub fn is_asked(args: &RunArgs, plan: &Plan) -> Result<bool, Fault> {
    if args.engine.unwrap_or(plan.engine.name) == EngineName::Local {
        if args.wait {
            return Err(Fault::new(
                "--wait waits for tasks of a cluster, and this grid is run here",
            )
            .hint("add --engine slurm"));
        }
        return Ok(false);
    }
    let others = [
        ("--shard", args.shard.is_some(), "its tasks are the parts of the grid: leave it out"),
        (
            "--jobs",
            args.jobs.is_some_and(|jobs| jobs != Lanes::ONE),
            "its tasks run side by side by themselves; give each the cores that a cell needs, with [engine] cpus_per_task",
        ),
        (
            "[run] lanes",
            args.jobs.is_none() && !plan.lanes.is_empty(),
            "add --jobs 1: its tasks run side by side by themselves",
        ),
        (
            "--warm-start",
            !args.warm_start.is_empty(),
            "what is fast on one machine need not be fast on another: leave it out",
        ),
        (
            "--shadow",
            args.shadow,
            "`perftune report DIR --shadow` casts it when the tasks are done",
        ),
        (
            "--write",
            !args.write.is_empty() && !args.wait,
            "add --wait, or hand the results on by `perftune report DIR --write` when the tasks are done",
        ),
        (
            "--strict",
            args.strict && !args.wait,
            "add --wait: nothing is known before the tasks are done",
        ),
    ];
    match others.into_iter().find(|(_, given, _)| *given) {
        Some((flag, _, hint)) => {
            let what = format!("{flag} does not go with --engine slurm");
            Err(Fault::new(what).hint(hint))
        }
        None => Ok(true),
    }
}

/// Submits the grid, and waits for its tasks where that is asked for.
pub fn run(args: &RunArgs, plan: &Plan, screen: Screen) -> Result<ExitStatus, Fault> {
    let own = || Path::new("results").join(&plan.name);
    let folder = args.out.clone().unwrap_or_else(own);
    let grid = args.grid();
    let request = SubmitRequest { plan, grid: &grid, folder: &folder, existing: args.existing() };
    if args.dry_run {
        output::print(tasks::script(&request)?.as_bytes())?;
        return Ok(ExitStatus::Ok);
    }
    let exports = export::of_run(&args.write, plan, &folder)?;
    let submitted = tasks::submit(&request)?;
    let talks = args.verbosity() != Verbosity::Quiet;
    if talks {
        screen.note(&submitted.notes);
    }
    if !args.wait {
        if !plan.exports.is_empty() {
            screen.note(&["[export] is left out without --wait"]);
        }
        output::print(told(&submitted, &folder).as_bytes())?;
        return Ok(match submitted.left {
            Some(_) => ExitStatus::NotCovered,
            None => ExitStatus::Ok,
        });
    }
    if talks {
        screen.say(&told(&submitted, &folder));
    }
    waited(args, plan, &folder, &exports, screen)
}

/// What was submitted, and where to look.
fn told(submitted: &Submitted, folder: &Path) -> String {
    let Submitted { jobs, units, before, left, .. } = submitted;
    let tasks: usize = jobs.iter().map(|(_, tasks)| tasks).sum();
    let numbers: Vec<String> =
        jobs.iter().map(|(job, tasks)| format!("{job} ({})", counted(*tasks, "task"))).collect();
    let mut text = match &numbers[..] {
        [] => {
            format!("nothing to submit: of {} all are done or under way\n", counted(*units, "task"))
        }
        numbers => format!(
            "submitted {tasks} of {} as job {}\n",
            counted(*units, "task"),
            numbers.join(", ")
        ),
    };
    if *before > 0 && tasks > 0 {
        let _ = writeln!(text, "{before} were done or under way before");
    }
    let folder = folder.display();
    if let Some((left, why)) = left {
        let _ = writeln!(
            text,
            "{left} were not taken: {why}\nsay --engine slurm --resume again when there is room, or --wait"
        );
    }
    text + &format!(
        "perftune status {folder}   says how they stand\nperftune report {folder}   shows what is there\nperftune cancel {folder}   ends them\n"
    )
}

fn waited(
    args: &RunArgs,
    plan: &Plan,
    folder: &Path,
    exports: &Exports,
    screen: Screen,
) -> Result<ExitStatus, Fault> {
    let (waited, elapsed_s) =
        progress::watch(args.progress, args.verbosity(), screen, |progress| {
            tasks::wait(plan, folder, progress)
        })?;
    if waited.is_cut {
        screen.note(&[format!(
            "the tasks go on; `perftune status {}` says how they stand",
            folder.display()
        )]);
        return Ok(ExitStatus::Interrupted);
    }
    let Some(merged) = tasks::collect(folder)? else {
        screen.warn(&status::open(&waited.standing));
        return Ok(ExitStatus::NotCovered);
    };
    print(args, &merged, folder, elapsed_s, |document| {
        export::write(exports, document, &reopen(folder)?.0, screen)
    })?;
    screen.warn(&status::open(&waited.standing));
    if merged.missing.any() {
        return Ok(ExitStatus::NotCovered);
    }
    Ok(grid_exit(&merged.records, None, args.strict))
}

fn print(
    args: &RunArgs,
    merged: &Merged,
    folder: &Path,
    elapsed_s: f64,
    then: impl FnOnce(&Document<'_>) -> Result<(), Fault>,
) -> Result<(), Fault> {
    let shown = folder.display().to_string();
    let document = Document {
        name: &merged.name,
        records: &merged.records,
        derived: &merged.derived,
        shadow: None,
        per_run: args.per_run,
        closing: Closing {
            planned: Some(merged.planned),
            elapsed_s: Some(elapsed_s),
            folder: Some(&shown),
            ..merged.derived.closing()
        },
    };
    document.print(args.format)?;
    then(&document)
}

/// Puts together what the tasks of a folder have made so far, and says how much that is; nothing of any other folder.
pub fn refresh(folder: &Path, screen: Screen) -> Result<(), Fault> {
    if !tasks::is_spread(folder) {
        return Ok(());
    }
    let merged = match tasks::collect(folder) {
        Ok(merged) => merged,
        // What was put together before is shown.
        Err(fault) if folder.join("manifest.json").exists() => {
            screen.note(&[format!("reports not updated: {}", fault.error)]);
            return Ok(());
        }
        Err(fault) => return Err(fault),
    };
    let status = format!("`perftune status {}` says how the tasks stand", folder.display());
    match merged {
        Some(merged) => {
            screen.note(&merged.notes);
            if merged.missing.any() {
                screen.note(&[format!("partial: {}; {status}", merged.missing.says().join("; "))]);
            }
            Ok(())
        }
        None => Err(Fault::new(format!("no task of {} has made anything yet", folder.display()))
            .hint(status)),
    }
}
