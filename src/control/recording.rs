//! A recorded run, fed to the controller as it was when it was live: when would each metric have been known, and how far
//! is what was known then from what the whole recording says?

use super::assess::percent;
use super::context::RunContext;
use super::controller::Controller;
use super::policy::StopPolicy;
use super::rule::{Judgement, Oracle, RuleId, RuleSpec, Standing};
use super::stage::{Chosen, StageState};
use crate::event::{Envelope, MetricDef, ResourceSample, Stage};
use crate::stats::Estimate;

/// What a rule says of one metric in one stage of a run.
#[derive(Debug, Clone, PartialEq)]
pub struct StageJudgement {
    /// The stage.
    pub stage: Stage,
    /// The metric.
    pub metric: &'static MetricDef,
    /// What the rule says; times count from the beginning of the stage.
    pub judgement: Judgement,
    /// The figure of the whole recording.
    pub full_estimate: Option<f64>,
}

/// One metric in one stage.
#[derive(Debug)]
struct Entry {
    stage: Stage,
    metric: &'static MetricDef,
    entered_ns: u64,
    /// When it was first known, in nanoseconds, and what was said then.
    known: Option<(u64, Option<Estimate>, String)>,
    /// Seconds and estimate of each look; for the oracle alone.
    looks: Vec<(f64, f64)>,
    next_look_ns: u64,
}

/// A run that is being replayed under one rule.
#[derive(Debug)]
pub struct RunReplay {
    rule: RuleSpec,
    controller: Controller,
    entries: Vec<Entry>,
}

impl RunReplay {
    /// `policy`: that of the run, of which the rule takes what it was not given itself.
    pub fn new(policy: &StopPolicy, rule: &RuleSpec, context: RunContext) -> Self {
        let asked = StopPolicy {
            // Looks are taken to the end, so that each metric has its own time; nobody obeys a verdict here.
            enabled: false,
            limits_only: false,
            ..policy.with_rule(rule)
        };
        let own = rule.is_ours() || rule.id() == RuleId::Oracle;
        let kept = if own { rule.clone() } else { asked.rule.clone() };
        let asked = if own { StopPolicy { rule: RuleSpec::default(), ..asked } } else { asked };
        Self {
            rule: kept.or("within", policy.within),
            controller: Controller::new(asked, context),
            entries: Vec::new(),
        }
    }

    /// Takes a message of the worker.
    pub fn on_worker(&mut self, envelope: &Envelope) {
        // A verdict would be one of the whole stage.
        let _ = self.controller.on_worker(envelope);
        self.see();
    }

    /// Takes a tick of the sampler.
    pub fn on_sample(&mut self, sample: &ResourceSample) {
        let _ = self.controller.on_sample(sample);
        self.see();
    }

    fn see(&mut self) {
        let (now_ns, policy) = (self.controller.now_ns, &self.controller.policy);
        let stages = self.controller.stages.iter();
        for state in stages.filter(|state| is_judged(state)) {
            for chosen in &state.chosen {
                let entry = entry(&mut self.entries, state, chosen.metric);
                if entry.known.is_none() && chosen.left_out.is_none() && chosen.known(policy.looks)
                {
                    let (estimate, reason) = said(chosen, policy);
                    entry.known = Some((now_ns, estimate, reason));
                }
                if self.rule.id() == RuleId::Oracle && entry.next_look_ns != state.looks.next_ns {
                    entry.next_look_ns = state.looks.next_ns;
                    let last = chosen.last.as_ref().and_then(|last| last.estimate);
                    let at_s = state.age_ns(now_ns) as f64 * 1e-9;
                    entry.looks.extend(last.map(|estimate| (at_s, estimate.value)));
                }
            }
        }
    }

