//! Trade-offs: one figure of every run against another, with their intervals and the limits.

use plotters::style::Color;

use super::super::ReportError;
use super::Limit;
use super::axis::{Axis, Wish, Zero};
use super::figures::{Field, Pair, title};
use super::labels::{self, Named};
use super::palette::{self, Ink, LIMIT, TEXT};
use super::plot::{self, About, Anchor, Area, Chart, Drawn, Frame};
use super::points::{Point, doubt, models, points, short};
use crate::event::{Feasibility, MetricDef};

/// Height of a drawing.
const HEIGHT: u32 = 340;

/// A limit this many times beyond all figures is not drawn: the figures would be a dot.
const FAR: f64 = 20.0;

/// A drawing and what stands under it.
pub(super) struct Scatter {
    /// The element.
    pub(super) svg: String,
    /// What a reader must know beside it.
    pub(super) notes: Vec<String>,
}

/// The colour of a run: its verdict's, or its model's where there is none.
fn colour(point: &Point<'_>, shape: usize) -> Ink {
    let verdict = point.verdict;
    verdict.map_or_else(|| palette::of_model(shape), palette::of_verdict)
}

/// Draws a pair of metrics; `None` where no run has both. `id` is unique on the page.
pub(super) fn scatter(
    field: Field<'_>,
    metrics: Pair,
    id: &str,
) -> Result<Option<Scatter>, ReportError> {
    let mut notes = Vec::new();
    let points = points(field, metrics, &mut notes);
    let [Some(x), Some(y)] = [0, 1].map(|of| axis(field, metrics[of], (&points, of), &mut notes))
    else {
        return Ok(None);
    };
    let sides = metrics.map(|metric| title(field, metric));
    let titles = [0, 1].map(|of| {
        let unit = [x.unit, y.unit][of];
        if unit.is_empty() {
            sides[of].clone()
        } else {
            format!("{}, {unit}", sides[of])
        }
    });
    let title = format!("{} against {}", sides[1], sides[0]);
    let what = if field.of_cells() { "cells" } else { "runs" };
    let about = About {
        id,
        title: &title,
        text: &format!(
            "A scatter plot of {} {what}. The tables of the page have their figures.",
            points.len()
        ),
    };
    let svg = plot::svg(HEIGHT, about, |area| {
        let inner = area.margin(8, 4, 0, 14);
        let chart = plot::axes(&inner, (&x, &y), (&titles[0], &titles[1]), (62, 44))?;
        draw(area, &chart, (field, metrics, [&x, &y]), &points)
    })?;
    Ok(Some(Scatter { svg, notes }))
}

