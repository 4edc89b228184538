//! Hand-made judgements.

use crate::event::fingerprint::FingerprintDifference;
use crate::event::{Arm, RunStatus};
use crate::gate::{
    Coverage, Design, FORMAT, GateNote, Judgement, Outcome, Role, Row, RowReason, RowVerdict,
    WHOLE_CELL,
};
use crate::metric::Better;

/// A row of this verdict with figures that fit it.
pub(crate) fn row(verdict: RowVerdict, cell: &str, (phase, metric): (&str, &str)) -> Row {
    let lower = !metric.contains("throughput");
    let unit = match metric {
        "memory.peak" => "bytes",
        _ if lower => "s",
        _ => "samples/s",
    };
    let base = match unit {
        "bytes" => 2e8,
        "s" => 0.001,
        _ => 50_000.0,
    };
    let change = worsening(verdict).map(|change| if lower { change } else { -change });
    let mut row = Row {
        cell: cell.to_owned(),
        phase: phase.to_owned(),
        metric: metric.into(),
        unit: unit.to_owned(),
        direction: Some(if lower { Better::Lower } else { Better::Higher }),
        role: Role::Gate,
        verdict,
        baseline: Some(base),
        candidate: change.map(|change| base * (1.0 + change)),
        change,
        low: change.map(|change| change - 0.03),
        high: change.map(|change| change + 0.03),
        p: change.map(|_| 0.003_4),
        floor: 0.05,
        detectable: None,
        runs_needed: None,
        baseline_runs: 10,
        candidate_runs: 10,
        why: Vec::new(),
    };
    match verdict {
        RowVerdict::Inconclusive => {
            (row.detectable, row.runs_needed) = (Some(0.081), Some(14));
            row.why = vec![
                RowReason::Open { floor: row.floor, alone: false },
                RowReason::Detectable { share: row.detectable },
                RowReason::MoreRuns { least: 8, most: Some(31) },
            ];
        }
        RowVerdict::Missing => row.why.push(RowReason::NotRun),
        RowVerdict::Failed => {
            row.why.push(RowReason::RunFailed {
                side: Arm::Candidate,
                run: format!("{cell}-r2"),
                status: Some(RunStatus::Failed),
                why: "killed in train: out of memory".to_owned(),
                more: 0,
            });
        }
        RowVerdict::Info => row.role = Role::Info,
        RowVerdict::New => row.baseline = None,
        _ => {}
    }
    row
}

fn worsening(verdict: RowVerdict) -> Option<f64> {
    match verdict {
        RowVerdict::Regressed => Some(0.121),
        RowVerdict::Suspect => Some(0.252),
        RowVerdict::Improved => Some(-0.098),
        RowVerdict::Inconclusive => Some(0.03),
        RowVerdict::Pass | RowVerdict::Info => Some(0.004),
        _ => None,
    }
}

/// A judgement of these rows, which are sorted as the gate does.
pub(crate) fn of(mut rows: Vec<Row>) -> Judgement {
    rows.sort_by_key(|row| row.verdict);
    Judgement {
        format: FORMAT.to_owned(),
        baseline: "results/main".to_owned(),
        candidate: "results/pr".to_owned(),
        design: Design::Paired { sessions: 1, blocks: 10 },
        full_verdicts: true,
        alpha: 0.01,
        p_min: 0.000_98,
        coverage: Coverage::of(&rows),
        outcome: Outcome::of(&rows),
        rows,
        environment: Vec::new(),
        notes: Vec::new(),
    }
}

/// One row of each of these verdicts.
pub(crate) fn with(verdicts: &[RowVerdict]) -> Judgement {
    let rows = verdicts.iter().map(|verdict| {
        let figure = ("train", "train.step_latency_p25");
        row(*verdict, &format!("mlp-{verdict}"), figure)
    });
    of(rows.collect())
}

/// All that can be said of a row at once.
pub(crate) fn mixed() -> Judgement {
    use RowVerdict::{
        Failed, Improved, Inconclusive, Info, Missing, New, Pass, Regressed, Suspect,
    };
    let mut whole = row(Missing, "cnn-satellite", (WHOLE_CELL, WHOLE_CELL));
    (whole.baseline, whole.unit) = (None, String::new());
    let mut judgement = of(vec![
        row(Regressed, "mlp-digits", ("train", "train.step_latency_p25")),
        row(Regressed, "mlp-digits", ("serve[32]", "serve.throughput_p75")),
        row(Suspect, "mlp-satellite", ("serve[1]", "serve.latency_p25")),
        whole,
        row(Failed, "resnet-digits", ("run", "memory.peak")),
        row(Inconclusive, "cnn-digits", ("serve[1]", "serve.latency_p50")),
        row(Improved, "cnn-digits", ("train", "train.throughput_p75")),
        row(New, "mlp-new", ("train", "train.step_latency_p25")),
        row(Pass, "cnn-digits", ("train", "train.step_latency_p25")),
        row(Pass, "cnn-digits", ("run", "memory.peak")),
        row(Info, "cnn-digits", ("train", "train.step_latency_p99")),
    ]);
    judgement.environment.push(difference("system.kernel", false));
    judgement.notes.push(GateNote::EndedEarly { blocks: 7, of: 10 });
    judgement
}

/// Where the two environments differ.
pub(crate) fn difference(field: &str, hard: bool) -> FingerprintDifference {
    FingerprintDifference {
        field: field.to_owned(),
        baseline: "6.1".to_owned(),
        candidate: "6.8".to_owned(),
        hard,
    }
}
