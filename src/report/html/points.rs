//! The points of a trade-off: each run, or each cell over its repeats, with the intervals of its two figures.

use std::collections::HashMap;

use super::super::layout::first_of;
use super::figures::{Scene, figure, is_again};
use super::palette::SHAPES;
use crate::event::{Feasibility, MetricRow, RunRecord};
use crate::metric::MetricDef;
use crate::report::distinct;
use crate::report::ending::{is_ok, verdicts};
use crate::report::summary::SummaryRow;

/// Names in a list.
pub(super) const SHOWN: usize = 6;

/// A run on a drawing, or a cell over its repeats.
pub(super) struct Point<'a> {
    /// The run, or the first of its cell.
    pub(super) record: &'a RunRecord,
    /// The name of the run or the cell.
    pub(super) name: &'a str,
    /// Its row of the table, from 1; the first one of a cell.
    pub(super) number: usize,
    /// Whether it keeps its constraints, where it has any.
    pub(super) verdict: Option<Feasibility>,
    /// Its figures, across and up.
    pub(super) coordinates: [Coordinate; 2],
}

/// A figure with the ends of its interval; an end that is not known is infinite.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Coordinate {
    pub(super) value: f64,
    low: f64,
    high: f64,
    /// Whether it is of requests that were served once more.
    again: bool,
    /// Whether it is not that of a model that was not trained to the end.
    pub(super) is_final: bool,
}

impl Coordinate {
    fn new(value: f64, ends: [Option<f64>; 2]) -> Self {
        Self {
            value,
            low: ends[0].unwrap_or(f64::NEG_INFINITY),
            high: ends[1].unwrap_or(f64::INFINITY),
            again: false,
            is_final: true,
        }
    }

    /// The ends of its interval, of which one may be infinite; `None` where nothing is known of either.
    pub(super) fn ends(&self) -> Option<(f64, f64)> {
        let Self { low, high, .. } = *self;
        (low.is_finite() || high.is_finite()).then_some((low, high))
    }
}

impl Point<'_> {
    /// Whether none of its figures is that of a model that was not trained to the end.
    pub(super) fn is_final(&self) -> bool {
        self.coordinates.iter().all(|side| side.is_final)
    }

    /// Where it would stand if its axes had no ends.
    pub(super) fn values(&self) -> (f64, f64) {
        (self.coordinates[0].value, self.coordinates[1].value)
    }
}

/// The models in the order of the table.
pub(super) fn models(records: &[RunRecord]) -> Vec<&str> {
    distinct(records.iter().map(|record| &*record.job.model.name))
}

/// What becomes one point: the name, the row of the table from 0, and the runs.
struct Group<'a> {
    name: &'a str,
    place: usize,
    runs: Vec<&'a RunRecord>,
}

/// Each run, or each cell.
fn groups(scene: Scene<'_>) -> Vec<Group<'_>> {
    // A look through the whole summary: once, and not for each run of a large grid.
    let of_cells = scene.of_cells();
    let mut groups: Vec<Group<'_>> = Vec::new();
    let mut places: HashMap<&str, usize> = HashMap::new();
    for (place, record) in scene.records.iter().enumerate() {
        if of_cells {
            let at = *places.entry(&record.cell).or_insert(groups.len());
            if let Some(group) = groups.get_mut(at) {
                group.runs.push(record);
                continue;
            }
        }
        groups.push(Group {
            name: if of_cells { &record.cell } else { &record.run },
            place,
            runs: vec![record],
        });
    }
    groups
}

impl Group<'_> {
    /// All runs must keep their constraints, as on the front.
    fn verdict(&self) -> Option<Feasibility> {
        let found: Vec<_> = verdicts(self.runs.iter().copied()).collect();
        [Feasibility::Infeasible, Feasibility::Undecided, Feasibility::Feasible]
            .into_iter()
            .find(|verdict| found.contains(verdict))
    }
}

/// A figure of the runs of a group: what the front was decided by where it was; else their mean with the interval between them;
/// of fewer than three from the lowest end to the highest.
fn side(
    scene: Scene<'_>,
    of_cell: &[&SummaryRow],
    runs: &[&RunRecord],
    metric: &MetricDef,
) -> Option<Coordinate> {
    let rows: Vec<&MetricRow> = runs.iter().filter_map(|run| figure(run, metric, scene)).collect();
    let (run, row) = (runs.first()?, rows.first()?);
    let compared = scene.front.filter(|_| scene.limit(metric).is_none());
    if let Some(figure) = compared.and_then(|front| front.figure(&run.cell, metric.id)) {
        return Some(Coordinate::new(figure.estimate, [figure.low, figure.high]));
    }
    let between =
        of_cell.iter().find(|found| found.metric == row.metric && found.phase == row.phase);
    let between =
        between.and_then(|found| Some(Coordinate::new(found.mean?, [found.low, found.high])));
    Some(Coordinate {
        again: rows.iter().any(|row| is_again(row)),
        ..between.unwrap_or_else(|| all_of(&rows))
    })
}

