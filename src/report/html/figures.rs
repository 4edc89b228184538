//! Which figures of which runs a trade-off is drawn of, and what they are called.

use super::super::headline::{Place, accuracy_is_final};
use super::Limit;
use super::palette::SHAPES;
use crate::event::metric::{Scope, find};
use crate::event::{Feasibility, Goal, MetricDef, MetricRow, Objective, RunRecord, RunStatus};

/// Most drawings.
const MOST: usize = 6;

/// The runs that the drawings may show, and what is asked of them.
#[derive(Debug, Clone, Copy)]
pub(super) struct Field<'a> {
    /// All runs, in the order of the table.
    pub(super) records: &'a [RunRecord],
    /// The limits.
    pub(super) limits: &'a [Limit],
    /// The runs of the front.
    pub(super) front: &'a [String],
}

/// The metrics that are drawn against each other, across and up: those of the objectives, each with each; without any,
/// what serving and training cost against what they give. A limited percentile is shown rather than the median.
pub(super) fn pairs(objectives: &[Objective], limits: &[Limit]) -> Vec<[&'static MetricDef; 2]> {
    let asked: Vec<_> = objectives
        .iter()
        .filter_map(|objective| Some((find(&objective.metric)?, objective.goal)))
        .collect();
    let mut pairs = Vec::new();
    for (place, (first, goal)) in asked.iter().enumerate() {
        for (second, also) in &asked[place + 1..] {
            // Costs lie across, and what they buy goes up.
            let swapped = *goal == Goal::Maximize && *also == Goal::Minimize;
            pairs.push(if swapped {
                [*second, *first]
            } else {
                [*first, *second]
            });
        }
    }
    if pairs.is_empty() {
        let latency = |limit: &&Limit| limit.metric.starts_with("serve.latency_");
        let limited = limits.iter().find(latency).map(|limit| &*limit.metric);
        let default = [
            (limited.unwrap_or("serve.latency_p50"), "test_accuracy"),
            ("memory.peak", "train.throughput"),
        ];
        let known = default
            .iter()
            .filter_map(|(x, y)| Some([find(x)?, find(y)?]));
        pairs.extend(known);
    }
    pairs.truncate(MOST);
    pairs
}

/// The figure of a run that a drawing shows. Of several request sizes it is the one that the limit is decided by, or
/// that the table shows.
fn figure<'a>(
    record: &'a RunRecord,
    metric: &MetricDef,
    limits: &[Limit],
) -> Option<&'a MetricRow> {
    let rows = || {
        let of_metric = record
            .metrics
            .iter()
            .filter(|row| row.metric == metric.name);
        of_metric.filter(|row| row.estimate.is_some_and(f64::is_finite))
    };
    let estimate = |row: &&MetricRow| row.estimate.unwrap_or_default();
    let by_value = |a: &&MetricRow, b: &&MetricRow| estimate(a).total_cmp(&estimate(b));
    match limits.iter().find(|limit| limit.metric == metric.name) {
        Some(limit) if limit.upper => rows().max_by(by_value),
        Some(_) => rows().min_by(by_value),
        None => {
            let row = place(metric).row(record, metric.name);
            row.filter(|row| row.estimate.is_some_and(f64::is_finite))
        }
    }
}

/// The part of a run that speaks for it, as in the table.
fn place(metric: &MetricDef) -> Place {
    match metric.scope {
        Scope::Run => Place::Run,
        Scope::Train | Scope::Stages => Place::Train,
        Scope::Serve if metric.group == "throughput" => Place::LastServe,
        Scope::Serve => Place::FirstServe,
    }
}

/// A run on a drawing.
pub(super) struct Point<'a> {
    pub(super) record: &'a RunRecord,
    /// Its row of the table, from 1.
    pub(super) number: usize,
    rows: [&'a MetricRow; 2],
}

impl Point<'_> {
    pub(super) fn value(&self, of: usize) -> f64 {
        self.rows[of].estimate.unwrap_or_default()
    }

    pub(super) fn ends(&self, of: usize) -> Option<(f64, f64)> {
        let (low, high) = (self.rows[of].low?, self.rows[of].high?);
        (low.is_finite() && high.is_finite()).then_some((low, high))
    }

    /// Whether one of its figures is that of a model that was not trained to the end.
    pub(super) fn is_final(&self) -> bool {
        let of_model = |row: &&MetricRow| {
            find(&row.metric).is_some_and(|metric| matches!(metric.group, "accuracy" | "loss"))
        };
        !self.rows.iter().any(of_model) || accuracy_is_final(self.record) == Some(true)
    }
}

/// The models in the order of the table.
pub(super) fn models(records: &[RunRecord]) -> Vec<&str> {
    let mut models = Vec::new();
    for record in records {
        if !models.contains(&&*record.job.model.name) {
            models.push(&*record.job.model.name);
        }
    }
    models
}

/// The runs that have both figures; the notes name the others.
pub(super) fn points<'a>(
    field: Field<'a>,
    metrics: [&MetricDef; 2],
    notes: &mut Vec<String>,
) -> Vec<Point<'a>> {
    let (mut points, mut lacking): (Vec<Point<'a>>, [Vec<&str>; 2]) = Default::default();
    let mut lost = Vec::new();
    for (place, record) in field.records.iter().enumerate() {
        if matches!(record.status, RunStatus::Failed | RunStatus::Cancelled) {
            lost.push(&*record.run);
            continue;
        }
        match metrics.map(|metric| figure(record, metric, field.limits)) {
            [Some(x), Some(y)] => points.push(Point {
                record,
                number: place + 1,
                rows: [x, y],
            }),
            [None, _] => lacking[0].push(&record.run),
            _ => lacking[1].push(&record.run),
        }
    }
    if !lost.is_empty() {
        notes.push(format!(
            "not shown, since it failed or was cancelled: {}",
            listed(&lost)
        ));
    }
    for (metric, runs) in metrics.iter().zip(lacking) {
        if !runs.is_empty() {
            notes.push(format!(
                "not shown, for want of {}: {}",
                metric.name,
                listed(&runs)
            ));
        }
    }
    points
}

