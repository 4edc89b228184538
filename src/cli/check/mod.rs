//! `perftune check`: is the candidate worse than the baseline?

pub mod output;
mod source;
mod verdict;

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::Context;
use serde::Deserialize;
use serde_json::Value;

use self::output::Delivery;
use self::source::Source;
use super::against::self_test::self_test;
use super::against::{Rules, rules_of};
use super::args::{CheckArgs, OnInconclusive};
use super::baseline::Reference;
use super::diagnostic::Fault;
use super::exit::{ExitStatus, check_exit};
use super::output::Screen;
use crate::config;
use crate::event::record::SAID_BY_WORKER;
use crate::gate::{GatePolicy, Judgement, Side, default_rule, judge};
use crate::report::gate::GateReport;

/// Compares what the arguments name, prints and writes what came of it.
pub fn check(args: &CheckArgs, screen: Screen) -> Result<ExitStatus, Fault> {
    let Some(baseline) = &args.baseline else {
        return self_test(rules(args, None)?.policy, args.slowdown, screen);
    };
    let inputs: Vec<&Path> = [Some(baseline), args.candidate.as_ref()]
        .into_iter()
        .flatten()
        .map(AsRef::as_ref)
        .collect();
    let delivery = Delivery::new(args.format, &args.write, &inputs)?;
    let judgement = judgement(baseline, args)?;
    let inconclusive_fails = args.on_inconclusive == OnInconclusive::Fail;
    let report = GateReport { judgement: &judgement, inconclusive_fails };
    delivery.deliver(&report)?;
    Ok(check_exit(&judgement, inconclusive_fails))
}

/// Judges a folder that holds both sides, as `perftune run --against` makes it.
pub fn folder(path: &Path, rules: &Rules) -> Result<Judgement, Fault> {
    let (baseline, candidate) = source::both(path)?;
    compare(baseline, candidate, rules)
}

/// Both sides of such a folder, as they are judged.
pub fn sides(path: &Path) -> Result<[Side; 2], Fault> {
    let (baseline, candidate) = source::both(path)?;
    Ok([baseline.side, candidate.side])
}

fn judgement(baseline: &Path, args: &CheckArgs) -> Result<Judgement, Fault> {
    if let Some(candidate) = &args.candidate {
        let candidate = source::read(candidate)?;
        let gate = rules(args, candidate.gate.as_ref())?.policy;
        let reference = if args.pinned { Reference::Pinned } else { Reference::Rolling };
        let baseline = source::read_baseline(baseline, &candidate.side, (&gate, reference))?;
        let recorded = candidate.gate.as_ref().or(baseline.gate.as_ref());
        let rules = rules(args, recorded)?;
        return compare(baseline, candidate, &rules);
    }
    if args.pinned {
        return Err(Fault::new("--pinned chooses among the sessions of a folder of baselines")
            .hint("write `perftune check baseline CANDIDATE --pinned`"));
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
    let (old, new) = source::both(baseline)?;
    let mut rules = match rules_of(baseline)? {
        // The verdict that was given is given again.
        Some(rules) if args.gate.is_none() => rules,
        _ => rules(args, new.gate.as_ref().or(old.gate.as_ref()))?,
    };
    rules.policy.any_machine |= args.any_machine;
    compare(old, new, &rules)
}

/// The rules that are asked for; else those that were recorded with the results.
fn rules(args: &CheckArgs, recorded: Option<&Value>) -> Result<Rules, Fault> {
    let mut policy = match (&args.gate, recorded) {
        (Some(file), _) => config::gate(&config::Source::Path(file.clone()))?,
        (None, Some(recorded)) => GatePolicy::deserialize(recorded)
            .context("the gate in manifest.json cannot be read; give one with --gate FILE")?,
        (None, None) => GatePolicy::default(),
    };
    policy.any_machine |= args.any_machine;
    Ok(Rules { policy, of_file: args.gate.is_some() })
}

/// Takes out what a worker says of itself and nobody has declared; returns the names.
fn leave_out_own(side: &mut Side, policy: &GatePolicy) -> BTreeSet<String> {
    let mut left_out = BTreeSet::new();
    for run in &mut side.runs {
        run.figures.retain(|figure| {
            let own = figure.phase == "run" && figure.note == SAID_BY_WORKER;
            let declared = policy.metrics.contains_key(&figure.metric);
            let known = declared || default_rule(&figure.metric).is_some();
            if own && !known {
                left_out.insert(figure.metric.clone());
            }
            known || !own
        });
    }
    left_out
}

/// What a reader must know where the candidate brings its own rules: a change could loosen the gate that is to judge it.
fn own_rules(baseline: Option<&Value>, candidate: Option<&Value>) -> Result<Option<String>, Fault> {
    let usual = serde_json::to_value(GatePolicy::default())?;
    let (old, new) = (baseline.unwrap_or(&usual), candidate.unwrap_or(&usual));
    let keys = |rules: &Value| -> Vec<String> {
        let keys = rules.as_object().map(|rules| rules.keys().cloned());
        keys.into_iter().flatten().collect()
    };
    let mut differ: Vec<String> = keys(new);
    differ.extend(keys(old).into_iter().filter(|key| new.get(key).is_none()));
    differ.retain(|key| old.get(key) != new.get(key));
    if differ.is_empty() {
        return Ok(None);
    }
    let than = match baseline {
        Some(_) => "the [gate] of the two grids differs",
        None => "the [gate] of the candidate's grid is not the usual one",
    };
    Ok(Some(format!(
        "{than} ({}): the candidate's was used; --gate FILE chooses another",
        differ.join(", ")
    )))
}

/// Judges two sides; what a reader must know of the files is among the notes.
fn compare(mut baseline: Source, mut candidate: Source, rules: &Rules) -> Result<Judgement, Fault> {
    let mut own = BTreeSet::new();
    for side in [&mut baseline.side, &mut candidate.side] {
        own.append(&mut leave_out_own(side, &rules.policy));
    }
    let judged = judge(&baseline.side, &candidate.side, &rules.policy);
    let mut judgement = judged.map_err(|error| {
        Fault::from(error)
            .hint("nothing was judged: this is a mistake in the data and no verdict of the gate")
    })?;
    if let Some(first) = own.first() {
        let more = match own.len() {
            1 => String::new(),
            n => format!(" and {} more", n - 1),
        };
        judgement.notes.push(format!(
            "the worker's own `{first}`{more} was not judged: what it means is not known; `direction` in [gate.metrics] gates it"
        ));
    }
    if !rules.of_file {
        let note = own_rules(baseline.gate.as_ref(), candidate.gate.as_ref())?;
        judgement.notes.extend(note);
    }
    if baseline.wide != candidate.wide {
        judgement.notes.push(
            "one side is a report.csv, which holds fewer figures than a metrics.csv or a results folder: the others are \
             missing on that side"
                .to_owned(),
        );
    }
    for source in [baseline, candidate] {
        let name = source.side.name;
        let said = source.notes.into_iter().map(|note| format!("{name}: {note}"));
        judgement.notes.extend(said);
    }
    Ok(judgement)
}
