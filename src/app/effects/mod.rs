//! From the figures of the runs to what each knob buys.
//!
//! What the visits say of the axes is decided by `search::effects`, how it reads by `report`. Invariant: an axis and a level are taken from
//! the axis table, and what lacks a figure is counted and said.

mod axes;
mod seeing;

use std::collections::{BTreeMap, HashMap};

use self::axes::Knobs;
use self::seeing::{Seen, chosen, seeing};
use super::Fault;
use super::distinct::distinct;
use super::front::figures::Comparison;
use super::summary::Asked;
use crate::event::{Feasibility, Objective, RunRecord};
use crate::metric::{MetricDef, MetricName};
use crate::report::effects::{
    Cells, Change, EffectRow, EffectsReport, FigureChange, InteractionRow, Measure, RestsOn,
};
use crate::report::lack::EffectLack;
use crate::schedule::{CONFIDENCE, by_cell};
use crate::search::Scale;
use crate::search::effects::{
    Effect, EffectBasis, Effects, Interaction, MainEffect, Seeing, Step, effects as estimate,
};
use crate::stats::contrast::FEWEST_SETS;
use crate::store::ManifestHead;

/// What each setting buys in these runs, on the objectives, what is limited and what was chosen; `objectives`: instead of those of the manifest.
///
/// # Errors
/// Where there is nothing to compare: fewer than two cells with a run that came to its end, no axis in which they differ, no figure that
/// two of them have.
pub fn effects(
    head: Option<&ManifestHead>,
    records: &[RunRecord],
    objectives: Option<&[Objective]>,
) -> Result<EffectsReport, Fault> {
    let cells = by_cell(records);
    let measured: Vec<&[&RunRecord]> = cells
        .iter()
        .map(|(_, runs)| &runs[..])
        .filter(|runs| runs.iter().any(|run| seeing::ended(run)))
        .collect();
    few(cells.len(), measured.len())?;
    let knobs = Knobs::of(&measured);
    if knobs.axes.is_empty() {
        return Err(Fault::new("the cells do not differ in any axis")
            .hint("each [grid] axis, or -L, with several values has an effect"));
    }
    let objectives = objectives.or(head.map(|head| &*head.objectives)).unwrap_or_default();
    let (within, none) = (Asked::of(head), BTreeMap::new());
    let rows = head.map_or(&none, |head| &head.datasets);
    let summary = HashMap::new();
    let of_runs = Comparison { objectives, summary, rows, within: &within };
    let chosen = chosen(records, objectives);
    let kind = |def: &MetricDef| MetricName::from(def.id).spread_kind();
    let kinds = distinct(chosen.iter().map(|def| kind(def)));
    let place = |def: &MetricDef| kinds.iter().position(|known| *known == kind(def));
    let of_metric =
        |def: &&'static MetricDef| seeing(&measured, def, place(def).unwrap_or(0), &of_runs);
    let seen: Vec<Seen> = chosen.iter().map(of_metric).collect();
    let lacking = seen.iter().filter_map(Seen::note);
    let mut notes: Vec<String> = lacking.collect();
    let seen: Vec<&Seen> = seen.iter().filter(|seen| seen.cells > 1).collect();
    if seen.is_empty() {
        let why =
            if notes.is_empty() { "no metric was chosen".to_owned() } else { notes.join("; ") };
        return Err(Fault::new(format!("no two cells have a figure in common: {why}")));
    }
    let said: Vec<Seeing> = seen.iter().map(|seen| seen.seeing.clone()).collect();
    let found = estimate(&knobs.space, &said, CONFIDENCE);
    let searched = head.and_then(|head| head.grid.as_ref()).filter(|grid| grid.searched);
    notes.extend(searched.map(|_| "values that the search has not tried have no row".to_owned()));
    let counts = Cells {
        // The values of a whole grid were all run.
        combinations: searched.map_or_else(|| knobs.combinations(), |grid| grid.cells.len()),
        measured: measured.len(),
        failed: cells.len() - measured.len(),
        infeasible: measured.iter().filter(|runs| runs.iter().any(|run| broken(run))).count(),
    };
    Ok(Telling { knobs: &knobs, seen: &seen }.report(&found, counts, notes))
}

