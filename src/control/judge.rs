//! What follows from what is known: whether a stage is left, whether the run ends, and why.

use super::evidence;
use super::looks::judged_in;
use super::measure::Ask;
use super::run::{Run, ns};
use super::stage::Outcome;
use crate::event::{
    Finished, Num, OpenFigure, OpenHow, OpenStage, Phase, Stage, StageEnd, StopDetail, StopReason,
    StopRecord,
};
use crate::metric::{MetricId, Source};

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
        /// The evidence.
        why: StageEnd,
    },
    /// The model is trained: leave the training, and serve once more on its weights before the test. Should nothing else
    /// end the run, this is why it ended.
    Confirm(StopRecord),
    /// End the run.
    Stop(StopRecord),
}

impl Run {
    /// Takes the look that is due and decides on it. In a stage that is being left the look is kept, nothing is asked.
    pub(super) fn decide(&mut self, leaves: bool) -> Verdict {
        if self.stopped.is_some() || self.current == Some(Stage::Test) {
            return Verdict::Continue;
        }
        let age_ns = self.now_ns.saturating_sub(self.context.started_ns);
        if let Some(limit) = self.policy.max_run_time_s
            && age_ns >= ns(limit)
        {
            // What the training was left for stays true of the model.
            let trained = self.trained_as.as_ref();
            let reason = trained.map_or(StopReason::Budget, |trained| trained.reason);
            let trained = trained.map(|trained| Box::new(trained.detail.clone()));
            return stop(reason, StopDetail::RunTime { limit_s: Num(limit), trained });
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
            peaks: &self.totals.peaks,
            budget: self.pace.budget(self.context.planned_epochs()),
            now_ns,
        };
        state.look(ask, &self.totals);
        let old_enough = state.age_ns(now_ns) >= ns(self.policy.min_time_s);
        let here = state.stage;
        let settled = state.settled(self.policy.looks, expired) && old_enough;
        let left_s = self.left_s(here);
        let futile = self.policy.futility
            && old_enough
            && self
                .stage(here)
                .is_some_and(|state| left_s > 0.0 && state.is_futile(self.policy.looks, left_s));
        if let Some(state) = self.stages.iter_mut().find(|state| state.stage == here) {
            state.futile = futile;
        }
        let outcome = match (settled, expired, futile) {
            (true, ..) => Outcome::Known,
            (_, true, _) => Outcome::TimeUp,
            (.., true) => Outcome::Futile,
            _ => return Verdict::Continue,
        };
        self.decided(here, outcome)
    }

    /// What ends the run whatever a look has found: a constraint that is broken, a target that is reached, or a model
    /// that is trained.
    pub(super) fn certain(&self) -> Option<Verdict> {
        let certain = self.infeasible().map(Verdict::Stop).or_else(|| self.reached());
        certain.or_else(|| self.trained())
    }

    /// Trained, and the system metrics are known or have had their time.
    fn trained(&self) -> Option<Verdict> {
        let asked = self.policy.enabled && self.trained_as.is_none();
        if !asked || self.current != Some(Stage::Train) || !self.wants_training() {
            return None;
        }
        let detail = self.training.trained(&self.policy, self.open_at_end())?;
        let state = self.stage(Stage::Train)?;
        if state.outcome.is_none() && !state.chosen.is_empty() {
            return None;
        }
        let record = StopRecord { reason: StopReason::Trained, detail };
        Some(if self.confirms() { Verdict::Confirm(record) } else { Verdict::Stop(record) })
    }

    /// The target accuracy was what the training went on for, and it is reached.
    fn reached(&self) -> Option<Verdict> {
        let chosen = self.chosen.iter().any(|m| m.source == Source::Target);
        let waits = chosen && self.policy.enabled && self.current == Some(Stage::Train);
        if !waits || self.wants_training() || self.stage(Stage::Train)?.outcome.is_none() {
            return None;
        }
        let found = self.pace.reached()?;
        let StopRecord { reason, detail } = self.measured();
        let detail = StopDetail::Target {
            accuracy: Num(found.accuracy),
            epoch: found.epoch,
            after_s: Num(found.after_s),
            rest: Box::new(detail),
        };
        Some(Verdict::Stop(StopRecord { reason, detail }))
    }

    /// What follows when all is known of a stage, or its time is used up.
    pub(super) fn decided(&mut self, here: Stage, outcome: Outcome) -> Verdict {
        if !self.policy.enabled || self.goes_on(here, outcome) {
            return Verdict::Continue;
        }
        let Some(state) = self.stages.iter_mut().find(|state| state.stage == here) else {
            return Verdict::Continue;
        };
        state.outcome = Some(outcome);
        let why = match outcome {
            Outcome::Known => evidence::known(state, &self.policy, self.now_ns),
            Outcome::TimeUp | Outcome::Futile => {
                evidence::left_open(state, &self.policy, self.now_ns)
            }
        };
        let phase = match here {
            _ if self.context.work.is_command() => None,
            Stage::Serve(size) => Some(Phase::Serve(size)),
            Stage::Confirm(size) => Some(Phase::Confirm(size)),
            _ => None,
        };
        match phase {
            Some(phase) => Verdict::Advance { phase, why },
            None if self.wants_training() => Verdict::Continue,
            None => Verdict::Stop(self.measured()),
        }
    }

