//! Sides of known truth, and what the gate says of them.

mod designs;
mod invariance;
mod rows;
mod tampered;

use std::collections::BTreeMap;

use super::*;
use crate::event::fingerprint::Fingerprint;
use crate::event::record::{Arm, Pairing, RunStatus};
use crate::metric::MetricName;
use crate::stats::testing::Noise;

/// Phase, metric, unit and size of the figures that every run has.
pub(super) const METRICS: &[(&str, &str, &str, f64)] = &[
    ("train", "train.step_latency_p25", "s", 0.010),
    ("train", "train.step_latency_p50", "s", 0.011),
    ("train", "train.throughput", "samples/s", 3100.0),
    ("serve[1]", "serve.throughput_p75", "samples/s", 900.0),
    ("run", "memory.peak", "bytes", 3e8),
];

/// The gated ones of [`METRICS`].
pub(super) const GATED: usize = 4;

pub(super) const P25: &str = "train.step_latency_p25";
pub(super) const P50: &str = "train.step_latency_p50";
pub(super) const RATE: &str = "serve.throughput_p75";
pub(super) const PEAK: &str = "memory.peak";
/// The one of [`METRICS`] that is not gated.
pub(super) const TOLD: &str = "train.throughput";

/// What the figure of a cell's metric is multiplied by.
pub(super) type Effect<'a> = &'a dyn Fn(&str, &str) -> f64;

pub(super) fn none(_: &str, _: &str) -> f64 {
    1.0
}

/// Multiplies one metric of one cell.
pub(super) fn only(
    cell: &'static str,
    metric: &'static str,
    by: f64,
) -> impl Fn(&str, &str) -> f64 {
    move |c, m| if c == cell && m == metric { by } else { 1.0 }
}

/// Multiplies durations and divides rates.
pub(super) fn slower(by: f64) -> impl Fn(&str, &str) -> f64 {
    move |_, metric| match metric {
        PEAK => 1.0,
        _ if metric.contains("throughput") => 1.0 / by,
        _ => by,
    }
}

pub(super) fn machine(model: &str) -> Fingerprint {
    let hard =
        [("arch", "x86_64"), ("cpu.cores", "8"), ("cpu.model", model), ("libtorch", "2.11.0")];
    let soft = [("kernel", "6.1")];
    let map = |fields: &[(&str, &str)]| -> BTreeMap<String, String> {
        let owned = |(a, b): &(&str, &str)| ((*a).to_owned(), (*b).to_owned());
        fields.iter().map(owned).collect()
    };
    Fingerprint { hard: map(&hard), soft: map(&soft) }
}

/// Runs with noise, all of one seed.
pub(super) struct Lab {
    pub(super) noise: Noise,
    pub(super) cv: f64,
    pub(super) cells: Vec<String>,
}

impl Lab {
    pub(super) fn new(seed: u64, cv: f64) -> Self {
        Self { noise: Noise::new(seed), cv, cells: vec!["mlp".into(), "rnn".into()] }
    }

    pub(super) fn run(
        &mut self,
        cell: &str,
        (session, repeat): (&str, u32),
        effect: Effect<'_>,
    ) -> GateRun {
        let figures = METRICS.iter().map(|(phase, metric, unit, size)| {
            let factor = effect(cell, metric) * (self.cv * self.noise.normal()).exp();
            Figure {
                phase: (*phase).to_owned(),
                metric: (*metric).into(),
                unit: (*unit).to_owned(),
                value: Some(size * factor),
                samples: Some(500),
                note: String::new(),
                of_worker: false,
                unsaid: false,
            }
        });
        GateRun {
            run: format!("{cell}-r{repeat}"),
            cell: cell.to_owned(),
            repeat,
            session: session.to_owned(),
            pairing: None,
            status: Some(RunStatus::Completed),
            why: String::new(),
            settings: BTreeMap::new(),
            figures: figures.collect(),
        }
    }

