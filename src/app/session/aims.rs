//! What a search looks for, and what a run says of it: the objectives and limits of a plan as figures of a model.
//!
//! Invariant: a figure is modelled on a scale on which every value that was seen of it, and every limit on it, has a place.

use crate::config::plan::{Plan, PlannedRun};
use crate::event::{Constraint, RunRecord};
use crate::metric::{MetricDef, MetricId, Source};
use crate::report::headline::Place;
use crate::schedule::CONFIDENCE;
use crate::search::{Aims, Bound, Figure, Reading, Scale, Told};
use crate::stats::distribution::normal;
use crate::units::Unit;

/// The objectives of a plan and the limits of its cells.
pub(super) fn aims(plan: &Plan, cells: &[&PlannedRun]) -> (Vec<MetricId>, Aims) {
    let mut metrics: Vec<MetricId> = Vec::new();
    let mut figures: Vec<Figure> = Vec::new();
    let mut at = |id: MetricId, figures: &mut Vec<Figure>| {
        metrics.iter().position(|known| *known == id).unwrap_or_else(|| {
            metrics.push(id);
            figures.push(Figure { scale: scale(id.def()), aim: None, bound: None });
            figures.len() - 1
        })
    };
    for objective in &plan.objectives {
        if let Some(def) = objective.metric.def() {
            let at = at(def.id, &mut figures);
            figures[at].aim = Some(objective.better);
        }
    }
    let first = cells.first().map_or(&[][..], |run| &run.stop.constraints);
    let shared = |limit: &&_| cells.iter().all(|run| run.stop.constraints.contains(limit));
    for limit in first.iter().filter(shared) {
        if let Some(def) = limit.metric.def() {
            let at = at(def.id, &mut figures);
            figures[at].bound = Some(bound(limit));
        }
    }
    let shared = figures.iter().filter(|figure| figure.bound.is_some()).count();
    let mut own = Vec::new();
    for (cell, run) in cells.iter().enumerate() {
        let limits = &run.stop.constraints;
        if limits.len() > shared {
            let limits = limits.iter().filter_map(|limit| Some((limit.metric.def()?.id, limit)));
            let limits = limits.map(|(id, limit)| (at(id, &mut figures), bound(limit)));
            own.push((cell, limits.collect::<Vec<_>>()));
        }
    }
    let count = figures.len();
    let mut aims = Aims::new(figures);
    for (cell, limits) in own {
        let mut bounds = vec![None; count];
        for (at, bound) in limits {
            bounds[at] = Some(bound);
        }
        aims.limit(cell, bounds);
    }
    (metrics, aims)
}

const fn bound(limit: &Constraint) -> Bound {
    if limit.op.is_upper() { Bound::AtMost(limit.limit) } else { Bound::AtLeast(limit.limit) }
}

/// The scale on which a metric is modelled where nothing speaks against it: of shares by their odds, of quantities by their
/// logarithm. What a unit measures is a quantity, be it a metric of the user's own.
fn scale(def: &MetricDef) -> Scale {
    match def.source {
        Source::Model(figure) if figure.is_accuracy() => Scale::Logit,
        Source::Model(_) => Scale::Plain,
        Source::Own if def.unit == Unit::Ratio => Scale::Plain,
        _ if def.unit == Unit::One || def.unit == Unit::Percent => Scale::Plain,
        _ => Scale::Log,
    }
}

/// The same aims, where a figure that was seen at 0 or below, or has a limit there, is modelled as it is: it has no logarithm.
pub(super) fn fitting(aims: &Aims, earlier: &[Told], own: &[Told]) -> Aims {
    let mut aims = aims.clone();
    for at in 0..aims.figures.len() {
        let mut seen = earlier.iter().chain(own).filter_map(|told| told.readings[at]);
        let below = seen.any(|reading| reading.value <= 0.0) || aims.is_limited_below_zero(at);
        if below && aims.figures[at].scale == Scale::Log {
            aims.figures[at].scale = Scale::Plain;
        }
    }
    aims
}

/// The figure of a run where one speaks for all of it.
pub(super) fn reading(record: &RunRecord, def: &MetricDef) -> Option<Reading> {
    let row = Place::of(def).row(record, def.id)?;
    let value = row.estimate.filter(|value| value.is_finite())?;
    // What is read when training is over says nothing of a model half trained.
    if def.is_of_model() && !record.trained_to_the_end() {
        return None;
    }
    let half = row.low.zip(row.high).map_or(0.0, |(low, high)| (high - low) / 2.0);
    let deviation = half / normal(CONFIDENCE);
    Some(Reading { value, variance: if deviation.is_finite() { deviation.powi(2) } else { 0.0 } })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metric::{OwnMetric, declare};

    #[test]
    fn what_a_unit_measures_is_modelled_by_its_logarithm_until_it_is_seen_below_0() {
        for (unit, scale_of_it) in [
            ("s", Scale::Log),
            ("B", Scale::Log),
            ("samples/s", Scale::Log),
            ("", Scale::Plain),
            ("%", Scale::Plain),
        ] {
            let name = format!("scaled-{}", unit.replace(['/', '%'], "-"));
            let own = OwnMetric { name, unit: unit.to_owned(), ..OwnMetric::default() };
            assert_eq!(scale(declare(own).unwrap().def()), scale_of_it, "{unit}");
        }
        let told = |value: f64| Told {
            cell: 0,
            readings: vec![Some(Reading { value, variance: 0.0 })],
            failed: false,
            rejected: false,
            short: None,
            wall_s: 1.0,
        };
        let figure = |bound| Figure { scale: Scale::Log, aim: None, bound };
        for (bound, value, scale) in [
            (None, 2.0, Scale::Log),
            (None, 0.0, Scale::Plain),
            (None, -2.0, Scale::Plain),
            (Some(Bound::AtLeast(-1.0)), 2.0, Scale::Plain),
        ] {
            let aims = Aims::new(vec![figure(bound)]);
            let told = [told(1.0), told(value)];
            assert_eq!(
                fitting(&aims, &told[..1], &told[1..]).figures[0].scale,
                scale,
                "{bound:?} {value}"
            );
        }
    }
}
