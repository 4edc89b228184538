//! Which stage what comes in belongs to: when stages begin and end, and whose the ticks of the sampler are.

use super::limit::Limit;
use super::measure::own::OwnSeries;
use super::measure::tick::Interval;
use super::run::{Run, ns};
use super::stage::StageState;
use crate::event::{
    EPOCH_SAMPLES, Envelope, Num, Phase, READS_LATE, ResourceSample, Stage, StepBatch, WorkerEvent,
};

/// Time over which the live throughput is taken, in nanoseconds.
const LIVE_NS: u64 = 1_000_000_000;

/// Age from which on a sample of a command is taken for one of the current stage, in nanoseconds.
const SILENT_NS: u64 = 500_000_000;

impl Run {
    /// Takes a message of the worker.
    pub(super) fn feed(&mut self, envelope: &Envelope) {
        match &envelope.event {
            WorkerEvent::Phase { phase } => {
                self.pace.phase(*phase, envelope.t_ns);
                self.start.phase(*phase, envelope.t_ns);
                let last = !self.context.work.is_command();
                self.totals.served.enter(*phase, envelope.t_ns, last);
                self.enter(phase.stage(), envelope.t_ns);
            }
            WorkerEvent::Steps(batch) => self.steps(batch),
            WorkerEvent::Epoch(report) => {
                let target = self.policy.target_accuracy;
                self.pace.epoch(report, envelope.t_ns, target);
                self.training.epoch(report, self.policy.min_delta);
            }
            WorkerEvent::Metric { name, value, samples } => {
                if name == EPOCH_SAMPLES {
                    self.pace.announced(*value);
                }
                self.own_figure(name, *value, *samples, envelope.t_ns);
            }
            WorkerEvent::Unread { name, why } => self.totals.unread(name, why),
            WorkerEvent::MaxRate(found) => {
                if let Some(Stage::Probe(size)) = self.current {
                    self.totals.searches.found.insert(size, found.clone());
                }
            }
            WorkerEvent::Finished(finished) => {
                self.leave(!finished.stopped, envelope.t_ns);
                self.totals.served.leave(envelope.t_ns);
                if !finished.stopped {
                    self.totals.served.finish();
                }
                self.totals.finished = Some(finished.clone());
                self.totals.finished_ns = envelope.t_ns;
            }
            WorkerEvent::Failed(_) => self.leave(false, envelope.t_ns),
            WorkerEvent::Hello(hello) => {
                self.totals.devices.learn(&hello.facts);
                self.totals.served.is_lean = hello.facts.contains_key(READS_LATE);
            }
        }
    }

    /// Ends the current stage, at the time that the worker says: on a busy machine it is heard of later. `by_worker`: it had its
    /// time there, nobody cut it short.
    fn leave(&mut self, by_worker: bool, at_ns: u64) {
        let (current, now_ns) = (self.current.take(), self.now_ns);
        if let Some(current) = current {
            self.energy.end(current, now_ns);
        }
        let judged = by_worker && self.policy.enabled && self.stopped.is_none();
        if let Some(state) = self.stages.iter_mut().find(|state| Some(state.stage) == current) {
            state.left_ns = Some(at_ns);
            if judged {
                state.settle_serving(self.policy.looks);
            }
        }
    }

    fn enter(&mut self, into: Stage, at_ns: u64) {
        if self.current == Some(into) {
            return;
        }
        self.leave(true, at_ns);
        self.current = Some(into);
        self.live.clear();
        // What a command has done before it said what it does was loading.
        self.stages.retain(|state| state.stage != Stage::Run);
        if !matches!(into, Stage::Run | Stage::Train | Stage::Serve(_) | Stage::Confirm(_)) {
            return;
        }
        self.energy.begin(into, self.now_ns);
        let chosen = self.chosen_in(into);
        let since = (at_ns, ns(self.policy.min_time_s));
        let mut state = StageState::new(into, chosen, since);
        // What serves once more only looks at limits: peaks were judged in training.
        if !matches!(into, Stage::Confirm(_)) {
            let now_s = self.now_ns as f64 * 1e-9;
            self.totals.peaks.restart(now_s);
        }
        if matches!(into, Stage::Serve(_) | Stage::Confirm(_)) {
            state.series = state.series.under(self.context.pattern);
        }
        state.limits = Limit::all(&self.policy.constraints, into);
        match self.stages.iter_mut().find(|state| state.stage == into) {
            // A phase that comes again is measured again: the first time cannot be told apart in the report.
            Some(old) => *old = state,
            None => self.stages.push(state),
        }
    }

