//! How a search went: in which order its runs were made, and what the best was, or what the front covered, after each.
//!
//! Invariant: a cell counts with what is known of it in the end, so that no lucky run looks like a find.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::app::Fault;
use crate::app::distinct::distinct;
use crate::event::{Objective, RunRecord, RunStatus};
use crate::report::front::{FrontCell, FrontReport, Mark};
use crate::report::html::{Course, CourseOf, CoursePoint};
use crate::search::covered;
use crate::store::Results;

/// Values from which to which at least an objective is a matter of factors.
const FACTOR: f64 = 4.0;

/// How the search of a folder went; `None` where nobody knows when its runs were made.
pub(super) fn course(
    results: &Results,
    records: &[RunRecord],
    front: &FrontReport,
) -> Result<Option<Course>, Fault> {
    let mut made: Vec<(Timestamp, &RunRecord)> = Vec::new();
    for record in records.iter().filter(|run| run.status != RunStatus::Cancelled) {
        let ended = results.ended(&record.run)?.and_then(|ended| ended.at.parse().ok());
        let Some(at) = ended else { return Ok(None) };
        made.push((at, record));
    }
    made.sort_by_key(|(at, _)| *at);
    let runs: Vec<&RunRecord> = made.into_iter().map(|(_, run)| run).collect();
    Ok((!front.objectives.is_empty() && !runs.is_empty()).then(|| of(&runs, front)))
}

/// The same of runs in the order in which they were made.
fn of(runs: &[&RunRecord], front: &FrontReport) -> Course {
    let counts = |cell: &&FrontCell| matches!(cell.mark, Mark::Front | Mark::Dominated);
    let compared: Vec<&FrontCell> = front.cells.iter().filter(counts).collect();
    let groups = distinct(compared.iter().map(|cell| cell.dataset.as_str()));
    let lines = groups.iter().map(|group| {
        let own: Vec<&FrontCell> =
            compared.iter().copied().filter(|cell| cell.dataset == *group).collect();
        CourseOf { group: (*group).to_owned(), points: line(runs, &own, &front.objectives) }
    });
    Course { objectives: front.objectives.clone(), lines: lines.collect(), order: order(runs) }
}

/// In which place each cell was run first, from 1.
fn order(runs: &[&RunRecord]) -> BTreeMap<String, usize> {
    let mut order = BTreeMap::new();
    for (place, run) in (1..).zip(runs) {
        order.entry(run.cell.clone()).or_insert(place);
    }
    order
}

/// After each run that is the first of one of these cells: the best value, or the share of the volume.
fn line(runs: &[&RunRecord], cells: &[&FrontCell], objectives: &[Objective]) -> Vec<CoursePoint> {
    let (mut found, mut seconds) = (Vec::new(), 0.0);
    for (run, record) in (1..).zip(runs) {
        seconds += record.wall_s;
        let cell = cells.iter().find(|cell| cell.cell == record.cell);
        let is_new = |cell: &&&FrontCell| {
            !found.iter().any(|(.., known): &(_, _, &FrontCell)| known.cell == cell.cell)
        };
        if let Some(cell) = cell.filter(is_new) {
            found.push((run, seconds, *cell));
        }
    }
    let values = match objectives {
        [one] => {
            best(&found.iter().map(|(.., cell)| cell.figures[0].estimate).collect::<Vec<_>>(), one)
        }
        _ => volumes(&found.iter().map(|(.., cell)| *cell).collect::<Vec<_>>(), objectives),
    };
    let points = found.iter().zip(values);
    points.map(|((run, at_s, _), value)| CoursePoint { run: *run, at_s: *at_s, value }).collect()
}

fn best(values: &[f64], objective: &Objective) -> Vec<f64> {
    let mut best: Option<f64> = None;
    let values = values.iter().map(|value| {
        let known = best.filter(|best| objective.better.sign() * (best - value) <= 0.0);
        *best.insert(known.unwrap_or(*value))
    });
    values.collect()
}