/// The axis of a metric, over its figures, their intervals and the limits near them.
fn axis(
    field: Field<'_>,
    metric: &MetricDef,
    (points, of): (&[Point<'_>], usize),
    notes: &mut Vec<String>,
) -> Option<Axis> {
    let mut values: Vec<f64> = points.iter().map(|point| point.value(of)).collect();
    let (low, high) = (
        values.iter().copied().reduce(f64::min)?,
        values.iter().copied().reduce(f64::max)?,
    );
    values.extend(
        points
            .iter()
            .filter_map(|point| point.ends(of))
            .flat_map(|(low, high)| [low, high]),
    );
    for limit in field
        .limits
        .iter()
        .filter(|limit| limit.metric == metric.name)
    {
        if limit.value >= low / FAR && limit.value <= high * FAR {
            values.push(limit.value);
        } else {
            let side = if limit.value > high { "below" } else { "above" };
            notes.push(format!(
                "{} lies beyond this drawing: all that is shown is {side} it",
                limit.shown()
            ));
        }
    }
    Axis::over(
        &values,
        Wish {
            unit: metric.unit,
            ticks: 6,
            zero: Zero::Free,
            margin: true,
        },
    )
}

/// The limits, the runs, their intervals and their names.
fn draw(
    area: &Area<'_>,
    chart: &Chart,
    (field, metrics, axes): (Field<'_>, [&MetricDef; 2], [&Axis; 2]),
    points: &[Point<'_>],
) -> Drawn {
    let mut taken = Vec::new();
    let mut crossed = Vec::new();
    for of in [0, 1] {
        let on_axis =
            |limit: &&Limit| limit.metric == metrics[of].name && axes[of].holds(limit.value);
        for limit in field.limits.iter().filter(on_axis) {
            let (words, line) = draw_limit(area, chart, (limit, of == 0))?;
            taken.push(words);
            crossed.push(line);
        }
    }
    for point in points {
        for line in intervals(chart, axes, point) {
            plot::line(area, vec![line.0, line.1], palette::AXIS.light)?;
            crossed.push((
                (line.0.0, line.1.1.min(line.0.1)),
                (line.1.0 + 1, line.0.1.max(line.1.1) + 1),
            ));
        }
    }
    let models = models(field.records);
    for point in points {
        let name = &point.record.job.model.name;
        let shape = models.iter().position(|model| model == name).unwrap_or(0);
        let at = chart.at((point.value(0), point.value(1)));
        plot::mark(area, at, shape, (colour(point, shape), point.is_final))?;
        if field.on_front(point.record) {
            plot::ring(area, at)?;
        }
        if point.verdict == Some(Feasibility::Infeasible) {
            // Struck through: who does not see the colour sees this.
            plot::strike(area, at)?;
        }
    }
    names(area, chart, (points, models.len()), (&taken, &crossed))
}

/// The intervals of a point, from end to end; to the edge where an end is not known.
fn intervals(chart: &Chart, axes: [&Axis; 2], point: &Point<'_>) -> Vec<Frame> {
    let (x, y) = (point.value(0), point.value(1));
    let ends = [0, 1].map(|of| {
        let (low, high) = point.ends(of)?;
        let (first, last) = axes[of].ends();
        Some((low.max(first), high.min(last)))
    });
    let across = ends[0].map(|(low, high)| (chart.at((low, y)), chart.at((high, y))));
    let up = ends[1].map(|(low, high)| (chart.at((x, low)), chart.at((x, high))));
    across.into_iter().chain(up).collect()
}

/// A limit: its line, the side that breaks it, and what it says. What the words and the line cover.
fn draw_limit(
    area: &Area<'_>,
    chart: &Chart,
    (limit, across): (&Limit, bool),
) -> Drawn<(Frame, Frame)> {
    let ((left, top), (right, bottom)) = chart.frame;
    let (line, broken, at, anchor) = if across {
        let x = chart.x(limit.value);
        let broken = if limit.upper {
            ((x, top), (right, bottom))
        } else {
            ((left, top), (x, bottom))
        };
        // On the side that keeps the limit, unless the words have no room there.
        let room = if limit.upper { x - left } else { right - x };
        let wide = plot::width(&limit.short()) + 8;
        let before = limit.upper == (room >= wide);
        let (at, anchor) = if before {
            (x - 4, Anchor::End)
        } else {
            (x + 4, Anchor::Start)
        };
        (((x, top), (x, bottom)), broken, (at, top + 9), anchor)
    } else {
        let y = chart.y(limit.value);
        let broken = if limit.upper {
            ((left, top), (right, y))
        } else {
            ((left, y), (right, bottom))
        };
        let above = if limit.upper {
            y - top < 18
        } else {
            y - top >= 18
        };
        let at = if above { y - 9 } else { y + 9 };
        (
            ((left, y), (right, y)),
            broken,
            (right - 4, at),
            Anchor::End,
        )
    };
    plot::shade(area, broken, (LIMIT.light, 0.07))?;
    plot::line(area, vec![line.0, line.1], LIMIT.light.stroke_width(2))?;
    let text = limit.short();
    plot::words(area, &text, at, (anchor, LIMIT))?;
    let covers = labels::extent(&labels::Label { text, at, anchor });
    Ok((
        covers,
        ((line.0.0 - 1, line.0.1), (line.1.0 + 1, line.1.1 + 1)),
    ))
}

/// The names of the points, or their numbers in the table where the names do not fit.
fn names(
    area: &Area<'_>,
    chart: &Chart,
    (points, models): (&[Point<'_>], usize),
    (taken, crossed): (&[Frame], &[Frame]),
) -> Drawn {
    let named = |text: &dyn Fn(&Point<'_>) -> String| -> Vec<Named> {
        let named = |point: &Point<'_>| Named {
            at: chart.at((point.value(0), point.value(1))),
            text: text(point),
        };
        points.iter().map(named).collect()
    };
    let by_name = named(&|point| short(point, models));
    let by_number = named(&|point| format!("{}{}", point.number, doubt(point)));
    let fewer = labels::merged(&by_number);
    let free = |points: &[Named]| labels::place(points, chart.frame, (taken, crossed));
    let placed = free(&by_name)
        .or_else(|| free(&by_number))
        .or_else(|| free(&fewer))
        .unwrap_or_else(|| labels::beside(&fewer));
    for label in placed {
        plot::words(area, &label.text, label.at, (label.anchor, TEXT))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::super::front::Marks;
    use super::super::figures::pairs;
    use super::*;
    use crate::event::RunRecord;
    use crate::report::fixtures::{completed, failed, plateaued, record};

    fn upper(metric: &str, value: f64) -> Limit {
        Limit {
            metric: metric.to_owned(),
            sign: "<=".to_owned(),
            upper: true,
            value,
            of_some: false,
        }
    }

    fn drawing(records: &[RunRecord], limits: &[Limit], pair: usize) -> Option<Scatter> {
        let field = Field {
            records,
            summary: &[],
            limits,
            front: None,
            marks: &Marks::default(),
        };
        scatter(field, pairs(&[], &[]).0[pair], "a").unwrap()
    }

    #[test]
    fn runs_without_both_figures_are_named() {
        let mut blind = record("cnn", "digits");
        blind.metrics.retain(|row| row.metric != "test_accuracy");
        let records = [completed(), plateaued(), failed(), blind];
        let drawn = drawing(&records, &[], 0).unwrap();
        assert_eq!(
            drawn.notes,
            [
                "not shown, since it failed or was cancelled: cnn-fashion-mnist",
                "not shown, for want of test_accuracy: cnn-digits"
            ]
        );
        assert!(drawing(&records[2..], &[], 0).is_none());
    }

    #[test]
    fn a_limit_far_away_is_said_and_not_drawn() {
        let records = [completed(), plateaued()];
        for (limit, drawn) in [(5e8, true), (1e12, false)] {
            let limits = [upper("memory.peak", limit)];
            let found = drawing(&records, &limits, 1).unwrap();
            assert_eq!(
                found.svg.contains(&format!("stroke=\"{}\"", LIMIT.hex())),
                drawn
            );
            assert_eq!(found.notes.is_empty(), drawn, "{:?}", found.notes);
        }
    }

    #[test]
    fn many_points_are_numbered() {
        let records: Vec<_> = (0..60)
            .map(|i| {
                let mut record = record("mlp", "a-data-set-with-a-long-name");
                record.run = format!("{}-{i}", record.run);
                record
            })
            .collect();
        let svg = drawing(&records, &[], 0).unwrap().svg;
        assert!(
            svg.contains(">1 and 59 more</text>") && !svg.contains("a-data-set"),
            "{svg}"
        );
    }
}
