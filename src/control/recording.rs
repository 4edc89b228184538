//! A recorded run, fed to the controller as it was when it was live: when would each metric have been known, and how far
//! is what was known then from what the whole recording says?

use super::context::RunContext;
use super::controller::Controller;
use super::measure::tick::Interval;
use super::policy::StopPolicy;
use super::rule::{Judgement, Oracle, RuleSpec, Standing};
use super::stage::{Chosen, StageState};
use super::watch::Watch;
use crate::event::{Envelope, ResourceSample, RuleSaid, Stage, StepBatch, WorkerEvent};
use crate::metric::{MetricDef, MetricKind};
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
    /// When the rule gave up, in seconds from the beginning of the stage.
    pub gave_up_s: Option<f64>,
}

/// When a metric was first known, or given up, and what was said then.
#[derive(Debug)]
struct Said {
    at_ns: u64,
    standing: Standing,
    estimate: Option<Estimate>,
    reason: RuleSaid,
}

/// One metric in one stage.
#[derive(Debug)]
struct Entry {
    stage: Stage,
    metric: &'static MetricDef,
    entered_ns: u64,
    /// The rule that judges it in place of the looks, where it is not ours.
    watch: Option<Watch>,
    said: Option<Said>,
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
            ..rule.over(policy)
        };
        Self {
            rule: rule.clone().asked(policy.within, policy.confidence),
            controller: Controller::new(asked, context),
            entries: Vec::new(),
        }
    }

    /// Takes a message of the worker.
    pub fn on_worker(&mut self, envelope: &Envelope) {
        let (stage, intervals) = self.settles(Some(envelope.t_ns));
        // A verdict would be one of the whole stage.
        let _ = self.controller.on_worker(envelope);
        self.intervals(stage, &intervals);
        if let WorkerEvent::Steps(batch) = &envelope.event {
            self.steps(batch);
        }
        self.see();
    }

    /// Takes a tick of the sampler.
    pub fn on_sample(&mut self, sample: &ResourceSample) {
        let (stage, intervals) = self.settles(self.controller.run.silent_until(sample.t_ns));
        let _ = self.controller.on_sample(sample);
        self.intervals(stage, &intervals);
        self.see();
    }

    /// The intervals between ticks that the next message settles, and their stage; none where no rule watches them.
    fn settles(&self, until_ns: Option<u64>) -> (Option<Stage>, Vec<[ResourceSample; 2]>) {
        let watched = self.entries.iter().any(|entry| entry.watch.is_some());
        let until_ns = until_ns.filter(|_| watched);
        let intervals = until_ns.map(|until_ns| self.controller.run.unsettled(until_ns));
        (self.controller.run.current, intervals.unwrap_or_default())
    }

    fn intervals(&mut self, stage: Option<Stage>, intervals: &[[ResourceSample; 2]]) {
        let (context, totals) = (&self.controller.run.context, &self.controller.run.totals);
        for [before, after] in intervals {
            let Some(interval) = Interval::new(before, after, &totals.devices) else {
                continue;
            };
            let (cores, peaks) = (context.usable_cores, &totals.peaks);
            for entry in self.entries.iter_mut().filter(|entry| Some(entry.stage) == stage) {
                if let Some(watch) = &mut entry.watch {
                    watch.interval(entry.metric, &interval, cores, peaks);
                }
            }
        }
    }

    fn steps(&mut self, batch: &StepBatch) {
        let of = batch.phase.stage();
        for entry in self.entries.iter_mut().filter(|entry| entry.stage == of) {
            if let Some(watch) = &mut entry.watch {
                watch.steps(entry.metric, batch);
            }
        }
    }

    fn see(&mut self) {
        let (now_ns, policy) = (self.controller.run.now_ns, &self.controller.run.policy);
        let stages = self.controller.run.stages.iter();
        for state in stages.filter(|state| is_judged(state)) {
            for chosen in &state.chosen {
                let entry = entry(&mut self.entries, state, chosen.metric, &self.rule);
                let standing = match &entry.watch {
                    Some(watch) => watch.standing(),
                    None if chosen.known(policy.looks) => Standing::Known,
                    None if state.futile => Standing::GaveUp,
                    None => Standing::Open,
                };
                if entry.said.is_none() && chosen.left_out.is_none() && standing != Standing::Open {
                    let (estimate, reason) = entry.says(chosen, policy, standing);
                    entry.said = Some(Said { at_ns: now_ns, standing, estimate, reason });
                }
                if self.rule.needs_future() && entry.next_look_ns != state.looks.next_ns {
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
        let stages = self.controller.run.stages.iter();
        for state in stages.filter(|state| is_judged(state)) {
            let counted = state.counted().filter(|chosen| !chosen.metric.kind.is_said_once());
            for chosen in counted {
                let Some(entry) = self.entries.iter().find(|entry| entry.is(state, chosen.metric))
                else {
                    continue;
                };
                let stage = state.stage.to_string();
                let row = rows.iter().find(|row| {
                    row.metric == chosen.metric.id && (row.phase == stage || row.phase == "run")
                });
                let full_estimate = row.and_then(|row| row.estimate);
                let said = entry.said.as_ref();
                let gave_up = said.filter(|said| said.standing == Standing::GaveUp);
                found.push(StageJudgement {
                    gave_up_s: gave_up.map(|said| state.age_ns(said.at_ns) as f64 * 1e-9),
                    stage: state.stage,
                    metric: chosen.metric,
                    judgement: self.judge(entry, state, chosen, full_estimate),
                    full_estimate,
                });
            }
        }
        found
    }

    fn judge(
        &self,
        entry: &Entry,
        state: &StageState,
        chosen: &Chosen,
        full: Option<f64>,
    ) -> Judgement {
        let seconds = |ns: u64| state.age_ns(ns) as f64 * 1e-9;
        let length_s = seconds(state.left_ns.unwrap_or(self.controller.run.now_ns));
        let used = |at_s: f64| {
            if length_s > 0.0 { (at_s / length_s).min(1.0) } else { 1.0 }
        };
        if self.rule.needs_future() {
            let mut oracle = Oracle::new(&self.rule, full.unwrap_or(f64::INFINITY));
            for (at_s, estimate) in &entry.looks {
                oracle.push(*at_s, *estimate);
            }
            return oracle.judgement(used);
        }
        let known = entry.said.as_ref().filter(|said| said.standing == Standing::Known);
        let stop_s = known.map(|said| seconds(said.at_ns));
        let (estimate, reason) = match &entry.said {
            Some(said) => (said.estimate, said.reason.clone()),
            None => entry.says(chosen, &self.controller.run.policy, Standing::Open),
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
        (self.stage, self.metric.id) == (state.stage, metric.id)
    }

    /// What is said of it now: by the rule that watches it, or at the last look.
    fn says(
        &self,
        chosen: &Chosen,
        policy: &StopPolicy,
        standing: Standing,
    ) -> (Option<Estimate>, RuleSaid) {
        let (estimate, reason) = match &self.watch {
            Some(watch) => {
                let opinion = watch.opinion();
                (opinion.estimate, opinion.reason)
            }
            None => of_last_look(chosen, policy),
        };
        let reason = match standing {
            Standing::GaveUp => RuleSaid::GaveUp { after_s: None, last: Box::new(reason) },
            Standing::Known | Standing::Open => reason,
        };
        (estimate, reason)
    }
}

/// The entry of this metric; a stage that comes again is measured again.
fn entry<'a>(
    entries: &'a mut Vec<Entry>,
    state: &StageState,
    metric: &'static MetricDef,
    rule: &RuleSpec,
) -> &'a mut Entry {
    // Windows have no whole training: a projection is judged by looks under every rule.
    let by_looks = metric.kind == MetricKind::Projection;
    let fresh = || Entry {
        stage: state.stage,
        metric,
        entered_ns: state.series.entered_ns,
        watch: Watch::new(rule, state.series.entered_ns).filter(|_| !by_looks),
        said: None,
        looks: Vec::new(),
        next_look_ns: state.looks.next_ns,
    };
    let at = entries.iter().position(|entry| entry.is(state, metric));
    let at = at.unwrap_or_else(|| {
        entries.push(fresh());
        entries.len() - 1
    });
    if entries[at].entered_ns != state.series.entered_ns {
        entries[at] = fresh();
    }
    &mut entries[at]
}

fn of_last_look(chosen: &Chosen, policy: &StopPolicy) -> (Option<Estimate>, RuleSaid) {
    let Some(last) = &chosen.last else {
        return (None, RuleSaid::NeverJudged);
    };
    let known = last.open.is_none() && chosen.known(policy.looks);
    let said = RuleSaid::Look {
        half_width: last.reached(),
        confidence: policy.confidence,
        seen: last.seen,
        notes: Vec::new(),
        agreed: known.then_some(policy.looks),
        open: last.open.clone(),
    };
    (last.estimate, said)
}
