//! The figures of a run as `metrics.csv` has them: each metric of the catalogue in each of its stages, by what its measure says.

use super::energy::Energy;
use super::measure::figure::{Doubt, Figure};
use super::measure::{assess, projection, sizes};
use super::run::Run;
use super::stage::StageState;
use super::support::why_unsupported;
use crate::event::record::of_model;
use crate::event::{
    MetricRow, Note, Num, Pattern, RowFields, Stage, StopReason, StopRecord, ToTheEnd,
};
use crate::metric::{
    DeviceKind, Field, MetricDef, MetricId, MetricKind, ModelFigure, Scope, Source, StartOf, all,
    find,
};
use crate::stats::Estimate;
use crate::stats::batches::total;
use crate::units::Unit;

impl Run {
    /// Every metric of the catalogue in every stage of the run that it applies to: its estimate, or why there is none.
    pub(super) fn rows(&self, ended: Option<&StopRecord>) -> Vec<MetricRow> {
        let mut rows = Vec::new();
        for metric in all(&self.context.metrics).filter(|metric| self.has(metric)) {
            for of in self.stages_of(metric.scope) {
                let figure = self.figure(metric, of, ended);
                rows.push(figure.row(metric, of, self.waits(metric, of)));
            }
        }
        let declared = |name: &str| {
            self.context.metrics.iter().any(|id| id.name() == name) || find(name).is_some()
        };
        let own = self.totals.own.iter().filter(|(name, _)| !declared(name));
        rows.extend(own.map(|(name, (value, samples))| own_row(name, *value, *samples)));
        rows
    }

    fn has(&self, metric: &MetricDef) -> bool {
        let command = self.context.work.is_command();
        match metric.source {
            Source::CommandTime => command,
            // What nobody asked for and nobody says lacks nothing.
            Source::Said if command => {
                self.is_chosen(metric) || self.totals.own.contains_key(metric.name)
            }
            Source::Flops if command => {
                self.is_chosen(metric) || self.totals.own.contains_key(MetricId::ModelFlops.name())
            }
            Source::Start(_) if command => {
                self.is_chosen(metric) || self.start.figure(StartOf::Ready, 0).estimate.is_some()
            }
            Source::Cost(_) => self.is_chosen(metric) || self.context.price.is_some(),
            // A command that serves nothing lacks nothing, unless it was asked.
            Source::ServedPeak if command => {
                self.is_chosen(metric) || !self.stages_of(Scope::Serve).is_empty()
            }
            _ => true,
        }
    }

    /// Whether a figure was waited for.
    fn waits(&self, metric: &MetricDef, of: Stage) -> bool {
        let searched = |size: u32| self.context.probe_sizes.contains(&size);
        match of {
            // What serves once more decides limits; no precision is asked of its figures.
            Stage::Confirm(_) => false,
            // Whoever asks for the search asks for its precision, also where nothing waits for it.
            Stage::Serve(size) if metric.source == Source::RateSearch && searched(size) => true,
            // A limit asks for no precision.
            _ if self.policy.limits_only && !metric.kind.is_said_once() => false,
            _ => self.is_chosen(metric),
        }
    }

