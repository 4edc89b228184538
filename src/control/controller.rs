//! Takes what is reported of a run and says what follows.

use super::context::RunContext;
use super::judge::{Verdict, stop};
use super::policy::StopPolicy;
use super::run::Run;
use crate::event::{
    Envelope, Finished, Interference, LeftOut, MetricRow, Progress, ResourceSample, RunVerdict,
    Stage, StopDetail, StopReason, StopRecord, Usage, WorkerEvent,
};

/// Watches one run and says when it may stop. Pure: equal streams give equal verdicts.
#[derive(Debug, Clone)]
pub struct Controller {
    pub(super) run: Run,
    /// What the stop spares of the training.
    spared_s: Option<f64>,
}

impl Controller {
    /// Chosen metrics that the context says cannot be measured are left out, with a warning.
    pub fn new(policy: StopPolicy, context: RunContext) -> Self {
        Self { run: Run::new(policy, context), spared_s: None }
    }

    /// Takes a message of the worker; a look that is due is taken first, on what came before it.
    pub fn on_worker(&mut self, envelope: &Envelope) -> Verdict {
        self.run.now_ns = self.run.now_ns.max(envelope.t_ns);
        self.run.settle_samples(envelope.t_ns);
        self.run.resolve_marks();
        let leaves = match &envelope.event {
            WorkerEvent::Phase { phase } => self.run.current != Some(phase.stage()),
            WorkerEvent::Finished(_) | WorkerEvent::Failed(_) => true,
            _ => false,
        };
        let epoch = matches!(&envelope.event, WorkerEvent::Epoch(_));
        let decided = self.run.decide(leaves);
        self.run.feed(envelope);
        self.conclude(decided, leaves, epoch)
    }

    /// Takes a tick of the sampler.
    pub fn on_sample(&mut self, sample: &ResourceSample) -> Verdict {
        self.run.totals.sample(sample);
        self.run.pending.push_back(sample.clone());
        self.run.now_ns = self.run.now_ns.max(sample.t_ns);
        self.run.settle_silence(sample.t_ns);
        self.run.resolve_marks();
        let decided = self.run.decide(false);
        self.conclude(decided, false, false)
    }

    /// What follows from the last message itself outranks a look; and nothing is said after a stop.
    fn conclude(&mut self, decided: Verdict, leaves: bool, epoch: bool) -> Verdict {
        if self.run.stopped.is_some() {
            return Verdict::Continue;
        }
        self.run.watch_limits();
        let verdict = match self.run.training.diverged() {
            Some(detail)
                if self.run.current != Some(Stage::Test) && !self.run.policy.limits_only =>
            {
                stop(StopReason::Diverged, StopDetail::Diverged(detail))
            }
            _ if leaves => Verdict::Continue,
            _ => {
                let certain = self.run.certain();
                let certain = certain.or_else(|| epoch.then(|| self.run.out_of_reach()).flatten());
                certain.unwrap_or(decided)
            }
        };
        match &verdict {
            Verdict::Stop(record) => {
                let spares =
                    matches!(record.reason, StopReason::Infeasible | StopReason::OutOfReach);
                self.spared_s = self.run.spared_s().filter(|_| spares);
                self.run.stopped = Some(record.clone());
            }
            Verdict::Confirm(record) => self.run.trained_as = Some(record.clone()),
            Verdict::Continue | Verdict::Advance { .. } => {}
        }
        verdict
    }

    /// Every metric of the catalogue in every stage of the run that it applies to: its estimate, or why there is none.
    pub fn rows(&self, ended: Option<&StopRecord>) -> Vec<MetricRow> {
        self.run.rows(ended)
    }

    /// The verdict of the run; `None` without constraints. `rows`: its figures; `ended`: why it ended.
    pub fn feasibility(&self, rows: &[MetricRow], ended: &StopRecord) -> Option<RunVerdict> {
        self.run.feasibility(rows, ended)
    }

    /// The worker's process has ended at this time: that is the end of the run, after all that it said.
    pub fn on_exit(&mut self, exited_ns: u64) {
        self.run.totals.exited_ns = Some(exited_ns);
    }

    /// What the worker said that it used is wrong: it decides nothing.
    pub fn forget_usage(&mut self) {
        if let Some(finished) = &mut self.run.totals.finished {
            finished.usage = Usage::default();
        }
    }

    /// Why a run ended that the worker finished by itself; the record of its own stop, if there was one.
    pub fn natural_end(&self, finished: &Finished) -> StopRecord {
        self.run.natural_end(finished)
    }

    /// Whether the training was left since the model was trained; the run may have ended for another reason since.
    pub fn was_trained(&self) -> bool {
        self.run.was_trained()
    }

    /// Whether the model would be trained to the end if the run ended now, for this reason.
    pub fn trained_to_the_end(&self, ended: StopReason) -> bool {
        self.run.trained_to_the_end(ended)
    }

    /// Of a run that was ended as infeasible or out of reach: seconds of its training that were not spent, at least.
    pub fn saved_s_at_least(&self) -> Option<f64> {
        self.spared_s
    }

    /// Chosen metrics that are left out.
    pub fn left_out(&self) -> Vec<LeftOut> {
        self.run.left_out()
    }

    /// Interference of the run so far; `None` where nothing is known of it.
    pub fn interference(&self) -> Option<Interference> {
        self.run.interference()
    }

    /// Where things stand, for people; as of the last look.
    pub fn progress(&self) -> Progress {
        let Run { policy, context, current, live, .. } = &self.run;
        let state = current.and_then(|current| self.run.stage(current));
        let open = state.map_or_else(Vec::new, |state| state.open(policy.looks, policy.within));
        let items: f64 = live.iter().map(|(_, items, _)| items).sum();
        let took_s: f64 = live.iter().map(|(_, _, took_s)| took_s).sum();
        let epoch = (*current == Some(Stage::Train)).then(|| {
            let next = self.run.training.epochs() + 1;
            (next.min(context.epochs.max(1)), context.epochs)
        });
        Progress {
            stage: *current,
            epoch,
            throughput: (took_s > 0.0).then(|| items / took_s),
            known: state.map_or(0, |state| state.counted().count() - open.len()),
            open,
        }
    }
}
