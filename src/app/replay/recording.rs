//! The log of a recorded run, as a controller has to know it: how the run began, and what was seen of it.
//!
//! What is made of it is left to the controllers. Invariant: they see each event once, in the order of the log.

use std::collections::BTreeMap;
use std::path::Path;

use crate::control::{RunContext, StopPolicy};
use crate::event::{
    Asked, Envelope, JobSpec, Limits, Note, Reason, ResourceSample, RunRecord, Stage, WorkerEvent,
};
use crate::store::{Line, StoreError, read_lines};

/// The beginning of a run.
pub(in crate::app) struct Beginning {
    /// What it was to do.
    pub(in crate::app) job: JobSpec,
    /// By what it was to stop.
    pub(in crate::app) policy: StopPolicy,
    /// Where it ran, and what could not be measured there.
    pub(in crate::app) context: RunContext,
}

impl Beginning {
    /// Of the log in this folder; `None` where it does not begin as one. `record`: what the run came to, if it ended, since
    /// what could not be measured was known before the run and stands in it; `cores`: those of the machine.
    pub(in crate::app) fn read(
        folder: &Path,
        record: Option<&RunRecord>,
        cores: Option<f64>,
    ) -> Result<Option<Self>, StoreError> {
        let first = read_lines(folder)?.next().transpose()?;
        let Some(Line::Started { job, stop, t_ns, .. }) = first else {
            return Ok(None);
        };
        let Ok(policy) = serde_json::from_value(stop) else {
            return Ok(None);
        };
        let limits = record.map_or_else(Limits::default, |record| record.limits.clone());
        let threads = f64::from(job.threads.max(1));
        let cores = limits.cores(cores.unwrap_or(threads)).min(threads);
        let unsupported = record.map(unsupported).unwrap_or_default();
        let context = RunContext::of_job(&job, cores, unsupported, t_ns);
        Ok(Some(Self { job: *job, policy, context }))
    }
}

/// What a log says of the run beside what was seen of it.
#[derive(Default)]
pub(in crate::app) struct Said {
    /// The controller had asked it to leave a phase or to stop.
    pub(in crate::app) asked: bool,
    /// The stages that it was asked to leave before their own end.
    pub(in crate::app) cut: Vec<Stage>,
    /// It came to its end.
    pub(in crate::app) ended: bool,
}

/// Feeds the log to several controllers as it was when the run was live, in a stream.
pub(in crate::app) fn feed<T>(
    folder: &Path,
    controllers: &mut [T],
    on_worker: fn(&mut T, &Envelope),
    on_sample: fn(&mut T, &ResourceSample),
) -> Result<Said, StoreError> {
    let mut said = Said::default();
    let mut here = None;
    for line in read_lines(folder)? {
        match line? {
            Line::Worker(envelope) => {
                if let WorkerEvent::Phase { phase } = &envelope.event {
                    here = Some(phase.stage());
                }
                for controller in controllers.iter_mut() {
                    on_worker(controller, &envelope);
                }
            }
            Line::Sample(sample) => controllers.iter_mut().for_each(|c| on_sample(c, &sample)),
            Line::Asked { what, .. } => {
                said.asked = true;
                said.cut.extend(match what {
                    Asked::Leave { phase, .. } => Some(phase.stage()),
                    Asked::Confirm { .. } => Some(Stage::Train),
                    Asked::Stop { .. } | Asked::End { .. } => here.or(Some(Stage::Run)),
                });
            }
            Line::Ended(_) => said.ended = true,
            Line::Started { .. } | Line::Warning { .. } => {}
        }
    }
    Ok(said)
}

/// What the run could not measure, by metric.
fn unsupported(record: &RunRecord) -> BTreeMap<String, Reason> {
    let rows = record.metrics.iter();
    let found = rows.filter_map(|row| {
        let reason = row.notes.iter().find_map(Note::lasting)?;
        Some((row.metric.to_string(), reason.clone()))
    });
    found.collect()
}
