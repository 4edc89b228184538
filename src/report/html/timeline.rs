//! A run from its start to its end: what it did, what it took, where it was left to warm up and where it was stopped.

use std::collections::BTreeMap;

use plotters::coord::ranged1d::Ranged;
use plotters::style::Color;

use super::super::ReportError;
use super::axis::{Axis, Wish, Zero};
use super::markup::escaped;
use super::palette::{self, AXIS, Ink, LINE, STOP, TEXT};
use super::plot::{self, About, Anchor, Area, Chart, Drawn, Pixel};
use super::trace::Trace;
use crate::event::Stage;
use crate::metric::{CATALOGUE, MetricId};
use crate::units::Unit;

/// Height of a panel with its title.
const PANEL: u32 = 88;

/// Height of the line with the names of the stages.
const TOP: u32 = 18;

/// Height of the axis of time.
const BOTTOM: u32 = 36;

/// Width of the ticks' numbers.
const LEFT: u32 = 52;

/// Room for the half of the last tick's number.
const RIGHT: u32 = 24;

/// What happened in a run, in seconds since its start and in base units.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct RunSeries {
    /// When it ended.
    pub end_s: f64,
    /// Its stages, in order.
    pub stages: Vec<StageSpan>,
    /// Samples a second over short windows.
    pub throughput: Trace,
    /// Median time of a step or request in each window.
    pub latency: Trace,
    /// The longest in each window.
    pub slowest: Trace,
    /// What the sampler read, by the metrics that have a panel; a counter as its rate.
    pub sampled: BTreeMap<MetricId, Trace>,
    /// When the controller asked it to leave a serve phase.
    pub asked_s: Vec<f64>,
    /// When its measuring ended, and why in a word.
    pub stop: Option<(f64, String)>,
}

/// A stage of a run.
#[derive(Debug, Clone, PartialEq)]
pub struct StageSpan {
    /// Which.
    pub stage: Stage,
    /// Its begin.
    pub from_s: f64,
    /// Its end.
    pub to_s: f64,
    /// Until when its estimates leave steps out as warm-up; absent where nothing is left out.
    pub warm_up_s: Option<f64>,
}

/// One series with its title.
pub(in crate::report) struct Panel<'a> {
    pub(in crate::report) title: &'static str,
    pub(in crate::report) unit: Unit,
    pub(in crate::report) line: &'a Trace,
    /// A line in the background.
    pale: Option<&'a Trace>,
    zero: Zero,
    /// Whether it is of steps, whose warm-up is known.
    of_steps: bool,
}

impl Panel<'_> {
    fn traces(&self) -> impl Iterator<Item = &Trace> {
        self.pale.into_iter().chain([self.line])
    }
}

impl RunSeries {
    /// The series that have readings, in their order on the page.
    pub(in crate::report) fn panels(&self) -> Vec<Panel<'_>> {
        panels(self)
    }
}

fn panels(series: &RunSeries) -> Vec<Panel<'_>> {
    let of_steps =
        |title, unit, line, zero| Panel { title, unit, line, pale: None, zero, of_steps: true };
    let of_ticks =
        |title, unit, line| Panel { of_steps: false, ..of_steps(title, unit, line, Zero::Always) };
    let latency = "time of a step or request: median, and in grey the longest";
    let of_steps = [
        of_steps("throughput", Unit::SamplesPerSecond, &series.throughput, Zero::Even),
        Panel {
            pale: Some(&series.slowest),
            ..of_steps(latency, Unit::Seconds, &series.latency, Zero::Even)
        },
    ];
    let of_ticks = CATALOGUE.iter().filter_map(|metric| {
        Some(of_ticks(metric.panel?, metric.unit, series.sampled.get(&metric.id)?))
    });
    of_steps.into_iter().chain(of_ticks).filter(|panel| !panel.line.is_empty()).collect()
}

