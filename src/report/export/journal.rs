//! Optuna's journal storage: a line of JSON for each operation. A study for each data set, since only cells of one are compared,
//! with the objectives as directions; a trial for each cell, with the figures that it was compared by.
//!
//! Optuna calls a trial feasible when none of its constraints is above 0. A cell that keeps its limits for certain has the
//! constraint 0, any other one 1: what is undecided is not on its front either.

use std::collections::HashMap;
use std::io::Write;

use serde_json::{Map, Value, json};

use super::{Handed, Times};
use crate::event::{AxisDef, AxisValue, Feasibility, Objective, RunRecord};
use crate::metric::Better;
use crate::report::ReportError;
use crate::report::distinct;
use crate::report::ending::is_ok;
use crate::report::front::{FrontCell, FrontReport, Mark};
use crate::report::summary::SummaryRow;

/// The operations of a journal that are written here.
const CREATE_STUDY: u32 = 0;
const SET_STUDY_USER_ATTR: u32 = 2;
const SET_STUDY_SYSTEM_ATTR: u32 = 3;
const CREATE_TRIAL: u32 = 4;

/// The states of trials.
const COMPLETE: u32 = 1;
const PRUNED: u32 = 2;
const FAIL: u32 = 3;

/// Writes it; how many trials have values.
pub fn write(out: &mut dyn Write, of: &Handed<'_>) -> Result<usize, ReportError> {
    let Some(front) = of.front else { return Ok(0) };
    let mut journal = Journal { out, of, front, runs: HashMap::new(), rows: HashMap::new() };
    for record in of.records {
        journal.runs.entry(&record.cell).or_default().push(record);
    }
    for row in of.rows() {
        journal.rows.entry(&row.cell).or_default().push(row);
    }
    let groups = distinct(front.cells.iter().map(|cell| (&cell.dataset, cell.machine)));
    let several = groups.len() > 1;
    let mut complete = 0;
    for (study, (dataset, machine)) in groups.into_iter().enumerate() {
        let is_of = |cell: &&FrontCell| cell.dataset == *dataset && cell.machine == machine;
        let cells: Vec<&FrontCell> = front.cells.iter().filter(is_of).collect();
        let machine = machine.map(|machine| format!("/machine {machine}")).unwrap_or_default();
        let name =
            if several { format!("{}/{dataset}{machine}", of.name) } else { of.name.to_owned() };
        complete += journal.study(study, &name, &cells)?;
    }
    Ok(complete)
}

struct Journal<'a, 'b> {
    out: &'b mut dyn Write,
    of: &'b Handed<'a>,
    front: &'a FrontReport,
    /// The runs of each cell, and its figures.
    runs: HashMap<&'a str, Vec<&'a RunRecord>>,
    rows: HashMap<&'a str, Vec<&'a SummaryRow>>,
}

