//! The plan with every setting resolved, for `--dry-run`.

use crate::config::plan::{Plan, PlannedRun};
use crate::config::reference;
use crate::report::plan::PlanRow;

/// The settings of these runs of the plan. A key is called as in the grid file, with its base unit behind it where it has
/// one.
pub fn rows(plan: &Plan, runs: &[PlannedRun]) -> Vec<PlanRow> {
    let settings = reference::settings(plan, runs);
    let row = |(run, settings): (&PlannedRun, _)| PlanRow { run: run.run.clone(), settings };
    runs.iter().zip(settings).map(row).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::plan::{WorkerProgram, WorkerSettings};
    use crate::control::policy::StopPolicy;
    use crate::event::Limits;
    use crate::gate::GatePolicy;
    use crate::report::fixtures::job;
    use crate::report::plan::{plan_csv, plan_json, plan_table};
    use crate::sampler::policy::SamplerPolicy;

    fn plan() -> Plan {
        let run = |model: &str, dataset: &str, epochs: u32| {
            let mut job = job(model, dataset);
            job.train.epochs = epochs;
            PlannedRun {
                run: job.run.clone(),
                cell: job.run.clone(),
                repeat: 1,
                job,
                stop: StopPolicy {
                    metrics: vec!["train.throughput".to_owned(), "memory.peak".to_owned()],
                    ..StopPolicy::default()
                },
                limits: Limits::default(),
                chosen: true,
            }
        };
        Plan {
            name: "two".to_owned(),
            seed: 1,
            repeats: 1,
            varying: vec!["model".to_owned()],
            runs: vec![run("mlp", "digits", 60), run("cnn", "fashion-mnist", 10)],
            objectives: Vec::new(),
            gate: GatePolicy::default(),
            sampler: SamplerPolicy::default(),
            grams_per_kwh: None,
            worker: WorkerSettings {
                program: WorkerProgram::Native,
                hang_timeout_ns: 60_000_000_000,
                grace_ns: 2_000_000_000,
            },
            warnings: Vec::new(),
        }
    }

    #[test]
    fn the_plan_is_shown_resolved() {
        let plan = plan();
        let rows = rows(&plan, &plan.runs);
        for (name, bytes) in [
            ("table", plan_table(&plan.name, &rows, 80).into_bytes()),
            ("json", plan_json(&plan.name, &rows).unwrap()),
            ("csv", plan_csv(&rows).unwrap()),
        ] {
            let text = String::from_utf8(bytes).unwrap();
            insta::assert_snapshot!(format!("dry_run_{name}"), text);
        }
    }
}
