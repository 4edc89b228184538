//! The time series of a run, read from its log in a stream: what is kept does not grow with the length of the run.
//!
//! How series are thinned and drawn is left to `report`. Invariant: a gap stays a gap, and the time is that since the
//! start of the run.

use std::path::Path;

use crate::control::{Selection, WarmUp, reading};
use crate::event::{
    Asked, Envelope, Phase, ResourceSample, RunRecord, Stage, StepBatch, WorkerEvent,
};
use crate::metric::{CATALOGUE, Source};
use crate::report::html::{RunSeries, StageSpan};
use crate::stats::Sample;
use crate::store::{Line, StoreError, read_lines};

/// Steps are looked at together for this long, in nanoseconds: the shortest that a worker reports them in.
const WINDOW_NS: u64 = 100_000_000;

/// Most steps that are looked at together, however short they are.
const WINDOW_STEPS: usize = 1 << 16;

/// Shortest stretch between two ticks over which a use of CPU says something, in nanoseconds.
const TICK_NS: u64 = 1_000_000;

/// The series of a run.
pub fn read(folder: &Path, record: &RunRecord) -> Result<RunSeries, StoreError> {
    let mut builder = SeriesBuilder::new(record);
    for line in read_lines(folder)? {
        match line? {
            Line::Started { t_ns, .. } => builder.start(t_ns),
            Line::Worker(envelope) => builder.worker(&envelope),
            Line::Sample(sample) => builder.sample(&sample),
            Line::Asked { t_ns, what } => builder.asked(t_ns, &what),
            Line::Warning { .. } | Line::Ended(_) => {}
        }
    }
    Ok(builder.finish(record))
}

struct SeriesBuilder {
    series: RunSeries,
    started_ns: u64,
    last_ns: u64,
    current: Option<Open>,
    window: Window,
    tick: Option<ResourceSample>,
    devices: Selection,
    stopped_ns: Option<u64>,
}

/// A stage that has not ended.
struct Open {
    stage: Stage,
    entered_ns: u64,
    warm_up: WarmUp,
}

/// Steps that are not enough to show.
#[derive(Default)]
struct Window {
    dur_ns: Vec<u64>,
    sum_ns: u64,
    items: f64,
    end_ns: u64,
    /// Whether the stage has shown any.
    shown: bool,
}

impl SeriesBuilder {
    fn new(record: &RunRecord) -> Self {
        // The facts of its `hello` are in its record.
        let mut devices = Selection::of_device(&record.job.device);
        devices.learn(&record.facts);
        Self {
            series: RunSeries::default(),
            started_ns: 0,
            last_ns: 0,
            current: None,
            window: Window::default(),
            tick: None,
            devices,
            stopped_ns: None,
        }
    }

    fn start(&mut self, t_ns: u64) {
        (self.started_ns, self.last_ns) = (t_ns, t_ns);
        self.enter(Stage::Load, t_ns);
    }

    /// Seconds since the start; a tick may have come before it.
    fn seconds(&self, t_ns: u64) -> f64 {
        t_ns.saturating_sub(self.started_ns) as f64 * 1e-9
    }

    fn see(&mut self, t_ns: u64) {
        self.last_ns = self.last_ns.max(t_ns);
    }

    fn worker(&mut self, envelope: &Envelope) {
        self.see(envelope.t_ns);
        match &envelope.event {
            WorkerEvent::Phase { phase } => self.enter(phase.stage(), envelope.t_ns),
            WorkerEvent::Steps(batch) => self.steps(batch),
            WorkerEvent::Finished(_) | WorkerEvent::Failed(_) => self.leave(envelope.t_ns),
            WorkerEvent::Hello(_)
            | WorkerEvent::Epoch(_)
            | WorkerEvent::Metric { .. }
            | WorkerEvent::Unread { .. }
            | WorkerEvent::MaxRate(_) => {}
        }
    }