impl<'a> Journal<'a, '_> {
    fn line(&mut self, operation: u32, mut line: Value) -> Result<(), ReportError> {
        line["op_code"] = operation.into();
        line["worker_id"] = "perftune".into();
        serde_json::to_writer(&mut *self.out, &line)?;
        Ok(self.out.write_all(b"\n")?)
    }

    fn study(
        &mut self,
        study: usize,
        name: &str,
        cells: &[&'a FrontCell],
    ) -> Result<usize, ReportError> {
        let objectives = &self.front.objectives;
        let direction = |objective: &Objective| match objective.better {
            Better::Lower => 1,
            Better::Higher => 2,
        };
        let directions: Vec<u32> = objectives.iter().map(direction).collect();
        let names: Vec<&str> = objectives.iter().map(|asked| asked.metric.as_str()).collect();
        self.line(CREATE_STUDY, json!({ "study_name": name, "directions": directions }))?;
        let attr = json!({ "study_id": study, "system_attr": { "study:metric_names": names } });
        self.line(SET_STUDY_SYSTEM_ATTR, attr)?;
        let attr = json!({ "study_id": study, "user_attr": { "grid": self.of.name } });
        self.line(SET_STUDY_USER_ATTR, attr)?;
        let records: Vec<&RunRecord> = cells
            .iter()
            .flat_map(|cell| self.runs.get(&*cell.cell).into_iter().flatten().copied())
            .collect();
        let axes = self.of.axes();
        let varying: Vec<_> =
            self.of.varying(&axes).into_iter().map(|def| Param::of(def, &records)).collect();
        let is_limited = records.iter().any(|record| record.verdict.is_some());
        let mut complete = 0;
        for cell in cells {
            let (trial, has_values) = self.trial(study, cell, &varying, is_limited);
            self.line(CREATE_TRIAL, trial)?;
            complete += usize::from(has_values);
        }
        Ok(complete)
    }

    fn trial(
        &self,
        study: usize,
        cell: &FrontCell,
        params: &[Param<'_>],
        is_limited: bool,
    ) -> (Value, bool) {
        let runs = self.runs.get(&*cell.cell).map_or(&[][..], Vec::as_slice);
        let rows = self.rows.get(&*cell.cell).map_or(&[][..], Vec::as_slice);
        let values = runs.first().and_then(|first| self.values(cell, first, rows));
        let state = match &values {
            Some(_) => COMPLETE,
            None if cell.mark == Mark::Infeasible && runs.iter().any(|run| is_ok(run)) => PRUNED,
            None => FAIL,
        };
        let (mut chosen, mut distributions) = (Map::new(), Map::new());
        for param in params {
            let value = runs.first().map(|first| param.def.of(&first.job));
            if let Some(inner) = value.and_then(|value| param.inner(&value)) {
                chosen.insert(param.def.key.to_string(), inner);
                distributions
                    .insert(param.def.key.to_string(), param.distribution.to_string().into());
            }
        }
        let times = runs.iter().filter_map(|run| self.of.times.get(&run.run));
        let span = times.copied().reduce(|a, b| Times {
            began_s: a.began_s.min(b.began_s),
            ended_s: a.ended_s.max(b.ended_s),
        });
        let mut line = json!({
            "study_id": study,
            "datetime_start": span.map(|span| stamp(span.began_s)),
            "state": state,
            "value": Value::Null,
            "values": Value::Null,
            "distributions": distributions,
            "params": chosen,
            "user_attrs": attributes(cell, runs, rows),
            "system_attrs": {},
            "intermediate_values": {},
        });
        if let Some(span) = span {
            line["datetime_complete"] = stamp(span.ended_s).into();
        }
        let has_values = values.is_some();
        match values.as_deref() {
            Some([value]) => line["value"] = json!(value),
            Some(values) => line["values"] = json!(values),
            None => {}
        }
        if is_limited {
            let kept = cell.mark != Mark::Infeasible && cell.mark != Mark::Undecided;
            line["system_attrs"] = json!({ "constraints": [if kept { 0.0 } else { 1.0 }] });
        }
        (line, has_values)
    }

    /// The figure of each objective, of a cell that was not compared those that it has all the same; nothing where one lacks.
    fn values(
        &self,
        cell: &FrontCell,
        first: &RunRecord,
        rows: &[&SummaryRow],
    ) -> Option<Vec<f64>> {
        if !cell.figures.is_empty() {
            return Some(cell.figures.iter().map(|figure| figure.estimate).collect());
        }
        if cell.mark == Mark::Incomplete {
            return None;
        }
        let value = |objective: &Objective| {
            SummaryRow::of(rows.iter().copied(), first, objective.metric.def()?)?.finite()
        };
        self.front.objectives.iter().map(value).collect()
    }
}

/// What else is known of a cell.
fn attributes(cell: &FrontCell, runs: &[&RunRecord], rows: &[&SummaryRow]) -> Map<String, Value> {
    let mut all = Map::new();
    let mut put = |key: &str, value: Value| {
        all.insert(key.to_owned(), value);
    };
    put("cell", cell.cell.clone().into());
    put("standing", json!(cell.mark));
    put("runs", runs.len().into());
    if !cell.note.is_empty() {
        put("note", cell.note.clone().into());
    }
    let verdicts = distinct(runs.iter().filter_map(|run| run.verdict.as_ref()?.verdict.into()));
    if !verdicts.is_empty() {
        let words = verdicts.iter().map(|verdict: &Feasibility| verdict.to_string());
        put("verdict", words.collect::<Vec<_>>().join(", ").into());
    }
    for row in rows {
        let name = format!("{}/{}", row.phase, row.metric);
        for (part, value) in [("", row.mean), (" low", row.low), (" high", row.high)] {
            if let Some(value) = value.filter(|value| value.is_finite()) {
                put(&format!("{name}{part}"), value.into());
            }
        }
    }
    all
}

/// A setting as Optuna has it: where all values are numbers an interval, else a choice.
struct Param<'a> {
    def: &'a AxisDef,
    distribution: Value,
    /// Of a choice: the place of each value, as it is shown.
    choices: Option<HashMap<String, usize>>,
}

