//! What is compared: the runs of one side with their figures, whatever they were read from.

use std::collections::BTreeMap;

use crate::event::fingerprint::Fingerprint;
use crate::event::record::{Pairing, RunStatus};
use crate::metric::MetricName;

/// One side of a comparison.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Side {
    /// What people call it: the path that it was read from.
    pub name: String,
    /// The sessions that its runs are of.
    pub sessions: Vec<SessionInfo>,
    /// The cells that were planned, with runs or without.
    pub cells: Vec<String>,
    /// Its runs, in any order.
    pub runs: Vec<GateRun>,
}

/// One go at a grid: one process of perftune on one machine.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct SessionInfo {
    /// Unique; what [`GateRun::session`] names.
    pub id: String,
    /// When it began (RFC 3339); empty: not known.
    pub created: String,
    /// What it ran on; absent: not known.
    pub fingerprint: Option<Fingerprint>,
}

/// One run: the unit of every judgement, whatever the number of its samples.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct GateRun {
    /// Its name, unique within its session.
    pub run: String,
    /// The cell that it repeats.
    pub cell: String,
    /// Which repeat, from 1.
    pub repeat: u32,
    /// Its session's id.
    pub session: String,
    /// Its place in an interleaved comparison; absent where it is part of none.
    pub pairing: Option<Pairing>,
    /// How it ended; absent: the source does not tell.
    pub status: Option<RunStatus>,
    /// Why it ended like that, for people; may be empty.
    pub why: String,
    /// What it was told, by the keys of [`AxisList::setting_keys`](crate::event::AxisList::setting_keys); empty: the source does not tell.
    pub settings: BTreeMap<String, String>,
    /// Its figures, in any order.
    pub figures: Vec<Figure>,
}

/// One figure of one run.
#[derive(Debug, Clone, PartialEq)]
pub struct Figure {
    /// The stage as displayed (`train`, `serve[1]`), or `run`.
    pub phase: String,
    /// What it is of.
    pub metric: MetricName,
    /// The unit of the value: the metric's base unit or a multiple of it (`ms`), the same on both sides.
    pub unit: String,
    /// The estimate; absent: not measured.
    pub value: Option<f64>,
    /// Steps, requests, windows or ticks that it rests on; absent: the source does not tell.
    pub samples: Option<u64>,
    /// What a reader must know: why it is missing, for one.
    pub note: String,
    /// Only the worker knows it.
    pub of_worker: bool,
    /// The worker said no value of it, although it could have.
    pub unsaid: bool,
}

/// The phase and the metric of a figure.
pub(super) type FigureKey<'a> = (&'a str, &'a MetricName);

/// A run and its figures by phase and metric.
pub(super) struct IndexedRun<'a> {
    pub(super) run: &'a GateRun,
    pub(super) figures: BTreeMap<FigureKey<'a>, &'a Figure>,
}