    /// What the rule says of each chosen metric of each stage that the run had; metrics that could not be read are left
    /// out.
    pub fn finish(self) -> Vec<StageJudgement> {
        let rows = self.controller.rows(None);
        let mut found = Vec::new();
        let stages = self.controller.stages.iter();
        for state in stages.filter(|state| is_judged(state)) {
            let counted = state.counted().filter(|chosen| !chosen.metric.kind.is_said_once());
            for chosen in counted {
                let Some(entry) = self.entries.iter().find(|entry| entry.is(state, chosen.metric))
                else {
                    continue;
                };
                let stage = state.stage.to_string();
                let row = rows.iter().find(|row| {
                    row.metric == chosen.metric.name && (row.phase == stage || row.phase == "run")
                });
                let full_estimate = row.and_then(|row| row.estimate);
                found.push(StageJudgement {
                    stage: state.stage,
                    metric: chosen.metric,
                    judgement: self.judge(entry, (state, chosen), full_estimate),
                    full_estimate,
                });
            }
        }
        found
    }

    fn judge(
        &self,
        entry: &Entry,
        (state, chosen): (&StageState, &Chosen),
        full: Option<f64>,
    ) -> Judgement {
        let seconds = |ns: u64| state.age_ns(ns) as f64 * 1e-9;
        let length_s = seconds(state.left_ns.unwrap_or(self.controller.now_ns));
        let used = |at_s: f64| {
            if length_s > 0.0 { (at_s / length_s).min(1.0) } else { 1.0 }
        };
        if self.rule.id() == RuleId::Oracle {
            let mut oracle = Oracle::new(&self.rule, full.unwrap_or(f64::INFINITY));
            for (at_s, estimate) in &entry.looks {
                oracle.push(*at_s, *estimate);
            }
            return oracle.judgement(used);
        }
        let stop_s = entry.known.as_ref().map(|(at_ns, ..)| seconds(*at_ns));
        let (estimate, reason) = match &entry.known {
            Some((_, estimate, reason)) => (*estimate, reason.clone()),
            None => said(chosen, &self.controller.policy),
        };
        Judgement {
            stop_s,
            used: stop_s.map_or(1.0, used),
            estimate: estimate.map(|estimate| estimate.value),
            interval: estimate.and_then(|estimate| estimate.interval),
            reason,
        }
    }
}

/// Whether rules are asked about a stage: what serves once more ends when its limits are decided, whatever they say.
fn is_judged(state: &StageState) -> bool {
    !matches!(state.stage, Stage::Confirm(_))
}

impl Entry {
    fn is(&self, state: &StageState, metric: &MetricDef) -> bool {
        (self.stage, self.metric.name) == (state.stage, metric.name)
    }
}

/// The entry of this metric; a stage that comes again is measured again.
fn entry<'a>(
    entries: &'a mut Vec<Entry>,
    state: &StageState,
    metric: &'static MetricDef,
) -> &'a mut Entry {
    let fresh = || Entry {
        stage: state.stage,
        metric,
        entered_ns: state.entered_ns,
        known: None,
        looks: Vec::new(),
        next_look_ns: state.looks.next_ns,
    };
    let at = entries.iter().position(|entry| entry.is(state, metric));
    let at = at.unwrap_or_else(|| {
        entries.push(fresh());
        entries.len() - 1
    });
    if entries[at].entered_ns != state.entered_ns {
        entries[at] = fresh();
    }
    &mut entries[at]
}

/// What is said of a metric now: by the rule that watches it, or at the last look.
fn said(chosen: &Chosen, policy: &StopPolicy) -> (Option<Estimate>, String) {
    if let Some(watch) = &chosen.watch {
        let opinion = watch.opinion();
        let reason = match watch.standing() {
            Standing::GaveUp => format!("gave up: {}", opinion.reason),
            Standing::Known | Standing::Open => opinion.reason,
        };
        return (opinion.estimate, reason);
    }
    let Some(last) = &chosen.last else {
        return (None, "was never judged".to_owned());
    };
    let width = match last.reached() {
        Some(reached) => format!("±{} at {}", percent(reached), percent(policy.confidence)),
        None => "no interval".to_owned(),
    };
    let why = match &last.open {
        Some(why) => format!(", {}", why.sentence()),
        None if chosen.known(policy.looks) && policy.looks > 1 => {
            format!(" in {} looks", policy.looks)
        }
        None if chosen.known(policy.looks) => String::new(),
        None => ", not confirmed".to_owned(),
    };
    (last.estimate, format!("{width} over {} observations{why}", last.seen))
}
