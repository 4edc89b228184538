//! Trade-offs: one figure of every run against another, with their intervals and the limits.

use super::super::ReportError;
use super::super::headline::{Place, accuracy_is_final};
use super::axis::{Axis, Wish, Zero};
use super::labels::{self, Named};
use super::palette::{self, Ink, LIMIT, TEXT};
use super::plot::{self, About, Anchor, Area, Chart, Drawn, Frame};
use super::{Limit, Objective};
use crate::event::metric::{Scope, find};
use crate::event::{Feasibility, MetricDef, MetricRow, RunRecord, RunStatus};
use plotters::style::Color;

/// Height of a drawing.
const HEIGHT: u32 = 340;

/// A limit this many times beyond all figures is not drawn: the figures would be a dot.
const FAR: f64 = 20.0;

/// Most drawings.
const MOST: usize = 6;

/// The runs that the drawings may show, and what is asked of them.
#[derive(Debug, Clone, Copy)]
pub(super) struct Field<'a> {
    /// All runs, in the order of the table.
    pub(super) records: &'a [RunRecord],
    /// The limits.
    pub(super) limits: &'a [Limit],
}

/// A drawing and what stands under it.
pub(super) struct Scatter {
    /// The element.
    pub(super) svg: String,
    /// What a reader must know beside it.
    pub(super) notes: Vec<String>,
}

