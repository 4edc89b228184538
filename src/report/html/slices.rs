//! Slices through the recommended cell: what the search's model says along each axis, and what was measured there.

use plotters::style::Color;

use super::super::ReportError;
use super::super::found::{Slice, SlicePoint};
use super::super::summary::SummaryRow;
use super::axis::{Axis, Wish, Zero};
use super::page::Page;
use super::palette::{LIMIT, LINE, TEXT};
use super::plot::{self, About, Anchor, Area, Chart, Drawn};
use crate::metric::MetricDef;

/// Height of a panel with its title.
const PANEL: u32 = 150;

/// Height of the axis below the last panel.
const BOTTOM: u32 = 40;

/// Width of the ticks' numbers.
const LEFT: u32 = 56;

/// Room behind the last level.
const RIGHT: u32 = 14;

/// A limit this many times beyond the band is not drawn: the band would be a line.
const FAR: f64 = 3.0;

/// A drawing for each axis, with a panel for each figure.
pub(super) fn drawings(page: &Page<'_>, slices: &[Slice]) -> Result<Vec<String>, ReportError> {
    let mut drawn = Vec::new();
    let axes = super::super::distinct(slices.iter().map(|slice| &slice.axis));
    for (place, axis) in axes.into_iter().enumerate() {
        let own: Vec<&Slice> = slices.iter().filter(|slice| slice.axis == *axis).collect();
        drawn.push(drawing(page, &own, &format!("slice{place}"))?);
    }
    Ok(drawn)
}

fn drawing(page: &Page<'_>, slices: &[&Slice], id: &str) -> Result<String, ReportError> {
    let first = slices[0];
    let metrics: Vec<&str> = slices.iter().map(|slice| slice.metric.as_str()).collect();
    let title = format!("{} along {}", metrics.join(" and "), first.axis);
    let levels: Vec<(f64, String)> =
        first.points.iter().map(|point| (point.at, point.level.clone())).collect();
    let room = i32::try_from(plot::WIDTH - LEFT - RIGHT).unwrap_or(i32::MAX);
    let across = Axis::of_levels(&levels, room, |level| plot::width(level) + plot::CHARACTER);
    let text = format!("What the model says at {} levels of {}.", levels.len(), first.axis);
    let height = PANEL * u32::try_from(slices.len()).unwrap_or(1) + BOTTOM;
    plot::svg(height, About { id, title: &title, text: &text }, |area| {
        let mut top = 0;
        for (place, slice) in slices.iter().enumerate() {
            let last = place + 1 == slices.len();
            let tall = PANEL + if last { BOTTOM } else { 0 };
            let part = area.clone().shrink((0, top), (plot::WIDTH - RIGHT, tall));
            panel(area, &part, page, slice, &across, last)?;
            top += PANEL;
        }
        Ok(())
    })
}

/// What was measured of a cell.
fn measured<'a>(page: &Page<'a>, metric: &MetricDef, cell: &str) -> Option<&'a SummaryRow> {
    let first = page.records.iter().find(|run| run.cell == cell)?;
    SummaryRow::of(page.summary, first, metric).filter(|row| row.mean.is_some())
}

