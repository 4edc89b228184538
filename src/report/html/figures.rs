//! Which figures of which runs a trade-off is drawn of, and what they are called.

use super::super::front::{FrontReport, Mark, Marks};
use super::super::headline::Place;
use super::super::summary::{SummaryRow, any_between};
use super::page::Limit;
use crate::event::{MetricRow, Objective, Phase, RunRecord};
use crate::metric::{Better, MetricDef, MetricId, Scope};

/// Most drawings.
const MOST: usize = 6;

/// The runs that the drawings may show, and what is asked of them.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scene<'a> {
    /// All runs, in the order of the table.
    pub(super) records: &'a [RunRecord],
    /// Their figures between runs.
    pub(super) summary: &'a [SummaryRow],
    /// The limits.
    pub(super) limits: &'a [Limit],
    /// The front, where there are objectives.
    pub(super) front: Option<&'a FrontReport>,
    /// Where the cells stand.
    pub(super) marks: &'a Marks<'a>,
}

impl<'a> Scene<'a> {
    /// Whether the cell of a run is on the front.
    pub(super) fn on_front(self, record: &RunRecord) -> bool {
        self.marks.of(record) == Some(Mark::Front)
    }

    /// Whether a point is a cell over its repeats; else each run is one.
    pub(super) fn of_cells(self) -> bool {
        any_between(self.summary) || self.front.is_some()
    }

    /// The limit on a metric that decides which figure of it is drawn: one that the front was decided by is drawn as it is.
    pub(super) fn limit(self, metric: &MetricDef) -> Option<&'a Limit> {
        let limited = self.limits.iter().find(|limit| limit.metric == metric.id);
        limited.filter(|_| !self.asks_for(metric))
    }

    pub(super) fn asks_for(self, metric: &MetricDef) -> bool {
        self.front.is_some_and(|front| front.asks_for(metric.id))
    }
}

/// Two metrics that are drawn against each other, across and up.
pub(super) type Pair = [&'static MetricDef; 2];

/// The metrics that are drawn against each other: a limited latency against the first thing that is wanted, and those of the
/// objectives, each with each; without any, what serving and training cost against what they give. A limited percentile is
/// shown rather than the median. The second figure counts the trade-offs that are too many.
pub(super) fn pairs(objectives: &[Objective], limits: &[Limit]) -> (Vec<Pair>, usize) {
    let asked: Vec<_> = objectives
        .iter()
        .filter_map(|objective| Some((objective.metric.def()?, objective.better)))
        .collect();
    let latency = |metric: &&MetricDef| metric.is_latency() && metric.scope == Scope::Serve;
    let limited = limits.iter().filter_map(|limit| limit.metric.def()).find(latency);
    let mut pairs = Vec::new();
    for (place, (first, better)) in asked.iter().enumerate() {
        for (second, also) in &asked[place + 1..] {
            // Costs lie across, and what they buy goes up.
            let swapped = *better == Better::Higher && *also == Better::Lower;
            pairs.push(if swapped { [*second, *first] } else { [*first, *second] });
        }
    }
    let named = |other: &MetricDef| asked.iter().any(|(metric, _)| metric.id == other.id);
    let wanted = asked.iter().find(|(_, better)| *better == Better::Higher);
    let unasked = limited.filter(|metric| !named(metric));
    if pairs.is_empty() {
        let latency = limited.unwrap_or(MetricId::ServeLatencyP50.def());
        pairs.push([latency, MetricId::TestAccuracy.def()]);
        pairs.push([MetricId::MemoryPeak.def(), MetricId::TrainThroughput.def()]);
    } else if let (Some(latency), Some((wanted, _))) = (unasked, wanted) {
        pairs.insert(0, [latency, *wanted]);
    }
    let more = pairs.len().saturating_sub(MOST);
    pairs.truncate(MOST);
    (pairs, more)
}

/// The figure of a run that a drawing shows. Of several request sizes it is the one that the limit is decided by, or
/// that the table shows and the front was decided by.
pub(super) fn figure<'a>(
    record: &'a RunRecord,
    metric: &MetricDef,
    scene: Scene<'_>,
) -> Option<&'a MetricRow> {
    let known = |row: &&MetricRow| row.estimate.is_some_and(f64::is_finite);
    let Some(limit) = scene.limit(metric) else {
        return Place::of(metric).row(record, metric.name).filter(known);
    };
    let rows = decisive(record, metric).into_iter().filter(known);
    let estimate = |row: &&MetricRow| row.estimate.unwrap_or_default();
    let by_value = |a: &&MetricRow, b: &&MetricRow| estimate(a).total_cmp(&estimate(b));
    if limit.upper { rows.max_by(by_value) } else { rows.min_by(by_value) }
}