    /// The figure of a metric; of the run where that is its scope, whatever the stage.
    pub(super) fn figure(
        &self,
        metric: &MetricDef,
        of: Stage,
        ended: Option<&StopRecord>,
    ) -> Figure {
        let mut figure = match (metric.source, metric.kind, of) {
            (Source::Target, ..) => self.target(),
            (Source::RateSearch, _, Stage::Serve(size)) => self.max_rate(size),
            (Source::Sizes, ..) => self.best_size(),
            (Source::Model(figure), ..) => self.model(figure, ended),
            (Source::ServedPeak, ..) => self.totals.served_peak(metric, self.now_ns),
            (Source::Energy(whose), ..) if metric.scope == Scope::Run => {
                self.whole_energy().of_run(whose, self.taken(None), self.now_ns)
            }
            (_, MetricKind::Peak, _) => self.peak(metric),
            (Source::CommandTime, ..) => self.command_time(),
            (Source::Said, ..) => self.said(metric),
            (Source::Start(part), ..) => self.start.figure(part, self.context.started_ns),
            (Source::Ipc, ..) => self.totals.ipc(),
            (Source::Flops, ..) => self.flops(of, ended),
            (Source::Cost(what), ..) => self.cost(what, of, ended),
            (Source::Own, MetricKind::Scalar, _) => self.own(metric, ended),
            _ if metric.scope == Scope::Run => {
                self.totals.counted(metric, self.context.work.is_command())
            }
            _ => match self.stage(of) {
                Some(state) => self.in_stage(metric, state),
                None => Figure::missing(self.no_stage(of)),
            },
        };
        // Why something was not read outranks what follows from that.
        if figure.estimate.is_none()
            && let Some(why) = self.unseen(metric).or_else(|| self.unread(metric))
        {
            figure.notes = vec![why];
        }
        figure
    }

    /// Why a metric has no figure, for reasons that do not depend on the stage.
    fn unread(&self, metric: &MetricDef) -> Option<Note> {
        let unsupported = why_unsupported(metric, &self.context.unsupported).cloned();
        let why = || Some(Note::Figure { why: self.totals.lacks.get(metric.name)?.clone() });
        let of_run = self.totals.never_read(metric);
        // What is unsupported may be so of a device that is not the run's.
        let has_one = metric.device().is_some() && self.totals.devices.without().is_none();
        let of_device = of_run.clone().filter(|_| has_one);
        of_device.or(unsupported.map(Note::from)).or(of_run).or_else(why)
    }

    /// Why there is no stage of these requests.
    fn no_stage(&self, of: Stage) -> Note {
        let searched = |size: u32| self.context.probe_sizes.contains(&size);
        match of {
            Stage::Serve(size) if searched(size) && !self.context.serve_sizes.contains(&size) => {
                Note::NotServed
            }
            Stage::Train if self.context.work.is_command() => Note::NoStepsReported,
            _ => Note::NoPhase,
        }
    }

    fn in_stage(&self, metric: &MetricDef, state: &StageState) -> Figure {
        let series = &state.series;
        let mut figure = match metric.kind {
            MetricKind::Windows(level) => {
                return series.windowed(level).noted(state.load_note(metric));
            }
            MetricKind::Scalar if metric.is_energy() => {
                let taken = self.taken(Some(state.stage));
                self.whole_energy().per_sample(state.stage, taken, series.samples)
            }
            MetricKind::Scalar if metric.source == Source::CpuPerSample => {
                return self.cpu_per_sample(state);
            }
            MetricKind::Scalar => series.sampled.figure(metric),
            _ => self.judged(metric, state),
        };
        if figure.estimate.is_none() {
            return figure;
        }
        let whose = match metric.source {
            Source::Device(DeviceKind::Gpu, reading) => self.totals.devices.note(reading.is_sum()),
            Source::Device(DeviceKind::Tpu, _) if self.totals.is_shared(metric) => {
                Some(Note::AllChips)
            }
            Source::Tick(Field::Resident) => self.totals.shared_mean(metric),
            _ => None,
        };
        figure.notes.extend(whose);
        let of_steps = metric.kind == MetricKind::Rate && metric.source == Source::Steps;
        let far =
            figure.estimate.filter(|_| of_steps).and_then(|rate| series.far_from_median(rate));
        let requests = metric.is_of_serving();
        figure.notes.extend(far.map(|usual| Note::FarFromMedian { usual: Num(usual), requests }));
        let covered = state.covers_part(metric).map(|share| Note::ReadFor { share: Num(share) });
        figure.notes.extend(covered);
        if metric.scope == Scope::Served && !self.totals.served.is_lean {
            figure.notes.push(Note::MayHoldMore);
        }
        figure
    }

