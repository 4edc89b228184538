//! Feeds what is reported into the stages and decides.

use std::collections::VecDeque;

use super::assess::Ask;
use super::command::is_of_steps;
use super::context::RunContext;
use super::energy::Energy;
use super::limit::Limit;
use super::pace::Pace;
use super::policy::StopPolicy;
use super::stage::{Outcome, StageState};
use super::support::{chosen_or_default, left_out, why_unsupported};
use super::totals::Totals;
use super::training::TrainingWatch;
use crate::event::{
    EPOCH_SAMPLES, Envelope, Phase, ResourceSample, Stage, StepBatch, StopReason, StopRecord,
    WorkerEvent,
};
use crate::metric::{MetricDef, find};
use crate::units::seconds;

/// Time over which the live throughput is taken, in nanoseconds.
const LIVE_NS: u64 = 1_000_000_000;

/// What to do now.
#[derive(Debug, Clone, PartialEq)]
#[must_use = "a verdict that is dropped is a run that goes on"]
pub enum Verdict {
    /// Go on.
    Continue,
    /// Leave this serve phase, or this confirmation.
    Advance {
        /// The phase that is meant.
        phase: Phase,
        /// The evidence, one sentence.
        why: String,
    },
    /// The model is trained: leave the training, and serve once more on its weights before the test. Should nothing else
    /// end the run, this is why it ended.
    Confirm(StopRecord),
    /// End the run.
    Stop(StopRecord),
}

/// Watches one run and says when it may stop. Pure: equal streams give equal verdicts.
#[derive(Debug, Clone)]
pub struct Controller {
    pub(super) policy: StopPolicy,
    pub(super) context: RunContext,
    /// Chosen and supported.
    pub(super) chosen: Vec<&'static MetricDef>,
    pub(super) warnings: Vec<String>,
    pub(super) stages: Vec<StageState>,
    pub(super) current: Option<Stage>,
    pub(super) totals: Totals,
    pub(super) training: TrainingWatch,
    pub(super) pace: Pace,
    /// Samples that wait for a message of the worker from after their time: only then is their stage certain.
    pub(super) pending: VecDeque<ResourceSample>,
    /// The energy until the last tick that is settled.
    pub(super) energy: Energy,
    pub(super) last_tick: Option<ResourceSample>,
    pub(super) now_ns: u64,
    pub(super) stopped: Option<StopRecord>,
    /// Why the training was left for the confirmation.
    pub(super) trained_as: Option<StopRecord>,
    /// What the stop spares of the training.
    pub(super) spared_s: Option<f64>,
    /// End, samples and seconds of the steps of the last second.
    pub(super) live: VecDeque<(u64, f64, f64)>,
}

impl Controller {
    /// Chosen metrics that the context says cannot be measured are left out, with a warning.
    pub fn new(policy: StopPolicy, context: RunContext) -> Self {
        let mut warnings = Vec::new();
        let mut chosen = Vec::new();
        for name in chosen_or_default(&policy) {
            match find(&name) {
                None => warnings.push(format!("`{name}` is not a metric of the catalogue")),
                Some(metric) if context.stepless && is_of_steps(metric) => {}
                Some(metric) => match why_unsupported(metric, &context.unsupported) {
                    Some(why) => warnings.push(left_out(&format!("{name}: {}", why.detail))),
                    None => chosen.push(metric),
                },
            }
        }
        Self {
            now_ns: context.started_ns,
            energy: Energy::new(context.started_ns),
            totals: Totals::new(context.devices.clone()),
            policy,
            context,
            chosen,
            warnings,
            stages: Vec::new(),
            current: None,
            training: TrainingWatch::default(),
            pace: Pace::default(),
            pending: VecDeque::new(),
            last_tick: None,
            stopped: None,
            trained_as: None,
            spared_s: None,
            live: VecDeque::new(),
        }
    }