/// The figures of a metric that a verdict on it rests on: of requests that were served once more those on the trained model,
/// unless the limit was broken before.
fn decisive<'a>(record: &'a RunRecord, metric: &MetricDef) -> Vec<&'a MetricRow> {
    let rows = || record.metrics.iter().filter(|row| row.metric == metric.id);
    let again = |row: &MetricRow| -> Option<&'a MetricRow> {
        let Ok(Phase::Serve(size)) = row.phase.parse() else {
            return None;
        };
        let confirmed = record.metric(&Phase::Confirm(size).to_string(), metric.name)?;
        let counts = metric.scope == Scope::Serve && confirmed.estimate.is_some();
        (counts && !is_broken_in(record, metric, &row.phase)).then_some(confirmed)
    };
    let first = rows().filter(|row| !is_again(row));
    first.map(|row| again(row).unwrap_or(row)).collect()
}

/// Whether a figure is of requests that were served once more, on the trained model.
pub(super) fn is_again(row: &MetricRow) -> bool {
    matches!(row.phase.parse(), Ok(Phase::Confirm(_)))
}

/// Whether the verdict says that a limit on this metric is broken in this phase.
fn is_broken_in(record: &RunRecord, metric: &MetricDef, phase: &str) -> bool {
    let mut findings = record.verdict.iter().flat_map(|verdict| &verdict.findings);
    findings.any(|finding| {
        let there = finding.stage.is_some_and(|stage| stage.to_string() == phase);
        there && finding.broken().is_some_and(|broken| broken.id == metric.id)
    })
}