    /// A figure that looks at the stage judge.
    fn judged(&self, metric: &MetricDef, state: &StageState) -> Figure {
        let ask = self.ask(state);
        let Some(found) = assess(metric, &state.series, ask) else {
            return Figure::default();
        };
        let mut figure = state.figure(metric, &found, &self.policy);
        figure.notes.extend(self.ahead(state, &found));
        if let (MetricKind::Projection, Some(budget), Some(whole_s)) =
            (metric.kind, ask.budget, figure.estimate)
        {
            figure.notes.push(projection::contains(budget, whole_s));
        }
        // The whole of a command without steps, unless a part of it was waited for and is known.
        if state.stage == Stage::Run
            && !figure.known
            && let Some((whole, note)) = self.whole(metric)
        {
            figure = Figure { known: false, ..Figure::exact(whole, figure.samples) }.noted([note]);
        }
        figure
    }

    fn peak(&self, metric: &MetricDef) -> Figure {
        let judged = |state: &&StageState| state.judges(metric);
        let trained = |state: &&StageState| state.stage == Stage::Train;
        let state = self.stages.iter().find(judged).or_else(|| self.stages.iter().find(trained));
        let judged = state.or(self.stages.last()).and_then(|state| {
            let found = assess(metric, &state.series, self.ask(state))?;
            let figure = state.figure(metric, &found, &self.policy);
            let watched = self.totals.watched(&found, state.series.sampled.seconds);
            let watched = if self.is_over() { watched.of_what_is_over() } else { watched };
            figure.estimate.is_some().then(|| figure.noted([watched]))
        });
        let mut figure = self.totals.peak(metric, judged);
        if self.is_over() && figure.doubts.is_empty() {
            figure.known = true;
            // What a look found open while it might still grow.
            figure.notes.retain(|note| {
                !matches!(
                    note,
                    Note::Moved { .. } | Note::NoiseLimited { .. } | Note::Unstable { .. }
                )
            });
        }
        if metric.id == MetricId::MemoryPeak
            && self.totals.said_peak(metric).is_none()
            && let Some(why) = self.totals.unwatched(self.context.started_ns)
        {
            // How long a peak was watched is no reason why there is none.
            (figure.estimate, figure.notes, figure.known) = (None, vec![why], false);
        }
        match figure.estimate {
            Some(_) => figure.noted(self.totals.whose_peak(metric)),
            None if figure.notes.is_empty() => figure.noted([Note::NotReported]),
            None => figure,
        }
    }

    fn model(&self, of: ModelFigure, ended: Option<&StopRecord>) -> Figure {
        if self.context.random_data {
            return Figure::missing(Note::RandomData);
        }
        let finished = self.totals.finished.as_ref();
        let value = self.training.says(of, finished);
        let told = finished.filter(|_| of == ModelFigure::TestAccuracy);
        let samples = told.and_then(|finished| finished.test_samples).unwrap_or(1);
        let reason = ended.map(|record| of_model(record.reason, self.was_trained()));
        let untrained = reason.is_some_and(|reason| !self.trained_to_the_end(reason));
        let figure = match value.map(|value| (value, value.finite())) {
            None => Figure::missing(self.untold(of, reason)),
            Some((value, None)) => {
                Figure { samples, ..Figure::missing(Note::NotANumber { value }) }
            }
            Some((_, Some(figure))) => {
                Figure::exact(figure, samples).noted(untrained.then_some(Note::Untrained))
            }
        };
        let doubts = untrained.then_some(Doubt::Untrained).into_iter().collect();
        Figure { known: reason == Some(StopReason::Trained), doubts, ..figure }
    }

    /// What the program said last of a metric of the user's own: final where it came to its end, since it might have said more.
    fn own(&self, metric: &MetricDef, ended: Option<&StopRecord>) -> Figure {
        let Some((value, samples)) = self.totals.own.get(metric.name) else {
            return Figure::missing(if self.context.work.is_command() {
                Note::NotReportedByCommand
            } else {
                Note::NotReported
            });
        };
        match value.finite().map(|value| value * metric.said_in).filter(|value| value.is_finite()) {
            None => Figure::missing(Note::NotANumberOfWorker { value: *value }),
            Some(figure) => {
                let known = self.is_last_word(ended);
                let figure = Figure::exact(figure, samples.unwrap_or(1));
                let so_far = (!known).then_some(Note::SaidSoFar);
                Figure { known, ..figure }.noted([Note::SaidByWorker].into_iter().chain(so_far))
            }
        }
    }