/// Draws a run; `None` where nothing was read.
pub(super) fn timeline(
    series: &RunSeries,
    (id, title): (&str, &str),
) -> Result<Option<String>, ReportError> {
    let panels = series.panels();
    let time = Wish { unit: Unit::One, ticks: 8, zero: Zero::Always, margin: false };
    let ends = [0.0, series.end_s];
    let Some(time) = Axis::over(&ends, time).filter(|_| !panels.is_empty()) else {
        return Ok(None);
    };
    let stages: Vec<_> = series.stages.iter().map(|span| span.stage.to_string()).collect();
    let about = About {
        id,
        title,
        text: &format!(
            "Time series of {}, over the stages {}.",
            listed(&panels),
            stages.join(", ")
        ),
    };
    let height = TOP + PANEL * u32::try_from(panels.len()).unwrap_or(1) + BOTTOM;
    let mut covers = String::new();
    let drawing = plot::svg(height, about, |area| {
        let mut top = TOP;
        for (place, panel) in panels.iter().enumerate() {
            let last = place + 1 == panels.len();
            let room = area
                .clone()
                .shrink((0, top), (plot::WIDTH - RIGHT, PANEL + if last { BOTTOM } else { 0 }));
            covers += &draw_panel(area, &room, panel, last, &time, series)?;
            top += PANEL;
        }
        stage_names(area, &time, series)
    })?;
    Ok(Some(plot::covered(&drawing, &covers)))
}