/// What an axis is called: the metric, and of which requests it speaks.
pub(super) fn title(scene: Scene<'_>, metric: &MetricDef) -> String {
    let mut sizes: Vec<_> =
        scene.records.iter().filter_map(|record| record.job.serve.as_ref()).collect();
    sizes.dedup_by(|a, b| a.batch_sizes == b.batch_sizes);
    let several = sizes.iter().any(|serve| serve.batch_sizes.len() > 1);
    match (Place::of(metric), scene.limit(metric).is_some()) {
        (_, true) if several && matches!(metric.scope, Scope::Serve | Scope::Served) => {
            format!("{} of the worst request size", metric.name)
        }
        (_, true) if several && metric.scope == Scope::Stages => {
            format!("{} of the worst stage", metric.name)
        }
        (place @ (Place::FirstServe | Place::LastServe), _) => {
            let served = scene.records.iter().filter(|record| record.job.serve.is_some());
            let mut found: Vec<_> =
                served.filter_map(|record| place.request_size(record)).collect();
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Evidence, Feasibility, Ruling, Stage};
    use crate::metric::find;
    use crate::report::fixtures::{completed, front, judged, limited};

    fn names(pairs: &(Vec<Pair>, usize)) -> Vec<[&'static str; 2]> {
        let pairs = pairs.0.iter();
        pairs.map(|pair| pair.map(|metric| metric.name)).collect()
    }

    fn upper(metric: &str, value: f64) -> Limit {
        Limit { metric: metric.into(), sign: "<=".to_owned(), upper: true, value, of_some: false }
    }

    fn objective(metric: &str, maximize: bool) -> Objective {
        Objective {
            metric: metric.into(),
            better: if maximize { Better::Higher } else { Better::Lower },
        }
    }

    #[test]
    fn what_is_drawn_is_what_is_asked() {
        let peak = "memory.peak";
        assert_eq!(
            names(&pairs(&[], &[])),
            [["serve.latency_p50", "test_accuracy"], [peak, "train.throughput"]]
        );
        let limits = [upper(peak, 1.0), upper("serve.latency_p99", 1.0)];
        assert_eq!(names(&pairs(&[], &limits))[0], ["serve.latency_p99", "test_accuracy"]);
        let three = [
            objective("test_accuracy", true),
            objective(peak, false),
            objective("serve.throughput", true),
        ];
        let each_with_each = [
            [peak, "test_accuracy"],
            ["test_accuracy", "serve.throughput"],
            [peak, "serve.throughput"],
        ];
        assert_eq!(names(&pairs(&three, &limits[..1])), each_with_each);
        // What a service must keep is drawn, whatever else is wanted of it.
        let with_limit = names(&pairs(&three, &limits));
        assert_eq!(with_limit[0], ["serve.latency_p99", "test_accuracy"]);
        assert_eq!(with_limit[1..], each_with_each);
        let latency = [objective("serve.latency_p99", false), three[0].clone()];
        assert_eq!(names(&pairs(&latency, &limits)).len(), 1);
        // One alone is no trade-off, and an unknown one none at all.
        let odd = [objective("test_accuracy", true), objective("beauty", true)];
        assert_eq!(names(&pairs(&odd, &[])), names(&pairs(&[], &[])));
    }

    #[test]
    fn trade_offs_that_are_too_many_are_counted() {
        let many: Vec<_> =
            crate::metric::CATALOGUE.iter().map(|metric| objective(metric.name, true)).collect();
        for (count, shown, more) in [(4, 6, 0), (5, 6, 4), (9, 6, 30)] {
            let (pairs, left_out) = pairs(&many[..count], &[]);
            assert_eq!((pairs.len(), left_out), (shown, more), "{count}");
        }
    }

    fn scene<'a>(limits: &'a [Limit], marks: &'a Marks<'a>) -> Scene<'a> {
        Scene { records: &[], summary: &[], limits, front: None, marks }
    }

    #[test]
    fn a_limit_speaks_of_the_request_size_that_decides_it() {
        let record = completed();
        let marks = Marks::default();
        let of = |metric: &str, limits: &[Limit]| {
            let metric = find(metric).unwrap();
            let row = figure(&record, metric, scene(limits, &marks));
            row.unwrap().phase.clone()
        };
        let latency = "serve.latency_p50";
        assert_eq!(of(latency, &[]), "serve[1]");
        assert_eq!(of(latency, &[upper(latency, 1e-3)]), "serve[32]");
        assert_eq!(of(latency, &[upper("memory.peak", 1e-3)]), "serve[1]");
        let least = Limit { upper: false, ..upper("serve.throughput", 1.0) };
        assert_eq!(of("serve.throughput", &[least]), "serve[1]");
        assert_eq!(of("serve.throughput", &[]), "serve[32]");
        // What cells are compared by is drawn as they were compared by it.
        let (rate, front) = (find("serve.throughput").unwrap(), front());
        let limits = [upper("serve.throughput", 1.0)];
        let compared = Scene { front: Some(&front), ..scene(&limits, &marks) };
        assert_eq!(figure(&record, rate, compared).unwrap().phase, "serve[32]");
        assert_eq!(title(compared, rate), "serve.throughput");
    }

    #[test]
    fn a_highest_rate_is_drawn_as_the_table_shows_it() {
        let rate = find("serve.max_rate").unwrap();
        let mut record = completed();
        for (phase, value) in [("serve[1]", 900.0), ("serve[32]", 100.0)] {
            let mut row = record.metric(phase, "serve.throughput").unwrap().clone();
            row.metric = rate.id.into();
            row.estimate = Some(value);
            record.metrics.push(row);
        }
        let marks = Marks::default();
        let drawn = figure(&record, rate, scene(&[], &marks));
        let shown = Place::of(rate).row(&record, rate.name);
        assert_eq!(drawn, shown);
        assert_eq!(drawn.unwrap().phase, "serve[1]");
    }

    #[test]
    fn a_limit_is_drawn_with_the_weights_that_the_verdict_rests_on() {
        let latency = find("serve.latency_p99").unwrap();
        let mut record = completed();
        let mut again = record.metric("serve[1]", latency.name).unwrap().clone();
        "confirm[1]".clone_into(&mut again.phase);
        again.estimate = again.estimate.map(|seconds| seconds / 2.0);
        record.metrics.push(again);
        let limits = [upper(latency.name, 1e-3)];
        let marks = Marks::default();
        let of = |record: &RunRecord| {
            let row = figure(record, latency, scene(&limits, &marks));
            row.unwrap().phase.clone()
        };
        // The slower one was measured first, on weights that the verdict does not speak of.
        assert_eq!(of(&record), "confirm[1]");
        let broken = |metric: &str| {
            let finding = limited(metric, 1e-4, Ruling::Broken, Evidence::NoLook);
            let findings = vec![finding.within(Stage::Serve(1))];
            judged(record.clone(), Feasibility::Infeasible, findings)
        };
        let (broken, other) = (broken("serve.latency_p99"), broken("serve.latency_p99_9"));
        assert_eq!(of(&broken), "serve[1]");
        assert_eq!(of(&other), "confirm[1]");
        // A phase that the run did not come to decides nothing.
        record.metrics.last_mut().unwrap().estimate = None;
        assert_eq!(of(&record), "serve[1]");
    }
}
