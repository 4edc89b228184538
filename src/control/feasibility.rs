//! Whether a run keeps its constraints: what each look makes certain, and the verdict at the end.
//!
//! A bound that holds at all times ([`crate::stats::anytime`]) may be read at every look, so a constraint on a mean, a
//! rate, a gauge or a quantile is *met* or *broken* as soon as the bound is on one side of the limit; as a guard against
//! what no bound knows of, `looks` looks in a row must agree while the stage lasts. Quantities that only grow (peaks,
//! counters) are beyond their limit the moment they pass it, and within it only when what is measured is over. Figures
//! of the model count when it was trained to the end. What cannot be read is undecided, never met.

use super::constraint::{decided, ruling};
use super::evidence;
use super::limit::{Limit, watched};
use super::measure::figure::Doubt;
use super::measure::search;
use super::run::Run;
use super::stage::StageState;
use super::support::why_unsupported;
use crate::event::{
    BarOf, Constraint, Evidence, Feasibility, Finding, MetricRow, Num, Phase, Reach, Ruling,
    RunVerdict, Stage, StopDetail, StopReason, StopRecord,
};
use crate::metric::{MetricDef, MetricId, MetricKind, Scope, Source};

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

    /// The limit on an accuracy that a training cannot reach.
    fn unreachable(&self, reach: &Reach) -> Option<Finding> {
        let mut constraints = self.policy.constraints.iter();
        let limit = constraints.find(|constraint| constraint.metric == reach.metric)?;
        let Reach { most, epochs, budget, .. } = *reach;
        let evidence = Evidence::CannotReach { most, epochs, budget };
        Some(Finding::new(Ruling::Broken, limit, evidence))
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
            StopDetail::OutOfReach { reach, .. } if reach.whose == BarOf::Limit => {
                self.unreachable(reach)
            }
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
        Some(RunVerdict::of(findings))
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
            self.stages_of(metric.scope)
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
        let members = self.totals.members(metric).unwrap_or_default();
        let (figure, sure) = match (metric.kind, metric.source) {
            // The sum over processes counts shared pages twice, and a whole device's memory is also that of others. What a
            // process has that is left alone (a wrapper has started it) is its own.
            _ if members.processes > 1 => (members.alone, true),
            (_, Source::ServedPeak) => (self.totals.served.peak?, true),
            (MetricKind::Peak, _) => {
                (self.totals.peaks.largest(metric.id)?, !self.totals.is_shared(metric))
            }
            (_, Source::CommandTime) => (self.lived_s()?, true),
            (_, Source::Energy(whose)) => (self.energy.so_far(whose, self.taken(None))?, true),
            (_, source) => (self.totals.counter(source)?, true),
        };
        let passed = constraint.op.is_upper() && !constraint.op.holds(figure, constraint.limit);
        (passed && sure).then(|| {
            // As the table has it, where that is no sum.
            let peak = self.totals.largest(metric).filter(|peak| !members.share(Some(*peak)));
            let mut limits = self.policy.constraints.iter().zip(&self.beyond_ns);
            let before = limits.find(|(limit, _)| *limit == constraint);
            let at_ns = before.and_then(|(_, at_ns)| *at_ns).unwrap_or(self.now_ns);
            let age = at_ns.saturating_sub(self.context.started_ns);
            let (value, after_s) = (Num(peak.unwrap_or(figure)), Num(age as f64 * 1e-9));
            Finding::new(Ruling::Broken, constraint, Evidence::Passed { value, after_s })
        })
    }

    /// Remembers when what only grows passed a limit: a run that is not ended for it is judged at its end.
    pub(super) fn watch_limits(&mut self) {
        for at in 0..self.beyond_ns.len() {
            let is_new = self.beyond_ns[at].is_none();
            if is_new && self.passed(&self.policy.constraints[at]).is_some() {
                self.beyond_ns[at] = Some(self.now_ns);
            }
        }
    }

    /// A constraint on a figure that is said once, in each row that has it.
    fn at_end(
        &self,
        constraint: &Constraint,
        rows: &[MetricRow],
        ended: &StopRecord,
    ) -> Vec<Finding> {
        let of_metric = rows.iter().filter(|row| row.metric == constraint.metric);
        let found = of_metric.filter_map(|row| self.kept(constraint, row, ended));
        let found: Vec<Finding> = found.collect();
        if found.is_empty() {
            return vec![Finding::new(Ruling::Open, constraint, Evidence::NoSuchPhase)];
        }
        found
    }

    /// What a figure says of a constraint on it; nothing where its phase serves once more and never began: that is no duty.
    fn kept(
        &self,
        constraint: &Constraint,
        row: &MetricRow,
        ended: &StopRecord,
    ) -> Option<Finding> {
        let metric = constraint.metric.def()?;
        let of = row.phase.parse::<Phase>().ok()?.stage();
        if matches!(of, Stage::Confirm(_)) && self.stage(of).is_none() {
            return None;
        }
        let open = |evidence| Some(Finding::new(Ruling::Open, constraint, evidence));
        if let Some(finding) = self.passed(constraint) {
            return Some(finding);
        }
        let Some(figure) = row.estimate else {
            return match metric.source {
                Source::Target => Some(self.missed(constraint, row, ended)),
                _ => open(Evidence::NoFigure { notes: row.notes.clone(), trained: false }),
            };
        };
        if let (Source::RateSearch, Stage::Serve(size)) = (metric.source, of) {
            return Some(self.rate_ruling(constraint, size));
        }
        let found = self.figure(metric, of, Some(ended));
        let unfinished =
            self.is_unfinished(metric, found.known, ended).then_some(Doubt::Unfinished);
        let mut doubts = unfinished.into_iter().chain(found.doubts);
        let doubt = doubts.find_map(|doubt| doubt.evidence(constraint, figure, &row.notes));
        if let Some(evidence) = doubt {
            return open(evidence);
        }
        let holds = constraint.op.holds(figure, constraint.limit);
        let evidence = Evidence::Figure { value: Num(figure), peak: metric.is_peak() };
        Some(Finding::new(decided(holds), constraint, evidence))
    }

    /// Whether a figure of the whole run may still grow: it broke off before its end.
    fn is_unfinished(&self, metric: &MetricDef, known: bool, ended: &StopRecord) -> bool {
        let says_so =
            metric.is_of_model() || metric.is_final() || metric.source == Source::ServedPeak;
        let known = metric.kind == MetricKind::Peak && known;
        let over = known || self.is_last_word(Some(ended));
        metric.scope == Scope::Run && !says_so && !over
    }

    /// Whether the program came to its own end, or that of its training, so that it has said all that there is.
    pub(super) fn is_last_word(&self, ended: Option<&StopRecord>) -> bool {
        let finished = self.totals.finished.as_ref();
        finished.is_some_and(|finished| !finished.stopped)
            || ended.is_some_and(|ended| ended.reason == StopReason::Trained)
    }

    /// What the interval of a found rate says of a constraint on it, and on which weights: it is not searched for again.
    fn rate_ruling(&self, constraint: &Constraint, size: u32) -> Finding {
        let of = Stage::Serve(size);
        let Some(found) = self.totals.searches.found.get(&size) else {
            return Finding::new(Ruling::Open, constraint, Evidence::NoRate).within(of);
        };
        let bounds = search::bounds(found);
        // Nothing that is served at all is no interval to speak of.
        let shown = Some(bounds).filter(|bounds| bounds.high != Some(0.0)).unwrap_or_default();
        let evidence = Evidence::Rate {
            low: shown.low.map(Num),
            high: shown.high.map(Num),
            confidence: found.confidence.map(Num),
            why: found.why.clone(),
        };
        let finding = Finding::new(ruling(constraint, bounds), constraint, evidence).within(of);
        Finding { weights: self.weights(MetricId::ServeMaxRate.def(), of), ..finding }
    }

    /// A constraint on a highest rate that is broken for certain.
    fn broken_rate(&self) -> Option<Finding> {
        let constraints = self.policy.constraints.iter();
        let on_rate = constraints.filter(|constraint| constraint.metric == MetricId::ServeMaxRate);
        let sizes = self.totals.searches.found.keys();
        let each = on_rate.flat_map(|one| sizes.clone().map(move |size| (one, *size)));
        let mut rulings = each.map(|(constraint, size)| self.rate_ruling(constraint, size));
        rulings.find(|finding| finding.ruling == Ruling::Broken)
    }
}