    fn enter(&mut self, stage: Stage, t_ns: u64) {
        if self.current.as_ref().is_some_and(|open| open.stage == stage) {
            return;
        }
        self.leave(t_ns);
        self.current = Some(Open { stage, entered_ns: t_ns, warm_up: WarmUp::new(t_ns) });
    }

    fn leave(&mut self, t_ns: u64) {
        let Some(open) = self.current.take() else {
            return;
        };
        // The rest of a window is shown where it is long enough to be like the others, or the stage has no other.
        if !self.window.dur_ns.is_empty()
            && (self.window.sum_ns >= WINDOW_NS / 2 || !self.window.shown)
        {
            self.show_window();
        }
        self.window = Window::default();
        for trace in
            [&mut self.series.throughput, &mut self.series.latency, &mut self.series.slowest]
        {
            trace.gap();
        }
        let (from_s, to_s) = (self.seconds(open.entered_ns), self.seconds(t_ns));
        // No figure is that of a search: nothing of it is left out.
        let judged = !matches!(open.stage, Stage::Probe(_));
        let cut_s = open.warm_up.cut_s().filter(|_| judged);
        self.series.stages.push(StageSpan {
            stage: open.stage,
            from_s,
            to_s,
            warm_up_s: cut_s.map(|cut_s| (from_s + cut_s).min(to_s)),
        });
    }

    fn steps(&mut self, batch: &StepBatch) {
        // A validation belongs to the stage of training, and no figure is that of its steps.
        if batch.phase == Phase::Validate || !has_steps(batch.phase.stage()) {
            return;
        }
        if let Some(open) = self.current.as_mut().filter(|open| open.stage == batch.phase.stage()) {
            open.warm_up.steps(batch);
        }
        for request in batch.requests() {
            self.window.dur_ns.push(request.latency_ns());
            self.window.sum_ns = self.window.sum_ns.saturating_add(request.elapsed_ns());
            self.window.items += f64::from(batch.items);
            self.window.end_ns = request.end_ns();
            if self.window.sum_ns >= WINDOW_NS || self.window.dur_ns.len() >= WINDOW_STEPS {
                self.show_window();
            }
        }
        self.see(batch.end_ns());
    }

    fn show_window(&mut self) {
        let window = std::mem::take(&mut self.window);
        self.window.shown = true;
        let t_s = self.seconds(window.end_ns);
        let took_s = window.sum_ns as f64 * 1e-9;
        let seconds: Vec<f64> = window.dur_ns.iter().map(|ns| *ns as f64 * 1e-9).collect();
        let median = match (Sample::new(&seconds), seconds.first()) {
            (Ok(sample), _) => sample.quantile(0.5),
            (Err(_), Some(only)) => *only,
            (Err(_), None) => return,
        };
        if took_s > 0.0 {
            self.series.throughput.push(t_s, window.items / took_s);
        }
        self.series.latency.push(t_s, median);
        let slowest = seconds.iter().copied().fold(0.0, f64::max);
        self.series.slowest.push(t_s, slowest);
    }

    fn sample(&mut self, sample: &ResourceSample) {
        self.see(sample.t_ns);
        self.devices.see(sample);
        let t_s = self.seconds(sample.t_ns);
        let before = self.tick.take();
        let passed_ns = before.as_ref().map(|before| sample.t_ns.saturating_sub(before.t_ns));
        let is_close = passed_ns.is_some_and(|passed_ns| passed_ns < TICK_NS);
        for metric in CATALOGUE.iter().filter(|metric| metric.panel.is_some()) {
            let is_rate = matches!(metric.source, Source::Tick(field) if field.is_counter());
            if is_rate && (is_close || before.is_none()) {
                continue;
            }
            let value = reading(metric, before.as_ref(), sample, &self.devices);
            let trace = self.series.sampled.entry(metric.id).or_default();
            match value {
                Some(value) => trace.push(t_s, value),
                None => trace.gap(),
            }
        }
        self.tick = before.filter(|_| is_close).or_else(|| Some(sample.clone()));
    }

