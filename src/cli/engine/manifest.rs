//! `manifest.json`: what was asked, on what machine, with which versions.

use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::config::plan::{Plan, WorkerProgram};
use crate::store::FORMAT;

use super::Prepared;

/// The manifest of a grid. `machine` is the environment's fingerprint: neither a host's name nor its clock rate.
pub(super) fn manifest(
    plan: &Plan,
    prepared: &[Prepared],
    machine: &impl Serialize,
    created: &str,
) -> Result<Vec<u8>, serde_json::Error> {
    let worker = match &plan.worker.program {
        WorkerProgram::Native => json!("native"),
        WorkerProgram::Scripted => json!("scripted"),
        WorkerProgram::Command { program, args } => json!({ "program": program, "args": args }),
    };
    let specs: Map<String, Value> = prepared
        .iter()
        .map(|prepared| (prepared.spec.run.clone(), prepared.recorded.clone()))
        .collect();
    let mut bytes = serde_json::to_vec_pretty(&json!({
        "format": FORMAT,
        "perftune": env!("CARGO_PKG_VERSION"),
        "created": created,
        "name": plan.name,
        "seed": plan.seed,
        "repeats": plan.repeats,
        "varying": plan.varying,
        "worker": worker,
        "sampler": plan.sampler,
        "machine": machine,
        "runs": prepared.iter().map(|prepared| &prepared.spec.run).collect::<Vec<_>>(),
        "specs": specs,
    }))?;
    bytes.push(b'\n');
    Ok(bytes)
}