/// The mean of the figures of some runs, and all that their intervals hold.
fn all_of(rows: &[&MetricRow]) -> Coordinate {
    let estimates = rows.iter().filter_map(|row| row.estimate);
    let value = estimates.sum::<f64>() / rows.len() as f64;
    let sides = rows.iter().map(|row| Coordinate::new(value, [row.low, row.high]));
    let joined = sides.reduce(|one, other| Coordinate {
        low: one.low.min(other.low),
        high: one.high.max(other.high),
        ..one
    });
    joined.unwrap_or_else(|| Coordinate::new(value, [None; 2]))
}

/// The runs (or cells) that have both figures; the notes name the others, and say what of the drawn ones must be known.
pub(super) fn points<'a>(
    scene: Scene<'a>,
    metrics: [&MetricDef; 2],
    notes: &mut Vec<String>,
) -> Vec<Point<'a>> {
    let (mut points, mut lacking): (Vec<Point<'a>>, [Vec<&str>; 2]) = Default::default();
    let mut lost = Vec::new();
    // Of a large grid a look through all rows for each point would take minutes.
    let mut between: HashMap<&str, Vec<&SummaryRow>> = HashMap::new();
    for row in scene.summary.iter().filter(|row| metrics.iter().any(|def| row.metric == def.id)) {
        between.entry(&row.cell).or_default().push(row);
    }
    for group in groups(scene) {
        let good: Vec<_> = group.runs.iter().copied().filter(|run| is_ok(run)).collect();
        let Some(record) = good.first().copied() else {
            lost.push(group.name);
            continue;
        };
        let trained = good.iter().all(|run| run.trained_to_the_end());
        let of_cell = between.get(&*record.cell).map_or(&[][..], Vec::as_slice);
        let side = |metric: &MetricDef| {
            let of_model = matches!(metric.group, "accuracy" | "loss");
            Some(Coordinate {
                is_final: trained || !of_model,
                ..side(scene, of_cell, &good, metric)?
            })
        };
        match metrics.map(side) {
            [Some(x), Some(y)] => points.push(Point {
                record,
                name: group.name,
                number: group.place + 1,
                verdict: group.verdict(),
                coordinates: [x, y],
            }),
            [None, _] => lacking[0].push(group.name),
            _ => lacking[1].push(group.name),
        }
    }
    if !lost.is_empty() {
        notes.push(format!(
            "not shown, since it failed or was cancelled: {}",
            first_of(&lost, SHOWN)
        ));
    }
    for (metric, runs) in metrics.iter().zip(lacking) {
        if !runs.is_empty() {
            notes.push(format!("not shown, without {}: {}", metric.name, first_of(&runs, SHOWN)));
        }
    }
    for (of, metric) in metrics.iter().enumerate() {
        notes.extend(caveats(scene, metric, &points, of));
    }
    points
}

/// What must be known of the figures of one metric on a drawing.
fn caveats(scene: Scene<'_>, metric: &MetricDef, points: &[Point<'_>], of: usize) -> Vec<String> {
    let mut notes = Vec::new();
    if points.iter().any(|point| point.coordinates[of].again) {
        notes.push(format!(
            "{} is that on trained weights, where the verdict rests on it",
            metric.name
        ));
    }
    let is_half = |(low, high): (f64, f64)| low.is_finite() != high.is_finite();
    if points.iter().filter_map(|point| point.coordinates[of].ends()).any(is_half) {
        notes.push(format!("a bar of {} that reaches the edge has no end there", metric.name));
    }
    let limited = scene.limits.iter().any(|limit| limit.metric == metric.id);
    let several = |record: &RunRecord| {
        let rows = record.metrics.iter().filter(|row| row.metric == metric.id);
        rows.filter(|row| row.estimate.is_some()).count() > 1
    };
    if limited && scene.asks_for(metric) && scene.records.iter().any(several) {
        notes.push(format!(
            "the limit on {} is for every stage; drawn is the figure that cells are compared by",
            metric.name
        ));
    }
    notes
}

/// What tells a run (or a cell) from others beside its model, which its mark tells.
pub(super) fn short(point: &Point<'_>, models: usize) -> String {
    let model = format!("{}-", point.record.job.model.name);
    let rest = point.name.strip_prefix(&model);
    let rest = rest.filter(|rest| !rest.is_empty());
    let shown = rest.filter(|_| models <= SHAPES.len()).unwrap_or(point.name);
    format!("{shown}{}", doubt(point))
}

/// A question mark where the verdict is not certain.
pub(super) fn doubt(point: &Point<'_>) -> &'static str {
    if point.verdict == Some(Feasibility::Undecided) { " ?" } else { "" }
}