fn few(cells: usize, measured: usize) -> Result<(), Fault> {
    match (cells, measured) {
        (_, 2..) => Ok(()),
        (0, _) => Err(Fault::new("no run has ended, so no effect can be estimated")),
        (1, _) => Err(Fault::new("there is one cell: an effect is a difference between cells")
            .hint(
                "give an axis several values, such as --set 'grid.threads=[1,2]' or -L threads=1,2",
            )),
        (_, 0) => Err(Fault::new("no run ended by itself, so no effect can be estimated")
            .hint("see why with `perftune report DIR --per-run`")),
        _ => Err(Fault::new(
            "only one cell has a run that ended by itself: an effect is a difference between cells",
        )
        .hint("see why with `perftune report DIR --per-run`")),
    }
}

fn broken(run: &RunRecord) -> bool {
    run.verdict.as_ref().is_some_and(|verdict| verdict.verdict == Feasibility::Infeasible)
}

/// What effects are told by.
struct Telling<'a> {
    knobs: &'a Knobs,
    seen: &'a [&'a Seen],
}

impl Telling<'_> {
    fn report(&self, found: &Effects, cells: Cells, notes: Vec<String>) -> EffectsReport {
        let effects = found.main.iter().map(|main| self.row(main, found.modelled));
        let interactions = found.interactions.iter().map(|found| self.interaction(found));
        EffectsReport {
            modelled: found.modelled,
            confidence: CONFIDENCE,
            cells,
            effects: effects.collect(),
            interactions: interactions.collect(),
            notes,
        }
    }

    fn change(&self, step: Step) -> Change {
        let axis = &self.knobs.axes[step.axis];
        let level = |level: u16| axis.levels[usize::from(level)].clone();
        Change { axis: axis.key.clone(), from: level(step.from), to: level(step.to) }
    }

    fn row(&self, main: &MainEffect, modelled: bool) -> EffectRow {
        let seen = self.seen[main.figure];
        let agree = seen.agree && !modelled;
        let effect = main
            .effect
            .map(|effect| Effect { interval: effect.interval.filter(|_| !agree), ..effect });
        let lack = match effect {
            None if modelled => Some(EffectLack::NoModel),
            None => Some(EffectLack::NoMatch),
            Some(Effect { interval: Some(_), .. }) => None,
            Some(_) if agree => Some(EffectLack::Agree),
            Some(_) => Some(EffectLack::OneRound { sets: main.sets, needed: FEWEST_SETS }),
        };
        let step = self.change(main.step);
        EffectRow { step, figure: seen.change(effect), sets: main.sets, lack }
    }

    fn interaction(&self, found: &Interaction) -> InteractionRow {
        let seen = self.seen[found.figure];
        InteractionRow {
            step: self.change(found.step),
            by: self.change(found.by),
            figure: seen.change(Some(found.change)),
            before: seen.shown(found.before),
            after: seen.shown(found.before + found.change.mean),
        }
    }
}

impl Seen {
    /// A change on the scale of the figure as it is told: a share of what it was, or a difference.
    fn shown(&self, change: f64) -> f64 {
        match self.seeing.scale {
            Scale::Log => change.exp_m1(),
            Scale::Plain | Scale::Logit => change,
        }
    }

    fn change(&self, effect: Option<Effect>) -> FigureChange {
        let ends = effect.and_then(|effect| effect.interval);
        let measure = match self.seeing.scale {
            Scale::Log => Measure::Ratio,
            Scale::Plain | Scale::Logit => Measure::Difference,
        };
        FigureChange {
            metric: self.metric.into(),
            phase: self.phase.clone(),
            unit: self.metric.def().unit,
            measure,
            estimate: effect.map(|effect| self.shown(effect.mean)),
            low: ends.map(|ends| self.shown(ends.low)),
            high: ends.map(|ends| self.shown(ends.high)),
            matters: ends.map(|ends| !ends.contains(0.0)),
            rests_on: ends.and(effect).map(|effect| match effect.basis {
                EffectBasis::Rounds => RestsOn::Rounds,
                EffectBasis::Sets => RestsOn::Sets,
                EffectBasis::Model => RestsOn::Model,
            }),
        }
    }
}

#[cfg(test)]
mod tests;
