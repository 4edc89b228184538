//! The plan with every setting resolved, for `--dry-run`.

use serde_json::Value;

use crate::config::plan::{Plan, PlannedRun, WorkerProgram};
use crate::event::{Axis, Pattern, ServeSpec, cpu_list};
use crate::metric::Better;
use crate::report::plan::PlanRow;

/// The settings of these runs of the plan.
pub fn rows(plan: &Plan, runs: &[PlannedRun]) -> Vec<PlanRow> {
    runs.iter().map(|run| row(plan, run)).collect()
}

/// One run. A key is called as in the grid file, with its base unit behind it where it has one.
fn row(plan: &Plan, run: &PlannedRun) -> PlanRow {
    let (job, train, stop) = (&run.job, &run.job.train, &run.stop);
    let serve = job.serve.as_ref();
    let axes = Axis::all().map(|axis| (axis.key(), axis.get(job).into()));
    let mut settings: Vec<_> = axes.collect();
    settings.extend([
        ("seed", job.seed.into()),
        ("repeat", run.repeat.into()),
        ("train.epochs", train.epochs.into()),
        ("train.validation_share", train.validation_share.into()),
        ("train.warmup_steps", train.warmup_steps.into()),
        ("serve.batch_size", serve.map_or(Value::Null, |serve| serve.batch_sizes.clone().into())),
        ("serve.warmup_requests", serve.map(|serve| serve.warmup_requests).into()),
        ("serve.max_time_s", serve.map(|serve| serve.max_time_s).into()),
        ("stop.enabled", stop.enabled.into()),
        ("stop.metrics", stop.metrics.clone().into()),
        ("stop.within", stop.within.into()),
        ("stop.confidence", stop.confidence.into()),
        ("stop.looks", stop.looks.into()),
        ("stop.min_time_s", stop.min_time_s.into()),
        ("stop.max_time_s", stop.max_time_s.into()),
        ("stop.max_run_time_s", stop.max_run_time_s.into()),
        ("stop.patience", stop.patience.into()),
        ("stop.min_delta", stop.min_delta.into()),
        ("sampler.interval_s", (plan.sampler.interval_ns as f64 / 1e9).into()),
        ("sampler.gpu", plan.sampler.gpu.into()),
        ("sampler.energy", plan.sampler.energy.into()),
        ("sampler.tpu", plan.sampler.tpu.into()),
        ("worker.program", program(&plan.worker.program).into()),
    ]);
    settings.extend(pattern(plan, serve));
    settings.extend(optional(plan, run));
    PlanRow { run: run.run.clone(), settings }
}

/// What is only shown in plans that have it; then of every run.
fn optional(plan: &Plan, run: &PlannedRun) -> Vec<(&'static str, Value)> {
    let mut settings = Vec::new();
    let any = |has: fn(&PlannedRun) -> bool| plan.runs.iter().any(has);
    if let Some(grams) = plan.grams_per_kwh {
        settings.push(("energy.grams_per_kwh", grams.into()));
    }
    if any(|run| run.stop.target_accuracy.is_some()) {
        settings.push(("train.target_accuracy", run.stop.target_accuracy.into()));
    }
    if any(|run| !run.stop.constraints.is_empty()) {
        let constraints = run.stop.constraints.iter().map(ToString::to_string);
        let constraints: Vec<_> = constraints.collect();
        settings.push(("stop.constraints", constraints.into()));
    }
    if any(|run| !run.limits.is_none()) {
        let limits = &run.limits;
        let cpus = (!limits.cpus.is_empty()).then(|| cpu_list(&limits.cpus));
        settings.push(("limits.cpus", cpus.into()));
        settings.push(("limits.cpu_quota_percent", limits.cpu_quota_percent.into()));
        settings.push(("limits.memory_bytes", limits.memory_bytes.into()));
    }
    if !plan.objectives.is_empty() {
        let of = |better: Better| -> Value {
            let asked = plan.objectives.iter().filter(|asked| asked.better == better);
            asked.map(|asked| asked.metric.clone()).collect()
        };
        settings.push(("objectives.maximize", of(Better::Higher)));
        settings.push(("objectives.minimize", of(Better::Lower)));
    }
    settings
}

/// Whether requests do not simply come one after the other until the time is up.
fn is_patterned(serve: &ServeSpec) -> bool {
    let plain = serve.pattern.is_single_stream() && serve.max_requests.is_none();
    !plain || serve.find_max_rate.is_some()
}

/// Settings of load patterns, where any run has one.
fn pattern(plan: &Plan, serve: Option<&ServeSpec>) -> Vec<(&'static str, Value)> {
    let serves = |run: &PlannedRun| run.job.serve.as_ref().is_some_and(is_patterned);
    if !plan.runs.iter().any(serves) {
        return Vec::new();
    }
    let pattern = serve.map(|serve| serve.pattern);
    let rate_per_s = match pattern {
        Some(Pattern::Server { rate_per_s }) => rate_per_s,
        _ => None,
    };
    let clients = match pattern {
        Some(Pattern::Closed { clients }) => Some(clients),
        _ => None,
    };
    let limit = serve.and_then(|serve| serve.find_max_rate);
    vec![
        ("serve.pattern", pattern.map(|pattern| pattern.name()).into()),
        ("serve.rate_per_s", rate_per_s.into()),
        ("serve.clients", clients.into()),
        ("serve.find_max_rate", limit.map(|limit| limit.to_string()).into()),
        ("serve.max_requests", serve.and_then(|serve| serve.max_requests).into()),
    ]
}

fn program(program: &WorkerProgram) -> String {
    match program {
        WorkerProgram::Native => "native".to_owned(),
        WorkerProgram::Scripted => "scripted".to_owned(),
        WorkerProgram::Command { program, args } => {
            let words = [program.display().to_string()].into_iter().chain(args.iter().cloned());
            words.collect::<Vec<_>>().join(" ")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::plan::WorkerSettings;
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
