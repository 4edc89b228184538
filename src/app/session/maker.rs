//! From what is planned to what is started.
//!
//! Invariant: a run is known again by what is kept of its settings, and by nothing else.

use std::sync::Arc;

use super::request::{Prepared, RunRequest};
use super::settings::settings;
use crate::app::{Fault, launch};
use crate::config::plan::PlannedRun;
use crate::event::MemoryGuard;
use crate::runner::{Launch, RunSpec};
use crate::sampler::{self, LimitMeans};
use crate::store::Recorded;

/// Makes runs that can be started of runs that are planned.
pub(super) struct Maker {
    launch: Launch,
    means: LimitMeans,
    usable_cores: f64,
}

impl Maker {
    pub(super) fn new(launch: Launch, means: LimitMeans) -> Self {
        Self { launch, means, usable_cores: sampler::usable_cores() }
    }

    pub(super) fn prepare(
        &self,
        request: &RunRequest<'_>,
        run: &PlannedRun,
    ) -> Result<Prepared, Fault> {
        let recorded = settings(run)?;
        let mut limits = run.limits.clone();
        limits.memory_guard = limits.memory_bytes.and(self.means.memory.clone().ok());
        let grouped =
            limits.cpu_quota_percent.is_some() || limits.memory_guard == Some(MemoryGuard::Cgroup);
        let spec = RunSpec {
            run: run.run.clone(),
            cell: run.cell.clone(),
            repeat: run.repeat,
            index: 0,
            job: Arc::clone(&run.job),
            stop: Arc::clone(&run.stop),
            launch: match run.job.work.command() {
                Some(command) => launch::of_command(command, &request.plan.worker, request.streams),
                None => self.launch.clone(),
            },
            // A run that starts fewer threads than there are cores may use no more than those.
            usable_cores: limits.cores(self.usable_cores).min(match run.job.work.command() {
                // A command starts as many threads as it likes.
                Some(_) => f64::INFINITY,
                None => f64::from(run.job.threads.max(1)),
            }),
            grams_per_kwh: request.plan.grams_per_kwh,
            price: request.plan.price.clone(),
            limits,
            group: self.means.base.clone().filter(|_| grouped),
            lane: None,
            pairing: None,
            answer: run.answer.clone(),
        };
        Ok(Prepared { spec, recorded: Recorded::new(&recorded)? })
    }
}
