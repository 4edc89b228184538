//! Feeds what is reported into the stages and decides.

use std::collections::VecDeque;

use super::assess::Ask;
use super::context::RunContext;
use super::evidence;
use super::limit::Limit;
use super::policy::StopPolicy;
use super::stage::{Outcome, StageState, judged_in};
use super::support::{chosen_or_default, left_out, why_unsupported};
use super::totals::Totals;
use super::training::TrainingWatch;
use crate::event::metric::find;
use crate::event::{
    Envelope, MetricDef, Phase, Progress, ResourceSample, Stage, StepBatch, StopReason, StopRecord,
    WorkerEvent,
};
use crate::units::seconds;

/// Time over which the live throughput is taken, in nanoseconds.
const LIVE_NS: u64 = 1_000_000_000;

/// What to do now.
#[derive(Debug, Clone, PartialEq)]
#[must_use = "a verdict that is dropped is a run that goes on"]
pub enum Verdict {
    /// Go on.
    Continue,
    /// Leave this serve phase.
    Advance {
        /// The phase that is meant.
        phase: Phase,
        /// The evidence, one sentence.
        why: String,
    },
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
    /// Samples that wait for a message of the worker from after their time: only then is their stage certain.
    pending: VecDeque<ResourceSample>,
    last_tick: Option<ResourceSample>,
    pub(super) now_ns: u64,
    pub(super) stopped: Option<StopRecord>,
    live: VecDeque<(u64, f64, f64)>,
}

