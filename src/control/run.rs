//! What is known of a run so far: its stages, one after another, each with what came in it, and the run as a whole.

use std::collections::VecDeque;

use super::context::RunContext;
use super::energy::Energy;
use super::looks::{is_of_steps, judged_in};
use super::measure::Ask;
use super::measure::pace::Pace;
use super::policy::StopPolicy;
use super::stage::StageState;
use super::start::Start;
use super::support::{chosen_or_default, why_unsupported};
use super::totals::Totals;
use super::training::TrainingWatch;
use crate::event::record::{of_model, trained_to_the_end};
use crate::event::{
    Constraint, Interference, LeftOut, Note, ResourceSample, Stage, StopReason, StopRecord, Weights,
};
use crate::metric::{MetricDef, Scope};

/// A run as it stands.
#[derive(Debug, Clone)]
pub(super) struct Run {
    pub(super) policy: StopPolicy,
    pub(super) context: RunContext,
    /// Chosen and supported.
    pub(super) chosen: Vec<&'static MetricDef>,
    pub(super) left_out: Vec<LeftOut>,
    pub(super) stages: Vec<StageState>,
    pub(super) current: Option<Stage>,
    pub(super) totals: Totals,
    pub(super) training: TrainingWatch,
    pub(super) pace: Pace,
    pub(super) start: Start,
    /// Samples that wait for a message of the worker from after their time: only then is their stage certain.
    pub(super) pending: VecDeque<ResourceSample>,
    /// The energy until the last tick that is settled.
    pub(super) energy: Energy,
    pub(super) last_tick: Option<ResourceSample>,
    pub(super) now_ns: u64,
    /// When what only grows was first seen beyond the limit of each constraint, in their order.
    pub(super) beyond_ns: Vec<Option<u64>>,
    pub(super) stopped: Option<StopRecord>,
    /// Why the training was left for the confirmation.
    pub(super) trained_as: Option<StopRecord>,
    /// End, samples and seconds of the steps of the last second.
    pub(super) live: VecDeque<(u64, f64, f64)>,
}

impl Run {
    /// Chosen metrics that the context says cannot be measured are left out, with a warning.
    pub(super) fn new(policy: StopPolicy, context: RunContext) -> Self {
        let mut left_out = Vec::new();
        let mut chosen = Vec::new();
        for name in chosen_or_default(&policy) {
            match name.def() {
                None => left_out.push(LeftOut { metric: name, why: Note::NoMetric }),
                Some(metric) if context.work.is_stepless() && is_of_steps(metric) => {}
                Some(metric) => match why_unsupported(metric, &context.unsupported) {
                    Some(why) => left_out.push(LeftOut { metric: name, why: why.clone().into() }),
                    None => chosen.push(metric),
                },
            }
        }
        Self {
            now_ns: context.started_ns,
            energy: Energy::new(&context),
            totals: Totals::new(context.devices.clone()),
            beyond_ns: vec![None; policy.constraints.len()],
            policy,
            context,
            chosen,
            left_out,
            stages: Vec::new(),
            current: None,
            training: TrainingWatch::default(),
            pace: Pace::default(),
            start: Start::default(),
            pending: VecDeque::new(),
            last_tick: None,
            stopped: None,
            trained_as: None,
            live: VecDeque::new(),
        }
    }

    /// A stage that has begun.
    pub(super) fn stage(&self, of: Stage) -> Option<&StageState> {
        self.stages.iter().find(|state| state.stage == of)
    }

    /// Whether it is waited for.
    pub(super) fn is_chosen(&self, metric: &MetricDef) -> bool {
        self.chosen.iter().any(|chosen| chosen.id == metric.id)
    }

    /// Interference of the run so far; `None` where nothing is known of it.
    pub(super) fn interference(&self) -> Option<Interference> {
        Some(self.totals.marks.sum).filter(|sum| sum.known_s > 0.0)
    }

    /// The last serve phase of a run without training.
    pub(super) fn last_serve(&self) -> Option<Stage> {
        let size = self.context.serve_sizes.last()?;
        (self.context.epochs == 0).then_some(Stage::Serve(*size))
    }

    /// The stages with figures of this scope.
    pub(super) fn stages_of(&self, scope: Scope) -> Vec<Stage> {
        if self.context.work.is_command() {
            return self.stages_of_command(scope);
        }
        let sizes = self.context.sizes().iter().map(|size| Stage::Serve(*size));
        let train = (self.context.epochs > 0).then_some(Stage::Train);
        match scope {
            Scope::Train => train.into_iter().collect(),
            Scope::Serve => sizes.chain(self.confirm_stages()).collect(),
            Scope::Served => sizes.collect(),
            Scope::Stages => sizes.chain(train).chain(self.confirm_stages()).collect(),
            Scope::Run => vec![Stage::Run],
        }
    }