/// A few names, and how many more.
fn listed(runs: &[&str]) -> String {
    const SHOWN: usize = 6;
    let names = runs
        .iter()
        .take(SHOWN)
        .copied()
        .collect::<Vec<_>>()
        .join(", ");
    match runs.len().saturating_sub(SHOWN) {
        0 => names,
        more => format!("{names} and {more} more"),
    }
}

pub(super) fn title(field: Field<'_>, metric: &MetricDef) -> String {
    let mut sizes: Vec<_> = field
        .records
        .iter()
        .filter_map(|record| record.job.serve.as_ref())
        .collect();
    sizes.dedup_by(|a, b| a.batch_sizes == b.batch_sizes);
    let several = sizes.iter().any(|serve| serve.batch_sizes.len() > 1);
    let limited = field.limits.iter().any(|limit| limit.metric == metric.name);
    match (place(metric), limited) {
        (_, true) if several && metric.scope == Scope::Serve => {
            format!("{} of the worst request size", metric.name)
        }
        (_, true) if several && metric.scope == Scope::Stages => {
            format!("{} of the worst stage", metric.name)
        }
        (place @ (Place::FirstServe | Place::LastServe), _) => {
            let size = |record: &RunRecord| {
                let sizes = &record.job.serve.as_ref()?.batch_sizes;
                if place == Place::FirstServe {
                    sizes.first()
                } else {
                    sizes.last()
                }
                .copied()
            };
            let mut found: Vec<_> = field.records.iter().filter_map(size).collect();
            found.sort_unstable();
            found.dedup();
            match found[..] {
                [1] => format!("{} of single requests", metric.name),
                [size] => format!("{} of requests of {size}", metric.name),
                _ => metric.name.to_owned(),
            }
        }
        _ => metric.name.to_owned(),
    }
}

/// What tells a run from others beside its model, which its mark tells.
pub(super) fn short(record: &RunRecord, models: usize) -> String {
    let model = format!("{}-", record.job.model.name);
    let rest = record
        .run
        .strip_prefix(&model)
        .filter(|rest| !rest.is_empty());
    let shown = rest
        .filter(|_| models <= SHAPES.len())
        .unwrap_or(&record.run);
    format!("{shown}{}", doubt(record))
}

/// A question mark where the verdict is not certain.
pub(super) fn doubt(record: &RunRecord) -> &'static str {
    let verdict = record.verdict.as_ref().map(|verdict| verdict.verdict);
    if verdict == Some(Feasibility::Undecided) {
        " ?"
    } else {
        ""
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::fixtures::completed;

    fn names(pairs: &[[&'static MetricDef; 2]]) -> Vec<[&'static str; 2]> {
        pairs
            .iter()
            .map(|pair| pair.map(|metric| metric.name))
            .collect()
    }

    fn upper(metric: &str, value: f64) -> Limit {
        Limit {
            metric: metric.to_owned(),
            sign: "<=".to_owned(),
            upper: true,
            value,
            of_some: false,
        }
    }

    fn objective(metric: &str, maximize: bool) -> Objective {
        Objective {
            metric: metric.to_owned(),
            goal: if maximize {
                Goal::Maximize
            } else {
                Goal::Minimize
            },
        }
    }

    #[test]
    fn what_is_drawn_is_what_is_asked() {
        let peak = "memory.peak";
        assert_eq!(
            names(&pairs(&[], &[])),
            [
                ["serve.latency_p50", "test_accuracy"],
                [peak, "train.throughput"]
            ]
        );
        let limits = [upper(peak, 1.0), upper("serve.latency_p99", 1.0)];
        assert_eq!(
            names(&pairs(&[], &limits))[0],
            ["serve.latency_p99", "test_accuracy"]
        );
        let three = [
            objective("test_accuracy", true),
            objective(peak, false),
            objective("serve.throughput", true),
        ];
        assert_eq!(
            names(&pairs(&three, &limits)),
            [
                [peak, "test_accuracy"],
                ["test_accuracy", "serve.throughput"],
                [peak, "serve.throughput"]
            ]
        );
        // One alone is no trade-off, and an unknown one none at all.
        let odd = [objective("test_accuracy", true), objective("beauty", true)];
        assert_eq!(names(&pairs(&odd, &[])), names(&pairs(&[], &[])));
        let many: Vec<_> = crate::event::CATALOGUE
            .iter()
            .take(9)
            .map(|metric| objective(metric.name, true))
            .collect();
        assert_eq!(pairs(&many, &[]).len(), MOST);
    }

    #[test]
    fn a_limit_speaks_of_the_request_size_that_decides_it() {
        let record = completed();
        let latency = find("serve.latency_p50").unwrap();
        let of = |limits: &[Limit]| figure(&record, latency, limits).unwrap().phase.clone();
        assert_eq!(of(&[]), "serve[1]");
        assert_eq!(of(&[upper("serve.latency_p50", 1e-3)]), "serve[32]");
        assert_eq!(of(&[upper("memory.peak", 1e-3)]), "serve[1]");
        let rate = find("serve.throughput").unwrap();
        let least = Limit {
            upper: false,
            ..upper("serve.throughput", 1.0)
        };
        assert_eq!(figure(&record, rate, &[least]).unwrap().phase, "serve[1]");
        assert_eq!(figure(&record, rate, &[]).unwrap().phase, "serve[32]");
    }
}