    /// One session.
    pub(super) fn session(&mut self, name: &str, repeats: u32, effect: Effect<'_>) -> Side {
        let mut runs = Vec::new();
        for cell in self.cells.clone() {
            for repeat in 1..=repeats {
                runs.push(self.run(&cell, (name, repeat), effect));
            }
        }
        Side {
            name: name.to_owned(),
            sessions: vec![SessionInfo {
                id: name.to_owned(),
                created: "2026-03-01T10:00:00Z".to_owned(),
                fingerprint: Some(machine("A")),
            }],
            cells: self.cells.clone(),
            runs,
        }
    }

    /// Several sessions of one build, each with its own level.
    pub(super) fn stored(&mut self, sessions: u32, repeats: u32, level_cv: f64) -> Side {
        let mut all = Side { name: "stored".to_owned(), ..Side::default() };
        for day in 1..=sessions {
            let level = (level_cv * self.noise.normal()).exp();
            let effect = slower(level);
            let mut one = self.session(&format!("s{day:02}"), repeats, &effect);
            one.sessions[0].created = format!("2026-03-{day:02}T10:00:00Z");
            all.sessions.append(&mut one.sessions);
            all.runs.append(&mut one.runs);
            all.cells = one.cells;
        }
        all
    }

    /// Both arms in turns.
    pub(super) fn paired(&mut self, blocks: u32, effect: Effect<'_>) -> (Side, Side) {
        let mut sides = [Arm::Baseline, Arm::Candidate].map(|arm| {
            let name = match arm {
                Arm::Baseline => "out/baseline",
                Arm::Candidate => "out/candidate",
            };
            let mut side = self.session(name, 0, &none);
            side.name = name.to_owned();
            (arm, side)
        });
        for block in 1..=blocks {
            for cell in self.cells.clone() {
                let first = usize::from(self.noise.uniform() < 0.5);
                for (position, arm) in (0..).zip([first, 1 - first, 1 - first, first]) {
                    let (arm, side) = &mut sides[arm];
                    let effect: Effect<'_> = if *arm == Arm::Candidate { effect } else { &none };
                    let repeat = 2 * block - u32::from(position < 2);
                    let name = side.sessions[0].id.clone();
                    let mut run = self.run(&cell, (&name, repeat), effect);
                    run.pairing =
                        Some(Pairing { session: "x1".to_owned(), arm: *arm, block, position });
                    side.runs.push(run);
                }
            }
        }
        let [(_, baseline), (_, candidate)] = sides;
        (baseline, candidate)
    }
}

pub(super) fn judged(baseline: &Side, candidate: &Side) -> Judgement {
    judge(baseline, candidate, &GatePolicy::default()).unwrap()
}

pub(super) fn row<'a>(judgement: &'a Judgement, cell: &str, metric: &str) -> &'a Row {
    let mut rows = judgement.rows.iter();
    let found = rows.find(|row| row.cell == cell && row.metric == metric);
    found.unwrap_or_else(|| panic!("no {cell} {metric} in {:#?}", judgement.rows))
}

pub(super) fn verdicts(
    judgement: &Judgement,
) -> BTreeMap<(String, String, MetricName), RowVerdict> {
    let rows = judgement.rows.iter();
    rows.map(|row| {
        let name = (row.cell.clone(), row.phase.clone(), row.metric.clone());
        (name, row.verdict)
    })
    .collect()
}

pub(super) fn count(judgement: &Judgement, verdict: RowVerdict) -> usize {
    let rows = judgement.rows.iter();
    rows.filter(|row| row.verdict == verdict).count()
}

/// Both exit codes: without and with `--on-inconclusive=fail`.
pub(super) fn exits(judgement: &Judgement) -> (u8, u8) {
    (judgement.exit_code(false), judgement.exit_code(true))
}

/// Reasons as documents have them.
pub(super) fn said(reasons: &impl serde::Serialize) -> String {
    serde_json::to_string(reasons).unwrap()
}

/// Whether one of the notes says this in the document.
pub(super) fn has_note(judgement: &Judgement, says: &str) -> bool {
    judgement.notes.iter().any(|note| said(note).contains(says))
}

/// Every figure of this metric.
pub(super) fn figures<'a>(
    side: &'a mut Side,
    metric: &'a str,
) -> impl Iterator<Item = &'a mut Figure> {
    let figures = side.runs.iter_mut().flat_map(|run| &mut run.figures);
    figures.filter(move |figure| figure.metric == metric)
}