    fn asked(&mut self, t_ns: u64, what: &Asked) {
        self.see(t_ns);
        if what.ends() {
            self.stopped_ns.get_or_insert(t_ns);
        } else {
            let asked_s = self.seconds(t_ns);
            self.series.asked_s.push(asked_s);
        }
    }

    fn finish(mut self, record: &RunRecord) -> RunSeries {
        let last_ns = self.last_ns;
        self.leave(last_ns);
        self.series.end_s = self.seconds(last_ns);
        // Where nobody asked for it, measuring ended with its last stage: the budget was used, or the worker was lost.
        let measured = |span: &&StageSpan| has_steps(span.stage);
        let last = self.series.stages.iter().rev().find(measured);
        let stopped_s = self.stopped_ns.map(|t_ns| self.seconds(t_ns));
        let stop_s = stopped_s.or_else(|| last.map(|span| span.to_s));
        self.series.stop = stop_s.map(|at_s| (at_s, record.stop.reason.to_string()));
        self.series
    }
}

/// Whether it is there for its steps or requests.
fn has_steps(stage: Stage) -> bool {
    match stage {
        Stage::Run | Stage::Train | Stage::Serve(_) | Stage::Probe(_) | Stage::Confirm(_) => true,
        Stage::Load | Stage::Warmup | Stage::Test => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{
        Age, Finished, GpuReading, Num, RunEventKind, StageEnd, StopDetail, StopReason, StopRecord,
        Usage, Vendor,
    };
    use crate::metric::MetricId;
    use crate::report::fixtures::completed;
    use crate::store::EventLog;

    const S: u64 = 1_000_000_000;

    fn said(t_ns: u64, event: WorkerEvent) -> RunEventKind {
        RunEventKind::Worker(Envelope { seq: 0, t_ns, event })
    }

    fn steps(phase: Phase, start_ns: u64, dur_ns: Vec<u64>) -> RunEventKind {
        let batch = StepBatch {
            phase,
            items: 10,
            start_ns,
            dur_ns,
            wait_ns: Vec::new(),
            gap_ns: Vec::new(),
            fetch_ns: Vec::new(),
            loss: None,
        };
        said(batch.end_ns(), WorkerEvent::Steps(batch))
    }

    fn tick(t_ns: u64, cpu_ns: Option<u64>, rss_bytes: Option<u64>) -> RunEventKind {
        RunEventKind::Sample(Box::new(ResourceSample {
            t_ns,
            cpu_ns,
            rss_bytes,
            ..ResourceSample::default()
        }))
    }

    fn known() -> StopRecord {
        StopRecord { reason: StopReason::Known, detail: StopDetail::NothingMeasured }
    }

    fn served() -> StageEnd {
        let age = Age { seconds: Num(1.0), stage: Stage::Serve(1), queues: false };
        StageEnd::Nothing { age }
    }

    /// A run that starts at 10 s, serves for a second from 11 s and trains for two from 12 s, with a validation in between.
    fn events() -> Vec<RunEventKind> {
        let phase = |t_ns, phase| said(t_ns, WorkerEvent::Phase { phase });
        let finished = Finished {
            stopped: true,
            epochs: 1,
            test_loss: None,
            test_accuracy: None,
            test_samples: None,
            usage: Usage::default(),
        };
        let asked = |t_ns, what| RunEventKind::Asked { t_ns, what };
        vec![
            tick(10 * S - 5, Some(0), Some(100)),
            phase(10 * S + S / 2, Phase::Load),
            tick(10 * S + S / 2, Some(S / 4), Some(200)),
            phase(11 * S, Phase::Serve(1)),
            steps(Phase::Serve(1), 11 * S, vec![S / 100; 100]),
            tick(11 * S + S / 2, None, None),
            asked(12 * S, Asked::Leave { phase: Phase::Serve(1), why: served() }),
            phase(12 * S, Phase::Train),
            steps(Phase::Train, 12 * S, vec![S / 5; 5]),
            phase(13 * S, Phase::Validate),
            steps(Phase::Validate, 13 * S, vec![S / 1000; 400]),
            tick(13 * S, Some(S), Some(300)),
            phase(13 * S + S / 2, Phase::Train),
            steps(Phase::Train, 13 * S + S / 2, vec![S / 5; 5]),
            tick(14 * S, Some(3 * S), Some(400)),
            asked(14 * S + S / 4, Asked::Stop { stop: known() }),
            phase(14 * S + S / 2, Phase::Test),
            said(15 * S, WorkerEvent::Finished(finished)),
        ]
    }

    fn recorded(events: &[RunEventKind]) -> RunSeries {
        let dir = tempfile::tempdir().unwrap();
        let record = completed();
        let mut log = EventLog::create(dir.path()).unwrap();
        let stop = serde_json::Value::Null;
        log.started(&record.run, &record.job, &stop, 10 * S).unwrap();
        for event in events {
            log.event(event).unwrap();
        }
        log.finish().unwrap();
        read(dir.path(), &record).unwrap()
    }

    fn points(trace: &crate::report::html::Trace) -> Vec<Vec<(f64, f64)>> {
        trace.pieces().collect()
    }

    fn sampled(series: &RunSeries, metric: MetricId) -> Vec<Vec<(f64, f64)>> {
        points(&series.sampled[&metric])
    }

    #[test]
    fn stages_follow_each_other_and_validation_belongs_to_training() {
        let series = recorded(&events());
        let spans: Vec<_> =
            series.stages.iter().map(|span| (span.stage, span.from_s, span.to_s)).collect();
        assert_eq!(
            spans,
            [
                (Stage::Load, 0.0, 1.0),
                (Stage::Serve(1), 1.0, 2.0),
                (Stage::Train, 2.0, 4.5),
                (Stage::Test, 4.5, 5.0),
            ]
        );
        assert_eq!(series.asked_s, [2.0]);
        assert!((series.stop.unwrap().0 - 4.25).abs() < 1e-9);
        assert!((series.end_s - 5.0).abs() < 1e-9);
    }

    #[test]
    fn windows_are_of_a_tenth_of_a_second_and_no_line_leads_from_stage_to_stage() {
        let series = recorded(&events());
        let rates = points(&series.throughput);
        assert_eq!(rates.len(), 2);
        assert_eq!(rates[0].len(), 10);
        // Steps that are longer than a window are windows of their own.
        assert_eq!(rates[1].len(), 10);
        for (rate, expected) in [(rates[0][0], 1000.0), (rates[1][9], 50.0)] {
            assert!((rate.1 - expected).abs() < 1e-6 * expected, "{rate:?}");
        }
        let latency = points(&series.latency);
        assert!((latency[1][0].1 - 0.2).abs() < 1e-9);
    }

    #[test]
    fn a_reading_that_failed_is_a_gap_and_not_a_zero() {
        let series = recorded(&events());
        let memory = sampled(&series, MetricId::MemoryRssMean);
        assert_eq!(memory.len(), 2);
        assert_eq!(memory[0], [(0.0, 100.0), (0.5, 200.0)]);
        assert_eq!(memory[1].len(), 2);
        let cpu = sampled(&series, MetricId::CpuUtilisation);
        // Between 10 and 10.5 s: half a core; then nothing is known until 13 s; then two cores.
        assert_eq!(cpu.len(), 2, "{cpu:?}");
        assert!((cpu[0][0].1 - 50.0).abs() < 1e-3 && (cpu[1][0].1 - 200.0).abs() < 1e-3, "{cpu:?}");
        assert!(series.sampled[&MetricId::GpuUtilisation].is_empty());
    }

    #[test]
    fn a_run_that_was_never_asked_to_stop_ends_with_its_training() {
        let mut events = events();
        events.retain(|event| !matches!(event, RunEventKind::Asked { .. }));
        let series = recorded(&events);
        assert_eq!(series.stop, Some((4.5, "completed".to_owned())));
        // Killed while it trained: all that is known of its end is the last word.
        let trained = events
            .iter()
            .position(|event| matches!(event, RunEventKind::Sample(s) if s.t_ns == 14 * S));
        let series = recorded(&events[..=trained.unwrap()]);
        assert!((series.stop.unwrap().0 - 4.5).abs() < 1e-9);
        assert_eq!(series.stages.len(), 3);
    }

    #[test]
    fn a_run_that_does_not_fit_is_ended_and_does_not_go_on() {
        let mut events = events();
        events.truncate(events.len() - 2);
        let Some(RunEventKind::Asked { what, .. }) = events.last_mut() else {
            panic!("{events:?}");
        };
        *what = Asked::End { stop: known() };
        let series = recorded(&events);
        assert_eq!(series.asked_s, [2.0]);
        assert!((series.stop.unwrap().0 - 4.25).abs() < 1e-9);
    }

    #[test]
    fn what_is_served_once_more_is_drawn_and_measuring_ends_with_it() {
        // Trained at 14.25 s, served once more until 16 s.
        let mut events = events();
        events.truncate(events.len() - 2);
        let Some(RunEventKind::Asked { what, .. }) = events.last_mut() else {
            panic!("{events:?}");
        };
        *what = Asked::Confirm { stop: known() };
        let phase = |t_ns, phase| said(t_ns, WorkerEvent::Phase { phase });
        let again = 14 * S + S / 2;
        events.extend([
            phase(again, Phase::Confirm(1)),
            steps(Phase::Confirm(1), again, vec![S / 100; 150]),
            phase(16 * S, Phase::Test),
        ]);
        let series = recorded(&events);
        let rates = points(&series.throughput);
        assert_eq!(rates.len(), 3);
        let first = rates[2][0];
        assert!((first.0 - 4.6).abs() < 1e-9 && (first.1 - 1000.0).abs() < 1e-6, "{first:?}");
        assert!((series.stop.unwrap().0 - 6.0).abs() < 1e-9);
        assert_eq!(series.asked_s, [2.0, 4.25]);
    }

    #[test]
    fn a_search_is_drawn_and_nothing_of_it_is_left_out() {
        let mut events = events();
        events.truncate(7);
        let phase = |t_ns, phase| said(t_ns, WorkerEvent::Phase { phase });
        // Slow at first, as if it warmed up: another rate.
        let mut times = vec![S / 20; 20];
        times.extend(vec![S / 100; 200]);
        events.extend([phase(12 * S, Phase::Probe(1)), steps(Phase::Probe(1), 12 * S, times)]);
        let series = recorded(&events);
        assert_eq!(points(&series.latency).len(), 2);
        let span = series.stages.last().unwrap();
        assert_eq!((span.stage, span.warm_up_s), (Stage::Probe(1), None));
        assert!((series.stop.unwrap().0 - span.to_s).abs() < 1e-9);
    }

    #[test]
    fn only_the_runs_own_accelerator_is_shown() {
        let mut builder = SeriesBuilder::new(&{
            let mut record = completed();
            "cuda:1".clone_into(&mut record.job.device);
            record
        });
        builder.start(0);
        let gpu = |index, percent| GpuReading {
            index,
            utilisation_percent: Some(percent),
            ..GpuReading::default()
        };
        builder.sample(&ResourceSample {
            t_ns: S,
            gpus: vec![gpu(0, 3.0), gpu(1, 97.0)],
            ..ResourceSample::default()
        });
        assert_eq!(sampled(&builder.series, MetricId::GpuUtilisation), [[(1.0, 97.0)]]);
        assert!(builder.series.sampled[&MetricId::TpuDutyCycle].is_empty());
        builder.sample(&ResourceSample {
            t_ns: 2 * S,
            gpus: vec![GpuReading { vendor: Vendor::Tpu, own: Some(true), ..gpu(1, 60.0) }],
            ..ResourceSample::default()
        });
        assert_eq!(sampled(&builder.series, MetricId::GpuUtilisation), [[(1.0, 97.0)]]);
        assert_eq!(sampled(&builder.series, MetricId::TpuDutyCycle), [[(2.0, 60.0)]]);
    }
}
