//! Run events -> files: the log as it happens, what is derived from it at the end of each run.
//!
//! What is derived of all runs together when the session is over is left to [`derived`](crate::app::derived). Invariant:
//! an event is in the log before anything is made of it, and the mark that a run is done comes last.

use std::collections::{HashMap, HashSet};
use std::io::{BufWriter, Write};
use std::path::PathBuf;

use fs_err::File;

use crate::clock::{Clock, MonotonicClock};
use crate::event::{
    EpochReport, RunEvent, RunEventKind, RunRecord, RunStatus, Vendor, WorkerEvent,
};
use crate::report::ReportError;
use crate::report::csv::{metrics_csv, report_csv};
use crate::report::series::{SampleCsv, epochs_csv};
use crate::runner::SinkError;
use crate::store::{EventLog, Results, StoreError};

use super::request::Prepared;
use crate::app::error_text;

/// Everything of a results folder that goes to disk while runs go on.
pub(super) struct Recorder {
    pub(super) results: Results,
    prepared: Vec<Prepared>,
    order: Vec<String>,
    devices: Vec<(Vendor, u32)>,
    /// The runs in flight, by name.
    current: HashMap<String, Current>,
    /// Which machine of the folder this is, where it has several.
    pub(super) machine: Option<u32>,
    /// The runs that have ended.
    pub(super) records: Vec<RunRecord>,
    /// Of those, the ones that ended here; the others were there before.
    pub(super) made: HashSet<String>,
    clock: MonotonicClock,
    reported_ns: u64,
}

/// Shortest time between two rewritings of the reports while a grid runs, in nanoseconds.
const REPORT_NS: u64 = 5_000_000_000;

struct Current {
    log: EventLog,
    stderr: BufWriter<File>,
    samples: SampleCsv<BufWriter<File>>,
    samples_path: PathBuf,
    epochs: Vec<EpochReport>,
}

/// Why something could not be recorded.
#[derive(Debug, thiserror::Error)]
enum RecordError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Report(#[from] ReportError),
    #[error("cannot write a run's files: {0}")]
    Io(#[from] std::io::Error),
}

impl Recorder {
    /// `order`: all runs of the folder; `devices`: the accelerators that will be sampled; `records`: runs that are whole already.
    pub(super) fn new(
        results: Results,
        prepared: Vec<Prepared>,
        order: Vec<String>,
        devices: Vec<(Vendor, u32)>,
        records: Vec<RunRecord>,
    ) -> Self {
        let clock = MonotonicClock;
        let reported_ns = clock.now_ns();
        Self {
            results,
            prepared,
            order,
            devices,
            current: HashMap::new(),
            machine: None,
            records,
            made: HashSet::new(),
            clock,
            reported_ns,
        }
    }

    /// The runs that are ready to be started, by their names.
    pub(super) fn prepared(&self) -> HashMap<&str, &Prepared> {
        self.prepared.iter().map(|prepared| (&*prepared.spec.run, prepared)).collect()
    }

    /// Takes in runs that nobody knew of before; `order`: all runs of the folder.
    pub(super) fn add(&mut self, prepared: Vec<Prepared>, order: &[String]) {
        self.prepared.extend(prepared);
        order.clone_into(&mut self.order);
    }

    /// Whether this run has come to an end of its own.
    pub(super) fn is_whole(&self, run: &str) -> bool {
        let whole = |record: &&RunRecord| record.status != RunStatus::Cancelled;
        self.records.iter().filter(whole).any(|record| record.run == run)
    }

    /// Puts the records in the order of the plan.
    pub(super) fn sort(&mut self) {
        let order = |run: &str| self.order.iter().position(|name| name == run);
        self.records.sort_by_cached_key(|record| order(&record.run));
    }

    /// Takes one event.
    pub(super) fn event(&mut self, event: &RunEvent) -> Result<(), SinkError> {
        self.record(event).map_err(|error| SinkError(error_text(&error)))
    }

    fn record(&mut self, event: &RunEvent) -> Result<(), RecordError> {
        if let RunEventKind::Started { job, t_ns, bars } = &event.kind {
            let folder = self.results.begin_run(&event.run)?;
            let samples_path = folder.join("samples.csv");
            let unfinished = samples_path.with_extension("csv.tmp");
            let mut log = EventLog::create(&folder)?;
            let mut stop = self.recorded(&event.run).get("stop").cloned().unwrap_or_default();
            // They are no setting, and stand where a replay looks for them.
            if !bars.is_empty() {
                stop["bars"] = serde_json::to_value(bars).map_err(std::io::Error::from)?;
            }
            log.started(&event.run, job, &stop, *t_ns)?;
            let current = Current {
                log,
                stderr: BufWriter::new(File::create(folder.join("stderr.log"))?),
                samples: SampleCsv::new(
                    BufWriter::new(File::create(unfinished)?),
                    *t_ns,
                    &self.devices,
                )?,
                samples_path,
                epochs: Vec::new(),
            };
            self.current.insert(event.run.clone(), current);
        }
        let Some(current) = self.current.get_mut(&event.run) else {
            return Ok(());
        };
        current.log.event(&event.kind)?;
        match &event.kind {
            RunEventKind::Sample(sample) => current.samples.row(sample)?,
            RunEventKind::Stderr(line) => {
                writeln!(current.stderr, "{line}")?;
                current.stderr.flush()?;
            }
            RunEventKind::Worker(envelope) => {
                if let WorkerEvent::Epoch(report) = &envelope.event {
                    current.epochs.push(report.clone());
                }
            }
            RunEventKind::Ended(record) => {
                let record = (**record).clone();
                self.end(record)?;
            }
            RunEventKind::Started { .. }
            | RunEventKind::Progress(_)
            | RunEventKind::Asked { .. }
            | RunEventKind::Warning(_) => {}
        }
        Ok(())
    }

    /// What is kept of a run's settings.
    fn recorded(&self, run: &str) -> serde_json::Value {
        let found = self.prepared.iter().find(|prepared| prepared.spec.run == run);
        found.map(|prepared| prepared.recorded.tree()).unwrap_or_default()
    }

    fn end(&mut self, record: RunRecord) -> Result<(), RecordError> {
        if let Some(mut current) = self.current.remove(&record.run) {
            current.log.finish()?;
            current.samples.finish()?;
            let unfinished = current.samples_path.with_extension("csv.tmp");
            fs_err::rename(unfinished, &current.samples_path)?;
            let epochs = epochs_csv(&current.epochs)?;
            let name = format!("runs/{}/epochs.csv", record.run);
            self.results.write(&name, &epochs)?;
        }
        let ended = jiff::Timestamp::now().to_string();
        self.results.mark_done(&record, &self.recorded(&record.run), &ended)?;
        // One that was cancelled before has run again.
        self.records.retain(|before| before.run != record.run);
        self.made.insert(record.run.clone());
        RunRecord { machine: self.machine, ..record }.join(&mut self.records);
        // Rewriting everything after each of a thousand short runs would cost more than they do.
        let now = self.clock.now_ns();
        if now.saturating_sub(self.reported_ns) >= REPORT_NS {
            self.reported_ns = now;
            self.sort();
            // The front is that of all cells, so it is said when the grid is over.
            self.results.write("report.csv", &report_csv(&self.records, None, None)?)?;
            let records = &self.records;
            self.results.write_with("metrics.csv", |out| {
                Ok::<_, RecordError>(metrics_csv(out, records)?)
            })?;
        }
        Ok(())
    }
}
