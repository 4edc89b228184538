//! What each setting buys: the effects of the axes on the figures, as a table, rows, JSON and text.
//!
//! How they are estimated is decided elsewhere ([`crate::stats::contrast`]); here it is said.

mod figure;

use serde::Serialize;
use serde_json::json;

pub use self::figure::{FigureChange, Measure, RestsOn};
use super::data::{self, DataColumn};
use super::lack::EffectLack;
use super::layout::{Cell, Column, counted, first_of, render, wrap};
use super::{ReportError, distinct, words};
use crate::event::Num;
use crate::units::rough_percent;

/// Interactions that are told before the rest is only counted, and names in a list.
const SHOWN: usize = 8;

/// A change of an axis.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Change {
    /// The axis, by its key.
    pub axis: String,
    /// The level before.
    pub from: String,
    /// The level after.
    pub to: String,
}

impl Change {
    fn text(&self) -> String {
        format!("{} {} -> {}", self.axis, self.from, self.to)
    }
}

/// The effect of a change of an axis on a figure.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct EffectRow {
    /// The change.
    #[serde(flatten)]
    pub step: Change,
    /// What it does.
    #[serde(flatten)]
    pub figure: FigureChange,
    /// Sets of cells that are equal but for the axis and have the figure.
    pub sets: usize,
    /// Why something is not known.
    #[serde(flatten)]
    pub lack: Option<EffectLack>,
}

/// An effect that depends on another axis.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct InteractionRow {
    /// The change whose effect it is.
    pub step: Change,
    /// The change that it depends on.
    pub by: Change,
    /// By how much it is another after the second change.
    #[serde(flatten)]
    pub figure: FigureChange,
    /// The effect before the second change.
    pub before: f64,
    /// The effect after it.
    pub after: f64,
}

impl InteractionRow {
    fn text(&self) -> String {
        let Self { step, by, figure, before, after } = self;
        format!(
            "{} x {}: the effect of {} on {} is {} at {} {} and {} at {}",
            step.axis,
            by.axis,
            step.text(),
            figure.metric,
            figure.show(*before),
            by.axis,
            by.from,
            figure.show(*after),
            by.to
        )
    }
}

/// What the effects are made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Cells {
    /// Combinations of the levels that were seen; of a search the cells that it could have visited.
    pub combinations: usize,
    /// Cells with a run that came to its end.
    pub measured: usize,
    /// Cells without one.
    pub failed: usize,
    /// Of the measured those that break a limit.
    pub infeasible: usize,
}

/// The effects of all axes.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct EffectsReport {
    /// Whether they come from a model of all runs, and not from matched cells.
    pub modelled: bool,
    /// The nominal confidence that all intervals of effects hold at once, and those of interactions.
    pub confidence: f64,
    /// What they are made of.
    pub cells: Cells,
    /// The effects, by axis, change and figure.
    pub effects: Vec<EffectRow>,
    /// The interactions beyond the noise, the clearest first.
    pub interactions: Vec<InteractionRow>,
    /// What else a reader must know.
    pub notes: Vec<String>,
}

impl EffectsReport {
    /// Whether some effect is more than noise.
    pub fn any_matters(&self) -> bool {
        self.effects.iter().any(|row| row.figure.matters == Some(true))
    }

    fn told(&self) -> usize {
        self.effects.iter().filter(|row| row.figure.matters.is_some()).count()
    }

    /// The knobs of which some effect has an interval, and none is more than noise; not those whose effect depends on another.
    fn idle(&self) -> Vec<&str> {
        let axes = distinct(self.effects.iter().map(|row| row.step.axis.as_str()));
        let idle = |axis: &&str| {
            let mut of = self.effects.iter().filter(|row| row.step.axis == **axis);
            let told = of.clone().any(|row| row.figure.matters.is_some());
            let mut both = self.interactions.iter().flat_map(|row| [&row.step.axis, &row.by.axis]);
            let depends = both.any(|other| other == axis);
            told && !depends && of.all(|row| row.figure.matters != Some(true))
        };
        axes.into_iter().filter(idle).collect()
    }

    /// What matters, in a sentence; nothing where no interval says.
    pub(super) fn verdict(&self) -> Option<String> {
        let (told, idle) = (self.told(), self.idle());
        match told {
            0 => None,
            _ if !self.any_matters() && self.interactions.is_empty() => {
                Some(format!("no setting is shown to matter: {} beyond the noise", none_of(told)))
            }
            _ if idle.is_empty() => None,
            _ => Some(format!("no average effect beyond the noise: {}", first_of(&idle, SHOWN))),
        }
    }

    /// How the effects were estimated.
    fn method(&self) -> String {
        let Cells { measured, combinations, .. } = self.cells;
        let cells = format!("{measured} of {}", counted(combinations, "combination"));
        let cells = if measured == combinations { counted(measured, "cell") } else { cells };
        let how = if self.modelled {
            "too few of them differ in one setting alone: a model of all runs, averaged over the other settings of the measured cells"
        } else {
            "the mean over cells that differ in this setting alone, paired within rounds"
        };
        let hold = match self.told() {
            0 => String::new(),
            told => format!(
                "; {} at {}",
                if told == 1 { "the interval holds" } else { "all intervals hold at once" },
                rough_percent(self.confidence)
            ),
        };
        format!("from {cells}: {how}{hold}")
    }

