//! The columns of `report.csv`, and where each comes from.

use crate::event::{AXES, Axis, AxisDef, AxisKind, AxisList, AxisValue, RunRecord};
use crate::metric::{MetricDef, MetricId};
use crate::report::ending::failure_text;
use crate::report::found::Found;
use crate::report::front::{FrontReport, Mark};
use crate::report::headline::{Place, accuracy_is_final};
use crate::report::interference::marked;
use crate::report::table::{limited, metrics_of};
use crate::report::{number, one_line, optional, shown, words};

/// A column: its name, and its cell of each run.
#[derive(Debug, PartialEq)]
pub(super) struct Column {
    pub(super) name: String,
    pub(super) cells: Vec<String>,
}

/// What says something of each run.
type Said = (&'static str, fn(&RunRecord) -> String);

/// Which run it is: between these stand the other axes.
const IDENTITY: [&[Said]; 2] = [
    &[
        ("run", |r| r.run.clone()),
        ("model", |r| r.job.model.name.clone()),
        ("dataset", |r| of_axis(&AXES[Axis::DATASET.index()], r)),
    ],
    &[
        ("seed", |r| shown((!r.job.work.is_unset()).then_some(r.job.seed))),
        ("repeat", |r| r.repeat.to_string()),
    ],
];

/// What became of it.
const ENDING: &[Said] = &[
    ("status", |r| r.status.to_string()),
    ("stop_reason", |r| r.stop.reason.to_string()),
    ("verdict", |r| shown(r.verdict.as_ref().map(|verdict| verdict.verdict))),
];

/// Whether a search recommends the cell of the run.
const RECOMMENDED: &str = "recommended";

/// How long it took, and which stages its figures are of.
const EXTENT: &[Said] = &[
    ("wall_s", |r| number(r.wall_s)),
    ("epochs", |r| r.epochs.to_string()),
    ("interference_percent", marked),
    ("serve_phase", |r| shown(Place::FirstServe.served(r))),
    ("serve_throughput_phase", |r| shown(Place::LastServe.served(r))),
];

/// Why it ended so: long texts stand last.
const REASONS: &[Said] = &[
    ("stop_detail", |r| one_line(&words::ended(r))),
    ("failure", |r| r.failure.as_ref().map(failure_text).unwrap_or_default()),
    ("verdict_reason", |r| one_line(&words::verdict(r))),
];

/// All columns. An axis has one where its values differ from each other or from the default, a figure where some run has it.
pub(super) fn columns(
    records: &[RunRecord],
    front: Option<&FrontReport>,
    found: Option<&Found>,
) -> Vec<Column> {
    let said = |all: &[Said]| {
        let column = |(name, of): &Said| column(*name, records, of);
        all.iter().map(column).collect::<Vec<_>>()
    };
    let named = [Axis::MODEL, Axis::DATASET];
    let list = AxisList::of(records.iter().map(|record| &record.job));
    let others = list.all().filter(|axis| !named.contains(axis));
    let marks = front.map(FrontReport::marks).unwrap_or_default();
    let pareto = column("pareto", records, |record| {
        marks.of(record).and_then(Mark::pareto).unwrap_or_default().to_owned()
    });
    let objectives = front.into_iter().flat_map(|front| &front.objectives);
    let objectives: Vec<MetricId> =
        objectives.filter_map(|objective| Some(objective.metric.def()?.id)).collect();
    let mut all = said(IDENTITY[0]);
    all.extend(others.filter_map(|axis| axis_column(list.def(axis), records)));
    all.extend(said(IDENTITY[1]));
    all.extend(
        [column("machine", records, |r| shown(r.machine))].into_iter().filter(|c| !is_empty(c)),
    );
    let lane = |record: &RunRecord| shown(record.lane.as_ref().map(|lane| lane.number));
    all.extend([column("lane", records, lane)].into_iter().filter(|c| !is_empty(c)));
    all.extend(said(ENDING));
    all.push(pareto);
    all.extend(found.map(|found| {
        column(RECOMMENDED, records, |record| found.recommends(&record.cell).to_string())
    }));
    all.extend(said(EXTENT));
    all.extend(figures(records, &objectives).into_iter().filter(|figure| !is_empty(figure)));
    all.extend(said(REASONS));
    all
}

/// That of an axis, unless it says nothing: a part of a grid keeps what tells it from the other parts.
fn axis_column(def: &AxisDef, records: &[RunRecord]) -> Option<Column> {
    let found = column(&*def.key, records, |record| of_axis(def, record));
    let differs = found.cells.iter().any(|cell| *cell != found.cells[0]);
    // What the default of the threads means depends on the machine.
    let of_threads = matches!(def.kind, AxisKind::Threads { .. });
    let usual = def.default.as_ref().filter(|_| !of_threads);
    let unusual = |record: &RunRecord| {
        let value = def.of(&record.job);
        value != AxisValue::Unset && usual.is_some_and(|usual| *usual != value)
    };
    (differs || records.iter().any(unusual)).then_some(found)
}

fn column(
    name: impl Into<String>,
    records: &[RunRecord],
    of: impl Fn(&RunRecord) -> String,
) -> Column {
    Column { name: name.into(), cells: records.iter().map(of).collect() }
}

/// Whether nothing is in it.
pub(super) fn is_empty(column: &Column) -> bool {
    column.cells.iter().all(String::is_empty)
}

/// The setting of an axis.
fn of_axis(def: &AxisDef, record: &RunRecord) -> String {
    match def.of(&record.job) {
        AxisValue::Unset => String::new(),
        AxisValue::Number(value) => number(value),
        value => value.to_string(),
    }
}

/// Metrics that `report.csv` and `summary.csv` have columns for: the usual ones, what is limited, and `more`.
pub(in crate::report) fn main_metrics(
    records: &[RunRecord],
    more: &[MetricId],
) -> impl Iterator<Item = &'static MetricDef> {
    let named = [limited(records), more.to_vec()].concat();
    metrics_of(records).filter(move |metric| metric.in_report || named.contains(&metric.id))
}

