//! Shadow mode: what a run that was recorded whole would have been under a rule that stops early.
//!
//! The controller is pure and a recording is complete, so nothing has to be decided while the run goes on: the very
//! controller that would have stopped it is fed the recording afterwards, with early stop switched on, and it stops where
//! it would have stopped. Another rule than ours has judged the recording before, and the stages are left when it says so;
//! what limits and the model say ends no such run. What the run would not have been there to see (the rest of a serve phase that it had left) is
//! kept from it. All figures are those that the run would have reported at that moment, whatever the rule: a rule says
//! when to stop, the estimates and intervals are the controller's.
//!
//! Three things cannot be known. A peak is the high-water mark of the last tick before the stop, so it may hold what came
//! in the rest of an earlier serve phase; what the look at the test data adds to it is what it added when it was recorded
//! (`aftermath`). The last step before a
//! stop would have been finished, which takes as long as one step. And the test data are read as they were read, by a model that
//! would have been trained to the end; no other reads them. Where a model would have been trained before its budget and
//! served once more, the requests are those that the recording has on the weights of the whole training; its accuracy on
//! the test data would have been another, so it has none.

mod aftermath;
mod compare;
mod hindsight;

pub use compare::{Contestant, Swaps, spread, swaps};
pub use hindsight::{Due, Stops};

use self::aftermath::Aftermath;
use super::context::RunContext;
use super::controller::Controller;
use super::judge::Verdict;
use super::measure::gauge::UTILISATION_FLOOR;
use super::policy::StopPolicy;
use super::rule::RuleSpec;
use crate::event::{
    Envelope, MetricRow, Note, Phase, ResourceSample, RunVerdict, Stage, StopDetail, StopReason,
    StopRecord, WorkerEvent,
};
use crate::metric::{MetricDef, MetricId, Source};
use crate::units::Unit;

/// A chosen metric as the run would have reported it.
#[derive(Debug, Clone, PartialEq)]
pub struct ShadowFigure {
    /// The stage in which it is judged.
    pub stage: Stage,
    /// The metric.
    pub metric: &'static MetricDef,
    /// Whether it was known then.
    pub known: bool,
    /// When the stage would have been left, in seconds from its beginning; absent: it was used to its end.
    pub stop_s: Option<f64>,
    /// The figure.
    pub row: MetricRow,
}

/// A run as it would have been.
#[derive(Debug, Clone, PartialEq)]
pub struct ShadowEnd {
    /// The chosen metrics of the stages that it would have had.
    pub figures: Vec<ShadowFigure>,
    /// All its figures.
    pub rows: Vec<MetricRow>,
    /// Why it would have ended.
    pub stop: StopRecord,
    /// Time from the start to the last message of the recording, in seconds.
    pub span_s: f64,
    /// Time of the recording in which it would not have been there, in seconds: what was left of each serve phase and of
    /// the training. Loading and warm-up are needed as they were, and so is the look at the test data of a trained model.
    pub saved_s: f64,
    /// Whether it would have kept its constraints; absent where there are none.
    pub verdict: Option<RunVerdict>,
}

/// Time of the recording that the run would not have seen.
#[derive(Debug)]
struct Absence {
    /// The phase that it had left; `None`: it had stopped.
    left: Option<Stage>,
    /// Whether the run would have come to the look at the test data.
    tests: bool,
    since_ns: u64,
    /// The newest tick in it: the first interval after it begins there.
    held: Option<Box<ResourceSample>>,
}

impl Absence {
    fn ends(&self, event: &WorkerEvent) -> bool {
        match (event, self.left) {
            (WorkerEvent::Finished(_) | WorkerEvent::Failed(_), _) => true,
            (WorkerEvent::Phase { phase }, Some(stage)) => phase.stage() != stage,
            (WorkerEvent::Phase { phase }, None) => self.tests && phase.stage() == Stage::Test,
            _ => false,
        }
    }
}

/// A stage that would have been left.
#[derive(Debug)]
struct Left {
    stage: Stage,
    stop_s: f64,
    rows: Vec<MetricRow>,
}

/// A recorded run that is being fed to the controller that would have stopped it.
#[derive(Debug)]
pub struct ShadowRun {
    controller: Controller,
    /// Stops of another rule, in place of the controller's own.
    stops: Option<Stops>,
    absent: Option<Absence>,
    left: Vec<Left>,
    stopped: Option<StopRecord>,
    aftermath: Aftermath,
    /// The figures at the stop.
    rows: Vec<MetricRow>,
    over: bool,
    saved_ns: u64,
    last_ns: u64,
}