    /// A figure of the program's own: one more value of the stage, where it is declared as a series.
    fn own_figure(&mut self, name: &str, value: Num, samples: Option<u64>, t_ns: u64) {
        let declared = self.context.metrics.iter().find(|id| id.name() == name).map(|id| id.def());
        let Some(metric) = declared.filter(|metric| !metric.kind.is_said_once()) else {
            self.totals.own_figure(name, value, samples);
            return;
        };
        let current = self.current;
        if let Some(state) = self.stages.iter_mut().find(|state| Some(state.stage) == current) {
            let entered_ns = state.series.entered_ns;
            let series = state.series.own.entry(metric.name);
            let series = series.or_insert_with(|| OwnSeries::new(entered_ns));
            series.push(value, metric.said_in, t_ns);
        }
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
        state.series.steps(batch);
        let steps = state.series.times.observations();
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

    /// The same of a command, which may never say anything: what it has said by now is here.
    pub(super) fn settle_silence(&mut self, now_ns: u64) {
        if let Some(until_ns) = self.silent_until(now_ns) {
            self.settle_samples(until_ns);
        }
    }

    /// Until when a tick at this time settles those that wait.
    pub(super) fn silent_until(&self, now_ns: u64) -> Option<u64> {
        self.context.work.is_command().then(|| now_ns.saturating_sub(SILENT_NS))
    }

    /// The intervals of the current stage that [`Self::settle_samples`] would settle, each with the ticks at its ends.
    pub(super) fn unsettled(&self, until_ns: u64) -> Vec<[ResourceSample; 2]> {
        let Some(state) = self.stages.iter().find(|state| Some(state.stage) == self.current) else {
            return Vec::new();
        };
        let waiting = self.pending.iter().take_while(|sample| sample.t_ns <= until_ns);
        let ticks: Vec<_> = self.last_tick.iter().chain(waiting).collect();
        let within = |pair: &&[&ResourceSample]| pair[0].t_ns >= state.series.entered_ns;
        let intervals = ticks.windows(2).filter(within);
        intervals.map(|pair| [pair[0].clone(), pair[1].clone()]).collect()
    }

    /// Gives samples from before a message of the worker to the stage that was current until then.
    pub(super) fn settle_samples(&mut self, until_ns: u64) {
        while self.pending.front().is_some_and(|sample| sample.t_ns <= until_ns) {
            let Some(sample) = self.pending.pop_front() else {
                return;
            };
            let current = self.current;
            let before = self.last_tick.as_ref();
            let interval = before.and_then(|b| Interval::new(b, &sample, &self.totals.devices));
            let state = self.stages.iter_mut().find(|state| Some(state.stage) == current);
            if let (Some(state), Some(interval)) = (state, &interval)
                && interval.span_ns().0 >= state.series.entered_ns
            {
                state.series.sampled.push(interval);
            } else if let (Some(Stage::Probe(size)), Some(interval)) = (current, &interval) {
                self.totals.searches.push(size, interval);
            }
            self.energy.push(&sample, &self.totals.devices);
            self.totals.served.sample(&sample);
            self.last_tick = Some(sample);
        }
    }

    /// Marks steps and ticks of which it has become known whether others took the machine.
    pub(super) fn resolve_marks(&mut self) {
        for state in &mut self.stages {
            state.series.resolve(&self.totals.marks);
        }
        self.totals.searches.resolve(&self.totals.marks);
    }
}
