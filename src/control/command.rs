//! A command in the place of a worker: it is not told to leave a phase, begins those that it likes, and what it has not begun
//! may come yet.

use super::constraint::decided;
use super::looks::is_of_steps;
use super::measure::figure::Figure;
use super::measure::gauge::factor;
use super::run::Run;
use super::stage::{Outcome, StageState};
use crate::event::{Constraint, Evidence, Finding, Note, Num, OpenStage, Ruling, Stage};
use crate::metric::{Field, MetricDef, Scope, Source};

/// What the time of the cores is made of.
const CPU: Source = Source::Tick(Field::Cpu);

/// Whether it is known only when the command has come to its end: its time, its counters. What the model is like may never
/// be said.
fn is_of_the_end(metric: &MetricDef) -> bool {
    metric.scope == Scope::Run && metric.kind.is_said_once() && !metric.is_of_model()
}

impl Run {
    /// Whether a command goes on though all is known of its current stage, or its time there is used up: something may
    /// come that is waited for, or has gone by unknown and is not to be had by ending it.
    pub(super) fn goes_on(&self, here: Stage, outcome: Outcome) -> bool {
        if !self.context.work.is_command() {
            return false;
        }
        let judged = |name: &str| {
            let has = |state: &StageState| state.chosen.iter().any(|c| c.metric.name == name);
            self.stages.iter().any(has)
        };
        let mut chosen = self.chosen.iter();
        let comes = |metric: &MetricDef| {
            is_of_the_end(metric) || (is_of_steps(metric) && !judged(metric.name))
        };
        let waits = chosen.any(|metric| comes(metric));
        let mut before = self.stages.iter().filter(|state| state.stage != here);
        let missed =
            outcome == Outcome::Known && before.any(|state| !state.known(self.policy.looks));
        self.policy.limits_only || waits || missed
    }

    /// Wall time of a command that came to its own end, in seconds.
    pub(super) fn command_s(&self) -> Option<f64> {
        let finished = self.totals.finished.as_ref()?;
        let took_ns = self.totals.finished_ns.saturating_sub(self.context.started_ns);
        (!finished.stopped).then_some(took_ns as f64 * 1e-9)
    }

    /// Whether a command has come to its own end, or a training to that of its epochs: what it holds grows no more.
    pub(super) fn is_over(&self) -> bool {
        let (epochs, budget) = (self.training.epochs(), self.context.epochs);
        let done = self.context.work.is_command() || (budget > 0 && epochs >= budget);
        done && self.command_s().is_some()
    }

    /// What a run leaves open at its own end: no peak.
    pub(super) fn open_of_what_is_over(&self) -> Vec<OpenStage> {
        let mut open = if self.policy.limits_only { Vec::new() } else { self.open_at_end() };
        for stage in open.iter_mut().filter(|_| self.is_over()) {
            stage.figures.retain(|open| !open.metric.def().is_some_and(MetricDef::is_peak));
        }
        open.retain(|stage| !stage.began || !stage.figures.is_empty());
        open
    }

    /// What a command has taken at the least, in seconds: until its end, or until it was last seen to hold memory.
    pub(super) fn lived_s(&self) -> Option<f64> {
        let since_start =
            |seen_ns: u64| seen_ns.saturating_sub(self.context.started_ns) as f64 * 1e-9;
        self.command_s().or_else(|| self.totals.resident_ns.map(since_start))
    }

    /// Wall time of a command that came to its own end, as a figure.
    pub(super) fn command_time(&self) -> Figure {
        let took = self.command_s().map(|took_s| Figure::exact(took_s, 1));
        took.unwrap_or_else(|| Figure::missing(Note::CommandCut))
    }

    /// Whether the memory of a command is not known, since it ended before anybody could look at it.
    pub(super) fn unseen(&self, metric: &MetricDef) -> Option<Note> {
        let unseen = self.context.work.is_command() && self.totals.resident_ns.is_none();
        let of_memory = matches!(metric.source.field(), Some(Field::Resident | Field::Peak));
        (unseen && of_memory).then_some(Note::EndedUnseen)
    }

    /// A gauge over all of the time of a command that reports no steps, and what it is. Its course is what it is: what comes
    /// first is no warm-up of what comes later, and nothing follows from one half for the other.
    pub(super) fn whole(&self, metric: &MetricDef) -> Option<(f64, Note)> {
        let gauge = self.stage(Stage::Run)?.series.sampled.gauge(metric.source)?;
        let factor = factor(metric, self.context.usable_cores)?;
        let seen = gauge.sum().ratio().map(|mean| mean * factor);
        let took_s = self.command_s().filter(|_| metric.source == CPU);
        let Some(wall_s) = took_s else {
            return Some((seen?, Note::MeanOfCommand));
        };
        // Of one that came to its own end the kernel has counted everything, before the first tick and after the last.
        let finished = self.totals.finished.as_ref();
        let said = finished.and_then(|finished| finished.usage.cpu_ns);
        let said = said.map_or(0.0, |ns| ns as f64 * 1e-9);
        let cpu_s = said.max(self.totals.counter(CPU).unwrap_or(0.0));
        let counted = (wall_s > 0.0 && cpu_s > 0.0).then(|| cpu_s / wall_s * factor);
        Some((counted.or(seen)?, Note::CpuOfCommand))
    }

    /// A constraint on such a figure, once the command has come to its own end.
    pub(super) fn keeps_whole(
        &self,
        constraint: &Constraint,
        metric: &MetricDef,
        of: Stage,
    ) -> Option<Finding> {
        let (whole, _) = self.whole(metric)?;
        let took = self.command_s().filter(|_| of == Stage::Run)?;
        let state = self.stage(of)?;
        let value = Num(whole);
        if let Some(share) = state.covers_part(metric) {
            let evidence = Evidence::Partly { value, share: Num(share) };
            return Some(Finding::new(Ruling::Open, constraint, evidence));
        }
        let holds = constraint.op.holds(whole, constraint.limit);
        let evidence = Evidence::WholeCommand { value, over_s: Num(took) };
        Some(Finding::new(decided(holds), constraint, evidence))
    }
}
