//! How a recorded run began, as a controller has to know it.

use std::collections::BTreeMap;
use std::path::Path;

use crate::control::{RunContext, StopPolicy};
use crate::event::{JobSpec, Limits, Note, Reason, RunRecord};
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

/// What the run could not measure, by metric.
fn unsupported(record: &RunRecord) -> BTreeMap<String, Reason> {
    let rows = record.metrics.iter();
    let found = rows.filter_map(|row| {
        let reason = row.notes.iter().find_map(Note::lasting)?;
        Some((row.metric.to_string(), reason.clone()))
    });
    found.collect()
}