    /// Takes a message of the worker; a look that is due is taken first, on what came before it.
    pub fn on_worker(&mut self, envelope: &Envelope) -> Verdict {
        self.now_ns = self.now_ns.max(envelope.t_ns);
        self.settle_samples(envelope.t_ns);
        self.resolve_marks();
        let leaves = match &envelope.event {
            WorkerEvent::Phase { phase } => self.current != Some(phase.stage()),
            WorkerEvent::Finished(_) | WorkerEvent::Failed(_) => true,
            _ => false,
        };
        let decided = self.decide(leaves);
        self.feed(envelope);
        self.conclude(decided, leaves)
    }

    /// Takes a tick of the sampler.
    pub fn on_sample(&mut self, sample: &ResourceSample) -> Verdict {
        self.totals.sample(sample);
        self.pending.push_back(sample.clone());
        self.now_ns = self.now_ns.max(sample.t_ns);
        self.settle_silence(sample.t_ns);
        self.resolve_marks();
        let decided = self.decide(false);
        self.conclude(decided, false)
    }

    /// What follows from the last message itself outranks a look; and nothing is said after a stop.
    fn conclude(&mut self, decided: Verdict, leaves: bool) -> Verdict {
        if self.stopped.is_some() {
            return Verdict::Continue;
        }
        let verdict = match self.training.diverged() {
            Some(detail) if self.current != Some(Stage::Test) && !self.policy.limits_only => {
                stop(StopReason::Diverged, detail.to_owned())
            }
            _ if leaves => Verdict::Continue,
            _ => self.certain().unwrap_or(decided),
        };
        match &verdict {
            Verdict::Stop(record) => {
                let infeasible = record.reason == StopReason::Infeasible;
                self.spared_s = self.spared_s().filter(|_| infeasible);
                self.stopped = Some(record.clone());
            }
            Verdict::Confirm(record) => self.trained_as = Some(record.clone()),
            Verdict::Continue | Verdict::Advance { .. } => {}
        }
        verdict
    }

    fn feed(&mut self, envelope: &Envelope) {
        match &envelope.event {
            WorkerEvent::Phase { phase } => {
                self.pace.phase(*phase, envelope.t_ns);
                self.enter(phase.stage());
            }
            WorkerEvent::Steps(batch) => self.steps(batch),
            WorkerEvent::Epoch(report) => {
                let target = self.policy.target_accuracy;
                self.pace.epoch(report, envelope.t_ns, target);
                self.training.epoch(report, self.policy.min_delta);
            }
            WorkerEvent::Metric { name, value } => {
                if name == EPOCH_SAMPLES {
                    self.pace.announced(*value);
                }
                self.totals.own_figure(name, *value);
            }
            WorkerEvent::MaxRate(found) => {
                if let Some(Stage::Probe(size)) = self.current {
                    self.totals.rates.insert(size, found.clone());
                }
            }
            WorkerEvent::Finished(finished) => {
                self.leave(!finished.stopped);
                self.totals.finished = Some(finished.clone());
                self.totals.finished_ns = envelope.t_ns;
            }
            WorkerEvent::Failed(_) => self.leave(false),
            WorkerEvent::Hello(hello) => self.totals.devices.learn(&hello.facts),
        }
    }

    /// Ends the current stage; `by_worker`: it had its time there, nobody cut it short.
    fn leave(&mut self, by_worker: bool) {
        let (current, now_ns) = (self.current.take(), self.now_ns);
        self.end_energy(current);
        let judged = by_worker && self.policy.enabled && self.stopped.is_none();
        if let Some(state) = self.stages.iter_mut().find(|state| Some(state.stage) == current) {
            state.left_ns = Some(now_ns);
            if judged {
                state.settle_serving(self.policy.looks);
            }
        }
    }

    fn enter(&mut self, into: Stage) {
        if self.current == Some(into) {
            return;
        }
        self.leave(true);
        self.current = Some(into);
        self.live.clear();
        // What a command has done before it said what it does was loading.
        self.stages.retain(|state| state.stage != Stage::Run);
        if !matches!(into, Stage::Run | Stage::Train | Stage::Serve(_) | Stage::Confirm(_)) {
            return;
        }
        self.begin_energy(into);
        let chosen = self.chosen_in(into);
        let since = (self.now_ns, ns(self.policy.min_time_s));
        let mut state = StageState::new(into, chosen, since);
        // What serves once more only looks at limits: peaks were judged in training.
        if !matches!(into, Stage::Confirm(_)) {
            let now_s = self.now_ns as f64 * 1e-9;
            self.totals.peaks.restart(now_s);
        }
        if matches!(into, Stage::Serve(_) | Stage::Confirm(_)) {
            state = state.under(self.context.pattern);
        }
        state.limits = Limit::all(&self.policy.constraints, into);
        match self.stages.iter_mut().find(|state| state.stage == into) {
            // A phase that comes again is measured again: the first time cannot be told apart in the report.
            Some(old) => *old = state,
            None => self.stages.push(state),
        }
    }

