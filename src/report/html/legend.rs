//! What the marks of the trade-offs mean.

use plotters::style::Color;

use super::figures::Scene;
use super::palette::{self, Ink, LIMIT, TEXT};
use super::plot::{self, Area, entry};
use super::points::models;
use crate::event::Feasibility;
use crate::report::ReportError;
use crate::report::ending::{is_ok, verdicts};
use crate::report::headline::accuracy_is_final;

/// Each symbol that occurs, with its meaning.
pub(super) fn legend(scene: Scene<'_>) -> Result<Vec<(String, String)>, ReportError> {
    let shown: Vec<_> = scene.records.iter().filter(|record| is_ok(record)).collect();
    let judged: Vec<_> = verdicts(shown.iter().copied()).collect();
    let mut entries = Vec::new();
    for (shape, model) in models(scene.records).into_iter().enumerate().take(palette::SHAPES.len())
    {
        let ink = if judged.is_empty() { palette::of_model(shape) } else { TEXT };
        entries.push(entry(model, |area| plot::mark(area, (9, 9), shape, ink, true))?);
    }
    for (verdict, meaning) in [
        (Feasibility::Feasible, "feasible"),
        (Feasibility::Infeasible, "infeasible"),
        (Feasibility::Undecided, "undecided ?"),
    ] {
        if judged.contains(&verdict) {
            entries.push(entry(meaning, |area| {
                plot::mark(area, (9, 9), 0, palette::of_verdict(verdict), true)?;
                if verdict == Feasibility::Infeasible { plot::strike(area, (9, 9)) } else { Ok(()) }
            })?);
        }
    }
    let dot = |area: &Area<'_>, ink: Ink, filled| plot::mark(area, (9, 9), 0, ink, filled);
    if shown.iter().any(|record| scene.on_front(record)) {
        entries.push(entry("on the front", |area| {
            dot(area, palette::LINE, true)?;
            plot::ring(area, (9, 9))
        })?);
    }
    if shown.iter().any(|record| accuracy_is_final(record) == Some(false)) {
        entries.push(entry("not trained to the end", |area| dot(area, palette::AXIS, false))?);
    }
    if !scene.limits.is_empty() {
        entries.push(entry("limit, and the side that breaks it", |area| {
            plot::shade(area, ((9, 0), (18, 18)), LIMIT.light, 0.07)?;
            plot::line(area, vec![(9, 0), (9, 18)], LIMIT.light.stroke_width(2))
        })?);
    }
    Ok(entries)
}