fn panel(
    area: &Area<'_>,
    part: &Area<'_>,
    page: &Page<'_>,
    slice: &Slice,
    across: &Axis,
    last: bool,
) -> Drawn {
    let Some(metric) = slice.metric.def() else { return Ok(()) };
    let rows: Vec<(&SlicePoint, &SummaryRow)> = slice
        .points
        .iter()
        .filter_map(|point| Some((point, measured(page, metric, &point.cell)?)))
        .collect();
    let mut values: Vec<f64> = slice.points.iter().flat_map(|of| [of.low, of.high]).collect();
    values.extend(rows.iter().flat_map(|(_, row)| [row.mean, row.low, row.high]).flatten());
    let limit = page.limits.iter().find(|limit| limit.metric == metric.id && !limit.of_some);
    let (low, high) = (
        values.iter().copied().fold(f64::INFINITY, f64::min),
        values.iter().copied().fold(f64::NEG_INFINITY, f64::max),
    );
    let near = |value: f64| value <= high + FAR * (high - low) && value >= low - FAR * (high - low);
    let limit = limit.filter(|limit| near(limit.value));
    values.extend(limit.map(|limit| limit.value));
    let wish = Wish { unit: metric.unit, ticks: 4, zero: Zero::Free, margin: true };
    let Some(up) = Axis::over(&values, wish) else { return Ok(()) };
    let inner = part.margin(22, if last { 0 } else { 8 }, 0, 0);
    let (under, name) = if last { (BOTTOM, &*slice.axis) } else { (0, "") };
    let chart = plot::axes(&inner, (across, &up), (name, ""), (LEFT, under))?;
    let draw = if slice.ordered { curve } else { bars };
    draw(area, &chart, slice)?;
    if let Some(limit) = limit {
        let ((left, _), (right, _)) = chart.frame;
        let y = chart.along(1, limit.value);
        plot::line(area, vec![(left, y), (right, y)], LIMIT.light.stroke_width(2))?;
    }
    for (point, row) in rows {
        let Some(mean) = row.mean else { continue };
        if let (Some(low), Some(high)) = (row.low, row.high) {
            let ends = vec![chart.at((point.at, low)), chart.at((point.at, high))];
            plot::line(area, ends, TEXT.light)?;
        }
        let at = chart.at((point.at, mean));
        plot::dot(area, at, 4, TEXT, 1.0)?;
        if page.found.is_some_and(|found| found.is_first(&point.cell)) {
            plot::ring(area, at)?;
        }
    }
    let unit = if up.unit.is_empty() { String::new() } else { format!(", {}", up.unit) };
    let ((left, top), _) = chart.frame;
    plot::words(area, &format!("{}{unit}", slice.metric), (left, top - 10), Anchor::Start, TEXT)
}

/// The band and its middle.
fn curve(area: &Area<'_>, chart: &Chart, slice: &Slice) -> Drawn {
    let along = |value: fn(&SlicePoint) -> f64| {
        slice.points.iter().map(move |point| chart.at((point.at, value(point))))
    };
    let mut corners: Vec<_> = along(|point| point.high).collect();
    corners.extend(along(|point| point.low).collect::<Vec<_>>().into_iter().rev());
    plot::band(area, corners, LINE.light, 0.18)?;
    plot::line(area, along(|point| point.middle).collect(), LINE.light.stroke_width(2))
}

/// The same of words, between which there is nothing.
fn bars(area: &Area<'_>, chart: &Chart, slice: &Slice) -> Drawn {
    for point in &slice.points {
        let (x, low) = chart.at((point.at, point.low));
        let (high, middle) = (chart.along(1, point.high), chart.along(1, point.middle));
        plot::shade(area, ((x - 9, high), (x + 9, low)), LINE.light, 0.18)?;
        plot::line(area, vec![(x - 9, middle), (x + 9, middle)], LINE.light.stroke_width(2))?;
    }
    Ok(())
}

/// What the marks mean.
pub(super) fn legend() -> Result<Vec<(String, String)>, ReportError> {
    Ok(vec![
        plot::entry("model, and the 95% band of what it believes", |area| {
            plot::shade(area, ((1, 3), (17, 15)), LINE.light, 0.18)?;
            plot::line(area, vec![(1, 9), (17, 9)], LINE.light.stroke_width(2))
        })?,
        plot::entry("measured", |area| plot::dot(area, (9, 9), 4, TEXT, 1.0))?,
        plot::entry("recommended", |area| {
            plot::dot(area, (9, 9), 4, TEXT, 1.0)?;
            plot::ring(area, (9, 9))
        })?,
    ])
}