impl<'a> Param<'a> {
    fn of(def: &'a AxisDef, records: &[&RunRecord]) -> Self {
        let values = || records.iter().map(|record| def.of(&record.job));
        let values = || values().filter(|value| *value != AxisValue::Unset);
        let numbers: Option<Vec<f64>> = values().map(|value| value.number()).collect();
        let Some(numbers) = numbers.filter(|numbers| !numbers.is_empty()) else {
            let (mut places, mut shown) = (HashMap::new(), Vec::new());
            for value in values() {
                let text = value.to_string();
                if places.contains_key(&text) {
                    continue;
                }
                places.insert(text.clone(), shown.len());
                shown.push(match value {
                    AxisValue::Flag(flag) => Value::from(flag),
                    // A number beside texts would be one of them to Python.
                    _ => text.into(),
                });
            }
            let attributes = json!({ "choices": shown });
            let distribution =
                json!({ "name": "CategoricalDistribution", "attributes": attributes });
            return Self { def, distribution, choices: Some(places) };
        };
        let whole = |value: AxisValue| match value {
            AxisValue::Whole(whole) => Some(whole),
            _ => None,
        };
        let wholes: Option<Vec<i64>> = values().map(whole).collect();
        let least = numbers.iter().copied().fold(f64::INFINITY, f64::min);
        let most = numbers.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let distribution = match wholes {
            Some(wholes) => json!({ "name": "IntDistribution", "attributes": {
                "log": false, "step": 1, "low": wholes.iter().min(), "high": wholes.iter().max(),
            } }),
            None => json!({ "name": "FloatDistribution", "attributes": {
                "step": null, "low": least, "high": most, "log": false,
            } }),
        };
        Self { def, distribution, choices: None }
    }

    /// As it is kept: a number, or the place among the choices; nothing where the axis does not apply.
    fn inner(&self, value: &AxisValue) -> Option<Value> {
        match &self.choices {
            Some(choices) => choices.get(&value.to_string()).copied().map(Value::from),
            None => value.number().map(Value::from),
        }
    }
}

/// RFC 3339 with an offset in digits, which every Python reads.
fn stamp(at_s: f64) -> String {
    let after = jiff::SignedDuration::try_from_secs_f64(at_s).unwrap_or_default();
    let at = jiff::Timestamp::from_duration(after).unwrap_or_default();
    let at = at.round(jiff::Unit::Microsecond).unwrap_or(at);
    at.to_string().replace('Z', "+00:00")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::export::fixtures::{handed, text};

    #[test]
    fn a_study_for_each_data_set_and_a_trial_for_each_cell() {
        insta::assert_snapshot!("journal", text(|out| write(out, &handed())));
    }

    #[test]
    fn without_objectives_there_is_no_study() {
        let plain = Handed { front: None, ..handed() };
        assert_eq!(text(|out| write(out, &plain)), "");
    }
}
