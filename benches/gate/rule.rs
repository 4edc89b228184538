//! The gate itself: measurements as the sides that a user would hand it, and what it says of them.

use std::collections::BTreeMap;

use perftune::event::fingerprint::Fingerprint;
use perftune::event::record::{Arm, Pairing, RunStatus};
use perftune::gate::{
    Figure, GatePolicy, GateRun, Judgement, RowVerdict, SessionInfo, Side, judge,
};

use super::experiment::{CELLS, ROWS, Run};

pub(crate) const ALPHA: f64 = 0.01;

/// Phase, metric and unit; of the second more is better.
const METRICS: [(&str, &str, &str); 2] =
    [("train", "train.step_latency_p25", "s"), ("train", "train.throughput_p75", "samples/s")];

/// Arrangements of a single stored session, which cannot fail whatever they are.
const FEW: u32 = 1999;

#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Verdict {
    Regressed,
    Suspect,
    Improved,
    Pass,
    Inconclusive,
}

/// What is said of a cell's metric. Effects are in log units, more is worse.
#[derive(Clone, Copy)]
pub(crate) struct Row {
    pub(crate) verdict: Verdict,
    pub(crate) effect: f64,
    /// In the direction of the effect.
    pub(crate) p: f64,
    pub(crate) low: f64,
    pub(crate) high: f64,
}

fn cell_name(cell: usize) -> String {
    format!("cell-{cell:02}")
}

fn figures(values: [f64; 2]) -> Vec<Figure> {
    let figure = |at: usize| {
        let (phase, metric, unit) = METRICS[at];
        let turned = if at == 0 { values[at] } else { -values[at] };
        Figure {
            phase: phase.to_owned(),
            metric: metric.into(),
            unit: unit.to_owned(),
            value: Some(turned.exp()),
            samples: Some(500),
            note: String::new(),
            of_worker: false,
            unsaid: false,
        }
    };
    vec![figure(0), figure(1)]
}

fn side(name: &str, sessions: &[String], runs: Vec<GateRun>) -> Side {
    let machine: BTreeMap<String, String> =
        [("arch", "any"), ("cpu.model", "any"), ("cpu.cores", "1")]
            .map(|(field, value)| (field.to_owned(), value.to_owned()))
            .into();
    let session = |(at, id): (usize, &String)| SessionInfo {
        id: id.clone(),
        created: format!("2026-01-{:02}T12:00:00Z", at + 1),
        fingerprint: Some(Fingerprint { hard: machine.clone(), soft: BTreeMap::new() }),
    };
    Side {
        name: name.to_owned(),
        sessions: sessions.iter().enumerate().map(session).collect(),
        cells: (0..CELLS).map(cell_name).collect(),
        runs,
    }
}

fn gate_run(cell: usize, repeat: u32, session: &str, values: [f64; 2]) -> GateRun {
    GateRun {
        run: format!("{session}-{}-{repeat}", cell_name(cell)),
        cell: cell_name(cell),
        repeat,
        session: session.to_owned(),
        pairing: None,
        status: Some(RunStatus::Completed),
        why: String::new(),
        settings: std::collections::BTreeMap::new(),
        figures: figures(values),
    }
}

/// What `judge` says, row `2 * cell + metric`.
fn rows((baseline, candidate): (&Side, &Side), policy: &GatePolicy) -> Vec<Row> {
    let judgement: Judgement = judge(baseline, candidate, policy).unwrap();
    assert_eq!(judgement.rows.len(), ROWS);
    let mut rows = vec![None; ROWS];
    for row in &judgement.rows {
        let cell: usize = row.cell.strip_prefix("cell-").unwrap().parse().unwrap();
        let metric = usize::from(row.metric != METRICS[0].1);
        let turned = |change: Option<f64>, unknown: f64| {
            let log = change.map_or(f64::NAN, f64::ln_1p);
            let worse = if metric == 0 { log } else { -log };
            if worse.is_nan() { unknown } else { worse }
        };
        let (low, high) = if metric == 0 { (row.low, row.high) } else { (row.high, row.low) };
        rows[2 * cell + metric] = Some(Row {
            verdict: match row.verdict {
                RowVerdict::Regressed => Verdict::Regressed,
                RowVerdict::Suspect => Verdict::Suspect,
                RowVerdict::Improved => Verdict::Improved,
                RowVerdict::Pass => Verdict::Pass,
                RowVerdict::Inconclusive => Verdict::Inconclusive,
                other => panic!("{other}: {:?}", row.why),
            },
            effect: turned(row.change, 0.0),
            p: row.p.unwrap_or(1.0),
            low: turned(low, f64::NEG_INFINITY),
            high: turned(high, f64::INFINITY),
        });
    }
    rows.into_iter().map(Option::unwrap).collect()
}

/// Interleaved arms.
pub(crate) fn interleaved(runs: &[Run], floor: f64) -> Vec<Row> {
    let session = "turns".to_owned();
    let arm = |candidate: bool| {
        let runs = runs.iter().filter(|run| run.candidate == candidate);
        let runs = runs.map(|run| {
            let repeat = (4 * run.block + run.position + 1) as u32;
            GateRun {
                pairing: Some(Pairing {
                    session: session.clone(),
                    arm: if candidate { Arm::Candidate } else { Arm::Baseline },
                    block: run.block as u32 + 1,
                    position: run.position as u32,
                }),
                ..gate_run(run.cell, repeat, &session, run.values)
            }
        });
        let name = if candidate { "candidate" } else { "baseline" };
        side(name, std::slice::from_ref(&session), runs.collect())
    };
    let policy = GatePolicy { floor, ..GatePolicy::default() };
    rows((&arm(false), &arm(true)), &policy)
}

/// Runs of one session, `[cell][repeat]`.
pub(crate) type Session = Vec<Vec<[f64; 2]>>;

/// Stored sessions, one or several, and a new one.
pub(crate) fn stored(sessions: &[Session], new: &Session, floor: f64) -> Vec<Row> {
    let of = |name: &str, sessions: &[Session]| {
        let ids: Vec<String> = (0..sessions.len()).map(|at| format!("{name}-{at}")).collect();
        let runs = sessions.iter().zip(&ids).flat_map(|(session, id)| {
            session.iter().enumerate().flat_map(move |(cell, repeats)| {
                let run = move |(at, values): (usize, &[f64; 2])| {
                    gate_run(cell, at as u32 + 1, id, *values)
                };
                repeats.iter().enumerate().map(run)
            })
        });
        side(name, &ids, runs.collect())
    };
    let policy = GatePolicy {
        floor,
        draws: if sessions.len() == 1 { FEW } else { 19_999 },
        ..GatePolicy::default()
    };
    let new = of("new", std::slice::from_ref(new));
    rows((&of("stored", sessions), &new), &policy)
}