    /// The stages of a command that have figures of this scope: those that it has begun, or the one that it should have.
    fn stages_of_command(&self, scope: Scope) -> Vec<Stage> {
        let fits = |stage: &Stage| match scope {
            Scope::Train => *stage == Stage::Train,
            Scope::Serve | Scope::Served => matches!(stage, Stage::Serve(_)),
            Scope::Stages => true,
            Scope::Run => false,
        };
        let begun = self.stages.iter().map(|state| state.stage);
        let begun: Vec<Stage> = begun.filter(fits).collect();
        match scope {
            _ if !begun.is_empty() => begun,
            Scope::Train => vec![Stage::Train],
            Scope::Stages | Scope::Run => vec![Stage::Run],
            Scope::Serve | Scope::Served => begun,
        }
    }

    /// Whether the run serves once more if it gets that far.
    pub(super) fn confirms(&self) -> bool {
        self.context.confirm && self.context.epochs > 0
    }

    /// The phases in which it would.
    pub(super) fn confirm_stages(&self) -> impl Iterator<Item = Stage> + '_ {
        let sizes = self.context.serve_sizes.iter();
        let sizes = sizes.filter(|_| self.confirms());
        sizes.map(|size| Stage::Confirm(*size))
    }

    /// The chosen metrics that are judged in a stage; when it serves once more, those that are constrained.
    pub(super) fn chosen_in(&self, into: Stage) -> Vec<&'static MetricDef> {
        // Of a command nobody knows which stage is its last.
        let last_serve =
            if self.context.work.is_command() { Some(into) } else { self.last_serve() };
        let again = matches!(into, Stage::Confirm(_));
        let limited = |metric: &MetricDef| {
            let is = |constraint: &Constraint| constraint.metric == metric.id;
            self.policy.constraints.iter().any(is)
        };
        let chosen = self.chosen.iter().copied();
        chosen
            .filter(|metric| judged_in(metric, into, last_serve) && (!again || limited(metric)))
            .collect()
    }

    /// Which weights a figure of requests rests on. Of a run that does not train nobody knows.
    pub(super) fn weights(&self, metric: &MetricDef, of: Stage) -> Option<Weights> {
        let rests = metric.is_of_serving() && !metric.source.is_sampled();
        match of {
            _ if !rests || self.context.epochs == 0 => None,
            // A command trains and serves in the order that it likes.
            Stage::Serve(_) if self.context.work.is_command() => {
                let trains_ns = self.stage(Stage::Train)?.series.entered_ns;
                let serves_ns = self.stage(of)?.series.entered_ns;
                Some(if trains_ns < serves_ns { Weights::Trained } else { Weights::Untrained })
            }
            Stage::Serve(_) => Some(Weights::Untrained),
            Stage::Confirm(_) => Some(Weights::Trained),
            _ => None,
        }
    }

    pub(super) fn ask(&self, state: &StageState) -> Ask<'_> {
        Ask {
            policy: &self.policy,
            usable_cores: self.context.usable_cores,
            peaks: &self.totals.peaks,
            budget: self.pace.budget(self.context.planned_epochs()),
            now_ns: state.left_ns.unwrap_or(self.now_ns),
        }
    }

    /// Whether the training was left since the model was trained; the run may have ended for another reason since.
    pub(super) fn was_trained(&self) -> bool {
        self.trained_as.is_some()
    }

    /// Whether figures of the model are those of one that was trained to the end, in a run that ended for this reason.
    pub(super) fn trained_to_the_end(&self, ended: StopReason) -> bool {
        // A command knows best when it is done, however many epochs it told of.
        let done = self.totals.finished.as_ref().is_some_and(|finished| !finished.stopped);
        if self.context.work.is_command() && done && ended == StopReason::Completed {
            return true;
        }
        let (epochs, budget) = (self.training.epochs(), self.context.epochs);
        trained_to_the_end(of_model(ended, self.was_trained()), epochs, budget)
    }

    /// Chosen metrics that are left out.
    pub(super) fn left_out(&self) -> Vec<LeftOut> {
        let mut all = self.left_out.clone();
        for chosen in self.stages.iter().flat_map(|state| &state.chosen) {
            if let Some(why) = chosen.left_out.clone() {
                let left_out = LeftOut { metric: chosen.metric.id.into(), why };
                if !all.contains(&left_out) {
                    all.push(left_out);
                }
            }
        }
        all
    }
}

/// Whole nanoseconds; no time for what is negative or no number.
pub(super) fn ns(seconds: f64) -> u64 {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "saturates at both ends"
    )]
    let whole = (seconds * 1e9) as u64;
    whole
}
