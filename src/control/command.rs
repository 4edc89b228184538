//! A command in the place of a worker: it is not told to leave a phase, begins those that it likes, and what it has not begun
//! may come yet.

use super::controller::Controller;
use super::stage::{Outcome, StageState};
use crate::event::metric::Scope;
use crate::event::{MetricDef, MetricRow, Stage};

/// Whether only a program that reports its steps has the metric.
pub(super) fn is_of_steps(metric: &MetricDef) -> bool {
    matches!(metric.scope, Scope::Train | Scope::Serve)
}

impl Controller {
    /// Whether a command goes on though all is known of its current stage, or its time there is used up: something may
    /// come that is waited for, or has gone by unknown and is not to be had by ending it.
    pub(super) fn goes_on(&self, here: Stage, outcome: Outcome) -> bool {
        if !self.context.command {
            return false;
        }
        let judged = |name: &str| {
            let has = |state: &StageState| state.chosen.iter().any(|c| c.metric.name == name);
            self.stages.iter().any(has)
        };
        let mut chosen = self.chosen.iter();
        let waits = chosen.any(|metric| is_of_steps(metric) && !judged(metric.name));
        let mut before = self.stages.iter().filter(|state| state.stage != here);
        let missed =
            outcome == Outcome::Known && before.any(|state| !state.known(self.policy.looks));
        self.policy.limits_only || waits || missed
    }

    /// Wall time of a command that came to its own end, in seconds.
    pub(super) fn command_s(&self) -> Option<f64> {
        let finished = self.totals.finished.as_ref()?;
        let took_ns = self
            .totals
            .finished_ns
            .saturating_sub(self.context.started_ns);
        (!finished.stopped).then_some(took_ns as f64 * 1e-9)
    }

    /// Why the memory of a command is not known that ended before anybody could look at it.
    pub(super) fn unseen(&self, metric: &MetricDef) -> Option<String> {
        let unseen = self.context.command && self.totals.resident_ns.is_none();
        let of_memory = matches!(metric.name, "memory.peak" | "memory.rss_mean");
        (unseen && of_memory).then(|| {
            "it ended before its memory could be looked at, and had no more than perftune itself".to_owned()
        })
    }

    /// The utilisation of a command that was over before the sampler had seen an interval of it: all of its CPU time over
    /// all of its time.
    pub(super) fn fill_whole(&self, row: &mut MetricRow, of: Stage) {
        let cores = match &*row.metric {
            "cpu.utilisation" => 1.0,
            "cpu.utilisation_of_limit" => self.context.usable_cores,
            _ => return,
        };
        let usage = self.totals.finished.as_ref().map(|finished| finished.usage);
        let said = usage
            .and_then(|usage| usage.cpu_ns)
            .map(|ns| ns as f64 * 1e-9);
        let (Some(cpu_s), Some(wall_s)) = (said, self.command_s()) else {
            return;
        };
        if of == Stage::Run && row.estimate.is_none() && wall_s > 0.0 && cores > 0.0 {
            row.estimate = Some(cpu_s / wall_s / cores * 100.0);
            "CPU time over wall time of the whole command".clone_into(&mut row.note);
        }
    }

    /// The stages of a command that have figures of this scope: those that it has begun, or the one that it should have.
    pub(super) fn stages_of_command(&self, scope: Scope) -> Vec<Stage> {
        let fits = |stage: &Stage| match scope {
            Scope::Train => *stage == Stage::Train,
            Scope::Serve => matches!(stage, Stage::Serve(_)),
            Scope::Stages => true,
            Scope::Run => false,
        };
        let begun = self.stages.iter().map(|state| state.stage);
        let begun: Vec<Stage> = begun.filter(fits).collect();
        match scope {
            _ if !begun.is_empty() => begun,
            Scope::Train => vec![Stage::Train],
            Scope::Stages => vec![Stage::Run],
            Scope::Serve | Scope::Run => begun,
        }
    }
}
