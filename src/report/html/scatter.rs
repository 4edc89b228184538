//! Trade-offs: one figure of every run against another, with their intervals and the limits.

use plotters::style::Color;

use super::super::ReportError;
use super::super::layout::first_of;
use super::axis::{Axis, Wish, Zero};
use super::figures::{Pair, Scene, title};
use super::labels::{self, Named};
use super::page::Limit;
use super::palette::{self, Ink, LIMIT, TEXT};
use super::plot::{self, About, Anchor, Area, Chart, Drawn, Frame, Pixel};
use super::points::{Coordinate, Point, SHOWN, doubt, models, points, short};
use crate::event::Feasibility;
use crate::metric::MetricDef;
use crate::report::interval;

/// Height of a drawing.
const HEIGHT: u32 = 340;

/// Half of what a mark takes with its ring.
const RING: i32 = 10;

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
    scene: Scene<'_>,
    metrics: Pair,
    id: &str,
) -> Result<Option<Scatter>, ReportError> {
    let mut notes = Vec::new();
    let points = points(scene, metrics, &mut notes);
    let [Some(x), Some(y)] = [0, 1].map(|of| axis(scene, metrics[of], &points, of, &mut notes))
    else {
        return Ok(None);
    };
    let sides = metrics.map(|metric| title(scene, metric));
    let titles = [0, 1].map(|of| {
        let unit = [x.unit, y.unit][of];
        if unit.is_empty() { sides[of].clone() } else { format!("{}, {unit}", sides[of]) }
    });
    let title = format!("{} against {}", sides[1], sides[0]);
    let what = if scene.of_cells() { "cells" } else { "runs" };
    let about = About {
        id,
        title: &title,
        text: &format!(
            "A scatter plot of {} {what}. The tables of the page have their figures.",
            points.len()
        ),
    };
    let mut spots = String::new();
    let svg = plot::svg(HEIGHT, about, |area| {
        let inner = area.margin(8, 4, 0, 14);
        let chart = plot::axes(&inner, (&x, &y), (&titles[0], &titles[1]), (62, 44))?;
        spots = points.iter().map(|point| spot(&chart, point, metrics, &sides)).collect();
        draw(area, &chart, scene, metrics, &points)
    })?;
    Ok(Some(Scatter { svg: plot::covered(&svg, &spots), notes }))
}

/// What a pointer finds at a point: its name, its verdict and its figures with their intervals.
fn spot(chart: &Chart, point: &Point<'_>, metrics: Pair, titles: &[String; 2]) -> String {
    let figures = [1, 0].map(|of| {
        let show = |value| metrics[of].unit.show(value);
        let Coordinate { value, .. } = point.coordinates[of];
        let (low, high) = point.coordinates[of].ends().unzip();
        let finite = |end: Option<f64>| end.filter(|end| end.is_finite());
        let between = interval(finite(low), finite(high), show);
        let between = between.map(|between| format!(" ({between})")).unwrap_or_default();
        format!("{} {}{between}", titles[of], show(value))
    });
    let verdict = point.verdict.map(|verdict| format!(" ({verdict})")).unwrap_or_default();
    let says = format!("{}{verdict}: {}", point.name, figures.join("; "));
    plot::spot(chart.at(point.values()), &says)
}

