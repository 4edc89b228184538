//! How a search went: the best so far, or what the front covers, over runs and over time; and which trade-off was found when.

use std::collections::BTreeMap;

use plotters::style::Color;

use super::super::ReportError;
use super::super::front::{FrontCell, FrontReport, Mark};
use super::axis::{Axis, Wish, Zero};
use super::labels::{self, Named};
use super::palette::{self, LINE, TEXT};
use super::plot::{self, About, Drawn, Pixel};
use crate::event::Objective;
use crate::units::Unit;

/// Height of a drawing of the course.
const HEIGHT: u32 = 240;

/// Height of the trade-off.
const TALL: u32 = 340;

/// How pale the first cell is.
const PALEST: f64 = 0.25;

/// How a search went.
#[derive(Debug, Clone, PartialEq)]
pub struct Course {
    /// What was looked for.
    pub objectives: Vec<Objective>,
    /// Of the cells of each data set.
    pub lines: Vec<CourseOf>,
    /// In which place each cell was run first, from 1.
    pub order: BTreeMap<String, usize>,
}

/// How it went among cells that are compared with each other.
#[derive(Debug, Clone, PartialEq)]
pub struct CourseOf {
    /// Their data set.
    pub group: String,
    /// After the first run of each of them.
    pub points: Vec<CoursePoint>,
}

/// How it stood after a run.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CoursePoint {
    /// How many runs were made.
    pub run: usize,
    /// How long they took together, in seconds.
    pub at_s: f64,
    /// The best value, in base units; of several objectives the share of what the front covers in the end.
    pub value: f64,
}

/// What the line of a course shows, and its unit.
fn measure(course: &Course) -> (String, Unit) {
    match &course.objectives[..] {
        [one] => {
            let unit = one.metric.def().map_or(Unit::One, |def| def.unit);
            (format!("best {} so far", one.metric), unit)
        }
        _ => ("share of the final hypervolume".to_owned(), Unit::Ratio),
    }
}

/// A drawing for each of runs and time; nothing where no cell counts.
pub(super) fn drawings(course: &Course) -> Result<Vec<String>, ReportError> {
    let over = [
        ("course-runs", "runs", Unit::One, (|point| point.run as f64) as fn(&CoursePoint) -> f64),
        ("course-time", "time of the runs", Unit::Seconds, |point| point.at_s),
    ];
    let mut drawn = Vec::new();
    for (id, across, unit, place) in over {
        drawn.extend(drawing(course, (id, across), unit, place)?);
    }
    Ok(drawn)
}

fn drawing(
    course: &Course,
    (id, across): (&str, &str),
    unit: Unit,
    place: fn(&CoursePoint) -> f64,
) -> Result<Option<String>, ReportError> {
    let all = || course.lines.iter().flat_map(|line| &line.points);
    let (what, of_value) = measure(course);
    let wish = |unit, zero, margin| Wish { unit, ticks: 6, zero, margin };
    let along: Vec<f64> = all().map(place).collect();
    let values: Vec<f64> = all().map(|point| point.value).collect();
    let (Some(x), Some(y)) = (
        Axis::over(&along, wish(unit, Zero::Always, false)),
        Axis::over(&values, wish(of_value, Zero::Free, true)),
    ) else {
        return Ok(None);
    };
    let beside = |what: &str, unit: &str| {
        if unit.is_empty() { what.to_owned() } else { format!("{what}, {unit}") }
    };
    let titles = [beside(across, x.unit), beside(&what, y.unit)];
    let title = format!("{what} over {across}");
    let text = format!(
        "A line that rises or falls with each cell that was better than those before: {} steps.",
        values.len()
    );
    let drawing = plot::svg(HEIGHT, About { id, title: &title, text: &text }, |area| {
        let inner = area.margin(8, 4, 0, 14);
        let chart = plot::axes(&inner, (&x, &y), (&titles[0], &titles[1]), (62, 44))?;
        for (at, line) in course.lines.iter().enumerate() {
            let ink = if course.lines.len() > 1 { palette::of_model(at) } else { LINE };
            let mut places: Vec<Pixel> = Vec::new();
            let ((_, _), (right, _)) = chart.frame;
            for point in &line.points {
                let (x, y) = chart.at((place(point), point.value));
                places.extend(places.last().copied().map(|(_, before)| (x, before)));
                places.push((x, y));
            }
            places.extend(places.last().copied().map(|(_, y)| (right, y)));
            plot::line(area, places, ink.light.stroke_width(2))?;
            for point in &line.points {
                plot::dot(area, chart.at((place(point), point.value)), 3, ink, 1.0)?;
            }
        }
        Ok(())
    })?;
    Ok(Some(drawing))
}

/// The data sets by the inks of their lines, where there are several.
pub(super) fn legend(course: &Course) -> Result<Vec<(String, String)>, ReportError> {
    let several = course.lines.iter().enumerate().filter(|_| course.lines.len() > 1);
    several
        .map(|(at, line)| {
            plot::entry(&line.group, |area| {
                let ink = palette::of_model(at).light;
                plot::line(area, vec![(1, 9), (17, 9)], ink.stroke_width(2))
            })
        })
        .collect()
}