impl ShadowRun {
    /// `policy`: that of the run, of which our own rule takes what it was not given itself. The time of a run is no limit
    /// here: the recording kept it.
    pub fn new(policy: &StopPolicy, rule: &RuleSpec, context: RunContext) -> Self {
        let asked = StopPolicy { enabled: true, max_run_time_s: None, ..rule.over(policy) };
        Self::of(Controller::new(asked, context), None)
    }

    /// The same with stops that are known beforehand: those of another rule, as [`super::RunReplay`] tells them.
    pub fn with_stops(policy: &StopPolicy, stops: Stops, context: RunContext) -> Self {
        let asked = StopPolicy { enabled: false, max_run_time_s: None, ..policy.clone() };
        Self::of(Controller::new(asked, context), Some(stops))
    }

    fn of(controller: Controller, stops: Option<Stops>) -> Self {
        Self {
            last_ns: controller.run.context.started_ns,
            controller,
            stops,
            absent: None,
            left: Vec::new(),
            stopped: None,
            aftermath: Aftermath::default(),
            rows: Vec::new(),
            over: false,
            saved_ns: 0,
        }
    }

    /// Takes a message of the worker.
    pub fn on_worker(&mut self, envelope: &Envelope) {
        self.aftermath.on_worker(&envelope.event);
        self.last_ns = self.last_ns.max(envelope.t_ns);
        if self.over {
            return;
        }
        if let Some(absence) = &mut self.absent {
            if !absence.ends(&envelope.event) {
                return;
            }
            let (since_ns, held) = (absence.since_ns, absence.held.take());
            self.absent = None;
            self.saved_ns += envelope.t_ns.saturating_sub(since_ns);
            if self.stopped.is_some() {
                self.over = true;
                return;
            }
            // Its own stage is over: only what ends the whole run matters.
            if let Some(sample) = held
                && let Verdict::Stop(record) = self.controller.on_sample(&sample)
            {
                self.stop(record);
                return self.on_worker(envelope);
            }
        }
        let verdict = self.controller.on_worker(envelope);
        self.obey(verdict);
    }

    /// Takes a tick of the sampler.
    pub fn on_sample(&mut self, sample: &ResourceSample) {
        self.aftermath.on_sample(sample);
        self.last_ns = self.last_ns.max(sample.t_ns);
        if self.over {
            return;
        }
        if let Some(absence) = &mut self.absent {
            absence.held = Some(Box::new(sample.clone()));
            return;
        }
        let verdict = self.controller.on_sample(sample);
        self.obey(verdict);
    }

    fn obey(&mut self, verdict: Verdict) {
        match verdict {
            Verdict::Continue => self.look_back(),
            Verdict::Advance { phase, .. } => self.leave(phase.stage()),
            Verdict::Confirm(_) => self.leave(Stage::Train),
            Verdict::Stop(record) => self.stop(record),
        }
    }

    /// Leaves a stage whose time has come by another rule.
    fn look_back(&mut self) {
        let Some(stage) = self.controller.run.current else {
            return;
        };
        let Some(stops) = &self.stops else {
            return;
        };
        let Some(due) = stops.of(stage).filter(|due| self.age_s(stage) >= due.at_s) else {
            return;
        };
        let known = due.open.is_empty();
        let reason = if known { StopReason::Known } else { StopReason::Unstable };
        let detail = stops.detail(known);
        if matches!(stage, Stage::Serve(_)) {
            self.leave(stage);
        } else if !self.controller.run.wants_training() {
            self.stop(StopRecord { reason, detail });
        }
    }

    /// Age of a stage now, in seconds.
    fn age_s(&self, stage: Stage) -> f64 {
        let stages = self.controller.run.stages.iter();
        let mut found = stages.filter(|found| found.stage == stage);
        found.next().map_or(0.0, |found| found.age_ns(self.controller.run.now_ns) as f64 * 1e-9)
    }

    fn leave(&mut self, stage: Stage) {
        let phase = stage.to_string();
        let mut rows = self.controller.rows(None);
        rows.retain(|row| row.phase == phase);
        // A phase that comes again is measured again.
        self.left.retain(|left| left.stage != stage);
        self.left.push(Left { stage, stop_s: self.age_s(stage), rows });
        self.be_absent(Some(stage), true);
    }