/// The axis of a metric, over its figures, their intervals and the limits near them. What a model is like that was not trained
/// to the end does not stretch it: it is drawn at the edge, and said.
fn axis(
    scene: Scene<'_>,
    metric: &MetricDef,
    points: &[Point<'_>],
    of: usize,
    notes: &mut Vec<String>,
) -> Option<Axis> {
    let is_final = |point: &&Point<'_>| point.coordinates[of].is_final;
    let any_final = points.iter().any(|point| is_final(&point));
    let counts = |point: &&Point<'_>| is_final(point) || !any_final;
    let mut values: Vec<f64> =
        points.iter().filter(counts).map(|point| point.coordinates[of].value).collect();
    let (low, high) =
        (values.iter().copied().reduce(f64::min)?, values.iter().copied().reduce(f64::max)?);
    values.extend(
        points
            .iter()
            .filter(counts)
            .filter_map(|point| point.coordinates[of].ends())
            .flat_map(|(low, high)| [low, high]),
    );
    for limit in scene.limits.iter().filter(|limit| limit.metric == metric.id) {
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
    let wish = Wish { unit: metric.unit, ticks: 6, zero: Zero::Free, margin: true };
    let axis = Axis::over(&values, wish)?;
    let beyond = points.iter().filter(|point| !axis.holds(point.coordinates[of].value));
    let beyond: Vec<_> = beyond
        .map(|point| format!("{} ({})", point.name, metric.unit.show(point.coordinates[of].value)))
        .collect();
    if !beyond.is_empty() {
        notes.push(format!(
            "at the edge, since its {} is that of a model not trained to the end: {}",
            metric.name,
            first_of(&beyond, SHOWN)
        ));
    }
    Some(axis)
}

/// The limits, the runs, their intervals and their names.
fn draw(
    area: &Area<'_>,
    chart: &Chart,
    scene: Scene<'_>,
    metrics: [&MetricDef; 2],
    points: &[Point<'_>],
) -> Drawn {
    let places: Vec<Pixel> = points.iter().map(|point| chart.at(point.values())).collect();
    let marks = places.iter().map(|at| labels::around(*at, RING, RING));
    let mut avoid: Vec<Frame> = marks.collect();
    let drawn: Vec<LimitLine<'_>> = [0, 1]
        .into_iter()
        .flat_map(|of| {
            let on_axis = move |limit: &&Limit| {
                limit.metric == metrics[of].id && chart.holds(of, limit.value)
            };
            let limits = scene.limits.iter().filter(on_axis);
            limits.map(move |limit| LimitLine { limit, across: of == 0 })
        })
        .collect();
    let mut crossed = Vec::new();
    for limit in &drawn {
        crossed.push(draw_limit(area, chart, *limit)?);
    }
    avoid.extend(&crossed);
    let mut taken = Vec::new();
    for limit in &drawn {
        let words = words_of_limit(chart, *limit, &avoid);
        plot::words(area, &words.text, words.at, words.anchor, LIMIT)?;
        let covers = labels::extent(&words);
        avoid.push(covers);
        taken.push(covers);
    }
    for point in points {
        for line in intervals(chart, point) {
            plot::line(area, vec![line.0, line.1], palette::AXIS.light)?;
            crossed.push((
                (line.0.0, line.1.1.min(line.0.1)),
                (line.1.0 + 1, line.0.1.max(line.1.1) + 1),
            ));
        }
    }
    let models = models(scene.records);
    for (point, at) in points.iter().zip(&places) {
        let (name, at) = (&point.record.job.model.name, *at);
        let shape = models.iter().position(|model| model == name).unwrap_or(0);
        plot::mark(area, at, shape, colour(point, shape), point.is_final())?;
        if scene.on_front(point.record) {
            plot::ring(area, at)?;
        }
        if point.verdict == Some(Feasibility::Infeasible) {
            // Struck through: who does not see the colour sees this.
            plot::strike(area, at)?;
        }
    }
    let named = points.iter().zip(places).collect::<Vec<_>>();
    names(area, chart, &named, models.len(), (&taken, &crossed))
}

/// The intervals of a point, from end to end; to the edge where an end is not known.
fn intervals(chart: &Chart, point: &Point<'_>) -> impl Iterator<Item = Frame> {
    let (x, y) = point.values();
    let [across, up] = point.coordinates.map(|figure| figure.ends());
    let across = across.map(|(low, high)| (chart.at((low, y)), chart.at((high, y))));
    let up = up.map(|(low, high)| (chart.at((x, low)), chart.at((x, high))));
    across.into_iter().chain(up)
}

/// A limit and how its line runs: at a place across, or at a height.
#[derive(Debug, Clone, Copy)]
struct LimitLine<'a> {
    limit: &'a Limit,
    across: bool,
}

/// A limit: its line, and the side that breaks it. What the line covers.
fn draw_limit(area: &Area<'_>, chart: &Chart, drawn: LimitLine<'_>) -> Drawn<Frame> {
    let LimitLine { limit, across } = drawn;
    let ((left, top), (right, bottom)) = chart.frame;
    let at = chart.along(usize::from(!across), limit.value);
    let (line, broken) = if across {
        let (from, to) = if limit.upper { (at, right) } else { (left, at) };
        (((at, top), (at, bottom)), ((from, top), (to, bottom)))
    } else {
        let (from, to) = if limit.upper { (top, at) } else { (at, bottom) };
        (((left, at), (right, at)), ((left, from), (right, to)))
    };
    plot::shade(area, broken, LIMIT.light, 0.07)?;
    plot::line(area, vec![line.0, line.1], LIMIT.light.stroke_width(2))?;
    Ok(((line.0.0 - 1, line.0.1 - 1), (line.1.0 + 1, line.1.1 + 1)))
}

/// What a limit says, beside its line and beside all that is to be avoided, where there is such a place.
fn words_of_limit(chart: &Chart, line: LimitLine<'_>, avoid: &[Frame]) -> labels::Label {
    let LimitLine { limit, across } = line;
    let ((left, top), _) = chart.frame;
    let at = chart.along(usize::from(!across), limit.value);
    let on_line = if across { (at, top) } else { (left, at) };
    let places = places_of_words(chart.frame, line, on_line);
    let label = |(at, anchor)| labels::Label { text: limit.short(), at, anchor };
    let free = |label: &labels::Label| {
        let covers = labels::extent(label);
        let hit = avoid.iter().any(|taken| labels::overlap(covers, *taken));
        labels::inside(covers, chart.frame) && !hit
    };
    let mut labels = places.into_iter().map(label);
    labels.find(free).unwrap_or_else(|| label(places[0]))
}

/// Where the words of a limit may stand: first on the side that keeps it, at the end of its line.
fn places_of_words(
    ((left, top), (right, bottom)): Frame,
    line: LimitLine<'_>,
    (x, y): Pixel,
) -> [(Pixel, Anchor); 4] {
    let LimitLine { limit, across } = line;
    if across {
        let sides = [(x - 4, Anchor::End), (x + 4, Anchor::Start)];
        let [keeps, breaks] = if limit.upper { sides } else { [sides[1], sides[0]] };
        let ends = [top + 9, bottom - 9];
        [(keeps, 0), (keeps, 1), (breaks, 0), (breaks, 1)]
            .map(|((x, anchor), end)| ((x, ends[end]), anchor))
    } else {
        let [keeps, breaks] = if limit.upper { [y + 9, y - 9] } else { [y - 9, y + 9] };
        let ends = [(right - 4, Anchor::End), (left + 4, Anchor::Start)];
        [(keeps, 0), (keeps, 1), (breaks, 0), (breaks, 1)]
            .map(|(y, end)| ((ends[end].0, y), ends[end].1))
    }
}

/// The names of the points, or their numbers in the table where the names do not fit.
fn names(
    area: &Area<'_>,
    chart: &Chart,
    points: &[(&Point<'_>, Pixel)],
    models: usize,
    (taken, crossed): (&[Frame], &[Frame]),
) -> Drawn {
    let named = |text: &dyn Fn(&Point<'_>) -> String| -> Vec<Named> {
        let named = |(point, at): &(&Point<'_>, Pixel)| Named { at: *at, text: text(point) };
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
        plot::words(area, &label.text, label.at, label.anchor, TEXT)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::super::front::Marks;
    use super::super::figures::pairs;
    use super::*;
    use crate::event::RunRecord;
    use crate::report::fixtures::{completed, failed, known, record};

    fn upper(metric: &str, value: f64) -> Limit {
        Limit { metric: metric.into(), sign: "<=".to_owned(), upper: true, value, of_some: false }
    }

    fn drawing(records: &[RunRecord], limits: &[Limit], pair: usize) -> Option<Scatter> {
        let scene = Scene { records, summary: &[], limits, front: None, marks: &Marks::default() };
        scatter(scene, pairs(&[], &[]).0[pair], "a").unwrap()
    }

    #[test]
    fn runs_without_both_figures_are_named() {
        let mut blind = record("cnn", "digits");
        blind.metrics.retain(|row| row.metric != "test_accuracy");
        let records = [completed(), known(), failed(), blind];
        let drawn = drawing(&records, &[], 0).unwrap();
        assert_eq!(
            drawn.notes,
            [
                "not shown, since it failed or was cancelled: cnn-fashion-mnist",
                "not shown, without test_accuracy: cnn-digits",
                "at the edge, since its test_accuracy is that of a model not trained to the end: resnet-fashion-mnist (0.4125)"
            ]
        );
        assert!(drawing(&records[2..], &[], 0).is_none());
    }

    #[test]
    fn what_was_not_trained_to_the_end_does_not_stretch_the_axis() {
        let records = [completed(), record("cnn", "digits"), known()];
        let drawn = drawing(&records, &[], 0).unwrap();
        assert_eq!(
            drawn.notes,
            [
                "at the edge, since its test_accuracy is that of a model not trained to the end: resnet-fashion-mnist (0.4125)"
            ]
        );
        assert!(!drawn.svg.contains(">0.4</text>"), "{}", drawn.svg);
        // Where there is nothing else it is drawn as it is.
        let alone = drawing(&records[2..], &[], 0).unwrap();
        assert!(alone.notes.is_empty(), "{:?}", alone.notes);
    }

    #[test]
    fn the_words_of_limits_keep_out_of_each_others_way() {
        let frame = ((60, 10), (460, 280));
        let label = |(at, anchor): (Pixel, Anchor)| labels::Label {
            text: "<= 100 MiB".to_owned(),
            at,
            anchor,
        };
        let least = Limit { upper: false, ..upper("test_accuracy", 0.5) };
        for limit in [&upper("memory.peak", 1.0), &least] {
            for (across, at) in [(true, (200, 10)), (false, (60, 100))] {
                let places = places_of_words(frame, LimitLine { limit, across }, at);
                let covers = places.map(|place| labels::extent(&label(place)));
                for (one, other) in [(0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3)] {
                    assert!(!labels::overlap(covers[one], covers[other]), "{places:?}");
                }
                assert!(covers.iter().all(|cover| labels::inside(*cover, frame)));
            }
        }
    }

    #[test]
    fn a_limit_far_away_is_said_and_not_drawn() {
        let records = [completed(), known()];
        for (limit, drawn) in [(5e8, true), (1e12, false)] {
            let limits = [upper("memory.peak", limit)];
            let found = drawing(&records, &limits, 1).unwrap();
            assert_eq!(found.svg.contains(&format!("stroke=\"{}\"", LIMIT.hex())), drawn);
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
        assert!(svg.contains(">1 and 59 more</text>"), "{svg}");
        // Each says its name to a pointer.
        let (drawn, spots) = svg.split_once("<circle class=\"spot\"").unwrap();
        assert!(!drawn.contains("a-data-set"), "{drawn}");
        assert_eq!(spots.matches("<title>mlp-a-data-set").count(), 60, "{spots}");
    }
}