    /// Why a run ended that the worker finished by itself; the record of its own stop, if there was one.
    pub(super) fn natural_end(&self, finished: &Finished) -> StopRecord {
        if let Some(record) = self.stopped.as_ref().or(self.trained_as.as_ref()) {
            return record.clone();
        }
        let record = |reason, detail| StopRecord { reason, detail };
        if finished.stopped {
            let detail = StopDetail::AskedToStop { epochs: finished.epochs };
            return record(StopReason::Cancelled, detail);
        }
        if self.context.work.is_command() {
            let open = self.open_of_what_is_over();
            return record(StopReason::Completed, StopDetail::Command { open });
        }
        let budget = self.context.epochs;
        if budget == 0 {
            return self.served();
        }
        let open = self.open_of_what_is_over();
        record(StopReason::Completed, StopDetail::Epochs { used: finished.epochs, budget, open })
    }

    /// Why the run ends when its training has been measured: training is the last stage, so the chosen metrics of the
    /// serve phases must be known as well.
    pub(super) fn measured(&self) -> StopRecord {
        let (unmeasured, open) = (self.unmeasured(), self.open_by_stage());
        if open.is_empty() {
            let detail = evidence::run_known(&self.stages, &self.policy, self.now_ns);
            return StopRecord { reason: StopReason::Known, detail };
        }
        let more: usize = unmeasured.iter().map(|(_, chosen)| *chosen).sum();
        let more = more + self.open_searches().len();
        evidence::run_open(&self.stages, more, open, &self.policy, self.now_ns)
    }

    /// Searches that did not end with a rate as precise as was asked; none where nobody waits for the rate.
    fn open_searches(&self) -> Vec<OpenStage> {
        let rate = MetricId::ServeMaxRate;
        let waits = self.is_chosen(rate.def()) && self.policy.enabled;
        let searches = &self.totals.searches;
        let sizes = self.context.probe_sizes.iter().filter(|_| waits);
        let open = sizes.filter(|size| !searches.is_precise(**size)).map(|size| {
            let found = searches.found.get(size).map(|found| found.why.clone());
            let how = found.map_or(OpenHow::NoSearch, |why| OpenHow::Search { why });
            let figures = vec![OpenFigure { metric: rate.into(), how }];
            OpenStage { stage: Stage::Probe(*size), began: true, left: None, figures }
        });
        open.collect()
    }

    /// Whether searches were asked for, and every one ended with a precise rate.
    fn searched(&self) -> bool {
        let sizes = &self.context.probe_sizes;
        !sizes.is_empty() && sizes.iter().all(|size| self.totals.searches.is_precise(*size))
    }

    /// What is open at an end that does not depend on it; nothing without early stop, where nothing is asked.
    pub(super) fn open_at_end(&self) -> Vec<OpenStage> {
        if self.policy.enabled { self.open_by_stage() } else { Vec::new() }
    }

    /// Serve phases that were promised and never began, with the number of chosen metrics that they would have had.
    fn unmeasured(&self) -> Vec<(Stage, usize)> {
        let sizes = self.context.serve_sizes.iter();
        let missing = sizes
            .map(|size| Stage::Serve(*size))
            .filter(|stage| self.stages.iter().all(|state| state.stage != *stage));
        let chosen = |stage| {
            let judged = |metric: &&&_| judged_in(metric, stage, self.last_serve());
            self.chosen.iter().filter(judged).count()
        };
        missing.map(|stage| (stage, chosen(stage))).filter(|(_, chosen)| *chosen > 0).collect()
    }

    /// The stages with chosen metrics that are not known, each with what these have reached. A search for the highest rate
    /// counts as one.
    fn open_by_stage(&self) -> Vec<OpenStage> {
        let unmeasured = self.unmeasured().into_iter();
        let unmeasured = unmeasured.map(|(stage, _)| OpenStage {
            stage,
            began: false,
            left: None,
            figures: Vec::new(),
        });
        let open = self.stages.iter().filter(|state| match (state.stage, state.outcome) {
            // Its limits are all that is asked of it, and the verdict tells of them.
            (Stage::Confirm(_), _) => false,
            (Stage::Serve(_), Some(outcome)) => outcome != Outcome::Known,
            _ => !state.known(self.policy.looks),
        });
        open.map(|state| evidence::open(state, &self.policy))
            .chain(self.open_searches())
            .chain(unmeasured)
            .collect()
    }

    /// The end of a run that only serves.
    fn served(&self) -> StopRecord {
        let after_ns = self.now_ns.saturating_sub(self.context.started_ns);
        let open: Vec<OpenStage> = self
            .stages
            .iter()
            .filter(|state| matches!(state.outcome, Some(Outcome::TimeUp | Outcome::Futile)))
            .map(|state| evidence::open(state, &self.policy))
            .chain(self.open_searches())
            .collect();
        let known = self.stages.len() == self.context.serve_sizes.len()
            && (!self.stages.is_empty() || self.searched())
            && self.stages.iter().all(|state| state.outcome == Some(Outcome::Known));
        let (reason, detail) = if !open.is_empty() {
            (evidence::why_open(&open), StopDetail::ServedOpen { open })
        } else if known {
            let searched = self.stages.is_empty();
            (StopReason::Known, StopDetail::Served { searched, after_ns })
        } else {
            (StopReason::Completed, StopDetail::ServeTime { after_ns })
        };
        StopRecord { reason, detail }
    }
}

pub(super) fn stop(reason: StopReason, detail: StopDetail) -> Verdict {
    Verdict::Stop(StopRecord { reason, detail })
}
