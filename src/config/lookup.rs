//! The cells of recorded tables: each becomes a configuration of its table.
//!
//! Invariant: a cell that its table does not know is in no plan, and that is said.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::plan::PlannedRun;
use super::recorded::{self, RecordedModel};
use super::values::Values;
use crate::control::policy::StopPolicy;
use crate::document::problems::{Problems, shown};
use crate::event::Axis;
use crate::recorded::{Answer, AxisColumn};

/// What has been looked up.
pub(super) struct Lookup<'a> {
    models: &'a [RecordedModel],
    /// The cell of each configuration, by the name of its model.
    cells: HashMap<(&'a str, u32), String>,
    /// Cells of configurations that are in no row.
    missing: Vec<String>,
    /// Models of which two cells are one configuration.
    alike: HashSet<&'a str>,
    /// Values that are in no row and have been reported.
    told: HashSet<(Axis, String)>,
    /// The cell with the fewest visits, and how many there are.
    fewest: Option<(u32, String)>,
    /// The policies of each model, and what it makes of them.
    stops: Vec<(&'a str, Arc<StopPolicy>, Arc<StopPolicy>)>,
}

impl<'a> Lookup<'a> {
    pub(super) fn new(models: &'a [RecordedModel]) -> Self {
        let (cells, missing) = (HashMap::new(), Vec::new());
        let (alike, told) = <(HashSet<_>, HashSet<_>)>::default();
        Self { models, cells, missing, alike, told, fewest: None, stops: Vec::new() }
    }

    /// The run of a cell as one that is looked up.
    pub(super) fn find(
        &mut self,
        model: &'a RecordedModel,
        values: &Values<'_>,
        mut run: PlannedRun,
        problems: &mut Problems,
    ) -> Option<PlannedRun> {
        let answer = match answer(model, values) {
            Ok(answer) => answer,
            Err(axis) => {
                let choice = axis.and_then(|axis| Some((axis, values.choice(axis)?)));
                if let Some((axis, choice)) = choice.filter(|(_, choice)| choice.place.is_some())
                    && self.told.insert((axis, choice.label.clone()))
                {
                    report_missing(model, axis, values, problems);
                }
                self.missing.push(run.cell);
                return None;
            }
        };
        let known = self.cells.entry((&model.name, answer.row)).or_insert_with(|| run.cell.clone());
        if *known != run.cell && self.alike.insert(&model.name) {
            let message = format!(
                "the cells {known} and {} are the same configuration of {}",
                run.cell, answer.table.name
            );
            let hint = "give one value to each axis that is no column of the table";
            problems.error_with(model.place, message, hint);
        }
        let visits = answer.visits();
        if self.fewest.as_ref().is_none_or(|(fewest, _)| visits < *fewest) {
            self.fewest = Some((visits, run.cell.clone()));
        }
        run.stop = self.stop(model, &run, problems);
        let job = Arc::make_mut(&mut run.job);
        (job.train.epochs, job.serve, job.work) = (0, None, model.work());
        run.answer = Some(answer);
        Some(run.visit(1))
    }

    /// When rounds over a cell of this model end; what its table can never decide is said once.
    fn stop(
        &mut self,
        model: &'a RecordedModel,
        run: &PlannedRun,
        problems: &mut Problems,
    ) -> Arc<StopPolicy> {
        let mut known = self.stops.iter();
        if let Some((.., own)) =
            known.find(|(name, of, _)| *name == model.name && Arc::ptr_eq(of, &run.stop))
        {
            return Arc::clone(own);
        }
        let limits = run.stop.constraints.iter().map(|limit| ("is limited", &limit.metric));
        let chosen = run.stop.metrics.iter().filter(|_| run.chosen);
        for (how, metric) in limits.chain(chosen.map(|metric| ("is waited for", metric))) {
            model.check_figure(how, metric, model.place, problems);
        }
        let own = if run.chosen { Arc::clone(&run.stop) } else { Arc::new(model.stop(&run.stop)) };
        self.stops.push((&model.name, Arc::clone(&run.stop), Arc::clone(&own)));
        own
    }

    /// Says which of so many cells are left out, and reports more repeats than a table has visits.
    pub(super) fn report(&self, repeats: u32, cells: usize, problems: &mut Problems) {
        if let (Some((fewest, cell)), Some(model)) = (&self.fewest, self.models.first())
            && repeats > *fewest
        {
            let again = fewest + 1;
            let message = format!(
                "the table has {fewest} runs of {cell}, so run {again} would repeat the first one"
            );
            let hint = format!("repeat at most {fewest} times, or write repeat = \"auto\"");
            problems.error_with(model.place, message, hint);
        }
        let (Some(first), Some(model)) = (self.missing.first(), self.models.first()) else {
            return;
        };
        let count = self.missing.len();
        if count == cells && !problems.any() {
            let message = format!("none of the {cells} cells is in the table, {first} for example");
            problems.error_with(model.place, message, "a row has a value for each of its columns");
        } else {
            let what = "not in the table, and so left out";
            problems
                .warn(model.place, format!("{what}: {count} of {cells} cells, such as {first}"));
        }
    }
}

/// What is looked up for a cell; else the axis whose value is in no row, or none where each of them is in some row.
fn answer(model: &RecordedModel, values: &Values<'_>) -> Result<Answer, Option<Axis>> {
    let code = |column: &AxisColumn| {
        if column.key == recorded::MODEL {
            let of = model.of.as_ref().map(ToString::to_string);
            return column.code(&of.unwrap_or_default()).ok_or(None);
        }
        let axis = values.axes.list.find(&column.key).ok_or(None)?;
        column.code(values.label(axis)).ok_or(Some(axis))
    };
    let codes = model.table.axes.iter().map(code).collect::<Result<Vec<u32>, _>>()?;
    let row = model.table.find(&codes).ok_or(None)?;
    Ok(Answer { table: Arc::clone(&model.table), row, cost: model.cost })
}

/// Reports a value that the file names and no row has.
fn report_missing(model: &RecordedModel, axis: Axis, values: &Values<'_>, problems: &mut Problems) {
    let key = values.axes.list.key(axis);
    let Some(column) = model.table.axes.iter().find(|column| column.key == key) else { return };
    let message =
        format!("no row of {} has `{key}` = {}", model.table.name, shown(values.label(axis)));
    let place = values.choice(axis).and_then(|choice| choice.place);
    let hint = recorded::nearest(values.label(axis), column);
    problems.error_with(place.unwrap_or(model.place), message, hint);
}
