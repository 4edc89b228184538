//! The settings of runs that `--dry-run` shows.

use std::borrow::Cow;

use serde_json::Value as Json;

use super::key::{Get, Shown};
use super::keys::KEYS;
use super::plan::{Plan, PlannedRun};
use super::reference::default_plan;
use crate::event::{AxisDef, AxisList, CommandSpec, DeclaredMetric, ReadFrom, RecordedSpec};
use crate::metric::{Better, MetricId};

/// The keys that `--dry-run` shows of some runs: the same ones in the same order of each.
pub struct ShownSettings<'a> {
    plan: &'a Plan,
    axes: Vec<AxisDef>,
    keys: Vec<(&'static str, Get)>,
    /// The names of the metrics that the grid declares.
    metrics: Vec<String>,
    has_commands: bool,
    has_tables: bool,
}

impl<'a> ShownSettings<'a> {
    /// What is worth showing of these runs of the plan.
    pub fn new(plan: &'a Plan, runs: &[PlannedRun]) -> Self {
        let default = default_plan();
        let is_usual = |get: Get| {
            let usual = get(&default, &default.runs[0]);
            plan.runs.iter().all(|run| get(plan, run) == usual)
        };
        let table = |path: &'static str| path.split('.').next().unwrap_or(path);
        let mut unusual = Vec::new();
        for key in KEYS {
            if let Shown::Unusual(_, get) = key.shown
                && !is_usual(get)
            {
                unusual.push(table(key.path));
            }
        }
        let keys = KEYS.iter().filter_map(|key| match key.shown {
            Shown::Always(name, get) => Some((name, get)),
            Shown::Unusual(name, get) => unusual.contains(&table(key.path)).then_some((name, get)),
            Shown::Never(_) | Shown::Nothing => None,
        });
        let has_commands = runs.iter().any(|run| run.job.work.is_command());
        let has_tables = runs.iter().any(|run| run.answer.is_some());
        // A command knows of its settings what is in its words, which are shown, and a table has its columns; that a run has the
        // defaults of others would not be so.
        let is_told = |run: &PlannedRun| run.job.work.is_command() || run.answer.is_some();
        let only_told = !runs.is_empty() && runs.iter().all(is_told);
        let named = ["model", "dataset"].map(Cow::Borrowed);
        let is_used = |def: &&AxisDef| {
            def.is_own()
                || named.contains(&def.key)
                || plan.varying.iter().any(|key| *key == *def.key)
        };
        let list = AxisList::of(plan.runs.iter().map(|run| &*run.job));
        let axes = list.defs().filter(|def| !only_told || is_used(def)).cloned().collect();
        let declared = runs.first().map_or(&[][..], |run| &run.job.metrics);
        let metrics = declared.iter().map(|metric| format!("metrics.{}", metric.metric));
        let (keys, metrics) = (keys.collect(), metrics.collect());
        Self { plan, axes, keys, metrics, has_commands, has_tables }
    }

    /// Their values in a run, in base units.
    pub fn of(&self, run: &PlannedRun) -> Vec<(&str, Json)> {
        let axes = self.axes.iter().map(|def| (&*def.key, def.of(&run.job).into()));
        let keys = self.keys.iter().map(|(name, get)| (*name, get(self.plan, run)));
        let command = || ("models.command", run.job.work.command().map(CommandSpec::shown).into());
        let table = || ("models.recorded", run.job.work.recorded().map(RecordedSpec::shown).into());
        let metrics = self.metrics.iter().zip(&run.job.metrics);
        let metrics = metrics.map(|(name, metric)| (&**name, declared(metric).into()));
        let work = self.has_commands.then(command).into_iter();
        axes.chain(keys).chain(metrics).chain(work).chain(self.has_tables.then(table)).collect()
    }
}

/// `(scalar, in ms, lower is better, from stdout lag=([0-9.]+))`: what is declared of a metric.
fn declared(metric: &DeclaredMetric) -> String {
    let mut said = Vec::new();
    if let Some(MetricId::Own(own)) = metric.id() {
        let own = own.said();
        said.push(if own.kind.is_scalar() { "scalar" } else { "series" }.to_owned());
        said.extend((!own.unit.is_empty()).then(|| format!("in {}", own.unit)));
        said.extend(own.better.map(|better| {
            let word = if better == Better::Lower { "lower" } else { "higher" };
            format!("{word} is better")
        }));
    }
    said.extend(metric.from.as_ref().map(|from| match from {
        ReadFrom::Output { output, pattern } => format!("from {output} {pattern}"),
        ReadFrom::File { file, path } => format!("from {file} {path}"),
    }));
    format!("({})", said.join(", "))
}
