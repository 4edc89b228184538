//! `perftune check`: is the candidate worse than the baseline?

pub mod output;
mod source;
mod verdict;

use std::path::Path;

use anyhow::Context;
use serde::Deserialize;

use self::output::Delivery;
use self::source::Source;
use super::against::self_test::self_test;
use super::args::{CheckArgs, OnInconclusive};
use super::baseline::Reference;
use super::diagnostic::Fault;
use super::exit::{ExitStatus, check_exit};
use super::output::Screen;
use crate::config;
use crate::gate::{GatePolicy, Judgement, Side, judge};
use crate::report::gate::GateReport;

/// Compares what the arguments name, prints and writes what came of it.
pub fn check(args: &CheckArgs, screen: Screen) -> Result<ExitStatus, Fault> {
    let Some(baseline) = &args.baseline else {
        return self_test(policy(args, None)?, args.slowdown, screen);
    };
    let delivery = Delivery::new(args.format, &args.write)?;
    let judgement = judgement(baseline, args)?;
    let inconclusive_fails = args.on_inconclusive == OnInconclusive::Fail;
    let report = GateReport {
        judgement: &judgement,
        inconclusive_fails,
    };
    delivery.deliver(&report)?;
    Ok(check_exit(&judgement, inconclusive_fails))
}

/// Judges a folder that holds both sides, as `perftune run --against` makes it.
pub fn folder(path: &Path, policy: &GatePolicy) -> Result<Judgement, Fault> {
    let (baseline, candidate) = source::both(path)?;
    compare(baseline, candidate, policy)
}

/// Both sides of such a folder, as they are judged.
pub fn sides(path: &Path) -> Result<[Side; 2], Fault> {
    let (baseline, candidate) = source::both(path)?;
    Ok([baseline.side, candidate.side])
}

fn judgement(baseline: &Path, args: &CheckArgs) -> Result<Judgement, Fault> {
    if let Some(candidate) = &args.candidate {
        let candidate = source::read(candidate)?;
        let gate = policy(args, candidate.gate.as_ref())?;
        let reference = if args.pinned {
            Reference::Pinned
        } else {
            Reference::Rolling
        };
        let baseline = source::read_baseline(baseline, &candidate.side, (&gate, reference))?;
        return compared(baseline, candidate, args);
    }
    if args.pinned {
        return Err(
            Fault::new("--pinned chooses among the sessions of a folder of baselines")
                .hint("write `perftune check baseline CANDIDATE --pinned`"),
        );
    }
    if verdict::is_one(baseline) {
        if args.gate.is_some() || args.any_machine {
            let name = baseline.display();
            let what = format!(
                "{name} has been judged already: --gate and --any-machine change nothing in it"
            );
            return Err(Fault::new(what).hint("leave them out, or judge the two sides anew"));
        }
        return verdict::read(baseline);
    }
    let (baseline, candidate) = source::both(baseline)?;
    compared(baseline, candidate, args)
}

/// The gate that is asked for; else the one that was recorded with the results.
fn policy(args: &CheckArgs, recorded: Option<&serde_json::Value>) -> Result<GatePolicy, Fault> {
    let mut policy = match (&args.gate, recorded) {
        (Some(file), _) => config::gate(&config::Source::Path(file.clone()))?,
        (None, Some(recorded)) => GatePolicy::deserialize(recorded)
            .context("the gate in manifest.json cannot be read; give one with --gate FILE")?,
        (None, None) => GatePolicy::default(),
    };
    policy.any_machine |= args.any_machine;
    Ok(policy)
}

/// Judges by the gate that is asked for, the candidate's or the baseline's.
fn compared(baseline: Source, candidate: Source, args: &CheckArgs) -> Result<Judgement, Fault> {
    let (old, new) = (baseline.gate.clone(), candidate.gate.clone());
    let policy = policy(args, new.as_ref().or(old.as_ref()))?;
    let mut judgement = compare(baseline, candidate, &policy)?;
    if args.gate.is_none() && new.zip(old).is_some_and(|(new, old)| new != old) {
        judgement.notes.push(
            "the [gate] of the two grids differs: the candidate's was used; --gate FILE chooses another".to_owned(),
        );
    }
    Ok(judgement)
}

/// Judges two sides; what a reader must know of the files is among the notes.
fn compare(baseline: Source, candidate: Source, policy: &GatePolicy) -> Result<Judgement, Fault> {
    let judged = judge(&baseline.side, &candidate.side, policy);
    let mut judgement = judged.map_err(|error| {
        Fault::from(error)
            .hint("nothing was judged: this is a mistake in the data and no verdict of the gate")
    })?;
    if baseline.wide != candidate.wide {
        judgement.notes.push(
            "one side is a report.csv, which holds fewer figures than a metrics.csv or a results folder: the others are \
             missing on that side"
                .to_owned(),
        );
    }
    for source in [baseline, candidate] {
        let name = source.side.name;
        let said = source
            .notes
            .into_iter()
            .map(|note| format!("{name}: {note}"));
        judgement.notes.extend(said);
    }
    Ok(judgement)
}