    fn stop(&mut self, record: StopRecord) {
        self.rows = self.controller.rows(Some(&record));
        if let Some(stage) = self.controller.run.current {
            self.left.retain(|left| left.stage != stage);
            self.left.push(Left { stage, stop_s: self.age_s(stage), rows: Vec::new() });
        }
        let tests = self.controller.trained_to_the_end(record.reason);
        self.stopped = Some(record);
        if tests {
            self.aftermath.stop();
        }
        self.be_absent(None, tests);
    }

    fn be_absent(&mut self, left: Option<Stage>, tests: bool) {
        self.absent =
            Some(Absence { left, tests, since_ns: self.controller.run.now_ns, held: None });
    }

    /// The run as it would have been.
    pub fn finish(mut self) -> ShadowEnd {
        if let Some(absence) = self.absent.take() {
            self.saved_ns += self.last_ns.saturating_sub(absence.since_ns);
        }
        let (stop, mut rows) = match self.stopped.take() {
            Some(record) => (record, self.rows_after_the_test()),
            None => self.natural_end(),
        };
        for row in &mut rows {
            let mut measured = self.left.iter().flat_map(|left| &left.rows);
            if let Some(then) =
                measured.find(|then| then.metric == row.metric && then.phase == row.phase)
            {
                row.clone_from(then);
            }
        }
        if self.controller.run.trained_as.is_some() {
            forget_test(&mut rows);
        }
        let figures = self.figures(&rows);
        // Now its phases are over, and what is said of them is said at their end.
        let over = Envelope {
            seq: 0,
            t_ns: self.controller.run.now_ns,
            event: WorkerEvent::Phase { phase: Phase::Test },
        };
        let _ = self.controller.on_worker(&over);
        let seconds = |ns: u64| ns as f64 * 1e-9;
        let started_ns = self.controller.run.context.started_ns;
        ShadowEnd {
            figures,
            verdict: self.controller.feasibility(&rows, &stop),
            rows,
            stop,
            span_s: seconds(self.last_ns.saturating_sub(started_ns)),
            saved_s: seconds(self.saved_ns),
        }
    }

    /// The figures at the stop, with the memory that the look at the test data would have taken.
    fn rows_after_the_test(&mut self) -> Vec<MetricRow> {
        let mut rows = std::mem::take(&mut self.rows);
        let peak = rows.iter_mut().find(|row| row.metric == MetricId::MemoryPeak);
        if let (Some(row), Some(after)) = (peak, self.aftermath.peak()) {
            row.estimate = row.estimate.map(|peak| peak.max(after));
        }
        rows
    }

    fn natural_end(&self) -> (StopRecord, Vec<MetricRow>) {
        let stop = match &self.controller.run.totals.finished {
            Some(finished) => self.controller.natural_end(finished),
            None => StopRecord { reason: StopReason::Budget, detail: StopDetail::RecordingEnds },
        };
        let rows = self.controller.rows(Some(&stop));
        (stop, rows)
    }

    fn figures(&self, rows: &[MetricRow]) -> Vec<ShadowFigure> {
        let mut figures = Vec::new();
        let stages = self.controller.run.stages.iter();
        for state in stages.filter(|state| !matches!(state.stage, Stage::Confirm(_))) {
            let phase = state.stage.to_string();
            let left = self.left.iter().find(|left| left.stage == state.stage);
            for chosen in state.counted() {
                let metric = chosen.metric;
                let row = rows.iter().find(|row| {
                    row.metric == metric.id && (row.phase == phase || row.phase == "run")
                });
                let Some(row) = row else { continue };
                figures.push(ShadowFigure {
                    stage: state.stage,
                    metric,
                    known: match &self.stops {
                        Some(stops) => {
                            let due = stops.of(state.stage);
                            due.is_some_and(|due| !due.open.contains(&metric.name))
                        }
                        None => row.known == Some(true),
                    },
                    stop_s: left.map(|left| left.stop_s),
                    row: row.clone(),
                });
            }
        }
        figures
    }
}

/// Takes away what was read of the test data with the weights of the whole training.
fn forget_test(rows: &mut [MetricRow]) {
    let tested = |row: &&mut MetricRow| {
        let source = row.metric.def().map(|metric| metric.source);
        matches!(source, Some(Source::Model(figure)) if figure.is_of_test())
    };
    for row in rows.iter_mut().filter(tested) {
        (row.estimate, row.samples) = (None, 0);
        row.notes = vec![Note::TestedLater];
    }
}

/// What the asked precision is a share of: the figure; of a utilisation below 10% as if it were that high.
pub fn scale(unit: Unit, figure: f64) -> f64 {
    let floor = if unit == Unit::Percent { UTILISATION_FLOOR } else { 0.0 };
    figure.abs().max(floor)
}
