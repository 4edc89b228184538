//! `manifest.json`: what was asked, on what machine, with which versions.
//!
//! What the runs came to is in their records. Invariant: no run that the folder knew before is forgotten.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use serde::Serialize;
use serde_json::{Value, json};

use crate::config::plan::WorkerProgram;
use crate::event::{Fingerprint, Objective};
use crate::gate::GatePolicy;
use crate::sampler::Machine;
use crate::sampler::policy::SamplerPolicy;
use crate::store::json::sealed;
use crate::store::{DataRows, FORMAT, Format, GridHead, MachineHead, ManifestHead, Recorded};

use super::request::{Prepared, RunRequest};
use crate::app::environment::SessionIdentity;

/// Every run that the folder knows: those of earlier requests stay, so that running a part of a grid loses none of the rest.
pub(super) struct AllRuns {
    /// Their names, in order.
    pub(super) order: Vec<String>,
    /// What is kept of each one's settings.
    pub(super) specs: BTreeMap<String, Recorded>,
    /// The size of each data set, where it is known.
    datasets: BTreeMap<String, DataRows>,
}

impl AllRuns {
    /// The runs of this request, put in among those of the manifest that is there.
    pub(super) fn new(
        prepared: &[Prepared],
        earlier: Option<ManifestHead>,
        known: BTreeMap<String, DataRows>,
    ) -> Self {
        let (order, specs, mut datasets) =
            earlier.map_or_else(Default::default, |head| (head.runs, head.specs, head.datasets));
        datasets.extend(known);
        let mut all = Self { order, specs, datasets };
        all.add(prepared);
        all
    }

    /// Puts runs in among those that are there.
    pub(super) fn add(&mut self, prepared: &[Prepared]) {
        let known: HashSet<String> = self.order.iter().cloned().collect();
        for run in prepared {
            let name = &run.spec.run;
            let is_new = self.specs.insert(name.clone(), run.recorded.clone()).is_none();
            if is_new && !known.contains(name) {
                self.order.push(name.clone());
            }
        }
    }

    /// The same without these.
    pub(super) fn without(&self, runs: &BTreeSet<String>) -> Self {
        let order = self.order.iter().filter(|run| !runs.contains(*run));
        let specs = self.specs.iter().filter(|(run, _)| !runs.contains(*run));
        Self {
            order: order.cloned().collect(),
            specs: specs.map(|(run, spec)| (run.clone(), spec.clone())).collect(),
            datasets: self.datasets.clone(),
        }
    }
}

/// `machine` is for people; whether results may be compared with others is told by the session's fingerprint.
#[derive(Serialize)]
struct Manifest<'a> {
    format: Format,
    perftune: &'static str,
    created: &'a str,
    name: &'a str,
    seed: u64,
    repeats: String,
    varying: &'a [String],
    grid: GridHead,
    objectives: &'a [Objective],
    gate: &'a GatePolicy,
    datasets: &'a BTreeMap<String, DataRows>,
    worker: Value,
    sampler: SamplerPolicy,
    machine: &'a Machine,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    machines: Vec<MachineHead>,
    fingerprint: &'a Option<Fingerprint>,
    session: &'a str,
    in_turn: bool,
    runs: &'a [String],
    specs: &'a BTreeMap<String, Recorded>,
}

/// The manifest of a grid.
pub(super) fn manifest(
    request: &RunRequest<'_>,
    runs: &AllRuns,
    machine: &Machine,
    created: &str,
    session: &SessionIdentity,
    machines: Vec<MachineHead>,
    in_turn: bool,
) -> Result<Vec<u8>, serde_json::Error> {
    let RunRequest { plan, shard, .. } = request;
    let worker = match &plan.worker.program {
        WorkerProgram::Native => json!("native"),
        WorkerProgram::Scripted => json!("scripted"),
        WorkerProgram::Command { program, args } => json!({ "program": program, "args": args }),
    };
    sealed(&Manifest {
        format: FORMAT,
        perftune: env!("CARGO_PKG_VERSION"),
        created,
        name: &plan.name,
        seed: plan.seed,
        repeats: plan.repeats.to_string(),
        varying: &plan.varying,
        grid: GridHead {
            keys: plan.keys.clone(),
            cells: plan.cells.clone(),
            searched: plan.search.is_some(),
            shard: shard.map(|shard| shard.to_string()),
        },
        objectives: &plan.objectives,
        gate: &plan.gate,
        datasets: &runs.datasets,
        worker,
        sampler: plan.sampler,
        machine,
        machines,
        fingerprint: &session.fingerprint,
        session: &session.id,
        in_turn,
        runs: &runs.order,
        specs: &runs.specs,
    })
}
