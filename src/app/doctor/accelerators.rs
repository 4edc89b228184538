//! What the accelerators tell and what they do not.
//!
//! Reading them is left to `sampler`. Invariant: what a device does not tell stands there with its reason.

use serde::Serialize;

use super::fact::Fact;
use crate::event::{GapKind, Reason};
use crate::sampler::AcceleratorReading;

/// An accelerator.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Accelerator {
    /// As the columns of `samples.csv` name it. A grid's `cuda:N` counts in CUDA's order, which may be another.
    pub device: String,
    /// The product.
    pub name: String,
    /// Its memory in bytes, if the driver tells.
    pub memory_bytes: Option<u64>,
    /// What identifies it, if the driver tells.
    pub uuid: Option<String>,
    /// Its place on the bus, if the driver tells.
    pub pci: Option<String>,
    /// Of a part of a device (MIG): the id of the whole.
    pub parent: Option<String>,
    /// The driver's version, if it tells.
    pub driver: Option<String>,
    /// What it tells, for people.
    pub tells: Vec<String>,
    /// What it does not tell: what, and why.
    pub lacks: Vec<(String, String)>,
}

impl From<AcceleratorReading> for Accelerator {
    fn from(sight: AcceleratorReading) -> Self {
        let (tells, lacks) = told(&sight);
        let described = sight.accelerator;
        Self {
            device: format!("gpu{}", described.index),
            name: described.name,
            memory_bytes: described.memory_bytes,
            uuid: described.uuid,
            pci: described.pci,
            parent: described.parent,
            driver: described.driver,
            tells,
            lacks,
        }
    }
}

/// The devices, or why there are none.
pub(super) fn found(sights: Result<Vec<AcceleratorReading>, Reason>) -> Fact<Vec<Accelerator>> {
    match sights {
        Ok(sights) => Fact::Value(sights.into_iter().map(Accelerator::from).collect()),
        Err(why) => Fact::Unsupported(why.detail),
    }
}

fn told(sight: &AcceleratorReading) -> (Vec<String>, Vec<(String, String)>) {
    let reading = &sight.reading;
    let reason = |field: &str| {
        let gap = sight.gaps.iter().find(|gap| gap.field == field);
        gap.map(|gap| &gap.reason)
    };
    let why = |field: &str| reason(field).map_or_else(String::new, |why| why.detail.clone());
    let (mut tells, mut lacks) = (Vec::new(), Vec::new());
    let mut row = |what: &str, field: &str, there: bool| {
        if there {
            tells.push(what.to_owned());
        } else {
            lacks.push((what.to_owned(), why(field)));
        }
    };
    let there = reading.utilisation_percent.is_some();
    row("utilisation", "utilisation_percent", there);
    match &sight.whole_only {
        None => row("memory of the run's own processes", "own", true),
        Some(_) if reading.memory_bytes.is_some() => {
            row("memory of the whole device", "memory_bytes", true);
            row("memory of the run's own processes", "own", false);
        }
        Some(_) => row("memory", "memory_bytes", false),
    }
    // That there is no sample is what an idle device says; this very process never works on it.
    let shares = reason("own_utilisation_percent");
    let idle = shares.is_none_or(|why| why.kind == GapKind::NoSample);
    row("utilisation of the run's own processes", "own_utilisation_percent", idle);
    row("power", "power_watts", reading.power_watts.is_some());
    match (reading.energy_mj, reading.power_watts) {
        (Some(_), _) => row("energy by its counter", "energy_mj", true),
        (None, Some(_)) => {
            row("energy by integrated power only", "energy_mj", true);
            row("energy counter", "energy_mj", false);
        }
        (None, None) => row("energy", "energy_mj", false),
    }
    row("clocks", "clock_mhz", reading.clock_mhz.is_some());
    row("throttle reasons", "throttle", reading.throttle.is_some());
    let (received, sent) = (reading.pcie_rx_bytes_s, reading.pcie_tx_bytes_s);
    let field = received.map_or("pcie_rx_bytes_s", |_| "pcie_tx_bytes_s");
    row("PCIe traffic", field, received.and(sent).is_some());
    row(
        "activity of SMs, tensor cores and memory",
        "sm_active_percent",
        reading.sm_active_percent.is_some(),
    );
    (tells, lacks)
}

#[cfg(test)]
pub(crate) mod examples {
    use super::*;
    use crate::event::{Gap, GpuReading};
    use crate::sampler;

    fn sight() -> AcceleratorReading {
        AcceleratorReading {
            accelerator: sampler::Accelerator {
                index: 1,
                name: "NVIDIA H200".to_owned(),
                uuid: Some("GPU-8d6f5fd1-0000-4000-8000-000000000000".to_owned()),
                memory_bytes: Some(150_000_000_000),
                driver: Some("570.1".to_owned()),
                ..sampler::Accelerator::default()
            },
            reading: GpuReading {
                own: Some(false),
                utilisation_percent: Some(0.0),
                memory_bytes: Some(0),
                power_watts: Some(70.0),
                energy_mj: Some(1),
                clock_mhz: Some(345),
                throttle: Some(Vec::new()),
                pcie_rx_bytes_s: Some(0),
                pcie_tx_bytes_s: Some(0),
                sm_active_percent: Some(0.0),
                ..GpuReading::default()
            },
            gaps: vec![Gap {
                field: "own_utilisation_percent".to_owned(),
                reason: Reason::new(
                    GapKind::NoSample,
                    "the driver has no sample of the run's processes",
                ),
            }],
            whole_only: None,
        }
    }

    /// A device that tells everything.
    pub(crate) fn rich() -> Accelerator {
        sight().into()
    }

    /// One that tells little, for several reasons.
    pub(crate) fn poor() -> Accelerator {
        let mut poor = sight();
        poor.reading =
            GpuReading { memory_bytes: Some(5), power_watts: Some(70.0), ..GpuReading::default() };
        poor.whole_only = Some("a container".into());
        let gap = |field: &str, reason: &str| Gap {
            field: field.to_owned(),
            reason: Reason::unsupported(reason),
        };
        poor.gaps = vec![
            gap("own", "a container"),
            gap("own_utilisation_percent", "a container"),
            gap("utilisation_percent", "too old"),
            gap("energy_mj", "too old"),
            gap("clock_mhz", "too old"),
            gap("throttle", "too old"),
            gap("pcie_rx_bytes_s", "too old"),
            gap("sm_active_percent", "too old"),
        ];
        poor.into()
    }

    /// A part of a device.
    pub(crate) fn part() -> Accelerator {
        let mut part = sight();
        part.accelerator.parent = Some("GPU-1234-5-6".to_owned());
        part.accelerator.uuid = Some("MIG-77-8-9".to_owned());
        part.into()
    }
}
