//! Whether a run keeps its constraints: what each look makes certain, and the verdict at the end.
//!
//! A bound that holds at all times ([`crate::stats::anytime`]) may be read at every look, so a constraint on a mean, a
//! rate, a gauge or a quantile is *met* or *broken* as soon as the bound is on one side of the limit; as a guard against
//! what no bound knows of, `looks` looks in a row must agree while the stage lasts. Quantities that only grow (peaks,
//! counters) are beyond their limit the moment they pass it, and within it only when what is measured is over. Figures
//! of the model count when it was trained to the end. What cannot be read is undecided, never met.

use super::constraint::decided;
use super::evidence;
use super::limit::{Limit, watched};
use super::run::Run;
use super::stage::StageState;
use super::support::why_unsupported;
use crate::event::{
    Constraint, Evidence, Feasibility, Finding, MetricRow, Num, Phase, Ruling, RunVerdict, Stage,
    StopDetail, StopReason, StopRecord,
};
use crate::metric::{MetricDef, MetricKind, Scope, Source, UsageField};

impl Run {
    /// The stop of a run with a constraint that is broken for certain; reading the test data is not interrupted.
    pub(super) fn infeasible(&self) -> Option<StopRecord> {
        if !self.policy.enabled || self.current == Some(Stage::Test) {
            return None;
        }
        let finding = self.broken_limit().or_else(|| self.broken_rate());
        let finding = finding.or_else(|| {
            let mut constraints = self.policy.constraints.iter();
            constraints.find_map(|constraint| self.passed(constraint))
        });
        Some(StopRecord {
            reason: StopReason::Infeasible,
            detail: StopDetail::Infeasible { finding: finding?, spared: self.spared() },
        })
    }

    fn broken_limit(&self) -> Option<Finding> {
        let of_stage = |state: &&StageState| {
            let broken = |limit: &&Limit| {
                limit.ruling(self.policy.looks, state.left_ns.is_some()) == Ruling::Broken
            };
            // The course of a command without steps has no steady state that a part of it could tell of: it is judged as a
            // whole, at its end.
            state.stage != Stage::Run && state.limits.iter().any(|limit| broken(&limit))
        };
        let state = self.stages.iter().find(of_stage)?;
        let broken = |limit: &Limit| {
            let finding = self.watched_in(&limit.constraint, limit.metric, state.stage);
            (finding.ruling == Ruling::Broken).then_some(finding)
        };
        state.limits.iter().find_map(broken)
    }

    /// The verdict of the run; `None` without constraints. `rows`: its figures; `ended`: why it ended.
    pub(super) fn feasibility(&self, rows: &[MetricRow], ended: &StopRecord) -> Option<RunVerdict> {
        if self.policy.constraints.is_empty() {
            return None;
        }
        // A run that did not fit the device breaks no constraint of the file, and is infeasible all the same.
        let ending = match &ended.detail {
            StopDetail::Infeasible { finding, .. } => Some(finding.clone()),
            StopDetail::OutOfMemory(shortage) => {
                Some(Finding::of_run(Ruling::Broken, Evidence::OutOfMemory(*shortage)))
            }
            _ => None,
        };
        if let Some(finding) = ending {
            return Some(RunVerdict { verdict: Feasibility::Infeasible, findings: vec![finding] });
        }
        let mut findings = Vec::new();
        for constraint in &self.policy.constraints {
            let found = self.watched(constraint);
            let found = if found.is_empty() { self.at_end(constraint, rows, ended) } else { found };
            findings.extend(found);
        }
        // What a run that broke off has shown is kept, but it is no proof that it can be run.
        let reason = ended.reason;
        if matches!(reason, StopReason::Failed | StopReason::Cancelled | StopReason::Diverged) {
            findings.push(Finding::of_run(Ruling::Open, Evidence::BrokeOff { reason }));
        }
        let (verdict, ruling) = if findings.iter().any(|f| f.ruling == Ruling::Broken) {
            (Feasibility::Infeasible, Ruling::Broken)
        } else if findings.iter().any(|f| f.ruling == Ruling::Open) {
            (Feasibility::Undecided, Ruling::Open)
        } else {
            (Feasibility::Feasible, Ruling::Met)
        };
        findings.retain(|finding| finding.ruling == ruling);
        Some(RunVerdict { verdict, findings })
    }

