//! Two recorded sides, judged by the rules that are asked for or recorded with them.
//!
//! Verdicts are the gate's. Invariant: the rules are those of a file, else those that were recorded, else the usual ones;
//! that a candidate brings its own is said.

use std::collections::BTreeSet;
use std::path::Path;

use serde::Deserialize;
use serde_json::{Map, Value};

use super::plan::{ComparisonPlan, FILE, Rules};
use super::sides::ComparedSide;
use super::source::{self, RecordedSide};
use super::verdict;
use crate::app::Fault;
use crate::app::distinct::distinct;
use crate::config;
use crate::gate::{GateNote, GatePolicy, Judgement, Outcome, Side, default_rule, judge};
use crate::metric::MetricName;

/// What is compared, and by which rules.
pub struct CheckRequest<'a> {
    /// A results folder, a CSV file of one or a folder of baselines; alone a folder that holds both sides, or a verdict.
    pub baseline: &'a Path,
    /// A results folder, or a CSV file of one.
    pub candidate: Option<&'a Path>,
    /// A file of rules, instead of those that were recorded.
    pub gate: Option<&'a Path>,
    /// Compare even what was measured in different or unknown environments.
    pub any_machine: bool,
    /// Of a folder of baselines: the epoch that was promoted last.
    pub pinned: bool,
}

/// The manifest's own rules are damaged.
#[derive(Debug, thiserror::Error)]
#[error("the gate in manifest.json cannot be read; give one with --gate FILE")]
struct UnreadableGate(#[source] serde_json::Error);

/// Judges a folder that holds both sides, as `perftune run --against` makes it.
pub(super) fn folder(path: &Path, rules: &Rules) -> Result<Judgement, Fault> {
    let (baseline, candidate) = source::both(path)?;
    compare(baseline, candidate, rules)
}

/// Both sides of such a folder, as they are judged.
pub fn sides_of(path: &Path) -> Result<[Side; 2], Fault> {
    let (baseline, candidate) = source::both(path)?;
    Ok([baseline.side, candidate.side])
}

/// Compares two recorded sides, or reads the verdict on them.
pub fn check(request: &CheckRequest<'_>) -> Result<Judgement, Fault> {
    let &CheckRequest { baseline, gate, any_machine, pinned, .. } = request;
    if let Some(candidate) = request.candidate {
        let candidate = source::read(candidate)?;
        let policy = rules(gate, candidate.gate.as_ref(), any_machine)?.policy;
        let baseline = source::read_baseline(baseline, &candidate.side, &policy, pinned)?;
        let recorded = candidate.gate.as_ref().or(baseline.gate.as_ref());
        let rules = rules(gate, recorded, any_machine)?;
        return compare(baseline, candidate, &rules);
    }
    if pinned {
        return Err(Fault::new("--pinned chooses among the sessions of a folder of baselines")
            .hint("write `perftune check baseline CANDIDATE --pinned`"));
    }
    if verdict::is_one(baseline) {
        if gate.is_some() || any_machine {
            let name = baseline.display();
            let what = format!(
                "{name} has been judged already: --gate and --any-machine change nothing in it"
            );
            return Err(Fault::new(what).hint("leave them out, or judge the two sides anew"));
        }
        return verdict::read(baseline);
    }
    let (old, new) = source::both(baseline)?;
    let mut rules = match ComparisonPlan::read(baseline)? {
        // The verdict that was given is given again.
        Some(plan) if gate.is_none() => plan.gate,
        None if gate.is_none() && (old.in_turn || new.in_turn) => {
            return Err(without_rules(baseline));
        }
        _ => rules(gate, new.gate.as_ref().or(old.gate.as_ref()), any_machine)?,
    };
    rules.policy.any_machine |= any_machine;
    compare(old, new, &rules)
}

/// Its own rules may have been stricter than those of the grids.
fn without_rules(folder: &Path) -> Fault {
    let name = folder.display();
    Fault::new(format!("{name} has no {FILE}, which says by which rules its sides are compared"))
        .hint("restore it, or give the rules with --gate FILE")
}

/// The rules of a file; else those that were recorded with the results; else the usual ones.
pub fn rules(
    file: Option<&Path>,
    recorded: Option<&Value>,
    any_machine: bool,
) -> Result<Rules, Fault> {
    let mut policy = match (file, recorded) {
        (Some(file), _) => config::gate(&config::GridSource::Path(file.to_owned()))?,
        (None, Some(recorded)) => GatePolicy::deserialize(recorded).map_err(UnreadableGate)?,
        (None, None) => GatePolicy::default(),
    };
    policy.any_machine |= any_machine;
    Ok(Rules { policy, of_file: file.is_some() })
}

/// The rules of a file, or of the candidate's grid.
pub fn rules_of_side(file: Option<&Path>, candidate: &ComparedSide) -> Result<Rules, Fault> {
    match file {
        Some(_) => rules(file, None, false),
        None => Ok(Rules { policy: candidate.plan.gate.clone(), of_file: false }),
    }
}

/// Takes out what a worker says of itself and nobody has declared; returns the names.
fn leave_out_own(side: &mut Side, policy: &GatePolicy) -> BTreeSet<MetricName> {
    let mut left_out = BTreeSet::new();
    for run in &mut side.runs {
        run.figures.retain(|figure| {
            let own = figure.phase == "run" && figure.of_worker;
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
fn own_rules(
    baseline: Option<&Value>,
    candidate: Option<&Value>,
) -> Result<Option<GateNote>, Fault> {
    let usual = serde_json::to_value(GatePolicy::default())?;
    let (old, new) = (baseline.unwrap_or(&usual), candidate.unwrap_or(&usual));
    let keys = [new, old].into_iter().filter_map(Value::as_object).flat_map(Map::keys);
    let mut differ = distinct(keys.map(String::as_str));
    differ.retain(|key| old.get(key) != new.get(key));
    if differ.is_empty() {
        return Ok(None);
    }
    Ok(Some(GateNote::OwnRules {
        keys: differ.into_iter().map(str::to_owned).collect(),
        both: baseline.is_some(),
    }))
}

/// Judges two sides; what a reader must know of the files is among the notes.
fn compare(
    mut baseline: RecordedSide,
    mut candidate: RecordedSide,
    rules: &Rules,
) -> Result<Judgement, Fault> {
    let mut own = BTreeSet::new();
    for side in [&mut baseline.side, &mut candidate.side] {
        own.append(&mut leave_out_own(side, &rules.policy));
    }
    let judged = judge(&baseline.side, &candidate.side, &rules.policy);
    let mut judgement = judged.map_err(|error| {
        Fault::from(error)
            .hint("nothing was judged: this is an error in the data, not a verdict of the gate")
    })?;
    if let Some(first) = own.first() {
        let (metric, more) = (first.clone(), own.len() - 1);
        judgement.notes.push(GateNote::WorkersOwn { metric, more });
    }
    if !rules.of_file {
        let note = own_rules(baseline.gate.as_ref(), candidate.gate.as_ref())?;
        judgement.notes.extend(note);
    }
    for source in [baseline, candidate] {
        let side = source.side.name;
        if let Some(file) = source.lost.first() {
            judgement.outcome = judgement.outcome.max(Outcome::Coverage);
            let (file, more) = (file.clone(), source.lost.len() - 1);
            judgement.notes.push(GateNote::Lost { file, more });
        }
        let notes = source.notes.into_iter();
        let said = notes.map(|said| GateNote::OfSide { side: side.clone(), said });
        judgement.notes.extend(said);
    }
    Ok(judgement)
}