    /// Why nothing is said of the model.
    fn untold(&self, of: ModelFigure, ended: Option<StopReason>) -> Note {
        let context = &self.context;
        let finished = self.totals.finished.as_ref();
        let tested = finished.is_some_and(|it| it.test_loss.or(it.test_accuracy).is_some());
        // Only a model that is trained is asked for its figures on the test data.
        let whole = ended.is_some_and(|ended| self.trained_to_the_end(ended));
        let left = ended.filter(|ended| !ended.gave_up() && !self.trained_to_the_end(*ended));
        match of {
            _ if context.work.is_command() => Note::NotReportedByCommand,
            _ if context.epochs == 0 => Note::NoTraining,
            _ if of.is_of_test() && (tested || whole) => Note::NotReported,
            _ if of.is_of_test() && left == Some(StopReason::OutOfReach) => Note::OutOfReach,
            _ if of.is_of_test() && left.is_some() && self.stage(Stage::Train).is_some() => {
                let by = match left {
                    Some(StopReason::Infeasible) => ToTheEnd::Whole,
                    _ if self.wants_training() => ToTheEnd::Time,
                    _ => ToTheEnd::Asking,
                };
                Note::HalfTrained { by }
            }
            _ if of.is_of_test() => Note::NotTested { before_training: left.is_some() },
            ModelFigure::TrainLoss => Note::NoEpoch,
            _ => Note::NoValidation,
        }
    }

    fn max_rate(&self, size: u32) -> Figure {
        let asked = self.context.probe_sizes.contains(&size);
        let found = self.totals.searches.figure(size);
        found.unwrap_or_else(|| {
            Figure::missing(match &self.totals.finished {
                _ if !asked => Note::NotSearched,
                Some(_) => Note::SearchSilent,
                None => Note::SearchCut,
            })
        })
    }

    fn best_size(&self) -> Figure {
        if self.context.pattern != Pattern::Offline {
            return Figure::missing(Note::NotOffline);
        }
        let throughput = |size: u32| -> Option<Estimate> {
            let state = self.stage(Stage::Serve(size))?;
            assess(MetricId::ServeThroughput.def(), &state.series, self.ask(state))?.estimate
        };
        let sizes = self.context.serve_sizes.iter();
        sizes::best(sizes.map(|size| (*size, throughput(*size))).collect())
    }

    /// The energy with the ticks that no message of the worker has come after: the run is over.
    fn whole_energy(&self) -> Energy {
        let mut energy = self.energy.clone();
        for sample in &self.pending {
            energy.push(sample, &self.totals.devices);
        }
        energy
    }

    /// Share of the time in which others took the machine, in a stage or in all.
    pub(super) fn taken(&self, stage: Option<Stage>) -> Option<f64> {
        let asked = |state: &&StageState| stage.is_none_or(|stage| state.stage == stage);
        let marked = self.stages.iter().filter(asked).map(|state| state.series.sampled.marked);
        total(&marked.collect::<Vec<_>>()).ratio()
    }
}

/// A figure that only the worker knows.
fn own_row(name: &str, value: Num, samples: Option<u64>) -> MetricRow {
    let unit = crate::metric::find(name).map_or(Unit::One, |metric| metric.unit);
    let fields = RowFields {
        phase: "run".to_owned(),
        metric: name.into(),
        unit,
        estimate: value.finite(),
        low: None,
        high: None,
        confidence: None,
        samples: samples.unwrap_or(1),
        known: None,
        notes: vec![match value.finite() {
            Some(_) => Note::SaidByWorker,
            None => Note::NotANumberOfWorker { value },
        }],
    };
    fields.into()
}