    /// A constraint that is judged by looks, in each stage that the run should have had; nothing for another. Requests
    /// that were served once more count as they were on the trained model, unless they had broken it before: that alone
    /// would have ended the run.
    fn watched(&self, constraint: &Constraint) -> Vec<Finding> {
        let Some(metric) = constraint.metric.def() else {
            return Vec::new();
        };
        let sizes = self.context.serve_sizes.iter().map(|size| Stage::Serve(*size));
        let train = (self.context.epochs > 0).then_some(Stage::Train);
        let stages: Vec<Stage> = if self.context.work.is_command() {
            self.stages_of_command(metric.scope)
        } else {
            sizes.chain(train).collect()
        };
        let stages = stages.into_iter().filter(|stage| watched(metric, *stage));
        let finding = |stage| {
            let first = self.watched_in(constraint, metric, stage);
            let Stage::Serve(size) = stage else {
                return first;
            };
            let again = Stage::Confirm(size);
            let began = self.stage(again).is_some();
            if !began || !watched(metric, again) {
                return first;
            }
            let again = self.watched_in(constraint, metric, again);
            match (first.ruling, again.ruling) {
                (Ruling::Broken, Ruling::Met) => Finding { met_when_trained: true, ..first },
                (Ruling::Broken, _) => first,
                _ => again,
            }
        };
        stages.map(finding).collect()
    }

    fn watched_in(&self, constraint: &Constraint, metric: &MetricDef, of: Stage) -> Finding {
        let found = |ruling, evidence| Finding::new(ruling, constraint, evidence).within(of);
        let open = |evidence| found(Ruling::Open, evidence);
        if let Some(reason) = why_unsupported(metric, &self.context.unsupported) {
            return open(Evidence::CannotMeasure { reason: reason.clone() });
        }
        if let Some(finding) = self.keeps_whole(constraint, metric, of) {
            return finding;
        }
        let Some(state) = self.stage(of) else {
            return open(Evidence::NotReached);
        };
        let of_constraint = |limit: &&Limit| limit.constraint == *constraint;
        let limit = state.limits.iter().find(of_constraint);
        let over = state.left_ns.is_some() || self.totals.finished.is_some();
        let ruling = limit.map_or(Ruling::Open, |limit| limit.ruling(self.policy.looks, over));
        if metric.kind == MetricKind::Projection
            && ruling == Ruling::Open
            && let Some(finding) = self.took(constraint)
        {
            return finding;
        }
        let age = evidence::age(state, state.left_ns.unwrap_or(self.now_ns));
        let bounds = limit.and_then(|limit| limit.evidence(ruling, age));
        let weights = self.weights(metric, of).filter(|_| bounds.is_some());
        let never_read = self.totals.never_read(metric).filter(|_| ruling == Ruling::Open);
        match (never_read, bounds) {
            (Some(note), _) => open(Evidence::NeverRead { note }),
            (None, Some(bounds)) => Finding { weights, ..found(ruling, bounds) },
            (None, None) => open(Evidence::NoLook),
        }
    }

    /// What only grows and has passed its limit.
    fn passed(&self, constraint: &Constraint) -> Option<Finding> {
        let metric = constraint.metric.def()?;
        if metric.source == Source::Target {
            return self.overdue(constraint);
        }
        if metric.kind == MetricKind::Projection {
            let took = self.took(constraint);
            let broken = took.is_some_and(|finding| finding.ruling == Ruling::Broken);
            let finding = broken.then(|| self.watched_in(constraint, metric, Stage::Train));
            // Bounds that have decided it before stay: they speak of the steps after the warm-up.
            return finding.filter(|finding| finding.ruling == Ruling::Broken);
        }
        if metric.scope != Scope::Run {
            return None;
        }
        let members = self.members(metric).unwrap_or_default();
        let (figure, sure) = match (metric.kind, metric.source) {
            // The sum over processes counts shared pages twice, and a whole device's memory is also that of others. What a
            // process has that is left alone (a wrapper has started it) is its own.
            _ if members.processes > 1 => (members.alone, true),
            (_, Source::ServedPeak) => (self.totals.served.peak?, true),
            (MetricKind::Peak, _) => {
                (self.totals.peaks.largest(metric.id)?, !self.totals.is_shared(metric))
            }
            (_, Source::Energy(whose)) => (self.energy_so_far(whose)?, true),
            (_, source) => (self.totals.counter(source)?, true),
        };
        let passed = constraint.op.is_upper() && !constraint.op.holds(figure, constraint.limit);
        (passed && sure).then(|| {
            let age = self.now_ns.saturating_sub(self.context.started_ns);
            let (value, after_s) = (Num(figure), Num(age as f64 * 1e-9));
            Finding::new(Ruling::Broken, constraint, Evidence::Passed { value, after_s })
        })
    }

