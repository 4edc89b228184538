//! `report.html`: what a results folder says of its grid, collected for the page that shows it. Everything comes from the
//! folder, so that `perftune report` makes the same bytes again. How the page looks is left to `report`.

mod course;
mod series;

pub use self::series::read as series_of;

use std::collections::{BTreeMap, HashSet};

use super::{Fault, error_text};
use crate::control::Constraint;
use crate::event::RunRecord;
use crate::report::effects::EffectsReport;
use crate::report::found::Found;
use crate::report::front::FrontReport;
use crate::report::html::{Head, Limit, MOST_SERIES, Page, SeriesOfRuns, document};
use crate::report::machine;
use crate::report::summary::SummaryRow;
use crate::store::{ManifestHead, Results};

/// What the runs say together.
#[derive(Debug, Clone, Copy)]
pub struct Parts<'a> {
    /// Their figures between runs.
    pub summary: &'a [SummaryRow],
    /// The front, where there are objectives.
    pub front: Option<&'a FrontReport>,
    /// What each setting buys, where cells can be compared.
    pub effects: Option<&'a EffectsReport>,
    /// What a search recommends, where there was one.
    pub found: Option<&'a Found>,
}

/// The page over the runs of a folder.
pub fn page(
    results: &Results,
    manifest: Option<&ManifestHead>,
    records: &[RunRecord],
    Parts { summary, front, effects, found }: Parts<'_>,
) -> Result<Vec<u8>, Fault> {
    let head = manifest.map_or_else(Head::default, |head| self::head(head, records));
    let course = front.filter(|_| found.is_some());
    let course = course.map(|front| course::course(results, records, front)).transpose()?.flatten();
    let page = Page {
        head: &head,
        records,
        summary,
        limits: &manifest.map(limits).unwrap_or_default(),
        front,
        effects,
        found,
        course: course.as_ref(),
        series: &series(results, records),
    };
    Ok(document(&page)?)
}

fn head(manifest: &ManifestHead, records: &[RunRecord]) -> Head {
    let recorded: HashSet<&String> = records.iter().map(|record| &record.run).collect();
    let missing = manifest.runs.iter().filter(|run| !recorded.contains(run));
    Head {
        name: manifest.name.clone(),
        created: manifest.created.clone(),
        version: manifest.perftune.clone(),
        machine: match &machine::several(&manifest.machines)[..] {
            [] => machine::line(&manifest.machine),
            several => several.join("; "),
        },
        missing: missing.cloned().collect(),
    }
}

/// The limits of the grid's runs, each once.
fn limits(manifest: &ManifestHead) -> Vec<Limit> {
    let mut found: Vec<(Constraint, usize)> = Vec::new();
    for spec in manifest.specs.values() {
        let of_run = serde_json::from_value(spec.tree()["stop"]["constraints"].take());
        let of_run: Vec<Constraint> = of_run.unwrap_or_default();
        for constraint in of_run {
            match found.iter_mut().find(|(other, _)| *other == constraint) {
                Some((_, runs)) => *runs += 1,
                None => found.push((constraint, 1)),
            }
        }
    }
    let limit = |(constraint, runs): (Constraint, usize)| Limit {
        sign: constraint.op.to_string(),
        upper: constraint.op.is_upper(),
        value: constraint.limit,
        metric: constraint.metric,
        of_some: runs < manifest.specs.len(),
    };
    found.into_iter().map(limit).collect()
}

/// The time series of the runs, unless there are too many.
fn series(results: &Results, records: &[RunRecord]) -> SeriesOfRuns {
    if records.len() > MOST_SERIES {
        return SeriesOfRuns::LeftOut(format!(
            "The time series of {} runs would make this page too large: they are shown for up to {MOST_SERIES}. \
             The folder of each run has them in samples.csv and epochs.csv.",
            records.len()
        ));
    }
    let of_run = |record: &RunRecord| {
        let read = series::read(&results.run_folder(&record.run), record);
        (record.run.clone(), read.map_err(|error| error_text(&error)))
    };
    SeriesOfRuns::Shown(records.iter().map(of_run).collect::<BTreeMap<_, _>>())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn manifest(value: &serde_json::Value) -> ManifestHead {
        serde_json::from_str(&value.to_string()).unwrap()
    }

    #[test]
    fn limits_are_told_once_and_whose_they_are() {
        let limit = |metric: &str, op: &str, limit: f64| json!({ "metric": metric, "op": op, "limit": limit });
        let latency = limit("serve.latency_p99", "<=", 0.01);
        let accuracy = limit("test_accuracy", ">=", 0.88);
        let head = manifest(&json!({
            "format": { "major": 1, "minor": 0 },
            "name": "t",
            "runs": ["a", "b", "c"],
            "specs": {
                "a": { "stop": { "constraints": [latency, accuracy] } },
                "b": { "stop": { "constraints": [latency] } },
                "c": { "stop": { "constraints": [latency] } },
            },
        }));
        let found = limits(&head);
        let shown: Vec<_> = found
            .iter()
            .map(|limit| (&*limit.metric, &*limit.sign, limit.upper, limit.of_some))
            .collect();
        assert_eq!(
            shown,
            [("serve.latency_p99", "<=", true, false), ("test_accuracy", ">=", false, true)]
        );
        assert!((found[0].value - 0.01).abs() < 1e-15);
        // A manifest from before there were constraints, or a torn one, has none.
        let old = manifest(&json!({
            "format": { "major": 1, "minor": 0 }, "name": "t", "runs": ["a"], "specs": { "a": {} },
        }));
        assert_eq!(limits(&old), []);
    }
}