/// The volume that the front covers above the worst of each objective, as a share of what it covers in the end; by logarithms
/// where an objective spans factors.
fn volumes(cells: &[&FrontCell], objectives: &[Objective]) -> Vec<f64> {
    let mut points = vec![Vec::new(); cells.len()];
    for (at, objective) in objectives.iter().enumerate() {
        let values: Vec<f64> = cells.iter().map(|cell| cell.figures[at].estimate).collect();
        let (low, high) = (
            values.iter().copied().fold(f64::INFINITY, f64::min),
            values.iter().copied().fold(f64::NEG_INFINITY, f64::max),
        );
        let by_factors = low > 0.0 && high / low > FACTOR;
        let place = |value: f64| if by_factors { value.ln() } else { value };
        let span = place(high) - place(low);
        for (point, value) in points.iter_mut().zip(&values) {
            let share = if span > 0.0 { (place(*value) - place(low)) / span } else { 1.0 };
            point.push(if objective.better.sign() > 0.0 { 1.0 - share } else { share });
        }
    }
    // A little below the worst, so that an end of the front counts.
    let volumes = covered(&points, &vec![-0.1; objectives.len()]);
    let whole = volumes.last().copied().unwrap_or(1.0);
    volumes.into_iter().map(|volume| volume / whole).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metric::{Better, MetricId};
    use crate::report::fixtures::completed;
    use crate::report::front::FrontFigure;
    use crate::units::Unit;

    fn objective(metric: MetricId, better: Better) -> Objective {
        Objective { metric: metric.into(), better }
    }

    fn cell(name: &str, mark: Mark, values: &[f64]) -> FrontCell {
        let figure = |value: &f64| FrontFigure {
            metric: MetricId::CommandTime.into(),
            phase: "run".to_owned(),
            unit: Unit::Seconds,
            estimate: *value,
            low: None,
            high: None,
            interval: String::new(),
        };
        FrontCell {
            cell: name.to_owned(),
            dataset: "digits".to_owned(),
            machine: None,
            mark,
            figures: values.iter().map(figure).collect(),
            ties: Vec::new(),
            more_ties: 0,
            dominated_by: None,
            note: String::new(),
        }
    }

    fn told(
        cells: Vec<FrontCell>,
        objectives: Vec<Objective>,
        order: &[&str],
    ) -> Vec<(usize, f64, f64)> {
        let runs: Vec<RunRecord> = order
            .iter()
            .map(|cell| RunRecord { cell: (*cell).to_owned(), wall_s: 2.0, ..completed() })
            .collect();
        let course = of(&runs.iter().collect::<Vec<_>>(), &FrontReport { objectives, cells });
        let points = course.lines[0].points.iter();
        points.map(|point| (point.run, point.at_s, (point.value * 1e6).round() / 1e6)).collect()
    }

    #[test]
    fn the_best_so_far_is_that_of_cells_that_count() {
        let cells = vec![
            cell("a", Mark::Dominated, &[3.0]),
            cell("b", Mark::Infeasible, &[]),
            cell("c", Mark::Front, &[1.0]),
            cell("d", Mark::Dominated, &[2.0]),
        ];
        let objectives = vec![objective(MetricId::CommandTime, Better::Lower)];
        assert_eq!(
            told(cells, objectives, &["a", "b", "a", "d", "c", "c"]),
            [(1, 2.0, 3.0), (4, 8.0, 2.0), (5, 10.0, 1.0)]
        );
    }

    #[test]
    fn the_front_covers_ever_more() {
        let cells = vec![
            cell("a", Mark::Dominated, &[1.0, 2.0]),
            cell("b", Mark::Front, &[2.0, 1.0]),
            cell("c", Mark::Front, &[1.5, 1.5]),
        ];
        let objectives = vec![
            objective(MetricId::TrainThroughput, Better::Higher),
            objective(MetricId::CommandTime, Better::Lower),
        ];
        // The one is worst in both, the other best in both.
        assert_eq!(
            told(cells, objectives, &["a", "c", "b"]),
            [(1, 2.0, 0.008_264), (2, 4.0, 0.297_521), (3, 6.0, 1.0)]
        );
    }
}