    /// A constraint on a figure that is said once, in each row that has it. Serving once more is no duty: rows of such a phase
    /// count where it began.
    fn at_end(
        &self,
        constraint: &Constraint,
        rows: &[MetricRow],
        ended: &StopRecord,
    ) -> Vec<Finding> {
        let began = |row: &&MetricRow| match row.phase.parse() {
            Ok(Phase::Confirm(size)) => {
                let again = Stage::Confirm(size);
                self.stage(again).is_some()
            }
            _ => true,
        };
        let of_metric = rows.iter().filter(|row| row.metric == constraint.metric);
        let metric = constraint.metric.def();
        let figures = of_metric.filter(began).zip(metric.into_iter().cycle());
        let found: Vec<_> =
            figures.map(|(row, metric)| self.figure(constraint, metric, row, ended)).collect();
        if found.is_empty() {
            return vec![Finding::new(Ruling::Open, constraint, Evidence::NoSuchPhase)];
        }
        found
    }

    fn figure(
        &self,
        constraint: &Constraint,
        metric: &MetricDef,
        row: &MetricRow,
        ended: &StopRecord,
    ) -> Finding {
        let open = |evidence| Finding::new(Ruling::Open, constraint, evidence);
        if let Some(finding) = self.passed(constraint) {
            return finding;
        }
        let Some(figure) = row.estimate else {
            return match metric.source {
                Source::Target => self.missed(constraint, row, ended),
                _ => open(Evidence::NoFigure { notes: row.notes.clone(), trained: false }),
            };
        };
        if metric.source == Source::RateSearch {
            return self.found_rate(constraint, row);
        }
        let value = Num(figure);
        if let Some(evidence) = self.unfinished(metric, row, value, ended) {
            return open(evidence);
        }
        if let MetricKind::Windows(_) = metric.kind {
            return open(Evidence::NoInterval { value });
        }
        let holds = constraint.op.holds(figure, constraint.limit);
        if let Some(evidence) = self.energy_open(constraint, metric, row, holds) {
            return open(evidence);
        }
        // An upper bound on a peak within an upper limit is within it; beyond, it says nothing.
        let peak = metric.is_peak();
        if peak && holds != constraint.op.is_upper() && !self.is_exact(constraint, metric) {
            return open(Evidence::Bound { value, lower: false, notes: row.notes.clone() });
        }
        if let Some(most) = self.hidden_peak(metric)
            && holds != constraint.op.holds(most, constraint.limit)
        {
            return open(Evidence::Hidden { value, notes: row.notes.clone() });
        }
        if let Some(share) = self.blind(metric, peak && holds && constraint.op.is_upper()) {
            return open(Evidence::Blind { value, share: Num(share) });
        }
        Finding::new(decided(holds), constraint, Evidence::Figure { value, peak })
    }

    /// What the interval of a highest rate says.
    fn found_rate(&self, constraint: &Constraint, row: &MetricRow) -> Finding {
        let Ok(Phase::Serve(size)) = row.phase.parse() else {
            return Finding::new(Ruling::Open, constraint, Evidence::NoRate);
        };
        self.rate_ruling(constraint, size)
    }

    /// Whether a peak beyond the limit is that of the run's own memory, each page counted once: as sampled of a single
    /// process, or as the kernel told the worker at its end.
    fn is_exact(&self, constraint: &Constraint, metric: &MetricDef) -> bool {
        let Some(members) = self.members(metric) else {
            return !self.totals.is_shared(metric);
        };
        let usage = self.totals.finished.as_ref().map(|finished| finished.usage);
        let usage = usage.filter(|_| metric.usage == Some(UsageField::Peak));
        let own = usage.and_then(|usage| usage.vm_hwm_bytes);
        let alone = |own: u64| {
            constraint.op.is_upper() && !constraint.op.holds(own as f64, constraint.limit)
        };
        members.processes <= 1 || own.is_some_and(alone)
    }

    /// Why a figure of the whole run is not final, if it is not.
    fn unfinished(
        &self,
        metric: &MetricDef,
        row: &MetricRow,
        value: Num,
        ended: &StopRecord,
    ) -> Option<Evidence> {
        if metric.scope != Scope::Run {
            return None;
        }
        if metric.is_of_model() {
            let trained = self.trained_to_the_end(ended.reason);
            return (!trained).then_some(Evidence::Untrained { value });
        }
        if metric.source == Source::ServedPeak {
            return (!self.totals.served.is_over).then_some(Evidence::Unfinished { value });
        }
        let finished = self.totals.finished.as_ref();
        let whole = finished.is_some_and(|finished| !finished.stopped);
        let known = metric.kind == MetricKind::Peak && row.plateaued == Some(true);
        (!whole && !known && ended.reason != StopReason::Trained)
            .then_some(Evidence::Unfinished { value })
    }
}