/// Half of an interval: its end has no more digits than say something.
fn half(low: f64, high: f64) -> String {
    let half = (high - low) / 2.0;
    format!("{half:.3e}").parse().map_or_else(|_| number(half), number)
}

/// A column for each, and one for half of its interval within the run where it has one. Whoever takes the best of a column
/// is not to take a model that is half trained: its accuracy has a column of its own.
fn figures(records: &[RunRecord], objectives: &[MetricId]) -> Vec<Column> {
    let mut all = Vec::new();
    for metric in main_metrics(records, objectives) {
        let place = Place::of(metric);
        let whole = |record: &RunRecord| {
            let of_half = metric.id == MetricId::TestAccuracy && !record.trained_to_the_end();
            place.estimate(record, metric.id).filter(|_| !of_half)
        };
        all.push(column(metric.column(), records, |record| optional(whole(record))));
        if metric.has_interval() {
            all.push(column(metric.column() + "_plus_minus", records, |record| {
                let row = place.row(record, metric.id);
                let ends = row.and_then(|row| row.low.zip(row.high));
                ends.map(|(low, high)| half(low, high)).unwrap_or_default()
            }));
        }
    }
    all.push(column("partial_test_accuracy", records, |record| {
        let is_partial = accuracy_is_final(record) == Some(false);
        let estimate = Place::Run.estimate(record, MetricId::TestAccuracy);
        optional(estimate.filter(|_| is_partial))
    }));
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::COLUMNS;
    use crate::metric::CATALOGUE;
    use crate::report::csv::{metrics_csv, summary_csv};
    use crate::report::fixtures::completed;

    /// An axis of the user's own that is called like another column could not be told from it.
    #[test]
    fn no_column_has_a_name_that_an_own_axis_may_have() {
        let records = [completed()];
        let mut metrics = Vec::new();
        metrics_csv(&mut metrics, &records).unwrap();
        let mut names: Vec<String> =
            columns(&records, None, None).into_iter().map(|c| c.name).collect();
        for table in [metrics, summary_csv(&records, &[]).unwrap()] {
            let head = String::from_utf8(table).unwrap();
            names.extend(head.lines().next().unwrap().split(',').map(str::to_owned));
        }
        let said = [IDENTITY[0], IDENTITY[1], ENDING, EXTENT, REASONS].concat();
        names.extend(said.iter().map(|(name, _)| (*name).to_owned()));
        names.extend(["pareto", RECOMMENDED, "machine"].map(str::to_owned));
        let metric = |name: &str| CATALOGUE.iter().any(|metric| metric.column() == name);
        for name in names {
            let known = COLUMNS.contains(&&*name) || AXES.iter().any(|axis| axis.key == name);
            let of_metric = metric(name.strip_suffix("_plus_minus").unwrap_or(&name));
            assert!(known || of_metric, "{name}");
        }
    }
}
