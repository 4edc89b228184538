//! What can be known to be wrong before the first run.
//!
//! Nothing is written and no run is started. Invariant: what makes the results worthless is an error, what only makes
//! them poorer a warning.

use std::collections::BTreeSet;

use super::request::RunRequest;
use crate::app::{Fault, launch};
use crate::control::check_supported;
use crate::event::{MemoryGuard, Work};
use crate::report::words;
use crate::runner::Launch;
use crate::sampler::{LimitMeans, Sampler};
use crate::units::Span;

/// Every device of the grid but the CPU is there, as the native worker sees it.
pub(super) fn devices(request: &RunRequest<'_>, launch: &Launch) -> Result<(), Fault> {
    let devices: BTreeSet<&str> = request
        .runs
        .iter()
        .filter(|run| run.job.work == Work::Native)
        .map(|run| run.job.device.as_str())
        .filter(|d| *d != "cpu")
        .collect();
    for device in devices {
        launch::check_device(&launch.program, device).map_err(|error| {
            Fault::from(error).hint(
                "`perftune doctor` tells which devices are there; `device = \"cpu\"` always is",
            )
        })?;
    }
    Ok(())
}

/// Every TorchScript file of the grid can be applied to the samples that it will get, and trained where it is to be; a warning for
/// each that gives more than one result.
pub(super) fn scripts(request: &RunRequest<'_>, launch: &Launch) -> Result<Vec<String>, Fault> {
    let native = request.runs.iter().filter(|run| run.job.work == Work::Native);
    let files = native.filter(|run| run.job.model.script.is_some());
    let (mut seen, mut said) = (Vec::new(), Vec::new());
    for run in files {
        let (job, serve) = (&*run.job, run.job.serve.as_ref());
        let sizes = serve.map(|serve| &serve.batch_sizes);
        let (trains, batch) = (job.train.epochs > 0, job.train.batch_size);
        let how = (&job.model, &job.dataset, &job.device, job.precision, sizes, trains, batch);
        if seen.contains(&how) {
            continue;
        }
        seen.push(how);
        let gives = launch::check_script(&launch.program, job).map_err(|why| {
            Fault::new(format!("{}: the model {} cannot be used: {why}", run.cell, job.model.name))
        })?;
        if gives.results > 1 {
            let (name, results) = (&job.model.name, gives.results);
            said.push(format!("the model {name} returns {results} results: the first one is used"));
        }
    }
    said.dedup();
    Ok(said)
}

/// At least one chosen metric of every run can be measured here; a warning for each that cannot.
pub(super) fn metrics(request: &RunRequest<'_>, sampler: &Sampler) -> Result<Vec<String>, Fault> {
    let gaps = sampler.unsupported().iter();
    let unsupported = gaps.map(|gap| (gap.field.clone(), gap.reason.clone())).collect();
    let mut said = Vec::new();
    let mut seen = BTreeSet::new();
    let measured = request.runs.iter().filter(|run| run.answer.is_none());
    for run in measured.filter(|run| run.stop.enabled) {
        if seen.insert((run.chosen, &run.stop.metrics)) {
            let (_, warnings) = check_supported(&run.stop, &unsupported).map_err(|error| {
                Fault::new(format!("{}: {error}", run.run)).hint(
                    "`perftune doctor` tells what can be measured here; --full needs no metric",
                )
            })?;
            let new = warnings.iter().filter(|_| run.chosen).map(words::left_out);
            said.extend(new);
        }
    }
    said.sort_unstable();
    said.dedup();
    Ok(said)
}

/// A warning where a limit on memory is watched so seldom that a run may be far beyond it.
pub(super) fn watched_limits(request: &RunRequest<'_>, means: &LimitMeans) -> Option<String> {
    const SELDOM_NS: u64 = 1_000_000_000;
    let interval_ns = request.plan.sampler.interval_ns;
    let limited = request.runs.iter().any(|run| run.limits.memory_bytes.is_some());
    let watched = limited && means.memory == Ok(MemoryGuard::Watched);
    (watched && interval_ns > SELDOM_NS).then(|| {
        format!(
            "the memory limit is checked only every {}, as often as the sampler reads ([sampler] interval)",
            Span::from_ns(interval_ns)
        )
    })
}