fn listed(panels: &[Panel<'_>]) -> String {
    let titles: Vec<_> = panels.iter().map(|panel| panel.title).collect();
    titles.join(", ")
}

fn draw_panel(
    area: &Area<'_>,
    room: &Area<'_>,
    panel: &Panel<'_>,
    last: bool,
    time: &Axis,
    series: &RunSeries,
) -> Drawn<String> {
    let values: Vec<f64> = panel.traces().flat_map(Trace::values).collect();
    let wish = Wish { unit: panel.unit, ticks: 4, zero: panel.zero, margin: true };
    let Some(axis) = Axis::over(&values, wish) else {
        return Ok(String::new());
    };
    let inner = room.margin(20, if last { 0 } else { 6 }, 0, 0);
    let (under, title) = if last { (BOTTOM, "seconds since the start") } else { (0, "") };
    let chart = plot::axes(&inner, (time, &axis), (title, ""), (LEFT, under))?;
    stages(area, &chart, series, panel.of_steps)?;
    let inks = [(panel.pale, AXIS), (Some(panel.line), LINE)];
    for (trace, ink) in inks {
        for piece in trace.into_iter().flat_map(Trace::pieces) {
            curve(area, &chart, piece, ink)?;
        }
    }
    let unit = if axis.unit.is_empty() { String::new() } else { format!(", {}", axis.unit) };
    let ((left, top), _) = chart.frame;
    plot::words(area, &format!("{}{unit}", panel.title), (left, top - 9), Anchor::Start, TEXT)?;
    Ok(cover(&chart, &axis, panel.title, series.end_s))
}

/// What a script reads the lines of a panel by: its place, and the values at its edges.
fn cover(chart: &Chart, axis: &Axis, title: &str, end_s: f64) -> String {
    let ((left, top), (right, bottom)) = chart.frame;
    let [low, high] = axis.written_ends();
    let name = escaped(title.split(':').next().unwrap_or(title));
    let decades = if axis.decades { " data-decades=\"1\"" } else { "" };
    format!(
        "<rect class=\"panel\" x=\"{left}\" y=\"{top}\" width=\"{}\" height=\"{}\" data-name=\"{name}\" data-unit=\"{}\" \
         data-low=\"{low:.4}\" data-high=\"{high:.4}\"{decades} data-end=\"{end_s:.3}\"/>",
        right - left,
        bottom - top,
        axis.unit,
    )
}

/// A piece of a line; a dot where it is a single reading.
fn curve(area: &Area<'_>, chart: &Chart, piece: Vec<(f64, f64)>, ink: Ink) -> Drawn {
    let mut places: Vec<Pixel> = piece.into_iter().map(|point| chart.at(point)).collect();
    places.dedup();
    if let [(x, y)] = places[..] {
        places = vec![(x - 1, y), (x + 1, y)];
    }
    plot::line(area, places, ink.light)
}

/// The stages behind a panel, what they leave out as warm-up, and where the run was asked to go on or to stop.
fn stages(area: &Area<'_>, chart: &Chart, series: &RunSeries, of_steps: bool) -> Drawn {
    let ((_, top), (_, bottom)) = chart.frame;
    for span in &series.stages {
        let (from, to) = (chart.x(span.from_s), chart.x(span.to_s));
        if let Some((ink, share)) = tint(span.stage) {
            plot::shade(area, ((from, top), (to, bottom)), ink.light, share)?;
        }
        if let Some(until_s) = span.warm_up_s.filter(|_| of_steps) {
            let until = chart.x(until_s).max(from + 1);
            plot::shade(area, ((from, top), (until, bottom)), AXIS.light, 0.3)?;
        }
    }
    for asked_s in &series.asked_s {
        let x = chart.x(*asked_s);
        plot::line(area, vec![(x, top), (x, bottom)], AXIS.light)?;
    }
    if let Some((stop_s, _)) = &series.stop {
        let x = chart.x(*stop_s);
        plot::line(area, vec![(x, top), (x, bottom)], STOP.light.stroke_width(2))?;
    }
    Ok(())
}

fn tint(stage: Stage) -> Option<(Ink, f64)> {
    match stage {
        Stage::Serve(_) | Stage::Probe(_) | Stage::Confirm(_) => Some((palette::of_model(2), 0.12)),
        Stage::Train | Stage::Run => Some((palette::of_model(0), 0.1)),
        Stage::Test => Some((palette::of_model(4), 0.14)),
        Stage::Load | Stage::Warmup => None,
    }
}

/// The names of the stages over the panels, those that have room.
fn stage_names(area: &Area<'_>, time: &Axis, series: &RunSeries) -> Drawn {
    let left = i32::try_from(LEFT).unwrap_or(0);
    let right = i32::try_from(plot::WIDTH - RIGHT).unwrap_or(0);
    let mut free_from = left;
    for span in &series.stages {
        let (from, to) =
            (time.map(&span.from_s, (left, right)), time.map(&span.to_s, (left, right)));
        let name = span.stage.to_string();
        let wide = plot::width(&name);
        let start = ((from + to - wide) / 2).max(free_from);
        if wide > to - from + 12 || start + wide > right {
            continue;
        }
        free_from = start + wide + 6;
        plot::words(area, &name, (start, 9), Anchor::Start, AXIS)?;
    }
    Ok(())
}

/// What the shades and lines mean: each with its symbol.
pub(super) fn legend() -> Result<Vec<(String, String)>, ReportError> {
    let shade = |name, (ink, share): (Ink, f64)| {
        plot::entry(name, |area| plot::shade(area, ((1, 3), (17, 15)), ink.light, share))
    };
    let upright = |name, ink: Ink, wide: u32| {
        let line = vec![(9, 1), (9, 17)];
        plot::entry(name, |area| plot::line(area, line, ink.light.stroke_width(wide)))
    };
    let stages = [(Stage::Serve(1), "serving"), (Stage::Train, "training"), (Stage::Test, "test")];
    let tints = stages.into_iter().filter_map(|(stage, name)| Some((name, tint(stage)?)));
    let mut entries: Vec<_> = tints
        .map(|(name, (ink, share))| shade(name, (ink, share * 2.0)))
        .collect::<Result<_, _>>()?;
    entries.push(shade("steps left out as warm-up", (AXIS, 0.35))?);
    entries.push(upright("asked to leave a stage that was known", AXIS, 1)?);
    entries.push(upright("end of measuring, for the reason above", STOP, 2)?);
    Ok(entries)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_of_which_nothing_was_read_has_no_drawing() {
        assert_eq!(timeline(&RunSeries::default(), ("a", "a")).unwrap(), None);
    }

    #[test]
    fn a_long_run_is_a_small_drawing() {
        let mut series = RunSeries { end_s: 1e5, ..RunSeries::default() };
        for i in 0..1_000_000_u32 {
            let t_s = f64::from(i) / 10.0;
            let value = f64::from(i.wrapping_mul(2_654_435_761) >> 8);
            for trace in [&mut series.throughput, &mut series.latency, &mut series.slowest] {
                trace.push(t_s, value);
            }
            for metric in CATALOGUE.iter().filter(|metric| metric.panel.is_some()) {
                series.sampled.entry(metric.id).or_default().push(t_s, value);
            }
        }
        let drawing = timeline(&series, ("a", "a")).unwrap().unwrap();
        assert!(drawing.len() < 24_000, "{}", drawing.len());
    }
}