impl Controller {
    /// Chosen metrics that the context says cannot be measured are left out, with a warning.
    pub fn new(policy: StopPolicy, context: RunContext) -> Self {
        let mut warnings = Vec::new();
        let mut chosen = Vec::new();
        for name in chosen_or_default(&policy) {
            match find(&name) {
                None => warnings.push(format!("`{name}` is not a metric of the catalogue")),
                Some(metric) => match why_unsupported(metric, &context.unsupported) {
                    Some(why) => warnings.push(left_out(&format!("{name}: {why}"))),
                    None => chosen.push(metric),
                },
            }
        }
        Self {
            now_ns: context.started_ns,
            policy,
            context,
            chosen,
            warnings,
            stages: Vec::new(),
            current: None,
            totals: Totals::default(),
            training: TrainingWatch::default(),
            pending: VecDeque::new(),
            last_tick: None,
            stopped: None,
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
        let mut decided = self.decide(leaves);
        self.feed(&envelope.event);
        if decided == Verdict::Continue && !leaves && self.is_watched() {
            // Other rules are asked after each window, not at looks.
            decided = self.decide(false);
        }
        self.conclude(decided, leaves)
    }

    /// Takes a tick of the sampler.
    pub fn on_sample(&mut self, sample: &ResourceSample) -> Verdict {
        self.totals.sample(sample, self.context.gpu_index);
        self.pending.push_back(sample.clone());
        self.now_ns = self.now_ns.max(sample.t_ns);
        self.resolve_marks();
        let decided = self.decide(false);
        self.conclude(decided, false)
    }

    /// Whether the rule of another tool judges the current stage.
    fn is_watched(&self) -> bool {
        let current = |state: &&StageState| Some(state.stage) == self.current;
        let state = self.stages.iter().find(current);
        state.is_some_and(StageState::is_watched)
    }

    /// What follows from the last message itself outranks a look; and nothing is said after a stop.
    fn conclude(&mut self, decided: Verdict, leaves: bool) -> Verdict {
        if self.stopped.is_some() {
            return Verdict::Continue;
        }
        let verdict = match self.training.diverged() {
            Some(detail) if self.current != Some(Stage::Test) => {
                stop(StopReason::Diverged, detail.to_owned())
            }
            _ if leaves => Verdict::Continue,
            _ => self.certain().unwrap_or(decided),
        };
        if let Verdict::Stop(record) = &verdict {
            self.stopped = Some(record.clone());
        }
        verdict
    }

    fn feed(&mut self, event: &WorkerEvent) {
        match event {
            WorkerEvent::Phase { phase } => self.enter(phase.stage()),
            WorkerEvent::Steps(batch) => self.steps(batch),
            WorkerEvent::Epoch(report) => self.training.epoch(report, self.policy.min_delta),
            WorkerEvent::Metric { name, value } => self.totals.own_figure(name, *value),
            WorkerEvent::MaxRate(found) => {
                if let Some(Stage::Probe(size)) = self.current {
                    self.totals.rates.insert(size, found.clone());
                }
            }
            WorkerEvent::Finished(finished) => {
                self.leave(!finished.stopped);
                self.totals.finished = Some(finished.clone());
            }
            WorkerEvent::Failed(_) => self.leave(false),
            WorkerEvent::Hello(_) => {}
        }
    }

    /// Ends the current stage; `by_worker`: it had its time there, nobody cut it short.
    fn leave(&mut self, by_worker: bool) {
        let (current, now_ns) = (self.current.take(), self.now_ns);
        let judged = by_worker && self.policy.enabled && self.stopped.is_none();
        if let Some(state) = self
            .stages
            .iter_mut()
            .find(|state| Some(state.stage) == current)
        {
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
        if !matches!(into, Stage::Train | Stage::Serve(_)) {
            return;
        }
        let now_s = self.now_ns as f64 * 1e-9;
        self.totals.peak.restart(now_s);
        self.totals.gpu_peak.restart(now_s);
        let last_serve = self.last_serve();
        let chosen = self.chosen.iter().copied();
        let chosen = chosen.filter(|metric| judged_in(metric, into, last_serve));
        let mut state = StageState::new(into, chosen, (self.now_ns, ns(self.policy.min_time_s)))
            .watched_by(&self.policy.rule);
        if matches!(into, Stage::Serve(_)) {
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
        if !matches!(batch.phase, Phase::Train | Phase::Serve(_)) {
            return;
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

    /// Gives samples from before a message of the worker to the stage that was current until then.
    fn settle_samples(&mut self, until_ns: u64) {
        while self
            .pending
            .front()
            .is_some_and(|sample| sample.t_ns <= until_ns)
        {
            let Some(sample) = self.pending.pop_front() else {
                return;
            };
            let current = self.current;
            let state = self
                .stages
                .iter_mut()
                .find(|state| Some(state.stage) == current);
            if let (Some(state), Some(before)) = (state, &self.last_tick)
                && before.t_ns >= state.entered_ns
            {
                let gpu = self.context.gpu_index;
                let cores = self.context.usable_cores;
                state.interval((before, &sample), gpu, (cores, &self.totals));
            } else if let (Some(Stage::Probe(size)), Some(before)) = (current, &self.last_tick) {
                let search = self.totals.searches.entry(size).or_default();
                search.push((before, &sample), self.context.gpu_index);
            }
            self.last_tick = Some(sample);
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
            return stop(StopReason::Budget, detail);
        }
        let (current, now_ns) = (self.current, self.now_ns);
        let max_ns = ns(self.policy.max_time_s);
        let Some(state) = self
            .stages
            .iter_mut()
            .find(|state| Some(state.stage) == current)
        else {
            return Verdict::Continue;
        };
        // Without early stop the limit asks for nothing, so looks keep to their pace.
        let expired = self.policy.enabled && state.age_ns(now_ns) >= max_ns;
        // Other rules say themselves when they want to be asked.
        let decided = self.policy.enabled && state.is_decided();
        if state.outcome.is_some() || !(state.due(now_ns) || expired || leaves || decided) {
            return Verdict::Continue;
        }
        let ask = Ask {
            policy: &self.policy,
            usable_cores: self.context.usable_cores,
            totals: &self.totals,
            now_ns,
        };
        state.look(ask);
        let old_enough = state.is_watched() || state.age_ns(now_ns) >= ns(self.policy.min_time_s);
        let decided = expired || state.limits_decided(self.policy.looks);
        let outcome = if state.known(self.policy.looks) && old_enough && decided {
            Outcome::Known
        } else if expired || state.is_decided() {
            Outcome::TimeUp
        } else {
            return Verdict::Continue;
        };
        if !self.policy.enabled {
            return Verdict::Continue;
        }
        state.outcome = Some(outcome);
        let why = match outcome {
            Outcome::Known => evidence::known(state, &self.policy, now_ns),
            Outcome::TimeUp => evidence::unstable(state, &self.policy, now_ns),
        };
        let here = state.stage;
        match here {
            Stage::Serve(size) => advance(size, why),
            _ if self.wants_training() => Verdict::Continue,
            _ => Verdict::Stop(self.measured()),
        }
    }

    /// Whether a figure of the trained model is chosen: then the system metrics alone do not end the training.
    pub(super) fn wants_training(&self) -> bool {
        let of_model = |metric: &&MetricDef| matches!(metric.group, "accuracy" | "loss");
        self.chosen.iter().any(of_model)
    }

    /// Trained, and the system metrics are known or have had their time.
    pub(super) fn trained(&self) -> Option<Verdict> {
        if !self.policy.enabled || self.current != Some(Stage::Train) || !self.wants_training() {
            return None;
        }
        let detail = self.training.trained(&self.policy)?;
        let state = self
            .stages
            .iter()
            .find(|state| state.stage == Stage::Train)?;
        if state.outcome.is_none() && !state.chosen.is_empty() {
            return None;
        }
        Some(stop(StopReason::Trained, detail + &self.and_open()))
    }

    /// Where things stand, for people; as of the last look.
    pub fn progress(&self) -> Progress {
        let state = self
            .stages
            .iter()
            .find(|state| Some(state.stage) == self.current);
        let (items, took) = self.live.iter().fold((0.0, 0.0), |sum, (_, items, took)| {
            (sum.0 + items, sum.1 + took)
        });
        let open = state.map_or_else(Vec::new, |state| {
            state.open(self.policy.looks, self.policy.within)
        });
        let epoch = (self.current == Some(Stage::Train)).then(|| {
            let budget = self.context.epochs;
            ((self.training.epochs() + 1).min(budget.max(1)), budget)
        });
        Progress {
            stage: self.current,
            epoch,
            throughput: (took > 0.0).then(|| items / took),
            known: state.map_or(0, |state| state.counted().count() - open.len()),
            open,
        }
    }
}

fn advance(size: u32, why: String) -> Verdict {
    Verdict::Advance {
        phase: Phase::Serve(size),
        why,
    }
}

fn stop(reason: StopReason, detail: String) -> Verdict {
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
