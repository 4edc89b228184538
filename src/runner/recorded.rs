//! A visit that is looked up in a recorded table: no process, no sampler, and no time but that which the table says it took.
//!
//! Invariant: a record of one names the table in its job, and each of its rows says that it was not measured.

use std::collections::BTreeMap;

use super::RunSpec;
use crate::event::{
    Constraint, Evidence, Failure, FailureKind, Finding, MetricRow, Note, Num, RowFields, Ruling,
    RunRecord, RunStatus, RunVerdict, StopDetail, StopReason, StopRecord,
};
use crate::recorded::{Answer, Visit};

/// The time that the visits to recorded tables took when they were recorded, of a budget.
#[derive(Debug, Clone, Copy, Default)]
pub struct VirtualTime {
    /// What is left of the budget, in seconds; absent: there is none.
    pub left_s: Option<f64>,
    /// Whether a visit has needed more than was left.
    pub over: bool,
}

impl VirtualTime {
    /// Takes the time of a visit; false where that is more than is left, all of which is then used.
    fn spend(&mut self, cost_s: f64) -> bool {
        let Some(left_s) = self.left_s else { return true };
        self.over |= cost_s > left_s;
        self.left_s = Some((left_s - cost_s).max(0.0));
        !self.over
    }
}

/// What the table says of this run.
pub(super) fn look_up(spec: &RunSpec, answer: &Answer, time: &mut VirtualTime) -> RunRecord {
    let visit = answer.visit(spec.job.seed);
    let left_s = time.left_s.unwrap_or(f64::INFINITY);
    let mut record = record(spec, answer, visit);
    if !time.spend(visit.cost_s()) {
        // As a real one that is in flight when the budget is over.
        record.status = RunStatus::Cancelled;
        record.stop = StopRecord { reason: StopReason::Cancelled, detail: StopDetail::ByUser };
        (record.wall_s, record.metrics) = (left_s, Vec::new());
    } else if visit.failed() {
        let message = format!("{} has no figure of seed {}", answer.table.name, visit.seed);
        record.status = RunStatus::Failed;
        let detail = StopDetail::Failed { message: message.clone() };
        record.stop = StopRecord { reason: StopReason::Failed, detail };
        record.failure = Some(Failure {
            kind: FailureKind::Reported,
            message,
            phase: None,
            exit_code: None,
            signal: None,
            stderr_tail: String::new(),
        });
    }
    record.verdict = verdict(spec, &record);
    record
}

/// That of a visit that came to its end.
fn record(spec: &RunSpec, answer: &Answer, visit: Visit<'_>) -> RunRecord {
    let table = answer.table.name.clone();
    RunRecord {
        run: spec.run.clone(),
        cell: spec.cell.clone(),
        repeat: spec.repeat,
        job: (*spec.job).clone(),
        status: RunStatus::Completed,
        stop: StopRecord {
            reason: StopReason::Completed,
            detail: StopDetail::Recorded { table, seed: visit.seed },
        },
        wall_s: visit.cost_s(),
        epochs: 0,
        trained: false,
        metrics: rows(spec, visit),
        left_out: Vec::new(),
        warnings: Vec::new(),
        facts: BTreeMap::new(),
        failure: None,
        verdict: None,
        limits: spec.limits.clone(),
        saved_s_at_least: None,
        lane: spec.lane.clone(),
        interference: None,
        machine: None,
        pairing: spec.pairing.clone(),
    }
}

fn rows(spec: &RunSpec, visit: Visit<'_>) -> Vec<MetricRow> {
    let row = |(figure, estimate): (&crate::recorded::FigureColumn, Option<f64>)| {
        let fields = RowFields {
            phase: figure.phase.clone(),
            metric: figure.metric.clone(),
            unit: figure.unit,
            estimate,
            low: None,
            high: None,
            confidence: None,
            samples: 1,
            known: spec.stop.metrics.contains(&figure.metric).then_some(estimate.is_some()),
            notes: vec![if estimate.is_some() { Note::Recorded } else { Note::NotRecorded }],
        };
        fields.into()
    };
    visit.figures().map(row).collect()
}

fn verdict(spec: &RunSpec, record: &RunRecord) -> Option<RunVerdict> {
    let constraints = &spec.stop.constraints;
    let reason = record.stop.reason;
    // What was not looked up says nothing of any limit.
    let seen = constraints.iter().filter(|_| reason != StopReason::Cancelled);
    let of = |constraint: &Constraint| {
        let rows = record.metrics.iter().filter(|row| row.metric == constraint.metric);
        let found: Vec<Finding> = rows.map(|row| finding(constraint, row)).collect();
        if found.is_empty() {
            let evidence = Evidence::NoFigure { notes: vec![Note::NotRecorded], trained: false };
            return vec![Finding::new(Ruling::Open, constraint, evidence)];
        }
        found
    };
    let mut findings: Vec<Finding> = seen.flat_map(of).collect();
    if reason != StopReason::Completed {
        findings.push(Finding::of_run(Ruling::Open, Evidence::BrokeOff { reason }));
    }
    (!constraints.is_empty()).then(|| RunVerdict::of(findings))
}

fn finding(constraint: &Constraint, row: &MetricRow) -> Finding {
    let (ruling, evidence) = match row.estimate {
        Some(value) => (
            if constraint.op.holds(value, constraint.limit) { Ruling::Met } else { Ruling::Broken },
            Evidence::Figure { value: Num(value), peak: false },
        ),
        None => (Ruling::Open, Evidence::NoFigure { notes: row.notes.clone(), trained: false }),
    };
    Finding::new(ruling, constraint, evidence)
}
