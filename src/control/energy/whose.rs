//! What a run works on, and what that makes certain of its energy.

use std::collections::BTreeSet;

use super::figures::{Asked, Figure};
use super::{Energy, key};
use crate::control::constraint::Constraint;
use crate::control::controller::Controller;
use crate::event::{GpuReading, MetricRow, Phase, ResourceSample, Vendor};
use crate::metric::{MetricDef, Scope, Source};

/// What a run mainly works on.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Main {
    Processors,
    Device,
    /// Something whose energy nobody tells: why there is no figure.
    Other(String),
}

/// What ticks say of the accelerators that a run may work on, where it is not said which it does.
#[derive(Debug, Clone, Default)]
pub(super) struct Around {
    /// Devices of which it was told at some tick whether the run works on them.
    told: BTreeSet<String>,
    /// Devices of which it was not told at some tick.
    untold: BTreeSet<String>,
    /// The run holds a TPU.
    tpu: bool,
}

impl Around {
    pub(super) fn push(&mut self, sample: &ResourceSample) {
        let split = |gpu: &GpuReading| {
            let mut all = sample.gpus.iter();
            all.any(|other| !other.parent.is_empty() && other.parent == gpu.device)
        };
        for gpu in sample.gpus.iter().take(super::MOST_PARTS) {
            self.tpu |= gpu.vendor == Vendor::Tpu && gpu.own == Some(true);
            // Of a device that is split its parts tell.
            if gpu.own.is_none() && split(gpu) {
                continue;
            }
            let names = match gpu.own {
                Some(_) => &mut self.told,
                None => &mut self.untold,
            };
            let name = key(gpu);
            if names.len() < super::MOST_PARTS && !names.contains(&name) {
                names.insert(name);
            }
        }
    }

    /// Why it is not known that the run works on the processors alone, if it is not.
    fn doubt(&self) -> Option<String> {
        if self.tpu {
            return Some("nobody tells the energy of the TPU that the run works on".to_owned());
        }
        let device = self.untold.difference(&self.told).next()?;
        Some(format!("nobody tells whether the run works on {device} as well"))
    }
}

impl Controller {
    pub(super) fn main(&self, energy: &Energy) -> Main {
        match &*self.context.device {
            "" | "cpu" => Main::Processors,
            _ if !energy.own.is_empty() => Main::Device,
            device if device.starts_with("cuda") => Main::Device,
            "auto" => energy.around.doubt().map_or(Main::Processors, Main::Other),
            other => Main::Other(format!("nobody tells the energy of `{other}`")),
        }
    }

    /// Why a figure of energy on this side of a limit is not certain to be there, if it is not: one that lacks a part may be
    /// more, and one that has others' in it may be less.
    pub(in crate::control) fn energy_open(
        &self,
        (constraint, metric): (&Constraint, &MetricDef),
        row: &MetricRow,
        holds: bool,
    ) -> Option<String> {
        let Source::Energy(whose) = metric.source else {
            return None;
        };
        let energy = self.whole_energy();
        let asked = if metric.scope == Scope::Run {
            Asked::Run { until_ns: self.now_ns }
        } else {
            let phase: Phase = row.phase.parse().ok()?;
            Asked::Stage(energy.place(phase.stage())?)
        };
        let Figure { lacks, others, .. } = self.energy_of(whose, &energy, asked).ok()?;
        let is = match holds == constraint.op.is_upper() {
            true if lacks => "a lower bound",
            false if others => "an upper bound",
            _ => return None,
        };
        let shown = constraint.shown(row.estimate?);
        Some(format!("{shown} is {is}: {}", row.note))
    }
}