/// The first two objectives against each other, the cells numbered by when they were found; `None` of a single objective.
pub(super) fn discovery(
    course: &Course,
    front: &FrontReport,
) -> Result<Option<String>, ReportError> {
    let [first, second, ..] = &course.objectives[..] else { return Ok(None) };
    let mut cells: Vec<(usize, &FrontCell)> = front
        .cells
        .iter()
        .filter(|cell| matches!(cell.mark, Mark::Front | Mark::Dominated))
        .filter_map(|cell| Some((*course.order.get(&cell.cell)?, cell)))
        .collect();
    cells.sort_by_key(|(order, _)| *order);
    let axis = |at: usize, objective: &Objective| {
        let values: Vec<f64> = cells.iter().map(|(_, cell)| cell.figures[at].estimate).collect();
        let unit = objective.metric.def().map_or(Unit::One, |def| def.unit);
        Axis::over(&values, Wish { unit, ticks: 6, zero: Zero::Free, margin: true })
    };
    let (Some(x), Some(y)) = (axis(0, first), axis(1, second)) else { return Ok(None) };
    let titles = [(first, &x), (second, &y)].map(|(objective, axis)| match axis.unit {
        "" => objective.metric.to_string(),
        unit => format!("{}, {unit}", objective.metric),
    });
    let title = format!("{} against {}, by when they were found", second.metric, first.metric);
    let text = format!(
        "A scatter plot of {} cells, numbered by the run in which each was measured first.",
        cells.len()
    );
    let about = About { id: "discovery", title: &title, text: &text };
    let drawing = plot::svg(TALL, about, |area| {
        let inner = area.margin(8, 4, 0, 14);
        let chart = plot::axes(&inner, (&x, &y), (&titles[0], &titles[1]), (62, 44))?;
        let at = |cell: &FrontCell| chart.at((cell.figures[0].estimate, cell.figures[1].estimate));
        let last = cells.len().saturating_sub(1).max(1) as f64;
        for (place, (_, cell)) in cells.iter().enumerate() {
            let share = PALEST + (1.0 - PALEST) * place as f64 / last;
            plot::dot(area, at(cell), 6, LINE, share)?;
            if cell.mark == Mark::Front {
                plot::ring(area, at(cell))?;
            }
        }
        numbers(area, &cells, at, chart.frame)
    })?;
    Ok(Some(drawing))
}

/// The order of the cells beside their dots, as many as have room: first those of the front.
fn numbers(
    area: &plot::Area<'_>,
    cells: &[(usize, &FrontCell)],
    at: impl Fn(&FrontCell) -> Pixel,
    frame: plot::Frame,
) -> Drawn {
    let (first, rest): (Vec<_>, Vec<_>) =
        cells.iter().partition(|(_, cell)| cell.mark == Mark::Front);
    let marks: Vec<plot::Frame> =
        cells.iter().map(|(_, cell)| labels::around(at(cell), 7, 7)).collect();
    let mut taken = marks;
    for (order, cell) in first.into_iter().chain(rest) {
        let named = Named { at: at(cell), text: order.to_string() };
        let placed = labels::place(&[named], frame, (&taken, &[])).unwrap_or_default();
        for label in placed {
            taken.push(labels::extent(&label));
            plot::words(area, &label.text, label.at, label.anchor, TEXT)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metric::{Better, MetricId};

    fn course(points: &[&[(usize, f64, f64)]], objectives: usize) -> Course {
        let objective = Objective { metric: MetricId::CommandTime.into(), better: Better::Lower };
        let line = |(at, points): (usize, &&[(usize, f64, f64)])| CourseOf {
            group: format!("data-{at}"),
            points: points
                .iter()
                .map(|(run, at_s, value)| CoursePoint { run: *run, at_s: *at_s, value: *value })
                .collect(),
        };
        Course {
            objectives: vec![objective; objectives],
            lines: points.iter().enumerate().map(line).collect(),
            order: BTreeMap::new(),
        }
    }

    #[test]
    fn a_course_is_drawn_over_runs_and_over_time() {
        let one = course(&[&[(1, 2.0, 3.0), (4, 9.0, 1.0)]], 1);
        let drawn = drawings(&one).unwrap();
        assert_eq!(drawn.len(), 2);
        assert!(drawn[0].contains("best command.time so far over runs"), "{}", drawn[0]);
        assert!(drawn[1].contains("over time of the runs"), "{}", drawn[1]);
        assert!(legend(&one).unwrap().is_empty());
        let two = course(&[&[(1, 2.0, 0.5)], &[(2, 3.0, 1.0)]], 2);
        assert!(drawings(&two).unwrap()[0].contains("share of the final hypervolume"));
        assert_eq!(legend(&two).unwrap().len(), 2);
        // Where no cell counts there is nothing to draw.
        assert!(drawings(&course(&[], 1)).unwrap().is_empty());
    }
}