    /// The last serve phase of a run without training.
    pub(super) fn last_serve(&self) -> Option<Stage> {
        let size = self.context.serve_sizes.last()?;
        (self.context.epochs == 0).then_some(Stage::Serve(*size))
    }

    fn steps(&mut self, batch: &StepBatch) {
        let of = batch.phase.stage();
        let timed = matches!(batch.phase, Phase::Train | Phase::Serve(_) | Phase::Confirm(_));
        if !timed {
            return;
        }
        if batch.phase == Phase::Train {
            self.pace.steps(batch);
        }
        let Some(state) = self.stages.iter_mut().find(|state| state.stage == of) else {
            return;
        };
        state.steps(batch);
        let steps = state.times.observations();
        if let (Phase::Train, Some(loss)) = (batch.phase, batch.loss) {
            self.training.loss(loss, steps);
        }
        let end = batch.end_ns();
        let took = end.saturating_sub(batch.start_ns);
        let items = f64::from(batch.items) * batch.dur_ns.len() as f64;
        self.live.push_back((end, items, took as f64 * 1e-9));
        let old = |entry: &(u64, f64, f64)| entry.0.saturating_add(LIVE_NS) < end;
        while self.live.len() > 1 && self.live.front().is_some_and(old) {
            self.live.pop_front();
        }
    }

    /// Takes the look that is due and decides on it. In a stage that is being left the look is kept, nothing is asked.
    fn decide(&mut self, leaves: bool) -> Verdict {
        if self.stopped.is_some() || self.current == Some(Stage::Test) {
            return Verdict::Continue;
        }
        let age_ns = self.now_ns.saturating_sub(self.context.started_ns);
        if let Some(limit) = self.policy.max_run_time_s
            && age_ns >= ns(limit)
        {
            let detail = format!("the run has used its {}", seconds(limit));
            // What the training was left for stays true of the model.
            return match &self.trained_as {
                Some(trained) => stop(trained.reason, format!("{}; {detail}", trained.detail)),
                None => stop(StopReason::Budget, detail),
            };
        }
        let (current, now_ns) = (self.current, self.now_ns);
        let max_ns = ns(self.policy.max_time_s);
        let Some(state) = self.stages.iter_mut().find(|state| Some(state.stage) == current) else {
            return Verdict::Continue;
        };
        // Without early stop the limit asks for nothing, so looks keep to their pace.
        let expired = self.policy.enabled && state.age_ns(now_ns) >= max_ns;
        if state.outcome.is_some() || !(state.due(now_ns) || expired || leaves) {
            return Verdict::Continue;
        }
        let ask = Ask {
            policy: &self.policy,
            usable_cores: self.context.usable_cores,
            totals: &self.totals,
            budget: self.pace.budget(self.context.epochs),
            now_ns,
        };
        state.look(ask);
        let old_enough = state.age_ns(now_ns) >= ns(self.policy.min_time_s);
        let here = state.stage;
        let outcome = if state.settled(self.policy.looks, expired) && old_enough {
            Outcome::Known
        } else if expired {
            Outcome::TimeUp
        } else {
            return Verdict::Continue;
        };
        self.decided(here, outcome)
    }
}

pub(super) fn stop(reason: StopReason, detail: String) -> Verdict {
    Verdict::Stop(StopRecord { reason, detail })
}

/// Whole nanoseconds; no time for what is negative or no number.
fn ns(seconds: f64) -> u64 {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "saturates at both ends"
    )]
    let whole = (seconds * 1e9) as u64;
    whole
}