/// The metrics that are drawn against each other, across and up: those of the objectives, each with each; without any,
/// what serving and training cost against what they give. A limited percentile is shown rather than the median.
pub(super) fn pairs(objectives: &[Objective], limits: &[Limit]) -> Vec<[&'static MetricDef; 2]> {
    let asked: Vec<_> = objectives
        .iter()
        .filter_map(|objective| Some((find(&objective.metric)?, objective.maximize)))
        .collect();
    let mut pairs = Vec::new();
    for (place, (first, maximize)) in asked.iter().enumerate() {
        for (second, also) in &asked[place + 1..] {
            // Costs lie across, and what they buy goes up.
            let swapped = *maximize && !*also;
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
struct Point<'a> {
    record: &'a RunRecord,
    /// Its row of the table, from 1.
    number: usize,
    rows: [&'a MetricRow; 2],
}

impl Point<'_> {
    fn value(&self, of: usize) -> f64 {
        self.rows[of].estimate.unwrap_or_default()
    }

    fn ends(&self, of: usize) -> Option<(f64, f64)> {
        let (low, high) = (self.rows[of].low?, self.rows[of].high?);
        (low.is_finite() && high.is_finite()).then_some((low, high))
    }

    /// Whether one of its figures is that of a model that was not trained to the end.
    fn is_final(&self) -> bool {
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

/// The colour of a run: its verdict's, or its model's where there is none.
fn colour(record: &RunRecord, shape: usize) -> Ink {
    let verdict = record.verdict.as_ref().map(|verdict| verdict.verdict);
    verdict.map_or_else(|| palette::of_model(shape), palette::of_verdict)
}

/// Draws a pair of metrics; `None` where no run has both. `id` is unique on the page.
pub(super) fn scatter(
    field: Field<'_>,
    metrics: [&'static MetricDef; 2],
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
    let about = About {
        id,
        title: &title,
        text: &format!(
            "A scatter plot of {} runs. The table of runs has their figures.",
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

/// The runs that have both figures; the notes name the others.
fn points<'a>(
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

/// The metric, and of which requests it speaks.
fn title(field: Field<'_>, metric: &MetricDef) -> String {
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
        for line in intervals(chart, point) {
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
        plot::mark(
            area,
            at,
            shape,
            (colour(point.record, shape), point.is_final()),
        )?;
        let verdict = point.record.verdict.as_ref().map(|verdict| verdict.verdict);
        if verdict == Some(Feasibility::Infeasible) {
            // Struck through: who does not see the colour sees this.
            plot::strike(area, at)?;
        }
    }
    names(area, chart, (points, models.len()), (&taken, &crossed))
}

/// The intervals of a point, from end to end.
fn intervals(chart: &Chart, point: &Point<'_>) -> Vec<Frame> {
    let (x, y) = (point.value(0), point.value(1));
    let across = point
        .ends(0)
        .map(|(low, high)| (chart.at((low, y)), chart.at((high, y))));
    let up = point
        .ends(1)
        .map(|(low, high)| (chart.at((x, low)), chart.at((x, high))));
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
    let by_name = named(&|point| short(point.record, models));
    let by_number = named(&|point| point.number.to_string());
    let placed = labels::place(&by_name, chart.frame, (taken, crossed))
        .or_else(|| labels::place(&by_number, chart.frame, (taken, crossed)))
        .unwrap_or_else(|| labels::beside(&by_number));
    for label in placed {
        plot::words(area, &label.text, label.at, (label.anchor, TEXT))?;
    }
    Ok(())
}

/// What tells a run from others beside its model, which its mark tells; a question mark where it is undecided.
fn short(record: &RunRecord, models: usize) -> String {
    let model = format!("{}-", record.job.model.name);
    let rest = record
        .run
        .strip_prefix(&model)
        .filter(|rest| !rest.is_empty());
    let shown = rest
        .filter(|_| models <= palette::SHAPES.len())
        .unwrap_or(&record.run);
    let verdict = record.verdict.as_ref().map(|verdict| verdict.verdict);
    let mark = if verdict == Some(Feasibility::Undecided) {
        " ?"
    } else {
        ""
    };
    format!("{shown}{mark}")
}

/// What the marks mean: each with its symbol.
pub(super) fn legend(field: Field<'_>) -> Result<Vec<(String, String)>, ReportError> {
    let shown: Vec<_> = field
        .records
        .iter()
        .filter(|record| !matches!(record.status, RunStatus::Failed | RunStatus::Cancelled))
        .collect();
    let verdicts = [
        Feasibility::Feasible,
        Feasibility::Infeasible,
        Feasibility::Undecided,
    ];
    let has = |of: Feasibility| {
        let mut all = shown.iter().filter_map(|record| record.verdict.as_ref());
        all.any(|verdict| verdict.verdict == of)
    };
    let judged = shown.iter().any(|record| record.verdict.is_some());
    let mut entries = Vec::new();
    for (shape, model) in models(field.records)
        .into_iter()
        .enumerate()
        .take(palette::SHAPES.len())
    {
        let ink = if judged {
            palette::AXIS
        } else {
            palette::of_model(shape)
        };
        let symbol = plot::symbol(|area| plot::mark(area, (9, 9), shape, (ink, true)))?;
        entries.push((symbol, model.to_owned()));
    }
    for verdict in verdicts.into_iter().filter(|verdict| has(*verdict)) {
        let ink = palette::of_verdict(verdict);
        let symbol = plot::symbol(|area| {
            plot::mark(area, (9, 9), 0, (ink, true))?;
            if verdict == Feasibility::Infeasible {
                plot::strike(area, (9, 9))?;
            }
            Ok(())
        })?;
        entries.push((symbol, verdict.to_string()));
    }
    if shown
        .iter()
        .any(|record| accuracy_is_final(record) == Some(false))
    {
        let symbol = plot::symbol(|area| plot::mark(area, (9, 9), 0, (palette::AXIS, false)))?;
        entries.push((symbol, "not trained to the end".to_owned()));
    }
    if !field.limits.is_empty() {
        let symbol = plot::symbol(|area| {
            plot::shade(area, ((9, 0), (18, 18)), (LIMIT.light, 0.07))?;
            plot::line(area, vec![(9, 0), (9, 18)], LIMIT.light.stroke_width(2))
        })?;
        entries.push((symbol, "limit, and the side that breaks it".to_owned()));
    }
    Ok(entries)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::fixtures::{completed, failed, plateaued, record};

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
            maximize,
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

    #[test]
    fn runs_without_both_figures_are_named() {
        let mut blind = record("cnn", "digits");
        blind.metrics.retain(|row| row.metric != "test_accuracy");
        let records = [completed(), plateaued(), failed(), blind];
        let field = Field {
            records: &records,
            limits: &[],
        };
        let pair = pairs(&[], &[])[0];
        let drawn = scatter(field, pair, "a").unwrap().unwrap();
        assert_eq!(
            drawn.notes,
            [
                "not shown, since it failed or was cancelled: cnn-fashion-mnist",
                "not shown, for want of test_accuracy: cnn-digits"
            ]
        );
        let none = Field {
            records: &records[2..],
            limits: &[],
        };
        assert!(scatter(none, pair, "a").unwrap().is_none());
    }

    #[test]
    fn a_limit_far_away_is_said_and_not_drawn() {
        let records = [completed(), plateaued()];
        for (limit, drawn) in [(5e8, true), (1e12, false)] {
            let limits = [upper("memory.peak", limit)];
            let field = Field {
                records: &records,
                limits: &limits,
            };
            let pair = pairs(&[], &[])[1];
            let found = scatter(field, pair, "a").unwrap().unwrap();
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
        let field = Field {
            records: &records,
            limits: &[],
        };
        let svg = scatter(field, pairs(&[], &[])[0], "a")
            .unwrap()
            .unwrap()
            .svg;
        assert!(
            svg.contains(">60</text>") && !svg.contains("a-data-set"),
            "{svg}"
        );
    }
}
