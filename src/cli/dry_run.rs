//! `--dry-run`: what would be run, with every setting resolved.
//!
//! What the settings are is decided by `config`. Invariant: nothing is run and nothing is written.

use std::io::Write;

use super::options::{Format, ReportFormat};
use super::output;
use crate::app::Fault;
use crate::config::plan::{Plan, PlannedRun};
use crate::config::shown::ShownSettings;
use crate::report::layout::counted;
use crate::report::plan::{PlanRow, plan_csv, plan_json, plan_table};

/// The format of a list, where there is one.
pub fn format(asked: ReportFormat) -> Result<Format, Fault> {
    asked
        .of_lists()
        .ok_or_else(|| Fault::new("--dry-run has no such format").hint("choose table, json or csv"))
}

/// How many runs there will be, as far as anybody knows; `runs`: those that are known before the first of them has ended.
fn extent(plan: &Plan, runs: &[PlannedRun]) -> String {
    let count = runs.len();
    let cells = counted(runs.iter().filter(|run| run.repeat == 1).count(), "cell");
    let most = plan.repeats.most();
    match plan.search {
        Some(policy) => match policy.trials {
            Some(trials) => format!("a search among {cells}, {} at most", counted(trials, "run")),
            None => format!("a search among {cells}, as many runs as its time allows"),
        },
        None if plan.repeats.planned() == most => counted(count, "run"),
        None => format!(
            "{cells}, each run until its figures are known, {} at most",
            counted(count as u64 * u64::from(most), "run")
        ),
    }
}

/// The runs that are shown.
#[derive(Debug, Clone, Copy)]
pub struct Shown<'a> {
    /// Which.
    pub runs: &'a [PlannedRun],
    /// How many there will be.
    pub extent: &'a str,
}

/// Writes these runs of the plan. A key is called as in the grid file, with its base unit behind it where it has one.
pub fn render(
    out: &mut dyn Write,
    plan: &Plan,
    Shown { runs, extent }: Shown<'_>,
    format: Format,
    width: usize,
) -> Result<(), Fault> {
    let shown = ShownSettings::new(plan, runs);
    let rows = runs.iter().map(|run| PlanRow { run: run.run.clone(), settings: shown.of(run) });
    match format {
        Format::Table => {
            let table = plan_table((&plan.name, extent), rows, &plan.sources, width);
            out.write_all(table.as_bytes())?;
        }
        Format::Json => plan_json(out, &plan.name, rows, &plan.sources)?,
        Format::Csv => plan_csv(out, rows)?,
    }
    Ok(())
}

/// Prints them.
pub fn print(plan: &Plan, runs: &[PlannedRun], asked: ReportFormat) -> Result<(), Fault> {
    let format = format(asked)?;
    let extent = extent(plan, runs);
    let shown = Shown { runs, extent: &extent };
    output::print_with(|out| render(out, plan, shown, format, output::stdout_width()))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::config::plan::{WorkerProgram, WorkerSettings};
    use crate::gate::GatePolicy;
    use crate::report::fixtures::job;
    use crate::schedule::Repeats;

    #[expect(
        clippy::default_trait_access,
        reason = "the types of these policies are not the command line's to name"
    )]
    fn plan() -> Plan {
        let run = |model: &str, dataset: &str, epochs: u32| {
            let mut job = job(model, dataset);
            job.train.epochs = epochs;
            let mut run = PlannedRun::first(job);
            Arc::make_mut(&mut run.stop).metrics =
                vec!["train.throughput".into(), "memory.peak".into()];
            run
        };
        Plan {
            name: "two".to_owned(),
            file: None,
            seed: 1,
            repeats: Repeats::Fixed(1),
            budget_s: None,
            lanes: Vec::new(),
            search: None,
            varying: vec!["model".to_owned()],
            cells: Vec::new(),
            runs: vec![run("mlp", "digits", 60), run("cnn", "fashion-mnist", 10)],
            objectives: Vec::new(),
            gate: GatePolicy::default(),
            sampler: Default::default(),
            grams_per_kwh: None,
            price: None,
            worker: WorkerSettings {
                program: WorkerProgram::Native,
                hang_timeout_ns: 60_000_000_000,
                grace_ns: 2_000_000_000,
            },
            warnings: Vec::new(),
            engine: Default::default(),
            exports: Vec::new(),
            texts: Vec::new(),
            keys: serde_json::Value::Null,
            sources: vec![("train.epochs".to_owned(), "grid.toml:9".to_owned())],
            asked: Vec::new(),
            notes: Vec::new(),
        }
    }

    #[test]
    fn it_is_said_how_many_runs_there_may_be() {
        let most = |repeats| {
            let plan = Plan { repeats, ..plan() };
            extent(&plan, &plan.runs)
        };
        assert_eq!(most(Repeats::Fixed(1)), "2 runs");
        let auto = "2 cells, each run until its figures are known, 10 runs at most";
        assert_eq!(most(Repeats::AUTO), auto);
    }

    #[test]
    fn the_plan_is_shown_resolved() {
        let plan = plan();
        for (name, format) in
            [("table", Format::Table), ("json", Format::Json), ("csv", Format::Csv)]
        {
            let mut text = Vec::new();
            let extent = extent(&plan, &plan.runs);
            let shown = Shown { runs: &plan.runs, extent: &extent };
            render(&mut text, &plan, shown, format, 80).unwrap();
            let text = String::from_utf8(text).unwrap();
            insta::assert_snapshot!(format!("dry_run_{name}"), text);
        }
    }
}