    /// How the effects were estimated, and what is not known: a line each.
    pub(super) fn caveats(&self) -> Vec<String> {
        let mut all = vec![self.method()];
        let on = |basis| self.effects.iter().any(|row| row.figure.rests_on == Some(basis));
        if on(RestsOn::Sets) {
            all.push("one run per cell: intervals rest on how the effect differs between matched sets, and leave out the spread between runs".to_owned());
        }
        let lacks = distinct(self.effects.iter().filter_map(|row| row.lack));
        for lack in lacks {
            let of = self.effects.iter().filter(|row| row.lack == Some(lack));
            let of = of.map(|row| format!("{} on {}", row.step.text(), row.figure.metric));
            let of: Vec<String> = of.collect();
            all.push(format!("{}: {}", words::lack_of_effect(lack), first_of(&of, SHOWN / 2)));
        }
        let Cells { failed, infeasible, measured, combinations } = self.cells;
        let left = combinations.saturating_sub(measured + failed);
        let mut counts = Vec::new();
        for (count, kind, rest) in [
            (failed, "failed cell", ""),
            (left, "combination", " not measured"),
            (infeasible, "infeasible cell", ", counted with what was measured of them"),
        ] {
            counts.extend((count > 0).then(|| counted(count, kind) + rest));
        }
        all.extend((!counts.is_empty()).then(|| counts.join("; ")));
        all.extend(self.notes.iter().cloned());
        all
    }

    /// A row an effect; a change is named once.
    pub(super) fn columns(&self) -> Vec<Column> {
        let rows = &self.effects;
        let mut before = None;
        let knob = |row: &EffectRow| {
            let is_new = before.as_ref() != Some(&row.step);
            before = Some(row.step.clone());
            if is_new { row.step.text() } else { String::new() }
        };
        let figure = |row: &EffectRow| row.figure.metric.to_string();
        let shown = |row: &EffectRow| Cell {
            class: if row.figure.matters == Some(true) { "beyond" } else { "" },
            title: format!("{} of {}", row.figure.metric, row.figure.phase),
            ..row.figure.shown().into()
        };
        let mut columns = vec![
            Column::words("setting", rows, knob),
            Column::words("figure", rows, figure),
            Column::figures("change", rows, shown),
            Column::figures("interval", rows, |row| row.figure.ends()),
        ];
        if !self.modelled {
            columns.push(Column::figures("sets", rows, |row| row.sets.to_string()).ranked(1));
        }
        columns
    }

    /// The first interactions, a line each.
    pub(super) fn depending(&self) -> Vec<String> {
        let more = self.interactions.len().saturating_sub(SHOWN);
        let more = (more > 0).then(|| format!("{more} more interactions: see --format json"));
        self.interactions.iter().take(SHOWN).map(InteractionRow::text).chain(more).collect()
    }

    /// All that stands under the table.
    pub(super) fn lines(&self) -> Vec<String> {
        let verdict = self.verdict().into_iter();
        verdict.chain(self.depending()).chain(self.caveats()).collect()
    }

    /// For people, each line of at most `width` characters.
    pub fn text(&self, width: usize) -> String {
        let lines = self.lines();
        let under: String = lines.iter().map(|line| wrap(line, width, "  ")).collect();
        render(self.columns(), width) + "\n" + &under
    }

    /// One row an effect, then one an interaction, which has the change that it depends on in `by`.
    pub fn csv(&self) -> Result<Vec<u8>, ReportError> {
        let columns: [DataColumn<Row<'_>>; 19] = [
            ("axis", |row| json!(row.step.axis)),
            ("from", |row| json!(row.step.from)),
            ("to", |row| json!(row.step.to)),
            ("by_axis", |row| json!(row.by.map(|by| &by.axis))),
            ("by_from", |row| json!(row.by.map(|by| &by.from))),
            ("by_to", |row| json!(row.by.map(|by| &by.to))),
            ("metric", |row| json!(row.figure.metric.as_str())),
            ("phase", |row| json!(row.figure.phase)),
            ("unit", |row| json!(row.figure.unit)),
            ("measure", |row| json!(row.figure.measure)),
            ("estimate", |row| json!(row.figure.estimate.map(Num))),
            ("low", |row| json!(row.figure.low.map(Num))),
            ("high", |row| json!(row.figure.high.map(Num))),
            ("confidence", |row| json!(row.confidence)),
            ("matters", |row| json!(row.figure.matters)),
            ("rests_on", |row| json!(row.figure.rests_on)),
            ("sets", |row| json!(row.sets)),
            ("before", |row| json!(row.before.map(Num))),
            ("note", |row| json!(row.lack.map(words::lack_of_effect))),
        ];
        let confidence = self.confidence;
        let effects = self.effects.iter().map(|row| Row {
            step: &row.step,
            by: None,
            figure: &row.figure,
            confidence,
            sets: Some(row.sets).filter(|_| !self.modelled),
            before: None,
            lack: row.lack,
        });
        let interactions = self.interactions.iter().map(|row| Row {
            step: &row.step,
            by: Some(&row.by),
            figure: &row.figure,
            confidence,
            sets: None,
            before: Some(row.before),
            lack: None,
        });
        data::table(&columns, effects.chain(interactions))
    }
}

/// A row for programs.
struct Row<'a> {
    step: &'a Change,
    by: Option<&'a Change>,
    figure: &'a FigureChange,
    confidence: f64,
    sets: Option<usize>,
    before: Option<f64>,
    lack: Option<EffectLack>,
}

/// `none of 12 effects`; of one `its effect is not`.
fn none_of(count: usize) -> String {
    if count == 1 {
        "its one effect is not".to_owned()
    } else {
        format!("none of {count} effects is")
    }
}

#[cfg(test)]
mod tests;
